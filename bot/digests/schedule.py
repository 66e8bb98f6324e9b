"""Schedules: when a digest is due, and how people say so.

    daily 09:00 [Europe/Berlin] [weekdays]     and in any order a #channel, a question, mention=@oncall
    weekly mon,thu 09:00 [Europe/Berlin]

A digest is due once for every scheduled local date, by the clock on the wall of its zone. A time that
this clock skips is moved on by the change, and still belongs to its date; of two, the first is meant.
A date that a zone leaves out altogether (Pacific/Apia, 30 December 2011) is due at that time on the
next, and where that is scheduled too, both are due as one: the later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.question.moments import to_utc
from bot.wording import WEEKDAYS, listed

_WEEK: Final = 7
EVERY_DAY = tuple(range(_WEEK))
WORKING_DAYS = EVERY_DAY[:5]
_DAY: Final = timedelta(days=1)
_REACH: Final = timedelta(days=_WEEK + 1)
"""Dates of a schedule are a week apart at most, and a zone may leave one out."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Some days of every week, at one time of day by the clock of one zone."""

    at: time
    """To the minute."""
    zone: str
    """An IANA name."""
    weekdays: tuple[int, ...]
    """At least one, sorted; 0 is Monday."""

    @property
    def is_daily(self) -> bool:
        """Whether it is due more than once a week."""
        return len(self.weekdays) > 1

    @property
    def is_every_day(self) -> bool:
        """Whether no day is left out."""
        return self.weekdays == EVERY_DAY

    def words(self) -> str:
        """`every working day at 09:00 Berlin time`, or `every Monday at 09:00 UTC`."""
        named = {EVERY_DAY: "day", WORKING_DAYS: "working day"}
        days = named.get(self.weekdays) or listed([WEEKDAYS[day] for day in self.weekdays])
        place = self.zone.rsplit("/", 1)[-1].replace("_", " ")
        clock = place if place.isupper() else f"{place} time"
        if self.zone.startswith("Etc/GMT"):
            clock = self.zone  # Etc/GMT+5 is behind UTC, and only the whole name warns of that
        return f"every {days} at {self.at:%H:%M} {clock}"

    def __str__(self) -> str:
        """Text that `order.parse` reads back as an order with an equal schedule."""
        when = f"{self.at:%H:%M} {self.zone}"
        if self.weekdays == EVERY_DAY:
            return f"daily {when}"
        if self.weekdays == WORKING_DAYS:
            return f"daily {when} weekdays"
        return f"weekly {','.join(WEEKDAYS[day][:3].lower() for day in self.weekdays)} {when}"

    def moment(self, day: date) -> datetime:
        """When it is due, in UTC, for the local date `day`, be that scheduled or not."""
        return to_utc(datetime.combine(day, self.at), ZoneInfo(self.zone))

    def latest(self, now: datetime) -> date:
        """The latest scheduled local date whose moment is not after `now`. It never goes back with time."""
        today = self._today(now)
        days = self._dates(today - _REACH, today + _DAY)  # a clock may go back past midnight
        return next(day for day in reversed(days) if self.moment(day) <= now)

    def following(self, after: datetime) -> datetime:
        """The first moment after `after`, in UTC."""
        today = self._today(after)
        moments = map(self.moment, self._dates(today - _DAY, today + _REACH))
        return next(moment for moment in moments if moment > after)

    def before(self, day: date) -> date:
        """The scheduled local date before `day`: on a Monday, the Friday if only working days are."""
        return self._dates(day - timedelta(days=_WEEK), day - _DAY)[-1]

    def start_of(self, day: date) -> datetime:
        """When the local date `day` begins, in UTC: a skipped midnight is moved on; of two, the first."""
        return to_utc(datetime.combine(day, time()), ZoneInfo(self.zone))

    def _today(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.zone)).date()

    def _dates(self, first: date, last: date) -> list[date]:
        """The scheduled local dates from `first` to `last`, both included."""
        from dateutil.rrule import DAILY, rrule  # slow to import, and most questions need no schedule

        walls = rrule(
            DAILY,
            dtstart=datetime.combine(first, self.at),
            until=datetime.combine(last, self.at),
            byweekday=self.weekdays,
        )
        return [wall.date() for wall in walls]
