"""Buttons and menus under an answer, and in lists of runs."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from slack_sdk.errors import SlackApiError

from bot.answers.drill import WAYS
from bot.app.reuse import NeedsConfirmation
from bot.errors import BotError, UserError
from bot.store.run import SEEN, Receipt
from bot.wording import number
from handlers.blockkit import blocks, drill
from handlers.blockkit.values import (
    AskPlace,
    AsView,
    Confirmed,
    Drill,
    OfRow,
    OfRun,
    Reading,
    Words,
    of_action,
)
from handlers.errors import code_of
from handlers.questions import commands, form
from handlers.replies import place_of, whisper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slack_bolt import Ack, App
    from slack_sdk import WebClient

    from bot.store.run import Run
    from handlers.context import Context

log = logging.getLogger(__name__)

SQL_BLOCKS: Final = 20
"""A modal takes 100 blocks (docs: surfaces/modals); 10,000 characters, Lake's limit, need four."""

CONFIRMED_SECONDS: Final = 3_600
"""How long what a question costs is as good as confirmed: `since monday` reads more every day."""

GONE: Final = "That run is no longer kept."


def register(app: App, context: Context) -> None:
    """Answer every button that `blocks`, `commands` and `home` make."""
    buttons, questions = _Buttons(context), context.questions
    app.action("rerun")(buttons.asks(lambda run: run.typed, fresh=True))
    app.action("view_as")(buttons.view_as)
    app.action("ask_stricter")(buttons.asks(questions.stricter))
    app.action(drill.CHOOSE_ROW)(buttons.row)
    for view in WAYS:
        app.action(f"{drill.CHOOSE_ROW}_{view}")(buttons.drill)
    app.action("share")(buttons.asks(questions.in_public, where_asked=True))
    app.action("run_sure")(buttons.confirmed)
    for action in commands.READINGS:
        app.action(action)(buttons.chosen)
    app.action("cancel")(buttons.cancel)
    app.action("delete")(buttons.delete)
    app.action("show_sql")(buttons.show_sql)
    app.action("edit_run")(buttons.opens(buttons.as_asked))
    app.action("edit_text")(buttons.opens(lambda action, *_: {"more": of_action(Words, action).text}))
    app.action("ask")(buttons.opens(lambda *_: {}))


class _Buttons:
    """What the buttons do."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._questions = context.questions

    # --- asking something like the run

    def asks(
        self, text: Callable[[Run], str], *, fresh: bool = False, where_asked: bool = False
    ) -> Callable[..., None]:
        """A button that asks `text`, of its run: in the thread it stands in, or in the channel of the run."""

        def handle(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
            with _telling(client, body, ack):
                run = self._seen(of_action(OfRun, action).run, body)
                there = AskPlace(run.channel) if where_asked else place_of(body)
                self._ask(ack, body, client, text(run), there, fresh=fresh, vouched=not where_asked)

        return handle

    def view_as(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Ask the same as another view shows it."""
        with _telling(client, body, ack):
            chosen = of_action(AsView, action)
            text = self._questions.as_view(self._seen(chosen.run, body), chosen.view)
            self._ask(ack, body, client, text, place_of(body))

    def row(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Offer who chose a row the ways to look into it."""
        ack()
        with _telling(client, body):
            user, chosen = body["user"]["id"], of_action(OfRow, action)
            self._context.access.admit_person(user)
            run = self._seen(chosen.run, body)
            narrowing = self._questions.row(run, chosen.row)
            there = place_of(body)
            words = self._questions.trail(run, narrowing)
            made = drill.ways(run, chosen.row, narrowing, words, there.reply_to)
            whisper(client, user, made, there=there)

    def drill(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Ask what a view says of a row, in the thread of its answer."""
        with _telling(client, body, ack):
            chosen = of_action(Drill, action)
            run = self._seen(chosen.run, body)
            text = self._questions.drilled(run, self._questions.row(run, chosen.row), chosen.view)
            self._ask(ack, body, client, text, AskPlace(place_of(body).channel, chosen.reply_to))

    def chosen(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Ask what was meant, where it was to be asked."""
        with _telling(client, body, ack):
            asked = of_action(Reading, action)
            there = AskPlace(place_of(body).channel, asked.reply_to)
            self._ask(ack, body, client, asked.text, there)

    def confirmed(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Ask what its asker has confirmed, where it was to be asked."""
        with _telling(client, body, ack):
            asked = of_action(Confirmed, action)
            there = AskPlace(asked.channel or place_of(body).channel, asked.reply_to)
            text = self._questions.kept_words(asked.kept, body["user"]["id"]) if asked.kept else asked.text
            vouched = not asked.channel
            is_new = self._questions.now().timestamp() - asked.asked <= CONFIRMED_SECONDS
            self._ask(ack, body, client, text, there, vouched=vouched, fresh=asked.fresh, confirmed=is_new)

    def _ask(
        self,
        ack: Ack,
        body: dict[str, Any],
        client: WebClient,
        text: str,
        there: AskPlace,
        *,
        vouched: bool = True,
        fresh: bool = False,
        confirmed: bool = False,
    ) -> None:
        """Ask, and acknowledge only then: what was acknowledged is answered, whatever dies."""
        user = body["user"]["id"]
        try:
            self._context.ask(
                text,
                user=user,
                channel=there.channel,
                key=body["trigger_id"],
                reply_to=there.reply_to,
                vouched=vouched,
                fresh=fresh,
                confirmed=confirmed,
            )
        except NeedsConfirmation as error:
            ack()
            refusal = commands.refused(
                self._context,
                error,
                text,
                user,
                reply_to=there.reply_to,
                fresh=fresh,
                channel="" if vouched else there.channel,
            )
            whisper(client, user, refusal, there=place_of(body))
        else:
            ack()

    # --- the form

    def opens(self, fields: Callable[[dict[str, Any], dict[str, Any]], form.Fields]) -> Callable[..., None]:
        """A button that opens the form, with `fields` of the action and the body filled in."""

        def handle(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
            user = body["user"]["id"]
            ack()
            with _telling(client, body):
                self._context.access.admit_person(user)
                view = form.first(self._context, fields(action, body), user=user, place=place_of(body))
                client.views_open(trigger_id=body["trigger_id"], view=view)

        return handle

    def as_asked(self, action: dict[str, Any], body: dict[str, Any]) -> form.Fields:
        """The fields of the run that a button stands under; UserError where it is gone."""
        user = body["user"]["id"]
        run = self._questions.seen_by(user, of_action(OfRun, action).run, here=place_of(body).channel)
        if run is None:
            raise UserError(GONE)
        zone = self._context.directory.zone_of(user)
        return form.filled(self._questions.grammar.parse(run.typed, now=self._questions.now(), zone=zone))

    # --- the rest

    def cancel(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Have the run cancelled."""
        ack()
        with _telling(client, body):
            run_id, user = of_action(OfRun, action).run, body["user"]["id"]
            self._questions.run_of(run_id, user, "cancel a run")
            self._context.access.admit_person(user)
            if self._questions.cancel(run_id, by=user) is None:
                raise UserError("That run has ended already.")

    def delete(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Take the answer away for everyone."""
        ack()
        with _telling(client, body):
            run_id, user = of_action(OfRun, action).run, body["user"]["id"]
            run = self._questions.run_of(run_id, user, "delete an answer")
            self._context.access.admit_person(user)
            if run is None:
                raise UserError(GONE)
            _delete(client, run)

    def show_sql(self, ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Show what the engine was asked."""
        ack()
        with _telling(client, body):
            self._context.admit_to_form(body["user"]["id"])
            run = self._seen(of_action(OfRun, action).run, body)
            if not run.steps:
                raise UserError("That run has not asked anything yet.")
            sql = run.steps[0].statement.shown
            parts = [sql[at : at + blocks.CODE_CHARS] for at in range(0, len(sql), blocks.CODE_CHARS)]
            shown = [blocks.code(part) for part in parts[:SQL_BLOCKS]]
            if (left := len(sql) - SQL_BLOCKS * blocks.CODE_CHARS) > 0:
                rest = f"{number(left)} more characters are not shown; `tls-audit ask --sql` prints them all."
                shown.append(blocks.paragraph(*blocks.prose(rest)))
            view = {
                "type": "modal",
                "title": {"type": "plain_text", "text": f"SQL of run {run.id}"},
                "close": {"type": "plain_text", "text": "Close"},
                "blocks": shown,
            }
            client.views_open(trigger_id=body["trigger_id"], view=view)

    def _seen(self, run_id: str, body: dict[str, Any]) -> Run:
        """The run that a button names, where it is for who pressed it to see: any id may stand in one."""
        run = self._questions.seen_by(body["user"]["id"], run_id, here=place_of(body).channel)
        if run is None:
            raise UserError(GONE)
        return run


@contextmanager
def _telling(
    client: WebClient, body: dict[str, Any], ack: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """What goes wrong is told to who pressed a button, alone, once that is acknowledged by `ack`."""
    try:
        yield
    except BotError as error:
        ack()
        whisper(client, body["user"]["id"], str(error), there=place_of(body))


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
