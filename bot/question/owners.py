"""Owners: which team is to see to a client, by rules of which the first that fits decides.

Rules come from the file that `TLS_AUDIT_OWNERS` names. They look at who called (a role stands for its
sessions, as in findings) and at what the client calls itself: strangers choose the latter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

UNOWNED: Final = "none"
"""What `owner=` takes for the calls that no rule fits."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who sees to it. What a rule leaves out is empty."""

    team: str
    channel: str = ""
    """A channel's id on the surface."""
    person: str = ""
    """The id of a person or a user group."""
    runbook: str = ""
    """A link."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is `owner`'s: calls of a principal, with a client, that fit. Without either, all calls fit."""

    owner: Owner
    principals: str = ""
    """A regular expression of the whole principal, which means the same to Python, RE2 and Trino; its `.` is
    any character."""
    apps: tuple[str, ...] = ()
    """What is somewhere in what the client calls itself, in small letters; `*` is any run of characters."""

    def fits(self, principal: str, client: str) -> bool:
        """Whether the calls of a principal (a role, for its sessions) with a client are its owner's."""
        if self.principals and not _compiled(self.principals).fullmatch(principal):
            return False
        agent = client.lower()
        return not self.apps or any(_compiled(_pattern(app)).search(agent) for app in self.apps)


@dataclass(frozen=True, slots=True)
class Owners:
    """All rules, in the order of their file; none where no file is named."""

    rules: tuple[Rule, ...] = ()

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams, each once, in the order of the file."""
        return tuple(dict.fromkeys(rule.owner.team for rule in self.rules))

    def of(self, principal: str, client: str) -> Owner | None:
        """Whose the calls of a principal with a client are; None: nobody's who is known.

        A session is taken for its role, as far as its ARN tells that: not the role's path.
        """
        who = _SESSION.sub(r"\1iam\2role/\3", principal, count=1)
        return next((rule.owner for rule in self.rules if rule.fits(who, client)), None)


def principals(accounts: Sequence[str], roles: Sequence[str]) -> str:
    """The expression of whoever is in one of `accounts`, if there are any, and has one of the names `roles`,
    if there are any: whole names within an ARN, as `role/ci`, or whole ARNs, which say their account
    themselves. `*` is any run of characters."""
    if not accounts and not roles:
        return ""
    home = f"arn:[^:]*:[^:]*:[^:]*:(?:{_any(accounts)}):" if accounts else ""
    arns = [role for role in roles if role.startswith("arn:")]
    names = [role for role in roles if role not in arns]
    ways = [f"{home}.*"] if not roles else []
    if names:
        ways.append(f"{home}(?:.*[:/])?(?:{_any(names)})(?:/.*)?")
    if arns:
        ways.append(_any(arns))
    return "|".join(ways)


def merged(rules: Iterable[Rule]) -> Iterator[Rule]:
    """The same rules, those that follow each other and look at the principal alone as one: what engines are
    asked must not be long. Of owners, only teams are told apart."""
    last: Rule | None = None
    for rule in rules:
        if (
            last is not None
            and (last.owner.team, last.apps) == (rule.owner.team, ())
            and not rule.apps
            and last.principals
            and rule.principals
        ):
            last = Rule(last.owner, f"{last.principals}|{rule.principals}")
            continue
        if last is not None:
            yield last
        last = rule
    if last is not None:
        yield last


def _any(patterns: Iterable[str]) -> str:
    return "|".join(map(_pattern, patterns))


def _pattern(text: str) -> str:
    """The expression of a text in which `*` is any run of characters."""
    return ".*".join(_ACTS.sub(r"\\\g<0>", part) for part in text.split("*"))


_ACTS: Final = re.compile(r"[.^$|?+()\[\]{}\\]")

_SESSION: Final = re.compile(r"^(arn:[\w-]+:)sts(::[0-9]+:)assumed-role/([^/]+)/.*", re.DOTALL)


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.DOTALL)
