"""Findings that version 2 remembered, read by what is known of identities and spellings now.

The archive and the database were written by the code of that version; its README says what is in them.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bot.archive.archive import Archive
from bot.digests import scan
from bot.engines.local import Local
from bot.question import select
from bot.question.parser import parse
from bot.store.database import Database
from bot.store.digests import Digests
from tests.support.logs import quietly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.digests.finding import Finding
    from bot.digests.report import Report
    from bot.question.views import View
    from bot.table import Row

FIXTURE: Final = Path(__file__).parents[1] / "fixtures" / "version2"
ASKED: Final = datetime(2026, 11, 23, 8, 14, 30, tzinfo=UTC)
TOLD: Final = date(2026, 11, 23)
"""The day whose digest tells of Sunday 22 November, the first that version 2 had not told."""

SPELLED_OTHERWISE: Final = {"PHP/5.3", "aws-sdk-cpp/1.2"}
"""Clients that write `tlsv1.1` and `1.0`, which version 2 did not read: nobody was told of them."""


@pytest.fixture
def digests(tmp_path: Path) -> Iterator[Digests]:
    shutil.copy(FIXTURE / "runs.sqlite", tmp_path / "runs.sqlite")
    database = Database(f"sqlite:///{tmp_path / 'runs.sqlite'}")
    yield Digests(database)
    database.close()


@pytest.fixture
def engine(tmp_path: Path) -> Local:
    shutil.copytree(FIXTURE / "archive", tmp_path / "archive")
    return Local(Archive(tmp_path / "archive"), memory="1GB", seconds=60, at_once=1)


def told(
    digests: Digests, number: int, engine: Local, catalogue: dict[str, View]
) -> tuple[list[Finding], Report, tuple[Finding, ...]]:
    """What digest `number` remembered; the next one it tells; and what it remembers then."""
    digest = digests.get(number)
    assert digest is not None
    period, before = scan.windows(digest, TOLD)
    about = digest.scope.asked(catalogue[scan.FINDINGS_VIEW], period, ASKED.date())
    asked = scan.questions(about, before, ASKED, catalogue)
    tables = {}
    for name, question in asked.items():
        statement = engine.translate(select.build(question, cap=100_000), question.view.columns)
        tables[name] = engine.run(statement, token=name, resume=None, progress=quietly)
    remembered = digests.findings(number)
    report, findings, _ = scan.report(
        scan.from_tables(about, ASKED, tables, None),
        digest,
        TOLD,
        "",
        remembered=remembered,
        history=digests.points(number, period.start.date(), 30),
        trusted=digests.trusted(number, period.start.date(), 30),
        stale_after=timedelta(hours=6),
    )
    return remembered, report, findings


@pytest.mark.parametrize("number", [1, 4])
def test_a_finding_that_got_a_name_is_as_old_and_as_known_as_before(
    number: int, digests: Digests, engine: Local, catalogue: dict[str, View]
) -> None:
    remembered, report, findings = told(digests, number, engine, catalogue)

    unnamed = {finding.id: finding for finding in remembered if not finding.principal}
    after = {finding.id: finding for finding in findings}
    assert {finding.client for finding in unnamed.values()} >= {"Wget/1.12", "Legacy/1.0"}
    for name, was in unnamed.items():
        now = after[name]
        assert now.principal
        assert (now.first, now.since, now.spells) == (was.first, was.since, was.spells)
        assert (now.client, now.snooze) == (was.client, was.snooze)
    assert {entry.change for entry in report.entries if entry.finding.id in unnamed} <= {"open", "known"}
    assert {entry.finding.client for entry in report.entries if entry.change == "new"} == SPELLED_OTHERWISE
    assert not [entry for entry in report.entries if entry.change in ("back", "resolved")]
    assert len(findings) == len(remembered) + len(SPELLED_OTHERWISE)


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Local:
    """An archive of the same logs, written by today's code."""
    archive = Archive(tmp_path_factory.mktemp("anew"))
    archive.ingest([str(FIXTURE / "logs")], progress=quietly)
    return Local(archive, memory="1GB", seconds=60, at_once=1)


def answer(engine: Local, text: str, catalogue: dict[str, View]) -> list[Row]:
    question = parse(text, now=ASKED, zone=UTC, views=catalogue, engines=())
    statement = engine.translate(select.build(question, cap=100_000), question.view.columns)
    with engine.run(statement, token="t", resume=None, progress=quietly) as table:  # noqa: S106
        return list(table.rows())


@pytest.mark.parametrize(
    "view", ["services", "versions", "coverage", "ciphers", "key-exchange", "principals"]
)
def test_the_archive_of_version_2_says_the_same_as_one_written_anew(
    view: str, engine: Local, anew: Local, catalogue: dict[str, View]
) -> None:
    asked = f"2026-11-09..2026-11-16 by={view}"

    assert answer(engine, asked, catalogue) == answer(anew, asked, catalogue)


def test_but_two_copies_on_neighbouring_days_stay_two_events_until_all_is_read_anew(
    engine: Local, anew: Local, catalogue: dict[str, View]
) -> None:
    asked = "2026-11-16..2026-11-18 by=versions service=dynamodb"
    calls = [row[6] for each in (engine, anew) for row in answer(each, asked, catalogue)]

    assert calls == [105, 104]
