"""The straight line: a question in, an answer out, whatever happens between.

`submit` ends with the commit that promises an answer. `step` takes one run and carries it to its
end; any number of threads and processes may do so at once. `Publisher` is whoever shows it to people.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, Protocol
from uuid import uuid4

from bot import findings, statement
from bot.costs import Costs, adopted, from_another
from bot.errors import BotError, EngineBusy, EngineError, Stopped, Unreachable, UserError
from bot.question import parse
from bot.runs import ATTEMPTS, ENDED, LEASE, Run, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import tzinfo

    from bot.engines import Engine
    from bot.findings import Findings
    from bot.question import Question
    from bot.runs import Runs
    from bot.table import Table
    from bot.views import View

log = logging.getLogger(__name__)

RENEW_SECONDS: Final = 1.0
"""How often progress is written down: often enough to be cancelled soon, seldom enough to cost nothing."""

BUSY_WAIT: Final = timedelta(seconds=5)
"""How long a run waits when its engine has no room."""

IDLE_SECONDS: Final = 1.0
"""How long an idle worker sleeps before it looks for runs of other processes; its own wake it at once."""

_FAR_EAST: Final = timezone(timedelta(hours=14))
_FAR_WEST: Final = timezone(timedelta(hours=-12))


class Publisher(Protocol):
    """Whoever shows runs to people. Each method may be called again after a crash and must bear it."""

    def open(self, run: Run, question: Question, ahead: int) -> tuple[str, str]:
        """Announce the run, `ahead` others before it; the channel and timestamp of its parent message."""

    def progress(self, run: Run, question: Question, state: str, seconds: float, scanned: int) -> None:
        """Say how it goes. May be left out when there is no time for it."""

    def answer(
        self,
        run: Run,
        question: Question,
        table: Table,
        found: Findings,
        posted: Callable[[str, str], None],
    ) -> None:
        """Post what is not in `run.posted` yet; `posted(part, ref)` right after each part."""

    def apologise(self, run: Run, question: Question | None, error: BotError) -> None:
        """Say in the run's thread, or to the asker alone, what went wrong and what to do next."""

    def cancelled(self, run: Run, question: Question) -> None:
        """Say that the run was cancelled."""


class Runner:
    """Takes questions, and works on them in threads of its own between `start` and `stop`."""

    def __init__(
        self,
        runs: Runs,
        engines: Mapping[str, Engine],
        publisher: Publisher,
        views: Mapping[str, View],
        *,
        engine: str,
        limits: Mapping[str, int],
        cap: int,
        max_days: int,
        owner: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stores: Collection[str] = (),
        costs: Costs | None = None,
    ) -> None:
        """`engine` is the default one, `limits` how many runs each may have at once, `cap` the most rows.

        `stores` are those a question may name.
        """
        self.runs = runs
        self.views = views
        self.engines = engines
        self._publisher = publisher
        self._engine = engine
        self._limits = limits
        self._cap = cap
        self._max_days = max_days
        self._owner = owner
        self._clock = clock
        self._stores = stores
        self.costs = costs or Costs()
        self._news = threading.Condition()
        """Told when there is something to claim."""
        self._ends = threading.Condition()
        """Told when a run has ended."""
        self._claimed: set[_Claimed] = set()
        self._stopping = threading.Event()
        self._stopped = threading.Event()

    # --- taking questions

    def now(self) -> datetime:
        """The moment at which a question would be asked."""
        return self._clock()

    def parse(self, text: str, *, now: datetime, zone: tzinfo) -> Question:
        """The question of `text`; UserError."""
        return parse(
            text,
            now=now,
            zone=zone,
            views=self.views,
            engines=self.engines,
            stores=self._stores,
            max_days=self._max_days,
        )

    def submit(
        self,
        text: str,
        *,
        channel: str,
        user: str,
        key: str,
        zone: Callable[[], tzinfo],
        reply_to: str | None = None,
        anew: bool = False,
        sure: bool = False,
    ) -> Run:
        """Take a question: when this returns, the answer will come. UserError when it is none.

        `zone`, the asker's, is asked for only when the words depend on it. The same `key` is the same run.
        An answer of a few minutes ago is taken again, unless it is asked `anew`; and what will cost much
        raises Costly, unless the asker is `sure`.
        """
        now = self._clock()
        question, where = self._read(text, now, zone)
        engine = question.engine or self._engine
        known = self.runs, question, engine, now, self.question
        earlier = None if anew else self.costs.earlier(*known, self._window_typed)
        if earlier is not None:
            question = replace(question, window=self.question(earlier).window)
        elif not sure:
            self.costs.confirm(*known)
        run = Run(
            id=uuid4().hex[:8],
            key=key,
            user=user,
            channel=channel,
            reply_to=reply_to,
            typed=text,
            text=str(question),
            engine=engine,
            steps=() if earlier is None else adopted(earlier),
            created=now,
            zone=str(where),
        )
        run = self.runs.add(run)
        with self._news:
            self._news.notify()
        return run

    def _read(self, text: str, now: datetime, zone: Callable[[], tzinfo]) -> tuple[Question, tzinfo]:
        """The question, and the zone it was read in: the asker's, where that changes anything."""
        read: list[Question | tuple[str, str]] = []
        for edge in (_FAR_EAST, _FAR_WEST):
            try:
                read.append(self.parse(text, now=now, zone=edge))
            except UserError as error:
                read.append((error.message, error.hint))
        east, west = read
        if east == west and not isinstance(east, tuple):
            return east, UTC
        where = UTC if east == west else zone()
        return self.parse(text, now=now, zone=where), where

    def question(self, run: Run) -> Question:
        """What a run asks."""
        return self.parse(run.text, now=run.created, zone=UTC)

    def _window_typed(self, run: Run) -> str:
        """The words of a run's window; nothing where nobody typed it."""
        try:
            return self.parse(run.typed, now=run.created, zone=UTC).window.label
        except UserError:
            return ""

    def cancel(self, run_id: str) -> Run | None:
        """Have a run cancelled: by the next free worker if it waits, else at its engine's next step.

        None when there is nothing to cancel.
        """
        run = self.runs.withdraw(run_id)
        with self._news:
            self._news.notify()
        return run

    def wait(self, run_id: str, seconds: float) -> Run | None:
        """The run, once this process has brought it to its end; as it is when `seconds` have passed."""
        with self._ends:
            self._ends.wait_for(lambda: self._ended(run_id), seconds)
        return self.runs.get(run_id)

    def _ended(self, run_id: str) -> bool:
        run = self.runs.get(run_id)
        return run is None or run.state in ENDED

    # --- working on them

    def start(self, threads: int) -> None:
        """Work in the background; first take up what this owner left behind when it died."""
        self.runs.release(self._owner)
        self._workers = [threading.Thread(target=self._work, name=f"runner-{n}") for n in range(threads)]
        self._keeper = threading.Thread(target=self._keep, name="runner-leases")
        for thread in (*self._workers, self._keeper):
            thread.start()

    def stop(self) -> None:
        """Claim nothing more, and wait until what is under way has ended."""
        with self._news:
            self._stopping.set()
            self._news.notify_all()
        for worker in self._workers:
            worker.join()
        self._stopped.set()
        self._keeper.join()

    def is_alive(self) -> bool:
        """Whether every thread that was started still works."""
        return all(thread.is_alive() for thread in (*self._workers, self._keeper))

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                worked = self.step()
            except Exception:  # the edge of a thread: one run's bug must not end the others
                log.exception("a step failed in a way nobody foresaw")
                worked = False
            if not worked:
                with self._news:
                    if not self._stopping.is_set():
                        self._news.wait(IDLE_SECONDS)

    def _keep(self) -> None:
        while not self._stopped.wait(LEASE.total_seconds() / 3):
            self.keep_leases()

    def keep_leases(self) -> None:
        """Renew the leases of what is under way here, however long it waits for its engine or for Slack."""
        with self._ends:
            under_way = list(self._claimed)
        for claimed in under_way:
            try:
                claimed.renew()
            except Exception:  # the database may be away for a moment
                log.exception("the lease of run %s was not renewed", claimed.run.id)

    def step(self) -> bool:
        """Claim one run and carry it as far as it goes; False when there is none to claim."""
        run = self.runs.claim(self._owner, self._clock(), self._limits)
        if run is None:
            return False
        claimed = _Claimed(self.runs, run, self._clock)
        with self._ends:
            self._claimed.add(claimed)
        try:
            self._try(claimed)
        except Stopped:
            log.info("run %s is another worker's now", run.id)
        finally:
            with self._ends:
                self._claimed.discard(claimed)
                self._ends.notify_all()
        return True

    def _try(self, claimed: _Claimed) -> None:
        """Carry a run as far as it goes, and write down what came between. Stopped, if it is ours no more."""
        attempts = claimed.run.attempts
        question = None
        try:
            question = self.question(claimed.run)
            self._carry(claimed, question)
        except Stopped:
            claimed.save()  # raises again where another worker has it
            if question is not None:
                self._publisher.cancelled(claimed.run, question)
            claimed.save(state="cancelled", finished=self._clock())
        except EngineBusy as error:
            log.info("run %s waits: %s", claimed.run.id, error.message)
            claimed.save(state="queued", due=self._clock() + BUSY_WAIT, attempts=attempts - 1)
        except Unreachable as error:
            # the lease runs out, then whoever is free tries again; it does not count as an attempt
            log.warning("run %s: %s", claimed.run.id, error)
            claimed.save(attempts=attempts - 1)
        except BotError as error:
            log.warning("run %s failed: %s (%r)", claimed.run.id, error, error.__cause__)
            claimed.save()
            self._publisher.apologise(claimed.run, question, error)
            claimed.save(state="failed", error=str(error), finished=self._clock())

    def _carry(self, claimed: _Claimed, question: Question) -> None:
        run = claimed.run
        if not run.wanted:
            raise Stopped("Cancelled.")
        if run.attempts > ATTEMPTS:
            raise EngineError(
                f"This run ended the bot {ATTEMPTS} times and is given up.", "Ask for less at once."
            )
        if run.thread is None:
            home, thread = self._publisher.open(run, question, self.runs.ahead(run))
            run = claimed.save(home=home, thread=thread)
        if run.state == "queued":
            claimed.save(state="queued", attempts=run.attempts - 1)
            return
        if not run.steps:
            run = claimed.save(steps=self._steps(question, run.engine))
        with self._ask(claimed, question, "answer") as table:
            due = table.row_count == 0 or not self.engines[run.engine].metered
            coverage = self._ask(claimed, question, "coverage") if due else None
            found = findings.read(question, table, coverage, cap=self._cap)
            run = claimed.save(state="posting", rows=table.row_count)
            notes = (*found.notes, *from_another(run, self._clock()))
            found = replace(found, notes=notes, cost=self.costs.words(run.engine, run.scanned))
            self._publisher.answer(run, question, table, found, claimed.posted)
        claimed.save(state="done", finished=self._clock())

    def _steps(self, question: Question, engine: str) -> tuple[Step, ...]:
        """What is asked of the engine: the question, and what was read for it."""
        asked = {"answer": question, "coverage": statement.coverage(question, self.views)}
        return tuple(
            Step(
                name,
                self.engines[engine].translate(statement.build(each, cap=self._cap), each.view.columns),
            )
            for name, each in asked.items()
        )

    def _ask(self, claimed: _Claimed, question: Question, name: str) -> Table:
        """Run one step, writing down what the engine tells, at most every `RENEW_SECONDS`.

        What was another run's is asked anew where that is gone.
        """
        step = next(step for step in claimed.run.steps if step.name == name)
        told: datetime | None = None

        def write() -> Run:
            steps = tuple(step if each.name == name else each for each in claimed.run.steps)
            return claimed.save(steps=steps, scanned=sum(each.scanned for each in steps))

        def progress(ref: str | None, state: str, scanned: int) -> None:
            nonlocal step, told
            now = self._clock()
            was = step.ref
            step = replace(step, ref=ref, scanned=scanned if step.adopted is None else 0)
            if ref == was and told is not None and (now - told).total_seconds() < RENEW_SECONDS:
                return
            run, told = write(), now
            if not run.wanted:
                raise Stopped("Cancelled.")
            seconds = (now - (run.started or now)).total_seconds()
            self._publisher.progress(run, question, state, seconds, scanned)

        engine = self.engines[claimed.run.engine]
        token = f"{claimed.run.id}/{name}"
        try:
            table = engine.run(step.statement, token=token, resume=step.ref, progress=progress)
        except EngineError as error:
            if isinstance(error, EngineBusy) or step.adopted is None:
                write()
                raise
            log.info("run %s asks anew: %s", claimed.run.id, error)
            step = replace(step, ref=None, adopted=None)
            write()
            return self._ask(claimed, question, name)
        step = replace(step, scanned=table.scanned if step.adopted is None else 0)
        write()
        return table


class _Claimed:
    """A run while it is ours: its latest record, and the only way to change it. Safe from any thread."""

    def __init__(self, runs: Runs, run: Run, clock: Callable[[], datetime]) -> None:
        self.run = run
        self._runs = runs
        self._clock = clock
        self._lock = threading.Lock()

    def save(self, **changes: object) -> Run:
        """Write `changes`, and renew the lease. Stopped, if it is ours no more."""
        with self._lock:
            self.run = self._runs.save(self.run, self._clock(), **changes)
            return self.run

    def renew(self) -> None:
        """Keep the lease, if there still is one; who works on the run learns from `save` when it is lost."""
        with self._lock:
            if self.run.lease is not None:
                with suppress(Stopped):
                    self.run = self._runs.save(self.run, self._clock())

    def posted(self, part: str, ref: str) -> None:
        """Write down that a part of the answer was posted."""
        self.save(parts={**self.run.posted, part: ref})
