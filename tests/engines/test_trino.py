"""Every SQL text that Lake or Athena is sent is Trino to a second parser, which shares nothing with sqlglot.

That parser is npm's dt-sql-parser, a port of Trino's own grammar: `npm install --prefix tests/trino`.
"""

from __future__ import annotations

import json
import shutil
import string
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.engines.athena import client, tables
from bot.engines.athena.engine import Athena
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.engines.lake.engine import Lake
from bot.question import select, views
from bot.question.parser import Filter
from tests.doubles.lake import STORE_ID
from tests.engines.test_contract import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.engines import Engine
    from bot.question.question import Question

FOLDER = Path(__file__).parents[1] / "trino"
HOSTILE = ["' OR 1=1 --", "*/ DROP TABLE x; --", "$EDS_ID", ":start", "\\", '"', "a_b%c", string.printable]

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="the second parser needs node"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules").exists(),
        reason="the second parser is not there: npm install --prefix tests/trino",
    ),
]


def complaints(statements: list[str]) -> list[list[str]]:
    """What the parser finds wrong, once the store's id is quoted: bare, it is Lake's own notion."""
    quoted = [text.replace(f"FROM {STORE_ID}", f'FROM "{STORE_ID}"') for text in statements]
    said = subprocess.run(  # its own script, and no shell
        ["node", "parse.mjs"],  # noqa: S607 - wherever node is
        cwd=FOLDER,
        input=json.dumps(quoted),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[list[str]] = json.loads(said.stdout)
    return found


@pytest.mark.parametrize(
    "engine",
    [
        Lake(stores.read(STORE_ID), CloudTrail()),
        Athena(tables.read("security.cloudtrail_logs"), client.Athena()),
        Athena(tables.read(f'"aws:cloudtrail"."{STORE_ID}"'), client.Athena()),
    ],
    ids=["lake", "athena", "federated"],
)
def test_every_statement_is_trino_to_a_second_parser(
    engine: Engine, ask: Callable[[str], Question], catalogue: dict[str, views.View]
) -> None:
    asked = [ask(text) for text in (*QUESTIONS, *(f"last 14d by={name}" for name in catalogue))]
    asked += [select.coverage(question, catalogue) for question in asked]
    hostile = [
        ask(f"last 14d by=requests min=1.3 {word}!=x {word}=y") for word in ("agent", "principal", "host")
    ]
    asked += [
        replace(question, filters=(Filter(question.filters[0].word, (value,), negated=False),))
        for question in hostile
        for value in HOSTILE
    ]
    statements = [
        "/* run:7f3a/answer */\n" + engine.translate(select.build(each, cap=1_000_000), each.view.columns).sql
        for each in asked
    ]

    found = complaints(statements)

    assert len(found) == len(statements) > 100
    assert [pair for pair in zip(statements, found, strict=True) if pair[1]] == []


def test_the_second_parser_does_find_mistakes() -> None:
    wrong = ["SELECT a FROM x WHERE a ==", "SELECT FROM x", "SELECT a FROM 7e5d-11"]

    assert all(complaints(wrong))
