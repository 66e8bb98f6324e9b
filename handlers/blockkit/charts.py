"""Charts: rows of numbers → Slack's `data_visualization` block, and the same in words."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, cast

from bot.answers.arrangement import ACCOUNTS
from bot.question.accounts import UNNAMED, Accounts
from bot.wording import month_day, number, short_service
from handlers.blockkit.tables import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.digests.figures import Graph
    from bot.question.views import View
    from bot.table import Cell, Table
    from handlers.blockkit.blocks import Block

BARS: Final = 12
POINTS: Final = 20
"""20 categories, 12 series and 12 segments a chart (docs: data_visualization block); more than a dozen bars
are not read."""

LABEL_CHARS: Final = 20
TITLE_CHARS: Final = 50
"""Labels and titles of a chart (docs: data_visualization block)."""


Drawn = tuple["Block", tuple[str, ...]]
"""A chart as Slack draws it, and the same in words, a line a point under its title."""


def chart(table: Table, view: View, accounts: Accounts = UNNAMED) -> Drawn | None:
    """The view's chart; None where there is nothing to draw."""
    if view.chart is None or table.row_count < 2:
        return None
    most = POINTS if view.chart.kind == "line" else BARS
    rows = table.head[-most:] if view.chart.kind == "line" else table.head[:most]
    at, places = table.index(view.chart.x), [table.index(name) for name in view.chart.series[:BARS]]
    # a label has room for a name or a number
    cells = [row[at] for row in rows]
    if view.chart.x in ACCOUNTS:
        cells = [accounts.names.get(cell, cell) if isinstance(cell, str) else cell for cell in cells]
    labels = _unique_labels(cells)
    names = _unique_labels([table.columns[place].label for place in places])
    points = [
        [{"label": label, "value": row[place] or 0} for label, row in zip(labels, rows, strict=True)]
        for place in places
    ]
    drawn: Block = {"type": view.chart.kind}
    if view.chart.kind == "pie":
        drawn["segments"] = [point for point in points[0] if cast("float", point["value"]) > 0]
        if not drawn["segments"]:
            return None
    else:
        drawn["series"] = [{"name": name, "data": data} for name, data in zip(names, points, strict=True)]
        drawn["axis_config"] = {"categories": labels}
    words = [
        f"{label}: " + ", ".join(plain(row[place]) for place in places)
        for label, row in zip(labels, rows, strict=True)
    ]
    which = "last" if view.chart.kind == "line" else "first"
    part = f", {which} {len(rows)} of {number(table.row_count)}" if len(rows) < table.row_count else ""
    title = view.title[: TITLE_CHARS - len(part)] + part
    return {"type": "data_visualization", "title": title, "chart": drawn}, (title, *words)


def _unique_labels(cells: Sequence[Cell]) -> list[str]:
    """A label for each, short and unlike the others: an ARN by its end, a service without its domain."""
    labels: list[str] = []
    for cell in cells:
        if isinstance(cell, date):
            name = month_day(cell, cell)
        else:
            name = short_service(plain(cell))
            name = name.rsplit(":", 1)[-1] if name.startswith("arn:") else name
        name = name.strip() or "–"
        label, number = name[:LABEL_CHARS], 2
        while label in labels:
            mark = f" ({number})"
            label, number = name[: LABEL_CHARS - len(mark)] + mark, number + 1
        labels.append(label)
    return labels


def line(drawn: Graph) -> Drawn | None:
    """A digest's line chart; None for fewer than two points, which make no line."""
    if len(drawn.labels) < 2:
        return None
    labels = _unique_labels(drawn.labels[-POINTS:])
    series = [
        {
            "name": each.name,
            "data": [
                {"label": label, "value": value}
                for label, value in zip(labels, each.values[-POINTS:], strict=True)
            ],
        }
        for each in drawn.series
    ]
    chart = {"type": "line", "series": series, "axis_config": {"categories": labels}}
    words = [
        f"{label}: " + ", ".join(number(each.values[-len(labels) :][at]) for each in drawn.series)
        for at, label in enumerate(labels)
    ]
    block = {"type": "data_visualization", "title": drawn.title[:TITLE_CHARS], "chart": chart}
    return block, (drawn.title, *words)
