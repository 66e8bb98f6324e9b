"""A bot forked from a process that has read its modules: `tls-audit serve` spends a second on them."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from bot.cli.main import main
from bot.question import views

if TYPE_CHECKING:
    import signal
    from pathlib import Path

READ: Final = (
    *("bot.app.ask", "bot.app.digests", "bot.bootstrap", "bot.cli.serve", "bot.engines.lake.engine"),
    *("bot.engines.local", "bot.ops.health", "bot.ops.logs", "bot.settings", "bot.store.runs"),
    *("bot.worker.worker", "handlers.publishing.publisher", "boto3", "botocore.client", "psycopg"),
    *("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite"),
    "tests.crash.warm",
)
"""What the bot reads when it starts, and this module."""

views.load()  # whoever is forked has them


class Forked:
    """One bot, as `subprocess.Popen` would have it; it logs to `log`, in `folder`."""

    def __init__(self, folder: Path, log: Path, environment: dict[str, str]) -> None:
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(list(READ))
        self._process = forks.Process(target=_serve, args=(str(folder), str(log), environment))
        self._process.start()

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """The same, once it has ended, or after so many seconds."""
        self._process.join(timeout)
        return self._process.exitcode

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)


def _serve(folder: str, log: str, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.argv = ["tls-audit", "serve"]
    main()
