"""Questions: what someone typed, read once into values that are right.

    [view] [window] [word=value …] in any order, as in `last 7d service=s3`

The text is cleaned of what phones make of it, cut into tokens, and interpreted. What is not in these words
may be a plain question, which `plain` puts into them. A mistake is a UserError with the word as typed, the
reason, and the whole question mended where that can be done; what can be meant in two ways is Unsure.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Final, NamedTuple

from bot.errors import Unsure, UserError
from bot.question import filters, window
from bot.question.filters import FILTERS, BadValue, Filter
from bot.question.question import KEY_EXCHANGES, SDKS, Policy, Question, chosen, default_floor
from bot.question.tokens import Token, literal, quoted, shown, tidied, tokens
from bot.question.window import Window
from bot.wording import number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, tzinfo

    from bot.question.views import View

__all__ = ["Filter", "Policy", "Question", "Window", "parse"]

QUESTION_CHARS: Final = 4_000
"""A longer text is no question: Slack itself advises at most 4,000 characters a message."""
VALUES_MOST: Final = 50
TOP_MOST: Final = 1_000_000
SHORT_WORD: Final = 5
LONG_WORD: Final = 8
"""Shorter words than the one, and longer ones than the other, take fewer or more slips to be another word."""
SLIPS_MOST: Final = 2
WINDOW_DAYS: Final = 7
"""How far back a question without a window goes."""

_SINGLE: Final[Mapping[str, str]] = {
    "min": "1.3",
    "kx": "classical",
    "sdk": "eol",
    "by": "clients",
    "top": "10",
    "store": "prod",
    "engine": "…",
}
"""The words that take one value, with an example; which engines there are is not known here."""
_ALIASES: Final = {
    **{alias: word for word, row in FILTERS.items() for alias in row.aliases},
    "key-exchange": "kx",
    "view": "by",
}
_PAIR_WORDS = (*FILTERS, *_SINGLE, *_ALIASES)
_WINDOW_WORDS = ("last", "past", "this", "since", "until", "today", "yesterday", "week", "month", "days")


def parse(
    text: str,
    *,
    now: datetime,
    zone: tzinfo,
    views: Mapping[str, View],
    engines: Collection[str],
    stores: Collection[str] = (),
    max_days: int = 366,
) -> Question:
    """The question that `text` asks at `now`, aware, by someone in `zone`. Raises UserError only.

    `views` holds at least `services` and `calls`, the views of a question that names none.
    """
    if len(text) > QUESTION_CHARS:
        raise UserError(
            f"That is {number(len(text))} characters; {number(QUESTION_CHARS)} is the most.",
            "Ask for less at once.",
        )
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise UserError(f"`{shown(text)}` is not text: half a character is missing.", "Type it again.")
    askable = _Askable(now, zone, views, engines, stores, max_days)
    text = tidied(text)
    try:
        question = _QuestionParser(text, askable).question()
    except (_Mistake, window.NoWindow) as mistake:
        readings = _readings(text, askable)
        if len(readings) > 1:
            raise Unsure("I can read that in two ways.", readings) from None
        if not readings:
            hint = _hint(mistake, askable) if isinstance(mistake, _Mistake) else mistake.hint
            raise UserError(mistake.message, hint) from None
        question = replace(_QuestionParser(readings[0], askable).question(), read_as=readings[0])
    if len(str(question)) > QUESTION_CHARS:
        raise UserError(
            f"Spelled out, that is over {number(QUESTION_CHARS)} characters.", "Name fewer values; `*` helps."
        )
    return question


class _Mistake(UserError):
    """A mistake at one place, with the whole text as it may have been meant."""

    def __init__(self, message: str, hint: str = "", *, mended: str = "") -> None:
        super().__init__(message, hint)
        self.mended = mended


class _Askable(NamedTuple):
    """What there is to ask about."""

    now: datetime
    zone: tzinfo
    views: Mapping[str, View]
    engines: Collection[str]
    stores: Collection[str]
    max_days: int


def _readings(text: str, askable: _Askable) -> tuple[str, ...]:
    """A plain question in the words of the grammar, as often as it can be meant; nothing where it is none.

    UserError where it is understood, and cannot be asked.
    """

    def windows(words: str) -> tuple[str, ...]:
        try:
            window.parse(words, now=askable.now, zone=askable.zone, max_days=askable.max_days)
        except Unsure as unsure:
            return unsure.readings
        except window.NoWindow:
            return ()
        except UserError:
            # a window that cannot be asked, as `this weekend` on a Monday, must not be read as a part of it
            if all(window.belongs(word) and not filters.guess(word) for word in words.split()):
                raise
            return ()
        bare = window.LEADING.sub("", words, count=1)
        return (words if bare.lower() in window.NO_WINDOWS_ALONE else bare,)

    from bot.question import plain  # most questions are not plain, and its patterns take a while

    readings = plain.read(text, views=askable.views, stores=askable.stores, windows=windows)
    try:
        for reading in readings:
            _QuestionParser(reading, askable).question()
    except _Mistake:
        return ()  # a word in it is wrong, and was before
    return readings


def _hint(mistake: _Mistake, askable: _Askable) -> str:
    """The mended question, if that is a question, else the mistake's own hint."""
    if mistake.mended and shown(mistake.mended, QUESTION_CHARS) == mistake.mended:
        try:
            _QuestionParser(mistake.mended, askable).question()
        except UserError:
            pass
        else:
            return f"Try: `{mistake.mended}`"
    words = " ".join((*FILTERS, *_SINGLE, "private"))
    return mistake.hint or f"Words: {words}; a window, as `last 7d`; a view, as `clients`."


# --- from tokens to the question


class _QuestionParser:
    """One text on its way to a Question."""

    def __init__(self, text: str, askable: _Askable) -> None:
        self._text = text
        self._askable = askable
        self._filters: dict[tuple[str, bool], set[str]] = {}
        self._once: dict[str, str] = {}

    def question(self) -> Question:
        found = list(tokens(self._text))
        spans: list[list[Token]] = [[]]
        for place, token in enumerate(found):
            word = token.text.lower()
            if token.values:
                self._take_pair(token)
            elif word == "private":
                self._take_once(word, "yes")
            elif window.belongs(word) and not filters.guess(word):
                spans[-1].append(token)
                continue
            elif word in self._askable.views:
                self._take_once("by", word)
            else:
                raise self._unknown(found, place)
            spans.append([])
        return self._checked(self._window([span for span in spans if span]))

    def _take_pair(self, token: Token) -> None:
        word = _ALIASES.get(token.text.lower(), token.text.lower())
        if word not in _PAIR_WORDS:
            raise self._unknown_pair(token)
        example = f"Say `{word}={self._example(word)}`, for example."
        for each in token.values:
            value = literal(each.raw)
            if value is None:
                raise UserError(
                    f"`{shown(self._text[token.start :])}`: that quote is not closed.", "Close it."
                )
            if not value.strip():
                raise UserError(f"`{shown(token.text)}=` has no value.", example)
            if token.negated and word in _SINGLE:
                raise UserError(f"`{shown(token.text)}` cannot be excluded.", example)
            try:
                self._take(word, value, negated=token.negated)
            except BadValue as bad:
                mended = self._mended(each.start, each.end, quoted(bad.instead)) if bad.instead else ""
                raise _Mistake(bad.why, bad.hint, mended=mended) from None

    def _take(self, word: str, value: str, *, negated: bool) -> None:
        if word in _SINGLE:
            self._take_once(word, self._single(word, value))
        elif word == "cipher" and value.lower() == "weak":
            if negated:
                raise UserError("`cipher!=weak` cannot be asked.", "Exclude suites by name: `cipher!=*-SHA`.")
            self._take_once("cipher=weak", "yes")
        else:
            values = self._filters.setdefault((word, negated), set())
            values.add(filters.read(word, value))
            if len(values) > VALUES_MOST:
                raise UserError(f"`{word}=` has more than {VALUES_MOST} values.", "`*` stands for many.")

    def _example(self, word: str) -> str:
        if word == "engine":
            return next(iter(self._askable.engines), _SINGLE[word])
        return FILTERS[word].example if word in FILTERS else _SINGLE[word]

    def _take_once(self, word: str, value: str) -> None:
        before = self._once.setdefault(word, value)
        if before != value:
            both = f"`{shown(before)}` and `{shown(value)}`"
            raise UserError(
                f"Two views: {both}." if word == "by" else f"`{word}=` is both {both}.", "Keep one."
            )

    def _single(self, word: str, value: str) -> str:
        match word:
            case "min":
                floor = filters.version(value)
                if floor == "1.0":
                    raise BadValue("No call is older than TLS 1.0", hint="Ask `min=1.2` or `min=1.3`.")
                return floor
            case "kx" | "sdk":
                return _policy_word(word, value)
            case "top":
                if not re.fullmatch(r"0*[1-9][0-9]{0,6}", value) or int(value) > TOP_MOST:
                    raise BadValue(
                        f"`top={shown(value)}` is no number of rows", hint=f"From 1 to {number(TOP_MOST)}."
                    )
                return str(int(value))
            case "store" if not self._askable.stores:
                hint = "`TLS_AUDIT_EVENT_DATA_STORE` names them."
                raise BadValue(f"No store `{shown(value)}`: no stores are configured", hint=hint)
            case "store":
                return _one_of(self._askable.stores, value, "store")
            case "engine":
                return _one_of(self._askable.engines, value, "engine")
            case _:
                return self._view(value)

    def _view(self, name: str) -> str:
        if name in self._askable.views:
            return name
        from bot.question import plain

        named = plain.view_named(name, self._askable.views)
        return named or _one_of(self._askable.views, name, "view")

    def _window(self, spans: list[list[Token]]) -> Window:
        now, zone, max_days = self._askable.now, self._askable.zone, self._askable.max_days
        words = [" ".join(token.text for token in span) for span in spans]
        words = words or [f"last {min(WINDOW_DAYS, max_days)}d"]
        try:
            windows = [window.parse(each, now=now, zone=zone, max_days=max_days) for each in words]
        except Unsure as unsure:
            if len(spans) > 1:
                raise UserError(unsure.message, unsure.hint) from None
            start, end = spans[0][0].start, spans[0][-1].end
            readings = tuple(self._mended(start, end, reading) for reading in unsure.readings)
            raise Unsure(unsure.message, readings) from None
        if len(windows) > 1:
            raise UserError(f"Two windows: `{shown(words[0])}` and `{shown(words[1])}`.", "Keep one.")
        return windows[0]

    def _checked(self, span: Window) -> Question:
        for (word, negated), values in self._filters.items():
            if not negated and values <= self._filters.get((word, True), set()):
                raise UserError(f"`{word}=` and `{word}!=` together leave nothing.", "Leave one of them out.")
        default = "calls" if ("service", False) in self._filters else "services"
        view = self._askable.views[self._once.get("by", default)]
        top = self._once.get("top")
        return Question(
            view=view,
            window=span,
            filters=tuple(
                Filter(word, tuple(sorted(self._filters[word, negated])), negated)
                for word in FILTERS
                for negated in (False, True)
                if (word, negated) in self._filters
            ),
            policy=self._policy(view),
            top=int(top) if top else None,
            store=self._once.get("store"),
            engine=self._once.get("engine"),
            private="private" in self._once,
            on=self._askable.now.astimezone(UTC).date(),
        )

    def _policy(self, view: View) -> Policy | None:
        asked = [word for word in ("min", "cipher=weak", "kx", "sdk") if word in self._once]
        if not view.has_policy:
            if asked:
                able = ", ".join(
                    f"`{name}`" for name, other in self._askable.views.items() if other.has_policy
                )
                why = f"`{view.name}` counts calls of every kind: it takes no `{asked[0]}`."
                raise UserError(why, f"These do: {able}.")
            return None
        if "cipher=weak" in self._once and ("cipher", False) in self._filters:
            raise UserError("`cipher=weak` is every weak suite.", "Name suites, or say weak; not both.")
        versions = self._filters.get(("version", False), set())
        floor = self._once.get("min")
        if floor and versions and min(versions) >= floor:
            why = f"TLS {min(versions)} is not older than {floor}."
            other = ", or ask `min=1.3`" if max(versions) < "1.3" else ""
            raise UserError(why, f"Leave `min={floor}` out{other}.")
        sdk = chosen(SDKS, self._once.get("sdk"))
        excluded = self._filters.get(("version", True), set())
        return Policy(
            min_tls=floor or default_floor(versions, excluded, sdk),
            weak_cipher="cipher=weak" in self._once,
            kx=chosen(KEY_EXCHANGES, self._once.get("kx")),
            sdk=sdk,
        )

    def _mended(self, start: int, end: int, instead: str) -> str:
        return self._text[:start] + instead + self._text[end:]

    def _unknown_pair(self, token: Token) -> _Mistake:
        word = token.text.lower()
        if word in _WINDOW_WORDS or word in ("private", "on", "from"):
            rest = " ".join(value.raw for value in token.values)
            instead = "private" if word == "private" else f"{word} {rest}"
            why = f"No `{word}=`: did you mean `{shown(instead)}`?"
            return _Mistake(why, mended=self._mended(token.start, token.end, instead))
        near = _nearest(word, _PAIR_WORDS)
        if not near:
            return _Mistake(f"No `{shown(token.text)}=`.")
        mended = self._mended(token.start, token.start + len(token.text), near)
        return _Mistake(f"No `{shown(token.text)}=`: did you mean `{near}=`?", mended=mended)

    def _unknown(self, found: list[Token], place: int) -> _Mistake:
        """What to say of a bare word that is neither view nor window."""
        token = found[place]
        word, _, value = token.text.partition(":")
        end = token.end
        if word.lower() in _PAIR_WORDS and not value and (after := self._bare(found[place + 1 : place + 2])):
            value, end = after[0].text, after[0].end
        if word.lower() in _PAIR_WORDS and value:
            instead = f"{word}={value}"
        elif guess := filters.guess(token.text):
            instead = f"{guess}={token.text}"
        elif split := self._split_value(found, place):
            return split
        else:
            from bot.question import plain

            choices = (*self._askable.views, *_WINDOW_WORDS, "private")
            instead = "" if plain.means_something(token.text) else _nearest(token.text, choices)
        if not instead:
            return _Mistake(f"I do not know `{shown(token.text)}`.")
        why = f"I do not know `{shown(token.text)}`: did you mean `{shown(instead)}`?"
        return _Mistake(why, mended=self._mended(token.start, end, instead))

    def _bare(self, found: list[Token]) -> list[Token]:
        """The first of `found`, up to one that means something by itself."""
        bare = []
        for token in found:
            word = token.text.lower()
            timely = window.belongs(word) and not (filters.guess(word) or word.isdigit())
            if token.values or word in self._askable.views or word == "private" or timely:
                break
            bare.append(token)
        return bare

    def _split_value(self, found: list[Token], place: int) -> _Mistake | None:
        """The mistake of `agent=My App`: a value with a space and no quotes."""
        before = found[place - 1] if place else None
        word = _ALIASES.get(before.text.lower(), before.text.lower()) if before else ""
        if not before or not before.values or word not in FILTERS or not FILTERS[word].is_free_text:
            return None
        last = before.values[-1]
        end = self._bare(found[place:])[-1].end
        instead = quoted(self._text[last.start : end])
        why = f"I do not know `{shown(found[place].text)}`: a value with spaces wants quotes."
        return _Mistake(why, f"Say `{word}={shown(instead)}`.", mended=self._mended(last.start, end, instead))


def _policy_word(word: str, value: str) -> str:
    """What `kx=` or `sdk=` asks for, in small letters."""
    choices: tuple[str, ...] = tuple(KEY_EXCHANGES if word == "kx" else SDKS)
    if value.lower() in choices:
        return value.lower()
    hint = f"{' or '.join(f'`{word}={each}`' for each in choices)} can."
    raise BadValue(f"`{word}={shown(value)}` cannot be asked", instead=_nearest(value, choices), hint=hint)


def _nearest(word: str, choices: Collection[str]) -> str:
    """The one of `choices` that `word` is a slip of; nothing where it may well be another word.

    In a short word, letters may be missing, doubled or swapped, but none be another: `post` is not `past`.
    """
    word = word.lower()
    slips = {choice: _slips(word, choice) for choice in choices if abs(len(choice) - len(word)) <= SLIPS_MOST}
    near = [
        choice for choice, slips_ in slips.items() if slips_ <= (1 if len(word) < LONG_WORD else SLIPS_MOST)
    ]
    if len(word) < SHORT_WORD:
        near = [choice for choice in near if len(choice) != len(word) or sorted(choice) == sorted(word)]
    return min(near, key=lambda choice: slips[choice], default="")


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


def _one_of(choices: Collection[str], value: str, noun: str) -> str:
    for choice in choices:
        if choice.lower() == value.lower():
            return choice
    hint = f"{noun.capitalize()}s: {', '.join(choices)}"
    raise BadValue(f"No {noun} `{shown(value)}`", instead=_nearest(value, choices), hint=hint)
