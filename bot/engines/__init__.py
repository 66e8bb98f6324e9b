"""Engines: the lakes that can answer. A new one is a file here; CONTRIBUTING.md says where its name goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from bot.table import Column, Table

NAMES: Final = ("local", "lake")


class Progress(Protocol):
    """Told of every step of a run by the engine that runs it."""

    def __call__(self, ref: str | None, state: str, scanned: int, /) -> None:
        """Keep `ref`, the engine's own name for the run, before anything else is done with it.

        `state` is the engine's word for people ("running"), `scanned` the bytes read so far. Raises
        Stopped when the run is not wanted any more; the engine then cancels it and lets Stopped pass.
        """


class Engine(Protocol):
    """Whatever can run a view. `tests/engines` is its contract."""

    name: str
    """As in `engine=` and `TLS_AUDIT_ENGINE`."""

    metered: bool
    """Whether what it reads is paid for: what was covered is then asked only where it is needed."""

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        """The engine's own text of `select`, a tree in Lake's dialect. Does no input or output.

        Raises UserError where the engine cannot say it, in words about the asker's question.
        """

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """Every row of `statement`, typed as its columns say.

        `token` names this asking for good: a second run with it must not be paid for twice. `resume` is
        the `ref` of an earlier attempt, to be fetched instead of asked again. Raises EngineBusy when
        there is no room now, EngineError in the engine's own words when it fails, and Stopped as
        `progress` raised it.
        """


@dataclass(frozen=True, slots=True)
class Statement:
    """What an engine runs: its own SQL, and the columns the view promises, so that no rows have them too."""

    sql: str
    columns: tuple[Column, ...]
    store: str = ""
    """The store it is for, by its alias, where the engine has several."""
