"""The whole stack as an operator runs it: the exporter over the made-up cloud, Prometheus, Alertmanager, a webhook."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboard_queries import queries, read_dashboard
from tests.integration.tools import tool

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "monitoring" / "alerts.yaml"
HEALTHY = {"orders", "customers", "product recommendations", "知识图谱", "d'Alembert"}
DELETED = "campaign_2024"
PATIENCE = 60.0

pytestmark = pytest.mark.tools


@dataclass
class Webhook:
    """What Alertmanager has sent."""

    alerts: list[dict[str, str]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, alerts: list[dict[str, Any]]) -> None:
        with self.changed:
            self.alerts += [alert["labels"] for alert in alerts if alert["status"] == "firing"]
            self.changed.notify_all()

    def wait_for(self, wanted: Callable[[list[dict[str, str]]], bool]) -> list[dict[str, str]]:
        with self.changed:
            self.changed.wait_for(lambda: wanted(self.alerts), timeout=PATIENCE)
            return list(self.alerts)


@dataclass(frozen=True)
class Stack:
    """The running programs."""

    exporter: "subprocess.Popen[bytes]"
    prometheus: str
    metrics: str
    webhook: Webhook


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    programs = {name: tool(name) for name in ("prometheus", "prometheus-alertmanager")}
    folder = tmp_path_factory.mktemp("stack")
    ports = {name: free_port() for name in ("exporter", "prometheus", "alertmanager")}
    webhook = Webhook()
    with ExitStack() as until_the_end:
        hook_port = until_the_end.enter_context(listening(webhook))
        write_configs(folder, ports, hook_port)

        def start(*command: str) -> "subprocess.Popen[bytes]":
            return until_the_end.enter_context(running(command))

        exporter = start(
            sys.executable, "-m", "ges_exporter", "--demo", f"--web.listen-address=127.0.0.1:{ports['exporter']}"
        )
        start(
            programs["prometheus-alertmanager"],
            f"--config.file={folder / 'alertmanager.yaml'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
            "--cluster.listen-address=",
        )
        start(
            programs["prometheus"],
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
        )
        address = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        yield Stack(exporter, address["prometheus"], f"{address['exporter']}/metrics", webhook)


def test_the_graphs_in_trouble_arrive_at_the_webhook(stack: Stack) -> None:
    wanted = {
        ("GESBackupFailed", "suppliers"),
        ("GESBackupTooOld", "suppliers"),
        ("GESBackupStuck", "logistics"),
        ("GESBackupMissing", "identities"),
        ("GESBackupTooOld", "archive_2025"),
    }
    alerts = stack.webhook.wait_for(lambda alerts: wanted <= names_in(alerts))
    assert wanted <= names_in(alerts)


def test_healthy_and_deleted_graphs_do_not_arrive(stack: Stack) -> None:
    stack.webhook.wait_for(lambda alerts: ("GESBackupMissing", "identities") in names_in(alerts))
    critical = [alert for alert in stack.webhook.alerts if alert["severity"] == "critical"]
    assert critical
    assert not {alert.get("graph_name") for alert in critical} & (HEALTHY | {DELETED})


def test_no_alert_is_about_the_exporter_while_all_is_well(stack: Stack) -> None:
    stack.webhook.wait_for(bool)
    assert not [alert for alert in stack.webhook.alerts if alert["alertname"].startswith(("GESScrape", "GESExporter"))]


def test_every_rule_is_evaluated_without_an_error(stack: Stack) -> None:
    def evaluated() -> list[dict[str, Any]]:
        groups = ask(stack.prometheus, "/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    rules = wait_until(evaluated, lambda rules: bool(rules) and all(rule["health"] != "unknown" for rule in rules))
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_every_query_of_the_dashboard_runs(stack: Stack) -> None:
    stack.webhook.wait_for(bool)
    answers = {(title, expr): query(stack.prometheus, expr) for title, expr in queries(read_dashboard())}
    # Nothing is being throttled or refused in a healthy cloud; every other panel has something to show.
    silent = {title for (title, _), result in answers.items() if not result}
    assert len(silent) <= len({title for title, _ in answers}) / 3, silent


def test_every_metric_is_used_and_every_metric_used_is_emitted(stack: Stack) -> None:
    names = re.compile(r"\bges_[a-z_]+\b")
    texts = [expr for _, expr in queries(read_dashboard())] + expressions()
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for text in texts for name in names.findall(text)}
    emitted = {name.removesuffix("_total") for name in types_of(stack.metrics)}
    documented = set(re.findall(r"`(ges_[a-z_]+)`", (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")))
    assert {name.removesuffix("_total") for name in used} - emitted == set()
    assert emitted - {name.removesuffix("_total") for name in documented | used} == set()


def test_the_death_of_the_exporter_arrives(stack: Stack) -> None:
    stack.webhook.wait_for(bool)
    stack.exporter.send_signal(signal.SIGKILL)
    alerts = stack.webhook.wait_for(lambda alerts: "GESExporterDown" in {alert["alertname"] for alert in alerts})
    assert "GESExporterDown" in {alert["alertname"] for alert in alerts}


def names_in(alerts: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(alert["alertname"], alert.get("graph_name", "")) for alert in alerts}


def expressions() -> list[str]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def write_configs(folder: Path, ports: Mapping[str, int], hook_port: int) -> None:
    rules = re.sub(r"\bfor: \w+", "for: 2s", ALERTS.read_text(encoding="utf-8"))
    (folder / "alerts.yaml").write_text(rules, encoding="utf-8")
    static = {"static_configs": [{"targets": [f"127.0.0.1:{ports['exporter']}"]}]}
    prometheus = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [{"job_name": "ges-exporter", **static}],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}],
        },
    }
    alertmanager = {
        "route": {"receiver": "hook", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "1s"},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": f"http://127.0.0.1:{hook_port}/"}]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(prometheus), encoding="utf-8")
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump(alertmanager), encoding="utf-8")


class running:  # noqa: N801  # reads like the context manager it is
    """A program, ended with the block."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class listening:  # noqa: N801  # likewise
    """The webhook on a port of its own, which is what entering gives."""

    def __init__(self, webhook: Webhook) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()
                webhook.take(body["alerts"])

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._server.server_address[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return bytes(answer.read())


def ask(address: str, path: str) -> Any:
    try:
        return json.loads(fetch(address + path))["data"]
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{path}: {error.read().decode()}") from None


def query(address: str, expr: str) -> list[Any]:
    result: list[Any] = ask(address, "/api/v1/query?" + urllib.parse.urlencode({"query": expr}))["result"]
    return result


def types_of(metrics: str) -> set[str]:
    lines = fetch(metrics).decode().splitlines()
    return {line.split()[2] for line in lines if line.startswith("# TYPE ges_")}


def wait_until(ask_for: Callable[[], list[Any]], good: Callable[[list[Any]], bool]) -> list[Any]:
    """Ask again until the answer is good or patience ends; Prometheus has no event to wait for."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            answer = ask_for()
        except OSError:  # it is still starting
            answer = []
        if good(answer) or time.monotonic() > end:
            return answer
        threading.Event().wait(0.2)
