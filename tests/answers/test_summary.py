from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from dateutil import tz

from bot import wording
from bot.answers import summary
from bot.answers.coverage import Coverage
from bot.table import Column, Row, Table
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.question import Question
    from bot.question.views import View

CAP = 1_000
COVERAGE = (
    Column("eventSource", "TEXT"),
    Column("numEvents", "INTEGER"),
    Column("numWithoutTls", "INTEGER"),
    Column("oldestEvent", "TIME"),
    Column("newestEvent", "TIME"),
    Column("numWithoutSuite", "INTEGER"),
    Column("numWithoutKeyExchange", "INTEGER"),
    Column("numWithoutHost", "INTEGER"),
)
OLDEST = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
NEWEST = datetime(2026, 11, 23, 8, 2, tzinfo=UTC)
BERLIN = tz.gettz("Europe/Berlin") or UTC


def found(question: Question, rows: list[Row], covered: list[Row] | None = None) -> summary.Summary:
    """What is found in `rows`, each filled up with NULL to the view's columns."""
    columns = question.view.columns
    filled = [row + (None,) * (len(columns) - len(row)) for row in rows]
    with Table(columns, [filled]) as table:
        return summary.summarize(question, table, _covering(covered), cap=CAP)


def _covering(rows: list[Row] | None) -> Table | None:
    return None if rows is None else Table(COVERAGE, [rows])


def events(
    service: str | None, count: int, without_tls: int = 0, *, suite: int = 0, exchange: int = 0, host: int = 0
) -> Row:
    """A row of the coverage: how many events, and how many of them do not say what."""
    return (service, count, without_tls, OLDEST, NEWEST, suite, exchange, host)


# --- the headline


@pytest.mark.parametrize(
    ("text", "rows", "headline"),
    [
        ("by=services", [("s3.amazonaws.com", 1234)], "1,234 calls to 1 service"),
        ("by=services", [("s3.amazonaws.com", 1)], "1 call to 1 service"),
        ("by=services", [("a", 1), ("b", 1)], "2 calls to 2 services"),
        ("by=clients", [("x", "TLSv1", 2, 5), ("x", "TLSv1.1", 1, 2), ("y", "TLSv1", 1, 1)],
         "8 calls with 2 clients"),
        ("by=principals", [("p", 1, 1, NEWEST, 7)], "7 calls by 1 principal"),
        ("by=accounts", [("1", 1, 1, 2), ("2", 1, 1, 3)], "5 calls in 2 accounts"),
        ("by=regions", [("us-east-1", 1, 1, 2)], "2 calls in 1 Region"),
        ("by=addresses", [("s", "TLSv1", "1.1.1.1", "1", 2), ("s", "TLSv1", "1.1.1.2", "1", 2)],
         "4 calls to 1 service in 1 account from 2 addresses"),
        ("by=calls", [("1", "1", "p", "s", "e", "r", "TLSv1", "c", "u", 4)],
         "4 calls by 1 principal with 1 client to 1 service"),
        ("by=requests", [("GetObject", "us-east-1"), ("GetObject", "eu-west-1")], "2 calls"),
        ("by=ciphers", [("RC4-MD5", "TLSv1", "RC4", 1, 1, 3)], "3 calls with 1 cipher suite"),
        ("by=trend", [(NOW.date(), 1, 2, 3, 4, 5, 15)], "15 calls"),
        ("by=coverage", [("s", 12, 1, NEWEST)], "12 events to 1 service"),
    ],
)  # fmt: skip
def test_the_headline_says_the_totals_that_the_columns_allow(
    text: str, rows: list[Row], headline: str, ask: Callable[[str], Question]
) -> None:
    assert found(ask(f"last 7d {text}"), rows).headline == headline


def test_two_addresses_are_not_addresss() -> None:
    assert wording.counted(2, "address") == "2 addresses"
    assert wording.counted(1, "address") == "1 address"


def test_nobody_is_no_principal(ask: Callable[[str], Question]) -> None:
    assert found(ask("last 7d by=principals"), [(None, 1, 1, NEWEST, 7)]).headline == "7 calls"


def test_very_many_values_are_over_a_number_that_was_counted(ask: Callable[[str], Question]) -> None:
    many: list[Row] = [(f"{number}", "TLSv1", 1, 1) for number in range(summary.DISTINCT_CAP + 5)]

    assert found(ask("last 7d by=clients"), many).headline == "100,005 calls with over 100,000 clients"


@pytest.mark.parametrize(
    ("words", "rows", "ending"),
    [
        ("", CAP, " in the first 1,000 rows, the most an answer may have"),
        ("", CAP - 1, " to 999 services"),
        ("top=3", 3, " in the top 3"),
        ("top=3", 2, " to 2 services"),
        ("top=1", 1, " to 1 service in the top 1"),
    ],
)
def test_a_total_of_some_rows_only_says_so(
    words: str, rows: int, ending: str, ask: Callable[[str], Question]
) -> None:
    counted: list[Row] = [(f"{number}", 1) for number in range(rows)]

    assert found(ask(f"last 7d {words}"), counted).headline.endswith(ending)


# --- zero


def test_no_rows_is_no_call_in_the_questions_own_words(ask: Callable[[str], Question]) -> None:
    covered = [events("s3.amazonaws.com", 9)]
    assert found(ask("last 7d service=s3 by=clients"), [], covered).headline == (
        "No call over TLS older than 1.2 to s3"
    )
    nothing = found(ask("last 7d by=versions"), [], covered)
    assert nothing.headline == "Nothing found: TLS versions per service"


def test_a_zero_proves_itself_by_what_was_read_and_what_cannot_be_seen(
    ask: Callable[[str], Question],
) -> None:
    covered = [
        events("s3.amazonaws.com", 100),
        events("sso.amazonaws.com", 2, 2),
        events("health.amazonaws.com", 1, 1),
    ]

    zero = found(ask("last 7d"), [], covered)

    assert zero.proof == (
        "2 services (health, sso) carry no TLS details. AWS refuses older handshakes before any event is "
        "written, so a client that cannot connect is not in here: ask `min=1.3` for who comes next."
    )


@pytest.mark.parametrize(
    ("words", "is_refused"),
    [
        ("", True),
        ("min=1.1", True),
        ("version=1.0,1.1", True),
        ("min=1.3", False),
        ("version=1.2", False),
        ("version=1.1,1.2", False),
        ("by=versions", False),
    ],
)
def test_only_versions_that_aws_refuses_get_the_advice_to_ask_for_newer_ones(
    words: str, is_refused: bool, ask: Callable[[str], Question]
) -> None:
    zero = found(ask(f"last 7d {words}"), [], [events("s3.amazonaws.com", 9)])

    assert ("AWS refuses" in zero.proof) is is_refused


def test_one_silent_service_carries_and_many_are_cut_short(ask: Callable[[str], Question]) -> None:
    spoken = events("s3.amazonaws.com", 9)
    one = found(ask("last 7d min=1.3"), [], [spoken, events("tax.amazonaws.com", 1, 1)])
    many = found(
        ask("last 7d min=1.3"), [], [spoken, *(events(f"{n}.amazonaws.com", 1, 1) for n in range(7))]
    )

    assert one.proof == "1 service (tax) carries no TLS details."
    assert many.proof == "7 services (0, 1, 2, 3, 4, …) carry no TLS details."


def test_a_zero_over_nothing_proves_nothing(ask: Callable[[str], Question]) -> None:
    nothing = found(ask("last 7d"), [], [])
    silent = found(ask("last 7d"), [], [events("tax.amazonaws.com", 4, 4)])

    assert (
        nothing.signed
        == silent.signed
        == ("⚠️ No call over TLS older than 1.2 found, but this proves nothing")
    )
    assert nothing.proof == "No event at all was read for this window and these filters."
    assert silent.proof == "None of these events says its TLS version."


def test_rows_need_no_proof(ask: Callable[[str], Question]) -> None:
    assert found(ask("last 7d"), [("s3.amazonaws.com", 1)], [events("tax.amazonaws.com", 4, 4)]).proof == ""


def test_without_coverage_nothing_is_claimed(ask: Callable[[str], Question]) -> None:
    zero = found(ask("last 7d"), [])

    assert (zero.proof, zero.coverage) == ("", None)
    assert zero.signed == "⚠️ No call over TLS older than 1.2 found, but this proves nothing"


def test_an_event_without_a_source_and_one_with_a_hostile_source_are_named_harmlessly(
    ask: Callable[[str], Question],
) -> None:
    covered = [events("s3.amazonaws.com", 9), events(None, 1, 1), events("a\x1b[31m", 1, 1)]

    zero = found(ask("last 7d min=1.3"), [], covered)

    assert zero.proof == "2 services (a\\u001b[31m, unnamed) carry no TLS details."


# --- coverage


@pytest.mark.parametrize(
    ("count", "without_tls", "words"),
    [
        (4_959_792, 104_156, "4,959,792 events read, 2.1 % without TLS details"),
        (1, 0, "1 event read, none without TLS details"),
        (1_000_000, 1, "1,000,000 events read, under 0.1 % without TLS details"),
        (4, 4, "4 events read, 100.0 % without TLS details"),
    ],
)
def test_coverage_says_how_much_was_read(count: int, without_tls: int, words: str) -> None:
    assert Coverage(count, without_tls, (), OLDEST, NEWEST).words(UTC, NOW) == f"{words}, newest 08:02"


def test_coverage_of_nothing_is_zero_events() -> None:
    assert Coverage(0, 0, (), None, None).words(UTC, NOW) == "0 events read"


def test_coverage_adds_up_the_services(ask: Callable[[str], Question]) -> None:
    covered = [events("a.amazonaws.com", 10, 1), events("b.amazonaws.com", 5, 5)]

    assert found(ask("last 7d"), [], covered).coverage == Coverage(
        15, 6, ("b",), OLDEST, NEWEST, {"cipher suite": 0, "key exchange": 0, "host": 0, "client": 15}
    )


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 23, 8, 2, tzinfo=UTC), "09:02"),
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "00:30"),
        (datetime(2026, 11, 22, 22, 58, tzinfo=UTC), "22 Nov 23:58"),
        (datetime(2025, 3, 1, 12, 0, tzinfo=UTC), "1 Mar 2025 13:00"),
    ],
)
def test_a_moment_is_told_in_the_readers_zone_as_shortly_as_it_can(moment: datetime, shown: str) -> None:
    assert wording.moment(moment, BERLIN, NOW) == shown


def test_every_noun_is_a_column_of_some_view(catalogue: dict[str, View]) -> None:
    names = {column.name for view in catalogue.values() for column in view.columns}

    assert set(summary._NOUNS) <= names  # noqa: SLF001 - a renamed column would fall silent


def test_a_window_that_begins_long_before_the_oldest_event_is_told_so(ask: Callable[[str], Question]) -> None:
    covered = [events("a", 10)]
    assert found(ask("last 30d"), [("a", 1)], covered).notes == ("The oldest event read is of 16 Nov 2026.",)
    assert found(ask("last 7d"), [("a", 1)], covered).notes == ()


def test_no_rows_of_a_view_that_narrows_are_not_no_calls(ask: Callable[[str], Question]) -> None:
    asked = ask("last 7d by=clients")
    asked = replace(asked, view=replace(asked.view, title="Failed calls", narrows=True))

    nothing = found(asked, [], [events("s3.amazonaws.com", 9)])

    assert nothing.headline == "Nothing found: Failed calls"
    assert nothing.proof == ""
    assert nothing.coverage is not None
