"""What a channel is told of its digests' orders and changes, and who is told where that is not possible."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from slack_sdk.errors import SlackApiError

from handlers.blockkit import blocks
from handlers.blockkit.blocks import moment, paragraph, prose, text
from handlers.blockkit.values import AskPlace
from handlers.digests import shown
from handlers.errors import SLACK_ERRORS, code_of, translated
from handlers.replies import whisper

if TYPE_CHECKING:
    from slack_bolt import Respond
    from slack_sdk import WebClient

    from bot.digests.digest import Digest
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

URGENT_BEGINS = "It begins with the first digest, which says what there is."
"""When it begins to be told what is new within the hour."""

log = logging.getLogger(__name__)


class Announcements:
    """Where the channel cannot be told, one person is: under the command, if there was one to respond to. Who
    did it `here`, in another channel, is told here too."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def ordered(
        self, client: WebClient, digest: Digest, respond: Respond | None = None, *, here: str = ""
    ) -> None:
        """Say in its channel what was ordered, which shows that it can be told there; else forget it."""
        try:
            _post(client, digest.channel, self._order(digest))
        except SLACK_ERRORS as error:
            self._context.digests.remove(digest)
            words = f"I cannot tell digests in that channel. {translated(error)}"
            whisper(client, digest.owner, words, there=AskPlace(here), respond=respond)
        else:
            _also_here(client, digest, digest.owner, f"ordered digest {digest.id}.", respond, here)

    def changed(
        self,
        client: WebClient,
        digest: Digest,
        user: str,
        what: str,
        respond: Respond | None = None,
        *buttons: Block,
        here: str = "",
    ) -> None:
        """Say in its channel who changed a digest, and how: `what` goes on after their name. `buttons` stand
        below it."""
        made = [paragraph(blocks.person(user), *prose(f" {what}"))]
        try:
            _post(client, digest.channel, [*made, blocks.actions(*buttons)] if buttons else made)
        except SLACK_ERRORS as error:
            log.info("digest %s: its channel was not told: %s", digest.id, code_of(error) or error)
            words = f"You {what} Its channel was not told: {translated(error)}"
            whisper(client, user, words, there=AskPlace(here), respond=respond)
        else:
            _also_here(client, digest, user, what, respond, here)

    def _order(self, digest: Digest) -> list[Block]:
        words = self._context.digests.words(digest)
        line = [blocks.person(digest.owner), text(f" ordered digest {digest.id}, {words}.")]
        if digest.mention:
            # as code: what only says who is named must not notify them
            who = text(self._context.directory.called(digest.mention), code=True)
            line += [text(" It names "), who, text(" when something is new.")]
        lines = [paragraph(*line)]
        if cost := self._context.digests.urgent_cost(digest):
            lines.append(paragraph(text(f"{cost} {URGENT_BEGINS}")))
        if digest.due is not None:
            lines.append(paragraph(text("The first one sets the baseline. Next: "), moment(digest.due)))
        return [*lines, shown.buttons(digest)]


def _also_here(
    client: WebClient, digest: Digest, user: str, what: str, respond: Respond | None, here: str
) -> None:
    """Tell who did it elsewhere than in the digest's channel, alone, that it is done."""
    if here and here != digest.channel:
        said = [paragraph(*prose(f"You {what} "), blocks.place(digest.channel), text(" was told."))]
        whisper(client, user, said, there=AskPlace(here), respond=respond)


def _post(client: WebClient, channel: str, content: list[Block]) -> None:
    message: dict[str, Any] = {"channel": channel, "blocks": content, "text": blocks.words_of(content)}
    try:
        client.chat_postMessage(**message, mrkdwn=False)
    except SlackApiError as error:
        if code_of(error) != "not_in_channel":
            raise
        client.conversations_join(channel=channel)
        client.chat_postMessage(**message, mrkdwn=False)
