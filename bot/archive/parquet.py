"""Spools of events → Parquet, by DuckDB; and how an embedded engine reads that Parquet.

The schema is explicit, made from `records.COLUMNS`: guessing it costs more time than loading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.archive.records import COLUMNS, Unusable, fits, mend
from bot.event_schema import MAP, TEXT, TIME, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import duckdb

MEMORY: Final = "400MB"
THREADS: Final = (
    1  # splitting keeps the other core busy; a second here cost half as much again and saved no time
)
JSON_BUFFER: Final = 8 << 20  # DuckDB reads twice this, or twice the longest record, per thread at a time
WRITE: Final = "(FORMAT parquet, COMPRESSION zstd)"
READ: Final = "read_parquet({}, hive_partitioning=false)"


@dataclass(slots=True)
class Spool:
    """Events of one UTC day, a line of JSON each, sorted by time; `longest` in bytes."""

    day: str
    path: Path
    lines: int
    longest: int


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB that may spill into `folder`."""
    import duckdb

    connection = duckdb.connect()
    for setting, value in (
        ("memory_limit", MEMORY),
        ("threads", THREADS),
        ("temp_directory", str(folder / "duckdb")),
        ("enable_progress_bar", False),  # it would go to stdout wherever Python runs without a file
        ("TimeZone", "UTC"),
    ):
        connection.execute(f"SET {setting} = $1", [value])
    return connection


def write(connection: duckdb.DuckDBPyConnection, spool: Spool, parquet: Path) -> int:
    """Load a spool and give the number of its events; Unusable if DuckDB refuses it whatever is mended.

    First as it is, which is fast; then with the odd lines mended; at last with all of them mended.
    """
    import duckdb

    why = ""
    for is_fine in (None, fits, lambda _: False):
        if is_fine:
            _mend_all_but(is_fine, spool)
        try:
            count = _count(connection.execute(_copy(spool, parquet), {"spool": _literal(spool.path)}))
        except (duckdb.DataError, duckdb.ProgrammingError) as error:
            why = str(error).splitlines()[0]
        else:
            if count == spool.lines:
                return count
            why = f"DuckDB found {count} events in {spool.lines} lines"
    raise Unusable(f"it cannot be loaded: {why}")


def _mend_all_but(is_fine: Callable[[bytes], bool], spool: Spool) -> None:
    mended = spool.path.with_suffix(".mended")
    with spool.path.open("rb") as old, mended.open("wb") as new:
        for line in old:
            text = line if is_fine(line) else mend(line)[2] + b"\n"
            spool.longest = max(spool.longest, len(text))
            new.write(text)
    mended.replace(spool.path)


def drop_doubles(connection: duckdb.DuckDBPyConnection, parquet: Path, held: Sequence[Path]) -> int:
    """Take out of `parquet` the events whose eventID is in `held`, and say how many they were."""
    files = {"new": _literal(parquet), "held": [_literal(path) for path in held]}
    new = READ.format("$new")
    held_ids = f"(SELECT eventID FROM {READ.format('$held')} WHERE eventID <> '')"  # noqa: S608 - constants
    known = f"{held_ids} USING (eventID)"
    doubles = _count(connection.execute(f"SELECT count(*) FROM {new} SEMI JOIN {known}", files))  # noqa: S608 - constants
    if doubles:
        rest = parquet.with_suffix(".rest")
        query = f"SELECT * FROM {new} ANTI JOIN {known} ORDER BY eventTime"  # noqa: S608 - a join loses the order
        connection.execute(f"COPY ({query}) TO {_quoted(rest)} {WRITE}", files)
        rest.replace(parquet)
    return doubles


def events_sql(folder: Path, *, empty: bool) -> str:
    """The statement that makes `events`, with the folders' `day` as a DATE, in an embedded engine."""
    if empty:
        return f"CREATE TABLE events ({_fields(COLUMNS, TIME, TEXT)}, day DATE)"
    files = _quoted(f"{_literal(folder)}/day=*/*.parquet")
    return (
        f"CREATE VIEW events AS SELECT * FROM read_parquet({files}, "  # noqa: S608 - a quoted path
        "hive_partitioning = true, hive_types = {'day': DATE})"
    )


def _copy(spool: Spool, parquet: Path) -> str:
    # Times are read as TIMESTAMPTZ, since read_json drops the offset of a TIMESTAMP; maps as JSON, since it
    # drops the quotes of a string that becomes VARCHAR.
    read = ", ".join(f"\"{name}\": '{_type(kind, 'TIMESTAMPTZ', 'JSON')}'" for name, kind in COLUMNS.items())
    keep = ", ".join(f'"{name}"::{_type(kind, TIME, TEXT)} AS "{name}"' for name, kind in COLUMNS.items())
    longest = max(JSON_BUFFER, spool.longest + 1)
    options = f"format='newline_delimited', maximum_object_size={longest}, columns={{{read}}}"
    query = f"SELECT {keep} FROM read_json($spool, {options})"  # noqa: S608 - constants
    return f"COPY ({query}) TO {_quoted(parquet)} {WRITE}"


def _type(kind: Type, moment: str, any_json: str) -> str:
    if isinstance(kind, dict):
        return f"STRUCT({_fields(kind, moment, any_json)})"
    if isinstance(kind, list):
        return f"{_type(kind[0], moment, any_json)}[]"
    return {TIME: moment, MAP: any_json}.get(kind, kind)


def _fields(kinds: dict[str, Type], moment: str, any_json: str) -> str:
    return ", ".join(f'"{name}" {_type(kind, moment, any_json)}' for name, kind in kinds.items())


def _literal(path: Path) -> str:
    """A path in which DuckDB sees no pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _quoted(path: object) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _count(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0
