"""Socket Mode: a payload goes to one of the app's connections, to be acknowledged within three seconds."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from bot.sandbox import limits
from bot.sandbox.state import APP, Workspace, new_key

if TYPE_CHECKING:
    from bot.sandbox.clock import Clock
    from bot.sandbox.faults import Faults
    from bot.sandbox.ledger import Ledger
    from bot.sandbox.shapes import Json

TO_APP, FROM_APP = "slack → app", "app → slack"
DISCONNECT_GRACE_SECONDS = 10.0  # docs: using-socket-mode, the warning comes about ten seconds ahead
PAYLOADS_REMEMBERED = 10_000  # payloads that are over, to tell a late acknowledgement from a wrong one
WAITING, ACKED, TIMED_OUT, UNDELIVERABLE, REFUSED = (
    "waiting",
    "acked",
    "timed out",
    "undeliverable",
    "refused",
)


@dataclass
class Delivery:
    """One payload on its way to the app. `state` ends as acked, timed out, undeliverable or refused.

    `answer` is what the acknowledgement carried, `seconds` how long it took by the wall clock, `words` what
    the person who caused it was shown instead of a reply.
    """

    kind: str
    payload: Json
    envelope_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = WAITING
    answer: Json = field(default_factory=dict)
    seconds: float = 0.0
    words: str = ""
    attempt: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state != WAITING


Then = Callable[[Delivery], None]


@dataclass(eq=False)
class _Waiting:
    delivery: Delivery
    then: Then
    began: float
    cancel: Callable[[], None]
    lost: bool


@dataclass(eq=False)
class _Connection:
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    retired: bool = False
    closing: bool = False


class Sockets:
    """The app's connections."""

    def __init__(self, workspace: Workspace, clock: Clock, ledger: Ledger, faults: Faults) -> None:
        self._workspace, self._clock, self._ledger, self._faults = workspace, clock, ledger, faults
        self._tickets: set[str] = set()
        self._connections: list[_Connection] = []
        self._waiting: dict[str, _Waiting] = {}
        self._over: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = 0
        self.ghosts = 0

    @property
    def count(self) -> int:
        """How many connections can be given payloads."""
        return sum(not one.retired for one in self._connections)

    def ticket(self) -> str:
        """The key of a single-use address."""
        key = new_key()
        self._tickets.add(key)
        return key

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, until it closes."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            self._ledger.breach(
                "used_socket_url",
                "Socket Mode",
                "An address from apps.connections.open opens one connection only.",
            )
            return web.Response(status=401)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        if len(self._connections) >= limits.SOCKETS:
            self._ledger.breach(
                "too_many_websockets", "Socket Mode", f"An app holds at most {limits.SOCKETS} connections."
            )
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        connection = _Connection(socket, request.transport)
        self._connections.append(connection)
        try:
            await socket.send_json(self._hello())
            self._replaced()
            self._workspace.tell("sockets", self.count)
            async for frame in socket:
                if frame.type == WSMsgType.TEXT:
                    self._received(frame.data)
        finally:
            self._connections.remove(connection)
            self._workspace.tell("sockets", self.count)
        return socket

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._connections) + self.ghosts,
            "debug_info": {
                "host": "sandbox",
                "build_number": 1,
                "approximate_connection_time": limits.SOCKET_LIFE_SECONDS,
            },
            "connection_info": {"app_id": APP},
        }

    def send(self, kind: str, payload: Json, then: Then, *, attempt: int = 0, reason: str = "") -> Delivery:
        """Give a payload to one connection; `then` is called once it is acknowledged, or never will be."""
        delivery = Delivery(kind, payload, attempt=attempt)
        connection, lost = self._next(kind)
        if connection is None and not lost:
            self._end(delivery, UNDELIVERABLE, then)
            return delivery
        cancel = self._clock.call_later(limits.ACK_SECONDS, lambda: self._timed_out(delivery.envelope_id))
        self._waiting[delivery.envelope_id] = _Waiting(delivery, then, time.perf_counter(), cancel, lost)
        envelope: Json = {"envelope_id": delivery.envelope_id, "type": kind, "payload": payload}
        if kind == "events_api":
            envelope |= {"accepts_response_payload": False, "retry_attempt": attempt, "retry_reason": reason}
        else:
            envelope["accepts_response_payload"] = True
        self._ledger.record(TO_APP, kind, envelope, injected=lost)
        if connection is not None:
            self.spawn(self._write(connection, json.dumps(envelope)))
        return delivery

    def _next(self, kind: str) -> tuple[_Connection | None, bool]:
        """Whose turn it is, or that the payload goes to a connection which only seems alive."""
        if kind != "events_api" and self._faults.lost > 0:
            self._faults.lost -= 1
            return None, True
        live = [one for one in self._connections if not one.retired]
        self._turn += 1
        place = self._turn % (len(live) + self.ghosts) if live or self.ghosts else 0
        return (live[place], False) if place < len(live) else (None, self.ghosts > 0)

    @staticmethod
    async def _write(connection: _Connection, text: str) -> None:
        if not connection.socket.closed:
            await connection.socket.send_str(text)

    def _received(self, text: str) -> None:
        try:
            frame = json.loads(text)
            envelope_id = frame["envelope_id"]
        except (ValueError, KeyError, TypeError):
            self._ledger.breach("bad_frame", "Socket Mode", f"Not an acknowledgement: {text[:200]}")
            return
        self._ledger.record(FROM_APP, "ack", frame)
        waiting = self._waiting.pop(envelope_id, None)
        if waiting is None:
            words = {
                TIMED_OUT: f"It came after {limits.ACK_SECONDS:g} seconds; the person saw an error.",
                ACKED: "A payload was acknowledged twice.",
            }
            state = self._over.get(envelope_id, "")
            rule = {TIMED_OUT: "late_ack", ACKED: "acked_twice"}.get(state, "unknown_envelope")
            self._ledger.breach(rule, "Socket Mode", words.get(state, "No such payload was sent."))
            return
        waiting.cancel()
        waiting.delivery.seconds = time.perf_counter() - waiting.began
        waiting.delivery.answer = frame.get("payload") or {}
        self._end(waiting.delivery, ACKED, waiting.then)

    def _timed_out(self, envelope_id: str) -> None:
        waiting = self._waiting.pop(envelope_id, None)
        if waiting is not None:
            waiting.delivery.seconds = time.perf_counter() - waiting.began
            if waiting.delivery.kind != "events_api" and not waiting.lost:
                words = f"{waiting.delivery.kind} was not acknowledged within {limits.ACK_SECONDS:g} seconds."
                self._ledger.breach("operation_timeout", "Socket Mode", words)
            self._end(waiting.delivery, TIMED_OUT, waiting.then)

    def _end(self, delivery: Delivery, state: str, then: Then) -> None:
        self._over[delivery.envelope_id] = state
        while len(self._over) > PAYLOADS_REMEMBERED:
            self._over.pop(next(iter(self._over)))
        with self._workspace.changed:
            delivery.state = state
            then(delivery)
            self._workspace.changed.notify_all()

    def deliver_event(self, payload: Json, attempt: int = 0, reason: str = "") -> Delivery:
        """An event, delivered again at once, after one and after five minutes until it is acknowledged."""

        def again() -> None:
            self.deliver_event(payload, attempt + 1, "timeout")

        def then(delivery: Delivery) -> None:
            if delivery.state == ACKED and self._faults.repeats > 0:
                self._faults.repeats -= 1
                self._clock.call_later(0, again)
            elif delivery.state != ACKED and attempt < len(limits.REDELIVERY_SECONDS):
                self._clock.call_later(limits.REDELIVERY_SECONDS[attempt], again)

        return self.send("events_api", payload, then, attempt=attempt, reason=reason)

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to be opened anew; those that stay are closed ten seconds later."""
        text = json.dumps({"type": "disconnect", "reason": reason, "debug_info": {}})
        for connection in self._connections:
            connection.retired = reason != "warning"
            self.spawn(self._write(connection, text))
            self._clock.call_later(DISCONNECT_GRACE_SECONDS, partial(self._close_soon, connection))

    def _replaced(self) -> None:
        """A new connection has come: one that was asked to go is closed, as Slack does before long."""
        for connection in self._connections:
            if connection.retired and not connection.closing:
                self._close_soon(connection)
                return

    def _close_soon(self, connection: _Connection) -> None:
        connection.closing = True
        self.spawn(self._close(connection))

    @staticmethod
    async def _close(connection: _Connection) -> None:
        await connection.socket.close()

    def cut(self) -> None:
        """Break every connection without a word."""
        for connection in self._connections:
            connection.retired = True
            if connection.transport is not None:
                connection.transport.abort()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something on the side, until `stop` at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Close all connections and give up what waits."""
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()
        for connection in list(self._connections):
            await connection.socket.close(drain=False)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
