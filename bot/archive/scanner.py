"""Where in a text of any length records begin and end, be it whole or broken: only strings and brackets are
looked at, and no more than RECORD_BYTES are held.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from bot.archive.events import CLOSE, DEPTH, EVENT, OPEN, OPEN_LIST, QUOTE, Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORD_BYTES: Final = 16 << 20  # CloudTrail's own limit is 1 MB; a bound keeps memory bounded
TOKEN: Final = re.compile(rb'"([^"\\\n]*+(?:\\.[^"\\\n]*+)*+)"(\s*+:)?+|["{}\[\]]', re.DOTALL)
LONGEST_PREFIX: Final = 300
BEFORE_JSON: Final = re.compile(  # a moment, a host, a level
    rb"^[^{\n]{1,%d}(?=\{)" % LONGEST_PREFIX, re.MULTILINE
)
BETWEEN_EVENTS: Final = b'},{"eventVersion"'  # as CloudTrail writes them
BETWEEN: Final = b" \t\r\n,"
EVENT_NAMES: Final = {name.encode(): 1 << bit for bit, name in enumerate(sorted(EVENT))}
RECORD_NAMES: Final = frozenset({b"eventcategory", b"classuid"})  # of CloudTrail's other records, of OCSF's
WHOLE: Final = sum(EVENT_NAMES.values())
NOWHERE: Final = -1
SHORTEST_TEXT: Final = 60  # of an event, as JSON
CUT: Final = "is cut short"
NO_JSON: Final = "is not JSON"


@dataclass(frozen=True, slots=True)
class Broken:
    """In place of a record: why it cannot be read, in words that end a sentence about it."""

    why: str


@cache
def _readers() -> tuple[Callable[[bytes], list[Any]], Callable[[bytes], list[Any]]]:
    """msgspec's readers of an array, and of values one after another."""
    import msgspec

    raw: Any = msgspec.Raw
    return msgspec.json.Decoder(list[raw]).decode, msgspec.json.Decoder(raw).decode_lines


def _is_strange(text: bytes, *, before: int) -> bool:
    """Whether the text between two values is more than white space, and more than what a logger writes on a
    line before its JSON."""
    if before == OPEN:
        line = text.rpartition(b"\n")
        text = line[0] if len(line[2]) <= LONGEST_PREFIX else text
    return bool(text.strip(BETWEEN))


@dataclass(slots=True)
class _Bracket:
    """One that is open: where it began, or NOWHERE once it can be no record; which of an event's names it
    has; the records found in it that wait to see whether it is one itself."""

    mark: int
    start: int
    names: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)


class Scanner:
    """Where in nested brackets records begin and end. Positions count from the text's first byte."""

    def __init__(self) -> None:
        self.buffer = b""
        self.origin = 0  # the position of the buffer's first byte
        self.at = 0  # how far it is read
        self.stack: list[_Bracket] = []
        self.open = {OPEN: 0, OPEN_LIST: 0}
        self.named = 0  # of the open brackets, how many show a name of an event's
        self.found = self.was_cut = False

    def take(self, block: bytes) -> Iterator[Any]:
        self.buffer += block
        yield from self._many()
        yield from self._tokens(last=False)
        yield from self._forget()

    def end(self) -> Iterator[Any]:
        yield from self._tokens(last=True)
        for bracket in self.stack:
            yield from self._emit(bracket.waiting)
        rest = self.buffer[self.at - self.origin :].strip(BETWEEN)
        if self.stack and not self.was_cut:
            yield Broken(CUT)
        elif rest:
            yield Broken(NO_JSON)

    def _many(self) -> Iterator[Any]:
        """As many records as msgspec can take at once. If all up to a place parses, that place is between two
        records."""
        within = bool(self.stack)
        if within and (self.stack[-1].mark != OPEN_LIST or self.named or not self.found):
            return
        begin = self.at - self.origin
        cut = self.buffer.rfind(BETWEEN_EVENTS) + 1 if within else self.buffer.rfind(b"\n")
        text = self.buffer[begin : max(cut, begin)].strip(BETWEEN)
        if not within:
            text = BEFORE_JSON.sub(b"", text)
        if not text.startswith(b"{"):
            return
        text = text.replace(b"\n", b" ")
        array, lines = _readers()
        try:
            records = array(b"[" + text + b"]") if within else lines(text)
        except (ValueError, RecursionError):
            return
        self.at = self.origin + cut
        yield from records

    def _tokens(self, *, last: bool) -> Iterator[Any]:
        buffer, origin = self.buffer, self.origin
        at = self.at - origin
        going = True
        while going:
            going = False
            for token in TOKEN.finditer(buffer, at):
                start, end = token.span()
                mark = buffer[start]
                if not self.stack and _is_strange(buffer[at:start], before=mark):
                    yield Broken(NO_JSON)
                if mark == QUOTE and end == start + 1:
                    line_end = buffer.find(b"\n", end)
                    if line_end == NOWHERE and not last and len(buffer) - start <= RECORD_BYTES:
                        self.at = origin + start
                        return
                    yield from self._broken_line(start)
                    at = line_end + 1 if line_end != NOWHERE else len(buffer)
                    going = True
                    break
                if mark == QUOTE:
                    if not last and end == len(buffer):  # a colon may follow
                        self.at = origin + start
                        return
                    self._text(token, origin)
                    if not self.stack:
                        yield from self._emit([(start + origin, end + origin)])
                elif mark in (OPEN, OPEN_LIST):
                    self._push(mark, start + origin)
                else:
                    yield from self._close(mark, end + origin)
                at = end
        self.at = origin + at

    def _text(self, token: re.Match[bytes], origin: int) -> None:
        if not self.stack:
            return
        top = self.stack[-1]
        text = token[1]
        if token[2] is not None:
            low = text.lower().replace(b"_", b"")
            names = WHOLE if low in RECORD_NAMES else EVENT_NAMES.get(low, 0)
            self.named += bool(names and not top.names)
            top.names |= names
        elif len(text) >= SHORTEST_TEXT and b"eventtime" in text.lower():
            top.waiting.append((token.start() + origin, token.end(1) + 1 + origin))

    def _push(self, mark: int, start: int) -> None:
        if len(self.stack) >= DEPTH:
            raise Unusable(f"it is nested deeper than {DEPTH:,} brackets")
        self.stack.append(_Bracket(mark, start))
        self.open[mark] += 1

    def _pop(self) -> _Bracket:
        bracket = self.stack.pop()
        self.open[bracket.mark] -= 1
        self.named -= bool(bracket.names)
        return bracket

    def _close(self, mark: int, end: int) -> Iterator[Any]:
        opened = OPEN if mark == CLOSE else OPEN_LIST
        if not self.open[opened]:
            if not self.stack:
                yield Broken("closes a bracket that was never opened")
            return
        waiting: list[tuple[int, int]] = []
        while True:
            bracket = self._pop()
            waiting = bracket.waiting + waiting
            if bracket.mark == opened:
                break
        is_listed = not self.stack or self.stack[-1].mark == OPEN_LIST
        is_record = bracket.names == WHOLE or (bracket.names and is_listed and not waiting)
        if is_record and bracket.start != NOWHERE:
            waiting = [(bracket.start, end)]
        if self.stack:
            self.stack[-1].waiting += waiting
            if not self.named:
                yield from self._emit_all()
        elif waiting or bracket.start != NOWHERE:
            yield from self._emit(waiting or [(bracket.start, end)])

    def _emit_all(self) -> Iterator[Any]:
        """Records inside of what shows no event's name itself: it is taken as a wrapper from here on."""
        top = self.stack[-1]
        if not top.waiting:
            return
        for bracket in self.stack:
            bracket.start = NOWHERE
            waiting, bracket.waiting = bracket.waiting, []
            yield from self._emit(waiting)

    def _emit(self, spans: list[tuple[int, int]]) -> Iterator[Any]:
        for start, end in spans:
            self.found, self.was_cut = True, False
            yield self.buffer[start - self.origin : end - self.origin].replace(b"\n", b" ")

    def _broken_line(self, start: int) -> Iterator[Any]:
        """A string that no quote ends on its line: forget what this line opened."""
        line = self.origin + self.buffer.rfind(b"\n", 0, start) + 1
        while self.stack and self.stack[-1].start >= line:
            yield from self._emit(self._pop().waiting)
        self.was_cut = True
        yield Broken(CUT)

    def _forget(self) -> Iterator[Any]:
        """Drop what is read and held for nothing; and of what is held, all beyond RECORD_BYTES."""
        if self.at - self.origin > RECORD_BYTES:
            if self.stack and self.stack[0].start != NOWHERE and not any(each.waiting for each in self.stack):
                yield Broken(f"is larger than {RECORD_BYTES >> 20} MB")
            for bracket in self.stack:
                waiting, bracket.waiting = bracket.waiting, []
                bracket.start = NOWHERE
                yield from self._emit(waiting)
        keep = self.at
        for bracket in self.stack:
            begins = [bracket.start] if bracket.start != NOWHERE else []
            keep = min([keep, *begins, *(start for start, _ in bracket.waiting[:1])])
        self.buffer = self.buffer[keep - self.origin :]
        self.origin = keep
