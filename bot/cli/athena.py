"""`tls-audit athena …`: a table over a trail's bucket, and the policy for asking it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.engines.athena.engine import AthenaSettings
    from bot.engines.athena.tables import Table

app = typer.Typer(help="Make a table over a trail's bucket, and print the policy.", no_args_is_help=True)


@app.command()
def table(
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX", help="Where the trail writes.")],
    *,
    name: Annotated[str, typer.Option(help="What to call it, `database.table`.")] = "",
    any_account: Annotated[
        bool, typer.Option("--any-account", help="List no accounts: questions have to name theirs.")
    ] = False,
    create: Annotated[bool, typer.Option("--create", help="Make it, instead of printing how.")] = False,
) -> None:
    """Print the DDL of a table over a trail's files: by account, Region and day, with all TLS details."""
    from bot.engines.athena import admin
    from bot.engines.athena.client import Athena

    chosen = _settings()
    named = _named(name, chosen)
    aws = Athena()
    with aws.in_words(named, "s3:ListBucket"):
        s3 = aws.client(named, "s3")
    trail = admin.find(s3, uri, lambda account: typer.echo(f"account {account}", err=True))
    typer.echo(
        f"{len(trail.accounts):,} accounts, {len(trail.regions):,} Regions, since {trail.since}", err=True
    )
    made = admin.statement(named, trail, is_open=any_account)
    if not create:
        typer.echo(f"{made};")
        return
    admin.execute(aws, named, made, workgroup=chosen.athena_workgroup, output=chosen.athena_output)
    typer.echo(f"The table {named} is there. To ask it:")
    typer.echo(f"    export TLS_AUDIT_ENGINE=athena TLS_AUDIT_ATHENA_TABLE={named}")


@app.command()
def policy() -> None:
    """Print the least IAM policy for asking."""
    from bot.engines.athena import admin
    from bot.engines.athena.client import Athena
    from bot.engines.athena.engine import Athena as Engine
    from bot.errors import EngineError

    chosen = _settings()
    engine = Engine(chosen.tables, Athena(), workgroup=chosen.athena_workgroup)
    locations: dict[str, str] = {}
    for alias, each in chosen.tables.items():
        try:
            locations[alias] = engine.look(each).location
        except EngineError as error:
            typer.echo(f"Where {each} has its files is not known: {error.in_full}", err=True)
    made = admin.policy(chosen.tables, chosen.athena_workgroup, chosen.athena_output, locations)
    typer.echo(json.dumps(made, indent=2))
    typer.echo(
        "Files or answers with a KMS key of yours also need kms:Decrypt and kms:GenerateDataKey on it; "
        "where Lake Formation governs the table, grant SELECT and DESCRIBE there.",
        err=True,
    )


def _settings() -> AthenaSettings:
    from bot import settings
    from bot.engines.athena.engine import AthenaSettings

    found = settings.load().engines["athena"]
    assert isinstance(found, AthenaSettings)  # noqa: S101 - the registry's own
    return found


def _named(name: str, chosen: AthenaSettings) -> Table:
    """The table to make: as named, else as the settings name it."""
    from bot.engines.athena import tables

    if name:
        return tables.read(name, chosen.athena_role)[tables.DEFAULT]
    first = next(iter(chosen.tables.values()), None)
    return first or tables.read("default.cloudtrail_logs", chosen.athena_role)[tables.DEFAULT]
