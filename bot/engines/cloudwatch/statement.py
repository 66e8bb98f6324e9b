"""What CloudWatch is asked, and when its run is known again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.engines import Statement

if TYPE_CHECKING:
    from datetime import datetime

    from bot.table import Column

TOKEN_CHARS: Final = 100
"""What a run's token may take of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Statement):
    """A question as Logs Insights is asked it. `sql` is its text, `fold` is the SELECT over its answer."""

    finer: tuple[tuple[str, Column], ...]
    """The columns of its answer: as they are called there, and in the fold."""
    start: datetime
    end: datetime
    """The bounds on eventTime: of the first moment, and of the first one after."""


NARROWER: Final = "Ask for a shorter window, or name a service."
