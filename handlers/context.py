"""Desk: what every handler works with, and what they all need to know of an asker."""

from __future__ import annotations

import html
import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handlers.access import GROUP
from handlers.errors import SLACK_ERRORS, translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk import WebClient

    from bot.app.ask import Questions
    from bot.store.digests import Digests
    from bot.store.run import Run
    from handlers.access import AccessPolicy

ZONE_SECONDS: Final = 3_600
"""People move; an hour later they are asked for again."""


class Directory:
    """The zones and names of askers, as Slack knows them; its client gives up within a second."""

    def __init__(self, client: WebClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, tzinfo, str]] = {}

    def of(self, user: str) -> tzinfo:
        """The asker's zone; UTC where Slack does not answer in time. The answer spells the window out."""
        with self._lock:
            known = self._known.get(user)
        if known is not None and self._monotonic() - known[0] < ZONE_SECONDS:
            return known[1]
        try:
            told = self._client.users_info(user=user)["user"]
            zone = ZoneInfo(told["tz"])
        except (*SLACK_ERRORS, KeyError, TypeError, ValueError, ZoneInfoNotFoundError):
            return UTC
        with self._lock:
            self._known[user] = self._monotonic(), zone, str(told.get("name") or user)
        return zone

    def group(self, handle: str) -> str | None:
        """The id of a user group by its handle; None where Slack knows none, or does not answer in time."""
        return next((id_ for id_, name in self._groups().items() if name == handle), None)

    def handle(self, group: str) -> str | None:
        """The handle of a user group by its id, likewise."""
        return self._groups().get(group)

    def _groups(self) -> dict[str, str]:
        try:
            groups = self._client.usergroups_list()["usergroups"]
        except SLACK_ERRORS:
            return {}
        return {str(group["id"]): str(group["handle"]) for group in groups}

    def name_of(self, user: str) -> str:
        """The name that people type for someone; the id, where Slack does not answer in time."""
        self.of(user)
        with self._lock:
            return self._known[user][2] if user in self._known else user


@dataclass(frozen=True, slots=True)
class Context:
    """What people can do, who may do more than others, and the askers' zones."""

    questions: Questions
    digests: Digests
    zones: Directory
    admins: frozenset[str]
    door: AccessPolicy
    """Asked with a client that gives up within a second."""

    def called(self, mention: str) -> str:
        """Whoever a digest names, for people to read: `@oncall`."""
        if mention.startswith(GROUP):
            return f"@{self.zones.handle(mention) or mention}"
        return f"@{mention if mention in ('here', 'channel') else self.name_of(mention)}"

    def admit(self, user: str, channel: str) -> None:
        """BotError where `user` may not ask in `channel`, or Slack does not say in time whether."""
        try:
            self.door.admit(user, channel)
        except SLACK_ERRORS as error:
            raise translated(error) from error

    def admit_person(self, user: str) -> None:
        """The same of a person alone, wherever they are."""
        try:
            self.door.admit_person(user)
        except SLACK_ERRORS as error:
            raise translated(error) from error

    def name_of(self, user: str) -> str:
        """A person's name, for where no mention can be; the id, where Slack does not say."""
        return self.zones.name_of(user)

    def order(self, text: str) -> str:
        """Text as `order.parse` takes it. Slack marks people and channels, but leaves groups as typed."""
        return _TYPED_GROUP.sub(
            lambda typed: typed[1] + (self.zones.group(typed[2]) or typed[2]), ordered(text)
        )

    def run(self, run_id: str) -> Run | None:
        """The run of an id that someone typed or pressed; None where it is none."""
        # what is no id may be what no database takes, such as NUL
        return self.questions.runs.get(run_id) if run_id.isascii() and run_id.isalnum() else None

    def may_end(self, user: str, owner: str) -> bool:
        """Whether `user` may cancel or delete what `owner` asked for."""
        return user == owner or user in self.admins

    def submit(
        self,
        text: str,
        *,
        user: str,
        channel: str,
        key: str,
        reply_to: str | None = None,
        anew: bool = False,
        sure: bool = False,
    ) -> Run:
        """Take a question; UserError where it is none, NeedsConfirmation where its asker is to confirm it."""
        return self.questions.ask(
            text,
            user=user,
            channel=channel,
            key=key,
            reply_to=reply_to,
            zone=lambda: self.zones.of(user),
            fresh=anew,
            confirmed=sure,
        )


_LABELLED = re.compile(r"<[^<>|]*\|([^<>]*)>")
_MENTIONED = re.compile(r"<[@#!]([^<>|]+)>")
_LINKED = re.compile(r"<(?:https?://|mailto:)?([^<>|]+)>")


_TYPED_GROUP = re.compile(r"\b(mention=)@([\w.-]+)", re.IGNORECASE)
_CHANNEL = re.compile(r"<#([^<>|]+)(?:\|[^<>]*)?>")
_GROUP = re.compile(r"<!subteam\^([^<>|]+)(?:\|[^<>]*)?>")
_PERSON = re.compile(r"<@([^<>|]+)(?:\|[^<>]*)?>")
_EVERYONE = re.compile(r"<!(here|channel)(?:\|[^<>]*)?>")


def ordered(text: str) -> str:
    """An order as `order.parse` takes it: channels, people and groups by their ids."""
    text = _CHANNEL.sub(r"#\1", text)
    for slacks in (_GROUP, _PERSON, _EVERYONE):
        text = slacks.sub(r"\1", text)
    return typed(text)


def typed(text: str) -> str:
    """What was typed, without what Slack made of it: `<http://x|x>`, `<@U1|alice>`, `&amp;`."""
    for slacks in (_LABELLED, _MENTIONED, _LINKED):
        text = slacks.sub(r"\1", text)
    return html.unescape(text)
