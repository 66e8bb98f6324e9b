from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot import engines
from bot.archive.archive import Archive
from bot.engines.athena import client, ddl, tables
from bot.engines.athena.engine import Athena
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.engines.lake.engine import Lake
from bot.engines.local import Local
from bot.question import views
from bot.question.parser import parse
from bot.sandbox import samples
from tests.doubles import athena as athena_double
from tests.doubles import lake as double

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from bot.engines import Engine
    from bot.question.question import Question
    from tests.oracle import Record

pytest_plugins = ["tests.support.postgres"]

NOW = datetime(2026, 11, 23, 8, 14, 30, tzinfo=UTC)
"""When the tests ask: a Monday morning."""

FIRST_DAY = date(2026, 11, 9)
"""The first of the two weeks of sample events the tests ask about."""


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


def odd_records() -> list[Record]:
    """Events as services and strangers write them: fields missing, null or chosen to do harm."""
    plain = next(record for record in samples.day(FIRST_DAY) if record["eventSource"] == "s3.amazonaws.com")
    old = {"tlsVersion": "TLSv1.1", "cipherSuite": "AES128-SHA"}
    changes: list[dict[str, Any]] = [
        {"userAgent": None},
        {"userAgent": "", "tlsDetails": {"tlsVersion": "TLSv1", "cipherSuite": "RC4-MD5"}},
        {"userAgent": "100%_sure\\back 'quote' \"double\" /* */ -- :start", "tlsDetails": old},
        {"userAgent": "=cmd|' /C calc'!A0", "tlsDetails": old},
        {"userAgent": "line\nbreak \u202etxt.exe \x00nul", "tlsDetails": old},
        {"userAgent": "agent " + "x" * 1000, "tlsDetails": old},
        {"userIdentity": {"type": "IdentityCenterUser", "userName": "carol@example.com"}, "tlsDetails": old},
        {
            "userIdentity": {"type": "AWSAccount", "principalId": "AIDAODD", "accountId": "999"},
            "tlsDetails": old,
        },
        {"userIdentity": {"type": "AWSService", "invokedBy": "config.amazonaws.com"}},
        {"tlsDetails": {"tlsVersion": "TLSv1.2", "cipherSuite": "ECDHE-RSA-DES-CBC3-SHA"}},
        {"tlsDetails": {"tlsVersion": "TLSv1.2"}},
        {"tlsDetails": {"cipherSuite": "AES256-SHA256", "keyExchange": "secp256r1"}},
        {"tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_CHACHA20_POLY1305_SHA256"}},
        {"tlsDetails": None},
        {"requestParameters": "no object", "tlsDetails": old},
    ]
    return [
        plain | change | {"eventID": f"odd-{n}", "eventTime": f"2026-11-{10 + n % 12:02}T{n:02}:30:00Z"}
        for n, change in enumerate(changes)
    ]


def write_logs(folder: Path, records: Iterable[Record]) -> Path:
    """One log file with `records`, as CloudTrail writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "111122223333_CloudTrail_us-east-1_20261123T0800Z_test.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"Records": list(records)}).encode()))
    return path


def quietly(*_: object) -> None:
    """A progress that tells nobody."""


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> Archive:
    """The embedded engine's archive, holding `records`."""
    folder = tmp_path_factory.mktemp("events")
    filled = Archive(folder / "archive")
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
def clock() -> double.Clock:
    """The time of `served`."""
    return double.Clock(NOW)


@pytest.fixture
def served(
    lake_events: double.Events, clock: double.Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[double.Lake]:
    """A CloudTrail of the test's own, where boto3 finds it; its events are shared."""
    with double.Lake(lake_events, now=clock.now) as served:
        served.set_environment(monkeypatch)
        yield served


@pytest.fixture(scope="session")
def lake(lake_events: double.Events) -> Iterator[Lake]:
    """Lake over boto3 and HTTP, asking the double, which holds `records`. No time passes but its own."""
    clock = double.Clock(NOW)
    with double.Lake(lake_events, now=clock.now) as served, pytest.MonkeyPatch.context() as env:
        served.set_environment(env)
        aws = CloudTrail(clock=clock.now, monotonic=clock.monotonic, sleep=clock.sleep)
        known = stores.read(double.STORE_ID)
        aws.client(known[stores.DEFAULT])
        env.undo()
        yield Lake(known, aws)


ACCOUNTS = ("111122223333", "444455556666")
REGIONS = ("us-east-1", "eu-central-1", "us-west-2")
ATHENA_TABLE = f"{athena_double.DATABASE}.{athena_double.TABLE}"


def trail_files(records: Iterable[Record]) -> list[athena_double.File]:
    """The files of a trail that holds `records` as trails do: some late, some twice, some copies thin."""
    held = list(records)
    files = athena_double.deliver(record for n, record in enumerate(held) if n % 11)
    for name, copies in (
        ("late", [record for n, record in enumerate(held) if n % 11 == 0]),
        ("twice", held[::7]),
        ("thin", [{**record, "tlsDetails": None, "userAgent": None} for record in held[::5]]),
    ):
        for file in athena_double.deliver(copies):
            *_, account, _, region, year, month, day, _ = file.key.split("/")
            after = date(int(year), int(month), int(day)) + timedelta(days=name != "twice")
            files.append(athena_double.file_of(account, region, f"{after:%Y/%m/%d}", file.records, name=name))
    return files


def over_trail(named: tables.Table) -> str:
    """The DDL that the bot itself prints for the trail of `trail_files`."""
    where = f"s3://{athena_double.BUCKET}/AWSLogs/o-tls/"
    return ddl.create(named, where, accounts=ACCOUNTS, regions=REGIONS, since="2026/01/01")


@pytest.fixture(scope="session")
def athena_bucket(records: list[Record]) -> Iterator[athena_double.Bucket]:
    """A trail's bucket that holds `records`, and the bot's own table over it."""
    held = athena_double.Bucket(trail_files(records))
    held.create(over_trail(tables.read(ATHENA_TABLE)[tables.DEFAULT]))
    yield held
    held.close()


@pytest.fixture(scope="session")
def athena(athena_bucket: athena_double.Bucket) -> Iterator[Athena]:
    """Athena over boto3 and HTTP, asking the double. No time passes but its own."""
    clock = double.Clock(NOW)
    with (
        athena_double.Athena(athena_bucket, now=clock.now) as served,
        pytest.MonkeyPatch.context() as env,
    ):
        # each test asks with the same token, and means another question
        served.forgets = True
        served.set_environment(env)
        aws = client.Athena(clock=clock.now, monotonic=clock.monotonic, sleep=clock.sleep)
        engine = Athena(tables.read(ATHENA_TABLE), aws)
        aws.client(tables.read(ATHENA_TABLE)[tables.DEFAULT], "s3")
        engine.refresh()
        env.undo()
        yield engine


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
