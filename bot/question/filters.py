"""Filters: the words that narrow a question, and how each one's values are read and said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from bot.question.tokens import quoted, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VALUE_CHARS: Final = 1_024
"""CloudTrail keeps 1 KB of a user agent (record contents page)."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Events whose `word` is any of `values` or, negated, none of them. `*` is any run of characters."""

    word: str
    values: tuple[str, ...]
    negated: bool

    def __str__(self) -> str:
        """As it is typed: `service!=s3.amazonaws.com,kms.amazonaws.com`."""
        return f"{self.word}{'!=' if self.negated else '='}{','.join(map(quoted, self.values))}"

    def words(self) -> str:
        """As in `to s3 or kms` and `not in us-east-1`."""
        values = tuple(value.removesuffix(".amazonaws.com") for value in self.values)
        return f"{'not ' if self.negated else ''}{FILTERS[self.word].phrase} {listed(values)}"


def listed(values: tuple[str, ...], most: int = 3) -> str:
    """`a, b or c`; of many values the first few, and how many more."""
    said = [shown(value) for value in values]
    if len(said) > most:
        said[most - 1 :] = [f"{len(said) - most + 1} more"]
    return " or ".join(filter(None, (", ".join(said[:-1]), said[-1])))


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


def _cipher(value: str) -> str:
    name = value.upper()
    if not re.fullmatch(r"[A-Z0-9_*-]{1,128}", name):
        hint = "They look like `ECDHE-RSA-AES128-SHA`; `*-SHA` is a pattern, `cipher=weak` all weak ones."
        raise BadValue(f"`{shown(value)}` is not a cipher suite", hint=hint)
    return name


class Kind(NamedTuple):
    """A filter's word: how a value is read (or BadValue), how the question says it, an example."""

    read: Callable[[str], str]
    phrase: str
    example: str


def _text(value: str) -> str:
    return value


def _lower(value: str) -> str:
    return value.lower()


FILTERS: Final[Mapping[str, Kind]] = {
    "service": Kind(_service, "to", "s3"),
    "account": Kind(_account, "in account", "111122223333"),
    "region": Kind(_region, "in", "us-east-1"),
    "principal": Kind(_text, "by principal", "role/ci"),
    "agent": Kind(_text, "from agent", "Boto*"),
    "event": Kind(_text, "of event", "PutObject"),
    "ip": Kind(_ip, "from", "10.1.*"),
    "version": Kind(version, "with TLS", "1.1"),
    "cipher": Kind(_cipher, "with cipher suite", "*-SHA"),
    "host": Kind(_lower, "to host", "*-fips.*"),
}
FREE_TEXT: Final = frozenset({"principal", "agent", "event", "host"})

_SERVICES = (
    "athena|cloudformation|cloudtrail|dynamodb|ec2|ecr|ecs|eks|glue|iam|kinesis|kms|lambda|logs"
    "|monitoring|organizations|rds|redshift|route53|s3|secretsmanager|ses|sns|sqs|ssm|states|sts"
)
_GUESSES = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (_SERVICES + r"|[a-z0-9-]+\.amazonaws\.com", "service"),
        (r"[0-9]{12}|[0-9]{4}-[0-9]{4}-[0-9]{4}", "account"),
        (_REGION + "[a-z]?", "region"),
        (r"arn:.+", "principal"),
        (r"(?:tls)?v?1\.[0-3]", "version"),
        (r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:/[0-9]+)?|[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}", "ip"),
        (r"(?:tls|ecdhe|dhe|aes[0-9]+)[-_][a-z0-9_-]+", "cipher"),
        (r"(?:boto|aws-sdk|aws-cli|terraform).*", "agent"),
    )
)


def read(word: str, value: str) -> str:
    """`value` as the filter `word` matches it, or BadValue. Reading twice changes nothing."""
    normal = FILTERS[word].read(value)
    if len(normal) > VALUE_CHARS:
        raise BadValue(
            f"`{shown(value)}` is over {VALUE_CHARS:,} characters", hint="`*` stands for the rest."
        )
    return normal


def guess(value: str) -> str:
    """The filter that a bare `value` most likely belongs to, or nothing."""
    return next((word for pattern, word in _GUESSES if pattern.fullmatch(value.lower())), "")
