"""A secret in every setting, thrown at every command and at failures: it is written nowhere."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

from bot import settings
from bot.bootstrap import bot
from bot.cli.main import main
from bot.errors import BotError
from bot.ops import logs
from bot.ops.metrics import Metrics
from bot.secrets import Hiding, Secrets, of_environment, of_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN: Final = "xoxb-1111-2222-SeCrEtSeCrEt"  # noqa: S105 - it opens nothing
APP_TOKEN: Final = "xapp-1-A01-3333-SeCrEtSeCrEt"  # noqa: S105 - likewise
PASSWORD: Final = "hunter2/+ SeCrEt"  # noqa: S105 - likewise
KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY_ID: Final = "AKIAIOSFODNN7EXAMPLE"

PLACES: Final = {
    "SLACK_BOT_TOKEN": TOKEN,
    "SLACK_APP_TOKEN": APP_TOKEN,
    "AWS_SECRET_ACCESS_KEY": KEY,
    "AWS_SESSION_TOKEN": "IQoJSeCrEt" * 5,
    "PGPASSWORD": PASSWORD,
}
"""What is a secret wherever these are read."""

LOOKS: Final = (
    TOKEN,
    f"{TOKEN}\n",
    f"https://user:{quote(PASSWORD, safe='')}@127.0.0.1:1/",
    f"postgresql://u@127.0.0.1:1/db?password={quote(PASSWORD, safe='')}",
    f"postgresql://u:{quote(PASSWORD, safe='')}@127.0.0.1:1/db",
    "https://hooks.slack.com/commands/T1/2/SeCrEt",
    "13345224609.738474920.8088930838d88f008e0",
    KEY,
    KEY_ID,
    f"s3://bucket/x?X-Amz-Signature={'ab' * 32}",
)
"""What is one by its looks, in whichever setting it lands."""

COMMANDS: Final = (
    "doctor",
    "serve",
    "health",
    "views",
    "ingest",
    "ask last 7d",
    "ask last 7d engine=lake",
    "client Boto3/1.0",
    "lake status",
    "--no-such-option",
)

KEPT_BACK: Final = ("SeCrEt", KEY, KEY_ID, "8088930838d88f008e0", "ab" * 32)
"""What must be seen nowhere."""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in (*settings.names().values(), *PLACES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TLS_AUDIT_DATA", str(tmp_path / "data"))
    # a setting that is taken for a path makes its folder here
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:1/api/")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("COLUMNS", "2000")
    before = sys.stderr, logging.getLogger().handlers[:]
    yield
    sys.stderr, logging.getLogger().handlers[:] = before


def written(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """All that a command writes, its traceback too where it ends with one."""
    monkeypatch.setattr(sys, "argv", ["tls-audit", *command.split()])
    try:
        main()
    except SystemExit:
        pass
    except Exception:  # noqa: BLE001 - as Python would, where nothing caught it
        sys.excepthook(*sys.exc_info())
    said = capsys.readouterr()
    return said.out + said.err


def seen(text: str) -> list[str]:
    return [secret for secret in KEPT_BACK if secret in text]


@pytest.mark.parametrize("name", [*settings.names().values(), *PLACES])
def test_a_secret_in_any_setting_is_written_by_no_command(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for look in (PLACES[name], f"{PLACES[name]}\n") if name in PLACES else LOOKS:
        monkeypatch.setenv(name, look)
        for command in COMMANDS if name in PLACES else COMMANDS[:1]:
            assert seen(written(command, monkeypatch, capsys)) == [], (command, look)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_a_secret_of_any_setting(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret in PLACES.items():
        monkeypatch.setenv(name, f"{secret}\r\n")
    for url in (look for look in LOOKS if look.startswith("postgresql")):
        monkeypatch.setenv("TLS_AUDIT_DATABASE_URL", url)
        assert seen(written(command, monkeypatch, capsys)) == []


def test_a_token_with_a_line_end_is_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_APP_TOKEN", f"{APP_TOKEN}\r\n")

    assert settings.load().slack_app_token.get_secret_value() == APP_TOKEN


@pytest.mark.parametrize("token", ["xoxb-1\n2-SeCrEt", "xoxb-1 2-SeCrEt", "xoxb-SeCrEté"])
def test_a_token_that_no_header_may_hold_is_named_and_not_shown(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", token)

    with pytest.raises(
        BotError, match=r"^SLACK_BOT_TOKEN=…: write as Slack shows it, in one line\."
    ) as caught:
        settings.load()
    assert "SeCrEt" not in repr(caught.getrepr(style="native"))


def test_what_fails_in_a_thread_or_crashes_is_written_without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, secret in PLACES.items():
        monkeypatch.setenv(name, secret)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", Hiding(stream, Secrets(of_environment(dict(PLACES)))))

    def fail() -> None:
        raise ValueError(f"Invalid header value {f'Bearer {PASSWORD}'.encode()!r}: {LOOKS}")

    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError:
        sys.excepthook(*sys.exc_info())

    assert stream.getvalue().count("Traceback") == 2
    assert seen(stream.getvalue()) == []


def test_logs_metrics_and_what_serve_raises_are_written_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret in PLACES.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("TLS_AUDIT_DATABASE_URL", LOOKS[4])
    stream = io.StringIO()
    chosen = settings.load()
    logs.set_up(stream, secrets=chosen.secrets)
    log = logging.getLogger("tests.secrets")
    for each in (*LOOKS, *PLACES.values()):
        log.error("%s", each, extra={"what": {each: [each]}})
        log.error("it broke", exc_info=RuntimeError(each))
    with pytest.raises(BotError) as caught, bot(chosen):
        pass
    assert seen(f"{caught.value} {caught.value.__cause__!r}".replace(PASSWORD, "SeCrEt")) == []
    metrics = Metrics()
    metrics.refused("chat.postMessage", "ratelimited")
    page = b"".join(metrics.page({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}, lambda *_: len)).decode()

    assert seen(stream.getvalue() + page + capsys.readouterr().err) == []
    assert all(json.loads(line) for line in stream.getvalue().splitlines())


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgresql://u@h/db?password=a%40b", ["a%40b", "a@b"]),
        ("postgresql://u@h/db?sslmode=require&sslpassword=x", ["x", "x"]),
        ("postgresql://u:p@h/db?passfile=/x", ["p", "p"]),
        ("sqlite:////data/a:b@c.sqlite", []),
        ("https://slack.com/api/", []),
    ],
)
def test_one_place_knows_all_secrets_of_a_url(url: str, secrets: list[str]) -> None:
    assert of_url(url) == secrets
