"""docs/engines.md: what each engine refuses, found by translating every view, filter and policy for each.

`pytest tests/engines/test_limits.py --renew-golden` writes its tables anew; read their diff.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bot import bootstrap, engines, settings
from bot.engines.athena import ddl, tables
from bot.engines.athena import engine as athena_engine
from bot.engines.athena import translate as athena_translate
from bot.engines.cloudwatch import engine as cloudwatch_engine
from bot.engines.cloudwatch import insights
from bot.engines.lake import engine as lake_engine
from bot.errors import UserError
from bot.question import select, views
from bot.question.filters import FILTERS
from tests.conftest import NOW
from tests.support.trail import ATHENA_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlglot import exp

    from bot.question.question import Question
    from bot.table import Column

    Translate = Callable[[exp.Select, Sequence[Column]], object]

PAGE: Final = Path(__file__).parents[2] / "docs" / "engines.md"
BEGIN: Final = "## Questions\n"
DAYS: Final = "2026-11-10..2026-11-12"

COLUMNS: Final = {
    "lake": "Lake",
    "athena": "Athena",
    "published": "Athena, over the table AWS publishes",
    "cloudwatch": "CloudWatch",
    "local": "embedded",
}
SETTINGS: Final = {
    "TLS_AUDIT_EVENT_DATA_STORE": "11111111-2222-3333-4444-555555555555",
    "TLS_AUDIT_ATHENA_TABLE": ATHENA_TABLE,
    "TLS_AUDIT_CLOUDWATCH_LOG_GROUPS": "aws/cloudtrail/managementevents",
}
POLICIES: Final = ("min=1.1", "min=1.3", "cipher=weak", "kx=classical")
VALUES: Final = {
    "service": "s3",
    "account": "111122223333",
    "region": "eu-*",
    "ip": "10.0.0.0/8",
    "version": "1.1",
    "principal": "arn:aws:iam::111122223333:role/ci",
}

OWN_VIEW: Final = """\
-- title: One's own
-- about: One expression.
SELECT {} FROM $EDS_ID WHERE eventTime >= :start AND eventTime < :end
"""
EXPRESSIONS: Final = (
    "COUNT(DISTINCT userAgent) AS x",
    "APPROX_DISTINCT(userAgent) AS x",
    "SUM(CASE WHEN errorCode IS NULL THEN 1 ELSE 0 END) AS x",
    "CAST(COUNT(*) FILTER (WHERE errorCode IS NULL) AS BIGINT) AS x",
    "CAST(STDDEV(LENGTH(userAgent)) AS DOUBLE) AS x",
    "DATE_TRUNC('hour', eventTime) AS x",
    "requestParameters['bucketName'] AS x",
    "CARDINALITY(requestParameters) AS x",
    "JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange') AS x",
    "JSON_EXTRACT_SCALAR(eventJson, '$.userIdentity.arn') AS x",
    "eventJson",
    "resources[1].arn AS x",
    "insightDetails['state'] AS x",
)


@pytest.fixture
def translates(own_home: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Translate]:
    """How each engine, by its column, makes a text of a tree."""
    del own_home
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    chosen = settings.load()
    events = bootstrap.archive(chosen)
    made: dict[str, Translate] = {
        name: bootstrap.engine(chosen, name, events).translate for name in engines.ENGINES
    }
    named = tables.read(ATHENA_TABLE)[tables.DEFAULT]
    published = dataclasses.replace(ddl.ASSUMED_TABLE, columns=ddl.PUBLISHED, read=NOW)
    made["published"] = lambda tree, _: athena_translate.translate(tree, named, published)
    return made


def refusal(translate: Translate, question: Question) -> str:
    """Why an engine refuses a question; nothing where it does not."""
    try:
        translate(select.build(question, cap=1_000), question.view.columns)
    except UserError as error:
        return error.message
    return ""


def refused(
    translate: Translate, texts: Iterable[tuple[str, str]], ask: Callable[[str], Question], told: set[str]
) -> list[str]:
    """The names of those of `texts` that are refused; `told` takes up why."""
    found = []
    for name, text in texts:
        if why := refusal(translate, ask(f"{DAYS} {text}")):
            found.append(name)
            told.add(why)
    return list(dict.fromkeys(found))


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def head() -> list[str]:
    return [row("", *COLUMNS.values()), "|---" * (len(COLUMNS) + 1) + "|"]


def but(names: list[str]) -> str:
    return f"all but {', '.join(f'`{name}`' for name in names)}" if names else "all"


def test_the_table_of_what_is_refused_is_what_the_engines_refuse(
    translates: dict[str, Translate],
    ask: Callable[[str], Question],
    catalogue: dict[str, views.View],
    request: pytest.FixtureRequest,
) -> None:
    told: dict[str, set[str]] = {name: set() for name in COLUMNS}

    def cells(texts: list[tuple[str, str]]) -> list[str]:
        return [but(refused(translates[name], texts, ask, told[name])) for name in COLUMNS]

    filters = [(f"{word}={value}", word) for word in FILTERS for value in [VALUES.get(word, "x*")]]
    lines = [
        BEGIN,
        *head(),
        row(f"{len(catalogue)} views", *cells([(name, f"by={name}") for name in catalogue])),
        row(
            f"{len(FILTERS)} filters, each with `=` and `!=`",
            *cells(
                [
                    (word, f"by={view} {each if is_equal else each.replace('=', '!=', 1)}")
                    for each, word in filters
                    for is_equal in (True, False)
                    for view in ("trend", "findings")
                ]
            ),
        ),
        row(
            "policies: `min=`, `cipher=weak`, `kx=classical`",
            *cells(
                [(policy, f"by={view} {policy}") for policy in POLICIES for view in ("services", "calls")]
            ),
        ),
        "",
        "## What a view of your own may say",
        "",
        *head(),
    ]
    for text in EXPRESSIONS:
        own = views.parse("own", OWN_VIEW.format(text), where="own.sql")
        question = dataclasses.replace(ask(f"{DAYS} by=coverage"), view=own)
        whys = {name: refusal(translates[name], question) for name in COLUMNS}
        for name, why in whys.items():
            told[name] |= {why} - {""}
        said = text.removesuffix(" AS x")
        lines.append(row(f"`{said}`", *("no" if whys[name] else "yes" for name in COLUMNS)))
    lines += ["", "What is refused, in the words of the refusal:", ""]
    lines += [f"* {COLUMNS[name]}: {why}" for name in COLUMNS for why in sorted(told[name])]
    lines += [
        "",
        "## Limits",
        "",
        *head(),
        row(
            "characters of a text, at most",
            f"{lake_engine.STATEMENT_CHARS:,}",
            *[f"{athena_translate.STATEMENT_CHARS:,}"] * 2,
            f"{insights.STATEMENT_CHARS:,}",
            "any",
        ),
        row(
            "queries at once, at most",
            f"{lake_engine.QUERIES_AT_ONCE:,}",
            *[f"{athena_engine.QUERIES_AT_ONCE:,}"] * 2,
            f"{cloudwatch_engine.QUERIES_AT_ONCE:,}",
            "`TLS_AUDIT_LOCAL_CONCURRENCY`",
        ),
        row(
            "dollars for each gigabyte read",
            f"{lake_engine.DOLLARS_PER_GB:g}",
            *[f"{athena_engine.DOLLARS_PER_GB:g}"] * 2,
            f"{cloudwatch_engine.DOLLARS_PER_GB:g}",
            "none",
        ),
        "",
    ]
    made = re.sub(r"\bsecurity\.cloudtrail\w*", "DATABASE.TABLE", "\n".join(lines))

    page = PAGE.read_text(encoding="utf-8")
    before, _, after = page.partition(BEGIN)
    if request.config.getoption("--renew-golden"):
        PAGE.write_text(before + made, encoding="utf-8")
        after = made.removeprefix(BEGIN)
    assert BEGIN + after == made


def test_no_shipped_view_is_refused_by_athena_and_at_most_two_are_by_cloudwatch(
    translates: dict[str, Translate], ask: Callable[[str], Question], catalogue: dict[str, views.View]
) -> None:
    views_ = [(name, f"by={name}") for name in catalogue]

    assert refused(translates["athena"], views_, ask, set()) == []
    assert len(refused(translates["cloudwatch"], views_, ask, set())) <= 2
