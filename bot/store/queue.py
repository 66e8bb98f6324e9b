"""The queue: which run is next, in SQL.

Users take turns, and no engine runs more at once than it may, over all replicas. Statements are built once:
to build one takes longer than to run it.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from bot.store import schema
from bot.store.schema import AT_WORK, ENDED, TOLD, Moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.sql.dml import ReturningUpdate

LEASE: Final = timedelta(seconds=30)
"""How long an owner may be silent before another takes its run."""

EACH_USER: Final = 8
"""Runs of one user at work at once, and as many being announced: a pile of forty leaves room for others."""

FOR_OTHERS: Final = 4
"""One user leaves the fourth part of what an engine runs at once to others."""

CANDIDATES: Final = 8
"""Runs that are chosen from: as many as others may hold for the moment."""

Limits = tuple[tuple[str, int], ...]
"""How many runs each engine may have at once: its name, and the number."""

_runs = schema.runs
_now = sa.bindparam("now", type_=Moment)


def candidates(
    connection: sa.Connection, now: datetime, limits: Mapping[str, int], each_user: int
) -> list[sa.Row[Any]]:
    """The runs to acquire next, the first of them first: `id`, `fence`, and whether each may be run at once
    (`now`) or is only to be announced, cancelled, or gone on with."""
    return list(connection.execute(_candidates(_sorted(limits), each_user), {"now": now}))


def unheld(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """Those of `ids` that nobody is writing just now: they are held until the transaction ends."""
    each = sa.select(_runs.c.id).where(_runs.c.id.in_(list(ids)))
    return set(connection.execute(each.with_for_update(skip_locked=True)).scalars())


def take(
    connection: sa.Connection, one: sa.Row[Any], owner: str, now: datetime, limits: Mapping[str, int]
) -> sa.Row[Any] | None:
    """Make a candidate `owner`'s, and return its row; None where it, or the room at its engine, is gone since
    it was chosen."""
    values = {"this": one.id, "seen": one.fence, "by": owner, "now": now, "until": now + LEASE}
    return connection.execute(_take(_sorted(limits), at_once=bool(one.now)), values).one_or_none()


def _sorted(limits: Mapping[str, int]) -> Limits:
    return tuple(sorted(limits.items()))


@cache
def _candidates(limits: Limits, each_user: int) -> sa.Select[Any]:
    held = _held()
    due = sa.or_(_runs.c.due.is_(None), _runs.c.due <= _now)
    new = sa.and_(_runs.c.thread.is_(None), _runs.c.kind == "question")
    unwanted = sa.not_(_runs.c.wanted)
    opening, working = sa.func.coalesce(held.c.opening, 0), sa.func.coalesce(held.c.working, 0)
    at_once = sa.and_(_runs.c.wanted, due, _room(limits), working < each_user)
    announced = sa.and_(new, due, opening < each_user)
    queued = sa.and_(_runs.c.state == "queued", sa.or_(unwanted, announced, at_once), _ready())
    left = sa.and_(_runs.c.state.in_(AT_WORK), due)
    place = sa.func.row_number().over(
        partition_by=_runs.c.user, order_by=(new.desc(), _runs.c.created, _runs.c.id)
    )
    return (
        sa.select(_runs.c.id, _runs.c.fence, sa.and_(_runs.c.state == "queued", at_once).label("now"))
        .outerjoin(held, held.c.user == _runs.c.user)
        .where(_free(), sa.or_(queued, left))
        .order_by(
            unwanted.desc(),
            new.desc(),
            (working + place),
            _served(),
            _runs.c.created,
            _runs.c.id,
        )
        .limit(CANDIDATES)
    )


@cache
def _take(limits: Limits, *, at_once: bool) -> ReturningUpdate[Any]:
    still = _room(limits) if at_once else sa.true()
    started = {
        "state": "running",
        "started": sa.func.coalesce(_runs.c.started, _now),
    }
    return (
        sa.update(_runs)
        .where(_runs.c.id == sa.bindparam("this"), _runs.c.fence == sa.bindparam("seen"), _free(), still)
        .values(
            owner=sa.bindparam("by"),
            lease=sa.bindparam("until", type_=Moment),
            fence=_runs.c.fence + 1,
            attempts=_runs.c.attempts + 1,
            # a lease that nobody gave back: its owner died, at whatever it was doing
            maybe_posted=sa.or_(_runs.c.maybe_posted, _runs.c.lease.is_not(None)),
            **(started if at_once else {}),
        )
        .returning(_runs)
    )


def _free() -> sa.ColumnElement[bool]:
    return sa.or_(_runs.c.lease.is_(None), _runs.c.lease <= _now)


def _held() -> sa.Subquery:
    """How many runs of each user are being announced, and how many are at work."""
    other = _runs.alias()
    opening = sa.func.sum(sa.case((other.c.state == "queued", 1), else_=0))
    working = sa.func.sum(sa.case((other.c.state == "queued", 0), else_=1))
    return (
        sa.select(other.c.user, opening.label("opening"), working.label("working"))
        .where(other.c.state.in_(("queued", *AT_WORK)), other.c.lease > _now)
        .group_by(other.c.user)
        .subquery()
    )


def _room(limits: Limits) -> sa.ColumnElement[bool]:
    """Whether the engine of a run has room for one more of its user's; what awaits a scan needs no engine."""
    other = _runs.alias()
    running = sa.select(sa.func.count()).where(other.c.engine == _runs.c.engine, other.c.state == "running")
    busy = running.scalar_subquery()
    same = running.where(other.c.user == _runs.c.user).scalar_subquery()
    each = [
        sa.and_(_runs.c.engine == name, busy < limit, same < limit - limit // FOR_OTHERS)
        for name, limit in limits
    ]
    return sa.or_(_runs.c.kind.in_(TOLD), *each)


def _ready() -> sa.ColumnElement[bool]:
    """Whether what a run awaits has ended, or is gone."""
    other = _runs.alias()
    return sa.not_(sa.exists().where(other.c.id == _runs.c.awaits, other.c.state.not_in(ENDED)))


def _served() -> sa.ScalarSelect[float]:
    """When the user of a run last had one started: whoever has waited longest is next."""
    other = _runs.alias()
    last = sa.func.coalesce(sa.func.max(sa.type_coerce(other.c.started, sa.Float)), 0.0)
    return sa.select(last).where(other.c.user == _runs.c.user).scalar_subquery()
