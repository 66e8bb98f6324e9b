"""Sources → Parquet in the archive, a batch at a time: what is read, split and spooled in one thread while
another loads the batch before.

    sources ─▶ records ─▶ spools ─▶ DuckDB ─▶ day=YYYY-MM-DD/<batch>-<chunk>-….parquet ─▶ the ledger's commit
"""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bot.archive import extracts, parquet
from bot.archive.ahead import read_ahead
from bot.archive.content import PIECES, NoLog, Pieces
from bot.archive.disk import plain_errors, sync
from bot.archive.events import Row, Unusable
from bot.archive.parquet import Spool
from bot.archive.records import Tally, rows, scan, split
from bot.archive.reports import Key, Outcome, Report
from bot.archive.said import SUFFIX
from bot.archive.scanner import NO_JSON
from bot.archive.sources import Archived, Denied, Gone, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bot.archive.content import Text
    from bot.archive.ledger import Ledger

MB: Final = 1 << 20
BATCH_BYTES: Final = (
    128 * MB
)  # of JSON; two of them, one being split and one loaded, and DuckDB stay below 1 GB
SORT_ROWS: Final = 60_000  # as long as events are, that takes some 100 MB: a sort of DuckDB's spills nothing
JOIN_LINES: Final = 200  # per write: longer joins cost more in fresh memory than they save in calls
HASH_CHARACTERS: Final = 32
TEXT_WITHOUT_JSON: Final = "text without JSON"
JSON_WITHOUT_EVENTS: Final = "JSON without events"


class Step(StrEnum):
    """What the archive is about to do that cannot be undone by forgetting it."""

    LOAD = "load a spool"
    MERGE = "merge files of a day"
    KEEP = "move a file into the archive"
    COMMIT = "tell the ledger"
    COMMITTED = "go on after the ledger's commit"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken at once, and who hears of each step just before it is taken, in whichever thread."""

    batch_bytes: int = BATCH_BYTES
    pieces: Pieces = PIECES
    sort_rows: int = SORT_ROWS
    on_step: Callable[[Step], None] = lambda _: None


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


@dataclass(slots=True)
class _Batch:
    """Sources that are stored together or not at all, and those of their events that wait to be spooled."""

    folder: Path
    sources: list[tuple[Source, Report]] = field(default_factory=list)
    moments: list[str] = field(default_factory=list)
    lines: list[Any] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
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
        for moment, event_id, line, place in new:
            if not event_id:
                self.nameless = True
            elif (at := ids.setdefault(event_id, len(lines))) < len(lines):
                if lines[at] == line:
                    self.duplicates += 1
                    continue
                self.copies = True
            self.moments.append(moment)
            lines.append(line)
            self.places.append(place)

    def spool(self) -> list[Spool]:
        """Write the waiting events out in order, a file for each of their days; they wait no more."""
        self.chunks += 1
        self.folder.mkdir(exist_ok=True)
        days: dict[str, list[Any]] = {}
        for at in sorted(range(len(self.places)), key=self.places.__getitem__):
            days.setdefault(self.moments[at][:10], []).append(self.lines[at])
        spools = []
        for day, lines in days.items():
            path = self.folder / f"{day}.{self.chunks}.ndjson"
            with path.open("wb") as file:
                for at in range(0, len(lines), JOIN_LINES):
                    file.write(b"\n".join(lines[at : at + JOIN_LINES]) + b"\n")
            longest = max(map(len, lines))
            spools.append(Spool(day, path, len(lines), longest, self.copies, self.nameless))
        self.moments, self.lines, self.places, self.ids, self.size = [], [], [], {}, 0
        self.copies = self.nameless = False
        return spools


class Ingest:
    """Reads, splits and spools in the caller's thread, while one other thread loads the batch before."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        spool: Path,
        tell: Callable[[int, int], None],
        now: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self.folder, self.ledger, self.spool, self.tell, self.now = folder, ledger, spool, tell, now
        self.limits = limits or Limits()
        self.files = self.events = self.duplicates = 0
        self.reports: list[tuple[Key, Report]] = []
        self.again: list[Source] = []
        self.batches = self.files_read = self.events_read = 0
        self.loading: Future[None] | None = None

    def run(self, sources: Sequence[Source]) -> None:
        with closing(parquet.connect(self.spool)) as self.duck, ThreadPoolExecutor(1) as self.loader:
            self._pass(sources, self.limits.batch_bytes)
            self._pass(self.again, 0)  # one by one, to find which of them cannot be loaded

    def _pass(self, sources: Sequence[Source], batch_bytes: int) -> None:
        batch = self._batch()
        for source, content in read_ahead(sources, self.limits.pieces):
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
                if batch.size > self.limits.batch_bytes:
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
            with plain_errors(self.folder):
                spools = batch.spool()
            self._wait()
            self.loading = self.loader.submit(self._store, batch, spools, batch.chunks, last=last)

    def _wait(self) -> None:
        if self.loading:
            self.loading.result()
            self.loading = None

    # In the loading thread:

    def _store(self, batch: _Batch, spools: Sequence[Spool], chunk: int, *, last: bool) -> None:
        with plain_errors(self.folder):
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
        held = {
            path: day
            for day in _near(spool.day)
            for path in (
                *(self.folder / name for name in self.ledger.day(day) if name not in batch.replaced),
                *batch.folder.glob(f"{day}.*.parquet"),
            )
            if path.exists()
        }
        file = batch.folder / f"{spool.day}.{chunk}.parquet"
        self.limits.on_step(Step.LOAD)
        written = parquet.write(self.duck, spool, file)
        merged = parquet.merge(self.duck, file, held, spool)
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
            sync(file)
            kept = folder / f"{name}-{chunk}{SUFFIX}"
            self.limits.on_step(Step.KEEP)
            file.replace(kept)
            sync(folder)
            files.append(f"{folder.name}/{kept.name}")
        self.limits.on_step(Step.COMMIT)
        self.ledger.commit(
            name, batch.events, files=files, replaced=batch.replaced, sources=batch.sources, now=self.now()
        )
        self.limits.on_step(Step.COMMITTED)
        for each in files:
            extracts.make(self.duck, self.folder / each, self.spool)
        self.reports += [
            (source.key, report) for source, report in batch.sources if report.bad or report.skipped
        ]
        self.files += len(batch.sources)
        self.events += batch.events
        self.duplicates += batch.duplicates


def _near(day: str) -> Iterator[str]:
    """A day, and the two beside it: what another clock stamped is at most that far away."""
    for days in (-1, 0, 1):
        with suppress(OverflowError):
            yield (date.fromisoformat(day) + timedelta(days)).isoformat()


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
