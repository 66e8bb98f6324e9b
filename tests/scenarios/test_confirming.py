"""Run it: what is asked is exactly what was confirmed, where and by whom it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.app.reuse import Costs
from handlers.blockkit.values import AskPlace, Confirmed, OfRun, decode
from tests.scenarios.desk import HERE, PRIVATE, PUBLIC, Desk, Way, button, command, event, form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bot.question.views import View
    from bot.store.run import Run
    from tests.doubles.web_api import Slack

BOB, ALICE = "U_BOB", "U_ALICE"


def as_long_as(most: int, letter: str = "x", end: str = "") -> str:
    """A question of `most` characters, of several values: one holds no more than 1,024."""
    begin = "last 7d by=services agent="
    lengths = [min(1_000, most - len(begin) - at) for at in range(0, most - len(begin), 1_001)]
    return begin + ",".join(letter * length for length in lengths)[: -len(end) or None] + end


QUESTIONS: Final[Mapping[str, str]] = {
    "short": "last 7d",
    "with a window of words": "since 2026-11-20 by=services service=s3,kms top=5",
    "with what Slack marks": "last 7d agent=a&b agent!=<x>",
    "in quotes": 'last 7d agent="a ""b"", c" host=“x y”',
    "with emoji and letters": "last 7d agent=*日本*🎉é principal=алиса",
    "with backslashes and stars": r"last 7d agent=\\x* host=*\*",
    "as long as a button just holds": as_long_as(1_920),
    "a little longer than a button holds": as_long_as(2_001),
    "with a pattern where a button ends": as_long_as(1_930) + "*" + "y" * 80 + "z",
    "as long as a question may be": as_long_as(4_000, "é", "z"),
    "of characters that escape": as_long_as(1_500, "<"),
}
"""Each dear, and to be confirmed."""


@pytest.fixture
def dear(slack: Slack, tmp_path: Path, catalogue: dict[str, View]) -> Iterator[Desk]:
    """A desk at which everything is to be confirmed."""
    made = Desk(tmp_path, slack, catalogue, costs=Costs({"local": 0.005}, confirm_gb=0.001))
    yield made
    made.database.close()


def offered(said: str) -> dict[str, Any]:
    """The button that was offered to go on with."""

    def buttons(made: Any) -> Iterator[dict[str, Any]]:
        if isinstance(made, dict):
            if made.get("action_id") == "run_sure":
                yield made
            made = list(made.values())
        for each in made if isinstance(made, list) else ():
            yield from buttons(each)

    return next(buttons(json.loads(said)))


def confirm(said: str) -> Way:
    """Press the button that was offered."""
    return button("run_sure", "", lambda _: offered(said)["value"])


def as_slack_sends(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def the_run(desk: Desk, user: str = BOB) -> Run:
    (run,) = [each for each in desk.runs.latest(user, 9) if each.id not in {PUBLIC, PRIVATE, "aaaa0003"}]
    return run


@pytest.mark.parametrize("what", QUESTIONS)
@pytest.mark.parametrize("how", ["command", "mention", "form"])
def test_what_is_confirmed_is_asked_to_the_letter(dear: Desk, how: str, what: str) -> None:
    text = QUESTIONS[what]
    sent = as_slack_sends(text)
    typed = command("/tls-audit", "")
    ways = {
        "command": Way(typed.handler, "", lambda *about: {**typed.payload(*about), "text": sent}),
        "mention": event("app_mention", text=f"<@U_TLSAUDIT> {sent}", thread_ts="7.7"),
        "form": form("ask_form", "", AskPlace(HERE, "7.7"), {"more": {"form_changed": {"value": text}}}),
    }
    usual = dear.context.questions.grammar.parse
    said = dear.by(BOB, ways[how])
    assert "run it?" in said
    assert len(offered(said)["value"]) <= 2_000

    dear.by(BOB, confirm(said))

    run = the_run(dear)
    assert run.typed == text
    assert run.text == str(usual(text, now=dear.clock.now, zone=dear.context.directory.zone_of(BOB)))
    assert (run.channel, run.reply_to) == (HERE, None if how == "command" else "7.7")


@pytest.mark.parametrize("what", ["short", "a little longer than a button holds"])
def test_who_may_not_ask_confirms_nothing_and_kept_words_are_their_authors(dear: Desk, what: str) -> None:
    said = dear.by(BOB, command("/tls-audit", QUESTIONS[what]))

    for user in ("U_GUEST", "U_STRANGER"):
        dear.by(user, confirm(said))
        assert dear.runs.latest(user, 9) == []
    if what != "short":
        assert "no longer kept" in dear.by("U_ADMIN", confirm(said))
        assert dear.runs.latest("U_ADMIN", 9) == []


def test_what_is_confirmed_an_hour_later_is_to_be_confirmed_again(dear: Desk) -> None:
    said = dear.by(BOB, command("/tls-audit", "since 2026-11-01"))
    dear.clock.advance(20 * 86_400)

    again = dear.by(BOB, confirm(said))

    assert dear.runs.latest(BOB, 9) == []
    before, now = (float(each.partition("About ")[2].split()[0].replace(",", "")) for each in (said, again))
    assert now > before, "for it has become dearer"
    dear.by(BOB, confirm(again))
    assert the_run(dear).typed == "since 2026-11-01"


def test_what_was_to_be_shared_is_confirmed_for_the_channel_and_answered_there(dear: Desk) -> None:
    way = button("share", "", lambda _: OfRun(PRIVATE))

    said = dear.by(ALICE, way, "D_ALICE")
    assert decode(Confirmed, offered(said)["value"]).channel == HERE
    dear.by(ALICE, confirm(said), "D_ALICE")

    assert the_run(dear, ALICE).channel == HERE


def test_a_place_that_is_forged_into_what_is_confirmed_is_looked_up(dear: Desk) -> None:
    for place in ("D_GUEST", "D_ALICE", "C_HIDDEN", "C_NOWHERE"):
        now = int(dear.clock.now.timestamp())
        forged = Confirmed("last 7d", fresh=False, reply_to=None, channel=place, asked=now)
        said = dear.by(BOB, button("run_sure", "", lambda _, value=forged: value))  # type: ignore[misc]  # mypy infers no lambda with a default
        assert "only where both you and I are" in said
    assert dear.runs.latest(BOB, 9) == []


def test_a_rerun_that_is_confirmed_asks_anew(dear: Desk) -> None:
    said = dear.by(BOB, button("rerun", "", lambda _: OfRun(PUBLIC)))
    assert decode(Confirmed, offered(said)["value"]).fresh

    dear.by(BOB, confirm(said))

    assert the_run(dear).steps == (), "no earlier answer was taken"
