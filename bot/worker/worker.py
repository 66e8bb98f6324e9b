"""The worker: what was promised is carried to its end, whatever happens between.

A run is acquired, and carried as far as it goes; any number of threads and processes may do so at once.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from bot.app.precedence import Precedence
from bot.errors import EngineBusy, LeaseLost, ShuttingDown, StoreDown, SurfaceDown
from bot.ops import logs
from bot.store.queue import LEASE
from bot.store.schema import ENDED
from bot.worker.carrier import Carrier
from bot.worker.inquiry import Inquiry
from bot.worker.kinds.digest import DigestCarrier
from bot.worker.kinds.preview import PreviewCarrier
from bot.worker.kinds.question import QuestionCarrier
from bot.worker.kinds.scan import ScanCarrier
from bot.worker.kinds.urgent import UrgentCarrier
from bot.worker.kinds.watch import WatchCarrier
from bot.worker.lease import AGAIN_SECONDS, Lease
from bot.worker.retention import KEEP, Retention
from bot.worker.scheduler import DigestScheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.app.grammar import Grammar
    from bot.engines import Engine
    from bot.store.digests import Digests
    from bot.store.run import Run
    from bot.store.runs import Runs
    from bot.worker.publisher import Publisher

log = logging.getLogger(__name__)

T = TypeVar("T")

BUSY_WAIT: Final = timedelta(seconds=5)
"""How long a run waits when its engine has no room."""

UNREACHABLE_WAIT: Final = timedelta(seconds=30)
"""How long a run waits when Slack is away."""

IDLE_SECONDS: Final = 1.0
"""How long to sleep before looking for runs of other processes, and for digests; our own wake us at once."""

STALE: Final = timedelta(hours=6)
"""How long nothing new may come before a digest says so."""

MOST_AT_WORK: Final = 256
"""Runs at work at once. A few are at their engine; the others wait for their turn to post."""

GRACE_SECONDS: Final = 4.0
"""How long `stop` waits for what is under way to be handed over: containers get ten seconds as a rule."""


class Worker:
    """Works on runs in threads of its own between `start` and `stop`."""

    def __init__(
        self,
        runs: Runs,
        digests: Digests,
        engines: Mapping[str, Engine],
        publisher: Publisher,
        grammar: Grammar,
        *,
        limits: Mapping[str, int],
        cap: int,
        owner: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stale_after: timedelta = STALE,
        look_back_gb: float | None = None,
        stopping: threading.Event | None = None,
        ended: Callable[[Run], None] = lambda _: None,
        precedence: Precedence | None = None,
        keep: timedelta = KEEP,
    ) -> None:
        """`limits` is how many runs each engine may have at once, `cap` the most rows.

        `stopping`, which `stop` sets, ends the waits of all parts.
        `ended` is told of every run that has ended here; runs and findings are kept for `keep`. Questions
        that are being taken have `precedence`. First digests look back where that reads less than
        `look_back_gb`, or is free.
        """
        self.runs = runs
        self.digests = digests
        self.engines = engines
        self._limits = limits
        self._owner = owner
        self._clock = clock
        self._news = threading.Event()
        """Set when there may be something to do."""
        self._ends = threading.Condition()
        """Told when a lease is left, or the worker stops."""
        self._leases: set[Lease] = set()
        self._dispatching = False
        self._stopping = stopping or threading.Event()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tell_ended = ended
        self._precedence = precedence or Precedence()
        self.scheduler = DigestScheduler(runs, digests, grammar, clock=clock, wake=self.wake)
        self.retention = Retention(runs, digests, publisher, keep=keep, clock=clock, stopping=self._stopping)
        self._inquiry = Inquiry(engines, clock=clock)
        self._carrier = Carrier(
            QuestionCarrier(runs, self._inquiry, publisher, grammar, cap=cap, clock=clock),
            ScanCarrier(digests, self._inquiry, grammar, look_back_gb=look_back_gb),
            DigestCarrier(runs, digests, publisher, grammar, stale_after=stale_after, clock=clock),
            PreviewCarrier(runs, digests, publisher, grammar, stale_after=stale_after, clock=clock),
            WatchCarrier(runs, digests, publisher, grammar, stale_after=stale_after, clock=clock),
            UrgentCarrier(runs, digests, publisher, grammar, stale_after=stale_after, clock=clock),
            self._inquiry,
            grammar,
        )

    def wake(self) -> None:
        """There may be something to do: look at once."""
        self._news.set()

    def start(self, most: int = MOST_AT_WORK) -> None:
        """Work in the background, on so many runs at once; first take up what this owner left behind."""
        self.runs.reap(self._owner)
        self._dispatching = True
        jobs = {
            "dispatch": lambda: self._dispatch(most),
            "leases": self._keep,
            "digests": self._watch,
            "sweep": self._tidy,
        }
        # daemons: what hangs must not keep the process from ending
        self._threads = [
            threading.Thread(target=job, name=f"worker-{name}", daemon=True) for name, job in jobs.items()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take nothing more, hand over what is under way, and return when that is done, or time is up."""
        self._stopping.set()
        self.wake()
        with self._ends:
            self._ends.notify_all()
            if not self._ends.wait_for(lambda: not self._leases and not self._dispatching, GRACE_SECONDS):
                # their leases run out, and others look before they post
                under_way = [one.run.id for one in self._leases] + ["acquiring"] * self._dispatching
                log.warning("still under way: %s", ", ".join(under_way))
        self._stopped.set()
        for thread in self._threads:
            # what hangs must not be waited for once a thread
            thread.join(AGAIN_SECONDS / len(self._threads))

    @property
    def newest(self) -> Mapping[str, datetime]:
        """The newest event that was met since the start, by engine."""
        return dict(self._inquiry.newest)

    def is_alive(self) -> bool:
        """Whether every thread that was started still works."""
        return all(thread.is_alive() for thread in self._threads)

    def _dispatch(self, most: int) -> None:
        while not self._stopping.is_set():
            with self._ends:
                self._ends.wait_for(lambda: len(self._leases) < most or self._stopping.is_set())
            self._give_way()
            # before looking: what comes while nothing is found is looked for again
            self._news.clear()
            lease = None if self._stopping.is_set() else self._safely(self.acquire, "acquiring")
            if lease is None:
                if not self._stopping.is_set():
                    self._news.wait(IDLE_SECONDS)
            else:
                work = threading.Thread(
                    target=self.work, args=(lease,), name=f"run-{lease.run.id}", daemon=True
                )
                work.start()
        with self._ends:
            self._dispatching = False
            self._ends.notify_all()

    def _give_way(self) -> None:
        """Wait while questions come: who is still to be acknowledged goes first."""
        while (seconds := self._precedence.seconds()) and not self._stopping.wait(seconds):
            pass

    def _watch(self) -> None:
        while not self._stopping.wait(IDLE_SECONDS):
            self._safely(self.scheduler.schedule_due, "the digests")

    def _tidy(self) -> None:
        # a thread of its own: Slack allows so few deletions a minute that digests would come late
        while not self._stopping.wait(IDLE_SECONDS):
            self._safely(self.retention.sweep_when_due, "forgetting what is old")

    def _keep(self) -> None:
        while not self._stopped.wait(LEASE.total_seconds() / 3):
            self.keep_leases()

    def _safely(self, job: Callable[[], T], what: str) -> T | None:
        """The edge of a thread: whatever one turn of its loop raises must not end the others."""
        try:
            return job()
        except ShuttingDown:
            log.info("%s: left to whoever comes next", what)
        except StoreDown as error:
            log.warning("%s: %s", what, error.in_full)
            self._stopping.wait(AGAIN_SECONDS)
        except Exception:
            log.exception("%s failed in a way nobody foresaw", what)
            self._stopping.wait(AGAIN_SECONDS)
        return None

    def keep_leases(self) -> None:
        """Renew the leases of what is under way here, however long it waits for its engine or for Slack."""
        with self._ends:
            under_way = list(self._leases)
        for lease in under_way:
            self._safely(lease.renew, f"the lease of run {lease.run.id}")

    def acquire(self) -> Lease | None:
        """Take the next run, of those that were asked and of those that digests ask by themselves; None where
        there is none."""
        run = self.runs.acquire(self._owner, self._clock(), self._limits)
        if run is None:
            return None
        lease = Lease(self.runs, run, self._clock, self._stopping)
        with self._ends:
            self._leases.add(lease)
        return lease

    def work(self, lease: Lease) -> None:
        """Carry a run that was acquired as far as it goes. Raises nothing."""
        try:
            with logs.about(lease.run.id):
                self._safely(lambda: self._try(lease), f"run {lease.run.id}")
        finally:
            with self._ends:
                self._leases.discard(lease)
                self._ends.notify_all()
            self.wake()

    def _try(self, lease: Lease) -> None:
        """Carry a run as far as it goes, and write down what came between."""
        run = lease.run
        try:
            try:
                self._carrier.to_its_end(lease)
            except EngineBusy as error:
                log.info("run %s waits: %s", run.id, error.in_full)
                due = self._clock() + BUSY_WAIT
                lease.release(state="queued", due=due, attempts=run.attempts - 1)
            except ShuttingDown:
                lease.release(attempts=run.attempts - 1)
            except SurfaceDown as error:
                # not counted as an attempt; and whatever Slack was told may have reached it
                log.warning("run %s: %s %s", run.id, error.in_full, error.hint)
                due = self._clock() + UNREACHABLE_WAIT
                lease.release(due=due, attempts=run.attempts - 1, maybe_posted=True)
        except LeaseLost:
            log.info("run %s is another worker's now", run.id)
        else:
            if lease.run.state in ENDED:
                self._tell_ended(lease.run)
