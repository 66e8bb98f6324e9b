"""From Lake's Trino to DuckDB's SQL: sqlglot maps the names; here is what differs in meaning."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from bot.engines.local import columns
from bot.engines.local.counts import count_first
from bot.engines.local.hours import count_hours
from bot.errors import UserError
from bot.event_schema import (
    FLAG,
    KEY_EXCHANGE_PATH,
    LAKE_COLUMNS,
    MAP,
    TEXT,
    TIME,
    WHITESPACE,
    Type,
)
from bot.question import blanks
from bot.question.functions import PARTS, strftime
from bot.question.select import STORE
from bot.question.types import find_scale, find_type, infer_type, is_double

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bot.table import ColumnType

EVENTS_TABLE: Final = "events"
"""What the archive's statement calls its events."""

_NOT_KEPT: Final = frozenset({"eventjson", "eventjsonchecksum"})
_KEPT: Final[dict[str, Type]] = {
    **LAKE_COLUMNS,
    "tlsDetails": dict.fromkeys([*LAKE_COLUMNS["tlsDetails"], KEY_EXCHANGE_PATH.rpartition(".")[2]], TEXT),
}
"""The columns of Lake, and the one of `eventJson` that has none there."""


def translate(select: exp.Query, elsewhere: str) -> str:
    """The SQL over `EVENTS_TABLE`. UserError where it cannot be said; `elsewhere` is where stores are."""
    tree = select.copy()
    for each in [node for node in tree.find_all(exp.Select) if _is_of_table(node)]:
        if (store := each.args["from_"].this.name) != STORE:
            raise UserError(f"The embedded engine has no store `{store}`.", elsewhere)
        each.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(EVENTS_TABLE))))
    columns.ask_said(tree)
    to_duckdb(tree)
    count_hours(tree, EVENTS_TABLE)
    count_first(tree)
    for each in [node for node in tree.find_all(exp.Select) if _is_of_table(node)]:
        columns.narrow_days(each)
    return tree.sql(DuckDB, copy=False, pretty=True)


def _is_of_table(select: exp.Select) -> bool:
    source = select.args.get("from_")
    return source is not None and isinstance(source.this, exp.Table)


def to_duckdb(tree: exp.Expr, times: Collection[str] = ()) -> None:
    """What the tree says, as DuckDB says it. `times` names the columns that are times, besides Lake's own."""
    # Lake names a nested column by its last part, so that ORDER BY may say that
    for select in tree.find_all(exp.Select):
        for projection in list(select.expressions):
            if isinstance(projection, exp.Column) and projection.table:
                projection.replace(exp.alias_(projection.copy(), projection.name))
    # Trino divides integers as integers, and keeps a DECIMAL one, with as many digits as it had
    whole = [node for node in tree.find_all(exp.Div) if infer_type(node) == "INTEGER"]
    made = [(node, find_scale(node)) for node in tree.find_all(exp.Div, exp.Avg, exp.Round)]
    casts = reversed(list(tree.find_all(exp.Cast)))
    typed = [(node, "TIME" if node.this.name in times else infer_type(node.this)) for node in casts]
    for division in whole:
        division.replace(exp.IntDiv(this=division.left, expression=division.right))
    for number, scale in made:
        if scale is not None:
            kept = exp.Cast(to=exp.DataType.build(f"DECIMAL(38, {scale})"))
            number.replace(kept)
            kept.set("this", number)
    for cast, type_ in typed:
        _cast(cast, type_)
    # from the leaves up, so that what is replaced holds what was replaced within it
    for node in reversed(list(tree.walk())):
        replacement = _in_duckdb(node)
        if replacement is not None:
            node.replace(replacement)


def _in_duckdb(node: exp.Expr) -> exp.Expr | None:
    translated = _TRANSLATED.get(type(node))
    return None if translated is None else translated(node)


def _column(node: exp.Column) -> None:
    if node.name.lower() not in _NOT_KEPT:
        return
    if not isinstance(node.parent, exp.JSONExtractScalar) or _of_event(node.parent) is None:
        raise UserError(
            "The embedded engine keeps no eventJson as a whole.",
            "JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange') works, and so does the path of any "
            "other column.",
        )


def _trim(node: exp.Trim) -> exp.Expr | None:
    if node.expression is not None:
        return None
    end = node.args.get("position")
    return exp.Trim(this=node.this.copy(), expression=_text(WHITESPACE), position=end)


def _regexp_extract(node: exp.RegexpExtract) -> exp.Expr:
    # Trino answers NULL where nothing matches, DuckDB an empty text
    found = exp.RegexpLike(this=node.this.copy(), expression=node.expression.copy())
    return exp.Case().when(found, node.copy())


def _date_diff(node: exp.DateDiff) -> exp.Expr:
    # Trino counts the whole units that passed, DuckDB's DATE_DIFF the boundaries between
    unit = _text(node.args["unit"].name)
    return exp.func("DATESUB", unit, node.expression.copy(), node.this.copy())


def _split_part(node: exp.SplitPart) -> exp.Expr:
    # past the end Trino answers NULL, DuckDB an empty text
    parts = _call("LEN", _call("STR_SPLIT", node.this.copy(), node.args["delimiter"].copy()))
    return exp.Case().when(exp.GTE(this=parts, expression=node.args["part_index"].copy()), node.copy())


def _substring(node: exp.Substring) -> exp.Expr | None:
    # Trino counts from one, and has nothing at zero
    is_zero = node.args.get("start") == exp.Literal.number(0)
    one, none = exp.Literal.number(1), exp.Literal.number(0)
    return exp.Substring(this=node.this.copy(), start=one, length=none) if is_zero else None


def _extract(node: exp.Extract) -> exp.Expr:
    name = node.this.name.upper()
    return exp.Extract(this=exp.var(PARTS.get(name, name)), expression=node.expression.copy())


def _at_time_zone(node: exp.AtTimeZone) -> exp.Expr:
    # Trino takes the time for UTC, and tells it as the zone's clocks do; DuckDB takes it for the zone's
    utc = exp.AtTimeZone(this=node.this.copy(), zone=_text("UTC"))
    return exp.AtTimeZone(this=utc, zone=node.args["zone"].copy())


def _size(node: exp.ArraySize) -> exp.Expr | None:
    return _call("LEN", _call("JSON_KEYS", node.this.copy())) if _is_map(node.this) else None


def _keys(node: exp.MapKeys) -> exp.Expr | None:
    return _call("JSON_KEYS", node.this.copy()) if _is_map(node.this) else None


def _json(node: exp.JSONExtract) -> exp.Expr:
    # Trino answers NULL for text that is no JSON
    return _try(node.copy())


def _cast(node: exp.Cast, type_: ColumnType | None) -> None:
    """A cast as Trino has it; `type_` is what is cast, as far as is known."""
    to = node.to.this.name
    if to == "VARCHAR" and type_ == "TIME":
        # a time of Lake's or Athena's has thousandths, and so has its text
        node.replace(_call("STRFTIME", node.this, _text("%Y-%m-%d %H:%M:%S.%g")))
    elif to == "VARCHAR" and _is_json(node.this):
        node.replace(_call("JSON_EXTRACT_STRING", node.this, _text("$")))
    elif to == "VARCHAR" and node.to.expressions:
        length = node.to.expressions[0].this
        text = exp.cast(node.this, "VARCHAR")
        node.replace(exp.Substring(this=text, start=exp.Literal.number(1), length=length))
    elif to == "JSON":
        # DuckDB would read a text as JSON; Trino makes JSON of it
        node.replace(_call("TO_JSON", node.this))
    elif to == "DECIMAL" and not node.to.expressions:
        # DuckDB's has three digits after the point, Trino's none
        node.set("to", exp.DataType.build("DECIMAL(38, 0)"))
    elif to in _WHOLE and (type_ == "NUMBER" or is_double(node.this)):
        # Trino rounds halves up, DuckDB to even
        node.set("this", exp.Round(this=node.this))
    elif to in _WHOLE and type_ == "TEXT":
        node.set("this", _only(node.this, "[+-]?[0-9]+"))
    elif to == "BOOLEAN" and type_ == "TEXT":
        node.set("this", _only(node.this, "(?i)t|f|true|false|1|0"))


_WHOLE: Final = frozenset({"BIGINT", "INT", "SMALLINT", "TINYINT"})


def _only(text: exp.Expr, pattern: str) -> exp.Expr:
    """The text where all of it matches; else one that DuckDB, too, can make nothing of."""
    matches = _call("REGEXP_FULL_MATCH", text.copy(), _text(pattern))
    refused = exp.DPipe(this=_text("no such value: "), expression=text.copy())
    return exp.Case().when(matches, text).else_(refused)


def _is_json(node: exp.Expr) -> bool:
    is_named = isinstance(node, exp.Anonymous) and node.name.lower() in {"json_array_get", "to_json"}
    return is_named or isinstance(node, exp.ParseJSON) or type(node) is exp.JSONExtract


def _regexp_replace(node: exp.RegexpReplace) -> exp.Expr | None:
    """All that matches is replaced; Trino's `$1` is DuckDB's `\\1`, its `\\$` a plain `$`."""
    new = node.args.get("replacement")
    if not isinstance(new, exp.Literal):
        return None
    said = ""
    for escaped, group, plain in re.findall(r"\\(.)|\$(\d)|(.)", new.name, re.DOTALL):
        said += f"\\{group}" if group else (escaped or plain).replace("\\", "\\\\")
    return _call("REGEXP_REPLACE", node.this.copy(), node.expression.copy(), _text(said), _text("g"))


def _named(node: exp.Anonymous) -> exp.Expr | None:
    """A function that sqlglot has no name for."""
    name, given = node.name.lower(), [each.copy() for each in node.expressions]
    if name in {"any_match", "all_match", "none_match"}:
        found = _call("LEN", _call("LIST_FILTER", *given))
        if name == "all_match":
            return exp.EQ(this=found, expression=_call("LEN", given[0].copy()))
        kind = exp.GT if name == "any_match" else exp.EQ
        return kind(this=found, expression=exp.Literal.number(0))
    if name == "yow":
        return exp.Extract(this=exp.var("ISOYEAR"), expression=given[0])
    if name == "format_datetime" and (form := strftime(given[1].name)) is not None:
        return _call("STRFTIME", given[0], _text(form))
    if name == "json_array_length":
        return _of_array(given[0], node.copy())
    if name == "json_array_get":
        at = given[1]
        path = f"$[#-{at.this.name}]" if isinstance(at, exp.Neg) else f"$[{at.name}]"
        return _of_array(given[0], _call("JSON_EXTRACT", given[0].copy(), _text(path)))
    return None


def _of_array(text: exp.Expr, made: exp.Expr) -> exp.Expr:
    """`made` where `text` is a JSON array; NULL for other JSON, and for text that is none."""
    kind = _try(exp.func("JSON_TYPE", text.copy()))
    return exp.Case().when(kind.eq("ARRAY"), made)


def _call(name: str, *given: exp.Expr) -> exp.Expr:
    """A function of DuckDB's, by its own name."""
    return exp.Anonymous(this=name, expressions=list(given))


def _text(text: str) -> exp.Expr:
    return exp.Literal.string(text)


def _is_map(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and find_type([part.name for part in node.parts]) == MAP


def _in_map(node: exp.Bracket) -> exp.Expr | None:
    """Text as it is, anything deeper as JSON text; NULL where there is no such key, or no object."""
    if not _is_map(node.this):
        return None
    (key,) = node.expressions
    if not isinstance(key, exp.Literal):
        raise UserError(f"The embedded engine looks up one fixed key of {node.this.sql()}.", "Name the key.")
    pointer = key.name.replace("~", "~0").replace("/", "~1")
    return _try(exp.func("JSON_EXTRACT_STRING", node.this.copy(), exp.Literal.string(f"/{pointer}")))


def _json_scalar(node: exp.JSONExtractScalar) -> exp.Expr:
    if (kept := _of_event(node)) is not None:
        return kept
    # Trino answers NULL for text that is no JSON, and for an object or an array
    path = exp.Literal.string(node.expression.sql(DuckDB).strip("'"))
    kind = _try(exp.func("JSON_TYPE", node.this.copy(), path))
    scalar = exp.func("JSON_EXTRACT_STRING", node.this.copy(), path.copy())
    return exp.Case().when(kind.isin("OBJECT", "ARRAY").not_(), scalar)  # TRY(CASE …) would not catch


def _of_event(node: exp.JSONExtractScalar) -> exp.Expr | None:
    """What a path of `eventJson` names, by the column that the archive keeps it in; None where in none."""
    if node.this.name.lower() != "eventjson":
        return None
    steps = node.expression.expressions[1:]
    path: list[str] = []
    found: Type = _KEPT
    while steps and isinstance(found, dict):
        key = str(steps[0].this) if isinstance(steps[0], exp.JSONPathKey) else ""
        if key not in found or key.lower() in _NOT_KEPT:
            return None
        found, steps = found[key], steps[1:]
        path.append(key)
    column = blanks.column(".".join(path))
    if found == MAP and steps:
        rest = exp.JSONPath(expressions=[exp.JSONPathRoot(), *(step.copy() for step in steps)])
        return _json_scalar(exp.JSONExtractScalar(this=column, expression=rest))
    if steps or found == MAP or not isinstance(found, str):
        return None
    if found == TIME:
        return _call("STRFTIME", column, _text("%Y-%m-%dT%H:%M:%SZ"))
    return exp.cast(column, "VARCHAR") if found == FLAG else column


def _try(expression: exp.Expr) -> exp.Expr:
    return exp.func("TRY", expression)


_TRANSLATED: Final[Mapping[type[exp.Expr], Callable[[Any], exp.Expr | None]]] = {
    exp.Column: _column,
    exp.JSONExtractScalar: _json_scalar,
    exp.JSONExtract: _json,
    exp.Bracket: _in_map,
    exp.ArraySize: _size,
    exp.MapKeys: _keys,
    exp.Trim: _trim,
    exp.Substring: _substring,
    exp.SplitPart: _split_part,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.DateDiff: _date_diff,
    exp.Extract: _extract,
    exp.AtTimeZone: _at_time_zone,
    exp.Anonymous: _named,
}
"""What DuckDB says otherwise, and how."""
