"""Tracking: each rule by itself, then all of them against a slow model that knows every call ever made."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.digests.changes import QUIET_DAYS, Comparison, Earlier, Period, Seen, compare
from bot.digests.finding import ID_LENGTH, Change, Finding, Snooze, from_builtins, to_builtins

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

MONDAY: Final = date(2026, 11, 9)


def day(number: int) -> date:
    """The n-th day, from Monday 9 November 2026, which is day 0."""
    return MONDAY + timedelta(days=number)


def period(start: int, end: int | None = None, *, trusted: bool = True) -> Period:
    return Period(day(start), day(start + 1 if end is None else end), trusted)


def days(*numbers: int) -> list[date]:
    return [day(number) for number in numbers]


def row(first: int, *, calls: int = 10, last: int | None = None, client: str = "boto") -> Seen:
    return Seen("s3", "alice", client, calls, day(first), day(first if last is None else last))


def finding(first: int, *, last: int | None = None, calls: int = 10, client: str = "boto") -> Finding:
    begin, end = day(first), day(first if last is None else last)
    return Finding("s3", "alice", client, begin, begin, end, calls, 1)


def snoozed(until: int, calls: int = 10, took: int = 0) -> Snooze:
    return Snooze("alice", "vendor upgrades in January", day(until), calls, took)


def only(compared: Comparison) -> tuple[Change, int, int, int, str]:
    """What the only entry tells: its change, calls, calls before, day and note."""
    (entry,) = compared.entries
    return entry.change, entry.calls, entry.before, entry.day, entry.note


# --- the group of those whose endpoint offers no more


def test_who_only_calls_endpoints_that_offer_no_more_is_remembered_as_that() -> None:
    limited = compare([], [replace(row(0, calls=7), limited=7)], period=period(0))
    partly = compare([], [replace(row(0, calls=7), limited=6)], period=period(0))

    assert [found.limited for found in (*limited.findings, *partly.findings)] == [True, False]
    assert from_builtins(to_builtins(limited.findings[0])) == limited.findings[0]
    assert "limited" not in to_builtins(partly.findings[0]), "as version 2 wrote it"


def test_who_moves_into_the_group_or_out_of_it_is_still_open_and_told_as_moved() -> None:
    moved = compare([finding(0)], [replace(row(1), limited=10)], period=period(1), trusted=days(0))
    back = compare(moved.findings, [row(2)], period=period(2), trusted=days(0, 1))
    silent = compare(moved.findings, [], period=period(2), trusted=days(0, 1))

    assert [(only(each)[0], each.entries[0].moved) for each in (moved, back, silent)] == [
        ("open", True),
        ("open", True),
        ("quiet", False),
    ]
    assert silent.findings[0].limited


# --- new and open


def test_what_was_never_seen_is_new() -> None:
    compared = compare([], [row(0, calls=7)], period=period(0))
    assert only(compared) == ("new", 7, 0, 1, "")
    assert compared.findings == (finding(0, calls=7),)


def test_what_was_seen_before_is_still_open_and_says_which_day_it_is() -> None:
    compared = compare([finding(0, calls=7)], [row(4, calls=9)], period=period(4), late=[row(3, calls=8)])
    assert only(compared) == ("open", 9, 8, 5, "")
    assert compared.findings == (finding(0, last=4, calls=9),)


def test_a_day_before_that_was_not_asked_again_is_as_it_is_remembered() -> None:
    compared = compare([finding(0, last=3, calls=8)], [row(4)], period=period(4))
    assert compared.entries[0].before == 8
    compared = compare([finding(0, last=2, calls=8)], [row(4)], period=period(4))
    assert compared.entries[0].before == 0


def test_each_of_service_principal_and_client_makes_another_finding() -> None:
    rows = [
        Seen("s3", "alice", "boto", 1, day(0), day(0)),
        Seen("sts", "alice", "boto", 1, day(0), day(0)),
        Seen("s3", "bob", "boto", 1, day(0), day(0)),
        Seen("s3", "alice", "curl", 1, day(0), day(0)),
        Seen("s3", "alice", "", 1, day(0), day(0)),
        Seen("s3a", "lice", "", 1, day(0), day(0)),
    ]
    compared = compare([], rows, period=period(0))
    assert [entry.change for entry in compared.entries] == ["new"] * len(rows)
    assert len({kept.id for kept in compared.findings}) == len(rows)


def test_an_id_is_as_many_hex_digits_as_nobody_makes_collide_and_stays_the_same() -> None:
    known = "becbe420592cef3c282e20b8670f94c7"
    assert finding(0).id == replace(finding(3, last=5, calls=2), spells=4).id == known
    assert len(finding(0, client="half \ud800 pair").id) == ID_LENGTH


def test_rows_of_one_finding_are_one() -> None:
    compared = compare([], [row(0, calls=3, last=1), row(1, calls=4, last=2)], period=period(0, 3))
    assert only(compared)[:2] == ("new", 7)
    assert compared.findings == (finding(0, last=2, calls=7),)


# --- quiet and resolved


def test_silence_is_quiet_first_and_resolved_after_three_days() -> None:
    kept: tuple[Finding, ...] = (finding(0),)
    told = []
    for number in range(1, 6):
        compared = compare(kept, [], period=period(number), trusted=days(*range(number)))
        kept = compared.findings
        told.append([(entry.change, entry.day) for entry in compared.entries])
    assert told == [[("quiet", 2)], [("quiet", 3)], [("resolved", 4)], [], []]
    assert kept[0].resolved == day(4)


def test_a_week_of_silence_resolves_at_once() -> None:
    assert only(compare([finding(0)], [], period=period(7, 14)))[0] == "resolved"


def test_days_that_prove_nothing_do_not_resolve() -> None:
    assert only(compare([finding(0)], [], period=period(3), trusted=days(0, 1)))[0] == "quiet"
    assert only(compare([finding(0)], [], period=period(3), trusted=days(0, 1, 2)))[0] == "resolved"


def test_an_untrusted_period_resolves_nothing() -> None:
    untrusted = period(9, trusted=False)
    assert only(compare([finding(0)], [], period=untrusted, trusted=days(*range(9))))[0] == "quiet"


def test_an_answer_cut_at_its_cap_resolves_nothing() -> None:
    compared = compare([finding(0)], [], period=period(9), trusted=days(*range(9)), complete=False)
    assert only(compared)[0] == "quiet"


def test_how_many_quiet_days_resolve_can_be_set() -> None:
    assert only(compare([finding(0)], [], period=period(1), quiet_days=1))[0] == "resolved"
    assert only(compare([finding(0)], [], period=period(3), trusted=days(1, 2), quiet_days=4))[0] == "quiet"


def test_days_after_the_period_do_not_count_as_its_silence() -> None:
    assert only(compare([finding(0)], [], period=period(1), trusted=days(2, 3, 4)))[0] == "quiet"


def test_one_that_called_in_the_period_is_not_resolved_however_long_ago_that_is() -> None:
    known = replace(finding(0), snooze=snoozed(40))
    assert only(compare([finding(0)], [row(7)], period=period(7, 14)))[0] == "open"
    assert only(compare([known], [row(7)], period=period(7, 14)))[0] == "known"


def test_no_finding_is_open_for_less_than_a_day() -> None:
    later = replace(finding(5), spells=2)
    assert only(compare([later], [row(1)], period=period(1)))[3] == 1


# --- back


def test_a_resolved_one_that_calls_is_back_with_its_history() -> None:
    gone = replace(finding(0), resolved=day(4))
    compared = compare([gone], [row(9, calls=2)], period=period(9))
    assert only(compared) == ("back", 2, 0, 1, "was resolved on 13 Nov")
    assert compared.findings == (replace(finding(0), since=day(9), last=day(9), calls=2, spells=2),)


def test_a_resolved_one_is_not_known_any_more_when_it_is_back() -> None:
    gone = replace(finding(0), resolved=day(4), snooze=snoozed(30))
    assert compare([gone], [row(9)], period=period(9)).findings[0].snooze is None


def test_calls_told_long_ago_bring_nothing_back() -> None:
    gone = replace(finding(0), resolved=day(4))
    assert compare([gone], [row(0)], period=period(0, 7)) == Comparison((), (gone,))


def test_one_that_was_asked_about_over_its_whole_life_is_back_when_it_surely_was() -> None:
    gone = replace(finding(0), resolved=day(4))
    compared = compare([gone], [row(0, last=6)], period=period(0, 7))
    assert compared.entries[0].change == "back"
    assert compared.findings[0].since == day(6)


def test_what_version_2_stored_is_read_and_is_stored_the_same() -> None:
    stored = (
        '{"service": "sqs.amazonaws.com", "principal": "arn:aws:iam::444455556666:role/reports", '
        '"client": "curl/7.19.7", "first": "2026-11-11", "since": "2026-11-17", "last": "2026-11-18", '
        '"calls": 7, "spells": 2, "resolved": null, '
        '"known": {"by": "bob", "why": "owner", "until": "2026-12-03", "calls": 7, "days": 1}}'
    )
    read = from_builtins(json.loads(stored))
    assert read.snooze == Snooze("bob", "owner", date(2026, 12, 3), 7, 1)
    assert json.dumps(to_builtins(read)) == stored


# --- known


def test_a_known_one_is_told_as_known_with_who_and_why_whether_it_calls_or_not() -> None:
    known = replace(finding(0), snooze=snoozed(28))
    told = "known until 7 Dec (alice: vendor upgrades in January)"
    assert only(compare([known], [row(1, calls=19)], period=period(1))) == ("known", 19, 10, 2, told)
    assert only(compare([known], [], period=period(1))) == ("known", 0, 10, 2, told)


def test_a_year_that_is_not_this_one_is_said() -> None:
    known = replace(finding(0), snooze=snoozed(70))
    assert only(compare([known], [], period=period(1)))[-1].startswith("known until 18 Jan 2027 (")


def test_a_known_one_resolves_like_any_other() -> None:
    known = replace(finding(0), snooze=snoozed(28))
    assert only(compare([known], [], period=period(3), trusted=days(1, 2)))[0] == "resolved"
    untrusted = period(3, trusted=False)
    assert only(compare([known], [], period=untrusted, trusted=days(1, 2)))[0] == "known"


def test_a_known_one_is_open_again_once_it_lapses() -> None:
    known = replace(finding(0), snooze=snoozed(2))
    told = "was known until 11 Nov (alice: vendor upgrades in January)"
    assert only(compare([known], [row(0)], period=period(0)))[0] == "known"
    assert only(compare([known], [row(1)], period=period(1))) == ("open", 10, 10, 2, told)
    compared = compare([known], [], period=period(1))
    assert only(compared) == ("quiet", 0, 10, 2, told)
    assert compared.findings[0].snooze is None


def test_a_known_one_is_open_again_once_its_calls_double() -> None:
    known = replace(finding(0), snooze=snoozed(28, calls=40))
    assert only(compare([known], [row(1, calls=79)], period=period(1)))[0] == "known"
    compared = compare([known], [row(1, calls=1_080)], period=period(1))
    assert only(compared)[0] == "open"
    assert only(compared)[-1] == (
        "was known until 7 Dec (alice: vendor upgrades in January); its calls doubled, from 40 to 1,080"
    )
    assert compared.findings[0].snooze is None


def test_one_known_at_no_calls_doubles_at_two() -> None:
    known = replace(finding(0), snooze=snoozed(28, calls=0))
    assert only(compare([known], [row(1, calls=1)], period=period(1)))[0] == "known"
    assert only(compare([known], [row(1, calls=2)], period=period(1)))[0] == "open"


def test_three_days_do_not_double_what_is_the_same_each_day() -> None:
    known = replace(finding(0), snooze=snoozed(28, calls=10, took=1))
    assert only(compare([known], [row(4, calls=59, last=6)], period=period(4, 7)))[0] == "known"
    assert only(compare([known], [row(4, calls=60, last=6)], period=period(4, 7)))[0] == "open"


# --- late


def test_late_calls_make_a_finding_known_about_but_are_not_this_periods() -> None:
    compared = compare([], [], period=period(1), late=[row(0, calls=4)])
    assert only(compared) == ("new", 0, 4, 2, "its calls arrived late")
    assert compared.findings == (finding(0, calls=4),)


def test_a_new_one_began_when_its_late_calls_say() -> None:
    compared = compare([], [row(1, calls=9)], period=period(1), late=[row(0, calls=4)])
    assert only(compared) == ("new", 9, 4, 2, "")
    assert compared.findings == (finding(0, last=1, calls=9),)


def test_late_calls_reopen_what_was_resolved_too_early() -> None:
    gone = replace(finding(0), resolved=day(4))
    compared = compare([gone], [], period=period(4), late=[row(3, calls=4)], trusted=days(1, 2, 3))
    assert only(compared) == ("back", 0, 4, 2, "was resolved on 13 Nov; its calls arrived late")
    assert compared.findings == (replace(finding(0), since=day(3), last=day(3), calls=4, spells=2),)


def test_late_calls_move_the_first_and_the_last_day() -> None:
    compared = compare([finding(5, last=5)], [], period=period(7, 10), late=[row(4, last=6, calls=30)])
    assert compared.findings[0] == replace(finding(4, last=6, calls=30), resolved=day(10))


def test_late_calls_of_a_later_spell_leave_its_begin() -> None:
    again = replace(finding(0), since=day(9), last=day(9), spells=2)
    compared = compare([again], [], period=period(10), late=[row(8, last=9, calls=30)])
    assert compared.findings[0].since == day(9)


def test_what_late_calls_open_is_told_before_it_resolves() -> None:
    kept = compare([], [], period=period(7, 14), late=[row(0)])
    assert only(kept)[0] == "new"
    assert only(compare(kept.findings, [], period=period(14, 21)))[0] == "resolved"


# --- order


def test_entries_come_new_first_then_open_by_age_then_known_then_resolved() -> None:
    remembered = [
        replace(finding(0, client="gone"), last=day(2)),
        replace(finding(0, client="snoozed", last=9), snooze=snoozed(40)),
        finding(5, last=9, client="quiet, young"),
        finding(3, last=8, client="quiet, old"),
        finding(6, last=9, client="open, young"),
        finding(4, last=9, client="open, old, few"),
        finding(4, last=9, client="open, old, many"),
        replace(finding(0, client="back"), resolved=day(4)),
    ]
    seen = [
        row(10, client="open, young", calls=99),
        row(10, client="open, old, few", calls=1),
        row(10, client="open, old, many", calls=2),
        row(10, client="back"),
        row(10, client="new b", calls=5),
        row(10, client="new a", calls=5),
        row(10, client="new, many", calls=6),
    ]
    compared = compare(remembered, seen, period=period(10), trusted=days(8, 9))
    assert [(entry.change, entry.finding.client) for entry in compared.entries] == [
        ("new", "new, many"),
        ("new", "new a"),
        ("new", "new b"),
        ("back", "back"),
        ("open", "open, old, many"),
        ("open", "open, old, few"),
        ("open", "open, young"),
        ("quiet", "quiet, old"),
        ("quiet", "quiet, young"),
        ("known", "snoozed"),
        ("resolved", "gone"),
    ]


# --- everything, against a model

CLIENTS: Final = ("a", "b", "c")


@dataclass(frozen=True)
class Call:
    client: str
    day: int
    count: int
    late: bool
    """Whether it arrives only after the digest of its period."""


@dataclass(frozen=True)
class Snoozing:
    client: str
    after: int
    """The number of the digest under which it is clicked."""
    lasts: int
    calls: int
    took: int


@dataclass(frozen=True)
class Story:
    """Periods in a row, each call ever made, and each click."""

    periods: tuple[Period, ...]
    complete: tuple[bool, ...]
    calls: tuple[Call, ...]
    snoozes: tuple[Snoozing, ...]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    lengths = draw(st.lists(st.sampled_from([1, 1, 1, 3, 7]), min_size=1, max_size=12))
    often = st.sampled_from([True, True, True, False])
    periods, start = [], 0
    for length in lengths:
        periods.append(period(start, start + length, trusted=draw(often)))
        start += length
    call = st.builds(
        Call, st.sampled_from(CLIENTS), st.integers(0, start - 1), st.integers(1, 40), st.booleans()
    )
    snooze = st.builds(
        Snoozing,
        st.sampled_from(CLIENTS),
        st.integers(0, len(lengths) - 1),
        st.integers(1, 14),
        st.integers(0, 30),
        st.sampled_from([0, 1, 7]),
    )
    complete = tuple(draw(often) for _ in lengths)
    calls, snoozes = draw(st.lists(call, max_size=14)), draw(st.lists(snooze, max_size=3))
    return Story(
        tuple(periods), complete, tuple(calls), tuple({(s.client, s.after): s for s in snoozes}.values())
    )


class Model:
    """What each digest should tell of one client, asked backwards from all calls that had arrived by then."""

    def __init__(self, story: Story, client: str) -> None:
        self.story = story
        self.mine = [call for call in story.calls if call.client == client]
        self.clicks = [click for click in story.snoozes if click.client == client]
        self.change = cache(self._change)

    def arrived(self, digest: int, within: int | None = None) -> list[Call]:
        """The calls known at `digest`, of all periods or of one."""
        return [
            call
            for call in self.mine
            for number in [self.period_of(call)]
            if number + call.late <= digest and within in (None, number)
        ]

    def period_of(self, call: Call) -> int:
        return next(n for n, span in enumerate(self.story.periods) if span.start <= day(call.day) < span.end)

    def last(self, digest: int) -> date:
        return max((day(call.day) for call in self.arrived(digest)), default=date.min)

    def is_open(self, digest: int) -> bool:
        """Whether it is open once `digest` is told."""
        told = [self.change(number) for number in range(digest + 1)]
        return next((change != "resolved" for change in reversed(told) if change), False)

    def _change(self, digest: int) -> Change | None:
        if not self.arrived(digest):
            return None
        if not self.arrived(digest - 1):
            return "new"
        if not self.is_open(digest - 1):
            return "back" if self.last(digest) > self.last(digest - 1) else None
        calls = self.arrived(digest, within=digest)
        if not calls and self.is_silent(digest):
            return "resolved"
        return "known" if self.is_known(digest) else "open" if calls else "quiet"

    def is_silent(self, digest: int) -> bool:
        believed = [
            span.start + timedelta(days=n)
            for span in self.story.periods[: digest + 1]
            if span.trusted
            for n in range(span.days)
        ]
        silent = [one for one in believed if one > self.last(digest)]
        may_resolve = self.story.periods[digest].trusted and self.story.complete[digest]
        return may_resolve and len(silent) >= QUIET_DAYS

    def is_known(self, digest: int) -> bool:
        """Whether the last click while it was open still holds: nothing ended it since."""
        clicks = [click for click in self.clicks if click.after < digest and self.is_open(click.after)]
        if not clicks:
            return False
        click = max(clicks, key=lambda click: click.after)
        return not any(self.ends(click, number) for number in range(click.after + 1, digest + 1))

    def ends(self, click: Snoozing, digest: int) -> bool:
        span = self.story.periods[digest]
        count = sum(call.count for call in self.arrived(digest, within=digest))
        took = click.took or span.days
        doubled = count / span.days >= 2 * max(1, click.calls) / took - 1e-9
        back = digest < len(self.story.periods) and not self.is_open(digest - 1)
        lapsed = self.story.periods[click.after].end + timedelta(days=click.lasts) <= span.end
        return doubled or lapsed or back

    def told(self, digest: int) -> tuple[object, ...] | None:
        change = self.change(digest)
        if change is None:
            return None
        spells = [n for n in range(digest + 1) if self.change(n) in ("new", "back")]
        known_before = self.last(spells[-1] - 1)
        until = digest if len(spells) == 1 else spells[-1]
        since = min(day(call.day) for call in self.arrived(until) if day(call.day) > known_before)
        periods = [sum(c.count for c in self.arrived(digest, within=n)) for n in range(digest + 1)]
        end = self.story.periods[digest].end
        return (
            change,
            periods[-1],
            periods[-2] if digest else 0,
            max(1, (end - since).days),
            min(day(call.day) for call in self.arrived(digest)),
            since,
            self.last(digest),
            next(count for count in reversed(periods) if count),
            len(spells),
            end if change == "resolved" else None,
        )


def rows(calls: Iterable[Call]) -> list[Seen]:
    return [row(call.day, calls=call.count, client=call.client) for call in calls]


def tell(story: Story) -> list[Comparison]:
    """Each digest of the story, one after the other."""
    told: list[Comparison] = []
    kept: tuple[Finding, ...] = ()
    trusted: list[date] = []
    for number, span in enumerate(story.periods):
        within = [call for call in story.calls if span.start <= day(call.day) < span.end]
        ago = story.periods[number - 1] if number else Period(span.start, span.start, trusted=True)
        before = [call for call in story.calls if ago.start <= day(call.day) < ago.end]
        compared = compare(
            kept,
            rows(call for call in within if not call.late),
            period=span,
            late=rows(before),
            trusted=trusted,
            complete=story.complete[number],
        )
        told.append(compared)
        clicks = {click.client: click for click in story.snoozes if click.after == number}
        kept = tuple(_clicked(one, clicks.get(one.client), span) for one in compared.findings)
        trusted += [span.start + timedelta(days=n) for n in range(span.days) if span.trusted]
    return told


def _clicked(one: Finding, click: Snoozing | None, span: Period) -> Finding:
    if click is None or one.resolved is not None:
        return one
    until = span.end + timedelta(days=click.lasts)
    return replace(one, snooze=Snooze("bob", "later", until, click.calls, click.took))


@settings(deadline=None, max_examples=300)
@given(stories())
def test_each_digest_tells_what_a_model_that_knows_every_call_tells(story: Story) -> None:
    models = {client: Model(story, client) for client in CLIENTS}
    for number, compared in enumerate(tell(story)):
        told = {
            entry.finding.client: (
                entry.change,
                entry.calls,
                entry.before,
                entry.day,
                entry.finding.first,
                entry.finding.since,
                entry.finding.last,
                entry.finding.calls,
                entry.finding.spells,
                entry.finding.resolved,
            )
            for entry in compared.entries
        }
        expected = {client: model.told(number) for client, model in models.items()}
        assert told == {client: entry for client, entry in expected.items() if entry is not None}


@settings(deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter(story: Story, random: Random) -> None:
    kept = list(tell(story)[-1].findings)
    seen, late = rows(story.calls), [row(199, client="a"), row(198, client="b"), row(199, client="b")]
    compared = compare(kept, seen, period=period(200, 203), late=late, trusted=days(197, 198))
    for part in (kept, seen, late):
        random.shuffle(part)
    assert compare(kept, seen, period=period(200, 203), late=late, trusted=days(198, 197)) == compared


@settings(deadline=None)
@given(stories(), st.booleans())
def test_tracking_a_period_twice_remembers_what_tracking_it_once_does(story: Story, trusted: bool) -> None:
    kept = tell(story)[-1].findings
    span = replace(story.periods[-1], trusted=trusted)
    # whatever the calls are, and however far back they were asked: an overlap is no second spell
    once = compare(kept, rows(story.calls), period=span, trusted=days(*range(90)))
    twice = compare(once.findings, rows(story.calls), period=span, trusted=days(*range(90)))
    assert twice.findings == once.findings
    assert not {entry.change for entry in twice.entries} & {"new", "back", "resolved"}


@settings(deadline=None)
@given(stories())
def test_nothing_known_is_ever_forgotten(story: Story) -> None:
    told = tell(story)
    for before, after in pairwise(told):
        assert {one.identity for one in before.findings} <= {one.identity for one in after.findings}
        assert {entry.finding for entry in after.entries} <= set(after.findings)


def unnamed(client: str = "boto", calls: int = 3) -> Seen:
    """What version 2 saw of a caller whose name is blank."""
    return Seen("s3", "", client, calls, day(0), day(0))


def named(principal: str, client: str = "boto", calls: int = 3, on: int = 1) -> Seen:
    return Seen("s3", principal, client, calls, day(on), day(on), unnamed=True)


def test_a_finding_that_gets_a_name_is_open_and_keeps_its_age_and_its_id() -> None:
    (before,) = compare([], [unnamed()], period=Period(day(0), day(1), trusted=True)).findings

    after = compare([before], [named("anonymous")], period=Period(day(1), day(2), trusted=True))

    (entry,) = after.entries
    assert (entry.change, entry.finding.principal, entry.day) == ("open", "anonymous", 2)
    assert (entry.finding.id, entry.finding.since) == (before.id, before.since)
    assert len(after.findings) == 1


def test_a_finding_that_turns_out_to_be_two_is_as_old_and_as_known_in_both() -> None:
    (before,) = compare([], [unnamed()], period=Period(day(0), day(1), trusted=True)).findings
    before = replace(before, snooze=Snooze("bob", "later", day(20), 9))

    after = compare(
        [before], [named("anonymous", calls=1), named("Root")], period=Period(day(1), day(2), trusted=True)
    )

    assert [(entry.change, entry.finding.snooze) for entry in after.entries] == [("known", before.snooze)] * 2
    assert {finding.principal for finding in after.findings if finding.id == before.id} == {"Root"}
    assert len({finding.id for finding in after.findings}) == 2


def test_a_finding_without_a_name_that_calls_no_more_is_resolved_as_any_other() -> None:
    (before,) = compare([], [unnamed()], period=Period(day(0), day(1), trusted=True)).findings

    (entry,) = compare([before], [], period=Period(day(1), day(5), trusted=True)).entries

    assert entry.change == "resolved"


def test_a_name_that_was_known_stays_new_beside_a_finding_without_one() -> None:
    (before,) = compare([], [unnamed()], period=Period(day(0), day(1), trusted=True)).findings
    alice = Seen("s3", "alice", "boto", 1, day(1), day(1))

    after = compare([before], [alice, named("anonymous")], period=Period(day(1), day(2), trusted=True))

    assert {(each.change, each.finding.principal) for each in after.entries} == {
        ("new", "alice"),
        ("open", "anonymous"),
    }


# --- since when, of what a first digest met


def row_of(client: str, first: int, last: int) -> Seen:
    return Seen("s3.amazonaws.com", "role", client, 1, day(first), day(last))


@pytest.mark.parametrize(
    ("earlier", "since", "may_be_older"),
    [
        (Earlier(), 20, True),
        (Earlier((), day(1)), 20, False),
        (Earlier((), day(17)), 20, False),
        (Earlier((), day(18)), 20, True),
        (Earlier((row_of("boto", 9, 19),), day(1)), 9, False),
        (Earlier((row_of("boto", 9, 17),), day(1)), 9, False),
        (Earlier((row_of("boto", 9, 16),), day(1)), 20, False),
        (Earlier((row_of("boto", 3, 19),), day(1)), 3, True),
        (Earlier((row_of("curl", 9, 19),), day(1)), 20, False),
    ],
    ids=[
        "nobody looked",
        "silent",
        "just long enough",
        "too short",
        "open",
        "open after a pause",
        "again",
        "as long as one can see",
        "another",
    ],
)
def test_what_a_baseline_met_began_after_as_much_silence_as_resolves(
    earlier: Earlier, since: int, *, may_be_older: bool
) -> None:
    compared = compare([], [row_of("boto", 20, 20)], period=period(20), earlier=earlier)
    (finding,) = compared.findings
    assert (finding.since, finding.began_before) == (day(since), may_be_older)
    assert compared.entries[0].day == 21 - since
    assert from_builtins(to_builtins(finding)) == finding
    assert ("began_before" in to_builtins(finding)) == may_be_older

    again = compare([finding], [row_of("boto", 21, 21)], period=period(21))
    assert again.findings[0].since == day(since), "it is as old the day after"


def test_after_a_first_digest_what_is_new_began_when_it_was_seen() -> None:
    compared = compare([], [row_of("boto", 20, 20)], period=period(20))
    assert (compared.findings[0].since, compared.findings[0].began_before) == (day(20), False)


def test_what_comes_back_began_when_it_came_back() -> None:
    (was,) = compare([], [row_of("boto", 1, 1)], period=period(1), earlier=Earlier()).findings
    gone = replace(was, resolved=day(6))
    compared = compare([gone], [row_of("boto", 9, 9)], period=period(9))
    assert (compared.findings[0].since, compared.findings[0].began_before) == (day(9), False)
