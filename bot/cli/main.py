"""`tls-audit`: its commands, and how errors are told."""

from __future__ import annotations

import sys

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

app = typer.Typer(
    help="Which clients still call AWS with old TLS?",
    no_args_is_help=True,
    epilog=ask.EXIT_CODES,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# what looks like an option is a word of the question: `--service s3`
app.command(epilog=ask.EXIT_CODES, context_settings={"ignore_unknown_options": True})(ask.ask)
for command in (ingest.ingest, views.views, serve.serve, demo.demo, doctor.doctor, client.client):
    app.command()(command)
app.command(hidden=True)(health.health)
app.add_typer(lake.app, name="lake")


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
        if isinstance(done.__context__, BrokenPipeError):
            sys.exit(0)  # whoever reads us, as `head` does, has read enough
        raise
    except BotError as error:
        typer.echo(f"{error.message}" + (f"\n{error.hint}" if error.hint else ""), err=True)
        sys.exit(BAD_QUESTION if isinstance(error, UserError) else FAILURE)
