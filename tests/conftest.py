from __future__ import annotations

import functools
import gc
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import settings

from bot import engines
from bot.archive import extracts
from bot.archive.archive import Archive
from bot.demo import samples
from bot.engines.athena import tables
from bot.engines.local import Local
from bot.question import views
from bot.question.parser import parse
from tests.doubles import athena as athena_double
from tests.doubles import cloudwatch as logs_double
from tests.doubles import lake as double
from tests.support.clock import Clock
from tests.support.engines import athena_over, cloudwatch_over, lake_over
from tests.support.logs import FIRST_DAY, odd_records, quietly, write_logs
from tests.support.trail import ATHENA_TABLE, over_trail, trail_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.engines import Engine
    from bot.engines.athena.engine import Athena
    from bot.engines.cloudwatch.engine import CloudWatch
    from bot.engines.lake.engine import Lake
    from bot.question.question import Question
    from tests.oracle import Record

# what a container's Python is often told would have every process that the tests start compile all of the bot
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# no test is a matter of time: benchmarks measure, and a full machine is no fault
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# the events that tests share are many and stay: the collector looks through what is new less often
gc.set_threshold(100_000, 20, 20)

# each of boto3's sessions reads the services' models anew, which takes longer than most tests
_model_file = functools.cache(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))
JSONFileLoader.load_file = lambda _loader, path: _model_file(path)

pytest_plugins = ["tests.support.postgres", "tests.support.terminal"]

NOW = datetime(2026, 11, 23, 8, 14, 30, tzinfo=UTC)
"""When the tests ask: a Monday morning."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--renew-golden", action="store_true", help="write tests/golden anew; then read the diff"
    )
    parser.addoption(
        "--engine",
        choices=engines.ENGINES,
        default="local",
        help="the engine that answers in tests/scenarios",
    )


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
    """Keep what lives to the end out of the collector's sight: to look through it all takes up to seconds, in
    which no command is acknowledged."""
    made = yield
    if fixturedef.scope == "session":
        _freeze()
    return made


def pytest_collection_finish() -> None:
    _freeze()


def _freeze() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def catalogue() -> dict[str, views.View]:
    return views.load()


@pytest.fixture(scope="session")
def ask(catalogue: dict[str, views.View]) -> Callable[..., Question]:
    """The Question of a text, asked at `NOW` from UTC."""

    def asked(text: str) -> Question:
        return parse(text, now=NOW, zone=UTC, views=catalogue, engines=engines.ENGINES)

    return asked


@pytest.fixture(scope="session")
def records() -> list[Record]:
    """Two weeks of samples, and the odd events that real trails hold."""
    days = [FIRST_DAY + timedelta(days=n) for n in range(14)]
    return [record for day in days for record in samples.day(day)] + odd_records()


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> Archive:
    """The embedded engine's archive, holding `records`, counted by the hour however few they are."""
    folder = tmp_path_factory.mktemp("events")
    filled = Archive(folder / "archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extracts, "WORTH_BYTES", 0)
        filled.ingest([str(write_logs(folder / "logs", records))], progress=quietly)
    return filled


@pytest.fixture(scope="session")
def local(archive: Archive) -> Local:
    return Local(archive, memory="1GB", seconds=60, at_once=2)


@pytest.fixture(scope="session")
def lake_events(records: list[Record]) -> Iterator[double.Events]:
    """`records` as the double of CloudTrail Lake holds them."""
    held = double.Events(records)
    yield held
    held.close()


@pytest.fixture
def clock() -> Clock:
    """The time of `served`."""
    return Clock(NOW)


@pytest.fixture
def served(
    lake_events: double.Events, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[double.Lake]:
    """A CloudTrail of the test's own, where boto3 finds it; its events are shared."""
    with double.Lake(lake_events, now=clock) as served:
        served.set_environment(monkeypatch)
        yield served


@pytest.fixture(scope="session")
def lake(lake_events: double.Events) -> Iterator[Lake]:
    """Lake over `records`."""
    with lake_over(lake_events, NOW) as made:
        yield made


@pytest.fixture(scope="session")
def athena_bucket(records: list[Record]) -> Iterator[athena_double.Bucket]:
    """A trail's bucket that holds `records`, and the bot's own table over it."""
    held = athena_double.Bucket(trail_files(records))
    held.create(over_trail(tables.read(ATHENA_TABLE)[tables.DEFAULT]))
    yield held
    held.close()


@pytest.fixture(scope="session")
def athena(athena_bucket: athena_double.Bucket) -> Iterator[Athena]:
    """Athena over `athena_bucket`."""
    with athena_over(athena_bucket, NOW) as made:
        yield made


@pytest.fixture(scope="session")
def cloudwatch(records: list[Record]) -> Iterator[CloudWatch]:
    """CloudWatch over `records`."""
    with cloudwatch_over(logs_double.events(records), NOW) as made:
        yield made


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """Where a stand-in for S3 answers."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def asked_engine(request: pytest.FixtureRequest) -> Engine:
    """The engine of `--engine`."""
    chosen: Engine = request.getfixturevalue(request.config.getoption("--engine"))
    return chosen
