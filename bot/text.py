"""Strangers' text, shown so that it only shows."""

from __future__ import annotations

import re
from typing import Final

ACTING: Final = (
    "\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb"
)
"""Characters that act instead of showing: controls (but for the line feed), bidirectional and invisible
marks, and halves of surrogate pairs, which no file can hold (Unicode 16, categories Cc, Cf, Cs)."""


UNSAFE: Final = re.compile(f"[\n{ACTING}]")


_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(text: str) -> str:
    """`text` with every acting character written out, as \\n or \\u202e, so that it only shows."""
    return UNSAFE.sub(lambda match: _written_out(match[0]), text)


def _written_out(character: str) -> str:
    return _SHORT.get(character) or f"\\u{ord(character):04x}"
