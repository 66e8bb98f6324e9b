"""What decides a client's TLS, and that blame falls on what is to blame."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from bot.clients import agent, fixes
from bot.clients.data import table
from bot.clients.endpoint import POLICIES, Endpoint, Policy
from tests.clients.agents import lines, mutated

if TYPE_CHECKING:
    from bot.clients.fixes import Cause

NEW: Final = (
    "aws-sdk-go-v2/1.41.1 os/linux lang/go#1.{} md/GOOS#linux",
    "aws-sdk-js/3.990.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#22.{}.0",
    "aws-sdk-java/2.{}.11 md/io#async md/http#AwsCommonRuntime ua/2.1 os/Linux#6.1 lang/java#21",
    "aws-cli/2.{}.60 md/awscrt#0.27 ua/2.1 os/linux#6.1 lang/python#3.13.1 md/installer#exe",
    "aws-sdk-kotlin/1.{}.80 ua/2.1 os/linux#6.1 lang/kotlin#2.1",
)
"""Clients whose agents tell that they have ML-KEM, for a number from 35 on."""

OLD_KX: Final = (
    "aws-sdk-go-v2/1.30.{} os/linux lang/go#1.23.1 md/GOOS#linux",
    "aws-sdk-go/1.44.{} (go1.20.7; linux; amd64)",
    "aws-sdk-nodejs/2.1{}.0 linux/v20.19.0 promise",
    "aws-sdk-java/2.30.{} md/io#async md/http#AwsCommonRuntime ua/2.1 os/Linux#6.1 lang/java#21",
    "aws-sdk-java/1.12.{} Linux/5.4 OpenJDK_64-Bit_Server_VM/11.0.8 java/11.0.8 vendor/X",
    "aws-cli/2.33.{} md/awscrt#0.27 ua/2.1 os/linux#6.1 lang/python#3.13.1 md/installer#exe",
    "APN/1.0 HashiCorp/1.0 Terraform/1.7.{} aws-sdk-go-v2/1.24.1 lang/go#1.20.12",
    "aws-sdk-kotlin/1.3.{} ua/2.1 os/linux#6.1 lang/kotlin#2.1",
)
OLD_13: Final = (
    "aws-sdk-go/1.15.{} (go1.11.4; linux; amd64)",
    "aws-sdk-go/1.20.{} (go1.12.5; darwin; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.12.2",
    "aws-sdk-nodejs/2.3{}.0 linux/v8.10.0 exec-env/AWS_Lambda_nodejs8.10 callback",
    "aws-sdk-nodejs/2.2.{} linux/v4.4.2",
)
HIDDEN: Final = (
    "Boto3/1.26.{} Python/3.9.0 Linux/5.10 Botocore/1.29.1",
    "Boto/2.49.{} Python/2.7.5 Linux/3.10.0",
    "aws-sdk-php/3.1{}.6 OS/Linux/5.4.0 lang/php/7.4.3",
    "aws-sdk-ruby3/3.1{}.0 ua/2.0 os/linux lang/ruby#2.7.8",
    "aws-sdk-dotnet-coreclr/3.7.{}.0 aws-sdk-dotnet-core/3.7.1 .NET_Core/6.0.20 OS/Linux_5.15 ClientAsync",
)
"""Clients whose OpenSSL their agents do not tell."""

BUCKETS: Final = ("data", "my-fips", "s3-fips", "vpce", "logs.example.com", "s3-global")


@dataclass(frozen=True)
class Situation:
    agent: str
    policy: Policy
    endpoint: Endpoint
    truth: Cause


def plain(rng: random.Random) -> Endpoint:
    if rng.random() < 0.5:
        service = rng.choice(("kms", "secretsmanager", "acm"))
        return Endpoint(f"{service}.eu-central-1.amazonaws.com", None, f"{service}.amazonaws.com")
    bucket = rng.choice(BUCKETS)
    return Endpoint(f"{bucket}.s3.eu-central-1.amazonaws.com", None, "s3.amazonaws.com")


def limited(rng: random.Random, policy: Policy) -> Endpoint:
    if policy == "kx=classical" and rng.random() < 0.5:
        service = rng.choice(("kms", "s3", "secretsmanager", "sts"))
        bucket = f"{rng.choice(BUCKETS)}." if service == "s3" else ""
        host = f"{bucket}{service}-fips.{rng.choice(('', 'dualstack.'))}us-east-1.amazonaws.com"
        return Endpoint(host, None, f"{service}.amazonaws.com")
    if rng.random() < 0.5:
        vpce = f"vpce-0a{rng.getrandbits(32):08x}"
        host = f"{rng.choice(BUCKETS)}.bucket.{vpce}-abcd.s3.us-east-1.vpce.amazonaws.com"
        return Endpoint(host, vpce, "s3.amazonaws.com")
    host = f"m{rng.getrandbits(40):010x}.mrap.accesspoint.s3-global.amazonaws.com"
    return Endpoint(host, None, "s3.amazonaws.com")


def situations(count: int) -> list[Situation]:
    rng = random.Random(17)  # noqa: S311 - samples, not secrets
    made = []
    for _ in range(count):
        policy: Policy = rng.choice(("min=1.3", "kx=classical"))
        number = rng.randrange(35, 60)
        drawn = rng.random()
        old = OLD_KX if policy == "kx=classical" else OLD_13
        anyone = rng.choice((*NEW, *old, *HIDDEN)).format(number)
        if drawn < 0.35:
            made.append(Situation(anyone, policy, limited(rng, policy), "endpoint"))
        elif drawn < 0.55:
            made.append(Situation(rng.choice(NEW).format(number), policy, plain(rng), "network"))
        elif drawn < 0.56:
            # its OpenSSL is new, and its agent does not tell
            made.append(Situation(rng.choice(HIDDEN).format(number), policy, plain(rng), "network"))
        elif drawn < 0.57:
            vpce = Endpoint("data.s3.us-east-1.amazonaws.com", "vpce-0a1b2c3d", "s3.amazonaws.com")
            made.append(Situation(rng.choice(HIDDEN).format(number), policy, vpce, "endpoint"))
        else:
            made.append(Situation(rng.choice((*old, *HIDDEN)).format(number), policy, plain(rng), "client"))
    return made


def test_a_thousand_situations_find_what_is_to_blame_and_blame_nobody_else() -> None:
    counts: Counter[str] = Counter()
    for situation in situations(1000):
        found = fixes.fix(agent.read(situation.agent), situation.policy, situation.endpoint)
        named = {found.cause} if found.sure else {found.cause, found.otherwise}
        counts["named first"] += found.cause == situation.truth
        counts["named"] += situation.truth in named
        counts["falsely blamed"] += found.cause is not None and situation.truth not in named
        counts["sure"] += found.sure
        counts["sure and wrong"] += found.sure and found.cause != situation.truth

    assert counts["falsely blamed"] == 0
    assert counts["sure and wrong"] == 0
    assert counts["named"] == 1000
    assert counts["named first"] >= 980


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("kms-fips.us-east-1.amazonaws.com", True),
        ("data.s3-fips.dualstack.us-east-1.amazonaws.com", True),
        ("my-fips.s3.us-east-1.amazonaws.com", False),
        ("s3-fips.s3.us-east-1.amazonaws.com", False),
        ("kms.us-east-1.amazonaws.com", False),
        ("", False),
    ],
)
def test_a_fips_host_is_known_by_its_service_and_not_by_a_bucket(host: str, expected: bool) -> None:
    assert (Endpoint(host).limit("kx=classical") is not None) is expected


@pytest.mark.parametrize(
    ("host", "sure"),
    [("kms-fips.us-gov-west-1.amazonaws.com", True), ("kms-fips.us-east-1.amazonaws.com", False)],
)
def test_a_fips_host_is_to_blame_for_certain_only_where_aws_says_so(host: str, sure: bool) -> None:
    found = fixes.fix(agent.read(NEW[0].format(40)), "kx=classical", Endpoint(host, None, "kms"))

    assert (found.cause, found.sure) == ("endpoint", sure)


def test_a_gateway_endpoint_is_not_taken_for_privatelink() -> None:
    found = fixes.fix(
        agent.read("aws-sdk-go/1.20.4 (go1.11.5; linux; amd64)"),
        "min=1.3",
        Endpoint("data.s3.us-east-1.amazonaws.com", "vpce-0a1b2c3d", "s3.amazonaws.com"),
    )

    assert (found.cause, found.sure, found.otherwise) == ("client", False, "endpoint")


def test_a_card_names_the_smallest_step_and_the_command() -> None:
    found = fixes.fix(
        agent.read("aws-sdk-go-v2/1.30.1 os/linux lang/go#1.22.4"),
        "kx=classical",
        Endpoint("kms.us-east-1.amazonaws.com", None, "kms.amazonaws.com"),
    )

    assert (found.cause, found.sure, found.decides) == ("client", True, "Go")
    assert found.step == "build it with Go 1.24 or newer"
    assert found.command == "go version -m PROGRAM"
    assert [fact.number for fact in found.facts] == [1]


def test_terraform_is_told_to_take_a_newer_provider() -> None:
    said = "APN/1.0 HashiCorp/1.0 Terraform/1.7.0 aws-sdk-go-v2/1.24.1 lang/go#1.20.12"
    found = fixes.fix(agent.read(said), "kx=classical", Endpoint("kms.us-east-1.amazonaws.com"))

    assert "provider" in (found.step or "")


@pytest.mark.parametrize(
    ("said", "cause", "sure"),
    [
        ("aws-sdk-go/1.24.1 (go1.14; darwin; amd64)", "client", False),
        ("aws-sdk-go/1.44.1 (go1.20.7; linux; amd64)", "network", False),
        ("aws-cli/2.15.0 Python/3.11.8 Linux/6.1 exe/x86_64.amzn.2023", "network", False),
    ],
)
def test_who_could_do_tls_12_is_not_blamed_for_certain(said: str, cause: str, sure: bool) -> None:
    found = fixes.fix(agent.read(said), "min=1.2", Endpoint("kms.us-east-1.amazonaws.com", None, "kms"))

    assert (found.cause, found.sure) == (cause, sure)


def test_below_cnsa_blames_nobody_without_a_source() -> None:
    found = fixes.fix(
        agent.read(NEW[0].format(40)), "kx=below-cnsa", Endpoint("kms.us-east-1.amazonaws.com", None, "kms")
    )

    assert found.cause is None


@pytest.mark.parametrize(
    ("said", "tls", "exchange", "contradicts"),
    [
        ("aws-sdk-go/1.44.1 (go1.19.3; linux; amd64)", "TLSv1.3", "X25519MLKEM768", True),
        ("aws-sdk-go/1.44.1 (go1.24.3; linux; amd64)", "TLSv1.3", "X25519MLKEM768", False),
        ("aws-sdk-go/1.4.1 (go1.11.4; linux; amd64)", "TLSv1.3", "x25519", True),
        ("aws-sdk-java/1.10.6 java/1.8.0_25", "TLSv1.3", None, True),
        ("aws-sdk-java/1.12.6 java/1.8.0_372", "TLSv1.3", None, False),
        ("aws-cli/2.15.0 Python/3.11.8 Linux/6.1 exe/x86_64.amzn.2023", "TLSv1", None, True),
        ("Boto3/1.35.0 Python/3.11.9 Linux/5.15", "TLSv1", None, False),
        ("stratus-red-team_1", "TLSv1.3", "X25519MLKEM768", False),
    ],
)
def test_a_handshake_contradicts_only_what_a_source_rules_out(
    said: str, tls: str, exchange: str | None, contradicts: bool
) -> None:
    assert (fixes.contradiction(agent.read(said), tls, exchange) is not None) is contradicts


def test_any_agent_gets_an_answer() -> None:
    hosts = ("", "x", "s3.amazonaws.com", "kms-fips.us-east-1.amazonaws.com", "." * 300)
    for said in [line.agent for line in lines()] + list(mutated(500)):
        read = agent.read(said)
        fixes.contradiction(read, "TLSv1.3", "X25519MLKEM768")
        for policy in POLICIES:
            for host in hosts:
                found = fixes.fix(read, policy, Endpoint(host))
                assert found.why
                assert found.cause is None or found.facts


def test_every_rule_stands_on_facts() -> None:
    numbers = {fact.number for fact in fixes.facts()}

    assert numbers == set(range(1, 73))
    for rule in table("fixes")["rule"]:
        for step in ("tls12", "tls13", "mlkem"):
            assert rule[step]["facts"], rule["name"]
            assert set(rule[step]["facts"]) <= numbers, rule["name"]
        assert rule["page"].startswith("https://")
    names = {rule["name"] for rule in table("fixes")["rule"]}
    for row in table("fixes")["contradiction"]:
        assert set(row["rules"]) <= names
