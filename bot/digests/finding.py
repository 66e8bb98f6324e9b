"""A finding: a service, principal and client that called over outdated TLS; how one is remembered, and how a
digest tells it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - msgspec reads the types below
from typing import Any, Final, Literal

from bot.digests.decisions import Assignment, Decision  # noqa: TC001 - likewise
from bot.question.owners import Owner  # noqa: TC001 - likewise

Change = Literal["new", "back", "open", "quiet", "known", "accepted", "not applicable", "resolved"]
Identity = tuple[str, str, str]

ID_LENGTH: Final = 32
"""Hex digits of an id: short enough for a button, and long enough that nobody makes two collide."""


@dataclass(frozen=True, slots=True)
class Snooze:
    """A finding acknowledged: by whom, why, and until which date, exclusive."""

    by: str
    why: str
    until: date
    calls: int
    """How many calls it had then: twice as many end it."""
    days: int = 0
    """How many days those calls took, so that a Monday's three compare fairly; 0: as many as any period."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is remembered of a finding."""

    service: str
    principal: str
    client: str
    first: date
    """Its first call ever."""
    since: date
    """The begin of its present spell."""
    last: date
    """Its last date with a call."""
    calls: int
    """In the latest period that had any."""
    spells: int
    """How often it was open, this time included."""
    resolved: date | None = None
    snooze: Snooze | None = None
    """Who knows about it, and until when, which digests call known. Stored as `known`."""
    was_unnamed: bool = False
    """Whether it was first remembered without a name, under which it keeps its id."""
    limited: bool = False
    """Whether all calls of the latest period that had any went to endpoints that offer no more."""
    began_before: bool = False
    """Whether it may have begun before `since`, as it was there when its digest began to look."""
    decision: Decision | None = None
    """Where it is accepted or not applicable: as which digests then tell it, and not as open."""
    assignment: Assignment | None = None
    """Who is at work on it."""

    @property
    def identity(self) -> Identity:
        """What makes it the same finding."""
        return (self.service, self.principal, self.client)

    @property
    def id(self) -> str:
        """A short name for it, the same for ever."""
        digest = hashlib.sha256()
        for part in (self.service, "" if self.was_unnamed else self.principal, self.client):
            # strangers choose these names, and UTF-8 refuses half a surrogate pair without surrogatepass
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.hexdigest()[:ID_LENGTH]


def to_builtins(finding: Finding) -> dict[str, Any]:
    """The finding as its JSON has it, in databases since version 2: a snooze is stored as `known`."""
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(finding)
    fields["known"] = fields.pop("snooze")
    for name in ("was_unnamed", "limited", "began_before", "decision", "assignment"):
        if not fields[name]:
            del fields[name]
    return fields


def from_builtins(fields: dict[str, Any]) -> Finding:
    """The finding of which `to_builtins` made `fields`."""
    import msgspec

    return msgspec.convert({**fields, "snooze": fields.get("known")}, Finding)


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding as one digest tells it; `finding` is as it is after the period."""

    change: Change
    finding: Finding
    calls: int
    """In this period."""
    before: int
    """In the period before, as far as known."""
    day: int
    """Which day it is open, from 1."""
    note: str
    """More of it in words; empty for one that is open or quiet as it was before."""
    moved: bool = False
    """Whether it went into, or out of, the group of those whose endpoint offers no more."""
    told: date | None = None
    """The local date on which it was told already, as of an urgent service."""
    owner: Owner | None = None
    """Who is to see to it, as the digest was told; None: nobody that is known."""
