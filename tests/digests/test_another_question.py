"""Another scope, an edited filter or another engine never resolves a finding."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.app.access import AccessPolicy, Person, Place
from bot.app.digests import DigestOrders
from bot.app.grammar import Grammar
from bot.digests import scan
from bot.digests.digest import Digest
from bot.digests.finding import Finding, Snooze
from bot.digests.report import Point
from bot.digests.scan import Row, Scan
from bot.digests.schedule import Schedule
from bot.question.question import Scope
from bot.question.views import load
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import tzinfo

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)
VIEWS = load()


class Everyone:
    """A directory in which everyone is ours, and everywhere."""

    def person(self, user: str) -> Person:
        zone: tzinfo = UTC
        return Person(user, zone, is_guest=False, is_ours=True)

    def place(self, channel: str) -> Place:
        return Place(is_shared=not channel)

    def is_among(self, user: str, named: Collection[str]) -> bool:
        return user in named

    def is_in(self, user: str, channel: str) -> bool:
        return bool(user and channel)


def digest(scope: str = "", weekdays: tuple[int, ...] = tuple(range(7))) -> Digest:
    return Digest(
        1, "U_ALICE", "C_ONCALL", Schedule(time(9), "UTC", weekdays), Scope.read(scope), None, NOW, due=NOW
    )


def finding(client: str, *, age: int, snoozed: bool) -> Finding:
    last = TODAY - age * DAY
    snooze = Snooze("U_BOB", "known", TODAY + 9 * DAY, 10) if snoozed else None
    return Finding("s3.amazonaws.com", "role/export", client, last, last, last, 10, 1, snooze=snooze)


CLIENTS = st.sampled_from(["boto", "java", "curl", "go", "perl"])
FINDINGS = st.dictionaries(CLIENTS, st.tuples(st.integers(1, 30), st.booleans()), max_size=5)


@given(FINDINGS, st.dictionaries(CLIENTS, st.integers(1, 15)), st.sets(st.integers(1, 30)), st.booleans())
def test_another_engine_resolves_nothing_and_keeps_what_it_sees_too(
    known: dict[str, tuple[int, bool]], seen: dict[str, int], trusted: set[int], weekly: bool
) -> None:
    at = NOW - timedelta(hours=12)
    rows = tuple(
        Row("s3.amazonaws.com", "role/export", client, calls, at, at) for client, calls in seen.items()
    )
    read = Scan(NOW, rows, (), True, 1_000, 0, (), NOW - timedelta(hours=9), NOW)
    told = digest(weekdays=(0,) if weekly else tuple(range(7)))
    remembered = [finding(client, age=age, snoozed=snoozed) for client, (age, snoozed) in known.items()]
    before = [Point(TODAY - n * DAY, TODAY - (n - 1) * DAY, 10, 1) for n in range(9, 1, -1)]

    def report(engine_before: str) -> Any:
        return scan.report(
            read,
            told,
            TODAY,
            "calls",
            remembered=remembered,
            history=before,
            trusted=[TODAY - n * DAY for n in trusted],
            stale_after=timedelta(hours=40),
            engine="athena",
            engine_before=engine_before,
        )

    moved, kept, _ = report("local")
    assert [entry for entry in moved.entries if entry.change in ("resolved", "quiet")] == []
    assert {each.client for each in kept} == set(seen)
    old = {each.identity: each for each in remembered}
    assert all(
        each.snooze == old[each.identity].snooze for each in kept if each.identity in old and each.spells == 1
    )
    assert any("asked of the engine athena" in doubt for doubt in moved.doubts)
    assert moved.late == 0
    same, _, _ = report("athena")
    unknown, _, _ = report("")
    assert replace(same, engine="") == replace(unknown, engine="")


SCOPES = st.sampled_from(
    [
        "",
        "service=s3",
        "service=s3,kms",
        "service!=s3",
        "min=1.3",
        "kx=classical",
        "agent=boto*",
        "engine=local",
        "min=1.2",
    ]
)


@settings(deadline=None, max_examples=40)
@given(SCOPES, SCOPES, st.sampled_from(["daily 09:00", "daily 10:30", "weekly mon 09:00"]))
def test_an_edited_question_begins_anew_and_an_edited_schedule_does_not(
    old: str, new: str, when: str
) -> None:
    grammar = Grammar(VIEWS, ["local"], "local", 366)
    with TemporaryDirectory() as folder, closing(Database(f"sqlite:///{folder}/s.sqlite")) as database:
        digests = Digests(database)
        orders = DigestOrders(
            digests,
            Runs(database),
            grammar,
            access=AccessPolicy(Everyone()),
            wake=lambda: None,
            clock=lambda: NOW,
        )
        scope = grammar.parse(f"yesterday by=findings {old}", now=NOW, zone=UTC).scope
        number = digests.add(replace(digest(), scope=scope)).id
        found = finding("boto", age=1, snoozed=False)
        at = datetime(2026, 11, 22, 12, tzinfo=UTC)
        read = Scan(
            NOW, (Row("s3.amazonaws.com", "role/export", "boto", 9, at, at),), (), True, 9, 0, (), at, NOW
        )
        told = replace(digest(), id=number)
        report, remembered, _ = scan.report(
            read,
            told,
            TODAY,
            "calls",
            remembered=[found],
            history=[],
            trusted=[],
            stale_after=timedelta(hours=40),
        )
        digests.keep(number, report, remembered, None)

        there = digests.get(number)
        assert there is not None
        edited = orders.edit(there, f"{when} {new}", user="U_ALICE")

        is_same = edited.scope == scope
        assert [each.client for each in digests.findings(number)] == (["boto"] if is_same else [])
        assert (digests.last_report(number) is not None) is is_same
