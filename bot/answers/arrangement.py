"""How an answer is looked at, in Slack and in a terminal alike: calls (or what the view goes by) and TLS in
front, the most on top."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.question.views import View
    from bot.table import Column, Row, Table


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A table as it is looked at, in Slack and in a terminal; files keep the view's own order."""

    columns: tuple[Column, ...]
    """The table's own."""
    places: tuple[int, ...]
    """Where the columns stand in the table, in the order in which they are shown."""
    rows: list[Row]
    order: str
    """Which rows come first, as in "most calls first"; nothing where they are in the view's own order."""
    by: str
    """What one row is, in a word, as in "by client"; perhaps nothing."""

    def key(self, among: Sequence[int]) -> int | None:
        """The one of `among` that says which row is which: what the view is by, else what differs most."""
        words = [at for at in among if self.columns[at].type not in {"INTEGER", "NUMBER"}]
        named = [at for at in words if self.by and self.columns[at].label.lower() == self.by]
        texts = [at for at in words if self.columns[at].type == "TEXT"]  # no moment says what a row is about
        apart = sorted(texts or words, key=lambda at: -len({row[at] for row in self.rows}))
        return next(iter([*named, *apart, *among]), None)


def arranged(table: Table, view: View | None, most: int) -> Arrangement:
    """At most `most` rows of `table`, with calls and TLS in front, and with most calls on top.

    Views of every call keep their order while all of their rows are shown. Without a view, all stays.
    """
    measure = table.index(view.measure) if view is not None and view.measure else None
    top = table.index(view.top) if view is not None and view.top else None
    names = [column.name for column in table.columns]
    is_about_tls = view is not None and view.has_policy
    first = [measure] if is_about_tls and measure is not None else []
    first += [top] if top is not None and top != measure else []
    first += [names.index("tlsVersion")] if is_about_tls and "tlsVersion" in names else []
    places = (*first, *(at for at in range(len(names)) if at not in first))
    most_first = top is not None and view is not None and (view.has_policy or table.row_count > most)
    rows = (
        nlargest(most, table.rows(), key=lambda row: cast("int", row[cast("int", top)]))
        if most_first
        else table.head[:most]
    )
    order = f"most {table.columns[cast('int', top)].label.lower()} first" if most_first else ""
    return Arrangement(table.columns, places, rows, order, view.by if view is not None else "")
