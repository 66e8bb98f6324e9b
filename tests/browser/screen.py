"""What a person sees and does on the demo's page."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from bot import engines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement
    from sqlglot import exp

    from bot.engines import Progress, Sources, Statement
    from bot.sandbox import Sandbox
    from bot.table import Column, Table

T = TypeVar("T")

PATIENCE: Final = 10.0
LOOK_SECONDS: Final = 0.05


class Engine(engines.Engine):
    """An engine that answers while `go` is set, and else waits for it."""

    def __init__(self, engine: engines.Engine) -> None:
        self.wrapped = engine
        self.name = engine.name
        self.go = threading.Event()
        self.go.set()

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        return self.wrapped.translate(select, columns)

    def sources(self, start: datetime | None = None, end: datetime | None = None) -> Sources | None:
        return self.wrapped.sources(start, end)

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        progress(None, "running", 0)
        while not self.go.wait(0.05):
            progress(None, "running", 0)
        return self.wrapped.run(statement, token=token, resume=resume, progress=progress)


class Screen:
    """The page in a browser. What is looked for is waited for, and of several the newest is meant."""

    def __init__(self, browser: Chrome, slack: Sandbox) -> None:
        self.browser, self.slack = browser, slack

    # --- looking

    def until(self, look: Callable[[], T], what: str) -> T:
        """What `look` returns, as soon as that is true. Elements that are drawn anew are looked for anew."""
        wait = WebDriverWait(self.browser, PATIENCE, LOOK_SECONDS, ignored_exceptions=[WebDriverException])
        return wait.until(lambda _: look(), f"{what} was not seen")

    def all(self, css: str, words: str = "") -> list[WebElement]:
        """What is visible now, and has `words` in it; looked for anew where it is drawn anew meanwhile."""
        while True:
            found = self.browser.find_elements(By.CSS_SELECTOR, css)
            with suppress(StaleElementReferenceException):
                return [one for one in found if one.is_displayed() and words in one.text]

    def see(self, css: str, words: str = "") -> WebElement:
        return self.until(lambda: self.all(css, words), f"{words!r} in {css}")[-1]

    def text(self, css: str, words: str = "") -> str:
        """What is written in what `see` sees, even where that is drawn anew meanwhile."""
        return self.until(lambda: [one.text for one in self.all(css, words)], f"{words!r} in {css}")[-1]

    def attribute(self, name: str, css: str, words: str = "") -> str:
        """An attribute of what `see` sees, even where that is drawn anew meanwhile."""
        found = self.until(
            lambda: [one.get_attribute(name) for one in self.all(css, words)], f"{words!r} in {css}"
        )
        return str(found[-1])

    def gone(self, css: str, words: str = "") -> None:
        self.until(lambda: not self.all(css, words), f"the end of {words!r} in {css}")

    def texts(self, css: str) -> list[str]:
        """The texts of all that is visible now."""
        return self.until(lambda: [one.text for one in self.all(css)], css)

    def script(self, code: str, *arguments: object) -> Any:
        """What `code` returns in the page."""
        return self.browser.execute_script(code, *arguments)

    # --- doing

    def open(self, path: str) -> None:
        self.browser.get(f"{self.slack.page_url}#/{path}")
        self.until(lambda: self.script("return !!document.querySelector('#sidebar .up')"), "the page")

    def leave(self) -> None:
        """Close the page, and forget what it remembered."""
        self.script("localStorage.clear()")
        self.browser.get("about:blank")

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def press(self, css: str, words: str = "") -> None:
        def pressed() -> bool:
            self.all(css, words)[-1].click()
            return True

        self.until(lambda: self.all(css, words) and pressed(), f"{words!r} in {css}")

    def say(self, words: str) -> None:
        """Type `words` into the composer and send them."""
        self.see("#composer").send_keys(words, Keys.ENTER)

    def choose(self, css: str, words: str) -> None:
        """Choose what begins with `words` in a menu."""
        menu = Select(self.see(css))
        menu.select_by_visible_text(next(one.text for one in menu.options if one.text.startswith(words)))

    def write(self, block: str, words: str) -> None:
        """Write `words` into a line of the form, instead of what stood there, and leave the line."""
        line = self.see(f"dialog [data-block='{block}'] input")
        line.send_keys(Keys.CONTROL, "a")
        line.send_keys(words or Keys.DELETE, Keys.TAB)

    def open_thread(self, words: str) -> None:
        """Open the thread of the newest answer that has `words` in it."""
        posted = self.attribute("data-ts", "#main [data-hook=message]:has([data-hook=open-thread])", words)
        self.press(f"#main [data-ts='{posted}'] [data-hook=open-thread]")
