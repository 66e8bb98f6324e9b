"""/tls-audit, and the same words where slash commands cannot go: mentions and direct messages."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from bot.app.reuse import NeedsConfirmation
from bot.errors import BotError, StoreDown, UserError
from bot.question.filters import FILTERS
from bot.question.tokens import shown
from bot.wording import counted
from handlers.blockkit import blocks
from handlers.context import typed
from handlers.questions import form
from handlers.questions.form import Place
from handlers.replies import TimelyAck

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import Ack, App, Respond
    from slack_sdk import WebClient

    from bot.store.runs import Run
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

log = logging.getLogger(__name__)

COMMAND: Final = "/tls-audit"

DESCRIPTION: Final = "Ask which clients still call AWS with old TLS"
USAGE: Final = "last 7d service=s3"
"""What Slack shows while the command is typed, as manifest.yml has it."""

RUNS_SHOWN: Final = 10
"""Runs in a list: more are history, not something to go on from."""

TYPED_SHOWN: Final = 250
"""Characters of a question in a list of runs: ten in full could be more than a message may hold."""

EXAMPLES: Final = (
    ("last 7d", "calls over TLS older than 1.2, by service"),
    ("last 7d service=s3", "who calls S3 with it, in full"),
    ("yesterday min=1.3 by=clients", "which clients are not on TLS 1.3 yet"),
    ("last 30d by=principals cipher=weak", "who also uses weak cipher suites"),
    ("2026-11-01..2026-11-08 versions", "every TLS version's share, whatever the policy"),
    ("private today agent=boto", "answered only to you"),
)

STATES: Final = {"done": "✅", "failed": "⚠️", "cancelled": "⚠️"}


def register(app: App, desk: Context) -> None:
    """Answer the command, mentions of the app, and messages to it."""

    def command(ack: Ack, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        text = typed(body.get("text", "")).strip()
        user, channel = body["user_id"], body["channel_id"]
        if not text:
            ack()
            made = form.view(desk, {}, user=user, place=Place(channel))
            client.views_open(trigger_id=body["trigger_id"], view=made)
            return
        with TimelyAck(ack, respond) as prompt:
            try:
                answer = _answer(desk, text, user, channel)
                if answer is None:
                    run = desk.submit(text, user=user, channel=channel, key=body["trigger_id"])
                    if desk.runner.question(run).private:
                        answer = [blocks.paragraph(blocks.said("The answer comes to your messages with me."))]
            except (UserError, StoreDown) as error:
                answer = mistake(error, text)
            prompt.say(answer)

    def mentioned(
        body: dict[str, Any], event: dict[str, Any], client: WebClient, next_: Callable[[], None]
    ) -> None:
        text = typed(re.sub(r"^\s*<@[^>]+>", "", event["text"])).strip()
        _asked_in_words(desk, client, body["event_id"], event, text)
        next_()

    def messaged(
        body: dict[str, Any], event: dict[str, Any], client: WebClient, next_: Callable[[], None]
    ) -> None:
        if event.get("channel_type") == "im" and "subtype" not in event and "bot_id" not in event:
            _asked_in_words(desk, client, body["event_id"], event, typed(event["text"]).strip())
        next_()

    # Bolt acknowledges an event before its listener runs, and after the listener's middleware: what is
    # promised there is promised before, and an event that could not be taken comes again
    app.command(COMMAND)(command)
    app.event("app_mention", middleware=[mentioned])(_done)
    app.event("message", middleware=[messaged])(_done)


def _done() -> None:
    """Nothing is left to do."""


def _asked_in_words(desk: Context, client: WebClient, key: str, event: dict[str, Any], text: str) -> None:
    user, channel = event["user"], event["channel"]
    thread = event.get("thread_ts") or event["ts"]
    text = re.sub(r"^/?tls-audit\s+", "", text)
    try:
        answer = _answer(desk, text or "help", user, channel)
        if answer is None:
            desk.submit(text, user=user, channel=channel, key=key, reply_to=thread)
            return
    except UserError as error:
        answer = mistake(error, text, reply_to=thread)
    runs_, now = desk.runner.runs, desk.runner.now()
    if runs_.is_known(key, now):
        return
    client.chat_postEphemeral(
        channel=channel,
        user=user,
        thread_ts=event.get("thread_ts"),
        blocks=answer,
        text=blocks.words_of(answer),
    )
    # said first: said twice does no harm, not said at all does
    runs_.know(key, now)


def _answer(desk: Context, text: str, user: str, channel: str) -> list[Block] | None:
    """What the words other than questions get; None for a question. UserError."""
    word, _, rest = text.partition(" ")
    answers: dict[str, Callable[[], list[Block]]] = {
        "help": lambda: [*help_(), blocks.paragraph(*blocks.prose(desk.door.words(user, channel)))],
        "views": lambda: _views(desk),
        "runs": lambda: runs(desk, user),
        "cancel": lambda: _cancel(desk, user, rest.strip()),
    }
    answer = answers.get(word.lower())
    return None if answer is None else answer()


def help_() -> list[Block]:
    """How to ask, by examples."""
    lines = [
        blocks.paragraph(blocks.said(f"{COMMAND} {example}", code=True), blocks.said(f"  {what}"))
        for example, what in EXAMPLES
    ]
    words = (
        f"Words: {' '.join(FILTERS)}, each with = or !=, "
        "several values with commas, * for any characters; min=1.3, cipher=weak, kx=classical; "
        "by= a view; top=20."
    )
    return [
        blocks.paragraph(blocks.said("Ask which clients still call AWS with old TLS.", bold=True)),
        *lines,
        blocks.paragraph(blocks.said(words)),
        blocks.paragraph(
            blocks.said(f"{COMMAND}", code=True),
            blocks.said(
                " alone opens a form; also: views, runs, cancel ID. In a thread, mention me instead."
            ),
        ),
    ]


def _views(desk: Context) -> list[Block]:
    return [
        blocks.paragraph(blocks.said(view.name, code=True), blocks.said(f"  {view.title}. {view.about}"))
        for view in desk.runner.views.values()
    ]


def runs(desk: Context, user: str) -> list[Block]:
    """The asker's own runs, latest first, each to be asked again."""
    mine = desk.runner.runs.latest(user, RUNS_SHOWN)
    month = desk.runner.costs.month(desk.runner.runs, desk.runner.now())
    sums = [blocks.paragraph(blocks.said(month))] if month else []
    if not mine:
        return [blocks.paragraph(blocks.said(f"You have asked nothing yet. Try {COMMAND} last 7d"))]
    return [
        *sums,
        *(block for run in mine for block in _listed(run, desk.runner.costs.words(run.engine, run.scanned))),
    ]


def _listed(run: Run, cost: str = "") -> list[Block]:
    count = "" if run.rows is None else f" · {counted(run.rows, 'row')}"
    paragraph = blocks.paragraph(
        blocks.said(f"{STATES.get(run.state, '⏳')} "),
        blocks.said(blocks.cut(run.typed or run.text, TYPED_SHOWN)),
        blocks.said(" · "),
        blocks.moment(run.created),
        blocks.said(f" · {run.state}{count}{f' · {cost}' if cost else ''} · "),
        blocks.said(f"run {run.id}", code=True),
    )
    return [paragraph, blocks.actions(blocks.button("Rerun", "rerun", run.id))]


def _cancel(desk: Context, user: str, run_id: str) -> list[Block]:
    if not run_id:
        return [
            blocks.paragraph(
                *blocks.prose(f"Say which: `{COMMAND} cancel ID`. `{COMMAND} runs` lists yours.")
            )
        ]
    run = desk.run(run_id.removeprefix("run ").strip("`"))
    if run is None or not desk.may_end(user, run.user):
        words = [blocks.said("No run "), blocks.said(shown(run_id), code=True), blocks.said(" of yours. ")]
        words += blocks.prose(f"`{COMMAND} runs` lists them.")
        return [blocks.paragraph(*words)]
    if desk.runner.cancel(run.id) is None:
        return [blocks.paragraph(blocks.said(f"Run {run.id} has ended already."))]
    return [blocks.paragraph(blocks.said(f"Run {run.id} is being cancelled."))]


def mistake(error: BotError, text: str, *, reply_to: str | None = None, anew: bool = False) -> list[Block]:
    """What is wrong with a question, what would be right, and a way to mend it. Only the asker sees it.

    What is only dear can be confirmed: it then goes on to be asked in the thread `reply_to`, and `anew`.
    """
    made = [blocks.paragraph(*blocks.prose(said)) for said in (error.message, error.hint) if said]
    # a longer text would lose its end in the form, and nobody would notice
    if len(text) > blocks.VALUE_CHARS:
        return made
    buttons = [blocks.button("Edit", "edit_text", text or " ")]
    if isinstance(error, NeedsConfirmation):
        buttons.insert(0, blocks.run_it(text, reply_to=reply_to, anew=anew))
    return [*made, blocks.actions(*buttons)]
