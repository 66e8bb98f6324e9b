"""The documents say what is true: settings, commands, questions and the view they show."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from bot import engines, settings
from bot.cli.main import app
from bot.question import views
from bot.question.parser import parse
from handlers.questions.commands import EXAMPLES
from tests.conftest import NOW

if TYPE_CHECKING:
    from bot.question.views import View

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAP = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_readme_lists_every_setting_and_its_default() -> None:
    table = section("Settings")

    named = settings.names()
    for field, about in settings.fields().items():
        name = named[field]
        (row,) = (line for line in table.splitlines() if f"`{name}`" in line and line.startswith("|"))
        default = about.default
        if isinstance(default, (int, float)) or (isinstance(default, str) and default):
            assert f"`{default}`" in row
    assert set(re.findall(r"`(TLS_AUDIT_\w+)`", README)) <= set(settings.names().values())


def test_the_readme_names_every_engine() -> None:
    (row,) = (line for line in section("Settings").splitlines() if "`TLS_AUDIT_ENGINE`" in line)

    assert set(engines.ENGINES) <= set(re.findall(r"`(\w+)`", row))


def test_nobody_but_the_registry_and_their_own_files_names_an_engine() -> None:
    own = [path for name in engines.ENGINES for path in (f"engines/{name}", f"cli/{name}.py")]
    # the registry; the terminal's list of commands; the parser, which gives an example of every word
    lists = ["engines/__init__.py", "cli/main.py", "question/"]

    for path in [*ROOT.glob("bot/**/*.py"), *ROOT.glob("handlers/**/*.py")]:
        if not any(f"/{each}" in path.as_posix() for each in [*own, *lists]):
            text = path.read_text(encoding="utf-8")
            for name in engines.ENGINES:
                assert f'"{name}"' not in text, path
                assert f"engines.{name}" not in text, path


@pytest.mark.parametrize(
    "text", [*re.findall(r"^\| `([^`]+)` \|", section("Ask"), re.M), *(t for t, _ in EXAMPLES)]
)
def test_every_question_in_the_documents_can_be_asked(text: str, catalogue: dict[str, View]) -> None:
    question = parse(text, now=NOW, zone=UTC, views=catalogue, engines=engines.ENGINES)

    assert question.window.end - question.window.start > timedelta(0)


def test_the_readmes_windows_can_be_asked(catalogue: dict[str, View]) -> None:
    said = section("Ask").split("* **Windows**: ")[1].split("* **")[0]
    windows = re.findall(r"`([^`]+)`", said)

    assert len(windows) > 8
    for window in windows:
        text = window if re.search(r"\s|\.\.|day", window) else f"last {window}"
        parse(text, now=NOW, zone=UTC, views=catalogue, engines=engines.ENGINES)


def test_the_readmes_view_is_a_view() -> None:
    (sql,) = re.findall(r"```sql\n(.*?)```", section("Add a question"), re.S)

    assert views.parse("by-error", sql, where="README.md").has_policy


def test_every_command_in_the_readme_exists() -> None:
    listed = CliRunner().invoke(app, ["--help"]).output

    for command in set(re.findall(r"tls-audit ([a-z]+)", README)) - {"last"}:
        assert re.search(rf"\b{command}\b", listed), command


def test_the_map_names_every_module() -> None:
    for path in [*ROOT.glob("bot/*.py"), *ROOT.glob("handlers/*.py"), *ROOT.glob("bot/engines/*.py")]:
        if path.name != "__init__.py":
            assert f"`{path.name}`" in MAP, path
    for name in set(re.findall(r"`(\w+\.py)`", MAP)):
        assert [
            *ROOT.glob(f"bot/**/{name}"),
            *ROOT.glob(f"handlers/{name}"),
            *ROOT.glob(f"tests/**/{name}"),
        ], name


def test_the_picture_and_the_links_of_the_documents_exist() -> None:
    for text in (README, MAP):
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / link).exists(), link
