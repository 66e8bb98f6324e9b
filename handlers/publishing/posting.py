"""Posting: each part of a run's answer once, within Slack's limits, whatever is cut in between."""

from __future__ import annotations

import logging
import urllib.request
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.error import HTTPError
from uuid import UUID, uuid5

from slack_sdk.errors import SlackApiError

from bot.store.run import Receipt
from handlers.errors import SLACK_ERRORS, code_of
from handlers.retries import RETRIES, leaving_limits, refused_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from slack_sdk import WebClient

    from bot.rate_limits import TokenBucket
    from bot.store.run import Run
    from bot.worker.publisher import Delivery
    from handlers.blockkit.blocks import Block
    from handlers.publishing.budget import Budget

log = logging.getLogger(__name__)

T = TypeVar("T")

UPLOAD_SECONDS: Final = 300
"""How long an upload of the file may take before it counts as refused."""

MESSAGES_A_PAGE: Final = 200
"""Messages a page, as Slack advises (docs: conversations.history)."""

BEFORE: Final = timedelta(minutes=1)
"""How much earlier than a run its messages are looked for: Slack's clock is not ours."""

CANNOT_LOOK: Final = frozenset({"missing_scope", "not_in_channel", "channel_not_found", "thread_not_found"})

UPLOAD: Final = "upload"
"""The part that is a file's bytes, sent and not yet shared."""

UNSEEN: Final = ""
"""What a look finds where the app may not look."""

_NAMESPACE: Final = UUID("6a2f7f0e-5b0a-4c39-9c7e-0d6f6f1f3b52")


class Posting:
    """Slack's calls that others see. Safe from any thread.

    Between a call and its record lies a gap that nothing closes. Whoever takes over a run that died there
    looks before it posts, where the app may read what was said (`channels:history` and its kin); and every
    post carries a `client_msg_id`, by which Slack is documented to know it again. A file that may have been
    shared, where nobody may look, is deleted and sent anew.
    """

    def __init__(self, client: WebClient, budget: Budget) -> None:
        self._client = client
        self._in_budget = leaving_limits(client)
        """For the calls that have a budget: what Slack refuses of them waits for another turn of it."""
        self._budget = budget

    def post(
        self,
        delivery: Delivery,
        part: str,
        content: list[Block],
        words: str,
        channel: str,
        thread: str | None,
    ) -> tuple[str, str]:
        """Post, and return where: Slack's own word for the channel, since a person's id names one too."""
        run = delivery.run
        arguments: dict[str, Any] = {
            "channel": channel,
            "thread_ts": thread,
            "blocks": content,
            "text": words,
            "mrkdwn": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "client_msg_id": str(uuid5(_NAMESPACE, f"{run.id}/{part}")),
            "metadata": {"event_type": "tls_audit", "event_payload": {"run": run.id, "part": part}},
        }

        def post() -> tuple[str, str]:
            delivery.check()
            if run.maybe_posted:
                there = self._look(run, channel, thread, lambda message: _is_part(message, run, part))
                if there:
                    return channel, there
            sent = self._as_member(channel, lambda: self._in_budget.chat_postMessage(**arguments))
            return str(sent["channel"]), str(sent["ts"])

        return self._in_turn(self._budget.posts, channel, post, run.user)

    def edit(self, delivery: Delivery, content: list[Block], words: str) -> None:
        """Edit a run's parent, however long it takes until Slack allows it."""

        def edit() -> None:
            delivery.check()
            self._edit(delivery.run, content, words)

        self._in_turn(self._budget.edits, "", edit)

    def can_edit(self) -> bool:
        """Whether Slack allows an edit at once."""
        return self._budget.edits.is_free("")

    def may_edit(self, owed: int) -> bool:
        """Take an edit that may be left out, if there is one to spare beside those that are `owed`."""
        return self._budget.edits.spare("", owed)

    def edit_now(self, run: Run, content: list[Block], words: str) -> None:
        """The same with an edit that was taken before, and may be left out: it is not tried again."""
        try:
            self._edit(run, content, words)
        except SlackApiError as error:
            if (seconds := refused_seconds(error)) is not None:
                self._budget.edits.refused("", seconds, at_once=True)
            raise

    def _edit(self, run: Run, content: list[Block], words: str) -> None:
        self._in_budget.chat_update(
            channel=run.home or run.channel, ts=run.thread or "", blocks=content, text=words
        )

    def direct(self, user: str) -> str:
        """The channel of the direct messages with a person."""
        return str(self._client.conversations_open(users=[user])["channel"]["id"])

    def upload(self, delivery: Delivery, path: Path, name: str, thread: str | None) -> str:
        """Post a file; its id. Its bytes are sent, that is written down, and then it is shared."""
        channel = delivery.run.home or delivery.run.channel
        sent = delivery.run.receipts.get(UPLOAD)
        file_id = "" if sent is None else sent.ref
        if not file_id:
            delivery.check()
            file_id = self._send(path, name)
            delivery.note(UPLOAD, Receipt("upload", file_id))
        elif delivery.run.maybe_posted:
            shared = self._look(delivery.run, channel, thread, lambda message: _has_file(message, file_id))
            if shared:
                return file_id
            if shared == UNSEEN:
                # what may have been shared is taken back, since a file knows no client_msg_id
                self._take_back(file_id)
                file_id = self._send(path, name)
                delivery.note(UPLOAD, Receipt("upload", file_id))

        def share() -> None:
            delivery.check()
            self._as_member(
                channel,
                lambda: self._in_budget.files_completeUploadExternal(
                    files=[{"id": file_id, "title": name}], channel_id=channel, thread_ts=thread
                ),
            )

        try:
            self._in_turn(self._budget.files, "files.completeUploadExternal", share)
        except OSError:
            # the answer was cut: before anyone says that the file is not there, look
            if not self._look(delivery.run, channel, thread, lambda message: _has_file(message, file_id)):
                raise
        return file_id

    def _send(self, path: Path, name: str) -> str:
        size = path.stat().st_size
        place = self._in_turn(
            self._budget.files,
            "files.getUploadURLExternal",
            lambda: self._in_budget.files_getUploadURLExternal(filename=name, length=size),
        )
        with path.open("rb") as file:
            request = urllib.request.Request(  # noqa: S310 - the address is Slack's own answer
                place["upload_url"],
                data=file,
                method="POST",
                headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            )
            try:
                urllib.request.urlopen(request, timeout=UPLOAD_SECONDS).close()  # noqa: S310 - as above
            except HTTPError as error:
                error.close()
                raise
        return str(place["file_id"])

    def withdraw(self, run: Run) -> None:
        """Take back a file of which nobody knows whether it was shared, as far as Slack answers."""
        if sent := run.receipts.get(UPLOAD):
            try:
                self._take_back(sent.ref)
            except SLACK_ERRORS as error:
                log.warning("run %s: its file was not taken back: %s", run.id, code_of(error) or error)

    def delete(self, file_id: str) -> None:
        """Delete a file, however long it takes until Slack allows it."""
        # tier 3 as edits are, and counted apart from them (docs: files.delete)
        self._in_turn(self._budget.edits, "files.delete", lambda: self._in_budget.files_delete(file=file_id))

    def _take_back(self, file_id: str) -> None:
        try:
            self.delete(file_id)
        except SlackApiError as error:
            if code_of(error) != "file_not_found":
                raise

    def _look(
        self, run: Run, channel: str, thread: str | None, is_it: Callable[[dict[str, Any]], bool]
    ) -> str | None:
        """The timestamp of a message that was posted before; None where there is none, `UNSEEN` where we may
        not look."""
        try:
            for message in self._said(run, channel, thread):
                if is_it(message):
                    log.info("run %s: it was posted before, at %s", run.id, message["ts"])
                    return str(message["ts"])
        except SlackApiError as error:
            if code_of(error) not in CANNOT_LOOK:
                raise
            log.info("run %s: nobody may look whether it was posted: %s", run.id, code_of(error))
            return UNSEEN
        return None

    def _said(self, run: Run, channel: str, thread: str | None) -> Iterator[dict[str, Any]]:
        oldest = f"{(run.created - BEFORE).timestamp():.6f}"
        if thread is None:
            pages = self._client.conversations_history(
                channel=channel, oldest=oldest, limit=MESSAGES_A_PAGE, include_all_metadata=True
            )
        else:
            pages = self._client.conversations_replies(
                channel=channel, ts=thread, oldest=oldest, limit=MESSAGES_A_PAGE, include_all_metadata=True
            )
        for page in pages:
            yield from page["messages"]

    def _in_turn(self, bucket: TokenBucket, key: str, call: Callable[[], T], who: str = "") -> T:
        """The call's answer, when it is its turn. Where Slack refuses it for now, the budget learns
        from that, and the call waits for another turn, a few times."""
        attempts = 0
        while True:
            at_once = bucket.wait(key, who)
            try:
                return call()
            except SlackApiError as error:
                seconds = refused_seconds(error)
                if seconds is None or attempts == RETRIES:
                    raise
                attempts += 1
                bucket.refused(key, seconds, at_once=at_once)

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


def _is_part(message: dict[str, Any], run: Run, part: str) -> bool:
    payload = message.get("metadata", {}).get("event_payload", {})
    return (payload.get("run"), payload.get("part")) == (run.id, part)


def _has_file(message: dict[str, Any], file_id: str) -> bool:
    return any(file.get("id") == file_id for file in message.get("files", []))
