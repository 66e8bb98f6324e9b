"""A new engine is one file and one line: `toy.py`, and an entry in `ENGINES`. Nothing else knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot import bootstrap, settings
from bot.engines import ENGINES
from bot.errors import UserError
from bot.sandbox import Command, Options, Sandbox
from handlers import connection
from handlers.questions.commands import COMMAND
from tests.scenarios.office import ALICE, SECURITY, words
from tests.support.workers import ended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.terminal import TlsAudit

DAYS = "2026-11-20..2026-11-22"


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch, own_home: None) -> None:
    del own_home
    monkeypatch.setitem(ENGINES, "toy", "tests.engines.toy:Toy")


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A Slack to which the settings lead."""
    options = Options(
        scopes=frozenset(connection.SCOPES),
        events=frozenset(connection.EVENTS),
        commands=(Command(COMMAND),),
    )
    with Sandbox(options=options) as sandbox:
        monkeypatch.setenv("SLACK_BOT_TOKEN", options.bot_token)
        monkeypatch.setenv("SLACK_APP_TOKEN", options.app_token)
        monkeypatch.setenv("SLACK_API_URL", sandbox.api_url)
        yield sandbox


def test_the_terminal_asks_it_by_its_name_and_says_what_it_costs(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", DAYS, "engine=toy")

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[4:6] == ["    2  s3", "    1  kms"]
    assert "2 rows, 3 calls to 2 services. 0.4 GB, $1.00 · " in done.out


def test_it_can_be_the_engine_of_all_questions(tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_ENGINE", "toy")
    monkeypatch.setenv("TLS_AUDIT_TOY_PRICE", "5")

    done = tls_audit("ask", DAYS, "--format", "csv")

    assert done.out.splitlines()[1:] == ["s3.amazonaws.com,2", "kms.amazonaws.com,1"]
    assert "$2.00" in done.err


def test_what_it_cannot_say_it_refuses_in_its_own_words(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", DAYS, "engine=toy", "by=clients")

    assert (done.code, done.out) == (2, "")
    assert done.err == "The toy keeps no `userAgent`.\nAsk it `by=services`.\n"


def test_its_settings_are_checked_and_explained_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_ENGINE", "toi")
    monkeypatch.setenv("TLS_AUDIT_TOY_PRICE", "much")
    monkeypatch.setenv("TLS_AUDIT_TOI_LIMIT", "1")

    with pytest.raises(UserError) as caught:
        settings.load()

    assert caught.value.message.splitlines() == [
        "No setting TLS_AUDIT_TOI_LIMIT: did you mean TLS_AUDIT_TOY_LIMIT?",
        "TLS_AUDIT_ENGINE='toi': write 'local', 'lake', 'athena', 'cloudwatch' or 'toy'.",
        "TLS_AUDIT_TOY_PRICE='much': write a number from 0, as in 2.5.",
    ]


@pytest.mark.parametrize(("limit", "mark"), [("5", "✓"), ("4", "✗")])
def test_the_doctor_looks_at_it(
    limit: str, mark: str, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLS_AUDIT_ENGINE", "toy")
    monkeypatch.setenv("TLS_AUDIT_TOY_LIMIT", limit)

    done = tls_audit("doctor")

    assert f"{mark} the toy holds 5 events\n" in done.out
    assert ("  → Set TLS_AUDIT_TOY_LIMIT to 5 at least." in done.out) is (mark == "✗")
    assert done.code == (0 if mark == "✓" else 1)


def test_people_ask_it_in_slack(slack: Sandbox) -> None:
    with bootstrap.bot(settings.load()) as bot:
        slack.acknowledged(slack.command(ALICE, SECURITY, COMMAND, f"{DAYS} engine=toy"))
        (run,) = bot.worker.runs.latest(ALICE, 1)
        done = ended(bot.worker, run.id, 30)
        assert done is not None
        assert (done.state, done.engine) == ("done", "toy")
        (parent,) = slack.messages(SECURITY)
        told = "\n".join(words(message) for message in slack.thread(SECURITY, parent.ts))

    assert "🔴" in words(parent)
    assert "s3" in told
    assert "0.4 GB, $1.00" in told
    assert slack.broken == []
