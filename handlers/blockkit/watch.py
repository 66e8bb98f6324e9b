"""What a watch looks like: begun, stopped, ended → Block Kit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.digests.watch import QUIET_DAYS, WATCHED_DAYS
from handlers.blockkit.blocks import actions, button, paragraph, person, text
from handlers.blockkit.values import OfWatch

if TYPE_CHECKING:
    from bot.digests.watch import Watch
    from handlers.blockkit.blocks import Block


def begun(watch: Watch, subject: str) -> list[Block]:
    """Who watches what, and what is told when."""
    words = (
        f": {subject}. I ask {watch.schedule.words()}, and say here when {QUIET_DAYS} days that are believed "
        f"had no such call, or when {WATCHED_DAYS} days have not shown that."
    )
    return [
        paragraph(person(watch.owner), text(" watches "), _name(watch), text(words)),
        actions(button("Stop watching", "unwatch", OfWatch(watch.id))),
    ]


def stopped(watch: Watch, user: str) -> list[Block]:
    """Who stopped it."""
    return [paragraph(person(user), text(" stopped watching "), _name(watch), text("."))]


def ended(watch: Watch, words: str) -> list[Block]:
    """How it has ended, told to who began it."""
    still = "🔴" if any(look.calls for look in watch.looks) else "⚠️"
    sign = "✅" if watch.outcome == "quiet" else still
    who = person(watch.owner)
    return [paragraph(text(f"{sign} "), who, text(" watched "), _name(watch), text(f". {words}"))]


def _name(watch: Watch) -> Block:
    return text(watch.subject.name, code=True)
