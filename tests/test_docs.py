"""The documents say what is true: each is held to the code, and each can fail."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from bot import cli, engines, settings
from bot.cli.main import command_line
from bot.digests import order
from bot.ops.metrics import Metrics
from bot.question import views
from bot.question.filters import FILTERS
from bot.question.vocabulary import SINGLE
from handlers.questions.commands import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.question import Question

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
COMMAND = re.compile(r"(?<![/-])\btls-audit ((?:[a-z]+ ?)+)")
"""`tls-audit …` in a terminal; `/tls-audit …` is Slack's."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(document: str, title: str) -> str:
    return text(document).split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(table: str) -> list[str]:
    """What stands in the first column of a Markdown table."""
    return [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]


# --- every document


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_links_to_is_there(document: str) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", text(document)):
        assert (ROOT / document).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    named = re.findall(r"`((?:bot|handlers|tests|docs|\.ci)/[\w./*-]*)`", text(document))

    for path in {*named, *re.findall(r"pytest (tests/[\w./-]+)", text(document))}:
        assert list(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_setting_that_a_document_names_is_one(document: str) -> None:
    assert set(re.findall(r"\bTLS_AUDIT_\w+", text(document))) <= set(settings.names().values())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_names_exists(document: str) -> None:
    listed = re.findall(r"^│ ([a-z]+) ", CliRunner().invoke(command_line(), ["--help"]).output, re.M)

    for words in COMMAND.findall(text(document)):
        assert words.split()[0] in listed, words


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_of_make_that_a_document_names_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.M))

    assert set(re.findall(r"(?:`|^)make ([a-z]+)", text(document), re.M)) <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_metric_that_a_document_names_is_measured(document: str) -> None:
    metrics = Metrics()
    metrics.watch(states=dict, sockets=lambda: (0, 0), newest=dict)
    page = b"".join(metrics.page({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}, lambda *_: len)).decode()

    for name in re.findall(r"\btls_audit_\w+", text(document)):
        assert re.search(rf"^# TYPE {name} ", page, re.M), name


def test_every_document_is_reached_from_the_readme() -> None:
    reached, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        here = ahead.pop()
        reached.add(here)
        links = re.findall(r"\]\(([^)#:]+\.md)\)", here.read_text(encoding="utf-8"))
        ahead += {here.parent.joinpath(link).resolve() for link in links} - reached

    assert {ROOT / document for document in DOCUMENTS} == reached


# --- what each promises


def test_every_setting_is_listed_with_its_default() -> None:
    rows = [line for line in text("docs/settings.md").splitlines() if line.startswith("| `")]

    named = settings.names()
    for field, about in settings.fields().items():
        name, default = named[field], about.default
        (row,) = (line for line in rows if line.startswith(f"| `{name}`") or f", `{name}` |" in line)
        if isinstance(default, (int, float)) or (isinstance(default, str) and default):
            assert f"| `{default}` |" in row


def test_every_engine_is_named_where_one_is_chosen() -> None:
    (row,) = (line for line in text("docs/settings.md").splitlines() if "`TLS_AUDIT_ENGINE`" in line)

    assert set(engines.ENGINES) <= set(re.findall(r"`(\w+)`", row))


def test_nobody_but_the_registry_and_their_own_files_names_an_engine() -> None:
    own = [path for name in engines.ENGINES for path in (f"engines/{name}", f"cli/{name}.py")]
    # the registry; the terminal's list of commands; the parser, which gives an example of every word
    lists = ["engines/__init__.py", "cli/main.py", "question/"]

    for path in [*ROOT.glob("bot/**/*.py"), *ROOT.glob("handlers/**/*.py")]:
        if not any(f"/{each}" in path.as_posix() for each in [*own, *lists]):
            code = path.read_text(encoding="utf-8")
            for name in engines.ENGINES:
                assert f'"{name}"' not in code, path
                assert f"engines.{name}" not in code, path


@pytest.mark.parametrize(
    "typed",
    [*re.findall(r"^\| `([^`]+)` \|", text("docs/asking.md"), re.M), *(example for example, _ in EXAMPLES)],
)
def test_every_question_in_the_documents_can_be_asked(typed: str, ask: Callable[[str], Question]) -> None:
    window = ask(typed).window

    assert window.end - window.start > timedelta(0)


def test_every_word_of_a_question_stands_in_the_document_of_words() -> None:
    said = set(re.findall(r"[a-z]+", " ".join(re.findall(r"`([^`]+)`", text("docs/asking.md")))))

    assert {*FILTERS, *SINGLE} - said == set()


def test_the_exit_codes_in_the_documents_are_those_of_the_terminal() -> None:
    rows = re.findall(r"^\| ([0-9]) \| ", text("docs/asking.md"), re.M)

    assert rows == [
        str(code) for code in (0, cli.FAILURE, cli.BAD_QUESTION, cli.EXIT_FINDINGS, cli.EXIT_UNSURE)
    ]


def test_every_window_by_name_in_the_documents_can_be_asked(ask: Callable[[str], Question]) -> None:
    listed = text("docs/asking.md").split("* **Windows by name**: ")[1].split("* **")[0]
    windows = re.findall(r"`([^`]+)`", listed)

    assert len(windows) > 6
    for window in windows:
        ask(window)


def test_every_window_in_the_documents_can_be_asked(ask: Callable[[str], Question]) -> None:
    listed = text("docs/asking.md").split("* **Windows**: ")[1].split("* **")[0]
    windows = re.findall(r"`([^`]+)`", listed)

    assert len(windows) > 8
    for window in windows:
        ask(window if re.search(r"\s|\.\.|day", window) else f"last {window}")


def test_every_filter_word_is_in_the_documents(ask: Callable[[str], Question]) -> None:
    listed = text("docs/asking.md").split("* **Filters**: `")[1].split("`")[0].split()

    for word in listed:
        with pytest.raises(Exception, match=word):
            ask(f"last 7d {word}=")
    assert len(set(listed)) == len(listed) > 5


@pytest.mark.parametrize(
    "typed", re.findall(r"^\| `/tls-digest ([^`]*\d\d:\d\d[^`]*)`", text("docs/digests.md"), re.M)
)
def test_every_digest_in_the_documents_can_be_ordered(typed: str) -> None:
    by_id = typed.replace("#on-call", "#C0ONCALL").replace("@oncall", "@S0ONCALL")

    assert order.parse(by_id, zone="UTC").question is not None


def test_the_view_in_the_documents_is_a_view() -> None:
    (sql,) = re.findall(r"```sql\n(.*?)```", text("docs/views.md"), re.S)

    assert views.parse("by-error", sql, where="docs/views.md").has_policy


# --- the map


def test_the_map_has_a_row_for_every_room_and_for_nothing_else() -> None:
    rows = {name.strip("`") for name in first_cells(section("CONTRIBUTING.md", "The rooms"))} - {"where"}
    folders = {f"bot/{path.name}/" for path in ROOT.glob("bot/[a-z]*/") if any(path.glob("*.*"))}

    assert rows == folders | {"bot/*.py", "handlers/", "tests/"}


def test_the_map_names_every_module_that_stands_in_no_room() -> None:
    (row,) = (line for line in text("CONTRIBUTING.md").splitlines() if line.startswith("| `bot/*.py`"))
    modules = {path.name for path in ROOT.glob("bot/[a-z]*.py")}

    assert set(re.findall(r"`(\w+\.py)`", row)) == modules


def test_the_map_names_every_room_of_slacks() -> None:
    (row,) = (line for line in text("CONTRIBUTING.md").splitlines() if line.startswith("| `handlers/`"))

    assert set(re.findall(r"`(\w+)/`", row)) == {"handlers"} | {
        path.name for path in ROOT.glob("handlers/[a-z]*/") if any(path.glob("*.py"))
    }


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    project: dict[str, Any] = tomllib.loads(text("pyproject.toml"))["project"]
    wanted = [
        Requirement(line).name
        for line in [
            *project["dependencies"],
            *(each for lines in project["optional-dependencies"].values() for each in lines),
        ]
    ]
    given = ", ".join(first_cells(section("CONTRIBUTING.md", "Why each dependency"))).split(", ")

    assert {name for name in wanted if name != project["name"] and not name.startswith("types-")} == {
        name for name in given if name and name != "for development"
    }
