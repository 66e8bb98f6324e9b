"""From an event to the machine that made the call: never the wrong one."""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from bot.clients.machine import Machine, evidence, machine

ACCOUNTS: Final = {"111122223333": "prod", "444455556666": "data"}
GITHUB: Final = "token.actions.githubusercontent.com"


def record(account: str = "111122223333", **more: Any) -> dict[str, Any]:
    return {"recipientAccountId": account, "sourceIPAddress": "198.51.100.7", **more}


def assumed(account: str, role: str, session: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
        "accountId": account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "userName": role}},
        **more,
    }


def labelled(rng: random.Random) -> tuple[dict[str, Any], str | None]:
    """A record as CloudTrail writes it, and the machine behind it; None where nothing tells."""
    account, name = rng.choice(list(ACCOUNTS.items()))
    role = rng.choice(("nightly-export", "ci-deploy", "report-export-role-4a5b6c7d", "App_Role.1"))
    word = rng.choice(("report-export", "billing_job", "orders", "i-am-a-function"))
    instance = f"i-{rng.getrandbits(68):017x}" if rng.random() < 0.8 else f"i-{rng.getrandbits(32):08x}"
    task = f"{rng.getrandbits(128):032x}"
    lambda_agent = "Boto3/1.43.1 Python/3.12.1 Linux/5.10 exec-env/AWS_Lambda_python3.12 Botocore/1.43.1"
    ecs_agent = "aws-sdk-java/2.30.1 Linux/5.10 exec-env/AWS_ECS_FARGATE"
    drawn = rng.random()
    if drawn < 0.25:
        identity = assumed(account, role, instance)
        if rng.random() < 0.5:
            identity["sessionContext"]["ec2RoleDelivery"] = "2.0"
        return record(account, userIdentity=identity), f"EC2 {instance} in {name}"
    if drawn < 0.45:
        arn = f"arn:aws:lambda:eu-central-1:{account}:function:{word}"
        scope = {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": arn}
        session = rng.choice((word, "botocore-session-1700000000", instance))
        identity = assumed(account, role, session, inScopeOf=scope)
        return record(account, userIdentity=identity, userAgent=lambda_agent), f"Lambda {word} in {name}"
    if drawn < 0.5:
        identity = assumed(account, f"{word}-role-4a5b6c7d", word)
        return record(account, userIdentity=identity, userAgent=lambda_agent), f"Lambda {word} in {name}"
    if drawn < 0.6:
        identity = {
            "type": "WebIdentityUser",
            "identityProvider": f"arn:aws:iam::{account}:oidc-provider/{GITHUB}",
            "userName": f"repo:acme/{word}:ref:refs/heads/main",
        }
        return record(account, userIdentity=identity), f"GitHub acme/{word}"
    if drawn < 0.68:
        provider = f"arn:aws:iam::{account}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC123"
        federation = {"federatedProvider": provider, "attributes": {}}
        subject = rng.random() < 0.6
        if subject:
            federation["attributes"] = {f"{provider}:sub": f"system:serviceaccount:shop:{word}"}
        identity = assumed(account, role, "botocore-session-1700000000")
        identity["sessionContext"]["webIdFederationData"] = federation
        named = f"EKS shop/{word}" if subject else "EKS cluster ABC123"
        return record(account, userIdentity=identity), f"{named} in {name}"
    if drawn < 0.78:
        identity = assumed(account, role, task)
        return record(account, userIdentity=identity, userAgent=ecs_agent), f"ECS task {task} in {name}"
    if drawn < 0.86:
        endpoint = f"vpce-0{rng.getrandbits(64):016x}"
        address = f"10.20.{rng.randrange(255)}.{rng.randrange(1, 255)}"
        identity = {"type": "IAMUser", "arn": f"arn:aws:iam::{account}:user/{word}", "accountId": account}
        made = record(account, userIdentity=identity, vpcEndpointId=endpoint)
        return {**made, "sourceIPAddress": address}, f"{address} behind {endpoint}"
    if drawn < 0.92:
        shell = "aws-cli/2.15.37 Python/3.11.8 Linux/6.1 exec-env/CloudShell exe/x86_64.amzn.2023"
        identity = assumed(account, "Admin", "alice")
        return record(account, userIdentity=identity, userAgent=shell), f"CloudShell of alice in {name}"
    return unnameable(rng, account, role, word), None


def unnameable(rng: random.Random, account: str, role: str, word: str) -> dict[str, Any]:
    """A record that tells no machine: names that someone chose, grounds that disagree, or nothing at all."""
    identity = {"type": "IAMUser", "arn": f"arn:aws:iam::{account}:user/{word}", "accountId": account}
    agent = "Boto3/1.43.1 Python/3.12.1"
    drawn = rng.random()
    if drawn < 0.4:
        chosen = rng.choice((word, f"{rng.getrandbits(128):032x}", "mi-0123456789abcdef0", "i-0123456789"))
        identity = assumed(account, role, chosen)
    elif drawn < 0.7:
        identity = assumed(account, role, "i-0123456789abcdef0")
        agent = f"{agent} exec-env/AWS_Lambda_python3.12"
    return record(account, userIdentity=identity, userAgent=agent)


def test_three_hundred_events_are_named_and_none_is_named_wrongly() -> None:
    rng = random.Random(300)  # noqa: S311 - samples, not secrets
    named = wrong = 0
    for _ in range(300):
        made, truth = labelled(rng)
        found = machine(evidence(made), ACCOUNTS)
        wrong += found is not None and found.name != truth
        named += found is not None and found.name == truth
        assert found is None or found.ground

    assert wrong == 0
    assert named >= 270


def test_a_function_that_took_another_role_is_not_named_after_its_session() -> None:
    said = "Boto3/1.43.1 Python/3.12.1 exec-env/AWS_Lambda_python3.12"
    identity = assumed("111122223333", "deploy", "deploy")

    found = machine(evidence(record(userIdentity=identity, userAgent=said)), ACCOUNTS)

    assert found == Machine("a Lambda function in prod", "the environment its agent names")


def test_github_without_a_subject_is_no_repository() -> None:
    identity = assumed("111122223333", "ci-deploy", "GitHubActions")
    identity["sessionContext"]["webIdFederationData"] = {
        "federatedProvider": f"arn:aws:iam::111122223333:oidc-provider/{GITHUB}"
    }

    found = machine(evidence(record(userIdentity=identity)))

    assert found == Machine("GitHub Actions", "the provider of its token")


@pytest.mark.parametrize(
    "subject", ["repo:acme", "repo:acme/deploy", "acme/deploy:ref:x", "repo:a b/c:ref:x", ""]
)
def test_a_subject_of_another_form_names_no_repository(subject: str) -> None:
    identity = {"type": "WebIdentityUser", "identityProvider": GITHUB, "userName": subject}

    found = machine(evidence(record(userIdentity=identity)))

    assert found is not None
    assert found.name == "GitHub Actions"


def test_a_service_that_calls_for_someone_is_no_machine() -> None:
    identity = assumed("111122223333", "x", "i-0123456789abcdef0", invokedBy="autoscaling.amazonaws.com")

    assert machine(evidence(record(userIdentity=identity))) is None


def test_an_account_without_a_name_is_told_by_its_number() -> None:
    identity = assumed("999988887777", "x", "i-0123456789abcdef0")

    found = machine(evidence(record("999988887777", userIdentity=identity)), ACCOUNTS)

    assert found == Machine("EC2 i-0123456789abcdef0 in 999988887777", "its session name")


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"userIdentity": None},
        {"userIdentity": "x"},
        {"userIdentity": {"arn": 5, "sessionContext": [], "inScopeOf": "x"}},
        {"userIdentity": {"inScopeOf": {"credentialsIssuedTo": "arn:aws:lambda"}}, "sourceIPAddress": 7},
        {"userIdentity": {"inScopeOf": {"credentialsIssuedTo": "arn:aws:ec2:r:1:instance/x"}}},
        {"userIdentity": {"arn": "arn:aws:sts::111122223333:assumed-role/x/"}, "sourceIPAddress": "10.0.0.1"},
    ],
)
def test_a_record_of_any_shape_gets_an_answer_or_none(made: dict[str, Any]) -> None:
    assert machine(evidence(made)) is None
