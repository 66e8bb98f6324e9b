"""Buttons, forms and words of version 2: whatever it has posted works on.

`tests/fixtures/version2` holds its database, every payload that Slack sent for what it had posted, in turn,
and what came of each: the acknowledgement, the runs, the forms, and what people saw.
"""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import pytest
from slack_bolt import App, BoltRequest
from slack_sdk import WebClient

from bot.app.access import AccessPolicy
from bot.app.ask import Questions
from bot.app.digests import DigestOrders
from bot.app.grammar import Grammar
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.run import PreviewTask
from bot.store.runs import Runs
from handlers import connection
from handlers.access import Directory
from handlers.blockkit.values import AskPlace, DigestForm, SnoozeForm, decode
from handlers.context import Context
from handlers.replies import CommandReplies
from tests.doubles.web_api import Slack
from tests.support.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.question.views import View
    from bot.store.run import Run

FIXTURE: Final = Path(__file__).parent.parent / "fixtures" / "version2"
RECORDED: Final[dict[str, Any]] = json.loads((FIXTURE / "buttons.json").read_text(encoding="utf-8"))
SENT: Final[list[dict[str, Any]]] = RECORDED["sent"]

GONE: Final = "588062c3"
"""The run that is no longer kept when the last payloads come."""

LATER: Final = ("/tls-audit runs", "Home is opened", "/tls-digest show 1")
"""What these show has come of runs that were under way; here nobody carries them on."""

REWORDED: Final = (
    "/tls-audit views",
    "/tls-audit help",
    "/tls-digest help",
    "The form: submitted with a mistake",
)
"""What these show is said in other words today: more can be asked, and a digest told now is a preview."""

REFUSED_FIRST: Final = "edit_run, of a run that is no longer kept"
"""Version 2 opened an empty form; today one is told that the run is gone, before any form opens."""

ASKED: Final = ("kind", "typed", "text", "key", "channel", "reply_to")
"""What a button says of a run; the rest is the worker's."""

FORMS: Final[dict[str, type]] = {"ask_form": AskPlace, "digest_form": DigestForm, "snooze_form": SnoozeForm}

PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "U_ALICE": {"name": "alice", "tz": "Europe/Berlin"},
    "U_BOB": {"name": "bob", "tz": "America/New_York"},
    "U_GUEST": {"name": "guest", "tz": "Europe/Berlin", "is_restricted": True},
}

CHANNELS = dict.fromkeys(("C_SECURITY", "C_ONCALL", "C_RANDOM"), tuple(PEOPLE))


class Today:
    """The bot of today on version 2's database, as far as it listens to people."""

    def __init__(self, database: Database, slack: Slack, views: dict[str, View]) -> None:
        self.slack = slack
        self.clock = Clock(datetime(2026, 11, 23, tzinfo=UTC))
        self.runs = Runs(database)
        self.known_as: dict[str, str] = {}
        """The runs that were asked when this was recorded, and what they are called here."""
        client = WebClient("xoxb-sandbox", base_url=slack.url, retry_handlers=[])
        directory = Directory(client)
        access = AccessPolicy(directory, admins=RECORDED["admins"])
        grammar = Grammar(views, ["local", "lake"], "local", 366)
        questions = Questions(self.runs, grammar, wake=lambda: None, access=access, clock=self.clock)
        orders = DigestOrders(
            Digests(database), self.runs, grammar, access=access, wake=lambda: None, clock=self.clock
        )
        self._app = App(
            name="tls-audit",
            client=client,
            process_before_response=True,
            listener_executor=ThreadPoolExecutor(1),
        )
        connection.register(self._app, Context(questions, orders, access, directory, CommandReplies()))

    def get(self, recorded: dict[str, Any]) -> Any:
        """Send it a payload, when it came; the acknowledgement."""
        text = json.dumps(recorded["envelope"]["payload"])
        for then, now in self.known_as.items():
            text = text.replace(then, now)
        payload = json.loads(text)
        if "response_url" in payload:
            payload["response_url"] = f"{self.slack.url}respond"
        moment = payload.get("trigger_id", "").rpartition(".")[2]
        seconds = float(moment) / 1000 if moment else float(payload["event"]["event_ts"])
        self.clock.now = datetime.fromtimestamp(seconds, UTC)
        self.slack.sent.clear()
        response = self._app.dispatch(BoltRequest(body=payload, mode="socket_mode"))
        assert response.status == 200, recorded["name"]
        return json.loads(response.body) if response.body.startswith("{") else response.body

    def asked(self) -> dict[str, Run]:
        """Every run but the scans for digests, by its key."""
        every = (run for user in (*PEOPLE, "") for run in self.runs.latest(user, 1_000))
        return {run.key: run for run in every if run.kind != "scan"}


@pytest.fixture
def today(tmp_path: Path, catalogue: dict[str, View]) -> Iterator[Today]:
    shutil.copy(FIXTURE / "runs.sqlite", tmp_path / "runs.sqlite")
    database = Database(f"sqlite:///{tmp_path / 'runs.sqlite'}")
    with Slack(PEOPLE, CHANNELS) as slack:
        Thread(target=slack.serve_forever, daemon=True).start()
        yield Today(database, slack, catalogue)
        slack.shutdown()
    database.close()


def as_recorded(run: Run) -> dict[str, Any]:
    """What was asked, as version 2 wrote it: a digest that was asked for was `typed` as `now`, and told its
    last day again, where today it is a preview of the last 24 hours."""
    asked = {field: getattr(run, field) for field in ASKED}
    if isinstance(run.task, PreviewTask):
        key = run.key.replace("preview/", "digest/", 1)
        asked |= {"kind": "digest", "typed": "now", "key": key, "text": _but_the_window(run.text)}
    return asked


def _but_the_window(text: str) -> str:
    return text.partition(" ")[2]


def of_version_2(run: dict[str, Any]) -> dict[str, Any]:
    """The same of a run that was recorded."""
    asked = {field: run[field] for field in ASKED}
    return asked | ({"text": _but_the_window(run["text"])} if run["typed"] == "now" else {})


def texts(call: dict[str, Any]) -> list[str]:
    """The words that a message shows, piece by piece."""
    sections = [section for block in call["blocks"] for section in block.get("elements", [])]
    pieces = [piece for section in sections for piece in section.get("elements", [])]
    return [piece["text"] for piece in pieces if isinstance(piece.get("text"), str)]


def shows(call: dict[str, Any], recorded: dict[str, Any]) -> bool:
    """Whether a message says what was recorded, where it was."""
    told = recorded["text"].replace("`", "")
    return call["channel"] in (recorded["channel"], "D0") and all(text in told for text in texts(call))


def elsewhere(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """But for the word to who changed a digest from another channel, which version 2 did not say."""
    return [call for call in calls if not call["text"].endswith(" was told.")]


def test_whatever_version_2_has_posted_does_what_it_did(today: Today) -> None:
    for recorded in SENT:
        name, seen = recorded["name"], recorded["seen at once"]
        if name.endswith("no longer kept") and (gone := today.runs.get(GONE)) is not None:
            today.runs.forget(gone)
        before = today.asked().keys()
        acknowledged = today.get(recorded)

        of_kind = {kind: [one for one in seen if one["kind"] == kind] for kind in ("posted", "deleted")}
        fresh = [run for key, run in today.asked().items() if key not in before]
        then = [run for run in recorded["runs"] if run["kind"] != "reading"]
        assert [as_recorded(run) for run in fresh] == list(map(of_version_2, then)), name
        today.known_as |= {was["id"]: run.id for was, run in zip(then, fresh, strict=True)}
        assert elsewhere(today.slack.calls("respond")) == [], name
        if not of_kind["deleted"]:  # in whose place Slack itself puts a message
            posted = today.slack.calls("chat.postMessage")
            assert len(posted) == len(of_kind["posted"]), name
            is_preview = any(run.kind == "preview" for run in fresh)  # which the channel is told it is
            assert is_preview or all(map(shows, posted, of_kind["posted"])), name
        assert bool(today.slack.calls("chat.delete")) == bool(of_kind["deleted"]), name
        if name == REFUSED_FIRST:
            assert today.slack.calls("views.open") == []
            continue
        _same_forms(today, seen, name)
        if name not in (*LATER, *REWORDED):
            _same_word(today, recorded, acknowledged)


def _same_forms(today: Today, seen: list[dict[str, Any]], name: str) -> None:
    opened = [call["view"] for call in today.slack.calls("views.open", "views.update")]
    forms = [one for one in seen if one["kind"] == "form" and one["title"] is not None]
    assert [view["title"]["text"] for view in opened] == [form["title"] for form in forms], name
    for view, form in zip(opened, forms, strict=True):
        kind = FORMS.get(form["callback_id"])
        if kind is not None:
            assert decode(kind, view["private_metadata"]) == decode(kind, form["private_metadata"]), name


def _same_word(today: Today, recorded: dict[str, Any], acknowledged: Any) -> None:
    """What was said to one person alone: as the acknowledgement, or where they were."""
    name, expected = recorded["name"], recorded["acknowledged with"]
    if not expected:
        assert not acknowledged, name
        alone = [one for one in recorded["seen at once"] if one["kind"].startswith("only to")]
        whispered = elsewhere(today.slack.calls("chat.postEphemeral"))
        assert [call.get("thread_ts") for call in whispered] == [one["thread"] for one in alone], name
        assert all(map(shows, whispered, alone)), name
    elif "errors" in expected[0]:
        assert acknowledged == expected[0], name
    else:
        # version 2 left people and channels out of the text beside blocks
        assert re.sub(r"<[#@!][^>]+>", "", acknowledged["text"]) == expected[0]["text"], name


def test_every_action_and_form_of_version_2_was_recorded() -> None:
    actions = {recorded["action"] for recorded in SENT}
    assert {
        *("rerun", "view_as", "ask_stricter", "share", "run_sure", "cancel", "delete", "show_sql"),
        *("edit_run", "edit_text", "ask", "form_changed", "edit_digest", "daily", "tell_now", "snooze"),
        *("ask_form", "digest_form", "snooze_form", "/tls-audit", "/tls-digest"),
        *("app_mention", "message", "app_home_opened"),
    } <= actions
