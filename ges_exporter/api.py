"""One GET of the GES API: who asks is proven, a rejected proof is renewed once, the answer is read."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from ges_exporter.clock import Deadline
from ges_exporter.credentials import Credentials
from ges_exporter.errors import CallRefused
from ges_exporter.http_client import Allowance, Answer, Call, HTTPClient

T = TypeVar("T")

_UNAUTHORIZED = 401


class API:
    """The GES API of one project."""

    def __init__(self, endpoint: str, credentials: Credentials, client: HTTPClient) -> None:
        self._endpoint = endpoint
        self._client = client
        self.credentials = credentials

    def get(
        self,
        operation: str,
        path: str,
        params: Mapping[str, str],
        read: Callable[[Answer], T],
        deadline: Deadline,
        allowance: Allowance,
    ) -> T:
        """Get a resource.

        Args:
            operation: what the call is named in errors and metrics.
            path: the resource's path at the endpoint.
            params: the query.
            read: makes of the answer what the caller wants; raises WrongShapeError where it cannot.
            deadline: when to have it.
            allowance: what the answer's bytes are taken from.

        Raises:
            CloudError: there is no such answer.
        """
        tries_left = 2
        while True:
            proof = self.credentials.proof(operation, deadline)
            call = Call(operation, "GET", self._endpoint + path, params, auth=proof.auth, secrets=proof.secrets)
            try:
                with self.credentials.trial(operation, proof, deadline):
                    return self._client.call(call, read, deadline, allowance)
            except CallRefused as refusal:
                tries_left -= 1
                if refusal.status != _UNAUTHORIZED or not tries_left or not self.credentials.rejected(proof):
                    raise
