"""On call: what people do about digests and see of them, and a trail of events that a test lays out.

No time passes but the office's: `due` and `told` move its clock on to when a digest is due.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.engines import Engine, Statement
from bot.errors import EngineError
from bot.store.run import DigestTask, PreviewTask
from bot.table import Table
from handlers.digests.shown import DIGEST_COMMAND
from tests.conftest import NOW
from tests.scenarios.office import ALICE, words
from tests.support.workers import ended

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from sqlglot import exp

    from bot.engines import Progress, Sources
    from bot.sandbox import Message, Submission, View
    from bot.store.run import Run
    from bot.table import Column, Row
    from tests.scenarios.office import Office

ONCALL: Final = "C_ONCALL"
EXPORT: Final = "arn:aws:iam::111122223333:role/nightly-export"


class Trail(Engine):
    """An engine that answers what a test laid before it: the findings of a period, and what was read."""

    name = "trail"
    metered = True

    def __init__(self) -> None:
        self.calls: dict[str, int] = {"Boto/2.38.0": 100}
        """Calls of the period, by client."""
        self.services: dict[str, str] = {}
        """Which service a client calls, where that is not S3."""
        self.late: dict[str, int] = {}
        """Calls of the period before, asked again."""
        self.modern: dict[str, int] = {}
        """Calls over newer TLS, by client: they are told where all calls of one client are asked for."""
        self.unsaid = 0
        """Calls that do not say their TLS, where all calls of one client are asked for."""
        self.earlier: dict[str, int] = {}
        """Calls of the days before a first digest, by client: how many days before it is asked each began."""
        self.events = 5_912_004
        self.newest: datetime | None = None
        """None: shortly before it is asked."""
        self.known: Sources | None = None
        """What it knows of its sources."""
        self.error: EngineError | None = None
        self.reads = 0
        """Bytes that each statement reads."""
        self.refused = ""
        """A step that is not answered."""
        self.refused_of_one = False
        """Whether questions about one client are not answered."""
        self.asked: list[str] = []
        self.clock: Callable[[], datetime] = lambda: NOW

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        return Statement(select.sql("trino"), tuple(columns))

    def run(self, statement: Statement, *, token: str, resume: str | None, progress: Progress) -> Table:
        del resume
        progress(None, "running", 0)
        step = token.partition("/")[2]
        self.asked.append(step)
        if self.error is not None:
            raise self.error
        if step == self.refused:
            raise EngineError("The store keeps nothing so old.")
        newest = self.newest or self.clock() - timedelta(minutes=2)
        oldest = newest - timedelta(days=30)
        # a coverage of events that say all there is to say but their version
        says_all = [0 if column.type == "INTEGER" else None for column in statement.columns[5:]]
        of_one = "LOWER(userAgent) LIKE" in statement.sql
        all_of_one = self._rows(self.calls | self.modern)
        covered: Row = ("s3.amazonaws.com", self.events, self.events // 48, oldest, newest, *says_all)
        if of_one and self.refused_of_one:
            raise EngineError("The store keeps nothing so old.")
        if of_one:
            covered = ("s3.amazonaws.com", sum(self.modern.values()), self.unsaid, oldest, newest, *says_all)
        answers: dict[str, list[Row]] = {
            "answer": all_of_one if of_one else self._rows(self.calls),
            "before": self._rows(self.late),
            "coverage": [covered],
            "earlier": [
                ("s3.amazonaws.com", EXPORT, client, newest - timedelta(days=back), newest, 1)
                for client, back in self.earlier.items()
            ],
            "earlier-coverage": [("s3.amazonaws.com", 9, 0, oldest, newest, *says_all)],
            "since": [("s3.amazonaws.com", 9, 0, newest, newest, *says_all)],
        }
        return Table(statement.columns, [answers[step] if self.events else []], scanned=self.reads)

    def sources(self, start: datetime | None = None, end: datetime | None = None) -> Sources | None:
        del start, end
        return self.known

    def _rows(self, calls: dict[str, int]) -> list[Row]:
        when = self.clock() - timedelta(hours=12)
        return [
            (self.services.get(client, "s3.amazonaws.com"), EXPORT, client, when, when, count, 0)
            for client, count in calls.items()
        ]


# --- doing and seeing


def type_(office: Office, text: str, *, user: str = ALICE, channel: str = ONCALL) -> None:
    office.sandbox.acknowledged(office.sandbox.command(user, channel, DIGEST_COMMAND, text))


def removed(office: Office, number: int = 1) -> Message:
    """Remove a digest, and confirm it; what its channel is told."""
    earlier = office.sandbox.workspace.in_channel(ONCALL)
    type_(office, f"remove {number}")
    office.click(office.whisper(), "remove_digest")
    return said(office, f"@U_ALICE removed digest {number}", but=earlier)


def said(office: Office, text: str, channel: str = ONCALL, but: Collection[Message] = ()) -> Message:
    """The newest message of a channel that says `text`, once it does, `but` for some."""
    known = {message.ts for message in but}

    def look() -> Message | None:
        every = reversed(office.sandbox.workspace.in_channel(channel))
        fits = (message for message in every if message.ts not in known and text in words(message))
        return next(fits, None)

    return office.sandbox.wait_for(look, what=f"“{text}” in {channel}")


def whispered(office: Office, text: str, user: str = ALICE) -> str:
    """The newest thing that only one person sees, once it says `text`."""

    def look() -> str | None:
        told = [words(message) for message in office.sandbox.ephemerals(user)]
        return told[-1] if told and text in told[-1] else None

    return office.sandbox.wait_for(look, what=f"“{text}” for {user} alone")


def ordered(office: Office, text: str = "daily 09:00", **where: str) -> Message:
    """Order a digest; its confirmation."""
    count = len(office.worker.digests.all())
    type_(office, text, **where)
    digest = office.worker.digests.all()[-1]
    assert len(office.worker.digests.all()) == count + 1
    return said(office, f"ordered digest {digest.id}", digest.channel)


def runs(office: Office, number: int = 1) -> list[Run]:
    """The digest's runs and previews, newest first."""
    every = office.worker.runs.latest("", 1_000)
    return [
        run for run in every if isinstance(run.task, DigestTask | PreviewTask) and run.task.digest == number
    ]


def due(office: Office, number: int = 1) -> Run:
    """Move on to when a digest is due, and have it told; its run, which is under way."""
    digest = office.worker.digests.get(number)
    assert digest is not None
    assert digest.due is not None
    office.clock.now = max(office.clock.now, digest.due)
    office.worker.scheduler.schedule_due()
    return runs(office, number)[0]


def told(office: Office, number: int = 1) -> Message:
    """The same, and its message once all of it is posted."""
    run = office.ended(due(office, number))
    assert run.state == "done", run
    return office.parent(run)


def awaited(run: Run) -> str | None:
    """The scan that a digest awaits."""
    assert isinstance(run.task, DigestTask)
    return run.task.awaits


def failed(office: Office, run: Run, scan: str | None) -> str | None:
    """What a digest awaits after a scan of its own has failed: the next one, which is queued."""
    for _ in range(1_000):
        now = ended(office.worker, run.id, 0.02)
        assert now is not None
        if awaited(now) != scan:
            return awaited(now)
    raise TimeoutError(f"the scan {scan} has not failed")


def form(office: Office, user: str = ALICE) -> View:
    return office.sandbox.wait_for(lambda: office.sandbox.view_of(user), what="the form")


def edited(office: Office, changes: dict[str, Any]) -> Submission:
    """Edit the digest of the channel by its form."""
    type_(office, "edit")
    form(office)
    return office.sandbox.submit(ALICE, changes)


def held(view: View, name: str) -> Any:
    """What an input of a form holds."""
    (value,) = view.json()["state"]["values"][name].values()
    return value.get("value") or value.get("selected_conversation")


def home(office: Office) -> str:
    """What App Home shows Alice now."""
    before = office.sandbox.home(ALICE)
    office.sandbox.open_home(ALICE)

    def look() -> View | None:
        now = office.sandbox.home(ALICE)
        return None if now is before else now

    shown = office.sandbox.wait_for(look, what="the Home tab").json()["blocks"]
    runs = [block for block in shown if block["type"] == "rich_text"]
    return "\n".join(
        "".join(run.get("text", "") for section in block["elements"] for run in section["elements"])
        for block in runs
    )
