"""What Slack makes of typed words is undone; zones are fetched once, and never waited for long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from slack_sdk import WebClient

from bot.sandbox import Sandbox
from handlers.access import Directory
from handlers.context import as_typed

if TYPE_CHECKING:
    from collections.abc import Iterator

WINTER = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("last 7d service=s3", "last 7d service=s3"),
        ("agent=a&amp;b &lt;x&gt;", "agent=a&b <x>"),
        ("agent=&amp;lt;", "agent=&lt;"),
        ("host=<http://s3.amazonaws.com|s3.amazonaws.com>", "host=s3.amazonaws.com"),
        ("host=<https://s3.amazonaws.com>", "host=s3.amazonaws.com"),
        ("principal=<mailto:carol@example.com|carol@example.com>", "principal=carol@example.com"),
        ("principal=<@U_ALICE|alice>", "principal=alice"),
        ("agent=<#C1|security>", "agent=security"),
        ("agent=<!channel>", "agent=channel"),
        ("", ""),
    ],
)
def test_what_slack_made_of_the_words_is_undone(sent: str, meant: str) -> None:
    assert as_typed(sent) == meant


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(rate_limits=False) as running:
        yield running


@pytest.fixture
def zones(sandbox: Sandbox) -> Directory:
    client = WebClient(sandbox.options.bot_token, base_url=sandbox.api_url, retry_handlers=[])
    return Directory(client, Time())


def test_a_zone_is_asked_for_once_in_ten_minutes(sandbox: Sandbox) -> None:
    time = Time()
    client = WebClient(sandbox.options.bot_token, base_url=sandbox.api_url, retry_handlers=[])
    zones = Directory(client, time)
    assert zones.zone_of("U_ALICE") == zones.zone_of("U_ALICE") == ZoneInfo("Europe/Berlin")
    assert zones.zone_of("U_BOB").utcoffset(WINTER) == ZoneInfo("America/New_York").utcoffset(WINTER)
    assert len(sandbox.calls("users.info")) == 2
    time.now += 601
    zones.zone_of("U_ALICE")
    assert len(sandbox.calls("users.info")) == 3


@pytest.mark.parametrize("trouble", ["error", "status", "cut"])
def test_without_a_zone_it_is_utc_and_the_next_time_it_is_asked_again(
    sandbox: Sandbox, zones: Directory, trouble: str
) -> None:
    match trouble:
        case "error":
            sandbox.faults.error("users.info", "user_not_found")
        case "status":
            sandbox.faults.status("users.info", 503)
        case _:
            sandbox.faults.cut_before("users.info")
    assert zones.zone_of("U_ALICE") is UTC
    assert zones.zone_of("U_ALICE") == ZoneInfo("Europe/Berlin")


def test_a_zone_that_is_none_is_utc(sandbox: Sandbox, zones: Directory) -> None:
    sandbox.faults.error("users.info", "", extra={"ok": True, "user": {"tz": "Mars/Olympus"}})
    assert zones.zone_of("U_ALICE") is UTC


def test_whoever_is_impatient_does_not_ask_the_same_twice_within_a_second(sandbox: Sandbox) -> None:
    time = Time()
    client = WebClient(sandbox.options.bot_token, base_url=sandbox.api_url, retry_handlers=[])
    directory = Directory(client, time).through(client)
    sandbox.faults.status("users.info", 503)
    assert directory.zone_of("U_ALICE") is UTC
    assert directory.name_of("U_ALICE") == "U_ALICE"
    assert len(sandbox.calls("users.info")) == 1
    time.now += 1.1
    assert directory.name_of("U_ALICE") == "alice"


def test_whoever_is_impatient_asks_of_nobody_while_slack_is_asked_too_often(sandbox: Sandbox) -> None:
    time = Time()
    client = WebClient(sandbox.options.bot_token, base_url=sandbox.api_url, retry_handlers=[])
    directory = Directory(client, time).through(client)
    assert directory.name_of("U_BOB") == "bob"
    sandbox.faults.ratelimit("users.info", retry_after=30)
    assert directory.name_of("U_ALICE") == "U_ALICE"
    assert directory.name_of("U_CAROL") == "U_CAROL"
    assert directory.name_of("U_BOB") == "bob"
    assert len(sandbox.calls("users.info")) == 2
    time.now += 31.1
    assert directory.name_of("U_ALICE") == "alice"


def test_whoever_is_patient_knows_what_whoever_is_impatient_was_told(sandbox: Sandbox) -> None:
    client = WebClient(sandbox.options.bot_token, base_url=sandbox.api_url, retry_handlers=[])
    patient = Directory(client, Time())
    assert patient.through(client).person("U_ALICE") == patient.person("U_ALICE")
    assert len(sandbox.calls("users.info")) == 1


def test_many_who_ask_for_the_same_at_once_wait_for_one_answer(sandbox: Sandbox) -> None:
    client = WebClient(sandbox.options.bot_token, base_url=sandbox.api_url, retry_handlers=[])
    directory = Directory(client)
    with ThreadPoolExecutor(8) as threads:
        people = list(threads.map(directory.person, ["U_ALICE"] * 8))
    assert len(set(people)) == 1
    assert len(sandbox.calls("users.info")) == 1
