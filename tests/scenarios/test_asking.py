"""What people ask, and what they see, over real HTTP and Socket Mode."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.office import ALICE, BOB, SECURITY, eventually, kinds, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scenarios.office import Office, RetryLater


def test_a_question_is_answered_in_its_thread_with_table_cards_chart_file_and_buttons(
    office: Office, request: pytest.FixtureRequest
) -> None:
    run = office.answered("last 7d by=clients")

    parent = office.parent(run)
    assert words(parent).startswith("@U_ALICE asks: calls over TLS older than 1.2, by client")
    assert "🔴 " in words(parent)
    assert "[Cancel]" not in words(parent)
    table, to_do, chart, file = office.thread(run)
    assert "data_table" in kinds(table)
    assert words(to_do).startswith("What to do about it")
    assert "Calls itself Boto 2.49.0, Python 2.7.5 on Linux 3.10.0" in words(to_do)
    assert "boto 2 is out of support" in words(to_do)
    assert "ssl.OPENSSL_VERSION" in words(to_do)
    is_free = request.config.getoption("--engine") == "local"
    assert ("Others negotiate TLS 1.3 with s3.us-east-1.amazonaws.com (" in words(to_do)) is is_free
    assert "[Edit] [View as…] [Rerun] [Send daily] [Show SQL]\n[Delete]" in words(table)
    assert kinds(chart) == ["data_visualization"]
    assert office.file(run).name == "tls-audit_clients_2026-11-16_2026-11-23.csv"
    assert office.csv(run).startswith("userAgent,tlsVersion,numPrincipals,numOutdatedTlsCalls\n")
    assert file.files == (office.file(run).id,)
    assert parent.text.startswith("Asked: calls over TLS older than 1.2, by client")


def test_the_command_is_acknowledged_without_a_word_and_nothing_is_whispered(office: Office) -> None:
    office.answered("last 7d service=s3")

    assert office.sandbox.ephemerals(ALICE) == []
    (command,) = [each for each in office.sandbox.traffic if each.what == "slash_commands"]
    assert not command.answer


def test_a_typo_is_answered_only_to_the_asker_with_what_was_meant(office: Office) -> None:
    office.type("last 7d servce=s3")

    told = words(office.whisper())
    assert "No servce=: did you mean service=?" in told
    assert "Try: last 7d service=s3" in told
    assert "[Edit]" in told
    assert office.sandbox.messages(SECURITY) == []
    assert office.sandbox.ephemerals(BOB) == []


def test_what_can_be_meant_in_two_ways_is_asked_back_and_a_button_asks_what_was_meant(office: Office) -> None:
    office.type("by service and region")

    asked_back = office.whisper()
    assert "[by=services] [by=regions] [Edit]" in words(asked_back)
    assert office.sandbox.messages(SECURITY) == []

    run = office.clicked_run(asked_back, "reading_2")
    assert run.typed == "by=regions"
    assert "by region" in words(office.parent(run))


def test_an_unknown_view_is_answered_with_the_views_there_are(office: Office) -> None:
    office.type("last 7d by=clints")
    assert "clients" in words(office.whisper())

    office.type("last 7d by=weather")
    assert "services" in words(office.whisper())


def test_help_names_examples_that_work(office: Office) -> None:
    from handlers.questions.commands import EXAMPLES

    office.type("help")
    told = words(office.whisper())
    for example, _ in EXAMPLES:
        assert f"/tls-audit {example}" in told
        office.questions.grammar.parse(example, now=office.clock(), zone=UTC)


@pytest.mark.parametrize("typed", ["help", "digest", "digests", "digest daily 09:00 watch=kms"])
def test_who_looks_for_digests_is_told_their_command(typed: str, office: Office) -> None:
    office.type(typed)
    assert "/tls-digest help" in words(office.whisper())


def test_views_lists_every_view(office: Office) -> None:
    office.type("views")
    told = words(office.whisper())
    assert all(f"{name}  " in told for name in office.questions.grammar.views)


def test_runs_lists_my_own_latest_first_and_each_can_be_asked_again(office: Office) -> None:
    office.type("runs")
    assert "You have asked nothing yet." in words(office.whisper())

    first = office.answered("last 7d by=regions")
    office.clock.advance(60)
    second = office.answered("last 7d service=s3")
    office.answered("last 7d by=accounts", user=BOB)

    office.type("runs")
    told = words(office.whisper())
    assert told.index(second.id) < told.index(first.id)
    assert "by=accounts" not in told
    assert "last 7d service=s3" in told

    again = office.clicked_run(office.whisper(), "rerun")
    assert again.typed == "last 7d service=s3"
    assert again.channel == SECURITY


def test_cancel_takes_the_id_of_a_run_of_ones_own(office: Office, patient: RetryLater) -> None:
    run = office.opened(office.ask("last 7d engine=patient"))

    office.type(f"cancel {run.id}", user=BOB)
    assert f"No run {run.id} of yours." in words(office.whisper(BOB))
    office.type("cancel", user=BOB)
    assert words(office.whisper(BOB)) == "Say which: /tls-audit cancel ID. /tls-audit runs lists yours."

    office.type(f"cancel {run.id}")
    assert "is being cancelled" in words(office.whisper())
    assert office.ended(run).state == "cancelled"
    assert patient.stopped == [f"{run.id}/answer"]

    office.type(f"cancel {run.id}")
    assert "has ended already" in words(office.whisper())


def test_a_question_is_queued_with_its_place_then_runs_and_then_says_what_was_found(
    opened: Callable[..., Office], patient: RetryLater
) -> None:
    office = opened(limits={"patient": 1})
    first = office.opened(office.ask("last 7d engine=patient"))
    second = office.opened(office.ask("last 7d service=s3 engine=patient", user=BOB))
    third = office.opened(office.ask("last 7d service=kms engine=patient"))
    office.sandbox.wait_for(lambda: "running" in words(office.parent(first)), what="progress")

    assert " s · 1.8 GB read" in words(office.parent(first))
    assert words(office.parent(second)).endswith("⏳ queued\n[Cancel]")
    assert words(office.parent(third)).endswith("⏳ queued, 1 before it\n[Cancel]")

    patient.go.set()
    for run in (first, second, third):
        assert office.ended(run).state == "done"
        assert "No call over TLS older than 1.2" in words(office.parent(run))
        assert "[Cancel]" not in words(office.parent(run))
    assert office.sandbox.broken == []


def test_the_cancel_button_stops_a_long_query(office: Office, patient: RetryLater) -> None:
    run = office.opened(office.ask("last 7d engine=patient"))
    eventually(lambda: patient.asked, "the engine to be asked")

    office.click(office.parent(run), "cancel")

    assert office.ended(run).state == "cancelled"
    office.sandbox.wait_for(lambda: "⚠️ Cancelled" in words(office.parent(run)), what="the word Cancelled")
    assert patient.stopped == [f"{run.id}/answer"]
    assert office.thread(run) == []


def test_the_cancel_button_takes_a_waiting_question_out_of_the_queue(
    opened: Callable[..., Office], patient: RetryLater
) -> None:
    office = opened(limits={"patient": 1})
    first = office.opened(office.ask("last 7d engine=patient"))
    second = office.opened(office.ask("yesterday engine=patient"))

    office.click(office.parent(second), "cancel")

    assert office.ended(second).state == "cancelled"
    office.sandbox.wait_for(lambda: "⚠️ Cancelled" in words(office.parent(second)), what="the word Cancelled")
    patient.go.set()
    assert office.ended(first).state == "done"
    assert not [token for token in patient.asked if token.startswith(second.id)]


def test_only_who_asked_or_an_admin_can_cancel(opened: Callable[..., Office], patient: RetryLater) -> None:
    office = opened(admins=["U_GUEST"])
    run = office.opened(office.ask("last 7d engine=patient"))

    office.click(office.parent(run), "cancel", user=BOB)
    assert "Only who asked, or an admin of the bot, can cancel" in words(office.whisper(BOB))
    office.click(office.parent(run), "cancel", user="U_GUEST")
    assert office.ended(run).state == "cancelled"
    assert patient.stopped


def test_a_failing_engine_is_told_in_the_thread_with_the_run_and_what_to_do(office: Office) -> None:
    run = office.answered("last 7d engine=broken")

    assert run.state == "failed"
    assert "⚠️ No answer: see the thread" in words(office.parent(run))
    (told,) = office.thread(run)
    assert words(told) == (
        f"⚠️ Lake stopped this after an hour. Try a shorter window or name a service. run {run.id}"
    )


@pytest.mark.parametrize(("seconds", "told"), [(50, False), (70, True)])
def test_whoever_waited_over_a_minute_is_named_and_so_told(
    office: Office, patient: RetryLater, seconds: int, *, told: bool
) -> None:
    run = office.opened(office.ask("last 7d engine=patient"))
    eventually(lambda: patient.asked, "the engine to be asked")

    office.clock.advance(seconds)
    patient.go.set()

    office.ended(run)
    answer = office.table(run)
    assert ("@U_ALICE your answer:" in words(answer)) is told
    assert (ALICE in answer.notified) is told


def test_zero_rows_are_believable_and_offer_who_comes_next(office: Office) -> None:
    run = office.answered("last 7d service=sts account=444455556666")

    assert "✅ No call over TLS older than 1.2" in words(office.parent(run))
    (answer,) = office.thread(run)
    assert "events read" in words(answer)
    assert "AWS refuses older handshakes" in words(answer)
    assert "[Ask with min=1.3]" in words(answer)

    stricter = office.clicked_run(answer, "ask_stricter")

    assert "older than 1.3" in words(office.parent(stricter))
    assert office.root(stricter) == run.thread


def test_a_window_without_any_event_is_not_called_safe(office: Office) -> None:
    run = office.answered("2025-12-01..2025-12-02")

    assert "⚠️ " in words(office.parent(run))
    assert "No event at all was read" in words(office.thread(run)[0])
    assert "min=1.3" not in words(office.thread(run)[0])


def test_what_a_tls_floor_would_break_is_told_with_the_policies_to_use(office: Office) -> None:
    run = office.answered("last 7d what-if min=1.3")
    said = "\n".join(map(words, office.thread(run)))
    assert "What would break" in said
    assert "The policy below would deny " in said
    assert "Resource control policy for the organization's root" in said
    assert '"s3:TlsVersion": "1.3"' in said
    assert office.sandbox.broken == []
