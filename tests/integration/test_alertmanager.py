"""monitoring/alertmanager.yaml: its form and routes by amtool, what it inhibits by a real Alertmanager."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import yaml

from tests.integration.tools import tool

pytestmark = pytest.mark.tools

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG_FILE = REPOSITORY / "monitoring" / "alertmanager.yaml"
RULES_FILE = REPOSITORY / "monitoring" / "alerts.yaml"
RULES = [rule for group in yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
SEVERITIES = {rule["alert"]: rule["labels"]["severity"] for rule in RULES if "alert" in rule}
SECONDS_TO_START = 20
SECONDS_TO_SETTLE = 20

Labels = dict[str, str]
Submit = Callable[[list[Labels]], dict[str, set[str]]]


def alert(name: str, **labels: str) -> Labels:
    return {"alertname": name, "severity": SEVERITIES[name], **labels}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(seconds: float, what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)  # between two questions to a process that tells nobody when it is done


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Alertmanager that runs the committed file."""
    folder = tmp_path_factory.mktemp("alertmanager")
    config = shutil.copy(CONFIG_FILE, folder)
    address = f"127.0.0.1:{free_port()}"
    command = [
        tool("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:

        def ready() -> bool:
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            try:
                return requests.get(f"http://{address}/-/ready", timeout=1).ok
            except requests.ConnectionError:
                return False

        try:
            wait_until(SECONDS_TO_START, "Alertmanager is ready", ready)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture
def submit(alertmanager: str, request: pytest.FixtureRequest) -> Submit:
    """Sends alerts; returns for each name the projects of which somebody is told.

    Without a cluster of their own they are in one that no other test has, so that tests do not inhibit each other.
    """
    test = request.node.name

    def post(alerts: list[Labels]) -> None:
        body = [{"labels": {"cluster": test, "test": test, **labels}} for labels in alerts]
        requests.post(f"{alertmanager}/api/v2/alerts", json=body, timeout=5).raise_for_status()

    def active(test: str) -> list[Labels]:
        query = {"filter": f'test="{test}"', "inhibited": "false"}
        answer = requests.get(f"{alertmanager}/api/v2/alerts", params=query, timeout=5)
        answer.raise_for_status()
        return [each["labels"] for each in answer.json()]

    def send(alerts: list[Labels]) -> dict[str, set[str]]:
        post(alerts)
        # Alertmanager works off alerts in their order: when it has inhibited this one, it has looked at the others.
        last = {"cluster": f"{test} last", "test": f"{test} last"}
        post([alert("GESScrapeFailing", **last), alert("GESBackupFailed", **last)])
        wait_until(
            SECONDS_TO_SETTLE,
            "the last alert is inhibited",
            lambda: [labels["alertname"] for labels in active(last["test"])] == ["GESScrapeFailing"],
        )
        told: dict[str, set[str]] = {}
        for labels in active(test):
            told.setdefault(labels["alertname"], set()).add(labels.get("project", ""))
        return told

    return send


def test_amtool_finds_nothing_wrong() -> None:
    command = [tool("amtool"), "check-config", str(CONFIG_FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "2 inhibit rules" in checked.stdout


@pytest.mark.parametrize("name", SEVERITIES)
def test_an_alert_goes_to_the_receiver_of_its_severity(name: str) -> None:
    labels = [f"{key}={value}" for key, value in alert(name, project="prod").items()]
    command = [tool("amtool"), "config", "routes", "test", f"--config.file={CONFIG_FILE}", *labels]
    routed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert routed.returncode == 0, routed.stderr
    assert routed.stdout.strip() == SEVERITIES[name]


def test_an_alert_of_unknown_severity_is_told_to_somebody() -> None:
    command = [tool("amtool"), "config", "routes", "test", f"--config.file={CONFIG_FILE}", "alertname=Other"]
    routed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert routed.stdout.strip() == "warning"


def test_the_examples_hold_no_secret_and_lead_nowhere() -> None:
    receivers = yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8"))["receivers"]
    hooks = [hook for receiver in receivers for hook in receiver.get("webhook_configs", [])]
    assert [set(receiver) - {"name", "webhook_configs"} for receiver in receivers] == [set()] * 3
    assert all(hook["url"].split("/")[2].endswith(".example.invalid") for hook in hooks)


def test_graphs_of_one_project_come_in_one_message_and_other_projects_in_their_own() -> None:
    route = yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8"))["route"]
    assert {"alertname", "project"} <= set(route["group_by"])
    assert set(route["group_by"]).isdisjoint({"graph_name", "graphId", "backupMethod", "instance"})
    assert all("group_by" not in each for each in route["routes"])


def test_a_project_that_cannot_be_listed_is_paged_for_once(submit: Submit) -> None:
    of_projects = [name for name in SEVERITIES if name.startswith("GESBackup")]
    of_projects += ["GESGraphListFailing", "GESInstanceFailing", "GESListingIncomplete", "GESScrapeNearTimeout"]
    told = submit(
        [alert("GESScrapeFailing", project="prod")]
        + [alert(name, project=project) for name in of_projects for project in ("prod", "test")]
        + [alert("GESConfigReloadFailed")]
    )
    expected = {name: {"test"} for name in of_projects} | {"GESScrapeFailing": {"prod"}, "GESConfigReloadFailed": {""}}
    assert told == expected


def test_the_only_project_needs_no_name_for_that(submit: Submit) -> None:
    told = submit([alert("GESScrapeFailing"), alert("GESBackupTooOld", graph_name="orders", graphId="g1")])
    assert told == {"GESScrapeFailing": {""}}


def test_without_an_exporter_nothing_else_is_told(submit: Submit) -> None:
    others = [alert(name, project="prod") for name in SEVERITIES if name != "GESExporterDown"]
    assert submit([alert("GESExporterDown"), *others]) == {"GESExporterDown": {""}}


def test_the_alerts_of_other_programs_are_not_inhibited(submit: Submit) -> None:
    other = {"alertname": "DiskFull", "severity": "critical", "project": "prod"}
    told = submit([alert("GESExporterDown"), alert("GESScrapeFailing", project="prod"), other])
    assert told == {"GESExporterDown": {""}, "DiskFull": {"prod"}}


def test_an_exporter_that_is_down_in_one_cluster_says_nothing_of_another(submit: Submit) -> None:
    old = [alert("GESBackupTooOld", cluster=cluster, project=f"of {cluster}") for cluster in ("here", "there")]
    told = submit([alert("GESExporterDown", cluster="here"), *old])
    assert told == {"GESExporterDown": {""}, "GESBackupTooOld": {"of there"}}
