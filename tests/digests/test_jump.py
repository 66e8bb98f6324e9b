"""When a period is called far from its own past."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.digests import jump as jumps
from bot.digests import report as reports
from bot.digests.changes import Period
from bot.digests.jump import CALLS_LEAST, Jump, jump
from bot.digests.report import Point
from tests.digests.test_report import entry, headline, report

SUNDAY = date(2026, 11, 22)
ONE = timedelta(days=1)


def past(*calls: int) -> list[Point]:
    """Days before Sunday, the last one Saturday."""
    starts = [SUNDAY - timedelta(days=len(calls) - n) for n in range(len(calls))]
    return [Point(start, start + ONE, count, 0) for start, count in zip(starts, calls, strict=True)]


def days(points: list[Point]) -> set[date]:
    return {point.start for point in points}


def jumped(calls: int, points: list[Point], *, trusted: bool = True, complete: bool = True) -> Jump | None:
    period = Period(SUNDAY, SUNDAY + ONE, trusted)
    return jump(period, calls, points, days(points), complete=complete)


WEEKS = past(*(10 if (SUNDAY - timedelta(days=56 - n)).weekday() == 6 else 500 for n in range(56)))


def test_a_weekday_is_compared_with_its_like() -> None:
    assert jumped(12, WEEKS) is None
    assert jumped(500, WEEKS) == Jump(True, 10, 8, 6)
    assert Jump(True, 10, 8, 6).words() == "far above the usual 10 a day (median of 8 Sundays)"


def test_with_fewer_than_five_such_days_the_last_fourteen_are_what_is_usual() -> None:
    sundays = sorted(day for day in days(WEEKS) if day.weekday() == 6)
    trusted = days(WEEKS) - set(sundays[:4])
    period = Period(SUNDAY, SUNDAY + ONE, True)
    assert jump(period, 10, WEEKS, trusted, complete=True) == Jump(False, 500, 14, None)
    assert jump(period, 10, WEEKS, trusted | {sundays[0]}, complete=True) is None


def test_too_little_past_says_nothing() -> None:
    assert jumped(10_000, past(*[1] * 6)) is None
    assert jumped(10_000, past(*[1] * 7)) == Jump(True, 1, 7, None)


def test_zero_to_three_is_no_alarm() -> None:
    assert jumped(3, past(*[0] * 14)) is None


def test_what_is_not_known_whole_is_never_called_low() -> None:
    assert jumped(0, past(*[400] * 14)) == Jump(False, 400, 14, None)
    assert jumped(0, past(*[400] * 14), trusted=False) is None
    assert jumped(0, past(*[400] * 14), complete=False) is None
    assert jumped(9_000, past(*[400] * 14), trusted=False, complete=False) is not None


def test_a_week_is_compared_with_weeks() -> None:
    week = timedelta(days=7)
    points = [Point(SUNDAY - n * week, SUNDAY - (n - 1) * week, 700, 0) for n in range(8, 0, -1)]
    trusted = {SUNDAY - timedelta(days=n) for n in range(60)}
    period = Period(SUNDAY, SUNDAY + week, True)
    assert jump(period, 7_000, points, trusted, complete=True) == Jump(True, 100, 8, 6)
    assert jump(period, 7_000, points[-4:], trusted, complete=True) is None


COUNTS = st.lists(st.integers(0, 10**9), max_size=60)


@given(COUNTS, st.integers(0, 10**9))
def test_near_is_never_far_and_farther_is_never_nearer(counts: list[int], calls: int) -> None:
    points = past(*counts)
    found = jumped(calls, points)
    if found is None:
        return
    assert found.of >= min(jumps.WEEKS_LEAST, jumps.DAYS_LEAST)
    assert abs(calls - found.usual) > max(CALLS_LEAST, 0.5 * found.usual)
    assert found.is_above is (calls > found.usual)
    farther = calls * 2 + 1 if found.is_above else 0
    assert jumped(farther, points) is not None
    assert jumped(round(found.usual), points) is None


@given(COUNTS, st.integers(0, 10**9), st.integers(0, 59))
def test_a_day_that_is_not_trusted_counts_as_if_it_was_not(counts: list[int], calls: int, at: int) -> None:
    points = past(*counts)
    odd = [replace(point, calls=10**12) if n == at else point for n, point in enumerate(points)]
    trusted = days(points) - {odd[at].start} if at < len(odd) else days(points)
    period = Period(SUNDAY, SUNDAY + ONE, True)
    without = [point for n, point in enumerate(points) if n != at]
    assert jump(period, calls, odd, trusted, complete=True) == jump(
        period, calls, without, trusted, complete=True
    )


def test_the_headline_says_so_and_an_old_report_does_not() -> None:
    found = Jump(True, 40, 8, 6)
    said = headline(report(entry("new", calls=1_240), jump=found))
    assert said.endswith("1,240 calls, far above the usual 40 a day (median of 8 Sundays)")
    clear = headline(report(jump=Jump(False, 400, 14, None)))
    assert clear.endswith("That is far below the usual 400 a day (median of 14 trusted days).")
    told = report(entry("new"), jump=found)
    assert reports.from_json(reports.to_json(told)) == told
    assert reports.from_json(reports.to_json(told).replace(', "jump"', ', "was"')).jump is None
