"""Numbers, sizes, money, dates and lists in words, the same everywhere. English, whatever the locale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.text import literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime, timedelta, tzinfo

BYTES_PER_GB: Final = 1_000_000_000
"""AWS bills a gigabyte of 10^9 bytes scanned."""

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""By `date.weekday()`."""

MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""By `date.month - 1`."""

LEAST_PERCENT: Final = 0.1
"""The least share that is shown as a number, and the least that a share lacks of all."""


# --- numbers


def number(value: float) -> str:
    """`1,234`."""
    return f"{value:,}"


def plural(noun: str, count: float) -> str:
    """`call` for one, else `calls`; `address`, `addresses`."""
    return noun if count == 1 else noun + ("es" if noun.endswith("s") else "s")


def counted(count: int, noun: str) -> str:
    """`1 call`, `1,234 calls`."""
    return f"{number(count)} {plural(noun, count)}"


def share(part: int, whole: int) -> str:
    """`2.1 %`, `under 0.1 %`, `over 99.9 %`, `none`. `whole` is not 0."""
    return f"{percent(100 * part / whole)} %" if part else "none"


def percent(exact: float) -> float | str:
    """Percent to a tenth; but what is neither none nor all is not shown as that."""
    if 0 < exact < LEAST_PERCENT:
        return f"under {LEAST_PERCENT}"
    if 100 - LEAST_PERCENT < exact < 100:
        return f"over {100 - LEAST_PERCENT}"
    return round(exact, 1)


def size(count: float) -> str:
    """Bytes as AWS bills them: `1.8 GB`, and `12.0 MB` for less than a tenth of one."""
    if count >= BYTES_PER_GB / 10:
        return f"{count / BYTES_PER_GB:,.1f} GB"
    return f"{count / 1e6:,.1f} MB"


def gigabytes(count: float) -> str:
    """Bytes in one unit, so that a number that grows can be followed: `0.0 GB`, `1.8 GB`."""
    return f"{count / BYTES_PER_GB:,.1f} GB"


def money(dollars: float) -> str:
    """ "$0.90", "$0.009", "under $0.001"."""
    if dollars >= 0.1 or dollars == 0:
        return f"${dollars:,.2f}"
    return f"${dollars:.3f}" if dollars >= 0.001 else "under $0.001"


def cost(scanned: int, dollars_per_gb: float) -> str:
    """ "1.8 GB, $0.009": what was read, and what that costs where it costs anything."""
    read = size(scanned)
    return f"{read}, {money(scanned / BYTES_PER_GB * dollars_per_gb)}" if dollars_per_gb else read


# --- time


def month_day(day: date, today: date | None) -> str:
    """`22 Nov`; `22 Nov 2025` where that is not the year of `today`, or where `today` is None."""
    year = "" if today is not None and day.year == today.year else f" {day.year}"
    return f"{day.day} {MONTHS[day.month - 1][:3]}{year}"


def weekday_date(day: date, today: date | None) -> str:
    """`Sun 22 Nov`, with the year as `month_day` has it."""
    return f"{WEEKDAYS[day.weekday()][:3]} {month_day(day, today)}"


def moment(when: datetime, zone: tzinfo, now: datetime) -> str:
    """A moment for a reader in `zone`: "09:02" today, else "22 Nov 23:58", with the year if not this one."""
    local, today = when.astimezone(zone), now.astimezone(zone).date()
    clock = f"{local:%H:%M}"
    return clock if local.date() == today else f"{month_day(local, today)} {clock}"


def utc(when: datetime) -> str:
    """A moment for readers anywhere: `2026-11-22 23:58 UTC`. `when` is in UTC."""
    return f"{when:%Y-%m-%d %H:%M} UTC"


def seconds_words(seconds: float) -> str:
    """`3 min 20 s`, `20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def span(length: timedelta) -> str:
    """In its largest unit: `2 days` from 48 hours on, `5 hours`, `1 minute`."""
    minutes = int(length.total_seconds()) // 60
    if minutes >= 48 * 60:
        return counted(length.days, "day")
    return counted(minutes // 60, "hour") if minutes >= 60 else counted(minutes, "minute")


# --- names


def listed(names: Sequence[str], last: str = "and") -> str:
    """`a, b and c`. At least one name."""
    *most, end = names
    return f"{', '.join(most)} {last} {end}" if most else end


def first_of(names: Sequence[str], most: int) -> str:
    """`a, b, …`: the first few of what nobody reads in full."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def short_service(source: str | None) -> str:
    """`s3` for `s3.amazonaws.com`."""
    return "unnamed" if source is None else literal(source.removesuffix(".amazonaws.com"))
