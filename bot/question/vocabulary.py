"""The words of questions: those of the grammar, and those that plain questions are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.question.filters import FILTERS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SINGLE: Final[Mapping[str, str]] = {
    "min": "1.3",
    "kx": "classical",
    "sdk": "eol",
    "by": "clients",
    "top": "10",
    "owner": "payments",
    "store": "prod",
    "engine": "…",
}
"""The words that take one value, with an example; which engines there are is not known here."""
ALIASES: Final = {
    **{alias: word for word, row in FILTERS.items() for alias in row.aliases},
    "key-exchange": "kx",
    "view": "by",
}
PAIR_WORDS: Final = (*FILTERS, *SINGLE, *ALIASES)
WINDOW_STARTS: Final = (
    *("last", "past", "this", "since", "until"),
    *("today", "yesterday", "week", "month", "days"),
)

VIEW_NAMES: Final = {
    name: view
    for view, names in {
        "principals": "principal user users role roles who identity identities person people caller"
        " anyone anybody everyone everybody someone somebody team teams",
        "clients": "client agent agents sdk sdks app apps application applications tool tools library"
        " libraries software useragent user-agent user-agents",
        "services": "service api apis",
        "addresses": "address ip ips where source-ip host-address from-where",
        "accounts": "account",
        "regions": "region",
        "ciphers": "cipher suite suites cipher-suite cipher-suites",
        "versions": "version",
        "trend": "day days date daily time timeline",
        "findings": "finding",
        "requests": "request event events",
        "latest": "newest",
        "event-names": "event-name",
        "calls": "call",
        "key-exchange": "kx key-exchanges",
        "callers": "access-key access-keys accesskey key keys",
        "coverage": "covered",
        "readiness": "ready",
        "endpoints": "endpoint",
        "handshakes": "handshake",
        "machines": "machine instance instances",
    }.items()
    for name in names.split()
}
"""What people call the views; each goes by its own name as well."""

_FILLERS = (
    "a an the and or of to in on at for from with via over using use uses used user's still "
    "please thanks thank you hi hey hello show me us list give tell find get gets got see sees "
    "seen look looks which what what's that those these this is are was were am be been being do "
    "does did have has had there any anything everything all we i our my ours want need needs "
    "know can could should talk come comes came call calls called calling make makes made making "
    "hit hits hitting access accesses accessing run runs running affected clean ok okay fine old "
    "outdated legacy deprecated obsolete outdated-tls insecure ancient tls ssl aws api traffic "
    "request requests how many number ever yet currently now only just in-use it they them their "
    "receive receives connect connects connecting ask asks asked people's across against into as"
)
FILLERS: Final = frozenset(_FILLERS.split())
"""Words that may stand anywhere and change nothing: what is counted is calls over old TLS anyhow."""
ORDINARY_SERVICES: Final = frozenset({"logs", "states", "monitoring", "organizations"})
"""Services whose names are ordinary words."""
SPOKEN_SERVICES: Final = {
    "secrets manager": "secretsmanager",
    "step functions": "states",
    "dynamo": "dynamodb",
    "api gateway": "apigateway",
    "parameter store": "ssm",
    "route 53": "route53",
}
AGENT_NAMES: Final = frozenset(
    {"python", "java", "curl", "ruby", "golang", "php", "dotnet", "nodejs", "awscli"}
)
COUNTS: Final = {
    word: count
    for count, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
} | {"twenty": 20}
NEGATIONS: Final = frozenset(
    {"not", "no", "nor", "but", "except", "without", "never", "neither", "excluding", "unless", "isn't"}
)
VIEWS_OF_THEIR_OWN: Final = frozenset(
    {"versions", "ciphers", "trend", "coverage", "key-exchange", "findings"}
    | {"readiness", "burn-down", "endpoints", "handshakes", "machines"}
)
"""Views that no other view can stand in for."""
NEAR_MISSES: Final = frozenset(
    {"least", "lost", "list", "post", "count", "weekend", "most", "host", "cost", "best", "test", "next"}
)
"""Words that are near one of ours and are none."""

NOT: Final = r"(?:not|isn't|isnt|aren't|arent|wasn't|weren't|cannot|can't|doesn't|don't)"
BETWEEN_NOT: Final = r"(?:\s+(?:yet|still|on|at|with|over|using|use|be|do|does|speak|speaking))*\s+"
EXCEPT: Final = (
    r"(?:(?:(?:all|everything|everyone)\s+(?:but|except))|except(?:\s+for)?|excluding|without"
    r"|(?:but\s+)?not(?:\s+(?:to|in|from|on))?|other\s+than"
    r"|besides|apart\s+from|outside(?:\s+of)?|ignoring|exclude|ignore|leave\s+out|leaving\s+out)"
)
"""Patterns of how people deny and except."""
GREETINGS: Final = frozenset({"hi", "hey", "hello", "thanks", "thank", "you", "please", "ok", "okay", "fine"})
"""Words that ask for nothing by themselves."""
CALL: Final = (
    r"(?-i:(?:Assume|Batch|Copy|Create|Decrypt|Delete|Describe|Encrypt|Generate|Get|Head|Invoke|List|Publish|Put"
    r"|Query|Receive|Run|Scan|Send|Start|Stop|Update|Upload)(?:[A-Z][a-z0-9]+)+(?:V[0-9])?)"
)
"""A call's name, as AWS's APIs write them: `PutObject`."""
OWN_NAME: Final = r"[A-Za-z][A-Za-z0-9]*(?:[_/.@-][A-Za-z0-9]+)+"
"""What looks like the name of a role or user, and like no word: `nightly-export`."""


def view_named(name: str, views: Collection[str]) -> str:
    """The view that people call `name`; nothing where that is none."""
    lower = name.lower()
    return lower if lower in views else next(iter({VIEW_NAMES.get(lower, "")} & set(views)), "")


def has_meaning(word: str) -> bool:
    """Whether a plain question means something by a word, so that it is nobody's name."""
    return any(word in known for known in (FILLERS, VIEW_NAMES, NEGATIONS))


def means_something(word: str) -> bool:
    """Whether a word is one of ours, so that it is no slip of another one."""
    return any(word.lower() in known for known in (FILLERS, VIEW_NAMES, NEAR_MISSES))
