"""A digest: posted from the scan that it awaits, or said to have failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from bot import wording
from bot.app.access import NotAllowed
from bot.digests import routing, scan
from bot.digests.digest import LATE
from bot.errors import BotError, ChannelGone, EngineError
from bot.store.run import Run, new_id
from bot.worker.kinds.awaiting import Awaiting

if TYPE_CHECKING:
    from datetime import date

    from bot.digests.digest import Digest
    from bot.digests.report import Report
    from bot.store.run import DigestTask
    from bot.worker.lease import Lease

AGAIN: Final = timedelta(minutes=15)
"""How long after a failure a digest is tried again."""

GIVEN_UP: Final = timedelta(hours=6)
"""How long a digest is tried; later, the next one says it as well."""

PERIODS_KEPT_IN_MIND: Final = 60
"""Periods looked at for a digest: eight weeks of days, and more than are drawn, or must be quiet."""


class DigestCarrier(Awaiting):
    """Carries runs that post a digest."""

    def carry(self, lease: Lease, task: DigestTask) -> None:
        """Post the digest, now that what it awaits has ended; where that failed, say so and try again."""
        digest = self._digests.get(task.digest)
        if digest is None:
            lease.finish("cancelled", error="The digest was removed.")
            return
        asked, body = self._awaited(task.awaits)
        if asked is None:
            self._grammar.question(lease.run)  # raises what its owner is told: a store that is gone, say
            raise EngineError("What was read for this digest is no longer kept.", "The next one reads anew.")
        if not self._asks_the_same(digest, asked):
            # what an older question found would be the new one's baseline, and resolved by its next digest
            lease.finish("cancelled", error="The digest was edited meanwhile.")
            return
        if body is None:
            self._retry(lease, task, digest, asked)
            return
        found = scan.from_json(body)
        report = self._digests.report(digest.id, *digest.period(task.day))
        # what was told of an older scan is not told again for what is there now
        if report is None or (report.read is not None and report.read < found.asked):
            subject = self._grammar.question(asked).subject()
            report = self._report(digest, task.day, found, subject, report, asked.engine)
        lease.save(state="posting", rows=len(report.entries), answered=self._clock())
        due = digest.schedule.moment(task.day)
        now, zone = self._clock(), ZoneInfo(digest.schedule.zone)
        is_late = now - due > LATE and not task.at_once
        late = f"This digest is late: it was due at {wording.moment(due, zone, now)}." if is_late else ""
        lease.deliver(self._publisher.digest(lease, digest, report, now.astimezone(zone).date(), late))
        lease.finish("done")

    def fail(self, lease: Lease, task: DigestTask, error: BotError) -> None:
        """Tell its owner what went wrong, and post it no more where its channel is gone, or is no longer one
        in which its owner may have it told."""
        digest = self._digests.get(task.digest)
        if digest is None:
            return
        if isinstance(error, (ChannelGone, NotAllowed)):
            self._digests.pause(digest.id)
            hint = f"{error.hint} The digest is paused until someone resumes it."
            error = BotError(error.message, hint, detail=error.detail)
        lease.deliver(self._publisher.tell(lease, digest.owner, error))

    def _report(
        self,
        digest: Digest,
        day: date,
        found: scan.Scan,
        subject: str,
        previous: Report | None,
        engine: str,
    ) -> Report:
        start, _ = digest.period(day)
        last = self._digests.last_report(digest.id)
        owners = self._grammar.owners
        known, moved = routing.theirs(self._digests.findings(digest.id), digest.scope.owner, owners)
        report, remembered, before = scan.report(
            found,
            digest,
            day,
            subject,
            remembered=known,
            history=self._digests.points(digest.id, start, PERIODS_KEPT_IN_MIND),
            trusted=self._digests.trusted(digest.id, start, PERIODS_KEPT_IN_MIND),
            stale_after=self._stale_after,
            previous=previous,
            engine=engine,
            engine_before=last.engine if last else "",
        )
        moved = moved or (previous.moved if previous is not None else ())
        return self._digests.keep(digest.id, routing.routed(report, owners, moved), remembered, before)

    def _asks_the_same(self, digest: Digest, asked: Run) -> bool:
        """Whether a scan asked what the digest is about now."""
        was = self._grammar.question(asked)
        now = self._grammar.parse(
            f"{was.window} by={was.view.name} {digest.scope}", now=asked.created, zone=UTC
        )
        return now.scope == was.scope

    def _retry(self, lease: Lease, task: DigestTask, digest: Digest, failed: Run) -> None:
        """Say once that a digest failed, and have it asked again; all that await it await the same."""
        now, why = self._clock(), failed.error or "The run was cancelled."
        if now - lease.run.created > GIVEN_UP:
            following = digest.schedule.following(now)
            hint = "I give this one up. The next digest asks for these days again."
            if following - now > timedelta(days=2):
                hint = "I give this one up. `/tls-digest now` asks at once."
            lease.deliver(self._publisher.fail(lease, digest, EngineError(why, hint), final=True))
            lease.finish("failed", error=why)
            return
        hours, minutes = GIVEN_UP // timedelta(hours=1), AGAIN // timedelta(minutes=1)
        hint = f"I try again every {minutes} minutes for {hours} hours."
        lease.deliver(self._publisher.fail(lease, digest, EngineError(why, hint), final=False))
        again = Run(
            id=new_id(),
            key=f"{failed.key}+",
            task=failed.task,
            user=failed.user,
            channel=failed.channel,
            text=failed.text,
            engine=failed.engine,
            created=now,
            zone=failed.zone,
            due=now + AGAIN,
        )
        awaits = self._runs.add(again).id
        lease.release(state="queued", task=replace(task, awaits=awaits), attempts=0)
