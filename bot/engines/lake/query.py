"""One query at AWS, from its start to its last page.

Its `ref` is AWS's id of it. Before a query is started, its ref says since when it may have been
(`asked 2026-11-23T08:14:30Z`): whoever takes over looks for it by its token before starting another.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.engines import cells
from bot.engines.aws import Refused
from bot.engines.lake.cloudtrail import UNKNOWN_QUERY
from bot.engines.patience import Patience
from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.engines import Progress, Statement
    from bot.engines.lake.cloudtrail import CloudTrail
    from bot.engines.lake.stores import Store
    from bot.table import Row

log = logging.getLogger(__name__)

PAGE_ROWS: Final = 1_000
"""The most rows a page (API reference, GetQueryResults)."""

SKEW: Final = timedelta(minutes=1)
"""How far AWS's clock may be from ours."""

ASKED: Final = "asked "
"""What a ref begins with that says since when the query may have been started; AWS's ids never do."""

_STATES: Final = {"QUEUED": "queued", "RUNNING": "running"}
"""AWS's states in which a query has not ended, in words."""


class Query(Patience):
    """A statement at one store, and what AWS made of it. `progress` hears of every step."""

    def __init__(self, aws: CloudTrail, store: Store, statement: Statement, progress: Progress) -> None:
        super().__init__(aws, progress)
        self.store = store
        self.columns = statement.columns
        self.notes: list[str] = []
        self._sql = statement.sql
        self._owner = {"EventDataStoreOwnerAccountId": store.owner} if store.owner else {}

    def start(self, mark: str, asked: str, deliver_to: str) -> None:
        """StartQuery, once. `progress` hears `asked` before the call, and the query's id right after it."""
        self._aws.wait_turn(self.store, "StartQuery")
        # From here on the query may have been started, even if this process ends. And where another replica
        # took the run over during the wait, this raises LeaseLost before anything is paid for.
        self.progress(asked, "starting", 0)
        delivered = {"DeliveryS3Uri": deliver_to} if deliver_to else {}
        text = f"{mark}\n{self._sql}"
        given = {"QueryStatement": text, **delivered, **self._owner}
        started = self._aws.call_now(self.store, "StartQuery", **given)
        self.ref = started["QueryId"]
        self.progress(self.ref, "queued", 0)

    def recover(self, mark: str, resume: str) -> bool:
        """Find what an earlier attempt left, by its ref or by when it was asked; False where AWS has none."""
        if resume.startswith(ASKED):
            return self.search(mark, since=resume.removeprefix(ASKED))
        self.ref = resume
        try:
            self._read("DescribeQuery")
        except Refused as error:
            if error.code != UNKNOWN_QUERY:
                raise
            log.info("asked anew: %s", error.in_full)
            self.ref = ""
        return bool(self.ref)

    def search(self, mark: str, *, since: str) -> bool:
        """Find the query that opens with `mark` among those started `since` then."""
        wanted = {"EventDataStore": self.store.name, "StartTime": datetime.fromisoformat(since) - SKEW}
        more: dict[str, str] = {}
        while True:
            listed = self._aws.read(self.store, "ListQueries", **wanted, MaxResults=PAGE_ROWS, **more)
            for each in listed.get("Queries", []):
                described = self._aws.read(
                    self.store, "DescribeQuery", QueryId=each["QueryId"], **self._owner
                )
                # the mark counts at the very start only: further on, it may be a value that someone typed
                if str(described.get("QueryString", "")).startswith(mark):
                    self.ref = each["QueryId"]
                    self.progress(self.ref, "queued", 0)
                    return True
            if not listed.get("NextToken"):
                return False
            more = {"NextToken": listed["NextToken"]}

    def cancel(self) -> None:
        """CancelQuery, where there is something to cancel. What was scanned is paid for."""
        if not self.ref:
            return
        try:
            self._aws.call(self.store, "CancelQuery", QueryId=self.ref, **self._owner)
        except EngineError as error:
            # it may have ended meanwhile, and ends by itself within an hour
            log.info("query %s was not cancelled: %s", self.ref, error.in_full)

    def wait(self, *, delivered: bool = False) -> dict[str, Any]:
        """DescribeQuery until the query has ended, or its files are there: its last answer."""
        began = self._aws.monotonic()
        while True:
            described = self._read("DescribeQuery")
            self.scanned = int(described.get("QueryStatistics", {}).get("BytesScanned", self.scanned))
            status = described["QueryStatus"]
            state = "waiting for the files" if delivered else _STATES.get(status, "reading the answer")
            self.progress(self.ref, state, self.scanned)
            pending = described.get("DeliveryStatus") == "PENDING" if delivered else status in _STATES
            if not pending:
                return described
            self.until_next_look(began, state)

    def _read(self, operation: str, **given: Any) -> dict[str, Any]:
        """What AWS tells of this query."""
        return self.ask(
            lambda: self._aws.call(self.store, operation, QueryId=self.ref, **given, **self._owner)
        )

    def page(self, **token: str) -> dict[str, Any]:
        """One page of the answer."""
        return self._read("GetQueryResults", MaxQueryResults=PAGE_ROWS, **token)

    def rows(self, first: dict[str, Any]) -> Iterator[list[Row]]:
        """All rows, page by page. An empty page is not the last; one without a token is."""
        page, read = first, cells.of_maps(self.columns)
        while True:
            yield read(page.get("QueryResultRows", []))
            token = page.get("NextToken")
            if not token:
                return
            self.progress(self.ref, "reading the answer", self.scanned)
            page = self.page(NextToken=token)

    def with_progress(self, batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """`batches`, telling the progress before each."""
        for batch in batches:
            self.progress(self.ref, "reading the answer", self.scanned)
            yield batch
