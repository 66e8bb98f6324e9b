"""The page's server: who may use it, what it tells, what can be done through it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import bot.sandbox

if TYPE_CHECKING:
    from slack_sdk import WebClient

    from bot.sandbox import Sandbox

PAGE = Path(bot.sandbox.__file__).parent / "page"


async def fetch(sandbox: Sandbox, path: str, **headers: str) -> tuple[int, str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(sandbox.page_url + path, headers=headers) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


async def act(sandbox: Sandbox, name: str, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
    sent = {"Origin": sandbox.page_url.rstrip("/"), **headers}
    url = f"{sandbox.page_url}do/{name}"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=sent) as answer:
        return answer.status, await answer.text()


async def watch(
    sandbox: Sandbox, user: str, session: aiohttp.ClientSession
) -> aiohttp.ClientWebSocketResponse:
    url = f"{sandbox.page_url}live?as={user}"
    return await session.ws_connect(url, origin=sandbox.page_url.rstrip("/"))


def test_the_page_is_served_with_a_strict_policy(sandbox: Sandbox) -> None:
    status, text, headers = asyncio.run(fetch(sandbox, ""))
    assert status == 200
    assert "/page/app.js" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    for name in re.findall(r"/(page/[\w.]+)", text):
        assert asyncio.run(fetch(sandbox, name))[0] == 200


def test_the_page_writes_text_and_never_markup() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser"
    )
    for path in PAGE.glob("*.js"):
        assert not forbidden.search(path.read_text()), path.name
    html = (PAGE / "index.html").read_text()
    assert not re.search(r"<style|<script(?![^>]*src=)|\son\w+=|https?://", html)


def test_every_module_that_is_imported_is_there() -> None:
    names = {path.name for path in PAGE.iterdir()}
    for path in PAGE.glob("*.js"):
        assert set(re.findall(r'from "\./([\w.]+)"', path.read_text())) <= names


def test_files_outside_the_page_are_not_served(sandbox: Sandbox) -> None:
    for path in ("page/..%2fstate.py", "page/state.py", "page/.", "files/x/y/z"):
        assert asyncio.run(fetch(sandbox, path))[0] == 404


def test_another_name_for_this_machine_is_refused(sandbox: Sandbox) -> None:
    assert asyncio.run(fetch(sandbox, "", Host="evil.example"))[0] == 403
    assert asyncio.run(fetch(sandbox, "", Host="localhost:1"))[0] == 200


def test_another_sites_scripts_can_do_nothing(sandbox: Sandbox) -> None:
    body = {"as": "U_ALICE", "channel": "C_SECURITY", "text": "x"}
    assert asyncio.run(act(sandbox, "say", body, Origin="http://evil.example"))[0] == 403
    assert asyncio.run(act(sandbox, "say", body, Origin="null"))[0] == 403
    call = "api/chat.postMessage?token=xoxb-sandbox&channel=C_SECURITY&text=x"
    assert asyncio.run(fetch(sandbox, call, Origin="http://evil.example"))[0] == 403
    assert asyncio.run(fetch(sandbox, call, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403

    async def listen() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"{sandbox.page_url}live?as=U_ALICE", origin="http://evil.example")

    asyncio.run(listen())
    assert sandbox.messages("C_SECURITY") == []


def test_each_person_sees_their_own(sandbox: Sandbox, client: WebClient) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            bob, guest = await watch(sandbox, "U_BOB", session), await watch(sandbox, "U_GUEST", session)
            everything = await bob.receive_json()
            assert {"C_SECURITY", "C_SECRET", "D_BOB"} <= {one["id"] for one in everything["channels"]}
            assert everything["groups"]["S_ONCALL"]["users"] == ["U_BOB"]
            assert [(one["name"], one["mine"]) for one in everything["commands"]] == [
                ("/tls-audit", True),
                ("/invite", False),
            ]
            mine = {one["id"] for one in (await guest.receive_json())["channels"]}
            assert not {"C_SECRET", "D_BOB", "D_ALICE_BOB"} & mine
            client.chat_postEphemeral(channel="C_SECURITY", user="U_BOB", text="psst")
            client.chat_postMessage(channel="C_SECURITY", text="all")
            heard = [await bob.receive_json() for _ in range(4)]
            told = [await guest.receive_json() for _ in range(3)]
            assert [one["message"]["text"] for one in heard if one["kind"] == "message"] == ["psst", "all"]
            assert [one["message"]["text"] for one in told if one["kind"] == "message"] == ["all"]
            assert [one["traffic"]["what"] for one in heard if one["kind"] == "traffic"] == [
                "chat.postEphemeral",
                "chat.postMessage",
            ]
            await bob.close()
            await guest.close()

    asyncio.run(scenario())


def test_acting_on_the_page_is_acting_in_the_workspace(sandbox: Sandbox) -> None:
    body = {"as": "U_ALICE", "channel": "C_SECURITY"}
    assert asyncio.run(act(sandbox, "say", {**body, "text": "hello @bob"}))[0] == 200
    assert sandbox.messages("C_SECURITY")[0].text == "hello <@U_BOB>"
    status, text = asyncio.run(act(sandbox, "command", {**body, "name": "/tls-audit", "text": ""}))
    assert (status, json.loads(text)["state"]) == (200, "undeliverable")
    assert asyncio.run(act(sandbox, "join", {"as": "U_GUEST", "channel": "C_RANDOM"}))[0] == 200
    assert "U_GUEST" in sandbox.workspace.channels["C_RANDOM"].members
    assert asyncio.run(act(sandbox, "join", {"as": "U_GUEST", "channel": "C_SECRET"}))[0] == 400
    assert asyncio.run(act(sandbox, "say", {**body, "channel": "C_OLD", "text": "x"}))[0] == 400
    assert asyncio.run(act(sandbox, "dance", body))[0] == 404


def test_a_file_downloads_under_its_name_and_previews_as_text(sandbox: Sandbox, client: WebClient) -> None:
    client.files_upload_v2(channel="C_SECURITY", filename='a"b.csv', content="<script>,1\n")
    sandbox.wait_for(lambda: sandbox.messages("C_SECURITY"))
    path = sandbox.file_json(sandbox.files[0])["url_private"].removeprefix(sandbox.page_url)
    status, text, headers = asyncio.run(fetch(sandbox, path))
    assert (status, text) == (200, "<script>,1\n")
    assert headers["Content-Disposition"] == 'attachment; filename="a_b.csv"'
    assert "sandbox" in headers["Content-Security-Policy"]
    assert asyncio.run(fetch(sandbox, f"{path}?preview"))[2]["Content-Type"].startswith("text/csv")
    assert asyncio.run(fetch(sandbox, re.sub(r"files/(\w+)/[^/]+", r"files/\1/guess", path)))[0] == 404


def test_a_modal_goes_with_the_window_that_showed_it(sandbox: Sandbox, client: WebClient) -> None:
    view = {"type": "modal", "title": {"type": "plain_text", "text": "t"}, "blocks": []}

    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            page = await watch(sandbox, "U_ALICE", session)
            trigger = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit").payload["trigger_id"]
            client.views_open(trigger_id=trigger, view=view)
            assert sandbox.view_of("U_ALICE")
            await page.close()

    asyncio.run(scenario())
    sandbox.wait_for(lambda: sandbox.view_of("U_ALICE") is None)
