"""Whom an engine blames for a call: over a thousand labelled situations, made without a look at the rows."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import pytest

from bot import engines
from bot.answers import blame
from bot.app import answer as answering
from bot.question import select
from tests.engines.test_agents import MADE
from tests.support import hostile
from tests.support.logs import quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.engines import Engine
    from bot.question.question import Question
    from bot.question.views import View
    from bot.table import Table
    from tests.oracle import Record

Truth = Literal["privatelink", "multi-region", "fips", "china", "proxy", "old client"]

AGENTS: Final = {
    "new": "aws-sdk-go-v2/1.41.1 os/linux lang/go#1.25.1 md/GOOS#linux",
    "old": "aws-sdk-go-v2/1.38.0 os/linux lang/go#1.17.3 md/GOOS#linux",
    "untold": "Boto3/1.40.1 md/Botocore#1.40.1 os/linux lang/python#3.12.3",
}
BUCKETS: Final = (
    *("data", "my-fips", "s3-fips", "vpce", "logs.example.com", "s3-global", "fips", "a.s3-fips", "x.vpce"),
    *("accesspoint", "kms-fips", "m1.mrap.accesspoint", "b.vpce.amazonaws.com", "c-fips.amazonaws.com"),
)
"""Names that strangers may give to look like an endpoint that offers no more."""

SERVICES: Final = ("kms", "secretsmanager", "sts", "ec2", "dynamodb")
REGIONS: Final = ("us-east-1", "us-west-2", "eu-central-1", "ap-south-1")


@dataclass(frozen=True)
class Situation:
    """A call, and what keeps it from TLS 1.3 or from ML-KEM."""

    service: str
    host: str
    version: str
    exchange: str
    agent: str
    truth: Truth


def situation(rng: random.Random) -> Situation:
    bucket, region = rng.choice(BUCKETS), rng.choice(REGIONS)
    agent = rng.choice(list(AGENTS.values()))
    on_12, on_13 = ("TLSv1.2", rng.choice(("x25519", "secp256r1"))), ("TLSv1.3", "x25519")
    port = ":443" if rng.random() < 0.1 else ""
    truth: Truth = rng.choice(("privatelink", "multi-region", "fips", "china", "proxy", "old client"))
    match truth:
        case "privatelink":
            id_ = f"vpce-0{rng.getrandbits(64):016x}-{rng.getrandbits(32):08x}"
            of = rng.choice(("bucket.", f"{bucket}.bucket.", "accesspoint.", "control."))
            return Situation("s3", f"{of}{id_}.s3.{region}.vpce.amazonaws.com{port}", *on_12, agent, truth)
        case "multi-region":
            alias = f"m{rng.getrandbits(40):010x}.mrap"
            host = f"{alias}.accesspoint.s3-global.amazonaws.com{port}"
            return Situation("s3", host, *on_12, agent, truth)
        case "fips":
            service = rng.choice((*SERVICES, "s3"))
            before = f"{bucket}." if service == "s3" and rng.random() < 0.7 and ".s3" not in bucket else ""
            at = rng.choice(("us-east-1", "us-gov-west-1", "ca-central-1"))
            return Situation(
                service, f"{before}{service}-fips.{at}.amazonaws.com{port}", *on_13, agent, truth
            )
        case "china":
            return Situation("kms", f"kms.cn-north-1.amazonaws.com.cn{port}", *on_13, agent, truth)
        case _:
            service = rng.choice((*SERVICES, "s3"))
            before = f"{bucket}." if service == "s3" else ""
            said = AGENTS["new"] if truth == "proxy" else AGENTS["old"]
            dual = "dualstack." if before and rng.random() < 0.2 else ""
            host = f"{before}{service}.{dual}{region}.amazonaws.com{port}"
            return Situation(service, host, *rng.choice((on_12, on_13)), said, truth)


SITUATIONS: Final = [situation(random.Random(at)) for at in range(1_000)]  # noqa: S311 - samples, not secrets

OLD_AT_AN_ENDPOINT: Final = [
    Situation("s3", "bucket.vpce-01.s3.us-east-1.vpce.amazonaws.com", "TLSv1.1", "x25519", "a", "old client"),
    Situation("kms", "kms-fips.us-east-1.amazonaws.com", "TLSv1", "x25519", "b", "old client"),
    Situation("kms", "bucket.vpce-01.s3.us-east-1.vpce.amazonaws.com", "TLSv1.1", "rsa", "c", "old client"),
]
"""Calls below what even these endpoints offer: the client's."""


@pytest.fixture(scope="module")
def called() -> list[Record]:
    plain = hostile.records(0, 1)[0] | {"eventTime": "2026-11-22T08:00:00Z"}
    return [
        plain
        | {
            "eventID": f"id-{at}",
            "eventSource": f"{each.service}.amazonaws.com",
            # each is told apart by its client
            "userAgent": f"{each.agent} app/{at}",
            "tlsDetails": {
                "tlsVersion": each.version,
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": each.host,
                "keyExchange": each.exchange,
            },
        }
        for at, each in enumerate((*SITUATIONS, *OLD_AT_AN_ENDPOINT))
    ]


@pytest.fixture(scope="module", params=engines.ENGINES)
def engine(
    request: pytest.FixtureRequest, called: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    with ExitStack() as opened, pytest.MonkeyPatch.context() as environment:
        yield MADE[request.param](called, opened, environment, tmp_path_factory.mktemp("blame"))


WHY: Final[dict[Truth, tuple[str, ...]]] = {
    "privatelink": ("S3 has no TLS 1.3 over PrivateLink",),
    "multi-region": ("S3's Multi-Region Access Points have no TLS 1.3",),
    "fips": ("KMS has no ML-KEM on FIPS hosts in GovCloud", "no source says that FIPS hosts have ML-KEM"),
    "china": ("KMS has no ML-KEM in China",),
}


@pytest.mark.parametrize("policy", ["min=1.3", "kx=classical", "kx=below-cnsa sdk=eol min=1.2"])
def test_of_a_thousand_calls_no_client_is_excused_and_the_endpoints_are_named(
    policy: str, engine: Engine, ask: Callable[[str], Question], catalogue: dict[str, View]
) -> None:
    question = ask(f"on 2026-11-22 by=clients {policy}")
    endpoints = select.endpoints(question, catalogue)
    assert endpoints is not None
    asked = engine.translate(select.build(endpoints, cap=100_000), endpoints.view.columns)
    with engine.run(asked, token=policy, resume=None, progress=quietly) as table:
        blamed = blame.from_table(table)

    for_tls = policy == "min=1.3"
    due, named = 0, 0
    for at, each in enumerate((*SITUATIONS, *OLD_AT_AN_ENDPOINT)):
        agent = f"{each.agent} app/{at}"
        is_due = each.truth in (("privatelink", "multi-region") if for_tls else WHY)
        if is_due and not ("sdk=" in policy and each.agent == AGENTS["old"]):
            due += 1
            whys = {limit.why for limit in blamed.limits[agent]}
            named += len(whys) == blamed.by_client[agent] == 1 and whys <= set(WHY[each.truth])
        else:
            assert blamed.by_client[agent] == 0, each

    assert due > 100
    assert named >= 0.98 * due
    assert blamed.calls == named


def test_the_answer_says_the_group_and_keeps_its_calls_in_every_count(
    engine: Engine, ask: Callable[[str], Question], catalogue: dict[str, View]
) -> None:
    question = ask("on 2026-11-22 by=clients min=1.3")
    statements = answering.statements(question, engine, catalogue, cap=10_000)

    def run(name: str) -> tuple[Table, int]:
        return engine.run(statements[name], token=name, resume=None, progress=quietly), 0

    with answering.answer(question, run, statements, engine=engine, cap=10_000) as answer:
        words = " ".join(answer.summary.notes)
        calls = sum(1 for each in (*SITUATIONS, *OLD_AT_AN_ENDPOINT) if each.version < "TLSv1.3")

        assert answer.table.row_count == calls
        assert answer.summary.headline.startswith(f"{calls} calls")
    of_endpoints = sum(1 for each in SITUATIONS if each.truth in {"privatelink", "multi-region"})
    said = f"The endpoint offers no more: {of_endpoints} calls (S3"
    # where reading costs, it is asked by its own view
    assert (said in words) is not engine.metered
