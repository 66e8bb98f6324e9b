"""Jumps: whether a period's calls are far from what is usual by the digest's own past. Pure.

What is usual is the median of the same weekday over eight weeks, as far as at least five of those are
trusted, else of the last fourteen trusted days. Far is more than five times their spread away, which is the
median of the distances from it (MAD), as a standard deviation, and never less than a tenth of what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING, Final, Protocol

from bot.wording import WEEKDAYS, number

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bot.digests.changes import Period

WEEKS_BACK: Final = 8
WEEKS_LEAST: Final = 5
"""Trusted ones of them: fewer say nothing of a weekday."""

DAYS_BACK: Final = 14
DAYS_LEAST: Final = 7
"""Trusted days without which there is too little past."""

FAR: Final = 5.0
"""Spreads that are far."""

AS_DEVIATION: Final = 1.4826
"""A normal distribution's standard deviation, in MADs: one over its third quartile."""

SPREAD_LEAST: Final = 0.1
"""Of what is usual: the same number every day is no promise."""

CALLS_LEAST: Final = 20.0
"""Calls a day that are worth an alarm: 0 → 3 is none."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A period that is far from what is usual."""

    is_above: bool
    usual: float
    """Calls a day."""
    of: int
    """How many periods or days that is the median of."""
    weekday: int | None
    """Of which weekday they begin on, as `date.weekday` counts; None: of the last days of any."""

    def words(self) -> str:
        """ "far above the usual 40 a day (median of 8 Sundays)"."""
        past = f"{self.of} trusted days" if self.weekday is None else f"{self.of} {WEEKDAYS[self.weekday]}s"
        usual = number(round(self.usual))
        return f"far {'above' if self.is_above else 'below'} the usual {usual} a day (median of {past})"


class Told(Protocol):
    """A period that was told: its dates, the end not in it, and its calls."""

    @property
    def start(self) -> date: ...
    @property
    def end(self) -> date: ...
    @property
    def calls(self) -> int: ...


def jump(
    period: Period, calls: int, points: Sequence[Told], trusted: Collection[date], *, complete: bool
) -> Jump | None:
    """How far `calls` of a period are from the digest's past; None where that is not far, or not known.

    `points` are the periods before, `trusted` the dates on which silence meant something. A period that is
    not trusted, or not `complete`, may have more calls than are known, so that it is never below.
    """
    told = [point for point in points if point.end <= period.start and _all(point, trusted)]
    week = timedelta(days=7)
    same = [
        _a_day(point)
        for point in told
        if (point.end - point.start).days == period.days
        and (period.start - point.start) % week == timedelta()
        and period.start - point.start <= WEEKS_BACK * week
    ]
    days = [_a_day(point) for point in told if (point.end - point.start).days == 1][-DAYS_BACK:]
    if len(same) >= WEEKS_LEAST:
        past, weekday = same, period.start.weekday()
    elif len(days) >= DAYS_LEAST:
        past, weekday = days, None
    else:
        return None
    usual, now = median(past), calls / period.days
    mad = median(abs(each - usual) for each in past)
    spread = max(AS_DEVIATION * mad, SPREAD_LEAST * usual)
    if abs(now - usual) <= max(FAR * spread, CALLS_LEAST):
        return None
    if now < usual and not (period.trusted and complete):
        return None
    return Jump(now > usual, usual, len(past), weekday)


def _all(point: Told, trusted: Collection[date]) -> bool:
    days = (point.end - point.start).days
    return days > 0 and all(point.start + timedelta(days=n) in trusted for n in range(days))


def _a_day(point: Told) -> float:
    return point.calls / (point.end - point.start).days
