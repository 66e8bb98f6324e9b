"""Trouble on demand: answers that are late, wrong, cut, or never come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.sandbox.shapes import Json

UPLOAD, RESPONSE_URL = "upload", "response_url"
Where = Callable[[Json], bool]


@dataclass
class Fault:
    """One kind of trouble for a method, for so many calls; `where` looks at the call's arguments."""

    method: str
    times: int
    kind: str
    where: Where = lambda _arguments: True
    status: int = 200
    error: str = ""
    extra: Json = field(default_factory=dict)
    retry_after: int = 1
    hold: Hold | None = None


class Hold:
    """Calls that are kept waiting: `arrived` tells of one, `release` lets all go on, `drop` cuts them."""

    def __init__(self) -> None:
        self._arrived, self._open = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._released = False
        self._dropped = False

    def arrived(self, seconds: float = 10.0) -> None:
        """Return once a call waits here."""
        if not self._arrived.wait(seconds):
            raise TimeoutError("no call came to be held")

    def release(self) -> None:
        """Let those that wait, and all later ones, go on."""
        self._released = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._open.set)

    def drop(self) -> None:
        """Break the connection of those that wait, and of all later ones: nothing more comes of them."""
        self._dropped = True
        self.release()

    async def wait(self) -> bool:
        """What a held call does; False where it was dropped."""
        self._loop = asyncio.get_running_loop()
        self._arrived.set()
        if not self._released:
            await self._open.wait()
        return not self._dropped


class Faults:
    """What to spoil. Each is used up after `times` calls; the oldest that fits is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self.repeats = 0
        self.lost = 0
        self.unshared = 0

    def ratelimit(
        self, method: str, times: int = 1, retry_after: int = 1, where: Where | None = None
    ) -> None:
        """429 with Retry-After."""
        self._add(Fault(method, times, "status", status=429, retry_after=retry_after), where)

    def status(self, method: str, status: int = 500, times: int = 1, where: Where | None = None) -> None:
        """Another HTTP status, with a body that is not JSON."""
        self._add(Fault(method, times, "status", status=status), where)

    def error(
        self, method: str, error: str, times: int = 1, where: Where | None = None, extra: Json | None = None
    ) -> None:
        """`{"ok": false, "error": …}` and nothing done; `extra` is added to the answer."""
        self._add(Fault(method, times, "error", error=error, extra=extra or {}), where)

    def cut_before(self, method: str, times: int = 1, where: Where | None = None) -> None:
        """The connection breaks and nothing was done."""
        self._add(Fault(method, times, "cut_before"), where)

    def cut_after(self, method: str, times: int = 1, where: Where | None = None) -> None:
        """The connection breaks after the call took effect: the app cannot know."""
        self._add(Fault(method, times, "cut_after"), where)

    def hold(self, method: str, times: int = 1, where: Where | None = None) -> Hold:
        """The call waits, with nothing done yet, until released."""
        hold = Hold()
        self._add(Fault(method, times, "hold", hold=hold), where)
        return hold

    def hold_after(self, method: str, times: int = 1, where: Where | None = None) -> Hold:
        """The call takes effect, and its answer waits until released."""
        hold = Hold()
        self._add(Fault(method, times, "hold_after", hold=hold), where)
        return hold

    def repeat_events(self, times: int = 1) -> None:
        """The next events are delivered twice, although the first was acknowledged."""
        self.repeats += times

    def lose_payloads(self, times: int = 1) -> None:
        """The next commands, clicks and forms go to a connection that is dead and nobody knows it."""
        self.lost += times

    def never_share(self, times: int = 1) -> None:
        """The next completed uploads answer ok and never appear."""
        self.unshared += times

    def clear(self) -> None:
        """No more trouble."""
        with self._lock:
            self._waiting.clear()
        self.repeats = self.lost = self.unshared = 0

    def take(self, method: str, arguments: Json) -> Fault | None:
        """The trouble due for this call, used up by one."""
        with self._lock:
            for fault in self._waiting:
                if fault.method in (method, "*") and fault.where(arguments):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def _add(self, fault: Fault, where: Where | None) -> None:
        if where is not None:
            fault.where = where
        with self._lock:
            self._waiting.append(fault)
