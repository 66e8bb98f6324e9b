"""Answering: the one flow from a question to a table and what it says, for every surface."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bot import wording
from bot.answers import machines, summary
from bot.errors import EngineBusy, EngineError, UserError
from bot.question import select

log = logging.getLogger(__name__)

COVERAGE_ROWS: Final = 100_000
"""Services of a coverage, of which AWS has a few hundred: what an answer is judged by is never capped by what
an answer may have."""

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bot.answers.handshakes import Handshakes
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
    question: Question, engine: Engine, views: Mapping[str, View], *, cap: int, hints: bool = True
) -> dict[str, Statement]:
    """What may be asked for an answer: the question, what was read for it, and, where its cards are to have
    `hints`, what those go by. Raises as `translate`."""
    endpoints = select.endpoints(question, views)
    more = {"coverage": select.coverage(question, views)}
    # where reading costs, it is not done twice to say whom to blame
    if endpoints is not None and not engine.metered:
        more["endpoints"] = endpoints
    made = {
        **translate({"answer": question}, engine, cap=cap),
        **translate(more, engine, cap=COVERAGE_ROWS),
    }
    if hints and not engine.metered:
        with suppress(UserError):  # what is only a hint is no reason to refuse a question
            made |= translate(select.handshakes(question, views), engine, cap=COVERAGE_ROWS)
    return made


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
        seen = _seen(ask, asked) if table.row_count and "others" in asked else None
        sources = engine.sources(question.window.start, question.window.end)
        found = summary.summarize(question, table, coverage, sources, endpoints, seen, cap=cap)
        cost = wording.cost(paid, engine.price) if paid and engine.price is not None else ""
        yield Answer(table, replace(found, cost=cost))


def _seen(ask: Ask, asked: Collection[str]) -> Handshakes | None:
    """What clients negotiated with hosts; None where that cannot be told."""
    from bot.answers import handshakes  # as cards are

    try:
        with ask("others")[0] as everybody, ExitStack() as own:
            of_question = own.enter_context(ask("handshakes")[0]) if "handshakes" in asked else everybody
            return handshakes.from_tables(of_question, everybody, cap=COVERAGE_ROWS)
    except EngineBusy:
        raise
    except EngineError as error:
        # it is only a hint: the answer stands without it
        log.warning("What others negotiate is not told: %s", error.in_full)
        return None
