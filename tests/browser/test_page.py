"""The demo in a browser, as a person uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selenium.webdriver.common.keys import Keys

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.screen import Engine, Screen

MESSAGE = "#main [data-hook=message]"
REPLY = "#thread [data-hook=message]"
WHISPER = "#main [data-ephemeral=yes]"
TABLE = "#thread [data-hook=data-table]"
FORM = "dialog[data-hook=modal][open]"

OVERFLOWING = """
return [...document.querySelectorAll("body *")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width && box.right > innerWidth + 0.5 && getComputedStyle(one).visibility !== "hidden"
    && !one.closest(".scroll, pre, .hidden");
}).map((one) => `${one.tagName}.${one.className}`);
"""


def test_a_command_is_completed_and_answered_in_a_thread(screen: Screen) -> None:
    composer = screen.see("#composer")
    composer.send_keys("/tls")
    screen.see("[data-hook=option]", "/tls-audit")
    composer.send_keys(Keys.TAB)
    assert composer.get_attribute("value") == "/tls-audit "
    composer.send_keys("last 7d service=s3", Keys.ENTER)
    screen.see(MESSAGE, "calls by 2 principals")
    screen.open_thread("calls over TLS older than 1.2 to s3")
    rows = screen.text(TABLE)
    assert "user/nightly-export" in rows
    assert "AES256-SHA" in rows
    screen.see("#thread [data-hook=file]", "service-s3.csv")


def test_a_table_is_sorted_filtered_and_paged(screen: Screen) -> None:
    screen.say("/tls-audit last 7d requests top=70")
    screen.open_thread("70")
    screen.see(f"{TABLE} [data-hook=table-status]", "1–30 of 70")
    screen.press(f"{TABLE} [data-hook=next]")
    screen.press(f"{TABLE} [data-hook=next]")
    screen.see(f"{TABLE} [data-hook=table-status]", "61–70 of 70")
    screen.press(f"{TABLE} [data-hook=sort][data-column='0']")
    screen.see(f"{TABLE} th[aria-sort=ascending]")
    screen.see(f"{TABLE} [data-hook=table-status]", "1–30 of 70")
    first = screen.texts(f"{TABLE} tbody tr > :first-child")
    assert first == sorted(first)
    screen.press(f"{TABLE} [data-hook=sort][data-column='0']")
    screen.see(f"{TABLE} th[aria-sort=descending]")
    last = screen.texts(f"{TABLE} tbody tr > :first-child")[0]
    assert last > first[-1]
    screen.see(f"{TABLE} [data-hook=filter]").send_keys(last)
    screen.gone(f"{TABLE} [data-hook=table-status]", "of 70")
    assert set(screen.texts(f"{TABLE} tbody tr > :first-child")) == {last}
    screen.see(f"{TABLE} [data-hook=filter]").send_keys("no such thing")
    screen.see(TABLE, "No row matches.")


def test_the_file_is_downloaded_byte_for_byte(screen: Screen, downloads: Path) -> None:
    screen.say("/tls-audit last 7d by=clients")
    screen.open_thread("by client")
    name = screen.attribute("data-name", "#thread [data-hook=file]")
    screen.see("#thread [data-hook=csv]", "userAgent")
    screen.press("#thread [data-hook=download]")
    screen.until(lambda: (downloads / name).is_file(), name)
    (sent,) = [file for file in screen.slack.files if file.name == name]
    assert (downloads / name).read_bytes() == sent.content
    assert (sent.content or b"").startswith(b"\xef\xbb\xbfuserAgent,")


def test_a_running_question_is_cancelled(screen: Screen, engine: Engine) -> None:
    engine.go.clear()
    screen.say("/tls-audit last 7d service=kms")
    screen.see(MESSAGE, "to kms")
    screen.press(f"{MESSAGE} [data-action=cancel]")
    answer = screen.text(MESSAGE, "Cancelled")
    assert "to kms" in answer
    screen.gone(f"{MESSAGE} [data-action=cancel]")


def test_the_form_says_what_it_asks_and_asks_it(screen: Screen) -> None:
    screen.say("/tls-audit")
    screen.see(FORM, "calls over TLS older than 1.2")
    screen.write("service", "dynamodb, sqs")
    screen.see(FORM, "/tls-audit service=dynamodb,sqs")
    screen.write("window", "last 3 fortnights")
    screen.press(f"{FORM} [data-hook=submit]")
    screen.see(f"{FORM} [data-hook=error]", "fortnights")
    screen.write("window", "last 3d")
    screen.press(f"{FORM} [data-hook=submit]")
    screen.gone(FORM)
    screen.open_thread("to dynamodb or sqs")
    assert "billing-reports" in screen.text(REPLY)


def test_a_typo_is_explained_to_the_asker_alone_and_edited(screen: Screen) -> None:
    screen.say("/tls-audit last 7d servce=kms")
    screen.see(WHISPER, "did you mean service=?")
    screen.press(f"{WHISPER} [data-action=edit_text]")
    line = screen.see("dialog [data-block=more] input")
    assert line.get_attribute("value") == "last 7d servce=kms"
    screen.write("more", "last 7d service=kms top=1")
    screen.see(FORM, "to kms")
    screen.press(f"{FORM} [data-hook=submit]")
    screen.gone(FORM)
    screen.see(MESSAGE, "to kms, top 1")

    screen.press("[data-hook=act-as]", "Bob")
    screen.see("[data-hook=act-as][aria-pressed=true]", "Bob")
    screen.see(MESSAGE, "to kms")
    assert screen.all(WHISPER) == []


def test_home_lists_my_runs_and_opens_the_form(screen: Screen) -> None:
    screen.press("#sidebar [data-hook=act-as]", "Bob")
    screen.see("[data-hook=act-as][aria-pressed=true]", "Bob")
    screen.say("/tls-audit last 7d versions")
    screen.see(MESSAGE, "Bob Carter asks")
    screen.press("#sidebar [data-hook=channel]", "TLS Audit")
    screen.press("[data-hook=home-tab]")
    screen.see("[data-hook=home]", "last 7d versions")
    assert screen.all("[data-hook=home]", "servce") == []
    screen.press("[data-hook=home] [data-action=ask]")
    screen.see(FORM, "Ask TLS Audit")
    screen.press(f"{FORM} [data-hook=cancel]")
    screen.gone(FORM)


def test_a_private_answer_is_seen_by_the_asker_alone(screen: Screen) -> None:
    screen.say("/tls-audit private last 7d by=regions")
    screen.press("#sidebar [data-hook=channel].unread", "TLS Audit")
    screen.open_thread("by region")
    screen.see(TABLE, "eu-central-1")
    assert [one for one in screen.slack.messages("C_SECURITY") if "region" in one.text] == []

    screen.press("[data-hook=act-as]", "Bob")
    screen.press("#sidebar [data-hook=channel]", "TLS Audit")
    screen.see("[data-hook=messages-tab][aria-selected=true]")
    assert screen.all(MESSAGE, "by region") == []


def test_what_strangers_wrote_is_shown_as_it_is(screen: Screen) -> None:
    screen.say("/tls-audit last 14d calls service=sts")
    screen.open_thread("to sts")
    screen.see(TABLE, "lab-visitor")
    screen.press("#thread [data-hook=thread-wide]")
    table = "[...document.querySelectorAll(arguments[0])].at(-1)"
    words = screen.script(f"return {table}.textContent", TABLE)
    everything = words + screen.text("#thread")
    assert "assumed-role/lab-visitor/<!channel> =1+1" in everything
    assert "curl/7.19.7 ```*hello*``` :tada: <https://example.com|click>" in everything
    made = screen.script(
        f"return [...{table}.querySelectorAll('tbody :is(td, th) *')].map((one) => one.tagName)", TABLE
    )
    assert set(made) <= {"WBR"}
    assert screen.all("#thread a:not([data-hook=download])") == []
    assert screen.all(".mention.loud") == []
    assert screen.all("#thread .emoji", "🎉") == []


def test_a_phone_in_the_dark_shows_all_without_scrolling_sideways(screen: Screen) -> None:
    screen.say("/tls-audit last 14d trend")
    screen.open_thread("per day")
    screen.see("#thread [data-hook=file]", "trend")
    thread = screen.script("return location.hash").partition("?")[0].removeprefix("#/")
    screen.browser.get("about:blank")
    screen.resize(390, 844)
    screen.open("C_SECURITY?as=U_ALICE&theme=dark")
    screen.see(MESSAGE, "per day")
    assert screen.script(OVERFLOWING) == []
    assert (
        sum(
            screen.script("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        )
        < 150
    )

    screen.open(f"{thread}?as=U_ALICE&theme=dark")
    screen.see("#thread [data-hook=csv]")
    assert screen.script(OVERFLOWING) == []
    assert screen.see("#thread").rect["width"] == 390
    assert screen.script("return document.elementFromPoint(195, 700).closest('#thread') !== null")
    assert screen.script(
        "const box = document.querySelector('#thread .data-table .scroll'); box.scrollLeft = 999;"
        "return box.scrollLeft > 0 && Math.abs(box.querySelector('tbody th').getBoundingClientRect().left"
        " - box.getBoundingClientRect().left) < 2"
    ), "the first column left with the rest"

    screen.press("#thread [data-hook=thread-close]")
    screen.say("/tls-audit")
    screen.see(FORM)
    assert screen.script(OVERFLOWING) == []
