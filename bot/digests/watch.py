"""A watch: one client, asked about daily until it is quiet, or for a fortnight. Pure.

Only a day that is believed counts for it: where the lake's events end early, none says its TLS, or something
was not read, that no call was found says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Literal

from bot.digests.digest import Digest
from bot.digests.schedule import EVERY_DAY, Schedule
from bot.question import filters
from bot.question.filters import FILTERS, Filter
from bot.question.question import Policy, Scope
from bot.question.window import Window
from bot.wording import counted, listed, month_day, number, short_service

if TYPE_CHECKING:
    from bot.digests.scan import Row, Scan

QUIET_DAYS: Final = 3
"""Believed days without a call after which a client counts as fixed, as a finding does as resolved."""

WATCHED_DAYS: Final = 14
"""Days after which a client that is not quiet is told as such."""

ALL_VERSIONS: Final = ("1.0", "1.1", "1.2", "1.3")
"""As the filter `version` takes them."""

ASKED_AT: Final = time(9)
"""When a watch looks at the day before, where who watches lives: CloudTrail has delivered it by then."""

Outcome = Literal["quiet", "not quiet"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose calls are watched, as CloudTrail has the names; None: whatever it is."""

    client: str
    service: str | None = None
    principal: str | None = None

    def has(self, row: Row) -> bool:
        """Whether a row of findings is of it."""
        return (
            row.client == self.client
            and self.service in (None, row.service)
            and self.principal in (None, row.principal)
        )

    @property
    def name(self) -> str:
        """It in a line: the service, the end of the principal's name, what the client opens with."""
        who = None if self.principal is None else self.principal.rsplit(":", 1)[-1] or "nobody named"
        service = None if self.service is None else short_service(self.service)
        return " · ".join(filter(None, (service, who, self.client.partition(" ")[0] or "no agent")))


@dataclass(frozen=True, slots=True)
class Look:
    """What one day had."""

    day: date
    calls: int
    believed: bool
    """Whether that there are no more calls is to be believed."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What a client called over any TLS, on the days after which it counts as quiet."""

    said: int
    """Calls that say their TLS version."""
    unsaid: int
    """Calls of clients called so that do not say it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One client that someone watches, and what its days had so far."""

    id: int
    owner: str
    channel: str
    thread: str | None
    """The thread in which it is told how it ends."""
    zone: str
    scope: Scope
    """Which calls are meant: the policy, and whatever else was asked for."""
    subject: Subject
    begun: date
    """The first day that is looked at."""
    due: datetime | None
    """When it is looked at next; None: it has ended."""
    looks: tuple[Look, ...] = field(default=())
    """Oldest first."""

    @property
    def schedule(self) -> Schedule:
        """When it is looked at: daily, as a digest at that time would be."""
        return Schedule(ASKED_AT, self.zone, EVERY_DAY)

    def as_digest(self) -> Digest:
        """The digest that asks what it asks: with it, it shares its scan."""
        created = self.schedule.start_of(self.begun)
        return Digest(0, self.owner, self.channel, self.schedule, self.scope, None, created)

    def after(self, look: Look) -> Watch:
        """It with what a day had, which is in place of an earlier look at that day."""
        others = [each for each in self.looks if each.day != look.day]
        return replace(self, looks=tuple(sorted([*others, look], key=lambda each: each.day)))

    @property
    def quiet_days(self) -> tuple[date, ...]:
        """The days that were believed to have no call, since the last call or all, oldest first."""
        days = []
        for look in reversed(self.looks):
            if look.calls:
                break
            if look.believed:
                days.append(look.day)
        return tuple(reversed(days))

    @property
    def outcome(self) -> Outcome | None:
        """How it has ended; None: it goes on."""
        if len(self.quiet_days) >= QUIET_DAYS:
            return "quiet"
        last = self.begun + timedelta(days=WATCHED_DAYS - 1)
        return "not quiet" if self.looks and self.looks[-1].day >= last else None

    def quiet_window(self) -> Window:
        """From the first to the last of the days after which it has ended quiet."""
        first, *_, last = self.quiet_days[-QUIET_DAYS:]
        start, end = (self.schedule.start_of(day) for day in (first, last + timedelta(days=1)))
        return Window(start, end, label="", clipped=False)

    def words(self, subject: str, today: date, calls_in_all: Calls | None = None) -> str:
        """How it has ended, in a sentence or two; `subject` is `calls over TLS older than 1.2`, and
        `calls_in_all` are those of its `quiet_window`, None where they are not known."""
        quiet = self.quiet_days
        if self.outcome == "quiet":
            days = listed([month_day(day, today) for day in quiet[-QUIET_DAYS:]])
            return (
                f"No {subject.replace('calls', 'call', 1)} any more: {counted(QUIET_DAYS, 'day')} that are "
                f"believed, {days}, had none. {self._quiet_or_modern(calls_in_all)}"
            )
        calls = sum(look.calls for look in self.looks)
        doubted = sum(not look.believed for look in self.looks)
        doubt = f" {counted(doubted, 'day')} of them could not be believed." if doubted else ""
        if calls:
            last = max(look.day for look in self.looks if look.calls)
            some = sum(look.calls > 0 for look in self.looks)
            return (
                f"Still there after {counted(WATCHED_DAYS, 'day')}: {number(calls)} {subject} on "
                f"{counted(some, 'day')}, the last on {month_day(last, today)}.{doubt}"
            )
        return (
            f"Not known after {counted(WATCHED_DAYS, 'day')}: no call was seen, but only "
            f"{number(len(quiet))} of them could be believed, and {QUIET_DAYS} are needed."
        )

    def _quiet_or_modern(self, calls: Calls | None) -> str:
        if calls is None:
            return "The client is quiet, or modern: its other calls could not be counted."
        does_not = "does not" if calls.unsaid == 1 else "do not"
        unsaid = f"{counted(calls.unsaid, 'call')} of clients called so {does_not} say their TLS"
        since = "from the first of these days to the last"
        if calls.said:
            others = f" {unsaid}." if calls.unsaid else ""
            made = counted(calls.said, "call")
            if any(FILTERS[each.word].tls_fact for each in self.scope.filters):
                # what was asked is not all that may be outdated: of TLS 1.0, say, and not of 1.1
                return f"The client goes on calling: {made} {since}, none of them such a call.{others}"
            return f"The client is modern now: {made} {since}, all within the policy.{others}"
        if calls.unsaid:
            return f"The client is quiet, as far as its calls say their TLS: {unsaid}."
        return f"The client is quiet: no call of it at all was read {since}."


def scope_of_all(watch: Watch) -> Scope:
    """Every call of a watch's client that says its TLS version, whichever that is, as closely as filters say
    whose they are: `Subject.has` tells them from others'."""
    subject = watch.subject
    recorded = (("service", subject.service), ("principal", subject.principal), ("agent", subject.client))
    values = {word: filters.literally(word, text or "") for word, text in recorded}
    theirs = [Filter(word, (value,), negated=False) for word, value in values.items() if value]
    kept = [
        each
        for each in watch.scope.filters
        if not FILTERS[each.word].tls_fact and (each.negated or not values.get(each.word))
    ]
    versions = Filter("version", ALL_VERSIONS, negated=False)
    return replace(watch.scope, filters=(*kept, *theirs, versions), policy=Policy(min_tls=None))


def count(scan: Scan, watch: Watch) -> Calls | None:
    """What the scan of `scope_of_all` says of a watch's client; None where that leaves open whether it called
    at all."""
    said = sum(row.calls for row in scan.rows if watch.subject.has(row))
    is_named = any(each.word == "agent" for each in scope_of_all(watch).filters)
    # without an agent to ask for, those that do not say their TLS are anybody's
    if not said and (not scan.complete or (scan.without_tls and not is_named)):
        return None
    return Calls(said, scan.without_tls if is_named else 0)


def look_at(scan: Scan, watch: Watch, day: date, *, stale_after: timedelta) -> Look:
    """What the scan of `day`'s events says of a watch."""
    calls = sum(row.calls for row in scan.rows if watch.subject.has(row))
    ends = watch.schedule.start_of(day + timedelta(days=1))
    believed = scan.reaches(ends, stale_after) and scan.complete and not scan.doubts
    return Look(day, calls, believed)
