"""Reading: what is asked for a digest, and what its answers say of the period."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest

from bot.digests import scan
from bot.digests.digest import Digest
from bot.digests.report import Point, Report
from bot.digests.scan import FINDINGS_MOST, Row, Scan
from bot.digests.schedule import Schedule
from bot.question import select
from bot.question.question import Scope
from bot.table import Table
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.digests.finding import Finding
    from bot.question.question import Question
    from bot.question.views import View
    from bot.question.window import Window

EVERY_DAY: Final = tuple(range(7))
WORKING_DAYS: Final = EVERY_DAY[:5]
MONDAY: Final = date(2026, 11, 23)
DAY: Final = timedelta(days=1)
STALE: Final = timedelta(hours=6)
DIGEST: Final = f"yesterday by={scan.FINDINGS_VIEW}"
BERLIN: Final = ZoneInfo("Europe/Berlin")


def digest(zone: str = "Europe/Berlin", weekdays: tuple[int, ...] = EVERY_DAY, at: time = time(9)) -> Digest:
    return Digest(1, "U_ALICE", "C_ONCALL", Schedule(at, zone, weekdays), Scope(), None, NOW, due=NOW)


def hours(window: Window) -> float:
    return (window.end - window.start) / timedelta(hours=1)


# --- windows


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("Europe/Berlin", date(2026, 3, 30), 23),
        ("Europe/Berlin", date(2026, 10, 26), 25),
        ("America/New_York", date(2026, 3, 9), 23),
        ("America/New_York", date(2026, 11, 2), 25),
        ("Australia/Lord_Howe", date(2026, 10, 5), 23.5),
        ("Australia/Lord_Howe", date(2026, 4, 6), 24.5),
        ("America/Santiago", date(2026, 9, 7), 23),
        ("Asia/Kolkata", date(2026, 3, 30), 24),
        ("UTC", date(2026, 3, 30), 24),
    ],
    ids=str,
)
def test_a_day_has_as_many_hours_as_its_clock_says(zone: str, day: date, length: float) -> None:
    now, before = scan.windows(digest(zone), day)
    assert hours(now) == length
    assert hours(before) == 24
    assert before.end == now.start
    assert now.start.astimezone(ZoneInfo(zone)).date() == day - DAY
    after, again = scan.windows(digest(zone), day + DAY)
    assert (again.start, again.end) == (now.start, now.end)
    assert after.start == now.end


def test_a_day_without_a_midnight_begins_at_one() -> None:
    window, _ = scan.windows(digest("America/Santiago"), date(2026, 9, 7))
    assert window.start.astimezone(ZoneInfo("America/Santiago")).isoformat() == "2026-09-06T01:00:00-03:00"


def test_mondays_digest_of_working_days_is_about_three_days_and_the_one_before_about_one() -> None:
    now, before = scan.windows(digest(weekdays=WORKING_DAYS), MONDAY)
    assert (hours(now), hours(before)) == (72, 24)
    assert now.start == datetime(2026, 11, 20, tzinfo=BERLIN)


def test_a_week_is_a_week_whatever_the_clocks_do() -> None:
    now, before = scan.windows(digest(weekdays=(0,)), date(2026, 3, 30))
    assert (hours(now), hours(before)) == (7 * 24 - 1, 7 * 24)


# --- questions


def asked(ask: Callable[..., Question], views: dict[str, View], now: datetime) -> dict[str, Question]:
    window, before = scan.windows(digest(), MONDAY)
    question = replace(ask(f"yesterday by={scan.FINDINGS_VIEW} service=s3 min=1.3"), window=window)
    return scan.questions(question, before, now, views)


def test_all_is_asked_with_the_same_filters(ask: Callable[..., Question], catalogue: dict[str, View]) -> None:
    questions = asked(ask, catalogue, NOW)
    window, before = scan.windows(digest(), MONDAY)

    assert list(questions) == ["answer", "before", "coverage", "endpoints", "since"]
    assert [questions[name].window for name in ("answer", "before")] == [window, before]
    assert questions["answer"].top == questions["before"].top == FINDINGS_MOST
    assert questions["coverage"].policy is questions["since"].policy is None
    assert {str(each.filters) for each in questions.values()} == {str(questions["answer"].filters)}
    assert questions["coverage"].window == window
    assert questions["since"].window.start == window.end
    assert questions["since"].window.end == NOW.replace(second=0)
    for each in questions.values():
        select.build(each, cap=1_000)


def test_what_came_since_is_not_asked_where_there_is_no_since(
    ask: Callable[..., Question], catalogue: dict[str, View]
) -> None:
    midnight = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    assert "since" not in asked(ask, catalogue, midnight)
    assert "since" not in asked(ask, catalogue, midnight + timedelta(seconds=59)), "a window is in minutes"
    assert "since" in asked(ask, catalogue, midnight + timedelta(minutes=1))


# --- reading the answers


def covered(
    service: str, events: int, without_tls: int, oldest: datetime, newest: datetime
) -> tuple[Any, ...]:
    """A row of the coverage, of events that say all but their version."""
    return (service, events, without_tls, oldest, newest, 0, 0, 0, None, None)


def tables(views: dict[str, View], **rows: Sequence[Any]) -> dict[str, Table]:
    names = {"answer": "findings", "before": "findings", "coverage": "coverage", "since": "coverage"}
    names["endpoints"] = "endpoints"
    return {step: Table(views[names[step]].columns, [list(each)]) for step, each in rows.items()}


def test_the_answers_become_one_reading(ask: Callable[..., Question], catalogue: dict[str, View]) -> None:
    first, last = NOW - 2 * DAY, NOW - DAY
    read = scan.from_tables(
        ask(DIGEST),
        NOW,
        tables(
            catalogue,
            answer=[
                ("s3.amazonaws.com", "role/export", "boto", first, last, 7, 2),
                (None, None, None, first, last, 1, 0),
            ],
            before=[("s3.amazonaws.com", "role/export", "boto", first, first, 3, 0)],
            coverage=[
                covered("s3.amazonaws.com", 90, 1, first, last),
                covered("tax.amazonaws.com", 10, 10, first, first),
            ],
            since=[covered("s3.amazonaws.com", 5, 0, last, NOW)],
        ),
        None,
    )
    assert read == Scan(
        asked=NOW,
        rows=(
            Row("s3.amazonaws.com", "role/export", "boto", 7, first, last, unnamed=2),
            Row("", "", "", 1, first, last),
        ),
        before=(Row("s3.amazonaws.com", "role/export", "boto", 3, first, first),),
        complete=True,
        events=100,
        without_tls=11,
        mute="",
        silent=("tax",),
        ended=last,
        newest=NOW,
    )
    assert scan.from_json(scan.to_json(read)) == read


def test_of_each_finding_it_is_read_how_many_calls_are_its_endpoints(
    ask: Callable[..., Question], catalogue: dict[str, View]
) -> None:
    kms = ("kms.amazonaws.com", "role/export", "boto")
    host = "kms-fips.us-east-1.amazonaws.com"
    read = scan.from_tables(
        ask(DIGEST),
        NOW,
        tables(
            catalogue,
            answer=[(*kms, NOW, NOW, 7, 0), ("s3.amazonaws.com", *kms[1:], NOW, NOW, 3, 0)],
            before=[],
            coverage=[covered(kms[0], 90, 1, NOW, NOW)],
            endpoints=[(kms[0], host, *kms[1:], 4), (kms[0], f"{host}:443", *kms[1:], 2)],
        ),
        None,
    )

    assert [row.limited for row in read.rows] == [6, 0]
    assert scan.from_json(scan.to_json(read)) == read


def test_nothing_read_is_a_reading_too(ask: Callable[..., Question], catalogue: dict[str, View]) -> None:
    read = scan.from_tables(ask(DIGEST), NOW, tables(catalogue, answer=[], before=[], coverage=[]), None)
    assert (read.rows, read.events, read.ended, read.newest) == ((), 0, None, None)
    assert read.complete
    assert scan.from_json(scan.to_json(read)) == read


def test_as_many_rows_as_there_may_be_are_not_all(
    ask: Callable[..., Question], catalogue: dict[str, View]
) -> None:
    many = [("s3", "role", str(number), NOW, NOW, 1, 0) for number in range(FINDINGS_MOST)]
    for answer, before, complete in ((many, [], False), ([], many, False), (many[1:], [], True)):
        answers = tables(catalogue, answer=answer, before=before, coverage=[])
        with ExitStack() as stack:
            for table in answers.values():
                stack.enter_context(table)
            assert scan.from_tables(ask(DIGEST), NOW, answers, None).complete is complete


def test_strangers_names_survive_being_written_down() -> None:
    row = Row("s3", "half \ud800", "zero \x00 <!channel>", 1, NOW, NOW)
    read = replace(whole(), rows=(row,))
    assert scan.to_json(read).isascii()
    assert scan.from_json(scan.to_json(read)) == read


def test_a_row_is_seen_on_the_dates_of_the_digests_zone() -> None:
    row = Row(
        "s3",
        "role",
        "boto",
        1,
        datetime(2026, 11, 22, 22, 59, tzinfo=UTC),
        datetime(2026, 11, 22, 23, 1, tzinfo=UTC),
    )
    seen = row.seen(BERLIN)
    assert (seen.first, seen.last) == (MONDAY - DAY, MONDAY)
    assert row.seen(UTC).last == MONDAY - DAY


# --- reports


def whole(calls: int = 10, *, before: int = 0, **fields: Any) -> Scan:
    """A reading of Sunday 22 November in Berlin, asked on Monday at nine."""
    noon = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    rows = tuple(Row("s3", "role", "boto", count, noon, noon) for count in (calls,) if count)
    plain = Scan(
        asked=datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
        rows=rows,
        before=tuple(replace(row, calls=before, first=noon - DAY, last=noon - DAY) for row in rows)
        if before
        else (),
        complete=True,
        events=1_000,
        without_tls=10,
        silent=("tax",),
        ended=datetime(2026, 11, 22, 22, 58, tzinfo=UTC),
        newest=datetime(2026, 11, 23, 7, 55, tzinfo=UTC),
    )
    return replace(plain, **fields)


def reported(
    read: Scan,
    told: Digest | None = None,
    *,
    day: date = MONDAY,
    remembered: Sequence[Finding] = (),
    history: Sequence[Point] = (),
    trusted: Sequence[date] = (),
) -> tuple[Report, tuple[Finding, ...], Point | None]:
    return scan.report(
        read,
        told or digest(),
        day,
        "calls over TLS older than 1.2",
        remembered=remembered,
        history=history,
        trusted=trusted,
        stale_after=STALE,
    )


def days(number: int, calls: int = 10, still_open: int = 1) -> list[Point]:
    """So many daily points before Sunday, oldest first."""
    starts = [MONDAY - DAY - n * DAY for n in range(number, 0, -1)]
    return [Point(start, start + DAY, calls, still_open) for start in starts]


def test_the_first_digest_is_the_baseline() -> None:
    report, findings, before = reported(whole())
    assert report.is_baseline
    assert [entry.change for entry in report.entries] == ["new"]
    assert (report.calls, report.late, report.history) == (10, 0, (Point(MONDAY - DAY, MONDAY, 10, 1),))
    assert [finding.client for finding in findings] == ["boto"]
    assert before is None, "nobody knows what a day had that no digest was there for"


def test_the_second_is_not_even_where_the_first_found_nothing() -> None:
    trusted = [MONDAY - 2 * DAY]
    assert not reported(whole(), history=days(1, calls=0), trusted=trusted)[0].is_baseline


def test_a_first_digest_that_read_nothing_was_no_baseline() -> None:
    nothing = whole(0, events=0, without_tls=0, ended=None, newest=None)
    assert reported(nothing)[0].is_baseline
    assert reported(whole(), history=days(1, calls=0))[0].is_baseline
    assert not reported(whole(), history=days(1, calls=5))[0].is_baseline, "it found something, if not all"


def test_calls_that_arrived_late_are_those_more_than_were_told() -> None:
    report, _, before = reported(whole(before=24), history=days(3), trusted=[MONDAY - 2 * DAY])
    assert (report.late, report.calls, report.calls_before) == (14, 10, 24)
    assert before == Point(MONDAY - 2 * DAY, MONDAY - DAY, 24, 1)
    assert [point.calls for point in report.history] == [10, 10, 24, 10], "the graph has what is now known"


def test_fewer_than_were_told_are_not_late() -> None:
    assert reported(whole(before=3), history=days(1))[0].late == 0


def test_without_a_digest_of_the_period_before_nothing_is_late() -> None:
    assert reported(whole(before=24))[0].late == 0
    elsewhere = [Point(MONDAY - 9 * DAY, MONDAY - 8 * DAY, 5, 1)]
    report, _, before = reported(whole(before=24), history=elsewhere)
    assert report.late == 0
    assert before is not None
    assert before.start == MONDAY - 2 * DAY
    assert [point.start for point in report.history] == [MONDAY - n * DAY for n in (9, 2, 1)]


@pytest.mark.parametrize(
    ("ended", "trusted"),
    [
        (datetime(2026, 11, 22, 22, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 22, 17, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 22, 16, 59, tzinfo=UTC), False),
        (None, False),
    ],
    ids=str,
)
def test_silence_means_something_where_events_came_nearly_to_the_end(
    ended: datetime | None, trusted: bool
) -> None:
    assert reported(whole(ended=ended))[0].period.trusted is trusted


def test_events_without_tls_details_are_not_trusted() -> None:
    assert not reported(whole(0, without_tls=1_000))[0].period.trusted
    assert not reported(whole(0, events=0, without_tls=0))[0].period.trusted


def test_who_asks_about_sdks_needs_no_tls_details_but_names() -> None:
    assert reported(whole(0, without_tls=1_000, mute=""))[0].period.trusted
    assert not reported(whole(0, without_tls=0, mute="client"))[0].period.trusted


def test_an_untrusted_day_resolves_nothing_and_a_trusted_one_does() -> None:
    _, remembered, _ = reported(whole())
    later = MONDAY + 3 * DAY
    trusted = [MONDAY, MONDAY + DAY]
    ends = datetime(2026, 11, 25, 22, 58, tzinfo=UTC)
    for ended, change in ((ends, "resolved"), (ends - timedelta(hours=9), "quiet")):
        silent = whole(0, ended=ended, newest=ended, asked=ended)
        report, _, _ = reported(silent, day=later, remembered=remembered, trusted=trusted)
        assert [entry.change for entry in report.entries] == [change]


@pytest.mark.parametrize(
    ("newest", "stale"),
    [
        (datetime(2026, 11, 23, 7, 55, tzinfo=UTC), None),
        (datetime(2026, 11, 23, 2, 0, tzinfo=UTC), None),
        (datetime(2026, 11, 23, 1, 59, tzinfo=UTC), timedelta(hours=6, minutes=1)),
        (None, None),
    ],
    ids=str,
)
def test_nothing_new_for_longer_than_the_limit_is_stale(
    newest: datetime | None, stale: timedelta | None
) -> None:
    assert reported(whole(newest=newest))[0].stale == stale


def test_an_incomplete_answer_has_no_trend_and_resolves_nothing() -> None:
    report, _, _ = reported(whole(complete=False, before=5), history=days(1))
    assert (report.complete, report.calls_before) == (False, None)


def test_a_graph_has_fourteen_days_or_eight_weeks() -> None:
    assert len(reported(whole(), history=days(20))[0].history) == 14
    weeks = [Point(MONDAY - n * 7 * DAY, MONDAY - (n - 1) * 7 * DAY, n, n) for n in range(20, 1, -1)]
    report, _, before = reported(whole(before=3), digest(weekdays=(0,)), history=weeks)
    assert report.is_weekly
    assert len(report.history) == 8
    assert report.history[-1] == Point(MONDAY - 7 * DAY, MONDAY, 10, 1)
    assert before == Point(MONDAY - 14 * DAY, MONDAY - 7 * DAY, 3, 2)
    assert report.late == 1
    assert [point.open for point in report.history] == [8, 7, 6, 5, 4, 3, 2, 1]


def test_a_monday_of_working_days_tells_three_days_at_once() -> None:
    history = [Point(MONDAY - 4 * DAY, MONDAY - 3 * DAY, 4, 1)]
    report, _, before = reported(whole(30, before=9), digest(weekdays=WORKING_DAYS), history=history)
    assert (report.period.start, report.period.end) == (MONDAY - 3 * DAY, MONDAY)
    assert report.period.days == 3
    assert before == Point(MONDAY - 4 * DAY, MONDAY - 3 * DAY, 9, 1)
    assert (report.late, report.calls_before, report.is_weekly) == (5, 9, False)
