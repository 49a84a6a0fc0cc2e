"""The command as users run it: a process of its own, and a cloud that answers when it is told to."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

COMMAND = (sys.executable, "-m", "ges_exporter")
REPOSITORY = Path(__file__).resolve().parents[1]
_PORT = re.compile(r"msg=listening port=(\d+)")


def environment(**more: str) -> dict[str, str]:
    """That of the tests without what the exporter takes from it or proxies."""
    kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(("HUAWEI", "GES_"))}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": "127.0.0.1", **more}


def run(*flags: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *flags], cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=60, check=False
    )


class Running:
    """An exporter that serves.

    Attributes:
        process: its process.
        url: where it serves.
        lines: what it has logged.
    """

    def __init__(self, *flags: str) -> None:
        self.lines: list[str] = []
        self._said = threading.Condition()
        self.process = subprocess.Popen(
            [*COMMAND, "--web.listen-address", "127.0.0.1:0", *flags],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        found = _PORT.search(self.wait_for("msg=listening"))
        assert found is not None
        self.url = f"http://127.0.0.1:{found[1]}"

    def wait_for(self, words: str) -> str:
        """Wait until a line with these words is logged, and return it."""
        with self._said:
            assert self._said.wait_for(lambda: any(words in line for line in self.lines), 30), self.lines
            return next(line for line in self.lines if words in line)

    def end(self) -> int:
        """End the process where it still runs; return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(20)
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._said:
                self.lines.append(line)
                self._said.notify_all()


@contextmanager
def running(*flags: str) -> Iterator[Running]:
    exporter = Running(*flags)
    try:
        yield exporter
    finally:
        exporter.end()


class GatedCloud:
    """A cloud without backups that answers each request once `gate` is set; `asked` is set when one arrives."""

    def __init__(self) -> None:
        self.gate = gate = threading.Event()
        self.asked = asked = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.set()
                gate.wait(20)
                body = b'{"backupCount": 0, "backupList": []}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


def write_config(file: Path, *endpoints: str, token: str = "some-token") -> Path:
    """Write a config with a project for each endpoint, named p0, p1 and so on where there are several."""
    lines = ["scrape: {timeout_seconds: 8}", "projects:"]
    for index, endpoint in enumerate(endpoints):
        name = f", name: p{index}" if len(endpoints) > 1 else ""
        lines.append(
            f"- {{project_id: 5eed0c10d0000000000000000000de30{name}, endpoint: '{endpoint}', "
            f"list_graphs: false, auth: {{token: {token}}}}}"
        )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
