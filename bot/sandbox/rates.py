"""How often Slack lets a method be called."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from bot.sandbox import limits

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60.0


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
    """One budget per method, and per channel for posts. `enforced` may be switched off."""

    def __init__(
        self, now: Callable[[], float], *, enforced: bool = True, burst: int = limits.POST_BURST
    ) -> None:
        self.enforced = enforced
        self._now, self._burst = now, burst
        self._methods: dict[str, Window] = {}
        self._channels: dict[str, Bucket] = {}

    def wait_for_method(self, method: str, tier: int | None) -> int:
        """Whole seconds for Retry-After, 0 when the call may go on. No tier, no limit."""
        if not self.enforced or tier is None:
            return 0
        window = self._methods.setdefault(method, Window(limits.TIERS[tier]))
        return math.ceil(window.wait(self._now()))

    def wait_for_post(self, channel: str) -> int:
        """The same for a post into a channel: one a second, after a short burst."""
        if not self.enforced:
            return 0
        bucket = self._channels.setdefault(channel, Bucket(limits.POSTS_A_SECOND, self._burst))
        return math.ceil(bucket.wait(self._now()))
