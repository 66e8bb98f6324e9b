"""From Lake's Trino to DuckDB's SQL: sqlglot maps the names; here is what differs in meaning."""

from __future__ import annotations

from typing import Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from bot.archive.parquet import UNSAID
from bot.errors import UserError
from bot.event_schema import COLUMNS, KEY_EXCHANGE_PATH, MAP, VERSIONS, WHITESPACE
from bot.question import blanks
from bot.question.select import STORE
from bot.question.views import find_type, infer_type

EVENTS: Final = "events"
"""What the archive's statement calls its events."""

_NOT_KEPT: Final = frozenset({"eventjson", "eventjsonchecksum"})
_TLS_DETAILS: Final = frozenset({*COLUMNS["tlsDetails"], KEY_EXCHANGE_PATH.rpartition(".")[2]})


def translate(select: exp.Select, elsewhere: str) -> str:
    """The SQL over `EVENTS`. UserError where it cannot be said; `elsewhere` is where stores are."""
    tree = select.copy()
    if (store := tree.args["from_"].this.name) != STORE:
        raise UserError(f"The embedded engine has no store `{store}`.", elsewhere)
    tree.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(EVENTS))))
    _to_said(tree)
    _narrow_days(tree)
    to_duckdb(tree)
    _count_first(tree)
    return tree.sql(DuckDB, copy=False, pretty=True)


def _narrow_days(tree: exp.Select) -> None:
    """Say the window in `day`, the archive's folders, so that no other folder is opened.

    A bound at midnight is said by that alone: a folder has the events of its day in UTC and no others.
    """
    kept: list[exp.Expr] = []
    days: list[exp.Expr] = []
    for node in tree.args["where"].this.flatten():
        bound = node.right if isinstance(node, (exp.GTE, exp.LT)) else None
        if isinstance(bound, exp.Literal) and node.left.name.lower() == "eventtime":
            date, _, clock = bound.name.partition(" ")
            day = exp.Cast(this=exp.Literal.string(date), to=exp.DataType(this=exp.DType.DATE))
            upto = exp.LT if clock == "00:00:00" else exp.LTE
            kind = exp.GTE if isinstance(node, exp.GTE) else upto
            days.append(kind(this=exp.column("day"), expression=day))
            if clock == "00:00:00":
                continue
        kept.append(node)
    tree.args["where"].set("this", exp.and_(*kept, *days, copy=False))


def _to_said(tree: exp.Select) -> None:
    """Ask the columns in which the archive keeps what an event says, in place of its texts."""
    for node in list(tree.find_all(exp.Case, exp.Paren, exp.In)):
        if isinstance(node, exp.In) and node.this == _VERSION_TEXT:
            texts = {each.name for each in node.expressions}
            names = [name for name, spellings in VERSIONS.items() if texts.issuperset(spellings)]
            if texts == {text for name in names for text in VERSIONS[name]}:
                said = exp.column("saidVersion")
                node.replace(said.eq(names[0]) if len(names) == 1 else said.isin(*names))
        elif node in _SAID:
            node.replace(_SAID[node].copy())


_VERSION_TEXT: Final = blanks.version_text()
_SAID_VERSION: Final = exp.Nullif(this=exp.column("saidVersion"), expression=exp.Literal.string(""))


def _lacks(what: str) -> exp.Expr:
    bit = exp.BitwiseAnd(this=exp.column("unsaid"), expression=exp.Literal.number(UNSAID[what]))
    return exp.paren(exp.NEQ(this=exp.paren(bit), expression=exp.Literal.number(0)))


_SAID: Final[dict[exp.Expr, exp.Expr]] = {
    blanks.version(): _SAID_VERSION,
    blanks.no_version(): exp.paren(exp.Is(this=_SAID_VERSION.copy(), expression=exp.null())),
    blanks.unread_version(): exp.column("unreadVersion"),
    blanks.no_suite(): _lacks("suite"),
    blanks.no_exchange(): _lacks("exchange"),
    blanks.no_host(): _lacks("host"),
}
"""What a tree of `blanks` is where the archive keeps it."""


_FEW: Final = frozenset({exp.column("saidVersion"), exp.column("unsaid")})
"""Columns of few values, however many the events."""

_CALLS: Final = exp.Count(this=exp.Star(), big_int=True)


def _count_first(tree: exp.Select) -> None:
    """Count the events of each of few values, then ask of a value, and not of every event, what it is.

    A view stays as it is that looks at more than such counts, and at the least and the most of something.
    """
    keys = tree.args["group"].expressions if tree.args.get("group") else []
    aggregates = [node for each in tree.expressions for node in each.find_all(exp.AggFunc)]
    sums = [each for each in aggregates if isinstance(each, exp.Sum)]
    summed = [column for each in sums for column in each.find_all(exp.Column)]
    if (
        not keys
        or not summed
        or not _FEW.issuperset(summed)
        or not all(each == _CALLS or isinstance(each, (exp.Sum, exp.Min, exp.Max)) for each in aggregates)
        or not _sorts_by_outputs(tree)
        or tree.find(exp.Having, exp.Distinct, exp.Filter, exp.Window)
    ):
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


def _sorts_by_outputs(tree: exp.Select) -> bool:
    outputs = {each.alias_or_name for each in tree.expressions}
    order = tree.args.get("order")
    return order is None or all(item.this.sql() in outputs for item in order.expressions)


def to_duckdb(tree: exp.Select) -> None:
    """What the tree says, as DuckDB says it."""
    # Lake names a nested column by its last part, so that ORDER BY may say that
    for projection in list(tree.expressions):
        if isinstance(projection, exp.Column) and projection.table:
            projection.replace(exp.alias_(projection.copy(), projection.name))
    # Trino divides integers as integers
    whole = [node for node in tree.find_all(exp.Div) if infer_type(node) == "INTEGER"]
    for division in whole:
        division.replace(exp.IntDiv(this=division.left, expression=division.right))
    # from the leaves up, so that what is replaced holds what was replaced within it
    for node in reversed(list(tree.walk())):
        replacement = _in_duckdb(node)
        if replacement is not None:
            node.replace(replacement)


def _in_duckdb(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.Column) and node.name.lower() in _NOT_KEPT:
        if isinstance(node.parent, exp.JSONExtractScalar) and _tls_detail(node.parent):
            return None
        raise UserError(
            "The embedded engine keeps no eventJson as a whole.",
            "JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange') works, as do the other TLS details; "
            "the rest has columns of its own.",
        )
    if isinstance(node, exp.JSONExtractScalar):
        return _json_scalar(node)
    if isinstance(node, exp.Bracket) and _is_map(node.this):
        return _in_map(node)
    if isinstance(node, exp.Trim) and node.expression is None:
        return exp.Trim(this=node.this.copy(), expression=exp.Literal.string(WHITESPACE))
    if isinstance(node, exp.RegexpExtract):
        # Trino answers NULL where nothing matches, DuckDB an empty text
        found = exp.RegexpLike(this=node.this.copy(), expression=node.expression.copy())
        return exp.Case().when(found, node.copy())
    if isinstance(node, exp.DateDiff):
        # Trino counts the whole units that passed, DuckDB's DATE_DIFF the boundaries between
        unit = exp.Literal.string(node.args["unit"].name)
        return exp.func("DATESUB", unit, node.expression.copy(), node.this.copy())
    return None


def _is_map(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and find_type([part.name for part in node.parts]) == MAP


def _in_map(node: exp.Bracket) -> exp.Expr:
    """Text as it is, anything deeper as JSON text; NULL where there is no such key, or no object."""
    (key,) = node.expressions
    if not isinstance(key, exp.Literal):
        raise UserError(f"The embedded engine looks up one fixed key of {node.this.sql()}.", "Name the key.")
    pointer = key.name.replace("~", "~0").replace("/", "~1")
    return _try(exp.func("JSON_EXTRACT_STRING", node.this.copy(), exp.Literal.string(f"/{pointer}")))


def _json_scalar(node: exp.JSONExtractScalar) -> exp.Expr:
    if detail := _tls_detail(node):
        return exp.column(detail, table="tlsDetails")
    # Trino answers NULL for text that is no JSON, and for an object or an array
    path = exp.Literal.string(node.expression.sql(DuckDB).strip("'"))
    kind = _try(exp.func("JSON_TYPE", node.this.copy(), path))
    scalar = exp.func("JSON_EXTRACT_STRING", node.this.copy(), path.copy())
    return exp.Case().when(kind.isin("OBJECT", "ARRAY").not_(), scalar)  # TRY(CASE …) would not catch


def _tls_detail(node: exp.JSONExtractScalar) -> str:
    """The key for `$.tlsDetails.key` of `eventJson`, which the archive keeps as a column; else nothing."""
    path = [part.name for part in node.expression.find_all(exp.JSONPathKey)]
    kept = len(path) == 2 and path[0] == "tlsDetails" and path[1] in _TLS_DETAILS
    return str(path[1]) if kept and node.this.name.lower() == "eventjson" else ""


def _try(expression: exp.Expr) -> exp.Expr:
    return exp.func("TRY", expression)
