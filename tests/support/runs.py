"""Runs, as a test has them asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from bot.engines import Statement
from bot.store.run import DigestTask, QuestionTask, Run, ScanTask, Step, WatchTask
from bot.table import Column

if TYPE_CHECKING:
    from datetime import datetime

    from bot.store.run import Task
    from bot.store.schema import Kind

BEGUN: Final = (
    Step("answer", Statement("SELECT 1", (Column("eventSource", "TEXT"), Column("numCalls", "INTEGER")))),
)
"""The steps of a run that its engine is asked for."""


def asked(created: datetime, name: str = "0123abcd", **changes: Any) -> Run:
    """The run `name`, as it was asked at `created`; `changes` are what else matters of it."""
    plain = Run(
        id=name,
        key=f"key-{name}",
        task=QuestionTask("last 7d", "services"),
        user="U1",
        channel="C1",
        text="last 7d",
        engine="local",
        created=created,
    )
    return replace(plain, **changes)


def task(kind: Kind, awaits: str | None = None) -> Task:
    """A task of each kind; a digest's and a watch's await the run of that name."""
    if kind == "digest":
        return DigestTask(7, date(2026, 11, 23), awaits)
    if kind == "watch":
        return WatchTask(7, date(2026, 11, 23), awaits)
    return QuestionTask("last 7d", "services") if kind == "question" else ScanTask("the week before")
