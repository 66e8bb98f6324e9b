"""Digests as people see them who ask about them: help, the list, one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.app.digests import WhichDigest
from bot.errors import UserError
from bot.wording import counted
from handlers.blockkit import blocks
from handlers.blockkit import digest as digest_blocks
from handlers.blockkit.blocks import actions, button, moment, paragraph, place, prose, text
from handlers.blockkit.values import OfDigest, OfFinding, of_action
from handlers.replies import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.digests.digest import Digest
    from bot.digests.finding import Entry, Finding
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

DIGEST_COMMAND: Final = "/tls-digest"

DIGEST_EXAMPLES: Final = (
    ("daily 09:00", "every day, here, in your time zone"),
    (
        "daily 08:30 Europe/Berlin weekdays #on-call mention=@oncall",
        "on working days, naming @oncall when something is new",
    ),
    ("weekly mon 09:00 min=1.3 service=s3,kms", "on Mondays, about two services, with TLS 1.3 as the floor"),
    ("daily 09:00 watch=kms,secretsmanager", "and what is new of these services within the hour"),
    ("list", "the digests of this channel, and yours"),
    ("show 3", "one of them: when, what, what was told last, what is snoozed or decided, and why"),
    ("now 3", "a preview at once: the last 24 hours, which changes nothing"),
    ("pause 3", "stop telling it; `resume 3` goes on, `edit 3` opens its form, `remove 3` forgets it"),
)

MOST_AT_HOME: Final = 5
"""Digests at Home, which has one's runs too."""

FINDINGS_AT_HOME: Final = 5
"""Findings at Home of each digest; all of them stand in its thread."""

MOST_LISTED: Final = 15
"""Digests in a list: each takes two blocks of the fifty a message may have."""


def help_() -> list[Block]:
    """How to order, by examples."""
    lines = [
        paragraph(text(f"{DIGEST_COMMAND} {example}", code=True), *prose(f"  {what}"))
        for example, what in DIGEST_EXAMPLES
    ]
    words = (
        "A digest tells a channel which clients called over old TLS since the last one: new, open, resolved "
        "after three quiet days. Filters and policy as in /tls-audit."
    )
    return [paragraph(text(words)), *lines, paragraph(text(f"{DIGEST_COMMAND} alone opens a form."))]


def find(context: Context, number: str, user: str, channel: str) -> Digest:
    """The digest that was named, as `DigestOrders.find`; BotError says how to find out which there are."""
    return _found(context.digests.find, number, user, channel)


def find_to_change(context: Context, number: str, user: str, channel: str) -> Digest:
    """The same, for `user` to change, as `DigestOrders.find_to_change`."""
    return _found(context.digests.find_to_change, number, user, channel)


def chosen_finding(context: Context, body: dict[str, Any], action: dict[str, Any]) -> tuple[Digest, Finding]:
    """What was chosen in a digest's menu by who may open a form about it; BotError."""
    user = body["user"]["id"]
    context.admit_to_form(user)
    chosen = of_action(OfFinding, action)
    digest = find(context, str(chosen.digest), user, place_of(body).channel)
    return digest, context.digests.finding(digest, chosen.finding)


def _found(find: Callable[..., Digest], number: str, user: str, channel: str) -> Digest:
    try:
        return find(number, user=user, channel=channel)
    except WhichDigest as error:
        hint = f"`{DIGEST_COMMAND} list` shows this channel's, and yours."
        if not number.strip():
            hint = f"Say which: `{DIGEST_COMMAND} list` shows them."
        raise UserError(error.message, hint) from None


def listed(context: Context, user: str, channel: str) -> list[Block]:
    """The digests of a channel, and someone's own."""
    known = context.digests.known_to(user, channel)
    if not known:
        return [paragraph(*prose(f"No digest here yet. Try `{DIGEST_COMMAND} daily 09:00`."))]
    more = len(known) - MOST_LISTED
    rest = [paragraph(*prose(f"And {more:,} more: `show` takes their numbers."))] if more > 0 else []
    return [*(_line(context, digest) for digest in known[:MOST_LISTED]), *rest]


def digest(context: Context, one: Digest) -> list[Block]:
    """A digest in full: when, what, what it told last, and what is snoozed or decided and why."""
    lines = [_line(context, one), paragraph(text("Ordered by "), blocks.person(one.owner))]
    if one.mention:
        # as code: what is only shown must not notify
        who = text(context.directory.called(one.mention), code=True)
        lines.append(paragraph(text("Names "), who, text(" when something is new")))
    if cost := context.digests.urgent_cost(one):
        lines.append(paragraph(text(cost)))
    if headline := context.digests.last_headline(one):
        lines.append(paragraph(text(f"Told last: {headline}")))
    snoozed = context.digests.snoozed(one)
    lines += [
        paragraph(
            text(digest_blocks.label(finding), code=True),
            text(f" until {snooze.until.day} {snooze.until:%b}, by {snooze.by}: "),
            text(snooze.why),
        )
        for finding, snooze in snoozed[:MOST_LISTED]
    ]
    decided = context.digests.decisions.made(one)
    today = context.digests.decisions.today(one)
    lines += [
        paragraph(text(digest_blocks.label(each), code=True), text(f" {said.words(today)}"))
        for each in decided[:MOST_LISTED]
        for said in (each.decision, each.assignment)
        if said is not None
    ]
    return [*lines, buttons(one, [finding for finding, _ in snoozed], decided)]


def buttons(one: Digest, snoozed: list[Finding] | None = None, decided: list[Finding] | None = None) -> Block:
    """What can be done with a digest by a click, and with its findings that are snoozed, or decided about."""
    this = OfDigest(one.id)
    made = [button("Tell it now", "tell_now", this), button("Edit digest", "edit_digest", this)]
    made += [digest_blocks.unsnooze(one, snoozed)] if snoozed else []
    return actions(*made, *digest_blocks.undecide(one, decided or []))


def removal(context: Context, one: Digest) -> list[Block]:
    """The question whether a digest is really to be removed."""
    words = f"Digest {one.id}, {context.digests.words(one)}: remove it, with its findings and their history?"
    return [
        paragraph(text(words)),
        actions(button("Remove it", "remove_digest", OfDigest(one.id), style="danger")),
    ]


def undo(one: Digest) -> Block:
    """The button that brings a removed digest back."""
    return button("Undo", "undo_removal", OfDigest(one.id))


def of_home(context: Context, user: str) -> list[Block]:
    """Someone's own digests: what each told last, and its first findings that are open."""
    owned = [one for one in context.digests.known_to(user, "") if one.owner == user]
    lines = []
    for one in owned[:MOST_AT_HOME]:
        told = context.digests.last_headline(one)
        found = context.digests.open_findings(one)
        open_ = f" · {counted(len(found), 'finding')} not resolved" if found else ""
        lines += [
            _line(context, one),
            paragraph(text(f"{told}{open_}" if told else "It has told nothing yet.")),
            *([_open(found)] if found else []),
            buttons(one),
        ]
    more = len(owned) - MOST_AT_HOME
    rest = [paragraph(*prose(f"And {more:,} more: `{DIGEST_COMMAND} list` has them."))] if more > 0 else []
    return [*lines, *rest] or [
        paragraph(*prose(f"None yet. Type `{DIGEST_COMMAND} daily 09:00` in a channel."))
    ]


def _open(found: list[Entry]) -> Block:
    """The first few of a digest's findings, a line each."""
    parts = []
    for entry in found[:FINDINGS_AT_HOME]:
        at_least = "at least " if entry.finding.began_before else ""
        days = f"{at_least}{counted(entry.day, 'day')}"
        parts += [
            text(f"{entry.change}, {days}  "),
            text(digest_blocks.label(entry.finding), code=True),
            text("\n"),
        ]
    more = len(found) - FINDINGS_AT_HOME
    if more > 0:
        return paragraph(*parts, text(f"and {more:,} more: its thread has them."))
    return paragraph(*parts[:-1])


def _line(context: Context, one: Digest) -> Block:
    words = f"  {context.digests.words(one)}, in "
    line = [text(f"{one.id}", bold=True), text(words), place(one.channel)]
    if one.paused:
        line.append(text(" · paused"))
    elif one.due is not None:
        line += [text(" · next "), moment(one.due)]
    return paragraph(*line)
