"""The logs, followed: what is new is read into the archive again and again, while the bot is at work.

Where no queue tells what is new, the places are listed: the newest days first and then further and further
back, then the last days every NEW_LOGS_SECONDS, and once a day all again. Where one does, buckets are listed
at the start and once a day only, the last days of them, which finds what the queue never told; at first all
those days that were never looked at; and the last day while the queue cannot be read. A listing that failed
does not wait for the next day.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from bot.errors import BotError, Cancelled, EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from bot.archive.archive import Archive
    from bot.archive.ingest import Ingested
    from bot.archive.sqs import Queue

log = logging.getLogger(__name__)

NEW_LOGS_SECONDS: Final = 300.0
"""How often new log files are looked for: CloudTrail delivers about every five minutes (user guide)."""

READ_BACK: Final = (timedelta(days=1), timedelta(days=8), timedelta(days=32))
"""How far back is looked at first, so that the usual windows can be asked while the rest is being read."""

MISSED: Final = timedelta(days=8)
"""How far back is listed for what a queue did not tell. SQS itself keeps a message for four days, or as many
as its queue says, fourteen at most."""

DAY_SECONDS: Final = 86_400.0
NAMED_IN_LOG: Final = 3
"""How many files or messages a line of the log names."""


@dataclass(frozen=True, slots=True)
class Logs:
    """Where log files are and which of them are wanted: patterns of what is not, and the first day."""

    places: Sequence[str]
    leave_out: Sequence[str] = ()
    since: date | None = None

    @property
    def first(self) -> datetime | None:
        """The first moment that is wanted; None: all."""
        return datetime.combine(self.since, datetime.min.time(), UTC) if self.since else None

    @property
    def local(self) -> Sequence[str]:
        """The places of which no queue tells."""
        return [place for place in self.places if not place.startswith("s3://")]


class Follower:
    """Follows logs into an archive. `wait` waits for some seconds and tells whether to stop; `stops` tells it
    between two files. `count` is told the messages of a queue, by kind. `now` is in seconds since 1970."""

    def __init__(
        self,
        archive: Archive,
        logs: Logs,
        queue: Queue | None = None,
        *,
        stops: Callable[[], bool],
        wait: Callable[[float], bool],
        now: Callable[[], float],
        count: Callable[[str, int], None] = lambda _kind, _number: None,
    ) -> None:
        self._archive = archive
        self._logs = logs
        self._queue = queue
        self._stops = stops
        self._wait = wait
        self._now = now
        self._count = count
        self._said: set[str] = set()
        self._is_listed = False
        """Whether the last look went well: a listing that failed is due again."""

    def run(self) -> None:
        """Follow until stopped. What fails is logged, and tried again when it is due."""
        for look, seconds in self._looks():
            self._is_listed = False
            try:
                look()
                self._is_listed = True
                if seconds:
                    self._archive.compact(heed=self._heed, now=self._now)
            except Cancelled:
                return
            except BotError as error:
                log.error("the logs could not be read: %s %s", error.in_full, error.hint)  # noqa: TRY400 - it says what to do
            except Exception:
                # the edge of a thread: boto3 trips over an answer that is none of AWS's
                log.exception("the logs could not be read, in a way nobody foresaw")
            if self._wait(seconds):
                return

    def _heed(self, _: object = None) -> None:
        if self._stops():
            raise Cancelled("The bot is stopping.")

    def _looks(self) -> Iterator[tuple[Callable[[], None], float]]:
        """What to look at, and how long to wait then."""
        while True:
            if self._queue is None:
                yield from ((self._listing(back), 0.0) for back in READ_BACK)
                yield self._listing(None), NEW_LOGS_SECONDS
                usual = self._listing(READ_BACK[0])
            else:
                usual = partial(self._receive, self._queue)
                yield usual, 0.0
                if self._is_all_looked_at():
                    yield self._listing(MISSED), NEW_LOGS_SECONDS
                else:
                    yield from ((self._listing(back), 0.0) for back in READ_BACK)
                    yield self._listing(None), NEW_LOGS_SECONDS
            again = self._now() + (DAY_SECONDS if self._is_listed else 0.0)
            yield usual, NEW_LOGS_SECONDS
            while self._now() < again:
                yield usual, NEW_LOGS_SECONDS

    def _is_all_looked_at(self) -> bool:
        """Whether there was a look at every day of the places, at whatever time."""
        try:
            return (
                self._archive.has_events()
                and not self._archive.sources(self._logs.first, None, self._logs.places).unlooked
            )
        except BotError:
            return False

    def _listing(self, back: timedelta | None) -> Callable[[], None]:
        return partial(self._list, self._logs.places, back)

    def _list(self, places: Sequence[str], back: timedelta | None) -> None:
        """List places as far back as `back`, or all the way, and read what is new."""
        first = self._logs.first
        since = datetime.fromtimestamp(self._now(), UTC) - back if back else first
        if since and first:
            since = max(since, first)
        done = self._archive.ingest(
            places,
            progress=self._heed,
            leave_out=self._logs.leave_out,
            since=since,
            queue=self._queue.url if self._queue else "",
            now=self._now,
        )
        _tell(done)

    def _receive(self, queue: Queue) -> None:
        """Read what the queue tells of, until it is empty; and list the places of which it does not tell, or
        all where it cannot be read."""
        places = self._logs.local
        try:
            while not self._take(queue):
                self._heed()
        except (EngineError, UserError) as error:
            log.error(  # noqa: TRY400 - as above
                "what the queue tells could not be read, so the last day is listed: %s %s",
                error.in_full,
                error.hint,
            )
            places = self._logs.places
        if places:
            self._list(places, READ_BACK[0])
        self._tell_untold(queue)

    def _take(self, queue: Queue) -> bool:
        """Read a handful of messages and what they tell of; whether the queue has no more."""
        got = self._archive.receive(
            queue,
            self._logs.places,
            progress=self._heed,
            leave_out=self._logs.leave_out,
            since=self._logs.first,
            now=self._now,
        )
        for kind, number in got.messages.items():
            self._count(kind, number)
        self._tell_strange(got.strange)
        _tell(got.ingested)
        return got.is_empty

    def _tell_strange(self, strange: Sequence[str]) -> None:
        """Say once which messages are none of S3's: they come again and again."""
        new = [each for each in strange if each not in self._said]
        if new:
            log.warning("left in the queue, since it is no notification of S3's: %s", _some(new))
            self._said.update(new)

    def _tell_untold(self, queue: Queue) -> None:
        """Say once which files a listing found of which the queue never told."""
        state = self._archive.queue(queue.url, self._now)
        new = [name for name in state.untold if name not in self._said] if state else []
        if new:
            log.warning(
                "%s files were found by listing, and the queue %s never told of them: %s",
                len(new),
                queue.name,
                _some(new),
            )
            self._said.update(new)


def _tell(done: Ingested) -> None:
    if done.files or done.bad:
        log.info("read %s files, %s events, %s bad", done.files, done.events, len(done.bad))
    for bad in done.bad:  # once: what is known to be bad is only counted from here on
        log.warning("not read: %s: %s", bad.path, bad.why)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_IN_LOG} more" if len(names) > NAMED_IN_LOG else ""
    return ", ".join(names[:NAMED_IN_LOG]) + more
