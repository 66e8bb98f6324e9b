"""What every handler works with, and what was typed behind what Slack makes of it."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.app.access import NotAllowed
from bot.errors import BotError

if TYPE_CHECKING:
    from bot.app.access import AccessPolicy
    from bot.app.ask import Questions
    from bot.app.digests import DigestOrders
    from bot.store.run import Run
    from handlers.access import Directory
    from handlers.replies import CommandReplies

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """What people can do, and what Slack knows of them: whatever asks it gives up within a second."""

    questions: Questions
    digests: DigestOrders
    access: AccessPolicy
    directory: Directory
    replies: CommandReplies

    def ask(
        self,
        text: str,
        *,
        user: str,
        channel: str,
        key: str,
        reply_to: str | None = None,
        vouched: bool = True,
        fresh: bool = False,
        confirmed: bool = False,
    ) -> Run:
        """Take a question, in the zone of its asker. Raises as `Questions.ask`."""
        return self.questions.ask(
            text,
            user=user,
            channel=channel or user,
            key=key,
            reply_to=reply_to,
            zone=lambda: self.directory.zone_of(user),
            vouched=vouched,
            fresh=fresh,
            confirmed=confirmed,
        )

    def admit_to_form(self, user: str) -> None:
        """NotAllowed where `user` may not ask at all; TooMuch where they open too many forms; BotError."""
        self.access.admit_person(user)
        self.questions.limits.take("form", user)

    def must_be_private(self, user: str, channel: str) -> bool:
        """Whether what `user` asks in `channel` is answered to them alone. NotAllowed where not even that."""
        try:
            self.access.admit(user, channel)
        except NotAllowed:
            self.access.admit(user, channel, private=True)
            return True
        except BotError as error:
            log.info("whether %s may ask in %s is left to the worker: %s", user, channel, error.in_full)
        return False

    def order(self, text: str) -> str:
        """Text as an order is read. Slack marks people and channels, but leaves groups as typed.

        BotError where Slack does not say which group that is.
        """
        return _TYPED_GROUP.sub(
            lambda typed: typed[1] + (self.directory.group(typed[2]) or typed[2]), _with_ids(text)
        )


_ESCAPED: Final = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
"""What Slack escapes, and nothing else (docs: formatting); last the sign that each begins with."""

_LABELLED = re.compile(r"<[^<>|]*\|([^<>]*)>")
_MENTIONED = re.compile(r"<[@#!]([^<>|]+)>")
_LINKED = re.compile(r"<(?:https?://|mailto:)?([^<>|]+)>")

_TYPED_GROUP = re.compile(r"\b(mention=)@([\w.-]+)", re.IGNORECASE)
_CHANNEL = re.compile(r"<#([^<>|]+)(?:\|[^<>]*)?>")
_GROUP = re.compile(r"<!subteam\^([^<>|]+)(?:\|[^<>]*)?>")
_PERSON = re.compile(r"<@([^<>|]+)(?:\|[^<>]*)?>")
_EVERYONE = re.compile(r"<!(here|channel)(?:\|[^<>]*)?>")


def _with_ids(text: str) -> str:
    """An order with channels, people and groups by their ids."""
    text = _CHANNEL.sub(r"#\1", text)
    for marked in (_GROUP, _PERSON, _EVERYONE):
        text = marked.sub(r"\1", text)
    return as_typed(text)


def as_typed(text: str) -> str:
    """What was typed, without what Slack made of it: `<http://x|x>`, `<@U1|alice>`, `&amp;`."""
    for marked in (_LABELLED, _MENTIONED, _LINKED):
        text = marked.sub(r"\1", text)
    for escaped, sign in _ESCAPED.items():
        text = text.replace(escaped, sign)
    return text
