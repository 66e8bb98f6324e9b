"""The bot at work as who runs it sees it: audit, health, metrics; and what it does while things are away."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sqlite3
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from bot import bootstrap
from bot.ops import logs
from bot.sandbox import Command, ManualClock, Options, Sandbox
from bot.settings import Settings
from handlers import connection
from handlers.digests.shown import DIGEST_COMMAND as DIGESTS
from handlers.questions.commands import COMMAND
from handlers.replies import SLOW
from tests.crash.proxy import Proxy
from tests.scenarios.office import ALICE, BOB, RANDOM, SECURITY, eventually, words
from tests.scenarios.on_call import ordered, runs, told
from tests.support.workers import ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.archive.archive import Archive
    from bot.store.run import Run
    from tests.scenarios.office import Office, RetryLater
    from tests.support.postgres import Postgres

QUESTION = "2026-11-09..2026-11-23 service=s3"
"""Of days that are past whenever this is read, in the middle of the samples."""


# --- the whole bot, as `serve` runs it


@dataclass
class Served:
    """The bot of `app.bot` at a Slack, and what it has logged."""

    sandbox: Sandbox
    bot: bootstrap.Bot
    port: int
    written: io.StringIO

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """The samples of /metrics by name and labels."""
        status, text = self.get("/metrics")
        assert status == 200
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.getvalue().splitlines()]

    def audited(self, count: int) -> list[dict[str, Any]]:
        """The lines of audit, once there are so many; the last one comes a moment after its answer."""

        def look() -> list[dict[str, Any]] | None:
            found = [line for line in self.lines() if line["logger"] == "tls_audit.audit"]
            return found if len(found) >= count else None

        for _ in range(1_000):
            if (found := look()) is not None:
                return found
            threading.Event().wait(0.01)
        raise TimeoutError(f"{count} lines of audit did not come:\n{self.written.getvalue()}")

    def ask(self, text: str, *, user: str = ALICE, channel: str = SECURITY) -> Run:
        """Type a question, and wait for its end."""
        self.sandbox.acknowledged(self.sandbox.command(user, channel, COMMAND, text))
        run = self.bot.worker.runs.latest(user, 1)[0]
        done = ended(self.bot.worker, run.id, 20)
        assert done is not None
        return done


@contextmanager
def serving(folder: Path, archive: Archive, **settings: Any) -> Iterator[Served]:
    """The whole bot at a Slack, with a port for who watches it."""
    options = Options(
        scopes=frozenset(connection.SCOPES),
        events=frozenset(connection.EVENTS),
        commands=tuple(Command(*each) for each in connection.COMMANDS),
    )
    sandbox = Sandbox(options=options, rate_limits=False)
    written = io.StringIO()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as env:
        for name in [name for name in os.environ if name.startswith("TLS_AUDIT_")]:
            env.delenv(name)
        env.setenv("SLACK_BOT_TOKEN", options.bot_token)
        env.setenv("SLACK_APP_TOKEN", options.app_token)
        stack.enter_context(sandbox)
        chosen = Settings().model_copy(
            update={
                "data": folder / "data",
                "archive": archive.folder,
                "slack_api_url": sandbox.api_url,
                "status_port": 0,
                **settings,
            }
        )
        root = logging.getLogger()
        level = root.level
        logs.set_up(written, secrets=chosen.secrets)
        stack.callback(_quiet, root, level)
        at_work = stack.enter_context(bootstrap.bot(chosen))
        # the SDK looks up from its socket every three seconds, or when that breaks
        stack.callback(threading.Timer(0.1, sandbox.cut_sockets).start)
        sandbox.wait_for(lambda: sandbox.sockets, what="the app's connection")
        (said,) = re.findall(r"health and metrics are at http://127.0.0.1:(\d+)", written.getvalue())
        yield Served(sandbox, at_work, int(said), written)


def _quiet(root: logging.Logger, level: int) -> None:
    for handler in [each for each in root.handlers if isinstance(each.formatter, logs.Lines)]:
        root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, archive: Archive) -> Iterator[Served]:
    """The whole bot, for what leaves it as it was."""
    with serving(tmp_path_factory.mktemp("served"), archive, channels=f"{SECURITY} C_ONCALL") as one:
        yield one


def test_of_every_question_one_line_says_who_asked_what_where_and_what_came_of_it(served: Served) -> None:
    before = len(served.audited(0))
    done = served.ask(QUESTION)
    text = "last 7d agent=<!channel>\u202e"
    served.sandbox.acknowledged(served.sandbox.command(BOB, RANDOM, COMMAND, text))

    first, second = served.audited(before + 2)[before:]
    assert {"run": done.id, "who": ALICE, "where": SECURITY, "what": QUESTION}.items() <= first.items()
    assert {"event": "question", "outcome": "done", "engine": "local", "error": None}.items() <= first.items()
    assert first["rows"] == done.rows
    assert isinstance(first["bytes"], int)
    assert len(first["sql"]) == 3, "the answer's, the coverage's, and what others negotiate"
    assert "s3.amazonaws.com" in first["sql"][0]
    assert {"run": None, "who": BOB, "where": RANDOM, "outcome": "refused"}.items() <= second.items()
    assert "not one of the channels" in second["error"]


def test_every_line_of_the_log_is_json_and_holds_no_token(served: Served) -> None:
    served.ask(QUESTION)
    written = served.written.getvalue()
    assert written.isascii()
    assert all({"time", "level", "logger", "event"} <= line.keys() for line in served.lines())
    assert "xoxb-" not in written
    assert "xapp-" not in written
    assert re.search(r"ticket=(?!\\u2026)", written) is None


def test_a_bot_that_is_well_says_so(served: Served) -> None:
    assert served.get("/healthz") == (200, "ok\n")


def test_the_metrics_count_what_was_asked_and_how_long_it_took(served: Served) -> None:
    before = served.metrics()
    served.sandbox.faults.ratelimit("chat.postMessage", retry_after=0)
    count = len(served.audited(0))

    served.ask(QUESTION)

    served.audited(count + 1)
    # the figures come a moment after the line
    ended = 'tls_audit_runs_ended_total{kind="question",outcome="done"}'
    now = eventually(served.metrics, "the count", lambda found: found[ended] == before.get(ended, 0) + 1)
    for phase in ("queued", "asking", "posting"):
        name = f'tls_audit_run_seconds_count{{phase="{phase}"}}'
        now = eventually(served.metrics, name, lambda found, name=name: found[name] == before[name] + 1)  # type: ignore[misc]  # mypy infers no lambda with a default
    limited = 'tls_audit_slack_refusals_total{error="ratelimited",method="chat.postMessage"}'
    assert now[limited] == before.get(limited, 0) + 1
    assert now['tls_audit_runs{state="done"}'] == before.get('tls_audit_runs{state="done"}', 0) + 1
    assert now['tls_audit_newest_event_timestamp_seconds{engine="local"}'] > 1_700_000_000
    assert now['tls_audit_sockets{whose="held"}'] == 1
    assert now['tls_audit_sockets{whose="known"}'] == 1


def test_a_connection_that_is_renewed_is_no_ghost_and_one_more_than_there_are_is(served: Served) -> None:
    def warned() -> list[dict[str, Any]]:
        return [line for line in served.lines() if "some are dead" in line["event"]]

    def renewed() -> int:
        seen = len(served.sandbox.calls("apps.connections.open"))
        served.sandbox.refresh_sockets()
        served.sandbox.wait_for(
            lambda: len(served.sandbox.calls("apps.connections.open")) > seen and served.sandbox.sockets == 1,
            what="a new connection",
        )
        return int(served.metrics()['tls_audit_sockets{whose="known"}'])

    renewed()
    assert served.ask(QUESTION).state == "done"
    assert warned() == []
    assert served.metrics()['tls_audit_sockets{whose="known"}'] == 1

    served.sandbox.ghosts(2)
    try:
        renewed()
        found = eventually(
            served.metrics, "the sockets", lambda found: found['tls_audit_sockets{whose="known"}'] == 3
        )
    finally:
        served.sandbox.ghosts(0)
    assert found['tls_audit_sockets{whose="held"}'] == 1
    assert len(warned()) == 1
    assert "Slack knows 3 connections of this app" in warned()[0]["event"]


# --- the database away


@contextmanager
def away(url: str) -> Iterator[None]:
    """The database is of no use meanwhile: SQLite is locked by another, PostgreSQL lets nobody in."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as administrator:
        let = "ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}"
        administrator.execute(sql.SQL(let).format(sql.Identifier(name), sql.SQL("false")))
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        try:
            yield
        finally:
            administrator.execute(sql.SQL(let).format(sql.Identifier(name), sql.SQL("true")))


def test_while_the_database_is_away_questions_are_refused_in_words_and_work_goes_on_after(
    opened: Callable[..., Office], patient: RetryLater, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    office = opened(database_url=database_url, slacks_clock=ManualClock())
    run = office.opened(office.ask("last 7d engine=patient"))

    with away(database_url):
        office.type("last 7d service=s3")
        said = words(office.whisper())
        patient.go.set()

    assert "The bot's database cannot be used." in said
    assert "Nothing was taken on. Ask again in a minute; if that does not help, tell whoever runs" in said
    assert "The bot's log says more." in said
    where = "The bot's database cannot be used: "
    office.sandbox.wait_for(
        lambda: any(where in each.getMessage() for each in list(caplog.records)), what="where, in the log"
    )
    assert office.ended(run).state == "done"
    assert [one.id for one in office.worker.runs.latest(ALICE, 9)] == [run.id]
    assert office.answered("last 7d service=s3").state == "done"


def test_while_the_database_is_away_digests_forms_and_buttons_are_refused_in_words(
    opened: Callable[..., Office], database_url: str
) -> None:
    office = opened(database_url=database_url, slacks_clock=ManualClock())
    table = office.table(office.answered("last 7d"))
    office.type("")
    office.sandbox.wait_for(lambda: office.sandbox.view_of(ALICE), what="the form")

    with away(database_url):
        office.sandbox.acknowledged(office.sandbox.command(ALICE, SECURITY, DIGESTS, "daily 09:00"))
        ordered_ = words(office.whisper())
        sent = office.sandbox.submit(ALICE, {"service": "s3"})
        count = len(office.sandbox.ephemerals(ALICE))
        office.click(table, "rerun")
        office.sandbox.wait_for(lambda: len(office.sandbox.ephemerals(ALICE)) > count, what="a word on it")
        pressed = words(office.whisper())

    assert "database cannot be used" in ordered_
    assert "database cannot be used" in " ".join(sent.errors.values())
    assert "database cannot be used" in pressed
    assert office.worker.digests.all() == []
    assert len(office.worker.runs.latest(ALICE, 9)) == 1


@pytest.fixture
def hanging(opened: Callable[..., Office], postgres: Postgres) -> Iterator[tuple[Office, Proxy]]:
    """An office, and the line to its database, which can be made to hang. Connections are at hand for all
    that is to come: new ones would be refused within two seconds."""
    with Proxy(postgres.port) as proxy:
        there = postgres.url().replace(str(postgres.port), str(proxy.port))
        office = opened(database_url=there, slacks_clock=ManualClock())
        with ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(office.worker.runs._database.read())  # noqa: SLF001 - the pool is its own
        yield office, proxy


def test_while_the_database_hangs_a_command_is_acknowledged_in_words_and_answered_after(
    hanging: tuple[Office, Proxy],
) -> None:
    office, proxy = hanging
    proxy.hang()
    office.type("last 7d service=s3")
    assert words(office.whisper()) == SLOW
    office.sandbox.acknowledged(office.sandbox.command(ALICE, SECURITY, DIGESTS, "list"))
    assert len(office.sandbox.ephemerals(ALICE)) == 2
    proxy.mend()

    (run,) = eventually(lambda: office.worker.runs.latest(ALICE, 9), "the run")
    assert office.ended(run).state == "done"
    listed = office.sandbox.wait_for(lambda: office.sandbox.ephemerals(ALICE)[2:], what="the list")
    assert "database" not in words(listed[0])


def test_a_button_that_asks_is_acknowledged_once_the_question_is_kept(hanging: tuple[Office, Proxy]) -> None:
    office, proxy = hanging
    table = office.table(office.answered("last 7d"))
    proxy.hang()
    pressed = office.sandbox.click(ALICE, table, "rerun")
    # one after the other: by now, what is acknowledged at once has been
    office.type("last 7d service=s3")
    assert not pressed.over
    proxy.mend()

    office.sandbox.acknowledged(pressed)
    assert [one.typed for one in office.worker.runs.latest(ALICE, 9)].count("last 7d") == 2


def test_an_event_that_could_not_be_kept_is_not_acknowledged_and_comes_again(
    opened: Callable[..., Office], database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    office = opened(database_url=database_url, slacks_clock=clock)

    with away(database_url):
        office.sandbox.mention(BOB, SECURITY, "last 7d service=s3")
        eventually(lambda: caplog.text, "the warning", lambda text: "nothing was taken on" in text)
    assert [each for each in office.sandbox.traffic if each.what == "ack"] == []

    clock.advance(3)  # Slack waits no longer, and delivers it again at once
    run = office.ended(office.new_run(set(), BOB))
    assert run.state == "done"
    assert len(office.worker.runs.latest(BOB, 9)) == 1
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_what_is_wrong_with_a_mention_is_said_when_it_comes_again_if_it_could_not_be_said_before(
    opened: Callable[..., Office], database_url: str
) -> None:
    clock = ManualClock()
    office = opened(database_url=database_url, slacks_clock=clock)
    office.sandbox.faults.error("chat.postEphemeral", "internal_error")

    office.sandbox.mention(BOB, SECURITY, "last fortnite")
    office.sandbox.wait_for(lambda: office.sandbox.calls("chat.postEphemeral"), what="the first try")
    clock.advance(3)

    assert "fortnite" in words(office.whisper(BOB))
    clock.advance(60)  # and again, whether or not it was acknowledged
    assert len(office.sandbox.ephemerals(BOB)) == 1


def test_health_says_that_the_database_is_away_and_when_it_is_back(
    tmp_path: Path, archive: Archive, postgres: Postgres
) -> None:
    url = postgres.url()
    with serving(tmp_path, archive, database_url=url) as served:
        with away(url):
            status, said = served.get("/healthz")
            assert status == 503
            assert said == "The bot's database cannot be used.\n"
            assert 'tls_audit_sockets{whose="held"} 1.0' in served.get("/metrics")[1]
        assert (
            eventually(lambda: served.get("/healthz"), "health", lambda found: found[0] == 200)[1] == "ok\n"
        )


# --- what comes again


@pytest.mark.parametrize("text", ["last 7d servcie=s3", "help", "runs"])
def test_what_is_whispered_on_an_event_that_is_delivered_twice_is_whispered_once(
    office: Office, text: str
) -> None:
    office.sandbox.faults.repeat_events()
    office.sandbox.mention(BOB, SECURITY, text)
    office.sandbox.wait_for(lambda: len(office.sandbox.calls("ack")) == 2, what="two acknowledgements")
    assert len(office.sandbox.ephemerals(BOB)) == 1


# --- what is kept


def forgotten(office: Office, run: Run) -> None:
    """Return once a run is not kept any more."""
    eventually(lambda: office.worker.runs.get(run.id) is None, "the end of the run's record")


def test_after_ninety_days_a_run_is_forgotten_with_its_file_and_a_younger_one_is_not(office: Office) -> None:
    old = office.answered("last 7d service=s3")
    assert office.file(old).shares
    office.clock.advance(timedelta(days=45).total_seconds())
    young = office.answered("2026-11-16..2026-11-23 service=s3")
    office.clock.advance(timedelta(days=45, hours=1).total_seconds())

    forgotten(office, old)

    assert [file.id for file in office.sandbox.files] == [office.file(young).id]
    assert [run.id for run in office.worker.runs.latest(ALICE, 9)] == [young.id]
    assert words(office.parent(old)), "what was said stays said"


def test_a_run_that_has_not_ended_is_kept_however_old(
    opened: Callable[..., Office], patient: RetryLater
) -> None:
    office = opened(keep=timedelta(days=1))
    old = office.answered("last 7d service=s3")
    waits = office.opened(office.ask("last 7d engine=patient"))
    office.clock.advance(timedelta(days=2).total_seconds())
    forgotten(office, old)
    assert office.worker.runs.get(waits.id) is not None
    patient.go.set()


def test_findings_and_what_was_told_of_them_are_forgotten_too(on_call: Office) -> None:
    ordered(on_call)
    told(on_call)
    on_call.worker.digests.pause(1)
    assert on_call.worker.digests.findings(1) != []

    on_call.clock.advance(timedelta(days=92).total_seconds())

    eventually(lambda: on_call.worker.digests.findings(1) == [], "the end of the findings")
    eventually(lambda: on_call.worker.digests.last_report(1) is None, "the end of what was told")
    assert runs(on_call) == []


def test_a_digest_is_told_however_long_it_takes_to_forget_what_is_old(on_call: Office) -> None:
    ordered(on_call)
    told(on_call)
    held = on_call.sandbox.faults.hold("files.delete")
    on_call.clock.advance(timedelta(days=91).total_seconds())
    held.arrived()
    before = {run.id for run in runs(on_call)}

    on_call.clock.advance(timedelta(days=1).total_seconds())

    due = eventually(lambda: [run for run in runs(on_call) if run.id not in before], "the digest")
    assert on_call.ended(due[0]).state == "done"
    held.release()
