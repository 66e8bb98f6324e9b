"""Lease: a run while it is ours, and the only way to change it."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.errors import LeaseLost, ShuttingDown, StoreDown
from bot.store.run import SEEN
from bot.worker.publisher import Parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from bot.store.run import Receipt, Run
    from bot.store.runs import Runs
    from bot.store.schema import State
    from bot.worker.publisher import Part

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 1.0
"""How long to wait for a database that is away before it is tried again."""

SIGN_OF_LIFE: Final = timedelta(minutes=15)
"""Whoever works on a run and shows no sign for so long hangs, and its lease is not renewed. Waiting for
Slack's limits, the longest of all, shows one at every step."""


class Lease:
    """Safe from any thread. `stopping` is set when this process is to end soon."""

    def __init__(
        self, runs: Runs, run: Run, clock: Callable[[], datetime], stopping: threading.Event
    ) -> None:
        self.run = run
        """As it was last written down."""
        self._runs = runs
        self._clock = clock
        self._stopping = stopping
        self._lock = threading.Lock()
        self._alive = clock()

    def check(self) -> None:
        """Before something is done that others see: raise ShuttingDown when this process is to stop,
        and LeaseLost where the run is not ours any more, as after a pause."""
        self._alive = now = self._clock()
        if self._stopping.is_set():
            raise ShuttingDown("The bot is stopping.")
        if self.run.lease is not None and now >= self.run.lease:
            self.save()

    def save(self, **changes: object) -> Run:
        """Write `changes`, and renew the lease. LeaseLost, if it is ours no more."""
        return self._write(lambda run, now: self._runs.save(run, now, **changes))

    def note(self, part: str, receipt: Receipt) -> None:
        """Write down what became of a part of the answer."""
        self.save(receipts={**self.run.receipts, part: receipt})

    def deliver(self, parts: Iterable[Part]) -> None:
        """Post each part that is not there yet, and save its receipt before the next. Raises as `check`."""
        for part in parts:
            if self.run.has(part.name):
                continue
            self.check()
            posted = part.post()
            if isinstance(posted, Parent):
                self.mark_verified()
                self.save(home=posted.channel, thread=posted.ref)
                continue
            # only one part can have been under way when the run was left: now that this one is there, that
            # one is. An edit, or bytes that nobody sees, say nothing of it
            if posted.kind in SEEN:
                self.mark_verified()
            self.note(part.name, posted)

    def mark_verified(self) -> None:
        """All that was posted has its receipt: somebody looked, or what was under way is there."""
        with self._lock:
            self.run = replace(self.run, maybe_posted=False)

    def release(self, **changes: object) -> None:
        """Write `changes`, and leave the run to whoever acquires it next, who looks where nobody has looked.
        LeaseLost, if it is ours no more."""
        self._write(lambda run, _: self._runs.release(run, **{"maybe_posted": run.maybe_posted, **changes}))

    def finish(self, state: State, **changes: object) -> Run:
        """Bring the run to its end. LeaseLost, if it is ours no more."""
        return self._write(lambda run, now: self._runs.finish(run, state, now, **changes))

    def renew(self) -> None:
        """Keep the lease, if there still is one; who works on the run learns from `save` when it is lost."""
        now = self._clock()
        with self._lock:
            if self.run.lease is None:
                return
            if now - self._alive > SIGN_OF_LIFE:
                log.error("run %s hangs: others may take it", self.run.id)
                return
            with suppress(LeaseLost):
                self.run = replace(self._runs.save(self.run, now), maybe_posted=self.run.maybe_posted)

    def _write(self, write: Callable[[Run, datetime], Run]) -> Run:
        """Write, however long the database is away; StoreDown only when this process is to stop."""
        while True:
            self._alive = now = self._clock()
            try:
                with self._lock:
                    self.run = replace(write(self.run, now), maybe_posted=self.run.maybe_posted)
                    return self.run
            except StoreDown as error:
                log.warning("run %s waits: %s", self.run.id, error.in_full)
                if self._stopping.wait(AGAIN_SECONDS):
                    raise
