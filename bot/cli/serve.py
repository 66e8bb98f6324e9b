"""`tls-audit serve`: the bot at work, until it is stopped."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, NoReturn

from bot.cli.health import beat

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


def serve() -> None:
    """Run the bot: connect to Slack in Socket Mode, and answer until stopped."""
    from bot import bootstrap as parts
    from bot import settings
    from bot.ops import logs

    chosen = settings.load()
    logs.set_up(secrets=chosen.secrets)
    # while it starts, whatever hangs is broken off; and when it stops, by a second signal
    signal.signal(SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), parts.bot(chosen) as bot, until_stopped() as stopped:
        log.info("connected to Slack; SIGTERM or Ctrl-C stops")
        beat(bot, chosen.data, stopped)
    _end()


def _end() -> NoReturn:
    """End this process well, whatever its threads do."""
    # Python would join those of concurrent.futures, however long one of them hangs: Bolt's, and the engines'.
    # What could be handed over was, and the rest is as after a crash
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


@contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (SIGINT, SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
