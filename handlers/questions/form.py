"""The form behind an empty `/tls-audit` and behind Edit: it builds the same question as words do."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bot.app.reuse import NeedsConfirmation
from bot.errors import BotError, UserError
from bot.question.tokens import quoted
from handlers.blockkit import blocks
from handlers.blockkit.values import AskPlace, Confirmed, decode, encode
from handlers.replies import mistake, whisper

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slack_bolt import Ack, App
    from slack_sdk import WebClient

    from bot.question.question import Question
    from handlers.blockkit.blocks import Block
    from handlers.context import Context

CALLBACK: Final = "ask_form"
CHANGED: Final = "form_changed"

_LEFT_OUT: Final = "–"
"""The choice that leaves a word out of the question."""

_WORDS: Final = ("service", "region", "account")
_FLOORS: Final = ("1.2", "1.3")
_POLICY: Final = {
    "cipher=weak": "Weak cipher suites too",
    "kx=classical": "Classical key exchange too",
    "sdk=eol": "SDKs out of support (alone, unless a version is chosen above)",
}
_PRIVATE: Final = {"private": "Answer only to me"}

Fields = dict[str, str]
"""What each input holds, by block_id; several choices are separated by spaces."""


def register(app: App, context: Context) -> None:
    """Answer the form: every change shows the question in words, and Ask asks it."""

    def changed(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        shown, user = body["view"], body["user"]["id"]
        try:
            context.access.admit_person(user)
            view = modal(context, read(shown), user=user, place=_place(shown))
        except BotError as error:
            whisper(client, user, mistake(error))
            return
        client.views_update(view_id=shown["id"], hash=shown["hash"], view=view)

    def submitted(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        shown, user = body["view"], body["user"]["id"]
        fields, place = read(shown), AskPlace("")
        text = words(fields)
        try:
            place = _place(shown)
            if not place.channel and "private" not in text.split():
                text = f"{text} private"
            context.ask(
                text,
                user=user,
                channel=place.channel,
                key=shown["id"],
                reply_to=place.reply_to,
                # what a form carries is checked as if anyone had written it
                vouched=False,
            )
        except NeedsConfirmation as error:
            ack()
            button = run_it(context, text, user, reply_to=place.reply_to, fresh=False)
            whisper(client, user, [*mistake(error), blocks.actions(button)], there=place)
        except BotError as error:
            ack(response_action="errors", errors={_at_fault(fields, error): error_line(error)})
        else:
            ack()

    app.action(CHANGED)(changed)
    app.view(CALLBACK)(submitted)


def run_it(
    context: Context, text: str, user: str, *, reply_to: str | None, fresh: bool, channel: str = ""
) -> Block:
    """The button that asks exactly `text`, once `user` has confirmed what it costs: in the thread `reply_to`,
    or in `channel`, where that is not where the button stands."""
    asked = int(context.questions.now().timestamp())
    confirmed = Confirmed(text, fresh, reply_to, channel=channel, asked=asked)
    if not blocks.fits(confirmed):
        kept = context.questions.keep_words(text, user)
        confirmed = replace(confirmed, text="", kept=kept)
    return blocks.button("Run it", "run_sure", confirmed, style="primary")


ERROR_CHARS: Final = 150
"""An error under an input is one line; Slack names no limit, and cuts nothing this short."""


def error_line(error: BotError) -> str:
    """An error as it stands under an input."""
    return textwrap.shorten(str(error).replace("`", ""), ERROR_CHARS, placeholder=" …")


def first(context: Context, fields: Fields, *, user: str, place: AskPlace) -> Block:
    """The modal as it opens for who may ask in `place`; where that goes in private only, it says so.

    Whatever is refused whatever they would fill in is refused here: NotAllowed, TooMuch, UserError.
    """
    if place.channel and context.must_be_private(user, place.channel):
        fields = {**fields, "private": "private"}
    context.admit_to_form(user)
    return modal(context, fields, user=user, place=place)


def modal(context: Context, fields: Fields, *, user: str, place: AskPlace) -> Block:
    """The modal with `fields` filled in, and below them the question in words, or why it is none yet.

    UserError where an input cannot hold its field.
    """
    if any(len(value) > blocks.LINE_CHARS for value in fields.values()):
        raise UserError("That question is too long for the form.", "Type it again, or ask for less at once.")
    text = words(fields)
    try:
        now, zone = context.questions.now(), context.directory.zone_of(user)
        question = context.questions.grammar.parse(text, now=now, zone=zone)
        reads_as = f"{question.words()} · {question.window.words(zone, now)}"
    except UserError as error:
        reads_as = str(error)
    floors = [(floor, floor) for floor in _FLOORS]
    views = [(name, each.title) for name, each in context.questions.views.items()]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": encode(place),
        "title": {"type": "plain_text", "text": "Ask TLS Audit"},
        "submit": {"type": "plain_text", "text": "Ask"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [
            _menu("by", "View", views, fields, usual="As usual: by service"),
            _line("window", "Window", "last 7d, yesterday, 2026-11-01..2026-11-08", fields),
            _date("from", "or from", fields),
            _date("until", "until (that day is not in it)", fields),
            _line("service", "Service", "s3, kms", fields),
            _line("region", "Region", "us-east-1, eu-*", fields),
            _line("account", "Account", "111122223333", fields),
            _menu("min", "TLS older than", floors, fields, usual="As usual: 1.2"),
            _checks("policy", "Count as outdated", _POLICY, fields),
            _line("more", "More words", "principal=alice agent!=boto top=20", fields),
            _checks("private", "Answer", _PRIVATE, fields),
            {"type": "divider"},
            blocks.paragraph(*blocks.prose(reads_as)),
            blocks.paragraph(blocks.text(f"/tls-audit {text}".strip(), code=True)),
        ],
    }


def filled(question: Question) -> Fields:
    """The fields of a question that was asked before."""
    fields = {"by": question.view.name, "window": question.window.label or str(question.window)}
    more = []
    for each in question.filters:
        if each.word in _WORDS and not each.negated:
            fields[each.word] = ", ".join(each.values)
        else:
            more.append(str(each))
    policy = question.policy
    if policy is not None:
        if policy.min_tls in _FLOORS:
            fields["min"] = policy.min_tls
        elif policy.min_tls is not None:
            more.append(f"min={policy.min_tls}")
        rest = str(replace(policy, min_tls=None)).split()
        fields["policy"] = " ".join(word for word in rest if word in _POLICY)
        more += [word for word in rest if word not in _POLICY]
    more += [f"{word}={quoted(str(value))}" for word, value in _single(question) if value is not None]
    fields["more"] = " ".join(more)
    fields["private"] = "private" if question.private else ""
    return fields


def _single(question: Question) -> Iterable[tuple[str, object]]:
    return (
        ("top", question.top),
        ("owner", question.owner),
        ("store", question.store),
        ("engine", question.engine),
    )


def words(fields: Mapping[str, str]) -> str:
    """The question that the fields ask."""
    parts = [f"by={fields['by']}"] if fields.get("by") else []
    if fields.get("from") or fields.get("until"):
        since = f"since {fields['from']}" if fields.get("from") else ""
        until = f"until {fields['until']}" if fields.get("until") else ""
        parts.append(f"{since} {until}".strip())
    elif fields.get("window"):
        parts.append(fields["window"])
    parts += [f"{word}={','.join(_values(fields[word]))}" for word in _WORDS if _values(fields.get(word, ""))]
    if fields.get("min"):
        parts.append(f"min={fields['min']}")
    parts += [fields[name] for name in ("policy", "more", "private") if fields.get(name)]
    return " ".join(parts)


def _values(typed: str) -> list[str]:
    """The values of a line, whether commas or spaces are between them."""
    return typed.replace(",", " ").split()


def read(shown: Mapping[str, Any]) -> Fields:
    """What a modal's inputs hold."""
    fields: Fields = {}
    for block_id, inputs in shown["state"]["values"].items():
        for held in inputs.values():
            if "selected_options" in held:
                fields[block_id] = " ".join(option["value"] for option in held["selected_options"] or [])
            else:
                option = held.get("selected_option") or {}
                value = held.get("value") or held.get("selected_date") or option.get("value") or ""
                fields[block_id] = "" if value == _LEFT_OUT else value
    return fields


def _place(shown: Mapping[str, Any]) -> AskPlace:
    return decode(AskPlace, shown["private_metadata"])


def _at_fault(fields: Fields, error: BotError) -> str:
    """The input to which an error belongs: the one it names, or quotes as a whole or a part of; else that
    of more words."""
    named = [name for name in (*_WORDS, "min", "window") if name in error.message and fields.get(name)]
    whole = [name for name, value in fields.items() if value and value in error.message]
    said = re.findall(r"`([^`]+)`", error.message)
    part = [name for name, value in fields.items() if any(each in value for each in said)]
    return next(iter([*named, *whole, *part, "more"]))


def _input(name: str, label: str, element: Block) -> Block:
    made = blocks.field(name, label, {**element, "action_id": CHANGED}, optional=True)
    return {**made, "dispatch_action": True}


def _line(name: str, label: str, example: str, fields: Fields) -> Block:
    on_enter = {"dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]}}
    return _input(name, label, {**blocks.line(example, fields.get(name, "")), **on_enter})


def _date(name: str, label: str, fields: Fields) -> Block:
    element: Block = {"type": "datepicker"}
    if fields.get(name):
        element["initial_date"] = fields[name]
    return _input(name, label, element)


def _menu(name: str, label: str, choices: Iterable[tuple[str, str]], fields: Fields, *, usual: str) -> Block:
    options = [blocks.option(value, text) for value, text in ((_LEFT_OUT, usual), *choices)]
    chosen = next((option for option in options if option["value"] == fields.get(name)), options[0])
    return _input(name, label, {"type": "static_select", "options": options, "initial_option": chosen})


def _checks(name: str, label: str, choices: Mapping[str, str], fields: Fields) -> Block:
    options = [blocks.option(value, text) for value, text in choices.items()]
    chosen = [option for option in options if option["value"] in fields.get(name, "").split()]
    element: Block = {"type": "checkboxes", "options": options}
    if chosen:
        element["initial_options"] = chosen
    return _input(name, label, element)
