"""What S3 tells when an object comes: the body of a message → the objects it names. Pure.

The notification may come as it is, in SNS's envelope, or as an event of EventBridge's; and one in another.

Sources: the S3 user guide, "Event message structure" and "EventBridge event message structure"; the SNS
developer guide, "Message and JSON formats".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENVELOPES: Final = 4
"""How many may be in one another: EventBridge's event in SNS's envelope makes two."""

KEY_BYTES: Final = 1_024
"""The longest key in UTF-8 (S3 user guide, "Naming Amazon S3 objects")."""

MOST_BYTES: Final = (1 << 63) - 1
"""More than any object has: the largest number that the ledger holds."""

CREATED: Final = ("ObjectCreated:", "s3:ObjectCreated:")
RESTORED: Final = ("ObjectRestore:Completed", "s3:ObjectRestore:Completed")
BRIDGED: Final = {"Object Created": False, "Object Restore Completed": True}
TEST_EVENT: Final = "s3:TestEvent"


class Strange(Exception):
    """The message is none of S3's that we know. Its words end a sentence about it."""


@dataclass(frozen=True, slots=True)
class Told:
    """An object that came, or came back from an archive, as a listing would have it: `etag` in quotes."""

    bucket: str
    key: str
    size: int
    etag: str
    is_restored: bool = False

    @property
    def name(self) -> str:
        """As its source is called."""
        return f"s3://{self.bucket}/{self.key}"


def is_test(body: str) -> bool:
    """Whether S3 sent this to see whether it may: once, where somebody sets notifications up."""
    try:
        return _unpacked(body).get("Event") == TEST_EVENT
    except Strange:
        return False


def told(body: str) -> list[Told]:
    """The objects of a message; none where it tells something else, as a deletion. Strange."""
    message = _unpacked(body)
    if message.get("Event") == TEST_EVENT:
        return []
    if message.get("source") == "aws.s3":
        return list(_bridged(message))
    records = message.get("Records")
    if not isinstance(records, list):
        raise Strange("is no notification of S3's")
    return [each for record in records for each in _recorded(record)]


def _unpacked(body: str) -> dict[str, Any]:
    """The message inside of SNS's envelopes."""
    for _ in range(ENVELOPES):
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Strange("is no JSON") from error
        if not isinstance(message, dict):
            raise Strange("is no notification of S3's")
        inner = message.get("Message")
        if message.get("Type") != "Notification" or not isinstance(inner, str):
            return message
        body = inner
    raise Strange("has too many envelopes")


def _recorded(record: Any) -> Iterator[Told]:
    """The object of one of a notification's records, whose key is encoded as a form's field is."""
    match record:
        case {"eventSource": "aws:s3", "eventName": str(event)} if event.startswith((*CREATED, *RESTORED)):
            pass
        case {"eventSource": str(), "eventName": str()}:
            return
        case _:
            raise Strange("is no notification of S3's")
    match record.get("s3"):
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key), **about}}:
            yield _made(bucket, unquote_plus(key), about, "eTag", is_restored=event.startswith(RESTORED))
        case _:
            raise Strange("names no object")


def _bridged(message: dict[str, Any]) -> Iterator[Told]:
    """The object of an event of EventBridge's, where keys are not encoded."""
    kind = message.get("detail-type")
    if not isinstance(kind, str) or kind not in BRIDGED:
        return
    match message.get("detail"):
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key), **about}}:
            yield _made(bucket, key, about, "etag", is_restored=BRIDGED[kind])
        case _:
            raise Strange("names no object")


def _made(bucket: str, key: str, about: Mapping[Any, Any], etag: str, *, is_restored: bool) -> Told:
    """The object, if there can be one: whoever may send to the queue may write what S3 would not."""
    match about.get("size"), about.get(etag):
        case int(size), str(tag) if key and tag and 0 <= size <= MOST_BYTES and _fits(key) and _fits(tag):
            return Told(bucket, key, size, f'"{tag.strip(chr(34))}"', is_restored)
    raise Strange("does not tell key, size and ETag of an object")


def _fits(text: str) -> bool:
    try:
        return len(text.encode()) <= KEY_BYTES
    except UnicodeEncodeError:
        return False
