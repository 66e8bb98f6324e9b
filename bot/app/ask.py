"""Asking: `ask` ends with the commit that promises an answer. Surfaces call this; a worker answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from bot.app.digests import promise
from bot.app.reuse import Costs, adopted
from bot.errors import UserError
from bot.store.run import QuestionTask, Run, new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from bot.app.grammar import Grammar
    from bot.digests.digest import Digest
    from bot.question.question import Question
    from bot.store.runs import Runs

_FAR_EAST: Final = timezone(timedelta(hours=14))
_FAR_WEST: Final = timezone(timedelta(hours=-12))


class Questions:
    """Takes questions, and what is asked about them afterwards. Safe from any thread."""

    def __init__(
        self,
        runs: Runs,
        grammar: Grammar,
        *,
        wake: Callable[[], None],
        costs: Costs | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`wake` tells the workers of this process that there is something to do."""
        self.runs = runs
        self.grammar = grammar
        self.costs = costs or Costs()
        self._wake = wake
        self._clock = clock

    def now(self) -> datetime:
        """The moment at which a question would be asked."""
        return self._clock()

    def ask(
        self,
        text: str,
        *,
        channel: str,
        user: str,
        key: str,
        zone: Callable[[], tzinfo],
        reply_to: str | None = None,
        fresh: bool = False,
        confirmed: bool = False,
    ) -> Run:
        """Take a question: when this returns, the answer will come. UserError when it is none.

        `zone`, the asker's, is asked for only when the words depend on it. The same `key` is the same run.
        An answer of a few minutes ago is taken again, unless a `fresh` one is wanted; and what will cost much
        raises NeedsConfirmation, unless its asker has `confirmed` it.
        """
        now = self._clock()
        question, zone_read_in = self._read(text, now, zone)
        engine = self.grammar.engine_of(question)
        about = self.runs, question, engine, now, self.grammar.question
        earlier = None if fresh else self.costs.earlier(*about, self.grammar.window_typed)
        if earlier is not None:
            question = replace(question, window=self.grammar.question(earlier).window)
        elif not confirmed:
            self.costs.confirm(*about)
        run = self.runs.add(
            Run(
                id=new_id(),
                key=key,
                task=QuestionTask(text, question.view.name),
                user=user,
                channel=channel,
                reply_to=reply_to,
                text=str(question),
                engine=engine,
                steps=() if earlier is None else adopted(earlier),
                created=now,
                zone=str(zone_read_in),
            )
        )
        self._wake()
        return run

    def _read(self, text: str, now: datetime, zone: Callable[[], tzinfo]) -> tuple[Question, tzinfo]:
        """The question, and the zone it was read in: the asker's, where that changes anything."""
        read: list[Question | tuple[str, str]] = []
        for edge in (_FAR_EAST, _FAR_WEST):
            try:
                read.append(self.grammar.parse(text, now=now, zone=edge))
            except UserError as error:
                read.append((error.message, error.hint))
        east, west = read
        if east == west and not isinstance(east, tuple):
            return east, UTC
        asked_from = UTC if east == west else zone()
        return self.grammar.parse(text, now=now, zone=asked_from), asked_from

    def tell(self, digest: Digest, *, key: str) -> Run:
        """Have a digest told at once, of the days that it told last by its schedule."""
        now = self._clock()
        day = digest.schedule.latest(now)
        run = promise(digest, day, runs=self.runs, grammar=self.grammar, now=now, key=key, at_once=True)
        self._wake()
        return run

    def cancel(self, run_id: str) -> Run | None:
        """Have a run cancelled: by the next free worker if it waits, else at its engine's next step.

        None when there is nothing to cancel.
        """
        run = self.runs.withdraw(run_id)
        self._wake()
        return run
