"""Filters: the words that narrow a question. `FILTERS` has one row a word.

A new filter is a new row: how its values are read, how the question says it, what it compares. The
parser, the SELECT, the words of an answer, hints and help all go by the rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from bot import wording
from bot.event_schema import CIPHER_SUITE, HOST, PRINCIPAL, TLS_VERSION
from bot.question.accounts import UNNAMED, Accounts
from bot.question.tokens import quoted, shown
from bot.wording import number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILTER_VALUE_CHARS: Final = 1_024
"""CloudTrail keeps 1 KB of a user agent (docs/facts.md, CloudTrail events)."""

STAR: Final = "[*]"
"""A `*` of a value that is itself meant, as shells write it."""


def is_pattern(value: str) -> bool:
    """Whether `value` has a `*` that is any run of characters."""
    return "*" in value.replace(STAR, "")


def escaped(text: str) -> str:
    """A value that means `text` and nothing else, whatever is in it."""
    return text.replace("*", STAR)


@dataclass(frozen=True, slots=True)
class Filter:
    """Events whose `word` is any of `values` or, negated, none of them. `*` is any run of characters, and
    `[*]` is `*`."""

    word: str
    values: tuple[str, ...]
    negated: bool

    def __str__(self) -> str:
        """As it is typed: `service!=s3.amazonaws.com,kms.amazonaws.com`."""
        return f"{self.word}{'!=' if self.negated else '='}{','.join(map(quoted, self.values))}"

    def words(self, accounts: Accounts = UNNAMED) -> str:
        """As in `to s3 or kms` and `not in us-east-1`, accounts by their names."""
        values = self.values
        if self.word == "account":
            values = tuple(map(accounts.shown, values))
        if self.word == "service":
            # a host is said whole: all but its domain may be a pattern
            values = tuple(wording.short_service(value) for value in values)
        return f"{'not ' if self.negated else ''}{FILTERS[self.word].phrase} {listed(values)}"


def listed(values: tuple[str, ...], most: int = 3) -> str:
    """`a, b or c`; of many values the first few, and how many more."""
    names = [shown(value) for value in values]
    if len(names) > most:
        names[most - 1 :] = [f"{len(names) - most + 1} more"]
    return wording.listed(names, "or")


class BadValue(ValueError):
    """A value that its word does not take: why, what was meant perhaps, and what to do."""

    def __init__(self, why: str, *, instead: str = "", hint: str = "") -> None:
        super().__init__(why)
        self.why = f"{why}: did you mean `{shown(instead)}`?" if instead else f"{why}."
        self.instead = instead
        self.hint = hint


def _service(value: str) -> str:
    name = value.lower()
    if not re.fullmatch(r"[a-z0-9.*-]{1,64}", name):
        raise BadValue(
            f"`{shown(value)}` is not a service", hint="They look like `s3` or `s3.amazonaws.com`."
        )
    return name if "." in name or name.endswith("*") else f"{name}.amazonaws.com"


def _account(value: str) -> str:
    digits = re.sub(r"(?<=[0-9*])-(?=[0-9*])", "", value)
    if not re.fullmatch(r"[0-9]{12}|(?=.*\*)[0-9*]{1,24}", digits):
        raise BadValue(
            f"`{shown(value)}` is not an account", hint="That is 12 digits, or a pattern such as `1111*`."
        )
    return digits


_REGION = r"[a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2}"


def _region(value: str) -> str:
    name = value.lower()
    if re.fullmatch(_REGION, name) or ("*" in name and re.fullmatch(r"[a-z0-9*-]{1,32}", name)):
        return name
    if re.fullmatch(_REGION + "[a-z]", name):
        raise BadValue(f"`{shown(value)}` is an availability zone", instead=name[:-1])
    likely = re.sub(r"(?<=[a-z])(?=[0-9])", "-", re.sub(r"[_\s]+", "-", name))
    instead = likely if re.fullmatch(_REGION, likely) else ""
    raise BadValue(f"`{shown(value)}` is not a region", instead=instead, hint="They look like `us-east-1`.")


def _ip(value: str) -> str:
    import ipaddress  # 2 ms that most questions need not spend

    name = value.lower()
    if name == "aws internal":
        return "AWS Internal"  # what CloudTrail writes for some calls between services
    if "*" in name and re.fullmatch(r"[a-z0-9.:*-]{1,255}", name):
        return name
    if re.fullmatch(r"(?=.*[a-z])[a-z0-9-]+(?:\.[a-z0-9-]+)+", name):
        return name
    try:
        if "/" not in name:
            return str(ipaddress.ip_address(name))
        network = ipaddress.ip_network(name, strict=False)
    except ValueError:
        hint = "An address, a pattern such as `10.1.*`, or a service's host name."
        raise BadValue(f"`{shown(value)}` is not an address", hint=hint) from None
    if network.version == 4 and network.prefixlen in (8, 16, 24):
        return ".".join(str(network.network_address).split(".")[: network.prefixlen // 8]) + ".*"
    if network.num_addresses == 1:
        return str(network.network_address)
    hint = "IPv4 networks of /8, /16 and /24 can be asked, and patterns such as `10.1.*` or `2001:db8:*`."
    raise BadValue(f"`{shown(value)}` cannot be matched", hint=hint)


def version(value: str) -> str:
    found = re.fullmatch(r"(?:tls)?[\s_-]*v?[\s_-]*1(?:[._]([0-3]))?", value.lower())
    if not found:
        raise BadValue(f"`{shown(value)}` is not a TLS version", hint="1.0, 1.1, 1.2 and 1.3 are.")
    return f"1.{found[1] or 0}"


def spelled(value: str) -> str:
    """A version that was read, as CloudTrail spells it: `TLSv1` for 1.0."""
    return f"TLSv{value.removesuffix('.0')}"


def _cipher(value: str) -> str:
    name = value.upper()
    hint = "They look like `ECDHE-RSA-AES128-SHA`; `*-SHA` is a pattern, `cipher=weak` all weak ones."
    if not re.fullmatch(r"[A-Z0-9_*-]{1,128}", name):
        raise BadValue(f"`{shown(value)}` is not a cipher suite", hint=hint)
    if not re.search(r"[-_*0-9]", name):
        # no suite is one plain word: `cipher=week` would find nothing, and that would look like good news
        instead = "weak" if sorted(name) == sorted("WEAK") or name == "WEEK" else ""
        raise BadValue(f"`{shown(value)}` is not a cipher suite", instead=instead, hint=hint)
    return name


def _bucket(value: str) -> str:
    name = value.removeprefix("s3://").rstrip("/")
    if not re.fullmatch(r"[A-Za-z0-9._*\[\]-]{1,255}", name):
        raise BadValue(f"`{shown(value)}` is not a bucket", hint="A name such as `reports`, or `reports-*`.")
    return name


class Match(Enum):
    """How values are compared with a column; in a pattern, `*` is any run of characters."""

    WHOLE = "the value is the whole text"
    WHOLE_ANY_CASE = "the value is the whole text, in capitals or not"
    PART = "the value is a part of the text, in capitals or not: nobody types a whole user agent"
    NAME_IN_PATH = "the value is a whole ARN, or whole names within one: `alice`, `role/ci`, `nightly-*`"
    VERSION = "the value is a TLS version, however events spell it"
    SUITE = "the value is a whole name of a cipher suite, OpenSSL's or IANA's, whichever events have"


class FilterWord(NamedTuple):
    """A filter's row. `read` gives a value as it is matched, or raises BadValue."""

    read: Callable[[str], str]
    phrase: str
    """How the question says it, before the values: `to s3`."""
    example: str
    column: str
    """What is compared: a column of the event, or an expression over columns, in Trino's SQL."""
    match: Match
    guess: str = ""
    """A pattern, over small letters: a bare word that fits it was most likely meant for this filter."""
    aliases: tuple[str, ...] = ()
    """What else people type for it."""
    is_free_text: bool = False
    """Whether any text is a value, so that one with spaces may have been meant."""
    tls_fact: str = ""
    """What it looks at of what an event may say of its TLS. Coverage is asked without such a filter, and no
    zero is believed where the events do not say it."""


def _any(value: str) -> str:
    return value


def _lower(value: str) -> str:
    return value.lower()


_SERVICES = (
    "athena|cloudformation|cloudtrail|dynamodb|ec2|ecr|ecs|eks|glue|iam|kinesis|kms|lambda|logs"
    "|monitoring|organizations|rds|redshift|route53|s3|secretsmanager|ses|sns|sqs|ssm|states|sts"
)

FILTERS: Final[Mapping[str, FilterWord]] = {
    "service": FilterWord(
        read=_service,
        phrase="to",
        example="s3",
        column="eventSource",
        match=Match.WHOLE,
        guess=_SERVICES + r"|[a-z0-9-]+\.amazonaws\.com",
        aliases=("source", "svc"),
    ),
    "account": FilterWord(
        read=_account,
        phrase="in account",
        example="111122223333",
        column="recipientAccountId",
        match=Match.WHOLE,
        guess=r"[0-9]{12}|[0-9]{4}-[0-9]{4}-[0-9]{4}",
        aliases=("acct",),
    ),
    "region": FilterWord(
        read=_region,
        phrase="in",
        example="us-east-1",
        column="awsRegion",
        match=Match.WHOLE,
        guess=_REGION + "[a-z]?",
    ),
    "principal": FilterWord(
        read=_any,
        phrase="by principal",
        example="role/ci",
        column=PRINCIPAL,
        match=Match.NAME_IN_PATH,
        guess=r"arn:.+",
        aliases=("user", "role"),
        is_free_text=True,
    ),
    "agent": FilterWord(
        read=_any,
        phrase="from agent",
        example="Boto*",
        column="userAgent",
        match=Match.PART,
        guess=r"(?:boto|aws-sdk|aws-cli|terraform).*",
        aliases=("client", "useragent"),
        is_free_text=True,
    ),
    "event": FilterWord(
        read=_any,
        phrase="of event",
        example="PutObject",
        column="eventName",
        match=Match.WHOLE_ANY_CASE,
        is_free_text=True,
    ),
    "ip": FilterWord(
        read=_ip,
        phrase="from",
        example="10.1.*",
        column="sourceIPAddress",
        match=Match.WHOLE,
        guess=r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:/[0-9]+)?|[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}",
    ),
    "version": FilterWord(
        read=version,
        phrase="with TLS",
        example="1.1",
        column="tlsDetails.tlsVersion",
        match=Match.VERSION,
        guess=r"(?:tls)?v?1\.[0-3]",
        aliases=("tls",),
        tls_fact=TLS_VERSION,
    ),
    "cipher": FilterWord(
        read=_cipher,
        phrase="with cipher suite",
        example="*-SHA",
        column="UPPER(TRIM(tlsDetails.cipherSuite))",
        match=Match.SUITE,
        guess=r"(?:tls|ecdhe|dhe|aes[0-9]+)[-_][a-z0-9_-]+",
        tls_fact=CIPHER_SUITE,
    ),
    "host": FilterWord(
        read=_lower,
        phrase="to host",
        example="*-fips.*",
        column="tlsDetails.clientProvidedHostHeader",
        match=Match.WHOLE_ANY_CASE,
        is_free_text=True,
        tls_fact=HOST,
    ),
    "bucket": FilterWord(
        read=_bucket,
        phrase="to bucket",
        example="reports",
        column="ELEMENT_AT(requestParameters, 'bucketName')",
        match=Match.WHOLE,
    ),
}


def read(word: str, value: str) -> str:
    """`value` as the filter `word` matches it, or BadValue. Reading twice changes nothing."""
    normal = FILTERS[word].read(value)
    if len(normal) > FILTER_VALUE_CHARS:
        raise BadValue(
            f"`{shown(value)}` is over {number(FILTER_VALUE_CHARS)} characters",
            hint="`*` stands for the rest.",
        )
    return normal


def literally(word: str, text: str) -> str | None:
    """The value of the filter `word` that means a text as it was recorded, whatever is in it; None where no
    value does."""
    if not text.strip() or any("\ud800" <= character <= "\udfff" for character in text):
        return None  # a blank, or half a character: no question has them
    try:
        return read(word, escaped(text))
    except BadValue:
        return None


def guess(value: str) -> str:
    """The filter that a bare `value` most likely belongs to, or nothing."""
    lower = value.lower()
    likely = (word for word, row in FILTERS.items() if row.guess and re.fullmatch(row.guess, lower))
    return next(likely, "")
