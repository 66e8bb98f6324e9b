"""Runs: the one durable record. A question that is in here will be answered, once, whatever dies.

    queued → running → posting → done | failed | cancelled

Whoever works on a run holds its lease, and writes with the lease's number (`fence`): an owner that
was paused and wakes up late changes nothing. The record is also history, audit, cost, and the
memory by which a redelivered request is known (`key`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from bot.errors import Stopped
from bot.statement import Statement
from bot.views import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

State = Literal["queued", "running", "posting", "done", "failed", "cancelled"]

ENDED: Final = ("done", "failed", "cancelled")
AT_WORK: Final = ("running", "posting")

LEASE: Final = timedelta(seconds=30)
"""How long an owner may be silent before another takes its run."""

ATTEMPTS: Final = 3
"""A run that ended its process this often is given up."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a run: its name (`answer`, `coverage`), and the engine's ref once it has one."""

    name: str
    statement: Statement
    ref: str | None = None
    scanned: int = 0
    """Bytes read for it, which are paid for; none for what another run has paid for."""
    adopted: float | None = None
    """When the run was asked whose result is taken, in seconds since 1970; None: it asks by itself."""


@dataclass(frozen=True, slots=True)
class Run:
    """One asking. `id` is ours, `key` the asking's, each step's `ref` the engine's, `thread` Slack's."""

    id: str
    key: str
    user: str
    channel: str
    """Where it was asked."""
    reply_to: str | None
    """The thread it was asked in, which then gets the answer; else the answer opens one."""
    typed: str
    """The question as it was typed: what Rerun asks anew."""
    text: str
    """The same as `parse` reads it back, whenever it is read."""
    engine: str
    steps: tuple[Step, ...]
    created: datetime
    zone: str = "UTC"
    """The asker's zone, by its name, where the words depend on it."""
    state: State = "queued"
    home: str | None = None
    """The channel its messages are in: `channel`, or the asker's direct messages."""
    thread: str | None = None
    """The timestamp of its parent message."""
    parts: Mapping[str, str] | None = None
    """What was posted, part by part: the part's name and Slack's word for it."""
    owner: str | None = None
    lease: datetime | None = None
    fence: int = 0
    attempts: int = 0
    due: datetime | None = None
    """Not to be tried before this."""
    wanted: bool = True
    """False once someone cancelled it."""
    started: datetime | None = None
    finished: datetime | None = None
    scanned: int = 0
    rows: int | None = None
    error: str | None = None

    @property
    def waited(self) -> timedelta:
        """How long its asker has waited, when it was last written down at work."""
        return timedelta() if self.lease is None else self.lease - LEASE - self.created

    @property
    def posted(self) -> Mapping[str, str]:
        """`parts`, never None."""
        return self.parts or {}


class _Moment(sa.TypeDecorator[datetime]):
    """A moment as seconds since 1970: the same, and in order, in every database."""

    impl = sa.Float
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> float | None:
        del dialect
        return None if value is None else value.timestamp()

    def process_result_value(self, value: float | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        return None if value is None else datetime.fromtimestamp(value, UTC)


class _Steps(sa.TypeDecorator[tuple[Step, ...]]):
    """Steps as JSON."""

    impl = sa.JSON
    cache_ok = True

    def process_bind_param(self, value: Sequence[Step] | None, dialect: sa.Dialect) -> Any:
        del dialect
        return None if value is None else [asdict(step) for step in value]

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> tuple[Step, ...] | None:
        del dialect
        return None if value is None else tuple(_read_step(step) for step in value)


def _read_step(step: Mapping[str, Any]) -> Step:
    statement = step["statement"]
    columns = tuple(Column(**column) for column in statement["columns"])
    read = Statement(statement["sql"], columns, statement.get("store", ""))
    return Step(step["name"], read, step["ref"], step.get("scanned", 0), step.get("adopted"))


_metadata = sa.MetaData()
_runs = sa.Table(
    "runs",
    _metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("key", sa.String, nullable=False, unique=True),
    sa.Column("user", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("reply_to", sa.String),
    sa.Column("typed", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("engine", sa.String, nullable=False),
    sa.Column("steps", _Steps, nullable=False),
    sa.Column("created", _Moment, nullable=False),
    sa.Column("zone", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("home", sa.String),
    sa.Column("thread", sa.String),
    sa.Column("parts", sa.JSON),
    sa.Column("owner", sa.String),
    sa.Column("lease", _Moment),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due", _Moment),
    sa.Column("wanted", sa.Boolean, nullable=False),
    sa.Column("started", _Moment),
    sa.Column("finished", _Moment),
    sa.Column("scanned", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger),
    sa.Column("error", sa.Text),
    sa.Index("runs_by_state", "state", "created"),
    sa.Index("runs_by_user", "user", "created"),
    sa.Index("runs_by_turn", "user", "started"),
)


class Runs:
    """The table of runs. Every method is one short transaction; safe from any thread."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
        _metadata.create_all(self._engine)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def add(self, run: Run) -> Run:
        """Keep `run`; or the run that came with the same key before, which is returned as it is now."""
        values = {field.name: getattr(run, field.name) for field in fields(Run)}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_runs).values(values))
        except sa.exc.IntegrityError:
            with self._engine.begin() as connection:
                return _run(connection.execute(sa.select(_runs).where(_runs.c.key == run.key)).one())
        return run

    def get(self, run_id: str) -> Run | None:
        """The run as it is now."""
        with self._engine.begin() as connection:
            found = connection.execute(sa.select(_runs).where(_runs.c.id == run_id)).one_or_none()
            return None if found is None else _run(found)

    def latest(self, user: str, count: int) -> list[Run]:
        """The runs a user asked for, newest first."""
        newest = sa.select(_runs).where(_runs.c.user == user).order_by(_runs.c.created.desc()).limit(count)
        with self._engine.begin() as connection:
            return [_run(found) for found in connection.execute(newest)]

    def answered(self, engine: str, since: datetime, count: int, *, view: str = "") -> list[Run]:
        """What an engine has answered of all asked `since` then, newest first; of `view`, if named."""
        wanted = [_runs.c.engine == engine, _runs.c.created >= since, _runs.c.state.in_(("posting", "done"))]
        if view:
            wanted.append(_runs.c.text.contains(f" by={view}", autoescape=True))
        newest = sa.select(_runs).where(*wanted).order_by(_runs.c.created.desc()).limit(count)
        with self._engine.begin() as connection:
            found = [_run(each) for each in connection.execute(newest)]
        return [run for run in found if not view or f"by={view}" in run.text.split()]

    def scanned(self, engine: str, since: datetime) -> int:
        """The bytes an engine has read for all runs asked `since` then, however they ended."""
        total = sa.select(sa.func.sum(_runs.c.scanned)).where(
            _runs.c.engine == engine, _runs.c.created >= since
        )
        with self._engine.begin() as connection:
            return int(connection.execute(total).scalar_one() or 0)

    def claim(self, owner: str, now: datetime, limits: Mapping[str, int]) -> Run | None:
        """Take the next run for `owner`: one to be cancelled; a new one, to be announced; one whose engine
        has room, to be run; or one left by an owner whose lease has ended.

        Users take turns. An engine runs no more than its `limits` at once: without room, a new run is
        handed out still `queued`.
        """
        room = self._room(now, limits)
        free = sa.or_(_runs.c.lease.is_(None), _runs.c.lease <= now)
        due = sa.or_(_runs.c.due.is_(None), _runs.c.due <= now)
        new = _runs.c.thread.is_(None)
        unwanted = sa.not_(_runs.c.wanted)
        waiting = sa.or_(unwanted, sa.and_(due, sa.or_(new, room)))
        queued = sa.and_(_runs.c.state == "queued", free, waiting)
        left = sa.and_(_runs.c.state.in_(AT_WORK), free)
        next_one = (
            sa.select(_runs.c.id)
            .where(sa.or_(queued, left))
            .order_by(unwanted.desc(), new.desc(), self._turn(), self._served(), _runs.c.created, _runs.c.id)
            .limit(1)
            .scalar_subquery()
        )
        runs_now = sa.and_(_runs.c.state == "queued", _runs.c.wanted, due, room)
        first = sa.and_(_runs.c.started.is_(None), runs_now)
        take = (
            sa.update(_runs)
            .where(_runs.c.id == next_one)
            .values(
                state=sa.case((runs_now, "running"), else_=_runs.c.state),
                owner=owner,
                lease=now + LEASE,
                fence=_runs.c.fence + 1,
                attempts=_runs.c.attempts + 1,
                started=sa.case((first, sa.literal(now, _Moment)), else_=_runs.c.started),
            )
            .returning(_runs)
        )
        with self._engine.begin() as connection:
            found = connection.execute(take).one_or_none()
            return None if found is None else _run(found)

    @staticmethod
    def _room(now: datetime, limits: Mapping[str, int]) -> sa.ColumnElement[bool]:
        """Whether the engine of a run has room for one more."""
        other = _runs.alias()
        busy = (
            sa.select(sa.func.count())
            .where(other.c.engine == _runs.c.engine, other.c.state == "running", other.c.lease > now)
            .scalar_subquery()
        )
        each = [sa.and_(_runs.c.engine == name, busy < limit) for name, limit in limits.items()]
        return sa.or_(sa.false(), *each)

    @staticmethod
    def _turn() -> sa.ScalarSelect[int]:
        """How many runs of the same user go before a run."""
        other = _runs.alias()
        earlier = sa.and_(other.c.state == "queued", other.c.created < _runs.c.created)
        return (
            sa.select(sa.func.count())
            .where(other.c.user == _runs.c.user, sa.or_(other.c.state == "running", earlier))
            .scalar_subquery()
        )

    @staticmethod
    def _served() -> sa.ScalarSelect[float]:
        """When the user of a run last had one started: whoever has waited longest is next."""
        other = _runs.alias()
        last = sa.func.coalesce(sa.func.max(sa.type_coerce(other.c.started, sa.Float)), 0.0)
        return sa.select(last).where(other.c.user == _runs.c.user).scalar_subquery()

    def save(self, run: Run, now: datetime, **changes: Any) -> Run:
        """Write `changes` as the run's owner, and renew the lease. Stopped, if it is ours no more."""
        lease = None if changes.get("state") in {*ENDED, "queued"} else now + LEASE
        write = (
            sa.update(_runs)
            .where(_runs.c.id == run.id, _runs.c.fence == run.fence, _runs.c.state.not_in(ENDED))
            .values(lease=lease, **changes)
            .returning(_runs)
        )
        with self._engine.begin() as connection:
            found = connection.execute(write).one_or_none()
        if found is None:
            raise Stopped("Another worker has this run now.")
        return _run(found)

    def withdraw(self, run_id: str) -> Run | None:
        """Mark a run as not wanted: whoever works on it, or claims it next, ends it. None once it ended."""
        mark = (
            sa.update(_runs)
            .where(_runs.c.id == run_id, _runs.c.state.not_in(ENDED))
            .values(wanted=False)
            .returning(_runs)
        )
        with self._engine.begin() as connection:
            found = connection.execute(mark).one_or_none()
            return None if found is None else _run(found)

    def release(self, owner: str) -> None:
        """End the leases of `owner`, a worker that is known to be gone: its runs are taken up at once."""
        with self._engine.begin() as connection:
            epoch = datetime.fromtimestamp(0, UTC)
            mine = sa.and_(_runs.c.owner == owner, _runs.c.lease.is_not(None), _runs.c.state.not_in(ENDED))
            connection.execute(sa.update(_runs).where(mine).values(lease=epoch))

    def ahead(self, run: Run) -> int:
        """How many queued runs are older than this one; none once it runs itself."""
        if run.state != "queued":
            return 0
        older = sa.select(sa.func.count()).where(
            _runs.c.state == "queued", _runs.c.wanted, _runs.c.created < run.created
        )
        with self._engine.begin() as connection:
            return int(connection.execute(older).scalar_one())


def _run(found: sa.Row[Any]) -> Run:
    return Run(**found._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def _set_up_sqlite(connection: Any, _: object) -> None:
    # one writer, many readers, and nobody fails because another is writing
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 10000")
