"""Strangers' text, shown so that it only shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0e\uffa0\U0001d159\U000e0100-\U000e01ef]"
    "|(?<![\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff])\ufe0f"
)
"""Letters, marks and symbols that are printable by their category and show nothing: those that Unicode lists
as Default_Ignorable_Code_Point (DerivedCoreProperties), and two blanks. The selector that makes an emoji of a
symbol shows, behind one."""

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

BEYOND: Final = 0x10000
"""The first character of Unicode that four hexadecimal digits do not name."""


def only_shows(text: str) -> bool:
    """Whether nothing in `text` acts, hides, or looks like a space and is none.

    Of Unicode's categories Other (controls, formats such as tags and soft hyphens, halves of surrogate pairs,
    what is private or unassigned) and Separator, only the space only shows.
    """
    return text.isprintable() and (text.isascii() or not _UNSEEN.search(text))


def written_out(text: str, how: Callable[[str], str]) -> str:
    """`text` with every character that does not only show as `how` writes it."""
    if only_shows(text):
        return text
    printable = "".join(each if each.isprintable() else how(each) for each in text)
    return _UNSEEN.sub(lambda match: how(match[0]), printable)


def literal(text: str) -> str:
    """`text` with every such character as \\n, \\u202e or \\U000e0041, so that it only shows."""
    return written_out(text, _escaped)


def _escaped(character: str) -> str:
    if short := _SHORT.get(character):
        return short
    code = ord(character)
    return f"\\u{code:04x}" if code < BEYOND else f"\\U{code:08x}"
