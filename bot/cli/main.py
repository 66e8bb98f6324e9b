"""`tls-audit`: its commands, and how errors are told."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, cast

import typer

from bot.cli import (
    BAD_QUESTION,
    FAILURE,
    INTERRUPTED,
    ask,
    client,
    demo,
    doctor,
    health,
    ingest,
    lake,
    serve,
    views,
)
from bot.errors import BotError, UserError
from bot.secrets import Hiding, Secrets, of_environment

if TYPE_CHECKING:
    from typing import TextIO

app = typer.Typer(
    help="Which clients still call AWS with old TLS?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (ask.ask, ingest.ingest, views.views, serve.serve, demo.demo, doctor.doctor, client.client):
    app.command()(command)
app.command(hidden=True)(health.health)
app.add_typer(lake.app, name="lake")


def main() -> None:
    """The console script: whatever goes wrong is told in a line or two, and by the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # whatever is raised, here or in a thread, is written there: no token, no password
    hiding = Secrets(of_environment(os.environ))
    sys.stderr = cast("TextIO", Hiding(sys.stderr, hiding))
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
