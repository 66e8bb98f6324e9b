"""Strangers' text over all of Unicode: in a terminal, in Slack, in CSV and in JSON it only shows."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.answers.export import to_csv, to_json
from bot.table import Column, Table
from bot.text import literal, only_shows
from handlers.blockkit import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

SEPARATORS: Final = ",;\t|"
"""What spreadsheets split lines at, by the country they are in."""

ALL: Final = [chr(code) for code in range(0x110000)]

SIGNS: Final = [
    each for each in ALL if each == "−" or unicodedata.normalize("NFKC", each)[:1] in tuple("=+-@")
]
"""What begins a formula, or looks like it."""

INVISIBLE: Final = [
    each
    for each in ALL
    if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    or (unicodedata.category(each) == "Zs" and each != " ")
    or "VARIATION SELECTOR" in unicodedata.name(each, "")
    or re.fullmatch("(HALFWIDTH )?HANGUL .*FILLER", unicodedata.name(each, ""))
]
"""What acts, hides, or looks like a space: all of Cf, tags, soft hyphens, selectors and fillers too."""

strange = st.text() | st.text(
    "ab=+-@＝＋－＠ ,;|\t\n\r\"'\u00a0\u00ad\u180e\u2028\u202e\u3000\ufe0f\U000e0041", max_size=12
)


def csv_of(*cells: str) -> str:
    file = io.StringIO()
    columns = (Column("agent", "TEXT"), Column("calls", "INTEGER"))
    to_csv(Table(columns, [[(cell, 1) for cell in cells]]), file)
    return file.getvalue()


def json_of(*cells: str) -> str:
    file = io.StringIO()
    to_json(Table((Column("agent", "TEXT"),), [[(cell,) for cell in cells]]), file)
    return file.getvalue()


def cells_of(file: str) -> Iterator[str]:
    """Every cell that any spreadsheet may see: as the file quotes them, and split regardless of quotes."""
    for separator in SEPARATORS:
        for row in csv.reader(io.StringIO(file), delimiter=separator):
            yield from row
        for line in file.splitlines():
            yield from line.split(separator)


def runs(cell: str) -> bool:
    """Whether a spreadsheet may run a cell; quotes and blanks of any kind before it are not looked at."""
    begins = re.sub(r'^[\s"\u00ad\u200b-\u200f\ufeff]+', "", cell)[:1]
    return begins in SIGNS if begins else False


# --- all of Unicode


def test_all_that_acts_hides_or_looks_like_a_space_is_shown_by_its_number() -> None:
    shown = {each: literal(f"a{each}b") for each in INVISIBLE}

    assert len(INVISIBLE) > 2_500  # 2,048 halves, 256 selectors, 161 formats and more
    assert [each for each, words in shown.items() if not words.isascii()] == []
    assert len(set(shown.values())) == len(INVISIBLE), "and no two of them look the same"


def test_what_only_shows_is_shown_as_it_is() -> None:
    for text in ("Boto3/1.28 é 你好 العربية 🙂 ⚠️", "arn:aws:iam::111122223333:user/a\\b", "— …"):
        assert literal(text) == text


def test_the_selector_of_an_emoji_stays_and_is_seen_everywhere_else() -> None:
    assert literal("⚠️ a\ufe0f") == "⚠️ a\\ufe0f"


@given(strange)
def test_what_is_shown_in_a_terminal_stays_on_its_line_and_acts_no_more(text: str) -> None:
    assert only_shows(literal(text))
    assert len(literal(text).splitlines()) <= 1


@given(strange)
@example("<!channel> <@U1> &amp; <http://x|y>\u202e")
def test_what_slack_is_sent_neither_names_anyone_nor_acts(text: str) -> None:
    assert not set(blocks.fallback(text)) & set("<>")
    assert only_shows(blocks.fallback(text))
    for made in (blocks.text(text), blocks.text(text, code=True), *blocks.prose(text)):
        assert made["type"] == "text"
        assert only_shows(made["text"])


# --- CSV


@pytest.mark.parametrize(
    "before",
    ["", " ", "\u00a0", "\u3000", "\u00ad", "\t", "\r\n", "x;", "x|", "x,", "x\t", '"', 'x;"', "x; "],
)
def test_no_sign_of_any_alphabet_begins_a_formula_wherever_a_line_is_split(before: str) -> None:
    # what is split by hand may leave a quote of the file's before the cell
    file = csv_of(*(f"{before}{sign}cmd|'/C calc'!A0;y" for sign in SIGNS)).partition("\n")[2]

    assert [cell for cell in cells_of(file) if runs(cell)] == []
    assert len(SIGNS) >= 19


@given(st.lists(strange, min_size=1, max_size=5))
@example(["x;=cmd|'/C calc'!A0;y"])
@example(['x;"=1+1"'])
def test_no_cell_of_anyones_runs_wherever_a_line_is_split(cells: list[str]) -> None:
    file = csv_of(*cells).partition("\n")[2]

    assert [cell for cell in cells_of(file) if runs(cell)] == []
    assert only_shows(file.replace("\n", ""))
    assert file.count("\n") == len(cells)


@given(strange)
def test_but_for_the_apostrophes_a_file_says_what_is_shown(text: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_of(text).partition("\n")[2]))

    assert row[0].replace("'", "") == literal(text).replace("'", "")


# --- JSON


@given(st.lists(strange, min_size=1, max_size=5))
@example(["\U000e0041"])
def test_json_reads_back_as_it_was_and_holds_nothing_that_acts(cells: list[str]) -> None:
    file = json_of(*cells)

    assert only_shows(file.replace("\n", ""))
    assert [row["agent"] for row in json.loads(file)] == cells
