"""A look at a digest's urgent services: told from the scan that it awaits, where something is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.app.access import NotAllowed
from bot.digests import routing, scan, urgent
from bot.digests.urgent import Told
from bot.errors import BotError, ChannelGone, EngineError
from bot.store.run import PARENT
from bot.worker.kinds.awaiting import Awaiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bot.digests.digest import Digest
    from bot.digests.finding import Finding
    from bot.digests.scan import Scan
    from bot.question.question import Question
    from bot.store.run import UrgentTask
    from bot.worker.lease import Lease

SAID_ONCE: Final = "I go on looking every hour, and say this once."


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
        told = self._told(lease, digest, question, found, asked.error or "The run was cancelled.")
        if told.report is not None:
            lease.save(state="posting", rows=len(told.report.entries), answered=self._clock())
            today = self._today(digest.schedule.zone)
            lease.deliver(self._publisher.digest(lease, digest, told.report, today, ""))
        if told.doubt:
            error = EngineError(told.doubt, "I go on asking every hour, and say what is new.")
            lease.deliver(self._publisher.fail(lease, digest, error, final=False))
        if self._digests.urgent.is_failing(digest.id):
            self._digests.urgent.note_well(digest.id)
        lease.finish("done")

    def fail(self, lease: Lease, task: UrgentTask, error: BotError) -> None:
        """Tell the digest's owner what went wrong, as of a digest, but only once until a look ends well
        again: it would go wrong every hour. What was not posted is news still."""
        urgent_, run = self._digests.urgent, lease.run
        # of what is told, the doubt is the last
        urgent_.take_back(run.id, task.digest, news=not run.has(PARENT))
        if isinstance(error, (ChannelGone, NotAllowed)):
            self._tell_owner(lease, task.digest, error)
        elif (digest := self._digests.get(task.digest)) is not None and not urgent_.is_failing(digest.id):
            again = BotError(error.message, f"{error.hint} {SAID_ONCE}".strip(), detail=error.detail)
            self._tell_owner(lease, digest.id, again)
            urgent_.note_failing(digest.id, self._today(digest.schedule.zone))

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
