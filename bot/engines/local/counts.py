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

_CALLS: Final = exp.Count(this=exp.Star(), big_int=True)
_ENDS: Final = (exp.Min, exp.Max)
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
    keys = tree.args["group"].expressions if tree.args.get("group") else []
    aggregates = [node for each in tree.expressions for node in each.find_all(exp.AggFunc)]
    sums = [each for each in aggregates if isinstance(each, (exp.Sum, exp.Avg))]
    summed = [column for each in sums for column in each.find_all(exp.Column)]
    if (
        not keys
        or not summed
        or not _FEW.issuperset(summed)
        or not all(each == _CALLS or each in sums or isinstance(each, _ENDS) for each in aggregates)
        or not _sorts_by_outputs(tree)
    ):
        return
    names: dict[exp.Expr, str] = {}

    def held(node: exp.Expr) -> exp.Expr:
        """The column of the counts that says `node`."""
        return exp.column(names.setdefault(node.copy(), f"c{len(names)}"))

    by = {key: held(key) for key in dict.fromkeys((*keys, *summed))}

    def folded(node: exp.Expr) -> exp.Expr:
        if isinstance(node, _ENDS):
            return type(node)(this=held(node))
        if isinstance(node, (exp.Sum, exp.Avg)):
            value = exp.paren(node.this.transform(lambda part: by[part].copy() if part in by else part))
            total = exp.Sum(this=exp.Mul(this=value, expression=held(_CALLS)))
            if isinstance(node, exp.Sum):
                return total
            says = exp.Not(this=exp.Is(this=value.copy(), expression=exp.null()))
            calls = exp.Sum(this=exp.Case().when(says, held(_CALLS)))
            return exp.paren(exp.Div(this=total, expression=calls))
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


def _sorts_by_outputs(tree: exp.Select) -> bool:
    outputs = {each.alias_or_name for each in tree.expressions}
    order = tree.args.get("order")
    return order is None or all(item.this.sql() in outputs for item in order.expressions)
