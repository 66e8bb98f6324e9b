from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.demo import samples

if TYPE_CHECKING:
    from pathlib import Path

    from bot.demo.samples import Record

MONDAY = date(2026, 11, 16)
SUNDAY = date(2026, 11, 15)
UNTIL = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what is written up to `UNTIL`, to read only."""
    folder = tmp_path_factory.mktemp("samples")
    samples.write(folder, UNTIL)
    return folder


def everything_in(folder: Path) -> list[Record]:
    return [
        record
        for path in sorted(folder.rglob("*.json.gz"))
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
    ]


def version(record: Record) -> str | None:
    found = record.get("tlsDetails", {}).get("tlsVersion")
    return None if found is None else str(found)


def who(record: Record) -> str:
    return str(record["userIdentity"]["arn"]).partition("/")[2].split("/")[0]


def test_a_day_is_the_same_for_the_same_seed_on_any_machine() -> None:
    told = json.dumps(samples.day(MONDAY), sort_keys=True).encode()

    assert samples.day(MONDAY) == samples.day(MONDAY)
    assert hashlib.sha256(told).hexdigest()[:16] == "8c721ebd6782d0bf"


def test_another_day_or_seed_is_another_story_told_by_the_same_people() -> None:
    one, next_day, other_seed = (
        samples.day(MONDAY),
        samples.day(date(2026, 11, 17)),
        samples.day(MONDAY, seed=1),
    )

    assert one != next_day
    assert one != other_seed
    assert {who(record) for record in one} == {who(record) for record in other_seed}


def test_events_of_a_day_are_in_order_within_it_and_have_ids_of_their_own() -> None:
    records = samples.day(MONDAY)

    times = [record["eventTime"] for record in records]
    assert times == sorted(times)
    assert {time[:10] for time in times} == {"2026-11-16"}
    assert len({record["eventID"] for record in records}) == len(records)


def test_nearly_all_are_modern_and_three_were_forgotten() -> None:
    records = samples.day(MONDAY)
    old = [record for record in records if version(record) in {"TLSv1", "TLSv1.1"}]

    assert 0.02 < len(old) / len(records) < 0.2
    assert {who(record) for record in old} >= {"nightly-export", "billing-reports", "svc-backup-appliance"}


def test_there_is_something_for_every_policy() -> None:
    records = samples.day(MONDAY)

    assert {version(record) for record in records} == {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", None}
    details = [record["tlsDetails"] for record in records if version(record) == "TLSv1.2"]
    assert any(detail["cipherSuite"].endswith("-SHA") for detail in details), "a weak suite on TLS 1.2"
    exchanges = {record.get("tlsDetails", {}).get("keyExchange") for record in records}
    assert {"X25519MLKEM768", "x25519"} <= exchanges


def test_some_services_carry_no_tls_details() -> None:
    silent = {record["eventSource"] for record in samples.day(MONDAY) if version(record) is None}
    spoken = {record["eventSource"] for record in samples.day(MONDAY) if version(record)}

    assert silent - spoken


def test_one_visitor_chose_a_name_to_see_what_it_would_do() -> None:
    names = " ".join(record["userIdentity"]["arn"] for record in samples.day(MONDAY))

    assert "<!channel> =1+1" in names


def test_the_office_is_quiet_on_sundays() -> None:
    assert len(samples.day(SUNDAY)) < len(samples.day(MONDAY))


def test_nothing_is_written_from_the_future(written: Path) -> None:
    times = {record["eventTime"] for record in everything_in(written)}
    assert max(times) < "2026-11-16T09:30:00Z"
    assert min(times)[:10] == f"{MONDAY - timedelta(days=samples.SAMPLE_DAYS - 1)}"


def test_the_moment_counts_not_the_zone_it_is_said_in(written: Path, tmp_path: Path) -> None:
    from dateutil import tz

    samples.write(tmp_path, UNTIL.astimezone(tz.gettz("Asia/Tokyo")))

    assert everything_in(written) == everything_in(tmp_path)


def test_files_lie_as_cloudtrail_delivers_them(written: Path) -> None:
    for path in written.rglob("*.json.gz"):
        root, account, kind, region, *day = path.relative_to(written).parts[:-1]
        assert (root, kind) == ("AWSLogs", "CloudTrail")
        assert path.name.startswith(f"{account}_CloudTrail_{region}_{''.join(day)}T")
        assert {record["recipientAccountId"] for record in everything_in(path.parent)} == {account}


@pytest.mark.parametrize("account", [samples.PROD, samples.DATA])
def test_a_file_holds_events_of_the_region_in_its_name(written: Path, account: str) -> None:
    for path in (written / "AWSLogs" / account).rglob("*.json.gz"):
        assert {record["awsRegion"] for record in everything_in(path.parent)} == {path.parts[-5]}
