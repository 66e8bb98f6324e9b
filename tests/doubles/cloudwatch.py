"""CloudWatch Logs on this machine: AWS's JSON protocol over HTTP, and its query language over log events.

boto3 is real and finds it through `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`. What comes in and what goes out is held
against botocore's own model of the service. `tests/doubles/insights.py` runs the language, and shares nothing
with what the product writes. Time is the test's: a query's states follow `now`, and nothing here sleeps.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qs
from uuid import UUID, uuid5

import botocore.session
from botocore.validate import ParamValidator

from tests.doubles.aws import Fault, Hold, Refusal
from tests.doubles.insights import Answer, Choices, Event, Malformed, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pytest

    from tests.oracle import Record

ACCOUNT: Final = "111122223333"
REGION: Final = "us-east-1"
KEY: Final = "AKIATESTTESTTESTTEST"
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


class CloudWatch:
    """The double. `now` is its clock."""

    def __init__(
        self, held: Iterable[Event], *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.groups = {GROUP: Group(GROUP, list(held), source="aws_cloudtrail")}
        self.choices = Choices()
        self.plan = Plan()
        """How the next queries go."""
        self.queries: dict[str, Asked] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.roles: list[dict[str, str]] = []
        self.faults: list[Fault] = []
        self.denied: set[str] = set()
        """IAM actions that the caller lacks."""
        self.expired = False
        self.limits = True
        self.page_rows = PAGE
        self.canned: list[list[tuple[str, str]]] | None = None
        """Rows to answer with, instead of running the text."""
        self._now = now
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._left: dict[str, tuple[float, datetime]] = {}
        self._model = _model()

    # --- for tests

    def __enter__(self) -> CloudWatch:
        handler = type("Handler", (_Handler,), {"logs": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 finds it."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": url,
            "AWS_ENDPOINT_URL_STS": url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }

    def set_environment(self, env: pytest.MonkeyPatch) -> None:
        """What boto3 needs to find it, and nothing else of AWS's."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            env.delenv(name)
        for name, value in self.environment.items():
            env.setenv(name, value)

    def count(self, operation: str) -> int:
        """How often `operation` was called."""
        return Counter(name for name, _ in self.calls)[operation]

    def fail(self, operation: str, code: str, message: str = "", *, times: int = 1) -> None:
        """Refuse the next calls of `operation`."""
        self.faults.append(Fault(operation, Refusal(code, message), times=times))

    def cut(self, operation: str, when: Literal["before", "after"], *, times: int = 1) -> None:
        """Break the connection of the next calls of `operation`."""
        self.faults.append(Fault(operation, breaks=when, times=times))

    def hold(self, operation: str, when: Literal["before", "after"]) -> Hold:
        """Keep the next call of `operation` waiting, before anything is done or with its answer ready."""
        hold = Hold()
        self.faults.append(Fault(operation, breaks=when, hold=hold))
        return hold

    def asked(self) -> Counter[str]:
        """How often each asking was started, and so paid for, by the mark that ends its text."""
        with self._lock:
            return Counter(query.text.rpartition("\n")[2] for query in self.queries.values())

    def go(self, **changes: Any) -> None:
        """Have the next queries go otherwise: the fields of `Plan`."""
        self.plan = replace(self.plan, **changes)

    # --- the protocol

    def answer(self, operation: str, given: dict[str, Any], *, region: str) -> dict[str, Any] | None:
        """What AWS answers; None where the connection breaks. Refusal."""
        with self._lock:
            self.calls.append((operation, given))
            fault = self._fault(operation, given)
        # whoever is held must not hold up others
        if fault is not None and fault.is_lost("before"):
            return None
        with self._lock:
            made = self._done(operation, given, fault, region=region)
        return None if fault is not None and fault.is_lost("after") else made

    def _done(
        self, operation: str, given: dict[str, Any], fault: Fault | None, *, region: str
    ) -> dict[str, Any]:
        if self.expired:
            raise Refusal("ExpiredTokenException", "The security token included in the request is expired")
        if operation in self.denied:
            who = f"arn:aws:iam::{ACCOUNT}:user/bot"
            raise Refusal(
                "AccessDeniedException",
                f"User: {who} is not authorized to perform: logs:{operation} because no identity-based "
                "policy allows the action",
            )
        self._throttle(operation)
        if fault is not None and fault.refusal is not None:
            raise fault.refusal
        shape = self._model.operation_model(operation).input_shape
        if problems := [*_validated(given, shape), *_limits(given, shape, "")]:
            raise Refusal("InvalidParameterException", "; ".join(problems))
        if region != REGION:
            raise Refusal("ResourceNotFoundException", "The specified resource does not exist.")
        made: dict[str, Any] = getattr(self, "_" + botocore.xform_name(operation))(given)
        shape = self._model.operation_model(operation).output_shape
        # of many rows a few tell whether they are as the model has them
        looked = made | {"results": made["results"][:100]} if "results" in made else made
        if problems := [*_validated(looked, shape), *_limits(looked, shape, "")]:
            raise AssertionError(f"the double's {operation} breaks AWS's model: {problems}")
        return made

    def assume(self, form: Mapping[str, str]) -> str:
        """STS AssumeRole."""
        if "AssumeRole" in self.denied:
            raise Refusal("AccessDenied", "not authorized to perform: sts:AssumeRole", 403)
        self.roles.append(dict(form))
        until = (self._now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
            f"<AssumedRoleUser><Arn>{form['RoleArn']}</Arn><AssumedRoleId>A:b</AssumedRoleId></AssumedRoleUser>"
            "<Credentials><AccessKeyId>ASIATESTTESTTESTTEST</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>{until}</Expiration></Credentials>"
            "</AssumeRoleResult></AssumeRoleResponse>"
        )

    def _fault(self, operation: str, given: dict[str, Any]) -> Fault | None:
        fault = next(
            (each for each in self.faults if each.operation == operation and each.where(given)), None
        )
        if fault is not None:
            fault.times -= 1
            if fault.times == 0:
                self.faults.remove(fault)
        return fault

    def _throttle(self, operation: str) -> None:
        if not self.limits:
            return
        left, then = self._left.get(operation, (float(CALLS), self._now()))
        left = min(float(CALLS), left + (self._now() - then).total_seconds() * CALLS)
        if left < 1 - 1e-6:
            raise Refusal("ThrottlingException", "Rate exceeded")
        self._left[operation] = left - 1, self._now()

    # --- queries

    def _start_query(self, given: dict[str, Any]) -> dict[str, Any]:
        live = [query for query in self.queries.values() if self._status(query) in {"Scheduled", "Running"}]
        if self.limits and len(live) >= LIVE:
            raise Refusal("LimitExceededException", "You have reached the maximum number of queries.")
        if given.get("queryLanguage", "CWLI") != "CWLI":
            raise Refusal("InvalidParameterException", "This class of log group takes no other language.")
        text = given["queryString"]
        try:
            query = Query(text, self.choices)
            groups = self._asked_groups(given, query)
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

    def _asked_groups(self, given: dict[str, Any], query: Query) -> list[Group]:
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
            if group is None:
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

    def _get_query_results(self, given: dict[str, Any]) -> dict[str, Any]:
        query = self._query(given)
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

    def _stop_query(self, given: dict[str, Any]) -> dict[str, Any]:
        query = self._query(given)
        if self._status(query) not in {"Scheduled", "Running"}:
            raise Refusal("InvalidParameterException", "The specified query is not running.")
        query.stopped = self._now()
        return {"success": True}

    def _describe_queries(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [
            query
            for query in self.queries.values()
            if query.started >= self._now() - timedelta(days=KEPT_DAYS)
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

    def _query(self, given: dict[str, Any]) -> Asked:
        query = self.queries.get(given["queryId"])
        if query is None:
            raise Refusal("ResourceNotFoundException", "The specified query does not exist.")
        return query

    # --- log groups

    def _describe_log_groups(self, given: dict[str, Any]) -> dict[str, Any]:
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
                if group.name.startswith(prefix)
                and (group.account == ACCOUNT or given.get("includeLinkedAccounts"))
            ]
        }

    def _list_aggregate_log_group_summaries(self, given: dict[str, Any]) -> dict[str, Any]:
        names = {each["name"] for each in given.get("dataSources", [])}
        counted = Counter(group.source for group in self.groups.values() if group.source in names)
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


@functools.cache
def _model() -> Any:
    """AWS's own model of the service."""
    return botocore.session.get_session().get_service_model("logs")


# --- botocore's model


def _validated(given: Any, shape: Any) -> list[str]:
    report = ParamValidator().validate(given, shape)
    unknown = sorted(set(given) - set(shape.members)) if isinstance(given, dict) else []
    return [*(f"{name}: unknown" for name in unknown), *report.generate_report().splitlines()]


def _limits(given: Any, shape: Any, name: str) -> Iterator[str]:
    """What of `given` breaks the model's lengths, ranges, patterns and words."""
    if shape.type_name == "structure" and isinstance(given, dict):
        for key, value in given.items():
            if key in shape.members:
                yield from _limits(value, shape.members[key], key)
        return
    if name == "results":
        return
    if shape.type_name == "list" and isinstance(given, list):
        for value in given:
            yield from _limits(value, shape.member, name)
    rules = shape.metadata
    size = len(given) if isinstance(given, (str, list)) else given
    if "max" in rules and size > rules["max"]:
        yield f"{name}: at most {rules['max']}"
    if "min" in rules and size < rules["min"]:
        yield f"{name}: at least {rules['min']}"
    if isinstance(given, str):
        if "pattern" in rules and not re.fullmatch(rules["pattern"], given):
            yield f"{name}: must match {rules['pattern']}"
        if shape.enum and given not in shape.enum:
            yield f"{name}: must be one of {', '.join(shape.enum)}"


class _Server(ThreadingHTTPServer):
    """Whoever asks may be killed meanwhile: that is no failure of ours."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    logs: CloudWatch

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            return  # whoever asked has died over it
        try:
            if "X-Amz-Target" not in self.headers:
                form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
                self._send(200, self.logs.assume(form).encode(), "text/xml")
                return
            target, _, operation = self.headers["X-Amz-Target"].rpartition(".")
            assert target == "Logs_20140328", target
            assert self.headers["Content-Type"] == "application/x-amz-json-1.1"
            signed = self.headers.get("Authorization", "")
            scope = re.search(r"Credential=(\w+)/\d+/([\w-]+)/logs/", signed)
            assert scope is not None, "boto3 signs every call"
            made = self.logs.answer(operation, json.loads(body), region=scope[2])
            if made is None:
                self.close_connection = True
                self.connection.close()
                return
            self._send(200, json.dumps(made).encode())
        except Refusal as refusal:
            if "X-Amz-Target" in self.headers:
                said = {"__type": refusal.code, "message": refusal.message}
                self._send(refusal.status, json.dumps(said).encode())
            else:
                words = f"<Code>{refusal.code}</Code><Message>{refusal.message}</Message>"
                answer = f"<ErrorResponse><Error><Type>Sender</Type>{words}</Error></ErrorResponse>"
                self._send(refusal.status, answer.encode(), "text/xml")

    def _send(self, status: int, body: bytes, kind: str = "application/x-amz-json-1.1") -> None:
        head = (
            f"HTTP/1.1 {status} Answer\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"x-amzn-RequestId: {time.monotonic_ns()}\r\n\r\n"
        )
        # in one piece: two would wait for each other's acknowledgement
        self.wfile.write(head.encode() + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""
