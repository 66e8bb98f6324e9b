"""A machine on which the bot dies: the real `tls-audit serve`, with a Slack and a Lake that outlive it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from bot.demo import samples
from bot.digests.digest import Digest
from bot.digests.order import parse as parse_order
from bot.question.question import Scope
from bot.sandbox import Channel, Clock, Command, Options, Sandbox, User
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.runs import Runs
from bot.store.schema import ENDED
from handlers import connection
from handlers.questions.commands import COMMAND
from tests.crash.warm import Forked
from tests.doubles import lake as double

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator

    from bot.sandbox import Delivery, Message
    from bot.store.run import Run

Slack = Literal["honours", "history", "neither"]
"""What this Slack does against doubles: knows a `client_msg_id` again, lets the app look, or nothing."""

Kind = Literal["command", "mention", "private", "digest"]

HISTORY: Final = frozenset({"channels:history", "groups:history"})
"""The optional scopes."""

CHANNELS: Final = 1_200
PEOPLE: Final = 12
BOT: Final = "U_TLSAUDIT"

SERVE: Final = (str(Path(sys.executable).with_name("tls-audit")), "serve")
PASSED_ON: Final = frozenset({"PATH", "HOME", "LANG", "PYTHONPATH"})
"""Of our own environment."""

PATIENCE: Final = 90.0
POLL: Final = 0.02
REDELIVERED: Final = 4.0
"""Seconds after which Slack redelivers at the latest; the real one waits for minutes."""


class Impatient(Clock):
    """Wall time, but that what is put off for minutes comes soon after the bot is back."""

    def __init__(self) -> None:
        super().__init__()
        self.is_back: Callable[[], bool] = lambda: True

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        if seconds <= REDELIVERED:
            return super().call_later(seconds, callback)

        def due() -> None:
            # a bot that starts slowly must not miss what the real Slack repeats for minutes
            if self.is_back():
                callback()
            else:
                self.call_later(seconds - REDELIVERED, callback)

        return super().call_later(REDELIVERED, due)


def recent() -> double.Events:
    """Two weeks of samples, up to yesterday, as the double of Lake holds them."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=n) for n in range(1, 16)]
    return double.Events(record for day in days for record in samples.day(day))


@dataclass(eq=False)
class Asking:
    """One question, in a channel of its own; or one digest of that channel."""

    kind: Kind
    user: str
    channel: str
    has_rows: bool = True
    delivery: Delivery | None = None

    @property
    def is_promised(self) -> bool:
        """Whether whoever asked may count on an answer; what was not acknowledged may be lost."""
        return self.delivery is None or self.delivery.state == "acked"


@dataclass
class Tally:
    """What came of some askings."""

    asked: int = 0
    lost: list[str] = field(default_factory=list)
    paid_twice: list[str] = field(default_factory=list)
    twice: Counter[str] = field(default_factory=Counter)
    """Parents, tables, charts, files and other parts beyond the first."""
    broken: Counter[str] = field(default_factory=Counter, compare=False)
    """Rules of Slack's: late acknowledgements above all, which hang on how busy the machine is."""

    def add(self, other: Tally) -> None:
        """Count the other's as well."""
        self.asked += other.asked
        self.lost += other.lost
        self.paid_twice += other.paid_twice
        self.twice += other.twice
        self.broken += other.broken

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing twice."""
        return not (self.lost or self.paid_twice or self.twice)


class Replica:
    """One process of the bot, that is killed and started again with the same folder."""

    def __init__(self, machine: Machine, folder: Path, environment: dict[str, str]) -> None:
        self._machine = machine
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | Forked | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> str:
        """What it has logged in all its lives."""
        path = self._folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def trouble(self) -> str:
        """The end of what it has logged that is more than information."""
        return "\n".join([line for line in self.log.splitlines() if '"info"' not in line][-12:])

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and return once Slack reaches it."""
        before = self._machine.sandbox.sockets
        with (self._folder / "log").open("ab") as log:
            self._process = (
                Forked(self._folder, Path(log.name), self._environment)
                if self._machine.is_warm
                else subprocess.Popen(SERVE, env=self._environment, cwd=self._folder, stdout=log, stderr=log)
            )
        try:
            self._machine.sandbox.wait_for(
                lambda: self._machine.sandbox.sockets > before, PATIENCE, "the app's connection"
            )
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log[-3000:]}") from error

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; returns once it is gone, for Slack as well."""
        assert self._process is not None
        before = self._machine.sandbox.sockets
        self._process.kill()
        self._process.wait()
        if before:
            self._machine.sandbox.wait_for(lambda: self._machine.sandbox.sockets < before, what="its end")

    def end(self) -> float:
        """SIGTERM; the seconds until it has ended."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        assert self._process.wait(30) == 0, self.log[-3000:]
        return time.monotonic() - began

    def close(self) -> None:
        """Leave nothing running."""
        if self.is_running:
            assert self._process is not None
            self._process.kill()
            self._process.wait()


class Machine:
    """Everything around the bot, and what people do there. A context manager."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        events: double.Events,
        slack: Slack = "history",
        **settings: str,
    ) -> None:
        """`settings` are more of the bot's, by their names in the environment."""
        self.is_warm = False
        """Whether its bots are forked from a process that has read their modules, instead of starting
        `tls-audit serve`."""
        self.folder = folder
        self.database_url = database_url
        people = [User(f"U_P{n:02}", f"person{n:02}", f"Person {n}") for n in range(PEOPLE)]
        app = User(BOT, "tls-audit", "TLS Audit", "UTC", bot=True)
        everyone = frozenset(user.id for user in (*people, app))
        channels = [Channel(f"C_{n:04}", f"channel-{n:04}", members=everyone) for n in range(CHANNELS)]
        scopes = frozenset(connection.SCOPES) | (HISTORY if slack == "history" else frozenset())
        self.options = Options(
            scopes=scopes - (frozenset() if slack != "neither" else HISTORY),
            events=frozenset(connection.EVENTS),
            commands=tuple(Command(*each) for each in connection.COMMANDS),
            honours_client_msg_id=slack == "honours",
        )
        clock = Impatient()
        self.sandbox = Sandbox(
            options=self.options, users=[*people, app], channels=channels, clock=clock, rate_limits=False
        )
        clock.is_back = lambda: self.sandbox.sockets > 0
        self.lake = double.Lake(events)
        self.lake.limits = False
        self.lake.page_rows = 2
        self.lake.plan = double.Plan(running=0.3)
        self._settings = settings
        self._stack = ExitStack()
        self.askings: list[Asking] = []
        self.replicas: dict[str, Replica] = {}

    def __enter__(self) -> Self:
        self._stack.enter_context(self.sandbox)
        self._stack.enter_context(self.lake)
        database = Database(self.database_url)
        self._stack.callback(database.close)
        self.runs, self.digests = Runs(database), Digests(database)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def replica(self, name: str = "data", **settings: str) -> Replica:
        """A replica with the folder called `name`; not started yet."""
        folder = self.folder / name
        environment = {name: value for name, value in os.environ.items() if name in PASSED_ON}
        environment |= {
            "SLACK_BOT_TOKEN": self.options.bot_token,
            "SLACK_APP_TOKEN": self.options.app_token,
            "SLACK_API_URL": self.sandbox.api_url,
            "TLS_AUDIT_ENGINE": "lake",
            "TLS_AUDIT_EVENT_DATA_STORE": double.STORE_ID,
            "TLS_AUDIT_DATA": str(folder),
            "TLS_AUDIT_DATABASE_URL": self.database_url,
            "TLS_AUDIT_REUSE": "0",
            **self.lake.environment,
            **self._settings,
            **settings,
        }
        self.replicas[name] = made = Replica(self, folder, environment)
        self._stack.callback(made.close)
        return made

    # --- what people do

    @property
    def next_channel(self) -> str:
        """Where the next question is asked: in a channel where nobody has asked before."""
        return f"C_{len(self.askings):04}"

    def ask(
        self, text: str = "last 7d", *, kind: Kind = "command", user: str = "", has_rows: bool = True
    ) -> Asking:
        """Ask in the next channel. Returns once it was sent."""
        n = len(self.askings)
        asking = Asking(kind, user or f"U_P{n % PEOPLE:02}", self.next_channel, has_rows)
        self.askings.append(asking)
        if kind == "mention":
            self.sandbox.mention(asking.user, asking.channel, text)
        elif kind == "digest":
            self._order(asking, n)
        else:
            text = f"private {text}" if kind == "private" else text
            asking.delivery = self.sandbox.command(asking.user, asking.channel, COMMAND, text)
        return asking

    def _order(self, asking: Asking, n: int) -> None:
        """A digest that is due at once, and that asks what no other does."""
        now = datetime.now(UTC)
        order = parse_order("daily 00:00 UTC", zone="UTC")
        scope = Scope.read(f"ip!=10.99.{n // 256}.{n % 256} min=1.2")
        due = Digest(0, asking.user, asking.channel, order.schedule, scope, None, now, due=now)
        self.digests.add(due)

    # --- what comes of it

    def runs_of(self) -> list[Run]:
        """Every run there is."""
        users = ["", *(f"U_P{n:02}" for n in range(PEOPLE))]
        return [run for user in users for run in self.runs.latest(user, 10_000)]

    def run_of(self, asking: Asking) -> Run | None:
        """The run of an asking, if there is one yet."""
        return next((run for run in self.runs_of() if run.channel == asking.channel), None)

    def until_done(self, askings: list[Asking], seconds: float = PATIENCE) -> bool:
        """Wait until all runs have ended and what was promised is there; False where that takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(count for state, count in self.runs.states().items() if state not in ENDED):
                threading.Event().wait(POLL)
                continue
            runs = self.runs_of()
            channels = {run.channel for run in runs}
            waiting = any(asking.delivery and not asking.delivery.over for asking in askings)
            missing = any(one.is_promised and one.channel not in channels for one in askings)
            if not waiting and not missing and all(run.state in ENDED for run in runs):
                return True
            threading.Event().wait(POLL)
        return False

    def seen(self, channel: str, run: Run) -> list[Message]:
        """What the bot said of a run, wherever."""
        said = [one for place in {channel, run.home or channel} for one in self._in(place)]
        return [one for one in said if one.user == BOT]

    def _in(self, channel: str) -> list[Message]:
        return self.sandbox.workspace.in_channel(channel)

    def tally(self, askings: list[Asking] | None = None) -> Tally:
        """Judge what came of askings, by what people see and what AWS was asked."""
        askings = self.askings if askings is None else askings
        runs: dict[str, list[Run]] = {}
        for run in self.runs_of():
            runs.setdefault(run.channel, []).append(run)
        found = Tally(asked=len(askings))
        for asking in askings:
            mine = runs.get(asking.channel, [])
            if len(mine) > 1:
                found.twice["run"] += len(mine) - 1
            if mine:
                self._judge(asking, mine[0], found)
            elif asking.is_promised:
                found.lost.append(f"{asking.kind} in {asking.channel}: no run")
        found.paid_twice = [f"{mark} {times} times" for mark, times in self.lake.asked().items() if times > 1]
        found.broken = Counter(one.rule for one in self.sandbox.broken)
        return found

    def _judge(self, asking: Asking, run: Run, found: Tally) -> None:
        parts: Counter[str] = Counter()
        final = 0
        for message in self.seen(asking.channel, run):
            about = (message.metadata or {}).get("event_payload", {})
            if about.get("run") == run.id:
                parts["no file" if about["part"] == "file" else about["part"]] += 1
                final += about["part"] == "parent" and "⏳" not in json.dumps(
                    message.blocks, ensure_ascii=False
                )
            elif message.files and self._is_file_of(message, run):
                parts["file"] += 1
        wanted = {"parent", "table"} | ({"file"} if asking.has_rows else set())
        wanted |= {"chart"} if asking.has_rows and asking.kind != "digest" else set()
        if parts["no file"]:
            # said to be lost, after several failures: then it must not be there
            wanted.discard("file")
            if parts["file"]:
                found.twice["file said to be lost"] += 1
        lacking = wanted - {part for part, times in parts.items() if times}
        if run.state != "done" or lacking or not final:
            lacking |= set() if final else {"headline"}
            what = f"{run.state}, without {', '.join(sorted(lacking))}; {run.error}"
            found.lost.append(f"{asking.kind} {run.id} in {asking.channel}: {what}")
        for part, times in parts.items():
            if times > 1:
                found.twice[part] += times - 1

    def _is_file_of(self, message: Message, run: Run) -> bool:
        """In its thread; a run's channel is its own, but for a person's direct messages."""
        root = run.reply_to if run.reply_to and run.home == run.channel else run.thread
        return message.thread_ts == root or message.channel == run.channel


@contextmanager
def machine(
    folder: Path, database_url: str, events: double.Events, slack: Slack = "history", **settings: str
) -> Iterator[tuple[Machine, Replica]]:
    """A machine, and the one replica that runs on it."""
    with Machine(folder, database_url, events, slack, **settings) as made:
        replica = made.replica()
        replica.start()
        yield made, replica
