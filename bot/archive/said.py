"""What an event says of its TLS: what a file keeps of that beside what was logged, and the SQL to find it;
and the order in which that puts events.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from bot.event_schema import (
    CLASSICAL,
    NO_HOST,
    POST_QUANTUM,
    SUITE,
    SUITE_OR_NOTHING,
    TEXT,
    VERSIONS,
    WHITESPACE,
    Type,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

SAID: Final[dict[str, Type]] = {
    "saidVersion": TEXT,
    "unreadVersion": TEXT,
    "unreadSuite": TEXT,
    "unreadExchange": TEXT,
    "unsaid": "UTINYINT",
}
"""`saidVersion` is in CloudTrail's spelling, "" for a text that is none, which is in `unreadVersion`; so the
next two are a text in place of a cipher suite, and of a key exchange.
`unsaid` is the sum of `UNSAID` of what the event does not say."""

EVENT_ORDER: Final = "saidVersion NULLS LAST, eventSource, userIdentity.arn, eventTime"
"""Of the events of a batch: of what is alike, less is stored, and less read."""

UNSAID: Final = {"suite": 1, "exchange": 2, "host": 4, "version": 8}
"""Each a bit of its own."""


AFTER_ASCII: Final = "\xff"  # what takes a byte a character sorts fastest
_VERSIONS: Final = {text: name for name, texts in VERSIONS.items() for text in texts}


def place(version: str | None, source: str, arn: str | None, moment: str) -> str:
    """What to sort an event by outside of SQL, so that events come in `EVENT_ORDER`."""
    if version is None:
        version = AFTER_ASCII
    elif version not in VERSIONS:
        version = _VERSIONS.get(version.strip(WHITESPACE).lower(), "")
    return f"{version}\0{source}\0{AFTER_ASCII if arn is None else arn}\0{moment}"


def _text(field: str) -> str:
    return f"lower(trim(tlsDetails.{field}, {quoted(WHITESPACE)}))"


def _among(field: str, texts: Iterable[str]) -> str:
    return f"{_text(field)} IN ({', '.join(map(quoted, texts))})"


def _is_suite(pattern: str) -> str:
    return f"regexp_matches(upper({_text('cipherSuite')}), {quoted(pattern)})"


def _said() -> dict[str, str]:
    """The SQL of each column of `SAID`. What nearly every event says comes first: that costs no trimming."""
    version = "tlsDetails.tlsVersion"
    versions = " ".join(
        f"WHEN {_among('tlsVersion', texts)} THEN {quoted(name)}" for name, texts in VERSIONS.items()
    )
    known = [text for texts in VERSIONS.values() for text in texts]
    groups = {**CLASSICAL, **POST_QUANTUM}
    names = [text for texts in groups.values() for text in texts]
    usual = {
        "version": f"{version} IN ({', '.join(map(quoted, VERSIONS))})",
        "suite": " OR ".join(
            f"starts_with(tlsDetails.cipherSuite, {quoted(begin)})"
            for begin in ("TLS_AES_", "ECDHE-RSA-AES1", "ECDHE-RSA-AES2", "ECDHE-ECDSA-AES1")
        ),
        "exchange": f"tlsDetails.keyExchange IN ({', '.join(map(quoted, groups))})",
    }
    missing = {
        "version": (usual["version"], f"NOT {_among('tlsVersion', known)}"),
        "suite": (usual["suite"], f"NOT {_is_suite(SUITE)}"),
        "exchange": (usual["exchange"], f"NOT {_among('keyExchange', names)}"),
        "host": (
            "ends_with(tlsDetails.clientProvidedHostHeader, '.amazonaws.com')",
            _among("clientProvidedHostHeader", NO_HOST),
        ),
    }
    unsaid = " + ".join(
        f"(CASE WHEN {says} THEN 0 WHEN coalesce({lacks}, true) THEN {UNSAID[name]} ELSE 0 END)"
        for name, (says, lacks) in missing.items()
    )
    return {
        "saidVersion": f"CASE WHEN {usual['version']} THEN {version} {versions}"
        f" WHEN {version} IS NOT NULL THEN '' END",
        "unreadVersion": f"CASE WHEN {usual['version']} THEN NULL"
        f" WHEN NOT {_among('tlsVersion', ['', *known])} THEN {version} END",
        "unreadSuite": f"CASE WHEN {usual['suite']} THEN NULL"
        f" WHEN NOT {_is_suite(SUITE_OR_NOTHING)} THEN tlsDetails.cipherSuite END",
        "unreadExchange": f"CASE WHEN {usual['exchange']} THEN NULL"
        f" WHEN NOT {_among('keyExchange', ['', *names])} THEN tlsDetails.keyExchange END",
        "unsaid": f"({unsaid})::UTINYINT",
    }


def quoted(text: object) -> str:
    """A text, as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"


SQL: Final = ", ".join(f'{sql} AS "{name}"' for name, sql in _said().items())
"""The columns of `SAID`, from the columns of an event."""

TABLES: Final = hashlib.sha256(SQL.encode()).hexdigest()[:8]
"""Names the tables by which `SAID` is found: a file that was written by others is read by these."""
SUFFIX: Final = f"-{TABLES}.parquet"
