"""A queue of SQS, as a follower of notifications needs it.

What is received is hidden from others for VISIBLE_SECONDS; kept so by `hold`, and gone for good by `delete`.
What is neither comes again. Sources of the limits: the SQS developer guide, "Amazon SQS message quotas", and
the SQS API reference.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from bot.archive.notifications import Strange, Told, is_test, told
from bot.errors import EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

log = logging.getLogger(__name__)

MESSAGES_A_CALL: Final = 10
"""The most messages of one call."""

WAIT_FOR_MESSAGES_SECONDS: Final = 2
"""How long a call waits for a message. One that waits asks all of SQS's servers, one that does not only some:
so that no message means that there is none."""

VISIBLE_SECONDS: Final = 900
"""For how long messages are hidden once they are received or held: longer than reading one object takes."""

HOLD_AGAIN_SECONDS: Final = 300
"""How long messages are worked on before they are held again."""

MOST_MESSAGES: Final = 1_000
"""How many are held at once: SQS lets 120,000 be hidden."""

MESSAGE_KINDS: Final = ("told", "test", "outside", "strange")
"""Of messages: that tell of a log file of ours; by which S3 tries whether it may send; that tell of other
objects, or of what is no arrival; and those that are none of S3's."""

REGION_IN_URL: Final = re.compile(
    r"^https?://(?:[^/]*\.)?(?:sqs(?:-fips)?\.([a-z0-9-]+)\.|([a-z0-9-]+)\.queue\.)(?:vpce\.)?(?:amazonaws|api)\."
)
"""Where a queue's URL tells its Region. Source: AWS General Reference, "Amazon SQS endpoints and quotas"."""

NO_QUEUE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
"""The code by the query protocol, and by the JSON protocol."""

QUEUE_ATTRIBUTES: Final = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "MessageRetentionPeriod",
    "RedrivePolicy",
]
CHECK_QUEUE: Final = "Check TLS_AUDIT_LOGS_QUEUE."


@dataclass(frozen=True, slots=True)
class Message:
    """One that was received; `handle` is for this time only. `sent` in seconds since 1970."""

    id: str
    handle: str
    body: str
    sent: float


@dataclass(frozen=True, slots=True)
class About:
    """What SQS says of a queue: about how many messages wait, and how many are hidden; for how many seconds
    it keeps one; whether what is received again and again goes to another queue."""

    waiting: int
    hidden: int
    kept_seconds: int
    has_redrive: bool


class Queue:
    """The queue at `url`, in whichever Region that tells; else in the one that is set for AWS.

    Every call raises UserError where there is no such queue or there are no credentials, EngineError where
    SQS refuses or cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def region(self) -> str:
        """The Region that the URL tells; empty where it tells none."""
        found = REGION_IN_URL.match(self.url)
        return (found[1] or found[2] or "") if found else ""

    @cached_property
    def _client(self) -> Any:
        import boto3

        return boto3.Session().client("sqs", region_name=self.region or None)

    def receive(self) -> list[Message]:
        """Some messages, hidden from others from now on; none where the queue has none."""
        with self._errors("sqs:ReceiveMessage"):
            got = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=MESSAGES_A_CALL,
                WaitTimeSeconds=WAIT_FOR_MESSAGES_SECONDS,
                VisibilityTimeout=VISIBLE_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
        return [
            Message(
                each["MessageId"],
                each["ReceiptHandle"],
                each["Body"],
                int(each.get("Attributes", {}).get("SentTimestamp", 0)) / 1000,
            )
            for each in got.get("Messages", [])
        ]

    def hold(self, messages: Sequence[Message]) -> None:
        """Keep messages hidden for VISIBLE_SECONDS from now. One that shows again nonetheless is read again,
        which is harmless."""
        for entries in _batches(messages, VisibilityTimeout=VISIBLE_SECONDS):
            with self._errors("sqs:ChangeMessageVisibility"):
                self._client.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)

    def delete(self, messages: Sequence[Message]) -> int:
        """Take messages out of the queue for good; how many SQS did not delete, which come again."""
        failed = []
        for entries in _batches(messages):
            with self._errors("sqs:DeleteMessage"):
                answer = self._client.delete_message_batch(QueueUrl=self.url, Entries=entries)
            failed += answer.get("Failed", [])
        if failed:
            log.warning("%s messages were not deleted, and come again: %s", len(failed), failed[0]["Code"])
        return len(failed)

    def about(self) -> About:
        """What SQS says of it."""
        with self._errors("sqs:GetQueueAttributes"):
            answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=QUEUE_ATTRIBUTES)
        told: Mapping[str, str] = answer.get("Attributes", {})
        waiting, hidden, kept = (int(told.get(name, 0)) for name in QUEUE_ATTRIBUTES[:3])
        return About(waiting, hidden, kept, "RedrivePolicy" in told)

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        """What SQS refuses, in plain words."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

        try:
            yield
        except NoCredentialsError as error:
            raise UserError(
                "There are no AWS credentials to read the queue.",
                "Set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run where a role is attached.",
                detail=self.url,
            ) from error
        except NoRegionError as error:
            raise UserError(
                "The queue's URL tells no Region.",
                f"{CHECK_QUEUE} Or set AWS_DEFAULT_REGION.",
                detail=self.url,
            ) from error
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in NO_QUEUE:
                raise UserError("There is no such queue.", CHECK_QUEUE, detail=self.url) from error
            raise EngineError(
                "SQS refused the queue.",
                f"The credentials need {action}, and the queue's policy must not deny it.",
                detail=f"{self.url}: {error}",
            ) from error
        except BotoCoreError as error:
            raise EngineError(
                "SQS did not answer for the queue.",
                "What it holds is read later.",
                detail=f"{self.url}: {error}",
            ) from error


class Held:
    """Messages that stay hidden from others while they are worked on, for as long as `renew` is called now
    and then. `clock` in seconds."""

    def __init__(self, queue: Queue, clock: Callable[[], float]) -> None:
        self.messages: list[Message] = []
        self._queue = queue
        self._clock = clock
        self._since = clock()

    def gather(self, most: int) -> None:
        """Receive until there are no more, or `most` of them are held, or a few more."""
        while len(self.messages) < most and (some := self._queue.receive()):
            self.messages += some
            self.renew()

    def renew(self) -> None:
        """Say that the work goes on."""
        if self._clock() - self._since < HOLD_AGAIN_SECONDS:
            return
        self._since = self._clock()
        try:
            self._queue.hold(self.messages)
        except EngineError as error:
            log.warning("messages could not be held, and may come again: %s", error.in_full)


@dataclass(slots=True)
class Post:
    """Messages, sorted: the objects they tell of, each once; those that may go once these are stored; why the
    others are left in the queue; and how many there are of each kind."""

    objects: dict[Told, None] = field(default_factory=dict)
    settled: list[Message] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def sort(messages: Iterable[Message], is_ours: Callable[[Told], bool]) -> Post:
    """What messages say; `is_ours` tells the objects that are wanted."""
    post = Post()
    for each in messages:
        try:
            objects = [one for one in told(each.body) if is_ours(one)]
        except Strange as error:
            post.strange.append(f"message {each.id} {error}")
            post.kinds["strange"] += 1
            continue
        post.settled.append(each)
        post.objects.update(dict.fromkeys(objects))
        post.kinds["told" if objects else "test" if is_test(each.body) else "outside"] += 1
    return post


def _batches(messages: Sequence[Message], **more: int) -> Iterator[list[dict[str, Any]]]:
    """As the entries of calls; ids have to differ within a call only."""
    for at in range(0, len(messages), MESSAGES_A_CALL):
        yield [
            {"Id": str(number), "ReceiptHandle": each.handle, **more}
            for number, each in enumerate(messages[at : at + MESSAGES_A_CALL])
        ]
