"""Signatures made by the official SDK, for the made-up cloud to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

if TYPE_CHECKING:
    from ges_exporter.demo.signing import SignedRequest


def official_signature(request: SignedRequest) -> str:
    """The signature that the official signer gives a request, in hexadecimal digits."""
    signed = Signer(BasicCredentials(request.access_key, request.secret_key)).sign(
        SdkRequest(
            method=request.method,
            schema="https",
            host=request.headers.get("host", ""),
            resource_path=request.path,
            query_params=list(request.query),
            header_params=dict(request.headers),
            body=request.body,
        )
    )
    authorization: str = signed.header_params["Authorization"]
    return authorization.partition("Signature=")[2]
