"""The views.* methods: modals and the Home tab."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.sandbox import limits, rules
from bot.sandbox.chat import with_ids
from bot.sandbox.forms import initial_state
from bot.sandbox.slack import Refused, Slack, Ticket
from bot.sandbox.state import View

if TYPE_CHECKING:
    from bot.sandbox.arguments import Arguments
    from bot.sandbox.shapes import Json


def checked(slack: Slack, view: Any) -> Json:
    """A view's body, with ids. Raises Refused as Slack would."""
    if not view:
        raise Refused("invalid_arguments", words="view is missing.")
    problems = rules.check_view(view, refused=slack.options.refused_blocks)
    if problems:
        raise Refused("invalid_arguments", problems)
    if rules.view_too_large(view):
        raise Refused("view_too_large", words=f"A view holds at most {limits.VIEW_BYTES:,} bytes.")
    return {**view, "blocks": list(with_ids(slack, view["blocks"]))}


def take_trigger(slack: Slack, trigger: str) -> Ticket:
    """What a trigger_id allows, once and for three seconds."""
    ticket = slack.triggers.get(trigger)
    if ticket is None:
        raise Refused("invalid_trigger_id")
    if ticket.used:
        raise Refused("exchanged_trigger_id", words="A trigger_id opens one modal, once.")
    if slack.clock.now() - ticket.issued > limits.TRIGGER_SECONDS:
        raise Refused("expired_trigger_id", words=f"A trigger_id lasts {limits.TRIGGER_SECONDS:g} seconds.")
    slack.triggers[trigger] = replace(ticket, used=True)
    return ticket


def _opened(slack: Slack, body: Json, ticket: Ticket, under: View | None = None) -> View:
    identity = slack.workspace.next_id("V")
    return View(
        identity,
        ticket.user,
        body,
        _hash(slack),
        under.root if under else identity,
        under.id if under else None,
        initial_state(body["blocks"], ticket.channel),
    )


def _hash(slack: Slack) -> str:
    return f"{int(slack.clock.now())}.{slack.workspace.next_id('')}"


def _modal(body: Json, slack: Slack) -> None:
    if body["type"] != "modal":
        raise Refused("invalid_arguments", words="Only a modal can be opened; a Home tab is published.")
    external = body.get("external_id")
    if external and any(view.body.get("external_id") == external for view in slack.workspace.every_view()):
        raise Refused("duplicate_external_id")


def _trigger(arguments: Arguments) -> str:
    return arguments.text("trigger_id") or arguments.need("interactivity_pointer")


def open_view(slack: Slack, arguments: Arguments) -> Json:
    """views.open"""
    trigger, body = _trigger(arguments), checked(slack, arguments.json("view", "invalid_arguments"))
    _modal(body, slack)
    ticket = take_trigger(slack, trigger)
    view = _opened(slack, body, ticket)
    slack.workspace.set_views(ticket.user, [view])
    return {"view": view.json()}


def push(slack: Slack, arguments: Arguments) -> Json:
    """views.push: on top of the modal whose click gave the trigger."""
    trigger, body = _trigger(arguments), checked(slack, arguments.json("view", "invalid_arguments"))
    _modal(body, slack)
    ticket = take_trigger(slack, trigger)
    return {"view": push_on(slack, ticket, body).json()}


def push_on(slack: Slack, ticket: Ticket, body: Json) -> View:
    """Put a modal on top of what the person has open."""
    stack = slack.workspace.views.get(ticket.user, [])
    if not stack:
        raise Refused("not_found", words="There is no modal to push onto.")
    if len(stack) >= limits.VIEW_STACK:
        raise Refused("push_limit_reached", words=f"At most {limits.VIEW_STACK} modals lie on each other.")
    view = _opened(slack, body, ticket, stack[-1])
    slack.workspace.set_views(ticket.user, [*stack, view])
    return view


def update(slack: Slack, arguments: Arguments) -> Json:
    """views.update, by view_id or external_id; `hash` refuses what was changed meanwhile."""
    body = checked(slack, arguments.json("view", "invalid_arguments"))
    identity, external = arguments.text("view_id"), arguments.text("external_id")
    view = next(
        (
            one
            for one in slack.workspace.every_view()
            if (identity and one.id == identity) or (external and one.body.get("external_id") == external)
        ),
        None,
    )
    if view is None:
        raise Refused("not_found")
    if arguments.text("hash") and arguments.text("hash") != view.hash:
        raise Refused("hash_conflict")
    return {"view": replace_view(slack, view, body).json()}


def replace_view(slack: Slack, view: View, body: Json) -> View:
    """Show something else in an open view; what stands in inputs of the same ids stays."""
    state = initial_state(body["blocks"], kept=view.state)
    changed = replace(view, body=body, hash=_hash(slack), state=state)
    if body["type"] == "home":
        slack.workspace.set_home(changed)
    else:
        stack = slack.workspace.views.get(view.user, [])
        slack.workspace.set_views(view.user, [changed if one.id == view.id else one for one in stack])
    return changed


def publish(slack: Slack, arguments: Arguments) -> Json:
    """views.publish: someone's Home tab."""
    user, body = arguments.need("user_id"), checked(slack, arguments.json("view", "invalid_arguments"))
    if body["type"] != "home":
        raise Refused("invalid_arguments", words="Only a Home tab can be published.")
    if user not in slack.workspace.users:
        raise Refused("invalid_arguments", words=f"There is no user {user}.")
    old = slack.workspace.homes.get(user)
    if old is not None and arguments.text("hash") and arguments.text("hash") != old.hash:
        raise Refused("hash_conflict")
    identity = old.id if old else slack.workspace.next_id("V")
    view = View(identity, user, body, _hash(slack), identity, None, initial_state(body["blocks"]))
    slack.workspace.set_home(view)
    return {"view": view.json()}
