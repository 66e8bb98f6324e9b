"""A cheaper SELECT over the archive: events are counted by few values, and each value is asked once."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from bot.question import blanks

_FEW: Final = frozenset(
    {exp.column("saidVersion"), blanks.column("tlsDetails.keyExchange"), exp.column("userAgent")}
)
"""Columns of few values, or of far fewer than there are events: what calls thousands of times a day calls
itself the same."""

COUNT_STAR: Final = exp.Count(this=exp.Star(), big_int=True)
MIN_MAX: Final = (exp.Min, exp.Max)
_MORE: Final = (
    *(exp.Join, exp.Lateral, exp.Unnest, exp.Subquery, exp.With),
    *(exp.Having, exp.Distinct, exp.Filter, exp.Window),
)
"""What makes a SELECT more than groups of one table's rows."""

_NO_COLUMN: Final = (exp.Literal, exp.Rollup, exp.Cube, exp.GroupingSets)
"""What a GROUP BY may say in place of a value."""


def count_first(tree: exp.Query) -> None:
    """Count the events of each of few values, then ask of a value, and not of every event, what it is.

    A view stays as it is that looks at more than such counts, and at the least and the most of something.
    """
    if not isinstance(tree, exp.Select) or not only_counts(tree):
        return
    keys = tree.args["group"].expressions
    sums = [node for each in tree.expressions for node in each.find_all(exp.Sum, exp.Avg)]
    summed = [column for each in sums for column in each.find_all(exp.Column)]
    if not summed or not _FEW.issuperset(summed):
        return
    names: dict[exp.Expr, str] = {}

    def held(node: exp.Expr) -> exp.Expr:
        """The column of the counts that says `node`."""
        return exp.column(names.setdefault(node.copy(), f"c{len(names)}"))

    by = {key: held(key) for key in dict.fromkeys((*keys, *summed))}

    def folded(node: exp.Expr) -> exp.Expr:
        if isinstance(node, MIN_MAX):
            return type(node)(this=held(node))
        if isinstance(node, (exp.Sum, exp.Avg)):
            value = exp.paren(node.this.transform(lambda part: by[part].copy() if part in by else part))
            total = exp.Sum(this=exp.Mul(this=value, expression=held(COUNT_STAR)))
            if isinstance(node, exp.Sum):
                return total
            says = exp.Not(this=exp.Is(this=value.copy(), expression=exp.null()))
            calls = exp.Sum(this=exp.Case().when(says, held(COUNT_STAR)))
            return exp.paren(exp.Div(this=total, expression=calls))
        if node == COUNT_STAR:
            return exp.Sum(this=held(COUNT_STAR))
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


def only_counts(tree: exp.Select) -> bool:
    """Whether it is groups of one table's rows, in an order of what is said of them: how many they are, what
    adds up over them, the least and the most of something. Groups by a place in the SELECT, or of several
    sizes (ROLLUP), are not meant."""
    aggregates = [node for each in tree.expressions for node in each.find_all(exp.AggFunc)]
    group = tree.args.get("group")
    return (
        not tree.find(*_MORE)
        and group is not None
        and not any(isinstance(key, _NO_COLUMN) for key in group.expressions)
        and all(each == COUNT_STAR or isinstance(each, (exp.Sum, exp.Avg, *MIN_MAX)) for each in aggregates)
        and _sorts_by_outputs(tree)
    )


def _sorts_by_outputs(tree: exp.Select) -> bool:
    outputs = {each.alias_or_name for each in tree.expressions}
    order = tree.args.get("order")
    return order is None or all(item.this.sql() in outputs for item in order.expressions)
