"""Runs, as a test has them asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bot.engines import Statement
from bot.store.runs import Run, Step
from bot.table import Column

if TYPE_CHECKING:
    from datetime import datetime

BEGUN: Final = (
    Step("answer", Statement("SELECT 1", (Column("eventSource", "TEXT"), Column("numCalls", "INTEGER")))),
)
"""The steps of a run that its engine is asked for."""


def asked(created: datetime, name: str = "0123abcd", **changes: Any) -> Run:
    """The run `name`, as it was asked at `created`; `changes` are what else matters of it."""
    plain = Run(
        id=name,
        key=f"key-{name}",
        user="U1",
        channel="C1",
        reply_to=None,
        typed="last 7d",
        text="last 7d",
        engine="local",
        steps=(),
        created=created,
    )
    return replace(plain, **changes)
