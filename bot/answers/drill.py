"""Drilling down: what a row of an answer narrows its question to, and the question that looks into it.

A drill is a question that one could type. Its values are strangers' text: a `*` in one means itself, and what
no filter takes, as an agent that is not there, is left out and told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from bot.answers.arrangement import arranged
from bot.question import filters
from bot.question.filters import FILTERS, Filter
from bot.question.tokens import quoted
from bot.question.trail import trail
from bot.table import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bot.answers.arrangement import Arrangement
    from bot.question.question import Policy, Question
    from bot.question.views import View
    from bot.question.window import Window
    from bot.table import Column, Row, Table

ROWS_MOST: Final = 100
"""Rows that can be looked into: what a menu of Slack's holds (SDK models)."""

EVENTS_MOST: Final = 20
"""Of its events, the latest that are shown of a row."""

WAYS: Final[Mapping[str, str]] = {
    "latest": "Events",
    "principals": "By principal",
    "addresses": "By address",
    "clients": "By agent",
    "event-names": "By event",
    "per-day": "By day",
}
"""How a row can be looked into: by the view that does."""

_WORDS: Final[Mapping[str, str]] = {
    "eventSource": "service",
    "recipientAccountId": "account",
    "awsRegion": "region",
    "bucketName": "bucket",
    "arn": "principal",
    "principal": "principal",
    "sourceIPAddress": "ip",
    "userAgent": "agent",
    "eventName": "event",
    "tlsVersion": "version",
    "cipherSuite": "cipher",
}
"""The filter's word for a column of a view."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a row narrows its question to."""

    values: tuple[tuple[str, str], ...]
    """Words of filters, each once, with a value as it is read: `("service", "s3.amazonaws.com")`."""
    day: date | None = None
    """In UTC, where the row is one day's."""
    lost: tuple[str, ...] = ()
    """What else the row says, and no filter can: the labels of its columns."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A row that can be looked into: what it is narrowed to, and its calls, None where it counts none."""

    narrowing: Narrowing
    calls: int | None


def offered(question: Question, table: Table, *, cap: int) -> tuple[Offered, ...]:
    """The rows of an answer of at most `cap` rows that can be looked into, those with most calls first, each
    kind once. What all rows say narrows nothing, and is not said again."""
    if not table.row_count:
        return ()
    measure = table.index(question.view.measure) if question.view.measure else None
    found: dict[Narrowing, Offered] = {}
    arrangement = arranged(table, question.view, ROWS_MOST)
    places = _telling(question, table, arrangement, cap)
    columns = tuple(table.columns[at] for at in places)
    for row in arrangement.rows:
        narrowing = _narrowing(columns, tuple(row[at] for at in places))
        calls = None if measure is None else row[measure]
        if narrowing.values or narrowing.day:
            found.setdefault(narrowing, Offered(narrowing, calls if isinstance(calls, int) else None))
    return tuple(found.values())


def _telling(question: Question, table: Table, arrangement: Arrangement, cap: int) -> list[int]:
    """Where the columns stand in which rows differ, and the one that says which row is which."""
    every = range(len(table.columns))
    if table.is_partial or table.row_count in {cap, question.top}:
        return [*every]  # of the rows that are not here, nobody knows what they say
    same = table.constants() if table.row_count > 1 else every
    return [at for at in every if at not in same or at == arrangement.key(every)]


def written(rows: Iterable[Offered]) -> str:
    """What rows narrow their question to, as `read` reads it back."""
    return msgspec.json.encode([each.narrowing for each in rows]).decode()


def read(text: str) -> tuple[Narrowing, ...]:
    """What `written` wrote; nothing where that is not what it is."""
    try:
        return msgspec.json.decode(text, type=tuple[Narrowing, ...])
    except (msgspec.DecodeError, UnicodeError):
        return ()


def _narrowing(columns: tuple[Column, ...], row: Row) -> Narrowing:
    values: dict[str, str] = {}
    day, lost = None, []
    for column, cell in zip(columns, row, strict=True):
        if column.name == "day" and isinstance(cell, date):
            day = cell
        word = _WORDS.get(column.name)
        if word is None or word in values:
            continue
        said = readable(column, cell) if word == "version" else cell
        value = filters.literally(word, said) if isinstance(said, str) else None
        if value is None:
            lost.append(column.label)
        else:
            values[word] = value
    return Narrowing(tuple((word, values[word]) for word in FILTERS if word in values), day, tuple(lost))


def drilled(question: Question, typed: str, narrowing: Narrowing, view: View) -> str:
    """The words of what `view` says of one row of `question`, which was `typed` so: over the same window and
    by the same policy. What narrows it stands there in the order in which it was chosen."""
    values = dict(narrowing.values)
    before = trail(question, typed)
    kept = [
        Filter(each.word, (values.pop(each.word),), negated=False) if each.word in values else each
        for each in before
    ]
    chosen = [Filter(word, (value,), negated=False) for word, value in values.items()]
    excluded = [each for each in question.filters if each.negated]
    words = [str(_within(question.window, narrowing.day)), f"by={view.name}"]
    words += map(str, (*kept, *chosen, *excluded))
    if question.policy is not None and view.has_policy:
        words.append(str(_policy(question.policy, dict(narrowing.values).get("version"))))
    words += [f"{word}={quoted(name)}" for word, name in _places(question)]
    words += [f"top={EVENTS_MOST}"] if view.name == "latest" else []
    words += ["private"] if question.private else []
    return " ".join(filter(None, words))


def _within(window: Window, day: date | None) -> Window:
    """The window, as far as it lies on that day."""
    if day is None:
        return window
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    return replace(window, start=max(window.start, start), end=min(window.end, end))


def _policy(policy: Policy, version: str | None) -> Policy:
    """The policy for calls over one version: a floor that this version is not below says nothing of them."""
    is_above = version is not None and policy.min_tls is not None and version >= policy.min_tls
    return replace(policy, min_tls=None) if is_above else policy


def _places(question: Question) -> Iterator[tuple[str, str]]:
    if question.store is not None:
        yield "store", question.store
    if question.engine is not None:
        yield "engine", question.engine
