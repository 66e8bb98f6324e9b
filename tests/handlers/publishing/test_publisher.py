"""The publisher by itself: its pace, what it posts anew, its words for Slack's refusals, names of files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import IncompleteRead
from threading import Event
from typing import TYPE_CHECKING
from urllib.error import URLError
from zoneinfo import ZoneInfo

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.answers.summary import Summary
from bot.engines import ENGINES
from bot.errors import BotError, Cancelled, ChannelGone, ShuttingDown, SurfaceDown
from bot.question.parser import parse
from bot.rate_limits import SlidingWindow, TokenBucket
from bot.sandbox import Options, Sandbox
from bot.store.queue import LEASE
from bot.store.run import PARENT, Receipt
from bot.store.runs import Runs
from bot.table import Table
from bot.worker.lease import Lease
from bot.worker.publisher import Part
from handlers import connection
from handlers.errors import TROUBLE, translated
from handlers.publishing.budget import Budget
from handlers.publishing.publisher import SlackPublisher
from handlers.publishing.thread import file_name
from tests.conftest import NOW
from tests.support.databases import open_sqlite
from tests.support.runs import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.question.question import Question
    from bot.question.views import View


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options=Options(scopes=frozenset(connection.SCOPES)), rate_limits=False) as running:
        yield running
        assert running.broken == []


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def publisher(sandbox: Sandbox, catalogue: dict[str, View], time: Time) -> SlackPublisher:
    client = connection.connect(sandbox.options.bot_token, sandbox.api_url)
    unhurried = Budget(*(TokenBucket(10_000.0, 10_000) for _ in range(3)))
    return SlackPublisher(client, catalogue, budget=unhurried, monotonic=time)


class Context:
    """A run that is worked on, its clock, and the process that may stop."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.now = NOW
        self.stopping = Event()

    def clock(self) -> datetime:
        return self.now

    def acquire(self) -> Lease:
        run = self.runs.acquire("w", self.now, {"local": 1})
        assert run is not None
        return Lease(self.runs, run, self.clock, self.stopping)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Context]:
    database = open_sqlite(tmp_path / "runs.sqlite")
    yield Context(Runs(database))
    database.close()


RUN = asked(NOW, user="U_ALICE", channel="C_SECURITY")


@pytest.fixture
def question(ask: Callable[[str], Question]) -> Question:
    return ask("last 7d")


@pytest.fixture
def lease(desk: Context, publisher: SlackPublisher, question: Question) -> Lease:
    """A run whose parent stands, at work."""
    desk.runs.add(RUN)
    lease = desk.acquire()
    lease.deliver([Part(PARENT, lambda: publisher.open(lease, question, 3))])
    return lease


def answer(publisher: SlackPublisher, lease: Lease, question: Question, *, rows: int = 1) -> None:
    found = Summary("7 calls", "", None)
    made = [(f"s{number}.amazonaws.com", 7) for number in range(rows)]
    with Table(question.view.columns, [made]) as table:
        lease.deliver(publisher.answer(lease, question, table, found))


def part_of(call: dict[str, object]) -> str:
    metadata = call.get("metadata")
    return str(metadata["event_payload"]["part"]) if isinstance(metadata, dict) else ""


def parts(sandbox: Sandbox) -> list[str]:
    """What stands in the channel and its threads, files by their name."""
    said = sandbox.workspace.in_channel("C_SECURITY")
    return [each.metadata["event_payload"]["part"] if each.metadata else "file" for each in said]


def test_progress_is_shown_at_most_every_three_seconds_and_the_headline_at_once(
    sandbox: Sandbox, publisher: SlackPublisher, time: Time, lease: Lease, question: Question
) -> None:
    for tick in range(70):
        time.now = 1_000 + tick / 10
        publisher.progress(lease.run, question, "running", tick / 10, 10**9)
    assert len(sandbox.calls("chat.update")) == 2, "the first of them three seconds after the message itself"

    answer(publisher, lease, question)
    assert list(lease.run.receipts) == ["table", "headline", "chart", "upload", "file"]
    (parent,) = sandbox.messages("C_SECURITY")
    assert "7 calls" in parent.text


def sparing(
    sandbox: Sandbox, catalogue: dict[str, View]
) -> tuple[SlackPublisher, SlidingWindow, list[float]]:
    """A publisher with one edit a minute, those edits, and how long it would have waited."""
    waited: list[float] = []
    free, edits = TokenBucket(10_000.0, 10_000), SlidingWindow(1, 60.0, sleep=waited.append)
    client = connection.connect(sandbox.options.bot_token, sandbox.api_url)
    budget = Budget(posts=free, files=free, edits=edits)
    return SlackPublisher(client, catalogue, budget=budget), edits, waited


def test_where_an_edit_has_to_wait_the_headline_comes_last(
    sandbox: Sandbox, catalogue: dict[str, View], lease: Lease, question: Question
) -> None:
    publisher, edits, waited = sparing(sandbox, catalogue)
    edits.wait("")
    answer(publisher, lease, question)
    assert list(lease.run.receipts) == ["table", "chart", "upload", "file", "headline"]
    assert waited == [pytest.approx(60, abs=10)]


def test_nothing_is_edited_that_a_headline_will_need(
    sandbox: Sandbox,
    catalogue: dict[str, View],
    time: Time,
    desk: Context,
    lease: Lease,
    question: Question,
) -> None:
    free = TokenBucket(10_000.0, 10_000)
    budget = Budget(posts=free, files=free, edits=SlidingWindow(4, 60.0, monotonic=time))
    client = connection.connect(sandbox.options.bot_token, sandbox.api_url)
    publisher = SlackPublisher(client, catalogue, budget=budget, monotonic=time)
    for number in range(4):
        desk.runs.add(replace(RUN, id=f"run {number}", key=f"k{number}"))
        publisher.open(desk.acquire(), question, 0)
    time.now += 10
    publisher.progress(lease.run, question, "running", 10, 0)
    assert sandbox.calls("chat.update") == []


def test_the_rows_come_before_everything_else_is_said(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    answer(publisher, lease, question, rows=2)
    calls = [call.what for call in sandbox.traffic if call.what.startswith(("chat.", "files."))]
    assert calls == [
        "chat.postMessage",
        "chat.postMessage",
        "chat.update",
        "chat.postMessage",
        "files.getUploadURLExternal",
        "files.completeUploadExternal",
    ]
    assert [part_of(call.sent) for call in sandbox.calls("chat.postMessage")] == ["parent", "table", "chart"]


def test_parts_that_were_posted_are_not_posted_again(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    there = {
        "headline": Receipt("edit", "1"),
        "table": Receipt("message", "2"),
        "file": Receipt("file", "F3"),
    }
    lease.save(receipts=there)
    answer(publisher, lease, question)
    assert len(sandbox.calls("chat.postMessage")) == 1
    assert sandbox.calls("chat.update") == []
    assert sandbox.files == []


def test_progress_that_slack_refuses_disturbs_nobody(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    sandbox.faults.error("chat.update", "message_not_found")
    publisher.progress(lease.run, question, "running", 1, 0)


def test_an_apology_after_a_long_wait_names_the_asker(
    sandbox: Sandbox, publisher: SlackPublisher, desk: Context, lease: Lease, question: Question
) -> None:
    desk.now = NOW + timedelta(minutes=2)
    lease.save()
    lease.deliver(publisher.fail(lease, question, BotError("Lake stopped this.", "Try less."), final=True))
    (told,) = sandbox.thread("C_SECURITY", lease.run.thread or "")
    assert told.notified == {"U_ALICE"}
    assert "Lake stopped this. Try less." in told.text


def test_an_apology_is_said_once_however_often_it_is_tried(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    for _ in range(2):
        lease.deliver(publisher.fail(lease, question, BotError("Lake stopped this."), final=True))
    assert len(sandbox.thread("C_SECURITY", lease.run.thread or "")) == 1


def test_an_apology_for_a_question_nobody_understands_any_more_is_in_its_thread(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease
) -> None:
    lease.deliver(publisher.fail(lease, None, BotError("No view `gone`."), final=True))
    (told,) = sandbox.thread("C_SECURITY", lease.run.thread or "")
    assert "No view `gone`." in told.text


@pytest.mark.parametrize("method", ["chat.update", "chat.postMessage"])
def test_bad_news_that_slack_cannot_take_now_is_told_when_the_run_comes_back(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question, method: str
) -> None:
    sandbox.faults.error(method, "internal_error")
    with pytest.raises(SurfaceDown):
        lease.deliver(publisher.fail(lease, question, BotError("Lake stopped this."), final=True))
    lease.deliver(publisher.fail(lease, question, BotError("Lake stopped this."), final=True))
    (told,) = sandbox.thread("C_SECURITY", lease.run.thread or "")
    assert "Lake stopped this." in told.text


def test_a_cancelling_that_slack_cannot_take_now_is_shown_when_the_run_comes_back(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    sandbox.faults.error("chat.update", "internal_error")
    with pytest.raises(SurfaceDown):
        lease.deliver(publisher.fail(lease, question, Cancelled("Cancelled."), final=True))
    lease.deliver(publisher.fail(lease, question, Cancelled("Cancelled."), final=True))
    assert len(sandbox.calls("chat.update")) == 2


def test_an_owner_who_cannot_be_told_now_is_told_when_the_run_comes_back(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease
) -> None:
    sandbox.faults.error("conversations.open", "internal_error")
    with pytest.raises(SurfaceDown):
        lease.deliver(publisher.tell(lease, "U_ALICE", BotError("That channel is archived.")))


# --- when a run is not ours to tell any more


def test_whoever_lost_a_run_posts_nothing_more(
    sandbox: Sandbox, publisher: SlackPublisher, desk: Context, lease: Lease, question: Question
) -> None:
    desk.now += LEASE
    desk.acquire()
    with pytest.raises(Cancelled):
        answer(publisher, lease, question)
    assert parts(sandbox) == ["parent"]


def test_a_process_that_is_to_stop_posts_nothing_more(
    sandbox: Sandbox, publisher: SlackPublisher, desk: Context, lease: Lease, question: Question
) -> None:
    desk.stopping.set()
    with pytest.raises(ShuttingDown):
        answer(publisher, lease, question)
    with pytest.raises(ShuttingDown):
        lease.deliver(publisher.fail(lease, question, BotError("It broke."), final=True))
    with pytest.raises(ShuttingDown):
        lease.deliver(publisher.fail(lease, question, Cancelled("Cancelled."), final=True))
    assert parts(sandbox) == ["parent"]
    assert sandbox.calls("chat.update") == []


# --- a file that does not come through at once


def test_a_file_that_was_cut_off_is_sent_again_with_the_whole_run(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    sandbox.faults.cut_before("upload")
    with pytest.raises(SurfaceDown):
        answer(publisher, lease, question)
    assert not lease.run.has("file")
    answer(publisher, lease, question)
    sandbox.wait_for(lambda: "file" in parts(sandbox), what="the file")
    assert parts(sandbox) == ["parent", "table", "file"]
    assert lease.run.receipts["file"].ref == lease.run.receipts["upload"].ref


def test_a_file_whose_bytes_came_is_not_sent_again_to_be_shared(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    sandbox.faults.cut_before("files.completeUploadExternal")
    with pytest.raises(SurfaceDown):
        answer(publisher, lease, question)
    answer(publisher, lease, question)
    sandbox.wait_for(lambda: "file" in parts(sandbox), what="the file")
    assert len(sandbox.calls("upload")) == 1
    assert len(sandbox.files) == 1


def test_a_file_that_was_cut_off_twice_is_explained_and_the_table_stays(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    sandbox.faults.cut_before("upload", times=2)
    with pytest.raises(SurfaceDown):
        answer(publisher, lease, question)
    answer(publisher, lease, question)
    table, why = sandbox.thread("C_SECURITY", lease.run.thread or "")
    assert part_of({"metadata": table.metadata}) == "table"
    assert "The table is above; the file could not be sent. Slack cannot be reached" in why.text
    assert "Rerun sends it anew." in why.text


# --- words


def refusal(code: str, status: int = 200, **more: str) -> SlackApiError:
    said = SlackResponse(
        client=None,
        http_verb="POST",
        api_url="https://slack.com/api/chat.postMessage",
        req_args={},
        data={"ok": False, "error": code, **more},
        headers={},
        status_code=status,
    )
    return SlackApiError("no", said)  # type: ignore[no-untyped-call]  # slack_sdk


def test_a_run_of_long_ago_takes_its_file_with_it(
    sandbox: Sandbox, publisher: SlackPublisher, lease: Lease, question: Question
) -> None:
    answer(publisher, lease, question)
    sandbox.wait_for(lambda: "file" in parts(sandbox), what="the file")
    publisher.forget(lease.run)
    assert parts(sandbox) == ["parent", "table"]
    assert sandbox.files == []
    sandbox.faults.error("files.delete", "file_not_found")
    publisher.forget(lease.run)


def test_an_archived_channel_is_gone_for_good() -> None:
    assert isinstance(translated(refusal("is_archived")), ChannelGone)


@pytest.mark.parametrize("code", sorted(TROUBLE))
def test_every_refusal_keeps_slacks_own_word_and_says_what_to_do(code: str) -> None:
    error = translated(refusal(code))
    assert not isinstance(error, SurfaceDown)
    assert f"({code})" in error.message
    assert error.hint


@pytest.mark.parametrize(
    "error",
    [
        refusal("internal_error"),
        refusal("ratelimited"),
        refusal("service_unavailable"),
        refusal("Received a response in a non-JSON format", status=502),
        URLError("refused"),
        ConnectionResetError("reset"),
        TimeoutError("late"),
        IncompleteRead(b""),
    ],
)
def test_what_passes_is_tried_again(error: Exception) -> None:
    assert isinstance(translated(error), SurfaceDown)


def test_a_missing_scope_is_named() -> None:
    assert "files:write" in translated(refusal("missing_scope", needed="files:write")).message


def test_a_file_is_named_for_the_askers_own_days(catalogue: dict[str, View]) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    question = parse("on 2026-11-18", now=NOW, zone=berlin, views=catalogue, engines=ENGINES)
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


OLD = replace(RUN, receipts={"file": Receipt("file", "F1")})
"""A run that left a file."""


def test_a_file_that_slack_does_not_hear_of_is_not_taken_for_deleted(
    sandbox: Sandbox, publisher: SlackPublisher
) -> None:
    sandbox.faults.cut_before("files.delete")
    with pytest.raises(SurfaceDown):
        publisher.forget(OLD)
    publisher.forget(OLD)  # nobody knows it any more
    assert [call.sent["file"] for call in sandbox.calls("files.delete")] == ["F1", "F1"]


def test_files_are_deleted_within_slacks_limit_which_they_share_with_nothing_else(
    sandbox: Sandbox, catalogue: dict[str, View]
) -> None:
    publisher, edits, waited = sparing(sandbox, catalogue)
    publisher.forget(OLD)
    assert edits.is_free(""), "as many edits as before"
    publisher.forget(replace(OLD, receipts={}))
    assert waited == []
    publisher.forget(OLD)
    assert waited == [pytest.approx(60, abs=10)]


def test_a_refusal_nobody_here_knows_says_whom_to_tell() -> None:
    assert str(translated(refusal("as_yet_unheard_of"))) == (
        "Slack refused. (as_yet_unheard_of) Tell whoever runs the bot."
    )
