"""A preview says no more than its events do, as a digest."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final

import pytest

from bot.digests import preview
from bot.digests import report as reports
from bot.digests.digest import Digest
from bot.digests.scan import Scan
from bot.digests.schedule import EVERY_DAY, Schedule
from bot.event_schema import AGENT
from bot.question.question import Scope

NOW: Final = datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mute", "without_tls", "says"),
    [
        (AGENT, 0, "none of 100 events names its client, so this says nothing about old SDKs."),
        ("", 100, "all clear. No call with an SDK out of support in 100 events"),
    ],
)
def test_whether_it_says_anything_goes_by_what_was_asked(mute: str, without_tls: int, says: str) -> None:
    digest = Digest(
        1, "U1", "C1", Schedule(time(9), "UTC", EVERY_DAY), Scope.read("sdk=eol"), None, NOW, due=NOW
    )
    window, _ = preview.windows(NOW)
    found = Scan(NOW, (), (), True, 100, without_tls, (), NOW, NOW, mute=mute)

    told = preview.report(
        found,
        digest,
        window,
        "calls with an SDK out of support",
        remembered=(),
        is_first=False,
        stale_after=timedelta(hours=6),
    )

    assert says in reports.headline(told, NOW.date(), UTC)
    assert told.period.trusted == (not mute)
