"""The logs of `serve`: one JSON object a line, which says which run it is about and no secret.

`time` (RFC 3339, UTC), `level`, `logger`, `event` and, where they are known, `run` and `exc`; then what
was given as `extra`. Everything is ASCII: what strangers chose can neither begin a line nor turn one around.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence, Set
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from bot.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

DEPTH_KEPT: Final = 4
"""How deep an extra's lists and mappings are kept as such; below, they are text."""

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""The attributes every record has; any other is an extra."""

_OURS: Final = frozenset({"time", "level", "logger", "event", "exc", "stack"})

_run: ContextVar[str | None] = ContextVar("run", default=None)


def set_up(stream: TextIO | None = None, level: int = logging.INFO, *, secrets: Iterable[str] = ()) -> None:
    """Log to `stream`, else to standard error, from `level` up; warnings of Python's own too.

    `secrets` are never written, nor is what looks like one. A second call takes the place of the first.
    """
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each.formatter, Lines)]:
        root.removeHandler(earlier)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines(secrets))
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=True)


@contextmanager
def about(run_id: str) -> Iterator[None]:
    """Within, every log line of this thread is about a run."""
    token = _run.set(run_id)
    try:
        yield
    finally:
        _run.reset(token)


class Lines(logging.Formatter):
    """Makes one line of JSON of a record, whatever it holds."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._hide = Secrets(secrets).hide

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, without its end."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat("T", "milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": self._hide(record.name),
            "event": self._hide(_message(record)),
        }
        run = _run.get()
        if run is not None:
            said["run"] = self._hide(run)
        for name, value in vars(record).items():
            if name not in _STANDARD:
                key = self._hide(name)
                said[f"{key}_" if key in _OURS else key] = self._plain(value)
        if record.exc_info and record.exc_info[0] is not None:
            said["exc"] = self._hide(self.formatException(record.exc_info))
        if record.stack_info:
            said["stack"] = self._hide(self.formatStack(record.stack_info))
        return json.dumps(said)

    def _plain(self, value: object, depth: int = 0) -> Any:
        """A value as JSON has it, without secrets."""
        if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and isfinite(value)):
            return value
        if depth < DEPTH_KEPT and isinstance(value, Mapping):
            return {self._hide(_text(key)): self._plain(each, depth + 1) for key, each in value.items()}
        if depth < DEPTH_KEPT and isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes)):
            return [self._plain(each, depth + 1) for each in value]
        return self._hide(_text(value))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - whatever is wrong with its arguments, the line is worth having
        return _text(record.msg)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a stranger's class may raise anything
        return f"<{type(value).__name__}>"
