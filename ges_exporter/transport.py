"""Sockets under requests: no answer may take longer than it was given, and nothing is done behind one's back.

`requests` bounds each wait for bytes, not their sum: a server that sends a byte now and then holds a call for ever.
Here each read of the socket waits for no more than what is left of the whole.
"""

import http.client
import io
import socket
import time
import zlib
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _BoundedReader(io.RawIOBase):
    """A socket's file whose reads end, all together, at one moment."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket, seconds: float) -> None:
        self._raw = raw
        self._connection = connection
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """An answer, headers and body, that is read within the timeout its socket has when it begins."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        seconds = sock.gettimeout()
        if seconds is not None:
            raw: io.RawIOBase = self.fp.detach()
            self.fp = io.BufferedReader(_BoundedReader(raw, sock, seconds))


class _BoundedHTTPConnection(HTTPConnection):
    response_class = _BoundedResponse


class _BoundedHTTPSConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _BoundedHTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _BoundedHTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class _BoundedAdapter(HTTPAdapter):
    """An adapter whose every connection, through a proxy too, reads within its timeout."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager: Any = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class CloudSession(requests.Session):
    """A session that keeps no cookies, follows no redirect and reads no .netrc; proxies and CA bundles it does take.

    A redirect would carry X-Auth-Token to another host; and looking where it leads, requests would read its body whole.
    """

    def __init__(self, connections: int) -> None:
        """Make a session that keeps up to `connections` connections to each host open."""
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.auth = _no_auth  # where there is none, requests looks into .netrc
        for scheme in ("http://", "https://"):
            self.mount(scheme, _BoundedAdapter(pool_connections=4, pool_maxsize=connections))

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  # the signature is requests'
        """Say of every answer that it leads nowhere else."""
        return


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def reason_of(error: BaseException) -> str:
    """Say in words why a call failed, without what the libraries add: addresses of objects, proxies' passwords.

    The cause at the bottom of the chain is the one that an operator can do something about.
    """
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, urllib3.exceptions.ProxyError | requests.exceptions.ProxyError):
            return f"the proxy of the environment cannot be used: {_words(chain[-1])}"
    return _words(chain[-1])


def is_certificate_error(error: BaseException) -> bool:
    """Tell whether the call failed because the server could not prove who it is: trying again is of no use."""
    return any(type(cause).__name__ in {"SSLCertVerificationError", "CertificateError"} for cause in _causes(error))


def _causes(error: BaseException) -> Any:
    seen: set[int] = set()
    current: Any = error
    while isinstance(current, BaseException) and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = getattr(current, "reason", None)
        wrapped = next((argument for argument in current.args if isinstance(argument, BaseException)), None)
        current = inner if isinstance(inner, BaseException) else wrapped or current.__cause__ or current.__context__


def _words(cause: BaseException) -> str:
    if isinstance(cause, socket.gaierror):
        return f"the name cannot be resolved ({cause.strerror})"
    verify_message = getattr(cause, "verify_message", None)
    if verify_message:
        return f"the server's certificate cannot be verified ({verify_message})"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(cause, http.client.IncompleteRead | urllib3.exceptions.IncompleteRead):
        return "the body was cut"
    if isinstance(cause, zlib.error):
        return "the body is not what its encoding says"
    return {
        "RemoteDisconnected": "the connection was closed without an answer",
        "BadStatusLine": "the answer is not HTTP",
        "InvalidChunkLength": "the body was cut",
        "DecodeError": "the body is not what its encoding says",
    }.get(type(cause).__name__, type(cause).__name__)
