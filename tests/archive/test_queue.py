"""New log files that a queue tells of: every event once, whatever a message holds, however often it comes."""

from __future__ import annotations

import json
import logging
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive import sqs
from bot.archive.archive import Archive
from bot.archive.follow import Follower, Logs
from bot.archive.ingest import Limits, Step
from bot.archive.notifications import Strange, Told, told
from bot.archive.reports import Outcome
from bot.errors import EngineError, UserError
from tests.archive.bucket import Bucket, Object
from tests.archive.test_sources import KEY, log
from tests.archive.test_sources import bucket as bucket
from tests.doubles import sqs as double
from tests.support.sources import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.archive.archive import Received

ROOT: Final = Path(__file__).parents[2]
PLACE: Final = "s3://trail/AWSLogs/"
START: Final = datetime(2026, 11, 9, 10, 5, tzinfo=UTC)
ODD_KEY: Final = "AWSLogs/a + b/100%/ü&=?/2026/11/09/x~y.json.gz"


class Time:
    """The test's: for the double, for the archive, and for whoever waits."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now.timestamp()

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def served(bucket: Bucket, clock: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[double.SQS]:
    del bucket  # it sets the rest of AWS's variables
    with double.SQS(lambda: clock.now) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", served.url)
        yield served


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


# --- what messages say


def plain(key: str, about: Object, *, event: str = "ObjectCreated:Put", bucket: str = "trail") -> str:
    """As S3 writes it, by the user guide's "Event message structure"."""
    described = {"key": quote_plus(key), "size": len(about.data), "eTag": about.etag, "versionId": "v1"}
    record = {"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventName": event}
    record |= {"s3": {"bucket": {"name": bucket}, "object": described | {"sequencer": "0064D3901D"}}}  # type: ignore[dict-item]
    return json.dumps({"Records": [record]})


def bridged(key: str, about: Object, kind: str = "Object Created") -> str:
    """As EventBridge writes it, where keys are as they are."""
    described = {"key": key, "size": len(about.data), "etag": about.etag, "version-id": "v1"}
    detail = {"version": "0", "bucket": {"name": "trail"}, "object": described, "reason": "PutObject"}
    return json.dumps({"version": "0", "source": "aws.s3", "detail-type": kind, "detail": detail})


def published(body: str) -> str:
    """In SNS's envelope."""
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": body})


ENVELOPES: Final[dict[str, Callable[[str, Object], str]]] = {
    "S3, or SNS's raw delivery": plain,
    "SNS": lambda key, about: published(plain(key, about)),
    "EventBridge": bridged,
    "EventBridge by SNS": lambda key, about: published(bridged(key, about)),
}
TEST_EVENT: Final = json.dumps(
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-09T10:00:00.000Z", "Bucket": "trail"}
)


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("key", [KEY.format(1), ODD_KEY])
def test_an_object_is_read_whatever_envelope_tells_of_it(
    envelope: str, key: str, bucket: Bucket, served: double.SQS, archive: Archive, clock: Time
) -> None:
    bucket.objects = {key: Object(log(1)), KEY.format(2): Object(log(2))}
    served.send(ENVELOPES[envelope](key, bucket.objects[key]))
    got = receive(archive, clock)
    assert (got.ingested.files, got.ingested.events, got.messages) == (1, 1, {"told": 1})
    assert (bucket.asked, bucket.listings, served.messages) == ([key], 0, {})
    listed = archive.ingest([PLACE], progress=lambda _: None)
    assert (listed.known, listed.files) == (1, 1)


@pytest.mark.parametrize(
    ("body", "kind"),
    {
        "a test": (TEST_EVENT, "test"),
        "a test by SNS": (published(TEST_EVENT), "test"),
        "a deletion": (plain(KEY, Object(b""), event="ObjectRemoved:Delete"), "outside"),
        "a deletion by EventBridge": (bridged(KEY, Object(b""), "Object Deleted"), "outside"),
        "another bucket": (plain(KEY.format(1), Object(b""), bucket="trail-2"), "outside"),
        "another prefix": (plain("AWSLogs2/a.json", Object(b"")), "outside"),
        "a day before the first": (plain(KEY.format(1).replace("/09/", "/01/"), Object(b"")), "outside"),
        "no records": ('{"Records": []}', "outside"),
    }.values(),
)
def test_what_tells_of_no_log_of_ours_is_deleted_and_counted(
    body: str, kind: str, bucket: Bucket, served: double.SQS, archive: Archive, clock: Time
) -> None:
    served.send(body)
    got = receive(archive, clock, since=datetime(2026, 11, 8, tzinfo=UTC))
    assert (got.messages, got.ingested.bad, bucket.asked, served.messages) == ({kind: 1}, (), [], {})


STRANGE: Final = {
    "no JSON": "CloudTrail validation message.",
    "nothing": " ",
    "a list": "[1]",
    "deep": "[" * 100_000,
    "another service": '{"source": "aws.ec2", "detail": {}}',
    "no object": '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": 1}]}',
    "no record": '{"Records": [7]}',
    "no size": plain("k", Object(b"")).replace('"size"', '"length"'),
    "a key of no text": bridged("k\ud800", Object(b"")),
    "a key too long": plain("k" * 1_025, Object(b"")),
    "no size at all": plain("k", Object(b"")).replace('"size": 0', '"size": -1'),
    "a size too large": plain("k", Object(b"")).replace('"size": 0', f'"size": {1 << 70}'),
    "envelopes without end": published(published(published(published("{}")))),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_none_of_s3s_is_left_to_the_redrive_policy(
    kind: str, bucket: Bucket, served: double.SQS, archive: Archive, clock: Time
) -> None:
    served.most = 3
    bucket.objects = {KEY.format(1): Object(log(1))}
    served.send(STRANGE[kind])
    served.send(plain(KEY.format(1), bucket.objects[KEY.format(1)]))
    got = receive(archive, clock)
    assert (got.messages, got.ingested.events, len(got.strange)) == ({"strange": 1, "told": 1}, 1, 1)
    for _ in range(3):
        clock.pass_(sqs.VISIBLE_SECONDS + 1)
        receive(archive, clock)
    assert ([each.body for each in served.dead], served.messages) == ([STRANGE[kind]], {})


ANY_JSON: Final = st.recursive(
    st.none() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
)


@given(st.text() | ANY_JSON.map(json.dumps))
def test_any_text_is_strange_or_tells_of_nothing(body: str) -> None:
    with suppress(Strange):
        assert told(body) == []


@given(st.text(min_size=1, max_size=256, alphabet=st.characters(codec="utf-8")))
def test_a_key_of_any_characters_is_the_same_in_every_envelope(key: str) -> None:
    about = Object(b"x")
    for envelope in ENVELOPES.values():
        assert told(envelope(key, about)) == [Told("trail", key, 1, f'"{about.etag}"')]


# --- once, and only once


def receive(
    archive: Archive, clock: Time, *, since: datetime | None = None, most: int = sqs.MOST_MESSAGES
) -> Received:
    return archive.receive(
        sqs.Queue(double.URL),
        [PLACE],
        progress=lambda _: None,
        since=since,
        most=most,
        clock=clock,
        now=clock,
    )


def test_repeats_are_read_once(bucket: Bucket, served: double.SQS, archive: Archive, clock: Time) -> None:
    bucket.objects = {KEY.format(n): Object(log(n)) for n in range(25)}
    for key, about in bucket.objects.items():
        served.send(plain(key, about), repeat=True)
    first, second = (receive(archive, clock, most=20) for _ in range(2))
    assert (first.is_empty, second.is_empty) == (False, False)
    assert receive(archive, clock).is_empty
    assert (len(bucket.asked), first.ingested.events + second.ingested.events) == (25, 20)
    assert served.messages == {}


def test_an_object_that_was_overwritten_is_read_as_it_is_now(
    bucket: Bucket, served: double.SQS, archive: Archive, clock: Time
) -> None:
    key, before, after = KEY.format(1), Object(log(1)), Object(log(2))
    bucket.objects = {key: after}
    for about in (after, before):  # no order is promised
        served.send(plain(key, about))
    got = receive(archive, clock)
    assert (got.ingested.events, served.messages) == (1, {})
    assert archive.ingest([PLACE], progress=lambda _: None).events == 0
    assert archive.ingest([PLACE], progress=lambda _: None).known == 1


def test_an_object_that_cannot_be_read_is_told_and_its_message_goes(
    bucket: Bucket, served: double.SQS, archive: Archive, clock: Time
) -> None:
    denied, gone, read, cold = (KEY.format(n) for n in range(4))
    bucket.objects = {
        denied: Object(log(0), refusal=(403, "AccessDenied", "Access Denied")),
        read: Object(log(2)),
        cold: Object(log(3), refusal=(403, "InvalidObjectState", "not valid")),
    }
    for key in (denied, gone, read, cold):
        served.send(plain(key, bucket.objects.get(key, Object(b"x"))))
    assert receive(archive, clock).ingested.events == 1
    assert archive.sources().outcomes == {Outcome.DENIED: 1, Outcome.GONE: 1, Outcome.ARCHIVED: 1}
    assert served.messages == {}
    # once it is restored S3 says so, and whoever may read it now lists it
    bucket.objects[cold] = Object(log(3), is_restored=True)
    bucket.objects[denied] = Object(log(0))
    served.send(plain(cold, bucket.objects[cold], event="ObjectRestore:Completed"))
    assert receive(archive, clock).ingested.events == 1
    assert archive.ingest([PLACE], progress=lambda _: None).events == 1
    assert is_whole(archive.sources())


class Killed(Exception):
    """The bot is gone."""


@pytest.mark.parametrize("step", [Step.LOAD, Step.KEEP, Step.COMMIT, Step.COMMITTED])
def test_a_bot_that_is_killed_reads_every_event_once_nonetheless(
    step: Step, bucket: Bucket, served: double.SQS, tmp_path: Path, clock: Time
) -> None:
    def die(at: Step) -> None:
        if at is step:
            raise Killed

    bucket.objects = {KEY.format(n): Object(log(n)) for n in range(12)}
    for key, about in bucket.objects.items():
        served.send(plain(key, about))
    with pytest.raises(Killed):
        receive(Archive(tmp_path / "archive", Limits(on_step=die)), clock)
    assert (len(served.messages), served.hidden) == (12, 12)  # nothing goes before its batch's commit
    clock.pass_(sqs.VISIBLE_SECONDS + 1)
    archive = Archive(tmp_path / "archive")
    again = receive(archive, clock)
    assert again.ingested.events == (0 if step is Step.COMMITTED else 12)
    assert (again.ingested.known, again.ingested.duplicates) == (12 if step is Step.COMMITTED else 0, 0)
    assert served.messages == {}


def test_what_is_read_for_long_stays_hidden(
    bucket: Bucket, served: double.SQS, archive: Archive, clock: Time
) -> None:
    bucket.objects = {KEY.format(n): Object(log(n)) for n in range(23)}
    for key, about in bucket.objects.items():
        served.send(plain(key, about))

    def slow(_: object) -> None:
        clock.pass_(sqs.VISIBLE_SECONDS / 2)
        assert served.hidden == 23

    got = archive.receive(sqs.Queue(double.URL), [PLACE], progress=slow, clock=clock, now=clock)
    assert (got.ingested.events, served.messages) == (23, {})
    assert all(len(given["Entries"]) <= 10 for name, given in served.calls if name.endswith("Batch"))


def test_a_message_whose_handle_ran_out_comes_again_and_is_known(
    bucket: Bucket, served: double.SQS, archive: Archive, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.objects = {KEY.format(1): Object(log(1))}
    served.send(plain(KEY.format(1), bucket.objects[KEY.format(1)]))
    served.denied.add("ChangeMessageVisibilityBatch")
    late = archive.receive(
        sqs.Queue(double.URL),
        [PLACE],
        progress=lambda _: clock.pass_(sqs.VISIBLE_SECONDS),
        clock=clock,
        now=clock,
    )
    assert (late.ingested.events, len(served.messages)) == (1, 1)
    assert "could not be held" in caplog.text
    assert "1 messages were not deleted, and come again: ReceiptHandleIsInvalid" in caplog.text
    assert receive(archive, clock).ingested.known == 1
    assert served.messages == {}


# --- followed


class Serve:
    """A follower at work in the test's time: `until` stops it, and `each` is called before every wait."""

    def __init__(self, archive: Archive, clock: Time, *, places: tuple[str, ...] = (PLACE,)) -> None:
        self.waits = 0
        self.counted: dict[str, int] = {}
        self._archive, self._clock, self._places = archive, clock, places

    def run(self, hours: float, each: Callable[[int], Any] = lambda _: None) -> None:
        end = self._clock.now + timedelta(hours=hours)

        def wait(seconds: float) -> bool:
            self._clock.pass_(seconds)
            if seconds:
                each(self.waits)
                self.waits += 1
            return self._clock.now >= end

        def count(kind: str, number: int) -> None:
            self.counted[kind] = self.counted.get(kind, 0) + number

        Follower(
            self._archive,
            Logs(self._places),
            sqs.Queue(double.URL),
            stops=lambda: False,
            wait=wait,
            now=self._clock,
            count=count,
        ).run()


def test_no_bucket_is_listed_in_ordinary_running(
    bucket: Bucket, served: double.SQS, archive: Archive, clock: Time
) -> None:
    bucket.objects = {KEY.format(0): Object(log(0))}
    serve, seen = Serve(archive, clock), []

    def come(number: int) -> None:
        seen.append(bucket.listings)
        key = KEY.format(number + 1)
        bucket.objects[key] = Object(log((number + 1) % 60), modified=f"{clock.now:%Y-%m-%dT%H:%M:%S.000Z}")
        served.send(plain(key, bucket.objects[key]))

    serve.run(1, come)
    assert set(seen) == {4}  # the newest days first, and all at last: nothing was ever looked at before
    assert (len(bucket.asked), serve.counted) == (12, {"told": 11})
    before = bucket.listings
    Serve(archive, clock).run(0.5)
    assert bucket.listings == before + 1  # the last days alone: all the others were looked at


def test_what_the_queue_never_told_is_read_and_said(
    bucket: Bucket, served: double.SQS, archive: Archive, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    old, lost, late = (KEY.format(name) for name in ("old", "lost", "late"))
    bucket.objects = {old: Object(log(1), modified="2026-11-09T10:00:00.000Z")}
    Serve(archive, clock).run(0.5)  # from here on the queue should tell of all that comes
    for key, number in ((lost, 2), (late, 3)):
        bucket.objects[key] = Object(log(number), modified=f"{clock.now:%Y-%m-%dT%H:%M:%S.000Z}")
    Serve(archive, clock).run(0.5)
    assert len(bucket.asked) == 3
    assert archive.queue(double.URL, clock).untold == ()  # type: ignore[union-attr]  # it was read
    served.send(plain(late, bucket.objects[late]))
    Serve(archive, clock).run(2)
    assert archive.queue(double.URL, clock).untold == (f"s3://trail/{lost}",)  # type: ignore[union-attr]
    said = [each.message for each in caplog.records if "never told" in each.message]
    assert said == [
        f"1 files were found by listing, and the queue trail never told of them: s3://trail/{lost}"
    ]
    clock.pass_(9 * 86_400)
    assert archive.queue(double.URL, clock).untold == ()  # type: ignore[union-attr]


@pytest.mark.usefixtures("served")
def test_once_a_day_the_last_days_are_listed(bucket: Bucket, archive: Archive, clock: Time) -> None:
    bucket.objects = {KEY.format(0): Object(log(0))}
    Serve(archive, clock).run(0.5)
    before = bucket.listings
    Serve(archive, clock).run(25)
    assert bucket.listings == before + 2


@pytest.mark.parametrize(
    ("in_place", "logged"),
    [
        ((403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"), "could not be read: "),
        (
            (200, "<ListBucketResult><Contents><Size>many</Size></Contents></ListBucketResult>"),
            "could not be read, in a way nobody foresaw",
        ),
    ],
)
@pytest.mark.usefixtures("served")
def test_a_listing_that_failed_is_tried_again_before_the_day_is_over(
    bucket: Bucket,
    archive: Archive,
    clock: Time,
    caplog: pytest.LogCaptureFixture,
    in_place: tuple[int, str],
    logged: str,
) -> None:
    bucket.objects = {KEY.format(0): Object(log(0))}
    bucket.in_place = in_place

    def mend(waits: int) -> None:
        if waits == 1:
            bucket.in_place = None

    Serve(archive, clock).run(0.5, mend)

    assert logged in caplog.text
    assert bucket.asked == [KEY.format(0)]
    assert archive.sources(None, None, [PLACE]).unlooked == ()


def test_a_queue_that_cannot_be_read_has_the_last_day_listed(
    bucket: Bucket, served: double.SQS, archive: Archive, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.objects = {KEY.format(0): Object(log(0))}
    Serve(archive, clock).run(0.5)
    served.denied.add("ReceiveMessage")
    bucket.objects[KEY.format(1)] = Object(log(1))
    Serve(archive, clock).run(0.5)
    assert len(bucket.asked) == 2
    assert "what the queue tells could not be read, so the last day is listed" in caplog.text


def test_what_waits_in_a_queue_that_cannot_be_read_was_not_left_untold(
    bucket: Bucket, served: double.SQS, archive: Archive, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    Serve(archive, clock).run(0.5)
    served.denied.add("ReceiveMessage")
    key = KEY.format(1)
    bucket.objects[key] = Object(log(1), modified=f"{clock.now:%Y-%m-%dT%H:%M:%S.000Z}")
    served.send(plain(key, bucket.objects[key]))
    Serve(archive, clock).run(1.5)
    assert archive.queue(double.URL, clock).untold == ()  # type: ignore[union-attr]  # it was read
    served.denied.clear()
    Serve(archive, clock).run(0.5)
    assert bucket.asked == [key]
    assert "never told" not in caplog.text


@pytest.mark.usefixtures("served")
def test_folders_are_looked_at_beside_a_queue(
    bucket: Bucket, archive: Archive, clock: Time, tmp_path: Path
) -> None:
    (tmp_path / "logs").mkdir()
    bucket.objects = {KEY.format(0): Object(log(0))}

    def come(number: int) -> None:
        (tmp_path / "logs" / f"{number}.json").write_bytes(log(number + 1))

    Serve(archive, clock, places=(PLACE, str(tmp_path / "logs"))).run(0.5, come)
    assert archive.ingest([str(tmp_path / "logs")], progress=lambda _: None).known == 5


# --- where the queue is


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (double.URL, "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1"),
        ("https://eu-central-1.queue.amazonaws.com/1/q", "eu-central-1"),
        ("https://vpce-1a-2b.sqs.eu-west-3.vpce.amazonaws.com/1/q", "eu-west-3"),
        ("https://sqs.eu-west-1.api.aws/1/q", "eu-west-1"),
        ("http://localhost:9324/1/q", ""),
    ],
)
def test_a_queues_url_tells_its_region(url: str, region: str) -> None:
    assert (sqs.Queue(url).region, sqs.Queue(url).name) == (region, "trail" if url == double.URL else "q")


def test_what_sqs_refuses_is_said_in_words(served: double.SQS) -> None:
    queue = sqs.Queue(double.URL)
    with pytest.raises(UserError, match=r"There is no such queue\.") as unknown:
        sqs.Queue(f"{double.URL}2").receive()
    assert f"{double.URL}2" in unknown.value.in_full
    for operation, action, call in (
        ("ReceiveMessage", "sqs:ReceiveMessage", queue.receive),
        ("GetQueueAttributes", "sqs:GetQueueAttributes", queue.about),
    ):
        served.denied.add(operation)
        with pytest.raises(EngineError) as refused:
            call()
        assert action in refused.value.hint
    served.denied.clear()
    assert queue.about() == sqs.About(0, 0, 345_600, has_redrive=False)


def test_the_documented_policy_is_what_is_called_and_no_more() -> None:
    documented = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    policies = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", documented, re.S)]
    allowed = {
        action
        for policy in policies
        for statement in policy.get("Statement", ())
        for action in statement["Action"]
        if "sqs:" in action
    }
    assert allowed == set(re.findall(r"sqs:[A-Z]\w+", Path(sqs.__file__).read_text(encoding="utf-8")))


def test_a_queue_that_was_never_read_has_no_state(archive: Archive, clock: Time) -> None:
    assert archive.queue(double.URL, clock) is None
