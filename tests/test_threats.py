"""docs/threats.md: every line names a test, and that test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rows() -> list[str]:
    lines = (ROOT / "docs/threats.md").read_text(encoding="utf-8").splitlines()
    heads = ("| who wants what", "| way |", "|---")
    return [line for line in lines if line.startswith("|") and not line.startswith(heads)]


def test_every_threat_names_a_test_that_is_there() -> None:
    assert len(rows()) >= 20
    for row in rows():
        (named,) = re.findall(r"`(tests/[\w/.]+)::(test_\w+)` \|$", row)
        tree = ast.parse((ROOT / named[0]).read_text(encoding="utf-8"))
        assert named[1] in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}, named


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
