"""What stands in a channel of the demo before anything was asked: how to begin, by a click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handlers.blockkit import blocks
from handlers.blockkit.blocks import actions, button, paragraph, prose, text
from handlers.blockkit.values import Reading, Words
from handlers.questions.commands import COMMAND, READINGS

if TYPE_CHECKING:
    from slack_sdk import WebClient

FIRST_QUESTION: Final = "last 7d by=clients"
"""The question that most people have."""


def post(client: WebClient, channel: str, *, slow: str) -> None:
    """Say how to begin; `slow` is a question that takes long enough to be cancelled."""
    first, second = READINGS
    made = [
        paragraph(text("Which clients still call AWS with old TLS?", bold=True)),
        paragraph(
            *prose(
                f"Ask with a button, with `{COMMAND} {FIRST_QUESTION}`, or with `@TLS Audit last 7d`. "
                "#on-call has had a digest for two weeks. All of it is sample data."
            )
        ),
        actions(
            button("Who calls with old TLS?", first, Reading(FIRST_QUESTION, None), style="primary"),
            button("Ask in a form", "ask", Words("")),
            button("A slow one, to cancel", second, Reading(slow, None)),
        ),
    ]
    client.chat_postMessage(channel=channel, blocks=made, text=blocks.words_of(made), mrkdwn=False)
