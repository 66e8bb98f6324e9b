"""Where logs are: one file or object that cannot be read is told with its reason, and the others are read."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bot.archive.archive import Archive
from bot.archive.reports import Outcome
from bot.errors import EngineError
from tests.archive.bucket import Bucket, Object, serving
from tests.support.sources import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.archive.ingest import Ingested

NOVEMBER = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
OCTOBER = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 30, tzinfo=UTC))
KEY = "AWSLogs/1/CloudTrail/eu-west-1/2026/11/09/1_CloudTrail_eu-west-1_20261109T1005Z_{}.json.gz"


def event(number: int) -> dict[str, Any]:
    return {
        "eventTime": f"2026-11-09T10:00:{number:02}Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "eventID": f"id-{number}",
    }


def log(number: int) -> bytes:
    return gzip.compress(json.dumps({"Records": [event(number)]}).encode())


def ingest(archive: Archive, *places: Path | str, leave_out: tuple[str, ...] = ()) -> Ingested:
    return archive.ingest([str(place) for place in places], progress=lambda _: None, leave_out=leave_out)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


# --- files


def test_only_regular_files_are_opened(logs: Path, archive: Archive) -> None:
    os.mkfifo(logs / "x.json")
    (logs / "null").symlink_to("/dev/null")
    (logs / "a.json").write_bytes(log(1))
    done = ingest(archive, logs)
    assert (done.events, done.skipped, done.bad) == (1, {"not a regular file": 2}, ())
    assert ingest(archive, logs / "x.json", logs / "a.json").events == 0


def test_links_are_followed_and_loops_end(tmp_path: Path, logs: Path, archive: Archive) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.json").write_bytes(log(1))
    (real / "up").symlink_to(logs)
    (logs / "here").symlink_to(".")
    (logs / "once").symlink_to(real)
    (logs / "twice").symlink_to(real)
    (logs / "b").symlink_to(real / "a.json")
    (logs / "nowhere").symlink_to(tmp_path / "gone")
    done = ingest(archive, logs)
    assert (done.files, done.events, done.duplicates) == (2, 1, 1)
    assert [bad.why for bad in done.bad] == ["it cannot be read: No such file or directory"]
    assert (ingest(archive, logs).bad, ingest(archive, logs).still_bad) == ((), 1)
    (logs / "nowhere").unlink()
    assert ingest(archive, logs).still_bad == 0
    assert archive.sources().left_out == ()


@pytest.mark.parametrize(
    "name", [".hidden", "CloudTrail-Insight", "CloudTrail-Digest", "day=1", "%20", "a?b*[c]\\d"]
)
def test_folders_of_any_name_are_read(name: str, logs: Path, tmp_path: Path) -> None:
    archive = Archive(tmp_path / f"archive {name}")
    (logs / name).mkdir()
    (logs / name / name).write_bytes(log(1))
    assert ingest(archive, logs).events == 1
    (logs / name / "more").write_bytes(gzip.compress(json.dumps([event(1), event(2)]).encode()))
    assert (ingest(archive, logs).events, archive.sources().missing) == (1, ())


def test_patterns_leave_out(logs: Path, archive: Archive) -> None:
    for number, name in enumerate(["a.json", "a.tmp", "old/b.json", "old/deep/c.json", "d/e.json"]):
        (logs / name).parent.mkdir(parents=True, exist_ok=True)
        (logs / name).write_bytes(log(number))
    done = ingest(archive, logs, leave_out=("*.tmp", "old/*", f"{logs}/d/*"))
    assert (done.files, done.skipped) == (1, {"left out by pattern": 4})
    assert is_whole(archive.sources())
    assert ingest(archive, logs).files == 4


def test_a_place_that_is_a_file_may_have_any_name(logs: Path, archive: Archive) -> None:
    (logs / "20%[x]*.txt").write_bytes(log(1))
    assert ingest(archive, logs / "20%[x]*.txt").events == 1


# --- S3


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with serving() as bucket:
        for name, value in {
            "AWS_ENDPOINT_URL_S3": bucket.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": str(tmp_path / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        yield bucket


DENIED = (403, "AccessDenied", "Access Denied")
REFUSED = {
    "glacier": (Object(log(2), "GLACIER"), Outcome.ARCHIVED, "it is archived (GLACIER)"),
    "deep": (Object(log(2), "DEEP_ARCHIVE"), Outcome.ARCHIVED, "it is archived (DEEP_ARCHIVE)"),
    "tiered": (
        Object(log(2), "INTELLIGENT_TIERING", (403, "InvalidObjectState", "not valid")),
        Outcome.ARCHIVED,
        "it is archived, and must be restored first",
    ),
    "denied": (
        Object(log(2), refusal=DENIED),
        Outcome.DENIED,
        "S3 denies it (AccessDenied: Access Denied); the credentials need s3:GetObject (and kms:Decrypt "
        "where the trail is encrypted)",
    ),
    "another key": (
        Object(log(2), refusal=(403, "KMS.DisabledException", "key is disabled")),
        Outcome.DENIED,
        "S3 denies it (KMS.DisabledException: key is disabled); the credentials need s3:GetObject (and "
        "kms:Decrypt where the trail is encrypted)",
    ),
    "gone": (
        Object(log(2), refusal=(404, "NoSuchKey", "does not exist")),
        Outcome.GONE,
        "it was deleted meanwhile",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_object_that_is_refused_ends_nothing(kind: str, bucket: Bucket, archive: Archive) -> None:
    refused, outcome, why = REFUSED[kind]
    key = KEY.format(2)
    bucket.objects = {KEY.format(1): Object(log(1)), key: refused, KEY.format(3): Object(log(3))}
    done = ingest(archive, "s3://trail/")
    assert (done.files, done.events, [(bad.path, bad.why) for bad in done.bad]) == (
        2,
        2,
        [(f"s3://trail/{key}", why)],
    )
    again = ingest(archive, "s3://trail/")
    assert (again.files, again.bad, again.still_bad) == (0, (), 1)
    november = archive.sources(*NOVEMBER)
    assert [(each.outcome, each.why) for each in november.left_out] == [(outcome, why)]
    assert (november.files, november.outcomes, is_whole(november)) == (1, {outcome: 1}, False)
    assert is_whole(archive.sources(*OCTOBER))
    bucket.objects[key] = Object(log(2))
    assert ingest(archive, "s3://trail/").events == 1
    assert is_whole(archive.sources())


def test_s3_that_is_away_is_told_with_what_to_check(
    bucket: Bucket, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.objects = {KEY.format(1): Object(log(1))}
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")

    with pytest.raises(EngineError, match="S3 did not give the logs") as failure:
        ingest(archive, "s3://trail/")

    assert failure.value.hint.startswith("Check the Region, the network and AWS_ENDPOINT_URL.")
    assert "s3://trail/: Could not connect" in failure.value.detail


def test_an_archived_object_is_not_asked_for_until_it_is_restored(bucket: Bucket, archive: Archive) -> None:
    bucket.objects = {"a": Object(log(1), "GLACIER"), "b": Object(log(2))}
    ingest(archive, "s3://trail/")
    assert bucket.asked == ["b"]
    bucket.objects["a"].is_restored = True
    assert ingest(archive, "s3://trail/").events == 1
    assert ingest(archive, "s3://trail/").known == 2


def test_folder_markers_and_firehoses_names(bucket: Bucket, archive: Archive) -> None:
    lines = "".join(json.dumps(event(n)) for n in range(3)).encode()
    bucket.objects = {
        "logs/": Object(b""),
        "logs/old_$folder$": Object(b""),
        "logs/2026/11/09/10/stream-1-2026-11-09-10-00-00-abcd": Object(lines),
        "logs/odd %20 + ?*[x] é": Object(log(7)),
    }
    done = ingest(archive, "s3://trail/logs/")
    assert (done.files, done.events, done.bad, done.skipped) == (2, 4, (), {"folder marker": 2})
    bucket.objects["logs/2026/"] = Object(b"")
    assert ingest(archive, "s3://trail/logs/", leave_out=("*odd*",)).known == 1


def test_an_object_that_no_longer_exists_is_no_longer_told(bucket: Bucket, archive: Archive) -> None:
    bucket.objects = {"a": Object(log(1)), "b": Object(b"", refusal=DENIED), "c": Object(b"\x00\x01")}
    assert ingest(archive, "s3://trail/").still_bad == 0
    assert archive.sources().files == 2
    del bucket.objects["b"], bucket.objects["c"]
    ingest(archive, "s3://trail/")
    assert archive.sources().files == 0
