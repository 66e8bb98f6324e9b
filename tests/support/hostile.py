"""Events as strangers may write them, and questions about them, the same for a given seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.event_schema import CLASSICAL, NO_HOST, POST_QUANTUM, VERSIONS

if TYPE_CHECKING:
    from tests.oracle import Record

BEGIN: Final = datetime(2026, 11, 20, tzinfo=UTC)

_ODD: Final = (
    "",
    " ",
    "-",
    "unknown",
    "None",
    "tlsVersion",
    "'",
    "%_\\",
    "\t",
    "\u2003",
    "\u00a0",
    "é",
    "日本",
)
_VERSIONS: Final = (*VERSIONS, *(text for texts in VERSIONS.values() for text in texts))
_NOT_VERSIONS: Final = (
    *_ODD,
    "1.4",
    "TLSv1.4",
    "2.0",
    "TLSv1.",
    "TLS",
    "0x0301",
    "1.0.0",
    "tls v 1.0",
    "10",
    "1,2",
)
_SUITES: Final = (
    *("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "AES128-SHA", "AES256-GCM-SHA384", "RC4-MD5"),
    *("DES-CBC3-SHA", "DHE-RSA-AES256-SHA", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
    *("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA"),
    *("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-RC4-SHA", "NULL-SHA", "GOST2001-GOST89-GOST89"),
    *("TLS_RSA_WITH_NULL_SHA256", "EXP-RC2-CBC-MD5", "camellia256-sha", "TLS-RSA-WITH-AES-128-CBC-SHA"),
    *("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
)
_NOT_SUITES: Final = (
    *_ODD,
    *(
        "n/a",
        "null",
        "cipherSuite",
        "TLS_NULL_WITH_NULL_NULL",
        "0xC02F",
        "49199",
        "(null)",
        "--",
        "AES",
        "AES-",
    ),
    *(
        "DESCRIPTION",
        "WIRELESS-128",
        "NULL",
        "NULL-",
        "NULL_WITH",
        "TLS_AES",
        "ECDHE-RSA",
        "3DES",
        "ROADES128",
    ),
)
_GROUPS: Final = tuple({**CLASSICAL, **POST_QUANTUM})
_HOSTS: Final = ("s3.eu-west-1.amazonaws.com", "kms-fips.us-east-1.amazonaws.com", "LOCALHOST:443", "[::1]")
_SERVICES: Final = ("s3", "kms", "sts")
_AGENTS: Final = (
    *(
        "Boto/2.49",
        "aws-cli/2.1 x",
        "aws-cli/1.16.1 Python/3.6.0",
        "[aws-sdk-go/1.4]",
        "aws-sdk-js/3.9 md/nodejs#20.1",
    ),
    *("", "-", "[]", "\u2003"),
    *("100%_sure\\back", "=cmd|' /C'!A0", "line\nbreak"),
)


def records(seed: int, count: int) -> list[Record]:
    """`count` events of three days from `BEGIN`, each with an id of its own."""
    rng = random.Random(seed)  # noqa: S311 - inputs, not secrets
    return [_record(rng, number) for number in range(count)]


def _record(rng: random.Random, number: int) -> Record:
    record: Record = {
        "eventVersion": "1.11",
        "eventTime": f"{BEGIN + timedelta(seconds=rng.randrange(3 * 86_400)):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": f"{rng.choice(_SERVICES)}.amazonaws.com",
        "eventName": rng.choice(("Get", "Put", "List")),
        "awsRegion": rng.choice(("eu-west-1", "us-east-1")),
        "sourceIPAddress": rng.choice(("10.0.0.1", "10.20.0.7", "2001:db8::1", "AWS Internal")),
        "recipientAccountId": rng.choice(("111122223333", "444455556666")),
        "eventID": f"{number:08d}-0000",
        "userIdentity": _identity(rng),
    }
    if rng.random() < 0.8:
        record["userAgent"] = rng.choice(_AGENTS)
    if rng.random() < 0.9:
        record["tlsDetails"] = _tls(rng)
    return record


def _tls(rng: random.Random) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if rng.random() < 0.9:
        details["tlsVersion"] = _worn(rng, rng.choice(_VERSIONS if rng.random() < 0.7 else _NOT_VERSIONS))
    if rng.random() < 0.8:
        details["cipherSuite"] = _worn(rng, rng.choice((*_SUITES, *_NOT_SUITES)))
    if rng.random() < 0.7:
        details["keyExchange"] = _worn(rng, rng.choice((*_GROUPS, *_GROUPS, *_ODD, "x25519mlkem9999")))
    if rng.random() < 0.8:
        details["clientProvidedHostHeader"] = _worn(rng, rng.choice((*_HOSTS, *_HOSTS, *NO_HOST)))
    return {key: None if rng.random() < 0.05 else value for key, value in details.items()}


def _worn(rng: random.Random, text: str) -> str:
    """The text in other letters, or with blanks around it."""
    text = rng.choice((text, text, text.upper(), text.lower(), text.title()))
    return rng.choice(("", "", "", " ", "\t", "\u2003")) + text + rng.choice(("", "", "", " ", "\n"))


def _identity(rng: random.Random) -> dict[str, Any]:
    identity: dict[str, Any] = {}
    for key, texts in (
        ("type", ("IAMUser", "AWSAccount", "", "Root")),
        ("arn", ("arn:aws:iam::1:user/alice", "arn:aws:sts::1:assumed-role/ci/i-1", "", "")),
        ("userName", ("alice", "HIDDEN_DUE_TO_SECURITY_REASONS", "")),
        ("principalId", ("AIDA", "")),
        ("accountId", ("111122223333", "ANONYMOUS_PRINCIPAL", "anonymous", "")),
        ("invokedBy", ("s3.amazonaws.com", "")),
    ):
        if rng.random() < 0.5:
            identity[key] = rng.choice((*texts, None))
    if rng.random() < 0.3:
        identity["onBehalfOf"] = {"userId": rng.choice(("5448-94e8", "", None))}
    if rng.random() < 0.3:
        issuer = {"arn": rng.choice(("arn:aws:iam::1:role/ci", "", None))}
        identity["sessionContext"] = {"sessionIssuer": issuer}
    return identity


_WINDOWS: Final = ("2026-11-20..2026-11-23", "2026-11-21", "2026-11-20T06:30Z..2026-11-22T18:45Z")
_POLICIES: Final = (
    "",
    "",
    "min=1.1",
    "min=1.3",
    "cipher=weak",
    "kx=classical",
    "min=1.3 cipher=weak kx=classical",
    "kx=below-cnsa",
    "sdk=eol",
    "sdk=eol-in-90d min=1.1",
)
_VERSION_WORDS: Final = ("version=1.1", "version=1.0,1.2", "version!=1.3", "version!=1.0", "tls!=1.2,1.1")
_FILTERS: Final = (
    *("service=s3", "service!=s3,kms", "account=1111*", "region!=us-*", "event=put", "ip=10.20.0.0/16"),
    *(
        "principal=alice",
        "principal=anonymous",
        "principal!=anonymous",
        "principal=Unknown",
        "principal=role/ci",
    ),
    *("principal=arn:aws:iam::1:role/ci", "principal=5448-94e8", "principal!=arn:aws:iam::1:role/*"),
    *("agent=boto", "agent!=boto", "host=*-fips.*", "host!=localhost*", "cipher=*-sha", "cipher!=*-sha"),
    *("cipher=tls_*", "cipher=aes128-sha", "cipher!=TLS_RSA_WITH_*", "cipher=TLS_RSA_WITH_RC4_128_SHA"),
)


def question(rng: random.Random, views: list[str], *, with_policy: set[str]) -> str:
    """The words of a question that may be asked about `records`."""
    view = rng.choice(views)
    words = [rng.choice(_WINDOWS), f"by={view}"]
    policy = rng.choice(_POLICIES) if view in with_policy else ""
    words.append(policy or (rng.choice(_VERSION_WORDS) if rng.random() < 0.5 else ""))
    words += rng.sample(_FILTERS, rng.choice((0, 0, 1, 2)))
    if rng.random() < 0.1:
        words.append("top=3")
    return " ".join(filter(None, words))
