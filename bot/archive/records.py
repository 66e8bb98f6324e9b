"""The text of a log file → its events, each one line of JSON that fits the archive's columns.

The usual file costs two passes of msgspec. What it refuses (lost line ends, lone surrogates, nesting past
Python's limit, fields of another type) takes slower ways that keep every event that JSON allows.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from bot.event_schema import COLUMNS as LAKE_COLUMNS
from bot.event_schema import FLAG, MAP, TEXT, TIME, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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

Row = tuple[str, "str | None", Any]
"""eventTime as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, eventID, the event as a line of JSON (bytes or a Raw)."""

RECORD_BYTES: Final = 16 << 20  # CloudTrail's own limit is 1 MB; a bound keeps memory bounded
PYTHON_INT_DIGITS: Final = 4300  # longer ones int() refuses (CVE-2020-10735)

MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)
TEXT_OR_BRACKET: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
TEXT_OR_SIGN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]', re.DOTALL)
QUOTE, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COLON, COMMA = b'"{}[]:,'
NOWHERE: Final = -1
BETWEEN_EVENTS: Final = b'},{"eventVersion"'  # as CloudTrail writes them
FIRST_LOOK: Final = 1 << 16  # enough to see how a long file begins
BETWEEN: Final = b" \t\r\n,"
WRAPPERS: Final = (b'"Records"', b'"Events"')  # of log files, and of LookupEvents
SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Unusable(Exception):
    """Nothing of this file can be used; the message says why."""


class NotALog(Exception):
    """The file is something else that CloudTrail writes."""


@dataclass(frozen=True, slots=True)
class _Codec:
    log: Callable[[bytes], list[Any]]
    array: Callable[[bytes], list[Any]]
    lines: Callable[[bytes], list[Any]]
    key: Callable[[Any], Any]
    event: Callable[[bytes], Any]


@cache
def _codec() -> _Codec:
    import msgspec

    def shape(kind: Type) -> Any:
        if isinstance(kind, dict):
            fields = [(name, shape(field), None) for name, field in kind.items()]
            return msgspec.defstruct("Fields", fields) | None
        if isinstance(kind, list):
            return list[shape(kind[0])] | None  # type: ignore[misc]  # built here
        return {FLAG: bool | None, TIME: datetime | None}.get(kind, msgspec.Raw)  # Raw takes null too

    log: Any = msgspec.json.Decoder(msgspec.defstruct("Log", [("Records", list[msgspec.Raw])]))
    return _Codec(
        log=lambda data: log.decode(data).Records,
        array=msgspec.json.Decoder(list[msgspec.Raw]).decode,
        lines=msgspec.json.Decoder(msgspec.Raw).decode_lines,
        key=msgspec.json.Decoder(
            msgspec.defstruct("Key", [("eventTime", str), ("eventID", str | None, None)])
        ).decode,
        event=msgspec.json.Decoder(shape(COLUMNS)).decode,
    )


def split(data: bytes) -> Iterable[Any]:
    """The records of a whole file: `{"Records": […]}`, an array, lines; or whatever `scan` makes of it."""
    codec = _codec()
    flat = data.replace(
        b"\n", b" "
    )  # a line feed in JSON is only white space, and would end a line of the spool
    for decode in (codec.log, codec.array, codec.lines):
        try:
            records = decode(flat)
            if records:
                codec.key(records[0])
        except (ValueError, RecursionError):
            continue
        return records
    return scan([data])


def scan(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The records of JSON of any length and depth: values one after another, the elements of arrays, in
    place of a wrapper what is in it. Where msgspec cannot help, only strings and brackets are looked at."""
    scanner = _Scanner()
    rest = b""
    blocks = iter(blocks)
    first = next(blocks, b"")
    for block in chain([first[:FIRST_LOOK], first[FIRST_LOOK:]], blocks):
        buffer = rest + block
        at = 0
        if scanner.is_between():
            records, taken = _many(buffer, within_array=len(scanner.floors) > 1)
            yield from records
            buffer = buffer[taken:]
        for token in TEXT_OR_BRACKET.finditer(buffer):
            start, end = token.span()
            if buffer[start] == QUOTE and end == start + 1:
                break  # the string ends in a later block
            if scanner.is_between() and buffer[at:start].strip(BETWEEN):
                raise Unusable("it is not JSON")
            if scanner.take(buffer[start], token):
                yield buffer[scanner.start : end].replace(b"\n", b" ")
            at = end
        rest = buffer[scanner.rewind(at) :]
        if len(rest) > RECORD_BYTES:
            raise Unusable(f"it is not JSON, or one record is larger than {RECORD_BYTES >> 20} MB")
    if scanner.depth or rest.strip(BETWEEN):
        raise Unusable("it is not JSON, or it is cut short")


def _many(buffer: bytes, *, within_array: bool) -> tuple[Sequence[Any], int]:
    """As many records as msgspec can take from the buffer at once, and where it left off. If all up to a
    place parses, that place is between two records."""
    codec = _codec()
    cut = buffer.rfind(BETWEEN_EVENTS) + 1 if within_array else buffer.rfind(b"\n")
    text = buffer[: max(cut, 0)].strip(BETWEEN).replace(b"\n", b" ")
    try:
        records = codec.array(b"[" + text + b"]") if within_array else codec.lines(text)
        codec.key(records[0])
    except (ValueError, RecursionError, IndexError):
        return [], 0
    return records, cut


class _Scanner:
    """Where in nested brackets records begin and end. A floor is a depth at which records begin."""

    def __init__(self) -> None:
        self.depth = 0
        self.floors = [0]
        self.start = NOWHERE
        self.before = b""

    def is_between(self) -> bool:
        return self.depth == self.floors[-1]

    def take(self, mark: int, token: re.Match[bytes]) -> bool:
        """Whether a record, begun at `start`, ends with this token."""
        before, self.before = self.before, b""
        if mark == QUOTE:
            if self.is_between():
                self.start = token.start()
                return True
            if self.depth == self.floors[-1] + 1:
                self.before = token[0]
            return False
        if mark in (OPEN, OPEN_LIST):
            self._open(mark, token.start(), before)
            return False
        return self._close()

    def _open(self, mark: int, at: int, before: bytes) -> None:
        above = self.depth - self.floors[-1]
        self.depth += 1
        if mark == OPEN_LIST and (above == 0 or (above == 1 and before in WRAPPERS)):
            self.floors.append(self.depth)
            self.start = NOWHERE
        elif above == 0:
            self.start = at

    def _close(self) -> bool:
        if not self.depth:
            raise Unusable("it is not JSON: a bracket closes that was never opened")
        if self.is_between():
            self.floors.pop()
            self.depth -= 1
            self.start = NOWHERE
            return False
        self.depth -= 1
        return self.is_between() and self.start != NOWHERE

    def rewind(self, at: int) -> int:
        """From where the next block needs this one: the start of the record now open, else `at`."""
        if self.is_between() or self.start == NOWHERE:
            return at
        self.depth = self.floors[-1]
        return self.start


def rows(records: Iterable[Any]) -> Iterator[Row]:
    """Every record as a Row; one that is no event, or has no usable eventTime, makes the file Unusable."""
    key = _codec().key
    for number, record in enumerate(records, 1):
        if len(record) > RECORD_BYTES:
            raise Unusable(f"record {number} is larger than {RECORD_BYTES >> 20} MB")
        try:
            event = key(record)
            if MOMENT.fullmatch(event.eventTime) and _is_day(event.eventTime[:10]):
                yield event.eventTime, event.eventID, record
                continue
        except (ValueError, RecursionError):
            pass  # mended below
        try:
            yield mend(bytes(record))
        except Unusable as error:
            raise Unusable(f"record {number} {error}") from error


@cache
def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def fits(line: bytes) -> bool:
    """Whether every field has the type of its column."""
    try:
        _codec().event(line)
    except (ValueError, RecursionError):
        return False
    return True


def mend(line: bytes) -> Row:
    """The event with every field made to fit: a text column takes any value as JSON, elsewhere what does not
    fit becomes null. Takes an event out of what LookupEvents puts around it."""
    try:
        try:
            return _fitted(_loads(line))
        except RecursionError:
            return _fitted(_shallow(line))
    except ValueError as error:
        raise Unusable("is not valid JSON") from error


def _fitted(record: Any) -> Row:
    if isinstance(record, dict) and "eventTime" not in record:
        record = record.get("CloudTrailEvent", record)
    if isinstance(record, str):
        record = _loads(record.encode("utf-8", "replace"))
    if isinstance(record, dict) and "digestStartTime" in record:
        raise NotALog
    if not isinstance(record, dict) or not record.keys() & COLUMNS.keys():
        raise Unusable("is not a CloudTrail event")
    moment = _moment(record.get("eventTime"))
    if not moment:
        raise Unusable("has no usable eventTime")
    fitted = {name: _fit(record[name], kind) for name, kind in COLUMNS.items() if name in record}
    fitted["eventTime"] = moment
    text = SURROGATE.sub("\ufffd", json.dumps(fitted, ensure_ascii=False))
    return moment, fitted.get("eventID"), text.encode()


def _fit(value: Any, kind: Type) -> Any:
    if value is None or kind == MAP:
        return value
    if kind == TEXT:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if kind == FLAG:
        return {"true": True, "false": False}.get(str(value).lower())
    if isinstance(kind, list):
        return [_fit(item, kind[0]) for item in value] if isinstance(value, list) else None
    if isinstance(kind, dict):
        fields = value if isinstance(value, dict) else None
        return fields and {name: _fit(fields[name], field) for name, field in kind.items() if name in fields}
    return _moment(value)


def _moment(value: Any) -> str | None:
    """An ISO 8601 time in UTC, as MOMENT or with a fraction; without an offset it is UTC, as CloudTrail's."""
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except (AttributeError, ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) < PYTHON_INT_DIGITS else text


def _loads(line: bytes) -> Any:
    text = line.decode("utf-8", "replace")
    return json.loads(text, strict=False, parse_float=_float, parse_int=_int, parse_constant=str)


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
        if depth == 1 and mark == COLON:
            name, begin = _loads(text), token.end()
        elif name is not None and ((depth == 1 and mark == COMMA) or not depth):
            value = line[begin : token.start()]
            try:
                record[name] = _loads(value)
                json.dumps([[[record[name]]]])  # `_fitted` writes it from deeper down
            except RecursionError:
                record[name] = value.decode("utf-8", "replace").strip()
            name = None
    return record
