"""Debian's Chromium, driven by its own chromedriver; nothing is downloaded and nothing is left behind."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM: Final = shutil.which("chromium")
DRIVER: Final = shutil.which("chromedriver")
"""Where Debian's packages `chromium` and `chromium-driver` put them; None without."""

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # Chromium's own refuses to run as root, as containers do
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-search-engine-choice-screen",
    "--lang=en-GB",
)


@contextmanager
def chromium(width: int, height: int, downloads: Path | None = None) -> Iterator[Chrome]:
    """A browser of its own, with a fresh profile; what is downloaded goes to `downloads`."""
    if CHROMIUM is None or DRIVER is None:
        raise RuntimeError("Chromium is not here: apt-get install -y chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    with TemporaryDirectory(prefix="tls-audit-chromium-", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = Chrome(options=options, service=ChromeService(executable_path=DRIVER))
        try:
            yield browser
        finally:
            browser.quit()
