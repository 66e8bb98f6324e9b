"""The trail of a question: what narrows it, in the order in which that was said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bot.question.filters import STAR
from bot.question.tokens import shown, tidied, tokens
from bot.question.vocabulary import ALIASES
from bot.wording import short_service

if TYPE_CHECKING:
    from bot.question.filters import Filter
    from bot.question.question import Question

ARROW: Final = " › "

STEP_CHARS: Final = 40
"""What is shown of a value in a trail: its end tells ARNs apart, its beginning agents."""

_SESSION: Final = re.compile(r"arn:aws[\w-]*:sts::\d{12}:assumed-role/([^/]+)/(.*)", re.DOTALL)
_NAMED: Final = re.compile(r"arn:aws[\w-]*:iam::\d{12}:(.+)", re.DOTALL)


def trail(question: Question, typed: str) -> tuple[Filter, ...]:
    """The filters that narrow `question` to something, as they follow each other in the words it was typed
    in; first those that these do not say, as plain words do not."""
    said = [ALIASES.get(word, word) for token in tokens(tidied(typed)) if (word := token.text.lower())]
    narrowing = (each for each in question.filters if not each.negated)
    return tuple(sorted(narrowing, key=lambda each: said.index(each.word) if each.word in said else -1))


def words(filters: tuple[Filter, ...]) -> str:
    """`s3 › role/report › 10.0.0.7`."""
    return ARROW.join(" or ".join(short(each.word, value) for value in each.values) for each in filters)


def short(word: str, value: str) -> str:
    """A filter's value as it is said in a trail: `s3`, `role/report`, `TLS 1.1`."""
    value = value.replace(STAR, "*")
    if word == "service":
        value = short_service(value)
    elif word == "version":
        value = f"TLS {value}"
    elif session := _SESSION.fullmatch(value):
        value = f"role/{session[1]}/{session[2]}"
    elif named := _NAMED.fullmatch(value):
        value = named[1]
    half = STEP_CHARS // 2
    return shown(value if len(value) <= STEP_CHARS else f"{value[:half]}…{value[-half:]}")
