"""One commit for many: what several threads write at once waits for the disk once.

A commit costs milliseconds, however little it keeps. Whoever comes while one is under way waits for it, and
all who have come by then are kept by the next one.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Together(Generic[T]):
    """Gives `write` all that has come since it was called last. Safe from any thread."""

    def __init__(self, write: Callable[[list[T]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: list[tuple[T, Future[bool]]] = []
        """Each value, and whether it is written: no means that its thread is to write all that waits."""
        self._is_writing = False

    def add(self, value: T) -> None:
        """Return once `value` is written; raise what writing it, and what came with it, raised."""
        with self._lock:
            written: Future[bool] = Future()
            self._waiting.append((value, written))
            writes, self._is_writing = not self._is_writing, True
        # whoever writes does so once, and hands on: nobody shall wait for all who come after
        if writes or not written.result():
            self._write_waiting()

    def _write_waiting(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        try:
            self._write([value for value, _ in batch])
        except BaseException as error:
            for _, written in batch:
                if not written.done():
                    written.set_exception(error)
            raise
        else:
            for _, written in batch:
                if not written.done():
                    written.set_result(True)
        finally:
            with self._lock:
                self._is_writing = bool(self._waiting)
                following = self._waiting[0][1] if self._waiting else None
            if following is not None:
                following.set_result(False)
