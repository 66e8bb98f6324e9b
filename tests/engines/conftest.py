from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import NOW
from tests.doubles import lake as double

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> double.Clock:
    return double.Clock(NOW)


@pytest.fixture
def served(
    lake_events: double.Events, clock: double.Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[double.Lake]:
    with double.Lake(lake_events, now=clock.now) as served:
        served.set_environment(monkeypatch)
        yield served
