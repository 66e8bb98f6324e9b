"""Slack's escapes: what a person's typing becomes, and whom a message would notify."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.sandbox.shapes import Json
    from bot.sandbox.state import Channel, Workspace

_HOST = re.compile(
    r"(?<![\w@./:|-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|net|org|io|dev|de|gov|edu|eu|uk|app|cloud|aws))"
    r"(?![\w.-])",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s<>|]+")
_MENTION = re.compile(r"(?<![\w<@!|])@([\w.-]+)")
_CHANNEL = re.compile(r"(?<![\w<#&|])#([\w-]+)")
_TOKEN = re.compile(r"<([@!#])([^<>|]+)(?:\|[^<>]*)?>")
_BROADCASTS = {"channel", "here", "everyone"}


def escape(text: str) -> str:
    """Text as Slack carries it: the three characters that mean something are written out."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_command(text: str, workspace: Workspace) -> str:
    """What an app with should_escape gets of a command's words: ids for names, links for hosts, escapes."""

    def person(match: re.Match[str]) -> str:
        found = _who(match[1], workspace)
        return f"<@{found.id}|{found.name}>" if found else match[0]

    def room(match: re.Match[str]) -> str:
        found = next((one for one in workspace.channels.values() if one.name == match[1]), None)
        return f"<#{found.id}|{found.name}>" if found else match[0]

    return _rewritten(text, person, room, "<http://{0}|{0}>")


def as_message(text: str, workspace: Workspace) -> str:
    """What a person's typed message is carried as."""

    def person(match: re.Match[str]) -> str:
        name = match[1]
        if name in _BROADCASTS:
            return f"<!{name}>"
        group = next((one for one in workspace.groups.values() if one.handle == name), None)
        found = _who(name, workspace)
        if found is None and group is not None:
            return f"<!subteam^{group.id}>"
        return f"<@{found.id}>" if found else match[0]

    def room(match: re.Match[str]) -> str:
        found = next((one for one in workspace.channels.values() if one.name == match[1]), None)
        return f"<#{found.id}|{found.name}>" if found else match[0]

    return _rewritten(text, person, room, "<http://{0}|{0}>")


def _who(name: str, workspace: Workspace) -> Any:
    return next((user for user in workspace.users.values() if user.name == name), None)


def _rewritten(text: str, person: Any, room: Any, host: str) -> str:
    parts, at = [], 0
    for match in _URL.finditer(text):
        parts += [_words(text[at : match.start()], person, room, host), f"<{escape(match[0])}>"]
        at = match.end()
    return "".join([*parts, _words(text[at:], person, room, host)])


def _words(text: str, person: Any, room: Any, host: str) -> str:
    linked = _CHANNEL.sub(room, _MENTION.sub(person, escape(text)))
    return _HOST.sub(lambda match: host.format(match[1]), linked)


def notified(
    workspace: Workspace, channel: Channel, text: str, blocks: Iterable[Json], *, link_names: bool = False
) -> frozenset[str]:
    """Whom a new message alerts by mention.

    Counted generously: the fallback text counts beside the blocks, and so does code, because what Slack does
    there is not written down; a text that pings nobody here pings nobody anywhere.
    """
    people: set[str] = set()
    for written in [text, *_mrkdwn(list(blocks))]:
        for kind, name in _TOKEN.findall(written):
            people |= _alerted(kind, name, workspace, channel)
        if link_names:
            typed = as_message(written, workspace)
            people |= {
                one
                for kind, name in _TOKEN.findall(typed)
                for one in _alerted(kind, name, workspace, channel)
            }
    for element in _rich(list(blocks)):
        people |= _alerted_by_element(element, workspace, channel)
    return frozenset(people)


def _alerted(kind: str, name: str, workspace: Workspace, channel: Channel) -> set[str]:
    if kind == "@":
        return {name} & set(workspace.users)
    if kind == "!" and name in _BROADCASTS:
        return set(channel.members)
    group = workspace.groups.get(name.removeprefix("subteam^"))
    return set(group.users) if kind == "!" and group else set()


def _alerted_by_element(element: Json, workspace: Workspace, channel: Channel) -> set[str]:
    if element["type"] == "user":
        return _alerted("@", element["user_id"], workspace, channel)
    if element["type"] == "usergroup":
        return _alerted("!", f"subteam^{element['usergroup_id']}", workspace, channel)
    return set(channel.members)


def _mrkdwn(value: Any) -> Iterator[str]:
    """Every text at any depth that Slack reads as mrkdwn or markdown."""
    if isinstance(value, list):
        for one in value:
            yield from _mrkdwn(one)
    elif isinstance(value, dict):
        if value.get("type") in {"mrkdwn", "markdown"} and isinstance(value.get("text"), str):
            yield value["text"]
        for one in value.values():
            yield from _mrkdwn(one)


def _rich(value: Any) -> Iterator[Json]:
    """Every rich-text element at any depth that names someone."""
    if isinstance(value, list):
        for one in value:
            yield from _rich(one)
    elif isinstance(value, dict):
        named = {"user": "user_id", "usergroup": "usergroup_id", "broadcast": "range"}.get(
            str(value.get("type"))
        )
        if named and named in value:
            yield value
        for one in value.values():
            yield from _rich(one)
