"""Promises: what is due, a digest or a look at a client, becomes a run, and a scan that it awaits."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from bot.digests import scan
from bot.errors import UserError
from bot.store.run import DigestTask, Run, ScanTask, WatchTask, new_id

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
    digest: Digest, day: date, *, runs: Runs, grammar: Grammar, now: datetime, key: str, at_once: bool = False
) -> Run:
    """Have the digest of a local date told: a run that tells it, and one that asks, the scan, which all
    digests share that ask the same over the same days. The same `key` is told once."""
    window, before = scan.windows(digest, day)
    text = f"{window} by={scan.FINDINGS_VIEW} {digest.scope}"
    awaits = None
    try:
        question = grammar.parse(text, now=now, zone=UTC)
    except UserError as error:
        # told to its owner by whoever acquires the run
        log.warning("digest %s cannot be asked: %s", digest.id, error)
    else:
        text = str(question)
        fresh = timedelta() if at_once else SCAN_AGE
        awaits = _scan_of(question, before, runs=runs, grammar=grammar, now=now, fresh=fresh)
    return runs.add(
        Run(
            id=new_id(),
            key=key,
            task=DigestTask(digest.id, day, None if awaits is None else awaits.id, at_once),
            user="",
            channel=digest.channel,
            text=text,
            engine="",
            created=now,
            zone=digest.schedule.zone,
        )
    )


def _scan_of(
    question: Question, before: Window, *, runs: Runs, grammar: Grammar, now: datetime, fresh: timedelta
) -> Run:
    """The scan of a question, which others may have begun; a new one where that failed, or was asked longer
    than `fresh` ago: more logs may have come since."""
    engine = grammar.engine_of(question)
    asked = f"{engine} {question} {before}"
    key = f"scan/{hashlib.sha256(asked.encode()).hexdigest()}"
    run = Run(
        id=new_id(),
        key=key,
        task=ScanTask(str(before)),
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
    window, before = scan.windows(watch.as_digest(), day)
    text = f"{window} by={scan.FINDINGS_VIEW} {watch.scope}"
    awaits = None
    try:
        question = grammar.parse(text, now=now, zone=UTC)
    except UserError as error:
        # as where a store is gone since: the day is one that is not believed
        log.warning("watch %s cannot be asked: %s", watch.id, error)
    else:
        text = str(question)
        awaits = _scan_of(question, before, runs=runs, grammar=grammar, now=now, fresh=SCAN_AGE)
    return runs.add(
        Run(
            id=new_id(),
            key=f"watch/{watch.id}/{day}",
            task=WatchTask(watch.id, day, None if awaits is None else awaits.id),
            user="",
            channel=watch.channel,
            text=text,
            engine="",
            created=now,
            zone=watch.zone,
        )
    )
