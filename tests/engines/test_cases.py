"""What is asked of the logs in tests/fixtures/cases, and the right answer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bot.archive.archive import Archive
from bot.engines.local import Local
from bot.question import select
from bot.question.parser import parse
from tests.support.logs import quietly

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.views import View
    from bot.table import Row

CASES: Final = Path(__file__).parents[1] / "fixtures" / "cases"
NOW: Final = datetime(2026, 11, 28, 20, tzinfo=UTC)
DAYS: Final = "2026-11-27..2026-11-29"


@pytest.fixture
def rows(tmp_path: Path, catalogue: dict[str, View]) -> Callable[[str, str], list[Row]]:
    """The answer to a question about a case."""

    def answer(case: str, words: str) -> list[Row]:
        archive = Archive(tmp_path / case)
        archive.ingest([str(CASES / case)], progress=quietly)
        engine = Local(archive, memory="1GB", seconds=60, at_once=1)
        question = parse(f"{DAYS} {words}", now=NOW, zone=UTC, views=catalogue, engines=())
        asked = engine.translate(select.build(question, cap=1_000), question.view.columns)
        with engine.run(asked, token="t", resume=None, progress=quietly) as table:  # noqa: S106 - no secret
            return list(table.rows())

    return answer


def test_every_spelling_of_an_old_version_is_old_everywhere(rows: Callable[[str, str], list[Row]]) -> None:
    case = "tls-version-spellings"

    assert [row[-1] for row in rows(case, "by=services")] == [19]
    ((_, *_, calls, new13, new12, old11, old10, other),) = rows(case, "by=versions")
    assert (calls, new13, new12, old11, old10, other) == (23, 0, 0, 9, 8, 6)  # two are SSLv3
    ((_, _, _, old11, old10, other, calls),) = rows(case, "by=trend")
    assert (old11, old10, other, calls) == (9, 8, 6, 23)
    assert {row[1] for row in rows(case, "by=clients")} == {"SSLv3", "TLSv1", "TLSv1.1"}


def test_what_is_no_version_counts_as_without_one_and_is_shown(
    rows: Callable[[str, str], list[Row]],
) -> None:
    ((service, events, without, *_, first, last, suite, _, _, exchange),) = rows(
        "tls-version-spellings", "by=coverage"
    )

    assert (service, events, without, first, last) == ("s3.amazonaws.com", 23, 4, "-", "unknown")
    assert (suite, exchange) == (None, None)


@pytest.mark.parametrize("case", ["identities", "identity-center-blank"])
@pytest.mark.parametrize("view", ["principals", "findings"])
def test_nobody_is_blank(case: str, view: str, rows: Callable[[str, str], list[Row]]) -> None:
    found = rows(case, f"by={view}")
    names = [row[1 if view == "findings" else 0] for row in found]

    assert all(names)
    assert len(names) == len(set(names)) == (11 if case == "identities" else 2)


@pytest.mark.parametrize(
    ("case", "name", "calls"),
    [
        ("identities", "anonymous", 1),
        ("identity-center-blank", "anonymous", 1),
        ("identities", "544894e8-80c1-707f-60e3-3ba6510dfac1", 1),
        ("identity-center-blank", "11111111-2222-3333-4444-555555555555", 1),
        ("identities", "secretsmanager.amazonaws.com", 1),
        ("identities", "alice@example.com", 1),
        ("identities", "arn:aws-us-gov:iam::444455556666:role/ci", 1),
        ("identities", "Unknown", 3),
    ],
)
def test_everybody_is_found_by_name(
    case: str, name: str, calls: int, rows: Callable[[str, str], list[Row]]
) -> None:
    assert len(rows(case, f"by=requests principal={name}")) == calls


@pytest.mark.parametrize("words", ["tls!=1.3", "version!=1.3", "min=1.3"])
def test_who_is_not_on_1_3(words: str, rows: Callable[[str, str], list[Row]]) -> None:
    assert sum(row[-1] for row in rows("tls-not-1.3-question", f"by=services {words}")) == 9  # type: ignore[misc]


def test_the_fuller_copy_is_old(rows: Callable[[str, str], list[Row]]) -> None:
    assert [row[-1] for row in rows("first-copy-without-tls", "by=services")] == [1]
