"""Days of delivery, as the folders of log files name them: YYYY/MM/DD, at whatever depth, below any account,
organization, Region and prefix, and above Firehose's hours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

SLACK: Final = timedelta(days=1)
"""A day's folder may hold events of the day before; and folders by another clock are a day off at most."""

FROM_EVER: Final = "0000/00/00"
FOR_EVER: Final = "9999/99/99"
AFTER_ALL: Final = "\U0010ffff"  # sorts behind whatever a key goes on with

DAY_FOLDER: Final = re.compile(r"(?s)^(|.*/)(\d{4}/(?:0[1-9]|1[0-2])/(?:0[1-9]|[12]\d|3[01]))/")
PART_OF_DAY: Final = re.compile(r"(?:^|/)(\d{4}/(?:0[1-9]|1[0-2])(?:/(?:0[1-9]|[12]\d|3[01]))?)$")
DELIVERY_DAY: Final = re.compile(
    r"(?<!\d)(\d{4})[/-]?(\d\d)[/-]?(\d\d)(?:[/T_.-]|$)"
)  # in the folders, or in the file's name
DELIVERY_TIME: Final = re.compile(r"(?<!\d)\d{8}T(\d{4})Z")  # in the name of a trail's file
BY_ASKING: Final = "CloudTrail-Lake/"
"""Below it, a day's folder tells when somebody asked Lake, and not when things happened.
Source: CloudTrail's user guide, "Find your saved query results"."""


@dataclass(frozen=True, slots=True)
class Days:
    """From a first to a last day, both in it, written YYYY/MM/DD."""

    first: str = FROM_EVER
    last: str = FOR_EVER

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None) -> Days:
        """The days whose folders may hold events from `since` until `until`; None: from ever, for ever."""
        return cls(_day(since, -SLACK) or FROM_EVER, _day(until, SLACK) or FOR_EVER)

    def hold(self, key: str) -> bool:
        """Whether a file of this name may hold events of these days; True where no folder tells its day."""
        found = None if BY_ASKING in key else DAY_FOLDER.match(key)
        return not found or self.first <= found[2] <= self.last

    def reach(self, folder: str) -> bool:
        """Whether there may be such files in or below this folder, a path without a slash at its end."""
        found = None if BY_ASKING in folder else PART_OF_DAY.search(folder)
        size = len(found[1]) if found else 0
        return not found or self.first[:size] <= found[1] <= self.last[:size]

    def contain(self, other: Days) -> bool:
        return self.first <= other.first and other.last <= self.last

    def touch(self, other: Days) -> bool:
        return self.first <= other.last and other.first <= self.last

    def skip(self, key: str) -> str:
        """From where to go on in a sorted listing that has come to `key`: behind it, or behind all that is
        sure to lie outside of these days."""
        found = None if BY_ASKING in key else DAY_FOLDER.match(key)
        if found and found[2] < self.first:
            return f"{found[1]}{self.first}"
        if found and found[2] > self.last:
            return f"{found[1]}{found[2][:5]}{AFTER_ALL}"
        return key


EVER: Final = Days()


def _day(moment: datetime | None, slack: timedelta) -> str:
    try:
        return f"{moment.astimezone(UTC) + slack:%Y/%m/%d}" if moment else ""
    except OverflowError:
        return ""


def delivery_day(name: str) -> str:
    """The day that a source's name tells, as YYYYMMDD; nothing where it tells none."""
    days = DELIVERY_DAY.findall(name)
    return "".join(days[-1]) if days else ""


def delivered(name: str) -> tuple[str, str]:
    """The day and the time that a source's name tells, as YYYYMMDD and HHMM; nothing where it tells none."""
    times = DELIVERY_TIME.findall(name)
    return delivery_day(name), times[-1] if times else ""
