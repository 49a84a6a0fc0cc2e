"""The answers that are errors, each in the shape of the service that gives it."""

from __future__ import annotations

from typing import Any

NOT_PUBLISHED = "The API does not exist or has not been published in the environment"


class Refused(Exception):
    """A request is answered with an error.

    Attributes:
        status: HTTP status.
        body: What is sent as JSON; the gateway's shape gets its request_id when it is sent.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def by_gateway(status: int, code: str, message: str) -> Refused:
    """The API gateway's shape; it stands before GES and says who may pass."""
    return Refused(status, {"error_msg": message, "error_code": code})


def not_authenticated(reason: str) -> Refused:
    """What the gateway says of a token or a signature."""
    return by_gateway(401, "APIGW.0301", f"Incorrect IAM authentication information: {reason}")


def by_iam(status: int, title: str, message: str) -> Refused:
    """IAM's shape."""
    return Refused(status, {"error": {"code": status, "message": message, "title": title}})


def wrong_project() -> Refused:
    """GES's answer where the project of the path is not that of the credentials: v2's shape in both versions."""
    return Refused(400, {"error_code": "GES.0016", "error_msg": "The project_id does not belong to the user token."})


def incorrect_parameter(version: str, name: str) -> Refused:
    """GES's answer to an offset or a limit that it does not take, in the shape of the version asked."""
    message = f"Incorrect parameter: {name}."
    if version == "v2":
        return Refused(400, {"error_code": "GES.0001", "error_msg": message})
    return Refused(400, {"errorCode": "GES.0001", "errorMessage": message})
