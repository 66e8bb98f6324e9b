"""What the kinds of run share that tell what a scan has found: that is a run of its own, which they await."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.app.access import NotAllowed
from bot.errors import BotError, ChannelGone

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime, timedelta

    from bot.app.grammar import Grammar
    from bot.digests.digest import Digest
    from bot.store.digests import Digests
    from bot.store.run import Run
    from bot.store.runs import Runs
    from bot.worker.lease import Lease
    from bot.worker.publisher import Publisher


class Awaiting:
    """Carries runs that tell what they awaited. Events that end `stale_after` before their period does leave
    it open whether there are more."""

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

    def _awaited(self, scan: str | None) -> tuple[Run | None, str | None]:
        """The run that was awaited, and what it found, as JSON: None where that failed, or is not kept."""
        asked = self._runs.get(scan or "")
        if asked is None or asked.state != "done":
            return asked, None
        return asked, self._digests.answer(asked.id)

    def _today(self, zone: str) -> date:
        return self._clock().astimezone(ZoneInfo(zone)).date()

    def _asks_the_same(self, digest: Digest, asked: Run) -> bool:
        """Whether a scan asked what the digest is about now."""
        was = self._grammar.question(asked)
        now = self._grammar.parse(
            f"{was.window} by={was.view.name} {digest.scope}", now=asked.created, zone=UTC
        )
        return now.scope == was.scope

    def _tell_owner(self, lease: Lease, number: int, error: BotError) -> None:
        """Tell a digest's owner what went wrong, and post it no more where its channel is gone, or is no
        longer one in which its owner may have it told."""
        digest = self._digests.get(number)
        if digest is None:
            return
        if isinstance(error, (ChannelGone, NotAllowed)):
            self._digests.pause(digest.id)
            hint = f"{error.hint} The digest is paused until someone resumes it."
            error = BotError(error.message, hint, detail=error.detail)
        lease.deliver(self._publisher.tell(lease, digest.owner, error))
