"""Endpoints that offer no more than what a call used, and the same question as a condition for SQL.

One table of rows, `[[endpoint]]` in `fixes.toml`, serves both: a row says as LIKE patterns which hosts it is
about, and the reader here tries the same patterns that an engine does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, get_args

from bot.clients.data import table
from bot.clients.likes import like_any

Policy = Literal["min=1.2", "min=1.3", "kx=classical", "kx=below-cnsa"]
"""What a call falls below, in the words of a question."""

POLICIES: Final[tuple[Policy, ...]] = get_args(Policy)

_WITH_ML_KEM: Final = frozenset({"kms", "acm", "secretsmanager", "s3"})
"""Services whose endpoints are known to offer ML-KEM (facts 69 and 70)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Endpoints that offer no more: those whose host, in small letters, is LIKE one of `hosts` and none of
    `unless`, of `services` (of any, where there are none), in full as in `s3.amazonaws.com`.

    `lacks` is what they lack, TLS 1.3 (and with it ML-KEM) or ML-KEM alone; `sure` whether a source says so
    of them.
    """

    why: str
    hosts: tuple[str, ...]
    unless: tuple[str, ...]
    services: tuple[str, ...]
    lacks: Literal["TLS 1.3", "ML-KEM"]
    facts: tuple[int, ...]
    sure: bool

    def __call__(self, host: str, service: str | None) -> bool:
        """Whether it is about a call to `host`; a service that is not known may be any."""
        is_of_service = not self.services or service is None or service in self.services
        return is_of_service and like_any(host, self.hosts) and not like_any(host, self.unless)

    def limits(self, policy: Policy) -> bool:
        """Whether what it lacks is what `policy` asks for."""
        return policy.startswith("kx=") or (policy == "min=1.3" and self.lacks == "TLS 1.3")


@cache
def limits() -> tuple[Limit, ...]:
    """Every limit that is known; those that sources say for certain come first."""
    rows = [
        Limit(
            row["why"],
            tuple(row["hosts"]),
            tuple(row.get("unless", ())),
            tuple(row.get("services", ())),
            row["lacks"],
            tuple(row["facts"]),
            sure=row.get("sure", True),
        )
        for row in table("fixes")["endpoint"]
    ]
    return tuple(sorted(rows, key=lambda row: not row.sure))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a call went: the host that the client asked for, the VPC endpoint on its way, the service."""

    host: str | None = None
    vpc_endpoint: str | None = None
    service: str | None = None

    @property
    def is_s3(self) -> bool:
        if self.service is not None:
            return self.service.removesuffix(".amazonaws.com") == "s3"
        host = re.sub(r"\.amazonaws\.com(\.cn)?(:\d+)?$", "", (self.host or "").lower())
        return any(re.match(r"s3(-|$)", label) for label in host.split("."))

    def limit(self, policy: Policy) -> Limit | None:
        """Why this endpoint offers no more than what is below `policy`; None where nothing says so."""
        host, service = (self.host or "").strip().lower(), self.service
        if service is not None and "." not in service:
            service = f"{service}.amazonaws.com"
        return next((row for row in limits() if row.limits(policy) and row(host, service)), None)

    def may_limit(self, policy: Policy) -> bool:
        """Whether it might: where no host is known, or one that does not say whether a VPC endpoint of S3 is
        PrivateLink or a gateway."""
        return self.is_s3 and policy != "min=1.2" and (self.host is None or bool(self.vpc_endpoint))

    def offers(self, policy: Policy) -> bool | None:
        """Whether a source says that it offers what the policy asks; None where none does."""
        if self.limit(policy) is not None:
            return False
        if policy in {"min=1.2", "min=1.3"}:
            return True
        if policy == "kx=below-cnsa":
            return None
        service = (self.service or "").removesuffix(".amazonaws.com")
        is_known = self.host is not None and not self.may_limit(policy)
        return True if service in _WITH_ML_KEM and is_known else None
