"""Nothing lost, nothing twice: the bot is killed at every moment of its work, and started again.

    python -m tests.benchmarks.kills [--database sqlite|postgres] [--slack honours|history|neither]
                                     [--kills 100] [--cuts 60] [--machines 3]

The bot is the real `tls-audit serve` in a process of its own. Slack and Lake outlive it: they keep a call
waiting before it takes effect, or after, with its answer withheld; then the bot gets SIGKILL. Two others
have asked meanwhile and are wherever they are. `--cuts` asks so many questions at once, of each of which
the answer to one call is cut after it took effect, and kills nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from tests.crash import machine as machines
from tests.crash import moments
from tests.crash.machine import Asking, Machine, Replica, Slack, Tally
from tests.support.postgres import Postgres, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.moments import Moment
    from tests.doubles import lake as double

SECONDS_OF_WORK: Final = 2.5
"""About how long a run takes, so that a random moment is one of its."""


@dataclass
class Sheet:
    """What came of the kills, phase by phase."""

    kills: Counter[str] = field(default_factory=Counter)
    found: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    states: Counter[str] = field(default_factory=Counter)
    """For `finishing`: what the run's state was when the bot had died."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Killer:
    """Kills one machine's bot again and again."""

    def __init__(self, machine: Machine, replica: Replica, sheet: Sheet, seed: int) -> None:
        self.machine = machine
        self.replica = replica
        self.sheet = sheet
        self.random = random.Random(seed)  # noqa: S311 - moments, not secrets
        self._paid: set[str] = set()

    def bystanders(self) -> list[Asking]:
        """Two others, who ask at the same time."""
        return [self.machine.ask(kind=self.random.choice(("command", "mention", "private"))) for _ in "12"]

    def strike(self, phase: str, kill: Callable[[], list[Asking]]) -> None:
        """One kill, or two; then all is brought to its end, and judged."""
        before = len(self.machine.sandbox.broken)
        askings = kill()
        self.replica.start()
        in_time = self.machine.until_done(askings)
        tally = self.machine.tally(askings)
        paid = set(tally.paid_twice)
        tally.paid_twice = sorted(paid - self._paid)
        self._paid |= paid
        tally.broken = Counter(one.rule for one in self.machine.sandbox.broken[before:])
        if not in_time:
            tally.lost.append("not done in time")
        with self.sheet.lock:
            self.sheet.kills[phase] += 1
            self.sheet.found[phase].add(tally)
        if not tally.is_clean:
            print(f"  {phase}: {'; '.join(tally.lost + tally.paid_twice)} {dict(tally.twice)}", flush=True)
        if tally.lost:
            print(self.replica.trouble, flush=True)

    def at(self, moment: Moment) -> list[Asking]:
        """Kill where a call of `moment` is kept waiting."""
        hold = moment.place(self.machine)
        askings = [self.machine.ask(moment.text, kind=moment.kind, has_rows=moment.has_rows)]
        askings += self.bystanders()
        hold.arrived(30)
        self.replica.kill()
        hold.drop()
        return askings

    def before_commit(self, kind: machines.Kind) -> list[Asking]:
        """Kill while a question waits for its asker's zone: nothing is promised."""
        hold = moments.ZONE(self.machine)
        askings = [self.machine.ask(moments.TODAY, kind=kind)]
        hold.arrived(30)
        self.replica.kill()
        hold.drop()
        return askings

    def on_delivery(self, kind: machines.Kind) -> list[Asking]:
        """Kill within milliseconds of the delivery, of three questions at once."""
        askings = [self.machine.ask(kind=kind) for _ in "123"]
        threading.Event().wait(self.random.uniform(0, 0.03))
        self.replica.kill()
        return askings

    def on_ack(self) -> list[Asking]:
        """Kill as soon as a question is acknowledged."""
        asking = self.machine.ask()
        delivery = asking.delivery
        assert delivery is not None
        self.machine.sandbox.acknowledged(delivery)
        self.replica.kill()
        return [asking]

    def finishing(self) -> list[Asking]:
        """Kill within milliseconds of the last part's answer."""
        hold = moments.slack("files.completeUploadExternal", "after")(self.machine)
        asking = self.machine.ask()
        hold.arrived(30)
        hold.release()
        threading.Event().wait(self.random.uniform(0, 0.02))
        self.replica.kill()
        run = self.machine.run_of(asking)
        assert run is not None
        with self.sheet.lock:
            self.sheet.states[f"{run.state}, file {'known' if run.has('file') else 'not known'}"] += 1
        return [asking]

    def looking(self, first: Moment, look: Callable[[Machine], moments.Hold]) -> list[Asking]:
        """Kill, and kill again while what was done before is looked for."""
        asking = self.at(first)
        hold = look(self.machine)
        self.replica.start()
        with contextlib.suppress(TimeoutError):  # where nobody may look, it is killed all the same
            hold.arrived(3)
        self.replica.kill()
        hold.drop()
        self.machine.sandbox.faults.clear()
        self.machine.lake.faults.clear()
        return asking

    def whenever(self) -> list[Asking]:
        """Kill at a random moment, with four at work and a digest due."""
        askings = [
            *self.bystanders(),
            *self.bystanders(),
            self.machine.ask(kind="digest"),
        ]
        threading.Event().wait(self.random.uniform(0, SECONDS_OF_WORK))
        self.replica.kill()
        return askings


def plan(kills: int) -> list[tuple[str, Callable[[Killer], list[Asking]]]]:
    """What is done for so many kills: every exact moment once, then the random ones, and again."""
    exact: list[tuple[str, Callable[[Killer], list[Asking]]]] = [
        (str(moment), lambda killer, moment=moment: killer.at(moment))  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
        for moment in moments.EVERY
    ]

    def history(machine: Machine) -> moments.Hold:
        return machine.sandbox.faults.hold("conversations.replies")

    listed = moments.lake("ListQueries", "before")
    by_name = {str(moment): moment for moment in moments.QUESTION}
    others: list[tuple[str, Callable[[Killer], list[Asking]]]] = [
        ("accepting, before the commit", lambda killer: killer.before_commit("command")),
        ("accepting, before the commit (mention)", lambda killer: killer.before_commit("mention")),
        ("accepting, on delivery", lambda killer: killer.on_delivery("command")),
        ("accepting, on delivery", lambda killer: killer.on_delivery("command")),
        ("accepting, on delivery (mention)", lambda killer: killer.on_delivery("mention")),
        ("accepting, on delivery (mention)", lambda killer: killer.on_delivery("mention")),
        ("accepting, at the acknowledgement", lambda killer: killer.on_ack()),
        ("accepting, at the acknowledgement", lambda killer: killer.on_ack()),
        ("finishing", lambda killer: killer.finishing()),
        ("finishing", lambda killer: killer.finishing()),
        ("finishing", lambda killer: killer.finishing()),
        (
            "StartQuery after, again while looking",
            lambda k: k.looking(by_name["StartQuery after"], listed),
        ),
        ("table after, again while looking", lambda k: k.looking(by_name["table after"], history)),
        ("whenever", lambda killer: killer.whenever()),
        ("whenever", lambda killer: killer.whenever()),
        ("whenever", lambda killer: killer.whenever()),
        ("whenever", lambda killer: killer.whenever()),
    ]
    each = list(itertools.islice(itertools.chain(exact, itertools.cycle([*others, *others, *exact])), kills))
    random.Random(kills).shuffle(each)  # noqa: S311 - an order
    return each


def killed(options: argparse.Namespace, events: double.Events, url: Callable[[Path], str]) -> Sheet:
    """Kill, on several machines at once."""
    sheet, left, lock = Sheet(), plan(options.kills), threading.Lock()
    failed: list[BaseException] = []

    def work(number: int) -> None:
        with tempfile.TemporaryDirectory(prefix="tls-audit-kills-") as folder:
            at = Path(folder)
            with machines.machine(at, url(at), events, options.slack) as (machine, replica):
                killer = Killer(machine, replica, sheet, number)
                while True:
                    with lock:
                        if not left or failed:
                            break
                        phase, kill = left.pop()
                    killer.strike(phase, lambda kill=kill, killer=killer: kill(killer))  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
                # what came late, such as an event that was delivered again
                machine.until_done(machine.askings)
                whole = machine.tally()
                with sheet.lock:
                    sheet.found["(all, at the end)"].add(whole)

    def safely(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=safely, args=(number,)) for number in range(options.machines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return sheet


def cut(options: argparse.Namespace, events: double.Events, url: Callable[[Path], str]) -> Sheet:
    """Nothing is killed; of each question, the answer to one call is lost after it took effect."""
    sheet = Sheet()
    with tempfile.TemporaryDirectory(prefix="tls-audit-cuts-") as folder:
        at = Path(folder)
        with machines.machine(at, url(at), events, options.slack) as (machine, _):
            every = [moment for moment in moments.EVERY if moment.when == "after"]
            asked: dict[str, list[Asking]] = defaultdict(list)
            for moment in itertools.islice(itertools.cycle(every), options.cuts):
                # what is cut is the next such call, whoever's it is: one cut for each asking
                hold = moment.place(machine)
                hold.drop()
                asking = machine.ask(moment.text, kind=moment.kind, has_rows=moment.has_rows)
                asked[str(moment)].append(asking)
                sheet.kills[str(moment)] += 1
            if not machine.until_done(machine.askings, 300):
                print("  not done in time")
            sheet.found["(all, at the end)"] = machine.tally()
            for phase, askings in asked.items():
                found = machine.tally(askings)
                found.paid_twice, found.broken = [], Counter()
                sheet.found[phase] = found
    return sheet


def shown(sheet: Sheet) -> bool:
    """Print the table; whether it is clean."""
    columns = ("lost", "paid twice", "parents", "tables", "charts", "files", "else", "asked")
    print(f"{'phase':44} {'times':>5}  " + "  ".join(f"{each:>10}" for each in columns))
    whole = sheet.found["(all, at the end)"]
    for phase in [*sorted(sheet.kills), "(all, at the end)"]:
        tally = sheet.found[phase]
        twice = Counter(tally.twice)
        counts = [len(tally.lost), len(tally.paid_twice)]
        counts += [twice.pop(part, 0) for part in ("parent", "table", "chart", "file")]
        counts += [sum(twice.values()), tally.asked]
        times = sheet.kills[phase] or sum(sheet.kills.values())
        print(f"{phase:44} {times:>5}  " + "  ".join(f"{each or '·':>10}" for each in counts))
    if sheet.states:
        print(f"finishing, the run when the bot had died: {dict(sheet.states)}")
    for line in whole.lost + whole.paid_twice:
        print(f"  {line}")
    print(f"rules of Slack's broken: {dict(whole.broken) or 'none'}")
    return whole.is_clean


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--slack", choices=get_args(Slack), default="history")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cuts", type=int, default=0)
    parser.add_argument("--machines", type=int, default=3)
    options = parser.parse_args()
    events = machines.recent()
    clean = True
    with ExitStack() as stack:
        if options.database == "postgres":
            programs = find()
            if programs is None:
                sys.exit("PostgreSQL is not installed.")
            server = stack.enter_context(Postgres(programs))
            lock = threading.Lock()

            def url(at: Path) -> str:
                del at
                with lock:
                    return server.url()
        else:

            def url(at: Path) -> str:
                return f"sqlite:///{at / 'runs.sqlite'}"

        for what, number, act in (("kills", options.kills, killed), ("cuts", options.cuts, cut)):
            if number:
                began = time.monotonic()
                print(f"{number} {what}, {options.database}, Slack: {options.slack}", flush=True)
                sheet = act(options, events, url)
                clean = shown(sheet) and clean
                print(f"{time.monotonic() - began:.0f} s\n", flush=True)
    sys.exit(not clean)


if __name__ == "__main__":
    main()
