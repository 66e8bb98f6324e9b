"""A look at a digest's urgent services: told from the scan that it awaits, where something is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.digests import routing, scan, urgent
from bot.digests.urgent import Told
from bot.errors import BotError, EngineError
from bot.worker.kinds.awaiting import Awaiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bot.digests.digest import Digest
    from bot.digests.finding import Finding
    from bot.digests.scan import Scan
    from bot.question.question import Question
    from bot.store.run import UrgentTask
    from bot.worker.lease import Lease


class UrgentCarrier(Awaiting):
    """Carries runs that look at urgent services."""

    def carry(self, lease: Lease, task: UrgentTask) -> None:
        """Tell what is new, now that what it awaits has ended; where nothing can be believed for as long as a
        digest would say so, say that, once. What could not be read is asked again by the next look."""
        digest = self._digests.get(task.digest)
        if digest is None or digest.paused or not digest.urgent:
            lease.finish("cancelled", error="The digest has no urgent services any more.")
            return
        # raises what its owner is told: a store that is gone, say
        question = self._grammar.question(lease.run)
        asked, body = self._awaited(task.awaits)
        if asked is None or not self._asks_the_same(digest, asked):
            lease.finish("cancelled", error="The digest was edited meanwhile.")
            return
        found = None if body is None else scan.from_json(body)
        told = self._told(lease, digest, question, found, asked.error or "")
        if told.report is not None:
            lease.save(state="posting", rows=len(told.report.entries), answered=self._clock())
            today = self._today(digest.schedule.zone)
            lease.deliver(self._publisher.digest(lease, digest, told.report, today, ""))
        if told.doubt:
            error = EngineError(told.doubt, "I go on asking every hour, and say what is new.")
            lease.deliver(self._publisher.fail(lease, digest, error, final=False))
        lease.finish("done")

    def fail(self, lease: Lease, task: UrgentTask, error: BotError) -> None:
        """Tell the digest's owner what went wrong, as of a digest."""
        self._tell_owner(lease, task.digest, error)

    def _told(
        self, lease: Lease, digest: Digest, question: Question, found: Scan | None, failed: str
    ) -> Told:
        window, now = question.window, self._clock()
        is_believed = found is not None and urgent.is_believed(found, window)
        is_first = self._digests.last_report(digest.id) is None
        since = digest.urgent_read or digest.created

        def choose(remembered: Iterable[Finding], told: Collection[str], was_doubted: bool) -> Told:
            report = None
            # before a digest has said what there is, everything would be new
            if found is not None and not is_first:
                owners = self._grammar.owners
                known, _ = routing.theirs(remembered, digest.scope.owner, owners)
                news = urgent.report(found, digest, window, question.subject(), remembered=known, told=told)
                report = None if news is None else routing.routed(news, owners, ())
            doubt = ""
            if not is_believed and not was_doubted and now - since >= self._stale_after:
                why = failed if found is None else urgent.why_not(found, window)
                doubt = urgent.doubt(digest, since, now, why)
            return Told(report, doubt)

        day = self._today(digest.schedule.zone)
        return self._digests.urgent.tell(
            lease.run.id, digest.id, day, window.end if is_believed else None, choose
        )
