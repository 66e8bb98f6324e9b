"""The composition root: from Settings to the parts, put together in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.archive import Archive

if TYPE_CHECKING:
    from bot.engines import Engine
    from bot.settings import Settings


def archive(settings: Settings) -> Archive:
    """The archive that the embedded engine asks and `ingest` fills."""
    return Archive(settings.archive_folder)


def engine(settings: Settings, name: str, events: Archive) -> Engine:
    """The engine called `name`, one of `engines.NAMES`. `events` is what the embedded one reads."""
    from bot.engines.local import Local

    engines = {"local": lambda: Local(events, memory=settings.local_memory, seconds=settings.local_seconds)}
    return engines[name]()
