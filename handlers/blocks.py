"""Values → Block Kit. Every number of Slack's is a named constant here, with its source.

Nothing strangers wrote goes through Slack's markup: text is `rich_text`, cells are `raw_text`, and
`fallback` escapes what it is given. See facts/slack.md of the project's design for the sources named.
"""

from __future__ import annotations

import heapq
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from bot.findings import readable
from bot.table import literal, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.errors import BotError
    from bot.findings import Findings
    from bot.question import Question
    from bot.runs import Run
    from bot.table import Cell, Row, Table
    from bot.views import Column, View

Block = dict[str, Any]

TEXT_CHARS: Final = 3_900
"""Slack advises at most 4,000 characters of fallback text (docs: chat.postMessage)."""

TABLE_ROWS: Final = 99
"""100 rows with the header (docs: table block; data_table allows 100 and the header)."""

TABLE_COLUMNS: Final = 20
"""Cells a row of either table (docs: table block, data_table block)."""

TABLE_CHARS: Final = 9_500
"""10,000 characters over all cells of a message refuse all of it (measured: nao#1178); with a margin."""

PAGE_ROWS: Final = 30
"""Rows a page of a data_table, of 100 allowed (docs: data_table block)."""

CELL_CHARS: Final = 250
"""Longer cells are cut: one user agent must not take the room of all other rows."""

CODE_CHARS: Final = 2_900
"""3,000 characters a section (SDK models); a table of plain characters keeps below."""

OPTION_CHARS: Final = 75
"""An option's text (SDK models)."""

OPTIONS: Final = 30
"""Of the 100 options a menu may have (SDK models): their text counts among a message's 13,000 characters."""

VALUE_CHARS: Final = 2_000
"""A button's value (SDK models)."""


# --- words


def escape(words: str) -> str:
    """For `text` fields: `&`, `<` and `>` as Slack wants them, and nothing that acts."""
    return literal(words).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fallback(*lines: str) -> str:
    """The words behind the blocks: for notifications, screen readers and clients that lack a block."""
    said = "\n".join(escape(line) for line in lines if line)
    if len(said) <= TEXT_CHARS:
        return said
    return re.sub("&[a-z]*$", "", said[:TEXT_CHARS]) + "…"


def cut(words: str, most: int) -> str:
    """The two ends of a text that is longer than `most`: what tells ARNs and agents apart is at the end."""
    half = most // 2
    return words if len(words) <= most else f"{words[:half]}…{words[-half:]}"


def said(words: str, *, bold: bool = False, code: bool = False) -> Block:
    """A run of text in a paragraph, shown as it is; never empty, since Slack refuses that."""
    style = {name: True for name, wanted in (("bold", bold), ("code", code)) if wanted}
    return {"type": "text", "text": literal(words) or " ", **({"style": style} if style else {})}


def prose(words: str) -> list[Block]:
    """Runs of our own text, in which `backticks` mark what can be typed."""
    runs = [said(part, code=bool(at % 2)) for at, part in enumerate(words.split("`")) if part]
    return runs or [said(words)]


def person(user: str) -> Block:
    """A mention; it notifies when it is posted, never when it is edited in."""
    return {"type": "user", "user_id": user}


def place(channel: str) -> Block:
    """A channel, by its name where the reader may know it."""
    return {"type": "channel", "channel_id": channel}


def moment(when: datetime, *, day: bool = True) -> Block:
    """A moment that Slack shows in each reader's own zone."""
    local = "{date_short_pretty} {time}" if day else "{time}"
    return {
        "type": "date",
        "timestamp": int(when.timestamp()),
        "format": local,
        "fallback": f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    }


def paragraph(*parts: Block) -> Block:
    """A block of text runs."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(parts)}]}


def code(words: str) -> Block:
    """A block of fixed-width lines. Line breaks stay, everything else that acts is written out."""
    lines = "\n".join(literal(line) for line in words.split("\n"))
    return {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": lines or " "}]}
        ],
    }


def button(label: str, action: str, value: str, *, style: str = "", confirm: str = "") -> Block:
    """A button; with `confirm` it asks back first."""
    made: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value[:VALUE_CHARS],
    }
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = {
            "title": {"type": "plain_text", "text": label},
            "text": {"type": "plain_text", "text": confirm},
            "confirm": {"type": "plain_text", "text": label},
            "deny": {"type": "plain_text", "text": "Keep"},
        }
    return made


def actions(*elements: Block) -> Block:
    """A row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def words_of(made: list[Block]) -> str:
    """The words of paragraphs, as the fallback that stands behind them."""
    lines = []
    for block in made:
        for section in block.get("elements", []):
            parts = [each.get("text") or each.get("fallback") or "" for each in section.get("elements", [])]
            lines.append("".join(part for part in parts if isinstance(part, str)))
    return fallback(*lines)


# --- the parent message


def parent(run: Run, question: Question, state: str, *, cancel: bool) -> list[Block]:
    """Who asks what, over which window, and how it stands: a message's blocks."""
    window = question.window
    clocks = dict.fromkeys((f"{window.start:%H:%M}", f"{window.end:%H:%M}"))
    utc = f" ({' – '.join(clocks)} UTC)"
    clipped = [said(" · it ended in the future, and was cut to now")] if window.clipped else []
    store = [said(f" · store {question.store}")] if question.store else []
    lines = [
        paragraph(person(run.user), said(" asks: "), said(question.words(), bold=True)),
        paragraph(moment(window.start), said(" – "), moment(window.end), said(utc), *clipped, *store),
        paragraph(said(state)),
    ]
    if cancel:
        lines.append(actions(button("Cancel", "cancel", run.id)))
    return lines


def parent_text(question: Question, state: str) -> str:
    """The parent message in words."""
    window = question.window
    return fallback(
        f"Asked: {question.words()}, {window.start:%Y-%m-%d %H:%M} – {window.end:%Y-%m-%d %H:%M} UTC", state
    )


def headline(found: Findings, table: Table) -> str:
    """What became of it: the last state of a parent message."""
    believed = table.row_count or found.coverage is None or found.coverage.events
    sign = "✅ " if believed and not table.is_partial else "⚠️ "
    return sign + found.headline


def trouble(error: BotError, run: Run) -> list[Block]:
    """What went wrong, what to do next, and the run's id."""
    words = " ".join(part for part in (error.message, error.hint) if part)
    return [paragraph(*prose(f"⚠️ {words} "), said(f"run {run.id}", code=True))]


def run_it(text: str, *, reply_to: str | None, anew: bool) -> Block:
    """The button by which an asker confirms a costly question, to be asked in the thread `reply_to`."""
    value = f"{'anew' if anew else 'usual'} {reply_to or '-'} {text}"
    return button("Run it", "run_sure", value, style="primary")


# --- the answer's table


class Shown:
    """The rows of a table that fit a message, chosen once for every rung of the ladder."""

    def __init__(self, table: Table, view: View | None = None) -> None:
        """Without a view, the rows stay in their order."""
        self.was_cut = False
        same = table.constants()
        if len(same) == len(table.columns):
            same.popitem()  # a table has a column
        self.constants = [
            (table.columns[at].label, plain(self._fitted(table.columns[at], cell)))
            for at, cell in same.items()
            if cell not in (None, "")
        ]
        places = [at for at in range(len(table.columns)) if at not in same]
        self.columns_left_out = max(0, len(places) - TABLE_COLUMNS)
        places = places[:TABLE_COLUMNS]
        self.columns = [table.columns[at] for at in places]
        self.total = table.row_count
        rows: Iterable[Row] = table.head
        self.by_measure = False
        if view is not None and view.measure and (view.has_policy or table.row_count > TABLE_ROWS):
            self.by_measure = True
            at = table.index(view.measure)
            rows = heapq.nlargest(TABLE_ROWS, table.rows(), key=lambda row: cast("int", row[at]))
        self.rows: list[list[Cell]] = []
        lifted = sum(len(label) + len(words) for label, words in self.constants)
        room = TABLE_CHARS - lifted - sum(len(column.label) for column in self.columns)
        for row in list(rows)[:TABLE_ROWS]:
            cells = [self._fitted(table.columns[at], row[at]) for at in places]
            room -= sum(len(plain(cell)) for cell in cells)
            if room < 0:
                break
            self.rows.append(cells)

    def _fitted(self, column: Column, cell: Cell) -> Cell:
        cell = readable(column, cell)
        if not isinstance(cell, str) or len(shown := literal(cell)) <= CELL_CHARS:
            return cell
        self.was_cut = True
        return cut(shown, CELL_CHARS)

    @property
    def left_out(self) -> str:
        """Which rows and characters are not in the message; nothing where all are."""
        lines = []
        if len(self.rows) < self.total:
            order = ", most calls first" if self.by_measure else ""
            lines.append(f"Showing {len(self.rows):,} of {self.total:,} rows{order}.")
        if self.columns_left_out:
            lines.append(f"The last {self.columns_left_out:,} columns are left out.")
        if self.was_cut:
            lines.append("Cells with … are cut.")
        return " ".join([*lines, f"All {self.total:,} rows are in the file."]) if lines else ""


def data_table(shown: Shown, caption: str) -> Block:
    """Slack's sortable table, the first rung."""
    return {
        "type": "data_table",
        "caption": caption,
        "page_size": PAGE_ROWS,
        "row_header_column_index": 0,
        "rows": [[_raw(column.label) for column in shown.columns], *map(_data_cells, shown.rows)],
    }


def plain_table(shown: Shown) -> Block:
    """Slack's older table, the second rung."""
    return {
        "type": "table",
        "column_settings": [{"align": "right" if _is_number(column) else "left"} for column in shown.columns],
        "rows": [
            [_raw(column.label) for column in shown.columns],
            *([_raw(plain(cell)) for cell in row] for row in shown.rows),
        ],
    }


def code_table(shown: Shown) -> Block:
    """The table in fixed-width characters, the last rung; fewer rows, since they must fit one block."""
    from tabulate import tabulate

    labels = [column.label for column in shown.columns]
    align = ["right" if _is_number(column) else "left" for column in shown.columns]
    rows = [[plain(cell) for cell in row] for row in shown.rows]
    while True:
        drawn = tabulate(rows, labels, "simple", disable_numparse=True, colalign=align)
        if len(drawn) <= CODE_CHARS or len(rows) == 1:
            left_out = (
                f"\n… {shown.total - len(rows):,} more rows in the file" if len(rows) < shown.total else ""
            )
            return code(drawn[:CODE_CHARS] + left_out)
        rows = rows[: max(1, len(rows) * CODE_CHARS // len(drawn))]


def table_text(shown: Shown) -> str:
    """The first rows in words, for who cannot see the table."""
    lines = [
        ", ".join(f"{column.label} {plain(cell)}" for column, cell in zip(shown.columns, row, strict=True))
        for row in shown.rows[:5]
    ]
    return fallback(*lines, shown.left_out or f"{shown.total:,} rows.")


def _is_number(column: Column) -> bool:
    return column.type in {"INTEGER", "NUMBER"}


def plain(cell: Cell) -> str:
    """A cell for people; never empty, since Slack refuses an empty cell."""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M} UTC"
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return f"{cell:,}"
    return text(cell) or "–"


def _raw(words: str) -> Block:
    return {"type": "raw_text", "text": words}


def _data_cells(row: Sequence[Cell]) -> list[Block]:
    return [
        {"type": "raw_number", "value": cell, "text": plain(cell)}
        if isinstance(cell, (int, float)) and not isinstance(cell, bool)
        else _raw(plain(cell))
        for cell in row
    ]


# --- around the table


def above(shown: Shown) -> list[Block]:
    """What is the same in every row, said once."""
    if not shown.constants:
        return []
    same = " · ".join(f"{label} {value}" for label, value in shown.constants)
    return [paragraph(said(f"All rows: {same}"))]


def below(shown: Shown | None, found: Findings, run: Run) -> list[Block]:
    """What was left out, what was read, and how to go on from here."""
    lines = []
    if shown is not None and shown.left_out:
        lines.append(paragraph(said(shown.left_out)))
    if found.proof:
        lines.append(paragraph(*prose(found.proof)))
    lines += [paragraph(said(note)) for note in found.notes]
    parts = []
    if found.coverage is not None:
        parts.append(said(f"{found.coverage.read_words()} · "))
        if found.coverage.newest is not None:
            parts += [said("newest "), moment(found.coverage.newest), said(" · ")]
    if found.cost:
        parts.append(said(f"{found.cost} · "))
    return [*lines, paragraph(*parts, said(f"run {run.id}", code=True))]


def follow_ups(run: Run, question: Question, views: Iterable[View], *, empty: bool) -> Block:
    """The buttons under an answer."""
    others = [view for view in views if view.name != question.view.name]
    elements = [
        button("Show SQL", "show_sql", run.id),
        button("Rerun", "rerun", run.id),
        button("Edit", "edit_run", run.id),
        {
            "type": "static_select",
            "action_id": "view_as",
            "placeholder": {"type": "plain_text", "text": "View as…"},
            "options": [
                {
                    "text": {"type": "plain_text", "text": view.title[:OPTION_CHARS]},
                    "value": f"{run.id} {view.name}",
                }
                for view in others[:OPTIONS]
            ],
        },
    ]
    if empty and question.policy is not None and question.policy.min_tls != "1.3":
        elements.insert(0, button("Ask with min=1.3", "ask_stricter", run.id, style="primary"))
    elements.append(button("Send daily", "daily", run.id))
    if question.private and run.channel not in (run.home, run.user):
        elements.append(button("Share in the channel", "share", run.id))
    elements.append(
        button("Delete", "delete", run.id, style="danger", confirm="The answer goes away for everyone.")
    )
    return actions(*elements)
