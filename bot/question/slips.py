"""Slips of the finger: which word was meant by one that is none of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.question.filters import BadValue
from bot.question.tokens import shown

if TYPE_CHECKING:
    from collections.abc import Collection

SHORT_WORD: Final = 5
LONG_WORD: Final = 8
"""Shorter words than the one, and longer ones than the other, take fewer or more slips to be another word."""
SLIPS_MOST: Final = 2


def nearest(word: str, choices: Collection[str]) -> str:
    """The one of `choices` that `word` is a slip of; nothing where it may well be another word.

    In a short word, letters may be missing, doubled or swapped, but none be another: `post` is not `past`.
    """
    word = word.lower()
    slips = {choice: _slips(word, choice) for choice in choices if abs(len(choice) - len(word)) <= SLIPS_MOST}
    near = [
        choice for choice, count in slips.items() if count <= (1 if len(word) < LONG_WORD else SLIPS_MOST)
    ]
    if len(word) < SHORT_WORD:
        near = [choice for choice in near if len(choice) != len(word) or sorted(choice) == sorted(word)]
    return min(near, key=lambda choice: slips[choice], default="")


def one_of(choices: Collection[str], value: str, noun: str) -> str:
    """The one of `choices` that `value` names, in capitals or not. BadValue, with the likely one, if none."""
    for choice in choices:
        if choice.lower() == value.lower():
            return choice
    hint = f"{noun.capitalize()}s: {', '.join(choices)}"
    raise BadValue(f"No {noun} `{shown(value)}`", instead=nearest(value, choices), hint=hint)


def _slips(word: str, other: str) -> int:
    """How many letters are missing, too many, wrong or swapped with their neighbour."""
    above: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(word, start=1):
        before, above, row = above, row, [at]
        for place, meant in enumerate(other, start=1):
            cost = min(above[place] + 1, row[-1] + 1, above[place - 1] + (letter != meant))
            if at > 1 and place > 1 and word[at - 2] == meant and letter == other[place - 2]:
                cost = min(cost, before[place - 2] + 1)
            row.append(cost)
    return row[-1]
