"""The whole bot on Athena and on CloudWatch: kill -9, lost answers, throttling, cancelling, and two replicas.

    python -m tests.benchmarks.stacks [--engine athena,cloudwatch] [--questions 24]

The bot is the real `tls-audit serve`. It is killed before and after each kind of call to the engine takes
effect; then such calls are lost while it works; then AWS refuses starts, and counts calls; then what runs is
cancelled; then two replicas on one PostgreSQL share a limit, and one of them is killed.
Printed: what was lost, what was asked twice and so paid twice, what people saw twice; and the most queries
at AWS at once, beside the limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.demo import samples
from bot.engines.athena import tables
from handlers.questions.commands import COMMAND
from tests.crash.machine import POLL, Machine, Replica, Tally
from tests.doubles import athena, cloudwatch
from tests.support.postgres import Postgres, find
from tests.support.trail import ATHENA_TABLE, over_trail, trail_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT: Final = 4
QUERY_SECONDS: Final = 3.0
LONG_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Stack:
    """An engine: how its double is made, the bot's settings for it, and its calls from start to answer."""

    double: Callable[[list[Any]], Any]
    plan: Callable[[float], Any]
    settings: dict[str, str]
    calls: tuple[str, ...]
    stop: str
    """The call that stops a query."""


def _athena(records: list[Any]) -> athena.Athena:
    bucket = athena.Bucket(trail_files(records))
    bucket.create(over_trail(tables.read(ATHENA_TABLE)[tables.DEFAULT]))
    return athena.Athena(bucket)


STACKS: Final = {
    "athena": Stack(
        _athena,
        lambda seconds: athena.Plan(running=seconds),
        {"TLS_AUDIT_ATHENA_TABLE": ATHENA_TABLE, "TLS_AUDIT_ATHENA_CONCURRENCY": str(LIMIT)},
        ("StartQueryExecution", "GetQueryExecution"),
        "StopQueryExecution",
    ),
    "cloudwatch": Stack(
        lambda records: cloudwatch.CloudWatch(cloudwatch.events(records)),
        lambda seconds: cloudwatch.Plan(running=seconds),
        {
            "TLS_AUDIT_CLOUDWATCH_LOG_GROUPS": cloudwatch.GROUP,
            "TLS_AUDIT_CLOUDWATCH_CONCURRENCY": str(LIMIT),
        },
        ("StartQuery", "GetQueryResults"),
        "StopQuery",
    ),
}


@dataclass(frozen=True)
class Result:
    """What came of some blows."""

    blows: int
    tally: Tally
    queries: int
    live: int
    """The most queries at AWS at once."""

    @classmethod
    def of(cls, machine: Machine, blows: int) -> Result:
        """What came of all that was asked of a machine."""
        double = machine.lake
        return cls(blows, machine.tally(), sum(double.asked().values()), double.most_live())


@contextmanager
def machine(name: str, records: list[Any], url: str, *, limits: bool, seconds: float) -> Iterator[Machine]:
    """A machine whose bot asks the engine called `name`."""
    stack = STACKS[name]
    double = stack.double(records)
    double.limits, double.plan = limits, stack.plan(seconds)
    with tempfile.TemporaryDirectory(prefix="tls-audit-stacks-") as folder:
        settings = {"TLS_AUDIT_ENGINE": name, **stack.settings}
        at = url or f"sqlite:///{Path(folder) / 'runs.sqlite'}"
        with Machine(Path(folder), at, double, "history", **settings) as made:
            yield made


def ask(machine: Machine) -> None:
    """Something that nobody has asked, so that its text tells how often it was."""
    n = len(machine.askings)
    machine.ask(f"last 7d ip!=10.99.{n // 256}.{n % 256}")


def killed(name: str, records: list[Any]) -> Result:
    """SIGKILL before and after each kind of call takes effect."""
    with machine(name, records, "", limits=False, seconds=0.3) as made:
        bot = made.replica()
        times = 0
        for operation in STACKS[name].calls:
            for when in ("before", "after"):
                if not bot.is_running:
                    bot.start()
                hold = made.lake.hold(operation, when)
                ask(made)
                hold.arrived(60)
                bot.kill()
                hold.drop()
                bot.start()
                assert made.until_done(made.askings), bot.trouble
                times += 1
        return Result.of(made, times)


def cut(name: str, records: list[Any]) -> Result:
    """The answer to every call is lost once, before or after it took effect, while others work."""
    with machine(name, records, "", limits=False, seconds=0.3) as made:
        bot = made.replica()
        bot.start()
        times = 0
        for _ in range(3):
            for operation in STACKS[name].calls:
                for when in ("before", "after"):
                    made.lake.cut(operation, when)
                    ask(made)
                    times += 1
        assert made.until_done(made.askings, 300), bot.trouble
        return Result.of(made, times)


def throttled(name: str, records: list[Any], questions: int) -> Result:
    """AWS refuses every second start for a while, and counts calls as strictly as it does."""
    with machine(name, records, "", limits=True, seconds=QUERY_SECONDS) as made:
        bot = made.replica()
        bot.start()
        made.lake.fail(STACKS[name].calls[0], "ThrottlingException", "Rate exceeded", times=questions // 2)
        for _ in range(questions):
            ask(made)
        assert made.until_done(made.askings, 300), bot.trouble
        return Result.of(made, questions // 2)


def cancelled(name: str, records: list[Any]) -> Result:
    """Questions whose queries run are cancelled by whoever asked them; each is to be stopped at AWS, once."""
    with machine(name, records, "", limits=True, seconds=LONG_SECONDS) as made:
        bot = made.replica()
        bot.start()
        for _ in range(LIMIT):
            ask(made)
        _until(lambda: made.lake.most_live() == LIMIT)
        for asking in made.askings:
            run = made.run_of(asking)
            assert run is not None
            made.sandbox.command(asking.user, asking.channel, COMMAND, f"cancel {run.id}")
        _until(lambda: all(run.state == "cancelled" for run in made.runs_of()))
        found = Result.of(made, LIMIT)
        found.tally.lost.clear()  # nobody waits for an answer any more
        if (stopped := made.lake.count(STACKS[name].stop)) != LIMIT:
            found.tally.lost.append(f"{stopped} of {LIMIT} were stopped")
        return found


def shared(name: str, records: list[Any], questions: int, url: str) -> Result:
    """Two replicas, of which one is killed with queries of its own at AWS."""
    with machine(name, records, url, limits=True, seconds=QUERY_SECONDS) as made:
        one, other = made.replica("one"), made.replica("other")
        one.start()
        other.start()
        for _ in range(questions):
            ask(made)
        _until(lambda: _asking(made, "one") and _asking(made, "other"))
        one.kill()
        assert made.until_done(made.askings, 300), _troubles(one, other)
        return Result.of(made, 1)


def _troubles(*replicas: Replica) -> str:
    return "\n".join(replica.trouble for replica in replicas)


def _asking(machine: Machine, name: str) -> bool:
    runs = machine.runs_of()
    return any(run.state == "running" and (run.owner or "").endswith(f"/{name}") for run in runs)


def _until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        threading.Event().wait(POLL)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default=",".join(STACKS))
    parser.add_argument("--questions", type=int, default=24)
    options = parser.parse_args()
    programs = find()
    if programs is None:
        sys.exit("PostgreSQL is not installed.")
    today = datetime.now(UTC).date()
    records = [record for n in range(1, 15) for record in samples.day(today - timedelta(days=n))[::10]]
    columns = ("blows", "asked", "lost", "paid twice", "seen twice", "queries", "live", "seconds")
    print(f"{'engine':10} {'what':12} " + " ".join(f"{each:>10}" for each in columns) + f"  (limit {LIMIT})")
    clean = True
    with Postgres(programs) as server:
        for name in options.engine.split(","):
            acts: dict[str, Callable[[], Result]] = {
                "kill -9": lambda name=name: killed(name, records),  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
                "lost answers": lambda name=name: cut(name, records),  # type: ignore[misc]
                "throttled": lambda name=name: throttled(name, records, options.questions),  # type: ignore[misc]
                "cancelled": lambda name=name: cancelled(name, records),  # type: ignore[misc]
                "two replicas": lambda name=name: shared(name, records, options.questions, server.url()),  # type: ignore[misc]
            }
            for what, act in acts.items():
                clean = _shown(name, what, act) and clean
    sys.exit(not clean)


def _shown(name: str, what: str, act: Callable[[], Result]) -> bool:
    """Print a line; whether it is clean."""
    began = time.monotonic()
    found = act()
    tally = found.tally
    cells: list[object] = [found.blows, tally.asked, len(tally.lost), len(tally.paid_twice)]
    cells += [sum(tally.twice.values()), found.queries, found.live, f"{time.monotonic() - began:.0f}"]
    print(f"{name:10} {what:12} " + " ".join(f"{each:>10}" for each in cells), flush=True)
    for line in (*tally.lost, *tally.paid_twice):
        print(f"  {line[:300]}", flush=True)
    return tally.is_clean and found.live <= LIMIT


if __name__ == "__main__":
    main()
