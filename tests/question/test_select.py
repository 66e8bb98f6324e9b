"""What is asked of a lake, word for word, in Lake's own dialect."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from bot.event_schema import CLASSICAL, PRINCIPAL, SUITES, VERSIONS
from bot.event_schema import SUITE as SUITE_NAME
from bot.question import blanks, select, types, views
from bot.question.filters import FILTERS, Filter, Match
from bot.question.parser import parse
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.filters import FilterWord
    from bot.question.question import Question

CAP = 1_000
VERSION = "LOWER(TRIM(tlsDetails.tlsVersion))"
SUITE = "UPPER(TRIM(tlsDetails.cipherSuite))"


def spelled(*versions: str) -> str:
    """The spellings of versions, as SQL lists them."""
    return ", ".join(f"'{text}'" for version in versions for text in VERSIONS[version])


OLDER_THAN_1_1 = f"{VERSION} IN ({spelled('SSLv2', 'SSLv3', 'TLSv1')})"
OLDER_THAN_1_2 = f"{VERSION} IN ({spelled('SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.1')})"
SERVICES = "2026-11-01..2026-11-02 by=services"


def sql(question: Question, cap: int = CAP) -> str:
    return select.build(question, cap=cap).sql("trino", pretty=True)


def asked_of(view: str, words: str) -> str:
    """What is asked, in one line, by a view of one's own: its SQL, and words that go with it."""
    mine = views.parse("mine", view, where="mine.sql")
    question = parse(f"mine {words}", now=NOW, zone=UTC, views={"mine": mine}, engines=())
    return select.build(question, cap=CAP).sql("trino")


def where(question: Question) -> str:
    """The conditions of `question` but for its window, without the brackets around each."""
    clause = select.build(question, cap=CAP).args["where"].this
    said = [node.sql("trino") for node in clause.flatten()]
    return " AND ".join(condition for condition in said if not condition.startswith("eventTime "))


def test_the_default_question_is_aws_own_sample_query(ask: Callable[[str], Question]) -> None:
    asked = select.build(ask("2026-11-01..2026-11-08 by=services"), cap=CAP).sql("trino")

    assert asked == (
        "SELECT eventSource, COUNT(*) AS numOutdatedTlsCalls FROM $EDS_ID "  # noqa: S608 - what is expected
        f"WHERE {OLDER_THAN_1_2} AND eventTime >= '2026-11-01 00:00:00' "
        "AND eventTime < '2026-11-08 00:00:00' "
        "GROUP BY eventSource ORDER BY numOutdatedTlsCalls DESC, eventSource LIMIT 1000"
    )


def test_filters_are_added_to_the_views_own_conditions(ask: Callable[[str], Question]) -> None:
    question = ask("2026-11-01T06:30Z..2026-11-02 service=s3 service=kms,s*t agent!=boto top=5 by=accounts")

    assert select.build(question, cap=CAP).sql("trino") == (
        f"SELECT recipientAccountId, COUNT(DISTINCT {PRINCIPAL}) AS numPrincipals, "  # noqa: S608 - what is expected
        "COUNT(DISTINCT eventSource) AS numServices, COUNT(*) AS numOutdatedTlsCalls FROM $EDS_ID "
        f"WHERE {OLDER_THAN_1_2} AND eventTime >= '2026-11-01 06:30:00' "
        "AND eventTime < '2026-11-02 00:00:00' "
        "AND (eventSource IN ('kms.amazonaws.com', 's3.amazonaws.com') "
        "OR eventSource LIKE 's%t.amazonaws.com') "
        "AND (userAgent IS NULL OR NOT (LOWER(userAgent) LIKE '%boto%')) "
        "GROUP BY recipientAccountId ORDER BY numOutdatedTlsCalls DESC, recipientAccountId LIMIT 5"
    )


_GROUPS = ", ".join(f"'{text}'" for texts in CLASSICAL.values() for text in texts)


@pytest.mark.parametrize(
    ("policy", "predicate"),
    [
        ("min=1.1", OLDER_THAN_1_1),
        (
            "min=1.1 kx=classical",
            f"{OLDER_THAN_1_1} OR "
            f"LOWER(TRIM(JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange'))) IN ({_GROUPS})",
        ),
        (
            "min=1.1 cipher=weak",
            f"{OLDER_THAN_1_1} OR "
            f"(REGEXP_LIKE({SUITE}, '{SUITE_NAME}') AND ("
            f"REGEXP_LIKE({SUITE}, 'RC4|ARCFOUR') OR "
            f"REGEXP_LIKE({SUITE}, '3DES|DES-CBC3') OR "
            f"NOT REGEXP_LIKE({SUITE}, '^(ECDHE|EECDH|DHE|EDH|TLS_(AES|CHACHA20|SM4|ECDHE|DHE))[-_]') OR "
            f"REGEXP_LIKE({SUITE}, '[-_]SHA1?$')))",
        ),
        ("version=1.1", f"{VERSION} IN ({spelled(*VERSIONS)}) AND {VERSION} IN ({spelled('TLSv1.1')})"),
    ],
)
def test_a_policy_is_one_predicate(policy: str, predicate: str, ask: Callable[[str], Question]) -> None:
    assert where(ask(f"{SERVICES} {policy}")) == predicate


def test_min_1_3_takes_every_older_spelling_and_no_newer_one(ask: Callable[[str], Question]) -> None:
    asked = where(ask(f"{SERVICES} min=1.3"))

    assert spelled("TLSv1.2") in asked
    assert "1.3" not in asked


@pytest.mark.parametrize(
    ("words", "predicate"),
    [
        ("service=s3", "eventSource IN ('s3.amazonaws.com')"),
        ("account=1111*,4444*", "recipientAccountId LIKE '1111%' OR recipientAccountId LIKE '4444%'"),
        ("region=eu-*", "awsRegion LIKE 'eu-%'"),
        ("event=PutObject", "LOWER(eventName) IN ('putobject')"),
        ("ip=10.20.0.0/16", "sourceIPAddress LIKE '10.20.%'"),
        ("agent='50%_off'", "LOWER(userAgent) LIKE '%50\\%\\_off%' ESCAPE '\\'"),
        ("agent='back\\slash'", "LOWER(userAgent) LIKE '%back\\\\slash%' ESCAPE '\\'"),
        ("cipher=tls_aes_*", f"{SUITE} LIKE 'TLS\\_AES\\_%' ESCAPE '\\'"),
        ("cipher=rc4-md5", f"{SUITE} IN ('RC4-MD5', 'TLS_RSA_WITH_RC4_128_MD5')"),
        ("cipher=tls_rsa_with_rc4_128_md5", f"{SUITE} IN ('TLS_RSA_WITH_RC4_128_MD5', 'RC4-MD5')"),
        ("cipher=*-md5", f"{SUITE} IN ('TLS_RSA_WITH_RC4_128_MD5') OR {SUITE} LIKE '%-MD5'"),
        ("host=*-fips.*", "LOWER(tlsDetails.clientProvidedHostHeader) LIKE '%-fips.%'"),
        ("region!=us-east-1", "awsRegion IS NULL OR NOT (awsRegion IN ('us-east-1'))"),
    ],
)  # fmt: skip
def test_a_filter_is_one_predicate(words: str, predicate: str, ask: Callable[[str], Question]) -> None:
    every_call = ask(f"{SERVICES} {words}")

    assert where(every_call).partition(" AND ")[2] == predicate


@pytest.mark.parametrize(("name", "twin"), SUITES.items())
def test_both_names_of_a_suite_are_weak_for_the_same_reason(name: str, twin: str) -> None:
    def reason(suite: str) -> str | None:
        found = (why for why, pattern, means in blanks.WEAKNESSES if bool(re.search(pattern, suite)) is means)
        return next(found, None)

    assert reason(name) == reason(twin)


def test_a_principal_is_a_whole_name_anywhere_in_its_arn(ask: Callable[[str], Question]) -> None:
    who = PRINCIPAL

    assert where(ask(f"{SERVICES} principal=alice")).endswith(
        f" AND {who} IN ('alice') OR {who} LIKE 'alice/%' OR "
        f"{who} LIKE '%:alice' OR {who} LIKE '%:alice/%' OR "
        f"{who} LIKE '%/alice' OR {who} LIKE '%/alice/%'"
    )
    assert where(ask(f"{SERVICES} principal=ci-*")).endswith(
        f" AND {who} LIKE 'ci-%' OR {who} LIKE 'ci-%/%' OR "
        f"{who} LIKE '%:ci-%' OR {who} LIKE '%:ci-%/%' OR {who} LIKE '%/ci-%' OR {who} LIKE '%/ci-%/%'"
    )
    assert where(ask(f"{SERVICES} principal=arn:aws:iam::1:user/a")).endswith(
        f" {who} IN ('arn:aws:iam::1:user/a')"
    )


@pytest.mark.parametrize("word", FILTERS.values(), ids=FILTERS)
def test_every_filters_column_is_in_the_lake(word: FilterWord) -> None:
    for name in sqlglot.parse_one(word.column, read="trino").find_all(exp.Column):
        assert types.find_type([part.name for part in name.parts]) is not None


def test_a_new_filter_is_one_row() -> None:
    with_a_row = """
    from bot.question.filters import FILTERS, FilterWord, Match
    FILTERS["error"] = FilterWord(
        str, "that failed with", "AccessDenied", "errorCode", Match.WHOLE, aliases=("failure",)
    )

    from datetime import UTC, datetime
    from bot.question import parser, select, views
    def ask(words):
        now = datetime(2026, 11, 23, tzinfo=UTC)
        return parser.parse(words, now=now, zone=UTC, views=views.load(), engines=[])
    asked = ask("failure=AccessDenied*,Throttled")
    assert asked.subject() == "calls over TLS older than 1.2 that failed with AccessDenied* or Throttled"
    assert asked.scope == type(asked.scope).read(str(asked.scope))
    sql = select.build(asked, cap=1).sql("trino")
    assert "(errorCode IN ('Throttled') OR errorCode LIKE 'AccessDenied%')" in sql, sql
    try:
        ask("what")
    except parser.UserError as error:
        assert "host error min" in error.hint
    """
    subprocess.run([sys.executable, "-c", dedent(with_a_row)], check=True)


@pytest.mark.parametrize(
    "value",
    ["' OR 1=1 --", "'; DROP TABLE x; --", "-- x", ":start", ":outdated", "$EDS_ID", "a''b", '"', "%s {0}"],
)
def test_a_value_stays_one_literal_whatever_it_says(value: str, ask: Callable[[str], Question]) -> None:
    quoted = value.replace("'", "''")
    harmless, harmful = ask(f"{SERVICES} agent=x"), ask(f"{SERVICES} agent='{quoted}'")

    sent = sqlglot.parse_one(sql(harmful), read="trino")

    literals = [node.name for node in sent.find_all(exp.Literal)]
    shape = [type(node) for node in sent.walk() if not isinstance(node, exp.Escape)]
    assert f"%{value.lower()}%" in [text.replace("\\%", "%").replace("\\_", "_") for text in literals]
    if "%" not in value and "_" not in value:
        assert shape == [type(node) for node in sqlglot.parse_one(sql(harmless), read="trino").walk()]


def test_top_puts_the_most_calls_first_and_keeps_the_views_order_among_equals(
    ask: Callable[[str], Question],
) -> None:
    asked = select.build(ask("2026-11-01..2026-11-02 by=calls top=3"), cap=CAP).sql("trino")

    assert asked.endswith(
        "ORDER BY numOutdatedTlsCalls DESC, eventSource, eventName, tlsVersion, accountId, "
        "recipientAccountId, arn, awsRegion, cipherSuite, userAgent LIMIT 3"
    )


def test_top_without_a_count_takes_the_first_of_the_views_order(ask: Callable[[str], Question]) -> None:
    asked = select.build(ask("2026-11-01..2026-11-02 by=requests top=3"), cap=CAP).sql("trino")

    assert asked.endswith("ORDER BY eventTime, eventID LIMIT 3")


def test_top_orders_a_view_that_has_no_order_of_its_own() -> None:
    text = (
        "-- title: T\n-- about: A\nSELECT awsRegion, COUNT(*) AS numCalls FROM $EDS_ID "
        "WHERE eventTime >= :start AND eventTime < :end GROUP BY awsRegion"
    )

    assert asked_of(text, "top=3").endswith("ORDER BY numCalls DESC LIMIT 3")


@pytest.mark.parametrize(("words", "rows"), [("", 10), ("top=3", 3), ("top=50", 10)])
def test_no_answer_has_more_rows_than_the_cap(words: str, rows: int, ask: Callable[[str], Question]) -> None:
    assert sql(ask(f"{SERVICES} {words}"), cap=10).endswith(f"LIMIT {rows}")


def test_a_policy_of_many_clauses_keeps_its_brackets_wherever_a_view_puts_it() -> None:
    text = (
        "-- title: T\n-- about: A\nSELECT COUNT(CASE WHEN NOT :outdated AND readOnly THEN 1 END) AS numCalls "
        "FROM $EDS_ID WHERE eventTime >= :start AND eventTime < :end"
    )

    asked = asked_of(text, "kx=classical")

    assert f"NOT ({VERSION} IN" in asked
    assert "'ecdh')) AND readOnly THEN 1" in asked


def test_building_leaves_the_view_as_it_was(ask: Callable[[str], Question]) -> None:
    question = ask(f"{SERVICES} service=s3 top=3")

    assert sql(question) == sql(question)
    assert ":outdated" in question.view.select.sql("trino")


def test_coverage_is_the_same_window_and_filters_whatever_the_tls(
    ask: Callable[[str], Question], catalogue: dict[str, views.View]
) -> None:
    asked = ask(f"{SERVICES} service=s3 region!=us-east-1 version=1.1 cipher=*-SHA host=x top=3")

    covered = select.coverage(asked, catalogue)

    assert covered.window == asked.window
    assert covered.top is None
    assert where(covered) == (
        "eventSource IN ('s3.amazonaws.com') AND awsRegion IS NULL OR NOT (awsRegion IN ('us-east-1'))"
    )


def test_coverage_forgets_the_policy(
    ask: Callable[[str], Question], catalogue: dict[str, views.View]
) -> None:
    one, other = (ask(f"{SERVICES} {words}") for words in ("min=1.3", "cipher=weak kx=classical"))

    assert sql(select.coverage(one, catalogue)) == sql(select.coverage(other, catalogue))
    assert where(select.coverage(other, catalogue)) == ""


def test_others_are_asked_by_place_alone_and_over_any_version(
    ask: Callable[[str], Question], catalogue: dict[str, views.View]
) -> None:
    narrow = (
        "service=s3 account=1* region!=us-east-1 host=a version=1.1 principal=x agent=y event=z ip=1.* top=3"
    )
    asked = replace(ask(f"last 7d by=clients cipher=weak min=1.3 {narrow}"), owner="payments")

    found = select.handshakes(asked, catalogue)

    assert list(found) == ["others", "handshakes"]
    assert found["handshakes"] == replace(asked, view=catalogue["handshakes"], top=None)
    assert found["others"].window == asked.window
    assert str(found["others"].scope) == "service=s3.amazonaws.com account=1* region!=us-east-1 host=a"
    assert "('sslv2', " in sql(found["others"])
    assert "'tlsv1.3'" in sql(found["others"])


@pytest.mark.parametrize("name", sorted(views.load()))
def test_no_blank_is_left_in_any_view(name: str, ask: Callable[[str], Question]) -> None:
    tree = select.build(ask(f"last 7d by={name}"), cap=CAP)

    assert not list(tree.find_all(exp.Placeholder))
    assert sqlglot.parse_one(tree.sql("trino"), read="trino").sql("trino") == tree.sql("trino")


# --- the shape


VALUES = st.text("aB1*/:_-%'\\é", min_size=1, max_size=12)
SHIPPED = views.load()
STARTS = st.sampled_from(["", "arn:", "arn:aws:iam::1:role/"])


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(FILTERS)), st.booleans(), st.lists(st.tuples(STARTS, VALUES), min_size=1))
def test_questions_of_one_shape_differ_in_letters_of_literals_only(
    word: str, negated: bool, parts: list[tuple[str, str]]
) -> None:
    question = parse("last 7d by=services", now=NOW, zone=UTC, views=SHIPPED, engines=())
    one, other = (
        replace(question, filters=(Filter(word, tuple(each for each in values), negated),))
        for values in (
            [start + value for start, value in parts],
            [start + value.translate(str.maketrans("aB1", "Qz7")) for start, value in parts],
        )
    )
    if FILTERS[word].match is Match.VERSION:
        one = other = replace(question, filters=(Filter(word, ("1.0", "1.3"), negated),))
    if FILTERS[word].match is Match.SUITE:
        other = one

    assert select.shape(one) == select.shape(other)
    assert _without_letters(one) == _without_letters(other)


def _without_letters(question: Question) -> str:
    tree = select.build(question, cap=CAP)
    for literal in tree.find_all(exp.Literal):
        literal.set("this", "x" * len(literal.name))
    return tree.sql("trino")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("service=s3", "service=s3*"),
        ("service=s3", "service!=s3"),
        ("service=s3", "agent=s3"),
        ("version=1.0", "version=1.1"),
        ("min=1.2", "min=1.3"),
        ("principal=role/x", "principal=role-x"),
        ("by=services", "by=clients"),
        ("by=services", "by=services top=5"),
    ],
)
def test_other_trees_have_other_shapes(one: str, other: str, ask: Callable[[str], Question]) -> None:
    assert select.shape(ask(f"last 7d {one}")) != select.shape(ask(f"last 7d {other}"))
