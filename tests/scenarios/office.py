"""An office: the real bot at a small Slack, and what people there do and see."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bot.app.access import AccessPolicy
from bot.app.ask import Questions
from bot.app.digests import DigestOrders
from bot.app.grammar import Grammar
from bot.bootstrap import HANG_UP_SECONDS
from bot.engines import Engine, Statement
from bot.errors import EngineError
from bot.question.owners import Owners
from bot.rate_limits import TokenBucket
from bot.sandbox import Command, Options, Sandbox
from bot.store.database import Database
from bot.table import Table
from bot.worker.retention import KEEP
from handlers import connection
from handlers.access import Directory
from handlers.publishing.budget import Budget
from handlers.publishing.publisher import SlackPublisher
from handlers.questions.commands import COMMAND
from handlers.replies import CommandReplies
from tests.support.clock import Clock
from tests.support.databases import open_sqlite
from tests.support.workers import ended, worker_over

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from sqlglot import exp

    from bot.app.reuse import Costs
    from bot.engines import Progress
    from bot.question.views import View
    from bot.sandbox import Clock as SlacksClock
    from bot.sandbox import Delivery, File, Message
    from bot.store.run import Run
    from bot.table import Column, Row
    from bot.worker.worker import Worker

ALICE: Final = "U_ALICE"
BOB: Final = "U_BOB"
BOT: Final = "U_TLSAUDIT"
SECURITY: Final = "C_SECURITY"
RANDOM: Final = "C_RANDOM"
HIDDEN: Final = "C_SECRET"
OLD: Final = "C_OLD"
TO_ALICE: Final = "D_ALICE"

T = TypeVar("T")

PATIENCE: Final = 20.0

LOOK_SECONDS: Final = 0.02
"""How long before one looks again."""

UNHURRIED: Final = 10_000.0
"""Calls a second: a pace that never makes a test wait."""


class RetryLater(Engine):
    """An engine whose answers wait until they are let go.

    It tells a new ref each time, so that every word of it is written down at once.
    """

    name = "patient"
    metered = True

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []
        self.stopped: list[str] = []

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        return Statement(select.sql("trino"), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        del resume
        self.asked.append(token)
        words = 0
        try:
            while True:
                progress(f"{token}-{words}", "running", 1_800_000_000)
                if self.go.wait(LOOK_SECONDS):
                    break
                words += 1
        except Exception:
            self.stopped.append(token)
            raise
        return Table(statement.columns, [])


class Canned(Engine):
    """An engine that answers every question with the same rows, as far as the view has such columns."""

    metered = True

    def __init__(self, name: str, rows: Mapping[str, Sequence[Row]]) -> None:
        self.name = name
        self._rows = rows

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        return Statement(select.sql("trino"), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        del token, resume
        progress(None, "running", 0)
        first = statement.columns[0].name
        return Table(statement.columns, [self._rows.get(first, [])])


class Broken(Engine):
    """An engine that fails."""

    name = "broken"
    metered = True

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        return Statement(select.sql("trino"), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        del statement, token, resume, progress
        raise EngineError("Lake stopped this after an hour.", "Try a shorter window or name a service.")


class Office:
    """The bot at work, a Slack, and short words for what people do there."""

    def __init__(self, sandbox: Sandbox, questions: Questions, worker: Worker, clock: Clock) -> None:
        self.sandbox = sandbox
        self.questions = questions
        self.worker = worker
        self.clock = clock
        self._heard: dict[str, set[str]] = {}
        """What each person had been told alone when they last did something."""

    # --- doing

    def type(self, text: str, *, user: str = ALICE, channel: str = SECURITY) -> Delivery:
        """Run /tls-audit, and wait until it was acknowledged."""
        self._listen(user)
        return self.sandbox.acknowledged(self.sandbox.command(user, channel, COMMAND, text))

    def _listen(self, user: str) -> None:
        self._heard[user] = {message.ts for message in self.sandbox.ephemerals(user)}

    def ask(self, text: str, *, user: str = ALICE, channel: str = SECURITY) -> Run:
        """Run /tls-audit with a question; the run, which may still be under way."""
        before = {run.id for run in self.worker.runs.latest(user, 1_000)}
        self.clock.advance(1)
        self.type(text, user=user, channel=channel)
        (run,) = [run for run in self.worker.runs.latest(user, 1_000) if run.id not in before]
        return run

    def new_run(self, before: set[str], user: str = ALICE) -> Run:
        """A run that is not one of `before`, once something was posted for it."""

        def look() -> Run | None:
            posted = {message.metadata["event_payload"]["run"] for message in self.posted()}
            mine = [run for run in self.worker.runs.latest(user, 1_000) if run.id not in before]
            return next((run for run in mine if run.id in posted), None)

        return self.sandbox.wait_for(look, what="a new run")

    def posted(self) -> list[Any]:
        """Every message that says of which run it is."""
        channels = self.sandbox.workspace.channels
        every = [
            message for channel in list(channels) for message in self.sandbox.workspace.in_channel(channel)
        ]
        return [message for message in every if message.metadata]

    def answered(self, text: str, *, user: str = ALICE, channel: str = SECURITY) -> Run:
        """Ask, and wait for the end."""
        return self.ended(self.ask(text, user=user, channel=channel))

    def ended(self, run: Run) -> Run:
        done = ended(self.worker, run.id, PATIENCE)
        assert done is not None
        assert done.state in {"done", "failed", "cancelled"}, done
        return done

    def opened(self, run: Run) -> Run:
        """The run, once its parent message stands."""

        def look() -> Run | None:
            for message in self.posted():
                if message.metadata["event_payload"] == {"run": run.id, "part": "parent"}:
                    return replace(run, home=message.channel, thread=message.ts)
            return None

        return self.sandbox.wait_for(look, what="the parent message")

    def later(self, seconds: float) -> None:
        """Move on, and have whatever came due taken up."""
        self.clock.advance(seconds)
        self.worker.wake()

    def click(self, message: Message, action: str, value: Any = None, *, user: str = ALICE) -> Delivery:
        self._listen(user)
        return self.sandbox.acknowledged(self.sandbox.click(user, message, action, value))

    def clicked_run(self, message: Message, action: str, value: Any = None, *, user: str = ALICE) -> Run:
        """Press a button that asks, and wait for the end of the run that comes of it."""
        before = {run.id for run in self.worker.runs.latest(user, 1_000)}
        self.click(message, action, value, user=user)
        return self.ended(self.new_run(before, user))

    # --- seeing

    def parent(self, run: Run) -> Message:
        assert run.thread is not None
        found = self.sandbox.message(run.home or run.channel, run.thread)
        assert found is not None, "the parent is gone"
        return found

    def thread(self, run: Run) -> list[Message]:
        """What was posted under a run's parent, once its file has come."""
        now = self.worker.runs.get(run.id)
        assert now is not None
        assert now.thread is not None
        home, root = now.home or now.channel, self.root(now)
        file = now.receipts.get("file")
        if file is not None and file.kind == "file":
            self.sandbox.wait_for(
                lambda: any(file.ref in reply.files for reply in self.sandbox.thread(home, root)),
                what="the file",
            )
        return self.sandbox.thread(home, root)

    @staticmethod
    def root(run: Run) -> str:
        """The timestamp of the thread's root: the run's parent, or what that answers."""
        root = run.reply_to if run.reply_to and run.home == run.channel else run.thread
        assert root is not None
        return root

    def table(self, run: Run) -> Message:
        """The message that holds the answer and its buttons."""
        return next(reply for reply in self.thread(run) if "[Show SQL]" in words(reply))

    def csv(self, run: Run) -> str:
        now = self.worker.runs.get(run.id)
        assert now is not None
        (file,) = [file for file in self.sandbox.files if file.id == now.receipts["file"].ref]
        assert file.content is not None
        return file.content.decode("utf-8-sig")

    def file(self, run: Run) -> File:
        now = self.worker.runs.get(run.id)
        assert now is not None
        return next(file for file in self.sandbox.files if file.id == now.receipts["file"].ref)

    def whisper(self, user: str = ALICE) -> Message:
        """The newest thing that one person was told alone since they last typed or pressed something."""

        def look() -> Message | None:
            heard = self._heard.get(user, set())
            return next(
                (each for each in reversed(self.sandbox.ephemerals(user)) if each.ts not in heard), None
            )

        return self.sandbox.wait_for(look, what="a word to one alone")

    def direct(self, count: int, channel: str = TO_ALICE) -> list[Message]:
        """The direct messages, once there are so many."""

        def look() -> list[Message] | None:
            found = self.sandbox.messages(channel)
            return found if len(found) >= count else None

        return self.sandbox.wait_for(look, what=f"{count} direct messages")


def eventually(look: Callable[[], T], what: str, is_it: Callable[[T], object] = bool) -> T:
    """What `look` finds, once it is so, of things that the Slack never hears of: its `wait_for` would not
    wake."""
    until = time.monotonic() + PATIENCE
    while not is_it(found := look()):
        assert time.monotonic() < until, f"{what} did not come within {PATIENCE:g} s; now: {found}"
        time.sleep(LOOK_SECONDS)
    return found


def words(message: Message) -> str:
    """All that a message says, as plain text; buttons as [label], mentions as @id."""
    return "\n".join(_words(block) for block in message.blocks) or message.text


def _words(block: dict[str, Any]) -> str:
    kind = block["type"]
    if kind == "rich_text":
        return "".join(_said(run) for section in block["elements"] for run in section["elements"])
    if kind == "actions":
        return " ".join(
            f"[{(each.get('text') or each.get('placeholder'))['text']}]" for each in block["elements"]
        )
    if kind in {"table", "data_table"}:
        return "\n".join(" | ".join(cell["text"] for cell in row) for row in block["rows"])
    return str(block.get("title") or block.get("text", {}).get("text", kind))


def _said(run: dict[str, Any]) -> str:
    named = {"user": "@{user_id}", "usergroup": "@{usergroup_id}", "broadcast": "@{range}"}
    marks = {**named, "channel": "#{channel_id}"}
    kind = str(run["type"])
    return marks[kind].format(**run) if kind in marks else str(run.get("text") or run.get("fallback"))


def kinds(message: Message) -> list[str]:
    """The types of a message's blocks."""
    return [str(block["type"]) for block in message.blocks]


@contextmanager
def open_office(
    folder: Path,
    views: Mapping[str, View],
    engines: Sequence[Engine],
    now: datetime,
    *,
    admins: Sequence[str] = (),
    threads: int = 4,
    limits: Mapping[str, int] | None = None,
    while_opening: Callable[[Sandbox], None] = lambda _: None,
    stores: Collection[str] = (),
    costs: Costs | None = None,
    database_url: str = "",
    access: Callable[[Directory], AccessPolicy] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    ended: Callable[[Run], None] = lambda _: None,
    keep: timedelta = KEEP,
    slacks_clock: SlacksClock | None = None,
    owners: Owners | None = None,
    look_back_gb: float | None = None,
    **more: Any,
) -> Iterator[Office]:
    """The bot at work at a Slack; `more` goes into the Slack's Options. The first engine is the default."""
    options = Options(
        scopes=frozenset(connection.SCOPES),
        events=frozenset(connection.EVENTS),
        commands=tuple(Command(*each) for each in connection.COMMANDS),
        **more,
    )
    sandbox = Sandbox(options=options, rate_limits=False, clock=slacks_clock)
    clock = Clock(now)
    with ExitStack() as stack:
        stack.enter_context(sandbox)
        while_opening(sandbox)
        database = Database(database_url) if database_url else open_sqlite(folder / "runs.sqlite")
        stack.callback(database.close)
        client = connection.connect(options.bot_token, sandbox.api_url, pause=clock.advance)
        unhurried = Budget(*(TokenBucket(UNHURRIED, int(UNHURRIED)) for _ in range(3)))
        directory = Directory(client, monotonic)
        policy = AccessPolicy(directory, admins=admins) if access is None else access(directory)
        replies = CommandReplies()
        publisher = SlackPublisher(client, views, access=policy, replies=replies, budget=unhurried)
        by_name = {engine.name: engine for engine in engines}
        grammar = Grammar(views, by_name, engines[0].name, 366, stores, owners=owners or Owners())
        worker = worker_over(
            database,
            by_name,
            publisher,
            grammar,
            limits={engine.name: 2 for engine in engines} | dict(limits or {}),
            cap=1_000_000,
            owner="office",
            look_back_gb=look_back_gb,
            clock=clock,
            ended=ended,
            keep=keep,
        )
        at_once = directory.through(connection.impatient(client))
        quick = policy.through(at_once)
        questions = Questions(
            worker.runs, grammar, wake=worker.wake, engines=by_name, access=quick, costs=costs, clock=clock
        )
        orders = DigestOrders(
            worker.digests,
            worker.runs,
            grammar,
            access=quick,
            wake=worker.wake,
            costs=costs,
            clock=clock,
        )
        context = connection.Context(questions, orders, quick, at_once, replies)
        # a connection is given up after four pings: on a full machine a second is no silence
        listening = connection.listen(client, options.app_token, context, ping_seconds=0.5)
        stack.callback(worker.stop)
        stack.callback(_hang_up, listening, sandbox)
        worker.start(threads)
        sandbox.wait_for(lambda: sandbox.sockets, what="the app's connection")
        yield Office(sandbox, questions, worker, clock)


def close(offices: ExitStack) -> threading.Thread:
    """Close the offices of `offices`: the SDK takes a second to hang up, which no test needs to wait for."""
    thread = threading.Thread(target=offices.close)
    thread.start()
    return thread


def _hang_up(listening: connection.Connection, sandbox: Sandbox) -> None:
    closing = threading.Thread(target=listening.close, daemon=True)
    closing.start()
    # the SDK looks up from its socket every three seconds, or when that breaks
    sandbox.cut_sockets()
    # and never, where it had begun a connection just then; the bot waits no longer either
    closing.join(HANG_UP_SECONDS)
