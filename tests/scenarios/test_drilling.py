"""Looking into a row of an answer, and into a row of what that shows, down to its events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.answers.drill import WAYS
from handlers.blockkit.drill import CHOOSE_ROW
from tests.scenarios.office import ALICE, words

if TYPE_CHECKING:
    import pytest

    from bot.sandbox import Message
    from bot.store.run import Run
    from tests.scenarios.office import Office


GOLDEN: Final = Path(__file__).parents[1] / "golden/drill/thread.txt"
"""A thread of a question and three drills, each with its menu."""


def menu(message: Message) -> dict[str, Any]:
    """The menu of rows below a table."""
    elements = (each for block in message.blocks for each in block.get("elements", []))
    return next(each for each in elements if each.get("action_id") == CHOOSE_ROW)


def table_of(office: Office, run: Run) -> Message:
    """The table of one of several runs of a thread."""
    found = office.sandbox.message(run.home or run.channel, run.receipts["table"].ref)
    assert found is not None
    return found


def labels(message: Message) -> list[str]:
    return [option["text"]["text"] for option in menu(message)["options"]]


def look_into(office: Office, run: Run, row: str, view: str, user: str = ALICE) -> Run:
    """Choose the first row whose label begins so, and a way."""
    table = table_of(office, run)
    (at, *_) = [at for at, label in enumerate(labels(table)) if label.startswith(row)]
    office.click(table, CHOOSE_ROW, menu(table)["options"][at]["value"], user=user)
    return office.ended(office.clicked_run(office.whisper(user), f"{CHOOSE_ROW}_{view}", user=user))


def test_a_row_is_looked_into_three_deep_in_one_thread(
    office: Office, request: pytest.FixtureRequest
) -> None:
    first = office.answered("last 7d")
    assert labels(office.table(first))[0].startswith("s3 · ")

    second = look_into(office, first, "s3", "principals")
    third = look_into(office, second, "user/nightly-export", "addresses")
    fourth = look_into(office, third, "10.", "latest")

    seen = []
    for run in (first, second, third, fourth):
        offered = "\n".join(f"  {label}" for label in labels(table_of(office, run)))
        seen.append(f"{words(office.parent(run))}\nLook into a row…\n{offered}\n")
    if request.config.getoption("--renew-golden"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text("\n".join(seen), encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == "\n".join(seen)

    assert [office.root(each) for each in (second, third, fourth)] == [first.thread] * 3
    assert "s3 › user/nightly-export\n" in words(office.parent(third))
    assert "s3 › user/nightly-export › 10." in words(office.parent(fourth))
    assert "top 20" in words(office.parent(fourth))
    question = office.questions.grammar.question(fourth)
    assert question.window == office.questions.grammar.question(first).window
    # each of them is a question that one could type
    again = office.answered(fourth.typed)
    assert office.csv(again) == office.csv(fourth)


def test_the_ways_are_offered_to_who_chose_alone(office: Office) -> None:
    run = office.answered("last 7d by=principals")
    table = office.table(run)
    office.click(table, CHOOSE_ROW, menu(table)["options"][0]["value"])

    offered = office.whisper()
    buttons = [each["text"]["text"] for each in offered.blocks[-1]["elements"]]
    assert buttons == list(WAYS.values())
    assert offered.only_for == ALICE


def test_a_row_that_is_no_longer_kept_is_told_in_words(office: Office) -> None:
    run = office.answered("last 7d by=principals")
    office.worker.runs.keep_rows(run.id, "[]", office.questions.now())
    table = office.table(run)
    office.click(table, CHOOSE_ROW, menu(table)["options"][0]["value"])
    assert "The rows of that answer are no longer kept. Rerun it." in words(office.whisper())


def test_a_private_answer_is_looked_into_in_private(office: Office) -> None:
    run = office.answered("private last 7d by=services")
    then = look_into(office, run, "s3", "per-day")
    assert office.questions.is_private(then)
    assert then.home == run.home
