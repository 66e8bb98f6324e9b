from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from bot import settings
from bot.demo import playground
from tests.browser.chromium import CHROMIUM, DRIVER, chromium
from tests.browser.screen import Engine, Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

    from bot.bootstrap import Bot
    from bot.sandbox import Sandbox

WIDTH, HEIGHT = 1360, 900

# A bot at work uses `random` in its threads, which Hypothesis would take for a fault of tests that
# come later: so everything here ends with the file that used it.

OWN = frozenset({"about", "blob", "chrome", "data"})
"""Schemes that ask nobody."""


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Chrome]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("Chromium is not here: apt-get install -y chromium chromium-driver")
    with chromium(WIDTH, HEIGHT, downloads) as browser:
        yield browser


@pytest.fixture(scope="module")
def demo(browser: Chrome) -> Iterator[tuple[Sandbox, Bot]]:
    """What `tls-audit demo` starts."""
    del browser  # it was only asked for first, so that nothing starts where it is skipped
    with playground.running(settings.load(), "127.0.0.1", 0) as (slack, bot):
        yield slack, bot


@pytest.fixture(scope="module")
def engine(demo: tuple[Sandbox, Bot]) -> Engine:
    """The demo's engine, which can be told to wait."""
    _, bot = demo
    engine = Engine(bot.worker.engines["local"])
    assert isinstance(bot.worker.engines, dict)
    bot.worker.engines[engine.name] = engine  # all parts of the bot hold this same one
    return engine


@pytest.fixture
def screen(browser: Chrome, demo: tuple[Sandbox, Bot], engine: Engine) -> Iterator[Screen]:
    """Alice's screen, at #security. No error may be logged, nobody else asked, and no rule broken."""
    slack, _ = demo
    screen = Screen(browser, slack)
    screen.resize(WIDTH, HEIGHT)
    screen.open("C_SECURITY?as=U_ALICE&theme=light")
    yield screen
    engine.go.set()
    screen.leave()
    assert [entry for entry in logged(browser, "browser") if entry["level"] in {"WARNING", "SEVERE"}] == []
    assert {origin for origin in asked(browser) if origin != urlsplit(slack.page_url).netloc} == set()
    assert slack.broken == []


def asked(browser: Chrome) -> Iterator[str]:
    """The host and port of everything that the page asked for since the last time."""
    for entry in logged(browser, "performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            address = urlsplit(message["params"]["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            address = urlsplit(message["params"]["url"])
        else:
            continue
        if address.scheme not in OWN:
            yield address.netloc


def logged(browser: Chrome, kind: str) -> list[dict[str, Any]]:
    """What the browser has logged of this kind since the last time."""
    entries: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]  # selenium leaves it untyped
    return entries
