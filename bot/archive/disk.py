"""The archive's folder, whose errors are told in plain words."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def plain_errors(folder: Path, done: str = "written") -> Iterator[None]:
    """What the disk, SQLite and DuckDB raise, in plain words."""
    hint = "See that its folder can be written and the disk has room (TLS_AUDIT_ARCHIVE), then try again."
    try:
        yield
    except _errors() as error:
        detail = f"{folder}: {_reason(error)}"
        raise EngineError(f"The archive could not be {done}.", hint, detail=detail) from error


def _errors() -> tuple[type[Exception], ...]:
    """DuckDB's only where anything has loaded it: an archive's ledger is read without."""
    duckdb: Any = sys.modules.get("duckdb")
    return (OSError, sqlite3.Error, *([duckdb.Error] if duckdb else []))


def _reason(error: Exception) -> str:
    """Why, without a number that only programs know. The system names a file only where there is one."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).partition("\n")[0]


def exact(path: Path | str) -> str:
    """A path in which DuckDB sees no pattern. In a pattern it takes a backslash for a separator; but a path
    that is there it takes as it is."""
    if "\\" in str(path):
        return str(path)
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def sync(path: Path) -> None:
    """Have what is at `path` be on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
