"""A question to CloudWatch is answered and paid once, wherever the bot dies: SIGKILL, and a new start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.demo import samples
from tests.crash import moments
from tests.crash.killing import killed
from tests.crash.machine import Machine, Tally
from tests.crash.moments import Moment
from tests.doubles import cloudwatch as double

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crash.moments import When
    from tests.doubles.insights import Event


@pytest.fixture(scope="module")
def delivered() -> list[Event]:
    """Events of the last two weeks: the bot that is killed has no clock but the wall's."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=n) for n in range(15)]
    return double.events(record for day in days for record in samples.day(day)[::10])


@pytest.fixture
def machine(delivered: list[Event], tmp_path: Path) -> Iterator[Machine]:
    """A machine whose bot asks CloudWatch."""
    settings = {"TLS_AUDIT_ENGINE": "cloudwatch", "TLS_AUDIT_CLOUDWATCH_LOG_GROUPS": double.GROUP}
    served = double.CloudWatch(delivered)
    served.limits = False
    with Machine(tmp_path, f"sqlite:///{tmp_path / 'runs.sqlite'}", served, "history", **settings) as made:
        yield made


def at(operation: str, when: When) -> Moment:
    return Moment(operation, when, moments.lake(operation, when))


@pytest.mark.parametrize(
    "moment",
    [
        at("StartQuery", "before"),
        at("StartQuery", "after"),
        at("GetQueryResults", "before"),
        at("GetQueryResults", "after"),
    ],
    ids=str,
)
def test_a_question_is_answered_once(machine: Machine, moment: Moment) -> None:
    assert killed(machine, moment) == Tally(asked=1)
    assert set(machine.lake.asked().values()) == {1}
    assert machine.lake.count("StopQuery") == 0
