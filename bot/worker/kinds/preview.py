"""A preview of a digest: posted from the scan that it awaits. It leaves the digest as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.digests import preview, routing, scan
from bot.errors import EngineError
from bot.worker.kinds.awaiting import Awaiting

if TYPE_CHECKING:
    from bot.errors import BotError
    from bot.store.run import PreviewTask
    from bot.worker.lease import Lease


class PreviewCarrier(Awaiting):
    """Carries runs that post a preview."""

    def carry(self, lease: Lease, task: PreviewTask) -> None:
        """Post it, now that what it awaits has ended; where that failed, say so, once."""
        digest = self._digests.get(task.digest)
        if digest is None:
            lease.finish("cancelled", error="The digest was removed.")
            return
        # raises what its owner is told: a store that is gone, say
        question = self._grammar.question(lease.run)
        asked, body = self._awaited(task.awaits)
        if body is None:
            why = (asked and asked.error) or "What was read for it is no longer kept."
            error = EngineError(why, f"`/tls-digest now {digest.id}` asks again.")
            lease.deliver(self._publisher.fail(lease, digest, error, final=True))
            lease.finish("failed", error=why)
            return
        owners = self._grammar.owners
        known, moved = routing.theirs(self._digests.findings(digest.id), digest.scope.owner, owners)
        report = preview.report(
            scan.from_json(body),
            digest,
            question.window,
            question.subject(),
            remembered=known,
            is_first=self._digests.last_report(digest.id) is None,
            stale_after=self._stale_after,
        )
        report = routing.routed(report, owners, moved)
        lease.save(state="posting", rows=len(report.entries), answered=self._clock())
        lease.deliver(self._publisher.digest(lease, digest, report, self._today(digest.schedule.zone), ""))
        lease.finish("done")

    def fail(self, lease: Lease, task: PreviewTask, error: BotError) -> None:
        """Tell the digest's owner what went wrong."""
        digest = self._digests.get(task.digest)
        if digest is not None:
            lease.deliver(self._publisher.tell(lease, digest.owner, error))
