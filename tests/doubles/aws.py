"""AWS on this machine: what the doubles of its services share.

The JSON protocol over HTTP, held against botocore's own model of the service, with roles, call limits,
refusals and broken connections. Time is the test's: nothing here sleeps.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self
from urllib.parse import parse_qs

import botocore.session
from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pytest

ACCOUNT: Final = "111122223333"
REGION: Final = "us-east-1"
KEY: Final = "AKIATESTTESTTESTTEST"


class Refusal(Exception):
    """An error of AWS's: its code, its words, and what else it says."""

    def __init__(self, code: str, message: str = "", status: int = 400, **more: Any) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or f"An error of the kind {code}."
        self.status = status
        self.more = more


class Hold:
    """A call that is kept waiting: `arrived` tells that it is, `release` lets it go on, `drop` cuts it."""

    def __init__(self) -> None:
        self._arrived, self._open = threading.Event(), threading.Event()
        self._dropped = False

    def arrived(self, seconds: float = 10.0) -> None:
        """Return once a call waits here."""
        if not self._arrived.wait(seconds):
            raise TimeoutError("no call came to be held")

    def release(self) -> None:
        """Let those that wait, and all later ones, go on."""
        self._open.set()

    def drop(self) -> None:
        """Break the connection of those that wait, and of all later ones: nothing more comes of them."""
        self._dropped = True
        self._open.set()

    def wait(self) -> bool:
        """What a held call does; False where it was dropped."""
        self._arrived.set()
        self._open.wait()
        return not self._dropped


@dataclass
class Fault:
    """What goes wrong in a call: a refusal, or a connection that breaks before or after the call is done.

    With a `hold` it waits there first. `where` looks at what was given.
    """

    operation: str
    refusal: Refusal | None = None
    breaks: Literal["", "before", "after"] = ""
    times: int = 1
    hold: Hold | None = None
    where: Callable[[dict[str, Any]], bool] = lambda _given: True

    def is_lost(self, when: Literal["before", "after"]) -> bool:
        """Whether the connection breaks then, having waited where it is held."""
        return self.breaks == when and not (self.hold is not None and self.hold.wait())


def most_at_once(spans: Iterable[tuple[datetime, datetime]]) -> int:
    """The most of them that last at one moment, each from its first to before its second."""
    moments = [moment for begins, ends in spans for moment in ((begins, 1), (ends, -1))]
    # of two at the same moment, the end comes first
    return max(itertools.accumulate(step for _, step in sorted(moments)), default=0)


@dataclass(frozen=True)
class Caller:
    """Who calls, and where."""

    account: str
    region: str


class Service:
    """A double of one service; each of its operations is a method `_start_query(caller, given)`."""

    name: ClassVar[str]
    """As boto3 has it, and the scope of its signatures."""

    rates: ClassVar[Mapping[frozenset[str], float]]
    """Calls a second of the operations that share a limit; the last is for all others."""

    unchecked: ClassVar[frozenset[str]] = frozenset()
    """Members whose values are not held against the model: there may be very many."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.roles: list[dict[str, str]] = []
        self.faults: list[Fault] = []
        self.denied: set[str] = set()
        """IAM actions that the caller lacks."""
        self.expired = False
        self.limits = True
        self._now = now
        self._lock = threading.RLock()
        self._left: dict[frozenset[str], tuple[float, datetime]] = {}
        self._model = botocore.session.get_session().get_service_model(self.name)

    # --- for tests

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"service": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Give back what it holds."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 finds it."""
        return {
            f"AWS_ENDPOINT_URL_{self._model.service_id.upper().replace(' ', '_')}": self.url,
            "AWS_ENDPOINT_URL_STS": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }

    def set_environment(self, env: pytest.MonkeyPatch) -> None:
        """What boto3 needs to find it, and nothing else of AWS's."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            env.delenv(name)
        for name, value in self.environment.items():
            env.setenv(name, value)

    def count(self, operation: str) -> int:
        """How often `operation` was called."""
        return Counter(name for name, _ in self.calls)[operation]

    def fail(self, operation: str, code: str, message: str = "", *, times: int = 1, **more: Any) -> None:
        """Refuse the next calls of `operation`."""
        self.faults.append(Fault(operation, Refusal(code, message, **more), times=times))

    def cut(
        self,
        operation: str,
        when: Literal["before", "after"],
        *,
        times: int = 1,
        where: Callable[[dict[str, Any]], bool] = lambda _given: True,
    ) -> None:
        """Break the connection of the next calls of `operation`."""
        self.faults.append(Fault(operation, breaks=when, times=times, where=where))

    def hold(
        self,
        operation: str,
        when: Literal["before", "after"],
        *,
        where: Callable[[dict[str, Any]], bool] = lambda _given: True,
    ) -> Hold:
        """Keep the next call of `operation` waiting, before anything is done or with its answer ready."""
        hold = Hold()
        self.faults.append(Fault(operation, breaks=when, hold=hold, where=where))
        return hold

    # --- the protocol

    @property
    def target(self) -> str:
        """What stands before an operation's name in X-Amz-Target."""
        return str(self._model.metadata["targetPrefix"])

    @property
    def kind(self) -> str:
        """The type of what is sent and answered."""
        return f"application/x-amz-json-{self._model.metadata['jsonVersion']}"

    def answer(
        self, operation: str, given: dict[str, Any], *, key: str, region: str
    ) -> dict[str, Any] | None:
        """What AWS answers; None where the connection breaks. Refusal."""
        with self._lock:
            self.calls.append((operation, given))
            fault = self._fault(operation, given)
        # whoever is held must not hold up others
        if fault is not None and fault.is_lost("before"):
            return None
        made = self._done(operation, given, fault, key=key, region=region)
        return None if fault is not None and fault.is_lost("after") else made

    def get(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes, str]:
        """Status, body and type of what is fetched by GET, as from S3."""
        del path, query
        return 404, b"", "text/plain"

    def _done(
        self, operation: str, given: dict[str, Any], fault: Fault | None, *, key: str, region: str
    ) -> dict[str, Any]:
        with self._lock:
            self._admit(operation)
            if fault is not None and fault.refusal is not None:
                raise fault.refusal
            self._check_input(operation, given)
            caller = Caller(ACCOUNT if key == KEY else key[-12:], region)
            handler = getattr(self, "_" + botocore.xform_name(operation))
            made: dict[str, Any] = handler(caller, given)
            self._check_output(operation, made)
            return made

    def _admit(self, operation: str) -> None:
        if self.expired:
            raise Refusal("ExpiredTokenException", "The security token included in the request is expired")
        if operation in self.denied:
            who = f"arn:aws:iam::{ACCOUNT}:user/bot"
            raise Refusal(
                "AccessDeniedException",
                f"User: {who} is not authorized to perform: {self.name}:{operation} because no "
                "identity-based policy allows the action",
            )
        self._throttle(operation)

    def assume(self, form: Mapping[str, str]) -> str:
        """STS AssumeRole, whose key ends in the role's account."""
        if "AssumeRole" in self.denied:
            raise Refusal("AccessDenied", "not authorized to perform: sts:AssumeRole", 403)
        self.roles.append(dict(form))
        account = form["RoleArn"].split(":")[4]
        until = (self._now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
            f"<AssumedRoleUser><Arn>{form['RoleArn']}</Arn><AssumedRoleId>A:b</AssumedRoleId></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>ASIATEST{account}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>{until}</Expiration></Credentials>"
            "</AssumeRoleResult></AssumeRoleResponse>"
        )

    def _fault(self, operation: str, given: dict[str, Any]) -> Fault | None:
        fault = next(
            (each for each in self.faults if each.operation == operation and each.where(given)), None
        )
        if fault is not None:
            fault.times -= 1
            if fault.times == 0:
                self.faults.remove(fault)
        return fault

    def _throttle(self, operation: str) -> None:
        if not self.limits:
            return
        kind = next((named for named in self.rates if operation in named), list(self.rates)[-1])
        rate = self.rates[kind]
        left, then = self._left.get(kind, (float(rate), self._now()))
        left = min(float(rate), left + (self._now() - then).total_seconds() * rate)
        if left < 1 - 1e-6:
            raise Refusal("ThrottlingException", "Rate exceeded")
        self._left[kind] = left - 1, self._now()

    def _check_input(self, operation: str, given: dict[str, Any]) -> None:
        shape = self._model.operation_model(operation).input_shape
        problems = [*self._validated(given, shape), *self._limits(given, shape, "")]
        given.update(_times(given, shape))
        if problems:
            raise self._invalid(problems)

    def _invalid(self, problems: list[str]) -> Refusal:
        """How the service refuses what breaks its model."""
        return Refusal("InvalidParameterException", "; ".join(problems))

    def _check_output(self, operation: str, made: dict[str, Any]) -> None:
        shape = self._model.operation_model(operation).output_shape
        problems = [] if shape is None else [*self._validated(made, shape), *self._limits(made, shape, "")]
        if problems:
            raise AssertionError(f"the double's {operation} breaks AWS's model: {problems}")

    def _validated(self, given: Any, shape: Any) -> list[str]:
        report = ParamValidator().validate(given, shape)
        unknown = sorted(set(given) - set(shape.members)) if isinstance(given, dict) else []
        lines = [
            line
            for line in report.generate_report().splitlines()
            if not any(name in line for name in self.unchecked)
        ]
        return [*(f"{name}: unknown" for name in unknown), *lines]

    def _limits(self, given: Any, shape: Any, name: str) -> Iterator[str]:
        """What of `given` breaks the model's lengths, ranges, patterns and words."""
        if shape.type_name == "structure" and isinstance(given, dict):
            for key, value in given.items():
                if key in shape.members:
                    yield from self._limits(value, shape.members[key], key)
            return
        if shape.type_name == "list" and isinstance(given, list) and name not in self.unchecked:
            for value in given:
                yield from self._limits(value, shape.member, name)
        yield from _broken_rules(given, shape, name)


def _broken_rules(given: Any, shape: Any, name: str) -> Iterator[str]:
    rules = shape.metadata
    size = len(given) if isinstance(given, (str, list)) else given
    if "max" in rules and size > rules["max"]:
        yield f"{name}: at most {rules['max']}"
    if "min" in rules and size < rules["min"]:
        yield f"{name}: at least {rules['min']}"
    if isinstance(given, str):
        # the model's patterns are Java's
        if "pattern" in rules and "\\u" not in rules["pattern"] and not re.fullmatch(rules["pattern"], given):
            yield f"{name}: must match {rules['pattern']}"
        if shape.enum and given not in shape.enum:
            yield f"{name}: must be one of {', '.join(shape.enum)}"


def _times(given: dict[str, Any], shape: Any) -> dict[str, datetime]:
    return {
        name: datetime.fromtimestamp(given[name], UTC)
        for name, member in shape.members.items()
        if member.type_name == "timestamp" and name in given
    }


class _Server(ThreadingHTTPServer):
    """Whoever asks may be killed meanwhile: that is no failure of ours."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    service: Service

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        given = {key: values[0] for key, values in parse_qs(query, keep_blank_values=True).items()}
        self._send(*self.service.get(path, given))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            return  # whoever asked has died over it
        try:
            if "X-Amz-Target" not in self.headers:
                form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
                self._send(200, self.service.assume(form).encode(), "text/xml")
                return
            target, _, operation = self.headers["X-Amz-Target"].rpartition(".")
            assert target == self.service.target, target
            assert self.headers["Content-Type"] == self.service.kind
            signed = self.headers.get("Authorization", "")
            scope = re.search(rf"Credential=(\w+)/\d+/([\w-]+)/{self.service.name}/", signed)
            assert scope is not None, "boto3 signs every call"
            made = self.service.answer(operation, json.loads(body), key=scope[1], region=scope[2])
            if made is None:
                self.close_connection = True
                self.connection.close()
                return
            self._send(200, json.dumps(made, default=_wire_time).encode())
        except Refusal as refusal:
            if "X-Amz-Target" in self.headers:
                said = {"__type": refusal.code, "message": refusal.message} | refusal.more
                self._send(refusal.status, json.dumps(said).encode())
            else:
                words = f"<Code>{refusal.code}</Code><Message>{refusal.message}</Message>"
                answer = f"<ErrorResponse><Error><Type>Sender</Type>{words}</Error></ErrorResponse>"
                self._send(refusal.status, answer.encode(), "text/xml")

    def _send(self, status: int, body: bytes, kind: str = "") -> None:
        kind = kind or self.service.kind
        head = (
            f"HTTP/1.1 {status} Answer\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"x-amzn-RequestId: {time.monotonic_ns()}\r\n\r\n"
        )
        # in one piece: two would wait for each other's acknowledgement
        self.wfile.write(head.encode() + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""


def _wire_time(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(value)
