"""CloudTrail Lake: what is asked of AWS, what becomes of each answer, and what a person is told."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot import engines
from bot.engines import Statement
from bot.engines.lake import stores
from bot.engines.lake.cloudtrail import CloudTrail
from bot.engines.lake.engine import Lake
from bot.errors import Cancelled, EngineBusy, EngineError, LeaseLost, UserError
from bot.question import select, views
from bot.question.parser import VALUES_MOST, parse
from bot.table import Column
from tests import oracle
from tests.conftest import NOW
from tests.doubles import lake as double
from tests.doubles.lake import OTHER_ID, STORE_ID, planned
from tests.support.engines import Told
from tests.support.logs import quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.question.question import Question
    from bot.question.views import View
    from bot.table import Row, Table
    from tests.oracle import Record
    from tests.support.clock import Clock

TOKEN = "7f3ab2c1/answer"  # noqa: S105 - names an asking, opens nothing
BUCKET = "tls-audit-results"
FORTNIGHT = "last 14d by=requests min=1.3"


@pytest.fixture
def aws(clock: Clock) -> CloudTrail:
    return CloudTrail(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)


@pytest.fixture
def engine(served: double.Lake, aws: CloudTrail) -> Lake:
    del served  # it is where boto3 will find CloudTrail
    return Lake(stores.read(STORE_ID), aws)


@pytest.fixture
def asked(ask: Callable[[str], Question], engine: Lake) -> Callable[[str], Statement]:
    """The engine's statement for a question."""

    def make(text: str) -> Statement:
        question = ask(text)
        return engine.translate(select.build(question, cap=1_000_000), question.view.columns)

    return make


def run(engine: Lake, asked: Statement, told: Any = quietly, resume: str | None = None) -> Table:
    return engine.run(asked, token=TOKEN, resume=resume, progress=told)


def rows(table: Table) -> list[Row]:
    with table:
        return list(table.rows())


def many(count: int) -> tuple[list[str], list[tuple[str | None, ...]]]:
    """Columns and so many rows, as Lake writes them."""
    names = ["eventName", "awsRegion", "sourceIPAddress", "recipientAccountId", "tlsVersion"]
    names += ["eventTime", "eventID", "principal", "userAgent"]
    more = ("2026-11-20 08:00:00.000", None, "alice", "Boto3/1.9")
    made = [(f"Call{n}", "us-east-1", f"10.0.{n % 256}.1", None, "TLSv1.2", *more) for n in range(count)]
    return names, list(made)


# --- the statement


def test_the_store_is_named_without_quotes_by_its_id(aws: CloudTrail, ask: Callable[[str], Question]) -> None:
    arn = f"arn:aws:cloudtrail:eu-west-1:444455556666:eventdatastore/{OTHER_ID}"
    engine = Lake(stores.read(f"prod={STORE_ID},dev={arn}"), aws)
    question = ask("last 7d service=s3")
    tree = select.build(question, cap=100)

    made = engine.translate(tree, question.view.columns)

    assert f"FROM {STORE_ID}\n" in made.sql
    assert made.store == "prod"
    assert made.columns == question.view.columns


def test_a_question_chooses_its_store(
    served: double.Lake, aws: CloudTrail, catalogue: dict[str, View]
) -> None:
    served.stores[OTHER_ID] = double.Store(OTHER_ID, "dev")
    known = stores.read(f"prod={STORE_ID},dev={OTHER_ID}")
    engine = Lake(known, aws)
    question = parse(
        "last 7d store=DEV by=services",
        now=NOW,
        zone=UTC,
        views=catalogue,
        engines=engines.ENGINES,
        stores=known,
    )

    made = engine.translate(select.build(question, cap=100), question.view.columns)
    run(engine, made).close()

    assert made.store == "dev"
    assert f"FROM {OTHER_ID}" in served.calls[0][1]["QueryStatement"]


def test_without_a_store_a_question_says_which_setting_is_missing(
    aws: CloudTrail, ask: Callable[[str], Question]
) -> None:
    question = ask("last 7d")

    with pytest.raises(UserError, match=r"No event data store is configured. Set TLS_AUDIT_EVENT_DATA_STORE"):
        Lake({}, aws).translate(select.build(question, cap=1), question.view.columns)


def test_the_key_exchange_is_reached_through_the_events_json(asked: Callable[[str], Statement]) -> None:
    assert "JSON_EXTRACT_SCALAR(eventJson, '$.tlsDetails.keyExchange')" in asked("last 7d key-exchange").sql


def test_too_long_a_statement_is_refused_in_words(asked: Callable[[str], Statement]) -> None:
    values = ",".join(f"role/{n:02}{n * 7919:x}{'-long' * 12}" for n in range(40))

    with pytest.raises(UserError, match=r"characters of SQL; Lake takes 9,900\. Name fewer values"):
        asked(f"last 7d principal={values}")


def _ever_longer(asked: Callable[[str], Statement]) -> Iterator[str]:
    """Statements that name one principal more each, until Lake would take no more."""
    for count in range(1, 50):
        names = ",".join(f"role/{number:02}{'-long' * 12}{number:02}" for number in range(count))
        try:
            yield asked(f"last 7d by=services principal={names}").sql
        except UserError:
            return


def test_a_statement_that_is_nearly_too_long_loses_its_line_breaks_first(
    asked: Callable[[str], Statement],
) -> None:
    texts = list(_ever_longer(asked))

    assert len(texts) < 49, "at last it is too long"
    assert max(map(len, texts)) <= 9_900
    assert {"\n" in text for text in texts} == {True, False}


@pytest.mark.parametrize("name", ["role/x{}", "arn:aws:iam::111122223333:role/x{}", "role/x_{}"])
def test_as_many_principals_can_be_named_as_a_question_takes_and_their_coverage_asked(
    name: str, asked: Callable[[str], Statement], ask: Callable[[str], Question], engine: Lake
) -> None:
    names = ",".join(map(name.format, range(VALUES_MOST)))

    for view in ("services", "coverage"):
        assert asked(f"last 7d by={view} principal={names}").sql
    covered = select.coverage(ask(f"last 7d by=services principal={names}"), views.load())
    assert engine.translate(select.build(covered, cap=1), covered.view.columns).sql


# --- asking


def test_the_runs_token_opens_the_statement(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    run(engine, asked("last 7d")).close()

    assert served.calls[0][1]["QueryStatement"].startswith(f"/* run:{TOKEN} */\nSELECT")


@pytest.mark.parametrize("token", ["*/ DROP", "a\n-- b", "/**/", "x" * 500, "é*/"])
def test_no_token_breaks_out_of_its_comment(
    token: str, engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    engine.run(asked("last 7d"), token=token, resume=None, progress=quietly).close()

    text = served.calls[0][1]["QueryStatement"]
    assert text.count("*/") == 1
    assert text.splitlines()[0].endswith("*/")
    assert len(text.splitlines()[0]) < 100


def test_its_ref_is_told_before_anything_else_is_done_with_it(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    told = Told()

    run(engine, asked("last 7d"), told).close()

    assert told.refs[0] == "asked 2026-11-23T08:14:30Z"
    (query,) = served.queries
    assert set(told.refs[1:]) == {query}
    assert told.states[:2] == ["starting", "queued"]


def test_progress_tells_the_state_and_what_was_read(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    planned(served, queued=2.0, running=10.0)
    told = Told()

    with run(engine, asked("last 7d"), told) as table:
        assert table.scanned == told.scanned[-1] > 0

    assert list(dict.fromkeys(told.states)) == ["starting", "queued", "running", "reading the answer"]
    assert sorted(told.scanned) == told.scanned
    assert len(set(told.scanned)) > 5


def test_a_long_query_is_looked_at_seldom_and_told_of_every_second(
    engine: Lake, served: double.Lake, clock: Clock, asked: Callable[[str], Statement]
) -> None:
    planned(served, running=600.0)
    told = Told()

    run(engine, asked("last 7d"), told).close()

    assert served.count("DescribeQuery") < 170
    assert max(clock.slept) <= 1.0
    assert len(told.states) > 550


# --- asking again


def test_a_resumed_run_fetches_and_does_not_ask(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    first = rows(run(engine, asked("last 7d")))
    (ref,) = served.queries

    again = rows(run(engine, asked("last 7d"), resume=ref))

    assert again == first
    assert served.count("StartQuery") == 1


def test_whoever_died_between_asking_and_noting_finds_the_query_again(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    run(engine, asked("last 3d")).close()
    told = Told(stop_at="starting")
    with pytest.raises(Cancelled):
        run(engine, asked("last 7d"), told)
    # it died after StartQuery, and before the ref was written down
    run(engine, asked("last 7d")).close()
    before = served.count("StartQuery")

    table = run(engine, asked("last 7d"), told=(later := Told()), resume=told.refs[-1])

    table.close()
    assert served.count("StartQuery") == before
    assert later.refs[0] in served.queries


def test_whoever_died_before_asking_asks(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    run(engine, asked("last 7d"), resume="asked 2026-11-23T08:14:30Z").close()

    assert served.count("ListQueries") == 1
    assert served.count("StartQuery") == 1


def test_a_filter_that_says_a_token_is_not_taken_for_it(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    spoof = asked(f'last 7d agent="/* run:{TOKEN} */" by=services')
    engine.run(spoof, token="another", resume=None, progress=quietly).close()  # noqa: S106 - as above

    run(engine, asked("last 7d"), resume="asked 2026-11-23T08:14:30Z").close()

    assert served.count("StartQuery") == 2


@pytest.mark.parametrize(("when", "starts"), [("before", 2), ("after", 1)])
def test_a_start_whose_answer_is_lost_is_looked_for_before_it_is_repeated(
    when: Any, starts: int, engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.cut("StartQuery", when)

    run(engine, asked("last 7d")).close()

    assert served.count("StartQuery") == starts
    assert len(served.queries) == 1


def test_the_look_goes_through_every_page_of_queries(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement], clock: Clock
) -> None:
    wanted = asked("last 7d")
    run(engine, wanted).close()
    for number in range(12):
        engine.run(wanted, token=f"other{number}", resume=None, progress=quietly).close()
        clock.sleep(1)
    served.listed = 5

    run(engine, wanted, resume="asked 2026-11-23T08:14:30Z").close()

    assert served.count("ListQueries") == 3
    assert served.count("StartQuery") == 13


# --- the answer


def test_pages_are_read_to_the_last_token(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(2_500)

    with run(engine, asked(FORTNIGHT)) as table:
        assert table.row_count == 2_500
        assert [row[0] for row in table.rows()] == [f"Call{n}" for n in range(2_500)]

    assert served.count("GetQueryResults") == 3


def test_an_empty_page_is_not_the_last(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned, served.empty_pages = many(2_500), True

    with run(engine, asked(FORTNIGHT)) as table:
        assert table.row_count == 2_500

    assert served.count("GetQueryResults") == 6


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("null", ["missing", "null", "empty"])
def test_null_may_be_a_missing_key_a_null_or_nothing(
    null: Any,
    lower: bool,
    engine: Lake,
    served: double.Lake,
    ask: Callable[[str], Question],
    asked: Callable[[str], Statement],
    records: list[Record],
) -> None:
    served.null, served.lower_names = null, lower
    text = "last 14d by=ciphers"

    answer = rows(run(engine, asked(text)))

    expected = oracle.answer(ask(text), records)
    assert any(None in row for row in expected)
    assert [tuple(cell or None for cell in row) for row in answer] == [
        tuple(cell or None for cell in row) for row in expected
    ]


def test_every_type_is_read_from_text(engine: Lake, served: double.Lake) -> None:
    types = ["TEXT", "INTEGER", "NUMBER", "TIME", "DATE", "FLAG"]
    columns = tuple(Column(type_.lower(), type_) for type_ in types)  # type: ignore[arg-type]  # its own words
    row = ("", "9007199254740993", "1.25E7", "2025-07-01 02:23:52.007", "2025-07-01", "true")
    served.canned = ([column.name for column in columns], [row, (None,) * 6])
    sql = f"SELECT 1 FROM {STORE_ID} WHERE eventTime < '2026-01-01'"  # noqa: S608 - the test's own

    answer = rows(run(engine, Statement(sql, columns)))

    moment = datetime(2025, 7, 1, 2, 23, 52, 7_000, UTC)
    assert answer == [("", 9007199254740993, 12_500_000.0, moment, moment.date(), True), (None,) * 6]


def test_a_value_of_another_type_is_an_error_that_shows_it(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = (["eventSource", "numOutdatedTlsCalls"], [("s3", "many")])

    with pytest.raises(EngineError, match="AWS answered 'many' for numOutdatedTlsCalls"):
        run(engine, asked("last 7d by=services"))


def test_rows_that_aws_announced_and_did_not_give_are_missed(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned, served.missing = many(5), 4

    with run(engine, asked(FORTNIGHT)) as table:
        assert table.is_partial
        assert table.notes == ("AWS announced 9 rows and gave 5.",)


# --- how it ends otherwise


def test_stopped_cancels_the_query_at_aws(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    planned(served, running=100.0)

    with pytest.raises(Cancelled):
        run(engine, asked("last 7d"), Told(stop_at="running"))

    (query,) = served.queries.values()
    assert query.cancelled is not None


def test_a_query_whose_run_another_worker_has_is_left_to_that_one(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    planned(served, running=100.0)

    with pytest.raises(LeaseLost):
        run(engine, asked("last 7d"), Told("running", LeaseLost("Another worker has this run now.")))

    assert served.count("CancelQuery") == 0


def test_whoever_loses_the_run_while_waiting_for_its_turn_starts_nothing(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement], clock: Clock
) -> None:
    run(engine, asked("last 7d")).close()
    slept = len(clock.slept)
    told: list[bool] = []

    def progress(ref: str | None, state: str, scanned: int) -> None:
        del ref, state, scanned
        told.append(len(clock.slept) > slept)
        raise LeaseLost("Another worker has this run now.")

    with pytest.raises(LeaseLost):
        engine.run(asked("last 7d"), token=TOKEN, resume=None, progress=progress)

    # it asked whether the run is still its own when it had waited, and not before
    assert told == [True]
    assert served.count("StartQuery") == 1


def test_stopping_what_has_ended_already_is_no_error(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    with pytest.raises(Cancelled):
        run(engine, asked("last 7d"), Told(stop_at="reading the answer"))

    assert served.count("CancelQuery") == 1


FAILURES = [
    (
        {"end": "FAILED", "error": "Query exhausted resources at this scale factor."},
        "Lake could not answer: Query exhausted resources at this scale factor.",
        "Ask for a shorter window, or name a service.",
    ),
    (
        {"end": "FAILED", "error": "Query response is too large."},
        "Lake could not answer: Query response is too large.",
        "Ask for fewer rows with `top=`",
    ),
    ({"end": "FAILED"}, "Lake could not answer: it says no more.", ""),
    (
        {"end": "TIMED_OUT", "error": "Query timed out."},
        "Lake stopped this after its time limit: Query timed out.",
        "Ask for a shorter window",
    ),
    ({"end": "CANCELLED"}, "Someone cancelled this query at AWS.", "Rerun asks anew."),
]


@pytest.mark.parametrize(("plan", "said", "hint"), FAILURES)
def test_a_query_that_fails_is_told_in_awss_words_to_the_operator_and_to_all_with_what_to_do(
    plan: dict[str, Any],
    said: str,
    hint: str,
    engine: Lake,
    served: double.Lake,
    asked: Callable[[str], Statement],
) -> None:
    planned(served, running=3.0, **plan)

    with pytest.raises(EngineError) as caught:
        run(engine, asked("last 7d"))
    assert caught.value.in_full == said
    assert hint in caught.value.hint

    assert not isinstance(caught.value, EngineBusy)


def test_what_a_timeout_left_is_offered_as_partial(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(2_500)
    planned(served, running=3_600.0, end="TIMED_OUT", partial=1_200)

    with run(engine, asked(FORTNIGHT)) as table:
        assert table.row_count == 1_200
        assert table.is_partial
        assert "Lake stopped this after its time limit. These rows are only a part." in table.notes[0]


@pytest.mark.parametrize("code", ["MaxConcurrentQueriesException", "ThrottlingException"])
def test_a_full_lake_is_busy_and_leaves_nothing_to_look_for(
    code: str, engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.fail("StartQuery", code)
    told = Told()

    with pytest.raises(EngineBusy):
        run(engine, asked("last 7d"), told)

    assert told.refs[-1] is None
    run(engine, asked("last 7d"), resume=told.refs[-1]).close()
    assert served.count("ListQueries") == 0


def test_eleven_queries_at_once_are_one_too_many(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    planned(served, running=1_000.0)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            run(engine, asked("last 7d"), lambda _, state, __: state == "queued" and 1 / 0)

    with pytest.raises(EngineBusy, match="Lake runs as many queries as it may"):
        run(engine, asked("last 7d"))


@pytest.mark.parametrize("operation", ["DescribeQuery", "GetQueryResults"])
def test_a_query_that_runs_is_waited_for_however_often_its_calls_are_throttled(
    operation: str, engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.fail(operation, "ThrottlingException", times=20)

    run(engine, asked("last 7d"), told := Told()).close()

    assert served.count("StartQuery") == 1
    assert "AWS does not answer, waiting" in told.states


def test_calls_keep_below_awss_rates(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement], clock: Clock
) -> None:
    served.canned, served.page_rows = many(500), 100
    for _ in range(7):
        run(engine, asked(FORTNIGHT)).close()

    # the double refuses what is above the rates, and nothing was refused
    assert served.count("StartQuery") == 7
    assert served.count("GetQueryResults") == 7 * 5
    assert (clock.now - NOW).total_seconds() > 3


def test_a_line_that_breaks_while_reading_is_tried_again(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(1_500)
    served.cut("GetQueryResults", "after", times=2)
    served.cut("DescribeQuery", "before")

    with run(engine, asked(FORTNIGHT)) as table:
        assert table.row_count == 1_500


REFUSALS = [
    (
        "EventDataStoreNotFoundException",
        "AWS does not know the event data store.*TLS_AUDIT_EVENT_DATA_STORE names it",
    ),
    ("EventDataStoreARNInvalidException", "AWS does not know the event data store"),
    ("InactiveEventDataStoreException", "is inactive.*`tls-audit lake restore` brings one back"),
    ("InvalidQueryStatementException", r"AWS refused cloudtrail:StartQuery \(InvalidQueryStatement"),
    ("InsufficientEncryptionPolicyException", "KMS key refused.*kms:Decrypt"),
    ("NoManagementAccountSLRExistsException", "belongs to an organization.*TLS_AUDIT_LAKE_ROLE"),
    ("OperationNotPermittedException", r"AWS refused cloudtrail:StartQuery \(OperationNotPermitted"),
    ("ExpiredTokenException", "credentials have expired.*Sign in again"),
    ("UnrecognizedClientException", "AWS does not know these credentials.*AWS_ACCESS_KEY_ID"),
    ("AccessDeniedException", "AWS says AccessDenied for cloudtrail:StartQuery.*`tls-audit lake policy`"),
]


@pytest.mark.parametrize(("code", "said"), REFUSALS)
def test_every_refusal_says_what_to_mend(
    code: str, said: str, engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.fail("StartQuery", code, "In AWS's own words")

    with pytest.raises(EngineError, match=said) as caught:
        run(engine, asked("last 7d"))
    assert "In AWS's own words" not in str(caught.value), "they may name roles and buckets"


@pytest.mark.parametrize("action", ["StartQuery", "DescribeQuery", "GetQueryResults"])
def test_a_denied_call_names_its_iam_action(
    action: str, engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.denied.add(action)

    with pytest.raises(EngineError, match=rf"AWS says AccessDenied for cloudtrail:{action}\."):
        run(engine, asked("last 7d"))


def test_a_store_that_is_being_deleted_is_inactive(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.stores[STORE_ID].status = "PENDING_DELETION"

    with pytest.raises(EngineError, match="is inactive, being deleted"):
        run(engine, asked("last 7d"))


def test_a_store_without_cloudtrail_events_says_so(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.stores[STORE_ID].category = "ConfigurationItem"

    with pytest.raises(EngineError, match=r"The store default holds no CloudTrail events\. Set TLS_AUDIT"):
        run(engine, asked("last 7d"))


def test_a_store_of_another_region_is_found_by_its_arn_only(
    served: double.Lake, aws: CloudTrail, ask: Callable[[str], Question]
) -> None:
    served.stores[OTHER_ID] = double.Store(OTHER_ID, "far", region="eu-west-1")
    question = ask("last 7d")
    tree = select.build(question, cap=10)

    near = Lake(stores.read(OTHER_ID), aws)
    with pytest.raises(EngineError, match="by its ARN where it is in another Region"):
        run(near, near.translate(tree, question.view.columns))

    far = Lake(stores.read(served.stores[OTHER_ID].arn), aws)
    run(far, far.translate(tree, question.view.columns)).close()


def test_without_credentials_a_person_learns_which_to_set(
    engine: Lake, asked: Callable[[str], Statement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(EngineError, match=r"There are no AWS credentials .*Set AWS_PROFILE"):
        run(engine, asked("last 7d"))


def test_without_a_region_a_person_learns_which_to_set(
    engine: Lake, asked: Callable[[str], Statement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(EngineError, match=r"No AWS Region is set. Set AWS_DEFAULT_REGION"):
        run(engine, asked("last 7d"))


# --- stores of others


def test_another_accounts_store_is_asked_with_its_owner(
    served: double.Lake, aws: CloudTrail, ask: Callable[[str], Question]
) -> None:
    served.stores[OTHER_ID] = double.Store(OTHER_ID, "theirs", account="444455556666", shared=True)
    question = ask("last 7d")
    engine = Lake(stores.read(OTHER_ID, owners="444455556666"), aws)

    run(engine, engine.translate(select.build(question, cap=9), question.view.columns)).close()

    asked = [given for name, given in served.calls if name in {"StartQuery", "DescribeQuery"}]
    assert {given["EventDataStoreOwnerAccountId"] for given in asked} == {"444455556666"}


def test_another_accounts_store_is_asked_in_a_role_of_its(
    served: double.Lake, aws: CloudTrail, ask: Callable[[str], Question], clock: Clock
) -> None:
    served.stores[OTHER_ID] = double.Store(OTHER_ID, "theirs", account="444455556666")
    question = ask("last 7d")
    engine = Lake(stores.read(OTHER_ID, roles="arn:aws:iam::444455556666:role/audit"), aws)
    asked = engine.translate(select.build(question, cap=9), question.view.columns)

    run(engine, asked).close()
    run(engine, asked).close()
    assert len(served.roles) == 1

    clock.sleep(timedelta(hours=1).total_seconds())
    run(engine, asked).close()
    assert len(served.roles) == 2


def test_a_role_that_may_not_be_taken_is_named_to_the_operator_alone(
    served: double.Lake, aws: CloudTrail, ask: Callable[[str], Question]
) -> None:
    served.denied.add("AssumeRole")
    question = ask("last 7d")
    engine = Lake(stores.read(OTHER_ID, roles="arn:aws:iam::444455556666:role/audit"), aws)

    with pytest.raises(EngineError, match=r"take on its role.*sts:AssumeRole") as caught:
        run(engine, engine.translate(select.build(question, cap=9), question.view.columns))
    assert "arn:aws:iam::444455556666:role/audit" in caught.value.in_full
    assert "arn:" not in str(caught.value)


# --- since when


def test_the_table_says_since_when_the_store_exists(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    for _ in range(2):
        with run(engine, asked("last 7d")) as table:
            assert table.since == datetime(2025, 1, 1, tzinfo=UTC)

    assert served.count("GetEventDataStore") == 1


def test_whoever_may_not_read_about_the_store_still_gets_the_answer(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.denied.add("GetEventDataStore")

    with run(engine, asked("last 7d")) as table:
        assert table.since is None
        assert table.row_count


# --- delivery


@pytest.fixture
def bucket(served: double.Lake, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """boto3's S3 with a bucket, into which the double delivers."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_url)
    s3 = boto3.Session().client("s3")
    s3.create_bucket(Bucket=BUCKET)
    served.s3 = s3
    return s3


@pytest.fixture
def delivering(bucket: Any, aws: CloudTrail) -> Lake:
    del bucket  # it is there
    return Lake(stores.read(STORE_ID), aws, deliver_to=f"s3://{BUCKET}/lake")


def test_a_large_answer_is_streamed_from_its_files(
    delivering: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(20_500)
    planned(served, running=2.0, delivered=5.0)
    told = Told()

    with run(delivering, asked(FORTNIGHT), told) as table:
        assert table.row_count == 20_500
        assert [row[0] for row in table.rows()] == [f"Call{n}" for n in range(20_500)]
        assert {row[3] for row in table.rows()} == {None}
        assert table.notes == ()

    assert served.count("GetQueryResults") == 1
    assert "waiting for the files" in told.states


def test_a_small_answer_does_not_wait_for_its_files(
    delivering: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(100)
    planned(served, delivered=1_000.0)

    with run(delivering, asked(FORTNIGHT)) as table:
        assert table.row_count == 100

    assert served.count("DescribeQuery") == 1


@pytest.mark.parametrize("status", ["FAILED", "RESOURCE_NOT_FOUND", "ACCESS_DENIED", "CANCELLED", "UNKNOWN"])
def test_where_the_delivery_fails_the_pages_serve_and_a_line_says_so(
    status: str, delivering: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(20_500)
    planned(served, delivery=status)

    with run(delivering, asked(FORTNIGHT)) as table:
        assert table.row_count == 20_500
        assert table.notes == (f"The delivery to S3 failed ({status}). The answer came by pages instead.",)


def test_an_unsigned_delivery_is_still_an_answer(
    delivering: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(20_500)
    planned(served, delivery="FAILED_SIGNING_FILE")

    with run(delivering, asked(FORTNIGHT)) as table:
        assert table.row_count == 20_500
        assert table.notes == ()


def test_files_that_lack_rows_are_not_believed(
    delivering: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(20_500)
    served.delivers = lambda body: gzip.compress(b"\n".join(gzip.decompress(body).splitlines()[:100]))

    with run(delivering, asked(FORTNIGHT)) as table:
        assert table.row_count == 20_500
        assert "has 99 rows instead of 20,500" in table.notes[0]


@pytest.mark.parametrize(
    "spoilt",
    [b"no gzip at all", b"", gzip.compress(b"other\nx\n")[:-6], gzip.compress(b"a,b\n1,2\n")],
    ids=["no gzip", "nothing", "cut short", "other columns"],
)
def test_files_that_cannot_be_read_are_not_needed(
    spoilt: bytes, delivering: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(20_500)
    served.delivers = lambda _: spoilt

    with run(delivering, asked(FORTNIGHT)) as table:
        assert table.row_count == 20_500
        assert "The answer came by pages instead." in table.notes[0]


@pytest.mark.usefixtures("bucket")
def test_without_its_bucket_a_question_is_asked_without_delivery(
    aws: CloudTrail, asked: Callable[[str], Statement]
) -> None:
    engine = Lake(stores.read(STORE_ID), aws, deliver_to="s3://no-such-bucket/lake")

    with run(engine, asked("last 7d")) as table:
        assert table.notes == ("Nothing could be delivered to S3 (S3BucketDoesNotExistException).",)
        assert table.row_count


# --- while AWS is away


@pytest.mark.parametrize("operation", ["DescribeQuery", "GetQueryResults"])
def test_a_query_that_runs_is_waited_for_while_aws_is_away(
    operation: str, engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    served.cut(operation, "before", times=20)

    run(engine, asked("last 7d"), told := Told()).close()

    assert served.count("StartQuery") == 1
    (query,) = served.queries
    assert told.refs[-1] == query
    assert told.states.count("AWS does not answer, waiting") > 60, "every second"


def test_a_query_is_given_up_in_words_when_aws_is_away_for_an_hour(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement], clock: Clock
) -> None:
    served.cut("DescribeQuery", "before", times=10_000)

    with pytest.raises(EngineError, match=r"AWS did not answer for an hour: .*DescribeQuery") as caught:
        run(engine, asked("last 7d"))

    assert not isinstance(caught.value, EngineBusy)
    assert clock.now - NOW < timedelta(minutes=61)


def test_a_query_can_be_stopped_while_aws_does_not_say_how_it_is(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    planned(served, running=100.0)
    served.fail("DescribeQuery", "ThrottlingException", times=10_000)

    with pytest.raises(Cancelled):
        run(engine, asked("last 7d"), Told(stop_at="AWS does not answer, waiting"))

    (query,) = served.queries.values()
    assert query.cancelled is not None


def test_a_resumed_run_whose_first_word_is_stop_cancels_what_an_earlier_owner_began(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    planned(served, running=100.0)
    with pytest.raises(ZeroDivisionError):
        run(engine, asked("last 7d"), lambda _, state, __: state == "queued" and 1 / 0)
    ((ref, query),) = served.queries.items()

    with pytest.raises(Cancelled):
        run(engine, asked("last 7d"), Told(stop_at="running"), resume=ref)

    assert query.cancelled is not None


def test_what_aws_has_no_more_is_asked_anew_under_a_ref_of_its_own(
    engine: Lake, served: double.Lake, asked: Callable[[str], Statement]
) -> None:
    gone = "0fbb1e37-11aa-42cc-9d3e-5a6b7c8d9e0f"

    run(engine, asked("last 7d"), told := Told(), resume=gone).close()

    (query,) = served.queries
    assert gone not in told.refs
    assert told.refs[-1] == query
