"""What CloudTrail Lake costs in time, memory and calls: `python -m tests.benchmarks.lake`.

200,000 rows by pages and by delivery; from FINISHED at AWS to the table in hand, with the waits as
shipped; DescribeQuery calls for a 30-second query. All against the double, in a process of its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.engines import Statement
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.engines.lake.engine import Lake
from bot.table import Column
from tests.doubles.lake import STORE_ID, Plan
from tests.doubles.lake import Lake as Double
from tests.support.clock import Clock

ROWS = 200_000
BUCKET = "tls-audit-results"
COLUMNS = (Column("principal", "TEXT"), Column("userAgent", "TEXT"), Column("n", "INTEGER"))
ASKED = Statement(
    f"SELECT userIdentity.arn AS principal, userAgent, 1 AS n FROM {STORE_ID} "  # noqa: S608 - its own
    "WHERE eventTime >= '2026-01-01 00:00:00' AND eventTime < '2026-02-01 00:00:00'",
    COLUMNS,
)
ENDS = (2.0, 5.0, 8.0, 12.0, 17.0, 24.0, 30.0)
"""How long queries take, in seconds, when their end is looked for."""


def row(number: int) -> tuple[str, str | None, str]:
    """A row as large as those of `calls` are."""
    agent = None if number % 7 == 0 else f"Boto3/1.26.{number % 200} Python/3.10.6 Linux/5.19.0-46-generic"
    return (
        f"arn:aws:sts::111122223333:assumed-role/service-{number % 5000}/i-{number:017x}",
        agent,
        str(number),
    )


def memory() -> float:
    """Resident memory, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def serve() -> None:
    """The double and a stand-in for S3, in a process of their own; says where they are."""
    import boto3
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    where = f"http://{host}:{port}"
    s3 = boto3.client(
        "s3",
        endpoint_url=where,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106 - moto takes any
    )
    s3.create_bucket(Bucket=BUCKET)
    with Double([], s3=s3) as served:
        served.canned = [column.name for column in COLUMNS], [row(number) for number in range(ROWS)]
        print(json.dumps([served.url, where]), flush=True)
        sys.stdin.read()


def large(engine: Lake, how: str) -> None:
    """One answer of `ROWS` rows: seconds, memory, and whether it is the source's."""
    before, started, most = memory(), time.monotonic(), 0.0

    def watch(*_: object) -> None:
        nonlocal most
        most = max(most, memory())

    with engine.run(ASKED, token=how, resume=None, progress=watch) as table:
        seconds, most = time.monotonic() - started, max(most, memory())
        pairs = zip(table.rows(), map(row, range(ROWS)), strict=True)
        equal = all((got[0], got[1], str(got[2])) == source for got, source in pairs)
        said = f"{table.row_count:,} rows in {seconds:.1f} s, {most - before:+.0f} MB, equal: {equal}"
        print(f"{how:10} {said} {' '.join(table.notes)}")


def ends() -> None:
    """From FINISHED to the table in hand, and the calls that waiting costs, in the double's own time."""
    start = datetime.now(UTC)
    clock = Clock(start)
    with Double([], now=clock) as served, pytest.MonkeyPatch.context() as env:
        served.set_environment(env)
        aws = CloudTrail(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
        engine = Lake(stores.read(STORE_ID), aws)
        served.canned = [column.name for column in COLUMNS], [row(number) for number in range(500)]
        late = []
        for shift in range(20):
            for running in ENDS:
                served.plan = Plan(running=running + shift * 0.05)
                clock.sleep(10)
                began, calls, real = clock.monotonic(), served.count("DescribeQuery"), time.monotonic()
                engine.run(ASKED, token="t", resume=None, progress=lambda *_: None).close()  # noqa: S106 - no secret
                waited = clock.monotonic() - began - served.plan.running
                late.append(waited + time.monotonic() - real)
                if running == 30.0 and shift == 0:
                    print(
                        f"a 30-second query costs {served.count('DescribeQuery') - calls} DescribeQuery calls"
                    )
        print(
            f"FINISHED to the table in hand: median {statistics.median(late):.2f} s, most {max(late):.2f} s "
            f"over {len(late)} queries of 2 to 31 s"
        )


def main() -> None:
    """All of it."""
    server: Any = subprocess.Popen(
        [sys.executable, "-c", "from tests.benchmarks.lake import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    url, s3 = json.loads(server.stdout.readline())
    os.environ.update(
        AWS_ENDPOINT_URL_CLOUDTRAIL=url,
        AWS_ENDPOINT_URL_S3=s3,
        AWS_ACCESS_KEY_ID="AKIATESTTESTTESTTEST",
        AWS_SECRET_ACCESS_KEY="b",  # noqa: S106 - so does the double
        AWS_DEFAULT_REGION="us-east-1",
    )
    known = stores.read(STORE_ID)
    aws = CloudTrail()
    aws.client(known["default"]), aws.client(known["default"], "s3")
    large(Lake(known, aws), "pages")
    large(Lake(known, aws, deliver_to=f"s3://{BUCKET}/lake"), "delivery")
    server.stdin.close()
    server.wait(timedelta(seconds=10).total_seconds())
    ends()


if __name__ == "__main__":
    main()
