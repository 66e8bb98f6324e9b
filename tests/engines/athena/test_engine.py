"""The Athena engine against a double over HTTP: paid once, waited for, and told in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlglot import exp

from bot.engines.athena import client, ddl, tables
from bot.engines.athena.engine import Athena
from bot.errors import Cancelled, EngineBusy, EngineError, LeaseLost, UserError
from bot.question import select
from tests import oracle
from tests.doubles import athena as double
from tests.doubles.athena import planned
from tests.support.logs import quietly
from tests.support.trail import ATHENA_TABLE, over_trail, trail_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.engines import Statement
    from bot.question.question import Question
    from bot.table import Table
    from tests.oracle import Record
    from tests.support.clock import Clock

TABLE = tables.read(ATHENA_TABLE)[tables.DEFAULT]
ROLE = "arn:aws:iam::999988887777:role/reader"


@pytest.fixture(scope="module")
def few(records: list[Record]) -> list[Record]:
    return [record for n, record in enumerate(records) if n % 20 == 0 or record["eventID"].startswith("odd")]


@pytest.fixture(scope="module")
def shared(few: list[Record]) -> Iterator[double.Bucket]:
    held = double.Bucket(trail_files(few))
    held.create(over_trail(TABLE))
    yield held
    held.close()


@pytest.fixture(autouse=True)
def served(shared: double.Bucket, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[double.Athena]:
    """An Athena of the test's own, where boto3 finds it; the trail is shared."""
    with double.Athena(shared, now=clock) as served:
        served.set_environment(monkeypatch)
        yield served


def engine_of(clock: Clock, text: str = ATHENA_TABLE, role: str = "", **more: Any) -> Athena:
    aws = client.Athena(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
    return Athena(tables.read(text, role), aws, **more)


@pytest.fixture
def engine(served: double.Athena, clock: Clock) -> Athena:
    made = engine_of(clock)
    made.refresh()
    served.calls.clear()
    return made


def statement(engine: Athena, question: Question) -> Statement:
    return engine.translate(select.build(question, cap=1_000), question.view.columns)


def run(
    engine: Athena, asked: Statement, key: str, progress: Any = quietly, *, resume: str | None = None
) -> Table:
    """Ask; `key` names the asking."""
    return engine.run(asked, token=key, resume=resume, progress=progress)


class Told:
    """A progress that remembers, and may say that the run is not wanted."""

    def __init__(self, stop: type[Exception] | None = None, at: str = "running") -> None:
        self.words: list[tuple[str | None, str, int]] = []
        self._stop, self._at = stop, at

    def __call__(self, ref: str | None, state: str, scanned: int) -> None:
        self.words.append((ref, state, scanned))
        if self._stop is not None and state == self._at:
            raise self._stop("No more.")


# --- asking


def test_a_question_is_started_once_and_read_from_its_file(
    engine: Athena, served: double.Athena, few: list[Record], ask: Callable[[str], Question]
) -> None:
    question = ask("last 14d by=requests min=1.3")

    with run(engine, statement(engine, question), "r1/answer") as table:
        assert list(table.rows()) == oracle.answer(question, few)[:1_000]
        assert table.scanned > 0
    assert served.count("StartQueryExecution") == 1
    assert served.count("GetQueryResults") == 0
    (started,) = [given for name, given in served.calls if name == "StartQueryExecution"]
    assert started["WorkGroup"] == "primary"
    assert "ResultConfiguration" not in started


def test_workgroup_and_output_are_the_settings(
    served: double.Athena, clock: Clock, ask: Callable[[str], Question]
) -> None:
    served.groups["tls"] = double.WorkGroup("tls", output="")
    engine = engine_of(clock, workgroup="tls", output="s3://ours/answers")
    engine.refresh()

    with run(engine, statement(engine, ask("last 7d by=services")), "r1") as table:
        assert table.row_count
    (execution,) = served.executions.values()
    assert f"ours/answers/{execution.id}.csv" in served.objects


def test_progress_tells_states_and_bytes(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    planned(served, queued=2, running=10)
    told = Told()

    run(engine, statement(engine, ask("last 7d")), "r1", told).close()

    states = list(dict.fromkeys(state for _, state, _ in told.words))
    assert states == ["starting", "queued", "running", "reading the answer"]
    scanned = [scanned for _, _, scanned in told.words]
    assert scanned == sorted(scanned)
    assert 0 < scanned[len(scanned) // 2] < scanned[-1]


def test_null_and_an_empty_text_stay_apart(engine: Athena, ask: Callable[[str], Question]) -> None:
    question = ask("last 14d by=clients min=1.3")

    with run(engine, statement(engine, question), "r1") as table:
        agents = {row[0] for row in table.rows()}
    assert {"", None} <= agents


def test_texts_with_quotes_commas_and_line_breaks_come_whole(
    engine: Athena, ask: Callable[[str], Question]
) -> None:
    question = ask("last 14d by=clients")

    with run(engine, statement(engine, question), "r1") as table:
        agents = {row[0] for row in table.rows()}
    assert "line\nbreak \u202etxt.exe \x00nul" in agents
    assert "100%_sure\\back 'quote' \"double\" /* */ -- :start" in agents


def test_an_answer_that_athena_keeps_itself_comes_by_pages(
    engine: Athena, served: double.Athena, few: list[Record], ask: Callable[[str], Question]
) -> None:
    served.groups["primary"] = double.WorkGroup(output="", managed=True)
    served.page_rows = 7
    question = ask("last 14d by=requests")

    with run(engine, statement(engine, question), "r1") as table:
        assert list(table.rows()) == oracle.answer(question, few)
        assert table.row_count > 7
    assert served.count("GetQueryResults") > 1


def test_a_bucket_that_may_not_be_read_is_told_and_the_pages_are_read(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    served.unreadable.add("athena-results")

    with run(engine, statement(engine, ask("last 7d")), "r1") as table:
        assert table.row_count
        assert "cannot be read (AccessDenied)" in table.notes[0]
        assert "s3:GetObject" in table.notes[0]


def test_the_same_text_within_minutes_reads_nothing_and_says_so(
    engine: Athena, served: double.Athena, clock: Clock, ask: Callable[[str], Question]
) -> None:
    asked = statement(engine, ask("last 7d"))
    run(engine, asked, "r1").close()
    clock.sleep(120)

    with run(engine, asked, "r2") as again:
        assert again.scanned == 0
        assert "answered this within five minutes" in again.notes[0]
    clock.sleep(600)
    with run(engine, asked, "r3") as anew:
        assert anew.scanned > 0
    assert len(served.executions) == 3


# --- once


def test_a_start_whose_answer_is_lost_is_paid_once(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    served.cut("StartQueryExecution", "after")

    run(engine, statement(engine, ask("last 7d")), "r1").close()

    assert served.count("StartQueryExecution") == 2
    assert len(served.paid()) == len(served.executions) == 1


def test_whoever_takes_a_run_over_without_its_id_gets_the_same_query(
    engine: Athena, served: double.Athena, clock: Clock, ask: Callable[[str], Question]
) -> None:
    planned(served, running=60)
    asked = statement(engine, ask("last 7d"))
    with pytest.raises(LeaseLost):
        run(engine, asked, "r1", Told(LeaseLost, "queued"))

    other = engine_of(clock)
    with run(other, asked, "r1") as table:
        assert table.row_count
    assert len(served.executions) == 1
    assert served.count("StopQueryExecution") == 0


def test_an_earlier_attempt_is_fetched_and_not_asked_again(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    asked, told = statement(engine, ask("last 7d")), Told()
    run(engine, asked, "r1", told).close()
    ref = told.words[-1][0]

    run(engine, asked, "r1", resume=ref).close()

    assert served.count("StartQueryExecution") == 1


def test_what_athena_has_nothing_of_any_more_is_asked_anew(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    run(engine, statement(engine, ask("last 7d")), "r1", resume="gone-1").close()

    assert served.count("StartQueryExecution") == 1


def test_cut_answers_of_what_runs_are_waited_for(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    planned(served, running=5)
    served.cut("GetQueryExecution", "before", times=3)
    told = Told()

    run(engine, statement(engine, ask("last 7d")), "r1", told).close()

    assert "AWS does not answer, waiting" in {state for _, state, _ in told.words}
    assert len(served.executions) == 1


def test_a_cancelled_run_is_stopped_at_athena(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    planned(served, running=60)

    with pytest.raises(Cancelled):
        run(engine, statement(engine, ask("last 7d")), "r1", Told(Cancelled))

    (execution,) = served.executions.values()
    assert execution.cancelled is not None


def test_other_words_for_the_same_token_are_refused_unpaid(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    run(engine, statement(engine, ask("last 7d")), "r1").close()

    with pytest.raises(EngineError, match="asked this already, in other words"):
        run(engine, statement(engine, ask("last 8d")), "r1")
    assert len(served.executions) == 1


# --- limits


def test_no_room_is_told_as_no_room(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    served.live = 0
    told = Told()

    with pytest.raises(EngineBusy, match="as many queries as it may"):
        run(engine, statement(engine, ask("last 7d")), "r1", told)
    assert told.words[-1] == (None, "waiting for Athena", 0)


def test_calls_keep_below_athenas_limits(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    asked = [statement(engine, ask(f"last {n}d by=services")) for n in range(1, 9)]

    for n, each in enumerate(asked):
        run(engine, each, f"r{n}").close()

    assert len(served.executions) == 8


# --- refusals in words


def fails(
    engine: Athena, served: double.Athena, question: Question, words: str, end: str = "FAILED"
) -> EngineError:
    planned(served, end=end, error=words)
    with pytest.raises(EngineError) as failure:
        run(engine, statement(engine, question), "r1")
    return failure.value


@pytest.mark.parametrize(
    ("words", "why", "hint"),
    [
        ("Query exhausted resources at this scale factor", "too little room", "shorter window"),
        ("Query timeout", "time limit", "shorter window"),
        (
            "Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied)",
            "may not read the log files",
            "s3:GetObject",
        ),
        ("Access denied when using the AWSKMS key: kms:Decrypt", "key of the log files", "kms:Decrypt"),
        ("Insufficient Lake Formation permission(s) on t", "Lake Formation", "SELECT and DESCRIBE"),
        ("TABLE_NOT_FOUND: line 1:1: Table 'x' does not exist", "no such table", "TLS_AUDIT_ATHENA_TABLE"),
        (
            "HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch between the table and partition schemas",
            "still has the old ones",
            "Drop that partition",
        ),
        ("HIVE_BAD_DATA: Error parsing field value", "A file of the table", "SerDe"),
        ("GENERIC_INTERNAL_ERROR: odd", "could not answer", "shorter window"),
    ],
)
def test_a_failure_says_why_and_what_to_do(
    words: str, why: str, hint: str, engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    error = fails(engine, served, ask("last 7d"), words)

    assert why in error.message
    assert words in error.in_full
    assert words not in str(error)
    assert hint in error.hint


def test_the_workgroups_limit_of_bytes_is_told_as_one(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    served.groups["primary"] = double.WorkGroup(cutoff=10)

    with pytest.raises(EngineError, match="limit of bytes a query may read") as failure:
        run(engine, statement(engine, ask("last 7d")), "r1")
    assert "data usage control" in failure.value.hint


def test_a_query_that_someone_stopped_in_the_console_says_so(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    error = fails(engine, served, ask("last 7d"), "", "CANCELLED")

    assert error.message == "Someone cancelled this query at AWS."


@pytest.mark.parametrize(
    ("group", "says", "hint"),
    [
        (double.WorkGroup(output=""), "nowhere to write", "TLS_AUDIT_ATHENA_OUTPUT"),
        (double.WorkGroup(state="DISABLED"), "disabled", "TLS_AUDIT_ATHENA_WORKGROUP"),
    ],
)
def test_a_workgroup_that_runs_nothing_is_told_what_it_lacks(
    group: double.WorkGroup,
    says: str,
    hint: str,
    engine: Athena,
    served: double.Athena,
    ask: Callable[[str], Question],
) -> None:
    served.groups["primary"] = group

    with pytest.raises(EngineError, match=says) as failure:
        run(engine, statement(engine, ask("last 7d")), "r1")
    assert hint in failure.value.hint


def test_a_missing_permission_is_named_and_so_is_the_command_that_prints_it(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    served.denied.add("StartQueryExecution")

    with pytest.raises(EngineError, match="AccessDenied for athena:StartQueryExecution") as failure:
        run(engine, statement(engine, ask("last 7d")), "r1")
    assert "`tls-audit athena policy`" in failure.value.hint


def test_a_role_is_taken_on(served: double.Athena, clock: Clock, ask: Callable[[str], Question]) -> None:
    engine = engine_of(clock, role=ROLE)
    engine.refresh()

    run(engine, statement(engine, ask("last 7d")), "r1").close()

    assert {form["RoleArn"] for form in served.roles} == {ROLE}


# --- the table as it is


def test_columns_are_read_once_in_ten_minutes(engine: Athena, served: double.Athena, clock: Clock) -> None:
    engine.refresh()
    assert served.count("GetTableMetadata") == 0
    clock.sleep(11 * 60)

    engine.refresh()

    assert served.count("GetTableMetadata") == 1


def test_a_table_that_changed_is_refused_unpaid_and_read_anew(
    engine: Athena, served: double.Athena, ask: Callable[[str], Question]
) -> None:
    error = fails(engine, served, ask("last 7d"), "COLUMN_NOT_FOUND: line 3:5: Column 'x' cannot be resolved")

    assert "columns changed since" in error.message
    engine.refresh()
    assert served.count("GetTableMetadata") == 1


def test_a_table_that_is_not_there_is_told_at_once_and_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_of(clock, "security.nowhere")

    with pytest.raises(EngineError, match="no such table") as failure:
        engine.refresh()
    assert "tls-audit athena table" in failure.value.hint
    assert "cannot be looked at" not in caplog.text


def test_a_table_that_is_not_there_keeps_nobody_from_the_others(
    clock: Clock, ask: Callable[[str], Question], caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_of(clock, f"prod={ATHENA_TABLE},dev=security.nowhere")

    engine.refresh()

    assert caplog.text.count("cannot be looked at") == 1
    run(engine, statement(engine, ask("last 7d")), "r1").close()


def test_a_store_is_a_table_by_its_alias(clock: Clock, ask: Callable[[str], Question]) -> None:
    engine = engine_of(clock, f"prod={ATHENA_TABLE},dev=security.other")
    question = ask("last 7d")
    tree = select.build(question, cap=10)
    tree.set("from_", exp.From(this=exp.to_table("dev")))

    made = engine.translate(tree, question.view.columns)

    assert made.store == "dev"
    assert '"security"."other"' in made.sql
    tree.set("from_", exp.From(this=exp.to_table("stage")))
    with pytest.raises(UserError, match="No store `stage`"):
        engine.translate(tree, question.view.columns)


def test_a_question_that_reads_a_whole_table_is_to_be_confirmed(
    clock: Clock, ask: Callable[[str], Question]
) -> None:
    bucket = double.Bucket([])
    ddl = over_trail(TABLE)
    before, _, after = ddl.partition("PARTITIONED BY (`account` string, `region` string, `day` string)\n")
    bucket.create(before + after.partition("TBLPROPERTIES")[0])
    with double.Athena(bucket, now=clock) as served, pytest.MonkeyPatch.context() as env:
        served.set_environment(env)
        engine = engine_of(clock)
        assert not statement(engine, ask("last 7d")).caution
        engine.refresh()
        made = statement(engine, ask("last 7d"))
    bucket.close()

    assert made.caution == "security.cloudtrail_logs has no partitions by day, so this reads all of it"


# --- doctor


def test_doctor_looks_at_workgroup_table_and_a_partition(clock: Clock) -> None:
    found = list(engine_of(clock).checks(is_default=True))

    assert [each.passed for each in found] == [True, True, True]
    words = " ".join(each.what for each in found)
    assert "answers in s3://athena-results/tls" in words
    assert "partitions: account, region, day" in words
    assert "the partitions of the last two days can be read" in words


def test_doctor_tells_what_awss_published_table_leaves_out_and_what_adds_it(clock: Clock) -> None:
    whole = over_trail(TABLE)
    for column in ("tlsdetails", "useridentity"):
        added, published = (
            tables.render(each[column]) for each in (ddl.with_added(ddl.PUBLISHED), ddl.PUBLISHED)
        )
        whole = whole.replace(f"`{column}` {added}", f"`{column}` {published}")
    bucket = double.Bucket([])
    bucket.create(whole)
    with double.Athena(bucket, now=clock) as served, pytest.MonkeyPatch.context() as env:
        served.set_environment(env)
        _, found, _ = engine_of(clock).checks(is_default=True)
    bucket.close()

    assert found.passed
    assert found.warns
    assert "no tlsDetails.keyExchange and no userIdentity.inScopeOf.credentialsIssuedTo" in found.what
    assert found.mend.count("Run `ALTER TABLE `security`.`cloudtrail_logs` CHANGE COLUMN") == 2


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ("GetWorkGroup", "athena:GetWorkGroup"),
        ("GetTableMetadata", "athena:GetTableMetadata"),
        ("StartQueryExecution", "athena:StartQueryExecution"),
    ],
)
def test_doctor_says_what_is_refused_and_goes_on(
    operation: str, says: str, served: double.Athena, clock: Clock
) -> None:
    served.denied.add(operation)

    wrong = [each for each in engine_of(clock).checks(is_default=True) if not each.passed]

    assert len(wrong) == 1
    assert says in wrong[0].what
    assert "tls-audit athena policy" in wrong[0].mend


def test_doctor_says_that_no_table_is_set(clock: Clock) -> None:
    (found,) = engine_of(clock, "").checks(is_default=True)

    assert not found.passed
    assert "TLS_AUDIT_ATHENA_TABLE is not set" in found.what
    assert list(engine_of(clock, "").checks(is_default=False)) == []
