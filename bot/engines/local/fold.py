"""What another engine answered finer than it was asked, folded to what was asked, by DuckDB in memory."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from bot.engines.local import dialect, read
from bot.errors import EngineError
from bot.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.table import Column, Row

FOLD_MEMORY: Final = "1GB"
"""The memory a fold may use."""

_TYPES: Final = {
    "TEXT": "VARCHAR",
    "INTEGER": "BIGINT",
    "NUMBER": "DOUBLE",
    "TIME": "TIMESTAMP",
    "DATE": "DATE",
    "FLAG": "BOOLEAN",
}


def fold(sql: str, columns: Sequence[Column], finer: Sequence[Column], rows: Sequence[Row]) -> Table:
    """As `bot.engines.Fold`."""
    import duckdb
    from sqlglot import exp, parse_one

    tree = parse_one(sql, read="trino", into=exp.Select)
    tree.set("from_", exp.From(this=exp.to_table(dialect.EVENTS_TABLE)))
    dialect.to_duckdb(tree, [column.name for column in finer if column.type == "TIME"])
    with closing(duckdb.connect()) as connection:
        try:
            for setting, value in (
                ("TimeZone", "UTC"),
                ("memory_limit", FOLD_MEMORY),
                ("enable_external_access", False),
            ):
                connection.execute(f"SET {setting} = $1", [value])
            _hold(connection, finer, rows)
            return Table(columns, read(connection.execute(tree.sql("duckdb")), columns))
        except duckdb.Error as error:
            raise EngineError("The answer could not be folded.", detail=str(error).splitlines()[0]) from error


def _hold(connection: Any, finer: Sequence[Column], rows: Sequence[Row]) -> None:
    """The rows as a table; column by column, since rows are slow to bind."""
    names = [f'"{column.name.replace(chr(34), chr(34) * 2)}"' for column in finer]
    held = ", ".join(
        f"unnest(${at}::{_TYPES[column.type]}[]) AS {name}"
        for at, (name, column) in enumerate(zip(names, finer, strict=True), start=1)
    )
    cells = list(zip(*rows, strict=True)) or [()] * len(finer)
    values = [
        [cell.replace(tzinfo=None) if column.type == "TIME" and cell is not None else cell for cell in given]
        for column, given in zip(finer, cells, strict=True)
    ]
    connection.execute(f"CREATE TABLE {dialect.EVENTS_TABLE} AS SELECT {held}", values)
