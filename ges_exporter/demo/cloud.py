"""The made-up cloud itself: a real HTTP server on a loopback port, in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response

from ges_exporter.demo.accounts import DEMO_USER, PROJECT_ID, User
from ges_exporter.demo.ges import DEFAULT_LIMIT, Ges, Options
from ges_exporter.demo.keys import Keys
from ges_exporter.demo.recording import RecordedRequest, Recorder
from ges_exporter.demo.refusals import NOT_PUBLISHED, Refused, by_gateway
from ges_exporter.demo.services import iam_routes, metadata_routes
from ges_exporter.demo.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from starlette.requests import Request

    from ges_exporter.demo.ges import Source
    from ges_exporter.demo.signing import Signature

DAY_SECONDS = 86_400
STOP_SECONDS = 10


class MadeUpCloud:
    """IAM, GES and the ECS metadata service at one address on 127.0.0.1, from construction until `stop()`.

    Args:
        port: TCP port; 0 for any that is free.
        seed: Which history the projects have; see `history`.
        started: When that history's watched time begins, in unix seconds; the clock's time where None.
        clock: The cloud's own time in unix seconds: of its data, its tokens and its view of signatures.
        projects: The ids of the projects of the account; each has a history of its own.
        users: Who may log in with a password. All may use all projects.
        page_latency: Seconds that each answer of GES waits before it looks at the request.
        default_limit: How many items a page has where the request names no limit.
        max_page: How many it has at most, whatever the request says; None for no bound.
        refuse_limit_above: A greater limit is answered with 400; None for no bound.
        graph_name_key: How v1.0 calls the graph's name in a backup: the vendor's page says `graph_name`, its SDK
            and older pages `graphName`.
        token_lifetime: Seconds that a token is good for.
        signature: What computes the right signature of a request; without it every signed request is refused.
        metadata_sessions: Whether the metadata service gives session tokens, and wants them.
        agency: Whether the machine that asks the metadata service has an agency.
        backups: In place of the history's: the backups of a project at a time, with the keys of v1.0.
        graphs: Likewise the graphs. What these two give is served as it is, with keys in snake_case in v2. They
            are called in the server's thread at each request and must not wait for anything.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        seed: int = 1,
        started: float | None = None,
        clock: Callable[[], float] = time.time,
        projects: Sequence[str] = (PROJECT_ID,),
        users: Sequence[User] = (DEMO_USER,),
        page_latency: float = 0,
        default_limit: int = DEFAULT_LIMIT,
        max_page: int | None = None,
        refuse_limit_above: int | None = None,
        graph_name_key: str = "graph_name",
        token_lifetime: float = DAY_SECONDS,
        signature: Signature | None = None,
        metadata_sessions: bool = True,
        agency: bool = True,
        backups: Source | None = None,
        graphs: Source | None = None,
    ) -> None:
        self._tokens = Tokens(projects=projects, users=users, clock=clock, lifetime=token_lifetime)
        keys = Keys(clock=clock, signature=signature)
        options = Options(
            seed=seed,
            started=clock() if started is None else started,
            projects=tuple(projects),
            clock=clock,
            page_latency=page_latency,
            default_limit=default_limit,
            max_page=max_page,
            refuse_limit_above=refuse_limit_above,
            graph_name_key=graph_name_key,
            backups=backups,
            graphs=graphs,
        )
        self._recorder = Recorder(
            Starlette(
                routes=[
                    *iam_routes(self._tokens),
                    *Ges(options, self._tokens, keys).routes(),
                    *metadata_routes(keys, sessions=metadata_sessions, agency=agency),
                ],
                exception_handlers={Refused: _refused, 404: _not_published, 405: _not_published},
            )
        )
        # Listening before the thread runs: whoever has the address can connect at once.
        listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        # asyncio turns Nagle's delay off only on sockets that say they are TCP, which create_server's do not.
        listener = socket.socket(listening.family, listening.type, socket.IPPROTO_TCP, fileno=listening.detach())
        self._url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._recorder,
                http="h11",
                ws="none",
                lifespan="off",
                access_log=False,
                server_header=False,
                log_config=None,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="made-up-cloud", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The address of every service, such as http://127.0.0.1:34567."""
        return self._url

    @property
    def requests(self) -> list[RecordedRequest]:
        """The last 4,000 requests, to whichever service, in the order they arrived; a copy."""
        return self._recorder.requests

    def revoke_tokens(self) -> None:
        """Make every token given so far unknown, as a change of password does."""
        self._tokens.revoke()

    def stop(self) -> None:
        """Close the port and every connection; requests in flight have a second to end. Twice is once.

        Raises:
            RuntimeError: The server's thread did not end.
        """
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError("the made-up cloud did not stop")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101  # starlette's type for handlers is wider than what it passes
    body = error.body
    if str(body.get("error_code")).startswith("APIGW."):
        body = {**body, "request_id": request.scope["request_id"]}
    return Response(msgspec.json.encode(body), status_code=error.status, media_type="application/json")


async def _not_published(request: Request, _error: Exception) -> Response:
    return await _refused(request, by_gateway(404, "APIGW.0101", NOT_PUBLISHED))
