"""Credentials that were refused rest: five failures in a row lock an account or a key for everybody who uses it.

Refused credentials are not tried again for 60 s, doubling to 15 min. What rests is their content, not the project: a
dozen projects with one key share one rest, and a secret file with new content ends it at once. Until credentials have
been accepted for the first time they are tried by one thread at a time, so that a dozen projects do not make a dozen
failures before the first is known. A refusal may also be about one project only, so when a rest is over the project
that was refused lets the others go first.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.errors import CredentialsUnusable

_FIRST_REST = 60.0
_LONGEST_REST = 15 * 60.0
_COURTESY = 60.0  # seconds that the project which was refused leaves to the others when a rest is over
_TURN = 2.0  # seconds to wait for the verdict on another's try: a cloud that hangs for one must not hold up all

_log = structlog.get_logger()


@dataclass(slots=True)
class _Record:
    """What is known of one set of credentials; guarded by the lock of the book."""

    accepted: bool = False
    refusals: int = 0
    rests_until: float = 0.0
    said: str = ""
    refused_project: str = ""
    turned_away: set[str] = field(default_factory=set)
    turn: threading.Lock = field(default_factory=threading.Lock)


class Refusals:
    """Which credentials rest, and until when; one for the whole process."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[bytes, _Record] = {}

    @contextmanager
    def attempt(
        self, operation: str, credentials: tuple[str, ...], project_id: str, deadline: Deadline
    ) -> Iterator[None]:
        """Hold while credentials are tried.

        Args:
            operation: what they are tried for.
            credentials: everything that makes them what they are: where, who, secret.
            project_id: the project they are tried for.
            deadline: when to have the answer.

        Raises:
            CredentialsUnusable: they were refused and rest.
        """
        record = self._record(credentials)
        alone = not record.accepted and record.turn.acquire(timeout=max(0.0, min(_TURN, deadline.remaining())))
        if alone and record.accepted:
            record.turn.release()
            alone = False
        try:
            self._refuse_while_resting(operation, record, project_id)
            yield
        finally:
            if alone:
                record.turn.release()

    def refused(self, credentials: tuple[str, ...], project_id: str, said: str) -> None:
        """Note that the cloud refused them, and what it said: they rest from now on."""
        record = self._record(credentials)
        with self._lock:
            if record.rests_until > self._clock.monotonic():
                return  # several were under way at once: that is one refusal
            record.accepted = False
            rest = min(_FIRST_REST * 2**record.refusals, _LONGEST_REST)
            record.refusals += 1
            record.refused_project = project_id
            record.turned_away.clear()
            record.rests_until = self._clock.monotonic() + rest
            until = f"{datetime.fromtimestamp(self._clock.wall() + rest, UTC):%Y-%m-%dT%H:%M:%SZ}"
            record.said = (
                f"{said}; these credentials are not tried again until {until}, or until they or the config change"
            )
        _log.warning("credentials were refused and rest", until=until, reason=said)

    def accepted(self, credentials: tuple[str, ...]) -> None:
        """Note that the cloud took them."""
        record = self._record(credentials)
        with self._lock:
            record.accepted = True
            record.refusals = 0
            record.rests_until = 0.0
            record.refused_project = ""

    def _refuse_while_resting(self, operation: str, record: _Record, project_id: str) -> None:
        with self._lock:
            over = self._clock.monotonic() - record.rests_until
            others = project_id == record.refused_project and record.turned_away - {project_id}
            if over < 0 or (others and over < _COURTESY):
                record.turned_away.add(project_id)
                raise CredentialsUnusable(operation, record.said)

    def _record(self, credentials: tuple[str, ...]) -> _Record:
        # A digest, so that no secret outlives its use here; joined by a character that no header can carry.
        digest = hashlib.sha256("\0".join(credentials).encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            return self._records.setdefault(digest, _Record())
