"""`tls-audit`: its commands, and how errors are told."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from bot.cli import BAD_QUESTION, EXIT_CODES, FAILURE, INTERRUPTED
from bot.errors import BotError, UserError
from bot.secrets import Hiding, Secrets, of_environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

SINGLE_COMMANDS: Final = ("ask", "ingest", "views", "client", "serve", "demo", "doctor", "health")
"""In the order of `--help`; each is a function in the module of its name."""

COMMAND_GROUPS: Final = ("lake", "athena", "cloudwatch")
"""Commands that have commands of their own: each is the `app` of the module of its name."""


def command_line(words: Sequence[str] = ()) -> typer.Typer:
    """The command line, as far as it is needed for what was typed behind `tls-audit`: where these `words`
    begin with a command, that one alone is there, so that it waits for none of the others."""
    app = typer.Typer(
        help="Which clients still call AWS with old TLS?",
        no_args_is_help=True,
        epilog=EXIT_CODES,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    every = (*SINGLE_COMMANDS, *COMMAND_GROUPS)
    for name in [*words[:1]] if words and words[0] in every else every:
        module = import_module(f"bot.cli.{name}")
        if name in COMMAND_GROUPS:
            app.add_typer(module.app, name=name)
        elif name == "ask":
            # what looks like an option is a word of the question: `--service s3`
            lenient = {"ignore_unknown_options": True}
            app.command(epilog=EXIT_CODES, context_settings=lenient)(module.ask)
        else:
            app.command()(getattr(module, name))
    return app


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"tls-audit {version('tls-audit')}")
        raise typer.Exit


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
    # what is still held when the process ends goes with it: to look through it for garbage takes a fifth of
    # the time that a question takes
    atexit.register(gc.freeze)
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
        command_line(sys.argv[1:])()
    except SystemExit as done:
        # typer makes this of a KeyboardInterrupt
        if done.code == INTERRUPTED:
            typer.echo("Stopped.", err=True)
        if isinstance(done.__context__, BrokenPipeError):
            sys.exit(0)  # whoever reads us, as `head` does, has read enough
        raise
    except BotError as error:
        from bot.cli import terminal

        terminal.tell(error.in_full + (f"\n{error.hint}" if error.hint else ""))
        sys.exit(BAD_QUESTION if isinstance(error, UserError) else FAILURE)
