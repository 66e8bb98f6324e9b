"""The files.* methods: ask for an address, put the bytes there, complete; the file appears a little later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.sandbox import limits
from bot.sandbox.chat import Content, alerted, content, file_json, place, thread_of
from bot.sandbox.slack import Refused, Slack
from bot.sandbox.state import BOT, Channel, File, Message, new_key

if TYPE_CHECKING:
    from bot.sandbox.arguments import Arguments
    from bot.sandbox.shapes import Json

SNIPPETS = frozenset(
    ["csv", "diff", "html", "javascript", "json", "markdown", "python", "shell", "sql", "text", "xml", "yaml"]
)


def get_upload_url(slack: Slack, arguments: Arguments) -> Json:
    """files.getUploadURLExternal"""
    name, length, snippet = (
        arguments.need("filename"),
        arguments.number("length", 0),
        arguments.text("snippet_type"),
    )
    if length <= 0:
        raise Refused("missing_argument" if "length" not in arguments.values else "invalid_arguments")
    if snippet and snippet not in SNIPPETS:
        raise Refused("unknown_snippet_type")
    if snippet and length > limits.SNIPPET_BYTES:
        raise Refused("snippet_too_large", words=f"A snippet holds at most {limits.SNIPPET_BYTES:,} bytes.")
    if slack.options.upload_error:
        raise Refused(slack.options.upload_error)
    file = File(
        slack.workspace.next_id("F"),
        name,
        length,
        BOT,
        new_key(),
        snippet_type=snippet,
        created=slack.clock.now(),
    )
    slack.workspace.put_file(file)
    return {"upload_url": f"{slack.base}/upload/v1/{file.key}", "file_id": file.id}


def receive(slack: Slack, key: str, body: bytes) -> tuple[int, str]:
    """The bytes, at the address that was given. Returns the HTTP status and text."""
    file = next((one for one in slack.workspace.files.values() if one.key == key), None)
    if file is None or file.content is not None:
        slack.ledger.breach("used_upload_url", "upload", "An upload address takes one upload, once.")
        return 404, "not_found"
    if len(body) != file.length:
        words = f"{file.length:,} bytes were announced and {len(body):,} came."
        slack.ledger.breach("wrong_length", "upload", words)
        return 400, "length_mismatch"
    slack.workspace.put_file(replace(file, content=body))
    return 200, f"OK - {len(body)}"


def complete(slack: Slack, arguments: Arguments) -> Json:
    """files.completeUploadExternal: answers before the file can be seen."""
    given = arguments.json("files", "invalid_arguments") or []
    if not given or not all(isinstance(one, dict) and "id" in one for one in given):
        raise Refused("invalid_arguments", words="files is a list of {id, title}.")
    channels = arguments.ids("channels") or arguments.ids("channel_id")
    ts = arguments.text("thread_ts")
    if len(channels) > limits.FILE_CHANNELS or (ts and len(channels) > 1):
        raise Refused("invalid_arguments", words="thread_ts goes with one channel.")
    files = [_uploaded(slack, one["id"]) for one in given]
    places = [place(slack, one, files=True) for one in channels]
    threads = [thread_of(slack, channel, ts) for channel in places]
    said = _comment(slack, arguments)
    if slack.options.upload_error:
        raise Refused(slack.options.upload_error)
    for file, one in zip(files, given, strict=True):
        slack.workspace.put_file(replace(file, title=one.get("title") or file.name, completed=True))
    told = [file_json(slack, file.id) for file in files]
    if slack.faults.unshared > 0:
        slack.faults.unshared -= 1
    else:
        for channel, thread in zip(places, threads, strict=True):
            _share_later(slack, channel, thread, [file.id for file in files], said)
    return {"files": told}


def _uploaded(slack: Slack, identity: str) -> File:
    file = slack.workspace.files.get(identity)
    if file is None:
        raise Refused("file_not_found")
    if file.content is None:
        raise Refused("file_update_failed", words=f"{file.name} was never uploaded.")
    return file


def _comment(slack: Slack, arguments: Arguments) -> Content:
    blocks = arguments.json("blocks", "invalid_blocks_format") or []
    if arguments.text("initial_comment"):
        return Content(arguments.text("initial_comment"))
    if any(isinstance(block, dict) and block.get("type") == "markdown" for block in blocks):
        raise Refused(
            "internal_error", words="A markdown block in a share is Slack's own fault, python-slack-sdk#1756."
        )
    return content(slack, arguments, may_be_empty=True)


def _share_later(
    slack: Slack, channel: Channel, thread: str | None, files: list[str], content: Content
) -> None:
    def share() -> None:
        workspace = slack.workspace
        with workspace.changed:
            ts, heard = workspace.next_ts(), alerted(slack, channel, content)
            for identity in files:
                file = workspace.files[identity]
                workspace.put_file(replace(file, shares=(*file.shares, (channel.id, ts, thread))))
            workspace.put(
                Message(
                    channel.id,
                    ts,
                    BOT,
                    content.text,
                    content.blocks,
                    (),
                    thread,
                    tuple(files),
                    notified=heard,
                )
            )
        for identity in files:
            event = {"type": "file_shared", "file_id": identity, "user_id": BOT, "channel_id": channel.id}
            slack.emit({**event, "file": {"id": identity}})

    slack.clock.call_later(slack.options.share_seconds, share)


def info(slack: Slack, arguments: Arguments) -> Json:
    """files.info"""
    file = slack.workspace.files.get(arguments.need("file"))
    if file is None or not file.completed:
        raise Refused("file_not_found")
    return {"file": file_json(slack, file.id), "comments": [], "response_metadata": {"next_cursor": ""}}


def delete(slack: Slack, arguments: Arguments) -> Json:
    """files.delete: the file goes, and so do messages that held nothing else."""
    file = slack.workspace.files.get(arguments.need("file"))
    if file is None:
        raise Refused("file_not_found")
    if file.user != BOT:
        raise Refused("cant_delete_file")
    for channel, ts, _ in file.shares:
        message = slack.workspace.find(channel, ts)
        if message is None:
            continue
        left = replace(message, files=tuple(one for one in message.files if one != file.id))
        if left.files or left.text or left.blocks:
            slack.workspace.put(left)
        else:
            slack.workspace.remove(message)
    slack.workspace.put_file(replace(file, content=None, completed=False, shares=()))
    return {}
