# ruff: noqa: E501, S608 - a row of the table is a line; the SQL reads a file of ours
"""Every shape of log that was thought of, and what becomes of it: the same rows as in docs/formats.md.

Three events are put into each shape; all of the shapes go into one folder, under names that tell nothing.
"""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import zstandard

from bot.archive.archive import Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.archive.reports import Report

Event = dict[str, Any]
Make = "Callable[[list[Event]], bytes | str | Any]"

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
TABLE = "| What | Shape | Becomes |\n|---|---|---|\n"
READ = "read"
ROLE = "arn:aws:iam::111122223333:user/ann"


@dataclass(frozen=True)
class Shape:
    """`make` gives the file's bytes, its text, or a value to be written as JSON, of three events."""

    what: str
    shape: str
    make: Callable[[list[Event]], Any]
    becomes: str = READ


def event(number: int) -> Event:
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAX",
            "arn": ROLE,
            "accountId": "111122223333",
            "userName": "ann",
        },
        "eventTime": f"2026-11-28T01:{number // 60 % 60:02}:{number % 60:02}Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": 'Boto3/1.26 "x" {y}',
        "requestParameters": {"bucketName": "b", "key": "a=b, c"},
        "responseElements": None,
        "eventID": f"00000000-0000-0000-0000-{number:012}",
        "readOnly": True,
        "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"}],
        "eventCategory": "Data",
        "tlsDetails": {
            "tlsVersion": "TLSv1",
            "cipherSuite": "AES128-SHA",
            "clientProvidedHostHeader": "b.s3.amazonaws.com",
        },
    }


def lines(values: Iterable[Any], end: str = "\n") -> str:
    return "".join(json.dumps(value) + end for value in values)


def log(events: list[Event]) -> bytes:
    return json.dumps({"Records": events}).encode()


def renamed(value: Any, name: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name(key): renamed(inner, name) for key, inner in value.items()}
    return [renamed(inner, name) for inner in value] if isinstance(value, list) else value


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).replace("_i_d", "_id")


def pairs(value: Any) -> str:
    """A struct as Presto writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={pairs(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(pairs, value)) + "]"
    return "null" if value is None else str(value)


def in_csv(rows: list[dict[str, Any]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def structs(change: Callable[[Any], Any]) -> Callable[[list[Event]], Any]:
    names = ("userIdentity", "tlsDetails", "requestParameters", "resources")
    return lambda events: {
        "Records": [each | {name: change(each[name]) for name in names} for each in events]
    }


def text(value: Any) -> str:
    return json.dumps(value)


def each(wrap: Callable[[Event], Any], end: str = "\n") -> Callable[[list[Event]], str]:
    return lambda events: lines(map(wrap, events), end)


def message(events: list[Event], **more: Any) -> dict[str, Any]:
    found = [{"id": str(n), "timestamp": 1, "message": text(e)} for n, e in enumerate(events)]
    return {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logEvents": found} | more


def bridge(each: Any, kind: str = "AWS API Call via CloudTrail") -> dict[str, Any]:
    about: dict[str, Any] = {
        "version": "0",
        "id": "x",
        "detail-type": kind,
        "source": "aws.s3",
        "resources": [],
    }
    return about | {"time": "2026-11-28T01:00:00Z", "detail": each}


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ocsf(each: Event, **more: Any) -> dict[str, Any]:
    tls: dict[str, Any] = {f"tlsDetails.{name}": value for name, value in each["tlsDetails"].items()}
    whole: dict[str, Any] = {
        "class_uid": 6003,
        "time_dt": each["eventTime"].replace("T", " ").removesuffix("Z"),
        "metadata": {"uid": each["eventID"], "product": {"name": "CloudTrail", "version": "1.11"}},
        "api": {"operation": "GetObject", "service": {"name": "s3.amazonaws.com"}, "request": {"uid": "R"}},
        "cloud": {"region": "eu-west-1"},
        "actor": {"user": {"type": "IAMUser", "uid": ROLE, "uid_alt": "AIDAX", "name": "ann"}},
        "src_endpoint": {"ip": "203.0.113.7"},
        "http_request": {"user_agent": "Boto3/1.26"},
        "unmapped": {"readOnly": "true", "recipientAccountId": "111122223333", **tls},
    }
    return whole | more


def nested_unmapped(each: Event) -> dict[str, Any]:
    return ocsf(each, unmapped={"tlsDetails": each["tlsDetails"]})


def in_milliseconds(each: Event) -> dict[str, Any]:
    whole = ocsf(each)
    minute, second = int(each["eventTime"][14:16]), int(each["eventTime"][17:19])
    del whole["time_dt"]
    return whole | {"time": 1795827600000 + (minute * 60 + second) * 1000}


def parquet(values: list[Any]) -> bytes:
    """These values as the rows of a Parquet file, with the types that DuckDB sees in them."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        (Path(folder) / "a.json").write_text(lines(values))
        options = "maximum_depth=-1, map_inference_threshold=3" if "unmapped" in values[0] else ""
        read = f"read_json('{folder}/a.json'{', ' + options if options else ''})"
        connection.execute(f"COPY (SELECT * FROM {read}) TO '{folder}/a.parquet' (FORMAT parquet)")
        return (Path(folder) / "a.parquet").read_bytes()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def in_two(pack: Callable[[dict[str, bytes]], bytes]) -> Callable[[list[Event]], bytes]:
    return lambda e: pack({"x/a.json": log(e[:1]), "y/b.json.gz": gzip.compress(log(e[1:])), "README": b"Hi"})


def matryoshka(events: list[Event]) -> bytes:
    data = log(events)
    for _ in range(8):
        data = gzip.compress(data)
    return data


def bad_among(bad: str | bytes, end: str = "\n") -> Callable[[list[Event]], bytes]:
    raw = bad.encode() if isinstance(bad, str) else bad
    line = end.encode()
    return lambda e: line.join([text(e[0]).encode(), raw, text(e[1]).encode(), text(e[2]).encode(), b""])


def record_among(bad: str) -> Callable[[list[Event]], str]:
    return lambda e: f'{{"Records": [{text(e[0])},{bad},{text(e[1])},{text(e[2])}]}}'


TRAIL, TEXTS, NAMES, BRIDGE, LOGS, QUEUES, LAKE, COLLECTORS, OCSF, OTHERS, PACKED, CODED, BROKEN = (
    "trail files and lists",
    "structs as text",
    "names in another case",
    "EventBridge",
    "CloudWatch Logs",
    "queues and streams",
    "Lake, Athena, LookupEvents",
    "collectors",
    "OCSF and Parquet",
    "what is no call",
    "packed",
    "codings",
    "broken",
)
SYSLOG = "<134>1 2026-11-28T01:00:00Z host cloudtrail - - - "
ONE_BAD = "read, and 1 record named: "
INSIGHT = {"eventVersion": "1.09", "eventTime": "2026-11-28T01:00:00Z", "eventCategory": "Insight"}
AGGREGATED = {"eventVersion": "1.0", "eventCategory": "Aggregated", "eventSource": "s3.amazonaws.com"}
S3_NOTE: dict[str, Any] = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "eventTime": "2026-11-28T01:00:00Z",
}
S3_NOTE |= {"eventName": "ObjectCreated:Put", "s3": {"object": {"key": "k"}}}
NETWORK = event(0) | {"eventType": "AwsVpceEvent", "eventCategory": "NetworkActivity"}
DIGEST = {"awsAccountId": "1", "digestStartTime": "2026-11-28T00:00:00Z", "logFiles": []}

SHAPES = [
    Shape(TRAIL, '`{"Records": […]}`', log),
    Shape(TRAIL, "the same, written prettily", lambda e: json.dumps({"Records": e}, indent=2)),
    Shape(TRAIL, "other fields before `Records`", lambda e: {"v": {"Records": "[{"}, "Records": e}),
    Shape(TRAIL, "a list of events", lambda e: e),
    Shape(TRAIL, "a line an event", lines),
    Shape(TRAIL, "lines of Windows", lambda e: lines(e, "\r\n")),
    Shape(TRAIL, "lines that end in a comma", lambda e: lines(e, ",\n")),
    Shape(TRAIL, "events without anything between them", lambda e: lines(e, "")),
    Shape(TRAIL, "single events written prettily", lambda e: "\n".join(json.dumps(x, indent=4) for x in e)),
    Shape(TRAIL, "whole files one after another", lambda e: "".join(text({"Records": [x]}) for x in e)),
    Shape(TRAIL, "a list of whole files", lambda e: [{"Records": e[:1]}, {"Records": e[1:]}]),
    Shape(TRAIL, "a list of lists", lambda e: [[e[0]], [e[1:]]]),
    Shape(TRAIL, "events by their id", lambda e: {x["eventID"]: x for x in e}),
    Shape(TEXTS, "as JSON", structs(text)),
    Shape(TEXTS, "as `{k=v}`", structs(pairs)),
    Shape(TEXTS, "as a list of one", structs(lambda x: x if isinstance(x, list) else [x])),
    Shape(TEXTS, "as JSON in JSON", structs(lambda x: text(x) if isinstance(x, list) else [text(x)])),
    Shape(TEXTS, "written prettily", structs(lambda x: json.dumps(x, indent=1))),
    Shape(TEXTS, "with spaces around", structs(lambda x: f"  {text(x)}  ")),
    Shape(TEXTS, "`{k=v}` in lower case", structs(lambda x: pairs(renamed(x, str.lower)))),
    Shape(TEXTS, "JSON in lower case", structs(lambda x: text(renamed(x, str.lower)))),
    Shape(TEXTS, "the event itself as text", lambda e: list(map(text, e))),
    Shape(TEXTS, "the event as text in text", lambda e: [text(text(x)) for x in e]),
    Shape(TEXTS, "the whole log as text", lambda e: {"body": text({"Records": e})}),
    Shape(TEXTS, "lines as text", lambda e: {"body": lines(e)}),
    Shape(NAMES, "all lower", each(lambda x: renamed(x, str.lower))),
    Shape(NAMES, "all upper", each(lambda x: renamed(x, str.upper))),
    Shape(NAMES, "a capital first", each(lambda x: renamed(x, lambda n: n[0].upper() + n[1:]))),
    Shape(NAMES, "with underscores", each(lambda x: renamed(x, snake))),
    Shape(NAMES, "the outer ones lower", each(lambda x: {k.lower(): v for k, v in x.items()})),
    Shape(NAMES, "the inner ones lower", each(lambda x: {k: renamed(v, str.lower) for k, v in x.items()})),
    Shape(NAMES, "`tlsDetails` alone lower", each(lambda x: {k.lower() if k[0] == "t" else k: v for k, v in x.items()})),
    Shape(NAMES, "`userIdentity` alone lower", each(lambda x: {k.lower() if k[0] == "u" else k: v for k, v in x.items()})),
    Shape(NAMES, "lower in `Records`", lambda e: {"Records": renamed(e, str.lower)}),
    Shape(NAMES, "lower in `records`", lambda e: {"records": renamed(e, str.lower)}),
    Shape(NAMES, "lower, and structs as text", each(lambda x: {k.lower(): pairs(v) if isinstance(v, dict) else v for k, v in x.items()})),
    Shape(NAMES, "nested ones with dots", each(lambda x: {**{k: v for k, v in x.items() if k != "tlsDetails"}, **{f"tlsDetails.{k}": v for k, v in x["tlsDetails"].items()}})),
    Shape(BRIDGE, "`detail`, a line each", each(bridge)),
    Shape(BRIDGE, "`detail`, a list", lambda e: list(map(bridge, e))),
    Shape(BRIDGE, "without anything between", each(bridge, "")),
    Shape(BRIDGE, "written prettily", lambda e: "\n".join(json.dumps(bridge(x), indent=2) for x in e)),
    Shape(BRIDGE, "a console sign-in", each(lambda x: bridge(x, "AWS Console Sign In via CloudTrail"))),
    Shape(BRIDGE, "an event of a service", each(lambda x: bridge(x, "AWS Service Event via CloudTrail"))),
    Shape(BRIDGE, "`detail` as text", each(lambda x: bridge(text(x)))),
    Shape(BRIDGE, "through SNS", each(lambda x: {"Type": "Notification", "Message": text(bridge(x))})),
    Shape(BRIDGE, "through SQS", lambda e: {"Messages": [{"Body": text(bridge(x))} for x in e]}),
    Shape(BRIDGE, "in a log group", lambda e: message(list(map(bridge, e)))),
    Shape(BRIDGE, "input paths renamed", each(lambda x: {"who": "rule", "call": x})),
    Shape(LOGS, "a subscription", message),
    Shape(LOGS, "subscriptions one after another", lambda e: "".join(text(message([x])) for x in e)),
    Shape(LOGS, "a subscription's extracted fields", lambda e: message(e) | {"logEvents": [{"message": text(x), "extractedFields": {"eventTime": "x"}} for x in e]}),
    Shape(LOGS, "an export: a moment, a blank, the event", lambda e: "".join(f"2026-11-28T01:00:00.000Z {text(x)}\n" for x in e)),
    Shape(LOGS, "an export without its last line end", lambda e: "\n".join(f"2026-11-28T01:00:00.000Z {text(x)}" for x in e)),
    Shape(LOGS, "`filter-log-events`", lambda e: {"events": [{"logStreamName": "s", "message": text(x)} for x in e], "searchedLogStreams": []}),
    Shape(LOGS, "`get-log-events`", lambda e: {"events": [{"timestamp": 1, "message": text(x), "ingestionTime": 2} for x in e], "nextForwardToken": "f"}),
    Shape(LOGS, "Insights, `@message`", lambda e: {"results": [[{"field": "@timestamp", "value": "2026"}, {"field": "@message", "value": text(x)}, {"field": "@ptr", "value": "p"}] for x in e]}),
    Shape(LOGS, "Insights, fields", lambda e: {"results": [[{"field": k, "value": v} for k, v in {"eventTime": x["eventTime"], "eventSource": x["eventSource"], "eventName": "G", "eventID": x["eventID"], "userIdentity.arn": ROLE, "tlsDetails.tlsVersion": "TLSv1"}.items()] for x in e]}),
    Shape(LOGS, "Insights, fields and `@message`", lambda e: {"results": [[{"field": k, "value": v} for k, v in {"eventTime": x["eventTime"], "eventSource": "s", "eventName": "G", "@message": text(x)}.items()] for x in e]}),
    Shape(LOGS, "Insights from the console, a list", lambda e: [{"@timestamp": "2026", "@message": text(x)} for x in e]),
    Shape(LOGS, "Insights from the console, `@message` an object", lambda e: [{"@timestamp": "2026", "@message": x} for x in e]),
    Shape(LOGS, "`aws logs tail`", lambda e: "".join(f"2026-11-28T01:00:00.123000+00:00 1_CloudTrail_eu {text(x)}\n" for x in e)),
    Shape(QUEUES, "SQS messages", lambda e: {"Messages": [{"MessageId": "m", "Body": text(x)} for x in e]}),
    Shape(QUEUES, "SQS to a function", lambda e: {"Records": [{"messageId": "m", "body": text(x), "eventSource": "aws:sqs"} for x in e]}),
    Shape(QUEUES, "SNS", each(lambda x: {"Type": "Notification", "TopicArn": "t", "Message": text(x)})),
    Shape(QUEUES, "SNS to a function", lambda e: {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text(x)}} for x in e]}),
    Shape(QUEUES, "SNS in SQS", lambda e: {"Messages": [{"Body": text({"Type": "Notification", "Message": text(x)})} for x in e]}),
    Shape(QUEUES, "SNS in SQS in a log group", lambda e: message([{"Body": text({"Message": text(x)})} for x in e])),
    Shape(QUEUES, "Firehose, without line ends", lambda e: lines(e, "")),
    Shape(QUEUES, "Firehose, EventBridge without line ends", each(bridge, "")),
    Shape(QUEUES, "Firehose's backup of what failed", each(lambda x: {"attemptsMade": 4, "rawData": in_base64(text(x).encode())})),
    Shape(QUEUES, "Kinesis to a function", lambda e: {"Records": [{"kinesis": {"data": in_base64(text(x).encode())}} for x in e]}),
    Shape(QUEUES, "a subscription through Kinesis, packed", lambda e: {"Records": [{"kinesis": {"data": in_base64(gzip.compress(text(message(e)).encode()))}}]}),
    Shape(QUEUES, "a subscription to a function, packed", lambda e: {"awslogs": {"data": in_base64(gzip.compress(text(message(e)).encode()))}}),
    Shape(LAKE, "`lookup-events`", lambda e: {"Events": [{"EventId": x["eventID"], "EventName": "G", "EventTime": 1795827600.0, "EventSource": "s", "Username": "ann", "CloudTrailEvent": text(x)} for x in e]}),
    Shape(LAKE, "`lookup-events`, its list", lambda e: [{"EventId": x["eventID"], "CloudTrailEvent": text(x)} for x in e]),
    Shape(LAKE, "`lookup-events`, its texts", lambda e: [text(x) for x in e]),
    Shape(LAKE, "`lookup-events`, a line each", each(lambda x: {"EventId": x["eventID"], "EventTime": "2026-11-28T01:00:00+00:00", "EventName": "G", "EventSource": "s", "CloudTrailEvent": text(x)})),
    Shape(LAKE, "the console's event history", lambda e: {"Records": e}),
    Shape(LAKE, "Lake's `get-query-results`", lambda e: {"QueryStatus": "FINISHED", "QueryResultRows": [[{k: pairs(v) if isinstance(v, dict) else str(v)} for k, v in x.items()] for x in e]}),
    Shape(LAKE, "Lake's `eventJson`", lambda e: {"QueryResultRows": [[{"eventJson": text(x)}, {"a": "1"}, {"b": "2"}] for x in e]}),
    Shape(LAKE, "Athena's `get-query-results`", lambda e: {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": k} for k in row]} for row in [list(map(str.lower, e[0])), *([v if isinstance(v, str) else pairs(v) for v in x.values()] for x in e)]]}}),
    Shape(LAKE, "UNLOAD in JSON", each(lambda x: renamed(x, str.lower))),
    Shape(LAKE, "UNLOAD, maps as text, times with a blank", each(lambda x: renamed(x, str.lower) | {"requestparameters": text({"a": 1}), "eventtime": x["eventTime"].replace("T", " ").replace("Z", ".000")})),
    Shape(LAKE, "times in UTC by name", each(lambda x: renamed(x, str.lower) | {"eventtime": x["eventTime"].replace("T", " ").replace("Z", ".000 UTC")})),
    Shape(LAKE, "rows under column names", lambda e: [list(e[0]), *([v if isinstance(v, str) else text(v) for v in x.values()] for x in e)]),
    Shape(LAKE, "Athena's CSV, structs as `{k=v}`", lambda e: in_csv([{k.lower(): pairs(v) if isinstance(v, (dict, list)) else v for k, v in x.items()} for x in e])),
    Shape(LAKE, "Lake's CSV in gzip, structs as JSON", lambda e: gzip.compress(in_csv([{k: text(v) if isinstance(v, (dict, list)) else v for k, v in x.items()} for x in e]).encode())),
    Shape(LAKE, "CSV of a count", lambda _: "eventSource,n\r\ns3.amazonaws.com,7\r\n", "skipped: text without JSON"),
    Shape(COLLECTORS, "`message`, text", each(lambda x: {"@timestamp": "t", "message": text(x), "tags": ["aws"]})),
    Shape(COLLECTORS, "`message`, an object", each(lambda x: {"@timestamp": "t", "message": x})),
    Shape(COLLECTORS, "`event`, an object", each(lambda x: {"time": 1, "host": "h", "sourcetype": "aws:cloudtrail", "event": x})),
    Shape(COLLECTORS, "`event.original`", each(lambda x: {"event": {"original": text(x), "kind": "event"}, "cloud": {"region": "r"}})),
    Shape(COLLECTORS, "`_raw` beside fields of its own", each(lambda x: {"_raw": text(x), "eventTime": x["eventTime"], "eventSource": "s", "eventName": "G", "host": "h"})),
    Shape(COLLECTORS, "`result._raw`", each(lambda x: {"preview": False, "result": {"_raw": text(x), "_time": "t"}})),
    Shape(COLLECTORS, "`_source`", lambda e: {"hits": {"total": 3, "hits": [{"_index": "i", "_source": x} for x in e]}}),
    Shape(COLLECTORS, "bulk actions between", lambda e: "".join(f'{{"index": {{"_index": "ct"}}}}\n{text(x)}\n' for x in e), "read, and 3 records named: 3 records could not be read: record 1 holds no event, …"),
    Shape(COLLECTORS, "`log` of a container", each(lambda x: {"log": text(x) + "\n", "stream": "stdout", "time": "t"})),
    Shape(COLLECTORS, "syslog before it", lambda e: "".join(f"{SYSLOG}{text(x)}\n" for x in e)),
    Shape(COLLECTORS, "a level in brackets before it", lambda e: "".join(f"[INFO] cloudtrail: {text(x)}\n" for x in e)),
    Shape(COLLECTORS, "syslog within `message`", each(lambda x: {"message": f"[cloudtrail] {text(x)}"})),
    Shape(COLLECTORS, "fields added to the event", each(lambda x: x | {"_index": "main", "tags": ["a"], "geo": {"country": "NL"}})),
    Shape(COLLECTORS, "`attributes` and `content`", each(lambda x: {"id": "i", "content": {"service": "cloudtrail", "attributes": x}})),
    Shape(COLLECTORS, "`resourceLogs … body.stringValue`", lambda e: {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": text(x)}} for x in e]}]}]}),
    Shape(OCSF, "API Activity, a line each", each(ocsf)),
    Shape(OCSF, "API Activity in `Records`", lambda e: {"Records": list(map(ocsf, e))}),
    Shape(OCSF, "a list of them", lambda e: list(map(ocsf, e))),
    Shape(OCSF, "`unmapped` nested", each(nested_unmapped)),
    Shape(OCSF, "`unmapped` as text", each(lambda x: ocsf(x, unmapped=text({"tlsDetails": x["tlsDetails"]})))),
    Shape(OCSF, "`unmapped` as keys and values", each(lambda x: ocsf(x, unmapped=[{"key": f"tlsDetails.{k}", "value": v} for k, v in x["tlsDetails"].items()]))),
    Shape(OCSF, "`time` in milliseconds", each(in_milliseconds)),
    Shape(OCSF, "in a log group", lambda e: message(list(map(ocsf, e)))),
    Shape(OCSF, "Security Lake's Parquet", lambda e: parquet(list(map(ocsf, e)))),
    Shape(OCSF, "Parquet of an export, structs", parquet),
    Shape(OCSF, "Parquet in lower case", lambda e: parquet(renamed(e, str.lower))),
    Shape(OCSF, "Parquet, structs as text", lambda e: parquet([{k.lower(): pairs(v) if isinstance(v, dict) else v for k, v in x.items()} for x in e])),
    Shape(OCSF, "Parquet of something else", lambda _: parquet([{"a": 1}]), "skipped: JSON without events"),
    Shape(OCSF, "Parquet that is cut", lambda e: parquet(e)[:-9], "refused: its Parquet cannot be read"),
    Shape(OTHERS, "a digest", lambda _: DIGEST, "skipped: digest"),
    Shape(OTHERS, "Insight events", lambda _: {"Records": [INSIGHT] * 2}, "skipped: Insight event"),
    Shape(OTHERS, "Insight through EventBridge", lambda _: bridge(INSIGHT), "skipped: Insight event"),
    Shape(OTHERS, "aggregated events", lambda _: {"Records": [AGGREGATED]}, "skipped: aggregated event"),
    Shape(OTHERS, "one aggregated among events", lambda e: {"Records": [e[0], AGGREGATED, *e[1:]]}, "read, and skipped: 1 aggregated event"),
    Shape(OTHERS, "one Insight among lines", lambda e: lines([*e, INSIGHT]), "read, and skipped: 1 Insight event"),
    Shape(OTHERS, "network activity events", lambda _: {"Records": [NETWORK]}, "skipped: network activity event"),
    Shape(OTHERS, "S3 notifications", lambda _: {"Records": [S3_NOTE] * 3}, "skipped: S3 notification"),
    Shape(OTHERS, "S3 notifications through SQS", lambda _: {"Messages": [{"Body": text({"Records": [S3_NOTE]})}]}, "skipped: S3 notification"),
    Shape(OTHERS, "S3's test event", lambda _: {"Service": "Amazon S3", "Event": "s3:TestEvent"}, "skipped: S3 notification"),
    Shape(OTHERS, "S3 through EventBridge", lambda _: bridge({"object": {}}, "Object Created"), "skipped: S3 notification"),
    Shape(OTHERS, "CloudTrail's word of a delivery", lambda _: {"s3Bucket": "b", "s3ObjectKey": ["k"]}, "skipped: S3 notification"),
    Shape(OTHERS, "a control message", lambda _: message([]) | {"messageType": "CONTROL_MESSAGE"}, "skipped: control message"),
    Shape(OTHERS, "SNS asking for a confirmation", lambda _: {"Type": "SubscriptionConfirmation"}, "skipped: control message"),
    Shape(OTHERS, "Logs export's test of the bucket", lambda _: "Permission Check Successful", "skipped: text without JSON"),
    Shape(OTHERS, "a README", lambda _: "# Logs\n\nSee the wiki.\n", "skipped: text without JSON"),
    Shape(OTHERS, "a README that shows a log", lambda _: '# Logs\n\n{"Records": [...]}\n', "skipped: text without JSON"),
    Shape(OTHERS, "a licence", lambda _: '1. "Terms"\n[yyyy] [name of owner]\n{brackets}\n', "skipped: text without JSON"),
    Shape(OTHERS, "JSON of something else", lambda _: {"name": "left-pad"}, "skipped: JSON without events"),
    Shape(OTHERS, "another program's lines", lambda _: lines([{"level": "info", "msg": "x"}] * 3), "skipped: JSON without events"),
    Shape(OTHERS, "an empty log", lambda _: {"Records": []}),
    Shape(OTHERS, "an empty file", lambda _: b"", "skipped: empty file"),
    Shape(OTHERS, "what macOS writes beside files", lambda _: b"\0\5\x16\7\0\2\0\0Mac OS X", "skipped: file of macOS"),
    Shape(PACKED, "gzip", lambda e: gzip.compress(log(e))),
    Shape(PACKED, "gzip, several members", lambda e: gzip.compress(log(e[:1])) + gzip.compress(log(e[1:]))),
    Shape(PACKED, "gzip twice", lambda e: gzip.compress(gzip.compress(log(e)))),
    Shape(PACKED, "bzip2", lambda e: bz2.compress(log(e))),
    Shape(PACKED, "xz", lambda e: lzma.compress(log(e))),
    Shape(PACKED, "zstd", lambda e: zstandard.compress(log(e))),
    Shape(PACKED, "zstd, several frames", lambda e: zstandard.compress(log(e[:1])) + zstandard.compress(log(e[1:]))),
    Shape(PACKED, "zip of several files", in_two(zipped)),
    Shape(PACKED, "tar of several files", in_two(tarred)),
    Shape(PACKED, "tar.gz", lambda e: gzip.compress(in_two(tarred)(e))),
    Shape(PACKED, "tar.bz2", lambda e: bz2.compress(in_two(tarred)(e))),
    Shape(PACKED, "tar.zst", lambda e: zstandard.compress(in_two(tarred)(e))),
    Shape(PACKED, "tar.gz in a zip", lambda e: zipped({"a.tgz": gzip.compress(in_two(tarred)(e))})),
    Shape(PACKED, "zip of what is no log", lambda _: zipped({"README": b"Hi"}), "skipped: text without JSON"),
    Shape(PACKED, "packed eight times", matryoshka, "refused: it is packed more than 4 times over"),
    Shape(PACKED, "40 KB that inflate to 40 MB", lambda _: gzip.compress(b"[" * (40 << 20)), "refused: it inflates to more than 500 times its size"),
    Shape(PACKED, "gzip that is cut", lambda e: gzip.compress(log(e))[:-20], "refused: its gzip data is cut short"),
    Shape(PACKED, "gzip that is damaged", lambda e: gzip.compress(log(e))[:-8] + b"damaged.", "refused: its gzip data is damaged"),
    Shape(PACKED, "bzip2 that is cut", lambda e: bz2.compress(log(e))[:-20], "refused: its bzip2 data is cut short"),
    Shape(PACKED, "xz that is damaged", lambda e: lzma.compress(log(e))[:40] + b"x" * 99, "refused: its xz data is damaged"),
    Shape(PACKED, "zip that is cut", lambda e: in_two(zipped)(e)[:-30], "refused: its zip is damaged"),
    Shape(PACKED, "lz4, snappy, 7z, encrypted", lambda _: b"\x04\x22\x4d\x18\0\1\2\3" + bytes(99), "refused: it is neither text nor packed in a way that is known here"),
    Shape(CODED, "UTF-8 with a mark", lambda e: b"\xef\xbb\xbf" + log(e)),
    Shape(CODED, "UTF-8 with a mark, lines", lambda e: b"\xef\xbb\xbf" + lines(e).encode()),
    Shape(CODED, "UTF-16, little end, mark", lambda e: log(e).decode().encode("utf-16")),
    Shape(CODED, "UTF-16, little end", lambda e: log(e).decode().encode("utf-16-le")),
    Shape(CODED, "UTF-16, big end, mark", lambda e: b"\xfe\xff" + log(e).decode().encode("utf-16-be")),
    Shape(CODED, "UTF-16, big end", lambda e: log(e).decode().encode("utf-16-be")),
    Shape(CODED, "UTF-16, lines of Windows", lambda e: lines(e, "\r\n").encode("utf-16")),
    Shape(CODED, "UTF-32", lambda e: log(e).decode().encode("utf-32")),
    Shape(CODED, "UTF-32 without a mark", lambda e: log(e).decode().encode("utf-32-be")),
    Shape(CODED, "UTF-16 in gzip", lambda e: gzip.compress(log(e).decode().encode("utf-16"))),
    Shape(CODED, "Latin-1", lambda e: log(e).replace(b"Boto3", b"caf\xe9")),
    Shape(CODED, "zeros at the end", lambda e: log(e) + b"\n" + b"\0" * 20, "read, and 1 record named: record 2 is not JSON"),
    Shape(BROKEN, "a foreign line", bad_among("# exported by bob"), ONE_BAD + "record 2 is not JSON"),
    Shape(BROKEN, "a foreign first line", lambda e: "-- dump\n" + lines(e), ONE_BAD + "record 1 is not JSON"),
    Shape(BROKEN, "a line cut in a string", bad_among('{"eventTime": "2026-'), ONE_BAD + "record 2 is cut short"),
    Shape(BROKEN, "a line cut between fields", bad_among('{"eventTime": "2026-11-28",'), ONE_BAD + "record 2 is cut short"),
    Shape(BROKEN, "another program's line", bad_among('{"msg": "shipping"}'), ONE_BAD + "record 2 holds no event"),
    Shape(BROKEN, "zeros between lines", bad_among(b"\0" * 9), ONE_BAD + "record 2 is not JSON"),
    Shape(BROKEN, "a leap second", record_among(text(event(0) | {"eventTime": "2026-11-28T23:59:60Z"})), ONE_BAD + "record 2 has no usable eventTime"),
    Shape(BROKEN, "a day that is none", record_among(text(event(0) | {"eventTime": "2026-02-31T00:00:00Z"})), ONE_BAD + "record 2 has no usable eventTime"),
    Shape(BROKEN, "no time at all", record_among(text(event(0) | {"eventTime": None})), ONE_BAD + "record 2 has no usable eventTime"),
    Shape(BROKEN, "a record that is a number", record_among("7"), ONE_BAD + "record 2 holds no event"),
    Shape(BROKEN, "a record without a colon", record_among('{"eventTime" "x", "eventSource": "s", "eventName": "n"}'), ONE_BAD + "record 2 is not valid JSON"),
    Shape(BROKEN, "half an event", record_among('{"eventTime": "2026-11-28T00:00:00Z"}'), ONE_BAD + "record 2 names an eventTime, but is no whole event"),
    Shape(BROKEN, "a file that ends within a record", lambda e: text({"Records": [*e, e[0]]})[:-40], ONE_BAD + "record 4 is cut short"),
    Shape(BROKEN, "a file without its last brackets", lambda e: text({"Records": e})[:-2], ONE_BAD + "record 4 is cut short"),
    Shape(BROKEN, "a bracket too many", lambda e: lines(e) + "}\n"),
    Shape(BROKEN, "half a surrogate pair", lambda e: text(e).replace("Boto3", "\\ud800")),
    Shape(BROKEN, "a control character", lambda e: text(e).replace("Boto3", "a\tb\x01")),
    Shape(BROKEN, "a number beyond all bounds", lambda e: text(e).replace('"key": ', '"n": 1e999, "key": ')),
    Shape(BROKEN, "5,000 brackets in a field", lambda e: text(e).replace('"key": ', '"n": ' + "[" * 5000 + "]" * 5000 + ', "key": ')),
    Shape(BROKEN, "a million brackets in a line", bad_among("[" * 1_000_000), ONE_BAD + "record 2 is cut short"),
    Shape(BROKEN, "a line of 17 MB", lambda e: lines([*e, event(0) | {"userAgent": "x" * (17 << 20)}]), ONE_BAD + "record 4 is larger than 16 MB"),
]  # fmt: skip


def made(shape: Shape, number: int) -> tuple[bytes, list[str]]:
    """The bytes of a file, and the ids of the events in it."""
    events = [event(number * 3 + n) for n in range(1, 4)]
    stored = shape.make(events)
    if not isinstance(stored, (bytes, str)):
        stored = json.dumps(stored)
    return stored.encode() if isinstance(stored, str) else stored, [each["eventID"] for each in events]


@dataclass(frozen=True)
class Taken:
    """What the archive holds of the events, by id: version and principal; what it says of each file."""

    events: dict[str, tuple[str, str]]
    reports: dict[str, Report]
    again: tuple[int, int]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    folder = tmp_path_factory.mktemp("formats")
    logs = folder / "logs"
    logs.mkdir()
    for number, shape in enumerate(SHAPES):
        (logs / f"{number}").write_bytes(made(shape, number)[0])
    archive = Archive(folder / "archive")
    done = archive.ingest([str(logs)], progress=lambda _: None)
    again = archive.ingest([str(logs)], progress=lambda _: None)
    with duckdb.connect() as connection:
        connection.execute(archive.events_sql())
        query = "SELECT eventID, tlsDetails.tlsVersion, userIdentity.arn FROM events"
        rows = connection.execute(query).fetchall()
    assert max(Counter(row[0] for row in rows).values()) == 1
    return Taken(
        {event_id: (version, arn) for event_id, version, arn in rows},
        {Path(report.name).name: report for report in done.reports},
        (again.files, len(again.bad)),
    )


def words(report: Report | None) -> str:
    """What became of a file, as the table says it."""
    if report is None:
        return READ
    if report.outcome == READ:
        skipped = ", ".join(f"{count} {kind}" for kind, count in report.skipped.items())
        count = sum(report.bad.values())
        bad = f"{count} record{'s' if count > 1 else ''} named: {report.why}" if count else ""
        return f"read, and {bad or f'skipped: {skipped}'}"
    return f"{report.outcome}: {report.why.partition(' (')[0].partition(':')[0]}"


@pytest.mark.parametrize("number", range(len(SHAPES)), ids=[f"{s.what}: {s.shape}" for s in SHAPES])
def test_a_shape_becomes_what_the_page_says(number: int, taken: Taken) -> None:
    shape = SHAPES[number]
    ids = made(shape, number)[1]
    found = [taken.events[event_id] for event_id in ids if event_id in taken.events]
    is_read = shape.becomes.startswith(READ) and shape.shape != "an empty log"
    assert (words(taken.reports.get(str(number))), found) == (
        shape.becomes,
        [("TLSv1", ROLE)] * 3 if is_read else [],
    )


def test_a_second_reading_finds_nothing_new(taken: Taken) -> None:
    assert taken.again == (0, 0)


def test_the_page_has_the_same_rows(pytestconfig: pytest.Config) -> None:
    table = TABLE + "".join(f"| {s.what} | {s.shape} | {s.becomes} |\n" for s in SHAPES)
    if pytestconfig.getoption("--renew-golden"):
        PAGE.write_text(PAGE.read_text().partition(TABLE)[0] + table)
    assert PAGE.read_text().endswith(table)
