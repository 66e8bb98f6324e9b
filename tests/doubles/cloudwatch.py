"""CloudWatch Logs on this machine: AWS's JSON protocol over HTTP, and its query language over log events.

boto3 is real and finds it through `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`. What comes in and what goes out is held
against botocore's own model of the service. `tests/doubles/insights.py` runs the language, and shares nothing
with what the product writes. Time is the test's: a query's states follow `now`, and nothing here sleeps.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID, uuid5

from tests.doubles.aws import ACCOUNT, REGION, Caller, Refusal, Service, most_at_once
from tests.doubles.insights import Answer, Choices, Event, Malformed, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.oracle import Record

GROUP: Final = "aws/cloudtrail/managementevents"

LIVE: Final = 30
"""Queries that are scheduled or running, per account and Region (API reference, StartQuery)."""
CALLS: Final = 5
"""Calls a second of each kind."""
GROUPS: Final = 50
ROWS: Final = 100_000
PAGE: Final = 10_000
MINUTES: Final = 60
KEPT_DAYS: Final = 7

_SPACE: Final = UUID("11111111-2222-3333-4444-666666666666")


@dataclass
class Group:
    """A log group and its events."""

    name: str
    events: list[Event]
    kind: str = "STANDARD"
    source: str = ""
    days: int | None = None
    account: str = ACCOUNT

    @property
    def arn(self) -> str:
        return f"arn:aws:logs:{REGION}:{self.account}:log-group:{self.name}"


@dataclass(frozen=True)
class Plan:
    """How a query goes: when it begins and ends, in seconds from its start, and how."""

    queued: float = 0.0
    running: float = 0.0
    end: str = "Complete"


@dataclass
class Asked:
    """A query that was started."""

    id: str
    text: str
    group: str
    started: datetime
    plan: Plan
    answer: Answer
    scanned: int
    events: int
    given: dict[str, Any]
    stopped: datetime | None = None

    @property
    def ends(self) -> datetime:
        """When it has run, unless it is stopped; no query runs for longer than an hour."""
        running = min(self.plan.running, MINUTES * 60)
        return self.started + timedelta(seconds=self.plan.queued + running)


@functools.cache
def _parsed(message: str) -> Any:
    try:
        return json.loads(message)
    except ValueError:
        return None


def events(
    records: Iterable[Record], *, late: float = 0.0, discovers: bool = True, source: str = "aws_cloudtrail"
) -> list[Event]:
    """`records` as log events; each was delivered `late` seconds after it was, by its own timestamp."""
    made = []
    for record in records:
        message = json.dumps(record)
        stamp = datetime.fromisoformat(record["eventTime"]).timestamp() + late
        made.append(Event(int(stamp * 1000), message, GROUP, discovers, source, parsed=_parsed(message)))
    return made


class CloudWatch(Service):
    """The double. `now` is its clock."""

    name = "logs"
    rates: ClassVar = {
        frozenset({operation}): CALLS
        for operation in (
            *("StartQuery", "GetQueryResults", "StopQuery", "DescribeQueries"),
            *("DescribeLogGroups", "ListAggregateLogGroupSummaries"),
        )
    }

    def __init__(
        self, held: Iterable[Event], *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(now)
        self.groups = {GROUP: Group(GROUP, list(held), source="aws_cloudtrail")}
        self.choices = Choices()
        self.plan = Plan()
        """How the next queries go."""
        self.queries: dict[str, Asked] = {}
        self.page_rows = PAGE
        self.canned: list[list[tuple[str, str]]] | None = None
        """Rows to answer with, instead of running the text."""
        self._numbers = itertools.count(1)

    def asked(self) -> Counter[str]:
        """How often each asking was started, and so paid for, by the mark that ends its text."""
        with self._lock:
            return Counter(query.text.rpartition("\n")[2] for query in self.queries.values())

    def most_live(self) -> int:
        """The most queries that were scheduled or running at once."""
        with self._lock:
            return most_at_once((each.started, each.stopped or each.ends) for each in self.queries.values())

    def go(self, **changes: Any) -> None:
        """Have the next queries go otherwise: the fields of `Plan`."""
        self.plan = replace(self.plan, **changes)

    def _check_output(self, operation: str, made: dict[str, Any]) -> None:
        # of many rows a few tell whether they are as the model has them
        few = {"results": made["results"][:100]} if "results" in made else {}
        super()._check_output(operation, made | few)

    # --- queries

    def _start_query(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        live = [query for query in self.queries.values() if self._status(query) in {"Scheduled", "Running"}]
        if self.limits and len(live) >= LIVE:
            raise Refusal("LimitExceededException", "You have reached the maximum number of queries.")
        if given.get("queryLanguage", "CWLI") != "CWLI":
            raise Refusal("InvalidParameterException", "This class of log group takes no other language.")
        text = given["queryString"]
        try:
            query = Query(text, self.choices)
            groups = self._asked_groups(caller, given, query)
            read = [
                event
                for group in groups
                for event in group.events
                if given["startTime"] * 1000 <= event.timestamp <= given["endTime"] * 1000
            ]
            if query.facets:
                names = query.facets.get("@data_source_name", ())
                read = [event for event in read if event.source in names]
            limit = min(given.get("limit", PAGE), ROWS)
            answer = query.run(read, limit) if self.canned is None else Answer(self.canned[:limit], 0)
        except Malformed as error:
            raise Refusal("MalformedQueryException", str(error)) from error
        query_id = str(uuid5(_SPACE, str(next(self._numbers))))
        self.queries[query_id] = Asked(
            query_id,
            text,
            groups[0].name if groups else GROUP,
            self._now(),
            self.plan,
            answer,
            sum(len(event.message) for event in read),
            len(read),
            given,
        )
        return {"queryId": query_id}

    def _asked_groups(self, caller: Caller, given: dict[str, Any], query: Query) -> list[Group]:
        ways = [way for way in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if way in given]
        if len(ways) + (query.source is not None) != 1:
            raise Refusal("InvalidParameterException", "Exactly one way to name log groups is needed.")
        if query.source is not None:
            return [
                group
                for group in self.groups.values()
                if group.kind in query.source.classes
                and (not query.source.prefixes or group.name.startswith(query.source.prefixes))
            ]
        named = given[ways[0]]
        named = [named] if isinstance(named, str) else named
        if len(named) > GROUPS:
            raise Refusal("InvalidParameterException", f"At most {GROUPS} log groups can be queried.")
        found = []
        for name in named:
            group = next((each for each in self.groups.values() if name in {each.name, each.arn}), None)
            if group is None or caller.region != REGION:
                raise Refusal("ResourceNotFoundException", f"Log group '{name}' does not exist")
            if query.facets and group.kind != "STANDARD":
                raise Malformed("filterIndex is not supported in this class of log group")
            found.append(group)
        return found

    def _status(self, query: Asked) -> str:
        if query.stopped is not None:
            return "Cancelled"
        age = (self._now() - query.started).total_seconds()
        if age < query.plan.queued:
            return "Scheduled"
        if self._now() < query.ends:
            return "Running"
        return "Timeout" if query.plan.running > MINUTES * 60 else query.plan.end

    def _scanned(self, query: Asked) -> float:
        """Bytes grow while it runs."""
        if query.plan.running == 0:
            return float(query.scanned)
        end = self._now() if query.stopped is None else query.stopped
        age = (end - query.started).total_seconds() - query.plan.queued
        return float(int(query.scanned * max(0.0, min(1.0, age / query.plan.running))))

    def _get_query_results(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        query = self._query(caller, given)
        status = self._status(query)
        # a query that runs has a part of its rows already
        rows = query.answer.rows if status == "Complete" else query.answer.rows[: len(query.answer.rows) // 2]
        token = given.get("nextToken", f"{query.id}/0")
        name, _, at = token.partition("/")
        if name != query.id or not at.isdecimal():
            raise Refusal("InvalidParameterException", "The specified nextToken is invalid.")
        size = min(given.get("maxItems") or PAGE, self.page_rows)
        page = rows[int(at) : int(at) + size]
        made: dict[str, Any] = {
            "queryLanguage": "CWLI",
            "results": [[{"field": field, "value": value} for field, value in row] for row in page],
            "statistics": {
                "recordsMatched": float(query.answer.matched),
                "recordsScanned": float(query.events),
                "bytesScanned": self._scanned(query),
            },
            "status": status,
        }
        if int(at) + size < len(rows):
            made["nextToken"] = f"{query.id}/{int(at) + size}"
        return made

    def _stop_query(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        query = self._query(caller, given)
        if self._status(query) not in {"Scheduled", "Running"}:
            raise Refusal("InvalidParameterException", "The specified query is not running.")
        query.stopped = self._now()
        return {"success": True}

    def _describe_queries(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        found = [
            query
            for query in self.queries.values()
            if caller.region == REGION
            and query.started >= self._now() - timedelta(days=KEPT_DAYS)
            and given.get("status") in {None, self._status(query)}
            and given.get("logGroupName") in {None, query.group}
        ]
        found.sort(key=lambda query: query.started, reverse=True)
        at = int(given.get("nextToken", "/0").rpartition("/")[2])
        size = min(given.get("maxResults", PAGE), self.page_rows)
        listed = [
            {
                "queryLanguage": "CWLI",
                "queryId": query.id,
                "queryString": query.text,
                "status": self._status(query),
                "createTime": int(query.started.timestamp() * 1000),
                "logGroupName": query.group,
            }
            for query in found[at : at + size]
        ]
        more = {"nextToken": f"list/{at + size}"} if at + size < len(found) else {}
        return {"queries": listed, **more}

    def _query(self, caller: Caller, given: dict[str, Any]) -> Asked:
        query = self.queries.get(given["queryId"])
        if query is None or caller.region != REGION:
            raise Refusal("ResourceNotFoundException", "The specified query does not exist.")
        return query

    # --- log groups

    def _describe_log_groups(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        prefix = given.get("logGroupNamePrefix", "")
        return {
            "logGroups": [
                {
                    "logGroupName": group.name,
                    "arn": f"{group.arn}:*",
                    "logGroupArn": group.arn,
                    "logGroupClass": group.kind,
                    "creationTime": 1_700_000_000_000,
                    "storedBytes": sum(len(event.message) for event in group.events),
                    **({"retentionInDays": group.days} if group.days else {}),
                }
                for group in sorted(self.groups.values(), key=lambda group: group.name)
                if caller.region == REGION
                and group.name.startswith(prefix)
                and (group.account == ACCOUNT or given.get("includeLinkedAccounts"))
            ]
        }

    def _list_aggregate_log_group_summaries(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        names = {each["name"] for each in given.get("dataSources", [])}
        here = self.groups.values() if caller.region == REGION else ()
        counted = Counter(group.source for group in here if group.source in names)
        return {
            "aggregateLogGroupSummaries": [
                {
                    "logGroupCount": count,
                    "groupingIdentifiers": [
                        {"key": "DataSourceName", "value": name},
                        {"key": "DataFormat", "value": "Default"},
                    ],
                }
                for name, count in counted.items()
            ]
        }
