"""What a table means, in words: the headline, and the proof that a zero is a zero."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from bot.table import literal

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bot.question.question import Question
    from bot.question.views import Column
    from bot.table import Cell, Table

OLDEST_TAKEN: Final = "1.2"
"""AWS's API endpoints take nothing older since 31 December 2023 (Elastic Beanstalk developer guide)."""

DISTINCT_CAP: Final = 100_000
"""Distinct values counted exactly; beyond, "over 100,000" says enough and keeps memory flat."""

_NOUNS: Final = {
    "arn": "by {} principal",
    "principal": "by {} principal",
    "userAgent": "with {} client",
    "eventSource": "to {} service",
    "recipientAccountId": "in {} account",
    "awsRegion": "in {} Region",
    "sourceIPAddress": "from {} address",
    "cipherSuite": "with {} cipher suite",
}
"""What a column's distinct values are in a headline, by AWS's column names, in the order they are said."""

_NOUN_WORDS: Final = {
    "eventSource": "service",
    "recipientAccountId": "account",
    "awsRegion": "region",
    "sourceIPAddress": "ip",
}
"""The filter that names a column's values already: "to 1 service" says nothing after `service=s3`."""

NOUNS_SAID: Final = 3
"""More than three counts in a sentence are not read."""

LATE: Final = timedelta(days=1)
"""How long after the start of a window its oldest event may be: on a day off nothing may have been called."""

_REFUSED: Final = (
    "AWS refuses older handshakes before any event is written, so a client that cannot connect is not in here"
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read for an answer: the same window and filters, whatever the TLS."""

    events: int
    without_tls: int
    silent: tuple[str, ...]
    """Services none of whose events carry TLS details, shortened: `health`, `sso`."""
    oldest: datetime | None
    newest: datetime | None

    def read_words(self) -> str:
        """ "4,959,792 events read, 2.1 % without TLS details"."""
        read_ = f"{counted(self.events, 'event')} read"
        if self.events == 0:
            return read_
        share = 100 * self.without_tls / self.events
        without = "none" if self.without_tls == 0 else "under 0.1 %" if share < 0.1 else f"{share:.1f} %"
        return f"{read_}, {without} without TLS details"

    def words(self, zone: tzinfo, now: datetime) -> str:
        """`read_words`, and "newest 09:02" for a reader in `zone`."""
        newest = "" if self.newest is None else f", newest {clock(self.newest, zone, now)}"
        return self.read_words() + newest


@dataclass(frozen=True, slots=True)
class Findings:
    """An answer in words. `proof` says why a zero may be believed, or why not; empty where rows speak."""

    headline: str
    proof: str
    coverage: Coverage | None
    notes: tuple[str, ...] = ()
    """What else is to be known of it, in sentences."""
    cost: str = ""
    """What was read for it and what that costs, where it costs anything."""


def read(question: Question, table: Table, coverage: Table | None, *, cap: int) -> Findings:
    """What `table` says about `question`; `coverage` is the answer of `statement.coverage`."""
    read_ = None if coverage is None else read_coverage(coverage)
    notes = (*table.notes, *_before_the_store(question, table), *_starts_late(question, read_))
    if table.row_count:
        totals = _totals(question, table, cap)
        return Findings(f"Partial: at least {totals}" if table.is_partial else totals, "", read_, notes)
    words = question.words()
    proof = "" if read_ is None else _proof(question, read_)
    if question.policy is None:
        return Findings(f"Nothing found: {words}", proof, read_, notes)
    if question.view.narrows:
        return Findings(f"Nothing found: {question.view.title}", proof, read_, notes)
    return Findings(f"No {question.subject().replace('calls', 'call', 1)}", proof, read_, notes)


def _before_the_store(question: Question, table: Table) -> tuple[str, ...]:
    if table.since is None or question.window.start >= table.since:
        return ()
    day = f"{table.since.day} {table.since:%b %Y}"
    return (f"The store exists since {day}: of the time before, it has only what was copied into it.",)


BYTES_PER_GB: Final = 1_000_000_000
"""AWS bills a gigabyte of 10^9 bytes scanned."""


def cost(scanned: int, dollars_per_gb: float) -> str:
    """ "1.8 GB, $0.009": what was read, and what that costs where it costs anything."""
    size = f"{scanned / BYTES_PER_GB:,.1f} GB" if scanned >= BYTES_PER_GB / 10 else f"{scanned / 1e6:,.1f} MB"
    return f"{size}, {money(scanned / BYTES_PER_GB * dollars_per_gb)}" if dollars_per_gb else size


def money(dollars: float) -> str:
    """ "$0.90", "$0.009", "under $0.001"."""
    if dollars >= 0.1 or dollars == 0:
        return f"${dollars:,.2f}"
    return f"${dollars:.3f}" if dollars >= 0.001 else "under $0.001"


def read_coverage(table: Table) -> Coverage:
    """What the answer of `statement.coverage` says."""
    # coverage.sql promises these types
    rows = cast("list[tuple[str | None, int, int, datetime, datetime]]", list(table.rows()))
    return Coverage(
        events=sum(events for _, events, *_ in rows),
        without_tls=sum(without for _, _, without, *_ in rows),
        silent=tuple(sorted(short_service(name) for name, events, without, *_ in rows if events == without)),
        oldest=min((oldest for *_, oldest, _ in rows), default=None),
        newest=max((newest for *_, newest in rows), default=None),
    )


def _starts_late(question: Question, coverage: Coverage | None) -> tuple[str, ...]:
    if coverage is None or coverage.oldest is None or coverage.oldest - question.window.start < LATE:
        return ()
    day = f"{coverage.oldest.day} {coverage.oldest:%b %Y}"
    return (f"The oldest event read is of {day}.",)


def _proof(question: Question, coverage: Coverage) -> str:
    if coverage.events == 0:
        return "No event at all was read for this window and these filters, so this zero proves nothing."
    if coverage.events == coverage.without_tls:
        return "None of these events carries TLS details, so this zero proves nothing."
    sentences = []
    if coverage.silent:
        names = ", ".join(coverage.silent[:5]) + (", …" if len(coverage.silent) > 5 else "")
        carry = "carries" if len(coverage.silent) == 1 else "carry"
        sentences.append(f"{counted(len(coverage.silent), 'service')} ({names}) {carry} no TLS details.")
    if _asks_for_refused(question):
        sentences.append(f"{_REFUSED}: ask `min=1.3` for who comes next.")
    return " ".join(sentences)


def _asks_for_refused(question: Question) -> bool:
    """Whether only versions that AWS refuses are asked for, by the policy or by name."""
    if question.policy is None or question.view.narrows:
        return False
    for filter_ in question.filters:
        if filter_.word == "version" and not filter_.negated:
            return all(version < OLDEST_TAKEN for version in filter_.values)
    return question.policy.min_tls is not None and question.policy.min_tls <= OLDEST_TAKEN


def _totals(question: Question, table: Table, cap: int) -> str:
    """ "1,234 calls by 12 principals with 3 clients", as far as the view's columns allow."""
    names = [column.name for column in table.columns]
    named = {filter_.word for filter_ in question.filters}
    said = [name for name in _NOUNS if name in names and _NOUN_WORDS.get(name) not in named][:NOUNS_SAID]
    places = [names.index(name) for name in said]
    measure = names.index(question.view.measure) if question.view.measure else None
    seen: list[set[object]] = [set() for _ in said]
    calls = 0
    for row in table.rows():
        calls += 1 if measure is None else cast("int", row[measure])
        for values, place in zip(seen, places, strict=True):
            if row[place] is not None and len(values) <= DISTINCT_CAP:
                values.add(row[place])
    parts = [counted(calls, "event" if question.view.name == "coverage" else "call")]
    parts += [_said(_NOUNS[name], len(values)) for name, values in zip(said, seen, strict=True) if values]
    total = " ".join(parts)
    if table.row_count == question.top:
        return f"{total} in the top {question.top:,}"
    if table.row_count == cap:
        return f"{total} in the first {cap:,} rows, the most an answer may have"
    return total


def _said(noun: str, number: int) -> str:
    amount = f"over {DISTINCT_CAP:,}" if number > DISTINCT_CAP else f"{number:,}"
    plural = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return noun.format(amount) + plural


def counted(number: int, noun: str) -> str:
    """`1 call`, `1,234 calls`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def short_service(source: str | None) -> str:
    """`s3` for `s3.amazonaws.com`."""
    return "unnamed" if source is None else literal(source.removesuffix(".amazonaws.com"))


_VERSIONS: Final = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}
_ORDINALS: Final = frozenset({"year_date", "month_date"})


def readable(column: Column, cell: Cell) -> Cell:
    """A cell as people say it: `s3`, TLS `1.0`, the year 2026. Files carry what the engine answered."""
    if column.name == "eventSource" and isinstance(cell, str):
        return short_service(cell)
    if column.name == "tlsVersion" and isinstance(cell, str):
        return _VERSIONS.get(cell, cell)
    if column.name in _ORDINALS and cell is not None:
        return str(cell)
    return cell


def clock(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """A moment for a reader in `zone`: "09:02" today, else "22 Nov 23:58", with the year if not this one."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year} {local:%H:%M}"
