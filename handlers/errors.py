"""What Slack refuses, in words: what is wrong, and what to do next."""

from __future__ import annotations

import re
from http.client import HTTPException
from typing import TYPE_CHECKING, Final

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import BotError, ChannelGone, SurfaceDown

if TYPE_CHECKING:
    from collections.abc import Mapping

SLACK_ERRORS: Final = (SlackClientError, OSError, HTTPException)
"""All that a call of Slack's client may raise."""

TROUBLE: Final[Mapping[str, tuple[str, str]]] = {
    "not_in_channel": ("I am not in that channel.", "Type `/invite @TLS Audit` there, then ask again."),
    "channel_not_found": (
        "I cannot see that channel.",
        "If it is private, type `/invite @TLS Audit` there and ask again; or ask with `private`.",
    ),
    "is_archived": ("That channel is archived.", "Ask in another channel, or with `private`."),
    "message_not_found": ("The message I was to answer under is gone.", "Ask again."),
    "thread_not_found": ("The thread I was to answer in is gone.", "Ask again."),
    "expired_trigger_id": ("Slack's three seconds for opening a form were over.", "Press it again."),
    "restricted_action": ("That channel lets only some people post.", "Ask in another channel."),
    "token_revoked": ("Slack has revoked the bot's token.", "Install the app again and set SLACK_BOT_TOKEN."),
    "account_inactive": ("The app was removed from the workspace.", "Install it again."),
    "invalid_auth": ("Slack does not know this token.", "Set SLACK_BOT_TOKEN anew: OAuth & Permissions."),
    "not_authed": ("No token was sent.", "Set SLACK_BOT_TOKEN."),
    "not_allowed_token_type": (
        "That is another kind of token.",
        "SLACK_BOT_TOKEN is the xoxb- one, SLACK_APP_TOKEN the xapp- one.",
    ),
    "file_uploads_disabled": ("This workspace takes no files.", "Its admins can allow uploads."),
    "file_type_not_allowed": ("This workspace takes no CSV files.", "Its admins can allow them."),
    "storage_limit_reached": ("The workspace's storage is full.", "Its admins can free some."),
}
"""Slack's errors in words: what is wrong, and what to do next."""

WORD: Final = re.compile(r"[\w:.-]{1,100}", re.ASCII)
"""What an error of Slack's looks like."""

FAILED: Final = 500
"""From this HTTP status on it is Slack's own failure."""

PASSING: Final = frozenset({"internal_error", "fatal_error", "service_unavailable", "ratelimited", "unknown"})
"""Errors that say nothing of the call: the same one may be taken later."""


def translated(error: Exception) -> BotError:
    """Slack's refusal as an error for people; its own word stays in."""
    if isinstance(error, KeyError):
        return SurfaceDown(f"Slack's answer lacks {error}.", "It is tried again by itself.")
    if not isinstance(error, SlackApiError):
        return SurfaceDown("Slack cannot be reached.", "It is tried again by itself.", detail=str(error))
    code = str(error.response.get("error", "unknown"))
    if code == "missing_scope":
        needed = error.response.get("needed", "")
        return BotError(
            f"The app lacks the scope {needed}.", "Add it in the app's settings, then install it again."
        )
    if not WORD.fullmatch(code):
        # a proxy's page, say: slack_sdk makes an error of what is no JSON
        return SurfaceDown("What answers is not Slack, or not well.", "It is tried again by itself.")
    if code in PASSING or error.response.status_code >= FAILED:
        return SurfaceDown(f"Slack is not well. ({code})", "It is tried again by itself.")
    message, hint = TROUBLE.get(code, ("Slack refused.", "Tell whoever runs the bot."))
    return (ChannelGone if code == "is_archived" else BotError)(f"{message} ({code})", hint)


def code_of(error: Exception) -> str:
    """Slack's word for an error; empty where it gave none."""
    code = str(error.response.get("error", "")) if isinstance(error, SlackApiError) else ""
    return code if WORD.fullmatch(code) else ""


REFUSED_BLOCKS: Final = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_attachments"}
)
"""What Slack says of blocks it does not know or want; `only_one_table_allowed` comes as the last."""
