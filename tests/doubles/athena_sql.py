"""Athena's SQL, for its double: which statements its types allow, and the same in DuckDB.

The rules are Trino's: nothing but numbers is converted unasked. Text beside a time is refused, as are a
time's functions over text, and text in ISO 8601 does not become a timestamp by CAST.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from tests.doubles import trino

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Type = str | dict[str, "Type"] | list["Type"]
"""A row's fields, an array's element, or Trino's word for any other type; maps are `map`."""

_NUMBERS: Final = frozenset({"bigint", "double"})
_TIMES: Final = frozenset({"timestamp", "timestamp with time zone"})


class Mistake(Exception):
    """What Athena says of a statement that it cannot run: a code, and words."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code


@dataclass(frozen=True)
class Checked:
    """A statement that may be run: its tree, its columns, and what it says of the table's rows."""

    tree: exp.Select
    names: tuple[tuple[str, str], ...]
    conditions: tuple[exp.Expr, ...]


def columns_of(kind: exp.DataType) -> Type:
    """A column's type, of Hive's."""
    name = kind.this.name
    if name == "STRUCT":
        return {each.name.lower(): columns_of(each.args["kind"]) for each in kind.expressions}
    if name in {"ARRAY", "LIST"}:
        return [columns_of(kind.expressions[0])]
    if name == "MAP":
        return "map"
    return {
        "TEXT": "varchar",
        "VARCHAR": "varchar",
        "INT": "bigint",
        "BIGINT": "bigint",
        "TIMESTAMP": "timestamp",
        "DATETIME": "timestamp",
        "BOOLEAN": "boolean",
        "DATE": "date",
        "DOUBLE": "double",
    }[name]


def check(tree: exp.Select, columns: Mapping[str, Type]) -> Checked:
    """The statement over a table of these columns. Mistake."""
    found, conditions = _select(tree, columns)
    return Checked(tree, tuple((name, _written(type_)) for name, type_ in found), tuple(conditions))


def _written(type_: Type | None) -> str:
    return type_ if isinstance(type_, str) else "row"


def _select(
    tree: exp.Select, columns: Mapping[str, Type]
) -> tuple[list[tuple[str, Type | None]], list[exp.Expr]]:
    source = tree.args["from_"].this
    conditions: list[exp.Expr] | None = None
    scope: dict[str, Type | None] = dict(columns)
    if isinstance(source, exp.Subquery):
        inner, conditions = _select(source.this, columns)
        scope = {name.lower(): type_ for name, type_ in inner}
    check_ = _Check(scope, source.alias_or_name)
    where = tree.args.get("where")
    if where is not None:
        check_.expect(where.this, "boolean")
    names = [(each.alias_or_name, check_.type_of(each.unalias())) for each in tree.expressions]
    if where is not None and where.this.find(exp.AggFunc):
        raise Mistake("EXPRESSION_NOT_SCALAR", "WHERE clause cannot contain aggregations")
    group = tree.args.get("group")
    keys = [] if group is None else group.expressions
    for key in keys:
        check_.type_of(key)
    if group is not None or any(each.find(exp.AggFunc) for each in tree.expressions):
        _check_grouped(tree, keys)
    shown = _Check({**scope, **{name.lower(): type_ for name, type_ in names}}, source.alias_or_name)
    for each in tree.args["order"].expressions if tree.args.get("order") else []:
        shown.type_of(each.this)
    if tree.args.get("having"):
        check_.expect(tree.args["having"].this, "boolean")
    if conditions is None:
        conditions = [] if where is None else list(_flat(where.this))
    return names, conditions


def _flat(condition: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(condition, exp.And):
        yield from _flat(condition.left)
        yield from _flat(condition.right)
    else:
        yield condition


def _check_grouped(tree: exp.Select, keys: list[exp.Expr]) -> None:
    """Whatever is shown is a key, or inside of an aggregate."""
    texts = {key.sql("trino").lower() for key in keys}
    for each in tree.expressions:
        if not _is_grouped(each.unalias(), texts):
            raise Mistake(
                "EXPRESSION_NOT_AGGREGATE",
                f"'{each.unalias().sql('trino')}' must be an aggregate expression or in GROUP BY",
            )


def _is_grouped(node: exp.Expr, texts: set[str]) -> bool:
    if node.sql("trino").lower() in texts or isinstance(node, (exp.AggFunc, exp.Literal)):
        return True
    if isinstance(node, exp.Column):
        return False
    return all(_is_grouped(each, texts) for each in node.iter_expressions())


class _Check:
    """Types of expressions over the columns of `scope`."""

    def __init__(self, scope: Mapping[str, Type | None], alias: str) -> None:
        self._scope = scope
        self._alias = alias.lower()

    def expect(self, node: exp.Expr, *wanted: str) -> None:
        """Mistake unless the expression is of a wanted type, or of one that is not known."""
        found = self.type_of(node)
        if found is not None and found not in wanted:
            raise Mistake(
                "TYPE_MISMATCH",
                f"line 1:1: '{node.sql('trino')[:200]}' is {_written(found)}; expected {' or '.join(wanted)}",
            )

    def type_of(self, node: exp.Expr) -> Type | None:
        """The type; None for NULL, and for what nobody checks here."""
        if isinstance(node, (exp.Column, exp.Dot)):
            return self._path(node)
        if isinstance(node, exp.Literal):
            return "varchar" if node.is_string else ("bigint" if node.is_int else "double")
        if isinstance(node, (exp.Boolean, exp.Null)):
            return "boolean" if isinstance(node, exp.Boolean) else None
        for kinds, rule in _RULES:
            if isinstance(node, kinds):
                return rule(self, node)
        for each in node.iter_expressions():
            self.type_of(each)
        return None

    def _path(self, node: exp.Expr) -> Type | None:
        names = _names(node)
        if len(names) > 1 and names[0] == self._alias and names[0] not in self._scope:
            names = names[1:]
        if names[0] not in self._scope:
            raise Mistake("COLUMN_NOT_FOUND", f"line 1:1: Column '{names[0]}' cannot be resolved")
        found = self._scope[names[0]]
        for name in names[1:]:
            if not isinstance(found, dict) or name not in found:
                raise Mistake("COLUMN_NOT_FOUND", f"line 1:1: Column '{'.'.join(names)}' cannot be resolved")
            found = found[name]
        return found

    # --- rules

    def same(self, nodes: list[exp.Expr], what: str) -> Type | None:
        """The one type of several expressions; numbers go together."""
        types = [found for each in nodes if (found := self.type_of(each)) is not None]
        kinds = {_kind(each) for each in types}
        if len(kinds) > 1:
            words = ", ".join(sorted(map(_written, types)))
            raise Mistake("TYPE_MISMATCH", f"line 1:1: Cannot apply operator: {what} of {words}")
        if "double" in types:
            return "double"
        return types[0] if types else None

    def comparison(self, node: exp.Expr) -> Type:
        self.same([node.left, node.right], node.key)  # type: ignore[attr-defined]  # of a Binary
        return "boolean"

    def arithmetic(self, node: exp.Expr) -> Type | None:
        return self.same([node.left, node.right], node.key)  # type: ignore[attr-defined]  # of a Binary

    def connector(self, node: exp.Expr) -> Type:
        for each in node.iter_expressions():
            self.expect(each, "boolean")
        return "boolean"

    def between(self, node: exp.Expr) -> Type:
        self.same([node.this, node.args["low"], node.args["high"]], "between")
        return "boolean"

    def within(self, node: exp.Expr) -> Type:
        self.same([node.this, *node.expressions], "in")
        return "boolean"

    def null_test(self, node: exp.Expr) -> Type:
        self.type_of(node.this)
        return "boolean"

    def text_test(self, node: exp.Expr) -> Type:
        self.expect(node.this, "varchar")
        self.expect(node.expression, "varchar")
        return "boolean"

    def escape(self, node: exp.Expr) -> Type:
        return self.text_test(node.this)

    def first_of(self, node: exp.Expr) -> Type | None:
        return self.same([node.this, *node.expressions], node.key)

    def nullif(self, node: exp.Expr) -> Type | None:
        return self.same([node.this, node.expression], "nullif")

    def case(self, node: exp.Expr) -> Type | None:
        results = []
        for each in node.args["ifs"]:
            if node.this is None:
                self.expect(each.this, "boolean")
            results.append(each.args["true"])
        if node.args.get("default") is not None:
            results.append(node.args["default"])
        return self.same(results, "case")

    def inner(self, node: exp.Expr) -> Type | None:
        return self.type_of(node.this)

    def count(self, node: exp.Expr) -> Type:
        if not isinstance(node.this, exp.Star):
            for each in node.this.expressions if isinstance(node.this, exp.Distinct) else [node.this]:
                self.type_of(each)
        return "bigint"

    def ordered(self, node: exp.Expr) -> Type | None:
        found = self.type_of(node.this)
        if found in ("map", "json"):
            raise Mistake("FUNCTION_NOT_FOUND", f"line 1:1: Unexpected parameters ({found}) for function max")
        return found

    def total(self, node: exp.Expr) -> Type | None:
        self.expect(node.this, *_NUMBERS)
        return self.type_of(node.this)

    def rounded(self, node: exp.Expr) -> Type | None:
        return self.total(node)

    def calendar(self, node: exp.Expr) -> Type:
        self.expect(node.this, "date", *_TIMES)
        return "bigint"

    def truncated(self, node: exp.Expr) -> Type | None:
        self.expect(node.this, "date", *_TIMES)
        return self.type_of(node.this)

    def difference(self, node: exp.Expr) -> Type:
        self.expect(node.this, "date", *_TIMES)
        self.expect(node.expression, "date", *_TIMES)
        return "bigint"

    def from_iso(self, node: exp.Expr) -> Type:
        self.expect(node.this, "varchar")
        return "timestamp with time zone"

    def from_unix(self, node: exp.Expr) -> Type:
        self.expect(node.this, *_NUMBERS)
        return "timestamp with time zone"

    def cast(self, node: exp.Expr) -> Type | None:
        found = self.type_of(node.this)
        name = node.args["to"].this.name
        wanted: Type | None = {
            "VARCHAR": "varchar",
            "TEXT": "varchar",
            "TIMESTAMP": "timestamp",
            "TIMESTAMPTZ": "timestamp with time zone",
            "DATE": "date",
            "BOOLEAN": "boolean",
            "DOUBLE": "double",
            "BIGINT": "bigint",
            "INT": "bigint",
            "JSON": "json",
        }.get(name)
        if wanted in {*_TIMES, "date"} and found == "varchar":
            text = node.this.name if isinstance(node.this, exp.Literal) else "…T…Z"
            if "T" in text:
                raise Mistake("INVALID_CAST_ARGUMENT", f"Value cannot be cast to {wanted}: {text}")
        if wanted == "varchar" and not isinstance(found, str | None):
            raise Mistake("TYPE_MISMATCH", "line 1:1: Cannot cast row to varchar")
        return wanted

    def json_of(self, node: exp.Expr) -> Type:
        self.expect(node.this, "varchar", "json")
        return "varchar" if isinstance(node, exp.JSONExtractScalar) else "json"

    def json_text(self, node: exp.Expr) -> Type:
        self.expect(node.this, "json")
        return "varchar"

    def octets(self, node: exp.Expr) -> Type:
        self.expect(node.this, "varchar")
        return "varbinary"

    def digest(self, node: exp.Expr) -> Type:
        self.expect(node.this, "varbinary")
        return "varbinary"

    def hexadecimal(self, node: exp.Expr) -> Type:
        self.expect(node.this, "varbinary")
        return "varchar"

    def row(self, node: exp.Expr) -> Type:
        return {f"field{n}": self.type_of(each) or "varchar" for n, each in enumerate(node.expressions)}

    def element(self, node: exp.Expr) -> Type | None:
        found = self.type_of(node.this)
        if isinstance(found, list):
            return found[0]
        if found not in (None, "map"):
            raise Mistake(
                "FUNCTION_NOT_FOUND",
                f"line 1:1: Unexpected parameters ({_written(found)}, varchar) for function element_at",
            )
        return "varchar"

    def text(self, node: exp.Expr) -> Type:
        self.expect(node.this, "varchar")
        return "varchar"

    def length(self, node: exp.Expr) -> Type:
        self.expect(node.this, "varchar")
        return "bigint"


def _kind(type_: Type) -> str:
    if type_ in _NUMBERS:
        return "number"
    # a date goes with a time
    return "time" if type_ in {*_TIMES, "date"} else _written(type_)


def _names(node: exp.Expr) -> list[str]:
    if isinstance(node, exp.Dot):
        return [*_names(node.this), node.expression.name.lower()]
    return [part.name.lower() for part in node.parts] if isinstance(node, exp.Column) else [node.name.lower()]


_RULES: Final[tuple[tuple[tuple[type[exp.Expr], ...], Callable[[_Check, exp.Expr], Type | None]], ...]] = (
    ((exp.And, exp.Or, exp.Not), _Check.connector),
    ((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), _Check.comparison),
    ((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _Check.arithmetic),
    ((exp.Between,), _Check.between),
    ((exp.In,), _Check.within),
    ((exp.Is,), _Check.null_test),
    ((exp.Like, exp.RegexpLike), _Check.text_test),
    ((exp.Escape,), _Check.escape),
    ((exp.Coalesce,), _Check.first_of),
    ((exp.Nullif,), _Check.nullif),
    ((exp.Case,), _Check.case),
    ((exp.TryCast, exp.Cast), _Check.cast),
    ((exp.Paren, exp.Try, exp.AnyValue), _Check.inner),
    ((exp.Max, exp.Min), _Check.ordered),
    ((exp.Count, exp.ApproxDistinct), _Check.count),
    ((exp.Sum, exp.Avg), _Check.total),
    ((exp.Round, exp.Neg, exp.Abs), _Check.rounded),
    ((exp.Year, exp.Month, exp.Day, exp.DayOfWeekIso), _Check.calendar),
    ((exp.TimestampTrunc, exp.DateTrunc), _Check.truncated),
    ((exp.DateDiff,), _Check.difference),
    ((exp.FromISO8601Timestamp,), _Check.from_iso),
    ((exp.UnixToTime,), _Check.from_unix),
    ((exp.JSONExtractScalar, exp.JSONExtract), _Check.json_of),
    ((exp.JSONFormat,), _Check.json_text),
    ((exp.Encode,), _Check.octets),
    ((exp.MD5Digest,), _Check.digest),
    ((exp.Hex,), _Check.hexadecimal),
    ((exp.Struct, exp.Tuple), _Check.row),
    ((exp.Bracket,), _Check.element),
    ((exp.Lower, exp.Upper, exp.Trim, exp.RegexpReplace, exp.RegexpExtract, exp.Substring), _Check.text),
    ((exp.Length,), _Check.length),
)


# --- in DuckDB


def to_duckdb(tree: exp.Select, tables: Mapping[str, str]) -> str:
    """The statement for DuckDB, whose `tables` have other names."""
    made = tree.copy()
    for table in list(made.find_all(exp.Table)):
        table.replace(exp.to_table(tables[table.name.lower()]))
    for node in reversed(list(made.walk())):
        replacement = _in_duckdb(node)
        if replacement is not None:
            node.replace(replacement)
    trino.trim(made)
    return made.sql("duckdb")


def _in_duckdb(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, (exp.JSONExtractScalar, exp.JSONExtract)):
        return _json(node)
    if isinstance(node, exp.Try) and node.find(exp.FromISO8601Timestamp):
        inner = node.find(exp.FromISO8601Timestamp)
        assert inner is not None
        return exp.TryCast(this=inner.this.copy(), to=exp.DataType.build("timestamptz", dialect="duckdb"))
    if isinstance(node, exp.DateDiff):
        # Trino counts the whole units that passed
        unit = exp.Literal.string(node.args["unit"].name)
        return exp.Anonymous(this="DATESUB", expressions=[unit, node.expression.copy(), node.this.copy()])
    return None


def _json(node: exp.Expr) -> exp.Expr:
    """NULL for text that is no JSON; and of a scalar, for an object or an array."""
    path = exp.Literal.string(node.args["expression"].sql("duckdb").strip("'"))
    text = node.this
    extract = "JSON_EXTRACT_STRING" if isinstance(node, exp.JSONExtractScalar) else "JSON_EXTRACT"
    found: exp.Expr = exp.Anonymous(this=extract, expressions=[text.copy(), path])
    if isinstance(node, exp.JSONExtractScalar):
        kind = exp.Anonymous(this="JSON_TYPE", expressions=[text.copy(), path.copy()])
        found = exp.Case().when(exp.Not(this=kind.isin("OBJECT", "ARRAY")), found)
    valid = exp.Anonymous(this="JSON_VALID", expressions=[text.copy()])
    return exp.Case().when(valid, found)
