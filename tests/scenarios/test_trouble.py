"""Whatever goes wrong at Slack's side, an answer is not lost, and someone is told what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.errors import EngineError
from handlers import connection
from tests.scenarios.office import (
    ALICE,
    BOB,
    HIDDEN,
    OLD,
    RANDOM,
    SECURITY,
    TO_ALICE,
    Canned,
    kinds,
    words,
)
from tests.scenarios.on_call import due, ordered, said
from tests.support.workers import ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.store.run import Run
    from tests.scenarios.office import Office, RetryLater
    from tests.scenarios.on_call import Trail

AGAIN = 31
"""When a run that Slack was away for is tried again."""


def rules(office: Office) -> set[str]:
    return {each.rule for each in office.sandbox.broken}


def parts(office: Office, run: Run) -> list[str]:
    """What was posted of a run, part by part, files last."""
    said = [message.metadata["event_payload"] for message in office.posted()]
    files = [file for file in office.sandbox.files if file.shares]
    return [each["part"] for each in said if each["run"] == run.id] + ["file"] * len(files)


def told_directly(office: Office, count: int = 1) -> str:
    return words(office.direct(count)[-1])


# --- where the bot is not


def test_a_public_channel_is_joined_where_it_is_asked(office: Office) -> None:
    run = office.answered("last 7d service=s3", channel=RANDOM)

    assert run.state == "done"
    assert office.csv(run)
    assert len(office.sandbox.calls("conversations.join")) == 1


def test_without_leave_to_join_the_asker_is_told_to_invite(opened: Callable[..., Office]) -> None:
    office = opened()
    office.sandbox.options.scopes = frozenset(connection.SCOPES) - {"channels:join"}

    run = office.answered("last 7d service=s3", channel=RANDOM)

    assert run.state == "failed"
    told = told_directly(office)
    assert "last 7d service=s3" in told
    assert "I am not in that channel. (not_in_channel) Type /invite @TLS Audit there, then ask again." in told
    assert run.id in told


def test_where_posting_is_allowed_but_not_joining_the_table_stands_and_the_file_is_explained(
    opened: Callable[..., Office],
) -> None:
    office = opened()
    office.sandbox.options.scopes = (frozenset(connection.SCOPES) - {"channels:join"}) | {"chat:write.public"}

    run = office.answered("last 7d service=s3", channel=RANDOM)

    assert run.state == "done"
    table, _, why = office.thread(run)
    assert "data_table" in kinds(table)
    assert "The table is above; the file could not be sent. I am not in that channel." in words(why)
    assert "/invite @TLS Audit" in words(why)


def test_in_a_channel_the_bot_cannot_see_the_asker_is_told_how_to_invite_it(office: Office) -> None:
    run = office.answered("last 7d service=s3", channel=HIDDEN)

    assert run.state == "failed"
    told = told_directly(office)
    assert "I cannot see that channel." in told
    assert "/invite @TLS Audit" in told
    assert "private" in told


def test_between_two_people_where_no_bot_can_be_invited_the_asker_is_told_what_works(office: Office) -> None:
    run = office.answered("last 7d service=s3", channel="D_ALICE_BOB")

    assert run.state == "failed"
    told = told_directly(office)
    assert "I cannot see messages between people. Ask in a channel, or with private." in told
    assert "/invite" not in told


def test_a_private_question_works_where_the_bot_cannot_see(office: Office) -> None:
    run = office.answered("private last 7d service=s3", channel=HIDDEN)
    assert run.state == "done"
    assert run.home == TO_ALICE


def test_a_channel_that_is_gone_or_archived_is_told_to_the_asker(office: Office) -> None:
    office.sandbox.faults.error(
        "chat.postMessage", "is_archived", where=lambda call: call["channel"] == SECURITY
    )
    run = office.answered("last 7d service=s3")

    assert run.state == "failed"
    assert "That channel is archived. (is_archived) Ask in another channel" in told_directly(office)
    assert office.sandbox.workspace.in_channel(OLD) == []


def test_a_missing_scope_is_named_to_the_asker(office: Office) -> None:
    office.sandbox.options.scopes = frozenset(connection.SCOPES) - {"files:write"}

    run = office.answered("last 7d service=s3")

    assert run.state == "done"
    assert "The app lacks the scope files:write." in words(office.thread(run)[-1])


# --- what the workspace does not take


@pytest.mark.parametrize(
    "policy", ["file_uploads_disabled", "file_type_not_allowed", "storage_limit_reached"]
)
def test_where_files_are_refused_the_table_stays_and_the_thread_says_why(office: Office, policy: str) -> None:
    office.sandbox.options.upload_error = policy

    run = office.answered("last 7d service=s3")

    assert run.state == "done"
    table, _, why = office.thread(run)
    assert "data_table" in kinds(table)
    assert policy in words(why)
    assert "admins can" in words(why)
    assert run.id in words(why)


def test_each_kind_of_table_has_another_below_it_and_what_was_refused_is_remembered(
    opened: Callable[..., Office],
) -> None:
    office = opened(refused_blocks=frozenset({"data_table"}))
    first = office.answered("last 7d by=principals")
    assert "table" in kinds(office.table(first))
    assert "nightly-export" in words(office.table(first))

    office.answered("last 7d by=clients")
    assert len([one for one in office.sandbox.broken if "data_table" in one.words]) == 1, "tried once"

    office.sandbox.options.refused_blocks = frozenset({"data_table", "table", "data_visualization"})
    third = office.answered("last 7d by=principals")
    table, chart, _ = office.thread(third)
    assert not {"table", "data_table"} & set(kinds(table))
    assert "nightly-export" in words(table)
    assert "[Show SQL]" in words(table)
    assert "nightly-export: " in words(chart)
    assert third.state == "done"


def test_where_slack_takes_no_large_table_a_smaller_one_comes_and_that_is_remembered(
    opened: Callable[..., Office],
) -> None:
    rows = [(f"client {number}", "TLSv1.1", 1, number) for number in range(300)]
    office = opened(engines=(Canned("canned", {"userAgent": rows}),))
    tried: list[int] = []

    def is_large(call: dict[str, Any]) -> bool:
        sizes = [len(block["rows"]) for block in call["blocks"] if block["type"] == "data_table"]
        tried.extend(sizes)
        return any(size > 101 for size in sizes)

    office.sandbox.faults.error("chat.postMessage", "invalid_blocks", times=9, where=is_large)

    for top in ("", "top=250"):
        run = office.answered(f"last 7d by=clients engine=canned {top}")
        assert "Showing 99 of" in words(office.table(run))
    assert tried == [201, 100, 100]


# --- when Slack is not well


def test_a_rate_limit_is_waited_out(office: Office) -> None:
    for method in ("chat.postMessage", "chat.update", "files.completeUploadExternal"):
        office.sandbox.faults.ratelimit(method, retry_after=0)

    run = office.answered("last 7d service=s3")

    assert parts(office, run) == ["parent", "table", "cards", "file"]


@pytest.mark.parametrize("part", ["parent", "table"])
def test_a_server_error_is_tried_again(office: Office, part: str) -> None:
    office.sandbox.faults.status("chat.postMessage", 500, where=lambda call: _part(call) == part)

    run = went_on(office, office.ask("last 7d service=s3"))

    assert run.state == "done"
    assert parts(office, run) == ["parent", "table", "cards", "file"]


@pytest.mark.parametrize("method", ["chat.update", "files.getUploadURLExternal"])
def test_a_server_error_of_what_does_no_harm_twice_is_tried_again_at_once(
    office: Office, method: str
) -> None:
    office.sandbox.faults.status(method, 500)

    run = office.answered("last 7d service=s3")

    assert parts(office, run) == ["parent", "table", "cards", "file"]


def went_on(office: Office, run: Run) -> Run:
    """The run at its end, after it was laid back because Slack could not be reached."""
    for _ in range(1_000):
        now = ended(office.worker, run.id, 0.02)
        assert now is not None
        if now.fence and not now.attempts:  # laid back, and not counted as an attempt
            break
    office.later(AGAIN)
    return office.ended(run)


@pytest.mark.parametrize("part", ["parent", "table", "cards", "chart"])
def test_a_connection_cut_before_a_post_loses_nothing_and_doubles_nothing(office: Office, part: str) -> None:
    office.sandbox.faults.cut_before("chat.postMessage", where=lambda call: _part(call) == part)

    run = went_on(office, office.ask("last 7d by=clients"))

    assert run.state == "done"
    assert sorted(parts(office, run)) == ["cards", "chart", "file", "parent", "table"]


@pytest.mark.parametrize("part", ["parent", "table", "cards", "chart"])
@pytest.mark.parametrize("honours", [True, False])
def test_a_connection_cut_after_a_post_loses_nothing_and_doubles_that_part_at_most(
    opened: Callable[..., Office], part: str, *, honours: bool
) -> None:
    office = opened(honours_client_msg_id=honours)
    office.sandbox.faults.cut_after("chat.postMessage", where=lambda call: _part(call) == part)

    run = went_on(office, office.ask("last 7d by=clients"))

    assert run.state == "done"
    once = ["cards", "chart", "file", "parent", "table"]
    # Slack documents client_msg_id, and nobody here has seen it at work
    assert sorted(parts(office, run)) == (once if honours else sorted([*once, part]))


FILE_CALLS = ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"]


@pytest.mark.parametrize("method", FILE_CALLS)
def test_a_connection_cut_at_the_file_is_made_up_for(office: Office, method: str) -> None:
    office.sandbox.faults.cut_before(method)

    run = went_on(office, office.ask("last 7d service=s3"))

    assert run.state == "done"
    assert parts(office, run) == ["parent", "table", "cards", "file"]
    assert office.csv(run)


@pytest.mark.parametrize("method", FILE_CALLS)
def test_a_connection_cut_at_the_file_again_and_again_leaves_the_table_and_says_so(
    office: Office, method: str
) -> None:
    office.sandbox.faults.cut_before(method, times=2)

    run = went_on(office, office.ask("last 7d service=s3"))

    assert run.state == "done"
    table, _, why = office.thread(run)
    assert "data_table" in kinds(table)
    assert "the file could not be sent" in words(why)
    assert "Rerun sends it anew" in words(why)
    assert "by itself" not in words(why)


def _part(call: dict[str, object]) -> str:
    metadata = call.get("metadata")
    return str(metadata["event_payload"]["part"]) if isinstance(metadata, dict) else ""


def test_after_a_refreshed_socket_the_next_command_is_answered(office: Office) -> None:
    office.sandbox.refresh_sockets()
    office.sandbox.wait_for(lambda: office.sandbox.sockets == 1, what="a new connection")
    assert office.answered("last 7d service=s3").state == "done"


def test_when_the_parent_was_deleted_meanwhile_the_asker_is_told(office: Office, patient: RetryLater) -> None:
    run = office.opened(office.ask("last 7d engine=patient"))
    app = connection.connect(office.sandbox.options.bot_token, office.sandbox.api_url)
    app.chat_delete(channel=SECURITY, ts=run.thread or "")
    patient.go.set()

    assert office.ended(run).state == "failed"
    told = told_directly(office)
    assert "last 7d engine=patient" in told
    assert "The thread I was to answer in is gone. (thread_not_found) Ask again." in told


def test_after_a_broken_socket_the_next_command_is_answered(office: Office) -> None:
    office.sandbox.cut_sockets()
    office.sandbox.wait_for(lambda: office.sandbox.sockets == 1, 30, "a new connection")
    assert office.answered("last 7d service=s3").state == "done"


def test_an_answer_comes_although_the_socket_breaks_meanwhile(office: Office, patient: RetryLater) -> None:
    run = office.opened(office.ask("last 7d engine=patient"))
    office.sandbox.cut_sockets()
    patient.go.set()
    assert office.ended(run).state == "done"
    assert "[Rerun]" in words(office.table(run))


def test_an_event_that_is_delivered_twice_is_one_run(office: Office) -> None:
    office.sandbox.faults.repeat_events()
    office.sandbox.mention(BOB, SECURITY, "last 7d service=s3")
    office.ended(office.new_run(set(), BOB))
    office.sandbox.wait_for(
        lambda: len([each for each in office.sandbox.traffic if each.what == "events_api"]) == 2,
        what="the second delivery",
    )
    # a later question has its answer only after the repeated one was taken
    office.answered("last 7d service=s3", user=BOB)
    assert len(office.worker.runs.latest(BOB, 9)) == 2


# --- what people send


def test_a_message_of_fifty_thousand_characters_is_answered_in_one_sentence(office: Office) -> None:
    office.type("last 7d " + "service=s3 " * 4_600)
    told = words(office.whisper())
    assert "characters; 4,000 is the most." in told
    assert len(told) < 200

    office.sandbox.mention(BOB, SECURITY, "x" * 50_000)
    assert "4,000 is the most" in words(office.whisper(BOB))


def test_the_longest_questions_can_be_asked_and_listed(office: Office) -> None:
    values = ",".join(f"agent-{number:03}-{'x' * 60}" for number in range(50))
    run = office.answered(f"last 7d agent={values} by=clients")
    assert run.state == "done"
    for number in range(10):
        office.answered(f"last 7d agent={values} top={number + 1}")

    office.type("runs")
    assert run.id not in words(office.whisper())
    assert words(office.whisper()).count("agent-000") == 10

    office.click(office.thread(run)[0], "edit_run")
    office.sandbox.wait_for(lambda: "too long for the form" in words(office.whisper()), what="a word on it")
    office.click(office.thread(run)[0], "show_sql")
    office.sandbox.wait_for(lambda: office.sandbox.view_of(ALICE), what="the SQL")


def test_a_table_of_twenty_thousand_rows_says_what_is_left_out(
    opened: Callable[..., Office],
) -> None:
    rows = [(f"client {number}", "TLSv1.1", 1, number) for number in range(20_000)]
    office = opened(engines=(Canned("canned", {"userAgent": rows}),))

    run = office.answered("last 7d by=clients engine=canned")

    table, *_ = office.thread(run)
    assert "Showing 200 of 20,000 rows, most calls first. All 20,000 rows are in the file." in words(table)
    assert "client 19999" in words(table)
    assert office.csv(run).count("\n") == 20_001
    assert office.sandbox.broken == []


WHERE: Final = "arn:aws:iam::444455556666:role/bot at https://lake.internal:8443, s3://results, /srv/archive"
"""What whoever runs the bot has, and nobody in Slack needs to know."""


def test_where_the_bots_parts_are_is_told_in_its_log_and_nowhere_in_slack(
    hired: Callable[..., Office], trail: Trail, caplog: pytest.LogCaptureFixture
) -> None:
    office = hired()
    ordered(office, "daily 09:00")
    trail.error = EngineError("The lake refused.", "Ask again.", detail=WHERE)

    run = office.answered("last 7d")
    due(office)
    said(office, "No digest")
    office.type("runs")
    office.sandbox.open_home(ALICE)
    home = office.sandbox.wait_for(lambda: office.sandbox.home(ALICE), what="Home")

    posted = [
        each for channel in office.sandbox.workspace.channels for each in office.sandbox.messages(channel)
    ]
    told = [words(each) + each.text for each in [*posted, *office.sandbox.ephemerals(ALICE)]]
    everything = "\n".join([*told, str(home.body), str(run.error)])
    assert "The lake refused. Ask again. The bot's log says more." in everything
    assert [part for part in WHERE.replace(",", "").split() if len(part) > 2 and part in everything] == []
    assert any(WHERE in record.getMessage() for record in caplog.records)


def test_what_an_engine_says_holds_no_secret_where_it_is_told_or_kept(
    hired: Callable[..., Office], trail: Trail
) -> None:
    office = hired()
    held = ("xoxb-1-SeCrEt", "https://u:SeCrEt@proxy", "https://hooks.slack.com/commands/T1/2/SeCrEt")
    trail.error = EngineError(f"The process for credentials said {' '.join(held)}.", f"Ask {held[0]}.")

    run = office.answered("last 7d")

    told = "\n".join(words(message) + message.text for message in office.thread(run))
    assert "The process for credentials said …" in told
    assert "SeCrEt" not in told + str(run.error)
