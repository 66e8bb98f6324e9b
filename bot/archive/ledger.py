"""What the archive knows about itself: which Parquet is its own, and what became of every source.

The ledger is the truth. A batch's files, its sources and the files that it replaces are told in one commit;
before the first file of a batch appears, the batch is told as pending, so that only what a killed ingest left
is ever removed. Parquet that the ledger cannot explain is kept, not read, and told.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from bot.archive import extracts, queue_state
from bot.archive.days import Days
from bot.archive.reports import Key, Outcome, Report, Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from bot.archive.queue_state import QueueState
    from bot.archive.sources import Source

LEDGER: Final = "ledger.sqlite"
LOCK: Final = "ingest.lock"
PARQUET: Final = "day=*/*.parquet"
READER: Final = 1
"""Which files can be read: one more, and what was refused or skipped before is tried again."""

REPLACED_SECONDS: Final = (
    3600.0  # longer than any question runs: until then a replaced file stays for its readers
)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS stored (number INTEGER PRIMARY KEY, name TEXT, events INTEGER);
CREATE TABLE IF NOT EXISTS sources (name TEXT PRIMARY KEY, size INTEGER, stamp TEXT, batch INTEGER);
CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, batch TEXT);
CREATE TABLE IF NOT EXISTS pending (batch TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS replaced (name TEXT PRIMARY KEY, at REAL);
CREATE TABLE IF NOT EXISTS dropped (day TEXT);
CREATE TABLE IF NOT EXISTS extent (files TEXT, oldest TEXT, newest TEXT);
CREATE TABLE IF NOT EXISTS looked (place TEXT, first TEXT, last TEXT);
CREATE TABLE IF NOT EXISTS reports (
    name TEXT PRIMARY KEY, size INTEGER, stamp TEXT, reader INTEGER, outcome TEXT, why TEXT,
    skipped TEXT, bad TEXT, first TEXT, last TEXT
);
"""


REFUSAL: Final = """
CREATE VIEW IF NOT EXISTS batches AS SELECT name FROM "an archive of a later version"
"""
"""The code before asks `batches` first of all. It would take what was replaced for events, and delete what it
does not know: so it is refused, in SQLite's words."""

FINAL: Final = (Outcome.SKIPPED, Outcome.REFUSED)
"""Outcomes that only another content changes."""


class Ledger:
    """One archive's ledger, for the ingest that holds its lock. Two threads may use it, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = sqlite3.connect(folder / LEDGER, check_same_thread=False)
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            before = "SELECT 1 FROM sqlite_schema WHERE name = 'batches' AND type = 'table'"
            if self.db.execute(before).fetchone():
                self.db.execute("ALTER TABLE batches RENAME TO stored")
            self.db.execute(REFUSAL)
        self.db.executescript(SCHEMA)

    def close(self) -> None:
        self.db.close()

    def tidy(self, now: float) -> None:
        """Remove what a killed ingest left and what was replaced long ago; take over what the code before
        wrote. `now` in seconds since 1970."""
        files, old = self._names("SELECT name FROM files"), self._names("SELECT name FROM replaced")
        pending, batches = (
            self._names("SELECT batch FROM pending"),
            self._names("SELECT name FROM stored"),
        )
        with self.db:
            for path in self.folder.glob(PARQUET):
                name, batch = _name(path), path.stem.partition("-")[0]
                if name in files or name in old:
                    continue
                if batch in pending:
                    extracts.remove(path)
                elif batch in batches:
                    self.db.execute("INSERT INTO files VALUES (?, ?)", [name, batch])
            for (name,) in self.db.execute(
                "SELECT name FROM replaced WHERE at < ?", [now - REPLACED_SECONDS]
            ).fetchall():
                extracts.remove(self.folder / name)
                self.db.execute("DELETE FROM replaced WHERE name = ?", [name])
            self.db.execute("DELETE FROM pending")
        extracts.tidy(self.folder)

    def _names(self, query: str) -> set[str]:
        return {name for (name,) in self.db.execute(query)}

    def knows(self, key: Key) -> bool:
        """Whether a source need not be read again."""
        same = "name = ? AND size = ? AND stamp = ?"
        known = f"SELECT 1 FROM sources WHERE {same}"  # noqa: S608 - a constant
        final = f"SELECT 1 FROM reports WHERE {same} AND reader = ? AND outcome IN (?, ?)"  # noqa: S608 - a constant
        return bool(
            self.db.execute(known, key).fetchone()
            or self.db.execute(final, [*key, READER, *FINAL]).fetchone()
        )

    def look(self, places: Iterable[str], days: Days) -> None:
        """Write down that all that these places had of these days was looked at."""
        with self.db:
            for place in places:
                whole = days
                for each in _looked(self.db).get(place, []):
                    if each.touch(whole):
                        whole = Days(min(each.first, whole.first), max(each.last, whole.last))
                        self._unlook(place, each)
                self.db.execute("INSERT INTO looked VALUES (?, ?, ?)", [place, whole.first, whole.last])

    def _unlook(self, place: str, days: Days) -> None:
        gone = [place, days.first, days.last]
        self.db.execute("DELETE FROM looked WHERE place = ? AND first = ? AND last = ?", gone)

    def measure(self, files: Sequence[str], extent: tuple[datetime, datetime]) -> None:
        """Write down the moments of the oldest and the newest event in these files."""
        with self.db:
            self.db.execute("DELETE FROM extent")
            moments = [each.isoformat() for each in extent]
            self.db.execute("INSERT INTO extent VALUES (?, ?, ?)", [_hash(files), *moments])

    def day(self, day: str) -> list[str]:
        """The files of a day, by their names within the archive's folder."""
        query = "SELECT name FROM files WHERE name >= ? AND name < ? ORDER BY name"
        return [name for (name,) in self.db.execute(query, [f"day={day}/", f"day={day}0"])]

    def days(self) -> dict[str, list[str]]:
        """The files of each day, an ISO date."""
        days: dict[str, list[str]] = {}
        for (name,) in self.db.execute("SELECT name FROM files ORDER BY name"):
            days.setdefault(name.partition("/")[0].removeprefix("day="), []).append(name)
        return days

    def announce(self, batch: str) -> None:
        """Say that files of this batch are about to appear."""
        with self.db:
            self.db.execute("INSERT OR REPLACE INTO pending VALUES (?)", [batch])

    def commit(
        self,
        batch: str,
        events: int,
        *,
        files: Iterable[str],
        replaced: Iterable[str],
        sources: Sequence[tuple[Source, Report]],
        now: float,
    ) -> None:
        """Make a batch part of the archive, all at once."""
        with self.db:
            number = self.db.execute(
                "INSERT INTO stored (name, events) VALUES (?, ?)", [batch, events]
            ).lastrowid
            for name in replaced:
                self._replace(name, now)
            self.db.executemany("INSERT INTO files VALUES (?, ?)", [(name, batch) for name in files])
            self.db.executemany(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)",
                [(*source.key, number) for source, _ in sources],
            )
            for source, report in sources:
                self._note(source.key, report)
            self.db.execute("DELETE FROM pending WHERE batch = ?", [batch])

    def swap(self, batch: str, file: str, replaced: Iterable[str], now: float) -> None:
        """Have one file stand for others, all at once."""
        with self.db:
            self.db.execute("INSERT INTO files VALUES (?, ?)", [file, batch])
            for name in replaced:
                self._replace(name, now)
            self.db.execute("DELETE FROM pending WHERE batch = ?", [batch])

    def _replace(self, name: str, now: float) -> None:
        self.db.execute("DELETE FROM files WHERE name = ?", [name])
        self.db.execute("INSERT OR REPLACE INTO replaced VALUES (?, ?)", [name, now])

    def keep(self, since: date | None, now: float) -> None:
        """Let go of all days before this one: their files, which go later, and what is known of sources that
        are not looked at any more. None: of nothing; and what was let go of may be read again."""
        with self.db:
            self.db.execute("DELETE FROM dropped")
            if since is None:
                return
            self.db.execute("INSERT INTO dropped VALUES (?)", [since.isoformat()])
            kept = Days.of(_midnight(since), None)
            for place, days in _looked(self.db).items():
                for each in days:
                    if each.first < kept.first:
                        self._unlook(place, each)
                        if each.touch(kept):
                            clipped = [place, kept.first, each.last]
                            self.db.execute("INSERT INTO looked VALUES (?, ?, ?)", clipped)
            old = self._names_of(f"day={since.isoformat()}/")
            for name in old:
                self._replace(name, now)
            for table in ("sources", "reports") if old else ():
                names = self.db.execute(f"SELECT name FROM {table}")  # noqa: S608 - a constant
                gone = [(name,) for (name,) in names if not kept.hold(name)]
                self.db.executemany(f"DELETE FROM {table} WHERE name = ?", gone)  # noqa: S608 - a constant

    def _names_of(self, before: str) -> list[str]:
        return [name for (name,) in self.db.execute("SELECT name FROM files WHERE name < ?", [before])]

    def next_batch(self) -> int:
        """The number that the next batch will have."""
        (number,) = self.db.execute("SELECT coalesce(max(number), 0) + 1 FROM stored").fetchone()
        return int(number)

    def note(self, reports: Iterable[tuple[Key, Report]], *, again: bool = True) -> None:
        """Write down what became of sources in no batch; without `again`, only of those not told before."""
        with self.db:
            for key, report in reports:
                self._note(key, report, "REPLACE" if again else "IGNORE")

    def _note(self, key: Key, report: Report, conflict: str = "REPLACE") -> None:
        if report.outcome is Outcome.READ and not (report.bad or report.skipped):
            self.db.execute("DELETE FROM reports WHERE name = ?", [report.name])
            return
        self.db.execute(
            f"INSERT OR {conflict} INTO reports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            [
                *key,
                READER,
                report.outcome,
                report.why,
                json.dumps(dict(report.skipped)),
                json.dumps(dict(report.bad)),
                report.first,
                report.last,
            ],
        )

    def left_out(self) -> dict[str, tuple[Key, Report]]:
        """What became of the sources that may hold more events than were read, with their keys, by name."""
        return {report.name: (key, report) for key, report in _left_out(self.db)}

    def forget(self, names: Iterable[str]) -> None:
        """Drop the reports of sources that are no more."""
        with self.db:
            self.db.executemany("DELETE FROM reports WHERE name = ?", [(name,) for name in names])


# --- for readers, who hold no lock


def files(folder: Path) -> list[str] | None:
    """The names of the archive's files within `folder`, those that are there; None where there is no ledger,
    or one that the code before made and that no ingest has taken over."""
    with _reader(folder) as db:
        if db is None:
            return None
        names = [name for (name,) in db.execute("SELECT name FROM files ORDER BY name")]
    return [name for name in names if (folder / name).exists()]


def extent(folder: Path, files: Sequence[str]) -> tuple[datetime, datetime] | None:
    """The moments of the oldest and the newest event in these files; None where nobody measured them."""
    with _reader(folder) as db:
        if db is None:
            return None
        query = "SELECT oldest, newest FROM extent WHERE files = ?"
        found = db.execute(query, [_hash(files)]).fetchone()
    return (datetime.fromisoformat(found[0]), datetime.fromisoformat(found[1])) if found else None


def queue(folder: Path, url: str, now: float) -> QueueState | None:
    """As `Archive.queue`."""
    with _reader(folder) as db:
        return None if db is None else queue_state.state(db, url, now)


def sources(
    folder: Path, start: datetime | None, end: datetime | None, places: Sequence[str] | None
) -> Sources:
    """What is missing from the archive for a window, or for all times, as `Archive.sources`."""
    with _reader(folder) as db:
        if db is None:
            return Sources()
        left_out = [report for _, report in _left_out(db)]
        skipped = dict(
            db.execute("SELECT why, count(*) FROM reports WHERE outcome = ? GROUP BY why", [Outcome.SKIPPED])
        )
        records = dict(
            db.execute(
                "SELECT key, sum(value) FROM reports, json_each(reports.skipped)"
                " WHERE reports.skipped <> '{}' GROUP BY key"
            )
        )
        looked = _looked(db)
        (dropped,) = db.execute("SELECT max(day) FROM dropped").fetchone()
        kept = date.fromisoformat(dropped) if dropped else None
        is_kept = kept is None or (start is not None and start >= _midnight(kept))
        wanted = Days.of(_midnight(kept) if kept and not is_kept else start, end)
        ours = {name for (name,) in db.execute("SELECT name FROM files")}
        old = {name for (name,) in db.execute("SELECT name FROM replaced")}
        batches = {name for (name,) in db.execute("SELECT name FROM stored UNION SELECT batch FROM pending")}
    there = {_name(path): path.stem.partition("-")[0] for path in folder.glob(PARQUET)}
    return Sources(
        left_out=tuple(
            each for each in left_out if start is None or end is None or each.concerns(start, end)
        ),
        skipped=skipped,
        records_skipped=records,
        strays=tuple(sorted(name for name in there.keys() - ours - old if there[name] not in batches)),
        missing=tuple(sorted(ours - there.keys())),
        kept_since=None if is_kept else kept,
        unlooked=tuple(
            place
            for place in (looked if places is None or not looked else places)
            if not any(each.contain(wanted) for each in looked.get(place, ()))
        ),
        is_reading=_is_locked(folder),
    )


@contextmanager
def _reader(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """The ledger, to be read; writable, since what a killed writer left half done is undone by whoever comes
    next."""
    path = folder / LEDGER
    if not path.exists():
        yield None
        return
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as db:
        yield db if _has(db, "files", "reports", "stored") else None


def _has(db: sqlite3.Connection, *tables: str) -> bool:
    found = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return found.issuperset(tables)


def _left_out(db: sqlite3.Connection) -> Iterator[tuple[Key, Report]]:
    query = (
        "SELECT name, size, stamp, outcome, why, skipped, bad, first, last FROM reports"
        " WHERE outcome NOT IN (?, ?) OR bad <> '{}' ORDER BY name"
    )
    values = [Outcome.READ, Outcome.SKIPPED]
    for name, size, stamp, outcome, why, skipped, bad, first, last in db.execute(query, values):
        report = Report(name, Outcome(outcome), why, json.loads(skipped), json.loads(bad), first, last)
        yield (name, size, stamp), report


def _looked(db: sqlite3.Connection) -> dict[str, list[Days]]:
    """The days that were looked at, by place, in their order."""
    looked: dict[str, list[Days]] = {}
    for place, first, last in db.execute("SELECT place, first, last FROM looked ORDER BY place, first"):
        looked.setdefault(place, []).append(Days(first, last))
    return looked


def _is_locked(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def _hash(files: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()
