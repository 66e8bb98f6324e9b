"""Who × way in → what happened: docs/access.md, made from the handlers that are registered.

`pytest tests/scenarios/test_access_table.py --renew-golden` writes it anew; read its diff.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.answers.drill import WAYS as WAYS_INTO_A_ROW
from handlers import connection
from handlers.blockkit.values import (
    AskPlace,
    Confirmed,
    DecisionForm,
    DigestForm,
    OfClient,
    OfDecision,
    OfDigest,
    OfFinding,
    OfWatch,
    Reading,
    SnoozeForm,
    Words,
    decode,
)
from handlers.questions.form import run_it
from tests.scenarios.desk import (
    ACCEPTED,
    ASKED,
    ASSIGNED,
    DECIDED,
    DISMISSED,
    ELSEWHERE,
    FOUND,
    HERE,
    PRIVATE,
    PUBLIC,
    SNOOZED,
    TO_GUEST,
    WAITS,
    WHO,
    Desk,
    a_choice,
    an_order,
    as_clients,
    button,
    command,
    drill_of,
    event,
    form,
    happened,
    of_run,
    row_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.views import View
    from tests.doubles.web_api import Slack

DOCUMENT: Final = Path(__file__).parents[2] / "docs/access.md"

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


DECIDES: Final = DecisionForm(1, FOUND.id, HERE, "1.1")
DECIDES_ELSEWHERE: Final = DecisionForm(1, FOUND.id, ELSEWHERE, "1.1")

BOTH: Final = ((" of a run", PUBLIC), (", forged with a private run", PRIVATE))

WAYS: Final = (
    *(command("/tls-audit", text) for text in ("last 7d", "private last 7d", "", "views", "runs", "help")),
    command("/tls-audit", "cancel " + WAITS),
    *(command("/tls-digest", text) for text in ("", "help", "list", "daily 09:00", "show 1", "now 1")),
    *(command("/tls-digest", text) for text in ("pause 1", "resume 1", "edit 1", "remove 1")),
    command("/tls-digest", f"daily 09:00 #{HERE}"),
    command("/tls-digest", f"daily 09:00 #{TO_GUEST} mention=@here"),
    command("/tls-digest", "daily 09:00 #C_HIDDEN"),
    *(button("rerun", what, of_run(run)) for what, run in BOTH),
    *(button("view_as", what, as_clients(run)) for what, run in BOTH),
    *(button("drill", what, row_of(run)) for what, run in BOTH),
    *(
        button(f"drill_{view}", what, drill_of(run, view))
        for view in WAYS_INTO_A_ROW
        for what, run in (BOTH if view == "latest" else BOTH[:1])
    ),
    *(button("ask_stricter", what, of_run(run)) for what, run in BOTH),
    *(button("share", what, of_run(run)) for what, run in BOTH),
    *(button("show_sql", what, of_run(run)) for what, run in BOTH),
    *(button("edit_run", what, of_run(run)) for what, run in BOTH),
    *(button("daily", what, of_run(run)) for what, run in BOTH),
    *(button("cancel", what, of_run(run)) for what, run in ((" of a run", WAITS), BOTH[1])),
    *(button("delete", what, of_run(run)) for what, run in BOTH),
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
    button("decide", "", lambda _: OfFinding(1, FOUND.id)),
    button("decision_changed", "", lambda _: Words("")),
    button("undecide", "", lambda _: OfDecision(1, DECIDED.id, "decision")),
    button("watch", " of a run", lambda _: OfClient.of(PUBLIC, "Boto/2")),
    button("watch", ", forged with a private run", lambda _: OfClient.of(PRIVATE, "Boto/2")),
    button("unwatch", "", lambda _: OfWatch(1)),
    form("ask_form", "", AskPlace(HERE), ASKED),
    form("ask_form", ", forged with another's messages", AskPlace(TO_GUEST), ASKED),
    form("digest_form", "", DigestForm(None, HERE), an_order(HERE)),
    form("digest_form", ", into a guest's messages", DigestForm(None, HERE), an_order(TO_GUEST)),
    form("digest_form", ", into a channel that one is not in", DigestForm(None, HERE), an_order("C_HIDDEN")),
    form("digest_form", ", of digest 1", DigestForm(1, HERE), an_order(HERE)),
    form("snooze_form", "", SnoozeForm(1, FOUND.id, HERE, "1.1"), SNOOZED),
    form("snooze_form", ", forged with another place", SnoozeForm(1, FOUND.id, ELSEWHERE, "1.1"), SNOOZED),
    form("decision_form", ", to assign", DECIDES, {"what": a_choice("assign"), **ASSIGNED}),
    form("decision_form", ", to accept", DECIDES, {"what": a_choice("accept"), **ACCEPTED}),
    form("decision_form", ", not applicable", DECIDES, {"what": a_choice("dismiss"), **DISMISSED}),
    form("decision_form", ", to watch", DECIDES, {"what": a_choice("watch")}),
    form("decision_form", ", forged with another place", DECIDES_ELSEWHERE, {"what": a_choice("watch")}),
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
