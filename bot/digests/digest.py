"""A digest: one channel's standing question, when it is told, and to whom it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bot.digests.schedule import Schedule
    from bot.question.question import Scope

LATE: Final = timedelta(minutes=15)
"""A digest that comes so much after its time says that it is late."""


@dataclass(frozen=True, slots=True)
class Digest:
    """One channel's digest."""

    id: int
    owner: str
    channel: str
    schedule: Schedule
    scope: Scope
    """What it counts."""
    mention: str | None
    """A person, a user group, `here` or `channel`: told when something is new."""
    created: datetime
    paused: bool = False
    due: datetime | None = None
    """When it is told next; None while it is paused."""

    def words(self, subject: str) -> str:
        """`every day at 09:00 Berlin time: yesterday's calls over TLS older than 1.2`."""
        if self.schedule.is_every_day:
            return f"{self.schedule.words()}: yesterday's {subject}"
        if not self.schedule.is_daily:
            return f"{self.schedule.words()}: the week's {subject}"
        return f"{self.schedule.words()}: {subject}, since the one before"

    def period(self, day: date) -> tuple[date, date]:
        """The local dates that the digest of `day` is about: all since the one before, `day` not in it."""
        return self.schedule.before(day), day
