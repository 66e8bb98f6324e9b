"""`tls-audit …`, as a test runs it: within this process, and in a home of its own."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import pytest

from bot import settings
from bot.cli.main import main

SCRIPT: Final = str(Path(sys.executable).with_name("tls-audit"))
"""The console script, for what needs a process of its own."""


class Done(NamedTuple):
    """What a command left: its exit code, and what it said where."""

    code: int
    out: str
    err: str


class TlsAudit(Protocol):
    """Runs the command with these arguments; `typed` is what stdin gives."""

    def __call__(self, *arguments: str, typed: str = "") -> Done: ...


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting but the test's own, its data in the test's folder, UTC, and eighty columns."""
    for name in settings.names().values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def tls_audit(
    own_home: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> TlsAudit:
    """Runs `tls-audit …` as its console script does."""
    del own_home

    def run(*arguments: str, typed: str = "") -> Done:
        capsys.readouterr()
        with monkeypatch.context() as process:
            process.setattr(sys, "argv", ["tls-audit", *arguments])
            process.setattr(sys, "stdin", io.StringIO(typed))
            with pytest.raises(SystemExit) as end:
                main()
        return Done(end.value.code if isinstance(end.value.code, int) else 0, *capsys.readouterr())

    return run
