"""A running sandbox, the SDK's client for it, and a Socket Mode connection held by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from slack_sdk import WebClient

from bot.sandbox import Command, ManualClock, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

TLS_AUDIT = Command("/tls-audit", "Who still calls AWS with old TLS", "last 7d service=s3")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sandbox(clock: ManualClock) -> Iterator[Sandbox]:
    with Sandbox(commands=[TLS_AUDIT], clock=clock) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> WebClient:
    return WebClient(sandbox.options.bot_token, base_url=sandbox.api_url, retry_handlers=[])


class Wire:
    """One Socket Mode connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, hello: dict[str, Any]) -> None:
        self.socket, self.hello = socket, hello

    async def receive(self) -> dict[str, Any]:
        found = await self.socket.receive_json(timeout=10)
        assert isinstance(found, dict)
        return found

    async def ack(self, envelope: dict[str, Any], payload: dict[str, Any] | None = None) -> None:
        answer: dict[str, Any] = {"envelope_id": envelope["envelope_id"]}
        await self.socket.send_json({**answer, "payload": payload} if payload else answer)


@asynccontextmanager
async def wired(sandbox: Sandbox) -> AsyncIterator[Wire]:
    app = WebClient(base_url=sandbox.api_url, retry_handlers=[])
    url = app.apps_connections_open(app_token=sandbox.options.app_token)["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        yield Wire(socket, await socket.receive_json())


@pytest.fixture
def wire() -> Any:
    """Opens a connection: `async with wire(sandbox) as connection`."""
    return wired
