"""`tls-audit lake …`: what it tells, what it asks before it acts, and what it then does at AWS."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bot import bootstrap, settings
from bot.app.answer import statements
from bot.cli.ask import BUSY_SECONDS, patiently
from bot.question import views
from bot.question.parser import parse
from tests.conftest import NOW
from tests.doubles import lake as double
from tests.doubles.lake import OTHER_ID, STORE_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.engines import Check, Engine
    from tests.support.terminal import TlsAudit

ARN = f"arn:aws:cloudtrail:us-east-1:111122223333:eventdatastore/{STORE_ID}"


@pytest.fixture(autouse=True)
def served(
    lake_events: double.Events, own_home: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[double.Lake]:
    del own_home
    with double.Lake(lake_events, now=lambda: NOW) as served:
        served.limits = False
        served.set_environment(monkeypatch)
        yield served


def _lake() -> Engine:
    """The lake, by the settings."""
    chosen = settings.load()
    return bootstrap.engine(chosen, "lake", bootstrap.archive(chosen))


# --- status


def test_status_tells_of_every_store(served: double.Lake, tls_audit: TlsAudit) -> None:
    for number in range(7):
        other = f"0fbb1e37-11aa-42cc-9d3e-5a6b7c8d9e0{number}"
        served.stores[other] = double.Store(other, f"other-{number}", category="Data")

    done = tls_audit("lake", "status")

    assert done.code == 0
    assert done.out.count("termination protection on") == 8
    assert f"tls-audit\n    {ARN}\n    takes in events\n    management events, of all Regions" in done.out
    assert "kept for 366 days (extendable billing)" in done.out


def test_status_tells_of_the_stores_of_the_settings_first(
    served: double.Lake, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = double.Store(OTHER_ID, "far", region="eu-west-1")
    served.stores[OTHER_ID] = far
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", f"far={far.arn},near={ARN}")

    done = tls_audit("lake", "status")

    assert done.out.startswith("far\n")
    assert done.out.count("arn:aws:cloudtrail") == 2


def test_status_says_what_a_store_that_is_being_deleted_can_still_do(
    served: double.Lake, tls_audit: TlsAudit
) -> None:
    served.stores[STORE_ID].status = "PENDING_DELETION"

    assert "being deleted; can be restored within 7 days of that" in tls_audit("lake", "status").out


def test_without_any_store_status_says_so(served: double.Lake, tls_audit: TlsAudit) -> None:
    served.stores.clear()

    assert "There is no event data store in this account and Region." in tls_audit("lake", "status").out


def test_a_denied_status_names_the_action(served: double.Lake, tls_audit: TlsAudit) -> None:
    served.denied.add("ListEventDataStores")

    done = tls_audit("lake", "status")

    assert done.code == 1
    assert "AWS says AccessDenied for cloudtrail:ListEventDataStores: " in done.err


# --- policy


def test_the_policy_for_asking_names_the_actions_that_asking_calls(
    served: double.Lake, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", ARN)
    monkeypatch.setenv("TLS_AUDIT_ENGINE", "lake")
    policy = json.loads(tls_audit("lake", "policy").out)
    (allowed,) = policy["Statement"]
    assert allowed["Resource"] == [ARN]

    assert tls_audit("ask", "2026-11-09..2026-11-23", "service=s3").code == 0

    assert {f"cloudtrail:{name}" for name, _ in served.calls} <= set(allowed["Action"])


@pytest.mark.parametrize("task", ["status", "create", "delete", "restore"])
def test_each_command_needs_no_more_than_its_policy(
    task: str, served: double.Lake, tls_audit: TlsAudit
) -> None:
    policy = json.loads(tls_audit("lake", "policy", task).out)
    actions = {action for each in policy["Statement"] for action in each["Action"]}
    if task == "restore":
        served.stores[STORE_ID].status = "PENDING_DELETION"
    name = "new-store" if task == "create" else "tls-audit"

    done = tls_audit("lake", task) if task == "status" else tls_audit("lake", task, name, "--confirm", name)

    assert done.code == 0, done.err
    assert {f"cloudtrail:{name}" for name, _ in served.calls} <= actions


def test_the_policy_covers_delivery_and_roles(tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", f"prod={ARN},far={OTHER_ID}")
    monkeypatch.setenv("TLS_AUDIT_LAKE_DELIVERY", "s3://results/lake/")
    monkeypatch.setenv("TLS_AUDIT_LAKE_ROLE", "far=arn:aws:iam::444455556666:role/audit")

    done = tls_audit("lake", "policy")

    assert '"arn:aws:s3:::results/lake/AWSLogs/*"' in done.out
    assert '"sts:AssumeRole"' in done.out
    assert "kms:Decrypt" in done.err


# --- create


def test_creating_is_done_only_after_the_name_is_typed(served: double.Lake, tls_audit: TlsAudit) -> None:
    refused = tls_audit("lake", "create", "audit-2", typed="yes\n")
    assert refused.code == 2
    assert "That is not its name: nothing was done." in refused.err
    assert served.count("CreateEventDataStore") == 0

    done = tls_audit("lake", "create", "audit-2", "--days", "90", "--organization", typed="audit-2\n")

    assert done.code == 0
    assert "kept for 90 days" in done.out
    assert "export TLS_AUDIT_EVENT_DATA_STORE=arn:aws:cloudtrail:us-east-1:111122223333" in done.out
    ((_, given),) = served.calls
    assert given == {
        "Name": "audit-2",
        "AdvancedEventSelectors": [
            {
                "Name": "Management events",
                "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
            }
        ],
        "MultiRegionEnabled": True,
        "OrganizationEnabled": True,
        "RetentionPeriod": 90,
        "TerminationProtectionEnabled": True,
        "BillingMode": "EXTENDABLE_RETENTION_PRICING",
    }


def test_where_aws_lets_no_new_customers_in_the_way_round_is_named(
    served: double.Lake, tls_audit: TlsAudit
) -> None:
    served.closed_to_new = True

    done = tls_audit("lake", "create", "audit-2", "--confirm", "audit-2")

    assert done.code == 1
    assert "since 31 May 2026 it lets no new customers in" in done.err
    assert "TLS_AUDIT_LOGS" in done.err
    assert "Athena" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--days", "3"), "3 days cannot be kept. From 7 to 3,653"),
        (("--days", "3000", "--billing", "fixed"), "3000 days cannot be kept. From 7 to 2,557"),
    ],
)
def test_a_retention_aws_does_not_offer_is_refused_here(
    arguments: tuple[str, ...], said: str, served: double.Lake, tls_audit: TlsAudit
) -> None:
    done = tls_audit("lake", "create", "audit-2", *arguments, "--confirm", "audit-2")

    assert done.code == 2
    assert said in done.err.replace("\n", " ")
    assert served.calls == []


def test_a_name_that_is_taken_is_awss_to_say(tls_audit: TlsAudit) -> None:
    done = tls_audit("lake", "create", "tls-audit", "--confirm", "tls-audit")

    assert done.code == 1
    assert "already exists" in done.err


# --- delete and restore


def test_deleting_is_done_only_after_the_name_is_typed(served: double.Lake, tls_audit: TlsAudit) -> None:
    refused = tls_audit("lake", "delete", STORE_ID, typed="\n")
    assert refused.code == 2
    assert "turns its termination protection off and deletes tls-audit" in refused.err
    assert "For 7 days" in refused.err
    assert served.stores[STORE_ID].protected
    assert served.count("UpdateEventDataStore") == 0

    done = tls_audit("lake", "delete", STORE_ID, typed="tls-audit\n")

    assert done.code == 0
    assert served.stores[STORE_ID].status == "PENDING_DELETION"
    assert "tls-audit lake restore tls-audit" in done.out


def test_a_deletion_that_fails_leaves_the_protection_on(served: double.Lake, tls_audit: TlsAudit) -> None:
    served.fail(
        "DeleteEventDataStore", "EventDataStoreFederationEnabledException", "Disable federation first"
    )

    done = tls_audit("lake", "delete", "tls-audit", "--confirm", "tls-audit")

    assert done.code == 1
    assert "Disable federation first" in done.err
    assert served.stores[STORE_ID].protected


def test_restoring_is_done_only_after_the_name_is_typed(served: double.Lake, tls_audit: TlsAudit) -> None:
    assert tls_audit("lake", "delete", "tls-audit", "--confirm", "tls-audit").code == 0
    assert not served.stores[STORE_ID].protected

    assert tls_audit("lake", "restore", "tls-audit", typed="no\n").code == 2
    assert served.stores[STORE_ID].status == "PENDING_DELETION"
    done = tls_audit("lake", "restore", "tls-audit", typed="tls-audit\n")

    assert done.code == 0
    assert "takes in events" in done.out
    assert "termination protection on" in done.out
    assert served.stores[STORE_ID].protected


def test_a_store_that_is_back_without_its_protection_is_said_to_be(
    served: double.Lake, tls_audit: TlsAudit
) -> None:
    served.stores[STORE_ID].status = "PENDING_DELETION"
    served.denied.add("UpdateEventDataStore")

    done = tls_audit("lake", "restore", "tls-audit", "--confirm", "tls-audit")

    assert done.code == 1
    assert "tls-audit is back, but can be deleted without a word" in done.err
    assert "AWS says AccessDenied for cloudtrail:UpdateEventDataStore: " in done.err
    assert "Turn its termination protection on again in AWS's console." in done.err


def test_restoring_what_is_not_being_deleted_is_awss_to_refuse(tls_audit: TlsAudit) -> None:
    done = tls_audit("lake", "restore", "tls-audit", "--confirm", "tls-audit")

    assert done.code == 1
    assert "is not pending deletion" in done.err


def test_a_store_that_is_not_there_is_not_guessed(tls_audit: TlsAudit) -> None:
    done = tls_audit("lake", "delete", "nobody", "--confirm", "nobody")

    assert done.code == 2
    assert "No event data store is called nobody." in done.err


# --- asking in a terminal


def test_ask_says_what_was_read_and_what_it_costs(
    served: double.Lake, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", f"prod={STORE_ID}")
    monkeypatch.setenv("TLS_AUDIT_LAKE_PRICE", "5")

    done = tls_audit("ask", "2026-11-09..2026-11-23", "engine=lake", "store=prod", "service=s3")

    assert done.code == 0, done.err
    assert "MB, $0.0" in done.out
    assert served.count("StartQuery") == 1


def test_ask_warns_of_a_window_before_the_store_existed(
    served: double.Lake, tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", STORE_ID)
    served.stores[STORE_ID].created = datetime(2026, 11, 15, tzinfo=UTC)

    done = tls_audit("ask", "2026-11-09..2026-11-23", "engine=lake", "service=nobody")

    assert "The store exists since 15 Nov 2026" in done.out
    assert served.count("StartQuery") == 2


def test_ask_waits_while_the_lake_is_full(served: double.Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", STORE_ID)
    served.fail("StartQuery", "MaxConcurrentQueriesException", times=3)
    engine, catalogue = _lake(), views.load()
    question = parse(
        "2026-11-09..2026-11-23 service=s3", now=NOW, zone=UTC, views=catalogue, engines=("lake",)
    )
    statement = statements(question, engine, catalogue, cap=100)["answer"]
    states: list[str] = []
    waited: list[float] = []

    table = patiently(engine, statement, lambda _, state, __: states.append(state), waited.append)

    assert waited == [BUSY_SECONDS] * 3
    assert states.count("waiting for its turn") == 3
    assert table.row_count > 0
    assert served.count("StartQuery") == 4


def test_the_embedded_engine_has_no_stores(tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", f"prod={STORE_ID}")

    done = tls_audit("ask", "last 7d", "store=prod")

    assert done.code == 2
    assert "The embedded engine has no store `prod`" in done.err
    assert "engine=lake" in done.err


# --- doctor


def _lake_checks() -> list[Check]:
    engine = _lake()
    return list(engine.checks(is_default=settings.load().engine == engine.name))


@pytest.mark.parametrize(
    ("change", "passed", "said"),
    [
        ({}, True, "event data store prod: tls-audit, since 2025-01-01"),
        ({"status": "STOPPED_INGESTION"}, True, "takes in no new events"),
        ({"status": "PENDING_DELETION"}, False, "it is being deleted"),
        ({"category": "ConfigurationItem"}, False, "it holds no CloudTrail events"),
        ({"region": "eu-west-1"}, False, "AWS does not know the event data store"),
    ],
)
def test_the_doctor_looks_at_every_store(
    change: dict[str, str],
    passed: bool,
    said: str,
    served: double.Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", f"prod={STORE_ID}")
    for name, value in change.items():
        setattr(served.stores[STORE_ID], name, value)

    (check,) = _lake_checks()

    assert check.passed is passed
    assert said in check.what
    assert passed or check.mend


@pytest.mark.usefixtures("served")
def test_the_doctor_misses_a_store_where_lake_is_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_ENGINE", "lake")

    (check,) = _lake_checks()

    assert not check.passed
    assert "TLS_AUDIT_EVENT_DATA_STORE is not set" in check.what


# --- the least policy

ROLE = "arn:aws:iam::444455556666:role/audit"
ANY = "arn:aws:cloudtrail:*:*:eventdatastore"


@pytest.mark.parametrize(
    ("stores", "role", "task", "allowed"),
    [
        ("", "", "ask", [f"{ANY}/*"]),
        (STORE_ID, "", "ask", [f"{ANY}/{STORE_ID}"]),
        (f"prod={ARN},dev={OTHER_ID}", "", "ask", [ARN, f"{ANY}/{OTHER_ID}"]),
        (f"prod={ARN},dev={OTHER_ID}", f"dev={ROLE}", "ask", [ARN, ROLE]),
        (ARN, ROLE, "ask", [ROLE]),
        (ARN, ROLE, "delete", [ROLE]),
        (ARN, "", "create", [f"{ANY}/*", "*"]),
        (ARN, "", "status", [f"{ANY}/*", "*"]),
        (ARN, "", "delete", [ARN, f"{ANY}/*", "*"]),
        ("", "", "delete", [f"{ANY}/*", "*"]),
    ],
)
def test_a_policy_allows_what_the_caller_itself_does_and_no_more(
    stores: str,
    role: str,
    task: str,
    allowed: list[str],
    tls_audit: TlsAudit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", stores)
    monkeypatch.setenv("TLS_AUDIT_LAKE_ROLE", role)

    done = tls_audit("lake", "policy", task)

    on = [each["Resource"] for each in json.loads(done.out)["Statement"]]
    assert [one for each in on for one in ([each] if isinstance(each, str) else each)] == allowed
    assert ("run this without TLS_AUDIT_LAKE_ROLE" in done.err) == bool(role)
