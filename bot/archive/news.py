"""What is new in the places, and what became of it, as it is written down and told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.archive.ingest import BadFile, Ingest, Ingested
from bot.archive.reports import Key, Outcome, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bot.archive.ledger import Ledger
    from bot.archive.sources import Found, Source

NO_SIZE: Final = -1  # of what could only be listed


class News:
    """Tells sources that are new, and counts those that are known: `known`, by name where they were told of
    as left out `before`, else as nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.before = ledger.left_out()
        self.known: Counter[str] = Counter()

    def has(self, source: Source) -> bool:
        if self._ledger.knows(source.key):
            self.known[source.name if source.name in self.before else ""] += 1
            return False
        return True


def _unreadable(found: Found) -> Iterator[tuple[Key, Report]]:
    for name, why in found.unreadable:
        yield (name, NO_SIZE, ""), Report(name, Outcome.DENIED, why)


def _passed_over(found: Found) -> Iterator[tuple[Key, Report]]:
    for name, kind in found.skipped.items():
        yield (name, NO_SIZE, ""), Report(name, Outcome.SKIPPED, kind)


def note(
    ledger: Ledger,
    found: Found,
    work: Ingest,
    before: Iterable[str],
    vanished: Sequence[str] = (),
) -> list[tuple[Key, Report]]:
    """Write down what became of all that was found, and forget what vanished."""
    reports = [*work.reports, *_unreadable(found)]
    passed_over = list(_passed_over(found))
    ledger.note(reports)
    ledger.forget([*vanished, *(found.skipped.keys() & before)])
    ledger.note(passed_over, again=False)
    return [*reports, *passed_over]


def vanished(places: Sequence[str], found: Found, news: News) -> list[str]:
    """The sources told of before that these places hold no more, of the days that were looked at."""
    there = {source.name for source in found.sources} | found.skipped.keys() | news.known.keys()
    there |= {name for name, _ in found.unreadable}
    listed = tuple(named(places))
    return [
        name
        for name in news.before
        if name not in there and name.startswith(listed) and found.days.hold(name)
    ]


def named(places: Sequence[str]) -> list[str]:
    """The places, as the names of their sources begin."""
    return [
        place if place.startswith("s3://") else str(Path(place).expanduser().absolute()) for place in places
    ]


def ingested(
    work: Ingest,
    found: Found,
    news: News,
    reports: Sequence[tuple[Key, Report]],
    seconds: float,
) -> Ingested:
    skipped = Counter(found.kinds)
    records: Counter[str] = Counter()
    for _, report in work.reports:
        records.update(report.skipped)
        if report.outcome is Outcome.SKIPPED:
            skipped[report.why] += 1
    left_out = [each for each in reports if each[1].is_left_out]
    fresh = [each for each in left_out if news.before.get(each[1].name) != each]
    told = {report.name for _, report in reports}
    not_tried = {source.name for source in found.sources} | news.known.keys()
    return Ingested(
        files=work.files,
        known=news.known.total(),
        ignored=skipped.total(),
        events=work.events,
        duplicates=work.duplicates,
        bad=tuple(BadFile(report.name, report.why) for _, report in fresh),
        seconds=seconds,
        skipped=skipped,
        records_skipped=records,
        bad_records=sum(sum(report.bad.values()) for _, report in work.reports),
        still_bad=len(left_out) - len(fresh) + len((not_tried - told) & news.before.keys()),
        reports=tuple(report for _, report in reports),
    )
