"""What decides a client's TLS, what is to blame for a call below a policy, and the smallest step that helps.

Facts and rules are data, `fixes.toml`, each fact with its page and the day it was read. Blame goes by
evidence: an endpoint that a source says offers no more is named before any client, a client only by a
version that its agent tells, and where neither is certain the other possibility is named too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from bot.clients.agent import version_key
from bot.clients.data import Source, table
from bot.wording import counted, month_day

if TYPE_CHECKING:
    from datetime import date

    from bot.clients.agent import Client
    from bot.clients.endpoint import Endpoint, Policy
    from bot.clients.support import Support

Cause = Literal["client", "endpoint", "network"]

_STEPS: Final[dict[Policy, str]] = {
    "min=1.2": "tls12",
    "min=1.3": "tls13",
    "kx=classical": "mlkem",
    "kx=below-cnsa": "mlkem",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a source says of clients and TLS; `unverified` where no source says all of it."""

    number: int
    client: str
    says: str
    source: Source
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do about calls of a client below a policy.

    `cause` is what is to blame, None where nothing says; unless it is `sure`, `otherwise` is the other
    possibility. `step` is the smallest upgrade that helps, `command` shows on the host what decides.
    """

    cause: Cause | None
    sure: bool
    why: str
    otherwise: Cause | None = None
    decides: str | None = None
    step: str | None = None
    command: str | None = None
    page: str | None = None
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """What decides a client's TLS, whatever its calls; the steps, the command that shows it, AWS's page."""

    words: str
    steps: str
    command: str
    page: str
    certainty: str


@cache
def facts() -> tuple[Fact, ...]:
    """Every fact, by number."""
    return tuple(
        Fact(
            row["number"],
            row["client"],
            row["says"],
            Source(row["page"], row["read"]),
            unverified=row.get("unverified", False),
        )
        for row in table("fixes")["fact"]
    )


def fix(client: Client, policy: Policy, endpoint: Endpoint) -> Fix:
    """What to blame for a call of `client` to `endpoint` that fell below `policy`, and what helps.

    The call is taken to be below the policy; whether it is, its handshake says.
    """
    limit = endpoint.limit(policy)
    if limit is not None:
        other: Cause | None = None if limit.sure else "client"
        return Fix("endpoint", sure=limit.sure, why=limit.why, otherwise=other, facts=_facts(limit.facts))
    if policy == "kx=below-cnsa":
        return Fix(None, sure=False, why="No source says which clients and endpoints have ML-KEM-1024")
    rule = _rule(client)
    if rule is None:
        return Fix(None, sure=False, why="Its agent does not say what decides its TLS")
    step = rule[_STEPS[policy]]
    can = _can(client, rule, step)
    told = {
        "decides": rule["decides"],
        "step": step["step"],
        "command": rule["command"],
        "page": rule["page"],
        "facts": _facts(step["facts"]),
    }
    if can is False and not endpoint.may_limit(policy):
        return Fix("client", sure=True, why=rule["words"], **told)
    if can is False:
        return Fix("client", sure=False, otherwise="endpoint", why=rule["words"], **told)
    if can is None:
        other = "endpoint" if endpoint.may_limit(policy) else "network"
        return Fix("client", sure=False, otherwise=other, why=rule["words"], **told)
    if endpoint.offers(policy):
        why = (
            "The client and the endpoint can do more: a proxy or firewall between them, or it is switched off"
        )
        network = {**told, "step": "look for a proxy that ends or filters TLS", "facts": _facts((59,))}
        return Fix("network", sure=False, otherwise="client", why=why, **network)
    why = "The client can do more; whether the endpoint can, no source says"
    return Fix(None, sure=False, why=why, otherwise=None, facts=_facts(step["facts"]))


def contradiction(client: Client, tls_version: str | None, key_exchange: str | None) -> str | None:
    """Why the handshake cannot be that of what the agent names; None where it can.

    Then the agent was chosen freely, or something between ends TLS. `tls_version` is in CloudTrail's
    spelling, `key_exchange` as recorded. Such a client's new agent is no fix.
    """
    rule = _rule(client)
    if rule is None:
        return None
    seen = {tls_version or ""}
    if "MLKEM" in (key_exchange or "").upper():
        seen.add("ML-KEM")
    if tls_version in {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"}:
        seen.add("old")
    for row in table("fixes")["contradiction"]:
        version = version_key(client.language_version if row["of"] == "language" else client.sdk_version)
        before = version_key(row["before"])
        first = version_key(row.get("from", "0"))
        if (
            rule["name"] in row["rules"]
            and row["handshake"] in seen
            and version is not None
            and before is not None
            and first is not None
            and first <= version < before
        ):
            return str(row["words"])
    return None


def advice(client: Client) -> Advice | None:
    """What decides the TLS of `client`; None where nothing says."""
    rule = _rule(client)
    if rule is None:
        return None
    known = client.language_version if rule.get("tells") == "language" else client.sdk_version
    is_told = "tells" in rule and known is not None
    steps = [
        f"For {name}: {rule[step]['step']}."
        for name, step in (("TLS 1.3", "tls13"), ("ML-KEM", "mlkem"))
        if not _can(client, rule, rule[step])
    ]
    return Advice(
        rule["words"],
        " ".join(steps) or "It can do TLS 1.3 and ML-KEM.",
        rule["command"],
        rule["page"],
        "Its agent tells the version that decides"
        if is_told
        else f"Its agent does not tell which {rule['decides']}",
    )


def introduction(client: Client, found: Support, on: date) -> str:
    """The line that introduces a client: what it calls itself, where it runs, whether it is supported."""
    return " · ".join(filter(None, [calls_itself(client), support_words(client, found, on)]))


def calls_itself(client: Client) -> str:
    """What a client calls itself, and where it runs."""
    said = [_KINDS.get(client.kind) or f"Calls itself {client.name}"]
    if client.kind in {"aws", "service"}:
        said[0] += f": {client.agent.strip().strip('[]')}"
    if client.app and client.app != client.sdk and client.kind in {"sdk", "tool", "ai-agent"}:
        said.append(client.app)
    if client.runs_in:
        said.append(f"in {client.runs_in}" if client.runs_in != "console" else "the console")
    return " · ".join(said)


def support_words(client: Client, found: Support, on: date) -> str:
    """Whether a client is supported, and until when; nothing of who is no SDK and no tool."""
    if found.supported is False:
        since = f" since {month_day(found.end_of_support, None)}" if found.end_of_support else ""
        return f"{found.what} is out of support{since}: {found.instead}"
    if found.supported and found.end_of_support:
        days = counted((found.end_of_support - on).days, "day")
        return f"{found.what} is supported until {month_day(found.end_of_support, None)}, {days}"
    if found.supported:
        return "supported"
    is_ours = client.kind in {"sdk", "tool", "ai-agent"}
    return "no source says until when it is supported" if is_ours else ""


_KINDS: Final = {
    "none": "No agent",
    "browser": "A browser",
    "aws": "AWS itself, for a person or a service",
    "service": "An AWS service",
}


def _facts(numbers: tuple[int, ...] | list[int]) -> tuple[Fact, ...]:
    known = {fact.number: fact for fact in facts()}
    return tuple(known[number] for number in numbers)


def pages(numbers: tuple[int, ...]) -> tuple[str, ...]:
    """The pages of facts."""
    return tuple(fact.source.page for fact in _facts(numbers))


def _rule(client: Client) -> dict[str, Any] | None:
    """The first rule that is about `client`."""
    sdk = (client.sdk or "").lower()
    if not sdk or client.kind not in {"sdk", "tool", "ai-agent"}:
        return None
    version = version_key(client.sdk_version)
    for row in table("fixes")["rule"]:
        if (
            any(sdk == name or (name[-1] == "*" and sdk.startswith(name[:-1])) for name in row["sdk"])
            and ("major" not in row or (version is not None and version[0] == row["major"]))
            and ("app" not in row or client.app in row["app"])
            and ("http" not in row or client.http_client in row["http"])
            and ("installer" not in row or client.installer in row["installer"])
            and ("os" not in row or (client.os or "").lower().startswith(tuple(row["os"])))
        ):
            return dict(row)
    return None


def _can(client: Client, rule: dict[str, Any], step: dict[str, Any]) -> bool | None:
    """Whether the client can do what the step leads to, by the version its agent tells; None if untold."""
    if step.get("never"):
        return False
    tells = rule.get("tells")
    version = version_key(client.language_version if tells == "language" else client.sdk_version)
    if tells is None or version is None or (tells == "language" and client.language != rule["decides"]):
        return None
    if floor := version_key(step.get("floor")):
        return version >= floor or None
    if "since" not in step:
        # ML-KEM is negotiated in TLS 1.3 only: who has it has all before it
        return (step is not rule["mlkem"] and _can(client, rule, rule["mlkem"])) or None
    untils = [version_key(until) for until in step.get("until", [])]
    for place, since in enumerate(map(version_key, step["since"])):
        until = untils[place] if place < len(untils) else None
        if since is not None and since <= version and (until is None or version < until):
            return True
    return False
