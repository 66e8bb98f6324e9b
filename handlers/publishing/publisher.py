"""SlackPublisher: shows runs to people in Slack, and says so when Slack refuses."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from slack_sdk.errors import SlackApiError

from bot.answers.belief import Belief
from bot.app.access import AccessPolicy, NotAllowed
from bot.digests import figures, routing
from bot.digests.digest import Digest
from bot.errors import BotError, Cancelled, ChannelGone, SurfaceDown
from bot.question.accounts import UNNAMED, Accounts
from bot.store.run import PARENT, Receipt
from bot.wording import gigabytes, number
from bot.worker.publisher import Parent, Part
from handlers.access import DIRECT, Directory
from handlers.blockkit import blocks, charts, drill, tables
from handlers.blockkit import digest as digest_blocks
from handlers.blockkit import watch as watch_blocks
from handlers.errors import REFUSED_BLOCKS, SLACK_ERRORS, code_of, translated
from handlers.publishing.budget import Budget
from handlers.publishing.posting import Posting
from handlers.publishing.thread import Thread, file_name, message
from handlers.replies import CommandReplies, mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

    from slack_sdk import WebClient

    from bot.answers.summary import Summary
    from bot.digests.report import Report
    from bot.digests.watch import Watch
    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.run import Run
    from bot.table import Table
    from bot.worker.publisher import Delivery
    from handlers.blockkit.blocks import Block

log = logging.getLogger(__name__)

PROGRESS_SECONDS: Final = 3.0
"""A message is edited no more often than this while its run goes on."""

EACH_OWES: Final = 2
"""Edits that are kept free for each run that was opened: for its headline, and for the next one's."""

OWED_SECONDS: Final = 900.0
"""How long an edit is kept free for the headline of a run that was opened here."""

LONG: Final = timedelta(minutes=1)
"""Whoever waited longer is looking elsewhere, and is named under the answer."""

TOLD_ALONE: Final = "told alone"
"""The part that goes to a person's direct messages."""


class SlackPublisher:
    """The Publisher of a workspace. Safe from any thread."""

    def __init__(
        self,
        client: WebClient,
        views: Mapping[str, View],
        *,
        access: AccessPolicy | None = None,
        replies: CommandReplies | None = None,
        accounts: Accounts = UNNAMED,
        budget: Budget | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`access` knows who may ask; by default, everyone of the workspace. `replies` knows the commands
        that runs came from, `accounts` their names. `budget` keeps below Slack's rate limits; by default,
        the documented ones."""
        self._access = access or AccessPolicy(Directory(client))
        self._replies = replies or CommandReplies()
        self._posting = Posting(client, budget or Budget.of_slack())
        self._views = views
        self._accounts = accounts
        self._monotonic = monotonic
        self._owed: dict[str, float] = {}
        """The runs whose headline is still to come, and when their message was last edited."""
        self._thread = Thread(self._posting, monotonic)

    # --- questions

    def open(self, delivery: Delivery, question: Question, ahead: int) -> Parent:
        run = delivery.run
        try:
            self._access.admit(run.user, run.channel, private=question.private)
            home = self._posting.direct(run.user) if question.private else run.channel
            state = "⏳ queued" + (f", {number(ahead)} before it" if ahead else "")
            made = blocks.parent(run, question, state, cancel=True)
            words = blocks.parent_text(question, state)
            reply_to = run.reply_to if home == run.channel else None
            sent = self._posting.post(delivery, PARENT, made, words, home, reply_to)
        except SLACK_ERRORS as error:
            if code_of(error) == "channel_not_found" and run.channel.startswith(DIRECT):
                raise BotError(
                    "I cannot see messages between people.", "Ask in a channel, or with `private`."
                ) from error
            raise translated(error) from error
        self._owed[run.id] = self._monotonic()
        return Parent(*sent)

    def progress(self, run: Run, question: Question, state: str, seconds: float, scanned: int) -> None:
        now = self._monotonic()
        if now - self._owed.get(run.id, 0.0) < PROGRESS_SECONDS or not self._posting.may_edit(self._owing()):
            return
        self._owed[run.id] = now
        read = f" · {gigabytes(scanned)} read" if scanned else ""
        state = f"⏳ {state} {seconds:.0f} s{read}"
        try:
            made = blocks.parent(run, question, state, cancel=True)
            self._posting.edit_now(run, made, blocks.parent_text(question, state))
        except SLACK_ERRORS as error:
            # the next one, or the headline, says it as well
            log.warning("run %s: progress was not shown: %s", run.id, code_of(error) or error)

    def _owing(self) -> int:
        """How many edits are to be kept free; what was opened long ago, another process may have answered."""
        now = self._monotonic()
        for run, at in self._owed.copy().items():
            if now - at > OWED_SECONDS:
                self._owed.pop(run, None)
        return EACH_OWES * len(self._owed)

    def answer(
        self, delivery: Delivery, question: Question, table: Table, summary: Summary
    ) -> Iterator[Part]:
        name = file_name(question, ZoneInfo(delivery.run.zone))
        # the table first: nobody shall wait for the rows
        yield _part("table", lambda: self._post_answer(delivery, question, table, summary))
        rest: list[Part] = []
        if table.row_count:
            chart = charts.chart(table, question.view, self._accounts)
            rest += [
                _part("chart", lambda: self._thread.chart(delivery, chart)),
                _part("file", lambda: self._thread.file(delivery, table, name)),
            ]
        if (to_do := summary.cards) is not None:
            rest.insert(0, _part("cards", lambda: self._thread.cards(delivery, to_do)))
        if (denial := summary.denial) is not None:
            rest.insert(0, _part("policies", lambda: self._thread.policies(delivery, denial)))
        headline = _part("headline", lambda: self._edit(delivery, question, summary.signed))
        # edits are the scarcest of all: where one has to wait, nothing else does
        yield from [headline, *rest] if self._posting.can_edit() else [*rest, headline]

    def fail(
        self, delivery: Delivery, subject: Question | Digest | None, error: BotError, *, final: bool
    ) -> Iterator[Part]:
        if isinstance(subject, Digest):
            name = "given up" if final else "trouble"
            yield _part(name, lambda: self._post_no_digest(delivery, name, subject, error))
            return
        self._owed.pop(delivery.run.id, None)
        if not isinstance(error, Cancelled):
            yield Part("trouble", lambda: self._apologise(delivery, subject, error))
        elif subject is not None and delivery.run.has(PARENT):
            yield Part("cancelled", lambda: self._say_cancelled(delivery, subject))

    def _apologise(self, delivery: Delivery, question: Question | None, error: BotError) -> Receipt:
        run = delivery.run
        if isinstance(error, NotAllowed) and self._replies.say(run.id, mistake(error)):
            return Receipt("nothing")
        try:
            said = self._apologise_there(delivery, question, error) if run.has(PARENT) else None
            if said is None:
                words = [blocks.paragraph(blocks.text(f"You asked: {run.typed}"))]
                said = self._tell(delivery, run.user, words, error)
        except SLACK_ERRORS as refused:
            _unless_away(refused)
            log.error("run %s: the apology was refused: %s", run.id, code_of(refused) or refused)  # noqa: TRY400 - the reason is in the words
            return Receipt("nothing")
        return said

    def _apologise_there(
        self, delivery: Delivery, question: Question | None, error: BotError
    ) -> Receipt | None:
        """The apology in a run's thread; None where that took none: its parent may be gone, or the bot sent
        away."""
        run = delivery.run
        made = [*_told(run, "no answer:"), *blocks.trouble(error, run)]
        try:
            if question is not None:
                self._edit(delivery, question, "⚠️ No answer: see the thread")
            return self._thread.reply(delivery, "trouble", made, blocks.fallback(str(error)))
        except SlackApiError as refused:
            _unless_away(refused)
            log.warning("run %s: its thread took no apology: %s", run.id, code_of(refused))
            return None

    def _say_cancelled(self, delivery: Delivery, question: Question) -> Receipt:
        try:
            return self._edit(delivery, question, "⚠️ Cancelled")
        except SLACK_ERRORS as error:
            _unless_away(error)
            log.warning("run %s: the cancelling was not shown: %s", delivery.run.id, code_of(error) or error)
            return Receipt("nothing")

    # --- digests

    def digest(
        self, delivery: Delivery, digest: Digest, report: Report, today: date, late: str
    ) -> Iterator[Part]:
        yield Part(PARENT, lambda: self._open_digest(delivery, digest, report, today, late))
        if not report.entries:
            return
        table = figures.table(report)
        kind = "preview" if report.is_preview else "digest"
        name = f"tls-audit_{kind}-{digest.id}_{report.period.start}_{report.period.end}.csv"

        def fitted(room: tables.Room) -> tables.FittedTable:
            footer = digest_blocks.footer("", report, digest, delivery.run)
            return tables.FittedTable(table, beside=footer, room=room, accounts=self._accounts)

        def around(shown: tables.FittedTable) -> tuple[list[Block], list[Block]]:
            footer = digest_blocks.footer(shown.left_out, report, digest, delivery.run)
            return tables.header(shown), footer

        yield _part("table", lambda: self._thread.table(delivery, fitted, "Findings, new first", around))
        if routing.shares(report):
            by_owner = digest_blocks.owners(report)
            words = blocks.words_of(by_owner)
            yield _part("owners", lambda: self._thread.reply(delivery, "owners", by_owner, words))
        if not report.urgent:
            yield _part("file", lambda: self._thread.file(delivery, table, name))

    def _open_digest(
        self, delivery: Delivery, digest: Digest, report: Report, today: date, late: str
    ) -> Parent:
        made, words = digest_blocks.parent(report, digest, today, late)
        drawn = charts.line(figures.chart(report))
        try:
            self._access.admit_target(digest.owner, digest.channel)
            with_chart = [*made, drawn[0]] if drawn else made
            try:
                sent = self._posting.post(delivery, PARENT, with_chart, words, digest.channel, None)
            except SlackApiError as error:
                if drawn is None or code_of(error) not in REFUSED_BLOCKS:
                    raise
                log.warning("Slack refused a digest's chart: %s", error.response.data)
                sent = self._posting.post(delivery, PARENT, made, words, digest.channel, None)
        except SLACK_ERRORS as error:
            refused = translated(error)
            if isinstance(refused, SurfaceDown):
                raise refused from error
            hint = f"Type `/invite @TLS Audit` there, then `/tls-digest now {digest.id}`."
            if isinstance(refused, ChannelGone):
                hint = f"`/tls-digest edit {digest.id}` chooses another channel."
            raise type(refused)(refused.message, hint) from error
        return Parent(*sent)

    def _post_no_digest(self, delivery: Delivery, part: str, digest: Digest, error: BotError) -> Receipt:
        made = digest_blocks.failed(digest, error, delivery.run)
        self._access.admit_target(digest.owner, digest.channel)
        words = blocks.fallback(f"No {digest_blocks.called(delivery.run)}: {error}")
        return message(self._posting.post(delivery, part, made, words, digest.channel, None))

    def watched(self, delivery: Delivery, watch: Watch, words: str) -> Iterator[Part]:
        yield Part("watched", lambda: self._post_watched(delivery, watch, words))

    def _post_watched(self, delivery: Delivery, watch: Watch, words: str) -> Receipt:
        made = watch_blocks.ended(watch, words)
        try:
            self._access.admit_target(watch.owner, watch.channel)
            said = blocks.words_of(made)
            sent = self._posting.post(delivery, "watched", made, said, watch.channel, watch.thread)
        except SLACK_ERRORS as error:
            raise translated(error) from error
        return message(sent)

    def tell(self, delivery: Delivery, user: str, error: BotError) -> Iterator[Part]:
        yield Part(TOLD_ALONE, lambda: self._tell_owner(delivery, user, error))

    def _tell_owner(self, delivery: Delivery, user: str, error: BotError) -> Receipt:
        words = [
            blocks.paragraph(
                blocks.text(f"A {digest_blocks.called(delivery.run)} could not be posted in "),
                blocks.place(delivery.run.channel),
            )
        ]
        try:
            return self._tell(delivery, user, words, error)
        except SLACK_ERRORS as refused:
            _unless_away(refused)
            log.error("run %s: its owner could not be told: %s", delivery.run.id, code_of(refused) or refused)  # noqa: TRY400 - the reason is in the words
            return Receipt("nothing")

    def forget(self, run: Run) -> None:
        file = run.receipts.get("file")
        if file is not None and file.kind == "file":
            try:
                self._posting.delete(file.ref)
            except SLACK_ERRORS as error:
                _unless_away(error)
                # someone may have deleted it already
                log.info("run %s: its file was not deleted: %s", run.id, code_of(error) or error)

    # --- the parts

    def _post_answer(self, delivery: Delivery, question: Question, table: Table, found: Summary) -> Receipt:
        run = delivery.run
        named = _told(run, "your answer:")
        empty = found.verdict.belief is Belief.BELIEVED
        buttons = blocks.follow_ups(run, question, self._views.values(), empty=empty)
        if not table.row_count:
            made = [*named, *blocks.footer("", found, run), *buttons]
            return self._thread.reply(delivery, "table", made, blocks.fallback(found.signed, found.proof))
        beside = [*named, *blocks.footer("", found, run), *buttons]
        caption = f"{question.words()[:1].upper()}{question.words()[1:]}"

        def fitted(room: tables.Room) -> tables.FittedTable:
            return tables.FittedTable(table, question.view, beside, room=room, accounts=self._accounts)

        def around(shown: tables.FittedTable) -> tuple[list[Block], list[Block]]:
            rows = drill.menu(run, found.rows, shown.spare)
            footer = [*blocks.footer(shown.left_out, found, run), *rows, *buttons]
            return [*named, *tables.header(shown)], footer

        return self._thread.table(delivery, fitted, caption, around)

    # --- calls

    def _edit(self, delivery: Delivery, question: Question, state: str) -> Receipt:
        made = blocks.parent(delivery.run, question, state, cancel=False)
        self._posting.edit(delivery, made, blocks.parent_text(question, state))
        self._owed.pop(delivery.run.id, None)
        return Receipt("edit", delivery.run.thread or "")

    def _tell(self, delivery: Delivery, user: str, header: list[Block], error: BotError) -> Receipt:
        """To a person's direct messages: there is no thread to say it in."""
        words = [*header, *blocks.trouble(error, delivery.run)]
        channel = self._posting.direct(user)
        return message(self._posting.post(delivery, TOLD_ALONE, words, blocks.words_of(words), channel, None))


def _part(name: str, post: Callable[[], Receipt]) -> Part:
    """A part whose refusals by Slack are told in words."""

    def post_it() -> Receipt:
        try:
            return post()
        except SLACK_ERRORS as error:
            raise translated(error) from error

    return Part(name, post_it)


def _unless_away(error: Exception) -> None:
    """Raise Unreachable where Slack may take the same later: then the run comes back, and says it then."""
    known = translated(error)
    if isinstance(known, SurfaceDown):
        raise known from error


def _told(run: Run, words: str) -> list[Block]:
    """A line that tells whoever waited long, by naming them."""
    if run.waited <= LONG:
        return []
    return [blocks.paragraph(blocks.person(run.user), blocks.text(f" {words}"))]
