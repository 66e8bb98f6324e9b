"""Changes: which findings are new, still open, quiet, back, known or resolved after a period.

A finding is a service, principal and client that called over outdated TLS. Pure: what is remembered
and what was seen go in; what to tell and what to remember come out. Days are local dates throughout.

    (never seen) → open ⇄ quiet → resolved → (back) open …      snoozed: known, until it lapses or doubles
    accepted: until its date; not applicable: until that is undone. Both also where it is back
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from bot.digests.finding import Change, Entry, Finding, Identity, Snooze
from bot.wording import month_day, number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


QUIET_DAYS: Final = 3
"""Whole trusted days without a call after which a finding counts as resolved."""


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
    limited: int = 0
    """How many of its calls are outdated by nothing but what their endpoint lacks."""

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
class Earlier:
    """What was before a baseline, for what it met and did not see begin."""

    rows: tuple[Seen, ...] = ()
    read_from: date | None = None
    """From which whole date on that is known; None: nobody looked back."""


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
    earlier: Earlier | None = None,
) -> Comparison:
    """What `period`, which had the calls of `seen`, changes in what was remembered before it.

    `remembered` holds a finding once. `late` are the rows of the period before, asked again: what they
    reveal is told now, but their calls are not this period's. `trusted` are the dates of earlier trusted
    periods. Not `complete` is an answer cut at its cap. Silence resolves a finding only where the period
    is trusted and the answer complete. A baseline alone is given what
    was `earlier`. Whatever opens is told before silence can resolve it; but for that,
    comparing a period twice remembers what comparing it once does.
    """
    current, previous = _merged(seen), _merged(late)
    by_identity = _named(remembered, [*current.values(), *previous.values()])
    long_ago = None if earlier is None else _merged(earlier.rows)
    may_resolve = period.trusted and complete
    believed = {period.start + timedelta(days=n) for n in range(period.days)} | set(trusted)
    findings, entries = [], []
    for identity in sorted(by_identity.keys() | current.keys() | previous.keys()):
        rows = _Rows(current.get(identity), previous.get(identity), period)
        was = by_identity.get(identity)
        finding, change, note = _changed(was, rows)
        if earlier is not None and long_ago is not None and change == "new":
            finding = _dated(finding, long_ago.get(identity), earlier.read_from)
        if may_resolve and change in _MAY_RESOLVE and not rows.current:
            silent = sum(finding.last < day < period.end for day in believed)
            if silent >= quiet_days:
                finding, change = replace(finding, resolved=period.end), "resolved"
        findings.append(finding)
        if change is not None:
            day = max(1, (period.end - finding.since).days)
            moved = was is not None and change != "back" and was.limited is not finding.limited
            entries.append(Entry(change, finding, rows.calls, rows.calls_before(was), day, note, moved))
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
                began_before=now.began_before or was.began_before,
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
        seen = rows.all[0]
        found = Finding(*seen.identity, first, first, last, seen.calls, 1, limited=_is_limited(seen))
        return found, "new", rows.late_note
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


def _dated(finding: Finding, seen: Seen | None, read_from: date | None) -> Finding:
    """A finding that a baseline met, by what was `seen` of it before: it began with the call before which
    it was silent for as long as resolves one."""
    if seen is not None and (finding.first - seen.last).days <= QUIET_DAYS:
        first = min(finding.first, seen.first)
        finding = replace(finding, first=first, since=first)
    elif seen is not None:
        finding = replace(finding, first=seen.first, spells=2)
    may_be_older = read_from is None or (finding.since - read_from).days < QUIET_DAYS
    return replace(finding, began_before=may_be_older)


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
        # the period before was asked again without that
        limited=finding.limited if rows.current is None else _is_limited(rows.current),
    )


def _is_limited(seen: Seen) -> bool:
    return 0 < seen.calls <= seen.limited


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
        _moved(finding, rows),
        since=since,
        spells=spells,
        resolved=None,
        snooze=None,
        decision=held,
        began_before=False,
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
            limited, calls = row.limited + other.limited, row.calls + other.calls
            row = replace(row, calls=calls, first=first, last=last, unnamed=unnamed, limited=limited)
        merged[row.identity] = row
    return merged


def place(entry: Entry) -> tuple[int, date, int, Identity]:
    """Where it stands among others, as they are told."""
    age = entry.finding.since if entry.change in _BY_AGE else date.min
    return _ORDER.index(entry.change), age, -entry.calls, entry.finding.identity
