"""From version 2, as docs/upgrade.md promises: what it left behind is taken over by this bot."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from bot.archive.archive import Archive
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.runs import Runs
from tests.support.logs import quietly

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

LEFT = Path(__file__).parents[1] / "fixtures" / "version2"
EXPECTED: dict[str, Any] = json.loads((LEFT / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_its_runs_digests_and_findings_are_all_there(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "sqlite":
        shutil.copy(LEFT / "runs.sqlite", tmp_path)
        url = f"sqlite:///{tmp_path / 'runs.sqlite'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.url()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute((LEFT / "runs.sql").read_text(encoding="utf-8").encode())

    with closing(Database(url)) as database:
        states = {state: count for state, count in Runs(database).states().items() if count}
        digests = Digests(database)
        findings = {str(each.id): len(digests.findings(each.id)) for each in digests.all()}

    assert states == EXPECTED["states"]
    assert findings == {number: len(EXPECTED["findings"].get(number, [])) for number in findings}
    assert sum(findings.values()) == EXPECTED["rows"]["findings"]
    assert len(findings) == EXPECTED["rows"]["digests"]


def test_its_archive_is_read_on_and_not_anew(tmp_path: Path) -> None:
    shutil.copytree(LEFT / "archive", tmp_path / "archive")
    with closing(sqlite3.connect(tmp_path / "archive" / "ledger.sqlite")) as ledger:
        (held,) = ledger.execute("SELECT sum(events) FROM batches").fetchone()

    told = Archive(tmp_path / "archive").ingest([], progress=quietly)

    assert held > 0
    assert (told.files, told.events) == (0, 0)
    assert Archive(tmp_path / "archive").has_events()
