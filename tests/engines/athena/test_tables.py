"""Every form of table there is: the same answers, and no more read than its partitions allow."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlglot

from bot.engines.athena import ddl, tables
from bot.engines.athena.translate import ALL_READ, ASSUMED, translate
from bot.errors import EngineError, UserError
from bot.question import select, views
from tests import oracle
from tests.conftest import NOW
from tests.doubles import athena as double
from tests.doubles.athena_sql import Mistake, check
from tests.support.trail import REGIONS, over_trail, trail_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.question.question import Question
    from tests.oracle import Record

HEAD = "CREATE EXTERNAL TABLE `security`.`{name}` (\n{columns}\n)\n"
TEXT_COLUMNS = ",\n".join(f"`{name}` {tables.render(type_)}" for name, type_ in ddl.PUBLISHED.items())
WITH_KX = ",\n".join(
    f"`{name}` {tables.render(type_)}" for name, type_ in ddl.with_added(ddl.PUBLISHED).items()
)
FORMAT = f"ROW FORMAT SERDE '{ddl.SERDE}'\nSTORED AS INPUTFORMAT '{ddl.INPUT}'\nOUTPUTFORMAT '{ddl.OUTPUT}'\n"
ROOT = f"s3://{double.BUCKET}/AWSLogs/o-tls/"


def text_table(name: str, keys: str = "", columns: str = WITH_KX, **properties: str) -> str:
    """A table over the trail's own files."""
    partitioned = f"PARTITIONED BY ({keys})\n" if keys else ""
    listed = ", ".join(f"'{key}'='{value}'" for key, value in {"comment": name, **properties}.items())
    return (
        HEAD.format(name=name, columns=columns)
        + partitioned
        + FORMAT
        + f"LOCATION '{ROOT}'\nTBLPROPERTIES ({listed})"
    )


PARQUET_COLUMNS = (
    WITH_KX.replace("`eventtime` string", "`eventtime` timestamp")
    .replace("`readonly` string", "`readonly` boolean")
    .replace("`requestparameters` string", "`requestparameters` map<string,string>")
)

PUBLISHED = {
    "projection.enabled": "true",
    "projection.timestamp.type": "date",
    "projection.timestamp.format": "yyyy/MM/dd",
    "projection.timestamp.interval": "1",
    "projection.timestamp.interval.unit": "DAYS",
    "projection.timestamp.range": "2020/01/01,NOW",
    "storage.location.template": f"{ROOT}111122223333/CloudTrail/us-east-1/${{timestamp}}",
}
BY_HAND = f"{ROOT}${{account}}/CloudTrail/${{region}}/${{year}}/${{month}}/${{day}}"
FORMS: dict[str, tuple[str, str]] = {
    "of the bot": (over_trail(tables.read("security.own")["default"]), ""),
    "by hand, in texts": (
        text_table("texts", "`account` string, `region` string, `year` string, `month` string, `day` string"),
        BY_HAND,
    ),
    "by hand, in numbers": (
        text_table("numbers", "`account` string, `region` string, `year` int, `month` int, `day` int"),
        BY_HAND,
    ),
    "by region": (
        text_table("regional", "`region` string, `year` string, `month` string, `day` string"),
        BY_HAND.replace("${account}", "*"),
    ),
    "by a date in a text of which nothing is known": (
        text_table("unknown", "`account` string, `region` string, `dt` string"),
        f"{ROOT}${{account}}/CloudTrail/${{region}}/${{dt}}",
    ),
    "without partitions": (text_table("none"), ROOT),
    "of Parquet, with times and maps": (
        text_table("parquet", "`account` string, `region` string, `day` string", PARQUET_COLUMNS).replace(
            FORMAT, "STORED AS PARQUET\n"
        ),
        f"{ROOT}${{account}}/CloudTrail/${{region}}/${{day}}",
    ),
}
NAMES = {
    "of the bot": "own",
    "by hand, in texts": "texts",
    "by hand, in numbers": "numbers",
    "by region": "regional",
    "by a date in a text of which nothing is known": "unknown",
    "without partitions": "none",
    "of Parquet, with times and maps": "parquet",
}
ASKED = [
    "last 3d by=findings",
    "last 3d by=requests min=1.3 top=50",
    "last 3d by=key-exchange",
    "last 3d by=trend",
    "last 2d by=coverage account=4444*",
    "last 2d by=services region=us-east-1 account=111122223333 min=1.3",
    "last 2d agent!=boto by=clients min=1.3",
    "2026-11-10T06:30Z..2026-11-12T18:45Z by=versions service=s3",
]


@pytest.fixture(scope="module")
def few(records: list[Record]) -> list[Record]:
    return [record for n, record in enumerate(records) if n % 10 == 0 or record["eventID"].startswith("odd")]


@pytest.fixture(scope="module")
def bucket(few: list[Record]) -> Iterator[double.Bucket]:
    held = double.Bucket(trail_files(few))
    for statement, template in FORMS.values():
        held.create(statement, template=template)
    yield held
    held.close()


def metadata_of(held: double.Held) -> tables.Metadata:
    return tables.of_aws(held.about(), NOW)


def asked(bucket: double.Bucket, name: str, question: Question) -> tuple[list[Any], int, str]:
    """Rows as text, bytes, and the SQL."""
    held = bucket.tables["security", name]
    table = tables.read(f"security.{name}")[tables.DEFAULT]
    sql = translate(select.build(question, cap=1_000_000), table, metadata_of(held))
    tree = sqlglot.parse_one(sql, read="trino")
    assert isinstance(tree, sqlglot.exp.Select)
    rows, _, scanned = bucket.run(check(tree, held.columns), held)
    return rows, scanned, sql


@pytest.mark.parametrize("text", ASKED)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_table_gives_the_same_answer(
    form: str, text: str, bucket: double.Bucket, few: list[Record], ask: Callable[[str], Question]
) -> None:
    question = ask(text)

    rows, _, _ = asked(bucket, NAMES[form], question)

    expected = oracle.answer(question, few)
    assert [row[0] for row in rows] == [str(row[0]) for row in expected]
    assert [row[-1] for row in rows] == [as_text(row[-1]) for row in expected]


def as_text(cell: Any) -> str | None:
    if hasattr(cell, "strftime"):
        return f"{cell:%Y-%m-%d %H:%M:%S}.000"
    return None if cell is None else str(cell)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "without partitions"])
def test_no_more_is_read_than_the_window_and_a_day_of_slack(
    form: str, bucket: double.Bucket, ask: Callable[[str], Question]
) -> None:
    _, whole, _ = asked(bucket, "none", ask("2026-11-12..2026-11-13 by=services"))
    _, some, sql = asked(bucket, NAMES[form], ask("2026-11-12..2026-11-13 by=services"))

    assert some < whole / 3
    assert ALL_READ not in sql


def test_a_table_without_partitions_says_that_all_of_it_is_read(
    bucket: double.Bucket, ask: Callable[[str], Question]
) -> None:
    _, scanned, sql = asked(bucket, "none", ask("2026-11-12..2026-11-13 by=services"))

    assert sql.startswith(f"/* {ALL_READ} */")
    assert scanned == sum(file.size for file in bucket.files)


def test_accounts_and_regions_narrow_what_is_read(
    bucket: double.Bucket, ask: Callable[[str], Question]
) -> None:
    _, every, _ = asked(bucket, "own", ask("last 3d by=services"))
    _, one, sql = asked(bucket, "own", ask("last 3d by=services account=4444* region=eu-central-1"))

    assert one < every / 2
    assert """"account" LIKE '4444%'""" in sql
    assert """"region" IN ('eu-central-1')""" in sql


def test_what_is_left_out_by_account_is_read_as_a_file_may_hold_others(
    bucket: double.Bucket, ask: Callable[[str], Question]
) -> None:
    _, _, sql = asked(bucket, "own", ask("last 3d by=services account!=444455556666"))

    assert '"account"' not in sql


# --- what a table lacks


def made(columns: str = TEXT_COLUMNS, serde: str = ddl.SERDE, **properties: str) -> tables.Metadata:
    bucket = double.Bucket([])
    held = bucket.create(text_table("t", "`timestamp` string", columns, **(PUBLISHED | properties)))
    bucket.close()
    about = held.about()
    about["Parameters"]["serde.serialization.lib"] = serde
    return tables.of_aws(about, NOW)


TABLE = tables.read("security.t")[tables.DEFAULT]


def refused(question: Question, metadata: tables.Metadata) -> UserError:
    with pytest.raises(UserError) as refusal:
        translate(select.build(question, cap=10), TABLE, metadata)
    return refusal.value


def test_awss_published_table_answers_all_but_key_exchange_which_an_alter_adds(
    ask: Callable[[str], Question], catalogue: dict[str, views.View]
) -> None:
    error = refused(ask("last 7d kx=classical"), made())

    assert error.message == "The table security.t has no tlsDetails.keyExchange."
    assert (
        "ALTER TABLE `security`.`t` CHANGE COLUMN tlsdetails tlsdetails struct<tlsversion:string,"
        "ciphersuite:string,clientprovidedhostheader:string,keyexchange:string>" in error.hint
    )
    sql = translate(select.build(ask("last 7d"), cap=10), TABLE, made())
    assert """"timestamp" >= '2026/11/16'\n    AND "timestamp" <= '2026/11/24'""" in sql
    assert "eventtime >= '2026-11-16T08:14:00'" in sql
    coverage = select.coverage(ask("last 7d"), catalogue)
    sql = translate(select.build(coverage, cap=10), TABLE, made())
    assert "SUM(CASE WHEN TRUE THEN 1 ELSE 0 END) AS numWithoutKeyExchange" in sql


def test_two_statements_make_awss_published_table_answer_every_view(
    ask: Callable[[str], Question], catalogue: dict[str, views.View]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "athena.md").read_text(encoding="utf-8")
    named = tables.read(double.DATABASE + "." + double.TABLE)[tables.DEFAULT]
    asked = [*(ask(f"last 7d by={name}") for name in catalogue), ask("last 7d kx=classical")]

    def hints(metadata: tables.Metadata) -> set[str]:
        return {hint for question in asked if (hint := hint_of(question, named, metadata))}

    told = re.findall(r"`(ALTER TABLE .* CHANGE COLUMN (\w+) \w+ (.*?))`; or", "\n".join(hints(made())))
    added = {column: tables.parse_type(type_) for _, column, type_ in told}
    altered = dataclasses.replace(made(), columns={**made().columns, **added})

    assert set(added) == {"tlsdetails", "useridentity"}
    assert hints(altered) == set()
    assert all(f"\n{statement};\n" in page for statement, *_ in told)


def hint_of(question: Question, table: tables.Table, metadata: tables.Metadata) -> str:
    """What a refusal says to do; nothing where the question is not refused."""
    try:
        translate(select.build(question, cap=10), table, metadata)
    except UserError as refusal:
        return refusal.hint
    return ""


def test_a_table_of_the_older_serde_is_refused_with_the_remedy(ask: Callable[[str], Question]) -> None:
    without = TEXT_COLUMNS.partition(",\n`tlsdetails`")[0]
    error = refused(ask("last 7d"), made(without, ddl.OLD_SERDE))

    assert "older SerDe, which has no tlsDetails" in error.message
    assert f"`tls-audit athena table {ROOT}`" in error.hint


def test_a_table_without_tls_details_is_told_the_column_to_add(ask: Callable[[str], Question]) -> None:
    without = TEXT_COLUMNS.partition(",\n`tlsdetails`")[0]
    error = refused(ask("last 7d"), made(without))

    assert "ALTER TABLE `security`.`t` ADD COLUMNS (tlsdetails struct<" in error.hint


def test_an_injected_account_has_to_be_named(ask: Callable[[str], Question]) -> None:
    keys = "`account` string, `region` string, `day` string"
    bucket = double.Bucket([])
    statement = ddl.create(TABLE, ROOT, accounts=[], regions=REGIONS, since="2026/01/01")
    metadata = metadata_of(bucket.create(statement))
    bucket.close()
    assert keys in statement

    error = refused(ask("last 7d"), metadata)
    assert "a question has to name one" in error.message
    assert "account=111122223333" in error.hint
    assert refused(ask("last 7d account=1111*"), metadata).hint == error.hint
    sql = translate(select.build(ask("last 7d account=111122223333,444455556666"), cap=10), TABLE, metadata)
    assert """"account" IN ('111122223333', '444455556666')""" in sql


def test_athena_itself_refuses_what_names_no_value_of_an_injected_key(few: list[Record]) -> None:
    bucket = double.Bucket(trail_files(few[:50]))
    bucket.create(ddl.create(TABLE, ROOT, accounts=[], regions=REGIONS, since="2026/01/01"))
    held = bucket.tables["security", "t"]
    tree = sqlglot.parse_one("SELECT eventid FROM security.t WHERE \"account\" LIKE '1%'", read="trino")
    assert isinstance(tree, sqlglot.exp.Select)

    with pytest.raises(Mistake, match="static equality"):
        double.check_injected(check(tree, held.columns), "account")
    bucket.close()


def test_a_table_that_nobody_looked_at_is_taken_for_the_published_one(ask: Callable[[str], Question]) -> None:
    sql = translate(select.build(ask("last 7d kx=classical"), cap=10), TABLE, ddl.ASSUMED_TABLE)

    assert sql.startswith(f"/* {ASSUMED} */")


@pytest.mark.parametrize(
    ("form", "key", "says"),
    [
        ("yyyy-MM-dd", "string", """"day" >= '2026-11-16'\n    AND "day" <= '2026-11-24'"""),
        ("yyyyMMdd", "string", """"day" <= '20261124'"""),
        ("yyyy/MM/dd/HH", "string", """"day" <= '2026/11/24/23'"""),
        ("yyyy/MM", "string", """"day" >= '2026/11'"""),
        ("dd-MM-yyyy", "string", """"day" IN (\n      '16-11-2026',"""),
        ("", "date", """"day" >= CAST('2026-11-16' AS DATE)"""),
        ("", "int", '"day" >= 20261116'),
    ],
)
def test_days_are_said_as_the_projection_writes_them(
    form: str, key: str, says: str, ask: Callable[[str], Question]
) -> None:
    projection = {"type": "date", "format": form} if form else {}
    metadata = tables.Metadata(
        ddl.with_added(ddl.PUBLISHED),
        (tables.Partition("day", key, projection),),
        ddl.ASSUMED_TABLE.parameters,
        NOW,
    )

    assert says in translate(select.build(ask("last 7d"), cap=10), TABLE, metadata)


# --- tables of others


LAKES = tables.Metadata(
    {
        **ddl.PUBLISHED,
        "eventtime": "timestamp",
        "readonly": "boolean",
        "requestparameters": "map<string,string>",
        "eventjson": "string",
    },
    (),
    {"table_type": "ICEBERG"},
    NOW,
)


def test_a_federated_store_of_lakes_is_asked_by_its_quoted_id(ask: Callable[[str], Question]) -> None:
    named = tables.read('"aws:cloudtrail"."7e5d2c1a-9b3f-4e6d-8a70-0c1d2e3f4a5b"')[tables.DEFAULT]

    sql = translate(select.build(ask("last 7d by=trend"), cap=10), named, LAKES)

    assert 'FROM "AwsDataCatalog"."aws:cloudtrail"."7e5d2c1a-9b3f-4e6d-8a70-0c1d2e3f4a5b"' in sql
    assert "eventtime >= CAST('2026-11-16 08:14:00' AS TIMESTAMP)" in sql
    assert ALL_READ not in sql


def test_key_exchange_comes_from_eventjson_where_a_table_has_that(ask: Callable[[str], Question]) -> None:
    metadata = tables.Metadata({**LAKES.columns, "tlsdetails": "string"}, (), LAKES.parameters, NOW)

    sql = translate(select.build(ask("last 7d by=key-exchange"), cap=10), TABLE, metadata)

    assert """JSON_EXTRACT_SCALAR(tlsdetails, '$["keyExchange"]')""" in sql


SECURITY_LAKE = """
CREATE EXTERNAL TABLE `security`.`ocsf` (
  `time_dt` timestamp, `metadata` struct<uid:string>,
  `api` struct<service:struct<name:string>,operation:string,request:struct<uid:string>>,
  `cloud` struct<region:string>, `src_endpoint` struct<ip:string,domain:string>,
  `actor` struct<user:struct<uid:string,uid_alt:string,account:struct<uid:string>,credential_uid:string>,
    invoked_by:string,session:struct<issuer:string>>,
  `http_request` struct<user_agent:string>, `unmapped` map<string,string>)
PARTITIONED BY (`accountid` string, `region` string, `eventday` string)
STORED AS PARQUET LOCATION 's3://trail-bucket/ext/' TBLPROPERTIES ('classification'='parquet')
"""


def as_ocsf(record: Record) -> Record:
    """As Security Lake writes an event, by the names of facts on its own view."""
    identity, tls = record["userIdentity"], record.get("tlsDetails") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    unmapped = {"recipientAccountId": record["recipientAccountId"]}
    unmapped |= {f"tlsDetails.{key}": value for key, value in tls.items()}
    unmapped |= {
        f"userIdentity.sessionContext.sessionIssuer.{key}": value
        for key, value in issuer.items()
        if key != "arn"
    }
    user = {
        "uid": identity.get("arn"),
        "uid_alt": identity.get("principalId"),
        "account": {"uid": identity.get("accountId")},
        "credential_uid": identity.get("accessKeyId"),
    }
    if identity.get("userName") is not None:
        unmapped["userIdentity.userName"] = identity["userName"]
    return {
        "time_dt": record["eventTime"],
        "metadata": {"uid": record["eventID"]},
        "api": {"service": {"name": record["eventSource"]}, "operation": record["eventName"]},
        "cloud": {"region": record["awsRegion"]},
        "src_endpoint": {"ip": record.get("sourceIPAddress")},
        "actor": {
            "user": user,
            "invoked_by": identity.get("invokedBy"),
            "session": {"issuer": issuer.get("arn")},
        },
        "http_request": {"user_agent": record.get("userAgent")},
        "unmapped": unmapped,
    }


@pytest.mark.parametrize(
    "text", ["last 7d by=findings", "last 7d by=callers", "last 7d by=coverage", "last 7d by=key-exchange"]
)
def test_security_lake_answers_the_same_from_its_own_names(
    text: str, few: list[Record], ask: Callable[[str], Question]
) -> None:
    files = [
        double.File(
            f"ext/{file.key.split('/')[2]}/{file.key.split('/')[4]}/{''.join(file.key.split('/')[5:8])}/a.parquet",
            tuple(map(as_ocsf, file.records)),
        )
        for file in trail_files(few)
    ]
    bucket = double.Bucket(files)
    bucket.create(SECURITY_LAKE, template="s3://trail-bucket/ext/${accountid}/${region}/${eventday}")
    question = ask(text)

    rows, scanned, _ = asked(bucket, "ocsf", question)
    bucket.close()

    expected = oracle.answer(question, few)
    assert [row[0] for row in rows] == [as_text(row[0]) for row in expected]
    assert [row[-1] for row in rows] == [as_text(row[-1]) for row in expected]
    assert scanned < sum(file.size for file in files)


# --- names and types


@pytest.mark.parametrize(
    "text", ["cloudtrail", "a.b.c.d", "db.", "db.ta ble", "a.b,c.d", "x=a.b,x=c.d", "1=a.b"]
)
def test_what_is_no_table_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"database\.table|db\.table"):
        tables.read(text)


def test_several_tables_have_names_and_catalogs() -> None:
    found = tables.read('prod=security.logs,new="s3tablescatalog/aws-cloudwatch".logs.events')

    assert [str(each) for each in found.values()] == [
        "security.logs",
        '"s3tablescatalog/aws-cloudwatch".logs.events',
    ]


@pytest.mark.parametrize("text", ["struct<a:string", "array<", "map<string>", "struct<a string>"])
def test_a_type_that_cannot_be_read_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(EngineError, match="cannot be read"):
        tables.parse_type(text)


# --- what a view may say


OWN = """
-- title: Buckets
-- about: Whatever a view of one's own may read.
SELECT
    requestParameters['bucketName'] AS bucket,
    JSON_EXTRACT_SCALAR(eventJson, '$.requestParameters.bucketName') AS again,
    readOnly,
    CAST(eventTime AS DATE) AS day,
    DATE_DIFF('hour', MIN(eventTime), MAX(eventTime)) AS hours,
    COUNT(DISTINCT userIdentity.inScopeOf.issuerType) AS scopes,
    COUNT(*) AS numCalls
FROM $EDS_ID
WHERE eventTime >= :start
    AND eventTime < :end
    AND eventTime <> '2026-11-12 10:00:00'
    AND (readOnly OR LOWER(TRIM(tlsDetails.tlsVersion)) IN ('tlsv1', 'tlsv1.0', '1.0'))
GROUP BY
    requestParameters['bucketName'],
    JSON_EXTRACT_SCALAR(eventJson, '$.requestParameters.bucketName'),
    readOnly,
    CAST(eventTime AS DATE)
ORDER BY numCalls DESC, bucket, readOnly, day
"""


@pytest.fixture
def odd() -> list[Record]:
    """Events that come twice, thin, without an id, and with what only own views read."""
    plain: Record = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "inScopeOf": {"issuerType": "AWS::Lambda"}},
        "eventTime": "2026-11-12T08:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "us-east-1",
        "recipientAccountId": "111122223333",
        "requestParameters": {"bucketName": "a", "key": {"deep": 1}},
        "readOnly": True,
        "tlsDetails": {"tlsVersion": "TLSv1"},
    }
    return [
        plain | {"eventID": "1"},
        plain | {"eventID": "1", "tlsDetails": None, "requestParameters": None},
        plain | {"eventID": "2", "eventTime": "2026-11-12T10:30:00Z", "requestParameters": "none"},
        plain | {"eventID": "3", "eventTime": "2026-11-12T10:00:00Z"},
        plain | {"eventID": "4", "readOnly": False, "tlsDetails": {"tlsVersion": " TLSv1.0 "}},
        plain | {"eventID": "5", "readOnly": False, "tlsDetails": {"tlsVersion": "TLSv1.3"}},
        dict(plain),
        dict(plain),
        plain | {"eventName": "PutObject"},
        plain | {"eventID": "6", "eventTime": "2026-11-12T0x:00:00Z", "readOnly": False},
    ]


@pytest.mark.parametrize("form", ["texts", "parquet"])
def test_views_of_ones_own_read_maps_flags_times_and_each_event_once(
    form: str, odd: list[Record], ask: Callable[[str], Question]
) -> None:
    files = [
        double.file_of("111122223333", "us-east-1", "2026/11/12", odd[::2], name="a"),
        double.file_of("111122223333", "us-east-1", "2026/11/13", odd[1::2], name="b"),
    ]
    if form == "parquet":
        files = [
            double.File(file.key, tuple(each for each in file.records if "x" not in each["eventTime"]))
            for file in files
        ]
    bucket = double.Bucket(files)
    name = next(name for name, named in NAMES.items() if named == form)
    statement, template = FORMS[name]
    bucket.create(statement, template=template)
    view = views.parse("own", OWN.lstrip(), where="here")
    window = ask("2026-11-12..2026-11-13").window
    question = dataclasses.replace(ask("last 7d by=trend"), view=view, window=window)

    rows, _, _ = asked(bucket, form, question)
    bucket.close()

    first = ["a", "a", "true", "2026-11-12", "0", "1", "3"]  # 1, and two without an id
    others = [
        ["a", "a", "false", "2026-11-12", "0", "1", "1"],  # 4
        [None, None, "true", "2026-11-12", "0", "1", "1"],  # 2
    ]
    # 6 has a time that is none, which costs no other event its own
    assert list(map(list, rows[:1])) == [first]
    assert sorted(map(list, rows[1:]), key=repr) == sorted(others, key=repr)


def test_a_whole_map_of_json_text_is_refused_with_a_way_out(ask: Callable[[str], Question]) -> None:
    text = OWN.replace("    readOnly,", "    CARDINALITY(requestParameters) AS whole,", 1).lstrip()
    view = views.parse("own", text, where="here")
    question = dataclasses.replace(ask("last 7d by=trend"), view=view)

    error = refused(question, ddl.ASSUMED_TABLE)

    assert error.message == "The table security.t has requestParameters as JSON text."
    assert "requestParameters['…']" in error.hint
