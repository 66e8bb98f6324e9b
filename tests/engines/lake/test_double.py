"""The double of Lake: what it holds back, what it counts."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

import pytest

from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import LOST, CloudTrail, Refused
from tests.doubles import lake as double

if TYPE_CHECKING:
    from tests.support.clock import Clock

SQL = f"SELECT COUNT(*) AS n FROM {double.STORE_ID} WHERE eventTime >= '2026-11-10 00:00:00'"  # noqa: S608 - ours


def start(clock: Clock, mark: str) -> tuple[Thread, list[str]]:
    """A StartQuery that is under way, and what has come of it."""
    aws = CloudTrail(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
    (store,) = stores.read(double.STORE_ID).values()
    came: list[str] = []

    def call() -> None:
        try:
            came.append(aws.call(store, "StartQuery", QueryStatement=f"{mark}\n{SQL}")["QueryId"])
        except Refused as error:
            came.append(error.code)

    thread = Thread(target=call)
    thread.start()
    return thread, came


@pytest.mark.parametrize(("when", "queries"), [("before", 0), ("after", 1)])
def test_a_held_call_has_taken_effect_or_not(
    served: double.Lake, clock: Clock, when: Literal["before", "after"], queries: int
) -> None:
    hold = served.hold("StartQuery", when)
    thread, came = start(clock, "/* run:a/answer */")
    hold.arrived()
    assert len(served.queries) == queries

    hold.release()
    thread.join()

    assert came == list(served.queries)
    assert len(came) == 1


@pytest.mark.parametrize(("when", "queries"), [("before", 0), ("after", 1)])
def test_a_call_that_is_dropped_is_cut_where_it_stands(
    served: double.Lake, clock: Clock, when: Literal["before", "after"], queries: int
) -> None:
    hold = served.hold("StartQuery", when)
    thread, came = start(clock, "/* run:a/answer */")
    hold.arrived()

    hold.drop()
    thread.join()

    assert came == [LOST]
    assert len(served.queries) == queries


def test_only_what_is_meant_is_held(served: double.Lake, clock: Clock) -> None:
    def meant(given: dict[str, Any]) -> bool:
        return "/coverage" in given["QueryStatement"]

    hold = served.hold("StartQuery", "before", where=meant)
    start(clock, "/* run:a/answer */")[0].join()
    held, _ = start(clock, "/* run:a/coverage */")
    hold.arrived()
    hold.release()
    held.join()

    assert served.asked() == {"/* run:a/answer */": 1, "/* run:a/coverage */": 1}


def test_the_most_queries_at_once_are_counted(served: double.Lake, clock: Clock) -> None:
    served.plan = double.Plan(running=10.0)
    for pause in (4.0, 4.0, 4.0, 20.0, 4.0):
        start(clock, "/* run:a/answer */")[0].join()
        clock.sleep(pause)

    assert served.asked() == {"/* run:a/answer */": 5}
    assert served.most_live() == 3
