"""An order for a digest, in words: `daily 09:00 Europe/Berlin weekdays #on-call mention=@oncall`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

from bot.digests.schedule import EVERY_DAY, WORKING_DAYS, Schedule
from bot.errors import UserError
from bot.question import filters
from bot.question.tokens import SHOWN_CHARS, Token, literal, shown, tidied, tokens
from bot.wording import MONTHS, WEEKDAYS, number

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDERS: Final = "Say `daily 09:00` or `weekly mon 09:00`."

URGENT_WORD: Final = "watch"
"""The word of an order for its urgent services. The button *Watch* is about one client (`watch.py`)."""

URGENT_MOST: Final = 20
"""Services that one digest may call urgent: who names more means all of them."""

USUAL_TIME: Final = "09:00"
"""The time of an order that names none."""

_END: Final = "`pause 3` keeps a digest silent until `resume 3`; `remove 3` ends it; `list` names them."
_OFTEN: Final = f"A digest is daily or weekly. {ORDERS} A month can be asked at any time: `last month`."
_INSTEAD: Final = {
    **dict.fromkeys(("stop", "unsubscribe", "end", "off", "cancel", "disable", "mute", "quit"), _END),
    "hourly": f"{_OFTEN} `daily 09:00 watch=kms` tells what is new of a service within the hour.",
    **dict.fromkeys(("monthly", "quarterly", "yearly", "biweekly", "fortnightly"), _OFTEN),
}
"""What there is instead of what people ask for."""

_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9_]{2,}")
_MENTIONED_ID = re.compile(r"[SUW][A-Z0-9_]{2,}|here|channel")
_AREAS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia"),
    *("Atlantic", "Australia", "Europe", "Indian", "Pacific"),
)
"""Where the last part of a zone's name is a place; in `US/Central` it is none."""
_NO_CITIES = frozenset(("act", "lhi", "north", "nsw", "south", "west"))
"""Parts of Australia, in the list of zones."""
_NO_PLACES = frozenset(("Factory", "localtime"))
"""tzdata's zone for machines not set up yet, and whatever this machine is set to."""
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?([ap]m)?")
_NOT_ONE_CLOCK = re.compile(
    r"(?:utc|gmt)?[+-][0-9].*|cest|bst|eest|msk|ist|jst|aest|aedt|edt|cst|cdt|mdt|pst|pdt"
)
_MONTH_NAME = rf"(?:{'|'.join(month[:3].lower() for month in MONTHS)})[a-z]*"
_COUNTED = re.compile(rf"(?:m|min|minute|h|hr|hour|d|day|w|wk|week|mo|month|y|yr|year)s?|{_MONTH_NAME}")
"""What makes the number before it a part of a window, as in `7 days` and `1 Nov`."""
_OPENS_WINDOW = re.compile(
    rf"last|past|previous|this|since|from|until|till|to|-|–|—|{_MONTH_NAME}|.*(?:\.\.|…).*"
    r"|[0-9]{1,2}(?::[0-9]{2})?(?:[ap]m)?|[ap]m|[0-9]{4}|[0-9]+[-/.][0-9].*"
)
"""After such a word, a time, a zone or a day is the question's, as in `since 1 Nov 9am UTC`."""


@dataclass(frozen=True, slots=True)
class Order:
    """A digest as someone asked for it."""

    schedule: Schedule
    channel: str | None
    """Slack's id, without `#`. None: where it was asked for."""
    mention: str | None
    """The id of a person (U…, W…) or a user group (S…), or `here`, or `channel`."""
    question: str
    """The remaining words, as typed; perhaps none."""
    urgent: tuple[str, ...] = ()
    """Services in full, `kms.amazonaws.com`, of which it tells what is new within the hour."""


ORDER_CHARS: Final = 4_000
"""A longer text is no order: Slack itself advises at most 4,000 characters a message."""


def parse(text: str, *, zone: str) -> Order:
    """The order that `text` gives, by someone in `zone`, as Slack names it. Raises UserError only.

    Channels come as `#C0123ABC`, people and groups as `mention=U0123` or `mention=@S0123`.
    """
    if len(text) > ORDER_CHARS:
        raise UserError(
            f"That is {number(len(text))} characters; {number(ORDER_CHARS)} is the most.",
            "Order less at once.",
        )
    return _OrderParser(tidied(text)).order(zone)


class _OrderParser:
    """One text on its way to an Order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._found: dict[str, tuple[str, str]] = {}  # by kind: what is meant, and the word that means it
        self._days: set[int] = set()
        self._urgent: list[str] = []
        self._left: list[Token] = []
        self._before = ""  # the word before, where that is the question's

    def order(self, zone: str) -> Order:
        weekly = self._is_weekly()
        place = 1
        while place < len(self._tokens):
            if taken := self._take(place, weekly=weekly):
                self._before = ""
            else:
                self._leave(self._tokens[place])
            place += taken or 1
        if weekly and not self._days:
            raise self._dayless()
        meant_by = {kind: meant for kind, (meant, _) in self._found.items()}
        its_zone = meant_by.get("zone") or _zones().get(zone.lower())
        if its_zone is None:
            raise UserError(
                f"I do not know your zone, `{shown(zone)}`.", "Name one as in `daily 09:00 Europe/Berlin`."
            )
        days = tuple(sorted(self._days)) or EVERY_DAY
        schedule = Schedule(time.fromisoformat(meant_by.get("time", USUAL_TIME)), its_zone, days)
        question = " ".join(self._text[token.start : token.end] for token in self._left)
        urgent = tuple(dict.fromkeys(self._urgent))
        if len(urgent) > URGENT_MOST:
            raise UserError(
                f"`watch=` names {len(urgent)} services; {URGENT_MOST} is the most.", "Name fewer."
            )
        return Order(schedule, meant_by.get("channel"), meant_by.get("mention"), question, urgent)

    def _dayless(self) -> UserError:
        """What to say of a weekly order without a day: it has none, or another word in its place."""
        after = self._tokens[1:2]
        if after and after[0] in self._left and not after[0].values:
            return UserError(f"`{shown(after[0].text)}` is no day of the week.", ORDERS)
        return UserError("`weekly` needs a day.", ORDERS)

    def _is_weekly(self) -> bool:
        if not self._tokens:
            raise UserError("That does not say when.", ORDERS)
        first = self._tokens[0]
        word = first.text.lower()
        if instead := _INSTEAD.get(word):
            raise UserError(f"`{shown(first.text)}` is no word of mine.", instead)
        if first.values or word not in ("daily", "weekly"):
            near = get_close_matches(word[:SHOWN_CHARS], ("daily", "weekly"), 1)
            hint = f"Did you mean `{near[0]}`? {ORDERS}" if near else ORDERS
            raise UserError(f"`{shown(first.text)}` does not say how often.", hint)
        return word == "weekly"

    def _take(self, place: int, *, weekly: bool) -> int:
        """How many tokens from `place` on say something of a digest. None: they are the question's."""
        token = self._tokens[place]
        if token.values or token.text.startswith("@"):
            return self._take_urgent(token) or self._take_mention(token)
        if token.text.startswith("#"):
            return self._take_channel(token.text)
        if _OPENS_WINDOW.fullmatch(self._before):
            return 0
        taken = self._take_days(token.text, weekly=weekly) or self._take_time(place)
        if taken and self._left and self._left[-1].text.lower() in ("at", "on", "and"):
            self._left.pop()
        return taken or self._take_zone(place)

    def _leave(self, token: Token) -> None:
        self._left.append(token)
        if token.text.lower() != "at":
            self._before = "" if token.values else token.text.lower()

    def _once(self, kind: str, word: str, meant: str) -> None:
        before, other = self._found.setdefault(kind, (meant, word))
        if before != meant:
            raise UserError(f"Two {kind}s: `{shown(other)}` and `{shown(word)}`.", "Keep one.")

    def _take_urgent(self, token: Token) -> int:
        if token.text.lower() != URGENT_WORD or not token.values:
            return 0
        example = f"Name services, as in `{URGENT_WORD}=kms,secretsmanager`."
        if token.negated:
            raise UserError(f"`{URGENT_WORD}` excludes nothing.", example)
        for value in token.values:
            name = literal(value.raw) or value.raw
            if not name:
                raise UserError(f"`{URGENT_WORD}=` has no value.", example)
            if "*" in name:
                raise UserError(f"`{shown(name)}` in `{URGENT_WORD}=` is not one service.", example)
            try:
                self._urgent.append(filters.read("service", name))
            except filters.BadValue as bad:
                raise UserError(bad.why, example) from None
        return 1

    def _take_mention(self, token: Token) -> int:
        if token.values and token.text.lower() != "mention":
            return 0
        for mentioned in [value.raw for value in token.values] or [token.text]:
            name = (literal(mentioned) or mentioned).removeprefix("@")
            name = name.lower() if name.lower() in ("here", "channel") else name
            if token.negated or not _MENTIONED_ID.fullmatch(name):
                raise UserError(
                    f"`{shown(self._text[token.start : token.end])}` names nobody whom Slack knows.",
                    "Type `mention=@` and pick them from Slack's list, or say `mention=@here`.",
                )
            self._once("mention", mentioned, name)
        return 1

    def _take_channel(self, word: str) -> int:
        if not _CHANNEL_ID.fullmatch(word[1:]):
            raise UserError(
                f"I know no channel `{shown(word)}`.", "Type `#` and pick the channel from Slack's list."
            )
        self._once("channel", word, word[1:])
        return 1

    def _take_days(self, word: str, *, weekly: bool) -> int:
        if word.lower() in ("weekdays", "workdays"):
            if weekly:
                raise UserError(f"`{word}` goes with `daily`.", f"Say `daily {USUAL_TIME} weekdays`.")
            self._days.update(WORKING_DAYS)
            return 1
        names = word.split(",")
        days = [_weekday(name) for name in names]
        if not any(day is not None for day in days):
            return 0
        if not weekly:
            raise UserError(
                f"`{shown(word)}` goes with `weekly`.", f"Say `weekly {shown(word)} {USUAL_TIME}`."
            )
        for name, day in zip(names, days, strict=True):
            if day is None:
                raise UserError(f"`{shown(name)}` in `{shown(word)}` is no day of the week.", ORDERS)
            self._days.add(day)
        return 1

    def _take_time(self, place: int) -> int:
        word, after = (self._bare(at).lower() for at in (place, place + 1))
        taken = 1
        if after in ("am", "pm") and word[-1:].isdigit():
            word, taken = word + after, 2
        found = _TIME.fullmatch(word)
        if not found or (word.isdigit() and ("time" in self._found or _COUNTED.fullmatch(after))):
            return 0
        hour, minute, half = int(found[1]), int(found[2] or 0), found[3]
        if not (1 <= hour <= 12 if half else hour <= 23) or minute > 59:
            raise UserError(f"`{shown(word)}` is no time of day.", "Say `9`, `09:00` or `9:30pm`.")
        hour = hour % 12 + 12 * (half == "pm") if half else hour
        self._once("time", word, f"{hour:02}:{minute:02}")
        return taken

    def _take_zone(self, place: int) -> int:
        for count in (3, 2, 1):  # as many words as a city has: Dar es Salaam
            words = [self._bare(at) for at in range(place, place + count)]
            if name := _zones().get("_".join(words).lower()):
                self._once("zone", " ".join(words), name)
                return count
        word = self._bare(place)
        if "/" in word and word[0].isalpha():
            near = get_close_matches(word.lower()[:SHOWN_CHARS], _zones(), 1)
            hint = f"Did you mean `{_zones()[near[0]]}`?" if near else "Name one as in `Europe/Berlin`."
            raise UserError(f"There is no zone `{shown(word)}`.", hint)
        if _NOT_ONE_CLOCK.fullmatch(word.lower()):
            raise UserError(
                f"`{shown(word)}` is not the clock of one place.",
                "Name a city, as in `Berlin`, or say `UTC`.",
            )
        return 0

    def _bare(self, place: int) -> str:
        """The word at `place`; empty where there is none, or a pair."""
        token = self._tokens[place] if place < len(self._tokens) else None
        return token.text if token and not token.values else ""


def _weekday(word: str) -> int | None:
    """The day that `word` names or begins to: `mon`, `Tues`."""
    begins = (n for n, name in enumerate(WEEKDAYS) if name.lower().startswith(word.lower()))
    return next(begins, None) if len(word) >= 3 else None


@cache
def _zones() -> Mapping[str, str]:
    """Every zone by its name, and by its city alone, in small letters.

    Where two zones are named for one city, one is the other's old name.
    """
    names = sorted(available_timezones() - _NO_PLACES)
    cities = {name.rsplit("/", 1)[-1].lower(): name for name in names if name.split("/")[0] in _AREAS}
    whole = {name.lower(): name for name in names} | {"z": "UTC"}
    return {city: name for city, name in cities.items() if city not in _NO_CITIES} | whole
