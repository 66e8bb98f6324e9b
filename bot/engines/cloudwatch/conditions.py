"""A WHERE in the Logs Insights language: what it says exactly, and what it can at least narrow.

Every field is compared in a spelling of its own: `=` before what it says, `-` where it is missing. So a
missing field, an empty one and an account's leading zeros mean the same whatever Logs Insights makes of them,
and SQL's NULL is said and not hoped for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.engines.cloudwatch.fields import Field

MISSING: Final = "-"
"""How a field is spelled that is missing."""

PRESENT: Final = "="
"""What stands before what a field says. It sorts after `MISSING`, so the fuller of two copies is the last."""

NEVER: Final = "1 = 0"
"""What never holds."""

_PLAIN = re.compile(r"[ !$%&()*+,./0-9:;<=>?@A-Z\[\]^_a-z{}~-]*")
"""Texts that can be quoted without a doubt: how quotes, backslashes and what is not ASCII are escaped stands
nowhere in AWS's documentation, so a value with one of them is compared here and not there."""

_PLAIN_PATTERN = re.compile(r"(?:\(\?i\))?[A-Za-z0-9_|^$()\[\]. -]+")
"""Regular expressions that mean the same in every dialect."""


class Unsayable(Exception):
    """The language has no exact words for it."""


class Conditions:
    """Says conditions over the fields that `find` knows, by the names that `name` gives them."""

    def __init__(self, find: Callable[[exp.Expr], Field | None], name: Callable[[Field], str]) -> None:
        self._find = find
        self._name = name

    def is_true(self, node: exp.Expr) -> str:
        """When `node` is TRUE, neither more nor less. Unsayable."""
        if isinstance(node, exp.Paren):
            return self.is_true(node.this)
        if isinstance(node, exp.Not):
            return self.is_false(node.this)
        if isinstance(node, exp.And):
            return _all(self.is_true(side) for side in node.flatten())
        if isinstance(node, exp.Or):
            return _any(self.is_true(side) for side in node.flatten())
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return f'{self._subject(node.this)} = "{MISSING}"'
        if isinstance(node, exp.In):
            return f"{self._subject(node.this)} in {_listed(node)}"
        if isinstance(node, exp.EQ):
            return f"{self._subject(node.left)} = {quoted(_text(node.right))}"
        if isinstance(node, exp.NEQ):
            return self.is_false(exp.EQ(this=node.left, expression=node.right))
        raise Unsayable

    def is_false(self, node: exp.Expr) -> str:
        """When `node` is FALSE, and not NULL. Unsayable."""
        if isinstance(node, exp.Paren):
            return self.is_false(node.this)
        if isinstance(node, exp.Not):
            return self.is_true(node.this)
        if isinstance(node, exp.And):
            return _any(self.is_false(side) for side in node.flatten())
        if isinstance(node, exp.Or):
            return _all(self.is_false(side) for side in node.flatten())
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return f'{self._subject(node.this)} != "{MISSING}"'
        if isinstance(node, exp.In):
            subject = self._subject(node.this)
            return f'({subject} != "{MISSING}" and {subject} not in {_listed(node)})'
        if isinstance(node, exp.EQ):
            subject = self._subject(node.left)
            return f'({subject} != "{MISSING}" and {subject} != {quoted(_text(node.right))})'
        if isinstance(node, exp.NEQ):
            return self.is_true(exp.EQ(this=node.left, expression=node.right))
        raise Unsayable

    def _subject(self, node: exp.Expr) -> str:
        field = self._find(node)
        if field is None or field.type != "TEXT":
            raise Unsayable
        return self._name(field)


class Narrowing:
    """Says what must hold of a copy of an event where a condition is TRUE of the event.

    Only what a field says is said, never that it is missing: the fuller copy of an event has all of its
    fields, and the thin copies go.
    """

    def __init__(self, find: Callable[[exp.Expr], Field | None], name: Callable[[Field], str]) -> None:
        """`find` knows the fields that a copy has, and no COALESCE of several."""
        self._find = find
        self._name = name
        self._exactly = Conditions(find, name)

    def of(self, node: exp.Expr) -> str:
        """What holds where `node` is TRUE; nothing where there is nothing to say."""
        if isinstance(node, exp.Paren):
            return self.of(node.this)
        if isinstance(node, exp.Escape):
            return self._contains(node.this, node.expression.name)
        if isinstance(node, exp.And):
            return _all(filter(None, (self.of(side) for side in node.flatten())))
        if isinstance(node, exp.Or):
            sides = [self.of(side) for side in node.flatten()]
            return _any(sides) if all(sides) else ""
        if isinstance(node, exp.Not):
            return self._of_not(node.this)
        if isinstance(node, exp.Like):
            return self._contains(node, "")
        if isinstance(node, exp.RegexpLike):
            return self._matches(node, "like")
        if isinstance(node, (exp.In, exp.EQ)):
            return self._among(node)
        return ""

    def _of_not(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Paren):
            return self._of_not(node.this)
        if isinstance(node, exp.Not):
            return self.of(node.this)
        if isinstance(node, exp.RegexpLike):
            return self._matches(node, "not like")
        if isinstance(node, exp.Or):
            return _all(filter(None, (self._of_not(side) for side in node.flatten())))
        if isinstance(node, exp.And):
            sides = [self._of_not(side) for side in node.flatten()]
            return _any(sides) if all(sides) else ""
        if isinstance(node, (exp.In, exp.EQ, exp.Is)) and not self._parts(node.this):
            try:
                return self._exactly.is_false(node)
            except Unsayable:
                return ""
        return ""

    def _among(self, node: exp.Expr) -> str:
        """The parts of a COALESCE of which one is what it says."""
        if parts := self._parts(node.this):
            each = [self.of(type(node)(**{**node.args, "this": part})) for part in parts]
            return _any(each) if all(each) else ""
        inner, functions = _unwrapped(node.this)
        if isinstance(inner, exp.Literal):
            return NEVER if _is_never(inner.name, node) else ""
        field = self._find(inner)
        if field is None or field.type != "TEXT":
            return ""
        name = self._name(field)
        try:
            if not functions:
                return self._exactly.is_true(node)
            values = node.expressions if isinstance(node, exp.In) else [node.expression]
            listed = ", ".join(quoted(_text(value), "") for value in values)
        except Unsayable:
            return f'{name} != "{MISSING}"'
        return f'({name} != "{MISSING}" and {_wrapped(field.raw, functions)} in [{listed}])'

    def _contains(self, node: exp.Expr, escape: str) -> str:
        """Every run of plain characters of a LIKE's pattern is in the text."""
        if not isinstance(node.expression, exp.Literal):
            return ""
        if parts := self._parts(node.this):
            each = [self._contains(exp.Like(this=part, expression=node.expression), escape) for part in parts]
            return _any(each) if all(each) else ""
        inner, functions = _unwrapped(node.this)
        if isinstance(inner, exp.Literal):
            pieces = _pieces(node.expression.name, escape)
            return NEVER if any(piece not in inner.name for piece in pieces) else ""
        field = self._find(inner)
        if field is None or field.type != "TEXT":
            return ""
        name = self._name(field)
        said = [f'{name} != "{MISSING}"']
        subject = _wrapped(field.raw, functions)
        said += [
            f'strcontains({subject}, "{piece}") = 1'
            for piece in _pieces(node.expression.name, escape)
            if piece.strip()
        ]
        return _all(said)

    def _matches(self, node: exp.RegexpLike, how: str) -> str:
        field = self._find(node.this)
        if field is None or field.type != "TEXT":
            return ""
        name, pattern = self._name(field), node.expression
        said = f'{name} != "{MISSING}"'
        if isinstance(pattern, exp.Literal) and _PLAIN_PATTERN.fullmatch(pattern.name):
            return f"({said} and {field.raw} {how} /{pattern.name}/)"
        return said

    def _parts(self, node: exp.Expr) -> Sequence[exp.Expr]:
        """The columns of a COALESCE, and the text at its end."""
        inner, functions = _unwrapped(node)
        if not isinstance(inner, exp.Coalesce):
            return ()
        made: list[exp.Expr] = []
        for part in (inner.this, *inner.expressions):
            whole: exp.Expr = part.copy()
            for function in functions:
                whole = exp.Lower(this=whole) if function == "tolower" else exp.Trim(this=whole)
            made.append(whole)
        return made


def _is_never(text: str, node: exp.Expr) -> bool:
    """Whether a fixed text is none of those that it is compared with."""
    values = node.expressions if isinstance(node, exp.In) else [node.expression]
    return all(isinstance(value, exp.Literal) and value.name.lower() != text.lower() for value in values)


def quoted(text: str, before: str = PRESENT) -> str:
    """`text` as it is compared. Unsayable where nobody knows how it is quoted."""
    if not _PLAIN.fullmatch(text):
        raise Unsayable
    return f'"{before}{text}"'


def _text(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal) and node.is_string:
        return node.name
    raise Unsayable


def _listed(node: exp.In) -> str:
    if not node.expressions:
        raise Unsayable
    return f"[{', '.join(quoted(_text(value)) for value in node.expressions)}]"


def _all(said: Iterable[str]) -> str:
    return " and ".join(said)


def _any(said: Iterable[str]) -> str:
    each = [one for one in said if one != NEVER] or [NEVER]
    return each[0] if len(each) == 1 else f"({' or '.join(map(_bracketed, each))})"


def _bracketed(said: str) -> str:
    """`said` as one of several that an `or` joins."""
    return said if said.startswith("(") or " and " not in said else f"({said})"


def _unwrapped(node: exp.Expr) -> tuple[exp.Expr, list[str]]:
    """What is within LOWER and TRIM, and those, from the inside out, as Logs Insights calls them."""
    if isinstance(node, exp.Paren):
        return _unwrapped(node.this)
    if isinstance(node, exp.Lower):
        inner, functions = _unwrapped(node.this)
        return inner, [*functions, "tolower"]
    if isinstance(node, exp.Trim) and node.args.get("expression") is None:
        inner, functions = _unwrapped(node.this)
        return inner, [*functions, "trim"]
    return node, []


def _wrapped(text: str, functions: Sequence[str]) -> str:
    for function in functions:
        text = f"{function}({text})"
    return text


def _pieces(pattern: str, escape: str) -> list[str]:
    """The plain runs of a LIKE's pattern, longest possible."""
    runs, at = [""], 0
    while at < len(pattern):
        character = pattern[at]
        if escape and character == escape and at + 1 < len(pattern):
            at += 1
            character = pattern[at]
        elif character in "%_":
            runs.append("")
            at += 1
            continue
        if _PLAIN.fullmatch(character):
            runs[-1] += character
        else:
            runs.append("")
        at += 1
    return runs
