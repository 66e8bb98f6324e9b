"""From a SELECT in Lake's dialect to Athena's, over a table as its metadata has it. No input or output.

The view's own text stays. What it reads from is a derived table of one row an event, since a trail's files
hold the same event several times, and not always with the same fields:

    SELECT eventSource, COUNT(*) AS numOutdatedTlsCalls
    FROM (
      SELECT MAX(eventsource) AS eventSource, MAX(tlsdetails.tlsversion) AS "tlsDetails.tlsVersion"
      FROM cloudtrail_logs
      WHERE "day" BETWEEN … AND eventtime >= …           -- partitions, window, filters
        AND (tlsdetails.tlsversion IN ('TLSv1', 'TLSv1.1') OR tlsdetails.tlsversion IS NULL)
      GROUP BY COALESCE(eventid, …)
    ) AS events
    WHERE "tlsDetails.tlsVersion" IN ('TLSv1', 'TLSv1.1')   -- what a thin copy may lack
    GROUP BY eventSource

Each column has Lake's name and type there, whatever it is in the table.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from sqlglot import exp

from bot import event_schema
from bot.engines.athena import columns, partitions
from bot.errors import UserError
from bot.question import blanks
from bot.question.types import find_type, infer_type
from bot.question.views import conjuncts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from bot.engines.athena.columns import Leaf
    from bot.engines.athena.tables import Metadata, Table

STATEMENT_CHARS: Final = 262_144
"""The longest statement (API reference, StartQueryExecution)."""

ASSUMED: Final = "The table was not read: AWS's published columns are assumed, and those that they leave out."
ALL_READ: Final = "The table has no partitions by day: all of it is read."

_BULKY: Final = frozenset(
    {"requestparameters", "responseelements", "additionaleventdata", "serviceeventdetails", "eventjson"}
    | {"resources", "requestid", "eventjsonchecksum", "unmapped", "raw_data", "observables"}
)
"""Columns that a columnar table is not asked for merely to tell events without an id apart: all events have
had one since 2013 (CloudTrail user guide, record contents), and these are most of an archive's bytes."""

_COMPARES: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_BOUNDS: Final = (exp.GT, exp.GTE, exp.LT, exp.LTE)


def translate(select: exp.Select, table: Table, metadata: Metadata) -> str:
    """Athena's SQL. UserError where the table cannot answer, in words about the question."""
    tree = select.copy()
    _name_nested(tree)
    _compare_times(tree)
    _count_without_exchange(tree, table, metadata)
    inside: list[exp.Expr] = []
    outside: list[exp.Expr] = []
    for condition in conjuncts(tree):
        (inside if _holds_for_copies(condition) else outside).append(condition)
    tree.set("where", exp.Where(this=exp.and_(*outside)) if outside else None)
    used: dict[str, Leaf] = {}
    tree = _over_events(tree, table, metadata, used)
    if not used:
        _use(used, columns.find(["eventID"], table, metadata))
    derived = exp.Select(
        expressions=[exp.alias_(leaf.of_copies(), name, quoted=_is_odd(name)) for name, leaf in used.items()]
    )
    source = exp.Table(
        **{
            key: exp.to_identifier(part, quoted=True)
            for key, part in zip(("catalog", "db", "this"), table.parts, strict=True)
        }
    )
    derived.set("from_", exp.From(this=source))
    within, is_dated = _within(inside, table, metadata)
    # copies that a question is certainly not about need not be put together: mostly, nearly all
    within += [_unless_missing(each, table, metadata) for each in outside if _needs_values(each)]
    derived.set("where", exp.Where(this=exp.and_(*within)))
    derived.set("group", exp.Group(expressions=[_event(table, metadata)]))
    tree.set("from_", exp.From(this=derived.subquery("events")))
    notes = [ASSUMED] * (metadata.read is None) + [ALL_READ] * (not is_dated and not metadata.is_iceberg)
    for note in notes:
        tree.add_comments([note])
    return _text(tree)


def reads_whole(sql: str) -> bool:
    """Whether a statement reads all of its table, as it says at its start."""
    return ALL_READ in sql.partition("SELECT")[0]


def _text(tree: exp.Expr) -> str:
    sql = tree.sql("trino", pretty=True)
    if len(sql) > STATEMENT_CHARS:
        sql = tree.sql("trino")
    if len(sql) > STATEMENT_CHARS:
        raise UserError(
            f"The question makes {len(sql):,} characters of SQL; Athena takes {STATEMENT_CHARS:,}.",
            "Name fewer values; `*` stands for many.",
        )
    return sql


# --- the view's own text


def _name_nested(tree: exp.Select) -> None:
    """Lake names a nested column by its last part, so that ORDER BY may say that."""
    for projection in list(tree.expressions):
        if isinstance(projection, exp.Column) and projection.table:
            projection.replace(exp.alias_(projection.copy(), projection.name))


def _compare_times(tree: exp.Select) -> None:
    """Lake reads text beside a time as a time; Athena refuses to compare them."""
    for node in tree.find_all(*_COMPARES, exp.Between, exp.In):
        sides = list(node.iter_expressions())
        kind = next((found for each in sides if (found := infer_type(each)) in {"TIME", "DATE"}), None)
        if kind is None:
            continue
        for literal in sides:
            if isinstance(literal, exp.Literal) and literal.is_string:
                literal.replace(exp.cast(literal.copy(), "timestamp" if kind == "TIME" else "date"))


def _count_without_exchange(tree: exp.Select, table: Table, metadata: Metadata) -> None:
    """Of a table without key exchange no event says it: so a coverage counts, and no question is lost."""
    try:
        columns.find(event_schema.KEY_EXCHANGE_PATH.split(".")[1:], table, metadata, is_json=True)
    except UserError:
        none = {blanks.no_exchange(): exp.true(), blanks.unread_exchange(): exp.cast(exp.null(), "VARCHAR")}
        for node in [each for each in tree.find_all(exp.Paren, exp.Case) if each in none]:
            node.replace(none[node].copy())


def _over_events(tree: exp.Select, table: Table, metadata: Metadata, used: dict[str, Leaf]) -> exp.Select:
    """The text with every value of an event by its name in the derived table; `used` takes them up."""
    aliases = {projection.alias.lower() for projection in tree.expressions if projection.alias}

    def replaced(node: exp.Expr) -> exp.Expr:
        is_alias = isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases
        if is_alias and node.find_ancestor(exp.Order) is not None:
            return node
        leaf = _leaf(node, table, metadata)
        return node if leaf is None else _use(used, leaf)

    # neither FROM nor an alias is a column
    return cast("exp.Select", tree.transform(replaced))


def _use(used: dict[str, Leaf], leaf: Leaf) -> exp.Expr:
    used.setdefault(leaf.name, leaf)
    return exp.column(exp.to_identifier(leaf.name, quoted=_is_odd(leaf.name)))


def _is_odd(name: str) -> bool:
    return not name.isidentifier()


def _leaf(node: exp.Expr, table: Table, metadata: Metadata) -> Leaf | None:
    """The value of an event that a node stands for; None where it stands for none."""
    if isinstance(node, exp.JSONExtractScalar) and node.this.name.lower() == "eventjson":
        keys = [each for each in node.expression.expressions if not isinstance(each, exp.JSONPathRoot)]
        if keys and all(isinstance(each, exp.JSONPathKey) for each in keys):
            return columns.find([each.this for each in keys], table, metadata, is_json=True)
    if isinstance(node, exp.Bracket) and _is_map(node.this):
        (key,) = node.expressions
        if not isinstance(key, exp.Literal):
            raise UserError(f"Athena looks up one fixed key of {node.this.sql()}.", "Name the key.")
        return columns.find([*(part.name for part in node.this.parts), key.name], table, metadata)
    if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
        return columns.find([part.name for part in node.parts], table, metadata)
    return None


def _is_map(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and find_type([part.name for part in node.parts]) == event_schema.MAP


# --- what is read


def _holds_for_copies(condition: exp.Expr) -> bool:
    """Whether what it says of an event, it says of each copy: nothing of TLS, nor of what may be missing."""
    says_tls = any(
        part.name.lower().startswith(columns.TLS_COLUMN) for part in condition.find_all(exp.Identifier)
    )
    keys = condition.find_all(exp.JSONPathKey)
    says_json = any(str(key.this).lower().startswith(columns.TLS_COLUMN) for key in keys)
    return not (says_tls or says_json or condition.find(exp.Null) is not None)


_UNSURE: Final = (exp.Is, exp.Coalesce, exp.Case, exp.If, exp.Nullif, exp.NullSafeEQ)
"""What may be true of an event because it lacks a value."""


def _needs_values(condition: exp.Expr) -> bool:
    """Whether a condition that is true of an event stays so, whatever the values are that the event lacks.

    Then a copy that has all values, and of which it is not true, is of an event of which it is not true: and
    of that event's thinner copies it is not true either.
    """
    return condition.find(*_UNSURE) is None and condition.find(exp.Column) is not None


def _unless_missing(condition: exp.Expr, table: Table, metadata: Metadata) -> exp.Expr:
    """The condition on copies, true also of those that lack a value which it is about."""
    used: dict[str, Leaf] = {}

    def noted(node: exp.Expr) -> exp.Expr:
        leaf = _leaf(node, table, metadata)
        if leaf is None:
            return node
        used[leaf.name] = leaf
        return leaf.typed()

    said = condition.copy().transform(noted)
    missing = [exp.Is(this=leaf.value.copy(), expression=exp.null()) for leaf in used.values()]
    return exp.paren(exp.or_(said, *missing))


def _within(inside: Sequence[exp.Expr], table: Table, metadata: Metadata) -> tuple[list[exp.Expr], bool]:
    """The conditions on rows of the table, and whether partitions by day are among them."""
    time = columns.find(["eventTime"], table, metadata)
    first, last = _days(inside)
    asked = {
        name: [each for each in inside if _says_only(each, name)]
        for name in ("recipientAccountId", "awsRegion")
    }
    said, is_dated = partitions.conditions(metadata, first, last, asked)
    for condition in inside:
        bound = _bound(condition)
        said.append(_on_time(condition, time, bound) if bound else _typed(condition, table, metadata))
    return said, is_dated


def _says_only(condition: exp.Expr, name: str) -> bool:
    said = list(condition.find_all(exp.Column))
    is_it = all(len(each.parts) == 1 and each.name.lower() == name.lower() for each in said)
    return bool(said) and is_it and not isinstance(condition, (exp.Not, exp.NEQ))


def _typed(condition: exp.Expr, table: Table, metadata: Metadata) -> exp.Expr:
    def replaced(node: exp.Expr) -> exp.Expr:
        leaf = _leaf(node, table, metadata)
        return node if leaf is None else leaf.typed()

    return condition.transform(replaced)


def _bound(condition: exp.Expr) -> datetime | None:
    """The moment with which a condition compares eventTime."""
    if not isinstance(condition, _BOUNDS) or condition.left.name.lower() != "eventtime":
        return None
    literal = condition.right.this if isinstance(condition.right, exp.Cast) else condition.right
    try:
        moment = datetime.fromisoformat(literal.name) if isinstance(literal, exp.Literal) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _days(inside: Sequence[exp.Expr]) -> tuple[date, date]:
    """The first and the last day on which an event may have been. UserError without both bounds."""
    lows, highs = [], []
    for condition in inside:
        if (moment := _bound(condition)) is None:
            continue
        if isinstance(condition, (exp.GT, exp.GTE)):
            lows.append(moment)
        else:
            highs.append(moment - timedelta(microseconds=1) * isinstance(condition, exp.LT))
    if not lows or not highs:
        raise UserError(
            "The question has no window that Athena could narrow its files by.",
            "Say `eventTime >= … AND eventTime < …`.",
        )
    return max(lows).date(), min(highs).date()


def _on_time(condition: exp.Expr, time: Leaf, moment: datetime) -> exp.Expr:
    if time.stored == "bigint":
        return type(condition)(
            this=time.value.copy(), expression=exp.Literal.number(int(moment.timestamp() * 1000))
        )
    if not isinstance(time.stored, str) or not time.stored.startswith("string"):
        text = exp.Literal.string(f"{moment:%Y-%m-%d %H:%M:%S}")
        return type(condition)(this=time.value.copy(), expression=exp.cast(text, "timestamp"))
    # as text, a second with a fraction comes before the `Z` of one without
    end = "Z" if isinstance(condition, (exp.GT, exp.LTE)) else ""
    return type(condition)(
        this=time.value.copy(), expression=exp.Literal.string(f"{moment:%Y-%m-%dT%H:%M:%S}{end}")
    )


def _event(table: Table, metadata: Metadata) -> exp.Expr:
    """What copies of one event share: its id, and without one all that is told of it."""
    kept = [name for name in metadata.columns if metadata.is_json or name not in _BULKY]
    row = exp.Anonymous(this="ROW", expressions=[columns.column(name) for name in kept])
    text = exp.Anonymous(this="JSON_FORMAT", expressions=[exp.cast(row, "json")])
    octets = exp.Anonymous(this="TO_UTF8", expressions=[text])
    digest = exp.Anonymous(this="TO_HEX", expressions=[exp.Anonymous(this="MD5", expressions=[octets])])
    id_ = columns.find(["eventID"], table, metadata)
    return exp.func("COALESCE", exp.func("NULLIF", id_.value.copy(), exp.Literal.string("")), digest)
