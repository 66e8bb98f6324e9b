"""The connection to Slack: the Web API's client, Socket Mode, and what `doctor` looks at."""

from __future__ import annotations

import json
import logging
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.errors import BotError, StoreDown, SurfaceDown, UserError
from handlers import home
from handlers.access import Directory
from handlers.blockkit import blocks
from handlers.context import Context
from handlers.digests import commands as digest_commands
from handlers.digests import shown
from handlers.errors import SLACK_ERRORS, translated
from handlers.publishing.budget import Budget
from handlers.publishing.publisher import SlackPublisher
from handlers.questions import actions, commands, form
from handlers.replies import CommandReplies
from handlers.retries import RetryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slack_bolt import Respond


__all__ = [
    "EVENTS",
    "SCOPES",
    "Budget",
    "CommandReplies",
    "Connection",
    "Context",
    "Directory",
    "SlackPublisher",
    "check",
    "connect",
    "impatient",
    "listen",
    "register",
]

log = logging.getLogger(__name__)

SCOPES: Final = (
    "app_mentions:read",
    "channels:join",
    "channels:read",
    "chat:write",
    "commands",
    "files:write",
    "groups:read",
    "im:history",
    "im:write",
    "usergroups:read",
    "users:read",
)
"""What the bot's token must be granted; manifest.yml says why, scope by scope."""

OPTIONAL_SCOPES: Final = ("channels:history", "groups:history")
"""What the bot does without: looking whether something was posted before it posts it again."""

COMMANDS: Final = (
    (commands.COMMAND, commands.DESCRIPTION, commands.USAGE),
    (shown.DIGEST_COMMAND, digest_commands.DIGEST_DESCRIPTION, digest_commands.DIGEST_USAGE),
)
"""The slash commands: each with its description, and the hint on how to use it."""

EVENTS: Final = ("app_home_opened", "app_mention", "message.im")
"""What the app must be told of."""

IMPATIENT_SECONDS: Final = 1
"""How long a command may wait for Slack's word on who asks, of the three seconds that Slack gives it."""

CHANNELS: Final = 200
"""Channels a page, as Slack advises (docs: conversations.list)."""

PING_SECONDS: Final = 2.0
"""How often the connection is tried. slack_sdk opens a broken one anew after five failures: with its own ten
seconds, nobody is heard for most of a minute."""


RECEIVE_BYTES: Final = 1 << 16
"""Read at once: a payload whole. slack_sdk takes 1,024, and where a read ends within the head of a frame, the
one before waits for more, for three seconds at worst."""

LISTENERS: Final = 32
"""Commands and clicks answered at once. Bolt's own five would be taken up by as many that wait."""


def connect(
    token: str,
    api_url: str,
    *,
    pause: Callable[[float], None] = time.sleep,
    on_refusal: Callable[[str, str], None] = lambda *_: None,
) -> WebClient:
    """A client of the Web API that waits out rate limits and Slack's passing failures, with `pause`.

    `on_refusal` hears of every such refusal: the method, and `ratelimited` or the HTTP status.
    """
    return WebClient(token, base_url=api_url, ssl=_tls(), retry_handlers=[RetryLater(pause, on_refusal)])


@cache
def _tls() -> ssl.SSLContext:
    """What checks Slack's certificate, made once: slack_sdk would read all of the system's for each call, for
    20 ms."""
    return ssl.create_default_context()


def impatient(client: WebClient) -> WebClient:
    """The same client, but one that gives up within a second and tries nothing twice."""
    return WebClient(
        client.token,
        base_url=client.base_url,
        timeout=IMPATIENT_SECONDS,
        ssl=client.ssl,
        retry_handlers=[],
    )


def register(app: App, context: Context) -> None:
    """Everything the app answers to."""
    for part in (commands, form, actions, digest_commands, home):
        part.register(app, context)
    app.error(_unforeseen)


class Connection:
    """The bot's connection to Slack, from `listen` until `close`."""

    def __init__(self, handler: SocketModeHandler) -> None:
        self._handler = handler
        self._known_to_slack = 0
        self._replacing = False
        self._handler.client.on_message_listeners.append(self._heard)
        self._handler.connect()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped

    def is_connected(self) -> bool:
        """Whether Slack can reach the bot now."""
        return bool(self._handler.client.is_connected())

    @property
    def sockets(self) -> tuple[int, int]:
        """How many connections this process holds, and how many of this app Slack knows."""
        return int(self.is_connected()), self._known_to_slack

    def _heard(self, message: str) -> None:
        """Slack says with its hello how many connections it knows; it sends each click to one of them."""
        if '"hello"' not in message and '"disconnect"' not in message:
            return
        event = json.loads(message)
        if event.get("type") == "disconnect":
            self._replacing = True
        elif event.get("type") == "hello":
            # the connection that this one replaces is still counted: it is closed a moment later
            self._known_to_slack = int(event.get("num_connections", 0)) - self._replacing
            self._replacing = False
            if self._known_to_slack > 1:
                log.warning(
                    "Slack knows %s connections of this app, and this process holds one. If no other replica "
                    "runs, some are dead, and what people click may get lost until Slack notices.",
                    self._known_to_slack,
                )

    def close(self) -> None:
        """Listen no more."""
        try:
            self._handler.close()  # type: ignore[no-untyped-call]  # as above
        except AttributeError:
            # slack_sdk trips over a connection that Slack ends just then, and leaves the rest running
            self._handler.close()  # type: ignore[no-untyped-call]  # as above


def listen(
    client: WebClient, app_token: str, context: Context, *, ping_seconds: float = PING_SECONDS
) -> Connection:
    """Connect to Slack in Socket Mode and answer until closed. UserError: a token is wrong; SurfaceDown."""
    # Bolt finds the token in the environment too, and would warn that the client's goes before it
    logging.getLogger("slack_bolt.App").addFilter(lambda record: "`token`" not in record.getMessage())
    try:
        client.auth_test()  # here, because Bolt makes an error of its own of a refusal
        # commands that hang in a database must leave room for those that do not
        app = App(
            name="tls-audit",  # else Bolt looks through the whole stack for one
            client=client,
            listener_executor=ThreadPoolExecutor(LISTENERS, "listener"),
        )
        register(app, context)
        handler = SocketModeHandler(
            app, app_token, ping_interval=ping_seconds, receive_buffer_size=RECEIVE_BYTES
        )
        return Connection(handler)
    except SLACK_ERRORS as error:
        refusal = translated(error)
        if isinstance(refusal, SurfaceDown):
            raise SurfaceDown(
                refusal.message,
                "Check the network and SLACK_API_URL, then start it again.",
                detail=refusal.detail,
            ) from error
        raise UserError(refusal.message, "`tls-audit doctor` checks the tokens.") from error


def check(client: WebClient, app_token: str) -> Iterator[tuple[str, bool, str]]:
    """What `doctor` asks of Slack: for each, what it is, whether it is right, and how to mend it."""
    if not (client.token or app_token):
        yield "Slack: not connected; only `serve` needs it", True, ""
        return
    for name, token in (("SLACK_BOT_TOKEN", client.token), ("SLACK_APP_TOKEN", app_token)):
        if not token:
            yield f"{name} is not set", False, "docs/slack.md says where to get it."
    if not client.token:
        return
    try:
        identity = client.auth_test()
    except SLACK_ERRORS as error:
        mend = "Set SLACK_BOT_TOKEN: Install App, Bot User OAuth Token."
        yield _failed("the bot's token", error, mend)
        return
    yield f"the bot's token: {identity['user']} in {identity['team']}", True, ""
    # a proxy may write names of headers in its own way, and slack_sdk keeps them as they come
    headers = {name.lower(): str(value) for name, value in identity.headers.items()}
    granted = set(headers.get("x-oauth-scopes", "").replace(",", " ").split())
    lacking = [scope for scope in SCOPES if scope not in granted]
    what = f"scopes: {', '.join(lacking)} missing" if lacking else "scopes: all granted"
    yield what, not lacking, "Paste manifest.yml into App Manifest again, then install the app again."
    for scope in OPTIONAL_SCOPES:
        yield f"{scope}: {'granted' if scope in granted else 'not granted, and not needed'}", True, ""
    if app_token:
        yield _socket_mode(client, app_token)
    yield _channels(client)


def _failed(what: str, error: Exception, mend: str) -> tuple[str, bool, str]:
    """A check that Slack refused, or did not hear of: then it says nothing of what was checked."""
    refusal = translated(error)
    if isinstance(refusal, SurfaceDown):
        mend = "Check the network and SLACK_API_URL, then run this again."
    return f"{what}: {refusal.in_full}", False, mend


def _socket_mode(client: WebClient, app_token: str) -> tuple[str, bool, str]:
    try:
        client.apps_connections_open(app_token=app_token)
    except SLACK_ERRORS as error:
        mend = "Set SLACK_APP_TOKEN: Basic Information, App-Level Tokens, with connections:write."
        return _failed("the app-level token", error, mend)
    return "the app-level token: Socket Mode can be opened", True, ""


def _channels(client: WebClient) -> tuple[str, bool, str]:
    try:
        pages = client.conversations_list(
            types="public_channel,private_channel", exclude_archived=True, limit=CHANNELS
        )
        names = [f"#{each['name']}" for page in pages for each in page["channels"] if each.get("is_member")]
    except SLACK_ERRORS as error:
        return _failed("channels", error, "See the scopes above.")
    what = f"channels: in {', '.join(names)}" if names else "channels: in none yet"
    return (
        what,
        bool(names),
        "Type `/invite @TLS Audit` in a channel; public ones I also join when asked there.",
    )


def _unforeseen(error: Exception, body: dict[str, Any], respond: Respond) -> None:
    """The edge: whatever a handler did not foresee is logged, and told to who asked."""
    if isinstance(error, StoreDown):
        # foreseen: an event that could not be taken is not acknowledged, and comes again
        log.warning("nothing was taken on: %s", error.in_full)
    else:
        log.error("a handler failed", exc_info=error)
    if body.get("response_url"):
        cause = translated(error) if isinstance(error, SLACK_ERRORS) else error
        words = "Something went wrong here. The bot's log says what; ask again."
        respond(blocks.fallback(str(cause) if isinstance(cause, BotError) else words))
