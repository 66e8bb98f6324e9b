"""Event data stores as settings name them: which there are, where they are, and who may ask them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT: Final = "default"
"""What a store is called that was given no alias."""

SETTING: Final = "TLS_AUDIT_EVENT_DATA_STORE"

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ARN = re.compile(rf"arn:aws[a-z-]*:cloudtrail:([a-z0-9-]+):(\d{{12}}):eventdatastore/({_ID})")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
_OWNER = re.compile(r"\d{12,16}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")


@dataclass(frozen=True, slots=True)
class Store:
    """An event data store. What is empty is AWS's own default: Region, account, credentials."""

    alias: str
    id: str
    arn: str = ""
    region: str = ""
    owner: str = ""
    """The account it belongs to, where that shares it with ours by a resource policy."""
    role: str = ""
    """The role to take on before it is asked."""

    @property
    def name(self) -> str:
        """As AWS's calls take it."""
        return self.arn or self.id


def read(stores: str, owners: str = "", roles: str = "") -> dict[str, Store]:
    """The stores by alias, the first of them the default: `ARN`, or `prod=ARN,dev=ARN`; ids will do.

    `owners` and `roles` are one value for all stores, or `alias=value` in the same way. UserError.
    """
    named: dict[str, Store] = {}
    owner_of = _by_alias(owners, _OWNER, "TLS_AUDIT_LAKE_OWNER", "an account", "111122223333")
    role_of = _by_alias(
        roles, _ROLE, "TLS_AUDIT_LAKE_ROLE", "a role's ARN", "arn:aws:iam::111122223333:role/NAME"
    )
    parts = [part.strip() for part in stores.split(",") if part.strip()]
    for part in parts:
        alias, equals, value = part.rpartition("=")
        alias = alias if equals else DEFAULT
        found = _ARN.fullmatch(value)
        if found is None and not re.fullmatch(_ID, value):
            raise UserError(
                f"{SETTING}: `{part}` is no event data store.",
                "Write its ARN or id, or several as `prod=ARN,dev=ARN`; `tls-audit lake status` lists them.",
            )
        if not _ALIAS.fullmatch(alias) or alias in named or (not equals and len(parts) > 1):
            raise UserError(
                f"{SETTING}: several stores need a name each.", "Write them as `prod=ARN,dev=ARN`."
            )
        named[alias] = Store(
            alias,
            value if found is None else found[3],
            "" if found is None else value,
            "" if found is None else found[1],
            owner_of.get(alias, owner_of.get("", "")),
            role_of.get(alias, role_of.get("", "")),
        )
    for by_alias, setting in ((owner_of, "TLS_AUDIT_LAKE_OWNER"), (role_of, "TLS_AUDIT_LAKE_ROLE")):
        if unknown := sorted(set(by_alias) - {"", *named}):
            raise UserError(
                f"{setting} names `{unknown[0]}`, which {SETTING} does not.",
                f"Use one of: {', '.join(named)}." if named else f"Set {SETTING}.",
            )
    return named


def _by_alias(
    text: str, pattern: re.Pattern[str], setting: str, what: str, example: str
) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        alias, equals, value = part.partition("=")
        # a role's name may have `=` in it, an alias no colon
        if not equals or ":" in alias:
            alias, value = "", part
        if not pattern.fullmatch(value) or alias in values:
            raise UserError(f"{setting}: `{part}` is not {what}.", f"Write {example}, or `prod={example}`.")
        values[alias] = value
    return values
