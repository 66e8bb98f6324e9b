"""SlackPublisher: shows runs to people in Slack, and says so when Slack refuses."""

from __future__ import annotations

import logging
import re
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from slack_sdk.errors import SlackApiError

from bot.answers.export import to_csv
from bot.digests import report as reports
from bot.errors import BotError, ChannelGone, SurfaceDown
from bot.wording import gigabytes, number, short_service
from handlers.access import DIRECT, AccessPolicy
from handlers.blockkit import blocks, charts, tables
from handlers.blockkit import digest as told
from handlers.errors import REFUSED_BLOCKS, SLACK_ERRORS, code_of, translated
from handlers.publishing.budget import Budget
from handlers.publishing.posting import Posting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, tzinfo

    from slack_sdk import WebClient

    from bot.answers.summary import Summary
    from bot.digests.digest import Digest
    from bot.digests.report import Report
    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.runs import Run
    from bot.table import Table
    from bot.worker.lease import Lease
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

RUNG_SECONDS: Final = 3_600.0
"""How long a workspace that refused a kind of table is not asked again: it may have been one odd table."""

NAME_CHARS: Final = 120
"""A file's name that still shows whole in a thread."""


class SlackPublisher:
    """The Publisher of a workspace. Safe from any thread."""

    def __init__(
        self,
        client: WebClient,
        views: Mapping[str, View],
        *,
        door: AccessPolicy | None = None,
        budget: Budget | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`door` knows who may ask; by default, everyone of the workspace. `budget` keeps below Slack's
        rate limits; by default, the documented ones."""
        self._door = door or AccessPolicy(client)
        self._client = client
        self._budget = budget or Budget.of_slack()
        self._posting = Posting(client, self._budget)
        self._views = views
        self._monotonic = monotonic
        self._owed: dict[str, float] = {}
        """The runs whose headline is still to come, and when their message was last edited."""
        self._rung = 0
        self._rung_since = 0.0
        """How far down the ladder of tables this workspace sent us, and when."""

    # --- questions

    def open(self, claimed: Lease, question: Question, ahead: int) -> tuple[str, str]:
        run = claimed.run
        try:
            self._door.admit(run.user, run.channel, private=question.private)
            home = self._posting.direct(run.user) if question.private else run.channel
            state = "⏳ queued" + (f", {number(ahead)} before it" if ahead else "")
            made = blocks.parent(run, question, state, cancel=True)
            words = blocks.parent_text(question, state)
            reply_to = run.reply_to if home == run.channel else None
            sent = self._posting.post(claimed, "parent", made, words, home, reply_to)
        except SLACK_ERRORS as error:
            if code_of(error) == "channel_not_found" and run.channel.startswith(DIRECT):
                raise BotError(
                    "I cannot see messages between people.", "Ask in a channel, or with `private`."
                ) from error
            raise translated(error) from error
        self._owed[run.id] = self._monotonic()
        return sent

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

    def answer(self, claimed: Lease, question: Question, table: Table, found: Summary) -> None:
        name = file_name(question, ZoneInfo(claimed.run.zone))
        # the table first: nobody shall wait for the rows
        self._post_all(claimed, {"table": lambda: self._post_answer(claimed, question, table, found)})
        rest: dict[str, Callable[[], str]] = {}
        if table.row_count:
            rest["chart"] = lambda: self._post_chart(claimed, charts.chart(table, question.view))
            rest["file"] = lambda: self._post_file(claimed, table, name)
        headline = {"headline": lambda: self._edit(claimed, question, blocks.headline(found, table))}
        # edits are the scarcest of all: where one has to wait, nothing else does
        self._post_all(claimed, headline | rest if self._posting.can_edit() else rest | headline)

    def apologise(self, claimed: Lease, question: Question | None, error: BotError) -> None:
        run = claimed.run
        self._owed.pop(run.id, None)
        try:
            if run.thread is None or not self._apologised_there(claimed, question, error):
                words = [blocks.paragraph(blocks.said(f"You asked: {run.typed}"))]
                self._tell(claimed, run.user, words, error)
        except SLACK_ERRORS as refused:
            _unless_away(refused)
            log.error("run %s: the apology was refused: %s", run.id, code_of(refused) or refused)  # noqa: TRY400 - the reason is in the words

    def _apologised_there(self, claimed: Lease, question: Question | None, error: BotError) -> bool:
        """Whether a run's thread took the apology; its parent may be gone, or the bot sent away."""
        run = claimed.run
        made = [*_told(run, "no answer:"), *blocks.trouble(error, run)]
        try:
            if question is not None:
                self._edit(claimed, question, "⚠️ No answer: see the thread")
            if "trouble" not in run.posted:
                claimed.posted("trouble", self._reply(claimed, "trouble", made, blocks.fallback(str(error))))
        except SlackApiError as refused:
            _unless_away(refused)
            log.warning("run %s: its thread took no apology: %s", run.id, code_of(refused))
            return False
        return True

    def cancelled(self, claimed: Lease, question: Question) -> None:
        run = claimed.run
        self._owed.pop(run.id, None)
        if run.thread is None:
            return
        try:
            self._edit(claimed, question, "⚠️ Cancelled")
        except SLACK_ERRORS as error:
            _unless_away(error)
            log.warning("run %s: the cancelling was not shown: %s", run.id, code_of(error) or error)

    # --- digests

    def digest(self, claimed: Lease, digest: Digest, report: Report, today: date, late: str) -> None:
        if claimed.run.thread is None:
            self._open_digest(claimed, digest, report, today, late)
        if not report.entries:
            return
        table = reports.table(report)
        shown = tables.FittedTable(table)
        above, below = tables.above(shown), told.below(report, digest, claimed.run)
        name = f"tls-audit_digest-{digest.id}_{report.period.start}_{report.period.end}.csv"
        parts: dict[str, Callable[[], str]] = {
            "table": lambda: self._post_table(claimed, shown, "Findings, new first", above, below),
            "file": lambda: self._post_file(claimed, table, name),
        }
        self._post_all(claimed, parts)

    def _open_digest(self, claimed: Lease, digest: Digest, report: Report, today: date, late: str) -> None:
        made, words = told.parent(report, digest, today, late)
        drawn = charts.line(reports.chart(report))
        try:
            self._door.admit_channel(digest.channel)
            with_chart = [*made, drawn[0]] if drawn else made
            try:
                sent = self._posting.post(claimed, "parent", with_chart, words, digest.channel, None)
            except SlackApiError as error:
                if drawn is None or code_of(error) not in REFUSED_BLOCKS:
                    raise
                log.warning("Slack refused a digest's chart: %s", error.response.data)
                sent = self._posting.post(claimed, "parent", made, words, digest.channel, None)
        except SLACK_ERRORS as error:
            refused = translated(error)
            if isinstance(refused, SurfaceDown):
                raise refused from error
            hint = f"Type `/invite @TLS Audit` there, then `/tls-digest now {digest.id}`."
            if isinstance(refused, ChannelGone):
                hint = f"`/tls-digest edit {digest.id}` chooses another channel."
            raise type(refused)(refused.message, hint) from error
        claimed.save(home=sent[0], thread=sent[1])

    def no_digest(self, claimed: Lease, digest: Digest, error: BotError, what_next: str) -> None:
        run = claimed.run
        part = "trouble" if "trouble" not in run.posted else "given up"
        made = told.failed(digest, error, what_next, run)
        words = blocks.fallback(f"No digest: {error} {what_next}")
        try:
            self._door.admit_channel(digest.channel)
            claimed.posted(part, self._posting.post(claimed, part, made, words, digest.channel, None)[1])
        except SLACK_ERRORS as refused:
            raise translated(refused) from refused

    def tell(self, claimed: Lease, user: str, error: BotError) -> None:
        words = [
            blocks.paragraph(
                blocks.said("A digest could not be posted in "), blocks.place(claimed.run.channel)
            )
        ]
        try:
            self._tell(claimed, user, words, error)
        except SLACK_ERRORS as refused:
            _unless_away(refused)
            log.error("run %s: its owner could not be told: %s", claimed.run.id, code_of(refused) or refused)  # noqa: TRY400 - the reason is in the words

    def forget(self, run: Run) -> None:
        file = run.posted.get("file", "")
        if file.startswith("F"):
            # tier 3 as edits are, and counted apart from them (docs: files.delete)
            self._budget.edits.wait("files.delete")
            try:
                self._client.files_delete(file=file)
            except SLACK_ERRORS as error:
                _unless_away(error)
                # someone may have deleted it already
                log.info("run %s: its file was not deleted: %s", run.id, code_of(error) or error)

    # --- the parts

    def _post_all(self, claimed: Lease, parts: Mapping[str, Callable[[], str]]) -> None:
        try:
            for part, post in parts.items():
                if part not in claimed.run.posted:
                    claimed.posted(part, post())
        except SLACK_ERRORS as error:
            raise translated(error) from error

    def _post_answer(self, claimed: Lease, question: Question, table: Table, found: Summary) -> str:
        run = claimed.run
        named = _told(run, "your answer:")
        read = found.coverage is None or found.coverage.events > 0
        empty = read and not table.row_count
        buttons = blocks.follow_ups(run, question, self._views.values(), empty=empty)
        if not table.row_count:
            made = [*named, *blocks.below("", found, run), buttons]
            return self._reply(claimed, "table", made, blocks.fallback(found.headline, found.proof))
        shown = tables.FittedTable(table, question.view)
        caption = f"{question.words()[:1].upper()}{question.words()[1:]}"
        below = [*blocks.below(shown.left_out, found, run), buttons]
        return self._post_table(claimed, shown, caption, [*named, *tables.above(shown)], below)

    def _post_table(
        self, claimed: Lease, shown: tables.FittedTable, caption: str, above: list[Block], below: list[Block]
    ) -> str:
        ladder: Sequence[Callable[[], Block]] = (
            lambda: tables.data_table(shown, caption),
            lambda: tables.plain_table(shown),
            lambda: tables.code_table(shown),
        )
        if self._monotonic() - self._rung_since > RUNG_SECONDS:
            self._rung = 0
        for rung in range(self._rung, len(ladder)):
            made = [*above, ladder[rung](), *below]
            try:
                sent = self._reply(claimed, "table", made, tables.table_text(shown))
            except SlackApiError as error:
                if code_of(error) not in REFUSED_BLOCKS or rung == len(ladder) - 1:
                    raise
                log.warning("Slack refused %s: %s", ladder[rung]()["type"], error.response.data)
            else:
                if rung != self._rung:
                    self._rung, self._rung_since = rung, self._monotonic()
                return sent
        raise AssertionError("the last rung answers or raises")

    def _post_chart(self, claimed: Lease, drawn: tuple[Block, str] | None) -> str:
        if drawn is None:
            return ""
        block, words = drawn
        try:
            return self._reply(claimed, "chart", [block], blocks.fallback(words))
        except SlackApiError as error:
            if code_of(error) not in REFUSED_BLOCKS:
                raise
            log.warning("Slack refused a chart: %s", error.response.data)
            return self._reply(claimed, "chart", [blocks.code(words)], blocks.fallback(words))

    def _post_file(self, claimed: Lease, table: Table, name: str) -> str:
        """The CSV; where it is refused, why. The table is there already, and stays."""
        run = claimed.run
        with tempfile.TemporaryDirectory(prefix="tls-audit-") as folder:
            try:
                path = _write_csv(table, folder)
            except OSError as error:
                why = BotError(f"The table is above; there was no room for the file: {error.strerror}.")
                return self._reply(claimed, "file", blocks.trouble(why, run), blocks.fallback(str(why)))
            try:
                return self._posting.upload(claimed, path, name, self._thread(run))
            except SLACK_ERRORS as error:
                refused = translated(error)
                if isinstance(refused, SurfaceDown) and "file again" not in run.posted:
                    # the whole run comes back in a while; it may only have been the line
                    claimed.posted("file again", "yes")
                    raise
                log.warning("run %s: Slack refused the file: %s", run.id, code_of(error) or error)
                # it may be there, for all we know, and is said not to be
                self._posting.withdraw(claimed.run)
                hint = "Rerun sends it anew." if isinstance(refused, SurfaceDown) else refused.hint
                why = BotError(f"The table is above; the file could not be sent. {refused.message}", hint)
                return self._reply(claimed, "file", blocks.trouble(why, run), blocks.fallback(str(why)))

    # --- calls

    def _thread(self, run: Run) -> str | None:
        """The root of the thread that a run's answer goes into."""
        return run.thread if run.reply_to is None or run.home != run.channel else run.reply_to

    def _reply(self, claimed: Lease, part: str, made: list[Block], words: str) -> str:
        run = claimed.run
        return self._posting.post(claimed, part, made, words, run.home or run.channel, self._thread(run))[1]

    def _edit(self, claimed: Lease, question: Question, state: str) -> str:
        made = blocks.parent(claimed.run, question, state, cancel=False)
        self._posting.edit(claimed, made, blocks.parent_text(question, state))
        self._owed.pop(claimed.run.id, None)
        return claimed.run.thread or ""

    def _tell(self, claimed: Lease, user: str, above: list[Block], error: BotError) -> None:
        """To a person's direct messages: there is no thread to say it in."""
        words = [*above, *blocks.trouble(error, claimed.run)]
        channel = self._posting.direct(user)
        self._posting.post(claimed, "told alone", words, blocks.words_of(words), channel, None)


def _unless_away(error: Exception) -> None:
    """Raise Unreachable where Slack may take the same later: then the run comes back, and says it then."""
    known = translated(error)
    if isinstance(known, SurfaceDown):
        raise known from error


def _told(run: Run, words: str) -> list[Block]:
    """A line that tells whoever waited long, by naming them."""
    if run.waited <= LONG:
        return []
    return [blocks.paragraph(blocks.person(run.user), blocks.said(f" {words}"))]


def file_name(question: Question, zone: tzinfo) -> str:
    """`tls-audit_calls_2026-11-16_2026-11-23_service-s3.csv`: what was asked, over which days of `zone`."""
    start, end = (moment.astimezone(zone) for moment in (question.window.start, question.window.end))
    parts = ["tls-audit", question.view.name, f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}"]
    for each in question.filters:
        values = "-".join(short_service(value) for value in each.values)
        parts.append(f"{each.word}-{'not-' if each.negated else ''}{values}")
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", "_".join(parts))[:NAME_CHARS].rstrip("-_") + ".csv"


def _write_csv(table: Table, folder: str) -> Path:
    path = Path(folder) / "answer.csv"
    # Excel takes UTF-8 for what it is only with a byte order mark
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        to_csv(table, file)
    return path
