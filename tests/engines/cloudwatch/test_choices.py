"""What AWS's documentation leaves open changes no answer, and neither do copies, delays and missing ids."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.demo import samples
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.engine import CloudWatch
from bot.engines.cloudwatch.logs import Logs
from bot.question import select, views
from tests import oracle
from tests.conftest import NOW
from tests.doubles import cloudwatch as double
from tests.doubles.insights import Choices
from tests.engines.test_contract import QUESTIONS
from tests.support.clock import Clock
from tests.support.logs import FIRST_DAY, odd_records, quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bot.question.question import Question
    from bot.table import Row
    from tests.oracle import Record

ASKED = [*(f"last 14d by={name}" for name in sorted(views.load())), *QUESTIONS]

CHOICES = {
    "missing fields compare true, and a null is present": Choices(
        missing_compares=True, null_is_present=True, booleans=("false", "true")
    ),
    "groups of missing fields are dropped": Choices(missing_groups=False, null_is_present=True),
    "texts are no numbers": Choices(numbers=False),
}


@pytest.fixture(scope="module")
def few() -> list[Record]:
    """Three days, and the odd events: none in two of the questions' windows, some in all others."""
    days = [FIRST_DAY + timedelta(days=n) for n in (1, 2, 11)]
    return [record for day in days for record in samples.day(day)][::3] + odd_records()


@pytest.fixture(scope="module")
def served(few: list[Record]) -> Iterator[double.CloudWatch]:
    """A trail as it may come: hours late, some events twice, some of those thin, some without an id."""
    clock = Clock(NOW)
    thin = [
        {name: value for name, value in record.items() if name not in {"tlsDetails", "userAgent"}}
        for record in few[::5]
    ]
    nameless = [
        {name: value for name, value in record.items() if name != "eventID"} if at % 7 == 0 else record
        for at, record in enumerate(few)
        if at % 5
    ]
    full = few[::5]
    held = [
        *double.events(thin, discovers=False),
        *double.events(full, late=11 * 3600, discovers=False),
        *double.events(nameless, late=600, discovers=False),
        *double.events(nameless[::4], late=900, discovers=False),
    ]
    with double.CloudWatch(held, now=clock) as logs:
        logs.groups[double.GROUP].kind = "INFREQUENT_ACCESS"
        yield logs


@pytest.fixture(scope="module")
def engine(served: double.CloudWatch) -> Iterator[CloudWatch]:
    clock = Clock(NOW)
    with pytest.MonkeyPatch.context() as env:
        served.set_environment(env)
        known = groups.read(double.GROUP)
        aws = Logs(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
        aws.client(known)
        served.limits = False
        yield CloudWatch(known, aws)


@pytest.fixture(scope="module")
def expected(few: list[Record]) -> Callable[[Question], list[oracle.Row]]:
    """What a plain loop says of a question: once, for all choices."""
    return functools.cache(lambda question: oracle.answer(question, few))


@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("text", ASKED)
def test_an_answer_depends_on_nothing_that_is_not_written_down(
    text: str,
    choices: Choices,
    served: double.CloudWatch,
    engine: CloudWatch,
    ask: Callable[[str], Question],
    expected: Callable[[Question], list[oracle.Row]],
) -> None:
    served.choices = choices
    question = ask(text)
    asked = engine.translate(select.build(question, cap=1_000_000), question.view.columns)

    # some of the events come without their id
    kept = [at for at, column in enumerate(question.view.columns) if column.name != "eventID"]

    def without_ids(rows: Iterable[Row]) -> list[Row]:
        return [tuple(row[at] for at in kept) for row in rows]

    with engine.run(asked, token="t", resume=None, progress=quietly) as table:  # noqa: S106 - names an asking
        assert without_ids(table.rows()) == without_ids(expected(question))
