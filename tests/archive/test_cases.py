"""Logs as people report them from the field, in tests/fixtures/cases, and the right answer to each."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from bot.archive.archive import Archive
from tests.support.sources import is_whole

if TYPE_CHECKING:
    from bot.archive.ingest import Ingested

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
OLD = "('tlsv1', 'tlsv1.1', 'sslv3')"
COUNT = f"SELECT count(*), count(*) FILTER (lower(trim(tlsDetails.tlsVersion)) IN {OLD}) FROM events"  # noqa: S608 - all of it is ours


def ingest(archive: Archive, *places: Path) -> Ingested:
    return archive.ingest([str(place) for place in places], progress=lambda _: None)


def ask(archive: Archive, sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        connection.execute(archive.events_sql())
        return connection.execute(sql).fetchall()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


@pytest.mark.parametrize(
    ("case", "events", "old"),
    [
        ("tlsdetails-as-string", 4, 4),
        ("lowercase-keys", 5, 5),
        ("eventbridge-wrapped", 6, 6),
        ("cloudwatch-subscription", 6, 6),
        ("cloudwatch-export", 6, 6),
        ("filter-log-events", 1, 1),
        ("aggregated-events", 4, 4),
        ("insight-events", 1, 0),
        ("folder-named-like-insight", 2, 2),
        ("powershell-utf16", 5, 5),
        ("first-copy-without-tls", 1, 1),
        ("s3-notification-counted", 1, 0),
        ("file-names-in-folder", 17, 17),
        ("identities", 13, 13),
        ("identity-center-blank", 2, 2),
        ("tls-not-1.3-question", 12, 0),
    ],
)
def test_every_event_is_read_and_nothing_is_left_out(
    case: str, events: int, old: int, archive: Archive
) -> None:
    done = ingest(archive, CASES / case)
    assert ask(archive, COUNT) == [(events, old)]
    assert (done.events, done.bad, is_whole(archive.sources())) == (events, (), True)
    again = ingest(archive, CASES / case)
    assert (again.files, again.events, again.bad, again.still_bad) == (0, 0, (), 0)


def test_every_spelling_of_a_version_is_kept_as_it_came(archive: Archive) -> None:
    ingest(archive, CASES / "tls-version-spellings")
    (log,) = (json.loads(path.read_text()) for path in (CASES / "tls-version-spellings").iterdir())
    stored = ask(archive, "SELECT tlsDetails.tlsVersion FROM events ORDER BY eventID")
    records = sorted(log["Records"], key=lambda record: str(record["eventID"]))
    assert stored == [(record["tlsDetails"]["tlsVersion"],) for record in records]


def test_structs_as_text_keep_their_principals(archive: Archive) -> None:
    ingest(archive, CASES / "tlsdetails-as-string")
    assert ask(archive, "SELECT DISTINCT userIdentity.arn FROM events") == [
        ("arn:aws:iam::111122223333:user/field-tester",)
    ]


@pytest.mark.parametrize(
    ("case", "kind", "records"),
    [
        ("aggregated-events", "aggregated event", 3),
        ("insight-events", "Insight event", 2),
        ("s3-notification-counted", "S3 notification", 9),
        ("cloudwatch-subscription", "control message", 1),
    ],
)
def test_what_is_no_call_is_counted_by_its_kind(case: str, kind: str, records: int, archive: Archive) -> None:
    done = ingest(archive, CASES / case)
    assert (done.skipped, done.records_skipped) == ({kind: 1}, {kind: records})
    assert archive.sources().records_skipped == {kind: records}


def test_a_folder_behind_a_link_is_read_and_a_loop_ends(tmp_path: Path, archive: Archive) -> None:
    logs = tmp_path / "in"
    shutil.copytree(CASES / "first-copy-without-tls", tmp_path / "real" / "prod")
    shutil.copytree(CASES / "folder-named-like-insight", logs / "dev")
    (logs / "prod").symlink_to("../real/prod")
    (logs / "loop").symlink_to("..")
    ingest(archive, logs)
    assert ask(archive, COUNT) == [(3, 3)]


def test_one_bad_line_costs_itself(archive: Archive) -> None:
    done = ingest(archive, CASES / "one-bad-line")
    assert ask(archive, COUNT) == [(151, 151)]
    assert {Path(bad.path).name: bad.why for bad in done.bad} == {
        "comment.json": "record 1 is not JSON",
        "many.jsonl": "record 51 is cut short",
        "onebad.jsonl": "record 51 holds no event",
    }
    sources = archive.sources()
    assert (done.bad_records, sources.records, sources.files) == (3, 3, 0)
    again = ingest(archive, CASES / "one-bad-line")
    assert (again.bad, again.still_bad) == ((), 3)


def test_a_file_without_ids_read_again_adds_nothing(tmp_path: Path, archive: Archive) -> None:
    grow = tmp_path / "grow.jsonl"
    lines = (CASES / "no-eventid-reread" / "grow.jsonl").read_text().splitlines(keepends=True)
    counts = []
    for moment, count in ((1, 3), (2, 3), (3, 4)):
        grow.write_text("".join(lines[:count]))
        os.utime(grow, (moment, moment))
        ingest(archive, grow)
        counts += ask(archive, "SELECT count(*) FROM events")
    assert counts == [(3,), (3,), (4,)]


def test_a_file_that_is_cut_is_said_and_the_others_are_read(archive: Archive) -> None:
    done = ingest(archive, CASES / "slack-answer-silent-about-refused-files")
    assert ask(archive, COUNT) == [(105, 100)]
    assert [bad.why for bad in done.bad] == ["its gzip data is cut short"]
    assert archive.sources().files == 1


@pytest.mark.parametrize("name", ["1-thin.jsonl", "2-full.json.gz"])
def test_the_fuller_copy_wins_whichever_comes_first(name: str, archive: Archive) -> None:
    folder = CASES / "first-copy-without-tls"
    ingest(archive, folder / name)
    ingest(archive, folder)
    assert ask(archive, COUNT) == [(1, 1)]


def test_a_thin_copy_is_not_called_old_by_what_it_lacks(archive: Archive) -> None:
    (thin,) = (CASES / "first-copy-without-tls" / "1-thin.jsonl").read_text().splitlines()
    assert "tlsDetails" not in json.loads(thin)
    ingest(archive, CASES / "first-copy-without-tls" / "1-thin.jsonl")
    assert ask(archive, COUNT) == [(1, 0)]
