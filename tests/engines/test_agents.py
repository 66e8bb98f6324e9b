"""`sdk=eol` on every engine, over the agents of public events and what happens to such strings."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot import engines
from bot.archive.archive import Archive
from bot.clients.agent import read
from bot.clients.support import SOON, support
from bot.engines.athena import client, tables
from bot.engines.athena.engine import Athena
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.engine import CloudWatch
from bot.engines.cloudwatch.logs import Logs
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.engines.lake.engine import Lake
from bot.engines.local import Local
from bot.question import select
from tests.clients.agents import lines, mutated
from tests.conftest import NOW
from tests.doubles import athena as athena_double
from tests.doubles import cloudwatch as logs_double
from tests.doubles import lake as lake_double
from tests.support import hostile
from tests.support.clock import Clock
from tests.support.logs import quietly, write_logs
from tests.support.trail import ATHENA_TABLE, over_trail, trail_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.engines import Engine
    from bot.question.question import Question
    from tests.oracle import Record

MUTATIONS: Final = 300
DAYS: Final = {"sdk=eol": timedelta(), "sdk=eol-in-90d": SOON}


@pytest.fixture(scope="module")
def agents() -> list[str]:
    return sorted({line.agent for line in lines()} | set(mutated(MUTATIONS)))


@pytest.fixture(scope="module")
def called(agents: list[str]) -> list[Record]:
    """A call of each agent."""
    plain = hostile.records(0, 1)[0] | {"eventTime": "2026-11-22T08:00:00Z"}
    return [plain | {"eventID": f"id-{at}", "userAgent": agent} for at, agent in enumerate(agents)]


@pytest.fixture(scope="module", params=engines.ENGINES)
def engine(
    request: pytest.FixtureRequest, called: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Each engine in turn, over those calls."""
    with ExitStack() as opened, pytest.MonkeyPatch.context() as environment:
        yield MADE[request.param](called, opened, environment, tmp_path_factory.mktemp("agents"))


def _local(called: list[Record], _: ExitStack, _environment: pytest.MonkeyPatch, folder: Path) -> Engine:
    archive = Archive(folder / "archive")
    archive.ingest([str(write_logs(folder / "logs", called))], progress=quietly)
    return Local(archive, memory="1GB", seconds=60, at_once=1)


def _lake(called: list[Record], opened: ExitStack, environment: pytest.MonkeyPatch, _folder: Path) -> Engine:
    held, clock = opened.enter_context(closing(lake_double.Events(called))), Clock(NOW)
    opened.enter_context(lake_double.Lake(held, now=clock)).set_environment(environment)
    aws = CloudTrail(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
    return Lake(stores.read(lake_double.STORE_ID), aws)


def _athena(
    called: list[Record], opened: ExitStack, environment: pytest.MonkeyPatch, _folder: Path
) -> Engine:
    held, clock = opened.enter_context(closing(athena_double.Bucket(trail_files(called)))), Clock(NOW)
    table = tables.read(ATHENA_TABLE)
    held.create(over_trail(table[tables.DEFAULT]))
    served = opened.enter_context(athena_double.Athena(held, now=clock))
    served.forgets = True
    served.set_environment(environment)
    made = Athena(table, client.Athena(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep))
    made.refresh()
    return made


def _cloudwatch(
    called: list[Record], opened: ExitStack, environment: pytest.MonkeyPatch, _folder: Path
) -> Engine:
    clock = Clock(NOW)
    served = opened.enter_context(logs_double.CloudWatch(logs_double.events(called), now=clock))
    served.set_environment(environment)
    known = groups.read(logs_double.GROUP)
    return CloudWatch(known, Logs(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep))


MADE: Final[dict[str, Any]] = {
    "local": _local,
    "lake": _lake,
    "athena": _athena,
    "cloudwatch": _cloudwatch,
}


def found(engine: Engine, question: Question) -> set[Any]:
    asked = engine.translate(select.build(question, cap=100_000), question.view.columns)
    with engine.run(asked, token=str(question), resume=None, progress=quietly) as table:
        return {row[table.index("userAgent")] for row in table.rows()}


@pytest.mark.parametrize("policy", DAYS)
def test_an_engine_finds_exactly_what_the_reader_calls_out_of_support(
    policy: str, engine: Engine, ask: Callable[[str], Question], agents: list[str]
) -> None:
    on = NOW.date() + DAYS[policy]
    over = {agent for agent in agents if support(read(agent), on).supported is False}

    assert found(engine, ask(f"on 2026-11-22 by=clients {policy}")) == over
    assert 20 < len(over) < len(agents) / 2


def test_what_counts_is_the_day_on_which_it_is_asked(engine: Engine, ask: Callable[[str], Question]) -> None:
    asked = ask("on 2026-11-22 by=clients sdk=eol")

    assert found(engine, asked) < found(engine, replace(asked, on=asked.on + timedelta(days=365)))
