"""A thing that is borrowed for a time: fetched once for all threads, renewed before its end, dropped when rejected."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from ges_exporter.clock import Clock, Deadline
from ges_exporter.errors import CloudError, DeadlineExceeded

T = TypeVar("T")

_RENEW_BEFORE_END = 5 * 60.0
_SHORTEST_USE = 60.0  # of a thing that ends sooner than it should be renewed: else each request would fetch one


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    thing: T = field(repr=False)
    renew_at: float
    ends_at: float | None


class Lease(Generic[T]):
    """Holds a thing such as a token or temporary keys; threads that need it while one fetches it wait for that one."""

    def __init__(self, fetch: Callable[[Deadline], tuple[T, float | None]], clock: Clock) -> None:
        """Hold nothing yet.

        Args:
            fetch: gets a new thing and when it ends, in seconds since 1970 (None: nobody knows); raises CloudError.
            clock: tells the time.
        """
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()  # guards what is held; kept while a new one is fetched
        self._held: _Held[T] | None = None
        self._fetches = 0  # that have ended
        self._failure: CloudError | None = None  # of the last fetch; None where it succeeded

    def get(self, operation: str, deadline: Deadline) -> T:
        """Return the thing; a new one from five minutes before the end of the last.

        Raises:
            CloudError: a new one is needed and cannot be had, or not in time.
        """
        held = self._held
        if held is not None and self._clock.wall() < held.renew_at:
            return held.thing
        fetches = self._fetches
        if not self._lock.acquire(timeout=max(0.0, deadline.remaining())):
            raise DeadlineExceeded(operation, "the time was over while another request was fetching the credentials")
        try:
            failure = self._failure
            if self._fetches != fetches and failure is not None and not isinstance(failure, DeadlineExceeded):
                raise failure  # of the fetch that this thread has waited for: asking again would not help
            return self._renew(deadline)
        finally:
            self._lock.release()

    def drop(self, thing: T) -> None:
        """Forget the thing, but only if it is still the one held: another thread may have fetched a new one."""
        with self._lock:
            if self._held is not None and self._held.thing == thing:
                self._held = None

    def ends_at(self) -> float | None:
        """Return when the thing held ends, in seconds since 1970; None where nothing is held or nobody knows."""
        held = self._held
        return None if held is None else held.ends_at

    def _renew(self, deadline: Deadline) -> T:
        now = self._clock.wall()
        held = self._held
        if held is not None and now < held.renew_at:
            return held.thing
        self._failure = None
        try:
            thing, ends_at = self._fetch(deadline)
        except CloudError as error:
            self._failure = error
            if held is None or held.ends_at is None or now >= held.ends_at:
                raise
            return held.thing  # it is good for some minutes yet, and there will be other scrapes in these
        finally:
            self._fetches += 1
        renew_at = float("inf") if ends_at is None else max(ends_at - _RENEW_BEFORE_END, now + _SHORTEST_USE)
        self._held = _Held(thing, renew_at, ends_at)
        return thing


def moment(text: str) -> float | None:
    """Return seconds since 1970 from "2020-09-05T06:50:44.390000Z" (UTC where no zone is written), or None."""
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
