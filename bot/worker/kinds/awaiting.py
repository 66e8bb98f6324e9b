"""What the kinds of run share that tell what a scan has found: that is a run of its own, which they await."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime, timedelta

    from bot.app.grammar import Grammar
    from bot.store.digests import Digests
    from bot.store.run import Run
    from bot.store.runs import Runs
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
