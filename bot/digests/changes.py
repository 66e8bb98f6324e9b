"""Changes: which findings are new, still open, quiet, back, known or resolved after a period.

A finding is a service, principal and client that called over outdated TLS. Pure: what is remembered
and what was seen go in; what to tell and what to remember come out. Days are local dates throughout.

    (never seen) → open ⇄ quiet → resolved → (back) open …      snoozed: known, until it lapses or doubles
    accepted: until its date; not applicable: until that is undone. Both also where it is back
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from bot.digests.decisions import Assignment, Decision  # noqa: TC001 - msgspec reads Finding's types
from bot.question.owners import Owner  # noqa: TC001 - msgspec reads Entry's types
from bot.wording import month_day, number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Change = Literal["new", "back", "open", "quiet", "known", "accepted", "not applicable", "resolved"]
Identity = tuple[str, str, str]

QUIET_DAYS: Final = 3
"""Whole trusted days without a call after which a finding counts as resolved."""

ID_LENGTH: Final = 32
"""Hex digits of an id: short enough for a button, and long enough that nobody makes two collide."""

_ORDER: Final = ("new", "back", "open", "quiet", "known", "accepted", "not applicable", "resolved")
_BY_AGE: Final = ("open", "quiet")
_MAY_RESOLVE: Final = ("quiet", "known", "accepted", "not applicable")


@dataclass(frozen=True, slots=True)
class Seen:
    """One row of the answer for a period. Names as CloudTrail has them, "" where it has none."""

    service: str
    principal: str
    client: str
    calls: int
    first: date
    last: date
    """The local dates of its first and last call in the period."""
    unnamed: bool = False
    """Whether some of its calls have a blank in place of a name: until version 3 they had none."""

    @property
    def identity(self) -> Identity:
        """What makes it the same finding."""
        return (self.service, self.principal, self.client)


@dataclass(frozen=True, slots=True)
class Period:
    """Local dates from `start` to before `end`."""

    start: date
    end: date
    trusted: bool
    """Whether the lake had events until (nearly) its end, so that silence means something."""

    @property
    def days(self) -> int:
        """How many dates it has."""
        return (self.end - self.start).days


@dataclass(frozen=True, slots=True)
class Snooze:
    """A finding acknowledged: by whom, why, and until which date, exclusive."""

    by: str
    why: str
    until: date
    calls: int
    """How many calls it had then: twice as many end it."""
    days: int = 0
    """How many days those calls took, so that a Monday's three compare fairly; 0: as many as any period."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is remembered of a finding."""

    service: str
    principal: str
    client: str
    first: date
    """Its first call ever."""
    since: date
    """The begin of its present spell."""
    last: date
    """Its last date with a call."""
    calls: int
    """In the latest period that had any."""
    spells: int
    """How often it was open, this time included."""
    resolved: date | None = None
    snooze: Snooze | None = None
    """Who knows about it, and until when, which digests call known. Stored as `known`."""
    was_unnamed: bool = False
    """Whether it was first remembered without a name, under which it keeps its id."""
    decision: Decision | None = None
    """Where it is accepted or not applicable: as which digests then tell it, and not as open."""
    assignment: Assignment | None = None
    """Who is at work on it."""

    @property
    def identity(self) -> Identity:
        """What makes it the same finding."""
        return (self.service, self.principal, self.client)

    @property
    def id(self) -> str:
        """A short name for it, the same for ever."""
        digest = hashlib.sha256()
        for part in (self.service, "" if self.was_unnamed else self.principal, self.client):
            # strangers choose these names, and UTF-8 refuses half a surrogate pair without surrogatepass
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.hexdigest()[:ID_LENGTH]


def to_builtins(finding: Finding) -> dict[str, Any]:
    """The finding as its JSON has it, in databases since version 2: a snooze is stored as `known`."""
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(finding)
    fields["known"] = fields.pop("snooze")
    for name in ("was_unnamed", "decision", "assignment"):
        if not fields[name]:
            del fields[name]
    return fields


def from_builtins(fields: dict[str, Any]) -> Finding:
    """The finding of which `to_builtins` made `fields`."""
    import msgspec

    return msgspec.convert({**fields, "snooze": fields.get("known")}, Finding)


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding as one digest tells it; `finding` is as it is after the period."""

    change: Change
    finding: Finding
    calls: int
    """In this period."""
    before: int
    """In the period before, as far as known."""
    day: int
    """Which day it is open, from 1."""
    note: str
    """More of it in words; empty for one that is open or quiet as it was before."""
    owner: Owner | None = None
    """Who is to see to it, as the digest was told; None: nobody that is known."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a digest tells, in its order, and all findings to remember, by identity."""

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]


def compare(
    remembered: Iterable[Finding],
    seen: Iterable[Seen],
    *,
    period: Period,
    late: Iterable[Seen] = (),
    trusted: Collection[date] = (),
    complete: bool = True,
    quiet_days: int = QUIET_DAYS,
) -> Comparison:
    """What `period`, which had the calls of `seen`, changes in what was remembered before it.

    `remembered` holds a finding once. `late` are the rows of the period before, asked again: what they
    reveal is told now, but their calls are not this period's. `trusted` are the dates of earlier trusted
    periods. Not `complete` is an answer cut at its cap. Silence resolves a finding only where the period
    is trusted and the answer complete. Whatever opens is told before silence can resolve it; but for that,
    comparing a period twice remembers what comparing it once does.
    """
    current, previous = _merged(seen), _merged(late)
    by_identity = _named(remembered, [*current.values(), *previous.values()])
    may_resolve = period.trusted and complete
    believed = {period.start + timedelta(days=n) for n in range(period.days)} | set(trusted)
    findings, entries = [], []
    for identity in sorted(by_identity.keys() | current.keys() | previous.keys()):
        rows = _Rows(current.get(identity), previous.get(identity), period)
        was = by_identity.get(identity)
        finding, change, note = _changed(was, rows)
        if may_resolve and change in _MAY_RESOLVE and not rows.current:
            silent = sum(finding.last < day < period.end for day in believed)
            if silent >= quiet_days:
                finding, change = replace(finding, resolved=period.end), "resolved"
        findings.append(finding)
        if change is not None:
            day = max(1, (period.end - finding.since).days)
            entries.append(Entry(change, finding, rows.calls, rows.calls_before(was), day, note))
    return Comparison(tuple(sorted(entries, key=place)), tuple(findings))


def _named(remembered: Iterable[Finding], rows: Iterable[Seen]) -> dict[Identity, Finding]:
    """What is remembered, by identity, with the names that `rows` now give to what had none.

    A finding without a name may turn out to be several: each is as old and as known as it was, and the one
    with the most calls keeps its id, so that the buttons of earlier digests still mean it.
    """
    by_identity = {finding.identity: finding for finding in remembered}
    named: set[Identity] = set()
    for row in sorted(rows, key=lambda row: -row.calls):
        unnamed = (row.service, "", row.client)
        was = by_identity.get(unnamed)
        if not row.unnamed or not row.principal or was is None:
            continue
        now = by_identity.get(row.identity)
        if now is None:
            heir = replace(was, principal=row.principal, was_unnamed=unnamed not in named)
            by_identity[row.identity] = heir
        elif now.resolved is None and was.resolved is None and not now.was_unnamed:
            older = min(now.first, was.first), min(now.since, was.since)
            by_identity[row.identity] = replace(
                now,
                first=older[0],
                since=older[1],
                snooze=now.snooze or was.snooze,
                decision=now.decision or was.decision,
                assignment=now.assignment or was.assignment,
            )
        named.add(unnamed)
    return {identity: finding for identity, finding in by_identity.items() if identity not in named}


@dataclass(frozen=True, slots=True)
class _Rows:
    """What was seen of one finding, which is in at least one of the two unless it is remembered."""

    current: Seen | None
    """In the period."""
    previous: Seen | None
    """In the period before, asked again."""
    period: Period

    @property
    def all(self) -> tuple[Seen, ...]:
        return tuple(row for row in (self.current, self.previous) if row is not None)

    @property
    def calls(self) -> int:
        return self.current.calls if self.current else 0

    @property
    def late_note(self) -> str:
        return "" if self.current else "its calls arrived late"

    def calls_before(self, was: Finding | None) -> int:
        """Of the period before: as asked again; else as remembered, where it reached up to this period."""
        if self.previous:
            return self.previous.calls
        return was.calls if was and was.last == self.period.start - timedelta(days=1) else 0


def _changed(finding: Finding | None, rows: _Rows) -> tuple[Finding, Change | None, str]:
    """The finding after its rows, what that is to be called unless silence resolves it, and a note."""
    if finding is None:
        first = min(row.first for row in rows.all)
        last = max(row.last for row in rows.all)
        return Finding(*rows.all[0].identity, first, first, last, rows.all[0].calls, 1), "new", rows.late_note
    if finding.resolved is not None:
        return _maybe_back(finding, finding.resolved, rows)
    finding = _moved(finding, rows)
    still: Change = "open" if rows.current else "quiet"
    if finding.decision is not None:
        words = finding.decision.words(rows.period.end)
        if finding.decision.holds(rows.period.end):
            return finding, finding.decision.kind, words
        return replace(finding, decision=None), still, f"was {words}"
    if finding.snooze is not None:
        ended = _why_over(finding.snooze, rows)
        if not ended:
            return finding, "known", _snooze_words(finding.snooze, rows.period)
        return replace(finding, snooze=None), still, ended
    return finding, still, ""


def _moved(finding: Finding, rows: _Rows) -> Finding:
    if not rows.all:
        return finding
    first = min(finding.first, *(row.first for row in rows.all))
    return replace(
        finding,
        first=first,
        # a later spell keeps its begin: what is earlier may belong to the spell before it
        since=first if finding.spells == 1 else finding.since,
        last=max(finding.last, *(row.last for row in rows.all)),
        calls=rows.all[0].calls,
    )


def _maybe_back(finding: Finding, resolved: date, rows: _Rows) -> tuple[Finding, Change | None, str]:
    # a row whose last call was known already belongs to the spell that ended, and was only asked again
    fresh = [row for row in rows.all if row.last > finding.last]
    decision = finding.decision
    held = decision if decision is not None and decision.holds(rows.period.end) else None
    if not fresh:
        return replace(finding, decision=held), None, ""
    since = min(row.first if row.first > finding.last else row.last for row in fresh)
    spells = finding.spells + 1
    finding = replace(
        _moved(finding, rows), since=since, spells=spells, resolved=None, snooze=None, decision=held
    )
    if held is not None:
        return finding, held.kind, held.words(rows.period.end)
    notes = [f"was resolved on {month_day(resolved, rows.period.end)}", rows.late_note]
    notes += [f"was {decision.words(rows.period.end)}"] if decision is not None else []
    return finding, "back", "; ".join(filter(None, notes))


def _why_over(snooze: Snooze, rows: _Rows) -> str:
    """Why a snooze ends in this period, in words; empty where it goes on."""
    was = f"was {_snooze_words(snooze, rows.period)}"
    days = rows.period.days
    if rows.calls * (snooze.days or days) >= 2 * max(1, snooze.calls) * days:
        return f"{was}; its calls doubled, from {number(snooze.calls)} to {number(rows.calls)}"
    return was if snooze.until <= rows.period.end else ""


def _snooze_words(snooze: Snooze, period: Period) -> str:
    return f"known until {month_day(snooze.until, period.end)} ({snooze.by}: {snooze.why})"


def _merged(rows: Iterable[Seen]) -> dict[Identity, Seen]:
    merged: dict[Identity, Seen] = {}
    for row in rows:
        if other := merged.get(row.identity):
            first, last = min(row.first, other.first), max(row.last, other.last)
            unnamed = row.unnamed or other.unnamed
            row = replace(row, calls=row.calls + other.calls, first=first, last=last, unnamed=unnamed)
        merged[row.identity] = row
    return merged


def place(entry: Entry) -> tuple[int, date, int, Identity]:
    """Where it stands among others, as they are told."""
    age = entry.finding.since if entry.change in _BY_AGE else date.min
    return _ORDER.index(entry.change), age, -entry.calls, entry.finding.identity
