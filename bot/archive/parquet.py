"""Spools of events → Parquet, by DuckDB.

The schema is explicit, made from `records.COLUMNS`: guessing it costs more time than loading. Beside what was
logged, a file keeps what the event says of its TLS (`SAID`), so that questions need not search text.
"""

# ruff: noqa: S608 - the SQL here is made of constants and of quoted paths

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.archive import extracts
from bot.archive.disk import exact
from bot.archive.events import COLUMNS, Unusable
from bot.archive.said import EVENT_ORDER, SAID, SUFFIX, quoted
from bot.archive.said import SQL as SAID_SQL
from bot.event_schema import MAP, TEXT, TIME, VERSIONS, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import duckdb

MEMORY: Final = "400MB"
THREADS: Final = (
    1  # splitting keeps the other core busy; a second here cost half as much again and saved no time
)
JSON_BUFFER: Final = 8 << 20  # DuckDB reads twice this, or twice the longest record, per thread at a time
WRITE: Final = "(FORMAT parquet, COMPRESSION zstd)"
FIRST_WRITE: Final = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, WRITE_BLOOM_FILTER false)"
"""Of what compaction writes again: a sixth of the loading less, and no more bytes."""
ROWS_AT_ONCE: Final = 1_000
TLS: Final = "tlsDetails"
READ: Final = "read_parquet({}, hive_partitioning=false, union_by_name=true)"


@dataclass(slots=True)
class Spool:
    """Events of one UTC day, a line of JSON each, in `EVENT_ORDER`; `longest` in bytes; whether some of them
    bear the same eventID, and whether some bear none."""

    day: str
    path: Path
    lines: int
    longest: int
    copies: bool
    nameless: bool


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

    from bot.archive.records import fits

    why = ""
    for is_fine in (None, fits, lambda _: False):
        if is_fine:
            _mend_all_but(is_fine, spool)
        try:
            count = _copy(connection, _loaded(spool), parquet, {"spool": exact(spool.path)})
        except (duckdb.DataError, duckdb.ProgrammingError) as error:
            why = str(error).splitlines()[0]
        else:
            if count == spool.lines:
                return count
            why = f"DuckDB found {count} events in {spool.lines} lines"
    raise Unusable(f"it cannot be loaded: {why}")


def _mend_all_but(is_fine: Callable[[bytes], bool], spool: Spool) -> None:
    from bot.archive.records import mend

    mended = spool.path.with_suffix(".mended")
    with spool.path.open("rb") as old, mended.open("wb") as new:
        for line in old:
            text = line if is_fine(line) else mend(line) + b"\n"
            spool.longest = max(spool.longest, len(text))
            new.write(text)
    mended.replace(spool.path)


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a file's events that the archive has already: how many went, and the files of the
    archive of which a copy got fuller, each with the one that takes its place."""

    doubles: int
    replaced: dict[Path, Path]


def merge(
    connection: duckdb.DuckDBPyConnection, parquet: Path, held: Mapping[Path, str], spool: Spool
) -> Merged:
    """Leave every event once in `parquet` and `held`, files of the same day and of others, each with its day.

    Copies of an event bear the same eventID; of each column the copy that says more stays, and the event on
    the day where it is held. Events without an id are copies where all of their columns are the same.
    """
    doubles = _collapse(connection, parquet) if spool.copies or spool.nameless else 0
    same = _sharing(connection, parquet, held) if held else {}
    replaced = _fill(connection, parquet, same)
    alike = [path for path, day in held.items() if day == spool.day and spool.nameless]
    if same or alike:
        rest = parquet.with_suffix(".rest")
        files: dict[str, str | list[str]] = {"new": exact(parquet)}
        new = READ.format("$new")
        rows = f"SELECT {COLUMN_NAMES} FROM {new}"
        if same:
            files["same"] = list(map(exact, same))
            known = f"(SELECT eventID FROM {READ.format('$same')} WHERE eventID <> '') USING (eventID)"
            rows += f" ANTI JOIN {known}"
        if alike:
            files["alike"] = list(map(exact, alike))
            rows += f" WHERE eventID <> '' UNION ALL (SELECT {COLUMN_NAMES} FROM {new} WHERE {_NAMELESS}"
            rows += f" EXCEPT SELECT {COLUMN_NAMES} FROM {READ.format('$alike')} WHERE {_NAMELESS})"
        before = _count(connection.execute(f"SELECT count(*) FROM {new}", {"new": files["new"]}))
        kept = _write(connection, rows, rest, files)
        rest.replace(parquet)
        doubles += before - kept
    return Merged(doubles, replaced)


def _sharing(
    connection: duckdb.DuckDBPyConnection, parquet: Path, held: Mapping[Path, str]
) -> dict[Path, str]:
    """Those of `held` that have an event of which `parquet` has a copy. Ids are read only where it is not
    sure that there is none."""
    unsure = extracts.may_share(connection, parquet, held)
    if not unsure:
        return {}
    old = "read_parquet($held, hive_partitioning = false, filename = true)"
    ids = f"(SELECT eventID FROM {READ.format('$new')} WHERE eventID <> '') USING (eventID)"
    query = f"SELECT DISTINCT filename FROM (SELECT filename, eventID FROM {old}) SEMI JOIN {ids}"
    files = {"new": exact(parquet), "held": list(map(exact, unsure))}
    names = {name for (name,) in connection.execute(query, files).fetchall()}
    return {path: day for path, day in held.items() if str(path) in names}


def _collapse(connection: duckdb.DuckDBPyConnection, parquet: Path) -> int:
    """Of a file's copies leave one, the fullest, and say how many went."""
    new = READ.format("$new")
    files = {"new": exact(parquet)}
    before = _count(connection.execute(f"SELECT count(*) FROM {new}", files))
    rows = (
        f"SELECT {_FULLEST} FROM {new} WHERE eventID <> '' GROUP BY eventID"
        f" UNION ALL SELECT DISTINCT {COLUMN_NAMES} FROM {new} WHERE {_NAMELESS}"
    )
    rest = parquet.with_suffix(".rest")
    kept = _write(connection, rows, rest, files)
    rest.replace(parquet)
    return before - kept


def _fill(connection: duckdb.DuckDBPyConnection, parquet: Path, held: Mapping[Path, str]) -> dict[Path, Path]:
    """The files of `held` that have an event of which `parquet` has a copy that says more, each with its
    fuller twin beside `parquet`, named by its day."""
    replaced: dict[Path, Path] = {}
    if not held:
        return replaced
    files: dict[str, str | list[str]] = {"new": exact(parquet), "held": list(map(exact, held))}
    new, old = READ.format("$new"), READ.format("$held")
    differ = " OR ".join(f'n."{name}" IS DISTINCT FROM h."{name}"' for name in COLUMNS)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE differing AS SELECT DISTINCT eventID FROM {new} n JOIN {old} h"
        f" USING (eventID) WHERE eventID <> '' AND ({differ})",
        files,
    )
    if not _count(connection.execute("SELECT count(*) FROM differing")):
        return replaced
    copies = " UNION ALL ".join(
        f"SELECT {COLUMN_NAMES} FROM {each} SEMI JOIN differing USING (eventID)" for each in (new, old)
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE fuller AS SELECT {_FULLEST} FROM ({copies}) GROUP BY eventID", files
    )
    _, chunk, _ = parquet.name.split(".")
    for number, (path, day) in enumerate(held.items()):
        file = {"file": exact(path)}
        one = READ.format("$file")
        rows = f"SELECT {COLUMN_NAMES} FROM {one} h SEMI JOIN fuller USING (eventID)"
        times = f"(SELECT eventID, eventTime AS heldTime FROM {one}) USING (eventID)"
        better = f"SELECT {_ON_ITS_DAY} FROM fuller JOIN {times}"
        gained = f"SELECT count(*) FROM ({better} EXCEPT {rows})"
        if _count(connection.execute(gained, file)):
            twin = parquet.with_name(f"{day}.{chunk}m{number}{parquet.name[:10].replace('-', '')}.parquet")
            rest = f"SELECT {COLUMN_NAMES} FROM {one} ANTI JOIN fuller USING (eventID)"
            _write(connection, f"{rest} UNION ALL {better}", twin, file)
            replaced[path] = twin
    return replaced


def _write(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    to: Path,
    files: Mapping[str, str | list[str]],
) -> int:
    """Write events with what they say, in `EVENT_ORDER` if they can be sorted in memory, and count them."""
    import duckdb

    try:
        return _copy(connection, rows, to, files, f"ORDER BY {EVENT_ORDER}")
    except duckdb.OutOfMemoryException:  # unsorted, it needs little more than a row group
        return _copy(connection, rows, to, files)


def _copy(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    to: Path,
    files: Mapping[str, str | list[str]],
    order: str = "",
) -> int:
    """Write events with what they say, and count them; as they come where no `order` is given."""
    query = f"SELECT *, {SAID_SQL} FROM ({rows}) {order}"
    return _count(connection.execute(f"COPY ({query}) TO {quoted(to)} {FIRST_WRITE}", files))


class Unmergeable(Exception):
    """Files that cannot be made one, and stay as they are."""


def join(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], to: Path, *, sort_rows: int) -> None:
    """Make one file of others that share no event. What is old comes first, so that a question about it skips
    the other row groups by their statistics; and what is near in time stays together. Up to `sort_rows` of
    events are sorted anew; more, which would fill the memory, stay in the order of their files."""
    import duckdb

    try:
        about = connection.execute(
            "SELECT file_name, sum(row_group_num_rows) FROM parquet_metadata($files)"
            " WHERE path_in_schema = 'eventTime' GROUP BY file_name ORDER BY min(stats_min_value)",
            {"files": list(map(exact, files))},
        ).fetchall()
        wanted = sum(int(rows) for _, rows in about)
        events = [_told(Path(name)) for name, _ in about]
        if wanted <= sort_rows:
            rows = f"SELECT * FROM ({' UNION ALL '.join(events)}) ORDER BY {EVENT_ORDER}"
        else:
            halves = [f"{each} WHERE {which}" for which in (OLD, f"NOT {OLD}") for each in events]
            rows = " UNION ALL ".join(halves)
        written = _count(connection.execute(f"COPY ({rows}) TO {quoted(to)} {WRITE}"))
    except duckdb.Error as error:
        raise Unmergeable(str(error).partition("\n")[0]) from error
    if written != wanted:
        raise Unmergeable(f"of {wanted} events {written} were written")


def _told(file: Path) -> str:
    """The events of a file, with what they say: that is found anew where other tables found it."""
    said = ", ".join(f'"{name}"' for name in SAID) if file.name.endswith(SUFFIX) else SAID_SQL
    one = f"read_parquet({quoted(exact(file))}, hive_partitioning = false)"
    return f"SELECT * FROM (SELECT {COLUMN_NAMES}, {said} FROM {one})"


def as_json(file: Path, folder: Path) -> Iterator[list[bytes]]:
    """The rows of any Parquet file as lines of JSON, some at a time; `folder` for spilling. Unusable where it
    is none."""
    import duckdb

    with closing(connect(folder)) as connection:
        try:
            rows = connection.execute(
                f'SELECT to_json("a row") FROM {READ.format("$file")} "a row"', {"file": exact(file)}
            )
            while lines := rows.fetchmany(ROWS_AT_ONCE):
                yield [str(line).encode() for (line,) in lines]
        except duckdb.Error as error:
            raise Unusable(f"its Parquet cannot be read: {str(error).splitlines()[0]}") from error


def _loaded(spool: Spool) -> str:
    # Times are read as TIMESTAMPTZ, since read_json drops the offset of a TIMESTAMP; maps as JSON, since it
    # drops the quotes of a string that becomes VARCHAR.
    read = ", ".join(f"\"{name}\": '{_type(kind, 'TIMESTAMPTZ', 'JSON')}'" for name, kind in COLUMNS.items())
    keep = ", ".join(f'"{name}"::{_type(kind, TIME, TEXT)} AS "{name}"' for name, kind in COLUMNS.items())
    longest = max(JSON_BUFFER, spool.longest + 1)
    options = f"format='newline_delimited', maximum_object_size={longest}, columns={{{read}}}"
    return f"SELECT {keep} FROM read_json($spool, {options})"


def _type(kind: Type, moment: str, any_json: str) -> str:
    if isinstance(kind, dict):
        return f"STRUCT({fields(kind, moment, any_json)})"
    if isinstance(kind, list):
        return f"{_type(kind[0], moment, any_json)}[]"
    return {TIME: moment, MAP: any_json}.get(kind, kind)


def fields(kinds: dict[str, Type], moment: str, any_json: str) -> str:
    return ", ".join(f'"{name}" {_type(kind, moment, any_json)}' for name, kind in kinds.items())


def _says(value: str, kind: Type) -> str:
    """How much a value says: how many of a struct's fields are not empty; else how long its text is."""
    if isinstance(kind, dict):
        inner = [(f'{value}."{name}"', each) for name, each in kind.items()]
        fields = " + ".join(f"({_says(name, each)} > 0)::INT" for name, each in inner)
        return f"coalesce({fields}, -1)"
    text = f"to_json({value})::VARCHAR" if isinstance(kind, list) else f"{value}::VARCHAR"
    return f"coalesce(length({text}), -1)"


def _fullest(name: str, kind: Type) -> str:
    value = f'"{name}"'
    ranks = [_says(value, kind), f"to_json({value})::VARCHAR"]
    if name == TLS:
        ranks.insert(0, f"coalesce(length({value}.tlsVersion), -1) > 0")
    order = ", ".join(f"{rank} DESC NULLS LAST" for rank in ranks)
    return f"first({value} ORDER BY {order}) AS {value}"


COLUMN_NAMES: Final = ", ".join(f'"{name}"' for name in COLUMNS)
_FULLEST: Final = ", ".join(
    "eventID" if name == "eventID" else _fullest(name, kind) for name, kind in COLUMNS.items()
)
_ON_ITS_DAY: Final = ", ".join(
    "CASE WHEN eventTime::DATE = heldTime::DATE THEN eventTime ELSE heldTime END AS eventTime"
    if name == "eventTime"
    else f'"{name}"'
    for name in COLUMNS
)
OLD: Final = (
    f"coalesce(saidVersion IN ({', '.join(quoted(each) for each in VERSIONS if each < 'TLSv1.2')}), false)"
)
_NAMELESS: Final = "coalesce(eventID, '') = ''"


def _count(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0
