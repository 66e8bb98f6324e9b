"""What every view should answer, found by plain Python loops over the events, without any SQL.

The judge of the engines: it shares no code with `bot.question.select` or an engine, and spells the policy
out on its own. What agents say, and until when an SDK is supported, it asks `bot.clients`: of that it is no
judge. Rows come in the order the views promise.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextvars import ContextVar
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from bot.clients.agent import read as read_agent
from bot.clients.support import support

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bot.question.parser import Filter
    from bot.question.question import Policy, Question
    from bot.question.views import View

Record = dict[str, Any]
Row = tuple[Any, ...]

SPELLED = re.compile(
    r"(?:tls|tlsv|tls v|tls_|tls-|tls )?1(?:[._]([0-3]))?|tlsv1([0-3])|v1(?:\.([0-3]))?"
    r"|ssl(?:v|_| )?([23])(?:[._]0)?",
    re.ASCII,
)
"""What may be a version; the engines know a table of it."""

UNUSUAL = {
    *("tls_1", "tls-1", "tls v1_0", "tls v1_1", "tls v1_2", "tls v1_3", "tls-1_0", "tls-1_1", "tls-1_2"),
    *("tls-1_3", "tls 1_0", "tls 1_1", "tls 1_2", "tls 1_3", "tls_1.0", "tls_1.1", "tls_1.2", "tls_1.3"),
    *("ssl 2", "ssl_2", "ssl 3", "ssl_3", "ssl2.0", "ssl2_0", "ssl3.0", "ssl3_0", "ssl 2_0", "ssl 3_0"),
    *("ssl_2.0", "ssl_3.0", "sslv2_0", "sslv3_0"),
}
"""What the pattern takes and the table does not: nobody writes so."""

JAVA_SPACE = (
    "".join(
        chr(n)
        for n in (*range(9, 14), *range(28, 33), 0x1680, *range(0x2000, 0x2007), *range(0x2008, 0x200B))
    )
    + "\u2028\u2029\u205f\u3000"
)

GROUPS = {
    "x25519": "x25519",
    "x448": "x448",
    **dict.fromkeys(("secp256r1", "p-256", "p256", "prime256v1"), "secp256r1"),
    **dict.fromkeys(("secp384r1", "p-384", "p384"), "secp384r1"),
    **dict.fromkeys(("secp521r1", "p-521", "p521"), "secp521r1"),
    **{f"ffdhe{bits}": f"ffdhe{bits}" for bits in (2048, 3072, 4096, 6144, 8192)},
    **{f"brainpoolp{bits}r1tls13": f"brainpoolP{bits}r1tls13" for bits in (256, 384, 512)},
    "rsa": "rsa",
    **dict.fromkeys(("dhe", "dh"), "dhe"),
    **dict.fromkeys(("ecdhe", "ecdh"), "ecdhe"),
    **dict.fromkeys(("x25519mlkem768", "x25519_mlkem768", "x25519-mlkem768"), "X25519MLKEM768"),
    **dict.fromkeys(("secp256r1mlkem768", "secp256r1_mlkem768"), "SecP256r1MLKEM768"),
    **dict.fromkeys(("secp384r1mlkem1024", "secp384r1_mlkem1024"), "SecP384r1MLKEM1024"),
    **{f"mlkem{bits}": f"MLKEM{bits}" for bits in (512, 768, 1024)},
    **{f"ml-kem-{bits}": f"MLKEM{bits}" for bits in (512, 768, 1024)},
    **dict.fromkeys(("x25519kyber768draft00", "x25519kyber768"), "X25519Kyber768Draft00"),
    **dict.fromkeys(("secp256r1kyber768draft00", "secp256r1kyber768"), "SecP256r1Kyber768Draft00"),
}
CIPHERS = {
    "AES128-GCM-SHA256": "AES_128_GCM_SHA256",
    "AES128-SHA256": "AES_128_CBC_SHA256",
    "AES128-SHA": "AES_128_CBC_SHA",
    "AES256-GCM-SHA384": "AES_256_GCM_SHA384",
    "AES256-SHA": "AES_256_CBC_SHA",
    "DES-CBC3-SHA": "3DES_EDE_CBC_SHA",
    "RC4-SHA": "RC4_128_SHA",
}
EPHEMERAL = {
    "CHACHA20-POLY1305": "CHACHA20_POLY1305_SHA256",
    "AES256-SHA384": "AES_256_CBC_SHA384",
    **CIPHERS,
}
IANA = {
    **{f"ECDHE-RSA-{name}": f"TLS_ECDHE_RSA_WITH_{iana}" for name, iana in EPHEMERAL.items()},
    **{
        f"ECDHE-ECDSA-{name}": f"TLS_ECDHE_ECDSA_WITH_{iana}"
        for name, iana in EPHEMERAL.items()
        if "3DES" not in iana and "RC4" not in iana
    },
    **{name: f"TLS_RSA_WITH_{iana}" for name, iana in CIPHERS.items()},
    "AES256-SHA256": "TLS_RSA_WITH_AES_256_CBC_SHA256",
    "RC4-MD5": "TLS_RSA_WITH_RC4_128_MD5",
}
"""OpenSSL's names of suites, and IANA's."""
ASKED: ContextVar[Question] = ContextVar("ASKED")
"""The question that is being answered."""

ALGORITHMS = (
    *("3DES", "AES", "ARCFOUR", "ARIA", "CAMELLIA", "CHACHA20", "DES", "GOSTR", "GOST", "IDEA", "KUZNYECHIK"),
    *("MAGMA", "RC2", "RC4", "SEED", "SM4"),
)

NOTHING = {"", "-", "n/a", "none", "null", "unknown", "undefined"}


def answer(question: Question, records: Iterable[Record]) -> list[Row]:
    """The rows of `question` over `records`, each event counted once however often it was delivered."""
    once = {record["eventID"]: record for record in records}.values()
    chosen = [record for record in once if _in_window(question, record)]
    chosen = [record for record in chosen if all(_matches(each, record) for each in question.filters)]
    if question.policy is not None:
        chosen = [record for record in chosen if _breaks(question.policy, question.on, record)]
    ASKED.set(question)
    rows = VIEWS[question.view.name](chosen)
    return rows if question.top is None else _top(question, rows)


def narrowed(rows: Iterable[Row], question: Question, catalogue: Mapping[str, View]) -> list[Row]:
    """Of the rows of a whole view, the columns that `question` asks of it."""
    whole = catalogue[question.view.name].columns
    places = [whole.index(column) for column in question.view.columns]
    return [tuple(row[place] for place in places) for row in rows]


def _top(question: Question, rows: list[Row]) -> list[Row]:
    names = [column.name for column in question.view.columns]
    if question.view.top:
        place = names.index(question.view.top)
        rows = sorted(rows, key=lambda row: -row[place])  # sorted keeps the view's order among equals
    return rows[: question.top]


_moment = cache(datetime.fromisoformat)
"""The same few texts are read for every question."""


def when(record: Record) -> datetime:
    return _moment(record["eventTime"])


def principal(record: Record) -> str:
    identity = record.get("userIdentity") or {}
    on_behalf = (identity.get("onBehalfOf") or {}).get("userId")
    names = (identity.get("arn"), identity.get("userName"), identity.get("principalId"), on_behalf)
    for name in (*names, identity.get("invokedBy")):
        if name:
            return str(name)
    if str(identity.get("accountId")).lower() in {"anonymous", "anonymous_principal"}:
        return "anonymous"
    return identity.get("type") or "Unknown"


def tls(record: Record, key: str = "tlsVersion") -> Any:
    """As it was written."""
    return (record.get("tlsDetails") or {}).get(key)


def text(record: Record, key: str) -> str:
    value = tls(record, key)
    return "" if value is None else str(value).strip(JAVA_SPACE).lower()


def version(record: Record) -> str | None:
    """What an event says of its version."""
    return _version(text(record, "tlsVersion"))


@cache
def _version(written: str) -> str | None:
    found = SPELLED.fullmatch(written)
    if found is None or written in UNUSUAL:
        return None
    if found[4]:
        return f"SSLv{found[4]}"
    minor = found[1] or found[2] or found[3] or "0"
    return "TLSv1" if minor == "0" else f"TLSv1.{minor}"


def unread(record: Record) -> str | None:
    return tls(record) if version(record) is None and text(record, "tlsVersion") else None


def weakness(record: Record) -> str | None:
    return _weakness(suite(record))


@cache
def _weakness(name: str | None) -> str | None:
    if name is None:
        return None
    if "RC4" in name or "ARCFOUR" in name:
        return "RC4"
    if "3DES" in name or "DES-CBC3" in name:
        return "3DES"
    ephemeral = ("ECDHE", "EECDH", "DHE", "EDH")
    iana = ("TLS_AES", "TLS_CHACHA20", "TLS_SM4", "TLS_ECDHE", "TLS_DHE")
    if not name.startswith(tuple(start + mark for start in ephemeral + iana for mark in "-_")):
        return "no forward secrecy"
    if name.endswith(("-SHA", "_SHA", "-SHA1", "_SHA1")):
        return "CBC with SHA-1"
    return None


def exchange(record: Record) -> str | None:
    return GROUPS.get(text(record, "keyExchange"))


def is_classical(record: Record) -> bool:
    name = exchange(record)
    return name is not None and "mlkem" not in name.lower() and "kyber" not in name.lower()


def host(record: Record) -> str | None:
    written = text(record, "clientProvidedHostHeader")
    return None if written in NOTHING | {"clientprovidedhostheader"} else written


def _in_window(question: Question, record: Record) -> bool:
    return question.window.start <= when(record) < question.window.end


def _breaks(policy: Policy, on: date, record: Record) -> bool:
    said = version(record)
    if policy == type(policy)(min_tls=None):
        return said is not None
    floor = policy.min_tls
    if floor is not None and said is not None and (said[0] == "S" or said < f"TLSv{floor}"):
        return True
    if policy.weak_cipher and weakness(record) is not None:
        return True
    if policy.kx == "classical" and is_classical(record):
        return True
    if policy.kx == "below-cnsa" and "MLKEM1024" not in (exchange(record) or "MLKEM1024"):
        return True
    days = {None: None, "eol": 0, "eol-in-90d": 90}[policy.sdk]
    return days is not None and is_over(record, on + timedelta(days=days))


def is_over(record: Record, on: date) -> bool:
    """Whether the client that an event names is out of support by then, as the reader of agents says."""
    named = record.get("userAgent")
    return named is not None and _is_over(named, on)


@cache
def _is_over(agent: str, on: date) -> bool:
    return support(read_agent(agent), on).supported is False


def has_no_agent(record: Record) -> bool:
    return (record.get("userAgent") or "").strip(JAVA_SPACE) in {"", "-", "[]", "[-]"}


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
    "version": version,
    "cipher": lambda record: suite_names(record),
    "host": lambda record: tls(record, "clientProvidedHostHeader"),
    "bucket": lambda record: bucket(record),
}


@cache
def _regex(pattern: str) -> str:
    """`*` is anything, and `[*]` is `*`."""
    meant = (".*".join(map(re.escape, part.split("*"))) for part in pattern.split("[*]"))
    return r"\*".join(meant)


def _same(word: str, value: Any, wanted: str) -> bool:
    if word == "cipher":
        return any(_glob(wanted, name) for name in value)
    if word == "version":
        return bool(value == ("TLSv1" if wanted == "1.0" else f"TLSv{wanted}"))
    if word == "agent":
        return _glob(f"*{wanted.lower()}*", value.lower())
    if word in {"event", "host"}:
        return _glob(wanted.lower(), value.lower())
    if word == "principal" and not wanted.startswith("arn:"):
        ends = "[:/-]" if "/" in wanted else "[:/]"
        name = _regex(wanted)
        return re.search(rf"(^|{ends}){name}(/|\Z)", value, re.DOTALL) is not None
    return _glob(wanted, value)


def _glob(pattern: str, value: str) -> bool:
    parts = _regex(pattern)
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


def suite(record: Record) -> str | None:
    return _suite(text(record, "cipherSuite").upper())


@cache
def _suite(written: str) -> str | None:
    if not has_cipher(written):
        return None
    return next((name for name in IANA if IANA[name] == written), written)


def has_cipher(name: str) -> bool:
    """Whether one of its words is a cipher, or begins with one and goes on with its number of bits."""
    words = name.replace("_", "-").split("-")
    for word, after in zip(words, [*words[1:], ""], strict=True):
        named = next((each for each in ALGORITHMS if word.startswith(each)), None)
        if named and word[len(named) :][:1] in {"", *"0123456789"}:
            return True
        if word == "NULL" and after.startswith(("MD5", "SHA")):
            return True
    return False


def unread_suite(record: Record) -> str | None:
    return tls(record, "cipherSuite") if suite(record) is None and text(record, "cipherSuite") else None


def unread_exchange(record: Record) -> str | None:
    return tls(record, "keyExchange") if exchange(record) is None and text(record, "keyExchange") else None


def suite_names(record: Record) -> list[str] | None:
    """All names of what stands where a suite would, by any of which it is found."""
    if tls(record, "cipherSuite") is None:
        return None
    written = text(record, "cipherSuite").upper()
    name = suite(record) or written
    return [written, name, IANA.get(name, name)]


def identity(key: str) -> Callable[[Record], Any]:
    return lambda record: (record.get("userIdentity") or {}).get(key)


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
        version,
        suite,
        agent,
    )
    return _ordered(((*key, len(group)) for key, group in groups.items()), 4, 5, 7, -10, 1, 2, 3, 6, 8, 9)


def addresses(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, service, version, address, account)
    return _ordered(((*key, len(group)) for key, group in groups.items()), -5, 1, 2, 3, 4)


def requests(records: Sequence[Record]) -> list[Row]:
    in_time = sorted(records, key=lambda record: (when(record), record["eventID"]))
    return [
        (
            *(call(each), region(each), address(each), account(each), version(each)),
            *(when(each), each["eventID"], principal(each), agent(each)),
        )
        for each in in_time
    ]


def bucket(record: Record) -> Any:
    asked = record.get("requestParameters")
    return asked.get("bucketName") if isinstance(asked, dict) else None


def what_if(records: Sequence[Record]) -> list[Row]:
    named = [
        each
        for each in records
        if each["eventSource"] == "s3.amazonaws.com" and each["userIdentity"].get("type") != "AWSService"
    ]
    groups = _group(named, bucket, account, role_or_principal, agent, version)
    rows = ((*key, max(map(when, group)), len(group)) for key, group in groups.items())
    return _ordered(rows, -7, 1, 2, 3, 4, 5)


def latest(records: Sequence[Record]) -> list[Row]:
    by_id = sorted(records, key=lambda record: record["eventID"])
    return [
        (
            *(when(each), each["eventID"], service(each), call(each), address(each)),
            *(version(each), principal(each), agent(each), region(each), account(each)),
        )
        for each in sorted(by_id, key=when, reverse=True)
    ]


def event_names(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (*key, _distinct(group, principal), max(map(when, group)), len(group))
            for key, group in _group(records, service, call).items()
        ),
        -5,
        1,
        2,
    )


def per_day(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, lambda record: when(record).date())
    return _ordered(((*key, _distinct(group, principal), len(group)) for key, group in groups.items()), 1)


def principals(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (*key, _distinct(group, service), _distinct(group, agent), max(map(when, group)), len(group))
            for key, group in _group(records, principal).items()
        ),
        -5,
        1,
    )


def role_or_principal(record: Record) -> str:
    """The principal, with a role in place of its sessions."""
    session = (record.get("userIdentity") or {}).get("sessionContext") or {}
    return (session.get("sessionIssuer") or {}).get("arn") or principal(record)


def is_unnamed(record: Record) -> bool:
    """Whether the first of the fields that name the caller is blank."""
    identity = record.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    fields = (
        issuer.get("arn"),
        *(identity.get(key) for key in ("arn", "userName", "principalId", "invokedBy")),
    )
    return next((field for field in fields if field is not None), "") == ""


def findings(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, service, role_or_principal, agent)
    return _ordered(
        (
            (*key, min(map(when, group)), max(map(when, group)), len(group), sum(map(is_unnamed, group)))
            for key, group in groups.items()
        ),
        -6,
        1,
        2,
        3,
    )


def clients(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, agent, version)
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
    counts = [sum(version(record) == name for record in records) for name in VERSIONS]
    return [*counts, len(records) - sum(counts)]


def versions(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (
                *key,
                *(100.0 * count / len(group) for count in _by_version(group)),
                len(group),
                *_by_version(group),
            )
            for key, group in _group(records, service).items()
        ),
        -7,
        1,
    )


def ciphers(records: Sequence[Record]) -> list[Row]:
    known = [record for record in records if suite(record) is not None]
    groups = _group(known, suite, version, weakness)
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
    known = [record for record in records if exchange(record) is not None]
    groups = _group(
        known,
        service,
        exchange,
        lambda record: "classical" if is_classical(record) else "post-quantum",
    )
    return _ordered(((*key, _distinct(group, agent), len(group)) for key, group in groups.items()), 1, -5, 2)


def support_of(record: Record) -> str | None:
    return "out of support" if is_over(record, ASKED.get().on) else None


def _share(flags: Iterable[bool | None]) -> float | None:
    said = [flag for flag in flags if flag is not None]
    return 100.0 * (sum(said) / len(said)) if said else None


def is_on_13(record: Record) -> bool | None:
    return None if version(record) is None else version(record) == "TLSv1.3"


def is_post_quantum(record: Record) -> bool | None:
    return None if exchange(record) is None else not is_classical(record)


def is_cnsa(record: Record) -> bool | None:
    return None if exchange(record) is None else "MLKEM1024" in str(exchange(record))


def is_held_back(record: Record) -> bool:
    return is_on_13(record) is False or is_post_quantum(record) is False or bool(support_of(record))


def readiness(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (
                *key,
                support_of(group[0]),
                *(_share(map(is_so, group)) for is_so in (is_on_13, is_post_quantum, is_cnsa)),
                sum(map(is_held_back, group)),
                len(group),
                sum(version(record) is not None for record in group),
                sum(exchange(record) is not None for record in group),
            )
            for key, group in _group(records, account, service, agent).items()
        ),
        *(-8, -9, 1, 2, 3),
    )


def burn_down(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (
                *key,
                *(_share(map(is_so, group)) for is_so in (is_on_13, is_post_quantum, is_cnsa)),
                _share(bool(support_of(record)) for record in group),
                len(group),
            )
            for key, group in _group(records, lambda record: when(record).date()).items()
        ),
        1,
    )


def endpoint_lack(record: Record) -> str | None:
    """What the endpoint of a call lacks."""
    named = (host(record) or "").split(":")[0]
    labels = named.split(".")
    if service(record) == "s3.amazonaws.com":
        if ".s3." in named and named.endswith((".vpce.amazonaws.com", ".vpce.amazonaws.com.cn")):
            return "TLS 1.3"
        if named.endswith(".accesspoint.s3-global.amazonaws.com"):
            return "TLS 1.3"
    if service(record) == "kms.amazonaws.com":
        if named.startswith("kms-fips.us-gov-"):
            return "ML-KEM"
        if labels[0] == "kms" and named.endswith(".amazonaws.com.cn"):
            return "ML-KEM"
    of_s3 = [at for at, label in enumerate(labels) if label == "s3" or label.startswith("s3-")]
    marks = labels[of_s3[-1] : of_s3[-1] + 1] if of_s3 else labels[:-2]
    if named.endswith((".amazonaws.com", ".api.aws")) and any(
        mark == "fips" or mark.endswith("-fips") for mark in marks
    ):
        return "ML-KEM"
    return None


def is_of_the_endpoint(record: Record) -> bool:
    """Whether a call that breaks the policy breaks it by nothing but what its endpoint lacks."""
    policy, lack = ASKED.get().policy, endpoint_lack(record)
    if policy is None or lack is None:
        return False
    if policy.kx is None and not (policy.min_tls == "1.3" and lack == "TLS 1.3"):
        return False
    floor = "1.2" if lack == "TLS 1.3" and policy.min_tls == "1.3" else policy.min_tls
    alone = replace(policy, min_tls=floor, kx=None)
    return alone == type(policy)(min_tls=None) or not _breaks(alone, ASKED.get().on, record)


def endpoints(records: Sequence[Record]) -> list[Row]:
    limited = [record for record in records if is_of_the_endpoint(record)]
    groups = _group(limited, service, host, role_or_principal, agent)
    return _ordered(((*key, len(group)) for key, group in groups.items()), -5, 1, 2, 3, 4)


def machines(records: Sequence[Record]) -> list[Row]:
    def within(record: Record, *keys: str) -> Any:
        found: Any = record
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    federated = ("userIdentity", "sessionContext", "webIdFederationData")
    subjects = ("token.actions.githubusercontent.com:sub", "gitlab.com:sub")

    def provider(record: Record) -> Any:
        said = identity("identityProvider")(record)
        return within(record, *federated, "federatedProvider") if said is None else said

    def subject(record: Record) -> Any:
        if identity("type")(record) == "WebIdentityUser" and identity("userName")(record) is not None:
            return identity("userName")(record)
        said = (within(record, *federated, "attributes", key) for key in subjects)
        return next((each for each in said if each is not None), None)

    def of_account(record: Record) -> Any:
        said = identity("accountId")(record)
        return account(record) if said is None else said

    groups = _group(
        records,
        service,
        of_account,
        identity("arn"),
        lambda record: within(record, "userIdentity", "inScopeOf", "credentialsIssuedTo"),
        provider,
        subject,
        lambda record: within(record, "userIdentity", "sessionContext", "ec2RoleDelivery"),
        identity("invokedBy"),
        lambda record: record.get("vpcEndpointId"),
        address,
        agent,
    )
    return _ordered(((*key, len(group)) for key, group in groups.items()), -12, *range(1, 12))


def handshakes(records: Sequence[Record]) -> list[Row]:
    groups = _group(records, service, host, agent, version)
    return _ordered(((*key, len(group)) for key, group in groups.items()), -5, 1, 2, 3, 4)


def coverage_clients(records: Sequence[Record]) -> list[Row]:
    counted = {row[0]: row[:8] for row in coverage(records)}
    silent = {key: sum(map(has_no_agent, group)) for (key,), group in _group(records, service).items()}
    return [(*row, silent[name]) for name, row in counted.items()]


def _ends(texts: Iterable[str | None]) -> tuple[str | None, str | None]:
    said = [text for text in texts if text]
    return min(said, default=None), max(said, default=None)


def coverage(records: Sequence[Record]) -> list[Row]:
    return _ordered(
        (
            (
                *key,
                len(group),
                sum(version(record) is None for record in group),
                min(map(when, group)),
                max(map(when, group)),
                sum(suite(record) is None for record in group),
                sum(exchange(record) is None for record in group),
                sum(host(record) is None for record in group),
                *_ends(map(unread, group)),
                *_ends(map(unread_suite, group)),
                *_ends(map(unread_exchange, group)),
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
    "latest": latest,
    "what-if": what_if,
    "event-names": event_names,
    "per-day": per_day,
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
    "coverage-clients": coverage_clients,
    "readiness": readiness,
    "burn-down": burn_down,
    "endpoints": endpoints,
    "handshakes": handshakes,
    "machines": machines,
}
