"""A workspace: who is in it and what was said. It keeps and finds; what is allowed is decided elsewhere."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bot.sandbox.clock import Clock
    from bot.sandbox.shapes import Json

TEAM = "T0SANDBOX"
DOMAIN = "sandbox"
SLACKBOT = "USLACKBOT"
MICROSECONDS = 1_000_000
APP = "A0TLSAUDIT"
BOT = "U_TLSAUDIT"
BOT_ID = "B0TLSAUDIT"


@dataclass(frozen=True)
class User:
    """A person or a bot. A `guest` is in some channels, a `single` one in one; `team` tells strangers."""

    id: str
    name: str
    real_name: str
    zone: str = "Europe/Berlin"
    title: str = ""
    admin: bool = False
    guest: bool = False
    single: bool = False
    bot: bool = False
    deleted: bool = False
    team: str = TEAM
    organization: str = ""
    teams: tuple[str, ...] = ()
    """On Enterprise Grid: the organization, and the workspaces of it that they belong to."""

    def json(self, now: float, *, met: bool = True) -> Json:
        """The user as `users.info` tells. `met`: the app is in a shared channel with this one."""
        local = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        offset = local.utcoffset()
        return {
            "id": self.id,
            "team_id": self.team,
            "name": self.name,
            "deleted": self.deleted,
            "real_name": self.real_name,
            "tz": self.zone,
            "tz_label": local.tzname() or self.zone,
            "tz_offset": int(offset.total_seconds()) if offset else 0,
            "profile": {"real_name": self.real_name, "display_name": self.name, "title": self.title},
            "is_admin": self.admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.guest or self.single,
            "is_ultra_restricted": self.single,
            "is_bot": self.bot,
            "is_app_user": False,
            "is_stranger": self.team != TEAM
            and not (met or self.organization),  # docs: user object, is_stranger
            **({"enterprise_user": self._on_grid()} if self.organization else {}),
        }

    def _on_grid(self) -> Json:
        """What the organization knows of them (docs: user object, enterprise_user)."""
        return {"id": self.id, "enterprise_id": self.organization, "teams": list(self.teams)}


@dataclass(frozen=True)
class Group:
    """A user group, @handle."""

    id: str
    handle: str
    name: str
    users: frozenset[str]


@dataclass(frozen=True)
class Channel:
    """A conversation: public, private or im, whose name is empty.

    `shared`: with another organization; `invited`: it was asked to share this one, and has not answered yet.
    """

    id: str
    name: str
    kind: str = "public"
    members: frozenset[str] = frozenset()
    archived: bool = False
    topic: str = ""
    shared: bool = False
    invited: bool = False

    def json(self, bot: str) -> Json:
        """The channel as `conversations.info` tells it to the bot."""
        common = {
            "id": self.id,
            "is_archived": self.archived,
            "is_im": self.kind == "im",
            "context_team_id": TEAM,
        }
        if self.kind == "im":
            return {**common, "user": next(iter(self.members - {bot}), bot), "is_org_shared": False}
        return {
            **common,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": self.kind == "public",
            "is_group": self.kind == "private",
            "is_mpim": False,
            "is_private": self.kind == "private",
            "is_member": bot in self.members,
            "is_shared": self.shared,
            "is_ext_shared": self.shared,
            "is_pending_ext_shared": self.invited,
            "is_org_shared": False,
            "is_general": False,
            "num_members": len(self.members),
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
        }


@dataclass(frozen=True)
class File:
    """An upload: `content` once its bytes came; `shares` are (channel, ts, thread), once it can be seen."""

    id: str
    name: str
    length: int
    user: str
    key: str
    title: str = ""
    snippet_type: str = ""
    content: bytes | None = None
    completed: bool = False
    shares: tuple[tuple[str, str, str | None], ...] = ()
    created: float = 0.0


@dataclass(frozen=True)
class Message:
    """What was posted. `notified` are the people whom its mentions would alert; an edit alerts nobody.

    An `only_for` makes it ephemeral: that person alone sees it. The real Slack forgets it when reloaded.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()
    thread_ts: str | None = None
    files: tuple[str, ...] = ()
    metadata: Json | None = None
    client_msg_id: str | None = None
    edited: str | None = None
    subtype: str | None = None
    broadcast: bool = False
    notified: frozenset[str] = frozenset()
    only_for: str | None = None
    reactions: tuple[tuple[str, str], ...] = ()

    @property
    def is_parent(self) -> bool:
        """Whether it stands in the channel and not in a thread."""
        return self.thread_ts is None or self.thread_ts == self.ts


@dataclass(frozen=True)
class View:
    """A modal that someone has open, or someone's Home tab; `state` is what stands in its inputs."""

    id: str
    user: str
    body: Json
    hash: str
    root: str
    previous: str | None = None
    state: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> Json:
        """The view as Slack sends it."""
        return {
            "id": self.id,
            "team_id": TEAM,
            "app_id": APP,
            "app_installed_team_id": TEAM,
            "bot_id": BOT_ID,
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            "submit": None,
            "close": None,
            **self.body,
            "state": {"values": dict(self.state)},
            "hash": self.hash,
            "root_view_id": self.root,
            "previous_view_id": self.previous,
        }


@dataclass(frozen=True)
class Command:
    """A slash command that the app registered."""

    name: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = True


@dataclass(frozen=True)
class Change:
    """Something a page should show: its kind, what it is about, who may see it (everybody for None)."""

    kind: str
    data: Any
    only_for: str | None = None


class Workspace:
    """All that is kept. Changed on the server's loop only; others hold `changed` to look, or wait on it."""

    def __init__(
        self, clock: Clock, users: Iterable[User], channels: Iterable[Channel], groups: Iterable[Group] = ()
    ) -> None:
        self.clock = clock
        self.changed = threading.Condition(threading.RLock())
        self.users = {user.id: user for user in users}
        self.channels = {channel.id: channel for channel in channels}
        self.groups = {group.id: group for group in groups}
        self.messages: dict[str, dict[str, Message]] = {}
        self._replies: dict[tuple[str, str], list[str]] = {}
        self.ephemerals: dict[str, Message] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self._last = 0
        self._count = 0

    def next_id(self, prefix: str) -> str:
        """A new identity, never given twice."""
        self._count += 1
        return f"{prefix}{self._count:08X}"

    def next_ts(self) -> str:
        """A message's moment, later than every one before."""
        self._last = max(int(self.clock.now() * MICROSECONDS), self._last + 1)
        seconds, rest = divmod(self._last, MICROSECONDS)
        return f"{seconds}.{rest:06d}"

    def tell(self, kind: str, data: Any, only_for: str | None = None) -> None:
        """Say that something changed, to whoever waits or listens."""
        with self.changed:
            self.changed.notify_all()
        for listener in list(self.listeners):
            listener(Change(kind, data, only_for))

    def put(self, message: Message) -> Message:
        """Keep a message, new or edited."""
        with self.changed:
            if message.only_for:
                self.ephemerals[message.ts] = message
            else:
                known = self.messages.setdefault(message.channel, {})
                if message.ts not in known and not message.is_parent:
                    self._replies.setdefault((message.channel, message.thread_ts or ""), []).append(
                        message.ts
                    )
                known[message.ts] = message
            self.tell("message", message, message.only_for)
        return message

    def remove(self, message: Message) -> None:
        """Forget a message."""
        with self.changed:
            if message.only_for:
                self.ephemerals.pop(message.ts, None)
            else:
                self.messages.get(message.channel, {}).pop(message.ts, None)
                siblings = self._replies.get((message.channel, message.thread_ts or ""), [])
                if message.ts in siblings:
                    siblings.remove(message.ts)
            self.tell("deleted", message, message.only_for)

    def find(self, channel: str, ts: str, reader: str | None = None) -> Message | None:
        """A message by where it is; a reader also finds what only that person sees."""
        found = self.messages.get(channel, {}).get(ts)
        if found is None and reader:
            whisper = self.ephemerals.get(ts)
            found = whisper if whisper and whisper.only_for == reader and whisper.channel == channel else None
        return found

    def in_channel(self, channel: str) -> list[Message]:
        """Everything in a channel, oldest first, threads included."""
        with self.changed:
            return list(
                self.messages.get(channel, {}).values()
            )  # next_ts only grows, and an edit keeps its place

    def in_thread(self, channel: str, ts: str) -> list[Message]:
        """The parent and its replies, oldest first."""
        with self.changed:
            known = self.messages.get(channel, {})
            return [known[one] for one in (ts, *self._replies.get((channel, ts), [])) if one in known]

    def put_channel(self, channel: Channel) -> Channel:
        """Keep a channel, new or changed."""
        with self.changed:
            self.channels[channel.id] = channel
            self.tell("channel", channel)
        return channel

    def join(self, channel: str, user: str) -> Channel:
        """Make someone a member."""
        old = self.channels[channel]
        return self.put_channel(replace(old, members=old.members | {user}))

    def direct(self, one: str, other: str) -> Channel:
        """The direct messages of two, opened if need be."""
        members = frozenset({one, other})
        for channel in self.channels.values():
            if channel.kind == "im" and channel.members == members:
                return channel
        return self.put_channel(Channel(self.next_id("D"), "", "im", members))

    def put_file(self, file: File) -> File:
        """Keep a file, new or changed."""
        with self.changed:
            self.files[file.id] = file
            self.tell("file", file)
        return file

    def set_views(self, user: str, stack: list[View]) -> None:
        """The modals that someone has open, the topmost last."""
        with self.changed:
            self.views[user] = stack
            self.tell("views", stack, user)

    def set_home(self, view: View) -> None:
        """Someone's Home tab."""
        with self.changed:
            self.homes[view.user] = view
            self.tell("home", view, view.user)

    def every_view(self) -> Iterator[View]:
        """All open modals and Home tabs."""
        for stack in self.views.values():
            yield from stack
        yield from self.homes.values()


def new_key() -> str:
    """Something nobody guesses, for addresses."""
    return secrets.token_urlsafe(18)


ALICE = User("U_ALICE", "alice", "Alice Meyer", "Europe/Berlin", "Security engineer", admin=True)
BOB = User("U_BOB", "bob", "Bob Carter", "America/New_York", "On-call")
GUEST = User("U_GUEST", "gil", "Gil (guest)", "Asia/Tokyo", "Contractor", guest=True)


def users() -> list[User]:
    """Two people to act as, a guest, the app, and Slack's own bot."""
    app = User(BOT, "tls-audit", "TLS Audit", "UTC", bot=True)
    return [ALICE, BOB, GUEST, app, User(SLACKBOT, "slackbot", "Slackbot", "UTC", bot=True)]


def channels() -> list[Channel]:
    """One of every kind the bot can meet: in, not in, private, archived, direct, and two people's own."""
    people = frozenset({ALICE.id, BOB.id})
    return [
        Channel("C_SECURITY", "security", members=people | {BOT, GUEST.id}, topic="Findings and questions"),
        Channel("C_ONCALL", "on-call", members=people | {BOT}, topic="The daily digest lands here"),
        Channel("C_RANDOM", "random", members=people, topic="Public; the bot is not in here"),
        Channel("C_SECRET", "secret", "private", people, topic="Private; the bot is not in here"),
        Channel("C_OLD", "old", members=people | {BOT}, archived=True),
        Channel("D_ALICE", "", "im", frozenset({ALICE.id, BOT})),
        Channel("D_BOB", "", "im", frozenset({BOB.id, BOT})),
        Channel("D_GUEST", "", "im", frozenset({GUEST.id, BOT})),
        Channel("D_ALICE_BOB", "", "im", people),
    ]


def groups() -> list[Group]:
    """The on-call group."""
    return [Group("S_ONCALL", "oncall", "On-call engineers", frozenset({BOB.id}))]
