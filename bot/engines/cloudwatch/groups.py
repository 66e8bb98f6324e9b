"""What settings say of where CloudTrail's events are in CloudWatch Logs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.errors import UserError

SETTING: Final = "TLS_AUDIT_CLOUDWATCH_LOG_GROUPS"

GROUPS: Final = 50
"""The most log groups of a query (API reference, StartQuery)."""

_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_ARN = re.compile(r"arn:aws[a-z-]*:logs:([a-z0-9-]+):(\d{12}):log-group:([.\-_/#A-Za-z0-9]{1,512})(?::\*)?")
_SOURCE = re.compile(r"@[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class Groups:
    """Log groups that are asked together, or a data source of the unified data store: `aws_cloudtrail`."""

    identifiers: tuple[str, ...] = ()
    """Names, or ARNs where they are another account's."""
    data_source: str = ""
    region: str = ""
    """Empty: AWS's own default."""
    role: str = ""
    """The role to take on before they are asked."""

    def __bool__(self) -> bool:
        return bool(self.identifiers or self.data_source)

    @property
    def source(self) -> str:
        """The commands that a query begins with, where no call names its log groups."""
        if not self.data_source:
            return ""
        return f'SOURCE logGroups()\n| filterIndex @data_source_name in ["{self.data_source}"]'

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the groups, without account and Region."""
        return tuple(name_of(each) for each in self.identifiers)


def name_of(identifier: str) -> str:
    """The name of a log group, of its name or ARN."""
    found = _ARN.fullmatch(identifier)
    return identifier if found is None else found[3]


def read(text: str, role: str = "") -> Groups:
    """Names or ARNs with commas between, or `@aws_cloudtrail`. UserError."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) == 1 and _SOURCE.fullmatch(parts[0]):
        return Groups(data_source=parts[0].removeprefix("@"), role=role)
    regions = set()
    for part in parts:
        arn = _ARN.fullmatch(part)
        if arn is None and not _NAME.fullmatch(part):
            raise UserError(
                f"{SETTING}: `{part}` is no log group.",
                "Write names or ARNs with commas between, or `@aws_cloudtrail` for the unified data store.",
            )
        if arn is not None:
            regions.add(arn[1])
    if len(parts) > GROUPS:
        raise UserError(
            f"{SETTING} names {len(parts)} log groups; CloudWatch asks {GROUPS} at once.",
            "Centralize them in one, or name the data source: `@aws_cloudtrail`.",
        )
    if len(regions) > 1:
        raise UserError(
            f"{SETTING} names log groups of several Regions: {', '.join(sorted(regions))}.",
            "A query asks one Region; a centralization rule brings them together.",
        )
    # as a resource of IAM's an ARN ends in `:*`, as a call's argument it does not
    return Groups(tuple(part.removesuffix(":*") for part in parts), region=next(iter(regions), ""), role=role)
