"""Whether an IAM policy of denials denies a request: the operators and keys that a TLS floor needs. Pure.

By AWS's page "IAM JSON policy elements: Condition operators" (IAM user guide, read 28 November 2026): a key
that the request lacks matches no operator, but one that ends in `IfExists`. All operators of a statement must
hold, and of an operator all keys, for any of their values.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def denies(policy: Mapping[str, Any], *, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether any statement of `policy` denies `action` on `resource`, an ARN, in the `context` of a request.

    ValueError where the policy says what is not known here: a guess would be worse.
    """
    return any(_applies(statement, action, resource, context) for statement in policy["Statement"])


_KNOWN: Final = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition"})


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    if (
        statement["Effect"] != "Deny"
        or not statement.keys() <= _KNOWN
        or statement.get("Principal", "*") != "*"
    ):
        raise ValueError(f"only denials of everyone are known: {statement}")
    conditions = statement.get("Condition", {})
    return (
        any(_like(pattern.lower(), action.lower()) for pattern in _listed(statement["Action"]))
        and any(_like(pattern, resource) for pattern in _listed(statement["Resource"]))
        and all(
            _holds(operator, key, _listed(values), context)
            for operator, keys in conditions.items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, key: str, values: Sequence[str], context: Mapping[str, str]) -> bool:
    name = operator.removesuffix("IfExists")
    compare = _OPERATORS.get(name)
    if compare is None:
        raise ValueError(f"the operator {operator} is not known")
    given = context.get(key)
    if given is None:
        return name != operator
    return any(compare(given, value) for value in values)


def _bool(given: str, value: str) -> bool:
    return given.lower() == value.lower()


def _less(given: str, value: str) -> bool:
    try:
        return Decimal(given) < Decimal(value)
    except InvalidOperation:
        return False


_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "Bool": _bool,
    "NumericLessThan": _less,
    "StringEquals": str.__eq__,
}


def _like(pattern: str, text: str) -> bool:
    parts = (re.escape(part) for part in re.split(r"([*?])", pattern))
    regex = "".join({r"\*": ".*", r"\?": "."}.get(part, part) for part in parts)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
