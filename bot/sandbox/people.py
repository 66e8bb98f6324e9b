"""What people type: messages and commands, and what comes back through response_urls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.sandbox import chat, limits, mentions
from bot.sandbox.arguments import Arguments
from bot.sandbox.chat import Content, alerted, whisper
from bot.sandbox.slack import Refused, Slack
from bot.sandbox.sockets import ACKED, REFUSED, UNDELIVERABLE, Delivery
from bot.sandbox.state import APP, BOT, DOMAIN, SLACKBOT, TEAM, Channel, Message, new_key

if TYPE_CHECKING:
    from bot.sandbox.shapes import Json

Then = Callable[[Delivery], None]
CHANNEL_NAMES = {"im": "directmessage", "private": "privategroup"}


def nothing(_delivery: Delivery) -> None:
    """Nobody waits for this one."""


class People:
    """Acts for people. Call on the server's loop only."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    # Words

    def say(
        self, user: str, channel_id: str, text: str, thread: str | None = None, *, raw: bool = False
    ) -> Message:
        """Post what a person typed; `raw` text is already in Slack's own notation."""
        workspace = self._slack.workspace
        channel = self._place(user, channel_id)
        carried = text if raw else mentions.as_message(text, workspace)
        heard = alerted(self._slack, channel, Content(carried)) - {user}
        message = workspace.put(
            Message(channel.id, workspace.next_ts(), user, carried, thread_ts=thread, notified=heard)
        )
        self._announce(message, channel)
        return message

    def _place(self, user: str, channel_id: str) -> Channel:
        channel = self._slack.workspace.channels[channel_id]
        if user not in channel.members:
            raise ValueError(f"{user} is not in {channel_id}")
        if channel.archived:
            raise ValueError(f"#{channel.name} is archived")
        return channel

    def _announce(self, message: Message, channel: Channel) -> None:
        event: Json = {
            "user": message.user,
            "text": message.text,
            "ts": message.ts,
            "team": self._slack.workspace.users[message.user].team,
            "channel": channel.id,
            "event_ts": message.ts,
        }
        if message.thread_ts:
            event["thread_ts"] = message.thread_ts
        if f"<@{BOT}>" in message.text and channel.kind != "im":
            if BOT not in channel.members:
                words = f"<@{BOT}> is not in this channel. Type `/invite @{self._bot_name}` to add it."
                whisper(self._slack, channel.id, message.user, Content(words), author=SLACKBOT)
            elif "app_mentions:read" in self._slack.options.scopes:
                self._slack.emit({**event, "type": "app_mention"})
        if BOT in channel.members:
            kind = {"public": "channel", "private": "group", "im": "im"}[channel.kind]
            self._slack.emit({**event, "type": "message", "channel_type": kind})

    @property
    def _bot_name(self) -> str:
        return self._slack.workspace.users[BOT].name

    # Commands

    def command(
        self,
        user: str,
        channel_id: str,
        name: str,
        text: str = "",
        thread: str | None = None,
        then: Then = nothing,
    ) -> Delivery:
        """Run a slash command as typed."""
        channel = self._place(user, channel_id)
        if thread:
            return self._refuse(
                user, channel, thread, name, f"{name} is not supported in threads. Sorry!", then
            )
        if name == "/invite":
            return self._invite(user, channel, text, then)
        spec = next((one for one in self._slack.options.commands if one.name == name), None)
        if spec is None:
            return self._refuse(user, channel, None, name, f"{name} is not a valid command.", then)
        trigger = self._slack.trigger(user, channel.id)
        payload = {
            "token": "sandbox",
            "team_id": TEAM,
            "team_domain": DOMAIN,
            "channel_id": channel.id,
            "channel_name": CHANNEL_NAMES.get(channel.kind, channel.name),
            "user_id": user,
            "user_name": self._slack.workspace.users[user].name,
            "command": name,
            "text": mentions.as_command(text, self._slack.workspace) if spec.should_escape else text,
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self._slack.response_url(new_key(), user, channel.id),
            "trigger_id": trigger,
        }

        def over(delivery: Delivery) -> None:
            if delivery.state == ACKED:
                self._inline_reply(user, channel, delivery.answer)
            else:
                error = "dispatch_failed" if delivery.state == UNDELIVERABLE else "operation_timeout"
                delivery.words = f"{name} failed with the error “{error}”"
                whisper(self._slack, channel.id, user, Content(delivery.words), author=SLACKBOT)
            then(delivery)

        return self._slack.sockets.send("slash_commands", payload, over)

    def _refuse(
        self, user: str, channel: Channel, thread: str | None, name: str, words: str, then: Then
    ) -> Delivery:
        whisper(self._slack, channel.id, user, Content(words), thread=thread, author=SLACKBOT)
        delivery = Delivery("slash_commands", {"command": name}, state=REFUSED, words=words)
        then(delivery)
        return delivery

    def _invite(self, user: str, channel: Channel, text: str, then: Then) -> Delivery:
        name = text.strip().removeprefix("@")
        found = next((one for one in self._slack.workspace.users.values() if one.name == name), None)
        if found is None or channel.kind == "im":
            return self._refuse(
                user, channel, None, "/invite", f"There is nobody to invite called “{name}”.", then
            )
        self.invite(user, channel.id, found.id)
        delivery = Delivery("slash_commands", {"command": "/invite"}, state=ACKED)
        then(delivery)
        return delivery

    def invite(self, user: str, channel_id: str, guest: str) -> Channel:
        """Add someone, or the app, to a channel."""
        workspace = self._slack.workspace
        channel = workspace.join(channel_id, guest)
        text = f"was added to #{channel.name} by <@{user}>."
        workspace.put(Message(channel.id, workspace.next_ts(), guest, text, subtype="channel_join"))
        self._slack.emit(
            {
                "type": "member_joined_channel",
                "user": guest,
                "channel": channel.id,
                "inviter": user,
                "team": TEAM,
            }
        )
        return channel

    def _inline_reply(self, user: str, channel: Channel, answer: Json) -> None:
        """What an acknowledgement carried is a reply."""
        if not (answer.get("text") or answer.get("blocks")):
            return
        try:
            said = chat.content(self._slack, Arguments(answer))
        except Refused as refused:
            problems = "; ".join(map(str, refused.problems)) or refused.words
            self._slack.ledger.breach(refused.error, "acknowledgement", problems)
            return
        self._reply(user, channel.id, said, None, public=answer.get("response_type") == "in_channel")

    def _reply(self, user: str, channel: str, content: Content, thread: str | None, *, public: bool) -> None:
        if not public:
            whisper(self._slack, channel, user, content, thread=thread)
            return
        workspace = self._slack.workspace
        heard = alerted(self._slack, workspace.channels[channel], content)
        workspace.put(
            Message(
                channel,
                workspace.next_ts(),
                BOT,
                content.text,
                content.blocks,
                content.attachments,
                thread,
                notified=heard,
            )
        )

    def take_reply(self, key: str, body: Any) -> None:
        """A post to a response_url: five of them, for thirty minutes. Raises Refused."""
        reply = self._slack.replies.get(key)
        if reply is None or not isinstance(body, dict):
            raise Refused("invalid_url" if reply is None else "invalid_payload")
        if self._slack.clock.now() - reply.issued > limits.RESPONSE_URL_SECONDS:
            raise Refused("expired_url", words="A response_url lasts 30 minutes.")
        if reply.posts >= limits.RESPONSE_URL_POSTS:
            raise Refused("used_url", words=f"A response_url takes {limits.RESPONSE_URL_POSTS} posts.")
        given = Arguments(body)
        source = self._slack.workspace.find(reply.channel, reply.ts, reply.user) if reply.ts else None
        if given.flag("delete_original") and source is not None:
            self._slack.workspace.remove(source)
        else:
            said = chat.content(self._slack, given)
            if given.flag("replace_original") and source is not None:
                edited = None if source.only_for else f"{self._slack.clock.now():.6f}"
                self._slack.workspace.put(
                    replace(
                        source,
                        text=said.text,
                        blocks=said.blocks,
                        attachments=said.attachments,
                        edited=edited,
                    )
                )
            else:
                thread = given.text("thread_ts") or reply.thread_ts
                public = given.text("response_type") == "in_channel"
                self._reply(reply.user, reply.channel, said, thread, public=public)
        reply.posts += 1
