"""CloudTrail Lake in Slack: what an answer cost, how not to pay twice, and what people see when it fails."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.app.reuse import Costs
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.engines.lake.engine import Lake
from handlers.questions.commands import COMMAND
from tests.conftest import NOW
from tests.doubles import lake as double
from tests.doubles.lake import OTHER_ID, STORE_ID, planned
from tests.scenarios.office import ALICE, BOB, SECURITY, close, eventually, open_office, words

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.question.views import View
    from bot.store.run import Run
    from tests.scenarios.office import Office
    from tests.support.clock import Clock

PRICE = 5.0
"""Dollars for each gigabyte: a thousand times AWS's, since the samples are small."""


@pytest.fixture
def opened(
    served: double.Lake,
    clock: Clock,
    tmp_path: Path,
    catalogue: dict[str, View],
    closing: list[threading.Thread],
) -> Iterator[Callable[..., Office]]:
    """Opens an office that asks the double; `confirm_gb` as the setting."""
    served.stores[OTHER_ID] = double.Store(OTHER_ID, "dev")
    known = stores.read(f"prod={STORE_ID},dev={OTHER_ID}")
    offices: list[Office] = []

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        for office in offices:
            office.clock.advance(seconds)

    aws = CloudTrail(clock=clock, monotonic=clock.monotonic, sleep=sleep)
    engine = Lake(known, aws, price=PRICE)
    stack = ExitStack()

    def open_one(confirm_gb: float | None = None) -> Office:
        costs = Costs({"lake": PRICE}, reuse=timedelta(minutes=10), confirm_gb=confirm_gb)
        opened = open_office(tmp_path, catalogue, [engine], NOW, stores=known, costs=costs)
        offices.append(stack.enter_context(opened))
        return offices[-1]

    yield open_one
    closing.append(close(stack))


@pytest.fixture
def office(opened: Callable[..., Office]) -> Iterator[Office]:
    office = opened()
    yield office
    assert office.sandbox.broken == []


def answer(office: Office, run: Run) -> str:
    return words(office.table(run))


def now(office: Office, run: Run) -> Run:
    found = office.worker.runs.get(run.id)
    assert found is not None
    return found


# --- what it cost


def test_an_answer_says_what_was_read_for_it_and_what_that_cost(office: Office) -> None:
    run = office.answered("last 14d service=s3")

    read = run.scanned / 1e6
    assert f"{read:.1f} MB, ${read / 1e3 * PRICE:.3f} · run {run.id}" in answer(office, run)


def test_a_zero_costs_its_proof_too(office: Office, served: double.Lake) -> None:
    run = office.answered("last 14d service=s3 version=1.1 agent=nobody")

    assert "events read" in answer(office, run)
    assert served.count("StartQuery") == 2
    assert run.scanned == sum(step.scanned for step in run.steps)
    assert all(step.scanned for step in run.steps)


def test_an_answer_with_rows_is_one_query(office: Office, served: double.Lake) -> None:
    office.answered("last 14d service=s3")

    assert served.count("StartQuery") == 1


def test_runs_list_their_cost_and_the_months(office: Office) -> None:
    first = office.answered("last 14d service=s3")
    second = office.answered("last 3d by=clients", user=BOB)

    office.type("runs")

    told = words(office.whisper())
    read = (first.scanned + second.scanned) / 1e6
    assert f"This month, everyone's questions together: {read:.1f} MB, ${read / 1e3 * PRICE:.3f}" in told
    assert f"{first.scanned / 1e6:.1f} MB, $" in told


def test_what_a_failed_query_read_is_counted(office: Office, served: double.Lake) -> None:
    planned(served, running=5.0, end="FAILED", error="Query exhausted resources at this scale factor.")

    run = office.answered("last 14d service=s3")

    assert run.state == "failed"
    assert run.scanned > 0


# --- not paying twice


def test_the_same_question_within_minutes_takes_the_earlier_answer(
    office: Office, served: double.Lake
) -> None:
    first = office.answered("last 7d service=s3")
    office.clock.advance(240)

    again = office.answered("last 7d service=s3", user=BOB)

    assert served.count("StartQuery") == 1
    assert again.scanned == 0
    assert again.text == first.text
    assert "From a run 4 minutes ago: nothing scanned. Rerun asks anew." in answer(office, again)
    assert office.csv(again) == office.csv(first)


def test_a_zero_is_taken_with_its_proof(office: Office, served: double.Lake) -> None:
    office.answered("last 7d service=nobody")

    again = office.answered("last 7d service=nobody")

    assert served.count("StartQuery") == 2
    assert again.scanned == 0


def test_rerun_asks_anew(office: Office, served: double.Lake) -> None:
    first = office.answered("last 7d service=s3")

    again = office.clicked_run(office.table(first), "rerun")

    assert served.count("StartQuery") == 2
    assert again.scanned
    assert "From a run" not in answer(office, again)


@pytest.mark.parametrize(
    "other", ["last 7d service=kms", "last 6d service=s3", "last 7d service=s3 store=dev", "last 7d clients"]
)
def test_another_question_is_asked(other: str, office: Office, served: double.Lake) -> None:
    office.answered("last 7d service=s3")

    office.answered(other)

    assert served.count("StartQuery") >= 2


def test_a_window_typed_as_moments_is_meant_as_typed(office: Office, served: double.Lake) -> None:
    office.answered("2026-11-20T08:00Z..2026-11-23T08:00Z service=s3")
    office.clock.advance(300)
    office.answered("2026-11-20T08:01Z..2026-11-23T08:01Z service=s3")
    assert served.count("StartQuery") == 2

    office.answered("2026-11-20T08:00Z..2026-11-23T08:00Z service=s3")
    assert served.count("StartQuery") == 2


def test_ten_minutes_later_it_is_asked_anew_even_after_it_was_taken_meanwhile(
    office: Office, served: double.Lake
) -> None:
    office.answered("last 7d service=s3")
    office.clock.advance(400)
    office.answered("last 7d service=s3")
    office.clock.advance(400)

    again = office.answered("last 7d service=s3")

    assert served.count("StartQuery") == 2
    assert again.scanned


def test_where_aws_no_longer_has_the_earlier_result_it_is_asked_anew(
    office: Office, served: double.Lake
) -> None:
    office.answered("last 7d service=s3")
    served.queries.clear()

    again = office.answered("last 7d service=s3")

    assert again.state == "done"
    assert again.scanned
    assert "From a run" not in answer(office, again)


# --- asking first


def dear(office: Office, served: double.Lake) -> Any:
    """One run of the view is known, and the next is ten times as long."""
    del served
    office.answered("last 1d services")
    office.type("last 10d services")
    return office.whisper()


def test_what_would_cost_much_is_asked_first_and_alone(
    opened: Callable[..., Office], served: double.Lake
) -> None:
    office = opened(confirm_gb=0.000_5)

    told = dear(office, served)

    assert re.search(r"About \d\.\d MB, \$0\.0\d\d: run it\?", words(told))
    assert "That is what such questions have read so far." in words(told)
    assert "[Run it] [Edit]" in words(told)
    assert served.count("StartQuery") == 1


def test_run_it_runs_it(opened: Callable[..., Office], served: double.Lake) -> None:
    office = opened(confirm_gb=0.000_5)

    run = office.clicked_run(dear(office, served), "run_sure")

    assert run.state == "done"
    assert run.typed == "last 10d services"
    assert served.count("StartQuery") == 2


def test_a_rerun_that_would_cost_much_is_asked_first_too_and_then_asks_anew(
    opened: Callable[..., Office], served: double.Lake
) -> None:
    office = opened(confirm_gb=0.000_5)
    first = office.clicked_run(dear(office, served), "run_sure")
    told = len(office.sandbox.ephemerals(ALICE))

    office.click(office.table(first), "rerun")
    office.sandbox.wait_for(lambda: len(office.sandbox.ephemerals(ALICE)) > told, what="a question back")
    again = office.clicked_run(office.whisper(), "run_sure")

    assert again.scanned
    assert served.count("StartQuery") == 3


def test_what_costs_little_or_is_not_known_is_not_asked(
    opened: Callable[..., Office], served: double.Lake
) -> None:
    office = opened(confirm_gb=1.0)

    assert office.answered("last 14d clients").state == "done"
    assert office.answered("last 13d clients").state == "done"
    assert served.count("StartQuery") == 2


# --- how it goes


def test_the_parent_names_the_store_that_was_chosen(office: Office) -> None:
    run = office.answered("last 7d service=s3 store=dev")

    assert "· store dev" in words(office.parent(run))


def test_a_full_lake_makes_a_run_wait_and_nobody_is_told_to_retry(
    office: Office, served: double.Lake
) -> None:
    served.fail("StartQuery", "MaxConcurrentQueriesException")
    run = office.ask("last 7d service=s3")
    eventually(lambda: now(office, run).due is not None, "the run to be put back")
    office.later(10)

    done = office.ended(run)

    assert done.state == "done"
    assert "⚠️" not in words(office.parent(done))


def test_cancel_cancels_the_query_at_aws(office: Office, served: double.Lake) -> None:
    planned(served, queued=1e9)
    run = office.ask("last 7d service=s3")
    eventually(lambda: served.queries, "the query")

    office.type(f"cancel {run.id}")
    eventually(lambda: now(office, run).state == "cancelled", "the end")

    (query,) = served.queries.values()
    assert query.cancelled is not None


def test_a_partial_answer_says_so_first(office: Office, served: double.Lake) -> None:
    planned(served, running=10.0, end="TIMED_OUT", partial=3)

    run = office.answered("last 14d min=1.3 by=clients")

    assert "🔴 Partial: at least" in words(office.parent(run))
    assert "Lake stopped this after its time limit. These rows are only a part." in answer(office, run)


def test_a_window_before_the_store_existed_is_warned_of(office: Office, served: double.Lake) -> None:
    served.stores[STORE_ID].created = datetime(2026, 11, 15, tzinfo=UTC)

    run = office.answered("last 14d service=s3")

    assert "The store exists since 15 Nov 2026: of the time before" in answer(office, run)


TROUBLE = [
    ("ExpiredTokenException", "The AWS credentials have expired. (ExpiredTokenException) Sign in again"),
    ("AccessDeniedException", "AWS says AccessDenied for cloudtrail:StartQuery. The bot's role needs it: "),
    ("EventDataStoreNotFoundException", "AWS does not know the event data store."),
    ("InactiveEventDataStoreException", "is inactive, being deleted or stopped for good."),
]


@pytest.mark.parametrize(("code", "said"), TROUBLE)
def test_what_aws_refuses_is_told_in_the_thread_with_what_to_mend(
    code: str, said: str, office: Office, served: double.Lake
) -> None:
    served.fail("StartQuery", code, "As AWS says")

    run = office.answered("last 7d service=s3")

    assert run.state == "failed"
    (told,) = office.thread(run)
    assert said in words(told)
    assert "As AWS says" not in words(told)
    assert ("The bot's log says more." in words(told)) is (code != "ExpiredTokenException")
    assert run.id in words(told)
    assert COMMAND not in words(office.parent(run))
    assert run.home == SECURITY


# --- while AWS is away


def test_an_earlier_result_that_is_only_refused_is_not_paid_for_again(
    office: Office, served: double.Lake
) -> None:
    office.answered("last 7d service=s3")
    served.fail("DescribeQuery", "AccessDeniedException")

    again = office.answered("last 7d service=s3")

    assert again.state == "failed"
    assert served.count("StartQuery") == 1


def test_an_earlier_result_is_waited_for_while_aws_is_away(office: Office, served: double.Lake) -> None:
    office.answered("last 7d service=s3")
    served.cut("DescribeQuery", "before", times=8)

    again = office.answered("last 7d service=s3")

    assert (again.state, again.scanned) == ("done", 0)
    assert served.count("StartQuery") == 1


def test_a_query_whose_answer_is_slow_to_come_keeps_its_run_running(
    office: Office, served: double.Lake
) -> None:
    served.fail("DescribeQuery", "ThrottlingException", times=8)

    run = office.answered("last 7d service=s3")

    assert (run.state, run.due, run.attempts) == ("done", None, 1)
    assert served.count("StartQuery") == 1
