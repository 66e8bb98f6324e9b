"""A PostgreSQL of the tests' own, started where it is installed and gone when they end.

`postgres` is a cluster, one for each worker; `database_url` is a fresh database of each kind in turn.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final, Self

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

USER: Final = "tls_audit"
PASSWORD: Final = "not-a-secret"  # noqa: S105 - of a cluster that only loopback reaches, and that is thrown away
ACCOUNT: Final = "postgres"
"""Whom the server runs as where we are root, which it refuses to be: Debian's package makes this user."""

OPTIONS: Final = (
    # what fsync saves is lost only when the machine itself goes down, and then so are the tests
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
)

SCRIPT: Final = """
bin=$1 folder=$2 options=$3
trap '"$bin/pg_ctl" --pgdata="$folder/data" --mode=immediate --silent stop; rm -rf "$folder"' EXIT
"$bin/pg_ctl" --pgdata="$folder/data" --log="$folder/log" --options="$options" --silent start ||
  { cat "$folder/log" >&2; exit 1; }
echo ready
read -r _
"""
"""Starts the server, and ends it when standard input ends: also when the tests were killed."""


class Postgres:
    """A cluster of its own between `with` and its end, in a temporary folder."""

    def __init__(self, programs: Path) -> None:
        """`programs` is the folder of `initdb` and `pg_ctl`."""
        self.port = 0
        self._programs = programs
        self._names = (f"test_{number}" for number in count(1))

    def __enter__(self) -> Self:
        folder = Path(mkdtemp(prefix="tls-audit-postgres-"))
        account = _account()
        password = folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        if account is not None:
            for path in (folder, password):
                shutil.chown(path, account, account)
        try:
            self._make(folder, account)
            self._start(folder, account)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._watcher.communicate()

    def url(self) -> str:
        """Where a new, empty database is: `postgresql://…`."""
        name = next(self._names)
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def _make(self, folder: Path, account: str | None) -> None:
        made = subprocess.run(
            [
                self._programs / "initdb",
                f"--pgdata={folder / 'data'}",
                f"--username={USER}",
                f"--pwfile={folder / 'password'}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ],
            cwd=folder,
            user=account,
            group=account,
            extra_groups=None if account is None else (),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    def _start(self, folder: Path, account: str | None) -> None:
        # bound, though not listened on, the port is nobody else's while the server comes for it
        with socket.socket() as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
            options = " ".join(f"-c {option}" for option in (*OPTIONS, f"port={self.port}"))
            self._watcher = subprocess.Popen(
                ["/bin/sh", "-c", SCRIPT, "sh", self._programs, folder, options],
                cwd=folder,
                user=account,
                group=account,
                extra_groups=None if account is None else (),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the tests, which then end it in order
                text=True,
            )
            assert self._watcher.stdout is not None
            if self._watcher.stdout.readline() != "ready\n":
                _, said = self._watcher.communicate()
                raise RuntimeError(f"PostgreSQL did not start: {said}")


def _account() -> str | None:
    return ACCOUNT if os.geteuid() == 0 else None


def find() -> Path | None:
    """The folder of PostgreSQL's programs, of the newest version where Debian has put several."""
    known = shutil.which("initdb")
    if known is not None:
        return Path(known).resolve().parent
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(debian, key=lambda folder: float(folder.parent.name), default=None)


def _why_not(programs: Path | None) -> str:
    """Why there can be none here; nothing where it can."""
    if programs is None:
        return "PostgreSQL is not installed: apt-get install -y postgresql"
    if _account() is not None and not any(user.pw_name == ACCOUNT for user in pwd.getpwall()):
        return f"PostgreSQL refuses to run as root, and there is no user {ACCOUNT}: useradd {ACCOUNT}"
    return ""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for this worker's tests; skips where there is none."""
    programs = find()
    why = _why_not(programs)
    if programs is None or why:
        pytest.skip(why)
    with Postgres(programs) as started:
        yield started


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database: of SQLite, and of PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url()
