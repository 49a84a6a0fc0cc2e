"""The made-up IAM: logins with a password, and the project-scoped tokens they give."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ges_exporter.demo.accounts import User
from ges_exporter.demo.refusals import by_iam, not_authenticated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _Token(msgspec.Struct, frozen=True):
    project_id: str | None
    expires: float


class _Named(msgspec.Struct):
    name: str


class _Login(msgspec.Struct):
    name: str
    password: str
    domain: _Named


class _Password(msgspec.Struct):
    user: _Login


class _Method(msgspec.Struct):
    methods: list[str]
    password: _Password


class _ScopedProject(msgspec.Struct):
    id: str


class _Scope(msgspec.Struct):
    project: _ScopedProject | None = None


class _Auth(msgspec.Struct):
    identity: _Method
    scope: _Scope | None = None


class _TokenRequest(msgspec.Struct):
    auth: _Auth


class Tokens:
    """The tokens that IAM has given out. Safe to use from any thread."""

    def __init__(
        self, *, projects: Sequence[str], users: Sequence[User], clock: Callable[[], float], lifetime: float
    ) -> None:
        self._projects = frozenset(projects)
        self._users = tuple(users)
        self._clock = clock
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._given: dict[str, _Token] = {}

    def create(self, body: bytes) -> tuple[str, dict[str, Any]]:
        """Answer a login.

        Returns:
            The token, and the body that goes with it.

        Raises:
            Refused: 400 for a body that is no login, 401 for a wrong one or a project that it may not have.
        """
        try:
            auth = msgspec.json.decode(body, type=_TokenRequest).auth
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise by_iam(400, "Bad Request", "Expecting to find auth.identity.password.user in request body.") from None
        login = auth.identity.password.user
        if User(login.domain.name, login.name, login.password) not in self._users:
            raise by_iam(401, "Unauthorized", "The username or password is wrong.")
        project_id = auth.scope.project.id if auth.scope and auth.scope.project else None
        if project_id is not None and project_id not in self._projects:
            raise by_iam(401, "Unauthorized", f"Could not find project: {project_id}.")
        issued = self._clock()
        expires = issued + self._lifetime
        # Real tokens are signed documents that begin like this and run to many kB.
        token = "MIIF" + secrets.token_urlsafe(1536)
        with self._lock:
            self._given[token] = _Token(project_id, expires)
        described: dict[str, Any] = {
            "expires_at": moment(expires),
            "issued_at": moment(issued),
            "methods": ["password"],
            "user": {"domain": {"name": login.domain.name}, "name": login.name},
            "roles": [{"id": "0", "name": "ges_readonly"}],
        }
        if project_id is not None:
            described["project"] = {"domain": {"name": login.domain.name}, "id": project_id, "name": "cn-north-4"}
        return token, {"token": described}

    def revoke(self) -> None:
        """Forget every token given so far, as after a change of password."""
        with self._lock:
            self._given.clear()

    def project_of(self, token: str) -> str | None:
        """The project that a token is scoped to; None where it was asked for without one.

        Raises:
            Refused: The token is unknown, revoked or past its end.
        """
        with self._lock:
            known = self._given.get(token)
        if known is None:
            raise not_authenticated("decrypt token fail")
        if self._clock() >= known.expires:
            raise not_authenticated(f"token expires, expires_at: {moment(known.expires)}")
        return known.project_id


def moment(seconds: float) -> str:
    """Unix seconds as IAM writes them: UTC, with microseconds and a Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
