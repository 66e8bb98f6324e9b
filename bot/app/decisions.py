"""Decisions about findings: to assign one, to accept it, to call it not applicable, and to undo each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from bot.digests.decisions import ACCEPTED_MOST, Assignment, Decision
from bot.errors import UserError
from bot.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from bot.digests.digest import Digest
    from bot.digests.finding import Finding
    from bot.store.digests import Digests

Undoable = Literal["assignment", "decision"]
"""What of a finding can be undone."""


UNDONE: Final = "Somebody undid that already."


class BadDate(UserError):
    """A date until which nothing can be accepted."""


class Decisions:
    """Takes decisions about the findings of digests; who may is asked where the digest is found. Safe from
    any thread."""

    def __init__(self, digests: Digests, clock: Callable[[], datetime]) -> None:
        self._digests = digests
        self._clock = clock

    def today(self, digest: Digest) -> date:
        """The date where a digest's people live."""
        return self._clock().astimezone(ZoneInfo(digest.schedule.zone)).date()

    def finding(self, digest: Digest, finding_id: str) -> Finding:
        """A finding that a digest remembers; UserError where it does so no more."""
        return _there(self._digests.finding(digest.id, finding_id))

    def assign(self, digest: Digest, finding_id: str, *, to: str, by: str) -> Finding:
        """Note who is at work on a finding, by names for people to read. UserError where it is gone."""
        made = Assignment(to, by, self.today(digest))
        return self._revised(digest, finding_id, lambda found: replace(found, assignment=made))

    def accept(self, digest: Digest, finding_id: str, *, by: str, why: str, until: date) -> Finding:
        """Have a finding be borne until a date, on which it is open again. BadDate; UserError where it is
        gone."""
        today = self.today(digest)
        if not today < until <= today + timedelta(days=ACCEPTED_MOST):
            days = counted(ACCEPTED_MOST, "day")
            raise BadDate("Accepted until when?", f"A date after today, and at most {days} from now.")
        return self._decided(digest, finding_id, Decision("accepted", by, why, today, until))

    def dismiss(self, digest: Digest, finding_id: str, *, by: str, why: str) -> Finding:
        """Have a finding be not applicable, until that is undone. UserError where it is gone."""
        return self._decided(digest, finding_id, Decision("not applicable", by, why, self.today(digest)))

    def _decided(self, digest: Digest, finding_id: str, made: Decision) -> Finding:
        # who decides about it need not be reminded of it
        return self._revised(digest, finding_id, lambda found: replace(found, decision=made, snooze=None))

    def undo(self, digest: Digest, finding_id: str, what: Undoable) -> Finding:
        """Have a finding be assigned, or decided about, no more: the next digest tells it as it is. UserError
        where it was not, or is gone."""
        found = self.finding(digest, finding_id)
        if what == "assignment":
            if found.assignment is None:
                raise UserError("That finding is assigned to nobody.", UNDONE)
            return self._revised(digest, finding_id, lambda now: replace(now, assignment=None))
        if found.decision is None:
            raise UserError("That finding is neither accepted nor not applicable.", UNDONE)
        return self._revised(digest, finding_id, lambda now: replace(now, decision=None))

    def made(self, digest: Digest) -> list[Finding]:
        """The findings that are assigned, or that something was decided about which still holds."""
        today = self.today(digest)
        return [
            finding
            for finding in self._digests.findings(digest.id)
            if (finding.assignment and finding.resolved is None)
            or (finding.decision and finding.decision.holds(today))
        ]

    def _revised(self, digest: Digest, finding_id: str, change: Callable[[Finding], Finding]) -> Finding:
        return _there(self._digests.revise(digest.id, finding_id, change))


def _there(found: Finding | None) -> Finding:
    if found is None:
        raise UserError("That finding is no longer kept.", "The digest's newest thread has those that are.")
    return found
