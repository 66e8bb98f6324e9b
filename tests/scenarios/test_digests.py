"""Digests as people order and change them: by words, by forms, and whatever else they type."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.errors import EngineError
from bot.question.question import Scope
from handlers.digests.shown import DIGEST_COMMAND, DIGEST_EXAMPLES
from tests.conftest import NOW
from tests.scenarios.office import ALICE, BOB, HIDDEN, OLD, SECURITY, open_office, words
from tests.scenarios.on_call import (
    ONCALL,
    Trail,
    due,
    edited,
    form,
    held,
    ordered,
    removed,
    runs,
    said,
    told,
    type_,
    whispered,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.question.views import View
    from tests.scenarios.office import Office


@pytest.fixture
def office(on_call: Office) -> Office:
    return on_call


@pytest.fixture(scope="module")
def front_desk(tmp_path_factory: pytest.TempPathFactory, catalogue: dict[str, View]) -> Iterator[Office]:
    """An office for what must leave nothing behind."""
    with open_office(tmp_path_factory.mktemp("front-desk"), catalogue, [Trail()], NOW) as office:
        yield office
        assert office.sandbox.broken == []


# --- ordering


@pytest.mark.parametrize(
    ("text", "confirmed"),
    [
        ("daily 09:00", "every day at 09:00 Berlin time: yesterday's calls over TLS older than 1.2."),
        (
            "daily 08:30 New York weekdays service=s3,kms min=1.3",
            "every working day at 08:30 New York time: "
            "calls over TLS older than 1.3 to kms or s3, since the one before.",
        ),
        ("weekly mon 9am UTC", "every Monday at 09:00 UTC: the week's calls over TLS older than 1.2."),
        ("daily", "every day at 09:00 Berlin time: yesterday's calls over TLS older than 1.2."),
    ],
)
def test_an_order_is_confirmed_in_words_in_its_channel(office: Office, text: str, confirmed: str) -> None:
    confirmation = words(ordered(office, text))

    assert confirmation.startswith(f"@U_ALICE ordered digest 1, {confirmed}")
    assert "The first one sets the baseline. Next: 2026-11-" in confirmation
    assert confirmation.endswith("[Tell it now] [Edit digest]")
    assert office.sandbox.ephemerals(ALICE) == []


def test_without_a_zone_it_is_the_askers(office: Office) -> None:
    assert "at 09:00 New York time" in words(ordered(office, user=BOB))
    assert office.worker.digests.all()[0].schedule.zone == "America/New_York"


def test_another_channel_is_told_and_not_the_one_where_it_was_typed(office: Office) -> None:
    ordered(office, "daily 09:00 #on-call", channel=SECURITY)
    assert office.sandbox.messages(SECURITY) == []
    assert office.worker.digests.all()[0].channel == ONCALL


def test_a_public_channel_that_the_bot_is_not_in_is_joined(office: Office) -> None:
    ordered(office, "daily 09:00 #random", channel=SECURITY)
    assert len(office.sandbox.calls("conversations.join")) == 1


@pytest.mark.parametrize(
    ("channel", "why"),
    [
        (HIDDEN, "I answer only where both you and I are"),
        (OLD, "I cannot tell digests in that channel. That channel is archived. (is_archived)"),
        ("C" * 3_900, "I answer only where both you and I are"),
    ],
    ids=["hidden", "archived", "endless"],
)
def test_where_nothing_can_be_told_the_order_is_forgotten_and_who_ordered_knows_why(
    front_desk: Office, channel: str, why: str
) -> None:
    count = len(front_desk.sandbox.ephemerals(ALICE))
    type_(front_desk, f"daily 09:00 #{channel}", channel=SECURITY)

    told_ = front_desk.sandbox.wait_for(lambda: front_desk.sandbox.ephemerals(ALICE)[count:], what="why")
    assert words(told_[0]).startswith(why)
    assert front_desk.worker.digests.all() == []


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "dayly 09:00",
            "dayly does not say how often.\nDid you mean daily? Say daily 09:00 or weekly mon 09:00.",
        ),
        ("service=s3", "service does not say how often."),
        ("weekly 09:00", "weekly needs a day."),
        ("weekly mon,funday 09:00", "funday in mon,funday is no day of the week."),
        ("daily 25:00", "25:00 is no time of day."),
        ("daily 09:00 10:00", "Two times: 09:00 and 10:00."),
        ("daily 09:00 Europe/Berlni", "There is no zone Europe/Berlni.\nDid you mean Europe/Berlin?"),
        ("daily 09:00 CEST", "CEST is not the clock of one place."),
        ("daily 09:00 #nowhere", "I know no channel #nowhere."),
        ("daily 09:00 mention=@nobody", "mention=nobody names nobody whom Slack knows."),
        ("daily 09:00 mention=@alice mention=@bob", "Two mentions: U_ALICE and U_BOB."),
        ("daily 09:00 servce=s3", "No servce=: did you mean service=?"),
        ("daily 09:00 last 7d", "A digest tells all since the one before: it takes no window"),
        ("daily 09:00 by=clients", "A digest tells all since the one before"),
        ("daily 09:00 private", "A digest tells all since the one before"),
        ("daily 09:00 top=5", "A digest tells all since the one before"),
        ("show", "This channel has no digest.\nSay which: /tls-digest list shows them."),
        ("pause 7", "No digest 7.\n/tls-digest list shows this channel's, and yours."),
        ("resume seven", "No digest seven."),
        ("remove 99999999999999999999999999", "No digest 99999999999999999999999999."),
        ("now ²", "No digest ²."),
        ("edit -1", "No digest -1."),
        ("show 1; DROP TABLE digests", "No digest 1; DROP TABLE digests."),
    ],
)
def test_a_mistake_is_answered_to_who_made_it_alone(front_desk: Office, text: str, answer: str) -> None:
    type_(front_desk, text)

    assert answer in words(front_desk.whisper())
    assert front_desk.sandbox.messages(ONCALL) == []
    assert front_desk.worker.digests.all() == []
    assert front_desk.sandbox.view_of(ALICE) is None


@pytest.mark.parametrize(
    "text",
    [
        "x" * 4_000,
        "daily 09:00 service=" + "y" * 4_000,
        "daily 09:00 service=s3" + ",kms" * 1_000,
        "show " + "9" * 4_000,
        "daily 09:00 mention=" + "z" * 4_000,
        "daily " + "Europe/" * 600,
    ],
    ids=["word", "value", "values", "number", "mention", "zone"],
)
def test_four_thousand_characters_are_answered_in_a_sentence_or_two(front_desk: Office, text: str) -> None:
    type_(front_desk, text)

    answer = words(front_desk.whisper())
    assert 10 < len(answer) < 400, answer
    assert front_desk.worker.digests.all() == []


def test_hostile_words_are_shown_as_typed_and_alert_nobody(office: Office) -> None:
    for text in (
        "<!channel>",
        "<!here> `code` *bold*",
        "</b>&amp;",
        "\u202etxt.exe",
        "{0}%s\\",
        "' OR 1=1 --",
    ):
        for typed in (text, f"daily {text}", f"show {text}", f'daily 09:00 agent="{text}"', f"pause {text}"):
            type_(office, typed)
    type_(office, "list")

    assert len(office.worker.digests.all()) >= 5
    for message in [*office.sandbox.workspace.in_channel(ONCALL), *office.sandbox.ephemerals(ALICE)]:
        assert message.notified <= {ALICE}
        assert "<!" not in message.text.replace("<!date", "")
        assert "\u202e" not in words(message) + message.text
    assert "from agent <!channel>," in words(office.whisper())


# --- the other words


def test_help_names_examples_that_work(office: Office) -> None:
    type_(office, "help")
    shown = words(office.whisper())
    for example, _ in DIGEST_EXAMPLES:
        assert f"{DIGEST_COMMAND} {example}" in shown
    for example, _ in DIGEST_EXAMPLES[:3]:
        ordered(office, example)
    assert len(office.worker.digests.all()) == 3


def test_list_shows_this_channels_and_mine_and_nobody_elses(office: Office) -> None:
    type_(office, "list")
    assert words(office.whisper()) == "No digest here yet. Try /tls-digest daily 09:00."

    ordered(office, "daily 09:00 service=s3")
    ordered(office, "daily 10:00 service=kms", channel=SECURITY)
    ordered(office, "daily 11:00 service=sts", user=BOB, channel=SECURITY)
    type_(office, "list")

    listed = words(office.whisper())
    assert "1  every day at 09:00 Berlin time: yesterday's calls over TLS older than 1.2 to s3" in listed
    assert ", in #C_ONCALL · next 2026-11-24 08:00 UTC" in listed
    assert "2  every day at 10:00" in listed
    assert "to sts" not in listed


def test_forty_digests_are_listed_as_far_as_a_message_goes(office: Office) -> None:
    ordered(office)
    (digest,) = office.worker.digests.all()
    for _ in range(39):
        office.worker.digests.add(digest)
    type_(office, "list")
    assert "And 25 more: show takes their numbers." in words(office.whisper())


def test_show_says_when_what_who_and_what_was_told_last(office: Office) -> None:
    ordered(office, "daily 09:00 service=s3 mention=@oncall")
    told(office)
    type_(office, "show")

    shown = words(office.whisper())
    assert "1  every day at 09:00 Berlin time: yesterday's calls over TLS older than 1.2 to s3" in shown
    assert "Ordered by @U_ALICE" in shown
    assert "Names @oncall when something is new" in shown
    assert "Told last: 🔴 TLS older than 1.2 to s3, yesterday (Mon 23 Nov): the first digest," in shown
    assert shown.endswith("[Tell it now] [Edit digest]")
    assert office.whisper().notified <= {ALICE}


def test_where_slack_does_not_tell_the_groups_nobody_is_said_to_be_unknown(office: Office) -> None:
    office.sandbox.faults.error("usergroups.list", "missing_scope", extra={"needed": "usergroups:read"})
    type_(office, "daily 09:00 mention=@oncall")

    assert words(office.whisper()).startswith("The app lacks the scope usergroups:read.")
    assert office.worker.digests.all() == []


def test_a_digest_is_shown_although_slack_does_not_tell_the_groups(office: Office) -> None:
    ordered(office, "daily 09:00 mention=@oncall")
    office.sandbox.faults.error("usergroups.list", "internal_error")
    type_(office, "show")

    assert "Names @S_ONCALL when something is new" in words(office.whisper())


def test_a_paused_digest_is_silent_until_it_is_resumed(office: Office) -> None:
    ordered(office)
    type_(office, "pause")
    said(office, "@U_ALICE paused digest 1. /tls-digest resume 1 goes on.")
    type_(office, "list")
    assert "· paused" in whispered(office, "every day")

    office.clock.advance(3 * 86_400)
    office.worker.scheduler.schedule_due()
    assert runs(office) == []

    type_(office, "resume 1")
    said(office, "@U_ALICE resumed digest 1: every day at 09:00 Berlin time")
    assert "Thu 26 Nov" in words(told(office)), "none is made up for"


def test_a_removed_digest_is_gone_with_all_it_remembered(office: Office) -> None:
    ordered(office)
    told(office)
    type_(office, "remove 1")
    assert "Digest 1, every day at 09:00 Berlin time: yesterday's calls" in words(office.whisper())
    assert "remove it, with its findings and their history?" in words(office.whisper())
    assert office.worker.digests.get(1) is not None

    office.click(office.whisper(), "remove_digest")

    said(office, "@U_ALICE removed digest 1, every day at 09:00 Berlin time: yesterday's calls")
    assert office.worker.digests.all() == []
    office.clock.advance(3_601)
    office.worker.wake()
    office.sandbox.wait_for(lambda: office.worker.digests.findings(1) == [], what="its end")


def test_a_removed_digest_can_be_brought_back_for_ten_minutes(office: Office) -> None:
    ordered(office)
    told(office)
    before = office.worker.digests.get(1)
    office.clock.advance(599)

    for seconds in (599, 601):
        gone = removed(office)
        assert office.worker.digests.get(1) is None
        office.clock.advance(seconds)
        office.click(gone, "undo_removal")
        if seconds == 599:
            said(office, "@U_ALICE brought digest 1 back: every day at 09:00 Berlin time")
            assert office.worker.digests.get(1) == before
            assert len(office.worker.digests.findings(1)) == 1
    whispered(office, "Digest 1 cannot be brought back. That goes for 10 minutes. Order it anew.")


def memory(office: Office) -> tuple[object, ...]:
    """All that a digest remembers, and when it is due."""
    digests = office.worker.digests
    day = office.clock.now.date() + timedelta(days=9)
    return digests.get(1), digests.findings(1), digests.points(1, day, 99), digests.last_report(1)


def test_now_tells_a_preview_before_the_first_digest_which_is_the_baseline_all_the_same(
    office: Office,
) -> None:
    ordered(office, "daily 09:00 mention=@bob")
    before = memory(office)
    type_(office, "now")
    said(office, "@U_ALICE asked for a preview of digest 1: the last 24 hours.")
    preview = office.parent(office.ended(runs(office)[0]))

    assert words(preview).splitlines() == [
        "🔴 Preview: TLS older than 1.2, the last 24 hours: 1 finding · 100 calls. "
        "No digest was told yet that could say which are new.",
        "This is a preview that someone asked for: digest and findings stay as they are.",
    ]
    assert preview.notified == frozenset()
    assert memory(office) == before
    assert "the first digest, 1 finding as the baseline" in words(told(office))


def test_a_preview_says_what_is_new_and_changes_nothing(office: Office, trail: Trail) -> None:
    ordered(office, "daily 09:00 mention=@bob")
    told(office)
    before = memory(office)
    trail.calls = {"curl/7.19.7": 3}
    for _ in range(2):
        office.later(60)
        type_(office, "now 1")
        run = office.ended(runs(office)[0])
        assert words(office.parent(run)).startswith(
            "🔴 Preview: TLS older than 1.2, the last 24 hours: 1 new (nightly-export → s3), "
            "1 still open (at least 1 day) · 3 calls\n"
        )
        assert office.parent(run).notified == frozenset()
        assert words(office.thread(run)[0]).endswith("[Edit digest]"), "what is new here cannot be snoozed"
        assert office.file(run).name == "tls-audit_preview-1_2026-11-23_2026-11-24.csv"
        assert memory(office) == before

    assert "1 new (nightly-export → s3), 1 still open (at least 2 days) · 3 calls" in words(told(office))


def test_a_preview_resolves_nothing_however_long_it_was_silent(office: Office, trail: Trail) -> None:
    ordered(office)
    told(office)
    trail.calls = {}
    for _ in range(2):
        told(office)
    office.later(80_000)
    before = memory(office)
    type_(office, "now")
    assert "the last 24 hours: 1 still open (at least 4 days) · no calls" in words(
        office.parent(office.ended(runs(office)[0]))
    )
    assert memory(office) == before
    assert "1 resolved" in words(told(office))


def test_a_preview_of_nothing_says_what_was_read(office: Office, trail: Trail) -> None:
    trail.calls = {}
    ordered(office)
    type_(office, "now")
    assert words(office.parent(office.ended(runs(office)[0]))).splitlines()[0] == (
        "✅ Preview: TLS older than 1.2, the last 24 hours: all clear. "
        "No call over TLS older than 1.2 in 5,912,004 events, newest today 09:12."
    )


def test_a_preview_that_fails_says_so_once_and_is_not_tried_again(office: Office, trail: Trail) -> None:
    ordered(office)
    trail.error = EngineError("Lake stopped this after an hour.", "Name a service.")
    type_(office, "now")
    run = office.ended(runs(office)[0])
    assert run.state == "failed"
    assert words(said(office, "No preview")) == (
        "⚠️ No preview: Lake stopped this after an hour. Name a service. "
        f"/tls-digest now 1 asks again. run {run.id}\n[Edit digest]"
    )


def test_tell_it_now_is_a_button_under_the_order(office: Office) -> None:
    confirmation = ordered(office)
    office.click(confirmation, "tell_now", user=BOB)
    run = office.sandbox.wait_for(lambda: next(iter(runs(office)), None), what="the run")
    assert "Preview: " in words(office.parent(office.ended(run)))


def test_a_digest_of_another_channel_is_neither_seen_nor_changed_by_a_stranger_to_it(office: Office) -> None:
    ordered(office)
    channel = office.sandbox.workspace.channels[ONCALL]
    office.sandbox.workspace.put_channel(replace(channel, members=channel.members - {BOB}))
    for text in ("show 1", "pause 1", "resume 1", "remove 1", "now 1", "edit 1"):
        type_(office, text, user=BOB, channel=SECURITY)
        assert "Digest 1 belongs to another channel.\nJoin that channel, or ask its owner." in words(
            office.whisper(BOB)
        )
    assert office.sandbox.view_of(BOB) is None
    (digest,) = office.worker.digests.all()
    assert not digest.paused

    type_(office, "pause 1", channel=SECURITY)
    said(office, "@U_ALICE paused digest 1."), "its owner may, from anywhere"


def test_a_digest_whose_question_is_none_any_more_is_listed_told_to_its_owner_and_removed(
    hired: Callable[..., Office],
) -> None:
    stores = ["prod"]
    office = hired(stores=stores)
    ordered(office, "daily 09:00 store=prod")
    stores.clear()  # as after a restart with other settings

    type_(office, "list")
    assert "yesterday's min=1.2 store=prod (which cannot be asked any more)" in words(office.whisper())
    assert office.ended(due(office)).state == "failed"
    assert "A digest could not be posted in #C_ONCALL" in words(office.direct(1)[0])
    assert "prod" in words(office.direct(1)[0])
    removed(office)


# --- forms


def test_what_is_done_to_a_digest_from_another_channel_is_confirmed_where_it_was_typed(
    office: Office,
) -> None:
    ordered(office, "daily 09:00 #on-call", channel=SECURITY)
    assert words(office.whisper()) == "You ordered digest 1. #C_ONCALL was told."
    type_(office, "pause 1", channel=SECURITY)
    assert whispered(office, "You paused digest 1. /tls-digest resume 1 goes on. #C_ONCALL was told.")
    type_(office, "", channel=SECURITY)
    form(office)
    assert office.sandbox.submit(ALICE, {"channel": ONCALL}).errors == {}
    assert whispered(office, "You ordered digest 2. #C_ONCALL was told.")
    assert office.sandbox.messages(SECURITY) == []


def test_the_command_alone_opens_a_form_that_orders(office: Office) -> None:
    type_(office, "")
    view = form(office)
    assert held(view, "when") == "daily 09:00 Europe/Berlin"
    assert held(view, "channel") == ONCALL

    sent = office.sandbox.submit(
        ALICE, {"when": "weekly tue 07:15", "question": "service=s3", "mention": "here", "channel": SECURITY}
    )

    assert sent.errors == {}
    said(office, "@U_ALICE ordered digest 1, every Tuesday at 07:15 Berlin time: the week's calls", SECURITY)
    assert office.worker.digests.all()[0].mention == "here"


ASKED = 'service=s3.amazonaws.com agent="Boto 2" min=1.3'


def test_send_daily_under_an_answer_orders_the_same_question(office: Office, trail: Trail) -> None:
    trail.calls = {}
    run = office.answered("last 7d service=s3 agent='Boto 2' min=1.3 top=3 by=clients")
    office.click(office.table(run), "daily")
    view = form(office)
    assert held(view, "question") == ASKED
    assert held(view, "channel") == SECURITY

    assert office.sandbox.submit(ALICE, {}).errors == {}
    said(office, "ordered digest 1", SECURITY)
    assert office.worker.digests.all()[0].scope == Scope.read(ASKED)


def test_edit_changes_when_where_what_and_whom(office: Office) -> None:
    confirmation = ordered(office, "daily 09:00 service=s3 mention=@bob")
    office.click(confirmation, "edit_digest")
    view = form(office)
    assert [held(view, name) for name in ("when", "question", "mention")] == [
        "daily 09:00 Europe/Berlin",
        "service=s3.amazonaws.com min=1.2",
        "U_BOB",
    ]

    sent = office.sandbox.submit(
        ALICE,
        {
            "when": "daily 10:30 Tokyo weekdays",
            "question": "min=1.3",
            "mention": "@oncall",
            "channel": SECURITY,
        },
    )

    assert sent.errors == {}
    said(office, "@U_ALICE changed digest 1: every working day at 10:30 Tokyo time: calls over", SECURITY)
    (digest,) = office.worker.digests.all()
    assert (digest.mention, str(digest.scope), digest.channel) == ("S_ONCALL", "min=1.3", SECURITY)
    assert digest.due == datetime(2026, 11, 24, 1, 30, tzinfo=UTC)

    type_(office, "edit 1", channel=SECURITY)
    office.sandbox.wait_for(lambda: held(form(office), "mention") == "@oncall", what="the group's handle")


@pytest.mark.parametrize(
    ("fields", "at_fault", "error"),
    [
        ({"when": "never"}, "when", "does not say how often"),
        ({"when": "daily 25:00"}, "when", "is no time of day"),
        ({"when": "daily 09:00 Europe/Nowhere"}, "when", "There is no zone"),
        ({"question": "last 7d"}, "question", "it takes no window"),
        ({"question": "servce=s3"}, "question", "did you mean"),
        ({"mention": "everyone"}, "mention", "names nobody whom Slack knows"),
        ({"when": "daily 09:00 #C_RANDOM"}, "when", "Two channels"),
    ],
)
def test_a_mistake_in_the_form_is_shown_at_its_own_input(
    front_desk: Office, fields: dict[str, str], at_fault: str, error: str
) -> None:
    type_(front_desk, "")
    form(front_desk)

    sent = front_desk.sandbox.submit(ALICE, fields)

    assert list(sent.errors) == [at_fault], sent.errors
    assert error in sent.errors[at_fault]
    assert front_desk.sandbox.view_of(ALICE) is not None
    assert front_desk.worker.digests.all() == []
    front_desk.sandbox.close_view(ALICE)


def test_what_the_edit_form_cannot_take_changes_nothing(office: Office) -> None:
    ordered(office, "daily 09:00 service=s3")
    (before,) = office.worker.digests.all()
    assert list(edited(office, {"when": "never"}).errors) == ["when"]
    assert office.worker.digests.all() == [before]


def test_another_question_begins_with_a_new_baseline_and_another_time_does_not(office: Office) -> None:
    ordered(office, "daily 09:00 service=s3")
    told(office)
    edited(office, {"when": "daily 11:00"})
    first = told(office)
    assert "the first digest" in words(first), "a date has one digest, whenever it is due"
    assert "still open" in words(told(office))
    edited(office, {"question": "service=kms"})
    assert "the first digest" in words(told(office))


def test_a_digest_that_was_moved_where_it_cannot_be_told_is_told_to_who_moved_it(office: Office) -> None:
    ordered(office)
    assert edited(office, {"channel": OLD}).errors == {}
    whispered(office, "Its channel was not told: That channel is archived.")
