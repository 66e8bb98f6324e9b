"""A run: one asking, as it is remembered. Values only; `runs` keeps them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal
from uuid import uuid4

from bot.engines import Statement
from bot.store.queue import LEASE
from bot.table import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.store.schema import Kind, State

ReceiptKind = Literal["message", "file", "edit", "upload", "failed", "nothing"]
"""A message, a file that people see, and an edit of the run's parent message; a file's bytes that nobody sees
yet; a part that failed once and is tried again; and a part that had nothing to show."""

PARENT: Final = "parent"
"""The part under which the others are posted. Its place is `home` and `thread`; it has no receipt."""

SEEN: Final = frozenset({"message", "file"})
"""Kinds of receipts for what would be seen twice if it was posted again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a run, and the engine's ref once it has one."""

    name: str
    """What it is for: `answer`, `coverage`; for a scan, `before` and `since` too."""
    statement: Statement
    ref: str | None = None
    scanned: int = 0
    """Bytes read for it, which are paid for; none for what another run has paid for."""
    adopted: float | None = None
    """When the run was asked whose result is taken, in seconds since 1970; None: it asks by itself."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a part of an answer, and the surface's word for it: a timestamp, a file's id."""

    kind: ReceiptKind
    ref: str = ""


@dataclass(frozen=True, slots=True)
class QuestionTask:
    """To answer what someone asked."""

    kind: ClassVar[Kind] = "question"
    typed: str
    """The question as it was typed: what Rerun asks anew."""
    view: str
    """The name of the view that it asks."""


@dataclass(frozen=True, slots=True)
class ScanTask:
    """To find out for digests, which await it, what is there; asked by nobody."""

    kind: ClassVar[Kind] = "scan"
    previous: str
    """The window before the one of its text, as `parse` reads it back; empty where it counts only."""
    looks_back: bool = False
    """Whether it is for a baseline, and looks for when its findings began, if that costs little."""


@dataclass(frozen=True, slots=True)
class DigestTask:
    """To post one digest from the scan that it awaits."""

    kind: ClassVar[Kind] = "digest"
    digest: int
    day: date
    """The local date for which the digest is due."""
    awaits: str | None = None
    """The scan, which has to end first; None where the digest's question means nothing any more."""
    at_once: bool = False
    """Whether it is told out of its turn, which is not late; else it came by its schedule."""


@dataclass(frozen=True, slots=True)
class PreviewTask:
    """To post what the window of its text would say in a digest, from the scan that it awaits; none of it is
    remembered."""

    kind: ClassVar[Kind] = "preview"
    digest: int
    awaits: str | None = None
    """As a digest's."""


@dataclass(frozen=True, slots=True)
class WatchTask:
    """To look at one client from the scan that it awaits, and to tell where its watch ends with that."""

    kind: ClassVar[Kind] = "watch"
    watch: int
    day: date
    """The local date on which it is due; the day before is looked at."""
    awaits: str | None = None
    """The scan, which has to end first; None where its question means nothing any more."""


@dataclass(frozen=True, slots=True)
class UrgentTask:
    """To tell what is new to a digest of its urgent services in the window of its text, from the scan that it
    awaits."""

    kind: ClassVar[Kind] = "urgent"
    digest: int
    awaits: str | None = None
    """As a digest's."""


Task = QuestionTask | ScanTask | DigestTask | PreviewTask | WatchTask | UrgentTask


@dataclass(frozen=True, slots=True)
class Run:
    """One asking. `id` is ours, `key` the asking's, a step's `ref` the engine's, `thread` the surface's."""

    id: str
    key: str
    task: Task
    user: str
    """Who asked; empty where nobody did."""
    channel: str
    """Where it was asked."""
    text: str
    """What is asked, as `parse` reads it back, whenever it is read."""
    engine: str
    created: datetime
    reply_to: str | None = None
    """The thread it was asked in, which then gets the answer; else the answer opens one."""
    zone: str = "UTC"
    """The asker's zone, by its name, where the words depend on it."""
    steps: tuple[Step, ...] = ()
    state: State = "queued"
    home: str | None = None
    """The channel its messages are in: `channel`, or the asker's direct messages."""
    thread: str | None = None
    """The timestamp of its parent message."""
    receipts: Mapping[str, Receipt] = field(default_factory=dict)
    """What was posted beside the parent, by the part's name."""
    owner: str | None = None
    lease: datetime | None = None
    fence: int = 0
    attempts: int = 0
    maybe_posted: bool = False
    """Whether something may have been posted that has no receipt: then one looks before one posts."""
    due: datetime | None = None
    """Not to be tried before this."""
    wanted: bool = True
    """False once someone cancelled it."""
    started: datetime | None = None
    answered: datetime | None = None
    """When the engine had answered, and posting began."""
    finished: datetime | None = None
    scanned: int = 0
    rows: int | None = None
    belief: str | None = None
    """What its answer may claim, as `bot.answers.belief.Belief` has it; None where it has none."""
    error: str | None = None

    @property
    def kind(self) -> Kind:
        return self.task.kind

    @property
    def typed(self) -> str:
        """What a person typed; empty where nobody asked."""
        return self.task.typed if isinstance(self.task, QuestionTask) else ""

    @property
    def waited(self) -> timedelta:
        """How long its asker has waited, when it was last written down at work."""
        return timedelta() if self.lease is None else self.lease - LEASE - self.created

    def has(self, part: str) -> bool:
        """Whether a part is there, so that it need not be posted."""
        if part == PARENT:
            return self.thread is not None
        return part in self.receipts and self.receipts[part].kind != "failed"


def new_id() -> str:
    """An id for a run, short enough to be typed."""
    return uuid4().hex[:8]


# --- as the table has it


def to_columns(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a run, by the columns of its table."""
    columns = dict(changes)
    if "steps" in columns:
        columns["steps"] = [asdict(step) for step in columns["steps"]]
    if "receipts" in columns:
        columns["receipts"] = {part: asdict(receipt) for part, receipt in columns["receipts"].items()}
    if "task" in columns:
        columns |= _task_columns(columns.pop("task"))
    return columns


def _task_columns(task: Task) -> dict[str, Any]:
    columns = {**_NO_TASK, "kind": task.kind} | {each.name: getattr(task, each.name) for each in fields(task)}
    if isinstance(task, (DigestTask, WatchTask)):
        columns["day"] = task.day.isoformat()
    return columns


_NO_TASK: Final = {
    "typed": "",
    "view": None,
    "previous": None,
    "looks_back": False,
    "digest": None,
    "watch": None,
    "day": None,
    "awaits": None,
    "at_once": False,
}
"""The columns of tasks, as they are where another kind of task has them."""


def from_columns(columns: Mapping[str, Any]) -> Run:
    """The run of a row."""
    own = {name: value for name, value in columns.items() if name not in {*_NO_TASK, "kind"}}
    own["task"] = _read_task(columns)
    own["steps"] = tuple(_read_step(step) for step in columns["steps"])
    own["receipts"] = {part: Receipt(**receipt) for part, receipt in (columns["receipts"] or {}).items()}
    return Run(**own)


def _read_task(columns: Mapping[str, Any]) -> Task:
    if columns["kind"] == QuestionTask.kind:
        return QuestionTask(columns["typed"], columns["view"] or "")
    if columns["kind"] == ScanTask.kind:
        return ScanTask(columns["previous"], columns["looks_back"])
    if columns["kind"] == PreviewTask.kind:
        return PreviewTask(columns["digest"], columns["awaits"])
    if columns["kind"] == UrgentTask.kind:
        return UrgentTask(columns["digest"], columns["awaits"])
    day = date.fromisoformat(columns["day"])
    if columns["kind"] == WatchTask.kind:
        return WatchTask(columns["watch"], day, columns["awaits"])
    return DigestTask(columns["digest"], day, columns["awaits"], columns["at_once"])


def _read_step(step: Mapping[str, Any]) -> Step:
    statement = step["statement"]
    columns = tuple(Column(**column) for column in statement["columns"])
    # what an older version wrote has fewer
    texts = {each.name: statement[each.name] for each in fields(Statement) if each.name in statement}
    read = Statement(**{**texts, "columns": columns})
    return Step(step["name"], read, step["ref"], step.get("scanned", 0), step.get("adopted"))
