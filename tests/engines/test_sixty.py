"""Sixty questions on four engines, over events as services and strangers write them: the same tables, and the
same coverage of each.

The events have every spelling of a version, both kinds of key exchange, details that are missing or null,
people who are anonymous, roles, services that call, and agents chosen to do harm. Where events are delivered,
some come late, some twice, and some copies are thin.
"""

from __future__ import annotations

import functools
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

import pytest

from bot import engines
from bot.engines.athena import tables
from bot.question import owners_file, select, views
from bot.question.owners import Owners
from bot.question.parser import parse
from bot.question.tokens import quoted
from tests import oracle
from tests.conftest import NOW
from tests.doubles import athena as athena_double
from tests.doubles import cloudwatch as logs_double
from tests.doubles import lake as lake_double
from tests.support import hostile
from tests.support.engines import athena_over, cloudwatch_over, lake_over, local_over
from tests.support.logs import odd_records, quietly
from tests.support.trail import ATHENA_TABLE, over_trail, trail_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.engines import Engine
    from bot.question.question import Question
    from bot.table import Row
    from tests.oracle import Record

CATALOGUE: Final = views.load()
CAP: Final = 1_000_000
NOBODY: Final = Owners()
DAYS: Final = "2026-11-20..2026-11-23"
HOURS: Final = "2026-11-20T06:30Z..2026-11-22T18:45Z"

POLICIES: Final = ("min=1.3", "min=1.1 kx=classical", "cipher=weak", "min=1.3 kx=below-cnsa")
VERSIONS: Final = ("version=1.1", "version!=1.3", "version=1.0,1.2", "version!=1.0")
FILTERS: Final = (
    *(
        "service=s3",
        "service!=s3,kms",
        "account=1111*",
        "account!=111122223333",
        "region=eu-*",
        "region!=us-*",
    ),
    *("event=put", "event!=get", "ip=10.20.0.0/16", "ip!=10.0.0.0/8", "agent=boto", "agent!=boto"),
    *("host=*-fips.*", "host!=localhost*", "cipher=*-sha", "cipher!=*-sha", "cipher=tls_*"),
    *("principal=alice", "principal=anonymous", "principal!=anonymous", "principal=Unknown"),
    *("principal=role/ci", "principal!=arn:aws:iam::1:role/*", "principal=5448-94e8"),
)


def sixty() -> list[str]:
    """Four questions of each view; every policy, version and filter is in some of them."""
    asked = []
    for at, (name, view) in enumerate(sorted(CATALOGUE.items())):
        about_tls = POLICIES if view.has_policy else VERSIONS
        one, other = FILTERS[2 * at % len(FILTERS)], FILTERS[(2 * at + 1) % len(FILTERS)]
        asked += [
            f"{DAYS} by={name}",
            f"{DAYS} by={name} {about_tls[at % 4]}",
            f"{DAYS} by={name} {one} {about_tls[(at + 1) % 4]}",
            f"{HOURS} by={name} {other} top=4",
        ]
    return asked


QUESTIONS: Final = sixty()


def read(text: str, owners: Owners = NOBODY) -> Question:
    return parse(text, now=NOW, zone=UTC, views=CATALOGUE, engines=engines.ENGINES, owners=owners)


def coverages() -> list[str]:
    """The questions of which no other has the same coverage: those of one window and filters share it."""
    first: dict[str, str] = {}
    for text in QUESTIONS:
        asked = select.coverage(read(text), CATALOGUE)
        first.setdefault(select.build(asked, cap=CAP).sql(), text)
    return list(first.values())


SHARES: Final = """\
-- title: Shares
-- about: How many calls of a service are to the United States, in numbers of each kind.
SELECT
    eventSource,
    COUNT_IF(awsRegion LIKE 'us-%') / COUNT(*) AS whole,
    ROUND(100.0 * COUNT_IF(awsRegion LIKE 'us-%') / COUNT(*), 2) AS exact,
    CAST(SUM(CASE WHEN awsRegion LIKE 'us-%' THEN 2.50 ELSE 0 END) / 7 AS VARCHAR) AS text,
    CAST(AVG(CASE WHEN awsRegion LIKE 'us-%' THEN 0.25 ELSE 1.00 END) AS VARCHAR) AS average,
    1E2 * COUNT_IF(awsRegion LIKE 'us-%') / COUNT(*) AS double
FROM $EDS_ID
WHERE eventTime >= :start AND eventTime < :end
GROUP BY eventSource
ORDER BY eventSource
"""

OWNERS: Final = """\
- {team: people, role: "user/*, alice"}
- {team: cloud, account: "1111*", role: "role/*"}
- {team: cloud, app: boto}
- {team: people's friends, app: "AWS-*/"}
- {team: people, role: anonymous}
- {team: cloud, account: 444455556666}
"""
"""A team's rules between another's, accounts and names together and alone, a quote in a team's name."""


@pytest.fixture(scope="module")
def strange() -> list[Record]:
    return hostile.records(15, 240) + odd_records()


@pytest.fixture(scope="module")
def asked(strange: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    """Every engine, by name, over the events."""
    thin = [{**record, "tlsDetails": None, "userAgent": None} for record in strange[::5]]
    late = logs_double.events(strange[::5], late=11 * 3600)
    delivered = [
        *logs_double.events(thin),
        *late,
        *logs_double.events(strange),
        *logs_double.events(strange[::7]),
    ]
    with ExitStack() as opened:
        bucket = opened.enter_context(closing(athena_double.Bucket(trail_files(strange))))
        bucket.create(over_trail(tables.read(ATHENA_TABLE)[tables.DEFAULT]))
        store = opened.enter_context(closing(lake_double.Events(strange)))
        yield {
            "local": local_over([*thin, *strange, *strange[::7]], tmp_path_factory.mktemp("strange")),
            "lake": opened.enter_context(lake_over(store, NOW)),
            "athena": opened.enter_context(athena_over(bucket, NOW)),
            "cloudwatch": opened.enter_context(cloudwatch_over(delivered, NOW)),
        }


@pytest.fixture(scope="module")
def expected(strange: list[Record]) -> Callable[[Question], list[oracle.Row]]:
    """What a plain loop says of a question: once, for all engines."""
    return functools.cache(lambda question: oracle.answer(question, strange))


def test_there_are_sixty_and_every_filter_is_among_them() -> None:
    assert len(set(QUESTIONS)) == 4 * len(CATALOGUE) >= 60
    for words in (*POLICIES, *VERSIONS, *FILTERS):
        assert any(words in text for text in QUESTIONS), words


def rows(engine: Engine, question: Question) -> list[Row]:
    translated = engine.translate(select.build(question, cap=CAP), question.view.columns)
    with engine.run(translated, token="t", resume=None, progress=quietly) as table:  # noqa: S106 - no secret
        return list(table.rows())


@pytest.mark.parametrize("name", engines.ENGINES)
@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_has_one_answer(
    text: str,
    name: str,
    asked: dict[str, Engine],
    expected: Callable[[Question], list[oracle.Row]],
) -> None:
    question = read(text)

    assert rows(asked[name], question) == expected(question)


@pytest.mark.parametrize("name", engines.ENGINES)
@pytest.mark.parametrize("text", coverages())
def test_a_question_has_one_coverage(
    text: str,
    name: str,
    asked: dict[str, Engine],
    expected: Callable[[Question], list[oracle.Row]],
) -> None:
    question = select.coverage(read(text), CATALOGUE)

    assert rows(asked[name], question) == oracle.narrowed(expected(question), question, CATALOGUE)


@pytest.mark.parametrize("name", ["local", "cloudwatch"])
def test_numbers_are_counted_here_as_trino_counts_them(
    name: str, asked: dict[str, Engine], strange: list[Record]
) -> None:
    own = views.parse("shares", SHARES, where="shares.sql")
    question = replace(read(f"{DAYS} by=services"), view=own, policy=None)

    wanted: list[tuple[object, ...]] = []
    within = [each for each in strange if "2026-11-20" <= str(each["eventTime"]) < "2026-11-23"]
    for service in sorted({str(each["eventSource"]) for each in within}):
        regions = [str(each.get("awsRegion")) for each in within if each["eventSource"] == service]
        some, every = sum(region.startswith("us-") for region in regions), len(regions)
        wanted.append(
            (
                service,
                some // every,
                float(rounded(Decimal(100 * some) / every, "0.1")),
                str(rounded(Decimal("2.50") * some / 7, "0.01")),
                str(rounded((Decimal("0.25") * some + (every - some)) / every, "0.01")),
                pytest.approx(100 * some / every),
            )
        )
    found: list[tuple[object, ...]] = list(rows(asked[name], question))
    assert found == wanted
    assert len({row[2] for row in wanted}) > 2


def rounded(number: Decimal, to: str) -> Decimal:
    return number.quantize(Decimal(to), rounding=ROUND_HALF_UP)


@pytest.mark.parametrize("name", engines.ENGINES)
def test_every_call_is_one_owners_and_the_same_owners_on_every_engine(
    name: str, asked: dict[str, Engine], strange: list[Record], tmp_path: Path
) -> None:
    file = tmp_path / "owners.yaml"
    file.write_text(OWNERS, encoding="utf-8")
    owners = owners_file.load(file)

    every = oracle.answer(read(f"{DAYS} by=findings min=1.3", owners), strange)
    found = []
    for team in (*owners.teams, "none"):
        question = read(f"{DAYS} by=findings min=1.3 owner={quoted(team)}", owners)
        answered = rows(asked[name], question)
        assert answered == [row for row in every if whose(owners, row) == team], team
        assert answered, team
        found += answered
    assert len(found) == len(every)


def whose(owners: Owners, row: Row) -> str:
    _, principal, client, *_ = row
    owner = owners.of(str(principal or ""), str(client or ""))
    return "none" if owner is None else owner.team


@pytest.mark.parametrize("name", engines.ENGINES)
def test_coverage_names_by_service_what_was_not_read_as_it_was_written(
    name: str, asked: dict[str, Engine], strange: list[Record], ask: Callable[[str], Question]
) -> None:
    question = ask(f"{DAYS} by=coverage")
    translated = asked[name].translate(select.build(question, cap=1_000_000), question.view.columns)

    with asked[name].run(translated, token="t", resume=None, progress=quietly) as table:  # noqa: S106 - no secret
        at = {column.name: place for place, column in enumerate(table.columns)}
        rows = {row[0]: row for row in table.rows()}

    for service in ("kms.amazonaws.com", "s3.amazonaws.com", "sts.amazonaws.com"):
        found = [each for each in strange if each["eventSource"] == service]
        for field, said, column in (
            ("tlsVersion", oracle.version, "UnreadVersion"),
            ("cipherSuite", oracle.suite, "UnreadSuite"),
            ("keyExchange", oracle.exchange, "UnreadKeyExchange"),
        ):
            unread = {
                oracle.tls(each, field) for each in found if oracle.text(each, field) and not said(each)
            }
            ends = [rows[service][at[f"{end}{column}"]] for end in ("first", "last")]
            assert ends == [min(unread), max(unread)], (service, column)
