"""An answer's rows in one message: Slack's newest table, its older one, or plain characters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from bot.answers.arrangement import arranged
from bot.question.accounts import UNNAMED, Accounts
from bot.table import text
from bot.text import literal
from bot.wording import number, utc
from handlers.blockkit import blocks
from handlers.blockkit.drill import console_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.question.views import View
    from bot.table import Cell, Column, Table
    from handlers.blockkit.blocks import Block

TABLE_COLUMNS: Final = 20
"""Cells a row of either table (docs: table block, data_table block)."""

MESSAGE_CHARS: Final = 12_500
"""Slack has refused 13,202 characters of text in a message's blocks (bolt-js#2509); with room for
what is said of rows that are left out, and between what is the same in all rows."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a table may hold without its header, and its message with it, in characters."""

    rows: int
    chars: int
    message: int


SMALL: Final = Room(rows=99, chars=9_500, message=MESSAGE_CHARS)
"""What every workspace takes. 100 rows with the header (docs: table block); 10,000 characters over all cells
of a message refuse all of it (measured: nao#1178); with a margin."""

LARGE: Final = Room(rows=200, chars=19_500, message=19_500 + MESSAGE_CHARS)
"""What a data_table may hold by what two libraries read of Slack's page (data_table block): 200 rows and
20,000 characters beside the rest of the message. Where Slack says otherwise, `SMALL` is tried."""

TABLE_PAGE_ROWS: Final = 30
"""Rows a page of a data_table, of 100 allowed (docs: data_table block)."""

CELL_CHARS: Final = 250
"""Longer cells are cut: one user agent must not take the room of all other rows."""


class FittedTable:
    """The rows of a table that fit a message, chosen once for every style of table."""

    def __init__(
        self,
        table: Table,
        view: View | None = None,
        beside: list[Block] | None = None,
        *,
        room: Room = SMALL,
        accounts: Accounts = UNNAMED,
    ) -> None:
        """Without a view, the rows stay in their order. `beside` the table, its message has other blocks."""
        self.was_cut = False
        arrangement = arranged(table, view, room.rows, accounts)
        same = list(arrangement.constants)
        if len(same) == len(table.columns):
            same.pop()  # a table has a column
        self.constants = [
            (label, plain(self._fitted(cell)))
            for label, cell in arrangement.said_once(same)
            if cell not in (None, "")
        ]
        names = [column.name for column in table.columns]
        places = [at for at in arrangement.places if at not in same]
        self.columns_left_out = max(0, len(places) - TABLE_COLUMNS)
        places = places[:TABLE_COLUMNS]
        self.columns = [table.columns[at] for at in places]
        self.total = table.row_count
        self.order = arrangement.order
        key = arrangement.key(places)
        self.key = 0 if key is None else places.index(key)
        """Which of the columns says which row is which."""
        self.rows: list[list[Cell]] = []
        self.links: list[str | None] = []
        """Where each row's event stands in AWS's console; empty where rows have none, or no room for them."""
        region, event = (names.index(name) if name in names else None for name in ("awsRegion", "eventID"))
        self.event = places.index(event) if event in places else None
        said = blocks.characters(beside or [])
        lifted = sum(len(label) + len(words) for label, words in self.constants)
        left = min(room.chars, room.message - said) - lifted
        left -= sum(len(column.label) for column in self.columns)
        for row in arrangement.rows:
            cells = [self._fitted(arrangement.readable(at, row[at])) for at in places]
            taken = sum(len(plain(cell)) for cell in cells)
            if taken > left:
                break
            left -= taken
            self.rows.append(cells)
            if region is not None and event is not None:
                self.links.append(console_link(row[region], row[event]))
        linked = sum(len(link or "") for link in self.links)
        if linked > left:
            self.links = []  # a row is worth more than a link
        else:
            left -= linked
        self.spare = left + max(0, room.message - said - room.chars)
        """Characters that its message has left."""

    def _fitted(self, cell: Cell) -> Cell:
        if not isinstance(cell, str) or len(shown := literal(cell)) <= CELL_CHARS:
            return cell
        self.was_cut = True
        return blocks.cut(shown, CELL_CHARS)

    @property
    def left_out(self) -> str:
        """Which rows and characters are not in the message; nothing where all are."""
        lines = []
        if len(self.rows) < self.total:
            first = f", {self.order}" if self.order else ""
            lines.append(f"Showing {number(len(self.rows))} of {number(self.total)} rows{first}.")
        if self.columns_left_out:
            lines.append(f"The last {number(self.columns_left_out)} columns are left out.")
        if self.was_cut:
            lines.append("Cells with … are cut.")
        return " ".join([*lines, f"All {number(self.total)} rows are in the file."]) if lines else ""


def data_table(shown: FittedTable, caption: str) -> Block:
    """Slack's sortable table, the first that is tried."""
    return {
        "type": "data_table",
        "caption": caption,
        "page_size": TABLE_PAGE_ROWS,
        "row_header_column_index": shown.key,
        "rows": [
            [_raw(column.label) for column in shown.columns],
            *(_linked(shown, at, _data_cells(row)) for at, row in enumerate(shown.rows)),
        ],
    }


def plain_table(shown: FittedTable) -> Block:
    """Slack's older table, tried where that one is refused."""
    return {
        "type": "table",
        "column_settings": [{"align": "right" if _is_number(column) else "left"} for column in shown.columns],
        "rows": [
            [_raw(column.label) for column in shown.columns],
            *(_linked(shown, at, [_raw(plain(cell)) for cell in row]) for at, row in enumerate(shown.rows)),
        ],
    }


def code_table(shown: FittedTable) -> Block:
    """The table in fixed-width characters, which Slack never refuses; fewer rows, as many as fit a block."""
    from tabulate import tabulate

    labels = [column.label for column in shown.columns]
    align = ["right" if _is_number(column) else "left" for column in shown.columns]
    rows = [[plain(cell) for cell in row] for row in shown.rows]
    while True:
        drawn = tabulate(rows, labels, "simple", disable_numparse=True, colalign=align)
        if len(drawn) <= blocks.CODE_CHARS or len(rows) <= 1:
            more = shown.total - len(rows)
            left_out = f"\n… {number(more)} more rows in the file" if more else ""
            return blocks.code(drawn[: blocks.CODE_CHARS] + left_out)
        rows = rows[: max(1, len(rows) * blocks.CODE_CHARS // len(drawn))]


def table_text(shown: FittedTable) -> str:
    """The first rows in words, for who cannot see the table."""
    lines = [
        ", ".join(f"{column.label} {plain(cell)}" for column, cell in zip(shown.columns, row, strict=True))
        for row in shown.rows[:5]
    ]
    return blocks.fallback(*lines, shown.left_out or f"{number(shown.total)} rows.")


def _is_number(column: Column) -> bool:
    return column.type in {"INTEGER", "NUMBER"}


def plain(cell: Cell) -> str:
    """A cell for people; never empty, since Slack refuses an empty cell."""
    if isinstance(cell, datetime):
        return utc(cell)
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return number(cell)
    return text(cell) or "–"


def _raw(words: str) -> Block:
    return {"type": "raw_text", "text": words}


def _linked(shown: FittedTable, at: int, cells: list[Block]) -> list[Block]:
    """A row's cells, with its event id as a link where there is one."""
    link = shown.links[at] if shown.links else None
    if shown.event is not None and link is not None:
        words = cells[shown.event]["text"]
        cells[shown.event] = blocks.paragraph({"type": "link", "url": link, "text": words})
    return cells


def _data_cells(row: Sequence[Cell]) -> list[Block]:
    return [
        {"type": "raw_number", "value": cell, "text": plain(cell)}
        if isinstance(cell, (int, float)) and not isinstance(cell, bool)
        else _raw(plain(cell))
        for cell in row
    ]


def header(shown: FittedTable) -> list[Block]:
    """What is the same in every row, said once."""
    if not shown.constants:
        return []
    same = " · ".join(f"{label} {value}" for label, value in shown.constants)
    return [blocks.paragraph(blocks.text(f"All rows: {same}"))]
