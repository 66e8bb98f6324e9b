"""What a digest shows: the table of its findings, and its graph."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.table import Column, Table
from bot.wording import month_day, weekday_date

if TYPE_CHECKING:
    from bot.digests.finding import Entry
    from bot.digests.report import Point, Report
    from bot.table import Row

FINDING_COLUMNS: Final = (
    Column("state", "TEXT"),
    Column("eventSource", "TEXT"),
    Column("principal", "TEXT"),
    Column("userAgent", "TEXT"),
    Column("numOutdatedTlsCalls", "INTEGER"),
    Column("numCallsBefore", "INTEGER"),
    Column("since", "DATE"),
    Column("openDays", "INTEGER"),
    Column("note", "TEXT"),
)
"""The table of findings; `since` is a date where the digest's people live, the first of its spell, and empty
where that is not known: then the note says before which date it began, and `openDays` is the least."""


def table(report: Report) -> Table:
    """The findings in the order they are told, one a row, under `FINDING_COLUMNS`; and last `owner`, where it
    is known who owns what.

    What CloudTrail lacks is None, and what nobody owns.
    """
    rows = [_row(report, entry) for entry in report.entries]
    if not report.has_owners:
        return Table(FINDING_COLUMNS, [rows])
    teams = [entry.owner.team if entry.owner else None for entry in report.entries]
    owned = [(*row, team) for row, team in zip(rows, teams, strict=True)]
    return Table((*FINDING_COLUMNS, Column("owner", "TEXT")), [owned])


def _row(report: Report, entry: Entry) -> Row:
    finding = entry.finding
    assigned = finding.assignment.words(report.period.end) if finding.assignment else ""
    silent = ""
    if entry.calls == 0 and entry.change not in ("new", "back"):
        silent = f"no call since {weekday_date(finding.last, report.period.end)}"
    begin = ""
    if finding.began_before and entry.change != "resolved":
        begin = f"since before {month_day(finding.since + timedelta(days=1), report.period.end)}"
    told = f"told on {month_day(entry.told, report.period.end)} within the hour" if entry.told else ""
    return (
        entry.change,
        finding.service or None,
        finding.principal or None,
        finding.client or None,
        entry.calls,
        entry.before,
        None if finding.began_before else finding.since,
        entry.day,
        "; ".join(filter(None, (begin, entry.note, told, _group(entry), assigned, silent))) or None,
    )


def _group(entry: Entry) -> str:
    """Whether its endpoint is to blame, and whether that is new: a finding that moves is not resolved."""
    if entry.finding.limited:
        return "moved: now its endpoint offers no more" if entry.moved else "its endpoint offers no more"
    return "moved: not only its endpoint any more" if entry.moved else ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a graph."""

    name: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A line chart; each series has a value for each label."""

    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]


def chart(report: Report) -> Graph:
    """Calls a day; of a weekly digest calls and open findings a week. Oldest first, empty without history."""
    points = report.history
    if report.is_weekly:
        calls = Series("Calls", tuple(point.calls for point in points))
        still = Series("Open findings", tuple(point.open for point in points))
        return Graph("Calls and open findings per week", tuple(map(_week_label, points)), (calls, still))
    daily = tuple(round(point.calls / max(1, (point.end - point.start).days)) for point in points)
    return Graph("Calls per day", tuple(map(_day_label, points)), (Series("Calls", daily),))


def _week_label(point: Point) -> str:
    return month_day(point.start, point.start)


def _day_label(point: Point) -> str:
    last = point.end - timedelta(days=1)
    if last <= point.start:
        return _week_label(point)
    start = f"{point.start.day}" if point.start.month == last.month else _week_label(point)
    return f"{start}–{month_day(last, last)}"
