"""One query at AWS, from its start to its last page.

Its `ref` is AWS's id of it. Before a query is started, its ref says since when it may have been
(`asked 2026-11-23T08:14:30Z`): whoever takes over looks for it by its mark before starting another.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.engines.aws import Refused
from bot.engines.cloudwatch.logs import UNKNOWN
from bot.engines.patience import Patience
from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.engines import Progress
    from bot.engines.cloudwatch.groups import Groups
    from bot.engines.cloudwatch.logs import Logs
    from bot.engines.cloudwatch.statement import Layout

log = logging.getLogger(__name__)

ROWS: Final = 100_000
"""The most rows that a query gives, by pages (API reference, StartQuery, `limit`)."""

PAGE_ROWS: Final = 10_000
"""The most rows of a page (API reference, GetQueryResults)."""

LISTED: Final = 1_000
"""The most queries of a page (API reference, DescribeQueries)."""

SLACK: Final = timedelta(days=1)
"""How much wider the query's own window is at both ends. It is of `@timestamp`, which may be when an event
was delivered, and not when it was; the bounds on eventTime are in the text."""

SKEW: Final = timedelta(minutes=1)
"""How far AWS's clock may be from ours."""

ASKED: Final = "asked "
"""What a ref begins with that says since when the query may have been started; AWS's ids never do."""

_STATES: Final = {"Scheduled": "queued", "Running": "running"}
"""AWS's states in which a query has not ended, in words."""


class Query(Patience):
    """A question at some log groups, and what AWS made of it."""

    def __init__(
        self, logs: Logs, groups: Groups, sql: str, layout: Layout, mark: str, progress: Progress
    ) -> None:
        super().__init__(logs, progress)
        self._groups = groups
        self._sql = sql
        self._layout = layout
        self._mark = mark

    def start(self, asked: str) -> None:
        """StartQuery, once. `progress` hears `asked` before the call, and the query's id right after it."""
        self._aws.wait_turn(self._groups, "StartQuery")
        # From here on the query may have been started, even if this process ends. And where another replica
        # took the run over during the wait, this raises LeaseLost before anything is paid for.
        self.progress(asked, "starting", 0)
        groups = self._groups
        where = {} if groups.data_source else {"logGroupIdentifiers": list(groups.identifiers)}
        started = self._aws.call_now(
            groups,
            "StartQuery",
            queryLanguage="CWLI",
            queryString=f"{self._sql}\n{self._mark}",
            startTime=int((self._layout.start - SLACK).timestamp()),
            endTime=int((self._layout.end + SLACK).timestamp()),
            limit=ROWS,
            **where,
        )
        self.ref = started["queryId"]
        self.progress(self.ref, "queued", 0)

    def recover(self, resume: str) -> bool:
        """Find what an earlier attempt left, by its ref or by when it was asked; False where AWS has none."""
        if resume.startswith(ASKED):
            return self.search(since=resume.removeprefix(ASKED))
        self.ref = resume
        try:
            self._look()
        except Refused as error:
            if error.code != UNKNOWN:
                raise
            log.info("asked anew: %s", error.in_full)
            self.ref = ""
        return bool(self.ref)

    def search(self, *, since: str) -> bool:
        """Find the query that ends with the mark among those started `since` then."""
        earliest = (datetime.fromisoformat(since) - SKEW).timestamp() * 1000
        more: dict[str, str] = {}
        while True:
            listed = self._aws.read(
                self._groups, "DescribeQueries", queryLanguage="CWLI", maxResults=LISTED, **more
            )
            for each in listed.get("queries", []):
                # the mark counts at the very end only: before, it may be a value that someone typed
                is_ours = str(each.get("queryString", "")).endswith(f"\n{self._mark}")
                if is_ours and each.get("createTime", earliest) >= earliest:
                    self.ref = each["queryId"]
                    self.progress(self.ref, "queued", 0)
                    return True
            if not listed.get("nextToken"):
                return False
            more = {"nextToken": listed["nextToken"]}

    def cancel(self) -> None:
        """StopQuery, where there is something to stop. What was scanned is paid for."""
        if not self.ref:
            return
        try:
            self._aws.call(self._groups, "StopQuery", queryId=self.ref)
        except EngineError as error:
            # it may have ended meanwhile, and ends by itself within an hour
            log.info("query %s was not stopped: %s", self.ref, error.in_full)

    def wait(self) -> str:
        """Look until the query has ended: AWS's word for how."""
        began = self._aws.monotonic()
        while True:
            status = str(self._look()["status"])
            state = _STATES.get(status, "reading the answer")
            self.progress(self.ref, state, self.scanned)
            if status not in _STATES:
                return status
            self.until_next_look(began, state)

    def rows(self) -> Iterator[Mapping[str, str]]:
        """All rows, page by page, each as texts by their names there."""
        more: dict[str, str] = {}
        while True:
            page = self._read(maxItems=PAGE_ROWS, **more)
            for row in page.get("results", []):
                yield {cell["field"]: cell["value"] for cell in row if cell.get("value") is not None}
            if not page.get("nextToken"):
                return
            self.progress(self.ref, "reading the answer", self.scanned)
            more = {"nextToken": page["nextToken"]}

    def _look(self) -> dict[str, Any]:
        """What AWS tells of the query, with as little of its answer as it can."""
        looked = self._read(maxItems=1)
        self.scanned = int(looked.get("statistics", {}).get("bytesScanned", self.scanned))
        return looked

    def _read(self, **given: Any) -> dict[str, Any]:
        return self.ask(lambda: self._aws.call(self._groups, "GetQueryResults", queryId=self.ref, **given))
