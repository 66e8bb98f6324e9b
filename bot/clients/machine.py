"""Which machine made a call, as far as its event says: an instance, a function, a task, a pipeline.

Grounds are tried from the strongest: what AWS itself wrote into the credentials, then names that AWS gives
to sessions, then what the agent says of its environment, then the address. Where they disagree, or none
is left, there is no answer: a wrong machine costs more than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from bot.clients import agent as agents


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an event says of where it came from, each as recorded; None is what it does not say.

    `issued_to` is `inScopeOf.credentialsIssuedTo`, `provider` the web identity's (its ARN or its host),
    `subject` the token's, `role` and `session` are those of an assumed role, `delivered` is the version of
    the instance metadata service that handed the credentials out.
    """

    account: str | None = None
    issued_to: str | None = None
    provider: str | None = None
    subject: str | None = None
    role: str | None = None
    session: str | None = None
    delivered: str | None = None
    invoked_by: str | None = None
    agent: str | None = None
    address: str | None = None
    vpc_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine's name, and the ground for it: `EC2 i-0c1a2b3c in prod`, `its session name`."""

    name: str
    ground: str


def evidence(record: Mapping[str, Any]) -> Evidence:
    """What a CloudTrail record says; a record of any shape has some."""
    identity = _mapping(record.get("userIdentity"))
    context = _mapping(identity.get("sessionContext"))
    federation = _mapping(context.get("webIdFederationData"))
    role, session = role_session(_text(identity.get("arn")))
    provider = _text(identity.get("identityProvider")) or _text(federation.get("federatedProvider"))
    subject = _subject(_mapping(federation.get("attributes")))
    if identity.get("type") == "WebIdentityUser":
        subject = _text(identity.get("userName"))
    return Evidence(
        account=_text(identity.get("accountId")) or _text(record.get("recipientAccountId")),
        issued_to=_text(_mapping(identity.get("inScopeOf")).get("credentialsIssuedTo")),
        provider=provider,
        subject=subject,
        role=role,
        session=session,
        delivered=_text(context.get("ec2RoleDelivery")),
        invoked_by=_text(identity.get("invokedBy")),
        agent=_text(record.get("userAgent")),
        address=_text(record.get("sourceIPAddress")),
        vpc_endpoint=_text(record.get("vpcEndpointId")),
    )


def role_session(arn: str | None) -> tuple[str | None, str | None]:
    """The role and the session of an assumed role, by its ARN; None for any other."""
    assumed = re.fullmatch(r"arn:aws[\w-]*:sts::\d{12}:assumed-role/([^/]+)/(.+)", arn or "")
    return (assumed[1], assumed[2]) if assumed else (None, None)


def machine(found: Evidence, accounts: Mapping[str, str] | None = None) -> Machine | None:
    """The machine that `found` speaks of, or None. `accounts` names accounts by their ids."""
    if found.invoked_by or (found.address or "").endswith(".amazonaws.com"):
        return None
    account = found.account
    where = f" in {(accounts or {}).get(account, account)}" if account else ""
    place = agents.read(found.agent).runs_in
    for ground in (_issued, _web_identity, _session, _environment):
        named = ground(found, place)
        if named is not None:
            name, reason, has_account = named
            return Machine(f"{name}{where if has_account else ''}", reason)
    return _address(found)


_Named = tuple[str, str, bool]
"""A name, its ground, and whether the account belongs behind it."""

_INSTANCE: Final = re.compile(r"i-(?:[0-9a-f]{17}|[0-9a-f]{8})")
_TASK: Final = re.compile(r"[0-9a-f]{32}")


def _issued(found: Evidence, place: str | None) -> _Named | None:
    """By `credentialsIssuedTo`, which AWS writes."""
    del place
    parts = (found.issued_to or "").split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    service, resource = parts[2], parts[5]
    kind, _, rest = resource.partition("/")
    ground = "what its credentials were issued to"
    if service == "lambda" and resource.startswith("function:"):
        return f"Lambda {resource.split(':')[1]}", ground, True
    if service == "ec2" and kind == "instance":
        return (f"EC2 {rest}", ground, True) if _INSTANCE.fullmatch(rest) else None
    if service == "ecs" and kind == "task" and rest:
        return f"ECS task {rest}", ground, True
    return None


def _web_identity(found: Evidence, place: str | None) -> _Named | None:
    """By an OIDC provider, and its token's subject where the event has it."""
    del place
    provider = (found.provider or "").split("oidc-provider/")[-1].removeprefix("https://")
    subject = found.subject or ""
    ground = "the subject of its token"
    if provider == "token.actions.githubusercontent.com":
        repository = re.match(r"repo:([\w.-]+/[\w.-]+):", subject)
        if repository:
            return f"GitHub {repository[1]}", ground, False
        return "GitHub Actions", "the provider of its token", False
    if provider.startswith("gitlab."):
        project = re.match(r"project_path:([\w./-]+):ref_type:", subject)
        if project:
            return f"GitLab {project[1]}", ground, False
        return "GitLab", "the provider of its token", False
    if cluster := re.fullmatch(r"oidc\.eks\.[\w-]+\.amazonaws\.com(?:\.cn)?/id/(\w+)", provider):
        account = re.fullmatch(r"system:serviceaccount:([\w.-]+):([\w.-]+)", subject)
        if account:
            return f"EKS {account[1]}/{account[2]}", ground, True
        return f"EKS cluster {cluster[1]}", "the provider of its token", True
    return None


def _session(found: Evidence, place: str | None) -> _Named | None:
    """By the name of its session, where AWS chose that: an instance's id, a task's."""
    session = found.session or ""
    if _INSTANCE.fullmatch(session) and place in {None, "EC2", "ECS", "EKS"}:
        ground = "the instance's role" if found.delivered else "its session name"
        return f"EC2 {session}", ground, True
    if _TASK.fullmatch(session) and place == "ECS":
        return f"ECS task {session}", "its session name, and the environment its agent names", True
    return None


def _environment(found: Evidence, place: str | None) -> _Named | None:
    """By the environment that its agent names, which the caller may have chosen."""
    session = found.session or ""
    said = "the environment its agent names"
    if _INSTANCE.fullmatch(session) or _TASK.fullmatch(session):
        return None
    if place == "Lambda":
        # Lambda names the session after the function, and the role too that it makes for it; whoever
        # assumes another role names the session as he likes
        if session and re.fullmatch(rf"{re.escape(session)}-role-[a-z0-9]{{8}}", found.role or ""):
            return f"Lambda {session}", f"{said}, its session and its role", True
        return "a Lambda function", said, True
    if place == "CloudShell":
        return (f"CloudShell of {session}" if session else "CloudShell"), said, True
    if place == "CI":
        return "GitHub Actions", said, False
    return None


def _address(found: Evidence) -> Machine | None:
    """By a private address, which only a VPC endpoint lets CloudTrail see."""
    try:
        address = ip_address(found.address or "")
    except ValueError:
        return None
    if found.vpc_endpoint and address.is_private:
        return Machine(f"{address} behind {found.vpc_endpoint}", "its address and VPC endpoint")
    return None


def _subject(attributes: Mapping[str, Any]) -> str | None:
    return next((_text(value) for key, value in attributes.items() if key.endswith(":sub")), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
