"""Access: who may ask, and where. One rule for every way in, decided from facts that a surface brings.

Without settings: every member of the organization, in any of its channels, but no guests, nobody of another
organization, and no channel that is shared with one. Settings name those who may, and where, instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.errors import BotError, UserError

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import tzinfo


class NotAllowed(UserError):
    """Someone may not do that, or not there. `hint` says whom to ask."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever asks, as a surface knows them."""

    name: str
    """As others type it."""
    zone: tzinfo
    is_guest: bool
    is_ours: bool
    """Whether they belong to the organization that the bot works for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is asked, and answered."""

    is_shared: bool
    """With another organization, or about to be."""


class Directory(Protocol):
    """What a surface knows of people and places. BotError, such as SurfaceDown, where it cannot say."""

    def person(self, user: str) -> Person:
        """A person, by the id that the surface gives them."""

    def place(self, channel: str) -> Place:
        """A place, likewise. What the bot cannot see is not shared: it cannot answer there either."""

    def is_among(self, user: str, named: Collection[str]) -> bool:
        """Whether a person is one of `named`, or in a group that is."""

    def is_in(self, user: str, channel: str) -> bool:
        """Whether a person reads a channel; of direct messages with the bot, only one's own. What the bot
        cannot see, nobody is known to be in."""


class AccessPolicy:
    """Safe from any thread, as far as the directory is."""

    def __init__(
        self,
        directory: Directory,
        *,
        users: Collection[str] = (),
        channels: Collection[str] = (),
        admins: Collection[str] = (),
    ) -> None:
        """`users` are ids of people and groups; empty: everyone of the organization. So with `channels`."""
        self._directory = directory
        self._users = frozenset(users)
        self._channels = frozenset(channels)
        self._admins = frozenset(admins)

    def through(self, directory: Directory) -> AccessPolicy:
        """The same rule by another directory: one that gives up sooner."""
        return AccessPolicy(directory, users=self._users, channels=self._channels, admins=self._admins)

    def admit(self, user: str, channel: str, *, private: bool = False, vouched: bool = True) -> None:
        """NotAllowed where `user` may not ask in `channel`; BotError where that is not known.

        Of what is answered in private, nothing comes to the channel. `vouched`: the surface itself says that
        they are there, as for a command; what a form carries says nothing.
        """
        self.admit_person(user)
        if private and not self._channels:
            return
        if user not in self._admins:
            self.admit_channel(channel)
        if not vouched:
            self._admit_presence(user, channel)

    def admit_target(self, user: str, channel: str, *, here: str = "") -> None:
        """NotAllowed where `user` may not have a digest told in `channel`, nor admins;
        BotError where that is not known. `here` is where they are, by the surface's own word."""
        self.admit_person(user)
        self.admit_channel(channel)
        if channel != here:
            self._admit_presence(user, channel)

    def is_for(self, user: str, asker: str, channel: str, *, here: str) -> bool:
        """Whether what `asker` asked in `channel`, for all to read, is for `user` to see. BotError where that
        is not known."""
        return user == asker or (bool(channel) and (channel == here or self._directory.is_in(user, channel)))

    def admit_person(self, user: str) -> None:
        """NotAllowed where `user` may not ask anywhere."""
        if user in self._admins:
            return
        if self._users:
            if not self._directory.is_among(user, self._users):
                raise NotAllowed("You are not among those who may ask here.", self._whom_to_ask())
            return
        person = self._directory.person(user)
        if person.is_guest:
            raise NotAllowed("Guests may not ask here.", self._whom_to_ask())
        if not person.is_ours:
            raise NotAllowed("Only people of this organization may ask here.", self._whom_to_ask())

    def admit_channel(self, channel: str) -> None:
        """NotAllowed where nothing may be told in `channel`."""
        if self._channels:
            if channel not in self._channels:
                raise NotAllowed(
                    "This is not one of the channels in which I may answer.", self._whom_to_ask()
                )
            return
        if self._directory.place(channel).is_shared:
            raise NotAllowed(
                "This channel is shared with another organization, so I do not answer in it.",
                f"Ask elsewhere, or with `private`. {self._whom_to_ask()}",
            )

    def _admit_presence(self, user: str, channel: str) -> None:
        if not self._directory.is_in(user, channel):
            raise NotAllowed(
                "I answer only where both you and I are, and in your own messages with me.",
                "Join that channel, type `/invite @TLS Audit` there, and try again.",
            )

    def may_change(self, user: str, owner: str) -> bool:
        """Whether `user` may end, delete or change what belongs to `owner`."""
        return user == owner or user in self._admins

    def words(self, user: str, channel: str) -> str:
        """Whether `user` may ask in `channel`, for them to read."""
        try:
            self.admit(user, channel)
        except NotAllowed as error:
            return str(error)
        except BotError as error:
            return f"Whether you may ask here is not known: {error}"
        return "You may ask here."

    def _whom_to_ask(self) -> str:
        if not self._admins:
            return "Whoever runs the bot can change that: TLS_AUDIT_USERS and TLS_AUDIT_CHANNELS."
        return f"Ask {' or '.join(self._name(admin) for admin in sorted(self._admins))}."

    def _name(self, user: str) -> str:
        try:
            return f"@{self._directory.person(user).name}"
        except BotError:
            return user
