"""Serving: the listening socket, the signals, the end."""

import signal
import socket
import threading
from types import FrameType

import structlog
import uvicorn

from ges_exporter.errors import ExporterError
from ges_exporter.web import Exporter, make_app

_SECONDS_TO_FINISH = 10  # for scrapes in flight at SIGTERM
_BACKLOG = 128

_log = structlog.get_logger()


def listen(address: str) -> socket.socket:
    """Return a socket that listens.

    Args:
        address: HOST:PORT, [IPv6]:PORT or :PORT for all addresses of the machine.

    Raises:
        ExporterError: the address is none, or cannot be listened on.
    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535 or (":" in host and not bracketed):  # noqa: PLR2004
        raise ExporterError(f"--web.listen-address: {address} is no address: should be one such as :10437")
    host = host.strip("[]")
    try:
        if not host and socket.has_dualstack_ipv6():
            listening = socket.create_server(
                ("", int(port)), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
            )
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listening = socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
    except OSError as error:
        if not host and error.errno is not None and socket.has_dualstack_ipv6():
            return _listen_on_ipv4(address, int(port))
        raise ExporterError(f"--web.listen-address: cannot listen on {address}: {error.strerror or error}") from None
    return listening


def _listen_on_ipv4(address: str, port: int) -> socket.socket:
    """Listen where the kernel knows IPv6 and the machine has none of it."""
    try:
        return socket.create_server(("", port), backlog=_BACKLOG)
    except OSError as error:
        raise ExporterError(f"--web.listen-address: cannot listen on {address}: {error.strerror or error}") from None


def serve(exporter: Exporter, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; scrapes in flight then have 10 s to end. SIGHUP reads the config again."""
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(exporter),
            http="h11",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
    )

    def ignore(signum: int, frame: FrameType | None) -> None:
        """Take the signal that uvicorn raises once more after its end: it would make the exit status -15."""

    def reload(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        # Not here: this interrupts whatever the main thread is doing, and that may hold a lock.
        threading.Thread(target=exporter.reload, name="reload", daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ignore)
    signal.signal(signal.SIGHUP, reload)
    port = listening.getsockname()[1]
    _log.info("listening", port=port, projects=len(exporter.scraper.targets))
    server.run(sockets=[listening])
    _log.info("stopped")
