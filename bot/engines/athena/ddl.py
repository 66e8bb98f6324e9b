"""The table over a trail's log files: AWS's published columns, and the two that it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.engines.athena.tables import Metadata, Partition, Type, render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.engines.athena.tables import Table

SERDE: Final = "org.apache.hive.hcatalog.data.JsonSerDe"
OLD_SERDE: Final = "com.amazon.emr.hive.serde.CloudTrailSerde"
"""What AWS's examples used before; it reads no TLS details."""

INPUT: Final = "com.amazon.emr.cloudtrail.CloudTrailInputFormat"
OUTPUT: Final = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

_TEXT: Final = "string"


def _texts(names: str) -> dict[str, Type]:
    return dict.fromkeys(names.split(), _TEXT)


PUBLISHED: Final[Mapping[str, Type]] = {
    "eventversion": _TEXT,
    "useridentity": {
        **_texts("type principalid arn accountid invokedby accesskeyid username"),
        "onbehalfof": _texts("userid identitystorearn"),
        "sessioncontext": {
            "attributes": _texts("mfaauthenticated creationdate"),
            "sessionissuer": _texts("type principalid arn accountid username"),
            "ec2roledelivery": _TEXT,
            "webidfederationdata": {"federatedprovider": _TEXT, "attributes": "map<string,string>"},
        },
    },
    **_texts("eventtime eventsource eventname awsregion sourceipaddress useragent errorcode errormessage"),
    **_texts("requestparameters responseelements additionaleventdata requestid eventid readonly"),
    "resources": [_texts("arn accountid type")],
    **_texts("eventtype apiversion recipientaccountid serviceeventdetails sharedeventid vpcendpointid"),
    **_texts("vpcendpointaccountid eventcategory"),
    "addendum": _texts("reason updatedfields originalrequestid originaleventid"),
    **_texts("sessioncredentialfromconsole edgedevicedetails"),
    "tlsdetails": _texts("tlsversion ciphersuite clientprovidedhostheader"),
}
"""The columns of AWS's published table (Athena user guide, "Create the table for CloudTrail logs in Athena
using partition projection")."""

ADDED: Final[Mapping[str, Type]] = {
    "useridentity": {
        "identityprovider": _TEXT,
        "inscopeof": _texts("sourcearn sourceaccount issuertype credentialsissuedto"),
    },
    "tlsdetails": _texts("keyexchange"),
}
"""What log files hold besides (CloudTrail user guide, record contents)."""


def with_added(columns: Mapping[str, Type]) -> dict[str, Type]:
    """`columns` with those that AWS's table leaves out."""
    return {
        name: {**type_, **added} if isinstance(type_, dict) and isinstance(added, dict) else type_
        for name, type_ in columns.items()
        for added in [ADDED.get(name)]
    }


ASSUMED_TABLE: Final = Metadata(
    with_added(PUBLISHED),
    (Partition("timestamp", _TEXT, {"type": "date", "format": "yyyy/MM/dd", "range": "2020/01/01,NOW"}),),
    {"serde.serialization.lib": SERDE, "inputformat": INPUT},
)
"""A table that nobody has looked at yet. It has the columns that some lack: better to be refused by AWS,
which costs nothing, than to refuse what can be answered."""


def create(
    table: Table, location: str, *, accounts: Sequence[str], regions: Sequence[str], since: str
) -> str:
    """The statement that makes `table` over `…/AWSLogs/` or `…/AWSLogs/<organization>/` at `location`.

    Its partitions are projected over `accounts`, `regions` and the days from `since` (`yyyy/MM/dd`) on, so
    that none has to be added. Without accounts, questions must name theirs.
    """
    columns = ",\n".join(f"  `{name}` {render(type_)}" for name, type_ in with_added(PUBLISHED).items())
    keys = {
        "account": _listed(accounts),
        "region": _listed(regions),
        "day": {
            "type": "date",
            "format": "yyyy/MM/dd",
            "range": f"{since},NOW",
            "interval": "1",
            "interval.unit": "DAYS",
        },
    }
    where = location.rstrip("/")
    properties = {
        "projection.enabled": "true",
        **{f"projection.{key}.{name}": value for key, given in keys.items() for name, value in given.items()},
        "storage.location.template": f"{where}/${{account}}/CloudTrail/${{region}}/${{day}}",
    }
    listed = ",\n".join(f"  '{_quoted(name)}'='{_quoted(value)}'" for name, value in properties.items())
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{table.database}`.`{table.name}` (\n{columns}\n)\n"
        f"PARTITIONED BY ({', '.join(f'`{key}` string' for key in keys)})\n"
        f"ROW FORMAT SERDE '{SERDE}'\n"
        f"STORED AS INPUTFORMAT '{INPUT}'\n"
        f"OUTPUTFORMAT '{OUTPUT}'\n"
        f"LOCATION '{_quoted(where)}/'\n"
        f"TBLPROPERTIES (\n{listed}\n)"
    )


def _listed(values: Sequence[str]) -> dict[str, str]:
    return {"type": "enum", "values": ",".join(values)} if values else {"type": "injected"}


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def change(table: Table, column: str, type_: Type) -> str:
    """The statement that gives a column another type, as with a field more."""
    name = ".".join(f"`{part}`" for part in (table.database, table.name))
    return f"ALTER TABLE {name} CHANGE COLUMN {column} {column} {render(type_)}"


def add(table: Table, column: str, type_: Type) -> str:
    """The statement that adds a column."""
    name = ".".join(f"`{part}`" for part in (table.database, table.name))
    return f"ALTER TABLE {name} ADD COLUMNS ({column} {render(type_)})"
