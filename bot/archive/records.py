"""The text of a log file → the records in it, and the events in those.

The usual file costs two passes of msgspec. What it refuses (a cut line, lone surrogates, nesting past
Python's limit, lines that begin with a moment) takes slower ways, where a broken record costs itself alone.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from bot.archive.events import (
    CLOSE,
    COLUMNS,
    EVENT,
    OPEN,
    OPEN_LIST,
    Row,
    find,
    fitted,
    may_hold_event,
    plain,
    read,
)
from bot.archive.events import Unusable as Unusable
from bot.archive.said import place
from bot.archive.scanner import (
    BEFORE_JSON,
    BETWEEN,
    CUT,
    LONGEST_PREFIX,
    NO_JSON,
    RECORD_BYTES,
    Broken,
    Scanner,
)
from bot.event_schema import FLAG, TIME, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)
NOT_KEPT: Final = {"userIdentity": ("credentialId",)}  # CloudTrail's own, and no column of Lake's
PLACED: Final = {"tlsDetails": "tlsVersion", "userIdentity": "arn"}  # texts that say where an event is put
CALLS: Final = frozenset({"Management", "Data", "", None})  # events of these categories are calls
LOG_BEGINS: Final = b'{"Records"'
BRACKETS: Final = re.compile(rb'[\s{}\[\],]*(?:"\w+"\s*:\s*\[?\s*)?')
FIRST_LOOK: Final = 1 << 16  # enough to see how a long file begins
NO_EVENT: Final = "holds no event"
HALF_EVENT: Final = "names an eventTime, but is no whole event"
STRANGE: Final = frozenset({NO_JSON, NO_EVENT})
"""What may be said of a record that has nothing to do with CloudTrail."""


@dataclass(slots=True)
class Tally:
    """What was in a file beside its events: records of another kind, and bad ones with the number of the
    first; counted by kind and by reason."""

    skipped: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    first_bad: str = ""

    def add(self, other: Tally) -> None:
        """Take in what was counted in another text of the same file."""
        self.skipped.update(other.skipped)
        self.bad.update(other.bad)
        self.first_bad = self.first_bad or other.first_bad

    @property
    def is_strange(self) -> bool:
        """Whether all that was bad has nothing to do with CloudTrail."""
        return bool(self.bad) and not self.bad.keys() - STRANGE

    def refuse(self, why: str, number: int) -> None:
        self.bad[why] += 1
        self.first_bad = self.first_bad or f"record {number} {why}"

    @property
    def words(self) -> str:
        """What was bad, in words that end a sentence about the file."""
        count = self.bad.total()
        return self.first_bad if count < 2 else f"{count:,} records could not be read: {self.first_bad}, …"


@dataclass(frozen=True, slots=True)
class _Codec:
    """msgspec's readers. `exact` takes an event whose names are all ours, spelled so; `key` any event."""

    log: Callable[[bytes], list[Any]]
    array: Callable[[bytes], list[Any]]
    lines: Callable[[bytes], list[Any]]
    names: Callable[[Any], dict[str, Any]]
    exact: Callable[[Any], Any]
    key: Callable[[Any], Any]
    event: Callable[[bytes], Any]


@cache
def _codec() -> _Codec:
    import msgspec

    raw: Any = msgspec.Raw

    def shape(kind: Type) -> Any:
        if isinstance(kind, dict):
            fields = [(name, shape(field), None) for name, field in kind.items()]
            return msgspec.defstruct("Fields", fields) | None
        if isinstance(kind, list):
            return list[shape(kind[0])] | None  # type: ignore[misc]  # built here
        return {FLAG: bool | None, TIME: datetime | None}.get(kind, raw)  # Raw takes null too

    def exactly(name: str, fields: list[Any]) -> Any:
        return msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False)

    key: list[Any] = [
        ("eventTime", str),
        ("eventSource", str),
        ("eventName", str),
        ("eventID", str | None, None),
        ("eventCategory", str | None, None),
    ]

    def within(column: str, kind: dict[str, Type]) -> list[Any]:
        names = (*kind, *NOT_KEPT.get(column, ()))
        return [(name, str | None if name == PLACED.get(column) else raw, None) for name in names]

    structs = {
        column: exactly(column, within(column, kind)) | None
        for column, kind in COLUMNS.items()
        if isinstance(kind, dict)
    }
    said = {name for name, *_ in key}
    others = [(name, structs.get(name, raw), None) for name in COLUMNS if name not in said]
    placed: list[Any] = [
        (column, msgspec.defstruct(column, [(name, Any, None)], gc=False) | None, None)
        for column, name in PLACED.items()
    ]
    log: Any = msgspec.json.Decoder(exactly("Log", [("Records", list[raw])]))  # nothing else may hold events
    return _Codec(
        log=lambda data: log.decode(data).Records,
        array=msgspec.json.Decoder(list[raw]).decode,
        lines=msgspec.json.Decoder(raw).decode_lines,
        names=msgspec.json.Decoder(dict[str, raw]).decode,
        exact=msgspec.json.Decoder(exactly("Exact", key + others)).decode,
        key=msgspec.json.Decoder(msgspec.defstruct("Key", key + placed, gc=False)).decode,
        event=msgspec.json.Decoder(shape(COLUMNS)).decode,
    )


# --- records → events


def rows(records: Iterable[Any], tally: Tally) -> Iterator[Row]:
    """Every event in the records. What is none is counted in `tally`, and costs its neighbours nothing."""
    codec = _codec()
    exact = codec.exact
    is_moment = MOMENT.fullmatch
    for number, record in enumerate(records, 1):
        try:
            event = exact(record)
        except (ValueError, RecursionError, TypeError):
            event = _with_other_names(record)
        if (
            event
            and event.eventCategory in CALLS
            and is_moment(event.eventTime)
            and _is_day(event.eventTime[:10])
            and len(record) <= RECORD_BYTES
        ):
            moment, tls, caller = event.eventTime, event.tlsDetails, event.userIdentity
            at = place(tls and tls.tlsVersion, event.eventSource, caller and caller.arn, moment)
            yield moment, event.eventID, record, at
        else:
            yield from _found(record, number, tally)


def _with_other_names(record: Any) -> Any:
    """The key of an event that has fields unknown to us, but none of ours in another spelling; else None."""
    codec = _codec()
    try:
        key = codec.key(record)
        fields = codec.names(record)
        if ":" in key.eventSource or not _spelled_as_ours(fields, COLUMNS):
            return None
        if any(b"eventtime" in bytes(fields[name]).lower() for name in fields.keys() - COLUMNS.keys()):
            return None  # the whole event may stand in there
        for name, kind in COLUMNS.items():
            if isinstance(kind, dict) and name in fields:
                inner = bytes(fields[name])
                if inner != b"null" and not _spelled_as_ours(codec.names(inner), kind):
                    return None
    except (ValueError, RecursionError, TypeError):
        return None
    for column, name in PLACED.items():
        inner = getattr(key, column)
        if inner and not isinstance(getattr(inner, name), str):
            setattr(inner, name, None)
    return key


def _spelled_as_ours(fields: dict[str, Any], columns: dict[str, Type]) -> bool:
    strange = fields.keys() - columns.keys()
    return not strange or _plain_names(tuple(columns)).isdisjoint(
        plain(name.partition(".")[0]) for name in strange
    )


@cache
def _plain_names(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(plain, names))


@cache
def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _found(record: Any, number: int, tally: Tally) -> Iterator[Row]:
    """The events in a record that is none as it stands."""
    if isinstance(record, Broken):
        tally.refuse(record.why, number)
        return
    line = bytes(record)
    if len(line) > RECORD_BYTES:
        tally.refuse(f"is larger than {RECORD_BYTES >> 20} MB", number)
        return
    if line.startswith(LOG_BEGINS):  # whole files one after another
        try:
            inner = _codec().log(line)
        except (ValueError, RecursionError):
            pass
        else:
            yield from rows(inner, tally)
            return
    skipped: Counter[str] = Counter()
    try:
        events = find(read(line), skipped)
    except (Unusable, RecursionError) as error:
        why = str(error) if isinstance(error, Unusable) else "is nested too deeply"
        named = may_hold_event(line.decode("utf-8", "replace"))
        tally.refuse(why if named else NO_JSON, number)  # brackets in prose, as in a README
        return
    tally.skipped.update(skipped)
    for event in events:
        try:
            yield fitted(event)
        except (Unusable, RecursionError) as error:
            tally.refuse(str(error), number)
    if not events and not skipped:
        tally.refuse(HALF_EVENT if b"eventtime" in line.lower() else NO_EVENT, number)


def fits(line: bytes) -> bool:
    """Whether every field has the type of its column."""
    try:
        _codec().event(line)
    except (ValueError, RecursionError):
        return False
    return True


def mend(line: bytes) -> bytes:
    """The line of an event with every field made to fit its column."""
    event = read(line)
    return bytes(fitted(event)[2])


# --- text → records


def split(data: bytes) -> Iterable[Any]:
    """The records of a whole text: of `{"Records": […]}`, an array, values one after another; of a CSV; of
    lines that begin with something else; at last whatever `scan` finds. A Broken stands for what cannot be
    read."""
    codec = _codec()
    flat = data.replace(b"\n", b" ")  # in JSON it is only white space, and would end a line of the spool
    for decode in (codec.log, codec.array, codec.lines):
        try:
            records = decode(flat)
        except (ValueError, RecursionError):
            continue
        if decode is not codec.log and any(len(record) > RECORD_BYTES for record in records):
            return scan([data])  # one wrapper around a whole file
        if decode is codec.array and records and bytes(records[0])[:1] == b"[" and len(flat) <= RECORD_BYTES:
            return [flat]  # a list of lists may be a table, and only together it is one
        return records
    return _table(data) or _by_line(data) or scan([data])


def _table(data: bytes) -> list[Any] | None:
    """The rows of a CSV whose first line names an event's columns, as Lake and Athena deliver answers."""
    if not _is_table(data):
        return None
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8", "replace"), newline=""))
        return [
            json.dumps({name: cell for name, cell in row.items() if name and cell}).encode() for row in rows
        ]
    except csv.Error:
        return None


def _is_table(data: bytes) -> bool:
    head = data[:FIRST_LOOK].partition(b"\n")[0].decode("utf-8", "replace").strip()
    try:
        names = next(csv.reader([head]), [])
    except csv.Error:
        return False
    return {plain(name) for name in names} >= EVENT


def _by_line(data: bytes) -> list[Any] | None:
    """A record a line, if there is any line that may be or hold an event; what is before one is dropped."""
    lines = _codec().lines
    records: list[Any] = []
    events = False
    for line in BEFORE_JSON.sub(b"", data).split(b"\n"):
        text = line.strip(BETWEEN)
        if not text or (len(text) <= LONGEST_PREFIX and BRACKETS.fullmatch(text)):
            continue
        try:
            values = lines(text)
        except (ValueError, RecursionError):
            values = [Broken(CUT if text[0] in (OPEN, OPEN_LIST) else NO_JSON)]
            if len(text) <= RECORD_BYTES and text[0] == OPEN and text[-1] == CLOSE:
                values = [text]  # what msgspec refuses, Python may read
        else:
            events = events or (text[0] == OPEN and may_hold_event(text.decode("utf-8", "replace")))
        records += values
    return records if events else None


def scan(blocks: Iterable[bytes]) -> Iterator[Any]:
    """The records of a text of any length, be it whole or broken: every outermost object that has an event's
    three names, and every text that may hold them; where msgspec can help, many at once. Only strings and
    brackets are looked at, and no more than RECORD_BYTES are held."""
    scanner = Scanner()
    blocks = iter(blocks)
    first = next(blocks, b"")
    if _is_table(first):
        raise Unusable("it is a CSV too long to be read at once: split it into shorter ones")
    for block in chain([first[:FIRST_LOOK], first[FIRST_LOOK:]], blocks):
        yield from scanner.take(block)
    yield from scanner.end()
