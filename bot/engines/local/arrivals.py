"""What `tls-audit doctor` says of the queue that tells of new log files."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.engines import Check
from bot.text import literal
from bot.wording import counted, first_of, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.archive.archive import Archive

UNTOLD_NAMED: Final = 3
IDLE: Final = timedelta(minutes=20)
"""`serve` reads the queue every five minutes, and longer only where there is much to read."""
BEHIND: Final = timedelta(hours=1)
HOW_S3_IS_TOLD: Final = "docs/logs.md says how S3 is told to."


def checks(archive: Archive, url: str, now: float) -> Iterator[Check]:
    """Whether the queue at `url` can be asked, is read, and is told of what comes. `now` in seconds since
    1970. UserError and EngineError where it cannot be asked."""
    from bot.archive.sqs import Queue

    queue = Queue(url)
    about, state = queue.about(), archive.queue(url, lambda: now)
    waiting = f"{counted(about.waiting, 'message')} waiting, {about.hidden} being read"
    yield Check(f"the queue {queue.name} can be asked: about {waiting}", True)
    if not about.has_redrive:
        kept = span(timedelta(seconds=about.kept_seconds))
        yield Check(
            f"the queue {queue.name} has no dead letters: what is none of S3's comes again for {kept}",
            True,
            f"Give it a redrive policy: {HOW_S3_IS_TOLD}",
            warns=True,
        )
    if state is None:
        yield Check(f"the queue {queue.name} was never read", True, "`tls-audit serve` reads it.", warns=True)
        return
    ago, age = timedelta(seconds=max(0.0, now - state.read)), timedelta(seconds=state.age)
    old = f"its oldest message was {span(age)} old" if age else "it was empty"
    yield Check(
        f"the queue was read {span(ago)} ago, and {old}",
        True,
        "`tls-audit serve` reads it every five minutes; its log says what keeps it.",
        warns=ago > IDLE or age > BEHIND,
    )
    if not state.told:
        yield Check(
            f"S3 never told the queue {queue.name} anything, not even that it may",
            True,
            f"Set up the bucket's notifications: {HOW_S3_IS_TOLD}",
            warns=True,
        )
    if state.untold:
        names = first_of([literal(name) for name in state.untold], UNTOLD_NAMED)
        yield Check(
            f"S3 never told of {counted(len(state.untold), 'file')} that a listing found and read: {names}",
            True,
            f"Check which prefixes the bucket's notifications are for: {HOW_S3_IS_TOLD}",
            warns=True,
        )
    elif state.told:
        yield Check("S3 told of all files that listings found", passed=True)
