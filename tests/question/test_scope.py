"""A scope: what a question counts, as a value and as the text that databases keep."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from bot.errors import UserError
from bot.question.filters import Filter
from bot.question.parser import parse
from bot.question.question import Policy, Scope
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.question.views import View


@pytest.mark.parametrize(
    "text",
    [
        "",
        "min=1.3",
        "service=s3 min=1.2",
        'agent="My ""App""",Boto* agent!=curl',
        "version=1.1 region!=us-west-2",
        "version=1.1 cipher=weak kx=classical",
        "version!=1.1",
        "account=111122223333 store=prod engine=lake cipher=*-SHA",
        "cipher=weak kx=classical",
        "kx=below-cnsa",
        "sdk=eol",
        "sdk=eol-in-90d version!=1.3",
        "min=1.3 kx=below-cnsa sdk=eol",
    ],
)
def test_a_scope_is_read_back_as_it_was_written(catalogue: Mapping[str, View], text: str) -> None:
    words = f"yesterday by=findings {text}"
    asked = parse(words, now=NOW, zone=UTC, views=catalogue, engines=["lake"], stores=["prod"])
    assert Scope.read(str(asked.scope)) == asked.scope
    assert asked.scope.asked(asked.view, asked.window, asked.on) == asked


def test_a_question_without_a_policy_has_a_scope_without_one(catalogue: Mapping[str, View]) -> None:
    asked = parse("yesterday by=versions service=s3", now=NOW, zone=UTC, views=catalogue, engines=["local"])
    assert asked.scope == Scope((Filter("service", ("s3.amazonaws.com",), negated=False),), None)


@pytest.mark.parametrize(
    ("stored", "scope"),
    [
        ("min=1.2", Scope()),
        (
            "service=s3.amazonaws.com,sts.amazonaws.com min=1.2 cipher=weak",
            Scope(
                (Filter("service", ("s3.amazonaws.com", "sts.amazonaws.com"), negated=False),),
                Policy("1.2", weak_cipher=True),
            ),
        ),
        (
            "region!=us-west-2 version=1.1",
            Scope(
                (
                    Filter("region", ("us-west-2",), negated=True),
                    Filter("version", ("1.1",), negated=False),
                ),
                Policy(None),
            ),
        ),
        ("min=1.2 engine=gone", Scope(engine="gone")),
    ],
)
def test_what_version_2_kept_of_a_digest_is_read(stored: str, scope: Scope) -> None:
    assert Scope.read(stored) == scope
    assert str(scope) == stored


@pytest.mark.parametrize("text", ["last 7d", "by=clients", "top=3", "service", "agent=", 'store="'])
def test_other_words_are_no_scope(text: str) -> None:
    with pytest.raises(UserError, match="is not the scope of a question"):
        Scope.read(text)


def test_a_scope_that_names_no_version_has_the_usual_floor() -> None:
    assert Scope.read("cipher=weak") == Scope(policy=Policy("1.2", weak_cipher=True))
