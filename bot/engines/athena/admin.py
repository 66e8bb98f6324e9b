"""What goes before asking Athena: a table over a bucket, the least policy, and what doctor looks at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from sqlglot import exp

from bot import event_schema
from bot.engines import Check
from bot.engines.athena import columns, ddl, partitions, tables
from bot.engines.athena.client import POLICY, failure
from bot.engines.athena.query import Query
from bot.engines.athena.tables import CATALOG
from bot.errors import EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bot.engines.athena.client import Athena
    from bot.engines.athena.tables import Metadata, Table

QUERY_ACTIONS: Final = (
    "StartQueryExecution",
    "GetQueryExecution",
    "GetQueryResults",
    "StopQueryExecution",
    "GetWorkGroup",
)
GLUE_ACTIONS: Final = ("GetDatabase", "GetTable", "GetPartition", "GetPartitions")
OUTPUT_ACTIONS: Final = ("GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts")

_ACCOUNT: Final = re.compile(r"\d{12}")
_ORGANIZATION: Final = re.compile(r"o-[a-z0-9]{3,32}")
_FIRST: Final = "2020/01/01"
"""Where days begin if no folder says it; AWS's published table has the same."""


def policy(
    known: Mapping[str, Table], workgroup: str, output: str, locations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The least IAM policy for asking. `locations` are where tables have their files, as far as is known."""
    roles = sorted({table.role for table in known.values() if table.role})
    own = [table for table in known.values() if not table.role]
    statements: list[dict[str, Any]] = []
    if own or not known:
        statements = [
            _allow("athena", QUERY_ACTIONS, f"arn:aws:athena:*:*:workgroup/{workgroup}"),
            _allow("athena", ("GetTableMetadata",), *_catalogs(own)),
            _allow("glue", GLUE_ACTIONS, *_glue(own)),
            *_files(own, locations or {}),
            *_answers(output),
        ]
    if any(table.catalog != CATALOG or table.database.startswith("aws:") for table in own):
        statements.append(_allow("lakeformation", ("GetDataAccess",), "*"))
    if roles:
        statements.append({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles})
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(service: str, actions: tuple[str, ...], *resources: str) -> dict[str, Any]:
    on = resources[0] if len(resources) == 1 else list(resources)
    return {"Effect": "Allow", "Action": [f"{service}:{action}" for action in actions], "Resource": on}


def _catalogs(own: list[Table]) -> list[str]:
    names = sorted({table.catalog for table in own} or {CATALOG})
    return [f"arn:aws:athena:*:*:datacatalog/{name}" for name in names]


def _glue(own: list[Table]) -> list[str]:
    named = [("*", "*")] if not own else [(table.database, table.name) for table in own]
    found = ["catalog", *(f"database/{each}" for each, _ in named), *(f"table/{a}/{b}" for a, b in named)]
    return [f"arn:aws:glue:*:*:{each}" for each in dict.fromkeys(found)]


def _files(own: list[Table], locations: Mapping[str, str]) -> list[dict[str, Any]]:
    where = [locations[table.alias] for table in own if locations.get(table.alias)]
    folders = sorted(each.removeprefix("s3://").rstrip("/") for each in where) or ["TRAIL-BUCKET/AWSLogs"]
    buckets = sorted({each.partition("/")[0] for each in folders})
    return [
        _allow("s3", ("ListBucket", "GetBucketLocation"), *(f"arn:aws:s3:::{each}" for each in buckets)),
        _allow("s3", ("GetObject",), *(f"arn:aws:s3:::{each}/*" for each in folders)),
    ]


def _answers(output: str) -> list[dict[str, Any]]:
    where = output.removeprefix("s3://").rstrip("/") or "ANSWERS-BUCKET"
    bucket = where.partition("/")[0]
    return [
        _allow("s3", ("ListBucket", "GetBucketLocation"), f"arn:aws:s3:::{bucket}"),
        _allow("s3", OUTPUT_ACTIONS, f"arn:aws:s3:::{where}/*"),
    ]


# --- doctor


def checks(aws: Athena, known: Mapping[str, Table], workgroup: str, output: str) -> Iterator[Check]:
    """The workgroup, the place for answers, and each table with one of its partitions."""
    first = next(iter(known.values()))
    try:
        about = aws.read(first, "GetWorkGroup", WorkGroup=workgroup)["WorkGroup"]
        yield from _check_workgroup(about, output)
    except EngineError as error:
        yield Check(f"Athena's workgroup {workgroup}: {error.in_full}", False, error.hint or POLICY)
    for table in known.values():
        try:
            yield from _check_table(aws, table, workgroup, output)
        except (EngineError, UserError) as error:
            yield Check(f"Athena's table {table}: {error.in_full}", False, error.hint or POLICY)


def _check_workgroup(about: Mapping[str, Any], output: str) -> Iterator[Check]:
    configuration = about.get("Configuration", {})
    own = configuration.get("ResultConfiguration", {}).get("OutputLocation", "")
    is_managed = configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled", False)
    what = f"Athena's workgroup {about['Name']}"
    if about.get("State") == "DISABLED":
        yield Check(f"{what}: it is disabled", False, "Enable it, or set TLS_AUDIT_ATHENA_WORKGROUP.")
        return
    if not (own or output or is_managed):
        yield Check(f"{what}: no place for answers", False, "Set TLS_AUDIT_ATHENA_OUTPUT=s3://bucket/prefix.")
        return
    is_overruled = configuration.get("EnforceWorkGroupConfiguration") and output and own
    place = own if is_overruled or not output else output
    more = f", answers in {'Athena itself' if is_managed else place}"
    if is_overruled and own.rstrip("/") != output.rstrip("/"):
        more += " (it overrules TLS_AUDIT_ATHENA_OUTPUT)"
    cutoff = configuration.get("BytesScannedCutoffPerQuery")
    more += f", at most {cutoff / 1e9:,.1f} GB a query" if cutoff else ""
    yield Check(what + more, passed=True)


def _check_table(aws: Athena, table: Table, workgroup: str, output: str) -> Iterator[Check]:
    told = aws.read(
        table,
        "GetTableMetadata",
        CatalogName=table.catalog,
        DatabaseName=table.database,
        TableName=table.name,
        WorkGroup=workgroup,
    )
    metadata = tables.of_aws(told["TableMetadata"], aws.clock())
    columns.find(["tlsDetails", "tlsVersion"], table, metadata)
    what = f"Athena's table {table}"
    keys = ", ".join(key.name for key in metadata.partitions) or "none"
    lacking, mend = _lacking(table, metadata)
    more = f"; it has no {' and no '.join(lacking)}, and some views ask for that" if lacking else ""
    yield Check(f"{what}: TLS details are there, partitions: {keys}{more}", True, mend, warns=bool(lacking))
    yield _check_partition(aws, table, metadata, workgroup, output)


def _lacking(table: Table, metadata: Metadata) -> tuple[list[str], str]:
    """What log files hold and AWS's published table leaves out, where this one does too; and what adds it."""
    names, hints = [], []
    for path in (event_schema.KEY_EXCHANGE_PATH.split(".")[1:], ["userIdentity", *_ISSUED_TO]):
        try:
            columns.find(path, table, metadata)
        except UserError as error:
            names.append(".".join(path))
            hints.append(error.hint)
    return names, " ".join(hints)


_ISSUED_TO: Final = ("inScopeOf", "credentialsIssuedTo")


def _check_partition(aws: Athena, table: Table, metadata: Metadata, workgroup: str, output: str) -> Check:
    """Whether a row of the last two days can be read, with the key and the permissions that it takes."""
    what = f"Athena's table {table}"
    today = aws.clock().date()
    if any(key.is_injected for key in metadata.partitions):
        return Check(f"{what}: its partitions are not looked at, since a question names them", passed=True)
    conditions, is_dated = partitions.conditions(metadata, today - timedelta(days=1), today, {})
    if not is_dated:
        return Check(
            f"{what}: it has no partitions by day, so that every question reads all of it",
            metadata.is_iceberg,
            "`tls-audit athena table s3://…` prints one that has.",
        )
    time = columns.find(["eventTime"], table, metadata)
    source = exp.Table(
        **{
            key: exp.to_identifier(part, quoted=True)
            for key, part in zip(("catalog", "db", "this"), table.parts, strict=True)
        }
    )
    asked = exp.Select(expressions=[exp.alias_(time.value.copy(), "newest")])
    asked.set("from_", exp.From(this=source))
    sql = asked.where(*conditions).limit(1).sql("trino", pretty=True)
    query = execute(aws, table, sql, workgroup=workgroup, output=output)
    found = sum(len(page) for page in query.pages()) > 1
    return Check(
        f"{what}: the partitions of the last two days {'can be read' if found else 'hold nothing'}",
        found,
        "Are its location, accounts and Regions the trail's? Partitions that are added by hand need adding.",
    )


def execute(aws: Athena, table: Table, sql: str, *, workgroup: str, output: str) -> Query:
    """A statement that was run to its end. EngineError where that is not a good one."""
    query = Query(aws, table, lambda *_: None)
    query.start(sql, uuid4().hex, workgroup=workgroup, output=output)
    status = query.wait()["Status"]
    if status["State"] != "SUCCEEDED":
        raise failure(str(status.get("StateChangeReason", status["State"])))
    return query


# --- a table over a bucket


@dataclass(frozen=True, slots=True)
class Trail:
    """What a trail's bucket holds."""

    location: str
    """The folder of accounts: `s3://bucket/AWSLogs/`, or an organization's below that."""
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    since: str
    """The first day there may be files of, `yyyy/MM/dd`."""


def find(s3: Any, uri: str, seen: Callable[[str], None] = lambda _: None) -> Trail:
    """The trail at an `s3://` URI: a bucket, or any folder above those of accounts. UserError."""
    if not re.fullmatch(r"s3://[a-z0-9][.a-z0-9-]{1,61}[a-z0-9](/.*)?", uri):
        raise UserError(f"`{uri}` is no place in S3.", "Write s3://bucket or s3://bucket/prefix.")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    folder = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    for _ in range(4):  # bucket, prefix, AWSLogs, organization
        inside = _folders(s3, bucket, folder)
        accounts = [each for each in inside if _ACCOUNT.fullmatch(each)]
        within = [each for each in inside if each == "AWSLogs" or _ORGANIZATION.fullmatch(each)]
        if len(within) + bool(accounts) > 1:
            places = [f"s3://{bucket}/{folder}{each}/" for each in within]
            raise UserError(
                f"s3://{bucket}/{folder} holds several trails.", f"Say which: {', '.join(places)}."
            )
        if accounts:
            return _trail(s3, bucket, folder, accounts, seen)
        if not within:
            break
        folder += f"{within[0]}/"
    raise UserError(
        f"There are no folders of accounts in s3://{bucket}/{folder}.",
        "A trail writes to s3://bucket/prefix/AWSLogs/…: name the bucket, or its prefix.",
    )


def _trail(s3: Any, bucket: str, folder: str, accounts: list[str], seen: Callable[[str], None]) -> Trail:
    regions: dict[str, None] = {}
    years: set[str] = set()
    held = []
    for account in accounts:
        seen(account)
        named = _folders(s3, bucket, f"{folder}{account}/CloudTrail/")
        if named:
            held.append(account)
        for region in named:
            if region not in regions:
                years.update(_folders(s3, bucket, f"{folder}{account}/CloudTrail/{region}/"))
            regions[region] = None
    if not held:
        raise UserError(
            f"s3://{bucket}/{folder} has folders of accounts, and none with CloudTrail's files.",
            "Is this the bucket of a trail?",
        )
    first = min((year for year in years if re.fullmatch(r"20\d\d", year)), default="")
    since = f"{first}/01/01" if first else _FIRST
    return Trail(f"s3://{bucket}/{folder}", tuple(held), tuple(sorted(regions)), since)


def _folders(s3: Any, bucket: str, prefix: str) -> list[str]:
    """The names of the folders right below a prefix. EngineError."""
    from botocore.exceptions import BotoCoreError, ClientError

    found: list[str] = []
    more: dict[str, str] = {}
    while True:
        try:
            page = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/", **more)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise EngineError(
                f"The table's bucket cannot be listed ({code}).",
                "That takes s3:ListBucket.",
                detail=f"s3://{bucket}/{prefix}",
            ) from error
        except BotoCoreError as error:
            raise EngineError(
                "The table's bucket cannot be listed.", detail=f"s3://{bucket}/{prefix}: {error}"
            ) from error
        found += [each["Prefix"].rstrip("/").rpartition("/")[2] for each in page.get("CommonPrefixes", [])]
        if not page.get("NextContinuationToken"):
            return found
        more = {"ContinuationToken": page["NextContinuationToken"]}


def statement(table: Table, trail: Trail, *, is_open: bool) -> str:
    """The DDL for a trail. `is_open`: of any account, which questions then have to name."""
    accounts = () if is_open else trail.accounts
    return ddl.create(table, trail.location, accounts=accounts, regions=trail.regions, since=trail.since)
