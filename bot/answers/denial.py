"""What a TLS floor for S3 would break, and the policies that set it. Pure.

S3 has a condition key for the version, `s3:TlsVersion`, which compares as a number (AWS's What's New of 21
December 2020; AWS Storage Blog, "Enforcing encryption in transit with TLS1.2 or higher with Amazon S3").
`aws:SecureTransport`, which is global, only tells plain HTTP from TLS. An SCP is about an organization's own
principals, an RCP about its resources, whoever calls, and neither binds the management account (Organizations
user guide, "Resource control policies"). All read 28 November 2026.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.answers.iam import denies
from bot.clients import agent as agents
from bot.event_schema import ANONYMOUS
from bot.question.filters import is_pattern
from bot.wording import counted, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.question.question import Question
    from bot.table import Table

IamPolicy = dict[str, Any]

EVERY: Final = "arn:aws:s3:::*"

S3_TLS_PAGE: Final = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingEncryptionInTransit.html"


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy's text, and what it is for: a bucket, or accounts of an organization."""

    title: str
    policy: IamPolicy

    @property
    def text(self) -> str:
        """As it is pasted into AWS's console."""
        return json.dumps(self.policy, indent=2)


@dataclass(frozen=True, slots=True)
class Denial:
    """What the policies would deny of an answer's calls, in sentences, and the policies."""

    words: tuple[str, ...]
    drafts: tuple[Draft, ...]


def floor(version: str, resources: Sequence[str], *, has_principal: bool) -> IamPolicy:
    """A policy that denies S3 over TLS older than `version`, and over none at all, to everyone but AWS's own
    services. One of an organization's, as an SCP is, names no principal."""
    principal = {"Principal": "*"} if has_principal else {}
    aside = {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    common = {"Effect": "Deny", **principal, "Action": "s3:*", "Resource": [*resources]}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyOlderTls",
                **common,
                "Condition": {"NumericLessThan": {"s3:TlsVersion": version}, **aside},
            },
            {
                "Sid": "DenyWithoutTls",
                **common,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}, **aside},
            },
        ],
    }


def drafts(question: Question) -> tuple[Draft, ...]:
    """The policies that set the floor of a question, for as much as it is about: buckets by their names, else
    accounts, or all of an organization. None where its floor is no version."""
    policy = question.policy
    if policy is None or policy.min_tls is None:
        return ()
    buckets = [
        value
        for each in question.filters
        if each.word == "bucket" and not each.negated
        for value in each.values
        if not is_pattern(value)
    ]
    if buckets:
        return tuple(_of_bucket(bucket, policy.min_tls) for bucket in buckets)
    accounts = next(
        (each.values for each in question.filters if each.word == "account" and not each.negated), ()
    )
    where = f"account {' or '.join(accounts)}" if accounts else "the organization's root"
    return (
        Draft(
            f"Resource control policy for {where}: whoever calls its buckets",
            floor(policy.min_tls, ["*"], has_principal=True),
        ),
        Draft(
            f"Service control policy for {where}: its users and roles, whatever bucket they call",
            floor(policy.min_tls, ["*"], has_principal=False),
        ),
    )


def _of_bucket(bucket: str, version: str) -> Draft:
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    title = f"Bucket policy of {bucket}, beside what it says already"
    return Draft(title, floor(version, resources, has_principal=True))


def context(version: str | None, *, is_service: bool) -> dict[str, str]:
    """What a policy is told of a request: its version as events say it, `TLSv1.2`; None: not said."""
    told = {"aws:PrincipalIsAWSService": "true" if is_service else "false"}
    if version is not None and version.startswith("TLSv"):
        number_ = version.removeprefix("TLSv")
        told |= {
            "s3:TlsVersion": number_ if "." in number_ else f"{number_}.0",
            "aws:SecureTransport": "true",
        }
    return told


def made(question: Question, table: Table) -> Denial | None:
    """What the policies of a question would deny of the calls in its answer, by the view `what-if`; None
    where its floor is no version."""
    found = drafts(question)
    if not found:
        return None
    calls = {"your clients": 0, "strangers": 0, "AWS's own": 0}
    denied = total = 0
    for row in _rows(table):
        count = row["numOutdatedTlsCalls"]
        total += count
        calls[_group(row)] += count
        denied += count if _is_denied(row, found) else 0
    return Denial(tuple(_words(question, calls, denied, total)), found)


def _rows(table: Table) -> Iterator[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return (dict(zip(names, row, strict=True)) for row in table.rows())


def _is_denied(row: Mapping[str, Any], found: Sequence[Draft]) -> bool:
    bucket = row["bucketName"]
    resource = f"arn:aws:s3:::{bucket}/key" if bucket else EVERY
    told = context(row["tlsVersion"], is_service=False)
    return any(denies(each.policy, action="s3:GetObject", resource=resource, context=told) for each in found)


def _group(row: Mapping[str, Any]) -> str:
    """Who calls: strangers are whom nobody knows, and what calls itself a browser."""
    if str(row["principal"]).lower() in ANONYMOUS:
        return "strangers"
    group = agents.read(row["userAgent"] or "").group
    return {"ours": "your clients", "aws": "AWS's own"}.get(group, "strangers")


def _words(question: Question, calls: Mapping[str, int], denied: int, total: int) -> Iterator[str]:
    floor_ = question.policy.min_tls if question.policy is not None else None
    by_group = ", ".join(f"{number(count)} by {group}" for group, count in calls.items() if count)
    if total:
        yield f"The policy below would deny {counted(denied, 'call')} of {number(total)}: {by_group}."
    else:
        yield "No call that was read would be denied by the policy below."
    yield (
        "It was tried on every row by a reading of our own, not by AWS: test it in one account first. "
        "It can be kept from denying before a day by `DateGreaterThanEquals` on `aws:CurrentTime`."
    )
    if denied < total:
        yield "What is old for another reason (a suite, SSL) no policy denies: TLS versions alone have a key."
    if floor_ == "1.3":
        yield (
            "PrivateLink and Multi-Region Access Points of S3 offer no TLS 1.3: whoever calls through them "
            f"would be denied whatever their client ({S3_TLS_PAGE})."
        )
    yield (
        "Calls whose event says no TLS version, and of buckets without data events, are not in the table; "
        "the second statement denies those over plain HTTP. An SCP binds the organization's own users and "
        "roles alone, an RCP whoever calls its buckets, and neither the management account."
    )
