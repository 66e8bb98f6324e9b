from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answers.export import to_csv, to_json
from bot.table import HEAD_ROWS, Cell, Column, Row, Table, readable
from bot.text import literal

TEXT_AND_COUNT = (Column("who", "TEXT"), Column("calls", "INTEGER"))
EVERY_TYPE = (
    Column("text", "TEXT"),
    Column("whole", "INTEGER"),
    Column("share", "NUMBER"),
    Column("when", "TIME"),
    Column("day", "DATE"),
    Column("flag", "FLAG"),
)
NOON = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)


def table_of(columns: tuple[Column, ...], *rows: Row) -> Table:
    return Table(columns, [list(rows)])


def csv_of(table: Table) -> str:
    file = io.StringIO()
    to_csv(table, file)
    return file.getvalue()


def test_rows_beyond_the_head_come_back_from_disk_with_their_types() -> None:
    row: Row = ("ä", 7, 0.5, NOON, date(2026, 11, 16), True)
    rows = [row, (None,) * 6] * HEAD_ROWS
    with Table(EVERY_TYPE, [rows[:1500], rows[1500:]]) as table:
        assert table.row_count == 2 * HEAD_ROWS
        assert table.head == rows[:HEAD_ROWS]
        assert list(table.rows()) == rows
        assert list(table.rows()) == rows


def test_two_readers_of_one_table_do_not_disturb_each_other() -> None:
    with Table(TEXT_AND_COUNT, ([(f"{n}", n)] for n in range(3 * HEAD_ROWS))) as table:
        assert all(one == other for one, other in zip(table.rows(), table.rows(), strict=True))


def test_columns_that_never_change_are_found_even_beyond_the_head() -> None:
    same = [("a", 1)] * (HEAD_ROWS + 1)
    with Table(TEXT_AND_COUNT, [[*same, ("a", 2)]]) as table:
        assert table.constants() == {0: "a"}


def test_one_row_has_no_constants() -> None:
    assert table_of(TEXT_AND_COUNT, ("a", 1)).constants() == {}


def test_csv_carries_the_views_own_names_and_plain_cells() -> None:
    row: Row = ("ä, b", 1234, 0.5, NOON, date(2026, 11, 16), True)

    assert csv_of(table_of(EVERY_TYPE, row, (None,) * 6)) == (
        'text,whole,share,when,day,flag\n"ä, b",1234,0.5,2026-11-16T12:00:00Z,2026-11-16,true\n,,,,,\n'
    )


def test_csv_of_no_rows_is_its_header() -> None:
    assert csv_of(table_of(TEXT_AND_COUNT)) == "who,calls\n"


def test_formulas_in_csv_are_defused_and_negative_numbers_are_not() -> None:
    rows: list[Row] = [("=1+1", -5), ("+a", 0), ("-a", 0), ("@a", 0), (" =1", 0), ("\t=1", 0), ("a=1", 0)]

    cells = [line.split(",")[0] for line in csv_of(table_of(TEXT_AND_COUNT, *rows)).splitlines()[1:]]

    assert cells == ["'=1+1", "'+a", "'-a", "'@a", "' =1", "\\t=1", "a=1"]
    assert ",-5\n" in csv_of(table_of(TEXT_AND_COUNT, *rows))


def test_acting_characters_are_written_out() -> None:
    assert literal("a\nb\x00\x1b[31m\u202egpj\u2028\ud800é你") == (
        "a\\nb\\u0000\\u001b[31m\\u202egpj\\u2028\\ud800é你"
    )


@given(st.lists(st.lists(st.text() | st.text("=+-@ \t\n\r,\"'a\u202e"), min_size=1, max_size=30)))
def test_a_csv_cell_is_the_same_in_any_company(batches: list[list[str]]) -> None:
    # harmless batches are written by a shorter way than those with one harmful cell in them
    columns = (Column("who", "TEXT"), Column("n", "INTEGER"))
    together = csv_of(Table(columns, [[(cell, 1) for cell in batch] for batch in batches]))
    alone = [csv_of(table_of(columns, (cell, 1))).removeprefix("who,n\n") for b in batches for cell in b]

    assert together == "who,n\n" + "".join(alone)


@given(st.lists(st.text(), min_size=1))
def test_csv_reads_back_as_what_is_shown(cells: list[str]) -> None:
    read = list(csv.reader(io.StringIO(csv_of(table_of(TEXT_AND_COUNT, *((cell, 1) for cell in cells))))))

    shown = [row[0] for row in read[1:]]
    # an apostrophe stands before whatever a spreadsheet could begin a formula with, wherever it splits
    assert [cell.replace("'", "") for cell in shown] == [literal(was).replace("'", "") for was in cells]
    assert not any(cell[:1] in "=+-@" for cell in shown if cell)


@given(st.lists(st.tuples(st.none() | st.text(), st.none() | st.integers(-(2**53), 2**53))))
def test_json_reads_back_as_the_rows_and_holds_nothing_that_acts(rows: list[tuple[Cell, Cell]]) -> None:
    file = io.StringIO()
    to_json(table_of(TEXT_AND_COUNT, *rows), file)

    assert [(row["who"], row["calls"]) for row in json.loads(file.getvalue())] == rows
    assert all(character == "\n" or literal(character) == character for character in file.getvalue())


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        (0.0, 0.0),
        (0.02, "under 0.1"),
        (33.333333333333336, 33.3),
        (99.98, "over 99.9"),
        (100.0, 100.0),
        (None, None),
    ],
)
def test_a_share_is_shown_as_none_or_all_only_where_it_is(exact: float | None, shown: Cell) -> None:
    assert readable(Column("percentTls13", "NUMBER"), exact) == shown
