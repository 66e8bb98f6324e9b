"""A database that version 2 left in the middle of its work goes on, in SQLite and in PostgreSQL.

The fixture was written by the code of that version; its README says what is in it.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
import sqlalchemy as sa

from bot.app.grammar import Grammar
from bot.engines import Engine, Statement
from bot.errors import Cancelled
from bot.store import migrations, schema
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.run import PARENT, SEEN, DigestTask, QuestionTask, Receipt, Run, ScanTask
from bot.store.runs import Runs
from bot.store.schema import ENDED
from bot.table import Table
from bot.worker.publisher import Parent, Part
from tests.support.clock import Clock
from tests.support.workers import step, worker_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sqlglot import exp

    from bot.answers.summary import Summary
    from bot.digests.digest import Digest
    from bot.digests.report import Report
    from bot.digests.watch import Watch
    from bot.engines import Progress
    from bot.errors import BotError
    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.run import ReceiptKind
    from bot.table import Cell, Column
    from bot.worker.publisher import Delivery

FIXTURE: Final = Path(__file__).parents[1] / "fixtures" / "version2"
EXPECTED: Final = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))
STANDS: Final = datetime.fromisoformat(EXPECTED["clock"]["ended"])
"""When version 2 was stopped. By then every lease had ended."""

KINDS: Final = {"reading": "scan"}
"""Kinds that are called otherwise now."""

ANSWERED: Final[dict[str, Cell]] = {
    "TEXT": "s3.amazonaws.com",
    "INTEGER": 7,
    "NUMBER": 7.0,
    "TIME": STANDS - timedelta(days=2),
    "DATE": (STANDS - timedelta(days=2)).date(),
}
"""What an engine answers, by the type of a column."""


class Lake(Engine):
    """An engine that answers everything at once, and remembers what it was asked."""

    price = 0.005

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: dict[str, list[str | None]] = {}
        """By token: which earlier attempt was to be resumed."""

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        return Statement(select.sql("trino"), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        self.asked.setdefault(token, []).append(resume)
        progress(resume or f"ref of {token}", "running", 0)
        return Table(statement.columns, [[tuple(ANSWERED[column.type] for column in statement.columns)]])


class Recorder:
    """A surface that has the parts Slack has, and writes down which of them were posted, and of which run."""

    def __init__(self) -> None:
        self.posted: Counter[tuple[str, str]] = Counter()
        self.told: list[tuple[str, str]] = []

    def _part(self, delivery: Delivery, name: str, kind: ReceiptKind = "message") -> Part:
        def post() -> Receipt:
            self.posted[delivery.run.id, name] += 1
            return Receipt(kind, f"new {name}")

        return Part(name, post)

    def open(self, delivery: Delivery, question: Question, ahead: int) -> Parent:
        del question, ahead
        self.posted[delivery.run.id, PARENT] += 1
        return Parent(delivery.run.channel, "new parent")

    def progress(self, run: Run, question: Question, state: str, seconds: float, scanned: int) -> None:
        """Nobody looks."""

    def answer(
        self, delivery: Delivery, question: Question, table: Table, summary: Summary
    ) -> Iterator[Part]:
        del question, table, summary
        yield self._part(delivery, "table")
        yield self._part(delivery, "headline", "edit")
        yield self._part(delivery, "chart")
        yield self._part(delivery, "file", "file")

    def digest(
        self, delivery: Delivery, digest: Digest, report: Report, today: date, late: str
    ) -> Iterator[Part]:
        del report, today, late
        yield Part(PARENT, lambda: self.open_digest(delivery, digest))
        yield self._part(delivery, "table")
        yield self._part(delivery, "file", "file")

    def open_digest(self, delivery: Delivery, digest: Digest) -> Parent:
        self.posted[delivery.run.id, PARENT] += 1
        return Parent(digest.channel, "new parent")

    def fail(
        self, delivery: Delivery, subject: Question | Digest | None, error: BotError, *, final: bool
    ) -> Iterator[Part]:
        del subject, final
        if not isinstance(error, Cancelled):
            self.told.append((delivery.run.id, str(error)))
        yield self._part(delivery, "trouble")

    def watched(self, delivery: Delivery, watch: Watch, words: str) -> Iterator[Part]:
        del watch, words
        yield self._part(delivery, "watched")

    def tell(self, delivery: Delivery, user: str, error: BotError) -> Iterator[Part]:
        self.told.append((user, str(error)))
        yield self._part(delivery, "told alone")

    def forget(self, run: Run) -> None:
        """Nothing is that old."""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The database as version 2 left it."""
    if request.param == "sqlite":
        shutil.copy(FIXTURE / "runs.sqlite", tmp_path / "runs.sqlite")
        return f"sqlite:///{tmp_path / 'runs.sqlite'}"
    found: str = request.getfixturevalue("postgres").url()
    with psycopg.connect(found, autocommit=True) as connection:
        connection.execute((FIXTURE / "runs.sql").read_bytes())
    return found


@pytest.fixture
def before(url: str) -> dict[str, dict[str, Any]]:
    """Every run, as it stood in a row of version 2."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    table = sa.table("runs", sa.column("steps", sa.JSON), sa.column("parts", sa.JSON))
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(sa.text("SELECT * FROM runs")).mappings()]
        statement = sa.select(sa.column("id"), table.c.steps, table.c.parts).select_from(table)
        read = {row["id"]: dict(row) for row in connection.execute(statement).mappings()}
    engine.dispose()
    return {row["id"]: row | read[row["id"]] for row in rows}


@pytest.fixture
def database(url: str, before: dict[str, dict[str, Any]]) -> Iterator[Database]:
    """The same, migrated."""
    del before  # it has read what is migrated now
    with closing(Database(url)) as migrated:
        yield migrated


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {table}")).mappings()]  # noqa: S608


def every(database: Database) -> dict[str, Run]:
    runs = Runs(database)
    found = {row["id"]: runs.get(row["id"]) for row in rows(database, "runs")}
    return {name: run for name, run in found.items() if run is not None}


def test_all_of_it_is_there_and_is_of_the_newest_version(database: Database) -> None:
    assert rows(database, "schema_version") == [{"version": migrations.VERSION}]
    tables = [table.name for table in schema.metadata.sorted_tables]
    counts = {name: len(rows(database, name)) for name in tables}
    assert [counts.pop(name) for name in ("kept_words", "urgent_told", "watches")] == [
        0,
        0,
        0,
    ]  # of later versions
    assert counts == EXPECTED["rows"]
    by_kind = Counter(f"{run.kind} {run.state}" for run in every(database).values())
    expected = {
        " ".join(KINDS.get(word, word) for word in name.split()): count
        for name, count in EXPECTED["kind and state"].items()
    }
    assert by_kind == expected


def test_every_run_says_what_it_said(database: Database, before: dict[str, dict[str, Any]]) -> None:
    same = ["user", "channel", "reply_to", "text", "engine", "zone", "state", "home", "thread", "owner"]
    same += ["fence", "attempts", "wanted", "scanned", "rows", "error"]
    for name, run in every(database).items():
        old = before[name]
        assert {field: getattr(run, field) for field in same} == {field: old[field] for field in same}
        assert run.created.timestamp() == old["created"]
        assert run.maybe_posted == old["doubt"]
        assert {part: each.ref for part, each in run.receipts.items()} == (old["parts"] or {})
        assert [(step.name, step.ref, step.scanned, step.adopted) for step in run.steps] == [
            (step["name"], step["ref"], step["scanned"], step["adopted"]) for step in old["steps"]
        ]
        match run.task:
            case QuestionTask(typed, view):
                assert (typed, f" by={view} ") == (old["typed"], f" {run.text.split()[1]} ")
                assert run.key == old["key"]
            case ScanTask(previous):
                assert previous == old["typed"]
                assert run.key == old["key"].replace("reading/", "scan/")
            case DigestTask(digest, day, awaits, at_once):
                assert (digest, day.isoformat(), awaits) == (old["digest"], old["day"], old["awaits"])
                assert at_once == (old["typed"] == "now")


def test_receipts_say_what_was_posted(database: Database) -> None:
    kinds = {
        (part, receipt.kind)
        for run in every(database).values()
        for part, receipt in run.receipts.items()
        if receipt.ref
    }
    assert kinds == {
        ("table", "message"),
        ("chart", "message"),
        ("headline", "edit"),
        ("trouble", "message"),
        ("upload", "upload"),
        ("file", "file"),
    }
    assert all(
        receipt.kind == "nothing"
        for run in every(database).values()
        for receipt in run.receipts.values()
        if not receipt.ref
    )


def test_digests_snoozes_and_findings_are_as_old_as_they_were(database: Database) -> None:
    digests = Digests(database)
    for row, kept in zip(EXPECTED["digests"], digests.all(), strict=True):
        assert (kept.id, kept.owner, kept.channel) == (row["id"], row["owner"], row["channel"])
        assert (str(kept.schedule), kept.mention, kept.paused) == (
            row["schedule"],
            row["mention"],
            row["paused"],
        )
        assert kept.created.replace(microsecond=0) == datetime.fromisoformat(row["created"])
        assert (kept.due and kept.due.isoformat()) == row["due"]
    periods = sorted(rows(database, "periods"), key=lambda row: str(row["start"]), reverse=True)
    first_ends = {row["digest"]: row["end"] for row in periods}
    remembered: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows(database, "findings"), key=lambda row: str(row["id"])):
        found = {"id": row["id"]} | json.loads(row["body"])
        # what a digest met in its first period had begun before, which version 2 did not know
        assert found.pop("began_before", False) == (
            found["spells"] == 1 and found["first"] < first_ends[row["digest"]]
        )
        remembered.setdefault(str(row["digest"]), []).append(found)
    assert remembered == {
        number: sorted(found, key=lambda each: str(each["id"]))
        for number, found in EXPECTED["findings"].items()
    }
    for number, found in EXPECTED["findings"].items():
        assert {each.id: (str(each.first), str(each.since)) for each in digests.findings(int(number))} == {
            each["id"]: (each["first"], each["since"]) for each in found
        }
    points: dict[str, list[list[Any]]] = {}
    for row in sorted(rows(database, "periods"), key=lambda row: str(row["start"])):
        point = [row[name] for name in ("start", "end", "calls", "open")]
        points.setdefault(str(row["digest"]), []).append([*point, bool(row["trusted"])])
    assert points == EXPECTED["periods"]


def test_the_worker_carries_it_all_to_its_end_and_posts_nothing_twice(
    database: Database, before: dict[str, dict[str, Any]], catalogue: dict[str, View]
) -> None:
    recorder, clock = Recorder(), Clock(STANDS)
    engines = {name: Lake(name) for name in ("local", "lake")}
    grammar = Grammar(catalogue, list(engines), "local", 366)
    worker = worker_over(database, engines, recorder, grammar, clock=clock)
    left = every(database)
    reports = {(row["digest"], row["start"]): row["report"] for row in rows(database, "periods")}

    for _ in range(3):
        while step(worker):
            pass
        clock.advance(20 * 60)

    ended = every(database)
    assert ended.keys() == left.keys()
    assert Counter(run.state for run in ended.values()) == EXPECTED["carried on by the same code"]["states"]
    assert recorder.told == []
    for name, run in left.items():
        if run.state in ENDED:
            assert ended[name] == run, "what had ended stays as it was"
    # what had a receipt was not posted again, and nothing was posted more than once
    assert set(recorder.posted.values()) == {1}
    for name, run in left.items():
        there = {part for part, receipt in run.receipts.items() if receipt.kind != "upload"}
        there |= {PARENT} if run.thread else set()
        assert not [part for part in there if (name, part) in recorder.posted]
    # all that an answer has is there now
    went_on = [run for run in ended.values() if left[run.id].state not in ENDED and run.state == "done"]
    assert len(went_on) > 20
    for run in went_on:
        if run.kind != "scan":
            wanted = {"table", "file"} | ({"headline", "chart"} if run.kind == "question" else set())
            assert wanted <= run.receipts.keys()
            assert run.thread is not None
            assert any(receipt.kind in SEEN for receipt in run.receipts.values())
    # what an engine had begun is fetched, and not asked again
    asked = {token: resumed for lake in engines.values() for token, resumed in lake.asked.items()}
    begun = {
        f"{name}/{step['name']}": step["ref"]
        for name, old in before.items()
        for step in old["steps"]
        if step["ref"] is not None
    }
    assert {token: resumed[0] for token, resumed in asked.items() if token in begun} == {
        token: ref for token, ref in begun.items() if token in asked
    }
    assert any(token in begun for token in asked)
    # what was reported stays as it was reported
    kept = {(row["digest"], row["start"]): row["report"] for row in rows(database, "periods")}
    assert reports.items() <= kept.items()


def test_a_digest_that_falls_due_later_adopts_what_version_2_found(
    database: Database, catalogue: dict[str, View]
) -> None:
    """The key of a scan is the one that version 2 would have given it."""
    from bot.app.promises import promise

    runs, digests = Runs(database), Digests(database)
    scans = {run.id for run in every(database).values() if run.kind == "scan"}
    awaited = {run.task.digest: run for run in every(database).values() if isinstance(run.task, DigestTask)}
    grammar = Grammar(catalogue, ["local", "lake"], "local", 366)
    met = 0
    for digest in digests.all():
        last = awaited[digest.id].task
        assert isinstance(last, DigestTask)
        scan = runs.get(last.awaits or "")
        if scan is None or scan.state in {"failed", "cancelled"} or last.at_once:
            continue
        again = promise(digest, last.day, runs=runs, grammar=grammar, now=STANDS, key=f"again/{digest.id}")
        assert isinstance(again.task, DigestTask)
        if again.task.awaits == last.awaits:
            met += 1
    assert met > 0
    assert {run.id for run in every(database).values() if run.kind == "scan"} >= scans
