"""What leads from each version of the schema to the next.

A step is frozen: it names its tables and columns itself and never asks `schema`, which describes the newest
version only. So a step does the same in ten years as on the day it was written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from bot.errors import BotError
from bot.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_version = sa.Table("schema_version", sa.MetaData(), sa.Column("version", sa.Integer, nullable=False))

BATCH: Final = 1_000
"""Rows that are rewritten with one statement."""


# --- version 2

_version_2 = sa.MetaData()
sa.Table(
    "answers",
    _version_2,
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
sa.Table(
    "digests",
    _version_2,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("schedule", sa.String, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("mention", sa.String),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("due", sa.Float),
    sa.Index("digests_by_due", "due"),
    sqlite_autoincrement=True,
)
sa.Table(
    "findings",
    _version_2,
    sa.Column("digest", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("last", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
sa.Table(
    "periods",
    _version_2,
    sa.Column("digest", sa.Integer, primary_key=True),
    sa.Column("start", sa.String, primary_key=True),
    sa.Column("end", sa.String, nullable=False),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("open", sa.Integer, nullable=False),
    sa.Column("trusted", sa.Boolean, nullable=False),
    sa.Column("report", sa.Text),
)
sa.Table(
    "requests",
    _version_2,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)


def _add_digests(connection: sa.Connection) -> None:
    """Version 2: digests, and what a run knows of them; what may have been posted, and by whom."""
    for column in (
        "kind VARCHAR NOT NULL DEFAULT 'question'",
        "awaits VARCHAR",
        "digest INTEGER",
        "day VARCHAR",
        "answered FLOAT",
        "doubt BOOLEAN NOT NULL DEFAULT false",
    ):
        connection.exec_driver_sql(f"ALTER TABLE runs ADD COLUMN {column}")
    _version_2.create_all(connection)


# --- version 3

_runs_3 = sa.table(
    "runs",
    sa.column("id"),
    sa.column("kind"),
    sa.column("text"),
    sa.column("view"),
    sa.column("receipts", sa.JSON),
)


def _type_runs(connection: sa.Connection) -> None:
    """Version 3: each kind of run has fields of its own, and a receipt says what was posted.

    A question's view is a column, where it had been a word of its text; `typed` is only what a person typed;
    the kind `reading` is `scan`; and `parts`, names with the surface's word for each, are `receipts`. A bot
    of version 2 that still works on the database fails at the renamed columns, before it misreads a receipt;
    what it held is taken up when its leases have run out.
    """
    for statement in (
        "ALTER TABLE runs RENAME COLUMN parts TO receipts",
        "ALTER TABLE runs RENAME COLUMN doubt TO maybe_posted",
        "ALTER TABLE runs ADD COLUMN view VARCHAR",
        "ALTER TABLE runs ADD COLUMN previous VARCHAR",
        "ALTER TABLE runs ADD COLUMN at_once BOOLEAN NOT NULL DEFAULT false",
        "UPDATE runs SET at_once = true, typed = '' WHERE kind = 'digest' AND typed = 'now'",
        "UPDATE runs SET kind = 'scan', previous = typed, typed = '', key = 'scan' || substr(key, 8)"
        " WHERE kind = 'reading'",
    ):
        connection.exec_driver_sql(statement)
    columns = _runs_3.c
    found = connection.execute(sa.select(columns.id, columns.kind, columns.text, columns.receipts)).all()
    rows = [
        {
            "this": row.id,
            "its_view": _view_3(row.text) if row.kind == "question" else None,
            "its_receipts": _receipts_3(row.receipts or {}),
        }
        for row in found
    ]
    rewrite = (
        sa.update(_runs_3)
        .where(columns.id == sa.bindparam("this"))
        .values(view=sa.bindparam("its_view"), receipts=sa.bindparam("its_receipts", type_=sa.JSON))
    )
    for at in range(0, len(rows), BATCH):
        connection.execute(rewrite, rows[at : at + BATCH])


def _view_3(text: str) -> str | None:
    """The view that a question's text names, as `Question` wrote it then."""
    return next((word.removeprefix("by=") for word in text.split() if word.startswith("by=")), None)


def _receipts_3(parts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The receipts of what version 2 knew to be posted."""
    receipts = {part: _receipt_3(part, ref) for part, ref in parts.items() if part != "file again"}
    if "file again" in parts:
        # a mark, and no part: the file failed once, and may be there since
        receipts.setdefault("file", {"kind": "failed", "ref": ""})
    return receipts


def _receipt_3(part: str, ref: str) -> dict[str, str]:
    """What version 2 meant by a part's name and by Slack's word for it."""
    if part == "upload":
        kind = "upload"
    elif part == "headline":
        kind = "edit"
    elif not ref:
        kind = "nothing"
    else:
        # a message's timestamp begins with a digit, a file's id with F
        kind = "file" if part == "file" and ref.startswith("F") else "message"
    return {"kind": kind, "ref": ref}


# --- version 4


def _add_belief(connection: sa.Connection) -> None:
    """Version 4: what an answer may claim. Of older answers nobody wrote that down."""
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN belief VARCHAR")


# --- version 5

_version_5 = sa.MetaData()
sa.Table(
    "kept_words",
    _version_5,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("user", sa.String, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)


def _add_kept_words(connection: sa.Connection) -> None:
    """Version 5: words that are too long for a button, which names them by an id."""
    _version_5.create_all(connection)


# --- version 6


def _add_removal(connection: sa.Connection) -> None:
    """Version 6: a digest that was removed is kept for a while, so that it can be brought back."""
    connection.exec_driver_sql("ALTER TABLE digests ADD COLUMN removed FLOAT")


# --- version 7

_findings_7 = sa.table("findings", sa.column("digest"), sa.column("id"), sa.column("body"))
_periods_7 = sa.table("periods", sa.column("digest"), sa.column("start"), sa.column("end"))


def _date_baselines(connection: sa.Connection) -> None:
    """Version 7: a scan for a baseline looks back; and what a baseline met before that is marked.

    It did not begin on the day that it was first seen. A finding that was never resolved is of the baseline
    where its first call is before the end of the first period that is still there.
    """
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN looks_back BOOLEAN NOT NULL DEFAULT false")
    periods = sa.select(_periods_7.c.digest, _periods_7.c.end).order_by(_periods_7.c.start.desc())
    # the last one that is met is the first of its digest
    baselines = {row.digest: row.end for row in connection.execute(periods)}
    rows = []
    for row in connection.execute(sa.select(_findings_7)).all():
        finding = json.loads(row.body)
        end = baselines.get(row.digest)
        if finding["spells"] == 1 and (end is None or finding["first"] < end):
            body = json.dumps(finding | {"began_before": True})
            rows.append({"its_digest": row.digest, "its_id": row.id, "its_body": body})
    columns = _findings_7.c
    mark = (
        sa.update(_findings_7)
        .where(columns.digest == sa.bindparam("its_digest"), columns.id == sa.bindparam("its_id"))
        .values(body=sa.bindparam("its_body"))
    )
    for at in range(0, len(rows), BATCH):
        connection.execute(mark, rows[at : at + BATCH])


# --- version 8

_version_8 = sa.MetaData()
sa.Table(
    "watches",
    _version_8,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("thread", sa.String),
    sa.Column("zone", sa.String, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("due", sa.Float),
    sa.Column("begun", sa.String, nullable=False),
    sa.Index("watches_by_due", "due"),
    sqlite_autoincrement=True,
)


def _add_decisions(connection: sa.Connection) -> None:
    """Version 8: findings that were decided about are kept; and clients are watched, by runs of their own.

    What was decided, and who a finding is assigned to, stand in its JSON: a bot of version 7 would drop them.
    """
    connection.exec_driver_sql("ALTER TABLE findings ADD COLUMN decided BOOLEAN NOT NULL DEFAULT false")
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN watch INTEGER")
    _version_8.create_all(connection)


# --- version 9

_version_9 = sa.MetaData()
sa.Table(
    "urgent_told",
    _version_9,
    sa.Column("digest", sa.Integer, primary_key=True),
    sa.Column("finding", sa.String, primary_key=True),
    sa.Column("day", sa.String, nullable=False),
)


def _add_urgent(connection: sa.Connection) -> None:
    """Version 9: digests have urgent services, which are looked at hourly; no digest of before has any."""
    for column in ("urgent VARCHAR", "urgent_due FLOAT", "urgent_read FLOAT"):
        connection.exec_driver_sql(f"ALTER TABLE digests ADD COLUMN {column}")
    _version_9.create_all(connection)


_MIGRATIONS: Final[Sequence[Callable[[sa.Connection], None]]] = (
    _add_digests,
    _type_runs,
    _add_belief,
    _add_kept_words,
    _add_removal,
    _date_baselines,
    _add_decisions,
    _add_urgent,
)
"""What leads from each version to the next, beginning at version 1: the first, which did not say so."""

VERSION: Final = 1 + len(_MIGRATIONS)


def migrate(connection: sa.Connection) -> None:
    """Bring the tables to this version, from any. BotError where a newer one has been here."""
    there = sa.inspect(connection)
    if there.has_table("schema_version"):
        version = int(connection.execute(sa.select(_version.c.version)).scalar_one())
    else:
        version = 1 if there.has_table("runs") else 0
        _version.create(connection)
        connection.execute(sa.insert(_version).values(version=version))
    if version > VERSION:
        raise BotError(
            f"The database is of version {version}, and this bot knows {VERSION}: a newer one has used it.",
            "Update the bot, or set TLS_AUDIT_DATABASE_URL to another database.",
        )
    if version == 0:
        schema.metadata.create_all(connection)
    else:
        for step in _MIGRATIONS[version - 1 :]:
            step(connection)
    connection.execute(sa.update(_version).values(version=VERSION))
