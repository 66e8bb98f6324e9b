"""Retention: what is too old is forgotten."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.app.digests import UNDO
from bot.errors import SurfaceDown

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime

    from bot.store.digests import Digests
    from bot.store.runs import Runs
    from bot.worker.publisher import Publisher

log = logging.getLogger(__name__)

KEEP: Final = timedelta(days=90)
"""How long runs, their files and findings are kept."""

SWEEP: Final = timedelta(hours=1)
"""How often what is too old is forgotten."""

SWEPT_AT_ONCE: Final = 100


class Retention:
    """Forgets runs, with the files they posted, and findings, once they are older than `keep`; and digests
    that were removed, once that cannot be undone."""

    def __init__(
        self,
        runs: Runs,
        digests: Digests,
        publisher: Publisher,
        *,
        keep: timedelta,
        clock: Callable[[], datetime],
        stopping: threading.Event,
    ) -> None:
        self._runs = runs
        self._digests = digests
        self._publisher = publisher
        self._keep = keep
        self._clock = clock
        self._stopping = stopping
        self._next = clock()

    def sweep_when_due(self) -> None:
        """`sweep`, if the last time is `SWEEP` ago."""
        if self._clock() >= self._next:
            try:
                self.sweep()
            finally:
                self._next = self._clock() + SWEEP

    def sweep(self) -> None:
        """Forget what is too old. Where the surface is away, what it still holds is forgotten later."""
        before = self._clock() - self._keep
        while old := self._runs.old(before, SWEPT_AT_ONCE):
            for run in old:
                if self._stopping.is_set():
                    return
                try:
                    self._publisher.forget(run)
                except SurfaceDown as error:
                    log.warning("forgetting what is old goes on later: %s", error.in_full)
                    return
                self._runs.forget(run)
        self._digests.forget(before.date())
        self._digests.watches.forget(before.date())
        self._digests.forget_aside(self._clock() - UNDO)
