"""Who is known to the made-up cloud: constants that a config for it is written with."""

from __future__ import annotations

import msgspec

PROJECT_ID = "5eed0c10d0000000000000000000de30"
DOMAIN = "made-up-account"
USERNAME = "ges-exporter"
PASSWORD = "made-up-password"  # noqa: S105  # known to all, and good for the made-up cloud alone
ACCESS_KEY = "MADEUPACCESSKEY00001"
SECRET_KEY = "made0up0secret0key0of0forty0characters00"  # noqa: S105  # likewise


class User(msgspec.Struct, frozen=True):
    """Someone who may log in with a password."""

    domain: str
    name: str
    password: str


DEMO_USER = User(DOMAIN, USERNAME, PASSWORD)
