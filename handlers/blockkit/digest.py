"""What a digest looks like: its report → Block Kit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from bot.digests import report as reports
from bot.digests import routing
from bot.text import literal
from bot.wording import short_service
from handlers.access import GROUP_PREFIX
from handlers.blockkit import blocks
from handlers.blockkit.blocks import actions, button, paragraph, prose, text
from handlers.blockkit.values import OfDecision, OfDigest, OfFinding

if TYPE_CHECKING:
    from datetime import date

    from bot.app.decisions import Undoable
    from bot.digests.digest import Digest
    from bot.digests.finding import Finding
    from bot.digests.report import Report
    from bot.errors import BotError
    from bot.store.run import Run
    from handlers.blockkit.blocks import Block

SNOOZABLE: Final = frozenset({"new", "back", "open", "quiet"})
"""The changes after which a finding may be made known."""

DECIDABLE: Final = SNOOZABLE | {"known"}
"""The changes after which something may be decided about it."""


def parent(report: Report, digest: Digest, today: date, late: str) -> tuple[list[Block], str]:
    """The digest's message, and the same in words. Whoever is to be told is named only when there is news."""
    zone = ZoneInfo(digest.schedule.zone)
    headline = reports.headline(report, today, zone)
    line = [text(headline, bold=reports.is_news(report))]
    if digest.mention and reports.is_news(report):
        line += [text("  "), mention(digest.mention)]
    rest = [late, *reports.notes(report, today, zone)]
    made = [paragraph(*line), *(paragraph(*prose(words)) for words in rest if words)]
    return made, blocks.fallback(headline, *rest)


def mention(who: str) -> Block:
    """Whoever is told of news: a person, a user group, or who is in the channel."""
    if who in ("here", "channel"):
        return {"type": "broadcast", "range": who}
    if who.startswith(GROUP_PREFIX):
        return {"type": "usergroup", "usergroup_id": who}
    return blocks.person(who)


def footer(left_out: str, report: Report, digest: Digest, run: Run) -> list[Block]:
    """What the table leaves out, what was read, and what can be done about the findings."""
    lines = [paragraph(text(left_out))] if left_out else []
    lines.append(paragraph(text(f"{reports.coverage(report)} "), text(f"run {run.id}", code=True)))
    edit = button("Edit digest", "edit_digest", OfDigest(digest.id))
    if report.is_preview or report.urgent:
        # what is new to it is remembered nowhere, and cannot be snoozed
        return [*lines, actions(edit)]
    open_ = [entry.finding for entry in report.entries if entry.change in SNOOZABLE]
    known = [entry.finding for entry in report.entries if entry.change == "known"]
    elements = [_findings(digest, open_, "snooze", "Snooze a finding…")] if open_ else []
    elements += [unsnooze(digest, known)] if known else []
    undecided = [entry.finding for entry in report.entries if entry.change in DECIDABLE]
    elements += [_findings(digest, undecided, "decide", "Decide on a finding…")] if undecided else []
    elements += undecide(digest, [entry.finding for entry in report.entries if entry.change != "resolved"])
    return [*lines, actions(*elements, edit)]


def owners(report: Report) -> list[Block]:
    """The findings by who is to see to them, a line each: whoever has news is named, and notified by it."""
    lines = [paragraph(text("By owner", bold=True))]
    for share in routing.shares(report):
        if share.owner is None:
            who = [text("No owner known", bold=True), text(f" · {share.counts}")]
            rest = [text(f" · {share.names}")] if share.names else []
            rest += prose(". `TLS_AUDIT_OWNERS` names owners.")
        else:
            named = [text(" · "), mention(share.owner.person)] if share.owner.person and share.is_news else []
            who = [*blocks.owner(share.owner), *named, text(f" · {share.counts}")]
            rest = [text(f" · {share.names}")] if share.names else []
        lines.append(paragraph(*who, *rest))
    return lines


def unsnooze(digest: Digest, findings: list[Finding]) -> Block:
    """The menu that has one of `findings` told again."""
    return _findings(digest, findings, "unsnooze", "Un-snooze a finding…")


def undecide(digest: Digest, findings: list[Finding]) -> list[Block]:
    """The menu that undoes what was decided about `findings`, if something was."""
    made: list[tuple[str, Finding, Undoable]] = []
    for finding in findings:
        if finding.decision is not None:
            made.append((finding.decision.kind, finding, "decision"))
        if finding.assignment is not None:
            made.append((f"assigned to {finding.assignment.to}", finding, "assignment"))
    options = [
        blocks.option(
            OfDecision(digest.id, finding.id, what),
            blocks.cut(f"{literal(words)}: {label(finding)}", blocks.OPTION_CHARS - 1),
        )
        for words, finding, what in made[: blocks.MENU_OPTIONS]
    ]
    placeholder = {"type": "plain_text", "text": "Undo a decision…"}
    menu = {"type": "static_select", "action_id": "undecide", "placeholder": placeholder, "options": options}
    return [menu] if options else []


def _findings(digest: Digest, findings: list[Finding], action: str, words: str) -> Block:
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": {"type": "plain_text", "text": words},
        "options": [
            blocks.option(
                OfFinding(digest.id, finding.id), blocks.cut(label(finding), blocks.OPTION_CHARS - 1)
            )
            for finding in findings[: blocks.MENU_OPTIONS]
        ],
    }


def label(finding: Finding) -> str:
    """A finding in one line: the service, the end of the principal's name, what the client opens with."""
    client = finding.client.partition(" ")[0]
    who = finding.principal.rsplit(":", 1)[-1] or "nobody named"
    return " · ".join(literal(part) or "–" for part in (short_service(finding.service), who, client))


def called(run: Run) -> str:
    """What people call a run that tells a digest, or something of one."""
    return "look at urgent services" if run.kind == "urgent" else run.kind


def failed(digest: Digest, error: BotError, run: Run) -> list[Block]:
    """Why there is no digest, or no preview of one, and what comes next."""
    return [
        paragraph(text(f"⚠️ No {called(run)}: "), *prose(f"{error} "), text(f"run {run.id}", code=True)),
        actions(button("Edit digest", "edit_digest", OfDigest(digest.id))),
    ]
