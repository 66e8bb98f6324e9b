"""The database of runs and digests: SQLite or PostgreSQL, with a schema that keeps itself up to date.

Every use is one short transaction. Where the database cannot be reached or written, Unavailable says so.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from bot import schema
from bot.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS: Final = 1.0
"""A command must be answered within Slack's three seconds, so nobody waits longer for the database."""

WAL_AGAIN_SECONDS: Final = 0.01
"""How soon a new SQLite file that others are setting up is tried again."""

CONNECT_SECONDS: Final = 2
"""libpq takes no less (its docs, connect_timeout)."""

STATEMENT_SECONDS: Final = 10
"""No statement of ours takes a second; one that takes ten is cut off from a database that hangs."""

CONNECTIONS: Final = 20
"""PostgreSQL allows a hundred as it comes: room for several replicas."""

MIGRATION_LOCK: Final = 0x715_A0D17
"""PostgreSQL's advisory lock under which one replica migrates and the others wait; any number of our own."""


class Database:
    """Connections to one database, and its schema at the newest version. Safe from any thread."""

    def __init__(self, url: str) -> None:
        """BotError where a newer version of the bot has been at the database; Unavailable."""
        parsed = sa.make_url(url)
        self.is_postgres = parsed.get_backend_name() == "postgresql"
        self._writing = threading.Lock()
        if self.is_postgres:
            self._engine = sa.create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_timeout=PATIENCE_SECONDS,
                pool_pre_ping=True,
                connect_args={
                    "connect_timeout": CONNECT_SECONDS,
                    # a peer that vanished is noticed by the kernel, not after minutes
                    "tcp_user_timeout": STATEMENT_SECONDS * 1000,
                    # whoever is paused or cut off in the middle of a transaction must not hold up others
                    "options": f"-c statement_timeout={STATEMENT_SECONDS}s"
                    f" -c idle_in_transaction_session_timeout={STATEMENT_SECONDS}s",
                },
            )
        else:
            self._engine = sa.create_engine(
                parsed, pool_size=CONNECTIONS, max_overflow=0, pool_timeout=PATIENCE_SECONDS
            )
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
        try:
            with self.write() as connection:
                self.lock(connection, MIGRATION_LOCK)
                schema.migrate(connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to look with."""
        with _plain_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: all of it or nothing. In SQLite, nobody else writes meanwhile."""
        with _plain_errors(), self._turn(), self._engine.begin() as connection:
            if not self.is_postgres:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
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

    def lock(self, connection: sa.Connection, number: int) -> None:
        """Hold off whoever wants the same lock until the transaction ends. SQLite has one writer anyway."""
        if self.is_postgres:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise Unavailable(
            f"The bot's database cannot be used: {said[0] if said else type(error).__name__}.",
            "Nothing was taken on. Ask again in a minute.",
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
