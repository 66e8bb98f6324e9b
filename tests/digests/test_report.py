"""The digest's words: sentence by sentence, and as ten days of one channel.

`pytest tests/test_report.py --renew-golden` writes the story anew; read its diff.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.digests import figures
from bot.digests import report as reports
from bot.digests.changes import Period, Seen, compare
from bot.digests.figures import Graph, Series
from bot.digests.finding import Change, Entry, Finding, Snooze
from bot.digests.report import Point, Report
from bot.table import readable, text

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "digest"
BERLIN: Final = ZoneInfo("Europe/Berlin")
SUNDAY: Final = date(2026, 11, 22)
TODAY: Final = date(2026, 11, 23)
ABOUT: Final = "TLS older than 1.2"
CLEAR: Final = "No call over TLS older than 1.2 in 5,912,004 events"


def day(number: int) -> date:
    """The day of November 2026."""
    return date(2026, 11, 1) + timedelta(days=number - 1)


def entry(change: Change, *, calls: int = 10, open_days: int = 1, note: str = "") -> Entry:
    since = TODAY - timedelta(days=open_days)
    last = SUNDAY if calls else SUNDAY - timedelta(days=2)
    finding = Finding("s3.amazonaws.com", "role/export", "boto", since, since, last, 10, 1)
    return Entry(change, finding, calls, 0, open_days, note)


def report(*entries: Entry, start: int = 22, end: int = 23, trusted: bool = True, **fields: Any) -> Report:
    """A daily report of Sunday 22 November, read in Berlin on Monday."""
    plain = Report(
        period=Period(day(start), day(end), trusted),
        entries=entries,
        calls=sum(one.calls for one in entries),
        calls_before=None,
        late=0,
        events=5_912_004,
        without_tls=124_152,
        silent=("health", "sso", "tax"),
        newest=datetime(2026, 11, 22, 22, 58, tzinfo=UTC),
        stale=None,
        is_baseline=False,
        is_weekly=False,
        complete=True,
        subject="calls over TLS older than 1.2",
        history=(),
    )
    return replace(plain, **fields)


def headline(told: Report) -> str:
    """From when on: without the sign of findings or of a zero that is believed, and what it is about."""
    said = signed(told).removeprefix("🔴 ").removeprefix("✅ ")
    return said.replace(f"{ABOUT}, ", "", 1)


def signed(told: Report) -> str:
    return reports.headline(told, TODAY, BERLIN)


def notes(told: Report) -> tuple[str, ...]:
    return reports.notes(told, TODAY, BERLIN)


# --- the headline


def test_it_opens_with_a_sign() -> None:
    assert signed(report(entry("new"))).startswith(f"🔴 {ABOUT}, yesterday")
    assert signed(report(entry("open", calls=0))).startswith(f"🔴 {ABOUT}, yesterday")
    assert signed(report()).startswith(f"✅ {ABOUT}, yesterday (Sun 22 Nov): all clear.")
    assert signed(report(entry("resolved", calls=0))).startswith(
        f"✅ {ABOUT}, yesterday (Sun 22 Nov): 1 resolved"
    )
    assert signed(report(trusted=False)).startswith(f"⚠️ {ABOUT}, yesterday")


def test_what_was_not_read_is_said_and_is_not_all_clear() -> None:
    doubts = ("2 files of this window could not be read: `tls-audit doctor` names them.",)

    zero, found = report(doubts=doubts), report(entry("new"), doubts=doubts)

    assert signed(zero) == (
        f"⚠️ {ABOUT}, yesterday (Sun 22 Nov): no call over TLS older than 1.2 in 5,912,004 events, "
        "but this is not all clear."
    )
    assert signed(found).startswith("🔴 ")
    assert notes(zero) == notes(found) == doubts


def test_the_headline_counts_what_changed_and_what_is_open() -> None:
    entries = [entry("new")] * 2 + [entry("open", open_days=12)] + [entry("quiet", calls=0)] * 4
    told = report(*entries, *[entry("resolved", calls=0)] * 3, calls=1_234, calls_before=1_143)
    assert headline(told) == (
        "yesterday (Sun 22 Nov): 2 new (export → s3), 5 still open (oldest 12 days), 3 resolved "
        "· 1,234 calls ▲ 8 %"
    )


def test_of_what_is_new_the_first_are_named_and_the_others_counted() -> None:
    who = ["arn:aws:iam::1:user/team/a", "arn:aws:iam::1:role/b", "", "x" * 50, "AIDA:e"]
    entries = [entry("new") for _ in who]
    told = report(
        *(
            replace(one, finding=replace(one.finding, principal=name))
            for one, name in zip(entries, who, strict=True)
        )
    )
    assert ": 5 new (a → s3, b → s3, nobody named → s3 and 2 more) · 50 calls" in headline(told)


def test_only_what_there_is_is_counted() -> None:
    assert headline(report(entry("back", calls=1))) == "yesterday (Sun 22 Nov): 1 back (export → s3) · 1 call"
    assert headline(report(entry("known"), entry("known"))) == "yesterday (Sun 22 Nov): 2 known · 20 calls"
    assert headline(report(entry("open"))) == "yesterday (Sun 22 Nov): 1 still open (1 day) · 10 calls"
    assert headline(report(entry("known", calls=0))) == "yesterday (Sun 22 Nov): 1 known · no calls"


@pytest.mark.parametrize(
    ("start", "end", "weekly", "words"),
    [
        (22, 23, False, "yesterday (Sun 22 Nov)"),
        (21, 22, False, "Sat 21 Nov"),
        (23, 24, False, "Mon 23 Nov"),
        (20, 23, False, "Fri 20 – Sun 22 Nov"),
        (30, 33, False, "Mon 30 Nov – Wed 2 Dec"),
        (60, 64, False, "Wed 30 Dec – Sat 2 Jan 2027"),
        (16, 23, True, "week of Mon 16 Nov"),
        (-310, -309, False, "Thu 25 Dec 2025"),
    ],
    ids=str,
)
def test_the_period_is_said_as_people_say_it(start: int, end: int, weekly: bool, words: str) -> None:
    told = report(entry("new"), start=start, end=end, is_weekly=weekly)
    assert headline(told) == f"{words}: 1 new (export → s3) · 10 calls"


@pytest.mark.parametrize(
    ("calls", "before", "trend"),
    [
        (100, 100, ""),
        (108, 100, " ▲ 8 %"),
        (92, 100, " ▼ 8 %"),
        (1, 3, " ▼ 67 %"),
        (1_000, 1_001, ""),
        (2_600, 100, " ▲ 2,500 %"),
        (5, 0, ""),
        (5, None, ""),
    ],
    ids=str,
)
def test_the_trend_is_against_the_period_before(calls: int, before: int | None, trend: str) -> None:
    told = report(entry("open"), calls=calls, calls_before=before)
    assert headline(told).partition("call")[2].removeprefix("s") == trend


def test_three_days_compare_with_one_by_the_day() -> None:
    history = (Point(day(19), day(20), 100, 1), Point(day(20), day(23), 330, 1))
    told = report(entry("open"), start=20, calls=330, calls_before=100, history=history)
    assert headline(told).endswith("330 calls ▲ 10 %")
    assert headline(replace(told, history=())).endswith("330 calls ▲ 230 %")


def test_what_is_not_all_there_has_no_trend() -> None:
    told = report(entry("open"), calls=50, calls_before=100)
    assert headline(replace(told, period=replace(told.period, trusted=False))).endswith("· 50 calls so far")
    assert headline(replace(told, complete=False)).endswith("· at least 50 calls")


def test_the_first_digest_says_that_it_is_the_baseline() -> None:
    told = report(*[entry("new")] * 7, calls=1_234, is_baseline=True)
    assert headline(told) == (
        "yesterday (Sun 22 Nov): the first digest, 7 findings as the baseline · 1,234 calls. "
        "From now on it says what is new."
    )


def test_the_first_digest_may_be_all_clear() -> None:
    assert headline(report(is_baseline=True, silent=())) == (
        f"yesterday (Sun 22 Nov): the first digest, all clear. {CLEAR}, newest 23:58. "
        "From now on it says what is new."
    )


def test_all_clear_comes_with_its_proof() -> None:
    assert headline(report()) == (
        f"yesterday (Sun 22 Nov): all clear. {CLEAR}, newest 23:58, 3 services without TLS details."
    )


def test_all_clear_says_what_has_just_been_resolved() -> None:
    told = report(*[entry("resolved", calls=0)] * 3, silent=("tax",), subject="calls over TLS 1.0 to s3")
    assert headline(told) == (
        "TLS 1.0 to s3, yesterday (Sun 22 Nov): 3 resolved, none left open. "
        "No call over TLS 1.0 to s3 in 5,912,004 events, "
        "newest 23:58, 1 service without TLS details."
    )


@pytest.mark.parametrize(
    ("newest", "words"),
    [
        (datetime(2026, 11, 21, 23, 0, tzinfo=UTC), ", newest 00:00."),
        (datetime(2026, 11, 23, 7, 45, tzinfo=UTC), ", newest today 08:45."),
        (datetime(2026, 11, 20, 7, 45, tzinfo=UTC), ", newest Fri 20 Nov 08:45."),
        (None, "."),
    ],
    ids=str,
)
def test_the_newest_event_has_its_day_unless_it_is_the_day_told(newest: datetime | None, words: str) -> None:
    assert headline(report(newest=newest, silent=())).endswith(f"all clear. {CLEAR}{words}")


def test_nothing_read_proves_nothing() -> None:
    assert headline(report(events=0, without_tls=0)) == (
        "⚠️ yesterday (Sun 22 Nov): no event at all was read, so this says nothing about old TLS. "
        "The next digest asks for this day again."
    )
    told = report(entry("quiet", calls=0), start=16, is_weekly=True, events=0, without_tls=0)
    assert headline(told) == (
        "⚠️ week of Mon 16 Nov: no event at all was read, so this says nothing about old TLS. "
        "From before: 1 still open (1 day). The next digest asks for this week again."
    )


def test_events_without_tls_details_prove_nothing() -> None:
    assert headline(report(events=1_234, without_tls=1_234)) == (
        "⚠️ yesterday (Sun 22 Nov): none of 1,234 events carries TLS details, "
        "so this says nothing about old TLS."
    )


def test_calls_of_the_endpoint_are_told_as_a_group_of_their_own() -> None:
    plain = entry("open", calls=12)
    limited = replace(plain, finding=replace(plain.finding, limited=True, client="other"))
    told = report(plain, limited, replace(limited, moved=True), replace(plain, moved=True), limited=30)

    assert notes(told)[0] == "The endpoint offers no more: 30 calls, among them all of 2 findings."
    assert not reports.is_news(told), "nobody is mentioned for it"
    with figures.table(told) as shown:
        assert [row[-1] for row in shown.rows()] == [
            None,
            "its endpoint offers no more",
            "moved: now its endpoint offers no more",
            "moved: not only its endpoint any more",
        ]


def test_who_asks_about_sdks_is_told_of_sdks() -> None:
    plain = report(subject="calls with an SDK out of support", events=1_000, without_tls=1_000)
    silent, told = replace(plain, mute="client"), replace(plain, mute="")

    assert headline(silent).endswith(
        "none of 1,000 events names its client, so this says nothing about old SDKs."
    )
    assert "TLS" not in headline(told).partition(":")[0]
    assert "says nothing" not in headline(told)


def test_a_day_whose_events_end_early_is_not_all_clear() -> None:
    told = report(trusted=False, newest=datetime(2026, 11, 22, 13, 2, tzinfo=UTC))
    assert headline(told) == (
        "⚠️ yesterday (Sun 22 Nov): no call over TLS older than 1.2 in 5,912,004 events, but they end early "
        "(newest 14:02), so this is not all clear. The next digest asks for this day again."
    )
    assert "but they end early, so" in headline(replace(told, newest=None))


# --- beside it


def test_there_is_usually_nothing_to_add() -> None:
    assert notes(report(entry("new"))) == ()


def test_nothing_new_for_long_is_said_in_words() -> None:
    newest = datetime(2026, 11, 22, 13, 2, tzinfo=UTC)
    told = report(stale=timedelta(hours=9, minutes=50), newest=newest)
    assert notes(told) == (
        "Nothing new for 9 hours (newest event Sun 22 Nov 14:02): the trail or the lake may have stopped; "
        "what is missing is counted when it arrives.",
    )


@pytest.mark.parametrize(
    ("stale", "words"),
    [
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(minutes=60), "1 hour"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(hours=75), "3 days"),
    ],
    ids=str,
)
def test_a_silence_has_a_unit_that_fits(stale: timedelta, words: str) -> None:
    assert notes(report(stale=stale, newest=None))[0].startswith(f"Nothing new for {words}: the trail")


def test_an_early_end_and_a_cut_say_that_nothing_resolves() -> None:
    told = report(*[entry("new")] * 2, entry("quiet", calls=0), trusted=False, complete=False)
    assert notes(told) == (
        "The events of this day end early; nothing counts as resolved.",
        "Only the 2 findings with the most calls are told; nothing counts as resolved.",
    )


@pytest.mark.parametrize(
    ("start", "end", "before", "weekly", "words"),
    [
        (22, 23, 21, False, "Saturday"),
        (18, 19, 17, False, "Tuesday"),
        (17, 18, 16, False, "Mon 16 Nov"),
        (23, 24, 20, False, "Fri 20 – Sun 22 Nov"),
        (16, 23, 9, True, "the week of Mon 9 Nov"),
    ],
    ids=str,
)
def test_late_calls_are_one_line(start: int, end: int, before: int, weekly: bool, words: str) -> None:
    history = (
        Point(day(1), day(2), 7, 1),
        Point(day(before), day(start), 5, 1),
        Point(day(start), day(end), 3, 1),
    )
    told = report(entry("new"), start=start, end=end, late=14, is_weekly=weekly, history=history)
    assert notes(told) == (f"14 more calls for {words} arrived since.",)


def test_one_late_call_is_one_call() -> None:
    assert notes(report(late=1)) == ("1 more call for Saturday arrived since.",)


def test_coverage_says_what_was_read_and_what_cannot_be_seen() -> None:
    told = report()
    assert reports.coverage(told) == (
        "5,912,004 events read, 2.1 % without TLS details. 3 services (health, sso, tax) carry none."
    )
    assert reports.coverage(replace(told, silent=("tax",))).endswith("details. 1 service (tax) carries none.")
    assert reports.coverage(replace(told, silent=tuple("abcdef"))).endswith("(a, b, c, d, e, …) carry none.")
    assert reports.coverage(report(silent=(), without_tls=0)) == (
        "5,912,004 events read, none without TLS details."
    )


@pytest.mark.parametrize("change", ["new", "back"])
def test_what_is_new_or_back_is_news(change: Change) -> None:
    assert reports.is_news(report(entry(change)))
    assert not reports.is_news(report(entry(change), is_baseline=True))


def test_what_is_no_longer_known_is_news() -> None:
    assert reports.is_news(report(entry("open", note="was known until 7 Dec (alice: soon)")))
    assert reports.is_news(report(entry("quiet", note="was known until 7 Dec (alice: soon)")))


def test_what_goes_on_is_no_news() -> None:
    known = entry("known", note="known until 7 Dec (alice: soon)")
    assert not reports.is_news(report(entry("open"), entry("quiet"), known, entry("resolved")))
    assert not reports.is_news(report())
    assert not reports.is_news(report(events=0, without_tls=0))


# --- table and chart


def test_the_table_has_a_row_for_each_finding_as_it_is_told() -> None:
    nameless = replace(entry("quiet", calls=0, note="why").finding, principal="", client="")
    late = entry("back", calls=0, note="its calls arrived late")
    quiet = replace(entry("quiet", calls=0, note="why"), finding=nameless)
    with figures.table(report(entry("new", calls=7), late, quiet)) as told:
        assert list(told.rows()) == [
            ("new", "s3.amazonaws.com", "role/export", "boto", 7, 0, SUNDAY, 1, None),
            ("back", "s3.amazonaws.com", "role/export", "boto", 0, 0, SUNDAY, 1, "its calls arrived late"),
            ("quiet", "s3.amazonaws.com", None, None, 0, 0, SUNDAY, 1, "why; no call since Fri 20 Nov"),
        ]


def test_no_findings_make_an_empty_table_with_its_columns() -> None:
    with figures.table(report()) as told:
        assert (told.row_count, told.columns) == (0, figures.FINDING_COLUMNS)


def test_each_column_has_its_own_label() -> None:
    labels = [column.label for column in figures.FINDING_COLUMNS]
    assert len(set(labels)) == len(labels)
    assert {"State", "Service", "Principal", "Client", "Calls", "Since", "Note"} <= set(labels)


def test_a_daily_chart_is_of_calls_a_day() -> None:
    history = (
        Point(day(28), day(29), 90, 1),
        Point(day(30), day(33), 300, 2),
        Point(day(33), day(35), 5, 2),
    )
    assert figures.chart(report(history=history)) == Graph(
        "Calls per day", ("28 Nov", "30 Nov–2 Dec", "3–4 Dec"), (Series("Calls", (90, 100, 2)),)
    )


def test_a_weekly_chart_burns_down() -> None:
    history = (Point(day(9), day(16), 700, 9), Point(day(16), day(23), 350, 4))
    assert figures.chart(report(start=16, is_weekly=True, history=history)) == Graph(
        "Calls and open findings per week",
        ("9 Nov", "16 Nov"),
        (Series("Calls", (700, 350)), Series("Open findings", (9, 4))),
    )


# --- whatever a report holds

DATES: Final = st.dates(date(2014, 1, 1), date(2100, 1, 1))
COUNTS: Final = st.integers(0, 10**13)
STRANGERS: Final = st.text(st.characters(), max_size=20)
"""Half surrogate pairs and zeros included."""

PERIODS: Final = st.builds(
    lambda start, days, trusted: Period(start, start + timedelta(days=days), trusted),
    DATES,
    st.integers(1, 9),
    st.booleans(),
)
KNOWN: Final = st.builds(Snooze, STRANGERS, STRANGERS, DATES, COUNTS, st.integers(0, 9))
FINDINGS: Final = st.builds(
    Finding,
    *[STRANGERS] * 3,
    *[DATES] * 3,
    COUNTS,
    st.integers(1, 9),
    st.none() | DATES,
    st.none() | KNOWN,
)
ENTRIES: Final = st.builds(
    Entry,
    st.sampled_from(["new", "back", "open", "quiet", "known", "resolved"]),
    FINDINGS,
    COUNTS,
    COUNTS,
    st.integers(1, 9_999),
    STRANGERS,
)
POINTS: Final = st.builds(Point, DATES, DATES, COUNTS, COUNTS)
REPORTS: Final = st.builds(
    Report,
    period=PERIODS,
    entries=st.lists(ENTRIES, max_size=5).map(tuple),
    calls=COUNTS,
    calls_before=st.none() | COUNTS,
    late=COUNTS,
    events=COUNTS,
    without_tls=COUNTS,
    silent=st.lists(STRANGERS, max_size=7).map(tuple),
    newest=st.none() | st.datetimes(datetime(2014, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    stale=st.none() | st.timedeltas(timedelta(0), timedelta(days=9_999)),
    subject=STRANGERS.map(lambda words: words.replace(":", "")),
    history=st.lists(POINTS, max_size=14).map(tuple),
)


@settings(deadline=None)
@given(REPORTS)
def test_a_report_comes_back_as_it_was_written(told: Report) -> None:
    written = reports.to_json(told)
    assert written.isascii()
    assert reports.from_json(written) == told


@settings(deadline=None)
@given(REPORTS, DATES)
def test_every_report_can_be_told(told: Report, today: date) -> None:
    said = reports.headline(told, today, BERLIN)
    what = said.removeprefix("⚠️ ").partition(": ")[2]
    assert what
    proven = told.period.trusted and told.events > told.without_tls and told.calls == 0
    assert proven or not what.startswith(("all clear", "the first digest, all clear"))
    assert all(note.endswith(".") for note in reports.notes(told, today, BERLIN))
    assert reports.coverage(told).endswith(".")
    chart = figures.chart(told)
    assert all(len(series.values) == len(chart.labels) == len(told.history) for series in chart.series)
    with figures.table(told) as rows:
        assert rows.row_count == len(told.entries)
    assert not (told.is_baseline and reports.is_news(told))


# --- ten days of one channel

NAMES: Final = {
    "Boto/2.38.0": ("s3.amazonaws.com", "role/nightly-export"),
    "Java/1.7.0_80": ("kms.amazonaws.com", "role/billing"),
    "curl/7.19.7": ("sts.amazonaws.com", "user/ops"),
    "libwww-perl/6.05": ("s3.amazonaws.com", "user/backup"),
}


@dataclass(frozen=True)
class Day:
    """One day: its calls as its digest finds them, and those for the day before that arrived since."""

    title: str
    calls: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    snoozed: str = ""
    """The client that is snoozed under its digest, until 7 December."""
    events: int = 5_912_004
    ends: int = 24
    """The local hour at which its events end."""


DAYS: Final = (
    Day(
        "the first digest",
        {"Boto/2.38.0": 100, "Java/1.7.0_80": 3, "libwww-perl/6.05": 10},
        snoozed="libwww-perl/6.05",
    ),
    Day("one new, one grows, one quiet, one known",
        {"Boto/2.38.0": 150, "curl/7.19.7": 7, "libwww-perl/6.05": 12}),
    Day("the lake has stopped", {"Boto/2.38.0": 90, "curl/7.19.7": 2}, ends=14),
    Day("the rest arrives, and the known one doubles",
        {"Boto/2.38.0": 240, "curl/7.19.7": 7, "libwww-perl/6.05": 25}, late={"Boto/2.38.0": 14}),
    Day("one resolved", {"Boto/2.38.0": 1_240, "curl/7.19.7": 8}),
    Day("nothing is read", events=0),
    Day("what was missing arrives, with one that is back",
        late={"Boto/2.38.0": 80, "curl/7.19.7": 8, "libwww-perl/6.05": 1, "Java/1.7.0_80": 2}),
    Day("silence"),
    Day("all resolved"),
    Day("all clear"),
)  # fmt: skip


def test_ten_days_read_well(request: pytest.FixtureRequest) -> None:
    told = "\n".join(_story())
    golden = GOLDEN / "ten-days.txt"
    if request.config.getoption("--renew-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


def _story() -> Iterator[str]:
    kept: tuple[Finding, ...] = ()
    history: list[Point] = []
    trusted: list[date] = []
    before: dict[str, int] = {}
    for number, today in enumerate(DAYS):
        start = day(16 + number)
        whole = today.ends == 24 and today.events > 0
        span = Period(start, start + timedelta(days=1), whole)
        full = {name: before.get(name, 0) + today.late.get(name, 0) for name in before | today.late}
        compared = compare(
            kept,
            _seen(today.calls, start),
            period=span,
            late=_seen(full, start - timedelta(days=1)),
            trusted=trusted,
        )
        still = sum(one.change != "resolved" for one in compared.entries)
        history.append(Point(span.start, span.end, sum(today.calls.values()), still))
        hour = today.ends if today.events else 0
        newest = datetime(start.year, start.month, start.day, tzinfo=BERLIN) + timedelta(
            hours=hour, minutes=-2
        )
        told = report(
            *compared.entries,
            period=span,
            calls_before=sum(full.values()) if number else None,
            late=sum(today.late.values()),
            events=today.events,
            without_tls=today.events // 48,
            silent=("health", "sso", "tax") if today.events else (),
            newest=newest.astimezone(UTC),
            stale=None if whole else timedelta(hours=33 - hour),
            is_baseline=number == 0,
            history=tuple(history),
        )
        yield from _page(f"Day {number + 1}: {today.title}", reports.from_json(reports.to_json(told)))
        kept = tuple(_snoozed(one, today.snoozed) for one in compared.findings)
        trusted += [start] * whole
        before = today.calls


def _seen(calls: dict[str, int], on: date) -> list[Seen]:
    return [Seen(*NAMES[name], name, count, on, on) for name, count in calls.items()]


def _snoozed(finding: Finding, client: str) -> Finding:
    known = Snooze("alice", "vendor upgrades in January", date(2026, 12, 7), finding.calls, 1)
    return replace(finding, snooze=known) if finding.client == client else finding


def _page(title: str, told: Report) -> Iterator[str]:
    yield f"# {title}\n"
    mention = "   @oncall" if reports.is_news(told) else ""
    yield reports.headline(told, told.period.end, BERLIN) + mention
    yield from reports.notes(told, told.period.end, BERLIN)
    chart = figures.chart(told)
    yield f"[{chart.title}: {', '.join(map(str, chart.series[0].values))}]\n"
    with figures.table(told) as table:
        if table.row_count:
            yield " | ".join(column.label for column in table.columns)
            for row in table.rows():
                yield " | ".join(
                    text(readable(*pair)) for pair in zip(table.columns, row, strict=True)
                ).rstrip()
            yield ""
    yield f"{reports.coverage(told)}\n\n"
