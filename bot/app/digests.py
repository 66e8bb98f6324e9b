"""Digests: what a person can do about them, and the promise of one that is due."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from bot.digests import scan
from bot.errors import UserError
from bot.store.run import DigestTask, Run, ScanTask, new_id

if TYPE_CHECKING:
    from datetime import date, datetime

    from bot.app.grammar import Grammar
    from bot.digests.digest import Digest
    from bot.question.question import Question
    from bot.question.window import Window
    from bot.store.runs import Runs

log = logging.getLogger(__name__)


def promise(
    digest: Digest, day: date, *, runs: Runs, grammar: Grammar, now: datetime, key: str, at_once: bool = False
) -> Run:
    """Have the digest of a local date told: a run that tells it, and one that asks, the scan, which all
    digests share that ask the same over the same days. The same `key` is told once."""
    window, before = scan.windows(digest, day)
    text = f"{window} by={scan.VIEW} {digest.scope}"
    awaits = None
    try:
        question = grammar.parse(text, now=now, zone=UTC)
    except UserError as error:
        # told to its owner by whoever acquires the run
        log.warning("digest %s cannot be asked: %s", digest.id, error)
    else:
        text = str(question)
        awaits = _scan_of(question, before, runs=runs, grammar=grammar, now=now)
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


def _scan_of(question: Question, before: Window, *, runs: Runs, grammar: Grammar, now: datetime) -> Run:
    """The scan of a question, which others may have begun; a new one where that failed."""
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
    while (there := runs.add(run)).state in {"failed", "cancelled"}:
        run = replace(run, key=f"{there.key}+")
    return there
