"""How fast an archive answers: `python -m tests.benchmarks.query [--events N] [--folder DIR]`.

From the words of a question to the last row read, beside the same SQL sent straight to DuckDB on the same
Parquet, jq and a plain Python loop; then a long answer as CSV beside `csv.writer` alone.
Times are the best of several alternating runs. Logs and archive are made once, in the folder.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
from tabulate import tabulate

from bot import engines
from bot.archive.archive import Archive
from bot.engines.local import Local
from bot.question import select, views
from bot.question.parser import parse
from tests.benchmarks.ingest import CACHE, generated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.table import Row, Table

NOW: Final = datetime(2022, 5, 1, tzinfo=UTC)
"""The end of the generator's thirty days."""

CAP: Final = 1_000_000
MEMORY: Final = "2GB"
RUNS: Final = 5
SLACK: Final = 0.05
RATIO: Final = 1.2
"""The goal: at most this times DuckDB alone, beyond the slack in seconds."""

OLD: Final = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
JQ: Final = (
    '.Records[] | select(.tlsDetails.tlsVersion | IN("SSLv2","SSLv3","TLSv1","TLSv1.1")) | .eventSource'
)

CLIENTS: Final = ("by=clients", "by=clients min=1.3")
READINESS: Final = ("by=readiness", "by=burn-down", "by=clients sdk=eol", "by=endpoints min=1.3 kx=classical")

TWICE: Final = 2
"""The goal for those: at most this times the slower view of clients."""

LONG: Final = "last 30d by=requests min=1.3"
CSV: Final = """
import os, sys, time
from pathlib import Path
from bot.answers.export import to_csv
from tests.benchmarks.query import LONG, ask, stream
def memory(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))
def growth(work):
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew: proc(5)
    before = memory("VmRSS")
    done = work()
    return done, memory("VmHWM") - before
archive = Path(sys.argv[1])
ask(archive, "last 30d by=services").close()
if sys.argv[2] == "alone":
    print(*growth(lambda: stream(archive, LONG)))
    sys.exit()
table, answering = growth(lambda: ask(archive, LONG))
began = time.perf_counter()
with open(os.devnull, "w") as file:
    _, writing = growth(lambda: to_csv(table, file))
print(table.row_count, time.perf_counter() - began, answering, writing)
"""


def ask(archive: Path, text: str) -> Table:
    """The table of a question, from its words on."""
    catalogue = views.load()
    question = parse(text, now=NOW, zone=UTC, views=catalogue, engines=engines.ENGINES)
    engine = Local(Archive(archive), memory=MEMORY, seconds=600, at_once=2)
    translated = engine.translate(select.build(question, cap=CAP), question.view.columns)
    return engine.run(translated, token="7f3a", resume=None, progress=lambda *_: None)  # noqa: S106 - a run's


def stream(archive: Path, text: str) -> int:
    """The rows of the same SQL from DuckDB alone, counted without keeping them."""
    rows = 0
    with _duckdb(archive) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        result = connection.execute(_sql(archive, text))
        while batch := result.fetchmany(2048):
            rows += len(batch)
    return rows


def best(*works: Callable[[], object]) -> list[float]:
    """The least seconds that each of `works` took, run in turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(RUNS):
        for work, spent in zip(works, times, strict=True):
            began = time.perf_counter()
            work()
            spent.append(time.perf_counter() - began)
    return [min(spent) for spent in times]


def filled(archive: Path, logs: Path) -> Path:
    """The archive of all `logs`, made once."""
    if not archive.exists():
        print("ingesting once", file=sys.stderr)
        Archive(archive).ingest([str(logs)], progress=lambda _: None)
    return archive


def questions(archive: Path) -> list[list[str]]:
    """A row for each question: ours, DuckDB's, and whether the goal is met."""
    lines = []
    for view in ("services", "calls"):
        for days in (1, 7, 30):
            text = f"last {days}d by={view}"
            alone = _alone(archive, text)
            with ask(archive, text) as table:
                rows = list(table.rows())
            assert alone() == rows, text
            ours, theirs = best(_ours(archive, text), alone)
            verdict = "met" if ours <= SLACK + RATIO * theirs else "MISSED"
            lines.append(
                [
                    text,
                    f"{len(rows):,} rows",
                    f"{ours:.3f} s",
                    f"{theirs:.3f} s",
                    f"{ours / theirs:.2f} ×",
                    verdict,
                ]
            )
    return lines


def beside_clients(archive: Path) -> list[list[str]]:
    """How far clients are, and whose SDK is over, beside the view `clients` of the same window."""
    texts = [f"last 30d {words}" for words in (*CLIENTS, *READINESS)]
    times = best(*(_ours(archive, text) for text in texts))
    ratios = [seconds / max(times[: len(CLIENTS)]) for seconds in times]
    return [
        [text, f"{seconds:.3f} s", f"{ratio:.2f} ×", "met" if ratio <= TWICE else "MISSED"]
        for text, seconds, ratio in zip(texts, times, ratios, strict=True)
    ]


def _ours(archive: Path, text: str) -> Callable[[], int]:
    def work() -> int:
        with ask(archive, text) as table:
            return sum(len(batch) for batch in table.batches())

    return work


def _alone(archive: Path, text: str) -> Callable[[], list[Row]]:
    sql = _sql(archive, text)

    def work() -> list[Row]:
        with _duckdb(archive) as connection:
            return connection.execute(sql).fetchall()

    return work


def _sql(archive: Path, text: str) -> str:
    question = parse(text, now=NOW, zone=UTC, views=views.load(), engines=engines.ENGINES)
    engine = Local(Archive(archive), memory=MEMORY, seconds=600, at_once=2)
    return engine.translate(select.build(question, cap=CAP), ()).sql


@contextmanager
def _duckdb(archive: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB alone, with the archive's relations."""
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")  # it would go to stdout
        connection.execute(Archive(archive).events_sql())
        connection.execute(Archive(archive).hours_sql())
        yield connection


def one_day(logs: Path, archive: Path) -> list[list[str]]:
    """The last day's services by us, by jq and by a plain loop over the log files."""
    day = NOW.date().replace(month=4, day=30)
    files = sorted(map(str, logs.glob(f"AWSLogs/*/CloudTrail/*/{day:%Y/%m/%d}/*.json.gz")))
    (ours,) = best(_ours(archive, "last 1d by=services"))
    lines = [["ours, from the archive", f"{ours:.3f} s", ""]]
    began = time.perf_counter()
    counts = Counter[str]()
    for file in files:
        with gzip.open(file) as stream:
            for record in json.load(stream)["Records"]:
                if (record.get("tlsDetails") or {}).get("tlsVersion") in OLD:
                    counts[record["eventSource"]] += 1
    loop = time.perf_counter() - began
    lines.append(["a plain Python loop over its logs", f"{loop:.2f} s", f"{loop / ours:,.0f} ×"])
    if not shutil.which("jq"):
        return [*lines, ["jq is not installed", "", ""]]
    began = time.perf_counter()
    command = f"zcat {shlex.join(files)} | jq -r {shlex.quote(JQ)}"
    said = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - ours
    jq = time.perf_counter() - began
    assert Counter(said.stdout.split()) == counts
    return [*lines, ["jq over its logs", f"{jq:.2f} s", f"{jq / ours:,.0f} ×"]]


def long_answer(archive: Path) -> list[list[str]]:
    """A million rows to CSV, in a process of its own, beside csv.writer with the same rows in memory."""
    said = _python("-c", CSV, str(archive), "ours").split()
    rows, seconds, read, written = int(said[0]), *map(float, said[1:])
    sorting = float(_python("-c", CSV, str(archive), "alone").split()[1])
    with ask(archive, LONG) as table:
        plain = list(table.rows())
    with Path(os.devnull).open("w") as file:
        (alone,) = best(lambda: csv.writer(file, lineterminator="\n").writerows(plain))
    return [
        ["to_csv", f"{rows:,} rows", f"{rows / seconds:,.0f} rows/s", f"{seconds / alone:.2f} × csv.writer"],
        ["csv.writer alone", f"{rows:,} rows", f"{rows / alone:,.0f} rows/s", "1.00 ×"],
        [
            "memory grew",
            "answering",
            f"{read:,.0f} MB",
            f"{read - sorting:+,.0f} MB to DuckDB alone (goal: 100)",
        ],
        ["memory grew", "writing", f"{written:,.0f} MB", "(goal: 100)"],
    ]


def _python(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, default=CACHE, help="where the archive is kept")
    parser.add_argument("--logs", type=Path, help="logs that the generator made before")
    options = parser.parse_args()
    logs = options.logs or generated(options.events)
    archive = filled(options.folder / f"{options.events}-archive", logs)
    print(f"{options.events:,} events over 30 days\n")
    heads = ["question", "answer", "ours", "DuckDB alone", "ratio", f"{SLACK * 1000:.0f} ms + {RATIO} ×"]
    print(tabulate(questions(archive), heads), end="\n\n")
    print(tabulate(beside_clients(archive), ["question", "ours", "by clients", "2 ×"]), end="\n\n")
    print(tabulate(one_day(logs, archive), ["one day", "took", "relative"]), end="\n\n")
    print(tabulate(long_answer(archive), ["a long answer", "", "", ""]))


if __name__ == "__main__":
    main()
