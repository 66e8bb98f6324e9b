"""Whom a message alerts: strangers' text must alert nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from slack_sdk import WebClient

    from bot.sandbox import Sandbox

PEOPLE = {"U_ALICE", "U_BOB", "U_GUEST"}


def heard(sandbox: Sandbox, client: WebClient, **message: Any) -> set[str]:
    ts = client.chat_postMessage(channel="C_SECURITY", **{"text": "x", **message})["ts"]
    found = sandbox.message("C_SECURITY", ts)
    assert found is not None
    return set(found.notified)


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("<@U_BOB> look", {"U_BOB"}),
        ("<@U_BOB|bob> look", {"U_BOB"}),
        ("<!channel>", PEOPLE),
        ("<!here|here>", PEOPLE),
        ("<!subteam^S_ONCALL>", {"U_BOB"}),
        ("<!subteam^S_ONCALL|@oncall>", {"U_BOB"}),
        ("@bob @channel @here", set()),
        ("&lt;!channel&gt; &lt;@U_BOB&gt;", set()),
        ("<@U_NOBODY> <!date^1^{date}|<> <https://x.test|@bob>", set()),
    ],
)
def test_only_slacks_own_notation_alerts(
    sandbox: Sandbox, client: WebClient, text: str, people: set[str]
) -> None:
    assert heard(sandbox, client, text=text) == people


def test_words_alert_only_when_the_app_asks_for_it(sandbox: Sandbox, client: WebClient) -> None:
    assert heard(sandbox, client, text="@bob") == set()
    assert heard(sandbox, client, text="@bob", link_names=True) == {"U_BOB"}


def test_text_that_is_shown_literally_alerts_nobody(sandbox: Sandbox, client: WebClient) -> None:
    evil = "<!channel> <@U_BOB>"
    cells = [[{"type": "raw_text", "text": evil}], [{"type": "raw_text", "text": evil}]]
    literal = {"type": "rich_text_section", "elements": [{"type": "text", "text": evil}]}
    blocks = [
        {"type": "data_table", "caption": evil, "rows": cells},
        {"type": "header", "text": {"type": "plain_text", "text": evil}},
        {"type": "rich_text", "elements": [literal]},
    ]
    assert heard(sandbox, client, blocks=blocks) == set()


def test_mrkdwn_and_rich_text_in_blocks_alert(sandbox: Sandbox, client: WebClient) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "<@U_BOB>"}}
    user = {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U_GUEST"}]}
    assert heard(sandbox, client, blocks=[section, {"type": "rich_text", "elements": [user]}]) == {
        "U_BOB",
        "U_GUEST",
    }


@pytest.mark.parametrize(
    ("element", "people"),
    [
        ({"type": "user", "user_id": "U_BOB"}, {"U_BOB"}),
        ({"type": "user", "user_id": "U_NOBODY"}, set()),
        ({"type": "usergroup", "usergroup_id": "S_ONCALL"}, {"U_BOB"}),
        ({"type": "usergroup", "usergroup_id": "S_NONE"}, set()),
        ({"type": "broadcast", "range": "here"}, PEOPLE),
        ({"type": "broadcast", "range": "channel"}, PEOPLE),
        ({"type": "channel", "channel_id": "C_ONCALL"}, set()),
    ],
    ids=["a person", "nobody", "a group", "no group", "who is here", "the channel", "a channel's name"],
)
def test_each_element_of_rich_text_alerts_whom_it_names(
    sandbox: Sandbox, client: WebClient, element: dict[str, Any], people: set[str]
) -> None:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": "look "}, element]}
    assert heard(sandbox, client, blocks=[{"type": "rich_text", "elements": [section]}]) == people


def test_what_an_edit_or_a_whisper_names_alerts_nobody_else(sandbox: Sandbox, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C_SECURITY", text="x")["ts"]
    named = {"type": "usergroup", "usergroup_id": "S_ONCALL"}
    blocks = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [named]}]}]
    client.chat_update(channel="C_SECURITY", ts=ts, text="x", blocks=blocks)
    client.chat_postEphemeral(channel="C_SECURITY", user="U_ALICE", text="x", blocks=blocks)
    edited, whisper = sandbox.message("C_SECURITY", ts), sandbox.ephemerals("U_ALICE")[0]
    assert edited is not None
    assert edited.notified == set()
    assert whisper.notified <= {"U_ALICE"}


def test_a_command_carries_ids_for_people_and_channels_and_leaves_groups_as_typed(sandbox: Sandbox) -> None:
    typed = "mention=@oncall @here who=@bob #on-call"
    sent = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit", typed).payload["text"]
    assert sent == "mention=@oncall @here who=<@U_BOB|bob> <#C_ONCALL|on-call>"


def test_a_person_is_mentioned_by_name_as_well(sandbox: Sandbox) -> None:
    message = sandbox.say("U_ALICE", "C_SECURITY", "@TLS Audit last 7d, @tls audit: now, @TLS Auditor")
    assert message.text == "<@U_TLSAUDIT> last 7d, <@U_TLSAUDIT>: now, @TLS Auditor"


def test_what_people_type_becomes_slacks_notation(sandbox: Sandbox) -> None:
    message = sandbox.say(
        "U_ALICE", "C_SECURITY", "@bob see #on-call & https://x.test/?a=1&b=<2> arn:aws:iam::1:user/a"
    )
    assert message.text == (
        "<@U_BOB> see <#C_ONCALL|on-call> &amp; <https://x.test/?a=1&amp;b=>&lt;2&gt; arn:aws:iam::1:user/a"
    )
    assert message.notified == {"U_BOB"}
