"""A condition in fewer characters means the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import duckdb
import pytest
from sqlglot import exp, parse_one

from bot.question import select
from bot.question.parser import Filter
from bot.question.shorter import shorten
from bot.question.views import conjuncts

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.question import Question

NAMES: Final = (
    *("x", "role/x", "role/ci_1", "a.b", "100%", "back\\slash", "a*", "*b/c", "é", "ro[*]le", "line\nbreak"),
    *("arn:aws:iam::1:role/x", "arn:aws:iam::1:role/ci_1", "arn:aws:iam::1:role/a*"),
)
TEXTS: Final = (
    *(
        "",
        "x",
        "X",
        "a.b",
        "aXb",
        "100%",
        "1000",
        "back\\slash",
        "back\\slash/s",
        "abc",
        "ro*le",
        "role",
        "ab/c",
    ),
    *("arn:aws:iam::1:role/x", "arn:aws:iam::1:role/x/y", "arn:aws:sts::1:assumed-role/x/s", "my-role/x/s"),
    *("arn:aws:iam::1:role/ci_1", "arn:aws:iam::1:role/ciA1", "user/é", "line\nbreak", "arn:line\nbreak/s"),
)


def found(condition: exp.Expr) -> list[bool | None]:
    """What a condition is for each of `TEXTS`, and for NULL."""
    named = condition.transform(
        lambda node: exp.column("name") if isinstance(node, exp.Coalesce) else node
    ).sql("duckdb")
    with duckdb.connect() as engine:
        rows = engine.execute(f"SELECT {named} FROM (SELECT unnest(?) AS name)", [[*TEXTS, None]])  # noqa: S608
        return [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("names", [*((name,) for name in NAMES), NAMES, NAMES[::3], NAMES[1::3]])
def test_a_shorter_condition_on_names_finds_the_same(
    names: tuple[str, ...], negated: bool, ask: Callable[[str], Question]
) -> None:
    asked = replace(ask("last 7d by=requests"), filters=(Filter("principal", names, negated=negated),))
    *_, condition = conjuncts(select.build(asked, cap=1))
    whole = exp.paren(condition)
    short = whole.copy()

    shorten(short)

    assert found(short) == found(whole)
    is_shorter = len(short.sql("trino")) < len(whole.sql("trino"))
    assert is_shorter == any("%" not in name and not name.startswith("arn:") for name in names)


@pytest.mark.parametrize(
    "condition",
    [
        "name = 'x' OR name LIKE '%b' OR name = 'x'",
        "name LIKE CONCAT('a', '%') OR name LIKE '%/s'",
        "name LIKE name OR name LIKE '%/s' OR name LIKE '1%'",
    ],
)
def test_what_is_no_pattern_is_left_as_it_is(condition: str) -> None:
    whole = exp.paren(parse_one(condition, dialect="trino"))
    short = whole.copy()

    shorten(short)

    assert found(short) == found(whole)
