"""What a queue told, and what it never did, beside the ledger.

What a listing finds that is younger than the queue's first reading should have been told. It may still be: so
a file counts as never told once the queue was read UNTOLD_SECONDS after it was found, or later, and nothing
had come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

UNTOLD_SECONDS: Final = 3_600.0
"""S3 tells within seconds as a rule, and a minute or longer at times (user guide, "Event notifications")."""

UNTOLD_KEPT_SECONDS: Final = 8 * 86_400.0
"""How long it is known what was never told."""

TOLD_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS queues (url TEXT PRIMARY KEY, since REAL, read REAL, age REAL, told REAL);
CREATE TABLE IF NOT EXISTS untold (url TEXT, name TEXT, found REAL, PRIMARY KEY (url, name));
"""


@dataclass(frozen=True, slots=True)
class QueueState:
    """How far a queue was read. Moments are in seconds since 1970."""

    since: float
    """When it was read first."""
    read: float
    """When it was read last."""
    age: float
    """How old the oldest message was then, in seconds; 0 where there was none."""
    told: float
    """When a message of S3's came last; 0 where none did yet."""
    untold: tuple[str, ...]
    """The files that it never told."""


def state(db: sqlite3.Connection, url: str, now: float) -> QueueState | None:
    """How far the queue at `url` was read into this archive; None where it never was."""
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'untold'").fetchone():
        return None
    found = db.execute("SELECT since, read, age, told FROM queues WHERE url = ?", [url]).fetchone()
    if not found:
        return None
    since, read_at, age, told_at = found
    query = "SELECT name FROM untold WHERE url = ? AND found BETWEEN ? AND ? ORDER BY name"
    # what may wait in a queue that could not be read since was not left untold
    names = db.execute(query, [url, now - UNTOLD_KEPT_SECONDS, read_at - UNTOLD_SECONDS])
    return QueueState(since, read_at, age, told_at, tuple(name for (name,) in names))


def read(
    db: sqlite3.Connection, url: str, names: Iterable[str], *, age: float, told: bool, now: float
) -> None:
    """Write down that a queue was read until there was nothing in it or we had enough: which files it told,
    the `age` of its oldest message, whether S3 had told anything at all."""
    db.executescript(TOLD_SCHEMA)
    with db:
        db.execute("INSERT OR IGNORE INTO queues VALUES (?, ?, ?, 0, 0)", [url, now, now])
        db.execute("UPDATE queues SET read = ?, age = ? WHERE url = ?", [now, age, url])
        if told:
            db.execute("UPDATE queues SET told = ? WHERE url = ?", [now, url])
        db.executemany("DELETE FROM untold WHERE url = ? AND name = ?", [(url, name) for name in names])


def listed(db: sqlite3.Connection, url: str, found: Iterable[tuple[str, float]], now: float) -> None:
    """Write down what a listing found that was new, with the moments it is from."""
    known = state(db, url, now)
    if known is None:
        return
    untold = [(url, name, now) for name, moment in found if moment >= known.since]
    with db:
        db.execute("DELETE FROM untold WHERE found < ?", [now - UNTOLD_KEPT_SECONDS])
        db.executemany("INSERT OR IGNORE INTO untold VALUES (?, ?, ?)", untold)
