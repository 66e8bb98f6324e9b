"""The view `machines`, with the machine that each of its rows is about, and the ground for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.clients.machine import Evidence
    from bot.table import Row

MACHINES: Final = "machines"
MACHINE_COLUMNS: Final = (Column("machine", "TEXT"), Column("ground", "TEXT"))


def named(table: Table) -> Table:
    """The table of the view, whose rows begin with the machine and the ground; both empty where its events
    say too little, or contradict each other. The table that is given is used up."""
    from bot.clients.machine import machine  # what clients are is read only where that is asked

    names = [column.name for column in table.columns]

    def row(cells: Row) -> Row:
        found = machine(_evidence(dict(zip(names, cells, strict=True))))
        return (None, None, *cells) if found is None else (found.name, found.ground, *cells)

    with table:
        made = Table(
            (*MACHINE_COLUMNS, *table.columns),
            (_rows(batch, row) for batch in table.batches()),
            scanned=table.scanned,
        )
    made.notes, made.is_partial, made.since = table.notes, table.is_partial, table.since
    return made


def _rows(batch: Sequence[Row], row: Any) -> list[Row]:
    return [row(cells) for cells in batch]


def _evidence(said: dict[str, Any]) -> Evidence:
    from bot.clients.machine import Evidence, role_session

    role, session = role_session(said["arn"])
    return Evidence(
        account=said["accountId"],
        issued_to=said["credentialsIssuedTo"],
        provider=said["identityProvider"],
        subject=said["subject"],
        role=role,
        session=session,
        delivered=said["ec2RoleDelivery"],
        invoked_by=said["invokedBy"],
        agent=said["userAgent"],
        address=said["sourceIPAddress"],
        vpc_endpoint=said["vpcEndpointId"],
    )
