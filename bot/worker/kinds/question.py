"""A question: announced, asked, and answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.answers import drill
from bot.app.answer import answer, statements
from bot.app.reuse import from_another
from bot.store.run import PARENT
from bot.worker.publisher import Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.app.grammar import Grammar
    from bot.errors import BotError
    from bot.question.question import Question
    from bot.store.run import Run
    from bot.store.runs import Runs
    from bot.table import Table
    from bot.worker.inquiry import Inquiry
    from bot.worker.lease import Lease
    from bot.worker.publisher import Publisher


class QuestionCarrier:
    """Carries runs that answer what someone asked."""

    def __init__(
        self,
        runs: Runs,
        inquiry: Inquiry,
        publisher: Publisher,
        grammar: Grammar,
        *,
        cap: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._inquiry = inquiry
        self._publisher = publisher
        self._grammar = grammar
        self._cap = cap
        self._clock = clock

    def carry(self, lease: Lease) -> None:
        """Announce the run; once its engine has room for it, answer it."""
        question = self._grammar.question(lease.run)
        if not lease.run.has(PARENT):
            ahead = self._runs.ahead(lease.run)
            lease.deliver([Part(PARENT, lambda: self._publisher.open(lease, question, ahead))])
        if lease.run.state == "queued":
            lease.release(attempts=lease.run.attempts - 1)
            return
        self._answer(lease, question)
        lease.finish("done")

    def _answer(self, lease: Lease, question: Question) -> None:
        views, engine = self._grammar.views, self._inquiry.engine(lease.run)
        self._inquiry.prepare(lease, lambda its: statements(question, its, views, cap=self._cap))

        def show(run: Run, state: str, scanned: int) -> None:
            # once its headline may stand, progress would write over it
            if run.state == "running":
                seconds = (self._clock() - (run.started or self._clock())).total_seconds()
                self._publisher.progress(run, question, state, seconds, scanned)

        def ask(name: str) -> tuple[Table, int]:
            return self._inquiry.ask(lease, name, show)

        asked = [step.name for step in lease.run.steps]
        with answer(question, ask, asked, engine=engine, cap=self._cap) as found:
            coverage = found.summary.coverage
            self._inquiry.met(lease.run.engine, None if coverage is None else coverage.newest)
            run = lease.save(
                state="posting",
                rows=found.table.row_count,
                belief=found.summary.verdict.belief,
                answered=self._clock(),
            )
            notes = (*found.summary.notes, *from_another(run, self._clock()))
            rows = drill.offered(question, found.table, cap=self._cap)
            if rows:
                self._runs.keep_rows(run.id, drill.written(rows), self._clock())
            summary = replace(found.summary, notes=notes, rows=rows)
            lease.deliver(self._publisher.answer(lease, question, found.table, summary))

    def fail(self, lease: Lease, question: Question | None, error: BotError) -> None:
        """Tell its asker what went wrong; None where the run asks nothing that means anything any more."""
        lease.deliver(self._publisher.fail(lease, question, error, final=True))
