"""Asking: what is refused before anything is promised."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from bot.app.access import AccessPolicy, NotAllowed
from bot.app.ask import Questions
from bot.app.grammar import Grammar
from bot.app.reuse import NeedsConfirmation
from bot.engines import Engine, Statement
from bot.errors import UserError
from bot.store.runs import Runs
from tests.app.test_access import Town
from tests.conftest import NOW
from tests.support.databases import open_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlglot import exp

    from bot.engines import Progress
    from bot.question.views import View
    from bot.store.database import Database
    from bot.store.run import Run
    from bot.table import Column, Table


class Terse(Engine):
    """An engine that cannot say `!=`, and is never to be run."""

    name = "terse"

    def __init__(self) -> None:
        self.translated = 0
        self.caution = ""

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        self.translated += 1
        if "NOT " in select.sql("trino"):
            raise UserError("The engine `terse` cannot say `!=`.", "Ask another engine.")
        return Statement(select.sql("trino"), tuple(columns), caution=self.caution)

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        del statement, token, resume, progress
        raise AssertionError("asking runs nothing")


class Counter:
    """Where people ask."""

    def __init__(self, database: Database, views: dict[str, View]) -> None:
        self.engine, self.town, self.woken = Terse(), Town(), 0
        self.runs = Runs(database)
        engines = {"terse": self.engine}
        self.questions = Questions(
            self.runs,
            Grammar(views, engines, "terse", 366),
            wake=self._wake,
            engines=engines,
            access=AccessPolicy(self.town, admins=["amy"]),
            clock=lambda: NOW,
        )
        self._count = 0

    def _wake(self) -> None:
        self.woken += 1

    def ask(self, text: str, user: str = "bob", channel: str = "square", *, confirmed: bool = False) -> Run:
        self._count += 1
        return self.questions.ask(
            text,
            user=user,
            channel=channel,
            key=f"key {self._count}",
            zone=lambda: UTC,
            confirmed=confirmed,
        )


@pytest.fixture
def counter(tmp_path: Path, catalogue: dict[str, View]) -> Iterator[Counter]:
    database = open_sqlite(tmp_path / "runs.sqlite")
    yield Counter(database, catalogue)
    database.close()


def refused(counter: Counter, ask: Callable[[], object]) -> UserError:
    """Why something was refused; nothing was promised."""
    with pytest.raises(UserError) as refusal:
        ask()
    assert not any(counter.runs.states().values())
    assert counter.woken == 0
    return refusal.value


def test_what_was_asked_is_kept_and_the_workers_are_woken(counter: Counter) -> None:
    run = counter.ask("last 7d")
    assert counter.questions.history("bob") == [run]
    assert counter.woken == 1


def test_what_the_engine_cannot_say_is_refused_before_it_is_promised(counter: Counter) -> None:
    assert "cannot say" in refused(counter, lambda: counter.ask("last 7d service!=s3")).message


def test_what_an_engine_cautions_against_is_confirmed_first(counter: Counter) -> None:
    counter.engine.caution = "This reads all of it"
    error = refused(counter, lambda: counter.ask("last 7d"))
    assert isinstance(error, NeedsConfirmation)
    assert error.message == "This reads all of it: run it?"

    assert counter.ask("last 7d", confirmed=True).state == "queued"


def test_of_questions_that_differ_in_when_and_how_many_only_the_first_is_tried(counter: Counter) -> None:
    for text in ("last 7d service=s3", "yesterday service=s3 by=calls", "last 7d service=m2 private"):
        counter.ask(text)
    assert counter.engine.translated == 1
    # these are other SELECTs: in another order, or with a longer value
    for number, text in enumerate(("last 7d service=s3 top=5", "last 7d service=kms"), start=2):
        counter.ask(text)
        assert counter.engine.translated == number


def test_who_may_not_ask_is_refused_before_it_is_promised(counter: Counter) -> None:
    assert isinstance(refused(counter, lambda: counter.ask("last 7d", "gus")), NotAllowed)
    assert isinstance(refused(counter, lambda: counter.ask("last 7d", channel="border")), NotAllowed)
    assert counter.ask("private last 7d", channel="border").user == "bob"


def test_a_mistake_is_said_to_whoever_may_not_ask_as_well(counter: Counter) -> None:
    assert "servce" in refused(counter, lambda: counter.ask("last 7d servce=s3", "gus")).message


def test_where_the_surface_does_not_say_who_asks_the_question_is_taken(counter: Counter) -> None:
    counter.town.is_away = True
    assert counter.ask("last 7d", "gus").state == "queued"


def test_a_run_is_cancelled_by_who_asked_and_by_admins_only(counter: Counter) -> None:
    run = counter.ask("last 7d")
    with pytest.raises(NotAllowed, match="Only who asked, or an admin of the bot, can cancel a run"):
        counter.questions.cancel(run.id, by="sam")
    assert counter.questions.cancel(run.id, by="amy") is not None
    assert counter.questions.cancel("nobody", by="amy") is None


@pytest.mark.parametrize("text", ["nul\0", "ünicode", "", "two words"])
def test_what_is_no_id_names_no_run(counter: Counter, text: str) -> None:
    assert counter.questions.run(text) is None
