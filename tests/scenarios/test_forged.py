"""Forged: whoever sends ids, places and metadata that they should not have gets nothing by them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.app.reuse import Costs
from handlers.blockkit.values import (
    AskPlace,
    AsView,
    Confirmed,
    DigestForm,
    OfDigest,
    OfFinding,
    OfRun,
    SnoozeForm,
)
from tests.scenarios.desk import (
    ASKED,
    ELSEWHERE,
    FOUND,
    HERE,
    PRIVATE,
    SECRET,
    TO_GUEST,
    WHO,
    Desk,
    an_order,
    button,
    command,
    form,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bot.question.views import View
    from tests.doubles.web_api import Slack
    from tests.scenarios.desk import Way

BOB: Final = "U_BOB"


# --- a digest is aimed where its orderer is not


def order(words: str) -> Way:
    return command("/tls-digest", words)


def filled(carried: object, **fields: str) -> Way:
    """The form of a digest, with these of its inputs changed."""
    values = an_order(fields.pop("channel", HERE))
    for name, value in fields.items():
        values[name] = {name: {"value": value}}
    return form("digest_form", "", carried, values)


NEW: Final = DigestForm(None, HERE)
OWN: Final = DigestForm(2, HERE)
"""The digest that Bob has ordered before."""

AIMS: Final[Mapping[str, Way]] = {
    "a guest's messages": order(f"daily 09:00 #{TO_GUEST} mention=@here"),
    "another member's messages": order("daily 09:00 #D_ALICE mention=@here"),
    "a private channel": order("daily 09:00 #C_HIDDEN"),
    "as Slack marks channels": order(f"daily 09:00 <#{TO_GUEST}|general>"),
    "with a label of the place they are in": order(f"daily 09:00 <#{TO_GUEST}|{HERE}>"),
    "in full width": order(f"daily 09:00 ＃{TO_GUEST}"),
    "invisible characters within": order(f"daily 09:00 #{TO_GUEST[:3]}\u200b{TO_GUEST[3:]}"),
    "in quotes": order(f'daily 09:00 "#{TO_GUEST}"'),
    "a channel one is in, and then another": order(f"daily 09:00 #{HERE} #{TO_GUEST}"),
    "a person in place of a channel": order("daily 09:00 #U_GUEST"),
    "weekly": order(f"weekly mon 09:00 #{TO_GUEST}"),
    "a channel that is not there": order("daily 09:00 #C_NOWHERE"),
    "chosen in the form": filled(NEW, channel=TO_GUEST),
    "a person chosen in the form": filled(NEW, channel="U_GUEST"),
    "nothing chosen, and metadata of elsewhere": filled(DigestForm(None, TO_GUEST), channel=""),
    "nowhere, and the time names a channel": filled(
        DigestForm(None, ""), channel="", when=f"daily 09:00 #{TO_GUEST}"
    ),
    "here, and the time names a channel": filled(NEW, when=f"daily 09:00 #{TO_GUEST}"),
    "here, and the question names a channel": filled(NEW, question=f"service=s3 #{TO_GUEST}"),
    "here, and the mention names a channel": filled(NEW, mention=f"@here #{TO_GUEST}"),
    "one's own, edited": filled(OWN, channel=TO_GUEST),
    "one's own, edited into a private channel": filled(OWN, channel="C_HIDDEN"),
    "one's own, edited by its words": filled(OWN, when=f"daily 09:00 #{TO_GUEST}", channel=""),
    "Alice's, edited into one's own messages": filled(DigestForm(1, HERE), channel="D_BOB"),
    "Alice's, edited by a form from elsewhere": filled(DigestForm(1, "D_BOB"), channel="D_BOB"),
}


@pytest.mark.parametrize("how", AIMS)
def test_a_digest_is_aimed_nowhere_but_where_its_orderer_is(desk: Desk, how: str) -> None:
    desk.by(BOB, order("daily 09:00"))
    before = desk.digests.all()
    desk.slack.sent.clear()

    said = desk.by(BOB, AIMS[how])

    assert desk.digests.all() == before, "nothing was ordered, and nothing moved"
    assert [sent for sent in desk.slack.calls("chat.postMessage") if sent["channel"] != "D_BOB"] == []
    assert '"errors"' in said or '"ephemeral"' in said, "who ordered it is told, where they did"


def test_an_admin_moves_a_digest_only_to_where_its_owner_is_too(desk: Desk) -> None:
    desk.slack.channels["C_ADMINS"] = ("U_ADMIN",)  # type: ignore[index]  # the fixture gives a dict

    said = desk.by("U_ADMIN", filled(DigestForm(1, HERE), channel="C_ADMINS"))

    assert "only where both you and I are" in said
    assert desk.digests.all()[0].channel == HERE


# --- a private run is named


def as_written(action: str, value: str) -> Way:
    """A button that carries what nobody of ours has written."""
    return button(action, "", lambda _: value)


NAMED: Final[Mapping[str, Way]] = {
    **{
        action: button(action, "", lambda _: OfRun(PRIVATE))
        for action in ("rerun", "ask_stricter", "share", "show_sql", "edit_run", "daily", "cancel")
    },
    "view_as": button("view_as", "", lambda _: AsView(PRIVATE, "clients")),
    "rerun, as version 2 wrote it": as_written("rerun", PRIVATE),
    "view_as, as version 2 wrote it": as_written("view_as", f"{PRIVATE} clients"),
    "show_sql, with a line end": as_written("show_sql", f"{PRIVATE}\n"),
    "edit_run, with more fields": as_written("edit_run", json.dumps({"run": PRIVATE, "user": "U_ALICE"})),
    "daily, said twice": as_written("daily", f'{{"run": "x", "run": "{PRIVATE}"}}'),
    "cancel, typed": command("/tls-audit", f"cancel {PRIVATE}"),
    "cancel, typed as it is shown": command("/tls-audit", f"cancel `run {PRIVATE}`"),
    "cancel, in capitals": command("/tls-audit", f"CANCEL {PRIVATE.upper()}"),
    "runs": command("/tls-audit", "runs"),
    "run_sure, of kept words": button("run_sure", "", lambda ids: Confirmed("", False, None, ids["kept"])),
    "run_sure, as a run": button("run_sure", "", lambda _: Confirmed("", False, None, PRIVATE)),
}


@pytest.mark.parametrize("how", NAMED)
@pytest.mark.parametrize("who", WHO)
def test_of_a_private_run_nobody_else_gets_a_word_or_a_change(desk: Desk, who: str, how: str) -> None:
    before = desk.runs.get(PRIVATE)

    said = desk.by(WHO[who], NAMED[how])

    assert "alices-secret" not in said
    assert "agent=x" not in said
    assert desk.runs.get(PRIVATE) == before
    assert [run.text for run in desk.runs.latest(WHO[who], 9)] == []


def test_nobody_learns_from_their_answer_that_another_asked_the_same_in_private(
    slack: Slack, tmp_path: Path, catalogue: dict[str, View]
) -> None:
    costs = Costs({"local": 0.005}, reuse=timedelta(minutes=10))
    desk = Desk(tmp_path, slack, catalogue, costs=costs)
    adopted = {}
    for user, text in ((BOB, SECRET), ("U_ALICE", SECRET), (BOB, "by=services")):
        desk.by(user, command("/tls-audit", f"last 7d {text}"))
        adopted[user, text] = bool(desk.runs.latest(user, 1)[0].steps)
    desk.database.close()

    assert adopted == {(BOB, SECRET): False, ("U_ALICE", SECRET): True, (BOB, "by=services"): True}


# --- a form says what was never shown


def snoozed(about: object = SnoozeForm(1, FOUND.id, HERE, "1.1"), days: str = "7", why: str = "known") -> Way:
    values: dict[str, Any] = {
        "days": {"days": {"selected_option": {"value": days}}},
        "reason": {"reason": {"value": why}},
    }
    return form("snooze_form", "", about, values)


SNOOZES: Final[Mapping[str, tuple[str, Way]]] = {
    "by a guest, for another channel": ("U_GUEST", snoozed(SnoozeForm(1, FOUND.id, ELSEWHERE, "1.1"))),
    "by a guest, for the channel": ("U_GUEST", snoozed()),
    "by another organization": ("U_STRANGER", snoozed()),
    "by who is not in the channel": ("U_CAROL", snoozed()),
    "by who says that they are": ("U_CAROL", snoozed(SnoozeForm(1, FOUND.id, HERE, None))),
    "of another digest": (BOB, snoozed(SnoozeForm(2, FOUND.id, HERE, None))),
    "of a digest that is not there": (BOB, snoozed(SnoozeForm(999_999_999, FOUND.id, HERE, None))),
    "of a digest below zero": (BOB, snoozed(SnoozeForm(-1, FOUND.id, HERE, None))),
    "of a finding that is not there": (BOB, snoozed(SnoozeForm(1, "0" * 16, HERE, None))),
    "of a finding that is none": (BOB, snoozed(SnoozeForm(1, "é\x00'", HERE, None))),
    "for ten years": (BOB, snoozed(days="3650")),
    "for less than nothing": (BOB, snoozed(days="-7")),
    "until a word": (BOB, snoozed(days="for ever")),
    "for a book": (BOB, snoozed(why="x" * 3_001)),
    "for nothing": (BOB, snoozed(why="  ")),
    "with metadata of another form": (BOB, snoozed(DigestForm(1, HERE))),
    "with metadata of nobody's": (BOB, snoozed("[[[")),
    "with metadata that says it twice": (BOB, snoozed('{"digest": "1", "finding": 7}')),
}


@pytest.mark.parametrize("how", SNOOZES)
def test_a_snooze_that_nobody_was_offered_is_refused_in_words(desk: Desk, how: str) -> None:
    who, way = SNOOZES[how]

    said = desk.by(who, way)

    assert [each for each in desk.digests.findings(1) if each.snooze] == []
    assert '"errors"' in said, said
    assert desk.slack.calls("chat.postMessage") == []


def test_a_snooze_is_said_in_the_digests_channel_whatever_place_its_form_names(desk: Desk) -> None:
    desk.by(BOB, snoozed(SnoozeForm(1, FOUND.id, TO_GUEST, "9.9")))

    (posted,) = desk.slack.calls("chat.postMessage")
    assert posted["channel"] == HERE
    assert "thread_ts" not in posted


QUESTIONS: Final[Mapping[str, tuple[str, object]]] = {
    "into a guest's messages": (BOB, AskPlace(TO_GUEST)),
    "into another member's messages": (BOB, AskPlace("D_ALICE")),
    "into a private channel": (BOB, AskPlace("C_HIDDEN")),
    "into a channel that is not there": (BOB, AskPlace("C_NOWHERE")),
    "into a thread elsewhere": (BOB, AskPlace("C_HIDDEN", "1.1")),
    "from outside of the channel": ("U_CAROL", AskPlace(HERE)),
    "by a guest, into their own messages": ("U_GUEST", AskPlace(TO_GUEST)),
    "by a guest, at Home": ("U_GUEST", AskPlace("")),
    "by another organization, at Home": ("U_STRANGER", AskPlace("")),
    "by an admin, into another's messages": ("U_ADMIN", AskPlace("D_ALICE")),
    "with metadata of nobody's": (BOB, "{}"),
}


@pytest.mark.parametrize("how", QUESTIONS)
def test_a_question_from_a_form_goes_nowhere_but_where_its_asker_is(desk: Desk, how: str) -> None:
    who, about = QUESTIONS[how]

    said = desk.by(who, form("ask_form", "", about, ASKED))

    assert desk.runs.latest(who, 9) == []
    assert '"errors"' in said


@pytest.mark.parametrize("action", ["tell_now", "edit_digest"])
@pytest.mark.parametrize(
    "value", ['{"digest": "1"}', "1 OR 1=1", "²", "-1", "null", '{"digest": 1e99}', "99" * 9]
)
def test_a_button_that_names_no_digest_is_told_so(desk: Desk, action: str, value: str) -> None:
    said = desk.by(BOB, as_written(action, value))

    assert desk.runs.latest("", 9) == []
    assert "too old" in said or "No digest" in said


def test_a_finding_of_another_channels_digest_opens_no_form(desk: Desk) -> None:
    said = desk.by("U_CAROL", button("snooze", "", lambda _: OfFinding(1, FOUND.id)), ELSEWHERE)

    assert "belongs to another channel" in said
    assert desk.slack.calls("views.open") == []
    assert "Boto" not in said


@pytest.mark.parametrize("who", ["U_GUEST", "U_STRANGER", "U_CAROL"])
@pytest.mark.parametrize("action", ["tell_now", "edit_digest"])
def test_a_digest_that_is_named_from_outside_is_neither_told_nor_shown(
    desk: Desk, action: str, who: str
) -> None:
    desk.by(who, button(action, "", lambda _: OfDigest(1)), ELSEWHERE)

    assert desk.runs.latest("", 9) == []
    assert desk.slack.calls("views.open") == []
