"""Runs: the one durable record. A question that is in here will be answered, once, whatever dies.

    queued → running → posting → done | failed | cancelled

Whoever works on a run holds its lease, and writes with the lease's number (`fence`): an owner that
was paused and wakes up late changes nothing. The record is also history, audit, cost, and the
memory by which a redelivered request is known (`key`).
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, get_args

import sqlalchemy as sa

from bot.errors import LeaseLost
from bot.store import queue, schema
from bot.store.queue import EACH_USER, LEASE
from bot.store.run import Run, from_columns, new_id, to_columns
from bot.store.schema import ENDED, TOLD, Kind, State
from bot.store.together import Together

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.store.database import Database

ATTEMPTS: Final = 3
"""A run that ended its process this often is given up."""

TRIES: Final = 5
"""How often runs are chosen anew when others were quicker with all of them."""

QUEUE_LOCK: Final = 0x715_A0D18
"""PostgreSQL's advisory lock under which runs are acquired: two replicas that count an engine's runs at
once would both find room for the last one."""

REPEATED: Final = timedelta(minutes=10)
"""How long a request is known when it comes again; Slack repeats events for up to six minutes (docs)."""

WORDS_KEPT: Final = timedelta(days=7)
"""How long a question that is too long for a button waits to be confirmed."""


NO_USER: Final = ""
"""Whose the rows of an answer are, among words that are people's: nobody can ask for them as their own."""

_runs = schema.runs
_insert = sa.insert(_runs)


class Runs:
    """The table of runs. Every method is one short transaction; safe from any thread."""

    def __init__(self, database: Database, *, each_user: int = EACH_USER) -> None:
        """No user has more than `each_user` at work at once, nor more than as many being announced."""
        self._database = database
        self._each_user = each_user
        self._adding = Together(self._insert)

    def add(self, run: Run) -> Run:
        """Keep `run`, and return it as it is kept; or the run that came with its key before, as it is now."""
        values = to_columns({field.name: getattr(run, field.name) for field in fields(Run)})
        try:
            self._adding.add(values)
        except sa.exc.IntegrityError:
            return self._add_alone(run, values)
        return run

    def _insert(self, runs: list[dict[str, Any]]) -> None:
        with self._database.write() as connection:
            connection.execute(_insert, runs)

    def _add_alone(self, run: Run, values: dict[str, Any]) -> Run:
        """Add a run where one of several could not be added."""
        try:
            self._insert([values])
        except sa.exc.IntegrityError:
            with self._database.read() as connection:
                known = connection.execute(sa.select(_runs).where(_runs.c.key == run.key)).one_or_none()
            if known is not None:
                return _run(known)
            if self.get(run.id) is None:
                raise
            # ids are short, for people to type: another run has this one
            return self.add(replace(run, id=new_id()))
        return run

    def get(self, run_id: str) -> Run | None:
        """The run as it is now."""
        with self._database.read() as connection:
            found = connection.execute(sa.select(_runs).where(_runs.c.id == run_id)).one_or_none()
            return None if found is None else _run(found)

    def latest(self, user: str, count: int) -> list[Run]:
        """The runs a user asked for, newest first."""
        newest = sa.select(_runs).where(_runs.c.user == user).order_by(_runs.c.created.desc()).limit(count)
        with self._database.read() as connection:
            return [_run(found) for found in connection.execute(newest)]

    def answered(
        self, engine: str, since: datetime, count: int, *, view: str = "", kind: Kind = "question"
    ) -> list[Run]:
        """What an engine has answered of all asked `since` then, newest first; of `view`, if named."""
        wanted = [
            _runs.c.engine == engine,
            _runs.c.kind == kind,
            _runs.c.created >= since,
            _runs.c.state.in_(("posting", "done")),
        ]
        if view:
            wanted.append(_runs.c.view == view)
        newest = sa.select(_runs).where(*wanted).order_by(_runs.c.created.desc()).limit(count)
        with self._database.read() as connection:
            return [_run(found) for found in connection.execute(newest)]

    def scanned(self, engine: str, since: datetime) -> int:
        """The bytes an engine has read for all runs asked `since` then, however they ended."""
        total = sa.select(sa.func.sum(_runs.c.scanned)).where(
            _runs.c.engine == engine, _runs.c.created >= since
        )
        with self._database.read() as connection:
            return int(connection.execute(total).scalar_one() or 0)

    def acquire(self, owner: str, now: datetime, limits: Mapping[str, int]) -> Run | None:
        """Take the next run for `owner`: one to be cancelled; a new one, to be announced; one whose engine
        has room, to be run; or one left by an owner whose lease has ended.

        Users take turns, and none has all that an engine runs at once. That is no more than its `limits`,
        over all replicas: without room, a new run is handed out still `queued`.
        """
        for _ in range(TRIES):
            # to choose among thousands takes long, and nobody who wants to write shall wait for it
            with self._database.read() as connection:
                found = queue.candidates(connection, now, limits, self._each_user)
            if not found:
                return None
            with self._database.write() as connection:
                self._database.lock(connection, QUEUE_LOCK)
                # whoever is just writing a run keeps it: another is as good
                ours = queue.unheld(connection, [one.id for one in found])
                for one in found:
                    taken = queue.take(connection, one, owner, now, limits) if one.id in ours else None
                    if taken is not None:
                        return _run(taken)
        return None

    def save(self, run: Run, now: datetime, **changes: Any) -> Run:
        """Write `changes` as the run's owner, and renew the lease. LeaseLost, if it is ours no more."""
        return self._write(run, {"lease": now + LEASE, **changes})

    def release(self, run: Run, **changes: Any) -> Run:
        """Write `changes`, and leave the run to whoever is next. LeaseLost, if it is ours no more."""
        return self._write(run, {"maybe_posted": False, **changes, "lease": None})

    def finish(self, run: Run, state: State, now: datetime, **changes: Any) -> Run:
        """Bring a run to its end. LeaseLost, if it is ours no more."""
        return self._write(run, {**changes, "state": state, "finished": now, "lease": None})

    def _write(self, run: Run, changes: Mapping[str, Any]) -> Run:
        write = (
            sa.update(_runs)
            .where(_runs.c.id == run.id, _runs.c.fence == run.fence, _runs.c.state.not_in(ENDED))
            .values(to_columns(changes))
            .returning(_runs)
        )
        with self._database.write() as connection:
            found = connection.execute(write).one_or_none()
        if found is None:
            raise LeaseLost("Another worker has this run now.")
        return _run(found)

    def withdraw(self, run_id: str) -> Run | None:
        """Mark a run as not wanted: whoever works on it, or acquires it next, ends it. None once it ended."""
        mark = (
            sa.update(_runs)
            .where(_runs.c.id == run_id, _runs.c.state.not_in(ENDED))
            .values(wanted=False)
            .returning(_runs)
        )
        with self._database.write() as connection:
            found = connection.execute(mark).one_or_none()
            return None if found is None else _run(found)

    def reap(self, owner: str) -> None:
        """End the leases of `owner`, a worker that is known to be gone: its runs are taken up at once."""
        with self._database.write() as connection:
            epoch = datetime.fromtimestamp(0, UTC)
            mine = sa.and_(_runs.c.owner == owner, _runs.c.lease.is_not(None), _runs.c.state.not_in(ENDED))
            connection.execute(sa.update(_runs).where(mine).values(lease=epoch))

    def ahead(self, run: Run) -> int:
        """How many queued runs are older than this one; none once it runs itself."""
        if run.state != "queued":
            return 0
        older = sa.select(sa.func.count()).where(
            _runs.c.state == "queued",
            _runs.c.wanted,
            _runs.c.kind.not_in(TOLD),
            _runs.c.created < run.created,
        )
        with self._database.read() as connection:
            return int(connection.execute(older).scalar_one())

    def states(self) -> dict[str, int]:
        """How many runs are in each state; all states are there."""
        counted = sa.select(_runs.c.state, sa.func.count()).group_by(_runs.c.state)
        with self._database.read() as connection:
            found = {state: int(count) for state, count in connection.execute(counted)}
        return dict.fromkeys(get_args(State), 0) | found

    def is_known(self, key: str, now: datetime) -> bool:
        """Whether a request that makes no run was answered before, within `REPEATED`."""
        known = sa.select(schema.requests.c.key).where(
            schema.requests.c.key == key, schema.requests.c.at >= now - REPEATED
        )
        with self._database.read() as connection:
            return connection.execute(known).one_or_none() is not None

    def know(self, key: str, now: datetime) -> None:
        """Remember a request that was answered without a run; older ones are forgotten."""
        gone = sa.or_(schema.requests.c.key == key, schema.requests.c.at < now - REPEATED)
        with self._database.write() as connection:
            # two replicas that remember the same at once would be in each other's way
            self._database.lock(connection, QUEUE_LOCK)
            connection.execute(sa.delete(schema.requests).where(gone))
            connection.execute(sa.insert(schema.requests).values(key=key, at=now))

    def keep_words(self, text: str, user: str, now: datetime) -> str:
        """Keep what a person typed; its id. Older words are forgotten."""
        kept = new_id()
        gone = schema.kept_words.c.at < now - WORDS_KEPT
        with self._database.write() as connection:
            connection.execute(sa.delete(schema.kept_words).where(gone))
            connection.execute(sa.insert(schema.kept_words).values(id=kept, user=user, text=text, at=now))
        return kept

    def kept_words(self, kept: str, user: str) -> str | None:
        """What that person typed, by its id; None where it is gone, or is another's."""
        words = schema.kept_words
        this = sa.select(words.c.text).where(words.c.id == kept, words.c.user == user)
        with self._database.read() as connection:
            return connection.execute(this).scalar_one_or_none()

    def keep_rows(self, run: str, rows: str, now: datetime) -> None:
        """Keep which rows of a run's answer can be looked into, in place of those kept before. Older ones are
        forgotten, as words are."""
        words = schema.kept_words
        gone = sa.or_(words.c.at < now - WORDS_KEPT, words.c.id == run)
        with self._database.write() as connection:
            connection.execute(sa.delete(words).where(gone))
            connection.execute(sa.insert(words).values(id=run, user=NO_USER, text=rows, at=now))

    def kept_rows(self, run: str) -> str | None:
        """What was kept of a run's rows; None where it is gone."""
        return self.kept_words(run, NO_USER)

    def old(self, before: datetime, count: int) -> list[Run]:
        """Runs that ended before then, the oldest first."""
        ended = sa.and_(_runs.c.state.in_(ENDED), _runs.c.created < before)
        oldest = sa.select(_runs).where(ended).order_by(_runs.c.created).limit(count)
        with self._database.read() as connection:
            return [_run(found) for found in connection.execute(oldest)]

    def forget(self, run: Run) -> None:
        """Keep nothing of a run that has ended."""
        with self._database.write() as connection:
            connection.execute(sa.delete(schema.answers).where(schema.answers.c.run == run.id))
            connection.execute(sa.delete(_runs).where(_runs.c.id == run.id, _runs.c.state.in_(ENDED)))


def _run(found: sa.Row[Any]) -> Run:
    return from_columns(dict(found._mapping))  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
