"""Cards: what to do about the clients of an answer, one a client, most calls first.

A card is made of the answer's own rows, as far as their columns go, and is the same on every engine; what its
endpoint lacks, and what others negotiate with its hosts, stands there where that was asked too. Whether calls
are too old for the policy, and whether AWS still supports the client, are two verdicts. Nothing here is
escaped: surfaces show it literally, since names are strangers' text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.answers.blame import NO_BLAME
from bot.clients import agent as agents
from bot.clients import endpoint, fixes
from bot.clients.endpoint import Endpoint
from bot.clients.machine import evidence, machine
from bot.clients.support import support
from bot.event_schema import ANONYMOUS
from bot.question.filters import spelled
from bot.wording import counted, first_of, listed, number, short_service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.answers.blame import Blamed
    from bot.answers.handshakes import Handshakes
    from bot.clients.agent import Client
    from bot.question.accounts import Accounts
    from bot.question.owners import Owner, Owners
    from bot.question.question import Policy, Question
    from bot.table import Table

CARDS_MOST: Final = 5
"""Cards of an answer: more are not read."""

NAMED_ON_A_CARD: Final = 3
"""Services, and versions, that a card names."""

MACHINES_LOOKED_AT: Final = 50
"""Of a client's callers, those with most calls, whose machines are looked for."""


@dataclass(frozen=True, slots=True)
class Card:
    """What to do about one client, in lines of words.

    `command`, where there is one, is typed on the client's host; `page` is AWS's.
    """

    who: str
    calls_itself: str
    verdicts: str
    advice: str
    command: str | None
    certainty: str
    page: str | None
    agent: str = ""
    """The client, as it calls itself to AWS."""
    owner: Owner | None = None
    """Who is to see to most of its calls; None: nobody that is known."""
    hint: str = ""
    """What others negotiated with its hosts, of which nothing else on the card makes use."""


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of an answer, and in a sentence which clients have none; empty where all have one."""

    cards: tuple[Card, ...]
    without: str = ""


@dataclass(slots=True)
class _Calls:
    """What an answer's rows say of one client; every count is of calls."""

    all: int
    principals: Counter[str]
    owners: Counter[Owner | None]
    callers: Counter[tuple[str | None, ...]]
    services: Counter[str]
    versions: Counter[str]
    suites: Counter[str]


def made(
    question: Question, table: Table, blamed: Blamed = NO_BLAME, seen: Handshakes | None = None
) -> Cards | None:
    """The cards of what `table` answers to `question`; None where its rows name no clients of ours. `blamed`
    are its calls whose endpoint offers no more, and `seen` is what clients negotiated with hosts,
    None where that was not asked."""
    names = [column.name for column in table.columns]
    policy, measure = question.policy, question.view.measure
    if policy is None or question.view.narrows or "userAgent" not in names or not measure:
        return None
    totals: Counter[str] = Counter()
    strangers = set()
    for row in _rows(table, names):
        if _is_anonymous(row):
            strangers.add(_agent(row))
        else:
            totals[_agent(row)] += row[measure]
    read = {agent: agents.read(agent) for agent in totals}
    ours = Counter({agent: calls for agent, calls in totals.items() if read[agent].group == "ours"})
    others = {agent for agent in totals if agent not in ours} | strangers
    most = [agent for agent, _ in ours.most_common(CARDS_MOST)]
    if not most:
        return None
    calls = _calls(_rows(table, names), set(most), measure, question.owners)
    cards = tuple(_card(read[agent], calls[agent], question, policy, blamed, seen) for agent in most)
    return Cards(cards, _without(len(cards), len(ours), len(others)))


def _rows(table: Table, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows by the names of their columns."""
    return (dict(zip(names, row, strict=True)) for row in table.rows())


def _is_anonymous(row: Mapping[str, Any]) -> bool:
    """Whether nobody knows who called: a stranger, whatever the agent says."""
    who = row.get("arn") or row.get("principal") or row.get("accountId") or ""
    return str(who).lower() in ANONYMOUS


def _agent(row: Mapping[str, Any]) -> str:
    return row["userAgent"] or ""


def _calls(
    rows: Iterator[dict[str, Any]], wanted: set[str], measure: str, owners: Owners
) -> dict[str, _Calls]:
    found: dict[str, _Calls] = defaultdict(
        lambda: _Calls(0, Counter(), Counter(), Counter(), Counter(), Counter(), Counter())
    )
    for row in rows:
        if (agent := _agent(row)) not in wanted or _is_anonymous(row):
            continue
        calls, count = found[agent], row[measure]
        calls.all += count
        for counts, value in (
            (calls.principals, _principal(row)),
            (calls.services, row.get("eventSource")),
            (calls.versions, row.get("tlsVersion")),
            (calls.suites, row.get("cipherSuite")),
        ):
            if value:
                counts[value] += count
        if owners.rules:
            calls.owners[owners.of(row.get("arn") or row.get("principal") or "", agent)] += count
        account = row.get("accountId") or row.get("recipientAccountId")
        calls.callers[row.get("arn"), account, row.get("sourceIPAddress")] += count
    return found


def _principal(row: Mapping[str, Any]) -> str | None:
    """Who called, shortened to `role/nightly-export`: a role for all its sessions."""
    arn = row.get("arn") or row.get("principal")
    if not arn:
        return None
    if session := re.fullmatch(r"arn:aws[\w-]*:sts::\d{12}:assumed-role/([^/]+)/.*", arn, re.DOTALL):
        return f"role/{session[1]}"
    named = re.fullmatch(r"arn:aws[\w-]*:iam::\d{12}:(.+)", arn, re.DOTALL)
    return named[1] if named else str(arn)


def _card(
    client: Client, calls: _Calls, question: Question, policy: Policy, blamed: Blamed, seen: Handshakes | None
) -> Card:
    found = support(client, question.on)
    asked = _asked(policy, calls, over=found.supported is False)
    said = [_too_old(asked, policy, calls), fixes.support_words(client, found, question.on)]
    versions = [fixes.contradiction(client, version, None) for version in calls.versions]
    said.append(blamed.of_client(client.agent))
    said += [f"its handshake denies its agent: {why}" for why in dict.fromkeys(filter(None, versions))]
    if asked is None:
        return Card(
            who=_who(client, calls, question.accounts),
            calls_itself=fixes.calls_itself(client),
            verdicts=_joined(said),
            advice=f"Smallest step: move to {found.instead}." if found.instead else "",
            command=None,
            certainty="By what it calls itself",
            page=None if found.source is None else found.source.page,
            agent=client.agent,
            owner=_owner(calls),
        )
    hint = "" if seen is None else seen.hint(client.agent, asked)
    limited = blamed.by_client[client.agent]
    if limited and limited >= calls.all:
        limit = blamed.limit(client.agent)
        return Card(
            who=_who(client, calls, question.accounts),
            calls_itself=fixes.calls_itself(client),
            verdicts=_joined(said),
            advice=_joined([f"{limit.why}: no upgrade of the client helps."]),
            command=None,
            certainty="Surely the endpoint" if limit.sure else "Likely the endpoint, or else the client",
            page=fixes.pages(limit.facts)[0],
            agent=client.agent,
            owner=_owner(calls),
            hint=hint,
        )
    # where several services were called, or none is told, S3 may be among them, whose endpoints offer least
    service = next(iter(calls.services)) if len(calls.services) == 1 else "s3.amazonaws.com"
    fix = fixes.fix(client, asked, Endpoint(service=service))
    advice = f"{fix.why.removesuffix('.')}."
    advice += f" Smallest step: {fix.step}." if fix.step else ""
    command = None if fix.cause == "network" else fix.command
    about = None if fix.cause is None else fixes.advice(client)
    return Card(
        who=_who(client, calls, question.accounts),
        calls_itself=fixes.calls_itself(client),
        verdicts=_joined(said),
        advice=f"{advice} On the host:" if command else advice,
        command=command,
        certainty=_joined([_blame(fix), "" if about is None else about.certainty]),
        page=fix.page,
        agent=client.agent,
        owner=_owner(calls),
        hint=hint,
    )


def _owner(calls: _Calls) -> Owner | None:
    """Whose most of the calls are that are anybody's."""
    known = (owner for owner, _ in calls.owners.most_common() if owner is not None)
    return next(known, None)


def _who(client: Client, calls: _Calls, accounts: Accounts) -> str:
    """`role/nightly-export · 812 calls to s3 · EC2 i-0c1a2b3c in 111122223333 (by its session name)`."""
    said = []
    if calls.principals:
        (most, _), others = calls.principals.most_common(1)[0], len(calls.principals) - 1
        said.append(f"{most} and {counted(others, 'other')}" if others else most)
    services = [short_service(name) for name, _ in calls.services.most_common()]
    said.append(
        counted(calls.all, "call") + (f" to {first_of(services, NAMED_ON_A_CARD)}" if services else "")
    )
    machines: Counter[str] = Counter()
    for (arn, account, address), count in calls.callers.most_common(MACHINES_LOOKED_AT):
        identity = {"arn": arn, "accountId": account}
        where = machine(
            evidence({"userIdentity": identity, "userAgent": client.agent, "sourceIPAddress": address}),
            accounts.names,
        )
        if where is not None:
            machines[f"{where.name} (by {where.ground})"] += count
    if machines:
        others = len(machines) - 1
        said.append(next(iter(machines)) + (f" and {counted(others, 'more machine')}" if others else ""))
    return " · ".join(said)


def _asked(policy: Policy, calls: _Calls, *, over: bool) -> endpoint.Policy | None:
    """Which of the policy's words the client's calls fall below; None where that may be its SDK's alone."""
    if policy.min_tls is not None and _older(policy.min_tls, calls):
        return "min=1.3" if policy.min_tls == "1.3" else "min=1.2"
    if policy.sdk is not None and (over or not (policy.kx or policy.weak_cipher)):
        return None
    if policy.kx is not None:
        return "kx=classical" if policy.kx == "classical" else "kx=below-cnsa"
    if policy.weak_cipher:
        return "min=1.3"  # its suites are none of those that count as weak (docs/facts.md)
    if not calls.versions and policy.min_tls is None:
        return None
    if not calls.versions:
        return "min=1.3" if policy.min_tls == "1.3" else "min=1.2"
    if policy.min_tls is None and not _older("1.3", calls):
        return None
    return "min=1.2" if _older("1.2", calls) else "min=1.3"


def _older(floor: str, calls: _Calls) -> list[str]:
    """The versions below a floor that the rows tell, the newest first."""
    return sorted((version for version in calls.versions if version < spelled(floor)), reverse=True)


def _too_old(asked: endpoint.Policy | None, policy: Policy, calls: _Calls) -> str:
    """Why its calls are too old for the policy; nothing where only support was asked."""
    if asked is None:
        return ""
    if asked in {"kx=classical", "kx=below-cnsa"}:
        return "too old for the policy: " + (
            "no post-quantum key exchange" if asked == "kx=classical" else "no ML-KEM-1024"
        )
    old = _older(policy.min_tls or "1.3", calls)
    if old:
        names = ["1.0" if version == "TLSv1" else version.removeprefix("TLSv") for version in old]
        return f"too old for the policy: TLS {listed(names)}"
    if policy.weak_cipher and calls.suites:
        suites = [suite for suite, _ in calls.suites.most_common()]
        return f"too old for the policy: {first_of(suites, NAMED_ON_A_CARD)}"
    return "too old for the policy"


def _blame(fix: fixes.Fix) -> str:
    """What is to blame, and how sure that is."""
    if fix.cause is None:
        return "No source says what is to blame"
    if fix.sure:
        return f"Surely the {fix.cause}"
    return f"Likely the {fix.cause}" + (f", or else the {fix.otherwise}" if fix.otherwise else "")


def _joined(words: Sequence[str]) -> str:
    said = " · ".join(filter(None, words))
    return said[:1].upper() + said[1:]


def _without(cards: int, ours: int, others: int) -> str:
    said = []
    if ours > cards:
        said.append(f"{number(cards)} of {counted(ours, 'client')}, those with most calls.")
    if others:
        said.append(f"{counted(others, 'more client')}: AWS's own, or strangers'.")
    return " ".join(said)
