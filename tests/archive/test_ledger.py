"""What the archive knows about itself: a copy that says more takes a thinner one's place, and nothing is lost
or deleted that the ledger cannot explain."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bot.archive import ledger as ledgers
from bot.archive.archive import Archive
from bot.archive.ingest import Ingested, Limits, Step
from bot.archive.ledger import LEDGER, LOCK
from bot.archive.reports import Outcome, Report
from tests.support.sources import is_whole

REPO = Path(__file__).parents[2]


def event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "eventTime": f"2026-11-09T10:{number // 60:02}:{number % 60:02}Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "eventID": f"id-{number:03}",
        "userAgent": "curl/8",
    } | changes


def put(path: Path, *events: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"Records": events}))
    return path


def ingest(archive: Archive, *places: Path, now: float = 0.0) -> Ingested:
    return archive.ingest([str(place) for place in places], progress=lambda _: None, now=lambda: now)


def ask(archive: Archive, sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        connection.execute(archive.events_sql())
        return connection.execute(sql).fetchall()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


# --- copies

FULL = event(
    1,
    tlsDetails={"tlsVersion": "TLSv1", "cipherSuite": "AES128-SHA"},
    userIdentity={"type": "IAMUser", "arn": "arn:aws:iam::1:user/ann", "userName": "ann"},
    readOnly=True,
    requestParameters={"bucketName": "b", "key": "k"},
)
COPIES = [
    event(1),
    event(
        1, tlsDetails={"clientProvidedHostHeader": "a.long.name.amazonaws.com", "cipherSuite": "AES128-SHA"}
    ),
    event(1, userIdentity={"type": "IAMUser"}, userAgent="", tlsDetails=None),
    event(1, requestParameters=None, readOnly=None, tlsDetails={"tlsVersion": ""}),
    FULL,
]
WANTED = (
    "SELECT tlsDetails.tlsVersion, userIdentity.userName, userAgent, readOnly, requestParameters FROM events"
)
WHOLE = [("TLSv1", "ann", "curl/8", True, '{"bucketName":"b","key":"k"}')]


@pytest.mark.parametrize("how", ["one file", "one batch", "a batch each"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(len(COPIES))))[::24])
def test_of_each_column_the_copy_that_says_more_stays(
    order: tuple[int, ...], how: str, tmp_path: Path, archive: Archive
) -> None:
    copies = [COPIES[number] for number in order]
    if how == "one file":
        put(tmp_path / "logs" / "a", *copies, event(2))
        ingest(archive, tmp_path / "logs")
    for number, copy in enumerate(copies if how != "one file" else []):
        put(tmp_path / "logs" / f"{number}", copy, *([event(2)] if number == 3 else []))
        if how == "a batch each":
            ingest(archive, tmp_path / "logs")
    ingest(archive, tmp_path / "logs")
    assert ask(archive, f"{WANTED} WHERE eventID = 'id-001'") == WHOLE
    assert ask(archive, "SELECT count(*) FROM events") == [(2,)]


def test_a_replaced_file_stays_for_its_readers_and_goes_later(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", event(1), event(2))
    ingest(archive, tmp_path / "logs")
    (before,) = archive.folder.glob("day=*/*.parquet")
    put(tmp_path / "logs" / "b", FULL)
    done = ingest(archive, tmp_path / "logs", now=1_000.0)
    assert (done.events, done.duplicates) == (0, 1)
    assert before.exists()
    assert ask(archive, "SELECT eventID, tlsDetails.tlsVersion FROM events ORDER BY 1") == [
        ("id-001", "TLSv1"),
        ("id-002", None),
    ]
    ingest(archive, tmp_path / "logs", now=2_000.0)
    assert before.exists()
    ingest(archive, tmp_path / "logs", now=1_001.0 + ledgers.REPLACED_SECONDS)
    assert not before.exists()
    assert is_whole(archive.sources())
    assert ask(archive, "SELECT count(*) FROM events") == [(2,)]


def test_a_copy_that_says_no_more_rewrites_nothing(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", FULL, event(2))
    ingest(archive, tmp_path / "logs")
    before = sorted(archive.folder.glob("day=*/*.parquet"))
    put(tmp_path / "logs" / "b", event(1), FULL)
    assert ingest(archive, tmp_path / "logs").duplicates == 2
    assert sorted(archive.folder.glob("day=*/*.parquet")) == before


@pytest.mark.parametrize("ingests", [1, 2])
@pytest.mark.parametrize("first", [9, 10])
@pytest.mark.parametrize("bytes_each", [1, 1 << 20])
def test_an_id_on_neighbouring_days_is_one_event_however_it_comes(
    tmp_path: Path, ingests: int, first: int, bytes_each: int
) -> None:
    archive = Archive(tmp_path / "archive", Limits(batch_bytes=bytes_each))
    said = {"tlsDetails": {"tlsVersion": "TLSv1"}}
    thin, full = event(1, eventTime=f"2026-11-{first:02}T23:30:00Z"), event(1, **said)
    full["eventTime"] = f"2026-11-{19 - first:02}T01:30:00Z"
    put(tmp_path / "logs" / "a", thin, event(2))
    if ingests == 2:
        ingest(archive, tmp_path / "logs")
    put(tmp_path / "logs" / "b", full, event(3))
    ingest(archive, tmp_path / "logs")
    question = "SELECT eventID, tlsDetails.tlsVersion, day = eventTime::DATE FROM events ORDER BY 1"
    assert ask(archive, question) == [
        ("id-001", "TLSv1", True),
        ("id-002", None, True),
        ("id-003", None, True),
    ]


CHILD = """
import os, signal, sys
from pathlib import Path
from bot.archive.archive import Archive
from bot.archive.ingest import Limits

def step(name):
    if name == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

Archive(Path(sys.argv[2]), Limits(on_step=step)).ingest([sys.argv[1]], progress=lambda _: None)
"""


@pytest.mark.parametrize("kind", [Step.KEEP, Step.COMMIT, Step.COMMITTED])
def test_a_kill_while_a_file_takes_anothers_place_loses_nothing(
    kind: Step, tmp_path: Path, archive: Archive
) -> None:
    put(tmp_path / "logs" / "a", event(1), event(2))
    ingest(archive, tmp_path / "logs")
    put(tmp_path / "logs" / "b", FULL, event(3))
    command = [sys.executable, "-c", CHILD, str(tmp_path / "logs"), str(archive.folder), kind]
    assert subprocess.run(command, cwd=REPO, check=False).returncode == -signal.SIGKILL
    assert ask(archive, "SELECT count(*) FROM events") == [(3 if kind is Step.COMMITTED else 2,)]
    ingest(archive, tmp_path / "logs")
    assert ask(archive, "SELECT eventID, tlsDetails.tlsVersion FROM events ORDER BY 1") == [
        ("id-001", "TLSv1"),
        ("id-002", None),
        ("id-003", None),
    ]
    assert is_whole(archive.sources())
    assert archive.sources().strays == ()


# --- what is there and what is known


def test_parquet_that_the_ledger_cannot_explain_is_kept_and_told(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", event(1))
    ingest(archive, tmp_path / "logs")
    stray = archive.folder / "day=2026-11-09" / "theirs.parquet"
    stray.write_bytes(b"PAR1 this is no Parquet PAR1")
    ingest(archive, tmp_path / "logs")
    assert stray.exists()
    assert archive.sources().strays == ("day=2026-11-09/theirs.parquet",)
    assert ask(archive, "SELECT count(*) FROM events") == [(1,)]


def test_an_empty_ledger_beside_parquet_deletes_nothing(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", event(1))
    ingest(archive, tmp_path / "logs")
    (archive.folder / LEDGER).unlink()
    sqlite3.connect(archive.folder / LEDGER).close()
    before = sorted(archive.folder.glob("day=*/*.parquet"))
    assert ingest(archive, tmp_path / "logs").events == 1
    assert set(before) <= set(archive.folder.glob("day=*/*.parquet"))
    assert len(archive.sources().strays) + len(before) - 1 in {0, 1}
    assert ask(archive, "SELECT count(*) FROM events") == [(1,)]


def test_a_file_that_is_missing_is_told_and_the_rest_answers(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", event(1), event(2, eventTime="2026-11-10T00:00:00Z"))
    ingest(archive, tmp_path / "logs")
    (lost,) = archive.folder.glob("day=2026-11-10/*.parquet")
    lost.unlink()
    assert ask(archive, "SELECT eventID FROM events") == [("id-001",)]
    assert archive.sources().missing == (f"day=2026-11-10/{lost.name}",)
    assert not is_whole(archive.sources())


def test_the_ledger_of_the_code_before_is_taken_over(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", event(1))
    ingest(archive, tmp_path / "logs")
    with sqlite3.connect(archive.folder / LEDGER) as old:
        for table in ("files", "pending", "replaced", "reports", "looked", "dropped", "extent"):
            old.execute(f"DROP TABLE {table}")
        old.execute("DROP VIEW batches")
        old.execute("ALTER TABLE stored RENAME TO batches")
    old.close()
    assert ask(archive, "SELECT count(*) FROM events") == [(1,)]
    put(tmp_path / "logs" / "b", FULL)
    done = ingest(archive, tmp_path / "logs")
    assert (done.known, done.duplicates) == (1, 1)
    assert ask(archive, WANTED) == WHOLE


VERSION_2 = REPO / "tests" / "fixtures" / "version2" / "archive"


def test_an_archive_of_version_2_is_taken_over_in_place(tmp_path: Path) -> None:
    archive = Archive(shutil.copytree(VERSION_2, tmp_path / "archive"))
    question = "SELECT count(*), count(DISTINCT eventID), min(eventTime), max(eventTime) FROM events"
    before = ask(archive, question)
    assert before[0][0] == 4437
    put(tmp_path / "logs" / "a", event(1))
    later = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert ingest(archive, tmp_path / "logs", now=later).events == 1
    assert archive.compact(now=lambda: later).failed == ()
    assert archive.events_sql().count(".parquet'") == 15
    assert ask(archive, f"{question} WHERE eventID <> 'id-001' OR eventID IS NULL") == before
    archive.compact(now=lambda: later + 2 * ledgers.REPLACED_SECONDS)
    assert ask(archive, f"{question} WHERE eventID <> 'id-001' OR eventID IS NULL") == before
    assert archive.sources().strays == ()


def test_the_code_before_is_refused_before_it_deletes_anything(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", event(1))
    ingest(archive, tmp_path / "logs")
    with sqlite3.connect(archive.folder / LEDGER) as before:
        before.executescript(
            "CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY, name TEXT, events INTEGER);"
            "CREATE TABLE IF NOT EXISTS sources (name TEXT PRIMARY KEY, size INTEGER, stamp TEXT, batch INT);"
        )
        with pytest.raises(sqlite3.OperationalError, match="an archive of a later version"):
            before.execute("SELECT name FROM batches")
    before.close()
    assert ingest(archive, tmp_path / "logs").known == 1


def test_days_that_are_not_kept_are_dropped_told_and_not_read_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", keep=timedelta(days=5))
    for day in (9, 14):
        put(
            tmp_path / "logs" / f"2026/11/{day:02}" / "a", event(day, eventTime=f"2026-11-{day:02}T01:00:00Z")
        )
    now = datetime(2026, 11, 14, 8, tzinfo=UTC).timestamp()
    ingest(archive, tmp_path / "logs", now=now)
    assert ask(archive, "SELECT count(*) FROM events") == [(2,)]
    ingest(archive, tmp_path / "logs", now=now + 86_400)
    assert ask(archive, "SELECT eventID FROM events") == [("id-014",)]
    assert archive.sources(datetime(2026, 11, 1, tzinfo=UTC), DAY).kept_since == date(2026, 11, 10)
    assert is_whole(archive.sources(DAY + timedelta(days=2), DAY + timedelta(days=4)))
    done = ingest(archive, tmp_path / "logs", now=now + 3 * 86_400)
    assert (done.files, done.known) == (0, 1)
    assert len(list(archive.folder.glob("day=*/*.parquet"))) == 1


def test_days_that_are_kept_again_count_as_looked_at_only_once_they_are(tmp_path: Path) -> None:
    logs, day = tmp_path / "logs", datetime(2026, 11, 9, tzinfo=UTC)
    put(logs / "2026/11/09" / "a", event(9, eventTime="2026-11-09T01:00:00Z"))
    later = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    forever, for_days = (Archive(tmp_path / "archive", keep=keep) for keep in (None, timedelta(days=5)))
    ingest(forever, logs, now=later)
    ingest(for_days, logs, now=later)
    assert ask(forever, "SELECT count(*) FROM events") == [(0,)]
    assert forever.sources(day, day).kept_since == date(2026, 11, 15)
    after = day + timedelta(days=8)
    forever.ingest([str(logs)], progress=lambda _: None, since=after, now=lambda: later)
    known = forever.sources(day, day)
    assert (known.kept_since, known.unlooked) == (None, (str(logs),))
    assert ingest(forever, logs, now=later).events == 1
    assert is_whole(forever.sources(day, day))


def test_a_place_that_was_never_looked_at_is_told_and_one_that_is_no_place_any_more_is_not(
    tmp_path: Path, archive: Archive
) -> None:
    day, fresh, former = DAY, str(tmp_path / "fresh"), tmp_path / "logs"
    put(former / "a", event(1))
    archive.ingest([str(former)], progress=lambda _: None, since=day, until=day)
    before = day - timedelta(days=9)
    assert archive.sources(before, day).unlooked == (str(former),)
    assert archive.sources(before, day, [fresh]).unlooked == (fresh,)


ABOUT = """
import sys
from pathlib import Path
from bot.archive.archive import Archive

archive = Archive(Path(sys.argv[1]))
known = archive.sources()
is_whole = not (known.left_out or known.missing or known.unlooked or known.kept_since)
print(archive.has_events(), len(archive.days()), *archive.extent(), is_whole)
print("duckdb" in sys.modules)
"""


def test_what_an_answer_rests_on_is_known_without_duckdb(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", event(1), event(2, eventTime="2026-11-12T07:00:00.5Z"))
    ingest(archive, tmp_path / "logs")
    command = [sys.executable, "-c", ABOUT, str(archive.folder)]
    said = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
    oldest, newest = archive.extent() or ("", "")
    assert said.splitlines() == [f"True 2 {oldest} {newest} True", "False"]
    assert str(newest) == "2026-11-12 07:00:00.500000+00:00"


def test_the_extent_is_true_at_every_moment(tmp_path: Path, archive: Archive) -> None:
    put(tmp_path / "logs" / "a", event(1))
    ingest(archive, tmp_path / "logs")
    heard: list[object] = []
    for day in (10, 8):
        put(tmp_path / "logs" / f"{day}", event(day, eventTime=f"2026-11-{day:02}T00:00:00Z"))
        archive.ingest([str(tmp_path / "logs")], progress=lambda _: heard.append(archive.extent()))
        (wanted,) = ask(archive, "SELECT min(eventTime), max(eventTime) FROM events")
        assert heard[-1] == archive.extent() == tuple(each.replace(tzinfo=UTC) for each in wanted)
    for path in archive.folder.glob("day=2026-11-08/*"):
        path.unlink()
    (wanted,) = ask(archive, "SELECT min(eventTime), max(eventTime) FROM events")
    assert archive.extent() == tuple(each.replace(tzinfo=UTC) for each in wanted)


def test_an_ingest_under_way_is_told(archive: Archive, tmp_path: Path) -> None:
    put(tmp_path / "logs" / "a", event(1))
    heard: list[bool] = []
    archive.ingest([str(tmp_path / "logs")], progress=lambda _: heard.append(archive.sources().is_reading))
    assert all(heard)
    assert heard
    assert not archive.sources().is_reading
    assert (archive.folder / LOCK).exists()


# --- windows

DAY = datetime(2026, 11, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("report", "days"),
    [
        (Report("x", Outcome.REFUSED), range(-3, 4)),
        (Report("AWSLogs/1/2026/11/09/x", Outcome.REFUSED), (-1, 0)),
        (Report("2026-11-09.gz", Outcome.DENIED), (-1, 0)),
        (Report("20261399/x", Outcome.GONE), range(-3, 4)),
        (
            Report(
                "x", Outcome.READ, bad={"w": 1}, first="2026-11-08T23:00:00Z", last="2026-11-10T00:00:00Z"
            ),
            (-1, 0, 1),
        ),
    ],
)
def test_a_report_concerns_the_days_that_it_may_hold(report: Report, days: range) -> None:
    found = [n for n in range(-3, 4) if report.concerns(DAY + timedelta(n), DAY + timedelta(n + 1))]
    assert found == list(days)


def test_a_file_that_was_touched_is_told_anew_and_only_then(tmp_path: Path, archive: Archive) -> None:
    bad = tmp_path / "logs" / "a"
    put(bad, event(1, eventTime="never"))
    told = []
    for moment in (1, 1, 2):
        os.utime(bad, (moment, moment))
        told.append(len(ingest(archive, tmp_path / "logs").bad))
    assert told == [1, 0, 1]
    put(bad, event(1))
    assert ingest(archive, tmp_path / "logs").events == 1
    assert is_whole(archive.sources())
