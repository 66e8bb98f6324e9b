"""A scan: what is asked for digests, and kept for all of them that await it."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.app.answer import COVERAGE_ROWS, translate
from bot.digests import scan
from bot.errors import EngineBusy, EngineError
from bot.wording import BYTES_PER_GB

if TYPE_CHECKING:
    from bot.app.grammar import Grammar
    from bot.question.window import Window
    from bot.store.digests import Digests
    from bot.store.run import Run, ScanTask
    from bot.worker.inquiry import Inquiry
    from bot.worker.lease import Lease


log = logging.getLogger(__name__)


class ScanCarrier:
    """Carries runs that nobody asked for, and that nobody is told of: the digests that await them tell."""

    def __init__(
        self, digests: Digests, inquiry: Inquiry, grammar: Grammar, *, look_back_gb: float | None = None
    ) -> None:
        """Looking back may read less than `look_back_gb` where reading is paid for; None: nothing."""
        self._look_back_gb = look_back_gb
        self._digests = digests
        self._inquiry = inquiry
        self._grammar = grammar

    def carry(self, lease: Lease, task: ScanTask) -> None:
        """Ask, and keep what was found."""
        run, question = lease.run, self._grammar.question(lease.run)
        before = None
        if task.previous:
            text = f"{task.previous} by={scan.FINDINGS_VIEW}"
            before = self._grammar.question(replace(run, text=text)).window
        earlier = scan.look_back(question.window) if task.looks_back else None
        asked = scan.questions(question, before, run.created, self._grammar.views, earlier)
        self._inquiry.prepare(lease, lambda engine: translate(asked, engine, cap=COVERAGE_ROWS))
        with ExitStack() as tables:
            answers = {}
            for step in lease.run.steps:
                if step.name in scan.LOOKING_BACK and not self._may_look_back(lease.run, question.window):
                    continue
                try:
                    table, _ = self._inquiry.ask(lease, step.name)
                except EngineBusy:
                    raise
                except EngineError as error:
                    if step.name not in scan.LOOKING_BACK:
                        raise
                    log.warning("run %s does not look back: %s", lease.run.id, error.in_full)
                    break
                answers[step.name] = tables.enter_context(table)
            sources = self._inquiry.engine(run).sources(question.window.start, question.window.end)
            found = scan.from_tables(question, run.created, answers, sources)
        self._inquiry.met(run.engine, found.newest)
        self._digests.put_answer(run.id, scan.to_json(found))
        lease.finish("done", rows=len(found.rows))

    def _may_look_back(self, run: Run, period: Window) -> bool:
        """Whether looking back is free, or will likely read little enough, by what the period has read."""
        if not self._inquiry.engine(run).metered:
            return True
        if self._look_back_gb is None:
            return False
        read = sum(step.scanned for step in run.steps if step.name in {"answer", "coverage"})
        return read * (scan.LOOK_BACK / (period.end - period.start)) < self._look_back_gb * BYTES_PER_GB
