"""How fast requests may be sent: the cloud's gateway throttles what comes too fast, for all projects of an account."""

import threading
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.errors import DeadlineExceeded

_WINDOW = 1.05  # seconds: a request may arrive a little later than it was sent, and the next one a little earlier


@dataclass(slots=True)
class _Lane:
    """The requests to one endpoint; guarded by the pacer's lock."""

    turns: deque[float]
    departed: float = 0.0


class Pacer:
    """Lets no more than so many requests a second go to one endpoint, over all projects together.

    So many may go at once; those that have to wait then go one by one, for another burst could meet the last one at
    the cloud.
    """

    def __init__(self, most_per_second: int, clock: Clock = SYSTEM_CLOCK) -> None:
        self._most = most_per_second
        self._spacing = _WINDOW / most_per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def wait(self, operation: str, url: str, deadline: Deadline) -> None:
        """Wait until a request to the URL may be sent.

        Raises:
            DeadlineExceeded: that is after the deadline; the request is not counted.
        """
        endpoint = urlsplit(url).netloc
        with self._lock:
            lane = self._lanes.setdefault(endpoint, _Lane(deque(maxlen=self._most)))
            now = self._clock.monotonic()
            turn = now
            if len(lane.turns) == self._most and lane.turns[0] + _WINDOW > now:
                turn = max(lane.turns[0] + _WINDOW, lane.turns[-1] + self._spacing)
            if turn >= deadline.at:
                reason = f"more requests waiting for {endpoint} than max_requests_per_second lets through in the time"
                raise DeadlineExceeded(operation, reason)
            lane.turns.append(turn)
        if turn > now:
            self._clock.sleep(turn - now)
            self._depart(lane)

    def _depart(self, lane: _Lane) -> None:
        """Keep the distance to the one that went before: a busy machine wakes several at once."""
        with self._lock:
            now = self._clock.monotonic()
            lane.departed = max(now, lane.departed + self._spacing)
            wait = lane.departed - now
        if wait > 0:
            self._clock.sleep(wait)
