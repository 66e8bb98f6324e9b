"""A desk: the handlers over a fresh store and a Web API of its own, and what is sent to them by whom."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from slack_bolt import App, BoltRequest
from slack_sdk import WebClient

from bot.app.access import AccessPolicy
from bot.app.ask import Questions
from bot.app.digests import DigestOrders
from bot.app.grammar import Grammar
from bot.app.limits import Limits
from bot.digests.decisions import Decision
from bot.digests.digest import Digest
from bot.digests.finding import Finding, to_builtins
from bot.digests.order import parse
from bot.digests.watch import Subject, Watch
from bot.engines import Statement
from bot.question import views
from bot.question.question import Scope
from bot.store import schema
from bot.store.database import Database
from bot.store.digests import Digests
from bot.store.run import QuestionTask, Run, Step
from bot.store.runs import Runs
from handlers import connection
from handlers.access import Directory
from handlers.blockkit.values import (
    AskPlace,
    AsView,
    DecisionForm,
    Drill,
    OfRow,
    OfRun,
    encode,
)
from handlers.context import Context
from handlers.replies import CommandReplies
from tests.conftest import NOW
from tests.support.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bot.app.reuse import Costs
    from bot.question.views import View
    from tests.doubles.web_api import Slack

HERE, ELSEWHERE, TO_GUEST = "C_SECURITY", "C_RANDOM", "D_GUEST"

WHO: Final = {
    "member": "U_BOB",
    "guest": "U_GUEST",
    "other organization": "U_STRANGER",
    "not in the channel": "U_CAROL",
    "admin": "U_ADMIN",
}
"""None of them asked or ordered what is there: that was Alice, in HERE. Others send from ELSEWHERE."""

PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "U_ALICE": {"name": "alice"},
    "U_BOB": {"name": "bob"},
    "U_GUEST": {"name": "gil", "is_restricted": True},
    "U_STRANGER": {"name": "sam", "team_id": "T0OTHER", "is_stranger": True},
    "U_CAROL": {"name": "carol"},
    "U_ADMIN": {"name": "ada"},
}
CHANNELS: Final = {
    HERE: ("U_ALICE", "U_BOB", "U_GUEST", "U_STRANGER", "U_ADMIN"),
    ELSEWHERE: tuple(PEOPLE),
    "C_HIDDEN": ("U_ALICE",),
}

_DAY: Final = date(2026, 11, 22)
FOUND: Final = Finding("s3.amazonaws.com", "arn:x", "Boto/2", _DAY, _DAY, _DAY, 7, 1)
DECIDED: Final = replace(FOUND, client="curl/7", decision=Decision("not applicable", "alice", "known", _DAY))
PUBLIC, PRIVATE, WAITS, LONG = "aaaa0001", "aaaa0002", "aaaa0003", "last 7d agent=x"
SECRET: Final = "principal=alices-secret"  # noqa: S105 - what must not be seen


@dataclass(frozen=True)
class Way:
    """A way in: the handler it comes to, and what is sent there by someone who is in a channel."""

    handler: tuple[str, str]
    name: str
    payload: Callable[[str, str, dict[str, Any]], dict[str, Any]]


def command(name: str, text: str) -> Way:
    def payload(user: str, channel: str, ids: dict[str, Any]) -> dict[str, Any]:
        said = {"command": name, "text": text.format(**ids), "user_id": user, "channel_id": channel}
        return {**said, "team_id": "T0SANDBOX", "trigger_id": next(_triggers)}

    return Way(("command", name), f"`{name} {text}`".replace(" `", "`"), payload)


def button(action: str, what: str, value: Callable[[dict[str, Any]], object]) -> Way:
    def payload(user: str, channel: str, ids: dict[str, Any]) -> dict[str, Any]:
        carried = {"action_id": action, "block_id": "b", "type": "button", "value": _carried(value(ids))}
        there = {"type": "message", "message_ts": "1.1", "channel_id": channel}
        views = {
            "form_changed": a_view(
                "ask_form", AskPlace(HERE), {"window": {"form_changed": {"value": "last 7d"}}}
            ),
            "decision_changed": a_view(
                "decision_form", DecisionForm(1, FOUND.id, HERE, "1.1"), {"what": a_choice("accept")}
            ),
        }
        where = {"view": views[action]} if action in views else {"container": there}
        return _interaction("block_actions", user, actions=[carried], channel={"id": channel}, **where)

    return Way(("action", action), f"button *{action}*{what}", payload)


def _carried(value: object) -> str:
    """A button's value; a text is what nobody of ours has written."""
    return value if isinstance(value, str) else encode(value)


def form(callback: str, what: str, carried: object, values: dict[str, Any]) -> Way:
    def payload(user: str, _: str, ids: dict[str, Any]) -> dict[str, Any]:
        about = carried(ids) if callable(carried) else carried
        return _interaction("view_submission", user, view=a_view(callback, about, values))

    return Way(("view", callback), f"form *{callback}*{what}", payload)


def event(kind: str, what: str = "", **more: Any) -> Way:
    def payload(user: str, channel: str, _: dict[str, Any]) -> dict[str, Any]:
        where = f"D_{user.removeprefix('U_')}" if kind == "message" else channel
        said = {"type": kind, "user": user, "channel": where, "ts": "1.1", "text": "<@U_TLSAUDIT> last 7d"}
        about = {"authorizations": [{"user_id": "U_TLSAUDIT", "is_bot": True, "team_id": "T0SANDBOX"}]}
        inner = {"type": "event_callback", "event_id": next(_triggers), "team_id": "T0SANDBOX"}
        return {**inner, **about, "event": {**said, **more}}

    return Way(("event", kind), f"event *{kind}*{what}", payload)


_triggers = (f"13345224609.{number}.abc" for number in count())


def _interaction(kind: str, user: str, **more: Any) -> dict[str, Any]:
    person = {"id": user, "team_id": "T0SANDBOX"}
    return {"type": kind, "user": person, "team": {"id": "T0SANDBOX"}, "trigger_id": next(_triggers), **more}


def a_view(callback: str, about: object, values: dict[str, Any]) -> dict[str, Any]:
    metadata = {"callback_id": callback, "private_metadata": _carried(about), "hash": "h"}
    return {"id": f"V{next(_triggers)}", "type": "modal", **metadata, "state": {"values": values}}


def an_order(channel: str) -> dict[str, Any]:
    return {
        "when": {"when": {"value": "daily 09:00"}},
        "channel": {"channel": {"selected_conversation": channel}},
        "question": {"question": {"value": ""}},
        "mention": {"mention": {"value": ""}},
    }


def of_run(run: str) -> Callable[[dict[str, Any]], object]:
    return lambda _: OfRun(run)


def as_clients(run: str) -> Callable[[dict[str, Any]], object]:
    return lambda _: AsView(run, "clients")


def row_of(run: str) -> Callable[[dict[str, Any]], object]:
    return lambda _: OfRow(run, 0)


def drill_of(run: str, view: str) -> Callable[[dict[str, Any]], object]:
    return lambda _: Drill(run, 0, view, None)


SNOOZED: Final = {
    "days": {"days": {"selected_option": {"value": "7"}}},
    "reason": {"reason": {"value": "known"}},
}
ACCEPTED: Final = {
    "until": {"until": {"selected_date": f"{NOW + timedelta(days=9):%Y-%m-%d}"}},
    "reason_accept": {"reason": {"value": "known"}},
}
DISMISSED: Final = {"reason_dismiss": {"reason": {"value": "known"}}}
ASSIGNED: Final = {"person": {"person": {"selected_user": "U_ALICE"}}}


def a_choice(what: str) -> dict[str, Any]:
    return {"decision_changed": {"selected_option": {"value": what}}}


ASKED: Final = {"window": {"form_changed": {"value": "last 7d"}}}


@cache
def prepared() -> tuple[bytes, str]:
    """A SQLite database in which something was asked, ordered, found; the id of the words it keeps."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "store.sqlite"
        database = Database(f"sqlite:///{file}")
        kept = _fill(database)
        database.close()
        return file.read_bytes(), kept


def _fill(database: Database) -> str:
    runs, grammar = Runs(database), Grammar(views.load(), ["local"], "local", 366)
    for run, text in ((PUBLIC, "last 7d"), (PRIVATE, f"private last 7d {SECRET}"), (WAITS, "last 7d")):
        question = grammar.parse(text, now=NOW, zone=UTC)
        asked = QuestionTask(text, question.view.name)
        kept = Run(run, run, asked, "U_ALICE", HERE, str(question), "local", NOW)
        step = Step("answer", Statement(f"SELECT {text}", ()))
        done: dict[str, Any] = {"state": "done", "thread": "1.1", "home": HERE, "scanned": 9_000_000_000}
        ended = kept if run == WAITS else replace(kept, **done)
        runs.add(replace(ended, steps=(step,)))
    schedule = parse("daily 09:00", zone="UTC").schedule
    due = schedule.following(NOW)
    Digests(database).add(Digest(0, "U_ALICE", HERE, schedule, Scope.read(""), None, NOW, due=due))
    with database.write() as writing:
        for each in (FOUND, DECIDED):
            row = {"digest": 1, "id": each.id, "last": each.last.isoformat()}
            body = json.dumps(to_builtins(each))
            writing.execute(schema.findings.insert().values(**row, body=body))
    subject = Subject(FOUND.client, FOUND.service, FOUND.principal)
    Digests(database).watches.add(
        Watch(
            0, "U_ALICE", HERE, "1.1", "UTC", Scope.read("min=1.3"), subject, _DAY, schedule.following(NOW)
        ),
        lambda _: None,
    )
    for run in (PUBLIC, PRIVATE):
        runs.keep_rows(run, '[{"values":[["principal","role/of-a-row"]]}]', NOW)
    return runs.keep_words(LONG, "U_ALICE", NOW)


class Desk:
    """The handlers over a copy of that store, as far as they listen to people; all is answered at once."""

    def __init__(
        self,
        folder: Path,
        slack: Slack,
        catalogue: dict[str, View],
        *,
        by_channel: bool = False,
        users: Collection[str] = (),
        costs: Costs | None = None,
        limits: Mapping[str, int] | None = None,
        most: int | None = None,
    ) -> None:
        """`most` digests a person; all else as the parts are given it."""
        self.slack = slack
        slack.sent.clear()
        store, kept = prepared()
        self.ids = {"kept": kept}
        file = folder / f"{next(_triggers)}.sqlite"
        file.write_bytes(store)
        self.database = Database(f"sqlite:///{file}")
        self.runs, self.digests = Runs(self.database), Digests(self.database)
        client = WebClient("xoxb-sandbox", base_url=slack.url, retry_handlers=[])
        directory = Directory(client)
        access = AccessPolicy(directory, users=users, admins=["U_ADMIN"])
        grammar, self.clock = Grammar(catalogue, ["local"], "local", 366), Clock(NOW)
        limited = Limits(**limits or {}, monotonic=self.clock.monotonic)
        questions = Questions(
            self.runs,
            grammar,
            wake=lambda: None,
            access=access,
            costs=costs,
            limits=limited,
            clock=self.clock,
        )
        orders = DigestOrders(
            self.digests,
            self.runs,
            grammar,
            access=access,
            wake=lambda: None,
            by_channel=by_channel,
            most=most,
            limits=limited,
            clock=self.clock,
        )
        self.app = App(
            name="tls-audit",
            client=client,
            process_before_response=True,
            listener_executor=ThreadPoolExecutor(1),
        )
        self.context = Context(questions, orders, access, directory, CommandReplies())
        connection.register(self.app, self.context)

    def by(self, user: str, way: Way, channel: str = HERE) -> str:
        """All that is said and shown when someone does something in a channel."""
        before = len(self.slack.sent)
        answer = self.send(way.payload(user, channel, self.ids))
        return json.dumps([answer, *self.slack.sent[before:]], ensure_ascii=False)

    def send(self, payload: dict[str, Any]) -> Any:
        payload["response_url"] = f"{self.slack.url}respond"
        response = self.app.dispatch(BoltRequest(body=payload, mode="socket_mode"))
        return json.loads(response.body) if response.body.startswith("{") else {}

    def state(self) -> dict[str, Any]:
        every = [run for user in (*PEOPLE.keys(), "") for run in self.runs.latest(user, 99)]
        return {
            "runs": {run.id: run for run in every if run.kind != "scan"},
            "digests": self.digests.all(),
            "snoozed": [finding for finding in self.digests.findings(1) if finding.snooze],
            "decided": [(finding.decision, finding.assignment) for finding in self.digests.findings(1)],
            "watched": self.digests.watches.due(NOW + timedelta(days=99)),
        }


def happened(desk: Desk, way: Way, user: str) -> tuple[str, str]:
    """What came of it in a word or two, and everything that was said and shown."""
    before = desk.state()
    answer = desk.send(way.payload(user, ELSEWHERE if user == "U_CAROL" else HERE, desk.ids))
    after, said = desk.state(), json.dumps([answer, *desk.slack.sent])
    new = [run for id_, run in after["runs"].items() if id_ not in before["runs"]]
    gone = [run.id for run in after["runs"].values() if not run.wanted]
    calls = desk.slack.calls
    words = said + json.dumps([run.text + run.typed for run in new if run.channel != "U_ALICE"])
    if new:
        return ("told now" if new[0].kind == "preview" else "asked"), words
    if len(after["digests"]) > len(before["digests"]):
        return "ordered", words
    if after["digests"] != before["digests"]:
        return "changed", words
    if after["snoozed"]:
        return "snoozed", words
    if after["decided"] != before["decided"]:
        return "decided", words
    if after["watched"] != before["watched"]:
        return "watched" if len(after["watched"]) > len(before["watched"]) else "stopped", words
    if gone:
        return "cancelled", words
    if calls("chat.delete"):
        return "deleted", words
    if calls("views.open", "views.update"):
        return "form", words
    if calls("views.publish"):
        return ("help" if "not ask here" in said or "may ask here" in said else "home"), words
    return _said(said), words


REFUSALS: Final = ("may not ask here", "may ask here.", "only where both you and I are")
NOT_THEIRS: Final = (
    "no longer kept",
    "Only who",
    "of yours",
    "belongs to another channel",
    "That run has ended",
)


def _said(said: str) -> str:
    if "Words: " in said or "alone opens a form" in said:
        return "help"
    if any(words in said for words in REFUSALS):
        return "refused"
    if any(words in said for words in NOT_THEIRS):
        return "not theirs"
    return "shown" if "rich_text" in said else "nothing"
