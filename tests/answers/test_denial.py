"""What a TLS floor would break, against a reading of policies, event by event."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from bot.answers import denial
from bot.answers.iam import denies
from bot.event_schema import VERSIONS
from bot.question import select
from bot.question.views import load
from bot.table import Table
from tests.support.engines import local_over
from tests.support.logs import quietly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.question.question import Question

TOKEN = "7f3a"  # noqa: S105 - names an asking, opens nothing
EVENTS = 1_000
"""Run by hand with 10,000 on 28 November 2026: the same set too."""

SPELLINGS = {
    spelling: version
    for version, spellings in VERSIONS.items()
    if version.startswith("TLS")  # what a policy is told of SSL, which AWS does not take, nobody says
    for spelling in spellings
}


def events(count: int) -> list[dict[str, Any]]:
    """S3 calls and others, by people, roles, strangers and services, over every spelling of every version."""
    random = Random(17)  # noqa: S311 - the same events each time
    made: list[dict[str, Any]] = []
    for number in range(count):
        name = random.choice(["export", "report", "backup", "ci"])
        user = {
            "type": "IAMUser",
            "arn": f"arn:aws:iam::111122223333:user/{name}",
            "accountId": "111122223333",
        }
        stranger = {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
        who = random.choice([user, user, stranger, {"type": "AWSService", "invokedBy": "logs.amazonaws.com"}])
        said = random.choice([*SPELLINGS, "-", "", "tlsVersion", "TLSv1.4"])
        bucket = random.choice(["reports", "reports-eu", "Old_Bucket"])
        event = {
            "eventVersion": "1.11",
            "eventID": f"{number:032x}",
            "eventTime": f"2026-11-{random.randint(10, 20)}T{random.randint(0, 23):02}:00:00Z",
            "eventSource": random.choice(["s3.amazonaws.com", "s3.amazonaws.com", "kms.amazonaws.com"]),
            "eventName": "GetObject",
            "awsRegion": "eu-central-1",
            "sourceIPAddress": "10.0.0.7",
            "userAgent": random.choice(["Boto3/1.9", "curl/7.2", "[S3Console/0.4]"]),
            "userIdentity": who,
            "recipientAccountId": random.choice(["111122223333", "444455556666"]),
            "requestParameters": random.choice([{"bucketName": bucket}, None]),
        }
        if random.random() < 0.9:
            event["tlsDetails"] = {"tlsVersion": said, "cipherSuite": "AES128-SHA"}
        made.append(event)
    return made


def replayed(policy: dict[str, Any], event: dict[str, Any], filters: dict[str, str]) -> bool:
    """Whether the policy denies what an event tells of, where that is a call of what it is attached to."""
    bucket = (event["requestParameters"] or {}).get("bucketName")
    if filters.get("account") not in {None, event["recipientAccountId"]} or not event[
        "eventSource"
    ].startswith("s3."):
        return False
    version = SPELLINGS.get((event.get("tlsDetails") or {}).get("tlsVersion", ""))
    told = denial.context(version, is_service=event["userIdentity"]["type"] == "AWSService")
    return denies(policy, action="s3:GetObject", resource=f"arn:aws:s3:::{bucket or ''}/key", context=told)


@pytest.mark.parametrize(
    "words",
    [
        "min=1.3",
        "min=1.2",
        "min=1.3 bucket=reports",
        "min=1.3 account=444455556666",
        "min=1.1 bucket=Old_Bucket",
    ],
)
def test_the_table_and_the_policy_are_about_the_same_calls(
    words: str, tmp_path: Path, ask: Callable[[str], Question]
) -> None:
    question, held = ask(f"2026-11-10..2026-11-21 what-if {words}"), events(EVENTS)
    engine = local_over(held, tmp_path)
    asked = engine.translate(select.build(question, cap=10_000), question.view.columns)
    with engine.run(asked, token=TOKEN, resume=None, progress=quietly) as table:
        found = {row[:5]: row[-1] for row in table.rows()}
        said = denial.made(question, table)

    (policy, *_) = [draft.policy for draft in denial.drafts(question)]
    filters = {each.word: each.values[0] for each in question.filters}
    denied: Counter[Any] = Counter()
    for event in held:
        if replayed(policy, event, filters):
            who = event["userIdentity"].get("arn", "anonymous")
            bucket = (event["requestParameters"] or {}).get("bucketName")
            version = SPELLINGS[event["tlsDetails"]["tlsVersion"]]
            denied[bucket, event["recipientAccountId"], who, event["userAgent"], version] += 1

    assert found == dict(denied)
    assert said is not None
    assert f"would deny {sum(denied.values()):,} calls of {sum(denied.values()):,}: " in said.words[0]


def test_a_bucket_an_account_and_an_organization_get_their_own_kind_of_policy(
    ask: Callable[[str], Question],
) -> None:
    titles = {
        words: [draft.title for draft in denial.drafts(ask(f"what-if min=1.3 {words}"))]
        for words in ("", "account=111122223333", "bucket=reports,logs")
    }
    assert [title.split(":")[0] for title in titles[""]] == [
        "Resource control policy for the organization's root",
        "Service control policy for the organization's root",
    ]
    assert all("account 111122223333" in title for title in titles["account=111122223333"])
    assert titles["bucket=reports,logs"] == [
        "Bucket policy of logs, beside what it says already",
        "Bucket policy of reports, beside what it says already",
    ]
    (rcp, scp) = denial.drafts(ask("what-if min=1.3"))
    assert "Principal" in rcp.text
    assert "Principal" not in scp.text.replace("aws:PrincipalIsAWSService", "")
    assert json.loads(rcp.text) == rcp.policy


def test_what_is_old_for_another_reason_than_its_version_is_told_apart(
    ask: Callable[[str], Question],
) -> None:
    question = ask("what-if min=1.2 cipher=weak")
    old = ("b", "111122223333", "arn:aws:iam::111122223333:user/a", "Boto", "TLSv1", question.window.start, 3)
    weak = ("b", "111122223333", "anonymous", "curl", "TLSv1.2", question.window.start, 4)
    with Table(load()["what-if"].columns, [[old, weak]]) as table:
        said = denial.made(question, table)
    assert said is not None
    assert said.words[0] == "The policy below would deny 3 calls of 7: 3 by your clients, 4 by strangers."
    assert any("no policy denies" in sentence for sentence in said.words)


# --- the reading of policies, by AWS's page on condition operators


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({}, {}, True),
        ({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, {"s3:TlsVersion": "1.2"}, True),
        ({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, {"s3:TlsVersion": "1.30"}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, {}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, {"s3:TlsVersion": "none"}, False),
        ({"NumericLessThanIfExists": {"s3:TlsVersion": "1.3"}}, {}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:SecureTransport": "False"}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"BoolIfExists": {"aws:SecureTransport": ["false"]}}, {}, True),
        ({"StringEquals": {"aws:PrincipalAccount": ["1", "2"]}}, {"aws:PrincipalAccount": "2"}, True),
        ({"StringEquals": {"a": "1"}, "Bool": {"b": "true"}}, {"a": "1", "b": "false"}, False),
        ({"StringEquals": {"a": "1", "b": "1"}}, {"a": "1"}, False),
    ],
)
def test_conditions_hold_as_aws_says(condition: Any, context: dict[str, str], *, holds: bool) -> None:
    statement = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": condition}
    policy = {"Statement": [statement]}
    assert denies(policy, action="s3:GetObject", resource="arn:aws:s3:::b/k", context=context) is holds


def test_a_statement_is_about_its_actions_and_resources_alone() -> None:
    policy = denial.floor("1.3", ["arn:aws:s3:::a", "arn:aws:s3:::a/*"], has_principal=True)
    old = denial.context("TLSv1.2", is_service=False)
    assert denies(policy, action="S3:getobject", resource="arn:aws:s3:::a/k", context=old)
    assert not denies(policy, action="kms:Decrypt", resource="arn:aws:s3:::a/k", context=old)
    assert not denies(policy, action="s3:GetObject", resource="arn:aws:s3:::ab/k", context=old)
    assert not denies(
        policy,
        action="s3:GetObject",
        resource="arn:aws:s3:::a/k",
        context=denial.context("TLSv1.3", is_service=False),
    )
    assert not denies(
        policy,
        action="s3:GetObject",
        resource="arn:aws:s3:::a/k",
        context=denial.context("TLSv1", is_service=True),
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "1"}},
        {"NotAction": "x"},
        {"Condition": {"Null": {"a": "true"}}},
    ],
)
def test_what_is_not_known_is_no_guess(odd: dict[str, Any]) -> None:
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", **odd}
    with pytest.raises(ValueError, match="known"):
        denies(
            {"Statement": [statement]}, action="s3:GetObject", resource="arn:aws:s3:::a", context={"a": "1"}
        )
