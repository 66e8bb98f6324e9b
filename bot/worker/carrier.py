"""The second half of the straight line: what becomes of a run once a worker has its lease."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.errors import (
    BotError,
    Cancelled,
    EngineBusy,
    EngineError,
    ShuttingDown,
    StoreDown,
    SurfaceDown,
    UserError,
)
from bot.secrets import Secrets
from bot.store.run import DigestTask, PreviewTask, QuestionTask, ScanTask, UrgentTask, WatchTask
from bot.store.runs import ATTEMPTS

if TYPE_CHECKING:
    from bot.app.grammar import Grammar
    from bot.question.question import Question
    from bot.store.run import Run
    from bot.worker.inquiry import Inquiry
    from bot.worker.kinds.digest import DigestCarrier
    from bot.worker.kinds.preview import PreviewCarrier
    from bot.worker.kinds.question import QuestionCarrier
    from bot.worker.kinds.scan import ScanCarrier
    from bot.worker.kinds.urgent import UrgentCarrier
    from bot.worker.kinds.watch import WatchCarrier
    from bot.worker.lease import Lease

log = logging.getLogger(__name__)

_HIDE = Secrets().hide


class Carrier:
    """Carries runs of every kind."""

    def __init__(
        self,
        questions: QuestionCarrier,
        scans: ScanCarrier,
        digests: DigestCarrier,
        previews: PreviewCarrier,
        watches: WatchCarrier,
        urgent: UrgentCarrier,
        inquiry: Inquiry,
        grammar: Grammar,
    ) -> None:
        self._questions = questions
        self._scans = scans
        self._digests = digests
        self._previews = previews
        self._watches = watches
        self._urgent = urgent
        self._inquiry = inquiry
        self._grammar = grammar

    def to_its_end(self, lease: Lease) -> None:
        """Carry a run as far as it goes; where it goes no further, say so, and end it.

        What only delays a run is raised: EngineBusy, SurfaceDown, StoreDown, ShuttingDown; and LeaseLost.
        """
        try:
            self._carry(lease)
        except Cancelled as error:
            lease.save()  # raises again where another worker has it
            question = self._understood(lease.run)
            if lease.run.kind == "question" and question is not None:
                self._questions.fail(lease, question, error)
            lease.finish("cancelled")
        except (EngineBusy, ShuttingDown, SurfaceDown, StoreDown):
            raise
        except BotError as error:
            # what another program said goes into a channel, and is kept
            error.message, error.hint = _HIDE(error.message), _HIDE(error.hint)
            cause = f" ({error.__cause__!r})" if error.__cause__ else ""
            log.warning("run %s failed: %s %s%s", lease.run.id, error.in_full, error.hint, cause)
            lease.save()
            self._fail(lease, error)
            lease.finish("failed", error=str(error))

    def _carry(self, lease: Lease) -> None:
        run = lease.run
        if not run.wanted:
            self._stop(lease)
            raise Cancelled("Cancelled.")
        if run.attempts > ATTEMPTS:
            raise EngineError(
                f"This run ended the bot {ATTEMPTS} times and is given up.", "Ask for less at once."
            )
        match run.task:
            case QuestionTask():
                self._questions.carry(lease)
            case ScanTask() as task:
                self._scans.carry(lease, task)
            case DigestTask() as task:
                self._digests.carry(lease, task)
            case PreviewTask() as task:
                self._previews.carry(lease, task)
            case WatchTask() as task:
                self._watches.carry(lease, task)
            case UrgentTask() as task:
                self._urgent.carry(lease, task)

    def _fail(self, lease: Lease, error: BotError) -> None:
        """Tell whoever waits for a run; of a scan, the digests that await it do."""
        match lease.run.task:
            case QuestionTask():
                self._questions.fail(lease, self._understood(lease.run), error)
            case DigestTask() as task:
                self._digests.fail(lease, task, error)
            case PreviewTask() as task:
                self._previews.fail(lease, task, error)
            case WatchTask() as task:
                self._watches.fail(lease, task, error)
            case UrgentTask() as task:
                self._urgent.fail(lease, task, error)

    def _stop(self, lease: Lease) -> None:
        """Have the engine stop what an earlier owner of a cancelled run left there."""
        run = lease.run
        left = [step.name for step in run.steps if step.ref is not None and step.adopted is None]
        if left and self._understood(run) is not None and run.attempts <= ATTEMPTS:
            # steps are asked one after another; and an engine's first word of progress stops this one
            with suppress(EngineError):
                self._inquiry.ask(lease, left[-1])[0].close()

    def _understood(self, run: Run) -> Question | None:
        """What a run asks; None where that means nothing any more, as when its store is gone."""
        try:
            return self._grammar.question(run)
        except UserError:
            return None
