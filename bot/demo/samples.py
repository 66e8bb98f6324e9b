"""Sample CloudTrail events that tell a story, the same for a given seed and day.

A company of three accounts, nearly all of it on TLS 1.2 and 1.3. Three were forgotten: a nightly job
on Python 2.7, a billing service on Java 7, and a vendor's backup appliance. A Windows service speaks
TLS 1.2 with a suite nobody should use any more. One visitor chose a name to see what it would do.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Record = dict[str, Any]

SAMPLE_DAYS: Final = 15
"""How many days the samples of `write` reach back: two weeks and today, what a digest compares."""

PROD: Final = "111122223333"
DATA: Final = "444455556666"
LAB: Final = "777788889999"

_ALL_DAY: Final = tuple(range(24))
_OFFICE: Final = tuple(range(7, 18))


@dataclass(frozen=True)
class _Tls:
    version: str
    suite: str
    key_exchange: str = ""


_OLD_10: Final = _Tls("TLSv1", "ECDHE-RSA-AES128-SHA")
_OLD_11: Final = _Tls("TLSv1.1", "AES256-SHA")
_WEAK_12: Final = _Tls("TLSv1.2", "ECDHE-RSA-AES128-SHA", "secp256r1")
_TLS_12: Final = _Tls("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "secp256r1")
_TLS_13: Final = _Tls("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519")
_QUANTUM: Final = _Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519MLKEM768")


@dataclass(frozen=True)
class _Actor:
    """Someone who calls AWS: about `a_day` calls on a working day, each one of `calls`, in `hours` (UTC)."""

    principal: str
    account: str
    region: str
    agent: str
    addresses: tuple[str, ...]
    tls: _Tls | None
    calls: tuple[tuple[str, str], ...]
    a_day: int
    hours: tuple[int, ...] = _ALL_DAY
    weekends: float = 1.0


_ACTORS: Final = (
    _Actor(
        "user/nightly-export",
        PROD,
        "us-east-1",
        "Boto/2.49.0 Python/2.7.5 Linux/3.10.0-1160.el7.x86_64",
        ("10.20.4.17",),
        _OLD_10,
        (("s3", "PutObject"), ("s3", "PutObject"), ("s3", "ListObjects")),
        58,
        (2, 3),
    ),
    _Actor(
        "assumed-role/billing-reports/i-0a1b2c3d4e5f60718",
        DATA,
        "eu-central-1",
        "aws-sdk-java/1.7.4 Linux/2.6.32-642.el6.x86_64 Java_HotSpot(TM)_64-Bit_Server_VM/24.80-b11/1.7.0_80",
        ("10.40.0.9", "10.40.0.10"),
        _OLD_10,
        (("sqs", "ReceiveMessage"), ("dynamodb", "Query"), ("dynamodb", "PutItem")),
        26,
    ),
    _Actor(
        "user/svc-backup-appliance",
        PROD,
        "us-east-1",
        "BackupAppliance/4.2 (build 1187)",
        ("203.0.113.24",),
        _OLD_11,
        (("s3", "PutObject"), ("kms", "GenerateDataKey")),
        12,
        (22, 23),
        0.5,
    ),
    _Actor(
        "assumed-role/lab-visitor/<!channel> =1+1",
        LAB,
        "us-west-2",
        "curl/7.19.7 ```*hello*``` :tada: <https://example.com|click>",
        ("198.51.100.7",),
        _OLD_11,
        (("sts", "GetCallerIdentity"),),
        1,
        _OFFICE,
        0.0,
    ),
    _Actor(
        "user/svc-invoices",
        DATA,
        "eu-central-1",
        "aws-sdk-dotnet-45/3.5.1.8 aws-sdk-dotnet-core/3.5.1.8 .NET_Framework/4.6 "
        "OS/Microsoft_Windows_NT_6.1",
        ("10.40.7.30",),
        _WEAK_12,
        (("s3", "GetObject"), ("secretsmanager", "GetSecretValue")),
        40,
        _OFFICE,
        0.1,
    ),
    _Actor(
        "assumed-role/ci-deploy/github-actions",
        PROD,
        "us-east-1",
        "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) aws-sdk-go-v2/1.32.3 "
        "os/linux lang/go#1.23.1 md/GOOS#linux md/GOARCH#amd64",
        ("192.0.2.44", "192.0.2.45"),
        _TLS_13,
        (("ec2", "DescribeInstances"), ("iam", "GetRole"), ("s3", "GetObject"), ("lambda", "GetFunction")),
        260,
        _OFFICE,
        0.2,
    ),
    _Actor(
        "assumed-role/orders-api/orders-api",
        PROD,
        "us-east-1",
        "Boto3/1.40.11 md/Botocore#1.40.11 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.12.4 "
        "md/pyimpl#CPython exec-env/AWS_Lambda_python3.12",
        ("10.20.8.2", "10.20.8.3", "10.20.8.4"),
        _TLS_13,
        (("dynamodb", "GetItem"), ("dynamodb", "PutItem"), ("sqs", "SendMessage"), ("kms", "Decrypt")),
        520,
    ),
    _Actor(
        "assumed-role/warehouse/warehouse-loader",
        DATA,
        "eu-central-1",
        "aws-sdk-java/2.29.1 md/io#sync md/http#Apache ua/2.0 os/Linux#5.10 lang/java#17.0.9",
        ("10.40.2.11", "10.40.2.12"),
        _TLS_12,
        (("s3", "GetObject"), ("s3", "PutObject"), ("kms", "Decrypt"), ("sts", "AssumeRole")),
        380,
    ),
    _Actor(
        "assumed-role/Admin/alice",
        PROD,
        "us-east-1",
        "aws-cli/2.35.2 md/awscrt#0.27.2 ua/2.1 os/macos#25.1.0 md/arch#arm64 lang/python#3.13.7 "
        "md/pyimpl#CPython md/command#kms.describe-key",
        ("198.51.100.20",),
        _QUANTUM,
        (("kms", "DescribeKey"), ("secretsmanager", "ListSecrets"), ("sts", "GetCallerIdentity")),
        30,
        _OFFICE,
        0.0,
    ),
    _Actor(
        "assumed-role/AWSServiceRoleForAutoScaling/AutoScaling",
        PROD,
        "us-east-1",
        "autoscaling.amazonaws.com",
        ("autoscaling.amazonaws.com",),
        None,
        (("ec2", "DescribeInstances"), ("elasticloadbalancing", "DescribeTargetHealth")),
        48,
    ),
    _Actor(
        "assumed-role/Admin/bob",
        PROD,
        "us-east-1",
        "AWS Internal",
        ("198.51.100.21",),
        None,
        (("health", "DescribeEvents"), ("sso", "ListInstances"), ("tax", "GetTaxRegistration")),
        9,
        _OFFICE,
        0.0,
    ),
)


KNOWN_TO_ALL: Final = "svc-backup-appliance"
"""Whom a digest of the demo has snoozed."""

_NEWCOMER: Final = _Actor(
    "user/vendor-sync",
    DATA,
    "eu-central-1",
    "aws-cli/1.14.32 Python/2.7.5 Linux/3.10.0-693.el7.x86_64 botocore/1.8.36",
    ("203.0.113.77",),
    _OLD_11,
    (("s3", "ListObjects"), ("s3", "GetObject")),
    14,
    _OFFICE,
)
_GONE: Final = _Actor(
    "assumed-role/reports/reports-weekly",
    DATA,
    "eu-central-1",
    "aws-sdk-java/1.7.4 Linux/2.6.32 Java_HotSpot(TM)_64-Bit_Server_VM/24.80-b11/1.7.0_80",
    ("10.40.9.2",),
    _OLD_10,
    (("sns", "Publish"),),
    9,
    _OFFICE,
)
GONE_DAYS: Final = 3
"""How long whoever is gone has been so: as many days as a digest waits before it says so."""


def change(folder: Path, last: date, *, seed: int = 0) -> None:
    """Log files beside those of `write`, of someone who comes on `last`, and of someone who is gone since
    `GONE_DAYS` before it."""
    records = _of_day((_NEWCOMER,), last, random.Random(f"{seed}/new"))  # noqa: S311 - samples, not secrets
    for back in range(GONE_DAYS, SAMPLE_DAYS):
        on = last - timedelta(days=back)
        records += _of_day((_GONE,), on, random.Random(f"{seed}/gone/{on}"))  # noqa: S311 - as above
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "changes.json").write_text(json.dumps({"Records": records}), encoding="utf-8")


def day(on: date, *, seed: int = 0) -> list[Record]:
    """The CloudTrail records of one UTC day, oldest first."""
    return _of_day(_ACTORS, on, random.Random(f"{seed}/{on:%Y-%m-%d}"))  # noqa: S311 - samples, not secrets


def _of_day(actors: Iterable[_Actor], on: date, rng: random.Random) -> list[Record]:
    records = []
    for actor in actors:
        identity = _identity(actor)
        share = actor.weekends if on.weekday() >= 5 else 1.0
        for _ in range(round(actor.a_day * share * rng.uniform(0.85, 1.15))):
            second = rng.choice(actor.hours) * 3600 + rng.randrange(3600)
            midnight = datetime(on.year, on.month, on.day, tzinfo=UTC)
            records.append(_record(actor, {**identity}, midnight, second, rng))
    return sorted(records, key=lambda record: (record["eventTime"], record["eventID"]))


def write(folder: Path, until: datetime, *, since: datetime | None = None, seed: int = 0) -> None:
    """`SAMPLE_DAYS` days of log files up to `until` (aware), as CloudTrail delivers them to S3; of these only
    the days from `since` on, where it is given."""
    import msgspec
    from isal import igzip

    now = until.astimezone(UTC)
    days = SAMPLE_DAYS if since is None else (now.date() - since.astimezone(UTC).date()).days + 1
    for back in range(min(days, SAMPLE_DAYS)):
        on = now.date() - timedelta(days=back)
        records = [
            record for record in day(on, seed=seed) if record["eventTime"] < f"{now:%Y-%m-%dT%H:%M:%SZ}"
        ]
        for account in sorted({record["recipientAccountId"] for record in records}):
            mine = [record for record in records if record["recipientAccountId"] == account]
            region = mine[0]["awsRegion"]
            name = f"{account}_CloudTrail_{region}_{on:%Y%m%d}T2355Z_sample.json.gz"
            path = folder / "AWSLogs" / account / "CloudTrail" / region / f"{on:%Y/%m/%d}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # whoever asks the samples waits for this: both are several times faster than the standard library
            path.write_bytes(igzip.compress(msgspec.json.encode({"Records": mine}), compresslevel=0, mtime=0))


def _record(actor: _Actor, identity: Record, midnight: datetime, second: int, rng: random.Random) -> Record:
    service, name = rng.choice(actor.calls)
    number = rng.getrandbits(128)
    record: Record = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": f"{midnight + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": actor.region,
        "sourceIPAddress": rng.choice(actor.addresses),
        "userAgent": actor.agent,
        "requestParameters": {"bucketName": f"{actor.account}-data"} if service == "s3" else None,
        "responseElements": None,
        "requestID": f"{number:032x}"[:16].upper(),
        "eventID": f"{number:032x}",
        "readOnly": name.startswith(("Get", "List", "Describe", "Query", "Receive", "Decrypt")),
        "eventType": "AwsApiCall",
        "managementEvent": service not in {"s3", "dynamodb"},
        "recipientAccountId": actor.account,
        "eventCategory": "Data" if service in {"s3", "dynamodb"} else "Management",
    }
    if actor.tls is not None:
        record["tlsDetails"] = {
            "tlsVersion": actor.tls.version,
            "cipherSuite": actor.tls.suite,
            "clientProvidedHostHeader": f"{service}.{actor.region}.amazonaws.com",
        }
        if actor.tls.key_exchange:
            record["tlsDetails"]["keyExchange"] = actor.tls.key_exchange
    return record


def _identity(actor: _Actor) -> Record:
    kind, _, rest = actor.principal.partition("/")
    if kind == "user":
        return {
            "type": "IAMUser",
            "principalId": f"AIDA{rest.upper():.12}",
            "arn": f"arn:aws:iam::{actor.account}:user/{rest}",
            "accountId": actor.account,
            "accessKeyId": f"AKIA{rest.upper().replace('-', ''):A<16.16}",
            "userName": rest,
        }
    role, _, session = rest.partition("/")
    identity: Record = {
        "type": "AssumedRole",
        "principalId": f"AROA{role.upper():.12}:{session}",
        "arn": f"arn:aws:sts::{actor.account}:assumed-role/{role}/{session}",
        "accountId": actor.account,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "arn": f"arn:aws:iam::{actor.account}:role/{role}",
                "accountId": actor.account,
                "userName": role,
            }
        },
    }
    if actor.addresses[0].endswith(".amazonaws.com"):
        identity["invokedBy"] = actor.addresses[0]
    return identity
