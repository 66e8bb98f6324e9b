"""The embedded engine: DuckDB over the archive's Parquet. The default; no AWS account needed.

Read-only by construction: it runs a single SELECT, in a DuckDB that may open nothing but the archive
and a folder for spilling, and whose settings are locked.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Semaphore
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from bot.engines import ENGINES, Check, Engine, Sources, Statement
from bot.environment import Section
from bot.errors import EngineError, UserError
from bot.table import Cell, Row, Table
from bot.text import literal
from bot.wording import counted, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from datetime import date

    import duckdb
    from sqlglot import exp

    from bot.archive.archive import Archive
    from bot.archive.ingest import Ingested
    from bot.archive.ingest import Progress as IngestProgress
    from bot.engines import Offer, Progress
    from bot.table import Column

BATCH_ROWS: Final = 2_048
"""DuckDB's own vector size: what one step of a query yields."""

DAY: Final = timedelta(days=1)
ANEW: Final = "`tls-audit ingest PATH` with another TLS_AUDIT_ARCHIVE"

NAMED: Final = 10
"""Files that `doctor` names; of more it says how many. `ingest --verbose` names all."""

RECENT: Final = timedelta(days=2)
"""How old the days are that `doctor` looks for log files in first: a trail delivers every hour."""

_LEAVE_OUT: Final = "Mend or restore what you need, leave out the rest: TLS_AUDIT_LOGS_EXCEPT."
TRIED: Final = 10
"""Files that `doctor` opens to find a log: a README or two beside the logs are no reason for doubt."""

POLL_SECONDS: Final = 0.25
"""How often a query tells its progress, running or waiting, and so how soon it can be stopped."""


class LocalSettings(Section):
    """What an embedded query may take."""

    local_memory: str = Field(
        default="2GB",
        pattern=r"^[1-9]\d* ?[KMGT]i?B$",
        examples=["2GB"],
        description="The memory an embedded query may use.",
    )
    local_seconds: float = Field(default=600, gt=0, description="The seconds an embedded query may take.")
    local_concurrency: int = Field(default=2, ge=1, description="How many embedded queries may run at once.")


class Local(Engine):
    """Engine over one archive: `at_once` queries run, the others wait for their turn.

    `memory`, in DuckDB's words ("2GB"), and `seconds` are the most that a query may take. `logs` is where
    the log files are that the archive is filled from, if the settings say so, and `logs_queue` the URL of
    the queue that tells of new ones.
    """

    name = "local"
    Settings = LocalSettings

    def __init__(
        self,
        archive: Archive,
        *,
        memory: str,
        seconds: float,
        at_once: int,
        logs: Sequence[str] = (),
        logs_except: Sequence[str] = (),
        logs_queue: str = "",
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.concurrency = at_once
        self._archive = archive
        self._memory = memory
        self._seconds = seconds
        self._logs = logs
        self._logs_except = logs_except
        self._logs_queue = logs_queue
        self._slots = Semaphore(at_once)
        self._monotonic = monotonic
        self._now = now

    @classmethod
    def make(cls, settings: LocalSettings, offer: Offer) -> Local:
        return cls(
            offer.archive,
            memory=settings.local_memory,
            seconds=settings.local_seconds,
            at_once=settings.local_concurrency,
            logs=offer.logs,
            logs_except=offer.logs_except,
            logs_queue=offer.logs_queue,
        )

    def prepare(
        self,
        progress: Callable[[], AbstractContextManager[Callable[[IngestProgress], None]]],
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Ingested | None:
        """Read what is new in the log files, for a window. UserError where there are neither those nor any
        events."""
        if self._logs:
            with progress() as tell:
                return self._archive.ingest(
                    self._logs, progress=tell, leave_out=self._logs_except, since=since, until=until
                )
        if not self._archive.has_events():
            raise UserError(
                "There are no events to ask yet.",
                "Set TLS_AUDIT_LOGS to a folder of CloudTrail log files or to s3://bucket/prefix, read some "
                "with `tls-audit ingest PATH`, or try `tls-audit ask --sample`.",
            )
        return None

    def sources(self, start: datetime | None = None, end: datetime | None = None) -> Sources:
        known = self._archive.sources(start, end, self._logs or None)
        oldest, newest = self._archive.extent() or (None, None)
        return Sources(
            left_out={str(outcome): count for outcome, count in known.outcomes.items()},
            records=known.records,
            lost=len(known.missing) + len(known.strays),
            is_reading=known.is_reading,
            oldest=oldest,
            newest=newest,
            unlooked=known.unlooked,
            kept_since=known.kept_since,
            empty_days=self._empty_days(start, end),
        )

    def _empty_days(self, start: datetime | None, end: datetime | None) -> tuple[date, ...]:
        """Whole days of a window, between the first and the last that have events, that have none."""
        if start is None or end is None or not (days := self._archive.days()):
            return ()
        held = set(days)
        first = max(days[0], (start + DAY - timedelta.resolution).date())
        last = min(days[-1], end.date())
        between = (first + n * DAY for n in range((last - first).days))
        return tuple(day for day in between if day not in held)

    def checks(self, *, is_default: bool) -> Iterator[Check]:
        if not is_default:
            return
        if self._logs:
            yield self._check_logs()
        if self._logs_queue:
            yield from self._check_queue()
        has_events = self._archive.has_events()
        if has_events or not self._logs:
            yield from self._check_sources()
            yield Check(
                f"the embedded engine has {'' if has_events else 'no '}events in {self._archive.folder}",
                has_events,
                "Read some log files: `tls-audit ingest PATH`, or set TLS_AUDIT_LOGS.",
            )

    def _check_sources(self) -> Iterator[Check]:
        """What the archive does not have, with its names and reasons."""
        known = self._archive.sources()
        named = [f"{literal(each.name)}: {literal(each.words)}" for each in known.left_out]
        if named:
            what = f"{counted(len(named), 'file')} could not be read, or not all of it"
            mend = f"{_LEAVE_OUT} `ingest --verbose` names all."
            yield Check(_with_names(what, named), True, mend, warns=True)
        if known.missing:
            what = f"{counted(len(known.missing), 'file')} of the archive {_are(known.missing)} gone"
            mend = f"Bring them back, or read the logs anew into an empty folder: {ANEW}."
            yield Check(_with_names(what, known.missing), False, mend)
        if known.strays:
            strays = counted(len(known.strays), "file")
            what = f"{strays} {_are(known.strays)} not in the archive's ledger: kept, not read"
            mend = (
                f"Bring back the ledger that knows them; or move them away, and read the logs anew: {ANEW}."
            )
            yield Check(_with_names(what, known.strays), True, mend, warns=True)

    def _check_queue(self) -> Iterator[Check]:
        """What keeps the queue from being asked is said here: the archive is looked at nonetheless."""
        from bot.engines.local import arrivals

        try:
            yield from arrivals.checks(self._archive, self._logs_queue, self._now())
        except (EngineError, UserError) as error:
            yield Check(error.in_full, False, error.hint)

    def _check_logs(self) -> Check:
        """Whether the newest files hold events and can be read. There may be millions: those of the last days
        are listed first, and of any only the newest opened. One that cannot be read fails nothing where
        another can; of what was taken in already, `_check_sources` names it."""
        from bot.archive.archive import holds_an_event
        from bot.archive.content import BLOCK_BYTES
        from bot.archive.days import EVER, Days
        from bot.archive.events import Unusable
        from bot.archive.sources import find

        places, more = ", ".join(self._logs), ""
        mend = "Check the path, and who may read it: TLS_AUDIT_LOGS."
        for days in (Days.of(datetime.fromtimestamp(self._now(), UTC) - RECENT, None), EVER):
            found = find(self._logs, but=self._archive.folder, leave_out=self._logs_except, days=days)
            failed = [": ".join(each) for each in found.unreadable]
            for source in reversed(found.sources[-TRIED:]):
                try:
                    next(source.read(BLOCK_BYTES), b"")
                except Unusable as error:
                    failed.append(f"{source.name}: {error}")
                    continue
                if not holds_an_event(source):
                    continue
                what = f"the logs in {places} can be read"
                if self._archive.has_events():
                    return Check(what, passed=True)
                if failed:
                    return Check(_with_names(f"{what}, but not all", failed), True, _LEAVE_OUT, warns=True)
                return Check(f"{what}; `serve` and `ask` read them in", passed=True)
            if failed:
                return Check(failed[0], False, mend)
            more = f": none of the newest {TRIED} files is one" if len(found.sources) > TRIED else ""
        return Check(f"there are no log files in {places}{more}", False, mend)

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        from bot.engines.local import dialect

        others = " or ".join(f"`engine={name}`" for name in ENGINES if name != self.name)
        return Statement(dialect.translate(select, f"Add {others}."), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """As `Engine.run`. An embedded query leaves nothing behind, so it is always asked anew."""
        del token, resume
        with (
            self._slot(progress),
            self._plain_errors(),
            tempfile.TemporaryDirectory(prefix="tls-audit-") as spill,
            closing(self._connect(spill)) as connection,
            ThreadPoolExecutor(1) as pool,
        ):
            answer = pool.submit(_fetch, connection, statement)
            try:
                self._watch(answer, progress)
            except BaseException:
                # an interrupt sent before the query has begun has no effect: repeat it until the query ends
                while wait([answer], timeout=0.01).not_done:
                    connection.interrupt()
                if answer.exception() is None:
                    answer.result().close()
                raise
            return answer.result()

    @contextmanager
    def _slot(self, progress: Progress) -> Iterator[None]:
        """A slot among the queries that run at once. The queue's limit counts running runs; one that goes on
        posting after a restart asks again, beside those: so it waits for a slot here."""
        while not self._slots.acquire(timeout=POLL_SECONDS):
            progress(None, "waiting for its turn", 0)
        try:
            yield
        finally:
            self._slots.release()

    def _watch(self, answer: Future[Table], progress: Progress) -> None:
        deadline = self._monotonic() + self._seconds
        progress(None, "running", 0)
        while wait([answer], timeout=POLL_SECONDS).not_done:
            progress(None, "running", 0)
            if self._monotonic() > deadline:
                raise EngineError(
                    f"The question took longer than {self._seconds:g} seconds and was stopped.",
                    "Ask for a shorter window or name a service; TLS_AUDIT_LOCAL_SECONDS sets the limit.",
                )

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise EngineError(
                f"The question needs more than the {self._memory} of memory it may use.",
                "Ask for a shorter window or name a service; TLS_AUDIT_LOCAL_MEMORY sets the limit.",
            ) from error
        except duckdb.Error as error:
            raise EngineError("The embedded engine failed.", detail=str(error).splitlines()[0]) from error
        except OSError as error:
            raise EngineError(f"No room for the answer: {error.strerror}.", "Free some disk.") from error

    def _connect(self, spill: str) -> duckdb.DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect()
        folders = [str(self._archive.folder), spill]
        # the order matters: paths first, then no other path, then no other setting
        for setting, value in (
            ("TimeZone", "UTC"),
            ("enable_progress_bar", False),
            ("memory_limit", self._memory),
            ("allowed_directories", folders),
            ("temp_directory", spill),
            ("enable_external_access", False),
        ):
            connection.execute(f"SET {setting} = $1", [value])
        connection.execute(self._archive.events_sql())
        connection.execute(self._archive.hours_sql())
        connection.execute("SET lock_configuration = true")
        return connection


def _with_names(what: str, names: Sequence[str]) -> str:
    more = [f"and {number(len(names) - NAMED)} more"] if len(names) > NAMED else []
    return "\n    ".join([f"{what}:", *names[:NAMED], *more])


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _fetch(connection: duckdb.DuckDBPyConnection, statement: Statement) -> Table:
    import duckdb

    parsed = connection.extract_statements(statement.sql)
    # inside the archive, COPY and ATTACH could write
    if [each.type for each in parsed] != [duckdb.StatementType.SELECT]:
        raise EngineError("The embedded engine runs a single SELECT and nothing else.")
    result = connection.execute(parsed[0])
    return Table(statement.columns, read(result, statement.columns))


def read(result: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> Iterator[list[Row]]:
    """What DuckDB answers, as a Table has it, in handfuls."""
    converted = [position for position, column in enumerate(columns) if column.type in {"TIME", "NUMBER"}]
    while batch := result.fetchmany(BATCH_ROWS):
        yield [_with_cells(row, converted) for row in batch] if converted else batch


def _with_cells(row: Sequence[Cell | Decimal], converted: Sequence[int]) -> Row:
    """The row with the cells at `converted` as a Table has them: times in UTC, shares as float."""
    cells: list[Any] = list(row)
    for position in converted:
        cell = cells[position]
        if isinstance(cell, datetime):
            cells[position] = cell.replace(tzinfo=UTC)
        elif isinstance(cell, (int, Decimal)):
            cells[position] = float(cell)
    return tuple(cells)
