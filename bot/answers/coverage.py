"""What was read for an answer, and how much of it says its TLS version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from bot.event_schema import CIPHER_SUITE, HOST, KEY_EXCHANGE, TLS_VERSION
from bot.wording import counted, first_of, moment, share, short_service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo

    from bot.table import Table

SILENT_NAMED: Final = 5
"""Services without TLS details that are named; more are not read."""

SILENCES: Final = {
    TLS_VERSION: "numWithoutTls",
    CIPHER_SUITE: "numWithoutSuite",
    KEY_EXCHANGE: "numWithoutKeyExchange",
    HOST: "numWithoutHost",
}
"""The columns of coverage.sql that count the events which do not say it."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read for an answer: the same window and filters, whatever the TLS."""

    events: int
    without_tls: int
    silent: tuple[str, ...]
    """Services none of whose events carry TLS details, shortened: `health`, `sso`."""
    oldest: datetime | None
    newest: datetime | None
    without: Mapping[str, int] = field(default_factory=dict)
    """Events that do not say what an event may say, by that."""

    def silent_on(self, fact: str) -> int:
        """How many events do not say a fact, one of `SILENCES`; none where that was not asked."""
        return self.without_tls if fact == TLS_VERSION else self.without.get(fact, 0)

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
    """What the answer of `select.coverage` says. Of what an older bot did not ask, no event says anything: a
    run that was under way at the update keeps the statement it began with."""
    # coverage.sql promises these types
    rows = list(table.rows())
    events, asked = _numbers(table, "numEvents"), {column.name for column in table.columns}
    counts = {fact: _numbers(table, name) if name in asked else events for fact, name in SILENCES.items()}
    without_tls = counts.pop(TLS_VERSION)
    names = cast("list[str | None]", [row[0] for row in rows])
    oldest, newest = (
        cast("list[datetime]", [row[table.index(name)] for row in rows])
        for name in ("oldestEvent", "newestEvent")
    )
    silent = [name for name, every, none in zip(names, events, without_tls, strict=True) if every == none]
    return Coverage(
        events=sum(events),
        without_tls=sum(without_tls),
        silent=tuple(sorted(map(short_service, silent))),
        oldest=min(oldest, default=None),
        newest=max(newest, default=None),
        without={fact: sum(each) for fact, each in counts.items()},
    )


def _numbers(table: Table, name: str) -> list[int]:
    place = table.index(name)
    return [cast("int", row[place]) for row in table.rows()]
