"""A day's many files → few, in the background.

While a day grows, files of like size are merged once there are `TIER` of them, so that an event is written
again only as often as the day grows eightfold. Once it is over, its files become as few as `FULL_BYTES` lets
them be, ordered so that what questions look for lies together and the rest is skipped by its statistics.

Merged files take the others' place in the ledger in one commit. Readers go on with the files they began with,
which go later.
"""

from __future__ import annotations

import hashlib
import logging
import math
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from bot.archive import extracts, parquet
from bot.archive.disk import sync
from bot.archive.ingest import HASH_CHARACTERS, MB, Limits, Step
from bot.archive.said import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from bot.archive.ledger import Ledger

log = logging.getLogger(__name__)

TIER: Final = 8
SMALLEST_TIER_BYTES: Final = MB >> 4
FULL_BYTES: Final = 128 * MB
"""What is as large is not merged any more: a million events or more, in some ten row groups."""

WORTH_ORDERING_BYTES: Final = 16 * MB
"""Below, a file is a row group, or little more, and no order lets much be skipped."""

ORDERED: Final = "o"
"""In place of a chunk's number in the name of a file that is ordered for questions."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """How many files took the place of how many, and the days of which the files could not be merged."""

    before: int = 0
    after: int = 0
    failed: tuple[str, ...] = ()


def compact(
    folder: Path,
    ledger: Ledger,
    spool: Path,
    *,
    limits: Limits | None = None,
    now: Callable[[], float],
    today: str = "",
    heed: Callable[[], None] = lambda: None,
) -> Compacted:
    """Merge what is due, for whoever holds the archive's lock: of days before `today`, an ISO date, all that
    is not full; of others what their tiers say. `heed` is called before each merge, and may raise."""
    limits = limits or Limits()
    before = after = 0
    failed = []
    with ExitStack() as opened:
        duck: duckdb.DuckDBPyConnection | None = None
        for day, names in ledger.days().items():
            is_over = day < today
            if len(names) < TIER and not (is_over and (len(names) > 1 or not is_final(names[0]))):
                continue
            sizes = {name: path.stat().st_size for name in names if (path := folder / name).exists()}
            while group := due(sizes, is_over=is_over):
                heed()
                duck = duck or opened.enter_context(closing(parquet.connect(spool)))
                limits.on_step(Step.MERGE)
                merged = spool / f"{day}.parquet"
                try:
                    parquet.join(duck, [folder / each for each in group], merged, sort_rows=limits.sort_rows)
                except parquet.Unmergeable as error:
                    log.warning("the files of %s could not be merged: %s", day, error)
                    failed.append(day)
                    break
                batch = hashlib.sha256(repr(group).encode()).hexdigest()[:HASH_CHARACTERS]
                name = f"day={day}/{batch}-{ORDERED}{SUFFIX}"
                sync(merged)
                ledger.announce(batch)
                limits.on_step(Step.KEEP)
                merged.replace(folder / name)
                sync((folder / name).parent)
                limits.on_step(Step.COMMIT)
                ledger.swap(batch, name, group, now())
                limits.on_step(Step.COMMITTED)
                extracts.make(duck, folder / name, spool)
                before, after = before + len(group), after + 1
                for each in group:
                    del sizes[each]
                sizes[name] = (folder / name).stat().st_size
    return Compacted(before, after, tuple(failed))


def extract(folder: Path, ledger: Ledger, spool: Path, heed: Callable[[], None]) -> None:
    """Make the extracts that files of the archive lack, for whoever holds its lock. `heed` is called before
    each file, and may raise."""
    files = [folder / name for names in ledger.days().values() for name in names]
    if lacking := [file for file in files if file.exists() and extracts.lacking(file)]:
        with closing(parquet.connect(spool)) as duck:
            for file in lacking:
                heed()
                extracts.make(duck, file, spool)


def is_final(name: str) -> bool:
    """Whether nothing is gained by writing a file of a day that is over once more: it is ordered, and what
    its events say was found by today's tables. What others found is found anew at every question."""
    return name.rpartition("/")[2].endswith(f"-{ORDERED}{SUFFIX}")


def due(sizes: Mapping[str, int], *, is_over: bool) -> list[str]:
    """Which of a day's files to merge into one next, by their sizes in bytes; none where all is well."""
    small = sorted((size, name) for name, size in sizes.items() if size < FULL_BYTES)
    if is_over:
        if len(small) > 1:
            return _up_to_full(small)
        loose = [name for name, size in sizes.items() if size >= WORTH_ORDERING_BYTES and not is_final(name)]
        return loose[:1]
    for tier in count():
        least = [each for each in small if _tier(each[0]) <= tier]
        if sum(_tier(size) == tier for size, _ in least) >= TIER:
            return _up_to_full(least)
        if len(least) == len(small):
            return []
    return []


def _tier(size: int) -> int:
    return max(0, int(math.log(max(size, 1) / SMALLEST_TIER_BYTES, TIER)))


def _up_to_full(files: Sequence[tuple[int, str]]) -> list[str]:
    """At least two of them, and the smallest first."""
    group: list[str] = []
    whole = 0
    for size, name in files:
        if len(group) > 1 and whole + size > 2 * FULL_BYTES:
            break
        group.append(name)
        whole += size
    return group
