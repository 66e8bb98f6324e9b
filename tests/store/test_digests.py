"""What is remembered of digests, in SQLite and in PostgreSQL; and that each is told once a date, all year."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest

from bot.app.grammar import Grammar
from bot.digests.changes import Period
from bot.digests.digest import Digest
from bot.digests.finding import Entry, Finding, Snooze
from bot.digests.report import Point, Report
from bot.digests.schedule import Schedule
from bot.question.filters import Filter
from bot.question.question import Scope
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.run import DigestTask
from bot.store.runs import Runs
from tests.support.workers import worker_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.question.views import View
    from bot.worker.worker import Worker

NOW: Final = datetime(2026, 11, 23, 8, 14, 30, tzinfo=UTC)
TODAY: Final = date(2026, 11, 23)
DAY: Final = timedelta(days=1)
DAILY: Final = Schedule(time(9), "Europe/Berlin", tuple(range(7)))

ABOUT_S3 = Scope.read("service=s3 min=1.2")


@pytest.fixture
def kept(database_url: str) -> Iterator[Digests]:
    with closing(Database(database_url)) as database:
        yield Digests(database)


def digest(**fields: Any) -> Digest:
    plain = Digest(0, "U_ALICE", "C_ONCALL", DAILY, ABOUT_S3, "S_ONCALL", NOW, due=NOW)
    return replace(plain, **fields)


def finding(client: str = "boto", *, last: date = TODAY - DAY) -> Finding:
    return Finding("s3.amazonaws.com", "role/export", client, last, last, last, 10, 1)


def report(start: date, *clients: str, days: int = 1, trusted: bool = True, calls: int = 10) -> Report:
    entries = tuple(Entry("new", finding(client), calls, 0, 1, "") for client in clients)
    return Report(
        period=Period(start, start + days * DAY, trusted),
        entries=entries,
        calls=calls,
        calls_before=None,
        late=0,
        events=1_000,
        without_tls=3,
        silent=("tax",),
        newest=NOW,
        stale=timedelta(hours=7),
        is_baseline=False,
        is_weekly=days == 7,
        complete=True,
        subject="calls over TLS older than 1.2",
        history=(Point(start, start + days * DAY, calls, len(entries)),),
    )


def keep(kept: Digests, number: int, told: Report, before: Point | None = None) -> Report:
    return kept.keep(number, told, [entry.finding for entry in told.entries], before)


# --- the digests


def test_a_digest_is_kept_as_it_was_ordered_and_gets_a_number(kept: Digests) -> None:
    first = kept.add(digest())
    strange = Scope((Filter("agent", ("\x00 <!channel> \U0001f389",), negated=False),))
    second = kept.add(
        digest(scope=strange, mention=None, schedule=Schedule(time(2, 30), "Australia/Lord_Howe", (0, 3)))
    )

    assert first == digest(id=first.id)
    assert second.id != first.id
    assert kept.get(first.id) == first
    assert kept.all() == [first, kept.get(second.id)]
    assert str(second.scope).replace("\ufffd", "\x00").replace("?", "\x00") == str(strange)
    assert kept.get(99) is None


def test_a_number_is_never_given_twice(kept: Digests) -> None:
    """What was run for the digest that had it would count as the new one's."""
    first = kept.add(digest())
    kept.remove(first.id)

    assert kept.add(digest()).id > first.id


def test_a_change_is_kept_and_one_of_a_removed_digest_is_refused(kept: Digests) -> None:
    before = kept.add(digest())
    after = replace(
        before, channel="C_SECURITY", mention=None, schedule=replace(DAILY, weekdays=(0,)), due=None
    )
    assert kept.change(after)
    assert kept.get(before.id) == after

    kept.remove(before.id)
    assert not kept.change(after)
    assert kept.all() == []


def test_what_is_due_is_what_has_come_and_is_not_paused(kept: Digests) -> None:
    now = kept.add(digest())
    later = kept.add(digest(due=NOW + timedelta(seconds=1)))
    paused = kept.add(digest())
    kept.pause(paused.id)

    assert kept.due(NOW) == [now]
    assert kept.due(NOW + timedelta(seconds=1)) == [now, later]
    assert kept.get(paused.id) == replace(paused, paused=True, due=None)


def test_a_digest_that_was_told_is_due_next_at_its_following_moment(kept: Digests) -> None:
    told = kept.add(digest())
    kept.reschedule(told, NOW)
    assert kept.due(NOW) == []
    assert kept.get(told.id) == replace(told, due=datetime(2026, 11, 24, 8, 0, tzinfo=UTC))


def test_putting_off_leaves_alone_what_someone_changed_meanwhile(kept: Digests) -> None:
    told = kept.add(digest())
    changed = replace(told, due=NOW + timedelta(hours=3), scope=Scope.read("service=kms"))
    kept.change(changed)
    kept.reschedule(told, NOW)
    assert kept.get(told.id) == changed

    kept.pause(told.id)
    kept.reschedule(changed, NOW)
    assert kept.due(NOW + 9 * DAY) == []


def test_a_digest_that_was_put_aside_is_nowhere_until_it_is_put_back_or_forgotten(kept: Digests) -> None:
    one = kept.add(digest())
    keep(kept, one.id, report(TODAY - DAY, "boto"))
    kept.put_aside(one.id, NOW)
    assert (kept.get(one.id), kept.all(), kept.due(NOW), kept.change(one)) == (None, [], [], False)
    assert kept.aside(one.id, NOW + DAY) is None
    assert kept.aside(one.id, NOW) == one

    kept.put_back(one.id)
    assert kept.get(one.id) == one
    assert kept.aside(one.id, NOW) is None
    kept.forget_aside(NOW + DAY)
    assert kept.findings(one.id) == [finding()]

    kept.put_aside(one.id, NOW)
    kept.forget_aside(NOW)
    assert kept.aside(one.id, NOW) == one
    kept.forget_aside(NOW + DAY)
    assert kept.aside(one.id, NOW) is None
    assert kept.findings(one.id) == []


def test_removing_forgets_only_that_digests_memory(kept: Digests) -> None:
    one, other = kept.add(digest()), kept.add(digest())
    for each in (one, other):
        keep(kept, each.id, report(TODAY - DAY, "boto"))
    kept.remove(one.id)
    assert kept.findings(one.id) == []
    assert kept.last_report(one.id) is None
    assert kept.findings(other.id) == [finding()]


def test_starting_over_keeps_the_digest_and_forgets_what_it_found(kept: Digests) -> None:
    one = kept.add(digest())
    keep(kept, one.id, report(TODAY - DAY, "boto"))
    kept.start_over(one.id)
    assert kept.get(one.id) == one
    assert (kept.findings(one.id), kept.points(one.id, TODAY, 9), kept.trusted(one.id, TODAY, 9)) == (
        [],
        [],
        set(),
    )


# --- what was read


def test_an_answer_is_kept_and_the_second_one_of_a_run_counts(kept: Digests) -> None:
    assert kept.answer("run") is None
    kept.put_answer("run", "{}")
    kept.put_answer("run", '{"x": 1}')
    assert kept.answer("run") == '{"x": 1}'
    assert kept.answer("another") is None


# --- what is told


def test_what_was_told_is_told_again_word_for_word(kept: Digests) -> None:
    one = kept.add(digest())
    told = report(TODAY - DAY, "boto", "half a pair \ud800, a zero \x00")
    assert keep(kept, one.id, told) == told
    assert kept.report(one.id, TODAY - DAY, TODAY) == told
    assert kept.last_report(one.id) == told
    assert kept.report(one.id, TODAY, TODAY + DAY) is None
    assert kept.report(one.id + 1, TODAY - DAY, TODAY) is None


def test_the_first_to_write_a_period_is_told_by_all(kept: Digests) -> None:
    one = kept.add(digest())
    first = keep(kept, one.id, report(TODAY - DAY, "boto"))
    second = keep(kept, one.id, report(TODAY - DAY, "curl"), Point(TODAY - 2 * DAY, TODAY - DAY, 99, 0))
    assert second == first
    assert kept.findings(one.id) == [finding("boto")]
    assert kept.points(one.id, TODAY - DAY, 9) == [], "nor is anything else of the second kept"


def test_of_many_who_write_at_once_one_is_first(kept: Digests) -> None:
    one = kept.add(digest())
    clients = [f"client {number}" for number in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        told = list(pool.map(lambda client: keep(kept, one.id, report(TODAY - DAY, client)), clients))
    assert len({each.entries[0].finding.client for each in told}) == 1
    assert kept.findings(one.id) == [told[0].entries[0].finding]


def test_points_are_the_latest_periods_before_oldest_first(kept: Digests) -> None:
    one = kept.add(digest())
    for back in (4, 3, 2, 1):
        keep(kept, one.id, report(TODAY - back * DAY, "boto", calls=back * 10, trusted=back != 3))

    days = {back: TODAY - back * DAY for back in range(5)}
    assert kept.points(one.id, days[1], 2) == [
        Point(days[3], days[2], 30, 1),
        Point(days[2], days[1], 20, 1),
    ]
    assert kept.trusted(one.id, days[0], 9) == {days[4], days[2], days[1]}
    assert kept.trusted(one.id, days[0], 1) == {days[1]}


def test_late_calls_change_the_period_before_and_nothing_that_was_told_of_it(kept: Digests) -> None:
    one = kept.add(digest())
    before = keep(kept, one.id, report(TODAY - 2 * DAY, "boto"))
    keep(kept, one.id, report(TODAY - DAY, "boto"), Point(TODAY - 2 * DAY, TODAY - DAY, 24, 7))
    assert kept.points(one.id, TODAY - DAY, 1) == [Point(TODAY - 2 * DAY, TODAY - DAY, 24, 1)]
    assert kept.report(one.id, TODAY - 2 * DAY, TODAY - DAY) == before
    assert kept.trusted(one.id, TODAY - DAY, 9) == {TODAY - 2 * DAY}


def test_a_period_that_nobody_told_has_calls_and_no_trust(kept: Digests) -> None:
    one = kept.add(digest())
    untold = Point(TODAY - 2 * DAY, TODAY - DAY, 24, 0)
    keep(kept, one.id, report(TODAY - DAY, "boto"), untold)
    assert kept.points(one.id, TODAY - DAY, 9) == [untold]
    assert kept.trusted(one.id, TODAY - DAY, 9) == set()
    assert kept.report(one.id, TODAY - 2 * DAY, TODAY - DAY) is None


def test_a_week_is_not_told_as_the_day_it_begins_with(kept: Digests) -> None:
    one, monday = kept.add(digest()), TODAY - 7 * DAY
    for n in range(7):
        keep(kept, one.id, report(monday + n * DAY, "boto"))
    assert kept.report(one.id, monday, TODAY) is None

    week = report(monday, "boto", days=7, calls=70)
    assert keep(kept, one.id, week, Point(monday - 7 * DAY, monday, 60, 0)) == week
    assert kept.report(one.id, monday, TODAY) == week
    assert kept.points(one.id, TODAY, 9) == [
        Point(monday - 7 * DAY, monday, 60, 0),
        Point(monday, TODAY, 70, 1),
    ]


def test_a_finding_is_acknowledged_and_not_any_more(kept: Digests) -> None:
    one = kept.add(digest())
    keep(kept, one.id, report(TODAY - DAY, "boto", "curl"))
    known = Snooze("alice", "vendor \x00 \ud800", date(2026, 12, 7), 10, 1)

    assert kept.acknowledge(one.id, finding("boto").id, known) == replace(finding("boto"), snooze=known)
    assert kept.finding(one.id, finding("boto").id) == replace(finding("boto"), snooze=known)
    assert kept.finding(one.id, finding("curl").id) == finding("curl")
    assert kept.acknowledge(one.id, finding("boto").id, None) == finding("boto")
    assert kept.acknowledge(one.id, "no such finding", known) is None
    assert kept.finding(one.id + 1, finding("boto").id) is None


def test_what_is_old_is_forgotten_and_the_rest_is_not(kept: Digests) -> None:
    one = kept.add(digest())
    old, new = finding("old", last=TODAY - 90 * DAY), finding("new")
    keep(kept, one.id, report(TODAY - 91 * DAY))
    kept.keep(one.id, report(TODAY - DAY), [old, new], None)

    kept.forget(TODAY - 90 * DAY)
    assert kept.findings(one.id) == [old, new], "the day before is not yet over"
    kept.forget(TODAY - 89 * DAY)
    assert kept.findings(one.id) == [new]
    assert kept.points(one.id, TODAY, 9) == [Point(TODAY - DAY, TODAY, 10, 0)]
    assert kept.get(one.id) == one


# --- a year of the scheduler (Show 1)

YEAR: Final = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
PLACES: Final = (
    ("Europe/Berlin", time(2, 30)),
    ("America/New_York", time(2, 30)),
    ("Asia/Kolkata", time(9, 0)),
    ("Australia/Lord_Howe", time(2, 15)),
    ("Australia/Lord_Howe", time(1, 45)),
    ("UTC", time(0, 0)),
)
"""Times that a change of clocks skips or has twice, where there is one."""

OUTAGES: Final = (
    (datetime(2026, 3, 28, 20, 0, tzinfo=UTC), datetime(2026, 3, 29, 12, 0, tzinfo=UTC)),
    (datetime(2026, 7, 1, 11, 0, tzinfo=UTC), datetime(2026, 7, 4, 11, 17, tzinfo=UTC)),
    (datetime(2026, 10, 3, 12, 0, tzinfo=UTC), datetime(2026, 11, 2, 5, 30, tzinfo=UTC)),
)
"""Over Berlin's change in spring; three days; and a month with all three changes in autumn."""


class Year:
    """A clock that is driven through the year, and stands in no outage."""

    def __init__(self) -> None:
        self.now = YEAR[0]

    def __call__(self) -> datetime:
        return self.now

    def on(self, moment: datetime) -> None:
        """To `moment`; where nobody was there then, to when somebody is back."""
        self.now = next((back for gone, back in OUTAGES if gone <= moment < back), moment)


class Silence:
    """A publisher that is never asked for anything."""


def moments(zone: str, at: time) -> dict[str, datetime]:
    """When each local date of the year is due, as the standard library tells it: by the offset before a
    change, which moves a skipped time on, and of two takes the first."""
    first, last = (edge.astimezone(ZoneInfo(zone)).date() - DAY for edge in YEAR)
    every = {
        day.isoformat(): datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
        for day in (first + n * DAY for n in range((last - first).days + 3))
    }
    return {day: due for day, due in every.items() if YEAR[0] < due < YEAR[1]}


def kept_due(digests: Digests, number: int) -> datetime:
    """When a digest is due next."""
    found = digests.get(number)
    assert found is not None
    assert found.due is not None
    return found.due


def silent(database: Database, catalogue: dict[str, View], clock: Year) -> Worker:
    """A worker that shows nothing to anyone."""
    silence: Any = Silence()
    return worker_over(database, {}, silence, Grammar(catalogue, ["local"], "local", 366), clock=clock)


def test_through_a_year_with_three_outages_each_local_date_is_told_once(
    tmp_path: Path, catalogue: dict[str, View]
) -> None:
    clock = Year()
    with closing(Database(f"sqlite:///{tmp_path / 'runs.sqlite'}")) as database:
        digests, runs = Digests(database), Runs(database)
        worker = silent(database, catalogue, clock)
        for number, (zone, at) in enumerate(PLACES):
            schedule = Schedule(at, zone, tuple(range(7)))
            due = schedule.following(clock.now)
            digests.add(digest(channel=f"C{number}", schedule=schedule, due=due))
        dues = {each.id: each.due or YEAR[1] for each in digests.all()}
        for count in itertools.count():
            moment = min(dues.values())
            if moment >= YEAR[1]:
                break
            if count % 7 == 0:
                clock.on(moment - timedelta(seconds=1))
                worker.scheduler.schedule_due()
            clock.on(moment)
            worker.scheduler.schedule_due()
            for number in [number for number, due in dues.items() if due <= clock.now]:
                dues[number] = kept_due(digests, number)
        told = [
            (run.task, run.created) for run in runs.latest("", 10_000) if isinstance(run.task, DigestTask)
        ]

    for number, (zone, at) in enumerate(PLACES, 1):
        by_date = {task.day.isoformat(): created for task, created in told if task.digest == number}
        assert len(by_date) == sum(task.digest == number for task, _ in told), "none twice"
        expected = {}
        for day, due in moments(zone, at).items():
            back = next((back for gone, back in OUTAGES if gone <= due < back), None)
            if back is None:
                expected[day] = due
            elif not any(due < other < back for other in moments(zone, at).values()):
                expected[day] = back  # the latest that fell due meanwhile
        assert by_date == expected
        assert len(expected) > 330
        for day, moment in by_date.items():
            local = moment.astimezone(ZoneInfo(zone))
            if moment not in {back for _, back in OUTAGES}:
                changed = local.utcoffset() != (local - timedelta(hours=3)).utcoffset()
                assert (local.date().isoformat(), local.time()) == (day, at) or changed


def test_all_digests_of_a_question_share_one_scan_a_day(tmp_path: Path, catalogue: dict[str, View]) -> None:
    clock = Year()
    clock.now = NOW
    with closing(Database(f"sqlite:///{tmp_path / 'runs.sqlite'}")) as database:
        digests, runs = Digests(database), Runs(database)
        worker = silent(database, catalogue, clock)
        for number in range(20):
            scope = (ABOUT_S3, Scope.read("service=kms min=1.2"))[number % 2]
            digests.add(digest(channel=f"C{number}", scope=scope))
        digests.add(digest(schedule=replace(DAILY, zone="Europe/Paris")))  # whose days are the same
        digests.add(digest(schedule=replace(DAILY, zone="UTC"), due=NOW))
        worker.scheduler.schedule_due()
        scans = [run for run in runs.latest("", 99) if run.kind == "scan"]
        told = [run.task for run in runs.latest("", 99) if isinstance(run.task, DigestTask)]
    assert len(told) == 22
    assert len(scans) == 3
    assert {task.awaits for task in told} == {run.id for run in scans}
