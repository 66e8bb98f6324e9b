"""Every bad input tried, and what the person saw: `python -m tests.benchmarks.bad_input`, as Markdown.

The same inputs that `tests/scenarios/test_bad_input.py` holds the bot to.
"""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bot.archive.archive import Archive
from bot.demo import samples
from bot.engines.local import Local
from bot.question import views
from handlers.digests.shown import DIGEST_COMMAND as DIGEST_COMMAND
from handlers.questions.commands import COMMAND
from tests.conftest import NOW
from tests.scenarios.office import ALICE, SECURITY, open_office
from tests.scenarios.visitor import BUTTONS, HOSTILE, MENUS, ORDERS, QUESTIONS, VALUES, Visitor, printable
from tests.support.logs import FIRST_DAY, quietly, write_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scenarios.visitor import Seen


class Errors(logging.Handler):
    """What was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.said.append(f"{record.getMessage()} {record.exc_info and record.exc_info[1]!r}")


def tried(visitor: Visitor) -> Iterator[Seen]:
    """Everything, one after the other."""
    for name, text in QUESTIONS.items():
        yield visitor.type(name, text)
    for name, text in HOSTILE.items():
        yield visitor.mention(name, text)
    gone = visitor.app.chat_postMessage(channel=SECURITY, text="soon gone")
    visitor.app.chat_delete(channel=SECURITY, ts=gone["ts"])
    yield visitor.mention("in a thread that is gone", "last 7d", str(gone["ts"]))
    for name, text in ORDERS.items():
        yield visitor.order(name, text)
    for action in (*BUTTONS, *MENUS):
        for name, value in VALUES.items():
            yield visitor.press(action, name, value)
    for command, field in ((COMMAND, "more"), (DIGEST_COMMAND, "question")):
        for name, text in HOSTILE.items():
            yield visitor.send(command, name, {field: text[:2_900]})


def main() -> None:
    """Try all, and print."""
    errors = Errors()
    logging.getLogger().addHandler(errors)
    with TemporaryDirectory() as folder:
        days = [FIRST_DAY + timedelta(days=n) for n in range(14)]
        logs = write_logs(Path(folder) / "logs", [one for day in days for one in samples.day(day)])
        archive = Archive(Path(folder) / "archive")
        archive.ingest([str(logs)], progress=quietly)
        engine = Local(archive, memory="1GB", seconds=60, at_once=2)
        with open_office(Path(folder), views.load(), [engine], NOW) as office:
            visitor = Visitor(office)
            print("| How | What | Input | What the person saw |\n|---|---|---|---|")
            count = 0
            for count, each in enumerate(tried(visitor), 1):  # noqa: B007 - it is told below
                given, seen = printable(each.given, 50), printable(each.seen, 160)
                print(f"| {each.how} | {each.name} | `{given}` | {seen} |", flush=True)
            pinged = [one.text for one in visitor.everything() if not one.notified <= {ALICE}]
            broken = [f"{one.rule} at {one.where}: {one.words}" for one in office.sandbox.broken]
    print(
        f"\n{count} inputs. Others notified: {pinged or 'nobody'}. Slack's rules broken: {broken or 'none'}."
    )
    print(f"Errors logged: {errors.said or 'none'}.")
    if pinged or broken or errors.said:
        sys.exit(1)


if __name__ == "__main__":
    main()
