"""Calls to AWS CloudTrail, and what its errors mean for a person: which permission or setting to mend."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.engines.lake.stores import SETTING, Store
from bot.errors import EngineBusy, EngineError
from bot.rate_limits import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STARTS_PER_SECOND: Final = 3.0
"""StartQuery and CancelQuery, per account and Region (CloudTrail user guide, quotas)."""

READS_PER_SECOND: Final = 10.0
"""The Get, Describe and List calls (as above)."""

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
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
)
LOST: Final = "lost"
"""The code of a call whose answer never came."""

UNKNOWN_QUERY: Final = "QueryIdNotFoundException"
"""AWS's code where it has no such query, or not any more: it keeps results for seven days (user guide)."""

_STARTING: Final = frozenset({"StartQuery", "CancelQuery"})
_EXPIRED: Final = frozenset({"ExpiredTokenException", "ExpiredToken", "RequestExpired"})
_UNKNOWN_KEY: Final = frozenset(
    {"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"}
    | {"IncompleteSignatureException", "MissingAuthenticationTokenException", "SignatureDoesNotMatch"}
)
_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
_NO_STORE: Final = frozenset({"EventDataStoreNotFoundException", "EventDataStoreARNInvalidException"})
_NOT_OURS: Final = frozenset(
    {"NoManagementAccountSLRExistsException", "NotOrganizationMasterAccountException"}
)

SIGN_IN: Final = "Sign in again (`aws sso login`, or new AWS_… variables); a role renews itself."


class Refused(EngineError):
    """AWS refused a call, or its answer was lost: `code` is AWS's own word for it."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


def is_transient(error: EngineError) -> bool:
    """Whether the same call may well be answered later: AWS had no room for it, or the answer was lost."""
    return isinstance(error, EngineBusy) or (isinstance(error, Refused) and error.code == LOST)


class CloudTrail:
    """CloudTrail's calls, within its limits, for any store. Safe from any thread."""

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
        self._starts = TokenBucket(STARTS_PER_SECOND, monotonic=monotonic, sleep=sleep)
        self._reads = TokenBucket(READS_PER_SECOND, monotonic=monotonic, sleep=sleep)
        self._lock = threading.Lock()
        self._clients: dict[tuple[Store, str], tuple[Any, datetime | None]] = {}

    def call(self, store: Store, operation: str, /, **given: Any) -> dict[str, Any]:
        """What AWS answers to `operation`. EngineBusy where it has no room, Refused where it says no.

        The call is made once: of one that lost its answer nobody knows whether it was done.
        """
        self.wait_turn(store, operation)
        return self.call_now(store, operation, **given)

    def wait_turn(self, store: Store, operation: str) -> None:
        """Wait until `operation` may be called. The client, which takes long to make, is made before that."""
        with in_words(store, f"cloudtrail:{operation}"):
            self.client(store)
        (self._starts if operation in _STARTING else self._reads).wait("")

    def call_now(self, store: Store, operation: str, /, **given: Any) -> dict[str, Any]:
        """`call` after `wait_turn`."""
        from botocore import xform_name

        with in_words(store, f"cloudtrail:{operation}"):
            answer: dict[str, Any] = getattr(self.client(store), xform_name(operation))(**given)
        return answer

    def read(self, store: Store, operation: str, /, **given: Any) -> dict[str, Any]:
        """The same for a call that changes nothing: made again where the failure is transient."""
        for attempt in range(TRIES - 1):
            try:
                return self.call(store, operation, **given)
            except EngineError as error:
                if not is_transient(error):
                    raise
            self.sleep(FIRST_RETRY_SECONDS * 2**attempt)
        return self.call(store, operation, **given)

    def client(self, store: Store, service: str = "cloudtrail") -> Any:
        """boto3's client for a store, with its Region and role."""
        with self._lock:
            client, expires = self._clients.get((store, service), (None, None))
            if client is None or (expires is not None and self.clock() > expires - RENEW_BEFORE):
                self._clients[store, service] = client, _ = self._connect(store, service)
            return client

    @staticmethod
    def _connect(store: Store, service: str) -> tuple[Any, datetime | None]:
        import boto3
        from botocore.config import Config

        session, expires = boto3.Session(), None
        if store.role:
            with in_words(store, "sts:AssumeRole"):
                role = session.client("sts").assume_role(RoleArn=store.role, RoleSessionName="tls-audit")
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
        return session.client(service, region_name=store.region or None, config=config), expires


@contextmanager
def in_words(store: Store, action: str) -> Iterator[None]:
    """Whatever boto3 raises, as an error for people; `action` is the IAM action that the call needs."""
    from botocore import exceptions as aws

    try:
        yield
    except aws.ClientError as error:
        raise refusal(store, action, error.response) from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound) as error:
        raise Refused(
            "credentials",
            f"There are no AWS credentials to ask CloudTrail: {error}.",
            "Set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run where a role is attached.",
        ) from error
    except aws.NoRegionError as error:
        raise Refused(
            "region", "No AWS Region is set.", f"Set AWS_DEFAULT_REGION, or write the ARN in {SETTING}."
        ) from error
    except (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError) as error:
        raise Refused(
            LOST,
            f"CloudTrail cannot be reached: {error}.",
            "Check the Region, the network and AWS_ENDPOINT_URL.",
        ) from error
    except aws.HTTPClientError as error:
        raise Refused(LOST, f"CloudTrail did not answer {action}: {error}.", "Rerun asks anew.") from error
    except aws.BotoCoreError as error:
        raise Refused("credentials", f"{action} could not be called: {error}.", SIGN_IN) from error


def refusal(store: Store, action: str, response: Mapping[str, Any]) -> EngineError:
    """AWS's error in words: what it says, and what to mend."""
    error = response.get("Error", {})
    code, words = str(error.get("Code", "")), str(error.get("Message", "")).rstrip(".")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in THROTTLED:
        return EngineBusy(f"AWS takes no more {action} calls for now.")
    if code == "MaxConcurrentQueriesException":
        return EngineBusy("Lake runs as many queries as it may.")
    if code in _EXPIRED:
        return Refused(code, f"The AWS credentials have expired. ({code})", SIGN_IN)
    if code in _UNKNOWN_KEY:
        return Refused(code, f"AWS does not know these credentials. ({code})", "Check AWS_ACCESS_KEY_ID.")
    if code in _DENIED:
        return _denied(store, action, words)
    if status >= 500:
        return Refused(LOST, f"CloudTrail failed: {words or code}.", "Rerun asks anew.")
    if code in _NO_STORE:
        where = f" in {store.region}" if store.region else ""
        return Refused(
            code,
            f"AWS knows no event data store {store.name}{where}.",
            f"{SETTING} names it, by its ARN where it is in another Region; `tls-audit lake status` lists "
            "those of this account and Region. Another account's needs TLS_AUDIT_LAKE_OWNER or _ROLE.",
        )
    if code == "InactiveEventDataStoreException":
        return Refused(
            code,
            f"The event data store {store.name} is inactive: being deleted, or stopped for good.",
            "`tls-audit lake status` says which; `tls-audit lake restore` brings one back within seven days.",
        )
    if code in _NOT_OURS:
        hint = (
            "Ask from the organization's management or delegated administrator account: TLS_AUDIT_LAKE_ROLE."
        )
        return Refused(code, f"This store belongs to an organization: {words}.", hint)
    if code == "InsufficientEncryptionPolicyException":
        return Refused(
            code, f"The store's KMS key refused: {words}.", "Allow kms:Decrypt in the key's policy."
        )
    return Refused(code, f"AWS refused {action}: {words or code}. ({code})")


def _denied(store: Store, action: str, words: str) -> Refused:
    if action == "sts:AssumeRole":
        return Refused(
            "AccessDenied",
            f"AWS refuses to let the bot take on {store.role}.",
            "Its own role needs sts:AssumeRole, and that role's trust policy must name it. AWS: " + words,
        )
    return Refused(
        "AccessDenied",
        f"AWS says AccessDenied for {action}.",
        f"The bot's role needs it: `tls-audit lake policy` prints what. AWS: {words}",
    )
