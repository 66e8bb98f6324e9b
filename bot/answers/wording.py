"""Numbers, moments, money and names in words, the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.text import literal

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bot.table import Cell, Column


BYTES_PER_GB: Final = 1_000_000_000
"""AWS bills a gigabyte of 10^9 bytes scanned."""


_VERSIONS: Final = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}
_ORDINALS: Final = frozenset({"year_date", "month_date"})


def cost(scanned: int, dollars_per_gb: float) -> str:
    """ "1.8 GB, $0.009": what was read, and what that costs where it costs anything."""
    size = f"{scanned / BYTES_PER_GB:,.1f} GB" if scanned >= BYTES_PER_GB / 10 else f"{scanned / 1e6:,.1f} MB"
    return f"{size}, {money(scanned / BYTES_PER_GB * dollars_per_gb)}" if dollars_per_gb else size


def money(dollars: float) -> str:
    """ "$0.90", "$0.009", "under $0.001"."""
    if dollars >= 0.1 or dollars == 0:
        return f"${dollars:,.2f}"
    return f"${dollars:.3f}" if dollars >= 0.001 else "under $0.001"


def counted(number: int, noun: str) -> str:
    """`1 call`, `1,234 calls`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def short_service(source: str | None) -> str:
    """`s3` for `s3.amazonaws.com`."""
    return "unnamed" if source is None else literal(source.removesuffix(".amazonaws.com"))


def readable(column: Column, cell: Cell) -> Cell:
    """A cell as people say it: `s3`, TLS `1.0`, the year 2026. Files carry what the engine answered."""
    if column.name == "eventSource" and isinstance(cell, str):
        return short_service(cell)
    if column.name == "tlsVersion" and isinstance(cell, str):
        return _VERSIONS.get(cell, cell)
    if column.name in _ORDINALS and cell is not None:
        return str(cell)
    return cell


def clock(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """A moment for a reader in `zone`: "09:02" today, else "22 Nov 23:58", with the year if not this one."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year} {local:%H:%M}"
