"""How a request proves who sends it: IAM token, AK/SK signature, ECS agency.

Each kind hands out a `Proof`: what to add to a request, and what to tell when the cloud rejects it.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from requests import PreparedRequest
from requests.auth import AuthBase

from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.envelope import WrongShapeError, text_in
from ges_exporter.errors import CallRefused, CredentialsUnusable, DeadlineExceeded
from ges_exporter.http_client import Allowance, Answer, Call, Fields, HTTPClient
from ges_exporter.refusals import Refusals
from ges_exporter.secret import Secret
from ges_exporter.signing import SignatureAuth

CREATE_TOKEN = "create_token"  # noqa: S105  # the name of an operation
ECS_CREDENTIALS = "ecs_credentials"
METADATA_ENDPOINT = "http://169.254.169.254"

_RENEW_BEFORE_END = 5 * 60.0
_SHORTEST_USE = 60.0  # of a token that ends sooner than it should be renewed: else each request would fetch one
_REFUSALS = frozenset({401, 403})
_NO_METADATA_TOKEN = frozenset({404, 405, 503})
_METADATA_TOKEN_SECONDS = "21600"  # noqa: S105  # a time, in seconds


@dataclass(frozen=True, slots=True)
class Proof:
    """What one request carries to prove who sends it.

    Attributes:
        auth: adds it to the request.
        secrets: what of it must not be shown.
    """

    auth: AuthBase
    secrets: tuple[str, ...] = field(repr=False)


class Credentials(ABC):
    """One way to prove who asks; shared by all threads of a project."""

    @abstractmethod
    def proof(self, operation: str, deadline: Deadline) -> Proof:
        """Return a proof to send now.

        Raises:
            CloudError: there is none, or not in time.
        """

    def rejected(self, proof: Proof, refusal: CallRefused) -> bool:  # noqa: ARG002  # some kinds need neither
        """Take note that the cloud rejected a proof; return whether another one may do better."""
        return False

    @contextmanager
    def trial(self, operation: str, proof: Proof, deadline: Deadline) -> Iterator[None]:  # noqa: ARG002
        """Hold while a proof is tried; leaving without an exception means that it was accepted."""
        yield

    def expiry(self) -> float | None:
        """Return when the token in use ends, in seconds since 1970; None where there is none or nobody knows."""
        return None


class TokenAuth(AuthBase):
    """Adds an IAM token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        r.headers["X-Auth-Token"] = self.token
        return r


class StaticToken(Credentials):
    """A token that somebody else renews."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def proof(self, operation: str, deadline: Deadline) -> Proof:  # noqa: ARG002
        token = header_value(operation, "the token", self._token)
        return Proof(TokenAuth(token), (token,))

    def rejected(self, proof: Proof, refusal: CallRefused) -> bool:  # noqa: ARG002
        """Try again where the token's file holds another one by now."""
        return isinstance(proof.auth, TokenAuth) and proof.auth.token != self._token.read()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    renew_at: float
    expires_at: float | None


class Password(Credentials):
    """A project-scoped token of IAM: fetched once, shared by all threads, renewed before its end and when rejected."""

    def __init__(
        self,
        *,
        iam_endpoint: str,
        domain: str,
        username: str,
        password: Secret,
        project_id: str,
        client: HTTPClient,
        refusals: Refusals,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._endpoint = iam_endpoint
        self._domain = domain
        self._username = username
        self._password = password
        self._project_id = project_id
        self._client = client
        self._refusals = refusals
        self._clock = clock
        self._lock = threading.Lock()  # guards the token; held while one is fetched
        self._token: _Token | None = None

    def proof(self, operation: str, deadline: Deadline) -> Proof:
        token = self._token
        if token is None or self._clock.wall() >= token.renew_at:
            token = self._renew(operation, deadline)
        return Proof(TokenAuth(token.text), (token.text, self._password.read()))

    def rejected(self, proof: Proof, refusal: CallRefused) -> bool:  # noqa: ARG002
        """Drop the token, but only if it is still the one that was rejected: another thread may have a new one."""
        with self._lock:
            if self._token is not None and isinstance(proof.auth, TokenAuth) and self._token.text == proof.auth.token:
                self._token = None
        return True

    def expiry(self) -> float | None:
        token = self._token
        return None if token is None else token.expires_at

    def _renew(self, operation: str, deadline: Deadline) -> _Token:
        if not self._lock.acquire(timeout=max(0.0, deadline.remaining())):
            raise DeadlineExceeded(operation, "the time was over while another request was fetching the token")
        try:
            now = self._clock.wall()
            old = self._token
            if old is not None and now < old.renew_at:
                return old
            try:
                self._token = self._fetch(deadline)
            except Exception:
                if old is None or old.expires_at is None or now >= old.expires_at:
                    raise
                return old  # it is good for some minutes yet, and there will be other scrapes in these
            return self._token
        finally:
            self._lock.release()

    def _fetch(self, deadline: Deadline) -> _Token:
        password = self._password.read()
        user = {"name": self._username, "password": password, "domain": {"name": self._domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        call = Call(
            CREATE_TOKEN,
            "POST",
            f"{self._endpoint}/v3/auth/tokens",
            params={"nocatalog": "true"},
            json={"auth": {"identity": identity, "scope": {"project": {"id": self._project_id}}}},
            secrets=(password,),
        )
        credentials = ("password", self._endpoint, self._domain, self._username, password)
        with self._refusals.attempt(CREATE_TOKEN, credentials, self._project_id, deadline):
            try:
                token = self._client.call(call, self._read, deadline, Allowance())
            except CallRefused as refusal:
                if refusal.status in _REFUSALS:
                    self._refusals.refused(credentials, self._project_id, refusal.reason)
                raise
            self._refusals.accepted(credentials)
            return token

    def _read(self, answer: Answer) -> _Token:
        text = answer.headers.get("X-Subject-Token", "")
        if not _fits_a_header(text):
            raise WrongShapeError("the answer has no X-Subject-Token")
        now = self._clock.wall()
        expires_at = _moment_in(answer.fields.get("token"))
        renew_at = float("inf") if expires_at is None else max(expires_at - _RENEW_BEFORE_END, now + _SHORTEST_USE)
        return _Token(text, renew_at, expires_at)


class AccessKey(Credentials):
    """An access key and its secret sign each request."""

    def __init__(
        self,
        *,
        access_key: Secret,
        secret_key: Secret,
        security_token: Secret | None,
        project_id: str,
        endpoint: str,
        refusals: Refusals,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._security_token = security_token
        self._project_id = project_id
        self._endpoint = endpoint
        self._refusals = refusals
        self._clock = clock

    def proof(self, operation: str, deadline: Deadline) -> Proof:  # noqa: ARG002
        access_key = header_value(operation, "the access key", self._access_key)
        secret_key = self._secret_key.read()
        token = header_value(operation, "the security token", self._security_token) if self._security_token else ""
        auth = SignatureAuth(
            access_key, secret_key, project_id=self._project_id, now=self._clock.wall(), security_token=token
        )
        return Proof(auth, tuple(secret for secret in (secret_key, token) if secret))

    @contextmanager
    def trial(self, operation: str, proof: Proof, deadline: Deadline) -> Iterator[None]:
        """Let a refused key rest: five failed signatures in a row lock it for everybody who uses it."""
        credentials = ("aksk", self._endpoint, self._access_key.read(), *proof.secrets)
        with self._refusals.attempt(operation, credentials, self._project_id, deadline):
            try:
                yield
            except CallRefused as refusal:
                if refusal.status == 401:  # noqa: PLR2004  # 403 is about permissions, not about the key
                    self._refusals.refused(credentials, self._project_id, refusal.reason)
                raise
            self._refusals.accepted(credentials)


class _TemporaryKey(msgspec.Struct, frozen=True):
    """Keys as the metadata service of an ECS tells them."""

    access: str
    secret: str
    securitytoken: str
    expires_at: str

    def __repr__(self) -> str:
        return "_TemporaryKey(***)"


class ECSAgency(Credentials):
    """Temporary keys of the agency that this ECS was given, from its metadata service."""

    def __init__(
        self,
        *,
        project_id: str,
        client: HTTPClient,
        endpoint: str = METADATA_ENDPOINT,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._project_id = project_id
        self._client = client
        self._endpoint = endpoint
        self._clock = clock
        self._lock = threading.Lock()  # guards the key; held while one is fetched
        self._key: _TemporaryKey | None = None
        self._renew_at = 0.0

    def proof(self, operation: str, deadline: Deadline) -> Proof:
        key = self._current(operation, deadline)
        auth = SignatureAuth(
            key.access,
            key.secret,
            project_id=self._project_id,
            now=self._clock.wall(),
            security_token=key.securitytoken,
        )
        return Proof(auth, (key.secret, key.securitytoken))

    def rejected(self, proof: Proof, refusal: CallRefused) -> bool:  # noqa: ARG002
        """Drop the key, but only if it is still the one that was rejected."""
        with self._lock:
            if self._key is not None and self._key.secret == proof.secrets[0]:
                self._key = None
        return True

    def expiry(self) -> float | None:
        key = self._key
        return None if key is None else _moment(key.expires_at)

    def _current(self, operation: str, deadline: Deadline) -> _TemporaryKey:
        if not self._lock.acquire(timeout=max(0.0, deadline.remaining())):
            raise DeadlineExceeded(operation, "the time was over while another request was fetching the agency's keys")
        try:
            now = self._clock.wall()
            old = self._key
            if old is not None and now < self._renew_at:
                return old
            try:
                key = self._fetch(deadline)
            except Exception:
                if old is None or now >= (_moment(old.expires_at) or 0.0):
                    raise
                return old
            ends = _moment(key.expires_at)
            self._renew_at = now + _SHORTEST_USE if ends is None else max(ends - _RENEW_BEFORE_END, now + _SHORTEST_USE)
            self._key = key
            return key
        finally:
            self._lock.release()

    def _fetch(self, deadline: Deadline) -> _TemporaryKey:
        headers = {}
        try:
            session_token = self._client.call(
                Call(
                    ECS_CREDENTIALS,
                    "PUT",
                    f"{self._endpoint}/meta-data/latest/api/token",
                    headers={"X-Metadata-Token-Ttl-Seconds": _METADATA_TOKEN_SECONDS},
                    plain_text=True,
                ),
                lambda answer: answer.body.decode("ascii", "replace").strip(),
                deadline,
                Allowance(),
            )
            if _fits_a_header(session_token):
                headers["X-Metadata-Token"] = session_token
        except CallRefused as refusal:
            if refusal.status not in _NO_METADATA_TOKEN:
                raise
        call = Call(ECS_CREDENTIALS, "GET", f"{self._endpoint}/openstack/latest/securitykey", headers=headers)
        try:
            return self._client.call(call, _read_temporary_key, deadline, Allowance())
        except CallRefused as refusal:
            if refusal.status != 404:  # noqa: PLR2004  # the metadata service has no keys for this machine
                raise
            reason = "this ECS has no agency: create one with GES ReadOnlyAccess and set it in the ECS's details"
            raise CredentialsUnusable(ECS_CREDENTIALS, reason) from None


def header_value(operation: str, name: str, secret: Secret) -> str:
    """Return a secret that is to stand in a header.

    Raises:
        CredentialsUnusable: it holds what no header can carry; the libraries' own message would show it.
    """
    value = secret.read().strip()
    if not _fits_a_header(value):
        raise CredentialsUnusable(operation, f"{name} is empty or holds characters that no header can carry")
    return value


def _fits_a_header(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and value == value.strip()


def _read_temporary_key(answer: Answer) -> _TemporaryKey:
    try:
        key = msgspec.json.decode(answer.fields["credential"], type=_TemporaryKey)
    except (KeyError, msgspec.DecodeError, RecursionError):
        raise WrongShapeError("the answer holds no credential with access, secret, securitytoken, expires_at") from None
    if not all(map(_fits_a_header, (key.access, key.secret, key.securitytoken))):
        raise WrongShapeError("the credential is empty or holds characters that no header can carry")
    return key


def _moment_in(token: msgspec.Raw | None) -> float | None:
    try:
        fields = msgspec.json.decode(token or msgspec.Raw(b"{}"), type=Fields)
    except (msgspec.DecodeError, RecursionError):
        return None
    return _moment(text_in(fields, "expires_at"))


def _moment(text: str) -> float | None:
    """Return seconds since 1970 from "2020-09-05T06:50:44.390000Z"; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
