"""A Web API that takes everything, knows a few people and channels, and writes down what it was sent."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TEAM = "T0SANDBOX"


class Slack(ThreadingHTTPServer):
    """`people` are users as Slack tells of them, `channels` who is in each; `D_…` are one's own messages."""

    daemon_threads = True

    def __init__(
        self, people: Mapping[str, Mapping[str, Any]], channels: Mapping[str, Collection[str]]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.people = people
        self.channels = channels
        self.sent: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def calls(self, *methods: str) -> list[dict[str, Any]]:
        return [sent for method, sent in self.sent if method in methods]


class _Call(BaseHTTPRequestHandler):
    server: Slack

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        is_json = "json" in self.headers.get("Content-Type", "")
        given: dict[str, Any] = json.loads(body) if is_json else dict(parse_qsl(body))
        method = self.path.strip("/").partition("?")[0]
        for name in ("blocks", "view"):
            if isinstance(given.get(name), str):
                given[name] = json.loads(given[name])
        self.server.sent.append((method, given))
        user = given.get("user") or given.get("users") or ""
        theirs = [each for each, members in self.server.channels.items() if user in members]
        answers: dict[str, dict[str, Any]] = {
            "auth.test": {"team_id": TEAM, "user_id": "U_TLSAUDIT", "bot_id": "B0TLSAUDIT"},
            "users.info": {"user": {"team_id": TEAM, **self.server.people.get(user, {})}},
            "usergroups.list": {"usergroups": [{"id": "S_ONCALL", "handle": "oncall"}]},
            "conversations.info": {"channel": {"id": given.get("channel"), "is_ext_shared": False}},
            "users.conversations": {"channels": [{"id": each} for each in theirs]},
            "conversations.open": {"channel": {"id": f"D_{user.removeprefix('U_')}"}},
        }
        answer = json.dumps({"ok": True, **answers.get(method, {})}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""
