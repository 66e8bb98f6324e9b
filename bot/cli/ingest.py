"""`tls-audit ingest`: log files into the archive of the embedded engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from bot.cli import FAILURE
from bot.errors import UserError
from bot.text import literal

DAY_FORMATS: Final = ["%Y-%m-%d"]


def ingest(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Folders, files or s3://bucket/prefix; else TLS_AUDIT_LOGS.")
    ] = None,
    *,
    since: Annotated[
        datetime | None, typer.Option(formats=DAY_FORMATS, help="The first day, of folders that tell theirs.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=DAY_FORMATS, help="The last day, of folders that tell theirs.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Name every file that was not read, or not all of it.")
    ] = False,
) -> None:
    """Read CloudTrail log files into the archive that the embedded engine asks."""
    from bot import bootstrap as parts
    from bot import settings
    from bot.cli import terminal

    chosen = settings.load()
    sources = paths or chosen.places
    if not sources:
        raise UserError("No log files to read.", "Name a folder, or set TLS_AUDIT_LOGS.")
    with terminal.ingest_progress() as progress:
        archive = parts.archive(chosen)
        done = archive.ingest(
            sources,
            progress=progress,
            leave_out=chosen.left_out,
            since=since and since.replace(tzinfo=UTC),
            until=until and until.replace(tzinfo=UTC),
        )
    archive.compact()
    if verbose:
        for report in done.reports:
            if not report.is_left_out:
                typer.echo(f"{literal(report.name)}: {literal(report.words)}")
    typer.echo(terminal.ingested(done, archive.sources().left_out if verbose else ()))
    if done.bad:
        raise typer.Exit(FAILURE)
