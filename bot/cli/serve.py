"""`tls-audit serve`: the bot at work, until it is stopped."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Final, NoReturn

from bot.cli.health import beat

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

M_ARENA_MAX: Final = -8
"""glibc's name for the most heaps that a process has (its malloc.h)."""


def serve() -> None:
    """Run the bot: connect to Slack in Socket Mode, and answer until stopped."""
    from bot import bootstrap as parts
    from bot import settings
    from bot.ops import logs

    share_heaps()
    chosen = settings.load()
    logs.set_up(secrets=chosen.secrets)
    # while it starts, whatever hangs is broken off; and when it stops, by a second signal
    signal.signal(SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), parts.bot(chosen) as bot, until_stopped() as stopped:
        log.info("connected to Slack; SIGTERM or Ctrl-C stops")
        beat(bot, chosen.data, stopped)
    _end()


def share_heaps() -> None:
    """Have all threads allocate from a heap a core, where the C library is glibc.

    It gives them up to eight a core, of which no more than one a core is ever in use at once, and what was
    freed in one serves no thread of another: under load that was a tenth of the bot's memory
    (`tests.benchmarks.load` with 100 questions on two cores: 140 MB at most, and 125 MB so).
    """
    heaps = os.cpu_count() or 1
    with suppress(OSError, AttributeError):  # other C libraries have no such choice
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, heaps)


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
