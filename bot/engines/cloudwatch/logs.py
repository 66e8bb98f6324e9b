"""Calls to CloudWatch Logs, and what its errors mean for a person: which permission or setting to mend."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.engines.cloudwatch.groups import SETTING
from bot.errors import EngineBusy, EngineError
from bot.rate_limits import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bot.engines.cloudwatch.groups import Groups

CALLS_PER_SECOND: Final = 5.0
"""Calls of each kind, per account and Region: as few as AWS allows of any (CloudWatch Logs quotas)."""

CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 60
"""How long AWS may take to connect, and to answer: its calls are made to answer within a second."""

TRIES: Final = 5
"""How often a call that only reads is made before its failure counts."""

FIRST_RETRY_SECONDS: Final = 1.0
"""Seconds before the second try; each further wait is twice as long."""

RENEW_BEFORE: Final = timedelta(minutes=5)
"""How long before its end a role's session is renewed."""

LOST: Final = "lost"
"""The code of a call whose answer never came."""

UNKNOWN: Final = "ResourceNotFoundException"
"""AWS's code where it has no such query, or not any more, and where it has no such log group."""

_THROTTLED: Final = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
)
_EXPIRED: Final = frozenset({"ExpiredTokenException", "ExpiredToken", "RequestExpired"})
_UNKNOWN_KEY: Final = frozenset(
    {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"}
    | {"IncompleteSignatureException", "MissingAuthenticationTokenException", "SignatureDoesNotMatch"}
)
_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})

SIGN_IN: Final = "Sign in again (`aws sso login`, or new AWS_… variables); a role renews itself."


class Refused(EngineError):
    """AWS refused a call, or its answer was lost: `code` is AWS's own word for it."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


def is_transient(error: EngineError) -> bool:
    """Whether the same call may well be answered later: AWS had no room for it, or the answer was lost."""
    return isinstance(error, EngineBusy) or (isinstance(error, Refused) and error.code == LOST)


class Logs:
    """CloudWatch Logs' calls, within its limits, for some log groups. Safe from any thread."""

    def __init__(
        self,
        groups: Groups,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.groups = groups
        self.clock = clock
        self.monotonic = monotonic
        self.sleep = sleep
        self._budget = TokenBucket(CALLS_PER_SECOND, monotonic=monotonic, sleep=sleep)
        self._lock = threading.Lock()
        self._client: Any = None
        self._expires: datetime | None = None

    def call(self, operation: str, /, **given: Any) -> dict[str, Any]:
        """What AWS answers to `operation`. EngineBusy where it has no room, Refused where it says no.

        The call is made once: of one that lost its answer nobody knows whether it was done.
        """
        self.wait_turn(operation)
        return self.call_now(operation, **given)

    def wait_turn(self, operation: str) -> None:
        """Wait until `operation` may be called. The client, which takes long to make, is made before that."""
        with self._in_words(f"logs:{operation}"):
            self.client()
        self._budget.wait(operation)

    def call_now(self, operation: str, /, **given: Any) -> dict[str, Any]:
        """`call` after `wait_turn`."""
        from botocore import xform_name

        with self._in_words(f"logs:{operation}"):
            answer: dict[str, Any] = getattr(self.client(), xform_name(operation))(**given)
        return answer

    def read(self, operation: str, /, **given: Any) -> dict[str, Any]:
        """The same for a call that changes nothing: made again where the failure is transient."""
        for attempt in range(TRIES - 1):
            try:
                return self.call(operation, **given)
            except EngineError as error:
                if not is_transient(error):
                    raise
            self.sleep(FIRST_RETRY_SECONDS * 2**attempt)
        return self.call(operation, **given)

    def client(self) -> Any:
        """boto3's client, with the groups' Region and role."""
        with self._lock:
            if self._client is None or (
                self._expires is not None and self.clock() > self._expires - RENEW_BEFORE
            ):
                self._client, self._expires = self._connect()
            return self._client

    def _connect(self) -> tuple[Any, datetime | None]:
        import boto3
        from botocore.config import Config

        session, expires = boto3.Session(), None
        if self.groups.role:
            with self._in_words("sts:AssumeRole"):
                role = session.client("sts").assume_role(
                    RoleArn=self.groups.role, RoleSessionName="tls-audit"
                )
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
        return session.client("logs", region_name=self.groups.region or None, config=config), expires

    @contextmanager
    def _in_words(self, action: str) -> Iterator[None]:
        """Whatever boto3 raises, as an error for people; `action` is the IAM action that the call needs."""
        from botocore import exceptions as aws

        try:
            yield
        except aws.ClientError as error:
            raise self._refusal(action, error.response) from error
        except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound) as error:
            raise Refused(
                "credentials",
                f"There are no AWS credentials to ask CloudWatch: {error}.",
                "Set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run where a role is attached.",
            ) from error
        except aws.NoRegionError as error:
            raise Refused(
                "region", "No AWS Region is set.", f"Set AWS_DEFAULT_REGION, or write ARNs in {SETTING}."
            ) from error
        except (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError) as error:
            raise Refused(
                LOST,
                f"CloudWatch cannot be reached: {error}.",
                "Check the Region, the network and AWS_ENDPOINT_URL.",
            ) from error
        except aws.HTTPClientError as error:
            raise Refused(
                LOST, f"CloudWatch did not answer {action}: {error}.", "Rerun asks anew."
            ) from error
        except aws.BotoCoreError as error:
            raise Refused("credentials", f"{action} could not be called: {error}.", SIGN_IN) from error

    def _refusal(self, action: str, response: Mapping[str, Any]) -> EngineError:
        """AWS's error in words: what it says, and what to mend."""
        error = response.get("Error", {})
        code, words = str(error.get("Code", "")), str(error.get("Message", "")).rstrip(".")
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _THROTTLED:
            return EngineBusy(f"AWS takes no more {action} calls for now.")
        if code == "LimitExceededException":
            return EngineBusy(
                "CloudWatch runs as many queries as it may, dashboards' and scheduled ones too."
            )
        if code in _EXPIRED:
            return Refused(code, f"The AWS credentials have expired. ({code})", SIGN_IN)
        if code in _UNKNOWN_KEY:
            return Refused(code, f"AWS does not know these credentials. ({code})", "Check AWS_ACCESS_KEY_ID.")
        if code in _DENIED:
            return self._denied(action, words)
        if status >= 500 or code == "ServiceUnavailableException":
            return Refused(LOST, f"CloudWatch failed: {words or code}.", "Rerun asks anew.")
        if code == UNKNOWN and action == "logs:StartQuery":
            where = f" in {self.groups.region}" if self.groups.region else ""
            return Refused(
                code,
                f"AWS knows no such log group{where}: {words}.",
                f"{SETTING} names them, by ARN where they are another account's; `tls-audit doctor` looks "
                "at each.",
            )
        if code == "MalformedQueryException":
            return Refused(
                code,
                f"CloudWatch does not understand the query: {words}.",
                "That is our mistake: `tls-audit ask --sql` prints it, for a report.",
            )
        return Refused(code, f"AWS refused {action}: {words or code}. ({code})")

    def _denied(self, action: str, words: str) -> Refused:
        if action == "sts:AssumeRole":
            return Refused(
                "AccessDenied",
                f"AWS refuses to let the bot take on {self.groups.role}.",
                "Its own role needs sts:AssumeRole, and that role's trust policy must name it. AWS: " + words,
            )
        return Refused(
            "AccessDenied",
            f"AWS says AccessDenied for {action}.",
            f"The bot's role needs it, and kms:Decrypt where a log group has a key of its own: "
            f"docs/cloudwatch.md has the least policy. AWS: {words}",
        )
