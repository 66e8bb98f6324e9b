"""Urgent services: what is new of them is told within the hour, once, and nothing is resolved by that."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from bot.store.run import UrgentTask
from tests.scenarios.office import ALICE, BOB, words
from tests.scenarios.on_call import (
    ONCALL,
    edited,
    form,
    held,
    home,
    ordered,
    said,
    told,
    type_,
    whispered,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.sandbox import Message
    from bot.store.run import Run
    from tests.scenarios.office import Office
    from tests.scenarios.on_call import Trail

ORDER: Final = "daily 09:00 watch=kms,secretsmanager mention=U_BOB"
KMS: Final = {"Boto/2.38.0": "kms.amazonaws.com", "curl/7.19.7": "kms.amazonaws.com"}
HOUR: Final = timedelta(hours=1)


@pytest.fixture
def office(on_call: Office) -> Iterator[Office]:
    """An office in which no rule of Slack's may be broken."""
    yield on_call
    assert on_call.sandbox.broken == []


def begun(office: Office, trail: Trail, order: str = ORDER) -> None:
    """Order a digest with urgent services, and have its baseline told."""
    trail.calls, trail.services = {"Wget/1.12": 1}, dict(KMS)
    ordered(office, order)
    told(office)


def looks(office: Office) -> list[Run]:
    """The looks that were promised, newest first."""
    every = office.worker.runs.latest("", 1_000)
    return [run for run in every if isinstance(run.task, UrgentTask)]


def looked(office: Office, number: int = 1) -> Run:
    """Move on to when urgent services are looked at, and have that done; its run."""
    digest = office.worker.digests.get(number)
    assert digest is not None
    assert digest.urgent_due is not None
    office.clock.now = max(office.clock.now, digest.urgent_due)
    office.worker.scheduler.schedule_due()
    return office.ended(looks(office)[0])


def urgent(office: Office) -> list[Message]:
    """What was told of urgent services."""
    return [each for each in office.sandbox.workspace.in_channel(ONCALL) if "Urgent: " in words(each)]


def window(run: Run) -> str:
    return run.text.split()[0]


def test_an_order_says_what_is_told_within_the_hour_and_what_that_costs(office: Office) -> None:
    said_so = words(ordered(office, ORDER))

    what = "yesterday's calls over TLS older than 1.2; within the hour what is new to kms and secretsmanager"
    assert what in said_so
    assert "Looking every hour costs nothing: reading is free on this engine." in said_so
    assert "It begins with the first digest, which says what there is." in said_so
    type_(office, "list")
    assert what in whispered(office, "within the hour")
    type_(office, "show 1")
    assert "Looking every hour costs nothing" in whispered(office, "Looking every hour")
    assert what in home(office)


def test_a_form_keeps_urgent_services_and_changes_them(office: Office) -> None:
    ordered(office, ORDER)
    type_(office, "edit")
    assert held(form(office), "urgent") == "kms,secretsmanager"
    assert office.sandbox.submit(ALICE, {}).errors == {}
    said(office, "changed digest 1")

    assert edited(office, {"urgent": "kms, sts"}).errors == {}
    said(office, "within the hour what is new to kms and sts")
    (digest,) = office.worker.digests.all()
    assert digest.urgent == ("kms.amazonaws.com", "sts.amazonaws.com")
    assert "is not one service" in edited(office, {"urgent": "k*"}).errors["urgent"]
    narrowed = edited(office, {"question": "service=s3"})
    assert "does not ask about kms" in narrowed.errors["urgent"]
    assert edited(office, {"urgent": ""}).errors == {}
    said(office, "yesterday's calls over TLS older than 1.2.")
    (digest,) = office.worker.digests.all()
    assert (digest.urgent, digest.urgent_due) == ((), None)


def test_what_is_new_is_told_within_the_hour_once_and_the_digest_says_that_it_was(
    office: Office, trail: Trail
) -> None:
    begun(office, trail)
    trail.calls = {"Wget/1.12": 1, "Boto/2.38.0": 12, "Ruby/1.8": 7}
    run = looked(office)
    looked(office)
    looked(office)

    (message,) = urgent(office)
    assert words(message).startswith(
        "🔴 Urgent: TLS older than 1.2, the last 2 hours: 1 new (nightly-export → kms) · 12 calls"
    )
    assert "kms and secretsmanager are urgent here: news is told within the hour." in words(message)
    assert message.notified == {BOB}
    assert run.state == "done"
    thread = [words(each) for each in office.sandbox.thread(ONCALL, message.ts)]
    assert any("Boto/2.38.0" in each and "Ruby" not in each for each in thread)
    assert {each.client for each in office.worker.digests.findings(1)} == {"Wget/1.12"}, "it remembers none"

    trail.calls = {"Wget/1.12": 1, "Boto/2.38.0": 12}
    digest = told(office)
    assert "1 new (nightly-export → kms)" in words(digest)
    assert "1 finding of these was told within the hour already: nightly-export → kms." in words(digest)
    assert digest.notified == set(), "who was named for it is not named again"
    assert {each.resolved for each in office.worker.digests.findings(1)} == {None}
    looked(office)
    assert len(urgent(office)) == 1


def test_what_is_known_is_no_news(office: Office, trail: Trail) -> None:
    begun(office, trail, "daily 09:00 watch=s3,kms")
    looked(office)
    assert urgent(office) == [], "it stood in the first digest"
    trail.late = {"curl/7.19.7": 3}
    looked(office)

    (message,) = urgent(office)
    assert "1 new (nightly-export → kms) · 3 calls" in words(message), "calls that arrived late are news too"


def test_before_the_first_digest_nothing_is_new(office: Office, trail: Trail) -> None:
    trail.services = dict(KMS)
    ordered(office, ORDER)
    run = looked(office)

    assert run.state == "done"
    assert urgent(office) == []
    told(office)
    looked(office)
    assert urgent(office) == []


def test_an_hour_that_cannot_be_believed_is_asked_again_and_for_long_that_is_said_once(
    office: Office, trail: Trail
) -> None:
    begun(office, trail)
    last = looked(office)
    trail.events = 0
    for hours in range(1, 10):
        run = looked(office)
        assert run.created - last.created == hours * HOUR
        start = run.created - min(hours, 6) * HOUR
        assert window(run) == f"{start:%Y-%m-%dT%H:%MZ}..{run.created:%Y-%m-%dT%H:%MZ}"
        doubts = [
            each
            for each in office.sandbox.workspace.in_channel(ONCALL)
            if "No look at urgent services" in words(each)
        ]
        assert len(doubts) == (hours >= 6)
    assert "could not be believed. No event at all was read of 6 hours." in words(doubts[0])
    assert "What kms and secretsmanager had since 10:00" in words(doubts[0])

    trail.events, trail.calls = 5_912_004, {"Boto/2.38.0": 12}
    run = looked(office)
    assert "the last 7 hours: 1 new" in words(urgent(office)[0])
    assert window(looked(office)) == f"{run.created:%Y-%m-%dT%H:%MZ}..{run.created + HOUR:%Y-%m-%dT%H:%MZ}"


def test_a_scan_that_fails_tells_nothing_and_is_asked_again(office: Office, trail: Trail) -> None:
    begun(office, trail)
    first = looked(office)
    trail.refused = "answer"
    assert looked(office).state == "done"
    trail.refused, trail.calls = "", {"Boto/2.38.0": 12}
    run = looked(office)

    assert window(run).startswith(f"{first.created:%Y-%m-%dT%H:%MZ}..")
    assert len(urgent(office)) == 1


def test_what_could_not_be_posted_is_told_to_the_owner_once_and_is_news_still(
    office: Office, trail: Trail
) -> None:
    begun(office, trail)
    trail.calls = {"Boto/2.38.0": 12}
    office.sandbox.faults.error(
        "chat.postMessage", "restricted_action", times=2, where=lambda call: call["channel"] == ONCALL
    )
    assert [looked(office).state for _ in range(2)] == ["failed", "failed"]
    (alone,) = office.direct(1)
    assert "A look at urgent services could not be posted in #C_ONCALL" in words(alone)
    assert "lets only some people post. (restricted_action)" in words(alone)
    assert "I go on looking every hour, and say this once." in words(alone)
    assert urgent(office) == []

    assert looked(office).state == "done"
    assert "1 new" in words(urgent(office)[0])
    assert looked(office).state == "done"
    assert len(urgent(office)) == 1


def test_a_doubt_that_could_not_be_posted_is_told_by_the_next_look(office: Office, trail: Trail) -> None:
    begun(office, trail)
    looked(office)
    trail.events = 0
    for _ in range(5):
        looked(office)
    office.sandbox.faults.error(
        "chat.postMessage", "restricted_action", where=lambda call: call["channel"] == ONCALL
    )
    assert looked(office).state == "failed"
    assert looked(office).state == "done"

    assert "could not be believed" in words(said(office, "No look at urgent services"))


def test_of_what_was_never_posted_the_digest_does_not_say_that_it_was_told(
    office: Office, trail: Trail
) -> None:
    begun(office, trail)
    trail.calls = {"Boto/2.38.0": 12}
    # the look that is due with the digest is refused too, before or after the digest is put together
    office.sandbox.faults.error(
        "chat.postMessage", "restricted_action", times=9, where=lambda call: "Urgent: " in str(call)
    )
    assert looked(office).state == "failed"
    digest = words(told(office))
    assert "1 new" in digest
    assert "told within the hour" not in digest
    assert "@U_BOB" in digest


def test_a_digest_whose_question_is_none_any_more_tells_its_owner_so_once(
    hired: Callable[..., Office],
) -> None:
    stores = ["prod"]
    office = hired(stores=stores)
    ordered(office, f"{ORDER} store=prod")
    stores.clear()  # as after a restart with other settings

    assert [looked(office).state for _ in range(3)] == ["failed"] * 3
    (alone,) = office.direct(1)
    assert "No store prod: no stores are configured." in words(alone)

    stores.append("prod")
    assert looked(office).state == "done"
    stores.clear()
    assert looked(office).state == "failed"
    office.direct(2)


def test_what_is_snoozed_accepted_or_resolved_is_left_to_the_digest_and_what_is_back_is_news(
    office: Office, trail: Trail
) -> None:
    begun(office, trail)
    trail.calls = {"Boto/2.38.0": 12}
    looked(office)
    told(office)
    trail.calls = {}
    for _ in range(4):
        told(office)
    assert [each.resolved is not None for each in office.worker.digests.findings(1)] == [True, True]
    looked(office)
    assert len(urgent(office)) == 1

    trail.calls = {"Boto/2.38.0": 5}
    looked(office)
    looked(office)
    assert len(urgent(office)) == 2
    assert "1 back (nightly-export → kms) · 5 calls" in words(urgent(office)[-1])


def test_a_digest_that_is_paused_or_edited_is_not_looked_at_for_the_old_question(
    office: Office, trail: Trail
) -> None:
    begun(office, trail)
    type_(office, "pause 1")
    said(office, "paused digest 1")
    count = len(looks(office))
    office.clock.now += 3 * HOUR
    office.worker.scheduler.schedule_due()
    assert len(looks(office)) == count
    type_(office, "resume 1")
    said(office, "resumed digest 1")
    trail.calls = {"Boto/2.38.0": 12}
    assert window(looked(office)).endswith(f"{office.clock.now.replace(minute=0):%Y-%m-%dT%H:%MZ}")
    assert len(urgent(office)) == 1


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ("daily 09:00 watch=k*", "k* in watch= is not one service."),
        ("daily 09:00 watch!=kms", "watch excludes nothing."),
        ("daily 09:00 watch=", "watch= has no value."),
        ("daily 09:00 service=s3 watch=kms", "watch=kms, but this digest does not ask about kms."),
        ("daily 09:00 service!=kms watch=kms", "watch=kms, but this digest does not ask about kms."),
        ("daily 09:00 watch=" + ",".join(f"s{at}" for at in range(21)), "names 21 services; 20 is the most."),
        ("hourly", "daily 09:00 watch=kms tells what is new of a service within the hour."),
    ],
)
def test_what_cannot_be_watched_is_said(office: Office, order: str, why: str) -> None:
    type_(office, order)

    assert why in whispered(office, why)
    assert office.worker.digests.all() == []
