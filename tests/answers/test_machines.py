"""The view `machines` on every engine: the machine that an event's own reader names, and no other."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from bot import engines
from bot.answers import machines
from bot.app import answer as answering
from bot.table import Table
from tests.clients.test_machine import labelled
from tests.engines.test_agents import MADE
from tests.support import hostile
from tests.support.logs import quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.engines import Engine
    from bot.question.question import Question
    from bot.question.views import View
    from tests.oracle import Record

EVENTS = 300


@pytest.fixture(scope="module")
def truths() -> dict[str, str | None]:
    """The machine of each event, by the last word of its client."""
    rng = random.Random(300)  # noqa: S311 - samples, not secrets
    return {f"event/{at}": labelled(rng)[1] for at in range(EVENTS)}


@pytest.fixture(scope="module")
def called() -> list[Record]:
    rng = random.Random(300)  # noqa: S311 - samples, not secrets
    plain = hostile.records(0, 1)[0]
    made = []
    for at in range(EVENTS):
        said, _ = labelled(rng)
        agent = f"{said.get('userAgent') or ''} event/{at}".strip()
        made.append(
            plain
            | said
            | {
                "eventID": f"id-{at}",
                "eventTime": "2026-11-22T08:00:00Z",
                "userAgent": agent,
                "tlsDetails": {"tlsVersion": "TLSv1.1"},
            }
        )
    return made


@pytest.fixture(scope="module", params=engines.ENGINES)
def engine(
    request: pytest.FixtureRequest, called: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    with ExitStack() as opened, pytest.MonkeyPatch.context() as environment:
        yield MADE[request.param](called, opened, environment, tmp_path_factory.mktemp("machines"))


def test_nine_tenths_of_300_labelled_events_are_named_and_none_wrongly(
    engine: Engine,
    ask: Callable[[str], Question],
    catalogue: dict[str, View],
    truths: dict[str, str | None],
) -> None:
    question = ask("on 2026-11-22 by=machines")
    statements = answering.statements(question, engine, catalogue, cap=10_000)

    def run(name: str) -> tuple[Table, int]:
        return engine.run(statements[name], token=name, resume=None, progress=quietly), 0

    named = wrong = 0
    with answering.answer(question, run, statements, engine=engine, cap=10_000) as answer:
        assert answer.table.columns == (*machines.MACHINE_COLUMNS, *question.view.columns)
        assert answer.table.row_count == EVENTS
        agents = answer.table.index("userAgent")
        for row in answer.table.rows():
            name, ground = row[:2]
            truth = truths[str(row[agents]).rpartition(" ")[2]]
            # the account is told by its number: no one gave it a name here
            is_right = truth is not None and str(name).partition(" in ")[0] == truth.partition(" in ")[0]
            # which keys the subject of a cluster's token has, no fixed text tells: the cluster is named then
            is_coarse = truth is not None and truth.startswith("EKS ") and "cluster ABC123" in str(name)
            wrong += name is not None and not is_right and not is_coarse
            named += name is not None and (is_right or is_coarse)
            assert (name is None) is (ground is None)

    assert wrong == 0
    assert named >= 0.9 * EVENTS


def test_what_else_a_table_says_is_kept(catalogue: dict[str, View]) -> None:
    columns = catalogue["machines"].columns
    table = Table(columns, [[(None,) * (len(columns) - 1) + (7,)]], scanned=12)
    table.notes, table.is_partial = ("A note.",), True

    with machines.named(table) as made:
        assert (made.scanned, made.notes, made.is_partial) == (12, ("A note.",), True)
        assert list(made.rows()) == [(None,) * (len(columns) + 1) + (7,)]
