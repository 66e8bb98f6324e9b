"""A secret in every setting, thrown at every command and at failures: it is written nowhere."""

from __future__ import annotations

import html
import io
import json
import logging
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final
from urllib.error import URLError
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest

from bot import settings
from bot.bootstrap import bot
from bot.cli import terminal
from bot.cli.main import main
from bot.errors import BotError
from bot.ops import logs
from bot.ops.metrics import Metrics
from bot.sandbox import Options, Sandbox
from bot.secrets import Hiding, Secrets, of_environment, of_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
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
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic SeCrEt",
    "PGPASSWORD": PASSWORD,
    "HTTPS_PROXY": f"http://user:{quote(PASSWORD, safe='')}@127.0.0.1:1",
}
"""What is a secret wherever these are read."""

FILES: Final = {
    "SLACK_BOT_TOKEN_FILE": TOKEN,
    "SLACK_APP_TOKEN_FILE": APP_TOKEN,
    "TLS_AUDIT_DATABASE_URL_FILE": f"postgresql://u:{quote(PASSWORD, safe='')}@127.0.0.1:1/db",
}
"""The same, in files that these name."""

URLS: Final = (
    f"postgresql://u@127.0.0.1:1/db?password={quote(PASSWORD, safe='')}",
    f"postgresql://u:{quote(PASSWORD, safe='')}@127.0.0.1:1/db",
    f"postgresql://u@127.0.0.1:1/db?sslmode=disable&sslpassword={quote(PASSWORD, safe='')}",
    f"postgresql://u@127.0.0.1:1/db?PASSWORD={quote_plus(PASSWORD)}",
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/db",
    "postgresql://u:SeCrEt@with@signs:9@127.0.0.1:1/db",
    "postgresql://u:SeCrEt@[::1/db",
    "postgresql://u:SeCrEt@127.0.0.1:port/db",
    "postgresql+psycopg://u:SeCrEt@127.0.0.1:1/db\n",
    "postgresql://:SeCrEt@/db?host=/nowhere",
    "postgres://u:SeCrEt@127.0.0.1:1/db",
    "mysql://u:SeCrEt@127.0.0.1:1/db",
    "host=127.0.0.1 port=1 user=u password=SeCrEt",
    "postgresql://127.0.0.1:1/db?user=u&password='SeCrEt SeCrEt'",
)
"""A database's URL, as people write it, rightly and wrongly."""

LOOKS: Final = (
    TOKEN,
    f"{TOKEN}\n",
    f"https://user:{quote(PASSWORD, safe='')}@127.0.0.1:1/",
    *URLS[:2],
    "https://hooks.slack.com/commands/T1/2/SeCrEt",
    "13345224609.738474920.8088930838d88f008e0",
    KEY,
    KEY_ID,
    f"s3://bucket/x?X-Amz-Signature={'ab' * 32}",
)
"""What is one by its looks, in whichever setting it lands."""

COMMANDS: Final = (
    "doctor",
    "doctor --json",
    "serve",
    "health",
    "health --or-demo",
    "views",
    "ingest",
    "ingest nowhere s3://bucket/prefix --verbose",
    "ask last 7d",
    "ask last 7d --sql",
    "ask last 7d --format json --quiet",
    "ask last 7d engine=lake",
    "ask last 7d engine=athena",
    "ask last 7d engine=cloudwatch",
    "client Boto3/1.0",
    "lake status",
    "lake policy",
    "lake create x --confirm x",
    "lake delete x --confirm x",
    "lake restore x --confirm x",
    "athena policy",
    "athena table s3://bucket/prefix",
    "cloudwatch policy",
    "demo --port 99999",
    "demo --no-browser --port 0 --script nowhere",
    "--no-such-option",
    "--version",
    "no-such-command",
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


FREE: Final = (
    *("TLS_AUDIT_LOGS", "TLS_AUDIT_LOGS_EXCEPT", "TLS_AUDIT_ARCHIVE", "TLS_AUDIT_VIEWS"),
    *("TLS_AUDIT_DATABASE_URL", "TLS_AUDIT_STATUS_HOST", "TLS_AUDIT_EVENT_DATA_STORE"),
    *("TLS_AUDIT_LAKE_OWNER", "TLS_AUDIT_LAKE_ROLE", "TLS_AUDIT_ATHENA_TABLE"),
    "TLS_AUDIT_CLOUDWATCH_LOG_GROUPS",
)
"""The settings that take any text: a command goes on with these, and fails later."""

FAR: Final = ("doctor", "doctor --json", "serve")
"""The commands that use most of the settings."""


@pytest.mark.parametrize("name", [*settings.names().values(), *PLACES])
def test_a_secret_in_any_setting_is_written_by_no_command(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for look in (PLACES[name], f"{PLACES[name]}\n") if name in PLACES else LOOKS:
        monkeypatch.setenv(name, look)
        # what stops at a setting that is no text, stops there for every command
        for command in FAR if name in PLACES else FAR[:1]:
            assert seen(written(command, monkeypatch, capsys)) == [], (command, look)


@pytest.mark.parametrize("command", COMMANDS)
def test_secrets_in_all_settings_that_take_any_text_are_written_by_no_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for shift in range(2):
        for at, name in enumerate(FREE):
            monkeypatch.setenv(name, LOOKS[(at * 3 + shift) % len(LOOKS)])
        assert seen(written(command, monkeypatch, capsys)) == [], shift


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_a_secret_of_any_setting(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLS_AUDIT_DATABASE_URL", URLS[0])
    for end in ("", "\r\n"):
        for name, secret in PLACES.items():
            monkeypatch.setenv(name, f"{secret}{end}")
        assert seen(written(command, monkeypatch, capsys)) == [], end


@pytest.mark.parametrize("url", URLS)
def test_however_a_databases_url_is_written_its_password_is_not(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.setenv(name, PLACES[name])
    monkeypatch.setenv("TLS_AUDIT_DATABASE_URL", url)
    for command in FAR:
        assert seen(written(command, monkeypatch, capsys)) == [], command


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nSeCrEt", "\x00"])
def test_no_command_writes_a_secret_that_a_file_holds(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret in FILES.items():
        file = tmp_path / name
        file.write_text(f"{secret}{end}", encoding="utf-8", newline="")
        monkeypatch.setenv(name, str(file))
    for command in COMMANDS if end == "\n" else FAR:
        assert seen(written(command, monkeypatch, capsys)) == [], command


class Parrot(ThreadingHTTPServer):
    """Whatever stands in the way to Slack and AWS, and answers with all that it was sent."""

    daemon_threads = True

    def __init__(self, how: str) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.how = how


class _Call(BaseHTTPRequestHandler):
    server: Parrot

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
        heard = f"{self.headers.get('Authorization', '')} {self.headers.get('X-Amz-Security-Token', '')}"
        everything = f"{self.path} {dict(self.headers)} {body} {heard}".replace("\n", " ")
        bare = heard.strip().rpartition(" ")[2] or "no"
        answers = {
            "json": json.dumps({"ok": False, "error": bare, "__type": "Refused", "message": everything}),
            "needed": json.dumps({"ok": False, "error": "missing_scope", "needed": everything}),
            "page": f"<html>{everything}</html>",
            "xml": f"<Error><Code>{bare}</Code><Message>{everything}</Message></Error>",
            "list": json.dumps([everything]),
        }
        self.send_response({"page": 403, "xml": 403, "moved": 302}.get(self.server.how, 400))
        if self.server.how == "moved":
            self.send_header("Location", f"http://user:{bare}@127.0.0.1:1/?token={bare}")
        made = answers.get(self.server.how, "").encode("latin-1", "replace")
        self.send_header("Retry-After", bare)
        self.send_header("Content-Type", f"text/{self.server.how}")
        self.send_header("Content-Length", str(len(made)))
        self.end_headers()
        self.wfile.write(made)

    do_GET = do_POST = do_PUT = do_HEAD = _answer  # noqa: N815 - as the class asks for them

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


REACHING: Final = ("doctor", "serve", "ask last 7d engine=lake", "athena policy", "ingest s3://bucket/prefix")
"""The commands that call Slack or AWS."""


@pytest.mark.parametrize("how", ["json", "needed", "page", "xml", "list", "moved"])
def test_whoever_answers_with_what_they_were_sent_has_no_secret_written(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret in PLACES.items():
        if name != "HTTPS_PROXY":
            monkeypatch.setenv(name, secret)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    store = "arn:aws:cloudtrail:eu-central-1:111122223333:eventdatastore/0f0f0f0f-aaaa-bbbb-cccc-0123456789ab"
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", store)
    monkeypatch.setenv("TLS_AUDIT_ATHENA_TABLE", "default.trail")
    monkeypatch.setenv("TLS_AUDIT_CLOUDWATCH_LOG_GROUPS", "trail")
    with Parrot(how) as parrot:
        threading.Thread(target=parrot.serve_forever, daemon=True).start()
        monkeypatch.setenv("SLACK_API_URL", f"http://127.0.0.1:{parrot.server_address[1]}/api/")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{parrot.server_address[1]}/")
        for command in REACHING:
            assert seen(written(command, monkeypatch, capsys)) == [], command
        parrot.shutdown()


def test_a_token_with_a_line_end_is_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_APP_TOKEN", f"{APP_TOKEN}\r\n")

    assert settings.load().slack_app_token.get_secret_value() == APP_TOKEN


WORN: Final = {
    "a line end": "{}\n",
    "a line end of Windows": "{}\r\n",
    "blanks": " {}\t",
    "a no-break space": "\u00a0{}",
    "a line separator": "{}\u2028",
    "a byte order mark": "\ufeff{}",
    "a zero width space": "{}\u200b",
    "quotes": '"{}"',
    "quotes, and a line end within": '"{}\n"',
    "a line end that was written out": "{}\\n",
    "its header": "Bearer {}",
    "its setting": "SLACK_TOKEN={}",
    "a remark": "{} # of the workspace",
    "JSON": '{{"token": "{}"}}',
    "itself": "{0}\n{0}",
    "a colour": "\x1b[1m{}\x1b[0m",
    "angle brackets": "<{}>",
}
"""What files and pages put around a token."""


@pytest.mark.parametrize("by", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
@pytest.mark.parametrize("how", WORN)
def test_whatever_stands_around_a_token_neither_a_crash_nor_an_error_shows_it(
    how: str, by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(WORN[how].format(PLACES[by]), encoding="utf-8")
    # the other one is right, so that Slack is called with this one too
    for name in {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"} - {by}:
        monkeypatch.setenv(name, PLACES[name])
    monkeypatch.setenv(f"{by}_FILE", str(tmp_path / "token"))
    options = Options(bot_token=TOKEN, app_token=APP_TOKEN)
    with Sandbox(options=options, rate_limits=False) as slack:
        monkeypatch.setenv("SLACK_API_URL", slack.api_url)
        said = written("doctor", monkeypatch, capsys)

    assert seen(said) == []
    assert "Traceback" not in said
    what = "the bot's token" if by == "SLACK_BOT_TOKEN" else "the app-level token"
    assert f"✓ {what}" in said or f"✗ {what}" in said or f"{by}=…" in said or f"{by}_FILE " in said


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


def test_no_end_of_a_line_parts_a_secret_so_that_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    token = "xapp-1-A012-345-" + "0123456789abcdef" * 4
    monkeypatch.setattr(sys, "stderr", Hiding(stream, Secrets(["two words"])))

    terminal.tell(f"What was typed is {token}, and the password of it is two words.")

    assert stream.getvalue() == "What was typed is …, and the password of\nit is ….\n"


ODD: Final = "hunter2/+ é\"\\'<&>SeCrEt"
"""A password with whatever is written differently somewhere."""

WRITTEN: Final[Mapping[str, Callable[[str], str]]] = {
    "as it is": str,
    "as Python shows it": lambda secret: repr(secret)[1:-1],
    "as bytes": lambda secret: repr(secret.encode())[2:-1],
    "in a URL": quote,
    "in a URL, whole": lambda secret: quote(secret, safe=""),
    "in a form": quote_plus,
    "in a URL, in small letters": lambda secret: re.sub(
        "%..", lambda found: found[0].lower(), quote(secret, safe="")
    ),
    "in JSON": lambda secret: json.dumps(secret)[1:-1],
    "in JSON that is UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "in XML": escape,
    "in HTML": lambda secret: html.escape(secret, quote=True),
    "in ASCII": ascii,
    "twice in JSON": lambda secret: json.dumps(json.dumps(secret)),
}
"""How libraries write what they were given."""


def raised(words: str) -> Iterator[Exception]:
    """Errors that say `words` somewhere."""
    yield ValueError(words)
    yield KeyError(words)
    yield OSError(5, "Input/output error", words)
    yield UnicodeEncodeError("ascii", words, 0, 1, words)
    yield URLError(words)
    yield BotError(words, words)
    noted = RuntimeError("it broke")
    noted.add_note(words)
    yield noted
    caused = RuntimeError("it broke")
    caused.__cause__ = ValueError(words)
    yield caused
    amid = RuntimeError("it broke")
    amid.__context__ = ValueError(words.encode())
    yield amid
    yield ExceptionGroup("they broke", [ValueError(words), ExceptionGroup(words, [KeyError(words)])])


@pytest.mark.parametrize("how", WRITTEN)
def test_however_a_secret_is_written_neither_a_crash_nor_a_log_shows_it(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [ODD, PASSWORD, TOKEN, KEY, *of_url(URLS[0])]
    said = [WRITTEN[how](secret) for secret in secrets]
    stream, lines = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", Hiding(stream, Secrets(secrets)))
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    logs.set_up(lines, secrets=secrets)
    log = logging.getLogger("tests.secrets")

    for words in said:
        for error in raised(f"while it was {words} that broke"):
            thread = threading.Thread(target=_raise, args=(error,))
            thread.start()
            thread.join()
            sys.excepthook(type(error), error, error.__traceback__)
            log.error("it broke: %s", error, exc_info=error, extra={"what": {words: [words, {words}]}})
        _Unraisable(words)
        log.error("%s", words)
        print(words, [words], {"why": words}, file=sys.stderr)

    assert stream.getvalue().count("Traceback") >= 2 * len(said)
    assert seen(stream.getvalue()) == []
    assert seen(lines.getvalue()) == []
    assert all(json.loads(line) for line in lines.getvalue().splitlines())


def _raise(error: Exception) -> None:
    raise error


class _Unraisable:
    """What breaks where nobody can be told."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __del__(self) -> None:
        raise ValueError(self.words)


def test_logs_metrics_and_what_serve_raises_are_written_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret in PLACES.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("TLS_AUDIT_DATABASE_URL", URLS[1])
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
