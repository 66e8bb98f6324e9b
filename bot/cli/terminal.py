"""Answers and progress in a terminal: a table that fits the width, and lines that vanish when done."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bot.table import readable, text
from bot.text import literal
from bot.wording import counted, gigabytes, moment, number, seconds_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo

    from bot.answers.summary import Summary
    from bot.archive.archive import Ingested
    from bot.archive.archive import Progress as IngestProgress
    from bot.archive.ledger import Report
    from bot.table import Cell, Column, Table

SCREEN_ROWS: Final = 100
"""More rows than this are read in a file, not on a screen."""

NARROWEST: Final = 12
"""A cell is not cut shorter than this, however narrow the screen."""

LINE_SECONDS: Final = 10
"""Without a terminal, progress is a line this often."""

_GAP: Final = 2


def render(table: Table, *, width: int | None, zone: tzinfo, now: datetime) -> str:
    """The table for people: labels, separators, times in `zone`, its lines at most `width` characters long.

    Columns that say the same in every row stand above it, once. What is left out is said below.
    """
    from tabulate import tabulate

    constants = table.constants()
    columns = [
        _OnScreen.of(table, place, zone, now) for place in range(len(table.columns)) if place not in constants
    ]
    kept = columns if width is None else _kept(columns, width)
    widths = [column.width for column in kept]
    fitted = widths if width is None else _fit(widths, width)
    lines = []
    if constants:
        same = [(table.columns[place], cell) for place, cell in constants.items()]
        cells = [f"{column.label} {_shown(column, cell, zone, now)}" for column, cell in same]
        lines.append(f"All rows: {' · '.join(cells)}\n")
    if kept:
        cut = [[_cut(cell, most) for cell in column.cells] for column, most in zip(kept, fitted, strict=True)]
        labels = [_cut(column.label, most) for column, most in zip(kept, fitted, strict=True)]
        align = ["right" if column.is_number else "left" for column in kept]
        rows = list(zip(*cut, strict=True))
        lines.append(tabulate(rows, labels, "simple", disable_numparse=True, colalign=align))
    dropped = [column.label for column in columns if column not in kept]
    return "\n".join([*lines, *_left_out(table, dropped, was_cut=fitted != widths)])


@dataclass(frozen=True, slots=True, eq=False)
class _OnScreen:
    """A column as it is shown: its label, the cells of the first rows, and how wide that is."""

    label: str
    cells: list[str]
    is_number: bool
    width: int

    @classmethod
    def of(cls, table: Table, place: int, zone: tzinfo, now: datetime) -> _OnScreen:
        column = table.columns[place]
        cells = [_shown(column, row[place], zone, now) for row in table.head[:SCREEN_ROWS]]
        return cls(column.label, cells, _is_number(column), max(map(len, [column.label, *cells])))


def _kept(columns: Sequence[_OnScreen], width: int) -> list[_OnScreen]:
    """As many of `columns` as fit beside each other; what tells the fewest rows apart goes first."""
    kept = list(columns)
    while len(kept) > 1 and sum(min(column.width, NARROWEST) + _GAP for column in kept) - _GAP > width:
        kept.remove(min(kept, key=lambda column: (column.is_number, len(set(column.cells)))))
    return kept


def _left_out(table: Table, dropped: Sequence[str], *, was_cut: bool) -> list[str]:
    sentences = []
    if table.row_count > SCREEN_ROWS:
        sentences.append(f"Showing the first {SCREEN_ROWS} of {number(table.row_count)} rows.")
    if dropped:
        sentences.append(f"No room for {', '.join(dropped)}.")
    if was_cut:
        sentences.append("Cells with … are cut to fit the screen.")
    return [" ".join([*sentences, "`--format csv` has all of it."])] if sentences else []


def _is_number(column: Column) -> bool:
    return column.type in {"INTEGER", "NUMBER"}


def _shown(column: Column, cell: Cell, zone: tzinfo, now: datetime) -> str:
    if cell is None:
        return "–"
    cell = readable(column, cell)
    if isinstance(cell, datetime):
        return moment(cell, zone, now)
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return number(cell)
    return text(cell)


def _fit(widths: Sequence[int], width: int) -> list[int]:
    """`widths` with the widest made narrower until the line fits, none narrower than `NARROWEST`."""
    fitted = list(widths)
    excess = sum(fitted) + _GAP * (len(fitted) - 1) - width
    while excess > 0 and (widest := max(fitted)) > NARROWEST:
        place = fitted.index(widest)
        runner_up = max([other for other in fitted if other < widest], default=NARROWEST)
        step = min(excess, max(1, widest - max(runner_up, NARROWEST)))
        fitted[place] -= step
        excess -= step
    return fitted


def _cut(cell: str, most: int) -> str:
    """The cell in at most `most` characters; both its ends tell more than its middle."""
    if len(cell) <= most:
        return cell
    tail = (most - 1) // 2
    return f"{cell[: most - 1 - tail]}…{cell[len(cell) - tail :]}"


def report(table: Table, summary: Summary, *, zone: tzinfo, now: datetime, seconds: float) -> str:
    """The line under a table: totals, what was read, how long it took; for no rows, why to believe it."""
    rows = f"{counted(table.row_count, 'row')}, " if table.row_count else ""
    sentences = [f"{rows}{summary.headline if table.row_count else summary.signed}."]
    if summary.coverage is not None:
        sentences.append(f"{summary.coverage.words(zone, now)}.")
    if summary.proof:
        sentences.append(summary.proof)
    sentences += summary.notes
    return " ".join([*sentences, f"{summary.cost} · {seconds:.1f} s" if summary.cost else f"{seconds:.1f} s"])


def ingested(done: Ingested, left_out: Sequence[Report] = ()) -> str:
    """What an ingest did, in a line; what was passed over, by kind; then a line for each file of which
    something new could not be read, and for each of `left_out`, which are not in the archive."""
    lines = [
        f"{counted(done.files, 'file')} read, {number(done.known)} known already, "
        f"{number(done.ignored)} not logs. "
        f"{counted(done.events, 'event')}, {counted(done.duplicates, 'duplicate')} dropped. "
        f"{done.seconds:.1f} s"
    ]
    passed_over = Counter(done.skipped) + Counter(done.records_skipped)
    if passed_over:
        kinds = ", ".join(f"{number(count)} {literal(kind)}" for kind, count in passed_over.most_common())
        lines.append(f"Passed over: {kinds}.")
    bad = {each.path: each.why for each in done.bad}
    if bad:
        lines.append(f"{counted(len(bad), 'file')} could not be read, or not all of it:")
        lines += [f"    {literal(path)}: {literal(why)}" for path, why in bad.items()]
    known = {each.name: each.why or str(each.outcome) for each in left_out if each.name not in bad}
    if done.still_bad:
        lines.append(f"{counted(done.still_bad, 'file')} could not be read before, and still cannot.")
        lines += [f"    {literal(name)}: {literal(why)}" for name, why in known.items()]
    return "\n".join(lines)


def width() -> int | None:
    """How many characters a line of stdout may have; None where it goes to no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


@contextmanager
def ingest_progress(
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[IngestProgress], None]]:
    """Shows how an ingest goes, on stderr: files, events a second, time left."""
    if not sys.stderr.isatty():
        yield _by_line(_ingest_words, clock)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(
        BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True
    )
    with bar:
        task = bar.add_task("looking for log files", total=None)
        yield lambda done: bar.update(
            task, total=done.files_total, completed=done.files, description=_ingest_words(done)
        )


def _ingest_words(done: IngestProgress) -> str:
    rate = done.events / done.seconds if done.seconds else 0
    left = "" if done.eta is None else f", {seconds_words(done.eta)} left"
    return f"{number(done.files)} of {number(done.files_total)} files, {number(round(rate))} events/s{left}"


@contextmanager
def query_progress(
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[str | None, str, int], None]]:
    """Shows that a query runs, and for how long, on stderr. What it yields is an engine's `Progress`."""
    started = clock()

    def words(state: str, scanned: int) -> str:
        read = f" · {gigabytes(scanned)} read" if scanned else ""
        return f"{state} {seconds_words(clock() - started)}{read}"

    if not sys.stderr.isatty():
        by_line = _by_line(lambda step: words(*step), clock)
        yield lambda _ref, state, scanned: by_line((state, scanned))
        return
    from rich.console import Console

    with Console(stderr=True).status("asking") as status:
        yield lambda _ref, state, scanned: status.update(words(state, scanned))


def _by_line(words: Callable[[Any], str], clock: Callable[[], float]) -> Callable[[Any], None]:
    due = clock() + LINE_SECONDS

    def tell(step: Any) -> None:
        nonlocal due
        if clock() >= due:
            due = clock() + LINE_SECONDS
            print(words(step), file=sys.stderr)

    return tell
