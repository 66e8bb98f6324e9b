"""A digest in a browser, from the order to a finding that is put off; and what else only digests use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver.common.keys import Keys
from slack_sdk import WebClient

from tests.browser.past import NEWCOMER, give_past

if TYPE_CHECKING:
    from bot.bootstrap import Bot
    from bot.sandbox import Sandbox
    from tests.browser.screen import Screen

ONCALL = "C_ONCALL"
MESSAGE = "#main [data-hook=message]"
REPLY = "#thread [data-hook=message]"
WHISPER = "#main [data-ephemeral=yes]"
FORM = "dialog[data-hook=modal][open]"
SUBMIT = f"{FORM} [data-hook=submit]"
ERROR = f"{FORM} [data-hook=error]"


@pytest.fixture
def on_call(screen: Screen) -> Screen:
    """Alice's screen, at #on-call."""
    screen.open(f"{ONCALL}?as=U_ALICE&theme=light")
    return screen


@pytest.fixture
def client(demo: tuple[Sandbox, Bot]) -> WebClient:
    """For what the bot itself does not send."""
    slack, _ = demo
    return WebClient(slack.options.bot_token, base_url=slack.api_url)


def test_a_digest_is_ordered_told_and_one_of_its_findings_snoozed(
    on_call: Screen, demo: tuple[Sandbox, Bot]
) -> None:
    screen, (_, bot) = on_call, demo
    screen.say("/tls-digest daily 09:00 min=1.3 mention=@oncall")
    ordered = screen.text(MESSAGE, "every day at 09:00 Berlin time")
    assert "The first one sets the baseline." in ordered
    (digest,) = [one for one in bot.worker.digests.all() if one.channel == ONCALL]
    give_past(bot, digest, 2)

    told = f"{MESSAGE}:has([data-hook=open-thread])"
    screen.see(told, " new (")
    assert screen.all(f"{MESSAGE} .mention[data-group=S_ONCALL]", "@oncall")
    assert screen.all(f"{MESSAGE} .mention.mine[data-group]") == [], "Alice is not on call"
    screen.until(
        lambda: screen.see(told, " new (").find_elements("css selector", "[data-hook=chart] .line"), "a line"
    )
    screen.open_thread(" new (")
    assert screen.text("#thread [data-hook=data-table] tbody tr", NEWCOMER).startswith("new")
    screen.see("#thread [data-hook=file]", f"tls-audit_digest-{digest.id}")

    screen.choose("#thread [data-action=snooze]", f"s3 · user/{NEWCOMER}")
    screen.see(FORM, "Snooze a finding")
    assert len(screen.all(f"{FORM} input[type=radio]")) == 3
    screen.press(SUBMIT)
    screen.see(ERROR, "Please complete this required field.")
    assert screen.attribute("aria-invalid", f"{FORM} [data-block=reason] input") == "true"
    screen.press(f"{FORM} label", "14 days")
    screen.write("reason", "the vendor patches on the 30th")
    screen.press(SUBMIT)
    screen.gone(FORM)
    line = screen.text(REPLY, "the vendor patches on the 30th")
    assert f"@Alice Meyer snoozed s3 · user/{NEWCOMER}" in line
    (snooze,) = [one.snooze for one in bot.worker.digests.findings(digest.id) if one.snooze]
    assert (snooze.by, snooze.why) == ("alice", "the vendor patches on the 30th")

    screen.press(f"{MESSAGE} [data-action=edit_digest]")
    screen.see(FORM, f"Digest {digest.id}")
    screen.press(f"{FORM} [data-hook=cancel]")
    screen.gone(FORM)
    screen.choose("#thread [data-action=snooze]", f"s3 · user/{NEWCOMER}")
    screen.see(FORM, "Snooze a finding")
    screen.press(f"{FORM} [data-hook=cancel]")
    screen.gone(FORM)


def test_mentions_of_every_kind_are_named_and_stand_out_to_whom_they_are_for(
    on_call: Screen, client: WebClient
) -> None:
    screen = on_call
    screen.press("#sidebar [data-hook=act-as]", "Bob")
    screen.see("[data-hook=act-as][aria-pressed=true]", "Bob")
    screen.press("#sidebar [data-hook=channel]", "security")
    screen.see("#main h1", "security")
    named = [
        {"type": "text", "text": "In "},
        {"type": "channel", "channel_id": "C_SECURITY"},
        {"type": "text", "text": " for "},
        {"type": "usergroup", "usergroup_id": "S_ONCALL"},
        {"type": "text", "text": " and "},
        {"type": "broadcast", "range": "here"},
    ]
    section = {"type": "rich_text_section", "elements": named}
    blocks = [{"type": "rich_text", "elements": [section]}]
    ts = client.chat_postMessage(channel=ONCALL, text="x", blocks=blocks)["ts"]
    assert screen.text("#sidebar [data-hook=channel].unread", "on-call").endswith("1"), "a badge"
    screen.press("#sidebar [data-hook=channel]", "on-call")
    screen.see(MESSAGE, "In #security for @oncall and @here")
    mine = f"#main .pings-me[data-ts='{ts}']"
    assert [one.text for one in screen.all(f"{mine} .mention.mine")] == ["@oncall"]
    assert [one.text for one in screen.all(f"{mine} .mention.loud")] == ["@here"]
    screen.press(f"{mine} a.mention", "#security")
    screen.see("#main h1", "security")


def test_a_line_chart_of_two_series_is_drawn_as_wide_as_there_is_room(
    on_call: Screen, client: WebClient
) -> None:
    screen, weeks = on_call, ["2 Nov", "9 Nov", "16 Nov"]
    series = [
        {"name": name, "data": [{"label": week, "value": value} for week in weeks]}
        for name, value in (("Calls", 1234), ("Open findings", 7))
    ]
    chart = {"type": "line", "series": series, "axis_config": {"categories": weeks}}
    block = {"type": "data_visualization", "title": "Calls per week", "chart": chart}
    ts = client.chat_postMessage(channel=ONCALL, text="x", blocks=[block])["ts"]
    here = f"#main [data-ts='{ts}']"
    assert screen.texts(f"{here} .legend li") == ["Calls", "Open findings"]
    assert len(screen.all(f"{here} circle")) == 6
    letters = f'return document.querySelector("{here} .tick").getBoundingClientRect().height'
    broad = screen.script(letters)
    screen.open(f"{ONCALL}/{ts}?as=U_ALICE&theme=light")
    narrow = f'return document.querySelector("{here} svg").viewBox.baseVal.width'
    screen.until(lambda: screen.script(narrow) < 400, "a narrower chart")
    assert screen.script(letters) == pytest.approx(broad, abs=1), "its words shrank"
    screen.press(f"{here} [data-hook=chart-toggle]")
    assert "1,234" in screen.text(f"{here} [data-hook=chart-table]")


def test_both_commands_are_offered_and_groups_too(on_call: Screen) -> None:
    screen = on_call
    composer = screen.see("#composer")
    composer.send_keys("/tls")
    screen.see("[data-hook=option]", "/tls-audit")
    assert "mention=@oncall" in screen.text("[data-hook=option]", "/tls-digest")
    composer.send_keys(Keys.ARROW_DOWN, Keys.TAB)
    composer.send_keys("help mention=@on")
    screen.see("[data-hook=option]", "@oncall")
    composer.send_keys(Keys.TAB)
    assert composer.get_attribute("value") == "/tls-digest help mention=@oncall "


def test_a_digest_is_ordered_in_a_form_that_is_refused_until_it_is_right(on_call: Screen) -> None:
    screen = on_call
    screen.say("/tls-digest")
    screen.see(FORM, "New digest")
    where = screen.see(f"{FORM} [data-block=channel] select")
    assert screen.script("return arguments[0].selectedOptions[0].text", where) == "# on-call"
    screen.choose(f"{FORM} [data-block=channel] select", "# security")
    screen.write("when", "")
    screen.press(SUBMIT)
    screen.see(f"{ERROR}[data-block=when]", "Please complete this required field.")
    screen.write("when", "daily 25:00")
    screen.press(SUBMIT)
    screen.see(f"{ERROR}[data-block=when]", "25:00")
    screen.write("when", "weekly mon 08:30")
    screen.press(SUBMIT)
    screen.gone(FORM)
    screen.press("#sidebar [data-hook=channel]", "security")
    screen.see(MESSAGE, "every Monday at 08:30")


def test_a_form_takes_channels_people_times_and_one_of_a_few(
    on_call: Screen, demo: tuple[Sandbox, Bot], client: WebClient
) -> None:
    screen, (slack, _) = on_call, demo
    days = [{"text": plain(f"{days} days"), "value": str(days)} for days in (7, 14)]
    elements: dict[str, dict[str, Any]] = {
        "conversation": {"type": "conversations_select", "default_to_current_conversation": True},
        "channel": {"type": "channels_select"},
        "person": {"type": "users_select", "initial_user": "U_BOB"},
        "time": {"type": "timepicker"},
        "days": {"type": "radio_buttons", "options": days},
    }
    blocks = [
        {
            "type": "input",
            "block_id": name,
            "label": plain(name),
            "element": {**element, "action_id": name},
        }
        for name, element in elements.items()
    ]
    trigger = slack.command("U_ALICE", ONCALL, "/tls-digest", "help").payload["trigger_id"]
    view = {"type": "modal", "title": plain("All"), "submit": plain("Send"), "blocks": blocks}
    client.views_open(trigger_id=trigger, view=view)
    screen.see(FORM, "All")
    chosen = (
        "return [...document.querySelectorAll('dialog select')].map((one) => one.selectedOptions[0].text)"
    )
    assert screen.script(chosen) == ["# on-call", "Choose…", "Bob Carter"]
    rooms = screen.text(f"{FORM} [data-block=conversation] select")
    assert "# secret (private)" in rooms
    assert "# old" not in rooms, "an archived channel is offered"
    assert "secret" not in screen.text(f"{FORM} [data-block=channel] select")

    screen.press(SUBMIT)
    screen.see(ERROR)
    refused = screen.until(lambda: {one.get_attribute("data-block") for one in screen.all(ERROR)}, ERROR)
    assert refused == {"channel", "time", "days"}
    screen.choose(f"{FORM} [data-block=channel] select", "# random")
    screen.see(f"{FORM} [data-block=time] input").send_keys("0830AM")
    screen.press(f"{FORM} [data-block=days] label", "14 days")

    def held() -> dict[str, Any]:
        open_ = slack.view_of("U_ALICE")
        values = open_.json()["state"]["values"] if open_ else {}
        return {name: inner[name] for name, inner in values.items()}

    screen.until(lambda: held()["days"]["selected_option"] == days[1], "the days")
    screen.until(lambda: held()["time"]["selected_time"] == "08:30", "the time")
    assert held()["channel"]["selected_channel"] == "C_RANDOM"
    assert held()["conversation"]["selected_conversation"] == ONCALL
    assert held()["person"]["selected_user"] == "U_BOB"
    screen.press(f"{FORM} [data-hook=cancel]")
    screen.gone(FORM)


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
