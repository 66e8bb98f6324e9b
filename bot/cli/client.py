"""`tls-audit client`: what an agent string says, and until when AWS supports it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from bot.clients.agent import Client
    from bot.clients.support import Support


class Form(StrEnum):
    """How an answer is written."""

    table = "table"
    json = "json"


def client(
    agents: Annotated[
        list[str] | None,
        typer.Argument(metavar="AGENT…", help="Agent strings, quoted; else stdin, one a line."),
    ] = None,
    *,
    form: Annotated[Form, typer.Option("--format", help="For people, or one object a line.")] = Form.table,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Supported on this day; else today.")
    ] = None,
) -> None:
    """Say what agent strings are: SDK, language, system, place, and whether AWS supports them."""
    from bot.clients import agent, fixes
    from bot.clients.support import support
    from bot.text import literal

    day = (on or datetime.now(UTC)).date()
    for place, said in enumerate(agents or _lines()):
        read = agent.read(said)
        found = support(read, day)
        if form is Form.json:
            typer.echo(_object(read, found))
        elif agents:
            typer.echo(("\n" if place else "") + _card(read, found, day))
        else:
            typer.echo(literal(fixes.introduction(read, found, day)))


def _lines() -> Iterable[str]:
    """The lines of stdin; an empty one is an agent too. Bytes that are no text stand for themselves."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
    return (line.removesuffix("\n").removesuffix("\r") for line in sys.stdin)


def _object(read: Client, found: Support) -> str:
    import json

    return json.dumps(
        {
            "agent": read.agent,
            "kind": read.kind,
            "sdk": read.sdk,
            "sdk_version": read.sdk_version,
            "language": read.language,
            "language_version": read.language_version,
            "os": read.os,
            "runs_in": read.runs_in,
            "app": read.app,
            "supported": found.supported,
            "end_of_support": found.end_of_support.isoformat() if found.end_of_support else None,
            "source": found.source.page if found.source else None,
        }
    )


def _card(read: Client, found: Support, day: date) -> str:
    from bot.clients import fixes
    from bot.text import literal

    lines = [fixes.introduction(read, found, day)]
    advice = fixes.advice(read)
    if advice is not None:
        lines += [f"{advice.words} {advice.steps} On the host:", f"    {advice.command}"]
        lines.append(f"{advice.certainty} · {advice.page}")
    if found.source is not None:
        lines.append(f"Support: {found.source.page} (read {found.source.read})")
    return "\n".join(map(literal, lines))
