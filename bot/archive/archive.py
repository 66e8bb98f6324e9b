"""Log files → the embedded engine's Parquet, one folder per UTC day of the event.

    sources ─▶ records ─▶ spools ─▶ DuckDB ─▶ day=YYYY-MM-DD/<batch>-<chunk>-….parquet ─▶ the ledger's commit

The ledger is the truth, and tells readers which files there are. So an ingest may die at any moment; the next
one ends with every event once, and whoever reads meanwhile sees whole batches only. A file is never changed:
where a fuller copy of an event comes, a new file takes the old one's place in the ledger, and the old one
goes later.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.archive import ledger as ledgers
from bot.archive import parquet
from bot.archive.content import NoLog, texts
from bot.archive.events import Row, Unusable
from bot.archive.ledger import LEDGER, PARQUET, Key, Ledger, Outcome, Report, Sources
from bot.archive.ledger import LOCK as LOCK
from bot.archive.parquet import Spool
from bot.archive.records import NO_JSON, Tally, rows, scan, split
from bot.archive.sources import Archived, Denied, Found, Gone, Source, find, read_ahead
from bot.errors import EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bot.archive.content import Text

MB: Final = 1 << 20
BATCH_BYTES: Final = (
    128 * MB
)  # of JSON; two of them, one being split and one loaded, and DuckDB stay below 1 GB
JOIN_LINES: Final = 200  # per write: longer joins cost more in fresh memory than they save in calls
HASH_CHARACTERS: Final = 32
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
    """A source of which nothing, or not all, could be read, and why, in words that end a sentence."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one ingest did: files newly stored, known from before, and that are no logs; events newly stored,
    and dropped because they were there already; files of which something new could not be read; seconds.

    Then, of the same files: those that are no logs, by kind; the records that are no calls, by kind; how many
    records could not be read; how many files could not be read and were told before; and what became of each
    file that was not simply read.
    """

    files: int
    known: int
    ignored: int
    events: int
    duplicates: int
    bad: tuple[BadFile, ...]
    seconds: float
    skipped: Mapping[str, int] = field(default_factory=dict)
    records_skipped: Mapping[str, int] = field(default_factory=dict)
    bad_records: int = 0
    still_bad: int = 0
    reports: tuple[Report, ...] = ()


class Archive:
    """A folder of Parquet, and what is known about how it came to be. Nothing is touched before `ingest`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def has_events(self) -> bool:
        files = self._files()
        return files is None or bool(files)

    def events_sql(self) -> str:
        """The statement that makes `events`, with the folders' `day` as a DATE, in an embedded engine."""
        return parquet.events_sql(self.folder, self._files())

    def days(self) -> list[date]:
        """The days in UTC of which it has events, oldest first."""
        files = self._files()
        names = [path.parent.name for path in self.folder.glob(PARQUET)] if files is None else files
        return sorted({date.fromisoformat(name[len("day=") :][:10]) for name in names})

    def extent(self) -> tuple[datetime, datetime] | None:
        """The moments of its oldest and its newest event; None where it has none. Cheap: of the first and the
        last day, Parquet's own statistics are read."""
        days = self.days()
        if not days:
            return None
        with _plain_errors(self.folder, "read"):
            return parquet.extent(self.folder, self._files(), days[0], days[-1])

    def sources(self, start: datetime | None = None, end: datetime | None = None) -> Sources:
        """What is missing from the archive for a window of times in UTC, or for all times."""
        with _plain_errors(self.folder, "read"):
            return ledgers.sources(self.folder, start, end)

    def _files(self) -> list[str] | None:
        """The archive's files; None for all that are there, where no ledger of ours says which."""
        with _plain_errors(self.folder, "read"):
            files = ledgers.files(self.folder)
            if files is None and next(self.folder.glob(PARQUET), None) is None:
                return []
            return files

    def ingest(
        self,
        sources: Sequence[str],
        *,
        progress: Callable[[Progress], None],
        leave_out: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> Ingested:
        """Store what is new in `sources`: folders, files, or `s3://bucket/prefix`, but what a pattern of
        `leave_out` matches (as the shell's, on a name, a path within its place, or the whole).

        `progress` is called in this thread after every file; what it raises ends the ingest, and what was
        stored by then stays. One ingest at a time: another waits for this one. A source counts as known while
        its size and its time (S3: its ETag) are the same, be it stored, no log, or refused. What is archived,
        denied or gone is tried again. `now` is in seconds since 1970.

        Raises UserError for a source that does not exist, EngineError for an archive that cannot be written
        or a bucket that cannot be listed.
        """
        began = clock()
        found = find(sources, but=self.folder, leave_out=leave_out)
        with _plain_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with (
            _alone(self.folder),
            closing(_open_ledger(self.folder, now())) as ledger,
            _spool_folder(self.folder) as spool,
        ):
            known, before = ledger.known(), ledger.left_out()
            new = [source for source in found.sources if source.key not in known]

            def tell(files: int, events: int) -> None:
                progress(Progress(min(files, len(new)), len(new), events, clock() - began))

            work = _Ingest(self.folder, ledger, spool, tell, now)
            if new:
                work.run(new)
            with _plain_errors(self.folder):
                reports = [*work.reports, *_unreadable(found)]
                passed_over = list(_passed_over(found))
                ledger.note(reports)
                ledger.forget([*_vanished(sources, found, before), *(before.keys() & found.skipped.keys())])
                ledger.note(passed_over, again=False)
                reports += passed_over
        return _ingested(work, found, before, new, reports, clock() - began)


def holds_an_event(source: Source) -> bool:
    """Whether a file is a log, by its content; its first event is enough."""
    try:
        for text in texts(source.read()):
            if any(True for _ in rows(split(text) if isinstance(text, bytes) else scan(text), Tally())):
                return True
    except (NoLog, Unusable):
        return False
    return False


def _unreadable(found: Found) -> Iterator[tuple[Key, Report]]:
    for name, why in found.unreadable:
        yield (name, NO_SIZE, ""), Report(name, Outcome.DENIED, why)


def _passed_over(found: Found) -> Iterator[tuple[Key, Report]]:
    for name, kind in found.skipped.items():
        yield (name, NO_SIZE, ""), Report(name, Outcome.SKIPPED, kind)


def _vanished(places: Sequence[str], found: Found, before: Mapping[str, tuple[Key, Report]]) -> list[str]:
    """The sources told of before that these places hold no more."""
    there = {source.name for source in found.sources} | found.skipped.keys()
    there |= {name for name, _ in found.unreadable}
    listed = tuple(
        place if place.startswith("s3://") else str(Path(place).expanduser().absolute()) for place in places
    )
    return [name for name in before if name not in there and name.startswith(listed)]


def _ingested(
    work: _Ingest,
    found: Found,
    before: Mapping[str, tuple[Key, Report]],
    new: Sequence[Source],
    reports: Sequence[tuple[Key, Report]],
    seconds: float,
) -> Ingested:
    skipped = Counter(found.kinds)
    records: Counter[str] = Counter()
    for _, report in work.reports:
        records.update(report.skipped)
        if report.outcome is Outcome.SKIPPED:
            skipped[report.why] += 1
    left_out = [each for each in reports if each[1].is_left_out]
    fresh = [each for each in left_out if before.get(each[1].name) != each]
    not_tried = {source.name for source in found.sources} - {report.name for _, report in reports}
    return Ingested(
        files=work.files,
        known=len(found.sources) - len(new),
        ignored=skipped.total(),
        events=work.events,
        duplicates=work.duplicates,
        bad=tuple(BadFile(report.name, report.why) for _, report in fresh),
        seconds=seconds,
        skipped=skipped,
        records_skipped=records,
        bad_records=sum(sum(report.bad.values()) for _, report in work.reports),
        still_bad=len(left_out) - len(fresh) + len(not_tried & before.keys()),
        reports=tuple(report for _, report in reports),
    )


# --- one ingest


NO_SIZE: Final = -1  # of what could only be listed

TEXT_WITHOUT_JSON: Final = "text without JSON"
JSON_WITHOUT_EVENTS: Final = "JSON without events"


@dataclass(slots=True)
class _Batch:
    """Sources that are stored together or not at all, and those of their events that wait to be spooled."""

    folder: Path
    sources: list[tuple[Source, Report]] = field(default_factory=list)
    moments: list[str] = field(default_factory=list)
    lines: list[Any] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    size: int = 0
    chunks: int = 0
    events: int = 0
    duplicates: int = 0
    refused: bool = False
    copies: bool = False
    nameless: bool = False
    replaced: set[str] = field(default_factory=set)

    def add(self, new: Iterable[Row]) -> None:
        """Take events in, but those of which the very same copy waits already."""
        ids, lines = self.ids, self.lines
        for moment, event_id, line in new:
            if not event_id:
                self.nameless = True
            elif (at := ids.setdefault(event_id, len(lines))) < len(lines):
                if lines[at] == line:
                    self.duplicates += 1
                    continue
                self.copies = True
            self.moments.append(moment)
            lines.append(line)

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
            longest = max(map(len, lines))
            spools.append(Spool(day, path, len(lines), longest, self.copies, self.nameless))
        self.moments, self.lines, self.ids, self.size = [], [], {}, 0
        self.copies = self.nameless = False
        return spools


class _Ingest:
    """Reads, splits and spools in the caller's thread, while one other thread loads the batch before."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        spool: Path,
        tell: Callable[[int, int], None],
        now: Callable[[], float],
    ) -> None:
        self.folder, self.ledger, self.spool, self.tell, self.now = folder, ledger, spool, tell, now
        self.files = self.events = self.duplicates = 0
        self.reports: list[tuple[Key, Report]] = []
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
                    tally = Tally()
                    new = list(rows(split(data), tally))
                    report = _report(source, tally, *_span(new))
                    if report.outcome is Outcome.READ:
                        batch.add(new)
                        batch.sources.append((source, report))
                        batch.size += len(data)
                        self.events_read += len(new)
                    else:
                        self.reports.append((source.key, report))
                else:
                    self._stream(source, data)
            except (NoLog, Unusable) as error:
                self.reports.append((source.key, Report(source.name, _outcome(error), str(error))))
            self.files_read += 1
            self.tell(self.files_read, self.events_read)
            if batch.size > batch_bytes:
                self._submit(batch, last=True)
                batch = self._batch()
        self._submit(batch, last=True)
        self._wait()
        self.tell(self.files_read, self.events_read)

    def _stream(self, source: Source, texts: Iterator[Text]) -> None:
        """A long file goes in chunks, in a batch of its own, since all of it is stored or nothing."""
        batch = self._batch()
        batch.sources = [(source, Report(source.name, Outcome.READ))]
        tally, strange = Tally(), Tally()
        first = last = ""
        for text in texts:
            of_text, before = Tally(), self.events_read
            for row in rows(split(text) if isinstance(text, bytes) else scan(text), of_text):
                batch.add([row])
                batch.size += len(row[2])
                self.events_read += 1
                last = max(last, row[0])
                first = min(first or last, row[0])
                if batch.size > BATCH_BYTES:
                    self._submit(batch, last=False)
                    self.tell(self.files_read, self.events_read)
            # a README packed beside logs is no bad record of them
            is_no_log = of_text.is_strange and self.events_read == before
            (strange if is_no_log else tally).add(of_text)
        if not last and not tally.bad and not tally.skipped:
            tally = strange
        report = _report(source, tally, first, last)
        if report.outcome is Outcome.READ:
            batch.sources = [(source, report)]
            self._submit(batch, last=True)
        else:
            self.reports.append((source.key, report))

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
                self._refuse(batch, str(error))
            if last and not batch.refused:
                self._commit(batch)
            if last:
                shutil.rmtree(batch.folder)

    def _refuse(self, batch: _Batch, why: str) -> None:
        if len(batch.sources) == 1:
            ((source, _),) = batch.sources
            self.reports.append((source.key, Report(source.name, Outcome.REFUSED, why)))
        else:
            self.again.extend(source for source, _ in batch.sources)

    def _load(self, batch: _Batch, spool: Spool, chunk: int) -> None:
        """Spool → Parquet beside the archive, without what the archive or an earlier chunk holds already."""
        names = [name for name in self.ledger.day(spool.day) if name not in batch.replaced]
        held = [path for name in names if (path := self.folder / name).exists()]
        earlier = [*batch.folder.glob(f"{spool.day}.*.parquet")]
        file = batch.folder / f"{spool.day}.{chunk}.parquet"
        written = parquet.write(self.duck, spool, file)
        merged = parquet.merge(self.duck, file, [*held, *earlier], spool)
        if written == merged.doubles:
            file.unlink()
        for old, fuller in merged.replaced.items():
            if old.parent == batch.folder:
                fuller.replace(old)
            else:
                batch.replaced.add(f"{old.parent.name}/{old.name}")
        batch.events += written - merged.doubles
        batch.duplicates += merged.doubles

    def _commit(self, batch: _Batch) -> None:
        facts = repr((self.ledger.next_batch(), [source.key for source, _ in batch.sources]))
        name = hashlib.sha256(facts.encode()).hexdigest()[:HASH_CHARACTERS]
        self.ledger.announce(name)
        files = []
        for file in batch.folder.glob("*.parquet"):
            day, chunk, _ = file.name.split(".")
            folder = self.folder / f"day={day}"
            folder.mkdir(exist_ok=True)
            _sync(file)
            kept = folder / f"{name}-{chunk}{parquet.SUFFIX}"
            file.replace(kept)
            _sync(folder)
            files.append(f"{folder.name}/{kept.name}")
        self.ledger.commit(
            name, batch.events, files=files, replaced=batch.replaced, sources=batch.sources, now=self.now()
        )
        self.reports += [
            (source.key, report) for source, report in batch.sources if report.bad or report.skipped
        ]
        self.files += len(batch.sources)
        self.events += batch.events
        self.duplicates += batch.duplicates


def _span(new: Sequence[Row]) -> tuple[str, str]:
    """The first and the last moment of these events."""
    moments = [row[0] for row in new]
    return min(moments, default=""), max(moments, default="")


def _outcome(error: NoLog | Unusable) -> Outcome:
    kinds = {NoLog: Outcome.SKIPPED, Archived: Outcome.ARCHIVED, Denied: Outcome.DENIED, Gone: Outcome.GONE}
    return kinds.get(type(error), Outcome.REFUSED)


def _report(source: Source, tally: Tally, first: str, last: str) -> Report:
    """What became of a source with events from `first` to `last`, and beside them what `tally` counts."""
    if not tally.bad and not tally.skipped:
        return Report(source.name, Outcome.READ)
    outcome, why = Outcome.READ, tally.words
    if not last and tally.bad and not tally.is_strange:
        outcome = Outcome.REFUSED
    elif not last:
        outcome = Outcome.SKIPPED
        strange = TEXT_WITHOUT_JSON if NO_JSON in tally.bad else JSON_WITHOUT_EVENTS
        why = next((kind for kind, _ in tally.skipped.most_common(1)), strange)
    bad = {} if outcome is Outcome.SKIPPED else dict(tally.bad)
    return Report(source.name, outcome, why, dict(tally.skipped), bad, first, last)


# --- the archive's own files


@contextmanager
def _plain_errors(folder: Path, done: str = "written") -> Iterator[None]:
    import duckdb

    hint = f"See that {folder} can be written and its disk has room (TLS_AUDIT_ARCHIVE), then ingest again."
    try:
        yield
    except (OSError, sqlite3.Error, duckdb.Error) as error:
        raise EngineError(f"The archive could not be {done}: {_first_line(error)}.", hint) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with _plain_errors(folder):
        file = (folder / LOCK).open("wb")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open_ledger(folder: Path, now: float) -> Ledger:
    """The ledger, and the archive as it says: what a killed ingest left, spools and Parquet, is removed."""
    if not (folder / LEDGER).exists() and next(folder.glob(PARQUET), None):
        raise UserError(
            f"{folder} holds Parquet, but no ledger of ours says where it came from.",
            f"Choose an empty folder as TLS_AUDIT_ARCHIVE, or bring back its {LEDGER}.",
        )
    with _plain_errors(folder):
        ledger = Ledger(folder)
        ledger.tidy(now)
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
