"""What `doctor` says of Slack, the database, the folders and the logs; and how `serve` and `demo` start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot import bootstrap, settings
from bot.cli.health import DEMO, HEARTBEAT
from bot.digests.digest import Digest
from bot.digests.finding import Finding, to_builtins
from bot.digests.order import parse as parse_order
from bot.question.question import Scope
from bot.sandbox import Options, Sandbox
from bot.store import schema
from bot.store.database import Database
from bot.store.digests import Digests
from handlers import connection
from tests.support.logs import odd_records, write_logs
from tests.support.terminal import SCRIPT, Done

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.terminal import TlsAudit

NOBODY = "http://127.0.0.1:9/api/"
"""Where nothing listens: the port is that of the discard protocol."""

RETRY = "  → Check the network and SLACK_API_URL, then run this again."


@pytest.fixture(autouse=True)
def _own_home(own_home: None) -> None:
    del own_home


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A Slack to which the settings lead, tokens and all."""
    options = Options(scopes=frozenset(connection.SCOPES), events=frozenset(connection.EVENTS))
    with Sandbox(options=options) as sandbox:
        monkeypatch.setenv("SLACK_BOT_TOKEN", options.bot_token)
        monkeypatch.setenv("SLACK_APP_TOKEN", options.app_token)
        monkeypatch.setenv("SLACK_API_URL", sandbox.api_url)
        yield sandbox


def serve() -> Done:
    """A bot that does not come to serve, as a process of its own."""
    done = subprocess.run([SCRIPT, "serve"], capture_output=True, text=True, check=False, timeout=60)
    return Done(done.returncode, done.stdout, done.stderr)


# --- Slack


def test_without_tokens_slack_is_not_asked_and_nothing_is_wrong_with_it(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_API_URL", NOBODY)

    assert tls_audit("doctor").out.startswith("✓ Slack: not connected; only `serve` needs it\n✓ ")


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
@pytest.mark.usefixtures("slack")
def test_one_token_without_the_other_is_named(
    name: str, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)

    done = tls_audit("doctor")

    assert done.code == 1
    assert f"✗ {name} is not set\n  → docs/slack.md says where to get it.\n" in done.out
    assert ("✓ the bot's token: " in done.out) is (name == "SLACK_APP_TOKEN")
    assert "views" in done.out


@pytest.mark.parametrize(
    ("lacking", "told"),
    [((), "✓ scopes: all granted\n"), (("files:write",), "✗ scopes: files:write missing\n")],
)
def test_scopes_are_read_from_what_slack_says_with_its_answer(
    lacking: tuple[str, ...], told: str, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(scopes=frozenset(connection.SCOPES) - {*lacking})
    with Sandbox(options=options) as sandbox:
        monkeypatch.setenv("SLACK_BOT_TOKEN", options.bot_token)
        monkeypatch.setenv("SLACK_APP_TOKEN", options.app_token)
        monkeypatch.setenv("SLACK_API_URL", sandbox.api_url)

        assert told in tls_audit("doctor").out


@pytest.mark.usefixtures("slack")
def test_a_slack_that_cannot_be_reached_is_no_matter_of_tokens(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_API_URL", NOBODY)

    first, second, third, *_ = tls_audit("doctor").out.splitlines()

    assert first.startswith("✗ the bot's token: Slack cannot be reached: ")
    assert second == RETRY
    assert third.endswith("views")
    assert "again by itself" not in first


def test_a_connection_that_is_cut_later_is_no_matter_of_tokens_either(
    slack: Sandbox, tls_audit: TlsAudit
) -> None:
    slack.faults.cut_before("apps.connections.open")
    slack.faults.cut_before("conversations.list")

    said = tls_audit("doctor").out

    assert "✗ the app-level token: Slack cannot be reached: " in said
    assert "✗ channels: Slack cannot be reached: " in said
    assert said.count(RETRY) == 2


@pytest.mark.parametrize(
    ("name", "what", "mend"),
    [
        ("SLACK_BOT_TOKEN", "the bot's token", "Set SLACK_BOT_TOKEN: Install App, Bot User OAuth Token."),
        (
            "SLACK_APP_TOKEN",
            "the app-level token",
            "Set SLACK_APP_TOKEN: Basic Information, App-Level Tokens, with connections:write.",
        ),
    ],
)
@pytest.mark.usefixtures("slack")
def test_a_token_that_slack_does_not_know_is_named_once(
    name: str, what: str, mend: str, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "other")

    assert (
        f"✗ {what}: Slack does not know this token. (invalid_auth)\n  → {mend}\n" in tls_audit("doctor").out
    )


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
@pytest.mark.usefixtures("slack")
def test_a_bot_with_a_wrong_token_does_not_start_and_sends_to_the_doctor(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "other")

    done = serve()

    assert done.code == 2
    assert done.err.endswith(
        "Slack does not know this token. (invalid_auth)\n`tls-audit doctor` checks the tokens.\n"
    )


@pytest.mark.usefixtures("slack")
def test_a_bot_that_cannot_reach_slack_at_its_start_is_a_failure_and_says_what_to_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLACK_API_URL", NOBODY)

    done = serve()

    assert done.code == 1
    assert "\nSlack cannot be reached: " in done.err
    assert done.err.endswith("\nCheck the network and SLACK_API_URL, then start it again.\n")


# --- the database, the folder


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "TLS_AUDIT_DATABASE_URL",
            "mysql://u:hidden@host/name",
            "TLS_AUDIT_DATABASE_URL is no database I know.",
        ),
        ("TLS_AUDIT_DATABASE_URL", "nonsense", "TLS_AUDIT_DATABASE_URL is no database I know."),
        ("TLS_AUDIT_DATA", "/dev/null/x", "/dev/null/x cannot be written: Not a directory."),
        ("TLS_AUDIT_VIEWS", "/nowhere", "No folder /nowhere."),
    ],
)
def test_what_is_wrong_is_told_with_its_mend_and_the_rest_is_looked_at(
    name: str, value: str, said: str, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    done = tls_audit("doctor")

    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[lines.index(f"✗ {said}") + 1].startswith("  → ")
    assert "✗ the embedded engine has no events" in done.out
    assert "hidden" not in done.out


def test_the_file_of_accounts_is_checked_and_doubled_names_are_told(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "accounts.csv"
    monkeypatch.setenv("TLS_AUDIT_ACCOUNTS", str(file))

    file.write_text(f"id,name\n{'1' * 12},prod\n{'2' * 12},lab\n{'3' * 12},Lab\n")
    good = tls_audit("doctor").out.splitlines()
    file.write_text("id,name\n1111,prod\n")
    bad = tls_audit("doctor").out.splitlines()

    assert good[2:5] == [
        "! more than one account is called `Lab`, `lab`",
        "  → Questions name them by number.",
        f"✓ 3 accounts named by {file}",
    ]
    assert bad[2:4] == [
        f"✗ TLS_AUDIT_ACCOUNTS: {file}, line 2: `1111` is not an account.",
        "  → An account is 12 digits; spreadsheets cut leading zeros.",
    ]


def test_a_broken_view_is_told_with_its_line_and_what_to_do(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.sql").write_text("-- title: x\n-- about: y\nSELECT FROM\n")
    monkeypatch.setenv("TLS_AUDIT_VIEWS", str(tmp_path))

    _, what, mend, *rest = tls_audit("doctor").out.splitlines()

    assert what.startswith(f"✗ View {tmp_path / 'broken.sql'}:3: ")
    assert mend == "  → Mend it, then run this again."
    assert rest[0].startswith("✓ runs are kept in ")


@pytest.mark.usefixtures("slack")
def test_a_bot_whose_folder_cannot_be_written_does_not_start_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TLS_AUDIT_DATA", "/dev/null/x")

    done = serve()

    assert done.code == 2
    assert done.err == (
        "/dev/null/x cannot be written: Not a directory.\nSet TLS_AUDIT_DATA to another folder.\n"
    )


# --- the logs


def test_without_logs_the_doctor_says_how_to_have_some(tls_audit: TlsAudit) -> None:
    *_, what, mend = tls_audit("doctor").out.splitlines()

    assert what.startswith("✗ the embedded engine has no events in ")
    assert mend == "  → Read some log files: `tls-audit ingest PATH`, or set TLS_AUDIT_LOGS."


def test_logs_that_nobody_has_read_yet_are_well(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    logs = write_logs(tmp_path / "logs", odd_records()).parent
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(logs))

    done = tls_audit("doctor")

    assert done.code == 0
    assert done.out.endswith(f"✓ the logs in {logs} can be read; `serve` and `ask` read them in\n")
    assert not bootstrap.archive(settings.load()).has_events()

    tls_audit("ingest")
    *_, read, has = tls_audit("doctor").out.splitlines()
    assert read == f"✓ the logs in {logs} can be read"
    assert has.startswith("✓ the embedded engine has events in ")


def test_logs_that_are_not_there_are_wrong(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(tmp_path / "logs"))

    done = tls_audit("doctor")

    assert done.code == 1
    assert done.out.endswith(
        f"✗ {tmp_path / 'logs'} cannot be read: No such file or directory.\n  → Check the path.\n"
    )


def test_a_folder_without_logs_is_wrong(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(tmp_path))
    (tmp_path / "notes.txt").write_text("no log")

    done = tls_audit("doctor")

    assert done.code == 1
    assert f"✗ there are no log files in {tmp_path}\n  → " in done.out


def test_logs_of_the_last_days_are_looked_at_and_older_folders_only_without_them(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(tmp_path))
    old = write_logs(tmp_path / "2024/01/01", odd_records())
    (old.parent / "gone.json").symlink_to(tmp_path / "nowhere")
    assert f"! the logs in {tmp_path} can be read, but not all" in tls_audit("doctor").out

    write_logs(tmp_path / f"{datetime.now(UTC):%Y/%m/%d}", odd_records())
    assert f"✓ the logs in {tmp_path} can be read" in tls_audit("doctor").out


def test_a_log_that_cannot_be_read_is_named(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(tmp_path / "logs"))
    log = write_logs(tmp_path / "logs", odd_records())
    (log.parent / "gone.json").symlink_to(tmp_path / "nowhere")
    named = f"{log.parent / 'gone.json'}: it cannot be read: No such file or directory\n  → "

    one, read, told = tls_audit("doctor"), tls_audit("ingest"), tls_audit("doctor")
    log.unlink()
    none = tls_audit("doctor")

    assert (one.code, read.code, told.code, none.code) == (0, 1, 0, 1), (
        "one stray file is no failure for ever"
    )
    assert f"! the logs in {log.parent} can be read, but not all:\n    {named}" in one.out
    assert told.out.count(named) == 1
    assert f"✗ {named}" in none.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_log_that_may_not_be_read_is_named(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(tmp_path / "logs"))
    log = write_logs(tmp_path / "logs", odd_records())
    log.chmod(0)

    assert f"✗ {log}: it cannot be read: Permission denied\n  → " in tls_audit("doctor").out


# --- for programs


def test_the_doctor_speaks_json_too_a_line_for_each_check(tls_audit: TlsAudit) -> None:
    said, told = tls_audit("doctor", "--json"), tls_audit("doctor")

    checks = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == told.code == 1
    assert [check["passed"] for check in checks] == [True, True, True, False]
    assert [f"{'✓' if check['passed'] else '✗'} {check['what']}" for check in checks] == [
        line for line in told.out.splitlines() if not line.startswith("  ")
    ]
    assert f"  → {checks[-1]['mend']}" in told.out


@pytest.mark.usefixtures("slack")
def test_swapped_tokens_are_said_before_slack_is_asked(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, app = os.environ["SLACK_BOT_TOKEN"], os.environ["SLACK_APP_TOKEN"]
    monkeypatch.setenv("SLACK_BOT_TOKEN", app)
    monkeypatch.setenv("SLACK_APP_TOKEN", bot)

    done = tls_audit("doctor")

    assert done.code == 2
    assert done.err.startswith("SLACK_BOT_TOKEN holds an app-level token (xapp-…)")
    assert bot not in done.err
    assert app not in done.err


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": ""}, "eu-west-1"),
    ],
)
def test_the_region_is_aws_default_region_or_else_aws_region(
    given: dict[str, str], region: str, tmp_path: Path
) -> None:
    env = {**os.environ, "HOME": str(tmp_path), **given}
    if "AWS_DEFAULT_REGION" not in given:
        env.pop("AWS_DEFAULT_REGION", None)
    code = (
        "import sys; from bot.cli.main import main; import boto3\n"
        "sys.argv = ['tls-audit', '--version']\n"
        "try: main()\n"
        "except SystemExit: print(boto3.session.Session().region_name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.splitlines() == [f"tls-audit {version('tls-audit')}", region]


# --- the demo's mark


def test_a_demo_leaves_no_mark_where_a_bot_would_and_is_well_all_the_same(tmp_path: Path) -> None:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    scratch.mkdir()
    env = {**os.environ, "XDG_DATA_HOME": str(home), "TMPDIR": str(scratch)}

    def health(*more: str) -> int:
        done = subprocess.run(
            [SCRIPT, "health", *more], check=False, env=env, stderr=subprocess.PIPE, text=True
        )
        assert ("No bot is well here" in done.stderr) == bool(done.returncode)
        return done.returncode

    command = [SCRIPT, "demo", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        assert "A Slack to try TLS Audit in" in process.stdout.readline()
        try:
            until = time.monotonic() + 10
            while not [*scratch.glob(f"{DEMO}*/{HEARTBEAT}")] and time.monotonic() < until:
                time.sleep(0.1)
            assert (health("--or-demo"), health()) == (0, 1)
        finally:
            process.terminate()
    assert process.returncode == 0
    assert health("--or-demo") == 1
    assert not home.exists()
    assert list(scratch.iterdir()) == []


def test_the_container_is_well_while_it_serves_or_shows_the_demo() -> None:
    dockerfile = (Path(__file__).parents[2] / "Dockerfile").read_text(encoding="utf-8")

    assert 'CMD ["tls-audit", "health", "--or-demo"]' in dockerfile


# --- owners


def test_it_counts_the_rules_of_owners_and_lists_what_nobody_owns(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "owners.csv"
    file.write_text("team,app\nweb,boto\n", encoding="utf-8")
    monkeypatch.setenv("TLS_AUDIT_OWNERS", str(file))
    assert f"✓ 1 rule for 1 team in {file}" in tls_audit("doctor").out
    day = date(2026, 11, 22)
    with closing(Database(settings.load().database)) as database:
        digests = Digests(database)
        schedule = parse_order("daily 09:00", zone="UTC").schedule
        number = digests.add(Digest(0, "U1", "C1", schedule, Scope.read(""), None, datetime.now(UTC))).id
        found = [
            Finding("s3.amazonaws.com", f"arn:aws:iam::1:role/{who}\u202e", client, day, day, day, 1, 1)
            for who, client in (("export", "Boto/2"), ("backup", "curl/7"))
        ]
        with database.write() as connection:
            for each in found:
                body = json.dumps(to_builtins(each))
                row = {"digest": number, "id": each.id, "last": day.isoformat(), "body": body}
                connection.execute(schema.findings.insert().values(**row))

    said = tls_audit("doctor").out
    assert "! 1 finding of digests without a known owner: backup\\u202e → s3\n  → Add rows" in said

    file.write_text("team,app\nweb\n,boto\n", encoding="utf-8")
    refused = tls_audit("doctor")
    assert "✗ TLS_AUDIT_OWNERS, line 3: no `team`.\n  → Each rule names one." in refused.out
