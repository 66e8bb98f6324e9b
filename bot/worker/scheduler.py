"""Digests, watches and looks at urgent services when they are due: each becomes a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.app.promises import promise, promise_look, promise_urgent
from bot.digests import urgent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.app.grammar import Grammar
    from bot.store.digests import Digests
    from bot.store.runs import Runs


class DigestScheduler:
    """Has digests posted, and watches looked at. Any number of replicas may do so: what falls due is a run of
    one key."""

    def __init__(
        self,
        runs: Runs,
        digests: Digests,
        grammar: Grammar,
        *,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        """`wake` hears of every run that was added."""
        self._runs = runs
        self._digests = digests
        self._grammar = grammar
        self._clock = clock
        self._wake = wake

    def schedule_due(self) -> None:
        """Have posted what is due; of what fell due while nobody was there, the latest, once."""
        now = self._clock()
        for digest in self._digests.due(now):
            day = digest.schedule.latest(now)
            key = f"digest/{digest.id}/{day}"
            promise(
                digest,
                day,
                runs=self._runs,
                grammar=self._grammar,
                now=now,
                key=key,
                # by what was told of earlier days: a replica that comes late asks the same, and not once more
                looks_back=not self._digests.points(digest.id, digest.period(day)[0], 1),
            )
            self._wake()
            self._digests.reschedule(digest, now)
        hour = urgent.hour_of(now)
        for number in self._digests.urgent.due(now):
            # of hours that nobody was there for, the latest: it asks for those before as well
            if (one := self._digests.get(number)) is not None:
                promise_urgent(one, hour, runs=self._runs, grammar=self._grammar, now=now)
                self._wake()
                self._digests.urgent.reschedule(number, one.urgent_due, hour + urgent.HOUR)
        watches = self._digests.watches
        for watch in watches.due(now):
            # of days that nobody was there for, the latest: the others had no look, and are not believed
            promise_look(watch, watch.schedule.latest(now), runs=self._runs, grammar=self._grammar, now=now)
            self._wake()
            watches.reschedule(watch, watch.schedule.following(now))
