"""The embedded engine: DuckDB over the archive's Parquet. The default; no AWS account needed.

Read-only by construction: it runs a single SELECT, in a DuckDB that may open nothing but the archive
and a folder for spilling, and whose settings are locked.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from threading import Semaphore
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from bot.engines import Statement
from bot.errors import EngineError, UserError
from bot.event_schema import COLUMNS, KEY_EXCHANGE_PATH, MAP
from bot.question.select import STORE, narrow
from bot.question.views import find_type, infer_type
from bot.table import Cell, Row, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    import duckdb

    from bot.archive.archive import Archive
    from bot.engines import Progress
    from bot.table import Column

BATCH_ROWS: Final = 2_048
"""DuckDB's own vector size: what one step of a query yields."""

POLL_SECONDS: Final = 0.25
"""How often a query tells its progress, running or waiting, and so how soon it can be stopped."""


class Local:
    """Engine over one archive: `at_once` queries run, the others wait for their turn.

    `memory`, in DuckDB's words ("2GB"), and `seconds` are the most that a query may take.
    """

    name = "local"
    metered = False

    def __init__(
        self,
        archive: Archive,
        *,
        memory: str,
        seconds: float,
        at_once: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._archive = archive
        self._memory = memory
        self._seconds = seconds
        self._places = Semaphore(at_once)
        self._monotonic = monotonic

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        tree = select.copy()
        if (store := tree.args["from_"].this.name) != STORE:
            raise UserError(f"The embedded engine has no store `{store}`.", "Add `engine=lake`.")
        tree.set("from_", exp.From(this=exp.to_table("events")))
        _narrow_days(tree)
        _to_duckdb(tree)
        return Statement(tree.sql("duckdb", pretty=True), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """As `Engine.run`. An embedded query leaves nothing behind, so it is always asked anew."""
        del token, resume
        with (
            self._place(progress),
            self._plain_errors(),
            tempfile.TemporaryDirectory(prefix="tls-audit-") as spill,
            closing(self._connect(spill)) as connection,
            ThreadPoolExecutor(1) as pool,
        ):
            answer = pool.submit(_fetch, connection, statement)
            try:
                self._watch(answer, progress)
            except BaseException:
                # an interrupt sent before the query has begun is lost: repeat it until it is heard
                while wait([answer], timeout=0.01).not_done:
                    connection.interrupt()
                if answer.exception() is None:
                    answer.result().close()
                raise
            return answer.result()

    @contextmanager
    def _place(self, progress: Progress) -> Iterator[None]:
        """A place among the queries that run. Runs that are posting ask again, and no claim counts those."""
        while not self._places.acquire(timeout=POLL_SECONDS):
            progress(None, "waiting for its turn", 0)
        try:
            yield
        finally:
            self._places.release()

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
            raise EngineError(f"The embedded engine failed: {str(error).splitlines()[0]}") from error
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
        connection.execute("SET lock_configuration = true")
        return connection


def _fetch(connection: duckdb.DuckDBPyConnection, statement: Statement) -> Table:
    import duckdb

    parsed = connection.extract_statements(statement.sql)
    # inside the archive, COPY and ATTACH could write
    if [each.type for each in parsed] != [duckdb.StatementType.SELECT]:
        raise EngineError("The embedded engine runs a single SELECT and nothing else.")
    result = connection.execute(parsed[0])
    return Table(statement.columns, _batches(result, statement.columns))


def _batches(result: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> Iterator[list[Row]]:
    odd = [position for position, column in enumerate(columns) if column.type in {"TIME", "NUMBER"}]
    while batch := result.fetchmany(BATCH_ROWS):
        yield [_with_cells(row, odd) for row in batch] if odd else batch


def _with_cells(row: Sequence[Cell | Decimal], odd: Sequence[int]) -> Row:
    """The row with its `odd` places as a Table has them: times in UTC, shares as float."""
    cells: list[Any] = list(row)
    for position in odd:
        cell = cells[position]
        if isinstance(cell, datetime):
            cells[position] = cell.replace(tzinfo=UTC)
        elif isinstance(cell, (int, Decimal)):
            cells[position] = float(cell)
    return tuple(cells)


# --- from Lake's Trino to DuckDB: sqlglot maps the names; here is what differs in meaning

_NOT_KEPT: Final = frozenset({"eventjson", "eventjsonchecksum"})
_TLS_DETAILS: Final = frozenset({*COLUMNS["tlsDetails"], KEY_EXCHANGE_PATH.rpartition(".")[2]})


def _narrow_days(tree: exp.Select) -> None:
    """Say the window in `day` too, the archive's folders, so that no other folder is opened."""
    days = []
    for node in tree.args["where"].this.flatten():
        if not isinstance(node, (exp.GTE, exp.LT)) or not isinstance(node.right, exp.Literal):
            continue
        if node.left.name.lower() == "eventtime":
            date, _, clock = node.right.name.partition(" ")
            upto = exp.LT if clock == "00:00:00" else exp.LTE
            kind = exp.GTE if isinstance(node, exp.GTE) else upto
            days.append(kind(this=exp.column("day"), expression=exp.cast(exp.Literal.string(date), "DATE")))
    narrow(tree, *days)


def _to_duckdb(tree: exp.Select) -> None:
    # Lake names a nested column by its last part, so that ORDER BY may say that
    for projection in list(tree.expressions):
        if isinstance(projection, exp.Column) and projection.table:
            projection.replace(exp.alias_(projection.copy(), projection.name))
    # Trino divides integers as integers
    whole = [node for node in tree.find_all(exp.Div) if infer_type(node) == "INTEGER"]
    for division in whole:
        division.replace(exp.IntDiv(this=division.left, expression=division.right))
    # from the leaves up, so that what is replaced holds what was replaced within it
    for node in reversed(list(tree.walk())):
        replacement = _in_duckdb(node)
        if replacement is not None:
            node.replace(replacement)


def _in_duckdb(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.Column) and node.name.lower() in _NOT_KEPT:
        if isinstance(node.parent, exp.JSONExtractScalar) and _tls_detail(node.parent):
            return None
        raise UserError(
            "The embedded engine keeps no eventJson as a whole.",
            "JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange') works, as do the other TLS details; "
            "the rest has columns of its own.",
        )
    if isinstance(node, exp.JSONExtractScalar):
        return _json_scalar(node)
    if isinstance(node, exp.Bracket) and _is_map(node.this):
        return _in_map(node)
    if isinstance(node, exp.RegexpExtract):
        # Trino answers NULL where nothing matches, DuckDB an empty text
        found = exp.RegexpLike(this=node.this.copy(), expression=node.expression.copy())
        return exp.Case().when(found, node.copy())
    if isinstance(node, exp.DateDiff):
        # Trino counts the whole units that passed, DuckDB's DATE_DIFF the boundaries between
        unit = exp.Literal.string(node.args["unit"].name)
        return exp.func("DATESUB", unit, node.expression.copy(), node.this.copy())
    return None


def _is_map(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and find_type([part.name for part in node.parts]) == MAP


def _in_map(node: exp.Bracket) -> exp.Expr:
    """Text as it is, anything deeper as JSON text; NULL where there is no such key, or no object."""
    (key,) = node.expressions
    if not isinstance(key, exp.Literal):
        raise UserError(f"The embedded engine looks up one fixed key of {node.this.sql()}.", "Name the key.")
    pointer = key.name.replace("~", "~0").replace("/", "~1")
    return _try(exp.func("JSON_EXTRACT_STRING", node.this.copy(), exp.Literal.string(f"/{pointer}")))


def _json_scalar(node: exp.JSONExtractScalar) -> exp.Expr:
    if detail := _tls_detail(node):
        return exp.column(detail, table="tlsDetails")
    # Trino answers NULL for text that is no JSON, and for an object or an array
    path = exp.Literal.string(node.expression.sql("duckdb").strip("'"))
    kind = _try(exp.func("JSON_TYPE", node.this.copy(), path))
    scalar = exp.func("JSON_EXTRACT_STRING", node.this.copy(), path.copy())
    return exp.Case().when(kind.isin("OBJECT", "ARRAY").not_(), scalar)  # TRY(CASE …) would not catch


def _tls_detail(node: exp.JSONExtractScalar) -> str:
    """The key for `$.tlsDetails.key` of `eventJson`, which the archive keeps as a column; else nothing."""
    path = [part.name for part in node.expression.find_all(exp.JSONPathKey)]
    kept = len(path) == 2 and path[0] == "tlsDetails" and path[1] in _TLS_DETAILS
    return str(path[1]) if kept and node.this.name.lower() == "eventjson" else ""


def _try(expression: exp.Expr) -> exp.Expr:
    return exp.func("TRY", expression)
