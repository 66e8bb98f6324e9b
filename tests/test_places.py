"""The straight line and the places to change, as CONTRIBUTING.md tells them: true, or these fail."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from datetime import UTC
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.engines import ENGINES
from bot.question import select, views
from bot.question.parser import parse
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

ROOT = Path(__file__).parents[1]
MAP = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LINE = MAP.split("\n## The straight line\n")[1].split("```")[1]


def steps() -> list[tuple[str, str]]:
    """Each caller of the straight line with each of what it calls, as `module:name`."""
    pairs, caller = [], ""
    for line in filter(str.strip, LINE.splitlines()):
        name = line.split()[0]
        if line.startswith(" "):
            pairs.append((caller, name))
        else:
            caller = name
    return pairs


def found(name: str) -> tuple[ModuleType, Any]:
    module, _, path = name.partition(":")
    loaded = importlib.import_module(module)
    return loaded, reduce(getattr, path.split("."), loaded)


def functions(module: ModuleType) -> dict[str, ast.AST]:
    """The functions and methods of a module, by their names."""
    tree = ast.parse(inspect.getsource(module))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def called(name: str, own: Mapping[str, ast.AST], seen: set[str]) -> Iterator[str]:
    """The names that a function calls, itself or through functions of its own module."""
    seen.add(name)
    for node in ast.walk(own[name]):
        if not isinstance(node, ast.Call):
            continue
        callee = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        yield callee
        if callee in own and callee not in seen:
            yield from called(callee, own, seen)


@pytest.mark.parametrize(("caller", "callee"), steps())
def test_each_step_of_the_straight_line_calls_the_next(caller: str, callee: str) -> None:
    module, function = found(caller)
    found(callee)

    assert callee.rpartition(":")[2].rpartition(".")[2] in set(
        called(function.__name__, functions(module), set())
    )


def test_the_straight_line_goes_from_a_surface_to_the_end_of_a_run() -> None:
    names = [name for pair in steps() for name in pair]

    assert (names[0].partition(".")[0], names[-1]) == ("handlers", "bot.worker.lease:Lease.finish")


def test_a_view_is_one_file(tmp_path: Path) -> None:
    (sql,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "views.md").read_text(encoding="utf-8"), re.S)
    (tmp_path / "by-error.sql").write_text(sql, encoding="utf-8")
    catalogue = views.load(tmp_path)

    question = parse("last 7d by-error", now=NOW, zone=UTC, views=catalogue, engines=ENGINES)

    assert "errorCode" in select.build(question, cap=10).sql()


A_ROW_MORE = """
from datetime import UTC, datetime
from bot.question import filters
filters.FILTERS["error"] = filters.FILTERS["event"]._replace(
    column="errorCode", phrase="failing with", guess="", aliases=()
)
from bot.question import parser, select, views
question = parser.parse(
    "last 7d error=AccessDenied", now=datetime.now(UTC), zone=UTC, views=views.load(), engines=()
)
print(question.filters[0].words())
print(select.build(question, cap=10).sql())
"""


def test_a_word_is_one_row() -> None:
    done = subprocess.run(
        [sys.executable, "-c", A_ROW_MORE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    words, sql = done.stdout.splitlines()

    assert words == "failing with AccessDenied"
    assert "errorCode" in sql


def test_nothing_but_its_own_room_knows_an_engine_by_its_name() -> None:
    """Who names one: the registry, and a lake's own commands."""
    named = {
        str(path.relative_to(ROOT))
        for path in [*ROOT.glob("bot/**/*.py"), *ROOT.glob("handlers/**/*.py")]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in ENGINES
    }

    assert {path for path in named if not path.startswith("bot/engines/")} <= {
        *(f"bot/cli/{name}.py" for name in ENGINES),
        "bot/cli/main.py",
    }


def test_every_engine_is_in_the_contract_that_keeps_them_apart() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (apart,) = [each for each in contracts["contracts"] if each["name"] == "Engines do not know each other"]

    assert set(apart["modules"]) == {
        place.partition(":")[0].removesuffix(".engine") for place in ENGINES.values()
    }


def test_messages_look_as_blockkit_has_them_look() -> None:
    """Who else writes blocks: a form is a view of its own, which no message shows."""
    shown = {
        "section",
        "context",
        "header",
        "divider",
        "table",
        "data_table",
        "rich_text",
        "actions",
        "markdown",
    }
    writers = {
        str(path.relative_to(ROOT))
        for path in ROOT.glob("handlers/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "type"
        if isinstance(value, ast.Constant) and value.value in shown
    }

    assert {path for path in writers if not path.startswith("handlers/blockkit/")} <= {
        "handlers/questions/form.py",
        "handlers/digests/forms.py",
        "handlers/questions/home.py",
    }
