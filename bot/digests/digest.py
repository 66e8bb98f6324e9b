"""A digest: one channel's standing question, when it is told, and to whom it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.wording import listed, short_service

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
    urgent: tuple[str, ...] = ()
    """Services in full, `kms.amazonaws.com`, of which it tells what is new within the hour (`watch=`)."""
    urgent_due: datetime | None = None
    """When these are looked at next; None where there are none."""
    urgent_read: datetime | None = None
    """Up to when they were looked at and that was believed; None: not yet."""

    def words(self, subject: str) -> str:
        """`every day at 09:00 Berlin time: yesterday's calls over TLS older than 1.2; within the hour what is
        new to kms`."""
        if not self.urgent:
            return self._told_when(subject)
        services = listed([short_service(each) for each in self.urgent])
        return f"{self._told_when(subject)}; within the hour what is new to {services}"

    def _told_when(self, subject: str) -> str:
        if self.schedule.is_every_day:
            return f"{self.schedule.words()}: yesterday's {subject}"
        if not self.schedule.is_daily:
            return f"{self.schedule.words()}: the week's {subject}"
        return f"{self.schedule.words()}: {subject}, since the one before"

    def period(self, day: date) -> tuple[date, date]:
        """The local dates that the digest of `day` is about: all since the one before, `day` not in it."""
        return self.schedule.before(day), day
