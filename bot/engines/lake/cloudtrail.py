"""Calls to AWS CloudTrail, and what its own errors mean for a person."""

from __future__ import annotations

from typing import Final

from bot.engines.aws import LOST, Calls, Refused, Service, is_transient
from bot.engines.lake.stores import SETTING, Store
from bot.errors import EngineBusy, EngineError

__all__ = ["LOST", "UNKNOWN_QUERY", "CloudTrail", "Refused", "is_transient"]

STARTS_PER_SECOND: Final = 3.0
"""StartQuery and CancelQuery, per account and Region (CloudTrail user guide, quotas)."""

READS_PER_SECOND: Final = 10.0
"""The Get, Describe and List calls (as above)."""

UNKNOWN_QUERY: Final = "QueryIdNotFoundException"
"""AWS's code where it has no such query, or not any more: it keeps results for seven days (user guide)."""

_STARTING: Final = frozenset({"StartQuery", "CancelQuery"})
_NO_STORE: Final = frozenset({"EventDataStoreNotFoundException", "EventDataStoreARNInvalidException"})
_NOT_OURS: Final = frozenset(
    {"NoManagementAccountSLRExistsException", "NotOrganizationMasterAccountException"}
)

SERVICE: Final = Service(
    "cloudtrail",
    "CloudTrail",
    "tls-audit lake policy",
    f"Set AWS_DEFAULT_REGION, or write the ARN in {SETTING}.",
    {_STARTING: STARTS_PER_SECOND, frozenset[str](): READS_PER_SECOND},
)


class CloudTrail(Calls):
    """CloudTrail's calls, within its limits, for any store. Safe from any thread."""

    service = SERVICE

    def explain(self, store: Store, action: str, code: str, words: str) -> EngineError | None:
        """CloudTrail's own errors: what it says, and what to mend."""
        del action
        if code == "MaxConcurrentQueriesException":
            return EngineBusy("Lake runs as many queries as it may.")
        if code in _NO_STORE:
            where = f" in {store.region}" if store.region else ""
            return Refused(
                code,
                "AWS does not know the event data store.",
                f"{SETTING} names it, by its ARN where it is in another Region; `tls-audit lake status` "
                "lists those of this account and Region. Another account's needs TLS_AUDIT_LAKE_OWNER "
                "or _ROLE.",
                detail=f"{store.name}{where}",
            )
        if code == "InactiveEventDataStoreException":
            return Refused(
                code,
                "The event data store is inactive, being deleted or stopped for good.",
                "`tls-audit lake status` says which; `tls-audit lake restore` brings one back within "
                "seven days.",
                detail=store.name,
            )
        if code in _NOT_OURS:
            hint = (
                "Ask from the organization's management or delegated administrator account: "
                "TLS_AUDIT_LAKE_ROLE."
            )
            return Refused(code, "This store belongs to an organization.", hint, detail=words)
        if code == "InsufficientEncryptionPolicyException":
            return Refused(
                code,
                "The store's KMS key refused.",
                "Allow kms:Decrypt in the key's policy.",
                detail=words,
            )
        return None
