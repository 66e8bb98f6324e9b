"""A watch: looked at from the scan that it awaits; told where it ends."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.digests import scan
from bot.digests.watch import Look, look_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.app.grammar import Grammar
    from bot.digests.watch import Watch
    from bot.errors import BotError
    from bot.store.digests import Digests
    from bot.store.run import WatchTask
    from bot.store.runs import Runs
    from bot.worker.lease import Lease
    from bot.worker.publisher import Publisher

log = logging.getLogger(__name__)


class WatchCarrier:
    """Carries runs that look at one client."""

    def __init__(
        self,
        runs: Runs,
        digests: Digests,
        publisher: Publisher,
        grammar: Grammar,
        *,
        stale_after: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._digests = digests
        self._watches = digests.watches
        self._publisher = publisher
        self._grammar = grammar
        self._stale_after = stale_after
        self._clock = clock

    def carry(self, lease: Lease, task: WatchTask) -> None:
        """Write down what the day had, and where the watch ends with that, tell it, and look no more.

        A day that could not be read is one that is not believed; it is not read again.
        """
        watch = self._watches.get(task.watch)
        if watch is None or watch.due is None:
            lease.finish("cancelled", error="The watch has ended.")
            return
        day = task.day - timedelta(days=1)
        kept = self._watches.keep(watch.id, self._look(watch, task))
        if kept is not None and kept.outcome is not None:
            subject = self._grammar.question(lease.run).subject()
            lease.save(state="posting", rows=0, answered=self._clock())
            today = self._clock().astimezone(ZoneInfo(kept.zone)).date()
            lease.deliver(self._publisher.watched(lease, kept, kept.words(subject, today)))
            self._watches.end(kept.id)
        log.info("watch %s: looked at %s", watch.id, day)
        lease.finish("done")

    def fail(self, lease: Lease, task: WatchTask, error: BotError) -> None:
        """Look at it no more, and tell who began it why: its channel is gone, or no longer one of theirs."""
        watch = self._watches.get(task.watch)
        if watch is not None:
            self._watches.end(watch.id)
            lease.deliver(self._publisher.tell(lease, watch.owner, error))

    def _look(self, watch: Watch, task: WatchTask) -> Look:
        asked = self._runs.get(task.awaits or "")
        body = None if asked is None else self._digests.answer(asked.id)
        day = task.day - timedelta(days=1)
        if asked is None or asked.state != "done" or body is None:
            return Look(day, 0, believed=False)
        return look_at(scan.from_json(body), watch, day, stale_after=self._stale_after)
