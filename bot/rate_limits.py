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

SLOWER: Final = 0.9
"""What is left of a rate that was refused."""

HALF_FORGOTTEN_SECONDS: Final = 3600.0
"""After so long without another refusal, half of what the last ones took is given back."""


class TokenBucket:
    """A budget of calls for each key: `per_second` of them, and `burst` at once after a rest.

    It learns from what is refused all the same, for all keys at once. Of a call that went at once, what was
    left of the burst comes off it, and that call; of one that had waited for its turn, a tenth comes off the
    rate; and half of what came off is given back every hour.
    """

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
        self._closed: dict[str, float] = {}
        """For each key until when nothing is to be called, since a call was refused."""
        self._postponed: dict[str, float] = {}
        """For each key by how many seconds refusals have put off those that had their turn already."""
        self._taught_until = 0.0
        """Until when refusals are of calls that were under way when one was refused before."""
        self._taken_off = 0.0, 1.0, 0.0
        """What refusals took off the burst, and left of the rate, and when."""

    def wait(self, key: str, who: str = "") -> bool:  # noqa: ARG002 - not everyone asks for whom it is
        """Take a call for `who`, after the wait for its turn; whether there was none to wait for."""
        with self._lock:
            seconds, postponed = self._take(key), self._postponed.get(key, 0.0)
        at_once = seconds <= 0
        while seconds > 0:
            self._sleep(seconds)
            with self._lock:
                postponed, before = self._postponed.get(key, 0.0), postponed
            seconds = postponed - before
        return at_once

    def refused(self, key: str, seconds: float, *, at_once: bool) -> None:
        """Learn from a call that was taken and then refused for `seconds`, and may be taken again: until then
        no other goes. Calls that were under way when one was refused before it teach nothing more."""
        with self._lock:
            now = self._monotonic()
            left = self._level(key)
            if now >= self._taught_until:
                self._taught_until = now + seconds
                self._learn(left, at_once=at_once)
            closed = max(now, self._closed.get(key, now))
            longer = max(0.0, now + seconds - closed)
            self._closed[key] = closed + longer
            self._postpone(key, longer)

    def _learn(self, left: float, *, at_once: bool) -> None:
        """Take off what a refusal says is too much, when `left` was thought to be left after it."""
        off, share = self._lessons()
        if at_once:
            off = min(off + max(left, 0.0) + 1, self._burst - 1.0)
        else:
            share *= SLOWER
        self._taken_off = off, share, self._monotonic()

    def _lessons(self) -> tuple[float, float]:
        """What is off the burst now, and the share of the rate that is allowed."""
        off, share, then = self._taken_off
        kept = 0.5 ** ((self._monotonic() - then) / HALF_FORGOTTEN_SECONDS)
        return off * kept, 1 - (1 - share) * kept

    def _postpone(self, key: str, seconds: float) -> None:
        """Have nothing left, and put off by `seconds` all that wait, and all that will come."""
        left = min(self._level(key), 0.0)
        self._left[key] = left - seconds * self._rate(), self._monotonic()
        self._postponed[key] = self._postponed.get(key, 0.0) + seconds

    def _depth(self) -> float:
        """How many calls may be made at once after a rest, as far as is known."""
        return self._burst - self._lessons()[0]

    def _rate(self) -> float:
        """How many calls a second may be made, as far as is known."""
        return self._per_second * self._lessons()[1]

    def is_free(self, key: str) -> bool:
        """Whether a call would not have to wait."""
        with self._lock:
            return self._available(key) >= 1

    def spare(self, key: str, owed: int = 0) -> bool:
        """Take a call that may be left out; False when only the reserve is left, or as many as are `owed`."""
        with self._lock:
            left = self._available(key)
            if left < 1 or left - 1 < max(self._depth() * RESERVE - 1, owed):
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
        return self._level(key)

    def _level(self, key: str) -> float:
        """How full the bucket is."""
        left, then = self._left.get(key, (float(self._burst), self._monotonic()))
        return min(self._depth(), left + (self._monotonic() - then) * self._rate())

    def _take(self, key: str) -> float:
        """Take a call; the seconds until its turn."""
        left = self._level(key) - 1
        self._left[key] = left, self._monotonic()
        return -left / self._rate()


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
        taken = sum(moment > since for moment in self._calls.get(key, ()))
        # before anything was refused, the window never allows more than the bucket does
        return min(float(self._burst - taken), self._level(key) + TOLERANCE)

    def _take(self, key: str) -> float:
        calls = self._calls.setdefault(key, deque(maxlen=self._burst))
        now = self._monotonic()
        moment = max(now, calls[0] + self._seconds) if len(calls) == self._burst else now
        moment = max(moment, now + super()._take(key) - TOLERANCE)
        calls.append(moment)
        return moment - now

    def _postpone(self, key: str, seconds: float) -> None:
        super()._postpone(key, seconds)
        now = self._monotonic()
        calls = sorted(self._calls.get(key, ()))
        made = [moment for moment in calls if moment <= now][:-1]  # the refused one does not count
        later = [moment + seconds for moment in calls if moment > now]
        self._calls[key] = deque([*made, *later], maxlen=self._burst)


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

    def wait(self, key: str, who: str = "") -> bool:
        at_once = True
        with self._lock:
            waiting = self._waiting.setdefault(key, [])
            mine = sum(each[2] == who for each in waiting), next(self._numbers), who
            waiting.append(mine)
        try:
            while (seconds := self._until(key, mine)) > 0:
                at_once = False
                self._sleep(seconds)
        except BaseException:
            with self._lock:
                waiting.remove(mine)
            raise
        return at_once

    def _until(self, key: str, mine: tuple[int, int, str]) -> float:
        """Seconds until the turn of `mine`, unless others go before it meanwhile. At 0, the call is taken."""
        with self._lock:
            before = sum(each < mine for each in self._waiting[key])
            lacking = before + 1 - self._available(key)
            if lacking > TOLERANCE:
                return lacking / self._rate()
            self._waiting[key].remove(mine)
            self._take(key)
            return 0.0
