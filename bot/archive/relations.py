"""How an embedded engine reads the archive's files: the statements that make its relations."""

# ruff: noqa: S608 - the SQL here is made of constants and of quoted paths

from __future__ import annotations

from contextlib import closing
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from bot.archive import extracts
from bot.archive.disk import exact
from bot.archive.events import COLUMNS
from bot.archive.parquet import COLUMN_NAMES, READ, fields
from bot.archive.said import SAID, SUFFIX, quoted
from bot.archive.said import SQL as SAID_SQL
from bot.event_schema import TEXT, TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


def events_sql(folder: Path, files: Sequence[str]) -> str:
    """The statement that makes `events`, with the folders' `day` as a DATE, in an embedded engine: of these
    files within `folder`. Of files written before `SAID`, or by other tables, what they
    say is found anew."""
    if not files:
        return f"CREATE TABLE events ({fields(COLUMNS, TIME, TEXT)}, {fields(SAID, TIME, TEXT)}, day DATE)"
    return f"CREATE VIEW events AS {_events(folder, files)}"


def hours_sql(folder: Path, files: Sequence[str]) -> str:
    """The statement that makes `hours` where there is `events`: every event of these files by the hour, from
    `extracts` where there are any, and else each as an hour of its own."""
    beside = {name: str(extracts.hours(Path(name))) for name in files}
    counted = {extract for extract in beside.values() if (folder / extract).exists()}
    others = [name for name, extract in beside.items() if extract not in counted]
    selects = []
    if counted:
        selects.append(f"SELECT * FROM {_of_days(folder, sorted(counted))}")
    if others or not files:
        rows = f"({_events(folder, others)})" if others else "events"
        selects.append(f"{extracts.HOURS_OF}, day FROM {rows}")
    return f"CREATE VIEW hours AS {' UNION ALL '.join(selects)}"


def _events(folder: Path, files: Sequence[str]) -> str:
    told = [name for name in files if name.endswith(SUFFIX)]
    untold = [name for name in files if not name.endswith(SUFFIX)]
    said = ", ".join(f'"{name}"' for name in SAID)
    return " UNION ALL ".join(
        f"SELECT {COLUMN_NAMES}, {columns}, day FROM {_of_days(folder, names)}"
        for names, columns in ((told, said), (untold, SAID_SQL))
        if names
    )


def _of_days(folder: Path, names: Iterable[str]) -> str:
    """The rows of files within `folder`, with the folders' `day` as a DATE behind their own columns."""
    paths = ", ".join(quoted(f"{exact(folder)}/{exact(name)}") for name in names)
    return f"read_parquet([{paths}], hive_partitioning = true, hive_types = {{'day': DATE}})"


def extent(folder: Path, files: Sequence[str]) -> tuple[datetime, datetime] | None:
    """The moments of the oldest and the newest event in files within `folder`; None where they have none."""
    import duckdb

    with closing(duckdb.connect()) as connection:
        found = connection.execute(
            f"SELECT min(eventTime), max(eventTime) FROM {READ.format('$files')}",
            {"files": [f"{exact(folder)}/{exact(name)}" for name in files]},
        ).fetchone()
    if found is None or found[0] is None:
        return None
    oldest, newest = (moment.replace(tzinfo=UTC) for moment in found)
    return oldest, newest
