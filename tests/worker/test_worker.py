"""The worker: from words to an answer, whatever happens between. The clock is the test's, step by step."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import UTC, date, tzinfo
from threading import Event
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from bot.app.ask import Questions
from bot.app.grammar import Grammar
from bot.engines import Engine, Statement
from bot.errors import (
    BotError,
    Cancelled,
    EngineBusy,
    EngineError,
    ShuttingDown,
    StoreDown,
    SurfaceDown,
    UserError,
)
from bot.store.run import Receipt
from bot.store.runs import ATTEMPTS
from bot.table import Table
from bot.worker.publisher import Parent, Part
from bot.worker.retention import KEEP
from tests.conftest import NOW
from tests.support.clock import Clock
from tests.support.databases import open_sqlite
from tests.support.workers import ended, step, worker_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlglot import exp

    from bot.answers.summary import Summary
    from bot.digests.digest import Digest
    from bot.digests.report import Report
    from bot.digests.watch import Watch
    from bot.engines import Progress
    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.database import Database
    from bot.store.run import Run
    from bot.table import Column
    from bot.worker.publisher import Delivery


class Script(Engine):
    """An engine that does what a test lays before it, one thing each time it is asked; else it answers."""

    name = "script"
    metered = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.next: list[Callable[[Progress], None]] = []

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        return Statement(select.sql("trino"), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        self.asked.append((token, resume))
        if self.next:
            self.next.pop(0)(progress)
        row = tuple(7 if column.type == "INTEGER" else "s3.amazonaws.com" for column in statement.columns)
        return Table(statement.columns, [[] if token.endswith("coverage") else [row]])


class Diary:
    """A publisher that writes down what it was asked to show; what a test lays before it comes first."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.next: list[Callable[[str], None]] = []
        self.errors: list[BotError] = []
        self.doubts: list[bool] = []
        """Whether each thing said may have been said before."""

    def _say(self, delivery: Delivery, words: str, part: str = "") -> Receipt:
        if self.next:
            self.next.pop(0)(words)
        self.said.append(words)
        self.doubts.append(delivery.run.maybe_posted)
        return Receipt("edit" if part == "headline" else "message", f"{part} of {delivery.run.id}")

    def open(self, delivery: Delivery, question: Question, ahead: int) -> Parent:
        del question
        self._say(delivery, f"open {delivery.run.typed}, {ahead} ahead")
        return Parent(delivery.run.channel, f"thread of {delivery.run.id}")

    def progress(self, run: Run, question: Question, state: str, seconds: float, scanned: int) -> None:
        del question
        self.said.append(f"{state} {seconds:.0f} s, {scanned} bytes of {run.typed}")

    def answer(
        self, delivery: Delivery, question: Question, table: Table, summary: Summary
    ) -> Iterator[Part]:
        del question, table
        yield Part("table", lambda: self._say(delivery, f"table: {summary.headline}", "table"))
        yield Part("headline", lambda: self._say(delivery, f"headline: {summary.headline}", "headline"))

    def digest(
        self, delivery: Delivery, digest: Digest, report: Report, today: date, late: str
    ) -> Iterator[Part]:
        del digest, report, today, late
        yield Part("table", lambda: self._say(delivery, "digest"))

    def fail(
        self, delivery: Delivery, subject: Question | Digest | None, error: BotError, *, final: bool
    ) -> Iterator[Part]:
        del subject, final
        cancelled = isinstance(error, Cancelled)
        if not cancelled:
            self.errors.append(error)
        about = delivery.run.typed or "a digest"
        words = f"cancelled {about}" if cancelled else f"sorry for {about}: {error}"
        yield Part("trouble", lambda: self._say(delivery, words))

    def watched(self, delivery: Delivery, watch: Watch, words: str) -> Iterator[Part]:
        del watch
        yield Part("watched", lambda: self._say(delivery, words))

    def tell(self, delivery: Delivery, user: str, error: BotError) -> Iterator[Part]:
        yield Part("told alone", lambda: self._say(delivery, f"to {user} alone: {error}"))

    def forget(self, run: Run) -> None:
        if self.next:
            self.next.pop(0)(run.typed)
        self.said.append(f"forget {run.typed}")


class Bench:
    """A worker with everything around it, worked by hand."""

    def __init__(self, database: Database, views: dict[str, View], clock: Clock, owner: str = "one") -> None:
        self.engine, self.diary, self.clock = Script(), Diary(), clock
        self.stopping = Event()
        self.ended: list[Run] = []
        grammar = Grammar(views, ["script"], "script", 366)
        self.worker = worker_over(
            database,
            {"script": self.engine},
            self.diary,
            grammar,
            limits={"script": 1},
            owner=owner,
            clock=clock,
            stopping=self.stopping,
            ended=self.ended.append,
        )
        self.runs = self.worker.runs
        self.questions = Questions(self.runs, grammar, wake=self.worker.wake, clock=clock)
        self._count = 0
        self._around = database, views, clock

    def other(self, owner: str = "two") -> Bench:
        """Another process beside this one."""
        return Bench(*self._around, owner)

    def ask(self, text: str = "last 7d", *, user: str = "alice", key: str = "", zone: tzinfo = UTC) -> Run:
        self._count += 1
        self.clock.advance(0.001)
        return self.questions.ask(
            text, channel="C", user=user, key=key or f"key {self._count}", zone=lambda: zone
        )

    def now(self, run: Run) -> Run:
        found = self.runs.get(run.id)
        assert found is not None
        return found

    def work(self) -> int:
        """Steps until there is nothing to do now."""
        steps = 0
        while step(self.worker):
            steps += 1
            assert steps < 100, "it never rests"
        return steps

    def die(self) -> None:
        """Have the process killed in the middle of a step, as what lies before its parts will do."""
        with pytest.raises(KeyboardInterrupt):
            step(self.worker)

    def died_asking(self) -> Run:
        """A run that was at its engine, as `ref-1`, when the process was killed."""

        def dies(progress: Progress) -> None:
            progress("ref-1", "running", 5)
            raise KeyboardInterrupt

        self.engine.next = [dies]
        run = self.ask()
        self.die()
        return run

    def handed_over(self) -> Run:
        """A run that is at its engine, as `ref-1`, when the process is told to stop."""

        def stopped(progress: Progress) -> None:
            progress("ref-1", "running", 5)
            self.stopping.set()
            progress("ref-1", "running", 6)

        self.engine.next = [stopped]
        run = self.ask()
        assert step(self.worker)
        return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    kept = open_sqlite(path)
    yield kept
    kept.close()


@pytest.fixture
def bench(database: Database, catalogue: dict[str, View]) -> Bench:
    return Bench(database, catalogue, Clock(NOW))


def raises(error: BaseException) -> Callable[[object], None]:
    def act(_: object) -> None:
        raise error

    return act


def nothing(_: object) -> None:
    """Go on as if nothing had been laid before."""


# --- asking


def test_a_question_is_opened_run_and_answered_once(bench: Bench) -> None:
    run = bench.ask()
    assert bench.work() == 1

    done = bench.now(run)
    assert (done.state, done.rows, done.receipts) == (
        "done",
        1,
        {
            "table": Receipt("message", f"table of {run.id}"),
            "headline": Receipt("edit", f"headline of {run.id}"),
        },
    )
    assert bench.diary.said == [
        "open last 7d, 0 ahead",
        "table: 7 calls to 1 service",
        "headline: 7 calls to 1 service",
    ]
    assert not any(bench.diary.doubts)
    assert bench.engine.asked == [(f"{run.id}/answer", None)], "paid for coverage only where it is needed"


def test_asking_twice_with_one_key_makes_one_run(bench: Bench) -> None:
    first = bench.ask(key="event 1")
    assert bench.ask(key="event 1").id == first.id
    bench.work()
    assert bench.ask(key="event 1").state == "done"
    assert len(bench.engine.asked) == 1


def test_a_mistake_is_the_askers_and_leaves_no_run(bench: Bench) -> None:
    with pytest.raises(UserError):
        bench.ask("last 7d servce=s3")
    assert bench.runs.latest("alice", 9) == []


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("last 7d", False),
        ("last 7d servce=s3", False),
        ("yesterday", True),
        ("2026-11-01..2026-11-08", True),
        ("2026-11-01T00:00Z..2026-11-08T00:00Z", False),
    ],
)
def test_the_askers_zone_is_asked_for_only_where_it_matters(bench: Bench, text: str, *, asked: bool) -> None:
    zones: list[str] = []

    def zone() -> tzinfo:
        zones.append("asked")
        return UTC

    with suppress(UserError):
        bench.questions.ask(text, channel="C", user="alice", key="k", zone=zone)
    assert bool(zones) is asked


@pytest.mark.parametrize(
    ("text", "zone", "start"),
    [
        # already begun in Tokyo, still to come in the far west
        ("since 2026-11-23 16:00", ZoneInfo("Asia/Tokyo"), "2026-11-23T07:00"),
        # a year and a few hours in the far east, less in Berlin
        ("since 2025-11-22 12:00", ZoneInfo("Europe/Berlin"), "2025-11-22T11:00"),
    ],
)
def test_a_window_that_is_right_where_the_asker_is_is_right(
    bench: Bench, text: str, zone: tzinfo, start: str
) -> None:
    run = bench.ask(text, zone=zone)
    assert f"{bench.questions.grammar.question(run).window.start:%Y-%m-%dT%H:%M}" == start


def test_a_window_that_is_wrong_where_the_asker_is_is_refused(bench: Bench) -> None:
    with pytest.raises(UserError):
        bench.ask("since 2026-11-23 16:00", zone=UTC)


def test_the_question_of_a_run_does_not_move_with_time_or_place(bench: Bench) -> None:
    run = bench.ask("yesterday", zone=ZoneInfo("Asia/Tokyo"))
    then = bench.questions.grammar.question(run)
    bench.clock.advance(86_400)
    assert bench.questions.grammar.question(bench.now(run)) == then


# --- the engine


def test_an_engine_that_fails_is_told_and_never_asked_again(bench: Bench) -> None:
    bench.engine.next = [raises(EngineError("It broke.", "Ask for less."))]
    run = bench.ask()
    bench.work()
    assert (bench.now(run).state, bench.now(run).error) == ("failed", "It broke. Ask for less.")
    assert bench.diary.said[-1] == "sorry for last 7d: It broke. Ask for less."
    bench.clock.advance(1_000)
    assert bench.work() == 0


def test_a_full_engine_puts_a_run_back_at_its_place(bench: Bench) -> None:
    bench.engine.next = [raises(EngineBusy("Ten are running."))]
    first = bench.ask("last 7d", user="alice")
    second = bench.ask("last 8d", user="bob")
    assert step(bench.worker)
    assert (bench.now(first).state, bench.now(first).attempts) == ("queued", 0)
    bench.work()
    assert bench.now(second).state == "done"
    assert bench.now(first).state == "queued"
    bench.clock.advance(5)
    bench.work()
    assert bench.now(first).state == "done"
    assert sum(words.startswith("open last 7d") for words in bench.diary.said) == 1


def test_a_busy_engine_is_asked_for_as_long_as_it_takes(bench: Bench) -> None:
    bench.engine.next = [raises(EngineBusy("Ten are running."))] * 20
    run = bench.ask()
    for _ in range(20):
        bench.work()
        assert bench.now(run).state == "queued"
        bench.clock.advance(5)
    bench.work()
    assert bench.now(run).state == "done"


def test_what_the_engine_calls_a_run_is_kept_at_once_and_handed_back_after_a_crash(bench: Bench) -> None:
    run = bench.died_asking()
    assert bench.now(run).steps[0].ref == "ref-1"

    other = bench.other()
    assert other.work() == 0, "the lease has not ended"
    bench.clock.advance(31)
    other.work()
    assert other.engine.asked == [(f"{run.id}/answer", "ref-1")]
    assert bench.now(run).state == "done"


def test_what_only_cards_hint_at_outlives_a_kill_and_costs_no_answer_where_it_fails(bench: Bench) -> None:
    def dies(progress: Progress) -> None:
        progress("ref-3", "running", 5)
        raise KeyboardInterrupt

    bench.engine.metered = False
    bench.engine.next = [nothing, nothing, dies]
    run = bench.ask("last 7d by=clients")
    bench.die()

    other = bench.other()
    other.engine.next = [nothing, nothing, raises(EngineError("It broke."))]
    other.engine.metered = False
    bench.clock.advance(31)
    other.work()
    asked = [(f"{run.id}/{name}", ref) for name, ref in (("answer", None), ("coverage", None))]
    assert other.engine.asked == [*asked, (f"{run.id}/others", "ref-3")]
    assert (bench.now(run).state, bench.now(run).error) == ("done", None)


def test_progress_is_written_down_at_most_every_second(bench: Bench) -> None:
    def slow(progress: Progress) -> None:
        for number in range(30):
            progress("ref", "running", number)
            bench.clock.advance(0.1)

    bench.engine.next = [slow]
    bench.ask()
    bench.work()
    told = [words for words in bench.diary.said if words.startswith("running")]
    assert told == [
        "running 0 s, 0 bytes of last 7d",
        "running 1 s, 10 bytes of last 7d",
        "running 2 s, 20 bytes of last 7d",
    ]


def test_a_run_that_ends_its_process_again_and_again_is_given_up_with_a_word(
    bench: Bench,
) -> None:
    run = bench.ask()
    for number in range(ATTEMPTS):
        life = bench.other(f"life {number}")
        life.engine.next = [raises(KeyboardInterrupt())]
        life.die()
        bench.clock.advance(31)

    last = bench.other("last")
    last.work()
    assert last.engine.asked == []
    assert last.now(run).state == "failed"
    assert last.diary.said == [
        "sorry for last 7d: This run ended the bot 3 times and is given up. Ask for less at once."
    ]


def test_a_start_takes_up_at_once_what_the_last_life_left(
    bench: Bench,
) -> None:
    bench.engine.next = [raises(KeyboardInterrupt())]
    run = bench.ask()
    bench.die()

    after = bench.other("one")
    after.worker.start(2)
    done = ended(after.worker, run.id, 10)
    after.worker.stop()
    assert done is not None
    assert done.state == "done"


# --- losing a run


def test_an_owner_that_was_paused_says_nothing_more(bench: Bench) -> None:
    other = bench.other()

    def paused(progress: Progress) -> None:
        bench.clock.advance(31)
        other.work()
        progress("late", "running", 1)

    bench.engine.next = [paused]
    run = bench.ask()
    bench.work()
    assert bench.diary.said == ["open last 7d, 0 ahead"]
    assert other.diary.said == ["table: 7 calls to 1 service", "headline: 7 calls to 1 service"]
    assert bench.now(run).owner == "two"


@pytest.mark.parametrize(
    "error", [EngineError("It broke."), EngineBusy("Full."), SurfaceDown("Slack is away.")]
)
def test_whatever_befalls_a_paused_owner_changes_nothing(bench: Bench, error: BotError) -> None:
    other = bench.other()

    def paused(_: Progress) -> None:
        bench.clock.advance(31)
        other.work()
        raise error

    bench.engine.next = [paused]
    run = bench.ask()
    bench.work()
    assert bench.now(run).state == "done"
    assert bench.diary.said == ["open last 7d, 0 ahead"]


# --- the publisher


@pytest.mark.parametrize("part", ["open", "table", "headline"])
def test_when_slack_cannot_be_reached_the_same_is_tried_again_and_nothing_twice(
    bench: Bench, part: str
) -> None:
    def away(words: str) -> None:
        raise SurfaceDown(f"{words} is not heard.")

    before = {"open": 0, "table": 1, "headline": 2}[part]
    bench.diary.next = [*[nothing] * before, away]
    run = bench.ask()
    assert bench.work() == 1
    waiting = bench.now(run)
    assert waiting.state in {"running", "posting"}
    assert (waiting.lease, waiting.attempts) == (None, 0), "nobody holds it, and it counts as no attempt"
    bench.clock.advance(29)
    assert bench.work() == 0
    bench.clock.advance(2)
    bench.work()
    assert bench.now(run).state == "done"
    assert [words.split(" ")[0].strip(":") for words in bench.diary.said] == ["open", "table", "headline"]


def test_what_slack_may_have_heard_before_it_went_away_is_looked_for(bench: Bench) -> None:
    bench.diary.next = [nothing, raises(SurfaceDown("Away."))]
    bench.ask()
    bench.work()
    assert bench.diary.doubts == [False]
    bench.clock.advance(31)
    bench.work()
    assert bench.diary.said[1:] == ["table: 7 calls to 1 service", "headline: 7 calls to 1 service"]
    assert bench.diary.doubts == [False, True, False], "once the table is there, nothing else can be"


def test_what_a_worker_that_died_may_have_posted_is_looked_for(bench: Bench) -> None:
    bench.diary.next = [nothing, raises(KeyboardInterrupt())]
    run = bench.ask()
    bench.die()
    bench.clock.advance(31)
    other = bench.other()
    other.work()
    assert other.now(run).state == "done"
    assert other.diary.doubts == [True, False]


def test_however_long_slack_is_away_a_run_is_not_given_up(bench: Bench) -> None:
    bench.diary.next = [raises(SurfaceDown("Away."))] * 20
    run = bench.ask()
    for _ in range(20):
        bench.work()
        bench.clock.advance(31)
    bench.work()
    assert bench.now(run).state == "done"


def test_what_slack_refuses_for_good_fails_and_is_told(bench: Bench) -> None:
    bench.diary.next = [raises(BotError("That channel is archived."))]
    run = bench.ask()
    bench.work()
    assert (bench.now(run).state, bench.now(run).thread) == ("failed", None)
    assert bench.diary.said == ["sorry for last 7d: That channel is archived."]


def test_a_call_that_takes_long_is_no_death(bench: Bench) -> None:
    other = bench.other()

    def rate_limited(_: object) -> None:
        for _ in range(6):
            bench.clock.advance(10)
            bench.worker.keep_leases()
            assert other.work() == 0

    bench.diary.next = [rate_limited] * 3
    bench.engine.next = [rate_limited]
    run = bench.ask()
    bench.work()
    assert bench.now(run).state == "done"
    assert other.diary.said == []
    assert len(bench.engine.asked) == 1


def test_what_is_no_more_at_work_is_not_kept(bench: Bench) -> None:
    other = bench.other()
    bench.diary.next = [raises(ZeroDivisionError("a bug"))]
    run = bench.ask()
    assert step(bench.worker)
    assert bench.now(run).owner == "one"
    bench.clock.advance(31)
    bench.worker.keep_leases()
    other.work()
    assert other.now(run).owner == "two"

    bench.engine.next = [raises(EngineBusy("Full."))]
    waiting = bench.ask()
    bench.work()
    bench.worker.keep_leases()
    assert bench.now(waiting).lease is None


# --- cancelling


def test_a_waiting_run_is_cancelled_by_the_next_free_worker(bench: Bench) -> None:
    def cancel(_: Progress) -> None:
        assert step(bench.worker), "announce the second"
        bench.questions.cancel(second.id)
        assert step(bench.worker)
        assert bench.now(second).state == "cancelled"

    bench.engine.next = [cancel]
    bench.ask("last 7d")
    second = bench.ask("last 8d")
    bench.work()
    assert (
        bench.diary.said[1:3] == ["open last 8d, 0 ahead", "cancelled last 8d"]
        or "cancelled last 8d" in bench.diary.said
    )
    assert (bench.now(second).state, bench.now(second).finished) == ("cancelled", bench.clock())
    assert [token for token, _ in bench.engine.asked if token.startswith(second.id)] == []


def test_a_run_nobody_has_seen_yet_is_cancelled_without_asking_the_engine(bench: Bench) -> None:
    run = bench.ask()
    bench.questions.cancel(run.id)
    bench.work()
    assert bench.now(run).state == "cancelled"
    assert bench.engine.asked == []
    assert not [words for words in bench.diary.said if words.startswith("open")]


def test_a_running_run_is_stopped_at_its_engines_next_word(bench: Bench) -> None:
    def cancel(progress: Progress) -> None:
        progress("ref", "running", 1)
        bench.questions.cancel(run.id)
        bench.clock.advance(1)
        with pytest.raises(Cancelled):
            progress("ref", "running", 2)
        raise Cancelled("as the engine lets it pass")

    bench.engine.next = [cancel]
    run = bench.ask()
    bench.work()
    assert bench.now(run).state == "cancelled"
    assert bench.diary.said[-1] == "cancelled last 7d"


def test_an_engine_that_failed_while_it_was_being_cancelled_ends_the_run(bench: Bench) -> None:
    def cancel(_: Progress) -> None:
        bench.questions.cancel(run.id)
        raise EngineError("It broke.")

    bench.engine.next = [cancel]
    run = bench.ask()
    bench.work()
    assert bench.now(run).state in {"failed", "cancelled"}


def test_a_run_cancelled_while_it_posts_is_answered_to_its_end_or_cancelled(bench: Bench) -> None:
    def cancel(_: str) -> None:
        bench.questions.cancel(run.id)

    bench.diary.next = [nothing, cancel]
    run = bench.ask()
    bench.work()
    assert bench.now(run).state in {"done", "cancelled"}
    assert bench.work() == 0


def test_a_run_that_has_ended_cannot_be_cancelled(bench: Bench) -> None:
    run = bench.ask()
    bench.work()
    assert bench.questions.cancel(run.id) is None
    assert bench.questions.cancel("nobody") is None


def test_a_cancelled_run_whose_worker_died_is_still_cancelled(bench: Bench) -> None:
    def dies(_: Progress) -> None:
        bench.questions.cancel(run.id)
        raise KeyboardInterrupt

    bench.engine.next = [dies]
    run = bench.ask()
    bench.die()
    bench.clock.advance(31)
    bench.work()
    assert bench.now(run).state == "cancelled"
    assert len(bench.engine.asked) == 1


# --- working in the background


def test_what_was_asked_before_the_worker_began_is_answered(bench: Bench) -> None:
    run = bench.ask()
    bench.worker.start(1)
    done = ended(bench.worker, run.id, 10)
    bench.worker.stop()
    assert done is not None
    assert done.state == "done"


def test_a_bug_in_one_run_does_not_end_the_worker(bench: Bench) -> None:
    met = Event()

    def bug(_: str) -> None:
        met.set()
        raise ZeroDivisionError("a bug")

    bench.diary.next = [bug]
    broken = bench.ask("last 7d")
    bench.worker.start(1)
    assert met.wait(10)
    sound = bench.ask("last 8d")
    bench.clock.advance(31)
    for run in (broken, sound):
        ended(bench.worker, run.id, 10)
    bench.worker.stop()
    assert (bench.now(broken).state, bench.now(sound).state) == ("done", "done")


def test_many_at_work_at_once_all_end_and_then_every_thread_does(bench: Bench) -> None:
    runs = [bench.ask(f"last {number + 1}d", user=f"u{number}") for number in range(6)]
    bench.worker.start(2)
    assert bench.worker.is_alive()
    for run in runs:
        ended(bench.worker, run.id, 10)
    bench.worker.stop()
    assert bench.worker.is_alive() is False
    assert {bench.now(run).state for run in runs} == {"done"}


def test_no_more_runs_are_at_work_than_there_may_be(bench: Bench) -> None:
    go, begun, at_once = Event(), Event(), []

    def wait(_: str) -> None:
        at_once.append(1)
        begun.set()
        go.wait()

    bench.diary.next = [wait] * 3
    runs = [bench.ask(f"last {number + 1}d", user=f"u{number}") for number in range(3)]
    bench.worker.start(1)
    assert begun.wait(10)
    # a look at whatever else would be claimed: the one worker there is has its hands full
    assert ended(bench.worker, runs[2].id, 0.2) == runs[2]
    assert len(at_once) == 1
    go.set()
    for run in runs:
        ended(bench.worker, run.id, 10)
    bench.worker.stop()
    assert {bench.now(run).state for run in runs} == {"done"}


def test_whoever_counts_runs_is_told_of_each_that_ended_once(bench: Bench) -> None:
    done = bench.ask("last 7d")
    bench.work()
    bench.engine.next = [raises(EngineBusy("Full.")), raises(EngineError("It broke."))]
    failed = bench.ask("last 8d")
    bench.work()
    assert bench.ended == [bench.now(done)], "the other one waits"
    bench.clock.advance(5)
    bench.work()
    cancelled = bench.ask("last 9d")
    bench.questions.cancel(cancelled.id)
    bench.work()
    assert bench.ended == [bench.now(run) for run in (done, failed, cancelled)]
    assert [run.state for run in bench.ended] == ["done", "failed", "cancelled"]


# --- handing over


def test_a_process_that_stops_hands_over_what_is_at_its_engine_and_another_goes_on_from_there(
    bench: Bench,
) -> None:
    run = bench.handed_over()
    handed = bench.now(run)
    assert (handed.state, handed.lease, handed.attempts, handed.maybe_posted) == ("running", None, 0, False)
    assert handed.steps[0].ref == "ref-1"

    other = bench.other()
    other.work()
    assert other.engine.asked == [(f"{run.id}/answer", "ref-1")]
    assert other.now(run).state == "done"
    assert other.diary.doubts == [False, False]


def test_a_process_that_stops_between_two_parts_hands_over_the_rest(bench: Bench) -> None:
    def stop(_: str) -> None:
        bench.stopping.set()

    bench.diary.next = [nothing, stop]
    run = bench.ask()
    assert step(bench.worker)
    handed = bench.now(run)
    assert (handed.state, handed.lease, list(handed.receipts)) == ("posting", None, ["table"])

    other = bench.other()
    other.work()
    assert other.diary.said == ["headline: 7 calls to 1 service"]
    assert other.now(run).state == "done"


def test_a_process_that_stops_before_it_looked_hands_over_the_doubt(bench: Bench) -> None:
    bench.diary.next = [nothing, raises(KeyboardInterrupt())]
    run = bench.ask()
    bench.die()
    bench.clock.advance(31)
    second = bench.other()
    second.diary.next = [raises(ShuttingDown("The bot is stopping."))]
    assert step(second.worker)
    assert second.now(run).lease is None

    third = bench.other("three")
    third.work()
    assert third.diary.doubts == [True, False]


def test_a_process_that_stops_before_it_could_say_what_went_wrong_hands_that_over(bench: Bench) -> None:
    def broken(_: object) -> None:
        bench.stopping.set()
        raise EngineError("It broke.")

    bench.engine.next = [broken]
    run = bench.ask()
    assert step(bench.worker)
    assert (bench.now(run).state, bench.now(run).lease, bench.now(run).attempts) == ("running", None, 0)

    other = bench.other()
    other.engine.next = [raises(EngineError("It broke."))]
    other.work()
    assert other.diary.said == ["sorry for last 7d: It broke."]
    assert other.now(run).state == "failed"


def test_a_process_that_stops_before_it_could_say_that_a_run_was_cancelled_hands_that_over(
    bench: Bench,
) -> None:
    def cancel(_: object) -> None:
        bench.questions.cancel(run.id)
        bench.stopping.set()
        raise Cancelled("as the engine lets it pass")

    bench.engine.next = [cancel]
    run = bench.ask()
    assert step(bench.worker)
    assert (bench.now(run).state, bench.now(run).lease) == ("running", None)

    other = bench.other()
    other.work()
    assert other.diary.said == ["cancelled last 7d"]
    assert other.now(run).state == "cancelled"


def test_stopping_waits_until_what_is_under_way_was_handed_over(bench: Bench) -> None:
    begun = Event()

    def slow(progress: Progress) -> None:
        begun.set()
        while True:
            progress("ref", "running", 1)

    bench.engine.next = [slow]
    run = bench.ask()
    bench.worker.start(1)
    assert begun.wait(10)
    bench.worker.stop()
    assert (bench.now(run).state, bench.now(run).lease) == ("running", None)
    assert step(bench.worker) is True, "nobody has it"


# --- when the database is away


def test_without_a_database_nothing_is_promised(bench: Bench, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreDown) as said:
        bench.ask()
    other.close()
    assert "Nothing was taken on." in str(said.value)
    assert bench.runs.latest("alice", 9) == []


def test_a_database_that_was_away_while_a_run_was_at_work_has_all_of_it(bench: Bench, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    locked = Event()

    def lock(_: object) -> None:
        other.execute("BEGIN IMMEDIATE")
        locked.set()

    bench.engine.next = [lock]
    run = bench.ask()
    bench.worker.start(1)
    assert locked.wait(10)
    asked = ended(bench.worker, run.id, 2.5)
    assert asked is not None
    assert asked.state == "running"
    other.close()
    done = ended(bench.worker, run.id, 10)
    bench.worker.stop()
    assert done is not None
    assert (done.state, list(done.receipts)) == ("done", ["table", "headline"])
    assert len(bench.engine.asked) == 1


# --- forgetting


def test_what_is_older_than_what_is_kept_is_forgotten_with_what_it_posted(bench: Bench) -> None:
    old = bench.ask("last 7d")
    bench.work()
    bench.clock.advance(KEEP.total_seconds())
    new = bench.ask("last 8d")
    bench.work()
    bench.worker.retention.sweep()
    assert bench.runs.get(old.id) is None
    assert bench.runs.get(new.id) is not None
    assert bench.diary.said[-1] == "forget last 7d"


def test_while_slack_is_away_what_it_still_holds_is_not_forgotten(bench: Bench) -> None:
    first, second, third = (bench.ask(f"last {days}d") for days in (7, 8, 9))
    bench.work()
    bench.clock.advance(KEEP.total_seconds() + 1)

    bench.diary.next = [nothing, raises(SurfaceDown("Slack cannot be reached."))]
    bench.worker.retention.sweep()
    assert bench.runs.get(first.id) is None
    assert [run.id for run in bench.runs.latest("alice", 9)] == [third.id, second.id]

    bench.worker.retention.sweep()
    assert bench.runs.latest("alice", 9) == []


# --- what is left at the engine


def test_a_cancelled_run_that_was_handed_over_is_stopped_at_its_engine(bench: Bench) -> None:
    run = bench.handed_over()
    bench.questions.cancel(run.id)
    told: list[str] = []

    def resumed(progress: Progress) -> None:
        with pytest.raises(Cancelled):
            progress("ref-1", "running", 7)
        told.append("CancelQuery")
        raise Cancelled("as the engine lets it pass")

    other = bench.other()
    other.engine.next = [resumed]
    other.work()
    assert told == ["CancelQuery"]
    assert other.engine.asked == [(f"{run.id}/answer", "ref-1")]
    assert (other.now(run).state, other.diary.said) == ("cancelled", ["cancelled last 7d"])


@pytest.mark.parametrize("befalls", [EngineError("It broke."), EngineBusy("Full.")])
def test_a_cancelled_run_is_cancelled_whatever_its_engine_says_of_what_was_left(
    bench: Bench, befalls: EngineError
) -> None:
    run = bench.died_asking()
    bench.questions.cancel(run.id)
    bench.clock.advance(31)
    bench.engine.next = [raises(befalls)]
    bench.work()
    assert bench.now(run).state == "cancelled"
    assert len(bench.engine.asked) == 2


def test_a_cancelled_run_that_ended_the_bot_too_often_is_not_touched_again(bench: Bench) -> None:
    def dies(progress: Progress) -> None:
        progress("ref-1", "running", 5)
        raise KeyboardInterrupt

    run = bench.ask()
    for number in range(ATTEMPTS):
        life = bench.other(f"life {number}")
        life.engine.next = [dies]
        life.die()
        bench.clock.advance(31)
    bench.questions.cancel(run.id)
    bench.work()
    assert bench.now(run).state == "cancelled"
    assert bench.engine.asked == []


def test_a_failure_is_logged_with_its_cause_where_it_has_one(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caused = EngineError("It fell.", "Try again.")
    caused.__cause__ = OSError("pipe")
    bench.engine.next = [raises(EngineError("It broke.", "Ask for less.")), raises(caused)]
    first, second = bench.ask("last 7d"), bench.ask("last 6d")
    bench.work()
    assert [record.message for record in caplog.records if " failed: " in record.message] == [
        f"run {first.id} failed: It broke. Ask for less.",
        f"run {second.id} failed: It fell. Try again. (OSError('pipe'))",
    ]


def test_a_run_whose_engine_is_not_set_up_any_more_fails_in_words(bench: Bench) -> None:
    run = bench.ask()
    del bench.worker.engines[bench.engine.name]  # type: ignore[attr-defined]  # the bench's own dict

    bench.work()

    assert bench.now(run).state == "failed"
    assert bench.now(run).error == f"The engine `{bench.engine.name}` is not set up any more. Ask anew."
