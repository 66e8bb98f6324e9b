"""What accounts are called: the files that say so, and what people are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.question import accounts
from bot.question.accounts import Accounts

if TYPE_CHECKING:
    from pathlib import Path

PROD, DATA = "111122223333", "012345678901"
LISTED = {
    "Accounts": [
        {
            "Id": account,
            "Arn": f"arn:aws:organizations::{PROD}:account/o-exampleorgid/{account}",
            "Email": "someone@example.com",
            "Name": name,
            "Status": "ACTIVE",
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": "2024-01-02T03:04:05+00:00",
        }
        for account, name in ((PROD, "prod"), (DATA, "Data Lab"))
    ]
}
EXPORTED = (
    "\ufeffAccount ID,ARN,Email,Name,State,Joined method,Joined timestamp\r\n"
    f'{PROD},arn,a@example.com,prod,ACTIVE,CREATED,"Jan 2, 2024"\r\n'
    f"{DATA},arn,b@example.com,Data Lab,ACTIVE,INVITED,\r\n"
)
BY_HAND = f"id,name\n{PROD},prod\n\n{DATA},Data Lab\n"


def read(folder: Path, name: str, text: str) -> Accounts:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return accounts.read(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("accounts.json", json.dumps(LISTED, indent=4)),
        ("accounts", json.dumps(LISTED)),
        ("accounts.yaml", yaml.safe_dump(LISTED)),
        ("accounts.yml", yaml.safe_dump(LISTED).replace("'", "")),
        ("Organization_accounts_information.csv", EXPORTED),
        ("accounts.txt", BY_HAND),
    ],
)
def test_what_organizations_gives_is_read_leading_zeros_and_all(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, name, text).names == {PROD: "prod", DATA: "Data Lab"}


def test_without_a_file_accounts_go_by_number() -> None:
    assert accounts.read(None).shown(PROD) == PROD


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", f"id,name\n{PROD},prod\n12345678901,lab\n", "line 3: `12345678901` is not an account"),
        ("a.csv", f"id,name\n{PROD}\n", f"line 2: {PROD} has no name"),
        ("a.csv", f"id,name\n{PROD},a\n{PROD},b\n", f"line 3: {PROD} has two names"),
        ("a.csv", f"id,name\n{PROD},{'x' * 51}\n", f"line 2: {PROD} has a name of 51 characters"),
        ("a.csv", "who,what\n", "line 1: there are no columns `Account ID` and `Name`"),
        ("a.csv", "", "line 1: there are no columns `Account ID` and `Name`"),
        ("a.json", '{"Accounts": [\n{"Id": }', "line 2: this is no JSON"),
        ("a.json", '{"Accounts": [{"Name": "prod"}]}', "account 1: `` is not an account"),
        ("a.json", '{"Roots": []}', "at the top: there is no list of `Accounts`"),
        ("a.json", '{"Accounts": [], "NextToken": "eyJ"}', "NextToken: this is the beginning of a list"),
        ("a.yaml", "Accounts:\n- Id: '1\n", "line 3: this is no YAML"),
        ("a.yaml", "- 1\n", "at the top: there is no list of `Accounts`"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_its_line(tmp_path: Path, name: str, text: str, why: str) -> None:
    with pytest.raises(UserError) as refused:
        read(tmp_path, name, text)

    assert f"TLS_AUDIT_ACCOUNTS: {tmp_path / name}, {why}" in refused.value.message
    assert refused.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.csv cannot be read: No such file"):
        accounts.read(tmp_path / "nowhere.csv")


def test_a_name_that_would_act_is_shown_literally() -> None:
    assert Accounts({PROD: "prod\u202e"}).shown(PROD) == f"prod\\u202e ({PROD})"


def test_a_name_is_found_in_capitals_or_not_and_doubled_names_are_told() -> None:
    known = Accounts({PROD: "Data  Lab", DATA: "data lab", "1" * 12: "prod"})

    assert known.called("DATA LAB") == (DATA, PROD)
    assert accounts.doubled(known) == ["Data  Lab", "data lab"]


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        (f"arn:aws:iam::{PROD}:role/team/ci", "role/team/ci"),
        (f"arn:aws:sts::{PROD}:assumed-role/ci/session", "assumed-role/ci/session"),
        (f"arn:aws-us-gov:iam::{PROD}:root", "root"),
        (f"arn:aws:iam::{DATA}:user/ann", f"arn:aws:iam::{DATA}:user/ann (Data Lab)"),
        (f"arn:aws:iam::{'9' * 12}:user/bob", f"arn:aws:iam::{'9' * 12}:user/bob"),
        ("cloudtrail.amazonaws.com", "cloudtrail.amazonaws.com"),
        (f"arn:aws:iam::{PROD}:role/x (prod)", f"arn:aws:iam::{PROD}:role/x (prod)"),
    ],
)
def test_a_principal_goes_without_the_account_that_all_share(principal: str, shown: str) -> None:
    assert Accounts({PROD: "prod", DATA: "Data Lab"}).of_principal(principal, PROD) == shown


@given(st.lists(st.text(), min_size=2, max_size=5, unique=True))
def test_two_arns_of_one_account_never_look_alike(names: list[str]) -> None:
    known = Accounts({PROD: "prod"})

    assert len({known.of_principal(f"arn:aws:iam::{PROD}:role/{name}", PROD) for name in names}) == len(names)
