"""The fields of an event as Logs Insights reads them: from `@message`, one by one.

They are read with `jsonParse` and not discovered: AWS discovers fields in log groups of the Standard class
only, and at most 200 of an event (user guide, supported logs and discovered fields), of which `tlsDetails`
comes last. What an export from Lake leaves is of the Infrequent Access class.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from bot.errors import UserError
from bot.event_schema import FLAG, LAKE_COLUMNS, MAP, TEXT, TIME
from bot.question.types import find_type

if TYPE_CHECKING:
    from bot.table import ColumnType

RECORD: Final = "record"
"""What the parsed `@message` is called."""

CASE_BRANCHES: Final = 10
"""The most branches of `case` (user guide, general functions)."""

_TYPES: Final[dict[str, ColumnType]] = {TEXT: "TEXT", TIME: "TIME", FLAG: "FLAG", MAP: "TEXT"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ELSEWHERE: Final = "Other engines can be asked with `engine=`."


@dataclass(frozen=True, slots=True)
class Field:
    """One value of an event."""

    name: str
    """As SQL has it: `tlsDetails.tlsVersion`."""
    raw: str
    """As Logs Insights reads it: `record.tlsDetails.tlsVersion`."""
    type: ColumnType
    parts: tuple[Field, ...] = ()
    """Of a COALESCE, the fields of which the first that is there counts; it has no `raw` of its own."""
    default: str | None = None
    """Of a COALESCE, the text where none is there."""

    @property
    def word(self) -> str:
        """The name in letters that Logs Insights takes without quotes."""
        return re.sub(r"\W+", "_", self.name).strip("_")


EVENT_TIME: Final = Field("eventTime", f"{RECORD}.eventTime", "TIME")


def find(node: exp.Expr) -> Field | None:
    """The field that an expression is, or None. UserError where events have it and Logs Insights cannot."""
    if isinstance(node, exp.JSONExtractScalar) and node.this.name.lower() == "eventjson":
        return _in_json(node)
    if isinstance(node, exp.Bracket) and isinstance(node.this, exp.Column):
        return _in_map(node)
    if isinstance(node, exp.Coalesce):
        return _first_of(node)
    if isinstance(node, exp.Column):
        return _column(node)
    return None


def _column(node: exp.Column) -> Field | None:
    parts = [part.name for part in node.parts]
    if parts[-1].lower() in {"eventjson", "eventjsonchecksum"} and len(parts) == 1:
        raise UserError(
            "CloudWatch gives no eventJson as a whole.",
            "JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange') works, and so does any other path.",
        )
    type_ = find_type(parts)
    if type_ is None:
        return None
    if not isinstance(type_, str):
        raise UserError(f"CloudWatch cannot be asked for {node.sql()} as a whole.", _ELSEWHERE)
    spelled = _spelled(parts)
    path = f"{RECORD}.{'.'.join(spelled)}"
    raw = f"jsonStringify({path})" if type_ == MAP else path
    return Field(".".join(spelled), raw, _TYPES[type_])


def _in_json(node: exp.JSONExtractScalar) -> Field:
    path = node.expression
    keys = path.expressions[1:] if isinstance(path, exp.JSONPath) else []
    if not keys or not all(isinstance(key, exp.JSONPathKey) for key in keys):
        raise UserError(f"CloudWatch cannot look up {node.sql('trino')}.", "Say one fixed path of names.")
    names = [str(key.this) for key in keys]
    return Field(".".join(names), f"{RECORD}.{'.'.join(map(_quoted, names))}", "TEXT")


def _in_map(node: exp.Bracket) -> Field | None:
    parts = [part.name for part in node.this.parts]
    if find_type(parts) != MAP:
        return None
    (key,) = node.expressions
    if not isinstance(key, exp.Literal) or not key.is_string:
        raise UserError(f"CloudWatch looks up one fixed key of {node.this.sql()}.", "Name the key.")
    spelled = _spelled(parts)
    path = f"{RECORD}.{'.'.join(spelled)}.{_quoted(key.name)}"
    # a value may be an object, which is read as its JSON text
    return Field(f"{'.'.join(spelled)}.{key.name}", f"coalesce({path}, jsonStringify({path}))", "TEXT")


def _first_of(node: exp.Coalesce) -> Field | None:
    fields, default = [], None
    parts = (node.this, *node.expressions)
    for at, part in enumerate(parts):
        if isinstance(part, exp.Literal) and part.is_string and at == len(parts) - 1:
            default = part.name
            continue
        found = None if isinstance(part, exp.Coalesce) else find(part)
        if found is None or found.type != "TEXT":
            return None
        fields.append(found)
    if not fields or len(fields) >= CASE_BRANCHES or (default and not _WORD.fullmatch(default)):
        return None
    return Field(node.sql("trino"), "", "TEXT", tuple(fields), default)


def _spelled(parts: list[str]) -> list[str]:
    """A column's path as events spell it: SQL ignores case, Logs Insights does not."""
    spelled, within = [], LAKE_COLUMNS
    for part in parts:
        name = next(name for name in within if name.lower() == part.lower())
        spelled.append(name)
        inner = within[name]
        within = inner if isinstance(inner, dict) else {}
    return spelled


def _quoted(name: str) -> str:
    if _WORD.fullmatch(name):
        return name
    if "`" in name or "\\" in name or not name.isprintable():
        raise UserError(f"CloudWatch cannot be asked for a field called {name!r}.", _ELSEWHERE)
    return f"`{name}`"
