"""What a CloudTrail event is: the columns of a CloudTrail Lake event data store, and how its TLS details
are spelled.

`LAKE_COLUMNS` names every column as the log files spell it (Lake itself ignores case). A leaf is the
name of its SQL type, a dict is a struct, a list of one element is an array, and `MAP` is Lake's
`map<string,string>`, which log files carry as any JSON value.

Source: "Supported SQL schemas for event data stores" of the user guide, as of 2026-11-23 (docs/facts.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT: Final = "VARCHAR"
TIME: Final = "TIMESTAMP"
FLAG: Final = "BOOLEAN"
MAP: Final = "MAP"

Type = str | dict[str, "Type"] | list["Type"]

_ISSUER: Final[Type] = {
    "type": TEXT,
    "principalId": TEXT,
    "arn": TEXT,
    "accountId": TEXT,
    "userName": TEXT,
}

LAKE_COLUMNS: Final[dict[str, Type]] = {
    "eventVersion": TEXT,
    "userIdentity": {
        "type": TEXT,
        "principalId": TEXT,
        "arn": TEXT,
        "accountId": TEXT,
        "accessKeyId": TEXT,
        "userName": TEXT,
        "sessionContext": {
            "attributes": {"creationDate": TIME, "mfaAuthenticated": TEXT},
            "sessionIssuer": _ISSUER,
            "webIdFederationData": {"federatedProvider": TEXT, "attributes": MAP},
            "sourceIdentity": TEXT,
            "ec2RoleDelivery": TEXT,
            "ec2IssuedInVpc": TEXT,
        },
        "onBehalfOf": {"userId": TEXT, "identityStoreArn": TEXT},
        "inScopeOf": {
            "sourceArn": TEXT,
            "sourceAccount": TEXT,
            "issuerType": TEXT,
            "credentialsIssuedTo": TEXT,
        },
        "invokedBy": TEXT,
        "identityProvider": TEXT,
    },
    "eventTime": TIME,
    "eventSource": TEXT,
    "eventName": TEXT,
    "awsRegion": TEXT,
    "sourceIPAddress": TEXT,
    "userAgent": TEXT,
    "errorCode": TEXT,
    "errorMessage": TEXT,
    "requestParameters": MAP,
    "responseElements": MAP,
    "additionalEventData": MAP,
    "requestID": TEXT,
    "eventID": TEXT,
    "readOnly": FLAG,
    "resources": [{"accountId": TEXT, "type": TEXT, "ARN": TEXT, "ARNPrefix": TEXT}],
    "eventType": TEXT,
    "apiVersion": TEXT,
    "managementEvent": FLAG,
    "recipientAccountId": TEXT,
    "sharedEventID": TEXT,
    "annotation": TEXT,
    "vpcEndpointId": TEXT,
    "vpcEndpointAccountId": TEXT,
    "serviceEventDetails": MAP,
    "addendum": MAP,
    "edgeDeviceDetails": MAP,
    "insightDetails": MAP,
    "eventCategory": TEXT,
    "tlsDetails": {"tlsVersion": TEXT, "cipherSuite": TEXT, "clientProvidedHostHeader": TEXT},
    "sessionCredentialFromConsole": TEXT,
    "eventJson": TEXT,
    "eventJsonChecksum": TEXT,
}

KEY_EXCHANGE_PATH: Final = "$.tlsDetails.keyExchange"
"""Recorded in every event since 2026, and no column of Lake: reached through `eventJson`."""

TLS_VERSION: Final = "TLS version"
CIPHER_SUITE: Final = "cipher suite"
KEY_EXCHANGE: Final = "key exchange"
HOST: Final = "host"
"""What an event may say of its TLS, as people call it."""

AGENT: Final = "client"
"""What an event may say beside, as people call it: who its client calls itself."""


# --- spellings: in small letters, without blanks around. What stands in no table "does not say".

VERSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "SSLv2": ("sslv2", "ssl2", "ssl 2.0", "ssl_2_0", "sslv2.0"),
    "SSLv3": ("sslv3", "ssl3", "ssl 3.0", "ssl_3_0", "sslv3.0"),
    "TLSv1": (
        *("tlsv1", "tlsv1.0", "tlsv1_0", "tlsv10", "tls1.0", "tls1_0", "tls 1.0", "tls_1_0", "tls-1.0"),
        *("tls v1.0", "1.0", "1_0", "v1.0", "tls1", "tls 1", "tls v1", "1", "v1"),
    ),
    "TLSv1.1": (
        *("tlsv1.1", "tlsv1_1", "tlsv11", "tls1.1", "tls1_1", "tls 1.1", "tls_1_1", "tls-1.1"),
        *("tls v1.1", "1.1", "1_1", "v1.1"),
    ),
    "TLSv1.2": (
        *("tlsv1.2", "tlsv1_2", "tlsv12", "tls1.2", "tls1_2", "tls 1.2", "tls_1_2", "tls-1.2"),
        *("tls v1.2", "1.2", "1_2", "v1.2"),
    ),
    "TLSv1.3": (
        *("tlsv1.3", "tlsv1_3", "tlsv13", "tls1.3", "tls1_3", "tls 1.3", "tls_1_3", "tls-1.3"),
        *("tls v1.3", "1.3", "1_3", "v1.3"),
    ),
}
"""Each version as CloudTrail writes it, oldest first (so they also sort as text), and how it may be spelled
(docs/facts.md, spellings of a TLS version)."""

CLASSICAL: Final[Mapping[str, tuple[str, ...]]] = {
    "x25519": ("x25519",),
    "x448": ("x448",),
    "secp256r1": ("secp256r1", "p-256", "p256", "prime256v1"),
    "secp384r1": ("secp384r1", "p-384", "p384"),
    "secp521r1": ("secp521r1", "p-521", "p521"),
    "ffdhe2048": ("ffdhe2048",),
    "ffdhe3072": ("ffdhe3072",),
    "ffdhe4096": ("ffdhe4096",),
    "ffdhe6144": ("ffdhe6144",),
    "ffdhe8192": ("ffdhe8192",),
    "brainpoolP256r1tls13": ("brainpoolp256r1tls13",),
    "brainpoolP384r1tls13": ("brainpoolp384r1tls13",),
    "brainpoolP512r1tls13": ("brainpoolp512r1tls13",),
    "rsa": ("rsa",),
    "dhe": ("dhe", "dh"),
    "ecdhe": ("ecdhe", "ecdh"),
}
POST_QUANTUM: Final[Mapping[str, tuple[str, ...]]] = {
    "X25519MLKEM768": ("x25519mlkem768", "x25519_mlkem768", "x25519-mlkem768"),
    "SecP256r1MLKEM768": ("secp256r1mlkem768", "secp256r1_mlkem768"),
    "SecP384r1MLKEM1024": ("secp384r1mlkem1024", "secp384r1_mlkem1024"),
    "MLKEM512": ("mlkem512", "ml-kem-512"),
    "MLKEM768": ("mlkem768", "ml-kem-768"),
    "MLKEM1024": ("mlkem1024", "ml-kem-1024"),
    "X25519Kyber768Draft00": ("x25519kyber768draft00", "x25519kyber768"),
    "SecP256r1Kyber768Draft00": ("secp256r1kyber768draft00", "secp256r1kyber768"),
}
"""Key exchanges by IANA's names of TLS groups, and how they may be spelled; post-quantum is whatever includes
ML-KEM or its forerunner Kyber (docs/facts.md, key exchanges and cipher suites)."""

CNSA: Final = ("SecP384r1MLKEM1024", "MLKEM1024")
"""Those that include ML-KEM-1024, the only one that CNSA 2.0 takes (docs/facts.md, weak cipher suites)."""

SUITES: Final[Mapping[str, str]] = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES128-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "ECDHE-ECDSA-AES128-SHA": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES256-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    "ECDHE-ECDSA-AES256-SHA": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "ECDHE-RSA-AES128-SHA": "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-RSA-AES256-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    "ECDHE-RSA-AES256-SHA": "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "ECDHE-RSA-DES-CBC3-SHA": "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "ECDHE-RSA-RC4-SHA": "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "AES128-GCM-SHA256": "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "AES128-SHA256": "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "AES128-SHA": "TLS_RSA_WITH_AES_128_CBC_SHA",
    "AES256-GCM-SHA384": "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "AES256-SHA256": "TLS_RSA_WITH_AES_256_CBC_SHA256",
    "AES256-SHA": "TLS_RSA_WITH_AES_256_CBC_SHA",
    "DES-CBC3-SHA": "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "RC4-SHA": "TLS_RSA_WITH_RC4_128_SHA",
    "RC4-MD5": "TLS_RSA_WITH_RC4_128_MD5",
}
"""The suites that AWS's endpoints choose, in capitals: OpenSSL's name, which CloudTrail writes, and IANA's.
A suite of TLS 1.3 has one name; any other goes by the name in the event (docs/facts.md, key exchanges and
cipher suites)."""

SUITE: Final = (
    "(^|[-_])((3DES|AES|ARCFOUR|ARIA|CAMELLIA|CHACHA20|DES|GOST|GOSTR|IDEA|KUZNYECHIK|MAGMA|RC2|RC4|SEED|SM4)"
    "([-_0-9]|$)|NULL[-_]MD5|NULL[-_]SHA)"
)
"""What is found in the name of a cipher suite, OpenSSL's or IANA's, in capitals: a cipher, as a word of its
own. What has none does not say its suite, nor does `TLS_NULL_WITH_NULL_NULL`, with which a connection begins;
which of IANA's names that leaves out is written down (docs/facts.md, key exchanges and cipher suites)."""
SUITE_OR_NOTHING: Final = f"^$|{SUITE}"
"""Found in an empty text too."""

NO_HOST: Final = ("", "-", "n/a", "none", "null", "unknown", "undefined", "clientprovidedhostheader")
"""What stands where a writer had no host to write."""

NO_AGENT: Final = ("", "-", "[]", "[-]")
"""What stands where a client sent no agent; S3 writes agents in brackets."""

WHITESPACE: Final = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a"
    "\u2028\u2029\u205f\u3000"
)
"""What Trino's TRIM takes off: what Java calls white space. Other engines take off less unless told."""


# --- who called

PRINCIPAL: Final = (
    "COALESCE(NULLIF(userIdentity.arn, ''), NULLIF(userIdentity.userName, ''), "
    "NULLIF(userIdentity.principalId, ''), NULLIF(userIdentity.onBehalfOf.userId, ''), "
    "NULLIF(userIdentity.invokedBy, ''), "
    "CASE WHEN LOWER(userIdentity.accountId) IN ('anonymous', 'anonymous_principal') THEN 'anonymous' END, "
    "NULLIF(userIdentity.type, ''), 'Unknown')"
)
"""Who called, never blank, in Trino's SQL. `Unknown` is CloudTrail's type of what it cannot tell."""

ROLE: Final = "NULLIF(userIdentity.sessionContext.sessionIssuer.arn, '')"
"""The role of a session, which in findings stands for all its sessions; NULL for any other caller."""

ANONYMOUS: Final = frozenset({"anonymous", "anonymous_principal"})
"""How an event says that nobody signed its call, in small letters."""
