"""Engines: the lakes that can answer. A new one is one file here, or a folder, and one line in `ENGINES`."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, Self, TypeVar

from bot.environment import Section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    from sqlglot import exp

    from bot.archive.archive import Archive
    from bot.archive.ingest import Ingested
    from bot.archive.ingest import Progress as IngestProgress
    from bot.table import Column, Row, Table

ENGINES: Final[dict[str, str]] = {
    "local": "bot.engines.local:Local",
    "lake": "bot.engines.lake.engine:Lake",
    "athena": "bot.engines.athena.engine:Athena",
    "cloudwatch": "bot.engines.cloudwatch.engine:CloudWatch",
}
"""Where each engine is, by its name in `engine=` and `TLS_AUDIT_ENGINE`: a module, and a class in it.

Each is imported only when something asks for it. Who runs the bot from code of their own adds a line before
the settings are loaded.
"""

DEFAULT_ENGINE: Final = "local"
"""The engine that answers where no setting says another. It reads the archive, and so also what is asked of
sample events: its place is here and not in an `if`."""


class Progress(Protocol):
    """Told of every step of a run by the engine that runs it."""

    def __call__(self, ref: str | None, state: str, scanned: int, /) -> None:
        """Keep `ref`, the engine's own name for the run, before anything else is done with it.

        `state` is the engine's word for people ("running"), `scanned` the bytes read so far. Raises
        Cancelled when the run is not wanted any more: the engine then stops it at its own side and lets
        Cancelled pass. LeaseLost and ShuttingDown say that another attempt will go on with the same query:
        the engine leaves it running and lets them pass.
        """


@dataclass(frozen=True, slots=True)
class Statement:
    """What an engine runs: its own SQL, and the columns the view promises, so that no rows have them too.

    It is written down before it is run, and whoever runs it has what was written down and nothing else.
    """

    sql: str
    columns: tuple[Column, ...]
    store: str = ""
    """The store it is for, by its alias, where the engine has several."""
    caution: str = ""
    """Why its asker should confirm it first, in words; empty where there is no reason."""
    fold: str = ""
    """The SELECT, in Lake's dialect, that makes the answer from what the engine says; nothing: it says it."""
    layout: str = ""
    """What else the engine has to know of what it is told, in words of its own, such as JSON."""

    @property
    def shown(self) -> str:
        """For people: what is asked, and what is made of the answer here where there is a fold."""
        return self.sql + (f"\n\n# whose rows are folded here:\n{self.fold}" if self.fold else "")


@dataclass(frozen=True, slots=True)
class Sources:
    """What an engine's events of a window come from, and what of it never became events."""

    left_out: Mapping[str, int] = field(default_factory=dict)
    """Files that may hold events of the window and could not be read, by reason: `denied`, `archived`."""

    records: int = 0
    """Records that could not be read, in files of which the rest was."""

    lost: int = 0
    """Files of its own that are not there any more, or that it cannot explain and therefore does not read."""

    is_reading: bool = False
    """Whether more is being read right now."""

    oldest: datetime | None = None
    newest: datetime | None = None
    """Between which moments it has events at all, whatever the window; None: it has none."""

    unlooked: tuple[str, ...] = ()
    """Places of its log files of which some of the window's days were never looked at."""

    kept_since: date | None = None
    """The first day that is still kept, where the window begins before it."""

    empty_days: tuple[date, ...] = ()
    """Whole days in UTC, of the window and between `oldest` and `newest`, of which it has no event."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing `tls-audit doctor` looked at, and what to do when it is not right."""

    what: str
    passed: bool
    mend: str = ""
    warns: bool = False
    """Whether it passed, and still there is something to know: one stray file is no failure for ever."""


class Fold(Protocol):
    """Answers a SELECT over rows that are at hand, and not over events."""

    def __call__(
        self, sql: str, columns: Sequence[Column], finer: Sequence[Column], rows: Sequence[Row]
    ) -> Table:
        """The rows of `sql`, in Lake's dialect, under `columns`. It reads from one table, whose columns are
        `finer` and whose rows are `rows`. Raises EngineError where it fails."""


def fold(sql: str, columns: Sequence[Column], finer: Sequence[Column], rows: Sequence[Row]) -> Table:
    """`Fold`, by the embedded engine, which is imported only where something is folded."""
    folded: Table = import_module("bot.engines.local.fold").fold(sql, columns, finer, rows)
    return folded


@dataclass(frozen=True, slots=True)
class Offer:
    """What the bot has for whichever engine is made."""

    archive: Archive
    """The events of CloudTrail's log files, as Parquet."""

    logs: tuple[str, ...] = ()
    """Where those log files are, folders or `s3://bucket/prefix`; empty: nowhere that we know."""

    logs_except: tuple[str, ...] = ()
    """Patterns of what is not to be read there, as the shell's."""

    pause: Callable[[float], None] = time.sleep
    """How to wait for some seconds. It raises ShuttingDown where the bot stops meanwhile."""

    logs_queue: str = ""
    """The URL of the queue that tells of new ones in S3; empty: none does."""

    fold: Fold = fold
    """What makes an answer from rows finer than it."""


class Engine(Protocol):
    """Whatever can answer a view over CloudTrail events. Subclass it, for what most engines have in common.

    An engine must have a `name`, `translate` and `run`; all else has a default. It is made once for a process
    by `make`, and then used from many threads at once. Its errors are those of `bot.errors`, in words for
    people. `tests/engines/test_contract.py` says what its answers owe; `tests/engines/toy.py` is one in a
    single file.
    """

    name: str
    """As in `ENGINES`."""

    Settings: ClassVar[type[Section]] = Section
    """Its own settings: `TLS_AUDIT_…`, with names that no other part of the bot has. They are read, checked
    and explained to people together with all others."""

    price: float | None = None
    """Dollars for each gigabyte that it reads, a gigabyte being 10^9 bytes; None where reading is free."""

    concurrency: int = 1
    """How many of its queries may run at once, over all replicas of the bot."""

    stores: Collection[str] = ()
    """What a question may say as `store=`, the default first."""

    is_set_up: bool = True
    """Whether it can be asked with these settings; where not, `engine=` does not know it in Slack."""

    @classmethod
    def make(cls, settings: Any, offer: Offer) -> Self:  # noqa: ARG003 - for those that need them
        """The engine, from `settings`, an instance of its `Settings`. Reads no file and calls nobody."""
        return cls()

    @property
    def metered(self) -> bool:
        """Whether what it reads is paid for: what was covered is then asked only where it is needed."""
        return self.price is not None

    def refresh(self) -> None:
        """Look anew at what `translate` goes by, where others may change it, as the columns of a table.

        It is called when the bot starts, and each time before a question is translated in the background.
        Raises EngineError where it cannot be looked at.
        """
        return None  # noqa: RET501 - without it, mypy takes this for a method that engines must have

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        """The engine's own text of `select`, a tree in Lake's dialect. Does no input or output.

        `select` reads from `bot.question.select.STORE`, or from the store that the question names. Raises
        UserError where the engine cannot say it, in words about the asker's question.
        """

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """Every row of `statement`, typed as its columns say.

        `token` names this asking for good: a second run with it must not be paid for twice. `resume` is
        the `ref` of an earlier attempt, to be fetched instead of asked again. Raises EngineBusy when
        there is no room now, EngineError in the engine's own words when it fails, and whatever
        `progress` raised.
        """

    def sources(self, start: datetime | None = None, end: datetime | None = None) -> Sources | None:  # noqa: ARG002 - as below
        """What its events from `start` to before `end` come from, or all of them; None where it does not
        know. Asked after every answer, and whenever metrics are read: it has to be cheap, and free."""
        return None

    def prepare(
        self,
        progress: Callable[[], AbstractContextManager[Callable[[IngestProgress], None]]],  # noqa: ARG002 - for those that need it
        since: datetime | None = None,  # noqa: ARG002 - for those that need it
        until: datetime | None = None,  # noqa: ARG002 - for those that need it
    ) -> Ingested | None:
        """Take in what is new, of the time from `since` until `until`, before somebody at a terminal asks
        about it, where no bot does so in the background.

        `progress` opens a display of that. Returns what was taken in; None where there was nothing to do.
        Raises UserError where there is nothing to ask yet.
        """
        return None

    def checks(self, *, is_default: bool) -> Iterable[Check]:  # noqa: ARG002 - for those that need it
        """What `tls-audit doctor` says of it; `is_default`: questions that name no engine come to it.

        One that is neither the default nor set up has nothing to say.
        """
        return ()

    def policy(self) -> Mapping[str, Any] | None:
        """The least IAM policy with which it can be asked; None where it calls nothing of AWS's."""
        return None


def find(name: str) -> type[Engine]:
    """The engine called `name`, one of `ENGINES`, not yet made."""
    module, _, attribute = ENGINES[name].partition(":")
    found: type[Engine] = getattr(import_module(module), attribute)
    return found


T = TypeVar("T")


class Each(Mapping[str, T], Generic[T]):
    """Something of each engine by its name, made by `make` when it is first asked for: who asks one engine
    need not wait until all are imported."""

    def __init__(self, names: Collection[str], make: Callable[[str], T]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Stores(Collection[str]):
    """What a question may say as `store=`, of all `engines`. They are looked at when this is."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = engines

    def __iter__(self) -> Iterator[str]:
        return (store for one in self._engines.values() for store in one.stores)

    def __contains__(self, name: object) -> bool:
        return any(each == name for each in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
