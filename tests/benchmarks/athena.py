"""What a question costs over many accounts at Athena: `python -m tests.benchmarks.athena [--accounts N]`.

The double of Athena holds a file for each account, of four Regions, on each of 40 days, and a table that
projects its partitions over them, as `tls-audit athena table` makes it. Printed for each question: the
partitions and bytes that were read, the calls to AWS, the rows, and the CPU seconds that the bot itself took.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from bot import engines
from bot.engines.athena import client, ddl, tables
from bot.engines.athena.engine import Athena
from bot.question import select, views
from bot.question.parser import parse
from tests.doubles import athena as double
from tests.support.clock import Clock
from tests.support.logs import quietly
from tests.support.trail import ATHENA_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle import Record

NOW: Final = datetime(2026, 11, 28, 9, tzinfo=UTC)
DAYS: Final = 40
CATALOGUE: Final = views.load()
REGIONS: Final = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
VERSIONS: Final = ("TLSv1.3", "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1")
QUESTIONS: Final = (
    "2026-11-26",
    "2026-11-26 by=findings min=1.3",
    "2026-10-28..2026-11-27",
    "2026-10-28..2026-11-27 by=findings min=1.3",
    "2026-10-28..2026-11-27 by=requests account=000000000007 region=eu-*",
)


def records(accounts: int) -> Iterator[Record]:
    """One call in each partition, of a service and a role that go by it."""
    for account in range(accounts):
        for at, region in enumerate(REGIONS):
            for back in range(DAYS):
                number = account + at + back
                owner = f"{account:012}"
                yield {
                    "eventVersion": "1.11",
                    "eventID": f"{account:08x}-{at:04x}-{back:04x}-0000-000000000000",
                    "eventTime": f"{NOW - timedelta(days=back):%Y-%m-%dT08:00:00Z}",
                    "eventSource": ("s3.amazonaws.com", "kms.amazonaws.com", "sqs.amazonaws.com")[number % 3],
                    "eventName": "GetObject",
                    "awsRegion": region,
                    "sourceIPAddress": f"10.0.{account % 256}.{at}",
                    "userAgent": f"Boto3/1.{number % 40}.0",
                    "recipientAccountId": owner,
                    "userIdentity": {
                        "type": "IAMUser",
                        "arn": f"arn:aws:iam::{owner}:user/job-{number % 5}",
                        "accountId": owner,
                    },
                    "tlsDetails": {"tlsVersion": VERSIONS[number % 5], "cipherSuite": "ECDHE-RSA-AES128-SHA"},
                }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=300)
    accounts = parser.parse_args().accounts
    table = tables.read(ATHENA_TABLE)[tables.DEFAULT]
    where = f"s3://{double.BUCKET}/AWSLogs/o-tls/"
    owners = [f"{account:012}" for account in range(accounts)]
    clock = Clock(NOW)
    with (
        closing(double.Bucket(double.deliver(records(accounts)))) as bucket,
        double.Athena(bucket, now=clock) as served,
        pytest.MonkeyPatch.context() as env,
    ):
        bucket.create(ddl.create(table, where, accounts=owners, regions=REGIONS, since="2026/01/01"))
        served.set_environment(env)
        aws = client.Athena(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
        engine = Athena({tables.DEFAULT: table}, aws)
        aws.client(table, "s3")
        engine.refresh()
        whole = sum(file.size for file in bucket.files)
        held = f"{len(bucket.files):,} files of {whole:,} bytes"
        print(f"{accounts} accounts, {len(REGIONS)} Regions, {DAYS} days: {held}")
        for text in QUESTIONS:
            served.calls.clear()
            print(told(engine, served, text), flush=True)


def told(engine: Athena, served: double.Athena, text: str) -> str:
    """A line about a question; then it is asked."""
    began, cpu = time.monotonic(), time.thread_time()
    question = parse(text, now=NOW, zone=UTC, views=CATALOGUE, engines=engines.ENGINES)
    asked = engine.translate(select.build(question, cap=1_000_000), question.view.columns)
    with engine.run(asked, token=text, resume=None, progress=quietly) as table:
        rows = sum(1 for _ in table.rows())
    cpu, seconds = time.thread_time() - cpu, time.monotonic() - began
    query = list(served.executions.values())[-1]
    calls = Counter(name for name, _ in served.calls)
    named = ", ".join(f"{name} {times}" for name, times in calls.items())
    return (
        f"{text}\n  {query.files:,} partitions, {query.scanned:,} bytes; {named}, and the answer's file; "
        f"{rows:,} rows; {cpu:.2f} s of CPU, {seconds:.1f} s with the double's"
    )


if __name__ == "__main__":
    main()
