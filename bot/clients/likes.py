"""SQL's LIKE over text, for patterns whose only wildcard is `%`: they mean the same on every engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def like(text: str, pattern: str) -> bool:
    """Whether `text` is LIKE `pattern`, whose only wildcard is `%`; upper and lower case differ."""
    first, *rest = pattern.split("%")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first):
        return False
    at = len(first)
    for part in middle:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return text.endswith(last) and len(text) - len(last) >= at


def like_any(text: str, patterns: Iterable[str]) -> bool:
    """Whether `text` is LIKE one of `patterns`."""
    return any(like(text, pattern) for pattern in patterns)


def as_regex(patterns: Iterable[str]) -> str:
    """One regular expression that is found in what is LIKE one of `patterns`, which have `%` at their ends
    only. RE2 and Java mean the same by it."""
    return "|".join(
        ("" if each.startswith("%") else "^")
        + re.sub(r"[.\\^$|?*+()\[\]{}]", r"\\\g<0>", each.strip("%"))
        + ("" if each.endswith("%") else r"\z")
        for each in patterns
    )
