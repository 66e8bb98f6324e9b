"""Sixty questions on four engines, over events as services and strangers write them: the same tables.

The events have every spelling of a version, both kinds of key exchange, details that are missing or null,
people who are anonymous, roles, services that call, and agents chosen to do harm. Where events are delivered,
some come late, some twice, and some copies are thin.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from datetime import UTC
from typing import TYPE_CHECKING, Final

import pytest

from bot import engines
from bot.engines.athena import tables
from bot.question import owners_file, select, views
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
    from bot.question.owners import Owners
    from bot.question.question import Question
    from bot.table import Row
    from tests.oracle import Record

CATALOGUE: Final = views.load()
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


def test_there_are_sixty_and_every_filter_is_among_them() -> None:
    assert len(set(QUESTIONS)) == 4 * len(CATALOGUE) >= 60
    for words in (*POLICIES, *VERSIONS, *FILTERS):
        assert any(words in text for text in QUESTIONS), words


@pytest.mark.parametrize("name", engines.ENGINES)
@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_has_one_answer(
    text: str, name: str, asked: dict[str, Engine], strange: list[Record], ask: Callable[[str], Question]
) -> None:
    question = ask(text)
    engine = asked[name]
    translated = engine.translate(select.build(question, cap=1_000_000), question.view.columns)

    with engine.run(translated, token="t", resume=None, progress=quietly) as table:  # noqa: S106 - no secret
        assert list(table.rows()) == oracle.answer(question, strange)


@pytest.mark.parametrize("name", engines.ENGINES)
def test_every_call_is_one_owners_and_the_same_owners_on_every_engine(
    name: str, asked: dict[str, Engine], strange: list[Record], tmp_path: Path
) -> None:
    file = tmp_path / "owners.yaml"
    file.write_text(OWNERS, encoding="utf-8")
    owners = owners_file.load(file)

    def read(text: str) -> Question:
        return parse(text, now=NOW, zone=UTC, views=CATALOGUE, engines=engines.ENGINES, owners=owners)

    every = oracle.answer(read(f"{DAYS} by=findings min=1.3"), strange)
    found = []
    for team in (*owners.teams, "none"):
        question = read(f"{DAYS} by=findings min=1.3 owner={quoted(team)}")
        translated = asked[name].translate(select.build(question, cap=1_000_000), question.view.columns)
        with asked[name].run(translated, token=team, resume=None, progress=quietly) as table:
            rows = list(table.rows())
        wanted = [row for row in every if whose(owners, row) == team]
        assert rows == wanted, team
        assert rows, team
        found += rows
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
