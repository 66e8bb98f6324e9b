"""App Home: what the app does, how to ask, one's digests and latest runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.errors import BotError
from handlers.blockkit import blocks
from handlers.blockkit.values import Words
from handlers.digests import shown as digests
from handlers.questions import commands
from handlers.replies import mistake

if TYPE_CHECKING:
    from slack_bolt import App
    from slack_sdk import WebClient

    from handlers.blockkit.blocks import Block
    from handlers.context import Context


def register(app: App, context: Context) -> None:
    """Publish the Home tab whenever someone opens it."""

    def opened(event: dict[str, Any], client: WebClient) -> None:
        if event.get("tab") == "home" and event.get("user"):
            # whoever may not ask sees how it would be done, and why they may not
            client.views_publish(user_id=event["user"], view=view(context, event["user"]))

    app.event("app_home_opened")(opened)


def view(context: Context, user: str) -> Block:
    """The Home tab of one person."""
    try:
        context.access.admit_person(user)
    except BotError as error:
        mine = mistake(error)
    else:
        mine = [
            blocks.actions(blocks.button("Ask", "ask", Words(""), style="primary")),
            {"type": "divider"},
            {"type": "header", "text": {"type": "plain_text", "text": "Your digests"}},
            *digests.of_home(context, user),
            {"type": "header", "text": {"type": "plain_text", "text": "Your latest runs"}},
            *commands.runs(context, user),
        ]
    return {
        "type": "home",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "TLS Audit"}},
            *commands.help_(),
            *mine,
        ],
    }
