"""/tls-digest: what is told to a channel by itself. Every change is said in the channel it is about."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from slack_sdk.errors import SlackApiError

from bot.digests import order as orders
from bot.digests import report as reports
from bot.digests import scan
from bot.digests.digest import Digest
from bot.errors import BotError, UserError
from bot.question.tokens import shown
from bot.wording import month_day
from handlers.blockkit import blocks
from handlers.blockkit import digest as told
from handlers.blockkit.blocks import actions, button, moment, paragraph, place, prose, said
from handlers.digests import forms as digest_forms
from handlers.errors import SLACK_ERRORS, code_of, translated
from handlers.replies import TimelyAck

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from slack_bolt import Ack, App, Respond
    from slack_sdk import WebClient

    from bot.question.question import Question
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

log = logging.getLogger(__name__)

COMMAND: Final = "/tls-digest"
DESCRIPTION: Final = "Have a channel told every day what is new, still open, resolved"
USAGE: Final = "daily 09:00 weekdays #on-call service=s3 mention=@oncall"
"""What Slack shows while the command is typed, as manifest.yml has it."""

EXAMPLES: Final = (
    ("daily 09:00", "every day, here, in your time zone"),
    (
        "daily 08:30 Europe/Berlin weekdays #on-call mention=@oncall",
        "on working days, naming @oncall when something is new",
    ),
    ("weekly mon 09:00 min=1.3 service=s3,kms", "on Mondays, about two services, with TLS 1.3 as the floor"),
    ("list", "the digests of this channel, and yours"),
    ("show 3", "one of them: when, what, what was told last, what is snoozed and why"),
    ("now 3", "tell it at once"),
    ("pause 3", "stop telling it; `resume 3` goes on, `edit 3` opens its form, `remove 3` forgets it"),
)

MOST_LISTED: Final = 15
"""Digests in a list: each takes two blocks of the fifty a message may have."""


def register(app: App, desk: Context) -> None:
    """Answer the command, its forms, and the buttons of digests."""
    digests = Orders(desk)
    app.command(COMMAND)(digests.command)
    app.action("edit_digest")(digests.edit_pressed)
    app.action("daily")(digests.daily_pressed)
    app.action("tell_now")(digests.now_pressed)
    digest_forms.register(app, desk, digests)


class Orders:
    """What can be done about digests."""

    def __init__(self, desk: Context) -> None:
        self._desk = desk
        self._digests = desk.runner.digests

    # --- the command

    def command(self, ack: Ack, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        """Answer what was typed: at once with words, or in the channel once it is done."""
        with TimelyAck(ack, respond) as prompt:
            try:
                self._answer(prompt, body, client, respond)
            except BotError as error:
                prompt.say([paragraph(*prose(words)) for words in (error.message, error.hint) if words])

    def _answer(self, prompt: TimelyAck, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        text = self._desk.order(body.get("text", "")).strip()
        user, channel = body["user_id"], body["channel_id"]
        word, _, rest = text.partition(" ")
        word = word.lower()
        answers: dict[str, Callable[[], list[Block]]] = {
            "help": help_,
            "list": lambda: self._list(user, channel),
            "show": lambda: self._show(self.named(rest, user, channel)),
        }
        changes: dict[str, Callable[[Digest], str]] = {
            "pause": self._pause,
            "resume": self._resume,
            "remove": self._remove,
            "now": lambda digest: self._now(digest, body["trigger_id"]),
        }
        if not text or word == "edit":
            digest = self.named(rest, user, channel) if text else None
            prompt.say(None)
            made = digest_forms.order(self._desk, digest, channel, user)
            client.views_open(trigger_id=body["trigger_id"], view=made)
        elif word in answers:
            prompt.say(answers[word]())
        elif word in changes:
            self._desk.admit(user, channel)
            digest = self.named(rest, user, channel)
            what = changes[word](digest)
            prompt.say(None)
            self.say(client, digest, user, what, respond)
        else:
            digest = self.ordered(text, user, channel)
            prompt.say(None)
            self.confirm(client, digest, respond)

    # --- orders

    def ordered(self, text: str, user: str, channel: str) -> Digest:
        """Take an order: the digest, kept. UserError where it is none, or not allowed."""
        order = orders.parse(text, zone=str(self._desk.zones.of(user)))
        self._desk.admit(user, order.channel or channel)
        question = self.question(order.question)
        now = self._desk.runner.now()
        return self._digests.add(
            Digest(
                id=0,
                owner=user,
                channel=order.channel or channel,
                schedule=order.schedule,
                scope=question.scope,
                mention=order.mention,
                created=now,
                due=order.schedule.following(now),
            )
        )

    def changed(self, digest: Digest, text: str) -> Digest:
        """The digest as an order has it now. Another question begins anew, with a baseline."""
        order = orders.parse(text, zone=digest.schedule.zone)
        self._desk.admit(digest.owner, order.channel or digest.channel)
        scope = self.question(order.question).scope
        new = replace(
            digest,
            channel=order.channel or digest.channel,
            schedule=order.schedule,
            scope=scope,
            mention=order.mention,
            due=None if digest.paused else order.schedule.following(self._desk.runner.now()),
        )
        if scope != digest.scope:
            self._digests.start_over(digest.id)
        if not self._digests.change(new):
            raise UserError(f"Digest {digest.id} was removed meanwhile.")
        return new

    def question(self, words: str) -> Question:
        """The question of a digest, for yesterday. UserError where it is none, or says what digests do."""
        parse, now = self._desk.runner.parse, self._desk.runner.now()
        zone = ZoneInfo("UTC")
        try:
            question = parse(f"yesterday by={scan.VIEW} {words}", now=now, zone=zone)
        except UserError:
            parse(words, now=now, zone=zone)  # a mistake of another kind says so itself
            question = None
        if question is None or question.top or question.private:
            raise UserError(
                "A digest tells all since the one before: it takes no window, view, `top=` or `private`.",
                "Name filters and a policy only, as in `service=s3 min=1.3`.",
            )
        return question

    def named(self, name: str, user: str, channel: str) -> Digest:
        """The digest of a number; of none, the channel's only one. Its owner, admins and whoever is in its
        channel may see and change it, if they may ask at all. BotError."""
        self._desk.admit_person(user)
        number = name.strip().lstrip("#").strip("`")
        here = [digest for digest in self._digests.all() if digest.channel == channel]
        if not number:
            if len(here) == 1:
                return here[0]
            some = ", ".join(str(digest.id) for digest in here)
            why = f"This channel has the digests {some}." if here else "This channel has no digest."
            raise UserError(why, f"Say which: `{COMMAND} list` shows them.")
        digest = self._digests.get(int(number)) if number.isdecimal() and len(number) < LONGEST_ID else None
        if digest is None:
            hint = f"`{COMMAND} list` shows this channel's, and yours."
            raise UserError(f"No digest `{shown(number)}`.", hint)
        if digest.channel != channel and not self._desk.may_end(user, digest.owner):
            raise UserError(
                f"Digest {digest.id} belongs to another channel.", "Type it there, or ask its owner."
            )
        return digest

    # --- changes

    def _pause(self, digest: Digest) -> str:
        self._digests.pause(digest.id)
        return f"paused digest {digest.id}. `{COMMAND} resume {digest.id}` goes on."

    def _resume(self, digest: Digest) -> str:
        due = digest.schedule.following(self._desk.runner.now())
        self._digests.change(replace(digest, paused=False, due=due))
        return f"resumed digest {digest.id}: {self.words(digest)}."

    def _remove(self, digest: Digest) -> str:
        self._digests.remove(digest.id)
        return f"removed digest {digest.id}, {self.words(digest)}."

    def _now(self, digest: Digest, trigger: str) -> str:
        runner = self._desk.runner
        day = digest.schedule.latest(runner.now())
        runner.telling.tell(digest, day, key=f"digest/{digest.id}/{trigger}", at_once=True)
        return f"asked for digest {digest.id} now."

    def words(self, digest: Digest) -> str:
        """When it is told, and what."""
        try:
            subject = self.question(str(digest.scope)).subject()
        except UserError:
            # a store or an engine may be gone since; the digest can still be listed, changed and removed
            subject = f"{digest.scope} (which cannot be asked any more)"
        return digest.words(subject)

    # --- telling people

    def confirm(self, client: WebClient, digest: Digest, respond: Respond | None) -> None:
        """Say in its channel what was ordered, which shows that it can be told there; else forget it."""
        try:
            self._post(client, digest.channel, self._ordered(digest))
        except SLACK_ERRORS as error:
            self._digests.remove(digest.id)
            words = f"I cannot tell digests in that channel. {translated(error)}"
            self._say_alone(client, digest.owner, words, respond)

    def say(
        self, client: WebClient, digest: Digest, user: str, what: str, respond: Respond | None = None
    ) -> None:
        """Say in its channel who changed a digest, and how; where that is not possible, to whoever did."""
        made = [paragraph(blocks.person(user), *prose(f" {what}"))]
        try:
            self._post(client, digest.channel, made)
        except SLACK_ERRORS as error:
            log.info("digest %s: its channel was not told: %s", digest.id, code_of(error) or error)
            words = f"You {what} Its channel was not told: {translated(error)}"
            self._say_alone(client, user, words, respond)

    def _say_alone(self, client: WebClient, user: str, words: str, respond: Respond | None) -> None:
        """Under the command, or where there was none, in someone's direct messages."""
        if respond is not None:
            respond(blocks.fallback(words))
        else:
            direct = str(client.conversations_open(users=[user])["channel"]["id"])
            self._post(client, direct, [paragraph(*prose(words))])

    @staticmethod
    def _post(client: WebClient, channel: str, made: list[Block]) -> None:
        given: dict[str, Any] = {"channel": channel, "blocks": made, "text": blocks.words_of(made)}
        try:
            client.chat_postMessage(**given, mrkdwn=False)
        except SlackApiError as error:
            if code_of(error) != "not_in_channel":
                raise
            client.conversations_join(channel=channel)
            client.chat_postMessage(**given, mrkdwn=False)

    def _ordered(self, digest: Digest) -> list[Block]:
        line = [blocks.person(digest.owner), said(f" ordered digest {digest.id}, {self.words(digest)}.")]
        if digest.mention:
            # as code: what only says who is named must not notify them
            who = said(self._desk.called(digest.mention), code=True)
            line += [said(" It names "), who, said(" when something is new.")]
        lines = [paragraph(*line)]
        if digest.due is not None:
            lines.append(paragraph(said("The first one sets the baseline. Next: "), moment(digest.due)))
        return [*lines, self._buttons(digest)]

    @staticmethod
    def _buttons(digest: Digest) -> Block:
        value = str(digest.id)
        return actions(button("Tell it now", "tell_now", value), button("Edit digest", "edit_digest", value))

    def _list(self, user: str, channel: str) -> list[Block]:
        mine = [digest for digest in self._digests.all() if channel == digest.channel or user == digest.owner]
        if not mine:
            return [paragraph(*prose(f"No digest here yet. Try `{COMMAND} daily 09:00`."))]
        more = len(mine) - MOST_LISTED
        rest = [paragraph(*prose(f"And {more:,} more: `show` takes their numbers."))] if more > 0 else []
        return [*(block for digest in mine[:MOST_LISTED] for block in self._listed(digest)), *rest]

    def _listed(self, digest: Digest) -> list[Block]:
        line = [said(f"{digest.id}", bold=True), said(f"  {self.words(digest)}, in "), place(digest.channel)]
        if digest.paused:
            line.append(said(" · paused"))
        elif digest.due is not None:
            line += [said(" · next "), moment(digest.due)]
        return [paragraph(*line)]

    def _show(self, digest: Digest) -> list[Block]:
        lines = self._listed(digest)
        lines.append(paragraph(said("Ordered by "), blocks.person(digest.owner)))
        if digest.mention:
            # as an id: what is only shown must not notify
            lines.append(
                paragraph(
                    said("Names "),
                    said(self._desk.called(digest.mention), code=True),
                    said(" when something is new"),
                )
            )
        now = self._desk.runner.now()
        zone = ZoneInfo(digest.schedule.zone)
        last = self._digests.last_told(digest.id)
        if last is not None:
            words = reports.headline(last, now.astimezone(zone).date(), zone)
            lines.append(paragraph(said(f"Told last: {words}")))
        lines += self._snoozed(digest, now)
        return [*lines, self._buttons(digest)]

    def _snoozed(self, digest: Digest, now: datetime) -> list[Block]:
        today = now.astimezone(ZoneInfo(digest.schedule.zone)).date()
        known = [
            each for each in self._digests.findings(digest.id) if each.snooze and each.snooze.until > today
        ]
        return [
            paragraph(
                said(told.label(finding), code=True),
                said(f" until {month_day(finding.snooze.until, today)}, by {finding.snooze.by}: "),
                said(finding.snooze.why),
            )
            for finding in known[:MOST_LISTED]
            if finding.snooze
        ]

    # --- buttons

    def edit_pressed(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Open the form of a digest."""
        ack()
        user, channel = body["user"]["id"], body.get("channel", {}).get("id", "")
        try:
            digest = self.named(action["value"], user, channel)
        except BotError as error:
            self._whisper(client, body, str(error))
            return
        client.views_open(
            trigger_id=body["trigger_id"], view=digest_forms.order(self._desk, digest, channel, user)
        )

    def daily_pressed(
        self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient
    ) -> None:
        """Open the form for a new digest that asks what a run asked."""
        ack()
        run = self._desk.run(action["value"])
        user, channel = body["user"]["id"], body["channel"]["id"]
        if run is None:
            self._whisper(client, body, "That run is no longer kept.")
            return
        try:
            asked = self._desk.runner.question(run)
        except UserError as error:
            self._whisper(client, body, str(error))
            return
        words = " ".join(word for word in str(replace(asked, top=None, private=False)).split(" ")[2:])
        made = digest_forms.order(self._desk, None, channel, user, question=words)
        client.views_open(trigger_id=body["trigger_id"], view=made)

    def now_pressed(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Have a digest told at once."""
        user, channel = body["user"]["id"], body["channel"]["id"]
        try:
            self._now(self.named(action["value"], user, channel), body["trigger_id"])
        except BotError as error:
            ack()
            self._whisper(client, body, str(error))
        else:
            ack()

    @staticmethod
    def _whisper(client: WebClient, body: dict[str, Any], words: str) -> None:
        client.chat_postEphemeral(
            channel=body["channel"]["id"],
            user=body["user"]["id"],
            blocks=[paragraph(*prose(words))],
            text=blocks.fallback(words),
        )


LONGEST_ID: Final = 10
"""Digits of a number that a database takes."""


def help_() -> list[Block]:
    """How to order, by examples."""
    lines = [
        paragraph(said(f"{COMMAND} {example}", code=True), *prose(f"  {what}")) for example, what in EXAMPLES
    ]
    words = (
        "A digest tells a channel which clients called over old TLS since the last one: new, open, resolved "
        "after three quiet days. Filters and policy as in /tls-audit."
    )
    return [paragraph(said(words)), *lines, paragraph(said(f"{COMMAND} alone opens a form."))]
