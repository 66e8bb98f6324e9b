"""How fast the bot is in Slack, against the sandbox: `python -m tests.benchmarks.slack`.

Acknowledgements of 200 commands at once, in one channel, with other filters each, and in forty channels,
beside a bare Bolt app that only acknowledges; from an engine's last row to the posted table; memory; from
start to the first `hello`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler

from bot import bootstrap, settings
from bot.demo import samples
from bot.engines import ENGINES
from bot.engines.local import Local
from bot.sandbox import Channel, Command, Options, Sandbox, User, state
from handlers import connection
from handlers.questions.commands import COMMAND
from tests.support.workers import ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.engines import Progress, Statement
    from bot.table import Table

TLS_AUDIT = Path(sys.executable).with_name("tls-audit")
COMMANDS = 200
ROUNDS = 3
ANSWERED = 5
ROOMS = 40
ALICE, SECURITY = "U_ALICE", "C_SECURITY"


def memory(process: int | str = "self") -> float:
    """Resident memory of a process, in MB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def sandbox() -> Sandbox:
    """A Slack that answers at once and limits nothing."""
    options = Options(
        scopes=frozenset(connection.SCOPES), events=frozenset(connection.EVENTS), commands=(Command(COMMAND),)
    )
    staff = [User(f"U_{number}", f"user-{number}", f"User {number}") for number in range(ROOMS)]
    everyone = frozenset({state.BOT, *(one.id for one in staff)})
    rooms = [Channel(f"C_{number}", f"channel-{number}", members=everyone) for number in range(ROOMS)]
    return Sandbox(
        options=options,
        users=[*state.users(), *staff],
        channels=[*state.channels(), *rooms],
        rate_limits=False,
    )


Asked = tuple[str, str, str]
"""Who asks, where, and what."""


def in_one_channel(number: int) -> Asked:
    """Always Alice, in one channel."""
    return ALICE, SECURITY, f"last 7d top={number + 1}"


def in_forty_channels(number: int) -> Asked:
    """Forty people, each in a channel of their own."""
    return f"U_{number % ROOMS}", f"C_{number % ROOMS}", f"last 7d top={number + 1}"


def by_other_filters(number: int) -> Asked:
    """Alice again, but no question has the filters of another."""
    return ALICE, SECURITY, f"last 7d principal=app-{number}"


def acknowledged(slack: Sandbox, asked: Callable[[int], Asked]) -> list[float]:
    """Seconds until each of `COMMANDS` commands, sent at once, was acknowledged."""
    start = threading.Barrier(16)

    def send(number: int) -> Any:
        if number < 16:
            start.wait()
        user, channel, words = asked(number)
        return slack.command(user, channel, COMMAND, words)

    with ThreadPoolExecutor(16) as senders:
        sent = list(senders.map(send, range(COMMANDS)))
    slack.wait_for(lambda: all(each.over for each in sent), seconds=60)
    refused = [each.state for each in sent if each.state != "acked"]
    if refused:
        print(f"  not acknowledged in time: {len(refused)}")
    return sorted(each.seconds for each in sent)


def bare(asked: Callable[[int], Asked]) -> list[float]:
    """The same of an app that only acknowledges."""
    with sandbox() as slack:
        client = connection.connect("xoxb-sandbox", slack.api_url)
        bolt = App(client=client)
        bolt.command(COMMAND)(lambda ack: ack())
        handler = SocketModeHandler(bolt, "xapp-sandbox")
        handler.connect()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped
        try:
            return acknowledged(slack, asked)
        finally:
            handler.close()  # type: ignore[no-untyped-call]  # as above


class Waiting(Local):
    """The embedded engine, but nothing is answered before `free` is set; it notes when rows were ready."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.free = threading.Event()
        self.ready: list[float] = []

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """As Engine.run."""
        progress(None, "running", 0)
        while not self.free.wait(0.25):
            progress(None, "running", 0)
        table = super().run(statement, token=token, resume=resume, progress=progress)
        self.ready.append(time.time())
        return table


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the sorted `values` lie."""
    return values[min(len(values) - 1, int(len(values) * share))]


def line(what: str, times: list[float]) -> None:
    """Print one measurement."""
    middle, most = statistics.median(times) * 1e3, percentile(times, 0.99) * 1e3
    print(f"  {what:<34} p50 {middle:7.1f} ms   p99 {most:7.1f} ms")


def environment(slack: Sandbox, folder: str) -> dict[str, str]:
    """What a bot must be told to work against `slack` and keep its things in `folder`."""
    return {
        "TLS_AUDIT_DATA": folder,
        "SLACK_BOT_TOKEN": "xoxb-sandbox",
        "SLACK_APP_TOKEN": "xapp-sandbox",
        "SLACK_API_URL": slack.api_url,
        "TLS_AUDIT_MAX_QUESTIONS": str(2 * COMMANDS),
    }


def started() -> Iterator[tuple[float, float]]:
    """Seconds from starting `tls-audit serve` to Slack's first hello, and its memory when idle."""
    for _ in range(ROUNDS):
        with sandbox() as slack, TemporaryDirectory() as folder:
            began = time.perf_counter()
            bot = subprocess.Popen(
                [TLS_AUDIT, "serve"], env=os.environ | environment(slack, folder), stderr=subprocess.DEVNULL
            )
            slack.wait_for(partial(attrgetter("sockets"), slack))
            seconds = time.perf_counter() - began
            time.sleep(2)  # whatever is loaded at leisure is counted too
            yield seconds, memory(bot.pid)
            bot.terminate()
            bot.wait()


@contextmanager
def running(slack: Sandbox, *, waits: bool) -> Iterator[tuple[bootstrap.Bot, Waiting]]:
    """A bot with sample events; if it `waits`, it answers nothing before its engine's `free` is set."""
    with TemporaryDirectory() as folder:
        data = Path(folder)
        samples.write(data / "logs", datetime.now(UTC))
        subprocess.run(
            [TLS_AUDIT, "ingest", str(data / "logs")],
            env=os.environ | {"TLS_AUDIT_DATA": folder},
            check=True,
            stdout=subprocess.DEVNULL,
        )  # in a process of its own, so that its memory is not counted here
        os.environ.update(environment(slack, folder))
        with bootstrap.bot(settings.load()) as bot:
            engine: Any = bot.worker.engines[Waiting.name]
            if not waits:
                engine.free.set()
            yield bot, engine


def ours(asked: Callable[[int], Asked], *, waits: bool, strangers: bool) -> list[float]:
    """As `bare`, of the bot; if they are `strangers`, Slack has yet to say who they are."""
    with sandbox() as slack, running(slack, waits=waits) as (bot, _):
        if not strangers:
            for user, channel in sorted({asked(number)[:2] for number in range(COMMANDS)}):
                command = slack.command(user, channel, COMMAND, "help")
                slack.wait_for(partial(attrgetter("over"), command))
        times = acknowledged(slack, asked)
        promised = sum(
            len(bot.worker.runs.latest(user, COMMANDS)) for user in {asked(n)[0] for n in range(COMMANDS)}
        )
        if promised != COMMANDS:
            raise SystemExit(
                f"of {COMMANDS} questions {promised} were promised: a refusal is no acknowledgement"
            )
        return times


def beside(what: str, asked: Callable[[int], Asked], *, waits: bool, strangers: bool = False) -> None:
    """Print the acknowledgements of a bare app and of the bot, the middle of `ROUNDS`, taken in turns."""
    theirs, own = zip(
        *((bare(asked), ours(asked, waits=waits, strangers=strangers)) for _ in range(ROUNDS)), strict=True
    )
    print(f"acknowledgement of {COMMANDS} commands at once {what}:")
    for name, rounds in (("a bare Bolt app", theirs), ("the bot", own)):
        line(name, sorted(rounds, key=statistics.median)[ROUNDS // 2])
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        times = [statistics.median(percentile(one, share) for one in rounds) for rounds in (own, theirs)]
        print(f"  {name}: {times[0] / times[1]:.1f} times the bare one's")


def main() -> None:
    """Measure everything and print it."""
    ENGINES[Waiting.name] = f"{__name__}:{Waiting.__qualname__}"
    seconds, idle = min(started())
    print(f"from start to the first hello: {seconds:.2f} s (best of {ROUNDS})")
    print(f"memory of `tls-audit serve` when idle: {idle:.0f} MB")
    with sandbox() as slack, running(slack, waits=True) as (bot, engine):
        waiting(slack, bot, engine)
    beside("in one channel", in_one_channel, waits=True)
    beside("in one channel, with other filters each", by_other_filters, waits=True)
    beside(f"in {ROOMS} channels, whose runs begin at once", in_forty_channels, waits=False)
    beside(f"in {ROOMS} channels, by people new to the bot", in_forty_channels, waits=False, strangers=True)
    with sandbox() as slack, running(slack, waits=True) as (bot, engine):
        one_by_one(slack, bot, engine)


def waiting(slack: Sandbox, bot: bootstrap.Bot, engine: Waiting) -> None:
    """The memory of runs that wait, and of a few that are answered."""
    before = memory()
    acknowledged(slack, in_one_channel)
    print(f"memory that {COMMANDS} waiting runs add, sandbox included: {memory() - before:.0f} MB")
    before = memory()
    engine.free.set()
    for number, run in enumerate(reversed(bot.worker.runs.latest(ALICE, COMMANDS))):
        if number >= ANSWERED:
            bot.questions.cancel(run.id)  # a channel takes one message a second
    for run in bot.worker.runs.latest(ALICE, COMMANDS):
        ended(bot.worker, run.id, 600)
    print(f"memory that {ANSWERED} embedded queries add: {memory() - before:.0f} MB")


def posted(slack: Sandbox, seen: int) -> bool:
    """Whether more than `seen` messages were posted."""
    return len(slack.calls("chat.postMessage")) > seen


def one_by_one(slack: Sandbox, bot: bootstrap.Bot, engine: Waiting) -> None:
    """From the last row of an answer to its table in Slack, with nothing else going on."""
    gaps = []
    for number in range(10):
        seen = len(slack.calls("chat.postMessage"))
        engine.free.clear()
        engine.ready.clear()
        slack.command("U_BOB", "C_ONCALL", COMMAND, f"last 7d service=s3 top={number + 1}")
        slack.wait_for(partial(posted, slack, seen))
        time.sleep(1.5)  # the channel takes one message a second, and the first one has just been posted
        engine.free.set()
        (run,) = bot.worker.runs.latest("U_BOB", 1)
        ended(bot.worker, run.id, 30)
        gaps.append(slack.calls("chat.postMessage")[seen + 1].at - engine.ready[0])
    line("from the last row to the table", sorted(gaps))


if __name__ == "__main__":
    with closing(sys.stdout):
        main()
