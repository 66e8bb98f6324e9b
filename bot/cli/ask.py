"""`tls-audit ask`: one question, answered in the terminal."""

from __future__ import annotations

import gc
import io
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TextIO
from uuid import uuid4

import typer

from bot.cli import EXIT_FINDINGS, EXIT_UNSURE
from bot.errors import BotError, EngineBusy, EngineError, UserError
from bot.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from bot.answers.cards import Cards
    from bot.answers.denial import Denial
    from bot.answers.summary import Summary
    from bot.archive.ingest import Progress as IngestProgress
    from bot.engines import Engine, Progress, Statement
    from bot.question.question import Question
    from bot.question.window import Window
    from bot.table import Table

TERMINAL_EXAMPLES: Final = (
    ("last 7d", "calls over TLS older than 1.2, by service"),
    ("last 7d service=s3", "who calls S3 with it, in full"),
    ("who is on tls 1.1 since monday", "the same words, or plain ones"),
    ("yesterday min=1.3 by=clients", "which clients are not on TLS 1.3 yet"),
    ("last 30d by=principals cipher=weak", "who also uses weak cipher suites"),
    ("2026-11-01..2026-11-08 versions", "every TLS version's share"),
)

ASKED_OTHERWISE: Final = {
    "views": "`tls-audit views` lists the views.",
    "runs": "A terminal keeps none. In Slack, `/tls-audit runs` lists them.",
    "digests": "They are told in Slack: `/tls-digest help` there says how.",
}
"""What is asked otherwise in a terminal. `runs` alone would be a plain word that changes nothing."""

BUSY_SECONDS: Final = 5.0
"""How long to wait when the engine has no room."""


class Format(StrEnum):
    """How `ask` writes an answer."""

    table = "table"
    csv = "csv"
    json = "json"
    ndjson = "ndjson"
    markdown = "markdown"


SUFFIXES: Final = {
    ".csv": Format.csv,
    ".json": Format.json,
    ".ndjson": Format.ndjson,
    ".jsonl": Format.ndjson,
    ".md": Format.markdown,
    ".markdown": Format.markdown,
    ".txt": Format.table,
}
"""The format of a file that says none."""


def _words(incomplete: str) -> list[str]:
    """What can go on in a question, for the shell's completion."""
    from bot.question.filters import FILTERS
    from bot.question.views import SHIPPED

    views = sorted(path.stem for path in SHIPPED.glob("*.sql"))
    windows = ["last", "today", "yesterday", "since", "help"]
    pairs = [f"{word}=" for word in (*FILTERS, "min", "kx", "sdk", "owner", "top", "by")]
    by = [f"by={view}" for view in views] if incomplete.startswith("by=") else []
    return [word for word in [*windows, *views, *pairs, *by] if word.startswith(incomplete)]


def ask(
    question: Annotated[
        list[str] | None,
        typer.Argument(
            help="As in Slack: `last 7d service=s3`, or in plain words. `-` reads it from stdin; "
            "`tls-audit ask help` says more.",
            autocompletion=_words,
        ),
    ] = None,
    *,
    format_: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="How to write the rows; else as the suffix of --output says."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the rows to this file.")
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL and ask nothing.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Ask built-in sample events.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write the rows and no words.")] = False,
    fail_on_findings: Annotated[
        bool, typer.Option("--fail-on-findings", help="Exit with 3 for findings, 4 for an unsure zero.")
    ] = False,
) -> None:
    """Ask one question. The table goes to stdout, progress to stderr."""
    typed = _typed(question or [])
    if typed.split()[:1] in (["help"], ["HELP"], ["Help"]):
        typer.echo(_help())
        return
    if instead := ASKED_OTHERWISE.get(" ".join(typed.lower().split())):
        raise UserError(f"`{typed.strip()}` is no question here.", instead)
    to = None if output == Path("-") else output
    form = format_ or (SUFFIXES.get(to.suffix.lower(), Format.table) if to else Format.table)
    started, now = time.monotonic(), datetime.now(UTC)
    with ExitStack() as temporary:
        # all that is imported stays: to look through it for garbage, again and again, only takes time
        gc.disable()
        temporary.callback(gc.enable)
        from bot import bootstrap as parts
        from bot import engines, settings
        from bot.app import answer as answering
        from bot.cli import terminal
        from bot.question import accounts, owners_file, views
        from bot.question.parser import parse

        zone, chosen = _zone(), settings.load()
        catalogue = views.Lazily(chosen.views)
        if sample:
            folder = Path(temporary.enter_context(tempfile.TemporaryDirectory(prefix="tls-audit-sample-")))
            logs, archive = folder / "logs", folder / "archive"
            here = {"engine": engines.DEFAULT_ENGINE, "logs": str(logs), "archive": archive}
            chosen = chosen.model_copy(update=here)
        names = (engines.DEFAULT_ENGINE,) if sample else tuple(engines.ENGINES)
        events = parts.archive(chosen)
        available = engines.Each(names, lambda name: parts.engine(chosen, name, events))
        asked = parse(
            typed,
            now=now,
            zone=zone,
            views=catalogue,
            engines=available,
            stores=engines.Stores(available),
            accounts=accounts.read(chosen.accounts),
            max_days=chosen.max_window,
            owners=owners_file.load(chosen.owners),
        )
        if fail_on_findings and asked.policy is None:
            raise UserError(
                f"`{asked.view.name}` counts calls of every kind, and finds nothing.",
                "Leave --fail-on-findings out, or ask another view.",
            )
        engine = available[asked.engine or chosen.engine]
        # the SQL alone may be shown to who has no connection
        with suppress(EngineError) if sql else nullcontext():
            engine.refresh()
        hints = form is Format.table and not (to or quiet)  # who sees no cards does not wait for them
        statements = answering.statements(asked, engine, catalogue, cap=chosen.max_rows, hints=hints)
        gc.enable()
        if sql:
            typer.echo(statements["answer"].shown)
            return
        if caution := statements["answer"].caution:
            terminal.tell(f"{caution}.")
        if sample:
            from bot.demo import samples

            samples.write(logs, now, since=asked.window.start)
            engine.prepare(_unseen)
        else:
            _prepare(engine, chosen.logs, asked.window)
        with ExitStack() as kept:
            with terminal.query_progress() if not quiet else nullcontext(_tell_nothing) as progress:

                def run(name: str) -> tuple[Table, int]:
                    table = patiently(engine, statements[name], progress)
                    return table, table.scanned

                answer = kept.enter_context(
                    answering.answer(asked, run, statements, engine=engine, cap=chosen.max_rows)
                )
            title = f"{asked.words()[:1].upper()}{asked.words()[1:]} · {asked.window.words(zone, now)}"
            if asked.read_as:
                title = f"{title}\nRead as: {asked.read_as}"
            if sample:
                title = f"SAMPLE DATA, invented for trying things out\n{title}"
            seconds = time.monotonic() - started
            report = terminal.report(answer.table, answer.summary, zone=zone, now=now, seconds=seconds)
            words = None if quiet else _Words(title, report, answer.summary.cards, answer.summary.denial)
            _write(answer.table, asked, form, to, words, zone, now)
            if fail_on_findings and (code := _verdict(answer.summary)):
                raise typer.Exit(code)


def _verdict(summary: Summary) -> int:
    """The exit code of an answer, for whoever wants it told by that."""
    from bot.answers.belief import Belief

    codes = dict.fromkeys((Belief.FINDINGS, Belief.PARTIAL), EXIT_FINDINGS) | {Belief.DOUBTED: EXIT_UNSURE}
    return codes.get(summary.verdict.belief, 0)


def _tell_nothing(*_: object) -> None:
    """Progress that nobody wants to see."""


def _typed(words: list[str]) -> str:
    """The question, which `-` reads from stdin. UserError where nothing was typed."""
    if not words:
        raise UserError("Say what to ask.", _help())
    typed = " ".join(words)
    return sys.stdin.read() if typed.strip() == "-" else typed


def _help() -> str:
    """How to ask, by examples."""
    from bot.question.filters import FILTERS

    lines = [f"    tls-audit ask {example}\n        {what}" for example, what in TERMINAL_EXAMPLES]
    return "\n".join(
        [
            "Ask which clients still call AWS with old TLS:",
            *lines,
            f"Words: {' '.join(FILTERS)}, each with = or !=, several values with commas, * for any "
            "characters; min=1.3, cipher=weak, kx=classical, sdk=eol; owner= a team; by= a view; top=20.",
            "`tls-audit views` lists the views; `tls-audit ask --help` the options.",
        ]
    )


def patiently(
    engine: Engine, asked: Statement, progress: Progress, pause: Callable[[float], None] = time.sleep
) -> Table:
    """The answer, however often the engine has no room first; `pause` is how that is waited for, in seconds.

    What Ctrl-C leaves running is cancelled.
    """
    ref: str | None = None

    def keep(ref_: str | None, state: str, scanned: int) -> None:
        nonlocal ref
        ref = ref_
        progress(ref_, state, scanned)

    token = uuid4().hex
    while True:
        try:
            return engine.run(asked, token=token, resume=ref, progress=keep)
        except EngineBusy:
            progress(ref, "waiting for its turn", 0)
            pause(BUSY_SECONDS)


def _zone() -> tzinfo:
    """The zone of this machine, as TZ or /etc/localtime say."""
    from dateutil import tz

    return tz.gettz() or UTC


def _prepare(engine: Engine, logs: str, window: Window) -> None:
    """Have the engine take in what is new for this window, and tell what it could not."""
    from bot.cli import terminal

    done = engine.prepare(terminal.ingest_progress, window.start, window.end)
    if done is None:
        return
    if done.bad:
        terminal.tell("\n".join(terminal.unread(done)))
    elif not (done.files or done.known):
        terminal.tell(f"No log files in {logs}.")


@contextmanager
def _unseen() -> Iterator[Callable[[IngestProgress], None]]:
    """A display of what is taken in that shows nothing."""
    yield lambda _: None


class _Words(NamedTuple):
    """The words about rows."""

    title: str
    report: str
    cards: Cards | None
    denial: Denial | None


def _write(
    table: Table,
    asked: Question,
    form: Format,
    output: Path | None,
    words: _Words | None,
    zone: tzinfo,
    now: datetime,
) -> None:
    """The rows go to the file or to stdout; the words about them to whichever of the two is for people."""
    from bot.cli import terminal

    with _plain_errors(output):
        if output is not None:
            with _whole(output) as file:
                _rows(table, asked, form, file, None, zone, now)
            if words:
                rows = f"wrote {counted(table.row_count, 'row')} to {output}"
                print(words.title, words.report, rows, sep="\n")
            return
        width = terminal.width()
        if form is Format.table:
            text = io.StringIO()
            _rows(table, asked, form, text, width, zone, now)
            parts = [text.getvalue().rstrip("\n")]
            if words:
                above, below = terminal.wrapped(words.title, width), terminal.wrapped(words.report, width)
                parts = [above + "\n", *parts, below, terminal.cards(words.cards, width)]
                parts.append(terminal.policies(words.denial, width))
            terminal.page("\n".join(filter(None, parts)))
            return
        if words:
            print(words.title, end="\n\n", file=sys.stderr)
        _rows(table, asked, form, sys.stdout, width, zone, now)
        sys.stdout.flush()
        if words:
            print(words.report, file=sys.stderr, flush=True)


def _rows(
    table: Table,
    asked: Question,
    form: Format,
    file: TextIO,
    width: int | None,
    zone: tzinfo,
    now: datetime,
) -> None:
    """The rows alone."""
    from bot.answers import export
    from bot.cli import terminal

    match form:
        case Format.csv:
            export.to_csv(table, file)
        case Format.json:
            export.to_json(table, file)
        case Format.ndjson:
            export.to_ndjson(table, file)
        case Format.markdown:
            export.to_markdown(table, file)
        case Format.table if table.row_count:
            shown = terminal.render(
                table, width=width, zone=zone, now=now, view=asked.view, accounts=asked.accounts
            )
            print(shown, file=file)


@contextmanager
def _plain_errors(output: Path | None) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read us has read enough, as `head` does: `main` ends quietly
    except OSError as error:
        if output is None:
            sys.stdout = None  # what it still holds would fail again
        raise BotError(f"The answer could not be written: {error.strerror}.") from error


@contextmanager
def _whole(output: Path) -> Iterator[TextIO]:
    """The file, there whole or not at all: it is written beside its place, and put there when done."""
    place = output.resolve()
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    if place.exists() and not place.is_file():
        beside = place  # a pipe or a device holds nothing, and takes what it can
    try:
        file = beside.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise UserError(f"Cannot write {output}: {error.strerror}.", "Name another file.") from error
    try:
        with file:
            yield file
        if beside != place:
            if place.exists():
                shutil.copymode(place, beside)
            beside.replace(place)
    except BaseException:
        if beside != place:
            beside.unlink(missing_ok=True)
        raise
