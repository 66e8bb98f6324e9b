"""Who loads whom: what the contracts of pyproject.toml say of the source, held in a running process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
SURFACES_AND_LAKES = {"slack_bolt", "slack_sdk", "handlers", "boto3", "botocore", "duckdb"}

EVERY_MODULE = """
import importlib, pkgutil, {package}
for each in pkgutil.walk_packages({package}.__path__, "{package}."):
    importlib.import_module(each.name)
"""

HELP = """
import sys
from bot.cli.main import main
sys.argv = ["tls-audit", "--help"]
try:
    main()
except SystemExit:
    pass
"""


def loaded(program: str) -> set[str]:
    """The top-level packages that a fresh process holds after `program`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{LOADED}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("package", ["bot.app", "bot.answers", "bot.digests", "bot.question"])
def test_what_a_person_can_do_needs_neither_slack_nor_aws_nor_duckdb(package: str) -> None:
    assert loaded(EVERY_MODULE.format(package=package)) & SURFACES_AND_LAKES == set()


def test_the_worker_and_the_store_need_them_neither() -> None:
    for package in ("bot.worker", "bot.store"):
        assert loaded(EVERY_MODULE.format(package=package)) & SURFACES_AND_LAKES == set()


def test_help_is_there_at_once_as_it_loads_no_grammar_of_sql() -> None:
    assert loaded(HELP) & (SURFACES_AND_LAKES | {"sqlglot", "sqlalchemy", "aiohttp"}) == set()
