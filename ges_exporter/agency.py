"""The keys of an ECS agency: a machine in the cloud that was given an agency needs no secret of its own."""

import msgspec

from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.credentials import Credentials, Proof, fits_a_header
from ges_exporter.envelope import WrongShapeError
from ges_exporter.errors import CallRefused, CredentialsUnusable
from ges_exporter.http_client import Allowance, Answer, Call, HTTPClient
from ges_exporter.lease import Lease, moment
from ges_exporter.signing import SignatureAuth

ECS_CREDENTIALS = "ecs_credentials"
METADATA_ENDPOINT = "http://169.254.169.254"

_NO_METADATA_TOKEN = frozenset({404, 405, 503})
_NO_AGENCY = 404
_METADATA_TOKEN_SECONDS = "21600"  # noqa: S105  # a time, in seconds


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
        self._key = Lease(self._fetch, clock)

    def proof(self, operation: str, deadline: Deadline) -> Proof:
        key = self._key.get(operation, deadline)
        auth = SignatureAuth(
            key.access,
            key.secret,
            project_id=self._project_id,
            now=self._clock.wall(),
            security_token=key.securitytoken,
        )
        return Proof(auth, (key.secret, key.securitytoken), key)

    def rejected(self, proof: Proof) -> bool:
        if isinstance(proof.source, _TemporaryKey):
            self._key.drop(proof.source)
        return True

    def expiry(self) -> float | None:
        return self._key.ends_at()

    def _fetch(self, deadline: Deadline) -> tuple[_TemporaryKey, float | None]:
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
            if fits_a_header(session_token):
                headers["X-Metadata-Token"] = session_token
        except CallRefused as refusal:
            if refusal.status not in _NO_METADATA_TOKEN:
                raise
        call = Call(ECS_CREDENTIALS, "GET", f"{self._endpoint}/openstack/latest/securitykey", headers=headers)
        try:
            key = self._client.call(call, _read_temporary_key, deadline, Allowance())
        except CallRefused as refusal:
            if refusal.status != _NO_AGENCY:
                raise
            reason = "this ECS has no agency: create one with GES ReadOnlyAccess and set it in the ECS's details"
            raise CredentialsUnusable(ECS_CREDENTIALS, reason) from None
        return key, moment(key.expires_at)


def _read_temporary_key(answer: Answer) -> _TemporaryKey:
    try:
        key = msgspec.json.decode(answer.fields["credential"], type=_TemporaryKey)
    except (KeyError, msgspec.DecodeError, RecursionError):
        raise WrongShapeError("the answer holds no credential with access, secret, securitytoken, expires_at") from None
    if not all(map(fits_a_header, (key.access, key.secret, key.securitytoken))):
        raise WrongShapeError("the credential is empty or holds characters that no header can carry")
    return key
