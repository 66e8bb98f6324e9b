"""What the bot needs, looked at for `tls-audit doctor`. What an engine needs, it checks itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bot import bootstrap
from bot.digests.report import name
from bot.digests.routing import FINDINGS_NAMED
from bot.engines import ENGINES, Check
from bot.errors import BotError
from bot.question import accounts, owners_file, views
from bot.store.database import Database
from bot.store.digests import Digests
from bot.text import literal
from bot.wording import counted, first_of
from handlers import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bot.settings import Settings

NAMES_SHOWN: Final = 3
"""Names of accounts that a check shows."""


def run(settings: Settings) -> Iterator[Check]:
    """Everything the bot needs, one after the other, whatever is wrong with one of them."""
    parts: list[Callable[[Settings], Iterable[Check]]] = [_slack, _views, _accounts, _database, _owners]
    parts += [partial(_engine, name) for name in ENGINES]
    for part in parts:
        try:
            yield from part(settings)
        except BotError as error:
            yield Check(error.in_full, False, error.hint or "Mend it, then run this again.")


def _slack(settings: Settings) -> Iterator[Check]:
    bot_token = settings.slack_bot_token.get_secret_value()
    app_token = settings.slack_app_token.get_secret_value()
    client = connection.connect(bot_token, settings.slack_api_url)
    for what, passed, mend in connection.check(client, app_token):
        yield Check(what, passed, mend)


def _views(settings: Settings) -> Iterator[Check]:
    yield Check(f"{len(views.load(settings.views))} views", passed=True)


def _accounts(settings: Settings) -> Iterator[Check]:
    named = accounts.read(settings.accounts)
    if settings.accounts is None:
        return
    if doubled := accounts.doubled(named):
        names = first_of([f"`{literal(name)}`" for name in doubled], NAMES_SHOWN)
        yield Check(f"more than one account is called {names}", True, "Questions name them by number.", True)
    yield Check(f"{counted(len(named.names), 'account')} named by {settings.accounts}", passed=True)


def _database(settings: Settings) -> Iterator[Check]:
    bootstrap.replica_lock(settings.data).close()
    database = Database(settings.database)
    database.close()
    yield Check(f"runs are kept in {database.label}", passed=True)


def _owners(settings: Settings) -> Iterator[Check]:
    if settings.owners is None:
        return
    owners = owners_file.load(settings.owners)
    rules, teams = counted(len(owners.rules), "rule"), counted(len(owners.teams), "team")
    yield Check(f"{rules} for {teams} in {settings.owners}", passed=True)
    database = Database(settings.database)
    try:
        digests = Digests(database)
        found = {finding.id: finding for one in digests.all() for finding in digests.findings(one.id)}
    finally:
        database.close()
    unknown = [
        literal(name(each))
        for each in found.values()
        if each.resolved is None and owners.of(each.principal, each.client) is None
    ]
    if unknown:
        named = first_of(sorted(set(unknown)), FINDINGS_NAMED)
        yield Check(
            f"{counted(len(unknown), 'finding')} of digests without a known owner: {named}",
            passed=True,
            mend="Add rows to TLS_AUDIT_OWNERS. `owner=none` asks for what nobody owns.",
            warns=True,
        )


def _engine(name: str, settings: Settings) -> Iterable[Check]:
    engine = bootstrap.engine(settings, name, bootstrap.archive(settings))
    return engine.checks(is_default=name == settings.engine)
