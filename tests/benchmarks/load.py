"""The bot under load: `python -m tests.benchmarks.load [--database postgres] [--questions 2000] [--short]`.

Questions by many people in many channels at once, against a Slack and a Lake that enforce their limits; and
one who asks forty times beside one who asks once. The bot is a process of its own; what it posts is read
from the Slack, what it promised from its database. Beside each time stands what the limits alone allow.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from bot.sandbox import Channel, Command, Options, Sandbox, User
from bot.sandbox import limits as slacks
from bot.sandbox.rates import SHORT
from bot.sandbox.state import BOT, users
from bot.store.database import Database
from bot.store.runs import Runs
from bot.store.schema import ENDED
from handlers import connection
from handlers.questions.commands import COMMAND
from tests.benchmarks.slack import TLS_AUDIT, environment, memory, percentile
from tests.doubles.lake import KEY, LIVE, READS, REGION, STARTS, STORE_ID, Lake, Plan
from tests.support.postgres import Postgres, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.sandbox import Delivery, Message
    from bot.store.run import Run

QUERY_SECONDS: Final = 2.0
ROWS: Final = 20
PILE: Final = 40
ALONE: Final = 3
MINUTE: Final = 60.0
LOOK_SECONDS: Final = 0.5
TELL_SECONDS: Final = 60.0
GIVE_UP_SECONDS: Final = 300.0
"""When nothing has happened for so long, nothing more is waited for."""

QUIET_SECONDS: Final = 3.0
"""When all runs have ended, and none has come for so long, it is over: also an upload has appeared."""


@dataclass
class Place:
    """The bot at work between a Slack and a Lake, and what is seen of it."""

    slack: Sandbox
    lake: Lake
    bot: subprocess.Popen[bytes]
    runs: Runs
    log: Path
    idle: float
    most: float = 0.0
    threads: int = 0
    sent: list[Delivery] = field(default_factory=list)

    def ask(self, user: str, channel: str, number: int) -> Delivery:
        """Ask a question that no other number asks."""
        sent = self.slack.command(user, channel, COMMAND, f"last 7d by=services top={number + ROWS}")
        self.sent.append(sent)
        return sent

    def look(self) -> tuple[int, int]:
        """How many runs have ended, and how many there are."""
        self.most = max(self.most, memory(self.bot.pid))
        self.threads = max(self.threads, len(list(Path(f"/proc/{self.bot.pid}/task").iterdir())))
        states = self.runs.states()
        return sum(states.get(state, 0) for state in ENDED), sum(states.values())

    def settle(self) -> None:
        """Return once all runs have ended and no more come, or nothing has happened for long."""
        seen, since, told = (-1, 0), time.monotonic(), time.monotonic()
        while time.monotonic() - since < (QUIET_SECONDS if seen[0] == seen[1] else GIVE_UP_SECONDS):
            time.sleep(LOOK_SECONDS)
            if (now := self.look()) != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                refused = len(self.refusals())
                print(f"  … {self.runs.states()}, {refused} refused, {self.most:.0f} MB", flush=True)

    def refusals(self) -> list[str]:
        """The methods that Slack refused to be called so often, each time."""
        return [one.where for one in self.slack.broken if one.rule == "ratelimited"]

    def messages(self) -> list[Message]:
        """Everything that the bot has posted."""
        channels = list(self.slack.workspace.channels)
        return [
            one for channel in channels for one in self.slack.workspace.in_channel(channel) if one.user == BOT
        ]


def people(count: int) -> list[User]:
    """So many people, and the app."""
    return [*users(), *(User(f"U_{number}", f"user{number}", f"User {number}") for number in range(count))]


def channels(count: int, members: list[User]) -> list[Channel]:
    """So many channels, everyone in each."""
    everyone = frozenset(one.id for one in members)
    return [Channel(f"C_{number}", f"channel-{number}", members=everyone) for number in range(count)]


@contextmanager
def place(database: str, count: int, *, short: bool = False) -> Iterator[Place]:
    """A bot with a new database, and `count` people and channels; Slack's bursts may be `short`."""
    options = Options(
        scopes=frozenset(connection.SCOPES), events=frozenset(connection.EVENTS), commands=(Command(COMMAND),)
    )
    staff = people(count)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tls-audit-load-")))
        slack = stack.enter_context(
            Sandbox(options=options, users=staff, channels=channels(count, staff), short_bursts=short)
        )
        lake = stack.enter_context(Lake([]))
        lake.plan = Plan(running=QUERY_SECONDS)
        lake.canned = (
            ["eventSource", "numOutdatedTlsCalls"],
            [(f"service{row}.amazonaws.com", str(1_000 - row)) for row in range(ROWS)],
        )
        url = f"sqlite:///{folder / 'runs.sqlite'}"
        if database == "postgres":
            programs = find()
            if programs is None:
                sys.exit("PostgreSQL is not installed: apt-get install -y postgresql")
            url = stack.enter_context(Postgres(programs)).url()
        told = environment(slack, str(folder)) | {
            "TLS_AUDIT_ENGINE": "lake",
            "TLS_AUDIT_EVENT_DATA_STORE": STORE_ID,
            "TLS_AUDIT_DATABASE_URL": url,
            "AWS_ENDPOINT_URL_CLOUDTRAIL": lake.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
        }
        log = folder / "log"
        with log.open("wb") as file:
            bot = subprocess.Popen([TLS_AUDIT, "serve"], env=os.environ | told, stderr=file)
        stack.callback(bot.wait)
        stack.callback(bot.terminate)
        slack.wait_for(lambda: slack.sockets, 30)
        time.sleep(2)  # what is loaded at leisure counts as idle
        kept = Database(url)
        stack.callback(kept.close)
        yield Place(slack, lake, bot, Runs(kept), log, memory(bot.pid))


# --- many at once


@dataclass
class Answer:
    """When the parts of a run's answer stood in Slack, and how often."""

    times: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def saw(self, part: str, at: float) -> None:
        """Note a part."""
        self.counts[part] += 1
        self.times.setdefault(part, at)

    @property
    def whole(self) -> float:
        """When the last part came."""
        return max(self.times.values())


PARTS: Final = ("parent", "table", "chart", "headline", "file")


def answers(at: Place) -> dict[str, Answer]:
    """What stands in Slack of each run."""
    found: dict[str, Answer] = {}
    threads: dict[tuple[str, str], str] = {}
    shared: list[Message] = []
    for message in at.messages():
        if message.files:
            shared.append(message)
        elif message.metadata:
            said: dict[str, Any] = message.metadata["event_payload"]
            answer = found.setdefault(said["run"], Answer())
            answer.saw(said["part"], float(message.ts))
            if said["part"] == "parent":
                threads[message.channel, message.ts] = said["run"]
                if message.edited and "⏳" not in message.text:
                    answer.saw("headline", float(message.edited))
    for message in shared:
        run = threads[message.channel, message.thread_ts or ""]
        found[run].saw("file", float(message.ts))
    return found


def by_method(calls: int, allowed: int, *, short: bool) -> float:
    """The seconds until the last of so many calls of a method of which so many are `allowed` a minute."""
    if short:
        return max(0.0, calls - allowed * SHORT) / allowed * MINUTE
    return (math.ceil(calls / allowed) - 1) * MINUTE


def bounds(questions: int, rooms: int, counts: Counter[str], *, short: bool) -> dict[str, float]:
    """The seconds that each limit alone makes the last answer take, with all that it allows at once used."""
    edits, files = slacks.TIERS[3], slacks.TIERS[4]
    how = f", {SHORT:.0%} at once" if short else ", in any"
    posts = math.ceil(sum(counts[part] for part in ("parent", "table", "chart")) / rooms)
    starts = (questions - STARTS) / STARTS
    return {
        f"posts: {posts} a channel, {slacks.POST_BURST} at once, 1 a second": posts - slacks.POST_BURST,
        f"edits: {questions}, {edits} a minute{how}": by_method(questions, edits, short=short),
        f"files: {counts['file']} by each method, {files} a minute{how}": by_method(
            counts["file"], files, short=short
        ),
        f"starts: {questions}, {STARTS} a second": starts,
        f"reads: at least 2 a query, {READS} a second": (2 * questions - READS) / READS,
        f"queries: {questions} of {QUERY_SECONDS:g} s, {LIVE} at once": questions / LIVE * QUERY_SECONDS,
    }


def crowd(database: str, questions: int, rooms: int, rate: float, *, short: bool) -> None:
    """Questions by as many people as channels, `rate` of them a second."""
    bursts = "short" if short else "full"
    print(
        f"\n{questions:,} questions, {rooms} people, {rooms} channels, {database}, {bursts} bursts",
        flush=True,
    )
    with place(database, rooms, short=short) as at:
        began = time.time()
        for number in range(questions):
            time.sleep(max(0.0, began + number / rate - time.time()))
            at.ask(f"U_{number % rooms}", f"C_{(number + number // rooms) % rooms}", number)
        asked = time.time() - began
        at.slack.wait_for(lambda: all(each.over for each in at.sent), 60)
        at.settle()
        report(at, began, asked, questions, rooms, short=short)


def report(at: Place, began: float, asked: float, questions: int, rooms: int, *, short: bool) -> None:
    """Print what came of it."""
    states, found = at.runs.states(), answers(at)
    kept = sum(states.values())
    acks = sorted(each.seconds for each in at.sent)
    told = Counter(each.state for each in at.sent)
    words = Counter(str(each.answer["text"]) for each in at.sent if each.answer.get("text"))
    print(f"  asked within {asked:.2f} s; {dict(told)}; kept: {kept}; refused in words: {dict(words) or 0}")
    print(
        f"  acknowledged after: p50 {statistics.median(acks) * 1e3:.0f} ms, "
        f"p99 {percentile(acks, 0.99) * 1e3:.0f} ms, most {acks[-1] * 1e3:.0f} ms"
    )
    counts: Counter[str] = sum((one.counts for one in found.values()), Counter())
    for part in PARTS:
        times = sorted(one.times[part] - began for one in found.values() if part in one.times)
        if times:
            middle, last = statistics.median(times), times[-1]
            print(f"  {part:<10} {len(times):>5}   p50 {middle:7.1f} s   last {last:7.1f} s")
    last = max(one.whole for one in found.values()) - began
    each = bounds(questions, rooms, counts, short=short)
    print(f"  the last answer was whole after {last:.1f} s; each limit alone allows:")
    for what, seconds in each.items():
        print(f"    {what:<58} {seconds:7.1f} s")
    # nothing can be edited or posted before the first query has run
    bound = max(each.values()) + QUERY_SECONDS
    print(f"  bound {bound:.1f} s (with the first query's {QUERY_SECONDS:g}), ratio {last / bound:.2f}")
    whole = sum(
        all(one.counts[part] for part in ("parent", "table", "headline", "file")) for one in found.values()
    )
    twice = {part: count - len(found) for part, count in counts.items() if count > len(found)}
    print(f"  runs: {states}; answers whole: {whole}; lost: {kept - whole}; posted twice: {twice or 0}")
    paid = at.lake.asked()
    print(
        f"  queries: {sum(paid.values())}, paid twice: {sum(count - 1 for count in paid.values())}, "
        f"most at once: {at.lake.most_live()}"
    )
    print(f"  refused by Slack (429): {dict(Counter(at.refusals())) or 0}")
    others = Counter(f"{one.rule} at {one.where}" for one in at.slack.broken if one.rule != "ratelimited")
    print(f"  other rules broken: {dict(others) or 0}")
    print(
        f"  memory: {at.idle:.0f} MB idle, {at.most:.0f} MB at most, {memory(at.bot.pid):.0f} MB after; "
        f"threads at most: {at.threads}"
    )
    trouble = [line for line in at.log.read_text().splitlines() if "WARN" in line or "ERROR" in line]
    print(f"  warnings in the log: {len(trouble)} {trouble[:3]}", flush=True)


# --- one beside a pile


def waited(at: Place, user: str, channel: str, number: int) -> tuple[float, float]:
    """Ask, and wait: the seconds until the table stood, and until the answer was whole."""
    began = time.time()
    at.ask(user, channel, number)

    def mine() -> Run | None:
        run = next(iter(at.runs.latest(user, 1)), None)
        return run if run is not None and run.created.timestamp() >= began and run.state in ENDED else None

    while (run := mine()) is None:
        time.sleep(LOOK_SECONDS)
    time.sleep(1)
    answer = answers(at)[run.id]
    return answer.times["table"] - began, answer.whole - began


def fairness(database: str) -> None:
    """How long one waits for an answer beside someone who asked forty questions just before."""
    print(f"\none question beside {PILE} of another's, {database}: until the table, and until all of it")
    with place(database, 2) as at:
        number = 0
        alone = []
        for _ in range(ALONE):
            alone.append(waited(at, "U_1", "C_0", number := number + 1))
            time.sleep(3)
        table, whole = (statistics.median(times) for times in zip(*alone, strict=True))
        print(f"  alone{'':<17} {table:6.1f} s {whole:6.1f} s", flush=True)
        for what, channel in (("in the same channel", "C_0"), ("in another channel", "C_1")):
            began = time.time()
            for _ in range(PILE):
                at.ask("U_0", "C_0", number := number + 1)
            table, whole = waited(at, "U_1", channel, number := number + 1)
            at.settle()
            last = max(one.whole for one in answers(at).values()) - began
            print(f"  {what:<22} {table:6.1f} s {whole:6.1f} s   (the {PILE}: {last:.1f} s)", flush=True)
            time.sleep(MINUTE)  # Slack's minute begins anew
        print(f"  refused by Slack (429): {dict(Counter(at.refusals())) or 0}")


def main() -> None:
    """What the arguments ask for."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    given.add_argument("--questions", type=int, default=200, help="0: only the pile beside the one")
    given.add_argument("--channels", type=int, default=40)
    given.add_argument("--rate", type=float, default=200, help="questions a second")
    given.add_argument("--short", action="store_true", help="Slack's bursts are shorter than its averages")
    given.add_argument("--no-pile", action="store_true", help="without the one beside the pile")
    chosen = given.parse_args()
    if chosen.questions:
        crowd(chosen.database, chosen.questions, chosen.channels, chosen.rate, short=chosen.short)
    if not chosen.no_pile:
        fairness(chosen.database)


if __name__ == "__main__":
    main()
