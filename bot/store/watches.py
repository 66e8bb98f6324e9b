"""Watches: which clients are asked about daily, and what their days had."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from bot.digests.watch import Look, Subject, Watch
from bot.question.question import Scope
from bot.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.store.database import Database

_watches = schema.watches

WATCHES_LOCK: Final = 0x715_A0D19
"""Any number, but ours alone among the database's users: of whoever adds a watch."""


class Watches:
    """The table of watches. Every method is one short transaction; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, watch: Watch, admit: Callable[[list[Watch]], None]) -> Watch:
        """Keep a new watch, which gets its id; unless `admit` raises, which is told what its owner watches
        already. Two that are added at once are admitted one after the other."""
        with self._database.write() as connection:
            self._database.lock(connection, WATCHES_LOCK)
            wanted = sa.select(_watches).where(_watches.c.owner == watch.owner, _watches.c.due.is_not(None))
            admit([_watch(found) for found in connection.execute(wanted.order_by(_watches.c.id))])
            added = connection.execute(sa.insert(_watches).values(_written(watch)).returning(_watches.c.id))
            return replace(watch, id=int(added.scalar_one()))

    def get(self, number: int) -> Watch | None:
        """The watch as it is now; None where it is none."""
        this = sa.select(_watches).where(_watches.c.id == number)
        with self._database.read() as connection:
            found = connection.execute(this).one_or_none()
            return None if found is None else _watch(found)

    def due(self, now: datetime) -> list[Watch]:
        """The watches to be looked at now."""
        wanted = sa.select(_watches).where(_watches.c.due <= now).order_by(_watches.c.id)
        with self._database.read() as connection:
            return [_watch(found) for found in connection.execute(wanted)]

    def reschedule(self, watch: Watch, due: datetime | None) -> None:
        """Note when a watch is looked at next; None ends it. Where it was changed since, it stays so."""
        same = sa.and_(_watches.c.id == watch.id, _watches.c.due == watch.due)
        with self._database.write() as connection:
            connection.execute(sa.update(_watches).where(same).values(due=due))

    def end(self, number: int) -> None:
        """Look at it no more."""
        with self._database.write() as connection:
            connection.execute(sa.update(_watches).where(_watches.c.id == number).values(due=None))

    def keep(self, number: int, look: Look) -> Watch | None:
        """Write down what a day had; the watch as it is then, or None where it is none."""
        this = _watches.c.id == number
        with self._database.write() as connection:
            found = connection.execute(sa.select(_watches).where(this).with_for_update()).one_or_none()
            if found is None:
                return None
            watch = _watch(found).after(look)
            connection.execute(sa.update(_watches).where(this).values(body=_written(watch)["body"]))
            return watch

    def forget(self, before: date) -> None:
        """Keep nothing that began before then and has ended."""
        old = sa.and_(_watches.c.begun < before.isoformat(), _watches.c.due.is_(None))
        with self._database.write() as connection:
            connection.execute(sa.delete(_watches).where(old))


def _written(watch: Watch) -> dict[str, Any]:
    import msgspec

    # json writes the halves of surrogate pairs that strangers may send; msgspec.json refuses them
    body = json.dumps(
        {"subject": msgspec.to_builtins(watch.subject), "looks": msgspec.to_builtins(watch.looks)}
    )
    return {
        "owner": watch.owner,
        "channel": watch.channel,
        "thread": watch.thread,
        "zone": watch.zone,
        "question": str(watch.scope),
        "body": body,
        "due": watch.due,
        "begun": watch.begun.isoformat(),
    }


def _watch(found: sa.Row[Any]) -> Watch:
    import msgspec

    values = dict(found._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    body = json.loads(values.pop("body"))
    return Watch(
        scope=Scope.read(values.pop("question")),
        subject=msgspec.convert(body["subject"], Subject),
        looks=msgspec.convert(body["looks"], tuple[Look, ...]),
        begun=date.fromisoformat(values.pop("begun")),
        **values,
    )
