"""AWS as the engines call it: clients for a Region and a role, call limits, and errors in words.

What a service says in codes of its own, its engine explains; what every service says is explained here.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from bot.errors import EngineBusy, EngineError
from bot.rate_limits import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 60
"""How long AWS may take to connect, and to answer: its calls are made to answer within a second."""

TRIES: Final = 5
"""How often a call that only reads is made before its failure counts."""

FIRST_RETRY_SECONDS: Final = 1.0
"""Seconds before the second try; each further wait is twice as long."""

RENEW_BEFORE: Final = timedelta(minutes=5)
"""How long before its end a role's session is renewed."""

THROTTLED: Final = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
)
LOST: Final = "lost"
"""The code of a call whose answer never came."""

_EXPIRED: Final = frozenset({"ExpiredTokenException", "ExpiredToken", "RequestExpired"})
_UNKNOWN_KEY: Final = frozenset(
    {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"}
    | {"IncompleteSignatureException", "MissingAuthenticationTokenException", "SignatureDoesNotMatch"}
)
_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})

SIGN_IN: Final = "Sign in again (`aws sso login`, or new AWS_… variables); a role renews itself."


class Refused(EngineError):
    """AWS refused a call, or its answer was lost: `code` is AWS's own word for it."""

    def __init__(self, code: str, message: str, hint: str = "", *, detail: str = "") -> None:
        super().__init__(message, hint, detail=detail)
        self.code = code


def is_transient(error: EngineError) -> bool:
    """Whether the same call may well be answered later: AWS had no room for it, or the answer was lost."""
    return isinstance(error, EngineBusy) or (isinstance(error, Refused) and error.code == LOST)


class Place(Protocol):
    """Where a call is made, and as whom. What is empty is AWS's own default."""

    @property
    def region(self) -> str:
        """The Region."""

    @property
    def role(self) -> str:
        """The ARN of the role to take on before."""


@dataclass(frozen=True, slots=True)
class Service:
    """One of AWS's services, and how an engine speaks of it."""

    name: str
    """As boto3 and IAM actions have it."""
    title: str
    """As people have it."""
    policy: str
    """The command that prints the least policy."""
    where: str
    """What to set where no Region is."""
    rates: Mapping[frozenset[str], float]
    """The calls a second of the operations that share a limit; the last one is for all others."""


class Calls(ABC):
    """A service's calls, within their limits, for any place. Safe from any thread."""

    service: ClassVar[Service]

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.sleep = sleep
        self._buckets = {
            named: TokenBucket(rate, monotonic=monotonic, sleep=sleep)
            for named, rate in self.service.rates.items()
        }
        self._lock = threading.Lock()
        self._clients: dict[tuple[Place, str], tuple[Any, datetime | None]] = {}

    @abstractmethod
    def explain(self, place: Any, action: str, code: str, words: str) -> EngineError | None:
        """The service's own code as an error, or None where it is none of its own. `action` is IAM's; `code`
        and `words` are AWS's."""

    def call(self, place: Place, operation: str, /, **given: Any) -> dict[str, Any]:
        """What AWS answers to `operation`. EngineBusy where it has no room, Refused where it says no.

        The call is made once: of one that lost its answer nobody knows whether it was done.
        """
        self.wait_turn(place, operation)
        return self.call_now(place, operation, **given)

    def wait_turn(self, place: Place, operation: str) -> None:
        """Wait until `operation` may be called. The client, which takes long to make, is made before that."""
        with self.in_words(place, operation):
            self.client(place)
        bucket = next(
            (each for named, each in self._buckets.items() if operation in named),
            list(self._buckets.values())[-1],
        )
        bucket.wait("")

    def call_now(self, place: Place, operation: str, /, **given: Any) -> dict[str, Any]:
        """`call` after `wait_turn`."""
        from botocore import xform_name

        with self.in_words(place, operation):
            answer: dict[str, Any] = getattr(self.client(place), xform_name(operation))(**given)
        return answer

    def read(self, place: Place, operation: str, /, **given: Any) -> dict[str, Any]:
        """The same for a call that changes nothing: made again where the failure is transient."""
        for attempt in range(TRIES - 1):
            try:
                return self.call(place, operation, **given)
            except EngineError as error:
                if not is_transient(error):
                    raise
            self.sleep(FIRST_RETRY_SECONDS * 2**attempt)
        return self.call(place, operation, **given)

    def client(self, place: Place, service: str = "") -> Any:
        """boto3's client for a place; of another service where one is named."""
        service = service or self.service.name
        with self._lock:
            client, expires = self._clients.get((place, service), (None, None))
            if client is None or (expires is not None and self.clock() > expires - RENEW_BEFORE):
                self._clients[place, service] = client, _ = self._connect(place, service)
            return client

    def _connect(self, place: Place, service: str) -> tuple[Any, datetime | None]:
        import boto3
        from botocore.config import Config

        session, expires = boto3.Session(), None
        if place.role:
            with self.in_words(place, "sts:AssumeRole"):
                role = session.client("sts").assume_role(RoleArn=place.role, RoleSessionName="tls-audit")
            keys, expires = role["Credentials"], role["Credentials"]["Expiration"]
            session = boto3.Session(
                keys["AccessKeyId"],
                keys["SecretAccessKey"],
                keys["SessionToken"],
                region_name=session.region_name,
            )
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=16,
        )
        return session.client(service, region_name=place.region or None, config=config), expires

    @contextmanager
    def in_words(self, place: Place, operation: str) -> Iterator[None]:
        """Whatever boto3 raises, as an error for people. `operation` is this service's, or an IAM action."""
        from botocore import exceptions as aws

        action = operation if ":" in operation else f"{self.service.name}:{operation}"
        title = self.service.title
        try:
            yield
        except aws.ClientError as error:
            raise self._refusal(place, action, error.response) from error
        except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound) as error:
            raise Refused(
                "credentials",
                f"There are no AWS credentials to ask {title}.",
                "Set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run where a role is attached.",
                detail=str(error),
            ) from error
        except aws.NoRegionError as error:
            raise Refused("region", "No AWS Region is set.", self.service.where) from error
        except (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError) as error:
            raise Refused(
                LOST,
                f"{title} cannot be reached.",
                "Check the Region, the network and AWS_ENDPOINT_URL.",
                detail=str(error),
            ) from error
        except aws.HTTPClientError as error:
            raise Refused(
                LOST, f"{title} did not answer {action}.", "Rerun asks anew.", detail=str(error)
            ) from error
        except aws.BotoCoreError as error:
            raise Refused(
                "credentials", f"{action} could not be called.", SIGN_IN, detail=str(error)
            ) from error

    def _refusal(self, place: Place, action: str, response: Mapping[str, Any]) -> EngineError:
        """AWS's error in words: what it says, and what to mend."""
        told = response.get("Error", {})
        code = str(told.get("Code", ""))
        words = str(told.get("Message") or response.get("Message") or "").rstrip(".")
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if (explained := self.explain(place, action, code, words)) is not None:
            return explained
        if code in THROTTLED:
            return EngineBusy(f"AWS takes no more {action} calls for now.")
        if code in _EXPIRED:
            return Refused(code, f"The AWS credentials have expired. ({code})", SIGN_IN)
        if code in _UNKNOWN_KEY:
            return Refused(code, f"AWS does not know these credentials. ({code})", "Check AWS_ACCESS_KEY_ID.")
        if code in _DENIED:
            return self._denied(place, action, words)
        if status >= 500:
            return Refused(LOST, f"{self.service.title} failed ({code}).", "Rerun asks anew.", detail=words)
        return Refused(code, f"AWS refused {action} ({code}).", detail=words)

    def _denied(self, place: Place, action: str, words: str) -> Refused:
        if action == "sts:AssumeRole":
            return Refused(
                "AccessDenied",
                "AWS refuses to let the bot take on its role.",
                "Its own role needs sts:AssumeRole, and that role's trust policy must name it.",
                detail=f"{place.role}. AWS: {words}",
            )
        return Refused(
            "AccessDenied",
            f"AWS says AccessDenied for {action}.",
            f"The bot's role needs it: `{self.service.policy}` prints what.",
            detail=words,
        )
