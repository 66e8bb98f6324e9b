"""Ten days of one channel, from log files that arrive day by day to what stands in Slack each morning.

`pytest tests/scenarios/test_digest_story.py --renew-golden` writes the story anew; read its diff.
"""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest

from bot.archive.archive import Archive
from bot.demo import samples
from bot.engines.local import Local
from bot.sandbox.transcript import threaded
from tests.scenarios.office import ALICE, BOB, kinds, open_office
from tests.scenarios.on_call import ONCALL, form, ordered, runs, told
from tests.support.logs import quietly, write_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.question.views import View
    from bot.sandbox import Message
    from tests.oracle import Record
    from tests.scenarios.office import Office

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "digest" / "story.txt"
BERLIN: Final = ZoneInfo("Europe/Berlin")
FIRST: Final = datetime(2026, 11, 16, tzinfo=BERLIN)
"""The first day that is told, a Monday; its digest comes on Tuesday at nine."""

OLD: Final = {"tlsVersion": "TLSv1.1", "cipherSuite": "AES128-SHA"}
NEW: Final = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"}

CLIENTS: Final = {
    "boto": ("s3", "role/nightly-export", "Boto/2.38.0 Python/2.6.6"),
    "java": ("kms", "role/billing", "aws-sdk-java/1.7.4 Java/1.7.0_80"),
    "perl": ("s3", "user/backup-appliance", "libwww-perl/6.05"),
    "stranger": (
        "sts",
        "user/<@U_BOB>",
        "<!channel> *You have won* <https://evil.example|AWS console> `x`\u202e\n=1+1",
    ),
}
"""Who calls over outdated TLS; what strangers chose is among it."""


@dataclass(frozen=True)
class Day:
    """One day: its calls by client, those of the day before that arrive with it, and when its events end."""

    title: str
    calls: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    ends: int = 24
    """The local hour."""
    snoozed: str = ""
    """The client that Bob snoozes under its digest."""


DAYS: Final = (
    Day("the first digest", {"boto": 100, "java": 3, "perl": 10}, snoozed="libwww-perl"),
    Day("one new, one grows, one quiet, one known", {"boto": 150, "stranger": 7, "perl": 12}),
    Day("the trail stops at two in the afternoon", {"boto": 90, "stranger": 2}, ends=14),
    Day(
        "the rest arrives, and the known one doubles",
        {"boto": 240, "stranger": 7, "perl": 25},
        late={"boto": 14},
    ),
    Day("one resolved", {"boto": 1_240, "stranger": 8}),
    Day("the store is empty", ends=0),
    Day(
        "what was missing arrives, and one is back",
        {"java": 1},
        late={"boto": 80, "stranger": 8, "perl": 1, "java": 2},
    ),
    Day("silence"),
    Day("nearly all resolved"),
    Day("all clear"),
)


class Trail:
    """The log files of those days, each event a little later than the one before."""

    def __init__(self) -> None:
        self._plain = samples.day(FIRST.date())[0]
        self._count = 0

    def of(self, number: int) -> list[Record]:
        """What arrives with a day: its own events, and those that the day before still lacked."""
        today, day = DAYS[number], FIRST + timedelta(days=number)
        records = self._usual(day, 0, today.ends) + self._calls(day, today.calls, today.ends)
        if today.ends == 24 and all(one.ends for one in DAYS[number + 1 : number + 2]):
            records += self._usual(day + timedelta(days=1), 0, 9)  # what has come by nine
        if number:
            before = day - timedelta(days=1)
            records += self._usual(before, DAYS[number - 1].ends, 24)
            records += self._calls(before, today.late, 24, since=DAYS[number - 1].ends % 24)
        return records

    def _usual(self, day: datetime, since: int, until: int) -> list[Record]:
        """What is always there: good calls, and services without TLS details; the last two minutes early."""
        every = [day + timedelta(minutes=minutes) for minutes in range(since * 60, until * 60, 20)]
        last = [day + timedelta(hours=until, minutes=-2)] if until > since else []
        good = [self._event(when, "dynamodb", "role/web", "Boto3/1.40", NEW) for when in [*every, *last]]
        return good + [self._event(when, "tax", "role/web", "AWS Internal", None) for when in last]

    def _calls(self, day: datetime, calls: dict[str, int], until: int, since: int = 0) -> list[Record]:
        if not until:
            return []
        seconds = (until - since) * 3_600
        return [
            self._event(day + timedelta(hours=since, seconds=seconds * n // count), *CLIENTS[name], OLD)
            for name, count in calls.items()
            for n in range(count)
        ]

    def _event(self, when: datetime, service: str, principal: str, agent: str, tls: Any) -> Record:
        self._count += 1
        arn = f"arn:aws:iam::111122223333:{principal}"
        # what is usual comes again with its own day, and counts once
        name = f"{self._count}" if tls is OLD else f"{service} {when}"
        return self._plain | {
            "eventID": f"event-{name}",
            "eventTime": f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": f"{service}.amazonaws.com",
            "userIdentity": {"type": "IAMUser", "arn": arn},
            "userAgent": agent,
            "tlsDetails": tls,
        }


@pytest.fixture
def world(
    tmp_path: Path, catalogue: dict[str, View], closing: list[threading.Thread]
) -> Iterator[tuple[Office, Archive]]:
    """An office over an archive that is still empty, on the Monday that is told first."""
    archive = Archive(tmp_path / "archive")
    engine = Local(archive, memory="1GB", seconds=60, at_once=2)
    stack = ExitStack()
    now = (FIRST + timedelta(hours=10)).astimezone(UTC)
    yield stack.enter_context(open_office(tmp_path, catalogue, [engine], now)), archive
    thread = threading.Thread(target=stack.close)
    thread.start()
    closing.append(thread)


def test_ten_days_read_well_in_slack(
    world: tuple[Office, Archive], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    office, archive = world
    trail, seen = Trail(), []
    confirmed = ordered(office, "daily 09:00 mention=@oncall")
    seen.append(page("Ordered", office, confirmed))
    for number, today in enumerate(DAYS):
        archive.ingest([str(write_logs(tmp_path / f"logs {number}", trail.of(number)))], progress=quietly)
        parent = told(office)
        if office.worker.runs.get(runs(office)[0].id).receipts.get("file"):  # type: ignore[union-attr]  # it was told
            office.thread(runs(office)[0])
        seen.append(page(f"Day {number + 1}: {today.title}", office, parent))
        assert parent.notified in (frozenset(), {BOB})
        replies = office.sandbox.thread(ONCALL, parent.ts)
        assert not [reply for reply in replies if reply.notified]
        if today.snoozed:
            snooze(office, replies, today.snoozed)
    assert "\u202e" not in "".join(seen)
    assert office.sandbox.broken == []

    story = "\n".join(seen)
    if request.config.getoption("--renew-golden"):
        GOLDEN.write_text(story, encoding="utf-8")
    assert story == GOLDEN.read_text(encoding="utf-8")


def snooze(office: Office, replies: list[Message], client: str) -> None:
    (below,) = [reply for reply in replies if "actions" in kinds(reply)]
    (menu,) = [block["elements"][0] for block in below.blocks if block["type"] == "actions"]
    (option,) = [one for one in menu["options"] if client in one["text"]["text"]]
    office.click(below, "snooze", option, user=BOB)
    form(office, BOB)
    sent = office.sandbox.submit(BOB, {"days": "14", "reason": "vendor upgrades in January"})
    assert sent.errors == {}
    office.sandbox.wait_for(
        lambda: len(office.sandbox.thread(ONCALL, below.thread_ts or "")) > len(replies), what="the note"
    )


def page(title: str, office: Office, parent: Message) -> str:
    """A message and its thread as the sandbox shows them; whom it alerted, and what its graph draws."""
    heard = sorted(office.sandbox.workspace.users[user].name for user in parent.notified - {ALICE})
    drawn = [block["chart"]["series"] for block in parent.blocks if block["type"] == "data_visualization"]
    values = [
        f"({one['name']}: {', '.join(str(point['value']) for point in one['data'])})"
        for series in drawn
        for one in series
    ]
    shown = list(threaded(parent, office.sandbox.workspace))
    wide = [row for reply in office.sandbox.thread(ONCALL, parent.ts) for row in rows(reply)]
    said = "\n".join([*shown, *values, *wide, *(f"alerts {name}" for name in heard)])
    return f"# {title}\n\n{re.sub('run [0-9a-f]{8}', 'run 7f3a90c1', said)}\n\n"


def rows(message: Message) -> list[str]:
    """The rows of a message's table, uncut."""
    return [
        "    " + " | ".join(cell["text"] for cell in row)
        for block in message.blocks
        if block["type"] == "data_table"
        for row in block["rows"][1:]
    ]
