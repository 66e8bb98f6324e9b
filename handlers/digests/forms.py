"""The forms of digests: ordering or editing one, and snoozing one of its findings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bot.app.digests import Draft, WhichDigest
from bot.errors import BotError, UserError
from bot.wording import short_service
from handlers.access import GROUP_PREFIX
from handlers.blockkit import blocks
from handlers.blockkit import digest as digest_blocks
from handlers.blockkit.blocks import paragraph, person, prose, text
from handlers.blockkit.values import DigestForm, OfFinding, SnoozeForm, decode, encode, of_action
from handlers.digests.announcements import Announcements
from handlers.digests.shown import chosen_finding, find, find_to_change
from handlers.questions.form import error_line
from handlers.replies import place_of, whisper

if TYPE_CHECKING:
    from slack_bolt import Ack, App
    from slack_sdk import WebClient

    from bot.digests.digest import Digest
    from bot.digests.finding import Finding, Snooze
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

ORDER: Final = "digest_form"
SNOOZE: Final = "snooze_form"

SNOOZES: Final = (7, 14, 30)
"""Days for which a finding may rest."""

ELSEWHERE: Final = ""
"""Where someone is who sends a form: Slack does not say."""

REASON_CHARS: Final = 300
"""A reason is shown in a table's cell."""


def register(app: App, context: Context) -> None:
    """Answer the forms, the menu that opens the second, and the one that undoes it."""
    forms = _Forms(context)
    app.view(ORDER)(forms.ordered)
    app.action("snooze")(forms.snooze)
    app.view(SNOOZE)(forms.snoozed)
    app.action("unsnooze")(forms.unsnooze)


def order(context: Context, digest: Digest | None, channel: str, user: str, *, question: str = "") -> Block:
    """The form for a new digest, or for one that there is."""
    when = str(digest.schedule) if digest else f"daily 09:00 {context.directory.zone_of(user)}"
    about = str(digest.scope) if digest else question
    mention = (digest.mention or "") if digest else ""
    if mention.startswith(GROUP_PREFIX):
        mention = context.directory.called(mention)  # of groups, the form reads the handle too
    urgent = ",".join(map(short_service, digest.urgent)) if digest else ""
    mentions = "@oncall, here, channel, or a person's id"
    return {
        "type": "modal",
        "callback_id": ORDER,
        "private_metadata": encode(DigestForm(digest.id if digest else None, channel)),
        "title": {"type": "plain_text", "text": f"Digest {digest.id}" if digest else "New digest"},
        "submit": {"type": "plain_text", "text": "Save" if digest else "Order"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [
            _line("when", "When", when, "daily 09:00 Europe/Berlin weekdays, or weekly mon 09:00"),
            _channel(digest.channel if digest else channel),
            _line("question", "About", about, "service=s3,kms min=1.3", optional=True),
            _line("mention", "Who is named when something is new", mention, mentions, optional=True),
            _line("urgent", "Services told within the hour", urgent, "kms,secretsmanager", optional=True),
            paragraph(*prose("Filters and a policy, as in `/tls-audit`. Another question begins anew.")),
        ],
    }


def _snooze_form(finding: Finding, about: SnoozeForm) -> Block:
    options = [blocks.option(str(days), f"{days} days") for days in SNOOZES]
    days = {
        "type": "radio_buttons",
        "action_id": "days",
        "options": options,
        "initial_option": options[0],
    }
    reason = {
        "type": "plain_text_input",
        "action_id": "reason",
        "min_length": 1,
        "max_length": REASON_CHARS,
    }
    return {
        "type": "modal",
        "callback_id": SNOOZE,
        "private_metadata": encode(about),
        "title": {"type": "plain_text", "text": "Snooze a finding"},
        "submit": {"type": "plain_text", "text": "Snooze"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [
            paragraph(text(digest_blocks.label(finding), code=True)),
            blocks.field("days", "For", days),
            blocks.field("reason", "Why", reason),
            paragraph(text("It comes back earlier if its calls double. Everyone sees who and why.")),
        ],
    }


class _Forms:
    """What the forms do."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._digests = context.digests
        self._announcements = Announcements(context)

    def ordered(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Order or change a digest."""
        shown, user = body["view"], body["user"]["id"]
        fields = _read(shown)
        try:
            draft = Draft(
                when=self._context.order(fields.get("when", "")),
                channel=fields.get("channel", ""),
                question=self._context.order(fields.get("question", "")),
                mention=self._context.order(f"mention={fields.get('mention', '')}").removeprefix("mention="),
                urgent=self._context.order(fields.get("urgent", "")),
            )
        except BotError as error:
            ack(response_action="errors", errors={"mention": error_line(error)})
            return
        try:
            about = decode(DigestForm, shown["private_metadata"])
            draft = replace(draft, channel=draft.channel or about.channel)
            self._context.questions.limits.check_length(str(draft))
            # what a form carries is checked as if anyone had written it: it says of nobody where they are
            if about.digest is None:
                zone = self._context.directory.zone_of(user)
                digest = self._digests.order(
                    str(draft), user=user, channel=draft.channel, zone=zone, here=ELSEWHERE
                )
            else:
                before = find_to_change(self._context, str(about.digest), user, ELSEWHERE)
                digest = self._digests.edit(before, str(draft), user=user)
        except BotError as error:
            ack(response_action="errors", errors={self._digests.fault(draft): error_line(error)})
            return
        ack()
        if about.digest is None:
            self._announcements.ordered(client, digest, here=about.channel)
        else:
            cost = self._digests.urgent_cost(digest) if digest.urgent != before.urgent else ""
            what = f"changed digest {digest.id}: {self._digests.words(digest)}. {cost}".rstrip()
            self._announcements.changed(client, digest, user, what, here=about.channel)

    def snooze(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Ask for how long a finding is to rest, and why."""
        ack()
        user, there = body["user"]["id"], place_of(body)
        try:
            digest, finding = chosen_finding(self._context, body, action)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        about = SnoozeForm(digest.id, finding.id, there.channel, there.reply_to)
        client.views_open(trigger_id=body["trigger_id"], view=_snooze_form(finding, about))

    def snoozed(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Have a finding rest, and say so in the digest's thread."""
        shown, user = body["view"], body["user"]["id"]
        values = shown["state"]["values"]
        chosen = values["days"]["days"]["selected_option"]["value"]
        why = (values["reason"]["reason"]["value"] or "").strip()
        if not why:
            ack(response_action="errors", errors={"reason": "A word on why helps whoever is on call next."})
            return
        name = self._context.directory.name_of(user)
        try:
            about = decode(SnoozeForm, shown["private_metadata"])
            days = next((days for days in SNOOZES if str(days) == chosen), None)
            if days is None or len(why) > REASON_CHARS:
                raise UserError(
                    f"A finding rests for one of {SNOOZES} days, with a reason of {REASON_CHARS} characters."
                )
            digest = self._digests.find(str(about.digest), user=user, channel=ELSEWHERE)
            finding = self._digests.finding(digest, about.finding)
            snooze = self._digests.snooze(digest, about.finding, by=name, why=why, days=days)
        except WhichDigest:
            ack(response_action="errors", errors={"reason": "That finding is no longer kept."})
            return
        except BotError as error:
            ack(response_action="errors", errors={"reason": error_line(error)})
            return
        ack()
        made = [_snoozed(user, finding, snooze)]
        client.chat_postMessage(
            channel=digest.channel,
            thread_ts=about.thread if about.channel == digest.channel else None,
            blocks=made,
            text=blocks.words_of(made),
            mrkdwn=False,
        )

    def unsnooze(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Have a finding rest no more, and say so where that was pressed, or in the digest's channel."""
        ack()
        user, there = body["user"]["id"], place_of(body)
        try:
            chosen = of_action(OfFinding, action)
            digest = find(self._context, str(chosen.digest), user, there.channel)
            finding = self._digests.unsnooze(digest, chosen.finding)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        made = [paragraph(person(user), text(" un-snoozed "), text(digest_blocks.label(finding), code=True))]
        client.chat_postMessage(
            channel=digest.channel,
            thread_ts=there.reply_to if there.channel == digest.channel else None,
            blocks=made,
            text=blocks.words_of(made),
            mrkdwn=False,
        )


def _snoozed(user: str, finding: Finding, snooze: Snooze) -> Block:
    return paragraph(
        person(user),
        text(" snoozed "),
        text(digest_blocks.label(finding), code=True),
        text(f" until {snooze.until.day} {snooze.until:%b}: "),
        text(snooze.why),
    )


def _read(shown: dict[str, Any]) -> dict[str, str]:
    """What the inputs of an order hold, by block_id."""
    return {
        block_id: held.get("value") or held.get("selected_conversation") or ""
        for block_id, inputs in shown["state"]["values"].items()
        for held in inputs.values()
    }


def _line(name: str, label: str, value: str, example: str, *, optional: bool = False) -> Block:
    element = {**blocks.line(example, value), "action_id": name}
    return blocks.field(name, label, element, optional=optional)


def _channel(chosen: str) -> Block:
    element: Block = {"type": "conversations_select", "action_id": "channel"}
    if chosen:
        element["initial_conversation"] = chosen
    return blocks.field("channel", "Where", element)
