"""A watch: which days count, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.digests.scan import Row, Scan
from bot.digests.watch import (
    QUIET_DAYS,
    WATCHED_DAYS,
    Calls,
    Look,
    Subject,
    Watch,
    count,
    look_at,
    scope_of_all,
)
from bot.event_schema import AGENT
from bot.question.question import Scope

FIRST: Final = date(2026, 11, 23)
OLD: Final = "calls over TLS older than 1.2"
SUBJECT: Final = Subject("Boto/2", "s3.amazonaws.com", "role/x")


def watch(*days: str) -> Watch:
    """A watch that has looked at days, each a number of calls, with `?` where that is not to be believed."""
    made = Watch(
        1, "U1", "C1", "1.1", "Europe/Berlin", Scope(), SUBJECT, FIRST, datetime(2026, 11, 24, tzinfo=UTC)
    )
    for at, said in enumerate(days):
        made = made.after(Look(FIRST + timedelta(days=at), int(said.strip("?")), "?" not in said))
    return made


@pytest.mark.parametrize(
    ("days", "outcome"),
    [
        ("", None),
        ("0 0", None),
        ("0 0 0", "quiet"),
        ("5 0 0", None),
        ("5 0 0 0", "quiet"),
        ("0 0? 0", None),
        ("0 0? 0 0", "quiet"),
        ("0 0 1? 0 0", None),
        ("0? 0? 0? 0?", None),
        (" ".join(["3"] * 13), None),
        (" ".join(["3"] * 14), "not quiet"),
        (" ".join(["0?"] * 14), "not quiet"),
        (" ".join(["3"] * 11 + ["0"] * 3), "quiet"),
    ],
)
def test_three_believed_days_without_a_call_end_it_and_else_a_fortnight(days: str, outcome: str) -> None:
    assert watch(*days.split()).outcome == outcome


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=WATCHED_DAYS))
def test_no_day_that_is_not_believed_makes_a_client_quiet(days: list[tuple[int, bool]]) -> None:
    made = watch(*(f"{calls}{'' if believed else '?'}" for calls, believed in days))

    if made.outcome == "quiet":
        since = days[max((at for at, (calls, _) in enumerate(days) if calls), default=-1) + 1 :]
        assert sum(believed for _, believed in since) >= QUIET_DAYS


def test_a_day_that_is_looked_at_again_counts_once() -> None:
    made = watch("0", "0")

    assert made.after(Look(FIRST, 0, believed=True)) == made


def test_how_it_ends_is_said_in_words() -> None:
    today = FIRST + timedelta(days=14)
    assert watch("4", "0", "0?", "0", "0").words(OLD, today) == (
        "No call over TLS older than 1.2 any more: 3 days that are believed, 24 Nov, 26 Nov and 27 Nov, "
        "had none. The client is quiet, or modern: its other calls could not be counted."
    )
    assert watch(*["3"] * 12, "0", "0?").words(OLD, today) == (
        "Still there after 14 days: 36 calls over TLS older than 1.2 on 12 days, the last on 4 Dec. "
        "1 day of them could not be believed."
    )
    assert watch(*["0?"] * 13, "0").words(OLD, today) == (
        "Not known after 14 days: no call was seen, but only 1 of them could be believed, and 3 are needed."
    )


def test_quiet_is_told_from_modern_by_all_calls_of_the_client() -> None:
    ended, today = watch("0", "0", "0"), FIRST + timedelta(days=3)

    def end(said: int, unsaid: int) -> str:
        return ended.words(OLD, today, Calls(said, unsaid)).partition("had none. ")[2]

    days = "from the first of these days to the last"
    assert end(0, 0) == f"The client is quiet: no call of it at all was read {days}."
    assert end(7, 0) == f"The client is modern now: 7 calls {days}, all within the policy."
    assert end(7, 1).endswith("all within the policy. 1 call of clients called so does not say their TLS.")
    assert end(0, 2) == (
        "The client is quiet, as far as its calls say their TLS: "
        "2 calls of clients called so do not say their TLS."
    )


def test_who_was_watched_over_one_version_is_not_called_modern() -> None:
    of_one = replace(watch("0", "0", "0"), scope=Scope.read("version=1.0"))

    said = of_one.words("calls over TLS 1.0", FIRST + timedelta(days=3), Calls(7, 0))

    assert said.endswith(
        "had none. The client goes on calling: 7 calls from the first of these days to the last, none of "
        "them such a call."
    )


def test_all_calls_of_a_client_are_asked_for_whatever_the_policy_was() -> None:
    scope = Scope.read(
        "service=s3.amazonaws.com,kms.amazonaws.com agent!=curl* account=111122223333 version!=1.3 host=a.b "
        "min=1.3 kx=classical owner=pay store=prod"
    )

    assert str(scope_of_all(replace(watch(), scope=scope))) == (
        "agent!=curl* account=111122223333 service=s3.amazonaws.com principal=role/x agent=Boto/2 "
        "version=1.0,1.1,1.2,1.3 owner=pay store=prod"
    )
    odd = replace(watch(), subject=Subject("half \ud800", None, "a*b"))
    assert str(scope_of_all(odd)) == 'principal="a[*]b" version=1.0,1.1,1.2,1.3'


def test_what_is_anybodys_is_not_counted_as_the_clients() -> None:
    night = datetime(2026, 11, 23, 22, 50, tzinfo=UTC)
    theirs = Row("s3.amazonaws.com", "role/x", "Boto/2", 7, night, night)
    longer = replace(theirs, client="Boto/2.38", calls=9)
    nameless = replace(watch(), subject=replace(SUBJECT, client=""))

    assert count(scan(theirs, longer, ended=night), watch()) == Calls(7, 0)
    assert count(scan(longer, ended=night, without_tls=3), watch()) == Calls(0, 3)
    assert count(replace(scan(longer, ended=night), complete=False), watch()) is None
    assert count(scan(ended=night, without_tls=3), nameless) is None
    assert count(scan(ended=None), nameless) == Calls(0, 0)


def scan(
    *rows: Row,
    ended: datetime | None,
    without_tls: int = 0,
    doubts: tuple[str, ...] = (),
    mute: str | None = None,
) -> Scan:
    asked = datetime(2026, 11, 24, 8, tzinfo=UTC)
    return Scan(asked, rows, (), True, 100, without_tls, (), ended, ended, doubts, mute)


def test_a_day_is_believed_as_a_digests_is() -> None:
    night = datetime(2026, 11, 23, 22, 50, tzinfo=UTC)  # ten to midnight in Berlin
    when = night - timedelta(hours=5)
    theirs = Row("s3.amazonaws.com", "role/x", "Boto/2", 7, when, when)
    others = Row("s3.amazonaws.com", "role/y", "Boto/2", 9, when, when)

    def looked(found: Scan) -> Look:
        return look_at(found, watch(), FIRST, stale_after=timedelta(hours=6))

    assert looked(scan(theirs, others, ended=night)) == Look(FIRST, 7, believed=True)
    assert looked(scan(others, ended=night)) == Look(FIRST, 0, believed=True)
    assert not looked(scan(others, ended=night - timedelta(hours=7))).believed
    assert not looked(scan(ended=None)).believed
    assert not looked(scan(others, ended=night, without_tls=100)).believed
    assert not looked(scan(others, ended=night, doubts=("2 files could not be read.",))).believed


def test_a_day_on_which_no_event_says_what_was_asked_is_not_believed() -> None:
    night = datetime(2026, 11, 23, 22, 50, tzinfo=UTC)

    def believed(found: Scan) -> bool:
        return look_at(found, watch(), FIRST, stale_after=timedelta(hours=6)).believed

    assert not believed(scan(ended=night, mute=AGENT)), "of `sdk=eol`, though they say their versions"
    assert believed(scan(ended=night, mute="", without_tls=100)), "of `sdk=eol`, since they say their clients"


def test_a_subject_is_all_that_it_does_not_name() -> None:
    when = datetime(2026, 11, 23, tzinfo=UTC)
    row = Row("s3.amazonaws.com", "role/x", "Boto/2", 7, when, when)

    assert Subject("Boto/2").has(row)
    assert SUBJECT.has(row)
    assert not Subject("Boto/3").has(row)
    assert not Subject("Boto/2", "kms.amazonaws.com").has(row)
    assert Subject("Boto/2 Python").name == "Boto/2"
    assert Subject("", "s3.amazonaws.com", "arn:aws:iam::1:role/x").name == "s3 · role/x · no agent"
