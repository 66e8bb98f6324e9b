"""A run while it is ours: what others see is done only by its owner, and is written down whatever happens."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from bot.errors import LeaseLost, ShuttingDown, StoreDown
from bot.store.queue import LEASE
from bot.store.run import PARENT, Receipt
from bot.store.runs import Runs
from bot.worker.lease import SIGN_OF_LIFE, Lease
from bot.worker.publisher import Parent, Part
from tests.support.clock import Clock
from tests.support.databases import open_sqlite
from tests.support.runs import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.store.run import Run

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROOM = {"local": 1}
TABLE = Receipt("message", "17.1")
HEADLINE = Receipt("edit", "17.0")


class Flag(Event):
    """`stopping`, which says when someone waits for it, and lets them go on when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = Event()
        self.go = Event()

    def wait(self, timeout: float | None = None) -> bool:
        del timeout
        self.waited.set()
        self.go.wait()
        return self.is_set()


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def stopping() -> Flag:
    return Flag()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def runs(path: Path) -> Iterator[Runs]:
    database = open_sqlite(path)
    yield Runs(database)
    database.close()


@pytest.fixture
def lease(runs: Runs, clock: Clock, stopping: Flag) -> Lease:
    runs.add(asked(START, "a"))
    return take(runs, clock, stopping)


def take(runs: Runs, clock: Clock, stopping: Event, owner: str = "one") -> Lease:
    run = runs.acquire(owner, clock(), ROOM)
    assert run is not None
    return Lease(runs, run, clock, stopping)


def now(runs: Runs) -> Run:
    found = runs.get("a")
    assert found is not None
    return found


def other_writer(path: Path) -> sqlite3.Connection:
    """Someone who keeps everyone else from writing until their connection is closed."""
    held = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    held.execute("BEGIN IMMEDIATE")
    return held


# --- before others see something


def test_whoever_holds_a_run_may_go_on_without_asking_the_database(lease: Lease, path: Path) -> None:
    held = other_writer(path)
    lease.check()
    held.close()


def test_nothing_more_is_done_once_the_process_is_to_stop(lease: Lease, stopping: Flag) -> None:
    stopping.set()
    with pytest.raises(ShuttingDown):
        lease.check()


def test_after_a_pause_in_which_nobody_came_the_lease_is_renewed(
    lease: Lease, runs: Runs, clock: Clock
) -> None:
    clock.advance(300)
    lease.check()
    assert lease.run.lease == now(runs).lease == clock() + LEASE
    assert runs.acquire("two", clock(), ROOM) is None


def test_after_a_pause_in_which_another_took_the_run_nothing_more_is_done(
    lease: Lease, runs: Runs, clock: Clock, stopping: Flag
) -> None:
    clock.advance(LEASE.total_seconds())
    other = take(runs, clock, stopping, owner="two")
    with pytest.raises(LeaseLost):
        lease.check()
    assert now(runs) == other.run


def test_whoever_lost_a_run_changes_nothing_of_it(
    lease: Lease, runs: Runs, clock: Clock, stopping: Flag
) -> None:
    clock.advance(LEASE.total_seconds())
    other = take(runs, clock, stopping, owner="two")
    late: list[Callable[[], object]] = [
        lambda: lease.save(scanned=1),
        lambda: lease.note("table", TABLE),
        lease.release,
        lambda: lease.finish("done"),
    ]
    for write in late:
        with pytest.raises(LeaseLost):
            write()
    lease.renew()
    assert now(runs) == other.run


# --- what is written


def test_what_was_posted_is_written_down_part_by_part(lease: Lease, runs: Runs) -> None:
    lease.note("table", TABLE)
    lease.note("headline", HEADLINE)
    assert now(runs).receipts == lease.run.receipts == {"table": TABLE, "headline": HEADLINE}


def test_every_write_renews_the_lease(lease: Lease, runs: Runs, clock: Clock) -> None:
    clock.advance(20)
    assert lease.save(scanned=5).lease == now(runs).lease == clock() + LEASE


def test_a_run_that_was_released_is_anyones_and_renewing_does_not_take_it_again(
    lease: Lease, runs: Runs
) -> None:
    lease.release(attempts=0)
    lease.renew()
    assert (now(runs).lease, now(runs).attempts, now(runs).state) == (None, 0, "running")


def test_a_run_that_was_ended_has_ended_now(lease: Lease, runs: Runs, clock: Clock) -> None:
    clock.advance(3)
    ended = lease.finish("failed", error="It broke.")
    assert ended == now(runs)
    assert (ended.state, ended.error, ended.finished, ended.lease) == ("failed", "It broke.", clock(), None)


# --- parts


def test_parts_are_posted_in_their_order_each_saved_before_the_next(lease: Lease, runs: Runs) -> None:
    saved: list[list[str]] = []

    def posts(receipt: Parent | Receipt) -> Callable[[], Parent | Receipt]:
        def post() -> Parent | Receipt:
            saved.append([*["parent"] * (now(runs).thread is not None), *now(runs).receipts])
            return receipt

        return post

    parts = [
        Part(PARENT, posts(Parent("C2", "17.0"))),
        Part("table", posts(TABLE)),
        Part("headline", posts(HEADLINE)),
    ]
    for _ in range(2):
        lease.deliver(parts)  # the second time, all of them are there
    assert saved == [[], ["parent"], ["parent", "table"]]
    assert (now(runs).home, now(runs).thread) == ("C2", "17.0")
    assert now(runs).receipts == {"table": TABLE, "headline": HEADLINE}


def test_a_part_that_failed_once_is_posted_again(lease: Lease) -> None:
    lease.note("table", Receipt("failed"))
    lease.deliver([Part("table", lambda: TABLE)])
    assert lease.run.receipts == {"table": TABLE}


def test_no_part_is_posted_once_the_run_is_anothers(
    lease: Lease, runs: Runs, clock: Clock, stopping: Flag
) -> None:
    clock.advance(LEASE.total_seconds())
    take(runs, clock, stopping, owner="two")
    posted: list[str] = []

    def post() -> Receipt:
        posted.append("table")
        return TABLE

    with pytest.raises(LeaseLost):
        lease.deliver([Part("table", post)])
    assert posted == []


@pytest.mark.parametrize(
    ("receipt", "settles"),
    [
        (TABLE, True),
        (Receipt("file", "F1"), True),
        (HEADLINE, False),
        (Receipt("upload", "F1"), False),
        (Receipt("nothing"), False),
    ],
)
def test_only_a_part_that_people_see_twice_settles_what_may_have_been_posted(
    lease: Lease, runs: Runs, clock: Clock, stopping: Flag, receipt: Receipt, *, settles: bool
) -> None:
    del lease
    taken = left_behind(runs, clock, stopping)
    taken.deliver([Part("part", lambda: receipt)])
    assert taken.run.maybe_posted is not settles


# --- doubt


def left_behind(runs: Runs, clock: Clock, stopping: Flag) -> Lease:
    """The run as it is taken over from an owner that died."""
    clock.advance(LEASE.total_seconds())
    taken = take(runs, clock, stopping, owner="two")
    assert taken.run.maybe_posted
    return taken


def test_doubt_lasts_until_somebody_looked(lease: Lease, runs: Runs, clock: Clock, stopping: Flag) -> None:
    del lease
    taken = left_behind(runs, clock, stopping)
    taken.save(scanned=1)
    taken.renew()
    assert taken.run.maybe_posted
    taken.mark_verified()
    taken.note("table", TABLE)
    taken.renew()
    assert not taken.run.maybe_posted


@pytest.mark.parametrize("settled", [False, True])
def test_whoever_hands_a_run_over_hands_over_the_doubt_that_nobody_settled(
    lease: Lease, runs: Runs, clock: Clock, stopping: Flag, *, settled: bool
) -> None:
    del lease
    taken = left_behind(runs, clock, stopping)
    if settled:
        taken.mark_verified()
    taken.release()
    assert take(runs, clock, stopping, owner="three").run.maybe_posted is not settled


def test_doubt_can_be_raised_by_whoever_releases_a_run(
    lease: Lease, runs: Runs, clock: Clock, stopping: Flag
) -> None:
    lease.release(maybe_posted=True)
    assert take(runs, clock, stopping).run.maybe_posted


# --- the keeper of leases


def test_an_owner_that_shows_signs_of_life_keeps_its_lease_however_long_it_works(
    lease: Lease, runs: Runs, clock: Clock
) -> None:
    for _ in range(200):
        clock.advance(10)
        lease.renew()
        if clock().minute % 10 == 0:
            lease.check()
    assert now(runs).lease == clock() + LEASE
    assert runs.acquire("two", clock(), ROOM) is None


def test_the_lease_of_an_owner_that_hangs_is_not_renewed(lease: Lease, runs: Runs, clock: Clock) -> None:
    clock.advance(SIGN_OF_LIFE.total_seconds())
    lease.renew()
    assert now(runs).lease == clock() + LEASE, "it is still believed"

    clock.advance(31)
    lease.renew()
    taken = runs.acquire("two", clock(), ROOM)
    assert taken is not None
    assert (taken.owner, taken.maybe_posted) == ("two", True)


# --- when the database is away


def test_what_is_to_be_saved_waits_until_the_database_is_back(
    lease: Lease, runs: Runs, path: Path, stopping: Flag
) -> None:
    held = other_writer(path)
    writing = Thread(target=lambda: lease.note("table", TABLE))
    writing.start()
    stopping.waited.wait()
    assert now(runs).receipts == {}
    held.close()
    stopping.go.set()
    writing.join()
    assert now(runs).receipts == {"table": TABLE}


def test_a_process_that_is_to_stop_waits_for_no_database(
    lease: Lease, runs: Runs, path: Path, stopping: Flag
) -> None:
    stopping.set()
    stopping.go.set()
    held = other_writer(path)
    with pytest.raises(StoreDown):
        lease.save(scanned=5)
    held.close()
    assert now(runs).scanned == 0


def test_while_the_database_is_away_the_keeper_says_so_and_does_not_wait(
    lease: Lease, runs: Runs, path: Path, clock: Clock
) -> None:
    clock.advance(10)
    held = other_writer(path)
    with pytest.raises(StoreDown):
        lease.renew()
    held.close()
    lease.renew()
    assert now(runs).lease == clock() + LEASE
