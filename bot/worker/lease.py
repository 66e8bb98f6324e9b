"""Claimed: a run while it is ours, and the only way to change it."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.errors import Cancelled, ShuttingDown, StoreDown

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.store.runs import Run, Runs
    from bot.store.schema import State

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
        """Before something is done that others see: raise HandedOver when this process is to stop, and
        Stopped where the run is not ours any more, as after a pause."""
        self._alive = now = self._clock()
        if self._stopping.is_set():
            raise ShuttingDown("The bot is stopping.")
        if self.run.lease is not None and now >= self.run.lease:
            self.save()

    def save(self, **changes: object) -> Run:
        """Write `changes`, and renew the lease. Stopped, if it is ours no more."""
        return self._write(lambda run, now: self._runs.save(run, now, **changes))

    def posted(self, part: str, ref: str) -> None:
        """Write down that a part of the answer was posted."""
        self.save(parts={**self.run.posted, part: ref})

    def settle(self) -> None:
        """There is no doubt any more about what was posted: somebody looked."""
        with self._lock:
            self.run = replace(self.run, doubt=False)

    def lay_back(self, **changes: object) -> None:
        """Write `changes`, and leave the run to whoever claims it next, with a doubt that nobody settled.
        Stopped, if it is ours no more."""
        self._write(lambda run, _: self._runs.lay_back(run, **{"doubt": run.doubt, **changes}))

    def end(self, state: State, **changes: object) -> Run:
        """Bring the run to its end. Stopped, if it is ours no more."""
        return self._write(lambda run, now: self._runs.end(run, state, now, **changes))

    def renew(self) -> None:
        """Keep the lease, if there still is one; who works on the run learns from `save` when it is lost."""
        now = self._clock()
        with self._lock:
            if self.run.lease is None:
                return
            if now - self._alive > SIGN_OF_LIFE:
                log.error("run %s hangs: others may take it", self.run.id)
                return
            with suppress(Cancelled):
                self.run = replace(self._runs.save(self.run, now), doubt=self.run.doubt)

    def _write(self, write: Callable[[Run, datetime], Run]) -> Run:
        """Write, however long the database is away; Unavailable only when this process is to stop."""
        while True:
            self._alive = now = self._clock()
            try:
                with self._lock:
                    self.run = replace(write(self.run, now), doubt=self.run.doubt)
                    return self.run
            except StoreDown as error:
                log.warning("run %s waits: %s", self.run.id, error.message)
                if self._stopping.wait(AGAIN_SECONDS):
                    raise
