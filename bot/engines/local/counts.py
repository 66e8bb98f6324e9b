"""A cheaper SELECT over the archive: events are counted by few values, and each value is asked once; and what
hardly any event has is looked for where there is some."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

_FEW: Final = frozenset({exp.column("saidVersion")})
"""Columns of few values, however many the events, of which a SUM asks many times."""

_RARE: Final = frozenset(map(exp.column, ("unreadVersion", "unreadSuite", "unreadExchange")))
"""Columns that are NULL in nearly all events, so that most of a file is skipped by its statistics."""

_CALLS: Final = exp.Count(this=exp.Star(), big_int=True)
_MORE: Final = (
    *(exp.Join, exp.Lateral, exp.Unnest, exp.Subquery, exp.With),
    *(exp.Having, exp.Distinct, exp.Filter, exp.Window),
)
"""What makes a SELECT more than groups of one table's rows."""


def count_first(tree: exp.Query) -> None:
    """Count the events of each of few values, then ask of a value, and not of every event, what it is.

    A view stays as it is that looks at more than such counts, and at the least and the most of something.
    """
    if not isinstance(tree, exp.Select) or tree.find(*_MORE):
        return
    keys, aggregates = _keys(tree), _aggregates(tree)
    sums = [each for each in aggregates if isinstance(each, exp.Sum)]
    summed = [column for each in sums for column in each.find_all(exp.Column)]
    if not keys or not summed or not _FEW.issuperset(summed) or not _can_be_folded(tree):
        return
    names: dict[exp.Expr, str] = {}

    def held(node: exp.Expr) -> exp.Expr:
        """The column of the counts that says `node`."""
        return exp.column(names.setdefault(node.copy(), f"c{len(names)}"))

    by = {key: held(key) for key in dict.fromkeys((*keys, *summed))}

    def folded(node: exp.Expr) -> exp.Expr:
        if isinstance(node, (exp.Min, exp.Max)):
            return type(node)(this=held(node))
        if isinstance(node, exp.Sum):
            value = node.this.transform(lambda part: by[part].copy() if part in by else part)
            return exp.Sum(this=exp.Mul(this=exp.paren(value), expression=held(_CALLS)))
        if node == _CALLS:
            return exp.Sum(this=held(_CALLS))
        return by[node].copy() if node in by else node

    said = [exp.alias_(each.unalias().transform(folded), each.alias_or_name) for each in tree.expressions]
    counts = tree.copy()
    counts.set("expressions", [exp.alias_(node, name) for node, name in names.items()])
    counts.set("group", exp.Group(expressions=[each.copy() for each in by]))
    for part in ("order", "limit"):
        counts.set(part, None)
    tree.set("expressions", said)
    tree.set("from_", exp.From(this=counts.subquery("counts")))
    tree.set("where", None)
    tree.set("group", exp.Group(expressions=[by[key].copy() for key in keys]))


def look_apart(tree: exp.Query) -> None:
    """Find the least and the most of what hardly any event has in a SELECT of its own, beside all else.

    Over every event each of them would cost as much as a count. A view stays as it is where that needs more
    than the groups' own sums, counts, leasts and mosts.
    """
    if not isinstance(tree, exp.Select) or tree.find(*_MORE) or not _can_be_folded(tree):
        return
    keys, aggregates = _keys(tree), list(dict.fromkeys(_aggregates(tree)))
    rare = [each for each in aggregates if isinstance(each, (exp.Min, exp.Max)) and each.this in _RARE]
    if not keys or not rare or len(rare) == len(aggregates):
        return
    names = {node: f"c{at}" for at, node in enumerate((*dict.fromkeys(keys), *aggregates))}

    def folded(node: exp.Expr) -> exp.Expr:
        if node not in names:
            return node
        held = exp.column(names[node])
        if not isinstance(node, exp.AggFunc):
            return held
        return type(node)(this=held) if isinstance(node, (exp.Min, exp.Max)) else exp.Sum(this=held)

    said = [exp.alias_(each.unalias().transform(folded), each.alias_or_name) for each in tree.expressions]
    usual, odd = tree.copy(), tree.copy()
    for select, left_out in ((usual, rare), (odd, [each for each in aggregates if each not in rare])):
        cells = [(exp.null() if node in left_out else node, name) for node, name in names.items()]
        select.set("expressions", [exp.alias_(node.copy(), name) for node, name in cells])
        for part in ("order", "limit"):
            select.set(part, None)
    there = [exp.column(name).is_(exp.null()).not_() for name in sorted({each.this.name for each in rare})]
    odd.where(exp.or_(*there), copy=False)
    tree.set("expressions", said)
    tree.set("from_", exp.From(this=exp.union(usual, odd, distinct=False).subquery("counts")))
    tree.set("where", None)
    tree.set("group", exp.Group(expressions=[exp.column(names[key]) for key in keys]))


def _keys(tree: exp.Select) -> list[exp.Expr]:
    return list(tree.args["group"].expressions) if tree.args.get("group") else []


def _aggregates(tree: exp.Select) -> list[exp.AggFunc]:
    return [node for each in tree.expressions for node in each.find_all(exp.AggFunc)]


def _can_be_folded(tree: exp.Select) -> bool:
    """Whether what it says of a group follows from what it says of parts of it."""
    aggregates = _aggregates(tree)
    known = all(each == _CALLS or isinstance(each, (exp.Sum, exp.Min, exp.Max)) for each in aggregates)
    return known and _sorts_by_outputs(tree)


def _sorts_by_outputs(tree: exp.Select) -> bool:
    outputs = {each.alias_or_name for each in tree.expressions}
    order = tree.args.get("order")
    return order is None or all(item.this.sql() in outputs for item in order.expressions)
