"""Athena's tables: as settings name them, and as AWS tells of one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bot.errors import EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SETTING: Final = "TLS_AUDIT_ATHENA_TABLE"
DEFAULT: Final = "default"
"""What a table is called that was given no alias."""

CATALOG: Final = "AwsDataCatalog"
"""Glue's, where tables are unless their name says another."""

_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
_PART = re.compile(r'"([^"]{1,255})"|([A-Za-z_][A-Za-z0-9_-]{0,254})')
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")

Type = str | dict[str, "Type"] | list["Type"]
"""A struct's fields by name, an array's one element, or the name of any other type: `string`,
`map<string,string>`. All in lower case, as Glue keeps them."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table to ask. What is empty is AWS's own default."""

    alias: str
    catalog: str
    database: str
    name: str
    role: str = ""
    region: str = ""

    def __str__(self) -> str:
        """As people write it, and DDL: `security.cloudtrail`."""
        parts = [self.database, self.name] if self.catalog == CATALOG else self.parts
        return ".".join(part if _PLAIN.fullmatch(part) else f'"{part}"' for part in parts)

    @property
    def parts(self) -> list[str]:
        """Catalog, database, name."""
        return [self.catalog, self.database, self.name]


def read(tables: str, role: str = "") -> dict[str, Table]:
    """The tables by alias, the first of them the default: `database.table`, or `prod=…,dev=…`. UserError.

    Names that are not plain stand in quotes: `"aws:cloudtrail"."<event data store>"`. A third name in front
    is the catalog.
    """
    named: dict[str, Table] = {}
    parts = [part.strip() for part in tables.split(",") if part.strip()]
    for part in parts:
        alias, equals, value = part.rpartition("=")
        alias = alias if equals else DEFAULT
        if not _ALIAS.fullmatch(alias) or alias in named or (not equals and len(parts) > 1):
            raise UserError(
                f"{SETTING}: several tables need a name each.", "Write them as `prod=db.table,dev=db.table`."
            )
        catalog, database, name = split(value)
        named[alias] = Table(alias, catalog, database, name, role)
    return named


def split(value: str) -> tuple[str, str, str]:
    """Catalog, database and table, as one text names them. UserError."""
    found = [match[1] or match[2] for match in _PART.finditer(value)]
    if len(found) not in {2, 3} or ".".join(match[0] for match in _PART.finditer(value)) != value:
        raise UserError(
            f"{SETTING}: `{value}` is no table.",
            "Write `database.table`; `tls-audit athena table s3://…` makes one over a trail's bucket.",
        )
    return found[-3] if len(found) == 3 else CATALOG, found[-2], found[-1]


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition key: its name, its type, and the properties of its projection."""

    name: str
    type: str
    projection: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_injected(self) -> bool:
        """Whether a question must name its values, as there is no list of them."""
        return self.projection.get("type", "").strip().lower() == "injected"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a table is: columns, partition keys and properties, and when that was read of AWS."""

    columns: Mapping[str, Type]
    partitions: tuple[Partition, ...]
    parameters: Mapping[str, str]
    read: datetime | None = None
    """None: nobody has looked; these are the columns of AWS's published table."""

    @property
    def is_iceberg(self) -> bool:
        """Whether its own statistics leave out files, without partition keys."""
        return self.parameters.get("table_type", "").upper() == "ICEBERG"

    @property
    def is_json(self) -> bool:
        """Whether files are read whole, whatever columns are asked for."""
        return "json" in self.serde.lower() or "cloudtrail" in self.serde.lower()

    @property
    def serde(self) -> str:
        """What reads its files."""
        return self.parameters.get("serde.serialization.lib", "")

    @property
    def location(self) -> str:
        """Where its files are."""
        return self.parameters.get("location", "")

    @property
    def is_trail(self) -> bool:
        """Whether its files are CloudTrail's own: a partition's day is then the delivery's, in UTC."""
        template = self.parameters.get("storage.location.template", "")
        return "CloudTrailInputFormat" in self.parameters.get("inputformat", "") or any(
            "/CloudTrail/" in f"{where}/" for where in (self.location, template)
        )


def of_aws(told: Mapping[str, Any], read: datetime) -> Metadata:
    """As GetTableMetadata tells of a table. EngineError for a type that cannot be read."""
    parameters = dict(told.get("Parameters", {}))
    # a table may keep projection.… and have it turned off
    is_projected = parameters.get("projection.enabled", "").strip().lower() == "true"

    def key(told: Mapping[str, Any]) -> Partition:
        name = told["Name"].lower()
        prefix = f"projection.{name}."
        own = {each: value for each, value in parameters.items() if each.lower().startswith(prefix)}
        projection = {each.lower().removeprefix(prefix): value for each, value in own.items()}
        return Partition(name, told.get("Type", "string").lower(), projection if is_projected else {})

    return Metadata(
        {each["Name"].lower(): parse_type(each.get("Type", "string")) for each in told.get("Columns", [])},
        tuple(map(key, told.get("PartitionKeys", []))),
        parameters,
        read,
    )


_TOKEN = re.compile(r"\s*([<>,:]|[^<>,:\s(]+(?:\([^)]*\))?)")


def parse_type(text: str) -> Type:
    """A type as Glue writes it: `struct<arn:string,ids:array<string>>`. EngineError."""
    tokens = _TOKEN.findall(text.lower())
    found, rest = _type(tokens)
    if found is None or rest:
        raise EngineError(f"The type {text!r} of a column cannot be read.")
    return found


def _type(tokens: list[str]) -> tuple[Type | None, list[str]]:
    """The type at the start, None where there is none, and the tokens after it."""
    if not tokens:
        return None, tokens
    head, rest = tokens[0], tokens[1:]
    if head == "struct" and rest[:1] == ["<"]:
        fields: dict[str, Type] = {}
        while rest[:1] in (["<"], [","]) and rest[2:3] == [":"]:
            name = rest[1]
            inner, rest = _type(rest[3:])
            if inner is None:
                return None, rest
            fields[name] = inner
        return fields, rest[1:] if rest[:1] == [">"] else ["struct"]
    if head == "array" and rest[:1] == ["<"]:
        inner, rest = _type(rest[1:])
        return (None if inner is None else [inner]), rest[1:] if rest[:1] == [">"] else ["array"]
    if head == "map" and rest[:1] == ["<"]:
        key, rest = _type(rest[1:])
        value, rest = _type(rest[1:])
        known = isinstance(key, str) and value is not None
        named = f"map<{key},{render(value)}>" if known and value is not None else None
        return named, rest[1:] if rest[:1] == [">"] else ["map"]
    return head, rest


def render(type_: Type) -> str:
    """A type as DDL writes it."""
    if isinstance(type_, dict):
        return f"struct<{','.join(f'{name}:{render(inner)}' for name, inner in type_.items())}>"
    if isinstance(type_, list):
        return f"array<{render(type_[0])}>"
    return type_
