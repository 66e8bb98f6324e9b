"""Methods about conversations, people and the app itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.sandbox import limits, rules
from bot.sandbox.chat import message_json
from bot.sandbox.slack import Refused, Slack
from bot.sandbox.state import APP, BOT, BOT_ID, DOMAIN, TEAM, Channel

if TYPE_CHECKING:
    from bot.sandbox.arguments import Arguments
    from bot.sandbox.shapes import Json
    from bot.sandbox.state import User

_KINDS = {"public": "channels", "private": "groups", "im": "im"}


def auth_test(slack: Slack, _arguments: Arguments) -> Json:
    """auth.test"""
    return {
        "url": f"{slack.base}/",
        "team": "Sandbox",
        "user": slack.workspace.users[BOT].name,
        "team_id": TEAM,
        "user_id": BOT,
        "bot_id": BOT_ID,
        "enterprise_id": slack.options.organization or None,
        "is_enterprise_install": False,
    }


def api_test(_slack: Slack, arguments: Arguments) -> Json:
    """api.test"""
    return {"args": arguments.values}


def connections_open(slack: Slack, _arguments: Arguments) -> Json:
    """apps.connections.open: an address for one connection."""
    return {"url": f"{slack.base.replace('http', 'ws', 1)}/link?ticket={slack.sockets.ticket()}&app_id={APP}"}


def blocks_validate(slack: Slack, arguments: Arguments) -> Json:
    """blocks.validate: exactly one of blocks, message, view; the schema alone."""
    given = [name for name in ("blocks", "message", "view") if name in arguments.values]
    if len(given) != 1:
        raise Refused("invalid_arguments", words="Give exactly one of blocks, message and view.")
    value = arguments.json(given[0], "invalid_arguments")
    refused = slack.options.refused_blocks
    if given[0] == "view":
        problems = rules.check_view(value, refused=refused)
    else:
        blocks = value.get("blocks", []) if given[0] == "message" and isinstance(value, dict) else value
        problems = rules.check_blocks(blocks, refused=refused)
    if problems:
        errors = [
            {"pointer": one.pointer, "code": one.code, "message": one.message, "constraint": one.constraint}
            for one in problems
        ]
        raise Refused("invalid_blocks", problems, errors=errors)
    return {}


def _readable(slack: Slack, arguments: Arguments) -> Channel:
    channel = slack.channel(arguments.need("channel"))
    slack.need(f"{_KINDS[channel.kind]}:history")
    if BOT not in channel.members:
        raise Refused("not_in_channel")
    return channel


def _page(found: list[Any], arguments: Arguments) -> tuple[list[Any], Json]:
    size = max(1, min(arguments.number("limit", limits.PAGE), limits.PAGE_MOST))
    start = arguments.text("cursor")
    first = int(start.removeprefix("at:")) if start.removeprefix("at:").isdigit() else 0
    after = first + size
    more = after < len(found)
    return found[first:after], {
        "has_more": more,
        "response_metadata": {"next_cursor": f"at:{after}" if more else ""},
    }


def history(slack: Slack, arguments: Arguments) -> Json:
    """conversations.history: newest first, threads' parents only."""
    channel = _readable(slack, arguments)
    oldest, latest = float(arguments.text("oldest", "0")), float(arguments.text("latest") or "inf")
    inclusive = arguments.flag("inclusive")
    found = [
        one
        for one in reversed(slack.workspace.in_channel(channel.id))
        if (one.is_parent or one.broadcast) and _within(float(one.ts), oldest, latest, inclusive=inclusive)
    ]
    page, rest = _page(found, arguments)
    full = arguments.flag("include_all_metadata")
    return {"messages": [message_json(slack, one, metadata=full) for one in page], **rest}


def _within(ts: float, oldest: float, latest: float, *, inclusive: bool) -> bool:
    return oldest <= ts <= latest if inclusive else oldest < ts < latest


def replies(slack: Slack, arguments: Arguments) -> Json:
    """conversations.replies: the parent first."""
    channel, ts = _readable(slack, arguments), arguments.need("ts")
    message = slack.workspace.find(channel.id, ts)
    if message is None:
        raise Refused("thread_not_found")
    oldest, latest = float(arguments.text("oldest", "0")), float(arguments.text("latest") or "inf")
    found = [
        one
        for one in slack.workspace.in_thread(channel.id, message.thread_ts or ts)
        if one.is_parent or _within(float(one.ts), oldest, latest, inclusive=arguments.flag("inclusive"))
    ]
    page, rest = _page(found, arguments)
    full = arguments.flag("include_all_metadata")
    return {"messages": [message_json(slack, one, metadata=full) for one in page], **rest}


def info(slack: Slack, arguments: Arguments) -> Json:
    """conversations.info"""
    channel = slack.channel(arguments.need("channel"))
    slack.need(f"{_KINDS[channel.kind]}:read")
    return {"channel": channel.json(BOT)}


def members(slack: Slack, arguments: Arguments) -> Json:
    """conversations.members"""
    channel = slack.channel(arguments.need("channel"))
    slack.need(f"{_KINDS[channel.kind]}:read")
    page, rest = _page(sorted(channel.members), arguments)
    return {"members": page, "response_metadata": rest["response_metadata"]}


def conversations_list(slack: Slack, arguments: Arguments) -> Json:
    """conversations.list: of the kinds asked for, what the bot may know of."""
    types = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}
    wanted = {types.get(one, "") for one in arguments.ids("types") or ["public_channel"]}
    for kind in wanted & set(_KINDS):
        slack.need(f"{_KINDS[kind]}:read")
    found = [
        channel.json(BOT)
        for channel in slack.workspace.channels.values()
        if channel.kind in wanted
        and (channel.kind == "public" or BOT in channel.members)
        and not (channel.archived and arguments.flag("exclude_archived"))
    ]
    page, rest = _page(found, arguments)
    return {"channels": page, "response_metadata": rest["response_metadata"]}


def users_conversations(slack: Slack, arguments: Arguments) -> Json:
    """users.conversations: of the kinds asked for, those the bot, or a `user`, is in."""
    told = conversations_list(slack, arguments)
    user, channels = arguments.text("user"), slack.workspace.channels
    if user and user not in slack.workspace.users:
        raise Refused("user_not_found")
    # of someone else: public ones, and private ones that both are in (docs: users.conversations)
    told["channels"] = [
        one for one in told["channels"] if (user in channels[one["id"]].members if user else one["is_member"])
    ]
    return told


def join(slack: Slack, arguments: Arguments) -> Json:
    """conversations.join: public channels only."""
    channel = slack.channel(arguments.need("channel"))
    if channel.kind != "public":
        raise Refused("method_not_supported_for_channel_type")
    if channel.archived:
        raise Refused("is_archived")
    if BOT in channel.members:
        warning = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
        return {"channel": channel.json(BOT), **warning}
    joined = slack.workspace.join(channel.id, BOT)
    slack.emit(
        {
            "type": "member_joined_channel",
            "user": BOT,
            "channel": channel.id,
            "channel_type": "C",
            "team": TEAM,
        }
    )
    return {"channel": joined.json(BOT)}


def open_conversation(slack: Slack, arguments: Arguments) -> Json:
    """conversations.open: direct messages with one person."""
    if arguments.text("channel"):
        return {"channel": slack.channel(arguments.text("channel")).json(BOT)}
    people = arguments.ids("users")
    if len(people) != 1:
        raise Refused(
            "not_enough_users" if not people else "too_many_users", words="This sandbox opens a DM with one."
        )
    user = slack.workspace.users.get(people[0])
    if user is None or user.id == BOT:
        raise Refused("user_not_found")
    channel = slack.workspace.direct(BOT, user.id)
    return {"channel": {"id": channel.id} if not arguments.flag("return_im") else channel.json(BOT)}


def _user(slack: Slack, user: User) -> Json:
    met = any(
        user.id in channel.members and (channel.kind == "public" or BOT in channel.members)
        for channel in slack.workspace.channels.values()
        if channel.shared
    )
    return user.json(slack.clock.now(), met=met)


def users_info(slack: Slack, arguments: Arguments) -> Json:
    """users.info"""
    user = slack.workspace.users.get(arguments.need("user"))
    if user is None:
        raise Refused("user_not_found")
    return {"user": _user(slack, user)}


def users_list(slack: Slack, arguments: Arguments) -> Json:
    """users.list"""
    found = [_user(slack, user) for user in slack.workspace.users.values()]
    page, rest = _page(found, arguments)
    return {
        "members": page,
        "cache_ts": int(slack.clock.now()),
        "response_metadata": rest["response_metadata"],
    }


def usergroups_list(slack: Slack, arguments: Arguments) -> Json:
    """usergroups.list"""
    groups = []
    for group in slack.workspace.groups.values():
        one: Json = {
            "id": group.id,
            "team_id": TEAM,
            "handle": group.handle,
            "name": group.name,
            "date_delete": 0,
        }
        if arguments.flag("include_users"):
            one["users"] = sorted(group.users)
        groups.append({**one, "user_count": len(group.users)})
    return {"usergroups": groups}


def usergroups_users_list(slack: Slack, arguments: Arguments) -> Json:
    """usergroups.users.list"""
    group = slack.workspace.groups.get(arguments.need("usergroup"))
    if group is None:
        raise Refused("no_such_subteam")
    return {"users": sorted(group.users)}


def team_info(_slack: Slack, _arguments: Arguments) -> Json:
    """team.info"""
    return {"team": {"id": TEAM, "name": "Sandbox", "domain": DOMAIN, "email_domain": ""}}


def react(slack: Slack, arguments: Arguments) -> Json:
    """reactions.add"""
    channel = slack.channel(arguments.need("channel"))
    name, message = arguments.need("name"), slack.workspace.find(channel.id, arguments.need("timestamp"))
    if message is None:
        raise Refused("message_not_found")
    if (name, BOT) in message.reactions:
        raise Refused("already_reacted")
    slack.workspace.put(replace(message, reactions=(*message.reactions, (name, BOT))))
    return {}


def unreact(slack: Slack, arguments: Arguments) -> Json:
    """reactions.remove"""
    channel = slack.channel(arguments.need("channel"))
    name, message = arguments.need("name"), slack.workspace.find(channel.id, arguments.need("timestamp"))
    if message is None:
        raise Refused("message_not_found")
    if (name, BOT) not in message.reactions:
        raise Refused("no_reaction")
    slack.workspace.put(
        replace(message, reactions=tuple(one for one in message.reactions if one != (name, BOT)))
    )
    return {}
