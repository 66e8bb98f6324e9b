"""What is remembered of watches and of decisions; and how a database of version 6 goes on."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bot.digests.decisions import Assignment, Decision
from bot.digests.finding import Finding, Snooze
from bot.digests.watch import Look, Subject, Watch
from bot.errors import UserError
from bot.question.question import Scope
from bot.store import migrations
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.run import DigestTask, Run, WatchTask
from bot.store.runs import Runs
from tests.store.test_digests import TODAY, digest, finding, report

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION_6: Final = Path(__file__).parents[1] / "fixtures" / "version6" / "runs.sql"

NOW: Final = datetime(2026, 11, 23, 8, 14, 30, tzinfo=UTC)
DAY: Final = timedelta(days=1)
ODD: Final = Subject("half \ud800 pair \x00 <!here>", "s3.amazonaws.com", "role/x")
WATCH: Final = Watch(
    0, "U_BOB", "C_ONCALL", "1.1", "Europe/Berlin", Scope.read("service=s3 min=1.3"), ODD, TODAY, NOW
)


@pytest.fixture
def kept(database_url: str) -> Iterator[Digests]:
    with closing(Database(database_url)) as database:
        yield Digests(database)


def admitted(_: list[Watch]) -> None:
    """Whatever else they watch."""


def test_of_two_that_are_added_at_once_the_second_is_told_of_the_first(kept: Digests) -> None:
    start = threading.Barrier(8)

    def alone(mine: list[Watch]) -> None:
        if mine:
            raise UserError("They watch that already.")

    def add(_: int) -> bool:
        start.wait()
        try:
            kept.watches.add(WATCH, alone)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(8) as presses:
        assert sum(presses.map(add, range(8))) == 1
    assert len(kept.watches.due(NOW)) == 1


def test_a_watch_is_kept_with_its_looks(kept: Digests) -> None:
    watch = kept.watches.add(WATCH, admitted)

    assert kept.watches.get(watch.id) == watch
    after = kept.watches.keep(watch.id, Look(TODAY, 7, believed=True))
    again = kept.watches.keep(watch.id, Look(TODAY, 8, believed=False))
    assert after is not None
    assert again == kept.watches.get(watch.id) == replace(watch, looks=(Look(TODAY, 8, believed=False),))
    assert kept.watches.keep(99, Look(TODAY, 7, believed=True)) is None
    assert kept.watches.get(99) is None


def test_a_watch_is_due_until_it_has_ended(kept: Digests) -> None:
    one, other = (
        kept.watches.add(WATCH, admitted),
        kept.watches.add(replace(WATCH, owner="U_ALICE", due=NOW + DAY), admitted),
    )

    assert kept.watches.due(NOW) == [one]
    kept.watches.reschedule(one, NOW + DAY)
    kept.watches.reschedule(one, NOW + 9 * DAY)  # of another replica, which saw it before
    assert kept.watches.due(NOW + DAY) == [replace(one, due=NOW + DAY), other]
    kept.watches.end(one.id)
    kept.watches.reschedule(replace(one, due=NOW + DAY), NOW + 2 * DAY)
    assert kept.watches.due(NOW + 99 * DAY) == [other]
    kept.watches.forget(TODAY + DAY)
    assert kept.watches.get(one.id) is None
    assert kept.watches.get(other.id) == other, "what goes on is kept"


def test_what_was_decided_is_kept_however_old_it_is(kept: Digests) -> None:
    number = kept.add(digest()).id
    old = [finding(client, last=TODAY - 99 * DAY) for client in ("plain", "accepted", "not", "assigned")]
    kept.keep(number, report(TODAY - 99 * DAY, "plain"), old, None)
    decisions = {
        "accepted": Decision("accepted", "alice", "why", TODAY - 99 * DAY, TODAY + DAY),
        "not": Decision("not applicable", "alice", "why", TODAY - 99 * DAY),
    }
    for each in old:
        if each.client in decisions:
            made = decisions[each.client]
            kept.revise(number, each.id, lambda found, made=made: replace(found, decision=made))  # type: ignore[misc]
    assigned = Assignment("payments", "alice", TODAY)
    kept.revise(number, old[3].id, lambda found: replace(found, assignment=assigned))
    assert kept.finding(number, old[3].id) == replace(old[3], assignment=assigned)

    kept.forget(TODAY - 90 * DAY)
    left = {each.client: each for each in kept.findings(number)}
    assert left.keys() == {"accepted", "not"}
    assert left["not"].decision == decisions["not"]
    kept.revise(number, old[2].id, lambda found: replace(found, decision=None))
    kept.forget(TODAY - 90 * DAY)
    assert {each.client for each in kept.findings(number)} == {"accepted"}
    assert kept.revise(number, "none", lambda found: found) is None


def test_a_look_is_a_run_like_others(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        runs = Runs(database)
        run = Run("aaaa0001", "watch/1", WatchTask(1, TODAY, "scan0001"), "", "C1", "x", "", NOW)
        runs.add(run)

        assert runs.get(run.id) == run
        taken = runs.acquire("me", NOW, {"local": 0})
        assert taken is not None, "it needs no room at an engine"
        assert taken.task == WatchTask(1, TODAY, "scan0001")


def test_a_database_of_version_6_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "runs.sqlite"
    with closing(sqlite3.connect(file)) as written:
        written.executescript(VERSION_6.read_text(encoding="utf-8"))
        assert written.execute("SELECT version FROM schema_version").fetchall() == [(6,)]
    with closing(Database(f"sqlite:///{file}")) as database:
        kept, runs = Digests(database), Runs(database)
        (one,) = kept.all()
        assert str(one.scope) == "service=s3.amazonaws.com min=1.2"
        day = date(2026, 11, 22)
        plain = Finding("s3.amazonaws.com", "role/export", "boto", day, day, day, 10, 1, began_before=True)
        snoozed = replace(plain, client="curl", snooze=Snooze("alice", "vendor", date(2026, 12, 1), 3, 1))
        assert {each.client: each for each in kept.findings(1)} == {"boto": plain, "curl": snoozed}
        told = kept.report(1, day, day + DAY)
        assert told is not None
        assert [(entry.change, entry.owner) for entry in told.entries] == [("new", None), ("known", None)]
        assert not told.has_owners
        run = runs.get("aaaa0002")
        assert run is not None
        assert run.task == DigestTask(1, date(2026, 11, 23), "aaaa0001")

        made = Decision("not applicable", "alice", "why", day)
        assert kept.revise(1, plain.id, lambda found: replace(found, decision=made)) == replace(
            plain, decision=made
        )
        assert kept.watches.get(kept.watches.add(WATCH, admitted).id) is not None
    with closing(sqlite3.connect(file)) as written:
        assert written.execute("SELECT version FROM schema_version").fetchall() == [(migrations.VERSION,)]
        decided = written.execute("SELECT decided FROM findings ORDER BY body").fetchall()
        assert decided == [(1,), (0,)]
