"""What the doctor says of the queue that tells of new log files."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.archive import sqs
from bot.archive.archive import Archive
from bot.engines.local import Local, arrivals
from tests.archive.bucket import Bucket, Object
from tests.archive.test_queue import START, TEST_EVENT, Serve, Time, plain, receive
from tests.archive.test_queue import bucket as bucket
from tests.archive.test_queue import clock as clock
from tests.archive.test_queue import served as served
from tests.archive.test_sources import KEY, log
from tests.doubles.sqs import URL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doubles.sqs import SQS


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def said(archive: Archive, clock: Time) -> list[str]:
    """A line for each check: how it ended, and what it says."""
    return [
        f"{'fails' if not each.passed else 'warns' if each.warns else 'passes'}: {each.what}"
        for each in arrivals.checks(archive, URL, clock())
    ]


def test_a_queue_that_was_never_read_says_who_would(served: SQS, archive: Archive, clock: Time) -> None:
    served.send(TEST_EVENT)
    assert said(archive, clock) == [
        "passes: the queue trail can be asked: about 1 message waiting, 0 being read",
        "warns: the queue trail has no dead letters: what is none of S3's comes again for 4 days",
        "warns: the queue trail was never read",
    ]


def test_a_queue_that_s3_never_told_anything_says_so(served: SQS, archive: Archive, clock: Time) -> None:
    served.most = 5
    receive(archive, clock)
    assert said(archive, clock)[1:] == [
        "passes: the queue was read 0 minutes ago, and it was empty",
        "warns: S3 never told the queue trail anything, not even that it may",
    ]
    served.send(TEST_EVENT)
    receive(archive, clock)
    assert said(archive, clock)[2:] == ["passes: S3 told of all files that listings found"]


def test_what_the_queue_never_told_is_named(
    bucket: Bucket, served: SQS, archive: Archive, clock: Time
) -> None:
    served.most = 5
    served.send(TEST_EVENT)
    Serve(archive, clock).run(0.1)
    bucket.objects = {KEY.format(1): Object(log(1), modified=f"{clock.now:%Y-%m-%dT%H:%M:%S.000Z}")}
    Serve(archive, clock).run(2)
    assert said(archive, clock)[2:] == [
        f"warns: S3 never told of 1 file that a listing found and read: s3://trail/{KEY.format(1)}"
    ]


def test_a_queue_that_is_behind_or_not_read_warns(
    bucket: Bucket, served: SQS, archive: Archive, clock: Time
) -> None:
    bucket.objects = {KEY.format(1): Object(log(1))}
    served.send(plain(KEY.format(1), bucket.objects[KEY.format(1)]))
    clock.pass_(3 * 3_600)
    receive(archive, clock)
    assert said(archive, clock)[2] == (
        "warns: the queue was read 0 minutes ago, and its oldest message was 3 hours old"
    )
    receive(archive, clock)
    clock.now = START + timedelta(days=3)
    assert said(archive, clock)[2] == "warns: the queue was read 2 days ago, and it was empty"


@pytest.mark.parametrize("operation", ["GetQueueAttributes", "none"])
def test_a_queue_that_cannot_be_asked_fails_and_the_archive_is_looked_at_nonetheless(
    operation: str, served: SQS, archive: Archive, clock: Time
) -> None:
    served.denied.add(operation)
    url = URL if operation != "none" else f"{URL}-2"
    engine = Local(archive, memory="1GB", seconds=9, at_once=1, logs_queue=url, now=clock)
    first, *others = engine.checks(is_default=True)
    assert (first.passed, [each.what[:19] for each in others]) == (False, ["the embedded engine"])
    assert sqs.CHECK_QUEUE in first.mend or "sqs:GetQueueAttributes" in first.mend
