"""Conditions in fewer characters, for engines that take no long statements: what is LIKE one of many texts is
matched by one regular expression.

DuckDB is better off without: it tries a LIKE once for each text of a column's dictionary.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from bot.clients.likes import as_regex

if TYPE_CHECKING:
    from collections.abc import Sequence

MANY_TEXTS: Final = 8
"""Fewer texts that one is compared with are left as they are, where nothing is gained but length."""


def shorten(tree: exp.Expr) -> None:
    """Within `tree`, say all texts that one is compared with, in an OR or in a long list, at once."""
    for either in _alternatives(tree):
        of_text: dict[exp.Expr, list[exp.Expr]] = {}
        for side in either.flatten():
            of_text.setdefault(_subject(side) if _patterns(side) else side, []).append(side)
        if len(of_text) < sum(map(len, of_text.values())):
            said = (
                _as_regex(each) if len(each) > 1 and _patterns(each[0]) else each[0]  # or the same twice
                for each in of_text.values()
            )
            either.replace(exp.or_(*said))
    for listed in list(tree.find_all(exp.In)):
        if len(_patterns(listed)) >= MANY_TEXTS:
            listed.replace(_as_regex([listed]))


def shortened(condition: exp.Expr) -> exp.Expr:
    """A copy of `condition`, in which many LIKEs of one text are one regular expression where they stand by
    themselves."""
    within = exp.paren(condition)
    for either in _alternatives(within):
        sides = list(either.flatten())
        are_likes = all(isinstance(side, exp.Like) and _patterns(side) for side in sides)
        if are_likes and len(sides) >= MANY_TEXTS and len({side.this for side in sides}) == 1:
            either.replace(_as_regex(sides))
    return within


def _alternatives(tree: exp.Expr) -> list[exp.Expr]:
    """Every OR, with all that it joins."""
    return [each for each in tree.find_all(exp.Or) if not isinstance(each.parent, exp.Or)]


def _subject(condition: exp.Expr) -> exp.Expr:
    """The text that a LIKE or an IN is about."""
    like = condition.this if isinstance(condition, exp.Escape) else condition
    subject: exp.Expr = like.this
    return subject


def _patterns(condition: exp.Expr) -> list[str]:
    """Of which a text is LIKE one, where that is all of `condition`; else nothing. `%` stands at their ends
    only, and any other character for itself."""
    if isinstance(condition, exp.In):
        texts = condition.expressions
        is_text = all(isinstance(each, exp.Literal) and each.is_string for each in texts)
        return (
            [each.name for each in texts] if is_text and not any("%" in each.name for each in texts) else []
        )
    escape = condition.expression.name if isinstance(condition, exp.Escape) else ""
    like = condition.this if escape else condition
    if not isinstance(like, exp.Like) or escape not in {"", "\\"}:
        return []
    if not isinstance(like.expression, exp.Literal):
        return []  # only as the query runs is it known what is made there
    pattern = like.expression.name
    escaped = re.findall(r"\\(.)", pattern, re.DOTALL) if escape else []
    bare = re.sub(r"\\.", "", pattern, flags=re.DOTALL) if escape else pattern
    if "%" in escaped or "_" in bare or "%" in bare.strip("%"):
        return []
    return [re.sub(r"\\(.)", r"\1", pattern, flags=re.DOTALL) if escape else pattern]


def _as_regex(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """What is true where one of `conditions` is, all about one text; NULL where that is."""
    patterns = [pattern for each in conditions for pattern in _patterns(each)]
    text = exp.Literal.string(as_regex(patterns))
    return exp.RegexpLike(this=_subject(conditions[0]).copy(), expression=text)
