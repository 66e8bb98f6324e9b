"""A demo's past: what its digest was told before anyone looks; and a question slow enough to cancel."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from bot.app.answer import COVERAGE_ROWS, translate
from bot.demo.samples import KNOWN_TO_ALL
from bot.digests import scan
from bot.digests.digest import Digest
from bot.digests.finding import Snooze
from bot.digests.order import parse
from bot.engines import Engine
from bot.question.question import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from bot.app.grammar import Grammar
    from bot.engines import Progress, Sources, Statement
    from bot.store.digests import Digests
    from bot.table import Column, Table

PAST_DAYS: Final = 13
"""Days that were told before the one that is told when the demo starts: two weeks of samples."""

SLOW_VIEW: Final = "callers"
"""The view that takes its time in the demo."""

SLOW_VIEW_SECONDS: Final = 60.0
SLOW_STEP_SECONDS: Final = 0.2


def ordered(owner: str, channel: str, now: datetime) -> Digest:
    """The demo's digest, which has yet to be kept."""
    order = parse("daily 09:00 Europe/Berlin mention=S_ONCALL", zone="UTC")
    return Digest(
        id=0,
        owner=owner,
        channel=channel,
        schedule=order.schedule,
        scope=Scope.read(""),
        mention=order.mention,
        created=now - timedelta(days=PAST_DAYS + 1),
        due=order.schedule.following(now),
    )


def told_last(now: datetime) -> date:
    """The day that the digest tells when the demo starts."""
    return ordered("", "", now).schedule.latest(now) - timedelta(days=1)


def give(digest: Digest, digests: Digests, grammar: Grammar, engine: Engine, now: datetime) -> None:
    """Have `digest` know what it would have told on each of `PAST_DAYS` days before; nothing is posted."""
    latest = digest.schedule.latest(now)
    for back in range(PAST_DAYS, 0, -1):
        day = latest - timedelta(days=back)
        window, before = scan.windows(digest, day)
        question = grammar.parse(f"{window} by={scan.FINDINGS_VIEW} {digest.scope}", now=now, zone=UTC)
        asked = digest.schedule.moment(day)
        steps = translate(scan.questions(question, before, asked, grammar.views), engine, cap=COVERAGE_ROWS)
        with ExitStack() as open_:
            tables = {
                name: open_.enter_context(
                    engine.run(step, token=uuid4().hex, resume=None, progress=lambda *_: None)
                )
                for name, step in steps.items()
            }
            sources = engine.sources(question.window.start, question.window.end)
            found = scan.from_tables(question, asked, tables, sources)
        start, _ = digest.period(day)
        told = scan.report(
            found,
            digest,
            day,
            question.subject(),
            remembered=digests.findings(digest.id),
            history=digests.points(digest.id, start, PAST_DAYS),
            trusted=digests.trusted(digest.id, start, PAST_DAYS),
            stale_after=timedelta(days=1),
        )
        digests.keep(digest.id, *told)
    today = now.astimezone(ZoneInfo(digest.schedule.zone)).date()
    snooze = Snooze("bob", "the vendor ships a new release next month", today + timedelta(days=30), 0)
    for finding in digests.findings(digest.id):
        if KNOWN_TO_ALL in finding.principal:
            digests.acknowledge(digest.id, finding.id, replace(snooze, calls=finding.calls))


class AsSlowAsALake(Engine):
    """An engine whose view `SLOW_VIEW` takes a minute, so that there is something to cancel."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name
        self.concurrency = engine.concurrency

    def translate(self, select: Any, columns: Sequence[Column]) -> Statement:  # only passed on
        return self._engine.translate(select, columns)

    def sources(self, start: datetime | None = None, end: datetime | None = None) -> Sources | None:
        return self._engine.sources(start, end)

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        until = time.monotonic() + SLOW_VIEW_SECONDS
        while _is_slow(statement) and (left := until - time.monotonic()) > 0:
            progress(None, "running", 0)
            time.sleep(min(left, SLOW_STEP_SECONDS))
        return self._engine.run(statement, token=token, resume=resume, progress=progress)


def _is_slow(statement: Statement) -> bool:
    """Whether it is the question of the view `SLOW_VIEW`: no other has access keys."""
    return any(column.name == "accesskeyid" for column in statement.columns)
