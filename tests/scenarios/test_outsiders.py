"""Guests, other organizations, sister workspaces, shared channels, apps, workflows and reminders: what each
got, told where it was typed.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.sandbox import Channel, User
from bot.sandbox.state import APP, BOT_ID, TEAM
from handlers.digests.shown import DIGEST_COMMAND
from tests.conftest import NOW
from tests.scenarios.office import ALICE, BOB, BOT, SECURITY, TO_ALICE, open_office, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bot.engines import Engine
    from bot.question.views import View
    from bot.sandbox import Message, Sandbox
    from tests.scenarios.office import Office

GUEST, TO_GUEST = "U_GUEST", "D_GUEST"
STRANGER, TO_STRANGER = "U_STRANGER", "D_STRANGER"
SISTER, GRID_GUEST, OTHER_GRID, GONE = "W_SUE", "W_GIL", "W_OTTO", "W_GONE"
ROBOT, SHARED, INVITED = "U_ROBOT", "C_SHARED", "C_INVITED"

GUESTS: Final = "Guests may not ask here.\nAsk @alice."
OURS: Final = "Only people of this organization may ask here.\nAsk @alice."
OUTSIDE: Final = (
    "This channel is shared with another organization, so I do not answer in it.\n"
    "Ask elsewhere, or with private. Ask @alice."
)


def with_outsiders(sandbox: Sandbox) -> None:
    """Whoever may come to a workspace beside its members, and two channels that others read, or soon will."""
    grid = {"organization": "E0ORG"}
    people = (
        User(STRANGER, "sam", "Sam (elsewhere)", team="T0OTHER"),
        User(SISTER, "sue", "Sue (sister)", team="T0SISTER", teams=("T0SISTER",), **grid),  # type: ignore[arg-type]  # a text
        User(GRID_GUEST, "gia", "Gia", team="T0SISTER", teams=("T0SISTER",), guest=True, **grid),  # type: ignore[arg-type]  # likewise
        User(OTHER_GRID, "otto", "Otto", team="T0FAR", organization="E0FAR", teams=("T0FAR",)),
        User(GONE, "gone", "Gone", deleted=True),
        User(ROBOT, "robot", "Another app", bot=True),
    )
    for person in people:
        sandbox.workspace.users[person.id] = person
        sandbox.workspace.join(SECURITY, person.id)
    members = frozenset({ALICE, BOB, GUEST, STRANGER, BOT})
    sandbox.workspace.put_channel(Channel(SHARED, "with-others", members=members, shared=True))
    sandbox.workspace.put_channel(Channel(INVITED, "soon-with-others", members=members, invited=True))
    direct = Channel(TO_STRANGER, "", "im", frozenset({STRANGER, BOT}))
    sandbox.workspace.put_channel(direct)


@pytest.fixture(scope="module")
def lobby(
    tmp_path_factory: pytest.TempPathFactory, catalogue: dict[str, View], asked_engine: Engine
) -> Iterator[Office]:
    """An office of an organization with more than one workspace, that stays open for all of this."""
    with open_office(
        tmp_path_factory.mktemp("lobby"),
        catalogue,
        [asked_engine],
        NOW,
        admins=[ALICE],
        while_opening=with_outsiders,
        organization="E0ORG",
    ) as office:
        yield office


def typed(text: str, channel: str = SECURITY) -> Callable[[Office, str], object]:
    return lambda office, user: office.type(text, user=user, channel=channel)


def ordered(text: str, channel: str = SECURITY) -> Callable[[Office, str], object]:
    return lambda office, user: office.sandbox.acknowledged(
        office.sandbox.command(user, channel, DIGEST_COMMAND, text)
    )


def mentioned(channel: str = SECURITY) -> Callable[[Office, str], object]:
    return lambda office, user: office.sandbox.mention(user, channel, "last 7d")


def said(channel: str) -> Callable[[Office, str], object]:
    return lambda office, user: office.sandbox.say(user, channel, "last 7d")


def pressed(action: str) -> Callable[[Office, str], object]:
    def press(office: Office, user: str) -> object:
        return office.click(office.table(office.answered("last 7d service=s3")), action, user=user)

    return press


TOLD: Final[Mapping[str, tuple[str, Callable[[Office, str], object], str, str]]] = {
    "a guest, by a command": (GUEST, typed("last 7d"), SECURITY, GUESTS),
    "a guest, in private": (GUEST, typed("private last 7d"), SECURITY, GUESTS),
    "a guest, in their own messages": (GUEST, typed("last 7d", TO_GUEST), TO_GUEST, GUESTS),
    "a guest, by a mention": (GUEST, mentioned(), SECURITY, GUESTS),
    "a guest, by a message": (GUEST, said(TO_GUEST), TO_GUEST, GUESTS),
    "a guest, by Rerun": (GUEST, pressed("rerun"), SECURITY, GUESTS.replace("\n", " ")),
    "a guest, by Show SQL": (GUEST, pressed("show_sql"), SECURITY, GUESTS.replace("\n", " ")),
    "a guest, by Send daily": (GUEST, pressed("daily"), SECURITY, GUESTS.replace("\n", " ")),
    "a guest, for the form": (GUEST, typed(""), SECURITY, GUESTS),
    "a guest, for their runs": (GUEST, typed("runs"), SECURITY, GUESTS),
    "a guest, for a digest": (GUEST, ordered("daily 09:00"), SECURITY, GUESTS),
    "a guest, for the list of digests": (GUEST, ordered("list"), SECURITY, GUESTS),
    "a guest in a shared channel": (GUEST, typed("last 7d", SHARED), SHARED, GUESTS),
    "another organization, by a command": (STRANGER, typed("last 7d"), SECURITY, OURS),
    "another organization, in private": (STRANGER, typed("private last 7d", SHARED), SHARED, OURS),
    "another organization, by a mention": (STRANGER, mentioned(SHARED), SHARED, OURS),
    "another organization, by a message": (STRANGER, said(TO_STRANGER), TO_STRANGER, OURS),
    "another organization, by Rerun": (STRANGER, pressed("rerun"), SECURITY, OURS.replace("\n", " ")),
    "another organization, for a digest": (STRANGER, ordered("daily 09:00", SHARED), SHARED, OURS),
    "another grid": (OTHER_GRID, typed("last 7d"), SECURITY, OURS),
    "a guest of a sister workspace": (GRID_GUEST, typed("last 7d"), SECURITY, GUESTS),
    "someone whose account is closed": (GONE, typed("last 7d"), SECURITY, OURS),
    "a member in a shared channel": (BOB, typed("last 7d", SHARED), SHARED, OUTSIDE),
    "a member in a shared channel, by a mention": (BOB, mentioned(SHARED), SHARED, OUTSIDE),
    "a member in a shared channel, for a digest": (BOB, ordered("daily 09:00", SHARED), SHARED, OUTSIDE),
    "a member, for a digest in a shared channel": (BOB, ordered(f"daily 09:00 #{SHARED}"), SECURITY, OUTSIDE),
    "a member in a channel soon shared": (BOB, typed("last 7d", INVITED), INVITED, OUTSIDE),
    "a sister workspace in a shared channel": (SISTER, typed("last 7d", SHARED), SHARED, OUTSIDE),
}
"""Who, what they do, where they are told, and what."""


@pytest.mark.parametrize("who", TOLD)
def test_whoever_may_not_ask_is_told_so_alone_where_they_did(lobby: Office, who: str) -> None:
    user, act, where, what = TOLD[who]
    if user not in lobby.sandbox.workspace.channels[where].members:
        lobby.sandbox.workspace.join(where, user)
    lobby.clock.advance(1)
    count_before = len(lobby.sandbox.ephemerals(user))

    act(lobby, user)

    def new() -> Message | None:
        return next(iter(lobby.sandbox.ephemerals(user)[count_before:]), None)

    word = lobby.sandbox.wait_for(new, what="a word to one alone")
    assert (word.channel, words(word)) == (where, what)
    assert lobby.worker.runs.latest(user, 9) == []
    assert lobby.worker.digests.all() == []


def test_at_home_whoever_may_not_ask_sees_how_it_would_be_done_and_no_run(lobby: Office) -> None:
    for user, what in ((GUEST, GUESTS), (STRANGER, OURS)):
        lobby.sandbox.open_home(user)
        home = lobby.sandbox.wait_for(lambda who=user: lobby.sandbox.home(who), what="the Home tab")  # type: ignore[misc]  # mypy infers no lambda with a default
        said_there = "\n".join(
            str(part.get("text"))
            for block in home.body["blocks"]
            for section in block.get("elements", [])
            for part in section.get("elements", [])
        )
        assert all(line in said_there for line in what.split("\n"))
        assert "Rerun" not in str(home.body)


@pytest.mark.parametrize("user", [SISTER, BOB])
def test_people_of_the_organization_are_answered_whichever_workspace_is_theirs(
    lobby: Office, user: str
) -> None:
    assert lobby.answered("last 7d service=kms", user=user).state == "done"


def test_in_a_shared_channel_a_private_answer_comes_to_ones_own_messages(lobby: Office) -> None:
    run = lobby.answered("private last 7d service=sts", channel=SHARED)

    assert (run.state, run.home) == ("done", TO_ALICE)
    assert "comes to your messages" in words(lobby.whisper())
    assert [each for each in lobby.sandbox.messages(SHARED) if each.user == BOT] == []


MACHINES: Final[Mapping[str, dict[str, Any]]] = {
    "an app": {"user": ROBOT, "bot_id": "B0OTHER", "app_id": "A0OTHER"},
    "an app, by its profile alone": {"user": ROBOT, "bot_profile": {"id": "B0OTHER", "app_id": "A0OTHER"}},
    "an app, by its id alone": {"user": ROBOT, "app_id": "A0OTHER"},
    "an app with a person's token": {"user": ALICE, "app_id": "A0OTHER", "bot_id": "B0OTHER"},
    "an app's user, of which nothing else is said": {"user": ROBOT},
    "an old integration, without a user": {"bot_id": "B0HOOK", "subtype": "bot_message", "username": "hook"},
    "a workflow, without a user": {"bot_id": "B0FLOW", "subtype": "bot_message"},
    "a workflow, for who started it": {"user": ALICE, "bot_id": "B0FLOW", "app_id": "A0FLOW"},
    "/remind": {"user": "USLACKBOT"},
    "Slack itself": {"user": "USLACK"},
    "nobody at all": {},
    "nobody, as null": {"user": None},
    "this bot": {"user": BOT, "bot_id": BOT_ID, "app_id": APP},
}
UNSAID: Final = ("this bot", "an app's user, of which nothing else is said")
"""Bolt drops what the app says itself; and an app's user is refused as who belongs to nobody here."""
_numbers = count(1)


def heard(office: Office, event: dict[str, Any]) -> str:
    """What became of an event that the app was sent: `acked`, where it is not to come again."""
    about = {"user_id": BOT, "team_id": TEAM, "is_bot": True, "is_enterprise_install": False}
    number = next(_numbers)
    payload = {
        "type": "event_callback",
        "team_id": TEAM,
        "api_app_id": APP,
        "event_id": f"EvMACHINE{number}",
        "authorizations": [about],
        "event": {"ts": f"1764000000.{number:06d}", "event_ts": f"1764000000.{number:06d}", **event},
    }
    return office.sandbox.acknowledged(office.sandbox.deliver("events_api", payload)).state


@pytest.mark.parametrize("kind", ["app_mention", "message"])
@pytest.mark.parametrize("who", MACHINES)
def test_no_machine_is_answered_mentioned_or_heard_twice(
    lobby: Office, who: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    where = {"channel": SECURITY} if kind == "app_mention" else {"channel": TO_ALICE, "channel_type": "im"}
    before = [each for each in lobby.posted() if each.user == BOT]
    people = [user for user in lobby.sandbox.workspace.users if user != ROBOT]
    told = {user: len(lobby.sandbox.ephemerals(user)) for user in people}
    runs = len(lobby.worker.runs.latest(ALICE, 1_000))

    state = heard(lobby, {"type": kind, "text": f"<@{BOT}> last 7d", **where, **MACHINES[who]})

    assert state == "acked"
    assert [each for each in lobby.posted() if each.user == BOT] == before
    assert {user: len(lobby.sandbox.ephemerals(user)) for user in people} == told
    assert len(lobby.worker.runs.latest(ALICE, 1_000)) == runs
    assert lobby.worker.runs.latest(ROBOT, 9) == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    if kind == "app_mention" and who not in UNSAID:
        assert any("no person says it" in record.getMessage() for record in caplog.records), "the log says so"


CHANGED: Final[Mapping[str, dict[str, Any]]] = {
    "edited": {
        "subtype": "message_changed",
        "message": {"user": ALICE, "text": "last 7d", "ts": "1.1"},
        "previous_message": {"user": ALICE, "text": "hello", "ts": "1.1"},
    },
    "edited by another than its author": {
        "subtype": "message_changed",
        "user": ALICE,
        "message": {"user": GUEST, "text": "last 7d", "ts": "1.1"},
    },
    "deleted": {"subtype": "message_deleted", "deleted_ts": "1.1", "previous_message": {"user": ALICE}},
    "replied to": {"subtype": "message_replied", "message": {"user": ALICE, "text": "last 7d"}},
    "a join": {"subtype": "channel_join", "user": ALICE},
    "by a bot": {"subtype": "bot_message", "user": ALICE},
    "a topic": {"subtype": "channel_topic", "user": ALICE, "topic": "last 7d"},
    "what nobody knows yet": {"subtype": "assistant_app_thread", "user": ALICE},
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_only_says_that_a_message_changed_asks_nothing(lobby: Office, what: str) -> None:
    runs = len(lobby.worker.runs.latest(ALICE, 1_000))
    told = len(lobby.sandbox.ephemerals(ALICE)) + len(lobby.sandbox.ephemerals(GUEST))

    event = {"type": "message", "channel": TO_ALICE, "channel_type": "im", "text": "last 7d", **CHANGED[what]}

    assert heard(lobby, event) == "acked"
    assert len(lobby.worker.runs.latest(ALICE, 1_000)) == runs
    assert len(lobby.sandbox.ephemerals(ALICE)) + len(lobby.sandbox.ephemerals(GUEST)) == told


def test_a_reply_also_sent_to_the_channel_is_its_authors(lobby: Office) -> None:
    event = {"type": "message", "channel": TO_GUEST, "channel_type": "im", "subtype": "thread_broadcast"}
    before = len(lobby.sandbox.workspace.in_channel(TO_GUEST))

    heard(lobby, {**event, "user": GUEST, "text": "last 7d", "thread_ts": "1.1", "root": {"user": ALICE}})

    # that thread is gone, so the word on it stands in their messages themselves
    (word,) = lobby.sandbox.workspace.in_channel(TO_GUEST)[before:]
    assert words(word) == GUESTS
    assert lobby.worker.runs.latest(GUEST, 9) == []


def test_a_name_that_looks_like_another_opens_nothing(opened: Callable[..., Office]) -> None:
    office = opened(admins=[BOB])
    known = office.sandbox.workspace.users[GUEST]
    # who calls themselves by an admin's id, and by their name
    office.sandbox.workspace.users[GUEST] = replace(known, name=BOB, real_name="Bob Carter")
    office.type("last 7d", user=GUEST)
    assert "Guests may not ask here." in words(office.whisper(GUEST))
    assert office.worker.runs.latest(GUEST, 9) == []
