"""docs/threats.md: every line names a test, and that test is there, and tries as much as the line says."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.scenarios.test_access_table import WAYS
from tests.test_errors import ASKING, REFUSALS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]


WITHIN: Final = {
    "test_whoever_may_not_ask_gets_a_word_and_nothing_else": 2 * len(WAYS),
    "test_what_aws_refuses_is_told_to_whoever_asks_without_its_words": len(ASKING) * len(REFUSALS),
}
"""How much is tried by tests that go through a list by themselves."""


def rows() -> list[str]:
    lines = (ROOT / "docs/threats.md").read_text(encoding="utf-8").splitlines()
    heads = ("| who wants what", "| way |", "| kind |", "|---")
    return [line for line in lines if line.startswith("|") and not line.startswith(heads)]


TRIED: Final = [
    found.groups()
    for row in rows()
    if (found := re.fullmatch(r"\|[^|]+\| (\d+) \|[^|]+\| `(.+)::(\w+)` \|", row))
]
"""How many, in which file, by which test."""


def parameters(test: Callable[..., None]) -> int:
    """How often pytest runs a test."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    return prod(len(mark.args[1]) for mark in marks)


def test_every_threat_names_a_test_that_is_there() -> None:
    assert len(rows()) >= 20
    for row in rows():
        (named,) = re.findall(r"`(tests/[\w/.]+)::(test_\w+)` \|$", row)
        tree = ast.parse((ROOT / named[0]).read_text(encoding="utf-8"))
        assert named[1] in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}, named


@pytest.mark.parametrize(("tried", "file", "name"), TRIED)
def test_as_many_of_a_kind_are_tried_as_the_page_says(tried: str, file: str, name: str) -> None:
    module = import_module(file.removesuffix(".py").replace("/", "."))

    assert int(tried) == WITHIN.get(name, parameters(getattr(module, name)))
    assert int(tried) > 10


def test_each_kind_is_on_the_page() -> None:
    assert len(TRIED) == 11


def test_what_is_installed_is_locked_and_audited() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        packages = re.findall(r"^([\w.-]+)==\S+", text, re.M)
        assert len(packages) > 20
        assert len(re.findall(r"^[\w.-]+==[^\n]* \\\n(?:[^\n]*\n)?\s*--hash=sha256:", text, re.M)) == len(
            packages
        )
    listed = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    locked = re.findall(
        r"^([\w.-]+)==([^\s\\;]+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.M
    )
    assert [pair for pair in locked if "| {} | {} |".format(*pair) not in listed] == []
    assert "make audit" in (ROOT / ".ci/run").read_text(encoding="utf-8")
