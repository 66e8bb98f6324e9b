"""What nobody typed is told once as well; and a replica that is away changes nothing when it is back."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.crash import moments
from tests.crash.killing import done, killed
from tests.crash.machine import Tally
from tests.doubles import lake as double

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crash.machine import Machine, Replica
    from tests.crash.moments import Moment

WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""

TOLD = [moment for moment in moments.DIGEST if moment.when == "after" and moment.phase in {"open", "table"}]
"""The rest is as for questions; `tests.benchmarks.kills` has every moment."""


@pytest.mark.parametrize("moment", TOLD, ids=str)
def test_a_digest_is_told_once(machine_on: Callable[..., Machine], moment: Moment) -> None:
    assert killed(machine_on("sqlite"), moment) == Tally(asked=1)


@pytest.mark.parametrize("moment", moments.URGENT, ids=str)
def test_what_is_new_of_urgent_services_is_told_once(
    machine_on: Callable[..., Machine], moment: Moment
) -> None:
    assert killed(machine_on("sqlite"), moment) == Tally(asked=1)


@pytest.mark.parametrize("name", ["mention: table after", "private: open after"])
def test_so_it_is_in_threads_and_in_private(machine_on: Callable[..., Machine], name: str) -> None:
    assert killed(machine_on("sqlite"), moments.named(name)) == Tally(asked=1)


@pytest.fixture
def others(machine_on: Callable[..., Machine]) -> Iterator[tuple[Machine, Replica, Replica]]:
    """A machine on PostgreSQL with two replicas, the first at work."""
    machine = machine_on("postgres")
    one, other = machine.replica("one"), machine.replica("other")
    one.start()
    yield machine, one, other
    for each in (one, other):
        if each.is_running:
            each.kill()
    machine.lake.plan = double.Plan()


def owner(machine: Machine) -> str:
    """Who has the newest run."""
    (run,) = [run for run in machine.runs_of() if run.channel == machine.askings[-1].channel]
    return run.owner or ""


def test_a_paused_replica_that_wakes_cancels_no_query_of_the_others(
    others: tuple[Machine, Replica, Replica],
) -> None:
    machine, one, other = others
    machine.lake.plan = double.Plan(running=6.0)
    waiting = moments.lake("DescribeQuery", "after")(machine)
    asking = machine.ask()
    waiting.arrived(30)
    one.send(signal.SIGSTOP)
    waiting.release()
    machine.runs.reap(owner(machine))  # as if its lease had run out
    looks = moments.lake("DescribeQuery", "after")(machine)
    other.start()
    looks.arrived(30)
    one.send(signal.SIGCONT)
    looks.release()

    assert machine.until_done([asking]), other.trouble
    assert machine.tally([asking]) == Tally(asked=1)
    assert machine.lake.count("CancelQuery") == 0


def test_a_replica_paused_in_a_transaction_holds_up_nobody(others: tuple[Machine, Replica, Replica]) -> None:
    machine, one, other = others
    with (
        psycopg.connect(machine.database_url) as blocks,
        psycopg.connect(machine.database_url, autocommit=True) as looks,
    ):
        blocks.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        while looks.execute(WAITING).fetchone() == (0,):
            pass
        one.send(signal.SIGSTOP)
    # it would go on now, and holds what it took for its claim
    other.start()
    asking = machine.ask(kind="mention")

    assert machine.until_done([asking]), other.trouble
    one.send(signal.SIGCONT)
    assert machine.tally([asking]) == Tally(asked=1)


def test_a_killed_replica_is_stood_in_for(others: tuple[Machine, Replica, Replica]) -> None:
    machine, one, other = others
    hold = moments.slack("chat.postMessage", "after", moments.part("table"))(machine)
    asking = machine.ask()
    hold.arrived(30)
    one.kill()
    hold.drop()
    machine.runs.reap(owner(machine))  # as if its lease had run out

    assert done(machine, other, asking) == Tally(asked=1)
