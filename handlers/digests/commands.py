"""/tls-digest, and the buttons of digests. Every change is said in the channel it is about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.app.digests import UNDO
from bot.errors import BotError, UserError
from bot.wording import counted
from handlers.blockkit.values import AskPlace, OfDigest, OfRun, of_action
from handlers.digests import decisions, forms, shown
from handlers.digests.announcements import Announcements
from handlers.digests.shown import DIGEST_COMMAND
from handlers.replies import TimelyAck, mistake, place_of, whisper

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import Ack, App, Respond
    from slack_sdk import WebClient

    from bot.digests.digest import Digest
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

DIGEST_DESCRIPTION: Final = "Have a channel told every day what is new, still open, resolved"
DIGEST_USAGE: Final = "daily 09:00 weekdays #on-call service=s3 mention=@oncall"
"""What Slack shows while the command is typed, as manifest.yml has it."""


def register(app: App, context: Context) -> None:
    """Answer the command, its forms, and the buttons of digests."""
    commands = _Commands(context)
    app.command(DIGEST_COMMAND)(commands.typed)
    app.action("edit_digest")(commands.edit_pressed)
    app.action("daily")(commands.daily_pressed)
    app.action("tell_now")(commands.now_pressed)
    app.action("remove_digest")(commands.remove_pressed)
    app.action("undo_removal")(commands.undo_pressed)
    forms.register(app, context)
    decisions.register(app, context)


class _Commands:
    """What is typed and pressed about digests, and how Slack says what became of it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._digests = context.digests
        self._announcements = Announcements(context)

    # --- the command

    def typed(self, ack: Ack, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        """Answer what was typed: at once with words, or in the channel once it is done."""
        with TimelyAck(ack, respond) as acknowledgement:
            try:
                self._answer(acknowledgement, body, client, respond)
            except BotError as error:
                acknowledgement.say(mistake(error))

    def _answer(
        self, acknowledgement: TimelyAck, body: dict[str, Any], client: WebClient, respond: Respond
    ) -> None:
        text = self._context.order(body.get("text", "")).strip()
        user, channel = body["user_id"], body["channel_id"]
        word, _, rest = text.partition(" ")
        word = word.lower()
        answers: dict[str, Callable[[], list[Block]]] = {
            "help": shown.help_,  # tells nothing that the manual does not
            "list": lambda: shown.listed(self._context, user, channel),
            "show": lambda: shown.digest(self._context, self._find(rest, user, channel)),
            "remove": lambda: shown.removal(self._context, self._find_to_change(rest, user, channel)),
            "delete": lambda: shown.removal(self._context, self._find_to_change(rest, user, channel)),
        }
        changes: dict[str, Callable[[Digest], str]] = {
            "pause": self._pause,
            "resume": self._resume,
            "now": lambda digest: self._now(digest, user, body["trigger_id"]),
        }
        self._context.questions.limits.check_length(text)
        if not text or word == "edit":
            self._context.admit_to_form(user)
            digest = self._find_to_change(rest, user, channel) if text else None
            if digest is None:
                self._digests.admit_order(user, channel)
            acknowledgement.say(None)
            view = forms.order(self._context, digest, channel, user)
            client.views_open(trigger_id=body["trigger_id"], view=view)
        elif word in answers:
            acknowledgement.say(answers[word]())
        elif word in changes:
            self._context.access.admit(user, channel)
            find = self._find if word == "now" else self._find_to_change
            digest = find(rest, user, channel)
            what = changes[word](digest)
            acknowledgement.say(None)
            self._announcements.changed(client, digest, user, what, respond, here=channel)
        else:
            zone = self._context.directory.zone_of(user)
            digest = self._digests.order(text, user=user, channel=channel, zone=zone)
            acknowledgement.say(None)
            self._announcements.ordered(client, digest, respond, here=channel)

    def _find(self, number: str, user: str, channel: str) -> Digest:
        return shown.find(self._context, number, user, channel)

    def _find_to_change(self, number: str, user: str, channel: str) -> Digest:
        return shown.find_to_change(self._context, number, user, channel)

    # --- changes, in words that go on after a name

    def _pause(self, digest: Digest) -> str:
        self._digests.pause(digest)
        return f"paused digest {digest.id}. `{DIGEST_COMMAND} resume {digest.id}` goes on."

    def _resume(self, digest: Digest) -> str:
        self._digests.resume(digest)
        return f"resumed digest {digest.id}: {self._digests.words(digest)}."

    def _now(self, digest: Digest, user: str, trigger: str) -> str:
        self._digests.preview(digest, user=user, key=f"preview/{digest.id}/{trigger}")
        return f"asked for a preview of digest {digest.id}: the last 24 hours."

    # --- buttons

    def edit_pressed(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Open the form of a digest."""
        ack()
        user, there = body["user"]["id"], AskPlace(place_of(body).channel)
        try:
            self._context.admit_to_form(user)
            digest = self._find_to_change(str(of_action(OfDigest, action).digest), user, there.channel)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        view = forms.order(self._context, digest, there.channel, user)
        client.views_open(trigger_id=body["trigger_id"], view=view)

    def daily_pressed(
        self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient
    ) -> None:
        """Open the form for a new digest that asks what a run asked."""
        ack()
        user, there = body["user"]["id"], AskPlace(place_of(body).channel)
        try:
            self._context.admit_to_form(user)
            run = self._context.questions.seen_by(user, of_action(OfRun, action).run, here=there.channel)
            if run is None:
                raise UserError("That run is no longer kept.")
            words = self._digests.words_of(run)
            self._digests.admit_order(user, there.channel)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        view = forms.order(self._context, None, there.channel, user, question=words)
        client.views_open(trigger_id=body["trigger_id"], view=view)

    def remove_pressed(
        self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient
    ) -> None:
        """Remove a digest, and say in its channel how that is undone."""
        ack()
        user, there = body["user"]["id"], AskPlace(place_of(body).channel)
        try:
            digest = self._find_to_change(str(of_action(OfDigest, action).digest), user, there.channel)
            self._digests.remove(digest)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        minutes = counted(UNDO // timedelta(minutes=1), "minute")
        words = self._digests.words(digest)
        what = f"removed digest {digest.id}, {words}. For {minutes} it can be brought back."
        self._announcements.changed(client, digest, user, what, None, shown.undo(digest), here=there.channel)

    def undo_pressed(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Bring a removed digest back."""
        ack()
        user, there = body["user"]["id"], AskPlace(place_of(body).channel)
        try:
            number = of_action(OfDigest, action).digest
            digest = self._digests.bring_back(number, user=user, channel=there.channel)
        except BotError as error:
            whisper(client, user, error, there=there)
            return
        what = f"brought digest {digest.id} back: {self._digests.words(digest)}."
        self._announcements.changed(client, digest, user, what, here=there.channel)

    def now_pressed(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Have a preview of a digest told at once."""
        user, there = body["user"]["id"], AskPlace(place_of(body).channel)
        try:
            digest = self._find(str(of_action(OfDigest, action).digest), user, there.channel)
            self._now(digest, user, body["trigger_id"])
        except BotError as error:
            ack()
            whisper(client, user, error, there=there)
        else:
            ack()
