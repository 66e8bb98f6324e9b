"""What was read for an answer, and how much of it says its TLS version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from bot.wording import counted, first_of, moment, share, short_service

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bot.table import Table

SILENT_NAMED: Final = 5
"""Services without TLS details that are named; more are not read."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read for an answer: the same window and filters, whatever the TLS."""

    events: int
    without_tls: int
    silent: tuple[str, ...]
    """Services none of whose events carry TLS details, shortened: `health`, `sso`."""
    oldest: datetime | None
    newest: datetime | None

    def read_words(self) -> str:
        """ "4,959,792 events read, 2.1 % without TLS details"."""
        read = f"{counted(self.events, 'event')} read"
        if self.events == 0:
            return read
        return f"{read}, {share(self.without_tls, self.events)} without TLS details"

    def silent_words(self) -> str:
        """ "2 services (health, sso) carry": who carries no TLS details. `silent` is not empty."""
        carry = "carries" if len(self.silent) == 1 else "carry"
        named = first_of(self.silent, SILENT_NAMED)
        return f"{counted(len(self.silent), 'service')} ({named}) {carry}"

    def words(self, zone: tzinfo, now: datetime) -> str:
        """`read_words`, and "newest 09:02" for a reader in `zone`."""
        newest = "" if self.newest is None else f", newest {moment(self.newest, zone, now)}"
        return self.read_words() + newest


def from_table(table: Table) -> Coverage:
    """What the answer of `select.coverage` says."""
    # coverage.sql promises these types
    rows = cast("list[tuple[str | None, int, int, datetime, datetime]]", list(table.rows()))
    return Coverage(
        events=sum(events for _, events, *_ in rows),
        without_tls=sum(without for _, _, without, *_ in rows),
        silent=tuple(sorted(short_service(name) for name, events, without, *_ in rows if events == without)),
        oldest=min((oldest for *_, oldest, _ in rows), default=None),
        newest=max((newest for *_, newest in rows), default=None),
    )
