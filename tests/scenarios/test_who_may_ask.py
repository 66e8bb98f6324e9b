"""Who may ask, and where: everyone of the workspace but guests, unless settings say otherwise."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bot.app.access import AccessPolicy
from bot.errors import EngineError
from bot.sandbox import User
from bot.sandbox.state import TEAM
from handlers.access import KNOWN_SECONDS
from handlers.blockkit.values import OfFinding, encode
from tests.scenarios.office import ALICE, BOB, HIDDEN, SECURITY, TO_ALICE, words
from tests.scenarios.on_call import ONCALL, due, ordered, runs, said, told, type_, whispered
from tests.support.workers import ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox import Message, Sandbox
    from tests.scenarios.office import Office
    from tests.scenarios.on_call import Trail

GUEST = "U_GUEST"
TO_GUEST = "D_GUEST"
STRANGER = "U_STRANGER"
ONCALL_GROUP = "S_ONCALL"


def with_stranger(sandbox: Sandbox) -> None:
    """Someone of another organization, in #security."""
    sandbox.workspace.users[STRANGER] = User(STRANGER, "sam", "Sam (elsewhere)", team="T0OTHER")
    sandbox.workspace.join(SECURITY, STRANGER)


def share(office: Office, channel: str, *, invited: bool = False) -> None:
    """Share a channel with another organization, or ask one to share it."""
    known = office.sandbox.workspace.channels[channel]
    office.sandbox.workspace.put_channel(replace(known, shared=not invited, invited=invited))


def refused(office: Office, user: str, channel: str = SECURITY, text: str = "last 7d") -> str:
    """Ask what must not be asked: the word on it, which only its asker sees, where they typed it."""
    before, posted = office.worker.runs.latest(user, 9), office.posted()
    office.type(text, user=user, channel=channel)
    assert office.worker.runs.latest(user, 9) == before, "nothing was promised"
    assert office.posted() == posted
    word = office.whisper(user)
    assert word.channel == channel
    assert "[Edit]" not in words(word), "no other words would help"
    return " ".join(words(word).splitlines())


def helped(office: Office, user: str, channel: str = SECURITY) -> str:
    """The last line of `help`."""
    office.type("help", user=user, channel=channel)
    return words(office.whisper(user)).splitlines()[-1]


# --- without settings


def test_every_member_may_ask_and_help_says_so(office: Office) -> None:
    assert office.answered("last 7d", user=BOB).state == "done"
    assert helped(office, BOB) == "You may ask here."


def test_a_guest_may_not_and_is_told_alone_whom_to_ask(opened: Callable[..., Office]) -> None:
    office = opened(admins=[ALICE])

    assert "Guests may not ask here. Ask @alice." in refused(office, GUEST)
    assert helped(office, GUEST) == "Guests may not ask here. Ask @alice."
    assert office.sandbox.workspace.in_channel(SECURITY) == []


def test_without_an_admin_a_refusal_names_the_setting(office: Office) -> None:
    assert "Whoever runs the bot can change that: TLS_AUDIT_USERS" in refused(office, GUEST)


def test_a_guest_may_not_ask_in_private_either(office: Office) -> None:
    assert "Guests may not ask here." in refused(office, GUEST, text="private last 7d")
    assert "Guests may not ask here." in refused(office, GUEST, TO_GUEST)


def test_a_guest_may_not_ask_by_mention_or_by_button(office: Office) -> None:
    office.sandbox.mention(GUEST, SECURITY, "last 7d")
    assert "Guests may not ask here." in words(office.whisper(GUEST))

    table = office.table(office.answered("last 7d"))
    office.click(table, "rerun", user=GUEST)
    two = office.sandbox.wait_for(lambda: office.sandbox.ephemerals(GUEST)[1:])
    assert "Guests may not ask here." in words(two[0])
    assert office.worker.runs.latest(GUEST, 9) == []


def test_a_guest_may_not_ask_by_the_form_either(office: Office) -> None:
    office.type("", user=GUEST)
    assert "Guests may not ask here." in words(office.whisper(GUEST))
    assert office.sandbox.view_of(GUEST) is None


def test_who_became_a_guest_over_a_form_may_not_send_it(opened: Callable[..., Office]) -> None:
    seconds = 0.0
    office = opened(monotonic=lambda: seconds)
    office.type("", user=BOB)
    office.sandbox.wait_for(lambda: office.sandbox.view_of(BOB), what="the form")
    known = office.sandbox.workspace.users[BOB]
    office.sandbox.workspace.users[BOB] = replace(known, guest=True)
    seconds = KNOWN_SECONDS + 1
    sent = office.sandbox.submit(BOB, {"window": "last 7d"})
    assert "Guests may not ask here." in " ".join(sent.errors.values())
    assert office.worker.runs.latest(BOB, 9) == []


def test_someone_of_another_organization_may_not_ask(opened: Callable[..., Office]) -> None:
    office = opened(while_opening=with_stranger)
    assert "Only people of this organization may ask here." in refused(office, STRANGER)


@pytest.mark.parametrize("invited", [False, True])
def test_in_a_channel_shared_with_another_organization_nothing_is_answered(
    office: Office, *, invited: bool
) -> None:
    share(office, SECURITY, invited=invited)

    told_alone = refused(office, ALICE)

    assert "This channel is shared with another organization, so I do not answer in it." in told_alone
    assert "Ask elsewhere, or with private." in told_alone
    assert "shared with another organization" in helped(office, ALICE)
    assert office.sandbox.workspace.in_channel(SECURITY) == []


def test_a_private_answer_may_be_asked_for_in_a_shared_channel_and_not_be_shared_in_it(
    office: Office,
) -> None:
    share(office, SECURITY)
    run = office.answered("private last 7d service=s3")
    assert run.state == "done"
    assert run.home == TO_ALICE

    office.click(office.table(run), "share")
    assert "shared with another organization" in words(office.whisper(ALICE))
    assert len(office.worker.runs.latest(ALICE, 9)) == 1
    assert office.sandbox.workspace.in_channel(SECURITY) == []


def test_an_admin_may_always_ask(opened: Callable[..., Office]) -> None:
    office = opened(access=partial(AccessPolicy, users=[BOB], channels=[ONCALL], admins=[GUEST]))
    share(office, SECURITY)
    assert office.answered("last 7d", user=GUEST).state == "done"
    assert helped(office, GUEST) == "You may ask here."


# --- with settings


def test_people_and_user_groups_that_are_named_may_ask_and_nobody_else(opened: Callable[..., Office]) -> None:
    office = opened(access=partial(AccessPolicy, users=[ONCALL_GROUP, GUEST], admins=[ALICE]))
    assert office.answered("last 7d", user=BOB).state == "done", "he is in the group"
    assert office.answered("last 7d", user=GUEST).state == "done", "she is named herself"
    assert len(office.sandbox.calls("usergroups.users.list")) == 1


def test_who_is_not_named_is_told_whom_to_ask(opened: Callable[..., Office]) -> None:
    office = opened(access=partial(AccessPolicy, users=[ONCALL_GROUP], admins=[BOB]))
    assert "You are not among those who may ask here. Ask @bob." in refused(office, ALICE)
    assert helped(office, ALICE) == "You are not among those who may ask here. Ask @bob."


def test_channels_that_are_named_are_the_only_ones(opened: Callable[..., Office]) -> None:
    office = opened(access=partial(AccessPolicy, channels=[ONCALL], admins=[BOB]))
    assert office.answered("last 7d", channel=ONCALL).state == "done"
    assert "This is not one of the channels in which I may answer. Ask @bob." in refused(office, ALICE)
    assert "not one of the channels" in refused(office, ALICE, text="private last 7d")
    assert "not one of the channels" in refused(office, ALICE, TO_ALICE)


def test_what_slack_knows_of_people_is_asked_anew_after_ten_minutes(opened: Callable[..., Office]) -> None:
    seconds = 0.0
    office = opened(monotonic=lambda: seconds)
    assert office.answered("last 7d", user=BOB).state == "done"
    known = office.sandbox.workspace.users[BOB]
    office.sandbox.workspace.users[BOB] = replace(known, guest=True)
    assert office.answered("last 7d service=s3", user=BOB).state == "done"
    seconds = 601.0
    assert "Guests may not ask here." in refused(office, BOB)


def test_while_slack_does_not_say_who_someone_is_nothing_is_answered_and_later_it_is(office: Office) -> None:
    for _ in range(2):  # the first time it is asked before the promise, which waits for nothing
        office.sandbox.faults.error("users.info", "internal_error", where=lambda call: call["user"] == BOB)
    run = office.ask("last 7d", user=BOB)
    for _ in range(1_000):
        now = ended(office.worker, run.id, 0.02)
        assert now is not None
        if now.due is not None:
            break
    assert office.sandbox.workspace.in_channel(SECURITY) == []
    office.later(31)
    assert office.ended(run).state == "done"


def test_where_slack_says_too_late_that_someone_may_not_they_are_told_where_they_typed(
    opened: Callable[..., Office],
) -> None:
    office = opened(admins=[ALICE])
    office.sandbox.faults.error("users.info", "internal_error", where=lambda call: call["user"] == GUEST)

    run = office.answered("last 7d", user=GUEST)

    assert run.state == "failed"
    assert run.steps == (), "nothing was asked of the lake"
    word = office.whisper(GUEST)
    assert word.channel == SECURITY
    assert words(word) == "Guests may not ask here.\nAsk @alice."
    assert office.posted() == []


def test_where_it_was_a_mention_they_are_told_in_their_messages(office: Office) -> None:
    office.sandbox.faults.error("users.info", "internal_error", where=lambda call: call["user"] == GUEST)
    office.sandbox.mention(GUEST, SECURITY, "last 7d")
    (word,) = office.direct(1, TO_GUEST)
    assert "Guests may not ask here." in words(word)


# --- digests


def type_refused(office: Office, text: str, user: str, channel: str = ONCALL) -> str:
    """Order what may not be ordered: the word on it."""
    type_(office, text, user=user, channel=channel)
    return words(office.whisper(user))


def test_a_guest_may_not_order_a_digest_nor_have_one_told_changed_or_removed(
    hired: Callable[..., Office],
) -> None:
    office = hired(admins=[ALICE])
    confirmation = ordered(office, channel=SECURITY)
    refusal = "Guests may not ask here.\nAsk @alice."
    for text in ("daily 09:00", "now 1", "pause 1", "edit 1", "show 1", "remove 1"):
        assert type_refused(office, text, GUEST, SECURITY) == refusal, text
    for action in ("tell_now", "edit_digest"):
        count = len(office.sandbox.ephemerals(GUEST))
        office.click(confirmation, action, user=GUEST)
        office.sandbox.wait_for(lambda before=count: len(office.sandbox.ephemerals(GUEST)) > before)  # type: ignore[misc]  # mypy infers no lambda with a default
        assert "Guests may not ask here. Ask @alice." in words(office.whisper(GUEST))
    (kept,) = office.worker.digests.all()
    assert not kept.paused
    assert runs(office) == []
    assert office.sandbox.view_of(GUEST) is None


def test_a_guest_may_not_snooze_a_finding(hired: Callable[..., Office]) -> None:
    office = hired()
    ordered(office, channel=SECURITY)
    told(office)
    (table, _) = office.thread(runs(office)[0])
    value = encode(OfFinding(1, office.worker.digests.findings(1)[0].id))
    office.click(table, "snooze", value, user=GUEST)
    assert "Guests may not ask here." in whispered(office, "Guests", GUEST)
    assert office.sandbox.view_of(GUEST) is None


def test_a_digest_is_not_ordered_for_a_shared_channel_wherever_it_is_typed(on_call: Office) -> None:
    share(on_call, ONCALL)
    for text, channel in (("daily 09:00", ONCALL), ("daily 09:00 #on-call", SECURITY)):
        assert "shared with another organization" in type_refused(on_call, text, ALICE, channel)
    assert on_call.worker.digests.all() == []
    assert on_call.sandbox.workspace.in_channel(ONCALL) == []


@pytest.mark.parametrize("command", ["/tls-audit", "/tls-digest"])
def test_where_nothing_may_be_asked_that_is_told_before_a_form_opens(
    hired: Callable[..., Office], command: str
) -> None:
    office = hired(access=partial(AccessPolicy, channels=[ONCALL]))
    office.sandbox.acknowledged(office.sandbox.command(ALICE, SECURITY, command, ""))
    assert "This is not one of the channels in which I may answer." in words(office.whisper())
    assert office.sandbox.view_of(ALICE) is None


def test_in_a_shared_channel_the_form_of_a_digest_is_refused_and_that_of_a_question_answers_in_private(
    on_call: Office,
) -> None:
    share(on_call, ONCALL)
    assert "shared with another organization" in type_refused(on_call, "", ALICE, ONCALL)
    assert on_call.sandbox.view_of(ALICE) is None
    on_call.sandbox.acknowledged(on_call.sandbox.command(ALICE, ONCALL, "/tls-audit", ""))
    view = on_call.sandbox.wait_for(lambda: on_call.sandbox.view_of(ALICE), what="the form")
    (private,) = view.json()["state"]["values"]["private"].values()
    assert [chosen["value"] for chosen in private["selected_options"]] == ["private"]


def test_a_digest_does_not_move_to_a_channel_that_is_not_named(hired: Callable[..., Office]) -> None:
    office = hired(access=partial(AccessPolicy, channels=[ONCALL]))
    ordered(office)
    type_(office, "edit 1")
    office.sandbox.wait_for(lambda: office.sandbox.view_of(ALICE), what="the form")
    sent = office.sandbox.submit(ALICE, {"channel": SECURITY})
    assert "not one of the channels" in sent.errors["channel"]
    assert office.worker.digests.all()[0].channel == ONCALL


def now_shared(hired: Callable[..., Office]) -> tuple[Office, list[Message]]:
    """An office with a digest in a channel that was shared since; and what stood there before."""
    seconds = 0.0
    office = hired(monotonic=lambda: seconds)
    ordered(office)
    share(office, ONCALL)
    seconds += KNOWN_SECONDS + 1
    return office, office.sandbox.workspace.in_channel(ONCALL)


def test_of_a_channel_that_was_shared_since_a_digest_tells_its_owner_alone(
    hired: Callable[..., Office],
) -> None:
    office, before = now_shared(hired)

    run = office.ended(due(office))

    assert run.state == "failed"
    word = words(said(office, "A digest could not be posted in", TO_ALICE))
    assert "This channel is shared with another organization" in word
    assert office.sandbox.workspace.in_channel(ONCALL) == before


def test_in_such_a_channel_not_even_a_failure_is_told(hired: Callable[..., Office], trail: Trail) -> None:
    office, before = now_shared(hired)
    trail.error = EngineError("arn:aws:iam::111122223333:role/x may not ask.", "Ask AWS.")

    assert office.ended(due(office)).state == "failed"

    assert "shared with another organization" in words(
        said(office, "A digest could not be posted in", TO_ALICE)
    )
    assert office.sandbox.workspace.in_channel(ONCALL) == before


def test_help_in_a_channel_the_bot_cannot_see_says_that_one_may_ask(office: Office) -> None:
    # it cannot post there either, and says so when asked
    assert helped(office, ALICE, HIDDEN) == "You may ask here."


def test_a_digest_whose_owner_left_its_channel_is_paused_and_they_are_told(
    hired: Callable[..., Office],
) -> None:
    seconds = 0.0
    office = hired(monotonic=lambda: seconds)
    ordered(office)
    channel = office.sandbox.workspace.channels[ONCALL]
    office.sandbox.workspace.put_channel(replace(channel, members=channel.members - {ALICE}))
    seconds += KNOWN_SECONDS + 1
    before = office.sandbox.workspace.in_channel(ONCALL)

    assert office.ended(due(office)).state == "failed"

    word = words(said(office, "A digest could not be posted in", TO_ALICE))
    assert "I answer only where both you and I are" in word
    assert "The digest is paused until someone resumes it." in word
    assert office.worker.digests.all()[0].paused
    assert office.sandbox.workspace.in_channel(ONCALL) == before


@pytest.mark.parametrize(
    ("team", "teams", "asked"),
    [
        ("E0ORG", (TEAM,), True),
        ("T0SISTER", (TEAM, "T0SISTER"), True),
        ("T0SISTER", ("T0SISTER",), True),
        ("T0OTHER", (), False),
    ],
)
def test_on_enterprise_grid_everyone_of_the_organization_is_one_of_us(
    opened: Callable[..., Office], team: str, teams: tuple[str, ...], *, asked: bool
) -> None:
    def with_sister(sandbox: Sandbox) -> None:
        sue = User("W_SUE", "sue", "Sue", team=team, organization="E0ORG" if teams else "", teams=teams)
        sandbox.workspace.users["W_SUE"] = sue
        sandbox.workspace.join(SECURITY, "W_SUE")

    office = opened(while_opening=with_sister, organization="E0ORG")
    office.type("help", user="W_SUE")
    word = words(office.whisper("W_SUE")).splitlines()[-1]
    assert ("You may ask here." in word) == asked
