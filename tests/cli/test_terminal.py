from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from dateutil import tz
from rich.cells import cell_len

from bot.answers.arrangement import arranged
from bot.answers.coverage import Coverage
from bot.answers.summary import Summary
from bot.app import answer as answering
from bot.archive.archive import Archive
from bot.archive.ingest import BadFile, Ingested, Progress
from bot.archive.reports import Outcome, Report
from bot.cli import terminal
from bot.engines.local import Local
from bot.question.accounts import Accounts
from bot.table import Cell, Column, Row, Table
from tests.conftest import NOW
from tests.support.clock import Clock
from tests.support.logs import odd_records, quietly, write_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.question.question import Question
    from bot.question.views import View
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
        "Client         TLS  Calls",
        "-------------  ---  -----",
        "Boto/2.38.0    1.0  1,812",
        "aws-cli/1.2.9  1.1      7",
    ]


def test_a_column_that_says_the_same_in_every_row_is_said_once_above() -> None:
    table = table_of(CLIENTS, ("a", "TLSv1", 1), ("b", "TLSv1", 1))

    assert rendered(table) == [
        "All rows: TLS 1.0",
        "",
        "Client  Calls",
        "------  -----",
        *["a           1", "b           1"],
    ]


def test_rows_that_all_say_the_same_are_one_line() -> None:
    names = (Column("eventName", "TEXT"), Column("awsRegion", "TEXT"))

    assert rendered(table_of(names, ("Get", "eu-west-1"), ("Get", "eu-west-1"))) == [
        "All rows: Call Get · Region eu-west-1",
    ]


PRINCIPALS = (Column("principal", "TEXT"), Column("recipientAccountId", "TEXT"), Column("n", "INTEGER"))
NAMED = Accounts({"111122223333": "prod", "444455556666": "data"})


def test_an_account_that_all_principals_share_is_said_once_and_cut_from_their_arns() -> None:
    rows: list[Row] = [
        ("arn:aws:iam::111122223333:role/ci", "444455556666", 2),
        ("arn:aws:sts::111122223333:assumed-role/nightly/i-1", "777788889999", 1),
        ("ec2.amazonaws.com", None, 1),
    ]

    shown = terminal.render(table_of(PRINCIPALS, *rows), width=200, zone=BERLIN, now=NOW, accounts=NAMED)

    assert shown.splitlines() == [
        "All rows: Principals in prod (111122223333)",
        "",
        "Principal                 Account              N",
        "------------------------  -------------------  -",
        "role/ci                   data (444455556666)  2",
        "assumed-role/nightly/i-1  777788889999         1",
        "ec2.amazonaws.com         –                    1",
    ]


def test_an_account_that_is_said_already_is_not_said_twice() -> None:
    rows: list[Row] = [(f"arn:aws:iam::111122223333:user/{name}", "111122223333", 1) for name in "ab"]

    shown = terminal.render(table_of(PRINCIPALS, *rows), width=200, zone=BERLIN, now=NOW)

    assert shown.splitlines()[0] == "All rows: Account 111122223333"
    assert shown.splitlines()[-1] == "user/b     1"


def test_principals_of_several_accounts_keep_theirs_with_its_name() -> None:
    rows: list[Row] = [
        ("arn:aws:iam::111122223333:user/a", None, 1),
        ("arn:aws:iam::777788889999:user/b", None, 1),
    ]

    shown = terminal.render(table_of(PRINCIPALS, *rows), width=200, zone=BERLIN, now=NOW, accounts=NAMED)

    assert "arn:aws:iam::111122223333:user/a (prod)" in shown
    assert "arn:aws:iam::777788889999:user/b  " in shown


@pytest.mark.parametrize("width", [200, 80, 60, 40, 30])
def test_every_line_fits_the_screen_whatever_its_width(width: int) -> None:
    columns = tuple(Column(f"c{number}", "TEXT") for number in range(9))
    rows: list[Row] = [(*(f"{BOTO} {row} {place}" for place in range(9)), 1_234_567) for row in range(5)]
    table = table_of((*columns, Column("n", "INTEGER")), *rows)

    lines = rendered(table, width)

    assert max(map(len, lines)) <= width
    assert all("Boto" in line for line in lines[2:7])


def test_what_was_cut_keeps_both_its_ends_and_is_admitted() -> None:
    lines = rendered(table_of(CLIENTS, (BOTO, "TLSv1", 1), ("x", "TLSv1.1", 1)), width=40)

    assert lines[2].startswith("Boto/2.38")
    assert "…" in lines[2]
    assert "x86_64  1.0" in lines[2]
    assert " ".join(lines[-2:]) == "Cells with … are cut to fit the screen. `--format csv` has all of it."


def test_a_column_there_is_no_room_for_is_named_and_tells_least() -> None:
    columns = (Column("awsRegion", "TEXT"), *CLIENTS)
    rows: list[Row] = [
        ("r1", "agent-one", "TLSv1", 1),
        ("r1", "agent-two", "TLSv1.1", 2),
        ("r2", "three", "TLSv1", 3),
    ]

    lines = rendered(table_of(columns, *rows), width=20)

    assert lines[0].split() == ["Client", "Calls"]
    assert " ".join(lines[-4:]).endswith("No room for Region, TLS. `--format csv` has all of it.")


def test_a_screen_of_rows_is_shown_and_the_rest_is_counted() -> None:
    rows: list[Row] = [(f"{number}", f"v{number}", 1) for number in range(1_234)]
    with Table(CLIENTS, [rows]) as table:
        lines = rendered(table)

    assert len(lines) == 2 + terminal.SCREEN_ROWS + 1
    assert lines[-1] == "Showing 100 of 1,234 rows. `--format csv` has all of it."


def test_nothing_is_cut_where_there_is_no_screen() -> None:
    lines = rendered(table_of(CLIENTS, (BOTO * 9, "TLSv1", 1), ("x", "TLSv1.1", 1)), width=None)

    assert BOTO * 9 in lines[2]
    assert "all of it" not in lines[-1]


def test_a_table_without_rows_is_its_labels() -> None:
    assert rendered(table_of(CLIENTS)) == ["Client  TLS  Calls", "------  ---  -----"]


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


def screen_width(line: str) -> int:
    """How many cells of a screen a line takes, counted by another than the terminal's own."""
    return cell_len(line)


@pytest.fixture(scope="module")
def odd_archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Events whose agents are in wide characters, with marks, and as long as CloudTrail lets them be."""
    records = [
        {**record, "userAgent": agent}
        for record in odd_records()
        for agent in (
            "监控客户端/2.1 (東京リージョン) " * 3,
            "e\u0301" * 40,
            "x" * 1_024,
            "短い",
            "Boto/2.38.0",
        )
    ]
    for number, record in enumerate(records):
        record["eventID"] = f"odd-{number}"
    folder = tmp_path_factory.mktemp("odd")
    filled = Archive(folder / "archive")
    filled.ingest([str(write_logs(folder / "logs", records))], progress=quietly)
    return filled


@pytest.mark.parametrize("width", range(40, 301, 7))
def test_no_line_of_any_view_is_too_long_and_the_key_column_is_always_there(
    width: int, answers: dict[str, tuple[Question, Table, Summary]]
) -> None:
    for name, (question, table, summary) in answers.items():
        view = question.view
        lines = terminal.render(table, width=width, zone=BERLIN, now=NOW, view=view).splitlines()
        below = terminal.report(table, summary, zone=BERLIN, now=NOW, seconds=0.2)
        title = f"{question.words()} · {question.window.words(BERLIN, NOW)}"
        said = f"{terminal.wrapped(title, width)}\n{terminal.wrapped(below, width)}".splitlines()

        assert max(map(screen_width, [*lines, *said])) <= width, name
        shown = arranged(table, view, terminal.SCREEN_ROWS)
        among = [at for at in shown.places if at not in table.constants()]
        key = shown.key(among)
        if key is not None:
            labels = next(
                line for before, line in zip(["", *lines], lines, strict=False) if _is_header(line, lines)
            )
            label = table.columns[key].label
            assert label in labels or "…" in labels, (name, labels)


def _is_header(line: str, lines: list[str]) -> bool:
    after = lines[lines.index(line) + 1 :]
    return bool(after) and "-" in after[0] and set(after[0]) <= {"-", " "}


@pytest.fixture(scope="module")
def answers(
    odd_archive: Archive, catalogue: dict[str, View], ask: Callable[[str], Question]
) -> Iterator[dict[str, tuple[Question, Table, Summary]]]:
    """What every view answers about the odd events."""
    engine = Local(odd_archive, memory="1GB", seconds=60, at_once=2)
    with ExitStack() as kept:
        made = {}
        for name, view in catalogue.items():
            policy = "min=1.3" if view.has_policy else ""
            question = ask(f"2026-11-01..2026-11-23 by={name} {policy}")
            statements = answering.statements(question, engine, catalogue, cap=10_000)

            def run(which: str, statements: Any = statements) -> tuple[Table, int]:
                table = engine.run(statements[which], token="0", resume=None, progress=lambda *_: None)  # noqa: S106 - of no secret
                return table, table.scanned

            answer = kept.enter_context(
                answering.answer(question, run, statements, engine=engine, cap=10_000)
            )
            assert answer.table.row_count or name == "endpoints", name
            made[name] = question, answer.table, answer.summary
        yield made


def test_calls_and_tls_stand_first_and_most_calls_on_top(catalogue: dict[str, View]) -> None:
    table = table_of(CLIENTS, ("few", "TLSv1", 1), ("most", "TLSv1.1", 1_000), ("some", "TLSv1", 20))

    shown = terminal.render(table, width=80, zone=BERLIN, now=NOW, view=catalogue["clients"])

    assert shown.splitlines() == [
        "Calls  TLS  Client",
        "-----  ---  ------",
        "1,000  1.1  most",
        "   20  1.0  some",
        "    1  1.0  few",
    ]


def test_the_key_column_goes_after_every_other(catalogue: dict[str, View]) -> None:
    columns = (
        Column("principal", "TEXT"),
        *(Column(f"num{name}", "INTEGER") for name in ("Services", "Clients")),
    )
    table = table_of(
        (*columns, Column("numOutdatedTlsCalls", "INTEGER")), ("a" * 90, 1, 2, 3), ("b", 4, 5, 6)
    )

    lines = terminal.render(table, width=20, zone=BERLIN, now=NOW, view=catalogue["principals"]).splitlines()

    assert "Principal" in lines[0]
    assert "Services" not in lines[0]


def test_prose_wraps_at_words_and_a_longer_word_within_it() -> None:
    assert terminal.wrapped("one two three", 7) == "one two\nthree"
    assert terminal.wrapped("a 東京東京東京", 6) == "a\n東京東\n京東京"
    assert terminal.wrapped("one two three", None) == "one two three"
    assert terminal.wrapped("say:\n    one two three\n\nend", 11) == "say:\n    one two\n    three\n\nend"


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
        "2 files read, 1 event. 1,000 files known already and 3 files without logs. 1.3 s",
        "1 file could not be read, or not all of it:",
        "    a\\u001b.json: it is\\nno JSON",
    ]


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({"control message": 1, "digest": 1}, "1 control message, 1 digest"),
        ({"control message": 2, "digest": 3}, "3 digests, 2 control messages"),
        ({"S3 notification": 1_000}, "1,000 S3 notifications"),
        ({"text without JSON": 2, "JSON without events": 2}, "2 texts without JSON, 2 JSON without events"),
        ({"file of macOS": 2, "not a regular file": 2}, "2 files of macOS, 2 not regular files"),
        ({"left out by pattern": 2, "not a regular file": 1}, "2 left out by pattern, 1 not a regular file"),
    ],
)
def test_what_an_ingest_passed_over_is_counted_in_the_singular_or_the_plural(
    kinds: dict[str, int], words: str
) -> None:
    done = Ingested(1, 0, 0, 1, 0, (), 0.1, records_skipped=kinds)

    assert terminal.ingested(done).splitlines()[-1] == f"Passed over: {words}."


def test_a_file_that_was_passed_over_for_its_records_is_counted_once() -> None:
    kinds = {"control message": 1, "empty file": 2}
    done = Ingested(1, 0, 3, 1, 0, (), 0.1, skipped=kinds, records_skipped={"control message": 1})

    assert terminal.ingested(done).splitlines()[-1] == "Passed over: 2 empty files, 1 control message."


def test_of_a_file_that_was_read_it_is_said_what_in_it_was_passed_over() -> None:
    report = Report("a.json", Outcome.READ, skipped={"Insight event": 2, "digest": 1})

    assert report.words == "read, and passed over: 2 Insight events, 1 digest"


def test_an_ingest_of_nothing_new_says_so_in_words() -> None:
    told = terminal.ingested(Ingested(0, 1_000, 3, 0, 0, (), 0.1))
    assert told == "Nothing new: 1,000 files known already and 3 files without logs. 0.1 s"
    assert terminal.ingested(Ingested(0, 1, 0, 0, 0, (), 0.1)) == "Nothing new: 1 file known already. 0.1 s"


def test_an_ingest_that_found_nothing_at_all_says_that_there_are_no_logs() -> None:
    assert terminal.ingested(Ingested(0, 0, 0, 0, 0, (), 0.1)) == "No log files there. 0.1 s"


def test_of_an_ingest_that_read_nothing_only_the_bad_files_are_told() -> None:
    done = Ingested(0, 1_000, 3, 0, 0, (BadFile("a.json", "it is no JSON"),), 0.1)

    assert terminal.unread(done) == [
        "1 file could not be read, or not all of it:",
        "    a.json: it is no JSON",
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
