"""Asking: `ask` ends with the commit that promises an answer. Surfaces call this; a worker answers."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from bot.answers import drill
from bot.app.access import NotAllowed
from bot.app.limits import Limits
from bot.app.precedence import Precedence
from bot.app.reuse import Costs, NeedsConfirmation, adopted
from bot.errors import BotError, UserError
from bot.question import select, trail
from bot.store.run import QuestionTask, Run, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from datetime import tzinfo

    from bot.answers.drill import Narrowing
    from bot.app.access import AccessPolicy
    from bot.app.grammar import Grammar
    from bot.engines import Engine
    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.runs import Runs

log = logging.getLogger(__name__)

audit = logging.getLogger("tls_audit.audit")
"""Where `bot.worker.audit` writes of every run that has ended; of what was refused there is no run."""

STRICTER: Final = "1.3"
"""The floor to ask for when nothing is below the usual one."""

HISTORY_RUNS: Final = 10
"""Runs in a person's history: more is nothing to go on from."""

SAYABLE_KEPT: Final = 1_000
"""Kinds of questions remembered as what an engine can say."""

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
        engines: Mapping[str, Engine] | None = None,
        access: AccessPolicy | None = None,
        costs: Costs | None = None,
        precedence: Precedence | None = None,
        limits: Limits | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`wake` tells the workers of this process that there is something to do. What `engines` cannot say
        is refused. Without `access`, whoever reaches the surface may ask."""
        self.grammar = grammar
        self._runs = runs
        self._wake = wake
        self._engines = engines or {}
        self._access = access
        self._costs = costs or Costs()
        self._precedence = precedence or Precedence()
        self.limits = limits or Limits()
        self._clock = clock
        self._sayable: set[Hashable] = set()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The moment at which a question would be asked."""
        return self._clock()

    @property
    def views(self) -> Mapping[str, View]:
        """What can be asked for, by name."""
        return self.grammar.views

    # --- asking

    def ask(
        self,
        text: str,
        *,
        channel: str,
        user: str,
        key: str,
        zone: Callable[[], tzinfo],
        reply_to: str | None = None,
        vouched: bool = True,
        fresh: bool = False,
        confirmed: bool = False,
    ) -> Run:
        """Take a question: when this returns, the answer will come, or a word on why it does not.

        UserError where it is none, NotAllowed where it may not be asked. `zone`, the asker's, is asked for
        only when the words depend on it. `vouched`: the surface itself says that they are in `channel`. The
        same `key` is the same run. An answer of a few minutes ago is taken again, unless a `fresh` one is
        wanted; more than one may ask raises TooMuch, and what will cost much NeedsConfirmation, unless its
        asker has `confirmed` it.
        """
        with self._precedence:
            now = self._clock()
            self.limits.check_length(text)
            question, zone_read_in = self._read(text, now, zone)
            self._admit(question, text, user, channel, vouched=vouched)
            self.limits.take("question", user)
            engine = self.grammar.engine_of(question)
            caution = self._check(question, engine)
            about = self._runs, question, engine, now, self.grammar.question
            earlier = None if fresh else self._costs.earlier(*about, self.grammar.window_typed, user)
            if earlier is not None:
                question = replace(question, window=self.grammar.question(earlier).window)
            elif not confirmed:
                if caution:
                    raise NeedsConfirmation(f"{caution}: run it?")
                self._costs.confirm(*about)
            run = self._runs.add(
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

    def _admit(self, question: Question, text: str, user: str, channel: str, *, vouched: bool) -> None:
        """NotAllowed. Where the surface does not say in time, the worker finds out, which has time; but not
        whether they are there."""
        if self._access is None:
            return
        try:
            self._access.admit(user, channel, private=question.private, vouched=vouched)
        except NotAllowed as error:
            tried = {"run": None, "who": user, "where": channel, "what": text}
            audit.info("question", extra={**tried, "outcome": "refused", "error": str(error)})
            raise
        except BotError as error:
            if not vouched:
                raise
            log.info("whether %s may ask in %s is left to the worker: %s", user, channel, error.in_full)

    def _check(self, question: Question, engine: str) -> str:
        """Why the question should be confirmed first, where its engine has a reason. UserError where the
        engine cannot say it, in words about the question.

        That does not hang on when, how many, or for whom, nor on which letters a filter's values have: of
        questions of one shape, the first is tried. To try one takes a millisecond or two.
        """
        kind = engine, select.shape(question)
        with self._lock:
            if kind in self._sayable:
                return ""
        if engine not in self._engines:
            return ""
        statement = self._engines[engine].translate(select.build(question, cap=1), question.view.columns)
        if statement.caution:
            return statement.caution
        with self._lock:
            if len(self._sayable) >= SAYABLE_KEPT:
                self._sayable.clear()
            self._sayable.add(kind)
        return ""

    def is_private(self, run: Run) -> bool:
        """Whether a run is answered to its asker alone."""
        # to read a question takes a while; most are seen not to be private without that
        if "private" not in run.text:
            return False
        try:
            return self.grammar.question(run).private
        except UserError:
            return True  # a store or a view may be gone since: what cannot be read is shown to nobody else

    def is_known(self, key: str) -> bool:
        """Whether a request of this key, which made no run, was answered a few minutes ago."""
        return self._runs.is_known(key, self._clock())

    def know(self, key: str) -> None:
        """Remember that a request which made no run was answered."""
        self._runs.know(key, self._clock())

    def keep_words(self, text: str, user: str) -> str:
        """Keep what someone typed, which is too long to be carried; an id for it."""
        return self._runs.keep_words(text, user, self._clock())

    def kept_words(self, kept: str, user: str) -> str:
        """What was kept of someone's, exactly; UserError where it is gone, or is another's."""
        text = self._runs.kept_words(kept, user) if kept.isascii() and kept.isalnum() else None
        if text is None:
            raise UserError("Those words are no longer kept.", "Ask again.")
        return text

    # --- what was asked

    def run(self, run_id: str) -> Run | None:
        """The run of an id that someone typed or pressed; None where it is none."""
        # what is no id may be what no database takes, such as NUL
        return self._runs.get(run_id) if run_id.isascii() and run_id.isalnum() else None

    def seen_by(self, user: str, run_id: str, *, here: str) -> Run | None:
        """The run of an id, where what it asks is for `user` to see; None where it is gone, or is not.

        Private ones are their asker's alone, the others for whoever is in their channel; `here` is where they
        are, by the surface's own word. BotError where that is not known.
        """
        run = self.run(run_id)
        if run is None or run.user == user or self._access is None:
            return run
        if not isinstance(run.task, QuestionTask) or self.is_private(run):
            return None
        return run if self._access.is_for(user, run.user, run.channel, here=here) else None

    def history(self, user: str) -> list[Run]:
        """A person's latest runs, newest first."""
        return self._runs.latest(user, HISTORY_RUNS)

    def cost(self, run: Run) -> str:
        """What a run has read and cost, in words; nothing where that is nothing."""
        return self._costs.words(run.engine, run.scanned)

    def month(self) -> str:
        """What all of this month's questions have read and cost, likewise."""
        return self._costs.month(self._runs, self._clock())

    def cancel(self, run_id: str, *, by: str | None = None) -> Run | None:
        """Have a run cancelled: by the next free worker if it waits, else at its engine's next step.

        None when there is nothing to cancel; NotAllowed where it is not for `by` to do.
        """
        if by is not None and self.run_of(run_id, by, "cancel a run") is None:
            return None
        run = self._runs.withdraw(run_id)
        self._wake()
        return run

    def run_of(self, run_id: str, user: str, what: str) -> Run | None:
        """The run, which `user` is to do something to (`what`); None where it is gone; NotAllowed."""
        run = self.run(run_id)
        if run is not None and self._access is not None and not self._access.may_change(user, run.user):
            raise NotAllowed(f"Only who asked, or an admin of the bot, can {what}.")
        return run

    # --- asking something like it

    def as_view(self, run: Run, name: str) -> str:
        """The question of a run as another view shows it. UserError."""
        question, view = self.grammar.question(run), self.views.get(name)
        if view is None:
            raise UserError("That view is no longer there.", "Ask for another one.")
        # which versions are asked for changes what is usual
        versions = " ".join(str(each) for each in question.filters if each.word == "version")
        usual = self.grammar.parse(f"by={name} {versions}", now=run.created, zone=UTC).policy
        policy = (question.policy or usual) if view.has_policy else None
        return str(replace(question, view=view, policy=policy))

    def row(self, run: Run, at: int) -> Narrowing:
        """What a row of a run's answer narrows its question to, by its place in the menu. UserError."""
        kept = self._runs.kept_rows(run.id)
        rows = () if kept is None else drill.read(kept)
        if not 0 <= at < len(rows):
            raise UserError("The rows of that answer are no longer kept.", "Rerun it.")
        return rows[at]

    def trail(self, run: Run, narrowing: Narrowing) -> str:
        """What narrows a run's question, and a row of it, in words: `s3 › role/report › 10.0.0.7`."""
        text = self.drilled(run, narrowing, "latest")
        question = self.grammar.parse(text, now=run.created, zone=UTC)
        day = [] if narrowing.day is None else [narrowing.day.isoformat()]
        return trail.ARROW.join(filter(None, [trail.words(trail.trail(question, text)), *day]))

    def drilled(self, run: Run, narrowing: Narrowing, view: str) -> str:
        """The question that looks into a row of a run's answer, as a view shows it. UserError."""
        if view not in drill.WAYS or view not in self.views:
            raise UserError("That view is no longer there.", "Ask for another one.")
        return drill.drilled(self.grammar.question(run), run.typed, narrowing, self.views[view])

    def stricter(self, run: Run) -> str:
        """The question of a run with the highest floor. UserError."""
        question = self.grammar.question(run)
        policy = None if question.policy is None else replace(question.policy, min_tls=STRICTER)
        return str(replace(question, policy=policy))

    def in_public(self, run: Run) -> str:
        """The question of a run, to be answered for all. UserError."""
        return str(replace(self.grammar.question(run), private=False))
