"""Several processes of the bot on one database, at one Slack: each digest is told by one of them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.digests.digest import Digest
from bot.digests.schedule import Schedule
from bot.question.question import Scope
from bot.sandbox import Options, Sandbox
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.run import DigestTask
from bot.store.runs import Runs
from handlers import connection
from tests.scenarios.office import ALICE, RANDOM, SECURITY, words
from tests.scenarios.on_call import ONCALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.sandbox import Message

ROOT: Final = Path(__file__).parents[2]
CHANNELS: Final = (ONCALL, SECURITY, RANDOM)
MANY: Final = 20
PATIENCE: Final = 30.0


class Replica:
    """A process of the bot that stands ready."""

    def __init__(self, slack: str, database_url: str, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.support.replica", slack, database_url, name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def ended(self) -> int:
        _, said = self.process.communicate(timeout=PATIENCE)
        assert "Traceback" not in said, said
        return self.process.returncode


def digests(now: datetime, count: int) -> Iterator[Digest]:
    """Digests that are due now, in turn over the channels; all but the first ask the same."""
    schedule = Schedule(time(now.hour, now.minute), "UTC", tuple(range(7)))
    for number in range(count):
        scope = Scope.read("min=1.2" if number else "service=s3.amazonaws.com min=1.2")
        yield Digest(0, ALICE, CHANNELS[number % len(CHANNELS)], schedule, scope, None, now, due=now)


def test_two_processes_on_one_database_tell_each_digest_once(database_url: str) -> None:
    # long enough ago that it is due, and not so long that it is late; and before midnight all the same
    now = datetime.now(UTC) - timedelta(minutes=1)
    with ExitStack() as stack:
        slack = stack.enter_context(
            Sandbox(options=Options(scopes=frozenset(connection.SCOPES)), rate_limits=False)
        )
        database = stack.enter_context(closing(Database(database_url)))
        kept, runs = Digests(database), Runs(database)
        replicas = [Replica(slack.api_url, database_url, name) for name in ("one", "two")]
        for replica in replicas:
            replica.ready()

        def parents() -> list[Message]:
            every = [message for channel in CHANNELS for message in slack.messages(channel)]
            return [message for message in every if "the first digest" in words(message)]

        def whole(count: int) -> bool:
            return sum(bool(file.shares) for file in slack.files) >= count

        (first,) = [kept.add(each) for each in digests(now, 1)]
        for replica in replicas:
            replica.go()
        slack.wait_for(lambda: whole(1), PATIENCE, "the digest's file")
        more = [kept.add(each) for each in list(digests(now, MANY + 1))[1:]]
        slack.wait_for(lambda: whole(1 + MANY), PATIENCE, "all files")
        assert [replica.ended() for replica in replicas] == [0, 0]

        told = [run for run in runs.latest("", 100) if run.kind == "digest"]
        assert Counter(run.task.digest for run in told if isinstance(run.task, DigestTask)) == {
            digest.id: 1 for digest in (first, *more)
        }
        assert {run.state for run in told} == {"done"}
        payloads = [message.metadata["event_payload"]["run"] for message in parents() if message.metadata]
        assert sorted(payloads) == sorted(run.id for run in told), "one message each"
        assert len(slack.files) == 1 + MANY
        assert len([run for run in runs.latest("", 100) if run.kind == "scan"]) == 2
        assert kept.due(datetime.now(UTC)) == []
        assert slack.broken == []
