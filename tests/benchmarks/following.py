"""What it takes to know what is new in a bucket: `python -m tests.benchmarks.following [--before FOLDER]`.

Stand-ins for S3 and SQS on this machine. First a bucket of one object for each account, Region and day: `ask
"yesterday"`, again, and an hour of `serve` in which nothing comes, in simulated time, with and without a
queue, in seconds as they pass and as a core is busy. `--before` is a checkout of earlier code with a `.venv`,
asked the same. Then a queue with as many messages as `--messages` says, of which a tenth are lost, repeated
or odd: every event has to be there once.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import duckdb

from bot.archive.archive import Archive
from bot.archive.follow import Follower, Logs
from bot.archive.sqs import Queue
from tests.archive.bucket import Bucket, Object, serving
from tests.archive.test_queue import TEST_EVENT, bridged, plain, published
from tests.benchmarks.days import KEY, REGIONS
from tests.doubles.sqs import SQS, URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPO: Final = Path(__file__).parents[2]
PLACE: Final = "s3://trail"
HOUR: Final = 3_600.0
USED: Final = re.compile(r"^used (\d+) ([\d.]+)$", re.MULTILINE)
MEASURED: Final = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("used", used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(code)
"""
SERVE: Final = """
import sys, time
from pathlib import Path
from bot.archive.archive import Archive
from bot.archive.follow import Follower, Logs
from bot.archive.sqs import Queue

folder, url, hours, start = sys.argv[1:]
now, end = [float(start)], float(start) + float(hours) * 3600

def wait(seconds):
    now[0] += seconds
    return now[0] >= end

Follower(Archive(Path(folder)), Logs(["s3://trail"]), Queue(url) if url else None,
         stops=lambda: False, wait=wait, now=lambda: now[0]).run()
"""
SERVE_BEFORE: Final = """
import sys
from pathlib import Path
from bot.archive import Archive

for _ in range(12):
    Archive(Path(sys.argv[1])).ingest(["s3://trail"], progress=lambda _: None)
"""
"""What `serve` of 3cccd8c did every five minutes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=300)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--before", type=Path, help="a checkout of earlier code, with a .venv")
    options = parser.parse_args()
    logging.disable()  # of thousands of files, the last lines are what counts
    now = datetime.now(UTC)
    with serving() as bucket, SQS(lambda: now) as sqs:
        if options.accounts:
            bucket.objects = dict(objects(options.accounts, options.days, now))
            for title, checkout in (("now", REPO), ("before", options.before)):
                if checkout:
                    measure(title, checkout, bucket, sqs, now)
    if options.messages:
        drain(options.messages)


def objects(accounts: int, days: int, now: datetime) -> Iterator[tuple[str, Object]]:
    """An object with one event for each account and Region on each day, as old as its day."""
    for account in range(accounts):
        for region in REGIONS:
            for back in range(days):
                moment = now - timedelta(days=back)
                key = KEY.format(account, region, moment)
                yield key, Object(event(key, moment), modified=f"{moment:%Y-%m-%dT%H:%M:%S.000Z}")


def event(name: str, moment: datetime) -> bytes:
    about = {"eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "eventID": name, "awsRegion": "eu-west-1"}
    return json.dumps({**about, "eventSource": "s3.amazonaws.com", "eventName": "GetObject"}).encode()


def measure(title: str, checkout: Path, bucket: Bucket, sqs: SQS, now: datetime) -> None:
    """Print requests, seconds and memory of two questions and of an idle hour."""
    python = sys.executable if checkout == REPO else str(checkout / ".venv/bin/python")
    with tempfile.TemporaryDirectory(prefix="tls-audit-") as folder:
        aws = {"AWS_ENDPOINT_URL_S3": bucket.url} | sqs.environment | {"AWS_DEFAULT_REGION": "us-east-1"}
        env = os.environ | aws | {"TLS_AUDIT_LOGS": PLACE, "TLS_AUDIT_DATA": folder}
        archive = str(Path(folder, "archive"))

        def run(what: str, *command: str) -> None:
            bucket.asked.clear()
            bucket.listings, sqs.calls[:] = 0, []
            began = monotonic()
            child = [sys.executable, "-c", MEASURED, python, *command]
            said = subprocess.run(child, cwd=checkout, env=env, capture_output=True, text=True, check=True)
            took, found = monotonic() - began, USED.search(said.stdout)
            peak, busy = (int(found[1]) / 1024, float(found[2])) if found else (0.0, 0.0)
            called = ", ".join(f"{count} {name}" for name, count in Counter(n for n, _ in sqs.calls).items())
            print(
                f"{title}: {what}: {bucket.listings} listings, {len(bucket.asked)} objects, "
                f"{called or 'no call of SQS'}; {took:.1f} s, {busy:.1f} s of a core, {peak:.0f} MB",
                flush=True,
            )

        ask = ("-c", "from bot.cli.main import main; main()", "ask", "yesterday")
        if checkout != REPO:
            ask = ("-c", "from bot.cli import main; main()", "ask", "yesterday")
        run("ask yesterday", *ask)
        run("ask yesterday again", *ask)
        if checkout != REPO:
            run("an idle hour of serve", "-c", SERVE_BEFORE, archive)
            return
        for which, url in (("without a queue", ""), ("with a queue", URL)):
            run(f"serve begins, {which}", "-c", SERVE, archive, url, "0.01", str(now.timestamp()))
        # what begins lists as well; of an hour and of that alone, the difference is the idle hour
        for which, url in (("without a queue", ""), ("with a queue", URL)):
            run(f"begin and an idle hour, {which}", "-c", SERVE, archive, url, "1", str(now.timestamp()))


def drain(count: int) -> None:
    """Print what it takes to read so many objects of which a queue tells, and whether every event is there
    once."""
    chance = random.Random(14)  # noqa: S311 - the same every time
    now = [datetime.now(UTC)]
    kinds: Counter[str] = Counter()
    with (
        serving() as bucket,
        SQS(lambda: now[0], most=5) as sqs,
        tempfile.TemporaryDirectory(prefix="tls-audit-") as folder,
    ):
        os.environ |= {"AWS_ENDPOINT_URL_S3": bucket.url} | sqs.environment
        archive = Archive(Path(folder, "archive"))

        def follow(hours: float) -> Mapping[str, int]:
            end, counted = now[0] + timedelta(hours=hours), Counter[str]()

            def wait(seconds: float) -> bool:
                now[0] += timedelta(seconds=seconds)
                return now[0] >= end

            def clock() -> float:
                return now[0].timestamp()

            def count(kind: str, number: int) -> None:
                counted[kind] += number

            logs, queue = Logs([PLACE]), Queue(URL)
            Follower(archive, logs, queue, stops=lambda: False, wait=wait, now=clock, count=count).run()
            return counted

        bucket.objects = dict(objects(1, 1, now[0]))
        follow(0.1)
        now[0] += timedelta(seconds=1)
        begun = len(bucket.objects)
        for number in range(count):
            key = KEY.format(number % 300, REGIONS[number % 4], now[0]).replace("a.json", f"{number} +ü.json")
            about = Object(event(key, now[0]), modified=f"{now[0]:%Y-%m-%dT%H:%M:%S.999Z}")
            bucket.objects[key] = about
            envelope = chance.choice((plain, bridged, lambda *given: published(plain(*given))))
            kind = chance.choice(("lost", "repeat", "odd")) if chance.random() < 0.1 else "plain"
            kinds[kind] += 1
            if kind != "lost":
                sqs.send(envelope(key, about), repeat=kind == "repeat")
            if kind == "odd":
                odd = ("no JSON", TEST_EVENT, plain(key, about, bucket="another"), plain("gone/x", about))
                sqs.send(chance.choice(odd))
        bucket.asked.clear()
        bucket.listings, sqs.calls[:] = 0, []
        began = monotonic()
        told = follow(25)
        took = monotonic() - began
        with duckdb.connect() as duck:
            duck.execute(archive.events_sql())
            found = duck.execute("SELECT count(*), count(DISTINCT eventID) FROM events").fetchone()
        state = archive.queue(URL, lambda: now[0].timestamp() + HOUR)
        print(f"queue: {count} objects: {dict(kinds)}; messages {dict(told)}")
        print(
            f"queue: {took:.1f} s for 25 hours of serve, {bucket.listings} listings, "
            f"{len(bucket.asked)} objects, {dict(Counter(name for name, _ in sqs.calls))}"
        )
        print(
            f"queue: {found} events, of {count + begun}; {len(state.untold) if state else None} never told; "
            f"{len(sqs.messages)} left, {len(sqs.dead)} dead letters"
        )


if __name__ == "__main__":
    main()
