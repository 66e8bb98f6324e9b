"""Time, where a test has it in hand."""

from __future__ import annotations

from datetime import datetime, timedelta


class Clock:
    """It stands still until it is told to go on."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
