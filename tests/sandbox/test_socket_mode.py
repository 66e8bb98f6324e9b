"""Socket Mode, one connection held by hand, on a clock that moves when told."""

from __future__ import annotations

import asyncio
import functools
import operator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from slack_sdk import WebClient

from bot.sandbox import Channel, Sandbox, User

if TYPE_CHECKING:
    from bot.sandbox import ManualClock

BOT = "U_TLSAUDIT"


def run(scenario: Any) -> None:
    asyncio.run(scenario())


def test_a_connection_is_greeted_with_how_many_there_are(sandbox: Sandbox, wire: Any) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one, wire(sandbox) as two:
            assert (one.hello["num_connections"], two.hello["num_connections"]) == (1, 2)
            assert two.hello["debug_info"]["approximate_connection_time"] > 0
        sandbox.ghosts(2)
        async with wire(sandbox) as three:
            assert three.hello["num_connections"] == 3

    run(scenario)


def test_an_address_opens_one_connection_only(sandbox: Sandbox) -> None:
    async def scenario() -> None:
        url = WebClient(base_url=sandbox.api_url).apps_connections_open(app_token=sandbox.options.app_token)[
            "url"
        ]
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url) as socket:
                await socket.receive_json()
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(url)

    run(scenario)
    assert [one.rule for one in sandbox.broken] == ["used_socket_url"]


def test_an_app_holds_ten_connections_and_no_more(sandbox: Sandbox, wire: Any) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(wire(sandbox))
            eleventh = await stack.enter_async_context(wire(sandbox))
            assert eleventh.hello == {"type": "disconnect", "reason": "too_many_websockets"}

    run(scenario)


def test_each_payload_goes_to_one_connection_in_turn(sandbox: Sandbox, wire: Any) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one, wire(sandbox) as two:
            for number in range(4):
                sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit", str(number))
            texts = [[(await each.receive())["payload"]["text"] for _ in range(2)] for each in (one, two)]
            assert sorted(functools.reduce(operator.iadd, texts, [])) == ["0", "1", "2", "3"]

    run(scenario)


def test_an_acknowledgement_in_time_may_carry_the_reply(sandbox: Sandbox, wire: Any) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one:
            quiet = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit", "help")
            await one.ack(await one.receive(), {"text": "only you"})
            sandbox.acknowledged(quiet)
            loud = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit", "share")
            await one.ack(await one.receive(), {"text": "all of you", "response_type": "in_channel"})
            assert sandbox.acknowledged(loud).state == "acked"

    run(scenario)
    assert [one.text for one in sandbox.ephemerals("U_ALICE")] == ["only you"]
    assert [one.text for one in sandbox.messages("C_SECURITY")] == ["all of you"]


def test_a_late_acknowledgement_shows_the_person_an_error(
    sandbox: Sandbox, wire: Any, clock: ManualClock
) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one:
            delivery = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit")
            envelope = await one.receive()
            clock.advance(3)
            assert sandbox.acknowledged(delivery).state == "timed out"
            await one.ack(envelope)
            sandbox.wait_for(lambda: len(sandbox.broken) == 2)

    run(scenario)
    assert [one.text for one in sandbox.ephemerals("U_ALICE")] == [
        "/tls-audit failed with the error “operation_timeout”"
    ]
    assert [one.rule for one in sandbox.broken] == ["operation_timeout", "late_ack"]


def test_what_is_no_acknowledgement_is_listed(sandbox: Sandbox, wire: Any) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one:
            await one.socket.send_str("hello?")
            await one.ack({"envelope_id": "never sent"})
            delivery = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit")
            envelope = await one.receive()
            await one.ack(envelope)
            await one.ack(envelope)
            sandbox.acknowledged(delivery)
            sandbox.wait_for(lambda: len(sandbox.broken) == 3)

    run(scenario)
    assert [one.rule for one in sandbox.broken] == ["bad_frame", "unknown_envelope", "acked_twice"]


def test_without_a_connection_a_command_fails_at_once(sandbox: Sandbox) -> None:
    delivery = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit")
    assert delivery.state == "undeliverable"
    assert "dispatch_failed" in sandbox.ephemerals("U_ALICE")[0].text


def test_a_command_is_never_delivered_again(sandbox: Sandbox, wire: Any, clock: ManualClock) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one:
            sandbox.faults.lose_payloads()
            lost = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit", "lost")
            clock.advance(400)
            assert sandbox.acknowledged(lost).state == "timed out"
            sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit", "next")
            assert (await one.receive())["payload"]["text"] == "next"

    run(scenario)
    assert sandbox.broken == []


def test_an_event_comes_again_at_once_after_one_and_after_five_minutes(
    sandbox: Sandbox, wire: Any, clock: ManualClock
) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one:
            sandbox.mention("U_ALICE", "C_SECURITY", "last 7d")
            seen = [await one.receive()]
            for pause in (0, 60, 300):
                clock.advance(3)
                sandbox.wait_for(lambda: clock.pending)
                clock.advance(pause)
                seen.append(await one.receive())
            assert [envelope["retry_attempt"] for envelope in seen] == [0, 1, 2, 3]
            assert [envelope["retry_reason"] for envelope in seen[1:]] == ["timeout"] * 3
            assert len({envelope["payload"]["event_id"] for envelope in seen}) == 1
            assert len({envelope["envelope_id"] for envelope in seen}) == 4
            assert seen[0]["payload"]["event"]["text"] == "<@U_TLSAUDIT> last 7d"

    run(scenario)


def test_an_acknowledged_event_may_still_come_twice(sandbox: Sandbox, wire: Any) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one:
            sandbox.faults.repeat_events()
            sandbox.mention("U_ALICE", "C_SECURITY", "x")
            first = await one.receive()
            await one.ack(first)
            again = await one.receive()
            await one.ack(again)
            assert again["payload"]["event_id"] == first["payload"]["event_id"]
            assert again["retry_attempt"] == 1

    run(scenario)


def test_a_refresh_asks_for_a_new_connection_and_then_closes_the_old(sandbox: Sandbox, wire: Any) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as old:
            sandbox.refresh_sockets()
            asked = await old.receive()
            assert (asked["type"], asked["reason"]) == ("disconnect", "refresh_requested")
            async with wire(sandbox) as new:
                assert (await old.socket.receive()).type == aiohttp.WSMsgType.CLOSE
                sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit", "x")
                assert (await new.receive())["type"] == "slash_commands"

    run(scenario)


def test_a_cut_connection_ends_without_a_word(sandbox: Sandbox, wire: Any) -> None:
    async def scenario() -> None:
        async with wire(sandbox) as one:
            sandbox.cut_sockets()
            assert (await one.socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        sandbox.wait_for(lambda: sandbox.sockets == 0)

    run(scenario)


def test_events_that_were_not_subscribed_to_are_not_sent(sandbox: Sandbox, wire: Any) -> None:
    sandbox.options.events = frozenset({"app_home_opened"})

    async def scenario() -> None:
        async with wire(sandbox) as one:
            sandbox.mention("U_ALICE", "C_SECURITY", "x")
            sandbox.open_home("U_ALICE")
            assert (await one.receive())["payload"]["event"]["type"] == "app_home_opened"

    run(scenario)


def test_an_event_says_where_strangers_are_and_whose_they_are(clock: ManualClock, wire: Any) -> None:
    people = [User("U_MET", "mel", "Mel", team="T_OTHER"), User(BOT, "tls-audit", "TLS Audit", bot=True)]
    members = frozenset(one.id for one in people)
    channels = [
        Channel("C_SHARED", "shared", members=members, shared=True),
        Channel("C_OWN", "own", members=members),
    ]

    async def scenario(sandbox: Sandbox) -> None:
        async with wire(sandbox) as one:
            for channel, shared in (("C_SHARED", True), ("C_OWN", False)):
                sandbox.mention("U_MET", channel, "x")
                envelope = await one.receive()
                await one.ack(envelope)
                told = envelope["payload"]
                assert (told["event"]["team"], told["is_ext_shared_channel"]) == ("T_OTHER", shared)

    with Sandbox(users=people, channels=channels, clock=clock) as sandbox:
        asyncio.run(scenario(sandbox))
