"""The publisher by itself: its pace, its words for Slack's refusals, and names of files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from http.client import IncompleteRead
from typing import TYPE_CHECKING
from urllib.error import URLError
from zoneinfo import ZoneInfo

import pytest
from slack_sdk.errors import SlackApiError

import handlers
from bot.engines import NAMES
from bot.errors import BotError, Unreachable
from bot.findings import Findings
from bot.question import parse
from bot.runs import LEASE, Run
from bot.sandbox import Options, Sandbox
from bot.table import Table
from handlers.pace import Pace
from handlers.publisher import TROUBLE, SlackPublisher, file_name, translated
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.question import Question
    from bot.views import View


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options=Options(scopes=frozenset(handlers.SCOPES)), rate_limits=False) as running:
        yield running
        assert running.broken == []


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def publisher(sandbox: Sandbox, catalogue: dict[str, View], time: Time) -> SlackPublisher:
    client = handlers.connect(sandbox.options.bot_token, sandbox.api_url)
    unhurried = Pace(1_000.0, 1_000)
    return SlackPublisher(client, catalogue, posts=unhurried, edits=unhurried, monotonic=time)


RUN = Run(
    id="0123abcd",
    key="k",
    user="U_ALICE",
    channel="C_SECURITY",
    reply_to=None,
    typed="last 7d",
    text="last 7d",
    engine="local",
    steps=(),
    created=NOW,
    state="running",
)


def opened(publisher: SlackPublisher, question: Question) -> Run:
    home, thread = publisher.open(RUN, question, 3)
    return replace(RUN, home=home, thread=thread, lease=NOW + LEASE)


def test_progress_is_shown_at_most_every_three_seconds_and_the_headline_at_once(
    sandbox: Sandbox, publisher: SlackPublisher, time: Time, ask: Callable[[str], Question]
) -> None:
    question = ask("last 7d")
    run = opened(publisher, question)
    for tick in range(70):
        time.now = 1_000 + tick / 10
        publisher.progress(run, question, "running", tick / 10, 10**9)
    assert len(sandbox.calls("chat.update")) == 3

    with Table(question.view.columns, [[("s3.amazonaws.com", 7)]]) as table:
        posted: list[str] = []
        publisher.answer(
            run, question, table, Findings("7 calls", "", None), lambda part, _: posted.append(part)
        )
    assert posted == ["headline", "table", "chart", "file"]
    (parent,) = sandbox.messages("C_SECURITY")
    assert "✅ 7 calls" in parent.text


def test_parts_that_were_posted_are_not_posted_again(
    sandbox: Sandbox, publisher: SlackPublisher, ask: Callable[[str], Question]
) -> None:
    question = ask("last 7d")
    run = replace(opened(publisher, question), parts={"headline": "1", "table": "2", "file": "F3"})
    with Table(question.view.columns, [[("s3.amazonaws.com", 7)]]) as table:
        publisher.answer(run, question, table, Findings("7 calls", "", None), lambda *_: None)
    assert len(sandbox.calls("chat.postMessage")) == 1
    assert sandbox.calls("chat.update") == []
    assert sandbox.files == []


def test_progress_that_slack_refuses_disturbs_nobody(
    sandbox: Sandbox, publisher: SlackPublisher, ask: Callable[[str], Question]
) -> None:
    question = ask("last 7d")
    run = opened(publisher, question)
    sandbox.faults.error("chat.update", "message_not_found")
    publisher.progress(run, question, "running", 1, 0)


def test_an_apology_after_a_long_wait_names_the_asker(
    sandbox: Sandbox, publisher: SlackPublisher, ask: Callable[[str], Question]
) -> None:
    question = ask("last 7d")
    run = opened(publisher, question)
    late = replace(run, lease=NOW + LEASE + timedelta(minutes=2))
    publisher.apologise(late, question, BotError("Lake stopped this.", "Try less."))
    (told,) = sandbox.thread("C_SECURITY", run.thread or "")
    assert told.notified == {"U_ALICE"}
    assert "Lake stopped this. Try less." in told.text


def test_an_apology_for_a_question_nobody_understands_any_more_is_in_its_thread(
    sandbox: Sandbox, publisher: SlackPublisher, ask: Callable[[str], Question]
) -> None:
    run = opened(publisher, ask("last 7d"))
    publisher.apologise(run, None, BotError("No view `gone`."))
    (told,) = sandbox.thread("C_SECURITY", run.thread or "")
    assert "No view `gone`." in told.text


def refusal(code: str, **more: str) -> SlackApiError:
    return SlackApiError("no", {"ok": False, "error": code, **more})  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("code", sorted(TROUBLE))
def test_every_refusal_keeps_slacks_own_word_and_says_what_to_do(code: str) -> None:
    error = translated(refusal(code))
    assert not isinstance(error, Unreachable)
    assert f"({code})" in error.message
    assert error.hint


@pytest.mark.parametrize(
    "error",
    [
        refusal("internal_error"),
        refusal("ratelimited"),
        refusal("service_unavailable"),
        URLError("refused"),
        ConnectionResetError("reset"),
        TimeoutError("late"),
        IncompleteRead(b""),
    ],
)
def test_what_passes_is_tried_again(error: Exception) -> None:
    assert isinstance(translated(error), Unreachable)


def test_a_missing_scope_is_named() -> None:
    assert "files:write" in translated(refusal("missing_scope", needed="files:write")).message


def test_a_file_is_named_for_the_askers_own_days(catalogue: dict[str, View]) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    question = parse("on 2026-11-18", now=NOW, zone=berlin, views=catalogue, engines=NAMES)
    assert file_name(question, berlin) == "tls-audit_services_2026-11-18_2026-11-19.csv"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2026-11-16..2026-11-23 service=s3", "tls-audit_calls_2026-11-16_2026-11-23_service-s3.csv"),
        (
            "2026-11-16..2026-11-23 by=clients service=s3,kms region!=eu-*",
            "tls-audit_clients_2026-11-16_2026-11-23_service-kms-s3_region-not-eu.csv",
        ),
        (
            'by=clients 2026-11-16..2026-11-23 agent="../../etc/passwd\\n<x>"',
            "tls-audit_clients_2026-11-16_2026-11-23_agent-..-..-etc-passwd-n-x.csv",
        ),
    ],
)
def test_a_file_is_named_for_what_was_asked(ask: Callable[[str], Question], text: str, name: str) -> None:
    assert file_name(ask(text), UTC) == name
