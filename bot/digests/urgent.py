"""Urgent services: what is new to a digest of their calls is told within the hour, and not tomorrow. Pure.

Every hour, what the digest asks is asked of the hours since the last that could be believed, and of the hour
before those again, for calls that arrived late. What is new or back is told, once. Nothing is resolved by it,
and nothing remembered but that it was told: the digest goes on as if nobody had looked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from bot.digests import report as reports
from bot.digests.changes import Period, compare
from bot.digests.report import Report
from bot.digests.scan import NEWS
from bot.question.window import Window
from bot.wording import counted, listed, moment, short_service

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from bot.digests.digest import Digest
    from bot.digests.finding import Finding
    from bot.digests.scan import Scan

HOUR: Final = timedelta(hours=1)
"""How often is looked, and how late a call may arrive and still be told by a look: CloudTrail delivers
about every five minutes, and promises no time (docs/facts.md, How fast events come)."""

LOOKS_BACK: Final = 6 * HOUR
"""How far a look goes back where the hours before it were not believed. What is older, the digest tells."""


def hour_of(now: datetime) -> datetime:
    """The last full hour."""
    return now.replace(minute=0, second=0, microsecond=0)


def windows(hour: datetime, believed_until: datetime | None) -> tuple[Window, Window]:
    """What is looked at on a full hour, and the hour before that again."""
    since = hour - HOUR if believed_until is None else min(hour_of(believed_until), hour - HOUR)
    start = max(since, hour - LOOKS_BACK)
    return Window(start, hour, label="", clipped=False), Window(start - HOUR, start, label="", clipped=False)


def is_believed(scan: Scan, window: Window) -> bool:
    """Whether what `scan` did not find in `window` was not there, but for what is on its way for an hour."""
    return scan.complete and not scan.doubts and scan.reaches(window.end, HOUR)


@dataclass(frozen=True, slots=True)
class Told:
    """What one look tells: its news, and in a sentence that nothing was believed for long; or neither."""

    report: Report | None = None
    doubt: str = ""


def to_json(told: Told) -> str:
    """What a look tells as JSON in ASCII; `from_json` reads an equal one back."""
    report = None if told.report is None else reports.to_json(told.report)
    return json.dumps({"report": report, "doubt": told.doubt})


def from_json(text: str) -> Told:
    """What `to_json` wrote."""
    fields = json.loads(text)
    report = None if fields["report"] is None else reports.from_json(fields["report"])
    return Told(report, fields["doubt"])


def report(
    scan: Scan,
    digest: Digest,
    window: Window,
    subject: str,
    *,
    remembered: Iterable[Finding],
    told: Collection[str],
) -> Report | None:
    """What of the digest's urgent services is news to what it remembers, but for the findings that were
    `told`, by id; None where nothing is."""
    zone = ZoneInfo(digest.schedule.zone)
    today = window.end.astimezone(zone).date()
    # as of today: a snooze that lapses tomorrow still holds
    period = Period(today - timedelta(days=1), today, trusted=False)
    seen = [row.seen(zone) for row in (*scan.rows, *scan.before) if row.service in digest.urgent]
    entries = tuple(
        replace(entry, before=0)
        for entry in compare(remembered, seen, period=period, complete=scan.complete).entries
        if entry.change in NEWS and entry.finding.service in digest.urgent and entry.finding.id not in told
    )
    if not entries:
        return None
    return Report(
        period=replace(period, trusted=True),
        entries=entries,
        calls=sum(entry.calls for entry in entries),
        calls_before=None,
        late=0,
        events=scan.events,
        without_tls=scan.without_tls,
        mute=scan.mute,
        silent=scan.silent,
        newest=scan.newest,
        stale=None,
        is_baseline=False,
        is_weekly=False,
        complete=scan.complete,
        subject=subject,
        history=(),
        doubts=scan.doubts,
        read=scan.asked,
        urgent=tuple(map(short_service, digest.urgent)),
        hours=(window.end - window.start) // HOUR + 1,
    )


def doubt(digest: Digest, since: datetime, now: datetime, why: str) -> str:
    """That nothing could be believed since then, and why, for the digest's people."""
    services = listed([short_service(name) for name in digest.urgent])
    begun = moment(since, ZoneInfo(digest.schedule.zone), now)
    return f"What {services} had since {begun} could not be believed. {why}"


def why_not(scan: Scan, window: Window) -> str:
    """Why a scan is not to be believed, in a sentence."""
    if not scan.events:
        return f"No event at all was read of {counted((window.end - window.start) // HOUR, 'hour')}."
    if scan.doubts:
        return scan.doubts[0]
    return "Its events end early." if scan.complete else "There were more findings than can be told."
