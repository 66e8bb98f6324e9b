"""A scan: what is asked for digests, and kept for all of them that await it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.app.answer import COVERAGE_ROWS, translate
from bot.digests import scan

if TYPE_CHECKING:
    from bot.app.grammar import Grammar
    from bot.store.digests import Digests
    from bot.store.run import ScanTask
    from bot.worker.inquiry import Inquiry
    from bot.worker.lease import Lease


class ScanCarrier:
    """Carries runs that nobody asked for, and that nobody is told of: the digests that await them tell."""

    def __init__(self, digests: Digests, inquiry: Inquiry, grammar: Grammar) -> None:
        self._digests = digests
        self._inquiry = inquiry
        self._grammar = grammar

    def carry(self, lease: Lease, task: ScanTask) -> None:
        """Ask, and keep what was found."""
        run, question = lease.run, self._grammar.question(lease.run)
        before = self._grammar.question(replace(run, text=f"{task.previous} by={scan.FINDINGS_VIEW}")).window
        asked = scan.questions(question, before, run.created, self._grammar.views)
        self._inquiry.prepare(lease, lambda engine: translate(asked, engine, cap=COVERAGE_ROWS))
        with ExitStack() as tables:
            answers = {}
            for step in lease.run.steps:
                table, _ = self._inquiry.ask(lease, step.name)
                answers[step.name] = tables.enter_context(table)
            sources = self._inquiry.engine(run).sources(question.window.start, question.window.end)
            found = scan.from_tables(question, run.created, answers, sources)
        self._inquiry.met(run.engine, found.newest)
        self._digests.put_answer(run.id, scan.to_json(found))
        lease.finish("done", rows=len(found.rows))
