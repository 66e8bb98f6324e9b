"""The Web API's edge: tokens, scopes, rates, faults; then the method; then the answer as Slack words it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from bot.sandbox import arguments, chat, directory, uploads, views
from bot.sandbox.arguments import Arguments
from bot.sandbox.faults import RESPONSE_URL, UPLOAD, Fault
from bot.sandbox.slack import CIRCUMSTANCES, Limited, Refused, Slack
from bot.sandbox.sockets import FROM_APP

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.people import People
    from bot.sandbox.shapes import Json

NOBODY, APP_TOKEN, BOT_TOKEN = "nobody", "app", "bot"


@dataclass(frozen=True)
class Method:
    """A Web API method: what answers it, scopes of which one is needed, rate tier, whose token it takes."""

    answer: Callable[[Slack, Arguments], Json]
    scopes: tuple[str, ...] = ()
    tier: int | None = None
    caller: str = BOT_TOKEN


# Tiers: docs, each method's page (facts: 2026-05-26). chat.postMessage has its own limit, per channel.
METHODS = {
    "api.test": Method(directory.api_test, caller=NOBODY),
    "apps.connections.open": Method(directory.connections_open, tier=3, caller=APP_TOKEN),
    "auth.test": Method(directory.auth_test),
    "blocks.validate": Method(directory.blocks_validate, caller=NOBODY),
    "chat.delete": Method(chat.delete, ("chat:write",), 3),
    "chat.getPermalink": Method(chat.get_permalink),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("chat:write",), 4),
    "chat.postMessage": Method(chat.post_message, ("chat:write",)),
    "chat.scheduleMessage": Method(chat.schedule_message, ("chat:write",), 3),
    "chat.update": Method(chat.update, ("chat:write",), 3),
    "conversations.history": Method(directory.history, tier=3),
    "conversations.info": Method(directory.info, tier=3),
    "conversations.join": Method(directory.join, ("channels:join",), 3),
    "conversations.list": Method(directory.conversations_list, tier=2),
    "conversations.members": Method(directory.members, tier=4),
    "conversations.open": Method(directory.open_conversation, ("im:write",), 3),
    "conversations.replies": Method(directory.replies, tier=3),
    "files.completeUploadExternal": Method(uploads.complete, ("files:write",), 4),
    "files.delete": Method(uploads.delete, ("files:write",), 3),
    "files.getUploadURLExternal": Method(uploads.get_upload_url, ("files:write",), 4),
    "files.info": Method(uploads.info, ("files:read",), 4),
    "reactions.add": Method(directory.react, ("reactions:write",), 3),
    "reactions.remove": Method(directory.unreact, ("reactions:write",), 2),
    "team.info": Method(directory.team_info, ("team:read",), 3),
    "usergroups.list": Method(directory.usergroups_list, ("usergroups:read",), 2),
    "usergroups.users.list": Method(directory.usergroups_users_list, ("usergroups:read",), 2),
    "users.conversations": Method(directory.users_conversations, tier=3),
    "users.info": Method(directory.users_info, ("users:read",), 4),
    "users.list": Method(directory.users_list, ("users:read",), 2),
    "views.open": Method(views.open_view, tier=4),
    "views.publish": Method(views.publish, tier=4),
    "views.push": Method(views.push, tier=4),
    "views.update": Method(views.update, tier=4),
}


class Api:
    """Answers an app's HTTP calls: methods, uploads and response_urls."""

    def __init__(self, slack: Slack, people: People) -> None:
        self._slack, self._people = slack, people

    async def call(self, request: web.Request) -> web.StreamResponse:
        """One method call."""
        method, given = request.match_info["method"], Arguments({})
        try:
            given = await arguments.read(request)
            token = self._token(request, given)
        except Refused as refused:
            return self._respond(method, given.values, self._refusal(method, refused))
        fault = self._slack.faults.take(method, given.values)
        if (spoiled := await self._before(request, method, given.values, fault)) is not None:
            return spoiled
        try:
            with self._slack.workspace.changed:
                answer = {"ok": True, **self._answer(method, token, given)}
        except Refused as refused:
            answer = self._refusal(method, refused)
        except Limited as limited:
            return self._limited(method, given.values, limited.retry_after)
        if await self._is_cut(fault):
            return self._cut(request, method, given.values, answer)
        return self._respond(method, given.values, answer)

    @staticmethod
    def _token(request: web.Request, given: Arguments) -> str:
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        posted = given.values.pop("token", "")
        return bearer.strip() if scheme.lower() == "bearer" else str(posted)

    def _answer(self, method: str, token: str, given: Arguments) -> Json:
        found = METHODS.get(method)
        if found is None:
            raise Refused("unknown_method", words=f"This sandbox has no {method}; the real Slack may.")
        self._admit(found, token)
        if wait := self._slack.rates.wait_for_method(method, found.tier):
            raise Limited(wait)
        return found.answer(self._slack, given)

    def _admit(self, method: Method, token: str) -> None:
        options = self._slack.options
        if method.caller == NOBODY:
            return
        if not token:
            raise Refused("not_authed")
        if token not in (options.bot_token, options.app_token):
            raise Refused("invalid_auth")
        if options.revoked:
            raise Refused("token_revoked")
        if token != (options.app_token if method.caller == APP_TOKEN else options.bot_token):
            raise Refused("not_allowed_token_type")
        self._slack.need(*method.scopes)

    def _refusal(self, method: str, refused: Refused) -> Json:
        if refused.error not in CIRCUMSTANCES:
            for problem in refused.problems:
                self._slack.ledger.breach(refused.error, method, problem.message, problem.pointer)
            if not refused.problems:
                self._slack.ledger.breach(refused.error, method, refused.words or refused.error)
        answer: Json = {"ok": False, "error": refused.error}
        if refused.problems:
            answer["errors"] = [str(problem) for problem in refused.problems]
            answer["response_metadata"] = {"messages": [f"[ERROR] {problem}" for problem in refused.problems]}
        return {**answer, **refused.extra}

    def _respond(self, method: str, given: Json, answer: Json, *, injected: bool = False) -> web.Response:
        self._slack.ledger.record(FROM_APP, method, given, answer, injected=injected)
        headers = {
            "X-Slack-Req-Id": self._slack.workspace.next_id(""),
            "X-OAuth-Scopes": ",".join(sorted(self._slack.options.scopes)),
        }
        return web.json_response(answer, headers=headers)

    def _limited(self, method: str, given: Json, seconds: int, *, injected: bool = False) -> web.Response:
        answer = {"ok": False, "error": "ratelimited"}
        self._slack.ledger.record(FROM_APP, method, given, answer, status=429, injected=injected)
        if not injected:
            self._slack.ledger.breach("ratelimited", method, f"Called too often; Retry-After {seconds} s.")
        return web.json_response(answer, status=429, headers={"Retry-After": str(seconds)})

    async def _before(
        self, request: web.Request, method: str, given: Json, fault: Fault | None
    ) -> web.StreamResponse | None:
        """What becomes of a call that trouble meets before anything is done; None where it goes on."""
        if fault is None or fault.kind in ("cut_after", "hold_after"):
            return None
        if fault.hold is None:
            return self._spoil(request, method, given, fault)
        return None if await fault.hold.wait() else self._cut(request, method, given, None)

    @staticmethod
    async def _is_cut(fault: Fault | None) -> bool:
        """Whether the answer of a call that took effect is lost, having waited where it is held."""
        if fault is not None and fault.kind == "hold_after" and fault.hold is not None:
            return not await fault.hold.wait()
        return fault is not None and fault.kind == "cut_after"

    def _spoil(self, request: web.Request, method: str, given: Json, fault: Fault) -> web.StreamResponse:
        if fault.kind == "cut_before":
            return self._cut(request, method, given, None)
        if fault.kind == "error":
            answer = {"ok": False, "error": fault.error, **fault.extra}
            return self._respond(method, given, answer, injected=True)
        if fault.status == 429:
            return self._limited(method, given, fault.retry_after, injected=True)
        self._slack.ledger.record(FROM_APP, method, given, None, status=fault.status, injected=True)
        return web.Response(status=fault.status, text="<html>upstream error</html>", content_type="text/html")

    def _cut(self, request: web.Request, method: str, given: Json, answer: Json | None) -> web.StreamResponse:
        self._slack.ledger.record(FROM_APP, method, given, answer, status=0, injected=True)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a file."""
        body = await request.read()
        about: Json = {"bytes": len(body)}
        fault = self._slack.faults.take(UPLOAD, about)
        if (spoiled := await self._before(request, UPLOAD, about, fault)) is not None:
            return spoiled
        with self._slack.workspace.changed:
            status, text = uploads.receive(self._slack, request.match_info["key"], body)
        if await self._is_cut(fault):
            return self._cut(request, UPLOAD, about, {"ok": True})
        self._slack.ledger.record(FROM_APP, UPLOAD, about, {"text": text}, status=status)
        return web.Response(status=status, text=text)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """A post to a response_url."""
        try:
            body = json.loads(await request.text())
        except ValueError:
            self._slack.ledger.breach("invalid_json", RESPONSE_URL, "The body is not JSON.")
            return web.Response(status=400, text="invalid_payload")
        fault = self._slack.faults.take(RESPONSE_URL, body)
        if (spoiled := await self._before(request, RESPONSE_URL, body, fault)) is not None:
            return spoiled
        status, answer = 200, {"ok": True}
        try:
            with self._slack.workspace.changed:
                self._people.take_reply(request.match_info["key"], body)
        except Refused as refused:
            answer = self._refusal(RESPONSE_URL, refused)
            status = 404 if refused.error in ("used_url", "expired_url") else 400
        if await self._is_cut(fault):
            return self._cut(request, RESPONSE_URL, body, answer)
        self._slack.ledger.record(FROM_APP, RESPONSE_URL, body, answer, status=status)
        return web.json_response(answer, status=status) if status != 200 else web.Response(text="ok")
