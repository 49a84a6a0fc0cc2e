"""SDK-HMAC-SHA256: how a request proves that its sender holds an access key's secret.

Source: the vendor's "AK/SK signing and authentication algorithm"; its official signer is the oracle of the tests.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

ALGORITHM = "SDK-HMAC-SHA256"
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"


def signature(method: str, url: str, headers: Mapping[str, str], body: bytes, secret_key: str) -> str:
    """Return the signature of a request in hexadecimal.

    Args:
        method: the HTTP method.
        url: the whole URL, with its query.
        headers: the headers to sign, X-Sdk-Date among them.
        body: the body; empty where there is none.
        secret_key: the key's secret.
    """
    parts = urlsplit(url)
    path = quote(unquote(parts.path), safe="/~")
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    signed = {name.lower(): value.strip() for name, value in headers.items()}
    canonical = "\n".join(
        (
            method.upper(),
            path if path.endswith("/") else path + "/",
            "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            ";".join(sorted(signed)),
            hashlib.sha256(body).hexdigest(),
        )
    )
    to_sign = f"{ALGORITHM}\n{signed['x-sdk-date']}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


class SignatureAuth(AuthBase):
    """Signs a request of `requests` with an access key."""

    def __init__(
        self, access_key: str, secret_key: str, *, project_id: str, now: float, security_token: str = ""
    ) -> None:
        """Take the keys.

        Args:
            access_key: the key's public part.
            secret_key: its secret.
            project_id: the project to act in.
            now: seconds since 1970; the cloud refuses what is 15 minutes off.
            security_token: goes with temporary keys only.
        """
        self._access_key = access_key
        self._secret_key = secret_key
        self._headers = {
            "X-Project-Id": project_id,
            "X-Sdk-Date": datetime.fromtimestamp(now, UTC).strftime(_DATE_FORMAT),
        }
        if security_token:
            self._headers["X-Security-Token"] = security_token

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Add the headers that prove who sends the request."""
        url = r.url or ""
        headers = {"Host": urlsplit(url).netloc, **self._headers}
        body = r.body.encode() if isinstance(r.body, str) else r.body or b""
        signed = signature(r.method or "", url, headers, bytes(body), self._secret_key)
        names = ";".join(sorted(name.lower() for name in headers))
        r.headers.update(headers)
        r.headers["Authorization"] = f"{ALGORITHM} Access={self._access_key}, SignedHeaders={names}, Signature={signed}"
        return r
