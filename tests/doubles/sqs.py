"""SQS on this machine: queues with state, over AWS's JSON protocol, held against botocore's own model.

boto3 is real and finds it through `AWS_ENDPOINT_URL_SQS`. A message that is received is hidden until its time
is over, and each time it is received it has another handle, of which only the newest counts. It is delivered
at least once: what is sent with `repeat` is there twice. After `most` receipts it goes to the dead letters,
where there are any. Time is the test's, and nothing here sleeps: whoever waits for a message hears at once
that there is none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

from tests.doubles.aws import ACCOUNT, Caller, Refusal, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME: Final = "trail"
REGION: Final = "eu-west-1"
URL: Final = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{NAME}"
BATCH: Final = 10
"""The most messages or entries of a call (developer guide, quotas)."""
LONGEST_SECONDS: Final = 43_200


@dataclass
class Message:
    """One in the queue: hidden until `shows`, and received so many times."""

    number: int
    body: str
    sent: datetime
    shows: datetime
    receipts: int = 0

    @property
    def id(self) -> str:
        return str(UUID(int=self.number))

    @property
    def handle(self) -> str:
        """The one of its newest receipt."""
        return f"{self.number}:{self.receipts}"


class SQS(Service):
    """One queue, at `URL`."""

    name: ClassVar[str] = "sqs"
    rates: ClassVar[Mapping[frozenset[str], float]] = {frozenset(): 1e9}

    def __init__(self, now: Callable[[], datetime], most: int | None = None) -> None:
        """`most`: how often a message is received before it is a dead letter; None: there are none."""
        super().__init__(now)
        self.most = most
        self.messages: dict[int, Message] = {}
        self.dead: list[Message] = []
        self.deleted: list[str] = []
        self.sent = 0

    def send(self, body: str, *, repeat: bool = False) -> None:
        """Put a message in; with `repeat` it is delivered twice, each time under another id."""
        for _ in range(2 if repeat else 1):
            self.sent += 1
            self.messages[self.sent] = Message(self.sent, body, self._now(), self._now())

    @property
    def hidden(self) -> int:
        """How many are in somebody's hands."""
        return sum(each.shows > self._now() for each in self.messages.values())

    def _queue(self, given: Mapping[str, Any]) -> None:
        if given["QueueUrl"] != URL:
            raise Refusal("QueueDoesNotExist", "The specified queue does not exist.")

    def _receive_message(self, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        assert caller.region == REGION, caller
        self._queue(given)
        wanted = given.get("MaxNumberOfMessages", 1)
        if not 1 <= wanted <= BATCH:
            raise Refusal("InvalidParameterValue", f"Value {wanted} for MaxNumberOfMessages is invalid.")
        got: list[Message] = []
        for each in list(self.messages.values()):
            if len(got) == wanted:
                break
            if each.shows > self._now():
                continue
            if self.most is not None and each.receipts >= self.most:
                self.dead.append(self.messages.pop(each.number))
                continue
            each.receipts += 1
            each.shows = self._now() + timedelta(seconds=given.get("VisibilityTimeout", 30))
            got.append(each)
        # whoever is received last stands last: a queue is no list, and no order is promised
        for each in got:
            self.messages[each.number] = self.messages.pop(each.number)
        return {"Messages": [self._told(each, given) for each in got]} if got else {}

    def _told(self, message: Message, given: Mapping[str, Any]) -> dict[str, Any]:
        about = {
            "SentTimestamp": str(int(message.sent.timestamp() * 1000)),
            "ApproximateReceiveCount": str(message.receipts),
        }
        wanted = [*given.get("AttributeNames", []), *given.get("MessageSystemAttributeNames", [])]
        return {
            "MessageId": message.id,
            "ReceiptHandle": message.handle,
            "MD5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
            "Body": message.body,
            "Attributes": {name: value for name, value in about.items() if name in wanted},
        }

    def _change_message_visibility_batch(self, _: Caller, given: dict[str, Any]) -> dict[str, Any]:
        def change(message: Message, entry: Mapping[str, Any]) -> None:
            assert 0 <= entry["VisibilityTimeout"] <= LONGEST_SECONDS
            message.shows = self._now() + timedelta(seconds=entry["VisibilityTimeout"])

        return self._each(given, change)

    def _delete_message_batch(self, _: Caller, given: dict[str, Any]) -> dict[str, Any]:
        def delete(message: Message, _: Mapping[str, Any]) -> None:
            self.deleted.append(self.messages.pop(message.number).body)

        return self._each(given, delete)

    def _each(
        self, given: Mapping[str, Any], do: Callable[[Message, Mapping[str, Any]], None]
    ) -> dict[str, Any]:
        """A batch, of which each entry is done or fails by itself."""
        self._queue(given)
        entries = given["Entries"]
        if not entries:
            raise Refusal("EmptyBatchRequest", "There should be at least one entry in the request.")
        if len(entries) > BATCH:
            raise Refusal("TooManyEntriesInBatchRequest", f"Maximum number of entries is {BATCH}.")
        if len({each["Id"] for each in entries}) < len(entries):
            raise Refusal("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for entry in entries:
            number, _, _ = entry["ReceiptHandle"].partition(":")
            message = self.messages.get(int(number))
            # a handle is good for as long as its receipt hides the message, and no longer
            if message and message.handle == entry["ReceiptHandle"] and message.shows > self._now():
                do(message, entry)
                done.append({"Id": entry["Id"]})
            else:
                code = "ReceiptHandleIsInvalid"
                failed.append({"Id": entry["Id"], "SenderFault": True, "Code": code, "Message": code})
        return {"Successful": done, "Failed": failed}

    def _get_queue_attributes(self, _: Caller, given: dict[str, Any]) -> dict[str, Any]:
        self._queue(given)
        about = {
            "ApproximateNumberOfMessages": str(len(self.messages) - self.hidden),
            "ApproximateNumberOfMessagesNotVisible": str(self.hidden),
            "MessageRetentionPeriod": "345600",
        }
        if self.most is not None:
            about["RedrivePolicy"] = f'{{"deadLetterTargetArn":"arn","maxReceiveCount":{self.most}}}'
        return {
            "Attributes": {name: value for name, value in about.items() if name in given["AttributeNames"]}
        }
