"""A small Slack of our own, over real HTTP and WebSocket, with a page: for trying the bot and for its tests.

It keeps state and refuses what Slack refuses; each limit stands in `limits` with its source. It imports
nothing else of the project, so that the very app that goes to production is what runs against it.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from aiohttp import web

from bot.sandbox import state
from bot.sandbox.api import Api
from bot.sandbox.chat import file_json
from bot.sandbox.clicks import Clicks
from bot.sandbox.clock import Clock, ManualClock
from bot.sandbox.faults import Faults, Hold
from bot.sandbox.ledger import Broken, Exchange, Ledger
from bot.sandbox.page import Page
from bot.sandbox.people import People
from bot.sandbox.rates import Rates
from bot.sandbox.rules import check_blocks, check_metadata, check_view
from bot.sandbox.shapes import Json, Problem
from bot.sandbox.slack import DEFAULT_EVENTS, DEFAULT_SCOPES, Options, Slack
from bot.sandbox.sockets import Delivery, Sockets
from bot.sandbox.state import Channel, Command, File, Group, Message, User, View, Workspace
from bot.sandbox.transcript import transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

__all__ = [
    "DEFAULT_EVENTS",
    "DEFAULT_SCOPES",
    "Broken",
    "Channel",
    "Clock",
    "Command",
    "Delivery",
    "Exchange",
    "File",
    "Group",
    "Hold",
    "Json",
    "ManualClock",
    "Message",
    "Options",
    "Problem",
    "Sandbox",
    "Submission",
    "User",
    "View",
    "check_blocks",
    "check_metadata",
    "check_view",
]

T = TypeVar("T")
WAIT_SECONDS = 10.0
UPLOAD_MOST = 1_073_741_824  # docs: files, 1 GB
STOP_SECONDS = 1.0


class Submission:
    """A form that was sent: its delivery, and what was found wrong with it, by block_id."""

    def __init__(self, delivery: Delivery, errors: dict[str, str]) -> None:
        self.delivery, self.errors = delivery, errors


class Sandbox:
    """A Slack that runs in a thread of its own, from `start` to `stop`; also a context manager.

    The methods named for what people do return once it was sent; `wait_for` waits for what comes of it.
    Everything they return is a snapshot. `options` and `faults` may be changed at any time.
    """

    def __init__(
        self,
        *,
        commands: Iterable[Command] = (),
        options: Options | None = None,
        users: Iterable[User] | None = None,
        channels: Iterable[Channel] | None = None,
        groups: Iterable[Group] | None = None,
        clock: Clock | None = None,
        rate_limits: bool = True,
        short_bursts: bool = False,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        self.clock = clock or Clock()
        self.workspace = Workspace(
            self.clock,
            state.users() if users is None else users,
            state.channels() if channels is None else channels,
            state.groups() if groups is None else groups,
        )
        given = options or Options()
        self.options = replace(given, commands=(*given.commands, *commands))
        self.faults, self._ledger = Faults(), Ledger(self.clock.now, self.workspace.changed)
        self._sockets = Sockets(self.workspace, self.clock, self._ledger, self.faults)
        rates = Rates(self.clock.now, enforced=rate_limits, short_bursts=short_bursts)
        self._slack = Slack(
            self.workspace, self.clock, self.options, self.faults, self._ledger, rates, self._sockets
        )
        self._people, self._clicks = People(self._slack), Clicks(self._slack)
        self._page = Page(self._slack, self._people, self._clicks, frozenset(allowed_hosts))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None

    # Life

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve, and return the page's address. Port 0 takes a free one. Raises OSError when it is taken."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
        thread.start()
        self._loop, self._thread = loop, thread
        try:
            self._slack.base = self._await(self._serve(host, port))
        except OSError:
            self.stop()
            raise
        return self.page_url

    async def _serve(self, host: str, port: int) -> str:
        serving, edge = web.Application(client_max_size=UPLOAD_MOST), Api(self._slack, self._people)
        serving.router.add_route("*", "/api/{method}", edge.call)
        serving.router.add_post("/upload/v1/{key}", edge.upload)
        serving.router.add_post("/respond/{key}", edge.respond)
        serving.router.add_get("/link", self._sockets.serve)
        self._page.add_to(serving)
        self._runner = web.AppRunner(serving, access_log=None, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0][1]
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound
        return f"http://{shown}:{bound}"

    def stop(self) -> None:
        """Close every connection and end the thread. A second time does nothing."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._await(self._end())
        self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def _end(self) -> None:
        await self._page.stop()
        await self._sockets.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the sandbox is not running: call start() first")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _do(self, act: Callable[[], T]) -> T:
        async def work() -> T:
            with self.workspace.changed:
                return act()

        return self._await(work())

    @property
    def page_url(self) -> str:
        """The page's address."""
        return f"{self._slack.base}/"

    @property
    def api_url(self) -> str:
        """The Web API's base, for `base_url` or SLACK_API_URL."""
        return f"{self._slack.base}/api/"

    # What people do

    def say(self, user: str, channel: str, text: str, thread: str | None = None) -> Message:
        """Type a message."""
        return self._do(lambda: self._people.say(user, channel, text, thread))

    def mention(self, user: str, channel: str, text: str, thread: str | None = None) -> Message:
        """Type a message to the app: `@tls-audit …`."""
        name = self.workspace.users[state.BOT].name
        return self.say(user, channel, f"@{name} {text}", thread)

    def command(
        self, user: str, channel: str, name: str, text: str = "", thread: str | None = None
    ) -> Delivery:
        """Run a slash command; the delivery's `over` and `state` tell of its acknowledgement."""
        return self._do(lambda: self._people.command(user, channel, name, text, thread))

    def click(
        self,
        user: str,
        where: Message | View,
        action_id: str,
        value: Any = None,
        *,
        block_id: str | None = None,
    ) -> Delivery:
        """Press a button, or choose: `value` is an option's value or text, a date, a person's id …"""
        if isinstance(where, View):
            return self._do(
                lambda: self._clicks.click_in_view(user, where.id, action_id, value, block_id=block_id)
            )
        return self._do(lambda: self._clicks.click(user, where, action_id, value, block_id=block_id))

    def submit(
        self, user: str, values: Mapping[str, Any] | None = None, view: View | None = None
    ) -> Submission:
        """Fill in inputs by action_id (or block_id) and send the modal; returns once it was answered."""
        shown = view or self.view_of(user)
        if shown is None:
            raise ValueError(f"{user} has no modal open")
        found: list[Submission] = []

        def send() -> None:
            for name, value in (values or {}).items():
                action_id, block_id = _names(shown, name)
                self._clicks.fill(user, shown.id, action_id, value, block_id=block_id)
            self._clicks.submit(user, shown.id, lambda sent, errors: found.append(Submission(sent, errors)))

        self._do(send)
        return self.wait_for(lambda: found[0] if found else None, what="the form's acknowledgement")

    def deliver(self, kind: str, payload: Json) -> Delivery:
        """Send the app an envelope as it is, such as no honest person causes: `slash_commands`, `interactive`
        or `events_api`."""
        return self._do(lambda: self._slack.sockets.send(kind, payload, lambda _: None))

    def event(self, event: Json) -> None:
        """Tell the app of an event, as it is."""
        self._do(lambda: self._slack.emit(event))

    def close_view(self, user: str, view: View | None = None) -> None:
        """Close a modal with its ✕."""
        shown = view or self.view_of(user)
        if shown is not None:
            self._do(lambda: self._clicks.close(user, shown.id))

    def open_home(self, user: str) -> None:
        """Look at the app's Home tab."""
        self._do(lambda: self._clicks.open_home(user))

    def invite(self, channel: str, user: str = state.BOT, by: str = state.ALICE.id) -> None:
        """Add someone, by default the bot, to a channel."""
        self._do(lambda: self._people.invite(by, channel, user))

    # What can be seen

    def messages(self, channel: str) -> list[Message]:
        """What stands in a channel, oldest first, without threads' replies."""
        return [one for one in self.workspace.in_channel(channel) if one.is_parent]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """A thread's replies, oldest first, without the parent."""
        return [one for one in self.workspace.in_thread(channel, ts) if one.ts != ts]

    def message(self, channel: str, ts: str) -> Message | None:
        """One message as it is now."""
        with self.workspace.changed:
            return self.workspace.find(channel, ts)

    def ephemerals(self, user: str) -> list[Message]:
        """What only this person sees, oldest first."""
        with self.workspace.changed:
            mine = [one for one in self.workspace.ephemerals.values() if one.only_for == user]
        return sorted(mine, key=lambda one: float(one.ts))

    @property
    def files(self) -> list[File]:
        """The completed files, oldest first; `content` are the bytes, `shares` where they appeared."""
        with self.workspace.changed:
            return [file for file in self.workspace.files.values() if file.completed]

    def file_json(self, file: File) -> Json:
        """A file as files.info tells it."""
        with self.workspace.changed:
            return file_json(self._slack, file.id)

    def view_of(self, user: str) -> View | None:
        """The topmost modal that someone has open."""
        with self.workspace.changed:
            stack = self.workspace.views.get(user, [])
            return stack[-1] if stack else None

    def home(self, user: str) -> View | None:
        """Someone's Home tab, once published."""
        with self.workspace.changed:
            return self.workspace.homes.get(user)

    @property
    def broken(self) -> list[Broken]:
        """Every rule of Slack's that the app broke. Empty is what every scenario hopes for."""
        with self.workspace.changed:
            return list(self._ledger.broken)

    def forgive(self) -> None:
        """Forget the rules broken so far, for a scenario that breaks some on purpose."""
        self._do(self._ledger.broken.clear)

    @property
    def traffic(self) -> list[Exchange]:
        """What went over the wire, both ways, oldest first; the newest two thousand."""
        with self.workspace.changed:
            return list(self._ledger.traffic)

    def transcript(self, channel: str, reader: str | None = None) -> str:
        """A channel and its threads as text; with a reader also what only that person sees."""
        return transcript(self.workspace, channel, reader)

    def calls(self, method: str) -> list[Exchange]:
        """The calls of one method, oldest first."""
        return [one for one in self.traffic if one.what == method]

    def wait_for(
        self,
        predicate: Callable[[], T | None],
        seconds: float = WAIT_SECONDS,
        what: str = "what was waited for",
    ) -> T:
        """What the predicate returns, as soon as that is true. It is asked again whenever something changed.

        Raises TimeoutError, which tells the newest traffic and the rules broken.
        """
        found: list[T] = []

        def look() -> bool:
            value = predicate()
            if value:
                found.append(value)
            return bool(value)

        with self.workspace.changed:
            if not self.workspace.changed.wait_for(look, seconds):
                raise TimeoutError(f"{what} did not come within {seconds:g} s.\n{self._story()}")
        return found[0]

    def acknowledged(self, delivery: Delivery, seconds: float = WAIT_SECONDS) -> Delivery:
        """The delivery, once nothing more will happen to it."""
        self.wait_for(lambda: delivery.over, seconds, "the acknowledgement")
        return delivery

    def _story(self) -> str:
        lines = [
            f"  {one.way} {one.what} {one.status} {str(one.answer or one.sent)[:160]}"
            for one in self.traffic[-8:]
        ]
        broken = [f"  {one.rule} at {one.where} {one.pointer}: {one.words}" for one in self.broken[-8:]]
        return "\n".join(["Newest traffic:", *lines, "Rules broken:", *broken])

    # The connections

    @property
    def sockets(self) -> int:
        """How many Socket Mode connections the app holds."""
        return self._sockets.count

    def refresh_sockets(self, reason: str = "refresh_requested") -> None:
        """Tell the app to open its connections anew."""
        self._do(lambda: self._sockets.disconnect(reason))

    def cut_sockets(self) -> None:
        """Break all connections without a word."""
        self._do(self._sockets.cut)

    def ghosts(self, count: int) -> None:
        """Have so many dead connections registered, which are given their share of payloads."""
        self._sockets.ghosts = count


def _names(view: View, name: str) -> tuple[str, str | None]:
    """The (action_id, block_id) that a test means by one name."""
    for block in view.body["blocks"]:
        if block["block_id"] == name and block["type"] == "input":
            return block["element"]["action_id"], name
    return name, None
