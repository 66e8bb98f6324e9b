"""An answer in files: CSV, JSON, JSON a line and Markdown, harmless whatever strangers wrote into it."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, datetime
from typing import IO, TYPE_CHECKING, Any, Final

from bot.table import readable, text
from bot.text import BEYOND, only_shows, written_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.table import Cell, Row, Table

_FORMULA: Final = "=+-@＝＋－＠\ufe66\ufe62\ufe63\ufe6b\u207c\u207a\u208c\u208a\u2212\u2a75\u2a76\ufb29"
"""A spreadsheet runs a cell that begins with one of the first four (OWASP, CSV injection), and some do with
what looks like one: what Unicode's NFKC makes one of them, and the minus sign. Tab and carriage return, the
others that OWASP names, are written out by `literal`."""

_FORMULA_SET = frozenset(_FORMULA)
_MAY_RUN = re.compile(f'(^|[,;|"\n])(?= *[{re.escape(_FORMULA)}])')
"""Where a formula may begin: at a cell's begin, and behind whatever a spreadsheet may split cells at, for it
splits at its own list separator, however the file quotes its cells."""
_MARKED: Final = re.compile(r"[\\`*_\[\]<>|#~!&@]")
"""What Markdown reads as more than itself (GitHub's flavour; `@` is a mention there)."""
_PLAIN_TYPES = frozenset({"TEXT", "INTEGER", "NUMBER"})


def to_csv(table: Table, file: IO[str]) -> None:
    """The table as CSV (RFC 4180, but lines end in \\n): the view's own column names, then every row.

    Where a spreadsheet might see a formula begin, an apostrophe goes before it, whichever of comma,
    semicolon, pipe and tab it splits cells at; and what does not only show is written out.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    plain = all(column.type in _PLAIN_TYPES for column in table.columns)
    for batch in table.batches():
        # most rows are harmless: they are written as they are, after one look at the text of all of them
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
    if not only_shows(quick.replace("\n", "")):
        return False
    # this check is several times as fast as the exact pattern, and nearly always settles it
    may_run = quick[:1] in _FORMULA_SET or any(
        before + sign in quick for sign in _FORMULA if sign in quick for before in ',;|"\n '
    )
    return not may_run or not _MAY_RUN.search(quick)


def _csv_cell(cell: Cell) -> str:
    shown = text(cell)
    return _MAY_RUN.sub(r"\1'", shown) if isinstance(cell, str) else shown


def to_json(table: Table, file: IO[str]) -> None:
    """The table as one JSON array, an object a row, keyed by the view's own column names."""
    names = [column.name for column in table.columns]
    separator = "[\n"
    for row in table.rows():
        file.write(separator + _json_record(names, row))
        separator = ",\n"
    file.write("[]\n" if table.row_count == 0 else "\n]\n")


def _json_record(names: Sequence[str], row: Row) -> str:
    record: dict[str, Any] = dict(zip(names, map(_json_cell, row), strict=True))
    return written_out(json.dumps(record, ensure_ascii=False), _escaped)


def to_ndjson(table: Table, file: IO[str]) -> None:
    """The table as newline-delimited JSON: a line and an object a row, keyed by the view's own names."""
    names = [column.name for column in table.columns]
    for row in table.rows():
        file.write(f"{_json_record(names, row)}\n")


def to_markdown(table: Table, file: IO[str]) -> None:
    """The table as Markdown (GitHub's), for tickets: labels and cells as people say them, every row."""
    file.write(f"| {' | '.join(_markdown_cell(column.label) for column in table.columns)} |\n")
    rules = ("---:" if column.type in {"INTEGER", "NUMBER"} else "---" for column in table.columns)
    file.write(f"| {' | '.join(rules)} |\n")
    for row in table.rows():
        cells = (text(readable(*each)) for each in zip(table.columns, row, strict=True))
        file.write(f"| {' | '.join(map(_markdown_cell, cells))} |\n")


def _markdown_cell(shown: str) -> str:
    """Text that Markdown shows as it is: what strangers wrote makes no link, picture, tag or mention."""
    return _MARKED.sub(r"\\\g<0>", shown)


def _escaped(character: str) -> str:
    """As JSON has it: beyond four digits, as the two halves of UTF-16 (RFC 8259, 7)."""
    code = ord(character)
    if code < BEYOND:
        return f"\\u{code:04x}"
    high, low = divmod(code - BEYOND, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _json_cell(cell: Cell) -> str | int | float | bool | None:
    return text(cell) if isinstance(cell, (datetime, date)) else cell
