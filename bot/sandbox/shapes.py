"""Checks on the shape of JSON, put together into tables: from a value and its place to what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """One thing Slack refuses: where (a JSON pointer), a short code, Slack's words, the limit."""

    pointer: str
    code: str
    message: str
    constraint: Any = None

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


Check = Callable[[Any, str], Iterator[Problem]]


def string(most: int | None = None, least: int = 1) -> Check:
    """A string of `least` to `most` characters."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(at, "invalid_type", "must be a string")
        elif len(value) < least:
            yield Problem(at, "too_short", f"must be more than {least - 1} characters", least)
        elif most is not None and len(value) > most:
            yield Problem(at, "too_long", f"must be less than {most + 1} characters", most)

    return check


def number(least: float | None = None, most: float | None = None, *, whole: bool = False) -> Check:
    """A number within the bounds; `whole` wants an integer."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int | float) or (whole and value != int(value)):
            yield Problem(at, "invalid_type", f"must be {'an integer' if whole else 'a number'}")
        elif least is not None and value < least:
            yield Problem(at, "too_small", f"must be at least {least:g}", least)
        elif most is not None and value > most:
            yield Problem(at, "too_large", f"must be at most {most:g}", most)

    return check


def boolean(value: Any, at: str) -> Iterator[Problem]:
    """True or false."""
    if not isinstance(value, bool):
        yield Problem(at, "invalid_type", "must be a boolean")


def anything(_value: Any, _at: str) -> Iterator[Problem]:
    """Not looked at: Slack checks it, this sandbox does not."""
    yield from ()


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if value not in allowed:
            yield Problem(at, "invalid_enum", f"must be one of {', '.join(allowed)}", list(allowed))

    return check


def each(item: Check, most: int | None = None, least: int = 1) -> Check:
    """A list of `least` to `most` items, each passing `item`."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(at, "invalid_type", "must be an array")
            return
        if len(value) < least:
            yield Problem(at, "too_few_items", f"no fewer than {least} items allowed", least)
        if most is not None and len(value) > most:
            yield Problem(at, "too_many_items", f"no more than {most} items allowed", most)
        for index, one in enumerate(value):
            yield from item(one, f"{at}/{index}")

    return check


def nullable(inner: Check) -> Check:
    """`null`, or what `inner` allows."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if value is not None:
            yield from inner(value, at)

    return check


def shape(
    required: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    *,
    any_of: Collection[str] = (),
) -> Check:
    """An object with these fields and no other; `any_of` names fields of which one must be there."""
    fields = {"type": anything, **required, **(optional or {})}

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, "invalid_type", "must provide an object")
            return
        for name in required:
            if name not in value:
                yield Problem(at, "missing_field", f"missing required field: {name}", name)
        if any_of and not any(name in value for name in any_of):
            yield Problem(at, "missing_field", f"must define either {' or '.join(any_of)}", list(any_of))
        for name, inner in value.items():
            if name in fields:
                yield from fields[name](inner, f"{at}/{name}")
            else:
                yield Problem(at, "additional_property", f"invalid additional property: {name}", name)

    return check


def typed(table: Mapping[str, Check]) -> Check:
    """An object whose `type` chooses the check."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, "invalid_type", "must provide an object")
        elif not isinstance(value.get("type"), str):
            yield Problem(at, "missing_field", "missing required field: type", "type")
        elif value["type"] not in table:
            yield Problem(
                f"{at}/type", "unsupported_type", f"unsupported type: {value['type']}", sorted(table)
            )
        else:
            yield from table[value["type"]](value, at)

    return check


def both(*checks: Check) -> Check:
    """All of them in turn, each only when those before found nothing, so that it may trust the shape."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        for one in checks:
            found = list(one(value, at))
            yield from found
            if found:
                return

    return check
