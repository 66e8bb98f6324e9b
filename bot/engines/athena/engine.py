"""AWS Athena: the same questions, asked of tables over a trail's files."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, model_validator

from bot.engines import Check, Engine, Statement, cells
from bot.engines.athena import answer, client, tables
from bot.engines.athena.client import Athena as Calls
from bot.engines.athena.query import Query
from bot.engines.athena.tables import SETTING
from bot.environment import Section
from bot.errors import Cancelled, EngineBusy, EngineError, LeaseLost, UserError
from bot.table import Table as Answer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from sqlglot import exp

    from bot.engines import Offer, Progress
    from bot.engines.athena.tables import Metadata, Table
    from bot.table import Column

log = logging.getLogger(__name__)

DOLLARS_PER_GB: Final = 0.005
"""What AWS asks for each gigabyte that a query reads (aws.amazon.com/athena/pricing; it may differ by Region,
hence the setting)."""

QUERIES_AT_ONCE: Final = 200
"""The most DML queries that AWS runs for an account and Region (Athena service quotas; in some only 20)."""

FRESH: Final = timedelta(minutes=10)
"""How long what was read of a table is taken for what it is."""

_CHANGED: Final = frozenset({"COLUMN_NOT_FOUND", "TABLE_NOT_FOUND", "cannot be resolved", "TYPE_MISMATCH"})
"""Words of failures that say that the table is not what it was."""


class AthenaSettings(Section):
    """Which tables there are, where queries run, and what that costs."""

    athena_table: str = Field(
        default="", description="Athena: `database.table`, or several as `prod=db.table,dev=db.table`."
    )
    athena_workgroup: str = Field(
        default="primary",
        pattern=r"^[a-zA-Z0-9._-]{1,128}$",
        examples=["primary"],
        description="The workgroup in which Athena's queries run.",
    )
    athena_output: str = Field(
        default="",
        pattern=r"^(s3://[a-z0-9][.a-z0-9-]{1,61}[a-z0-9](/.*)?)?$",
        examples=["s3://bucket/prefix"],
        description="Where Athena writes answers, `s3://bucket/prefix`; unset: the workgroup's own place.",
    )
    athena_role: str = Field(
        default="",
        pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+)?$",
        examples=["arn:aws:iam::111122223333:role/NAME"],
        description="The role to take on for Athena, by its ARN.",
    )
    athena_concurrency: int = Field(
        default=8,
        ge=1,
        le=QUERIES_AT_ONCE,
        description="How many Athena queries may run at once.",
    )
    athena_price: float = Field(
        default=DOLLARS_PER_GB, ge=0, description="Dollars for each gigabyte that Athena reads."
    )

    @model_validator(mode="after")
    def _name_tables(self) -> Self:
        try:
            _ = self.tables
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def tables(self) -> dict[str, Table]:
        """The tables by alias, the first of them the default."""
        return tables.read(self.athena_table, self.athena_role)


class Athena(Engine):
    """Engine over `known` tables, the first of which is the default.

    What is read of a table, `refresh` reads; until then AWS's published columns are assumed.
    """

    name = "athena"
    Settings = AthenaSettings

    def __init__(
        self,
        known: Mapping[str, Table],
        aws: Calls,
        *,
        workgroup: str = "primary",
        output: str = "",
        concurrency: int = QUERIES_AT_ONCE,
        price: float = DOLLARS_PER_GB,
    ) -> None:
        self.stores = tuple(known)
        self.is_set_up = bool(known)
        self.concurrency = concurrency
        self.price = price
        self._known = known
        self._aws = aws
        self._workgroup = workgroup
        self._output = output
        self._lock = threading.Lock()
        self._metadata: dict[str, Metadata] = {}

    @classmethod
    def make(cls, settings: AthenaSettings, offer: Offer) -> Athena:
        return cls(
            settings.tables,
            Calls(sleep=offer.pause),
            workgroup=settings.athena_workgroup,
            output=settings.athena_output,
            concurrency=settings.athena_concurrency,
            price=settings.athena_price,
        )

    def checks(self, *, is_default: bool) -> Iterator[Check]:
        """Whether the workgroup runs queries, has a place for answers, and each table has what is asked."""
        from bot.engines.athena import admin

        if is_default and not self._known:
            yield Check(
                f"{SETTING} is not set", False, "`tls-audit athena table s3://…` makes a table to name there."
            )
        if self._known:
            yield from admin.checks(self._aws, self._known, self._workgroup, self._output)

    def policy(self) -> Mapping[str, Any]:
        from bot.engines.athena import admin

        return admin.policy(self._known, self._workgroup, self._output)

    def refresh(self) -> None:
        """As `Engine.refresh`, where what is known is older than `FRESH`.

        A table that cannot be looked at is no reason not to ask the others: it raises where none can be.
        """
        now = self._aws.clock()
        failures = []
        for table in self._known.values():
            held = self._metadata.get(table.alias)
            if held is not None and held.read is not None and now - held.read <= FRESH:
                continue
            try:
                read = self.look(table)
            except EngineError as error:
                failures.append((table, error))
                continue
            with self._lock:
                self._metadata[table.alias] = read
        # what is raised is told by whoever asked, once
        is_raised = bool(failures) and len(failures) == len(self._known)
        for table, failure in failures[1:] if is_raised else failures:
            log.warning("the table %s cannot be looked at: %s", table, failure.in_full)
        if is_raised:
            raise failures[0][1]

    def look(self, table: Table) -> Metadata:
        """What AWS tells of a table now. EngineError."""
        told = self._aws.read(
            table,
            "GetTableMetadata",
            CatalogName=table.catalog,
            DatabaseName=table.database,
            TableName=table.name,
            WorkGroup=self._workgroup,
        )
        return tables.of_aws(told["TableMetadata"], self._aws.clock().astimezone(UTC))

    # --- the statement

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        from bot.engines.athena import ddl
        from bot.engines.athena.translate import reads_whole, translate

        table = self._table(select.args["from_"].this.name)
        metadata = self._metadata.get(table.alias, ddl.ASSUMED_TABLE)
        sql = translate(select, table, metadata)
        caution = f"{table} has no partitions by day, so this reads all of it" if reads_whole(sql) else ""
        return Statement(sql, tuple(columns), table.alias, caution)

    def _table(self, alias: str) -> Table:
        from bot.question.select import STORE

        if not self._known:
            raise UserError("No table of Athena's is configured.", f"Set {SETTING} to `database.table`.")
        if alias in {STORE, ""}:
            return next(iter(self._known.values()))
        if alias not in self._known:
            raise UserError(f"No store `{alias}`.", f"Stores: {', '.join(self._known)}.")
        return self._known[alias]

    # --- the run

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Answer:
        """As `Engine.run`.

        A query that was started is waited for, however AWS is; it is asked anew only where AWS has nothing
        of it any more. So EngineBusy means that none is known to run.
        """
        query = Query(self._aws, self._table(statement.store), progress)
        try:
            if resume is None or not query.recover(resume):
                self._start(query, statement, token)
            described = query.wait()
            return self._read(query, statement, described)
        except LeaseLost:
            raise  # the replica that has the run now waits for this very query
        except Cancelled:
            query.cancel()
            raise

    def _start(self, query: Query, statement: Statement, token: str) -> None:
        try:
            query.start(statement.sql, token, workgroup=self._workgroup, output=self._output)
        except EngineBusy:
            query.progress(None, "waiting for Athena", 0)
            raise

    def _read(self, query: Query, statement: Statement, described: Mapping[str, Any]) -> Answer:
        """The answer of a query that has ended; `described` is what GetQueryExecution says of it."""
        status = described["Status"]
        words = str(status.get("StateChangeReason") or status.get("AthenaError", {}).get("ErrorMessage", ""))
        if status["State"] == "SUCCEEDED":
            return self._finished(query, statement, described)
        if any(mark in words for mark in _CHANGED):
            with self._lock:
                self._metadata.pop(statement.store, None)
        if status["State"] == "CANCELLED" and "limit" not in words.lower():
            raise EngineError("Someone cancelled this query at AWS.", "Rerun asks anew.")
        raise client.failure(words)

    def _finished(self, query: Query, statement: Statement, described: Mapping[str, Any]) -> Answer:
        notes = []
        told = described.get("Statistics", {}).get("ResultReuseInformation", {})
        if told.get("ReusedPreviousResult"):
            notes.append("Athena had answered this within five minutes, and read nothing anew.")
        uri = described.get("ResultConfiguration", {}).get("OutputLocation", "")
        if uri:
            s3 = self._aws.client(self._table(statement.store), "s3")
            try:
                table = _table_of(query, statement, answer.rows(s3, uri))
            except answer.Unreadable as error:
                log.warning("query %s: %s %s", query.ref, error.in_full, error.hint)
                notes.append(f"{error.message} {error.hint}".strip() + " The answer came by pages instead.")
                table = _table_of(query, statement, query.pages())
        else:
            table = _table_of(query, statement, query.pages())
        table.notes = tuple(notes)
        return table


def _table_of(query: Query, statement: Statement, rows: Generator[list[list[str | None]]]) -> Answer:
    with closing(rows):
        (header,) = next(rows, [[]])
        read = cells.of_csv([name or "" for name in header], statement.columns, tells_null=True)
        batches = query.with_progress(read(batch) for batch in rows)
        return Answer(statement.columns, batches, scanned=query.scanned)
