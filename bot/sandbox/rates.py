"""How often Slack lets a method be called."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from bot.sandbox import limits

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60.0
SHORT = 1 / 3  # of a minute's calls, where bursts are short: ours


class Window:
    """So many calls in any `seconds`."""

    def __init__(self, calls: int, seconds: float = MINUTE) -> None:
        self._calls, self._seconds = calls, seconds
        self._taken: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Seconds to wait before the next call is allowed; 0 takes it."""
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        if len(self._taken) < self._calls:
            self._taken.append(now)
            return 0.0
        return self._taken[0] + self._seconds - now


class Bucket:
    """A steady rate with a burst."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst, self._left, self._at = rate, burst, float(burst), -math.inf

    def wait(self, now: float) -> float:
        """Seconds to wait before the next call is allowed; 0 takes it."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._left >= 1.0 - 1e-9:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._rate


class Rates:
    """One budget per method, and per channel for posts. `enforced` may be switched off.

    Slack documents averages and promises no burst: with `short_bursts`, a third of a method's calls in a
    minute may go at once.
    """

    def __init__(
        self, now: Callable[[], float], *, enforced: bool = True, short_bursts: bool = False
    ) -> None:
        self.enforced = enforced
        self._now, self._short_bursts = now, short_bursts
        self._methods: dict[str, Window | Bucket] = {}
        self._channels: dict[str, Bucket] = {}

    def _of_method(self, calls: int) -> Window | Bucket:
        return Bucket(calls / MINUTE, calls * SHORT) if self._short_bursts else Window(calls)

    def wait_for_method(self, method: str, tier: int | None) -> int:
        """Whole seconds for Retry-After, 0 when the call may go on. No tier, no limit."""
        if not self.enforced or tier is None:
            return 0
        budget = self._methods.setdefault(method, self._of_method(limits.TIERS[tier]))
        return math.ceil(budget.wait(self._now()))

    def wait_for_post(self, channel: str) -> int:
        """The same for a post into a channel: one a second, after a short burst."""
        if not self.enforced:
            return 0
        bucket = self._channels.setdefault(channel, Bucket(limits.POSTS_A_SECOND, limits.POST_BURST))
        return math.ceil(bucket.wait(self._now()))
