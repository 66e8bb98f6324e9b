"""Who loads whom: what the contracts of pyproject.toml say of the source, held in a running process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
MOST_LINES = 400
SURFACES_AND_LAKES = {"slack_bolt", "slack_sdk", "handlers", "boto3", "botocore", "duckdb"}

EVERY_MODULE = """
import importlib, pkgutil, {package}
for each in pkgutil.walk_packages({package}.__path__, "{package}."):
    importlib.import_module(each.name)
"""

HELP = """
import sys
from bot.cli.main import main
sys.argv = ["tls-audit", "--help"]
try:
    main()
except SystemExit:
    pass
"""


def loaded(program: str) -> set[str]:
    """The top-level packages that a fresh process holds after `program`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{LOADED}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("package", ["bot.app", "bot.answers", "bot.digests", "bot.question"])
def test_what_a_person_can_do_needs_neither_slack_nor_aws_nor_duckdb(package: str) -> None:
    assert loaded(EVERY_MODULE.format(package=package)) & SURFACES_AND_LAKES == set()


def test_the_worker_and_the_store_need_them_neither() -> None:
    for package in ("bot.worker", "bot.store"):
        assert loaded(EVERY_MODULE.format(package=package)) & SURFACES_AND_LAKES == set()


def test_help_is_there_at_once_as_it_loads_no_grammar_of_sql() -> None:
    assert loaded(HELP) & (SURFACES_AND_LAKES | {"sqlglot", "sqlalchemy", "aiohttp"}) == set()


def constants() -> Iterator[tuple[str, str, Path]]:
    """Every public constant of a module: its name, its value as written, and where it is."""
    for path in [*ROOT.glob("bot/**/*.py"), *ROOT.glob("handlers/**/*.py")]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign):
                target, value = node.targets[0], node.value
            elif isinstance(node, ast.AnnAssign) and node.value:
                target, value = node.target, node.value
            else:
                continue
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=True))
            for name, each in pairs:
                if isinstance(name, ast.Name) and name.id.isupper() and not name.id.startswith("_"):
                    yield name.id, ast.unparse(each), path.relative_to(ROOT)


def test_no_constants_name_stands_for_two_values() -> None:
    """But what two engines call alike, as `PAGE_ROWS`, is of one lake here and of another there."""
    values: dict[str, dict[str, set[str]]] = {}
    for name, value, path in constants():
        engine = path.parts[2] if path.parts[:2] == ("bot", "engines") and len(path.parts) > 3 else ""
        values.setdefault(name, {}).setdefault(engine, set()).add(value)

    assert {
        name: of
        for name, of in values.items()
        if any(len(here | of.get("", set())) > 1 for here in of.values())
    } == {}


def test_a_file_of_python_has_one_subject() -> None:
    """A longer one has a second noun in it, and wants a second file."""
    sources = [*ROOT.glob("bot/**/*.py"), *ROOT.glob("handlers/**/*.py")]
    lines = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in sources}

    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}
