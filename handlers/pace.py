"""Pace: keeping below Slack's rate limits instead of running into them."""

from __future__ import annotations

from typing import Final

from bot.pace import Pace

__all__ = ["EDITS_BURST", "EDITS_PER_SECOND", "POSTS_BURST", "POSTS_PER_SECOND", "Pace"]

POSTS_PER_SECOND: Final = 1.0
"""One message a second in a channel (docs: rate limits, chat.postMessage)."""

POSTS_BURST: Final = 2
"""Slack tolerates short bursts: a question and its table may come at once."""

EDITS_BURST: Final = 10
"""Edits that may come at once after a rest."""

EDITS_PER_SECOND: Final = (50 - EDITS_BURST) / 60
"""chat.update is tier 3: 50 a minute in the workspace, a burst included (docs: rate limits)."""
