"""`tls-audit`: its commands, and how errors are told."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bot.cli import (
    BAD_QUESTION,
    FAILURE,
    INTERRUPTED,
    ask,
    athena,
    client,
    cloudwatch,
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
    epilog=ask.EXIT_CODES,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# what looks like an option is a word of the question: `--service s3`
app.command(epilog=ask.EXIT_CODES, context_settings={"ignore_unknown_options": True})(ask.ask)
_COMMANDS = (
    *(ingest.ingest, views.views, client.client),
    *(serve.serve, demo.demo, doctor.doctor, health.health),
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(lake.app, name="lake")
app.add_typer(athena.app, name="athena")
app.add_typer(cloudwatch.app, name="cloudwatch")


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"tls-audit {version('tls-audit')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell which version this is."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script: whatever goes wrong is told in a line or two, and by the exit code."""
    if os.environ.get("AWS_REGION") and not os.environ.get("AWS_DEFAULT_REGION"):
        # of all of AWS's SDKs, boto3 alone does not know the name that ECS sets
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]
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
        if isinstance(done.__context__, BrokenPipeError):
            sys.exit(0)  # whoever reads us, as `head` does, has read enough
        raise
    except BotError as error:
        typer.echo(error.in_full + (f"\n{error.hint}" if error.hint else ""), err=True)
        sys.exit(BAD_QUESTION if isinstance(error, UserError) else FAILURE)
