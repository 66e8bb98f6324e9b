"""Each engine over some events: its double where it has one, asked by boto3 over HTTP. No time passes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from bot.archive.archive import Archive
from bot.engines.athena import client, tables
from bot.engines.athena.engine import Athena
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.engine import CloudWatch
from bot.engines.cloudwatch.logs import Logs
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.engines.lake.engine import Lake
from bot.engines.local import Local
from bot.errors import Cancelled
from tests.doubles import athena as athena_double
from tests.doubles import cloudwatch as logs_double
from tests.doubles import lake as lake_double
from tests.support.clock import Clock
from tests.support.logs import quietly, write_logs
from tests.support.trail import ATHENA_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.doubles.insights import Event
    from tests.oracle import Record


def local_over(records: Iterable[Record], folder: Path) -> Local:
    """The embedded engine; `folder` takes the log file and the archive."""
    archive = Archive(folder / "archive")
    archive.ingest([str(write_logs(folder / "logs", records))], progress=quietly)
    return Local(archive, memory="1GB", seconds=60, at_once=2)


@contextmanager
def lake_over(held: lake_double.Events, now: datetime) -> Iterator[Lake]:
    """Lake, asking the double."""
    clock = Clock(now)
    with lake_double.Lake(held, now=clock) as served, pytest.MonkeyPatch.context() as env:
        served.set_environment(env)
        aws = CloudTrail(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
        known = stores.read(lake_double.STORE_ID)
        aws.client(known[stores.DEFAULT])
        env.undo()
        yield Lake(known, aws)


@contextmanager
def athena_over(bucket: athena_double.Bucket, now: datetime) -> Iterator[Athena]:
    """Athena over the table `ATHENA_TABLE` of a bucket, asking the double."""
    clock = Clock(now)
    with athena_double.Athena(bucket, now=clock) as served, pytest.MonkeyPatch.context() as env:
        # each test asks with the same token, and means another question
        served.forgets = True
        served.set_environment(env)
        aws = client.Athena(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
        known = tables.read(ATHENA_TABLE)
        engine = Athena(known, aws)
        aws.client(known[tables.DEFAULT], "s3")
        engine.refresh()
        env.undo()
        yield engine


@contextmanager
def cloudwatch_over(held: Iterable[Event], now: datetime) -> Iterator[CloudWatch]:
    """CloudWatch, asking the double."""
    clock = Clock(now)
    with logs_double.CloudWatch(held, now=clock) as served, pytest.MonkeyPatch.context() as env:
        served.set_environment(env)
        known = groups.read(logs_double.GROUP)
        aws = Logs(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
        aws.client(known)
        env.undo()
        yield CloudWatch(known, aws)


class Told:
    """A progress that remembers, and that stops the run at a state of its choice."""

    def __init__(self, stop_at: str = "", stopped: Cancelled | None = None) -> None:
        self.refs: list[str | None] = []
        self.states: list[str] = []
        self.scanned: list[int] = []
        self._stop_at = stop_at
        self._stopped = stopped or Cancelled("Cancelled.")

    def __call__(self, ref: str | None, state: str, scanned: int) -> None:
        self.refs.append(ref)
        self.states.append(state)
        self.scanned.append(scanned)
        if state == self._stop_at:
            raise self._stopped
