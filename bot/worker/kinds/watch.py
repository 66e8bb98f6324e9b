"""A watch: looked at from the scan that it awaits; told where it ends."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.digests import scan
from bot.digests.watch import Look, look_at
from bot.worker.kinds.awaiting import Awaiting

if TYPE_CHECKING:
    from bot.digests.watch import Watch
    from bot.errors import BotError
    from bot.store.run import WatchTask
    from bot.worker.lease import Lease

log = logging.getLogger(__name__)


class WatchCarrier(Awaiting):
    """Carries runs that look at one client."""

    def carry(self, lease: Lease, task: WatchTask) -> None:
        """Write down what the day had, and where the watch ends with that, tell it, and look no more.

        A day that could not be read is one that is not believed; it is not read again.
        """
        watch = self._digests.watches.get(task.watch)
        if watch is None or watch.due is None:
            lease.finish("cancelled", error="The watch has ended.")
            return
        day = task.day - timedelta(days=1)
        kept = self._digests.watches.keep(watch.id, self._look(watch, task))
        if kept is not None and kept.outcome is not None:
            subject = self._grammar.question(lease.run).subject()
            lease.save(state="posting", rows=0, answered=self._clock())
            words = kept.words(subject, self._today(kept.zone))
            lease.deliver(self._publisher.watched(lease, kept, words))
            self._digests.watches.end(kept.id)
        log.info("watch %s: looked at %s", watch.id, day)
        lease.finish("done")

    def fail(self, lease: Lease, task: WatchTask, error: BotError) -> None:
        """Look at it no more, and tell who began it why: its channel is gone, or no longer one of theirs."""
        watch = self._digests.watches.get(task.watch)
        if watch is not None:
            self._digests.watches.end(watch.id)
            lease.deliver(self._publisher.tell(lease, watch.owner, error))

    def _look(self, watch: Watch, task: WatchTask) -> Look:
        _, body = self._awaited(task.awaits)
        day = task.day - timedelta(days=1)
        if body is None:
            return Look(day, 0, believed=False)
        return look_at(scan.from_json(body), watch, day, stale_after=self._stale_after)
