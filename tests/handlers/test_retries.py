"""Retries: what Slack refused for now is asked again as it says; what may have been done is not."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING
from urllib.error import URLError

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from bot.errors import ShuttingDown, SurfaceDown
from bot.sandbox import Options, Sandbox
from handlers import connection
from handlers.errors import translated
from handlers.retries import ONCE, RETRIES, RetryLater, leaving_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slack_sdk import WebClient


class Pauses:
    """A pause that takes no time, and what was heard of refusals."""

    def __init__(self) -> None:
        self.paused: list[float] = []
        self.heard: list[tuple[str, str]] = []

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)

    def told(self, method: str, what: str) -> None:
        self.heard.append((method, what))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options=Options(scopes=frozenset(connection.SCOPES)), rate_limits=False) as running:
        yield running


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def client(sandbox: Sandbox, pauses: Pauses) -> WebClient:
    return connection.connect(
        sandbox.options.bot_token, sandbox.api_url, pause=pauses.pause, on_refusal=pauses.told
    )


def post(client: WebClient) -> str:
    return str(client.chat_postMessage(channel="C_SECURITY", text="hello")["ts"])


def test_a_rate_limit_is_waited_out_as_long_as_slack_says_and_a_little_more(
    sandbox: Sandbox, client: WebClient, pauses: Pauses
) -> None:
    sandbox.faults.ratelimit("chat.postMessage", times=2, retry_after=30)
    post(client)
    assert len(sandbox.messages("C_SECURITY")) == 1
    assert [int(seconds) for seconds in pauses.paused] == [30, 30]
    assert pauses.heard == [("chat.postMessage", "ratelimited")] * 2


def test_a_rate_limit_that_does_not_end_is_told_after_a_few_attempts(
    sandbox: Sandbox, client: WebClient, pauses: Pauses
) -> None:
    sandbox.faults.ratelimit("chat.postMessage", times=RETRIES + 1)
    with pytest.raises(SlackApiError) as refused:
        post(client)
    assert len(pauses.paused) == RETRIES
    assert isinstance(translated(refused.value), SurfaceDown)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_what_may_have_been_posted_before_slack_failed_is_not_posted_again(
    sandbox: Sandbox, client: WebClient, pauses: Pauses, status: int
) -> None:
    sandbox.faults.status("chat.postMessage", status)
    with pytest.raises(SlackApiError) as refused:
        post(client)
    assert len(sandbox.calls("chat.postMessage")) == 1
    assert pauses.paused == []
    assert pauses.heard == [("chat.postMessage", str(status))]
    assert isinstance(translated(refused.value), SurfaceDown)


def test_of_everything_that_others_see_nothing_is_repeated_by_itself(
    sandbox: Sandbox, client: WebClient, pauses: Pauses
) -> None:
    sandbox.faults.status("*", 500, times=9)
    calls: list[Callable[[], object]] = [
        lambda: post(client),
        lambda: client.chat_postEphemeral(channel="C_SECURITY", user="U_ALICE", text="hello"),
        lambda: client.files_completeUploadExternal(files=[{"id": "F1", "title": "x"}]),
    ]
    for call in calls:
        with pytest.raises(SlackApiError):
            call()
    assert [each.what for each in sandbox.traffic] == list(ONCE)
    assert pauses.paused == []


def test_what_does_no_harm_twice_is_asked_again_ever_later(
    sandbox: Sandbox, client: WebClient, pauses: Pauses
) -> None:
    ts = post(client)
    sandbox.faults.status("chat.update", 503, times=3)
    client.chat_update(channel="C_SECURITY", ts=ts, text="edited")
    assert sandbox.messages("C_SECURITY")[0].text == "edited"
    assert [int(seconds) for seconds in pauses.paused] == [1, 2, 4]
    assert pauses.heard == [("chat.update", "503")] * 3


@pytest.mark.parametrize("method", ["chat.postMessage", "auth.test"])
def test_a_cut_connection_is_not_tried_again_by_itself(
    sandbox: Sandbox, client: WebClient, pauses: Pauses, method: str
) -> None:
    sandbox.faults.cut_after(method)
    with pytest.raises((URLError, OSError)) as cut:
        client.api_call(method, json={"channel": "C_SECURITY", "text": "hello"})
    assert len(sandbox.calls(method)) == 1
    assert pauses.paused == []
    assert isinstance(translated(cut.value), SurfaceDown)


def test_a_refusal_is_an_answer(sandbox: Sandbox, client: WebClient, pauses: Pauses) -> None:
    sandbox.faults.error("chat.postMessage", "is_archived")
    with pytest.raises(SlackApiError):
        post(client)
    assert (pauses.paused, pauses.heard) == ([], [])


def test_a_process_that_stops_while_it_waits_out_a_limit_posts_nothing_more(sandbox: Sandbox) -> None:
    def stopping(seconds: float) -> None:
        raise ShuttingDown(f"The bot is stopping, not waiting for {seconds:.0f} s.")

    client = connection.connect(sandbox.options.bot_token, sandbox.api_url, pause=stopping)
    sandbox.faults.ratelimit("chat.postMessage", retry_after=30)
    with pytest.raises(ShuttingDown):
        post(client)
    assert sandbox.messages("C_SECURITY") == []


@pytest.mark.parametrize(
    ("after", "least", "most"),
    [
        ("3", 3, 4),
        ("2.5", 2.5, 3.5),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1, 2),
        ("", 1, 2),
        ("-5", 1, 2),
        ("nan", 1, 2),
        ("inf", 300, 301),
        ("1e9", 300, 301),
        ("x" * 9_000, 1, 2),
    ],
)
def test_a_retry_after_that_is_no_whole_number_is_borne(after: str, least: float, most: float) -> None:
    waits: list[float] = []
    retry = RetryLater(waits.append, lambda *_: None)
    request = HttpRequest(method="POST", url="https://slack.com/api/auth.test", headers={})
    response = HttpResponse(status_code=429, headers={"Retry-After": [after]})

    retry.prepare_for_next_attempt(state=RetryState(), request=request, response=response)

    assert least <= waits[0] <= most


@pytest.mark.parametrize(
    "error", ["<html>503 of a proxy</html>", "Received a response in a non-JSON format: x"]
)
def test_an_answer_that_is_no_json_is_a_slack_that_is_away(error: str) -> None:
    refused = translated(SlackApiError("no", SimpleAnswer({"ok": False, "error": error})))  # type: ignore[no-untyped-call]  # slack_sdk leaves it untyped

    assert isinstance(refused, SurfaceDown)
    assert "html" not in str(refused)


class SimpleAnswer(dict[str, object]):
    """An answer, as far as errors are read."""

    status_code = 200


def test_the_systems_certificates_are_read_once_and_slacks_is_checked_against_them(client: WebClient) -> None:
    other = connection.connect("xoxb-other", "https://slack.com/api/")

    for each in (other, connection.impatient(client), leaving_limits(client)):
        assert each.ssl is client.ssl
    assert client.ssl is not None
    assert client.ssl.check_hostname
    assert client.ssl.verify_mode is ssl.CERT_REQUIRED
