"""The functions that views may use: those of Trino's that mean the same on every engine.

Lake and Athena are Trino. The embedded engine has most functions by another name, some with another meaning
(which it translates), and some not at all: a view that uses one of those would load, and fail when asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bot.event_schema import MAP
from bot.question.types import find_scale, find_type, infer_type, is_double

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

_KNOWN: Final = """
And Or Case If Coalesce Nullif Greatest Least Cast TryCast Try
Lower Upper Length Trim Reverse Replace Concat ConcatWs Substring SplitPart StrPosition StartsWith Pad
Chr Translate Levenshtein Encode Decode Hex Unhex ToBase64 FromBase64 MD5Digest SHA2Digest
RegexpLike RegexpExtract RegexpExtractAll RegexpReplace RegexpCount RegexpSplit
Split Array ArraySize ArrayContains ArrayToString ArrayMax ArrayMin ArrayDistinct ArraySort ArrayRemove
ArrayIntersect ArrayExcept ArrayFilter Transform Flatten GenerateSeries MapKeys
JSONExtract JSONExtractScalar JSONFormat ParseJSON
Abs Ceil Floor Round Trunc Pow Sqrt Cbrt Exp Ln Log Sign Pi Degrees Radians IsNan
Sin Cos Tan Asin Acos Atan Atan2
Year Quarter Month WeekOfYear YearOfWeek Day DayOfMonth DayOfWeekIso DayOfYear Hour Minute Second Extract
TimestampTrunc DateAdd DateDiff Date LastDay TimeToStr StrToTime TimeToUnix UnixToTime
FromISO8601Date FromISO8601Timestamp
Count CountIf Sum Avg Min Max AnyValue ArgMax ArgMin LogicalAnd LogicalOr ApproxDistinct ArrayAgg
ArrayUniqueAgg GroupConcat Stddev StddevPop Variance VariancePop Corr CovarPop Skewness
BitwiseAndAgg BitwiseOrAgg
"""
KNOWN: Final = frozenset(_KNOWN.split())
"""As sqlglot calls them: each was asked of the embedded engine, and answers as Trino's documentation says."""

_NAMELESS: Final = """
any_match all_match none_match format_datetime json_array_get json_array_length url_decode yow geometric_mean
"""
NAMELESS: Final = frozenset(_NAMELESS.split())
"""The same of those that sqlglot has no name for."""

_CASTS: Final = "VARCHAR BIGINT INT SMALLINT TINYINT DOUBLE FLOAT DECIMAL TIMESTAMP DATE BOOLEAN JSON"
CASTS: Final = frozenset(_CASTS.split())
"""What CAST makes."""

_OF_LISTS: Final = """
Array Split RegexpSplit RegexpExtractAll ArrayDistinct ArraySort ArrayRemove ArrayIntersect ArrayExcept
ArrayFilter Transform Flatten GenerateSeries MapKeys ArrayAgg ArrayUniqueAgg
"""
_LISTS: Final = frozenset(_OF_LISTS.split())
"""Those that make a list."""

PARTS: Final[Mapping[str, str]] = {
    "YEAR": "YEAR",
    "QUARTER": "QUARTER",
    "MONTH": "MONTH",
    "WEEK": "WEEK",
    "DAY": "DAY",
    "DAY_OF_MONTH": "DAY",
    # Monday is the first day of Trino's week, and Sunday its seventh
    "DAY_OF_WEEK": "ISODOW",
    "DOW": "ISODOW",
    "DAY_OF_YEAR": "DOY",
    "DOY": "DOY",
    "YEAR_OF_WEEK": "ISOYEAR",
    "YOW": "ISOYEAR",
    "HOUR": "HOUR",
    "MINUTE": "MINUTE",
    "SECOND": "SECOND",
}
"""What EXTRACT takes, and what DuckDB calls it."""

LETTERS: Final[Mapping[str, str]] = {
    "yyyy": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "DDD": "%j",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "mm": "%M",
    "ss": "%S",
    "SSS": "%g",
    "a": "%p",
    "EEEE": "%A",
    "EEE": "%a",
}
"""The letters of format_datetime (Joda's), as strftime has them."""

_FORMATS: Final = "Y y m d H I M S T f a A b B W j p -H -I -m -d %"
FORMATS: Final = frozenset(_FORMATS.split())
"""What DATE_FORMAT writes as MySQL does, as sqlglot reads it: strftime's."""

_LETTERS: Final = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")


def strftime(pattern: str) -> str | None:
    """A pattern of format_datetime as strftime has it; None where it has none."""
    made = []
    for found in _LETTERS.finditer(pattern):
        quoted, letter = found[1], found[2]
        if letter and found[0] not in LETTERS:
            return None
        plain = found[0] if quoted is None else quoted.replace("''", "'") or "'"
        made.append(LETTERS[found[0]] if letter else plain.replace("%", "%%"))
    return "".join(made) if _LETTERS.sub("", pattern) == "" else None


def refusal(node: exp.Expr) -> str:
    """Why a view may not say a function so; nothing where it may."""
    from sqlglot import exp

    if isinstance(node, exp.AtTimeZone):
        return _refuse_zone(node)
    if isinstance(node, exp.Div):
        return _refuse_division(node)
    if isinstance(node, exp.JSONValue):
        return "not every engine has `json_value`: say `json_extract_scalar`"
    if not isinstance(node, exp.Func):
        return ""
    if isinstance(node, exp.Anonymous):
        name = node.name.lower()
        return _refuse_named(name, node.expressions) if name in NAMELESS else _lacks(name)
    return _refuse_use(node) if type(node).__name__ in KNOWN else _lacks(node.sql_name().lower())


def _lacks(name: str) -> str:
    return f"not every engine has the function `{name}`"


def _refuse_use(node: exp.Func) -> str:
    """Why a known function may not be used so."""
    from sqlglot import exp

    if isinstance(node, exp.StrPosition) and (node.args.get("occurrence") or node.args.get("position")):
        return "not every engine finds a later occurrence: say `strpos` with two arguments"
    if isinstance(node, exp.Reverse) and type(node.this).__name__ in _LISTS:
        return "not every engine reverses a list"
    if isinstance(node, exp.Extract) and node.this.name.upper() not in PARTS:
        return f"EXTRACT takes {', '.join(PARTS)}"
    if isinstance(node, exp.Cast):
        return _refuse_cast(node)
    if isinstance(node, exp.ArrayToString) and is_double(node.this):
        return _NO_TEXT
    is_json = isinstance(node, (exp.JSONExtract, exp.JSONExtractScalar))
    if is_json and not isinstance(node.expression, exp.JSONPath):
        return "not every engine has `json_query`: say `json_extract`, with a path such as `$.a.b`"
    if isinstance(node, exp.TimeToStr):
        return _refuse_format(node.args["format"])
    if isinstance(node, exp.RegexpReplace):
        new = node.args.get("replacement")
        if not isinstance(new, exp.Literal) or re.search(r"\$(?:\{|\d\d)", new.name):
            return "`regexp_replace` takes a fixed text in its place, with groups by one digit, `$1`"
    return ""


def _refuse_cast(node: exp.Cast) -> str:
    from sqlglot import exp

    to, given = node.to.this.name, node.this
    if to not in CASTS:
        return f"not every engine has the type {node.to.sql('trino')}"
    if to == "JSON" and infer_type(given) == "NUMBER":
        return _NO_TEXT
    if to != "VARCHAR":
        return ""
    if is_double(given):
        return _NO_TEXT
    if infer_type(given) == "NUMBER" and find_scale(given) is None:
        return "Trino's type of what becomes a text is not known: CAST it to DECIMAL(18, 2) or BIGINT first"
    if isinstance(given, exp.Column) and find_type([part.name for part in given.parts]) == MAP:
        return f"Trino makes no text of {given.sql()}: name a key of it, `{given.sql()}['…']`"
    longest = _LONGEST.get(infer_type(given) or "", 0)
    if node.to.expressions and int(node.to.expressions[0].name) < longest:
        kind = node.to.sql("trino")
        return f"not every engine shortens what is no text to {kind}: say SUBSTR(CAST(… AS VARCHAR), 1, …)"
    return ""


_NO_TEXT: Final = (
    "engines write the text of a DOUBLE or REAL as `1.5` or as `1.5E0`: "
    "CAST it to DECIMAL(18, 2) or BIGINT first"
)
"""Trino has written `1.5E0` since 2022, before that `1.5` (github.com/trinodb/trino, pull request 10657);
which of the two Lake and Athena are is not published."""

_LONGEST: Final = {"FLAG": len("false"), "DATE": len("2026-11-22"), "INTEGER": 20, "TIME": 23}
"""The most characters of the text of each type; a BIGINT has 19 digits and a sign."""


def _refuse_division(node: exp.Div) -> str:
    types = {infer_type(node.left), infer_type(node.right)}
    if types == {"INTEGER"} or is_double(node) or find_scale(node) is not None:
        return ""
    return "whole numbers are divided as such, others not: CAST both sides of `/` to BIGINT or to DOUBLE"


def _refuse_zone(node: exp.AtTimeZone) -> str:
    from sqlglot import exp

    parts = (exp.Cast, exp.Extract, exp.TimeToStr, exp.Year, exp.Quarter, exp.Month, exp.Day, exp.DayOfMonth)
    more = (exp.DayOfWeekIso, exp.DayOfYear, exp.WeekOfYear, exp.Hour, exp.Minute, exp.Second)
    above = node.find_ancestor(exp.Expr)
    while isinstance(above, exp.Paren):
        above = above.parent
    is_text = isinstance(above, exp.Cast) and above.to.this.name not in {"DATE", "TIMESTAMP"}
    if isinstance(above, (*parts, *more)) and not is_text and isinstance(node.args["zone"], exp.Literal):
        return ""
    return "AT TIME ZONE, of a fixed zone, stands within CAST to a time, or in a part of one such as HOUR(…)"


def _refuse_format(given: exp.Expr) -> str:
    from sqlglot import exp

    said = re.findall(r"%(-?.)", given.name)
    if isinstance(given, exp.Literal) and set(said) <= FORMATS:
        return ""
    return f"not every engine writes a time as `{given.name}`"


def _refuse_named(name: str, arguments: list[exp.Expr]) -> str:
    from sqlglot import exp

    second = arguments[1] if len(arguments) == 2 else None
    if name == "json_array_get":
        whole = second.this if isinstance(second, exp.Neg) else second
        is_fixed = isinstance(whole, exp.Literal) and whole.is_int
        return "" if is_fixed else "`json_array_get` takes a fixed position"
    if name != "format_datetime" or (isinstance(second, exp.Literal) and strftime(second.name) is not None):
        return ""
    return f"`format_datetime` takes a fixed pattern of {', '.join(LETTERS)}"
