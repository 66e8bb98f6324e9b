"""The words in docs/troubleshooting.md are the code's own: whoever rewords an error rewords its row."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| `([^`]+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8"), re.M
)
OTHERS = frozenset(
    {
        "Could not determine home directory.",
        "The archive could not be written: …: no such table: main.an archive of a later version.",
    }
)
"""What is not ours to word, or not ours alone: pathlib's, and SQLite's of a view that a ledger holds."""


@cache
def spoken() -> tuple[str, ...]:
    """Every text in the code, with `…` for each value that is put in."""
    texts = []
    for folder in ("bot", "handlers"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    texts.append(re.sub("…+", "…", "".join(_part(part) for part in node.values)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value.replace("%s", "…"))
    return tuple(texts)


def _part(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "…"


@pytest.mark.parametrize("words", [row for row in ROWS if row not in OTHERS])
def test_what_one_may_see_is_what_the_code_says(words: str) -> None:
    bare = words.strip("….: ")

    assert any(bare in text for text in spoken()), words


def test_there_are_rows_and_each_says_what_to_do() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "You see" not in line]

    assert len(rows) > 30
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 3, row
        assert all(cells), row
