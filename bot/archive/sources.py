"""Where log files are: folders, files, `s3://bucket/prefix`. Every regular file is one, whatever its name:
what it holds is for its content to say.

One that cannot be reached is told with its reason, and the others are read.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.archive.days import EVER, Days, delivered
from bot.archive.events import Unusable
from bot.archive.reports import CHOSEN, NOT_REGULAR
from bot.errors import EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bot.archive.notifications import Told

S3_READERS: Final = 8  # each waits some 30 ms for its first byte
ARCHIVED_CLASSES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""S3 storage classes of which an object must be restored before it can be read.
Source: the S3 API reference, InvalidObjectState."""

RESTORED_STAMP: Final = "restored"
"""What marks an object that was restored, in its stamp."""

FOLDER: Final = "folder marker"


class Archived(Unusable):
    """It lies in a storage class from which it must be restored first."""


class Denied(Unusable):
    """Whoever we are may not read it."""


class Gone(Unusable):
    """It was there when the place was listed, and is no more."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file or an object; `stamp` changes when its content does. `read` gives its bytes as stored,
    in blocks of so many at most. `modified`, in seconds since 1970, is known of what a listing found."""

    name: str
    size: int
    stamp: str
    read: Callable[[int], Iterator[bytes]]
    modified: float = 0.0

    @property
    def key(self) -> tuple[str, int, str]:
        return self.name, self.size, self.stamp


@dataclass(slots=True)
class Found:
    """Sources in the order of their delivery, each once, of some `days`, and those only that are new; what is
    passed over, by kind, with its names; what is out of reach, and why."""

    days: Days
    is_new: Callable[[Source], bool]
    sources: list[Source] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    def add(self, source: Source) -> None:
        if self.is_new(source):
            self.sources.append(source)

    @property
    def kinds(self) -> Counter[str]:
        return Counter(self.skipped.values())


def find(
    places: Sequence[str],
    *,
    but: Path,
    leave_out: Sequence[str] = (),
    days: Days = EVER,
    is_new: Callable[[Source], bool] = lambda _: True,
) -> Found:
    """What is to be read in `places`, but the folder `but` and what a pattern of `leave_out` matches: its
    name, its path within the place, or the whole of it, as the shell's `*`, `?` and `[…]`. Folders that tell
    another day than `days` are not listed, and only what `is_new` is held. UserError for a place that does
    not exist."""
    found = Found(days, is_new)
    for place in places:
        if place.startswith("s3://"):
            _find_objects(place, found, leave_out)
        else:
            _find_files(Path(place).expanduser().absolute(), but, found, leave_out)
    return _in_order(found)


def find_told(
    told: Iterable[Told],
    places: Sequence[str],
    *,
    leave_out: Sequence[str] = (),
    days: Days = EVER,
    is_new: Callable[[Source], bool] = lambda _: True,
) -> Found:
    """The same of objects that somebody told of, without looking at the places: those that lie there."""
    found, client = Found(days, is_new), None
    for each in told:
        if is_within(each, places, days):
            client = client or _client()
            item = {"Key": each.key, "Size": each.size, "ETag": each.etag}
            restored = {"RestoreStatus": {"RestoreExpiryDate": RESTORED_STAMP}} if each.is_restored else {}
            _add_object(client, each.bucket, item | restored, found, leave_out)
    return _in_order(found)


def is_within(told: Told, places: Sequence[str], days: Days) -> bool:
    """Whether an object lies in one of the places, and may hold events of these days."""
    return days.hold(told.key) and any(
        each.startswith("s3://") and told.bucket == _bucket(each)[0] and told.key.startswith(_bucket(each)[1])
        for each in places
    )


def _in_order(found: Found) -> Found:
    by_name = {source.name: source for source in found.sources}
    # neighbours in time share a batch: few files a day, and what a window's ends need lies together
    found.sources = sorted(by_name.values(), key=_delivery)
    return found


def check(places: Sequence[str]) -> None:
    """UserError for a folder or file that is not there. What is in S3 only listing it can tell."""
    for place in places:
        if not place.startswith("s3://"):
            _about(Path(place).expanduser())


def _about(place: Path) -> os.stat_result:
    try:
        return place.stat()
    except OSError as error:
        raise UserError(f"{place} cannot be read: {error.strerror}.", "Check the path.") from error


def _delivery(source: Source) -> tuple[tuple[str, str], str]:
    return delivered(source.name), source.name


def _is_left_out(name: str, within: str, patterns: Sequence[str]) -> bool:
    last = within.rpartition("/")[2]
    return any(fnmatchcase(each, pattern) for pattern in patterns for each in (name, within, last))


# --- files


def _find_files(place: Path, but: Path, found: Found, leave_out: Sequence[str]) -> None:
    about = _about(place)
    if not stat.S_ISDIR(about.st_mode):
        _add_file(str(place), place.name, found, leave_out)
        return
    unreadable = found.unreadable
    seen = {(about.st_dev, about.st_ino)}  # a folder behind two links is read once, and a loop ends
    for folder, folders, names in os.walk(
        place,
        followlinks=True,
        onerror=lambda error: unreadable.append(
            (_text(error.filename), f"it cannot be listed: {error.strerror}")
        ),
    ):
        folders[:] = [
            name
            for name in sorted(folders)
            if Path(folder, name) != but
            and found.days.reach(f"{folder}/{name}")
            and _is_unseen(Path(folder, name), seen)
        ]
        begin = len(os.path.join(place, ""))  # noqa: PTH118 - a Path for each of many files takes longest of all
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - as above
            _add_file(path, _text(path[begin:]), found, leave_out)


def _is_unseen(folder: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        about = folder.stat()
    except OSError:
        return True  # listing it will tell why
    inode = (about.st_dev, about.st_ino)
    if inode in seen:
        return False
    seen.add(inode)
    return True


def _add_file(path: str, within: str, found: Found, leave_out: Sequence[str]) -> None:
    name = _text(path)
    if _is_left_out(name, within, leave_out):
        found.skipped[name] = CHOSEN
        return
    try:
        about = os.stat(path)  # noqa: PTH116 - a Path for each of many files takes long
    except OSError as error:
        found.unreadable.append((name, f"it cannot be read: {error.strerror}"))
        return
    if not stat.S_ISREG(about.st_mode):
        found.skipped[name] = NOT_REGULAR
        return
    found.add(Source(name, about.st_size, str(about.st_mtime_ns), lambda most: _read(Path(path), most)))


def _text(path: str | Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _read(path: Path, most: int) -> Iterator[bytes]:
    try:
        # what became a pipe meanwhile must not be waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unusable("it is not a regular file any more")
            while block := file.read(most):
                yield block
    except FileNotFoundError as error:
        raise Gone("it was deleted meanwhile") from error
    except PermissionError as error:
        raise Denied(f"it cannot be read: {error.strerror}") from error
    except OSError as error:
        raise Unusable(f"it cannot be read: {error.strerror}") from error


# --- S3


def _client() -> Any:
    import boto3
    from botocore.config import Config

    with _s3_errors("the logs", "s3:GetObject"):
        return boto3.Session().client("s3", config=Config(max_pool_connections=S3_READERS))


def _bucket(place: str) -> tuple[str, str]:
    """The bucket of a place in S3, and the prefix."""
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    return bucket, prefix


def _find_objects(place: str, found: Found, leave_out: Sequence[str]) -> None:
    bucket, prefix = _bucket(place)
    if not bucket:
        raise UserError(f"{place} names no bucket.", "Write s3://bucket/prefix.")
    count, client = 0, _client()
    with _s3_errors(place, "s3:ListBucket"):
        for item in _listed(client, bucket, prefix, found.days):
            count += 1
            if found.days.hold(item["Key"]):
                _add_object(client, bucket, item, found, leave_out)
    if not count:
        raise UserError(
            "There is nothing where the logs should be.",
            "Check bucket and prefix, as in s3://bucket/AWSLogs/.",
            detail=place,
        )


def _listed(client: Any, bucket: str, prefix: str, days: Days) -> Iterator[dict[str, Any]]:
    """The objects under a prefix, but pages of other days: whatever the layout, a listing is sorted, so that
    it may go on where the next of these days can begin."""
    options: dict[str, str] = {}
    while True:
        page = client.list_objects_v2(
            Bucket=bucket, Prefix=prefix, OptionalObjectAttributes=["RestoreStatus"], **options
        )
        items = page.get("Contents", [])
        yield from items
        if not page.get("IsTruncated"):
            return
        last = items[-1]["Key"] if items else ""
        after = days.skip(last)
        if after > last:
            options = {"StartAfter": after}
        else:
            options = {"ContinuationToken": page["NextContinuationToken"]}


def _add_object(
    client: Any, bucket: str, item: dict[str, Any], found: Found, leave_out: Sequence[str]
) -> None:
    key = item["Key"]
    name = f"s3://{bucket}/{key}"
    if not item["Size"] and key.endswith(("/", "_$folder$")):
        found.skipped[name] = FOLDER
    elif _is_left_out(name, key, leave_out):
        found.skipped[name] = CHOSEN
    else:
        found.add(_object(client, bucket, item))


def _object(client: Any, bucket: str, item: dict[str, Any]) -> Source:
    name = f"s3://{bucket}/{item['Key']}"
    kind = item.get("StorageClass", "")
    restored = bool(item.get("RestoreStatus", {}).get("RestoreExpiryDate"))
    is_archived = kind in ARCHIVED_CLASSES and not restored

    def read(most: int) -> Iterator[bytes]:
        if is_archived:
            raise Archived(f"it is archived ({kind})")
        with (
            _s3_errors(name, "s3:GetObject (and kms:Decrypt where the trail is encrypted)", one=True),
            closing(client.get_object(Bucket=bucket, Key=item["Key"])["Body"]) as body,
        ):
            yield from body.iter_chunks(most)

    stamp = f"{item['ETag']} {RESTORED_STAMP}" if restored else item["ETag"]
    modified = item["LastModified"].timestamp() if "LastModified" in item else 0.0
    return Source(name, item["Size"], stamp, read, modified)


@contextmanager
def _s3_errors(place: str, action: str, *, one: bool = False) -> Iterator[None]:
    """What S3 refuses, in plain words. What concerns `one` object alone is Unusable: the others are read."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError as error:
        raise UserError(
            "There are no AWS credentials to read the logs in S3.",
            "Set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run where a role is attached.",
            detail=place,
        ) from error
    except ClientError as error:
        about = error.response.get("Error", {})
        code = about.get("Code")
        if one and (reason := _of_one_object(code, about.get("Message", ""), action)):
            raise reason from error
        if code == "NoSuchBucket":
            raise UserError("There is no such bucket.", "Check its name.", detail=place) from error
        raise EngineError(
            "S3 refused the logs.", f"The credentials need {action}.", detail=f"{place}: {error}"
        ) from error
    except BotoCoreError as error:
        raise EngineError(
            "S3 did not give the logs.",
            "Check the Region, the network and AWS_ENDPOINT_URL. What was read is kept.",
            detail=f"{place}: {error}",
        ) from error


def _of_one_object(code: str | None, message: str, action: str) -> Unusable | None:
    """Why this object cannot be read, where others may.
    Source: the S3 API reference, error responses of GetObject; KMS answers through S3 with its own codes."""
    if code == "InvalidObjectState":
        return Archived("it is archived, and must be restored first")
    if code in {"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404"}:
        return Gone("it was deleted meanwhile")
    if code in {"AccessDenied", "403"} or str(code).startswith("KMS."):
        return Denied(f"S3 denies it ({code}: {message}); the credentials need {action}")
    return None
