"""What questions cost over a hundred million events:
`python -m tests.benchmarks.size FOLDER [--events N] [--copies N] [--beside CODE …]`.

The events of N generated logs are taken in once, and by SQL each day gets so many copies of its own, each
with ids and times of its own. What is old is made TLSv1.2 but for one event in hundreds of one copy, none of
them on the last day: so a question about the last day finds nothing, one about the month little, and
`min=1.3` much. Of the copies two archives are made: one as compaction leaves a day, and one as version 2
wrote it, a file a copy in the order of arrival, without what the events say of TLS (all but the first
two are the second again, byte for byte).

Then each code asks, in a process of its own, in turns: this one, and each CODE, a work tree of another commit
with a `.venv` of its own. One that has no module `bot/archive/compaction.py` asks the archive of its kind.
"""

# ruff: noqa: S608 - the SQL here is made of constants and of the paths of our own files

from __future__ import annotations

import argparse
import shutil
import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Final

import duckdb
from tabulate import tabulate

from bot.archive import parquet
from bot.archive.archive import Archive
from bot.archive.events import COLUMNS
from bot.archive.ledger import Ledger
from bot.archive.said import SQL as SAID_SQL
from bot.archive.said import SUFFIX
from tests.benchmarks.before import OURS, Asking
from tests.benchmarks.ingest import generated

ROUNDS: Final = 5
FEW: Final = 400
"""Of the first copy, one event of so many that were old stays old."""

BATCH: Final = "0" * 32
WINDOWS: Final = (
    *(f"last {days}d" for days in (1, 7, 30)),
    *(f"2022-04-{day}T10:20Z..2022-04-30T10:20Z" for day in (29, 23)),
)
"""Of whole days, and with parts of hours at both ends."""

QUESTIONS: Final = ("by=services", "by=calls", "by=coverage", "by=services min=1.3")
COPY: Final = f"""
SELECT {", ".join(f'"{name}"' for name in COLUMNS)}
FROM (
    SELECT * REPLACE (
        md5(eventID || '{{copy}}')::UUID::VARCHAR AS eventID,
        eventTime::DATE + to_microseconds(
            (epoch_us(eventTime) + {{copy}} * 1_723_000_001::BIGINT) % 86_400_000_000
        ) AS eventTime,
        CASE WHEN tlsDetails.tlsVersion IN ('TLSv1', 'TLSv1.1') AND NOT ({{stays}})
            THEN struct_update(tlsDetails, tlsVersion := 'TLSv1.2') ELSE tlsDetails END AS tlsDetails
    ) FROM read_parquet('{{file}}', hive_partitioning = false)
)
"""


def multiply(source: Path, ours: Path, before: Path, count: int) -> None:
    """Both archives, of the days of `source`, each of which has one file that is ordered."""
    days = sorted(source.glob("day=*"))
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET memory_limit = '4GB'")
        for day in days:
            (file,) = day.glob(f"*-o{SUFFIX}")
            few = "false" if day == days[-1] else f"hash(eventID) % {FEW} = 0"
            copies = [
                COPY.format(file=file, copy=copy, stays="false" if copy else few) for copy in range(count)
            ]
            told = [f"SELECT *, {SAID_SQL} FROM ({each})" for each in copies]
            rows = " UNION ALL ".join(
                f"SELECT * FROM ({each}) WHERE {which}"
                for which in (parquet.OLD, f"NOT {parquet.OLD}")
                for each in told
            )
            for folder in (ours / day.name, before / day.name):
                folder.mkdir(parents=True, exist_ok=True)
            connection.execute(f"COPY ({rows}) TO '{ours / day.name / f'{BATCH}-o{SUFFIX}'}' {parquet.WRITE}")
            for copy, each in enumerate(copies[:2]):
                to = before / day.name / f"{BATCH}-{copy}.parquet"
                arrived = f"{each} ORDER BY recipientAccountId, awsRegion, eventTime"
                connection.execute(f"COPY ({arrived}) TO '{to}' {parquet.WRITE}")
            for copy in range(2, count):
                shutil.copy(to, to.with_name(f"{BATCH}-{copy}.parquet"))
            print(f"{day.name} made", flush=True)


def told(archive: Path) -> None:
    """Have the ledger know the files, and what stands beside them be made."""
    files = [str(path.relative_to(archive)) for path in archive.glob("day=*/*.parquet")]
    with closing(Ledger(archive)) as ledger:
        ledger.commit(BATCH, 0, files=files, replaced=(), sources=(), now=time.time())
    began = time.monotonic()
    print(f"{Archive(archive).compact()} in {time.monotonic() - began:.1f} s")


def size(archive: Path, ending: str) -> str:
    return f"{sum(path.stat().st_size for path in archive.glob(f'day=*/*{ending}')) / 1e6:,.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the archives are kept")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--copies", type=int, default=50)
    parser.add_argument(
        "--beside", type=Path, action="append", default=[], help="a work tree of another commit"
    )
    options = parser.parse_args()
    source, ours, before = (options.folder.absolute() / name for name in ("source", "ours", "before"))
    if not source.exists():
        Archive(source).ingest([str(generated(options.events))], progress=lambda _: None)
        Archive(source).compact(now=time.time)
    if not (ours / "ledger.sqlite").exists():
        multiply(source, ours, before, options.copies)
        told(ours)
    for archive in (ours, before):
        sizes = {ending: size(archive, ending) for ending in (".parquet", ".hours", ".ids")}
        print(f"{archive.name}: {sizes}")
    codes = [*(code.absolute() for code in options.beside), OURS]
    with ExitStack() as opened:
        asking = []
        for code in codes:
            archive = ours if (code / "bot" / "archive" / "compaction.py").exists() else before
            asking.append(Asking(code, archive, source))
            opened.callback(asking[-1].close)
        rows = []
        for text in (f"{window} {words}" for window in WINDOWS for words in QUESTIONS):
            spent: list[list[tuple[float, float]]] = [[] for _ in asking]
            for each in asking:
                each.ask(text)
            for _ in range(ROUNDS):
                for each, seconds in zip(asking, spent, strict=True):
                    seconds.append(each.ask(text))
            row = [text]
            for clock in (0, 1):
                took = [median(seconds[clock] for seconds in each) for each in spent]
                row += [f"{each:.3f} s" for each in took]
                row += [f"{took[-1] / each:.2f} ×" for each in took[:-1]]
            rows.append(row)
            print(row, flush=True)
    names = [code.name for code in codes]
    heads = [*names, *(f"to {name}" for name in names[:-1])]
    print(tabulate(rows, ["question", *heads, *(f"CPU, {head}" for head in heads)], disable_numparse=True))


if __name__ == "__main__":
    main()
