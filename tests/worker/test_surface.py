"""A surface takes forty lines: the whole bot answers into a list."""

# ruff: noqa: ARG002 - a surface and an engine take what their protocols name

from __future__ import annotations

import inspect
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bot.app.ask import Questions
from bot.app.grammar import Grammar
from bot.app.promises import promise
from bot.digests.digest import Digest
from bot.digests.order import parse as parse_order
from bot.engines import Engine, Statement
from bot.errors import EngineError
from bot.question.question import Scope
from bot.store.run import Receipt
from bot.worker.publisher import Parent, Part
from tests.conftest import NOW
from tests.support.clock import Clock
from tests.support.databases import open_sqlite
from tests.support.workers import step, worker_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from sqlglot import exp

    from bot.answers.summary import Summary
    from bot.digests.report import Report
    from bot.digests.watch import Watch
    from bot.engines import Progress
    from bot.engines.local import Local
    from bot.errors import BotError
    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.run import Run
    from bot.table import Column, Table
    from bot.worker.publisher import Delivery, Publisher
    from bot.worker.worker import Worker

MOST_LINES = 40


class Noticeboard:
    """A surface that is a list of lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def _pin(self, line: str) -> Receipt:
        self.lines.append(line)
        return Receipt("message", str(len(self.lines)))

    def open(self, delivery: Delivery, question: Question, ahead: int) -> Parent:
        return Parent("board", self._pin(f"{delivery.run.user} asks: {question.words()}, {ahead} ahead").ref)

    def progress(self, run: Run, question: Question, state: str, seconds: float, scanned: int) -> None:
        """A list has no place that changes."""

    def answer(self, delivery: Delivery, question: Question, table: Table, summary: Summary) -> list[Part]:
        rows = "; ".join(" ".join(map(str, row)) for row in table.rows())
        return [Part(said, partial(self._pin, said)) for said in (summary.headline, rows)]

    def digest(
        self, delivery: Delivery, digest: Digest, report: Report, today: date, late: str
    ) -> list[Part]:
        lines = [f"{entry.change}: {entry.finding.client}" for entry in report.entries]
        parent = Part("parent", lambda: Parent("board", self._pin(f"Digest {digest.id}").ref))
        return [parent, Part("findings", lambda: self._pin("; ".join(lines)))]

    def fail(
        self, delivery: Delivery, subject: Question | Digest | None, error: BotError, *, final: bool
    ) -> list[Part]:
        return [Part(f"failed, {final}", lambda: self._pin(f"No answer: {error}"))]

    def watched(self, delivery: Delivery, watch: Watch, words: str) -> list[Part]:
        return [Part("watched", lambda: self._pin(f"{watch.subject.name}: {words}"))]

    def tell(self, delivery: Delivery, user: str, error: BotError) -> list[Part]:
        return [Part("told", lambda: self._pin(f"To {user}: {error}"))]

    def forget(self, run: Run) -> None:
        """Nothing is left to download."""


class Broken(Engine):
    """An engine that fails, in words of its own."""

    name = "broken"

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        return Statement(select.sql("trino"), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        raise EngineError("The store is closed.", "Ask another one.")


@dataclass
class Bot:
    """The whole bot around a surface."""

    worker: Worker
    questions: Questions
    grammar: Grammar
    clock: Clock

    def ask(self, text: str) -> Run:
        self.clock.advance(1)
        return self.questions.ask(
            text, channel="board", user="ann", key=f"{text} {self.clock()}", zone=lambda: UTC
        )

    def work(self) -> None:
        while step(self.worker):
            pass

    def state(self, run: Run) -> Any:
        found = self.worker.runs.get(run.id)
        return found and found.state


@pytest.fixture
def board() -> Noticeboard:
    return Noticeboard()


@pytest.fixture
def bot(board: Noticeboard, local: Local, catalogue: dict[str, View], tmp_path: Path) -> Iterator[Bot]:
    clock = Clock(NOW)
    engines: dict[str, Engine] = {"local": local, "broken": Broken()}
    surface: Publisher = board
    with closing(open_sqlite(tmp_path / "runs.sqlite")) as database:
        grammar = Grammar(catalogue, list(engines), "local", 366)
        worker = worker_over(database, engines, surface, grammar, clock=clock)
        questions = Questions(worker.runs, grammar, wake=worker.wake, clock=clock)
        yield Bot(worker, questions, grammar, clock)


def test_a_surface_takes_forty_lines() -> None:
    source = inspect.getsource(Noticeboard)
    assert len(source.splitlines()) <= MOST_LINES


def test_a_question_is_answered(bot: Bot, board: Noticeboard) -> None:
    run = bot.ask("last 7d by=services service=s3")
    bot.work()
    assert bot.state(run) == "done"
    opened, headline, rows = board.lines
    assert opened == "ann asks: calls over TLS older than 1.2 to s3, 0 ahead"
    assert "call" in headline
    assert "s3.amazonaws.com" in rows


def test_a_digest_is_posted(bot: Bot, board: Noticeboard) -> None:
    order = parse_order("daily 09:00", zone="UTC")
    digest = bot.worker.digests.add(
        Digest(
            id=0,
            owner="ann",
            channel="board",
            schedule=order.schedule,
            scope=Scope(),
            mention=None,
            created=NOW,
            due=NOW - timedelta(hours=1),
        )
    )
    bot.worker.scheduler.schedule_due()
    bot.work()
    assert board.lines[0] == f"Digest {digest.id}"
    assert len(board.lines) == 2
    assert "new: " in board.lines[1]


def test_an_engine_that_fails_is_told(bot: Bot, board: Noticeboard) -> None:
    run = bot.ask("last 7d engine=broken")
    bot.work()
    assert bot.state(run) == "failed"
    assert board.lines[1:] == ["No answer: The store is closed. Ask another one."]


def test_a_digest_whose_engine_fails_is_said_once_and_tried_again(bot: Bot, board: Noticeboard) -> None:
    order = parse_order("daily 09:00", zone="UTC")
    scope = Scope.read("min=1.2 engine=broken")
    digest = bot.worker.digests.add(Digest(0, "ann", "board", order.schedule, scope, None, NOW))
    day = order.schedule.latest(NOW)
    promise(digest, day, runs=bot.worker.runs, grammar=bot.grammar, now=NOW, key="now")
    for _ in range(3):
        bot.work()
        bot.clock.advance(15 * 60)
    assert board.lines == [
        "No answer: The store is closed. Ask another one. I try again every 15 minutes for 6 hours."
    ]
    bot.clock.advance(6 * 60 * 60)
    bot.work()
    bot.work()
    assert len(board.lines) == 2
    assert "I give this one up." in board.lines[1]


def test_a_question_that_was_cancelled_is_not_answered(bot: Bot, board: Noticeboard) -> None:
    run = bot.ask("last 7d")
    bot.worker.runs.withdraw(run.id)
    bot.work()
    assert bot.state(run) == "cancelled"
    assert board.lines == ["No answer: Cancelled."]
