"""Log files in, every event once out: whatever the files hold, and whenever the ingest dies."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.archive import archive as archives
from bot.archive.archive import Archive
from bot.archive.content import Pieces
from bot.archive.ingest import Ingested, Limits, Progress, Step
from bot.archive.said import EVENT_ORDER
from bot.errors import BotError, EngineError, UserError
from bot.event_schema import LAKE_COLUMNS, MAP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Event = dict[str, Any]

REPO = Path(__file__).parents[2]
REAL_EVENTS = REPO.parent / "shared" / "data" / "cloudtrail"
TRAIL = (
    "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/09/111122223333_CloudTrail_eu-west-1_20261109T1005Z_{}"
)


def event(number: int, **changes: Any) -> Event:
    """The nth event of a made-up trail: an hour after the one before, and never the same eventID."""
    whole = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann", "userName": "ann"},
        "eventTime": f"2026-11-{9 + number // 24 % 14:02}T{number % 24:02}:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "userAgent": "Boto3/1.26.85 Python/3.9.16",
        "requestParameters": {"bucketName": "b", "key": 'a "q" \\ 你好'},
        "responseElements": None,
        "eventID": f"00000000-0000-0000-0000-{number:012}",
        "readOnly": True,
        "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"}],
        "tlsDetails": {"tlsVersion": "TLSv1.2", "cipherSuite": "AES128-SHA", "keyExchange": "x25519"},
    }
    return whole | changes


def log(events: Iterable[Event]) -> bytes:
    return gzip.compress(json.dumps({"Records": list(events)}).encode())


def put(path: Path, stored: bytes | str | list[Event]) -> Path:
    """A file with this content; a list of events as CloudTrail writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        log(stored) if isinstance(stored, list) else stored.encode() if isinstance(stored, str) else stored
    )
    return path


def trail(folder: Path, files: int, events_each: int) -> list[str]:
    """Log files in S3's layout, and the eventIDs in them."""
    for n in range(files):
        put(
            folder / TRAIL.format(f"{n:04}.json.gz"), [event(n * events_each + i) for i in range(events_each)]
        )
    return [event(n)["eventID"] for n in range(files * events_each)]


def ingest(into: Archive, *places: Path | str) -> Ingested:
    return into.ingest([str(place) for place in places], progress=lambda _: None)


def ask(archive: Archive, sql: str) -> list[Any]:
    """Rows of `sql` over `events`, as an embedded engine sees them; single columns as bare values."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(archive.events_sql())
        rows = connection.execute(sql).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def ids(archive: Archive) -> list[str]:
    return ask(archive, "SELECT eventID FROM events ORDER BY eventID")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(tmp_path: Path, request: pytest.FixtureRequest) -> Archive:
    return Archive(tmp_path / "archive", getattr(request, "param", None))


def limited(limits: Limits, name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("archive", [limits], indirect=True, ids=[name])


small_batches = limited(Limits(batch_bytes=5_000), "small batches")
streamed = limited(Limits(batch_bytes=5_000, pieces=Pieces(whole=3_000, block=700)), "streamed")


# --- what goes in comes out


def test_every_event_of_a_trail_is_stored_under_its_own_utc_day(logs: Path, archive: Archive) -> None:
    expected = trail(logs, files=4, events_each=30)
    done = ingest(archive, logs)
    assert (done.files, done.events, done.duplicates, done.bad) == (4, 120, 0, ())
    assert ids(archive) == expected
    assert ask(archive, "SELECT count(*) FROM events WHERE day <> eventTime::DATE") == [0]
    assert not list(archive.folder.glob(f"{archives.SPOOL}*"))


def test_an_event_keeps_its_fields(logs: Path, archive: Archive) -> None:
    put(logs / "a.json.gz", [event(1)])
    ingest(archive, logs)
    assert ask(
        archive,
        "SELECT eventTime::VARCHAR, useridentity.username, requestParameters, responseElements, readOnly,"
        " resources[1].arn, tlsDetails.keyExchange FROM events",
    ) == [
        (
            "2026-11-09 01:00:00",
            "ann",
            '{"bucketName":"b","key":"a \\"q\\" \\\\ 你好"}',
            None,
            True,
            "arn:aws:s3:::b/k",
            "x25519",
        )
    ]


def test_an_archive_without_files_has_the_same_columns_and_types(logs: Path, archive: Archive) -> None:
    described = "SELECT column_name, column_type FROM (DESCRIBE events)"
    empty = ask(archive, described)
    assert not archive.has_events()
    assert not archive.folder.exists()
    put(logs / "a.json.gz", [event(1)])
    ingest(archive, logs)
    assert archive.has_events()
    assert ask(archive, described) == empty


def test_files_are_sorted_by_time(logs: Path, archive: Archive) -> None:
    put(logs / "a.json", json.dumps([event(n) for n in (5, 3, 9, 1)]))
    ingest(archive, logs)
    put(logs / "b.json", json.dumps([event(n) for n in (8, 5, 4, 1, 2)]))
    ingest(archive, logs)
    for file in archive.folder.glob("day=*/*.parquet"):
        with duckdb.connect() as connection:
            times = connection.execute("SELECT eventTime FROM read_parquet($1)", [str(file)]).fetchall()
        assert times == sorted(times)


SAY = {
    "tlsDetails": st.none()
    | st.builds(
        lambda text: {"tlsVersion": text},
        st.none()
        | st.sampled_from(["TLSv1", "tlsv1.0", " TLSv1.2 ", "TLSv1.2", "1.3", "TLSv1.3", "", "-", "SSLv3"]),
    ),
    "userIdentity": st.none()
    | st.builds(lambda text: {"arn": text}, st.none() | st.sampled_from(["", "a", "arn:b", "~"])),
    "eventSource": st.sampled_from(["s3.amazonaws.com", "ec2.amazonaws.com", "s3"]),
}
AS_READ = st.sampled_from([{}, {"new": 1}, {"readonly": True}])  # known, with a field of nobody's, respelled


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.fixed_dictionaries(SAY), AS_READ), min_size=2, max_size=24))
def test_files_are_in_the_order_that_sql_gives_them(fields: list[tuple[Event, Event]]) -> None:
    mixed = [event(7 * n % 24, eventID=str(n), **say, **odd) for n, (say, odd) in enumerate(fields)]
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder) / "archive")
        put(Path(folder) / "logs" / "a.json", mixed)
        ingest(archive, Path(folder) / "logs")
        (file,) = archive.folder.glob("day=*/*.parquet")
        keys = "SELECT saidVersion, eventSource, userIdentity.arn, eventTime FROM read_parquet($1)"
        with duckdb.connect(config={"threads": 1}) as connection:
            stored = connection.execute(keys, [str(file)]).fetchall()
            in_order = connection.execute(f"{keys} ORDER BY {EVENT_ORDER}", [str(file)]).fetchall()
    assert stored == in_order


@pytest.mark.skipif(not REAL_EVENTS.exists(), reason="the real events lie beside the project, not in it")
def test_real_events_go_in_whole(archive: Archive) -> None:
    done = ingest(archive, REAL_EVENTS)
    assert (done.files, done.events, done.bad) == (35, 310, ())
    count = "SELECT tlsDetails.tlsVersion, count(*) FROM events GROUP BY 1 ORDER BY 1"
    assert ask(archive, count) == [("TLSv1.2", 138), ("TLSv1.3", 172)]


EVENTS = [event(1), event(2), event(3)]
LOOKUP = {"NextToken": "[x", "Events": [{"EventId": "x", "CloudTrailEvent": json.dumps(e)} for e in EVENTS]}
SHAPES = {
    "records": json.dumps({"Records": EVENTS}),
    "records, written prettily": json.dumps({"owner": {"Records": "[{"}, "Records": EVENTS}, indent=2),
    "an array": json.dumps(EVENTS, indent=1),
    "lines": "\n".join(map(json.dumps, EVENTS)) + "\n",
    "lines of Windows": "\r\n".join(map(json.dumps, EVENTS)),
    "lines that lost their ends": "".join(map(json.dumps, EVENTS)),
    "lines with empty ones": "\n\n".join(map(json.dumps, EVENTS)) + "\n\n",
    "single events written prettily": "\n".join(json.dumps(e, indent=4) for e in EVENTS),
    "whole files one after another": "".join(json.dumps({"Records": [e]}) for e in EVENTS),
    "an array of whole files": json.dumps([{"Records": EVENTS[:2]}, {"Records": EVENTS[2:]}]),
    "LookupEvents": json.dumps(LOOKUP, indent=4),
    "LookupEvents' list": json.dumps(LOOKUP["Events"]),
    "LookupEvents' texts": json.dumps([json.dumps(e, indent=1) for e in EVENTS]),
    "with a byte order mark": "\ufeff" + json.dumps({"Records": EVENTS}),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson.gz"])
def test_the_content_decides_how_a_file_is_read(shape: str, name: str, logs: Path, archive: Archive) -> None:
    text = SHAPES[shape].encode()
    put(logs / name, gzip.compress(text) if name == "a.json" else text)
    assert ingest(archive, logs).bad == ()
    assert ids(archive) == [e["eventID"] for e in EVENTS]


def test_a_single_event_is_a_log(logs: Path, archive: Archive) -> None:
    put(logs / "a.json", json.dumps(event(7), indent=2))
    assert ingest(archive, logs).events == 1


def test_gzip_members_one_after_another_are_one_file(logs: Path, archive: Archive) -> None:
    put(logs / "a.json.gz", log([event(1)]) + log([event(2)]) + b"\0" * 8)
    assert ingest(archive, logs).events == 2


def test_a_log_without_records_is_no_mistake(logs: Path, archive: Archive) -> None:
    put(logs / "a.json.gz", [])
    done = ingest(archive, logs)
    assert (done.files, done.events, done.bad) == (1, 0, ())
    assert ingest(archive, logs).known == 1


def test_what_is_no_log_is_skipped_by_its_kind(logs: Path, archive: Archive) -> None:
    digest = json.dumps({"awsAccountId": "1", "digestStartTime": "2026-11-09T00:00:00Z", "logFiles": []})
    put(
        logs / "AWSLogs/o-1/1/CloudTrail-Digest/eu-west-1/2026/11/09/d.json.gz",
        gzip.compress(digest.encode()),
    )
    insight = {"eventTime": "2026-11-09T00:00:00Z", "eventType": "AwsCloudTrailInsight"}
    put(logs / "AWSLogs/1/CloudTrail-Insight/eu-west-1/2026/11/09/i.json.gz", [insight])
    put(logs / "digest.json", digest)
    put(logs / "README.md", "# Logs")
    put(logs / "._a.json", b"\x00\x05\x16\x07 made by a Mac")
    put(logs / "AWSLogs/o-1/1/CloudTrail/eu-west-1/2026/11/09/a.json.gz", [event(4)])
    for _ in range(2):
        done = ingest(archive, logs)
        assert (done.events + done.known, done.bad, archive.sources().left_out) == (
            1 if done.events else 6,
            (),
            (),
        )
    assert archive.sources().skipped == {
        "digest": 2,
        "Insight event": 1,
        "text without JSON": 1,
        "file of macOS": 1,
    }


def test_a_file_that_is_named_is_read_whatever_its_name(logs: Path, archive: Archive) -> None:
    assert ingest(archive, put(logs / "events.txt", json.dumps(EVENTS))).events == 3


def test_an_archive_within_the_logs_is_not_read_as_logs(logs: Path) -> None:
    archive = Archive(logs / "archive")
    put(logs / "a.json", json.dumps(EVENTS))
    put(archive.folder / "left.json", json.dumps([event(9)]))
    assert ingest(archive, logs).events == 3


@pytest.mark.parametrize("name", ["it's [a] *?.json", "a{b,c}.json", b"caf\xe9.json"])
def test_any_name_will_do(name: str | bytes, tmp_path: Path) -> None:
    odd = os.fsdecode(name)
    archive = Archive(tmp_path / "it's [an] *? {archive}")
    put(tmp_path / "logs" / odd, json.dumps([event(1)]))
    assert ingest(archive, tmp_path / "logs").events == 1
    put(tmp_path / "logs" / f"2{odd}", json.dumps([event(1), event(2)]))
    assert ingest(archive, tmp_path / "logs").duplicates == 1
    assert ids(archive) == [event(1)["eventID"], event(2)["eventID"]]


# --- every event once


def test_a_second_ingest_finds_nothing_new(logs: Path, archive: Archive) -> None:
    expected = trail(logs, files=3, events_each=10)
    ingest(archive, logs)
    before = sorted(archive.folder.glob("day=*/*"))
    done = ingest(archive, logs)
    assert (done.files, done.known, done.events, done.duplicates) == (0, 3, 0, 0)
    assert sorted(archive.folder.glob("day=*/*")) == before
    assert ids(archive) == expected


def test_a_place_given_twice_is_read_once(logs: Path, archive: Archive) -> None:
    trail(logs, files=2, events_each=3)
    assert ingest(archive, logs, logs / "AWSLogs", *logs.rglob("*.gz")).files == 2


def test_an_event_that_was_delivered_twice_is_stored_once(logs: Path, archive: Archive) -> None:
    put(logs / "a.json.gz", [event(1), event(2), event(1)])
    put(logs / "b.json.gz", [event(2), event(3)])
    done = ingest(archive, logs)
    assert (done.events, done.duplicates) == (3, 2)
    put(logs / "c.json.gz", [event(3), event(4)])
    done = ingest(archive, logs)
    assert (done.events, done.duplicates) == (1, 1)
    assert ids(archive) == [event(n)["eventID"] for n in (1, 2, 3, 4)]


@small_batches
def test_duplicates_are_found_across_batches(logs: Path, archive: Archive) -> None:
    expected = trail(logs / "first", files=5, events_each=20)
    trail(logs / "again", files=5, events_each=20)
    done = ingest(archive, logs)
    assert (done.events, done.duplicates) == (100, 100)
    assert ids(archive) == expected


def test_events_without_an_id_are_the_same_if_all_of_them_is_the_same(logs: Path, archive: Archive) -> None:
    nameless = [event(1, eventID=None), event(1, eventID=None, userAgent="other"), event(1, eventID=None)]
    put(logs / "a.json.gz", nameless)
    put(logs / "b.json.gz", nameless[:2])
    done = ingest(archive, logs)
    assert (done.events, done.duplicates) == (2, 3)
    put(logs / "c.json.gz", [*nameless, event(2, eventID="")])
    done = ingest(archive, logs)
    assert (done.events, done.duplicates) == (1, 3)
    assert ask(archive, "SELECT count(*) FROM events") == [3]


def test_a_file_that_grew_adds_what_is_new(logs: Path, archive: Archive) -> None:
    grown = put(logs / "a.jsonl", json.dumps(event(1)))
    ingest(archive, logs)
    put(grown, "\n".join(json.dumps(event(n)) for n in (1, 2)))
    done = ingest(archive, logs)
    assert (done.files, done.known, done.events, done.duplicates) == (1, 0, 1, 1)
    put(grown, json.dumps(event(1)))
    assert ingest(archive, logs).events == 0
    assert len(ids(archive)) == 2


# --- bad files

GOOD = json.dumps(event(1))
BAD = {
    "a truncated gzip": (log([event(1)])[:-30], "cut short"),
    "a damaged gzip": (log([event(1)])[:-8] + b"damaged.", "damaged"),
    "a gzip that holds too much": (gzip.compress(b"[" * (40 << 20)), "inflates to more than 500 times"),
    "what is no text": (b"\x04\x22\x4d\x18\x01\x02" + bytes(range(256)), "neither text nor packed"),
    "half an event": (b'{"eventTime": "2026-11-09T00:00:00Z"}', "no whole event"),
    "JSON that ends too soon": (b'{"eventTime":"2026-', "cut short"),
    "a broken record": (
        b'{"Records": [{"eventTime": "2026-11-09T00:00:00Z", "eventSource": "s", "eventName": "n", "a" 1}]}',
        "not valid JSON",
    ),
    "a stray bracket": (b"]", "never opened"),
    "a huge record": (json.dumps(event(1, userAgent="x" * (17 << 20))).encode(), "larger than 16 MB"),
    "no time": (
        json.dumps({"Records": [event(1, eventTime=""), event(2, eventTime=None)]}).encode(),
        "2 records could not be read: record 1 has no usable",
    ),
    "a time that is none": (json.dumps([event(1, eventTime="2026-02-31T00:00:00Z")]).encode(), "eventTime"),
    "a time without a day": (json.dumps([event(1, eventTime="infinity")]).encode(), "eventTime"),
    "a time that is a number": (json.dumps([event(1, eventTime=1_700_000_000)]).encode(), "eventTime"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_reported_and_the_rest_goes_on(kind: str, logs: Path, archive: Archive) -> None:
    stored, why = BAD[kind]
    bad = put(logs / "b.json.gz", stored)
    put(logs / "a.json.gz", [event(11)])
    put(logs / "c.json.gz", [event(12)])
    done = ingest(archive, logs)
    assert [file.path for file in done.bad] == [str(bad)]
    assert re.search(why, done.bad[0].why)
    assert ids(archive) == [event(11)["eventID"], event(12)["eventID"]]
    again = ingest(archive, logs)
    assert (again.bad, again.still_bad, again.known) == ((), 1, 3)
    assert [(report.name, report.outcome) for report in archive.sources().left_out] == [(str(bad), "refused")]


def test_a_bad_file_goes_in_once_it_is_mended(logs: Path, archive: Archive) -> None:
    bad = put(logs / "a.json.gz", log([event(1)])[:-9])
    ingest(archive, logs)
    put(bad, [event(1)])
    assert ingest(archive, logs).events == 1


# --- weird but valid

DEEP = "[" * 5_000 + "]" * 5_000
WEIRD = {
    "an identity that is text": ('"userIdentity": "root"', "userIdentity", None),
    "an identity that is deep": (f'"userIdentity": {DEEP}', "userIdentity", None),
    "a context that is a list": (
        '"userIdentity": {"type": "Root", "sessionContext": []}',
        "userIdentity.type",
        "Root",
    ),
    "a type that is an object": (
        '"userIdentity": {"type": {"a": [1]}, "x": []}',
        "userIdentity.type",
        '{"a":[1]}',
    ),
    "a creation date that is none": (
        '"userIdentity": {"sessionContext": {"attributes": {"creationDate": "now", "mfaAuthenticated": 0}}}',
        "userIdentity.sessionContext.attributes.mfaAuthenticated",
        "0",
    ),
    "a creation date elsewhere": (
        '"userIdentity": {"sessionContext": {"attributes": {"creationDate": "2026-11-09T02:00:00+02:00"}}}',
        "userIdentity.sessionContext.attributes.creationDate::VARCHAR",
        "2026-11-09 00:00:00",
    ),
    "an ARN that is a number": ('"userIdentity": {"arn": 5}', "userIdentity.arn", "5"),
    "an ARN that is an object": ('"userIdentity": {"arn": {"a": [1]}}', "userIdentity.arn", '{"a":[1]}'),
    "half a pair in the ARN": ('"userIdentity": {"arn": "a\\ud800b"}', "userIdentity.arn", "a\ufffdb"),
    "a version that is a number": ('"tlsDetails": {"tlsVersion": 1.2}', "saidVersion", "TLSv1.2"),
    "a version that is a list": ('"tlsDetails": {"tlsVersion": ["1"]}', "tlsDetails.tlsVersion", '["1"]'),
    "a flag that is text": ('"readOnly": "true"', "readOnly", True),
    "a flag that is nothing": ('"readOnly": "perhaps"', "readOnly", None),
    "a flag that is a list": ('"managementEvent": [true]', "managementEvent", None),
    "an agent that is a number": ('"userAgent": 5', "userAgent", "5"),
    "an agent that is an object": ('"userAgent": {"a": 1}', "userAgent", '{"a":1}'),
    "an agent that is deep": (f'"userAgent": {DEEP}', "userAgent", DEEP),
    "resources that are null": ('"resources": null', "resources", None),
    "resources that are an object": ('"resources": {"ARN": "a"}', "resources", None),
    "resources of many kinds": ('"resources": [null, 5, {"ARN": "a"}]', "resources[3].ARN", "a"),
    "parameters that are text": ('"requestParameters": "plain"', "requestParameters", '"plain"'),
    "parameters that are a list": ('"requestParameters": [1, "b"]', "requestParameters", '[1,"b"]'),
    "parameters that are false": ('"requestParameters": false', "requestParameters", "false"),
    "parameters that are deep": (
        f'"requestParameters": {{"a": {DEEP}}}',
        "length(requestParameters) > 9999",
        True,
    ),
    "a number beyond all bounds": ('"requestParameters": {"n": 1e999}', "requestParameters", '{"n":1e999}'),
    "a NUL": ('"userAgent": "a\\u0000b"', "userAgent", "a\0b"),
    "half a surrogate pair": ('"userAgent": "a\\ud800b"', "userAgent", "a\ufffdb"),
    "half a pair in the parameters": (
        '"requestParameters": {"k": "\\udfff"}',
        "requestParameters->>'k'",
        "\ufffd",
    ),
    "a whole surrogate pair": ('"userAgent": "\\ud83d\\ude00"', "userAgent", "😀"),
    "a key twice": ('"userAgent": "a", "userAgent": "b"', "userAgent", "b"),
    "a key twice in the parameters": (
        '"requestParameters": {"k": 1, "k": 2}',
        "requestParameters",
        '{"k":1,"k":2}',
    ),
    "a column of nobody's": ('"newInVersion2": [{}]', "userAgent", None),
    "a bare control character": ('"userAgent": "a\tb"', "userAgent", "a\tb"),
    "an id that is a number": ('"eventID": 7', "eventID", "7"),
    "details that are text": ('"tlsDetails": "TLSv1"', "tlsDetails", None),
    "details without a suite": ('"tlsDetails": {"tlsVersion": null}', "tlsDetails.tlsVersion", None),
}


@pytest.mark.parametrize("kind", WEIRD)
def test_a_weird_event_is_kept_and_so_are_its_neighbours(kind: str, logs: Path, archive: Archive) -> None:
    fields, column, value = WEIRD[kind]
    text = f'{{"eventTime": "2026-11-09T00:00:00Z", "eventSource": "x", "eventName": "Weird", {fields}}}'
    put(logs / "a.json", f'{{"Records": [{GOOD}, {text}, {json.dumps(event(2))}]}}')
    assert ingest(archive, logs).bad == ()
    assert ask(archive, f"SELECT {column} FROM events WHERE eventName = 'Weird'") == [value]  # noqa: S608 - a column of ours
    plain = "SELECT userIdentity.userName, requestParameters->>'key' FROM events WHERE eventName <> 'Weird'"
    assert ask(archive, plain) == [("ann", 'a "q" \\ 你好')] * 2


def test_text_that_is_not_utf8_is_kept_with_a_mark_in_its_place(logs: Path, archive: Archive) -> None:
    put(logs / "a.json", GOOD.replace("Boto3", "caf\xe9").encode("latin-1", "ignore"))
    ingest(archive, logs)
    assert ask(archive, "SELECT userAgent[:4] FROM events") == ["caf\ufffd"]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-09T00:30:00+02:00", "2026-11-08 22:30:00"),
        ("2026-11-09T23:30:00-0500", "2026-11-10 04:30:00"),
        ("2026-11-09T10:00:00.123Z", "2026-11-09 10:00:00.123"),
        ("2026-11-09 10:00:00", "2026-11-09 10:00:00"),
    ],
)
def test_a_time_in_another_spelling_is_stored_in_utc(
    text: str, utc: str, logs: Path, archive: Archive
) -> None:
    put(logs / "a.json", json.dumps([event(1, eventTime=text)]))
    ingest(archive, logs)
    assert ask(archive, "SELECT eventTime::VARCHAR, day::VARCHAR FROM events") == [(utc, utc[:10])]


ANY_TEXT = st.text(st.characters(codec=None), max_size=6)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(ANY_TEXT | st.sampled_from(["type", "ARN"]), inner, max_size=3)
    ),
    max_leaves=6,
)
STRUCTS = [name for name, kind in LAKE_COLUMNS.items() if isinstance(kind, dict)]
ANY_FIELDS = st.dictionaries(
    st.sampled_from(sorted(set(LAKE_COLUMNS) - {"eventTime", "eventID"})), ANY_JSON, max_size=5
) | st.builds(
    lambda name, inner: {name: inner},
    st.sampled_from(STRUCTS),
    st.dictionaries(st.sampled_from(["type", "sessionContext", "tlsVersion", "onBehalfOf"]), ANY_JSON),
)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(ANY_FIELDS, min_size=1, max_size=24))
def test_whatever_the_fields_hold_every_event_is_kept(fields: list[Event]) -> None:
    weird = [event(n, **changes) for n, changes in enumerate(fields)]
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder) / "archive")
        put(Path(folder) / "logs" / "a.json", "\n".join(map(json.dumps, weird)))
        assert ingest(archive, Path(folder) / "logs").bad == ()
        assert ids(archive) == [e["eventID"] for e in weird]
        maps = ", ".join(name for name, kind in LAKE_COLUMNS.items() if kind == MAP)
        for row in ask(archive, f"SELECT {maps} FROM events"):  # noqa: S608 - names of our own
            assert all(json.loads(text) is not None for text in row if text is not None)
        agents = ask(archive, "SELECT userAgent FROM events ORDER BY eventID")
        assert [isinstance(agent, str) for agent in agents] == [e["userAgent"] is not None for e in weird]


# --- long files


@limited(Limits(batch_bytes=5_000, pieces=Pieces(whole=300, block=700)), "streamed")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_a_long_file_is_streamed(
    shape: str, pack: Callable[[bytes], bytes], logs: Path, archive: Archive
) -> None:
    put(logs / "a.json", pack(SHAPES[shape].encode()))
    assert ingest(archive, logs).bad == ()
    assert ids(archive) == [e["eventID"] for e in EVENTS]


@streamed
def test_duplicates_are_found_within_a_long_file(logs: Path, archive: Archive) -> None:
    events = [event(n) for n in range(200)]
    put(logs / "a.jsonl", "\n".join(map(json.dumps, events + events)))
    done = ingest(archive, logs)
    assert (done.files, done.events, done.duplicates) == (1, 200, 200)
    assert ids(archive) == [e["eventID"] for e in events]


@streamed
@pytest.mark.parametrize("end", ['{"eventTime":', '{"eventTime": "never"}', "nonsense"])
def test_of_a_long_file_with_a_bad_end_the_rest_is_stored(end: str, logs: Path, archive: Archive) -> None:
    put(logs / "a.jsonl", "\n".join([*(json.dumps(event(n)) for n in range(100)), end]))
    put(logs / "b.json", json.dumps([event(900)]))
    done = ingest(archive, logs)
    assert (done.files, done.events, len(done.bad), done.bad_records) == (2, 101, 1, 1)
    (report,) = archive.sources().left_out
    assert (report.outcome, report.first, report.last) == (
        "read",
        "2026-11-09T00:00:00Z",
        "2026-11-13T03:00:00Z",
    )


@streamed
def test_of_a_long_file_whose_packing_is_cut_nothing_is_stored(logs: Path, archive: Archive) -> None:
    put(logs / "a.json.gz", log([event(n) for n in range(100)])[:-20])
    put(logs / "b.json", json.dumps([event(900)]))
    done = ingest(archive, logs)
    assert (done.files, done.events, len(done.bad)) == (1, 1, 1)
    assert ids(archive) == [event(900)["eventID"]]


# --- at any moment


@small_batches
def test_progress_tells_how_far_it_is(logs: Path, archive: Archive) -> None:
    trail(logs, files=8, events_each=5)
    clock = iter(range(10_000))
    heard: list[Progress] = []
    archive.ingest([str(logs)], progress=heard.append, clock=lambda: float(next(clock)))
    assert [p.files for p in heard[:8]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert heard[-1].files_total == 8
    assert heard[-1].events == 40
    assert heard[-1].eta == 0
    assert heard[0].eta == 7 * heard[0].seconds
    assert Progress(0, 8, 0, 3.0).eta is None


@small_batches
def test_stopping_an_ingest_keeps_what_was_stored(logs: Path, archive: Archive) -> None:
    expected = trail(logs, files=10, events_each=10)

    def stop(progress: Progress) -> None:
        if progress.files == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.ingest([str(logs)], progress=stop)
    some = ids(archive)
    assert 0 < len(some) < 100
    done = ingest(archive, logs)
    assert done.events == 100 - len(some)
    assert (ids(archive), done.duplicates) == (expected, 0)


@small_batches
def test_a_reader_sees_whole_files_only(logs: Path, archive: Archive) -> None:
    trail(logs, files=10, events_each=10)
    seen: list[int] = []
    archive.ingest(
        [str(logs)], progress=lambda _: seen.extend(ask(archive, "SELECT count(eventName) FROM events"))
    )
    assert seen == sorted(seen)
    assert seen[-1] == 100


CHILD = """
import os, signal, sys
from pathlib import Path
from bot.archive.archive import Archive
from bot.archive.ingest import Limits

kind, number = sys.argv[3], int(sys.argv[4])
seen = 0

def step(name):
    global seen
    seen += name == kind
    if name == kind and seen == number:
        os.kill(os.getpid(), signal.SIGKILL)

archive = Archive(Path(sys.argv[2]), Limits(batch_bytes=5_000, on_step=step))
done = archive.ingest([sys.argv[1]], progress=lambda _: step("read a file"))
print(done.files, done.known, done.events, done.duplicates)
"""


def child(logs: Path, archive: Archive, kind: str = "", number: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(logs), str(archive.folder), kind, str(number)]
    return subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("read a file", 7),
        (Step.LOAD, 5),
        (Step.KEEP, 3),
        (Step.KEEP, 4),
        (Step.COMMIT, 2),
        (Step.COMMITTED, 2),
    ],
)
def test_an_ingest_killed_at_any_moment_loses_and_doubles_nothing(
    kind: str, number: int, logs: Path, archive: Archive
) -> None:
    expected = trail(logs, files=12, events_each=10)
    with child(logs, archive, kind, number) as killed:
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    done = ingest(archive, logs)
    assert ids(archive) == expected
    assert (done.files + done.known, done.duplicates) == (12, 0)
    assert not list(archive.folder.glob(f"{archives.SPOOL}*"))


def test_two_ingests_at_once_store_every_event_once(logs: Path, archive: Archive) -> None:
    expected = trail(logs, files=12, events_each=10)
    with child(logs, archive) as one, child(logs, archive) as other:
        said = sorted((one.communicate()[0].split(), other.communicate()[0].split()))
    assert said == [["0", "12", "0", "0"], ["12", "0", "120", "0"]]
    assert ids(archive) == expected


# --- errors for people


def told(archive: Archive, *places: Path | str) -> BotError:
    with pytest.raises(BotError) as raised:
        ingest(archive, *places)
    assert raised.value.hint
    return raised.value


def test_a_place_that_does_not_exist_is_the_askers_mistake(logs: Path, archive: Archive) -> None:
    error = told(archive, logs, logs / "nowhere")
    assert isinstance(error, UserError)
    assert "nowhere" in error.message
    assert not archive.folder.exists()


def test_an_archive_that_cannot_be_written_is_told_plainly(logs: Path) -> None:
    trail(logs, files=1, events_each=1)
    error = told(Archive(put(logs / "file", "x") / "archive"), logs)
    assert isinstance(error, EngineError)
    assert "TLS_AUDIT_ARCHIVE" in error.hint


def test_parquet_of_somebody_else_is_left_alone(logs: Path, archive: Archive) -> None:
    theirs = put(archive.folder / "day=2026-11-09" / "theirs.parquet", "precious")
    assert isinstance(told(archive, logs), UserError)
    assert theirs.read_text() == "precious"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from bot.archive.archive import Archive
from bot.errors import EngineError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))  # a file cannot grow longer, as on a full disk
try:
    Archive(Path(sys.argv[2])).ingest([sys.argv[1]], progress=lambda _: None)
except EngineError as error:
    print(error)
"""


def test_a_folder_that_cannot_be_made_is_named_once_and_without_numbers(logs: Path, tmp_path: Path) -> None:
    put(logs / "a.json", [event(1)])
    in_its_way = tmp_path / "archive"
    in_its_way.touch()

    with pytest.raises(EngineError) as failure:
        ingest(Archive(in_its_way), logs)

    assert failure.value.in_full == f"The archive could not be written: {in_its_way}: File exists."
    assert failure.value.hint.endswith("then try again.")


def test_a_full_disk_is_told_plainly_and_the_next_ingest_goes_on(logs: Path, archive: Archive) -> None:
    put(logs / "a.json", [event(n, userAgent=str(n) * 100) for n in range(2_000)])
    command = [sys.executable, "-c", FULL_DISK, str(logs), str(archive.folder)]
    said = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
    assert "The archive could not be written" in said
    assert ingest(archive, logs).events == 2_000
    assert len(set(ids(archive))) == 2_000


# --- S3


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    import boto3

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL_S3": s3_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="trail")
    yield client
    for item in client.list_objects_v2(Bucket="trail").get("Contents", []):
        client.delete_object(Bucket="trail", Key=item["Key"])
    client.close()


def test_a_bucket_is_read_as_a_folder_is(s3: Any, archive: Archive) -> None:
    for n in range(5):
        s3.put_object(Bucket="trail", Key=TRAIL.format(f"{n}.json.gz"), Body=log([event(n)]))
    s3.put_object(Bucket="trail", Key="AWSLogs/1/CloudTrail-Digest/x.json.gz", Body=log([]))
    s3.put_object(Bucket="trail", Key="AWSLogs/README.txt", Body=b"Logs")
    s3.put_object(Bucket="trail", Key="AWSLogs/bad.json", Body=b"{")
    s3.put_object(Bucket="trail", Key="other/a.json", Body=json.dumps(event(99)))
    done = ingest(archive, "s3://trail/AWSLogs/")
    assert (done.files, done.skipped, done.events) == (6, {"text without JSON": 1}, 5)
    assert [file.path for file in done.bad] == ["s3://trail/AWSLogs/bad.json"]
    assert ids(archive) == [event(n)["eventID"] for n in range(5)]
    s3.put_object(Bucket="trail", Key="AWSLogs/bad.json", Body=json.dumps([event(5)]))
    done = ingest(archive, "s3://trail/AWSLogs/")
    assert (done.files, done.known, done.events, done.bad) == (1, 7, 1, ())
    assert ingest(archive, "s3://trail/other/a.json").events == 1


@pytest.mark.parametrize("place", ["s3://", "s3://no-such-bucket/x", "s3://trail/nothing-here/"])
@pytest.mark.usefixtures("s3")
def test_a_bucket_or_prefix_that_is_not_there_is_the_askers_mistake(place: str, archive: Archive) -> None:
    assert isinstance(told(archive, place), UserError)


@pytest.mark.usefixtures("s3")
def test_without_credentials_it_is_said_how_to_give_some(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "AWS_PROFILE" in told(archive, "s3://trail/x").hint


@pytest.mark.usefixtures("s3")
def test_an_endpoint_that_does_not_answer_is_told_plainly(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert isinstance(told(archive, "s3://trail/x"), EngineError)


def test_a_refusal_names_the_permission_that_is_missing(
    s3: Any, s3_url: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    import urllib.request

    s3.put_object(Bucket="trail", Key="a.json", Body=b"{}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")

    def checks(left: int) -> None:
        """After so many more calls, moto checks that the caller may."""
        plain = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{s3_url}/moto-api/reset-auth", str(left).encode(), plain)  # noqa: S310 - moto, in this process
        urllib.request.urlopen(request).close()  # noqa: S310 - as above

    checks(0)
    try:
        assert "s3:ListBucket" in told(archive, "s3://trail/").hint
        checks(1)
        assert "s3:GetObject" in told(archive, "s3://trail/").hint
    finally:
        checks(1_000_000)
