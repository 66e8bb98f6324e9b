"""Runs: one record each, one owner at a time, and nobody waits behind one person's pile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import TYPE_CHECKING, get_args

import pytest

from bot.errors import Cancelled
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.queue import EACH_USER, FOR_OTHERS, LEASE
from bot.store.run import QuestionTask, Receipt, Run
from bot.store.runs import REPEATED, Runs
from bot.store.schema import State
from tests.support.runs import BEGUN, asked, task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.store.schema import Kind

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROOM = {"local": 2, "lake": 10}
NONE: dict[str, int] = {"local": 0, "lake": 0}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def runs(database: Database) -> Runs:
    return Runs(database)


@pytest.fixture
def elsewhere(database: Database, database_url: str) -> Iterator[Runs]:
    """The same runs, as another replica has them."""
    del database  # it has made the tables
    other = Database(database_url)
    yield Runs(other)
    other.close()


TABLE = {"table": Receipt("message", "1")}


def run(
    name: str, *, user: str = "U1", engine: str = "local", second: int = 0, kind: Kind = "question"
) -> Run:
    return asked(at(second), name, user=user, engine=engine, steps=BEGUN, task=task(kind))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def announce(runs: Runs, now: datetime) -> None:
    """Claim and announce what is new while no engine has room, and lay it back."""
    while taken := runs.acquire("w", now, NONE):
        taken = runs.save(taken, now, home="C1", thread=f"ts-{taken.id}")
        runs.release(taken, attempts=taken.attempts - 1)


def claimed(runs: Runs, now: datetime, *, owner: str = "w", room: dict[str, int] | None = None) -> Run:
    """The next run, which there is."""
    taken = runs.acquire(owner, now, ROOM if room is None else room)
    assert taken is not None
    return taken


def all_at_once(act: Callable[[int], None], count: int) -> None:
    """Do something in so many threads, which begin together; what one raises is raised."""
    barrier, failed = Barrier(count), []

    def work(number: int) -> None:
        barrier.wait()
        try:
            act(number)
        except Exception as error:  # noqa: BLE001 - for whoever started the thread
            failed.append(error)

    threads = [Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def test_a_run_is_kept_as_it_was_given(runs: Runs, elsewhere: Runs) -> None:
    given = replace(
        run("a"),
        receipts={"table": Receipt("message", "17.1")},
        scanned=9_000_000_000,
        due=at(5),
        task=task("digest", "scan"),
        maybe_posted=True,
    )
    runs.add(given)
    assert elsewhere.get("a") == given
    assert elsewhere.get("b") is None


def test_a_moment_is_kept_to_the_microsecond(runs: Runs) -> None:
    moment = datetime(2026, 11, 23, 8, 14, 30, 123_457, tzinfo=UTC)
    runs.add(replace(run("a"), created=moment))
    kept = runs.get("a")
    assert kept is not None
    assert kept.created == moment


def test_the_same_key_is_the_same_run_as_it_is_now(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.acquire("w", at(1), ROOM)
    again = runs.add(replace(run("b"), key="key-a"))
    assert again == taken
    assert runs.get("b") is None


def test_a_key_that_is_known_costs_those_who_come_at_the_same_time_nothing(runs: Runs) -> None:
    runs.add(run("known"))
    keys = ["key-known" if number % 3 == 0 else f"key-{number}" for number in range(30)]
    kept: list[str] = []
    all_at_once(lambda number: kept.append(runs.add(replace(run(f"r{number}"), key=keys[number])).id), 30)
    assert sorted(set(kept)) == sorted({"known"} | {f"r{number}" for number in range(30) if number % 3 != 0})


def test_many_at_once_with_one_key_make_one_run(runs: Runs, elsewhere: Runs) -> None:
    seen: list[str] = []

    def add(number: int) -> None:
        runs_here = (runs, elsewhere)[number % 2]
        seen.append(runs_here.add(replace(run(f"r{number}"), key="one")).id)

    all_at_once(add, 8)
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_many_claiming_at_once_get_a_run_each_and_no_more_than_fit(runs: Runs, elsewhere: Runs) -> None:
    for number in range(8):
        runs.add(run(f"r{number}", second=number))
    taken: list[Run] = []

    all_at_once(lambda n: taken.append(claimed((runs, elsewhere)[n % 2], at(10), owner=f"w{n}")), 8)
    assert len({each.id for each in taken}) == 8
    assert sum(each.state == "running" for each in taken) == ROOM["local"]


def test_however_many_claim_at_once_an_engine_never_runs_more_than_its_limit(
    runs: Runs, elsewhere: Runs
) -> None:
    for number in range(24):
        runs.add(run(f"r{number}", user=f"U{number % 6}", second=number))
    announce(runs, at(30))
    taken: list[Run] = []

    def claim(number: int) -> None:
        found = (runs, elsewhere)[number % 2].acquire(f"w{number}", at(40), ROOM)
        if found is not None:
            taken.append(found)

    for _ in range(3):
        all_at_once(claim, 8)
    assert [each.state for each in taken] == ["running"] * ROOM["local"]
    # a place that is given back is taken once
    runs.finish(taken[0], "done", at(41))
    all_at_once(claim, 8)
    assert len(taken) == ROOM["local"] + 1


def test_a_claimed_run_has_an_owner_a_lease_and_a_number(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.acquire("w", at(1), ROOM)
    assert taken is not None
    assert (taken.owner, taken.lease, taken.fence, taken.attempts) == ("w", at(1) + LEASE, 1, 1)
    assert (taken.state, taken.started) == ("running", at(1))
    assert runs.acquire("x", at(2), ROOM) is None


def test_a_run_whose_owner_is_silent_is_taken_over_when_its_lease_ends(runs: Runs) -> None:
    runs.add(run("a"))
    runs.acquire("w", at(0), ROOM)
    assert runs.acquire("x", at(29.9), ROOM) is None
    taken = runs.acquire("x", at(30), ROOM)
    assert taken is not None
    assert (taken.owner, taken.fence, taken.attempts, taken.state) == ("x", 2, 2, "running")
    assert taken.started == at(0), "it began when it first ran"


def test_every_write_renews_the_lease(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.acquire("w", at(0), ROOM)
    assert taken is not None
    runs.save(taken, at(20), scanned=5)
    assert runs.acquire("x", at(49), ROOM) is None
    assert runs.acquire("x", at(50), ROOM) is not None


def test_an_owner_that_wakes_up_late_changes_nothing(runs: Runs) -> None:
    runs.add(run("a"))
    first = claimed(runs, at(0))
    second = claimed(runs, at(31), owner="x")
    late: list[Callable[[], object]] = [
        lambda: runs.save(first, at(32), state="posting"),
        lambda: runs.release(first, state="queued"),
        lambda: runs.finish(first, "done", at(32)),
    ]
    for write in late:
        with pytest.raises(Cancelled):
            write()
    assert runs.get("a") == second
    assert runs.finish(second, "done", at(33)).state == "done"


def test_an_owner_that_wakes_up_before_anyone_came_goes_on(runs: Runs) -> None:
    runs.add(run("a"))
    first = runs.acquire("w", at(0), ROOM)
    assert first is not None
    assert runs.save(first, at(100), scanned=1).lease == at(100) + LEASE


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_nothing_changes_a_run_that_has_ended(runs: Runs, state: State) -> None:
    runs.add(run("a"))
    ended = runs.finish(claimed(runs, at(0)), state, at(1), error="so it is")
    assert (ended.state, ended.finished, ended.lease, ended.error) == (state, at(1), None, "so it is")
    with pytest.raises(Cancelled):
        runs.save(ended, at(2), scanned=1)
    with pytest.raises(Cancelled):
        runs.release(ended, state="queued")
    with pytest.raises(Cancelled):
        runs.finish(ended, "done", at(2))
    assert runs.withdraw("a") is None
    assert runs.acquire("x", at(1000), ROOM) is None


def test_what_an_owner_left_behind_is_taken_up_at_once_when_it_starts_again(runs: Runs) -> None:
    for number, state in enumerate(["running", "posting", "queued"]):
        runs.add(run(state, second=number))
    _, posting, opening = (runs.acquire("w", at(3), ROOM) for _ in range(3))
    assert posting is not None
    runs.save(posting, at(4), state="posting")
    assert opening is not None
    assert opening.state == "queued", "it was being announced"

    runs.reap("someone else")
    assert runs.acquire("x", at(5), ROOM) is None
    runs.reap("w")
    again = [runs.acquire("x", at(6), ROOM) for _ in range(3)]
    assert {each.id for each in again if each} == {"running", "posting", "queued"}


def test_users_take_turns(runs: Runs) -> None:
    pile = [run(f"alice-{number}", user="alice", second=number) for number in range(5)]
    late = run("bob-0", user="bob", second=60)
    for each in [*pile, late]:
        runs.add(each)
    now = at(100)
    announce(runs, now)

    order = []
    while taken := runs.acquire("w", now, {"local": 1}):
        order.append(taken.id)
        runs.finish(taken, "done", now)
    assert order[:2] == ["alice-0", "bob-0"]
    assert [each for each in order if each.startswith("alice")] == [each.id for each in pile]


def test_whoever_has_one_running_comes_after_whoever_has_none(runs: Runs) -> None:
    for each in (run("a1", user="a"), run("a2", user="a", second=1), run("b1", user="b", second=2)):
        runs.add(each)
    now = at(10)
    announce(runs, now)

    assert [taken.id for _ in range(2) if (taken := runs.acquire("w", now, ROOM))] == ["a1", "b1"]


def test_an_engine_runs_no_more_than_its_limit_and_others_are_not_held_up(runs: Runs) -> None:
    for number in range(3):
        runs.add(run(f"l{number}", second=number))
    runs.add(run("lake", engine="lake", second=9))
    states = {}
    while taken := runs.acquire("w", at(10), ROOM):
        states[taken.id] = taken.state
        if taken.state == "queued":
            runs.release(runs.save(taken, at(10), thread="t"))
    assert states == {"l0": "running", "l1": "running", "l2": "queued", "lake": "running"}
    # one that posts gives its place at the engine to the next
    first = runs.get("l0")
    assert first is not None
    runs.save(first, at(11), state="posting")
    taken = runs.acquire("w", at(11), ROOM)
    assert taken is not None
    assert (taken.id, taken.state) == ("l2", "running")


def test_an_engine_nobody_knows_any_more_runs_nothing(runs: Runs) -> None:
    runs.add(run("a", engine="gone"))
    taken = runs.acquire("w", at(0), ROOM)
    assert taken is not None
    assert taken.state == "queued"


def test_a_run_that_was_put_off_keeps_its_place_and_is_not_tried_before_its_time(runs: Runs) -> None:
    runs.add(run("a"))
    runs.add(run("b", second=1))
    first = runs.acquire("w", at(2), ROOM)
    assert first is not None
    first = runs.save(first, at(2), thread="t")
    runs.release(first, state="queued", due=at(7), attempts=0)
    second = runs.acquire("w", at(3), ROOM)
    assert second is not None
    assert second.id == "b"
    runs.release(runs.save(second, at(3), thread="u"), state="queued")

    taken = runs.acquire("w", at(7), {"local": 1})
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

    taken = runs.acquire("w", at(1), room)
    assert taken is not None
    assert (taken.id, taken.state, taken.started) == ("a", "queued", None)


def test_a_running_run_that_is_cancelled_stays_its_owners(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.acquire("w", at(0), ROOM)
    assert taken is not None
    runs.withdraw("a")
    assert runs.acquire("x", at(1), ROOM) is None
    assert not runs.save(taken, at(2), scanned=1).wanted
    assert runs.withdraw("nobody") is None


def test_the_place_in_the_queue_counts_those_before_that_still_wait(runs: Runs) -> None:
    for number in range(4):
        runs.add(run(f"r{number}", second=number))
    last = runs.get("r3")
    assert last is not None
    assert runs.ahead(last) == 3
    runs.withdraw("r0")
    taken = runs.acquire("w", at(9), ROOM)
    assert taken is not None
    assert taken.id == "r0"
    runs.finish(taken, "cancelled", at(9))
    running = runs.acquire("w", at(9), ROOM)
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
    taken = runs.acquire("w", at(90), ROOM)
    assert taken is not None
    assert taken.waited == timedelta(seconds=90)
    assert run("b").waited == timedelta()


# --- what may have been posted


def test_whoever_takes_over_from_an_owner_that_died_is_in_doubt_what_it_did(runs: Runs) -> None:
    runs.add(run("a"))
    assert not claimed(runs, at(0)).maybe_posted, "nobody had it before"
    assert claimed(runs, at(30), owner="x").maybe_posted


def test_whoever_takes_up_what_an_earlier_life_left_is_in_doubt_as_well(runs: Runs) -> None:
    runs.add(run("a"))
    claimed(runs, at(0))
    runs.reap("w")
    assert claimed(runs, at(1)).maybe_posted


def test_what_was_laid_back_leaves_no_doubt_unless_it_says_so(runs: Runs) -> None:
    runs.add(run("a"))
    runs.release(claimed(runs, at(0)))
    taken = claimed(runs, at(1))
    assert not taken.maybe_posted
    runs.release(taken, maybe_posted=True)
    taken = claimed(runs, at(2))
    assert taken.maybe_posted
    runs.release(taken)
    assert not claimed(runs, at(3)).maybe_posted


def test_a_run_that_is_laid_back_at_work_is_taken_up_as_it_was_and_not_before_it_is_due(runs: Runs) -> None:
    runs.add(run("a"))
    taken = runs.save(
        claimed(runs, at(0)), at(1), state="posting", thread="t", receipts={"table": Receipt("message", "1")}
    )
    laid = runs.release(taken, due=at(40), attempts=0)
    assert (laid.lease, laid.state) == (None, "posting")
    runs.reap("w")
    assert runs.acquire("x", at(39), ROOM) is None
    again = claimed(runs, at(40), owner="x")
    assert (again.state, again.attempts, again.receipts) == ("posting", 1, laid.receipts)


# --- one person's pile


def test_of_one_persons_pile_only_so_many_are_at_work_at_once(runs: Runs) -> None:
    room = {"local": 100}
    for number in range(EACH_USER + 3):
        runs.add(run(f"alice-{number}", user="alice", second=number))
    announce(runs, at(20))
    runs.add(run("bob", user="bob", second=30))
    announce(runs, at(40))

    taken = []
    while found := runs.acquire("w", at(50), room):
        taken.append(found)
    assert sorted(each.user for each in taken) == ["alice"] * EACH_USER + ["bob"]
    # one that posts is still at work
    first = next(each for each in taken if each.user == "alice")
    first = runs.save(first, at(51), state="posting")
    assert runs.acquire("w", at(51), room) is None
    runs.finish(first, "done", at(52))
    assert claimed(runs, at(52), room=room).id == f"alice-{EACH_USER}"
    assert runs.acquire("w", at(52), room) is None


def test_one_persons_pile_leaves_room_at_its_engine_for_others(runs: Runs) -> None:
    room = {"lake": 8}
    for number in range(EACH_USER):
        runs.add(run(f"alice-{number}", user="alice", engine="lake", second=number))
    announce(runs, at(20))

    taken = []
    while found := runs.acquire("w", at(50), room):
        taken.append(found)
    assert len(taken) == 8 - 8 // FOR_OTHERS
    runs.add(run("bob", user="bob", engine="lake", second=51))
    announce(runs, at(52))
    assert claimed(runs, at(53), room=room).id == "bob"
    assert runs.acquire("w", at(53), room) is None


def test_of_one_persons_pile_only_so_many_are_announced_at_once(runs: Runs) -> None:
    for number in range(EACH_USER + 1):
        runs.add(run(f"alice-{number}", user="alice", second=number))
    runs.add(run("bob", user="bob", second=30))

    taken = []
    while found := runs.acquire("w", at(50), NONE):
        taken.append(found)
    assert sorted(each.user for each in taken) == ["alice"] * EACH_USER + ["bob"]
    assert {each.state for each in taken} == {"queued"}
    runs.release(runs.save(taken[0], at(51), thread="t"))
    assert claimed(runs, at(51), room=NONE).id == f"alice-{EACH_USER}"


def test_a_pile_at_work_does_not_keep_its_person_from_being_announced_another(runs: Runs) -> None:
    for number in range(EACH_USER):
        runs.add(run(f"r{number}", second=number))
    room = {"local": 100}
    while runs.acquire("w", at(20), room):
        pass
    runs.add(run("one more", second=21))
    one_more = claimed(runs, at(22), room=room)
    assert (one_more.id, one_more.state) == ("one more", "queued")


def test_what_runs_at_an_engine_counts_even_when_nobody_holds_it(runs: Runs) -> None:
    room = {"local": 1}
    runs.add(run("a"))
    runs.release(claimed(runs, at(0), room=room), due=at(60))
    runs.add(run("b", second=1))
    announced = claimed(runs, at(2), room=room)
    assert (announced.id, announced.state) == ("b", "queued"), "the engine still works on the first"
    runs.release(runs.save(announced, at(2), thread="t"))
    assert runs.acquire("w", at(59), room) is None
    assert claimed(runs, at(60), room=room).id == "a"


# --- runs that nobody typed


def test_a_run_that_awaits_another_is_not_claimed_before_that_has_ended(runs: Runs) -> None:
    runs.add(run("scan", user="", kind="scan"))
    runs.add(replace(run("digest", user="", engine="", second=1), task=task("digest", "scan")))
    scan = claimed(runs, at(2))
    assert (scan.id, scan.state) == ("scan", "running")
    assert runs.acquire("w", at(3), ROOM) is None
    runs.save(scan, at(3), state="posting")
    assert runs.acquire("w", at(4), ROOM) is None
    runs.finish(scan, "failed", at(5))
    assert claimed(runs, at(6)).id == "digest"


def test_a_digest_is_told_whether_an_engine_has_room_or_not(runs: Runs) -> None:
    runs.add(run("digest", user="", engine="", kind="digest"))
    taken = claimed(runs, at(1), room=NONE)
    assert (taken.id, taken.state, taken.started) == ("digest", "running", at(1))


def test_a_scan_is_not_announced_and_waits_until_there_is_room(runs: Runs) -> None:
    runs.add(run("scan", user="", kind="scan"))
    assert runs.acquire("w", at(1), NONE) is None
    assert claimed(runs, at(1)).state == "running"


# --- the record


def test_how_many_runs_are_in_each_state_is_counted(runs: Runs) -> None:
    assert runs.states() == dict.fromkeys(get_args(State), 0)
    for number in range(4):
        runs.add(run(f"r{number}", second=number))
    runs.finish(claimed(runs, at(5)), "failed", at(5))
    claimed(runs, at(6))
    assert {state: count for state, count in runs.states().items() if count} == {
        "failed": 1,
        "running": 1,
        "queued": 2,
    }


def test_a_request_without_a_run_is_known_when_it_comes_again(runs: Runs, elsewhere: Runs) -> None:
    assert not elsewhere.is_known("event 1", at(0))
    runs.know("event 1", at(0))
    assert elsewhere.is_known("event 1", at(1))
    assert not runs.is_known("event 2", at(1))


def test_a_request_is_forgotten_once_nobody_repeats_it_any_more(runs: Runs) -> None:
    runs.know("event 1", at(0))
    assert runs.is_known("event 1", at(0) + REPEATED)
    assert not runs.is_known("event 1", at(1) + REPEATED)


def test_many_may_remember_the_same_at_once(runs: Runs, elsewhere: Runs) -> None:
    all_at_once(lambda n: (runs, elsewhere)[n % 2].know("event", at(0)), 8)
    assert runs.is_known("event", at(1))


def test_where_another_run_has_the_id_a_run_gets_a_new_one(runs: Runs) -> None:
    first = runs.add(run("a"))
    second = runs.add(replace(run("a"), key="another"))
    assert second.id != first.id
    assert runs.get(first.id) == first
    assert runs.get(second.id) == second


def test_old_runs_are_those_that_ended_oldest_first_and_can_be_forgotten(
    runs: Runs, database: Database
) -> None:
    digests = Digests(database)
    for number in range(4):
        runs.add(run(f"r{number}", second=number))
    for _ in range(3):
        ended = runs.finish(claimed(runs, at(10)), "done", at(11))
        digests.put_answer(ended.id, "{}")
    assert [each.id for each in runs.old(at(2), 9)] == ["r0", "r1"], "created before then"
    assert [each.id for each in runs.old(at(99), 2)] == ["r0", "r1"]
    assert [each.id for each in runs.old(at(99), 9)] == ["r0", "r1", "r2"], "the last one has not ended"

    for each in runs.old(at(2), 9):
        runs.forget(each)
    assert [each.id for each in runs.old(at(99), 9)] == ["r2"]
    assert (runs.get("r0"), digests.answer("r0"), digests.answer("r2")) == (None, None, "{}")


def test_a_run_that_has_not_ended_is_not_forgotten(runs: Runs) -> None:
    runs.add(run("a"))
    runs.forget(claimed(runs, at(0)))
    assert runs.get("a") is not None


def test_what_a_stranger_wrote_is_kept_whatever_is_in_it(runs: Runs) -> None:
    odd = "agent='\u202e\U0001f600\\%_\"; DROP TABLE runs; --\n'"
    runs.add(replace(run("a"), task=QuestionTask(odd + "\x00", "services"), text=odd))
    kept = runs.get("a")
    assert kept is not None
    assert (kept.typed, kept.text) == (odd + "?", odd), "PostgreSQL takes no NUL"
    ended = runs.finish(claimed(runs, at(0)), "failed", at(1), error="no\x00pe")
    assert ended.error == "no?pe"
