"""Digests as a channel gets them: whom they name, what is snoozed, what is said when something fails."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.errors import EngineError
from handlers.blockkit.values import OfFinding, encode
from tests.scenarios.office import ALICE, BOB, BOT, HIDDEN, SECURITY, TO_ALICE, kinds, words
from tests.scenarios.on_call import (
    EXPORT,
    ONCALL,
    awaited,
    due,
    edited,
    failed,
    form,
    home,
    ordered,
    removed,
    runs,
    said,
    told,
    type_,
    whispered,
)
from tests.support.workers import ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox import Message
    from tests.scenarios.office import Office
    from tests.scenarios.on_call import Trail


@pytest.fixture
def office(on_call: Office) -> Office:
    return on_call


# --- whom it names


@pytest.mark.parametrize(
    ("typed", "named", "heard"),
    [
        ("@bob", "@U_BOB", {BOB}),
        ("@oncall", "@S_ONCALL", {BOB}),
        ("@here", "@here", {ALICE, BOB}),
        ("channel", "@channel", {ALICE, BOB}),
    ],
)
def test_who_is_to_know_is_notified_only_when_something_is_new(
    office: Office, trail: Trail, typed: str, named: str, heard: set[str]
) -> None:
    confirmation = ordered(office, f"daily 09:00 mention={typed}")
    assert confirmation.notified == {ALICE}

    baseline, same = told(office), told(office)
    trail.calls = {"Boto/2.38.0": 100, "curl/7.19.7": 3}
    new = told(office)
    still = told(office)
    trail.calls = {}
    clear = told(office)

    for silent in (baseline, same, still, clear):
        assert silent.notified == frozenset()
        assert named not in words(silent)
    assert new.notified == heard
    assert words(new).splitlines()[0] == (
        "🔴 TLS older than 1.2, yesterday (Wed 25 Nov): 1 new (nightly-export → s3), "
        f"1 still open (at least 3 days) · 103 calls  {named}"
    )
    assert new.edited is None, "an edit would notify nobody"


# --- snoozing


def snoozed(office: Office, parent: Message, client: str, days: str, why: str, user: str = BOB) -> None:
    """Make a finding known by the menu under a digest."""
    (table,) = [
        reply for reply in office.sandbox.thread(parent.channel, parent.ts) if "actions" in kinds(reply)
    ]
    (option,) = [
        option["text"]["text"]
        for block in table.blocks
        if block["type"] == "actions"
        for option in block["elements"][0]["options"]
        if client in option["text"]["text"]
    ]
    office.click(table, "snooze", option, user=user)
    form(office, user)
    assert office.sandbox.submit(user, {"days": days, "reason": why}).errors == {}


def test_a_snoozed_finding_is_known_until_it_lapses_and_says_who_and_why(
    office: Office, trail: Trail
) -> None:
    lapses = {"7": "1 Dec", "14": "8 Dec", "30": "24 Dec"}
    trail.calls = {f"client/{days}": 100 for days in lapses}
    ordered(office, "daily 09:00 mention=@alice")
    parent = told(office)
    for days, until in lapses.items():
        snoozed(office, parent, f"client/{days}", days, "vendor <!channel> upgrades")
        note = said(office, f"· client/{days} until {until}: vendor <!channel> upgrades")
        assert words(note).startswith("@U_BOB snoozed s3 · role/nightly-export")
        assert note.thread_ts == parent.ts
        assert note.notified == {BOB}
    type_(office, "show")
    assert "until 8 Dec, by bob: vendor <!channel> upgrades" in words(office.whisper())

    known = told(office)
    assert "3 known · 300 calls" in words(known)
    table = words(office.thread(runs(office)[0])[0])
    assert "known until 24 Dec (bob: vendor <!channel> upgrades)" in table
    assert "Snooze a finding" not in table, "there is nothing left to snooze"
    for number, (until, day) in enumerate(zip(lapses.values(), (1, 8, 24), strict=True)):
        office.clock.now = datetime(2026, 12, day, 8, tzinfo=UTC) - timedelta(days=1)
        assert f"{3 - number} known" in words(told(office))
        lapsed = told(office)
        assert "1 no longer known" in words(lapsed)
        assert lapsed.notified == {ALICE}
        assert f"was known until {until} (bob: vendor" in words(office.thread(runs(office)[0])[0])


def test_a_known_finding_comes_back_when_its_calls_double(office: Office, trail: Trail) -> None:
    ordered(office, "daily 09:00 mention=@alice")
    snoozed(office, told(office), "Boto/2.38.0", "30", "vendor")
    trail.calls = {"Boto/2.38.0": 199}
    assert told(office).notified == frozenset()
    trail.calls = {"Boto/2.38.0": 200}
    assert told(office).notified == {ALICE}
    assert "its calls doubled, from 100 to 200" in words(office.thread(runs(office)[0])[0])


def test_a_snoozed_finding_can_be_told_again_in_the_thread_and_where_the_digest_is_shown(
    office: Office, trail: Trail
) -> None:
    trail.calls = {"Boto/2.38.0": 100, "curl/7.19.7": 100}
    ordered(office)
    parent = told(office)
    for client in ("Boto/2.38.0", "curl/7.19.7"):
        snoozed(office, parent, client, "30", "vendor")
        said(office, f"· {client} until")
    parent = told(office)
    (table, _) = office.thread(runs(office)[0])
    findings = {
        finding.client: encode(OfFinding(1, finding.id)) for finding in office.worker.digests.findings(1)
    }

    office.click(table, "unsnooze", findings["Boto/2.38.0"], user=BOB)
    note = said(office, "@U_BOB un-snoozed s3 · role/nightly-export · Boto/2.38.0")
    assert note.thread_ts == parent.ts
    type_(office, "show")
    office.click(office.whisper(), "unsnooze", findings["curl/7.19.7"])
    assert said(office, "@U_ALICE un-snoozed s3 · role/nightly-export · curl/7.19.7").thread_ts is None

    office.click(table, "unsnooze", findings["Boto/2.38.0"])
    whispered(office, "That finding is not snoozed.")
    assert "2 still open" in words(told(office))


def test_snoozing_needs_a_reason(office: Office) -> None:
    ordered(office)
    parent = told(office)
    (table, _) = office.thread(runs(office)[0])
    office.click(table, "snooze", encode(OfFinding(1, office.worker.digests.findings(1)[0].id)))
    form(office)
    assert list(office.sandbox.submit(ALICE, {"days": "7", "reason": ""}).errors) == ["reason"]
    assert list(office.sandbox.submit(ALICE, {"days": "7", "reason": "  "}).errors) == ["reason"]
    assert list(office.sandbox.submit(ALICE, {"reason": "x" * 301}).errors) == ["reason"]
    assert office.worker.digests.findings(1)[0].snooze is None
    assert len(office.sandbox.thread(parent.channel, parent.ts)) == 2


def test_a_finding_of_a_digest_that_was_removed_meanwhile_cannot_be_snoozed(office: Office) -> None:
    ordered(office)
    told(office)
    (table, _) = office.thread(runs(office)[0])
    value = encode(OfFinding(1, office.worker.digests.findings(1)[0].id))
    office.click(table, "snooze", value)
    form(office)
    removed(office)
    sent = office.sandbox.submit(ALICE, {"reason": "why"})
    assert sent.errors == {"reason": "That finding is no longer kept."}
    office.click(table, "snooze", value, user=BOB)
    assert "No digest 1." in words(office.whisper(BOB))


# --- what is told


def test_a_digest_is_a_headline_with_a_chart_and_a_thread_with_table_and_file(office: Office) -> None:
    ordered(office)
    told(office)
    parent = told(office)
    run = runs(office)[0]

    assert kinds(parent) == ["rich_text", "data_visualization"]
    table, file = office.thread(run)
    assert "data_table" in kinds(table)
    assert f"5,912,004 events read, 2.1 % without TLS details. run {run.id}" in words(table)
    assert words(table).endswith("[Snooze a finding…] [Decide on a finding…] [Edit digest]")
    assert office.file(run).name == "tls-audit_digest-1_2026-11-24_2026-11-25.csv"
    assert file.files == (office.file(run).id,)
    assert office.csv(run).splitlines() == [
        "state,eventSource,principal,userAgent,numOutdatedTlsCalls,numCallsBefore,since,openDays,note",
        f"open,s3.amazonaws.com,{EXPORT},Boto/2.38.0,100,100,,2,since before 24 Nov",
    ]


def test_all_clear_is_one_line_with_its_proof_and_no_thread(office: Office, trail: Trail) -> None:
    trail.calls = {}
    ordered(office)
    told(office)
    parent = told(office)
    assert words(parent).splitlines()[0] == (
        "✅ TLS older than 1.2, yesterday (Tue 24 Nov): all clear. "
        "No call over TLS older than 1.2 in 5,912,004 events, "
        "newest today 08:58."
    )
    assert office.sandbox.thread(parent.channel, parent.ts) == []


def test_after_downtime_the_latest_is_told_once_and_says_that_it_is_late(office: Office) -> None:
    ordered(office)
    told(office)
    office.clock.advance(4 * 86_400 + 3 * 3_600)  # nobody was there
    office.worker.scheduler.schedule_due()
    office.worker.scheduler.schedule_due()

    late = words(office.parent(office.ended(runs(office)[0])))
    assert late.startswith("🔴 TLS older than 1.2, yesterday (Fri 27 Nov): 1 still open")
    assert "This digest is late: it was due at 09:00." in late
    assert len(runs(office)) == 2
    assert "late" not in words(told(office))


def test_the_watch_tells_what_is_due_by_itself(office: Office) -> None:
    ordered(office)
    office.clock.advance(86_400)
    said(office, "yesterday (Mon 23 Nov): the first digest")


def test_two_digests_of_one_question_are_one_reading(office: Office, trail: Trail) -> None:
    ordered(office)
    ordered(office, channel=SECURITY)
    told(office)
    office.ended(runs(office, 2)[0])
    assert sorted(trail.asked) == ["answer", "before", "coverage", "since"]
    assert "the first digest" in words(office.parent(runs(office, 2)[0]))


# --- since when


def test_what_the_first_digest_meets_did_not_begin_then(office: Office, trail: Trail) -> None:
    ordered(office)
    told(office)
    assert sorted(trail.asked) == ["answer", "before", "coverage", "since"], "looking back would cost"
    parent = words(told(office))
    assert "1 still open (at least 2 days) · 100 calls" in parent
    trail.calls["curl/7.19.7"] = 3
    assert "1 new" in words(told(office))
    assert [line.split(",")[6:] for line in office.csv(runs(office)[0]).splitlines()[1:]] == [
        ["2026-11-25", "1", ""],
        ["", "3", "since before 24 Nov"],
    ]


def test_where_reading_is_free_the_first_digest_looks_back_once(office: Office, trail: Trail) -> None:
    trail.metered = False
    trail.earlier = {"Boto/2.38.0": 12, "curl/7.19.7": 29}
    trail.calls["curl/7.19.7"] = 3
    ordered(office)
    assert "the first digest, 2 findings as the baseline" in words(told(office))
    assert {"earlier", "earlier-coverage"} < set(trail.asked)
    trail.asked.clear()
    told(office)
    assert sorted(trail.asked) == ["answer", "before", "coverage", "since"]
    assert [line.split(",")[6:] for line in office.csv(runs(office)[0]).splitlines()[1:]] == [
        ["", "30", "since before 27 Oct"],
        ["2026-11-12", "13", ""],
    ]


@pytest.mark.parametrize(("gb", "looks_back"), [(6.1, True), (6.0, False)])
def test_where_reading_is_paid_for_the_first_digest_looks_back_for_less_than_is_asked_about(
    hired: Callable[..., Office], trail: Trail, gb: float, looks_back: bool
) -> None:
    """A day has read 0.2 GB, its answer and its coverage; thirty days are likely to read 6."""
    office = hired(look_back_gb=gb)
    trail.reads, trail.earlier = 100_000_000, {"Boto/2.38.0": 12}
    ordered(office)
    told(office)
    assert ({"earlier", "earlier-coverage"} < set(trail.asked)) is looks_back
    told(office)
    assert office.csv(runs(office)[0]).splitlines()[1].split(",")[6:] == (
        ["2026-11-12", "13", ""] if looks_back else ["", "2", "since before 24 Nov"]
    )


def test_a_first_digest_that_cannot_look_back_is_told_all_the_same(office: Office, trail: Trail) -> None:
    trail.metered = False
    trail.refused = "earlier"
    ordered(office)
    assert "the first digest, 1 finding as the baseline" in words(told(office))
    told(office)
    assert office.csv(runs(office)[0]).splitlines()[1].endswith(",,2,since before 24 Nov")


def test_a_digest_says_which_rows_its_table_leaves_out(office: Office, trail: Trail) -> None:
    ordered(office)
    trail.calls = {f"client/{number:03}": 300 - number for number in range(250)}
    told(office)
    run = runs(office)[0]

    shown = re.search(
        r"Showing (\d+) of 250 rows\. All 250 rows are in the file\.", words(office.thread(run)[0])
    )
    assert shown is not None
    assert int(shown[1]) < 250
    assert len(office.csv(run).splitlines()) == 251


# --- App Home


@pytest.mark.parametrize("count", [0, 1, 60])
def test_home_shows_ones_digests_and_the_first_of_their_open_findings(
    office: Office, trail: Trail, count: int
) -> None:
    trail.calls = {f"client/{number:02}": 100 - number for number in range(count)}
    ordered(office)
    assert "It has told nothing yet." in home(office)
    told(office)
    shown = home(office)
    assert shown.count("new, at least 1 day  s3 · role/nightly-export · client/") == min(count, 5)
    assert ("1 finding not resolved" in shown) == (count == 1)
    assert ("60 findings not resolved" in shown) == (count == 60)
    assert ("and 55 more: its thread has them." in shown) == (count == 60)
    assert ("all clear" in shown) == (count == 0)


# --- trouble


def test_a_failing_query_is_told_once_and_tried_every_quarter_of_an_hour(
    office: Office, trail: Trail
) -> None:
    ordered(office)
    trail.error = EngineError("Lake stopped this after an hour.", "Name a service.")
    run = due(office)
    first = words(said(office, "No digest"))
    assert first == (
        "⚠️ No digest: Lake stopped this after an hour. Name a service. "
        f"I try again every 15 minutes for 6 hours. run {run.id}\n[Edit digest]"
    )

    following = failed(office, run, awaited(run))
    for tries in (2, 3):
        office.later(15 * 60)
        following = failed(office, run, following)
        assert trail.asked.count("answer") == tries
    trail.error = None
    office.later(15 * 60)

    parent = words(office.parent(office.ended(run)))
    assert "yesterday (Mon 23 Nov): the first digest" in parent
    assert "This digest is late: it was due at 09:00." in parent
    every = [message for message in office.sandbox.messages(ONCALL) if "No digest" in words(message)]
    assert len(every) == 1
    assert office.sandbox.messages(TO_ALICE) == []


def test_a_digest_that_is_edited_while_it_is_read_tells_nothing_of_the_old_question(
    office: Office, trail: Trail
) -> None:
    ordered(office)
    told(office)
    trail.error = EngineError("Lake is gone.")
    run = due(office)
    said(office, "I try again every 15 minutes")
    failed(office, run, awaited(run))
    edited(office, {"question": "service=kms"})
    trail.error = None
    office.later(15 * 60)

    assert office.ended(run).state == "cancelled"
    assert office.worker.digests.findings(1) == []
    assert "the first digest" in words(told(office))


def test_after_six_hours_it_is_given_up_and_the_next_one_asks_for_those_days_too(
    office: Office, trail: Trail
) -> None:
    ordered(office)
    trail.error = EngineError("Lake is gone.")
    run = due(office)
    said(office, "I try again every 15 minutes")
    failed(office, run, awaited(run))
    office.later(6 * 3_600 + 1)

    assert office.ended(run).state == "failed"
    assert words(said(office, "I give this one up")) == (
        "⚠️ No digest: Lake is gone. I give this one up. The next digest asks for these days again. "
        f"run {run.id}\n[Edit digest]"
    )
    trail.error = None
    trail.late = {"curl/7.19.7": 7}
    assert "2 findings as the baseline" in words(told(office))


def test_an_archived_channel_pauses_the_digest_and_tells_its_owner(office: Office) -> None:
    ordered(office)
    office.sandbox.faults.error(
        "chat.postMessage", "is_archived", times=9, where=lambda call: call["channel"] == ONCALL
    )

    assert office.ended(due(office)).state == "failed"
    (digest,) = office.worker.digests.all()
    assert digest.paused
    (told_,) = office.direct(1)
    assert "A digest could not be posted in #C_ONCALL" in words(told_)
    assert "That channel is archived. (is_archived)" in words(told_)
    assert "The digest is paused until someone resumes it." in words(told_)


def test_removed_from_a_public_channel_the_bot_joins_it_again(office: Office) -> None:
    ordered(office)
    leave(office, ONCALL)
    assert "the first digest" in words(told(office))
    assert len(office.sandbox.calls("conversations.join")) == 1
    assert office.file(runs(office)[0]).shares


def test_removed_from_a_private_channel_its_owner_is_told_and_it_is_paused(office: Office) -> None:
    office.sandbox.invite(HIDDEN)
    ordered(office, channel=HIDDEN)
    leave(office, HIDDEN)

    assert office.ended(due(office)).state == "failed"
    (direct,) = office.direct(1)
    assert "A digest could not be posted in #C_SECRET" in words(direct)
    # whether its owner is still there cannot be seen from outside
    assert "I answer only where both you and I are" in words(direct)
    assert office.worker.digests.all()[0].paused


def leave(office: Office, channel: str) -> None:
    """Send the bot away."""
    known = office.sandbox.workspace.channels[channel]
    office.sandbox.workspace.put_channel(replace(known, members=known.members - {BOT}))


def test_where_slack_refuses_the_chart_the_digest_comes_without(hired: Callable[..., Office]) -> None:
    office = hired(refused_blocks=frozenset({"data_visualization", "data_table"}))
    ordered(office)
    told(office)
    parent = told(office)
    assert "1 still open" in words(parent)
    assert kinds(parent) == ["rich_text"]
    assert "table" in kinds(office.thread(runs(office)[0])[0])


def test_where_files_are_refused_the_thread_says_why(office: Office) -> None:
    office.sandbox.options.upload_error = "file_uploads_disabled"
    ordered(office)
    told(office)
    assert "The table is above; the file could not be sent." in words(office.thread(runs(office)[0])[1])


def test_while_slack_is_away_the_digest_waits_and_comes_once(office: Office) -> None:
    ordered(office)
    office.sandbox.faults.cut_before("chat.postMessage", where=lambda call: "metadata" in call)
    run = due(office)
    office.sandbox.wait_for(lambda: office.sandbox.calls("chat.postMessage")[1:], what="the try")
    for _ in range(500):
        now = ended(office.worker, run.id, 0.02)
        assert now is not None
        if now.due is not None:
            break
    office.later(31)
    assert office.ended(run).state == "done"
    assert len([one for one in office.sandbox.messages(ONCALL) if "the first digest" in words(one)]) == 1


def test_a_store_that_was_emptied_proves_nothing_and_says_so(office: Office, trail: Trail) -> None:
    ordered(office)
    told(office)
    trail.events = 0
    parent = told(office)
    assert words(parent).splitlines()[0] == (
        "⚠️ TLS older than 1.2, yesterday (Tue 24 Nov): no event at all was read, "
        "so this says nothing about old TLS. "
        "From before: 1 still open (at least 2 days). The next digest asks for this day again."
    )
    for _ in range(4):
        assert "resolved" not in words(told(office))


def test_a_trail_that_has_stopped_is_said_in_words(office: Office, trail: Trail) -> None:
    ordered(office)
    told(office)
    trail.newest = office.clock.now + timedelta(hours=4, minutes=30)
    parent = words(told(office))
    assert "yesterday (Tue 24 Nov): 1 still open (at least 2 days) · 100 calls so far" in parent
    assert (
        "Nothing new for 19 hours (newest event Tue 24 Nov 13:30): the trail or the lake may have" in parent
    )
    assert "The events of this day end early; nothing counts as resolved." in parent


def test_the_daily_of_yesterday_is_not_told_as_the_week_that_began_then(office: Office) -> None:
    ordered(office, "daily 09:00")
    told(office)
    edited(office, {"when": "weekly mon 09:00"})
    assert words(told(office)).startswith(
        "🔴 TLS older than 1.2, week of Mon 23 Nov: the first digest, 1 finding"
    )
    assert words(told(office)).startswith(
        "🔴 TLS older than 1.2, week of Mon 30 Nov: 1 still open (at least 14 days)"
    )
    table = office.thread(runs(office)[0])[0]
    assert "| 100 |" in words(table) or "Calls 100" in words(table)


# --- what it is about


def test_a_digest_of_sdks_out_of_support_says_so_and_asks_anew_on_its_day(
    office: Office, trail: Trail
) -> None:
    confirmation = ordered(office, "daily 09:00 sdk=eol")
    assert "calls with an SDK out of support" in words(confirmation)

    trail.calls = {}
    assert "No call with an SDK out of support in 5,912,004 events" in words(told(office))
    trail.calls = {"aws-sdk-go/1.44.1": 3}
    assert "1 new" in words(told(office))
    run = runs(office)[0]
    assert "sdk=eol" in run.text
    assert "min=" not in run.text
