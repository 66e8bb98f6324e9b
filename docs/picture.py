"""The README's picture, drawn anew: `python -m docs.picture`. Needs Debian's chromium and chromium-driver."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bot import app, settings
from tests.browser.chromium import chromium
from tests.browser.screen import Screen

PICTURE: Final = Path(__file__).with_name("thread.png")
WIDTH, HEIGHT = 1280, 860

LINES: Final = (
    "/tls-audit last 7d servce=s3",
    "/tls-audit last 7d service=ec2",
    "/tls-audit last 7d by=clients",
)
"""What was asked before; the last one's thread is open."""


def main() -> None:
    """Ask a few questions of a demo and take a picture of the answer."""
    with (
        app.demo(settings.load(), "127.0.0.1", 0) as (slack, bot),
        chromium(WIDTH, HEIGHT) as browser,
    ):
        for line in LINES:
            app.play(slack, bot.runner, line)
        thread = slack.messages(app.SECURITY)[-1].ts
        screen = Screen(browser, slack)
        screen.resize(WIDTH, HEIGHT)
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        screen.open(f"{app.SECURITY}/{thread}?as={app.ALICE}&theme=light")
        screen.see("#thread [data-hook=csv]")
        browser.save_screenshot(str(PICTURE))


if __name__ == "__main__":
    main()
