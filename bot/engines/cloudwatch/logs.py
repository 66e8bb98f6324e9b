"""Calls to CloudWatch Logs, and what its own errors mean for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.engines.aws import Calls, Refused, Service
from bot.engines.cloudwatch.groups import SETTING
from bot.errors import EngineBusy, EngineError

if TYPE_CHECKING:
    from bot.engines.cloudwatch.groups import Groups

CALLS_PER_SECOND: Final = 5.0
"""Calls of each kind, per account and Region: as few as AWS allows of any (CloudWatch Logs quotas)."""

UNKNOWN: Final = "ResourceNotFoundException"
"""AWS's code where it has no such query, or not any more, and where it has no such log group."""

_QUERIES: Final = ("StartQuery", "GetQueryResults", "StopQuery", "DescribeQueries")

SERVICE: Final = Service(
    "logs",
    "CloudWatch",
    "tls-audit cloudwatch policy",
    f"Set AWS_DEFAULT_REGION, or write ARNs in {SETTING}.",
    {frozenset(each): CALLS_PER_SECOND for each in [*((name,) for name in _QUERIES), ()]},
)


class Logs(Calls):
    """CloudWatch Logs' calls, within its limits, for any log groups. Safe from any thread."""

    service = SERVICE

    def explain(self, groups: Groups, action: str, code: str, words: str) -> EngineError | None:
        """CloudWatch Logs' own errors: what it says, and what to mend."""
        if code == "LimitExceededException":
            return EngineBusy(
                "CloudWatch runs as many queries as it may, dashboards' and scheduled ones' too."
            )
        if code == UNKNOWN and action == "logs:StartQuery":
            where = f" in {groups.region}" if groups.region else ""
            return Refused(
                code,
                f"AWS knows no such log group{where}.",
                f"{SETTING} names them, by ARN where they are another account's; `tls-audit doctor` looks "
                "at each.",
                detail=words,
            )
        if code == "MalformedQueryException":
            return Refused(
                code,
                "CloudWatch does not understand the query.",
                "That is our mistake: `tls-audit ask --sql` prints it, for a report.",
                detail=words,
            )
        return None
