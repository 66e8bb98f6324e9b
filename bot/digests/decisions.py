"""Decisions: what people have said of a finding that is more than to put it off.

Accepted is borne until a date; not applicable is no finding at all, until that is undone. Neither is a
snooze, which also ends where calls double. An assignment says who is at work on it, and hides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 - msgspec reads it
from typing import Final, Literal

from bot.wording import month_day

DecisionKind = Literal["accepted", "not applicable"]

ACCEPTED_MOST: Final = 366
"""Days for which a finding can be accepted: what is borne longer is decided anew each year."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A finding accepted, or called not applicable: by whom, why, and when."""

    kind: DecisionKind
    by: str
    """A name for people to read."""
    why: str
    on: date
    until: date | None = None
    """The date on which it is open again; None: never, which only what is not applicable is."""

    def holds(self, day: date) -> bool:
        """Whether it still does for a period that ends with the day before `day`."""
        return self.until is None or self.until > day

    def words(self, today: date) -> str:
        """`accepted until 5 Dec (alice, 20 Nov: vendor patches in December)`."""
        until = "" if self.until is None else f" until {month_day(self.until, today)}"
        return f"{self.kind}{until} ({self.by}, {month_day(self.on, today)}: {self.why})"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who is at work on a finding: a team, or a person."""

    to: str
    """A name for people to read."""
    by: str
    on: date

    def words(self, today: date) -> str:
        """`assigned to payments (alice, 20 Nov)`."""
        return f"assigned to {self.to} ({self.by}, {month_day(self.on, today)})"
