"""A preview of a digest: posted from the scan that it awaits. It leaves the digest as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.digests import preview, scan
from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from bot.app.grammar import Grammar
    from bot.errors import BotError
    from bot.store.digests import Digests
    from bot.store.run import PreviewTask
    from bot.store.runs import Runs
    from bot.worker.lease import Lease
    from bot.worker.publisher import Publisher


class PreviewCarrier:
    """Carries runs that post a preview."""

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
        self._publisher = publisher
        self._grammar = grammar
        self._stale_after = stale_after
        self._clock = clock

    def carry(self, lease: Lease, task: PreviewTask) -> None:
        """Post it, now that what it awaits has ended; where that failed, say so, once."""
        digest, asked = self._digests.get(task.digest), self._runs.get(task.awaits or "")
        if digest is None:
            lease.finish("cancelled", error="The digest was removed.")
            return
        # raises what its owner is told: a store that is gone, say
        question = self._grammar.question(lease.run)
        body = None if asked is None else self._digests.answer(asked.id)
        if asked is None or asked.state != "done" or body is None:
            why = (asked and asked.error) or "What was read for it is no longer kept."
            error = EngineError(why, f"`/tls-digest now {digest.id}` asks again.")
            lease.deliver(self._publisher.fail(lease, digest, error, final=True))
            lease.finish("failed", error=why)
            return
        report = preview.report(
            scan.from_json(body),
            digest,
            question.window,
            question.subject(),
            remembered=self._digests.findings(digest.id),
            is_first=self._digests.last_report(digest.id) is None,
            stale_after=self._stale_after,
        )
        lease.save(state="posting", rows=len(report.entries), answered=self._clock())
        today = self._clock().astimezone(ZoneInfo(digest.schedule.zone)).date()
        lease.deliver(self._publisher.digest(lease, digest, report, today, ""))
        lease.finish("done")

    def fail(self, lease: Lease, task: PreviewTask, error: BotError) -> None:
        """Tell the digest's owner what went wrong."""
        digest = self._digests.get(task.digest)
        if digest is not None:
            lease.deliver(self._publisher.tell(lease, digest.owner, error))
