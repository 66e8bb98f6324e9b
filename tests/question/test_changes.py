"""docs/changes.md says what an archive of version 2 answers now: it does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.archive.archive import Archive
from bot.engines.local import Local
from bot.question import select
from tests.support.logs import quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.question.question import Question

REPO: Final = Path(__file__).parents[2]
LEFT: Final = REPO / "tests" / "fixtures" / "version2" / "archive"
WINDOW: Final = "2026-11-09..2026-11-23"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Local:
    folder = tmp_path_factory.mktemp("left") / "archive"
    shutil.copytree(LEFT, folder)
    archive = Archive(folder)
    archive.ingest([], progress=quietly)
    return Local(archive, memory="1GB", seconds=60, at_once=2)


@pytest.fixture(scope="module")
def after() -> dict[str, str]:
    """What the table says of each question, as it is answered now."""
    lines = (REPO / "docs" / "changes.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines if line.startswith("| ")]
    return {row[0].removeprefix("| "): row[2] for row in cells if len(row) == 4}


def service(rows: Sequence[Sequence[Any]], name: str) -> Sequence[Any]:
    return next(row for row in rows if row[0] == f"{name}.amazonaws.com")


@pytest.mark.parametrize(
    ("row", "words", "says"),
    [
        (
            "calls older than 1.2",
            "by=services",
            lambda rows: f"{sum(row[1] for row in rows):,} to {len(rows)}",
        ),
        ("`ec2`, older than 1.2", "by=services", lambda rows: f"{service(rows, 'ec2')[1]}"),
        ("`s3express`, older than 1.2", "by=services", lambda rows: f"{service(rows, 's3express')[1]}"),
        (
            "`by=versions`, `ec2`",
            "by=versions",
            lambda rows: "{0[3]:.1f} % on 1.1, {0[4]:.1f} % on 1.0, {0[5]:.1f} % other".format(
                service(rows, "ec2")
            ),
        ),
        (
            "`by=versions`, `s3express`",
            "by=versions",
            lambda rows: "{0[2]:.1f} % on 1.2, {0[4]:.1f} % on 1.0".format(service(rows, "s3express")),
        ),
        ("`by=trend`, 9 Nov", "by=trend", lambda rows: "{0[2]}, {0[3]}, {0[4]}, {0[5]}".format(rows[0])),
        ("`by=coverage`, `iam`", "by=coverage", lambda rows: f"{service(rows, 'iam')[2]}"),
        (
            "`by=regions cipher=weak`, `eu-central-1`",
            "by=regions cipher=weak",
            lambda rows: f"{next(row[3] for row in rows if row[0] == 'eu-central-1')}",
        ),
        (
            "`by=services kx=classical`",
            "by=services kx=classical",
            lambda rows: f"{service(rows, 'ec2')[1]} and {service(rows, 's3express')[1]}",
        ),
        (
            "`by=findings principal=*legacy*`",
            "by=findings principal=*legacy*",
            lambda rows: "`{0[1]}`, {0[5]} calls".format(*rows),
        ),
        (
            "`by=accounts`",
            "by=accounts",
            lambda rows: next(f"{row[1]}, {row[3]}" for row in rows if row[0] == "111122223333"),
        ),
    ],
)
def test_an_archive_of_before_answers_as_the_table_says(
    row: str,
    words: str,
    says: Callable[[Sequence[Sequence[Any]]], str],
    engine: Local,
    after: dict[str, str],
    ask: Callable[[str], Question],
) -> None:
    question = ask(f"{WINDOW} {words}")
    asked = engine.translate(select.build(question, cap=10_000), question.view.columns)
    with engine.run(asked, token="7f3a", resume=None, progress=quietly) as table:  # noqa: S106 - a run's
        said = says(list(table.rows()))

    assert after[row].startswith(said) or said == after[row], said
