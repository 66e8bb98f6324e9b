"""OCSF's API Activity → a CloudTrail event: Security Lake's objects, and what else writes that schema.

What OCSF has no field for, TLS details above all, stands in `unmapped` under CloudTrail's own names.
Source: the columns of Security Lake's CloudTrail tables, version 2 (OCSF 1.1), and OCSF's class 6003.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

PATHS: Final = {
    "eventVersion": "metadata.product.version",
    "eventSource": "api.service.name",
    "eventName": "api.operation",
    "awsRegion": "cloud.region",
    "userAgent": "http_request.user_agent",
    "errorCode": "api.response.error",
    "errorMessage": "api.response.error_message",
    "requestParameters": "api.request.data",
    "responseElements": "api.response.data",
    "requestID": "api.request.uid",
    "eventID": "metadata.uid",
    "eventType": "metadata.event_code",
    "apiVersion": "api.version",
    "recipientAccountId": "cloud.account.uid",
    "vpcEndpointId": "src_endpoint.uid",
}
IDENTITY: Final = {
    "type": "actor.user.type",
    "principalId": "actor.user.uid_alt",
    "arn": "actor.user.uid",
    "accountId": "actor.user.account.uid",
    "accessKeyId": "actor.user.credential_uid",
    "userName": "actor.user.name",
    "invokedBy": "actor.invoked_by",
}
MILLISECONDS: Final = 1000


def is_api_activity(fields: dict[str, Any]) -> bool:
    """Whether this object, its names in lower case, is one: it names an operation of a service, and when."""
    api = fields.get("api")
    return (
        isinstance(api, dict)
        and "operation" in api
        and "service" in api
        and not fields.keys().isdisjoint({"time", "timedt"})
    )


def event(fields: dict[str, Any]) -> dict[str, Any]:
    """The event under CloudTrail's names, those of `unmapped` with dots between nested ones."""
    unmapped = _unmapped(fields.get("unmapped"))
    identity = {name: _at(fields, path) for name, path in IDENTITY.items()}
    if issuer := _at(fields, "actor.session.issuer"):
        identity["sessionContext"] = {"sessionIssuer": {"arn": issuer}}
    known = {name: _at(fields, path) for name, path in PATHS.items()} | {
        "eventTime": _moment(fields),
        "sourceIPAddress": _at(fields, "src_endpoint.ip") or _at(fields, "src_endpoint.domain"),
    }
    for name, value in unmapped.items():
        head, dot, tail = name.partition(".")
        if head == "userIdentity" and dot:
            _put(identity, tail, value)
        else:
            known[name] = value
    return {name: value for name, value in known.items() if value is not None} | {"userIdentity": identity}


def _unmapped(value: Any) -> dict[str, Any]:
    """`unmapped` as an object, as text, or as a list of keys and values."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    if isinstance(value, list):
        pairs = [(each.get("key"), each.get("value")) for each in value if isinstance(each, dict)]
        return {key: each for key, each in pairs if isinstance(key, str)}
    return value if isinstance(value, dict) else {}


def _at(fields: dict[str, Any], path: str) -> Any:
    head, *rest = path.split(".")
    value = fields.get(head.replace("_", ""))
    for name in rest:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _put(identity: dict[str, Any], path: str, value: Any) -> None:
    *heads, last = path.split(".")
    for head in heads:
        inner = identity.setdefault(head, {})
        if not isinstance(inner, dict):
            return
        identity = inner
    identity[last] = value


def _moment(fields: dict[str, Any]) -> Any:
    """`time_dt` where it is, else `time`, milliseconds since 1970."""
    given = fields.get("timedt") or fields.get("time")
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        try:
            return datetime.fromtimestamp(given / MILLISECONDS, UTC).isoformat()
        except (ValueError, OverflowError, OSError):
            return None
    return given
