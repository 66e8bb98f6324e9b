"""AWS CloudWatch Logs Insights: the same questions, asked of a trail's log groups through boto3."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, model_validator

from bot import engines
from bot.engines import Check, Engine, Fold
from bot.engines.aws import LOST, Refused
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.groups import SETTING, Groups, name_of
from bot.engines.cloudwatch.logs import Logs
from bot.engines.cloudwatch.query import ASKED, Query
from bot.engines.cloudwatch.statement import NARROWER, TOKEN_CHARS, Layout
from bot.environment import Section
from bot.errors import Cancelled, EngineBusy, EngineError, LeaseLost, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlglot import exp

    from bot.engines import Offer, Progress, Statement
    from bot.table import Column, Table

DOLLARS_PER_GB: Final = 0.005
"""What AWS asks for each gigabyte that a query scans (aws.amazon.com/cloudwatch/pricing; it may differ by
Region, hence the setting)."""

QUERIES_AT_ONCE: Final = 30
"""The most queries that every account may run in a Region, dashboards' and scheduled ones among them (API
reference, StartQuery; its newest text says 100)."""


STARTS: Final = 3
"""How often a start is made whose answer is lost, and of which AWS has no query."""

log = logging.getLogger(__name__)


class CloudWatchSettings(Section):
    """Which log groups there are, who may ask them, and what that costs."""

    cloudwatch_log_groups: str = Field(
        default="",
        description="CloudWatch: the trail's log groups, names or ARNs with commas between, or "
        "`@aws_cloudtrail` for the unified data store.",
    )
    cloudwatch_role: str = Field(
        default="",
        pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+)?$",
        examples=["arn:aws:iam::111122223333:role/NAME"],
        description="The role to take on for the log groups, by its ARN.",
    )
    cloudwatch_concurrency: int = Field(
        default=8,
        ge=1,
        le=QUERIES_AT_ONCE,
        description="How many CloudWatch queries may run at once; AWS allows thirty, dashboards' among them.",
    )
    cloudwatch_price: float = Field(
        default=DOLLARS_PER_GB, ge=0, description="Dollars for each gigabyte that CloudWatch scans."
    )

    @model_validator(mode="after")
    def _name_groups(self) -> Self:
        try:
            _ = self.groups
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def groups(self) -> Groups:
        """The log groups that are asked."""
        return groups.read(self.cloudwatch_log_groups, self.cloudwatch_role)


class CloudWatch(Engine):
    """Engine over the log groups of `here`; `fold` makes a view's answer from the finer one."""

    name = "cloudwatch"
    Settings = CloudWatchSettings

    def __init__(
        self,
        here: Groups,
        aws: Logs,
        *,
        fold: Fold = engines.fold,
        concurrency: int = QUERIES_AT_ONCE,
        price: float = DOLLARS_PER_GB,
    ) -> None:
        self.is_set_up = bool(here)
        self.concurrency = concurrency
        self.price = price
        self._groups = here
        self._aws = aws
        self._fold = fold

    @classmethod
    def make(cls, settings: CloudWatchSettings, offer: Offer) -> CloudWatch:
        return cls(
            settings.groups,
            Logs(sleep=offer.pause),
            fold=offer.fold,
            concurrency=settings.cloudwatch_concurrency,
            price=settings.cloudwatch_price,
        )

    # --- the statement

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        from bot.question.select import STORE

        if not self._groups:
            raise UserError("No log group is configured.", f"Set {SETTING} to the trail's log groups.")
        if (store := select.args["from_"].this.name) not in {STORE, ""}:
            raise UserError(f"CloudWatch has no store `{store}`.", "It asks all of its log groups at once.")
        from bot.engines.cloudwatch import insights

        return insights.translate(select, columns, self._groups.source)

    # --- the run

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """As `Engine.run`. What a timeout left is refused: a part of what is folded would be a wrong answer.

        A query that was started is waited for, however AWS is; it is asked anew only where AWS has nothing
        of it any more. So EngineBusy means that none is known to run.
        """
        layout = Layout.read(statement.layout)
        mark = f"# run:{_harmless(token)}"
        query = Query(self._aws, self._groups, statement.sql, layout, mark, progress)
        try:
            if resume is None or not query.recover(resume):
                self._start(query)
            status = query.wait()
            if status != "Complete":
                raise _ended(status)
            from bot.engines.cloudwatch.answer import finer

            rows = finer(layout, query.rows())
        except LeaseLost:
            raise  # the replica that has the run now waits for this very query
        except Cancelled:
            query.cancel()
            raise
        table = self._fold(statement.fold, statement.columns, [column for _, column in layout.finer], rows)
        table.scanned = query.scanned
        return table

    def _start(self, query: Query) -> None:
        since = f"{self._aws.clock():%Y-%m-%dT%H:%M:%SZ}"
        for attempt in range(STARTS):
            try:
                query.start(ASKED + since)
            except EngineBusy:
                query.progress(None, "waiting for CloudWatch", 0)
                raise
            except Refused as error:
                if error.code != LOST:
                    raise
                if query.search(since=since):
                    return
                if attempt == STARTS - 1:
                    raise
                log.info("started again, since AWS has no such query: %s", error.in_full)
                query.pause(1.0, "starting")
            else:
                return

    # --- what else is asked of an engine

    def checks(self, *, is_default: bool) -> Iterator[Check]:
        """Whether the log groups are there, and what kind they are."""
        here = self._groups
        if not here:
            if is_default:
                yield Check(
                    f"{SETTING} is not set", False, "Name the trail's log groups, or `@aws_cloudtrail`."
                )
            return
        try:
            yield from self._check_source(here.data_source) if here.data_source else self._check_groups(here)
        except EngineError as error:
            yield Check(f"CloudWatch: {error.in_full}", False, error.hint)

    def _check_groups(self, here: Groups) -> Iterator[Check]:
        for identifier in here.identifiers:
            name = name_of(identifier)
            linked = {"includeLinkedAccounts": True} if identifier != name else {}
            listed = self._aws.read(here, "DescribeLogGroups", logGroupNamePrefix=name, **linked)
            found = [each for each in listed.get("logGroups", []) if each["logGroupName"] == name]
            if not found:
                yield Check(
                    f"log group {name}: AWS knows none", False, f"Set {SETTING} to one that is there."
                )
                continue
            about = found[0]
            kind = str(about.get("logGroupClass", "STANDARD"))
            days = about.get("retentionInDays")
            kept = f"kept for {days:,} days" if days else "kept for good"
            what = f"log group {name}: {kind.replace('_', ' ').title()} class, {kept}"
            yield Check(
                what, kind != "DELIVERY", "A group of the Delivery class cannot be asked; name another."
            )

    def _check_source(self, name: str) -> Iterator[Check]:
        listed = self._aws.read(
            self._groups,
            "ListAggregateLogGroupSummaries",
            groupBy="DATA_SOURCE_NAME_TYPE_AND_FORMAT",
            dataSources=[{"name": name}],
        )
        summaries = listed.get("aggregateLogGroupSummaries", [])
        count = sum(each.get("logGroupCount", 0) for each in summaries)
        formats = {str(part["value"]) for each in summaries for part in each.get("groupingIdentifiers", [])}
        yield Check(
            f"data source {name}: {count:,} log groups" if count else f"data source {name}: no log groups",
            count > 0,
            "A telemetry rule for CloudTrail makes them (CloudWatch, Ingestion), or name groups instead.",
        )
        if any("ocsf" in each.lower() for each in formats):
            yield Check(
                f"data source {name}: some of it is in the OCSF format",
                False,
                "The bot reads CloudTrail's own records: leave out the conversion, or ask the trail itself.",
            )

    def policy(self) -> Mapping[str, Any]:
        here = self._groups
        if here.role:
            take = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": here.role}
            return {"Version": "2012-10-17", "Statement": [take]}
        on = [
            f"{each if each.startswith('arn:') else f'arn:aws:logs:*:*:log-group:{each}'}:*"
            for each in here.identifiers
        ]
        look = "ListAggregateLogGroupSummaries" if here.data_source else "DescribeLogGroups"
        queries = ["GetQueryResults", "StopQuery", "DescribeQueries", look]
        return {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "logs:StartQuery", "Resource": on or "*"},
                {"Effect": "Allow", "Action": [f"logs:{each}" for each in queries], "Resource": "*"},
            ],
        }


def _ended(status: str) -> EngineError:
    """Why there is no answer of a query that ended so."""
    if status == "Timeout":
        return EngineError("CloudWatch stopped this after its limit of an hour.", NARROWER)
    if status == "Cancelled":
        return EngineError("Someone cancelled this query at AWS.", "Rerun asks anew.")
    return EngineError(f"CloudWatch could not answer; it says only `{status}`.", NARROWER)


def _harmless(token: str) -> str:
    """The token without anything that could end a comment."""
    return re.sub(r"[^0-9A-Za-z_/.-]", "", token)[: TOKEN_CHARS - len("\n# run:")]
