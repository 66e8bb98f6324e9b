"""`tls-audit ask`: one question, answered in the terminal."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TextIO
from uuid import uuid4

import typer

from bot.errors import BotError, EngineBusy, EngineError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from bot.archive.archive import Progress as IngestProgress
    from bot.engines import Engine, Progress, Statement
    from bot.table import Table

BUSY_SECONDS: Final = 5.0
"""How long to wait when the engine has no room."""


class Format(StrEnum):
    """How `ask` writes an answer."""

    table = "table"
    csv = "csv"
    json = "json"


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
    from bot.app import answer as answering
    from bot.cli import terminal
    from bot.question import views
    from bot.question.parser import parse

    started, now, zone = time.monotonic(), datetime.now(UTC), _zone()
    chosen = settings.load()
    catalogue = views.load(chosen.views)
    with ExitStack() as temporary:
        if sample:
            folder = Path(temporary.enter_context(tempfile.TemporaryDirectory(prefix="tls-audit-sample-")))
            logs, archive = folder / "logs", folder / "archive"
            here = {"engine": engines.DEFAULT, "logs": str(logs), "archive": archive}
            chosen = chosen.model_copy(update=here)
        names = (engines.DEFAULT,) if sample else tuple(engines.ENGINES)
        events = parts.archive(chosen)
        available = {name: parts.engine(chosen, name, events) for name in names}
        asked = parse(
            " ".join(question),
            now=now,
            zone=zone,
            views=catalogue,
            engines=available,
            stores=[store for one in available.values() for store in one.stores],
            max_days=chosen.max_window,
        )
        engine = available[asked.engine or chosen.engine]
        # the SQL alone may be shown to who has no connection
        with suppress(EngineError) if sql else nullcontext():
            engine.refresh()
        statements = answering.statements(asked, engine, catalogue, cap=chosen.max_rows)
        if sql:
            typer.echo(statements["answer"].sql)
            if fold := statements["answer"].fold:
                typer.echo(f"\n# whose rows are folded here:\n{fold}")
            return
        if caution := statements["answer"].caution:
            typer.echo(f"{caution}.", err=True)
        if sample:
            from bot.sandbox import samples

            samples.write(logs, now)
            engine.prepare(_unseen)
        else:
            _prepare(engine, chosen.logs)
        with ExitStack() as kept:
            with terminal.query_progress() as progress:

                def run(name: str) -> tuple[Table, int]:
                    table = _patiently(engine, statements[name], progress)
                    return table, table.scanned

                answer = kept.enter_context(answering.answer(asked, run, engine=engine, cap=chosen.max_rows))
            title = f"{asked.words()[:1].upper()}{asked.words()[1:]} · {asked.window.words(zone, now)}"
            if sample:
                title = f"SAMPLE DATA, invented for trying things out\n{title}"
            seconds = time.monotonic() - started
            report = terminal.report(answer.table, answer.summary, zone=zone, now=now, seconds=seconds)
            _write(answer.table, format_, output, title, report, zone, now)


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


def _zone() -> tzinfo:
    """The zone of this machine, as TZ or /etc/localtime say."""
    from dateutil import tz

    return tz.gettz() or UTC


def _prepare(engine: Engine, logs: str) -> None:
    """Have the engine take in what is new, and tell what it could not."""
    from bot.cli import terminal

    done = engine.prepare(terminal.ingest_progress)
    if done is None:
        return
    if done.bad:
        typer.echo(terminal.ingested(done), err=True)
    elif not (done.files or done.known):
        typer.echo(f"No log files in {logs}.", err=True)


@contextmanager
def _unseen() -> Iterator[Callable[[IngestProgress], None]]:
    """A display of what is taken in that shows nothing."""
    yield lambda _: None


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
