"""How a request proves who sends it: by an IAM token or by an AK/SK signature. Agencies have a room of their own.

Each kind hands out a `Proof`: what to add to a request, and what of it must not be shown.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
from requests import PreparedRequest
from requests.auth import AuthBase

from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.envelope import Fields, WrongShapeError, text_in
from ges_exporter.errors import CallRefused, CredentialsUnusable
from ges_exporter.http_client import Allowance, Answer, Call, HTTPClient
from ges_exporter.lease import Lease, moment
from ges_exporter.refusals import Refusals
from ges_exporter.secret import Secret
from ges_exporter.signing import SignatureAuth

CREATE_TOKEN = "create_token"  # noqa: S105  # the name of an operation

_LOGIN_REFUSED = frozenset({401, 403})
_SIGNATURE_REFUSED = 401  # 403 is about permissions, not about the key


@dataclass(frozen=True, slots=True)
class Proof:
    """What one request carries to prove who sends it.

    Attributes:
        auth: adds it to the request.
        secrets: what of it must not be shown.
        source: what it was made from, for a kind of credentials that wants to know it again.
    """

    auth: AuthBase
    secrets: tuple[str, ...] = field(repr=False)
    source: object = field(default=None, repr=False)


class Credentials(ABC):
    """One way to prove who asks; shared by all threads of a project."""

    @abstractmethod
    def proof(self, operation: str, deadline: Deadline) -> Proof:
        """Return a proof to send now.

        Raises:
            CloudError: there is none, or not in time.
        """

    def rejected(self, proof: Proof) -> bool:  # noqa: ARG002  # not every kind needs it
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
        self._token = token

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        r.headers["X-Auth-Token"] = self._token
        return r


class StaticToken(Credentials):
    """A token that somebody else renews."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def proof(self, operation: str, deadline: Deadline) -> Proof:  # noqa: ARG002
        token = header_value(operation, "the token", self._token)
        return Proof(TokenAuth(token), (token,))

    def rejected(self, proof: Proof) -> bool:
        """Try again where the token's file holds another one by now."""
        return proof.secrets[0] != self._token.read().strip()


class Password(Credentials):
    """A project-scoped token of IAM, got with a user's name and password."""

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
        self._token = Lease(self._fetch, clock)

    def proof(self, operation: str, deadline: Deadline) -> Proof:
        token = self._token.get(operation, deadline)
        return Proof(TokenAuth(token), (token, self._password.read()))

    def rejected(self, proof: Proof) -> bool:
        self._token.drop(proof.secrets[0])
        return True

    def expiry(self) -> float | None:
        return self._token.ends_at()

    def _fetch(self, deadline: Deadline) -> tuple[str, float | None]:
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
                token = self._client.call(call, _read_token, deadline, Allowance())
            except CallRefused as refusal:
                if refusal.status in _LOGIN_REFUSED:
                    self._refusals.refused(credentials, self._project_id, refusal.reason)
                raise
            self._refusals.accepted(credentials)
            return token


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
                if refusal.status == _SIGNATURE_REFUSED:
                    self._refusals.refused(credentials, self._project_id, refusal.reason)
                raise
            self._refusals.accepted(credentials)


def header_value(operation: str, name: str, secret: Secret) -> str:
    """Return a secret that is to stand in a header.

    Raises:
        CredentialsUnusable: it holds what no header can carry; the libraries' own message would show it.
    """
    value = secret.read().strip()
    if not fits_a_header(value):
        raise CredentialsUnusable(operation, f"{name} is empty or holds characters that no header can carry")
    return value


def fits_a_header(value: str) -> bool:
    """Tell whether a header can carry the value as it is."""
    return bool(value) and value.isascii() and value.isprintable() and value == value.strip()


def _read_token(answer: Answer) -> tuple[str, float | None]:
    token = answer.headers.get("X-Subject-Token", "")
    if not fits_a_header(token):
        raise WrongShapeError("the answer has no X-Subject-Token")
    try:
        fields = msgspec.json.decode(answer.fields.get("token", msgspec.Raw(b"{}")), type=Fields)
    except (msgspec.DecodeError, RecursionError):
        return token, None
    return token, moment(text_in(fields, "expires_at"))
