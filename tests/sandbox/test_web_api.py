"""The Web API over real HTTP, called with the SDK's own client."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.webhook import WebhookClient

from bot.sandbox import Channel, Clock, ManualClock, Options, Sandbox, User

BOT = "U_TLSAUDIT"


def refusal(call: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        call(*arguments, **named)
    answer = caught.value.response.data
    assert isinstance(answer, dict)
    return answer


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_a_token_says_who_one_is(client: WebClient) -> None:
    assert client.auth_test()["user_id"] == BOT


def test_wrong_tokens_are_told_apart(sandbox: Sandbox) -> None:
    base = sandbox.api_url
    assert refusal(WebClient("xoxb-other", base_url=base).auth_test)["error"] == "invalid_auth"
    assert refusal(WebClient(base_url=base).auth_test)["error"] == "not_authed"
    assert refusal(WebClient("xapp-sandbox", base_url=base).auth_test)["error"] == "not_allowed_token_type"
    sandbox.options.revoked = True
    assert refusal(WebClient("xoxb-sandbox", base_url=base).auth_test)["error"] == "token_revoked"


def test_a_missing_scope_names_what_is_needed_and_what_there_is(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.options.scopes = frozenset({"commands"})
    answer = refusal(client.chat_postMessage, channel="C_SECURITY", text="x")
    assert (answer["error"], answer["needed"], answer["provided"]) == (
        "missing_scope",
        "chat:write",
        "commands",
    )


def test_a_posted_message_is_there_and_can_be_answered(sandbox: Sandbox, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C_SECURITY", text="one", blocks=[section("*one*")])
    reply = client.chat_postMessage(channel="C_SECURITY", text="two", thread_ts=parent["ts"])
    assert [one.text for one in sandbox.messages("C_SECURITY")] == ["one"]
    assert [one.ts for one in sandbox.thread("C_SECURITY", parent["ts"])] == [reply["ts"]]
    assert parent["message"]["blocks"][0]["block_id"]
    found = client.conversations_replies(channel="C_SECURITY", ts=parent["ts"])["messages"]
    assert (found[0]["reply_count"], found[1]["thread_ts"]) == (1, parent["ts"])


def test_bad_blocks_are_refused_with_pointers_and_listed(sandbox: Sandbox, client: WebClient) -> None:
    answer = refusal(
        client.chat_postMessage, channel="C_SECURITY", text="t", blocks=[section("x"), section("y" * 3001)]
    )
    words = "must be less than 3001 characters [json-pointer:/blocks/1/text/text]"
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [words]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {words}"]
    broken = sandbox.broken[0]
    assert (broken.rule, broken.where, broken.pointer) == (
        "invalid_blocks",
        "chat.postMessage",
        "/blocks/1/text/text",
    )


def test_too_much_block_text_has_its_own_error(client: WebClient) -> None:
    answer = refusal(
        client.chat_postMessage, channel="C_SECURITY", text="t", blocks=[section("x" * 2900)] * 5
    )
    assert answer["error"] == "msg_blocks_too_long"


def test_tables_in_attachments_count_with_those_of_the_message(client: WebClient) -> None:
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
    answer = refusal(
        client.chat_postMessage,
        channel="C_SECURITY",
        text="x",
        blocks=[table],
        attachments=[{"fallback": "x", "blocks": [table]}],
    )
    assert answer["error"] == "invalid_attachments"


def test_a_message_without_anything_is_refused(client: WebClient) -> None:
    assert refusal(client.api_call, "chat.postMessage", json={"channel": "C_SECURITY"})["error"] == "no_text"


def test_text_is_cut_at_forty_thousand_and_that_is_listed(sandbox: Sandbox, client: WebClient) -> None:
    client.chat_postMessage(channel="C_SECURITY", text="x" * 50_000)
    assert len(sandbox.messages("C_SECURITY")[0].text) == 40_000
    assert [one.rule for one in sandbox.broken] == ["text_cut"]


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        ("C_SECRET", "channel_not_found"),
        ("D_ALICE_BOB", "channel_not_found"),
        ("C_NOWHERE", "channel_not_found"),
        ("C_OLD", "is_archived"),
    ],
)
def test_where_the_bot_may_not_post(client: WebClient, channel: str, error: str) -> None:
    assert refusal(client.chat_postMessage, channel=channel, text="x")["error"] == error


def test_a_public_channel_takes_words_from_outside_but_no_files(sandbox: Sandbox, client: WebClient) -> None:
    assert client.chat_postMessage(channel="C_RANDOM", text="x")["ok"]
    assert (
        refusal(client.files_upload_v2, channel="C_RANDOM", content="a", filename="a.csv")["error"]
        == "not_in_channel"
    )
    client.conversations_join(channel="C_RANDOM")
    assert client.files_upload_v2(channel="C_RANDOM", content="a", filename="a.csv")["ok"]
    assert sandbox.broken == []


def test_without_the_public_scope_one_must_be_in_the_channel(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.options.scopes -= {"chat:write.public"}
    assert refusal(client.chat_postMessage, channel="C_RANDOM", text="x")["error"] == "not_in_channel"


def test_private_channels_cannot_be_joined_but_one_can_be_invited(
    sandbox: Sandbox, client: WebClient
) -> None:
    assert refusal(client.conversations_join, channel="C_SECRET")["error"] == "channel_not_found"
    sandbox.invite("C_SECRET")
    assert client.chat_postMessage(channel="C_SECRET", text="x")["ok"]
    answer = refusal(client.conversations_join, channel="C_SECRET")
    assert answer["error"] == "method_not_supported_for_channel_type"


def test_a_reply_wants_its_parents_ts(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C_SECURITY", text="p")["ts"]
    reply = client.chat_postMessage(channel="C_SECURITY", text="r", thread_ts=parent)["ts"]
    assert (
        refusal(client.chat_postMessage, channel="C_SECURITY", text="x", thread_ts="1.2")["error"]
        == "thread_not_found"
    )
    answer = refusal(client.chat_postMessage, channel="C_SECURITY", text="x", thread_ts=reply)
    assert answer["error"] == "invalid_thread_ts"


def test_an_update_without_blocks_takes_them_away_and_notifies_nobody(
    sandbox: Sandbox, client: WebClient
) -> None:
    ts = client.chat_postMessage(channel="C_SECURITY", text="a", blocks=[section("a")])["ts"]
    client.chat_update(channel="C_SECURITY", ts=ts, text="<@U_BOB> b")
    message = sandbox.messages("C_SECURITY")[0]
    assert (message.text, message.blocks, message.notified) == ("<@U_BOB> b", (), frozenset())
    assert message.edited


def test_only_own_messages_can_be_changed(sandbox: Sandbox, client: WebClient) -> None:
    ts = sandbox.say("U_ALICE", "C_SECURITY", "mine").ts
    assert (
        refusal(client.chat_update, channel="C_SECURITY", ts=ts, text="x")["error"] == "cant_update_message"
    )
    assert refusal(client.chat_delete, channel="C_SECURITY", ts=ts)["error"] == "cant_delete_message"
    assert (
        refusal(client.chat_update, channel="C_SECURITY", ts="1.0", text="x")["error"] == "message_not_found"
    )


def test_a_deleted_parent_leaves_a_stone_over_its_replies(sandbox: Sandbox, client: WebClient) -> None:
    alone = client.chat_postMessage(channel="C_SECURITY", text="a")["ts"]
    parent = client.chat_postMessage(channel="C_SECURITY", text="p")["ts"]
    client.chat_postMessage(channel="C_SECURITY", text="r", thread_ts=parent)
    client.chat_delete(channel="C_SECURITY", ts=alone)
    client.chat_delete(channel="C_SECURITY", ts=parent)
    assert [(one.subtype, one.text) for one in sandbox.messages("C_SECURITY")] == [
        ("tombstone", "This message was deleted.")
    ]


def test_an_ephemeral_reaches_one_person_in_the_channel(sandbox: Sandbox, client: WebClient) -> None:
    client.chat_postEphemeral(channel="C_SECURITY", user="U_BOB", text="psst")
    assert [one.text for one in sandbox.ephemerals("U_BOB")] == ["psst"]
    assert sandbox.messages("C_SECURITY") == []
    answer = refusal(client.chat_postEphemeral, channel="C_ONCALL", user="U_GUEST", text="x")
    assert answer["error"] == "user_not_in_channel"


def test_metadata_comes_back_where_it_is_asked_for(client: WebClient) -> None:
    about = {"event_type": "tls_audit_run", "event_payload": {"run": "7f3a"}}
    client.chat_postMessage(channel="C_SECURITY", text="x", metadata=about)
    history = client.conversations_history(channel="C_SECURITY", include_all_metadata=True)["messages"]
    assert history[0]["metadata"] == about
    assert "metadata" not in client.conversations_history(channel="C_SECURITY")["messages"][0]
    wrong = {"event_type": "", "event_payload": {}}
    answer = refusal(client.chat_postMessage, channel="C_SECURITY", text="x", metadata=wrong)
    assert answer["error"] == "invalid_metadata_schema"


def test_history_needs_its_scope_and_membership(sandbox: Sandbox, client: WebClient) -> None:
    assert refusal(client.conversations_history, channel="C_RANDOM")["error"] == "not_in_channel"
    sandbox.options.scopes -= {"channels:history"}
    answer = refusal(client.conversations_history, channel="C_SECURITY")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "channels:history")


@pytest.mark.parametrize(
    ("channel", "scope"),
    [("C_SECURITY", "channels:history"), ("C_SECRET", "groups:history"), ("D_ALICE", "im:history")],
    ids=["public", "private", "direct"],
)
def test_each_kind_of_conversation_is_read_with_a_scope_of_its_own(
    sandbox: Sandbox, client: WebClient, channel: str, scope: str
) -> None:
    if channel == "C_SECRET":
        sandbox.invite(channel)
    ts = client.chat_postMessage(channel=channel, text="x")["ts"]
    client.chat_postMessage(channel=channel, text="y", thread_ts=ts)
    sandbox.options.scopes -= {scope}
    for call in (client.conversations_history, client.conversations_replies):
        named = {"ts": ts} if call == client.conversations_replies else {}
        answer = refusal(call, channel=channel, **named)
        assert (answer["error"], answer["needed"]) == ("missing_scope", scope)
    every = {"channels:history", "groups:history", "im:history"}
    sandbox.options.scopes = (sandbox.options.scopes - every) | {scope}
    assert client.conversations_history(channel=channel)["messages"][0]["text"] == "x"
    found = client.conversations_replies(channel=channel, ts=ts)["messages"]
    assert [one["text"] for one in found] == ["x", "y"]
    assert sandbox.broken == []


def test_messages_of_one_moment_stay_apart_and_in_order(sandbox: Sandbox) -> None:
    said = [sandbox.say("U_ALICE", "C_SECURITY", str(number)).text for number in range(100)]
    assert [one.text for one in sandbox.messages("C_SECURITY")] == said


def test_lists_come_in_pages(sandbox: Sandbox, client: WebClient) -> None:
    for number in range(5):
        sandbox.say("U_ALICE", "C_SECURITY", str(number))
    texts, cursor = [], ""
    while True:
        page = client.conversations_history(channel="C_SECURITY", limit=2, cursor=cursor)
        texts += [one["text"] for one in page["messages"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert texts == ["4", "3", "2", "1", "0"]


def test_a_repeated_client_msg_id_posts_once_only_where_it_is_honoured(
    sandbox: Sandbox, client: WebClient
) -> None:
    first, second = (
        client.chat_postMessage(channel="C_SECURITY", text="x", client_msg_id="k")["ts"] for _ in range(2)
    )
    assert first != second
    sandbox.options.honours_client_msg_id = True
    third, fourth = (
        client.chat_postMessage(channel="C_ONCALL", text="x", client_msg_id="k")["ts"] for _ in range(2)
    )
    assert third == fourth
    client.chat_delete(channel="C_ONCALL", ts=third)
    answer = refusal(client.chat_postMessage, channel="C_ONCALL", text="x", client_msg_id="k")
    assert answer["error"] == "duplicate_message_not_found"


def test_a_channel_takes_a_burst_and_then_a_post_a_second(client: WebClient, clock: ManualClock) -> None:
    for _ in range(3):
        client.chat_postMessage(channel="C_SECURITY", text="x")
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="C_SECURITY", text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    assert client.chat_postMessage(channel="C_ONCALL", text="x")["ok"]
    clock.advance(1)
    assert client.chat_postMessage(channel="C_SECURITY", text="x")["ok"]


def test_fifty_edits_a_minute_and_no_more(sandbox: Sandbox, client: WebClient, clock: ManualClock) -> None:
    ts = client.chat_postMessage(channel="C_SECURITY", text="x")["ts"]
    for number in range(50):
        client.chat_update(channel="C_SECURITY", ts=ts, text=str(number))
    assert refusal(client.chat_update, channel="C_SECURITY", ts=ts, text="x")["error"] == "ratelimited"
    assert [one.rule for one in sandbox.broken] == ["ratelimited"]
    clock.advance(60)
    assert client.chat_update(channel="C_SECURITY", ts=ts, text="x")["ok"]


def test_with_short_bursts_a_third_of_a_minutes_calls_go_at_once_and_the_rest_by_the_average() -> None:
    clock = ManualClock()
    with Sandbox(clock=clock, short_bursts=True) as slack:
        client = WebClient(slack.options.bot_token, base_url=slack.api_url, retry_handlers=[])
        ts = client.chat_postMessage(channel="C_SECURITY", text="x")["ts"]
        for number in range(16):
            client.chat_update(channel="C_SECURITY", ts=ts, text=str(number))
        assert refusal(client.chat_update, channel="C_SECURITY", ts=ts, text="x")["error"] == "ratelimited"
        clock.advance(1.2)
        assert client.chat_update(channel="C_SECURITY", ts=ts, text="x")["ok"]
        assert refusal(client.chat_update, channel="C_SECURITY", ts=ts, text="x")["error"] == "ratelimited"


def test_the_sdks_own_retry_gets_through_an_injected_429(sandbox: Sandbox) -> None:
    patient = WebClient(
        "xoxb-sandbox", base_url=sandbox.api_url, retry_handlers=[RateLimitErrorRetryHandler()]
    )
    sandbox.faults.ratelimit("chat.postMessage", retry_after=0)
    assert patient.chat_postMessage(channel="C_SECURITY", text="x")["ok"]
    assert [one.status for one in sandbox.calls("chat.postMessage")] == [429, 200]
    assert sandbox.broken == []


def test_an_upload_appears_in_its_thread_with_its_bytes(sandbox: Sandbox, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C_SECURITY", text="p")["ts"]
    answer = client.files_upload_v2(
        channel="C_SECURITY",
        thread_ts=parent,
        filename="a.csv",
        content="a,b\n",
        title="A",
        initial_comment="here",
    )
    share = sandbox.wait_for(lambda: sandbox.thread("C_SECURITY", parent))[0]
    file = sandbox.files[0]
    assert (share.files, share.text) == ((file.id,), "here")
    assert (file.content, file.title, answer["files"][0]["shares"]) == (b"a,b\n", "A", {})
    told = client.files_info(file=file.id)["file"]
    assert told["shares"]["public"]["C_SECURITY"][0] == {"ts": share.ts, "thread_ts": parent}


def test_a_file_never_completed_is_never_seen(sandbox: Sandbox, client: WebClient) -> None:
    got = client.files_getUploadURLExternal(filename="a.csv", length=1)
    assert refusal(client.files_info, file=got["file_id"])["error"] == "file_not_found"
    answer = refusal(
        client.files_completeUploadExternal,
        files=[{"id": got["file_id"], "title": "t"}],
        channel_id="C_SECURITY",
    )
    assert answer["error"] == "file_update_failed"
    assert sandbox.files == []


def test_uploads_can_be_forbidden_and_snippets_are_small(sandbox: Sandbox, client: WebClient) -> None:
    answer = refusal(client.files_getUploadURLExternal, filename="a", length=1_000_001, snippet_type="csv")
    assert answer["error"] == "snippet_too_large"
    answer = refusal(client.files_getUploadURLExternal, filename="a", length=1, snippet_type="cobol")
    assert answer["error"] == "unknown_snippet_type"
    sandbox.options.upload_error = "file_uploads_disabled"
    answer = refusal(client.files_upload_v2, channel="C_SECURITY", content="a", filename="a.csv")
    assert answer["error"] == "file_uploads_disabled"


def test_a_share_may_answer_ok_and_never_come(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.faults.never_share()
    client.files_upload_v2(channel="C_SECURITY", content="a", filename="lost.csv")
    client.files_upload_v2(channel="C_SECURITY", content="a", filename="found.csv")
    sandbox.wait_for(lambda: sandbox.messages("C_SECURITY"))
    assert [(one.name, len(one.shares)) for one in sandbox.files] == [("lost.csv", 0), ("found.csv", 1)]


def test_a_deleted_file_takes_its_message_along(sandbox: Sandbox, client: WebClient) -> None:
    client.files_upload_v2(channel="C_SECURITY", content="a", filename="a.csv")
    sandbox.wait_for(lambda: sandbox.messages("C_SECURITY"))
    client.files_delete(file=sandbox.files[0].id)
    assert (sandbox.files, sandbox.messages("C_SECURITY")) == ([], [])


def test_people_and_groups_can_be_looked_up(client: WebClient) -> None:
    alice = client.users_info(user="U_ALICE")["user"]
    assert (alice["tz"], alice["is_admin"], alice["is_restricted"]) == ("Europe/Berlin", True, False)
    assert client.users_info(user="U_GUEST")["user"]["is_restricted"]
    groups = client.usergroups_list(include_users=True)["usergroups"]
    assert (groups[0]["handle"], groups[0]["users"]) == ("oncall", ["U_BOB"])
    assert "U_BOB" in client.conversations_members(channel="C_SECURITY")["members"]
    assert client.conversations_info(channel="C_RANDOM")["channel"]["is_member"] is False
    names = [one["name"] for one in client.conversations_list(exclude_archived=True)["channels"]]
    assert names == ["security", "on-call", "random"]


def test_guests_and_strangers_can_be_told_from_members(clock: ManualClock) -> None:
    people = [
        User("U_ALICE", "alice", "Alice"),
        User("U_GUEST", "gil", "Gil", guest=True),
        User("U_SINGLE", "sam", "Sam", single=True),
        User("U_MET", "mel", "Mel", team="T_OTHER"),
        User("U_STRANGER", "stan", "Stan", team="T_OTHER"),
        User(BOT, "tls-audit", "TLS Audit", bot=True),
    ]
    channels = [
        Channel("C_SHARED", "shared", members=frozenset({"U_ALICE", "U_MET", BOT}), shared=True),
        Channel("C_ASKED", "asked", members=frozenset({"U_ALICE", BOT}), invited=True),
        Channel("C_OWN", "own", members=frozenset({"U_ALICE", "U_STRANGER", BOT})),
    ]
    with Sandbox(users=people, channels=channels, clock=clock) as sandbox:
        client = WebClient(sandbox.options.bot_token, base_url=sandbox.api_url)
        names = ("is_restricted", "is_ultra_restricted", "is_stranger")

        def told(user: str) -> tuple[bool, ...]:
            about = client.users_info(user=user)["user"]
            return about["team_id"] == client.auth_test()["team_id"], *(about[name] for name in names)

        assert told("U_ALICE") == (True, False, False, False)
        assert told("U_GUEST") == (True, True, False, False)
        assert told("U_SINGLE") == (True, True, True, False)
        assert told("U_MET") == (False, False, False, False)
        assert told("U_STRANGER") == (False, False, False, True)

        def shared(channel: str) -> tuple[bool, ...]:
            about = client.conversations_info(channel=channel)["channel"]
            return about["is_shared"], about["is_ext_shared"], about["is_pending_ext_shared"]

        assert shared("C_SHARED") == (True, True, False)
        assert shared("C_ASKED") == (False, False, True)
        assert shared("C_OWN") == (False, False, False)


def test_direct_messages_can_be_opened_and_written_in(sandbox: Sandbox, client: WebClient) -> None:
    channel = client.conversations_open(users="U_GUEST")["channel"]["id"]
    client.chat_postMessage(channel=channel, text="hello")
    client.chat_postMessage(channel="U_GUEST", text="again")
    assert [one.text for one in sandbox.messages(channel)] == ["hello", "again"]


def test_a_scheduled_message_posts_unless_it_carries_metadata(
    sandbox: Sandbox, client: WebClient, clock: ManualClock
) -> None:
    at = int(clock.now()) + 60
    client.chat_scheduleMessage(channel="C_SECURITY", text="plain", post_at=at)
    about = {"event_type": "e", "event_payload": {}}
    client.chat_scheduleMessage(channel="C_SECURITY", text="never", post_at=at, metadata=about)
    clock.advance(61)
    sandbox.wait_for(lambda: sandbox.messages("C_SECURITY"))
    assert [one.text for one in sandbox.messages("C_SECURITY")] == ["plain"]
    assert [one.rule for one in sandbox.broken] == ["scheduled_metadata"]


def test_blocks_can_be_validated_without_a_token(sandbox: Sandbox) -> None:
    nobody = WebClient(base_url=sandbox.api_url)
    assert nobody.api_call("blocks.validate", json={"blocks": [section("x")]})["ok"]
    answer = refusal(nobody.api_call, "blocks.validate", json={"blocks": [section("")]})
    assert answer["errors"][0]["pointer"] == "/blocks/0/text/text"
    assert refusal(nobody.api_call, "blocks.validate", json={})["error"] == "invalid_arguments"


def test_an_unknown_method_is_refused_and_listed(sandbox: Sandbox, client: WebClient) -> None:
    assert refusal(client.api_call, "chat.shout")["error"] == "unknown_method"
    assert sandbox.broken[0].where == "chat.shout"


def test_forms_and_json_bodies_are_both_understood(sandbox: Sandbox, client: WebClient) -> None:
    blocks = '[{"type":"divider"}]'
    client.api_call("chat.postMessage", data={"channel": "C_SECURITY", "text": "form", "blocks": blocks})
    client.api_call("chat.postMessage", json={"channel": "C_SECURITY", "text": "json"})
    assert [(one.text, len(one.blocks)) for one in sandbox.messages("C_SECURITY")] == [
        ("form", 1),
        ("json", 0),
    ]


def test_a_response_url_takes_five_posts_for_thirty_minutes(sandbox: Sandbox, clock: ManualClock) -> None:
    delivery = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit", "last 7d")
    url = delivery.payload["response_url"]
    answers = [WebhookClient(url).send(text=str(number)).status_code for number in range(6)]
    assert answers == [200, 200, 200, 200, 200, 404]
    late = sandbox.command("U_ALICE", "C_SECURITY", "/tls-audit").payload["response_url"]
    clock.advance(1801)
    assert '"expired_url"' in WebhookClient(late).send(text="x").body
    assert [one.rule for one in sandbox.broken] == ["used_url", "expired_url"]
    shown = [one.text for one in sandbox.ephemerals("U_ALICE") if one.user == BOT]
    assert shown == ["0", "1", "2", "3", "4"]


def test_trouble_is_injected_where_it_was_asked_for(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.faults.status("chat.postMessage", 500)
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="C_SECURITY", text="500")
    sandbox.faults.error("chat.postMessage", "internal_error", where=lambda given: given["text"] == "bad")
    assert client.chat_postMessage(channel="C_SECURITY", text="good")["ok"]
    assert refusal(client.chat_postMessage, channel="C_SECURITY", text="bad")["error"] == "internal_error"
    sandbox.faults.cut_before("chat.postMessage")
    with pytest.raises(OSError, match=r".*"):
        client.chat_postMessage(channel="C_SECURITY", text="lost")
    sandbox.faults.cut_after("chat.postMessage")
    with pytest.raises(OSError, match=r".*"):
        client.chat_postMessage(channel="C_SECURITY", text="took effect")
    assert [one.text for one in sandbox.messages("C_SECURITY")] == ["good", "took effect"]
    sandbox.faults.status("upload", 503)
    with pytest.raises((SlackRequestError, OSError)):
        client.files_upload_v2(channel="C_SECURITY", content="a", filename="a.csv")
    assert sandbox.broken == []


def test_a_held_call_goes_on_when_released(sandbox: Sandbox, client: WebClient) -> None:
    hold = sandbox.faults.hold("chat.postMessage")
    poster = Thread(target=lambda: client.chat_postMessage(channel="C_SECURITY", text="held"))
    poster.start()
    hold.arrived()
    assert sandbox.messages("C_SECURITY") == []
    hold.release()
    poster.join()
    assert [one.text for one in sandbox.messages("C_SECURITY")] == ["held"]


def test_a_transcript_reads_like_the_channel(sandbox: Sandbox, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C_SECURITY", text="<@U_ALICE> asks &lt;this&gt;")["ts"]
    number = {"type": "raw_number", "value": 812, "text": "812"}
    rows = [
        [{"type": "raw_text", "text": "Client"}, {"type": "raw_text", "text": "Calls"}],
        [{"type": "raw_text", "text": "Boto/2.38.0"}, number],
    ]
    button = {"type": "button", "text": {"type": "plain_text", "text": "Rerun"}}
    blocks = [
        {"type": "data_table", "caption": "By client", "rows": rows},
        section("see <https://x.test|there>"),
        {"type": "actions", "elements": [button]},
    ]
    client.chat_postMessage(channel="C_SECURITY", text="t", thread_ts=parent, blocks=blocks)
    client.chat_postEphemeral(channel="C_SECURITY", user="U_BOB", text="psst")
    assert sandbox.transcript("C_SECURITY").splitlines() == [
        "TLS Audit",
        "@alice asks <this>",
        "  │ TLS Audit",
        "  │ By client",
        "  │ Client       Calls",
        "  │ -----------  -----",
        "  │ Boto/2.38.0    812",
        "  │ see there",
        "  │ [Rerun]",
    ]
    assert "psst" in sandbox.transcript("C_SECURITY", reader="U_BOB")
    assert "psst" not in sandbox.transcript("C_SECURITY", reader="U_ALICE")


def test_a_transcript_names_what_rich_text_names(sandbox: Sandbox, client: WebClient) -> None:
    named = [
        {"type": "user", "user_id": "U_BOB"},
        {"type": "text", "text": " <*> "},
        {"type": "channel", "channel_id": "C_ONCALL"},
        {"type": "text", "text": " "},
        {"type": "usergroup", "usergroup_id": "S_ONCALL"},
        {"type": "text", "text": " "},
        {"type": "broadcast", "range": "here"},
    ]
    section = {"type": "rich_text_section", "elements": named}
    items = {"type": "rich_text_list", "style": "bullet", "elements": [section, section]}
    blocks = [{"type": "rich_text", "elements": [section, items]}]
    client.chat_postMessage(channel="C_SECURITY", text="t", blocks=blocks)
    line = "@bob <*> #on-call @oncall @here"
    assert sandbox.transcript("C_SECURITY").splitlines() == ["TLS Audit", line, f"• {line}", f"• {line}"]


def test_a_sandbox_stops_and_another_starts_where_it_was() -> None:
    first = Sandbox(options=Options(), clock=Clock())
    address = first.start()
    first.stop()
    first.stop()
    second = Sandbox()
    assert second.start(port=int(address.rsplit(":", 1)[1].strip("/"))) == address
    second.stop()
    with pytest.raises(RuntimeError, match="not running"):
        second.say("U_ALICE", "C_SECURITY", "x")


def test_waiting_in_vain_tells_what_went_on(sandbox: Sandbox, client: WebClient) -> None:
    client.auth_test()
    with pytest.raises(TimeoutError, match=r"(?s)the answer did not come.*auth\.test"):
        sandbox.wait_for(lambda: False, 0.01, "the answer")
