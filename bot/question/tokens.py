"""Text as people and phones type it: cleaned, cut into tokens, and shown back to them."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOWN_CHARS: Final = 60

_QUOTED = (
    r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*'"""
    r"""|[\u201c\u201d\u201e][^\u201c\u201d"]*[\u201c\u201d"]|[\u2018\u2019\u201a][^\u2018\u2019']*[\u2018\u2019'])"""
)
_QUOTES = ('"', "'", "\u201c", "\u201d", "\u201e", "\u2018", "\u2019", "\u201a")
_CLOSING = ('"', "'", "\u201c", "\u201d", "\u2018", "\u2019")
_AROUND_WORDS = "".join(_QUOTES) + "`,;?!()"
_LITERAL = re.compile(rf"(?<![^\s=＝,，]){_QUOTED}")
_COMMAND = re.compile(r"\s*/?tls-audit(?:\s+ask)?(?=\s|$)\s*", re.IGNORECASE)
_PAIR = re.compile(r"([^\s=!,]+)(\s*)(!=|==?)")
_VALUE = re.compile(rf"{_QUOTED}|[^\s,]*")
_BULLET = re.compile(r"\A\s*(?:(?:[>•‣▪●◦·]|&gt;|[-*–](?=\s))\s*)+")
_BOLD = re.compile(r"(?<!\S)(\*{1,2}|_|~)(?=[^\s*])([^*\n]*?[^\s*])\1(?=[\s,;.?!]|$)")
_EMOJI = re.compile(r"(?<!\S):[a-z0-9_+'-]+:(?::skin-tone-[2-6]:)?(?!\S)")
_THANKS = r"(?:please|pls|plz|thanks|thank\s+you|many\s+thanks|thx|ty|cheers|asap)"
_COURTESY_BEFORE = re.compile(rf"\A(?:(?:{_THANKS}|hi|hey|hello)[\s,;.!:]+)+", re.IGNORECASE)
_COURTESY_AFTER = re.compile(
    # from the first of several signs or blanks on, for a wall of them is looked at once and not from each
    r"(?:(?<![,;.!-])(?=[,;.!-])|(?<!\s)(?=\s))"
    rf"(?:[,;.!-]*\s+(?:[-–]\s*)?(?:{_THANKS}"
    r"|cc:?(?:\s+(?:@[\w.-]+|[UWS][A-Z0-9]{6,}),?)+)[.!]*)+$",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[A-Za-z0-9_.*:/+@-]+")
_TYPED = str.maketrans(
    {chr(0xFEE0 + code): chr(code) for code in range(ord("!"), ord("~") + 1)}  # full-width forms
    | dict.fromkeys("\u2010\u2011\u2212", "-")
    | {"≠": "!="}
)


class Value(NamedTuple):
    """One value as typed, quotes and all, and where it stands in the text."""

    raw: str
    start: int
    end: int


class Token(NamedTuple):
    """A bare word, or `word=value,value`, and where it stands in the text."""

    text: str
    start: int
    end: int
    values: tuple[Value, ...] = ()
    """Empty for a bare word only."""
    negated: bool = False


def tidied(text: str) -> str:
    """`text` with one kind of space, dash and `=`, and nothing invisible; quoted values stay as they are.

    What stands around a question goes: a bullet, bold, emoji by their names, `please`, `thanks`, `cc @bob`.
    """
    text = _BULLET.sub("", text)
    text = text[found.end() :] if (found := _COMMAND.match(text)) else text
    whole = text.strip().strip("`")
    text = whole[1:-1] if re.fullmatch(_QUOTED, whole) else whole
    text = unquoted(text, _retyped).strip(" ")
    ends_quoted = text.endswith(_CLOSING) and re.search(rf"{_QUOTED}$", text)
    text = text if ends_quoted else text.rstrip(" ?!,;")
    return _COURTESY_AFTER.sub("", _COURTESY_BEFORE.sub("", text)).strip(" ")


def unquoted(text: str, change: Callable[[str], str]) -> str:
    """`text` with what stands outside of quotes changed."""
    pieces, at = [], 0
    for kept in _LITERAL.finditer(text):
        pieces += [change(text[at : kept.start()]), kept[0]]
        at = kept.end()
    return "".join([*pieces, change(text[at:])])


def _retyped(text: str) -> str:
    text = _EMOJI.sub("", _BOLD.sub(r"\2", text))
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return re.sub(r"\s+", " ", visible.translate(_TYPED))


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a tidied text, in order."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif pair := _PAIR.match(text, at):
            values = tuple(_values(text, pair))
            yield Token(pair[1], at, values[-1].end, values, pair[3] == "!=")
            at = values[-1].end
        else:
            end = at + len(text[at:].split(None, 1)[0])
            word = text[at:end].strip(_AROUND_WORDS)
            word = word if word.endswith("..") else word.removesuffix(".")
            if word:
                yield Token(word, at, end)
            at = end


def _values(text: str, pair: re.Match[str]) -> Iterator[Value]:
    """The values after `pair`, at least one, perhaps empty. A space follows `=` only if one precedes it."""
    at = pair.end()
    if pair[2] and text[at : at + 1].isspace() and not _PAIR.match(text, at + 1):
        at += 1
    while found := _VALUE.match(text, at):
        yield Value(found[0], found.start(), found.end())
        at = found.end() + 1
        if text[found.end() : at] != "," or at == len(text) or text[at].isspace():
            break


def literal(raw: str) -> str | None:
    """What a value as typed stands for; in quotes, a doubled quote is one. None: a quote is not closed."""
    if not raw.startswith(_QUOTES):
        return raw
    if not re.fullmatch(_QUOTED, raw):
        return None
    return raw[1:-1].replace(raw[0] * 2, raw[0]) if raw[0] in "\"'" else raw[1:-1]


def quoted(value: str) -> str:
    """`value` so that `literal` reads it back, in quotes where it needs them."""
    return value if _PLAIN.fullmatch(value) else '"' + value.replace('"', '""') + '"'


def shown(text: str, limit: int = SHOWN_CHARS) -> str:
    """Someone's own words, fit for a sentence: one line, at most `limit` characters, nothing invisible."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    visible = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return "".join(visible).replace("`", "'")
