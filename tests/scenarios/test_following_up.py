"""The form, the buttons under an answer, and the other places where one can ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handlers.blockkit.values import AsView, encode
from tests.scenarios.office import ALICE, BOB, BOT, SECURITY, TO_ALICE, words

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bot.sandbox import View
    from tests.scenarios.office import Office, RetryLater


def said_in(view: View) -> str:
    """The last two lines of the form: the question in words, and as it would be typed."""
    return "\n".join(words_of_block(block) for block in view.body["blocks"] if block["type"] == "rich_text")


def words_of_block(block: dict[str, Any]) -> str:
    return "".join(str(run.get("text", "")) for part in block["elements"] for run in part["elements"])


def form(office: Office, user: str = ALICE) -> View:
    return office.sandbox.wait_for(lambda: office.sandbox.view_of(user), what="the form")


def form_that_says(office: Office, text: str) -> View:
    def look() -> View | None:
        shown = form(office)
        return shown if text in said_in(shown) else None

    return office.sandbox.wait_for(look, what=f"{text} in the form")


def held(view: View, name: str) -> Any:
    """What an input of a form holds."""
    return next(iter(view.json()["state"]["values"][name].values()))


# --- the form


def test_an_empty_command_opens_the_form_and_the_form_asks(office: Office) -> None:
    office.type("")
    view = form(office)
    assert "calls over TLS older than 1.2" in said_in(view)

    before = {run.id for run in office.worker.runs.latest(ALICE, 9)}
    sent = office.sandbox.submit(ALICE, {"by": "clients", "window": "last 3d", "service": "s3 kms, sts"})

    assert sent.errors == {}
    run = office.ended(office.new_run(before))
    assert run.typed == "by=clients last 3d service=s3,kms,sts"
    assert run.channel == SECURITY
    assert "to kms, s3 or sts, by client" in words(office.parent(run))
    assert office.sandbox.view_of(ALICE) is None


def test_the_form_shows_the_question_in_words_at_every_change(office: Office) -> None:
    office.type("")
    view = form(office)

    office.sandbox.click(ALICE, view, "form_changed", "1.3", block_id="min")
    changed = form_that_says(office, "older than 1.3")
    assert "/tls-audit min=1.3" in said_in(changed)

    office.sandbox.click(ALICE, changed, "form_changed", "last 7x", block_id="window")
    wrong = form_that_says(office, "7x")
    assert "older than" not in said_in(wrong).splitlines()[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", "last 7x"),
        ("window", "lst 7d"),
        ("window", "last 7 bananas"),
        ("until", "2026-11-10"),
        ("account", "12"),
        ("region", "eu west"),
        ("more", "nonsense"),
        ("window", "2030-01-01..2030-01-02"),
    ],
)
def test_a_mistake_in_the_form_is_shown_at_its_own_input(office: Office, name: str, value: str) -> None:
    office.type("")
    form(office)

    sent = office.sandbox.submit(ALICE, {name: value})

    assert list(sent.errors) == [name], sent.errors
    assert office.worker.runs.latest(ALICE, 9) == []
    assert office.sandbox.view_of(ALICE) is not None


def test_both_dates_of_the_form_make_a_window(office: Office) -> None:
    office.type("")
    form(office)
    before: set[str] = set()
    sent = office.sandbox.submit(ALICE, {"from": "2026-11-10", "until": "2026-11-12"})
    assert sent.errors == {}
    run = office.ended(office.new_run(before))
    question = office.questions.grammar.question(run)
    assert f"{question.window.start:%Y-%m-%d %H:%M}" == "2026-11-09 23:00", "midnight in Berlin"
    assert f"{question.window.end:%Y-%m-%d %H:%M}" == "2026-11-11 23:00"


def test_edit_after_a_mistake_opens_the_form_with_the_text_as_typed(office: Office) -> None:
    office.type('last 7d servce=s3 agent="Boto & Co <x>"')
    office.click(office.whisper(), "edit_text")

    view = form(office)
    assert held(view, "more")["value"] == 'last 7d servce=s3 agent="Boto & Co <x>"'
    assert "did you mean" in said_in(view)

    before: set[str] = set()
    sent = office.sandbox.submit(ALICE, {"more": 'last 7d service=s3 agent="Boto & Co <x>"'})
    assert sent.errors == {}
    assert "to s3" in words(office.parent(office.ended(office.new_run(before))))


def test_edit_under_an_answer_opens_the_form_filled_in(office: Office) -> None:
    run = office.answered("last 3d service=s3,kms by=clients min=1.3 cipher=weak agent!=boto top=7")

    office.click(office.table(run), "edit_run")

    view = form(office)
    assert held(view, "by")["selected_option"]["value"] == "clients"
    assert held(view, "window")["value"] == "last 3d"
    assert held(view, "service")["value"] == "kms.amazonaws.com, s3.amazonaws.com"
    assert held(view, "min")["selected_option"]["value"] == "1.3"
    assert [each["value"] for each in held(view, "policy")["selected_options"]] == ["cipher=weak"]
    again = office.sandbox.submit(ALICE)
    assert again.errors == {}
    second = office.ended(office.new_run({run.id}))
    first_asked, then_asked = (
        office.questions.grammar.question(run),
        office.questions.grammar.question(second),
    )
    assert str(first_asked).partition("by=")[2] == str(then_asked).partition("by=")[2]
    assert office.root(second) == run.thread


def test_an_expired_trigger_is_told_in_words(office: Office) -> None:
    office.sandbox.faults.error("views.open", "expired_trigger_id")
    office.type("")
    assert "three seconds for opening a form were over" in words(office.whisper())


# --- the buttons


def test_show_sql_shows_what_was_asked_of_the_engine(office: Office) -> None:
    run = office.answered("last 7d service=s3")
    office.click(office.table(run), "show_sql")

    view = form(office)
    assert view.body["title"]["text"] == f"SQL of run {run.id}"
    assert "SELECT" in said_in(view)
    assert "s3.amazonaws.com" in said_in(view)


def test_a_text_too_long_for_a_modal_says_how_much_is_left_out(office: Office) -> None:
    many = ",".join(f"*{n}x*" for n in range(50))
    run = office.answered(f"last 7d by=services principal={many}")
    office.click(office.table(run), "show_sql")

    said = said_in(form(office))
    assert "more characters are not shown" in said
    assert "tls-audit ask --sql" in said


def test_rerun_answers_in_the_same_thread_for_now(office: Office) -> None:
    run = office.answered("last 7d service=s3")
    office.clock.advance(3_600)

    again = office.clicked_run(office.table(run), "rerun", user=BOB)

    assert again.user == BOB
    assert office.root(again) == run.thread
    assert (
        office.questions.grammar.question(again).window.end
        > office.questions.grammar.question(run).window.end
    )
    assert "@U_BOB asks" in words(office.parent(again))


def test_every_other_view_answers_in_the_same_thread_for_the_same_window(office: Office) -> None:
    run = office.answered("last 7d service=s3 min=1.3")
    menu = office.table(run)

    clients = office.clicked_run(menu, "view_as", encode(AsView(run.id, "clients")))
    versions = office.clicked_run(menu, "view_as", encode(AsView(run.id, "versions")))

    for other in (clients, versions):
        assert other.state == "done"
        assert office.root(other) == run.thread
        assert (
            office.questions.grammar.question(other).window == office.questions.grammar.question(run).window
        )
        assert "s3" in words(office.parent(other))
    assert "older than 1.3" in words(office.parent(clients))
    # from an answer within the thread, too, and back to a view with a policy
    back = office.clicked_run(
        office_table(office, versions), "view_as", encode(AsView(versions.id, "clients"))
    )
    assert office.root(back) == run.thread
    assert "older than 1.2" in words(office.parent(back))


def test_a_view_of_every_version_leads_to_the_clients_of_one(office: Office) -> None:
    run = office.answered("last 7d by=versions version=1.3")
    clients = office.clicked_run(office.table(run), "view_as", encode(AsView(run.id, "clients")))
    assert "calls over TLS 1.3, by client" in words(office.parent(clients))


def office_table(office: Office, run: Any) -> Any:
    """The table of a run that answers within another's thread."""
    return next(
        reply
        for reply in office.thread(run)
        if reply.metadata and reply.metadata["event_payload"] == {"run": run.id, "part": "table"}
    )


def test_delete_takes_everything_away_and_only_the_asker_may(office: Office) -> None:
    run = office.answered("last 7d by=clients")
    table = office.table(run)

    office.click(table, "delete", user=BOB)
    assert "Only who asked" in words(office.whisper(BOB))
    assert len(office.thread(run)) == 4

    office.click(table, "delete")
    office.sandbox.wait_for(
        lambda: not office.sandbox.workspace.in_channel(SECURITY), what="an empty channel"
    )
    assert office.sandbox.files == []


def test_a_private_question_is_answered_in_direct_messages_and_can_be_shared(office: Office) -> None:
    run = office.answered("private last 7d service=s3")

    assert office.sandbox.messages(SECURITY) == []
    assert run.home == TO_ALICE
    answer = office.table(run)
    assert "[Share in the channel]" in words(answer)

    other = office.clicked_run(answer, "view_as", encode(AsView(run.id, "clients")))
    assert (other.home, office.root(other)) == (TO_ALICE, run.thread)

    shared = office.clicked_run(answer, "share")
    assert shared.home == SECURITY
    assert "[Share in the channel]" not in words(office.table(shared))
    assert "🔴" in words(office.parent(shared))


# --- other places


def test_a_mention_in_a_thread_is_answered_in_that_thread(office: Office) -> None:
    root = office.sandbox.say(BOB, SECURITY, "What is this old Python?")
    office.sandbox.mention(BOB, SECURITY, "last 7d agent=python by=clients", thread=root.ts)

    run = office.ended(office.new_run(set(), BOB))

    assert (run.channel, run.reply_to) == (SECURITY, root.ts)
    parent, *answer = [one for one in office.thread(run) if one.user == BOT]
    assert "@U_BOB asks" in words(parent)
    assert "🔴" in words(parent)
    assert len(answer) == 3, "a table, a card and a file; one row makes no chart"
    assert office.sandbox.messages(SECURITY) == [office.sandbox.message(SECURITY, root.ts)]


def test_a_mention_with_a_typo_or_with_help_is_answered_only_to_who_asked(office: Office) -> None:
    office.sandbox.mention(BOB, SECURITY, "last 7d servce=s3")
    assert "did you mean service=" in words(office.whisper(BOB))

    office.sandbox.mention(ALICE, SECURITY, "")
    assert "Ask which clients" in words(office.whisper(ALICE))


def test_a_direct_message_to_the_bot_is_a_question(office: Office) -> None:
    asked = office.sandbox.say(ALICE, TO_ALICE, "last 7d service=s3")
    run = office.ended(office.new_run(set()))
    assert (run.home, run.reply_to) == (TO_ALICE, asked.ts)
    assert run.state == "done"
    assert "[Share" not in words(office.table(run))


def test_private_in_the_bots_own_direct_messages_changes_nothing(office: Office) -> None:
    asked = office.sandbox.say(ALICE, TO_ALICE, "private last 7d service=s3")
    run = office.ended(office.new_run(set()))
    assert office.root(run) == asked.ts
    assert "[Share" not in words(office.table(run))


def test_the_bot_does_not_answer_itself(office: Office) -> None:
    office.answered("private last 7d service=s3")
    office.sandbox.say(ALICE, TO_ALICE, "help")
    office.whisper()
    assert len(office.worker.runs.latest(BOT, 9)) == 0
    assert len(office.worker.runs.latest(ALICE, 9)) == 1


def test_home_says_how_to_ask_and_lists_my_runs_which_can_be_asked_again(office: Office) -> None:
    office.answered("last 7d service=s3")
    office.sandbox.open_home(ALICE)
    home = office.sandbox.wait_for(lambda: office.sandbox.home(ALICE), what="the Home tab")
    assert "last 7d service=s3" in said_in(home)

    before = {run.id for run in office.worker.runs.latest(ALICE, 9)}
    office.sandbox.acknowledged(office.sandbox.click(ALICE, home, "rerun"))
    again = office.ended(office.new_run(before))

    assert again.state == "done"
    assert again.home == TO_ALICE
    assert "🔴" in words(office.parent(again))


def test_home_opens_a_form_whose_answer_comes_as_a_direct_message(office: Office) -> None:
    office.sandbox.open_home(BOB)
    home = office.sandbox.wait_for(lambda: office.sandbox.home(BOB), what="the Home tab")
    office.sandbox.acknowledged(office.sandbox.click(BOB, home, "ask"))
    form(office, BOB)
    assert office.sandbox.submit(BOB, {"service": "s3"}).errors == {}

    run = office.ended(office.new_run(set(), BOB))

    assert run.home == "D_BOB"
    assert run.state == "done"
    assert "[Share" not in words(office.table(run)), "there is no channel to share it in"


def test_an_admin_may_delete_what_another_asked(opened: Callable[..., Office]) -> None:
    office = opened(admins=[BOB])
    run = office.answered("last 7d service=s3")
    office.click(office.table(run), "delete", user=BOB)
    office.sandbox.wait_for(
        lambda: not office.sandbox.workspace.in_channel(SECURITY), what="an empty channel"
    )
    assert office.sandbox.broken == []


def test_the_form_asks_the_usual_when_nothing_is_filled_in_and_runs_lists_it(office: Office) -> None:
    office.type("")
    form(office)
    assert office.sandbox.submit(ALICE).errors == {}
    run = office.ended(office.new_run(set()))
    assert run.state == "done"

    office.type("runs")
    assert run.id in words(office.whisper())
    again = office.clicked_run(office.whisper(), "rerun")
    assert "calls over TLS older than 1.2" in words(office.parent(again))


def test_the_newest_run_can_be_cancelled_while_it_is_being_announced(
    office: Office, patient: RetryLater
) -> None:
    hold = office.sandbox.faults.hold("chat.postMessage")
    run = office.ask("last 7d engine=patient")
    hold.arrived()

    office.type(f"cancel {run.id}")
    hold.release()

    assert office.ended(run).state == "cancelled"
    office.sandbox.wait_for(
        lambda: "⚠️ Cancelled" in words(office.parent(office.opened(run))), what="the word Cancelled"
    )
    assert patient.asked in ([], [f"{run.id}/answer"])
