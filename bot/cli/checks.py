"""What the bot needs, looked at for `tls-audit doctor`. What an engine needs, it checks itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bot import bootstrap
from bot.engines import ENGINES, Check
from bot.errors import BotError
from bot.question import views
from bot.store.database import Database
from handlers import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bot.settings import Settings


def run(settings: Settings) -> Iterator[Check]:
    """Everything the bot needs, one after the other, whatever is wrong with one of them."""
    parts: list[Callable[[Settings], Iterable[Check]]] = [_slack, _views, _database]
    parts += [partial(_engine, name) for name in ENGINES]
    for part in parts:
        try:
            yield from part(settings)
        except BotError as error:
            yield Check(error.message, False, error.hint or "Mend it, then run this again.")


def _slack(settings: Settings) -> Iterator[Check]:
    bot_token = settings.slack_bot_token.get_secret_value()
    app_token = settings.slack_app_token.get_secret_value()
    client = connection.connect(bot_token, settings.slack_api_url)
    for what, passed, mend in connection.check(client, app_token):
        yield Check(what, passed, mend)


def _views(settings: Settings) -> Iterator[Check]:
    yield Check(f"{len(views.load(settings.views))} views", passed=True)


def _database(settings: Settings) -> Iterator[Check]:
    bootstrap.owners_file(settings.data).close()
    database = Database(settings.database)
    database.close()
    yield Check(f"runs are kept in {database.label}", passed=True)


def _engine(name: str, settings: Settings) -> Iterable[Check]:
    engine = bootstrap.engine(settings, name, bootstrap.archive(settings))
    return engine.checks(is_default=name == settings.engine)
