"""What Logs Insights answers, as rows for the fold; and when it is no answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bot.engines.cloudwatch.conditions import MISSING, PRESENT
from bot.engines.cloudwatch.insights import CALLS_COLUMN, FIRST, LAST, TIME_FIELD
from bot.engines.cloudwatch.query import ROWS
from bot.engines.cloudwatch.statement import NARROWER
from bot.errors import EngineError
from bot.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.engines.cloudwatch.statement import Layout
    from bot.table import Cell, Column, Row


_WHEN: Final = frozenset({FIRST.name, LAST.name, TIME_FIELD})
"""The columns that say when."""


def finer(layout: Layout, rows: Iterable[Mapping[str, str]]) -> list[Row]:
    """The rows under `layout.finer`. EngineError where they are cut off, or not of CloudTrail's records."""
    made = [_row(layout, each) for each in rows]
    if len(made) >= ROWS:
        raise EngineError(
            f"The answer is cut off: CloudWatch gives {number(ROWS)} rows at most, and this question has to "
            "look at more, to count exactly.",
            NARROWER,
        )
    return made


def _row(layout: Layout, given: Mapping[str, str]) -> Row:
    cells = tuple(_cell(given.get(name, MISSING), column) for name, column in layout.finer)
    for (_, column), cell in zip(layout.finer, cells, strict=True):
        if column.name not in _WHEN:
            continue
        if cell is None:
            raise EngineError(
                "These log groups hold events in the OCSF format, which names TLS details otherwise or not "
                "at all.",
                "Name log groups that hold CloudTrail's own records, or ask the trail's bucket.",
            )
        # of a day or an hour only its beginning is known, which may be before the window
        if column.name != TIME_FIELD and isinstance(cell, datetime) and not layout.start <= cell < layout.end:
            raise EngineError(
                f"CloudWatch answered with an event of {cell:%Y-%m-%d %H:%M:%S}, out of the window.",
                "Rerun asks anew.",
            )
    return cells


def _cell(said: str, column: Column) -> Cell:
    if column == CALLS_COLUMN:
        return int(float(said))
    if not said.startswith(PRESENT):
        return None
    text = said.removeprefix(PRESENT)
    try:
        if column.type == "TIME":
            return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=UTC)
    except ValueError as error:
        raise EngineError(f"CloudWatch answered {text!r} for {column.name}, which is no time.") from error
    if column.type == "FLAG":
        return text.lower() in {"true", "1"}
    return text
