"""SQL's LIKE over text, for patterns whose only wildcard is `%`: they mean the same on every engine."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
    only. RE2 and Java mean the same by it. Beginnings in common are said once, as engines take no long
    statements."""
    return _either([_atoms(each) for each in dict.fromkeys(patterns)])


def _atoms(pattern: str) -> tuple[str, ...]:
    """A pattern in pieces that a regular expression may be split at."""
    plain = [f"\\{each}" if each in r".\^$|?*+()[]{}" else each for each in pattern.strip("%")]
    begin = () if pattern.startswith("%") else ("^",)
    end = () if pattern.endswith("%") else (r"\z",)
    return (*begin, *plain, *end)


def _either(sides: Sequence[tuple[str, ...]], *, ends: bool = True) -> str:
    """What is any of `sides`, those with one beginning together. `ends`: nothing more has to follow, so that
    a side that begins another one stands for both."""
    by_first: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for side in sides:
        by_first.setdefault(side[:1], []).append(side)
    if all(len(side) == 1 and side[0].isalnum() for side in sides) and len(sides) > 1:
        return f"[{''.join(side[0] for side in sides)}]"
    said = []
    for group in by_first.values():
        shared = _shared(group)
        begin, rest = "".join(group[0][:shared]), [side[shared:] for side in group]
        more = [each for each in rest if each]
        if not more or (ends and len(more) < len(rest)):
            said.append(begin)
            continue
        last = min(_shared([each[::-1] for each in more]), *(len(each) - 1 for each in more))
        heads = [each[: len(each) - last] for each in more]
        end = "".join(more[0][len(more[0]) - last :])
        inner = _either(heads, ends=ends and not end)
        inner = inner if inner.startswith("[") else f"(?:{inner})"
        optional = len(more) < len(rest)
        said.append(f"{begin}(?:{inner}{end})?" if optional else f"{begin}{inner}{end}")
    return "|".join(said)


def _shared(sides: Sequence[tuple[str, ...]]) -> int:
    """How many pieces all of `sides` begin with."""
    return sum(1 for _ in takewhile(lambda pieces: len(set(pieces)) == 1, zip(*sides, strict=False)))
