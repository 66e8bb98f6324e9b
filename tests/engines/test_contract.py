"""What every engine owes, held against plain Python loops over the same events, and golden tables.

`pytest tests/engines/test_contract.py --renew-golden` writes the golden tables anew; read their diff.
"""

from __future__ import annotations

import functools
import io
import string
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import engines
from bot.answers.export import to_csv
from bot.errors import UserError
from bot.question import select, views
from bot.question.parser import Filter
from bot.store.database import Database
from bot.store.run import Step
from bot.store.runs import Runs
from tests import oracle
from tests.conftest import NOW
from tests.support.logs import quietly
from tests.support.runs import asked as run_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.engines import Engine
    from bot.question.question import Question
    from bot.table import Row
    from tests.oracle import Record

CAP = 1_000_000
TOKEN = "7f3a"  # noqa: S105 - names an asking, opens nothing
GOLDEN = Path(__file__).parents[1] / "golden"
"""What each view says of `last 14d` over the `records` of conftest.py."""

QUESTIONS = [
    "last 7d service=s3",
    "last 7d service=s3,kms service=sqs by=services",
    "last 3d service!=s3 by=services",
    "last 3d min=1.3 service=s*",
    "last 3d agent=boto by=clients min=1.3",
    "last 3d agent!=boto by=clients",
    "last 3d account=4444* by=principals min=1.3",
    "last 3d principal=nightly-export",
    "last 3d principal=nightly*,*-reports by=principals",
    "last 3d principal=role/billing-reports by=addresses",
    "last 3d principal!=arn:aws:iam::111122223333:user/nightly-export by=principals",
    "last 3d min=1.3 principal=arn:aws:iam::444455556666:role/billing-reports by=findings",
    "last 3d min=1.3 principal!=arn:aws:iam::444455556666:role/* by=findings",
    "last 3d region=eu-* by=regions min=1.3",
    "last 3d event=putobject by=callers",
    "last 3d ip=10.20.0.0/16 by=addresses min=1.3",
    "last 3d version=1.1 by=clients",
    "last 3d version!=1.0 by=services",
    "last 3d cipher=weak by=principals",
    "last 3d min=1.1 kx=classical by=accounts",
    "last 3d min=1.3 kx=below-cnsa by=services",
    "last 3d sdk=eol by=clients",
    "last 3d sdk=eol-in-90d min=1.1 by=findings",
    "last 3d sdk=eol cipher=weak kx=below-cnsa by=principals",
    "last 3d cipher=*-sha by=calls",
    "last 3d host=s3.*.amazonaws.com by=services min=1.3",
    "last 3d bucket=111122223333-data,4444* min=1.3 by=findings",
    "last 3d bucket!=111122223333-data min=1.3 by=what-if",
    "2026-11-10..2026-11-12 by=trend",
    "2026-11-10T06:30Z..2026-11-12T18:45Z by=versions service=s3",
    "last 3d top=3 by=calls",
    "last 3d top=2 by=requests",
    "last 3d top=2 by=principals",
    "last 3d service=nobody by=services",
    "last 3d by=readiness service=s3,kms top=3",
    "2026-11-10T06:30Z..2026-11-12T18:45Z by=burn-down agent=boto*",
    "last 3d min=1.3 by=endpoints",
    "last 3d kx=classical by=endpoints",
    "last 3d min=1.3 kx=below-cnsa cipher=weak by=endpoints",
    "last 3d kx=classical sdk=eol by=endpoints service=s3,kms",
    "last 3d min=1.3 by=handshakes host=s3.*",
    "last 3d sdk=eol cipher=weak by=handshakes",
]


@pytest.fixture(scope="module")
def expected(records: list[Record]) -> Callable[[Question], list[oracle.Row]]:
    """What a plain loop says of a question: once, for all engines."""
    return functools.cache(lambda question: oracle.answer(question, records))


@pytest.fixture(params=engines.ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn: the fixtures are named as they are."""
    made: Engine = request.getfixturevalue(request.param)
    return made


def run(engine: Engine, question: Question) -> list[Row]:
    tree = select.build(question, cap=CAP)
    translated = engine.translate(tree, question.view.columns)
    with engine.run(translated, token=TOKEN, resume=None, progress=quietly) as table:
        assert table.columns == question.view.columns
        return list(table.rows())


@pytest.mark.parametrize("name", sorted(views.load()))
def test_every_view_answers_as_a_plain_loop_does(
    name: str,
    engine: Engine,
    ask: Callable[[str], Question],
    expected: Callable[[Question], list[oracle.Row]],
) -> None:
    question = ask(f"last 14d by={name}")

    assert run(engine, question) == expected(question)


def test_a_statement_is_the_same_once_it_was_written_down(
    engine: Engine, ask: Callable[[str], Question], tmp_path: Path
) -> None:
    question = ask("last 7d by=findings min=1.3 service=s3")
    statement = engine.translate(select.build(question, cap=CAP), question.view.columns)
    with closing(Database(f"sqlite:///{tmp_path / 'runs.sqlite'}")) as database:
        runs = Runs(database)
        kept = runs.add(run_of(NOW, "findings", engine=engine.name, steps=(Step("answer", statement),)))
        found = runs.get(kept.id)

    assert found is not None
    assert [step.statement for step in found.steps] == [statement]


@pytest.mark.parametrize("name", sorted(views.load()))
def test_every_view_has_its_golden_table(
    name: str, engine: Engine, ask: Callable[[str], Question], request: pytest.FixtureRequest
) -> None:
    question = ask(f"last 14d by={name}")
    asked = engine.translate(select.build(question, cap=CAP), question.view.columns)
    answer = io.StringIO(newline="")
    with engine.run(asked, token=TOKEN, resume=None, progress=quietly) as table:
        to_csv(table, answer)

    golden = GOLDEN / f"{name}.csv"
    if request.config.getoption("--renew-golden"):
        golden.write_text(answer.getvalue(), encoding="utf-8", newline="")
    assert answer.getvalue() == golden.read_text(encoding="utf-8")


def test_no_golden_table_has_lost_its_view() -> None:
    assert {path.stem for path in GOLDEN.glob("*.csv")} == set(views.load())


@pytest.mark.parametrize("text", QUESTIONS)
def test_every_question_answers_as_a_plain_loop_does(
    text: str,
    engine: Engine,
    ask: Callable[[str], Question],
    expected: Callable[[Question], list[oracle.Row]],
) -> None:
    question = ask(text)

    assert run(engine, question) == expected(question)


@pytest.mark.parametrize("text", QUESTIONS)
def test_coverage_counts_what_was_read(
    text: str,
    engine: Engine,
    ask: Callable[[str], Question],
    expected: Callable[[Question], list[oracle.Row]],
    catalogue: dict[str, views.View],
) -> None:
    question = select.coverage(ask(text), catalogue)

    assert run(engine, question) == oracle.narrowed(expected(question), question, catalogue)


@pytest.fixture(scope="module")
def recent(records: list[Record]) -> list[Record]:
    """Those of the last two days: of `last 1d` a loop over all of them finds no more."""
    return [record for record in records if oracle.when(record) >= NOW - timedelta(days=2)]


@pytest.mark.parametrize("word", ["agent", "principal", "event", "host", "service", "cipher", "ip"])
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.text(min_size=1, max_size=40)
    | st.text("'\"%_\\;-/*:$\x00\n`()", min_size=1)
    | st.sampled_from(
        [
            "' OR 1=1 --",
            ":start",
            "*/ DROP TABLE events; --",
            "$EDS_ID",
            "\x00",
            "x" * 10_000,
            string.printable,
        ]
    )
)
def test_hostile_values_are_plain_values(
    word: str, value: str, engine: Engine, ask: Callable[[str], Question], recent: list[Record]
) -> None:
    if any("\ud800" <= character <= "\udfff" for character in value):
        return  # question.parse refuses half a character
    asked = ask("last 1d by=requests min=1.3")
    question = replace(asked, filters=(Filter(word, (value,), negated=False),))

    if engine.name == "lake" and len(value) > 2_000:
        with pytest.raises(UserError, match="characters of SQL; Lake takes"):
            run(engine, question)
        return

    assert run(engine, question) == oracle.answer(question, recent)


def test_the_blogs_granular_query_runs_as_it_was_printed(engine: Engine, records: list[Record]) -> None:
    # AWS Security Blog: no aliases, GROUP BY full names, ORDER BY a nested column's last part
    import sqlglot

    blog = """
        SELECT userIdentity.accountId, recipientAccountId, userIdentity.arn, eventSource, eventName,
            awsRegion, tlsDetails.tlsVersion, tlsDetails.cipherSuite, userAgent,
            COUNT(*) AS numOutdatedTlsCalls
        FROM $EDS_ID
        WHERE tlsDetails.tlsVersion IN ('TLSv1', 'TLSv1.1')
            AND eventTime > '2026-11-09 00:00:00' AND eventTime < '2026-11-20 00:00:00'
        GROUP BY userIdentity.accountId, recipientAccountId, userIdentity.arn, eventSource, eventName,
            awsRegion, tlsDetails.tlsVersion, tlsDetails.cipherSuite, userAgent
        ORDER BY eventSource, eventName, tlsVersion
    """
    select = sqlglot.parse_one(blog, read="trino")
    assert isinstance(select, sqlglot.exp.Select)

    columns = views.load()["calls"].columns
    with engine.run(engine.translate(select, columns), token=TOKEN, resume=None, progress=quietly) as table:
        rows = list(table.rows())

    old = [record for record in records if oracle.tls(record) in {"TLSv1", "TLSv1.1"}]
    within = [record for record in old if "2026-11-09T00:00:00Z" < record["eventTime"] < "2026-11-20"]
    assert sorted(rows, key=repr) == sorted(oracle.calls(within), key=repr)
    assert [row[3:5] for row in rows] == sorted(row[3:5] for row in rows)
