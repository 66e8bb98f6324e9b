"""What Trino means and DuckDB does not, for the doubles that run Trino's SQL on DuckDB."""

from __future__ import annotations

import unicodedata
from typing import Final

from sqlglot import exp

_CONTROLS: Final = "\t\n\v\f\r\x1c\x1d\x1e\x1f"
_NO_BREAK: Final = "\u00a0\u2007\u202f"
WHITESPACE: Final = _CONTROLS + "".join(
    letter
    for letter in map(chr, range(0x10000))
    if unicodedata.category(letter) in {"Zs", "Zl", "Zp"} and letter not in _NO_BREAK
)
"""What TRIM takes off where nothing else is said: Java's white space (java.lang.Character, isWhitespace)."""


def trim(tree: exp.Expr) -> None:
    """Have every TRIM without characters of its own take off what Trino's does; DuckDB's takes off spaces."""
    for node in tree.find_all(exp.Trim):
        if node.expression is None:
            node.set("expression", exp.Literal.string(WHITESPACE))
