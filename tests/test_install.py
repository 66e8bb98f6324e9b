"""How the bot is installed, tested and built: lock files, Makefile, CI and image agree."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LABEL = "Pass the tests:"


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, set[str]]:
    """The versions of each package that a lock file names; several where a marker chooses."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text(lock), re.M):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def labelled(markdown: str, label: str = LABEL) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".ci" / "labelled", label], input=markdown, capture_output=True, text=True, check=False
    )


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.M))


@pytest.mark.parametrize(
    ("lock", "extra"), [("requirements.lock", "postgres"), ("requirements-dev.lock", "dev")]
)
def test_a_lock_file_pins_everything_that_the_project_asks_for(lock: str, extra: str) -> None:
    pinned = pins(lock)

    for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra]:
        wanted = Requirement(line)
        if wanted.name == PROJECT["name"]:
            continue
        versions = pinned[canonicalize_name(wanted.name)]
        assert all(wanted.specifier.contains(version) for version in versions), line


def test_what_is_tested_is_what_the_image_runs() -> None:
    tested, shipped = pins("requirements-dev.lock"), pins("requirements.lock")

    assert {name: tested[name] for name in shipped} == shipped


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_says_what_each_file_must_be_and_not_where_it_lies(lock: str) -> None:
    entries = re.split(r"^(?=\w)", text(lock), flags=re.M)

    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())
    assert "://" not in text(lock)
    assert "index-url" not in text(lock)


def test_the_image_installs_what_is_locked_and_nothing_else() -> None:
    commands = re.findall(r"^RUN pip install (.*)$", text("Dockerfile"), re.M)

    assert commands == ["--requirement requirements.lock", "--no-deps ."]


def test_ci_runs_what_the_readme_says_wherever_it_stands() -> None:
    before = "Another block first:\n\n```sh\nfalse\n```\n\n"
    expected = "make test\n"

    assert (labelled(text("README.md")).stdout, labelled(before + text("README.md")).stdout) == (
        expected,
        expected,
    )
    assert f'.ci/labelled "{LABEL}" <README.md' in text(".ci/run")


def test_a_readme_that_does_not_say_how_to_pass_the_tests_stops_ci() -> None:
    assert labelled("# A title\n\n```sh\nmake test\n```\n").returncode != 0


def test_make_has_what_a_newcomer_would_type_and_lists_it() -> None:
    listed = subprocess.run(["make", "--silent"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607 - whichever make there is

    assert targets() >= {"help", "install", "test", "lint", "format", "run", "demo", "bench", "lock"}
    assert all(f"make {target}" in listed for target in targets())


def test_make_lists_every_benchmark() -> None:
    made = subprocess.run(
        ["make", "--silent", "--assume-old=.venv/installed", "bench"],  # noqa: S607 - whichever make there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    for path in (ROOT / "tests" / "benchmarks").glob("*.py"):
        assert re.search(rf"^  {path.stem} ", made, re.M), path.stem
