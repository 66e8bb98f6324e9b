"""Until when AWS supports a client, and the same question as a condition for SQL.

One table of rows, `support.toml`, serves both: a row says as LIKE patterns which agents it is about, and
the reader here tries the same patterns that an engine does. So `sdk=eol` finds in events what the reader
says of an agent, whatever was done to the string.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from bot.clients.agent import aws_marks, version_key
from bot.clients.data import Source, table
from bot.clients.likes import like_any

if TYPE_CHECKING:
    from datetime import date

    from bot.clients.agent import Client

SOON: Final = timedelta(days=90)
"""How far `sdk=eol-in-90d` looks ahead."""


@dataclass(frozen=True, slots=True)
class Support:
    """Whether AWS supports a client on a day: True, False, or None where no source says so.

    `end_of_support` is the day it ends or ended where one is published. False always has a source.
    `what` is what the verdict is about: `SDK for Go v1`, `Python 3.7`; `instead` is what to move to.
    """

    supported: bool | None
    end_of_support: date | None = None
    source: Source | None = None
    what: str = ""
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """Agents that are LIKE one of `names`, one of `runtimes` (if there are any), and none of `unless`."""

    names: tuple[str, ...]
    runtimes: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def __call__(self, agent: str) -> bool:
        """Whether this is about `agent`."""
        return (
            like_any(agent, self.names)
            and (not self.runtimes or like_any(agent, self.runtimes))
            and not like_any(agent, self.unless)
        )


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition over `userAgent`: any of `matches`, and LIKE none of `unless`.

    The patterns' only wildcard is `%`, upper and lower case differ, and no pattern needs an ESCAPE. An
    event without an agent does not fulfil it.
    """

    matches: tuple[Match, ...]
    unless: tuple[str, ...]

    def __call__(self, agent: str | None) -> bool:
        """Whether `agent` fulfils it."""
        return (
            agent is not None
            and any(match(agent) for match in self.matches)
            and not like_any(agent, self.unless)
        )


@dataclass(frozen=True, slots=True)
class _Row:
    match: Match
    what: str
    instead: str
    ended: date | None
    by: date | None
    source: Source

    def is_over(self, on: date) -> bool:
        day = self.ended or self.by
        return day is not None and day <= on


def support(client: Client, on: date) -> Support:
    """Whether AWS supports `client` on that day, by what it calls itself.

    AWS's own callers, browsers and names that no source speaks of get None.
    """
    about = [] if like_any(client.agent, aws_marks()) else [row for row in _rows() if row.match(client.agent)]
    over = [row for row in about if row.is_over(on)]
    if over:
        # the SDK itself before the language under it
        row = next((row for row in over if not row.match.runtimes), over[0])
        return Support(False, row.ended, row.source, row.what, _instead(client, row))
    current = _current(client)
    coming = sorted((row.ended, row.what, row) for row in about if row.ended is not None)
    is_known = current or any(row.match.runtimes for *_, row in coming) or (coming and not _listed(client))
    if len(coming) < len(about) or not is_known:
        return Support(None)
    if coming:
        ended, what, row = coming[0]
        return Support(True, ended, row.source, what, _instead(client, row))
    return Support(True, None, None if current is None else _source(current), client.sdk or "")


def _instead(client: Client, row: _Row) -> str:
    return row.instead if client.terraform is None else str(table("support")["terraform"])


def clause(on: date) -> Clause:
    """What `sdk=eol` asks on that day; `sdk=eol-in-90d` asks it for `on + SOON`."""
    joined: dict[tuple[tuple[str, ...], tuple[str, ...], bool], list[str]] = {}
    for row in _rows():
        if row.is_over(on):
            key = (row.match.names, row.match.unless, bool(row.match.runtimes))
            joined.setdefault(key, []).extend(row.match.runtimes)
    plain: dict[tuple[str, ...], list[str]] = {}
    matches = []
    for (names, unless, on_runtime), runtimes in joined.items():
        if on_runtime:
            matches.append(Match(names, tuple(runtimes), unless))
        else:
            plain.setdefault(unless, []).extend(names)
    sdks = [Match(tuple(names), (), unless) for unless, names in plain.items()]
    return Clause((*sdks, *matches), aws_marks())


@cache
def _rows() -> tuple[_Row, ...]:
    data = table("support")
    rows = []
    for row in data["ended"]:
        names = tuple(pattern for token in sorted(_tokens(row)) for pattern in _names(token))
        # an agent that names a supported SDK too is left alone
        others = (f"%{other}%" for other in data["supported"] if other not in _tokens(row))
        unless = (*row.get("unless", ()), *others)
        dates = (row.get("ended"), row.get("by"), _source(row))
        for version in row.get("versions", ()):
            marks = data["runtimes"][row["language"]]
            runtimes = tuple(f"%{mark.format(version)}%" for mark in marks)
            rows.append(
                _Row(Match(names, runtimes, unless), f"{row['language']} {version}", row["instead"], *dates)
            )
        if "language" not in row:
            rows.append(_Row(Match(names, (), unless), row["label"], row["instead"], *dates))
    return tuple(rows)


def _tokens(row: dict[str, Any]) -> set[str]:
    return {f"{name}/{version}" for name in row["sdk"] for version in row["version"]}


def _names(token: str) -> tuple[str, ...]:
    """LIKE patterns for a name and the beginning of its version; a short name has to begin a word."""
    if token.startswith(("aws-", "AWS")):
        return (f"%{token}%",)
    return (f"{token}%", f"% {token}%", f"[{token}%")


def _listed(client: Client) -> dict[str, Any] | None:
    """The row of the SDKs that AWS supports which is about this one, on whatever version of its language."""
    version = version_key(client.sdk_version)
    if client.sdk is None or version is None or client.kind not in {"sdk", "tool", "ai-agent"}:
        return None
    for row in table("support")["current"]:
        if client.sdk.lower() in map(str.lower, row["sdk"]) and version[0] in row["major"]:
            return dict(row)
    return None


def _current(client: Client) -> dict[str, Any] | None:
    """The row by which AWS supports this SDK on this version of its language, as far as that is told."""
    row, language = _listed(client), version_key(client.language_version)
    if row is None or "oldest" not in row or language is None:
        return row
    version, oldest = version_key(client.sdk_version), version_key(row["oldest"])
    if version is None or oldest is None or version[0] in row.get("brings_its_own", ()):
        return row
    return row if client.language == row["language"] and language >= oldest else None


def _source(row: dict[str, Any]) -> Source:
    return Source(row["page"], row["read"])
