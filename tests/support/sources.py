"""What a test asks of an archive's sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.archive.reports import Sources


def is_whole(sources: Sources) -> bool:
    """Whether nothing is known to be missing, but for what an ingest is about to bring."""
    return not (sources.left_out or sources.missing or sources.unlooked or sources.kept_since)
