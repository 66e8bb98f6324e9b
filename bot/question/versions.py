"""TLS versions as people say them, alone and compared: `tls 1.1`, `TLSv1`, `tls < 1.2`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from bot.question import vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Take = Callable[[str], re.Match[str] | None]
    """Takes what a pattern matches from where a text is read on, or nothing."""

TLS_VERSIONS: Final = ("1.0", "1.1", "1.2", "1.3")
ONE: Final = r"(?:(?:tls|ssl)[\s-]*)?v?1\.[0-3]|tls[\s-]*v?1(?![.0-9])"
SEVERAL: Final = rf"(?:{ONE})(?:\s+(?:(?:or|and|/)\s+)?(?:{ONE}))*"
"""Patterns of one version, and of several beside each other."""

_COMPARED = re.compile(
    r"(?<!\S)(?:-{1,2})?(?:tls|version|ssl)\s*(<=|>=|<|>)\s*(?:tls)?v?(1\.[0-3])(?!\S)", re.IGNORECASE
)
_FLOOR: Final = (
    r"(?:(?:not\s+)?ready\s+for|requir(?:e|ed|ing)|enforc(?:e|ed|ing)|demand(?:ed)?|insist(?:ed)?\s+on)"
)
"""How people say what is to be the oldest: who falls below it is asked for."""
_SIGNS: Final = {"<": "older than {}", "<=": "{} or older", ">": "newer than {}", ">=": "{} or newer"}


def in_words(text: str) -> str:
    """`text` with `older than tls 1.2` for `tls < 1.2`."""
    return _COMPARED.sub(lambda found: _SIGNS[found[1]].format(f"tls {found[2]}"), text)


def read(take: Take) -> tuple[str, ...]:
    """What the text says of versions, in the grammar's words: once, or in the two ways it can be meant;
    nothing where it says nothing of them, or what cannot be asked."""
    if found := take(rf"{vocabulary.NOT}{vocabulary.BETWEEN_NOT}({ONE})(?:\s+yet)?"):
        return _not_on(_named(found[1])[0])
    if found := take(
        rf"(?:(?:would\s+)?(?:break|fail)s?\s+(?:if|when)\s+(?:we|you|i)\s+)?{_FLOOR}\s+({ONE})"
    ):
        return _older(_place(found))
    if found := take(
        rf"(?:is|are|was|were)?\s*(?:older\s+than|below|under|lower\s+than|less\s+than|earlier\s+than|before"
        rf"|worse\s+than)\s+({ONE})"
    ):
        return _older(_place(found))
    if found := take(rf"({ONE})\s+(?:or|and)\s+(?:older|lower|below|less|earlier|under|worse|down)") or take(
        rf"(?:at\s+most|up\s+to)\s+({ONE})"
    ):
        return _older(_place(found) + 1)
    if found := take(rf"({ONE})\s+(?:or|and)\s+(?:newer|higher|above|later|better|up)") or take(
        rf"at\s+least\s+({ONE})"
    ):
        return _only(TLS_VERSIONS[_place(found) :])
    if found := take(rf"(?:newer\s+than|above|higher\s+than|later\s+than)\s+({ONE})"):
        return _only(TLS_VERSIONS[_place(found) + 1 :])
    found = take(rf"(?:(?:version|tls)[\s:]+)?({SEVERAL})")
    return _only(_named(found[1])) if found else ()


def _place(found: re.Match[str]) -> int:
    return TLS_VERSIONS.index(_named(found[1])[0])


def _older(floor: int) -> tuple[str, ...]:
    return (f"min={TLS_VERSIONS[floor]}",) if 0 < floor < len(TLS_VERSIONS) else ()


def _only(asked: Collection[str]) -> tuple[str, ...]:
    return (f"version={','.join(asked)}",) if asked else ()


def _not_on(version: str) -> tuple[str, ...]:
    """`not on 1.2` may be meant of those behind only, or of those ahead as well."""
    behind = f"min={version}"
    if version == TLS_VERSIONS[-1]:
        return (behind,)
    others = f"version={','.join(each for each in TLS_VERSIONS if each != version)}"
    return (behind, others) if version != TLS_VERSIONS[0] else (others,)


def _named(text: str) -> tuple[str, ...]:
    """The versions that are named, each once, the oldest first."""
    found: Any = re.findall(r"1\.[0-3]|1(?![.0-9])", text)
    return tuple(sorted({"1.0" if each == "1" else each for each in found}))
