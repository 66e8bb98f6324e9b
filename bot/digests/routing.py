"""Routing: whose the findings of a digest are. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bot.digests.report import is_news, is_newsworthy, name
from bot.question.owners import UNOWNED
from bot.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.digests.finding import Entry, Finding
    from bot.digests.report import Report
    from bot.question.owners import Owner, Owners

FINDINGS_NAMED: Final = 5
"""Findings that a line names of an owner's: the table has them all."""


@dataclass(frozen=True, slots=True)
class Share:
    """What of a digest is one owner's; None: nobody's who is known."""

    owner: Owner | None
    entries: tuple[Entry, ...]
    is_news: bool
    """Whether its person is to be named."""

    @property
    def counts(self) -> str:
        """How many of each change: `2 new, 1 open`."""
        changes = Counter(entry.change for entry in self.entries)
        return ", ".join(f"{number(count)} {change}" for change, count in changes.items())

    @property
    def names(self) -> str:
        """The first few of what is not resolved: `nightly-export → s3, backup → kms and 3 more`."""
        names = list(dict.fromkeys(name(each.finding) for each in self.entries if each.change != "resolved"))
        more = f" and {number(len(names) - FINDINGS_NAMED)} more" if len(names) > FINDINGS_NAMED else ""
        return ", ".join(names[:FINDINGS_NAMED]) + more


def theirs(
    findings: Iterable[Finding], asked: str | None, owners: Owners
) -> tuple[list[Finding], tuple[str, ...]]:
    """Of what a digest remembers that asks for one owner's calls, what is still theirs; and the names of what
    is not, for the file has changed: silence would not mean that it is resolved."""
    if asked is None:
        return list(findings), ()
    kept, moved = [], []
    for finding in findings:
        owner = owners.of(finding.principal, finding.client)
        if (UNOWNED if owner is None else owner.team) == asked:
            kept.append(finding)
        elif finding.resolved is None:
            moved.append(name(finding))
    return kept, tuple(dict.fromkeys(moved))


def routed(report: Report, owners: Owners, moved: tuple[str, ...] = ()) -> Report:
    """The report with what each entry's owner is."""
    if not owners.rules:
        return report
    entries = tuple(
        replace(entry, owner=owners.of(entry.finding.principal, entry.finding.client))
        for entry in report.entries
    )
    return replace(report, entries=entries, has_owners=True, moved=moved)


def shares(report: Report) -> tuple[Share, ...]:
    """The report's entries by their owners, in the order they are told, nobody's last; none where it is not
    known who owns what."""
    if not report.has_owners:
        return ()
    found: dict[Owner | None, list[Entry]] = {}
    for entry in report.entries:
        found.setdefault(entry.owner, []).append(entry)
    nobodys = found.pop(None, [])
    made = [
        Share(owner, tuple(entries), is_news(report) and any(map(is_newsworthy, entries)))
        for owner, entries in found.items()
    ]
    return (*made, *([Share(None, tuple(nobodys), is_news=False)] if nobodys else []))
