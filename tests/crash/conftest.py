from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.crash.machine import Machine, recent
from tests.doubles import lake as double

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crash.machine import Slack
    from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
def events() -> Iterator[double.Events]:
    """Two weeks of samples, up to yesterday: the bot that is killed has no clock but the wall's."""
    held = recent()
    yield held
    held.close()


@pytest.fixture(scope="module")
def machine_on(
    request: pytest.FixtureRequest, events: double.Events, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Machine]]:
    """A machine for this file's tests, on `sqlite` or `postgres`, with a Slack as named."""
    known: dict[tuple[str, Slack], Machine] = {}
    with ExitStack() as stack:

        def on(database: str, slack: Slack = "history") -> Machine:
            if (database, slack) not in known:
                folder = tmp_path_factory.mktemp("machine")
                if database == "postgres":
                    server: Postgres = request.getfixturevalue("postgres")
                    url = server.url()
                else:
                    url = f"sqlite:///{folder / 'runs.sqlite'}"
                made = stack.enter_context(Machine(folder, url, events, slack))
                made.is_warm = True
                made.lake.plan = double.Plan()
                known[database, slack] = made
            return known[database, slack]

        yield on
