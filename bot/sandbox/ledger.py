"""What went over the wire, and which of Slack's rules were broken."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

TRAFFIC_KEPT = 2_000
BROKEN_KEPT = 5_000


@dataclass(frozen=True)
class Broken:
    """One rule of Slack's that the app broke: the rule's code, where, the JSON pointer if any, and words."""

    rule: str
    where: str
    words: str
    pointer: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class Exchange:
    """One thing over the wire. `way` is "app → slack" or back; `what` a method or a kind of envelope."""

    number: int
    at: float
    way: str
    what: str
    sent: Any
    answer: Any = None
    status: int = 200
    injected: bool = False

    @property
    def ok(self) -> bool:
        """Whether it was answered well."""
        failed = isinstance(self.answer, dict) and self.answer.get("ok") is False
        return self.status == 200 and not failed


class Ledger:
    """The newest traffic and broken rules; whoever listens hears of each."""

    def __init__(self, now: Callable[[], float], changed: threading.Condition) -> None:
        self._now, self._changed = now, changed
        self._count = 0
        self.traffic: deque[Exchange] = deque(maxlen=TRAFFIC_KEPT)
        self.broken: deque[Broken] = deque(maxlen=BROKEN_KEPT)
        self.listeners: list[Callable[[Exchange | Broken], None]] = []

    def record(
        self, way: str, what: str, sent: Any, answer: Any = None, *, status: int = 200, injected: bool = False
    ) -> Exchange:
        """Keep what went over the wire."""
        with self._changed:
            self._count += 1
            one = Exchange(self._count, self._now(), way, what, sent, answer, status, injected)
            self.traffic.append(one)
            self._tell(one)
        return one

    def breach(self, rule: str, where: str, words: str, pointer: str = "") -> None:
        """Keep that a rule was broken."""
        with self._changed:
            one = Broken(rule, where, words, pointer, self._now())
            self.broken.append(one)
            self._tell(one)

    def _tell(self, one: Exchange | Broken) -> None:
        self._changed.notify_all()
        for listener in list(self.listeners):
            listener(one)
