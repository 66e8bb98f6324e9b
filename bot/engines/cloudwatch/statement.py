"""How CloudWatch's answer to a statement is read, and when its run is known again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from bot.table import Column

TOKEN_CHARS: Final = 100
"""What a run's token may take of a text."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a row of the answer is, and when its events were: a statement's `layout`, as JSON."""

    finer: tuple[tuple[str, Column], ...]
    """The columns of its answer: as they are called there, and in the fold."""
    start: datetime
    end: datetime
    """The bounds on eventTime: of the first moment, and of the first one after."""

    def written(self) -> str:
        """As JSON."""
        finer = [(name, column.name, column.type) for name, column in self.finer]
        return json.dumps({"finer": finer, "start": self.start.isoformat(), "end": self.end.isoformat()})

    @classmethod
    def read(cls, text: str) -> Self:
        """What `written` wrote."""
        held = json.loads(text)
        finer = tuple((name, Column(called, type_)) for name, called, type_ in held["finer"])
        return cls(finer, datetime.fromisoformat(held["start"]), datetime.fromisoformat(held["end"]))


NARROWER: Final = "Ask for a shorter window, or name a service."
