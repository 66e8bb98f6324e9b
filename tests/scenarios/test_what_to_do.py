"""What to do about findings: whose they are, what is decided about them, and clients that are watched.

`pytest tests/scenarios/test_what_to_do.py --renew-golden` writes the threads anew; read their diff.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.app.watching import MOST_WATCHES
from bot.question.owners import Owner, Owners, Rule
from handlers.blockkit.values import OfClient
from tests.scenarios.desk import PUBLIC, Desk, button
from tests.scenarios.office import ALICE, BOB, words
from tests.scenarios.on_call import ONCALL, form, ordered, runs, said, told, type_, whispered
from tests.scenarios.test_digest_story import page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.digests.watch import Watch
    from bot.question.views import View
    from bot.sandbox import Message
    from bot.store.digests import Digests
    from tests.doubles.web_api import Slack
    from tests.scenarios.office import Office
    from tests.scenarios.on_call import Trail

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "digest"

WEB: Final = Owner("web", "C_SECURITY", BOB, "https://wiki.example/tls")
STRANGE: Final = Owner("<!here> *ops*\u202e", "C_RANDOM")
OWNERS: Final = Owners((Rule(WEB, apps=("boto", "curl")), Rule(STRANGE, apps=("wget",))))
CALLS: Final = {"Boto/2.38.0": 100, "curl/7.19.7": 3, "Wget/1.12": 2, "<!channel> *x*": 1}


@pytest.fixture
def office(hired: Callable[..., Office]) -> Iterator[Office]:
    """An office with a file of owners, in which no rule of Slack's may be broken."""
    office = hired(owners=OWNERS, admins=["U_CAROL"])
    yield office
    assert office.sandbox.broken == []


def thread(office: Office, number: int = 1) -> list[Message]:
    """The thread of the newest digest, once its file has come."""
    return office.thread(runs(office, number)[0])


def by_owner(office: Office) -> Message:
    (message,) = [each for each in thread(office) if words(each).startswith("By owner")]
    return message


def below(office: Office) -> Message:
    """The message with the digest's menus."""
    return next(each for each in thread(office) if "[Edit digest]" in words(each))


def option(message: Message, action: str, text: str) -> dict[str, Any]:
    """What of a menu says `text`."""
    menus = [each for block in message.blocks for each in block.get("elements", []) if each.get("options")]
    (found,) = [
        one
        for menu in menus
        if menu["action_id"] == action
        for one in menu["options"]
        if text in one["text"]["text"]
    ]
    return dict(found)


def decided(office: Office, finding: str, values: dict[str, Any], what: str = "", *, user: str = BOB) -> Any:
    """Choose a finding in the menu, what to do, and send the form; what Slack's user sees of errors."""
    message = below(office)
    office.click(message, "decide", option(message, "decide", finding), user=user)
    view = form(office, user)
    if what:
        office.sandbox.acknowledged(office.sandbox.click(user, view, "decision_changed", what))
        before = view.json()["blocks"]
        office.sandbox.wait_for(lambda: form(office, user).json()["blocks"] != before, what="its inputs")
    return office.sandbox.submit(user, values)


def golden(name: str, text: str, request: pytest.FixtureRequest) -> None:
    assert "\u202e" not in text
    file = GOLDEN / name
    if request.config.getoption("--renew-golden"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


# --- owners


def test_findings_are_grouped_by_owner_and_who_has_news_is_named(
    office: Office, trail: Trail, request: pytest.FixtureRequest
) -> None:
    ordered(office)
    first = told(office)
    assert by_owner(office).notified == frozenset(), "a baseline is no news"
    trail.calls = dict(CALLS)
    second = told(office)
    lines = words(by_owner(office)).splitlines()

    assert lines[1].startswith("web · #C_SECURITY · runbook · @U_BOB · 1 new, 1 open · ")
    assert lines[2].startswith("<!here> *ops*\\u202e · #C_RANDOM · 1 new · ")
    assert lines[3].startswith("No owner known · 1 new · ")
    assert "TLS_AUDIT_OWNERS" in lines[3]
    assert by_owner(office).notified == {BOB}
    assert office.csv(runs(office)[0]).splitlines()[0].endswith(",owner")
    pages = [page("Two days of owners", office, first), page("The second", office, second)]
    golden("owners.txt", "\n".join(pages), request)


def test_without_a_file_a_digest_says_nothing_of_owners(on_call: Office, trail: Trail) -> None:
    trail.calls = dict(CALLS)
    ordered(on_call)
    told(on_call)

    assert not [each for each in thread(on_call) if "owner" in words(each).lower()]
    assert "owner" not in on_call.csv(runs(on_call)[0])


def test_a_team_has_a_digest_of_its_own_and_what_moves_to_another_is_not_resolved(
    office: Office, trail: Trail
) -> None:
    confirmation = ordered(office, "daily 09:00 owner=Web")
    assert "calls over TLS older than 1.2 of web" in words(confirmation)
    type_(office, "daily 09:00 owner=nobodys")
    assert "No owner nobodys." in whispered(office, "No owner")
    trail.calls = {"Boto/2.38.0": 100, "Wget/1.12": 2}
    told(office)  # as if Wget had been web's until the file was changed
    trail.calls = {"Boto/2.38.0": 100}
    moved = told(office)

    assert "1 finding is another owner's now, and told here no more: nightly-export → s3." in words(moved)
    assert "resolved" not in words(moved)
    assert "another owner" not in words(told(office)), "it is told once"
    assert [each.client for each in office.worker.digests.findings(1)] == ["Boto/2.38.0"]


# --- what is decided


def test_a_preview_is_grouped_by_owner_and_names_nobody(office: Office, trail: Trail) -> None:
    ordered(office)
    told(office)
    trail.calls = dict(CALLS)
    type_(office, "now 1")
    said(office, "asked for a preview of digest 1")
    run = office.ended(runs(office)[0])

    (shares,) = [each for each in office.thread(run) if words(each).startswith("By owner")]
    assert "web" in words(shares)
    assert BOB not in words(shares)
    assert all(each.notified == frozenset() for each in (office.parent(run), *office.thread(run)))


def test_what_is_decided_is_told_apart_and_can_be_undone(
    office: Office, trail: Trail, request: pytest.FixtureRequest
) -> None:
    trail.calls = dict(CALLS)
    ordered(office)
    told(office)

    until = (office.clock.now.date()).replace(day=28).isoformat()
    empty = decided(office, "curl", {"until": until, "reason_accept": " "}, "accept")
    assert empty.errors == {"reason_accept": "A word on why helps whoever is on call next."}
    late = office.sandbox.submit(BOB, {"until": "2020-01-01", "reason_accept": "x"})
    assert late.errors == {"until": "Accepted until when? A date after today, and at most 366 days from now."}
    assert office.sandbox.submit(BOB, {"until": until, "reason_accept": "vendor *patches*"}).errors == {}
    said(office, "accepted s3")
    assert decided(office, "channel", {"reason_dismiss": "a honeypot"}, "dismiss").errors == {}
    said(office, "not applicable: a honeypot")
    assert decided(office, "Boto", {"person": None}).errors == {
        "person": "Choose a team or a person, one of them."
    }
    assert office.sandbox.submit(BOB, {"person": ALICE}).errors == {}
    note = said(office, "assigned s3")
    assert note.notified >= {ALICE}
    assert decided(office, "Wget", {"team": "web"}).errors == {}
    said(office, "to web")
    pages = [page("Decided", office, office.parent(runs(office)[0]))]

    second = told(office)
    assert "2 still open (oldest at least 2 days), 1 accepted, 1 not applicable" in words(second)
    pages.append(page("The next day", office, second))
    golden("decisions.txt", "\n".join(pages), request)

    message = below(office)
    office.click(message, "undecide", option(message, "undecide", "not applicable"), user=BOB)
    said(office, "undid a decision")
    office.click(note, "undecide", None, user=BOB)
    said(office, "is assigned to nobody")
    assert [each.client for each in office.worker.digests.findings(1) if each.decision] == ["curl/7.19.7"]
    assert [each.client for each in office.worker.digests.findings(1) if each.assignment] == ["Wget/1.12"]
    third = told(office)
    assert "3 still open" in words(third)


# --- watches


def watched(digests: Digests) -> list[Watch]:
    """What Bob watches and that has not ended."""
    return [each for each in digests.watches.due(datetime(2030, 1, 1, tzinfo=UTC)) if each.owner == BOB]


def days(office: Office, count: int) -> None:
    """Have what Bob watches be looked at on so many days, as far as it goes on."""
    for _ in range(count):
        for watch in watched(office.worker.digests):
            assert watch.due is not None
            office.clock.now = max(office.clock.now, watch.due)
            office.worker.scheduler.schedule_due()
            (run,) = [run for run in office.worker.runs.latest("", 1_000) if run.kind == "watch"][:1]
            assert office.ended(run).state == "done"


def test_a_finding_that_is_watched_is_told_when_it_is_quiet(
    office: Office, trail: Trail, request: pytest.FixtureRequest
) -> None:
    trail.calls = dict(CALLS)
    ordered(office)
    parent = told(office)
    assert decided(office, "curl", {}, "watch").errors == {}
    begun = said(office, "@U_BOB watches s3")
    assert begun.thread_ts == parent.ts

    days(office, 2)
    trail.calls = {"Boto/2.38.0": 100}
    days(office, 1)
    trail.newest = office.clock.now  # the trail stops: the next days' events end early
    days(office, 2)
    trail.newest = None
    days(office, 1)
    so_far = office.sandbox.thread(ONCALL, parent.ts)
    assert not [each for each in so_far if "watched" in words(each)], "two believed days are not three"
    trail.asked.clear()
    days(office, 1)
    ended = said(office, "watched s3")

    assert trail.asked == ["answer", "before", "coverage", "since", "answer", "coverage"], "once, at the end"
    assert ended.thread_ts == parent.ts
    assert ended.notified >= {BOB}
    assert words(ended).startswith("✅ @U_BOB watched s3")
    assert "3 days that are believed" in words(ended)
    assert "The client is quiet: no call of it at all was read from the first of these days" in words(ended)
    assert watched(office.worker.digests) == []
    golden("watch-quiet.txt", page("A watch that ends well", office, parent), request)


def quiet_in_the_end(office: Office, trail: Trail) -> str:
    """What is said of a client once three believed days had no such call of it."""
    trail.calls = dict(CALLS)
    ordered(office)
    told(office)
    decided(office, "curl", {}, "watch")
    trail.calls = {"Boto/2.38.0": 100}
    days(office, 3)
    return words(said(office, "watched s3"))


def test_a_client_that_calls_within_the_policy_is_told_as_modern(office: Office, trail: Trail) -> None:
    trail.modern, trail.unsaid = {"curl/7.19.7": 1_204, "curl/7.19.70": 9}, 2

    assert quiet_in_the_end(office, trail).endswith(
        "had none. The client is modern now: 1,204 calls from the first of these days to the last, "
        "all within the policy. 2 calls of clients called so do not say their TLS."
    )
    assert watched(office.worker.digests) == []


def test_where_a_clients_other_calls_cannot_be_counted_that_is_said(office: Office, trail: Trail) -> None:
    trail.calls = dict(CALLS)
    ordered(office)
    told(office)
    decided(office, "curl", {}, "watch")
    trail.calls = {"Boto/2.38.0": 100}
    days(office, 2)
    trail.refused_of_one = True
    days(office, 1)

    assert words(said(office, "watched s3")).endswith(
        "The client is quiet, or modern: its other calls could not be counted."
    )
    assert watched(office.worker.digests) == []


def test_a_client_of_an_answer_is_watched_from_its_card_and_told_when_it_is_still_there(
    office: Office, trail: Trail, request: pytest.FixtureRequest
) -> None:
    trail.calls = dict(CALLS)
    run = office.answered("last 7d by=findings", user=BOB, channel=ONCALL)
    (cards,) = [each for each in office.thread(run) if words(each).startswith("What to do")]
    assert "Owner: web · #C_SECURITY · runbook" in words(cards)
    office.click(cards, "watch", None, user=BOB)
    said(office, "@U_BOB watches Boto/2.38.0")
    office.click(cards, "watch", None, user=BOB)
    assert "You watch that already." in whispered(office, "already", BOB)

    days(office, 13)
    assert len(watched(office.worker.digests)) == 1
    days(office, 1)
    ended = said(office, "watched Boto/2.38.0")
    assert words(ended).startswith("🔴 @U_BOB watched Boto/2.38.0. Still there after 14 days: 1,400 calls")
    golden("watch-still.txt", page("A watch that does not end well", office, office.parent(run)), request)


def test_who_began_a_watch_and_admins_stop_it(office: Office, trail: Trail) -> None:
    trail.calls = dict(CALLS)
    ordered(office)
    told(office)
    decided(office, "curl", {}, "watch")
    begun = said(office, "@U_BOB watches s3")

    office.click(begun, "unwatch", None, user=ALICE)
    assert "Only who began a watch" in whispered(office, "Only who began")
    office.click(begun, "unwatch", None, user=BOB)
    said(office, "@U_BOB stopped watching s3")
    assert watched(office.worker.digests) == []
    office.click(begun, "unwatch", None, user=BOB)
    assert "That watch has ended." in whispered(office, "ended", BOB)


def test_nobody_watches_more_than_a_few_and_each_counts_as_a_question(
    slack: Slack, tmp_path: Path, catalogue: dict[str, View]
) -> None:
    with closing_desk(Desk(tmp_path, slack, catalogue, limits={"questions": MOST_WATCHES + 1})) as desk:
        for at in range(MOST_WATCHES):
            watch_it(desk, f"Boto/{at}")
        mine = watched(desk.digests)
        assert len(mine) == MOST_WATCHES
        assert "nobody may watch more" in watch_it(desk, "Boto/99")
        for watch in mine[:2]:
            desk.digests.watches.end(watch.id)
        assert "watches Boto/99" in watch_it(desk, "Boto/99")
        assert "watches" not in watch_it(desk, "curl/99"), "that is a question too many"


@contextmanager
def closing_desk(desk: Desk) -> Iterator[Desk]:
    yield desk
    desk.database.close()


def watch_it(desk: Desk, client: str) -> str:
    return desk.by("U_BOB", button("watch", "", lambda _: OfClient.of(PUBLIC, client)))


@pytest.mark.parametrize("written", ["", "7", "[", "{}"])
def test_a_forged_button_is_told_to_be_too_old(desk: Desk, written: str) -> None:
    told_alone = desk.by("U_BOB", button("watch", "", lambda _: OfClient(PUBLIC, written)))

    assert "That button is too old." in told_alone
    assert watched(desk.digests) == []
