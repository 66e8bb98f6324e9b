"""What a CloudTrail event is: the columns of a CloudTrail Lake event data store.

`COLUMNS` names every column as the log files spell it (Lake itself ignores case). A leaf is the
name of its SQL type, a dict is a struct, a list of one element is an array, and `MAP` is Lake's
`map<string,string>`, which log files carry as any JSON value.

Source: "Supported SQL schemas for event data stores" of the user guide, as of 2026-11-23 (docs/facts.md).
"""

from __future__ import annotations

from typing import Final

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

COLUMNS: Final[dict[str, Type]] = {
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
