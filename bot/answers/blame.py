"""Calls whose endpoint offers no more: a group of their own, which stays in every count."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from bot.clients.endpoint import Endpoint, Limit
from bot.event_schema import ANONYMOUS
from bot.wording import counted, listed, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.table import Table


@dataclass(frozen=True, slots=True)
class Blamed:
    """How many calls the view `endpoints` answers with: by what their endpoint lacks, and by client."""

    by_limit: Counter[Limit] = field(default_factory=Counter)
    by_client: Counter[str] = field(default_factory=Counter)
    limits: Mapping[str, Counter[Limit]] = field(default_factory=lambda: defaultdict(Counter))
    """What the endpoints of a client's calls lack."""

    @property
    def calls(self) -> int:
        return self.by_limit.total()

    def words(self) -> tuple[str, ...]:
        """ "The endpoint offers no more: 812 calls (S3 has no TLS 1.3 over PrivateLink)."; none for none."""
        if not self.calls:
            return ()
        whys: Counter[str] = Counter()
        for limit, calls in self.by_limit.items():
            whys[limit.why] += calls
        each = [f"{why}: {number(calls)}" for why, calls in whys.most_common()]
        why = next(iter(whys)) if len(whys) == 1 else listed(each)
        return (f"The endpoint offers no more: {counted(self.calls, 'call')} ({why}).",)

    def of_client(self, agent: str) -> str:
        """ "the endpoint offers no more: 12 calls"; nothing for none."""
        calls = self.by_client[agent]
        return f"the endpoint offers no more: {counted(calls, 'call')}" if calls else ""

    def limit(self, agent: str) -> Limit:
        """What the endpoints of most of a client's calls lack. It has some."""
        return self.limits[agent].most_common(1)[0][0]


NO_BLAME: Final = Blamed()
"""No call of which that is known."""


def from_table(table: Table | None) -> Blamed:
    """What the view `endpoints` says; nothing where it was not asked."""
    found = Blamed()
    if table is None:
        return found
    names = [column.name for column in table.columns]
    for row in table.rows():
        said = dict(zip(names, row, strict=True))
        at = Endpoint(str(said["host"]), None, str(said["eventSource"]))
        limit = at.limit("kx=classical")
        if limit is None:  # an older bot's run may hold what a newer one's rows do not
            continue
        calls = cast("int", said["numOutdatedTlsCalls"])
        found.by_limit[limit] += calls
        if str(said["principal"]).lower() in ANONYMOUS:
            continue  # strangers, whatever their agent says
        client = str(said["userAgent"] or "")
        found.by_client[client] += calls
        found.limits[client][limit] += calls
    return found
