"""Looking into rows: the menu below a table, the ways offered of a chosen row, and links to events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bot.answers.drill import WAYS
from bot.question import trail
from bot.text import literal
from bot.wording import number
from handlers.blockkit import blocks
from handlers.blockkit.values import Drill, OfRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.answers.drill import Narrowing, Offered
    from bot.store.run import Run
    from handlers.blockkit.blocks import Block

CHOOSE_ROW: Final = "drill"
"""The menu's action; `drill_` and a view's name is the button's of a way."""

ROW_PROMPT: Final = "Look into a row…"

_REGION: Final = re.compile(r"(?P<partition>cn|us-gov)?[a-z]*(?:-[a-z]+)+-[0-9]{1,2}")
_EVENT: Final = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_CONSOLES: Final = {"cn": "console.amazonaws.cn", "us-gov": "console.amazonaws-us-gov.com"}


def menu(run: Run, rows: Sequence[Offered], spare: int) -> list[Block]:
    """The menu below a table, with as many of its rows as `spare` characters of the message hold; where those
    are not all, it says so."""
    names = _names(rows)
    options: list[Block] = []
    left = spare - len(ROW_PROMPT) - len(_cut_words(len(rows), len(rows)))
    for at, name in enumerate(names):
        made = blocks.option(OfRow(run.id, at), name)
        left -= blocks.characters(made)
        if left < 0:
            break
        options.append(made)
    if not options:
        return []
    select = {
        "type": "static_select",
        "action_id": CHOOSE_ROW,
        "placeholder": {"type": "plain_text", "text": ROW_PROMPT},
        "options": options,
    }
    if len(options) == len(rows):
        return [blocks.actions(select)]
    return [blocks.paragraph(blocks.text(_cut_words(len(options), len(rows)))), blocks.actions(select)]


def _cut_words(shown: int, of: int) -> str:
    return f"The menu has the first {number(shown)} of {number(of)} rows."


def _names(rows: Sequence[Offered]) -> list[str]:
    """What tells rows apart, and their calls: each as long as an option's text."""
    said = [dict(row.narrowing.values) for row in rows]
    words = dict.fromkeys(word for values in said for word in values)
    telling = [word for word in words if len({values.get(word) for values in said}) > 1] or list(words)
    names = []
    for row, values in zip(rows, said, strict=True):
        day = [] if row.narrowing.day is None else [row.narrowing.day.isoformat()]
        calls = "" if row.calls is None else f" · {number(row.calls)}"
        parts = [trail.short(word, values[word]) for word in telling if word in values]
        name = literal(" · ".join([*day, *parts]) or "–")
        names.append(blocks.cut(name, blocks.OPTION_CHARS - len(calls) - 1) + calls)
    return names


def ways(run: Run, at: int, narrowing: Narrowing, trail_words: str, reply_to: str | None) -> list[Block]:
    """A chosen row, by its trail, and a button for each way to look into it."""
    made = [blocks.paragraph(blocks.text(blocks.cut(trail_words, blocks.CARD_CHARS), bold=True))]
    if narrowing.lost:
        labels = ", ".join(narrowing.lost)
        made.append(blocks.paragraph(blocks.text(f"Not narrowed by what no filter says: {labels}.")))
    buttons = (
        blocks.button(label, f"{CHOOSE_ROW}_{view}", Drill(run.id, at, view, reply_to))
        for view, label in WAYS.items()
    )
    return [*made, blocks.actions(*buttons)]


def console_link(region: object, event: object) -> str | None:
    """The event in the event history of AWS's console, which holds management events for 90 days; None where
    the two are not what AWS writes."""
    found = _REGION.fullmatch(region) if isinstance(region, str) else None
    if found is None or not isinstance(event, str) or not _EVENT.fullmatch(event):
        return None
    console = _CONSOLES.get(found["partition"] or "", "console.aws.amazon.com")
    return f"https://{region}.{console}/cloudtrailv2/home?region={region}#/events/{event}"
