"""The second half of the straight line: what becomes of a run once it is claimed.

A question is announced, asked, and answered. A reading is asked and kept. A digest is told from the
reading that it awaits. `Publisher` is whoever shows all this to people.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Protocol
from zoneinfo import ZoneInfo

from bot.answers import summary, wording
from bot.app.reuse import from_another
from bot.digests import scan
from bot.digests.digest import LATE
from bot.errors import (
    BotError,
    Cancelled,
    ChannelGone,
    EngineBusy,
    EngineError,
    ShuttingDown,
    StoreDown,
    SurfaceDown,
    UserError,
)
from bot.question import select
from bot.store.runs import ATTEMPTS, Run, Step, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bot.answers.summary import Summary
    from bot.app.reuse import Costs
    from bot.digests.digest import Digest
    from bot.digests.report import Report
    from bot.engines import Engine
    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.digests import Digests
    from bot.store.runs import Runs
    from bot.table import Table
    from bot.worker.lease import Lease

log = logging.getLogger(__name__)

RENEW_SECONDS: Final = 1.0
"""How often progress is written down: often enough to be cancelled soon, seldom enough to cost nothing."""

AGAIN: Final = timedelta(minutes=15)
"""How long after a failure a digest is tried again."""

GIVEN_UP: Final = timedelta(hours=6)
"""How long a digest is tried; later, the next one says it as well."""

PERIODS_KEPT_IN_MIND: Final = 21
"""Periods looked at for a digest: three weeks of days are more than are drawn, or must be quiet."""


class Publisher(Protocol):
    """Whoever shows runs to people. Each method may be called again after a crash and must bear it: it
    checks that the run is still ours (`Lease.check`) before it posts, and says so (`posted`) after."""

    def open(self, claimed: Lease, question: Question, ahead: int) -> tuple[str, str]:
        """Announce the run, `ahead` others before it; the channel and timestamp of its parent message."""

    def progress(self, run: Run, question: Question, state: str, seconds: float, scanned: int) -> None:
        """Say how it goes. May be left out when there is no time for it."""

    def answer(self, claimed: Lease, question: Question, table: Table, found: Summary) -> None:
        """Post what is not in `run.posted` yet."""

    def digest(self, claimed: Lease, digest: Digest, report: Report, today: date, late: str) -> None:
        """Post a digest, likewise, on its readers' `today`; `late` says so where it is."""

    def no_digest(self, claimed: Lease, digest: Digest, error: BotError, what_next: str) -> None:
        """Say where a digest was to be that it failed, and what comes next."""

    def apologise(self, claimed: Lease, question: Question | None, error: BotError) -> None:
        """Say in the run's thread, or to the asker alone, what went wrong and what to do next."""

    def cancelled(self, claimed: Lease, question: Question) -> None:
        """Say that the run was cancelled."""

    def forget(self, run: Run) -> None:
        """Take back what a run of long ago left for people to download. Unreachable: not now."""

    def tell(self, claimed: Lease, user: str, error: BotError) -> None:
        """Say something to one person, about what cannot be said where it was to be."""


class Answering:
    """Carries claimed runs as far as they go."""

    def __init__(
        self,
        runs: Runs,
        digests: Digests,
        engines: Mapping[str, Engine],
        publisher: Publisher,
        views: Mapping[str, View],
        question: Callable[[Run], Question],
        *,
        costs: Costs,
        cap: int,
        stale_after: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._digests = digests
        self._engines = engines
        self._publisher = publisher
        self._views = views
        self._question = question
        self._costs = costs
        self._cap = cap
        self._stale_after = stale_after
        self._clock = clock
        self.newest: dict[str, datetime] = {}
        """The newest event that was met, by engine."""

    def to_its_end(self, claimed: Lease) -> None:
        """Carry a run as far as it goes; where it goes no further, say so, and end it."""
        run = claimed.run
        try:
            self._carry(claimed)
        except Cancelled:
            claimed.save()  # raises again where another worker has it
            question = self._understood(run)
            if run.kind == "question" and question is not None:
                self._publisher.cancelled(claimed, question)
            claimed.end("cancelled")
        except (EngineBusy, ShuttingDown, SurfaceDown, StoreDown):
            raise
        except BotError as error:
            cause = f" ({error.__cause__!r})" if error.__cause__ else ""
            log.warning("run %s failed: %s%s", run.id, error, cause)
            claimed.save()
            self._apologise(claimed, error)
            claimed.end("failed", error=str(error))

    def _apologise(self, claimed: Lease, error: BotError) -> None:
        """Tell whoever waits for the run; of a reading, the digests that await it do."""
        run = claimed.run
        if run.kind == "question":
            self._publisher.apologise(claimed, self._understood(run), error)
        elif run.kind == "digest" and (digest := self._digests.get(run.digest or 0)) is not None:
            if isinstance(error, ChannelGone):
                self._digests.pause(digest.id)
                error = BotError(
                    error.message, f"{error.hint} The digest is paused until someone resumes it."
                )
            self._publisher.tell(claimed, digest.owner, error)

    def _understood(self, run: Run) -> Question | None:
        """What a run asks; None where that means nothing any more, as when its store is gone."""
        try:
            return self._question(run)
        except UserError:
            return None

    def _carry(self, claimed: Lease) -> None:
        run = claimed.run
        if not run.wanted:
            self._stop(claimed)
            raise Cancelled("Cancelled.")
        if run.attempts > ATTEMPTS:
            raise EngineError(
                f"This run ended the bot {ATTEMPTS} times and is given up.", "Ask for less at once."
            )
        kinds = {"question": self._answer, "reading": self._read, "digest": self._tell}
        kinds[run.kind](claimed)

    def _stop(self, claimed: Lease) -> None:
        """Have the engine stop what an earlier owner of a cancelled run left there."""
        run, question = claimed.run, self._understood(claimed.run)
        left = [step.name for step in run.steps if step.ref is not None and step.adopted is None]
        if left and question is not None and run.attempts <= ATTEMPTS:
            # steps are asked one after another; and an engine's first word of progress stops this one
            with suppress(EngineError):
                self._ask(claimed, question, left[-1]).close()

    # --- a question

    def _answer(self, claimed: Lease) -> None:
        run, question = claimed.run, self._question(claimed.run)
        if run.thread is None:
            home, thread = self._publisher.open(claimed, question, self._runs.ahead(run))
            run = claimed.save(home=home, thread=thread)
        if run.state == "queued":
            claimed.lay_back(attempts=run.attempts - 1)
            return
        asked = {"answer": question, "coverage": select.coverage(question, self._views)}
        run = self._with_steps(claimed, asked, self._cap)
        with self._ask(claimed, question, "answer") as table:
            due = table.row_count == 0 or not self._engine(run).metered
            coverage = self._ask(claimed, question, "coverage") if due else None
            found = summary.read(question, table, coverage, cap=self._cap)
            self._met(run.engine, None if found.coverage is None else found.coverage.newest)
            run = claimed.save(state="posting", rows=table.row_count, answered=self._clock())
            notes = (*found.notes, *from_another(run, self._clock()))
            found = replace(found, notes=notes, cost=self._costs.words(run.engine, run.scanned))
            self._publisher.answer(claimed, question, table, found)
        claimed.end("done")

    # --- digests

    def _read(self, claimed: Lease) -> None:
        run, question = claimed.run, self._question(claimed.run)
        before = self._question(replace(run, text=f"{run.typed} by={scan.VIEW}")).window
        asked = scan.questions(question, before, run.created, self._views)
        run = self._with_steps(claimed, asked, self._cap)
        with ExitStack() as tables:
            answers = {
                step.name: tables.enter_context(self._ask(claimed, question, step.name)) for step in run.steps
            }
            found = scan.read(run.created, answers)
        self._met(run.engine, found.newest)
        self._digests.put_answer(run.id, scan.to_json(found))
        claimed.end("done", rows=len(found.rows))

    def _tell(self, claimed: Lease) -> None:
        run = claimed.run
        digest, asked = self._digests.get(run.digest or 0), self._runs.get(run.awaits or "")
        if digest is None:
            claimed.end("cancelled", error="The digest was removed.")
            return
        if asked is None:
            self._question(run)  # raises what its owner is told: a store that is not there any more, say
            raise EngineError("What was read for this digest is no longer kept.", "The next one reads anew.")
        day = date.fromisoformat(run.day or "")
        body = self._digests.answer(asked.id)
        if asked.state != "done" or body is None:
            self._retry(claimed, digest, asked)
            return
        told = self._digests.told(digest.id, *digest.period(day))
        if told is None:
            told = self._report(digest, day, scan.from_json(body), self._question(asked).subject())
        run = claimed.save(state="posting", rows=len(told.entries), answered=self._clock())
        due = digest.schedule.moment(day)
        now, zone = self._clock(), ZoneInfo(digest.schedule.zone)
        late = now - due > LATE and run.typed != NOW
        words = f"This digest is late: it was due at {wording.clock(due, zone, now)}." if late else ""
        self._publisher.digest(claimed, digest, told, now.astimezone(zone).date(), words)
        claimed.end("done")

    def _report(self, digest: Digest, day: date, found: scan.Scan, subject: str) -> Report:
        start, _ = digest.period(day)
        made, remembered, before = scan.report(
            found,
            digest,
            day,
            subject,
            remembered=self._digests.findings(digest.id),
            history=self._digests.points(digest.id, start, PERIODS_KEPT_IN_MIND),
            trusted=self._digests.trusted(digest.id, start, PERIODS_KEPT_IN_MIND),
            stale_after=self._stale_after,
        )
        return self._digests.keep(digest.id, made, remembered, before)

    def _retry(self, claimed: Lease, digest: Digest, failed: Run) -> None:
        """Say once that a digest failed, and have it asked again; all that await it await the same."""
        run, now = claimed.run, self._clock()
        error = EngineError(failed.error or "The run was cancelled.")
        if now - run.created > GIVEN_UP:
            next_one = digest.schedule.following(now)
            what = "I give this one up. The next digest asks for these days again."
            if next_one - now > timedelta(days=2):
                what = "I give this one up. `/tls-digest now` asks at once."
            if "given up" not in run.posted:
                self._publisher.no_digest(claimed, digest, error, what)
            claimed.end("failed", error=str(error))
            return
        if "trouble" not in run.posted:
            hours = GIVEN_UP // timedelta(hours=1)
            what = f"I try again every {AGAIN // timedelta(minutes=1)} minutes for {hours} hours."
            self._publisher.no_digest(claimed, digest, error, what)
        again = replace(
            failed,
            id=new_id(),
            key=f"{failed.key}+",
            created=now,
            state="queued",
            steps=(),
            due=now + AGAIN,
            lease=None,
            owner=None,
            fence=0,
            attempts=0,
            started=None,
            finished=None,
            error=None,
            scanned=0,
            doubt=False,
            wanted=True,
        )
        claimed.lay_back(state="queued", awaits=self._runs.add(again).id, attempts=0)

    # --- asking

    def _with_steps(self, claimed: Lease, asked: Mapping[str, Question], cap: int) -> Run:
        """The run, with what is asked of its engine; written down before it is asked."""
        run = claimed.run
        if run.steps:
            return run
        engine = self._engine(run)
        engine.refresh()
        return claimed.save(
            steps=tuple(
                Step(name, engine.translate(select.build(each, cap=cap), each.view.columns))
                for name, each in asked.items()
            )
        )

    def _engine(self, run: Run) -> Engine:
        """The engine that a run is asked of; EngineError where the settings have it no more."""
        if run.engine not in self._engines:
            raise EngineError(f"The engine `{run.engine}` is not set up any more.", "Ask anew.")
        return self._engines[run.engine]

    def _met(self, engine: str, newest: datetime | None) -> None:
        if newest is not None:
            self.newest[engine] = max(newest, self.newest.get(engine, newest))

    def _ask(self, claimed: Lease, question: Question, name: str) -> Table:
        """Run one step, writing down what the engine tells, at most every `RENEW_SECONDS`."""
        step = next(step for step in claimed.run.steps if step.name == name)
        told: datetime | None = None

        def write() -> Run:
            steps = tuple(step if each.name == name else each for each in claimed.run.steps)
            return claimed.save(steps=steps, scanned=sum(each.scanned for each in steps))

        def progress(ref: str | None, state: str, scanned: int) -> None:
            nonlocal step, told
            now = self._clock()
            was = step.ref
            # an engine that no longer has what another run asked asks anew: that is ours, and paid for
            adopted = step.adopted if ref == was else None
            step = replace(step, ref=ref, adopted=adopted, scanned=scanned if adopted is None else 0)
            if ref != was or told is None or (now - told).total_seconds() >= RENEW_SECONDS:
                run, told = write(), now
                if not run.wanted:
                    raise Cancelled("Cancelled.")
                # once its headline may stand, progress would write over it
                if run.kind == "question" and run.state == "running":
                    seconds = (now - (run.started or now)).total_seconds()
                    self._publisher.progress(run, question, state, seconds, scanned)
            claimed.check()

        engine = self._engine(claimed.run)
        token = f"{claimed.run.id}/{name}"
        try:
            table = engine.run(step.statement, token=token, resume=step.ref, progress=progress)
        except EngineError:
            write()
            raise
        step = replace(step, scanned=table.scanned if step.adopted is None else 0)
        write()
        return table


NOW: Final = "now"
"""What stands in a run's `typed` where someone had a digest told at once."""
