"""What a view may say means on the embedded engine what it means in Trino; anything else is refused.

The answers on the right are Trino's, as its documentation has them (trino.io, functions and operators).
"""

from __future__ import annotations

import re
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from bot.engines.local import dialect
from bot.errors import UserError
from bot.question import functions, views

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS: Final = """
CREATE TABLE events AS SELECT * FROM (VALUES (1, 2, 'a', true), (2, 4, 'b', false), (NULL, 6, 'a', true))
AS rows(x, y, s, b), (
    SELECT TIMESTAMP '2026-11-22 08:14:30' AS eventTime, '{"a":"b","n":[1,2]}'::JSON AS requestParameters,
    true AS readOnly
)
"""
"""Three rows of a Sunday."""

OWN: Final = """-- title: One's own
-- about: One condition.
SELECT {} AS said FROM $EDS_ID WHERE eventTime >= :start AND eventTime < :end
"""

moment = datetime.fromisoformat

EXAMPLES: Final[tuple[tuple[str, object], ...]] = (
    ("LOWER('AbC')", "abc"),
    ("UPPER('AbC')", "ABC"),
    ("LENGTH('äbc')", 3),
    ("TRIM('  a ')", "a"),
    ("LTRIM('  a ')", "a "),
    ("RTRIM('  a ')", "  a"),
    ("REVERSE('abc')", "cba"),
    ("REPLACE('abcb','b','x')", "axcx"),
    ("REPLACE('abcb','b')", "ac"),
    ("CONCAT('a','b','c')", "abc"),
    ("CONCAT('a',NULL)", None),
    ("'a' || 'b'", "ab"),
    ("'a' || NULL", None),
    ("CONCAT_WS('-','a',NULL,'b')", "a-b"),
    ("SUBSTR('abcdef',2,3)", "bcd"),
    ("SUBSTRING('abcdef',2)", "bcdef"),
    ("SUBSTR('abcdef',-2)", "ef"),
    ("SUBSTR('abcdef',0)", ""),
    ("SUBSTR('abcdef',0,2)", ""),
    ("SUBSTR('abc',-5,2)", ""),
    ("SUBSTRING('abcdef' FROM 2 FOR 2)", "bc"),
    ("SPLIT_PART('a/b/c','/',2)", "b"),
    ("SPLIT_PART('a/b/c','/',4)", None),
    ("SPLIT_PART('a/b/c','/',3)", "c"),
    ("STRPOS('abcabc','c')", 3),
    ("STRPOS('abc','x')", 0),
    ("POSITION('b' IN 'abc')", 2),
    ("STARTS_WITH('abc','ab')", True),
    ("LPAD('a',3,'x')", "xxa"),
    ("RPAD('abc',2,'x')", "ab"),
    ("CHR(65)", "A"),
    ("TRANSLATE('abc','ab','xy')", "xyc"),
    ("LEVENSHTEIN_DISTANCE('abc','abd')", 1),
    ("CONTAINS(SPLIT('a,b',','),'b')", True),
    ("CARDINALITY(SPLIT('a,b',','))", 2),
    ("ELEMENT_AT(SPLIT('a,b',','),2)", "b"),
    ("ELEMENT_AT(SPLIT('a,b',','),3)", None),
    ("SPLIT('a,b',',')[1]", "a"),
    ("ARRAY_JOIN(SPLIT('a,b',','),'-')", "a-b"),
    ("ARRAY_JOIN(ARRAY['a',NULL,'b'],'-','?')", "a-?-b"),
    ("ELEMENT_AT(SPLIT('a,b',','),-1)", "b"),
    ("ARRAY_MAX(ARRAY[1,3,2])", 3),
    ("ARRAY_MIN(ARRAY[1,3,2])", 1),
    ("ARRAY_JOIN(ARRAY_DISTINCT(ARRAY['a','a']),',')", "a"),
    ("ARRAY_JOIN(ARRAY_SORT(ARRAY['b','a']),',')", "a,b"),
    ("ARRAY_JOIN(ARRAY_REMOVE(ARRAY['b','a'],'a'),',')", "b"),
    ("ARRAY_JOIN(ARRAY_INTERSECT(ARRAY['a','b'],ARRAY['b']),',')", "b"),
    ("ARRAY_JOIN(ARRAY_EXCEPT(ARRAY['a','b'],ARRAY['b']),',')", "a"),
    ("ARRAY_JOIN(FLATTEN(ARRAY[ARRAY['a'],ARRAY['b']]),',')", "a,b"),
    ("ARRAY_JOIN(SEQUENCE(1,3),',')", "1,2,3"),
    ("ANY_MATCH(ARRAY[1,2], x -> x > 1)", True),
    ("ALL_MATCH(ARRAY[1,2], x -> x > 1)", False),
    ("NONE_MATCH(ARRAY[1,2], x -> x > 2)", True),
    ("ARRAY_JOIN(TRANSFORM(ARRAY[1,2], x -> x + 1),',')", "2,3"),
    ("ARRAY_JOIN(FILTER(ARRAY[1,2], x -> x > 1),',')", "2"),
    ("CARDINALITY(FILTER(ARRAY[1,2], x -> x > 1))", 1),
    ("REGEXP_LIKE('abc','b')", True),
    ("REGEXP_EXTRACT('abc','(b)(c)',2)", "c"),
    ("REGEXP_EXTRACT('abc','x')", None),
    ("REGEXP_EXTRACT('abc','b.')", "bc"),
    ("REGEXP_REPLACE('abcb','b')", "ac"),
    ("REGEXP_REPLACE('abcb','b','x')", "axcx"),
    ("REGEXP_REPLACE('a1b2','(\\w)(\\d)','$2$1')", "1a2b"),
    ("REGEXP_REPLACE('ab','b','\\$')", "a$"),
    ("REGEXP_REPLACE('ab','(?P<x>b)','c')", "ac"),
    ("REGEXP_COUNT('abcb','b')", 2),
    ("ARRAY_JOIN(REGEXP_SPLIT('a1b2c','\\d'),',')", "a,b,c"),
    ("ARRAY_JOIN(REGEXP_EXTRACT_ALL('a1b2','\\d'),',')", "1,2"),
    ("'abc' LIKE 'a%'", True),
    ("'a_c' LIKE 'a\\_c' ESCAPE '\\'", True),
    ("'abc' IN ('abc')", True),
    ("'b' BETWEEN 'a' AND 'c'", True),
    ("COALESCE(NULL,'a')", "a"),
    ("NULLIF('a','a')", None),
    ("IF(1=1,'a','b')", "a"),
    ("IF(1=2,'a')", None),
    ("CASE WHEN 1=1 THEN 'a' END", "a"),
    ("CASE 'x' WHEN 'x' THEN 1 ELSE 2 END", 1),
    ("GREATEST(1,2)", 2),
    ("GREATEST(1,NULL)", None),
    ("LEAST('b','a')", "a"),
    ("LEAST('b',NULL)", None),
    ("TRY(CAST('x' AS BIGINT))", None),
    ("TRY_CAST('x' AS BIGINT)", None),
    ("1 IS DISTINCT FROM NULL", True),
    ("ABS(-2)", 2),
    ("CEIL(1.2E0)", 2.0),
    ("CEILING(1.2E0)", 2.0),
    ("FLOOR(1.8E0)", 1.0),
    ("ROUND(2.5E0)", 3.0),
    ("ROUND(-2.5E0)", -3.0),
    ("ROUND(1.256E0,2)", 1.26),
    ("TRUNCATE(1.8E0)", 1.0),
    ("MOD(7,3)", 1),
    ("MOD(-7,3)", -1),
    ("7 % 3", 1),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7E0 / 2", 3.5),
    ("POWER(2,3)", 8.0),
    ("POW(2,3)", 8.0),
    ("SQRT(9)", 3.0),
    ("CBRT(27)", 3.0),
    ("EXP(0)", 1.0),
    ("LN(1)", 0.0),
    ("LOG2(8)", 3.0),
    ("LOG10(100)", 2.0),
    ("LOG(2,8)", 3.0),
    ("SIGN(-3)", -1),
    ("PI()", 3.141592653589793),
    ("DEGREES(0)", 0.0),
    ("RADIANS(0)", 0.0),
    ("IS_NAN(0E0)", False),
    ("BITWISE_AND(6,3)", 2),
    ("BITWISE_OR(6,3)", 7),
    ("BITWISE_XOR(6,3)", 5),
    ("BITWISE_NOT(0)", -1),
    ("SIN(0)", 0.0),
    ("COS(0)", 1.0),
    ("TAN(0)", 0.0),
    ("ASIN(0)", 0.0),
    ("ACOS(1)", 0.0),
    ("ATAN(0)", 0.0),
    ("ATAN2(0,1)", 0.0),
    ("1 = 1 AND 2 = 2", True),
    ("1 = 2 OR 2 = 2", True),
    ("CARDINALITY(requestParameters)", 2),
    ("ARRAY_JOIN(MAP_KEYS(requestParameters),',')", "a,n"),
    ("requestParameters['a']", "b"),
    ("ELEMENT_AT(requestParameters,'x')", None),
    ("JSON_EXTRACT_SCALAR(requestParameters['n'],'$[1]')", "2"),
    ("JSON_EXTRACT_SCALAR(eventJson,'$.requestParameters.n[1]')", "2"),
    ("JSON_EXTRACT_SCALAR(eventJson,'$.eventTime')", "2026-11-22T08:14:30Z"),
    ("JSON_EXTRACT_SCALAR(eventJson,'$.readOnly')", "true"),
    ("CAST('12' AS BIGINT)", 12),
    ("CAST('1.5' AS DOUBLE)", 1.5),
    ("CAST(12 AS VARCHAR)", "12"),
    ("CAST(1.5E0 AS VARCHAR)", "1.5"),
    ("CAST(1E0 AS VARCHAR)", "1.0"),
    ("CAST(TRUE AS VARCHAR)", "true"),
    ("CAST('true' AS BOOLEAN)", True),
    ("CAST(1.5E0 AS BIGINT)", 2),
    ("CAST(2.5E0 AS BIGINT)", 3),
    ("CAST('abc' AS VARCHAR(2))", "ab"),
    ("CAST(12 AS DOUBLE)", 12.0),
    ("CAST(DATE '2026-11-22' AS VARCHAR)", "2026-11-22"),
    ("CAST(eventTime AS VARCHAR)", "2026-11-22 08:14:30.000"),
    ("CAST(eventTime AS DATE)", date(2026, 11, 22)),
    ("CAST('2026-11-22' AS DATE)", date(2026, 11, 22)),
    ("CAST('2026-11-22 08:14:30' AS TIMESTAMP)", moment("2026-11-22 08:14:30")),
    ("CAST(CAST(eventTime AS DATE) AS TIMESTAMP)", moment("2026-11-22 00:00:00")),
    ("YEAR(eventTime)", 2026),
    ("QUARTER(eventTime)", 4),
    ("MONTH(eventTime)", 11),
    ("WEEK(eventTime)", 47),
    ("WEEK_OF_YEAR(eventTime)", 47),
    ("DAY(eventTime)", 22),
    ("DAY_OF_MONTH(eventTime)", 22),
    ("DAY_OF_WEEK(eventTime)", 7),
    ("DOW(eventTime)", 7),
    ("DAY_OF_YEAR(eventTime)", 326),
    ("DOY(eventTime)", 326),
    ("YEAR_OF_WEEK(eventTime)", 2026),
    ("YOW(eventTime)", 2026),
    ("HOUR(eventTime)", 8),
    ("MINUTE(eventTime)", 14),
    ("SECOND(eventTime)", 30),
    ("EXTRACT(YEAR FROM eventTime)", 2026),
    ("EXTRACT(DOW FROM eventTime)", 7),
    ("EXTRACT(DAY_OF_WEEK FROM eventTime)", 7),
    ("EXTRACT(DOY FROM eventTime)", 326),
    ("EXTRACT(DAY_OF_YEAR FROM eventTime)", 326),
    ("EXTRACT(WEEK FROM eventTime)", 47),
    ("EXTRACT(YOW FROM eventTime)", 2026),
    ("EXTRACT(YEAR_OF_WEEK FROM eventTime)", 2026),
    ("EXTRACT(DAY_OF_MONTH FROM eventTime)", 22),
    ("EXTRACT(HOUR FROM eventTime)", 8),
    ("EXTRACT(MINUTE FROM eventTime)", 14),
    ("EXTRACT(SECOND FROM eventTime)", 30),
    ("EXTRACT(QUARTER FROM eventTime)", 4),
    ("EXTRACT(MONTH FROM eventTime)", 11),
    ("EXTRACT(DAY FROM eventTime)", 22),
    ("DATE_TRUNC('hour',eventTime)", moment("2026-11-22 08:00:00")),
    ("DATE_TRUNC('week',eventTime)", moment("2026-11-16 00:00:00")),
    ("DATE_TRUNC('day',eventTime)", moment("2026-11-22 00:00:00")),
    ("DATE_TRUNC('month',eventTime)", moment("2026-11-01 00:00:00")),
    ("DATE_TRUNC('quarter',eventTime)", moment("2026-10-01 00:00:00")),
    ("DATE_TRUNC('year',eventTime)", moment("2026-01-01 00:00:00")),
    ("DATE_TRUNC('minute',eventTime)", moment("2026-11-22 08:14:00")),
    ("DATE_ADD('day',-3,eventTime)", moment("2026-11-19 08:14:30")),
    ("DATE_ADD('hour',2,eventTime)", moment("2026-11-22 10:14:30")),
    ("DATE_ADD('month',1,eventTime)", moment("2026-12-22 08:14:30")),
    ("DATE_DIFF('day',TIMESTAMP '2026-11-20 23:00:00',eventTime)", 1),
    ("DATE_DIFF('hour',TIMESTAMP '2026-11-22 07:30:00',eventTime)", 0),
    ("DATE(eventTime)", date(2026, 11, 22)),
    ("DATE('2026-11-22')", date(2026, 11, 22)),
    ("eventTime + INTERVAL '1' DAY", moment("2026-11-23 08:14:30")),
    ("eventTime - INTERVAL '2' HOUR", moment("2026-11-22 06:14:30")),
    ("FORMAT_DATETIME(eventTime,'yyyy-MM-dd')", "2026-11-22"),
    ("FORMAT_DATETIME(eventTime,'HH:mm')", "08:14"),
    ("FORMAT_DATETIME(eventTime,'EEE')", "Sun"),
    ("DATE_FORMAT(eventTime,'%Y-%m-%d %H:%i')", "2026-11-22 08:14"),
    ("DATE_FORMAT(eventTime,'%W')", "Sunday"),
    ("DATE_FORMAT(eventTime,'%a')", "Sun"),
    ("DATE_FORMAT(eventTime,'%e')", "22"),
    ("DATE_FORMAT(eventTime,'%T')", "08:14:30"),
    ("DATE_FORMAT(eventTime,'%s')", "30"),
    ("DATE_FORMAT(eventTime,'%M')", "November"),
    ("DATE_FORMAT(eventTime,'%b')", "Nov"),
    ("DATE_FORMAT(eventTime,'%j')", "326"),
    ("DATE_FORMAT(eventTime,'%k')", "8"),
    ("DATE_FORMAT(eventTime,'%l')", "8"),
    ("DATE_FORMAT(eventTime,'%c')", "11"),
    ("DATE_FORMAT(eventTime,'%h:%i %p')", "08:14 AM"),
    ("DATE_FORMAT(eventTime,'%f')", "000000"),
    ("DATE_FORMAT(eventTime,'%y')", "26"),
    ("DATE_PARSE('2026-11-22','%Y-%m-%d')", moment("2026-11-22 00:00:00")),
    ("FROM_ISO8601_DATE('2026-11-22')", date(2026, 11, 22)),
    ("CAST(FROM_ISO8601_TIMESTAMP('2026-11-22T08:14:30Z') AS TIMESTAMP)", moment("2026-11-22 08:14:30")),
    ("TO_UNIXTIME(eventTime)", 1795335270.0),
    ("CAST(FROM_UNIXTIME(1795335270) AS TIMESTAMP)", moment("2026-11-22 08:14:30")),
    ("HOUR(eventTime AT TIME ZONE 'Asia/Tokyo')", 17),
    ("CAST(eventTime AT TIME ZONE 'Asia/Tokyo' AS DATE)", date(2026, 11, 22)),
    ("CAST(eventTime AT TIME ZONE 'America/Los_Angeles' AS TIMESTAMP)", moment("2026-11-22 00:14:30")),
    ("LAST_DAY_OF_MONTH(eventTime)", date(2026, 11, 30)),
    ("DATE_FORMAT(eventTime AT TIME ZONE 'Asia/Tokyo','%H')", "17"),
    ("JSON_EXTRACT_SCALAR('{\"a\":{\"b\":1}}','$.a.b')", "1"),
    ("JSON_EXTRACT_SCALAR('{\"a\":{\"b\":1}}','$.a')", None),
    ("JSON_EXTRACT_SCALAR('[1,2]','$[1]')", "2"),
    ("JSON_EXTRACT_SCALAR('x','$.a')", None),
    ("JSON_EXTRACT_SCALAR('{\"a\":true}','$.a')", "true"),
    ("JSON_EXTRACT_SCALAR('{\"a\":null}','$.a')", None),
    ("JSON_FORMAT(JSON_EXTRACT('{\"a\":[1, 2]}','$.a'))", "[1,2]"),
    ("CAST(JSON_EXTRACT('{\"a\":\"x\"}','$.a') AS VARCHAR)", "x"),
    ("JSON_FORMAT(JSON_PARSE('{\"a\": 1}'))", '{"a":1}'),
    ("JSON_ARRAY_LENGTH('[1,2]')", 2),
    ("JSON_ARRAY_LENGTH('x')", None),
    ('JSON_ARRAY_GET(\'["a","b"]\',1)', '"b"'),
    ("JSON_ARRAY_GET('[\"a\"]',3)", None),
    ("JSON_EXTRACT_SCALAR(JSON_ARRAY_GET('[{\"t\":\"x\"}]',0),'$.t')", "x"),
    ("TO_HEX(MD5(TO_UTF8('a')))", "0CC175B9C0F1B6A831C399E269772661"),
    ("TO_HEX(SHA256(TO_UTF8('a')))", "CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB"),
    ("TO_BASE64(TO_UTF8('a'))", "YQ=="),
    ("FROM_UTF8(FROM_BASE64('YQ=='))", "a"),
    ("FROM_UTF8(FROM_HEX('61'))", "a"),
    ("TO_HEX(TO_UTF8('a'))", "61"),
    ("URL_DECODE('a%20b')", "a b"),
    ("COUNT(*)", 3),
    ("COUNT(x)", 2),
    ("COUNT(DISTINCT s)", 2),
    ("SUM(x)", 3),
    ("AVG(x)", 1.5),
    ("MIN(s)", "a"),
    ("MAX(s)", "b"),
    ("COUNT_IF(b)", 2),
    ("BOOL_AND(b)", False),
    ("BOOL_OR(b)", True),
    ("APPROX_DISTINCT(s)", 2),
    ("ARBITRARY(1)", 1),
    ("ANY_VALUE(1)", 1),
    ("MAX_BY(s,y)", "a"),
    ("MIN_BY(s,y)", "a"),
    ("ARRAY_JOIN(ARRAY_AGG(s ORDER BY y),',')", "a,b,a"),
    ("LISTAGG(s, ',') WITHIN GROUP (ORDER BY y)", "a,b,a"),
    ("STDDEV(y)", 2.0),
    ("STDDEV_POP(y)", 1.632993161855452),
    ("VARIANCE(y)", 4.0),
    ("VAR_POP(y)", 2.6666666666666665),
    ("GEOMETRIC_MEAN(y)", 3.634241185664279),
    ("CORR(y,y)", 1.0),
    ("COVAR_POP(y,y)", 2.6666666666666665),
    ("SUM(y) FILTER (WHERE b)", 8),
    ("CARDINALITY(SET_AGG(s))", 2),
    ("BITWISE_AND_AGG(y)", 0),
    ("BITWISE_OR_AGG(y)", 6),
    ("SKEWNESS(y)", 0.0),
    ("COUNT(DISTINCT s || 'x')", 2),
    ("SUM(DISTINCT x)", 3),
    ("MAX(y,2)[1]", 6),
)

REFUSED: Final = (
    "STRPOS('abcabc','c',2)",
    "CODEPOINT('A')",
    "HAMMING_DISTANCE('abc','abd')",
    "NORMALIZE('é')",
    "ARRAY_POSITION(ARRAY['a','b'],'b')",
    "ARRAY_POSITION(ARRAY['a','b'],'c')",
    "ARRAYS_OVERLAP(ARRAY[1],ARRAY[1,2])",
    "ARRAY_JOIN(SLICE(ARRAY['a','b','c'],2,2),',')",
    "CARDINALITY(ARRAY_UNION(ARRAY[1],ARRAY[1,2]))",
    "REGEXP_POSITION('abcb','b')",
    "TYPEOF('a')",
    "WIDTH_BUCKET(5E0,0E0,10E0,5)",
    "FROM_BASE('ff',16)",
    "TO_BASE(255,16)",
    "INFINITY() > 1",
    "IS_FINITE(1E0)",
    "IS_INFINITE(1E0)",
    "BIT_COUNT(7,64)",
    "BITWISE_LEFT_SHIFT(1,2)",
    "BITWISE_RIGHT_SHIFT(8,1)",
    "REGEXP_REPLACE(s,'a',s)",
    "EXTRACT(MILLISECOND FROM eventTime)",
    "eventTime AT TIME ZONE 'Asia/Tokyo' > eventTime",
    "CAST(eventTime AT TIME ZONE 'Asia/Tokyo' AS VARCHAR)",
    "FORMAT_DATETIME(eventTime,'xxxx')",
    "JSON_ARRAY_GET('[1]',y)",
    "MILLISECOND(eventTime)",
    "DATE_FORMAT(eventTime,'%v')",
    "PARSE_DATETIME('2026-11-22','yyyy-MM-dd')",
    "TO_ISO8601(eventTime)",
    "AT_TIMEZONE(eventTime,'Asia/Tokyo') IS NOT NULL",
    "JSON_ARRAY_CONTAINS('[\"a\"]','a')",
    "JSON_SIZE('{\"a\":[1,2]}','$.a')",
    "IS_JSON_SCALAR('1')",
    "JSON_VALUE('{\"a\":1}','lax $.a')",
    "JSON_EXISTS('{\"a\":1}','lax $.a')",
    "JSON_QUERY('{\"a\":[1]}','lax $.a')",
    "TO_HEX(SHA1(TO_UTF8('a')))",
    "CRC32(TO_UTF8('a'))",
    "URL_EXTRACT_HOST('https://a.b/c?d=e')",
    "URL_EXTRACT_PATH('https://a.b/c?d=e')",
    "URL_EXTRACT_PARAMETER('https://a.b/c?d=e','d')",
    "URL_ENCODE('a b')",
    "URL_EXTRACT_QUERY('https://a.b/c?d=e')",
    "URL_EXTRACT_PROTOCOL('https://a.b/c')",
    "MAP(ARRAY['a'],ARRAY['b'])['a']",
    "ELEMENT_AT(MAP(ARRAY['a'],ARRAY['b']),'x')",
    "CARDINALITY(MAP(ARRAY['a'],ARRAY['b']))",
    "ARRAY_JOIN(MAP_KEYS(MAP(ARRAY['a'],ARRAY['b'])),',')",
    "ARRAY_JOIN(MAP_VALUES(MAP(ARRAY['a'],ARRAY['b'])),',')",
    "CONTAINS('10.0.0.0/8', CAST('10.1.2.3' AS IPADDRESS))",
    "EVERY(b)",
    "APPROX_PERCENTILE(y,0.5E0)",
    "CHECKSUM(s) IS NOT NULL",
    "CARDINALITY(HISTOGRAM(s))",
    "CARDINALITY(MAP_AGG(s,y))",
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as made:
        made.execute("SET TimeZone = 'UTC'")
        made.execute(ROWS)
        yield made


def parsed(expression: str) -> exp.Expr:
    return sqlglot.parse_one(f"SELECT {expression} AS said FROM events", read="trino")  # noqa: S608


@pytest.mark.parametrize(("expression", "answer"), EXAMPLES)
def test_a_function_means_what_it_means_in_trino(
    expression: str, answer: object, connection: duckdb.DuckDBPyConnection
) -> None:
    tree = parsed(expression)
    assert [why for node in tree.walk() if (why := functions.refusal(node))] == []

    dialect.to_duckdb(tree)
    (said,) = connection.execute(tree.sql("duckdb")).fetchall()[0]

    if isinstance(answer, float):
        assert float(said) == pytest.approx(answer)
    else:
        assert (int(said) if isinstance(said, Decimal) else said) == answer
        assert isinstance(said, Decimal) or type(said) is type(answer)


def test_every_function_that_a_view_may_use_is_among_the_examples() -> None:
    used = {
        node.name.lower() if isinstance(node, exp.Anonymous) else type(node).__name__
        for expression, _ in EXAMPLES
        for node in parsed(expression).find_all(exp.Func)
    }

    assert used == functions.KNOWN | functions.NAMELESS


@pytest.mark.parametrize("expression", REFUSED)
def test_what_would_load_and_fail_when_asked_is_refused_when_it_is_loaded(expression: str) -> None:
    # columns that Lake has, in place of those above
    said = re.sub(r"\b[xysb]\b(?=[,)])", "userAgent", expression)

    with pytest.raises(UserError, match=r"View own\.sql:3: (not every engine|EXTRACT|AT TIME|`\w+` takes)"):
        views.parse("own", OWN.format(said), where="own.sql")
