"""A trail's bucket, as trails are: files that come late, twice and thin."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from bot.engines.athena import ddl
from tests.doubles import athena as double

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.engines.athena import tables
    from tests.oracle import Record

ACCOUNTS = ("111122223333", "444455556666")
REGIONS = ("us-east-1", "eu-central-1", "us-west-2")
ATHENA_TABLE = f"{double.DATABASE}.{double.TABLE}"


def trail_files(records: Iterable[Record]) -> list[double.File]:
    """The files of a trail that holds `records` as trails do: some late, some twice, some copies thin."""
    held = list(records)
    files = double.deliver(record for n, record in enumerate(held) if n % 11)
    for name, copies in (
        ("late", [record for n, record in enumerate(held) if n % 11 == 0]),
        ("twice", held[::7]),
        ("thin", [{**record, "tlsDetails": None, "userAgent": None} for record in held[::5]]),
    ):
        for file in double.deliver(copies):
            *_, account, _, region, year, month, day, _ = file.key.split("/")
            after = date(int(year), int(month), int(day)) + timedelta(days=name != "twice")
            files.append(double.file_of(account, region, f"{after:%Y/%m/%d}", file.records, name=name))
    return files


def over_trail(named: tables.Table) -> str:
    """The DDL that the bot itself prints for the trail of `trail_files`."""
    where = f"s3://{double.BUCKET}/AWSLogs/o-tls/"
    return ddl.create(named, where, accounts=ACCOUNTS, regions=REGIONS, since="2026/01/01")
