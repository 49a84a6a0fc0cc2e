"""Metric families to bytes: the format and the encoding that the one who asks can read."""

import gzip
from collections.abc import Sequence

from prometheus_client import exposition
from prometheus_client.metrics_core import Metric

_FASTEST = 1


class _Families:
    """What prometheus-client calls a collector: gives out families that are there already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def expose(families: Sequence[Metric], accept: str = "", accept_encoding: str = "") -> tuple[bytes, dict[str, str]]:
    """Write families down.

    Args:
        families: what to write, each family once.
        accept: the header Accept: OpenMetrics where it asks for that, else the Prometheus text format.
        accept_encoding: the header Accept-Encoding: gzip where it asks for that.

    Returns:
        The body and its headers.
    """
    try:
        encode, content_type = exposition.choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no version
        encode, content_type = exposition.choose_encoder("")
    body = encode(_Families(families))  # all it asks of a collector is collect()
    headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
    if _accepts_gzip(accept_encoding):
        body = gzip.compress(body, _FASTEST)
        headers["Content-Encoding"] = "gzip"
    return body, headers


def _accepts_gzip(accept_encoding: str) -> bool:
    for offer in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == "gzip":
            return not any(parameter.replace(" ", "").rstrip("0.") == "q=" for parameter in parameters)
    return False
