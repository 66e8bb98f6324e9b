"""`tls-audit cloudwatch policy`: the policy for asking a trail's log groups."""

from __future__ import annotations

import json

import typer

app = typer.Typer(help="Print the policy for asking a trail's log groups.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Without this, a lone command has no name of its own."""


@app.command()
def policy() -> None:
    """Print the least IAM policy for asking."""
    from bot import settings
    from bot.engines.cloudwatch.engine import CloudWatch, CloudWatchSettings
    from bot.engines.cloudwatch.logs import Logs

    chosen = settings.load().engines["cloudwatch"]
    assert isinstance(chosen, CloudWatchSettings)  # noqa: S101 - the registry's own
    typer.echo(json.dumps(CloudWatch(chosen.groups, Logs()).policy(), indent=2))
    if chosen.groups.role:
        typer.echo(
            "The role that is taken on needs a policy of its own; run this without TLS_AUDIT_CLOUDWATCH_ROLE "
            "to print that.",
            err=True,
        )
    else:
        typer.echo("A log group with a KMS key of yours also needs kms:Decrypt on it.", err=True)
