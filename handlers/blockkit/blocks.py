"""Values → Block Kit. Numbers of Slack's are named constants, with their sources.

Nothing strangers wrote goes through Slack's markup: text is `rich_text`, cells are `raw_text`, and
`fallback` escapes what it is given. Of the sources named, `docs` are pages of docs.slack.dev, and `SDK
models` the limits that Slack's own SDKs carry; an issue's number says where the live service's was met.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bot.question import trail
from bot.text import literal
from bot.wording import utc
from handlers.blockkit import values
from handlers.blockkit.values import AsView, OfClient, OfRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.answers.cards import Card, Cards
    from bot.answers.denial import Denial
    from bot.answers.summary import Summary
    from bot.errors import BotError
    from bot.question.owners import Owner
    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.run import Run

Block = dict[str, Any]

TEXT_CHARS: Final = 3_900
"""Slack advises at most 4,000 characters of fallback text (docs: chat.postMessage)."""

CODE_CHARS: Final = 2_900
"""3,000 characters a section (SDK models); a table of plain characters keeps below."""

OPTION_CHARS: Final = 75
"""An option's text (SDK models)."""

MENU_OPTIONS: Final = 30
"""Of the 100 options a menu may have (SDK models): their text counts among a message's 13,000 characters."""

TEAMS: Final = 100
"""What a menu of a form may have (SDK models)."""

VALUE_CHARS: Final = 2_000
"""A button's value (SDK models)."""

LINE_CHARS: Final = 3_000
"""What a line of a form may hold (SDK models)."""

CARD_CHARS: Final = 500
"""What a line of a card shows of strangers' text: five cards stay below a message's 13,000 characters."""

POLICIES_MOST: Final = 6
"""Policies of a message: each has about a thousand characters, of its 13,000."""


# --- words


def escape(words: str) -> str:
    """For `text` fields: `&`, `<` and `>` as Slack wants them, and nothing that acts."""
    return literal(words).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fallback(*lines: str) -> str:
    """The words behind the blocks: for notifications, screen readers and clients that lack a block."""
    return _short_enough(escape(line) for line in lines if line)


def _short_enough(escaped: Iterable[str]) -> str:
    """Lines in Slack's own notation, cut where they are too long, but in no escape and no mention."""
    words = "\n".join(escaped)
    if len(words) <= TEXT_CHARS:
        return words
    return re.sub("(?:&[a-z]*|<[^>]*)$", "", words[:TEXT_CHARS]) + "…"


def cut(words: str, most: int) -> str:
    """The two ends of a text that is longer than `most`: what tells ARNs and agents apart is at the end."""
    half = most // 2
    return words if len(words) <= most else f"{words[:half]}…{words[-half:]}"


def text(words: str, *, bold: bool = False, code: bool = False) -> Block:
    """A run of text in a paragraph, shown as it is; never empty, since Slack refuses that."""
    style = {name: True for name, wanted in (("bold", bold), ("code", code)) if wanted}
    return {"type": "text", "text": literal(words) or " ", **({"style": style} if style else {})}


def prose(words: str) -> list[Block]:
    """Runs of our own text, in which `backticks` mark what can be typed."""
    runs = [text(part, code=bool(at % 2)) for at, part in enumerate(words.split("`")) if part]
    return runs or [text(words)]


def person(user: str) -> Block:
    """A mention; it notifies when it is posted, never when it is edited in."""
    return {"type": "user", "user_id": user}


def place(channel: str) -> Block:
    """A channel, by its name where the reader may know it."""
    return {"type": "channel", "channel_id": channel}


def characters(content: Any) -> int:
    """How many characters of text Slack counts in blocks: what stands under `text`, at any depth."""
    if isinstance(content, dict):
        return (
            len(content["text"]) if isinstance(content.get("text"), str) else characters([*content.values()])
        )
    return sum(map(characters, content)) if isinstance(content, list) else 0


def moment(when: datetime, *, day: bool = True) -> Block:
    """A moment that Slack shows in each reader's own zone."""
    local = "{date_short_pretty} {time}" if day else "{time}"
    return {
        "type": "date",
        "timestamp": int(when.timestamp()),
        "format": local,
        "fallback": utc(when.astimezone(UTC)),
    }


def paragraph(*parts: Block) -> Block:
    """A block of text runs."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(parts)}]}


def code(words: str) -> Block:
    """A block of fixed-width lines. Line breaks stay, everything else that acts is written out."""
    lines = "\n".join(literal(line) for line in words.split("\n"))
    return {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": lines or " "}]}
        ],
    }


def button(label: str, action: str, value: object, *, style: str = "", confirm: str = "") -> Block:
    """A button that carries one of `values`; with `confirm` it asks back first."""
    made: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": values.encode(value),
    }
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = {
            "title": {"type": "plain_text", "text": label},
            "text": {"type": "plain_text", "text": confirm},
            "confirm": {"type": "plain_text", "text": label},
            "deny": {"type": "plain_text", "text": "Keep"},
        }
    return made


def actions(*elements: Block) -> Block:
    """A row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def option(value: object, text: str) -> Block:
    """A choice of a menu, or of boxes to tick: a plain text, or one of `values`."""
    carried = value if isinstance(value, str) else values.encode(value)
    return {"text": {"type": "plain_text", "text": text[:OPTION_CHARS]}, "value": carried}


def line(example: str, value: str) -> Block:
    """What takes a line of text in a form, with `value` in it, or else `example` behind it."""
    made: Block = {
        "type": "plain_text_input",
        "placeholder": {"type": "plain_text", "text": example},
        "max_length": LINE_CHARS,
    }
    if value:
        made["initial_value"] = value[:LINE_CHARS]
    return made


def field(name: str, label: str, element: Block, *, optional: bool = False) -> Block:
    """A labelled part of a form, which is read by its `name`."""
    return {
        "type": "input",
        "block_id": name,
        "label": {"type": "plain_text", "text": label},
        "optional": optional,
        "element": element,
    }


def words_of(content: list[Block]) -> str:
    """The words of paragraphs, as the fallback that stands behind them: whoever they name, they name too."""
    sections = (section for block in content for section in block.get("elements", []))
    lines = ("".join(map(_in_words, section.get("elements", []))) for section in sections)
    return _short_enough(line for line in lines if line)


_NAMED: Final = {
    "user": "<@{user_id}>",
    "channel": "<#{channel_id}>",
    "usergroup": "<!subteam^{usergroup_id}>",
    "broadcast": "<!{range}>",
}
"""How `text` fields name whom a paragraph names (docs: formatting message text)."""


def _in_words(run: Block) -> str:
    if notation := _NAMED.get(run["type"]):
        return notation.format(**run)
    words = run.get("text") or run.get("fallback") or ""
    return escape(words) if isinstance(words, str) else ""


# --- the parent message


def parent(run: Run, question: Question, state: str, *, cancel: bool) -> list[Block]:
    """Who asks what, over which window, and how it stands: a message's blocks."""
    window = question.window
    clocks = dict.fromkeys((f"{window.start:%H:%M}", f"{window.end:%H:%M}"))
    utc = f" ({' – '.join(clocks)} UTC)"
    clipped = [text(" · it ended in the future, and was cut to now")] if window.clipped else []
    store = [text(f" · store {question.store}")] if question.store else []
    steps = trail.trail(question, run.typed)
    # one step, the words above it say
    way = [paragraph(text(trail.words(steps)))] if run.reply_to and len(steps) > 1 else []
    lines = [
        paragraph(person(run.user), text(" asks: "), text(question.words(), bold=True)),
        *way,
        paragraph(moment(window.start), text(" – "), moment(window.end), text(utc), *clipped, *store),
        paragraph(text(state)),
    ]
    if cancel:
        lines.append(actions(button("Cancel", "cancel", OfRun(run.id))))
    return lines


def parent_text(question: Question, state: str) -> str:
    """The parent message in words."""
    window = question.window
    return fallback(
        f"Asked: {question.words()}, {window.start:%Y-%m-%d %H:%M} – {window.end:%Y-%m-%d %H:%M} UTC", state
    )


def trouble(error: BotError, run: Run) -> list[Block]:
    """What went wrong, what to do next, and the run's id."""
    return [paragraph(*prose(f"⚠️ {error} "), text(f"run {run.id}", code=True))]


def fits(value: object) -> bool:
    """Whether a button can carry `value` whole: what loses its end asks for something else."""
    return len(values.encode(value)) <= VALUE_CHARS


# --- what to do about it


def cards(made: Cards, run: Run) -> list[Block]:
    """A card a client, each a block of its own with a button below it, and last which clients have none."""
    blocks = [paragraph(text("What to do about it", bold=True))]
    for each in made.cards:
        this = OfClient.of(run.id, each.agent)
        blocks += [_card(each), *([actions(button("Watch", "watch", this))] if fits(this) else [])]
    return [*blocks, paragraph(text(made.without))] if made.without else blocks


def _card(made: Card) -> Block:
    link = [text(" · "), {"type": "link", "url": made.page, "text": "AWS's page"}] if made.page else []
    lines = [
        [text(cut(made.who, CARD_CHARS), bold=True)],
        [text("Owner: "), *owner(made.owner)] if made.owner else [text("")],
        [text(cut(made.calls_itself, CARD_CHARS))],
        [text(cut(made.verdicts, CARD_CHARS))],
        [text(made.advice)],
    ]
    elements = [_section(runs) for runs in lines if runs[0]["text"].strip()]
    if made.command:
        command = [{"type": "text", "text": literal(made.command)}]
        elements.append({"type": "rich_text_preformatted", "elements": command})
    if made.hint:
        elements.append(_section([text(cut(literal(made.hint), CARD_CHARS))]))
    return {"type": "rich_text", "elements": [*elements, _section([text(made.certainty), *link])]}


def owner(one: Owner) -> list[Block]:
    """Who sees to it, and where; nobody is notified by it."""
    there = [text(" · "), place(one.channel)] if one.channel else []
    link = [text(" · "), {"type": "link", "url": one.runbook, "text": "runbook"}] if one.runbook else []
    return [text(one.team, bold=True), *there, *link]


def _section(runs: list[Block]) -> Block:
    return {"type": "rich_text_section", "elements": [*runs, {"type": "text", "text": "\n"}]}


def policies(denial: Denial) -> list[Block]:
    """What a TLS floor would deny, and each policy's text, as many as fit a message."""
    made = [
        paragraph(text("What would break", bold=True)),
        *(paragraph(*prose(each)) for each in denial.words),
    ]
    for draft in denial.drafts[:POLICIES_MOST]:
        made += [paragraph(text(draft.title, bold=True)), code(draft.text)]
    left = len(denial.drafts) - POLICIES_MOST
    return [*made, paragraph(text(f"And {left} more like it, a bucket each."))] if left > 0 else made


# --- under the table


def footer(left_out: str, found: Summary, run: Run) -> list[Block]:
    """What the table leaves out, what was read, and how to go on from here."""
    lines = [paragraph(text(left_out))] if left_out else []
    if found.proof:
        lines.append(paragraph(*prose(found.proof)))
    lines += [paragraph(*prose(note)) for note in found.notes]
    parts = []
    if found.coverage is not None:
        parts.append(text(f"{found.coverage.read_words()} · "))
        if found.coverage.newest is not None:
            parts += [text("newest "), moment(found.coverage.newest), text(" · ")]
    if found.cost:
        parts.append(text(f"{found.cost} · "))
    return [*lines, paragraph(*parts, text(f"run {run.id}", code=True))]


def follow_ups(run: Run, question: Question, views: Iterable[View], *, empty: bool) -> list[Block]:
    """The buttons under an answer, in the order of use; apart from them the one that takes it away."""
    this = OfRun(run.id)
    others = [view for view in views if view.name != question.view.name]
    elements = []
    policy = None if question.view.narrows else question.policy
    asks_sdks_alone = policy is not None and policy.sdk is not None and policy.min_tls is None
    if empty and policy is not None and policy.min_tls != "1.3" and not asks_sdks_alone:
        elements.append(button("Ask with min=1.3", "ask_stricter", this, style="primary"))
    elements += [
        button("Edit", "edit_run", this),
        {
            "type": "static_select",
            "action_id": "view_as",
            "placeholder": {"type": "plain_text", "text": "View as…"},
            "options": [option(AsView(run.id, view.name), view.title) for view in others[:MENU_OPTIONS]],
        },
        button("Rerun", "rerun", this),
        button("Send daily", "daily", this),
    ]
    if question.private and run.channel not in (run.home, run.user):
        elements.append(button("Share in the channel", "share", this))
    elements.append(button("Show SQL", "show_sql", this))
    delete = button("Delete", "delete", this, style="danger", confirm="The answer goes away for everyone.")
    return [actions(*elements), actions(delete)]
