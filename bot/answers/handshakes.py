"""What others negotiated with the hosts that a client called: a hint in words, which takes nothing away.

Whoever negotiates a newer version shows that the host offers it. That nobody does shows little: the only
caller may be the old one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast, get_args

from bot.clients.endpoint import Endpoint
from bot.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.clients.endpoint import Policy
    from bot.table import Table

HOSTS_NAMED: Final = 2
"""Hosts that a sentence names, those with most calls: more are not read."""

HOST_CHARS: Final = 80
"""What is shown of a host: callers may write anything for one."""

_FLOORS: Final[Mapping[Policy, str]] = {"min=1.2": "TLSv1.2", "min=1.3": "TLSv1.3"}
"""The oldest version that a policy asks for; in this spelling versions sort as text."""

_Evidence = Literal["others newer", "itself newer", "others older", "alone"]
"""What is known of a host, the strongest first: who negotiates a version that is new enough with it, or that
others call it and nobody does, or that nobody else is known to call it."""


class _Row(NamedTuple):
    """So many calls of a client to a host over one version."""

    service: str
    host: str
    client: str
    version: str
    calls: int


@dataclass(slots=True)
class _Group:
    """Hosts of which the same is known: by whose calls, the newest of them."""

    hosts: list[str] = field(default_factory=list)
    clients: set[str] = field(default_factory=set)
    calls: int = 0

    def add(self, host: str, rows: Sequence[_Row]) -> None:
        self.hosts.append(host)
        self.clients.update(row.client for row in rows)
        self.calls += sum(row.calls for row in rows)


@dataclass(frozen=True, slots=True)
class Handshakes:
    """The calls that a question asks for, by client, and everybody's calls to the same hosts, by host."""

    asked: Mapping[str, Sequence[_Row]]
    by_host: Mapping[str, Sequence[_Row]]
    is_whole: bool
    """Whether these are all: else they show what a host offers, and not that nobody else called it."""

    def hint(self, client: str, policy: Policy) -> str:
        """ "Others negotiate TLS 1.3 with kms.us-east-1.amazonaws.com (4,211 calls of 12 clients): it offers
        that.": a sentence for each thing that is known of the hosts of those of the client's calls that
        `policy` finds too old. Nothing where it asks for no version, or no host is known. Not escaped: hosts
        are strangers' text."""
        floor = _FLOORS.get(policy)
        if floor is None:
            return ""
        groups: dict[tuple[_Evidence, str], _Group] = defaultdict(_Group)
        for host, services in self._hosts(client, floor).items():
            evidence, version, rows = self._known(host, client, floor)
            # where a source says what an endpoint lacks, that says more than that nobody has it
            is_limited = any(Endpoint(host, None, service).limit(policy) for service in services)
            if evidence in {"others newer", "itself newer"} or (self.is_whole and not is_limited):
                groups[evidence, version].add(host, rows)
        strongest_first = sorted(groups, key=lambda key: get_args(_Evidence).index(key[0]))
        return " ".join(_sentence(*key, groups[key], is_whole=self.is_whole) for key in strongest_first)

    def _hosts(self, client: str, floor: str) -> dict[str, set[str]]:
        """The hosts of a client's calls below a version, those with most calls first, and their services."""
        calls: Counter[str] = Counter()
        services: dict[str, set[str]] = defaultdict(set)
        for row in self.asked.get(client, ()):
            if row.version < floor:
                calls[row.host] += row.calls
                services[row.host].add(row.service)
        return {host: services[host] for host, _ in calls.most_common()}

    def _known(self, host: str, client: str, floor: str) -> tuple[_Evidence, str, list[_Row]]:
        """What is known of a host; the newest version with it, or `floor` where none is new enough; and the
        rows that show it."""
        others = [row for row in self.by_host[host] if row.client != client]
        itself = [row for row in self.by_host[host] if row.client == client]
        newer: tuple[tuple[_Evidence, list[_Row]], ...] = (("others newer", others), ("itself newer", itself))
        for evidence, rows in newer:
            newest = max((row.version for row in rows), default="")
            if newest >= floor:
                return evidence, newest, [row for row in rows if row.version == newest]
        return "others older" if others else "alone", floor, others


def _sentence(evidence: _Evidence, version: str, known: _Group, *, is_whole: bool) -> str:
    tls = f"TLS {version.removeprefix('TLSv')}"
    it, offers = ("it", "offers") if len(known.hosts) == 1 else ("they", "offer")
    calls = counted(known.calls, "call") if is_whole else f"at least {counted(known.calls, 'call')}"
    clients = len(known.clients)
    match evidence:
        case "others newer":
            called = f"{calls} of {counted(clients, 'client')}"
            return f"Others negotiate {tls} with {_named(known.hosts, 'and')} ({called}): {it} {offers} that."
        case "itself newer":
            hosts = _named(known.hosts, "and")
            return f"Other calls of this client negotiate {tls} with {hosts} ({calls}): {it} {offers} that."
        case "others older":
            hosts = f"{_named(known.hosts, 'or')} ({counted(clients, 'other client')})"
            return f"Nobody negotiates {tls} with {hosts}: {it}, or a proxy on the way, may offer no more."
        case "alone":
            hosts = _named(known.hosts, "or")
            return f"Nobody else's handshake with {hosts} is recorded: events do not say what {it} {offers}."


def _named(hosts: Sequence[str], last: str) -> str:
    """ "a, b and 3 others"; of a long one its two ends, which tell whose it is and where."""
    half = HOST_CHARS // 2
    shown = [each if len(each) <= HOST_CHARS else f"{each[:half]}…{each[-half:]}" for each in hosts]
    more = len(shown) - HOSTS_NAMED
    return listed([*shown[:HOSTS_NAMED], *([counted(more, "other")] if more > 0 else [])], last)


def from_tables(asked: Table, everybody: Table, *, cap: int) -> Handshakes:
    """What the answers of `select.handshakes` say, each of at most `cap` rows; where there is but that of
    everybody, `asked` is that too, since `Handshakes.hint` looks at the versions."""
    by_client: dict[str, list[_Row]] = defaultdict(list)
    by_host: dict[str, list[_Row]] = {}
    for row in _rows(asked):
        by_client[row.client].append(row)
        by_host[row.host] = []
    for row in _rows(everybody):
        if row.host in by_host:
            by_host[row.host].append(row)
    return Handshakes(by_client, by_host, is_whole=not everybody.is_partial and everybody.row_count < cap)


def _rows(table: Table) -> Iterator[_Row]:
    """The rows that say a host and a version."""
    places = [table.index(name) for name in ("eventSource", "host", "userAgent", "tlsVersion")]
    calls = table.index("numOutdatedTlsCalls")
    for row in table.rows():
        service, host, client, version = (cast("str | None", row[place]) for place in places)
        if host and version:
            yield _Row(service or "", host, client or "", version, cast("int", row[calls]))
