"""The text of the Logs Insights language, and the fold of its answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlglot
from sqlglot import exp

from bot.demo import samples
from bot.engines.cloudwatch import insights
from bot.errors import UserError
from bot.event_schema import VERSIONS
from bot.question import select, views
from bot.table import Column
from tests import oracle
from tests.doubles import cloudwatch as double
from tests.doubles.insights import Choices, Malformed, Query
from tests.support.logs import FIRST_DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.engines import Statement
    from bot.question.question import Question


def translated(question: Question) -> Statement:
    return insights.translate(select.build(question, cap=1_000), question.view.columns, "")


def of_sql(sql: str, *columns: str) -> Statement:
    where = "eventTime >= '2026-11-09 00:00:00' AND eventTime < '2026-11-23 00:00:00'"
    tree = sqlglot.parse_one(sql.replace("WINDOW", where), read="trino", into=exp.Select)
    return insights.translate(tree, [Column(name, "TEXT") for name in columns], "")


def test_the_text_of_the_simplest_question(ask: Callable[[str], Question]) -> None:
    made = translated(ask("last 7d by=services min=1.1"))
    old = [spelling for name in ("SSLv2", "SSLv3", "TLSv1") for spelling in VERSIONS[name]]

    assert made.sql == (
        "fields jsonParse(@message) as record\n"
        '| fields case(ispresent(record.class_uid), "OCSF", ispresent(record.eventID), record.eventID, '
        "@message) as id\n"
        '| fields if(ispresent(record.eventTime), coalesce(concat("=", record.eventTime), "-"), "-") '
        "as c_eventTime,\n"
        '    if(ispresent(record.tlsDetails.tlsVersion), coalesce(concat("=", record.tlsDetails.tlsVersion), '
        '"-"), "-") as c_tlsDetails_tlsVersion,\n'
        '    if(ispresent(record.eventSource), coalesce(concat("=", record.eventSource), "-"), "-") '
        "as c_eventSource\n"
        '| filter ispresent(record.class_uid) or (c_eventTime >= "=2026-11-16T08:14:00Z" and '
        'c_eventTime < "=2026-11-23T08:14:00Z" and (c_tlsDetails_tlsVersion != "-" and '
        f"tolower(trim(record.tlsDetails.tlsVersion)) in {json.dumps(old)}))\n"
        "| stats sortsLast(c_eventTime) as e_eventTime,\n"
        "    sortsLast(c_tlsDetails_tlsVersion) as e_tlsDetails_tlsVersion,\n"
        "    sortsLast(c_eventSource) as e_eventSource by id\n"
        "| stats count(*) as calls, sortsFirst(e_eventTime) as first_call, "
        "sortsLast(e_eventTime) as last_call by e_eventSource, e_tlsDetails_tlsVersion"
    )
    assert made.fold == (
        'SELECT\n  "eventSource" AS eventSource,\n'
        '  CAST(COALESCE(SUM("calls"), 0) AS BIGINT) AS numOutdatedTlsCalls\n'
        'FROM finer\nWHERE\n  LOWER(TRIM("tlsDetails.tlsVersion")) IN (\n    '
        + ",\n    ".join(f"'{spelling}'" for spelling in old)
        + '\n  )\nGROUP BY\n  "eventSource"\n'
        "ORDER BY\n  numOutdatedTlsCalls DESC,\n  eventSource\nLIMIT 1000"
    )


def test_people_are_shown_what_is_asked_and_what_is_made_of_the_answer(
    ask: Callable[[str], Question],
) -> None:
    made = translated(ask("last 7d by=services"))

    asked, folded = made.shown.split("\n\n# whose rows are folded here:\n")
    assert asked == made.sql
    assert folded == made.fold


@pytest.mark.parametrize("name", sorted(views.load()))
def test_no_view_is_refused(name: str, ask: Callable[[str], Question]) -> None:
    made = translated(ask(f"last 14d by={name}"))

    Query(made.sql, Choices())
    assert len(made.sql) < insights.STATEMENT_CHARS


def test_only_as_much_of_the_time_is_asked_as_the_view_looks_at(ask: Callable[[str], Question]) -> None:
    assert "substr(e_eventTime, 0, 11) as e_time" in translated(ask("last 7d by=trend")).sql
    assert "e_time" not in translated(ask("last 7d by=services")).sql
    hour = "DATE_TRUNC('hour', eventTime)"
    hours = of_sql(f"SELECT {hour} AS hour FROM x WHERE WINDOW GROUP BY {hour}", "hour")  # noqa: S608 - a test's
    assert "substr(e_eventTime, 0, 14) as e_time" in hours.sql
    both = "SELECT YEAR(eventTime) AS y, eventTime AS t, MONTH(eventTime) AS m FROM x WHERE WINDOW"
    assert "e_time" not in of_sql(both, "y", "t", "m").sql


def test_a_value_that_nobody_knows_how_to_quote_is_compared_here(ask: Callable[[str], Question]) -> None:
    made = translated(ask('last 7d by=services event="a\'b"'))

    assert "a'b" not in made.sql
    assert "LOWER(\"eventName\") IN ('a''b')" in made.fold


def test_many_values_are_compared_here_where_the_text_would_be_too_long() -> None:
    many = ", ".join(f"'1111222{n:05}'" for n in range(700))
    made = of_sql(
        f"SELECT COUNT(*) AS n FROM x WHERE WINDOW AND recipientAccountId IN ({many})",  # noqa: S608 - a test's
        "n",
    )

    assert len(made.sql) < insights.STATEMENT_CHARS
    assert "1111222" not in made.sql
    assert made.fold.count("1111222") == 700


def test_a_name_in_capitals_is_asked_as_events_spell_it() -> None:
    made = of_sql("SELECT EVENTSOURCE AS a, useridentity.ARN AS b FROM x WHERE WINDOW", "a", "b")

    assert "record.eventSource" in made.sql
    assert "record.userIdentity.arn" in made.sql


def test_a_maps_key_is_asked_by_its_path() -> None:
    made = of_sql(
        "SELECT element_at(requestParameters, 'x-amz-acl') AS acl, COUNT(*) AS n FROM x WHERE WINDOW "
        "GROUP BY element_at(requestParameters, 'x-amz-acl')",
        "acl",
        "n",
    )

    assert "coalesce(record.requestParameters.`x-amz-acl`, jsonStringify(" in made.sql


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT eventJson AS a FROM x WHERE WINDOW", "gives no eventJson as a whole"),
        ("SELECT resources AS a FROM x WHERE WINDOW", "cannot be asked for resources as a whole"),
        ("SELECT STDDEV(LENGTH(userAgent)) AS a FROM x WHERE WINDOW", "more than counting"),
        ("SELECT COUNT(*) AS a FROM x WHERE eventSource = 'a'", "Say both bounds on eventTime"),
        ("SELECT COUNT(*) FILTER (WHERE eventName = 'a') AS a FROM x WHERE WINDOW", "Use CASE within SUM"),
        ("SELECT requestParameters[eventName] AS a FROM x WHERE WINDOW", "one fixed key"),
    ],
)
def test_what_cannot_be_said_is_refused_in_words(sql: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        of_sql(sql, "a")


def awss_samples() -> list[str]:
    """AWS's two samples about TLS, as the page has them."""
    page = (Path(__file__).parents[3] / "docs" / "cloudwatch.md").read_text(encoding="utf-8")
    return re.findall(r"```\n(filter .*?)\n```", page, re.DOTALL)


def test_the_answers_are_those_of_awss_own_samples(ask: Callable[[str], Question]) -> None:
    """On a log group where each event was delivered once."""
    records = samples.day(FIRST_DAY)
    events = double.events(records)
    by_service, by_call = (
        [dict(row) for row in Query(text, Choices()).run(events, 10_000).rows] for text in awss_samples()
    )

    services = [(row["eventSource"], row["numOutdatedTlsCalls"]) for row in by_service]
    ours = oracle.answer(ask("last 15d by=services"), records)
    assert sorted(services) == sorted((str(service), str(count)) for service, count in ours)
    theirs = Counter({tuple(row.get(name) for name in ONE_CALL): int(row[COUNTED]) for row in by_call})
    assert len(theirs) == len(by_call) > len(services)
    calls: Counter[tuple[Any, ...]] = Counter()
    for account, recipient, _, *others, count in oracle.answer(ask("last 15d by=calls"), records):
        calls[account, recipient, *others] += int(str(count))
    assert theirs == calls
    # a service has a row for each spelling of a version, which the fold adds up
    finer: Counter[str] = Counter()
    for row in Query(translated(ask("last 15d by=services")).sql, Choices()).run(events, 100).rows:
        cells = dict(row)
        finer[cells["e_eventSource"]] += int(cells["calls"])
    assert finer == {f"={service}": int(count) for service, count in services}


COUNTED: Final = "numOutdatedTlsCalls"
ONE_CALL: Final = (
    *("userIdentity.accountId", "recipientAccountId", "eventSource", "eventName", "awsRegion"),
    *("tlsDetails.tlsVersion", "tlsDetails.cipherSuite", "userAgent"),
)
"""What the second sample counts by."""


@pytest.mark.parametrize(
    "text",
    [
        "stats count(*) as a by eventSource | stats count(*) as b by a | stats count(*) as c",
        "limit 5 | stats count(*)",
        "sort eventTime | stats count(*)",
        "stats count(*) as a by eventSource | filter userAgent = 'x'",
        "dedup eventID | stats count(*)",
        "dedup eventID | sort eventID",
        "fields nosuch(eventID)",
        'filter eventSource = "a\\"b"',
        "filter eventSource in",
        "fields @message | SOURCE logGroups()",
    ],
)
def test_the_double_refuses_what_the_guide_forbids(text: str) -> None:
    with pytest.raises(Malformed):
        Query(text, Choices())


def test_the_double_knows_the_commands_of_the_guide() -> None:
    events = double.events(samples.day(FIRST_DAY)[:50])
    text = """
        fields @timestamp, @message
        | parse @message '"eventName": "*"' as call
        | filter call like /^(Get|Put)/ and not (userAgent like "nobody") # a remark
        | filter strcontains(eventSource, "amazonaws") = 1
        | dedup call
        | limit 3
    """
    found = Query(text, Choices()).run(events, 100)

    assert 0 < len(found.rows) <= 3
    assert all(dict(row)["call"].startswith(("Get", "Put")) for row in found.rows)
    assert all("@ptr" in dict(row) for row in found.rows)


def test_the_doubles_distinct_counts_are_only_roughly_right() -> None:
    events = double.events(samples.day(FIRST_DAY))
    (row,) = Query("stats count_distinct(userAgent) as n", Choices()).run(events, 10).rows

    assert int(dict(row)["n"]) != len({event.parsed.get("userAgent") for event in events})
