"""Inquiry: a run's statements at its engine, written down at every step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bot.errors import Cancelled, EngineError
from bot.store.run import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bot.engines import Engine, Statement
    from bot.store.run import Run
    from bot.table import Table
    from bot.worker.lease import Lease

    Show = Callable[[Run, str, int], None]
    """Told now and then how it goes: the run, the engine's word, the bytes read."""

SAVE_SECONDS: Final = 1.0
"""How often progress is written down: often enough to be cancelled soon, seldom enough to cost nothing."""


class Inquiry:
    """Asks engines for runs. Safe from any thread."""

    def __init__(self, engines: Mapping[str, Engine], *, clock: Callable[[], datetime]) -> None:
        self._engines = engines
        self._clock = clock
        self.newest: dict[str, datetime] = {}
        """The newest event that was met, by engine."""

    def engine(self, run: Run) -> Engine:
        """The engine that a run is asked of; EngineError where the settings have it no more."""
        if run.engine not in self._engines:
            raise EngineError(f"The engine `{run.engine}` is not set up any more.", "Ask anew.")
        return self._engines[run.engine]

    def prepare(self, lease: Lease, translate: Callable[[Engine], Mapping[str, Statement]]) -> None:
        """Write down what the run's engine is asked, before it is asked. What stands there stays."""
        if not lease.run.steps:
            engine = self.engine(lease.run)
            engine.refresh()
            statements = translate(engine)
            lease.save(steps=tuple(Step(name, statement) for name, statement in statements.items()))

    def ask(self, lease: Lease, name: str, show: Show = lambda *_: None) -> tuple[Table, int]:
        """Run one step; its table, and the bytes read for it that are paid for.

        What the engine tells is written down and shown, at most every `SAVE_SECONDS`. Cancelled once the run
        is not wanted any more; EngineBusy and EngineError as the engine raises them.
        """
        step = next(step for step in lease.run.steps if step.name == name)
        saved: datetime | None = None

        def save() -> Run:
            steps = tuple(step if each.name == name else each for each in lease.run.steps)
            return lease.save(steps=steps, scanned=sum(each.scanned for each in steps))

        def progress(ref: str | None, state: str, scanned: int) -> None:
            nonlocal step, saved
            now = self._clock()
            was = step.ref
            # an engine that no longer has what another run asked asks anew: that is ours, and paid for
            adopted = step.adopted if ref == was else None
            step = replace(step, ref=ref, adopted=adopted, scanned=scanned if adopted is None else 0)
            if ref != was or saved is None or (now - saved).total_seconds() >= SAVE_SECONDS:
                run, saved = save(), now
                if not run.wanted:
                    raise Cancelled("Cancelled.")
                show(run, state, scanned)
            lease.check()

        engine = self.engine(lease.run)
        token = f"{lease.run.id}/{name}"
        try:
            table = engine.run(step.statement, token=token, resume=step.ref, progress=progress)
        except EngineError:
            save()
            raise
        step = replace(step, scanned=table.scanned if step.adopted is None else 0)
        save()
        return table, step.scanned

    def met(self, engine: str, newest: datetime | None) -> None:
        """Remember how new the events are that an engine has answered from."""
        if newest is not None:
            self.newest[engine] = max(newest, self.newest.get(engine, newest))
