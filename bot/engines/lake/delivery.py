"""What CloudTrail Lake delivers to S3: an answer as gzipped CSV, for when it has more than a few pages."""

from __future__ import annotations

import csv
import gzip
import io
import re
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import datetime

READ_BYTES: Final = 1 << 20
BATCH_ROWS: Final = 1_000

_FILE = re.compile(r"result_(\d+)\.csv\.gz$")


class Undelivered(EngineError):
    """The delivered answer is not there, or cannot be read; the pages have it too."""


def rows(s3: Any, uri: str, query: str, created: datetime) -> Generator[list[list[str]]]:
    """The CSV of `query`, created at that moment and delivered to `uri`: its header, then handfuls of rows.

    `…/AWSLogs/<account>/CloudTrail-Lake/Query/<yyyy>/<mm>/<dd>/<query>/result_<n>.csv.gz` (user guide).
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    with _plain_errors(uri):
        keys = _files(s3, bucket, f"{prefix}AWSLogs/", query, created)
        if not keys:
            raise Undelivered("S3 does not have the delivered answer.", detail=uri)
        header: list[str] | None = None
        for key in keys:
            for batch in _read(s3, bucket, key):
                if header is None:
                    header = batch[0]
                    yield [header]
                # each file may have the header
                kept = batch[1:] if batch[0] == header else batch
                yield kept


def _files(s3: Any, bucket: str, logs: str, query: str, created: datetime) -> list[str]:
    """The result's files in order. Which account's folder they are in depends on whose store it is."""
    accounts = s3.list_objects_v2(Bucket=bucket, Prefix=logs, Delimiter="/").get("CommonPrefixes", [])
    for account in accounts:
        for day in (created, created + timedelta(days=1)):  # it may end after midnight
            folder = f"{account['Prefix']}CloudTrail-Lake/Query/{day:%Y/%m/%d}/{query}/"
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", [])
            numbers = {item["Key"]: match for item in listed if (match := _FILE.search(item["Key"]))}
            if numbers:
                return sorted(numbers, key=lambda key: int(numbers[key][1]))
    return []


def _read(s3: Any, bucket: str, key: str) -> Iterator[list[list[str]]]:
    with (
        closing(s3.get_object(Bucket=bucket, Key=key)["Body"]) as body,
        gzip.GzipFile(fileobj=io.BufferedReader(_Raw(body), READ_BYTES)) as inflated,
        io.TextIOWrapper(inflated, encoding="utf-8", newline="") as text,
    ):
        batch: list[list[str]] = []
        for row in csv.reader(text):
            batch.append(row)
            if len(batch) == BATCH_ROWS:
                yield batch
                batch = []
        if batch:
            yield batch


class _Raw(io.RawIOBase):
    """S3's stream as a file that `io` can buffer."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _plain_errors(uri: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise Undelivered(
            f"The delivered answer cannot be read ({code}).",
            "The bot's role needs s3:ListBucket and s3:GetObject there.",
            detail=f"{uri}: {error}",
        ) from error
    except (BotoCoreError, OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise Undelivered("The delivered answer cannot be read.", detail=f"{uri}: {error}") from error
