"""Two replicas on one PostgreSQL: one is killed, paused, cut from the database, or told to stop.

    python -m tests.benchmarks.replicas [--questions 24] [--only kill,pause,…]

Both are the real `tls-audit serve`. Printed: what was lost or came twice; how long after the blow the other
had the first and the last of its runs; and the most queries at Lake at once, beside the limit.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.store.schema import AT_WORK, ENDED
from tests.crash import machine as machines
from tests.crash import moments
from tests.crash.machine import POLL, Machine, Replica, Tally
from tests.crash.proxy import Proxy
from tests.doubles import lake as double
from tests.support.postgres import Postgres, find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT: Final = 4
QUERY_SECONDS: Final = 6.0
LONG_SECONDS: Final = 45.0
"""Longer than a lease."""

PAUSE_SECONDS: Final = 40.0
SETTLED_SECONDS: Final = 5.0
"""For whoever comes back, to do what it should not."""


@dataclass
class Result:
    """What came of one blow."""

    tally: Tally
    held: int
    """Runs that it had at work."""
    first: float | None
    last: float | None
    """Seconds from the blow until the other had the first, and the last, of them."""
    done: float
    """Seconds from the blow until everything was answered."""
    live: int
    words: str = ""


class Pair:
    """Two replicas, of which `one` meets with something."""

    def __init__(self, machine: Machine, one: Replica, other: Replica, proxy: Proxy, questions: int) -> None:
        self.machine = machine
        self.one = one
        self.other = other
        self.proxy = proxy
        self.questions = questions

    def ask(self) -> None:
        """Many at once, and wait until both have some at work."""
        for _ in range(self.questions):
            self.machine.ask()
        for asking in self.machine.askings:
            assert asking.delivery is not None
            self.machine.sandbox.acknowledged(asking.delivery)
        _until(lambda: self.asking("one") and self.asking("other"))

    def asking(self, name: str) -> bool:
        """Whether one of them has a run at its engine."""
        return any(run.state == "running" and _is(run.owner, name) for run in self.machine.runs_of())

    def held(self, name: str) -> set[str]:
        """The runs that one of them has at work, by id."""
        runs = self.machine.runs_of()
        return {run.id for run in runs if _is(run.owner, name) and run.lease and run.state not in ENDED}

    def watched(self, blow: Callable[[], str], after: Callable[[], None] = lambda: None) -> Result:
        """Strike, and see how it goes on; `after` is done once all has ended."""
        held = self.held("one")
        began = time.monotonic()
        words = blow()
        taken: dict[str, float] = {}
        while True:
            now = time.monotonic() - began
            runs = {run.id: run for run in self.machine.runs_of()}
            for run_id in held:
                if _is(runs[run_id].owner, "other"):
                    taken.setdefault(run_id, now)
            if all(run.state in ENDED for run in runs.values()) or now > 300:
                break
            threading.Event().wait(POLL)
        after()
        threading.Event().wait(SETTLED_SECONDS)
        assert self.machine.until_done(self.machine.askings)
        times = sorted(taken.values())
        first, last = (times[0], times[-1]) if times else (None, None)
        return Result(self.machine.tally(), len(held), first, last, now, self.machine.lake.most_live(), words)


def _is(owner: str | None, name: str) -> bool:
    return owner is not None and owner.endswith(f"/{name}")


def _until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        threading.Event().wait(POLL)


@contextmanager
def pair(server: Postgres, events: double.Events, questions: int) -> Iterator[Pair]:
    """Two replicas at work on a new database; `one` reaches it through a proxy."""
    with tempfile.TemporaryDirectory(prefix="tls-audit-replicas-") as folder, Proxy(server.port) as proxy:
        url = server.url()
        limit = {"TLS_AUDIT_LAKE_CONCURRENCY": str(LIMIT)}
        with Machine(Path(folder), url, events, "history", **limit) as machine:
            machine.lake.limits = True
            machine.lake.page_rows = 1_000
            machine.lake.plan = double.Plan(running=QUERY_SECONDS)
            there = url.replace(str(server.port), str(proxy.port))
            one = machine.replica("one", TLS_AUDIT_DATABASE_URL=there)
            other = machine.replica("other")
            yield Pair(machine, one, other, proxy, questions)


def _both(pair: Pair) -> None:
    pair.one.start()
    pair.other.start()
    pair.ask()


def killed(pair: Pair) -> Result:
    """SIGKILL in the middle of its work."""
    _both(pair)

    def blow() -> str:
        pair.one.kill()
        return ""

    return pair.watched(blow)


def paused(pair: Pair) -> Result:
    """SIGSTOP until the other is done, and SIGCONT."""
    _both(pair)

    def blow() -> str:
        pair.one.send(signal.SIGSTOP)
        return ""

    return pair.watched(blow, lambda: pair.one.send(signal.SIGCONT))


def paused_in_calls(pair: Pair) -> Result:
    """SIGSTOP where a table and a query were taken and not answered yet, and while queries run that take
    longer than a lease; SIGCONT while the other waits for the same queries."""
    pair.machine.lake.plan = double.Plan(running=0)
    pair.one.start()
    table = moments.slack("chat.postMessage", "after", moments.part("table"))(pair.machine)
    pair.machine.ask()
    table.arrived(30)
    pair.machine.lake.plan = double.Plan(running=LONG_SECONDS)
    started = pair.machine.lake.hold("StartQuery", "after")
    pair.machine.ask()
    started.arrived(30)
    pair.machine.ask()
    _until(lambda: pair.machine.lake.count("DescribeQuery") >= 3)
    pair.other.start()

    def blow() -> str:
        pair.one.send(signal.SIGSTOP)

        def back() -> None:
            threading.Event().wait(PAUSE_SECONDS)
            for hold in (table, started):
                hold.release()
            pair.one.send(signal.SIGCONT)

        threading.Thread(target=back).start()
        return f"back after {PAUSE_SECONDS:.0f} s"

    result = pair.watched(blow)
    result.words += f", CancelQuery {pair.machine.lake.count('CancelQuery')} times"
    return result


def _cut(pair: Pair, cut: Callable[[], None]) -> Result:
    _both(pair)

    def blow() -> str:
        cut()

        def back() -> None:
            threading.Event().wait(PAUSE_SECONDS)
            pair.proxy.mend()

        threading.Thread(target=back).start()
        return f"mended after {PAUSE_SECONDS:.0f} s"

    def after() -> None:
        threading.Event().wait(PAUSE_SECONDS)

    return pair.watched(blow, after)


def cut_off(pair: Pair) -> Result:
    """Its connections to the database break, and new ones are refused, for a while."""
    return _cut(pair, pair.proxy.cut)


def hung(pair: Pair) -> Result:
    """Nothing goes through to the database for a while, and nobody says so."""
    return _cut(pair, pair.proxy.hang)


def stopped(pair: Pair) -> Result:
    """SIGTERM with queries running and posts waiting; the other goes on."""
    pair.machine.lake.plan = double.Plan(running=QUERY_SECONDS)
    _both(pair)
    return pair.watched(lambda: f"ended after {pair.one.end():.1f} s")


def stopped_hung(pair: Pair) -> Result:
    """SIGTERM while nothing goes through to the database: it cannot hand over, and must end all the same."""
    _both(pair)

    def blow() -> str:
        pair.proxy.hang()
        return f"ended after {pair.one.end():.1f} s"

    return pair.watched(blow)


def stopped_alone(pair: Pair) -> Result:
    """SIGTERM with queries running and posts waiting, and nobody else; then it is started again."""
    pair.machine.lake.plan = double.Plan(running=QUERY_SECONDS)
    pair.one.start()
    for _ in range(pair.questions):
        pair.machine.ask()
    _until(lambda: sum(run.state == "running" for run in pair.machine.runs_of()) == LIMIT)

    def blow() -> str:
        seconds = pair.one.end()
        at_work = sum(run.state in AT_WORK for run in pair.machine.runs_of())
        pair.one.start()
        return f"ended after {seconds:.1f} s, {at_work} under way; started again"

    return pair.watched(blow)


BLOWS: Final[dict[str, Callable[[Pair], Result]]] = {
    "kill": killed,
    "pause": paused,
    "pause in calls": paused_in_calls,
    "database cut": cut_off,
    "database hung": hung,
    "stop": stopped,
    "stop hung": stopped_hung,
    "stop alone": stopped_alone,
}


def main() -> None:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--only", default=",".join(BLOWS))
    options = parser.parse_args()
    programs = find()
    if programs is None:
        sys.exit("PostgreSQL is not installed.")
    events = machines.recent()
    clean = True
    columns = ("asked", "lost", "paid twice", "twice", "held", "first", "last", "done", "live")
    print(f"{'blow':16} " + " ".join(f"{each:>10}" for each in columns) + f"  (limit {LIMIT})")
    with Postgres(programs) as server:
        for name in options.only.split(","):
            with pair(server, events, options.questions) as two:
                found = BLOWS[name](two)
                trouble = f"{two.one.trouble}\n{two.other.trouble}"
            tally = found.tally
            seconds = ["–" if each is None else f"{each:.1f} s" for each in (found.first, found.last)]
            cells: list[object] = [
                tally.asked,
                len(tally.lost),
                len(tally.paid_twice),
                sum(tally.twice.values()),
            ]
            cells += [found.held, *seconds, f"{found.done:.1f} s", found.live]
            print(f"{name:16} " + " ".join(f"{each:>10}" for each in cells) + f"  {found.words}", flush=True)
            if not tally.is_clean or found.live > LIMIT:
                clean = False
                print(
                    "\n".join([*tally.lost, *tally.paid_twice, str(dict(tally.twice)), trouble]), flush=True
                )
    sys.exit(not clean)


if __name__ == "__main__":
    main()
