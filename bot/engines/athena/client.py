"""Calls to Athena, and what its own errors mean for a person: which permission or setting to mend."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bot.engines.athena.tables import SETTING
from bot.engines.aws import Calls, Refused, Service
from bot.errors import EngineBusy, EngineError

if TYPE_CHECKING:
    from bot.engines.aws import Place

STARTS_PER_SECOND: Final = 20.0
"""StartQueryExecution and StopQueryExecution, per account and Region (Athena service quotas)."""

READS_PER_SECOND: Final = 20.0
"""All other calls; the least of their quotas (as above)."""

_STARTING: Final = frozenset({"StartQueryExecution", "StopQueryExecution"})

SERVICE: Final = Service(
    "athena",
    "Athena",
    "tls-audit athena policy",
    "Set AWS_DEFAULT_REGION.",
    {_STARTING: STARTS_PER_SECOND, frozenset[str](): READS_PER_SECOND},
)

NARROWER: Final = "Ask for a shorter window, or name an account, a Region or a service."
POLICY: Final = "`tls-audit athena policy` prints what the bot's role needs."

FAILURES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        r"bytes scanned limit",
        "The workgroup's limit of bytes a query may read stopped it.",
        f"{NARROWER} The limit is the workgroup's data usage control.",
    ),
    (r"exhausted resources|EXCEEDED_.*MEMORY", "Athena had too little room for it.", NARROWER),
    (r"timeout|EXCEEDED_TIME_LIMIT|time limit", "Athena stopped it after its time limit.", NARROWER),
    (
        r"kms|AWSKMS",
        "The key of the log files or of the answers refused.",
        f"The role needs kms:Decrypt and kms:GenerateDataKey, in the key's policy too. {POLICY}",
    ),
    (
        r"lake ?formation|insufficient lake",
        "Lake Formation lets the bot's role not read the table.",
        "Grant it SELECT and DESCRIBE on the table there.",
    ),
    (
        r"access denied.*s3|s3.*access denied|permission denied on s3|status code: 403",
        "Athena may not read the log files, or not write the answer, for this role.",
        f"It needs s3:GetObject and s3:ListBucket on the trail's bucket. {POLICY}",
    ),
    (
        r"TABLE_NOT_FOUND|SCHEMA_NOT_FOUND|does not exist|EntityNotFound",
        "There is no such table.",
        f"{SETTING} names it as `database.table`; `tls-audit athena table s3://…` makes one.",
    ),
    (
        r"HIVE_PARTITION_SCHEMA_MISMATCH|partition schemas",
        "A partition was added before the table got its present columns, and still has the old ones.",
        "Drop that partition and add it again; a table with projection, as `tls-audit athena table` makes, "
        "has none to add.",
    ),
    (
        r"CONSTRAINT_VIOLATION.*injected",
        "The table has no list of its partitions: a question has to name an account or a Region.",
        "Add `account=…` or `region=…`.",
    ),
    (
        r"COLUMN_NOT_FOUND|cannot be resolved",
        "The table's columns changed since this question was taken.",
        "Rerun asks by what it has now.",
    ),
    (
        r"HIVE_BAD_DATA|HIVE_CURSOR_ERROR|is not a valid JSON",
        "A file of the table cannot be read.",
        "Athena's words in the bot's log name it: is the table's location a trail's, and its SerDe right?",
    ),
)
"""Why queries fail, in Athena's words (its user guide, troubleshooting), and what to do."""


class Athena(Calls):
    """Athena's calls, within its limits, for any table. Safe from any thread."""

    service = SERVICE

    def explain(self, place: Place, action: str, code: str, words: str) -> EngineError | None:
        """Athena's own errors: what it says, and what to mend."""
        del place, action
        if code == "TooManyRequestsException":
            if "concurrent" in words.lower() or not words:
                return EngineBusy("Athena runs as many queries as it may.")
            return EngineBusy("Athena takes no more calls for now.")
        if code == "MetadataException":
            found = failure(words)
            return Refused(code, found.message, found.hint, detail=found.detail)
        if code == "InvalidRequestException":
            return _invalid(code, words)
        return None


def failure(words: str) -> EngineError:
    """Why a query failed, by Athena's own words."""
    why, hint = next(
        ((why, hint) for pattern, why, hint in FAILURES if re.search(pattern, words, re.IGNORECASE)),
        ("Athena could not answer.", NARROWER),
    )
    return EngineError(why, hint, detail=words)


def _invalid(code: str, words: str) -> EngineError | None:
    if re.search(r"workgroup .*(not found|does not exist)", words, re.IGNORECASE):
        return Refused(
            code, "There is no such workgroup.", "TLS_AUDIT_ATHENA_WORKGROUP names it.", detail=words
        )
    if re.search(r"workgroup .*disabled", words, re.IGNORECASE):
        return Refused(
            code,
            "Athena's workgroup is disabled.",
            "Enable it, or set TLS_AUDIT_ATHENA_WORKGROUP to another.",
            detail=words,
        )
    if "output location" in words.lower():
        return Refused(
            code,
            "Athena has nowhere to write the answer: the workgroup names no place.",
            "Set TLS_AUDIT_ATHENA_OUTPUT=s3://bucket/prefix.",
        )
    if "idempotent" in words.lower():
        return Refused(
            code,
            "Athena was asked this already, in other words: the table changed meanwhile.",
            "Rerun asks anew.",
        )
    return None
