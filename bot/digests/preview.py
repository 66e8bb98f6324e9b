"""A preview: what the last 24 hours would say in a digest. Pure, and nothing of it is to be remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from bot.digests.changes import Earlier, Period, compare
from bot.digests.report import Report
from bot.question.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bot.digests.digest import Digest
    from bot.digests.finding import Finding
    from bot.digests.scan import Scan

LENGTH: Final = timedelta(hours=24)


def windows(now: datetime) -> tuple[Window, Window]:
    """The last 24 hours, to the minute, and those before."""
    end = now.replace(second=0, microsecond=0)
    start = end - LENGTH
    return Window(start, end, label="", clipped=False), Window(start - LENGTH, start, label="", clipped=False)


def report(
    scan: Scan,
    digest: Digest,
    window: Window,
    subject: str,
    *,
    remembered: Iterable[Finding],
    is_first: bool,
    stale_after: timedelta,
) -> Report:
    """What `scan` of `window` would say in a digest that remembers so much. Silence resolves nothing in it;
    and where it `is_first`, before any digest, nothing is called new."""
    zone = ZoneInfo(digest.schedule.zone)
    today = window.end.astimezone(zone).date()
    # as of today: a snooze that lapses tomorrow still holds
    period = Period(today - timedelta(days=1), today, trusted=False)
    compared = compare(
        remembered,
        [row.seen(zone) for row in scan.rows],
        period=period,
        complete=scan.complete,
        earlier=Earlier() if is_first else None,
    )
    before = {row.seen(zone).identity: row.calls for row in scan.before}
    entries = (
        replace(each, before=before.get(each.finding.identity, 0), change="open" if is_first else each.change)
        for each in compared.entries
    )
    silence = None if scan.newest is None else window.end - scan.newest
    return Report(
        period=replace(period, trusted=scan.reaches(window.end, stale_after)),
        entries=tuple(entries),
        calls=sum(row.calls for row in scan.rows),
        calls_before=sum(before.values()) if scan.complete else None,
        late=0,
        events=scan.events,
        without_tls=scan.without_tls,
        mute=scan.mute,
        limited=sum(row.limited for row in scan.rows),
        silent=scan.silent,
        newest=scan.newest,
        stale=silence if silence is not None and silence > stale_after else None,
        is_baseline=is_first,
        is_weekly=False,
        complete=scan.complete,
        subject=subject,
        history=(),
        doubts=scan.doubts,
        read=scan.asked,
        is_preview=True,
    )
