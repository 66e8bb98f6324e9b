"""A watch: looked at from the scan that it awaits; told where it ends."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.app.promises import count_key, promise_count
from bot.digests import scan
from bot.digests.watch import Look, count, look_at
from bot.worker.kinds.awaiting import Awaiting

if TYPE_CHECKING:
    from bot.digests.watch import Calls, Watch
    from bot.errors import BotError
    from bot.store.run import Run, WatchTask
    from bot.worker.lease import Lease

log = logging.getLogger(__name__)


class WatchCarrier(Awaiting):
    """Carries runs that look at one client."""

    def carry(self, lease: Lease, task: WatchTask) -> None:
        """Write down what the day had, and where the watch ends with that, tell it, and look no more.

        A day that could not be read is one that is not believed; it is not read again. Where it ends quiet,
        all calls of the client are counted first, which tells quiet from modern.
        """
        watch = self._digests.watches.get(task.watch)
        if watch is None or watch.due is None:
            lease.finish("cancelled", error="The watch has ended.")
            return
        asked, body = self._awaited(task.awaits)
        if asked is not None and asked.key == count_key(watch, task.day):
            self._tell(lease, watch, None if body is None else count(scan.from_json(body), watch))
            return
        day = task.day - timedelta(days=1)
        look = Look(day, 0, believed=False)
        if body is not None:
            look = look_at(scan.from_json(body), watch, day, stale_after=self._stale_after)
        kept = self._digests.watches.keep(watch.id, look)
        log.info("watch %s: looked at %s", watch.id, day)
        if kept is None or kept.outcome is None:
            lease.finish("done")
            return
        if kept.outcome == "quiet" and (counting := self._count(kept, task)) is not None:
            lease.release(state="queued", task=replace(task, awaits=counting.id), attempts=0)
            return
        self._tell(lease, kept, None)

    def _count(self, watch: Watch, task: WatchTask) -> Run | None:
        return promise_count(watch, task.day, runs=self._runs, grammar=self._grammar, now=self._clock())

    def _tell(self, lease: Lease, watch: Watch, calls: Calls | None) -> None:
        subject = self._grammar.question(lease.run).subject()
        lease.save(state="posting", rows=0, answered=self._clock())
        words = watch.words(subject, self._today(watch.zone), calls)
        lease.deliver(self._publisher.watched(lease, watch, words))
        self._digests.watches.end(watch.id)
        lease.finish("done")

    def fail(self, lease: Lease, task: WatchTask, error: BotError) -> None:
        """Look at it no more, and tell who began it why: its channel is gone, or no longer one of theirs."""
        watch = self._digests.watches.get(task.watch)
        if watch is not None:
            self._digests.watches.end(watch.id)
            lease.deliver(self._publisher.tell(lease, watch.owner, error))
