from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from dateutil import tz

from bot.answers.coverage import Coverage
from bot.answers.summary import Summary
from bot.archive.archive import BadFile, Ingested, Progress
from bot.cli import terminal
from bot.table import Cell, Column, Row, Table
from tests.conftest import NOW
from tests.support.clock import Clock

if TYPE_CHECKING:
    from bot.table import ColumnType

CLIENTS = (
    Column("userAgent", "TEXT"),
    Column("tlsVersion", "TEXT"),
    Column("numOutdatedTlsCalls", "INTEGER"),
)
BOTO = "Boto/2.38.0 Python/2.6.6 Linux/2.6.32-573.el6.x86_64"
BERLIN = tz.gettz("Europe/Berlin") or UTC


def table_of(columns: tuple[Column, ...], *rows: Row) -> Table:
    return Table(columns, [list(rows)])


def rendered(table: Table, width: int | None = 80) -> list[str]:
    return terminal.render(table, width=width, zone=BERLIN, now=NOW).splitlines()


def column(type_: ColumnType, *cells: Cell) -> list[str]:
    """How `cells` look under one column, without its label."""
    name = Column("x", "TEXT"), Column("y", type_)
    rows = [(f"{number}", cell) for number, cell in enumerate(cells)]
    return [line.split("  ", 1)[1].strip() for line in rendered(table_of(name, *rows))[2:]]


def test_a_table_is_labels_a_rule_and_rows_with_numbers_to_the_right() -> None:
    table = table_of(CLIENTS, ("Boto/2.38.0", "TLSv1", 1812), ("aws-cli/1.2.9", "TLSv1.1", 7))

    assert rendered(table) == [
        "Client         TLS      Calls",
        "-------------  -----  -------",
        "Boto/2.38.0    1.0      1,812",
        "aws-cli/1.2.9  1.1          7",
    ]


def test_a_column_that_says_the_same_in_every_row_is_said_once_above() -> None:
    table = table_of(CLIENTS, ("a", "TLSv1", 1), ("b", "TLSv1", 1))

    assert rendered(table) == [
        "All rows: TLS 1.0",
        "",
        "Client      Calls",
        "--------  -------",
        *["a               1", "b               1"],
    ]


def test_rows_that_all_say_the_same_are_one_line() -> None:
    names = (Column("eventName", "TEXT"), Column("awsRegion", "TEXT"))

    assert rendered(table_of(names, ("Get", "eu-west-1"), ("Get", "eu-west-1"))) == [
        "All rows: Call Get · Region eu-west-1",
    ]


@pytest.mark.parametrize("width", [200, 80, 60, 40, 30])
def test_every_line_fits_the_screen_whatever_its_width(width: int) -> None:
    columns = tuple(Column(f"c{number}", "TEXT") for number in range(9))
    rows: list[Row] = [(*(f"{BOTO} {row} {place}" for place in range(9)), 1_234_567) for row in range(5)]
    table = table_of((*columns, Column("n", "INTEGER")), *rows)

    grid = [line for line in rendered(table, width) if not line.endswith("all of it.")]

    assert max(map(len, grid)) <= width
    assert all(line.endswith("1,234,567") for line in grid[2:])


def test_what_was_cut_keeps_both_its_ends_and_is_admitted() -> None:
    lines = rendered(table_of(CLIENTS, (BOTO, "TLSv1", 1), ("x", "TLSv1.1", 1)), width=40)

    assert lines[2].startswith("Boto/2.38")
    assert "…" in lines[2]
    assert "x86_64  1.0" in lines[2]
    assert lines[-1] == "Cells with … are cut to fit the screen. `--format csv` has all of it."


def test_a_column_there_is_no_room_for_is_named_and_tells_least() -> None:
    columns = (Column("awsRegion", "TEXT"), *CLIENTS)
    rows: list[Row] = [
        ("r1", "agent-one", "TLSv1", 1),
        ("r1", "agent-two", "TLSv1.1", 2),
        ("r2", "three", "TLSv1", 3),
    ]

    lines = rendered(table_of(columns, *rows), width=20)

    assert lines[0].split() == ["Client", "Calls"]
    assert lines[-1] == "No room for Region, TLS. `--format csv` has all of it."


def test_a_screen_of_rows_is_shown_and_the_rest_is_counted() -> None:
    rows: list[Row] = [(f"{number}", f"v{number}", 1) for number in range(1_234)]
    with Table(CLIENTS, [rows]) as table:
        lines = rendered(table)

    assert len(lines) == 2 + terminal.SCREEN_ROWS + 1
    assert lines[-1] == "Showing the first 100 of 1,234 rows. `--format csv` has all of it."


def test_nothing_is_cut_where_there_is_no_screen() -> None:
    lines = rendered(table_of(CLIENTS, (BOTO * 9, "TLSv1", 1), ("x", "TLSv1.1", 1)), width=None)

    assert BOTO * 9 in lines[2]
    assert "all of it" not in lines[-1]


def test_a_table_without_rows_is_its_labels() -> None:
    assert rendered(table_of(CLIENTS)) == ["Client    TLS    Calls", "--------  -----  -------"]


def test_cells_are_shown_for_people() -> None:
    assert column("INTEGER", 1_234_567, -5, None) == ["1,234,567", "-5", "–"]
    assert column("NUMBER", 12.5, 1234.0, None) == ["12.5", "1,234.0", "–"]
    assert column("FLAG", True, False, None) == ["true", "false", "–"]
    assert column("DATE", NOW.date(), None) == ["2026-11-23", "–"]
    assert column("TIME", NOW, datetime(2026, 11, 1, 12, 0, tzinfo=UTC)) == ["09:14", "1 Nov 13:00"]


def test_services_are_called_by_their_short_name() -> None:
    services = (Column("eventSource", "TEXT"), Column("numCalls", "INTEGER"))

    lines = rendered(table_of(services, ("s3.amazonaws.com", 2), (None, 1)))

    assert [line.split() for line in lines[2:]] == [["s3", "2"], ["–", "1"]]


def test_what_strangers_wrote_only_shows() -> None:
    lines = rendered(table_of(CLIENTS, ("a\x1b[2J\u202eb\nc\td", "TLSv1", 1), ("1e5", "TLSv1.1", 1)))

    assert lines[2].startswith("a\\u001b[2J\\u202eb\\nc\\td")
    assert lines[3].startswith("1e5 ")
    assert not any(character in "\n".join(lines) for character in "\x1b\u202e\t")


# --- the line below


def report(table: Table, found: Summary) -> str:
    return terminal.report(table, found, zone=BERLIN, now=NOW, seconds=0.21)


def test_the_report_says_rows_totals_what_was_read_and_how_long() -> None:
    coverage = Coverage(4_959_792, 104_156, (), NOW, datetime(2026, 11, 23, 8, 2, tzinfo=UTC))

    said = report(table_of(CLIENTS, ("a", "TLSv1", 7)), Summary("7 calls with 1 client", "", coverage))

    assert said == (
        "1 row, 7 calls with 1 client. 4,959,792 events read, 2.1 % without TLS details, newest 09:02. 0.2 s"
    )


def test_the_report_of_no_rows_is_the_headline_and_its_proof() -> None:
    said = report(table_of(CLIENTS), Summary("No call over TLS older than 1.2", "Believe it.", None))

    assert said == "No call over TLS older than 1.2. Believe it. 0.2 s"


def test_an_ingest_is_told_in_a_line_and_its_bad_files_after_it() -> None:
    done = Ingested(2, 1_000, 3, 1, 0, (BadFile("a\x1b.json", "it is\nno JSON"),), 1.26)

    assert terminal.ingested(done).splitlines() == [
        "2 files read, 1,000 known already, 3 not logs. 1 event, 0 duplicates dropped. 1.3 s",
        "1 file could not be read, and will be tried again next time:",
        "    a\\u001b.json: it is\\nno JSON",
    ]


# --- progress, without a terminal


def test_without_a_terminal_an_ingest_tells_a_line_every_ten_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock(NOW)
    with terminal.ingest_progress(clock.monotonic) as progress:
        for seconds in (1.0, 9.0, 10.0, 12.0, 19.9, 20.0):
            clock.now = NOW + timedelta(seconds=seconds)
            progress(Progress(files=10, files_total=40, events=250_000, seconds=seconds))

    assert capsys.readouterr().err.splitlines() == [
        "10 of 40 files, 25,000 events/s, 30 s left",
        "10 of 40 files, 12,500 events/s, 1 min 0 s left",
    ]


def test_without_a_terminal_a_query_tells_a_line_every_ten_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock(NOW)
    with terminal.query_progress(clock.monotonic) as progress:
        for seconds in (1.0, 10.0, 70.0):
            clock.now = NOW + timedelta(seconds=seconds)
            progress(None, "running", 1_800_000_000 if seconds > 60 else 0)

    assert capsys.readouterr().err.splitlines() == ["running 10 s", "running 1 min 10 s · 1.8 GB read"]


def test_a_quick_step_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.query_progress() as progress:
        progress(None, "running", 0)
    with terminal.ingest_progress() as telling:
        telling(Progress(files=0, files_total=4, events=0, seconds=0.0))

    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("capsys")
def test_no_terminal_has_no_width() -> None:
    assert terminal.width() is None
