"""Answering: the one flow from a question to a table and what it says, for every surface."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bot import wording
from bot.answers import machines, summary
from bot.question import select

COVERAGE_ROWS: Final = 100_000
"""Services of a coverage, of which AWS has a few hundred: what an answer is judged by is never capped by what
an answer may have."""

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bot.answers.summary import Summary
    from bot.engines import Engine, Statement
    from bot.question.question import Question
    from bot.question.views import View
    from bot.table import Table

    Ask = Callable[[str], tuple[Table, int]]
    """Runs one of the statements; its table, and the bytes read for it that are paid for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A question's answer: every row, and what they say in words."""

    table: Table
    summary: Summary


def translate(asked: Mapping[str, Question], engine: Engine, *, cap: int) -> dict[str, Statement]:
    """What `engine` is asked for each question, by its name, at most `cap` rows each. Pure.

    UserError where the engine cannot say it.
    """
    return {
        name: engine.translate(select.build(each, cap=cap), each.view.columns) for name, each in asked.items()
    }


def statements(
    question: Question, engine: Engine, views: Mapping[str, View], *, cap: int
) -> dict[str, Statement]:
    """What may be asked for an answer: the question, and what was read for it. Raises as `translate`."""
    endpoints = select.endpoints(question, views)
    more = {"coverage": select.coverage(question, views)}
    # where reading costs, it is not done twice to say whom to blame
    if endpoints is not None and not engine.metered:
        more["endpoints"] = endpoints
    return {
        **translate({"answer": question}, engine, cap=cap),
        **translate(more, engine, cap=COVERAGE_ROWS),
    }


@contextmanager
def answer(
    question: Question, ask: Ask, asked: Collection[str], *, engine: Engine, cap: int
) -> Iterator[Answer]:
    """Have the `statements` of a question run, as far as they are due; the answer, until the `with` ends.
    `asked` are the names of those that there are: a run from before an update has fewer.

    What was read is asked only where reading is free, or where no row was found: a zero has to be believed.
    What was not read the engine says, if it knows.
    Raises what `ask` raises.
    """
    with ExitStack() as tables:
        table, paid = ask("answer")
        if question.view.name == machines.MACHINES:
            table = machines.named(table)
        tables.enter_context(table)
        coverage = None
        if table.row_count == 0 or not engine.metered:
            coverage, also_paid = ask("coverage")
            tables.enter_context(coverage)
            paid += also_paid
        endpoints = None
        if table.row_count and "endpoints" in asked:
            endpoints, also_paid = ask("endpoints")
            tables.enter_context(endpoints)
            paid += also_paid
        sources = engine.sources(question.window.start, question.window.end)
        found = summary.summarize(question, table, coverage, sources, endpoints, cap=cap)
        cost = wording.cost(paid, engine.price) if paid and engine.price is not None else ""
        yield Answer(table, replace(found, cost=cost))
