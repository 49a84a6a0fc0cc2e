"""What the made-up gateway reads out of a signed request, before it asks whether the signature is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from ges_exporter.demo.refusals import not_authenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "SDK-HMAC-SHA256"
GREATEST_SKEW_SECONDS = 15 * 60

_AUTHORIZATION = re.compile(
    ALGORITHM + r" Access=(?P<access>[^,\s]+), ?SignedHeaders=(?P<names>[^,\s]+), ?Signature=(?P<signature>[0-9a-f]+)"
)


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived, with the keys it should have been signed with.

    Attributes:
        method: GET, POST and so on.
        path: As sent, percent-encoding and all, without the query.
        query: Names and values, decoded, in the order sent.
        headers: Those that are signed, by their names in lower case.
        body: As sent.
        access_key: The public half of the keys.
        secret_key: The other half.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes
    access_key: str
    secret_key: str


Signature = Callable[[SignedRequest], str]


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """What the Authorization header of a signed request says."""

    access_key: str
    header_names: tuple[str, ...]
    signature: str


def authorization(header: str) -> Authorization:
    """Take an Authorization header apart.

    Raises:
        Refused: It is not one of this signature algorithm.
    """
    found = _AUTHORIZATION.fullmatch(header)
    if found is None:
        raise not_authenticated("the Authorization header is malformed")
    return Authorization(
        access_key=found["access"], header_names=tuple(found["names"].split(";")), signature=found["signature"]
    )


def signed_headers(names: tuple[str, ...], headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a signature covers.

    Raises:
        Refused: One of them was not sent, or the date is not among them, so that the signature could be replayed.
    """
    if "x-sdk-date" not in names or any(name not in headers for name in names):
        raise not_authenticated("verify aksk signature fail, a signed header is missing")
    return {name: headers[name] for name in names}


def check_date(date: str, now: float) -> None:
    """Compare the date of a signature with the gateway's clock.

    Args:
        date: X-Sdk-Date, such as 20260101T000000Z.
        now: Unix seconds.

    Raises:
        Refused: They differ by more than 15 minutes, or the date cannot be read.
    """
    try:
        signed = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise not_authenticated("verify aksk signature fail, x-sdk-date is malformed") from None
    if abs(now - signed) > GREATEST_SKEW_SECONDS:
        server_time = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        raise not_authenticated(
            f"verify aksk signature fail, x-sdk-date expired: the request was signed at {date}, "
            f"more than 15 minutes from the server time {server_time}"
        )
