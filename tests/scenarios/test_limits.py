"""Limits: what is more than one person needs is told to them in words, and done for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from handlers.blockkit.values import AskPlace, AsView, OfDigest, OfRun, Reading, Words
from tests.scenarios.desk import ASKED, HERE, PUBLIC, Desk, button, command, event, form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from bot.question.views import View
    from tests.doubles.web_api import Slack
    from tests.scenarios.desk import Way

BOB: Final = "U_BOB"

ASKING: Final[Mapping[str, Way]] = {
    "a command": command("/tls-audit", "last 7d"),
    "a private one": command("/tls-audit", "private last 7d"),
    "a mention": event("app_mention"),
    "a message": event("message", channel_type="im"),
    "the form": form("ask_form", "", AskPlace(HERE), ASKED),
    "Rerun": button("rerun", "", lambda _: OfRun(PUBLIC)),
    "View as": button("view_as", "", lambda _: AsView(PUBLIC, "clients")),
    "Ask with min=1.3": button("ask_stricter", "", lambda _: OfRun(PUBLIC)),
    "what was meant": button("reading_1", "", lambda _: Reading("last 7d", None)),
    "a digest now": command("/tls-digest", "now 1"),
    "Tell it now": button("tell_now", "", lambda _: OfDigest(1)),
}
"""Every way to have an engine asked."""

FORMS: Final[Mapping[str, Way]] = {
    "a command alone": command("/tls-audit", ""),
    "a digest's": command("/tls-digest", ""),
    "a digest's, to edit it": command("/tls-digest", "edit 1"),
    "Edit": button("edit_run", "", lambda _: OfRun(PUBLIC)),
    "Edit, of words": button("edit_text", "", lambda _: Words("last 7d")),
    "Ask": button("ask", "", lambda _: Words("")),
    "Show SQL": button("show_sql", "", lambda _: OfRun(PUBLIC)),
    "Send daily": button("daily", "", lambda _: OfRun(PUBLIC)),
    "Edit digest": button("edit_digest", "", lambda _: OfDigest(1)),
}
"""Every way to have a form opened."""


@pytest.fixture
def opened(slack: Slack, tmp_path: Path, catalogue: dict[str, View]) -> Iterator[Callable[..., Desk]]:
    """Opens a desk with such limits."""
    desks: list[Desk] = []

    def open_one(*, most: int | None = None, **limits: int) -> Desk:
        made = Desk(tmp_path, slack, catalogue, most=most, limits=limits)
        desks.append(made)
        return made

    yield open_one
    for each in desks:
        each.database.close()


@pytest.mark.parametrize("how", ASKING)
def test_a_question_too_many_is_told_so_by_every_way_in_and_is_no_run(
    opened: Callable[..., Desk], how: str
) -> None:
    desk = opened(questions=2)
    for _ in range(2):
        assert "a minute" not in desk.by(BOB, command("/tls-audit", "last 7d"))
    runs = desk.state()["runs"]

    said = desk.by(BOB, ASKING[how])

    assert "That is more than 2 questions a minute." in said
    assert "Try again in a minute." in said
    assert desk.state()["runs"] == runs
    assert "a minute" not in desk.by("U_ALICE", ASKING[how]), "others are as free as before"
    desk.clock.advance(61)
    assert "a minute" not in desk.by(BOB, ASKING[how])


@pytest.mark.parametrize("how", FORMS)
def test_a_form_too_many_is_told_so_and_not_opened(opened: Callable[..., Desk], how: str) -> None:
    desk = opened(forms=1)
    desk.by("U_ADMIN", command("/tls-audit", ""))
    desk.slack.sent.clear()

    assert "That is more than 1 form a minute." in desk.by("U_ADMIN", FORMS[how])
    assert desk.slack.calls("views.open") == []
    desk.by("U_ALICE", FORMS[how])
    assert len(desk.slack.calls("views.open")) == 1


def test_a_digest_too_many_is_told_so_and_one_fewer_makes_room(opened: Callable[..., Desk]) -> None:
    desk = opened(most=2)
    for _ in range(2):
        desk.by(BOB, command("/tls-digest", "daily 09:00"))

    said = desk.by(BOB, command("/tls-digest", "daily 09:00"))

    assert "You have 2 digests, and nobody may have more. Remove one first, such as 2." in said.replace(
        '"}, {"type": "text", "text": "', ""
    ).replace("\\n", " ")
    assert len(desk.digests.all()) == 3
    desk.slack.sent.clear()
    assert "You have 2 digests" in desk.by(BOB, command("/tls-digest", ""))
    assert desk.slack.calls("views.open") == [], "that is told before a form opens"
    desk.by(BOB, command("/tls-digest", "remove 2"))
    desk.by(BOB, command("/tls-digest", "daily 09:00"))
    assert len(desk.digests.all()) == 3


LONG: Final[Mapping[str, Way]] = {
    "a question": command("/tls-audit", f"last 7d agent={'x' * 100}"),
    "an order": command("/tls-digest", f"daily 09:00 agent={'x' * 100}"),
    "a digest's number": command("/tls-digest", f"show {'1' * 100}"),
    "a mention": event("app_mention", text=f"<@U_TLSAUDIT> last 7d agent={'x' * 100}"),
    "a message": event("message", channel_type="im", text=f"last 7d agent={'x' * 100}"),
    "a message of blanks": event("message", channel_type="im", text=f"last {' ' * 39_000}7d"),
    "a mention behind blanks": event("app_mention", text=f"hey{' ' * 39_000}you <@U_TLSAUDIT> last 7d"),
    "what was meant": button("reading_1", "", lambda _: Reading(f"last 7d agent={'x' * 100}", None)),
}


@pytest.mark.parametrize("how", LONG)
def test_words_too_long_are_told_so_before_anything_is_made_of_them(
    opened: Callable[..., Desk], how: str
) -> None:
    desk = opened(characters=100)

    said = desk.by(BOB, LONG[how])

    assert "characters long, and I read 100 at most." in said
    assert desk.runs.latest(BOB, 9) == []


def test_who_may_not_ask_is_told_that_and_uses_up_nothing(opened: Callable[..., Desk]) -> None:
    desk = opened(questions=1)
    for _ in range(3):
        assert "Guests may not ask here." in desk.by("U_GUEST", command("/tls-audit", "last 7d"))
