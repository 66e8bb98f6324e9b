"""A question to Athena is answered once and paid once, wherever the bot dies: SIGKILL, and a new start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.demo import samples
from bot.engines.athena import tables
from tests.crash import moments
from tests.crash.killing import killed
from tests.crash.machine import Machine, Tally
from tests.crash.moments import Moment
from tests.doubles import athena as double
from tests.support.trail import ATHENA_TABLE, over_trail, trail_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crash.moments import When


@pytest.fixture(scope="module")
def trail() -> Iterator[double.Bucket]:
    """A trail of the last two weeks: the bot that is killed has no clock but the wall's."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=n) for n in range(15)]
    held = double.Bucket(trail_files(record for day in days for record in samples.day(day)[::10]))
    held.create(over_trail(tables.read(ATHENA_TABLE)[tables.DEFAULT]))
    yield held
    held.close()


@pytest.fixture
def machine(trail: double.Bucket, tmp_path: Path) -> Iterator[Machine]:
    """A machine whose bot asks Athena."""
    settings = {"TLS_AUDIT_ENGINE": "athena", "TLS_AUDIT_ATHENA_TABLE": ATHENA_TABLE}
    served = double.Athena(trail)
    served.limits = False
    with Machine(tmp_path, f"sqlite:///{tmp_path / 'runs.sqlite'}", served, "history", **settings) as made:
        yield made


def at(operation: str, when: When) -> Moment:
    return Moment(operation, when, moments.lake(operation, when))


@pytest.mark.parametrize(
    "moment",
    [
        at("StartQueryExecution", "before"),
        at("StartQueryExecution", "after"),
        at("GetQueryExecution", "after"),
    ],
    ids=str,
)
def test_a_question_is_answered_once(machine: Machine, moment: Moment) -> None:
    assert killed(machine, moment) == Tally(asked=1)
    assert machine.lake.count("StopQueryExecution") == 0
