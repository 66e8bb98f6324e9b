"""`tls-audit cloudwatch policy`, and a question to CloudWatch, from the terminal to the double and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import NOW
from tests.doubles import cloudwatch as double
from tests.doubles.cloudwatch import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle import Record
    from tests.support.terminal import TlsAudit


@pytest.fixture
def served(
    records: list[Record], own_home: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[double.CloudWatch]:
    del own_home
    with double.CloudWatch(double.events(records[::40]), now=lambda: NOW) as served:
        served.limits = False
        served.set_environment(monkeypatch)
        monkeypatch.setenv("TLS_AUDIT_ENGINE", "cloudwatch")
        monkeypatch.setenv("TLS_AUDIT_CLOUDWATCH_LOG_GROUPS", GROUP)
        yield served


def test_the_policy_allows_what_a_question_and_the_doctor_call(
    served: double.CloudWatch, tls_audit: TlsAudit
) -> None:
    assert tls_audit("ask", "2026-11-10..2026-11-13").code == 0
    tls_audit("doctor")
    called = {f"logs:{name}" for name, _ in served.calls}

    done = tls_audit("cloudwatch", "policy")

    start, rest = json.loads(done.out)["Statement"]
    assert start["Resource"] == [f"arn:aws:logs:*:*:log-group:{GROUP}:*"]
    assert {start["Action"]} < called <= {start["Action"], *rest["Action"]}
    assert "logs:DescribeLogGroups" in called
    assert "kms:Decrypt" in done.err


def test_with_a_role_the_policy_takes_it_on_and_says_whose_is_missing(
    served: double.CloudWatch, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    del served
    role = "arn:aws:iam::444455556666:role/reader"
    monkeypatch.setenv("TLS_AUDIT_CLOUDWATCH_ROLE", role)

    done = tls_audit("cloudwatch", "policy")

    (only,) = json.loads(done.out)["Statement"]
    assert only == {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    assert "without TLS_AUDIT_CLOUDWATCH_ROLE" in done.err


def test_a_denied_call_names_the_command_that_prints_the_policy(
    served: double.CloudWatch, tls_audit: TlsAudit
) -> None:
    served.denied.add("StartQuery")

    done = tls_audit("ask", "2026-11-10..2026-11-13")

    assert done.code == 1
    assert "AccessDenied for logs:StartQuery" in done.err
    assert "tls-audit cloudwatch policy" in done.err
