from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from handlers import connection

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "tests" / "fixtures" / "slack-manifest.schema.2.0.0.json"
"""Slack's own, as github.com/slackapi/manifest-schema has it (MIT licence, © Slack Technologies)."""


@pytest.fixture
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text())
    return loaded


def test_the_manifest_is_valid_by_slacks_own_schema(manifest: dict[str, Any]) -> None:
    jsonschema.validate(manifest, json.loads(SCHEMA.read_text()))


def test_the_manifest_is_what_the_code_registers(manifest: dict[str, Any]) -> None:
    commands = manifest["features"]["slash_commands"]

    assert [
        tuple(each[name] for name in ("command", "description", "usage_hint")) for each in commands
    ] == list(connection.COMMANDS)
    assert all(each["should_escape"] for each in commands)
    assert manifest["oauth_config"]["scopes"]["bot"] == list(connection.SCOPES)
    assert manifest["oauth_config"]["scopes"]["bot_optional"] == list(connection.OPTIONAL_SCOPES)
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == list(connection.EVENTS)
    assert manifest["settings"]["socket_mode_enabled"]
    assert manifest["settings"]["interactivity"]["is_enabled"]


def test_every_scope_says_why_it_is_wanted() -> None:
    lines = (ROOT / "manifest.yml").read_text().splitlines()

    for scope in (*connection.SCOPES, *connection.OPTIONAL_SCOPES):
        (line,) = (line for line in lines if line.strip().startswith(f"- {scope} "))
        assert "# " in line
