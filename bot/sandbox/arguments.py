"""A Web API call's arguments, from wherever the SDKs put them: query, form or JSON body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.sandbox.shapes import Json, Problem
from bot.sandbox.slack import Refused

if TYPE_CHECKING:
    from aiohttp import web


class Arguments:
    """What a method was called with; strings where a form carried them, whatever JSON had otherwise."""

    def __init__(self, values: Json) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers are written out."""
        value = self.values.get(name, default)
        return value if isinstance(value, str) else json.dumps(value)

    def need(self, name: str) -> str:
        """A string that must be there."""
        if self.values.get(name) in (None, ""):
            problem = Problem(f"/{name}", "missing_field", f"missing required field: {name}", name)
            raise Refused("invalid_arguments", [problem])
        return self.text(name)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean, however it is written."""
        value = self.values.get(name)
        return default if value is None else str(value).lower() in ("1", "true", "t", "yes")

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        try:
            return int(self.values.get(name, default))
        except (TypeError, ValueError) as error:
            problem = Problem(f"/{name}", "invalid_type", "must be an integer")
            raise Refused("invalid_arguments", [problem]) from error

    def json(self, name: str, error: str) -> Any:
        """A structure, as such or as a JSON string; None when absent. `error` is for what is no JSON."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError as problem:
            raise Refused(error, words=f"`{name}` is not JSON: {problem}") from problem

    def ids(self, name: str) -> list[str]:
        """Identities with commas between."""
        value = self.values.get(name, [])
        return (
            list(value)
            if isinstance(value, list)
            else [one.strip() for one in value.split(",") if one.strip()]
        )


async def read(request: web.Request) -> Arguments:
    """The call's arguments. Raises Refused for a body that is not what its Content-Type says."""
    values: Json = dict(request.query)
    if request.method != "POST" or not request.can_read_body:
        return Arguments(values)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError as error:
            raise Refused("invalid_json", words=str(error)) from error
        if not isinstance(body, dict):
            raise Refused("json_not_object")
        return Arguments({**values, **body})
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return Arguments({**values, **dict(await request.post())})
    raise Refused("invalid_post_type", words=f"Content-Type {request.content_type} is none that Slack reads")
