"""A real Bolt app over Socket Mode, and people who type, click and fill in forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.sandbox import Command, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ALICE, BOB, HERE = "U_ALICE", "U_BOB", "C_SECURITY"


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


OPTIONS = [
    {"text": plain("Per service"), "value": "services"},
    {"text": plain("Per client"), "value": "clients"},
]
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "ask",
    "title": plain("Ask"),
    "submit": plain("Ask"),
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "view",
            "label": plain("View"),
            "element": {
                "type": "static_select",
                "action_id": "view",
                "options": OPTIONS,
                "initial_option": OPTIONS[0],
            },
        },
        {
            "type": "input",
            "block_id": "account",
            "label": plain("Account"),
            "element": {
                "type": "plain_text_input",
                "action_id": "account",
                "min_length": 12,
                "max_length": 12,
            },
        },
        {
            "type": "input",
            "block_id": "day",
            "optional": True,
            "label": plain("Day"),
            "element": {"type": "datepicker", "action_id": "day"},
        },
    ],
}
DONE = {"type": "modal", "title": plain("Done"), "blocks": [{"type": "section", "text": plain("Asked.")}]}


def build(client: WebClient) -> App:
    app = App(client=client)

    @app.command("/tls-audit")
    def ask(ack: Any, command: dict[str, Any], client: WebClient) -> None:
        ack()
        if command["text"] == "form":
            client.views_open(trigger_id=command["trigger_id"], view=FORM)
            return
        buttons = [
            {"type": "button", "action_id": "cancel", "text": plain("Cancel"), "value": "7f3a"},
            {
                "type": "static_select",
                "action_id": "as",
                "placeholder": plain("View as…"),
                "options": OPTIONS,
            },
        ]
        blocks = [{"type": "actions", "elements": buttons}]
        client.chat_postMessage(channel=command["channel_id"], text=command["text"], blocks=blocks)

    @app.command("/plain")
    def unescaped(ack: Any) -> None:
        ack()

    @app.action("cancel")
    def cancel(ack: Any, body: dict[str, Any], respond: Any) -> None:
        ack()
        respond(text=f"cancelled {body['actions'][0]['value']}", replace_original=True)

    @app.action("as")
    def chosen(ack: Any, body: dict[str, Any], client: WebClient) -> None:
        ack()
        value = body["actions"][0]["selected_option"]["value"]
        client.chat_postMessage(channel=body["channel"]["id"], text=value, thread_ts=body["message"]["ts"])

    @app.view("ask")
    def asked(ack: Any, view: dict[str, Any]) -> None:
        account = view["state"]["values"]["account"]["account"]["value"]
        if not account.isdigit():
            ack(response_action="errors", errors={"account": "Twelve digits."})
        elif account == "0" * 12:
            ack(response_action="update", view=DONE)
        else:
            ack()

    @app.view_closed("ask")
    def closed(ack: Any, body: dict[str, Any], client: WebClient) -> None:
        ack()
        client.chat_postMessage(channel=body["user"]["id"], text="never mind")

    @app.event("app_mention")
    def mentioned(event: dict[str, Any], say: Any) -> None:
        say(text=event["text"], thread_ts=event.get("thread_ts", event["ts"]))

    @app.event("app_home_opened")
    def home(event: dict[str, Any], client: WebClient) -> None:
        blocks = [{"type": "section", "text": plain("Welcome")}]
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    return app


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    commands = [Command("/tls-audit"), Command("/plain", should_escape=False)]
    with Sandbox(commands=commands, rate_limits=False) as running:
        app = build(WebClient("xoxb-sandbox", base_url=running.api_url))
        handler = SocketModeHandler(app, "xapp-sandbox")
        handler.connect()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped
        running.wait_for(lambda: running.sockets)
        yield running
        # the SDK waits up to three seconds in recv before it closes; a connection that is gone wakes it
        handler.client.auto_reconnect_enabled = False
        running.cut_sockets()
        handler.close()  # type: ignore[no-untyped-call]  # as above
        assert running.broken == []


def posted(sandbox: Sandbox, text: str, channel: str = HERE) -> Any:
    return sandbox.wait_for(
        lambda: next((one for one in sandbox.messages(channel) if one.text == text), None), what=repr(text)
    )


def test_a_command_is_acknowledged_and_answered(sandbox: Sandbox) -> None:
    delivery = sandbox.acknowledged(sandbox.command(ALICE, HERE, "/tls-audit", "last 1d"))
    assert (delivery.state, delivery.payload["channel_name"]) == ("acked", "security")
    assert posted(sandbox, "last 1d").user == "U_TLSAUDIT"


def test_a_button_reaches_the_app_and_its_response_url_replaces_the_message(sandbox: Sandbox) -> None:
    sandbox.command(ALICE, HERE, "/tls-audit", "to cancel")
    message = posted(sandbox, "to cancel")
    delivery = sandbox.acknowledged(sandbox.click(BOB, message, "cancel"))
    assert delivery.payload["user"]["id"] == BOB
    assert posted(sandbox, "cancelled 7f3a").ts == message.ts


def test_a_choice_in_a_menu_carries_its_option(sandbox: Sandbox) -> None:
    sandbox.command(ALICE, HERE, "/tls-audit", "to choose")
    message = posted(sandbox, "to choose")
    sandbox.click(ALICE, message, "as", "Per client")
    assert sandbox.wait_for(lambda: sandbox.thread(HERE, message.ts))[0].text == "clients"
    with pytest.raises(ValueError, match="there are: services, clients"):
        sandbox.click(ALICE, message, "as", "accounts")
    with pytest.raises(ValueError, match="there are: cancel, as"):
        sandbox.click(ALICE, message, "cancle")


def test_a_form_is_complained_about_by_slack_then_by_the_app_then_sent(sandbox: Sandbox) -> None:
    sandbox.command(ALICE, HERE, "/tls-audit", "form")
    view = sandbox.wait_for(lambda: sandbox.view_of(ALICE))
    assert view.json()["state"]["values"]["view"]["view"]["selected_option"] == OPTIONS[0]
    assert sandbox.submit(ALICE).errors == {"account": "Please complete this required field."}
    assert sandbox.submit(ALICE, {"account": "12"}).errors == {"account": "Enter at least 12 characters."}
    assert sandbox.submit(ALICE, {"account": "a" * 12}).errors == {"account": "Twelve digits."}
    sent = sandbox.submit(ALICE, {"account": "1" * 12, "view": "clients", "day": "2026-11-16"})
    assert (sent.errors, sent.delivery.payload["view"]["state"]["values"]["day"]["day"]["selected_date"]) == (
        {},
        "2026-11-16",
    )
    assert sandbox.view_of(ALICE) is None


def test_a_form_may_turn_into_another(sandbox: Sandbox) -> None:
    sandbox.command(BOB, HERE, "/tls-audit", "form")
    sandbox.wait_for(lambda: sandbox.view_of(BOB))
    sandbox.submit(BOB, {"account": "0" * 12})
    view = sandbox.view_of(BOB)
    assert view is not None
    assert view.body["title"]["text"] == "Done"
    sandbox.close_view(BOB)
    assert sandbox.view_of(BOB) is None


def test_closing_a_form_is_told_to_an_app_that_asked(sandbox: Sandbox) -> None:
    sandbox.command(ALICE, HERE, "/tls-audit", "form")
    sandbox.wait_for(lambda: sandbox.view_of(ALICE))
    sandbox.close_view(ALICE)
    assert posted(sandbox, "never mind", "D_ALICE")


def test_a_trigger_opens_one_modal_within_three_seconds(sandbox: Sandbox) -> None:
    client = WebClient("xoxb-sandbox", base_url=sandbox.api_url)
    payload = sandbox.acknowledged(sandbox.command(ALICE, HERE, "/tls-audit", "t")).payload
    client.views_open(trigger_id=payload["trigger_id"], view=DONE)
    again = client.api_call
    for trigger, error in ((payload["trigger_id"], "exchanged_trigger_id"), ("1.2.3", "invalid_trigger_id")):
        with pytest.raises(Exception, match=error):
            again("views.open", json={"trigger_id": trigger, "view": DONE})
    sandbox.close_view(ALICE)
    rules = [one.rule for one in sandbox.broken]
    assert rules == ["exchanged_trigger_id", "invalid_trigger_id"]
    sandbox.forgive()


def test_a_mention_is_answered_in_its_thread(sandbox: Sandbox) -> None:
    message = sandbox.mention(BOB, HERE, "last 7d service=s3 & more")
    reply = sandbox.wait_for(lambda: sandbox.thread(HERE, message.ts))[0]
    assert reply.text == "<@U_TLSAUDIT> last 7d service=s3 &amp; more"


def test_a_mention_where_the_app_is_not_tells_how_to_invite_it(sandbox: Sandbox) -> None:
    sandbox.mention(BOB, "C_RANDOM", "x")
    assert "/invite @tls-audit" in sandbox.ephemerals(BOB)[-1].text
    sandbox.command(BOB, "C_RANDOM", "/invite", "@tls-audit")
    message = sandbox.mention(BOB, "C_RANDOM", "y")
    assert sandbox.wait_for(lambda: sandbox.thread("C_RANDOM", message.ts))


def test_commands_do_not_work_in_threads(sandbox: Sandbox) -> None:
    parent = sandbox.say(ALICE, HERE, "a thread")
    delivery = sandbox.command(ALICE, HERE, "/tls-audit", "x", thread=parent.ts)
    assert delivery.state == "refused"
    assert sandbox.ephemerals(ALICE)[-1].text == "/tls-audit is not supported in threads. Sorry!"


def test_an_unknown_command_never_reaches_the_app(sandbox: Sandbox) -> None:
    assert sandbox.command(ALICE, HERE, "/tls-adit").state == "refused"
    assert "not a valid command" in sandbox.ephemerals(ALICE)[-1].text


def test_typed_names_and_hosts_are_escaped_where_the_command_says_so(sandbox: Sandbox) -> None:
    typed = "host=s3.amazonaws.com by @bob in #on-call a&b <x> role/x.y"
    escaped = sandbox.command(ALICE, HERE, "/tls-audit", typed).payload["text"]
    assert escaped == (
        "host=<http://s3.amazonaws.com|s3.amazonaws.com> by <@U_BOB|bob> in <#C_ONCALL|on-call>"
        " a&amp;b &lt;x&gt; role/x.y"
    )
    assert sandbox.command(ALICE, HERE, "/plain", typed).payload["text"] == typed
    posted(sandbox, escaped)


def test_the_home_tab_is_published_when_it_is_opened(sandbox: Sandbox) -> None:
    sandbox.open_home(ALICE)
    view = sandbox.wait_for(lambda: sandbox.home(ALICE))
    assert view.body["blocks"][0]["text"]["text"] == "Welcome"


def test_the_app_comes_back_after_a_refresh(sandbox: Sandbox) -> None:
    sandbox.refresh_sockets()
    sandbox.wait_for(lambda: sandbox.sockets == 1)
    delivery = sandbox.acknowledged(sandbox.command(ALICE, HERE, "/tls-audit", "after the refresh"))
    assert delivery.state == "acked"
