"""Posting: each part once, whatever is cut in between, as far as Slack lets one know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest
from slack_sdk.errors import SlackApiError

from bot.errors import Cancelled, ShuttingDown, SurfaceDown
from bot.rate_limits import TokenBucket
from bot.sandbox import ManualClock, Options, Sandbox
from bot.store.queue import LEASE
from bot.store.run import Receipt
from bot.store.runs import Runs
from bot.worker.lease import Lease
from handlers import connection
from handlers.blockkit.blocks import paragraph, text
from handlers.errors import SLACK_ERRORS, translated
from handlers.publishing.budget import Budget
from handlers.publishing.posting import MESSAGES_A_PAGE, Posting
from handlers.retries import RETRIES
from tests.support.databases import open_sqlite
from tests.support.runs import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HISTORY = frozenset({"channels:history", "groups:history", "im:history"})
"""The scopes that allow a look at what was said; all but the last are optional."""

CHANNEL = "C_SECURITY"


class Bench:
    """A Slack, a run, and whoever posts for it; each `acquire` is another worker's."""

    def __init__(self, sandbox: Sandbox, runs: Runs, clock: ManualClock) -> None:
        self.sandbox = sandbox
        self.runs = runs
        self.stopping = Event()
        self._slacks_clock = clock
        client = connection.connect(sandbox.options.bot_token, sandbox.api_url)
        self.posting = Posting(client, Budget(*(TokenBucket(10_000.0, 10_000) for _ in range(3))))
        self.client = client

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self._slacks_clock.now(), UTC)

    def ask(self, channel: str = CHANNEL) -> Lease:
        self.runs.add(asked(self.clock(), user="U_ALICE", channel=channel))
        return self.acquire()

    def begun(self) -> tuple[Lease, str]:
        """A run whose parent stands, and the thread below it."""
        lease = self.ask()
        return lease, self.post(lease, "parent")

    def acquire(self) -> Lease:
        run = self.runs.acquire("w", self.clock(), {"local": 1})
        assert run is not None
        return Lease(self.runs, run, self.clock, self.stopping)

    def died(self) -> Lease:
        """The run as the next worker has it, after its owner died in the middle of something."""
        self._slacks_clock.advance(LEASE.total_seconds() + 1)
        taken = self.acquire()
        assert taken.run.maybe_posted
        return taken

    def post(self, lease: Lease, part: str, thread: str | None = None) -> str:
        words = [paragraph(text(f"This is {part}."))]
        sent = self.posting.post(lease, part, words, f"This is {part}.", lease.run.channel, thread)
        lease.mark_verified()  # as `deliver` does once a part is there
        return sent[1]

    def said(self, part: str, channel: str = CHANNEL) -> int:
        """How often a part stands in the channel."""
        return sum(
            (message.metadata or {}).get("event_payload", {}).get("part") == part
            for message in self.sandbox.workspace.in_channel(channel)
        )

    def shared(self) -> int:
        """How often a file was shared in the channel."""
        return sum(len(message.files) for message in self.sandbox.workspace.in_channel(CHANNEL))

    def looks(self) -> int:
        """How often someone looked at what was said."""
        return sum(
            call.what in {"conversations.history", "conversations.replies"} for call in self.sandbox.traffic
        )


@pytest.fixture
def options() -> Options:
    """With the scopes that every installation has, and no others."""
    return Options(scopes=frozenset(connection.SCOPES) - HISTORY)


@pytest.fixture
def bench(options: Options, tmp_path: Path) -> Iterator[Bench]:
    clock = ManualClock()
    database = open_sqlite(tmp_path / "runs.sqlite")
    with Sandbox(options=options, rate_limits=False, clock=clock) as sandbox:
        yield Bench(sandbox, Runs(database), clock)
        assert {each.rule for each in sandbox.broken} <= {"missing_scope", "not_in_channel"}
    database.close()


@pytest.fixture(params=["parent", "reply"])
def place(request: pytest.FixtureRequest, bench: Bench) -> tuple[str, str | None]:
    """What is posted and where: a parent in the channel, or a part in a thread."""
    if request.param == "parent":
        return "parent", None
    return "table", str(bench.client.chat_postMessage(channel=CHANNEL, text="a thread")["ts"])


def allow_looking(bench: Bench) -> None:
    bench.sandbox.options.scopes = frozenset(connection.SCOPES) | HISTORY


# --- when nothing is in doubt


def test_a_part_says_of_which_run_it_is_and_where_it_stands(bench: Bench) -> None:
    lease = bench.ask()
    words = [paragraph(text("hello"))]
    where = bench.posting.post(lease, "parent", words, "hello", CHANNEL, None)
    (message,) = bench.sandbox.messages(CHANNEL)
    assert where == (CHANNEL, message.ts)
    assert message.metadata == {
        "event_type": "tls_audit",
        "event_payload": {"run": "0123abcd", "part": "parent"},
    }
    assert message.client_msg_id


def test_without_doubt_nobody_looks(bench: Bench) -> None:
    allow_looking(bench)
    lease = bench.ask()
    bench.post(lease, "table", bench.post(lease, "parent"))
    assert bench.looks() == 0


def test_every_part_of_every_run_has_a_number_of_its_own_which_is_always_the_same(bench: Bench) -> None:
    lease = bench.ask()
    for part in ("parent", "chart", "parent"):
        bench.post(lease, part)
    first, chart, again = (call.sent["client_msg_id"] for call in bench.sandbox.calls("chat.postMessage"))
    assert first == again != chart


# --- a call of which nobody knows whether it was carried out


@pytest.mark.parametrize("looking", [False, True])
@pytest.mark.parametrize("honours", [False, True])
def test_a_post_whose_answer_was_cut_off_stands_once_where_slack_lets_one_know(
    bench: Bench, place: tuple[str, str | None], *, looking: bool, honours: bool
) -> None:
    bench.sandbox.options.honours_client_msg_id = honours
    if looking:
        allow_looking(bench)
    part, thread = place
    lease = bench.ask()
    bench.sandbox.faults.cut_after("chat.postMessage")
    with pytest.raises(SLACK_ERRORS) as cut:
        bench.post(lease, part, thread)
    assert isinstance(translated(cut.value), SurfaceDown)
    assert bench.said(part) == 1
    lease.release(maybe_posted=True)

    again = bench.acquire()
    where = bench.post(again, part, thread)
    assert bench.said(part) == (1 if looking or honours else 2)
    assert bench.sandbox.message(CHANNEL, where) is not None
    assert bench.looks() == 1


@pytest.mark.parametrize("looking", [False, True])
def test_a_post_that_never_reached_slack_is_posted_once(
    bench: Bench, place: tuple[str, str | None], *, looking: bool
) -> None:
    if looking:
        allow_looking(bench)
    part, thread = place
    lease = bench.ask()
    bench.sandbox.faults.cut_before("chat.postMessage")
    with pytest.raises(SLACK_ERRORS):
        bench.post(lease, part, thread)
    lease.release(maybe_posted=True)
    bench.post(bench.acquire(), part, thread)
    assert bench.said(part) == 1


@pytest.mark.parametrize(("looking", "times"), [(True, 1), (False, 2)])
def test_a_post_of_a_worker_that_died_before_it_was_written_down_is_found(
    bench: Bench, place: tuple[str, str | None], *, looking: bool, times: int
) -> None:
    if looking:
        allow_looking(bench)
    part, thread = place
    first = bench.post(bench.ask(), part, thread)
    found = bench.post(bench.died(), part, thread)
    assert bench.said(part) == times
    assert (found == first) is looking


def test_a_server_error_of_a_post_is_no_second_post_within_the_call(bench: Bench) -> None:
    lease = bench.ask()
    bench.sandbox.faults.status("chat.postMessage", 500)
    with pytest.raises(SlackApiError) as refused:
        bench.post(lease, "parent")
    assert isinstance(translated(refused.value), SurfaceDown)
    assert len(bench.sandbox.calls("chat.postMessage")) == 1


def test_one_look_settles_the_doubt_for_all_parts_that_follow(bench: Bench) -> None:
    allow_looking(bench)
    bench.ask()
    lease = bench.died()
    thread = bench.post(lease, "parent")
    bench.post(lease, "table", thread)
    assert bench.looks() == 1
    assert not lease.run.maybe_posted


def test_a_part_that_is_refused_leaves_the_doubt_to_the_word_that_says_so(bench: Bench) -> None:
    allow_looking(bench)
    lease = bench.ask()
    bench.sandbox.faults.error("chat.postMessage", "restricted_action")
    with pytest.raises(SlackApiError):
        bench.post(lease, "parent")
    bench.post(lease, "told alone")
    lease = bench.died()
    bench.sandbox.faults.error("chat.postMessage", "restricted_action")
    with pytest.raises(SlackApiError):
        bench.post(lease, "parent")

    bench.post(lease, "told alone")

    assert bench.said("told alone") == 1


def test_a_look_finds_a_part_behind_everything_that_was_said_since(bench: Bench) -> None:
    allow_looking(bench)
    first = bench.post(bench.ask(), "parent")
    for number in range(MESSAGES_A_PAGE + 5):
        bench.sandbox.say("U_BOB", CHANNEL, f"chatter {number}")
    assert bench.post(bench.died(), "parent") == first
    assert bench.said("parent") == 1


def test_a_look_does_not_take_another_runs_part_or_another_part_for_its_own(bench: Bench) -> None:
    allow_looking(bench)
    lease, thread = bench.begun()
    bench.post(lease, "chart", thread)
    bench.client.chat_postMessage(
        channel=CHANNEL,
        thread_ts=thread,
        text="another's table",
        metadata={"event_type": "tls_audit", "event_payload": {"run": "other", "part": "table"}},
    )
    bench.post(bench.died(), "table", thread)
    assert bench.said("table") == 2, "one each"


def test_a_look_that_slack_refuses_for_now_posts_nothing(bench: Bench) -> None:
    allow_looking(bench)
    bench.post(bench.ask(), "parent")
    lease = bench.died()
    bench.sandbox.faults.error("conversations.history", "internal_error")
    with pytest.raises(SlackApiError) as refused:
        bench.post(lease, "parent")
    assert isinstance(translated(refused.value), SurfaceDown)
    assert bench.said("parent") == 1
    assert lease.run.maybe_posted, "nobody has looked yet"


def test_where_one_may_not_look_the_part_is_posted_rather_than_lost(bench: Bench) -> None:
    bench.ask()
    bench.post(bench.died(), "parent")
    assert bench.said("parent") == 1


def test_in_a_public_channel_a_look_as_a_stranger_is_no_obstacle(bench: Bench) -> None:
    allow_looking(bench)
    bench.ask("C_RANDOM")
    lease = bench.died()
    bench.post(lease, "parent")
    assert bench.said("parent", "C_RANDOM") == 1
    assert len(bench.sandbox.calls("conversations.join")) == 1


# --- what Slack refuses for now


def paced(bench: Bench) -> tuple[Posting, list[float]]:
    """A posting with a budget of ten at once and one a second, and what it waited for."""
    waited: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    buckets = [TokenBucket(1.0, 10, monotonic=lambda: now[0], sleep=sleep) for _ in range(3)]
    return Posting(bench.client, Budget(*buckets)), waited


def test_a_call_that_slack_refuses_for_now_waits_for_another_turn_and_so_do_all_others(bench: Bench) -> None:
    lease, thread = bench.begun()
    posting, waited = paced(bench)
    bench.sandbox.faults.ratelimit("chat.postMessage", retry_after=30)
    words = [paragraph(text("x"))]
    posting.post(lease, "table", words, "x", CHANNEL, thread)
    posting.post(lease, "chart", words, "x", CHANNEL, thread)
    assert (bench.said("table"), bench.said("chart")) == (1, 1)
    assert 31 <= waited[0] < 32.1
    assert len(waited) == 2, "of the burst nothing is left, as far as is known"


def test_a_limit_that_does_not_end_is_told_after_a_few_turns(bench: Bench, csv: Path) -> None:
    lease, thread = bench.begun()
    posting, waited = paced(bench)
    for method, call in (
        ("chat.update", lambda: posting.edit(lease, [paragraph(text("x"))], "x")),
        ("files.getUploadURLExternal", lambda: posting.upload(lease, csv, "answer.csv", thread)),
    ):
        waited.clear()
        bench.sandbox.faults.ratelimit(method, times=RETRIES + 1)
        with pytest.raises(SlackApiError):
            call()
        assert len(waited) == RETRIES


def test_an_edit_that_may_be_left_out_is_not_tried_again_and_others_wait(bench: Bench) -> None:
    lease, _ = bench.begun()
    posting, waited = paced(bench)
    bench.sandbox.faults.ratelimit("chat.update", retry_after=30)
    assert posting.may_edit(0)
    with pytest.raises(SlackApiError):
        posting.edit_now(lease.run, [paragraph(text("x"))], "x")
    assert waited == []
    assert not posting.can_edit()
    assert not posting.may_edit(0)


def test_whoever_lost_the_run_while_waiting_out_a_limit_posts_nothing(bench: Bench) -> None:
    lease = bench.ask()

    def sleep(_: float) -> None:
        bench.died()

    late = Posting(bench.client, Budget(*(TokenBucket(1.0, 5, sleep=sleep) for _ in range(3))))
    bench.sandbox.faults.ratelimit("chat.postMessage", retry_after=30)
    with pytest.raises(Cancelled):
        late.post(lease, "parent", [paragraph(text("x"))], "x", CHANNEL, None)
    assert bench.said("parent") == 0


# --- only its owner posts


def test_whoever_lost_the_run_while_waiting_for_a_turn_posts_nothing(bench: Bench) -> None:
    lease = bench.ask()

    def take(_: float) -> None:
        bench.died()

    late = Posting(bench.client, Budget(*(TokenBucket(1.0, 0, sleep=take) for _ in range(3))))
    calls: list[Callable[[], object]] = [
        lambda: late.post(lease, "parent", [paragraph(text("x"))], "x", CHANNEL, None),
        lambda: late.edit(lease, [paragraph(text("x"))], "x"),
    ]
    for call in calls:
        with pytest.raises(Cancelled):
            call()
    assert bench.sandbox.calls("chat.postMessage") == []
    assert bench.sandbox.calls("chat.update") == []


def test_a_process_that_is_to_stop_posts_edits_and_sends_nothing(bench: Bench, csv: Path) -> None:
    lease = bench.ask()
    bench.stopping.set()
    calls: list[Callable[[], object]] = [
        lambda: bench.post(lease, "parent"),
        lambda: bench.posting.edit(lease, [paragraph(text("x"))], "x"),
        lambda: bench.posting.upload(lease, csv, "answer.csv", None),
    ]
    for call in calls:
        with pytest.raises(ShuttingDown):
            call()
    assert bench.sandbox.traffic == []


# --- files


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "answer.csv"
    path.write_text("eventSource,numCalls\ns3.amazonaws.com,7\n", encoding="utf-8")
    return path


def settled(bench: Bench, times: int) -> None:
    """Once so many files stand in the channel."""
    bench.sandbox.wait_for(lambda: bench.shared() >= times, what="the file")


def test_a_file_is_sent_written_down_and_shared(bench: Bench, csv: Path) -> None:
    lease, thread = bench.begun()
    file = bench.posting.upload(lease, csv, "answer.csv", thread)
    settled(bench, 1)
    assert lease.run.receipts == {"upload": Receipt("upload", file)}
    (kept,) = bench.sandbox.files
    assert (kept.id, kept.name, kept.content) == (file, "answer.csv", csv.read_bytes())
    (reply,) = bench.sandbox.thread(CHANNEL, thread)
    assert reply.files == (file,)


def test_a_file_whose_sharing_was_cut_off_is_found_at_once_where_one_may_look(
    bench: Bench, csv: Path
) -> None:
    allow_looking(bench)
    lease, thread = bench.begun()
    bench.sandbox.faults.cut_after("files.completeUploadExternal")

    file = bench.posting.upload(lease, csv, "answer.csv", thread)

    settled(bench, 1)
    assert file == lease.run.receipts["upload"].ref
    assert len(bench.sandbox.calls("upload")) == 1, "its bytes were sent once"


def test_a_file_that_may_have_been_shared_is_taken_back_and_sent_anew_where_nobody_may_look(
    bench: Bench, csv: Path
) -> None:
    lease, thread = bench.begun()
    bench.sandbox.faults.cut_after("files.completeUploadExternal")
    with pytest.raises(SLACK_ERRORS):
        bench.posting.upload(lease, csv, "answer.csv", thread)
    settled(bench, 1)
    lease.release(maybe_posted=True)

    again = bench.acquire()
    file = bench.posting.upload(again, csv, "answer.csv", thread)
    settled(bench, 1)
    assert bench.shared() == 1
    assert file == again.run.receipts["upload"].ref
    assert len(bench.sandbox.calls("upload")) == 2, "its bytes were sent again"


def test_a_file_whose_sharing_never_reached_slack_is_shared_without_being_sent_again(
    bench: Bench, csv: Path
) -> None:
    allow_looking(bench)
    lease, thread = bench.begun()
    bench.sandbox.faults.cut_before("files.completeUploadExternal")
    with pytest.raises(SLACK_ERRORS):
        bench.posting.upload(lease, csv, "answer.csv", thread)
    bench.posting.upload(bench.died(), csv, "answer.csv", thread)
    settled(bench, 1)
    assert bench.shared() == 1
    assert len(bench.sandbox.calls("upload")) == 1


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "upload"])
def test_a_file_whose_bytes_did_not_come_is_sent_anew(bench: Bench, csv: Path, method: str) -> None:
    lease, thread = bench.begun()
    bench.sandbox.faults.cut_after(method)
    with pytest.raises(SLACK_ERRORS) as cut:
        bench.posting.upload(lease, csv, "answer.csv", thread)
    assert isinstance(translated(cut.value), SurfaceDown)
    assert "upload" not in lease.run.receipts
    bench.posting.upload(bench.died(), csv, "answer.csv", thread)
    settled(bench, 1)
    assert bench.shared() == 1


def test_an_upload_that_slack_fails_to_take_is_not_well_for_now(bench: Bench, csv: Path) -> None:
    lease = bench.ask()
    bench.sandbox.faults.status("upload", 500)
    with pytest.raises(SLACK_ERRORS) as failed:
        bench.posting.upload(lease, csv, "answer.csv", None)
    assert isinstance(translated(failed.value), SurfaceDown)


def test_a_public_channel_is_joined_to_share_a_file_there(bench: Bench, csv: Path) -> None:
    lease = bench.ask("C_RANDOM")
    bench.posting.upload(lease, csv, "answer.csv", None)
    assert len(bench.sandbox.calls("conversations.join")) == 1


def test_a_look_goes_no_further_back_than_the_run(bench: Bench) -> None:
    allow_looking(bench)
    lease = bench.ask()
    bench.post(bench.died(), "parent")
    (look,) = bench.sandbox.calls("conversations.history")
    assert datetime.fromtimestamp(float(look.sent["oldest"]), UTC) == (
        lease.run.created - timedelta(minutes=1)
    )
