"""Whatever people type, press and send: they see what is wrong, nothing breaks, and nobody is notified."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from handlers.digests.shown import DIGEST_COMMAND as DIGEST_COMMAND
from handlers.questions.commands import COMMAND
from tests.conftest import NOW
from tests.scenarios.office import ALICE, BOB, SECURITY, open_office, words
from tests.scenarios.visitor import BUTTONS, HOSTILE, MENUS, ORDERS, QUESTIONS, SILENT, VALUES, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.engines import Engine
    from bot.question.views import View
    from tests.scenarios.visitor import Seen


FORGED = (
    "a blank",
    "a word",
    "a huge number",
    "a huge number and more",
    "the largest",
    "below zero",
    "a raised digit",
    "NUL",
    "half a surrogate",
    "the other half",
    "end of a string",
    "everyone",
)


@pytest.fixture(scope="module")
def lobby(
    tmp_path_factory: pytest.TempPathFactory, catalogue: dict[str, View], asked_engine: Engine
) -> Iterator[Visitor]:
    """Someone in an office that stays open for all of this."""
    with open_office(tmp_path_factory.mktemp("lobby"), catalogue, [asked_engine], NOW) as office:
        yield Visitor(office)


@pytest.fixture
def visitor(lobby: Visitor, caplog: pytest.LogCaptureFixture) -> Iterator[Visitor]:
    """The same; afterwards nobody was notified but who asked, and nothing was logged as an error."""
    caplog.set_level(logging.INFO)
    before = {message.ts for message in lobby.everything()}
    yield lobby
    for message in lobby.everything():
        if message.ts not in before:
            assert message.notified <= {ALICE}, message.text
            assert "<!" not in message.text.replace("<!date", ""), message.text
            assert not set("\u202e\x00") & set(words(message) + message.text)
    wrong = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [(record.getMessage(), record.exc_info) for record in wrong] == []
    broken = {one.rule for one in lobby.sandbox.broken}
    assert broken == set(), lobby.sandbox.broken
    assert not lobby.sandbox.ephemerals(BOB)


def told(seen: list[Seen]) -> None:
    """Whoever gave each of them was told something, and not that something went wrong here."""
    assert [(each.name, each.given[:80]) for each in seen if each.seen == SILENT] == []
    assert [(each.name, each.given[:80]) for each in seen if "went wrong here" in each.seen] == []


def a_few(inputs: Mapping[str, str], without: str) -> list[tuple[str, str]]:
    """The inputs but for a kind that has a harsher one beside it; `tests.benchmarks.bad_input` tries all."""
    return [(name, text) for name, text in inputs.items() if not name.startswith(without)]


def test_whatever_is_typed_is_answered_or_told_what_is_wrong_with_it(visitor: Visitor) -> None:
    told([visitor.type(name, text) for name, text in a_few(QUESTIONS, "as a filter")])


def test_whatever_is_typed_to_the_app_is_answered_or_told_what_is_wrong_with_it(visitor: Visitor) -> None:
    told([visitor.mention(name, text) for name, text in HOSTILE.items()])


def test_whatever_is_ordered_is_confirmed_or_told_what_is_wrong_with_it(visitor: Visitor) -> None:
    told([visitor.order(name, text) for name, text in a_few(ORDERS, "alone")])


@pytest.mark.parametrize("action", [*BUTTONS, *MENUS])
def test_a_button_with_any_value_says_something_to_who_pressed_it(visitor: Visitor, action: str) -> None:
    told([visitor.press(action, name, VALUES[name]) for name in FORGED])


@pytest.mark.parametrize("action", sorted({*BUTTONS, *MENUS} - {"delete"}))
def test_a_button_that_names_a_run_and_more_says_something_to_who_pressed_it(
    visitor: Visitor, action: str
) -> None:
    done = visitor.office.answered("last 7d service=s3")
    told([visitor.press(action, "of a run", value) for value in (f"{done.id} nothing", done.id)])


def test_the_sql_of_a_run_that_has_asked_nothing_is_not_shown(visitor: Visitor) -> None:
    run = visitor.office.answered("last 7d", channel="D_ALICE_BOB")
    assert run.steps == ()
    seen = visitor.press("show_sql", "of a run that asked nothing", run.id)
    assert seen.seen == "That run has not asked anything yet."


@pytest.mark.parametrize("command", [COMMAND, DIGEST_COMMAND])
def test_a_form_filled_in_with_anything_says_which_input_is_wrong(visitor: Visitor, command: str) -> None:
    field = "more" if command == COMMAND else "question"
    told([visitor.send(command, name, {field: text[:2_900]}) for name, text in HOSTILE.items()])


def test_a_mention_in_a_thread_that_is_gone_is_told_to_who_asked(visitor: Visitor) -> None:
    gone = visitor.app.chat_postMessage(channel=SECURITY, text="soon gone")
    visitor.app.chat_delete(channel=SECURITY, ts=gone["ts"])
    told([visitor.mention("a thread that is gone", "last 7d", str(gone["ts"]))])
