"""Pace: keeping below someone's rate limits instead of running into them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

RESERVE: Final = 0.5
"""The part of a burst that optional calls leave for those that must be made."""


class Pace:
    """A budget of calls for each key: `per_second` of them, and `burst` at once after a rest."""

    def __init__(
        self,
        per_second: float,
        burst: int = 1,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}
        """For each key what was left, and when; below nothing while callers wait for their turn."""

    def wait(self, key: str) -> None:
        """Take a call, waiting for its turn."""
        with self._lock:
            left = self._available(key) - 1
            self._left[key] = left, self._monotonic()
        if left < 0:
            self._sleep(-left / self._per_second)

    def spare(self, key: str) -> bool:
        """Take a call that may be left out; False when only the reserve is left."""
        with self._lock:
            left = self._available(key)
            if left < 1 or left - 1 < self._burst * RESERVE - 1:
                return False
            self._left[key] = left - 1, self._monotonic()
            return True

    def _available(self, key: str) -> float:
        left, then = self._left.get(key, (float(self._burst), self._monotonic()))
        return min(float(self._burst), left + (self._monotonic() - then) * self._per_second)
