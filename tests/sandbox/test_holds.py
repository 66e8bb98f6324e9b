"""Calls that are held: before anything is done, or with the answer withheld."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk import WebClient

    from bot.sandbox import Sandbox


def posted(client: WebClient, text: str) -> tuple[Thread, list[object]]:
    """A post that is under way, and what has come of it."""
    came: list[object] = []

    def post() -> None:
        try:
            came.append(client.chat_postMessage(channel="C_SECURITY", text=text)["ok"])
        except OSError as error:
            came.append(type(error))

    thread = Thread(target=post)
    thread.start()
    return thread, came


def texts(sandbox: Sandbox) -> list[str]:
    return [one.text for one in sandbox.messages("C_SECURITY")]


def test_an_answer_that_is_held_has_taken_effect(sandbox: Sandbox, client: WebClient) -> None:
    hold = sandbox.faults.hold_after("chat.postMessage")
    thread, came = posted(client, "there")
    hold.arrived()
    assert texts(sandbox) == ["there"]
    assert came == []

    hold.release()
    thread.join()

    assert came == [True]


@pytest.mark.parametrize(("kind", "there"), [("hold", []), ("hold_after", ["dropped"])])
def test_what_is_dropped_is_cut_where_it_stands(
    sandbox: Sandbox, client: WebClient, kind: str, there: list[str]
) -> None:
    held: Callable[..., object] = getattr(sandbox.faults, kind)
    hold = held("chat.postMessage")
    thread, came = posted(client, "dropped")
    hold.arrived()  # type: ignore[attr-defined]  # whichever it is

    hold.drop()  # type: ignore[attr-defined]  # as above
    thread.join()

    assert texts(sandbox) == there
    assert came != [True]
    posted(client, "the next")[0].join()
    assert texts(sandbox) == [*there, "the next"]
