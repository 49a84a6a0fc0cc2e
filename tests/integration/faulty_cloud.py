"""A cloud that misbehaves as told: IAM and both lists of v1.0 on a bare socket, so that every byte can be wrong."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "create_token"
BACKUPS = "list_backups"
GRAPHS = "list_graphs"

_START = 1_790_000_000_000
_RESET = struct.pack("ii", 1, 0)  # linger for no time: close() then sends RST


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as it came in.

    Attributes:
        operation: create_token, list_backups or list_graphs.
        offset: where the page begins.
        limit: how many records are asked for.
        nth: how many requests of this operation there were before it; 0 for the first.
        headers: names in lower case.
    """

    operation: str
    offset: int
    limit: int
    nth: int
    headers: Mapping[str, str] = field(repr=False)


Writer = Callable[[socket.socket], None]  # writes what it likes; the connection is closed after it
Reply = bytes | Writer
Script = Callable[[Ask], Reply | None]  # None: answer as a healthy cloud does


def answer(
    body: bytes | str, status: int = 200, *, headers: Mapping[str, str] | None = None, length: int | None = None
) -> bytes:
    """Return a whole answer; `length` lies about how long its body is."""
    raw = body.encode() if isinstance(body, str) else body
    lines = {"Content-Type": "application/json", "Content-Length": str(len(raw) if length is None else length)}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **(headers or {})}.items())
    return f"HTTP/1.1 {status} Made up\r\n{head}\r\n".encode() + raw


def record(number: int, **changes: Any) -> dict[str, Any]:
    """Return a successful backup; its id is made of the number."""
    start = _START + number * 60_000
    return {
        "id": f"backup-{number}",
        "backupMethod": "auto",
        "graphId": "graph-1",
        "graph_name": "orders",
        "graphStatus": "200",
        "graphSizeTypeIndex": "1",
        "dataStoreVersion": "2.4.5",
        "arch": "x86_64",
        "status": "success",
        "startTimestamp": start,
        "endTimestamp": start + 54_000,
        "size": 10,
        "duration": 54,
        "encrypted": False,
        **changes,
    }


def page(records: Iterable[Mapping[str, Any]], count: object) -> bytes:
    """Return the answer of the list of backups with these records and that count."""
    return answer(json.dumps({"backupCount": count, "backupList": list(records)}))


def drip(head: bytes, each: bytes, seconds: float = 0.05) -> Writer:
    """Send a beginning, and then a few bytes now and then for as long as somebody listens."""

    def write(connection: socket.socket) -> None:
        connection.sendall(head)
        while not gone(connection, seconds):
            connection.sendall(each)

    return write


def flood(head: bytes, block: bytes, blocks: int) -> Writer:
    """Send a beginning and so many blocks, made as they are sent; then keep the connection open."""

    def write(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(blocks):
            connection.sendall(block)
        silence(connection)

    return write


def then_close(data: bytes) -> Writer:
    """Send the bytes and close."""
    return lambda connection: connection.sendall(data)


def reset(connection: socket.socket) -> None:
    """End the connection by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def silence(connection: socket.socket) -> None:
    """Say nothing until the other side goes."""
    gone(connection, None)


def gone(connection: socket.socket, seconds: float | None) -> bool:
    """Wait for the other side to go, for at most so many seconds; return whether it did."""
    connection.settimeout(seconds)
    try:
        return not connection.recv(1)
    except TimeoutError:
        return False
    finally:
        connection.settimeout(None)


class FaultyCloud:
    """IAM and GES at one address on 127.0.0.1, until `stop()`; healthy while it has no script."""

    def __init__(self, backups: int = 25) -> None:
        """Begin to listen; there will be so many backups of one graph."""
        self.script: Script | None = None
        self._records = [record(number) for number in range(backups)]
        self._lock = threading.Lock()  # guards the two below
        self._asks: list[Ask] = []
        self._open: dict[socket.socket, threading.Thread] = {}
        self._listener = self._bind(0)
        self._port: int = self._listener.getsockname()[1]
        self.listen()

    @property
    def url(self) -> str:
        """The address of every service."""
        return f"http://127.0.0.1:{self._port}"

    def asks(self, operation: str | None = None) -> list[Ask]:
        """Return the requests so far, in their order; of one operation, or all."""
        with self._lock:
            return [ask for ask in self._asks if operation in {None, ask.operation}]

    def heal(self) -> None:
        """Behave, and forget the requests so far."""
        with self._lock:
            self.script = None
            self._asks.clear()

    def listen(self) -> None:
        """Take connections."""
        self._listener.listen(128)
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), name="faulty-cloud", daemon=True
        )
        self._accepting.start()

    def refuse_connections(self) -> None:
        """Take no connections until `listen()`; the port stays ours meanwhile."""
        self._close_all()
        self._listener = self._bind(self._port)

    def hang_up(self) -> None:
        """Close every connection; return when nothing of them is left."""
        with self._lock:
            threads = dict(self._open)
        for connection in threads:
            _shut(connection)
        for thread in threads.values():
            thread.join()

    def stop(self) -> None:
        """Close everything."""
        self._close_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _bind(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        return listener

    def _close_all(self) -> None:
        _shut(self._listener)  # wakes accept(), which close() alone does not
        self._accepting.join()
        self._listener.close()
        self.hang_up()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="faulty-cloud", daemon=True)
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            received = b""
            while (ask := self._read(connection, received)) is not None:
                heard, received = ask
                reply = (self.script(heard) if self.script else None) or self._healthy(heard)
                if not isinstance(reply, bytes):
                    reply(connection)
                    return
                connection.sendall(reply)
        except OSError:
            pass  # the other side went: that is its right
        finally:
            with self._lock:
                del self._open[connection]
            connection.close()

    def _read(self, connection: socket.socket, received: bytes) -> tuple[Ask, bytes] | None:
        """Return the next request and what came behind it; None where the other side went."""
        while b"\r\n\r\n" not in received:
            if not (more := connection.recv(65536)):
                return None
            received += more
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(rest) < length:
            if not (more := connection.recv(65536)):
                return None
            rest += more
        target = urlsplit(first.split(" ")[1])
        query = {key: values[0] for key, values in parse_qs(target.query).items()}
        operation = TOKEN if target.path.endswith("/auth/tokens") else GRAPHS
        operation = BACKUPS if target.path.endswith("/graphs/backups") else operation
        offset, limit = int(query.get("offset", "0")), int(query.get("limit", "10"))
        with self._lock:
            nth = sum(ask.operation == operation for ask in self._asks)
            ask = Ask(operation, offset, limit, nth, headers)
            self._asks.append(ask)
        return ask, rest[length:]

    def _healthy(self, ask: Ask) -> bytes:
        if ask.operation == TOKEN:
            headers = {"X-Subject-Token": f"made-up-token-{ask.nth}"}
            return answer('{"token": {"expires_at": "2099-01-01T00:00:00.000000Z"}}', 201, headers=headers)
        if ask.operation == GRAPHS:
            graph = {"id": "graph-1", "name": "orders", "status": "200", "graphSizeTypeIndex": "1"}
            return answer(json.dumps({"graphCount": 1, "graphs": [graph][ask.offset :]}))
        return page(self._records[ask.offset : ask.offset + ask.limit], len(self._records))


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side was faster
        connection.shutdown(socket.SHUT_RDWR)
