"""CloudTrail log files, and the odd events that real trails hold."""

from __future__ import annotations

import gzip
import json
from datetime import date
from typing import TYPE_CHECKING, Any

from bot.demo import samples

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.oracle import Record

FIRST_DAY = date(2026, 11, 9)
"""The first of the two weeks of sample events the tests ask about."""


def odd_records() -> list[Record]:
    """Events as services and strangers write them: fields missing, null or chosen to do harm."""
    plain = next(record for record in samples.day(FIRST_DAY) if record["eventSource"] == "s3.amazonaws.com")
    old = {"tlsVersion": "TLSv1.1", "cipherSuite": "AES128-SHA"}
    changes: list[dict[str, Any]] = [
        {"userAgent": None},
        {"userAgent": "", "tlsDetails": {"tlsVersion": "TLSv1", "cipherSuite": "RC4-MD5"}},
        {"userAgent": "100%_sure\\back 'quote' \"double\" /* */ -- :start", "tlsDetails": old},
        {"userAgent": "=cmd|' /C calc'!A0", "tlsDetails": old},
        {"userAgent": "line\nbreak \u202etxt.exe \x00nul", "tlsDetails": old},
        {"userAgent": "agent " + "x" * 1000, "tlsDetails": old},
        {"userIdentity": {"type": "IdentityCenterUser", "userName": "carol@example.com"}, "tlsDetails": old},
        {
            "userIdentity": {"type": "AWSAccount", "principalId": "AIDAODD", "accountId": "999"},
            "tlsDetails": old,
        },
        {"userIdentity": {"type": "AWSService", "invokedBy": "config.amazonaws.com"}},
        {"tlsDetails": {"tlsVersion": "TLSv1.2", "cipherSuite": "ECDHE-RSA-DES-CBC3-SHA"}},
        {"tlsDetails": {"tlsVersion": "TLSv1.2"}},
        {"tlsDetails": {"cipherSuite": "AES256-SHA256", "keyExchange": "secp256r1"}},
        {"tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_CHACHA20_POLY1305_SHA256"}},
        {"tlsDetails": None},
        {"requestParameters": "no object", "tlsDetails": old},
    ]
    return [
        plain | change | {"eventID": f"odd-{n}", "eventTime": f"2026-11-{10 + n % 12:02}T{n:02}:30:00Z"}
        for n, change in enumerate(changes)
    ]


def write_logs(folder: Path, records: Iterable[Record]) -> Path:
    """One log file with `records`, as CloudTrail writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "111122223333_CloudTrail_us-east-1_20261123T0800Z_test.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"Records": list(records)}).encode()))
    return path


def quietly(*_: object) -> None:
    """A progress that tells nobody."""
