"""The bot as it is delivered: put together by `app`, at its own pace, at a Slack that counts calls."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from bot import bootstrap
from bot.cli.main import command_line
from bot.demo import playground
from bot.sandbox import Command, Options, Sandbox
from bot.settings import Settings
from handlers import connection
from handlers.questions.commands import COMMAND
from tests.scenarios.office import ALICE, BOB, SECURITY, words
from tests.support.workers import ended

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from bot.archive.archive import Archive
    from bot.sandbox import Message


def test_several_questions_at_once_stay_below_every_limit_of_slacks(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(
        scopes=frozenset(connection.SCOPES),
        events=frozenset(connection.EVENTS),
        commands=(Command(COMMAND),),
    )
    with Sandbox(options=options) as sandbox:
        for name, value in {
            "SLACK_BOT_TOKEN": options.bot_token,
            "SLACK_APP_TOKEN": options.app_token,
            "SLACK_API_URL": sandbox.api_url,
            "TLS_AUDIT_DATA": str(tmp_path),
            "TLS_AUDIT_ARCHIVE": str(archive.folder),
        }.items():
            monkeypatch.setenv(name, value)
        with bootstrap.bot(Settings()) as bot:
            assert bot.is_well()
            for user, text in ((ALICE, "2026-11-09..2026-11-22"), (BOB, "2026-11-09..2026-11-22 service=s3")):
                sandbox.acknowledged(sandbox.command(user, SECURITY, COMMAND, text))
            runs = [run for user in (ALICE, BOB) for run in bot.worker.runs.latest(user, 1)]
            assert [done.state for run in runs if (done := ended(bot.worker, run.id, 30))] == [
                "done",
                "done",
            ]
            parents = sandbox.messages(SECURITY)
        assert not bot.is_well()

    assert all("🔴" in words(parent) for parent in parents)
    assert sandbox.broken == []


def test_nothing_is_left_running_after_a_demo(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("/tls-audit last 7d service=s3\n/tls-audit help\n")
    start = [sys.executable, "-W", "error", "-c", "from bot.cli.main import main; main()"]
    done = subprocess.run(
        [*start, "demo", "--no-browser", "--port", "0", "--script", str(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "🔴" in done.stdout
    assert "tls-audit_calls_" in done.stdout


def test_a_scripts_line_is_told_with_all_that_comes_of_it_and_no_logs_of_ones_own_are_read(
    tmp_path: Path,
) -> None:
    with playground.running(Settings(logs=str(tmp_path)), "127.0.0.1", 0) as (sandbox, bot):
        assert "reading logs" not in {thread.name for thread in threading.enumerate()}
        ordered, told, private, elsewhere, absent = (
            playground.play(sandbox, bot.worker, line)
            for line in (
                "/tls-digest daily 09:00",
                "/tls-digest now 1",
                "/tls-audit private last 7d",
                "/tls-digest daily 09:00 #on-call",
                "/tls-audit last 7d engine=lake",
            )
        )
        # a form is all that comes of these, and nobody waits for more
        assert playground.play(sandbox, bot.worker, "/tls-digest") == "> /tls-digest\n"

    assert "@alice ordered digest 1" in ordered
    assert "@alice asked for a preview of digest 1: the last 24 hours." in told
    assert "No digest was told yet that could say which are new." in told
    assert "tls-audit_preview-1_" in told
    assert "The answer comes to your messages with me." in private
    assert "tls-audit_services_" in private
    assert "@alice ordered digest 2" in elsewhere
    assert "No engine lake.\nEngines: local" in absent
    assert "asks:" not in absent


def test_the_demo_has_two_weeks_behind_it_and_a_question_slow_enough_to_cancel(tmp_path: Path) -> None:
    with playground.running(Settings(logs=str(tmp_path)), "127.0.0.1", 0, with_past=True) as (sandbox, _):
        digest = sandbox.wait_for(
            lambda: next((one for one in sandbox.messages("C_ONCALL") if " new (" in one.text), None),
            seconds=60,
        )
        assert "1 new (vendor-sync → s3), " in digest.text
        for state in (" still open (oldest ", " known, ", "1 resolved · "):
            assert state in digest.text
        drawn = next(block for block in digest.blocks if block["type"] == "data_visualization")
        assert len(drawn["chart"]["axis_config"]["categories"]) == 14

        (welcome,) = sandbox.messages("C_SECURITY")
        sandbox.acknowledged(sandbox.click("U_ALICE", welcome, "reading_2"))

        def last() -> Message | None:
            message = sandbox.messages("C_SECURITY")[-1]
            return message if "running" in message.text else None

        slow = sandbox.wait_for(last, seconds=60)
        sandbox.acknowledged(sandbox.click("U_ALICE", slow, "cancel"))
        sandbox.wait_for(lambda: "⚠️ Cancelled" in sandbox.messages("C_SECURITY")[-1].text, seconds=60)
        assert sandbox.broken == []


def test_an_empty_script_plays_nothing_and_takes_no_port(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("# nothing\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(command_line(), ["demo", "--port", port, "--script", str(script)])

    assert (done.exit_code, done.output) == (0, "")
