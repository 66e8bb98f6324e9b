"""A question accepted is a question answered, once, wherever the bot dies: SIGKILL, and a new start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash import moments
from tests.crash.killing import at_work, done, killed
from tests.crash.machine import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.machine import Kind, Machine, Slack


MOMENTS = (
    *("open after", "StartQuery after", "paging after", "table after"),
    *("headline before", "file: complete after"),
)
"""Where a second time would show; `tests.benchmarks.kills` has every moment."""


@pytest.mark.parametrize("name", MOMENTS)
def test_a_question_is_answered_once(machine_on: Callable[..., Machine], name: str) -> None:
    assert killed(machine_on("sqlite"), moments.named(name)) == Tally(asked=1)


@pytest.mark.parametrize("name", ["StartQuery after", "table after"])
def test_so_it_is_on_postgresql(machine_on: Callable[..., Machine], name: str) -> None:
    assert killed(machine_on("postgres"), moments.named(name)) == Tally(asked=1)


@pytest.mark.parametrize("kind", ["command", "mention"])
def test_what_was_not_accepted_is_not_half_done(machine_on: Callable[..., Machine], kind: Kind) -> None:
    """A command that was never acknowledged may be lost; a mention comes again, and is answered once."""
    machine = machine_on("sqlite")
    bot = at_work(machine)
    hold = moments.ZONE(machine)
    asking = machine.ask(moments.TODAY, kind=kind)
    hold.arrived(30)
    bot.kill()
    hold.drop()

    tally = done(machine, bot, asking)

    assert tally.is_clean
    assert asking.is_promised == (kind == "mention")


def test_what_was_acknowledged_is_answered(machine_on: Callable[..., Machine]) -> None:
    machine = machine_on("sqlite")
    bot = at_work(machine)
    asking = machine.ask()
    assert asking.delivery is not None
    machine.sandbox.acknowledged(asking.delivery)
    bot.kill()

    tally = done(machine, bot, asking)

    assert tally.is_clean
    assert asking.is_promised


@pytest.mark.parametrize("name", ["table after", "file: complete after"])
@pytest.mark.parametrize("slack", ["honours", "neither"])
def test_without_the_history_only_messages_that_slack_does_not_know_again_come_twice(
    machine_on: Callable[..., Machine], slack: Slack, name: str
) -> None:
    tally = killed(machine_on("sqlite", slack), moments.named(name))

    assert tally.lost == []
    assert tally.paid_twice == []
    assert tally.twice == ({"table": 1} if (slack, name) == ("neither", "table after") else {})


def test_a_bot_that_is_told_to_stop_hands_its_query_over(machine_on: Callable[..., Machine]) -> None:
    machine = machine_on("sqlite")
    bot = at_work(machine)
    hold = moments.lake("DescribeQuery", "before")(machine)
    asking = machine.ask()
    hold.arrived(30)
    hold.drop()
    bot.end()

    assert done(machine, bot, asking).is_clean
