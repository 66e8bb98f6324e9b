"""What answers cost, and how not to pay twice: prices, the month's sum, estimates, earlier answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from bot import wording
from bot.errors import UserError
from bot.store.run import ScanTask
from bot.wording import BYTES_PER_GB

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bot.question.question import Question
    from bot.store.run import Run, Step
    from bot.store.runs import Runs
    from bot.store.schema import Kind

COMPARED_RUNS: Final = 50
"""Past runs that an estimate, or a look for an earlier answer, goes through."""

REMEMBERED: Final = timedelta(days=90)
"""Older runs say little of what a question costs today."""


HOUR_SECONDS: Final = 3_600
LOOKS_A_MONTH: Final = 24 * 30


class NeedsConfirmation(UserError):
    """A question that its asker has to confirm, for what it is going to cost."""


class Costs:
    """`prices` are dollars for each gigabyte that an engine reads; the rest is as the settings have it."""

    def __init__(
        self,
        prices: Mapping[str, float] | None = None,
        *,
        reuse: timedelta = timedelta(),
        confirm_gb: float | None = None,
    ) -> None:
        self._prices = prices or {}
        self._reuse = reuse
        self._confirm_gb = confirm_gb

    def words(self, engine: str, scanned: int) -> str:
        """ "1.8 GB, $0.009"; nothing where reading is free, or nothing was read."""
        return wording.cost(scanned, self._prices[engine]) if scanned and engine in self._prices else ""

    def month(self, runs: Runs, now: datetime) -> str:
        """What all of this month's questions, in UTC, have read and cost; nothing where that is nothing."""
        first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        read = {engine: runs.scanned(engine, first) for engine in self._prices}
        if not any(read.values()):
            return ""
        dollars = sum(scanned / BYTES_PER_GB * self._prices[engine] for engine, scanned in read.items())
        size = wording.cost(sum(read.values()), 0)
        return f"This month, everyone's questions together: {size}, {wording.money(dollars)}"

    def earlier(
        self,
        runs: Runs,
        question: Question,
        engine: str,
        now: datetime,
        asked: Callable[[Run], Question],
        typed: Callable[[Run], str],
        user: str,
    ) -> Run | None:
        """A run whose answer is as good for `user`: the same question, asked and paid for a few minutes ago.

        What another asked in private is none: nobody else is to know that it was asked. `asked` is a run's
        question, `typed` the words of its window.
        """
        if engine not in self._prices or not self._reuse:
            return None
        for run in runs.answered(engine, now - self._reuse, COMPARED_RUNS, view=question.view.name):
            if not run.steps or any(step.adopted is not None for step in run.steps):
                continue
            before, within = _asked(run, asked), now - run.created
            if before is None or not _is_same(question, before):
                continue
            if before.private and run.user != user:
                continue
            if _moved_along(question, before, typed(run), within):
                return run
        return None

    def hourly(
        self, runs: Runs, question: Question, engine: str, now: datetime, asked: Callable[[Run], Question]
    ) -> str:
        """What it costs a month to ask every hour for what a digest of `question` asks, in a sentence: by the
        last such question that was paid for. Some engines read whole days for an hour: at most, a look costs
        as much as that question did."""
        if not self._prices.get(engine):
            return "Looking every hour costs nothing: reading is free on this engine."
        kinds: tuple[Kind, ...] = ("scan", "question")
        for kind in kinds:
            for run in runs.answered(engine, now - REMEMBERED, COMPARED_RUNS, kind=kind):
                before = _asked(run, asked) if run.scanned else None
                if before is None or before.store != question.store or not _is_like_a_look(run):
                    continue
                # a scan has read the period before as well, as each look does; a question its window alone
                windows = 1 if kind == "scan" else 2
                most = run.scanned * windows * LOOKS_A_MONTH
                least = int(most / _seconds(before) * HOUR_SECONDS)
                month = f"about {wording.cost(least, self._prices[engine])} a month"
                if least < most:
                    month += f", and at most {wording.cost(most, self._prices[engine])}"
                return f"Looking every hour costs {month}, by what such a question read last."
        return "What looking every hour costs a month is not known: nothing like it was read yet."

    def confirm(
        self, runs: Runs, question: Question, engine: str, now: datetime, asked: Callable[[Run], Question]
    ) -> None:
        """NeedsConfirmation where the question will likely read more than anyone wants to pay for unasked."""
        if engine not in self._prices or self._confirm_gb is None:
            return
        rates = []
        for run in runs.answered(engine, now - REMEMBERED, COMPARED_RUNS, view=question.view.name):
            before = _asked(run, asked) if run.scanned else None
            if before is not None and before.store == question.store:
                rates.append(run.scanned / _seconds(before))
        if not rates:
            return
        expected = median(rates) * _seconds(question)
        if expected > self._confirm_gb * BYTES_PER_GB:
            about = wording.cost(int(expected), self._prices[engine])
            raise NeedsConfirmation(
                f"About {about}: run it?", "That is what such questions have read so far."
            )


def _is_like_a_look(run: Run) -> bool:
    """Whether a run read what a look reads: a baseline looks back as well, and a count has one window."""
    return not isinstance(run.task, ScanTask) or (bool(run.task.previous) and not run.task.looks_back)


def _asked(run: Run, asked: Callable[[Run], Question]) -> Question | None:
    """The question of a run; None where it cannot be asked any more, as its store or a filter is gone."""
    try:
        return asked(run)
    except UserError:
        return None


def _seconds(question: Question) -> float:
    return (question.window.end - question.window.start).total_seconds()


def _is_same(question: Question, earlier: Question) -> bool:
    """Whether both ask the same, but for the window."""
    apart = {"engine": None, "private": False}
    return replace(question, window=earlier.window, **apart) == replace(earlier, **apart)  # type: ignore[arg-type]  # fields


def _moved_along(question: Question, earlier: Question, typed: str, within: timedelta) -> bool:
    """Whether the windows are one, or have moved with the clock, as `last 7d` does."""
    new, old = question.window, earlier.window
    if new == old:
        return True
    # a window that was typed as moments is meant as typed
    if new.label.lower() != typed.lower():
        return False
    moved = {new.start - old.start, new.end - old.end}
    return all(timedelta() <= each <= within + timedelta(minutes=1) for each in moved)


def adopted(earlier: Run) -> tuple[Step, ...]:
    """The steps of a run whose results are taken: what it has not asked is asked by whoever takes them."""
    since = earlier.created.timestamp()
    return tuple(
        replace(step, scanned=0, adopted=None if step.ref is None else since) for step in earlier.steps
    )


def from_another(run: Run, now: datetime) -> tuple[str, ...]:
    """Whose answer it is, where another run's was taken."""
    if not run.steps or run.steps[0].adopted is None:
        return ()
    minutes = round((now.timestamp() - run.steps[0].adopted) / 60)
    ago = f"{wording.counted(minutes, 'minute')} ago" if minutes else "just before"
    return (f"From a run {ago}{'' if run.scanned else ': nothing scanned'}. Rerun asks anew.",)
