"""The database of runs and digests: SQLite or PostgreSQL, with a schema that keeps itself up to date.

Every use is one short transaction. Where the database cannot be reached or written, Unavailable says so.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import sqlalchemy as sa

from bot.errors import StoreDown, UserError
from bot.secrets import Secrets, of_url
from bot.store import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

PATIENCE_SECONDS: Final = 1.0
"""A command must be answered within Slack's three seconds, so nobody waits longer for a connection, or in
SQLite for others who write."""

OPENING_SECONDS: Final = 30.0
"""How long one that comes up waits for others that set up the same SQLite file: no command waits for that."""

WAL_AGAIN_SECONDS: Final = 0.01
"""How soon a new SQLite file that others are setting up is tried again."""

POSTGRES_CONNECT_SECONDS: Final = 2
"""libpq takes no less (its docs, connect_timeout)."""

STATEMENT_SECONDS: Final = 10
"""No statement of ours takes a second; PostgreSQL ends one that takes ten."""

HUNG_SECONDS: Final = STATEMENT_SECONDS + 2
"""A server that has not ended a statement by then hangs, or something between does; the line is cut."""

LOOK_SECONDS: Final = 0.5
"""How often one looks for that."""

CONNECTIONS: Final = 20
"""PostgreSQL allows a hundred as it comes: room for several replicas."""

DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
"""The databases there may be, as SQLAlchemy names them."""

MIGRATION_LOCK: Final = 0x715_A0D17
"""PostgreSQL's advisory lock under which one replica migrates and the others wait; any number of our own."""

AWAY: Final = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,  # this server may only be read, as while another takes over (PostgreSQL's 25006)
    sa.exc.TimeoutError,
)
"""What says that the database cannot be used now."""


class Database:
    """Connections to one database, and its schema at the newest version. Safe from any thread."""

    def __init__(self, url: str, *, hung_seconds: float = HUNG_SECONDS) -> None:
        """UserError for what is no URL of SQLite or PostgreSQL; BotError where a newer version of the bot has
        been at the database; Unavailable. A PostgreSQL that says nothing for `hung_seconds` is given up."""
        parsed = _parsed(url)
        shown = parsed.set(drivername=parsed.get_backend_name()).render_as_string(hide_password=True)
        self.label = Secrets(of_url(url)).hide(shown)
        """Its URL as a person may see it."""
        self.is_postgres = parsed.get_backend_name() == "postgresql"
        self._writing = threading.Lock()
        self._watchdog: _Watchdog | None = None
        if self.is_postgres:
            self._engine = sa.create_engine(
                parsed,
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_timeout=PATIENCE_SECONDS,
                pool_pre_ping=True,
                connect_args={
                    "connect_timeout": POSTGRES_CONNECT_SECONDS,
                    # a peer that vanished is noticed by the kernel, not after minutes
                    "tcp_user_timeout": STATEMENT_SECONDS * 1000,
                    # whoever is paused or cut off in the middle of a transaction must not hold up others
                    "options": f"-c statement_timeout={STATEMENT_SECONDS}s"
                    f" -c idle_in_transaction_session_timeout={STATEMENT_SECONDS}s",
                },
            )
            self._watchdog = _Watchdog(self._engine, hung_seconds)
        else:
            self._engine = sa.create_engine(
                parsed, pool_size=CONNECTIONS, max_overflow=0, pool_timeout=PATIENCE_SECONDS
            )
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
        try:
            with self.write(OPENING_SECONDS) as connection:
                self.lock(connection, MIGRATION_LOCK)
                migrations.migrate(connection)
        except StoreDown as error:
            self.close()
            raise StoreDown(
                error.message,
                "Check that it is up and may be written: TLS_AUDIT_DATABASE_URL, TLS_AUDIT_DATA.",
                detail=error.detail,
            ) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connections back."""
        if self._watchdog is not None:
            self._watchdog.stop()
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to look with."""
        with _plain_errors(), self._watched(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, patience: float = PATIENCE_SECONDS) -> Iterator[sa.Connection]:
        """A transaction: all of it or nothing. In SQLite, nobody else writes meanwhile; who does already is
        waited for, for `patience` seconds."""
        with _plain_errors(), self._turn(), self._watched(), self._engine.begin() as connection:
            if not self.is_postgres:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
                try:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                finally:  # whoever has this connection next is a command, perhaps
                    connection.exec_driver_sql(f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000:.0f}")
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer after the other: SQLite lets them race, and some lose until their patience ends."""
        if self.is_postgres:
            yield
        elif self._writing.acquire(timeout=PATIENCE_SECONDS):
            try:
                yield
            finally:
                self._writing.release()
        else:
            raise sa.exc.TimeoutError("others have been writing for long")

    def _watched(self) -> AbstractContextManager[None]:
        return nullcontext() if self._watchdog is None else self._watchdog.use()

    def lock(self, connection: sa.Connection, number: int) -> None:
        """Hold off whoever wants the same lock until the transaction ends. SQLite has one writer anyway."""
        if self.is_postgres:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


class _Watchdog:
    """Cuts the connections to a PostgreSQL that hangs: libpq would wait for its answer for ever, and the
    server's own limits are of no use when it is the server, or something between, that hangs."""

    def __init__(self, engine: sa.Engine, hung_seconds: float) -> None:
        self._hung_seconds = hung_seconds
        self._uses: dict[object, float] = {}
        """What is going on, and since when."""
        self._connections: WeakSet[Any] = WeakSet()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        sa.event.listen(engine, "connect", self._connected)
        threading.Thread(target=self._watch, name="database watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()

    @contextmanager
    def use(self) -> Iterator[None]:
        """A use of the database, which ends with an error of the driver's when it hangs."""
        use = object()
        with self._lock:
            self._uses[use] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._uses.pop(use, None)

    def _connected(self, connection: Any, _: object) -> None:
        with self._lock:
            self._connections.add(connection)

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            before = time.monotonic() - self._hung_seconds
            with self._lock:
                hung = [use for use, began in self._uses.items() if began < before]
                for use in hung:
                    del self._uses[use]
                open_ = [each for each in self._connections if hung and not each.closed]
            for connection in open_:
                # which of them hangs is not known: it may be one that is only tried before it is used
                with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)


def _parsed(url: str) -> sa.URL:
    """UserErrors leave out the URL: it may hold a password."""
    try:
        parsed = sa.make_url(url)
        parsed = parsed.set(drivername=DRIVERS[parsed.get_backend_name()])
        parsed.get_dialect().import_dbapi()
    except ImportError as error:
        raise UserError("PostgreSQL needs one more package.", "Run pip install '.[postgres]'.") from error
    except (sa.exc.ArgumentError, ValueError, KeyError) as error:
        raise UserError(
            "TLS_AUDIT_DATABASE_URL is no database I know.",
            "Write sqlite:///path or postgresql://user:password@host/name.",
        ) from error
    return parsed


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except AWAY as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise StoreDown(
            "The bot's database cannot be used.",
            "Nothing was taken on. Ask again in a minute; if that does not help, tell whoever runs the bot.",
            detail=said[0] if said else type(error).__name__,
        ) from error


def _set_up_sqlite(connection: Any, _: object) -> None:
    # transactions begin where `write` says so, and as writing ones: one that turns from reading to
    # writing can fail at once
    connection.isolation_level = None
    # one writer, many readers, and nobody fails because another is writing
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000:.0f}")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _use_wal(connection: sqlite3.Connection) -> None:
    # of several that come to a new file at once, all but one fail at this, however patient they are
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(WAL_AGAIN_SECONDS)
        else:
            return
