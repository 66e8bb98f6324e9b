"""What an answer cost, in words."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from bot import wording
from bot.app.grammar import Grammar
from bot.app.reuse import Costs
from bot.store.database import Database
from bot.store.run import QuestionTask, Run, ScanTask, new_id
from bot.store.runs import Runs
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.question.views import View
    from bot.store.run import Task


@pytest.mark.parametrize(
    ("scanned", "price", "said"),
    [
        (1_800_000_000, 0.005, "1.8 GB, $0.009"),
        (180_000_000_000, 0.005, "180.0 GB, $0.90"),
        (2_000_000_000_000, 0.005, "2,000.0 GB, $10.00"),
        (3_400_000, 0.005, "3.4 MB, under $0.001"),
        (1_800_000_000, 0, "1.8 GB"),
    ],
)
def test_a_cost_is_said_in_bytes_and_dollars(scanned: int, price: float, said: str) -> None:
    assert wording.cost(scanned, price) == said


def test_what_is_free_or_was_not_read_costs_nothing_to_say() -> None:
    costs = Costs({"lake": 0.005})

    assert costs.words("local", 5_000_000_000) == ""
    assert costs.words("lake", 0) == ""
    assert costs.words("lake", 5_000_000_000) == "5.0 GB, $0.025"


# --- every hour


A_DAY: Final = "2026-11-22T00:00Z..2026-11-23T00:00Z"


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    with closing(Database(f"sqlite:///{tmp_path / 'runs.sqlite'}")) as database:
        yield Runs(database)


def read(
    runs: Runs, task: Task, scanned: int, *, words: str = "", window: str = A_DAY, minutes: int = 0
) -> None:
    """A run that has read so many bytes, and is done."""
    asked = f"{window} by=findings min=1.2 {words}".strip()
    run = Run(new_id(), new_id(), task, "", "", asked, "lake", NOW + timedelta(minutes=minutes))
    runs.add(replace(run, state="done", scanned=scanned))


def hourly(runs: Runs, grammar: Grammar, words: str = "", engine: str = "lake") -> str:
    question = grammar.parse(f"{A_DAY} by=findings {words}", now=NOW, zone=UTC)
    costs = Costs({"lake": 0.005, "free": 0})
    return costs.hourly(runs, question, engine, NOW + timedelta(hours=2), grammar.question)


def test_what_looking_every_hour_costs_is_by_the_last_such_scan(
    runs: Runs, catalogue: dict[str, View]
) -> None:
    grammar = Grammar(catalogue, ["lake", "free"], "lake", max_days=99, stores=["prod"])
    assert hourly(runs, grammar) == (
        "What looking every hour costs a month is not known: nothing like it was read yet."
    )
    assert hourly(runs, grammar, engine="free") == hourly(runs, grammar, engine="local")
    assert "costs nothing" in hourly(runs, grammar, engine="local")

    # a question reads its day, a look its hour and the one before
    read(runs, QuestionTask("x", "findings"), 12_000_000_000)
    assert "about 720.0 GB, $3.60 a month" in hourly(runs, grammar)
    # a scan of a day reads that day and the one before: 24 times what a look reads
    read(runs, ScanTask("2026-11-21T00:00Z..2026-11-22T00:00Z"), 48_000_000_000)
    assert "about 1,440.0 GB, $7.20 a month" in hourly(runs, grammar)
    read(runs, ScanTask("2026-11-21T00:00Z..2026-11-22T00:00Z"), 24_000_000_000, minutes=1)
    assert hourly(runs, grammar) == (
        "Looking every hour costs about 720.0 GB, $3.60 a month, and at most 17,280.0 GB, $86.40, "
        "by what such a question read last."
    )
    read(runs, ScanTask("2026-11-21T00:00Z..2026-11-22T00:00Z", looks_back=True), 99_000_000_000, minutes=2)
    read(runs, ScanTask(""), 1, minutes=2)
    read(
        runs, ScanTask("2026-11-21T00:00Z..2026-11-22T00:00Z"), 99_000_000_000, words="store=prod", minutes=2
    )
    assert "about 720.0 GB, $3.60 a month" in hourly(runs, grammar)

    # and once looks were paid for, what they read is known
    read(
        runs,
        ScanTask("2026-11-22T08:00Z..2026-11-22T09:00Z"),
        2_000_000_000,
        window="2026-11-22T09:00Z..2026-11-22T10:00Z",
        minutes=3,
    )
    assert hourly(runs, grammar) == (
        "Looking every hour costs about 1,440.0 GB, $7.20 a month, by what such a question read last."
    )
