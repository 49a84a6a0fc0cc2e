"""Access keys of the made-up cloud: permanent ones, the temporary ones of an ECS agency, and what they sign."""

from __future__ import annotations

import hmac
import secrets
import threading
from typing import TYPE_CHECKING

import msgspec

from ges_exporter.demo.accounts import ACCESS_KEY, SECRET_KEY
from ges_exporter.demo.refusals import not_authenticated
from ges_exporter.demo.signing import SignedRequest, authorization, check_date, signed_headers
from ges_exporter.demo.tokens import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ges_exporter.demo.signing import Signature

TEMPORARY_KEY_SECONDS = 3600
# The metadata service has new keys this long before the old ones end.
NEW_KEYS_BEFORE_SECONDS = 600


class _Permanent(msgspec.Struct, frozen=True):
    access_key: str
    secret_key: str


class _Temporary(msgspec.Struct, frozen=True):
    access_key: str
    secret_key: str
    security_token: str
    expires: float


class Keys:
    """The keys that are good for signing. Safe to use from any thread."""

    def __init__(self, *, clock: Callable[[], float], signature: Signature | None) -> None:
        self._clock = clock
        self._signature = signature
        self._lock = threading.Lock()
        self._known: dict[str, _Permanent | _Temporary] = {ACCESS_KEY: _Permanent(ACCESS_KEY, SECRET_KEY)}
        self._newest: _Temporary | None = None

    def temporary(self) -> dict[str, str]:
        """The keys of the machine's agency, as the metadata service writes them.

        Returns:
            The same ones until ten minutes before their end; the old ones stay good to their end.
        """
        now = self._clock()
        with self._lock:
            keys = self._newest
            if keys is None or now >= keys.expires - NEW_KEYS_BEFORE_SECONDS:
                keys = _Temporary(
                    "HST" + secrets.token_hex(9).upper()[:17],
                    secrets.token_urlsafe(30),
                    secrets.token_urlsafe(768),
                    now + TEMPORARY_KEY_SECONDS,
                )
                self._newest = keys
                self._known[keys.access_key] = keys
        return {
            "access": keys.access_key,
            "secret": keys.secret_key,
            "securitytoken": keys.security_token,
            "expires_at": moment(keys.expires),
        }

    def check(self, *, method: str, path: str, query: tuple[tuple[str, str], ...], headers: Mapping[str, str]) -> None:
        """Check the signature of a request without a body.

        Args:
            method: The HTTP method.
            path: As sent, without the query.
            query: Decoded names and values.
            headers: By their names in lower case, Authorization among them.

        Raises:
            Refused: The date, the keys, the security token or the signature is not right.
        """
        given = authorization(headers["authorization"])
        signed = signed_headers(given.header_names, headers)
        now = self._clock()
        check_date(signed["x-sdk-date"], now)
        secret_key = self._secret_key(given.access_key, headers.get("x-security-token"), now)
        if self._signature is None:
            raise not_authenticated("verify aksk signature fail, this made-up cloud was given no signer")
        expected = self._signature(
            SignedRequest(
                method=method,
                path=path,
                query=query,
                headers=signed,
                body=b"",
                access_key=given.access_key,
                secret_key=secret_key,
            )
        )
        if not hmac.compare_digest(expected, given.signature):
            raise not_authenticated("verify aksk signature fail")

    def _secret_key(self, access_key: str, security_token: str | None, now: float) -> str:
        with self._lock:
            keys = self._known.get(access_key)
        match keys:
            case None:
                raise not_authenticated(f"Get secretKey failed,ak:{access_key},err:ak not exist")
            case _Temporary() if now >= keys.expires:
                raise not_authenticated("the temporary access key has expired")
            case _Temporary() if security_token != keys.security_token:
                raise not_authenticated("the security token does not belong to the access key")
        return keys.secret_key
