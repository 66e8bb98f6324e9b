"""The whole of one small Slack: what its parts share, and how an app is known to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.sandbox.state import APP, BOT, TEAM, Channel, Command, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.sandbox.clock import Clock
    from bot.sandbox.faults import Faults
    from bot.sandbox.ledger import Ledger
    from bot.sandbox.rates import Rates
    from bot.sandbox.shapes import Json, Problem
    from bot.sandbox.sockets import Sockets

DEFAULT_SCOPES = frozenset(
    [
        "app_mentions:read",
        "channels:history",
        "channels:join",
        "channels:read",
        "chat:write",
        "chat:write.public",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "reactions:write",
        "usergroups:read",
        "users:read",
    ]
)
DEFAULT_EVENTS = frozenset({"app_mention", "app_home_opened"})

# What can happen to an app that does nothing wrong; anything else refused is a rule broken
CIRCUMSTANCES = frozenset(
    [
        "account_inactive",
        "already_in_channel",
        "already_reacted",
        "cant_delete_message",
        "channel_not_found",
        "expired_trigger_id",
        "file_not_found",
        "file_type_not_allowed",
        "file_upload_size_restricted",
        "file_uploads_disabled",
        "file_uploads_except_images_disabled",
        "hash_conflict",
        "invalid_auth",
        "is_archived",
        "message_not_found",
        "method_not_supported_for_channel_type",
        "missing_scope",
        "no_reaction",
        "not_authed",
        "not_found",
        "not_in_channel",
        "storage_limit_reached",
        "thread_not_found",
        "token_revoked",
        "user_not_found",
        "user_not_in_channel",
        "users_not_found",
    ]
)


TRIGGERS_REMEMBERED = 20_000  # triggers and response_urls; older ones are long over


def _trim(remembered: dict[str, Any]) -> None:
    while len(remembered) > TRIGGERS_REMEMBERED:
        remembered.pop(next(iter(remembered)))


class Refused(Exception):
    """Slack's `{"ok": false}`: its error code, the problems found, and what else the answer carries."""

    def __init__(self, error: str, problems: Iterable[Problem] = (), words: str = "", **extra: Any) -> None:
        super().__init__(error)
        self.error, self.problems, self.words, self.extra = error, list(problems), words, extra


class Limited(Exception):
    """429: come back in so many seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"ratelimited, retry after {retry_after} s")
        self.retry_after = retry_after


@dataclass
class Options:
    """How the app is installed and what the workspace's policies are; may be changed while it runs.

    `honours_client_msg_id`: a repeated one answers with the first message, which Slack documents and nobody
    has shown. `upload_error`: the policy by which uploads are refused, such as file_uploads_disabled.
    `refused_blocks`: block types this workspace does not know. `share_seconds`: how long after its completion
    an upload appears. `revoked`: the tokens are. `organization`: that of Enterprise Grid, if any.
    """

    scopes: frozenset[str] = DEFAULT_SCOPES
    events: frozenset[str] = DEFAULT_EVENTS
    commands: tuple[Command, ...] = ()
    bot_token: str = "xoxb-sandbox"  # noqa: S105 - opens nothing but this sandbox, on loopback
    app_token: str = "xapp-sandbox"  # noqa: S105 - likewise
    honours_client_msg_id: bool = False
    upload_error: str | None = None
    refused_blocks: frozenset[str] = frozenset()
    share_seconds: float = 0.0
    revoked: bool = False
    organization: str = ""


@dataclass(frozen=True)
class Ticket:
    """What a trigger_id stands for: who may be shown a modal, until when."""

    user: str
    issued: float
    channel: str = ""
    view: str = ""
    used: bool = False


@dataclass
class Reply:
    """What a response_url stands for."""

    user: str
    channel: str
    issued: float
    ts: str | None = None
    thread_ts: str | None = None
    posts: int = 0


@dataclass
class Slack:
    """Everything, in one place, for the parts that answer calls and those that act for people."""

    workspace: Workspace
    clock: Clock
    options: Options
    faults: Faults
    ledger: Ledger
    rates: Rates
    sockets: Sockets
    base: str = ""
    triggers: dict[str, Ticket] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    client_msg_ids: dict[tuple[str, str], str] = field(default_factory=dict)

    def need(self, *scopes: str) -> None:
        """Refuse unless one of the scopes is granted."""
        if scopes and not self.options.scopes & set(scopes):
            provided = ",".join(sorted(self.options.scopes))
            raise Refused("missing_scope", needed=scopes[0], provided=provided)

    def channel(self, identity: str) -> Channel:
        """The channel as far as the bot may know of it: what is private and not the bot's does not exist."""
        found = self.workspace.channels.get(identity)
        if found is None or (found.kind != "public" and BOT not in found.members):
            raise Refused("channel_not_found")
        return found

    def trigger(self, user: str, channel: str = "", view: str = "") -> str:
        """A new trigger_id."""
        trigger = f"{self.workspace.next_id('')}.{TEAM}.{int(self.clock.now() * 1000)}"
        self.triggers[trigger] = Ticket(user, self.clock.now(), channel, view)
        _trim(self.triggers)
        return trigger

    def response_url(
        self, key: str, user: str, channel: str, ts: str | None = None, thread_ts: str | None = None
    ) -> str:
        """A new address that takes replies without a token."""
        self.replies[key] = Reply(user, channel, self.clock.now(), ts, thread_ts)
        _trim(self.replies)
        return f"{self.base}/respond/{key}"

    def emit(self, event: Json) -> None:
        """Send the app an event, if it subscribed to it: to messages by the kind of their channel."""
        kinds = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}
        if kinds.get(event.get("channel_type", ""), event["type"]) not in self.options.events:
            return
        channel = self.workspace.channels.get(event.get("channel", ""))
        payload = {
            "token": "sandbox",
            "team_id": TEAM,
            "context_team_id": TEAM,
            "api_app_id": APP,
            "event": {**event, "event_ts": event.get("event_ts") or f"{self.clock.now():.6f}"},
            "type": "event_callback",
            "event_id": self.workspace.next_id("Ev"),
            "event_time": int(self.clock.now()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM,
                    "user_id": BOT,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": channel is not None and channel.shared,
        }
        self.sockets.deliver_event(payload)
