"""A day ends as few files and every event once, whenever a merge is killed and whoever reads meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive.archive import Archive
from bot.archive.compaction import FULL_BYTES, TIER, WORTH_ORDERING_BYTES, due, is_final
from bot.archive.ingest import Limits, Step
from bot.archive.ledger import REPLACED_SECONDS
from bot.archive.said import SUFFIX
from tests.support.sources import is_whole

REPO = Path(__file__).parents[2]
NOW = datetime(2026, 11, 12, tzinfo=UTC).timestamp()
VERSIONS = ["TLSv1.3", "TLSv1.2", "TLSv1", None]


def event(number: int) -> dict[str, Any]:
    return {
        "eventTime": f"2026-11-09T10:{number // 60:02}:{number % 60:02}Z",
        "eventSource": f"s{number % 3}.amazonaws.com",
        "eventName": "GetObject",
        "eventID": f"id-{number:03}",
        "tlsDetails": {"tlsVersion": VERSIONS[number % 4]},
    }


def ingest(archive: Archive, logs: Path, *numbers: int, now: float = NOW) -> None:
    logs.mkdir(exist_ok=True)
    (logs / f"{numbers}.json").write_text(json.dumps([event(number) for number in numbers]))
    archive.ingest([str(logs)], progress=lambda _: None, now=lambda: now)


def ask(archive: Archive, sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        connection.execute(archive.events_sql())
        return connection.execute(sql).fetchall()


def ids(archive: Archive) -> list[str]:
    return [each for (each,) in ask(archive, "SELECT eventID FROM events ORDER BY 1")]


def listed(archive: Archive) -> int:
    return archive.events_sql().count(".parquet'")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def test_many_small_ingests_leave_few_files(archive: Archive, tmp_path: Path) -> None:
    most = 0
    for number in range(40):
        ingest(archive, tmp_path / "logs", number)
        most = max(most, listed(archive))
    assert most <= TIER
    assert ids(archive) == [f"id-{number:03}" for number in range(40)]
    archive.compact(now=lambda: NOW)
    assert listed(archive) == 1
    assert ids(archive) == [f"id-{number:03}" for number in range(40)]


def test_what_is_old_lies_together(archive: Archive, tmp_path: Path) -> None:
    for number in range(0, 40, 10):
        ingest(archive, tmp_path / "logs", *range(number, number + 10))
    archive.compact(now=lambda: NOW)
    said = ask(archive, "SELECT saidVersion FROM events")
    assert said == sorted(said, key=lambda row: row[0] or "~")


def test_of_more_than_memory_sorts_the_old_comes_first_and_the_rest_in_time(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", Limits(sort_rows=5))
    for number in (20, 0, 30, 10):
        ingest(archive, tmp_path / "logs", *range(number, number + 10))
    assert archive.compact(now=lambda: NOW).failed == ()
    said = ask(archive, "SELECT coalesce(saidVersion = 'TLSv1', false), second(eventTime) // 10 FROM events")
    assert said == sorted(said, key=lambda row: (not row[0], row[1]))
    assert ids(archive) == [f"id-{number:03}" for number in range(40)]


def test_a_day_that_goes_on_is_left_to_its_tiers(archive: Archive, tmp_path: Path) -> None:
    today = datetime(2026, 11, 9, 12, tzinfo=UTC).timestamp()
    for number in range(3):
        ingest(archive, tmp_path / "logs", number, now=today)
    assert archive.compact(now=lambda: today).after == 0
    assert archive.compact(now=lambda: NOW).before == 3
    assert archive.compact(now=lambda: NOW).before == 0


def test_readers_go_on_with_the_files_they_began_with(archive: Archive, tmp_path: Path) -> None:
    for number in range(3):
        ingest(archive, tmp_path / "logs", number)
    with duckdb.connect() as reader:
        reader.execute(archive.events_sql())
        archive.compact(now=lambda: NOW)
        assert reader.execute("SELECT count(*) FROM events").fetchall() == [(3,)]
    ingest(archive, tmp_path / "logs", 4, now=NOW + REPLACED_SECONDS + 1)
    assert len(list(archive.folder.glob("day=*/*.parquet"))) == listed(archive) == 2


def test_a_copy_that_comes_after_is_still_found(archive: Archive, tmp_path: Path) -> None:
    for number in range(3):
        ingest(archive, tmp_path / "logs", number)
    archive.compact(now=lambda: NOW)
    ingest(archive, tmp_path / "logs", 0, 1, 2, 3)
    archive.compact(now=lambda: NOW)
    assert ids(archive) == ["id-000", "id-001", "id-002", "id-003"]


def test_a_damaged_file_is_left_and_the_other_days_are_merged(archive: Archive, tmp_path: Path) -> None:
    for number in range(2):
        ingest(archive, tmp_path / "logs", number)
    damaged = next(archive.folder.glob("day=*/*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-20])
    done = archive.compact(now=lambda: NOW)
    assert (done.failed, damaged.exists()) == (("2026-11-09",), True)


CHILD = """
import os, signal, sys, time
from pathlib import Path
from bot.archive.archive import Archive
from bot.archive.ingest import Limits

def step(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

Archive(Path(sys.argv[1]), Limits(on_step=step)).compact(now=lambda: float(sys.argv[3]))
"""


@pytest.mark.parametrize("kind", [Step.MERGE, Step.KEEP, Step.COMMIT, Step.COMMITTED])
def test_a_compaction_killed_at_any_step_loses_and_doubles_nothing(
    kind: Step, archive: Archive, tmp_path: Path
) -> None:
    for number in range(5):
        ingest(archive, tmp_path / "logs", number)
    expected = ids(archive)
    command = [sys.executable, "-c", CHILD, str(archive.folder), kind, str(NOW)]
    assert subprocess.run(command, cwd=REPO, check=False).returncode == -signal.SIGKILL
    assert ids(archive) == expected
    archive.compact(now=lambda: NOW)
    assert ids(archive) == expected
    assert listed(archive) == 1
    assert is_whole(archive.sources())
    assert archive.sources().strays == ()
    archive.compact(now=lambda: NOW + REPLACED_SECONDS + 1)
    assert len(list(archive.folder.glob("day=*/*.parquet"))) == 1
    assert not [name for name in os.listdir(archive.folder) if name.startswith(".spool")]  # noqa: PTH208 - names are asked for, not paths


@given(st.lists(st.integers(1, 3 * FULL_BYTES), max_size=30), st.booleans())
def test_merging_what_is_due_comes_to_an_end(sizes: list[int], is_over: bool) -> None:
    names = cycle((f"1{SUFFIX}", "o-of-other-tables.parquet"))
    files = {f"day=x/{number}-{next(names)}": size for number, size in enumerate(sizes)}
    merges = 0
    while group := due(files, is_over=is_over):
        merges += 1
        files[f"day=x/m{merges}-o{SUFFIX}"] = sum(files.pop(name) for name in group)
    assert merges <= 2 * len(sizes)
    assert sum(files.values()) == sum(sizes)
    small = [size for size in files.values() if size < FULL_BYTES]
    assert len(small) <= (1 if is_over else TIER * 8)
    assert all(is_final(name) or size < WORTH_ORDERING_BYTES for name, size in files.items() if is_over)
