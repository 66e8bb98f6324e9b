"""Whose a client is: the file's rules, what is wrong with one by its line, and the words of a question."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.question import owners_file
from bot.question.owners import Owner, Owners, Rule, principals
from bot.question.parser import parse
from bot.question.question import Scope
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.question.views import View

CSV = """\
# who owns what
team,account,role,app,channel,person,runbook
payments,111122223333,"nightly-*, role/billing",,C0123ABC,U0456DEF,https://wiki.example/tls

platform,,,Terraform,,S0ONCALL,
"""
YAML = """\
- team: payments
  account: 111122223333
  role: [nightly-*, role/billing]
  channel: C0123ABC
  person: U0456DEF
  runbook: https://wiki.example/tls
- {team: platform, app: Terraform, person: S0ONCALL, channel: }
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Owners]:
    def read_it(text: str, suffix: str = ".yaml") -> Owners:
        file = tmp_path / f"owners{suffix}"
        file.write_text(text, encoding="utf-8")
        return owners_file.load(file)

    return read_it


def test_yaml_and_csv_say_the_same(read: Callable[..., Owners]) -> None:
    owners = read(CSV, ".csv")

    assert owners == read(YAML)
    assert owners.teams == ("payments", "platform")
    assert owners.rules[0].owner == Owner("payments", "C0123ABC", "U0456DEF", "https://wiki.example/tls")


def test_without_a_file_and_of_an_empty_one_nobody_owns_anything(read: Callable[..., Owners]) -> None:
    for owners in (owners_file.load(None), read(""), read("", ".csv")):
        assert owners == Owners()
        assert owners.of("role/x", "boto") is None


@pytest.mark.parametrize(
    ("principal", "client", "team"),
    [
        ("arn:aws:iam::111122223333:role/nightly-export", "Boto/2", "payments"),
        ("arn:aws:iam::111122223333:role/path/nightly-export", "Boto/2", "payments"),
        ("arn:aws:sts::111122223333:assumed-role/nightly-export/i-0c1a", "Boto/2", "payments"),
        ("arn:aws:iam::111122223333:role/billing", "Boto/2", "payments"),
        ("arn:aws:iam::111122223333:user/billing", "Boto/2", None),
        ("arn:aws:iam::444455556666:role/nightly-export", "Boto/2", None),
        ("arn:aws:sts::111122223333:assumed-role/other/nightly-export", "Boto/2", None),
        ("arn:aws:iam::444455556666:role/nightly-export", "APN/1.0 HashiCorp terraform/1.5", "platform"),
        ("anonymous", "", None),
    ],
)
def test_the_first_rule_that_fits_decides(
    principal: str, client: str, team: str | None, read: Callable[..., Owners]
) -> None:
    owner = read(CSV, ".csv").of(principal, client)

    assert (owner.team if owner else None) == team


def test_a_rule_that_says_nothing_fits_what_is_left(read: Callable[..., Owners]) -> None:
    owners = read(f"{YAML}- team: everyone else\n")

    owner = owners.of("anonymous", "x\ny")
    assert owner is not None
    assert owner.team == "everyone else"


@pytest.mark.parametrize(
    ("suffix", "text", "said"),
    [
        (".csv", "team,acount\na,1", "line 1: `acount` is no column: did you mean `account`?"),
        (".csv", "team,tag\na,b", "line 1: `tag` cannot decide: what a trail delivers says no tags."),
        (".csv", "team,role\n\n# x\n,ci", "line 4: no `team`."),
        (".csv", "team,account\na,12", "line 2: `12` is not an account."),
        (".csv", "team,role\na,b,c,d", "line 2: 4 cells under 2 columns."),
        (".csv", 'team,role\na,"b', "line 2: that is no CSV: unexpected end of data."),
        (".csv", "team,channel\na,#general", "line 2: `#general` is no channel."),
        (".csv", "team,person\na,@carol", "line 2: `@carol` is no person."),
        (".csv", "team,runbook\na,javascript:alert(1)", "line 2: `javascript:alert(1)` is no runbook."),
        (".csv", "team\nNone", "line 2: `None` is what `owner=` takes for nobody."),
        (".yaml", "team: a", "line 1: that is no list of rules."),
        (".yaml", "- team: a\n- just a word", "line 2: that is no rule."),
        (".yaml", "- team: a\n  rolle: b", "line 2: `rolle` is no column: did you mean `role`?"),
        (".yaml", "- team: a\n\n  role: {b: c}", "line 3: `role` is no text."),
        (".yaml", "- team: a\n  team: b", "line 2: `team` stands there twice."),
        (".csv", "team,app,App\na,b,c", "line 1: `app` stands there twice."),
        (".yaml", "- team: a\n  role: &x [*x]", "line 2: `role` is no text."),
        (".yaml", "- team: a\n  role: [[b]]", "line 2: `role` is no text."),
        (
            ".yaml",
            "- team: a\n  role: [b",
            "line 2: that is no YAML: expected ',' or ']', but got '<stream end>'.",
        ),
        (".yaml", "- team: a\n  ? [b]\n  : c", "line 2: that is no column."),
        (".yaml", "- team: a, b", "line 1: `a, b` is no name of a team."),
        (".yaml", "[" * 2_000, "line 1: that is no YAML."),
    ],
)
def test_a_wrong_file_is_refused_by_its_line(
    suffix: str, text: str, said: str, read: Callable[..., Owners]
) -> None:
    with pytest.raises(UserError) as refused:
        read(text, suffix)

    assert refused.value.message == f"TLS_AUDIT_OWNERS, {said}"
    assert refused.value.hint


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        owners_file.load(tmp_path / "none.yaml")
    (tmp_path / "odd.csv").write_bytes(b"team\n\xff")
    with pytest.raises(UserError, match="is not UTF-8"):
        owners_file.load(tmp_path / "odd.csv")
    (tmp_path / "long.csv").write_text("team\n" + "a\n" * 1_001)
    with pytest.raises(UserError, match="has 1,001 rules; 1,000 is the most"):
        owners_file.load(tmp_path / "long.csv")


@given(st.text(alphabet="ab:/-*.(|[$\\\n", max_size=12), st.text(alphabet="ab:/-.(|[$\\\n", max_size=12))
def test_a_name_means_itself_and_its_stars_whatever_signs_it_has(name: str, other: str) -> None:
    if not name or name.startswith("arn:"):
        return
    rule = Rule(Owner("a"), principals([], [name]))
    meant = name.replace("*", other)

    for principal in (meant, f"arn:aws:iam::1:{meant}", f"x/{meant}", f"{meant}/y"):
        assert rule.fits(principal, "")
    if "*" not in name:
        assert not rule.fits(f"{meant}b", "") or f"{meant}b".endswith((f":{meant}", f"/{meant}"))


# --- in a question


@pytest.fixture
def asked(catalogue: dict[str, View], read: Callable[..., Owners]) -> Callable[[str], str]:
    owners = read(YAML)

    def asked_it(text: str) -> str:
        question = parse(text, now=NOW, zone=UTC, views=catalogue, engines=["local"], owners=owners)
        again = parse(str(question), now=NOW, zone=UTC, views=catalogue, engines=["local"], owners=owners)
        assert again == question
        assert Scope.read(str(question.scope)) == question.scope
        return question.subject()

    return asked_it


def test_a_question_names_one_owner_or_none(asked: Callable[[str], str]) -> None:
    assert asked("last 7d owner=Payments") == "calls over TLS older than 1.2 of payments"
    assert asked("last 7d owner=none service=s3") == "calls over TLS older than 1.2 to s3 that nobody owns"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("owner=paymnts", "No owner `paymnts`: did you mean `payments`?"),
        ("owner=zzz", "No owner `zzz`."),
        ("owner!=payments", "`owner` cannot be excluded."),
        ("owner=payments owner=platform", "`owner=` is both `payments` and `platform`."),
    ],
)
def test_an_owner_that_is_none_is_refused(text: str, said: str, asked: Callable[[str], str]) -> None:
    with pytest.raises(UserError) as refused:
        asked(text)

    assert refused.value.message == said


def test_without_a_file_it_says_which_setting_names_one(catalogue: dict[str, View]) -> None:
    with pytest.raises(UserError) as refused:
        parse("owner=payments", now=NOW, zone=UTC, views=catalogue, engines=["local"])

    assert refused.value.message == "No owner `payments`: no owners are configured."
    assert "TLS_AUDIT_OWNERS" in refused.value.hint
