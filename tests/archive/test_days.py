"""Only the days asked: whatever stands before the day in a name, other days are neither listed nor read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.archive.archive import Archive
from bot.archive.days import Days
from bot.archive.sources import find
from tests.archive.bucket import Bucket, Object
from tests.archive.test_sources import bucket as bucket
from tests.support.sources import is_whole

if TYPE_CHECKING:
    from pathlib import Path

    from bot.archive.ingest import Ingested

FIRST = datetime(2026, 10, 20, tzinfo=UTC)
NOVEMBER_9 = datetime(2026, 11, 9, tzinfo=UTC)
LAYOUTS = [
    "AWSLogs/111122223333/CloudTrail/eu-west-1/{:%Y/%m/%d}/a.json",
    "AWSLogs/111122223333/CloudTrail/us-east-1/{:%Y/%m/%d}/a.json",
    "AWSLogs/o-exampleorg/444455556666/CloudTrail/eu-west-1/{:%Y/%m/%d}/a.json",
    "custom/2024/AWSLogs/111122223333/CloudTrail/eu-west-1/{:%Y/%m/%d}/a.json",
    "firehose/{:%Y/%m/%d/%H}/a",
    "{:%Y/%m/%d}/b.json",
]
UNTOLD = ["2026-10-21.json", "exports/AWSLogs/1/CloudTrail-Lake/Query/2026/10/21/q.json", "202611/a.json"]


def event(moment: datetime, name: str) -> bytes:
    about = {"eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "eventID": name}
    return json.dumps({**about, "eventSource": "s3.amazonaws.com", "eventName": "GetObject"}).encode()


def made() -> dict[str, bytes]:
    """Each layout for forty days, and files of which nothing tells the day."""
    days = [FIRST + timedelta(n) for n in range(40)]
    return {(key := each.format(day)): event(day, key) for each in LAYOUTS for day in days} | {
        key: event(FIRST, key) for key in UNTOLD
    }


def ingest(archive: Archive, place: str, since: datetime | None, until: datetime | None) -> Ingested:
    return archive.ingest([place], progress=lambda _: None, since=since, until=until)


@pytest.mark.parametrize("page", [1, 7, 1_000])
def test_a_bucket_is_listed_and_read_for_the_days_asked(bucket: Bucket, tmp_path: Path, page: int) -> None:
    archive = Archive(tmp_path / "archive")
    bucket.page = page
    bucket.objects = {key: Object(data) for key, data in made().items()}
    ingest(archive, "s3://trail", NOVEMBER_9, NOVEMBER_9)
    told = [each.format(NOVEMBER_9 + timedelta(n)) for each in LAYOUTS for n in (-1, 0, 1)]
    assert sorted(bucket.asked) == sorted([*told, *UNTOLD])
    assert bucket.listings <= {1: 45, 7: 25, 1_000: 1}[page]


def test_a_folder_is_walked_and_read_for_the_days_asked(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    for key, data in made().items():
        path = tmp_path / "logs" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    logs = str(tmp_path / "logs")
    assert ingest(archive, logs, NOVEMBER_9, NOVEMBER_9).files == 3 * len(LAYOUTS) + len(UNTOLD)
    assert is_whole(archive.sources(NOVEMBER_9, NOVEMBER_9))
    assert archive.sources(FIRST, NOVEMBER_9).unlooked == (logs,)
    assert ingest(archive, logs, FIRST, NOVEMBER_9).files == len(LAYOUTS) * 19
    assert is_whole(archive.sources(FIRST, NOVEMBER_9))
    assert archive.sources().unlooked == (logs,)
    assert ingest(archive, logs, None, None).known == len(made()) - 18 * len(LAYOUTS)
    assert is_whole(archive.sources())


def test_days_looked_at_apart_leave_a_gap_that_is_told(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    (tmp_path / "logs").mkdir()
    logs, later = str(tmp_path / "logs"), NOVEMBER_9 + timedelta(days=7)
    for moment in (NOVEMBER_9, later):
        ingest(archive, logs, moment, moment)
    assert archive.sources(NOVEMBER_9, later).unlooked == (logs,)
    ingest(archive, logs, NOVEMBER_9 + timedelta(days=2), later - timedelta(days=2))
    assert is_whole(archive.sources(NOVEMBER_9, later))


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_time_have_days(moment: datetime) -> None:
    assert Days.of(moment, moment).touch(Days())


def test_what_was_delivered_together_is_read_together(tmp_path: Path) -> None:
    names = [
        "1/CloudTrail/eu-west-1/2026/11/27/1_CloudTrail_eu-west-1_20261127T2355Z_b.json",
        "2/CloudTrail/eu-west-1/2026/11/28/2_CloudTrail_eu-west-1_20261128T0005Z_d.json",
        "1/CloudTrail/us-east-1/2026/11/28/1_CloudTrail_us-east-1_20261128T0010Z_a.json",
        "1/CloudTrail/eu-west-1/2026/11/28/1_CloudTrail_eu-west-1_20261128T0915Z_c.json",
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")

    found = find([str(tmp_path)], but=tmp_path / "archive", leave_out=(), days=Days(), is_new=lambda _: True)

    assert [each.name for each in found.sources] == [str(tmp_path / name) for name in names]
