"""Thread: what stands under a run's parent in Slack, and what stands in for a part that Slack refuses."""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slack_sdk.errors import SlackApiError

from bot.answers.export import to_csv
from bot.errors import BotError, SurfaceDown
from bot.store.run import Receipt
from bot.wording import short_service
from handlers.blockkit import blocks, tables
from handlers.errors import REFUSED_BLOCKS, SLACK_ERRORS, code_of, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from bot.answers.cards import Cards
    from bot.answers.denial import Denial
    from bot.question.question import Question
    from bot.store.run import Run
    from bot.table import Table
    from bot.worker.publisher import Delivery
    from handlers.blockkit.blocks import Block
    from handlers.blockkit.charts import Drawn
    from handlers.publishing.posting import Posting

log = logging.getLogger(__name__)

STYLE_SECONDS: Final = 3_600.0
"""How long a workspace that refused a kind of table is not asked again: it may have been one odd table."""

NAME_CHARS: Final = 120
"""A file's name that still shows whole in a thread."""


class Thread:
    """Posts the parts of threads. Safe from any thread of ours."""

    def __init__(self, posting: Posting, monotonic: Callable[[], float]) -> None:
        self._posting = posting
        self._monotonic = monotonic
        self._table_style = 0
        self._style_since = 0.0
        """How far down the ladder of tables this workspace sent us, and when."""

    def reply(self, delivery: Delivery, part: str, content: list[Block], words: str) -> Receipt:
        """Post a message under the run's parent."""
        run = delivery.run
        return message(
            self._posting.post(delivery, part, content, words, run.home or run.channel, _root(run))
        )

    def table(
        self,
        delivery: Delivery,
        fitted: Callable[[tables.Room], tables.FittedTable],
        caption: str,
        around: Callable[[tables.FittedTable], tuple[list[Block], list[Block]]],
    ) -> Receipt:
        """Post a table, in the best form that this workspace takes, and what stands `around` it: what is
        said before it, and after."""
        ladder: Sequence[tuple[tables.Room, Callable[[tables.FittedTable], Block]]] = (
            (tables.LARGE, lambda shown: tables.data_table(shown, caption)),
            (tables.SMALL, lambda shown: tables.data_table(shown, caption)),
            (tables.SMALL, tables.plain_table),
            (tables.SMALL, tables.code_table),
        )
        if self._monotonic() - self._style_since > STYLE_SECONDS:
            self._table_style = 0
        was_refused = False
        for style in range(self._table_style, len(ladder)):
            room, draw = ladder[style]
            shown = fitted(room)
            if room is tables.LARGE and len(shown.rows) <= len(fitted(tables.SMALL).rows):
                continue  # it is small, and would be refused twice for the same
            header, footer = around(shown)
            made = [*header, draw(shown), *footer]
            try:
                sent = self.reply(delivery, "table", made, tables.table_text(shown))
            except SlackApiError as error:
                if code_of(error) not in REFUSED_BLOCKS or style == len(ladder) - 1:
                    raise
                was_refused = True
                log.warning("Slack refused %s: %s", draw(shown)["type"], error.response.data)
            else:
                if was_refused:
                    self._table_style, self._style_since = style, self._monotonic()
                return sent
        raise AssertionError("the last style answers or raises")

    def cards(self, delivery: Delivery, to_do: Cards) -> Receipt:
        """Post what to do about clients; without their looks where Slack refuses those."""
        made = blocks.cards(to_do, delivery.run)
        words = blocks.fallback("What to do about it", *(each.who for each in to_do.cards))
        try:
            return self.reply(delivery, "cards", made, words)
        except SlackApiError as error:
            if code_of(error) not in REFUSED_BLOCKS:
                raise
            log.warning("Slack refused cards: %s", error.response.data)
            return self.reply(delivery, "cards", [blocks.code(words)], words)

    def policies(self, delivery: Delivery, denial: Denial) -> Receipt:
        """Post what a TLS floor would deny, and the policies to copy."""
        words = blocks.fallback(*denial.words, *(draft.title for draft in denial.drafts))
        return self.reply(delivery, "policies", blocks.policies(denial), words)

    def chart(self, delivery: Delivery, drawn: Drawn | None) -> Receipt:
        """Post a chart and its words; the words alone where Slack refuses the chart."""
        if drawn is None:
            return Receipt("nothing")
        block, words = drawn
        try:
            return self.reply(delivery, "chart", [block], blocks.fallback(*words))
        except SlackApiError as error:
            if code_of(error) not in REFUSED_BLOCKS:
                raise
            log.warning("Slack refused a chart: %s", error.response.data)
            return self.reply(delivery, "chart", [blocks.code("\n".join(words))], blocks.fallback(*words))

    def file(self, delivery: Delivery, table: Table, name: str) -> Receipt:
        """The CSV; where it is refused, why. The table is there already, and stays."""
        run = delivery.run
        with tempfile.TemporaryDirectory(prefix="tls-audit-") as folder:
            try:
                path = _write_csv(table, folder)
            except OSError as error:
                why = BotError(f"The table is above; there was no room for the file: {error.strerror}.")
                return self.reply(delivery, "file", blocks.trouble(why, run), blocks.fallback(str(why)))
            try:
                return Receipt("file", self._posting.upload(delivery, path, name, _root(run)))
            except SLACK_ERRORS as error:
                refused = translated(error)
                if isinstance(refused, SurfaceDown) and "file" not in run.receipts:
                    # the whole run comes back in a while; it may only have been the line
                    delivery.note("file", Receipt("failed"))
                    raise
                log.warning("run %s: Slack refused the file: %s", run.id, code_of(error) or error)
                # it may be there, for all we know, and is said not to be
                self._posting.withdraw(delivery.run)
                hint = "Rerun sends it anew." if isinstance(refused, SurfaceDown) else refused.hint
                why = BotError(f"The table is above; the file could not be sent. {refused.message}", hint)
                return self.reply(delivery, "file", blocks.trouble(why, run), blocks.fallback(str(why)))


def _root(run: Run) -> str | None:
    """The root of the thread that a run's answer goes into."""
    return run.thread if run.reply_to is None or run.home != run.channel else run.reply_to


def message(sent: tuple[str, str]) -> Receipt:
    """The receipt of a message that `Posting.post` has posted."""
    return Receipt("message", sent[1])


def file_name(question: Question, zone: tzinfo) -> str:
    """`tls-audit_calls_2026-11-16_2026-11-23_service-s3.csv`: what was asked, over which days of `zone`."""
    start, end = (moment.astimezone(zone) for moment in (question.window.start, question.window.end))
    parts = ["tls-audit", question.view.name, f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}"]
    for each in question.filters:
        values = "-".join(short_service(value) for value in each.values)
        parts.append(f"{each.word}-{'not-' if each.negated else ''}{values}")
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", "_".join(parts))[:NAME_CHARS].rstrip("-_") + ".csv"


def _write_csv(table: Table, folder: str) -> Path:
    path = Path(folder) / "answer.csv"
    # Excel takes UTF-8 for what it is only with a byte order mark
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        to_csv(table, file)
    return path
