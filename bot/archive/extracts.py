"""Extracts of the archive's files: what stands beside each, made from it alone, so that less is read.

    day=2026-11-28/7f3a…-o-1b2c3d4e.parquet              the events
    day=2026-11-28/7f3a…-o-1b2c3d4e.5e6f7a8b.hours       how many, by hour and by `COUNTED_BY`
    day=2026-11-28/7f3a…-o-1b2c3d4e.2.0.1.ids            their ids, hashed and in order

A file of the archive is never changed, so an extract is never wrong. One that is missing, or that other code
made, is done without until it is made anew; and small files go without.
"""

# ruff: noqa: S608 - the SQL here is made of constants and of quoted paths

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from bot.archive.disk import exact, sync
from bot.archive.said import SUFFIX, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import duckdb

COUNTED_BY: Final = ("eventSource", "awsRegion", "recipientAccountId", "saidVersion", "unsaid")
"""The columns of an event by which it is counted."""

HOW_MANY: Final = "calls"
LEAST_AND_MOST: Final = {
    "eventTime": ("oldest", "newest"),
    "unreadVersion": ("firstUnreadVersion", "lastUnreadVersion"),
    "unreadSuite": ("firstUnreadSuite", "lastUnreadSuite"),
    "unreadExchange": ("firstUnreadExchange", "lastUnreadExchange"),
}
"""The columns of an event of which the least and the most are kept, and under which names."""

WORTH_BYTES: Final = 1 << 18
"""Below, some thousand events, a file is read as fast as what would stand beside it is made and found."""

HASH_BITS: Final = 40
"""Of an id: among a million of a file, one in a million others seems to be there and is looked up in vain."""

_KEYS: Final = ", ".join(f'"{name}"' for name in COUNTED_BY)
_HOUR: Final = "date_trunc('hour', eventTime) AS eventTime"
_COUNTED: Final = ", ".join(
    f'min("{name}") AS "{least}", max("{name}") AS "{most}"' for name, (least, most) in LEAST_AND_MOST.items()
)
_ONE: Final = ", ".join(
    f'"{name}" AS "{least}", "{name}" AS "{most}"' for name, (least, most) in LEAST_AND_MOST.items()
)
HOURS_OF: Final = f"SELECT {_HOUR}, {_KEYS}, 1::BIGINT AS {HOW_MANY}, {_ONE}"
"""The beginning of a SELECT of events, each as an hour of its own."""

_HOURS: Final = (
    f"SELECT {_HOUR}, {_KEYS}, count(*) AS {HOW_MANY}, {_COUNTED} FROM {{}} GROUP BY ALL ORDER BY ALL"
)
_ID: Final = f"hash(eventID) >> {64 - HASH_BITS}"
_IDS: Final = f"SELECT DISTINCT {_ID} AS id FROM {{}} WHERE eventID <> ''"
_FILE: Final = "read_parquet(${}, hive_partitioning = false)"
_WRITE: Final = "(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"
"""Its second version writes numbers that are in order as their differences: 3 bytes an id."""

HOURS: Final = f".{hashlib.sha256(_HOURS.encode()).hexdigest()[:8]}.hours"
"""How an extract's name ends that was made by this code: another's is not read."""

EXTRACTS: Final = ("day=*/*.hours", "day=*/*.ids")


@cache
def ids_suffix() -> str:
    """As `HOURS`. DuckDB may hash otherwise in another version, so the name says by which an id was hashed.
    Source: DuckDB's documentation, "Utility Functions", hash."""
    return f".{version('duckdb')}.ids"


def hours(file: Path) -> Path:
    """Where the counts by the hour are of a file of the archive."""
    return file.with_suffix(HOURS)


def ids(file: Path) -> Path:
    """Where the ids are of a file of the archive."""
    return file.with_suffix(ids_suffix())


def lacking(file: Path) -> dict[Path, str]:
    """What should stand beside a file of the archive and does not, each with its SELECT: nothing beside a
    small one. Of a file that does not keep what its events say, no hours are counted."""
    if file.stat().st_size < WORTH_BYTES:
        return {}
    wanted = {ids(file): f"{_IDS} ORDER BY id"}
    if file.name.endswith(SUFFIX):
        wanted[hours(file)] = _HOURS
    return {extract: query for extract, query in wanted.items() if not extract.exists()}


def make(connection: duckdb.DuckDBPyConnection, file: Path, spool: Path) -> None:
    """Make what is missing beside a file of the archive; `spool` is a folder on the same disk."""
    for extract, query in lacking(file).items():
        new = spool / extract.name
        rows = query.format(_FILE.format("file"))
        connection.execute(f"COPY ({rows}) TO {quoted(new)} {_WRITE}", {"file": exact(file)})
        sync(new)
        new.replace(extract)


def may_share(connection: duckdb.DuckDBPyConnection, new: Path, held: Iterable[Path]) -> list[Path]:
    """Those of `held` that may have an event of which the file `new` has a copy: of all others it is sure
    that they have none."""
    known = {ids(file): file for file in held}
    there = [extract for extract in known if extract.exists()]
    found: set[str] = set()
    if there:
        query = (
            "SELECT DISTINCT filename FROM read_parquet($ids, hive_partitioning = false, filename = true)"
            f" SEMI JOIN ({_IDS.format(_FILE.format('new'))}) USING (id)"
        )
        files = {"new": exact(new), "ids": list(map(exact, there))}
        found = {name for (name,) in connection.execute(query, files).fetchall()}
    sure = {extract for extract in there if str(extract) not in found}
    return [file for extract, file in known.items() if extract not in sure]


def remove(file: Path) -> None:
    """Remove a file of the archive, and what stands beside it."""
    file.unlink(missing_ok=True)
    for extract in (hours(file), ids(file)):
        extract.unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Remove the extracts of files that are no more, and those that other code made."""
    for pattern in EXTRACTS:
        for extract in folder.glob(pattern):
            stem = extract.name.removesuffix(HOURS).removesuffix(ids_suffix())
            if stem == extract.name or not extract.with_name(f"{stem}.parquet").exists():
                extract.unlink(missing_ok=True)
