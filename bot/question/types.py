"""The types of columns and of expressions over them, as Trino would have them."""

from __future__ import annotations

from functools import cache
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
    if choices := _choices(node):
        first = infer_type(choices[0])
        is_exact = first != "INTEGER" or not (is_double(node) or find_scale(node) is not None)
        return first if is_exact else "NUMBER"
    if isinstance(node, _same()):
        return infer_type(node.this)
    if isinstance(node, (exp.DateAdd, exp.AtTimeZone)):
        return "TIME" if infer_type(node.this) == "TIME" else None
    if isinstance(node, exp.Bracket):
        return _infer_element(node.this) or "TEXT"
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)):
        sides = {infer_type(node.left), infer_type(node.right)}
        if not sides <= {"INTEGER", "NUMBER"}:
            return None
        return "INTEGER" if sides == {"INTEGER"} else "NUMBER"
    if isinstance(node, exp.Placeholder) and node.name in TEXT_BLANKS:
        return "TEXT"
    return next((type_ for kinds, type_ in _functions() if isinstance(node, kinds)), None)


_CASTS: Final[Mapping[str, ColumnType]] = {
    "VARCHAR": "TEXT",
    **dict.fromkeys(("BIGINT", "INT", "SMALLINT", "TINYINT"), "INTEGER"),
    **dict.fromkeys(("DOUBLE", "FLOAT", "DECIMAL"), "NUMBER"),
    "TIMESTAMP": "TIME",
    "DATE": "DATE",
    "BOOLEAN": "FLAG",
}


def _infer_element(node: exp.Expr) -> ColumnType | None:
    """The type of what a list holds."""
    from sqlglot import exp

    if isinstance(node, exp.Array):
        return infer_type(node.expressions[0]) if node.expressions else None
    if isinstance(node, (exp.ArrayAgg, exp.ArrayUniqueAgg, exp.Max, exp.Min)):
        return infer_type(node.this)
    if isinstance(node, (exp.ArraySort, exp.ArrayDistinct, exp.ArrayFilter, exp.ArrayRemove)):
        return _infer_element(node.this)
    return None


def _choices(node: exp.Expr) -> list[exp.Expr]:
    """What an expression is one of, which Trino makes all of one type; nothing where it is no choice."""
    from sqlglot import exp

    found: list[exp.Expr | None] = []
    if isinstance(node, (exp.Coalesce, exp.Greatest, exp.Least)):
        found = [node.this, *node.expressions]
    elif isinstance(node, (exp.Case, exp.If)):
        branches = node.args["ifs"] if isinstance(node, exp.Case) else [node]
        found = [each.args["true"] for each in branches]
        found.append(node.args.get("default" if isinstance(node, exp.Case) else "false"))
    return [each for each in found if each is not None and not isinstance(each, exp.Null)]


@cache
def _same() -> tuple[type[exp.Expr], ...]:
    """What is of the type of its first part."""
    from sqlglot import exp

    aggregates = (exp.Min, exp.Max, exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.Sum, exp.Filter)
    numbers = (exp.Neg, exp.Abs, exp.Ceil, exp.Floor, exp.Trunc, exp.Sign)
    return (
        *(exp.Paren, exp.Nullif, exp.Try, exp.Distinct, exp.Order),
        *aggregates,
        *numbers,
    )


@cache
def _doubles() -> tuple[type[exp.Expr], ...]:
    """The functions that answer with a DOUBLE, whatever they are given."""
    from sqlglot import exp

    return (
        *(exp.Pow, exp.Sqrt, exp.Cbrt, exp.Exp, exp.Ln, exp.Log, exp.Pi, exp.Degrees, exp.Radians),
        *(exp.Sin, exp.Cos, exp.Tan, exp.Asin, exp.Acos, exp.Atan, exp.Atan2, exp.TimeToUnix),
        *(exp.Stddev, exp.StddevPop, exp.Variance, exp.VariancePop),
        *(exp.Corr, exp.CovarPop, exp.Skewness),
    )


def is_double(node: exp.Expr) -> bool:
    """Whether Trino has an expression as a DOUBLE or a REAL, or as a list that holds one."""
    from sqlglot import exp

    if isinstance(node, exp.Literal):
        return not node.is_string and "e" in node.name.lower()
    if isinstance(node, exp.Cast):
        return node.to.this.name in {"DOUBLE", "FLOAT"}
    if isinstance(node, exp.Avg):
        return find_scale(node.this) is None
    if isinstance(node, exp.Anonymous):
        return node.name.lower() == "geometric_mean"
    if isinstance(node, (exp.ArgMax, exp.ArgMin, exp.Filter)):
        return is_double(node.this)
    if choices := _choices(node):
        return any(is_double(choice) for choice in choices)
    lists = (exp.Array, exp.ArrayAgg, exp.ArrayUniqueAgg, exp.ArraySort, exp.ArrayDistinct, exp.ArrayMax)
    more = (exp.ArrayMin, exp.ArrayFilter, exp.ArrayRemove, exp.ArrayIntersect, exp.ArrayExcept, exp.Flatten)
    sums = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Round)
    made = (exp.Bracket, exp.Transform, exp.Lambda)
    if isinstance(node, (*_same(), *lists, *more, *sums, *made)):
        return any(is_double(part) for part in node.iter_expressions())
    return isinstance(node, _doubles())


def find_scale(node: exp.Expr) -> int | None:
    """How many digits after its point a DECIMAL has, as Trino has it; None for what is none or is not known.

    Whole numbers beside a DECIMAL count as one without such digits (trino.io, decimal functions and
    operators, mathematical functions).
    """
    from sqlglot import exp

    if isinstance(node, exp.Literal):
        is_decimal = not node.is_string and not node.is_int and not is_double(node)
        return len(node.name.partition(".")[2]) if is_decimal else None
    if isinstance(node, exp.Cast):
        sizes = node.to.expressions
        return (int(sizes[1].name) if sizes[1:] else 0) if node.to.this.name == "DECIMAL" else None
    if isinstance(node, (exp.Ceil, exp.Floor, exp.Sign, exp.Round, exp.Trunc)):
        within = find_scale(node.this)
        keeps = within is not None and node.args.get("decimals") is not None
        return within if keeps else (None if within is None else 0)
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)):
        parts = [node.left, node.right]
    elif choices := _choices(node):
        parts = choices
    elif isinstance(node, (*_same(), exp.Avg)):
        return find_scale(node.this)
    else:
        return None
    scales = [find_scale(part) for part in parts]
    if any(
        scale is None and infer_type(part) != "INTEGER" for part, scale in zip(parts, scales, strict=True)
    ):
        return None
    known = [scale for scale in scales if scale is not None]
    if not known:
        return None
    return sum(known) if isinstance(node, exp.Mul) else max(known)


def _functions() -> tuple[tuple[tuple[type[exp.Expr], ...], ColumnType], ...]:
    from sqlglot import exp

    counts = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.ArraySize, exp.RegexpCount)
    parts = (exp.Year, exp.Quarter, exp.Month, exp.WeekOfYear, exp.YearOfWeek, exp.Day, exp.DayOfMonth)
    more = (exp.DayOfWeekIso, exp.DayOfYear, exp.Hour, exp.Minute, exp.Second, exp.DateDiff, exp.Extract)
    return (
        ((*counts, *parts, *more, exp.Length, exp.StrPosition, exp.Levenshtein), "INTEGER"),
        ((exp.Round, exp.Avg, *_doubles()), "NUMBER"),
        ((exp.TimestampTrunc, exp.DateTrunc), "TIME"),
        ((exp.Predicate, exp.Connector, exp.Not), "FLAG"),
        ((exp.Lower, exp.Upper, exp.Trim, exp.JSONExtractScalar, exp.RegexpExtract, exp.Dot), "TEXT"),
    )
