"""The types of columns and of expressions over them, as Trino would have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot import event_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

    from bot.table import ColumnType

TEXT_BLANKS: Final = frozenset(
    {"version", "suite", "weakness", "exchange", "host", "agent", "principal", "role"}
    | {"unread", "unread_suite", "unread_exchange"}
)
"""The blanks of a view that stand for a text."""


def find_type(parts: list[str]) -> event_schema.Type | None:
    """The type at a dotted path of `event_schema.COLUMNS`, whatever its case; None where there is none."""
    found: event_schema.Type | None = event_schema.LAKE_COLUMNS
    for part in parts:
        if not isinstance(found, dict):
            return None
        found = next((type_ for name, type_ in found.items() if name.lower() == part.lower()), None)
    return found


_EVENT_TYPES: Final[Mapping[str, ColumnType]] = {
    event_schema.TEXT: "TEXT",
    event_schema.TIME: "TIME",
    event_schema.FLAG: "FLAG",
}


def infer_type(node: exp.Expr) -> ColumnType | None:
    """The type of an expression over CloudTrail columns, as Trino would have it; None: not known."""
    from sqlglot import exp

    if isinstance(node, exp.Column):
        found = find_type([part.name for part in node.parts])
        return _EVENT_TYPES.get(found) if isinstance(found, str) else None
    if isinstance(node, exp.Literal):
        if node.is_string:
            return "TEXT"
        return "INTEGER" if node.is_int else "NUMBER"
    if isinstance(node, exp.Cast):
        return _CASTS.get(node.to.this.name)
    if isinstance(node, (exp.Paren, exp.Neg, exp.Abs, exp.Min, exp.Max, exp.AnyValue, exp.Sum)):
        return infer_type(node.this)
    if isinstance(node, exp.Coalesce):
        return infer_type(node.this)
    if isinstance(node, (exp.DateAdd, exp.AtTimeZone)):
        return "TIME" if infer_type(node.this) == "TIME" else None
    if isinstance(node, exp.Case):
        return infer_type(node.args["ifs"][0].args["true"])
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        sides = {infer_type(node.left), infer_type(node.right)}
        if not sides <= {"INTEGER", "NUMBER"}:
            return None
        return "INTEGER" if sides == {"INTEGER"} else "NUMBER"
    if isinstance(node, exp.Placeholder):
        return "TEXT" if node.name in TEXT_BLANKS else None
    return next((type_ for kinds, type_ in _functions() if isinstance(node, kinds)), None)


_CASTS: Final[Mapping[str, ColumnType]] = {
    "VARCHAR": "TEXT",
    "BIGINT": "INTEGER",
    "INT": "INTEGER",
    "DOUBLE": "NUMBER",
    "TIMESTAMP": "TIME",
    "DATE": "DATE",
    "BOOLEAN": "FLAG",
}


def _functions() -> tuple[tuple[tuple[type[exp.Expr], ...], ColumnType], ...]:
    from sqlglot import exp

    counts = (exp.Count, exp.ApproxDistinct, exp.Year, exp.Month, exp.Day, exp.DayOfWeekIso, exp.DateDiff)
    return (
        ((*counts, exp.Length, exp.Extract), "INTEGER"),
        ((exp.Round, exp.Avg), "NUMBER"),
        ((exp.TimestampTrunc, exp.DateTrunc), "TIME"),
        ((exp.Predicate, exp.Connector, exp.Not), "FLAG"),
        (
            (exp.Lower, exp.Upper, exp.Trim, exp.JSONExtractScalar, exp.RegexpExtract, exp.Bracket, exp.Dot),
            "TEXT",
        ),
    )
