"""What the archive knows about itself: which Parquet is its own, and what became of every source.

The ledger is the truth. A batch's files, its sources and the files that it replaces are told in one commit;
before the first file of a batch appears, the batch is told as pending, so that only what a killed ingest left
is ever removed. Parquet that the ledger cannot explain is kept, not read, and told.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from bot.archive.sources import delivery_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bot.archive.sources import Source

LEDGER: Final = "ledger.sqlite"
LOCK: Final = "ingest.lock"
PARQUET: Final = "day=*/*.parquet"
READER: Final = 1
"""Which files can be read: one more, and what was refused or skipped before is tried again."""

REPLACED_SECONDS: Final = (
    3600.0  # longer than any question runs: until then a replaced file stays for its readers
)
DELIVERY_SLACK: Final = timedelta(days=1)  # a day's folder may hold events of the day before

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY, name TEXT, events INTEGER);
CREATE TABLE IF NOT EXISTS sources (name TEXT PRIMARY KEY, size INTEGER, stamp TEXT, batch INTEGER);
CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, batch TEXT);
CREATE TABLE IF NOT EXISTS pending (batch TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS replaced (name TEXT PRIMARY KEY, at REAL);
CREATE TABLE IF NOT EXISTS reports (
    name TEXT PRIMARY KEY, size INTEGER, stamp TEXT, reader INTEGER, outcome TEXT, why TEXT,
    skipped TEXT, bad TEXT, first TEXT, last TEXT
);
"""


Key = tuple[str, int, str]
"""What a source is known by: its name, size and stamp."""


class Outcome(StrEnum):
    """What became of a source."""

    READ = "read"
    SKIPPED = "skipped"
    """It is no log; nobody misses it."""
    REFUSED = "refused"
    """It may hold events, and cannot be read; it is not tried again until it changes."""
    ARCHIVED = "archived"
    """It lies in a storage class from which it must be restored first."""
    DENIED = "denied"
    GONE = "gone"
    """It was listed, and vanished before it was read."""


FINAL: Final = (Outcome.SKIPPED, Outcome.REFUSED)
"""Outcomes that only another content changes."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one source; of one that was read, what in it was not.

    `why` is the kind of what was skipped, or ends a sentence about what could not be read. `skipped` counts
    records by kind, `bad` by reason. `first` and `last` are the eventTimes of its events, empty if unknown.
    """

    name: str
    outcome: Outcome
    why: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    bad: Mapping[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""

    @property
    def is_left_out(self) -> bool:
        """Whether there may be events in it that the archive does not have."""
        return bool(self.bad) or self.outcome not in {Outcome.READ, Outcome.SKIPPED}

    def concerns(self, start: datetime, end: datetime) -> bool:
        """Whether its events may lie in a window: by their times, else by the day that its name tells; True
        where neither is known."""
        if self.first and self.last:
            first, last = (datetime.fromisoformat(moment) for moment in (self.first, self.last))
            return first < end and last >= start
        try:
            day = datetime.strptime(delivery_day(self.name), "%Y%m%d").replace(tzinfo=UTC)
        except ValueError:
            return True
        return day - DELIVERY_SLACK < end and day + timedelta(days=1) > start


@dataclass(frozen=True, slots=True)
class Sources:
    """What the answer to a question about a window rests on, and what is missing from it.

    `left_out` are the sources of which all or a part could not be read and which may concern the window;
    `skipped` and `records_skipped` count, whatever the window, what is no log and no call, by kind; `strays`
    are Parquet files in the archive's folder that its ledger cannot explain, `missing` such as it lists and
    that are not there; `is_reading` says that an ingest is under way.
    """

    left_out: tuple[Report, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    records_skipped: Mapping[str, int] = field(default_factory=dict)
    strays: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    is_reading: bool = False

    @property
    def files(self) -> int:
        """How many files were left out as a whole."""
        return sum(report.outcome is not Outcome.READ for report in self.left_out)

    @property
    def records(self) -> int:
        """How many records could not be read in files of which the rest was."""
        return sum(sum(each.bad.values()) for each in self.left_out if each.outcome is Outcome.READ)

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How many files were left out as a whole, by what became of them."""
        return Counter(each.outcome for each in self.left_out if each.outcome is not Outcome.READ)

    @property
    def are_whole(self) -> bool:
        """Whether nothing is known to be missing, but for what an ingest is about to bring."""
        return not (self.left_out or self.missing)


class Ledger:
    """One archive's ledger, for the ingest that holds its lock. Two threads may use it, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = sqlite3.connect(folder / LEDGER, check_same_thread=False)
        self.db.executescript(SCHEMA)

    def close(self) -> None:
        self.db.close()

    def tidy(self, now: float) -> None:
        """Remove what a killed ingest left and what was replaced long ago; take over what the code before
        wrote. `now` in seconds since 1970."""
        files, old = self._names("SELECT name FROM files"), self._names("SELECT name FROM replaced")
        pending, batches = (
            self._names("SELECT batch FROM pending"),
            self._names("SELECT name FROM batches"),
        )
        with self.db:
            for path in self.folder.glob(PARQUET):
                name, batch = _name(path), path.stem.partition("-")[0]
                if name in files or name in old:
                    continue
                if batch in pending:
                    path.unlink()
                elif batch in batches:
                    self.db.execute("INSERT INTO files VALUES (?, ?)", [name, batch])
            for (name,) in self.db.execute(
                "SELECT name FROM replaced WHERE at < ?", [now - REPLACED_SECONDS]
            ).fetchall():
                (self.folder / name).unlink(missing_ok=True)
                self.db.execute("DELETE FROM replaced WHERE name = ?", [name])
            self.db.execute("DELETE FROM pending")

    def _names(self, query: str) -> set[str]:
        return {name for (name,) in self.db.execute(query)}

    def known(self) -> set[Key]:
        """The keys of the sources that need not be read again."""
        final = "SELECT name, size, stamp FROM reports WHERE reader = ? AND outcome IN (?, ?)"
        return {
            *self.db.execute("SELECT name, size, stamp FROM sources"),
            *self.db.execute(final, [READER, *FINAL]),
        }

    def day(self, day: str) -> list[str]:
        """The files of a day, by their names within the archive's folder."""
        query = "SELECT name FROM files WHERE name >= ? AND name < ? ORDER BY name"
        return [name for (name,) in self.db.execute(query, [f"day={day}/", f"day={day}0"])]

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
                "INSERT INTO batches (name, events) VALUES (?, ?)", [batch, events]
            ).lastrowid
            for name in replaced:
                self.db.execute("DELETE FROM files WHERE name = ?", [name])
                self.db.execute("INSERT OR REPLACE INTO replaced VALUES (?, ?)", [name, now])
            self.db.executemany("INSERT INTO files VALUES (?, ?)", [(name, batch) for name in files])
            self.db.executemany(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)",
                [(*source.key, number) for source, _ in sources],
            )
            for source, report in sources:
                self._note(source.key, report)
            self.db.execute("DELETE FROM pending WHERE batch = ?", [batch])

    def next_batch(self) -> int:
        """The number that the next batch will have."""
        (number,) = self.db.execute("SELECT coalesce(max(number), 0) + 1 FROM batches").fetchone()
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


def sources(folder: Path, start: datetime | None, end: datetime | None) -> Sources:
    """What is missing from the archive for a window, or for all times."""
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
        ours = {name for (name,) in db.execute("SELECT name FROM files")}
        old = {name for (name,) in db.execute("SELECT name FROM replaced")}
        batches = {name for (name,) in db.execute("SELECT name FROM batches UNION SELECT batch FROM pending")}
    there = {_name(path): path.stem.partition("-")[0] for path in folder.glob(PARQUET)}
    return Sources(
        left_out=tuple(
            each for each in left_out if start is None or end is None or each.concerns(start, end)
        ),
        skipped=skipped,
        records_skipped=records,
        strays=tuple(sorted(name for name in there.keys() - ours - old if there[name] not in batches)),
        missing=tuple(sorted(ours - there.keys())),
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
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        yield db if tables >= {"files", "reports"} else None


def _left_out(db: sqlite3.Connection) -> Iterator[tuple[Key, Report]]:
    query = (
        "SELECT name, size, stamp, outcome, why, skipped, bad, first, last FROM reports"
        " WHERE outcome NOT IN (?, ?) OR bad <> '{}' ORDER BY name"
    )
    values = [Outcome.READ, Outcome.SKIPPED]
    for name, size, stamp, outcome, why, skipped, bad, first, last in db.execute(query, values):
        report = Report(name, Outcome(outcome), why, json.loads(skipped), json.loads(bad), first, last)
        yield (name, size, stamp), report


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
