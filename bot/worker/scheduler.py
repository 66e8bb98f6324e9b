"""Telling: from a digest that is due to the two runs that it takes, the reading and the telling itself."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from bot.digests import scan
from bot.errors import UserError
from bot.store.runs import Run, new_id
from bot.worker.kinds import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from bot.digests.digest import Digest
    from bot.question.question import Question
    from bot.question.window import Window
    from bot.store.digests import Digests
    from bot.store.runs import Runs

log = logging.getLogger(__name__)


class DigestScheduler:
    """Has digests told. Any number of replicas may do so: what falls due is a run of one key."""

    def __init__(
        self,
        runs: Runs,
        digests: Digests,
        parse: Callable[..., Question],
        *,
        engine: str,
        clock: Callable[[], datetime],
        told: Callable[[], None],
    ) -> None:
        """`parse` is `Runner.parse`, `engine` the default one; `told` hears of every run that was added."""
        self._runs = runs
        self._digests = digests
        self._parse = parse
        self._engine = engine
        self._clock = clock
        self._told = told

    def due(self) -> None:
        """Have told what is due; of what fell due while nobody was there, the latest, once."""
        now = self._clock()
        for digest in self._digests.due(now):
            day = digest.schedule.latest(now)
            self.tell(digest, day, key=f"digest/{digest.id}/{day}")
            self._digests.put_off(digest, now)

    def tell(self, digest: Digest, day: date, *, key: str, at_once: bool = False) -> Run:
        """Have the digest of a local date told. The same `key` is told once; all digests that ask the same
        over the same days share one reading."""
        now = self._clock()
        window, before = scan.windows(digest, day)
        text = f"{window} by={scan.VIEW} {digest.scope}"
        asked = None
        try:
            question = self._parse(text, now=now, zone=UTC)
        except UserError as error:
            # told to its owner by whoever claims the run
            log.warning("digest %s cannot be asked: %s", digest.id, error)
        else:
            text = str(question)
            asked = self._reading_of(question, before, now)
        run = Run(
            id=new_id(),
            key=key,
            user="",
            channel=digest.channel,
            reply_to=None,
            typed=NOW if at_once else "",
            text=text,
            engine="",
            steps=(),
            created=now,
            zone=digest.schedule.zone,
            kind="digest",
            awaits=None if asked is None else asked.id,
            digest=digest.id,
            day=day.isoformat(),
        )
        run = self._runs.add(run)
        self._told()
        return run

    def _reading_of(self, question: Question, before: Window, now: datetime) -> Run:
        """The reading of a question, which others may have begun; a new one where that failed."""
        engine = question.engine or self._engine
        asked = f"{engine} {question} {before}"
        key = f"reading/{hashlib.sha256(asked.encode()).hexdigest()}"
        run = Run(
            id=new_id(),
            key=key,
            user="",
            channel="",
            reply_to=None,
            typed=str(before),
            text=str(question),
            engine=engine,
            steps=(),
            created=now,
            kind="reading",
        )
        while (there := self._runs.add(run)).state in {"failed", "cancelled"}:
            run = replace(run, key=f"{there.key}+")
        return there
