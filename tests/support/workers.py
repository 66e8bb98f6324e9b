"""Workers, as tests have them: built alike, worked by hand, and waited for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

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

LOOK_SECONDS: Final = 0.1
"""How often one looks for what no worker of ours has ended: each look costs a millisecond of CPU."""

_waiting: WeakKeyDictionary[Worker, list[threading.Event]] = WeakKeyDictionary()
"""Who waits for the end of a run, by the worker that may end it."""


def worker_over(
    database: Database, engines: Mapping[str, Engine], publisher: Publisher, grammar: Grammar, **more: Any
) -> Worker:
    """A worker over `database`; `more` goes to it. Two runs at once of each engine, if that says nothing."""
    usual: dict[str, Any] = {"limits": dict.fromkeys(engines, 2), "cap": 1_000, "owner": "tests"}
    told = more.pop("ended", lambda _: None)
    waiting: list[threading.Event] = []

    def ended(run: Run) -> None:
        told(run)
        for each in tuple(waiting):
            each.set()

    worker = Worker(
        Runs(database), Digests(database), engines, publisher, grammar, ended=ended, **usual | more
    )
    _waiting[worker] = waiting
    return worker


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
    some = threading.Event()
    waiting = _waiting.setdefault(worker, [])
    waiting.append(some)
    try:
        while True:
            some.clear()
            run = worker.runs.get(run_id)
            left = until - time.monotonic()
            if run is None or run.state in ENDED or left < 0:
                return run
            some.wait(min(LOOK_SECONDS, left))
    finally:
        waiting.remove(some)
