"""Back up and restore, by the very commands of docs/backup.md: while the bot works, into an empty place."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.archive.archive import Archive
from bot.demo import samples
from bot.store.database import Database
from bot.store.runs import Runs
from bot.store.schema import ENDED
from tests.crash.machine import Machine, recent
from tests.support.logs import FIRST_DAY, quietly, write_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles import lake as double
    from tests.support.postgres import Postgres

DOCUMENT = Path(__file__).parents[2] / "docs" / "backup.md"
SQLITE, POSTGRES = "SQLite, and the archive", "PostgreSQL"
ASKED = 12
"""Questions at once: when the first have ended some are under way, and some wait."""


@pytest.fixture(scope="module")
def events() -> Iterator[double.Events]:
    held = recent()
    yield held
    held.close()


def carry_out(title: str, which: int, only: str = "", **names: object) -> None:
    """What the document says under `title` in its code block number `which`, the lines with `only` in them,
    with these names' values instead of its own."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    block = re.findall(r"```sh\n(.*?)```", section, re.S)[which]
    lines = [line for line in block.splitlines() if only in line and not re.match(r"DATA=|BACKUP=", line)]
    env = {**os.environ, **{name: str(value) for name, value in names.items()}}
    done = subprocess.run(
        ["bash", "-euc", "\n".join(lines)],  # noqa: S607 - whichever bash there is
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_was_promised_before_a_backup_is_answered_after_a_restore_and_what_had_ended_not_again(
    kind: str, request: pytest.FixtureRequest, events: double.Events, tmp_path: Path
) -> None:
    lost, new, backup = tmp_path / "lost", tmp_path / "new", tmp_path / "backup"
    for folder in (lost, new, backup):
        folder.mkdir()
    if kind == "sqlite":
        before, after = (f"sqlite:///{folder / 'runs.sqlite'}" for folder in (lost, new))
    else:
        server: Postgres = request.getfixturevalue("postgres")
        before, after = server.url(), server.url()
    with Machine(tmp_path, before, events) as machine:
        machine.is_warm = True
        bot = machine.replica("bot")
        bot.start()
        askings = [machine.ask() for _ in range(ASKED)]
        machine.sandbox.wait_for(lambda: all(one.is_promised for one in askings), 30, "the promises")
        machine.sandbox.wait_for(lambda: machine.runs.states()["done"] > 0, 30, "the first answer")

        if kind == "sqlite":
            carry_out(SQLITE, 0, only="runs.sqlite", DATA=lost, BACKUP=backup)
        else:
            carry_out(POSTGRES, 0, TLS_AUDIT_DATABASE_URL=before, BACKUP=backup)

        assert machine.until_done(askings), bot.trouble
        bot.kill()
        if kind == "sqlite":
            carry_out(SQLITE, 1, only="runs.sqlite", DATA=new, BACKUP=backup)
        else:
            carry_out(POSTGRES, 1, TLS_AUDIT_DATABASE_URL=after, BACKUP=backup)

        with closing(Database(after)) as restored:
            machine.runs = Runs(restored)
            known = machine.runs_of()
            over = {run.channel for run in known if run.state in ENDED}
            assert len(known) == ASKED
            assert 0 < len(over) < ASKED
            # in the folder of the one before, whose leases are then its own
            again = machine.replica("bot", TLS_AUDIT_DATABASE_URL=after)
            again.start()
            assert machine.until_done(askings), again.trouble

            # what had not ended by then was answered by a bot of which the copy knows nothing
            assert machine.tally().lost == []
            assert machine.tally([one for one in askings if one.channel in over]).twice == {}


def test_an_archive_copied_while_logs_are_read_is_whole_and_reads_on_where_it_was(tmp_path: Path) -> None:
    logs, data, new, backup = (tmp_path / name for name in ("logs", "data", "new", "backup"))
    for folder in (new, backup):
        folder.mkdir()
    days = [FIRST_DAY + timedelta(days=n) for n in range(4)]
    write_logs(logs / "a", samples.day(days[0]))
    archive = Archive(data / "archive")
    archive.ingest([str(logs)], progress=quietly)
    for number, day in enumerate(days[1:]):
        write_logs(logs / f"b{number}", samples.day(day))
    reading = threading.Thread(target=lambda: archive.ingest([str(logs)], progress=quietly))
    reading.start()

    carry_out(SQLITE, 0, only="archive", DATA=data, BACKUP=backup)
    reading.join()
    carry_out(SQLITE, 1, only="archive", DATA=new, BACKUP=backup)
    told = Archive(new / "archive").ingest([str(logs)], progress=quietly)

    assert told.files + told.known == len(days)
    assert told.duplicates == 0
    assert files(new / "archive") == files(data / "archive")


def files(folder: Path) -> int:
    """How many bytes of Parquet an archive has, by the day."""
    return sum(path.stat().st_size for path in folder.glob("day=*/*.parquet"))
