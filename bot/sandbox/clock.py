"""The sandbox's time: the wall's, a faster one, or one that moves only when told."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Wall time; at `speed` 60 a minute of Slack's passes in a second."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.time()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._began + (time.time() - self._began) * self.speed

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Have the running loop call back after so much sandbox time; returns how to cancel it."""
        return asyncio.get_running_loop().call_later(seconds / self.speed, callback).cancel

    async def sleep(self, seconds: float) -> None:
        """Return once that much sandbox time has passed."""
        over = asyncio.Event()
        cancel = self.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            cancel()


class ManualClock(Clock):
    """Stands still until `advance`; then whatever came due happens, in order."""

    def __init__(self, start: float = 1_763_888_400.0) -> None:
        super().__init__()
        self._now = start
        self._count = itertools.count()
        self._due: list[tuple[float, int, asyncio.AbstractEventLoop, Callable[[], None]]] = []
        self._cancelled: set[int] = set()
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        number = next(self._count)
        with self._lock:
            heapq.heappush(self._due, (self._now + seconds, number, asyncio.get_running_loop(), callback))
        if seconds <= 0:
            asyncio.get_running_loop().call_soon(self.advance, 0.0)
        return lambda: self._cancelled.add(number)

    @property
    def pending(self) -> int:
        """How many things are still to come due."""
        with self._lock:
            return sum(number not in self._cancelled for _, number, _, _ in self._due)

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds. Any thread may call."""
        with self._lock:
            until = self._now + seconds
            while self._due and self._due[0][0] <= until:
                due, number, loop, callback = heapq.heappop(self._due)
                if number in self._cancelled:
                    self._cancelled.discard(number)
                    continue
                self._now = max(self._now, due)
                loop.call_soon_threadsafe(callback)
            self._now = until
