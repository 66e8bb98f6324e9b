"""Answers and progress in a terminal: a table that fits the width, and lines that vanish when done."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
import unicodedata
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bot.answers.arrangement import Arrangement, arranged
from bot.question.accounts import UNNAMED, Accounts
from bot.secrets import Hiding
from bot.table import text
from bot.text import literal
from bot.wording import counted, gigabytes, listed, moment, number, seconds_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo
    from typing import TextIO

    from bot.answers.cards import Card, Cards
    from bot.answers.denial import Denial
    from bot.answers.summary import Summary
    from bot.archive.ingest import Ingested
    from bot.archive.ingest import Progress as IngestProgress
    from bot.archive.reports import Report
    from bot.question.views import View
    from bot.table import Cell, Column, Table

SCREEN_ROWS: Final = 100
"""More rows than this are read in a file, not on a screen."""

NARROWEST: Final = 12
"""A cell is not cut shorter than this, however narrow the screen."""

LINE_SECONDS: Final = 10
"""Without a terminal, progress is a line this often."""

_GAP: Final = "  "


def render(
    table: Table,
    *,
    width: int | None,
    zone: tzinfo,
    now: datetime,
    view: View | None = None,
    accounts: Accounts = UNNAMED,
) -> str:
    """The table for people: labels, separators, times in `zone`, its lines at most `width` cells wide.

    Calls and TLS stand first, and most calls on top, as `arranged` has it. Columns that say the same in
    every row stand above the table, once. What is left out is said below.
    """
    shown = arranged(table, view, SCREEN_ROWS, accounts)
    places = [place for place in shown.places if place not in shown.constants]
    columns = [_OnScreen.of(shown, place, zone, now) for place in places]
    key = columns[places.index(found)] if (found := shown.key(places)) is not None else None
    kept = columns if width is None else _kept(columns, key, width)
    widths = [column.width for column in kept]
    fitted = widths if width is None else _fit(widths, width)
    lines = []
    was_cut = fitted != widths
    if same := shown.said_once(shown.constants):
        whole = [_shown(cell, zone, now) for _, cell in same]
        room = None if width is None else max(NARROWEST, 2 * width)
        cut = [_cut(cell, room) for cell in whole]
        was_cut = was_cut or cut != whole
        cells = [f"{label} {cell}" for (label, _), cell in zip(same, cut, strict=True)]
        lines.append(wrapped(f"All rows: {' · '.join(cells)}", width) + "\n")
    if kept:
        lines += [_line([column.label for column in kept], kept, fitted)]
        lines += [_GAP.join("-" * most for most in fitted)]
        lines += [_line(row, kept, fitted) for row in zip(*(column.cells for column in kept), strict=True)]
    dropped = [column.label for column in columns if column not in kept]
    left_out = _left_out(table, dropped, order=shown.order, was_cut=was_cut)
    return "\n".join([*lines, *(wrapped(each, width) for each in left_out)])


@dataclass(frozen=True, slots=True, eq=False)
class _OnScreen:
    """A column as it is shown: its label, the cells of the first rows, and how wide that is."""

    label: str
    cells: list[str]
    is_number: bool
    is_time: bool
    width: int

    @classmethod
    def of(cls, shown: Arrangement, place: int, zone: tzinfo, now: datetime) -> _OnScreen:
        column = shown.columns[place]
        cells = [_shown(shown.readable(place, row[place]), zone, now) for row in shown.rows]
        is_time = column.type in {"TIME", "DATE"}
        return cls(column.label, cells, _is_number(column), is_time, max(map(_width, [column.label, *cells])))


def _line(cells: Sequence[str], columns: Sequence[_OnScreen], widths: Sequence[int]) -> str:
    aligned = []
    for cell, column, most in zip(cells, columns, widths, strict=True):
        cut = _cut(cell, most)
        blank = " " * (most - _width(cut))
        aligned.append(blank + cut if column.is_number else cut + blank)
    return _GAP.join(aligned).rstrip()


def _kept(columns: Sequence[_OnScreen], key: _OnScreen | None, width: int) -> list[_OnScreen]:
    """As many of `columns` as fit beside each other, `key` always: moments go first, then what tells
    fewest rows apart, then numbers, the last one first."""
    kept = list(columns)
    while (
        len(kept) > 1 and sum(min(column.width, NARROWEST) + len(_GAP) for column in kept) - len(_GAP) > width
    ):
        others = [column for column in kept if column is not key]
        words = [column for column in others if not column.is_number]
        least = min(words, key=lambda column: (not column.is_time, len(set(column.cells))), default=None)
        kept.remove(least or others[-1])
    return kept


def _left_out(table: Table, dropped: Sequence[str], *, order: str, was_cut: bool) -> list[str]:
    sentences = []
    if table.row_count > SCREEN_ROWS:
        first = f", {order}" if order else ""
        sentences.append(f"Showing {SCREEN_ROWS} of {number(table.row_count)} rows{first}.")
    if dropped:
        sentences.append(f"No room for {', '.join(dropped)}.")
    if was_cut:
        sentences.append("Cells with … are cut to fit the screen.")
    return [" ".join([*sentences, "`--format csv` has all of it."])] if sentences else []


def _is_number(column: Column) -> bool:
    return column.type in {"INTEGER", "NUMBER"}


def _shown(cell: Cell, zone: tzinfo, now: datetime) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, datetime):
        return moment(cell, zone, now)
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return number(cell)
    return text(cell)


def _fit(widths: Sequence[int], width: int) -> list[int]:
    """`widths` with the widest made narrower until the line fits, none narrower than `NARROWEST` where there
    are two."""
    fitted = list(widths)
    least = NARROWEST if len(fitted) > 1 else 1
    excess = sum(fitted) + len(_GAP) * (len(fitted) - 1) - width
    while excess > 0 and fitted and (widest := max(fitted)) > least:
        place = fitted.index(widest)
        runner_up = max([other for other in fitted if other < widest], default=least)
        step = min(excess, max(1, widest - max(runner_up, least)))
        fitted[place] -= step
        excess -= step
    return fitted


def _width(text: str) -> int:
    """How many cells of a screen `text` takes (Unicode UAX 11): two for wide characters, none for marks."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _cut(cell: str, most: int | None) -> str:
    """The cell in at most `most` cells of the screen; both its ends tell more than its middle."""
    if most is None or _width(cell) <= most:
        return cell
    tail = (most - 1) // 2
    return f"{_begin(cell, most - 1 - tail)}…{_begin(cell[::-1], tail)[::-1]}"


def _begin(text: str, most: int) -> str:
    """As much of its beginning as takes at most `most` cells of the screen."""
    taken = 0
    for at, char in enumerate(text):
        taken += _width(char)
        if taken > most:
            return text[:at]
    return text


def wrapped(prose: str, width: int | None) -> str:
    """Sentences in lines of at most `width` cells, broken between words, and longer words within. What is
    indented stays so."""
    if width is None:
        return prose
    lines = []
    for paragraph in prose.split("\n"):
        words = paragraph.lstrip(" ")
        indent = " " * min(len(paragraph) - len(words), width // 2)
        room, line = width - len(indent), ""
        for word in words.split(" "):
            both = f"{line} {word}" if line else word
            if _width(both) <= room:
                line = both
                continue
            lines += [indent + line] if line else []
            line = word
            while _width(line) > room:
                head = _begin(line, room) or line[:1]
                lines.append(indent + head)
                line = line[len(head) :]
        lines.append(indent + line if line else "")
    return "\n".join(lines)


def page(text: str) -> None:
    """Print `text`; where it is higher than the terminal, in what PAGER names, else in less."""
    pager = shlex.split(os.environ.get("PAGER", "less"))
    if (
        not sys.stdout.isatty()
        or text.count("\n") < shutil.get_terminal_size().lines
        or not pager
        or shutil.which(pager[0]) is None
    ):
        print(text, flush=True)
        return
    import subprocess

    # -F ends by itself, -R shows colours, -X leaves the answer on the screen; a person's own LESS comes first
    subprocess.run(  # noqa: S603 - what a person's own PAGER names
        pager, input=f"{text}\n", text=True, check=False, env={"LESS": "FRX", **os.environ}
    )


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


def cards(made: Cards | None, width: int | None) -> str:
    """What to do about the clients of an answer, a card each; nothing where it names none."""
    if made is None:
        return ""
    said = ["", "What to do about it", *(f"\n{_card(each, width)}" for each in made.cards)]
    return "\n".join([*said, *([f"\n{wrapped(made.without, width)}"] if made.without else [])])


def policies(denial: Denial | None, width: int | None) -> str:
    """What a TLS floor would deny, and each policy's text to copy; nothing where that was not asked."""
    if denial is None:
        return ""
    said = ["", "What would break", *(f"\n{wrapped(each, width)}" for each in denial.words)]
    return "\n".join([*said, *(f"\n{wrapped(each.title, width)}\n{each.text}" for each in denial.drafts)])


def _card(made: Card, width: int | None) -> str:
    """A card's lines; a command stays in one, as it is copied."""
    certainty = f"{made.certainty} · {made.page}" if made.page else made.certainty
    owner = (
        ""
        if made.owner is None
        else " · ".join(filter(None, (f"Owner: {made.owner.team}", made.owner.runbook)))
    )
    lines = [made.who, owner, made.calls_itself, made.verdicts, made.advice]
    told = [wrapped(literal(line), width) for line in lines if line]
    command = [f"    {literal(made.command)}"] if made.command else []
    last = [wrapped(literal(line), width) for line in (made.hint, certainty) if line]
    return "\n".join([*told, *command, *last])


def ingested(done: Ingested, left_out: Sequence[Report] = ()) -> str:
    """What an ingest did, in a line; what was passed over, by kind; then a line for each file of which
    something new could not be read, and for each of `left_out`, which are not in the archive."""
    seconds = f"{done.seconds:.1f} s"
    others = [
        f"{counted(count, 'file')} {what}"
        for count, what in ((done.known, "known already"), (done.ignored, "without logs"))
        if count
    ]
    if not (done.files or done.bad or done.still_bad or done.skipped or done.records_skipped):
        return f"Nothing new: {listed(others)}. {seconds}" if others else f"No log files there. {seconds}"
    dropped = f", {counted(done.duplicates, 'duplicate')} dropped" if done.duplicates else ""
    beside = f" {listed(others)}." if others else ""
    lines = [
        f"{counted(done.files, 'file')} read, {counted(done.events, 'event')}{dropped}.{beside} {seconds}"
    ]
    from bot.archive.reports import counted_kind

    # a file that is no log for the records in it is counted by these alone
    passed_over = Counter(done.skipped) | Counter(done.records_skipped)
    if passed_over:
        kinds = ", ".join(literal(counted_kind(count, kind)) for kind, count in passed_over.most_common())
        lines.append(f"Passed over: {kinds}.")
    lines += unread(done)
    told = {each.path for each in done.bad}
    known = {each.name: each.words for each in left_out if each.name not in told}
    if done.still_bad:
        lines.append(f"{counted(done.still_bad, 'file')} could not be read before, and still cannot.")
        lines += [f"    {literal(name)}: {literal(why)}" for name, why in known.items()]
    return "\n".join(lines)


def unread(done: Ingested) -> list[str]:
    """The files of which something new could not be read, a line each under a line that says so."""
    bad = {each.path: each.why for each in done.bad}
    if not bad:
        return []
    files = [f"    {literal(path)}: {literal(why)}" for path, why in bad.items()]
    return [f"{counted(len(bad), 'file')} could not be read, or not all of it:", *files]


def width(stream: TextIO | None = None) -> int | None:
    """How many characters a line of `stream` (None: stdout) may have; None where it goes to no terminal."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def tell(words: str) -> None:
    """Write to stderr, in lines that end between words; none parts a secret."""
    if isinstance(sys.stderr, Hiding):
        words = sys.stderr.hide(words)
    print(wrapped(words, width(sys.stderr)), file=sys.stderr)


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
