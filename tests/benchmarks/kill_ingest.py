"""Kill an ingest with -9 again and again: `python -m tests.benchmarks.kill_ingest [--events N] [--kills N]`.

The moments are spread over the files read and over the steps of a commit, a few of each. Then a last ingest
runs undisturbed, and every eventID of the source must be in the archive exactly once.
"""

from __future__ import annotations

import argparse
import gzip
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import duckdb

from bot.archive.archive import Archive
from tests.benchmarks.ingest import REPO, generated

CHILD = """
import os, signal, sys
from pathlib import Path
from bot.archive.archive import Archive
from bot.archive.ingest import Limits, Step

left = {"file": int(sys.argv[3]), "step": int(sys.argv[4])}

def count(kind):
    left[kind] -= 1
    if left[kind] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

limits = Limits(batch_bytes=8 << 20, on_step=lambda step: step is Step.LOAD or count("step"))
Archive(Path(sys.argv[2]), limits).ingest([sys.argv[1]], progress=lambda _: count("file"))
"""


def source_ids(logs: Path) -> set[str]:
    """Every eventID of the logs, read by the standard library only."""
    files = (logs / "AWSLogs").glob("*/CloudTrail/**/*.json.gz")
    return {e["eventID"] for path in files for e in json.loads(gzip.decompress(path.read_bytes()))["Records"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--logs", type=Path, help="logs that the generator made before")
    options = parser.parse_args()
    logs = options.logs or generated(options.events)
    with tempfile.TemporaryDirectory(prefix="tls-audit-") as folder:
        killed = 0
        for n in range(1, options.kills + 1):
            moment = [str(11 + n % 5), "0"] if n % 2 else ["0", str(1 + n % 6)]
            command = [sys.executable, "-c", CHILD, str(logs / "AWSLogs"), folder, *moment]
            killed += subprocess.run(command, check=False, cwd=REPO).returncode == -signal.SIGKILL
        last = Archive(Path(folder)).ingest([str(logs / "AWSLogs")], progress=lambda _: None)
        with duckdb.connect() as connection:
            connection.execute(Archive(Path(folder)).events_sql())
            rows = connection.execute("SELECT eventID FROM events").fetchall()
    stored = Counter(row[0] for row in rows)
    expected = source_ids(logs)
    lost, doubled = expected - stored.keys(), [name for name, times in stored.items() if times > 1]
    print(f"{killed} kills; the last ingest found {last.known} files stored and stored {last.files}")
    print(f"{len(expected):,} events: {len(lost)} lost, {len(doubled)} doubled")
    sys.exit(bool(lost or doubled or stored.keys() - expected))


if __name__ == "__main__":
    main()
