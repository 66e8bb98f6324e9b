"""`tls-audit views`: the questions that can be asked."""

from __future__ import annotations

import typer


def views() -> None:
    """List the questions that can be asked."""
    from bot import settings
    from bot.question import views as catalogue

    for view in catalogue.load(settings.load().views).values():
        policy = "" if view.has_policy else " (whatever the policy)"
        typer.echo(f"{view.name}\n    {view.title}. {view.about}{policy}")
        typer.echo(f"    {', '.join(column.name for column in view.columns)}")
        if view.source not in {"", "TLS Audit"}:
            typer.echo(f"    From: {view.source}")
