"""One call to the cloud: deadline, retries, size limit, error bodies to exceptions, request metrics.

What is tried again, at most three times in all: connection failures, cut bodies, and answers that say "not now".
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TypeVar, cast

import requests
import urllib3
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.envelope import ErrorBody, Fields, WrongShapeError, envelope, error_in, error_of
from ges_exporter.errors import (
    AnswerTooLarge,
    CallRefused,
    CloudError,
    ConnectionFailed,
    DeadlineExceeded,
    MalformedAnswer,
    printable,
)
from ges_exporter.pacing import Pacer
from ges_exporter.telemetry import Telemetry
from ges_exporter.transport import CloudSession, is_certificate_error, reason_of

T = TypeVar("T")

ANSWER_LIMIT = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_TRIES = 3
_NOT_NOW = frozenset({408, 429, 500, 502, 503, 504})
_BACKOFF = wait_exponential(multiplier=0.1, max=5) + wait_random(0, 0.2)  # seconds
_REQUEST_ID_HEADERS = ("X-Request-Id", "X-Openstack-Request-Id")


class Allowance:
    """How many bytes of answers one listing may hold at a time, all its pages in flight together."""

    def __init__(self, limit: int = ANSWER_LIMIT) -> None:
        self._left = limit
        self._lock = threading.Lock()
        self._limit = limit

    def take(self, size: int) -> bool:
        """Take `size` bytes; return False, and take none, where there are not as many left."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def keep(self, operation: str, size: int) -> None:
        """Take bytes for what was made of an answer, for as long as the listing lasts.

        Raises:
            AnswerTooLarge: there are not as many left.
        """
        if not self.take(size):
            raise AnswerTooLarge(operation, self.exceeded)

    @property
    def exceeded(self) -> str:
        """What to say where there are not as many bytes left."""
        return f"more than {self._limit // 1024**2} MiB of answers for one listing"

    def give_back(self, size: int) -> None:
        """Give back bytes that are held no more."""
        with self._lock:
            self._left += size


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask the cloud.

    Attributes:
        operation: what the call is named in errors and metrics.
        method: the HTTP method.
        url: without a query.
        params: the query.
        json: the body, or None.
        headers: besides those of every call.
        auth: what adds the proof of who asks; called anew for each try.
        plain_text: whether the answer is no JSON object but text.
        secrets: values that must not be shown, should the cloud repeat them in an error.
    """

    operation: str
    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: AuthBase | None = field(default=None, repr=False)
    plain_text: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cloud answered.

    Attributes:
        headers: the answer's headers, their names in any case.
        fields: the JSON object, each value still undecoded; empty where the call expects plain text.
        body: the decoded bytes.
    """

    headers: Mapping[str, str] = field(repr=False)
    fields: Fields = field(repr=False)
    body: bytearray = field(repr=False)


class HTTPClient:
    """Calls the cloud for one project; used by many threads at once."""

    def __init__(
        self,
        *,
        telemetry: Telemetry,
        pacer: Pacer,
        connections: int = 16,
        ca_file: str | None = None,
        through_proxy: bool = True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Make a client.

        Args:
            telemetry: counts the requests.
            pacer: says when a request may be sent.
            connections: how many connections to a host stay open.
            ca_file: a bundle of the only CA certificates to trust, or None for the usual ones.
            through_proxy: whether the environment's proxy and CA bundle are for these calls too.
            clock: tells and passes time.
        """
        self._session = CloudSession(connections)
        self._session.trust_env = through_proxy
        self._telemetry = telemetry
        self._pacer = pacer
        self._verify: str | None = ca_file  # None leaves the choice to the environment, else to certifi
        self._clock = clock

    def call(self, call: Call, read: Callable[[Answer], T], deadline: Deadline, allowance: Allowance) -> T:
        """Send a call, again where that may help, and read its answer.

        Args:
            call: what to ask.
            read: makes of the answer what the caller wants; raises WrongShapeError where it cannot.
            deadline: when to have the answer.
            allowance: what the answer's bytes are taken from; given back before this returns.

        Raises:
            CloudError: there is no such answer; the last try's error.
        """
        retrying = Retrying(
            sleep=self._clock.sleep,
            retry=retry_if_exception(lambda error: isinstance(error, CloudError) and error.retryable),
            wait=_wait,
            stop=lambda state: stop_after_attempt(_TRIES)(state) or state.upcoming_sleep >= deadline.remaining(),
            reraise=True,
        )
        try:
            return cast("T", retrying(self._try, call, read, deadline, allowance))
        except CloudError as error:
            if error.retryable and retrying.statistics["attempt_number"] < _TRIES:
                error.out_of_time = True
            raise

    def _try(self, call: Call, read: Callable[[Answer], T], deadline: Deadline, allowance: Allowance) -> T:
        self._pacer.wait(call.operation, call.url, deadline)
        begun = self._clock.monotonic()
        code = ""
        held = 0
        try:
            with self._send(call, deadline) as response:
                code = str(response.status_code)
                body = bytearray()
                try:
                    for chunk in response.raw.stream(_CHUNK, decode_content=True):
                        if not allowance.take(len(chunk)):
                            raise AnswerTooLarge(call.operation, allowance.exceeded)
                        held += len(chunk)
                        body += chunk
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    raise _failure(call, error, deadline) from None
                return _understand(call, response, body, read)
        except CloudError as error:
            code = error.code
            raise
        finally:
            allowance.give_back(held)
            self._telemetry.request(call.operation, code, self._clock.monotonic() - begun)

    def _send(self, call: Call, deadline: Deadline) -> requests.Response:
        left = deadline.remaining()
        if left <= 0:
            raise DeadlineExceeded(call.operation, "the time was over before the request was sent")
        try:
            return self._session.request(
                call.method,
                call.url,
                params=call.params,
                json=call.json,
                headers=dict(call.headers),
                auth=call.auth,
                timeout=urllib3.Timeout(total=left),  # type: ignore[arg-type]  # requests passes it on as it is
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _failure(call, error, deadline) from None


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, CallRefused) else None
    return max(asked or 0.0, _BACKOFF(state))


def _failure(call: Call, error: Exception, deadline: Deadline) -> CloudError:
    """Turn what the libraries raise into what happened."""
    timed_out = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    if isinstance(error, timed_out) or deadline.remaining() <= 0:
        return DeadlineExceeded(call.operation, "no whole answer in the time there was")
    reason = printable(reason_of(error), call.secrets)
    if isinstance(error, urllib3.exceptions.DecodeError):
        return MalformedAnswer(call.operation, reason)
    return ConnectionFailed(call.operation, reason, retryable=not is_certificate_error(error))


def _understand(call: Call, response: requests.Response, body: bytearray, read: Callable[[Answer], T]) -> T:
    """Make of an answer what the caller wants, or the error that its status or its body tells of."""
    if not 200 <= response.status_code < 300:  # noqa: PLR2004  # what HTTP calls a success
        raise _refusal(call, response, error_in(body))
    try:
        fields = {} if call.plain_text else envelope(body)
        error = error_of(fields)
        if error is not None:
            raise _refusal(call, response, error)
        return read(Answer(response.headers, fields, body))
    except WrongShapeError as wrong:
        raise MalformedAnswer(call.operation, str(wrong)) from None


def _refusal(call: Call, response: requests.Response, error: ErrorBody) -> CallRefused:
    status = response.status_code
    redirect = "a redirect, which is not followed" if 300 <= status < 400 else ""  # noqa: PLR2004
    secrets = (*call.secrets, *_proof_in(response.request))
    header_id = next((response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers), "")
    return CallRefused(
        call.operation,
        status,
        error_code=printable(error.code, secrets),
        error_message=printable(error.message or redirect, secrets),
        request_id=printable(error.request_id or header_id, secrets),
        retry_after=_retry_after(response),
        retryable=status in _NOT_NOW,
    )


def _proof_in(request: requests.PreparedRequest) -> tuple[str, ...]:
    """Return the signature that was sent: a cloud could repeat it in an error."""
    authorization = request.headers.get("Authorization", "") if request.headers else ""
    return tuple(authorization.split("Signature=")[1:])


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds of the header Retry-After, which may also hold a date; None where it says nothing."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, moment.timestamp() - parsedate_to_datetime(response.headers["Date"]).timestamp())
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
