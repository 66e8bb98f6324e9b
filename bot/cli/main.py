"""tls-audit in a terminal. Exit code 0 for an answer, 2 for a bad question, 1 for a failure."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO
from uuid import uuid4

import typer

from bot import wording
from bot.cli import lake
from bot.errors import BotError, EngineBusy, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from bot.archive.archive import Archive
    from bot.bootstrap import Bot
    from bot.engines import Engine, Progress, Statement
    from bot.settings import Settings
    from bot.table import Table

log = logging.getLogger(__name__)

app = typer.Typer(
    help="Which clients still call AWS with old TLS?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(lake.app, name="lake")

BAD_QUESTION = 2
FAILURE = 1
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


BUSY_SECONDS = 5.0
"""How long to wait when the engine has no room."""

HEARTBEAT = "heartbeat"
DEMO = "tls-audit-demo-heartbeat-"
"""What the temporary folder of a demo's heartbeat is called first."""

BEAT_SECONDS = 10.0


class Format(StrEnum):
    """How `ask` writes an answer."""

    table = "table"
    csv = "csv"
    json = "json"


def main() -> None:
    """The console script: whatever goes wrong is told in a line or two, and by the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as done:
        # typer makes this of a KeyboardInterrupt
        if done.code == INTERRUPTED:
            typer.echo("Stopped.", err=True)
        raise
    except BotError as error:
        typer.echo(f"{error.message}" + (f"\n{error.hint}" if error.hint else ""), err=True)
        sys.exit(BAD_QUESTION if isinstance(error, UserError) else FAILURE)


@app.command()
def ask(
    question: Annotated[
        list[str],
        typer.Argument(help="As in Slack: `last 7d service=s3`. `tls-audit views` lists the views."),
    ],
    *,
    format_: Annotated[Format, typer.Option("--format", help="How to write the rows.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="Write the rows to this file.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL and ask nothing.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Ask built-in sample events.")] = False,
) -> None:
    """Ask one question. The table goes to stdout, progress to stderr."""
    from bot import bootstrap as parts
    from bot import engines, settings
    from bot.answers import summary
    from bot.cli import terminal
    from bot.question import select, views
    from bot.question.parser import parse

    started, now, zone = time.monotonic(), datetime.now(UTC), _zone()
    chosen = settings.load()
    catalogue = views.load(chosen.views)
    asked = parse(
        " ".join(question),
        now=now,
        zone=zone,
        views=catalogue,
        engines=("local",) if sample else engines.NAMES,
        stores=chosen.stores,
        max_days=chosen.max_window,
    )
    with _archive(chosen, sample=sample) as events:
        engine = parts.engine(chosen, "local" if sample else asked.engine or chosen.engine, events)
        answer, covered = (
            engine.translate(select.build(each, cap=chosen.max_rows), each.view.columns)
            for each in (asked, select.coverage(asked, catalogue))
        )
        if sql:
            typer.echo(answer.sql)
            return
        if engine.name == "local":
            _fill(events, chosen, now, sample=sample)
        with terminal.query_progress() as progress, ExitStack() as tables:
            table = tables.enter_context(_patiently(engine, answer, progress))
            coverage = None
            if table.row_count == 0 or not engine.metered:
                coverage = tables.enter_context(_patiently(engine, covered, progress))
            keep = tables.pop_all()
        with keep:
            found = summary.summarize(asked, table, coverage, cap=chosen.max_rows)
            title = f"{asked.words()[:1].upper()}{asked.words()[1:]} · {asked.window.words(zone, now)}"
            if sample:
                title = f"SAMPLE DATA, invented for trying things out\n{title}"
            scanned = table.scanned + (0 if coverage is None else coverage.scanned)
            cost = wording.cost(scanned, chosen.lake_price) if engine.metered else ""
            seconds = time.monotonic() - started
            report = terminal.report(table, found, zone=zone, now=now, seconds=seconds, cost=cost)
            _write(table, format_, output, title, report, zone, now)


def _patiently(engine: Engine, asked: Statement, progress: Progress) -> Table:
    """The answer, however often the engine has no room first. What Ctrl-C leaves running is cancelled."""
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
            time.sleep(BUSY_SECONDS)


@app.command()
def ingest(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Folders, files or s3://bucket/prefix; else TLS_AUDIT_LOGS.")
    ] = None,
) -> None:
    """Read CloudTrail log files into the archive that the embedded engine asks."""
    from bot import bootstrap as parts
    from bot import settings
    from bot.cli import terminal

    chosen = settings.load()
    sources = paths or ([chosen.logs] if chosen.logs else [])
    if not sources:
        raise UserError("No log files to read.", "Name a folder, or set TLS_AUDIT_LOGS.")
    with terminal.ingest_progress() as progress:
        done = parts.archive(chosen).ingest(sources, progress=progress)
    typer.echo(terminal.ingested(done))
    if done.bad:
        raise typer.Exit(FAILURE)


@app.command()
def views() -> None:
    """List the questions that can be asked."""
    from bot import settings
    from bot.question import views as catalogue

    for view in catalogue.load(settings.load().views).values():
        policy = "" if view.has_policy else " (whatever the policy)"
        typer.echo(f"{view.name}\n    {view.title}. {view.about}{policy}")
        typer.echo(f"    {', '.join(column.name for column in view.columns)}")
        if view.source not in {"", "TLS Audit"}:
            typer.echo(f"    From: {view.source}")


@app.command()
def serve() -> None:
    """Run the bot: connect to Slack in Socket Mode, and answer until stopped."""
    from bot import bootstrap as parts
    from bot import settings
    from bot.ops import logs

    chosen = settings.load()
    logs.set_up(secrets=chosen.secrets)
    # while it starts, whatever hangs is broken off; and when it stops, by a second signal
    signal.signal(SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), parts.bot(chosen) as bot, _until_stopped() as stopped:
        log.info("connected to Slack; SIGTERM or Ctrl-C stops")
        _beat(bot, chosen.data, stopped)
    _end()


def _end() -> NoReturn:
    """End this process well, whatever its threads do."""
    # Python would join those of concurrent.futures, however long one of them hangs: Bolt's, and the engines'.
    # What could be handed over was, and the rest is as after a crash
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


@app.command()
def demo(
    *,
    host: Annotated[str, typer.Option(help="Where the page is served.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="On which port; 0 takes a free one.")] = 8765,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    script: Annotated[
        Path | None, typer.Option(help="Send this file's commands, print the threads, and end.")
    ] = None,
) -> None:
    """Try the bot in a small Slack of its own, on sample events. Needs no account, and keeps nothing."""
    from bot import bootstrap as parts
    from bot import settings

    lines = None if script is None else _read_script(script)
    chosen = settings.load()
    with parts.demo(chosen, host, port if lines is None else 0) as (sandbox, bot):
        if lines is not None:
            for line in lines:
                typer.echo(parts.play(sandbox, bot.runner, line))
            return
        with _until_stopped() as stopped:
            typer.echo(f"A Slack to try TLS Audit in: {sandbox.page_url}  (SAMPLE DATA; Ctrl-C stops)")
            if browser:
                typer.launch(sandbox.page_url)
            # in the data folder it would speak for a bot that serves from there
            with tempfile.TemporaryDirectory(prefix=DEMO) as folder:
                _beat(bot, Path(folder), stopped)


def _read_script(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


@app.command(hidden=True)
def health(
    *, or_demo: Annotated[bool, typer.Option("--or-demo", help="Or a demo on this machine.")] = False
) -> None:
    """Tell by the exit code whether the bot on this machine is well; for the container's health check."""
    from bot import settings

    folders = [settings.load().data]
    if or_demo:
        folders += Path(tempfile.gettempdir()).glob(f"{DEMO}*")
    since = time.time() - 3 * BEAT_SECONDS
    beats = (folder / HEARTBEAT for folder in folders)
    if not any(beat.exists() and beat.stat().st_mtime >= since for beat in beats):
        raise typer.Exit(FAILURE)


def _beat(bot: Bot, folder: Path, stopped: threading.Event) -> None:
    """Until stopped, leave a mark every few seconds that the bot is well; `health` looks for it."""
    beat = folder / HEARTBEAT
    while True:
        if bot.is_well():
            beat.touch()
        if stopped.wait(BEAT_SECONDS):
            beat.unlink(missing_ok=True)
            return


@app.command()
def doctor() -> None:
    """Check tokens, scopes, channels, the engine and the database; say how to mend what is wrong."""
    from bot import settings
    from bot.cli import doctor as examination

    failed = False
    for check in examination.check(settings.load()):
        typer.echo(f"{'✓' if check.passed else '✗'} {check.what}")
        if not check.passed:
            typer.echo(f"  → {check.mend}")
            failed = True
    if failed:
        raise typer.Exit(FAILURE)


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (SIGINT, SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _zone() -> tzinfo:
    """The zone of this machine, as TZ or /etc/localtime say."""
    from dateutil import tz

    return tz.gettz() or UTC


@contextmanager
def _archive(chosen: Settings, *, sample: bool) -> Iterator[Archive]:
    from bot import bootstrap as parts
    from bot.archive.archive import Archive

    if not sample:
        yield parts.archive(chosen)
        return
    with tempfile.TemporaryDirectory(prefix="tls-audit-sample-") as folder:
        yield Archive(Path(folder) / "archive")


def _fill(events: Archive, chosen: Settings, now: datetime, *, sample: bool) -> None:
    """Read what is new in the log files before the archive is asked."""
    from bot.cli import terminal
    from bot.sandbox import samples

    if sample:
        logs = events.folder.parent / "logs"
        samples.write(logs, now)
        events.ingest([str(logs)], progress=lambda _: None)
    elif chosen.logs:
        with terminal.ingest_progress() as progress:
            done = events.ingest([chosen.logs], progress=progress)
        if done.bad:
            typer.echo(terminal.ingested(done), err=True)
        elif not (done.files or done.known or events.has_events()):
            typer.echo(f"No log files in {chosen.logs}.", err=True)
    elif not events.has_events():
        raise UserError(
            "There are no events to ask yet.",
            "Set TLS_AUDIT_LOGS to a folder of CloudTrail log files or to s3://bucket/prefix, read some with "
            "`tls-audit ingest PATH`, or try `tls-audit ask --sample`.",
        )


def _write(
    table: Table,
    format_: Format,
    output: Path | None,
    title: str,
    report: str,
    zone: tzinfo,
    now: datetime,
) -> None:
    """The rows go to the file or to stdout; the words about them to whichever of the two is for people."""
    from bot.answers.export import to_csv, to_json
    from bot.cli import terminal

    with _plain_errors(), _open(output) as file:
        words = sys.stdout if format_ is Format.table or output else sys.stderr
        print(title, end="\n\n", file=words)
        if format_ is Format.csv:
            to_csv(table, file)
        elif format_ is Format.json:
            to_json(table, file)
        elif table.row_count:
            width = terminal.width() if output is None else None
            print(terminal.render(table, width=width, zone=zone, now=now), file=file)
        file.flush()
        print(report, file=words, flush=True)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read us has read enough, as `head` does: typer ends quietly
    except OSError as error:
        sys.stdout = None  # what it still holds would fail again
        raise BotError(f"The answer could not be written: {error.strerror}.") from error


def _open(output: Path | None) -> AbstractContextManager[TextIO]:
    if output is None:
        return nullcontext(sys.stdout)
    try:
        return output.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise UserError(f"Cannot write {output}: {error.strerror}.") from error
