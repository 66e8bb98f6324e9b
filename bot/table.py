"""Table: an answer's rows. The first are in memory, the rest on disk, all of them once.

Cells are str, int, float, bool, date, datetime (aware, UTC) or None, as the column's type says.
What a cell says was often chosen by strangers: `literal` and `to_csv` make it harmless to show.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import struct
import tempfile
from datetime import date, datetime
from types import GenericAlias
from typing import IO, TYPE_CHECKING, Any, Final

from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bot.question.views import Column

Cell = str | int | float | bool | date | datetime | None
Row = tuple[Cell, ...]

HEAD_ROWS: Final = 1_000
"""Rows kept in memory: more than any message or screen shows."""

_LENGTH = struct.Struct("<Q")
_PYTHON_TYPES: Final = {
    "TEXT": str,
    "INTEGER": int,
    "NUMBER": float,
    "TIME": datetime,
    "DATE": date,
    "FLAG": bool,
}


class Table:
    """Rows under the columns a view promised. Iterate as often as needed; close it, or use `with`."""

    def __init__(
        self, columns: Sequence[Column], batches: Iterable[Sequence[Row]], *, scanned: int = 0
    ) -> None:
        """Reads `batches` to the end. `scanned` is how many bytes the engine read for it."""
        self.columns = tuple(columns)
        self.head: list[Row] = []
        self.row_count = 0
        self.scanned = scanned
        self.notes: tuple[str, ...] = ()
        """What else the engine has to say of it, in sentences."""
        self.is_partial = False
        """Whether the engine was stopped before it had every row."""
        self.since: datetime | None = None
        """Since when the engine has events, where it knows that."""
        self._spool: IO[bytes] | None = None
        try:
            self._read(batches)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the disk back. The head stays."""
        if self._spool is not None:
            self._spool.close()

    def index(self, name: str) -> int:
        """Where the column `name` stands; KeyError where the view promised none."""
        for position, column in enumerate(self.columns):
            if column.name == name:
                return position
        raise KeyError(name)

    def batches(self) -> Iterator[Sequence[Row]]:
        """All rows, first to last, in handfuls."""
        yield self.head
        if self._spool is not None:
            yield from self._spooled(self._spool.fileno())

    def _spooled(self, handle: int) -> Iterator[Sequence[Row]]:
        import msgspec

        row = GenericAlias(tuple, tuple(_PYTHON_TYPES[column.type] | None for column in self.columns))
        decode = msgspec.msgpack.Decoder(GenericAlias(list, (row,))).decode
        offset = 0
        # pread keeps no position, so that two readers do not disturb each other
        while header := os.pread(handle, _LENGTH.size, offset):
            (length,) = _LENGTH.unpack(header)
            yield decode(os.pread(handle, length, offset + _LENGTH.size))
            offset += _LENGTH.size + length

    def rows(self) -> Iterator[Row]:
        """All rows, first to last."""
        for batch in self.batches():
            yield from batch

    def constants(self) -> dict[int, Cell]:
        """The text columns that say the same in every row, by position; none for fewer than two rows."""
        if self.row_count < 2:
            return {}
        first = self.head[0]
        same = {position for position, column in enumerate(self.columns) if column.type == "TEXT"}
        for row in self.rows():
            same = {position for position in same if row[position] == first[position]}
            if not same:
                break
        return {position: first[position] for position in sorted(same)}

    def _read(self, batches: Iterable[Sequence[Row]]) -> None:
        for batch in batches:
            self.row_count += len(batch)
            room = HEAD_ROWS - len(self.head)
            self.head.extend(batch[:room])
            if len(batch) > room:
                self._write(batch[room:])
        if self._spool is not None:
            self._spool.flush()

    def _write(self, rows: Sequence[Row]) -> None:
        packed = _packed(rows)
        try:
            if self._spool is None:
                self._spool = tempfile.TemporaryFile(prefix="tls-audit-")  # noqa: SIM115 - lives as long as the table
            self._spool.write(_LENGTH.pack(len(packed)))
            self._spool.write(packed)
        except OSError as error:
            raise EngineError(f"No room for the answer: {error.strerror}.", "Free some disk.") from error


def _packed(rows: Sequence[Row]) -> bytes:
    """Rows for the disk; halves of surrogate pairs, which no file can hold, become `?`."""
    import msgspec

    try:
        return msgspec.msgpack.encode(rows)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(
            [
                tuple(
                    cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell
                    for cell in row
                )
                for row in rows
            ]
        )


# --- strangers' text

_ACTING: Final = (
    "\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb"
)
"""Characters that act instead of showing: controls (but for the line feed), bidirectional and invisible
marks, and halves of surrogate pairs, which no file can hold (Unicode 16, categories Cc, Cf, Cs)."""

_UNSAFE: Final = re.compile(f"[\n{_ACTING}]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(text: str) -> str:
    """`text` with every acting character written out, as \\n or \\u202e, so that it only shows."""
    return _UNSAFE.sub(lambda match: _written_out(match[0]), text)


def _written_out(character: str) -> str:
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def text(cell: Cell) -> str:
    """A cell as plain text: times as 2026-11-16T08:14:00Z, nothing for NULL, strangers' text literal."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return literal(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%dT%H:%M:%SZ}"
    return str(cell)


# --- files

_FORMULA: Final = "=+-@"
"""A spreadsheet runs a cell that begins with one of these (OWASP, CSV injection); tab and carriage
return, the others it names, are written out by `literal`."""

_FORMULA_SET = frozenset(_FORMULA)
_NEEDS_CARE = re.compile(f'[{_ACTING}]|(?:^|[,"\n]) *[{re.escape(_FORMULA)}]')
_PLAIN_TYPES = frozenset({"TEXT", "INTEGER", "NUMBER"})


def to_csv(table: Table, file: IO[str]) -> None:
    """The table as CSV (RFC 4180, but lines end in \\n): the view's own column names, then every row.

    Formula characters are defused by a leading apostrophe, and acting characters are written out.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    plain = all(column.type in _PLAIN_TYPES for column in table.columns)
    for batch in table.batches():
        # most rows are harmless: write them as they are, and look at the whole text once
        if plain and _is_harmless(quick := _csv_text(batch), len(batch)):
            file.write(quick)
        else:
            writer.writerows([_csv_cell(cell) for cell in row] for row in batch)


def _csv_text(rows: Sequence[Row]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _is_harmless(quick: str, rows: int) -> bool:
    if quick.count("\n") != rows:
        return False
    # these rough looks, five times as fast, nearly always spare the exact one
    may_act = not quick.replace("\n", "").isprintable()
    may_run = quick[:1] in _FORMULA_SET or any(
        before + sign in quick for sign in _FORMULA if sign in quick for before in ',"\n '
    )
    return not (may_act or may_run) or not _NEEDS_CARE.search(quick)


def _csv_cell(cell: Cell) -> str:
    shown = text(cell)
    if isinstance(cell, str) and shown.lstrip(" ")[:1] in _FORMULA_SET:
        return f"'{shown}"
    return shown


def to_json(table: Table, file: IO[str]) -> None:
    """The table as one JSON array, an object a row, keyed by the view's own column names."""
    names = [column.name for column in table.columns]
    separator = "[\n"
    for row in table.rows():
        record: dict[str, Any] = dict(zip(names, map(_json_cell, row), strict=True))
        file.write(
            separator + _UNSAFE.sub(lambda match: _escaped(match[0]), json.dumps(record, ensure_ascii=False))
        )
        separator = ",\n"
    file.write("[]\n" if table.row_count == 0 else "\n]\n")


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _json_cell(cell: Cell) -> str | int | float | bool | None:
    return text(cell) if isinstance(cell, (datetime, date)) else cell
