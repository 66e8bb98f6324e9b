"""What became of the sources, and so what an answer from the archive rests on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bot.archive.days import SLACK, delivery_day
from bot.wording import number, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

Key = tuple[str, int, str]
"""What a source is known by: its name, size and stamp."""


class Outcome(StrEnum):
    """What became of a source."""

    READ = "read"
    SKIPPED = "skipped"
    """It is no log; nobody misses it."""
    REFUSED = "refused"
    """It may hold events, and cannot be read; it is not tried again until it changes."""
    ARCHIVED = "archived"
    """It lies in a storage class from which it must be restored first."""
    DENIED = "denied"
    GONE = "gone"
    """It was listed, and vanished before it was read."""


NOT_REGULAR: Final = "not a regular file"
CHOSEN: Final = "left out by pattern"
"""Why a file was passed over that was never opened."""

_MANY: Final = {
    "JSON without events": "JSON without events",
    "file of macOS": "files of macOS",
    "text without JSON": "texts without JSON",
    CHOSEN: CHOSEN,
    NOT_REGULAR: "not regular files",
}
"""Kinds of which a plural is more than an s at their end."""


def counted_kind(count: int, kind: str) -> str:
    """`1 control message`, `2 control messages`: how much was skipped, by its kind."""
    return f"{number(count)} {kind if count == 1 else _MANY.get(kind) or plural(kind, count)}"


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one source; of one that was read, what in it was not.

    `why` is the kind of what was skipped, or ends a sentence about what could not be read. `skipped` counts
    records by kind, `bad` by reason. `first` and `last` are the eventTimes of its events, empty if unknown.
    """

    name: str
    outcome: Outcome
    why: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    bad: Mapping[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""

    @property
    def words(self) -> str:
        """What became of it, in words that follow its name."""
        if self.why:
            return self.why
        if self.skipped:
            kinds = ", ".join(counted_kind(count, kind) for kind, count in self.skipped.items())
            return f"{self.outcome}, and passed over: {kinds}"
        return str(self.outcome)

    @property
    def is_left_out(self) -> bool:
        """Whether there may be events in it that the archive does not have."""
        return bool(self.bad) or self.outcome not in {Outcome.READ, Outcome.SKIPPED}

    def concerns(self, start: datetime, end: datetime) -> bool:
        """Whether its events may lie in a window: by their times, else by the day that its name tells; True
        where neither is known."""
        if self.first and self.last:
            first, last = (datetime.fromisoformat(moment) for moment in (self.first, self.last))
            return first < end and last >= start
        try:
            day = datetime.strptime(delivery_day(self.name), "%Y%m%d").replace(tzinfo=UTC)
        except ValueError:
            return True
        return day - SLACK < end and day + timedelta(days=1) > start


@dataclass(frozen=True, slots=True)
class Sources:
    """What the answer to a question about a window rests on, and what is missing from it.

    `left_out` are the sources of which all or a part could not be read and which may concern the window;
    `skipped` and `records_skipped` count, whatever the window, what is no log and no call, by kind; `strays`
    are Parquet files in the archive's folder that its ledger cannot explain, `missing` such as it lists and
    that are not there; `unlooked` are the places of which some of the window's days were never looked at;
    `kept_since` is the first day that is still kept, where the window begins before it;
    `is_reading` says that an ingest is under way.
    """

    left_out: tuple[Report, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    records_skipped: Mapping[str, int] = field(default_factory=dict)
    strays: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unlooked: tuple[str, ...] = ()
    kept_since: date | None = None
    is_reading: bool = False

    @property
    def files(self) -> int:
        """How many files were left out as a whole."""
        return sum(report.outcome is not Outcome.READ for report in self.left_out)

    @property
    def records(self) -> int:
        """How many records could not be read in files of which the rest was."""
        return sum(sum(each.bad.values()) for each in self.left_out if each.outcome is Outcome.READ)

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How many files were left out as a whole, by what became of them."""
        return Counter(each.outcome for each in self.left_out if each.outcome is not Outcome.READ)
