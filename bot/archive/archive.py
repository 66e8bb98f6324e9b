"""The archive of the embedded engine: Parquet, one folder per UTC day of the event, and its ledger.

The ledger is the truth, and tells readers which files there are. So an ingest may die at any moment; the next
one ends with every event once, and whoever reads meanwhile sees whole batches only. A file is never changed:
where a fuller copy of an event comes, a new file takes the old one's place in the ledger, and the old one
goes later.

What it takes to read new logs is imported when that is done: who only asks waits for none of it.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.archive import ledger as ledgers
from bot.archive import queue_state, relations
from bot.archive.days import Days
from bot.archive.disk import plain_errors
from bot.archive.ledger import LEDGER, LOCK, PARQUET, Ledger
from bot.errors import EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bot.archive.compaction import Compacted
    from bot.archive.ingest import Ingest, Ingested, Limits, Progress
    from bot.archive.queue_state import QueueState
    from bot.archive.reports import Sources
    from bot.archive.sources import Found, Source
    from bot.archive.sqs import Queue

SPOOL: Final = ".spool-"
DELIVERY_SECONDS: Final = 3600.0  # most of a day's events have come by then; what comes later is merged later


class Archive:
    """A folder of Parquet, and what is known about how it came to be. Nothing is touched before `ingest`.

    Days that were over for longer than `keep` are dropped, and not read again; None: all is kept.
    """

    def __init__(self, folder: Path, limits: Limits | None = None, *, keep: timedelta | None = None) -> None:
        self.folder = folder.absolute()
        self._keep = keep
        self._limits = limits

    def has_events(self) -> bool:
        return bool(self._files())

    def events_sql(self) -> str:
        """The statement that makes `events`, with the folders' `day` as a DATE, in an embedded engine."""
        return relations.events_sql(self.folder, self._files())

    def hours_sql(self) -> str:
        """The statement that makes `hours` beside `events`: how many they are by the hour in which they were
        (`eventTime`, its beginning) and by `extracts.COUNTED_BY`, with `extracts.LEAST_AND_MOST`."""
        return relations.hours_sql(self.folder, self._files())

    def days(self) -> list[date]:
        """The days in UTC of which it has events, oldest first."""
        return sorted({date.fromisoformat(_day(name)) for name in self._files()})

    def extent(self) -> tuple[datetime, datetime] | None:
        """The moments of its oldest and its newest event; None where it has none. Cheap: ingests write them
        down; where one is under way, the files of the first and the last day are looked at."""
        ends = _ends(self._files())
        with plain_errors(self.folder, "read"):
            return (
                (ledgers.extent(self.folder, ends) or relations.extent(self.folder, ends)) if ends else None
            )

    def sources(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        places: Sequence[str] | None = None,
    ) -> Sources:
        """What is missing from the archive for a window of times in UTC, or for all times. `places` are those
        of which all days should have been looked at; None: all that ever were."""
        wanted = None if places is None else _named(places)
        with plain_errors(self.folder, "read"):
            return ledgers.sources(self.folder, start, end, wanted)

    def _files(self) -> list[str]:
        """The archive's files, by their names within its folder: all that are there where no ledger of ours
        says which."""
        with plain_errors(self.folder, "read"):
            files = ledgers.files(self.folder)
            if files is None:
                return sorted(str(path.relative_to(self.folder)) for path in self.folder.glob(PARQUET))
            return files

    def ingest(
        self,
        sources: Sequence[str],
        *,
        progress: Callable[[Progress], None],
        leave_out: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        queue: str = "",
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> Ingested:
        """Store what is new in `sources`: folders, files, or `s3://bucket/prefix`, but what a pattern of
        `leave_out` matches (as the shell's, on a name, a path within its place, or the whole).

        Of folders that tell their day, only those are looked at that may hold events from `since` until
        `until`. `progress` is called in this thread after every file; what it raises ends the ingest, and
        what was stored by then stays. One ingest at a time: another waits for this one. A source counts as
        known while its size and its time (S3: its ETag) are the same, be it stored, no log, or refused. What
        is archived, denied or gone is tried again. `queue` is the URL of the queue that should have told of
        what is new. `now` is in seconds since 1970.

        Raises UserError for a source that does not exist, EngineError for an archive that cannot be written
        or a bucket that cannot be listed.
        """
        from bot.archive.compaction import compact
        from bot.archive.news import News, ingested, note, vanished
        from bot.archive.sources import check, find

        began = clock()
        check(sources)
        with self._at_work(now()) as (ledger, spool):
            news, days = News(ledger), Days.of(self._from(since, now()), until)
            found = find(sources, but=self.folder, leave_out=leave_out, days=days, is_new=news.has)
            work = self._work(ledger, spool, found, progress, lambda: clock() - began, now)
            with plain_errors(self.folder):
                reports = note(ledger, found, work, news.before, vanished(sources, found, news))
                ledger.look(_named(sources), days)
                if queue:
                    fresh = [each for each in found.sources if each.name not in news.before]
                    queue_state.listed(
                        ledger.db, queue, [(each.name, each.modified) for each in fresh], now()
                    )
                self._keep_to(ledger, now())
                if work.events:
                    compact(self.folder, ledger, spool, limits=self._limits, now=now)
            self._measure(ledger)
        return ingested(work, found, news, reports, clock() - began)

    def receive(
        self,
        queue: Queue,
        places: Sequence[str],
        *,
        progress: Callable[[Progress], None],
        leave_out: Sequence[str] = (),
        since: datetime | None = None,
        most: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> Received:
        """Store what is new of the objects that a queue tells of and that lie in `places`, as `ingest` would,
        without listing anything; of `most` messages (None: `sqs.MOST_MESSAGES`) or a few more.

        A message leaves the queue once all that it tells of is stored, or told of as left out. One that is
        none of S3's is left to the queue's own redrive policy. Raises as `ingest`, and as `Queue`.
        """
        from bot.archive.news import News, ingested, note
        from bot.archive.sources import find_told, is_within
        from bot.archive.sqs import MOST_MESSAGES, Held, sort

        began, most = clock(), MOST_MESSAGES if most is None else most
        with self._at_work(now()) as (ledger, spool):
            held = Held(queue, clock)
            held.gather(most)
            news, days = News(ledger), Days.of(self._from(since, now()), None)
            post = sort(held.messages, lambda each: is_within(each, places, days))
            found = find_told(post.objects, places, leave_out=leave_out, days=days, is_new=news.has)

            def tell(so_far: Progress) -> None:
                held.renew()
                progress(so_far)

            work = self._work(ledger, spool, found, tell, lambda: clock() - began, now)
            with plain_errors(self.folder):
                reports = note(ledger, found, work, news.before)
                oldest = min((each.sent for each in held.messages if each.sent), default=now())
                names = [each.name for each in post.objects]
                age = max(0.0, now() - oldest)
                queue_state.read(ledger.db, queue.url, names, age=age, told=bool(post.settled), now=now())
                self._keep_to(ledger, now())
            queue.delete(post.settled)
            self._measure(ledger)
        return Received(
            ingested(work, found, news, reports, clock() - began),
            messages=post.kinds,
            strange=tuple(post.strange),
            is_empty=len(held.messages) < most,
        )

    def queue(self, url: str, now: Callable[[], float] = time.time) -> QueueState | None:
        """How far the queue at `url` was read; None where it never was. Cheap."""
        with plain_errors(self.folder, "read"):
            return ledgers.queue(self.folder, url, now())

    @contextmanager
    def _at_work(self, now: float) -> Iterator[tuple[Ledger, Path]]:
        """The ledger and a folder for spools, for nobody else meanwhile."""
        with plain_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with (
            _alone(self.folder),
            closing(_open_ledger(self.folder, now)) as ledger,
            _spool_folder(self.folder) as spool,
        ):
            yield ledger, spool

    def _work(
        self,
        ledger: Ledger,
        spool: Path,
        found: Found,
        progress: Callable[[Progress], None],
        seconds: Callable[[], float],
        now: Callable[[], float],
    ) -> Ingest:
        """Store what was found; `seconds` are those so far."""
        from bot.archive.ingest import Ingest, Progress

        new = found.sources

        def tell(files: int, events: int) -> None:
            progress(Progress(min(files, len(new)), len(new), events, seconds()))

        work = Ingest(self.folder, ledger, spool, tell, now, self._limits)
        if new:
            work.run(new)
        return work

    def compact(
        self, *, heed: Callable[[], None] = lambda: None, now: Callable[[], float] = time.time
    ) -> Compacted:
        """Make few files of the many of each day that is over: an hour into the next day in UTC. `heed` is
        called before each merge; what it raises ends the compaction, and what was merged stays. Then what is
        missing beside the files is made."""
        from bot.archive.compaction import Compacted, compact, extract

        if not (self.folder / LEDGER).exists():
            return Compacted()
        today = datetime.fromtimestamp(now() - DELIVERY_SECONDS, UTC).date().isoformat()
        with self._at_work(now()) as (ledger, spool), plain_errors(self.folder):
            self._keep_to(ledger, now())
            done = compact(self.folder, ledger, spool, limits=self._limits, now=now, today=today, heed=heed)
            extract(self.folder, ledger, spool, heed)
            self._measure(ledger)
            return done

    def _from(self, since: datetime | None, now: float) -> datetime | None:
        """The first moment that is wanted and kept."""
        if self._keep is None:
            return since
        kept = _midnight(now) - self._keep
        return max(since, kept) if since else kept

    def _keep_to(self, ledger: Ledger, now: float) -> None:
        ledger.keep(None if self._keep is None else (_midnight(now) - self._keep).date(), now)

    def _measure(self, ledger: Ledger) -> None:
        """Write down the extent. Of a damaged file whoever asks it tells."""
        ends = _ends(self._files())
        if not ends or ledgers.extent(self.folder, ends):
            return
        with suppress(EngineError), plain_errors(self.folder, "read"):
            if extent := relations.extent(self.folder, ends):
                ledger.measure(ends, extent)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a handful of a queue's messages: the ingest of what they told of; the messages by kind,
    as `bot.archive.sqs.MESSAGE_KINDS` has them; why some were left in the queue; whether it has no more."""

    ingested: Ingested
    messages: Mapping[str, int]
    strange: tuple[str, ...]
    is_empty: bool


def _named(places: Sequence[str]) -> list[str]:
    """The places, as the names of their sources begin."""
    from bot.archive.news import named

    return named(places)


def _midnight(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _day(name: str) -> str:
    """The day of one of the archive's files, an ISO date."""
    return name.removeprefix("day=").partition("/")[0]


def _ends(files: Sequence[str]) -> list[str]:
    """Those of the first and the last day."""
    days = {_day(name) for name in files}
    return [name for name in files if _day(name) in {min(days), max(days)}]


def holds_an_event(source: Source) -> bool:
    """Whether a file is a log, by its content; its first event is enough."""
    from bot.archive.content import BLOCK_BYTES, NoLog, texts
    from bot.archive.records import Tally, Unusable, rows, scan, split

    try:
        for text in texts(source.read(BLOCK_BYTES)):
            if any(True for _ in rows(split(text) if isinstance(text, bytes) else scan(text), Tally())):
                return True
    except (NoLog, Unusable):
        return False
    return False


# --- the archive's own files


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with plain_errors(folder):
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
    with plain_errors(folder):
        ledger = Ledger(folder)
        ledger.tidy(now)
        for spool in folder.glob(f"{SPOOL}*"):
            shutil.rmtree(spool)
    return ledger


@contextmanager
def _spool_folder(folder: Path) -> Iterator[Path]:
    with plain_errors(folder):
        spool = Path(tempfile.mkdtemp(prefix=SPOOL, dir=folder))
    try:
        yield spool
    finally:
        shutil.rmtree(spool, ignore_errors=True)  # what stays, the next ingest removes
