"""Archive and engine against the oracle, on events as strangers may write them; and no call falls through.

`DIFFERENTIAL_PAIRS=10000 pytest tests/engines/test_differential.py` asks that many.
"""

from __future__ import annotations

import os
import random
from contextlib import ExitStack, closing
from datetime import UTC
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import engines
from bot.archive import extracts
from bot.archive.archive import Archive
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.engines.lake.engine import Lake
from bot.engines.local import Local
from bot.errors import UserError
from bot.event_schema import VERSIONS
from bot.question import select, views
from bot.question.parser import parse
from tests import oracle
from tests.conftest import NOW
from tests.doubles import lake as double
from tests.support import hostile
from tests.support.clock import Clock
from tests.support.logs import quietly, write_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.engines import Engine
    from bot.question.question import Question
    from bot.table import Row
    from tests.oracle import Record

PAIRS = int(os.environ.get("DIFFERENTIAL_PAIRS", "60"))
PAIRS_AN_ARCHIVE = 60
EVENTS = 120

UNSAID = """
-- title: Calls that do not say their version
-- about: Their names.
SELECT eventName FROM $EDS_ID
WHERE :version IS NULL AND eventTime >= :start AND eventTime < :end ORDER BY eventName
""".lstrip()


def run(engine: Engine, question: Question) -> list[Row]:
    asked = engine.translate(select.build(question, cap=1_000_000), question.view.columns)
    with engine.run(asked, token="t", resume=None, progress=quietly) as table:  # noqa: S106 - no secret
        return list(table.rows())


def local(folder: Path, records: list[Record]) -> Local:
    """The embedded engine over some events, counted by the hour however few they are."""
    archive = Archive(folder / "archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extracts, "WORTH_BYTES", 0)
        archive.ingest([str(write_logs(folder / "logs", records))], progress=quietly)
    return Local(archive, memory="1GB", seconds=60, at_once=2)


@pytest.mark.parametrize("seed", range(max(1, PAIRS // PAIRS_AN_ARCHIVE)))
def test_any_question_over_hostile_events_answers_as_a_plain_loop_does(
    seed: int, tmp_path: Path, catalogue: dict[str, views.View]
) -> None:
    records = hostile.records(seed, EVENTS)
    engine = local(tmp_path, records)
    rng = random.Random(seed)  # noqa: S311 - questions, not secrets
    with_policy = {name for name, view in catalogue.items() if view.has_policy}
    asked = 0
    while asked < PAIRS_AN_ARCHIVE:
        text = hostile.question(rng, sorted(catalogue), with_policy=with_policy)
        try:
            question = parse(text, now=NOW, zone=UTC, views=catalogue, engines=engines.ENGINES)
        except UserError:
            continue  # `version=1.1 min=1.1` is no question
        asked += 1
        assert run(engine, question) == oracle.answer(question, records), text


@pytest.fixture
def lake_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[Record]], Lake]]:
    """Lake over some events."""
    with ExitStack() as opened:

        def over(records: list[Record]) -> Lake:
            events, clock = opened.enter_context(closing(double.Events(records))), Clock(NOW)
            opened.enter_context(double.Lake(events, now=clock)).set_environment(monkeypatch)
            aws = CloudTrail(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
            return Lake(stores.read(double.STORE_ID), aws)

        yield over


texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from([text for known in VERSIONS.values() for text in known]),
    st.from_regex(r"\A[ \t]?(tls|ssl|TLS|SSL)?[ _-]?[vV]?[0-3]?[._]?[0-9]{0,2}[ \n]?\Z"),
)


def three_ways(engine: Engine, catalogue: dict[str, views.View]) -> list[list[str]]:
    """The names of the calls that are older than 1.2, that are not, and that do not say."""
    known = catalogue | {"unsaid": views.parse("unsaid", UNSAID, where="unsaid.sql")}
    named = views.parse("named", UNSAID.replace(":version IS NULL", ":outdated"), where="named.sql")
    known["named"] = named
    found = []
    for words in ("named", "named version=1.2,1.3", "unsaid"):
        question = parse(f"{words} 2026-11-22", now=NOW, zone=UTC, views=known, engines=())
        found.append([str(name) for (name,) in run(engine, question)])
    return found


def events_with(versions: list[str | None]) -> list[Record]:
    kept = [text for text in versions if text is None or not any("\ud800" <= c <= "\udfff" for c in text)]
    plain = hostile.records(0, 1)[0] | {"eventTime": "2026-11-22T08:00:00Z"}
    return [
        plain | {"eventName": f"{at:04d}", "eventID": f"id-{at}", "tlsDetails": {"tlsVersion": text}}
        for at, text in enumerate(kept)
    ]


@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(versions=st.lists(st.none() | texts, min_size=1, max_size=150))
def test_every_event_is_older_or_not_older_or_does_not_say(
    versions: list[str | None], tmp_path_factory: pytest.TempPathFactory, catalogue: dict[str, views.View]
) -> None:
    records = events_with(versions)

    older, newer, unsaid = three_ways(local(tmp_path_factory.mktemp("any"), records), catalogue)

    assert sorted(older + newer + unsaid) == [record["eventName"] for record in records]
    assert unsaid == [record["eventName"] for record in records if oracle.version(record) is None]
    assert newer == [
        record["eventName"] for record in records if oracle.version(record) in {"TLSv1.2", "TLSv1.3"}
    ]


def test_every_event_of_a_lake_is_older_or_not_older_or_does_not_say(
    lake_over: Callable[[list[Record]], Lake], catalogue: dict[str, views.View]
) -> None:
    written = [text for known in VERSIONS.values() for text in known]
    odd = ["", " ", "-", "unknown", "tlsVersion", "1.4", "TLSv1.4", "TLS", "é", "'", None]
    records = events_with([*written, *(f" {text.upper()} " for text in written), *odd])

    older, newer, unsaid = three_ways(lake_over(records), catalogue)

    assert sorted(older + newer + unsaid) == [record["eventName"] for record in records]
    assert unsaid == [record["eventName"] for record in records if oracle.version(record) is None]
    assert len(unsaid) == len(odd)
