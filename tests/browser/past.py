"""A past for a digest that was ordered just now, so that it has a line to draw and something new to tell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from bot.app.promises import promise
from bot.demo import samples
from tests.support.workers import ended

if TYPE_CHECKING:
    from datetime import date

    from bot.bootstrap import Bot
    from bot.digests.digest import Digest

NEWCOMER: Final = "vendor-sync"
"""Who calls on the last day for the first time, with the old client of someone known."""

KNOWN: Final = "nightly-export"

ELSEWHERE: Final = ("D_GUEST", "D_BOB", "D_ALICE", "C_SECURITY")
"""Where the digests of the past are told, a few in each: Slack takes a burst of three posts a channel."""

PATIENCE: Final = 30.0


def give_past(bot: Bot, digest: Digest, days: int) -> None:
    """Have the digest told of so many days elsewhere, and then where it belongs of a day on which a newcomer
    calls."""
    day = digest.schedule.latest(bot.questions.now())
    _add_newcomer(bot, day - timedelta(days=1))
    for back in range(days, -1, -1):
        elsewhere = replace(digest, channel=ELSEWHERE[back % len(ELSEWHERE)]) if back else digest
        bot.worker.digests.change(elsewhere)
        run = promise(
            elsewhere,
            day - timedelta(days=back),
            runs=bot.worker.runs,
            grammar=bot.questions.grammar,
            now=bot.questions.now(),
            key=f"past/{digest.id}/{back}",
            at_once=True,
        )
        bot.worker.wake()
        ended(bot.worker, run.id, PATIENCE)


def _add_newcomer(bot: Bot, on: date) -> None:
    found = [json.dumps(record) for record in samples.day(on) if KNOWN in json.dumps(record)]
    made = [json.loads(record.replace(KNOWN, NEWCOMER)) for record in found]
    for number, record in enumerate(made):
        record["eventID"] = f"{number:032x}"
    with TemporaryDirectory(prefix="tls-audit-newcomer-") as folder:
        file = Path(folder) / "newcomer.json"
        file.write_text(json.dumps({"Records": made}))
        engine = bot.worker.engines["local"]
        local: Any = getattr(engine, "wrapped", engine)
        local._archive.ingest([folder], progress=lambda _: None)  # noqa: SLF001 - a demo keeps it to itself
