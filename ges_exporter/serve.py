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
    families = [socket.AF_INET6 if ":" in host else socket.AF_INET]
    if not host and socket.has_dualstack_ipv6():
        families = [socket.AF_INET6, socket.AF_INET]  # the second for a machine whose kernel alone knows IPv6
    problem: OSError | None = None
    for family in families:
        try:
            return _listen(family, host, int(port))
        except OSError as error:
            problem = error
    reason = problem.strerror if problem is not None else "no address"
    raise ExporterError(f"--web.listen-address: cannot listen on {address}: {reason}") from None


def _listen(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    both = family == socket.AF_INET6 and not host
    listening = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    # asyncio turns Nagle's delay off only on sockets that say they are TCP, which create_server's do not.
    return socket.socket(listening.family, listening.type, socket.IPPROTO_TCP, fileno=listening.detach())


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
