"""Athena's answer as it lies in S3: one CSV, everything in quotes, NULL as nothing at all."""

from __future__ import annotations

import codecs
import re
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from bot.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

READ_BYTES: Final = 1 << 20
BATCH_ROWS: Final = 1_000

_CELL: Final = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\r?\n|$)')


class Unreadable(EngineError):
    """The file with the answer is not there, or cannot be read; the pages have it too."""


def rows(s3: Any, uri: str) -> Generator[list[list[str | None]]]:
    """The CSV at `uri`: its header, then handfuls of rows. NULL is None, which the csv module cannot tell."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with _plain_errors(uri):
        batch: list[list[str | None]] = []
        is_header = True
        for line in _lines(s3, bucket, key):
            batch.append(_cells(line))
            if is_header or len(batch) == BATCH_ROWS:
                yield batch
                batch, is_header = [], False
        if batch:
            yield batch


def _cells(line: str) -> list[str | None]:
    cells: list[str | None] = []
    for match in _CELL.finditer(line):
        quoted, bare = match[1], match[2]
        cells.append(quoted.replace('""', '"') if quoted is not None else (bare or None))
        if match[3] != ",":
            break
    return cells


def _lines(s3: Any, bucket: str, key: str) -> Iterator[str]:
    """Each row, with the line breaks that stand within quotes."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    row, text = "", ""
    with closing(s3.get_object(Bucket=bucket, Key=key)["Body"]) as body:
        while data := body.read(READ_BYTES):
            *parts, text = (text + decode(data)).split("\n")
            for part in parts:
                row += part
                if row.count('"') % 2 == 0:
                    yield row
                    row = ""
                else:
                    row += "\n"
    if row + text:
        yield row + text


@contextmanager
def _plain_errors(uri: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise Unreadable(
            f"The file with the answer cannot be read ({code}).",
            "The bot's role needs s3:GetObject there.",
            detail=f"{uri}: {error}",
        ) from error
    except (BotoCoreError, OSError, UnicodeDecodeError) as error:
        raise Unreadable("The file with the answer cannot be read.", detail=f"{uri}: {error}") from error
