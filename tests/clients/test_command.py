"""`tls-audit client`, from the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from bot.cli.main import command_line
from bot.clients.agent import KINDS
from tests.clients.agents import lines, mutated

BOTO: Final = "Boto/2.49.0 Python/2.7.5 Linux/3.10.0-1160.el7.x86_64"
FIELDS: Final = [
    "agent",
    "kind",
    "sdk",
    "sdk_version",
    "language",
    "language_version",
    "os",
    "runs_in",
    "app",
    "supported",
    "end_of_support",
    "source",
]


def run(*words: str, stdin: str | bytes = "") -> str:
    done = CliRunner().invoke(command_line(), ["client", *words, "--on", "2026-11-28"], input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_agent_gets_a_card_of_what_to_do() -> None:
    assert run(BOTO) == (
        "Calls itself Boto 2.49.0, Python 2.7.5 on Linux 3.10.0 · "
        "boto 2 is out of support: boto3, on Python 3.10 or newer\n"
        "Its TLS comes from the OpenSSL of that Python. For TLS 1.3: Python 3.10 or newer and boto3. "
        "For ML-KEM: boto3 on a Python with OpenSSL 3.5. On the host:\n"
        '    python -c "import ssl; print(ssl.OPENSSL_VERSION)"\n'
        "Its agent does not tell which OpenSSL · "
        "https://docs.aws.amazon.com/sdkref/latest/guide/pqtls-details.html\n"
        "Support: https://docs.aws.amazon.com/sdkref/latest/guide/version-support-matrix.html "
        "(read 2026-11-28)\n"
    )


def test_json_is_an_object_a_line_with_every_field() -> None:
    first, second = map(json.loads, run("--format", "json", BOTO, "s3.amazonaws.com").splitlines())

    assert list(first) == FIELDS
    assert first["supported"] is False
    assert first["source"].startswith("https://")
    assert (second["kind"], second["supported"], second["sdk"]) == ("service", None, None)


@pytest.mark.parametrize("form", ["json", "table"])
def test_every_line_of_stdin_gets_one_line_also_an_empty_one(form: str) -> None:
    said = "\n".join([BOTO, "", "  ", "x\x0by\u2028z", *(line.agent for line in lines()), ""])

    answers = run("--format", form, stdin=said).split("\n")

    assert answers.pop() == ""
    assert len(answers) == said.count("\n")


def test_mutated_agents_come_back_as_they_were() -> None:
    said = [agent.replace("\n", " ").replace("\r", " ") for agent in mutated(400)]

    answers = run("--format", "json", stdin="".join(f"{agent}\n" for agent in said)).splitlines()

    assert [json.loads(answer)["agent"] for answer in answers] == said


def test_an_agent_that_acts_on_a_terminal_only_shows() -> None:
    assert "\x1b" not in run("\x1b[31mBoto/2.1\u202e")


def test_no_agent_is_an_agent() -> None:
    assert run("") == "No agent\n"


def test_the_document_names_every_field_and_kind() -> None:
    told = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")

    for word in (*FIELDS, *KINDS):
        assert f"`{word}`" in told, word


def test_reading_clients_loads_nothing_heavy() -> None:
    program = (
        "import sys; from bot.clients import agent, fixes, machine, support; "
        "print(sorted({'duckdb', 'boto3', 'sqlglot', 'slack_bolt', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
