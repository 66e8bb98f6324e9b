"""Athena on this machine: AWS's JSON protocol over HTTP, and Athena's SQL over the files of a trail.

boto3 is real and finds it through `AWS_ENDPOINT_URL_ATHENA` and `…_S3`. What comes in and what goes out is
held against botocore's own model of the service. Tables are made of DDL, read as Hive by sqlglot; statements
are read as Trino, checked by Athena's rules of types (text is no timestamp, and cannot be compared with
one), and run by DuckDB. It counts the bytes of the files whose partitions a statement does not leave out,
and knows nothing of whoever wrote the statement.

Time is the test's: a query's states follow `now`, and nothing here sleeps.
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID, uuid5

import duckdb
import sqlglot
from sqlglot import exp

from tests.doubles.athena_sql import Checked, Mistake, check, columns_of, to_duckdb
from tests.doubles.aws import Caller, Refusal, Service, most_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.doubles.athena_sql import Type
    from tests.oracle import Record

BUCKET: Final = "trail-bucket"
RESULTS: Final = "s3://athena-results/tls"
DATABASE: Final = "security"
TABLE: Final = "cloudtrail_logs"

STARTS: Final = 20
READS: Final = 100
"""Calls a second (Athena quotas: StartQueryExecution, GetQueryExecution)."""
LIVE: Final = 20
"""DML queries queued and running at once (the least of the quotas by Region)."""
PAGE: Final = 1_000

_SPACE: Final = UUID("22222222-3333-4444-5555-666666666666")


@dataclass(frozen=True)
class File:
    """A file in the trail's bucket."""

    key: str
    records: tuple[Record, ...]

    @property
    def size(self) -> int:
        """Its bytes, compressed."""
        return len(gzip.compress(json.dumps({"Records": self.records}).encode(), 1, mtime=0))


def deliver(records: Iterable[Record], organization: str = "o-tls") -> list[File]:
    """The files of an organization's trail: each event in the file of its account, Region and day."""
    folders: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        day = record["eventTime"][:10].replace("-", "/")
        folders[record["recipientAccountId"], record["awsRegion"], day].append(record)
    return [file_of(*where, held, organization) for where, held in sorted(folders.items())]


def file_of(
    account: str,
    region: str,
    day: str,
    records: Sequence[Record],
    organization: str = "o-tls",
    name: str = "a",
) -> File:
    """A file that was delivered on `day` (`2026/11/16`)."""
    stamp = day.replace("/", "")
    return File(
        f"AWSLogs/{organization}/{account}/CloudTrail/{region}/{day}/"
        f"{account}_CloudTrail_{region}_{stamp}T0000Z_{name}.json.gz",
        tuple(records),
    )


@dataclass(frozen=True)
class Held:
    """A table: what its DDL says, and its rows in DuckDB under `duck`."""

    database: str
    name: str
    columns: Mapping[str, Type]
    glue: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]
    parameters: Mapping[str, str]
    duck: str
    created: datetime

    def about(self) -> dict[str, Any]:
        """As GetTableMetadata has it."""
        return {
            "Name": self.name,
            "CreateTime": self.created,
            "TableType": "EXTERNAL_TABLE",
            "Columns": [{"Name": name, "Type": type_} for name, type_ in self.glue],
            "PartitionKeys": [{"Name": name, "Type": type_} for name, type_ in self.keys],
            "Parameters": dict(self.parameters),
        }

    @property
    def projected(self) -> bool:
        return self.parameters.get("projection.enabled") == "true"

    @property
    def injected(self) -> list[str]:
        """Partition keys whose values a statement must name."""
        named = [name for name, _ in self.keys]
        return [
            name
            for name in named
            if self.projected and self.parameters.get(f"projection.{name}.type") == "injected"
        ]


class Bucket:
    """The files of a trail, and tables over them."""

    def __init__(self, files: Iterable[File]) -> None:
        self.files = list(files)
        self.tables: dict[tuple[str, str], Held] = {}
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        self._sizes = [file.size for file in self.files]

    def close(self) -> None:
        """Give DuckDB's memory back."""
        self.connection.close()

    def create(self, ddl: str, *, template: str = "", created: datetime | None = None) -> Held:
        """The table that CREATE EXTERNAL TABLE makes.

        `template` says where partitions are, as storage.location.template does, for a table that has its
        partitions added by hand.
        """
        tree = sqlglot.parse_one(ddl, read="hive")
        if not isinstance(tree, exp.Create) or tree.find(exp.ExternalProperty) is None:
            raise Refusal("InvalidRequestException", "Queries of this type are not supported")
        table = tree.this.this
        parameters, keys = _properties(tree)
        columns = {each.name.lower(): each.kind for each in tree.this.expressions}
        where = parameters.get("storage.location.template") or template or parameters["location"]
        duck = f"t{len(self.tables)}"
        held = Held(
            table.db.lower() or "default",
            table.name.lower(),
            {name: columns_of(kind) for name, kind in columns.items()}
            | {name: columns_of(exp.DataType.build(kind, dialect="hive")) for name, kind in keys},
            tuple((name, _glue(kind)) for name, kind in columns.items()),
            tuple(keys),
            parameters,
            duck,
            created or datetime(2026, 1, 1, tzinfo=UTC),
        )
        self._fill(held, where)
        self.tables[held.database, held.name] = held
        return held

    def _fill(self, held: Held, where: str) -> None:
        pattern = _as_pattern(where)
        names = [name for name, _ in held.keys]
        shapes = ", ".join(f"'{name}': '{_duck(type_)}'" for name, type_ in held.columns.items())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.json"
            with path.open("w", encoding="utf-8") as out:
                for number, file in enumerate(self.files):
                    found = pattern.match(f"s3://{BUCKET}/{file.key}")
                    if found is None:
                        continue
                    values = {
                        name: int(found[name]) if held.columns[name] == "bigint" else found[name]
                        for name in names
                    }
                    for record in file.records:
                        row = _row(record, held.columns) | values | {"$file": number}
                        out.write(json.dumps(row) + "\n")
            self.connection.execute(
                f"CREATE TABLE {held.duck} AS SELECT * FROM read_json('{path}', format='newline_delimited', "  # noqa: S608 - the double's own path
                f"columns={{{shapes}, '$file': 'INTEGER'}}, maximum_object_size=100000000)"
            )

    def run(self, checked: Checked, held: Held) -> tuple[list[tuple[str | None, ...]], int, int]:
        """Rows of text, and how many files were read, of how many bytes."""
        with self.connection.cursor() as cursor:
            try:
                found = cursor.execute(to_duckdb(checked.tree, {held.name: held.duck})).fetchall()
                read = cursor.execute(_files_sql(checked, held)).fetchall()
            except duckdb.Error as error:
                raise Mistake("GENERIC_INTERNAL_ERROR", str(error)[:900]) from error
        scanned = sum(self._sizes[number] for (number,) in read)
        return [tuple(map(_text, row)) for row in found], len(read), scanned


def _properties(tree: exp.Create) -> tuple[dict[str, str], list[tuple[str, str]]]:
    parameters: dict[str, str] = {"EXTERNAL": "TRUE"}
    keys: list[tuple[str, str]] = []
    for each in tree.args["properties"].expressions:
        if isinstance(each, exp.PartitionedByProperty):
            keys = [(one.name.lower(), _glue(one.kind)) for one in each.this.expressions]
        elif isinstance(each, exp.LocationProperty):
            parameters["location"] = each.this.name
        elif isinstance(each, exp.RowFormatSerdeProperty):
            parameters["serde.serialization.lib"] = each.this.name
        elif isinstance(each, exp.FileFormatProperty):
            formats = each.this
            if isinstance(formats, exp.InputOutputFormat):
                parameters["inputformat"] = formats.args["input_format"].name
                parameters["outputformat"] = formats.args["output_format"].name
            else:
                parameters["classification"] = formats.name.lower()
                parameters["serde.serialization.lib"] = (
                    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
                )
        elif type(each) is exp.Property:
            parameters[each.this.name] = each.args["value"].name
    return parameters, keys


def _glue(kind: exp.DataType) -> str:
    """As Glue writes a type."""
    return re.sub(r"\s*([:,<>])\s*", r"\1", kind.sql("hive").lower())


def _as_pattern(where: str) -> re.Pattern[str]:
    text = re.escape(where.rstrip("/")).replace(r"\*", "[^/]+")
    # a day's value has slashes of its own
    text = re.sub(
        r"\\\$\\\{(\w+)\\\}", lambda match: f"(?P<{match[1]}>{_VALUES.get(match[1], '[^/]+')})", text
    )
    return re.compile(text + "/")


_VALUES: Final = {"timestamp": r"\d+/\d+/\d+", "day": r"\d+(?:/\d+/\d+)?", "dt": r"\d+/\d+/\d+"}


def _duck(type_: Type) -> str:
    if isinstance(type_, dict):
        return f"STRUCT({', '.join(f'{name} {_duck(inner)}' for name, inner in type_.items())})"
    if isinstance(type_, list):
        return f"{_duck(type_[0])}[]"
    names = {"map": "MAP(VARCHAR, VARCHAR)", "timestamp": "TIMESTAMP", "boolean": "BOOLEAN"}
    return {**names, "bigint": "BIGINT", "date": "DATE"}.get(type_, "VARCHAR")


def _row(record: Record, columns: Mapping[str, Type]) -> dict[str, Any]:
    """A record as the JSON SerDe reads it: names in any case, what is no text as JSON text."""
    lower = {key.lower(): value for key, value in record.items()}
    return {name: _value(lower.get(name), type_) for name, type_ in columns.items() if name in lower}


def _value(value: Any, type_: Type) -> Any:
    if isinstance(type_, dict):
        if not isinstance(value, dict):
            return None
        lower = {key.lower(): each for key, each in value.items()}
        return {name: _value(lower.get(name), inner) for name, inner in type_.items()}
    if isinstance(type_, list):
        return [_value(each, type_[0]) for each in value] if isinstance(value, list) else None
    if type_ == "map":
        return {k: _plain(each) for k, each in value.items()} if isinstance(value, dict) else None
    if type_ == "timestamp" and isinstance(value, str):
        return value.removesuffix("Z")
    return value if type_ == "boolean" else _plain(value)


def _plain(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _files_sql(checked: Checked, held: Held) -> str:
    """Which files a statement reads: those whose partitions its conditions do not leave out."""
    keys = {name for name, _ in held.keys}
    kept = [
        each.sql("duckdb")
        for each in checked.conditions
        if (said := {column.name.lower() for column in each.find_all(exp.Column)}) and said <= keys
    ]
    return f'SELECT DISTINCT "$file" FROM {held.duck} WHERE {" AND ".join(kept) or "TRUE"}'  # noqa: S608 - from the tree


def _text(value: Any) -> str | None:
    """A value as Athena writes it: times with three digits of a second."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        zone = " UTC" if value.tzinfo is not None else ""
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}{zone}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and abs(value) >= 1e7:
        return f"{value:E}"
    return str(value)


@dataclass(frozen=True)
class Plan:
    """How a query goes: when it begins and ends, in seconds from its start, and with what."""

    queued: float = 0.0
    running: float = 0.0
    end: str = "SUCCEEDED"
    error: str = ""


@dataclass
class WorkGroup:
    """A workgroup."""

    name: str = "primary"
    output: str = RESULTS
    state: str = "ENABLED"
    enforced: bool = False
    managed: bool = False
    """Athena keeps the answers itself, and no bucket has them."""
    cutoff: int | None = None
    """Bytes at which a query is cancelled."""

    def about(self) -> dict[str, Any]:
        """As GetWorkGroup has it."""
        configuration: dict[str, Any] = {
            "EnforceWorkGroupConfiguration": self.enforced,
            "ResultConfiguration": {"OutputLocation": self.output} if self.output else {},
            "EngineVersion": {
                "SelectedEngineVersion": "AUTO",
                "EffectiveEngineVersion": "Athena engine version 3",
            },
        }
        if self.managed:
            configuration["ManagedQueryResultsConfiguration"] = {"Enabled": True}
        if self.cutoff is not None:
            configuration["BytesScannedCutoffPerQuery"] = self.cutoff
        return {"WorkGroup": {"Name": self.name, "State": self.state, "Configuration": configuration}}


@dataclass
class Execution:
    """A query that was started."""

    id: str
    text: str
    group: WorkGroup
    started: datetime
    plan: Plan
    token: str
    output: str
    names: list[tuple[str, str]] = field(default_factory=list)
    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    files: int = 0
    scanned: int = 0
    reused: bool = False
    cancelled: datetime | None = None
    is_ddl: bool = False

    @property
    def ends(self) -> datetime:
        """When it has run, unless it is cancelled."""
        return self.started + timedelta(seconds=self.plan.queued + self.plan.running)


class Athena(Service):
    """The double over a `bucket`. `now` is its clock."""

    name = "athena"
    rates: ClassVar = {
        frozenset({"StartQueryExecution", "StopQueryExecution"}): STARTS,
        frozenset[str](): READS,
    }
    unchecked = frozenset({"Rows"})

    def __init__(self, bucket: Bucket, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(now)
        self.bucket = bucket
        self.plan = Plan()
        """How the next queries go."""
        self.groups = {"primary": WorkGroup()}
        self.executions: dict[str, Execution] = {}
        self.objects: dict[str, bytes] = {f"{BUCKET}/{file.key}": b"" for file in bucket.files}
        self.unreadable: set[str] = set()
        """Buckets that the caller may not read."""
        self.live = LIVE
        self.forgets = False
        """Whether a token means nothing once its query has ended."""
        self.page_rows = PAGE
        self._numbers = 0

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"AWS_ENDPOINT_URL_S3": self.url}

    def paid(self) -> dict[str, int]:
        """The bytes read for each token, and so paid for."""
        with self._lock:
            return {each.token: each.scanned for each in self.executions.values() if not each.is_ddl}

    def asked(self) -> Counter[str]:
        """How often each text was asked: a second token for the same asking shows there."""
        with self._lock:
            return Counter(each.text for each in self.executions.values() if not each.is_ddl)

    def most_live(self) -> int:
        """The most queries that were queued or running at once."""
        with self._lock:
            every = self.executions.values()
            return most_at_once((each.started, each.cancelled or each.ends) for each in every)

    def _invalid(self, problems: list[str]) -> Refusal:
        return Refusal("InvalidRequestException", "; ".join(problems), AthenaErrorCode="INVALID_INPUT")

    # --- tables and workgroups

    def _get_table_metadata(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        del caller
        held = self.bucket.tables.get((given["DatabaseName"].lower(), given["TableName"].lower()))
        if held is None:
            name = f"{given['DatabaseName']}.{given['TableName']}"
            raise Refusal("MetadataException", f"EntityNotFoundException: Table {name} not found.")
        return {"TableMetadata": held.about()}

    def _get_work_group(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        del caller
        return self._group(given["WorkGroup"]).about()

    def _group(self, name: str) -> WorkGroup:
        if name not in self.groups:
            raise Refusal("InvalidRequestException", f"WorkGroup {name} is not found.")
        return self.groups[name]

    # --- queries

    def _start_query_execution(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        del caller
        group = self._group(given.get("WorkGroup", "primary"))
        token = given["ClientRequestToken"]
        if not 32 <= len(token) <= 128:
            raise self._invalid(["ClientRequestToken: 32 to 128 characters"])
        before = next((each for each in self.executions.values() if each.token == token), None)
        if before is not None and self.forgets and self._state(before) not in {"QUEUED", "RUNNING"}:
            before = None
        if before is not None:
            if before.text != given["QueryString"]:
                raise self._invalid(["Idempotent parameters do not match"])
            return {"QueryExecutionId": before.id}
        if group.state == "DISABLED":
            raise self._invalid([f"WorkGroup {group.name} is disabled."])
        live = [each for each in self.executions.values() if self._state(each) in {"QUEUED", "RUNNING"}]
        if self.limits and len(live) >= self.live:
            raise Refusal(
                "TooManyRequestsException",
                "You have exceeded the limit for the number of queries you can run concurrently.",
                Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED",
            )
        asked = given.get("ResultConfiguration", {}).get("OutputLocation", "")
        output = group.output if group.enforced or not asked else asked
        if not output and not group.managed:
            raise self._invalid(["No output location provided. An output location is required."])
        return {"QueryExecutionId": self._execute(given, group, token, "" if group.managed else output).id}

    def _execute(self, given: dict[str, Any], group: WorkGroup, token: str, output: str) -> Execution:
        text = given["QueryString"]
        self._numbers += 1
        made = Execution(
            str(uuid5(_SPACE, str(self._numbers))), text, group, self._now(), self.plan, token, output
        )
        reuse = given.get("ResultReuseConfiguration", {}).get("ResultReuseByAgeConfiguration", {})
        earlier = self._reusable(text, group, reuse)
        if earlier is not None:
            made.names, made.rows, made.reused = earlier.names, earlier.rows, True
        elif re.match(r"\s*CREATE\s+EXTERNAL\b", text, re.IGNORECASE):
            made.is_ddl = True
            self.bucket.create(text, created=self._now())
        else:
            self._read(made)
        self.executions[made.id] = made
        if made.output and made.plan.end == "SUCCEEDED":
            where = f"{made.output.removeprefix('s3://').rstrip('/')}/{made.id}.csv"
            self.objects[where] = _csv(made).encode()
        return made

    def _reusable(self, text: str, group: WorkGroup, reuse: Mapping[str, Any]) -> Execution | None:
        if not reuse.get("Enabled"):
            return None
        since = self._now() - timedelta(minutes=reuse.get("MaxAgeInMinutes", 60))
        return next(
            (
                each
                for each in self.executions.values()
                if (each.text, each.group) == (text, group)
                and each.started >= since
                and self._state(each) == "SUCCEEDED"
            ),
            None,
        )

    def _read(self, made: Execution) -> None:
        """Run the statement. What it gets wrong is its end."""
        try:
            checked, held = self._checked(made.text)
            made.names = list(checked.names)
            made.rows, made.files, made.scanned = self.bucket.run(checked, held)
        except Mistake as mistake:
            made.plan = replace(made.plan, end="FAILED", error=str(mistake))
            return
        if made.group.cutoff is not None and made.scanned > made.group.cutoff:
            made.plan = replace(made.plan, end="CANCELLED", error="Bytes scanned limit was exceeded")

    def _checked(self, text: str) -> tuple[Checked, Held]:
        try:
            trees = sqlglot.parse(text, read="trino")
        except sqlglot.errors.SqlglotError as error:
            raise Refusal("InvalidRequestException", f"line 1:1: mismatched input. {error}"[:900]) from error
        if len(trees) != 1 or not isinstance(trees[0], exp.Select):
            raise Refusal("InvalidRequestException", "Only one sql statement is allowed.")
        tree = trees[0]
        tables = list(tree.find_all(exp.Table))
        if len(tables) != 1:
            raise Mistake("NOT_SUPPORTED", "this double reads one table")
        table = tables[0]
        held = self.bucket.tables.get((table.db.lower() or "default", table.name.lower()))
        if held is None:
            name = f"awsdatacatalog.{table.db}.{table.name}".lower()
            raise Mistake("TABLE_NOT_FOUND", f"line 1:1: Table '{name}' does not exist")
        checked = check(tree, held.columns)
        for name in held.injected:
            check_injected(checked, name)
        return checked, held

    def _state(self, each: Execution) -> str:
        age = (self._now() - each.started).total_seconds()
        if each.cancelled is not None:
            return "CANCELLED"
        if age < each.plan.queued:
            return "QUEUED"
        return "RUNNING" if age < each.plan.queued + each.plan.running else each.plan.end

    def _scanned(self, each: Execution) -> int:
        """Bytes grow while it runs."""
        if each.plan.running == 0:
            return each.scanned
        end = self._now() if each.cancelled is None else each.cancelled
        age = (end - each.started).total_seconds() - each.plan.queued
        return int(each.scanned * max(0.0, min(1.0, age / each.plan.running)))

    def _get_query_execution(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        del caller
        each = self._execution(given)
        state = self._state(each)
        status: dict[str, Any] = {"State": state, "SubmissionDateTime": each.started}
        if state in {"FAILED", "CANCELLED"} and each.plan.error:
            status["StateChangeReason"] = each.plan.error
        if state == "FAILED":
            status["AthenaError"] = {
                "ErrorCategory": 2,
                "ErrorType": 1001,
                "Retryable": False,
                "ErrorMessage": each.plan.error,
            }
        kind = "txt" if each.is_ddl else "csv"
        location = {"OutputLocation": f"{each.output.rstrip('/')}/{each.id}.{kind}"} if each.output else {}
        made = {
            "QueryExecutionId": each.id,
            "Query": each.text,
            "StatementType": "DDL" if each.is_ddl else "DML",
            "WorkGroup": each.group.name,
            "ResultConfiguration": location,
            "Status": status,
            "Statistics": {
                "DataScannedInBytes": self._scanned(each),
                "EngineExecutionTimeInMillis": int(each.plan.running * 1000),
                "ResultReuseInformation": {"ReusedPreviousResult": each.reused},
            },
        }
        return {"QueryExecution": made}

    def _get_query_results(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        del caller
        each = self._execution(given)
        if self._state(each) != "SUCCEEDED":
            raise self._invalid([f"Query has not yet finished. Current state: {self._state(each)}"])
        # the first row of the first page is the header
        rows = [tuple(name for name, _ in each.names), *each.rows]
        at = int(given.get("NextToken", "page/0").rpartition("/")[2])
        size = min(given.get("MaxResults", PAGE), self.page_rows)
        page = [{"Data": [_datum(value) for value in row]} for row in rows[at : at + size]]
        more = {"NextToken": f"page/{at + size}"} if at + size < len(rows) else {}
        about = [
            {"Name": name, "Label": name, "Type": type_, "Nullable": "UNKNOWN"} for name, type_ in each.names
        ]
        return {"ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": about}}, **more}

    def _stop_query_execution(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        del caller
        each = self._execution(given)
        if self._state(each) in {"QUEUED", "RUNNING"}:
            each.cancelled = self._now()
        return {}

    def _execution(self, given: dict[str, Any]) -> Execution:
        found = self.executions.get(given["QueryExecutionId"])
        if found is None:
            raise Refusal(
                "InvalidRequestException", f"QueryExecution {given['QueryExecutionId']} was not found"
            )
        return found

    # --- S3

    def get(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes, str]:
        """GetObject and ListObjectsV2, by path."""
        bucket, _, key = path.lstrip("/").partition("/")
        if bucket in self.unreadable:
            return 403, _xml_error("AccessDenied"), "application/xml"
        if query.get("list-type") == "2":
            return 200, self._listed(bucket, query).encode(), "application/xml"
        body = self.objects.get(f"{bucket}/{key}")
        return (404, _xml_error("NoSuchKey"), "application/xml") if body is None else (200, body, "text/csv")

    def _listed(self, bucket: str, query: Mapping[str, str]) -> str:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        size = int(query.get("max-keys", PAGE))
        keys = sorted(key.partition("/")[2] for key in self.objects if key.startswith(f"{bucket}/{prefix}"))
        folders, files = [], []
        for key in keys:
            head, mark, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if mark and prefix + head + mark not in folders:
                folders.append(prefix + head + mark)
            elif not mark:
                files.append(key)
        listed = [f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in files[:size]]
        listed += [f"<CommonPrefixes><Prefix>{each}</Prefix></CommonPrefixes>" for each in folders[:size]]
        return (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{len(listed)}</KeyCount>"
            f"<IsTruncated>false</IsTruncated>{''.join(listed)}</ListBucketResult>"
        )


def check_injected(checked: Checked, name: str) -> None:
    """Mistake unless the statement names values of an injected key."""
    for each in checked.conditions:
        plain = each.unnest()
        is_static = isinstance(plain, (exp.EQ, exp.In)) and all(
            isinstance(value, exp.Literal) for value in (plain.expressions or [plain.expression])
        )
        if is_static and plain.this.name.lower() == name:
            return
    raise Mistake(
        "CONSTRAINT_VIOLATION",
        f"For the injected projected partition column {name}, the WHERE clause must contain only static "
        "equality conditions, and at least one such condition must be present.",
    )


def _datum(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VarCharValue": value}


def _csv(each: Execution) -> str:
    """Everything in quotes, and NULL as nothing at all."""

    def line(row: Iterable[str | None]) -> str:
        return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row)

    return "\n".join([line(name for name, _ in each.names), *map(line, each.rows)]) + "\n"


def _xml_error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def planned(athena: Athena, **changes: Any) -> None:
    """Have the next queries go otherwise."""
    athena.plan = replace(athena.plan, **changes)
