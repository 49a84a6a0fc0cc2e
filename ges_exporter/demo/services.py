"""The services beside GES at the made-up cloud's address: IAM's logins and an ECS's metadata service."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from ges_exporter.demo.keys import Keys
    from ges_exporter.demo.tokens import Tokens

GREATEST_SESSION_SECONDS = 21_600


def iam_routes(tokens: Tokens) -> list[Route]:
    """IAM: POST /v3/auth/tokens. The catalogue is left out where nocatalog is asked for."""

    async def create_token(request: Request) -> Response:
        token, body = tokens.create(await request.body())
        if "nocatalog" not in request.query_params:
            body["token"]["catalog"] = _catalog(str(request.base_url))
        return Response(
            msgspec.json.encode(body),
            status_code=201,
            media_type="application/json",
            headers={"X-Subject-Token": token},
        )

    return [Route("/v3/auth/tokens", create_token, methods=["POST"])]


def metadata_routes(keys: Keys, *, sessions: bool, agency: bool) -> list[Route]:
    """The metadata service that a machine finds at 169.254.169.254.

    Args:
        keys: Where the temporary keys come from.
        sessions: Whether it gives session tokens and wants one; without, asking for one is a 404.
        agency: Whether the machine has an agency; without, asking for its keys is a 404.
    """
    given: set[str] = set()

    async def create_session(request: Request) -> Response:
        lifetime = request.headers.get("x-metadata-token-ttl-seconds", "")
        if not (lifetime.isascii() and lifetime.isdecimal() and 1 <= int(lifetime) <= GREATEST_SESSION_SECONDS):
            return PlainTextResponse("X-Metadata-Token-Ttl-Seconds must be from 1 to 21600", status_code=400)
        session = secrets.token_urlsafe(40)
        given.add(session)
        return PlainTextResponse(session)

    async def security_key(request: Request) -> Response:
        if sessions and request.headers.get("x-metadata-token") not in given:
            return PlainTextResponse("Unauthorized", status_code=401)
        if not agency:
            return PlainTextResponse("Not Found", status_code=404)
        return Response(msgspec.json.encode({"credential": keys.temporary()}), media_type="application/json")

    async def no_sessions(_request: Request) -> Response:
        return PlainTextResponse("Not Found", status_code=404)

    return [
        Route("/meta-data/latest/api/token", create_session if sessions else no_sessions, methods=["PUT"]),
        Route("/openstack/latest/securitykey", security_key),
    ]


def _catalog(url: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"made-up-{service}",
            "name": service,
            "type": service,
            "endpoints": [{"id": f"{service}-endpoint", "interface": "public", "region": "cn-north-4", "url": url}],
        }
        for service in ("ecs", "ges", "iam", "obs", "vpc")
    ]
