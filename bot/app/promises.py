"""Promises: what is due (a digest, a preview of one, a look at a client or at urgent services) becomes a run,
and the scan that it awaits."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from bot.digests import preview as previews
from bot.digests import scan, urgent
from bot.digests import watch as watches
from bot.errors import UserError
from bot.store.run import DigestTask, PreviewTask, Run, ScanTask, UrgentTask, WatchTask, new_id

if TYPE_CHECKING:
    from datetime import date, datetime

    from bot.app.grammar import Grammar
    from bot.digests.digest import Digest
    from bot.digests.watch import Watch
    from bot.question.question import Question
    from bot.question.window import Window
    from bot.store.runs import Runs

log = logging.getLogger(__name__)

SCAN_AGE: Final = timedelta(minutes=15)
"""How old a scan may be that digests share. Longer ago, several deliveries of logs may have come since."""


def promise(
    digest: Digest,
    day: date,
    *,
    runs: Runs,
    grammar: Grammar,
    now: datetime,
    key: str,
    at_once: bool = False,
    looks_back: bool = False,
) -> Run:
    """Have the digest of a local date told: a run that tells it, and one that asks, the scan, which all
    digests share that ask the same over the same days. The same `key` is told once. A first digest
    `looks_back` for when its findings began."""
    fresh = timedelta() if at_once else SCAN_AGE
    text, awaits = _asked(digest, scan.windows(digest, day), runs, grammar, now, fresh, looks_back)
    task = DigestTask(digest.id, day, awaits, at_once)
    return runs.add(_telling(digest, task, text, now, key))


def preview(digest: Digest, *, runs: Runs, grammar: Grammar, now: datetime, key: str) -> Run:
    """Have the last 24 hours told as the digest would tell them. The same `key` is told once."""
    text, awaits = _asked(digest, previews.windows(now), runs, grammar, now, SCAN_AGE)
    return runs.add(_telling(digest, PreviewTask(digest.id, awaits), text, now, key))


def promise_urgent(digest: Digest, hour: datetime, *, runs: Runs, grammar: Grammar, now: datetime) -> Run:
    """Have a digest's urgent services be looked at on a full hour: a run that does, once, and the scan that
    it awaits, which digests share that ask the same."""
    asked = urgent.windows(hour, digest.urgent_read or digest.created)
    text, awaits = _asked(digest, asked, runs, grammar, now, SCAN_AGE)
    key = f"urgent/{digest.id}/{hour:%Y-%m-%dT%H}"
    return runs.add(_telling(digest, UrgentTask(digest.id, awaits), text, now, key))


def _telling(
    digest: Digest,
    task: DigestTask | PreviewTask | WatchTask | UrgentTask,
    text: str,
    now: datetime,
    key: str,
) -> Run:
    return Run(
        id=new_id(),
        key=key,
        task=task,
        user="",
        channel=digest.channel,
        text=text,
        engine="",
        created=now,
        zone=digest.schedule.zone,
    )


def _asked(
    digest: Digest,
    windows: tuple[Window, Window],
    runs: Runs,
    grammar: Grammar,
    now: datetime,
    fresh: timedelta,
    looks_back: bool = False,
) -> tuple[str, str | None]:
    """What is asked for a digest over the first of the windows, before which the second is; and the scan that
    asks it, None where that means nothing any more."""
    window, before = windows
    text = f"{window} by={scan.FINDINGS_VIEW} {digest.scope}"
    try:
        question = grammar.parse(text, now=now, zone=UTC)
    except UserError as error:
        # told to its owner by whoever acquires the run
        log.warning("digest %s cannot be asked: %s", digest.id, error.in_full)
        return text, None
    task = ScanTask(str(before), looks_back)
    return str(question), _scan_of(question, task, runs=runs, grammar=grammar, now=now, fresh=fresh).id


def _scan_of(
    question: Question, task: ScanTask, *, runs: Runs, grammar: Grammar, now: datetime, fresh: timedelta
) -> Run:
    """The scan of a question, which others may have begun; a new one where that failed, or was asked longer
    than `fresh` ago: more logs may have come since."""
    engine = grammar.engine_of(question)
    asked = f"{engine} {question} {task.previous}{' looks back' if task.looks_back else ''}"
    key = f"scan/{hashlib.sha256(asked.encode()).hexdigest()}"
    run = Run(
        id=new_id(),
        key=key,
        task=task,
        user="",
        channel="",
        text=str(question),
        engine=engine,
        created=now,
    )
    while (there := runs.add(run)).id != run.id and (
        there.state in {"failed", "cancelled"} or (there.state == "done" and now - there.created >= fresh)
    ):
        run = replace(run, key=f"{there.key}+")
    return there


def promise_look(watch: Watch, day: date, *, runs: Runs, grammar: Grammar, now: datetime) -> Run:
    """Have a watch looked at on a local date, of the day before: a run that does, once, and the scan that it
    awaits, which digests and watches share that ask the same."""
    asked = watch.as_digest()
    text, awaits = _asked(asked, scan.windows(asked, day), runs, grammar, now, SCAN_AGE)
    return runs.add(_telling(asked, WatchTask(watch.id, day, awaits), text, now, f"watch/{watch.id}/{day}"))


def count_key(watch: Watch, day: date) -> str:
    """The key of the scan that counts all calls of a watch's client, on the local date on which that ends."""
    return f"scan/watch/{watch.id}/{day}"


def promise_count(watch: Watch, day: date, *, runs: Runs, grammar: Grammar, now: datetime) -> Run | None:
    """Have all calls of a watch's client be counted, once, over the days after which it has ended quiet; None
    where that means nothing any more."""
    text = f"{watch.quiet_window()} by={scan.FINDINGS_VIEW} {watches.scope_of_all(watch)}"
    try:
        question = grammar.parse(text, now=now, zone=UTC)
    except UserError as error:
        log.warning("watch %s: its other calls cannot be counted: %s", watch.id, error.in_full)
        return None
    return runs.add(
        Run(
            id=new_id(),
            key=count_key(watch, day),
            task=ScanTask(previous=""),
            user="",
            channel="",
            text=str(question),
            engine=grammar.engine_of(question),
            created=now,
        )
    )
