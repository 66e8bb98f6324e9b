"""A toy engine, in one file as every engine: a list of events in memory, asked with sqlglot's own executor.

It shows what an engine must have, and that nothing else has to know of it but a line in `ENGINES`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import Field
from sqlglot import exp
from sqlglot.executor import execute

from bot.engines import Check, Engine, Statement
from bot.environment import Section
from bot.errors import UserError
from bot.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.engines import Offer, Progress
    from bot.table import Cell, Column

COLUMNS: Final = (
    *("eventTime", "eventSource", "tlsVersion", "cipherSuite"),
    *("eventJson", "clientProvidedHostHeader"),
)

EVENTS: Final = (
    ("2026-11-20 08:00:00", "s3.amazonaws.com", "TLSv1.1"),
    ("2026-11-20 09:30:00", "s3.amazonaws.com", "TLSv1"),
    ("2026-11-21 10:00:00", "kms.amazonaws.com", "TLSv1"),
    ("2026-11-21 11:00:00", "kms.amazonaws.com", "TLSv1.3"),
    ("2026-11-22 12:00:00", "sts.amazonaws.com", None),
)

BYTES: Final = 400_000_000
"""What the toy says that it read for each question."""


class ToySettings(Section):
    """What may be said of the toy in the environment."""

    toy_price: float = Field(default=2.5, ge=0, description="Dollars for each gigabyte that the toy reads.")
    toy_limit: int = Field(default=100, ge=1, description="The most events that the toy may hold.")


class Toy(Engine):
    """Engine over `EVENTS`, which say when, of which service and over which TLS."""

    name = "toy"
    Settings = ToySettings

    def __init__(self, price: float, limit: int) -> None:
        self.price = price
        self._limit = limit

    @classmethod
    def make(cls, settings: ToySettings, offer: Offer) -> Toy:
        del offer
        return cls(settings.toy_price, settings.toy_limit)

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        tree = select.copy()
        tree.set("from_", exp.From(this=exp.to_table("events")))
        known = {alias.alias for alias in tree.expressions} | set(COLUMNS)
        for column in tree.find_all(exp.Column):
            if column.name not in known:
                raise UserError(f"The toy keeps no `{column.name}`.", "Ask it `by=services`.")
            column.set("table", None)
        if tree.find(exp.Cast):
            raise UserError("The toy knows moments, and no days.", "Ask it `by=services`.")
        return Statement(tree.sql(), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        del resume
        progress(token, "playing", BYTES)
        events = [dict.fromkeys(COLUMNS) | dict(zip(COLUMNS, event, strict=False)) for event in EVENTS]
        answer = execute(
            statement.sql, schema={"events": dict.fromkeys(COLUMNS, "TEXT")}, tables={"events": events}
        )
        cells = [
            tuple(_cell(cell, column) for cell, column in zip(row, statement.columns, strict=True))
            for row in answer.rows
        ]
        return Table(statement.columns, [cells], scanned=BYTES)

    def checks(self, *, is_default: bool) -> Iterable[Check]:
        del is_default
        yield Check(
            f"the toy holds {len(EVENTS)} events",
            len(EVENTS) <= self._limit,
            f"Set TLS_AUDIT_TOY_LIMIT to {len(EVENTS)} at least.",
        )


def _cell(cell: Cell, column: Column) -> Cell:
    if column.type == "TIME" and isinstance(cell, str):
        return datetime.fromisoformat(cell).replace(tzinfo=UTC)
    return cell
