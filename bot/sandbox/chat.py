"""The chat.* methods: what an app says, changes and takes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.sandbox import limits, rules
from bot.sandbox.mentions import notified
from bot.sandbox.shapes import Json, Problem
from bot.sandbox.slack import Limited, Refused, Slack
from bot.sandbox.state import APP, BOT, BOT_ID, TEAM, Channel, Message

if TYPE_CHECKING:
    from bot.sandbox.arguments import Arguments

SCHEDULE_DAYS = 120  # docs: chat.scheduleMessage, time_too_far
TOMBSTONE = "This message was deleted."


@dataclass(frozen=True)
class Content:
    """What a message says, checked."""

    text: str
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()


def content(slack: Slack, arguments: Arguments, *, may_be_empty: bool = False) -> Content:
    """The text, blocks and attachments of a call, with block ids. Raises Refused as Slack would."""
    text = arguments.text("text")
    blocks = arguments.json("blocks", "invalid_blocks_format") or []
    attachments = arguments.json("attachments", "invalid_attachments") or []
    markdown = arguments.text("markdown_text")
    if markdown:
        if text or blocks:
            raise Refused("markdown_text_conflict", words="markdown_text goes with neither text nor blocks.")
        if len(markdown) > limits.MARKDOWN_TEXT:
            raise Refused(
                "msg_too_long", words=f"markdown_text holds more than {limits.MARKDOWN_TEXT:,} characters."
            )
        blocks = [{"type": "markdown", "text": markdown}]
    if not (text or blocks or attachments or may_be_empty):
        raise Refused("no_text")
    if len(text) > limits.MESSAGE_TEXT:
        words = f"The text had {len(text):,} characters; Slack cuts it at {limits.MESSAGE_TEXT:,}."
        slack.ledger.breach("text_cut", "text", words, "/text")
        text = text[: limits.MESSAGE_TEXT]
    refuse_bad_blocks(slack, blocks, attachments)
    return Content(text, with_ids(slack, blocks), tuple(_with_inner_ids(slack, one) for one in attachments))


def refuse_bad_blocks(slack: Slack, blocks: Any, attachments: Any) -> None:
    """Raises Refused for what Slack refuses in blocks, those of attachments included."""
    refused = slack.options.refused_blocks
    problems = rules.check_blocks(blocks, refused=refused)
    if not isinstance(attachments, list) or len(attachments) > limits.ATTACHMENTS:
        raise Refused("too_many_attachments" if isinstance(attachments, list) else "invalid_attachments")
    inner = [one.get("blocks") or [] for one in attachments if isinstance(one, dict)]
    for index, more in enumerate(inner):
        problems += rules.check_blocks(more, at=f"/attachments/{index}/blocks", refused=refused)
    everything = [block for more in [blocks, *inner] for block in more] if not problems else []
    tables = sum(block["type"] in rules.TABLE_TYPES for block in rules.every_block(everything))
    if tables > limits.TABLES_A_MESSAGE and not problems:
        raise Refused("invalid_attachments", [Problem("/attachments", rules.ONE_TABLE, rules.ONE_TABLE)])
    if any(problem.code == rules.MESSAGE_TOO_LONG for problem in problems):
        raise Refused(rules.MESSAGE_TOO_LONG, problems)
    if problems:
        raise Refused("invalid_blocks", problems)


def with_ids(slack: Slack, blocks: list[Json]) -> tuple[Json, ...]:
    """The blocks as Slack keeps them: everything that can be acted on has its ids."""
    return tuple(_with_id(slack, block) for block in blocks)


def _with_id(slack: Slack, block: Json) -> Json:
    whole = {**block, "block_id": block.get("block_id") or slack.workspace.next_id("b")}
    for name in ("elements", "child_blocks"):
        if name in whole and whole["type"] in ("actions", "container"):
            whole[name] = [
                _element_with_id(slack, one) if name == "elements" else _with_id(slack, one)
                for one in whole[name]
            ]
    for name in ("element", "accessory"):
        if name in whole and whole[name]["type"] != "image":
            whole[name] = _element_with_id(slack, whole[name])
    return whole


def _element_with_id(slack: Slack, element: Json) -> Json:
    return {**element, "action_id": element.get("action_id") or slack.workspace.next_id("a")}


def _with_inner_ids(slack: Slack, attachment: Json) -> Json:
    return (
        {**attachment, "blocks": list(with_ids(slack, attachment["blocks"]))}
        if "blocks" in attachment
        else attachment
    )


def message_json(slack: Slack, message: Message, *, metadata: bool = True) -> Json:
    """A message as the Web API tells it."""
    found: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": TEAM,
    }
    if message.user == BOT:
        found |= {"bot_id": BOT_ID, "app_id": APP}
    if message.blocks:
        found["blocks"] = list(message.blocks)
    if message.attachments:
        found["attachments"] = list(message.attachments)
    if message.subtype:
        found["subtype"] = message.subtype
    if message.edited:
        found["edited"] = {"user": message.user, "ts": message.edited}
    if message.files:
        found |= {"files": [file_json(slack, one) for one in message.files], "upload": False}
    if message.client_msg_id:
        found["client_msg_id"] = message.client_msg_id
    if metadata and message.metadata:
        found["metadata"] = message.metadata
    found |= _thread(slack, message)
    names: dict[str, list[str]] = {}
    for name, user in message.reactions:
        names.setdefault(name, []).append(user)
    if names:
        found["reactions"] = [{"name": name, "users": who, "count": len(who)} for name, who in names.items()]
    return found


def _thread(slack: Slack, message: Message) -> Json:
    if not message.is_parent:
        return {"thread_ts": message.thread_ts, "parent_user_id": message.user}
    replies = [one for one in slack.workspace.in_thread(message.channel, message.ts) if one.ts != message.ts]
    if not replies:
        return {}
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users": sorted({one.user for one in replies}),
        "reply_users_count": len({one.user for one in replies}),
        "latest_reply": replies[-1].ts,
    }


def file_json(slack: Slack, identity: str) -> Json:
    """A file as files.info tells it."""
    file = slack.workspace.files[identity]
    kind = file.name.rpartition(".")[2].lower() if "." in file.name else "text"
    url = f"{slack.base}/files/{file.id}/{file.key}/{file.name}"
    shares: dict[str, dict[str, list[Json]]] = {}
    for channel, ts, thread in file.shares:
        place = "public" if slack.workspace.channels[channel].kind == "public" else "private"
        share = {"ts": ts, **({"thread_ts": thread} if thread else {})}
        shares.setdefault(place, {}).setdefault(channel, []).append(share)
    return {
        "id": file.id,
        "created": int(file.created),
        "timestamp": int(file.created),
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": "text/csv" if kind == "csv" else "text/plain",
        "filetype": file.snippet_type or kind,
        "pretty_type": kind.upper(),
        "user": file.user,
        "size": len(file.content or b""),
        "mode": "snippet" if file.snippet_type else "hosted",
        "is_external": False,
        "url_private": url,
        "url_private_download": url,
        "permalink": url,
        "shares": shares,
        "channels": [share[0] for share in file.shares],
    }


def place(slack: Slack, identity: str, *, files: bool = False) -> Channel:
    """The channel to post into: one the bot may write to. A person's id stands for their direct messages."""
    if identity in slack.workspace.users and identity != BOT:
        return slack.workspace.direct(BOT, identity)
    named = next(
        (one.id for one in slack.workspace.channels.values() if one.name and f"#{one.name}" == identity),
        identity,
    )
    channel = slack.channel(named)
    if channel.archived:
        raise Refused("is_archived")
    if BOT not in channel.members and (files or "chat:write.public" not in slack.options.scopes):
        raise Refused("not_in_channel")
    return channel


def thread_of(slack: Slack, channel: Channel, ts: str) -> str | None:
    """The parent to answer under; a reply's own ts, or one that is not there, is refused."""
    if not ts:
        return None
    parent = slack.workspace.find(channel.id, ts)
    if parent is None:
        raise Refused("thread_not_found")
    if not parent.is_parent:
        raise Refused("invalid_thread_ts", words="thread_ts must be the parent's ts, never a reply's.")
    return ts


def metadata_of(arguments: Arguments) -> Json | None:
    """A message's metadata, checked."""
    metadata = arguments.json("metadata", "invalid_metadata_format")
    if metadata and (problems := rules.check_metadata(metadata)):
        raise Refused("invalid_metadata_schema", problems)
    return metadata or None


def post_message(slack: Slack, arguments: Arguments) -> Json:
    """chat.postMessage"""
    channel = place(slack, arguments.need("channel"))
    said = content(slack, arguments)
    thread = thread_of(slack, channel, arguments.text("thread_ts"))
    metadata, key = metadata_of(arguments), arguments.text("client_msg_id")
    first = (
        slack.client_msg_ids.get((channel.id, key)) if key and slack.options.honours_client_msg_id else None
    )
    if first:
        known = slack.workspace.find(channel.id, first)
        if known is None:
            raise Refused("duplicate_message_not_found")
        return _posted(slack, known)
    if wait := slack.rates.wait_for_post(channel.id):
        raise Limited(wait)
    message = Message(
        channel.id,
        slack.workspace.next_ts(),
        BOT,
        said.text,
        said.blocks,
        said.attachments,
        thread,
        metadata=metadata,
        client_msg_id=key or None,
        broadcast=arguments.flag("reply_broadcast"),
        notified=alerted(slack, channel, said, link_names=_links(arguments)),
    )
    if key:
        slack.client_msg_ids[channel.id, key] = message.ts
    return _posted(slack, slack.workspace.put(message))


def _posted(slack: Slack, message: Message) -> Json:
    return {"channel": message.channel, "ts": message.ts, "message": message_json(slack, message)}


def _links(arguments: Arguments) -> bool:
    return arguments.flag("link_names") or arguments.text("parse") == "full"


def alerted(slack: Slack, channel: Channel, content: Content, *, link_names: bool = False) -> frozenset[str]:
    """Whom these words notify."""
    blocks = [*content.blocks, *content.attachments]
    return notified(slack.workspace, channel, content.text, blocks, link_names=link_names) - {BOT}


def _own(slack: Slack, arguments: Arguments, refusal: str) -> Message:
    channel = slack.channel(arguments.need("channel"))
    message = slack.workspace.find(channel.id, arguments.need("ts"))
    if message is None or message.subtype == "tombstone":
        raise Refused("message_not_found")
    if message.user != BOT:
        raise Refused(refusal)
    if channel.archived:
        raise Refused("is_archived")
    return message


def update(slack: Slack, arguments: Arguments) -> Json:
    """chat.update: text without blocks takes the blocks away; nobody is notified."""
    message = _own(slack, arguments, "cant_update_message")
    said = content(slack, arguments)
    metadata = metadata_of(arguments) if "metadata" in arguments.values else message.metadata
    changed = replace(
        message,
        text=said.text,
        blocks=said.blocks,
        attachments=said.attachments,
        metadata=metadata,
        edited=f"{slack.clock.now():.6f}",
    )
    slack.workspace.put(changed)
    return {**_posted(slack, changed), "text": changed.text}


def delete(slack: Slack, arguments: Arguments) -> Json:
    """chat.delete: a parent with replies leaves a stone, everything else is gone."""
    message = _own(slack, arguments, "cant_delete_message")
    thread = slack.workspace.in_thread(message.channel, message.ts)
    if message.is_parent and len(thread) > 1:
        stone = Message(
            message.channel, message.ts, message.user, TOMBSTONE, subtype="tombstone", thread_ts=message.ts
        )
        slack.workspace.put(stone)
    else:
        slack.workspace.remove(message)
    return {"channel": message.channel, "ts": message.ts}


def post_ephemeral(slack: Slack, arguments: Arguments) -> Json:
    """chat.postEphemeral"""
    channel = place(slack, arguments.need("channel"))
    user = arguments.need("user")
    if user not in slack.workspace.users:
        raise Refused("user_not_found")
    if BOT not in channel.members:
        raise Refused("not_in_channel")
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    said = content(slack, arguments)
    thread = thread_of(slack, channel, arguments.text("thread_ts"))
    return {"message_ts": whisper(slack, channel.id, user, said, thread=thread).ts}


def whisper(
    slack: Slack, channel: str, user: str, content: Content, *, thread: str | None = None, author: str = BOT
) -> Message:
    """Something that one person alone sees."""
    ts = slack.workspace.next_ts()
    message = Message(
        channel, ts, author, content.text, content.blocks, content.attachments, thread, only_for=user
    )
    return slack.workspace.put(message)


def get_permalink(slack: Slack, arguments: Arguments) -> Json:
    """chat.getPermalink"""
    channel = slack.channel(arguments.need("channel"))
    message = slack.workspace.find(channel.id, arguments.need("message_ts"))
    if message is None:
        raise Refused("message_not_found")
    where = f"{channel.id}/{message.thread_ts}" if message.thread_ts else channel.id
    return {"channel": channel.id, "permalink": f"{slack.base}/#/{where}"}


def schedule_message(slack: Slack, arguments: Arguments) -> Json:
    """chat.scheduleMessage: one with metadata never posts, which is Slack's own documented fault."""
    channel = place(slack, arguments.need("channel"))
    said, metadata = content(slack, arguments), metadata_of(arguments)
    thread = thread_of(slack, channel, arguments.text("thread_ts"))
    seconds = arguments.number("post_at", 0) - slack.clock.now()
    if seconds < 0:
        raise Refused("time_in_past")
    if seconds > SCHEDULE_DAYS * 86_400:
        raise Refused("time_too_far")

    def post() -> None:
        ts, heard = slack.workspace.next_ts(), alerted(slack, channel, said)
        slack.workspace.put(
            Message(channel.id, ts, BOT, said.text, said.blocks, said.attachments, thread, notified=heard)
        )

    if metadata:
        slack.ledger.breach(
            "scheduled_metadata", "chat.scheduleMessage", "With metadata it will never be posted."
        )
    else:
        slack.clock.call_later(seconds, post)
    return {
        "channel": channel.id,
        "scheduled_message_id": slack.workspace.next_id("Q"),
        "post_at": arguments.number("post_at", 0),
    }
