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
from bot.question.accounts import UNNAMED, Accounts
from bot.question.filters import FILTERS, BadValue, Filter
from bot.question.moments import LEADING, NoWindow
from bot.question.owners import UNOWNED, Owners
from bot.question.question import KEY_EXCHANGES, SDKS, Policy, Question, chosen, default_floor
from bot.question.slips import Mender, Mistake, account_of, nearest, one_of
from bot.question.tokens import Token, literal, quoted, shown, tidied, tokens
from bot.question.vocabulary import ALIASES, PAIR_WORDS, SINGLE, has_meaning, view_named
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
WINDOW_DAYS: Final = 7
"""How far back a question without a window goes."""


def parse(
    text: str,
    *,
    now: datetime,
    zone: tzinfo,
    views: Mapping[str, View],
    engines: Collection[str],
    stores: Collection[str] = (),
    accounts: Accounts = UNNAMED,
    max_days: int = 366,
    owners: Owners = Owners(),  # noqa: B008 - it is frozen
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
    askable = _Askable(now, zone, views, engines, stores, accounts, max_days, owners)
    text = tidied(text)
    try:
        question = _QuestionParser(text, askable).question()
    except (Mistake, NoWindow) as mistake:
        readings, stuck = _readings(text, askable)
        if len(readings) > 1:
            raise Unsure("I can read that in two ways.", readings) from None
        if not readings:
            message, hint = mistake.message, mistake.hint
            if isinstance(mistake, Mistake):
                hint = _hint(mistake, askable)
                if stuck and mistake.is_unknown:
                    message = f"I do not know `{shown(stuck)}`."  # not the `who` of a sentence
            raise UserError(message, hint) from None
        question = replace(_QuestionParser(readings[0], askable).question(), read_as=readings[0])
    if len(str(question)) > QUESTION_CHARS:
        raise UserError(
            f"Spelled out, that is over {number(QUESTION_CHARS)} characters.", "Name fewer values; `*` helps."
        )
    return question


class _Askable(NamedTuple):
    """What there is to ask about."""

    now: datetime
    zone: tzinfo
    views: Mapping[str, View]
    engines: Collection[str]
    stores: Collection[str]
    accounts: Accounts
    max_days: int
    owners: Owners


def _readings(text: str, askable: _Askable) -> tuple[tuple[str, ...], str]:
    """A plain question in the words of the grammar, as often as it can be meant; nothing where it is none,
    and then the word of it that is not understood.

    UserError where it is understood, and cannot be asked.
    """

    def windows(words: str) -> tuple[str, ...]:
        try:
            window.parse(words, now=askable.now, zone=askable.zone, max_days=askable.max_days)
        except Unsure as unsure:
            return unsure.readings
        except NoWindow:
            return ()
        except UserError:
            # a window that cannot be asked, as `this weekend` on a Monday, must not be read as a part of it
            if all(window.belongs(word) and not filters.guess(word) for word in words.split()):
                raise
            return ()
        bare = LEADING.sub("", words, count=1)
        return (words if bare.lower() in window.NO_WINDOWS_ALONE else bare,)

    from bot.question import plain  # most questions are not plain, and its patterns take a while

    readings, stuck = plain.read(text, views=askable.views, names=_names(askable), windows=windows)
    try:
        for reading in readings:
            _QuestionParser(reading, askable).question()
    except Mistake:
        return (), ""  # a word in it is wrong, and was before
    return readings, stuck


def _names(askable: _Askable) -> dict[str, tuple[str, ...]]:
    """What is known by a name alone, in small letters, and the words of the grammar for it. An account whose
    name means something else, as `old` or `clients`, wants its word."""
    named: dict[str, tuple[str, ...]]
    named = {store.lower(): (f"store={quoted(store)}",) for store in askable.stores}
    accounts = {" ".join(name.lower().split()): name for name in askable.accounts.names.values()}
    for lower, name in accounts.items():
        if not (has_meaning(lower) or view_named(lower, askable.views)):
            named[lower] = (*named.get(lower, ()), f"account={quoted(name)}")
    return named


def _hint(mistake: Mistake, askable: _Askable) -> str:
    """The mended question, if that is a question, else the mistake's own hint."""
    if mistake.mended and shown(mistake.mended, QUESTION_CHARS) == mistake.mended:
        try:
            _QuestionParser(mistake.mended, askable).question()
        except UserError:
            pass
        else:
            return f"Try: `{mistake.mended}`"
    words = " ".join((*FILTERS, *SINGLE, "private"))
    return mistake.hint or f"Words: {words}; a window, as `last 7d`; a view, as `clients`."


# --- from tokens to the question


class _QuestionParser:
    """One text on its way to a Question."""

    def __init__(self, text: str, askable: _Askable) -> None:
        self._text = text
        self._askable = askable
        self._mender = Mender(text, askable.views)
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
                raise self._mender.unknown(found, place)
            spans.append([])
        return self._checked(self._window([span for span in spans if span]))

    def _take_pair(self, token: Token) -> None:
        word = ALIASES.get(token.text.lower(), token.text.lower())
        if word not in PAIR_WORDS:
            raise self._mender.unknown_pair(token)
        example = f"Say `{word}={self._example(word)}`, for example."
        for each in token.values:
            value = literal(each.raw)
            if value is None:
                raise UserError(
                    f"`{shown(self._text[token.start :])}`: that quote is not closed.", "Close it."
                )
            if not value.strip():
                raise UserError(f"`{shown(token.text)}=` has no value.", example)
            if token.negated and word in SINGLE:
                raise UserError(f"`{shown(token.text)}` cannot be excluded.", example)
            try:
                self._take(word, value, negated=token.negated)
            except BadValue as bad:
                mended = self._mender.mended(each.start, each.end, quoted(bad.instead)) if bad.instead else ""
                raise Mistake(bad.why, bad.hint, mended=mended) from None

    def _take(self, word: str, value: str, *, negated: bool) -> None:
        if word in SINGLE:
            self._take_once(word, self._single(word, value))
        elif word == "cipher" and value.lower() == "weak":
            if negated:
                raise UserError("`cipher!=weak` cannot be asked.", "Exclude suites by name: `cipher!=*-SHA`.")
            self._take_once("cipher=weak", "yes")
        else:
            if word == "account":
                value = account_of(value, self._askable.accounts)
            values = self._filters.setdefault((word, negated), set())
            values.add(filters.read(word, value))
            if len(values) > VALUES_MOST:
                raise UserError(f"`{word}=` has more than {VALUES_MOST} values.", "`*` stands for many.")

    def _example(self, word: str) -> str:
        if word == "engine":
            return next(iter(self._askable.engines), SINGLE[word])
        if word == "owner":
            return next(iter(self._askable.owners.teams), SINGLE[word])
        return FILTERS[word].example if word in FILTERS else SINGLE[word]

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
                return one_of(self._askable.stores, value, "store")
            case "owner" if not self._askable.owners.rules:
                hint = "`TLS_AUDIT_OWNERS` names the file that says who owns what."
                raise BadValue(f"No owner `{shown(value)}`: no owners are configured", hint=hint)
            case "owner":
                return one_of((*self._askable.owners.teams, UNOWNED), value, "owner")
            case "engine":
                return one_of(self._askable.engines, value, "engine")
            case _:
                return self._view(value)

    def _view(self, name: str) -> str:
        if name in self._askable.views:
            return name
        named = view_named(name, self._askable.views)
        return named or one_of(self._askable.views, name, "view")

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
            readings = tuple(self._mender.mended(start, end, reading) for reading in unsure.readings)
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
            accounts=self._askable.accounts,
            owner=self._once.get("owner"),
            owners=self._askable.owners,
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


def _policy_word(word: str, value: str) -> str:
    """What `kx=` or `sdk=` asks for, in small letters."""
    choices: tuple[str, ...] = tuple(KEY_EXCHANGES if word == "kx" else SDKS)
    if value.lower() in choices:
        return value.lower()
    hint = f"{' or '.join(f'`{word}={each}`' for each in choices)} can."
    raise BadValue(f"`{word}={shown(value)}` cannot be asked", instead=nearest(value, choices), hint=hint)
