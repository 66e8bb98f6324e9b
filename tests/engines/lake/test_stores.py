"""Event data stores as settings name them."""

from __future__ import annotations

import pytest

from bot.engines.lake import stores
from bot.engines.lake.stores import Store
from bot.errors import UserError

ID = "7e5d2c1a-9b3f-4e6d-8a70-0c1d2e3f4a5b"
OTHER = "0fbb1e37-11aa-42cc-9d3e-5a6b7c8d9e0f"
ARN = f"arn:aws:cloudtrail:eu-central-1:444455556666:eventdatastore/{ID}"
ROLE = "arn:aws:iam::444455556666:role/team=a/audit"


def test_a_store_is_named_by_its_id_or_its_arn() -> None:
    assert stores.read(ID) == {"default": Store("default", ID)}
    assert stores.read(ARN) == {"default": Store("default", ID, ARN, "eu-central-1")}
    assert stores.read("") == {}


def test_several_stores_have_aliases_and_the_first_is_the_default() -> None:
    known = stores.read(f" prod={ARN}, dev={OTHER} ,")

    assert list(known) == ["prod", "dev"]
    assert known["dev"].name == OTHER
    assert known["prod"].name == ARN


def test_owners_and_roles_are_for_all_stores_or_for_one() -> None:
    known = stores.read(f"prod={ARN},dev={OTHER}", "dev=123456789012", ROLE)

    assert known["prod"] == Store("prod", ID, ARN, "eu-central-1", "", ROLE)
    assert known["dev"] == Store("dev", OTHER, owner="123456789012", role=ROLE)
    assert stores.read(ID, roles=f"default={ROLE}")["default"].role == ROLE


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("prod",), "`prod` is no event data store"),
        ((ID.upper(),), "is no event data store"),
        ((f"{ID},{OTHER}",), "several stores need a name each"),
        ((f"a={ID},a={OTHER}",), "several stores need a name each"),
        ((f"1={ID}",), "several stores need a name each"),
        ((ID, "12"), "TLS_AUDIT_LAKE_OWNER: `12` is not an account"),
        ((ID, "", "admin"), "TLS_AUDIT_LAKE_ROLE: `admin` is not a role's ARN"),
        (
            (ID, "prod=123456789012"),
            "TLS_AUDIT_LAKE_OWNER names `prod`, which TLS_AUDIT_EVENT_DATA_STORE does not",
        ),
    ],
)
def test_what_is_no_store_is_refused_in_words(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        stores.read(*given)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ((f"prod={ARN},dev={OTHER}", "live=123456789012"), "Use one of: prod, dev."),
        (("", "live=123456789012"), "Set TLS_AUDIT_EVENT_DATA_STORE."),
        ((ID, "12"), "Write 111122223333, or `prod=111122223333`."),
        (
            (ID, "", "admin"),
            "Write arn:aws:iam::111122223333:role/NAME, or `prod=arn:aws:iam::111122223333:role/NAME`.",
        ),
        (
            ("prod",),
            "Write its ARN or id, or several as `prod=ARN,dev=ARN`; `tls-audit lake status` lists them.",
        ),
    ],
)
def test_every_refusal_of_a_store_says_what_to_write(given: tuple[str, ...], hint: str) -> None:
    with pytest.raises(UserError) as refused:
        stores.read(*given)

    assert refused.value.hint == hint
