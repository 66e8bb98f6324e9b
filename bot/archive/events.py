"""A JSON value → the CloudTrail events in it, and an event → the line that fits the archive's columns.

An event is an object that names `eventTime`, `eventSource` and `eventName`. Nobody's envelopes are listed
here: an event is looked for inside whatever stands around it, objects, lists, and texts that hold JSON. Names
are read without regard to case or underscores, since catalogues and exports change both; a struct may come
as JSON text, as `{k=v}`, or as a list of one.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bot.archive import ocsf
from bot.archive.said import place
from bot.event_schema import FLAG, LAKE_COLUMNS, MAP, TEXT, Type

COLUMNS: Final[dict[str, Type]] = {
    **{name: kind for name, kind in LAKE_COLUMNS.items() if not name.startswith("eventJson")},
    "tlsDetails": {
        "tlsVersion": TEXT,
        "cipherSuite": TEXT,
        "clientProvidedHostHeader": TEXT,
        "keyExchange": TEXT,
    },
}
"""What is stored, in this order: Lake's columns without `eventJson` and its checksum, and `keyExchange`."""

Row = tuple[str, "str | None", Any, str]
"""eventTime as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, eventID, the event as a line of JSON (bytes or a Raw), its
`place`."""

EVENT: Final = frozenset({"eventtime", "eventsource", "eventname"})
TEXTS_IN_TEXTS: Final = 8  # JSON as text within JSON as text; SNS through SQS through a log makes four
WRONG_BEGINNINGS: Final = 32  # brackets and quotes of what a logger writes before the JSON
INFLATED_BYTES: Final = 16 << 20  # of gzip within a JSON text
PYTHON_INT_DIGITS: Final = 4300  # longer ones int() refuses (CVE-2020-10735)
DEPTH: Final = 100_000  # of brackets in one record; nothing that AWS writes nests deeper than a few dozen
SURROGATE: Final = re.compile("[\ud800-\udfff]")
TEXT_OR_SIGN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]', re.DOTALL)
QUOTE, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COLON, COMMA = b'"{}[]:,'
JSON_BEGINS: Final = re.compile(r'[{\["]')
BASE64_OF_JSON_OR_GZIP: Final = re.compile(r"\s*(?:eyJ|eyA|ewo|W3s|H4sI)[A-Za-z0-9+/=\s]{40,}")

DIGEST: Final = "digest"
INSIGHT: Final = "Insight event"
AGGREGATED: Final = "aggregated event"
NETWORK: Final = "network activity event"
NOTIFICATION: Final = "S3 notification"
CONTROL: Final = "control message"


class Unusable(Exception):
    """Nothing of this can be used; the message says why, in words that end a sentence about it."""


# --- where the events are


def find(value: Any, skipped: Counter[str]) -> list[dict[str, Any]]:
    """Every event in a JSON value, once, as the object that it is. What CloudTrail and its neighbours write
    beside events is counted in `skipped` by its kind."""
    events: list[dict[str, Any]] = []
    todo: list[tuple[Any, int]] = [(value, 0)]
    while todo:
        inner, texts = todo.pop()
        if isinstance(inner, str):
            if texts < TEXTS_IN_TEXTS:
                todo.extend((each, texts + 1) for each in reversed(_in_text(inner)))
            continue
        if isinstance(inner, list):
            row = _row_of_cells(inner)
            if row is None:
                todo.extend((each, texts) for each in reversed(_table(inner) or inner))
                continue
            inner = row
        if not isinstance(inner, dict):
            continue
        fields = {plain(name): each for name, each in inner.items()}
        if kind := _kind(fields):
            skipped[kind] += 1
        elif ocsf.is_api_activity(fields):
            events.append(ocsf.event(fields))
        elif fields.keys() >= EVENT:
            events += _in_shell(fields) or [inner]
        else:
            todo.extend((each, texts) for each in reversed(list(inner.values())))
    return events


def plain(name: str) -> str:
    """A field's name without what exports change of it."""
    return name.lower().replace("_", "")


def _in_shell(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole event where its own columns stand around it: LookupEvents' `CloudTrailEvent`, Insights'
    `@message`, a collector's `_raw`. It is in a field that no event has."""
    strange = [
        value
        for name, value in fields.items()
        if name.partition(".")[0] not in _NAMES and isinstance(value, (dict, list, str))
    ]
    return find(strange, Counter()) if strange else []


def _kind(fields: dict[str, Any]) -> str:
    """What else this is that CloudTrail and its neighbours write; nothing where it may hold an event."""

    def said(name: str) -> str:
        value = fields.get(name)
        return value.lower() if isinstance(value, str) else ""

    category, type_ = said("eventcategory"), said("eventtype")
    kinds = {
        DIGEST: "digeststarttime" in fields,
        INSIGHT: category == "insight" or type_ == "awscloudtrailinsight",
        AGGREGATED: category == "aggregated" or type_ == "awsaggregatedevent",
        NETWORK: category == "networkactivity" or type_ == "awsvpceevent",
        NOTIFICATION: (said("eventsource").endswith(":s3") and "s3" in fields)
        or said("event") == "s3:testevent"
        or (said("source") == "aws.s3" and said("detail-type").startswith("object "))
        or fields.keys() >= {"s3bucket", "s3objectkey"},
        CONTROL: said("messagetype") == "control_message"
        or said("type") in {"subscriptionconfirmation", "unsubscribeconfirmation"},
    }
    return next((kind for kind, it_is in kinds.items() if it_is), "")


def _row_of_cells(items: list[Any]) -> dict[str, Any] | None:
    """One row of a query's answer, of which each cell is an object: `[{field, value}, …]` as Logs Insights
    writes it, `[{name: value}, …]` as Lake does."""
    if len(items) < len(EVENT) or not all(isinstance(item, dict) for item in items):
        return None
    if all(item.keys() == {"field", "value"} for item in items):
        row = {item["field"]: item["value"] for item in items if isinstance(item["field"], str)}
    elif all(len(item) == 1 for item in items):
        row = {name: value for item in items for name, value in item.items()}
    else:
        return None
    return row if len(row) == len(items) and {plain(name) for name in row} >= EVENT else None


def _table(rows: list[Any]) -> list[Any] | None:
    """Rows of which the first holds the columns' names, as Athena's `get-query-results` writes them."""
    head = _cells(rows[0]) if rows else None
    if not head or not {plain(name) for name in head if isinstance(name, str)} >= EVENT:
        return None
    names = [str(name) for name in head]
    return [dict(zip(names, cells, strict=False)) for row in rows[1:] if (cells := _cells(row))]


def _cells(row: Any) -> list[Any] | None:
    if isinstance(row, dict) and isinstance(row.get("Data"), list):
        return [cell.get("VarCharValue") if isinstance(cell, dict) else None for cell in row["Data"]]
    return row if isinstance(row, list) and all(isinstance(cell, str) for cell in row) else None


def _in_text(text: str) -> list[Any]:
    """The JSON values in a text, where an event may be in them."""
    if BASE64_OF_JSON_OR_GZIP.match(text):
        text = _from_base64(text)
    if not may_hold_event(text):
        return []
    values: list[Any] = []
    wrong = 0
    begin = JSON_BEGINS.search(text)
    while begin and wrong < WRONG_BEGINNINGS:
        end = begin.end()
        try:
            value, end = _JSON.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            wrong += 1
        else:
            values.append(value)
        begin = JSON_BEGINS.search(text, end)
    return values


def may_hold_event(text: str) -> bool:
    """Whether a text has the words that every event, CloudTrail's own or OCSF's, has somewhere."""
    low = text.lower()
    return "eventtime" in low or "event_time" in low or ("operation" in low and "api" in low)


def _from_base64(text: str) -> str:
    try:
        data = base64.b64decode(text, validate=False)
        if data.startswith(b"\x1f\x8b"):
            data = zlib.decompressobj(wbits=31).decompress(data, INFLATED_BYTES)
    except (binascii.Error, zlib.error):
        return ""
    return data.decode("utf-8", "replace")


# --- what an event holds


@dataclass(frozen=True, slots=True)
class _Struct:
    """The fields of a struct by their plain names: the name as stored, and its kind."""

    fields: dict[str, tuple[str, _Kind]]


_Kind = str | _Struct | list["_Kind"]


def _kind_of(kind: Type) -> _Kind:
    if isinstance(kind, dict):
        return _Struct({plain(name): (name, _kind_of(each)) for name, each in kind.items()})
    return [_kind_of(kind[0])] if isinstance(kind, list) else kind


_EVENT: Final = _Struct({plain(name): (name, _kind_of(kind)) for name, kind in COLUMNS.items()})
_NAMES: Final = _EVENT.fields


def fitted(event: dict[str, Any]) -> Row:
    """The event with every field made to fit: a text column takes any value as JSON, elsewhere what does not
    fit becomes null. Unusable where it has no time."""
    fields = _fields(event, _EVENT)
    if not fields.get("eventTime"):
        raise Unusable("has no usable eventTime")
    text = SURROGATE.sub("\ufffd", json.dumps(fields, ensure_ascii=False))
    moment, source = fields["eventTime"], fields.get("eventSource") or ""
    tls, caller = fields.get("tlsDetails") or {}, fields.get("userIdentity") or {}
    at = place(tls.get("tlsVersion"), source, caller.get("arn"), moment)
    return moment, fields.get("eventID"), text.encode(), at


def _fields(given: dict[str, Any], struct: _Struct) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        known = struct.fields.get(plain(name))
        head, dot, tail = name.partition(".")
        if known:
            stored, kind = known
            if fields.get(stored) is None or name == stored:
                fields[stored] = _fit(value, kind)
        elif dot and plain(head) in struct.fields:
            nested.setdefault(head, {})[tail] = value
    for head, inner in nested.items():
        stored, kind = struct.fields[plain(head)]
        if fields.get(stored) is None:
            fields[stored] = _fit(inner, kind)
    return {stored: fields[stored] for stored, _ in struct.fields.values() if stored in fields}


def _fit(value: Any, kind: _Kind) -> Any:
    if value is None:
        return None
    if isinstance(kind, _Struct):
        inner = _object(value)
        return _fields(inner, kind) if isinstance(inner, dict) else None
    if isinstance(kind, list):
        items = _object(value) if isinstance(value, str) else value
        return [_fit(item, kind[0]) for item in items] if isinstance(items, list) else None
    if kind == MAP:
        inner = _object(value) if isinstance(value, str) and value.lstrip().startswith("{") else value
        return value if inner is None else inner
    if kind == TEXT:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if kind == FLAG:
        return {"true": True, "false": False}.get(str(value).lower())
    return _moment(value)


def _object(value: Any) -> Any:
    """What a struct is when it comes as text or as a list of one; None for other text."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return loads(text)
    except ValueError:
        return _pairs(text)
    except RecursionError:
        return None


def _pairs(text: str) -> dict[str, Any] | list[Any] | None:
    """`{key=value, key={…}}`, as Presto and Hive write a struct; `[{…}, {…}]`, an array of them."""
    if text.startswith("[") and text.endswith("]"):
        return [_pairs(part) for part in _parts(text[1:-1]) if part.startswith("{")]
    if not (text.startswith("{") and text.endswith("}")):
        return None
    pairs: dict[str, Any] = {}
    last = ""
    for part in _parts(text[1:-1]):
        name, equals, value = part.partition("=")
        if equals and re.fullmatch(r"[\w.:/-]+", name):
            last = name
            pairs[name] = None if value == "null" else value
        elif last and pairs[last] is not None:
            pairs[last] += f", {part}"  # the comma was the value's own
    return pairs


def _parts(text: str) -> list[str]:
    """The text between commas that stand in no bracket."""
    parts, depth, begin = [], 0, 0
    for sign in re.finditer(r"[{}\[\]]|, ", text):
        if sign[0] == ", ":
            if depth == 0:
                parts.append(text[begin : sign.start()])
                begin = sign.end()
        else:
            depth += 1 if sign[0] in "{[" else -1
    return [*parts, text[begin:]]


def _moment(value: Any) -> str | None:
    """An ISO 8601 time in UTC, with its fraction; without an offset it is UTC, as CloudTrail's."""
    try:
        moment = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except (AttributeError, ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=None).isoformat() + "Z"


# --- JSON that is odd


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) < PYTHON_INT_DIGITS else text


_JSON: Final = json.JSONDecoder(strict=False, parse_float=_float, parse_int=_int, parse_constant=str)


def loads(text: str) -> Any:
    """JSON as Python has it; numbers that Python cannot hold stay text. ValueError, RecursionError."""
    return _JSON.decode(text)


def read(line: bytes) -> Any:
    """One JSON value of any depth. Unusable where it is none."""
    try:
        try:
            return loads(line.decode("utf-8", "replace"))
        except RecursionError:
            return _shallow(line)
    except (ValueError, RecursionError) as error:
        raise Unusable("is not valid JSON") from error


def _shallow(line: bytes) -> dict[str, Any]:
    """An object nested too deeply for Python; those of its fields that are become their own text."""
    record: dict[str, Any] = {}
    depth, name, text, begin = 0, None, b"", 0
    for token in TEXT_OR_SIGN.finditer(line):
        mark = line[token.start()]
        if mark == QUOTE:
            text = token[0]
            continue
        depth += (mark in (OPEN, OPEN_LIST)) - (mark in (CLOSE, CLOSE_LIST))
        if depth > DEPTH:
            raise Unusable(f"is nested deeper than {DEPTH:,} brackets")
        if depth == 1 and mark == COLON:
            name, begin = loads(text.decode("utf-8", "replace")), token.end()
        elif name is not None and ((depth == 1 and mark == COMMA) or not depth):
            value = line[begin : token.start()].decode("utf-8", "replace")
            try:
                record[name] = loads(value)
                json.dumps([[[record[name]]]])  # `fitted` writes it from deeper down
            except RecursionError:
                record[name] = value.strip()
            name = None
    return record
