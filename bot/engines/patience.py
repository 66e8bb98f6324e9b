"""Patience with a query at AWS: it is paid for already, so it is waited for, however AWS is meanwhile."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.engines.aws import is_transient
from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.engines import Progress
    from bot.engines.aws import Calls

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS: Final = 0.5
LOOK_SHARE: Final = 0.05
LONGEST_LOOK_SECONDS: Final = 5.0
"""Seconds between two looks at a query: a twentieth of its age, so that a long one costs few calls and
a short one's end is seen soon."""

TELL_SECONDS: Final = 1.0
"""How often progress is told, and so how soon a query can be stopped."""

LONGEST_AWAY: Final = timedelta(hours=1)
"""How long AWS may not answer before a query is given up: as long as any of its queries may run by default
(user guides of CloudTrail, Athena and CloudWatch Logs)."""


class Patience:
    """A query's looks at AWS. `progress` hears of every step."""

    def __init__(self, aws: Calls, progress: Progress) -> None:
        self.ref = ""
        """AWS's id of the query; empty before it has one."""
        self.scanned = 0
        """Bytes that it has read, as far as AWS has told."""
        self.progress = progress
        self._aws = aws

    def ask(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What AWS answers to a call that changes nothing, made until it answers. EngineError."""
        began, seconds = self._aws.monotonic(), FIRST_LOOK_SECONDS
        while True:
            try:
                return call()
            except EngineError as error:
                if not is_transient(error):
                    raise
                if self._aws.monotonic() - began > LONGEST_AWAY.total_seconds():
                    message = f"AWS did not answer for an hour: {error.message}"
                    raise EngineError(message, error.hint, detail=error.detail) from error
                log.info("query %s waits for AWS: %s", self.ref, error.in_full)
            state = "AWS does not answer, waiting"
            self.progress(self.ref, state, self.scanned)
            self.pause(seconds, state)
            seconds = min(2 * seconds, LONGEST_LOOK_SECONDS)

    def until_next_look(self, began: float, state: str) -> None:
        """Wait as long as suits a query that was first looked at when it `began`."""
        age = self._aws.monotonic() - began
        self.pause(min(max(FIRST_LOOK_SECONDS, age * LOOK_SHARE), LONGEST_LOOK_SECONDS), state)

    def pause(self, seconds: float, state: str) -> None:
        """Wait, and tell of `state` meanwhile."""
        while seconds > 0:
            self._aws.sleep(min(seconds, TELL_SECONDS))
            seconds -= TELL_SECONDS
            if seconds > 0:
                self.progress(self.ref, state, self.scanned)
