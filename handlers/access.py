"""Door: who may ask, and where.

Without settings: every member of the workspace, in any of its channels, but no guests, nobody of another
organization, and no channel that is shared with one. Settings name those who may, and where, instead.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bot.errors import UserError
from handlers.errors import SLACK_ERRORS, code_of, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from slack_sdk import WebClient

T = TypeVar("T")

KNOWN_SECONDS: Final = 600
"""How long Slack's word about a person, a channel or a group is good."""

PAGE: Final = 999
"""Channels a page: fewer than a thousand are allowed (docs: users.conversations)."""

GROUP: Final = "S"
"""What the id of a user group begins with (docs: usergroups)."""

DIRECT: Final = "D"
"""What the id of direct messages begins with (docs: conversations API)."""


class AccessPolicy:
    """Asks Slack with `client` what it does not know yet. Safe from any thread."""

    def __init__(
        self,
        client: WebClient,
        *,
        users: Collection[str] = (),
        channels: Collection[str] = (),
        admins: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`users` are ids of people and user groups; empty: everyone of the workspace. So with `channels`."""
        self._client = client
        self._users = frozenset(users)
        self._channels = frozenset(channels)
        self._admins = frozenset(admins)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._listing = threading.Lock()
        """Held by whoever asks for all channels, so that the others wait for that answer."""
        self._known: dict[str, tuple[float, Any]] = {}

    def through(self, client: WebClient) -> AccessPolicy:
        """The same door, asked with another client: one that gives up sooner."""
        return AccessPolicy(
            client,
            users=self._users,
            channels=self._channels,
            admins=self._admins,
            monotonic=self._monotonic,
        )

    def admit(self, user: str, channel: str, *, private: bool = False) -> None:
        """UserError, which says whom to ask, where `user` may not ask in `channel`; else Slack's own errors.

        Of what is answered in private, nothing comes to the channel.
        """
        if user in self._admins:
            return
        self.admit_person(user)
        if not private or self._channels:
            self.admit_channel(channel)

    def admit_person(self, user: str) -> None:
        """UserError where `user` may not ask anywhere."""
        if user in self._admins:
            return
        if self._users:
            if user not in self._users and not any(user in self._group(one) for one in self._users_groups()):
                raise UserError("You are not among those who may ask here.", self._whom_to_ask())
            return
        about = self._ask(f"user {user}", lambda: self._client.users_info(user=user)["user"])
        if about.get("is_restricted") or about.get("is_ultra_restricted"):
            raise UserError("Guests may not ask here.", self._whom_to_ask())
        if about.get("is_stranger") or about.get("team_id") not in (None, self._team()):
            raise UserError("Only people of this organization may ask here.", self._whom_to_ask())

    def admit_channel(self, channel: str) -> None:
        """UserError where nothing may be told in `channel`."""
        if self._channels:
            if channel not in self._channels:
                raise UserError("This is not one of the channels in which I may answer.", self._whom_to_ask())
            return
        if channel.startswith(DIRECT):
            return
        try:
            about = self._ask(f"channel {channel}", lambda: self._about(channel))
        except SLACK_ERRORS as error:
            if code_of(error) == "channel_not_found":
                return  # a private channel that the bot is not in: it cannot be posted to either
            raise
        if about.get("is_ext_shared") or about.get("is_pending_ext_shared"):
            raise UserError(
                "This channel is shared with another organization, so I do not answer in it.",
                f"Ask elsewhere, or with `private`. {self._whom_to_ask()}",
            )

    def _about(self, channel: str) -> Mapping[str, Any]:
        """What Slack says of a channel. The first time, of all that the bot is in: five hundred digests that
        are due at once must not ask five hundred times."""
        with self._listing:
            ours = self._ask("channels", self._ours)
        if channel in ours:
            return ours[channel]
        about: Mapping[str, Any] = self._client.conversations_info(channel=channel)["channel"]
        return about

    def _ours(self) -> dict[str, Mapping[str, Any]]:
        pages = self._client.users_conversations(
            types="public_channel,private_channel", exclude_archived=True, limit=PAGE
        )
        every = (channel for page in pages for channel in page["channels"])
        return {channel["id"]: channel for channel in every if "is_ext_shared" in channel}

    def words(self, user: str, channel: str) -> str:
        """Whether `user` may ask in `channel`, for them to read."""
        try:
            self.admit(user, channel)
        except UserError as error:
            return str(error)
        except SLACK_ERRORS as error:
            return f"Whether you may ask here is not known: {translated(error)}"
        return "You may ask here."

    def _users_groups(self) -> list[str]:
        return [one for one in self._users if one.startswith(GROUP)]

    def _group(self, group: str) -> frozenset[str]:
        return self._ask(
            f"group {group}",
            lambda: frozenset(self._client.usergroups_users_list(usergroup=group)["users"]),
        )

    def _team(self) -> str:
        return self._ask("team", lambda: str(self._client.auth_test()["team_id"]))

    def _whom_to_ask(self) -> str:
        if not self._admins:
            return "Whoever runs the bot can change that: TLS_AUDIT_USERS and TLS_AUDIT_CHANNELS."
        names = [self._name(admin) for admin in sorted(self._admins)]
        return f"Ask {' or '.join(names)}."

    def _name(self, user: str) -> str:
        try:
            about = self._ask(f"user {user}", lambda: self._client.users_info(user=user)["user"])
        except SLACK_ERRORS:
            return user
        return f"@{about.get('name') or user}"

    def _ask(self, what: str, fetch: Callable[[], T]) -> T:
        with self._lock:
            known = self._known.get(what)
        if known is not None and self._monotonic() - known[0] < KNOWN_SECONDS:
            answer: T = known[1]
            return answer
        answer = fetch()
        with self._lock:
            self._known[what] = self._monotonic(), answer
        return answer
