"""The blanks of a view that stand for what an event says, as trees in Lake's dialect.

`text` is what is compared: small letters (suites: capitals) without blanks around. `shown` is what a table
shows: the one spelling, or NULL where the event does not say. Both come from the tables of `event_schema`,
so a condition and a column never disagree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlglot import exp, parse_one

from bot.event_schema import (
    CLASSICAL,
    CNSA,
    KEY_EXCHANGE_PATH,
    NO_AGENT,
    NO_HOST,
    POST_QUANTUM,
    PRINCIPAL,
    ROLE,
    SUITE,
    SUITE_OR_NOTHING,
    SUITES,
    VERSIONS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bot.clients.endpoint import Limit
    from bot.clients.support import Clause, Match

WEAKNESSES: Final[tuple[tuple[str, str, bool], ...]] = (
    ("RC4", "RC4|ARCFOUR", True),
    ("3DES", "3DES|DES-CBC3", True),
    ("no forward secrecy", "^(ECDHE|EECDH|DHE|EDH|TLS_(AES|CHACHA20|SM4|ECDHE|DHE))[-_]", False),
    ("CBC with SHA-1", "[-_]SHA1?$", True),
)
"""Why a cipher suite is weak, worst first: the reason, a pattern over OpenSSL and IANA names in capitals, and
whether the pattern must be found or must be missing (docs/facts.md, weak cipher suites)."""

READABLE_EXCHANGES: Final = {**CLASSICAL, **POST_QUANTUM}
"""Every key exchange that can be read."""

_VERSION_PATH: Final = "tlsDetails.tlsVersion"
_SUITE_PATH: Final = "tlsDetails.cipherSuite"
_HOST_PATH: Final = "tlsDetails.clientProvidedHostHeader"
_AGENT_PATH: Final = "userAgent"


def column(path: str) -> exp.Expr:
    return exp.column(*reversed(path.split(".")))


def _all(spellings: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [text for texts in spellings.values() for text in texts]


def _missing(text: exp.Expr, spellings: Iterable[str]) -> exp.Expr:
    unknown = exp.Not(this=text.isin(*spellings))
    return exp.paren(exp.or_(exp.Is(this=text, expression=exp.null()), unknown))


def _unread(read_or_empty: exp.Expr, written: exp.Expr) -> exp.Expr:
    return exp.Case().when(exp.Not(this=read_or_empty), written)


# --- the version


def version_text() -> exp.Expr:
    return exp.Lower(this=exp.Trim(this=column(_VERSION_PATH)))


def version_in(versions: Iterable[str]) -> exp.Expr:
    """True for an event of any of these versions; NULL or false where it says none."""
    return version_text().isin(*(text for version in versions for text in VERSIONS[version]), copy=False)


def version() -> exp.Expr:
    """What an event says of its version, in CloudTrail's spelling."""
    case = exp.Case()
    for name, texts in VERSIONS.items():
        case.when(version_text().isin(*texts, copy=False), exp.Literal.string(name), copy=False)
    return case


def no_version() -> exp.Expr:
    """True where an event does not say its version, else false."""
    return _missing(version_text(), _all(VERSIONS))


def unread_version() -> exp.Expr:
    """What an event has in place of a version, as it is written, where that is no version."""
    return _unread(version_text().isin("", *_all(VERSIONS)), column(_VERSION_PATH))


# --- the key exchange


def _exchange_written() -> exp.Expr:
    keys = [exp.JSONPathKey(this=key) for key in KEY_EXCHANGE_PATH.split(".")[1:]]
    path = exp.JSONPath(expressions=[exp.JSONPathRoot(), *keys])
    return exp.JSONExtractScalar(this=column("eventJson"), expression=path)


def exchange_text() -> exp.Expr:
    return exp.Lower(this=exp.Trim(this=_exchange_written()))


def exchange() -> exp.Expr:
    """The group of the key exchange, by IANA's name."""
    case = exp.Case(this=exchange_text())
    for name, texts in READABLE_EXCHANGES.items():
        for text in texts:
            case.when(exp.Literal.string(text), exp.Literal.string(name), copy=False)
    return case


def no_exchange() -> exp.Expr:
    return _missing(exchange_text(), _all(READABLE_EXCHANGES))


def unread_exchange() -> exp.Expr:
    """What an event has in place of a key exchange, as it is written, where that is none."""
    return _unread(exchange_text().isin("", *_all(READABLE_EXCHANGES)), _exchange_written())


def classical() -> exp.Expr:
    """True for a classical key exchange; NULL or false where the event says none or another."""
    return exchange_text().isin(*_all(CLASSICAL))


def post_quantum() -> exp.Expr:
    """True for a post-quantum key exchange; NULL or false where the event says none or another."""
    return exchange_text().isin(*_all(POST_QUANTUM))


def cnsa() -> exp.Expr:
    """True for ML-KEM-1024; NULL or false where the event says no key exchange or another."""
    return exchange_text().isin(*(text for name in CNSA for text in POST_QUANTUM[name]))


def below_cnsa() -> exp.Expr:
    """True for any key exchange but ML-KEM-1024; NULL or false where the event says none or another."""
    below = {name: texts for name, texts in READABLE_EXCHANGES.items() if name not in CNSA}
    return exchange_text().isin(*_all(below))


# --- the cipher suite


def suite_text() -> exp.Expr:
    return exp.Upper(this=exp.Trim(this=column(_SUITE_PATH)))


def suite() -> exp.Expr:
    """The suite in capitals, by the one of its names that CloudTrail writes."""
    case = exp.Case(this=suite_text())
    for name, twin in SUITES.items():
        case.when(exp.Literal.string(twin), exp.Literal.string(name), copy=False)
    return case.else_(readable_suite(), copy=False)


def readable_suite() -> exp.Expr:
    """The suite in capitals, by the name that it has in the event."""
    return exp.Case().when(suite_said(), suite_text())


def suite_said() -> exp.Expr:
    """True where an event says its suite; NULL or false where it does not."""
    return _suite_is(SUITE)


def _suite_is(pattern: str) -> exp.Expr:
    return exp.RegexpLike(this=suite_text(), expression=exp.Literal.string(pattern))


def suites_like(pattern: str) -> list[str]:
    """`pattern`, and the names that do not fit it of suites of which another name does."""
    fits = re.compile(".*".join(map(re.escape, pattern.split("*")))).fullmatch
    twins = [names for names in SUITES.items() if any(map(fits, names))]
    return [pattern, *(name for names in twins for name in names if not fits(name))]


def no_suite() -> exp.Expr:
    is_null = exp.Is(this=suite_text(), expression=exp.null())
    return exp.paren(exp.or_(is_null, exp.Not(this=suite_said())))


def unread_suite() -> exp.Expr:
    """What an event has in place of a cipher suite, as it is written, where that is none."""
    return _unread(_suite_is(SUITE_OR_NOTHING), column(_SUITE_PATH))


def weak() -> exp.Expr:
    """True for a weak suite; NULL or false where it is not, or where the event says none."""
    return exp.paren(exp.and_(suite_said(), exp.or_(*(condition for _, condition in _weaknesses()))))


def weakness() -> exp.Expr:
    """Why a suite is weak; NULL where it is not, or where the event says none."""
    case = exp.Case().when(exp.Not(this=suite_said()), exp.null())
    for reason, condition in _weaknesses():
        case.when(condition, exp.Literal.string(reason), copy=False)
    return case


def _weaknesses() -> Iterator[tuple[str, exp.Expr]]:
    """Each reason, and its condition on what is a suite."""
    for reason, pattern, found in WEAKNESSES:
        yield reason, _suite_is(pattern) if found else exp.Not(this=_suite_is(pattern))


# --- the client


def agent_text() -> exp.Expr:
    return exp.Trim(this=column(_AGENT_PATH))


def agent() -> exp.Expr:
    """The agent as it was sent."""
    return exp.Case().when(exp.Not(this=agent_text().isin(*NO_AGENT)), column(_AGENT_PATH))


def no_agent() -> exp.Expr:
    """True where an event does not say its client, else false."""
    text = agent_text()
    return exp.paren(exp.or_(exp.Is(this=text, expression=exp.null()), text.isin(*NO_AGENT)))


def agent_is(asked: Clause) -> exp.Expr:
    """`asked` as a condition: NULL or false for an event that does not say its client."""

    def like_any(patterns: Iterable[str]) -> exp.Expr:
        return _like_any(column(_AGENT_PATH), patterns)

    def is_like(match: Match) -> exp.Expr:
        wanted = [like_any(patterns) for patterns in (match.names, match.runtimes) if patterns]
        unwanted = [exp.Not(this=like_any(match.unless))] if match.unless else []
        return exp.paren(exp.and_(*wanted, *unwanted, copy=False), copy=False)

    if not asked.matches:
        return exp.false()
    any_match = exp.paren(exp.or_(*map(is_like, asked.matches), copy=False), copy=False)
    return exp.paren(exp.and_(any_match, exp.Not(this=like_any(asked.unless)), copy=False), copy=False)


def _like_any(text: exp.Expr, patterns: Iterable[str]) -> exp.Expr:
    like = [exp.Like(this=text.copy(), expression=exp.Literal.string(each)) for each in patterns]
    return exp.paren(exp.or_(*like, copy=False), copy=False)


# --- the host and the caller


def host_text() -> exp.Expr:
    return exp.Lower(this=exp.Trim(this=column(_HOST_PATH)))


def host() -> exp.Expr:
    """The host that the client named."""
    says = exp.Not(this=host_text().isin(*NO_HOST))
    return exp.Case().when(says, host_text())


def limited(limit: Limit) -> exp.Expr:
    """True for a call to an endpoint that `limit` is about; NULL or false where the event says no host."""
    conditions: list[exp.Expr] = []
    if limit.services:
        conditions.append(column("eventSource").isin(*limit.services))
    conditions.append(_like_any(host_text(), limit.hosts))
    if limit.unless:
        conditions.append(exp.Not(this=_like_any(host_text(), limit.unless)))
    return exp.paren(exp.and_(*conditions, copy=False), copy=False)


def no_host() -> exp.Expr:
    text = host_text()
    return exp.paren(exp.or_(exp.Is(this=text, expression=exp.null()), text.isin(*NO_HOST)))


def principal() -> exp.Expr:
    return parse_one(PRINCIPAL, read="trino")


def role() -> exp.Expr:
    """Who called, with a role in place of its sessions."""
    return exp.Coalesce(this=parse_one(ROLE, read="trino"), expressions=[principal()])


BLANKS: Final[Mapping[str, Callable[[], exp.Expr]]] = {
    "version": version,
    "unread": unread_version,
    "unread_suite": unread_suite,
    "unread_exchange": unread_exchange,
    "exchange": exchange,
    "classical": classical,
    "pq": post_quantum,
    "cnsa": cnsa,
    "suite": suite,
    "weakness": weakness,
    "host": host,
    "agent": agent,
    "principal": principal,
    "role": role,
}
"""What fills a view's blank, by its name."""

IS_NULL: Final[Mapping[str, Callable[[], exp.Expr]]] = {
    "version": no_version,
    "exchange": no_exchange,
    "suite": no_suite,
    "host": no_host,
    "agent": no_agent,
}
"""What stands for `:blank IS NULL`: the same, in a condition that needs no CASE."""


def fill(node: exp.Placeholder) -> None:
    """Put in place of a blank what it stands for.

    Where a blank is compared it needs no CASE: there are plain texts to look for.
    """
    parent = node.parent
    if parent is None:
        return
    if isinstance(parent, exp.Is) and isinstance(parent.expression, exp.Null) and node.name in IS_NULL:
        parent.replace(IS_NULL[node.name]())
    elif node.name == "version" and (versions := _compared(node)):
        parent.replace(version_in(versions))
    else:
        node.replace(BLANKS[node.name]())


def _compared(node: exp.Placeholder) -> list[str]:
    """The versions of `:version = 'TLSv1'` or `:version IN (…)`, where false and NULL mean the same."""
    parent = node.parent
    if not node.find_ancestor(exp.Where, exp.If) or node.find_ancestor(exp.Not, exp.Is):
        return []
    values = parent.expressions if isinstance(parent, exp.In) else []
    if isinstance(parent, exp.EQ):
        values = [parent.expression]
    names = [each.name for each in values if isinstance(each, exp.Literal) and each.name in VERSIONS]
    return names if len(names) == len(values) else []
