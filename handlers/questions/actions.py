"""Buttons and menus under an answer, and in lists of runs."""

from __future__ import annotations

import html
import logging
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from slack_sdk.errors import SlackApiError

from bot.app.reuse import NeedsConfirmation
from bot.errors import StoreDown, UserError
from bot.store.run import SEEN, Receipt
from handlers.blockkit import blocks
from handlers.errors import code_of
from handlers.questions import commands, form
from handlers.questions.form import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import Ack, App
    from slack_sdk import WebClient

    from bot.store.run import Run
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

log = logging.getLogger(__name__)

STRICTER: Final = "1.3"
"""The floor to ask for when nothing is below the usual one."""

SQL_BLOCKS: Final = 20
"""A modal takes 100 blocks (docs: surfaces/modals); 10,000 characters, Lake's limit, need four."""

GONE: Final = "That run is no longer kept."


def register(app: App, desk: Context) -> None:
    """Answer every button that `blocks`, `commands` and `home` make."""
    buttons = _Buttons(desk)

    def here(body: dict[str, Any], _: Run) -> Place:
        return _thread_of(body)

    def where_asked(_: dict[str, Any], run: Run) -> Place:
        return Place(run.channel)

    app.action("rerun")(buttons.asks(lambda run, _: run.typed, here, anew=True))
    app.action("view_as")(buttons.asks(buttons.another_view, here))
    app.action("ask_stricter")(buttons.asks(buttons.stricter, here))
    app.action("share")(buttons.asks(buttons.in_public, where_asked))
    app.action("run_sure")(buttons.run_sure)
    app.action("cancel")(buttons.cancel)
    app.action("delete")(buttons.delete)
    app.action("show_sql")(buttons.show_sql)
    app.action("edit_run")(buttons.opens(buttons.as_asked))
    app.action("edit_text")(buttons.opens(lambda action, _: {"more": html.unescape(action["value"]).strip()}))
    app.action("ask")(buttons.opens(lambda *_: {}))


class _Buttons:
    """What the buttons do. A value opens with the id of the run it stands under."""

    def __init__(self, desk: Context) -> None:
        self._desk = desk

    # --- asking something like the run

    def asks(
        self,
        text: Callable[[Run, str], str],
        place: Callable[[dict[str, Any], Run], Place],
        *,
        anew: bool = False,
    ) -> Callable[..., None]:
        """A button that asks `text`, of the run and the rest of the value, at `place`."""

        def handle(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
            try:
                run, choice = self._kept(action)
                there, asked = place(body, run), text(run, choice)
            except (UserError, StoreDown) as error:
                ack()
                _tell(client, body, str(error))
                return
            self._ask(ack, body, client, asked, there, anew=anew)

        return handle

    def run_sure(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Ask what its asker has confirmed, where it was to be asked."""
        how, _, rest = html.unescape(action["value"]).partition(" ")
        reply_to, _, text = rest.partition(" ")
        if how not in {"usual", "anew"}:
            # from before a change of the bot: what it says now may be another, and costs
            ack()
            _tell(client, body, "That button is too old. Ask again.")
            return
        there = Place(_thread_of(body).channel, None if reply_to == "-" else reply_to)
        self._ask(ack, body, client, text, there, anew=how == "anew", sure=True)

    def _ask(
        self,
        ack: Ack,
        body: dict[str, Any],
        client: WebClient,
        text: str,
        there: Place,
        *,
        anew: bool,
        sure: bool = False,
    ) -> None:
        """Ask, and acknowledge only then: what was acknowledged is answered, whatever dies."""
        user = body["user"]["id"]
        try:
            self._desk.submit(
                text,
                user=user,
                channel=there.channel or user,
                key=body["trigger_id"],
                reply_to=there.reply_to,
                anew=anew,
                sure=sure,
            )
        except (UserError, StoreDown) as error:
            ack()
            words = None
            if isinstance(error, NeedsConfirmation):
                words = commands.mistake(error, text, reply_to=there.reply_to, anew=anew)
            _tell(client, body, str(error), words)
        else:
            ack()

    def another_view(self, run: Run, name: str) -> str:
        question, view = (
            self._desk.questions.grammar.question(run),
            self._desk.questions.grammar.views.get(name),
        )
        if view is None:
            raise UserError("That view is no longer there.", "`/tls-audit views` lists them.")
        # which versions are asked for changes what is usual
        versions = " ".join(str(each) for each in question.filters if each.word == "version")
        usual = self._desk.questions.grammar.parse(f"by={name} {versions}", now=run.created, zone=UTC).policy
        policy = (question.policy or usual) if view.has_policy else None
        return str(replace(question, view=view, policy=policy))

    def stricter(self, run: Run, _: str) -> str:
        question = self._desk.questions.grammar.question(run)
        policy = None if question.policy is None else replace(question.policy, min_tls=STRICTER)
        return str(replace(question, policy=policy))

    def in_public(self, run: Run, _: str) -> str:
        return str(replace(self._desk.questions.grammar.question(run), private=False))

    # --- the form

    def opens(self, fields: Callable[[dict[str, Any], str], form.Fields]) -> Callable[..., None]:
        """A button that opens the form, with `fields` of the action and the user filled in."""

        def handle(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
            ack()
            user = body["user"]["id"]
            try:
                made = form.view(self._desk, fields(action, user), user=user, place=_thread_of(body))
            except UserError as error:
                _tell(client, body, str(error))
                return
            client.views_open(trigger_id=body["trigger_id"], view=made)

        return handle

    def as_asked(self, action: dict[str, Any], user: str) -> form.Fields:
        run, _ = self._chosen(action)
        if run is None:
            return {}
        questions = self._desk.questions
        zone = self._desk.zones.of(user)
        return form.filled(questions.grammar.parse(run.typed, now=questions.now(), zone=zone))

    # --- the rest

    def cancel(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        ack()
        run, _ = self._chosen(action)
        if run is not None and not self._desk.may_end(body["user"]["id"], run.user):
            _tell(client, body, "Only who asked, or an admin of the bot, can cancel a run.")
        elif run is None or self._desk.questions.cancel(run.id) is None:
            _tell(client, body, "That run has ended already.")

    def delete(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        ack()
        run, _ = self._chosen(action)
        if run is None:
            _tell(client, body, GONE)
        elif not self._desk.may_end(body["user"]["id"], run.user):
            _tell(client, body, "Only who asked, or an admin of the bot, can delete an answer.")
        else:
            _delete(client, run)

    def show_sql(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        ack()
        run, _ = self._chosen(action)
        if run is None or not run.steps:
            _tell(client, body, GONE if run is None else "That run has not asked anything yet.")
            return
        sql = run.steps[0].statement.sql
        parts = [sql[at : at + blocks.CODE_CHARS] for at in range(0, len(sql), blocks.CODE_CHARS)]
        made = {
            "type": "modal",
            "title": {"type": "plain_text", "text": f"SQL of run {run.id}"},
            "close": {"type": "plain_text", "text": "Close"},
            "blocks": [blocks.code(part) for part in parts[:SQL_BLOCKS]],
        }
        client.views_open(trigger_id=body["trigger_id"], view=made)

    def _chosen(self, action: dict[str, Any]) -> tuple[Run | None, str]:
        """The run that a button or an option names, and the rest of what it says."""
        value = action["selected_option"]["value"] if "selected_option" in action else action["value"]
        run_id, _, rest = value.partition(" ")
        return self._desk.run(run_id), rest

    def _kept(self, action: dict[str, Any]) -> tuple[Run, str]:
        """The same; UserError where the run is gone."""
        run, rest = self._chosen(action)
        if run is None:
            raise UserError(GONE)
        return run, rest


def _thread_of(body: dict[str, Any]) -> Place:
    """The thread that a button stands in; its channel alone, where it stands in none; no channel at Home."""
    channel = body.get("channel", {}).get("id", "")
    container = body.get("container", {})
    if not channel or container.get("is_ephemeral") or container.get("type") != "message":
        return Place(channel)
    return Place(channel, container.get("thread_ts") or container.get("message_ts"))


def _tell(client: WebClient, body: dict[str, Any], words: str, shown: list[Block] | None = None) -> None:
    """Say something to who clicked, alone; at Home there is no place to say it but their messages."""
    there, user = _thread_of(body), body["user"]["id"]
    made, text = shown or [blocks.paragraph(*blocks.prose(words))], blocks.fallback(words)
    if there.channel:
        client.chat_postEphemeral(
            channel=there.channel, user=user, thread_ts=there.reply_to, blocks=made, text=text
        )
    else:
        direct = client.conversations_open(users=[user])["channel"]["id"]
        client.chat_postMessage(channel=direct, blocks=made, text=text)


def _delete(client: WebClient, run: Run) -> None:
    """Take an answer's messages and file away, the parent last, so that nothing is left hanging."""
    home = run.home or run.channel
    posted = [receipt for receipt in run.receipts.values() if receipt.kind in SEEN]
    for receipt in [*posted, Receipt("message", run.thread or "")]:
        try:
            if receipt.kind == "file":
                client.files_delete(file=receipt.ref)
            else:
                client.chat_delete(channel=home, ts=receipt.ref)
        except SlackApiError as error:
            # it may be gone already
            log.info("run %s: %s was not deleted: %s", run.id, receipt.ref, code_of(error))
