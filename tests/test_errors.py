"""What an error tells to whoever asks, and what only to whoever runs the bot."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import bot.errors
from bot.engines.athena import tables
from bot.engines.athena.client import Athena
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.logs import Logs
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.errors import LOG_SAYS_MORE, BotError, EngineError, StoreDown
from bot.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.engines.aws import Calls, Place

ROOT: Final = Path(__file__).parents[1]

ROOMS: Final = ("bot/app", "bot/archive", "bot/engines", "bot/store", "bot/worker", "handlers")
"""Whose errors reach people in Slack."""

STARTS: Final = frozenset(
    {
        "bot/archive/archive.py",
        "bot/archive/sources.py",
        "bot/engines/athena/admin.py",
        "bot/engines/athena/tables.py",
        "bot/engines/cloudwatch/groups.py",
        "bot/engines/lake/admin.py",
        "bot/engines/lake/stores.py",
    }
)
"""Files of which some errors are about a setting, or what was typed in a terminal, and say its value."""

KINDS: Final = {
    *(name for name, each in vars(bot.errors).items() if isinstance(each, type)),
    *("Refused", "Undelivered", "Unreadable"),
}

OURS: Final = frozenset({"message", "hint", "strerror", "code"})
"""What may be told of an error that was caught: our own words, the system's name for it, AWS's."""

PLACES: Final = frozenset({"words", "uri", "url", "folder", "place", "role", "path"})
"""What the code calls AWS's own words, and where things are."""


def raised(path: Path) -> Iterator[tuple[ast.Call, set[str]]]:
    """Every error that a file makes, with the names of the exceptions that were caught around it."""

    def walk(node: ast.AST, caught: set[str]) -> Iterator[tuple[ast.Call, set[str]]]:
        if isinstance(node, ast.ExceptHandler) and node.name:
            caught = caught | {node.name}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            yield node, caught
        for child in ast.iter_child_nodes(node):
            yield from walk(child, caught)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), set())


def told(call: ast.Call, caught: set[str]) -> Iterator[str]:
    """What of a library's words, or of where something is, the message or the hint of an error holds."""
    for argument in call.args:
        ours = {
            id(node.value)
            for node in ast.walk(argument)
            if isinstance(node, ast.Attribute) and node.attr in OURS
        }
        for node in ast.walk(argument):
            if isinstance(node, ast.Name) and id(node) not in ours and node.id in caught | PLACES:
                yield node.id
            if isinstance(node, ast.Attribute) and node.attr in PLACES:
                yield node.attr


def test_no_error_tells_whoever_asks_a_librarys_words_or_where_something_is() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    made = {str(path.relative_to(ROOT)): list(raised(path)) for path in files}
    found = {
        f"{name}:{call.lineno}": names
        for name, calls in made.items()
        for call, caught in calls
        if name not in STARTS and (names := sorted(told(call, caught)))
    }

    assert sum(map(len, made.values())) > 100
    assert found == {}


def test_the_test_above_sees_what_it_is_to_see(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "try:\n    pass\nexcept OSError as error:\n"
        "    raise EngineError(f'It broke: {error}.', f'See {self.folder}.', detail=str(error))\n"
        "raise Refused(code, f'AWS: {words}')\nraise BotError('It broke.', 'Again.', detail=words)\n"
    )

    assert [sorted(told(*each)) for each in raised(path)] == [["error", "folder"], ["words"], []]


def test_an_error_as_text_leaves_its_detail_to_the_log() -> None:
    error = EngineError("The lake refused.", "Ask again.", detail="arn:aws:iam::1:role/x said no.")

    assert str(error) == f"The lake refused. Ask again. {LOG_SAYS_MORE}"
    assert error.in_full == "The lake refused: arn:aws:iam::1:role/x said no."
    assert str(BotError("No.", "Yes.")) == "No. Yes."
    assert BotError("No.").in_full == "No."


AWAY: Final = "http://127.0.0.1:1"

SERVICES: Final[dict[str, tuple[type[Calls], Place, str]]] = {
    "lake": (
        CloudTrail,
        stores.read("0f0f0f0f-aaaa-bbbb-cccc-0123456789ab")["default"],
        "ListEventDataStores",
    ),
    "athena": (Athena, tables.read("default.trail")["default"], "ListWorkGroups"),
    "cloudwatch": (Logs, groups.read("trail"), "DescribeLogGroups"),
}


@pytest.mark.parametrize("name", SERVICES)
def test_an_endpoint_that_is_away_is_named_to_the_operator_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", AWAY)
    kind, place, operation = SERVICES[name]

    with pytest.raises(EngineError) as caught:
        kind(sleep=lambda _: None).call(place, operation)

    assert "cannot be reached." in str(caught.value)
    assert AWAY in caught.value.in_full
    assert "127.0.0.1" not in str(caught.value)


def test_a_database_that_is_away_is_named_to_the_operator_alone() -> None:
    with pytest.raises(StoreDown) as caught:
        Database("postgresql://audit:SeCrEt@127.0.0.1:1/runs")

    assert str(caught.value).startswith("The bot's database cannot be used. ")
    assert "127.0.0.1" in caught.value.in_full
    assert not {part for part in ("127.0.0.1", "audit", "SeCrEt") if part in str(caught.value)}
    assert "SeCrEt" not in caught.value.in_full


def test_a_file_for_a_database_that_cannot_be_opened_is_not_named(tmp_path: Path) -> None:
    with pytest.raises(StoreDown) as caught:
        Database(f"sqlite:///{tmp_path}/nowhere/runs.sqlite")

    assert str(tmp_path) not in str(caught.value)
    assert "unable to open database file" in caught.value.in_full
