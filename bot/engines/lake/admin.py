"""The life of an event data store: look at it, set it up, take it away, bring it back.

What the set-up and the clean-up of AWS's blog do by hand in the console, within the same permissions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from bot.engines.lake.cloudtrail import Refused
from bot.engines.lake.stores import SETTING, Store
from bot.errors import EngineError, UserError
from bot.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from bot.engines.lake.cloudtrail import CloudTrail

Billing = Literal["extendable", "fixed"]

WAITING_DAYS: Final = 7
"""How long a deleted store can be brought back (API reference, DeleteEventDataStore)."""

CLOSED: Final = "31 May 2026"
"""Since then AWS lets no new customer in (user guide, CloudTrail Lake availability change)."""

LONGEST: Final[Mapping[Billing, int]] = {"extendable": 3653, "fixed": 2557}
"""Days of retention (user guide, event data store cost and retention)."""

SHORTEST: Final = 7

_MODES: Final[Mapping[Billing, str]] = {
    "extendable": "EXTENDABLE_RETENTION_PRICING",
    "fixed": "FIXED_RETENTION_PRICING",
}
_STATES: Final = {
    "CREATED": "being created",
    "ENABLED": "takes in events",
    "STARTING_INGESTION": "starts to take in events",
    "STOPPING_INGESTION": "stops taking in events",
    "STOPPED_INGESTION": "takes in no new events; can be asked",
    "PENDING_DELETION": f"being deleted; can be restored within {WAITING_DAYS} days of that",
}
_CLOSED_CODES: Final = frozenset({"OperationNotPermittedException", "UnsupportedOperationException"})

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "ask": (
        "StartQuery",
        "DescribeQuery",
        "GetQueryResults",
        "CancelQuery",
        "ListQueries",
        "GetEventDataStore",
    ),
    "status": ("ListEventDataStores", "GetEventDataStore"),
    "create": ("CreateEventDataStore", "AddTags", "GetEventDataStore"),
    "delete": (
        "ListEventDataStores",
        "GetEventDataStore",
        "UpdateEventDataStore",
        "DeleteEventDataStore",
    ),
    "restore": (
        "ListEventDataStores",
        "GetEventDataStore",
        "RestoreEventDataStore",
        "UpdateEventDataStore",
    ),
}
"""What each command calls, and so which IAM actions it needs."""

_ON_NO_STORE: Final = frozenset({"ListEventDataStores", "CreateEventDataStore"})
"""Actions that are not about one store, so that a policy allows them on `*`."""

_ON_ANY_STORE: Final = frozenset({"GetEventDataStore", "AddTags"})
"""Actions on stores that no setting names: the commands look at every store, and make new ones."""

_STORES: Final = "arn:aws:cloudtrail:*:*:eventdatastore"


@dataclass(frozen=True, slots=True)
class About:
    """A store, as AWS tells of it."""

    name: str
    arn: str
    status: str
    events: str
    days: int
    is_protected: bool
    created: datetime
    is_everywhere: bool
    is_organizations: bool
    billing: str

    @property
    def state(self) -> str:
        """Its status in words."""
        return _STATES.get(self.status, self.status)

    def lines(self, now: datetime) -> list[str]:
        """What there is to know of it."""
        since = max(self.created, now - timedelta(days=self.days))
        regions = "all Regions" if self.is_everywhere else "its own Region"
        whose = "the organization" if self.is_organizations else "its account"
        return [
            self.name,
            f"    {self.arn}",
            f"    {self.state}",
            f"    {self.events}, of {regions} and {whose}",
            f"    events since {since:%Y-%m-%d}, kept for {number(self.days)} days ({self.billing} billing)",
            f"    termination protection {'on' if self.is_protected else 'off'}",
        ]


def _read(answer: Mapping[str, Any]) -> About:
    fields = [
        field for each in answer.get("AdvancedEventSelectors", []) for field in each.get("FieldSelectors", [])
    ]
    kinds = [value for field in fields if field["Field"] == "eventCategory" for value in field["Equals"]]
    others = sorted({field["Field"] for field in fields} - {"eventCategory"})
    events = f"{', '.join(dict.fromkeys(kinds)).lower() or 'all'} events"
    return About(
        name=answer["Name"],
        arn=answer["EventDataStoreArn"],
        status=answer["Status"],
        events=events + (f" narrowed by {', '.join(others)}" if others else ""),
        days=answer["RetentionPeriod"],
        is_protected=answer["TerminationProtectionEnabled"],
        created=answer["CreatedTimestamp"],
        is_everywhere=answer["MultiRegionEnabled"],
        is_organizations=answer["OrganizationEnabled"],
        billing="fixed" if answer.get("BillingMode") == _MODES["fixed"] else "extendable",
    )


class Admin:
    """The stores of one account and Region, and those that the settings name."""

    def __init__(self, aws: CloudTrail, stores: Mapping[str, Store]) -> None:
        self._aws = aws
        self._stores = stores
        # whoever works for one account only reaches it as the bot reaches its default store
        first = next(iter(stores.values()), Store("", ""))
        self._here = Store("", "", region=first.region, role=first.role)

    def all(self) -> list[About]:
        """Every store that can be seen, those of the settings first."""
        seen = {about.arn: about for about in map(self._about, self._stores.values())}
        for arn in self._listed():
            if arn not in seen:
                seen[arn] = self._about(self._at(arn))
        return list(seen.values())

    def find(self, name: str) -> About:
        """The one store that is called so: by alias, name, id or ARN. UserError."""
        found = [
            about for about in self.all() if name in {about.name, about.arn, about.arn.rpartition("/")[2]}
        ]
        if name in self._stores:
            found = [self._about(self._stores[name])]
        if len(found) != 1:
            raise UserError(
                f"{'No' if not found else 'More than one'} event data store is called {name}.",
                "`tls-audit lake status` lists them; say its ARN.",
            )
        return found[0]

    def create(
        self,
        name: str,
        *,
        days: int,
        billing: Billing,
        is_everywhere: bool,
        is_organizations: bool,
        key: str,
    ) -> About:
        """A new store for management events, protected from deletion."""
        if not SHORTEST <= days <= LONGEST[billing]:
            raise UserError(
                f"{days} days cannot be kept.", f"From {SHORTEST} to {LONGEST[billing]:,} with that billing."
            )
        selectors = [
            {
                "Name": "Management events",
                "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
            }
        ]
        try:
            created = self._aws.call(
                self._here,
                "CreateEventDataStore",
                Name=name,
                AdvancedEventSelectors=selectors,
                MultiRegionEnabled=is_everywhere,
                OrganizationEnabled=is_organizations,
                RetentionPeriod=days,
                TerminationProtectionEnabled=True,
                BillingMode=_MODES[billing],
                **({"KmsKeyId": key} if key else {}),
            )
        except Refused as error:
            if error.code not in _CLOSED_CODES:
                raise
            raise EngineError(
                f"AWS creates no event data store here: since {CLOSED} it lets no new customers in.",
                "The same questions run on a trail's log files: set TLS_AUDIT_LOGS to its bucket "
                "(`s3://bucket/AWSLogs/…`). On AWS's side, Athena reads that bucket too.",
                detail=error.in_full,
            ) from error
        return _read(created)

    def delete(self, about: About) -> None:
        """Turn the protection off and delete; where that fails, the protection is on again."""
        store = self._at(about.arn)
        if about.is_protected:
            self._protect(store, on=False)
        try:
            self._aws.call(store, "DeleteEventDataStore", EventDataStore=about.arn)
        except EngineError:
            if about.is_protected:
                self._protect(store, on=True)
            raise

    def restore(self, about: About) -> About:
        """Bring back a store that is being deleted, with the protection that `delete` turned off."""
        store = self._at(about.arn)
        self._aws.call(store, "RestoreEventDataStore", EventDataStore=about.arn)
        try:
            return self._protect(store, on=True)
        except EngineError as error:
            raise EngineError(
                f"{about.name} is back, but can be deleted without a word.",
                f"Turn its termination protection on again in AWS's console. {error.hint}".strip(),
                detail=error.in_full,
            ) from error

    def _protect(self, store: Store, *, on: bool) -> About:
        return _read(
            self._aws.call(
                store, "UpdateEventDataStore", EventDataStore=store.arn, TerminationProtectionEnabled=on
            )
        )

    def _about(self, store: Store) -> About:
        return _read(self._aws.read(store, "GetEventDataStore", EventDataStore=store.name))

    def _at(self, arn: str) -> Store:
        """The store as the settings have it, else as one of this account."""
        named = next((store for store in self._stores.values() if arn.endswith(f"/{store.id}")), None)
        if named is not None:
            return replace(named, arn=arn)
        return Store("", arn.rpartition("/")[2], arn, arn.split(":")[3], role=self._here.role)

    def _listed(self) -> Iterator[str]:
        more: dict[str, str] = {}
        while True:
            page = self._aws.read(self._here, "ListEventDataStores", **more)
            yield from (each["EventDataStoreArn"] for each in page["EventDataStores"])
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}


def policy(command: str, stores: Mapping[str, Store], deliver_to: str = "") -> dict[str, Any]:
    """The least IAM policy for `tls-audit lake` commands, or for asking. What a role that is taken on does
    at AWS, the caller need not be allowed."""
    every = [f"{_STORES}/*"]
    own = [store.arn or f"{_STORES}/{store.id}" for store in stores.values() if not store.role]
    # the commands reach this account as the first store
    here = next(iter(stores.values()), Store("", "")).role
    wide = _ON_ANY_STORE if stores and command != "ask" and not here else frozenset()
    actions = ACTIONS[command]
    allowed: tuple[tuple[list[str] | str, list[str]], ...] = (
        (own if stores else every, [each for each in actions if each not in _ON_NO_STORE | wide]),
        (every, [each for each in actions if each in wide]),
        ("*", [each for each in actions if each in _ON_NO_STORE and not here]),
    )
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": [f"cloudtrail:{each}" for each in named], "Resource": on}
        for on, named in allowed
        if on and named
    ]
    if command == "ask" and deliver_to and (own or not stores):
        bucket, _, prefix = deliver_to.removeprefix("s3://").partition("/")
        files = f"{prefix.strip('/')}/AWSLogs/*".lstrip("/")
        where = f"arn:aws:s3:::{bucket}"
        statements += [
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": where},
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{where}/{files}"},
        ]
    if roles := sorted({store.role for store in stores.values() if store.role}):
        statements.append({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles})
    return {"Version": "2012-10-17", "Statement": statements}


def next_step(about: About) -> str:
    """What to do with a store that was just created."""
    return f"export {SETTING}={about.arn}"
