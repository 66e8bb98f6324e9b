"""What is decided about findings: the menu, its form, drawn anew by what is chosen, and how to undo it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from bot.app.decisions import BadDate
from bot.digests.watch import QUIET_DAYS, WATCHED_DAYS, Subject
from bot.errors import BotError, UserError
from handlers.blockkit import blocks
from handlers.blockkit import digest as digest_blocks
from handlers.blockkit import watch as watch_blocks
from handlers.blockkit.blocks import paragraph, person, text
from handlers.blockkit.values import (
    DecisionForm,
    OfClient,
    OfDecision,
    OfWatch,
    decode,
    encode,
    of_action,
)
from handlers.digests.forms import ELSEWHERE, REASON_CHARS
from handlers.digests.shown import chosen_finding, find
from handlers.questions.form import error_line
from handlers.replies import place_of, whisper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slack_bolt import Ack, App
    from slack_sdk import WebClient

    from bot.app.decisions import Undoable
    from bot.digests.digest import Digest
    from bot.digests.finding import Finding
    from bot.digests.watch import Watch
    from handlers.blockkit.blocks import Block
    from handlers.blockkit.values import AskPlace
    from handlers.context import Context

DECISION: Final = "decision_form"

CHOICES: Final = {
    "assign": "Assign it to a team or a person",
    "accept": "Accept it until a date",
    "dismiss": "It is not applicable",
    "watch": "Watch it until it is quiet",
}
"""What can be decided, as the form says it."""


def register(app: App, context: Context) -> None:
    """Answer the menus, the form and the buttons."""
    forms = _Forms(context)
    app.action("decide")(forms.decide)
    app.action("decision_changed")(forms.changed)
    app.view(DECISION)(forms.decided)
    app.action("undecide")(forms.undecide)
    app.action("watch")(forms.watch)
    app.action("unwatch")(forms.unwatch)


def _form(context: Context, finding: Finding, about: DecisionForm, chosen: str) -> Block:
    options = [blocks.option(name, words) for name, words in CHOICES.items()]
    what: Block = {
        "type": "radio_buttons",
        "action_id": "decision_changed",
        "options": options,
        "initial_option": next(each for each in options if each["value"] == chosen),
    }
    return {
        "type": "modal",
        "callback_id": DECISION,
        "private_metadata": encode(about),
        "title": {"type": "plain_text", "text": "Decide on a finding"},
        "submit": {"type": "plain_text", "text": "Save"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [
            paragraph(text(digest_blocks.label(finding), code=True)),
            {**blocks.field("what", "What", what), "dispatch_action": True},
            *_fields(context, chosen),
        ],
    }


def _fields(context: Context, chosen: str) -> list[Block]:
    """What is to be said about a choice, under names of its own: Slack keeps what an input holds by that."""
    if chosen == "watch":
        words = (
            f"I ask daily, and say in this thread when {QUIET_DAYS} days that are believed had no such call, "
            f"or {WATCHED_DAYS} days have not shown that."
        )
        return [paragraph(text(words))]
    if chosen == "assign":
        teams = context.questions.grammar.owners.teams[: blocks.TEAMS]
        people = {"type": "users_select", "action_id": "person"}
        made = [blocks.field("person", "Person", people, optional=True)]
        if teams:
            menu = {
                "type": "static_select",
                "action_id": "team",
                "options": [blocks.option(team, blocks.cut(team, blocks.OPTION_CHARS - 1)) for team in teams],
            }
            made.insert(0, blocks.field("team", "Team", menu, optional=True))
        return [*made, paragraph(text("Everyone sees who it is assigned to. It is told as before."))]
    reason = {
        "type": "plain_text_input",
        "action_id": "reason",
        "min_length": 1,
        "max_length": REASON_CHARS,
    }
    why = blocks.field(f"reason_{chosen}", "Why", reason)
    if chosen == "dismiss":
        words = "It is told apart from what is open, until this is undone. Everyone sees who and why."
        return [why, paragraph(text(words))]
    until = blocks.field("until", "Until", {"type": "datepicker", "action_id": "until"})
    words = "It is told apart from what is open, and is open again on that date. Everyone sees who and why."
    return [until, why, paragraph(text(words))]


class _Forms:
    """What the menus, the form and the buttons do."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._digests = context.digests
        self._decisions = context.digests.decisions
        self._watching = context.digests.watching

    # --- the form

    def decide(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Ask what is to be decided about a finding."""
        ack()
        user, there = body["user"]["id"], place_of(body)
        try:
            digest, finding = chosen_finding(self._context, body, action)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        about = DecisionForm(digest.id, finding.id, there.channel, there.reply_to)
        view = _form(self._context, finding, about, next(iter(CHOICES)))
        client.views_open(trigger_id=body["trigger_id"], view=view)

    def changed(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Draw the form with the inputs of what is chosen."""
        ack()
        shown, user = body["view"], body["user"]["id"]
        try:
            self._context.access.admit_person(user)
            about = decode(DecisionForm, shown["private_metadata"])
            digest = self._digests.find(str(about.digest), user=user, channel=ELSEWHERE)
            finding = self._digests.finding(digest, about.finding)
        except BotError as error:
            whisper(client, user, error)
            return
        view = _form(self._context, finding, about, _chosen(shown))
        client.views_update(view_id=shown["id"], hash=shown["hash"], view=view)

    def decided(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Note what was decided, and say so in the digest's thread."""
        shown, user = body["view"], body["user"]["id"]
        held, what = _held(shown), _chosen(shown)
        try:
            about = decode(DecisionForm, shown["private_metadata"])
            # what a form carries says of nobody where they are
            digest = self._digests.find(str(about.digest), user=user, channel=ELSEWHERE)
            finding = self._digests.finding(digest, about.finding)
            made = self._made(digest, finding, about, user, what, held)
        except _At as error:
            ack(response_action="errors", errors={error.field: error_line(error)})
            return
        except BotError as error:
            ack(response_action="errors", errors={"what": error_line(error)})
            return
        ack()
        self._say(client, digest, about.channel, about.thread, made)

    def _made(
        self,
        digest: Digest,
        finding: Finding,
        about: DecisionForm,
        user: str,
        what: str,
        held: Mapping[str, str],
    ) -> list[Block]:
        """Note a decision; the words of it."""
        name, label = self._context.directory.name_of(user), text(digest_blocks.label(finding), code=True)
        who = person(user)
        if what == "watch":
            subject = Subject(finding.client, finding.service, finding.principal)
            thread = about.thread if about.channel == digest.channel else None
            watch = self._watching.begin(
                subject,
                digest.scope,
                user=user,
                channel=digest.channel,
                thread=thread,
                zone=digest.schedule.zone,
                here=ELSEWHERE,
            )
            return self._watch_blocks(watch)
        if what == "assign":
            to, said = self._assignee(held)
            self._decisions.assign(digest, finding.id, to=to, by=name)
            undo = self._undo(digest, finding, "assignment")
            return [paragraph(who, text(" assigned "), label, text(" to "), said, text(".")), undo]
        why = held.get(f"reason_{what}", "").strip()
        if not why or len(why) > REASON_CHARS:
            raise _At(f"reason_{what}", "A word on why helps whoever is on call next.")
        undo = self._undo(digest, finding, "decision")
        if what == "dismiss":
            self._decisions.dismiss(digest, finding.id, by=name, why=why)
            words = [text(" called "), label, text(" not applicable: "), text(why)]
            return [paragraph(who, *words), undo]
        try:
            until = date.fromisoformat(held.get("until", ""))
            self._decisions.accept(digest, finding.id, by=name, why=why, until=until)
        except (ValueError, BadDate) as error:
            raise _At("until", str(error) if isinstance(error, BadDate) else "Choose a date.") from None
        words = [text(" accepted "), label, text(f" until {until.day} {until:%b %Y}: "), text(why)]
        return [paragraph(who, *words), undo]

    def _assignee(self, held: Mapping[str, str]) -> tuple[str, Block]:
        """Who a finding is assigned to: a name, and how a message names them."""
        team, user = held.get("team", ""), held.get("person", "")
        if bool(team) == bool(user):
            raise _At("person", "Choose a team or a person, one of them.")
        if user:
            return f"@{self._context.directory.name_of(user)}", person(user)
        if team not in self._context.questions.grammar.owners.teams:
            raise _At("person", f"There is no team {team} any more.")
        return team, text(team, bold=True)

    @staticmethod
    def _undo(digest: Digest, finding: Finding, what: Undoable) -> Block:
        return blocks.actions(blocks.button("Undo", "undecide", OfDecision(digest.id, finding.id, what)))

    def undecide(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Undo what was decided, and say so where that was pressed, or in the digest's channel."""
        ack()
        user, there = body["user"]["id"], place_of(body)
        try:
            this = of_action(OfDecision, action)
            digest = find(self._context, str(this.digest), user, there.channel)
            finding = self._decisions.undo(digest, this.finding, this.what)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        label = text(digest_blocks.label(finding), code=True)
        after = " is assigned to nobody." if this.what == "assignment" else " is told as open again."
        made = [paragraph(person(user), text(" undid a decision: "), label, text(after))]
        self._say(client, digest, there.channel, there.reply_to, made)

    @staticmethod
    def _say(client: WebClient, digest: Digest, channel: str, thread: str | None, made: list[Block]) -> None:
        client.chat_postMessage(
            channel=digest.channel,
            thread_ts=thread if channel == digest.channel else None,
            blocks=made,
            text=blocks.words_of(made),
            mrkdwn=False,
        )

    # --- watches

    def watch(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Watch a client of an answer, and say so in its thread."""
        ack()
        user, there = body["user"]["id"], place_of(body)
        try:
            this = of_action(OfClient, action)
            run = self._context.questions.seen_by(user, this.run, here=there.channel)
            if run is None:
                raise UserError("That run is no longer kept.")
            scope = self._context.questions.grammar.question(run).scope
            zone = str(self._context.directory.zone_of(user))
            watch = self._watching.begin(
                Subject(this.client),
                scope,
                user=user,
                channel=there.channel,
                thread=there.reply_to,
                zone=zone,
                here=there.channel,
            )
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        self._post(client, there, self._watch_blocks(watch))

    def unwatch(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Watch it no more, and say so there."""
        ack()
        user, there = body["user"]["id"], place_of(body)
        try:
            watch = self._watching.stop(of_action(OfWatch, action).watch, user=user, channel=there.channel)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        self._post(client, there, watch_blocks.stopped(watch, user))

    def _watch_blocks(self, watch: Watch) -> list[Block]:
        return watch_blocks.begun(watch, self._digests.question(str(watch.scope)).subject())

    @staticmethod
    def _post(client: WebClient, there: AskPlace, made: list[Block]) -> None:
        client.chat_postMessage(
            channel=there.channel,
            thread_ts=there.reply_to,
            blocks=made,
            text=blocks.words_of(made),
            mrkdwn=False,
        )


class _At(UserError):
    """What is wrong with one input."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _chosen(shown: Mapping[str, Any]) -> str:
    """What is to be decided; the first choice where the form names none of them."""
    named = _held(shown).get("what", "")
    return named if named in CHOICES else next(iter(CHOICES))


def _held(shown: Mapping[str, Any]) -> dict[str, str]:
    """What the form's inputs hold, by block_id."""
    return {
        block_id: (
            held.get("value")
            or held.get("selected_date")
            or held.get("selected_user")
            or (held.get("selected_option") or {}).get("value")
            or ""
        )
        for block_id, inputs in shown["state"]["values"].items()
        for held in inputs.values()
    }
