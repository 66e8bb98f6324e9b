"""/tls-audit, and the same words where slash commands cannot go: mentions and direct messages."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from bot.answers.belief import Belief
from bot.app.access import NotAllowed
from bot.app.limits import TooMuch
from bot.app.reuse import NeedsConfirmation
from bot.errors import BotError, StoreDown, Unsure, UserError
from bot.question.filters import FILTERS
from bot.question.tokens import shown
from bot.wording import counted
from handlers.blockkit import blocks
from handlers.blockkit.values import AskPlace, OfRun, Reading, Words
from handlers.context import as_typed
from handlers.questions import form
from handlers.replies import TimelyAck, mistake, plain, whisper

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import Ack, App, Respond
    from slack_sdk import WebClient

    from bot.store.run import Run
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

log = logging.getLogger(__name__)

COMMAND: Final = "/tls-audit"
DIGESTS: Final = "Digests have a command of their own: `/tls-digest help` says how."

DESCRIPTION: Final = "Ask which clients still call AWS with old TLS"
USAGE: Final = "last 7d service=s3"
"""What Slack shows while the command is typed, as manifest.yml has it."""

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

SPOKEN_SUBTYPES: Final = frozenset({None, "file_share", "thread_broadcast", "me_message"})
"""The subtypes of what people say themselves (docs: message events)."""

SYSTEM: Final = frozenset({"USLACKBOT", "USLACK"})
"""Slack's own senders: reminders come from them."""
READINGS: Final = ("reading_1", "reading_2")
"""The buttons of a question that can be meant in two ways: no two of a message may have one id."""

BUTTON_CHARS: Final = 75
"""Characters of a button's label (docs: button element)."""

STATES: Final = {"done": "", "failed": "⚠️", "cancelled": "⚠️"}


def register(app: App, context: Context) -> None:
    """Answer the command, mentions of the app, and messages to it."""

    def command(ack: Ack, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        text = as_typed(body.get("text", "")).strip()
        user, channel = body["user_id"], body["channel_id"]
        if not text:
            ack()
            try:
                view = form.first(context, {}, user=user, place=AskPlace(channel))
            except BotError as error:
                whisper(client, user, mistake(error), respond=respond)
                return
            client.views_open(trigger_id=body["trigger_id"], view=view)
            return
        with TimelyAck(ack, respond) as acknowledgement:
            try:
                answer = _answer(context, text, user, channel)
                if answer is None:
                    run = context.ask(text, user=user, channel=channel, key=body["trigger_id"])
                    context.replies.keep(run.id, respond)
                    if context.questions.is_private(run):
                        answer = plain("The answer comes to your messages with me.")
            except BotError as error:
                answer = refused(context, error, text, user)
            acknowledgement.say(answer)

    def mentioned(
        body: dict[str, Any], event: dict[str, Any], client: WebClient, next_: Callable[[], None]
    ) -> None:
        if _is_a_persons(event):
            _asked_in_words(context, client, body, event)
        next_()

    def messaged(
        body: dict[str, Any], event: dict[str, Any], client: WebClient, next_: Callable[[], None]
    ) -> None:
        # edits, and what else only says that a message changed, ask nothing: what they hold is not what its
        # author sends now
        if (
            event.get("channel_type") == "im"
            and event.get("subtype") in SPOKEN_SUBTYPES
            and _is_a_persons(event)
        ):
            _asked_in_words(context, client, body, event)
        next_()

    # Bolt acknowledges an event before its listener runs, and after the listener's middleware: what is
    # promised there is promised before, and an event that could not be taken comes again
    app.command(COMMAND)(command)
    app.event("app_mention", middleware=[mentioned])(_done)
    app.event("message", middleware=[messaged])(_done)


def _done() -> None:
    """Nothing is left to do."""


def _is_a_persons(event: dict[str, Any]) -> bool:
    """Whether a person says it. Apps, workflows and reminders are not answered: two bots that answer each
    other would never end, and nobody reads what a workflow is told alone."""
    apps = [event.get(name) for name in ("bot_id", "bot_profile", "app_id")]
    if event.get("user") and event["user"] not in SYSTEM and not any(apps):
        return True
    who = event.get("bot_id") or event.get("user") or "nobody"
    log.info("ignored, since no person says it: %s by %s in %s", event["type"], who, event.get("channel"))
    return False


def _asked_in_words(context: Context, client: WebClient, body: dict[str, Any], event: dict[str, Any]) -> None:
    user, channel, key = event["user"], event["channel"], body["event_id"]
    thread = event.get("thread_ts") or event["ts"]
    text = _said_to_us(body, event.get("text") or "")
    text = re.sub(r"^/?tls-audit\s+", "", text)
    try:
        if not text and event.get("files"):
            context.access.admit_person(user)
            raise UserError("I read words, and no files.", f"`{COMMAND} help` says how to ask.")
        answer = _answer(context, text or "help", user, channel)
        if answer is None:
            context.ask(text, user=user, channel=channel, key=key, reply_to=thread)
            return
    except StoreDown:
        raise  # it is not acknowledged, and comes again
    except BotError as error:
        answer = refused(context, error, text, user, reply_to=thread)
    if context.questions.is_known(key):
        return
    whisper(client, user, answer, there=AskPlace(channel, event.get("thread_ts")))
    # said first: said twice does no harm, not said at all does
    context.questions.know(key)


def _said_to_us(body: dict[str, Any], text: str) -> str:
    """What was said, without our name, wherever that stands."""
    for us in {each["user_id"] for each in body.get("authorizations", ()) if each.get("is_bot")}:
        around = re.split(rf"<@{re.escape(us)}(?:\|[^<>]*)?>[,:]?", text)
        text = " ".join(part.strip() for part in around)
    # where Slack does not say who we are, we are whom it begins with
    return as_typed(re.sub(r"^<@[^<>]+>[,:]?", "", text.strip())).strip()


def _answer(context: Context, text: str, user: str, channel: str) -> list[Block] | None:
    """What the words other than questions get; None for a question. BotError."""
    word, _, rest = text.partition(" ")
    answers: dict[str, Callable[[], list[Block]]] = {
        "help": lambda: [*help_(), *plain(context.access.words(user, channel))],
        "views": lambda: _views(context),
        "runs": lambda: runs(context, user),
        "cancel": lambda: _cancel(context, user, rest.strip()),
        **dict.fromkeys(("digest", "digests"), lambda: plain(DIGESTS)),
    }
    answer = answers.get(word.lower())
    if answer is None:
        return None
    if word.lower() != "help":
        context.access.admit_person(user)
    return answer()


def help_() -> list[Block]:
    """How to ask, by examples."""
    lines = [
        blocks.paragraph(blocks.text(f"{COMMAND} {example}", code=True), blocks.text(f"  {what}"))
        for example, what in EXAMPLES
    ]
    words = (
        f"Words: {' '.join(FILTERS)}, each with = or !=, "
        "several values with commas, * for any characters; min=1.3, cipher=weak, kx=classical, sdk=eol; "
        "owner= a team; by= a view; top=20."
    )
    return [
        blocks.paragraph(blocks.text("Ask which clients still call AWS with old TLS.", bold=True)),
        *lines,
        blocks.paragraph(blocks.text(words)),
        blocks.paragraph(
            blocks.text(f"{COMMAND}", code=True),
            blocks.text(
                " alone opens a form; also: views, runs, cancel ID. In a thread, mention me instead."
            ),
        ),
        *plain(DIGESTS),
    ]


def _views(context: Context) -> list[Block]:
    return [
        blocks.paragraph(blocks.text(view.name, code=True), blocks.text(f"  {view.title}. {view.about}"))
        for view in context.questions.views.values()
    ]


def runs(context: Context, user: str) -> list[Block]:
    """The asker's own runs, latest first, each to be asked again."""
    questions = context.questions
    month = questions.month()
    history = questions.history(user)
    if not history:
        return [blocks.paragraph(blocks.text(f"You have asked nothing yet. Try {COMMAND} last 7d"))]
    sums = [blocks.paragraph(blocks.text(month))] if month else []
    return [*sums, *(block for run in history for block in _listed(run, questions.cost(run)))]


def _listed(run: Run, cost: str) -> list[Block]:
    count = "" if run.rows is None else f" · {counted(run.rows, 'row')}"
    belief = None if run.belief is None or run.state != "done" else Belief(run.belief)
    sign = STATES.get(run.state, "⏳") if belief is None else belief.sign
    word = run.state if belief in {None, Belief.SHOWN} else belief
    paragraph = blocks.paragraph(
        *([blocks.text(f"{sign} ")] if sign else []),
        blocks.text(blocks.cut(run.typed or run.text, TYPED_SHOWN)),
        blocks.text(" · "),
        blocks.moment(run.created),
        blocks.text(f" · {word}{count}{f' · {cost}' if cost else ''} · "),
        blocks.text(f"run {run.id}", code=True),
    )
    return [paragraph, blocks.actions(blocks.button("Rerun", "rerun", OfRun(run.id)))]


def _cancel(context: Context, user: str, typed_id: str) -> list[Block]:
    if not typed_id:
        return plain(f"Say which: `{COMMAND} cancel ID`. `{COMMAND} runs` lists yours.")
    run_id = typed_id.removeprefix("run ").strip("`")
    try:
        run = context.questions.run_of(run_id, user, "cancel a run")
    except NotAllowed:
        run = None
    if run is None:
        words = [blocks.text("No run "), blocks.text(shown(typed_id), code=True), blocks.text(" of yours. ")]
        return [blocks.paragraph(*words, *blocks.prose(f"`{COMMAND} runs` lists them."))]
    if context.questions.cancel(run.id) is None:
        return [blocks.paragraph(blocks.text(f"Run {run.id} has ended already."))]
    return [blocks.paragraph(blocks.text(f"Run {run.id} is being cancelled."))]


def refused(
    context: Context,
    error: BotError,
    text: str,
    user: str,
    *,
    reply_to: str | None = None,
    fresh: bool = False,
    channel: str = "",
) -> list[Block]:
    """What is wrong with a question, and a way to mend it. Only the asker sees it.

    What is only dear can be confirmed: it then goes on to be asked in the thread `reply_to`, or in `channel`,
    where it is told elsewhere, and `fresh`.
    """
    if isinstance(error, NeedsConfirmation):
        run_it = form.run_it(context, text, user, reply_to=reply_to, fresh=fresh, channel=channel)
        return refusal(error, text, run_it)
    readings = error.readings if isinstance(error, Unsure) else ()
    each = zip(READINGS, (Reading(reading, reply_to) for reading in readings), strict=False)
    meant = [
        blocks.button(blocks.cut(reading.text, BUTTON_CHARS), action, reading)
        for action, reading in each
        if blocks.fits(reading)
    ]
    return refusal(error, text, *meant)


def refusal(error: BotError, text: str, *buttons: Block) -> list[Block]:
    """What is wrong, what would be right, and `buttons` that go on from there; Edit where words mend it."""
    made = mistake(error)
    if isinstance(error, (NotAllowed, TooMuch)):
        return made
    if blocks.fits(Words(text)):
        buttons = (*buttons, blocks.button("Edit", "edit_text", Words(text)))
    return [*made, blocks.actions(*buttons)] if buttons else made
