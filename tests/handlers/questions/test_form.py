"""The form and the words are two ways to ask the same."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk import WebClient

from bot.app.access import AccessPolicy
from bot.app.ask import Questions
from bot.app.digests import DigestOrders
from bot.app.grammar import Grammar
from bot.errors import UserError
from bot.sandbox import check_view
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.runs import Runs
from handlers.access import Directory
from handlers.blockkit.values import AskPlace
from handlers.context import Context
from handlers.questions import form
from handlers.replies import CommandReplies
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.question.question import Question
    from bot.question.views import View


@pytest.fixture(scope="module")
def context(catalogue: dict[str, View], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A workspace in which nobody can be reached: every zone is UTC."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('forms') / 'runs.sqlite'}")
    nobody = WebClient("xoxb-nobody", base_url="http://127.0.0.1:9/", timeout=1, retry_handlers=[])
    grammar = Grammar(catalogue, ["local"], "local", 366)
    directory = Directory(nobody)
    access = AccessPolicy(directory)
    questions = Questions(Runs(database), grammar, wake=lambda: None, access=access, clock=lambda: NOW)
    orders = DigestOrders(Digests(database), Runs(database), grammar, access=access, wake=lambda: None)
    yield Context(questions, orders, access, directory, CommandReplies())
    database.close()


QUESTIONS = [
    "last 7d",
    "yesterday by=clients service=s3,kms region=eu-* account=111122223333",
    "2026-11-01..2026-11-08 min=1.3 cipher=weak kx=classical private",
    "last 12h by=versions service!=s3 agent=boto top=20",
    'since 2026-11-20 until 2026-11-22 principal=role/ci agent="Boto & Co"',
    "last 7d version=1.1 ip=10.0.0.1 event=GetObject",
    "last 7d min=1.1 engine=local",
]


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_that_was_asked_is_the_same_from_the_form(
    context: Context, ask: Callable[[str], Question], text: str
) -> None:
    asked = ask(text)
    fields = form.filled(asked)
    again = ask(form.words(fields))
    assert again == asked
    assert check_view(form.modal(context, fields, user="U1", place=AskPlace("C1", "1.2"))) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.text(max_size=30) | st.text(min_size=2_900, max_size=3_000)
            for name in ("window", "service", "region", "account", "more")
        }
        | {
            "by": st.sampled_from(["", "clients", "versions", "gone"]),
            "private": st.sampled_from(["", "private"]),
        },
    )
)
def test_whatever_stands_in_the_form_it_can_be_shown(context: Context, fields: dict[str, str]) -> None:
    assert check_view(form.modal(context, fields, user="U1", place=AskPlace("C1"))) == []


def test_what_an_input_cannot_hold_is_said(context: Context) -> None:
    with pytest.raises(UserError, match="too long for the form"):
        form.modal(context, {"more": "x" * 3_001}, user="U1", place=AskPlace("C1"))


def test_what_people_put_into_the_form_is_read_back(context: Context) -> None:
    values: dict[str, dict[str, Any]] = {
        "by": {"form_changed": {"type": "static_select", "selected_option": {"value": "–"}}},
        "window": {"form_changed": {"type": "plain_text_input", "value": None}},
        "from": {"form_changed": {"type": "datepicker", "selected_date": "2026-11-01"}},
        "policy": {"form_changed": {"type": "checkboxes", "selected_options": [{"value": "cipher=weak"}]}},
        "private": {"form_changed": {"type": "checkboxes", "selected_options": []}},
    }
    fields = form.read({"state": {"values": values}})
    assert fields == {"by": "", "window": "", "from": "2026-11-01", "policy": "cipher=weak", "private": ""}
    assert form.words(fields) == "since 2026-11-01 cipher=weak"
    question = context.questions.grammar.parse(form.words(fields), now=NOW, zone=UTC)
    assert question.policy is not None
    assert question.policy.weak_cipher


def test_commas_or_spaces_are_between_values() -> None:
    assert form.words({"service": "s3, kms sts ,ec2"}) == "service=s3,kms,sts,ec2"
    assert form.words({"service": " , "}) == ""
