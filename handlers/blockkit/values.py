"""What a button, an option or a form carries until someone uses it: frozen values with one codec.

They are written as JSON. What version 2 of the bot has posted stands in channels for years, and is read too:
ids and words with blanks between them.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from bot.app.decisions import Undoable  # noqa: TC001 - msgspec reads it
from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

TOO_OLD: Final = "That button is too old. Ask again."


@dataclass(frozen=True, slots=True)
class OfRun:
    """What is to be done with a run."""

    run: str


@dataclass(frozen=True, slots=True)
class AsView:
    """The question of a run is to be asked as another view shows it."""

    run: str
    view: str


@dataclass(frozen=True, slots=True)
class OfRow:
    """A row of a run's answer that is to be looked into, by its place in the menu."""

    run: str
    row: int


@dataclass(frozen=True, slots=True)
class Drill:
    """How a row of a run's answer is to be looked into, and the thread in which that is answered."""

    run: str
    row: int
    view: str
    reply_to: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """A question as it was typed, to be edited."""

    text: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A question whose cost its asker confirms, as it is to be asked then."""

    text: str
    fresh: bool
    reply_to: str | None
    kept: str = ""
    """The id of its words, where they are too long for a button; then `text` is empty."""
    channel: str = ""
    """Where it is to be answered, unless that is where the button stands."""
    asked: int = 0
    """When it was to be confirmed, in seconds since 1970; what is asked much later may cost more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One of the questions that may have been meant, and the thread in which it is to be answered."""

    text: str
    reply_to: str | None


@dataclass(frozen=True, slots=True)
class OfDigest:
    """What is to be done with a digest."""

    digest: int


@dataclass(frozen=True, slots=True)
class OfFinding:
    """A finding that a digest remembers."""

    digest: int
    finding: str


@dataclass(frozen=True, slots=True)
class OfDecision:
    """What is to be undone of a finding: that it is assigned, or what was decided about it."""

    digest: int
    finding: str
    what: Undoable


@dataclass(frozen=True, slots=True)
class OfClient:
    """A client of the answer of a run. Strangers chose what it calls itself, which stands here as JSON has it
    in ASCII: nothing in a button acts."""

    run: str
    written: str

    @classmethod
    def of(cls, run: str, client: str) -> OfClient:
        """The value of a client that calls itself so."""
        return cls(run, json.dumps(client))

    @property
    def client(self) -> str:
        """What it calls itself. UserError where a button was forged."""
        try:
            return msgspec.convert(json.loads(self.written), str)
        except (ValueError, RecursionError, msgspec.ValidationError):
            raise UserError(TOO_OLD) from None


@dataclass(frozen=True, slots=True)
class OfWatch:
    """What is to be done with a watch."""

    watch: int


@dataclass(frozen=True, slots=True)
class AskPlace:
    """Where the answer to a form is to go: a channel, and the thread in it that the form was opened from.

    At Home there is no channel: then the answer goes to the asker alone.
    """

    channel: str
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class DigestForm:
    """The digest that a form changes, if it is no new one, and the channel that it was opened in."""

    digest: int | None
    channel: str


@dataclass(frozen=True, slots=True)
class SnoozeForm:
    """The finding that a form snoozes, and the thread in which that is said."""

    digest: int
    finding: str
    channel: str
    thread: str | None


@dataclass(frozen=True, slots=True)
class DecisionForm:
    """The finding that a form is about, and the thread in which it is said what becomes of it."""

    digest: int
    finding: str
    channel: str
    thread: str | None


def encode(value: object) -> str:
    """A value as Slack keeps it, with nothing in it that Slack would escape."""
    # people paste half a surrogate, which is text in JSON but not in UTF-8
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
    for acts in "&<>":
        text = text.replace(acts, f"\\u{ord(acts):04x}")
    return text


def decode(kind: type[T], text: str) -> T:
    """The value that `encode`, or version 2, has written; UserError where it is none."""
    if text.startswith("{"):
        try:
            return msgspec.convert(json.loads(text), kind)
        except (ValueError, RecursionError, msgspec.ValidationError):
            pass  # version 2 let people's own words stand as they were
    try:
        read: T = _VERSION_2[kind](text)
    except (KeyError, ValueError):
        raise UserError(TOO_OLD) from None
    return read


def of_action(kind: type[T], action: Mapping[str, Any]) -> T:
    """The value of a button that was pressed, or of an option that was chosen; UserError."""
    return decode(kind, action.get("selected_option", action)["value"])


def _as_view(text: str) -> AsView:
    run, _, view = text.partition(" ")
    return AsView(run, view)


def _words(text: str) -> Words:
    return Words(html.unescape(text).strip())


def _confirmed(text: str) -> Confirmed:
    how, _, rest = html.unescape(text).partition(" ")
    reply_to, _, words = rest.partition(" ")
    if how not in {"usual", "anew"}:
        raise ValueError(how)
    return Confirmed(words, how == "anew", None if reply_to == "-" else reply_to)


def _of_finding(text: str) -> OfFinding:
    digest, _, finding = text.partition(" ")
    return OfFinding(int(digest), finding)


_VERSION_2: Final[Mapping[type, Callable[[str], Any]]] = {
    OfRun: OfRun,
    AsView: _as_view,
    Words: _words,
    Confirmed: _confirmed,
    OfDigest: lambda text: OfDigest(int(text)),
    OfFinding: _of_finding,
}
"""How version 2 wrote what buttons carry. Its forms were written as ours are."""
