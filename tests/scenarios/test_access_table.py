"""Who × way in → what happened: docs/access.md, made from the handlers that are registered.

`pytest tests/scenarios/test_access_table.py --renew-golden` writes it anew; read its diff.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date
from itertools import count
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
from bot.digests import changes
from bot.digests.changes import Finding
from bot.digests.digest import Digest
from bot.digests.order import parse
from bot.engines import Statement
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
    Confirmed,
    DigestForm,
    OfDigest,
    OfFinding,
    OfRun,
    Reading,
    SnoozeForm,
    Words,
    decode,
    encode,
)
from handlers.context import Context
from handlers.questions.form import run_it
from handlers.replies import CommandReplies
from tests.conftest import NOW
from tests.doubles.web_api import Slack
from tests.support.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.question.views import View

DOCUMENT: Final = Path(__file__).parents[2] / "docs/access.md"

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
PUBLIC, PRIVATE, WAITS, LONG = "aaaa0001", "aaaa0002", "aaaa0003", "last 7d agent=x"
SECRET: Final = "principal=alices-secret"  # noqa: S105 - what must not be seen
NOT_OPEN: Final = {"nothing", "help", "refused", "not theirs"}
"""What may happen to who may not ask."""


class Registered:
    """What a handler is registered for, in place of an App."""

    def __init__(self) -> None:
        self.handlers: set[tuple[str, str]] = set()

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def register(name: Any, **_: Any) -> Callable[[Any], None]:
            if kind != "error":
                self.handlers.add((kind, str(name)))
            return lambda _: None

        return register


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
        carried = {"action_id": action, "block_id": "b", "type": "button", "value": encode(value(ids))}
        there = {"type": "message", "message_ts": "1.1", "channel_id": channel}
        view = _view("ask_form", AskPlace(HERE), {"window": {"form_changed": {"value": "last 7d"}}})
        where = {"view": view} if action == "form_changed" else {"container": there}
        return _interaction("block_actions", user, actions=[carried], channel={"id": channel}, **where)

    return Way(("action", action), f"button *{action}*{what}", payload)


def form(callback: str, what: str, carried: object, values: dict[str, Any]) -> Way:
    def payload(user: str, _: str, ids: dict[str, Any]) -> dict[str, Any]:
        about = carried(ids) if callable(carried) else carried
        return _interaction("view_submission", user, view=_view(callback, about, values))

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


def _view(callback: str, about: object, values: dict[str, Any]) -> dict[str, Any]:
    metadata = {"callback_id": callback, "private_metadata": encode(about), "hash": "h"}
    return {"id": f"V{next(_triggers)}", "type": "modal", **metadata, "state": {"values": values}}


def _order(channel: str) -> dict[str, Any]:
    return {
        "when": {"when": {"value": "daily 09:00"}},
        "channel": {"channel": {"selected_conversation": channel}},
        "question": {"question": {"value": ""}},
        "mention": {"mention": {"value": ""}},
    }


def _of(run: str) -> Callable[[dict[str, Any]], object]:
    return lambda _: OfRun(run)


def _as_clients(run: str) -> Callable[[dict[str, Any]], object]:
    return lambda _: AsView(run, "clients")


SNOOZED: Final = {
    "days": {"days": {"selected_option": {"value": "7"}}},
    "reason": {"reason": {"value": "known"}},
}
ASKED: Final = {"window": {"form_changed": {"value": "last 7d"}}}
BOTH: Final = ((" of a run", PUBLIC), (", forged with a private run", PRIVATE))

WAYS: Final = (
    *(command("/tls-audit", text) for text in ("last 7d", "private last 7d", "", "views", "runs", "help")),
    command("/tls-audit", "cancel " + WAITS),
    *(command("/tls-digest", text) for text in ("", "help", "list", "daily 09:00", "show 1", "now 1")),
    *(command("/tls-digest", text) for text in ("pause 1", "resume 1", "edit 1", "remove 1")),
    command("/tls-digest", f"daily 09:00 #{HERE}"),
    command("/tls-digest", f"daily 09:00 #{TO_GUEST} mention=@here"),
    command("/tls-digest", "daily 09:00 #C_HIDDEN"),
    *(button("rerun", what, _of(run)) for what, run in BOTH),
    *(button("view_as", what, _as_clients(run)) for what, run in BOTH),
    *(button("ask_stricter", what, _of(run)) for what, run in BOTH),
    *(button("share", what, _of(run)) for what, run in BOTH),
    *(button("show_sql", what, _of(run)) for what, run in BOTH),
    *(button("edit_run", what, _of(run)) for what, run in BOTH),
    *(button("daily", what, _of(run)) for what, run in BOTH),
    *(button("cancel", what, _of(run)) for what, run in ((" of a run", WAITS), BOTH[1])),
    *(button("delete", what, _of(run)) for what, run in BOTH),
    button("run_sure", "", lambda _: Confirmed("last 7d", fresh=False, reply_to=None)),
    button("run_sure", ", forged with another's words", lambda ids: Confirmed("", False, None, ids["kept"])),
    button("reading_1", "", lambda _: Reading("last 7d", None)),
    button("reading_2", "", lambda _: Reading("last 7d", None)),
    button("edit_text", "", lambda _: Words("last 7d")),
    button("ask", "", lambda _: Words("")),
    button("form_changed", "", lambda _: Words("")),
    button("edit_digest", "", lambda _: OfDigest(1)),
    button("tell_now", "", lambda _: OfDigest(1)),
    button("remove_digest", "", lambda _: OfDigest(1)),
    button("undo_removal", "", lambda _: OfDigest(1)),
    button("snooze", "", lambda _: OfFinding(1, FOUND.id)),
    button("unsnooze", "", lambda _: OfFinding(1, FOUND.id)),
    form("ask_form", "", AskPlace(HERE), ASKED),
    form("ask_form", ", forged with another's messages", AskPlace(TO_GUEST), ASKED),
    form("digest_form", "", DigestForm(None, HERE), _order(HERE)),
    form("digest_form", ", into a guest's messages", DigestForm(None, HERE), _order(TO_GUEST)),
    form("digest_form", ", into a channel that one is not in", DigestForm(None, HERE), _order("C_HIDDEN")),
    form("digest_form", ", of digest 1", DigestForm(1, HERE), _order(HERE)),
    form("snooze_form", "", SnoozeForm(1, FOUND.id, HERE, "1.1"), SNOOZED),
    form("snooze_form", ", forged with another place", SnoozeForm(1, FOUND.id, ELSEWHERE, "1.1"), SNOOZED),
    event("app_mention"),
    event("app_mention", " by an app", bot_id="B0OTHER"),
    event("app_mention", " by a workflow, without a user", user=None, bot_id="B0FLOW", subtype="bot_message"),
    event("app_mention", " by `/remind`", user="USLACKBOT"),
    event("message", channel_type="im"),
    event("message", " with a file", channel_type="im", subtype="file_share", files=[{"id": "F1"}]),
    event("message", " that is a file alone", channel_type="im", subtype="file_share", files=[{}], text=""),
    event("message", ", also sent to the channel", channel_type="im", subtype="thread_broadcast"),
    event("message", ", edited", channel_type="im", subtype="message_changed"),
    event("message", " by an app", channel_type="im", bot_id="B0OTHER"),
    event("app_home_opened", tab="home"),
)


class Desk:
    """The handlers over a fresh store, as far as they listen to people; what comes is answered at once."""

    def __init__(
        self, folder: Path, slack: Slack, views: dict[str, View], *, by_channel: bool = False
    ) -> None:
        self.slack = slack
        slack.sent.clear()
        self.database = Database(f"sqlite:///{folder / f'{next(_triggers)}.sqlite'}")
        self.runs, self.digests = Runs(self.database), Digests(self.database)
        client = WebClient("xoxb-sandbox", base_url=slack.url, retry_handlers=[])
        directory = Directory(client)
        access = AccessPolicy(directory, admins=["U_ADMIN"])
        grammar, clock = Grammar(views, ["local"], "local", 366), Clock(NOW)
        questions = Questions(self.runs, grammar, wake=lambda: None, access=access, clock=clock)
        orders = DigestOrders(
            self.digests,
            self.runs,
            grammar,
            access=access,
            wake=lambda: None,
            by_channel=by_channel,
            clock=clock,
        )
        self.app = App(client=client, process_before_response=True, listener_executor=ThreadPoolExecutor(1))
        self.context = Context(questions, orders, access, directory, CommandReplies())
        connection.register(self.app, self.context)
        for run, text in ((PUBLIC, "last 7d"), (PRIVATE, f"private last 7d {SECRET}"), (WAITS, "last 7d")):
            question = grammar.parse(text, now=NOW, zone=UTC)
            asked = QuestionTask(text, question.view.name)
            kept = Run(run, run, asked, "U_ALICE", HERE, str(question), "local", NOW)
            step = Step("answer", Statement(f"SELECT {text}", ()))
            ended = kept if run == WAITS else replace(kept, state="done", thread="1.1", home=HERE)
            self.runs.add(replace(ended, steps=(step,)))
        self.ids = {"kept": self.runs.keep_words(LONG, "U_ALICE", NOW)}
        schedule = parse("daily 09:00", zone="UTC").schedule
        due = schedule.following(NOW)
        digest = Digest(0, "U_ALICE", HERE, schedule, Scope.read(""), None, NOW, due=due)
        self.digests.add(digest)
        row = {"digest": 1, "id": FOUND.id, "last": FOUND.last.isoformat()}
        body = json.dumps(changes.to_builtins(FOUND))
        with self.database.write() as writing:
            writing.execute(schema.findings.insert().values(**row, body=body))

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
        return ("told now" if new[0].kind == "digest" else "asked"), words
    if len(after["digests"]) > len(before["digests"]):
        return "ordered", words
    if after["digests"] != before["digests"]:
        return "changed", words
    if after["snoozed"]:
        return "snoozed", words
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


@pytest.fixture(scope="module")
def slack() -> Iterator[Slack]:
    with Slack(PEOPLE, CHANNELS) as double:
        Thread(target=double.serve_forever, daemon=True).start()
        yield double
        double.shutdown()


@pytest.fixture(scope="module")
def table(
    slack: Slack, tmp_path_factory: pytest.TempPathFactory, catalogue: dict[str, View]
) -> dict[tuple[str, str], tuple[str, str]]:
    """What happened, by the way in and who came."""
    folder = tmp_path_factory.mktemp("access")
    made = {}
    for way in WAYS:
        for who, user in WHO.items():
            desk = Desk(folder, slack, catalogue)
            made[way.name, who] = happened(desk, way, user)
            desk.database.close()
    return made


def test_every_handler_has_a_row() -> None:
    registered = Registered()
    context: Any = type("Anything", (), {"__getattr__": lambda self, _: self})()

    connection.register(registered, context)  # type: ignore[arg-type]  # it only registers

    assert {way.handler for way in WAYS} == registered.handlers
    assert len({way.name for way in WAYS}) == len(WAYS)


def test_whoever_may_not_ask_gets_a_word_and_nothing_else(
    table: dict[tuple[str, str], tuple[str, str]],
) -> None:
    for who in ("guest", "other organization"):
        there = {way.name: table[way.name, who][0] for way in WAYS}
        assert {name: what for name, what in there.items() if what not in NOT_OPEN} == {}


def test_nobody_else_sees_the_question_of_a_private_run(
    table: dict[tuple[str, str], tuple[str, str]],
) -> None:
    assert [cell for cell, (_, words) in table.items() if "alices-secret" in words] == []


def test_nothing_is_told_where_its_orderer_is_not(table: dict[tuple[str, str], tuple[str, str]]) -> None:
    aimed = [name for name, _ in table if TO_GUEST in name or "HIDDEN" in name or "guest's" in name]
    assert {table[name, who][0] for name in aimed for who in WHO} == {"refused"}


def test_the_document_says_what_happened(
    table: dict[tuple[str, str], tuple[str, str]], request: pytest.FixtureRequest
) -> None:
    head = f"| way in | {' | '.join(WHO)} |\n|---|{'---|' * len(WHO)}\n"
    rows = (f"| {way.name} | {' | '.join(table[way.name, who][0] for who in WHO)} |" for way in WAYS)
    made = head + "\n".join(rows) + "\n"
    text = DOCUMENT.read_text(encoding="utf-8")
    before, after = text.partition("| way in |")[0], text.rpartition("|\n")[2]
    if request.config.getoption("--renew-golden"):
        DOCUMENT.write_text(before + made + after, encoding="utf-8")

    assert made in DOCUMENT.read_text(encoding="utf-8")


def test_where_digests_are_the_channels_its_members_change_them(
    slack: Slack, tmp_path: Path, catalogue: dict[str, View]
) -> None:
    ways = command("/tls-digest", "pause 1"), button("remove_digest", "", lambda _: OfDigest(1))
    for way in ways:
        got = {}
        for who, user in WHO.items():
            desk = Desk(tmp_path, slack, catalogue, by_channel=True)
            got[who] = happened(desk, way, user)[0]
            desk.database.close()
        assert got == {
            "member": "changed",
            "guest": "refused",
            "other organization": "refused",
            "not in the channel": "not theirs",
            "admin": "changed",
        }


def test_a_question_too_long_for_a_button_is_asked_whole_and_by_its_asker_alone(
    slack: Slack, tmp_path: Path, catalogue: dict[str, View]
) -> None:
    desk = Desk(tmp_path, slack, catalogue)
    text = f"last 7d agent={','.join(f'client-{number:060}*' for number in range(40))}"
    made = run_it(desk.context, text, "U_BOB", reply_to=None, fresh=False)
    assert len(text) > 2_000 >= len(made["value"])
    way = button("run_sure", "", lambda _: decode(Confirmed, made["value"]))
    assert happened(desk, way, "U_ADMIN")[0] == "not theirs"
    desk.slack.sent.clear()
    assert happened(desk, way, "U_BOB")[0] == "asked"
    (run,) = desk.runs.latest("U_BOB", 1)
    assert run.typed == text
    desk.database.close()
