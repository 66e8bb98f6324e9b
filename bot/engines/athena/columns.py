"""Where a column of CloudTrail Lake is in a table of Athena's, and what makes its value the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from bot import event_schema
from bot.engines.athena import ddl
from bot.errors import UserError
from bot.question.types import find_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.engines.athena.tables import Metadata, Table, Type

TLS_COLUMN: Final = "tlsdetails"

OCSF: Final[Mapping[str, tuple[str, ...]]] = {
    "eventSource": ("api.service.name",),
    "eventName": ("api.operation",),
    "awsRegion": ("cloud.region",),
    "userIdentity.arn": ("actor.user.uid",),
    "userIdentity.principalId": ("actor.user.uid_alt",),
    "userIdentity.accountId": ("actor.user.account.uid",),
    "userIdentity.accessKeyId": ("actor.user.credential_uid",),
    "userIdentity.type": ("actor.user.type",),
    "userIdentity.userName": ("actor.user.name",),
    "userIdentity.invokedBy": ("actor.invoked_by",),
    "userIdentity.sessionContext.sessionIssuer.arn": ("actor.session.issuer",),
    "sourceIPAddress": ("src_endpoint.ip", "src_endpoint.domain"),
    "vpcEndpointId": ("src_endpoint.uid",),
    "userAgent": ("http_request.user_agent",),
    "errorCode": ("api.response.error",),
    "errorMessage": ("api.response.message",),
    "eventID": ("metadata.uid",),
    "requestID": ("api.request.uid",),
    "eventTime": ("time_dt", "time"),
}
"""Where OCSF has CloudTrail's columns, the best place first. All others are in `unmapped`, by their own
dotted names (Security Lake's view definitions for API Activity, class 6003, version 2)."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of an event: what it is called in Lake, and where a row of the table has it."""

    name: str
    value: exp.Expr
    stored: Type
    wanted: str
    """As in `event_schema`; what is neither text, time nor flag is taken as it is stored."""

    def typed(self, value: exp.Expr | None = None) -> exp.Expr:
        """The value in Lake's type. `value` stands for the stored one, as where that was aggregated."""
        found = (self.value if value is None else value).copy()
        if self.wanted == event_schema.TIME:
            return self._time(found)
        if self.wanted == event_schema.FLAG and self.stored != "boolean":
            return exp.TryCast(this=found, to=exp.DataType.build("boolean"))
        if self.wanted == event_schema.TEXT and not _is_text(self.stored):
            return exp.cast(found, "varchar")
        return found

    def _time(self, found: exp.Expr) -> exp.Expr:
        if _is_text(self.stored):
            moment = exp.Anonymous(this="FROM_ISO8601_TIMESTAMP", expressions=[found])
            # one event without a time must not cost all others theirs
            return exp.cast(exp.Anonymous(this="TRY", expressions=[moment]), "timestamp")
        if self.stored in {"bigint", "long"}:
            seconds = exp.Div(this=found, expression=exp.Literal.number("1E3"))
            return exp.cast(exp.Anonymous(this="FROM_UNIXTIME", expressions=[seconds]), "timestamp")
        return exp.cast(found, "timestamp") if self.stored != "timestamp" else found

    def of_copies(self) -> exp.Expr:
        """The value that the fuller ones of an event's copies have, in Lake's type."""
        scalar = isinstance(self.stored, str) and not self.stored.startswith("map")
        # the greatest is the same each time, but not everything can be compared
        return self.typed(
            exp.Anonymous(this="MAX" if scalar else "ARBITRARY", expressions=[self.value.copy()])
        )


def _is_text(stored: Type) -> bool:
    return isinstance(stored, str) and stored.startswith(("string", "varchar", "char"))


def find(path: Sequence[str], table: Table, metadata: Metadata, *, is_json: bool = False) -> Leaf:
    """The leaf at a path of Lake's columns. UserError, with what to do, where the table lacks it.

    `is_json`: the path is one of `eventJson`, so that what is not text there is nothing.
    """
    known = _spelled(path)
    name = ".".join(known)
    wanted = find_type(list(known))
    kind = wanted if isinstance(wanted, str) else ("" if wanted is not None else event_schema.TEXT)
    if is_ocsf(metadata):
        value, stored = _in_ocsf(known, table, metadata)
    else:
        value, stored = _in_events(known, table, metadata, is_json=is_json)
    if kind == event_schema.MAP:
        if _is_text(stored):
            raise UserError(
                f"The table {table} has {name} as JSON text.", f"Name a key of it: `{name}['…']`."
            )
        kind = ""
    return Leaf(name, value, stored, event_schema.TEXT if is_json else kind)


def is_ocsf(metadata: Metadata) -> bool:
    """Whether the table has events as Security Lake writes them."""
    return {"metadata", "api"} <= set(metadata.columns) and "eventsource" not in metadata.columns


def _spelled(path: Sequence[str]) -> list[str]:
    """The path as CloudTrail spells it, as far as that is known."""
    known: list[str] = []
    at: event_schema.Type | None = event_schema.LAKE_COLUMNS
    for part in path:
        name = part
        if isinstance(at, dict):
            name = next((each for each in at if each.lower() == part.lower()), part)
            at = at.get(name)
        else:
            at = None
        known.append(name)
    return known


# --- CloudTrail's own columns


def _in_events(
    path: Sequence[str], table: Table, metadata: Metadata, *, is_json: bool
) -> tuple[exp.Expr, Type]:
    head, *rest = path
    stored = metadata.columns.get(head.lower())
    if stored is None and "eventjson" in metadata.columns and head.lower() != "eventjson":
        return _of_json(column("eventjson"), path, is_scalar=True), "string"
    if stored is None:
        raise _missing(path, table, metadata)
    value = column(head.lower())
    while rest:
        if isinstance(stored, dict):
            if rest[0].lower() not in stored:
                raise _missing(path, table, metadata)
            value, stored = exp.Dot(this=value, expression=_identifier(rest[0])), stored[rest[0].lower()]
            rest = rest[1:]
        elif isinstance(stored, str) and stored.startswith("map<"):
            value = exp.Anonymous(this="ELEMENT_AT", expressions=[value, exp.Literal.string(rest[0])])
            stored, rest = "string", rest[1:]
        elif _is_text(stored):
            return _of_json(value, rest, is_scalar=is_json), "string"
        else:
            raise _missing(path, table, metadata)
    return value, stored


def _of_json(text: exp.Expr, keys: Sequence[str], *, is_scalar: bool) -> exp.Expr:
    """Text as it is, anything deeper as JSON text; NULL where there is no such key, or no object."""
    quoted = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
    path = exp.Literal.string("$" + "".join(f'["{key}"]' for key in quoted))
    scalar = exp.Anonymous(this="JSON_EXTRACT_SCALAR", expressions=[text, path])
    if is_scalar:
        return scalar
    whole = exp.Anonymous(this="JSON_EXTRACT", expressions=[text.copy(), path.copy()])
    written = exp.Anonymous(this="JSON_FORMAT", expressions=[whole])
    # a null is written as `null`
    return exp.func("COALESCE", scalar, exp.func("NULLIF", written, exp.Literal.string("null")))


def column(name: str) -> exp.Expr:
    """A column of the table."""
    return exp.Column(this=_identifier(name))


def _identifier(name: str) -> exp.Identifier:
    lower = name.lower()
    return exp.to_identifier(lower, quoted=not lower.isidentifier() or lower in _RESERVED)


_RESERVED: Final = frozenset(
    {"timestamp", "group", "order", "table", "user", "values", "where", "end", "case"}
)


def _missing(path: Sequence[str], table: Table, metadata: Metadata) -> UserError:
    """Why the table cannot answer, and what mends that."""
    head, name = path[0].lower(), ".".join(path)
    made = f"`tls-audit athena table {metadata.location or 's3://…'}` prints a table that has it"
    if metadata.serde == ddl.OLD_SERDE:
        return UserError(f"The table {table} is read by an older SerDe, which has no {name}.", f"{made}.")
    stored = metadata.columns.get(head)
    whole = ddl.with_added(ddl.PUBLISHED).get(head)
    hint = f"{made}."
    if not metadata.is_json:
        hint = f"Whoever writes its files has to keep {name}."
    elif isinstance(stored, dict) and len(path) == 2:
        hint = f"Run `{ddl.change(table, head, {**stored, path[1].lower(): 'string'})}`; or {made}."
    elif isinstance(stored, dict) and isinstance(whole, dict):
        hint = f"Run `{ddl.change(table, head, {**stored, **whole})}`; or {made}."
    elif stored is None and whole is not None:
        hint = f"Run `{ddl.add(table, head, whole)}`; or {made}."
    return UserError(f"The table {table} has no {name}.", hint)


# --- Security Lake's


def _in_ocsf(path: Sequence[str], table: Table, metadata: Metadata) -> tuple[exp.Expr, Type]:
    name = ".".join(path)
    places = [found for each in OCSF.get(name, ()) if (found := _at(each.split("."), metadata)) is not None]
    if places:
        value, stored = places[0]
        # the others only where the first says nothing
        more = [each for each, type_ in places[1:] if type_ == stored]
        return (exp.func("COALESCE", value, *more) if more else value), stored
    unmapped = metadata.columns.get("unmapped")
    if not isinstance(unmapped, str) or not unmapped.startswith("map<"):
        raise UserError(
            f"The table {table} is in OCSF, and has no {name}.",
            "`tls-audit athena table s3://…` prints a table over the trail's own files, which has it.",
        )
    value = exp.Anonymous(this="ELEMENT_AT", expressions=[column("unmapped"), exp.Literal.string(name)])
    return value, "string"


def _at(path: Sequence[str], metadata: Metadata) -> tuple[exp.Expr, Type] | None:
    stored: Type | None = metadata.columns.get(path[0])
    value = column(path[0])
    for part in path[1:]:
        stored = stored.get(part) if isinstance(stored, dict) else None
        value = exp.Dot(this=value, expression=_identifier(part))
    return None if stored is None else (value, stored)
