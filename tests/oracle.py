"""What every view should answer, found by plain Python loops over the events, without any SQL.

The judge of the engines: it shares no code with `bot.statement` or an engine, and spells the
policy out on its own. Rows come in the order the views promise.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.question.parser import Filter
    from bot.question.question import Policy, Question

Record = dict[str, Any]
Row = tuple[Any, ...]

AGES = {"SSLv2": 0, "SSLv3": 0, "TLSv1": 10, "TLSv1.0": 10, "TLSv1.1": 11, "TLSv1.2": 12, "TLSv1.3": 13}


def answer(question: Question, records: Iterable[Record]) -> list[Row]:
    """The rows of `question` over `records`, each event counted once however often it was delivered."""
    once = {record["eventID"]: record for record in records}.values()
    chosen = [record for record in once if _in_window(question, record)]
    chosen = [record for record in chosen if all(_matches(each, record) for each in question.filters)]
    if question.policy is not None:
        chosen = [record for record in chosen if _breaks(question.policy, record)]
    rows = VIEWS[question.view.name](chosen)
    return rows if question.top is None else _top(question, rows)


def _top(question: Question, rows: list[Row]) -> list[Row]:
    names = [column.name for column in question.view.columns]
    if question.view.measure:
        place = names.index(question.view.measure)
        rows = sorted(rows, key=lambda row: -row[place])  # sorted keeps the view's order among equals
    return rows[: question.top]


def when(record: Record) -> datetime:
    return datetime.fromisoformat(record["eventTime"])


def principal(record: Record) -> str | None:
    identity = record["userIdentity"]
    for key in ("arn", "userName", "principalId", "invokedBy"):
        if identity.get(key) is not None:
            return str(identity[key])
    return None


def tls(record: Record, key: str = "tlsVersion") -> Any:
    return (record.get("tlsDetails") or {}).get(key)


def weakness(record: Record) -> str | None:
    suite = tls(record, "cipherSuite")
    if suite is None:
        return None
    if "RC4" in suite:
        return "RC4"
    if "3DES" in suite or "DES-CBC3" in suite:
        return "3DES"
    ephemeral = ("ECDHE", "DHE", "TLS_AES", "TLS_CHACHA20", "TLS_ECDHE", "TLS_DHE")
    if not suite.startswith(tuple(start + mark for start in ephemeral for mark in "-_")):
        return "no forward secrecy"
    if suite.endswith(("-SHA", "_SHA")):
        return "CBC with SHA-1"
    return None


def is_classical(record: Record) -> bool:
    exchange = tls(record, "keyExchange")
    return exchange is not None and "mlkem" not in exchange.lower() and "kyber" not in exchange.lower()


def _in_window(question: Question, record: Record) -> bool:
    return question.window.start <= when(record) < question.window.end


def _breaks(policy: Policy, record: Record) -> bool:
    if policy == type(policy)(min_tls=None):
        return True
    floor = policy.min_tls
    if floor is not None and tls(record) in AGES and AGES[tls(record)] < int(floor.replace(".", "")):
        return True
    if policy.weak_cipher and weakness(record) is not None:
        return True
    return policy.classical_kx and is_classical(record)


def _matches(filter_: Filter, record: Record) -> bool:
    value = FIELDS[filter_.word](record)
    found = value is not None and any(_same(filter_.word, value, wanted) for wanted in filter_.values)
    if filter_.word == "principal":
        roles = [wanted for wanted in filter_.values if wanted.startswith("arn:") and ":role/" in wanted]
        found = found or any(_glob(wanted, role_or_principal(record) or "") for wanted in roles)
    return found != filter_.negated


FIELDS: dict[str, Callable[[Record], Any]] = {
    "service": lambda record: record["eventSource"],
    "account": lambda record: record["recipientAccountId"],
    "region": lambda record: record["awsRegion"],
    "principal": principal,
    "agent": lambda record: record.get("userAgent"),
    "event": lambda record: record["eventName"],
    "ip": lambda record: record["sourceIPAddress"],
    "version": tls,
    "cipher": lambda record: tls(record, "cipherSuite"),
    "host": lambda record: tls(record, "clientProvidedHostHeader"),
}


def _same(word: str, value: str, wanted: str) -> bool:
    if word == "version":
        return value == ("TLSv1" if wanted == "1.0" else f"TLSv{wanted}")
    if word == "agent":
        return _glob(f"*{wanted.lower()}*", value.lower())
    if word in {"event", "host"}:
        return _glob(wanted.lower(), value.lower())
    if word == "principal" and not wanted.startswith("arn:"):
        ends = "[:/-]" if "/" in wanted else "[:/]"
        name = ".*".join(re.escape(part) for part in wanted.split("*"))
        return re.search(rf"(^|{ends}){name}(/|\Z)", value, re.DOTALL) is not None
    return _glob(wanted, value)


def _glob(pattern: str, value: str) -> bool:
    parts = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(parts, value, re.DOTALL) is not None


# --- the views


def _group(records: Sequence[Record], *keys: Callable[[Record], Any]) -> dict[Row, list[Record]]:
    groups: dict[Row, list[Record]] = defaultdict(list)
    for record in records:
        groups[tuple(key(record) for key in keys)].append(record)
    return groups


def _distinct(records: Sequence[Record], key: Callable[[Record], Any]) -> int:
    return len({key(record) for record in records} - {None})


def _ordered(rows: Iterable[Row], *places: int) -> list[Row]:
    """By each place in turn; a negative one, counted from 1, is descending. NULL comes last."""
    ordered = list(rows)
    for place in reversed(places):
        at = abs(place) - 1
        ordered.sort(
            key=lambda row: (row[at] is None, "" if row[at] is None else -row[at] if place < 0 else row[at])
        )
    return ordered


def service(record: Record) -> Any:
    return record["eventSource"]


def account(record: Record) -> Any:
    return record["recipientAccountId"]


def region(record: Record) -> Any:
    return record["awsRegion"]


def agent(record: Record) -> Any:
    return record.get("userAgent")


def address(record: Record) -> Any:
    return record["sourceIPAddress"]


def call(record: Record) -> Any:
    return record["eventName"]


def suite(record: Record) -> Any:
    return tls(record, "cipherSuite")


def identity(key: str) -> Callable[[Record], Any]:
    return lambda record: record["userIdentity"].get(key)


def services(records: Sequence[Record]) -> list[Row]:
    return _ordered(((*key, len(group)) for key, group in _group(records, service).items()), -2, 1)


def callers(records: Sequence[Record]) -> list[Row]:
    groups = _group(
        records,
        account,
        lambda record: when(record).year,
        lambda record: when(record).month,
        service,
        address,
        agent,
        identity("arn"),
        identity("accessKeyId"),
    )
    return _ordered(((*key, len(group)) for key, group in groups.items()), -9, 1, 2, 3, 4, 5, 6, 7, 8)


def calls(records: Sequence[Record]) -> list[Row]:
    groups = _group(
        records,
        identity("accountId"),
        account,
        identity("arn"),
        service,
        call,
        region,
        tls,
        suite,
        agent,
    )
    return _ordered(((*key, len(group)) for key, group in groups.items()), 4, 5, 7, -10, 1, 2, 3, 6, 8, 9)


def addresses(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, service, tls, address, account)
    return _ordered(((*key, len(group)) for key, group in groups.items()), -5, 1, 2, 3, 4)


def requests(records: Sequence[Record]) -> list[Row]:
    in_time = sorted(records, key=lambda record: (when(record), record["eventID"]))
    return [(call(each), region(each), address(each), account(each), tls(each)) for each in in_time]


def principals(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (*key, _distinct(group, service), _distinct(group, agent), max(map(when, group)), len(group))
            for key, group in _group(records, principal).items()
        ),
        -5,
        1,
    )


def role_or_principal(record: Record) -> str | None:
    """The principal, with a role in place of its sessions."""
    issuer = (record["userIdentity"].get("sessionContext") or {}).get("sessionIssuer") or {}
    return principal(record) if issuer.get("arn") is None else str(issuer["arn"])


def findings(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, service, role_or_principal, agent)
    return _ordered(
        ((*key, min(map(when, group)), max(map(when, group)), len(group)) for key, group in groups.items()),
        -6,
        1,
        2,
        3,
    )


def clients(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, agent, tls)
    return _ordered(
        ((*key, _distinct(group, principal), len(group)) for key, group in groups.items()), -4, 1, 2
    )


def accounts(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (*key, _distinct(group, principal), _distinct(group, service), len(group))
            for key, group in _group(records, account).items()
        ),
        -4,
        1,
    )


def regions(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (*key, _distinct(group, account), _distinct(group, principal), len(group))
            for key, group in _group(records, region).items()
        ),
        -4,
        1,
    )


VERSIONS = ("TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1")


def _by_version(records: Sequence[Record]) -> list[int]:
    counts = [sum(tls(record) == version for record in records) for version in VERSIONS]
    return [*counts, len(records) - sum(counts)]


def versions(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (*key, *(round(100 * count / len(group), 1) for count in _by_version(group)), len(group))
            for key, group in _group(records, service).items()
        ),
        -7,
        1,
    )


def ciphers(records: Sequence[Record]) -> list[Row]:
    known = [record for record in records if suite(record) is not None]
    groups = _group(known, suite, tls, weakness)
    return _ordered(
        (
            (*key, _distinct(group, service), _distinct(group, agent), len(group))
            for key, group in groups.items()
        ),
        3,
        -6,
        1,
        2,
    )


def trend(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, lambda record: when(record).date())
    return _ordered(((*key, *_by_version(group), len(group)) for key, group in groups.items()), 1)


def key_exchange(records: Sequence[Record]) -> list[Row]:
    known = [record for record in records if tls(record, "keyExchange") is not None]
    groups = _group(
        known,
        service,
        lambda record: tls(record, "keyExchange"),
        lambda record: "classical" if is_classical(record) else "post-quantum",
    )
    return _ordered(((*key, _distinct(group, agent), len(group)) for key, group in groups.items()), 1, -5, 2)


def coverage(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (
                *key,
                len(group),
                sum(tls(record) is None for record in group),
                min(map(when, group)),
                max(map(when, group)),
            )
            for key, group in _group(records, service).items()
        ),
        -2,
        1,
    )


VIEWS: dict[str, Callable[[Sequence[Record]], list[Row]]] = {
    "services": services,
    "callers": callers,
    "calls": calls,
    "addresses": addresses,
    "requests": requests,
    "principals": principals,
    "findings": findings,
    "clients": clients,
    "accounts": accounts,
    "regions": regions,
    "versions": versions,
    "ciphers": ciphers,
    "trend": trend,
    "key-exchange": key_exchange,
    "coverage": coverage,
}
