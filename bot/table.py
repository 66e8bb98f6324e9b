"""Table: an answer's rows. The first are in memory, the rest on disk, all of them once.

Cells are str, int, float, bool, date, datetime (aware, UTC) or None, as the column's type says.
What a cell says was often chosen by strangers: `literal` and `to_csv` make it harmless to show.
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from types import GenericAlias
from typing import IO, TYPE_CHECKING, Final, Literal

from bot.errors import EngineError
from bot.text import literal
from bot.wording import percent, short_service

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


Cell = str | int | float | bool | date | datetime | None
Row = tuple[Cell, ...]

HEAD_ROWS: Final = 1_000
"""Rows kept in memory: more than any message or screen shows."""

_LENGTH = struct.Struct("<Q")
_PYTHON_TYPES: Final = {
    "TEXT": str,
    "INTEGER": int,
    "NUMBER": float,
    "TIME": datetime,
    "DATE": date,
    "FLAG": bool,
}


class Table:
    """Rows under the columns a view promised. Iterate as often as needed; close it, or use `with`."""

    def __init__(
        self, columns: Sequence[Column], batches: Iterable[Sequence[Row]], *, scanned: int = 0
    ) -> None:
        """Reads `batches` to the end. `scanned` is how many bytes the engine read for it."""
        self.columns = tuple(columns)
        self.head: list[Row] = []
        self.row_count = 0
        self.scanned = scanned
        self.notes: tuple[str, ...] = ()
        """What else the engine has to say of it, in sentences."""
        self.is_partial = False
        """Whether the engine was stopped before it had every row."""
        self.since: datetime | None = None
        """Since when the engine has events, where it knows that."""
        self._spool: IO[bytes] | None = None
        try:
            self._read(batches)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the disk back. The head stays."""
        if self._spool is not None:
            self._spool.close()

    def index(self, name: str) -> int:
        """Where the column `name` stands; KeyError where the view promised none."""
        for position, column in enumerate(self.columns):
            if column.name == name:
                return position
        raise KeyError(name)

    def batches(self) -> Iterator[Sequence[Row]]:
        """All rows, first to last, in handfuls."""
        yield self.head
        if self._spool is not None:
            yield from self._spooled(self._spool.fileno())

    def _spooled(self, handle: int) -> Iterator[Sequence[Row]]:
        import msgspec

        row = GenericAlias(tuple, tuple(_PYTHON_TYPES[column.type] | None for column in self.columns))
        decode = msgspec.msgpack.Decoder(GenericAlias(list, (row,))).decode
        offset = 0
        # pread keeps no position, so that two readers do not disturb each other
        while header := os.pread(handle, _LENGTH.size, offset):
            (length,) = _LENGTH.unpack(header)
            yield decode(os.pread(handle, length, offset + _LENGTH.size))
            offset += _LENGTH.size + length

    def rows(self) -> Iterator[Row]:
        """All rows, first to last."""
        for batch in self.batches():
            yield from batch

    def constants(self) -> dict[int, Cell]:
        """The text columns that say the same in every row, by position; none for fewer than two rows."""
        if self.row_count < 2:
            return {}
        first = self.head[0]
        same = {position for position, column in enumerate(self.columns) if column.type == "TEXT"}
        for row in self.rows():
            same = {position for position in same if row[position] == first[position]}
            if not same:
                break
        return {position: first[position] for position in sorted(same)}

    def _read(self, batches: Iterable[Sequence[Row]]) -> None:
        for batch in batches:
            self.row_count += len(batch)
            room = HEAD_ROWS - len(self.head)
            self.head.extend(batch[:room])
            if len(batch) > room:
                self._write(batch[room:])
        if self._spool is not None:
            self._spool.flush()

    def _write(self, rows: Sequence[Row]) -> None:
        packed = _packed(rows)
        try:
            if self._spool is None:
                self._spool = tempfile.TemporaryFile(prefix="tls-audit-")  # noqa: SIM115 - lives as long as the table
            self._spool.write(_LENGTH.pack(len(packed)))
            self._spool.write(packed)
        except OSError as error:
            raise EngineError(f"No room for the answer: {error.strerror}.", "Free some disk.") from error


def _packed(rows: Sequence[Row]) -> bytes:
    """Rows for the disk; halves of surrogate pairs, which no file can hold, become `?`."""
    import msgspec

    try:
        return msgspec.msgpack.encode(rows)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(
            [
                tuple(
                    cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell
                    for cell in row
                )
                for row in rows
            ]
        )


# --- cells for people

_VERSIONS: Final = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}
_ORDINALS: Final = frozenset({"year_date", "month_date"})


def readable(column: Column, cell: Cell) -> Cell:
    """A cell as people say it: `s3`, TLS `1.0`, the year 2026. Files carry what the engine answered."""
    if column.name == "eventSource" and isinstance(cell, str):
        return short_service(cell)
    if column.name == "tlsVersion" and isinstance(cell, str):
        return _VERSIONS.get(cell, cell)
    if column.type == "NUMBER" and column.name.startswith("percent") and isinstance(cell, (int, float)):
        return percent(cell)
    if column.name in _ORDINALS and cell is not None:
        return str(cell)
    return cell


def text(cell: Cell) -> str:
    """A cell as plain text: times as 2026-11-16T08:14:00Z, nothing for NULL, strangers' text literal."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return literal(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%dT%H:%M:%SZ}"
    return str(cell)


# --- columns

ColumnType = Literal["TEXT", "INTEGER", "NUMBER", "TIME", "DATE", "FLAG"]

LABELS: Final = {
    "accesskeyid": "Access key",
    "accountId": "Caller's account",
    "arn": "Principal",
    "awsRegion": "Region",
    "bucketName": "Bucket",
    "cipherSuite": "Cipher suite",
    "day": "Day (UTC)",
    "ec2RoleDelivery": "EC2 role delivery",
    "eventID": "Event id",
    "eventName": "Call",
    "eventSource": "Service",
    "eventTime": "Time",
    "month_date": "Month",
    "percentCnsa": "ML-KEM-1024 %",
    "percentPostQuantum": "ML-KEM %",
    "percentUnsupported": "Out of support %",
    "numCnsa": "ML-KEM-1024",
    "numPostQuantum": "ML-KEM",
    "numWithKeyExchange": "With a key exchange",
    "numWithVersion": "With a TLS version",
    "numCallsBefore": "Calls before",
    "numOutdatedTlsCalls": "Calls",
    "firstUnreadKeyExchange": "Unread key exchange, first",
    "firstUnreadSuite": "Unread suite, first",
    "firstUnreadVersion": "Unread version, first",
    "lastUnreadKeyExchange": "Unread key exchange, last",
    "lastUnreadSuite": "Unread suite, last",
    "lastUnreadVersion": "Unread version, last",
    "numUnnamedCalls": "Unnamed calls",
    "numWithoutAgent": "Without a client",
    "numWithoutHost": "Without a host",
    "numWithoutKeyExchange": "Without a key exchange",
    "numWithoutSuite": "Without a cipher suite",
    "numWithoutTls": "Without TLS details",
    "openDays": "Days open",
    "recipientAccountId": "Account",
    "sourceIPAddress": "Address",
    "tlsVersion": "TLS",
    "userAgent": "Client",
    "vpcEndpointId": "VPC endpoint",
    "year_date": "Year",
}
"""What people call AWS's columns; any other name is spelled out."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column a view promises. A TIME is a moment in UTC, a DATE a day in UTC."""

    name: str
    type: ColumnType

    @property
    def label(self) -> str:
        """What a person would call it: `Calls` for numOutdatedTlsCalls. Files carry `name` instead."""
        return LABELS.get(self.name) or _spelled_out(self.name)


def _spelled_out(name: str) -> str:
    """`numTls12` as "TLS 1.2", `percentOther` as "Other %", `lastCall` as "Last call"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).lower()
    words = re.sub(r"\btls(\d)(\d)\b", r"TLS \1.\2", words)
    if words.startswith("num "):
        words = words.removeprefix("num ")
    elif words.startswith("percent "):
        words = f"{words.removeprefix('percent ')} %"
    return words[:1].upper() + words[1:]
