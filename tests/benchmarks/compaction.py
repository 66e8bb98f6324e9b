"""What many small ingests cost:
`python -m tests.benchmarks.compaction [--ingests N] [--kills N] [--known N]`.

As CloudTrail delivers: each ingest finds one more file, of a hundred events of one day. At some of them it is
told how many files the archive has and what a question and an ingest take. Then compactions are killed at
every step, and an archive that knows many files is asked for a day, by a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from bot.archive.archive import Archive
from bot.archive.ingest import Step

if TYPE_CHECKING:
    from collections.abc import Callable

REPO: Final = Path(__file__).parents[2]
AT: Final = (10, 100, 1_000, 2_000)
EVENTS_EACH: Final = 100
FIRST: Final = datetime(2026, 11, 1, tzinfo=UTC)
QUESTION: Final = "SELECT count(*), count(*) FILTER (WHERE saidVersion < 'TLSv1.2') FROM events"
CHILD: Final = """
import os, signal, sys
from pathlib import Path
from bot.archive.archive import Archive
from bot.archive.ingest import Limits

def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

Archive(Path(sys.argv[1]), Limits(on_step=step)).compact(now=lambda: float(sys.argv[3]))
"""
ASK: Final = """
import resource, sys, time
from datetime import datetime
from pathlib import Path
from bot.archive.archive import Archive

began, day = time.monotonic(), datetime.fromisoformat(sys.argv[3])
done = Archive(Path(sys.argv[1])).ingest([sys.argv[2]], progress=lambda _: None, since=day, until=day)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{time.monotonic() - began:.2f} s, {peak:.0f} MB, {done.known} known looked at, {done.files} new")
"""


def event(number: int, moment: datetime) -> dict[str, Any]:
    return {
        "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": f"service{number % 20}.amazonaws.com",
        "eventName": "GetObject",
        "eventID": f"{number:012}",
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::1:user/{number % 50}"},
        "tlsDetails": {"tlsVersion": "TLSv1.1" if number % 1_000 == 0 else "TLSv1.3"},
    }


def deliver(logs: Path, number: int) -> None:
    """The nth file: one every 40 seconds, a hundred events each."""
    moment = FIRST + timedelta(seconds=40 * number)
    events = [event(number * EVENTS_EACH + n, moment) for n in range(EVENTS_EACH)]
    folder = logs / f"AWSLogs/1/CloudTrail/eu-west-1/{moment:%Y/%m/%d}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:06}.json").write_text(json.dumps({"Records": events}))


def seconds(function: Callable[[], object]) -> float:
    began = time.monotonic()
    function()
    return time.monotonic() - began


def ask(archive: Archive) -> tuple[int, int]:
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(archive.events_sql())
        row = connection.execute(QUESTION).fetchone()
    assert row
    return int(row[0]), int(row[1])


def small_ingests(folder: Path, count: int) -> Archive:
    archive, logs = Archive(folder / "archive"), folder / "logs"
    print("ingests   files   a question    an ingest")
    for number in range(1, count + 1):
        deliver(logs, number)
        now = (FIRST + timedelta(seconds=40 * number)).timestamp()

        def ingest(now: float = now) -> None:
            archive.ingest([str(logs)], progress=lambda _: None, now=lambda: now)

        took = seconds(ingest)
        if number in AT or number == count:
            files = archive.events_sql().count(".parquet'")
            asked = min(seconds(lambda: ask(archive)) for _ in range(3))
            print(f"{number:7} {files:7} {asked:10.3f} s {took:10.3f} s", flush=True)
    assert ask(archive)[0] == count * EVENTS_EACH
    later = (FIRST + timedelta(days=9)).timestamp()
    took = seconds(lambda: archive.compact(now=lambda: later))
    files = archive.events_sql().count(".parquet'")
    asked = min(seconds(lambda: ask(archive)) for _ in range(3))
    print(f"compacted in {took:.1f} s: {files} files, a question {asked:.3f} s")
    assert ask(archive)[0] == count * EVENTS_EACH
    return archive


def known_files(folder: Path, count: int) -> None:
    """Files in 100 days, told to the ledger as known and none of them opened."""
    archive, logs = Archive(folder / "archive"), folder / "logs"
    deliver(logs, 1)
    archive.ingest([str(logs)], progress=lambda _: None)
    rows = []
    for number in range(count):
        day = FIRST - timedelta(days=1 + number % 100)
        path = logs / f"AWSLogs/1/CloudTrail/eu-west-1/{day:%Y/%m/%d}/{number:06}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
        about = path.stat()
        rows.append((str(path), about.st_size, str(about.st_mtime_ns), 1))
    with sqlite3.connect(archive.folder / "ledger.sqlite") as ledger:
        ledger.executemany("INSERT INTO sources VALUES (?, ?, ?, ?)", rows)
    ledger.close()
    for asked in (FIRST, FIRST - timedelta(days=50)):
        command = [sys.executable, "-c", ASK, str(archive.folder), str(logs), asked.isoformat()]
        said = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
        print(f"{count:,} known files, a day asked: {said.strip()}")


def kills(folder: Path, count: int) -> None:
    later = (FIRST + timedelta(days=9)).timestamp()
    archive, logs = Archive(folder / "archive"), folder / "logs"
    steps, killed = [Step.MERGE, Step.KEEP, Step.COMMIT, Step.COMMITTED], 0
    for number in range(1, count + 1):
        for n in (2 * number - 1, 2 * number):
            deliver(logs, n)
            archive.ingest([str(logs)], progress=lambda _: None)
        command = [sys.executable, "-c", CHILD, str(archive.folder), steps[number % 4], str(later)]
        killed += subprocess.run(command, cwd=REPO, check=False).returncode == -signal.SIGKILL
        assert ask(archive)[0] == 2 * number * EVENTS_EACH
    archive.compact(now=lambda: later)
    assert ask(archive)[0] == 2 * count * EVENTS_EACH
    print(f"{killed} compactions killed, every event once; {archive.sources().strays or 'no'} strays")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ingests", type=int, default=2_000)
    parser.add_argument("--known", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    for part, size in (
        (small_ingests, options.ingests),
        (kills, options.kills),
        (known_files, options.known),
    ):
        if size:
            with tempfile.TemporaryDirectory(prefix="tls-audit-") as folder:
                part(Path(folder), size)
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
