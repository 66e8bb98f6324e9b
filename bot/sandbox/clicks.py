"""What people press, choose and fill in: messages' buttons, modals, the Home tab."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.sandbox import forms, views
from bot.sandbox.chat import message_json
from bot.sandbox.people import CHANNEL_NAMES, Then, nothing
from bot.sandbox.slack import Refused, Slack, Ticket
from bot.sandbox.sockets import ACKED, REFUSED, Delivery
from bot.sandbox.state import APP, BOT, DOMAIN, TEAM, Message, View, new_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.sandbox.shapes import Json


class Clicks:
    """Acts for people. Call on the server's loop only."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    def _person(self, user: str) -> Json:
        found = self._slack.workspace.users[user]
        return {"id": user, "username": found.name, "name": found.name, "team_id": found.team}

    def _interaction(self, kind: str, user: str, channel: str = "", view: str = "") -> Json:
        return {
            "type": kind,
            "team": {"id": TEAM, "domain": DOMAIN},
            "user": self._person(user),
            "api_app_id": APP,
            "token": "sandbox",
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self._slack.trigger(user, channel, view),
        }

    def click(
        self,
        user: str,
        message: Message,
        action_id: str,
        given: Any = None,
        *,
        block_id: str | None = None,
        state: Mapping[str, Any] | None = None,
        then: Then = nothing,
    ) -> Delivery:
        """Press a button of a message, or choose in its menu."""
        shown = self._slack.workspace.find(message.channel, message.ts, user)
        if shown is None:
            raise ValueError("that message is gone")
        blocks = [*shown.blocks, *(block for one in shown.attachments for block in one.get("blocks", []))]
        block, element = _element(blocks, action_id, block_id)
        channel = self._slack.workspace.channels[shown.channel]
        ephemeral = shown.only_for is not None
        container: Json = {
            "type": "message",
            "message_ts": shown.ts,
            "channel_id": shown.channel,
            "is_ephemeral": ephemeral,
        }
        if shown.thread_ts:
            container["thread_ts"] = shown.thread_ts
        values = forms.initial_state(blocks, kept=state)
        action = self._action(block, element, given)
        if element["type"] != "button" and element["type"] != "overflow":
            values.setdefault(block["block_id"], {})[element["action_id"]] = forms.entry(element, given)
        payload = {
            **self._interaction("block_actions", user, shown.channel),
            "container": container,
            "channel": {"id": shown.channel, "name": CHANNEL_NAMES.get(channel.kind, channel.name)},
            "state": {"values": values},
            "response_url": self._slack.response_url(
                new_key(), user, shown.channel, shown.ts, None if shown.is_parent else shown.thread_ts
            ),
            "actions": [action],
        }
        if not ephemeral:
            payload["message"] = message_json(self._slack, shown)
        return self._slack.sockets.send("interactive", payload, _explained(then))

    def _action(self, block: Json, element: Json, given: Any) -> Json:
        action = {
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "action_ts": f"{self._slack.clock.now():.6f}",
            **forms.entry(element, given),
        }
        return {**action, "text": element["text"]} if element["type"] == "button" else action

    def click_in_view(
        self,
        user: str,
        view_id: str,
        action_id: str,
        given: Any = None,
        *,
        block_id: str | None = None,
        then: Then = nothing,
    ) -> Delivery:
        """Press or choose in a modal or on the Home tab."""
        view = self._view(user, view_id)
        block, element = _element(view.body["blocks"], action_id, block_id)
        if element["type"] not in ("button", "overflow"):
            view = self._put_in(view, block, element, given)
        payload = {
            **self._interaction("block_actions", user, view=view.id),
            "container": {"type": "view", "view_id": view.id},
            "view": view.json(),
            "actions": [self._action(block, element, given)],
        }
        return self._slack.sockets.send("interactive", payload, _explained(then))

    def _view(self, user: str, view_id: str) -> View:
        for view in self._slack.workspace.every_view():
            if view.id == view_id and view.user == user:
                return view
        raise ValueError("that view is closed")

    def fill(
        self, user: str, view_id: str, action_id: str, given: Any, *, block_id: str | None = None
    ) -> View:
        """Put something into an input, without sending anything."""
        view = self._view(user, view_id)
        block, element = _element(view.body["blocks"], action_id, block_id)
        return self._put_in(view, block, element, given)

    def _put_in(self, view: View, block: Json, element: Json, given: Any) -> View:
        state = {name: dict(inner) for name, inner in view.state.items()}
        state.setdefault(block["block_id"], {})[element["action_id"]] = forms.entry(element, given)
        changed, workspace = replace(view, state=state), self._slack.workspace
        if view.body["type"] == "home":
            workspace.homes[view.user] = changed
        else:
            workspace.views[view.user] = [
                changed if one.id == view.id else one for one in workspace.views[view.user]
            ]
        return changed

    def submit(self, user: str, view_id: str, then: Callable[[Delivery, dict[str, str]], None]) -> Delivery:
        """Send a modal. `then` also gets what is wrong, by block_id: Slack's complaints or the app's."""
        view = self._view(user, view_id)
        wrong = forms.complaints(view.body["blocks"], view.state)
        if wrong:
            delivery = Delivery("interactive", {}, state=REFUSED, words="The form is not complete.")
            then(delivery, wrong)
            return delivery
        payload = {
            **self._interaction("view_submission", user, view=view.id),
            "view": view.json(),
            "response_urls": self._form_urls(user, view),
        }

        def over(delivery: Delivery) -> None:
            errors: dict[str, str] = {}
            if delivery.state == ACKED:
                errors = self._after_submit(view, delivery.answer)
            else:
                delivery.words = "We had some trouble connecting. Try again?"
            then(delivery, errors)

        return self._slack.sockets.send("interactive", payload, over)

    def _form_urls(self, user: str, view: View) -> list[Json]:
        urls = []
        for block, element in forms.elements(view.body["blocks"]):
            if element.get("response_url_enabled"):
                key = forms.KEYS[element["type"]][0]
                channel = view.state[block["block_id"]][element["action_id"]].get(key)
                if channel:
                    url = self._slack.response_url(new_key(), user, channel)
                    urls.append(
                        {
                            "response_url": url,
                            "channel_id": channel,
                            "block_id": block["block_id"],
                            "action_id": element["action_id"],
                        }
                    )
        return urls

    def _after_submit(self, view: View, answer: Json) -> dict[str, str]:
        """What the acknowledgement of a form says to do: nothing is to close it."""
        workspace, action = self._slack.workspace, answer.get("response_action")
        if action == "errors":
            unknown = set(answer.get("errors", {})) - {block["block_id"] for block in view.body["blocks"]}
            for block_id in sorted(unknown):
                self._slack.ledger.breach(
                    "unknown_block_id", "view_submission", f"The form has no {block_id}."
                )
            return dict(answer.get("errors", {}))
        if action == "clear":
            workspace.set_views(view.user, [])
        elif action in ("update", "push"):
            self._show_next(view, action, answer.get("view"))
        else:
            stack = workspace.views.get(view.user, [])
            workspace.set_views(view.user, [one for one in stack if one.id != view.id])
        return {}

    def _show_next(self, view: View, action: str, given: Any) -> None:
        try:
            body = views.checked(self._slack, given)
            if action == "update":
                views.replace_view(self._slack, view, body)
            else:
                views.push_on(self._slack, Ticket(view.user, self._slack.clock.now()), body)
        except Refused as refused:
            words = "; ".join(map(str, refused.problems)) or refused.words or refused.error
            self._slack.ledger.breach(refused.error, f"response_action {action}", words)

    def close(self, user: str, view_id: str) -> None:
        """Close a modal, the ones on top of it too; or all of them where it says clear_on_close."""
        view, workspace = self._view(user, view_id), self._slack.workspace
        stack = workspace.views.get(user, [])
        left = [] if view.body.get("clear_on_close") else stack[: stack.index(view)]
        workspace.set_views(user, left)
        for one in reversed(stack[len(left) :]):
            if one.body.get("notify_on_close"):
                payload = {
                    **self._interaction("view_closed", user),
                    "view": one.json(),
                    "is_cleared": not left,
                }
                self._slack.sockets.send("interactive", payload, nothing)

    def open_home(self, user: str, tab: str = "home") -> None:
        """Look at the app's Home tab."""
        event: Json = {"type": "app_home_opened", "user": user, "tab": tab}
        event["channel"] = self._slack.workspace.direct(BOT, user).id
        if user in self._slack.workspace.homes and tab == "home":
            event["view"] = self._slack.workspace.homes[user].json()
        self._slack.emit(event)


def _element(blocks: list[Json], action_id: str, block_id: str | None) -> tuple[Json, Json]:
    known = []
    for block, element in forms.elements(blocks):
        known.append(element["action_id"])
        if element["action_id"] == action_id and block_id in (None, block["block_id"]):
            return block, element
    raise ValueError(
        f"there is nothing called {action_id!r} to act on; there are: {', '.join(known) or 'none'}"
    )


def _explained(then: Then) -> Then:
    def over(delivery: Delivery) -> None:
        if delivery.state != ACKED:
            delivery.words = "This app did not answer in time. Try again."
        then(delivery)

    return over
