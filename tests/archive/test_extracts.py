"""What stands beside the archive's files says what they say, and is done without where it is missing."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from bot.archive import extracts, parquet
from bot.archive.archive import Archive
from bot.archive.ledger import REPLACED_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 12, tzinfo=UTC).timestamp()
VERSIONS = ["TLSv1.3", "TLSv1.2", "1.0", "none of them", None]
OF_HOURS = """
SELECT eventTime, eventSource, awsRegion, recipientAccountId, saidVersion, unsaid, day,
    sum(calls), min(oldest), max(newest), min(firstUnreadVersion), max(lastUnreadVersion)
FROM hours GROUP BY ALL ORDER BY ALL
"""
OF_EVENTS = """
SELECT date_trunc('hour', eventTime), eventSource, awsRegion, recipientAccountId, saidVersion, unsaid, day,
    count(*), min(eventTime), max(eventTime), min(unreadVersion), max(unreadVersion)
FROM events GROUP BY ALL ORDER BY ALL
"""


def event(number: int) -> dict[str, Any]:
    return {
        "eventTime": f"2026-11-{9 + number % 2:02}T{number % 24:02}:{number % 60:02}:07Z",
        "eventSource": f"s{number % 3}.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "eu-west-1" if number % 5 else None,
        "recipientAccountId": f"{number % 2:012}",
        "eventID": f"id-{number:03}",
        "tlsDetails": {"tlsVersion": VERSIONS[number % 5]},
    }


def ingest(archive: Archive, logs: Path, *numbers: int, now: float = NOW) -> int:
    """Ingest a file of these events, and say how many were there already."""
    logs.mkdir(exist_ok=True)
    (logs / f"{numbers[0]}-{numbers[-1]}.json").write_text(json.dumps([event(number) for number in numbers]))
    return archive.ingest([str(logs)], progress=lambda _: None, now=lambda: now).duplicates


def ask(archive: Archive, sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        connection.execute(archive.events_sql())
        connection.execute(archive.hours_sql())
        return connection.execute(sql).fetchall()


def beside(archive: Archive) -> set[str]:
    return {path.name for pattern in extracts.EXTRACTS for path in archive.folder.glob(pattern)}


def files(archive: Archive) -> list[Path]:
    return sorted(archive.folder.glob("day=*/*.parquet"))


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracts, "WORTH_BYTES", 0)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Of two days, two files each."""
    archive = Archive(tmp_path / "a [b] 'c'")
    ingest(archive, tmp_path / "logs", *range(60))
    ingest(archive, tmp_path / "logs", *range(60, 100))
    return archive


def test_hours_say_of_all_events_what_the_events_say(archive: Archive) -> None:
    hours = ask(archive, OF_HOURS)

    assert hours == ask(archive, OF_EVENTS)
    assert sum(row[7] for row in hours) == 100


def test_where_an_extract_is_missing_the_events_are_counted(archive: Archive) -> None:
    counted = ask(archive, OF_HOURS)

    for file in files(archive):
        extracts.hours(file).unlink()

        assert ask(archive, OF_HOURS) == counted


def test_an_empty_archive_has_no_hours(tmp_path: Path) -> None:
    assert ask(Archive(tmp_path / "none"), OF_HOURS) == []


def test_what_is_missing_or_was_made_by_other_code_is_made_anew(archive: Archive) -> None:
    made = beside(archive)
    first, second, *_ = files(archive)
    extracts.hours(first).rename(first.with_suffix(".01234567.hours"))
    extracts.ids(first).rename(first.with_suffix(".0.0.0.ids"))
    extracts.ids(second).unlink()

    archive.compact(now=lambda: datetime(2026, 11, 9, tzinfo=UTC).timestamp())

    assert beside(archive) == made
    assert ask(archive, OF_HOURS) == ask(archive, OF_EVENTS)


def test_extracts_go_with_their_files(archive: Archive, tmp_path: Path) -> None:
    archive.compact(now=lambda: NOW)
    merged = [file for file in files(archive) if "-o-" in file.name]

    ingest(archive, tmp_path / "logs", 0, now=NOW + REPLACED_SECONDS + 1)

    assert files(archive) == merged
    assert beside(archive) == {path(file).name for file in merged for path in (extracts.hours, extracts.ids)}


def test_of_a_file_that_does_not_keep_what_its_events_say_no_hours_are_counted(archive: Archive) -> None:
    first, *_ = files(archive)
    old = first.rename(first.with_name("0-0-01234567.parquet"))

    assert list(extracts.lacking(old)) == [extracts.ids(old)]


def test_small_files_go_without(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = files(archive)
    for file in (first, second):
        extracts.hours(file).unlink()
    counted = ask(archive, OF_HOURS)

    monkeypatch.setattr(extracts, "WORTH_BYTES", first.stat().st_size + 1)
    assert extracts.lacking(first) == {}
    monkeypatch.setattr(extracts, "WORTH_BYTES", first.stat().st_size)
    assert list(extracts.lacking(first)) == [extracts.hours(first)]
    assert ask(archive, OF_HOURS) == counted == ask(archive, OF_EVENTS)


def test_only_files_that_may_have_a_copy_are_looked_into(tmp_path: Path) -> None:
    here, there, elsewhere = (Archive(tmp_path / name) for name in ("here", "there", "elsewhere"))
    ingest(here, tmp_path / "of here", *range(0, 20, 2))
    ingest(there, tmp_path / "of there", *range(20, 40, 2))
    ingest(elsewhere, tmp_path / "of elsewhere", 38, 40)
    (new,), held = files(elsewhere), [*files(here), *files(there)]

    with closing(parquet.connect(tmp_path)) as connection:
        assert extracts.may_share(connection, new, held) == files(there)
        extracts.ids(held[0]).unlink()
        assert extracts.may_share(connection, new, held) == held


@pytest.mark.parametrize("kept", [True, False])
def test_copies_are_found_with_ids_and_without(kept: bool, archive: Archive, tmp_path: Path) -> None:
    for file in files(archive):
        if not kept:
            extracts.ids(file).unlink()

    assert ingest(archive, tmp_path / "more", *range(50, 120)) == 50
    assert ask(archive, "SELECT count(*), count(DISTINCT eventID) FROM events") == [(120, 120)]


def test_ids_that_look_the_same_cost_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracts, "_IDS", "SELECT DISTINCT 7 AS id FROM {} WHERE eventID <> ''")
    archive = Archive(tmp_path / "archive")

    assert ingest(archive, tmp_path / "logs", *range(60)) == 0
    assert ingest(archive, tmp_path / "logs", *range(50, 120)) == 10
    assert ask(archive, "SELECT count(*), count(DISTINCT eventID) FROM events") == [(120, 120)]
