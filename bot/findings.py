"""What a table means, in words: the headline, and the proof that a zero is a zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from bot.table import literal

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bot.question import Question
    from bot.table import Table

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

NOUNS_SAID: Final = 3
"""More than three counts in a sentence are not read."""

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


def read(question: Question, table: Table, coverage: Table | None, *, cap: int) -> Findings:
    """What `table` says about `question`; `coverage` is the answer of `statement.coverage`."""
    read_ = None if coverage is None else _read_coverage(coverage)
    if table.row_count:
        return Findings(_totals(question, table, cap), "", read_)
    words = question.words()
    if question.policy is None:
        return Findings(f"Nothing found: {words}", "" if read_ is None else _proof(question, read_), read_)
    headline = f"No {words.replace('calls', 'call', 1)}"
    return Findings(headline, "" if read_ is None else _proof(question, read_), read_)


def _read_coverage(table: Table) -> Coverage:
    # coverage.sql promises these types
    rows = cast("list[tuple[str | None, int, int, datetime]]", list(table.rows()))
    return Coverage(
        events=sum(events for _, events, _, _ in rows),
        without_tls=sum(without for _, _, without, _ in rows),
        silent=tuple(sorted(short_service(name) for name, events, without, _ in rows if events == without)),
        newest=max((newest for *_, newest in rows), default=None),
    )


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
    if question.policy is None:
        return False
    for filter_ in question.filters:
        if filter_.word == "version" and not filter_.negated:
            return all(version < OLDEST_TAKEN for version in filter_.values)
    return question.policy.min_tls is not None and question.policy.min_tls <= OLDEST_TAKEN


def _totals(question: Question, table: Table, cap: int) -> str:
    """ "1,234 calls by 12 principals with 3 clients", as far as the view's columns allow."""
    names = [column.name for column in table.columns]
    said = [name for name in _NOUNS if name in names][:NOUNS_SAID]
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


def clock(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """A moment for a reader in `zone`: "09:02" today, else "22 Nov 23:58", with the year if not this one."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year} {local:%H:%M}"
