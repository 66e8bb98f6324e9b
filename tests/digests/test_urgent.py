"""Which hours a look at urgent services asks for, and what it calls news."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.digests import urgent
from bot.digests.decisions import Decision
from bot.digests.digest import Digest
from bot.digests.finding import Finding, Snooze
from bot.digests.order import parse
from bot.digests.scan import Row, Scan
from bot.digests.urgent import HOUR, LOOKS_BACK, Told
from bot.question.question import Scope

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY: Final = date(2026, 11, 23)
KMS: Final = "kms.amazonaws.com"
SCHEDULE: Final = parse("daily 09:00", zone="Europe/Berlin").schedule
DIGEST: Final = Digest(1, "U1", "C1", SCHEDULE, Scope(), None, NOON, urgent=(KMS,))
ROW: Final = Row(KMS, "role/x", "Boto/2", 7, NOON - HOUR, NOON - HOUR)
WINDOW: Final = urgent.windows(NOON, None)[0]


def scan(*rows: Row, before: tuple[Row, ...] = (), ended: datetime | None = NOON, **more: object) -> Scan:
    made = Scan(NOON, rows, before, True, 100, 0, (), ended, ended)
    return replace(made, **more)  # type: ignore[arg-type]  # fields


def news(
    found: Scan, *remembered: Finding, told: tuple[str, ...] = (), digest: Digest = DIGEST
) -> list[tuple[str, str, int]]:
    report = urgent.report(found, digest, WINDOW, "calls", remembered=remembered, told=told)
    entries = () if report is None else report.entries
    return [(each.change, each.finding.client, each.calls) for each in entries]


@pytest.mark.parametrize(
    ("believed", "start"),
    [
        (None, NOON - HOUR),
        (NOON - HOUR, NOON - HOUR),
        (NOON, NOON - HOUR),
        (NOON - timedelta(minutes=100), NOON - 2 * HOUR),
        (NOON - 3 * HOUR, NOON - 3 * HOUR),
        (NOON - 99 * HOUR, NOON - LOOKS_BACK),
    ],
)
def test_a_look_asks_since_what_was_believed_and_for_the_hour_before_again(
    believed: datetime | None, start: datetime
) -> None:
    window, before = urgent.windows(NOON, believed)

    assert (window.start, window.end) == (start, NOON)
    assert (before.start, before.end) == (start - HOUR, start)


@given(st.lists(st.booleans(), min_size=1, max_size=LOOKS_BACK // HOUR - 1))
def test_no_hour_is_left_out_between_looks_that_are_believed(looks: list[bool]) -> None:
    read = NOON
    for at, is_believed in enumerate([*looks, True], start=1):
        window, _ = urgent.windows(NOON + at * HOUR, read)
        assert window.start <= read
        if is_believed:
            read = window.end


def test_an_hour_is_believed_where_events_go_on_to_its_end() -> None:
    assert urgent.is_believed(scan(), WINDOW)
    assert not urgent.is_believed(scan(ended=None), WINDOW)
    assert not urgent.is_believed(scan(ended=NOON - timedelta(minutes=61)), WINDOW)
    assert not urgent.is_believed(scan(without_tls=100), WINDOW)
    assert not urgent.is_believed(scan(complete=False), WINDOW)
    assert not urgent.is_believed(scan(doubts=("2 files could not be read.",)), WINDOW)


def test_news_is_what_is_new_or_back_of_an_urgent_service_and_was_not_told() -> None:
    other = replace(ROW, service="s3.amazonaws.com")
    late = replace(ROW, client="curl", calls=3)
    assert news(scan(ROW, other, before=(ROW, late))) == [("new", "Boto/2", 14), ("new", "curl", 3)]

    earlier = date(2026, 11, 1)
    known = Finding(KMS, "role/x", "Boto/2", earlier, earlier, earlier, 1, 1)
    assert news(scan(ROW), known) == []
    assert news(scan(ROW), replace(known, snooze=Snooze("a", "b", TODAY + timedelta(days=9), 1, 1))) == []
    accepted = Decision("accepted", "a", "b", earlier, TODAY + timedelta(days=9))
    gone = replace(known, resolved=date(2026, 11, 5))
    assert news(scan(ROW), replace(gone, decision=accepted)) == []
    assert news(scan(ROW), gone) == [("back", "Boto/2", 7)]
    assert news(scan(ROW), gone, told=(gone.id,)) == []
    assert news(scan(ROW), digest=replace(DIGEST, urgent=("sts.amazonaws.com",))) == []
    assert news(scan(), known) == [], "silence resolves nothing"


def test_what_a_look_tells_is_read_back_as_it_was() -> None:
    strange = replace(ROW, client="half \ud800 <!here>")
    report = urgent.report(scan(strange), DIGEST, WINDOW, "calls", remembered=(), told=())

    for told in (Told(report), Told(None, "Nothing."), Told()):
        assert urgent.from_json(urgent.to_json(told)) == told
