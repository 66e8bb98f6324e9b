"""200 plain questions, written down before the rules that read them: what each should be, and what it is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.errors import Unsure, UserError
from bot.question.parser import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.question.question import Question
    from bot.question.views import View

NOW = datetime(2026, 11, 25, 10, 0, 30, tzinfo=UTC)  # a Wednesday
ROWS = [
    (typed, right)
    for line in Path(__file__).with_name("plain.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for typed, right in [line.split("\t")]
]


def asked(text: str, catalogue: Mapping[str, View]) -> Question:
    return parse(text, now=NOW, zone=UTC, views=catalogue, engines=("local", "lake"), stores=("prod", "dev"))


def read(typed: str, catalogue: Mapping[str, View]) -> tuple[str, ...]:
    """The questions, in their own text, that `typed` is read as; nothing where it is refused."""
    try:
        return (str(asked(typed, catalogue)),)
    except Unsure as unsure:
        return tuple(str(asked(reading, catalogue)) for reading in unsure.readings)
    except UserError:
        return ()


def wanted(right: str, catalogue: Mapping[str, View]) -> tuple[str, ...]:
    if right == "refused":
        return ()
    return tuple(str(asked(each, catalogue)) for each in right.removeprefix("? ").split(" | "))


def became(typed: str, right: str, catalogue: Mapping[str, View]) -> str:
    found, meant = read(typed, catalogue), wanted(right, catalogue)
    if found == meant:
        return {0: "refused", 1: "read"}.get(len(found), "asked back")
    if not found:
        return "refused, though it could be read"
    return "asked back, though it was plain" if len(found) > 1 and set(meant) & set(found) else "misread"


@pytest.mark.parametrize(("typed", "right"), ROWS)
def test_a_plain_question_is_read_right_or_not_at_all(
    typed: str, right: str, catalogue: Mapping[str, View]
) -> None:
    assert became(typed, right, catalogue) != "misread"


def test_what_became_of_all_of_them(catalogue: Mapping[str, View]) -> None:
    table = Counter(became(typed, right, catalogue) for typed, right in ROWS)

    print(*(f"{count:4} {what}" for what, count in table.most_common()), sep="\n")
    assert table["misread"] == 0
    assert sum(table.values()) - table["read"] - table["asked back"] - table["refused"] <= 5


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("s3 since friday or tuesday", "refused"),
        ("service s3 and not kms", "service=s3 service!=kms"),
        ("s3 and last week", "service=s3 last week"),
        ("by service and region", "? by=services | by=regions"),
        ("tls versions by account", "? by=accounts | by=versions"),
        ("who used tls 1.0 but not 1.1", "refused"),
        ("who may still use tls 1.0", "refused"),
        ("old tls in the logs last week", "refused"),
        ("which clients are new", "refused"),
        ("everyone except role ci", "refused"),
        ("all but s3 in the last seven days", "service!=s3 last 7d"),
        ("old tls this weekend", "refused"),
        ("who calls with unsupported sdks", "by=principals sdk=eol"),
        ("clients out of support last week", "by=clients sdk=eol last week"),
        ("eol sdks by account", "by=accounts sdk=eol"),
        ("what is not out of support", "refused"),
    ],
)
def test_what_strangers_to_the_rules_typed_is_not_misread(
    typed: str, right: str, catalogue: Mapping[str, View]
) -> None:
    found = read(typed, catalogue)

    assert found == wanted(right, catalogue) or (right == "refused" and not found)


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("what percentage of s3 calls are tls 1.2", "percentage"),
        ("which vpc endpoints still see tls 1.1", "vpc"),
        ("foo", "foo"),
        ("hi", "hi"),
    ],
)
def test_what_is_not_understood_of_a_sentence_is_its_word_and_not_the_first_one(
    typed: str, word: str, catalogue: Mapping[str, View]
) -> None:
    with pytest.raises(UserError) as refused:
        asked(typed, catalogue)

    assert refused.value.message == f"I do not know `{word}`."
