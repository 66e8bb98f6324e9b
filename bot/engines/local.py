"""The embedded engine: DuckDB over the archive's Parquet. The default; no AWS account needed.

Read-only by construction: it runs only SELECTs that `statement.build` made, in a DuckDB that may open
nothing but the archive and a folder for spilling, and whose settings are locked.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from bot.errors import EngineError, UserError
from bot.events import COLUMNS, MAP
from bot.statement import Statement
from bot.table import Row, Table
from bot.views import infer_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    import duckdb

    from bot.archive import Archive
    from bot.engines import Progress
    from bot.views import Column

BATCH_ROWS: Final = 2_048
"""DuckDB's own vector size: what one step of a query yields."""

POLL_SECONDS: Final = 0.25
"""How often a running query tells its progress, and so how soon it can be stopped."""


class Local:
    """Engine over one archive. `memory` is in DuckDB's words ("2GB"), `seconds` the most a query may take."""

    name = "local"

    def __init__(
        self,
        archive: Archive,
        *,
        memory: str,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._archive = archive
        self._memory = memory
        self._seconds = seconds
        self._monotonic = monotonic

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        tree = select.copy()
        tree.set("from_", exp.From(this=exp.to_table("events")))
        _narrow_days(tree)
        _to_duckdb(tree)
        return Statement(tree.sql("duckdb", pretty=True), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """As `Engine.run`. An embedded query leaves nothing behind, so it is always asked anew."""
        del token, resume
        with (
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
            return self._result(answer)

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

    def _result(self, answer: Future[Table]) -> Table:
        import duckdb

        try:
            return answer.result()
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
    result = connection.execute(statement.sql)
    return Table(statement.columns, _batches(result, statement.columns))


def _batches(result: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> Iterator[list[Row]]:
    times = [position for position, column in enumerate(columns) if column.type == "TIME"]
    while batch := result.fetchmany(BATCH_ROWS):
        yield [_in_utc(row, times) for row in batch] if times else batch


def _in_utc(row: Row, times: Sequence[int]) -> Row:
    cells = list(row)
    for position in times:
        cell = cells[position]
        if isinstance(cell, datetime):
            cells[position] = cell.replace(tzinfo=UTC)
    return tuple(cells)


# --- from Lake's Trino to DuckDB: sqlglot maps the names; here is what differs in meaning

_MAPS: Final = frozenset(name.lower() for name, type_ in COLUMNS.items() if type_ == MAP)
_NOT_KEPT: Final = frozenset({"eventjson", "eventjsonchecksum"})


def _narrow_days(tree: exp.Select) -> None:
    """Say the window in `day` too, the archive's folders, so that no other folder is opened."""
    for node in list(tree.args["where"].this.flatten()):
        if isinstance(node, (exp.GTE, exp.LT)) and node.left.name.lower() == "eventtime":
            day = exp.cast(exp.Literal.string(node.right.name[:10]), "DATE")
            kind = exp.GTE if isinstance(node, exp.GTE) else exp.LTE
            tree.where(kind(this=exp.column("day"), expression=day), copy=False)


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
            "JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.…') works; the rest has columns of its own.",
        )
    if isinstance(node, exp.JSONExtractScalar):
        return _json_scalar(node)
    if isinstance(node, exp.Bracket) and node.this.name.lower() in _MAPS:
        # text as it is, anything deeper as JSON text; NULL where there is no such key, or no object
        key = node.expressions[0].name.replace("~", "~0").replace("/", "~1")
        return _try(exp.func("JSON_EXTRACT_STRING", node.this.copy(), exp.Literal.string(f"/{key}")))
    if isinstance(node, exp.RegexpExtract):
        # Trino answers NULL where nothing matches, DuckDB an empty text
        found = exp.RegexpLike(this=node.this.copy(), expression=node.expression.copy())
        return exp.Case().when(found, node.copy())
    if isinstance(node, exp.DateDiff):
        # Trino counts the whole units that passed, DuckDB's DATE_DIFF the boundaries between
        unit = exp.Literal.string(node.args["unit"].name)
        return exp.func("DATESUB", unit, node.expression.copy(), node.this.copy())
    return None


def _json_scalar(node: exp.JSONExtractScalar) -> exp.Expr:
    if detail := _tls_detail(node):
        return exp.column(detail, table="tlsDetails")
    # Trino answers NULL for text that is no JSON, and for an object or an array
    path = exp.Literal.string(node.expression.sql("duckdb").strip("'"))
    kind = exp.func("JSON_TYPE", node.this.copy(), path)
    scalar = exp.func("JSON_EXTRACT_STRING", node.this.copy(), path.copy())
    return _try(exp.Case().when(kind.isin("OBJECT", "ARRAY").not_(), scalar))


def _tls_detail(node: exp.JSONExtractScalar) -> str:
    """The key for `$.tlsDetails.key` of `eventJson`, which the archive keeps as a column; else nothing."""
    path = [part.name for part in node.expression.find_all(exp.JSONPathKey)]
    if node.this.name.lower() == "eventjson" and len(path) == 2 and path[0] == "tlsDetails":
        return str(path[1])
    return ""


def _try(expression: exp.Expr) -> exp.Expr:
    return exp.func("TRY", expression)
