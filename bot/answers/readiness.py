"""What the view `readiness` says in words: how far the calls are, and who holds them back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.clients import agent as agents
from bot.wording import counted, listed, number, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.table import Table

MOST: Final = 10
"""Rows that are said to hold back most."""

_AXES: Final = (
    ("TLS 1.3", "percentTls13", "numWithVersion"),
    ("ML-KEM", "percentPostQuantum", "numWithKeyExchange"),
    ("ML-KEM-1024 (CNSA 2.0)", "percentCnsa", "numWithKeyExchange"),
)
"""How far a call can be; the share of a row's calls that are, and how many of its calls say so."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """A readiness in words: the headline, and what it rests on, in sentences."""

    headline: str
    notes: tuple[str, ...]


def told(table: Table) -> Readiness:
    """What the rows of the view `readiness` say together; `table` has some."""
    calls = unsupported = 0
    ready: Counter[str] = Counter()
    says: Counter[str] = Counter()
    held_back: list[int] = []
    by_others: Counter[str] = Counter()
    for row in _rows(table):
        calls += row["numCalls"]
        unsupported += row["numCalls"] if row["support"] else 0
        held_back.append(row["numHeldBack"])
        by_others[agents.read(row["userAgent"]).group] += row["numHeldBack"]
        for name, percent, saying in _AXES:
            says[name] += row[saying]
            ready[name] += round((row[percent] or 0) * row[saying] / 100)
    headline = ", ".join(
        f"{name}: {share(ready[name], says[name]) if says[name] else 'no call says'}" for name, *_ in _AXES
    )
    headline += f", SDKs out of support: {share(unsupported, calls)}"
    rests_on = f"Shares are of the calls that say so: {counted(says['TLS 1.3'], 'call')} of {number(calls)} "
    rests_on += f"say their TLS version, {number(says['ML-KEM'])} their key exchange."
    return Readiness(headline, tuple(filter(None, (rests_on, _most(held_back), _apart(by_others)))))


def _most(held_back: list[int]) -> str:
    """How much of all that is held back the first rows make up; nothing where they are all."""
    first, total = sum(sorted(held_back, reverse=True)[:MOST]), sum(held_back)
    if not total or first == total:
        return ""
    below = f"the {counted(total, 'call')} below TLS 1.3, without ML-KEM or by an SDK out of support"
    return f"The ten that hold back most make {share(first, total)} of {below}."


def _apart(groups: Counter[str]) -> str:
    others = [
        f"{counted(groups[group], 'call')} by {whose}"
        for group, whose in (("aws", "AWS's own callers"), ("strangers", "browsers"))
        if groups[group]
    ]
    return f"Of those held back, {listed(others)}." if others else ""


def _rows(table: Table) -> Iterator[dict[str, Any]]:
    """The rows by the names of their columns."""
    names = [column.name for column in table.columns]
    return (dict(zip(names, row, strict=True)) for row in table.rows())
