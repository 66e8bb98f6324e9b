"""A view that only counts, asked of the hours that the archive has counted already."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from bot.archive import extracts
from bot.engines.local.counts import COUNT_STAR, MIN_MAX, only_counts
from bot.question.types import infer_type
from bot.question.views import conjuncts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOURS_TABLE: Final = "hours"
"""What the archive's statement calls them."""

_HOUR: Final = timedelta(hours=1)
_BOUNDS: Final = (exp.GTE, exp.LT)
_TIME: Final = exp.column("eventTime")
_KEYS: Final = frozenset(map(exp.column, extracts.COUNTED_BY))
_EXTREMES: Final[dict[exp.Expr, exp.Expr]] = {
    kind(this=exp.column(name)): kind(this=exp.column(kept))
    for name, names in extracts.LEAST_AND_MOST.items()
    for kind, kept in zip(MIN_MAX, names, strict=True)
}
"""The least and the most of a column, as hours say it."""

_ITSELF: Final[dict[str, exp.Expr]] = {
    extracts.HOW_MANY: exp.Literal.number(1),
    **{kept: exp.column(name) for name, names in extracts.LEAST_AND_MOST.items() for kept in names},
}
"""What an event says as an hour of its own."""


def count_hours(tree: exp.Query, events: str) -> None:
    """Ask hours in place of the table `events`, but for those of which a window has a part.

    A view stays as it is that looks at anything but what the archive counts by, and the ends that it keeps.
    """
    if not isinstance(tree, exp.Select) or not only_counts(tree):
        return
    conditions = conjuncts(tree)
    bounds = [node for node in conditions if _is_bound(node)]
    filters = [node for node in conditions if not _is_bound(node)]
    said = [*tree.expressions, *tree.args["group"].expressions]
    columns = [column for node in filters for column in node.find_all(exp.Column)]
    if tuple(map(type, bounds)) != _BOUNDS or not _KEYS.issuperset(columns) or not all(map(_is_kept, said)):
        return
    start, end = (datetime.fromisoformat(node.expression.name) for node in bounds)
    first, last = _floor(start + _HOUR - timedelta.resolution), _floor(end)
    if first >= last:
        return
    tree.set("expressions", [each.transform(_of_hours) for each in tree.expressions])
    wanted = {column.name for each in tree.expressions for column in each.find_all(exp.Column)}
    wanted |= {column.name for column in tree.args["group"].find_all(exp.Column)}
    parts: exp.Query = _part(HOURS_TABLE, {}, wanted, first, last, filters)
    for since, until in ((start, first), (last, end)):
        if since < until:
            one = _part(events, _ITSELF, wanted, since, until, filters)
            parts = exp.union(parts, one, distinct=False, copy=False)
    tree.set("from_", exp.From(this=parts.subquery("counted")))
    tree.set("where", None)


def _is_bound(node: exp.Expr) -> bool:
    return isinstance(node, _BOUNDS) and node.this == _TIME and isinstance(node.expression, exp.Literal)


def _is_kept(node: exp.Expr) -> bool:
    """Whether hours can say it. A day has whole hours; what is added up has to be the same in any order."""
    if isinstance(node, exp.Column):
        return node in _KEYS
    if isinstance(node, exp.Sum):
        whole = isinstance(node.this.unnest(), exp.BitwiseAnd) or infer_type(node.this) == "INTEGER"
        return whole and _is_kept(node.this)
    is_day = isinstance(node, exp.Cast) and node.this == _TIME and node.to.is_type(exp.DType.DATE)
    if is_day or node == COUNT_STAR or node in _EXTREMES:
        return True
    return not isinstance(node, exp.Avg) and all(map(_is_kept, node.iter_expressions()))


def _of_hours(node: exp.Expr) -> exp.Expr:
    calls = exp.column(extracts.HOW_MANY)
    if node == COUNT_STAR:
        return exp.cast(exp.Sum(this=calls), "BIGINT")
    if isinstance(node, exp.Sum):
        return exp.Sum(this=exp.Mul(this=exp.paren(node.this), expression=calls))
    return _EXTREMES[node].copy() if node in _EXTREMES else node


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _part(
    table: str,
    said: Mapping[str, exp.Expr],
    wanted: Iterable[str],
    start: datetime,
    end: datetime,
    filters: Iterable[exp.Expr],
) -> exp.Select:
    """The columns `wanted` of a table's rows from `start` until `end`; `said` is what a name stands for."""
    bounds = (
        kind(this=_TIME.copy(), expression=exp.Literal.string(f"{moment:%Y-%m-%d %H:%M:%S}"))
        for kind, moment in zip(_BOUNDS, (start, end), strict=True)
    )
    names = [
        exp.alias_(said[name].copy(), name) if name in said else exp.column(name) for name in sorted(wanted)
    ]
    conditions = exp.and_(*bounds, *(each.copy() for each in filters), copy=False)
    return exp.select(*names, copy=False).from_(table).where(conditions, copy=False)
