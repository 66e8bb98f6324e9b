"""The forms of digests: ordering or editing one, and snoozing one of its findings."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from bot.digests import order as orders
from bot.digests.changes import Snooze
from bot.errors import BotError, UserError
from handlers.blockkit import blocks
from handlers.blockkit import digest as told
from handlers.blockkit.blocks import paragraph, person, prose, said
from handlers.questions.form import ERROR_CHARS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from slack_bolt import Ack, App
    from slack_sdk import WebClient

    from bot.digests.changes import Finding
    from bot.digests.digest import Digest
    from handlers.blockkit.blocks import Block
    from handlers.context import Context
    from handlers.digests.commands import Orders

ORDER: Final = "digest_form"
SNOOZE: Final = "snooze_form"

SNOOZES: Final = (7, 14, 30)
"""Days for which a finding may be made known."""

REASON_CHARS: Final = 300
"""A reason is shown in a table's cell."""


def register(app: App, desk: Context, orders: Orders) -> None:
    """Answer the forms, and the menu that opens the second."""
    forms = _Forms(desk, orders)
    app.view(ORDER)(forms.ordered)
    app.action("snooze")(forms.snooze)
    app.view(SNOOZE)(forms.snoozed)


def order(desk: Context, digest: Digest | None, channel: str, user: str, *, question: str = "") -> Block:
    """The form for a new digest, or for one that there is."""
    when = str(digest.schedule) if digest else f"daily 09:00 {desk.zones.of(user)}"
    fields = {
        "when": ("When", when, "daily 09:00 Europe/Berlin weekdays, or weekly mon 09:00", False),
        "question": ("About", str(digest.scope) if digest else question, "service=s3,kms min=1.3", True),
        "mention": (
            "Who is named when something is new",
            (digest.mention or "") if digest else "",
            "@oncall, here, channel, or a person's id",
            True,
        ),
    }
    inputs = [_line(name, *given) for name, given in fields.items()]
    chosen = digest.channel if digest else channel
    inputs.insert(1, _channel(chosen))
    return {
        "type": "modal",
        "callback_id": ORDER,
        "private_metadata": json.dumps({"digest": digest.id if digest else None, "channel": channel}),
        "title": {"type": "plain_text", "text": f"Digest {digest.id}" if digest else "New digest"},
        "submit": {"type": "plain_text", "text": "Save" if digest else "Order"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [
            *inputs,
            paragraph(*prose("Filters and a policy, as in `/tls-audit`. Another question begins anew.")),
        ],
    }


class _Forms:
    """What the forms do."""

    def __init__(self, desk: Context, orders: Orders) -> None:
        self._desk = desk
        self._digests = desk.runner.digests
        self._orders = orders

    def ordered(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Order or change a digest."""
        shown, user = body["view"], body["user"]["id"]
        given = json.loads(shown["private_metadata"])
        fields = _read(shown)
        channel = fields["channel"] or given["channel"]
        mention = f" mention={fields['mention']}" if fields["mention"].strip() else ""
        when = self._desk.order(f"{fields['when']} #{channel}")
        question, mention = self._desk.order(fields["question"]), self._desk.order(mention)
        text = f"{when} {question}{mention}"
        try:
            if given["digest"] is None:
                digest = self._orders.ordered(text, user, channel)
            else:
                before = self._orders.named(str(given["digest"]), user, given["channel"])
                digest = self._orders.changed(before, text)
        except BotError as error:
            at_fault = self._at_fault(when, mention, question)
            ack(response_action="errors", errors={at_fault: str(error).replace("`", "")[:ERROR_CHARS]})
            return
        ack()
        if given["digest"] is None:
            self._orders.confirm(client, digest, None)
        else:
            what = f"changed digest {digest.id}: {self._orders.words(digest)}."
            self._orders.say(client, digest, user, what)

    def _at_fault(self, when: str, mention: str, question: str) -> str:
        """The first input that is wrong by itself; where none is, the channel: nothing may be told there."""
        parts: dict[str, Callable[[], object]] = {
            "when": lambda: orders.parse(when, zone="UTC"),
            "mention": lambda: orders.parse(f"daily{mention}", zone="UTC"),
            "question": lambda: self._orders.question(question),
        }
        for name, read in parts.items():
            try:
                read()
            except UserError:
                return name
        return "channel"

    def snooze(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Ask for how long a finding is known, and why."""
        ack()
        number, _, finding_id = action["selected_option"]["value"].partition(" ")
        user, channel = body["user"]["id"], body["channel"]["id"]
        thread = body["container"].get("thread_ts")
        try:
            digest = self._orders.named(number, user, channel)
            finding = self._digests.finding(digest.id, finding_id) if finding_id.isascii() else None
            words = "That finding is no longer kept."
        except BotError as error:
            finding, words = None, str(error)
        if finding is None:
            client.chat_postEphemeral(
                channel=channel, user=user, thread_ts=thread, text=blocks.fallback(words)
            )
            return
        metadata = {"digest": digest.id, "finding": finding_id, "channel": channel, "thread": thread}
        options = [blocks.option(str(days), f"{days} days") for days in SNOOZES]
        client.views_open(
            trigger_id=body["trigger_id"],
            view={
                "type": "modal",
                "callback_id": SNOOZE,
                "private_metadata": json.dumps(metadata),
                "title": {"type": "plain_text", "text": "Snooze a finding"},
                "submit": {"type": "plain_text", "text": "Snooze"},
                "close": {"type": "plain_text", "text": "Close"},
                "blocks": [
                    paragraph(said(told.label(finding), code=True)),
                    blocks.field(
                        "days",
                        "For",
                        {
                            "type": "radio_buttons",
                            "action_id": "days",
                            "options": options,
                            "initial_option": options[0],
                        },
                    ),
                    blocks.field(
                        "reason",
                        "Why",
                        {
                            "type": "plain_text_input",
                            "action_id": "reason",
                            "min_length": 1,
                            "max_length": REASON_CHARS,
                        },
                    ),
                    paragraph(said("It comes back earlier if its calls double. Everyone sees who and why.")),
                ],
            },
        )

    def _made_known(self, given: dict[str, Any], user: str, why: str, days: int) -> tuple[date, Finding]:
        """Until when a finding is known from now on, and the finding. BotError where that is not possible."""
        digest = self._digests.get(given["digest"])
        finding = self._digests.finding(given["digest"], given["finding"])
        if digest is None or finding is None:
            raise UserError("That finding is no longer kept.")
        now = self._desk.runner.now()
        until = now.astimezone(ZoneInfo(digest.schedule.zone)).date() + timedelta(days=days)
        start, end = digest.period(digest.schedule.latest(now))
        known = Snooze(self._desk.name_of(user), why, until, finding.calls, (end - start).days)
        self._digests.acknowledge(digest.id, finding.id, known)
        return until, finding

    def snoozed(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Make a finding known, and say so in the digest's thread."""
        given, values = json.loads(body["view"]["private_metadata"]), body["view"]["state"]["values"]
        days = int(values["days"]["days"]["selected_option"]["value"])
        why = (values["reason"]["reason"]["value"] or "").strip()
        if not why:
            ack(response_action="errors", errors={"reason": "A word on why helps whoever is on call next."})
            return
        user = body["user"]["id"]
        try:
            known = self._made_known(given, user, why, days)
        except BotError as error:
            ack(response_action="errors", errors={"reason": str(error)[:ERROR_CHARS]})
            return
        ack()
        until, finding = known
        made = [
            paragraph(
                person(user),
                said(" snoozed "),
                said(told.label(finding), code=True),
                said(f" until {until.day} {until:%b}: "),
                said(why),
            )
        ]
        client.chat_postMessage(
            channel=given["channel"],
            thread_ts=given["thread"],
            blocks=made,
            text=blocks.words_of(made),
            mrkdwn=False,
        )


def _read(shown: dict[str, Any]) -> dict[str, str]:
    """What the inputs of an order hold, by block_id."""
    return {
        block_id: held.get("value") or held.get("selected_conversation") or ""
        for block_id, inputs in shown["state"]["values"].items()
        for held in inputs.values()
    }


def _line(name: str, label: str, value: str, example: str, optional: bool) -> Block:
    element = {**blocks.line(example, value), "action_id": name}
    return blocks.field(name, label, element, optional=optional)


def _channel(chosen: str) -> Block:
    element: Block = {"type": "conversations_select", "action_id": "channel"}
    if chosen:
        element["initial_conversation"] = chosen
    return blocks.field("channel", "Where", element)
