"""The schema of the bot's database, as it is now. `migrations` leads to it from each version before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

import sqlalchemy as sa

State = Literal["queued", "running", "posting", "done", "failed", "cancelled"]

Kind = Literal["question", "scan", "digest", "preview", "watch", "urgent"]
"""What someone asked; what is asked for digests, by nobody; the posting of a digest, or of a preview; a look
at whether a client that is watched is quiet; a look at what is new to a digest of its urgent services."""

ENDED: Final = ("done", "failed", "cancelled")
AT_WORK: Final = ("running", "posting")
TOLD: Final = ("digest", "preview", "watch", "urgent")
"""Kinds of runs that ask no engine: they post what another run has found."""

metadata = sa.MetaData()


class Moment(sa.TypeDecorator[datetime]):
    """A moment as seconds since 1970: the same, and in order, in every database."""

    impl = sa.Float
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> float | None:
        del dialect
        return None if value is None else value.timestamp()

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Words(sa.TypeDecorator[str]):
    """Text of anyone's. No database takes half a surrogate pair, nor PostgreSQL NUL: they become `?`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        del dialect
        return None if value is None else value.replace("\x00", "?").encode("utf-8", "replace").decode()


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("key", sa.String, nullable=False, unique=True),
    sa.Column("user", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("reply_to", sa.String),
    sa.Column("typed", Words, nullable=False),
    sa.Column("text", Words, nullable=False),
    sa.Column("engine", sa.String, nullable=False),
    sa.Column("steps", sa.JSON, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("zone", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False, server_default="question"),
    sa.Column("awaits", sa.String),
    sa.Column("digest", sa.Integer),
    sa.Column("watch", sa.Integer),
    sa.Column("day", sa.String),
    sa.Column("view", sa.String),
    sa.Column("previous", sa.String),
    sa.Column("at_once", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("looks_back", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("home", sa.String),
    sa.Column("thread", sa.String),
    sa.Column("receipts", sa.JSON),
    sa.Column("owner", sa.String),
    sa.Column("lease", Moment),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("maybe_posted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("due", Moment),
    sa.Column("wanted", sa.Boolean, nullable=False),
    sa.Column("started", Moment),
    sa.Column("answered", Moment),
    sa.Column("finished", Moment),
    sa.Column("scanned", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger),
    sa.Column("belief", sa.String),
    sa.Column("error", Words),
    sa.Index("runs_by_state", "state", "created"),
    sa.Index("runs_by_user", "user", "created"),
    sa.Index("runs_by_turn", "user", "started"),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("body", Words, nullable=False),
)
"""What a run of the kind `scan` found, for the digests that await it, and what one of the kind `urgent`
tells; JSON."""

digests = sa.Table(
    "digests",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("schedule", sa.String, nullable=False),
    sa.Column("question", Words, nullable=False),
    sa.Column("mention", sa.String),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("due", Moment),
    sa.Column("removed", Moment),
    sa.Column("urgent", sa.String),
    sa.Column("urgent_due", Moment),
    sa.Column("urgent_read", Moment),
    sa.Index("digests_by_due", "due"),
    # a number that came back would inherit the runs, by key and by number, of the digest that had it
    sqlite_autoincrement=True,
)

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("digest", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("last", sa.String, nullable=False),
    sa.Column("body", Words, nullable=False),
    sa.Column("decided", sa.Boolean, nullable=False, server_default=sa.false()),
)
"""What each digest remembers of its findings: JSON, the local date of the last call, and whether they were
decided about, and are kept however old they are."""

urgent_told = sa.Table(
    "urgent_told",
    metadata,
    sa.Column("digest", sa.Integer, primary_key=True),
    sa.Column("finding", sa.String, primary_key=True),
    sa.Column("day", sa.String, nullable=False),
)
"""Which findings were told as of urgent services, each on which local date."""

watches = sa.Table(
    "watches",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("thread", sa.String),
    sa.Column("zone", sa.String, nullable=False),
    sa.Column("question", Words, nullable=False),
    sa.Column("body", Words, nullable=False),
    sa.Column("due", Moment),
    sa.Column("begun", sa.String, nullable=False),
    sa.Index("watches_by_due", "due"),
    # as for digests: runs name them by number
    sqlite_autoincrement=True,
)
"""What is asked daily until it is quiet: whom, and what each day had; JSON. Without `due`, it has ended."""

periods = sa.Table(
    "periods",
    metadata,
    sa.Column("digest", sa.Integer, primary_key=True),
    sa.Column("start", sa.String, primary_key=True),
    sa.Column("end", sa.String, nullable=False),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("open", sa.Integer, nullable=False),
    sa.Column("trusted", sa.Boolean, nullable=False),
    sa.Column("report", Words),
)
"""What each digest found in each of its periods, by local dates, and its report; JSON."""

kept_words = sa.Table(
    "kept_words",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("user", sa.String, nullable=False),
    sa.Column("text", Words, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
"""What is too long for a button to carry, for a week: what people typed, until they have confirmed it; and by
the id of a run, and nobody's, which rows of its answer can be looked into."""

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("at", Moment, nullable=False),
)
"""Events of Slack's that were answered without a run, so that they are known when they come again."""
