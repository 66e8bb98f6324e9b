"""Rate limits: budgets of calls, to stay below someone's limits instead of running into them."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

RESERVE: Final = 0.5
"""The part of a burst that optional calls leave for those that must be made."""

TOLERANCE: Final = 1e-6
"""The part of a call that is not waited for, since sums of fractions come out a little too small."""


class TokenBucket:
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
        """For each key what was left, and when."""

    def wait(self, key: str, who: str = "") -> None:  # noqa: ARG002 - not everyone asks for whom it is
        """Take a call for `who`, after the wait for its turn."""
        with self._lock:
            seconds = self._take(key)
        if seconds > 0:
            self._sleep(seconds)

    def is_free(self, key: str) -> bool:
        """Whether a call would not have to wait."""
        with self._lock:
            return self._available(key) >= 1

    def spare(self, key: str, owed: int = 0) -> bool:
        """Take a call that may be left out; False when only the reserve is left, or as many as are `owed`."""
        with self._lock:
            left = self._available(key)
            if left < 1 or left - 1 < max(self._burst * RESERVE - 1, owed):
                return False
            self._take(key)
            return True

    def take(self, key: str) -> bool:
        """Take a call, where there is one that has not to wait."""
        with self._lock:
            is_free = self._available(key) >= 1
            if is_free:
                self._take(key)
            return is_free

    def _available(self, key: str) -> float:
        """How many calls may be made at once; below nothing while callers wait for their turn."""
        left, then = self._left.get(key, (float(self._burst), self._monotonic()))
        return min(float(self._burst), left + (self._monotonic() - then) * self._per_second)

    def _take(self, key: str) -> float:
        """Take a call; the seconds until its turn."""
        left = self._available(key) - 1
        self._left[key] = left, self._monotonic()
        return -left / self._per_second


class SlidingWindow(TokenBucket):
    """A budget of calls for each key: so many `calls` in any `seconds`, all at once if need be."""

    def __init__(
        self,
        calls: int,
        seconds: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(calls / seconds, calls, monotonic=monotonic, sleep=sleep)
        self._seconds = seconds
        self._calls: dict[str, deque[float]] = {}
        """For each key the newest calls, as many as are allowed at once: when they were made, or will be."""

    def _available(self, key: str) -> float:
        since = self._monotonic() - self._seconds
        return float(self._burst - sum(moment > since for moment in self._calls.get(key, ())))

    def _take(self, key: str) -> float:
        calls = self._calls.setdefault(key, deque(maxlen=self._burst))
        now = self._monotonic()
        moment = max(now, calls[0] + self._seconds) if len(calls) == self._burst else now
        calls.append(moment)
        return moment - now


class FairBucket(TokenBucket):
    """A budget whose callers take turns by `who` they are: many calls of one do not hold up another's."""

    def __init__(
        self,
        per_second: float,
        burst: int = 1,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(per_second, burst, monotonic=monotonic, sleep=sleep)
        self._numbers = itertools.count()
        self._waiting: dict[str, list[tuple[int, int, str]]] = {}
        """For each key the calls that wait, the least of which is next: how many of the same one's waited
        before it, its number, and whose it is."""

    def wait(self, key: str, who: str = "") -> None:
        with self._lock:
            waiting = self._waiting.setdefault(key, [])
            mine = sum(each[2] == who for each in waiting), next(self._numbers), who
            waiting.append(mine)
        try:
            while (seconds := self._until(key, mine)) > 0:
                self._sleep(seconds)
        except BaseException:
            with self._lock:
                waiting.remove(mine)
            raise

    def _until(self, key: str, mine: tuple[int, int, str]) -> float:
        """Seconds until the turn of `mine`, unless others go before it meanwhile. At 0, the call is taken."""
        with self._lock:
            before = sum(each < mine for each in self._waiting[key])
            lacking = before + 1 - self._available(key)
            if lacking > TOLERANCE:
                return lacking / self._per_second
            self._waiting[key].remove(mine)
            self._take(key)
            return 0.0
