"""`tls-audit demo`: the bot in a small Slack of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.health import DEMO, beat
from bot.cli.serve import until_stopped
from bot.errors import UserError


def demo(
    *,
    host: Annotated[str, typer.Option(help="Where the page is served.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="On which port; 0 takes a free one.")] = 8765,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    script: Annotated[
        Path | None, typer.Option(help="Send this file's commands, print the threads, and end.")
    ] = None,
) -> None:
    """Try the bot in a small Slack of its own, on sample events. Needs no account, and keeps nothing."""
    from bot import settings
    from bot.demo import playground

    lines = None if script is None else _read_script(script)
    chosen = settings.load()
    port = port if lines is None else 0
    with playground.running(chosen, host, port, with_past=lines is None) as (sandbox, bot):
        if lines is not None:
            for line in lines:
                typer.echo(playground.play(sandbox, bot.worker, line))
            return
        with until_stopped() as stopped:
            typer.echo(f"A Slack to try TLS Audit in: {sandbox.page_url}  (SAMPLE DATA; Ctrl-C stops)")
            if browser:
                typer.launch(sandbox.page_url)
            # in the data folder it would speak for a bot that serves from there
            with tempfile.TemporaryDirectory(prefix=DEMO) as folder:
                beat(bot, Path(folder), stopped)


def _read_script(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
