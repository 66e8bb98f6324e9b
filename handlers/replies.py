"""What is said to one person: in time, where they are, and to nobody else."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from slack_sdk.errors import SlackApiError

from bot.errors import BotError, SurfaceDown
from handlers.blockkit import blocks
from handlers.blockkit.values import AskPlace
from handlers.errors import code_of, translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import Ack, Respond
    from slack_sdk import WebClient

    from handlers.blockkit.blocks import Block

log = logging.getLogger(__name__)

PROMPT_SECONDS: Final = 2.4
"""Slack wants to hear within three (docs: slash-commands), and the way here and back takes some of that."""

RESPOND_SECONDS: Final = 1_800
"""How long a command's response URL takes messages (docs: interactivity, handling user interaction)."""

SLOW: Final = (
    "The bot's database is slow. I have not taken this on yet: once I have, it goes on as always; and if I "
    "cannot, I say so here."
)


def plain(words: str) -> list[Block]:
    """A paragraph of our own words, in which `backticks` mark what can be typed."""
    return [blocks.paragraph(*blocks.prose(words))]


def mistake(error: BotError) -> list[Block]:
    """What is wrong, and what would be right, a paragraph each; what is not for people goes into the log."""
    _note(error)
    return [block for words in (error.message, error.advice) if words for block in plain(words)]


def _note(error: BotError) -> None:
    if error.detail:
        log.warning("someone was told: %s", error.in_full)


def whisper(
    client: WebClient,
    user: str,
    shown: list[Block] | str | BotError,
    *,
    there: AskPlace | None = None,
    respond: Respond | None = None,
) -> None:
    """Say something that `user` alone sees: under their command, where there was one to `respond` to; else
    `there`; else, as at Home, or where that is not possible, in their direct messages."""
    if isinstance(shown, BotError):
        _note(shown)
        shown = str(shown)
    made = plain(shown) if isinstance(shown, str) else shown
    words = blocks.words_of(made)
    if respond is not None:
        respond(blocks=made, text=words, replace_original=False)
        return
    message: dict[str, Any] = {"blocks": made, "text": words}
    if there is not None and there.channel:
        where: dict[str, Any] = {"channel": there.channel, "thread_ts": there.reply_to}
        if _taken(lambda: client.chat_postEphemeral(**where, **message, user=user), f"to {user} in {where}"):
            return

    def directly() -> object:
        direct = client.conversations_open(users=[user])["channel"]["id"]
        return client.chat_postMessage(channel=direct, **message, mrkdwn=False)

    _taken(directly, f"to {user} directly")


def _taken(say: Callable[[], object], what: str) -> bool:
    """Whether Slack took it; raises where it may do so later. A thread may be gone, a place closed to them or
    us, and who is told a machine: then the log says so."""
    try:
        say()
    except SlackApiError as error:
        if isinstance(translated(error), SurfaceDown):
            raise
        log.info("nothing can be said %s: %s", what, code_of(error))
        return False
    return True


def place_of(body: dict[str, Any]) -> AskPlace:
    """The thread that a button stands in; its channel alone, where it stands in none; no channel at Home."""
    channel = body.get("channel", {}).get("id", "")
    container = body.get("container", {})
    if not channel or container.get("is_ephemeral") or container.get("type") != "message":
        return AskPlace(channel)
    return AskPlace(channel, container.get("thread_ts") or container.get("message_ts"))


class CommandReplies:
    """Where a command was typed, for as long as something can be said there: to its asker alone, in channels
    that the bot cannot see as well. Known to this process only. Safe from any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Respond]] = {}

    def keep(self, run_id: str, respond: Respond) -> None:
        """Remember the command that a run came from."""
        now = self._monotonic()
        with self._lock:
            for old, (since, _) in list(self._kept.items()):
                if now - since < RESPOND_SECONDS:
                    break  # they are in the order in which they came
                del self._kept[old]
            self._kept[run_id] = now, respond

    def say(self, run_id: str, content: list[Block]) -> bool:
        """Say something under the command of a run, if that is known and it is not too late."""
        with self._lock:
            since, respond = self._kept.pop(run_id, (0.0, None))
        if respond is None or self._monotonic() - since >= RESPOND_SECONDS:
            return False
        response = respond(blocks=content, text=blocks.words_of(content), replace_original=False)
        return response.status_code == HTTPStatus.OK


class TimelyAck:
    """The answer to one command: its acknowledgement, or, where that could not wait, a message after it.

    To be used as a context; within it, the answer may come whenever it is there.
    """

    def __init__(self, ack: Ack, respond: Respond) -> None:
        self._ack = ack
        self._respond = respond
        self._lock = threading.Lock()
        self._is_acknowledged = False
        self._is_over = False

    def __enter__(self) -> TimelyAck:
        _watch.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True

    def say(self, answer: list[Block] | None) -> None:
        """Answer; None where something that everyone sees is the answer."""
        if not self._acknowledge(answer) and answer is not None:
            self._respond(blocks=answer, text=blocks.words_of(answer), replace_original=False)

    def late(self) -> None:
        """Acknowledge it without an answer, if nothing else has become of it."""
        if not self._is_over:
            self._acknowledge(plain(SLOW))

    def _acknowledge(self, answer: list[Block] | None) -> bool:
        """Whether this was in time; what comes second is not."""
        with self._lock:
            if self._is_acknowledged:
                return False
            self._is_acknowledged = True
            if answer is None:
                self._ack()
            else:
                self._ack(response_type="ephemeral", blocks=answer, text=blocks.words_of(answer))
            return True


class _Watch:
    """Calls `late` of each command after `PROMPT_SECONDS`, from one thread that ends when nothing is left: a
    timer for each would be a thread for each, and two hundred commands may come at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: deque[tuple[float, TimelyAck]] = deque()
        self._is_watching = False

    def add(self, command: TimelyAck) -> None:
        with self._lock:
            self._due.append((time.monotonic() + PROMPT_SECONDS, command))
            starts, self._is_watching = not self._is_watching, True
        if starts:
            threading.Thread(target=self._run, name="acknowledging", daemon=True).start()

    def _run(self) -> None:
        while (first := self._first()) is not None:
            due, command = first
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                command.late()
            except Exception:
                # the edge of a thread: one acknowledgement that fails must not cost the others theirs
                log.exception("a command could not be acknowledged in time")

    def _first(self) -> tuple[float, TimelyAck] | None:
        """The next one; None ends the thread."""
        with self._lock:
            self._is_watching = bool(self._due)
            return self._due.popleft() if self._due else None


_watch: Final = _Watch()
