"""What was read for an answer, and how much of it says its TLS version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bot.answers.wording import clock, counted, short_service

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from bot.table import Table


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
        read_ = f"{counted(self.events, 'event')} read"
        if self.events == 0:
            return read_
        share = 100 * self.without_tls / self.events
        without = "none" if self.without_tls == 0 else "under 0.1 %" if share < 0.1 else f"{share:.1f} %"
        return f"{read_}, {without} without TLS details"

    def words(self, zone: tzinfo, now: datetime) -> str:
        """`read_words`, and "newest 09:02" for a reader in `zone`."""
        newest = "" if self.newest is None else f", newest {clock(self.newest, zone, now)}"
        return self.read_words() + newest


def read_coverage(table: Table) -> Coverage:
    """What the answer of `statement.coverage` says."""
    # coverage.sql promises these types
    rows = cast("list[tuple[str | None, int, int, datetime, datetime]]", list(table.rows()))
    return Coverage(
        events=sum(events for _, events, *_ in rows),
        without_tls=sum(without for _, _, without, *_ in rows),
        silent=tuple(sorted(short_service(name) for name, events, without, *_ in rows if events == without)),
        oldest=min((oldest for *_, oldest, _ in rows), default=None),
        newest=max((newest for *_, newest in rows), default=None),
    )
