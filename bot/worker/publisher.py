"""The Publisher: the port through which runs reach people. A surface (Slack, a list) implements it.

The worker holds the lease, keeps the receipts and saves before it goes on. A surface gets values, shows them,
and says where they are: all that it must do is in this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from bot.answers.summary import Summary
    from bot.digests.digest import Digest
    from bot.digests.report import Report
    from bot.digests.watch import Watch
    from bot.errors import BotError
    from bot.question.question import Question
    from bot.store.run import Receipt, Run
    from bot.table import Table


@dataclass(frozen=True, slots=True)
class Parent:
    """The message that a run's other parts belong under: the surface's words for its channel and for it."""

    channel: str
    ref: str


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to be shown, once. `post` shows it and says what it is: the run's parent message, or a
    receipt with the surface's word for it. The name is the same whenever the part is listed again."""

    name: str
    post: Callable[[], Parent | Receipt]


class Delivery(Protocol):
    """A run on its way to people, as the worker hands it to a surface."""

    @property
    def run(self) -> Run:
        """The run as it was last saved, with the receipts of what is shown already.

        `maybe_posted` warns that a worker died or the line broke: the next part may be there without a
        receipt. A surface that can look for it does so before it posts; others post again.
        """

    def check(self) -> None:
        """Raise where nothing may be shown any more: another worker has the run, or this process stops.

        It was checked before `post` was called. Whoever waits in there calls it again, just before others
        see anything.
        """

    def note(self, part: str, receipt: Receipt) -> None:
        """Save how far a part of several steps has come, such as a file that is sent and then shared."""


class Publisher(Protocol):
    """A surface. Safe from any thread; every method may be called again for the same run.

    Methods that show something list its parts. The worker posts them in that order, one at a time, leaves out
    what has a receipt, checks that the run is still its own before each and saves its receipt after. A list
    may be a generator: what comes next is asked for when what came before is saved.

    Whatever cannot be shown now and may be later is SurfaceDown: the run comes back in a while. Any other
    BotError, such as ChannelGone, ends the run and is told through `fail` or `tell`.
    """

    def open(self, delivery: Delivery, question: Question, ahead: int) -> Parent:
        """Announce a question with `ahead` others before it, and return its parent message."""

    def progress(self, run: Run, question: Question, state: str, seconds: float, scanned: int) -> None:
        """Say how it goes, once a second at most: the engine's word, and the bytes read. May be left out."""

    def answer(
        self, delivery: Delivery, question: Question, table: Table, summary: Summary
    ) -> Iterable[Part]:
        """The parts of an answer, under the parent that `open` returned."""

    def digest(
        self, delivery: Delivery, digest: Digest, report: Report, today: date, late: str
    ) -> Iterable[Part]:
        """The parts of a digest, of a preview, or of news of urgent services, on its readers' `today`, the
        parent first; `late` says so where it is."""

    def fail(
        self, delivery: Delivery, subject: Question | Digest | None, error: BotError, *, final: bool
    ) -> Iterable[Part]:
        """Say what went wrong and what to do next, where the answer or the digest was to be.

        Cancelled says that a question is not wanted any more. A question that means nothing any more is None.
        A digest that is tried again is not `final`; its last word is, and is a part of another name.
        """

    def watched(self, delivery: Delivery, watch: Watch, words: str) -> Iterable[Part]:
        """Say in the thread of a watch how it has ended: `words` are for people."""

    def tell(self, delivery: Delivery, user: str, error: BotError) -> Iterable[Part]:
        """Say to one person alone what cannot be said where it was to be."""

    def forget(self, run: Run) -> None:
        """Take back what a run of long ago left for people to download. SurfaceDown: not now."""
