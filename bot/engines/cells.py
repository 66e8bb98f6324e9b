"""Cells from what AWS's engines answer: all is text; NULL is a key that is missing, a null, or nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.table import Cell, Column, Row


def _time(text: str) -> datetime:
    """`2025-07-01 02:23:52.000`, in UTC."""
    return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)


_READERS: Final[Mapping[str, Callable[[str], Cell]]] = {
    "TEXT": str,
    "INTEGER": int,
    "NUMBER": float,
    "TIME": _time,
    "DATE": lambda text: date.fromisoformat(text[:10]),
    "FLAG": lambda text: text.lower() == "true",
}


def of_maps(columns: Sequence[Column]) -> Callable[[Sequence[Sequence[Mapping[str, str | None]]]], list[Row]]:
    """Reads rows that are lists of one-key maps, in whatever case AWS writes the names."""
    places = {column.name.lower(): at for at, column in enumerate(columns)}
    readers = [_READERS[column.type] for column in columns]

    def read(rows: Sequence[Sequence[Mapping[str, str | None]]]) -> list[Row]:
        return [row(given) for given in rows]

    def row(given: Sequence[Mapping[str, str | None]]) -> Row:
        cells: list[Cell] = [None] * len(readers)
        for pair in given:
            for name, value in pair.items():
                at = places.get(name.lower())
                if at is None:
                    raise EngineError(f"AWS answered with a column {name!r} that was not asked for.")
                cells[at] = _cell(value, readers[at], name)
        return tuple(cells)

    return read


def _cell(value: str | None, read: Callable[[str], Cell], name: str) -> Cell:
    # an empty text may be one: nobody knows whether AWS writes NULL so
    if value is None or (not value and read is not str):
        return None
    try:
        return read(value)
    except ValueError as error:
        raise EngineError(f"AWS answered {value!r} for {name}, which is of another type.") from error


def of_csv(
    header: Sequence[str], columns: Sequence[Column], *, tells_null: bool = False
) -> Callable[[Sequence[Sequence[str | None]]], list[Row]]:
    """Reads rows of a CSV with this header. NULL is nothing; of text, it is nothing or empty, and nobody
    knows which, unless the CSV `tells_null` apart."""
    places = {name.lower(): at for at, name in enumerate(header)}
    if missing := [column.name for column in columns if column.name.lower() not in places]:
        raise EngineError(f"The answer lacks the column {missing[0]}.")
    wanted = [(places[column.name.lower()], _READERS[column.type], column.name) for column in columns]

    def read(rows: Sequence[Sequence[str | None]]) -> list[Row]:
        return [
            tuple(
                _cell(row[at] if tells_null else row[at] or None, read_, name) for at, read_, name in wanted
            )
            for row in rows
        ]

    return read
