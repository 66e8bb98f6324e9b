"""Moments: where exactly the bot is killed. Each keeps one call waiting, before or after it took effect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.machine import Kind, Machine

When = Literal["before", "after"]


class Hold(Protocol):
    """What Slack's and Lake's doubles both give."""

    def arrived(self, seconds: float = ...) -> None:
        """Return once a call waits."""

    def drop(self) -> None:
        """Nothing more comes of it."""

    def release(self) -> None:
        """Let it go on."""


@dataclass(frozen=True)
class Moment:
    """A moment in the life of a run: `place` has the next call there kept waiting."""

    phase: str
    when: When
    place: Callable[[Machine], Hold]
    kind: Kind = "command"
    text: str = "last 7d"
    has_rows: bool = True

    def __str__(self) -> str:
        """`digest: table after`."""
        what = "" if self.kind == "command" else f"{self.kind}: "
        return f"{what}{self.phase} {self.when}"


def slack(
    method: str,
    when: When,
    where: Callable[[dict[str, Any]], bool] = lambda _given: True,
    *,
    private: bool = False,
) -> Callable[[Machine], Hold]:
    """A call of Slack's; where it names a channel, it is that of the next asking, or direct messages."""

    def place(machine: Machine) -> Hold:
        faults, awaited = machine.sandbox.faults, machine.next_channel

        def is_it(given: dict[str, Any]) -> bool:
            channel = given.get("channel") or given.get("channel_id")
            there = channel is None or (channel.startswith("D") if private else channel == awaited)
            return there and where(given)

        return (faults.hold if when == "before" else faults.hold_after)(method, where=is_it)

    return place


def lake(
    operation: str, when: When, where: Callable[[dict[str, Any]], bool] = lambda _given: True
) -> Callable[[Machine], Hold]:
    """A call of Lake's."""
    return lambda machine: machine.lake.hold(operation, when, where=where)


def part(name: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a post is that part of an answer."""

    def is_it(given: dict[str, Any]) -> bool:
        metadata = given.get("metadata")
        told = json.loads(metadata) if isinstance(metadata, str) else metadata or {}
        return bool(told.get("event_payload", {}).get("part") == name)

    return is_it


def _is_headline(given: dict[str, Any]) -> bool:
    return "⏳" not in str(given.get("text", ""))


def _is_coverage(given: dict[str, Any]) -> bool:
    return "/coverage" in given["QueryStatement"].partition("\n")[0]


def _is_next_page(given: dict[str, Any]) -> bool:
    return "NextToken" in given


_WHENS: Final[tuple[When, When]] = ("before", "after")
_NO_ROWS: Final = "last 7d service=s3 agent=nobody"


def _answering(kind: Kind = "command") -> list[Moment]:
    """From the parent to the file."""
    at = partial(slack, private=kind == "private")
    return [
        moment
        for when in _WHENS
        for moment in (
            Moment("open", when, at("chat.postMessage", when, part("parent")), kind),
            Moment("StartQuery", when, lake("StartQuery", when), kind),
            Moment("waiting", when, lake("DescribeQuery", when), kind),
            Moment("paging", when, lake("GetQueryResults", when, _is_next_page), kind),
            Moment("table", when, at("chat.postMessage", when, part("table")), kind),
            Moment("file: address", when, slack("files.getUploadURLExternal", when), kind),
            Moment("file: bytes", when, slack("upload", when), kind),
            Moment("file: complete", when, at("files.completeUploadExternal", when), kind),
        )
    ]


QUESTION: Final = [
    *_answering(),
    *(Moment("headline", when, slack("chat.update", when, _is_headline)) for when in _WHENS),
    *(Moment("chart", when, slack("chat.postMessage", when, part("chart"))) for when in _WHENS),
    *(
        Moment("coverage", when, lake("StartQuery", when, _is_coverage), text=_NO_ROWS, has_rows=False)
        for when in _WHENS
    ),
]
"""A question's life once it is accepted."""

DIGEST: Final = _answering("digest")

URGENT: Final = [
    Moment(phase, when, slack("chat.postMessage", when, part(name)), "urgent")
    for when in _WHENS
    for phase, name in (("open", "parent"), ("table", "table"))
]
"""A look at urgent services, from its message on."""

PRIVATE: Final = [one for one in _answering("private") if one.phase in {"open", "table", "file: complete"}]

MENTION: Final = [one for one in _answering("mention") if one.phase in {"open", "table", "file: complete"}]


EVERY: Final = (*QUESTION, *DIGEST, *URGENT, *PRIVATE, *MENTION)


def named(name: str) -> Moment:
    """The moment that says so of itself."""
    return next(moment for moment in EVERY if str(moment) == name)


ZONE: Final = slack("users.info", "before")
"""Whoever types a calendar word is asked about before the question is accepted."""

TODAY: Final = "yesterday"
