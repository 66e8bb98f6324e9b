"""The straight line: a question in, an answer out, whatever happens between.

`submit` ends with the commit that promises an answer. `step` takes one run and carries it to its
end; any number of threads and processes may do so at once. `Publisher` is whoever shows it to people.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, Protocol
from uuid import uuid4

from bot import findings, statement
from bot.errors import BotError, EngineBusy, EngineError, Stopped, Unreachable
from bot.question import parse
from bot.runs import ATTEMPTS, ENDED, Run, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
    ) -> None:
        """`engine` is the default one, `limits` how many runs each may have at once, `cap` the most rows."""
        self.runs = runs
        self.views = views
        self._engines = engines
        self._publisher = publisher
        self._engine = engine
        self._limits = limits
        self._cap = cap
        self._max_days = max_days
        self._owner = owner
        self._clock = clock
        self._news = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []

    # --- taking questions

    def now(self) -> datetime:
        """The moment at which a question would be asked."""
        return self._clock()

    def parse(self, text: str, *, now: datetime, zone: tzinfo) -> Question:
        """The question of `text`; UserError."""
        return parse(
            text, now=now, zone=zone, views=self.views, engines=self._engines, max_days=self._max_days
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
    ) -> Run:
        """Take a question: when this returns, the answer will come. UserError when it is none.

        `zone`, the asker's, is asked for only when the words depend on it. The same `key` is the same run.
        """
        now = self._clock()
        question = self.parse(text, now=now, zone=_FAR_EAST)
        if question != self.parse(text, now=now, zone=_FAR_WEST):
            question = self.parse(text, now=now, zone=zone())
        engine = self._engines[question.engine or self._engine]
        asked = {"answer": question, "coverage": statement.coverage(question, self.views)}
        steps = tuple(
            Step(name, engine.translate(statement.build(each, cap=self._cap), each.view.columns))
            for name, each in asked.items()
        )
        run = Run(
            id=uuid4().hex[:8],
            key=key,
            user=user,
            channel=channel,
            reply_to=reply_to,
            typed=text,
            text=str(question),
            engine=engine.name,
            steps=steps,
            created=now,
        )
        run = self.runs.add(run)
        with self._news:
            self._news.notify_all()
        return run

    def question(self, run: Run) -> Question:
        """What a run asks."""
        return self.parse(run.text, now=run.created, zone=UTC)

    def cancel(self, run_id: str) -> Run | None:
        """Cancel a run, at once if it waits, else at its engine's next step; None when there is none."""
        run = self.runs.withdraw(run_id, self._clock())
        if run is not None and run.state == "cancelled":
            self._publisher.cancelled(run, self.question(run))
        with self._news:
            self._news.notify_all()
        return run

    def wait(self, run_id: str, seconds: float) -> Run | None:
        """The run, once this process has brought it to its end; as it is when `seconds` have passed."""
        with self._news:
            self._news.wait_for(lambda: self._ended(run_id), seconds)
        return self.runs.get(run_id)

    def _ended(self, run_id: str) -> bool:
        run = self.runs.get(run_id)
        return run is None or run.state in ENDED

    # --- working on them

    def start(self, threads: int) -> None:
        """Work in the background; first take up what this owner left behind when it died."""
        self.runs.release(self._owner)
        for number in range(threads):
            thread = threading.Thread(target=self._work, name=f"runner-{number}")
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Claim nothing more, and wait until what is under way has ended."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        for thread in self._threads:
            thread.join()

    def is_alive(self) -> bool:
        """Whether every worker that was started still works."""
        return all(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while not self._stopping:
            try:
                worked = self.step()
            except Exception:  # the edge of a thread: one run's bug must not end the others
                log.exception("a step failed in a way nobody foresaw")
                worked = False
            with self._news:
                if worked:
                    self._news.notify_all()
                elif not self._stopping:
                    self._news.wait(IDLE_SECONDS)

    def step(self) -> bool:
        """Claim one run and carry it as far as it goes; False when there is none to claim."""
        run = self.runs.claim(self._owner, self._clock(), self._limits)
        if run is None:
            return False
        question = None
        try:
            question = self.question(run)
            self._carry(run, question)
        except Stopped:
            self._stopped(run, question)
        except EngineBusy as error:
            log.info("run %s waits: %s", run.id, error.message)
            self._save(run, state="queued", due=self._clock() + BUSY_WAIT, attempts=run.attempts - 1)
        except Unreachable as error:
            # the lease runs out, then whoever is free tries again; it does not count as an attempt
            log.warning("run %s: %s", run.id, error)
            self._save(run, attempts=run.attempts - 1)
        except BotError as error:
            self._fail(run, question, error)
        return True

    def _carry(self, run: Run, question: Question) -> None:
        if run.attempts > ATTEMPTS:
            raise EngineError(
                f"This run ended the bot {ATTEMPTS} times and is given up.", "Ask for less at once."
            )
        if not run.wanted:
            raise Stopped("Cancelled.")
        if run.thread is None:
            home, thread = self._publisher.open(run, question, self.runs.ahead(run))
            run = self._save(run, home=home, thread=thread)
        if run.state == "queued":
            self._save(run, state="queued", attempts=run.attempts - 1)
            return
        with self._ask(run, question, "answer") as table:
            run = self._current(run)
            due = table.row_count == 0 or not self._engines[run.engine].metered
            coverage = self._ask(run, question, "coverage") if due else None
            found = findings.read(question, table, coverage, cap=self._cap)
            run = self._save(self._current(run), state="posting", scanned=table.scanned, rows=table.row_count)
            self._post(run, question, table, found)

    def _post(self, run: Run, question: Question, table: Table, found: Findings) -> None:
        def posted(part: str, ref: str) -> None:
            nonlocal run
            run = self._save(run, parts={**run.posted, part: ref})

        self._publisher.answer(run, question, table, found, posted)
        self._save(run, state="done", finished=self._clock())

    def _ask(self, run: Run, question: Question, name: str) -> Table:
        """Run one step, writing down what the engine tells, at most every `RENEW_SECONDS`."""
        step = next(step for step in run.steps if step.name == name)
        renewed = None

        def progress(ref: str | None, state: str, scanned: int) -> None:
            nonlocal run, step, renewed
            now = self._clock()
            if ref == step.ref and renewed is not None and (now - renewed).total_seconds() < RENEW_SECONDS:
                return
            step, renewed = replace(step, ref=ref), now
            steps = tuple(step if each.name == name else each for each in run.steps)
            run = self._save(run, steps=steps, scanned=scanned)
            if not run.wanted:
                raise Stopped("Cancelled.")
            self._publisher.progress(
                run, question, state, (now - (run.started or now)).total_seconds(), scanned
            )

        engine = self._engines[run.engine]
        return engine.run(step.statement, token=f"{run.id}/{name}", resume=step.ref, progress=progress)

    def _save(self, run: Run, **changes: object) -> Run:
        return self.runs.save(run, self._clock(), **changes)

    def _current(self, run: Run) -> Run:
        return self._save(run)

    def _stopped(self, run: Run, question: Question | None) -> None:
        now = self.runs.get(run.id)
        if now is None or now.fence != run.fence or now.state in ENDED:
            log.info("run %s is another worker's now", run.id)
            return
        if not now.wanted and question is not None:
            self._save(now, state="cancelled", finished=self._clock())
            self._publisher.cancelled(now, question)

    def _fail(self, run: Run, question: Question | None, error: BotError) -> None:
        log.warning("run %s failed: %s", run.id, error, exc_info=error)
        now = self.runs.get(run.id)
        if now is None or now.fence != run.fence:
            return
        self._publisher.apologise(now, question, error)
        self._save(now, state="failed", error=str(error), finished=self._clock())
