from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Unsure, UserError
from bot.question import window

if TYPE_CHECKING:
    from bot.question.window import Window

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
NOW = datetime(2026, 11, 23, 8, 14, 33, 999, tzinfo=UTC)  # a Monday, 09:14 in Berlin


def read(text: str, zone: tzinfo = BERLIN, now: datetime = NOW, max_days: int = 366) -> Window:
    return window.parse(text, now=now, zone=zone, max_days=max_days)


def span(text: str, zone: tzinfo = BERLIN, now: datetime = NOW) -> str:
    return str(read(text, zone, now))


def refusal(text: str, max_days: int = 366) -> str:
    with pytest.raises(UserError) as refused:
        read(text, max_days=max_days)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("last 15m", "2026-11-23T07:59Z..2026-11-23T08:14Z"),
        ("last 12h", "2026-11-22T20:14Z..2026-11-23T08:14Z"),
        ("last 7d", "2026-11-16T08:14Z..2026-11-23T08:14Z"),
        ("7d", "2026-11-16T08:14Z..2026-11-23T08:14Z"),
        ("last 7 days", "2026-11-16T08:14Z..2026-11-23T08:14Z"),
        ("Past 7 Days", "2026-11-16T08:14Z..2026-11-23T08:14Z"),
        ("last 24 hours", "2026-11-22T08:14Z..2026-11-23T08:14Z"),
        ("last hour", "2026-11-23T07:14Z..2026-11-23T08:14Z"),
        ("past week", "2026-11-16T08:14Z..2026-11-23T08:14Z"),
        ("last 4w", "2026-10-26T08:14Z..2026-11-23T08:14Z"),
        ("last 3mo", "2026-08-23T07:14Z..2026-11-23T08:14Z"),
        ("last 1y", "2025-11-23T08:14Z..2026-11-23T08:14Z"),
        ("today", "2026-11-22T23:00Z..2026-11-23T08:14Z"),
        ("yesterday", "2026-11-21T23:00Z..2026-11-22T23:00Z"),
        ("this week", "2026-11-22T23:00Z..2026-11-23T08:14Z"),
        ("last week", "2026-11-15T23:00Z..2026-11-22T23:00Z"),
        ("this month", "2026-10-31T23:00Z..2026-11-23T08:14Z"),
        ("last month", "2026-09-30T22:00Z..2026-10-31T23:00Z"),
        ("this year", "2025-12-31T23:00Z..2026-11-23T08:14Z"),
        ("last year", "2024-12-31T23:00Z..2025-12-31T23:00Z"),
        ("2026-10", "2026-09-30T22:00Z..2026-10-31T23:00Z"),
        ("Oct 2026", "2026-09-30T22:00Z..2026-10-31T23:00Z"),
        ("2026-11-01..2026-11-08", "2026-10-31T23:00Z..2026-11-07T23:00Z"),
        ("2026-11-01 – 2026-11-08", "2026-10-31T23:00Z..2026-11-07T23:00Z"),
        ("2026-11-01…2026-11-08", "2026-10-31T23:00Z..2026-11-07T23:00Z"),
        ("2026-11-01 - 2026-11-08", "2026-10-31T23:00Z..2026-11-07T23:00Z"),
        ("from 2026-11-01 to 2026-11-08", "2026-10-31T23:00Z..2026-11-07T23:00Z"),
        ("since 2026-11-01 until 2026-11-08", "2026-10-31T23:00Z..2026-11-07T23:00Z"),
        ("since 2026-11-20", "2026-11-19T23:00Z..2026-11-23T08:14Z"),
        ("2026-11-20..", "2026-11-19T23:00Z..2026-11-23T08:14Z"),
        ("2026-11-20..now", "2026-11-19T23:00Z..2026-11-23T08:14Z"),
        ("on 2026-11-20", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("2026-11-20", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("2026/11/20", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("20261120", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("20 Nov 2026", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("Friday, 20th November 2026", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("Nov 20", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("2026-11-20 UTC", "2026-11-20T00:00Z..2026-11-21T00:00Z"),
        ("since 2026-11-20 09:00", "2026-11-20T08:00Z..2026-11-23T08:14Z"),
        ("since 20 Nov 9:30pm", "2026-11-20T20:30Z..2026-11-23T08:14Z"),
        ("since 2026-11-20T09:00+02:00", "2026-11-20T07:00Z..2026-11-23T08:14Z"),
        ("since 2026-11-20 09:00 -0500", "2026-11-20T14:00Z..2026-11-23T08:14Z"),
        ("since 2026-11-20T09:00:59.9Z", "2026-11-20T09:00Z..2026-11-23T08:14Z"),
        ("20261120T0915Z..20261120T1015Z", "2026-11-20T09:15Z..2026-11-20T10:15Z"),
        ("2026-11-20 09:00..12:00", "2026-11-20T08:00Z..2026-11-20T11:00Z"),
        ("yesterday 09:00..today 9am", "2026-11-22T08:00Z..2026-11-23T08:00Z"),
        ("since 3d", "2026-11-20T08:14Z..2026-11-23T08:14Z"),
        ("2w ago..1w ago", "2026-11-09T08:14Z..2026-11-16T08:14Z"),
        ("friday", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("on friday", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("since friday", "2026-11-19T23:00Z..2026-11-23T08:14Z"),
        ("since sat", "2026-11-20T23:00Z..2026-11-23T08:14Z"),
        ("last friday", "2026-11-19T23:00Z..2026-11-20T23:00Z"),
        ("this monday", "2026-11-22T23:00Z..2026-11-23T08:14Z"),
        ("since friday until sunday", "2026-11-19T23:00Z..2026-11-21T23:00Z"),
        ("last weekend", "2026-11-20T23:00Z..2026-11-22T23:00Z"),
        ("over the weekend", "2026-11-20T23:00Z..2026-11-22T23:00Z"),
        ("november", "2026-10-31T23:00Z..2026-11-23T08:14Z"),
        ("in may", "2026-04-30T22:00Z..2026-05-31T22:00Z"),
        ("december", "2025-11-30T23:00Z..2025-12-31T23:00Z"),
        ("last november", "2025-10-31T23:00Z..2025-11-30T23:00Z"),
        ("this quarter", "2026-09-30T22:00Z..2026-11-23T08:14Z"),
        ("last quarter", "2026-06-30T22:00Z..2026-09-30T22:00Z"),
        ("q3", "2026-06-30T22:00Z..2026-09-30T22:00Z"),
        ("Q4 2025", "2025-09-30T22:00Z..2025-12-31T23:00Z"),
        ("nov 1-5", "2026-10-31T23:00Z..2026-11-05T23:00Z"),
        ("Nov 1st – 5th", "2026-10-31T23:00Z..2026-11-05T23:00Z"),
        ("1-5 Nov 2025", "2025-10-31T23:00Z..2025-11-05T23:00Z"),
        ("2026-11-01-05", "2026-10-31T23:00Z..2026-11-05T23:00Z"),
        ("dec 1-5", "2025-11-30T23:00Z..2025-12-05T23:00Z"),
        ("between 1 nov and 5 nov", "2026-10-31T23:00Z..2026-11-05T23:00Z"),
        ("1 nov through 5 nov", "2026-10-31T23:00Z..2026-11-05T23:00Z"),
        ("between 9am and 9:10am", "2026-11-23T08:00Z..2026-11-23T08:10Z"),
        ("2012-05-01", "2012-04-30T22:00Z..2012-05-01T22:00Z"),
    ],
)
def test_a_window_is_read(text: str, expected: str) -> None:
    assert span(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("since Dec 20", "2025-12-19T23:00Z..2026-11-23T08:14Z"),
        ("Dec 20..Jan 5", "2025-12-19T23:00Z..2026-01-04T23:00Z"),
        ("Nov 20 09:00..Nov 20 10:00", "2026-11-20T08:00Z..2026-11-20T09:00Z"),
    ],
)
def test_a_date_without_a_year_is_the_latest_one_and_an_end_the_next_one(text: str, expected: str) -> None:
    assert span(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("may", "I cannot read `may`"),
        ("10", "I cannot read `10`"),
        ("sat", "I cannot read `sat`"),
        ("2026", "I cannot read `2026`"),
        ("2026-11-01 -5", "cannot read"),
        ("this weekend", "has not begun"),
        ("nov 5-1", "ends before it starts"),
        ("last", "I cannot read `last`"),
        ("since", "I cannot read `since`"),
        ("on ..", "I cannot read `on ..`"),
        ("..", "cannot read"),
        ("a..b..c", "I cannot read"),
        ("1 Nov 2026 9", "I cannot read"),
        ("last 90s", "units are m, h, d, w, mo and y"),
        ("last 3M", "minutes are `15m`, months `3mo`"),
        ("01/02/2026", "`01/02/2026` can be misread. Write the year first: `2026-02-01` or `2026-01-02`."),
        ("31.12.2025", "Write the year first: `2025-12-31`."),
        ("2026-13-01", "there is no month 13"),
        ("2026-00", "there is no month 0"),
        ("2026-02-30", "February 2026 has 28 days"),
        ("30 Feb", "February 2026 has 28 days"),
        ("31 Nov 2026", "November 2026 has 30 days"),
        ("Tue 16 Nov 2026", "that day is Mon 16 Nov 2026"),
        ("since 2026-11-01 25:00", "no such time of day"),
        ("since 2026-11-01 13pm", "no such time of day"),
        ("since 2026-11-01 09:00+99:00", "no zone is `+99:00` from UTC"),
        ("since 2026-11-01 09:00 CET", "`CET` is more than one zone. Say `+02:00`"),
        ("until 2026-11-01", "does not say from when. Ask `since A until B`."),
        ("..2026-11-01", "does not say from when"),
        ("2026-11-01 09:00", "is one moment. Ask `since 2026-11-01 09:00`"),
        ("2026-11-08..2026-11-01", "ends before it starts"),
        ("2026-11-01..2026-11-01", "is empty: its end is not in it"),
        ("last 0d", "is empty"),
        ("since now", "is empty"),
        ("2027-01-01", "has not begun: it is Mon 23 Nov 2026 09:14 Berlin"),
        ("since tomorrow", "has not begun"),
        ("tomorrow", "has not begun"),
        ("last 368d", "is too long: 366 days is the most. Ask `last 366d` or less; `TLS_AUDIT_MAX_WINDOW`"),
        ("2024-01-01..2025-06-01", "is too long"),
        ("last 99999999999999d", "is too long"),
        ("last 99999999999999mo", "is too long"),
        ("since " + "9" * 3000 + "h", "is too long"),
        ("0001-01-01", "is out of range"),
        ("9999-12-31", "is out of range"),
        ("2026-11-01..9999-12-31", "is out of range"),
        ("last 7d today", "Two windows: `last 7d` and `today`. Keep one."),
        ("yesterday 2026-11-01..2026-11-02", "Two windows"),
    ],
)
def test_what_is_no_window_is_refused_with_a_reason(text: str, says: str) -> None:
    assert says in refusal(text)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("monday", ("2026-11-23", "2026-11-16")),
        ("since monday", ("since 2026-11-23", "since 2026-11-16")),
        ("last monday", ("2026-11-23", "2026-11-16")),
    ],
)
def test_a_day_that_may_be_today_or_a_week_ago_is_asked_back(text: str, readings: tuple[str, ...]) -> None:
    with pytest.raises(Unsure) as unsure:
        read(text)
    assert unsure.value.readings == readings
    assert "Mon 23 Nov or Mon 16 Nov?" in unsure.value.message
    for reading in readings:
        read(reading)


def test_the_maximum_is_a_setting() -> None:
    assert "3 days is the most" in refusal("last 4d", max_days=3)
    assert str(read("last 3d", max_days=3)) == "2026-11-20T08:14Z..2026-11-23T08:14Z"


def test_the_end_of_a_window_in_the_future_is_moved_to_now_and_said() -> None:
    clipped = read("2026-11-20..2026-12-01")
    assert clipped.clipped
    assert clipped.end == datetime(2026, 11, 23, 8, 14, tzinfo=UTC)
    assert read("on 2026-11-23").clipped
    assert not read("today").clipped
    assert not read("this month").clipped
    assert not read("since 2026-11-20").clipped


def test_asking_twice_within_a_minute_is_one_window() -> None:
    assert read("last 7d", now=NOW.replace(second=0)) == read("past 7 days", now=NOW.replace(second=59))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2026-03-29", 23.0),
        (BERLIN, "2026-10-25", 25.0),
        (BERLIN, "2026-10-26", 24.0),
        (NEW_YORK, "2026-03-08", 23.0),
        (NEW_YORK, "2026-11-01", 25.0),
        (LORD_HOWE, "2026-04-05", 24.5),
        (LORD_HOWE, "2026-10-04", 23.5),
        (tz.gettz("Europe/Berlin"), "2026-03-29", 23.0),
        (ZoneInfo("Asia/Beirut"), "2026-03-29", 23.0),  # its midnight does not exist
        (UTC, "2026-03-29", 24.0),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: tzinfo, day: str, hours: float) -> None:
    one = read(day, zone)
    assert one.end - one.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("zone", "now", "start"),
    [
        (BERLIN, "2026-10-26T08:14+00:00", "2026-10-19T07:14+00:00"),
        (NEW_YORK, "2026-11-02T14:00+00:00", "2026-10-26T13:00+00:00"),
        (LORD_HOWE, "2026-10-05T00:00+00:00", "2026-09-28T00:30+00:00"),
    ],
)
def test_days_back_across_a_clock_change_keep_the_time_of_day(zone: tzinfo, now: str, start: str) -> None:
    week = read("last 7d", zone, datetime.fromisoformat(now))
    assert week.start == datetime.fromisoformat(start)
    assert week.start.astimezone(zone).time() == week.end.astimezone(zone).time()


def test_hours_back_across_a_clock_change_are_hours() -> None:
    assert (
        span("last 24h", now=datetime(2026, 10, 25, 12, tzinfo=UTC)) == "2026-10-24T12:00Z..2026-10-25T12:00Z"
    )


@pytest.mark.parametrize("zone", [BERLIN, tz.gettz("Europe/Berlin")])
def test_a_skipped_time_moves_forward_and_of_two_the_first_is_meant(zone: tzinfo) -> None:
    assert span("2026-03-29 02:30..2026-03-29 04:00", zone) == "2026-03-29T01:30Z..2026-03-29T02:00Z"
    assert span("2026-10-25 02:30..2026-10-25 04:00", zone) == "2026-10-25T00:30Z..2026-10-25T03:00Z"


@pytest.mark.parametrize(
    ("text", "zone", "words"),
    [
        ("last 7d", BERLIN, "Mon 16 Nov 09:14 – Mon 23 Nov 09:14 Berlin (08:14 UTC)"),
        ("last 7d", UTC, "Mon 16 Nov 08:14 – Mon 23 Nov 08:14 UTC"),
        ("last 7d", ZoneInfo("Etc/UTC"), "Mon 16 Nov 08:14 – Mon 23 Nov 08:14 UTC"),
        ("last 7d", tz.gettz("Europe/Berlin"), "Mon 16 Nov 09:14 – Mon 23 Nov 09:14 CET (08:14 UTC)"),
        ("last 7d", tz.tzoffset(None, 7200), "Mon 16 Nov 10:14 – Mon 23 Nov 10:14 +02:00 (08:14 UTC)"),
        ("last 1h", timezone(timedelta(hours=-5), "EST"), "Mon 23 Nov 02:14 – 03:14 EST (07:14 – 08:14 UTC)"),
        ("last 4w", NEW_YORK, "Mon 26 Oct 03:14 – Mon 23 Nov 03:14 New York (07:14 – 08:14 UTC)"),
        ("2025-12-31", BERLIN, "Wed 31 Dec 2025 00:00 – Thu 1 Jan 2026 00:00 Berlin (23:00 UTC)"),
    ],
)
def test_a_window_says_itself_in_the_readers_zone(text: str, zone: tzinfo, words: str) -> None:
    assert read(text, zone).words(zone, NOW) == words


PARTS = (
    *(
        "last",
        "past",
        "since",
        "until",
        "on",
        "this",
        "to",
        "..",
        "–",
        "-",
        "7d",
        "3",
        "mo",
        "ago",
        "now",
        "week",
    ),
    *(
        "2026-11-01",
        "2026-02-30",
        "0001-01-01",
        "9999-12-31",
        "01/02/2026",
        "2026-03-29T02:30",
        "2026-10",
        "1",
    ),
    *(
        "nov",
        "9am",
        "09:00",
        "24:00",
        "+02:00",
        "-99",
        "T09",
        "z",
        "utc+14",
        "CET",
        "yesterday",
        "sat",
        "99999999",
    ),
)


@given(
    st.lists(st.sampled_from(PARTS), max_size=6),
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, UTC, tz.gettz("America/Sao_Paulo")]),
)
def test_any_words_of_windows_make_a_window_or_a_refusal(parts: list[str], zone: tzinfo) -> None:
    try:
        found = read(" ".join(parts), zone)
    except UserError:
        return
    assert found.start < found.end <= NOW
    assert read(str(found), UTC) == found
    assert found.words(zone, NOW)
