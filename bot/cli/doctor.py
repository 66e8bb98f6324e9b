"""`tls-audit doctor`: what the bot needs, one after the other, and what to do where it is not right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from bot.cli import FAILURE
from bot.errors import BotError, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.archive.archive import Archive
    from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """One thing `doctor` looked at, and what to do when it is not right."""

    what: str
    passed: bool
    mend: str = ""


def doctor() -> None:
    """Check tokens, scopes, channels, the engine and the database; say how to mend what is wrong."""
    from bot import settings

    failed = False
    for each in check(settings.load()):
        typer.echo(f"{'✓' if each.passed else '✗'} {each.what}")
        if not each.passed:
            typer.echo(f"  → {each.mend}")
            failed = True
    if failed:
        raise typer.Exit(FAILURE)


def check(settings: Settings) -> Iterator[Check]:
    """Everything the bot needs, one after the other, whatever is wrong with one of them."""
    for part in (_check_slack, _check_views, _check_database, check_stores, _check_events):
        try:
            yield from part(settings)
        except BotError as error:
            yield Check(error.message, False, error.hint or "Mend it, then run this again.")


def _check_slack(settings: Settings) -> Iterator[Check]:
    from handlers import connection

    bot_token = settings.slack_bot_token.get_secret_value()
    app_token = settings.slack_app_token.get_secret_value()
    client = connection.connect(bot_token, settings.slack_api_url)
    for what, passed, mend in connection.check(client, app_token):
        yield Check(what, passed, mend)


def _check_views(settings: Settings) -> Iterator[Check]:
    from bot.question import views

    yield Check(f"{len(views.load(settings.views))} views", passed=True)


def _check_database(settings: Settings) -> Iterator[Check]:
    from bot import bootstrap
    from bot.store.database import Database

    bootstrap.owners_file(settings.data).close()
    database = Database(settings.database)
    database.close()
    yield Check(f"runs are kept in {database.label}", passed=True)


def _check_events(settings: Settings) -> Iterator[Check]:
    if settings.engine != "local":
        return
    from bot import bootstrap

    events = bootstrap.archive(settings)
    if settings.logs:
        yield _check_logs(settings.logs, events)
    if events.has_events() or not settings.logs:
        yield Check(
            f"the embedded engine has {'' if events.has_events() else 'no '}events in {events.folder}",
            events.has_events(),
            "Read some log files: `tls-audit ingest PATH`, or set TLS_AUDIT_LOGS.",
        )


def _check_logs(logs: str, events: Archive) -> Check:
    """Whether the log files are there and the newest of them can be read; there may be millions."""
    from bot.archive.records import Unusable
    from bot.archive.sources import find

    found = find([logs], but=events.folder)
    mend = "Check the path, and who may read it: TLS_AUDIT_LOGS."
    if found.unreadable:
        return Check(": ".join(found.unreadable[0]), False, mend)
    if not found.sources:
        return Check(f"there are no log files in {logs}", False, mend)
    newest = found.sources[-1]
    try:
        next(newest.read(), b"")
    except Unusable as error:
        return Check(f"{newest.name}: {error}", False, mend)
    then = "" if events.has_events() else "; `serve` and `ask` read them in"
    return Check(f"the logs in {logs} can be read{then}", passed=True)


def check_stores(settings: Settings) -> Iterator[Check]:
    """Whether each event data store can be asked, and holds what the bot asks for."""
    from bot.engines.lake import stores
    from bot.engines.lake.cloudtrail import CloudTrail
    from bot.engines.lake.engine import holds_events

    if settings.engine != "lake" and not settings.stores:
        return
    if not settings.stores:
        yield Check(
            f"{stores.SETTING} is not set", False, "`tls-audit lake status` lists the stores there are."
        )
    aws = CloudTrail()
    for store in settings.stores.values():
        what = f"event data store {store.alias}"
        try:
            about = aws.read(store, "GetEventDataStore", EventDataStore=store.name)
        except EngineError as error:
            yield Check(f"{what}: {error.message}", False, error.hint)
            continue
        if about["Status"] == "PENDING_DELETION":
            yield Check(f"{what}: it is being deleted", False, "`tls-audit lake restore` brings it back.")
        elif not holds_events(about):
            yield Check(f"{what}: it holds no CloudTrail events", False, f"Set {stores.SETTING} to another.")
        else:
            stopped = about["Status"] in {"STOPPED_INGESTION", "STOPPING_INGESTION"}
            since = f"{about['CreatedTimestamp']:%Y-%m-%d}"
            what += f": {about['Name']}, since {since}" + (", takes in no new events" if stopped else "")
            yield Check(what, passed=True)
