"""The composition root: from Settings to the parts, put together in one place."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bot import engines, views
from bot.archive import Archive
from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.engines import Engine
    from bot.runner import Runner
    from bot.settings import Settings

THREADS: Final = 16
"""Runs at work at once: a few at their engine, the others waiting for their turn to post."""


def archive(settings: Settings) -> Archive:
    """The archive that the embedded engine asks and `ingest` fills."""
    return Archive(settings.archive_folder)


def engine(settings: Settings, name: str, events: Archive) -> Engine:
    """The engine called `name`, one of `engines.NAMES`. `events` is what the embedded one reads."""
    from bot.engines.local import Local

    made = {"local": lambda: Local(events, memory=settings.local_memory, seconds=settings.local_seconds)}
    return made[name]()


@contextmanager
def bot(settings: Settings) -> Iterator[Runner]:
    """The whole bot, connected to Slack and at work. UserError: a setting or a token is wrong."""
    import handlers
    from bot.runner import Runner
    from bot.runs import Runs

    bot_token = settings.slack_bot_token.get_secret_value()
    app_token = settings.slack_app_token.get_secret_value()
    missing = [
        name for name, token in (("SLACK_BOT_TOKEN", bot_token), ("SLACK_APP_TOKEN", app_token)) if not token
    ]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} not set.",
            'The README\'s "Connect your Slack" says where to get them; `tls-audit demo` needs neither.',
        )
    settings.data.mkdir(parents=True, exist_ok=True)
    client = handlers.connect(bot_token, settings.slack_api_url)
    catalogue, runs = views.load(settings.views), Runs(settings.database)
    events = archive(settings)
    runner = Runner(
        runs,
        {name: engine(settings, name, events) for name in engines.NAMES},
        handlers.SlackPublisher(client, catalogue),
        catalogue,
        engine=settings.engine,
        limits={"local": settings.local_concurrency},
        cap=settings.max_rows,
        max_days=settings.max_window,
        owner=socket.gethostname(),
    )
    admins = settings.admins.replace(",", " ").split()
    try:
        listening = handlers.listen(client, app_token, runner, admins)
        try:
            runner.start(THREADS)
            yield runner
        finally:
            listening.close()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped
            runner.stop()
    finally:
        runs.close()
