"""CloudWatch Logs: what is asked of AWS, what becomes of each answer, and what a person is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.demo import samples
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.engine import CloudWatch
from bot.engines.cloudwatch.logs import Logs
from bot.errors import Cancelled, EngineBusy, EngineError, LeaseLost, UserError
from bot.question import select
from tests import oracle
from tests.conftest import NOW
from tests.doubles import cloudwatch as double
from tests.doubles.cloudwatch import GROUP
from tests.doubles.insights import Event
from tests.support.engines import Told
from tests.support.logs import FIRST_DAY, quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.engines import Statement
    from bot.question.question import Question
    from bot.table import Row, Table
    from tests.oracle import Record
    from tests.support.clock import Clock

TOKEN = "7f3ab2c1/answer"  # noqa: S105 - names an asking, opens nothing
MARK = f"# run:{TOKEN}"
WEEK = "last 14d by=services"


@pytest.fixture(scope="module")
def few() -> list[Record]:
    return samples.day(FIRST_DAY + timedelta(days=3))[::4]


@pytest.fixture
def served(few: list[Record], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[double.CloudWatch]:
    with double.CloudWatch(double.events(few), now=clock) as logs:
        logs.set_environment(monkeypatch)
        yield logs


@pytest.fixture
def made(served: double.CloudWatch, clock: Clock) -> Callable[..., CloudWatch]:
    """The engine over the log groups of a setting."""
    del served  # it is where boto3 will find CloudWatch

    def make(text: str = GROUP, role: str = "") -> CloudWatch:
        aws = Logs(clock=clock, monotonic=clock.monotonic, sleep=clock.sleep)
        return CloudWatch(groups.read(text, role), aws)

    return make


@pytest.fixture
def engine(made: Callable[..., CloudWatch]) -> CloudWatch:
    return made()


@pytest.fixture
def asked(ask: Callable[[str], Question], engine: CloudWatch) -> Callable[[str], Statement]:
    """The engine's statement for a question."""

    def make(text: str) -> Statement:
        question = ask(text)
        return engine.translate(select.build(question, cap=1_000_000), question.view.columns)

    return make


def run(engine: CloudWatch, asked: Statement, told: Any = quietly, resume: str | None = None) -> Table:
    return engine.run(asked, token=TOKEN, resume=resume, progress=told)


def rows(table: Table) -> list[Row]:
    with table:
        return list(table.rows())


# --- what is asked


def test_the_querys_window_is_a_day_wider_and_the_bounds_are_in_its_text(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    run(engine, asked("2026-11-10..2026-11-12 by=services")).close()

    given = dict(served.calls)["StartQuery"]
    assert datetime.fromtimestamp(given["startTime"], UTC) == datetime(2026, 11, 9, tzinfo=UTC)
    assert datetime.fromtimestamp(given["endTime"], UTC) == datetime(2026, 11, 13, tzinfo=UTC)
    assert 'c_eventTime >= "=2026-11-10T00:00:00Z"' in given["queryString"]
    assert 'c_eventTime < "=2026-11-12T00:00:00Z"' in given["queryString"]


def test_log_groups_are_named_in_the_call_and_the_language_is_its_own(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    run(engine, asked(WEEK)).close()

    given = dict(served.calls)["StartQuery"]
    assert given["logGroupIdentifiers"] == [GROUP]
    assert given["queryLanguage"] == "CWLI"
    assert given["queryString"].endswith(f"\n{MARK}")


def test_the_unified_data_store_is_asked_by_its_facet(
    made: Callable[..., CloudWatch],
    served: double.CloudWatch,
    ask: Callable[[str], Question],
    few: list[Record],
) -> None:
    served.groups["app"] = double.Group("app", double.events(few, source="app"), source="app")
    engine, question = made("@aws_cloudtrail"), ask(WEEK)
    asked = engine.translate(select.build(question, cap=1_000), question.view.columns)

    assert rows(run(engine, asked)) == oracle.answer(question, few)

    given = dict(served.calls)["StartQuery"]
    assert "logGroupIdentifiers" not in given
    assert given["queryString"].startswith(
        'SOURCE logGroups()\n| filterIndex @data_source_name in ["aws_cloudtrail"]\n| fields'
    )


def test_without_log_groups_a_question_says_which_setting_is_missing(
    made: Callable[..., CloudWatch], ask: Callable[[str], Question]
) -> None:
    question = ask(WEEK)

    with pytest.raises(UserError, match=r"No log group is configured. Set TLS_AUDIT_CLOUDWATCH_LOG_GROUPS"):
        made("").translate(select.build(question, cap=1), question.view.columns)


def test_what_is_scanned_is_in_the_answer(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    with run(engine, asked(WEEK)) as table:
        assert table.scanned == sum(len(event.message) for event in served.groups[GROUP].events) > 0


# --- paid for once


def test_its_ref_is_told_before_anything_else_is_done_with_it(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    told = Told()

    run(engine, asked(WEEK), told).close()

    (query,) = served.queries
    assert told.refs[:2] == [f"asked {NOW:%Y-%m-%dT%H:%M:%SZ}", query]
    assert told.states[:2] == ["starting", "queued"]
    assert [name for name, _ in served.calls][:2] == ["StartQuery", "GetQueryResults"]


def test_a_resumed_run_fetches_and_does_not_ask(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    first = rows(run(engine, asked(WEEK)))
    (query,) = served.queries

    assert rows(run(engine, asked(WEEK), resume=query)) == first
    assert served.asked() == {MARK: 1}


def test_whoever_died_between_asking_and_noting_finds_the_query_again(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement], clock: Clock
) -> None:
    served.page_rows = 1
    told = Told("queued", LeaseLost("died"))
    with pytest.raises(LeaseLost):
        run(engine, asked(WEEK), told)
    engine.run(asked("last 3d"), token="another", resume=None, progress=quietly).close()  # noqa: S106
    clock.advance(30)

    assert rows(run(engine, asked(WEEK), resume=told.refs[0]))
    assert served.asked()[MARK] == 1


def test_whoever_died_before_asking_asks(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    assert rows(run(engine, asked(WEEK), resume=f"asked {NOW:%Y-%m-%dT%H:%M:%SZ}"))
    assert served.asked() == {MARK: 1}


@pytest.mark.parametrize("whens", [["before"], ["after"], ["before", "before"], ["before", "after"]])
def test_a_start_whose_answer_is_lost_is_looked_for_before_it_is_repeated(
    whens: list[Any], engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    for when in whens:
        served.cut("StartQuery", when)

    assert rows(run(engine, asked(WEEK)))
    assert served.asked() == {MARK: 1}


def test_a_start_that_is_lost_again_and_again_is_told(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.cut("StartQuery", "before", times=3)

    with pytest.raises(EngineError, match="did not answer logs:StartQuery"):
        run(engine, asked(WEEK))
    assert served.count("StartQuery") == 3


def test_a_filter_that_says_a_mark_is_not_taken_for_it(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    hostile = asked(f'last 14d by=clients agent="x {MARK}"')
    engine.run(hostile, token="other", resume=None, progress=quietly).close()  # noqa: S106

    run(engine, asked(WEEK), resume=f"asked {NOW:%Y-%m-%dT%H:%M:%SZ}").close()

    assert served.asked()[MARK] == 1


def test_what_aws_has_no_more_is_asked_anew(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    assert rows(run(engine, asked(WEEK), resume="1f0e-gone"))
    assert served.asked() == {MARK: 1}


def test_pages_are_read_to_the_last_token(
    engine: CloudWatch, served: double.CloudWatch, ask: Callable[[str], Question], few: list[Record]
) -> None:
    served.page_rows = 5
    question = ask("last 14d by=calls min=1.3")
    asked = engine.translate(select.build(question, cap=1_000), question.view.columns)

    assert rows(run(engine, asked)) == oracle.answer(question, few)
    assert served.count("GetQueryResults") > 2


def test_a_page_that_is_cut_is_read_again(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.cut("GetQueryResults", "after", times=3)

    assert rows(run(engine, asked(WEEK)))
    assert served.asked() == {MARK: 1}


# --- while it runs


def test_progress_tells_the_state_and_what_was_scanned(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.go(queued=2, running=1800)
    told = Told()

    run(engine, asked(WEEK), told).close()

    assert list(dict.fromkeys(told.states)) == ["starting", "queued", "running", "reading the answer"]
    assert told.scanned == sorted(told.scanned)
    assert len(told.states) > 1800, "told of every second"
    assert served.count("GetQueryResults") < 450


def test_stopped_stops_the_query_at_aws(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.go(running=600)

    with pytest.raises(Cancelled):
        run(engine, asked(WEEK), Told("running"))

    (query,) = served.queries.values()
    assert query.stopped is not None


def test_a_query_whose_run_another_worker_has_is_left_to_that_one(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.go(running=600)

    with pytest.raises(LeaseLost):
        run(engine, asked(WEEK), Told("running", LeaseLost("taken")))

    assert served.count("StopQuery") == 0


def test_stopping_what_has_ended_already_is_no_error(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    with pytest.raises(Cancelled):
        run(engine, asked(WEEK), Told("reading the answer"))

    assert served.count("StopQuery") == 1


def test_thirty_queries_at_once_leave_no_room_and_nothing_to_look_for(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement], clock: Clock
) -> None:
    served.go(running=600)
    for n in range(double.LIVE):
        with pytest.raises(LeaseLost):
            engine.run(
                asked(WEEK), token=f"t{n}", resume=None, progress=Told("queued", LeaseLost("left running"))
            )
        clock.advance(1)
    told = Told()

    with pytest.raises(EngineBusy, match="as many queries as it may"):
        run(engine, asked(WEEK), told)

    assert told.refs[-1] is None


def test_a_throttled_query_is_waited_for(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.fail("GetQueryResults", "ThrottlingException", times=9)

    assert rows(run(engine, asked(WEEK)))
    assert served.asked() == {MARK: 1}


def test_a_query_is_given_up_in_words_when_aws_is_away_for_an_hour(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.fail("GetQueryResults", "ServiceUnavailableException", "Down", times=100_000, status=503)

    with pytest.raises(EngineError, match="AWS did not answer for an hour"):
        run(engine, asked(WEEK))


# --- when there is no answer


def many(count: int) -> list[list[tuple[str, str]]]:
    """So many rows, as the question `WEEK` is answered."""
    when = [("first_call", "=2026-11-12T00:00:00Z"), ("last_call", "=2026-11-12T00:30:00Z")]
    old = ("e_tlsDetails_tlsVersion", "=TLSv1")
    return [[("e_eventSource", f"=s{n}.amazonaws.com"), old, ("calls", "2"), *when] for n in range(count)]


def test_an_answer_cut_by_the_row_limit_is_refused_and_never_folded(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(double.ROWS + 1)

    with pytest.raises(EngineError, match=r"cut off: CloudWatch gives 100,000 rows at most.*shorter window"):
        run(engine, asked(WEEK))


def test_an_answer_just_below_the_row_limit_is_whole(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.canned = many(double.ROWS - 1)

    with run(engine, asked(WEEK)) as table:
        assert table.row_count == double.ROWS - 1
        assert table.head[0] == ("s0.amazonaws.com", 2)


def test_an_event_out_of_the_window_is_not_believed(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    """Were times compared otherwise than as text, the answer would be another question's."""
    served.canned = many(1)

    with pytest.raises(EngineError, match="an event of 2026-11-12 00:00:00, out of the window"):
        run(engine, asked("2026-11-10..2026-11-12 by=services"))


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"running": 7200}, "after its limit of an hour. Ask for a shorter window"),
        ({"end": "Failed"}, "could not answer; it says only `Failed`"),
        ({"end": "Unknown"}, "could not answer; it says only `Unknown`"),
        ({"end": "Cancelled"}, "Someone cancelled this query at AWS"),
    ],
)
def test_a_query_that_ends_otherwise_says_how(
    plan: dict[str, Any],
    words: str,
    engine: CloudWatch,
    served: double.CloudWatch,
    asked: Callable[[str], Statement],
) -> None:
    served.go(**plan)

    with pytest.raises(EngineError, match=words):
        run(engine, asked(WEEK))


def test_events_in_ocsf_are_recognised_and_no_zero_is_told_of_them(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement], few: list[Record]
) -> None:
    ocsf: list[Record] = [
        {
            "eventTime": record["eventTime"],
            "class_uid": 6003,
            "metadata": {"uid": record["eventID"]},
            "api": {"operation": record["eventName"], "service": {"name": record["eventSource"]}},
            "unmapped": {"tlsDetails.tlsVersion": "TLSv1"},
        }
        for record in few
    ]
    held = [
        Event(event.timestamp, event.message.replace('"eventTime": ', '"time_dt": '), GROUP)
        for event in double.events(ocsf)
    ]
    served.groups[GROUP].events = held

    for text in (WEEK, "last 14d by=requests", "last 14d by=coverage principal!=x"):
        with pytest.raises(EngineError, match="hold events in the OCSF format"):
            run(engine, asked(text))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ResourceNotFoundException", "AWS knows no such log group.*TLS_AUDIT_CLOUDWATCH_LOG_GROUPS"),
        ("MalformedQueryException", "does not understand the query"),
        ("ExpiredTokenException", "credentials have expired"),
        ("UnrecognizedClientException", "does not know these credentials"),
        ("InvalidParameterException", "AWS refused logs:StartQuery"),
    ],
)
def test_every_refusal_says_what_to_mend(
    code: str, words: str, engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.fail("StartQuery", code, "words of AWS")

    with pytest.raises(EngineError, match=words) as caught:
        run(engine, asked(WEEK))
    assert "words of AWS" not in str(caught.value), "they may name roles and accounts"


def test_a_denied_call_names_its_iam_action(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.denied.add("StartQuery")

    with pytest.raises(EngineError, match=r"AccessDenied for logs:StartQuery. The bot's role needs it"):
        run(engine, asked(WEEK))


def test_a_role_is_taken_on_before_log_groups_are_asked(
    made: Callable[..., CloudWatch], served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    run(made(role="arn:aws:iam::444455556666:role/reader"), asked(WEEK)).close()

    assert [role["RoleArn"] for role in served.roles] == ["arn:aws:iam::444455556666:role/reader"]


def test_without_credentials_a_person_learns_which_to_set(
    engine: CloudWatch, asked: Callable[[str], Statement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(EngineError, match=r"no AWS credentials to ask CloudWatch.*Set AWS_PROFILE"):
        run(engine, asked(WEEK))


# --- settings, doctor and policy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", "`a b` is no log group"),
        (",".join(f"g{n}" for n in range(51)), "names 51 log groups; CloudWatch asks 50 at once"),
        (
            "arn:aws:logs:us-east-1:111122223333:log-group:a,arn:aws:logs:eu-west-1:111122223333:log-group:a",
            "several Regions: eu-west-1, us-east-1",
        ),
        ("@aws_cloudtrail,other", "`@aws_cloudtrail` is no log group"),
    ],
)
def test_log_groups_that_cannot_be_asked_are_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        groups.read(text)


def test_an_arn_says_its_region_and_loses_its_star() -> None:
    found = groups.read("arn:aws:logs:eu-west-1:444455556666:log-group:aws/cloudtrail/managementevents:*")

    assert found.region == "eu-west-1"
    assert found.identifiers == (
        "arn:aws:logs:eu-west-1:444455556666:log-group:aws/cloudtrail/managementevents",
    )
    assert found.names == ("aws/cloudtrail/managementevents",)


def test_doctor_looks_at_each_log_group(made: Callable[..., CloudWatch], served: double.CloudWatch) -> None:
    served.groups["old"] = double.Group("old", [], kind="INFREQUENT_ACCESS", days=400)

    checks = list(made(f"{GROUP},old,gone").checks(is_default=True))

    assert [(check.what, check.passed) for check in checks] == [
        (f"log group {GROUP}: Standard class, kept for good", True),
        ("log group old: Infrequent Access class, kept for 400 days", True),
        ("log group gone: AWS knows none", False),
    ]


def test_doctor_counts_the_groups_of_a_data_source(made: Callable[..., CloudWatch]) -> None:
    (found,) = made("@aws_cloudtrail").checks(is_default=True)
    (missing,) = made("@aws_waf").checks(is_default=True)

    assert (found.what, found.passed) == ("data source aws_cloudtrail: 1 log groups", True)
    assert not missing.passed


def test_doctor_says_when_nothing_is_set_only_where_it_is_the_default(
    made: Callable[..., CloudWatch], served: double.CloudWatch
) -> None:
    assert not list(made("").checks(is_default=False))
    (check,) = made("").checks(is_default=True)
    assert not check.passed
    assert served.calls == []


def test_doctor_tells_a_denied_look_in_words(engine: CloudWatch, served: double.CloudWatch) -> None:
    served.denied.add("DescribeLogGroups")

    (check,) = engine.checks(is_default=True)

    assert not check.passed
    assert "AccessDenied for logs:DescribeLogGroups" in check.what


def test_the_policy_allows_what_is_called_and_nothing_else(
    engine: CloudWatch, served: double.CloudWatch, asked: Callable[[str], Statement]
) -> None:
    served.go(running=600)
    with pytest.raises(Cancelled):
        run(engine, asked(WEEK), Told("running"), resume=f"asked {NOW:%Y-%m-%dT%H:%M:%SZ}")
    list(engine.checks(is_default=True))

    on_groups, on_all = engine.policy()["Statement"]
    assert on_groups == {
        "Effect": "Allow",
        "Action": "logs:StartQuery",
        "Resource": [f"arn:aws:logs:*:*:log-group:{GROUP}:*"],
    }
    called = {f"logs:{name}" for name, _ in served.calls}
    assert called == {"logs:StartQuery", *on_all["Action"]}
