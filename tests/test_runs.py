"""Runs: one record each, one owner at a time, and nobody waits behind one person's pile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from bot.errors import Stopped
from bot.runs import LEASE, Run, Runs, Step
from bot.statement import Statement
from bot.views import Column

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROOM = {"local": 2, "lake": 10}
NONE: dict[str, int] = {"local": 0, "lake": 0}


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    kept = Runs(f"sqlite:///{tmp_path / 'runs.sqlite'}")
    yield kept
    kept.close()


def run(name: str, *, user: str = "U1", engine: str = "local", second: int = 0) -> Run:
    columns = (Column("eventSource", "TEXT"), Column("numCalls", "INTEGER"))
    return Run(
        id=name,
        key=f"key-{name}",
        user=user,
        channel="C1",
        reply_to=None,
        typed="last 7d",
        text="2026-11-16T08:00:00Z..2026-11-23T08:00:00Z by=services",
        engine=engine,
        steps=(Step("answer", Statement("SELECT 1", columns)),),
        created=START + timedelta(seconds=second),
    )


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def announce(runs: Runs, now: datetime) -> None:
    """Claim and announce what is new while no engine has room, and lay it back."""
    while taken := runs.claim("w", now, NONE):
        taken = runs.save(taken, now, home="C1", thread=f"ts-{taken.id}")
        runs.save(taken, now, state="queued", attempts=taken.attempts - 1)


def test_a_run_is_kept_as_it_was_given(runs: Runs, tmp_path: Path) -> None:
    given = replace(run("a"), parts={"table": "17.1"}, scanned=9_000_000_000, due=at(5))
    runs.add(given)
    other = Runs(f"sqlite:///{tmp_path / 'runs.sqlite'}")
    assert other.get("a") == given
    assert other.get("b") is None
    other.close()


def test_the_same_key_is_the_same_run_as_it_is_now(runs: Runs) -> None:
    runs.add(run("a"))
    claimed = runs.claim("w", at(1), ROOM)
    again = runs.add(replace(run("b"), key="key-a"))
    assert again == claimed
    assert runs.get("b") is None


def test_many_at_once_with_one_key_make_one_run(runs: Runs) -> None:
    barrier, seen = Barrier(8), []

    def add(number: int) -> None:
        barrier.wait()
        seen.append(runs.add(replace(run(f"r{number}"), key="one")).id)

    threads = [Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1


def test_many_claiming_at_once_get_a_run_each_and_no_more_than_fit(runs: Runs) -> None:
    for number in range(8):
        runs.add(run(f"r{number}", second=number))
    barrier, taken = Barrier(8), []

    def claim(number: int) -> None:
        barrier.wait()
        found = runs.claim(f"w{number}", at(10), ROOM)
        assert found is not None
        taken.append(found)

    threads = [Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.id for each in taken}) == 8
    assert sum(each.state == "running" for each in taken) == ROOM["local"]


def test_a_claimed_run_has_an_owner_a_lease_and_a_number(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.claim("w", at(1), ROOM)
    assert taken is not None
    assert (taken.owner, taken.lease, taken.fence, taken.attempts) == ("w", at(1) + LEASE, 1, 1)
    assert (taken.state, taken.started) == ("running", at(1))
    assert runs.claim("x", at(2), ROOM) is None


def test_a_run_whose_owner_is_silent_is_taken_over_when_its_lease_ends(runs: Runs) -> None:
    runs.add(run("a"))
    runs.claim("w", at(0), ROOM)
    assert runs.claim("x", at(29.9), ROOM) is None
    taken = runs.claim("x", at(30), ROOM)
    assert taken is not None
    assert (taken.owner, taken.fence, taken.attempts, taken.state) == ("x", 2, 2, "running")
    assert taken.started == at(0), "it began when it first ran"


def test_every_write_renews_the_lease(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.claim("w", at(0), ROOM)
    assert taken is not None
    runs.save(taken, at(20), scanned=5)
    assert runs.claim("x", at(49), ROOM) is None
    assert runs.claim("x", at(50), ROOM) is not None


def test_an_owner_that_wakes_up_late_changes_nothing(runs: Runs) -> None:
    runs.add(run("a"))
    first = runs.claim("w", at(0), ROOM)
    second = runs.claim("x", at(31), ROOM)
    assert first is not None
    assert second is not None
    with pytest.raises(Stopped):
        runs.save(first, at(32), state="done")
    assert runs.get("a") == second
    assert runs.save(second, at(33), state="done").state == "done"


def test_an_owner_that_wakes_up_before_anyone_came_goes_on(runs: Runs) -> None:
    runs.add(run("a"))
    first = runs.claim("w", at(0), ROOM)
    assert first is not None
    assert runs.save(first, at(100), scanned=1).lease == at(100) + LEASE


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_nothing_changes_a_run_that_has_ended(runs: Runs, state: str) -> None:
    runs.add(run("a"))
    taken = runs.claim("w", at(0), ROOM)
    assert taken is not None
    ended = runs.save(taken, at(1), state=state, finished=at(1))
    assert ended.lease is None
    with pytest.raises(Stopped):
        runs.save(ended, at(2), state="queued")
    assert runs.withdraw("a") is None
    assert runs.claim("x", at(1000), ROOM) is None


def test_what_an_owner_left_behind_is_taken_up_at_once_when_it_starts_again(runs: Runs) -> None:
    for number, state in enumerate(["running", "posting", "queued"]):
        runs.add(run(state, second=number))
    _, posting, opening = (runs.claim("w", at(3), ROOM) for _ in range(3))
    assert posting is not None
    runs.save(posting, at(4), state="posting")
    assert opening is not None
    assert opening.state == "queued", "it was being announced"

    runs.release("someone else")
    assert runs.claim("x", at(5), ROOM) is None
    runs.release("w")
    again = [runs.claim("x", at(6), ROOM) for _ in range(3)]
    assert {each.id for each in again if each} == {"running", "posting", "queued"}


def test_users_take_turns(runs: Runs) -> None:
    pile = [run(f"alice-{number}", user="alice", second=number) for number in range(5)]
    late = run("bob-0", user="bob", second=60)
    for each in [*pile, late]:
        runs.add(each)
    now = at(100)
    announce(runs, now)

    order = []
    while taken := runs.claim("w", now, {"local": 1}):
        order.append(taken.id)
        runs.save(taken, now, state="done")
    assert order[:2] == ["alice-0", "bob-0"]
    assert [each for each in order if each.startswith("alice")] == [each.id for each in pile]


def test_whoever_has_one_running_comes_after_whoever_has_none(runs: Runs) -> None:
    for each in (run("a1", user="a"), run("a2", user="a", second=1), run("b1", user="b", second=2)):
        runs.add(each)
    now = at(10)
    announce(runs, now)

    assert [taken.id for _ in range(2) if (taken := runs.claim("w", now, ROOM))] == ["a1", "b1"]


def test_an_engine_runs_no_more_than_its_limit_and_others_are_not_held_up(runs: Runs) -> None:
    for number in range(3):
        runs.add(run(f"l{number}", second=number))
    runs.add(run("lake", engine="lake", second=9))
    states = {}
    while taken := runs.claim("w", at(10), ROOM):
        states[taken.id] = taken.state
        if taken.state == "queued":
            runs.save(runs.save(taken, at(10), thread="t"), at(10), state="queued")
    assert states == {"l0": "running", "l1": "running", "l2": "queued", "lake": "running"}
    # one that posts gives its place at the engine to the next
    first = runs.get("l0")
    assert first is not None
    runs.save(first, at(11), state="posting")
    taken = runs.claim("w", at(11), ROOM)
    assert taken is not None
    assert (taken.id, taken.state) == ("l2", "running")


def test_an_engine_nobody_knows_any_more_runs_nothing(runs: Runs) -> None:
    runs.add(run("a", engine="gone"))
    taken = runs.claim("w", at(0), ROOM)
    assert taken is not None
    assert taken.state == "queued"


def test_a_run_that_was_put_off_keeps_its_place_and_is_not_tried_before_its_time(runs: Runs) -> None:
    runs.add(run("a"))
    runs.add(run("b", second=1))
    first = runs.claim("w", at(2), ROOM)
    assert first is not None
    first = runs.save(first, at(2), thread="t")
    runs.save(first, at(2), state="queued", due=at(7), attempts=0)
    second = runs.claim("w", at(3), ROOM)
    assert second is not None
    assert second.id == "b"
    runs.save(runs.save(second, at(3), thread="u"), at(3), state="queued")

    taken = runs.claim("w", at(7), {"local": 1})
    assert taken is not None
    assert taken.id == "a"


@pytest.mark.parametrize("room", [ROOM, NONE])
def test_a_cancelled_run_is_handed_out_to_be_ended_whether_there_is_room_or_not(
    runs: Runs, room: dict[str, int]
) -> None:
    runs.add(run("a"))
    announce(runs, at(0))
    runs.add(run("b", second=1))
    marked = runs.withdraw("a")
    assert marked is not None
    assert not marked.wanted

    taken = runs.claim("w", at(1), room)
    assert taken is not None
    assert (taken.id, taken.state, taken.started) == ("a", "queued", None)


def test_a_running_run_that_is_cancelled_stays_its_owners(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.claim("w", at(0), ROOM)
    assert taken is not None
    runs.withdraw("a")
    assert runs.claim("x", at(1), ROOM) is None
    assert not runs.save(taken, at(2), scanned=1).wanted
    assert runs.withdraw("nobody") is None


def test_the_place_in_the_queue_counts_those_before_that_still_wait(runs: Runs) -> None:
    for number in range(4):
        runs.add(run(f"r{number}", second=number))
    last = runs.get("r3")
    assert last is not None
    assert runs.ahead(last) == 3
    runs.withdraw("r0")
    taken = runs.claim("w", at(9), ROOM)
    assert taken is not None
    assert taken.id == "r0"
    runs.save(taken, at(9), state="cancelled")
    running = runs.claim("w", at(9), ROOM)
    assert running is not None
    assert running.id == "r1"
    assert runs.ahead(running) == 0
    assert runs.ahead(last) == 1


def test_the_latest_runs_are_mine_newest_first(runs: Runs) -> None:
    for number in range(5):
        runs.add(run(f"r{number}", user=f"U{number % 2}", second=number))
    assert [each.id for each in runs.latest("U0", 2)] == ["r4", "r2"]
    assert runs.latest("U9", 2) == []


def test_how_long_an_asker_waited_counts_from_the_asking(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.claim("w", at(90), ROOM)
    assert taken is not None
    assert taken.waited == timedelta(seconds=90)
    assert run("b").waited == timedelta()
