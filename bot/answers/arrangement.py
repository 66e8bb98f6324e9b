"""How an answer is looked at, in Slack and in a terminal alike: calls (or what the view goes by) and TLS in
front, the most on top, accounts by their names, and what all rows share said once."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Final, cast

from bot.question.accounts import UNNAMED, Accounts, of_arn
from bot.table import readable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bot.question.views import View
    from bot.table import Cell, Column, Row, Table

PRINCIPALS: Final = frozenset({"arn", "principal"})
ACCOUNTS: Final = frozenset({"accountId", "recipientAccountId"})
"""The columns of ARNs, and of accounts."""


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
    constants: Mapping[int, Cell]
    """The columns that say the same in every row, as the table has them."""
    shared: Mapping[int, str]
    """The account that all ARNs of a column are in, by its place, where they are in one."""
    accounts: Accounts

    def readable(self, at: int, cell: Cell) -> Cell:
        """A cell of the column at that place, as people say it."""
        column = self.columns[at]
        if isinstance(cell, str) and column.name in PRINCIPALS:
            return self.accounts.of_principal(cell, self.shared.get(at))
        if isinstance(cell, str) and column.name in ACCOUNTS:
            return self.accounts.shown(cell)
        return readable(column, cell)

    def said_once(self, constants: Collection[int]) -> list[tuple[str, Cell]]:
        """What all rows share, behind its label: these columns, and the account that is cut from ARNs. An
        account that is the caller's as well is said once."""
        accounts = {self.columns[at].name: self.constants[at] for at in constants}
        both = "recipientAccountId" in accounts and "accountId" in accounts
        is_same = both and accounts["accountId"] == accounts["recipientAccountId"]
        once = [at for at in constants if not (is_same and self.columns[at].name == "accountId")]
        said = [(self.columns[at].label, self.readable(at, self.constants[at])) for at in once]
        cut = set(self.shared.values()).difference(cast("str", cell) for cell in self.constants.values())
        return said + [("Principals in", self.accounts.shown(account)) for account in sorted(cut)]

    def key(self, among: Sequence[int]) -> int | None:
        """The one of `among` that says which row is which: what the view is by, else what differs most."""
        words = [at for at in among if self.columns[at].type not in {"INTEGER", "NUMBER"}]
        named = [at for at in words if self.by and self.columns[at].label.lower() == self.by]
        texts = [at for at in words if self.columns[at].type == "TEXT"]  # no moment says what a row is about
        apart = sorted(texts or words, key=lambda at: -len({row[at] for row in self.rows}))
        return next(iter([*named, *apart, *among]), None)


def arranged(table: Table, view: View | None, most: int, accounts: Accounts = UNNAMED) -> Arrangement:
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
    constants = table.constants()
    shared = _shared(
        table, [at for at, name in enumerate(names) if name in PRINCIPALS and at not in constants]
    )
    by = view.by if view is not None else ""
    return Arrangement(table.columns, places, rows, order, by, constants, shared, accounts)


def _shared(table: Table, places: Collection[int]) -> dict[int, str]:
    """The one account of each column's ARNs; none for fewer than two rows, where nothing is shared."""
    if table.row_count < 2:
        return {}
    found: dict[int, set[str]] = {at: set() for at in places}
    for row in table.rows():
        for at in places:
            cell = row[at]
            if isinstance(cell, str) and (account := of_arn(cell)):
                found[at].add(account)
        if all(len(accounts) > 1 for accounts in found.values()):
            break  # none is left; so too where there is no such column
    return {at: accounts.pop() for at, accounts in found.items() if len(accounts) == 1}
