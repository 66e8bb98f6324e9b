"""Digests: what is posted to a channel by itself, when, and what is remembered from one to the next.

A digest remembers its findings, and its report of each period: that is written once, with the findings it
changes, so that a digest that is posted again after a crash says the same.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bot.digests import report as reports
from bot.digests.digest import Digest
from bot.digests.finding import from_builtins, to_builtins
from bot.digests.order import parse as parse_order
from bot.digests.report import Point, Report
from bot.question.question import Scope
from bot.store import schema
from bot.store.urgent import Urgent, forget_resolved, posted_on
from bot.store.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.digests.finding import Finding, Snooze
    from bot.store.database import Database


_digests, _findings, _periods = schema.digests, schema.findings, schema.periods


class Digests:
    """The tables of digests. Every method is one short transaction; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.urgent = Urgent(database)
        """What is told of urgent services."""
        self.watches = Watches(database)
        """The clients that are watched."""

    # --- the digests

    def add(self, digest: Digest) -> Digest:
        """Keep a new digest; it gets its id."""
        values = _written(digest)
        del values["id"]
        with self._database.write() as connection:
            added = connection.execute(sa.insert(_digests).values(values).returning(_digests))
            return _digest(added.one())

    def get(self, number: int) -> Digest | None:
        """The digest as it is now; None where it was removed."""
        this = sa.select(_digests).where(_digests.c.id == number, _is_there())
        with self._database.read() as connection:
            found = connection.execute(this).one_or_none()
            return None if found is None else _digest(found)

    def all(self) -> list[Digest]:
        """Every digest, by id."""
        every = sa.select(_digests).where(_is_there()).order_by("id")
        with self._database.read() as connection:
            return [_digest(found) for found in connection.execute(every)]

    def change(self, digest: Digest) -> bool:
        """Keep a digest as it is given; False where it is gone."""
        with self._database.write() as connection:
            this = sa.update(_digests).where(_digests.c.id == digest.id, _is_there())
            return connection.execute(this.values(_written(digest))).rowcount == 1

    def put_aside(self, number: int, now: datetime) -> None:
        """Have a digest be gone for everyone, until it is put back or forgotten."""
        with self._database.write() as connection:
            this = sa.update(_digests).where(_digests.c.id == number, _is_there())
            connection.execute(this.values(removed=now))

    def aside(self, number: int, since: datetime) -> Digest | None:
        """A digest that was put aside not before `since`."""
        this = sa.select(_digests).where(_digests.c.id == number, _digests.c.removed >= since)
        with self._database.read() as connection:
            found = connection.execute(this).one_or_none()
            return None if found is None else _digest(found)

    def put_back(self, number: int) -> None:
        """Have a digest be there again, with all that it remembers."""
        with self._database.write() as connection:
            connection.execute(sa.update(_digests).where(_digests.c.id == number).values(removed=None))

    def forget_aside(self, before: datetime) -> None:
        """Forget the digests that were put aside before then."""
        old = sa.select(_digests.c.id).where(_digests.c.removed < before)
        with self._database.read() as connection:
            numbers = connection.execute(old).scalars().all()
        for number in numbers:
            self.remove(number)

    def remove(self, number: int) -> None:
        """Forget a digest, its findings and its reports."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_digests).where(_digests.c.id == number))
            _start_over(connection, number)

    def start_over(self, number: int) -> None:
        """Forget a digest's findings and reports: the next one sets the baseline."""
        with self._database.write() as connection:
            _start_over(connection, number)

    def pause(self, number: int) -> None:
        """Post it no more until it is resumed."""
        with self._database.write() as connection:
            paused = sa.update(_digests).where(_digests.c.id == number).values(paused=True, due=None)
            connection.execute(paused)

    def due(self, now: datetime) -> list[Digest]:
        """The digests to be posted now."""
        wanted = sa.select(_digests).where(_digests.c.due <= now, sa.not_(_digests.c.paused), _is_there())
        with self._database.read() as connection:
            return [_digest(found) for found in connection.execute(wanted.order_by(_digests.c.id))]

    def reschedule(self, digest: Digest, now: datetime) -> None:
        """Note when a digest that was due is due next, unless it was changed meanwhile."""
        due = digest.schedule.following(now)
        with self._database.write() as connection:
            same = sa.and_(_digests.c.id == digest.id, _digests.c.due == digest.due)
            connection.execute(sa.update(_digests).where(same).values(due=due))

    # --- what was asked for digests

    def put_answer(self, run_id: str, body: str) -> None:
        """Keep what a run of the kind `scan` found."""
        with self._database.write() as connection:
            connection.execute(sa.delete(schema.answers).where(schema.answers.c.run == run_id))
            connection.execute(sa.insert(schema.answers).values(run=run_id, body=body))

    def answer(self, run_id: str) -> str | None:
        """What it found."""
        found = sa.select(schema.answers.c.body).where(schema.answers.c.run == run_id)
        with self._database.read() as connection:
            return connection.execute(found).scalar_one_or_none()

    # --- what a digest remembers

    def findings(self, number: int) -> list[Finding]:
        """The findings that a digest remembers."""
        known = sa.select(_findings.c.body).where(_findings.c.digest == number)
        with self._database.read() as connection:
            return [_finding(body) for body in connection.execute(known).scalars()]

    def points(self, number: int, before: date, count: int) -> list[Point]:
        """What a digest found in its latest `count` periods that began before then, oldest first."""
        with self._database.read() as connection:
            return [_point(found) for found in self._latest(connection, number, before, count)]

    def trusted(self, number: int, before: date, count: int) -> set[date]:
        """The dates of its latest `count` periods on which silence meant something."""
        with self._database.read() as connection:
            points = [
                _point(found) for found in self._latest(connection, number, before, count) if found.trusted
            ]
        return {
            point.start + timedelta(days=n) for point in points for n in range((point.end - point.start).days)
        }

    @staticmethod
    def _latest(connection: sa.Connection, number: int, before: date, count: int) -> list[sa.Row[Any]]:
        latest = (
            sa.select(_periods)
            .where(_periods.c.digest == number, _periods.c.start < before.isoformat())
            .order_by(_periods.c.start.desc())
            .limit(count)
        )
        return list(reversed(connection.execute(latest).all()))

    def report(self, number: int, start: date, end: date) -> Report | None:
        """The report of the period from `start` to before `end`, as it was posted."""
        written = sa.select(_periods.c.report).where(_is_period(number, start, end))
        with self._database.read() as connection:
            text = connection.execute(written).scalar_one_or_none()
            return None if text is None else reports.from_json(text)

    def last_report(self, number: int) -> Report | None:
        """The newest report of a digest."""
        newest = (
            sa.select(_periods.c.report)
            .where(_periods.c.digest == number, _periods.c.report.is_not(None))
            .order_by(_periods.c.start.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            text = connection.execute(newest).scalar_one_or_none()
            return None if text is None else reports.from_json(text)

    def keep(self, number: int, report: Report, findings: Iterable[Finding], before: Point | None) -> Report:
        """Write down the report of a period, the findings as they are then, and the calls of the period
        `before`, as now known. Where another worker was first, what that one wrote holds,
        unless it knew an older scan.
        """
        start, end, trusted = report.period.start, report.period.end, report.period.trusted
        still_open = sum(entry.change != "resolved" for entry in report.entries)
        with self._database.write() as connection:
            # a digest is posted by one worker at a time, but for one that was paused and wakes up
            connection.execute(sa.select(_digests.c.id).where(_digests.c.id == number).with_for_update())
            this = _is_period(number, start, end)
            there = connection.execute(sa.select(_periods.c.report).where(this)).scalar_one_or_none()
            if there is not None:
                kept = reports.from_json(there)
                if report.read is None or kept.read is None or report.read <= kept.read:
                    return kept
            report = _as_told(connection, number, report)
            if before is not None:
                self._put(connection, number, before, {})
            point = Point(start, end, report.calls, still_open)
            rest = {"trusted": trusted, "open": still_open, "report": reports.to_json(report)}
            self._put(connection, number, point, rest)
            connection.execute(sa.delete(_findings).where(_findings.c.digest == number))
            rows = [_row(number, finding) for finding in findings]
            if rows:
                connection.execute(sa.insert(_findings), rows)
        return report

    @staticmethod
    def _put(connection: sa.Connection, number: int, point: Point, rest: dict[str, Any]) -> None:
        """Write down a period's calls and the `rest` of its columns; without a report it is not trusted."""
        this = _is_period(number, point.start, point.end)
        put = sa.update(_periods).where(this).values(calls=point.calls, **rest)
        if connection.execute(put).rowcount == 0:
            # what begins within it was reported by another schedule, before someone changed that
            begins = _periods.c.start.between(point.start.isoformat(), point.end.isoformat())
            within = sa.and_(_periods.c.digest == number, begins, _periods.c.start != point.end.isoformat())
            connection.execute(sa.delete(_periods).where(within))
            whole = {"digest": number, "start": point.start.isoformat(), "end": point.end.isoformat()}
            whole |= {"calls": point.calls, "open": point.open, "trusted": False} | rest
            connection.execute(sa.insert(_periods).values(whole))

    def finding(self, number: int, finding_id: str) -> Finding | None:
        """One finding of a digest; None where it is gone, whatever is called its id."""
        if not _is_id(finding_id):
            return None
        this = sa.select(_findings.c.body).where(_findings.c.digest == number, _findings.c.id == finding_id)
        with self._database.read() as connection:
            body = connection.execute(this).scalar_one_or_none()
            return None if body is None else _finding(body)

    def acknowledge(self, number: int, finding_id: str, snooze: Snooze | None) -> Finding | None:
        """Make a finding known, or not known any more; None where it is gone."""
        return self.revise(number, finding_id, lambda finding: replace(finding, snooze=snooze))

    def revise(self, number: int, finding_id: str, change: Callable[[Finding], Finding]) -> Finding | None:
        """Keep a finding as `change` makes it of what it is now; None where it is gone."""
        if not _is_id(finding_id):
            return None
        this = sa.and_(_findings.c.digest == number, _findings.c.id == finding_id)
        with self._database.write() as connection:
            body = connection.execute(
                sa.select(_findings.c.body).where(this).with_for_update()
            ).scalar_one_or_none()
            if body is None:
                return None
            finding = change(_finding(body))
            connection.execute(sa.update(_findings).where(this).values(_row(number, finding)))
            return finding

    def forget(self, before: date) -> None:
        """Keep nothing older: neither reports, nor findings that were last seen then and are not decided."""
        with self._database.write() as connection:
            connection.execute(sa.delete(_periods).where(_periods.c.end < before.isoformat()))
            old = sa.and_(_findings.c.last < before.isoformat(), sa.not_(_findings.c.decided))
            connection.execute(sa.delete(_findings).where(old))
            told = schema.urgent_told
            connection.execute(sa.delete(told).where(told.c.day < before.isoformat()))


def _is_id(text: str) -> bool:
    """What else stands in a forged button, as half a character, no database takes."""
    return text.isascii() and text.isalnum()


def _is_period(number: int, start: date, end: date) -> sa.ColumnElement[bool]:
    """Which row is of a period; one of another schedule may begin on the same date."""
    return sa.and_(
        _periods.c.digest == number,
        _periods.c.start == start.isoformat(),
        _periods.c.end == end.isoformat(),
    )


def _is_there() -> sa.ColumnElement[bool]:
    """Which digests were not removed."""
    return _digests.c.removed.is_(None)


def _start_over(connection: sa.Connection, number: int) -> None:
    for table in (_findings, _periods, schema.urgent_told):
        connection.execute(sa.delete(table).where(table.c.digest == number))


def _as_told(connection: sa.Connection, number: int, report: Report) -> Report:
    """The report with when each of its news was told already; what is resolved counts as told no more."""
    resolved = (entry.finding.id for entry in report.entries if entry.change == "resolved")
    forget_resolved(connection, number, resolved, report.period.end)
    days = posted_on(connection, number)
    entries = (
        replace(entry, told=days.get(entry.finding.id)) if entry.change in ("new", "back") else entry
        for entry in report.entries
    )
    return replace(report, entries=tuple(entries))


def _written(digest: Digest) -> dict[str, Any]:
    return {
        "id": digest.id,
        "owner": digest.owner,
        "channel": digest.channel,
        "schedule": str(digest.schedule),
        "question": str(digest.scope),
        "mention": digest.mention,
        "paused": digest.paused,
        "created": digest.created,
        "due": digest.due,
        "urgent": ",".join(digest.urgent) or None,
        "urgent_due": digest.urgent_due,
        "urgent_read": digest.urgent_read,
    }


def _digest(found: sa.Row[Any]) -> Digest:
    values = dict(found._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    del values["removed"]
    values["urgent"] = tuple(values["urgent"].split(",")) if values["urgent"] else ()
    schedule = parse_order(values.pop("schedule"), zone="UTC").schedule
    return Digest(schedule=schedule, scope=Scope.read(values.pop("question")), **values)


def _row(number: int, finding: Finding) -> dict[str, Any]:
    return {
        "digest": number,
        "id": finding.id,
        "last": finding.last.isoformat(),
        "decided": finding.decision is not None,
        "body": json.dumps(to_builtins(finding)),
    }


def _finding(body: str) -> Finding:
    return from_builtins(json.loads(body))


def _point(found: sa.Row[Any]) -> Point:
    return Point(date.fromisoformat(found.start), date.fromisoformat(found.end), found.calls, found.open)
