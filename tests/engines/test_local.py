"""The embedded engine: that it means what Trino means, reads only, and stops when told."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from bot.archive import extracts
from bot.archive.archive import Archive
from bot.demo import samples
from bot.engines import Statement
from bot.engines.local import Local, dialect
from bot.errors import Cancelled, EngineError, UserError
from bot.question import select, types, views
from bot.question.window import Window
from bot.table import Column
from tests.support.logs import FIRST_DAY, quietly, write_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bot.question.question import Question
    from bot.table import Cell, Row
    from tests.oracle import Record

NUMBER = (Column("n", "INTEGER"),)
TOKEN = "7f3a"  # noqa: S105 - names an asking, opens nothing
ENDLESS = Statement(
    "SELECT COUNT(*) AS n FROM range(10_000_000) a, range(10_000_000) b WHERE a.range <> b.range", NUMBER
)
"""A query that nobody lives long enough to see the end of."""

BUCKET = "TRY(JSON_EXTRACT_STRING(requestParameters, '/bucketName'))"
ATTRIBUTES = "userIdentity.sessionContext.webIdFederationData.attributes"
ODD_MAP = {
    "bucketName": "a",
    "nested": {"b": [1]},
    "number": 7,
    "nothing": None,
    "a/b~c": "slash",
    "sp ace": "x",
}


@pytest.fixture(scope="module")
def event() -> Record:
    """The one event of a tiny archive: 10 November 2026, a Tuesday, at 22:30 UTC."""
    plain = next(record for record in samples.day(FIRST_DAY) if record["eventSource"] == "s3.amazonaws.com")
    identity = plain["userIdentity"] | {
        "sessionContext": {"webIdFederationData": {"attributes": {"oidc:sub": "system"}}}
    }
    return plain | {
        "eventTime": "2026-11-10T22:30:00Z",
        "userIdentity": identity,
        "userAgent": "Boto/2.38.0 Python/2.6.6",
        "requestParameters": ODD_MAP,
        "responseElements": "no object",
        "additionalEventData": None,
        "tlsDetails": {"tlsVersion": "TLSv1", "keyExchange": "x25519"},
        "resources": [{"ARN": "arn:one"}, {"ARN": "arn:two"}],
    }


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, event: Record) -> Local:
    folder = tmp_path_factory.mktemp("tiny")
    archive = Archive(folder / "archive")
    archive.ingest([str(write_logs(folder / "logs", [event]))], progress=quietly)
    return Local(archive, memory="1GB", seconds=60, at_once=2)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Local]:
    """Two days of samples: as they are taken in, and without what stands beside the archive's files."""
    folder = tmp_path_factory.mktemp("days")
    records = [record for at in range(2) for record in samples.day(FIRST_DAY + timedelta(days=at))]
    archive, bare = Archive(folder / "archive"), Archive(folder / "bare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extracts, "WORTH_BYTES", 0)
        archive.ingest([str(write_logs(folder / "logs", records))], progress=quietly)
    shutil.copytree(archive.folder, bare.folder, ignore=shutil.ignore_patterns("*.hours", "*.ids"))
    return [Local(each, memory="1GB", seconds=60, at_once=2) for each in (archive, bare)]


def rows(engine: Local, asked: Statement) -> list[Row]:
    with engine.run(asked, token=TOKEN, resume=None, progress=quietly) as table:
        return list(table.rows())


def translate(engine: Local, trino: str) -> Statement:
    """The engine's SQL for one expression of Lake's dialect, over two days."""
    select = sqlglot.parse_one(
        f"SELECT {trino} AS x FROM $EDS_ID WHERE eventTime >= '2026-11-10 00:00:00' "  # noqa: S608 - ours
        "AND eventTime < '2026-11-12 00:00:00'",
        read="trino",
    )
    assert isinstance(select, exp.Select)
    type_ = types.infer_type(select.expressions[0].unalias())
    return engine.translate(select, (Column("x", type_ or "TEXT"),))


def value(engine: Local, trino: str) -> Cell:
    ((cell,),) = rows(engine, translate(engine, trino))
    return cell


def said(engine: Local, trino: str) -> str:
    line = " ".join(translate(engine, trino).sql.split())
    return line.removeprefix("SELECT ").partition(" AS x FROM")[0]


# --- what Trino means


@pytest.mark.parametrize(
    ("trino", "duckdb", "answer"),
    [
        # maps: text as it is, anything deeper as JSON text
        ("element_at(requestParameters, 'bucketName')", BUCKET, "a"),
        ("requestParameters['bucketName']", BUCKET, "a"),
        ("element_at(requestParameters, 'a/b~c')", None, "slash"),
        ("element_at(requestParameters, 'sp ace')", None, "x"),
        ("element_at(requestParameters, 'nested')", None, '{"b":[1]}'),
        ("element_at(requestParameters, 'number')", None, "7"),
        ("element_at(requestParameters, 'nothing')", None, None),
        ("element_at(requestParameters, 'missing')", None, None),
        ("element_at(responseElements, 'k')", None, None),
        ("element_at(additionalEventData, 'k')", None, None),
        (f"element_at({ATTRIBUTES}, 'oidc:sub')", None, "system"),
        ("element_at(resources, 2).ARN", "resources[2].ARN", "arn:two"),
        # JSON: scalars as text, NULL for all else
        ("json_extract_scalar(requestParameters, '$.bucketName')", None, "a"),
        ("json_extract_scalar(requestParameters, '$.number')", None, "7"),
        ("json_extract_scalar(requestParameters, '$.nested.b[0]')", None, "1"),
        ("json_extract_scalar(requestParameters, '$[\"sp ace\"]')", None, "x"),
        ("json_extract_scalar(requestParameters, '$.nested')", None, None),
        ("json_extract_scalar(requestParameters, '$.nested.b')", None, None),
        ("json_extract_scalar(requestParameters, '$.nothing')", None, None),
        ("json_extract_scalar(requestParameters, '$.missing')", None, None),
        ("json_extract_scalar(userAgent, '$.k')", None, None),
        ("json_extract_scalar(eventJson, '$.tlsDetails.keyExchange')", "tlsDetails.keyExchange", "x25519"),
        ("json_extract_scalar(eventJson, '$.tlsDetails.tlsVersion')", "tlsDetails.tlsVersion", "TLSv1"),
        ("json_extract_scalar(element_at(requestParameters, 'nested'), '$.b[0]')", None, "1"),
        ("json_extract_scalar(element_at(requestParameters, 'bucketName'), '$.b')", None, None),
        # integers divide towards zero, anything else as usual
        ("7 / 2", "7 // 2", 3),
        ("-7 / 2", "-7 // 2", -3),
        ("COUNT(*) / 2", "COUNT(*) // 2", 0),
        ("SUM(7) / 2", None, 3),
        ("1E2 * COUNT(*) / 8", "1E2 * COUNT(*) / 8", 12.5),
        ("100.0 * COUNT(*) / 8", None, 12.5),
        ("ROUND(7 / 2)", None, 3.0),
        # whole units that have passed, as many as the clock says
        ("date_diff('day', CAST('2026-11-09 23:00:00' AS TIMESTAMP), eventTime)", None, 0),
        ("date_diff('day', CAST('2026-11-09 22:30:00' AS TIMESTAMP), eventTime)", None, 1),
        ("date_diff('hour', eventTime, CAST('2026-11-10 20:31:00' AS TIMESTAMP))", None, -1),
        ("date_diff('month', CAST('2026-10-11 00:00:00' AS TIMESTAMP), eventTime)", None, 0),
        # Monday is 1, Sunday 7
        ("day_of_week(eventTime)", "ISODOW(eventTime)", 2),
        ("day_of_week(CAST('2026-11-15 00:00:00' AS TIMESTAMP))", None, 7),
        # NULL where nothing matches
        ("regexp_extract(userAgent, 'Python/(\\d+)\\.(\\d+)', 2)", None, "6"),
        ("regexp_extract(userAgent, 'Python/[0-9.]+')", None, "Python/2.6.6"),
        ("regexp_extract(userAgent, 'Java/(\\d+)', 1)", None, None),
        ("regexp_extract(errorCode, 'x')", None, None),
        ("regexp_like(userAgent, '^Python')", "REGEXP_MATCHES(userAgent, '^Python')", False),
        ("regexp_like(userAgent, 'Python')", None, True),
        # times are in UTC and know it
        ("eventTime", None, datetime(2026, 11, 10, 22, 30, tzinfo=UTC)),
        ("date_trunc('hour', eventTime)", None, datetime(2026, 11, 10, 22, tzinfo=UTC)),
        ("CAST(eventTime AS DATE)", None, date(2026, 11, 10)),
        ("year(eventTime) * 100 + month(eventTime)", None, 202611),
        ("lower(userAgent)", None, "boto/2.38.0 python/2.6.6"),
    ],
)  # fmt: skip
def test_a_function_means_what_it_means_in_trino(
    trino: str, duckdb: str | None, answer: Cell, tiny: Local
) -> None:
    cell = value(tiny, trino)

    assert (cell, type(cell)) == (answer, type(answer))
    if duckdb is not None:
        assert said(tiny, trino) == duckdb


@pytest.mark.parametrize(
    ("trino", "answer"),
    [
        ("SELECT COUNT(*) FROM $EDS_ID", [1]),
        ("SELECT COUNT(*) FROM $EDS_ID WHERE eventName = 'nothing'", [0]),
        ("SELECT COUNT(*) FROM $EDS_ID WHERE eventTime >= '2026-11-10 00:00:00'", [1]),
        ("SELECT COUNT(*) FROM $EDS_ID WHERE (eventTime >= '2026-11-10 22:31:00')", [0]),
        (
            "SELECT COUNT(*) FROM $EDS_ID WHERE eventTime < '2026-11-01 00:00:00' OR userAgent LIKE 'Boto%'",
            [1],
        ),
        ("SELECT COUNT(*) FROM $EDS_ID WHERE NOT (eventTime >= '2026-11-10 00:00:00' AND 1 = 1)", [0]),
        (
            "SELECT 1 FROM $EDS_ID UNION ALL SELECT 2 FROM $EDS_ID WHERE eventSource = 's3.amazonaws.com'",
            [1, 2],
        ),
        ("SELECT n FROM (SELECT 3 AS n FROM $EDS_ID WHERE eventTime < '2026-11-11 00:00:00')", [3]),
    ],
)
def test_whatever_a_where_joins_and_however_selects_are_joined_means_the_same(
    trino: str, answer: list[int], tiny: Local
) -> None:
    tree = sqlglot.parse_one(trino, read="trino")
    assert isinstance(tree, exp.Query)

    assert rows(tiny, Statement(dialect.translate(tree, ""), NUMBER)) == [(each,) for each in answer]


def test_special_cases_within_each_other_are_each_translated(tiny: Local) -> None:
    within = "regexp_extract(json_extract_scalar(requestParameters, '$.bucketName'), '(b)', 1)"

    assert value(tiny, within) is None
    assert value(tiny, within.replace("(b)", "(a)")) == "a"
    assert value(tiny, f"COALESCE({within}, element_at(requestParameters, 'number'))") == "7"


@pytest.mark.parametrize(
    ("trino", "why"),
    [
        ("eventJson", "keeps no eventJson as a whole"),
        ("lower(eventJson)", "keeps no eventJson as a whole"),
        ("json_extract_scalar(eventJson, '$.future')", "keeps no eventJson as a whole"),
        ("json_extract_scalar(eventJson, '$.tlsDetails.future')", "keeps no eventJson as a whole"),
        ("eventJsonChecksum", "keeps no eventJson as a whole"),
        ("element_at(requestParameters, eventName)", "one fixed key of requestParameters"),
    ],
)
def test_what_the_archive_does_not_keep_is_refused_in_words(trino: str, why: str, tiny: Local) -> None:
    with pytest.raises(UserError, match=why) as caught:
        translate(tiny, trino)

    assert caught.value.hint


def test_translating_leaves_the_question_as_it_was(tiny: Local, ask: Callable[[str], Question]) -> None:
    tree = select.build(ask("last 7d"), cap=5)
    before = tree.sql("trino")

    tiny.translate(tree, ())

    assert tree.sql("trino") == before


# --- only what is needed is read


@pytest.mark.parametrize(
    ("window", "days"),
    [
        ("2026-11-10..2026-11-12", "day >= CAST('2026-11-10' AS DATE) AND day < CAST('2026-11-12' AS DATE)"),
        (
            "2026-11-10T06:00Z..2026-11-12T18:45Z",
            "day >= CAST('2026-11-10' AS DATE) AND day <= CAST('2026-11-12' AS DATE)",
        ),
    ],
)
def test_the_window_is_said_in_days_too_whatever_the_filters(
    window: str, days: str, tiny: Local, ask: Callable[[str], Question]
) -> None:
    for words in ("", "service=s3 agent!=x by=clients min=1.3"):
        tree = select.build(ask(f"{window} {words}"), cap=5)
        asked = sqlglot.parse_one(tiny.translate(tree, ()).sql, read="duckdb")
        whole, *ends = [each.sql("duckdb") for each in asked.find_all(exp.Where)]

        assert whole.endswith(days)
        assert all(re.search(r" AND day >= .* AND day <", each) for each in ends)


@pytest.mark.parametrize(
    ("words", "is_of_hours"),
    [
        ("by=services", True),
        ("by=versions", True),
        ("by=trend", True),
        ("by=coverage", True),
        ("by=services service=s3 account=111122223333 region!=eu-west-1 version=1.1", True),
        ("by=services agent=curl", False),  # the archive does not count by what is asked
        ("by=services min=1.3 kx=classical", False),
        ("by=regions", False),  # counts principals, too
        ("by=latest", False),
    ],
)
def test_what_the_archive_has_counted_is_not_counted_again(
    words: str, is_of_hours: bool, tiny: Local, ask: Callable[[str], Question]
) -> None:
    def tables(window: str) -> list[str]:
        sql = tiny.translate(select.build(ask(f"{window} {words}"), cap=5), ()).sql
        return sorted(table.name for table in sqlglot.parse_one(sql, read="duckdb").find_all(exp.Table))

    assert tables("2026-11-10..2026-11-12") == ["hours" if is_of_hours else "events"]
    assert tables("2026-11-10T10:01Z..2026-11-10T10:59Z") == ["events"]
    parts = tables("2026-11-10T06:20Z..2026-11-12T18:45Z")
    assert parts == (["events", "events", "hours"] if is_of_hours else ["events"])


OF_HOURS = ("coverage", "services", "trend", "versions")
OWN = """
-- title: What only events say
-- about: A check.
SELECT eventSource, {} AS said FROM $EDS_ID
WHERE eventTime >= :start AND eventTime < :end GROUP BY {} ORDER BY eventSource, said
""".lstrip()


@pytest.mark.parametrize(
    ("said", "is_of_hours"),
    [
        ("COUNT(*)", True),
        ("SUM(CASE WHEN awsRegion = 'eu-west-1' THEN 2 ELSE 0 END) / COUNT(*)", True),
        ("MAX(LENGTH(awsRegion))", True),
        ("MIN(CAST(eventTime AS DATE))", True),
        ("MAX(eventTime)", True),
        ("MAX(HOUR(eventTime))", False),
        ("SUM(CASE WHEN awsRegion = 'eu-west-1' THEN 0.1 ELSE 0.2 END)", False),
        ("AVG(LENGTH(awsRegion))", False),
        ("COUNT(awsRegion)", False),
        ("COUNT(DISTINCT awsRegion)", False),
        ("MAX(eventName)", False),
    ],
)
def test_a_view_of_ones_own_is_asked_of_hours_only_where_they_say_the_same(
    said: str, is_of_hours: bool, days: Sequence[Local], ask: Callable[[str], Question]
) -> None:
    assert asked_of_hours(OWN.format(said, "eventSource"), days, ask) == is_of_hours


@pytest.mark.parametrize("said", ["COUNT(*)", "SUM(CASE WHEN userAgent = 'curl' THEN 1 ELSE 0 END)"])
@pytest.mark.parametrize("groups", ["1", "ROLLUP(eventSource)", "GROUPING SETS ((eventSource), ())"])
def test_other_groups_than_by_columns_are_events(
    said: str, groups: str, days: Sequence[Local], ask: Callable[[str], Question]
) -> None:
    assert not asked_of_hours(OWN.format(said, groups), days, ask)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.integers(-90, 2 * 24 * 60), length=st.integers(1, 2 * 24 * 60), name=st.sampled_from(OF_HOURS)
)
def test_whatever_the_window_hours_and_events_say_the_same(
    start: int, length: int, name: str, days: Sequence[Local], ask: Callable[[str], Question]
) -> None:
    begin = datetime.combine(FIRST_DAY, datetime.min.time(), UTC) + timedelta(minutes=start)
    window = Window(begin, begin + timedelta(minutes=length), "", clipped=False)
    question = replace(ask(f"2026-11-10 by={name}"), window=window)
    with_hours, without = days
    asked = with_hours.translate(select.build(question, cap=1_000), question.view.columns)

    assert rows(with_hours, asked) == rows(without, asked)


def asked_of_hours(sql: str, days: Sequence[Local], ask: Callable[[str], Question]) -> bool:
    """Whether a view is asked of hours; it answers the same without them."""
    view = views.parse("own", sql, where="own.sql")
    question = replace(ask("2026-11-10T06:20Z..2026-11-11T18:45Z"), view=view, policy=None)
    with_hours, without = days
    asked = with_hours.translate(select.build(question, cap=50), view.columns)

    assert rows(with_hours, asked) == rows(without, asked) != []
    return "FROM hours" in asked.sql


def test_a_broken_file_of_another_day_does_no_harm(
    tmp_path: Path, event: Record, ask: Callable[[str], Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = event | {"eventID": "later", "eventTime": "2026-11-11T00:30:00Z"}
    monkeypatch.setattr(extracts, "WORTH_BYTES", 0)
    archive = Archive(tmp_path / "archive")
    archive.ingest([str(write_logs(tmp_path / "logs", [event, later]))], progress=quietly)
    (broken,) = archive.folder.glob("day=2026-11-11/*.parquet")
    broken.write_bytes(b"PAR1 this is no Parquet PAR1")
    engine = Local(archive, memory="1GB", seconds=60, at_once=2)

    def answer(text: str) -> list[Row]:
        question = ask(text)
        return rows(engine, engine.translate(select.build(question, cap=5), question.view.columns))

    counted, principals = "2026-11-10..2026-11-11 by=services", "2026-11-10..2026-11-11 by=principals"
    assert answer(counted) == [("s3.amazonaws.com", 1)]
    assert len(answer(principals)) == 1
    # what was counted before the file broke is still so
    assert answer("2026-11-11..2026-11-12 by=services") == [("s3.amazonaws.com", 1)]
    with pytest.raises(EngineError, match="The embedded engine failed"):
        answer("2026-11-11..2026-11-12 by=principals")


def test_a_role_is_one_finding_however_its_sessions_are_named(
    event: Record, tmp_path: Path, ask: Callable[[str], Question]
) -> None:
    role = "arn:aws:iam::444455556666:role/billing-reports"
    session = {"sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}}}
    events = [
        event
        | {
            "eventID": f"session-{hour}",
            "eventTime": f"2026-11-10T{hour}:00:00Z",
            "userIdentity": {"arn": f"arn:aws:sts::444455556666:assumed-role/billing-reports/i-{hour}"}
            | session,
        }
        for hour in (10, 12, 11)
    ]
    archive = Archive(tmp_path / "archive")
    archive.ingest([str(write_logs(tmp_path / "logs", events))], progress=quietly)
    engine = Local(archive, memory="1GB", seconds=60, at_once=2)
    question = ask("2026-11-10..2026-11-11 by=findings")

    found = rows(engine, engine.translate(select.build(question, cap=5), question.view.columns))

    first, last = (datetime(2026, 11, 10, hour, tzinfo=UTC) for hour in (10, 12))
    assert found == [("s3.amazonaws.com", role, event["userAgent"], first, last, 3, 0)]


def test_an_archive_of_nothing_but_broken_files_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "day=2026-11-10").mkdir()
    (tmp_path / "day=2026-11-10" / "x.parquet").write_bytes(b"PAR1 this is no Parquet PAR1")

    with pytest.raises(EngineError, match="The embedded engine failed"):
        rows(Local(Archive(tmp_path), memory="1GB", seconds=60, at_once=2), Statement("SELECT 1", NUMBER))


@pytest.mark.parametrize("name", sorted(views.load()))
def test_an_empty_archive_answers_with_no_rows_under_the_views_columns(
    name: str, tmp_path: Path, ask: Callable[[str], Question]
) -> None:
    engine = Local(Archive(tmp_path / "nothing"), memory="1GB", seconds=60, at_once=2)
    question = ask(f"last 7d by={name}")
    asked = engine.translate(select.build(question, cap=5), question.view.columns)

    with engine.run(asked, token=TOKEN, resume=None, progress=quietly) as table:
        assert table.columns == question.view.columns
        assert table.row_count == 0
    assert not (tmp_path / "nothing").exists()


# --- read-only


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{archive}/day=2026-11-10/new.parquet'",
        "ATTACH '{archive}/new.db'",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW events",
        "SET memory_limit = '64GB'",
        "PRAGMA enable_profiling",
        "INSTALL httpfs",
        "SELECT 1; COPY (SELECT 1) TO '{archive}/x.csv'",
        "EXPLAIN ANALYZE SELECT 1",
        "",
    ],
)
def test_anything_but_a_single_select_is_refused(sql: str, tiny: Local) -> None:
    before = contents(tiny)

    with pytest.raises(EngineError, match="a single SELECT and nothing else"):
        rows(tiny, Statement(sql.format(archive=archive_of(tiny)), NUMBER))

    assert contents(tiny) == before


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('{outside}/secret.csv')",
        "SELECT * FROM read_parquet('http://127.0.0.1/x.parquet')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT getenv('HOME')",
    ],
)
def test_a_select_reaches_nothing_outside_the_archive(sql: str, tiny: Local, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")

    with pytest.raises(EngineError, match="The embedded engine failed"):
        rows(tiny, Statement(sql.format(outside=tmp_path), NUMBER))


def archive_of(engine: Local) -> Path:
    return engine._archive.folder  # noqa: SLF001 - to see what it holds


def contents(engine: Local) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in archive_of(engine).rglob("*") if path.is_file()}


# --- stopping


@dataclass
class Impatient:
    """A progress that wants no more at the `after`th telling."""

    after: int
    told: int = 0

    def __call__(self, ref: str | None, state: str, scanned: int) -> None:
        self.told += 1
        assert (ref, state) == (None, "running")
        assert scanned >= 0
        if self.told >= self.after:
            raise Cancelled("enough")


@pytest.mark.parametrize("after", [1, 2])
def test_stopped_by_progress_ends_a_query_that_would_never_end(after: int, tiny: Local) -> None:
    progress = Impatient(after)

    with pytest.raises(Cancelled, match="enough"):
        tiny.run(ENDLESS, token=TOKEN, resume=None, progress=progress)

    assert progress.told == after


def test_a_query_stopped_while_its_rows_are_fetched_leaves_no_spool_open(tiny: Local) -> None:
    many = Statement("SELECT range AS n FROM range(1_000_000_000)", NUMBER)

    with pytest.raises(Cancelled):
        tiny.run(many, token=TOKEN, resume=None, progress=Impatient(2))


def test_the_engine_answers_after_a_stopped_query(tiny: Local) -> None:
    with pytest.raises(Cancelled):
        tiny.run(ENDLESS, token=TOKEN, resume=None, progress=Impatient(1))

    assert rows(tiny, Statement("SELECT 1 AS n", NUMBER)) == [(1,)]


def test_a_query_over_its_time_is_stopped_and_says_which_setting(tiny: Local) -> None:
    hours = count(step=3600)
    engine = Local(
        Archive(archive_of(tiny)), memory="1GB", seconds=600, at_once=2, monotonic=lambda: next(hours)
    )

    with pytest.raises(EngineError, match="longer than 600 seconds") as caught:
        rows(engine, ENDLESS)

    assert "TLS_AUDIT_LOCAL_SECONDS" in caught.value.hint


def test_a_query_over_its_memory_is_stopped_and_says_which_setting(tiny: Local) -> None:
    engine = Local(Archive(archive_of(tiny)), memory="20MB", seconds=600, at_once=2)
    greedy = Statement("SELECT len(list(range * 1.0)) AS n FROM range(20_000_000)", NUMBER)

    with pytest.raises(EngineError, match="more than the 20MB of memory") as caught:
        rows(engine, greedy)

    assert "TLS_AUDIT_LOCAL_MEMORY" in caught.value.hint


def test_a_failing_query_says_why_in_a_line(tiny: Local) -> None:
    with pytest.raises(EngineError) as caught:
        rows(tiny, Statement("SELECT nonsense FROM events", NUMBER))

    assert "nonsense" in caught.value.in_full
    assert "\n" not in caught.value.in_full


def test_nothing_is_left_behind_where_it_spills(
    tiny: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    rows(tiny, Statement("SELECT range AS n FROM range(5_000)", NUMBER))

    assert list(tmp_path.iterdir()) == []


def test_map_values_stay_as_they_were_recorded(tiny: Local) -> None:
    recorded: dict[str, Any] = json.loads(str(value(tiny, "requestParameters")))

    assert recorded == ODD_MAP


# --- how many run at once


class Occupant:
    """A query that runs until it is let go: `at_work` tells that it has its place."""

    def __init__(self, engine: Local) -> None:
        self.at_work = Event()
        self._leaves = Event()
        self._thread = Thread(target=self._run, args=(engine,), daemon=True)

    def __enter__(self) -> Occupant:
        self._thread.start()
        assert self.at_work.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._leaves.set()
        self._thread.join()

    def _run(self, engine: Local) -> None:
        with suppress(Cancelled):
            engine.run(ENDLESS, token=TOKEN, resume=None, progress=self._told)

    def _told(self, ref: str | None, state: str, scanned: int) -> None:
        del ref, scanned
        if state == "running":
            self.at_work.set()
        if self._leaves.is_set():
            raise Cancelled("enough")


def test_only_so_many_queries_run_at_once_and_the_next_is_told_that_it_waits(tiny: Local) -> None:
    engine = Local(Archive(archive_of(tiny)), memory="1GB", seconds=60, at_once=1)
    states: list[str] = []

    with Occupant(engine) as first:

        def progress(ref: str | None, state: str, scanned: int) -> None:
            assert (ref, scanned) == (None, 0)
            states.append(state)
            if len(states) == 2:
                first.leave()

        with engine.run(
            Statement("SELECT 1 AS n", NUMBER), token=TOKEN, resume=None, progress=progress
        ) as table:
            assert list(table.rows()) == [(1,)]

    assert states[:2] == ["waiting for its turn"] * 2
    assert states[-1] == "running"


def test_a_query_that_waits_for_its_turn_can_be_stopped_and_takes_no_place(tiny: Local) -> None:
    engine = Local(Archive(archive_of(tiny)), memory="1GB", seconds=60, at_once=1)

    def enough(ref: str | None, state: str, scanned: int) -> None:
        del ref, scanned
        raise Cancelled(state)

    with Occupant(engine), pytest.raises(Cancelled, match="waiting for its turn"):
        engine.run(ENDLESS, token=TOKEN, resume=None, progress=enough)

    assert rows(engine, Statement("SELECT 1 AS n", NUMBER)) == [(1,)]


def test_waiting_for_its_turn_is_none_of_the_time_that_a_query_may_take(tiny: Local) -> None:
    hours = [0.0]
    engine = Local(Archive(archive_of(tiny)), memory="1GB", seconds=60, at_once=1, monotonic=lambda: hours[0])
    with Occupant(engine) as first:

        def progress(ref: str | None, state: str, scanned: int) -> None:
            del ref, scanned
            if state != "running":
                first.leave()
                hours[0] += 3_600

        engine.run(Statement("SELECT 1 AS n", NUMBER), token=TOKEN, resume=None, progress=progress).close()
