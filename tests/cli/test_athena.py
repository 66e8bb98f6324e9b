"""`tls-audit athena …` and questions to Athena, from the terminal to the double and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.engines.athena.translate import ASSUMED
from tests.conftest import NOW
from tests.doubles import athena as double
from tests.support.trail import ATHENA_TABLE, trail_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle import Record
    from tests.support.terminal import TlsAudit

DAYS = "2026-11-10..2026-11-13"


@pytest.fixture
def bucket(records: list[Record]) -> Iterator[double.Bucket]:
    """A trail's bucket that nobody has made a table over yet."""
    held = double.Bucket(trail_files(records[::40]))
    yield held
    held.close()


@pytest.fixture(autouse=True)
def served(bucket: double.Bucket, own_home: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[double.Athena]:
    del own_home
    monkeypatch.setenv("TLS_AUDIT_ENGINE", "athena")
    monkeypatch.setenv("TLS_AUDIT_ATHENA_TABLE", ATHENA_TABLE)
    with double.Athena(bucket, now=lambda: NOW) as served:
        served.limits = False
        served.set_environment(monkeypatch)
        yield served


def test_a_bucket_becomes_a_table_that_answers(served: double.Athena, tls_audit: TlsAudit) -> None:
    made = tls_audit("athena", "table", f"s3://{double.BUCKET}", "--create")
    assert made.code == 0, made.err
    assert f"TLS_AUDIT_ATHENA_TABLE={ATHENA_TABLE}" in made.out

    done = tls_audit("ask", DAYS, "by=services", "min=1.3")

    assert done.code == 0, done.err
    assert "calls to 5 services" in done.out
    assert "under $0.001" in done.out
    assert len(served.paid()) == 1


def test_the_ddl_is_printed_with_what_the_bucket_holds(served: double.Athena, tls_audit: TlsAudit) -> None:
    done = tls_audit("athena", "table", f"s3://{double.BUCKET}/AWSLogs/", "--name", "a.b")

    assert done.code == 0
    assert done.out.startswith("CREATE EXTERNAL TABLE IF NOT EXISTS `a`.`b` (")
    assert "'projection.account.values'='111122223333,444455556666'" in done.out
    assert "keyexchange:string" in done.out
    assert "'projection.day.range'='2026/01/01,NOW'" in done.out
    assert f"s3://{double.BUCKET}/AWSLogs/o-tls/${{account}}/CloudTrail/${{region}}/${{day}}" in done.out
    assert not served.executions


def test_a_table_of_any_account_lists_none(tls_audit: TlsAudit) -> None:
    done = tls_audit("athena", "table", f"s3://{double.BUCKET}", "--any-account")

    assert "'projection.account.type'='injected'" in done.out


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("trail-bucket", "is no place in S3"),
        ("s3://trail-bucket/elsewhere", "no folders of accounts in s3://trail-bucket/elsewhere/"),
        ("s3://closed-bucket", "cannot be listed (AccessDenied)"),
    ],
)
def test_a_place_without_a_trail_is_told(
    uri: str, says: str, served: double.Athena, tls_audit: TlsAudit
) -> None:
    served.unreadable.add("closed-bucket")

    done = tls_audit("athena", "table", uri)

    assert done.code
    assert says in done.err


def test_the_sql_can_be_seen_without_a_connection_and_says_what_it_takes_for_granted(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    done = tls_audit("ask", DAYS, "kx=classical", "--sql")

    assert done.code == 0
    assert done.out.startswith(f"/* {ASSUMED} */")


def test_a_question_without_a_table_says_what_to_do(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tls_audit("ask", DAYS)
    assert done.code == 1
    assert "There is no such table: EntityNotFoundException" in done.err
    assert "tls-audit athena table s3://" in done.err

    monkeypatch.setenv("TLS_AUDIT_ATHENA_TABLE", "")
    done = tls_audit("ask", DAYS)
    assert done.code == 2
    assert "TLS_AUDIT_ATHENA_TABLE" in done.err


def test_a_setting_that_is_no_table_is_told_with_the_others(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLS_AUDIT_ATHENA_TABLE", "cloudtrail")
    monkeypatch.setenv("TLS_AUDIT_ATHENA_OUTPUT", "bucket")

    done = tls_audit("ask", DAYS)

    assert done.code == 2
    assert "`cloudtrail` is no table" in done.err or "TLS_AUDIT_ATHENA_OUTPUT" in done.err


def test_the_policy_allows_what_is_called_and_the_tables_own_files(
    served: double.Athena, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls_audit("athena", "table", f"s3://{double.BUCKET}", "--create")
    monkeypatch.setenv("TLS_AUDIT_ATHENA_OUTPUT", "s3://ours/answers")
    tls_audit("ask", DAYS)
    called = {f"athena:{name}" for name, _ in served.calls}

    made = json.loads(tls_audit("athena", "policy").out)

    allowed = {action: each["Resource"] for each in made["Statement"] for action in each["Action"]}
    assert called <= set(allowed)
    assert allowed["athena:StartQueryExecution"] == "arn:aws:athena:*:*:workgroup/primary"
    assert "arn:aws:glue:*:*:table/security/cloudtrail_logs" in allowed["glue:GetTable"]
    assert allowed["s3:PutObject"] == "arn:aws:s3:::ours/answers/*"
    resources = [each["Resource"] for each in made["Statement"] if each["Action"] == ["s3:GetObject"]]
    assert resources == [f"arn:aws:s3:::{double.BUCKET}/AWSLogs/o-tls/*"]
