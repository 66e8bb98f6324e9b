"""One query at Athena, from its start to its end. Its `ref` is AWS's id of it.

Athena starts nothing twice for the same ClientRequestToken, which is made of the run's token: whoever takes
a run over without its ref simply starts it again, and gets the query that runs already.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final

from bot.engines.aws import LOST, Refused
from bot.engines.patience import Patience
from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from bot.engines import Progress
    from bot.engines.athena.client import Athena
    from bot.engines.athena.tables import Table
    from bot.table import Row

log = logging.getLogger(__name__)

PAGE_ROWS: Final = 1_000
"""The most rows a page (API reference, GetQueryResults)."""

REUSED_MINUTES: Final = 5
"""How old an earlier answer to the same text may be: CloudTrail delivers about every five minutes (user
guide), so that it hides no more than waiting for files does."""

STARTS: Final = 3
"""How often a start is made whose answer is lost; the token makes them one."""

_STATES: Final = {"QUEUED": "queued", "RUNNING": "running"}
"""Athena's states in which a query has not ended, in words."""


class Query(Patience):
    """A statement over one table, and what Athena made of it."""

    def __init__(self, aws: Athena, table: Table, progress: Progress) -> None:
        super().__init__(aws, progress)
        self._table = table

    def start(self, sql: str, token: str, *, workgroup: str, output: str) -> None:
        """StartQueryExecution, once for a token. `progress` hears the query's id right after it."""
        # where another replica took the run over, this raises LeaseLost before anything is paid for
        self.progress(None, "starting", 0)
        given: dict[str, Any] = {
            "QueryString": sql,
            "ClientRequestToken": hashlib.sha256(token.encode()).hexdigest(),
            "QueryExecutionContext": {"Catalog": self._table.catalog, "Database": self._table.database},
            "WorkGroup": workgroup,
            "ResultReuseConfiguration": {
                "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": REUSED_MINUTES}
            },
        }
        if output:
            given["ResultConfiguration"] = {"OutputLocation": output}
        for attempt in range(STARTS):
            try:
                self.ref = self._aws.call(self._table, "StartQueryExecution", **given)["QueryExecutionId"]
                break
            except Refused as error:
                if error.code != LOST or attempt == STARTS - 1:
                    raise
                log.info("started again with the same token: %s", error.in_full)
                self.pause(1.0, "starting")
        self.progress(self.ref, "queued", 0)

    def recover(self, resume: str) -> bool:
        """Whether Athena still has the query of an earlier attempt: it keeps them for 45 days."""
        self.ref = resume
        try:
            self._look()
        except Refused as error:
            if error.code != "InvalidRequestException":
                raise
            log.info("asked anew: %s", error.in_full)
            self.ref = ""
        return bool(self.ref)

    def cancel(self) -> None:
        """StopQueryExecution, where there is something to stop. What was read is paid for."""
        if not self.ref:
            return
        try:
            self._aws.call(self._table, "StopQueryExecution", QueryExecutionId=self.ref)
        except EngineError as error:
            # it may have ended meanwhile, and ends by itself at the workgroup's time limit
            log.info("query %s was not stopped: %s", self.ref, error.in_full)

    def wait(self) -> dict[str, Any]:
        """GetQueryExecution until the query has ended: its last answer."""
        began = self._aws.monotonic()
        while True:
            described = self._look()
            self.scanned = int(described.get("Statistics", {}).get("DataScannedInBytes", self.scanned))
            status = described["Status"]["State"]
            state = _STATES.get(status, "reading the answer")
            self.progress(self.ref, state, self.scanned)
            if status not in _STATES:
                return described
            self.until_next_look(began, state)

    def _look(self) -> dict[str, Any]:
        found: dict[str, Any] = self._read("GetQueryExecution")["QueryExecution"]
        return found

    def _read(self, operation: str, **given: Any) -> dict[str, Any]:
        return self.ask(lambda: self._aws.call(self._table, operation, QueryExecutionId=self.ref, **given))

    def pages(self) -> Generator[list[list[str | None]]]:
        """The answer by pages: first the header alone."""
        more: dict[str, str] = {}
        is_first = True
        while True:
            page = self._read("GetQueryResults", MaxResults=PAGE_ROWS, **more)
            rows = [
                [each.get("VarCharValue") for each in row.get("Data", [])]
                for row in page.get("ResultSet", {}).get("Rows", [])
            ]
            if is_first:
                yield rows[:1]
                rows, is_first = rows[1:], False
            yield rows
            if not page.get("NextToken"):
                return
            self.progress(self.ref, "reading the answer", self.scanned)
            more = {"NextToken": page["NextToken"]}

    def with_progress(self, batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """`batches`, telling the progress before each."""
        for batch in batches:
            self.progress(self.ref, "reading the answer", self.scanned)
            yield batch
