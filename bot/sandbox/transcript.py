"""Messages as lines of text, for a terminal and for documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.rules import TABLE_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.sandbox.shapes import Json
    from bot.sandbox.state import Message, Workspace

_TOKEN = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_CELL = 40  # wider cells are cut, so that a table fits a terminal
_MENUS = {"datepicker", "timepicker", "datetimepicker"}


def readable(text: str, workspace: Workspace) -> str:
    """Slack's notation as a person reads it: names for ids, labels for links, no escapes."""

    def said(match: re.Match[str]) -> str:
        head, label = match[1], match[2]
        if head.startswith("@") and head[1:] in workspace.users:
            return f"@{workspace.users[head[1:]].name}"
        if head.startswith("#") and head[1:] in workspace.channels:
            return f"#{workspace.channels[head[1:]].name}"
        if head.startswith("!subteam^") and head[9:] in workspace.groups:
            return f"@{workspace.groups[head[9:]].handle}"
        return label or (f"@{head[1:]}" if head.startswith("!") else head)

    plain = _TOKEN.sub(said, text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def lines(message: Message, workspace: Workspace) -> Iterator[str]:
    """One message: who, then what, then its files."""
    author = workspace.users[message.user].real_name
    yield f"{author} (only you see this)" if message.only_for else author
    attached = [block for one in message.attachments for block in one.get("blocks", [])]
    for block in [*message.blocks, *attached]:
        yield from _block(block, workspace)
    if not message.blocks and message.text:
        yield from readable(message.text, workspace).splitlines()
    for identity in message.files:
        file = workspace.files[identity]
        yield f"📎 {file.name} ({len(file.content or b''):,} bytes)"


def _block(block: Json, workspace: Workspace) -> Iterator[str]:
    kind = block["type"]
    if kind in TABLE_TYPES:
        yield from _table(block)
    elif kind == "data_visualization":
        yield f"[{block['chart']['type']} chart] {block['title']}"
    elif kind == "divider":
        yield "—" * 20
    elif kind in ("actions", "input"):
        yield " ".join(_control(one) for one in block.get("elements", [block.get("element")]))
    elif kind == "container":
        for child in block["child_blocks"]:
            yield from _block(child, workspace)
    elif kind == "rich_text":
        for element in block["elements"]:
            # its text shows as it is: only mentions are looked up
            items = element["elements"] if element["type"] == "rich_text_list" else [element]
            mark = "• " if element["type"] == "rich_text_list" else ""
            for item in items:
                words = "".join(_run(one, workspace) for one in item["elements"])
                yield from f"{mark}{words}".splitlines()
    else:
        for text in _texts(block):
            yield from readable(text, workspace).splitlines()
        if block.get("accessory", {}).get("type", "image") != "image":
            yield _control(block["accessory"])


def _texts(value: Any) -> Iterator[str]:
    """Every text below; what a control says is left to `_control`."""
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        else:
            for name, inner in value.items():
                if name != "accessory":
                    yield from _texts(inner)


def _run(run: Json, workspace: Workspace) -> str:
    ids = {"user": "<@{user_id}>", "channel": "<#{channel_id}>", "usergroup": "<!subteam^{usergroup_id}>"}
    if run["type"] in ids:
        return readable(ids[run["type"]].format(**run), workspace)
    if run["type"] == "broadcast":
        return f"@{run['range']}"
    return str(run.get("text") or run.get("url") or run.get("name") or run.get("fallback") or "")


def _control(element: Json) -> str:
    label = element.get("text") or element.get("placeholder") or {"text": element["type"]}
    return f"[{label['text']}]" if element["type"] in {"button", *_MENUS} else f"[{label['text']} ▾]"


def _cell(cell: Json) -> str:
    text = " ".join(_texts(cell)) if cell["type"] == "rich_text" else cell["text"]
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _table(block: Json) -> Iterator[str]:
    rows = [[_cell(cell) for cell in row] for row in block["rows"]]
    numeric = {index for index, cell in enumerate(block["rows"][-1]) if cell["type"] == "raw_number"}
    columns = max(map(len, rows))
    widths = [max(len(row[index]) for row in rows if index < len(row)) for index in range(columns)]
    if "caption" in block:
        yield block["caption"]
    for number, row in enumerate(rows):
        padded = [
            text.rjust(width) if index in numeric else text.ljust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join(padded).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)


def threaded(parent: Message, workspace: Workspace) -> Iterator[str]:
    """A message and, indented, the replies in its thread."""
    yield from lines(parent, workspace)
    for reply in workspace.in_thread(parent.channel, parent.ts):
        if reply.ts != parent.ts:
            for line in lines(reply, workspace):
                yield f"  │ {line}".rstrip()


def transcript(workspace: Workspace, channel: str, reader: str | None = None) -> str:
    """Everything in a channel, threads indented; with a reader also what only that person sees."""
    with workspace.changed:
        spoken = [one for one in workspace.in_channel(channel) if one.is_parent]
        spoken += [
            one for one in workspace.ephemerals.values() if one.channel == channel and one.only_for == reader
        ]
        found: list[str] = []
        for message in sorted(spoken, key=lambda one: float(one.ts)):
            found += [*threaded(message, workspace), ""]
        return "\n".join(found)
