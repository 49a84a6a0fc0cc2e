"""Everything that can go wrong and is expected to.

The tree:

    ExporterError
    ├── ConfigError             a file of ours cannot be used; every mistake in it
    └── CloudError              a call to the cloud failed; says which, and why
        ├── CallRefused         answered with a status other than success, or with an error code
        ├── ConnectionFailed    no whole answer: name, connection, TLS, proxy, a cut body
        ├── DeadlineExceeded    no answer in the time there was
        ├── MalformedAnswer     an answer that is not what the API documents
        ├── AnswerTooLarge      more bytes than one listing may hold
        ├── ListingContradiction  answers that cannot all be true
        └── CredentialsUnusable nothing to prove with who asks, or not to be tried for now

No message carries a secret, a control character or a line break: what comes from outside goes through `printable`.
"""

from collections.abc import Sequence

_LONGEST_TEXT = 300


def printable(text: object, secrets: Sequence[str] = (), longest: int = _LONGEST_TEXT) -> str:
    """Make text from outside fit for a log line or a page.

    Args:
        text: what the cloud or a library said.
        secrets: values that must not be shown; each occurrence becomes `***`.
        longest: characters after which the text is cut.

    Returns:
        The text on one line, without control characters, cut to `longest` characters.
    """
    shown = str(text)
    for secret in secrets:
        if secret:
            shown = shown.replace(secret, "***")
    if len(shown) > longest:
        shown = shown[:longest] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in shown
    ).strip()


class ExporterError(Exception):
    """The root: whoever catches it has one line to show."""


class ConfigError(ExporterError):
    """A configuration that cannot be used.

    Attributes:
        mistakes: a line each, without the file's name.
    """

    def __init__(self, file: str, mistakes: Sequence[str]) -> None:
        self.file = file
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(f"{file}: {mistake}" for mistake in self.mistakes))


class CloudError(ExporterError):
    """A call to the cloud that failed.

    Attributes:
        operation: create_token, list_backups, list_graphs, list_quotas or ecs_credentials.
        reason: what happened, in words.
        code: what the label `code` of ges_exporter_api_requests_total says of it.
        retryable: whether the same call may succeed a moment later.
        out_of_time: whether it was given up for want of time: with more of it there might have been an answer.
    """

    code = ""
    out_of_time = False

    def __init__(self, operation: str, reason: str, *, retryable: bool = False) -> None:
        self.operation = operation
        self.reason = reason
        self.retryable = retryable
        super().__init__(f"{operation}: {reason}")


class CallRefused(CloudError):
    """The cloud answered, and the answer is an error.

    Attributes:
        status: the HTTP status; 200 where the error stood in the body of a success.
        error_code: the cloud's own code, such as GES.7041; empty where it gave none.
        error_message: the cloud's own words; empty where it gave none.
        request_id: what the cloud's support asks for; empty where it gave none.
        retry_after: seconds the cloud asks to wait, or None.
    """

    def __init__(
        self,
        operation: str,
        status: int,
        *,
        error_code: str = "",
        error_message: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        retryable: bool = False,
    ) -> None:
        self.status = status
        self.error_code = error_code
        self.error_message = error_message
        self.request_id = request_id
        self.retry_after = retry_after
        self.code = str(status)
        said = ": ".join(part for part in (error_code, error_message) if part)
        reason = f"HTTP {status}" + (f", {said}" if said else "")
        super().__init__(operation, reason, retryable=retryable)


class ConnectionFailed(CloudError):
    """No whole answer came: name resolution, connection, TLS, proxy or a body that was cut."""

    code = "connection"


class DeadlineExceeded(CloudError):
    """The scrape's time was over before the answer was there."""

    code = "timeout"
    out_of_time = True


class MalformedAnswer(CloudError):
    """An answer that is not what the API documents."""

    code = "malformed"


class AnswerTooLarge(CloudError):
    """More decoded bytes than one listing may hold at a time."""

    code = "too_large"


class ListingContradiction(CloudError):
    """Pages that cannot all be true: a list that repeats itself, an empty list with a count."""


class CredentialsUnusable(CloudError):
    """There is nothing to prove with who asks, or it was refused and rests for a while."""
