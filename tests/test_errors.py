"""What an error tells to whoever asks, and what only to whoever runs the bot."""

from __future__ import annotations

import ast
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import pytest

import bot.errors
from bot.archive import sources
from bot.archive.sqs import Queue
from bot.engines.athena import answer, tables
from bot.engines.athena.client import Athena
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.logs import Logs
from bot.engines.lake import delivery, stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.errors import LOG_SAYS_MORE, BotError, EngineError, StoreDown
from bot.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bot.engines.aws import Calls, Place

ROOT: Final = Path(__file__).parents[1]

ROOMS: Final = ("bot/app", "bot/archive", "bot/engines", "bot/store", "bot/worker", "handlers")
"""Whose errors reach people in Slack."""

STARTS: Final = frozenset(
    {
        "bot/archive/archive.py",
        "bot/archive/sources.py",
        "bot/engines/athena/admin.py",
        "bot/engines/athena/tables.py",
        "bot/engines/cloudwatch/groups.py",
        "bot/engines/lake/admin.py",
        "bot/engines/lake/stores.py",
    }
)
"""Files of which some errors are about a setting, or what was typed in a terminal, and say its value."""

KINDS: Final = {
    *(name for name, each in vars(bot.errors).items() if isinstance(each, type)),
    *("Refused", "Undelivered", "Unreadable"),
}

OURS: Final = frozenset({"message", "hint", "strerror", "code"})
"""What may be told of an error that was caught: our own words, the system's name for it, AWS's."""

PLACES: Final = frozenset({"words", "uri", "url", "folder", "place", "role", "path"})
"""What the code calls AWS's own words, and where things are."""


def raised(path: Path) -> Iterator[tuple[ast.Call, set[str]]]:
    """Every error that a file makes, with the names of the exceptions that were caught around it."""

    def walk(node: ast.AST, caught: set[str]) -> Iterator[tuple[ast.Call, set[str]]]:
        if isinstance(node, ast.ExceptHandler) and node.name:
            caught = caught | {node.name}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            yield node, caught
        for child in ast.iter_child_nodes(node):
            yield from walk(child, caught)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), set())


def told(call: ast.Call, caught: set[str]) -> Iterator[str]:
    """What of a library's words, or of where something is, the message or the hint of an error holds."""
    for argument in call.args:
        ours = {
            id(node.value)
            for node in ast.walk(argument)
            if isinstance(node, ast.Attribute) and node.attr in OURS
        }
        for node in ast.walk(argument):
            if isinstance(node, ast.Name) and id(node) not in ours and node.id in caught | PLACES:
                yield node.id
            if isinstance(node, ast.Attribute) and node.attr in PLACES:
                yield node.attr


def test_no_error_tells_whoever_asks_a_librarys_words_or_where_something_is() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    made = {str(path.relative_to(ROOT)): list(raised(path)) for path in files}
    found = {
        f"{name}:{call.lineno}": names
        for name, calls in made.items()
        for call, caught in calls
        if name not in STARTS and (names := sorted(told(call, caught)))
    }

    assert sum(map(len, made.values())) > 100
    assert found == {}


def test_the_test_above_sees_what_it_is_to_see(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "try:\n    pass\nexcept OSError as error:\n"
        "    raise EngineError(f'It broke: {error}.', f'See {self.folder}.', detail=str(error))\n"
        "raise Refused(code, f'AWS: {words}')\nraise BotError('It broke.', 'Again.', detail=words)\n"
    )

    assert [sorted(told(*each)) for each in raised(path)] == [["error", "folder"], ["words"], []]


def test_an_error_as_text_leaves_its_detail_to_the_log() -> None:
    error = EngineError("The lake refused.", "Ask again.", detail="arn:aws:iam::1:role/x said no.")

    assert str(error) == f"The lake refused. Ask again. {LOG_SAYS_MORE}"
    assert error.in_full == "The lake refused: arn:aws:iam::1:role/x said no."
    assert str(BotError("No.", "Yes.")) == "No. Yes."
    assert BotError("No.").in_full == "No."


# --- on the wire

WHERE: Final = (
    "User: arn:aws:sts::444455556666:assumed-role/tls-audit/i-0abc is not authorized on s3://our-results/x "
    "at https://vpce-0abc.internal:8443 by /srv/tls-audit/archive"
)
"""What AWS's words may hold: accounts, roles, buckets, hosts and folders of whoever runs the bot."""

PARTS: Final = (
    *("444455556666", "assumed-role", "our-results", "vpce-0abc", "/srv/", "127.0.0.1", "eventdatastore/"),
)


class Refusing(ThreadingHTTPServer):
    """What answers in place of all of AWS's services: an error of one `code`, and `WHERE` in its words."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.code = ""


class _Refusal(BaseHTTPRequestHandler):
    server: Refusing

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        code = self.server.code
        made = json.dumps({"__type": code, "message": WHERE})
        if "X-Amz-Target" not in self.headers:  # S3 and STS speak XML
            error = f"<Error><Code>{code}</Code><Message>{WHERE}</Message></Error>"
            made = f"<ErrorResponse>{error}</ErrorResponse>" if self.command == "POST" else error
        self.send_response(REFUSALS[code])
        self.send_header("Content-Length", str(len(made.encode())))
        self.end_headers()
        self.wfile.write(made.encode())

    do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - as the class asks for them

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


STORE: Final = (
    f"arn:aws:cloudtrail:eu-central-1:444455556666:eventdatastore/0f0f0f0f-aaaa-bbbb-cccc-{'0' * 12}"
)
ROLE: Final = "arn:aws:iam::444455556666:role/assumed-role"


def _calls(kind: type[Calls], place: Place, operation: str, **given: object) -> Callable[[], object]:
    aws = kind(sleep=lambda _: None)
    return lambda: aws.call(place, operation, **given)


def _athenas_file() -> Callable[[], object]:
    s3 = boto3.client("s3")
    return lambda: next(answer.rows(s3, "s3://our-results/athena.csv"))


def _lakes_files() -> Callable[[], object]:
    s3, asked = boto3.client("s3"), datetime(2026, 11, 1, tzinfo=UTC)
    return lambda: next(delivery.rows(s3, "s3://our-results/lake", "q", asked))


def _the_queue() -> Callable[[], object]:
    return Queue("https://sqs.eu-central-1.amazonaws.com/444455556666/told").receive


ASKING: Final[Mapping[str, Callable[[], Callable[[], object]]]] = {
    "Lake": lambda: _calls(CloudTrail, stores.read(STORE)["default"], "ListEventDataStores"),
    "Lake, by a role": lambda: _calls(
        CloudTrail, stores.read(STORE, roles=ROLE)["default"], "ListEventDataStores"
    ),
    "Athena": lambda: _calls(Athena, tables.read("default.trail")["default"], "ListWorkGroups"),
    "CloudWatch": lambda: _calls(
        Logs, groups.read("trail"), "StartQuery", startTime=0, endTime=1, queryString="x", logGroupNames=["y"]
    ),
    "the logs in S3": lambda: lambda: sources.find(["s3://our-results/AWSLogs/"], but=Path("nowhere")),
    "the queue": _the_queue,
    "what Lake delivered": _lakes_files,
    "what Athena wrote": _athenas_file,
}
"""What calls AWS when people ask."""

REFUSALS: Final = {
    "AccessDenied": 403,
    "AccessDeniedException": 400,
    "ExpiredTokenException": 400,
    "ValidationException": 400,
    "EventDataStoreNotFoundException": 400,
    "InactiveEventDataStoreException": 400,
    "InsufficientEncryptionPolicyException": 400,
    "NoManagementAccountSLRExistsException": 400,
    "ResourceNotFoundException": 400,
    "MalformedQueryException": 400,
    "MetadataException": 400,
    "NoSuchBucket": 404,
    "InternalFailure": 500,
    "": 400,
}
"""AWS's codes, and the status they come with; "" is none at all."""


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which AWS can be called."""
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return monkeypatch


@pytest.mark.parametrize("what", ASKING)
def test_what_aws_refuses_is_told_to_whoever_asks_without_its_words(
    what: str, credentials: pytest.MonkeyPatch
) -> None:
    with Refusing() as aws:
        threading.Thread(target=aws.serve_forever, daemon=True).start()
        credentials.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{aws.server_address[1]}")
        ask = ASKING[what]()
        for aws.code in REFUSALS:
            with pytest.raises(BotError) as caught:
                ask()
            assert [part for part in PARTS if part in str(caught.value)] == [], aws.code
            assert caught.value.message, "and yet it says what is wrong"
        aws.shutdown()


@pytest.mark.parametrize("what", ASKING)
def test_an_endpoint_that_is_away_is_named_to_the_operator_alone(
    what: str, credentials: pytest.MonkeyPatch
) -> None:
    credentials.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(BotError) as caught:
        ASKING[what]()()

    assert "127.0.0.1" in caught.value.in_full
    assert [part for part in PARTS if part in str(caught.value)] == []


def test_a_database_that_is_away_is_named_to_the_operator_alone() -> None:
    with pytest.raises(StoreDown) as caught:
        Database("postgresql://audit:SeCrEt@127.0.0.1:1/runs")

    assert str(caught.value).startswith("The bot's database cannot be used. ")
    assert "127.0.0.1" in caught.value.in_full
    assert not {part for part in ("127.0.0.1", "audit", "SeCrEt") if part in str(caught.value)}
    assert "SeCrEt" not in caught.value.in_full


def test_a_file_for_a_database_that_cannot_be_opened_is_not_named(tmp_path: Path) -> None:
    with pytest.raises(StoreDown) as caught:
        Database(f"sqlite:///{tmp_path}/nowhere/runs.sqlite")

    assert str(tmp_path) not in str(caught.value)
    assert "unable to open database file" in caught.value.in_full
