"""What an operator can do about an error: the part of a message that is not about what happened but about what next."""

from ges_exporter.errors import (
    CallRefused,
    CloudError,
    ConnectionFailed,
    CredentialsUnusable,
    DeadlineExceeded,
    ExporterError,
)

_UNAUTHORIZED = 401
_PERMISSIONS = {
    "list_backups": "ges:backup:list",
    "list_graphs": "ges:graph:list",
    "list_quotas": "ges:quota:list",
}
_NO_PERMISSION = frozenset({"GES.7041"})  # comes with status 400
_FORBIDDEN = 403
_ABOUT_THE_CLOCK = ("x-sdk-date", "clock", "expired")
_BY_STATUS = {
    401: "check the credentials: domain, username and password, or the access key and its secret, or the token",
    404: "check the endpoint, the region and api_version",
    429: "lower scrape.max_requests_per_second, or scrape less often",
}


def in_words(error: ExporterError | None) -> str:
    """Return what happened and what to do about it, on one line; empty where nothing happened."""
    todo = advice(error) if isinstance(error, CloudError) else ""
    return f"{error}: {todo}" if todo else str(error or "")


def advice(error: CloudError) -> str:
    """Return what to do about an error; empty where its own words say it all."""
    if isinstance(error, CallRefused):
        return _about_refusal(error)
    if isinstance(error, ConnectionFailed):
        if "certificate" in error.reason:
            return "check the endpoint; for a private cloud name its CA certificates with ca_file"
        if "resolved" in error.reason:
            return "check the region or the endpoint, and the name server of this machine"
        return "check the endpoint, the network and the proxy of this machine"
    if isinstance(error, DeadlineExceeded):
        return "raise Prometheus's scrape_timeout and scrape.timeout_seconds, or look why the cloud is slow"
    return (
        "" if isinstance(error, CredentialsUnusable) else "the cloud answered with what its documents do not describe"
    )


def _about_refusal(error: CallRefused) -> str:
    said = error.error_message.lower()
    if error.error_code in _NO_PERMISSION or error.status == _FORBIDDEN:
        permission = _PERMISSIONS.get(error.operation)
        return f"grant {permission} or the policy GES ReadOnlyAccess" if permission else "grant the user access"
    if error.error_code == "GES.0016":
        return (
            "the project id is not that of the credentials: set the project's own id, or the project's own credentials"
        )
    if error.status == _UNAUTHORIZED and any(word in said for word in _ABOUT_THE_CLOCK):
        return "check the clock of this machine: one that is wrong by more than 15 minutes fails every signature"
    return _BY_STATUS.get(error.status, "")
