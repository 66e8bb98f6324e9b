"""One more process of the bot, as tests start several: `python -m tests.support.replica SLACK DATABASE NAME`.

It says `ready`, begins at the first line it reads, and ends in order when its input does.
"""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

from bot.app.grammar import Grammar
from bot.question import views
from bot.rate_limits import TokenBucket
from bot.store.database import Database
from handlers import connection
from handlers.publishing.budget import Budget
from handlers.publishing.publisher import SlackPublisher
from tests.scenarios.on_call import Trail
from tests.support.workers import worker_over

UNHURRIED = 10_000.0
TOKEN = "xoxb-sandbox"  # noqa: S105 - opens nothing but the sandbox, on loopback


def main(slack: str, database_url: str, name: str) -> None:
    """Work on whatever is due until there is no more input."""
    trail = Trail()
    trail.newest = datetime.now(UTC) - timedelta(minutes=2)
    with closing(Database(database_url)) as database:
        client = connection.connect(TOKEN, slack)
        catalogue = views.load()
        unhurried = Budget(*(TokenBucket(UNHURRIED, int(UNHURRIED)) for _ in range(3)))
        worker = worker_over(
            database,
            {trail.name: trail},
            SlackPublisher(client, catalogue, budget=unhurried),
            Grammar(catalogue, [trail.name], trail.name, 366),
            owner=name,
        )
        print("ready", flush=True)
        sys.stdin.readline()
        worker.scheduler.schedule_due()
        worker.start()
        sys.stdin.read()
        worker.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
