"""What `deploy/` holds is well formed by its own tools, and fits the bot: settings, metrics, permissions.

Schemas come with the linters; nothing is downloaded. What no tool here can run is said so in docs/install.md.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bot import settings
from bot.ops.metrics import Metrics

if TYPE_CHECKING:
    from tests.support.terminal import TlsAudit

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
KUBERNETES = sorted(DEPLOY.glob("kubernetes/*.yaml"))
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
STORE = "arn:aws:cloudtrail:us-east-1:111122223333:eventdatastore/7e5d2c1a-9b3f-4e6d-8a70-0c1d2e3f4a5b"
USER = "10001"
GRACE_SECONDS = 10
"""How long handing over takes at most (docs/operate.md)."""


def lint(name: str, *arguments: str | Path) -> None:
    """Run a linter that pip installed beside this Python; it finds nothing."""
    done = subprocess.run(
        [Path(sys.executable).with_name(name), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def program(name: str, package: str) -> str:
    """A program of the system's; skips where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here: apt-get install -y {package}")
    return found


# --- each by its own tool


def test_the_compose_file_is_one() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_takes_each_manifest(path: Path) -> None:
    lint("kubernetes-validate", "--strict", path)


def test_cloudformation_takes_the_template() -> None:
    lint("cfn-lint", DEPLOY / "cloudformation-ecs.yaml")


def test_systemd_takes_the_unit_and_finds_it_little_exposed(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    unit = tmp_path / "tls-audit.service"
    # the program must exist where it is said to be
    text = (DEPLOY / unit.name).read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/tls-audit/bin/tls-audit", str(Path(sys.executable).resolve())))

    for what in (["verify"], ["security", "--offline=true", "--threshold=15"]):
        done = subprocess.run([analyze, *what, unit], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_alerts_and_each_speaks_when_it_should(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    tests = shutil.copy(Path(__file__).with_name("alerts.test.yaml"), tmp_path)
    rules = shutil.copy(DEPLOY / "alerts.yaml", tmp_path)

    for what in (["check", "rules", rules], ["test", "rules", tests]):
        done = subprocess.run([promtool, *what], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_what_the_dashboard_asks(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    rules = [
        {"record": f"panel:{n}", "expr": each.replace("$__rate_interval", "5m")}
        for n, each in enumerate(asked())
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    done = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


# --- and by the bot


def asked() -> list[str]:
    """What the dashboard asks Prometheus."""
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_every_metric_that_is_asked_for_is_measured_and_every_one_is_shown() -> None:
    metrics = Metrics()
    metrics.watch(states=dict, sockets=lambda: (0, 0), newest=dict)
    page = b"".join(metrics.page({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}, lambda *_: len)).decode()
    measured = set(re.findall(r"^# TYPE (\w+) ", page, re.M))

    def named(text: str) -> set[str]:
        return {name.removesuffix("_bucket") for name in re.findall(r"\btls_audit_\w+", text)}

    assert named(" ".join(asked())) == measured
    alerts = " ".join(rule["expr"] for group in ALERTS["groups"] for rule in group["rules"])
    assert named(alerts) <= measured


def test_the_dashboards_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = [one[at] + one[size] <= other[at] or other[at] + other[size] <= one[at]
                 for at, size in (("x", "w"), ("y", "h"))]  # fmt: skip
        assert any(apart), (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)  # Grafana's columns


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_a_file_names_is_one(path: Path) -> None:
    named = re.findall(r"\b(?:TLS_AUDIT|SLACK)_[A-Z_]+\b", path.read_text(encoding="utf-8"))

    assert set(named) <= set(settings.names().values())


def manifests(path: Path, kind: str) -> list[dict[str, Any]]:
    every = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return [each for each in every if each["kind"] == kind]


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_a_pod_is_the_images_user_without_rights_on_a_root_it_cannot_write(path: Path) -> None:
    (deployment,) = manifests(path, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (bot,) = pod["containers"]

    assert f"USER {USER}:{USER}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, int(USER))
    assert bot["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"/data", "/tmp"} < {mount["mountPath"] for mount in bot["volumeMounts"]}  # noqa: S108 - the pod's
    assert bot["livenessProbe"]["exec"]["command"] == ["tls-audit", "health"]
    assert "memory" in bot["resources"]["limits"]
    assert pod["terminationGracePeriodSeconds"] > GRACE_SECONDS


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_several_pods_are_there_only_where_the_engine_and_the_database_bear_it(path: Path) -> None:
    (deployment,) = manifests(path, "Deployment")
    (config,) = manifests(path, "ConfigMap")
    is_shared = "TLS_AUDIT_DATABASE_URL_FILE" in config["data"] and "TLS_AUDIT_ENGINE" in config["data"]

    assert (deployment["spec"]["replicas"] > 1) == is_shared
    assert (deployment["spec"]["strategy"]["type"] == "Recreate") == (not is_shared)


class _Template(yaml.SafeLoader):
    """CloudFormation's short forms, each as what it is given."""


def _given(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Template.add_multi_constructor("!", _given)


def resources() -> Any:
    text = (DEPLOY / "cloudformation-ecs.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=_Template)["Resources"]  # noqa: S506 - a safe one


def test_the_tasks_role_may_what_the_bot_says_it_needs_and_no_more(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLS_AUDIT_ENGINE", "lake")
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", STORE)
    _, lake, logs = resources()["TaskRole"]["Properties"]["Policies"][0]
    least = json.loads(tls_audit("lake", "policy").out)["Statement"]

    (may,) = lake["PolicyDocument"]["Statement"]
    (needs,) = least
    assert sorted(may["Action"]) == sorted(needs["Action"])
    assert (may["Resource"], needs["Resource"]) == ("EventDataStore", [STORE])

    policy, *_ = re.findall(
        r"```json\n(.*?)```", (ROOT / "docs" / "logs.md").read_text(encoding="utf-8"), re.S
    )
    documented = {each["Action"] for each in json.loads(policy)["Statement"]}
    of_s3 = [each["Action"] for each in logs["PolicyDocument"]["Statement"] if "s3:" in str(each["Action"])]
    assert set(of_s3) == documented


def test_a_task_is_the_images_user_on_a_root_it_cannot_write() -> None:
    (bot,) = resources()["TaskDefinition"]["Properties"]["ContainerDefinitions"]

    assert bot["ReadonlyRootFilesystem"]
    assert bot["User"] == f"{USER}:{USER}"
    assert bot["StopTimeout"] > GRACE_SECONDS
    assert {mount["ContainerPath"] for mount in bot["MountPoints"]} == {"/data", "/tmp"}  # noqa: S108 - the task's


def test_the_service_of_compose_is_the_images_user_on_a_root_it_cannot_write() -> None:
    bot = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["bot"]

    assert (bot["user"], bot["read_only"], bot["cap_drop"]) == (f"{USER}:{USER}", True, ["ALL"])
    assert int(bot["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS
