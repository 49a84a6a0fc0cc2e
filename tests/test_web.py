"""Paths and what they answer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from ges_exporter.demo.cloud import MadeUpCloud
from tests.demo_client import token_of
from tests.projects import value
from tests.running import GatedCloud, Running, running, write_config

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
def cloud() -> Iterator[MadeUpCloud]:
    with MadeUpCloud() as made_up:
        yield made_up


@pytest.fixture(scope="module")
def exporter(cloud: MadeUpCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    file = tmp_path_factory.mktemp("web") / "config.yaml"
    with running("--config.file", str(write_config(file, cloud.url, "http://127.0.0.1:1", token=token_of(cloud)))) as e:
        yield e


def get(exporter: Running, path: str, **headers: str) -> requests.Response:
    return requests.get(exporter.url + path, headers={"Accept-Encoding": "identity", **headers}, timeout=20)


def test_health_and_the_status_page_never_ask_the_cloud(exporter: Running, cloud: MadeUpCloud) -> None:
    before = len(cloud.requests)
    assert [get(exporter, path).status_code for path in ("/", "/-/healthy", "/-/ready", "/targets")] == [200] * 4
    assert before == len(cloud.requests)


def test_metrics_are_of_all_projects_and_the_exporter(exporter: Running) -> None:
    text = get(exporter, "/metrics").text
    assert value(text, "ges_up", project="p0") == 1
    assert value(text, "ges_up", project="p1") == 0
    assert value(text, "ges_exporter_build_info") == 1


def test_a_probe_is_of_one_project_alone(exporter: Running) -> None:
    text = get(exporter, "/probe?target=p0").text
    assert value(text, "ges_up") == 1
    assert "ges_exporter_build_info" not in text
    assert "p1" not in text


@pytest.mark.parametrize(
    ("query", "status"), [("", 400), ("?target=", 400), ("?target=p0&target=p1", 400), ("?target=x", 404)]
)
def test_a_probe_of_nothing_is_refused(exporter: Running, query: str, status: int) -> None:
    assert status == get(exporter, f"/probe{query}").status_code


def test_targets_need_no_relabelling(exporter: Running) -> None:
    expected = [
        {"targets": ["exporter:10437"], "labels": {"__metrics_path__": "/probe", "__param_target": name}}
        for name in ("p0", "p1")
    ]
    assert expected == get(exporter, "/targets", Host="exporter:10437").json()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/-/reload", 405),
        ("POST", "/metrics", 405),
        ("POST", "/", 405),
        ("DELETE", "/-/healthy", 405),
    ],
)
def test_other_paths_and_methods_are_refused(exporter: Running, method: str, path: str, status: int) -> None:
    assert status == requests.request(method, exporter.url + path, timeout=20).status_code


@pytest.mark.parametrize(
    ("accept", "begin"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        (OPEN_METRICS, "application/openmetrics-text"),
        (f"{OPEN_METRICS};q=0.5,text/plain;version=0.0.4;q=0.3", "application/openmetrics-text"),
        ("application/openmetrics-text; version=nonsense", "text/plain"),
        ("application/openmetrics-text; version=1.x", "text/plain"),
        ("text/plain; version=x.y", "text/plain"),
    ],
)
def test_the_format_is_negotiated(exporter: Running, accept: str, begin: str) -> None:
    answer = get(exporter, "/probe?target=p0", Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(begin)
    is_open = answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert is_open is answer.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("accept", "expected"), [("gzip", "gzip"), ("br, GZIP;q=0.5", "gzip"), ("gzip;q=0", None), ("identity", None)]
)
def test_gzip_is_negotiated(exporter: Running, accept: str, expected: str | None) -> None:
    answer = get(exporter, "/probe?target=p0", **{"Accept-Encoding": accept})
    assert expected == answer.headers.get("Content-Encoding")
    assert value(answer.text, "ges_up") == 1


def test_health_answers_while_a_scrape_hangs(tmp_path: Path) -> None:
    with (
        GatedCloud() as cloud,
        running("--config.file", str(write_config(tmp_path / "c.yaml", cloud.url))) as exporter,
        ThreadPoolExecutor(1) as pool,
    ):
        scrape = pool.submit(get, exporter, "/metrics")
        assert cloud.asked.wait(20)
        assert [get(exporter, path).status_code for path in ("/-/healthy", "/-/ready", "/")] == [200, 200, 200]
        assert not scrape.done()
        cloud.gate.set()
        assert value(scrape.result().text, "ges_up") == 1
