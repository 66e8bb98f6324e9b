"""Whose an answer's calls are: a sentence, by team."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from bot.text import literal
from bot.wording import counted, first_of, number

if TYPE_CHECKING:
    from bot.question.question import Question
    from bot.table import Table

TEAMS_NAMED: Final = 5
"""Teams that a sentence names."""

ROWS_LOOKED_AT: Final = 100_000
"""Of a longer answer, the owners are asked for by `owner=`: to look at each row would take longer than it."""


def words(question: Question, table: Table) -> tuple[str, ...]:
    """A sentence such as `By owner: payments 812, web 20; 3 calls of nobody who is known.`

    None without owners, where the rows do not say whose they are, and where one team's alone were asked for.
    """
    names, measure = [column.name for column in table.columns], question.view.measure
    owners = question.owners
    who = next((name for name in ("arn", "principal") if name in names), None)
    says_app = "userAgent" in names or not any(rule.apps for rule in owners.rules)
    if not owners.rules or question.owner is not None or who is None or not says_app:
        return ()
    if measure not in names or table.row_count > ROWS_LOOKED_AT:
        return ()
    calls: Counter[str] = Counter()
    for cells in table.rows():
        row: dict[str, Any] = dict(zip(names, cells, strict=True))
        owner = owners.of(row[who] or "", row.get("userAgent") or "")
        calls["" if owner is None else owner.team] += row[measure]
    nobodys = calls.pop("", 0)
    said = [f"{literal(team)} {number(count)}" for team, count in calls.most_common()]
    named = f"By owner: {first_of(said, TEAMS_NAMED)}" if said else ""
    rest = f"{counted(nobodys, 'call')} of nobody who is known" if nobodys else ""
    return (f"{'; '.join(filter(None, (named, rest)))}.",)
