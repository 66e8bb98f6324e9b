"""Budgets: keeping below Slack's rate limits instead of running into them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.rate_limits import FairBucket, SlidingWindow, TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable

POSTS_PER_SECOND: Final = 1.0
"""One message a second in a channel (docs: rate limits, chat.postMessage)."""

POSTS_BURST: Final = 2
"""Slack tolerates short bursts: a question and its table may come at once."""

SLACK_MINUTE: Final = 62.0
"""Slack's minute, in seconds, with room for calls that take different times to arrive."""

EDITS: Final = 50
"""chat.update is tier 3: 50 a minute in the workspace, and bursts are welcome (docs: rate limits)."""

FILES: Final = 100
"""The calls for files are tier 4, each of them: 100 a minute in the workspace (docs: rate limits)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Posts by channel, edits of the workspace, calls for files by their method.

    Each begins as Slack documents it, and learns from what Slack refuses; so replicas, each with a budget of
    its own, come to share what Slack allows the app.
    """

    posts: TokenBucket
    edits: TokenBucket
    files: TokenBucket

    @classmethod
    def of_slack(cls, sleep: Callable[[float], None] = time.sleep) -> Budget:
        """As Slack documents its limits."""
        return cls(
            posts=FairBucket(POSTS_PER_SECOND, POSTS_BURST, sleep=sleep),
            edits=SlidingWindow(EDITS, SLACK_MINUTE, sleep=sleep),
            files=SlidingWindow(FILES, SLACK_MINUTE, sleep=sleep),
        )
