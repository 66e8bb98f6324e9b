"""Slips of the finger: which word was meant by one that is none of ours, and the question as it was meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.errors import UserError
from bot.question import filters, window
from bot.question.filters import FILTERS, BadValue
from bot.question.tokens import quoted, shown
from bot.question.vocabulary import ALIASES, PAIR_WORDS, WINDOW_STARTS, means_something
from bot.wording import counted, first_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.question.accounts import Accounts
    from bot.question.tokens import Token

SHORT_WORD: Final = 5
LONG_WORD: Final = 8
"""Shorter words than the one, and longer ones than the other, take fewer or more slips to be another word."""
SLIPS_MOST: Final = 2
ACCOUNTS_NAMED: Final = 3
"""Accounts of one name that are told apart."""


class Mistake(UserError):
    """A mistake at one place, with the whole text as it may have been meant."""

    def __init__(self, message: str, hint: str = "", *, mended: str = "", unknown: bool = False) -> None:
        super().__init__(message, hint)
        self.mended = mended
        self.is_unknown = unknown
        """Whether it is a word of which nothing is known, in a text that may be a sentence."""


@dataclass(frozen=True, slots=True)
class Mender:
    """Says what was meant by the words of a text that are not understood."""

    text: str
    views: Collection[str]

    def mended(self, start: int, end: int, instead: str) -> str:
        """The text with `instead` from `start` to `end`."""
        return self.text[:start] + instead + self.text[end:]

    def unknown_pair(self, token: Token) -> Mistake:
        """What to say of a word before `=` that is none."""
        word = token.text.lower()
        if word in WINDOW_STARTS or word in ("private", "on", "from"):
            rest = " ".join(value.raw for value in token.values)
            instead = "private" if word == "private" else f"{word} {rest}"
            why = f"No `{word}=`: did you mean `{shown(instead)}`?"
            return Mistake(why, mended=self.mended(token.start, token.end, instead))
        near = nearest(word, PAIR_WORDS)
        if not near:
            return Mistake(f"No `{shown(token.text)}=`.")
        mended = self.mended(token.start, token.start + len(token.text), near)
        return Mistake(f"No `{shown(token.text)}=`: did you mean `{near}=`?", mended=mended)

    def unknown(self, found: list[Token], place: int) -> Mistake:
        """What to say of a bare word that is neither view nor window."""
        token = found[place]
        word, _, value = token.text.partition(":")
        end = token.end
        if word.lower() in PAIR_WORDS and not value and (after := self._bare(found[place + 1 : place + 2])):
            value, end = after[0].text, after[0].end
        if word.lower() in PAIR_WORDS and value:
            instead = f"{word}={value}"
        elif guess := filters.guess(token.text):
            instead = f"{guess}={token.text}"
        elif split := self._split_value(found, place):
            return split
        else:
            choices = (*self.views, *WINDOW_STARTS, "private")
            instead = "" if means_something(token.text) else nearest(token.text, choices)
        if not instead:
            return Mistake(f"I do not know `{shown(token.text)}`.", unknown=True)
        why = f"I do not know `{shown(token.text)}`: did you mean `{shown(instead)}`?"
        return Mistake(why, mended=self.mended(token.start, end, instead))

    def _bare(self, found: list[Token]) -> list[Token]:
        """The first of `found`, up to one that means something by itself."""
        bare = []
        for token in found:
            word = token.text.lower()
            timely = window.belongs(word) and not (filters.guess(word) or word.isdigit())
            if token.values or word in self.views or word == "private" or timely:
                break
            bare.append(token)
        return bare

    def _split_value(self, found: list[Token], place: int) -> Mistake | None:
        """The mistake of `agent=My App`: a value with a space and no quotes."""
        before = found[place - 1] if place else None
        word = ALIASES.get(before.text.lower(), before.text.lower()) if before else ""
        if not before or not before.values or word not in FILTERS or not FILTERS[word].is_free_text:
            return None
        last = before.values[-1]
        end = self._bare(found[place:])[-1].end
        instead = quoted(self.text[last.start : end])
        why = f"I do not know `{shown(found[place].text)}`: a value with spaces wants quotes."
        return Mistake(why, f"Say `{word}={shown(instead)}`.", mended=self.mended(last.start, end, instead))


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


def account_of(value: str, accounts: Accounts) -> str:
    """The account that `value` names; what is no name, as it is. BadValue where no account has the
    name, UserError where more than one has."""
    if not accounts.names or not any(character.isalpha() for character in value):
        return value
    match accounts.called(value):
        case ():
            instead = nearest(value, {name.lower(): None for name in accounts.names.values()})
            hint = f"`TLS_AUDIT_ACCOUNTS` names {counted(len(accounts.names), 'account')}; 12 digits do too."
            raise BadValue(f"No account `{shown(value)}`", instead=instead, hint=hint)
        case (account,):
            return account
        case several:
            hint = f"Say which by its digits: {first_of(several, ACCOUNTS_NAMED)}."
            raise UserError(f"{counted(len(several), 'account')} are called `{shown(value)}`.", hint)


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
