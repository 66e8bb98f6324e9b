"""A question accepted is a question answered, once, wherever the bot dies: SIGKILL, and a new start."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from bot.archive.ledger import LOCK
from tests.crash import moments
from tests.crash.killing import at_work, done, killed
from tests.crash.machine import Machine, Tally
from tests.crash.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.crash.machine import Kind, Slack
    from tests.doubles import lake as double
    from tests.support.postgres import Postgres


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


def test_a_bot_that_is_told_to_stop_ends_although_its_database_hangs_and_nobody_is_left_unanswered(
    tmp_path: Path, events: double.Events, postgres: Postgres
) -> None:
    url = postgres.url()
    with Proxy(postgres.port) as proxy, Machine(tmp_path, url, events) as machine:
        there = url.replace(str(postgres.port), str(proxy.port))
        bot = machine.replica(TLS_AUDIT_DATABASE_URL=there)
        bot.start()
        first = machine.ask()
        assert machine.until_done([first]), bot.trouble
        proxy.hang()
        # on its way to the database, and then it hangs there
        hold = moments.ZONE(machine)
        asking = machine.ask(moments.TODAY, kind="mention")
        hold.arrived(30)
        hold.release()
        bot.end()
        proxy.mend()

        assert done(machine, bot, asking).is_clean


def test_a_bot_that_is_told_to_stop_ends_although_it_waits_for_another_ingest(
    tmp_path: Path, events: double.Events
) -> None:
    logs, archive = tmp_path / "logs", tmp_path / "archive"
    logs.mkdir()
    archive.mkdir()
    with (
        (archive / LOCK).open("wb") as lock,
        Machine(tmp_path, f"sqlite:///{tmp_path / 'runs.sqlite'}", events) as machine,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        bot = machine.replica(TLS_AUDIT_LOGS=str(logs), TLS_AUDIT_ARCHIVE=str(archive))
        bot.start()
        bot.end()
