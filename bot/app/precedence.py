"""Precedence: who is still to be acknowledged goes before whoever was promised an answer.

Slack gives a command three seconds. Work on runs, which takes the same processor, can wait for so long.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET_SECONDS: Final = 0.02
"""Questions that come at once follow one another sooner than this."""

HOLD_SECONDS: Final = 1.0
"""How long runs wait for questions that keep coming: however many there are, answers come too."""


class Precedence:
    """A context for whoever takes a question. Safe from any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._taking = 0
        self._began = self._last = -HOLD_SECONDS

    def __enter__(self) -> None:
        with self._lock:
            now = self._monotonic()
            if not self._taking and now - self._last > QUIET_SECONDS:
                self._began = now
            self._taking += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._taking -= 1
            self._last = self._monotonic()

    def seconds(self) -> float:
        """How long to wait before one looks again; 0: a run may begin."""
        with self._lock:
            now = self._monotonic()
            quiet = 0 if self._taking else now - self._last
            return max(0.0, min(QUIET_SECONDS - quiet, self._began + HOLD_SECONDS - now))
