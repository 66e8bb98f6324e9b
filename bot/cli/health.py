"""`tls-audit health`: whether the bot on this machine is well, by the mark that it leaves while it is."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.errors import BotError

if TYPE_CHECKING:
    import threading

    from bot.bootstrap import Bot

HEARTBEAT: Final = "heartbeat"
"""The file, in the data folder, whose time says when the bot was last well."""

DEMO: Final = "tls-audit-demo-heartbeat-"
"""What the temporary folder of a demo's heartbeat is called first."""

BEAT_SECONDS: Final = 10.0
"""How often it is touched."""


def health(
    *, or_demo: Annotated[bool, typer.Option("--or-demo", help="Or a demo on this machine.")] = False
) -> None:
    """Tell by the exit code whether the bot on this machine is well; for the container's health check."""
    from bot import settings

    folders = [settings.load().data]
    if or_demo:
        folders += Path(tempfile.gettempdir()).glob(f"{DEMO}*")
    since = time.time() - 3 * BEAT_SECONDS
    marks = (folder / HEARTBEAT for folder in folders)
    if not any(mark.exists() and mark.stat().st_mtime >= since for mark in marks):
        raise BotError(
            "No bot is well here.",
            "`tls-audit serve` leaves a mark while it is well: see its log, or ask `tls-audit doctor`.",
            detail=f"no mark in {folders[0]} within {3 * BEAT_SECONDS:.0f} s",
        )


def beat(bot: Bot, folder: Path, stopped: threading.Event) -> None:
    """Until stopped, leave a mark every few seconds that the bot is well; `health` looks for it."""
    mark = folder / HEARTBEAT
    while True:
        if bot.is_well():
            mark.touch()
        if stopped.wait(BEAT_SECONDS):
            mark.unlink(missing_ok=True)
            return
