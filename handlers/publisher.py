"""SlackPublisher: shows runs to people in Slack, and says so when Slack refuses."""

from __future__ import annotations

import logging
import re
import tempfile
import time
import urllib.request
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import BotError, Unreachable
from bot.findings import BYTES_PER_GB, short_service
from bot.table import to_csv
from handlers import blocks
from handlers.pace import EDITS_BURST, EDITS_PER_SECOND, POSTS_BURST, POSTS_PER_SECOND, Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from slack_sdk import WebClient

    from bot.findings import Findings
    from bot.question import Question
    from bot.runs import Run
    from bot.table import Table
    from bot.views import View
    from handlers.blocks import Block

log = logging.getLogger(__name__)

T = TypeVar("T")

PROGRESS_SECONDS: Final = 3.0
"""A message is edited no more often than this while its run goes on."""

LONG: Final = timedelta(minutes=1)
"""Whoever waited longer is looking elsewhere, and is named under the answer."""

DIRECT: Final = "D"
"""What the id of direct messages begins with (docs: conversations API)."""

RUNG_SECONDS: Final = 3_600.0
"""How long a workspace that refused a kind of table is not asked again: it may have been one odd table."""

UPLOAD_SECONDS: Final = 300
"""How long an upload of the file may take before it counts as refused."""

NAME_CHARS: Final = 120
"""A file's name that still shows whole in a thread."""

_NAMESPACE: Final = UUID("6a2f7f0e-5b0a-4c39-9c7e-0d6f6f1f3b52")

SLACK_ERRORS: Final = (SlackClientError, OSError, HTTPException)
"""All that a call of Slack's client may raise."""

TROUBLE: Final[Mapping[str, tuple[str, str]]] = {
    "not_in_channel": ("I am not in that channel.", "Type `/invite @TLS Audit` there, then ask again."),
    "channel_not_found": (
        "I cannot see that channel.",
        "If it is private, type `/invite @TLS Audit` there and ask again; or ask with `private`.",
    ),
    "is_archived": ("That channel is archived.", "Ask in another channel, or with `private`."),
    "message_not_found": ("The message I was to answer under is gone.", "Ask again."),
    "thread_not_found": ("The thread I was to answer in is gone.", "Ask again."),
    "expired_trigger_id": ("Slack's three seconds for opening a form were over.", "Press it again."),
    "restricted_action": ("That channel lets only some people post.", "Ask in another channel."),
    "token_revoked": ("Slack has revoked the bot's token.", "Install the app again and set SLACK_BOT_TOKEN."),
    "account_inactive": ("The app was removed from the workspace.", "Install it again."),
    "invalid_auth": ("Slack does not know the bot's token.", "See SLACK_BOT_TOKEN."),
    "file_uploads_disabled": ("This workspace takes no files.", "Its admins can allow uploads."),
    "file_type_not_allowed": ("This workspace takes no CSV files.", "Its admins can allow them."),
    "storage_limit_reached": ("The workspace's storage is full.", "Its admins can free some."),
}
"""Slack's errors in words: what is wrong, and what to do next."""

PASSING: Final = frozenset({"internal_error", "fatal_error", "service_unavailable", "ratelimited", "unknown"})
"""Errors that say nothing of the call: the same one may be taken later."""


def translated(error: Exception) -> BotError:
    """Slack's refusal as an error for people; its own word stays in."""
    if not isinstance(error, SlackApiError):
        return Unreachable(f"Slack cannot be reached: {error}.", "It is tried again by itself.")
    code = str(error.response.get("error", "unknown"))
    if code == "missing_scope":
        needed = error.response.get("needed", "")
        return BotError(
            f"The app lacks the scope {needed}.", "Add it in the app's settings, then install it again."
        )
    if code in PASSING:
        return Unreachable(f"Slack is not well. ({code})", "It is tried again by itself.")
    message, hint = TROUBLE.get(code, ("Slack refused.", ""))
    return BotError(f"{message} ({code})", hint)


def code_of(error: Exception) -> str:
    """Slack's word for an error; empty where it gave none."""
    return str(error.response.get("error", "")) if isinstance(error, SlackApiError) else ""


class SlackPublisher:
    """The Publisher of a workspace. Safe from any thread."""

    def __init__(
        self,
        client: WebClient,
        views: Mapping[str, View],
        *,
        posts: Pace | None = None,
        edits: Pace | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`posts` and `edits` keep below Slack's rate limits; by default, the documented ones."""
        self._client = client
        self._views = views
        self._monotonic = monotonic
        self._posts = posts or Pace(POSTS_PER_SECOND, POSTS_BURST)
        self._edits = edits or Pace(EDITS_PER_SECOND, EDITS_BURST)
        self._edited: dict[str, float] = {}
        self._rung = 0
        self._rung_since = 0.0
        """How far down the ladder of tables this workspace sent us, and when."""

    # --- Publisher

    def open(self, run: Run, question: Question, ahead: int) -> tuple[str, str]:
        try:
            home = self._direct(run.user) if question.private else run.channel
            state = "⏳ queued" + (f", {ahead:,} before it" if ahead else "")
            made = blocks.parent(run, question, state, cancel=True)
            words = blocks.parent_text(question, state)
            reply_to = run.reply_to if home == run.channel else None
            return self._post(run, "parent", made, words, home, reply_to)
        except SLACK_ERRORS as error:
            if code_of(error) == "channel_not_found" and run.channel.startswith(DIRECT):
                raise BotError(
                    "I cannot see messages between people.", "Ask in a channel, or with `private`."
                ) from error
            raise translated(error) from error

    def progress(self, run: Run, question: Question, state: str, seconds: float, scanned: int) -> None:
        now = self._monotonic()
        if now - self._edited.get(run.id, 0.0) < PROGRESS_SECONDS or not self._edits.spare(""):
            return
        self._edited[run.id] = now
        read = f" · {scanned / BYTES_PER_GB:.1f} GB read" if scanned else ""
        words = f"⏳ {state} {seconds:.0f} s{read}"
        try:
            self._update(run, question, words, cancel=True)
        except SLACK_ERRORS as error:
            # the next one, or the headline, says it as well
            log.warning("run %s: progress was not shown: %s", run.id, code_of(error) or error)

    def answer(
        self,
        run: Run,
        question: Question,
        table: Table,
        found: Findings,
        posted: Callable[[str, str], None],
    ) -> None:
        done = run.posted
        self._edited.pop(run.id, None)
        try:
            if "headline" not in done:
                self._edit(run, question, blocks.headline(found, table))
                posted("headline", run.thread or "")
            if "table" not in done:
                posted("table", self._post_table(run, question, table, found))
            if table.row_count and "chart" not in done:
                posted("chart", self._post_chart(run, question, table))
            if table.row_count and "file" not in done:
                posted("file", self._post_file(run, question, table))
        except SLACK_ERRORS as error:
            raise translated(error) from error

    def apologise(self, run: Run, question: Question | None, error: BotError) -> None:
        self._edited.pop(run.id, None)
        try:
            if run.thread is None or not self._apologised_there(run, question, error):
                self._tell_alone(run, error)
        except SLACK_ERRORS as refused:
            log.error("run %s: the apology was refused: %s", run.id, code_of(refused) or refused)  # noqa: TRY400 - the reason is in the words

    def _apologised_there(self, run: Run, question: Question | None, error: BotError) -> bool:
        """Whether a run's thread took the apology; its parent may be gone, or the bot sent away."""
        made = [*_told(run, "no answer:"), *blocks.trouble(error, run)]
        try:
            if question is not None:
                self._edit(run, question, "⚠️ No answer: see the thread")
            self._reply(run, "trouble", made, blocks.fallback(str(error)))
        except SlackApiError as refused:
            log.warning("run %s: its thread took no apology: %s", run.id, code_of(refused))
            return False
        return True

    def cancelled(self, run: Run, question: Question) -> None:
        self._edited.pop(run.id, None)
        if run.thread is None:
            return
        try:
            self._edit(run, question, "⚠️ Cancelled")
        except SLACK_ERRORS as error:
            log.warning("run %s: the cancelling was not shown: %s", run.id, code_of(error) or error)

    # --- the parts

    def _post_table(self, run: Run, question: Question, table: Table, found: Findings) -> str:
        told = _told(run, "your answer:")
        read = found.coverage is None or found.coverage.events > 0
        empty = read and not table.row_count
        buttons = blocks.follow_ups(run, question, self._views.values(), empty=empty)
        if not table.row_count:
            below = blocks.below(None, found, run)
            return self._reply(
                run, "table", [*told, *below, buttons], blocks.fallback(found.headline, found.proof)
            )
        shown = blocks.Shown(table, question.view)
        above, below = [*told, *blocks.above(shown)], blocks.below(shown, found, run)
        caption = f"{question.words()[:1].upper()}{question.words()[1:]}"
        ladder: Sequence[Callable[[], Block]] = (
            lambda: blocks.data_table(shown, caption),
            lambda: blocks.plain_table(shown),
            lambda: blocks.code_table(shown),
        )
        if self._monotonic() - self._rung_since > RUNG_SECONDS:
            self._rung = 0
        for rung in range(self._rung, len(ladder)):
            try:
                sent = self._reply(
                    run, "table", [*above, ladder[rung](), *below, buttons], blocks.table_text(shown)
                )
            except SlackApiError as error:
                if code_of(error) not in REFUSED_BLOCKS or rung == len(ladder) - 1:
                    raise
                log.warning("Slack refused %s: %s", ladder[rung]()["type"], error.response.data)
            else:
                if rung != self._rung:
                    self._rung, self._rung_since = rung, self._monotonic()
                return sent
        raise AssertionError("the last rung answers or raises")

    def _post_chart(self, run: Run, question: Question, table: Table) -> str:
        drawn = blocks.chart(table, question.view)
        if drawn is None:
            return ""
        block, words = drawn
        try:
            return self._reply(run, "chart", [block], blocks.fallback(words))
        except SlackApiError as error:
            if code_of(error) not in REFUSED_BLOCKS:
                raise
            log.warning("Slack refused a chart: %s", error.response.data)
            return self._reply(run, "chart", [blocks.code(words)], blocks.fallback(words))

    def _post_file(self, run: Run, question: Question, table: Table) -> str:
        """The CSV; where it is refused, why. The table is there already, and stays."""
        name = file_name(question, ZoneInfo(run.zone))
        with tempfile.TemporaryDirectory(prefix="tls-audit-") as folder:
            try:
                path = _write_csv(table, folder)
            except OSError as error:
                why = BotError(f"The table is above; there was no room for the file: {error.strerror}.")
                return self._reply(run, "file", blocks.trouble(why, run), blocks.fallback(str(why)))
            try:
                return self._as_member(run.home or run.channel, lambda: self._upload(run, path, name))
            except SLACK_ERRORS as error:
                log.warning("run %s: Slack refused the file: %s", run.id, code_of(error) or error)
                refused = translated(error)
                hint = "Rerun sends it anew." if isinstance(refused, Unreachable) else refused.hint
                why = BotError(f"The table is above; the file could not be sent. {refused.message}", hint)
                return self._reply(run, "file", blocks.trouble(why, run), blocks.fallback(str(why)))

    def _upload(self, run: Run, path: Path, name: str) -> str:
        size = path.stat().st_size
        place = self._client.files_getUploadURLExternal(filename=name, length=size)
        with path.open("rb") as file:
            request = urllib.request.Request(  # noqa: S310 - the address is Slack's own answer
                place["upload_url"],
                data=file,
                method="POST",
                headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            )
            with urllib.request.urlopen(request, timeout=UPLOAD_SECONDS):  # noqa: S310 - as above
                pass
        file_id = str(place["file_id"])
        self._client.files_completeUploadExternal(
            files=[{"id": file_id, "title": name}],
            channel_id=run.home,
            thread_ts=self._thread(run),
        )
        return file_id

    # --- calls

    def _thread(self, run: Run) -> str | None:
        """The root of the thread that a run's answer goes into."""
        return run.thread if run.reply_to is None or run.home != run.channel else run.reply_to

    def _reply(self, run: Run, part: str, made: list[Block], words: str) -> str:
        return self._post(run, part, made, words, run.home or run.channel, self._thread(run))[1]

    def _post(
        self, run: Run, part: str, made: list[Block], words: str, channel: str, thread: str | None
    ) -> tuple[str, str]:
        """Post, and return where: Slack's own word for the channel, since a person's id names one too."""
        arguments: dict[str, Any] = {
            "channel": channel,
            "thread_ts": thread,
            "blocks": made,
            "text": words,
            "mrkdwn": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "client_msg_id": str(uuid5(_NAMESPACE, f"{run.id}/{part}")),
            "metadata": {"event_type": "tls_audit", "event_payload": {"run": run.id, "part": part}},
        }
        self._posts.wait(channel)
        sent = self._as_member(channel, lambda: self._client.chat_postMessage(**arguments))
        return str(sent["channel"]), str(sent["ts"])

    def _as_member(self, channel: str, call: Callable[[], T]) -> T:
        """The call's answer; where only members may make it, after joining a public channel."""
        try:
            return call()
        except SlackApiError as error:
            if code_of(error) != "not_in_channel":
                raise
            try:
                self._client.conversations_join(channel=channel)
            except SlackApiError as refused:
                log.info("cannot join %s: %s", channel, code_of(refused))
                raise error from refused
            return call()

    def _edit(self, run: Run, question: Question, state: str) -> None:
        self._edits.wait("")
        self._update(run, question, state, cancel=False)

    def _update(self, run: Run, question: Question, state: str, *, cancel: bool) -> None:
        self._client.chat_update(
            channel=run.home or run.channel,
            ts=run.thread or "",
            blocks=blocks.parent(run, question, state, cancel=cancel),
            text=blocks.parent_text(question, state),
        )

    def _direct(self, user: str) -> str:
        return str(self._client.conversations_open(users=[user])["channel"]["id"])

    def _tell_alone(self, run: Run, error: BotError) -> None:
        """To the asker's direct messages: there is no thread to say it in."""
        words = [blocks.paragraph(blocks.said(f"You asked: {run.typed}")), *blocks.trouble(error, run)]
        self._post(
            run, "trouble", words, blocks.fallback(run.typed, str(error)), self._direct(run.user), None
        )


def _told(run: Run, words: str) -> list[Block]:
    """A line that tells whoever waited long, by naming them."""
    if run.waited <= LONG:
        return []
    return [blocks.paragraph(blocks.person(run.user), blocks.said(f" {words}"))]


REFUSED_BLOCKS: Final = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_attachments"}
)
"""What Slack says of blocks it does not know or want; `only_one_table_allowed` comes as the last."""


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
