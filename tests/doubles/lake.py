"""CloudTrail Lake on this machine: AWS's JSON protocol over HTTP, and Trino's SQL over sample events.

boto3 is real and finds it through `AWS_ENDPOINT_URL_CLOUDTRAIL`. What comes in and what goes out is held
against botocore's own model of the service. Statements are read as Trino by sqlglot and run by DuckDB,
which the product's embedded engine uses too: the judge of both is the plain loop of `tests/oracle.py`.

What AWS does not document, this double lets a test choose: how NULL is written, the case of names,
empty pages. Time is the test's: a query's states follow `now`, and nothing here sleeps.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal
from uuid import UUID, uuid5

import duckdb
import sqlglot
from sqlglot import exp

from bot.event_schema import FLAG, LAKE_COLUMNS, MAP, TIME, Type
from tests.doubles import trino
from tests.doubles.aws import ACCOUNT, Caller, Refusal, Service, most_at_once
from tests.doubles.aws import KEY as KEY
from tests.doubles.aws import REGION as REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.oracle import Record

STORE_ID: Final = "7e5d2c1a-9b3f-4e6d-8a70-0c1d2e3f4a5b"
OTHER_ID: Final = "0fbb1e37-11aa-42cc-9d3e-5a6b7c8d9e0f"

LIVE: Final = 10
"""Queries queued and running, per account and Region (CloudTrail quotas)."""
STARTS: Final = 3
READS: Final = 10
"""Calls a second (CloudTrail quotas)."""
STORES: Final = 10
PAGE: Final = 1_000
SHOWN_DAYS: Final = 7
BYTES_PER_EVENT: Final = 700

_UUID = re.compile(r'(?<!["\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?!["\w-])')
_SPACE: Final = UUID("11111111-2222-3333-4444-555555555555")
_STARTING: Final = frozenset({"StartQuery", "CancelQuery"})

Null = Literal["missing", "null", "empty"]


@dataclass
class Store:
    """An event data store."""

    id: str
    name: str
    account: str = ACCOUNT
    region: str = REGION
    status: str = "ENABLED"
    category: str = "Management"
    protected: bool = True
    created: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    updated: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    settings: dict[str, Any] = field(default_factory=dict)
    shared: bool = False
    """Other accounts may ask it, if they say whose it is."""

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudtrail:{self.region}:{self.account}:eventdatastore/{self.id}"

    def about(self) -> dict[str, Any]:
        """As GetEventDataStore has it."""
        return {
            "EventDataStoreArn": self.arn,
            "Name": self.name,
            "Status": self.status,
            "AdvancedEventSelectors": [
                {
                    "Name": f"{self.category} events",
                    "FieldSelectors": [{"Field": "eventCategory", "Equals": [self.category]}],
                }
            ],
            "MultiRegionEnabled": True,
            "OrganizationEnabled": False,
            "RetentionPeriod": 366,
            "TerminationProtectionEnabled": self.protected,
            "CreatedTimestamp": self.created,
            "UpdatedTimestamp": self.updated,
            "BillingMode": "EXTENDABLE_RETENTION_PRICING",
        } | self.settings


@dataclass(frozen=True)
class Plan:
    """How a query goes: when it begins and ends, in seconds from its start, and with what."""

    queued: float = 0.0
    running: float = 0.0
    end: str = "FINISHED"
    error: str = ""
    partial: int | None = None
    """Of a query that did not finish, the rows it still gives."""
    delivered: float = 0.0
    """Seconds from its end until its files are there."""
    delivery: str = "SUCCESS"


@dataclass
class Query:
    """A query that was started."""

    id: str
    text: str
    store: Store
    started: datetime
    plan: Plan
    names: list[str]
    rows: list[tuple[str | None, ...]]
    events: int
    uri: str
    cancelled: datetime | None = None
    written: bool = False

    @property
    def ends(self) -> datetime:
        """When it has run, unless it is cancelled."""
        return self.started + timedelta(seconds=self.plan.queued + self.plan.running)


class Lake(Service):
    """The double. `now` is its clock; `s3`, a boto3 client, is where it delivers."""

    name = "cloudtrail"
    rates: ClassVar = {_STARTING: STARTS, frozenset[str](): READS}
    unchecked = frozenset({"QueryResultRows"})

    def __init__(
        self,
        records: Iterable[Record] | Events,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        s3: Any = None,
    ) -> None:
        super().__init__(now)
        self.stores = {STORE_ID: Store(STORE_ID, "tls-audit")}
        self.plan = Plan()
        """How the next queries go."""
        self.queries: dict[str, Query] = {}
        self.closed_to_new = False
        self.null: Null = "missing"
        self.lower_names = False
        self.empty_pages = False
        """Whether an empty page comes before each that has rows."""
        self.page_rows = PAGE
        self.missing = 0
        """Rows that are announced, and come on no page."""
        self.canned: tuple[list[str], list[tuple[str | None, ...]]] | None = None
        """Columns and rows to answer with, instead of running the statement."""
        self.listed = PAGE
        """The most queries a page of ListQueries has."""
        self.delivers: Callable[[bytes], bytes] = lambda body: body
        """What becomes of a file on its way to the bucket."""
        self.s3 = s3
        self._numbers = itertools.count(1)
        self._owns = not isinstance(records, Events)
        self._lake = records if isinstance(records, Events) else Events(records)

    def close(self) -> None:
        """As in the base: the events, unless they are shared."""
        if self._owns:
            self._lake.close()

    def asked(self) -> Counter[str]:
        """How often each asking was started, and so paid for, by the mark that opens its statement."""
        with self._lock:
            return Counter(query.text.partition("\n")[0] for query in self.queries.values())

    def most_live(self) -> int:
        """The most queries that were queued or running at once."""
        with self._lock:
            return most_at_once((each.started, each.cancelled or each.ends) for each in self.queries.values())

    def _invalid(self, problems: list[str]) -> Refusal:
        code = {
            "NextToken": "InvalidNextTokenException",
            "MaxQueryResults": "InvalidMaxResultsException",
            "MaxResults": "InvalidMaxResultsException",
        }.get(problems[0].split(":")[0], "InvalidParameterException")
        return Refusal(code, "; ".join(problems))

    # --- queries

    def _start_query(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        text, uri = given["QueryStatement"], given.get("DeliveryS3Uri", "")
        live = [query for query in self.queries.values() if self._status(query) in {"QUEUED", "RUNNING"}]
        if self.limits and len(live) >= LIVE:
            raise Refusal("MaxConcurrentQueriesException", "The account has too many concurrent queries.")
        tree, store_id = _parsed(text)
        store = self._store(caller, store_id, given.get("EventDataStoreOwnerAccountId"))
        if uri and self.s3 is not None:
            self._check_bucket(uri)
        names, rows, events = self._lake.run(tree, with_tls=store.category in {"Management", "Data"})
        if self.canned is not None:
            names, rows = self.canned
        query_id = str(uuid5(_SPACE, str(next(self._numbers))))
        self.queries[query_id] = Query(
            query_id, text, store, self._now(), self.plan, list(names), list(rows), events, uri
        )
        return {"QueryId": query_id}

    def _check_bucket(self, uri: str) -> None:
        from botocore.exceptions import ClientError

        try:
            self.s3.head_bucket(Bucket=uri.split("/")[2])
        except ClientError as error:
            raise Refusal(
                "S3BucketDoesNotExistException", "The specified S3 bucket does not exist."
            ) from error

    def _status(self, query: Query) -> str:
        age = (self._now() - query.started).total_seconds()
        if query.cancelled is not None:
            return "CANCELLED"
        if age < query.plan.queued:
            return "QUEUED"
        return "RUNNING" if age < query.plan.queued + query.plan.running else query.plan.end

    def _scanned(self, query: Query) -> int:
        """Bytes grow while it runs."""
        if query.plan.running == 0:
            return query.events * BYTES_PER_EVENT
        end = self._now() if query.cancelled is None else query.cancelled
        age = (end - query.started).total_seconds() - query.plan.queued
        return int(query.events * BYTES_PER_EVENT * max(0.0, min(1.0, age / query.plan.running)))

    def _describe_query(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        query = self._query(caller, given)
        status = self._status(query)
        made: dict[str, Any] = {
            "QueryId": query.id,
            "QueryString": query.text,
            "QueryStatus": status,
            "QueryStatistics": {
                "EventsMatched": len(query.rows),
                "EventsScanned": query.events,
                "BytesScanned": self._scanned(query),
                "ExecutionTimeInMillis": int(query.plan.running * 1000),
                "CreationTime": query.started,
            },
        }
        if status in {"FAILED", "TIMED_OUT"} and query.plan.error:
            made["ErrorMessage"] = query.plan.error
        if query.uri:
            made["DeliveryS3Uri"] = query.uri
            made["DeliveryStatus"] = self._delivery(query, status)
        return made

    def _delivery(self, query: Query, status: str) -> str:
        if status in {"QUEUED", "RUNNING"}:
            return "PENDING"
        if status != "FINISHED":
            return "CANCELLED"
        plan = query.plan
        if (self._now() - query.started).total_seconds() < plan.queued + plan.running + plan.delivered:
            return "PENDING"
        if plan.delivery in {"SUCCESS", "FAILED_SIGNING_FILE"} and not query.written:
            query.written = True
            self._deliver(query)
        return plan.delivery

    def _deliver(self, query: Query) -> None:
        bucket, _, prefix = query.uri.removeprefix("s3://").partition("/")
        prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        folder = (
            f"{prefix}AWSLogs/{query.store.account}/CloudTrail-Lake/Query/{query.started:%Y/%m/%d}/{query.id}"
        )
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(query.names)
        writer.writerows(query.rows)
        body = gzip.compress(text.getvalue().encode(), 1)
        self.s3.put_object(Bucket=bucket, Key=f"{folder}/result_1.csv.gz", Body=self.delivers(body))
        self.s3.put_object(Bucket=bucket, Key=f"{folder}/result_sign.json", Body=b"{}")

    def _get_query_results(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        query = self._query(caller, given)
        status, plan = self._status(query), query.plan
        whole = status == "FINISHED"
        rows = query.rows if whole else query.rows[: (plan.partial or 0) if status == "TIMED_OUT" else 0]
        at, was_empty = self._read_token(query, given.get("NextToken"))
        size = min(given.get("MaxQueryResults", self.page_rows), self.page_rows)
        stays = self.empty_pages and not was_empty and bool(rows)
        page = [] if stays else rows[at : at + size]
        made: dict[str, Any] = {
            "QueryStatus": status,
            "QueryStatistics": {
                "ResultsCount": len(page),
                "TotalResultsCount": len(rows) + self.missing,
                "BytesScanned": self._scanned(query),
            },
            "QueryResultRows": [self._row(query.names, row) for row in page],
        }
        after = at + len(page)
        if stays or after < len(rows):
            made["NextToken"] = f"{query.id}/{after}/{int(stays)}"
        if status in {"FAILED", "TIMED_OUT"} and plan.error:
            made["ErrorMessage"] = plan.error
        return made

    @staticmethod
    def _read_token(query: Query, token: str | None) -> tuple[int, bool]:
        if token is None:
            return 0, False
        name, _, rest = token.partition("/")
        at, _, empty = rest.partition("/")
        if name != query.id or not at.isdecimal():
            raise Refusal("InvalidNextTokenException", "A token that is not valid or expired.")
        return int(at), empty == "1"

    def _row(self, names: Sequence[str], row: Sequence[str | None]) -> list[dict[str, str | None]]:
        cells: list[dict[str, str | None]] = []
        for name, value in zip(names, row, strict=True):
            if value is None and self.null == "missing":
                continue
            said = "" if value is None and self.null == "empty" else value
            cells.append({name.lower() if self.lower_names else name: said})
        return cells

    def _cancel_query(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        query = self._query(caller, given)
        if self._status(query) not in {"QUEUED", "RUNNING"}:
            raise Refusal("InactiveQueryException", "The query has already ended.")
        query.cancelled = self._now()
        return {"QueryId": query.id, "QueryStatus": "CANCELLED"}

    def _list_queries(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        store = self._store(caller, given["EventDataStore"].rpartition("/")[2], None)
        since = max(given.get("StartTime", _ALWAYS), self._now() - timedelta(days=SHOWN_DAYS))
        found = [
            query
            for query in self.queries.values()
            if query.store is store
            and query.started >= since
            and given.get("QueryStatus") in {None, self._status(query)}
        ]
        found.sort(key=lambda query: query.started, reverse=True)
        at = int(given.get("NextToken", "/0").rpartition("/")[2])
        size = min(given.get("MaxResults", PAGE), self.listed)
        listed = [
            {"QueryId": query.id, "QueryStatus": self._status(query), "CreationTime": query.started}
            for query in found[at : at + size]
        ]
        more = {"NextToken": f"list/{at + size}"} if at + size < len(found) else {}
        return {"Queries": listed, **more}

    def _query(self, caller: Caller, given: dict[str, Any]) -> Query:
        query = self.queries.get(given.get("QueryId", ""))
        if query is None or query.store.region != caller.region:
            raise Refusal(
                "QueryIdNotFoundException", "The query ID does not exist or does not map to a query."
            )
        return query

    # --- stores

    def _store(self, caller: Caller, store_id: str, owner: str | None) -> Store:
        store = self._found(caller, store_id, owner)
        if store.status == "PENDING_DELETION":
            raise Refusal("InactiveEventDataStoreException", "The event data store is inactive.")
        return store

    def _found(self, caller: Caller, name: str, owner: str | None = None) -> Store:
        store = self.stores.get(name.rpartition("/")[2])
        mine = store is not None and (
            store.account == caller.account or (store.shared and owner == store.account)
        )
        if store is None or not mine or store.region != caller.region:
            raise Refusal("EventDataStoreNotFoundException", "The specified event data store was not found.")
        return store

    def _create_event_data_store(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        if self.closed_to_new:
            raise Refusal(
                "OperationNotPermittedException", "CloudTrail Lake is no longer open to new customers."
            )
        if any(store.name == given["Name"] for store in self.stores.values()):
            raise Refusal(
                "EventDataStoreAlreadyExistsException", "An event data store with that name already exists."
            )
        if len(self.stores) >= STORES:
            raise Refusal(
                "EventDataStoreMaxLimitExceededException", "Your account has used the maximum number."
            )
        if given.get("OrganizationEnabled") and "organizations" in self.denied:
            raise Refusal("NotOrganizationMasterAccountException", "Not the management account.")
        given = dict(given)
        protected = given.pop("TerminationProtectionEnabled", True)
        enabled = given.pop("StartIngestion", True)
        name = given.pop("Name")
        store_id = str(uuid5(_SPACE, name))
        store = Store(
            store_id,
            name,
            caller.account,
            caller.region,
            "ENABLED" if enabled else "STOPPED_INGESTION",
            protected=protected,
            created=self._now(),
            updated=self._now(),
            settings=given,
        )
        self.stores[store_id] = store
        return store.about() | {"Status": "CREATED"}

    def _get_event_data_store(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        return self._found(caller, given["EventDataStore"], None).about()

    def _list_event_data_stores(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        # only these two are still filled in (the API reference says of the others: no longer returned)
        mine = [
            {"EventDataStoreArn": store.arn, "Name": store.name}
            for store in self.stores.values()
            if (store.account, store.region) == (caller.account, caller.region)
        ]
        at = int(given.get("NextToken", "/0").rpartition("/")[2])
        size = given.get("MaxResults", 5)
        more = {"NextToken": f"list/{at + size}"} if at + size < len(mine) else {}
        return {"EventDataStores": mine[at : at + size], **more}

    def _update_event_data_store(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        store = self._store(caller, given["EventDataStore"], None)
        store.protected = given.get("TerminationProtectionEnabled", store.protected)
        return store.about()

    def _delete_event_data_store(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        store = self._store(caller, given["EventDataStore"], None)
        if store.protected:
            raise Refusal(
                "EventDataStoreTerminationProtectedException",
                "The event data store cannot be deleted because termination protection is enabled for it.",
            )
        store.status, store.updated = "PENDING_DELETION", self._now()
        return {}

    def _restore_event_data_store(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        store = self._found(caller, given["EventDataStore"])
        if store.status != "PENDING_DELETION":
            raise Refusal(
                "InvalidEventDataStoreStatusException", "The event data store is not pending deletion."
            )
        store.status, store.updated = "ENABLED", self._now()
        return store.about()

    def _start_event_data_store_ingestion(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        self._store(caller, given["EventDataStore"], None).status = "ENABLED"
        return {}

    def _stop_event_data_store_ingestion(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        self._store(caller, given["EventDataStore"], None).status = "STOPPED_INGESTION"
        return {}


_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)


# --- the statement, as Trino


def _parsed(text: str) -> tuple[exp.Select, str]:
    """The one SELECT of `text`, and the store it reads. Refusal."""

    def wrong(why: str) -> Refusal:
        return Refusal("InvalidQueryStatementException", why)

    quoted = _UUID.sub(lambda match: f'"{match[0]}"', text)
    try:
        trees = sqlglot.parse(quoted, read="trino")
    except sqlglot.errors.SqlglotError as error:
        raise wrong(f"line 1:1: mismatched input. {error}") from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        raise wrong("Only one SELECT statement is supported.")
    tree = trees[0]
    if tree.find(exp.With):
        raise wrong("WITH is not supported.")
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1:
        raise wrong("One event data store is expected.")
    if '"' + tables[0].name + '"' in text:
        raise wrong("The event data store is written without quotes.")
    if not _UUID.fullmatch(tables[0].name):
        raise Refusal("EventDataStoreNotFoundException", f"No event data store {tables[0].name}.")
    return tree, tables[0].name


class Events:
    """The events of a store, as DuckDB holds them: a column for each of Lake's, maps of text, JSON text."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        once = {record["eventID"]: record for record in records}.values()
        columns = ", ".join(f"'{name}': '{_duck(type_)}'" for name, type_ in LAKE_COLUMNS.items())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.json"
            with path.open("w", encoding="utf-8") as file:
                for record in once:
                    kept = {name: _kept(record.get(name), type_) for name, type_ in LAKE_COLUMNS.items()}
                    file.write(json.dumps(kept | {"eventJson": json.dumps(record)}) + "\n")
            self._connection.execute(
                f"CREATE TABLE events AS SELECT * FROM read_json('{path}', format='newline_delimited', "  # noqa: S608 - the double's own path
                f"columns={{{columns}}}, maximum_object_size=100000000)"
            )

    def close(self) -> None:
        """Give DuckDB's memory back."""
        self._connection.close()

    def run(self, tree: exp.Select, *, with_tls: bool) -> tuple[list[str], list[tuple[str | None, ...]], int]:
        """Names, rows of text, and how many events were read."""
        tree = tree.copy()
        if not with_tls and "tlsdetails" in tree.sql("trino").lower():
            raise Refusal("InvalidQueryStatementException", "Column 'tlsdetails' cannot be resolved")
        table = next(tree.find_all(exp.Table))
        table.replace(exp.to_table("events"))
        for projection in list(tree.expressions):
            if isinstance(projection, exp.Column) and projection.table:
                projection.replace(exp.alias_(projection.copy(), projection.name))
        names = [projection.alias_or_name for projection in tree.expressions]
        trino.trim(tree)
        bounds = [
            node.sql("duckdb")
            for node in tree.args["where"].this.flatten()
            if isinstance(node, (exp.GTE, exp.LT, exp.GT, exp.LTE)) and node.left.name.lower() == "eventtime"
        ]
        with self._connection.cursor() as cursor:
            try:
                found = cursor.execute(tree.sql("duckdb")).fetchall()
            except duckdb.Error as error:
                raise Refusal("InvalidQueryStatementException", str(error)[:900]) from error
            counted = cursor.execute(
                f"SELECT COUNT(*) FROM events WHERE {' AND '.join(bounds) or 'TRUE'}"  # noqa: S608 - from the tree
            ).fetchone()
        return names, [tuple(map(_text, row)) for row in found], counted[0] if counted else 0


def _duck(type_: Type) -> str:
    if isinstance(type_, dict):
        return f"STRUCT({', '.join(f'{name} {_duck(inner)}' for name, inner in type_.items())})"
    if isinstance(type_, list):
        return f"{_duck(type_[0])}[]"
    return {MAP: "MAP(VARCHAR, VARCHAR)", TIME: "TIMESTAMP", FLAG: "BOOLEAN"}.get(type_, "VARCHAR")


def _kept(value: Any, type_: Type) -> Any:
    """A record's value as its column holds it; None where it is of another shape."""
    if isinstance(type_, dict):
        known = value if isinstance(value, dict) else None
        return (
            None if known is None else {name: _kept(known.get(name), inner) for name, inner in type_.items()}
        )
    if isinstance(type_, list):
        return [_kept(each, type_[0]) for each in value] if isinstance(value, list) else None
    if type_ == MAP:
        return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else None
    return _plain(value)


def _plain(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _text(value: Any) -> str | None:
    """A value as Lake writes it: all text, times with three digits of a second."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and abs(value) >= 1e7:
        return f"{value:E}"
    return str(value)


def planned(lake: Lake, **changes: Any) -> None:
    """Have the next queries go otherwise."""
    lake.plan = replace(lake.plan, **changes)
