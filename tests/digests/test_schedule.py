from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.digests import order
from bot.digests.schedule import Schedule
from bot.errors import UserError
from bot.question import views, window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.digests.order import Order

DAILY: Final = (0, 1, 2, 3, 4, 5, 6)
WORKING: Final = (0, 1, 2, 3, 4)
ZONES: Final = sorted(available_timezones() - {"Factory", "localtime"})


def read(text: str, zone: str = "Asia/Kolkata") -> Order:
    return order.parse(text, zone=zone)


def refusal(text: str) -> str:
    with pytest.raises(UserError) as refused:
        read(text)
    return str(refused.value)


def daily(at: str, zone: str, weekdays: tuple[int, ...] = DAILY) -> Schedule:
    return Schedule(time.fromisoformat(at), zone, weekdays)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


# --- what people type


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily", "daily 09:00 Asia/Kolkata"),
        ("daily 9", "daily 09:00 Asia/Kolkata"),
        ("Daily 09:00", "daily 09:00 Asia/Kolkata"),
        ("daily 9:30", "daily 09:30 Asia/Kolkata"),
        ("daily 9:30pm", "daily 21:30 Asia/Kolkata"),
        ("daily 9PM", "daily 21:00 Asia/Kolkata"),
        ("daily at 9 pm", "daily 21:00 Asia/Kolkata"),
        ("daily 12am", "daily 00:00 Asia/Kolkata"),
        ("daily 12:05pm", "daily 12:05 Asia/Kolkata"),
        ("daily 0", "daily 00:00 Asia/Kolkata"),
        ("daily 23:59 Europe/Berlin", "daily 23:59 Europe/Berlin"),
        ("daily europe/berlin 8", "daily 08:00 Europe/Berlin"),
        ("daily Berlin", "daily 09:00 Europe/Berlin"),
        ("daily new_york weekdays 7:15", "daily 07:15 America/New_York weekdays"),
        ("daily 9 New York", "daily 09:00 America/New_York"),
        ("daily 9 dar es salaam", "daily 09:00 Africa/Dar_es_Salaam"),
        ("daily kolkata", "daily 09:00 Asia/Kolkata"),
        ("daily Singapore", "daily 09:00 Singapore"),
        ("daily utc", "daily 09:00 UTC"),
        ("daily 09:00 Z", "daily 09:00 UTC"),
        ("daily workdays", "daily 09:00 Asia/Kolkata weekdays"),
        ("weekly mon", "weekly mon 09:00 Asia/Kolkata"),
        ("weekly on Monday at 9am", "weekly mon 09:00 Asia/Kolkata"),
        ("weekly 10:00 Thurs,tue", "weekly tue,thu 10:00 Asia/Kolkata"),
        ("weekly mon, thu", "weekly mon,thu 09:00 Asia/Kolkata"),
        ("weekly mon and thu 8", "weekly mon,thu 08:00 Asia/Kolkata"),
        ("weekly sun sun", "weekly sun 09:00 Asia/Kolkata"),
        ("weekly mon tue wed thu fri", "daily 09:00 Asia/Kolkata weekdays"),
        ("daily\u00a009\uff1a00\u200b “Berlin”", "daily 09:00 Europe/Berlin"),
    ],
)
def test_a_schedule_is_read(text: str, expected: str) -> None:
    order = read(text)
    assert str(order.schedule) == expected
    assert (order.channel, order.mention, order.question) == (None, None, "")


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("daily 09:00 services last 7d", "services last 7d"),
        ("daily last 7 days", "last 7 days"),
        ("daily services past 2 weeks 8:00", "services past 2 weeks"),
        ("daily 7 days", "7 days"),
        ("daily since 1 Nov 9am UTC", "since 1 Nov 9am UTC"),
        ("daily since 2026-11-20 at 9 Berlin", "since 2026-11-20 at 9 Berlin"),
        ("daily 2026-11-20 09:00 -0500..now", "2026-11-20 09:00 -0500..now"),
        ("daily 9 5", "5"),
        ("daily localtime Factory", "localtime Factory"),
        ("daily since mon", "since mon"),
        ("daily clients region=us-east-1 today", "clients region=us-east-1 today"),
        ('daily agent="9 am Berlin" by=trend', 'agent="9 am Berlin" by=trend'),
        ("daily agent=“Boto3 1.2” trend", "agent=“Boto3 1.2” trend"),
        ("daily service = s3, sts", "service = s3 sts"),
        ("daily min=1.3 ip=10.0.0.0/8 version!=1.2", "min=1.3 ip=10.0.0.0/8 version!=1.2"),
    ],
)
def test_the_other_words_are_the_question_as_typed(text: str, question: str) -> None:
    assert read(text).question == question


@pytest.mark.parametrize(
    "text",
    [
        "weekly mon 9:30 Berlin #C_ONCALL services last 7d mention=@S_ONCALL",
        "weekly #C_ONCALL mention=S_ONCALL services Berlin last 7d Mon 9:30",
        "weekly services mention=S_ONCALL at 9:30 last 7d on monday Europe/Berlin #C_ONCALL",
    ],
)
def test_after_the_first_word_any_order_will_do(text: str) -> None:
    order = read(text)
    assert str(order.schedule) == "weekly mon 09:30 Europe/Berlin"
    assert (order.channel, order.mention, order.question) == ("C_ONCALL", "S_ONCALL", "services last 7d")


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("daily mention=U0123", "U0123"),
        ("daily mention=@W0123", "W0123"),
        ("daily mention=“@U_ALICE”", "U_ALICE"),
        ("daily mention=@Here", "here"),
        ("daily mention=channel", "channel"),
        ("daily @here", "here"),
        ("daily @here mention=here", "here"),
    ],
)
def test_a_mention_is_a_person_a_group_or_everyone_there(text: str, mention: str) -> None:
    assert read(text).mention == mention


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "That does not say when. Say `daily 09:00` or `weekly mon 09:00`."),
        ("services last 7d", "`services` does not say how often. Say `daily 09:00` or `weekly mon 09:00`."),
        (
            "stop",
            "`stop` is no word of mine. `pause 3` keeps a digest silent until `resume 3`; `remove 3` ends",
        ),
        ("unsubscribe 3", "`remove 3` ends it"),
        ("monthly 09:00", "A digest is daily or weekly. Say `daily 09:00` or `weekly mon 09:00`."),
        ("dayly 9", "`dayly` does not say how often. Did you mean `daily`?"),
        ("weakly mon", "Did you mean `weekly`?"),
        ("daily=9", "`daily` does not say how often."),
        ("weekly 09:00", "`weekly` needs a day. Say `daily 09:00` or `weekly mon 09:00`."),
        ("weekly weekdays", "`weekdays` goes with `daily`. Say `daily 09:00 weekdays`."),
        ("daily tue,thu", "`tue,thu` goes with `weekly`. Say `weekly tue,thu 09:00`."),
        ("weekly mon,thx", "`thx` in `mon,thx` is no day of the week."),
        ("daily 24", "`24` is no time of day. Say `9`, `09:00` or `9:30pm`."),
        ("daily 24:00", "`24:00` is no time of day."),
        ("daily 09:60", "`09:60` is no time of day."),
        ("daily 13 pm", "`13pm` is no time of day."),
        ("daily 0am", "`0am` is no time of day."),
        ("daily 9am 10:00", "Two times: `9am` and `10:00`. Keep one."),
        ("daily Berlin 9 New York", "Two zones: `Berlin` and `New York`. Keep one."),
        ("daily #C123 #C456", "Two channels: `#C123` and `#C456`. Keep one."),
        ("daily mention=U123 mention=here", "Two mentions: `U123` and `here`. Keep one."),
        ("daily mention=U123,U456", "Two mentions: `U123` and `U456`."),
        ("daily Europe/Berln", "There is no zone `Europe/Berln`. Did you mean `Europe/Berlin`?"),
        ("daily Nowhere/Qqqqq", "There is no zone `Nowhere/Qqqqq`. Name one as in `Europe/Berlin`."),
        ("daily PST", "`PST` is not the clock of one place. Name a city, as in `Berlin`, or say `UTC`."),
        ("daily 9 +02:00", "`+02:00` is not the clock of one place."),
        ("daily #on-call", "I know no channel `#on-call`. Type `#` and pick the channel from Slack's list."),
        ("daily #", "I know no channel `#`."),
        ("daily @oncall", "`@oncall` names nobody whom Slack knows. Type `mention=@` and pick them"),
        ("daily mention=oncall", "`mention=oncall` names nobody whom Slack knows."),
        ("daily mention=", "`mention=` names nobody whom Slack knows."),
        ("daily mention!=U123", "`mention!=U123` names nobody whom Slack knows."),
        ('daily mention="U123', "names nobody whom Slack knows."),
    ],
)
def test_what_cannot_be_read_is_told_with_the_next_step(text: str, says: str) -> None:
    assert says in refusal(text)


def test_a_zone_that_nobody_here_knows_has_to_be_named() -> None:
    with pytest.raises(UserError, match=r"I do not know your zone, `Mars/Olympus`\. Name one as in"):
        read("daily 9", zone="Mars/Olympus")
    assert str(read("daily 9 Berlin", zone="Mars/Olympus").schedule) == "daily 09:00 Europe/Berlin"


def test_the_same_said_twice_is_said_once() -> None:
    order = read("daily 9 09:00 Berlin Europe/Berlin #C123 #C123")
    assert (str(order.schedule), order.channel) == ("daily 09:00 Europe/Berlin", "C123")


def test_no_word_of_a_question_is_taken_for_a_city() -> None:
    cities = {
        name.rsplit("/", 1)[-1].lower() for name in ZONES if "/" in name and not name.startswith("Etc/")
    }
    words = {city for city in cities if window.belongs(city)} | views.load().keys()
    assert [read(f"daily {word}").question for word in words] == list(words)


def test_a_city_that_several_zones_are_named_for_has_one_clock() -> None:
    zones: dict[str, list[str]] = {}
    for name in ZONES:
        if not name.startswith(("Etc/", "US/", "Canada/", "Brazil/")):
            zones.setdefault(name.rsplit("/", 1)[-1], []).append(name)
    several = {city: names for city, names in zones.items() if len(names) > 1}
    assert {"Istanbul", "Nicosia", "Buenos_Aires"} < several.keys()
    noons = [datetime(2027, month, 15, 12, tzinfo=UTC) for month in range(1, 13)]
    for city, names in several.items():
        assert read(f"daily {city}").schedule.zone in names
        clocks = {tuple(noon.astimezone(ZoneInfo(name)).isoformat() for noon in noons) for name in names}
        assert len(clocks) == 1, names


WORDS = st.sampled_from(
    [
        *("daily", "weekly", "9", "09:00", "9:30pm", "at", "mon", "mon,thu", "and", "weekdays", "Berlin"),
        *("New", "York", "Europe/Berlin", "Europe/", "UTC", "+02", "#C123", "#x", "@here", "mention=U123"),
        *("mention=", "last", "7d", "7", "days", "since", "2026-11-01", "services", 'agent="a b"'),
        *('"', "=", ",", "..", "\ud800"),
    ]
)


@settings(deadline=None)  # the first call reads the list of zones
@given(st.one_of(st.text(), st.lists(st.one_of(WORDS, st.text(max_size=4)), max_size=9).map(" ".join)))
def test_any_text_is_an_order_or_a_mistake_explained(text: str) -> None:
    for typed in (text, f"daily {text}", f"weekly mon {text}"):
        try:
            due = read(typed).schedule
        except UserError as refused:
            said = (refused.message, refused.hint)
            assert all(said)
        else:
            assert read(str(due), zone="UTC") == order.Order(due, None, None, "")


SCHEDULES = st.builds(
    Schedule,
    st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    st.sampled_from(ZONES),
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
)


@settings(deadline=None)
@given(SCHEDULES, st.sampled_from(["", "services last 7d", "clients since 2026-11-01 9am UTC"]))
def test_a_schedule_is_read_back_from_its_own_text(due: Schedule, question: str) -> None:
    assert read(f"{due} {question}") == order.Order(due, None, None, question)


@pytest.mark.parametrize(
    ("due", "words", "is_daily"),
    [
        (daily("09:00", "Europe/Berlin"), "every day at 09:00 Berlin time", True),
        (daily("09:00", "Europe/Berlin", WORKING), "every working day at 09:00 Berlin time", True),
        (daily("23:05", "America/New_York", (0,)), "every Monday at 23:05 New York time", False),
        (daily("09:00", "Asia/Kolkata", (0, 3)), "every Monday and Thursday at 09:00 Kolkata time", True),
        (daily("09:00", "UTC", (0, 2, 6)), "every Monday, Wednesday and Sunday at 09:00 UTC", True),
        (daily("09:00", "Etc/UTC"), "every day at 09:00 UTC", True),
        (daily("09:00", "Etc/GMT+5"), "every day at 09:00 Etc/GMT+5", True),
        (daily("09:00", "Japan"), "every day at 09:00 Japan time", True),
    ],
)
def test_a_schedule_says_itself(due: Schedule, words: str, is_daily: bool) -> None:
    assert (due.words(), due.is_daily) == (words, is_daily)


# --- when it is due, by literal values


@pytest.mark.parametrize(
    ("at", "zone", "day", "moment"),
    [
        ("09:00", "Europe/Berlin", "2026-11-23", "2026-11-23T08:00"),
        ("01:59", "Europe/Berlin", "2027-03-28", "2027-03-28T00:59"),
        ("02:30", "Europe/Berlin", "2027-03-28", "2027-03-28T01:30"),  # 03:30 CEST
        ("03:00", "Europe/Berlin", "2027-03-28", "2027-03-28T01:00"),
        ("02:30", "Europe/Berlin", "2026-10-25", "2026-10-25T00:30"),  # the first, CEST
        ("03:00", "Europe/Berlin", "2026-10-25", "2026-10-25T02:00"),
        ("02:30", "America/New_York", "2027-03-14", "2027-03-14T07:30"),  # 03:30 EDT
        ("01:30", "America/New_York", "2026-11-01", "2026-11-01T05:30"),
        ("02:15", "Australia/Lord_Howe", "2026-10-04", "2026-10-03T15:45"),  # 02:45, half an hour on
        ("01:45", "Australia/Lord_Howe", "2027-04-04", "2027-04-03T14:45"),
        ("00:30", "America/Santiago", "2026-09-06", "2026-09-06T04:30"),  # 01:30
        ("23:30", "America/Santiago", "2026-04-04", "2026-04-05T02:30"),  # 23 o'clock comes twice
        ("00:00", "Asia/Beirut", "2027-03-28", "2027-03-27T22:00"),  # 01:00
        ("00:30", "Africa/Cairo", "2026-04-24", "2026-04-23T22:30"),  # 01:30
        ("23:30", "America/Nuuk", "2027-03-27", "2027-03-28T01:30"),  # 00:30 on the 28th, still the 27th's
        ("09:00", "Asia/Kolkata", "2026-11-23", "2026-11-23T03:30"),
        ("09:00", "Pacific/Apia", "2011-12-29", "2011-12-29T19:00"),
        ("09:00", "Pacific/Apia", "2011-12-30", "2011-12-30T19:00"),  # 09:00 on the 31st
        ("09:00", "Pacific/Apia", "2011-12-31", "2011-12-30T19:00"),
    ],
)
def test_a_skipped_time_is_moved_on_and_of_two_the_first_counts(
    at: str, zone: str, day: str, moment: str
) -> None:
    assert daily(at, zone).moment(date.fromisoformat(day)) == utc(moment)


@pytest.mark.parametrize(
    ("zone", "day", "moment"),
    [
        ("Europe/Berlin", "2026-11-23", "2026-11-22T23:00"),
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00"),  # begins at 01:00
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00"),
        ("Asia/Beirut", "2027-03-28", "2027-03-27T22:00"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00"),  # midnight comes twice
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
    ],
)
def test_a_local_day_begins_at_its_first_minute(zone: str, day: str, moment: str) -> None:
    start = daily("09:00", zone).start_of(date.fromisoformat(day))
    assert start == utc(moment)
    assert (start - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).date() < date.fromisoformat(day)


def test_the_latest_date_is_the_one_whose_moment_has_come() -> None:
    due = daily("09:00", "Europe/Berlin")
    assert due.latest(utc("2026-11-23T07:59")) == date(2026, 11, 22)
    assert due.latest(utc("2026-11-23T08:00")) == date(2026, 11, 23)
    assert due.latest(datetime(2026, 11, 23, 9, tzinfo=ZoneInfo("Europe/Berlin"))) == date(2026, 11, 23)


def test_the_following_moment_is_never_the_present_one() -> None:
    due = daily("09:00", "Europe/Berlin", WORKING)
    assert due.following(utc("2026-11-20T07:59")) == utc("2026-11-20T08:00")
    assert due.following(utc("2026-11-20T08:00")) == utc("2026-11-23T08:00")
    assert due.following(utc("2026-11-20T08:00")).tzinfo is UTC


@pytest.mark.parametrize(
    ("weekdays", "day", "before"),
    [
        (DAILY, "2027-01-01", "2026-12-31"),
        (WORKING, "2026-11-23", "2026-11-20"),
        (WORKING, "2026-11-24", "2026-11-23"),
        ((0,), "2026-11-23", "2026-11-16"),
        ((0,), "2026-11-25", "2026-11-23"),
        ((0, 3), "2026-11-23", "2026-11-19"),
    ],
)
def test_before_a_date_comes_the_scheduled_one_before(
    weekdays: tuple[int, ...], day: str, before: str
) -> None:
    due = daily("09:00", "Europe/Berlin", weekdays)
    assert due.before(date.fromisoformat(day)) == date.fromisoformat(before)


def test_a_date_that_a_zone_leaves_out_is_due_with_the_next_and_only_once() -> None:
    left_out = date(2011, 12, 30)  # a Friday
    for due, dates in (
        (daily("09:00", "Pacific/Apia"), [date(2011, 12, day) for day in (28, 29, 31)]),
        (daily("09:00", "Pacific/Apia", WORKING), [date(2011, 12, day) for day in (28, 29, 30)]),
        (daily("09:00", "Pacific/Apia", (4,)), [left_out - timedelta(days=7), left_out]),
    ):
        moments = [utc("2011-12-21T00:00")]
        while moments[-1] < utc("2011-12-31T18:59"):
            moments.append(due.following(moments[-1]))
        sent = [due.latest(moment) for moment in moments if moment < utc("2011-12-31T12:00")]
        assert sent[-len(dates) :] == dates
        assert len(set(sent)) == len(sent)
        assert due.latest(utc("2011-12-30T18:59")) < dates[-1] == due.latest(utc("2011-12-30T19:00"))


def test_a_clock_that_goes_back_over_midnight_sends_nothing_again() -> None:
    due = daily("00:00", "America/St_Johns")  # 00:01 on 29 October 2006 was 23:01 on the 28th
    assert due.moment(date(2006, 10, 29)) == utc("2006-10-29T02:30")
    assert due.latest(utc("2006-10-29T02:45")) == date(2006, 10, 29)
    assert due.following(utc("2006-10-29T02:45")) == utc("2006-10-30T03:30")


def test_a_moment_moved_past_midnight_is_still_to_come_on_the_next_date() -> None:
    due = daily("23:30", "America/Nuuk", (5,))  # 27 March 2027 ends at 23:00
    assert due.following(utc("2027-03-28T01:29")) == utc("2027-03-28T01:30")
    assert due.latest(utc("2027-03-28T01:29")) == date(2027, 3, 20)
    assert due.latest(utc("2027-03-28T01:30")) == date(2027, 3, 27)


@given(SCHEDULES, st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - aware by timezones
@settings(max_examples=200, deadline=None)
def test_the_latest_date_and_the_following_moment_agree_in_every_zone(due: Schedule, now: datetime) -> None:
    latest, following = due.latest(now), due.following(now)
    assert due.moment(latest) <= now < following
    assert due.latest(following - timedelta(seconds=1)) == latest
    assert due.latest(following) > latest
    assert due.moment(due.latest(following)) == following
    assert due.before(latest) < latest


# --- a year by a driven clock

AT: Final = ("00:00", "00:30", "01:30", "02:00", "02:30", "03:00", "09:00", "23:30")
START: Final = utc("2026-08-15T12:00")
END: Final = utc("2027-08-15T12:00")
MINUTE: Final = timedelta(minutes=1)
OUTAGES: Final = (
    (utc("2026-10-24T22:10"), timedelta(hours=5)),  # over Berlin's change
    (utc("2027-03-13T18:00"), timedelta(hours=30)),  # over New York's
    (utc("2027-04-01T07:00"), timedelta(days=9)),  # over Lord Howe's
)
"""The last tick before each, and how long there is none."""
CHANGES: Final = (
    *map(utc, ("2026-10-03T12:00", "2026-10-25T12:00", "2026-11-01T12:00")),
    *map(utc, ("2027-03-14T12:00", "2027-03-28T12:00", "2027-04-03T12:00")),
)
"""About when a clock of these zones is changed."""


class Due(NamedTuple):
    moment: datetime
    day: date


@cache
def walked(zone: str) -> dict[str, list[Due]]:
    """For each time of `AT`, when the clock on the wall first shows it on each date; walked by the minute.

    Where it jumps over that time, as long after the jump as the time is after the jump's start.
    """
    wall_clock = ZoneInfo(zone)
    times = {time.fromisoformat(at): at for at in AT}
    shown: dict[datetime, datetime] = {}
    now = START - timedelta(days=8)  # the last of a weekly one
    before = now.astimezone(wall_clock).replace(tzinfo=None) - MINUTE
    while now <= END:
        wall = now.astimezone(wall_clock).replace(tzinfo=None)
        jumped, skipped = before + MINUTE, before + MINUTE
        while skipped < wall:
            if skipped.time() in times:
                shown.setdefault(skipped, now + (skipped - jumped))
            skipped += MINUTE
        if wall.time() in times:
            shown.setdefault(wall, now)
        before = wall
        now += MINUTE
    due: dict[str, list[Due]] = {at: [] for at in AT}
    for wall, moment in shown.items():
        due[times[wall.time()]].append(Due(moment, wall.date()))
    return {at: sorted(dues) for at, dues in due.items()}


def ticks() -> Iterator[datetime]:
    """Irregular moments of a year: 7 to 50 minutes apart around clock changes, up to 10 hours elsewhere."""
    now, count, outages = START, 0, list(OUTAGES)
    while now < END:
        yield now
        if outages and now >= outages[0][0]:
            now += outages.pop(0)[1]
            continue
        count += 1
        close = any(abs(now - change) < timedelta(days=1) for change in CHANGES)
        now += (7 + count * 37 % 44) * MINUTE * (1 if close else 12)


def test_the_driven_clock_has_three_outages() -> None:
    gaps = sorted(later - earlier for earlier, later in pairwise(ticks()))
    assert gaps[0] == 7 * MINUTE
    assert gaps[-2:] == [timedelta(hours=30), timedelta(days=9)]
    assert any(later - earlier == OUTAGES[0][1] for earlier, later in pairwise(ticks()))


def check_a_year(due: Schedule, at: str) -> None:
    expected = [entry for entry in walked(due.zone)[at] if entry.day.weekday() in due.weekdays]
    moments = [entry.moment for entry in expected]
    due_on = {entry.day: entry.moment for entry in expected}
    last = due.latest(START)
    assert last == expected[bisect_right(moments, START) - 1].day
    sent: list[date] = [last]
    missed: list[date] = []
    for earlier, now in pairwise(ticks()):
        came = [entry.day for entry in expected[bisect_right(moments, earlier) : bisect_right(moments, now)]]
        latest = due.latest(now)
        is_due = latest > sent[-1]
        assert is_due == bool(came), f"{now}: {latest} after {sent[-1]}, but {came} came"
        if is_due:
            assert latest == came[-1]
            assert due.moment(latest) == due_on[latest]
            sent.append(latest)
            missed += came[:-1]
            assert len(came) == 1 or now - earlier >= timedelta(hours=24), "missed without an outage"
    assert len(set(sent)) == len(sent)
    first, final = sent[0], sent[-1]
    assert sorted(sent + missed) == [entry.day for entry in expected if first <= entry.day <= final]
    if due.weekdays == DAILY:
        assert len(sent) + len(missed) == 366 - (due.latest(END) > final)
        assert 8 <= len(missed) <= 9 + 1


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
)
def test_through_a_year_with_outages_each_local_date_is_due_once(zone: str, at: str) -> None:
    check_a_year(daily(at, zone), at)


@pytest.mark.parametrize("weekdays", [WORKING, (6,), (0, 3)], ids=["working", "sunday", "twice"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_through_a_year_only_the_days_asked_for_are_due(zone: str, weekdays: tuple[int, ...]) -> None:
    check_a_year(daily("02:30", zone, weekdays), "02:30")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weekly foo 09:00", "`foo` is no day of the week. Say `daily 09:00` or `weekly mon 09:00`."),
        ("weekly Munday 09:00", "`Munday` is no day of the week."),
        ("weekly service=s3 09:00", "`weekly` needs a day."),
        ("weekly 09:00 private", "`weekly` needs a day."),
    ],
)
def test_a_word_in_the_place_of_a_day_that_is_none_is_named(text: str, says: str) -> None:
    assert says in refusal(text)
