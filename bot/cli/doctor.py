"""`tls-audit doctor`: what is right, and how to mend what is not."""

from __future__ import annotations

import typer

from bot.cli import FAILURE
from bot.secrets import Secrets


def doctor() -> None:
    """Check tokens, scopes, channels, the engine and the database; say how to mend what is wrong."""
    from bot import settings
    from bot.cli import checks

    failed, chosen = False, settings.load()
    hide = Secrets(chosen.secrets).hide
    for each in checks.run(chosen):
        typer.echo(hide(f"{'✓' if each.passed else '✗'} {each.what}"))
        if not each.passed:
            typer.echo(hide(f"  → {each.mend}"))
            failed = True
    if failed:
        raise typer.Exit(FAILURE)
