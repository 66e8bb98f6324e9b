"""`tls-audit doctor`: what is right, and how to mend what is not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from bot.cli import FAILURE
from bot.secrets import Secrets


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each check.")] = False
) -> None:
    """Check tokens, scopes, channels, the engine and the database; say how to mend what is wrong."""
    from bot import settings
    from bot.cli import checks, terminal

    failed, chosen = False, settings.load()
    hide = Secrets(chosen.secrets).hide
    for each in checks.run(chosen):
        if as_json:
            typer.echo(hide(json.dumps(asdict(each), ensure_ascii=False)))
        else:
            said = f"{'✗' if not each.passed else '!' if each.warns else '✓'} {each.what}"
            if each.warns or not each.passed:
                said = f"{said}\n  → {each.mend}"
            typer.echo(terminal.wrapped(hide(said), terminal.width()))
        failed = failed or not each.passed
    if failed:
        raise typer.Exit(FAILURE)
