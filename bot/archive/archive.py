"""CloudTrail log files → the embedded engine's Parquet, one folder per UTC day of the event.

    sources ─▶ records ─▶ spools ─▶ DuckDB ─▶ day=YYYY-MM-DD/<batch>-<chunk>.parquet ─▶ the ledger's commit

The ledger is the truth: Parquet it does not know is what a killed ingest left behind, and goes at the next
start. So an ingest may die at any moment; the next one ends with every event once. Whoever reads meanwhile
sees whole files only, but a file of a killed ingest can vanish under a reader, who then asks again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.archive import parquet
from bot.archive.parquet import Spool
from bot.archive.records import NotALog, Row, Unusable, rows, scan, split
from bot.archive.sources import Source, find, read_ahead
from bot.errors import EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MB: Final = 1 << 20
BATCH_BYTES: Final = (
    128 * MB
)  # of JSON; two of them, one being split and one loaded, and DuckDB stay below 1 GB
JOIN_LINES: Final = 200  # per write: longer joins cost more in fresh memory than they save in calls
HASH_CHARACTERS: Final = 32
LEDGER: Final = "ledger.sqlite"
LOCK: Final = "ingest.lock"
SPOOL: Final = ".spool-"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is: new files and their events read so far (stored a batch later); seconds so far."""

    files: int
    files_total: int
    events: int
    seconds: float

    @property
    def eta(self) -> float | None:
        """Seconds to go if the rest is like what went before; None before the first file is read."""
        return self.seconds / self.files * (self.files_total - self.files) if self.files else None


@dataclass(frozen=True, slots=True)
class BadFile:
    """A source of which nothing was stored, and why, in words that end a sentence about it."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one ingest did: files newly stored, known from before, and that are no logs; events newly stored,
    and dropped because their `eventID` was there already; files it could not use; seconds it took."""

    files: int
    known: int
    ignored: int
    events: int
    duplicates: int
    bad: tuple[BadFile, ...]
    seconds: float


class Archive:
    """A folder of Parquet, and what is known about how it came to be. Nothing is touched before `ingest`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def has_events(self) -> bool:
        return next(self.folder.glob("day=*/*.parquet"), None) is not None

    def events_sql(self) -> str:
        """The statement that makes `events`, with the folders' `day` as a DATE, in an embedded engine."""
        return parquet.events_sql(self.folder, empty=not self.has_events())

    def ingest(
        self,
        sources: Sequence[str],
        *,
        progress: Callable[[Progress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> Ingested:
        """Store what is new in `sources`: folders, files, or `s3://bucket/prefix`.

        `progress` is called in this thread after every file; what it raises ends the ingest, and what was
        stored by then stays. One ingest at a time: another waits for this one. A source counts as known while
        its size and its time (S3: its ETag) are the same; a bad one is tried again next time.

        Raises UserError for a source that does not exist, EngineError for an archive that cannot be written
        or a bucket that cannot be read.
        """
        began = clock()
        found = find(sources, but=self.folder)
        with _plain_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with (
            _alone(self.folder),
            closing(_open_ledger(self.folder)) as ledger,
            _spool_folder(self.folder) as spool,
        ):
            known = set(ledger.execute("SELECT name, size, stamp FROM sources"))
            new = [source for source in found.sources if source.key not in known]

            def tell(files: int, events: int) -> None:
                progress(Progress(min(files, len(new)), len(new), events, clock() - began))

            work = _Ingest(self.folder, ledger, spool, tell)
            if new:
                work.run(new)
        return Ingested(
            files=work.files,
            known=len(found.sources) - len(new),
            ignored=found.ignored + work.ignored,
            events=work.events,
            duplicates=work.duplicates,
            bad=(*(BadFile(path, why) for path, why in found.unreadable), *work.bad),
            seconds=clock() - began,
        )


# --- one ingest


@dataclass(slots=True)
class _Batch:
    """Sources that are stored together or not at all, and those of their events that wait to be spooled."""

    folder: Path
    sources: list[Source] = field(default_factory=list)
    moments: list[str] = field(default_factory=list)
    lines: list[Any] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    size: int = 0
    chunks: int = 0
    events: int = 0
    duplicates: int = 0
    refused: bool = False

    def add(self, new: Iterable[Row]) -> None:
        for moment, event_id, line in new:
            if event_id:
                if event_id in self.ids:
                    self.duplicates += 1
                    continue
                self.ids.add(event_id)
            self.moments.append(moment)
            self.lines.append(line)

    def spool(self) -> list[Spool]:
        """Write the waiting events out, a file for each of their days; they wait no more."""
        self.chunks += 1
        self.folder.mkdir(exist_ok=True)
        days: dict[str, list[Any]] = {}
        for index in sorted(range(len(self.lines)), key=self.moments.__getitem__):
            days.setdefault(self.moments[index][:10], []).append(self.lines[index])
        spools = []
        for day, lines in days.items():
            path = self.folder / f"{day}.{self.chunks}.ndjson"
            with path.open("wb") as file:
                for at in range(0, len(lines), JOIN_LINES):
                    file.write(b"\n".join(lines[at : at + JOIN_LINES]) + b"\n")
            spools.append(Spool(day, path, len(lines), max(map(len, lines))))
        self.moments, self.lines, self.ids, self.size = [], [], set(), 0
        return spools


class _Ingest:
    """Reads, splits and spools in the caller's thread, while one other thread loads the batch before."""

    def __init__(
        self, folder: Path, ledger: sqlite3.Connection, spool: Path, tell: Callable[[int, int], None]
    ) -> None:
        self.folder, self.ledger, self.spool, self.tell = folder, ledger, spool, tell
        self.files = self.ignored = self.events = self.duplicates = 0
        self.bad: list[BadFile] = []
        self.again: list[Source] = []
        self.batches = self.files_read = self.events_read = 0
        self.loading: Future[None] | None = None

    def run(self, sources: Sequence[Source]) -> None:
        with closing(parquet.connect(self.spool)) as self.duck, ThreadPoolExecutor(1) as self.loader:
            self._pass(sources, BATCH_BYTES)
            self._pass(self.again, 0)  # one by one, to find which of them cannot be loaded

    def _pass(self, sources: Sequence[Source], batch_bytes: int) -> None:
        batch = self._batch()
        for source, content in read_ahead(sources):
            try:
                data = content.result()
                if isinstance(data, bytes):
                    new = list(rows(split(data)))
                    batch.add(new)
                    batch.sources.append(source)
                    batch.size += len(data)
                    self.events_read += len(new)
                else:
                    self._stream(source, data)
            except NotALog:
                self.ignored += 1
            except Unusable as error:
                self.bad.append(BadFile(source.name, str(error)))
            self.files_read += 1
            self.tell(self.files_read, self.events_read)
            if batch.size > batch_bytes:
                self._submit(batch, last=True)
                batch = self._batch()
        self._submit(batch, last=True)
        self._wait()
        self.tell(self.files_read, self.events_read)

    def _stream(self, source: Source, blocks: Iterator[bytes]) -> None:
        """A long file goes in chunks, in a batch of its own, since all of it is stored or nothing."""
        batch = self._batch()
        batch.sources.append(source)
        for row in rows(scan(blocks)):
            batch.add([row])
            batch.size += len(row[2])
            self.events_read += 1
            if batch.size > BATCH_BYTES:
                self._submit(batch, last=False)
                self.tell(self.files_read, self.events_read)
        self._submit(batch, last=True)

    def _batch(self) -> _Batch:
        self.batches += 1
        return _Batch(self.spool / str(self.batches))

    def _submit(self, batch: _Batch, *, last: bool) -> None:
        if batch.sources:
            with _plain_errors(self.folder):
                spools = batch.spool()
            self._wait()
            self.loading = self.loader.submit(self._store, batch, spools, batch.chunks, last=last)

    def _wait(self) -> None:
        if self.loading:
            self.loading.result()
            self.loading = None

    # In the loading thread:

    def _store(self, batch: _Batch, spools: Sequence[Spool], chunk: int, *, last: bool) -> None:
        with _plain_errors(self.folder):
            try:
                for spool in spools:
                    if not batch.refused:
                        self._load(batch, spool, chunk)
                    spool.path.unlink()
            except Unusable as error:
                batch.refused = True
                if len(batch.sources) == 1:
                    self.bad.append(BadFile(batch.sources[0].name, str(error)))
                else:
                    self.again.extend(batch.sources)
            if last and not batch.refused:
                self._commit(batch)
            if last:
                shutil.rmtree(batch.folder)

    def _load(self, batch: _Batch, spool: Spool, chunk: int) -> None:
        """Spool → Parquet beside the archive, without what the archive or an earlier chunk holds already."""
        held = [
            *self.folder.glob(f"day={spool.day}/*.parquet"),
            *batch.folder.glob(f"{spool.day}.*.parquet"),
        ]
        file = batch.folder / f"{spool.day}.{chunk}.parquet"
        written = parquet.write(self.duck, spool, file)
        doubles = parquet.drop_doubles(self.duck, file, held) if held else 0
        if written == doubles:
            file.unlink()
        batch.events += written - doubles
        batch.duplicates += doubles

    def _commit(self, batch: _Batch) -> None:
        with self.ledger:
            number = self.ledger.execute("INSERT INTO batches (events) VALUES (?)", [batch.events]).lastrowid
            facts = repr((number, [source.key for source in batch.sources]))
            name = hashlib.sha256(facts.encode()).hexdigest()[:HASH_CHARACTERS]
            self.ledger.execute("UPDATE batches SET name = ? WHERE number = ?", [name, number])
            for file in batch.folder.glob("*.parquet"):
                day, chunk, _ = file.name.split(".")
                folder = self.folder / f"day={day}"
                folder.mkdir(exist_ok=True)
                _sync(file)
                file.replace(folder / f"{name}-{chunk}.parquet")
                _sync(folder)
            self.ledger.executemany(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)",
                [(*source.key, number) for source in batch.sources],
            )
        self.files += len(batch.sources)
        self.events += batch.events
        self.duplicates += batch.duplicates


# --- the archive's own files


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    import duckdb

    hint = f"See that {folder} can be written and its disk has room (TLS_AUDIT_ARCHIVE), then ingest again."
    try:
        yield
    except (OSError, sqlite3.Error, duckdb.Error) as error:
        raise EngineError(f"The archive could not be written: {_first_line(error)}.", hint) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with _plain_errors(folder):
        file = (folder / LOCK).open("wb")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open_ledger(folder: Path) -> sqlite3.Connection:
    """The ledger, and the archive as it says: what a killed ingest left, spools and Parquet, is removed."""
    held = list(folder.glob("day=*/*.parquet"))
    if held and not (folder / LEDGER).exists():
        raise UserError(
            f"{folder} holds Parquet, but no ledger of ours says where it came from.",
            f"Choose an empty folder as TLS_AUDIT_ARCHIVE, or bring back its {LEDGER}.",
        )
    with _plain_errors(folder):
        ledger = sqlite3.connect(folder / LEDGER, check_same_thread=False)
        ledger.executescript(
            """
            CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY, name TEXT, events INTEGER);
            CREATE TABLE IF NOT EXISTS sources
                (name TEXT PRIMARY KEY, size INTEGER, stamp TEXT, batch INTEGER);
            """
        )
        known = {name for (name,) in ledger.execute("SELECT name FROM batches")}
        for file in held:
            if file.stem.partition("-")[0] not in known:
                file.unlink()
        for spool in folder.glob(f"{SPOOL}*"):
            shutil.rmtree(spool)
    return ledger


@contextmanager
def _spool_folder(folder: Path) -> Iterator[Path]:
    with _plain_errors(folder):
        spool = Path(tempfile.mkdtemp(prefix=SPOOL, dir=folder))
    try:
        yield spool
    finally:
        shutil.rmtree(spool, ignore_errors=True)  # what stays, the next ingest removes


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
