"""What agents say, held against the real ones of public events.

`pytest tests/clients/test_agent.py --renew-golden` writes the reading anew; read its diff.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clients import agent
from tests.clients.agents import lines, mutated

if TYPE_CHECKING:
    from bot.clients.agent import Client

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "clients"

WRONG_COLUMN: Final = {
    "the SDK's version taken for Java's": r"Java [12]\.\d+\.\d+$",
    "the SDK's version taken for Rust's": r"Rust (0\.1\.0|1\.3\.\d+)$",
    "minio-go's version taken for Node's": r"Node 7\.0\.90$",
    "the SDK's version taken for the system's": r"(OS/2\.\d+\.\d+|os/3)$",
    "a version with the dots of its publisher's cut": r"Go 1\.22\.7\.\.\.$",
    "a version cut at its letters": r"SDK for Ruby \(aws-sdk-ruby2/2\.0\.0\.\)$",
}
"""Cells of the fixture's third column that are wrong, and why: the string says otherwise. Java 1.11.1030 is
the SDK in `aws-sdk-java/1.11.1030`, and the language in `java/1.8.0_362` is Java 1.8.0_362."""


def reading(read: Client) -> str:
    return json.dumps({name: value for name, value in asdict(read).items() if value}, ensure_ascii=False)


def test_every_agent_reads_as_held_in_the_golden_file(request: pytest.FixtureRequest) -> None:
    read = "".join(f"{reading(agent.read(line.agent))}\n" for line in lines())
    golden = GOLDEN / "agents.jsonl"

    if request.config.getoption("--renew-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(read, encoding="utf-8")
    assert read == golden.read_text(encoding="utf-8")


def claims(column: str) -> dict[str, str]:
    """What the fixture's third column says: SDK and version, language and version, place, app."""
    said = {}
    for cell in column.split("; "):
        if any(re.match(wrong, cell) for wrong in WRONG_COLUMN.values()):
            continue
        if found := re.search(r"\(([\w.-]+)/([^)]+)\)$", cell):
            said["sdk"], said["sdk_version"] = found.groups()
        elif found := re.match(r"(Go|Python|Java|Node|\.NET|Ruby|PHP|Rust|Swift) (\d\S*)$", cell):
            said["language"], said["language_version"] = found.groups()
        elif found := re.match(r"runs in (\S+)$", cell):
            said["runs_in"] = found[1]
        elif found := re.match(r"app id (\S+)$", cell):
            said["app"] = found[1]
        elif found := re.match(r"APN wrapper: Terraform ([\d.]+)", cell):
            said["terraform"] = found[1]
    return said


PLACES: Final = {"AWS_Lambda": "Lambda", "AWS_ECS": "ECS"}


def test_the_reading_is_what_the_column_says_wherever_the_column_is_right() -> None:
    compared: Counter[str] = Counter()
    for line in lines():
        read = asdict(agent.read(line.agent))
        for field, value in claims(line.column).items():
            place = next((word for name, word in PLACES.items() if value.startswith(name)), value)
            expected = place if field == "runs_in" else value
            assert read[field] == expected, (field, line)
            compared[field] += 1

    assert sum(compared.values()) > 450


def test_every_cell_held_wrong_is_wrong_in_the_way_it_is_said() -> None:
    found = Counter(
        reason
        for line in lines()
        for cell in line.column.split("; ")
        for reason, wrong in WRONG_COLUMN.items()
        if re.match(wrong, cell)
    )

    assert found.keys() == WRONG_COLUMN.keys()
    for line in lines():
        read = agent.read(line.agent)
        if "; Java" in line.column and read.language_version:
            assert re.search(rf"(java|Java|#|VM/\S+|OpenJDK)/?{re.escape(read.language_version)}", line.agent)


KINDS: Final = {
    "browser": "browser",
    "AWS console or service": "aws",
    "Coral": "aws",
    "service principal": "service",
    "plain HTTP library": "tool",
    "rclone": "tool",
    "AWS CLI": "tool",
    "Tools for PowerShell": "tool",
    "APN wrapper": "tool",
    "boto 2": "sdk",
    "boto3": "sdk",
    "SDK for": "sdk",
    "Mobile SDK": "sdk",
    "rusoto": "sdk",
    "MinIO client": "sdk",
    "custom string": "custom",
    "TruffleHog": "tool",
    "os/3": "sdk",
}


def test_every_kind_is_what_the_column_says_but_ai_agents() -> None:
    for line in lines():
        first = line.column.removeprefix("S3 brackets; ")
        expected = next(kind for start, kind in KINDS.items() if first.startswith(start))
        read = agent.read(line.agent)
        if re.search("AmazonQ-For-CLI|KiroIDE", line.agent):
            assert read.kind == "ai-agent"
        else:
            assert read.kind == expected, line


def test_how_much_is_read_and_what_is_left_unknown(request: pytest.FixtureRequest) -> None:
    rows = []
    kinds: dict[str, list[Client]] = {}
    for line in lines():
        kinds.setdefault(agent.read(line.agent).kind, []).append(agent.read(line.agent))
    fields = ("sdk", "sdk_version", "language_version", "os", "runs_in", "app")
    rows.append(f"{'kind':10}{'agents':>7}" + "".join(f"{field:>18}" for field in fields))
    for kind, clients in sorted(kinds.items()):
        counts = [sum(getattr(client, field) is not None for client in clients) for field in fields]
        rows.append(f"{kind:10}{len(clients):>7}" + "".join(f"{count:>18}" for count in counts))
    told = "\n".join(rows) + "\n"

    golden = GOLDEN / "known.txt"
    if request.config.getoption("--renew-golden"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


def test_two_thousand_mutated_agents_are_read() -> None:
    for said in mutated(2000):
        read = agent.read(said)
        assert read.agent == said
        assert read.kind in agent.KINDS
        assert read.group in {"ours", "aws", "strangers"}


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text_is_an_agent(said: str) -> None:
    assert agent.read(said).name


def test_long_agents_are_read_in_no_time() -> None:
    for said in ("aws-sdk-" * 50_000, "a-" * 200_000, "1." * 200_000, "[" * 100_000, "x/1 " * 100_000):
        assert agent.read(said).kind


@pytest.mark.parametrize("said", [None, "", "  ", "-", "[]"])
def test_no_agent_is_none(said: str | None) -> None:
    assert agent.read(said).kind == "none"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("aws-sdk-java/1.11.1025Linux/5.4.0OpenJDK_64-Bit_Server_VM/25.1java/1.8.0_272vendor/X", "1.8.0_272"),
        ("aws-sdk-rust/1.3.9 os/windows lang/rust/1.92.0", "1.92.0"),
        ("aws-sdk-go-v2/1.14.0 os/macos lang/go/1.17.6 md/GOOS/darwin", "1.17.6"),
        ("Boto3/1.9.0  Python/3.6.8  Linux/3.10.0-1160.el7.x86_64", "3.6.8"),
        ("aws-sdk-nodejs/2.1112.0 linux/v20.19.0 promise", "20.19.0"),
        ("aws-sdk-java/1.7.4 Linux/2.6 Java_HotSpot(TM)_64-Bit_Server_VM/24.80-b11/1.7.0_80", "1.7.0_80"),
        ("aws-sdk-dotnet-45/4.0 lang/.NET_Core#8.0.2 md/.NET_Framework#4.8.09037", "8.0.2"),
    ],
)
def test_the_language_is_what_the_string_says(said: str, expected: str) -> None:
    assert agent.read(said).language_version == expected


@pytest.mark.parametrize(
    ("said", "group"),
    [
        ("Boto3/1.40.0 Python/3.12.1", "ours"),
        ("s3.amazonaws.com", "aws"),
        ("[S3Console/0.4 cfg/retry-mode/legacy]", "aws"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "strangers"),
    ],
)
def test_strangers_aws_and_ours_are_three_groups(said: str, group: str) -> None:
    assert agent.read(said).group == group


def test_two_joined_agents_are_read_by_the_first_sdk() -> None:
    read = agent.read("[EC2ConsoleFrontend, aws-internal/3 aws-sdk-java/1.12.505 java/1.8.0_372]")

    assert (read.kind, read.sdk, read.runs_in) == ("aws", "aws-sdk-java", "console")


def test_credentials_and_places_are_told_in_words() -> None:
    read = agent.read("Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 exec-env/AWS_ECS_FARGATE m/D,0,AJ,Z")

    assert read.credentials == ("the instance's role",)
    assert read.runs_in == "ECS"
