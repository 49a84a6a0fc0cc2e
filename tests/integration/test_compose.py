"""The compose stack without Docker: its files are there, fit each other, and are accepted by who will read them."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from tests.dashboard_queries import DASHBOARD_FILE, read_dashboard
from tests.integration.tools import tool

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PORTS = {"exporter": 10437, "prometheus": 9090, "alertmanager": 9093, "grafana": 3000}


def mounts(service: str) -> dict[PurePosixPath, Path]:
    """Files and folders that a service sees: from where it sees them to where they are here."""
    parts = [volume.split(":") for volume in SERVICES[service].get("volumes", ())]
    return {PurePosixPath(inside): ROOT / outside for outside, inside, _ in parts}


def option(service: str, name: str) -> str:
    [value] = [
        argument.removeprefix(f"--{name}=")
        for argument in SERVICES[service]["command"]
        if argument.startswith(f"--{name}=")
    ]
    return str(value)


def mounted_config(service: str) -> Path:
    return mounts(service)[PurePosixPath(option(service, "config.file"))]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def seen_by_grafana(folder: str) -> Any:
    """What Grafana reads in a folder of its provisioning, where one file is."""
    [file] = mounts("grafana")[PurePosixPath("/etc/grafana/provisioning") / folder].glob("*.yaml")
    return read(file)


def test_the_file_follows_the_compose_specification() -> None:
    check = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / "compose.yaml")]
    run = subprocess.run([sys.executable, "-m", *check], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_service_is_reached_at_its_usual_port_and_from_this_machine_only() -> None:
    expected = {service: [f"127.0.0.1:{port}:{port}"] for service, port in PORTS.items()}
    assert expected == {service: parts["ports"] for service, parts in SERVICES.items()}


def test_images_are_pinned_by_version() -> None:
    images = {service: parts["image"] for service, parts in SERVICES.items() if "image" in parts}
    assert sorted(images) == ["alertmanager", "grafana", "prometheus"]
    assert not [image for image in images.values() if not re.fullmatch(r"\w+/\w+:v?\d+\.\d+\.\d+", image)]


def test_the_exporter_is_built_here_and_serves_the_made_up_cloud() -> None:
    assert SERVICES["exporter"]["build"] == "."
    assert SERVICES["exporter"]["command"] == ["--demo"]
    assert (ROOT / "Dockerfile").is_file()


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_mounts_exists_and_is_not_written_to(service: str) -> None:
    assert not [path for path in mounts(service).values() if not path.exists()]
    assert not [volume for volume in SERVICES[service].get("volumes", ()) if not volume.endswith(":ro")]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_services_that_exist(service: str) -> None:
    assert set(SERVICES[service].get("depends_on", ())) <= set(SERVICES)


def test_prometheus_knows_the_others_by_the_names_of_their_services() -> None:
    config = read(mounted_config("prometheus"))
    exporters = {
        target
        for job in config["scrape_configs"]
        if job["job_name"] == "ges-exporter"
        for static in job["static_configs"]
        for target in static["targets"]
    }
    alertmanagers = {
        target
        for alertmanager in config["alerting"]["alertmanagers"]
        for static in alertmanager["static_configs"]
        for target in static["targets"]
    }
    assert exporters == {f"exporter:{PORTS['exporter']}"}
    assert alertmanagers == {f"alertmanager:{PORTS['alertmanager']}"}


def test_prometheus_finds_every_file_of_rules_where_its_configuration_looks() -> None:
    seen = mounts("prometheus")
    folder = PurePosixPath(option("prometheus", "config.file")).parent
    rule_files = [folder / name for name in read(mounted_config("prometheus"))["rule_files"]]
    assert rule_files
    assert not [name for name in rule_files if name not in seen]


@pytest.mark.tools
def test_prometheus_takes_its_configuration_and_the_rules() -> None:
    run = subprocess.run(
        [tool("promtool"), "check", "config", str(mounted_config("prometheus"))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"SUCCESS: [1-9]\d* rules found", run.stdout)


@pytest.mark.tools
def test_alertmanager_takes_its_configuration() -> None:
    run = subprocess.run(
        [tool("amtool"), "check-config", str(mounted_config("alertmanager"))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_dashboard_finds_a_data_source_of_its_kind_without_a_choice_being_made() -> None:
    [source] = seen_by_grafana("datasources")["datasources"]
    [variable] = [variable for variable in read_dashboard()["templating"]["list"] if variable["type"] == "datasource"]
    assert source["type"] == variable["query"]
    assert source["isDefault"]
    assert source["url"] == f"http://prometheus:{PORTS['prometheus']}"


def test_the_data_source_knows_how_often_prometheus_scrapes() -> None:
    [source] = seen_by_grafana("datasources")["datasources"]
    config = read(mounted_config("prometheus"))
    [job] = [job for job in config["scrape_configs"] if job["job_name"] == "ges-exporter"]
    interval = job.get("scrape_interval") or config["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval


def test_grafana_finds_the_dashboard_where_it_is_told_to_look_and_opens_with_it() -> None:
    [provider] = seen_by_grafana("dashboards")["providers"]
    [place] = [inside for inside, outside in mounts("grafana").items() if outside == DASHBOARD_FILE]
    assert provider["options"]["path"] == str(place.parent)
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == str(place)


def test_the_dashboard_was_made_for_the_grafana_that_shows_it() -> None:
    _, _, library = version("grafana-foundation-sdk").rpartition("!")
    major, minor, _ = library.split(".")
    assert SERVICES["grafana"]["image"].startswith(f"grafana/grafana:{major}.{minor}.")
