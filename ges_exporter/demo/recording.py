"""What the made-up cloud remembers of the requests it got, and the request id on every answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl
from uuid import uuid4

import msgspec

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


# A demo may run for weeks.
REQUESTS_KEPT = 4000


class RecordedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived.

    Attributes:
        method: GET, POST and so on.
        path: Decoded, without the query.
        query: Decoded; of a name given twice, the last.
        headers: By their names in lower case.
        arrived: time.monotonic() when its headers were there.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    arrived: float


class Recorder:
    """An ASGI application around another that keeps a record of each request. Safe to read from any thread."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._requests: deque[RecordedRequest] = deque(maxlen=REQUESTS_KEPT)

    @property
    def requests(self) -> list[RecordedRequest]:
        """The last 4,000 requests, in the order they arrived; a copy."""
        with self._lock:
            return list(self._requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        record = RecordedRequest(
            method=scope["method"],
            path=scope["path"],
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            arrived=time.monotonic(),
        )
        with self._lock:
            self._requests.append(record)
        request_id = uuid4().hex
        scope["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("ascii"))]
            await send(message)

        await self._app(scope, receive, send_with_id)
