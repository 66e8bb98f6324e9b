"""A scan: what is asked of the lake for digests, and what the answer says of each of them.

All digests that ask the same question over the same days share one scan. It asks four things: the
findings of the period; those of the period before again, for calls that arrived late; what was read at
all; and what has come since, so that a trail that has stopped is noticed.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, cast
from zoneinfo import ZoneInfo

from bot.answers import belief, coverage
from bot.digests.changes import Earlier, Period, Seen, compare, place
from bot.digests.jump import jump
from bot.digests.report import Point, Report
from bot.question import select
from bot.question.window import Window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date, tzinfo

    from bot.digests.digest import Digest
    from bot.digests.finding import Entry, Finding
    from bot.engines import Sources
    from bot.question.question import Question
    from bot.question.views import View
    from bot.table import Table

FINDINGS_VIEW: Final = "findings"
"""The view that digests ask."""

FINDINGS_MOST: Final = 10_000
"""More findings than that are a flood, not a list: the ones with the most calls are told."""

LOOK_BACK: Final = timedelta(days=30)
"""How far back is looked, once, for when the findings of a baseline began."""

LOOKING_BACK: Final = ("earlier", "earlier-coverage")
"""The steps that look back: the findings, and what was read for them."""

NEWS: Final = frozenset({"new", "back"})
STILL_OPEN: Final = frozenset({"open", "quiet"})

DAYS_DRAWN: Final = 14
WEEKS_DRAWN: Final = 8
"""Periods in a digest's graph."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the view: a finding, its calls, the moments of the first and the last."""

    service: str
    principal: str
    client: str
    calls: int
    first: datetime
    last: datetime
    unnamed: int = 0
    """How many of its calls have a blank in place of a name; none are counted in what version 2 wrote."""
    limited: int = 0
    """How many of its calls are outdated by nothing but what their endpoint lacks."""

    def seen(self, zone: tzinfo) -> Seen:
        """The same by the dates of a zone."""
        first, last = self.first.astimezone(zone).date(), self.last.astimezone(zone).date()
        return Seen(
            self.service,
            self.principal,
            self.client,
            self.calls,
            first,
            last,
            unnamed=self.unnamed > 0,
            limited=self.limited,
        )


@dataclass(frozen=True, slots=True)
class Scan:
    """What the lake answered."""

    asked: datetime
    rows: tuple[Row, ...]
    before: tuple[Row, ...]
    """Those of the period before."""
    complete: bool
    """Whether `rows` and `before` are all there are."""
    events: int
    without_tls: int
    silent: tuple[str, ...]
    ended: datetime | None
    """The newest event of the period."""
    newest: datetime | None
    """The newest event of all."""
    doubts: tuple[str, ...] = ()
    """Why a zero of it is none that can be believed, but for an early end, in sentences."""
    mute: str | None = None
    """As in a `Report`."""
    earlier: tuple[Row, ...] = ()
    """Those of `LOOK_BACK` before the period."""
    earlier_from: datetime | None = None
    """The oldest event that was read for `earlier`; None: nobody looked back, or there was none."""

    def reaches(self, end: datetime, stale_after: timedelta) -> bool:
        """Whether its events say what was asked, and go on to less than `stale_after` before `end`: only then
        does silence mean something."""
        return not belief.is_mute(self) and self.ended is not None and end - self.ended <= stale_after


def windows(digest: Digest, day: date) -> tuple[Window, Window]:
    """The windows of the period that the digest of `day` tells, and of the period before."""
    start, end = digest.period(day)
    before, _ = digest.period(start)
    moments = [digest.schedule.start_of(each) for each in (before, start, end)]
    before_it, period = (Window(*span, label="", clipped=False) for span in pairwise(moments))
    return period, before_it


def look_back(period: Window) -> Window:
    """The window in which is looked for when a baseline's findings began."""
    return Window(period.start - LOOK_BACK, period.start, label="", clipped=False)


def questions(
    question: Question,
    before: Window | None,
    now: datetime,
    views: Mapping[str, View],
    earlier: Window | None = None,
) -> dict[str, Question]:
    """What is asked, by the name of its step; the steps `LOOKING_BACK` last, where there is an `earlier`.
    Without a window `before` it is only counted what its own has."""
    answer, read = replace(question, top=FINDINGS_MOST), select.coverage(question, views)
    if before is None:
        return {"answer": answer, "coverage": read}
    asked = {"answer": answer, "before": replace(answer, window=before), "coverage": read}
    endpoints = select.endpoints(question, views)
    if endpoints is not None:
        asked["endpoints"] = endpoints
    since = Window(question.window.end, now.replace(second=0, microsecond=0), label="", clipped=False)
    if since.start < since.end:
        asked["since"] = select.coverage(replace(question, window=since), views)
    if earlier is not None:
        ago = replace(question, window=earlier, top=FINDINGS_MOST)
        asked |= zip(LOOKING_BACK, (ago, select.coverage(ago, views)), strict=True)
    return asked


def from_tables(
    question: Question, asked: datetime, tables: Mapping[str, Table], sources: Sources | None
) -> Scan:
    """The scan of `question` that asked at `asked`, from the answers to `questions`, by step, and what the
    engine knows of the sources of its period."""
    covered = coverage.from_table(tables["coverage"])
    since = coverage.from_table(tables["since"]) if "since" in tables else None
    mute = belief.mute(question, covered)
    # where no event says anything, the headline does
    said = None if mute else covered
    rows, oldest = _looked_back(tables)
    newest = [each.newest for each in (covered, since) if each is not None and each.newest is not None]
    return Scan(
        asked=asked,
        rows=_grouped(_rows(tables["answer"]), tables.get("endpoints")),
        before=_rows(tables["before"]) if "before" in tables else (),
        complete=all(
            tables[name].row_count < FINDINGS_MOST and not tables[name].is_partial
            for name in ("answer", "before")
            if name in tables
        ),
        events=covered.events,
        without_tls=covered.without_tls,
        mute=mute,
        silent=covered.silent,
        ended=covered.newest,
        newest=max(newest, default=None),
        doubts=tuple(each.words for each in belief.doubts(question, said, sources, ends=False)),
        earlier=rows,
        earlier_from=oldest,
    )


def _looked_back(tables: Mapping[str, Table]) -> tuple[tuple[Row, ...], datetime | None]:
    """What was found by looking back, and from when on; nothing where nobody looked, or not all is there."""
    answer, read = (tables.get(name) for name in LOOKING_BACK)
    if answer is None or read is None or answer.row_count >= FINDINGS_MOST or answer.is_partial:
        return (), None
    return _rows(answer), coverage.from_table(read).oldest


def _rows(table: Table) -> tuple[Row, ...]:
    """The rows of findings.sql. A run that was under way at the update keeps its statement, which did not ask
    how many of the calls had no name: they are found under the name that their finding has."""
    found = cast(
        "Iterable[tuple[str | None, str | None, str | None, datetime, datetime, int, *tuple[int, ...]]]",
        table.rows(),
    )
    return tuple(
        Row(service or "", principal or "", client or "", calls, first, last, *unnamed)
        for service, principal, client, first, last, calls, *unnamed in found
    )


def _grouped(rows: tuple[Row, ...], endpoints: Table | None) -> tuple[Row, ...]:
    """The rows, and how many of their calls `endpoints` has; None in a run from before an update."""
    if endpoints is None or endpoints.is_partial:
        return rows
    places = [endpoints.index(name) for name in ("eventSource", "principal", "userAgent")]
    calls: Counter[tuple[object, ...]] = Counter()
    for row in endpoints.rows():
        calls[tuple(row[at] or "" for at in places)] += cast(
            "int", row[endpoints.index("numOutdatedTlsCalls")]
        )
    return tuple(replace(row, limited=calls[row.service, row.principal, row.client]) for row in rows)


def to_json(scan: Scan) -> str:
    """The scan as JSON in ASCII; `from_json` reads an equal one back."""
    import msgspec

    return json.dumps(msgspec.to_builtins(scan))


def from_json(text: str) -> Scan:
    """The scan that `to_json` wrote."""
    import msgspec

    return msgspec.convert(json.loads(text), Scan)


def report(
    scan: Scan,
    digest: Digest,
    day: date,
    subject: str,
    *,
    remembered: Iterable[Finding],
    history: Sequence[Point],
    trusted: Collection[date],
    stale_after: timedelta,
    previous: Report | None = None,
    engine: str = "",
    engine_before: str = "",
) -> tuple[Report, tuple[Finding, ...], Point | None]:
    """What the digest of `day` tells, the findings to remember, and the period before as now known;
    None where nothing was told yet, since nobody trusts a day that no digest was there for.

    `previous` is what was told of the same period from an older scan: what was news then, still is.
    Where another `engine` was asked before, that one's findings are no measure: of those, the ones that are
    seen again go on, and no other is told as anything. Empty: not known.
    `history` is what it found before, oldest first; `trusted` the dates on which silence meant something.
    """
    zone = ZoneInfo(digest.schedule.zone)
    start, end = digest.period(day)
    ends = digest.schedule.start_of(end)
    period = Period(start, end, trusted=scan.reaches(ends, stale_after))
    is_moved = bool(engine and engine_before) and engine != engine_before
    if is_moved:
        here = {row.seen(zone).identity for row in scan.rows}
        remembered, trusted = [each for each in remembered if each.identity in here], ()
    # where nothing was read, nothing was found that the next digest could be compared with
    is_baseline = not trusted and not any(point.calls for point in history)
    compared = compare(
        remembered,
        [row.seen(zone) for row in scan.rows],
        period=period,
        late=() if is_moved else [row.seen(zone) for row in scan.before],
        trusted=trusted,
        complete=scan.complete,
        earlier=_earlier(scan, zone) if is_baseline else None,
    )
    entries = _as_told(compared.entries, previous)
    earlier = [point for point in history if point.end <= start]
    last = earlier[-1] if earlier else None
    calls, calls_before = (sum(row.calls for row in rows) for rows in (scan.rows, scan.before))
    before = Point(digest.period(start)[0], start, calls_before, last.open if last else 0)
    drawn = [point for point in earlier if point.start != before.start]
    drawn += [before] if last else []
    still_open = sum(entry.change != "resolved" for entry in entries)
    silence = None if scan.newest is None else scan.asked.astimezone(UTC) - scan.newest
    most = DAYS_DRAWN if digest.schedule.is_daily else WEEKS_DRAWN
    late = calls_before - last.calls if last and last.start == before.start and not is_moved else 0
    report = Report(
        period=period,
        entries=entries,
        calls=calls,
        calls_before=calls_before if scan.complete else None,
        late=max(0, late),
        events=scan.events,
        without_tls=scan.without_tls,
        mute=scan.mute,
        limited=sum(row.limited for row in scan.rows),
        silent=scan.silent,
        newest=scan.newest,
        stale=silence if silence is not None and silence > stale_after else None,
        is_baseline=is_baseline,
        is_weekly=not digest.schedule.is_daily,
        complete=scan.complete,
        subject=subject,
        history=(*drawn, Point(start, end, calls, still_open))[-most:],
        doubts=(*scan.doubts, *([_moved_words(engine, engine_before)] if is_moved else [])),
        read=scan.asked,
        engine=engine,
        jump=jump(period, calls, earlier, trusted, complete=scan.complete),
    )
    return report, compared.findings, before if last else None


def _moved_words(engine: str, before: str) -> str:
    return (
        f"This was asked of the engine {engine}, those before of {before}: findings that only {before} had "
        "are not told any more, nor called resolved."
    )


def _earlier(scan: Scan, zone: tzinfo) -> Earlier:
    if scan.earlier_from is None:
        return Earlier()
    # of the date of the oldest event, what came before it may not have been read
    read_from = scan.earlier_from.astimezone(zone).date() + timedelta(days=1)
    return Earlier(tuple(row.seen(zone) for row in scan.earlier), read_from)


def _as_told(entries: Sequence[Entry], previous: Report | None) -> tuple[Entry, ...]:
    """The entries of a period that was told before: what was new, back or resolved then is not called old,
    only because it is told again."""
    if previous is None:
        return tuple(entries)
    before = {entry.finding.identity: entry for entry in previous.entries}
    now = {entry.finding.identity for entry in entries}
    same = [
        replace(entry, change=was.change, note=was.note)
        if entry.change in STILL_OPEN and (was := before.get(entry.finding.identity)) and was.change in NEWS
        else entry
        for entry in entries
    ]
    gone = (
        each for each in previous.entries if each.change == "resolved" and each.finding.identity not in now
    )
    return tuple(sorted([*same, *gone], key=place))
