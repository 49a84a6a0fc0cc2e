"""What the tests of the made-up cloud ask it with: plain requests, and a clock that is set by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from ges_exporter.demo.accounts import DEMO_USER, PROJECT_ID

if TYPE_CHECKING:
    from ges_exporter.demo.accounts import User
    from ges_exporter.demo.cloud import MadeUpCloud

NOW = 1_790_000_000.0


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def login_body(user: User = DEMO_USER, project_id: str | None = PROJECT_ID) -> dict[str, Any]:
    scope = {} if project_id is None else {"scope": {"project": {"id": project_id}}}
    named = {"name": user.name, "password": user.password, "domain": {"name": user.domain}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": named}}, **scope}}


def login(
    cloud: MadeUpCloud, user: User = DEMO_USER, project_id: str | None = PROJECT_ID, query: str = "?nocatalog=true"
) -> requests.Response:
    return requests.post(f"{cloud.url}/v3/auth/tokens{query}", json=login_body(user, project_id), timeout=10)


def token_of(cloud: MadeUpCloud, project_id: str | None = PROJECT_ID) -> str:
    return login(cloud, project_id=project_id).headers["X-Subject-Token"]


def get(
    cloud: MadeUpCloud, path: str, token: str | None = None, headers: dict[str, str] | None = None
) -> requests.Response:
    """GET a path such as /v1.0/{project_id}/graphs; the braces are filled in."""
    sent = dict(headers or {})
    if token is not None:
        sent["X-Auth-Token"] = token
    return requests.get(cloud.url + path.format(project_id=PROJECT_ID), headers=sent, timeout=10)
