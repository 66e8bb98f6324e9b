"""A run while it is ours: what others see is done only by its owner, and is written down whatever happens."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from bot.errors import Cancelled, ShuttingDown, StoreDown
from bot.store.database import Database
from bot.store.queue import LEASE
from bot.store.runs import Runs
from bot.worker.lease import SIGN_OF_LIFE, Lease
from tests.support.clock import Clock
from tests.support.runs import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.store.runs import Run

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROOM = {"local": 1}


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
    database = Database(f"sqlite:///{path}")
    yield Runs(database)
    database.close()


@pytest.fixture
def claimed(runs: Runs, clock: Clock, stopping: Flag) -> Lease:
    runs.add(asked(START, "a"))
    return take(runs, clock, stopping)


def take(runs: Runs, clock: Clock, stopping: Event, owner: str = "one") -> Lease:
    run = runs.claim(owner, clock(), ROOM)
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


def test_whoever_holds_a_run_may_go_on_without_asking_the_database(claimed: Lease, path: Path) -> None:
    held = other_writer(path)
    claimed.check()
    held.close()


def test_nothing_more_is_done_once_the_process_is_to_stop(claimed: Lease, stopping: Flag) -> None:
    stopping.set()
    with pytest.raises(ShuttingDown):
        claimed.check()


def test_after_a_pause_in_which_nobody_came_the_lease_is_renewed(
    claimed: Lease, runs: Runs, clock: Clock
) -> None:
    clock.advance(300)
    claimed.check()
    assert claimed.run.lease == now(runs).lease == clock() + LEASE
    assert runs.claim("two", clock(), ROOM) is None


def test_after_a_pause_in_which_another_took_the_run_nothing_more_is_done(
    claimed: Lease, runs: Runs, clock: Clock, stopping: Flag
) -> None:
    clock.advance(LEASE.total_seconds())
    other = take(runs, clock, stopping, owner="two")
    with pytest.raises(Cancelled):
        claimed.check()
    assert now(runs) == other.run


def test_whoever_lost_a_run_changes_nothing_of_it(
    claimed: Lease, runs: Runs, clock: Clock, stopping: Flag
) -> None:
    clock.advance(LEASE.total_seconds())
    other = take(runs, clock, stopping, owner="two")
    late: list[Callable[[], object]] = [
        lambda: claimed.save(scanned=1),
        lambda: claimed.posted("table", "17.1"),
        claimed.lay_back,
        lambda: claimed.end("done"),
    ]
    for write in late:
        with pytest.raises(Cancelled):
            write()
    claimed.renew()
    assert now(runs) == other.run


# --- what is written


def test_what_was_posted_is_written_down_part_by_part(claimed: Lease, runs: Runs) -> None:
    claimed.posted("table", "17.1")
    claimed.posted("headline", "17.0")
    assert now(runs).posted == claimed.run.posted == {"table": "17.1", "headline": "17.0"}


def test_every_write_renews_the_lease(claimed: Lease, runs: Runs, clock: Clock) -> None:
    clock.advance(20)
    assert claimed.save(scanned=5).lease == now(runs).lease == clock() + LEASE


def test_a_run_that_was_laid_back_is_anyones_and_renewing_does_not_take_it_again(
    claimed: Lease, runs: Runs
) -> None:
    claimed.lay_back(attempts=0)
    claimed.renew()
    assert (now(runs).lease, now(runs).attempts, now(runs).state) == (None, 0, "running")


def test_a_run_that_was_ended_has_ended_now(claimed: Lease, runs: Runs, clock: Clock) -> None:
    clock.advance(3)
    ended = claimed.end("failed", error="It broke.")
    assert ended == now(runs)
    assert (ended.state, ended.error, ended.finished, ended.lease) == ("failed", "It broke.", clock(), None)


# --- doubt


def left_behind(runs: Runs, clock: Clock, stopping: Flag) -> Lease:
    """The run as it is taken over from an owner that died."""
    clock.advance(LEASE.total_seconds())
    taken = take(runs, clock, stopping, owner="two")
    assert taken.run.doubt
    return taken


def test_doubt_lasts_until_somebody_looked(claimed: Lease, runs: Runs, clock: Clock, stopping: Flag) -> None:
    del claimed
    taken = left_behind(runs, clock, stopping)
    taken.save(scanned=1)
    taken.renew()
    assert taken.run.doubt
    taken.settle()
    taken.posted("table", "17.1")
    taken.renew()
    assert not taken.run.doubt


@pytest.mark.parametrize("settled", [False, True])
def test_whoever_hands_a_run_over_hands_over_the_doubt_that_nobody_settled(
    claimed: Lease, runs: Runs, clock: Clock, stopping: Flag, *, settled: bool
) -> None:
    del claimed
    taken = left_behind(runs, clock, stopping)
    if settled:
        taken.settle()
    taken.lay_back()
    assert take(runs, clock, stopping, owner="three").run.doubt is not settled


def test_doubt_can_be_raised_by_whoever_lays_a_run_back(
    claimed: Lease, runs: Runs, clock: Clock, stopping: Flag
) -> None:
    claimed.lay_back(doubt=True)
    assert take(runs, clock, stopping).run.doubt


# --- the keeper of leases


def test_an_owner_that_shows_signs_of_life_keeps_its_lease_however_long_it_works(
    claimed: Lease, runs: Runs, clock: Clock
) -> None:
    for _ in range(200):
        clock.advance(10)
        claimed.renew()
        if clock().minute % 10 == 0:
            claimed.check()
    assert now(runs).lease == clock() + LEASE
    assert runs.claim("two", clock(), ROOM) is None


def test_the_lease_of_an_owner_that_hangs_is_not_renewed(claimed: Lease, runs: Runs, clock: Clock) -> None:
    clock.advance(SIGN_OF_LIFE.total_seconds())
    claimed.renew()
    assert now(runs).lease == clock() + LEASE, "it is still believed"

    clock.advance(31)
    claimed.renew()
    taken = runs.claim("two", clock(), ROOM)
    assert taken is not None
    assert (taken.owner, taken.doubt) == ("two", True)


# --- when the database is away


def test_what_is_to_be_saved_waits_until_the_database_is_back(
    claimed: Lease, runs: Runs, path: Path, stopping: Flag
) -> None:
    held = other_writer(path)
    writing = Thread(target=lambda: claimed.posted("table", "17.1"))
    writing.start()
    stopping.waited.wait()
    assert now(runs).posted == {}
    held.close()
    stopping.go.set()
    writing.join()
    assert now(runs).posted == {"table": "17.1"}


def test_a_process_that_is_to_stop_waits_for_no_database(
    claimed: Lease, runs: Runs, path: Path, stopping: Flag
) -> None:
    stopping.set()
    stopping.go.set()
    held = other_writer(path)
    with pytest.raises(StoreDown):
        claimed.save(scanned=5)
    held.close()
    assert now(runs).scanned == 0


def test_while_the_database_is_away_the_keeper_says_so_and_does_not_wait(
    claimed: Lease, runs: Runs, path: Path, clock: Clock
) -> None:
    clock.advance(10)
    held = other_writer(path)
    with pytest.raises(StoreDown):
        claimed.renew()
    held.close()
    claimed.renew()
    assert now(runs).lease == clock() + LEASE
