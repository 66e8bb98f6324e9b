"""The pictures, drawn anew: `python -m docs.picture`. Needs Debian's chromium and chromium-driver."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot import settings
from bot.demo import playground
from tests.browser.chromium import chromium
from tests.browser.past import give_past
from tests.browser.screen import Screen

if TYPE_CHECKING:
    from bot.bootstrap import Bot

THREAD: Final = Path(__file__).with_name("thread.png")
DIGEST: Final = Path(__file__).with_name("digest.png")
WIDTH, HEIGHT = 1280, 860

LINES: Final = (
    "/tls-audit last 7d servce=s3",
    "/tls-audit last 7d service=ec2",
    "/tls-audit last 7d by=clients",
)
"""What was asked before; the last one's thread is open."""


ON_CALL: Final = "C_ONCALL"
ORDER: Final = "/tls-digest daily 09:00 mention=@oncall"
DAYS: Final = 12
"""How many days the digest was told before: the samples reach two weeks back."""


def main() -> None:
    """Draw both, each of a demo of its own."""
    for draw in (draw_thread, draw_digest):
        with (
            playground.running(settings.load(), "127.0.0.1", 0) as (slack, bot),
            chromium(WIDTH, HEIGHT) as browser,
        ):
            screen = Screen(browser, slack)
            screen.resize(WIDTH, HEIGHT)
            browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            draw(screen, bot)


def draw_thread(screen: Screen, bot: Bot) -> None:
    """Ask a few questions and take a picture of the answer."""
    for line in LINES:
        playground.play(screen.slack, bot.worker, line)
    thread = screen.slack.messages(playground.SECURITY)[-1].ts
    screen.open(f"{playground.SECURITY}/{thread}?as={playground.PLAYER}&theme=light")
    screen.see("#thread [data-hook=csv]")
    screen.browser.save_screenshot(str(THREAD))


def draw_digest(screen: Screen, bot: Bot) -> None:
    """Have a digest told for two weeks, and take a picture of the last day, as Bob on call sees it."""
    screen.open(f"{ON_CALL}?as={playground.PLAYER}&theme=light")
    screen.say(ORDER)
    screen.see("#main [data-action=tell_now]")
    (digest,) = bot.worker.digests.all()
    give_past(bot, digest, DAYS)
    screen.see("#main [data-hook=open-thread]", "2 replies")
    thread = screen.slack.messages(ON_CALL)[-1].ts
    screen.open(f"{ON_CALL}/{thread}?as=U_BOB&theme=light")
    screen.see("[data-hook=act-as][aria-pressed=true]", "Bob")
    screen.see("#thread [data-hook=csv]")
    screen.press("#main h1")  # no message is to look as if it were pointed at
    screen.browser.save_screenshot(str(DIGEST))


if __name__ == "__main__":
    main()
