"""Where CloudTrail log files are, and their text: folders, files, `s3://bucket/prefix`; gzip or plain.

In a folder or under a prefix, what has the name of a log is read, and its content decides the rest. A file
that is named itself is always read.
"""

from __future__ import annotations

import os
import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.archive.records import Unusable
from bot.errors import EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Content = (
        bytes | Iterator[bytes]
    )  # the text of a source, inflated; of a long one its blocks, yet to be read

MB: Final = 1 << 20
WHOLE_BYTES: Final = 48 * MB  # of text; a longer file is streamed. CloudTrail's own files stay far below
AHEAD_BYTES: Final = 4 * MB  # of files being read ahead, as stored: logs inflate 7 to 20 times
READ_BYTES: Final = 8 * MB
DISK_READERS: Final = 2  # inflating keeps one busy while the other reads
S3_READERS: Final = 8  # each waits some 30 ms for its first byte

LOG_NAME: Final = re.compile(r"\.(json|jsonl|ndjson)(\.gz)?$", re.IGNORECASE)
OTHER_TRAIL_FILES: Final = re.compile(r"CloudTrail-(Digest|Insight)")
DELIVERY_DAY: Final = re.compile(
    r"(?<!\d)(\d{4})/?(\d\d)/?(\d\d)(?:/|T\d{4}Z)"
)  # in the folders, or in the file's name
GZIP: Final = b"\x1f\x8b"
BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Source:
    """A file or an object; `stamp` changes when its content does. `read` gives its bytes as stored."""

    name: str
    size: int
    stamp: str
    read: Callable[[], Iterator[bytes]]

    @property
    def key(self) -> tuple[str, int, str]:
        return self.name, self.size, self.stamp


@dataclass(slots=True)
class Found:
    """Log files in the order of their delivery, each once; how many other files; what is out of reach."""

    sources: list[Source] = field(default_factory=list)
    ignored: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def find(places: Sequence[str], *, but: Path) -> Found:
    """What is to be read in `places`, but the folder `but`. UserError for a place that does not exist."""
    found = Found()
    for place in places:
        if place.startswith("s3://"):
            _find_objects(place, found)
        else:
            _find_files(Path(place).expanduser().absolute(), but, found)
    by_name = {source.name: source for source in found.sources}
    found.sources = sorted(
        by_name.values(), key=_delivery
    )  # neighbours in time share a batch: few files a day
    return found


def _delivery(source: Source) -> tuple[str, str]:
    day = DELIVERY_DAY.search(source.name)
    return ("".join(day.groups()) if day else "", source.name)


def _is_log(path: str) -> bool:
    name = path.rpartition("/")[2]
    return bool(LOG_NAME.search(name)) and not name.startswith(".") and not OTHER_TRAIL_FILES.search(path)


# --- files


def _find_files(place: Path, but: Path, found: Found) -> None:
    try:
        if not place.is_dir():
            found.sources.append(_file(place))
            return
    except OSError as error:
        raise UserError(f"{place} cannot be read: {error.strerror}.", "Check the path.") from error
    unreadable = found.unreadable
    for folder, folders, names in os.walk(
        place,
        onerror=lambda error: unreadable.append(
            (_text(error.filename), f"it cannot be listed: {error.strerror}")
        ),
    ):
        folders[:] = [name for name in folders if not name.startswith(".") and Path(folder, name) != but]
        for name in names:
            path = Path(folder, name)
            if not _is_log(str(path.relative_to(place.parent))):
                found.ignored += 1
                continue
            try:
                found.sources.append(_file(path))
            except OSError as error:
                unreadable.append((_text(path), f"it cannot be read: {error.strerror}"))


def _text(path: str | Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _file(path: Path) -> Source:
    def read() -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                while block := file.read(READ_BYTES):
                    yield block
        except OSError as error:
            raise Unusable(f"it cannot be read: {error.strerror}") from error

    about = path.stat()
    return Source(_text(path), about.st_size, str(about.st_mtime_ns), read)


# --- S3


def _find_objects(place: str, found: Found) -> None:
    import boto3
    from botocore.config import Config

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not bucket:
        raise UserError(f"{place} names no bucket.", "Write s3://bucket/prefix.")
    count = 0
    with _s3_errors(place, "s3:ListBucket"):
        client = boto3.Session().client("s3", config=Config(max_pool_connections=S3_READERS))
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                count += 1
                if item["Key"] == prefix or _is_log(item["Key"]):
                    found.sources.append(_object(client, bucket, item))
                else:
                    found.ignored += 1
    if not count:
        raise UserError(
            f"There is nothing under {place}.", "Check bucket and prefix, as in s3://bucket/AWSLogs/."
        )


def _object(client: Any, bucket: str, item: dict[str, Any]) -> Source:
    name = f"s3://{bucket}/{item['Key']}"

    def read() -> Iterator[bytes]:
        with (
            _s3_errors(name, "s3:GetObject (and kms:Decrypt where the trail is encrypted)"),
            closing(client.get_object(Bucket=bucket, Key=item["Key"])["Body"]) as body,
        ):
            yield from body.iter_chunks(READ_BYTES)

    return Source(name, item["Size"], item["ETag"], read)


@contextmanager
def _s3_errors(place: str, action: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError as error:
        raise UserError(
            f"There are no AWS credentials to read {place}.",
            "Set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run where a role is attached.",
        ) from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code == "NoSuchKey":
            raise Unusable("it was deleted meanwhile") from error
        if code == "NoSuchBucket":
            raise UserError(f"There is no bucket for {place}.", "Check its name.") from error
        raise EngineError(f"S3 refused {place}: {error}.", f"The credentials need {action}.") from error
    except BotoCoreError as error:
        raise EngineError(
            f"S3 did not give {place}: {error}.", "Ingest again; it goes on where it was."
        ) from error


# --- content


def read_ahead(sources: Sequence[Source]) -> Iterator[tuple[Source, Future[Content]]]:
    """Every source in turn, with its content being read in other threads. `result()` may raise Unusable."""
    remote = any(source.name.startswith("s3://") for source in sources)
    readers = S3_READERS if remote else DISK_READERS
    pool = ThreadPoolExecutor(readers)
    waiting: deque[tuple[Source, Future[Content]]] = deque()
    weight = 0
    try:
        for source in sources:
            while waiting and (len(waiting) > readers or weight + source.size > AHEAD_BYTES):
                weight -= waiting[0][0].size
                yield waiting.popleft()
            waiting.append((source, pool.submit(_content, source)))
            weight += source.size
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _content(source: Source) -> Content:
    stored = source.read()
    first = next(stored, b"")
    blocks: Iterator[bytes] = chain([first], stored)
    if first.startswith(GZIP):
        blocks = _inflate(blocks)
    head: list[bytes] = []
    size = 0
    for block in blocks:
        head.append(block if head else block.removeprefix(BOM))
        size += len(block)
        if size > WHOLE_BYTES:
            return chain(head, blocks)
    data = b"".join(head)
    if not data.strip():
        raise Unusable("it is empty")
    return data


def _inflate(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The text of gzip members one after another, in blocks of WHOLE_BYTES at most."""
    from isal import igzip_lib

    member: Any = None
    try:
        for block in blocks:
            rest = block
            while rest:
                member = member or igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
                yield member.decompress(rest, max_length=WHOLE_BYTES)
                while not member.eof and not member.needs_input:
                    yield member.decompress(b"", max_length=WHOLE_BYTES)
                rest = b""
                if member.eof:
                    rest, member = member.unused_data.lstrip(b"\0"), None  # zeros may pad the end
    except igzip_lib.IsalError as error:  # type: ignore[misc] # its stub calls it an instance
        raise Unusable(f"its gzip data is damaged ({error})") from error
    if member:
        raise Unusable("its gzip data is cut short")
