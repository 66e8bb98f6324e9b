"""The database: its schema leads from any version to the newest, and being away is said in words."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bot.engines import Statement
from bot.errors import BotError, StoreDown, UserError
from bot.store import migrations, schema
from bot.store.database import OPENING_SECONDS, Database
from bot.store.digests import Digests
from bot.store.run import QuestionTask, Receipt, Run, Step
from bot.store.runs import Runs
from bot.table import Column
from tests.crash.proxy import Proxy
from tests.support.postgres import Postgres, find
from tests.support.runs import BEGUN, asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

TABLES = {
    *("runs", "answers", "digests", "findings", "periods", "requests", "kept_words", "watches"),
    *("urgent_told", "schema_version"),
}


def says(words: str) -> Callable[[StoreDown], bool]:
    """Whether an error says so to whoever runs the bot."""
    return lambda error: words in error.in_full


def plain(url: str) -> sa.Engine:
    """The same database without anything of ours between."""
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


@pytest.fixture
def beside(database_url: str) -> Iterator[sa.Engine]:
    """The database as its administrator sees it."""
    engine = plain(database_url)
    yield engine
    engine.dispose()


def run(name: str) -> Run:
    return asked(START, name, steps=BEGUN)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


# --- the schema

VERSION_1 = """
    CREATE TABLE runs (
        id VARCHAR NOT NULL, "key" VARCHAR NOT NULL, "user" VARCHAR NOT NULL, channel VARCHAR NOT NULL,
        reply_to VARCHAR, typed TEXT NOT NULL, text TEXT NOT NULL, engine VARCHAR NOT NULL,
        steps JSON NOT NULL, created FLOAT NOT NULL, zone VARCHAR NOT NULL, state VARCHAR NOT NULL,
        home VARCHAR, thread VARCHAR, parts JSON, owner VARCHAR, lease FLOAT, fence INTEGER NOT NULL,
        attempts INTEGER NOT NULL, due FLOAT, wanted BOOLEAN NOT NULL, started FLOAT, finished FLOAT,
        scanned BIGINT NOT NULL, rows BIGINT, error TEXT,
        PRIMARY KEY (id), UNIQUE ("key")
    );
    CREATE INDEX runs_by_state ON runs (state, created);
    CREATE INDEX runs_by_user ON runs ("user", created);
    CREATE INDEX runs_by_turn ON runs ("user", started)
"""
"""What the first release made, as SQLAlchemy wrote it."""

ROW = {
    "id": "a1b2c3d4",
    "key": "event-1",
    "user": "U1",
    "channel": "C1",
    "typed": "last 7d",
    "text": "2026-11-16T08:00:00Z..2026-11-23T08:00:00Z by=services",
    "engine": "lake",
    "steps": json.dumps(
        [
            {
                "name": "answer",
                "statement": {
                    "sql": "SELECT 1",
                    "columns": [
                        {"name": "eventSource", "type": "TEXT"},
                        {"name": "numCalls", "type": "INTEGER"},
                    ],
                    "store": "",
                },
                "ref": "query-1",
                "scanned": 5,
                "adopted": None,
            }
        ]
    ),
    "created": START.timestamp(),
    "zone": "Europe/Berlin",
    "state": "running",
    "home": "C1",
    "thread": "17.1",
    "parts": json.dumps({"headline": "17.1", "chart": "", "file again": "yes"}),
    "owner": "old",
    "lease": at(30).timestamp(),
    "fence": 1,
    "attempts": 1,
    "wanted": True,
    "started": at(1).timestamp(),
    "scanned": 5,
}
"""A run as the first release wrote it, at work when that was stopped."""


RECEIPTS = {
    "headline": Receipt("edit", "17.1"),
    "chart": Receipt("nothing"),
    "file": Receipt("failed"),
}
"""What it says of the run's parts, as it is read now."""


def write_version_1(beside: sa.Engine) -> None:
    names = ", ".join(f'"{name}"' for name in ROW)
    values = ", ".join(f":{name}" for name in ROW)
    with beside.begin() as connection:
        for statement in VERSION_1.split(";"):
            connection.execute(sa.text(statement))
        connection.execute(sa.text(f"INSERT INTO runs ({names}) VALUES ({values})"), ROW)  # noqa: S608


def described(engine: sa.Engine) -> dict[str, dict[str, tuple[str, bool]]]:
    """Every table, its columns, their types, and whether they may be empty."""
    there = sa.inspect(engine)
    return {
        table: {
            column["name"]: (str(column["type"]), column["nullable"]) for column in there.get_columns(table)
        }
        for table in there.get_table_names()
    }


def test_a_new_database_gets_every_table_at_the_newest_version(database_url: str, beside: sa.Engine) -> None:
    Database(database_url).close()

    assert set(described(beside)) == TABLES
    with beside.connect() as connection:
        assert connection.execute(sa.text("SELECT version FROM schema_version")).all() == [
            (migrations.VERSION,)
        ]


def test_opening_it_again_changes_nothing(database_url: str, beside: sa.Engine) -> None:
    first = Database(database_url)
    Runs(first).add(run("a"))
    first.close()
    before = described(beside)

    again = Database(database_url)
    assert Runs(again).get("a") == run("a")
    again.close()
    assert described(beside) == before


def test_a_database_of_the_first_release_is_taken_on_with_its_runs(
    database_url: str, beside: sa.Engine
) -> None:
    write_version_1(beside)

    database = Database(database_url)
    runs = Runs(database)
    kept = runs.get("a1b2c3d4")
    assert kept is not None
    assert (kept.key, kept.typed, kept.zone, kept.state) == ("event-1", "last 7d", "Europe/Berlin", "running")
    assert (kept.created, kept.lease, kept.receipts) == (START, at(30), RECEIPTS)
    assert [(step.name, step.ref, step.scanned) for step in kept.steps] == [("answer", "query-1", 5)]
    assert kept.steps[0].statement.columns[1] == Column("numCalls", "INTEGER")
    assert (kept.task, kept.maybe_posted) == (QuestionTask("last 7d", "services"), False)
    taken = runs.acquire("new", at(31), {"lake": 1})
    assert taken is not None
    assert (taken.id, taken.fence, taken.maybe_posted) == ("a1b2c3d4", 2, True)
    assert runs.add(run("b")) == runs.get("b")
    digests = Digests(database)
    assert digests.all() == []
    digests.put_answer("b", "{}")
    assert not runs.is_known("event-2", START)
    database.close()


def test_a_database_of_the_first_release_comes_to_look_like_a_new_one(
    database_url: str, beside: sa.Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write_version_1(beside)
    Database(database_url).close()
    other_url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    if database_url.startswith("postgresql"):
        other_url = request.getfixturevalue("postgres").url()
    Database(other_url).close()
    new = plain(other_url)

    assert described(beside) == described(new)
    new.dispose()


def test_a_migration_that_is_cut_off_leaves_the_database_as_it_was(
    database_url: str, beside: sa.Engine
) -> None:
    write_version_1(beside)
    with beside.begin() as connection:
        # so that the new index of this name cannot be made, after the runs got their columns
        connection.execute(sa.text("CREATE INDEX digests_by_due ON runs (due)"))
    before = described(beside)

    with pytest.raises((BotError, sa.exc.DatabaseError)):
        Database(database_url)
    assert described(beside) == before
    with beside.begin() as connection:
        connection.execute(sa.text("DROP INDEX digests_by_due"))
    Database(database_url).close()
    assert set(described(beside)) == TABLES


def test_a_database_that_a_newer_bot_has_used_is_refused_in_words(
    database_url: str, beside: sa.Engine
) -> None:
    Database(database_url).close()
    with beside.begin() as connection:
        connection.execute(sa.text("UPDATE schema_version SET version = version + 1"))
    before = described(beside)

    with pytest.raises(BotError) as refused:
        Database(database_url)
    assert (
        f"of version {migrations.VERSION + 1}, and this bot knows {migrations.VERSION}"
        in refused.value.message
    )
    assert "Update the bot, or set TLS_AUDIT_DATABASE_URL" in refused.value.hint
    assert described(beside) == before


@pytest.mark.parametrize("old", [False, True])
def test_any_number_of_threads_may_open_a_new_or_an_old_database_at_once(
    database_url: str, beside: sa.Engine, *, old: bool
) -> None:
    if old:
        write_version_1(beside)
    barrier, failed = Barrier(6), []

    def open_it(number: int) -> None:
        barrier.wait()
        try:
            database = Database(database_url)
            Runs(database).add(run(f"r{number}"))
            database.close()
        except Exception as error:  # noqa: BLE001 - for the assertion below
            failed.append(error)

    threads = [Thread(target=open_it, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with beside.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM runs")).scalar_one() == 6 + old
        assert connection.execute(sa.text("SELECT count(*) FROM schema_version")).scalar_one() == 1


def test_who_writes_to_sqlite_waits_as_long_as_they_have_patience(tmp_path: Path) -> None:
    file = tmp_path / "runs.sqlite"
    with closing(Database(f"sqlite:///{file}")) as database, closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreDown, check=says("locked")), database.write(0.0):
            pass
        done = Event()

        def write() -> None:
            with database.write(OPENING_SECONDS):
                done.set()

        thread = Thread(target=write)
        thread.start()
        other.rollback()
        assert done.wait(OPENING_SECONDS)
        thread.join()


def test_two_processes_may_make_the_schema_at_once(database_url: str, beside: sa.Engine) -> None:
    program = dedent("""
        import sys
        from bot.store.database import OPENING_SECONDS, Database
        print("ready", flush=True)
        sys.stdin.readline()
        Database(sys.argv[1]).close()
    """)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert set(described(beside)) == TABLES


# --- what is written


def test_a_transaction_that_fails_leaves_nothing_behind(database_url: str) -> None:
    database = Database(database_url)

    def fail() -> None:
        with database.write() as connection:
            connection.execute(sa.insert(schema.requests).values(key="one", at=START))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not Runs(database).is_known("one", START)
    database.close()


@pytest.mark.parametrize("odd", ["\x00", "\ud83d"])
def test_what_no_database_takes_becomes_a_question_mark(database_url: str, odd: str) -> None:
    database = Database(database_url)
    with database.write() as connection:
        connection.execute(sa.insert(schema.answers).values(run="a", body=f"x{odd}y\U0001f600"))
    with database.read() as connection:
        assert connection.execute(sa.select(schema.answers.c.body)).scalar_one() == "x?y\U0001f600"
    database.close()


def test_a_nul_in_what_an_engine_is_asked_comes_back_as_it_was(database_url: str) -> None:
    database = Database(database_url)
    asked = Statement("SELECT 'a\x00b'", (Column("eventSource", "TEXT"),))
    runs = Runs(database)
    runs.add(run("a"))
    taken = runs.acquire("w", at(1), {"local": 1})
    assert taken is not None
    assert runs.save(taken, at(2), steps=(Step("answer", asked),)).steps[0].statement == asked
    database.close()


# --- when it is away


def test_a_database_that_another_writer_holds_is_unavailable_and_then_works_again(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    database = Database(f"sqlite:///{path}")
    runs = Runs(database)
    runs.add(run("a"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert runs.get("a") == run("a"), "reading goes on"
    with pytest.raises(StoreDown) as said:
        runs.add(run("b"))
    assert said.value.in_full == "The bot's database cannot be used: database is locked."
    assert said.value.hint.startswith("Nothing was taken on. Ask again in a minute; ")
    assert runs.get("b") is None

    other.execute("ROLLBACK")
    other.close()
    assert runs.add(run("b")) == runs.get("b")
    database.close()


def test_a_database_where_nothing_can_be_written_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreDown, check=says("unable to open database file")):
        Database(f"sqlite:///{tmp_path / 'no folder' / 'runs.sqlite'}")


def test_a_server_that_has_stopped_is_unavailable(postgres: Postgres) -> None:
    del postgres  # says whether there can be one here
    programs = find()
    assert programs is not None
    with Postgres(programs) as own:
        url = own.url()
        database = Database(url)
        runs = Runs(database)
        runs.add(run("a"))
    for _ in range(2):
        with pytest.raises(StoreDown, match="cannot be used"):
            runs.add(run("b"))
        with pytest.raises(StoreDown):
            runs.get("a")
    with pytest.raises(StoreDown):
        Database(url)
    database.close()


def turn_away(administrator: sa.Engine, url: str, *, away: bool) -> None:
    """Have the server end every connection to a database and take no new ones; or take them again."""
    name = sa.make_url(url).database
    with administrator.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        allowed = "false" if away else "true"
        connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allowed}'))
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        connection.execute(sa.text(others), {"name": name})


def test_a_server_that_was_away_is_used_again_over_new_connections(postgres: Postgres) -> None:
    url, other = postgres.url(), postgres.url()
    database, administrator = Database(url), plain(other)
    runs = Runs(database)
    runs.add(run("a"))

    turn_away(administrator, url, away=True)
    for _ in range(2):
        with pytest.raises(StoreDown, check=says("not currently accepting connections")):
            runs.add(run("b"))
    turn_away(administrator, url, away=False)
    assert runs.get("a") == run("a")
    assert runs.add(run("b")) == runs.get("b")
    # and where nobody noticed that it was away
    turn_away(administrator, url, away=False)
    assert runs.add(run("c")) == runs.get("c")
    administrator.dispose()
    database.close()


def test_a_connection_that_ends_within_a_transaction_is_unavailable_and_nothing_was_written(
    postgres: Postgres,
) -> None:
    url = postgres.url()
    database = Database(url)
    administrator = plain(url)

    def cut() -> None:
        with database.write() as connection:
            connection.execute(sa.insert(schema.requests).values(key="one", at=START))
            pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            with administrator.connect() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    with pytest.raises(StoreDown):
        cut()
    administrator.dispose()
    assert not Runs(database).is_known("one", START)
    database.close()


def test_a_statement_that_takes_too_long_is_cut_off(postgres: Postgres) -> None:
    url = postgres.url()
    database = Database(url)

    def dawdle() -> None:
        with database.read() as connection:
            connection.execute(sa.text("SET LOCAL statement_timeout = 1"))
            connection.execute(sa.text("SELECT pg_sleep(60)"))

    with pytest.raises(StoreDown, check=says("statement timeout")):
        dawdle()
    with database.read() as connection:
        assert connection.execute(sa.text("SHOW statement_timeout")).scalar_one() == "10s"
    database.close()


def test_a_password_stands_in_no_error(postgres: Postgres) -> None:
    with pytest.raises(StoreDown) as said:
        Database(postgres.url().replace("not-a-secret", "s3cr3t"))
    assert "password authentication failed" in said.value.in_full
    assert "s3cr3t" not in said.value.in_full


def test_a_database_that_hangs_is_given_up_and_is_of_use_again_when_it_answers(postgres: Postgres) -> None:
    url = postgres.url()
    with Proxy(postgres.port) as proxy:
        database = Database(url.replace(str(postgres.port), str(proxy.port)), hung_seconds=1)
        runs = Runs(database)
        runs.add(run("a"))

        proxy.hang()
        with pytest.raises(StoreDown):
            runs.states()
        proxy.mend()

        assert runs.get("a") == run("a")
        database.close()


# --- settings that are wrong


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://u:hidden@host/name",
        "postgres://u:hidden@host/name",
        "postgresql://u:hidden@host:port/name",
        "",
    ],
)
def test_what_is_no_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UserError) as refused:
        Database(url)
    assert str(refused.value) == (
        "TLS_AUDIT_DATABASE_URL is no database I know. "
        "Write sqlite:///path or postgresql://user:password@host/name."
    )


def test_postgresql_without_its_package_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # how Python is told that there is none

    with pytest.raises(UserError) as refused:
        Database("postgresql://u:hidden@127.0.0.1/name")
    assert str(refused.value) == "PostgreSQL needs one more package. Run pip install '.[postgres]'."


def test_a_database_that_cannot_be_opened_says_which_settings_name_it(tmp_path: Path) -> None:
    with pytest.raises(StoreDown) as said:
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'runs.sqlite'}")
    assert "unable to open database file" in said.value.in_full
    assert (
        said.value.hint == "Check that it is up and may be written: TLS_AUDIT_DATABASE_URL, TLS_AUDIT_DATA."
    )
