"""Which rows can be looked into, and what that asks."""

from __future__ import annotations

from datetime import UTC, date
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.answers import drill
from bot.answers.drill import Narrowing
from bot.question import trail
from bot.question.parser import parse
from bot.question.views import load
from bot.table import Table
from tests import oracle
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.question import Question
    from tests.oracle import Record

CAP = 1_000

VIEWS = load()


def read(text: str) -> Question:
    return parse(text, now=NOW, zone=UTC, views=VIEWS, engines=["local"])


def table_of(question: Question, records: list[Record]) -> Table:
    return Table(question.view.columns, [oracle.answer(question, records)])


@pytest.mark.parametrize("view", sorted(set(VIEWS) - {"coverage-clients"}))
def test_a_row_has_as_many_calls_as_its_events_are(view: str, records: list[Record]) -> None:
    question = read(f"2026-11-09..2026-11-23 by={view}")
    with table_of(question, records) as table:
        rows = drill.offered(question, table, cap=CAP)
    for row in rows[:5]:
        if row.narrowing.lost or row.calls is None:
            continue
        typed = drill.drilled(question, f"by={view}", row.narrowing, VIEWS["requests"])
        if question.policy is None:
            # views of every kind of call are looked into by the usual policy
            assert len(oracle.answer(read(typed), records)) <= row.calls
        elif view != "callers":  # a row of which is one access key's, and no filter says that
            assert len(oracle.answer(read(typed), records)) == row.calls, typed


@pytest.mark.parametrize("way", drill.WAYS)
def test_every_way_is_a_question_that_one_can_type(way: str, records: list[Record]) -> None:
    typed = "last 7d service=s3 min=1.3 principal!=ci-*"
    question = read(typed)
    with table_of(question, records) as table:
        row = drill.offered(question, table, cap=CAP)[0].narrowing
    asked = read(drill.drilled(question, typed, row, VIEWS[way]))
    assert asked.view.name == way
    assert asked.window == question.window
    assert asked.policy == question.policy
    assert [each for each in asked.filters if each.negated] == [
        each for each in question.filters if each.negated
    ]
    assert asked.top == (drill.EVENTS_MOST if way == "latest" else None)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(agent=st.text(st.characters(exclude_categories=["Cs"])) | st.text("*[]'\"\\,= \n%_`›", min_size=1))
def test_strangers_text_means_itself_alone(agent: str, ask: Callable[[str], Question]) -> None:
    question = ask("last 3d by=clients min=1.3")
    with Table(question.view.columns, [[(agent, "TLSv1.2", 1, 2), ("other", "TLSv1", 1, 1)]]) as table:
        row, *_ = drill.offered(question, table, cap=CAP)
    if not agent.strip() or len(agent.replace("*", "[*]")) > 1_024:
        assert "agent" not in dict(row.narrowing.values)
        assert row.narrowing.lost == ("Client",)
        return
    asked = read(drill.drilled(question, "", row.narrowing, VIEWS["latest"]))
    (meant,) = [each for each in asked.filters if each.word == "agent"]
    assert [value.replace("[*]", "*") for value in meant.values] == [agent]
    assert "\n" not in trail.words(trail.trail(asked, ""))


def test_a_version_that_the_floor_is_not_above_is_asked_without_it() -> None:
    question = read("last 3d by=clients kx=classical")
    row = Narrowing((("agent", "Boto"), ("version", "1.3")))
    asked = read(drill.drilled(question, "", row, VIEWS["latest"]))
    assert str(asked.policy) == "kx=classical"


def test_a_days_row_is_looked_into_on_that_day() -> None:
    question = read("2026-11-10T06:30Z..2026-11-12T18:45Z by=per-day")
    for day, window in (
        (date(2026, 11, 10), "2026-11-10T06:30Z..2026-11-11T00:00Z"),
        (date(2026, 11, 12), "2026-11-12T00:00Z..2026-11-12T18:45Z"),
    ):
        asked = drill.drilled(question, "", Narrowing((), day), VIEWS["latest"])
        assert asked.startswith(f"{window} by=latest")


def test_the_trail_is_in_the_order_of_the_words() -> None:
    typed = "last 7d ip=10.0.0.7 role=arn:aws:iam::111122223333:role/report service=s3 event!=Get*"
    assert trail.words(trail.trail(read(typed), typed)) == "10.0.0.7 › role/report › s3"


def test_what_was_written_is_read_back_and_what_was_not_is_nothing() -> None:
    rows = (
        Narrowing((("agent", "\x00'\u2028"),), date(2026, 11, 1), ("Client",)),
        Narrowing((("ip", "::1"),)),
    )
    assert drill.read(drill.written(drill.Offered(row, 1) for row in rows)) == rows
    assert drill.read("last 7d") == ()


def test_no_more_rows_are_offered_than_a_menu_holds() -> None:
    question = read("last 3d by=addresses")
    rows = [("s3.amazonaws.com", "TLSv1", f"10.0.{n}.1", "111122223333", n + 1) for n in range(250)]
    with Table(question.view.columns, [rows]) as table:
        offered = drill.offered(question, table, cap=CAP)
    assert len(offered) == drill.ROWS_MOST
    assert offered[0].calls == 250


def test_half_a_character_is_left_out_and_told() -> None:
    question = read("last 3d by=clients")
    rows = [("half \ud800", "TLSv1", 1, 2), ("boto", "TLSv1.1", 1, 1)]
    with Table(question.view.columns, [rows]) as table:
        half, _ = drill.offered(question, table, cap=CAP)
    assert half.narrowing.lost == ("Client",)
    assert drill.read(drill.written([half])) == (half.narrowing,)
