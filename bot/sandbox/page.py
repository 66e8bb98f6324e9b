"""The page in the browser: its files, what it sees live, and what people do on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, web

from bot.sandbox.chat import message_json
from bot.sandbox.ledger import Broken, Exchange
from bot.sandbox.sockets import ACKED, Delivery
from bot.sandbox.state import BOT, SLACKBOT, Change, Channel, Message, View

if TYPE_CHECKING:
    from bot.sandbox.clicks import Clicks
    from bot.sandbox.people import People
    from bot.sandbox.shapes import Json
    from bot.sandbox.slack import Slack

PAGE_FOLDER = Path(__file__).parent / "page"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TRAFFIC_SHOWN = 200
PREVIEW_BYTES = 200_000
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
DOWNLOAD_HEADERS = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """Serves the page to browsers on this machine, and to no other site's scripts."""

    def __init__(self, slack: Slack, people: People, clicks: Clicks, allowed_hosts: frozenset[str]) -> None:
        self._slack, self._people, self._clicks = slack, people, clicks
        self._hosts = LOOPBACK | allowed_hosts
        self._watchers: dict[asyncio.Queue[Json], str] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        slack.workspace.listeners.append(self._changed)
        slack.ledger.listeners.append(self._logged)

    def add_to(self, serving: web.Application) -> None:
        """Add the page's addresses, and the guard before all of the server's."""
        serving.middlewares.append(self._guard)
        serving.router.add_get("/", self._index)
        serving.router.add_get("/page/{name}", self._file)
        serving.router.add_get("/live", self._live)
        serving.router.add_post("/do/{act}", self._do)
        serving.router.add_get("/files/{file}/{key}/{name}", self._download)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Other names for this machine are another site's trick (DNS rebinding); so are foreign origins."""
        if (urlsplit(f"//{request.host}").hostname or "") not in self._hosts:
            return web.Response(status=403, text="This sandbox answers to localhost only.")
        origin, path = request.headers.get("Origin"), request.path
        from_page = path == "/live" or path.startswith("/do/")
        foreign = origin is not None and urlsplit(origin).netloc != request.host
        # a browser says so by itself when another site asks; the SDKs send neither header
        across = path != "/" and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        if foreign or across or (from_page and origin is None):
            return web.Response(status=403, text="Only the sandbox's own page may do that.")
        return await handler(request)

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return self._serve("index.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return self._serve(request.match_info["name"])

    @staticmethod
    def _serve(name: str) -> web.StreamResponse:
        known = {one.name: one for one in PAGE_FOLDER.iterdir() if one.suffix in TYPES}
        if name not in known:
            return web.Response(status=404, text="There is no such file.")
        path = known[name]
        return web.Response(
            body=path.read_bytes(), content_type=TYPES[path.suffix], charset="utf-8", headers=HEADERS
        )

    async def _download(self, request: web.Request) -> web.StreamResponse:
        file = self._slack.workspace.files.get(request.match_info["file"])
        if file is None or file.key != request.match_info["key"] or not file.completed:
            return web.Response(status=404, text="There is no such file.")
        preview = "preview" in request.query
        body = (file.content or b"")[: PREVIEW_BYTES if preview else None]
        name = file.name.encode("ascii", "replace").decode().translate(str.maketrans('"\\\r\n', "____"))
        headers = {
            **DOWNLOAD_HEADERS,
            "Content-Disposition": f'{"inline" if preview else "attachment"}; filename="{name}"',
        }
        kind = (
            "text/csv"
            if file.name.endswith(".csv")
            else "text/plain"
            if preview
            else "application/octet-stream"
        )
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    # What it sees

    async def _live(self, request: web.Request) -> web.StreamResponse:
        viewer = request.query.get("as", "")
        if viewer not in self._slack.workspace.users:
            return web.Response(status=404, text="There is no such person.")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        queue: asyncio.Queue[Json] = asyncio.Queue()
        with self._slack.workspace.changed:
            queue.put_nowait(self._everything(viewer))
            self._watchers[queue] = viewer
        self._sockets.add(socket)
        writer = asyncio.create_task(self._write(socket, queue))
        try:
            async for _ in socket:
                pass
        finally:
            del self._watchers[queue]
            if viewer not in self._watchers.values() and self._slack.workspace.views.get(viewer):
                self._slack.workspace.set_views(viewer, [])  # a modal goes with its window, as in Slack
            self._sockets.discard(socket)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    @staticmethod
    async def _write(socket: web.WebSocketResponse, queue: asyncio.Queue[Json]) -> None:
        while True:
            await socket.send_str(json.dumps(await queue.get()))

    def _everything(self, viewer: str) -> Json:
        slack, workspace = self._slack, self._slack.workspace
        mine = [channel for channel in workspace.channels.values() if self._sees(viewer, channel)]
        whispers = [one for one in workspace.ephemerals.values() if one.only_for == viewer]
        spoken = [one for channel in mine for one in workspace.in_channel(channel.id)]
        return {
            "kind": "everything",
            "me": viewer,
            "app": BOT,
            "slackbot": SLACKBOT,
            "people": [one.id for one in workspace.users.values() if not one.bot],
            "users": {one.id: one.json(slack.clock.now()) for one in workspace.users.values()},
            "groups": {
                one.id: {"handle": one.handle, "name": one.name, "users": sorted(one.users)}
                for one in workspace.groups.values()
            },
            "channels": [self._channel(one) for one in mine],
            "messages": [self._message(one) for one in [*spoken, *whispers]],
            "views": [self._view(one) for one in workspace.views.get(viewer, [])],
            "home": self._view(workspace.homes[viewer]) if viewer in workspace.homes else None,
            "commands": [
                {"name": one.name, "about": one.description, "hint": one.usage_hint, "mine": True}
                for one in slack.options.commands
            ]
            + [
                {
                    "name": "/invite",
                    "about": "Add someone, or the app, to this channel",
                    "hint": "@name",
                    "mine": False,
                }
            ],
            "sockets": slack.sockets.count,
            "traffic": [_exchange(one) for one in list(slack.ledger.traffic)[-TRAFFIC_SHOWN:]],
            "broken": [_broken(one) for one in slack.ledger.broken],
        }

    @staticmethod
    def _sees(viewer: str, channel: Channel) -> bool:
        return viewer in channel.members or channel.kind == "public"

    @staticmethod
    def _channel(channel: Channel) -> Json:
        return {
            "id": channel.id,
            "name": channel.name,
            "kind": channel.kind,
            "members": sorted(channel.members),
            "archived": channel.archived,
            "topic": channel.topic,
        }

    def _message(self, message: Message) -> Json:
        return {
            **message_json(self._slack, message),
            "channel": message.channel,
            "only_for": message.only_for,
            "broadcast": message.broadcast,
            "notified": sorted(message.notified),
        }

    @staticmethod
    def _view(view: View) -> Json:
        return view.json()

    def _changed(self, change: Change) -> None:
        if not self._watchers:
            return
        for queue, viewer in self._watchers.items():
            if change.only_for in (None, viewer):
                told = self._told(change, viewer)
                if told is not None:
                    queue.put_nowait({"kind": change.kind, **told})

    def _told(self, change: Change, viewer: str) -> Json | None:
        data = change.data
        if isinstance(data, Message):
            if not self._sees(viewer, self._slack.workspace.channels[data.channel]):
                return None
            told = {"message": self._message(data)}
            parent = self._slack.workspace.find(data.channel, data.thread_ts or "")
            return (
                {**told, "parent": self._message(parent)}
                if parent is not None and parent.ts != data.ts
                else told
            )
        if isinstance(data, Channel):
            return {"channel": self._channel(data)} if self._sees(viewer, data) else None
        if change.kind == "views":
            return {"views": [self._view(one) for one in data]}
        if isinstance(data, View):
            return {"home": self._view(data)}
        if change.kind == "sockets":
            return {"sockets": data}
        return None

    def _logged(self, one: Exchange | Broken) -> None:
        if self._watchers:
            kind = "traffic" if isinstance(one, Exchange) else "broken"
            told = _exchange(one) if isinstance(one, Exchange) else _broken(one)
            for queue in self._watchers:
                queue.put_nowait({"kind": kind, kind: told})

    # What people do on it

    async def _do(self, request: web.Request) -> web.StreamResponse:
        acts: dict[str, Callable[[Json], Awaitable[Json]]] = {
            "say": self._say,
            "command": self._command,
            "click": self._click,
            "fill": self._fill,
            "submit": self._submit,
            "close": self._close,
            "home": self._home,
            "join": self._join,
        }
        act = acts.get(request.match_info["act"])
        if act is None or request.content_type != "application/json":
            return web.json_response(
                {"ok": False, "words": "The page asked for something unknown."}, status=404
            )
        try:
            return web.json_response({"ok": True, **await act(await request.json())})
        except (ValueError, KeyError) as error:
            return web.json_response({"ok": False, "words": str(error)}, status=400)

    async def _say(self, body: Json) -> Json:
        with self._slack.workspace.changed:
            message = self._people.say(body["as"], body["channel"], body["text"], body.get("thread"))
        return {"ts": message.ts}

    async def _command(self, body: Json) -> Json:
        over = _Over()
        with self._slack.workspace.changed:
            self._people.command(
                body["as"], body["channel"], body["name"], body["text"], body.get("thread"), then=over.then
            )
        return await over.outcome()

    async def _click(self, body: Json) -> Json:
        over = _Over()
        given, block_id = body.get("value"), body.get("block_id")
        with self._slack.workspace.changed:
            if body.get("view"):
                self._clicks.click_in_view(
                    body["as"], body["view"], body["action_id"], given, block_id=block_id, then=over.then
                )
            else:
                message = self._slack.workspace.find(body["channel"], body["ts"], body["as"])
                if message is None:
                    raise ValueError("That message is gone.")
                self._clicks.click(
                    body["as"],
                    message,
                    body["action_id"],
                    given,
                    block_id=block_id,
                    state=body.get("state"),
                    then=over.then,
                )
        return await over.outcome()

    async def _fill(self, body: Json) -> Json:
        with self._slack.workspace.changed:
            self._clicks.fill(
                body["as"], body["view"], body["action_id"], body.get("value"), block_id=body.get("block_id")
            )
        return {}

    async def _submit(self, body: Json) -> Json:
        over, errors = _Over(), dict[str, str]()

        def then(delivery: Delivery, wrong: dict[str, str]) -> None:
            errors.update(wrong)
            over.then(delivery)

        with self._slack.workspace.changed:
            self._clicks.submit(body["as"], body["view"], then)
        outcome = await over.outcome()
        return {**outcome, "errors": errors}

    async def _close(self, body: Json) -> Json:
        with self._slack.workspace.changed:
            self._clicks.close(body["as"], body["view"])
        return {}

    async def _home(self, body: Json) -> Json:
        with self._slack.workspace.changed:
            self._clicks.open_home(body["as"])
        return {}

    async def _join(self, body: Json) -> Json:
        channel = self._slack.workspace.channels[body["channel"]]
        if channel.kind != "public":
            raise ValueError("Only public channels can be joined.")
        with self._slack.workspace.changed:
            self._slack.workspace.join(channel.id, body["as"])
        return {}

    async def stop(self) -> None:
        """Close the pages' connections."""
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, drain=False)


class _Over:
    """What became of a delivery, for the page that waits for it."""

    def __init__(self) -> None:
        self._future: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()

    def then(self, delivery: Delivery) -> None:
        if not self._future.done():
            self._future.set_result(delivery)

    async def outcome(self) -> Json:
        delivery = await self._future
        return {"acked": delivery.state == ACKED, "state": delivery.state, "words": delivery.words}


def _exchange(one: Exchange) -> Json:
    return {
        "number": one.number,
        "at": one.at,
        "way": one.way,
        "what": one.what,
        "sent": one.sent,
        "answer": one.answer,
        "status": one.status,
        "ok": one.ok,
        "injected": one.injected,
    }


def _broken(one: Broken) -> Json:
    return {"rule": one.rule, "where": one.where, "words": one.words, "pointer": one.pointer, "at": one.at}
