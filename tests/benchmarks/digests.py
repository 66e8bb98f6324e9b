"""How long 500 digests take that are due in one minute: `python -m tests.benchmarks.digests [COUNT] [named]`.

Each in a channel of its own, of five distinct questions, against a sandbox that enforces Slack's limits and
with the bot's own budget for them. Beside the time stands what the limits alone allow. Takes some minutes.
`named`: the channels are named by TLS_AUDIT_CHANNELS, so that Slack is not asked whether they are shared.
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bot.app.access import AccessPolicy
from bot.app.grammar import Grammar
from bot.digests.digest import Digest
from bot.digests.schedule import Schedule
from bot.engines import Engine, Statement
from bot.question import views
from bot.question.question import Scope
from bot.sandbox import Channel, Options, Sandbox
from bot.sandbox.limits import POST_BURST, POSTS_A_SECOND, TIERS
from bot.sandbox.state import ALICE, BOT
from bot.store.database import Database
from bot.store.digests import Digests
from bot.table import Table
from handlers import connection
from handlers.access import Directory
from handlers.publishing.budget import FILES, SLACK_MINUTE, Budget
from handlers.publishing.publisher import SlackPublisher
from tests.support.workers import worker_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from bot.engines import Progress
    from bot.table import Column, Row

DIGESTS = 500
QUESTIONS = ("", "service=s3", "service=kms,sts", "min=1.3", "principal=role/*")
POSTS = 2
"""Messages of a digest with findings: its parent and its table."""
PATIENCE = 1_200.0
FINDINGS = 40


class Counting(Engine):
    """An engine that answers at once, and counts what it is asked."""

    name = "counting"
    metered = True

    def __init__(self, now: datetime) -> None:
        self.asked: Counter[str] = Counter()
        self._rows: dict[str, list[Row]] = {
            "numOutdatedTlsCalls": [
                (
                    "s3.amazonaws.com",
                    f"arn:aws:iam::111122223333:role/job-{number}",
                    "Boto/2.38.0",
                    now,
                    now,
                    9,
                )
                for number in range(FINDINGS)
            ],
            "numEvents": [("s3.amazonaws.com", 5_912_004, 124_152, now, now)],
        }

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        """As Engine.translate."""
        return Statement(select.sql("trino"), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        """As Engine.run."""
        del token, resume
        progress(None, "running", 0)
        self.asked[statement.sql] += 1
        names = [column.name for column in statement.columns]
        kind = "numOutdatedTlsCalls" if "principal" in names else "numEvents"
        return Table(statement.columns, [self._rows[kind]])


def shared(sandbox: Sandbox, count: int) -> bool:
    """Whether so many files can be seen."""
    return sum(bool(file.shares) for file in sandbox.workspace.files.values()) >= count


def main(count: int, *, named: bool) -> None:
    """Measure and print."""
    now = datetime.now(UTC)
    people = frozenset({ALICE.id, BOT})
    channels = [Channel(f"C_{number:04}", f"channel-{number}", members=people) for number in range(count)]
    options = Options(scopes=frozenset(connection.SCOPES))
    refused: Counter[str] = Counter()
    with (
        TemporaryDirectory() as folder,
        Sandbox(options=options, channels=channels) as sandbox,
        closing(Database(f"sqlite:///{Path(folder) / 'runs.sqlite'}")) as database,
    ):
        engine, digests = Counting(now - timedelta(days=1)), Digests(database)
        client = connection.connect(
            options.bot_token,
            sandbox.api_url,
            on_refusal=lambda method, why: refused.update([f"{method} {why}"]),
        )
        catalogue = views.load()
        # where the channels are named by a setting, Slack is not asked about each
        access = AccessPolicy(
            Directory(client), channels=[channel.id for channel in channels] if named else ()
        )
        worker = worker_over(
            database,
            {engine.name: engine},
            SlackPublisher(client, catalogue, access=access, budget=Budget.of_slack()),
            Grammar(catalogue, [engine.name], engine.name, 366),
            limits={engine.name: 10},
            cap=100_000,
        )
        schedule = Schedule(time(now.hour, now.minute), "UTC", tuple(range(7)))
        for number, channel in enumerate(channels):
            scope = Scope.read(QUESTIONS[number % len(QUESTIONS)])
            digests.add(Digest(0, ALICE.id, channel.id, schedule, scope, None, now, due=now))
        began = sandbox.clock.now()
        worker.start()
        try:
            sandbox.wait_for(partial(shared, sandbox, count), PATIENCE, "every digest")
            every = [message for each in channels for message in sandbox.workspace.in_channel(each.id)]
        finally:
            worker.stop()
        parts: dict[str, list[float]] = {"parents": [], "tables": [], "files": []}
        for message in every:
            part = "files" if message.files else "parents" if message.is_parent else "tables"
            parts[part].append(float(message.ts) - began)
        print(f"{count} digests due at once, {len(QUESTIONS)} questions, {FINDINGS} findings each")
        for part, came in parts.items():
            print(
                f"  {len(came)} {part}: the first after {min(came):.1f} s, the last after {max(came):.1f} s"
            )
        print(f"  {len(engine.asked)} distinct queries, asked {engine.asked.total()} times")
        print(f"  429s: {dict(refused) or 'none'}; rules broken: {len(sandbox.broken)}")
        print(f"  runs: {worker.runs.states()}")
    allowed = (count - 1) // TIERS[4] * 60
    paced = (count - 1) // FILES * SLACK_MINUTE
    posts = max(0, POSTS - POST_BURST) / POSTS_A_SECOND
    print(f"  the limits alone: files {allowed} s ({TIERS[4]} a minute), posts {posts:.0f} s")
    print(f"  the bot's own budget for files: {paced:.0f} s ({FILES} in {SLACK_MINUTE:.0f} s)")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    main(numbers[0] if numbers else DIGESTS, named="named" in sys.argv)
