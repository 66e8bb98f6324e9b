"""Time, where a test has it in hand."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta


class Clock:
    """It stands still until it is told to go on, or someone sleeps. Safe from any thread.

    Called, it says the moment; what measures in seconds takes `monotonic` and `sleep`.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.slept: list[float] = []
        """How long each sleep was."""
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        """The moment in seconds."""
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        """Go on by so much."""
        with self._lock:
            self.now += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Go on by so much, for someone who waits."""
        with self._lock:
            self.slept.append(seconds)
            self.now += timedelta(seconds=seconds)
