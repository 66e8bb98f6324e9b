"""The menu of rows below a table, and links to events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.answers.drill import Narrowing, Offered
from bot.sandbox.rules import check_blocks
from bot.store.run import QuestionTask, Run
from handlers.blockkit import blocks, drill
from tests.conftest import NOW

if TYPE_CHECKING:
    from handlers.blockkit.blocks import Block

RUN = Run(
    "aaaa0001", "k", QuestionTask("last 7d", "services"), "U_ALICE", "C_SECURITY", "last 7d", "local", NOW
)
ROWS = [
    Offered(Narrowing((("service", "s3.amazonaws.com"), ("agent", f"client/{n:03} " + "x" * 900))), 1_000 - n)
    for n in range(100)
]


def options(made: list[Block]) -> list[Block]:
    (menu,) = made[-1]["elements"]
    return list(menu["options"])


def test_a_hundred_rows_are_what_slack_takes() -> None:
    made = drill.menu(RUN, ROWS, 100_000)
    assert len(options(made)) == 100
    assert len({option["text"]["text"] for option in options(made)}) == 100
    assert check_blocks(made, "message") == []


def test_a_menu_that_has_no_room_for_all_rows_says_so() -> None:
    made = drill.menu(RUN, ROWS, 2_000)
    assert blocks.characters(made) <= 2_000
    assert f"The menu has the first {len(options(made))} of 100 rows." in blocks.words_of(made[:1])
    assert drill.menu(RUN, ROWS, 60) == []


def test_what_all_rows_say_is_not_in_their_labels_and_calls_are() -> None:
    assert options(drill.menu(RUN, ROWS, 9_000))[0]["text"]["text"].startswith("client/000 xxx")
    assert options(drill.menu(RUN, ROWS, 9_000))[0]["text"]["text"].endswith(" · 1,000")
    assert options(drill.menu(RUN, ROWS[:1], 9_000))[0]["text"]["text"].startswith("s3 · client/000")


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_an_event_is_linked_to_the_console_of_its_region(region: str, console: str) -> None:
    event = "0a1b2c3d-0000-4000-8000-00000000002a"
    link = drill.console_link(region, event)
    assert link == f"https://{console}/cloudtrailv2/home?region={region}#/events/{event}"


def test_a_link_is_made_only_of_what_aws_writes() -> None:
    event = "0a1b2c3d-0000-4000-8000-00000000002a"
    for region in ("evil.example/", "us-east-1.evil.example", "us-east-1\n", "", None, "US-EAST-1"):
        assert drill.console_link(region, event) is None
    for odd in ("../../x", f"{event}?x", f"{event}\n", "", None):
        assert drill.console_link("us-east-1", odd) is None
