from __future__ import annotations

from contextlib import ExitStack
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import NOW
from tests.doubles.web_api import Slack
from tests.scenarios.desk import CHANNELS, PEOPLE, Desk
from tests.scenarios.office import Broken, Office, RetryLater, close, open_office
from tests.scenarios.on_call import Trail

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.engines import Engine
    from bot.question.views import View


@pytest.fixture(scope="session")
def closing() -> Iterator[list[threading.Thread]]:
    """Offices that are being closed, which have to be so before the tests end."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def patient() -> RetryLater:
    """An engine whose answers wait; at the test's end all are let go."""
    return RetryLater()


@pytest.fixture
def opened(
    tmp_path: Path,
    catalogue: dict[str, View],
    asked_engine: Engine,
    patient: RetryLater,
    closing: list[threading.Thread],
) -> Iterator[Callable[..., Office]]:
    """Opens an office with the sample events; `engines` are more of them, all else as `open_office`."""
    stack = ExitStack()

    def open_one(*, engines: tuple[Any, ...] = (), **more: Any) -> Office:
        all_engines = (asked_engine, patient, Broken(), *engines)
        return stack.enter_context(open_office(tmp_path, catalogue, all_engines, NOW, **more))

    yield open_one
    patient.go.set()
    closing.append(close(stack))


@pytest.fixture
def office(opened: Callable[..., Office]) -> Iterator[Office]:
    """An office in which no rule of Slack's may be broken."""
    office = opened()
    yield office
    assert office.sandbox.broken == []


@pytest.fixture
def trail() -> Trail:
    """The events of an office that `hired` opens."""
    return Trail()


@pytest.fixture
def hired(
    tmp_path: Path, catalogue: dict[str, View], trail: Trail, closing: list[threading.Thread]
) -> Iterator[Callable[..., Office]]:
    """Opens an office that asks `trail`; all else as `open_office`."""
    stack = ExitStack()

    def open_one(**more: Any) -> Office:
        office = stack.enter_context(open_office(tmp_path, catalogue, [trail], NOW, **more))
        trail.clock = office.clock
        return office

    yield open_one
    closing.append(close(stack))


@pytest.fixture
def on_call(hired: Callable[..., Office]) -> Iterator[Office]:
    """The same, in which no rule of Slack's may be broken."""
    office = hired()
    yield office
    assert office.sandbox.broken == []


@pytest.fixture(scope="module")
def slack() -> Iterator[Slack]:
    """The Web API that desks call."""
    with Slack(dict(PEOPLE), dict(CHANNELS)) as double:
        Thread(target=double.serve_forever, daemon=True).start()
        yield double
        double.shutdown()


@pytest.fixture
def desk(slack: Slack, tmp_path: Path, catalogue: dict[str, View]) -> Iterator[Desk]:
    """A desk at which Alice has asked and ordered what `desk` says."""
    made = Desk(tmp_path, slack, catalogue)
    yield made
    made.database.close()
