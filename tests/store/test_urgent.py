"""What is told of urgent services is told once, whoever tells it; and a database of version 8 goes on."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from bot.digests.finding import Entry
from bot.digests.urgent import Told
from bot.store import migrations
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.run import Run, UrgentTask
from bot.store.runs import Runs
from tests.store.test_digests import TODAY, digest, finding, report

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from bot.digests.finding import Finding

NOW: Final = datetime(2026, 11, 23, 8, tzinfo=UTC)
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
WATCHED: Final = replace(digest(), urgent=("kms.amazonaws.com", "sts.amazonaws.com"), urgent_due=NOW)


@pytest.fixture
def kept(database_url: str) -> Iterator[Digests]:
    with closing(Database(database_url)) as database:
        yield Digests(database)


def news(*clients: str) -> Callable[[Iterable[Finding], Collection[str], bool], Told]:
    """Chooses of some findings those that are neither remembered nor told; without any, a doubt."""

    def choose(remembered: Iterable[Finding], told: Collection[str], was_doubted: bool) -> Told:
        known = {each.id for each in remembered} | set(told)
        new = [finding(client) for client in clients if finding(client).id not in known]
        if not clients:
            return Told(None, "" if was_doubted else "Nothing was believed.")
        return Told(replace(report(TODAY), entries=tuple(entry(each) for each in new)) if new else None)

    return choose


def entry(new: Finding) -> Entry:
    return Entry("new", new, 1, 0, 1, "")


def clients(told: Told) -> list[str]:
    return [] if told.report is None else [each.finding.client for each in told.report.entries]


def test_urgent_services_are_kept_and_due_until_the_digest_is_paused_or_removed(kept: Digests) -> None:
    kept.add(digest())
    watched = kept.add(WATCHED)

    assert kept.get(watched.id) == watched
    assert kept.urgent.due(NOW - HOUR) == []
    assert kept.urgent.due(NOW) == [watched.id]
    kept.urgent.reschedule(watched.id, NOW, NOW + HOUR)
    kept.urgent.reschedule(watched.id, NOW, NOW + 9 * HOUR)  # of another replica, which saw it before
    assert kept.urgent.due(NOW) == []
    assert kept.urgent.due(NOW + HOUR) == [watched.id]
    kept.put_aside(watched.id, NOW)
    assert kept.urgent.due(NOW + HOUR) == []
    kept.put_back(watched.id)
    kept.pause(watched.id)
    assert kept.urgent.due(NOW + HOUR) == []


def test_what_one_run_tells_is_chosen_once_and_told_by_no_other(kept: Digests) -> None:
    number = kept.add(WATCHED).id

    first = kept.urgent.tell("one", number, TODAY, None, news("curl"))
    assert clients(first) == ["curl"]
    assert kept.urgent.tell("one", number, TODAY, None, news("other")) == first, "as after a crash"
    assert clients(kept.urgent.tell("two", number, TODAY, None, news("curl", "boto"))) == ["boto"]
    assert clients(kept.urgent.tell("three", number, TODAY, None, news("curl", "boto"))) == []
    assert clients(kept.urgent.tell("four", kept.add(WATCHED).id, TODAY, None, news("curl"))) == ["curl"]


def test_of_looks_at_once_one_tells_a_finding(kept: Digests) -> None:
    number = kept.add(WATCHED).id
    start = threading.Barrier(6)

    def look(at: int) -> list[str]:
        start.wait()
        return clients(kept.urgent.tell(f"run{at}", number, TODAY, None, news("curl", "boto")))

    with ThreadPoolExecutor(6) as replicas:
        told = [client for each in replicas.map(look, range(6)) for client in each]
    assert sorted(told) == ["boto", "curl"]


def test_the_digest_says_what_was_told_and_what_is_resolved_may_be_told_again(kept: Digests) -> None:
    number = kept.add(WATCHED).id
    kept.urgent.tell("one", number, TODAY, None, news("curl"))

    first = kept.keep(number, report(TODAY, "curl", "boto"), [finding("curl"), finding("boto")], None)
    assert {each.finding.client: each.told for each in first.entries} == {"curl": TODAY, "boto": None}
    assert kept.last_report(number) == first
    assert clients(kept.urgent.tell("two", number, TODAY, None, news("curl"))) == []

    gone = replace(report(TODAY + 5 * DAY, "curl"))
    resolved = replace(gone, entries=tuple(replace(each, change="resolved") for each in gone.entries))
    kept.keep(number, resolved, [], None)
    assert clients(kept.urgent.tell("three", number, TODAY + 6 * DAY, None, news("curl"))) == ["curl"]


def test_what_a_look_is_only_about_to_post_the_digest_calls_not_told(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        digests, runs = Digests(database), Runs(database)
        number = digests.add(WATCHED).id
        for at, client in enumerate(("curl", "boto")):
            look = Run(f"look{at}", f"urgent/{at}", UrgentTask(number, "scan0001"), "", "C1", "x", "", NOW)
            runs.add(look)
            digests.urgent.tell(look.id, number, TODAY, None, news(client))
            if client == "curl":
                runs.finish(look, "done", NOW)

        kept = digests.keep(number, report(TODAY, "curl", "boto"), [], None)

        assert {each.finding.client: each.told for each in kept.entries} == {"curl": TODAY, "boto": None}
        assert clients(digests.urgent.tell("next", number, TODAY, None, news("boto"))) == []


def test_a_doubt_is_told_once_until_something_is_believed(kept: Digests) -> None:
    number = kept.add(WATCHED).id

    assert kept.urgent.tell("one", number, TODAY, None, news()).doubt
    assert not kept.urgent.tell("two", number, TODAY, None, news()).doubt
    kept.urgent.tell("three", number, TODAY, NOW, news("curl"))
    believed = kept.get(number)
    assert believed is not None
    assert believed.urgent_read == NOW
    kept.urgent.tell("late", number, TODAY, NOW - HOUR, news("curl"))
    assert kept.get(number) == believed, "a look that comes late takes nothing back"
    assert kept.urgent.tell("four", number, TODAY, None, news()).doubt


def test_what_was_told_is_forgotten_with_its_digest_and_in_time(kept: Digests) -> None:
    number = kept.add(WATCHED).id
    kept.urgent.tell("one", number, TODAY, None, news("curl"))
    kept.start_over(number)
    assert clients(kept.urgent.tell("two", number, TODAY, None, news("curl"))) == ["curl"]
    kept.forget(TODAY)
    assert clients(kept.urgent.tell("three", number, TODAY, None, news("curl"))) == []
    kept.forget(TODAY + DAY)
    assert clients(kept.urgent.tell("four", number, TODAY, None, news("curl"))) == ["curl"]


def test_a_look_at_urgent_services_is_a_run_like_others(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        runs = Runs(database)
        run = Run("aaaa0001", "urgent/1/x", UrgentTask(1, "scan0001"), "", "C1", "x", "", NOW)
        runs.add(run)

        assert runs.get(run.id) == run
        taken = runs.acquire("me", NOW, {"local": 0})
        assert taken is not None, "it needs no room at an engine"
        assert taken.task == UrgentTask(1, "scan0001")


def test_a_database_of_version_8_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "runs.sqlite"
    with closing(Database(f"sqlite:///{file}")) as database:
        number = Digests(database).add(digest()).id
    with closing(sqlite3.connect(file)) as written:
        for column in ("urgent", "urgent_due", "urgent_read"):
            written.execute(f"ALTER TABLE digests DROP COLUMN {column}")
        written.execute("DROP TABLE urgent_told")
        written.execute("UPDATE schema_version SET version = 8")
        written.commit()
    with closing(Database(f"sqlite:///{file}")) as database:
        kept = Digests(database)
        old = kept.get(number)
        assert old is not None
        assert (old.urgent, old.urgent_due, old.urgent_read) == ((), None, None)
        assert kept.change(replace(old, urgent=WATCHED.urgent, urgent_due=NOW))
        assert kept.urgent.due(NOW) == [number]
        assert clients(kept.urgent.tell("one", number, TODAY, NOW, news("curl"))) == ["curl"]
    with closing(sqlite3.connect(file)) as written:
        assert written.execute("SELECT version FROM schema_version").fetchall() == [(migrations.VERSION,)]
