"""Urgent services of digests: when they are looked at next, and what was told of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from bot.digests import urgent
from bot.digests.finding import from_builtins
from bot.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from bot.digests.finding import Finding
    from bot.digests.urgent import Told
    from bot.store.database import Database

_digests, _told, _answers, _runs = schema.digests, schema.urgent_told, schema.answers, schema.runs

DOUBT: Final = ""
"""In place of a finding's id: its people were told that nothing could be believed for long."""

LOOKS_FAIL: Final = "failed"
"""In place of a finding's id, which is in hex: the digest's owner was told why looks fail."""


class Urgent:
    """Looks at urgent services. Every method is one short transaction; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now: datetime) -> list[int]:
        """The digests whose urgent services are to be looked at now."""
        wanted = sa.select(_digests.c.id).where(
            _digests.c.urgent_due <= now, sa.not_(_digests.c.paused), _digests.c.removed.is_(None)
        )
        with self._database.read() as connection:
            return [int(number) for number in connection.execute(wanted.order_by(_digests.c.id)).scalars()]

    def reschedule(self, number: int, was: datetime | None, due: datetime) -> None:
        """Note when is looked next, unless that was changed meanwhile."""
        same = sa.and_(_digests.c.id == number, _digests.c.urgent_due == was)
        with self._database.write() as connection:
            connection.execute(sa.update(_digests).where(same).values(urgent_due=due))

    def tell(
        self,
        run: str,
        number: int,
        day: date,
        believed_until: datetime | None,
        choose: Callable[[Iterable[Finding], Collection[str], bool], Told],
    ) -> Told:
        """What a run tells of a digest's urgent services on a local date: chosen once, from what the digest
        remembers, what was told already, and whether that nothing can be believed was; then it is told
        already. `believed_until` is up to when what it looked at is to be believed, None where it is not."""
        with self._database.write() as connection:
            # one look, or one digest, after the other: what one tells is not news to the next
            connection.execute(sa.select(_digests.c.id).where(_digests.c.id == number).with_for_update())
            there = connection.execute(sa.select(_answers.c.body).where(_answers.c.run == run))
            if (body := there.scalar_one_or_none()) is not None:
                return urgent.from_json(body)
            findings = sa.select(schema.findings.c.body).where(schema.findings.c.digest == number)
            remembered = [from_builtins(json.loads(body)) for body in connection.execute(findings).scalars()]
            marks = set(told_on(connection, number))
            chosen = choose(remembered, marks - {DOUBT, LOOKS_FAIL}, DOUBT in marks)
            rows = [{"digest": number, "finding": each, "day": day.isoformat()} for each in _marks(chosen)]
            if rows:
                connection.execute(sa.insert(_told), rows)
            connection.execute(sa.insert(_answers).values(run=run, body=urgent.to_json(chosen)))
            if believed_until is not None:
                _forget(connection, number, [DOUBT])
                known = sa.or_(_digests.c.urgent_read.is_(None), _digests.c.urgent_read < believed_until)
                later = sa.update(_digests).where(_digests.c.id == number, known)
                connection.execute(later.values(urgent_read=believed_until))
            return chosen

    def take_back(self, run: str, number: int, *, news: bool) -> None:
        """Note that the doubt which `tell` chose for a run was not told; and where `news` says so, nor was
        its report: it is news to the next look, and the digest."""
        with self._database.write() as connection:
            there = connection.execute(sa.select(_answers.c.body).where(_answers.c.run == run))
            if (body := there.scalar_one_or_none()) is not None:
                told = urgent.from_json(body)
                _forget(connection, number, _marks(told if news else replace(told, report=None)))

    def is_failing(self, number: int) -> bool:
        """Whether the digest's owner was told why its looks fail, and none has ended well since."""
        with self._database.read() as connection:
            return LOOKS_FAIL in told_on(connection, number)

    def note_failing(self, number: int, day: date) -> None:
        """Note that the digest's owner was told, on a local date, why its looks fail."""
        with self._database.write() as connection:
            _forget(connection, number, [LOOKS_FAIL])
            row = {"digest": number, "finding": LOOKS_FAIL, "day": day.isoformat()}
            connection.execute(sa.insert(_told).values(row))

    def note_well(self, number: int) -> None:
        """Note that a look has ended well: why the next one fails is told again."""
        with self._database.write() as connection:
            _forget(connection, number, [LOOKS_FAIL])


def _marks(told: Told) -> list[str]:
    """What is remembered as told with it."""
    entries = () if told.report is None else told.report.entries
    return [*(entry.finding.id for entry in entries), *([DOUBT] if told.doubt else [])]


def _forget(connection: sa.Connection, number: int, marks: Collection[str]) -> None:
    of_these = sa.and_(_told.c.digest == number, _told.c.finding.in_(marks))
    connection.execute(sa.delete(_told).where(of_these))


def told_on(connection: sa.Connection, number: int) -> dict[str, date]:
    """On which local date each finding of a digest was told as of an urgent service, by id."""
    marks = sa.select(_told.c.finding, _told.c.day).where(_told.c.digest == number)
    return {row.finding: date.fromisoformat(row.day) for row in connection.execute(marks)}


def posted_on(connection: sa.Connection, number: int) -> dict[str, date]:
    """The same, but for what a look is only about to post: Slack may refuse it, and nobody was told."""
    marks = told_on(connection, number)
    looks = sa.select(_answers.c.body).join(_runs, _runs.c.id == _answers.c.run)
    under_way = looks.where(
        _runs.c.digest == number, _runs.c.kind == "urgent", _runs.c.state.not_in(schema.ENDED)
    )
    for body in connection.execute(under_way).scalars():
        for mark in _marks(urgent.from_json(body)):
            marks.pop(mark, None)
    return marks


def forget_resolved(connection: sa.Connection, number: int, findings: Iterable[str], before: date) -> None:
    """Forget that findings were told before then: they are resolved, and when they are back, that is news."""
    ids = list(findings)
    if ids:
        old = sa.and_(_told.c.digest == number, _told.c.finding.in_(ids), _told.c.day < before.isoformat())
        connection.execute(sa.delete(_told).where(old))
