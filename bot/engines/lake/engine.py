"""AWS CloudTrail Lake: the same questions, asked of an event data store through boto3."""

from __future__ import annotations

import logging
import re
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, model_validator

from bot.engines import Check, Engine, Statement, cells
from bot.engines.lake import delivery, stores
from bot.engines.lake.cloudtrail import LOST, CloudTrail, Refused
from bot.engines.lake.delivery import Undelivered
from bot.engines.lake.query import ASKED, Query
from bot.engines.lake.stores import SETTING
from bot.environment import Section
from bot.errors import Cancelled, EngineBusy, EngineError, LeaseLost, UserError
from bot.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlglot import exp

    from bot.engines import Offer, Progress
    from bot.engines.lake.stores import Store
    from bot.table import Column

log = logging.getLogger(__name__)

STATEMENT_CHARS: Final = 10_000
"""The longest statement (API reference, StartQuery)."""

TOKEN_CHARS: Final = 100
"""What a run's token may take of it."""

DOLLARS_PER_GB: Final = 0.005
"""What AWS asks for each gigabyte that a Lake query reads (aws.amazon.com/cloudtrail/pricing; it may differ
by Region, hence the setting)."""

QUERIES_AT_ONCE: Final = 10
"""The most queries that AWS runs for an account and Region (CloudTrail user guide, quotas)."""

DELIVERED_ROWS: Final = 20_000
"""Above this, files are quicker than pages: twenty pages are two seconds of the calls allowed."""

NARROWER: Final = "Ask for a shorter window, or name a service."
_HINTS: Final = {
    "too large": "Ask for fewer rows with `top=`, or for a view with fewer.",
    "exhausted resources": NARROWER,
}
"""What to do about the failures that AWS documents (user guide, optimizing Lake queries)."""

_S3_CODES: Final = frozenset(
    {"InvalidS3PrefixException", "InvalidS3BucketNameException", "S3BucketDoesNotExistException"}
    | {"InsufficientS3BucketPolicyException"}
)
"""Errors of StartQuery about the bucket for the answer, and not about the question (API reference)."""

_HELD: Final = frozenset({"Management", "Data"})
"""The event categories that are CloudTrail's own, and so carry TLS details."""


class LakeSettings(Section):
    """Which stores there are, who may ask them, and what that costs."""

    event_data_store: str = Field(
        default="", description="Lake: the store's ARN or id, or several as `prod=ARN,dev=ARN`."
    )
    lake_owner: str = Field(
        default="",
        description="The account that shares its store with yours; `prod=ACCOUNT` for one of several.",
    )
    lake_role: str = Field(
        default="", description="The role to take on for a store, by its ARN; `prod=ARN` for one of several."
    )
    lake_delivery: str = Field(
        default="",
        pattern=r"^(s3://[a-z0-9][.a-z0-9-]{1,61}[a-z0-9](/.*)?)?$",
        examples=["s3://bucket/prefix"],
        description="Where Lake delivers answers of over 20,000 rows, `s3://bucket/prefix`.",
    )
    lake_concurrency: int = Field(
        default=8,
        ge=1,
        le=QUERIES_AT_ONCE,
        description="How many Lake queries may run at once; AWS allows ten.",
    )
    lake_price: float = Field(
        default=DOLLARS_PER_GB, ge=0, description="Dollars for each gigabyte that Lake reads."
    )

    @model_validator(mode="after")
    def _name_stores(self) -> Self:
        try:
            _ = self.stores
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def stores(self) -> dict[str, Store]:
        """The event data stores by alias, the first of them the default."""
        return stores.read(self.event_data_store, self.lake_owner, self.lake_role)


class Lake(Engine):
    """Engine over the event data `stores`, the first of which is the default.

    `deliver_to`, an `s3://` URI, is where large answers are delivered; nothing: they come by pages.
    """

    name = "lake"
    Settings = LakeSettings

    def __init__(
        self,
        stores: Mapping[str, Store],
        aws: CloudTrail,
        *,
        deliver_to: str = "",
        concurrency: int = QUERIES_AT_ONCE,
        price: float = DOLLARS_PER_GB,
    ) -> None:
        self.stores = tuple(stores)
        self.is_set_up = bool(stores)
        self.concurrency = concurrency
        self.price = price
        self._stores = stores
        self._aws = aws
        self._deliver_to = deliver_to
        self._since: dict[str, datetime | None] = {}

    @classmethod
    def make(cls, settings: LakeSettings, offer: Offer) -> Lake:
        return cls(
            settings.stores,
            CloudTrail(sleep=offer.pause),
            deliver_to=settings.lake_delivery,
            concurrency=settings.lake_concurrency,
            price=settings.lake_price,
        )

    def checks(self, *, is_default: bool) -> Iterator[Check]:
        """Whether each event data store can be asked, and holds what the bot asks for."""
        if is_default and not self._stores:
            yield Check(f"{SETTING} is not set", False, "`tls-audit lake status` lists the stores there are.")
        for store in self._stores.values():
            what = f"event data store {store.alias}"
            try:
                about = self._aws.read(store, "GetEventDataStore", EventDataStore=store.name)
            except EngineError as error:
                yield Check(f"{what}: {error.in_full}", False, error.hint)
                continue
            if about["Status"] == "PENDING_DELETION":
                yield Check(f"{what}: it is being deleted", False, "`tls-audit lake restore` brings it back.")
            elif not _holds_events(about):
                yield Check(f"{what}: it holds no CloudTrail events", False, f"Set {SETTING} to another.")
            else:
                is_stopped = about["Status"] in {"STOPPED_INGESTION", "STOPPING_INGESTION"}
                since = f"{about['CreatedTimestamp']:%Y-%m-%d}"
                what += f": {about['Name']}, since {since}" + (
                    ", takes in no new events" if is_stopped else ""
                )
                yield Check(what, passed=True)

    def policy(self) -> Mapping[str, Any]:
        from bot.engines.lake import admin

        return admin.policy("ask", self._stores, self._deliver_to)

    # --- the statement

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        from sqlglot import exp

        from bot.question.shorter import shorten

        store = self._store(select.args["from_"].this.name)
        tree = select.copy()
        # a quoted name would be no store for Lake, and a bare id is no name for anyone else
        tree.set("from_", exp.From(this=exp.Table(this=exp.Var(this=store.id))))
        room = STATEMENT_CHARS - TOKEN_CHARS
        sql = tree.sql("trino", pretty=True)
        if len(sql) > room:
            shorten(tree)
            sql = tree.sql("trino")
        if len(sql) > room:
            raise UserError(
                f"The question makes {len(sql):,} characters of SQL; Lake takes {room:,}.",
                "Name fewer values; `*` stands for many.",
            )
        return Statement(sql, tuple(columns), store.alias)

    def _store(self, alias: str) -> Store:
        from bot.question.select import STORE

        if not self._stores:
            raise UserError("No event data store is configured.", f"Set {SETTING} to its ARN or id.")
        if alias in {STORE, ""}:
            return next(iter(self._stores.values()))
        if alias not in self._stores:
            raise UserError(f"No store `{alias}`.", f"Stores: {', '.join(self._stores)}.")
        return self._stores[alias]

    # --- the run

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """As `Engine.run`. What a timeout left is answered as partial.

        A query that was started is waited for, however AWS is; it is asked anew only where AWS has nothing
        of it any more. So EngineBusy means that none is known to run.
        """
        query = Query(self._aws, self._store(statement.store), statement, progress)
        try:
            mark = f"/* run:{_harmless(token)} */"
            if resume is None or not query.recover(mark, resume):
                self._start(query, mark)
            described = query.wait()
            table = self._read(query, described)
        except LeaseLost:
            raise  # the replica that has the run now waits for this very query
        except Cancelled:
            query.cancel()
            raise
        table.notes = (*query.notes, *table.notes)
        table.since = self._oldest(query.store)
        return table

    def _start(self, query: Query, mark: str) -> None:
        asked = f"{ASKED}{self._aws.clock():%Y-%m-%dT%H:%M:%SZ}"
        try:
            query.start(mark, asked, self._deliver_to)
        except EngineBusy:
            query.progress(None, "waiting for Lake", 0)
            raise
        except Refused as error:
            if error.code in _S3_CODES and self._deliver_to:
                log.warning("nothing can be delivered to %s: %s", self._deliver_to, error.in_full)
                query.notes.append(f"Nothing could be delivered to S3 ({error.code}).")
                query.start(mark, asked, "")
            elif error.code == LOST:
                if not query.search(mark, since=asked.removeprefix(ASKED)):
                    query.start(mark, asked, self._deliver_to)
            elif error.code == "InvalidQueryStatementException" and self._is_foreign(query.store):
                raise EngineError(
                    f"The store {query.store.alias} holds no CloudTrail events.",
                    f"Set {SETTING} to one that holds management or data events.",
                ) from error
            else:
                raise

    def _is_foreign(self, store: Store) -> bool:
        try:
            about = self._aws.read(store, "GetEventDataStore", EventDataStore=store.name)
        except EngineError:
            return False
        return not _holds_events(about)

    def _oldest(self, store: Store) -> datetime | None:
        """Since when the store exists, asked for once; None where we may not know."""
        if store.alias not in self._since:
            try:
                about = self._aws.read(store, "GetEventDataStore", EventDataStore=store.name)
            except EngineError as error:
                log.info("since when the store %s exists is not known: %s", store.alias, error.in_full)
                about = {}
            self._since[store.alias] = about.get("CreatedTimestamp")
        return self._since[store.alias]

    def _read(self, query: Query, described: dict[str, Any]) -> Table:
        """The answer of a query that has ended; `described` is what DescribeQuery says of it."""
        status, words = described["QueryStatus"], str(described.get("ErrorMessage", "")).rstrip(".")
        if status == "FINISHED":
            return self._finished(query, described)
        if status == "TIMED_OUT":
            return _timed_out(query, words)
        if status == "CANCELLED":
            raise EngineError("Someone cancelled this query at AWS.", "Rerun asks anew.")
        hint = next((hint for mark, hint in _HINTS.items() if mark in words.lower()), NARROWER)
        raise EngineError("Lake could not answer.", hint, detail=words or "it says no more")

    def _finished(self, query: Query, described: dict[str, Any]) -> Table:
        first = query.page()
        total = int(first.get("QueryStatistics", {}).get("TotalResultsCount", 0))
        if described.get("DeliveryS3Uri") and total > DELIVERED_ROWS:
            try:
                return self._delivered(query, total)
            except EngineError as error:
                log.warning("query %s: %s %s", query.ref, error.in_full, error.hint)
                query.notes.append(
                    f"{error.message} {error.hint}".strip() + " The answer came by pages instead."
                )
        table = Table(query.columns, query.rows(first), scanned=query.scanned)
        if table.row_count < total:
            table.notes = (f"AWS announced {total:,} rows and gave {table.row_count:,}.",)
            table.is_partial = True
        return table

    def _delivered(self, query: Query, total: int) -> Table:
        described = query.wait(delivered=True)
        status = described.get("DeliveryStatus")
        # a missing signature says nothing of the answer
        if status not in {"SUCCESS", "FAILED_SIGNING_FILE", "ACCESS_DENIED_SIGNING_FILE"}:
            raise Undelivered(f"The delivery to S3 failed ({status}).", detail=described["DeliveryS3Uri"])
        s3 = self._aws.client(query.store, "s3")
        created = described["QueryStatistics"]["CreationTime"].astimezone(UTC)
        with closing(delivery.rows(s3, described["DeliveryS3Uri"], query.ref, created)) as batches:
            (header,) = next(batches, ([],))
            read = cells.of_csv(header, query.columns)
            table = Table(
                query.columns, query.with_progress(read(batch) for batch in batches), scanned=query.scanned
            )
        if table.row_count != total:
            table.close()
            raise Undelivered(f"The delivered answer has {table.row_count:,} rows instead of {total:,}.")
        return table


def _timed_out(query: Query, words: str) -> Table:
    message = "Lake stopped this after its time limit."
    table = Table(query.columns, query.rows(query.page()), scanned=query.scanned)
    if not table.row_count:
        table.close()
        raise EngineError(message, NARROWER, detail=words)
    table.is_partial = True
    table.notes = (f"{message} These rows are only a part. {NARROWER}",)
    return table


def _harmless(token: str) -> str:
    """The token without anything that could end a comment."""
    return re.sub(r"[^0-9A-Za-z_/.-]", "", token)[: TOKEN_CHARS - len("/* run: */\n")]


def _holds_events(about: Mapping[str, Any]) -> bool:
    """Whether a store, as GetEventDataStore tells of it, holds CloudTrail events."""
    fields = [
        field for selector in about.get("AdvancedEventSelectors", []) for field in selector["FieldSelectors"]
    ]
    held = {
        value for field in fields if field["Field"] == "eventCategory" for value in field.get("Equals", [])
    }
    return not held or bool(held & _HELD)
