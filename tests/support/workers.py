"""Workers, as tests have them: built alike, worked by hand, and waited for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from bot.store.digests import Digests
from bot.store.runs import Runs
from bot.store.schema import ENDED
from bot.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.app.grammar import Grammar
    from bot.engines import Engine
    from bot.store.database import Database
    from bot.store.run import Run
    from bot.worker.publisher import Publisher

LOOK_SECONDS: Final = 0.02
"""To look costs a millisecond of CPU, of which the run that is waited for has need."""


def worker_over(
    database: Database, engines: Mapping[str, Engine], publisher: Publisher, grammar: Grammar, **more: Any
) -> Worker:
    """A worker over `database`; `more` goes to it. Two runs at once of each engine, if that says nothing."""
    usual: dict[str, Any] = {"limits": dict.fromkeys(engines, 2), "cap": 1_000, "owner": "tests"}
    return Worker(Runs(database), Digests(database), engines, publisher, grammar, **usual | more)


def step(worker: Worker) -> bool:
    """Have the worker acquire one run and carry it as far as it goes; False when there is none."""
    lease = worker.acquire()
    if lease is None:
        return False
    worker.work(lease)
    return True


def ended(worker: Worker, run_id: str, seconds: float) -> Run | None:
    """The run, once it has ended; as it is when `seconds` have passed."""
    until = time.monotonic() + seconds
    while True:
        run = worker.runs.get(run_id)
        if run is None or run.state in ENDED or time.monotonic() > until:
            return run
        threading.Event().wait(LOOK_SECONDS)
