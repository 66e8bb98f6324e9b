"""`tls-audit lake …`: the life of an event data store, from a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bot.errors import UserError

if TYPE_CHECKING:
    from bot.engines.lake.admin import Admin
    from bot.engines.lake.engine import LakeSettings

app = typer.Typer(help="Look at, create, delete and restore event data stores.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(help="Its name, alias, id or ARN.")]
Confirmed = Annotated[str, typer.Option("--confirm", metavar="NAME", help="The name, typed beforehand.")]


class Billing(StrEnum):
    """How a store is paid for."""

    extendable = "extendable"
    fixed = "fixed"


class Task(StrEnum):
    """What a policy is for."""

    ask = "ask"
    status = "status"
    create = "create"
    delete = "delete"
    restore = "restore"


@app.command()
def status() -> None:
    """List the event data stores of this account and Region, and those that the settings name."""
    found = _admin().all()
    if not found:
        typer.echo("There is no event data store in this account and Region.")
    for about in found:
        typer.echo("\n".join(about.lines(datetime.now(UTC))))


@app.command()
def policy(
    task: Annotated[Task, typer.Argument(help="What it is for.")] = Task.ask,
) -> None:
    """Print the least IAM policy for asking, or for one of these commands."""
    from bot.engines.lake import admin

    chosen = _settings()
    least = admin.policy(task.value, chosen.stores, chosen.lake_delivery)
    typer.echo(json.dumps(least, indent=2))
    if task in {Task.ask, Task.create}:
        typer.echo(
            "A store with a KMS key of yours also needs kms:Decrypt and kms:GenerateDataKey on it.", err=True
        )
    if any(store.role for store in chosen.stores.values()):
        typer.echo(
            "A role that is taken on needs the same on its own store; run this without TLS_AUDIT_LAKE_ROLE "
            "to print that.",
            err=True,
        )


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    *,
    days: Annotated[int, typer.Option(help="How long events are kept.")] = 366,
    billing: Annotated[Billing, typer.Option(help="How it is paid for.")] = Billing.extendable,
    all_regions: Annotated[bool, typer.Option(help="Events of all Regions.")] = True,
    organization: Annotated[bool, typer.Option(help="Events of all accounts.")] = False,
    kms_key: Annotated[str, typer.Option(help="A KMS key's ARN to encrypt it with.")] = "",
    confirm: Confirmed = "",
) -> None:
    """Create an event data store for management events."""
    from bot.engines.lake import admin

    regions = "all Regions" if all_regions else "this Region"
    whose = "all accounts of the organization" if organization else "this account"
    typer.echo(
        f"This creates the event data store {name}: management events of {regions} and {whose}, kept for "
        f"{days:,} days. AWS charges for what it takes in and for what is asked of it.",
        err=True,
    )
    _confirm(name, confirm, "create it")
    created = _admin().create(
        name,
        days=days,
        billing=billing.value,
        is_everywhere=all_regions,
        is_organizations=organization,
        key=kms_key,
    )
    typer.echo("\n".join(created.lines(datetime.now(UTC))))
    typer.echo(f"Events arrive from now on. To ask them:\n    {admin.next_step(created)}")


@app.command()
def delete(name: Named, *, confirm: Confirmed = "") -> None:
    """Delete an event data store, with its events."""
    from bot.engines.lake.admin import WAITING_DAYS

    admin = _admin()
    about = admin.find(name)
    protection = "turns its termination protection off and " if about.is_protected else ""
    typer.echo(
        f"This {protection}deletes {about.name} ({about.arn}) with all its events. For {WAITING_DAYS} days "
        "`tls-audit lake restore` can bring it back; then it is gone.",
        err=True,
    )
    _confirm(about.name, confirm, "delete it")
    admin.delete(about)
    typer.echo(f"{about.name} is being deleted. Until then: tls-audit lake restore {about.name}")


@app.command()
def restore(name: Named, *, confirm: Confirmed = "") -> None:
    """Bring back an event data store that is being deleted."""
    admin = _admin()
    about = admin.find(name)
    typer.echo(
        f"This brings {about.name} ({about.arn}) back, with its termination protection on, and AWS charges "
        "for it again.",
        err=True,
    )
    _confirm(about.name, confirm, "restore it")
    typer.echo("\n".join(admin.restore(about).lines(datetime.now(UTC))))


def _confirm(name: str, confirmed: str, what: str) -> None:
    """Go on only when the name was typed. UserError."""
    typed = confirmed or typer.prompt(f"Type its name to {what}", default="", show_default=False, err=True)
    if typed.strip() != name:
        raise UserError("That is not its name: nothing was done.", f"Type {name}, or give --confirm {name}.")


def _admin() -> Admin:
    from bot.engines.lake.admin import Admin
    from bot.engines.lake.cloudtrail import CloudTrail

    return Admin(CloudTrail(), _settings().stores)


def _settings() -> LakeSettings:
    from bot import settings
    from bot.engines.lake.engine import LakeSettings

    every = settings.load().engines.values()
    return next(each for each in every if isinstance(each, LakeSettings))
