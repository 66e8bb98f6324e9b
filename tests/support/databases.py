"""SQLite databases as tests have many: copies of one, where the bot would migrate each from nothing."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.store.database import Database


@cache
def _newest() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "runs.sqlite"
        with closing(Database(f"sqlite:///{file}")):
            pass
        return file.read_bytes()


def open_sqlite(file: Path) -> Database:
    """The database in `file`, which is made where there is none."""
    if not file.exists():
        file.write_bytes(_newest())
    return Database(f"sqlite:///{file}")
