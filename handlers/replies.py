"""Slack's three seconds: a command is acknowledged in time, however slow the database is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from handlers.blockkit import blocks

if TYPE_CHECKING:
    from slack_bolt import Ack, Respond

    from handlers.blockkit.blocks import Block

PROMPT_SECONDS: Final = 2.4
"""Slack wants to hear within three (docs: slash-commands), and the way here and back takes some of that."""

SLOW: Final = (
    "The bot's database is slow. I have not taken this on yet: once I have, it goes on as always; and if I "
    "cannot, I say so here."
)


class TimelyAck:
    """The answer to one command: its acknowledgement, or, where that could not wait, a message after it.

    To be used as a context; within it, the answer may come whenever it is there.
    """

    def __init__(self, ack: Ack, respond: Respond) -> None:
        self._ack = ack
        self._respond = respond
        self._lock = threading.Lock()
        self._is_acknowledged = False
        self._timer = threading.Timer(
            PROMPT_SECONDS, self._acknowledge, [[blocks.paragraph(blocks.said(SLOW))]]
        )
        self._timer.daemon = True

    def __enter__(self) -> TimelyAck:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def say(self, answer: list[Block] | None) -> None:
        """Answer; None where something that everyone sees is the answer."""
        if not self._acknowledge(answer) and answer is not None:
            self._respond(blocks=answer, text=blocks.words_of(answer), replace_original=False)

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
