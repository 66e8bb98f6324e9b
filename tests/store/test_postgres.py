"""The PostgreSQL that other tests stand on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from tests.support.postgres import PASSWORD

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

ROOT = Path(__file__).parents[2]


def test_every_url_is_a_new_and_empty_database(postgres: Postgres) -> None:
    one, other = postgres.url(), postgres.url()

    with psycopg.connect(one) as here, psycopg.connect(other) as there:
        here.execute("CREATE TABLE runs (id text)")
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert here.execute(tables).fetchone() == (1,)
        assert there.execute(tables).fetchone() == (0,)


def test_it_wants_its_password(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url().replace(PASSWORD, "wrong"))


def test_a_database_of_each_kind_takes_a_table_and_has_none_before(database_url: str) -> None:
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))

    assert sa.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE runs (id integer)"))
    assert sa.inspect(engine).get_table_names() == ["runs"]
    engine.dispose()


def test_a_server_ends_even_when_its_tests_are_killed(postgres: Postgres) -> None:
    del postgres  # it is another one's end, but there is one to be had
    program = dedent("""
        import sys
        from tests.support.postgres import Postgres, find
        with Postgres(find()) as server:
            print(server.url(), flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        with psycopg.connect(tests.stdout.readline().strip(), autocommit=True) as connection:
            connection.execute("LISTEN nothing")
            tests.kill()
            with pytest.raises(psycopg.OperationalError):
                next(connection.notifies())
