"""An hour in which everything goes wrong: `python -m tests.benchmarks.soak [--minutes 60]`.

The real `tls-audit serve` against a Slack and a Lake that enforce their limits. Many people ask, in many
channels, by command, mention and in private; digests come due. Meanwhile, at random moments that a printed
seed decides: 429, 500, connections cut before and after a call took effect, calls that are kept waiting,
blocks refused, throttling by AWS, queries that fail, sockets cut, events repeated, commands lost, SQLite
locked, the bot ended by SIGTERM and by SIGKILL. In the last third nothing ends it, so that its memory can be
watched. Judged by what people see in Slack, and by what AWS was asked.

Two seconds lie between two questions: Slack's fifty edits a minute allow no more than one in 1.2 s for long.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from bot.demo import samples
from bot.digests.digest import Digest
from bot.digests.order import parse as parse_order
from bot.errors import StoreDown
from bot.question.question import Scope
from bot.sandbox import Channel, Clock, Command, Options, Sandbox, User
from bot.sandbox.state import BOT, users
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.runs import Runs
from bot.store.schema import ENDED
from handlers import connection
from handlers.questions.commands import COMMAND
from tests.doubles import lake as double
from tests.support.postgres import Postgres, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox import Delivery, Message
    from bot.store.run import Run

ROOT: Final = Path(__file__).parents[2]
SERVE: Final = (sys.executable, "-c", "from bot.cli.main import main; main()", "serve")
"""The bot of this tree, wherever another is installed."""

PEOPLE: Final = 12
CHANNELS: Final = 24
HISTORY: Final = frozenset({"channels:history", "groups:history"})

EVERY: Final = 2.0
DIGEST_EVERY: Final = 60.0
FAULT_EVERY: Final = 6.0
RESTART_EVERY: Final = 150.0
TELL_EVERY: Final = 180.0
SAMPLE_EVERY: Final = 5.0
"""Seconds between two of each, on average."""

SETTLE: Final = 900.0
"""Seconds for all that is under way at the end; a digest that failed is asked again after fifteen minutes."""

REDELIVERED: Final = 20.0
"""Seconds after which Slack redelivers at the latest; the real one waits for minutes, and gives up later."""

GROWTH: Final = 1.15
"""What lives as long as the last process may hold so much more at its end than when it had warmed up."""

METHODS: Final = (
    "chat.postMessage",
    "chat.update",
    "files.getUploadURLExternal",
    "files.completeUploadExternal",
)
LAKE_READS: Final = ("DescribeQuery", "GetQueryResults")


class Impatient(Clock):
    """Wall time, but that nothing is put off for minutes."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        return super().call_later(min(seconds, REDELIVERED), callback)


@dataclass(eq=False)
class Asking:
    """One question, known by an address in it that no other names."""

    mark: str
    user: str
    channel: str
    kind: str
    delivery: Delivery | None = None

    @property
    def is_refused(self) -> bool:
        """Whether its asker was told that nothing was taken on."""
        if self.delivery is None or not self.delivery.over:
            return False
        said = str(self.delivery.answer.get("text", ""))
        return self.delivery.state != "acked" or "cannot be used" in said

    @property
    def is_promised(self) -> bool:
        """Whether its asker counts on an answer."""
        return self.delivery is None or (self.delivery.over and not self.is_refused)


@dataclass
class Judgement:
    """What came of all that was asked."""

    asked: int = 0
    refused: int = 0
    answered: int = 0
    failed: int = 0
    waiting: int = 0
    digests: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        middle = statistics.median(self.seconds) if self.seconds else 0.0
        most = max(self.seconds, default=0.0)
        counts = {
            "asked": self.asked,
            "not taken, and said so": self.refused,
            "answered": self.answered,
            "failed in words": self.failed,
            "under way": self.waiting,
            "lost": len(self.lost),
            "doubled": dict(self.doubled) or 0,
            "digests": dict(self.digests),
        }
        said = ", ".join(f"{what} {number}" for what, number in counts.items())
        return f"{said}; answered after {middle:.0f} s (most {most:.0f} s)"


class Bot:
    """The process, which is ended and started again; what it weighs, by its age."""

    def __init__(self, slack: Sandbox, folder: Path, environment: dict[str, str]) -> None:
        self._slack = slack
        self._environment = environment
        self._folder = folder
        self.log = folder / "log"
        self.lives = 0
        self.ends: list[float] = []
        self.weights: list[tuple[float, float]] = []
        """Of the present process: its age in seconds, and its memory in MB."""
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start it, and return once Slack reaches it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                SERVE, env=self._environment, cwd=self._folder, stdout=log, stderr=log
            )
        self.lives += 1
        self._born, self.weights = time.monotonic(), []
        self._slack.wait_for(lambda: self._slack.sockets, 60, "the app's connection")

    def again(self, number: signal.Signals) -> None:
        """End it with a signal, and start it; at once where it is being started already."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            began = time.monotonic()
            self.process.send_signal(number)
            self.process.wait(60)
            if number == signal.SIGTERM:
                self.ends.append(time.monotonic() - began)
                if self.process.returncode:
                    print(f"  SIGTERM: exit code {self.process.returncode}", flush=True)
            self.start()
        finally:
            self._lock.release()

    def weigh(self) -> None:
        """Note its memory."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return
        if pages:
            weight = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
            self.weights.append((time.monotonic() - self._born, weight))


class Soak:
    """Everything around the bot, and what happens there."""

    def __init__(self, stack: ExitStack, database: str, seed: int, every: float) -> None:
        self.random = random.Random(seed)  # noqa: S311 - moments, not secrets
        self._every = every
        self._numbers = count()
        self.faults: Counter[str] = Counter()
        self.askings: list[Asking] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tls-audit-soak-")))
        people = [User(f"U_P{n:02}", f"person{n:02}", f"Person {n}") for n in range(PEOPLE)]
        self._people = [one.id for one in people]
        everyone = frozenset([*self._people, BOT])
        self._channels = [Channel(f"C_{n:02}", f"channel-{n:02}", members=everyone) for n in range(CHANNELS)]
        options = Options(
            scopes=frozenset(connection.SCOPES) | HISTORY,
            events=frozenset(connection.EVENTS),
            commands=tuple(Command(*each) for each in connection.COMMANDS),
        )
        self.slack = stack.enter_context(
            Sandbox(options=options, users=[*users(), *people], channels=self._channels, clock=Impatient())
        )
        today = datetime.now(UTC).date()
        days = [today - timedelta(days=n) for n in range(1, 16)]
        self.lake = stack.enter_context(double.Lake([one for day in days for one in samples.day(day)]))
        self.lake.plan = double.Plan(running=1.0)
        self.url = f"sqlite:///{folder / 'runs.sqlite'}"
        if database == "postgres":
            programs = find()
            if programs is None:
                sys.exit("PostgreSQL is not installed: apt-get install -y postgresql")
            self.url = stack.enter_context(Postgres(programs)).url()
        self._is_sqlite = database == "sqlite"
        kept = stack.enter_context(closing(Database(self.url)))
        self.runs, self.digests = Runs(kept), Digests(kept)
        environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        environment |= {
            "PYTHONPATH": str(ROOT),
            "SLACK_BOT_TOKEN": options.bot_token,
            "SLACK_APP_TOKEN": options.app_token,
            "SLACK_API_URL": self.slack.api_url,
            "TLS_AUDIT_ENGINE": "lake",
            "TLS_AUDIT_EVENT_DATA_STORE": double.STORE_ID,
            "TLS_AUDIT_DATA": str(folder / "data"),
            "TLS_AUDIT_DATABASE_URL": self.url,
            **self.lake.environment,
        }
        self.bot = Bot(self.slack, folder, environment)
        self.bot.start()
        stack.callback(lambda: self.bot.process.wait())
        stack.callback(lambda: self.bot.process.kill())

    # --- what people do

    def ask(self) -> None:
        """One question, by somebody, somewhere."""
        n = next(self._numbers)
        mark = f"10.{n // 62500 + 10}.{n // 250 % 250}.{n % 250}"
        user, channel = self.random.choice(self._people), self.random.choice(self._channels).id
        kind = self.random.choice(("command", "command", "command", "mention", "private", "view"))
        asking = Asking(mark, user, channel, kind)
        text = f"last 7d ip!={mark}"
        if kind == "mention":
            self.slack.mention(user, channel, text)
        else:
            more = {"private": "private ", "view": "by=clients "}.get(kind, "")
            asking.delivery = self.slack.command(user, channel, COMMAND, more + text)
        self.askings.append(asking)

    def order(self) -> None:
        """A digest that is due at once, and that asks what no other does."""
        n = next(self._numbers)
        now = datetime.now(UTC)
        user, channel = self.random.choice(self._people), self.random.choice(self._channels).id
        scope = Scope.read(f"ip!=10.99.{n // 250 % 250}.{n % 250} min=1.2")
        schedule = parse_order("daily 00:00 UTC", zone="UTC").schedule
        digest = Digest(0, user, channel, schedule, scope, None, now, due=now)
        try:
            self.digests.add(digest)
        except StoreDown:
            # the database is locked by one of our own faults
            self.at(SAMPLE_EVERY, self.order)

    # --- what goes wrong

    def spoil(self) -> None:
        """One kind of trouble."""
        method, chance = self.random.choice(METHODS), self.random
        faults, lake = self.slack.faults, self.lake
        kinds: dict[str, Callable[[], object]] = {
            "429": lambda: faults.ratelimit(method, chance.randint(1, 3), retry_after=chance.randint(1, 5)),
            "500": lambda: faults.status(method, chance.choice((500, 502, 503)), chance.randint(1, 3)),
            "cut before": lambda: faults.cut_before(method, chance.randint(1, 2)),
            "cut after": lambda: faults.cut_after(method),
            "upload cut": lambda: faults.cut_before("upload"),
            "internal_error": lambda: faults.error(method, "internal_error"),
            "invalid_blocks": lambda: faults.error("chat.postMessage", "invalid_blocks", where=_has_native),
            "hold": lambda: self._hold(faults.hold(method), let=chance.random() < 0.5),
            "hold after": lambda: self._hold(faults.hold_after(method), let=chance.random() < 0.5),
            "repeated events": lambda: faults.repeat_events(2),
            "lost commands": lambda: faults.lose_payloads(1),
            "sockets cut": self.slack.cut_sockets,
            "sockets refreshed": self.slack.refresh_sockets,
            "throttled": lambda: lake.fail(
                chance.choice(("StartQuery", *LAKE_READS)), "ThrottlingException", times=chance.randint(1, 4)
            ),
            "AWS cut before": lambda: lake.cut(chance.choice(("StartQuery", *LAKE_READS)), "before"),
            "AWS cut after": lambda: lake.cut(chance.choice(("StartQuery", *LAKE_READS)), "after"),
            "AWS hold": lambda: self._hold(lake.hold("StartQuery", "after"), let=chance.random() < 0.5),
            "slow queries": lambda: self._plan(double.Plan(queued=1.0, running=chance.uniform(2, 12))),
            "failing queries": lambda: self._plan(double.Plan(running=0.5, end="FAILED", error="Soaked.")),
        }
        if self._is_sqlite:
            kinds["database locked"] = lambda: self._lock(chance.uniform(1.0, 6.0))
        kind = chance.choice(sorted(kinds))
        self.faults[kind] += 1
        kinds[kind]()

    def _hold(self, hold: Any, *, let: bool) -> None:
        """Let the call go on later, or break it."""
        self.at(self.random.uniform(0.5, 20.0), hold.release if let else hold.drop)

    def _plan(self, plan: double.Plan) -> None:
        """The queries of the next seconds go like this."""
        self.lake.plan = plan
        self.at(3.0, lambda: setattr(self.lake, "plan", double.Plan(running=1.0)))

    def _lock(self, seconds: float) -> None:
        """Nobody else writes to SQLite for so long."""

        def hold() -> None:
            engine = sa.create_engine(self.url)
            with closing(engine.raw_connection()) as connection:
                connection.execute("PRAGMA busy_timeout = 2000")
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
                connection.rollback()
            engine.dispose()

        threading.Thread(target=hold, daemon=True).start()

    def restart(self) -> None:
        """End the bot, one way or the other, and start it again."""
        number = self.random.choice((signal.SIGTERM, signal.SIGKILL))
        self.faults[number.name] += 1
        threading.Thread(target=self.bot.again, args=(number,), daemon=True).start()

    # --- what happens when

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something so many seconds from now."""
        heapq.heappush(self._events, (time.monotonic() + seconds, next(self._numbers), act))

    def repeat(self, every: float, act: Callable[[], None], until: float, *, random_: bool = True) -> None:
        """Do something again and again until then."""

        def again() -> None:
            wait = self.random.uniform(0.2, 1.8) * every if random_ else every
            if time.monotonic() + wait < until:
                self.at(wait, again)
            act()  # last, so that what it raises ends only this turn

        self.at(every, again)

    def go_on(self, until: float) -> None:
        """Do what is to be done until then."""
        while self._events and self._events[0][0] <= until:
            moment, _, act = heapq.heappop(self._events)
            time.sleep(max(0.0, moment - time.monotonic()))
            try:
                act()
            except (ValueError, TimeoutError) as error:
                print(f"  {act}: {error}", flush=True)
        time.sleep(max(0.0, until - time.monotonic()))

    # --- what came of it

    def judge(self) -> Judgement:
        """Count."""
        every = [run for user in ("", *self._people) for run in self.runs.latest(user, 100_000)]
        marked: dict[str, list[Run]] = {}
        for run in every:
            mark = re.search(r"ip!=(\S+)", run.typed) if run.kind == "question" else None
            if mark:
                marked.setdefault(mark[1], []).append(run)
        parts, final = self._seen(every)
        found = Judgement(asked=len(self.askings))
        for asking in self.askings:
            mine = marked.get(asking.mark, [])
            if mine:
                self._judge(mine[0], parts.get(mine[0].id, Counter()), mine[0].id in final, found)
            elif asking.is_refused:
                found.refused += 1
            elif asking.delivery is not None and asking.is_promised:
                found.lost.append(f"{asking.kind} {asking.mark} in {asking.channel}: no run")
            else:
                found.waiting += 1
        for run in every:
            if run.kind == "digest":
                self._judge_digest(run, parts.get(run.id, Counter()), found)
        found.doubled += Counter({"run": sum(len(mine) - 1 for mine in marked.values())})
        for counts in parts.values():
            found.doubled += Counter({part: times - 1 for part, times in counts.items()})
        found.doubled += Counter({"query": sum(times - 1 for times in self.lake.asked().values())})
        return found

    @staticmethod
    def _judge(run: Run, told: Counter[str], final: bool, found: Judgement) -> None:
        if run.state not in ENDED:
            found.waiting += 1
        elif run.state == "done" and {"parent", "table", "file"} <= told.keys() and final:
            found.answered += 1
            assert run.finished is not None
            found.seconds.append((run.finished - run.created).total_seconds())
        elif run.state == "failed" and {"trouble", "told alone"} & told.keys():
            found.failed += 1
        else:
            found.lost.append(
                f"{run.id} {run.typed} in {run.channel}: {run.state}, {dict(told)}; {run.error}"
            )

    @staticmethod
    def _judge_digest(run: Run, told: Counter[str], found: Judgement) -> None:
        found.digests[run.state] += 1
        if run.state == "done" and not {"parent", "table", "file"} <= told.keys():
            found.lost.append(f"digest {run.id} in {run.channel}: {dict(told)}")
        elif run.state == "failed" and not {"trouble", "given up", "told alone"} & told.keys():
            found.lost.append(f"digest {run.id} failed without a word: {run.error}")

    def _seen(self, every: list[Run]) -> tuple[dict[str, Counter[str]], set[str]]:
        """What stands in Slack of each run, part by part; and whose headlines are final."""
        parts: dict[str, Counter[str]] = {}
        final: set[str] = set()
        files: list[Message] = []
        threads: dict[tuple[str, str], str] = {}
        uploads = {
            run.receipts[name].ref: run.id
            for run in every
            for name in ("upload", "file")
            if name in run.receipts and run.receipts[name].ref.startswith("F")
        }
        for channel in list(self.slack.workspace.channels):
            for message in self.slack.workspace.in_channel(channel):
                about = (message.metadata or {}).get("event_payload", {})
                if about:
                    parts.setdefault(about["run"], Counter())[about["part"]] += 1
                    if about["part"] == "parent":
                        threads[channel, message.ts] = about["run"]
                        if "⏳" not in json.dumps(message.blocks, ensure_ascii=False):
                            final.add(about["run"])
                elif message.files and message.user == BOT:
                    files.append(message)
        for message in files:
            run = uploads.get(message.files[0]) or threads.get(
                (message.channel, message.thread_ts or ""), "?"
            )
            parts.setdefault(run, Counter())["file"] += 1
        return parts, final

    def tell(self, began: float) -> None:
        """Print how it goes."""
        weight = self.bot.weights[-1][1] if self.bot.weights else 0.0
        minutes = (time.monotonic() - began) / 60
        print(f"{minutes:5.1f} min  {self.judge()}; {weight:.0f} MB, life {self.bot.lives}", flush=True)

    def settle(self) -> None:
        """Return once everything asked has ended, or too much time has passed."""
        until = time.monotonic() + SETTLE
        while time.monotonic() < until:
            states = self.runs.states()
            unknown = any(one.delivery is not None and not one.delivery.over for one in self.askings)
            if not unknown and not any(states.get(state) for state in ("queued", "running", "posting")):
                return
            self.bot.weigh()
            time.sleep(SAMPLE_EVERY)

    def unforeseen(self) -> Counter[str]:
        """What the bot's log says of errors that nobody foresaw, and how often."""
        said: Counter[str] = Counter()
        for line in self.bot.log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                said[f"no JSON: {line[:80]}"] += 1
                continue
            if entry["level"] in {"error", "critical"} and not entry["logger"].startswith("slack_"):
                event = re.sub(r"\b[0-9a-f]{8}\b", "…", entry["event"])[:100]
                last = str(entry.get("exc", "")).strip().splitlines()[-1:]
                said[" | ".join([event, *last])[:200]] += 1
        return said


def _has_native(call: dict[str, Any]) -> bool:
    """Whether a message has a block that a workspace may not know."""
    return any(block["type"] in {"data_table", "data_visualization"} for block in call.get("blocks") or [])


def flat(weights: list[tuple[float, float]]) -> tuple[bool, str]:
    """Whether memory did not grow, once the process had warmed up."""
    if len(weights) < 20:
        return True, "too short a life to say"
    quarter = len(weights) // 4
    early = statistics.median(weight for _, weight in weights[quarter : 2 * quarter])
    late = statistics.median(weight for _, weight in weights[-quarter:])
    most = max(weight for _, weight in weights)
    words = f"{early:.0f} MB in its second quarter, {late:.0f} MB in its last, {most:.0f} MB at most"
    return late <= early * GROWTH, f"{words}, over {weights[-1][0] / 60:.0f} min"


def main() -> int:
    """Soak, print, and return 1 where something was lost, doubled, or grew."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--minutes", type=float, default=60)
    given.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    given.add_argument("--every", type=float, default=EVERY, help="seconds between two questions, on average")
    given.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    given.add_argument("--keep-log", type=Path, help="where to put the bot's log")
    chosen = given.parse_args()
    print(
        f"{chosen.minutes:g} minutes on {chosen.database}, seed {chosen.seed}, "
        f"a question every {chosen.every:g} s",
        flush=True,
    )
    with ExitStack() as stack:
        soak = Soak(stack, chosen.database, chosen.seed, chosen.every)
        if chosen.keep_log:
            stack.callback(lambda: chosen.keep_log.write_bytes(soak.bot.log.read_bytes()))
        began = time.monotonic()
        end = began + chosen.minutes * 60
        soak.repeat(chosen.every, soak.ask, end)
        soak.repeat(DIGEST_EVERY, soak.order, end)
        soak.repeat(FAULT_EVERY, soak.spoil, end)
        soak.repeat(RESTART_EVERY, soak.restart, began + chosen.minutes * 40)
        soak.repeat(TELL_EVERY, lambda: soak.tell(began), end, random_=False)
        soak.repeat(SAMPLE_EVERY, soak.bot.weigh, end, random_=False)
        soak.go_on(end)
        soak.slack.faults.clear()
        soak.lake.faults.clear()
        soak.go_on(end + 25)  # whatever is still held is let go
        soak.settle()
        soak.tell(began)
        judged, said = soak.judge(), soak.unforeseen()
        is_flat, weight = flat(soak.bot.weights)
        states = soak.runs.states()
        broken = Counter(f"{one.rule} at {one.where}" for one in soak.slack.broken)
        print(f"\nfaults: {dict(sorted(soak.faults.items()))}")
        print(f"lives: {soak.bot.lives}; SIGTERM took at most {max(soak.bot.ends, default=0):.1f} s")
        print(f"runs: {states}; queries: {sum(soak.lake.asked().values())}")
        print(f"Slack's rules broken: {dict(broken) or 0}")
        print(f"errors in the log: {dict(said) or 0}")
        print(f"memory of the last life: {weight}{'' if is_flat else ': IT GREW'}")
        for one in judged.lost:
            print(f"  LOST {one}")
        well = not judged.lost and not judged.doubled and is_flat and not judged.waiting
        print(f"verdict: {'nothing lost, nothing doubled, memory flat' if well else 'NOT WELL'}", flush=True)
        return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
