"""What Slack knows of people, channels and groups: the facts by which `bot.app.access` decides."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slack_sdk.errors import SlackApiError

from bot.app.access import Person, Place
from bot.errors import BotError
from handlers.errors import SLACK_ERRORS, code_of, translated
from handlers.retries import refused_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from slack_sdk import WebClient

T = TypeVar("T")

KNOWN_SECONDS: Final = 600
"""How long Slack's word about a person, a channel or a group is good."""

CHANNELS_A_PAGE: Final = 999
"""Channels a page: fewer than a thousand are allowed (docs: users.conversations)."""

GROUP_PREFIX: Final = "S"
"""What the id of a user group begins with (docs: usergroups)."""

DIRECT: Final = "D"
"""What the id of direct messages begins with (docs: conversations API)."""

AWAY_SECONDS: Final = 1.0
"""Where Slack did not say in time, it is not asked the same again for so long: a command has three seconds,
and wants to know of its asker twice."""

UNKNOWN_USER_CODES: Final = frozenset(
    {"user_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot"}
)
"""What Slack says of someone who is in no channel with us (docs: conversations.open, users.conversations)."""

_HERE: Final = Place(is_shared=False)


@dataclass(slots=True)
class _Facts:
    """What Slack has said, and when. Whoever asks for the same at once waits for the first one's answer."""

    monotonic: Callable[[], float]
    facts: dict[str, tuple[float, Any]] = field(default_factory=dict)
    asking: dict[str, threading.Lock] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, what: str, fetch: Callable[[], T]) -> T:
        """What is known of `what`, or what `fetch` finds."""
        with self.lock:
            if (known := self._fresh(what)) is not None:
                answer: T = known[1]
                return answer
            asking = self.asking.setdefault(what, threading.Lock())
        with asking:
            with self.lock:
                known = self._fresh(what)
            answer = fetch() if known is None else known[1]
            if known is None:
                with self.lock:
                    self.facts[what] = self.monotonic(), answer
            return answer

    def remembered(self, what: str) -> Any:
        """What is known of `what` without asking; None: nothing."""
        with self.lock:
            fact = self._fresh(what)
        return None if fact is None else fact[1]

    def _fresh(self, what: str) -> tuple[float, Any] | None:
        fact = self.facts.get(what)
        return None if fact is None or self.monotonic() - fact[0] >= KNOWN_SECONDS else fact


class Directory:
    """The workspace's `bot.app.access.Directory`. Safe from any thread; raises BotError alone."""

    def __init__(self, client: WebClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._facts = _Facts(monotonic)
        self._is_patient = True
        self._silent: dict[str, tuple[float, BotError]] = {}
        """What an impatient one is not to ask until when: the same of someone, where Slack was silent; and of
        anyone, where it was asked too often."""

    def through(self, impatient: WebClient) -> Directory:
        """One that asks with a client that gives up soon, and both know what either has learned.

        Of a channel it asks for that one alone, which takes Slack less time than all.
        """
        other = Directory(impatient)
        other._facts, other._is_patient = self._facts, False
        return other

    # --- what access is decided by

    def person(self, user: str) -> Person:
        return self._ask(f"user {user}", lambda: self._person(user))

    def place(self, channel: str) -> Place:
        if channel.startswith(DIRECT):
            return _HERE
        return self._ask(f"channel {channel}", lambda: self._place(channel))

    def is_among(self, user: str, named: Collection[str]) -> bool:
        groups = [each for each in named if each.startswith(GROUP_PREFIX)]
        return user in named or any(user in self._members(group) for group in groups)

    def is_in(self, user: str, channel: str) -> bool:
        if channel.startswith(DIRECT):
            return channel == self._ask(f"direct {user}", lambda: self._direct(user))
        return channel == user or channel in self._ask(f"channels of {user}", lambda: self._channels(user))

    # --- what else people want to know of each other

    def zone_of(self, user: str) -> tzinfo:
        """A person's zone; UTC where Slack does not say in time. The answer spells the window out."""
        try:
            return self.person(user).zone
        except BotError:
            return UTC

    def name_of(self, user: str) -> str:
        """The name that people type for someone; the id, where Slack does not say in time."""
        try:
            return self.person(user).name
        except BotError:
            return user

    def called(self, mention: str) -> str:
        """Whoever a digest names, for people to read: `@oncall`."""
        if mention.startswith(GROUP_PREFIX):
            try:
                return f"@{self._groups().get(mention, mention)}"
            except BotError:
                return f"@{mention}"
        return f"@{mention if mention in ('here', 'channel') else self.name_of(mention)}"

    def group(self, handle: str) -> str | None:
        """A user group's id by its handle; None where Slack knows none. BotError where it does not say."""
        return next((id_ for id_, name in self._groups().items() if name == handle), None)

    # --- asking Slack

    def _person(self, user: str) -> Person:
        about = self._client.users_info(user=user)["user"]
        try:
            zone: tzinfo = ZoneInfo(about["tz"])
        except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError):
            zone = UTC
        return Person(
            name=str(about.get("name") or user),
            zone=zone,
            is_guest=bool(about.get("is_restricted") or about.get("is_ultra_restricted")),
            is_ours=self._is_ours(about),
        )

    def _is_ours(self, about: Mapping[str, Any]) -> bool:
        """Whether a person belongs to our workspace, or on Enterprise Grid to any of its organization (docs:
        user object, enterprise_user). An app's user does not, nor does who has left: `deleted`."""
        team, organization = self._facts.get("team", self._team)
        grid = about.get("enterprise_user") or {}
        if any(about.get(mark) for mark in ("is_stranger", "is_bot", "deleted")):
            return False
        if team in (about.get("team_id"), *(grid.get("teams") or ())):
            return True
        return bool(organization) and organization in (about.get("team_id"), grid.get("enterprise_id"))

    def _team(self) -> tuple[str, str]:
        """Our workspace, and the Enterprise Grid organization it belongs to, if any."""
        us = self._client.auth_test()
        return str(us["team_id"]), str(us.get("enterprise_id") or "")

    def _direct(self, user: str) -> str:
        """The direct messages of someone with the bot; nowhere for who is gone."""
        try:
            return str(self._client.conversations_open(users=[user])["channel"]["id"])
        except SLACK_ERRORS as error:
            if code_of(error) in UNKNOWN_USER_CODES:
                return ""
            raise

    def _channels(self, user: str) -> frozenset[str]:
        """The channels that someone is in: public ones, and private ones that the bot is in too."""
        try:
            pages = self._client.users_conversations(
                user=user, types="public_channel,private_channel", limit=CHANNELS_A_PAGE
            )
            return frozenset(channel["id"] for page in pages for channel in page["channels"])
        except SLACK_ERRORS as error:
            if code_of(error) in UNKNOWN_USER_CODES:
                return frozenset()
            raise

    def _place(self, channel: str) -> Place:
        # five hundred digests that are due at once must not ask five hundred times
        if self._is_patient:
            ours = self._facts.get("channels", self._ours)
        else:
            ours = self._facts.remembered("channels") or {}
        if channel in ours:
            return ours[channel]
        try:
            return _place(self._client.conversations_info(channel=channel)["channel"])
        except SLACK_ERRORS as error:
            if code_of(error) == "channel_not_found":
                return _HERE  # a private channel that the bot is not in
            raise

    def _ours(self) -> dict[str, Place]:
        pages = self._client.users_conversations(
            types="public_channel,private_channel", exclude_archived=True, limit=CHANNELS_A_PAGE
        )
        every = (channel for page in pages for channel in page["channels"])
        return {channel["id"]: _place(channel) for channel in every if "is_ext_shared" in channel}

    def _members(self, group: str) -> frozenset[str]:
        return self._ask(
            f"group {group}",
            lambda: frozenset(self._client.usergroups_users_list(usergroup=group)["users"]),
        )

    def _groups(self) -> dict[str, str]:
        """The handles of all user groups, by id. BotError."""
        try:
            groups = self._client.usergroups_list()["usergroups"]
        except SLACK_ERRORS as error:
            raise translated(error) from error
        return {str(group["id"]): str(group["handle"]) for group in groups}

    def _ask(self, what: str, fetch: Callable[[], T]) -> T:
        known: T | None = self._facts.remembered(what)
        if known is not None:
            return known
        kind = what.partition(" ")[0]
        for each in (what, kind):
            until, silence = self._silent.get(each, (0.0, None))
            if silence is not None and self._facts.monotonic() < until:
                raise silence
        try:
            return self._facts.get(what, fetch)
        except (*SLACK_ERRORS, KeyError) as error:
            refused = translated(error)
            if not self._is_patient:
                now = self._facts.monotonic()
                self._silent[what] = now + AWAY_SECONDS, refused
                if isinstance(error, SlackApiError) and (seconds := refused_seconds(error)) is not None:
                    self._silent[kind] = now + seconds, refused
            raise refused from error


def _place(about: Mapping[str, Any]) -> Place:
    return Place(is_shared=bool(about.get("is_ext_shared") or about.get("is_pending_ext_shared")))
