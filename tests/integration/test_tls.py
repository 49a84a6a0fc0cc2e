"""Certificates and proxies, over real sockets: what an operator sets is used, and nothing turns verification off."""

import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ges_exporter.summary import Snapshot
from tests.integration.tools import tool
from tests.projects import project, scraper_of, wire_backup

pytestmark = pytest.mark.tools


class Cloud(http.server.BaseHTTPRequestHandler):
    """Lists one backup; asked as a proxy, it does the same, and remembers that it was."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps({"backupCount": 1, "backupList": [wire_backup()]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def cloud() -> Iterator[http.server.ThreadingHTTPServer]:
    handler = type("Handler", (Cloud,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    yield server  # not yet serving: a test may want its socket wrapped
    server.server_close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that only those who are told trust; its key is in the same file."""
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        [tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", file, *subject],
        check=True,
        capture_output=True,
    )
    return file


def listed(server: http.server.ThreadingHTTPServer, endpoint: str, ca_file: str | None = None) -> Snapshot:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        [snapshot] = scraper_of(project(endpoint, ca_file=ca_file)).collect(10)
    finally:
        server.shutdown()
        thread.join()
    return snapshot


def over_tls(server: http.server.ThreadingHTTPServer, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return f"https://127.0.0.1:{server.server_address[1]}"


def test_an_unknown_authority_is_refused_in_words(
    cloud: http.server.ThreadingHTTPServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    error = listed(cloud, over_tls(cloud, certificate)).error
    assert "certificate cannot be verified" in str(error)


def test_the_ca_file_of_the_project_is_used_whatever_the_environment_says(
    cloud: http.server.ThreadingHTTPServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing.pem"))
    assert listed(cloud, over_tls(cloud, certificate), str(certificate)).error is None


def test_the_ca_bundle_of_the_environment_is_used(
    cloud: http.server.ThreadingHTTPServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert listed(cloud, over_tls(cloud, certificate)).error is None


def test_the_proxy_of_the_environment_is_used(
    cloud: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{cloud.server_address[1]}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert listed(cloud, "http://ges.test").error is None
    asked: list[str] = cloud.RequestHandlerClass.asked  # type: ignore[attr-defined]
    assert asked[0].startswith("http://ges.test/v1.0/")
