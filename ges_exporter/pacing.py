"""How fast requests may be sent: the cloud's gateway throttles what comes too fast, for all projects of an account."""

import threading
from collections import deque
from urllib.parse import urlsplit

from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.errors import DeadlineExceeded

_WINDOW = 1.05  # seconds: a request may arrive a little later than it was sent, and the next one a little earlier


class Pacer:
    """Lets no more than so many requests a second go to one endpoint, over all projects together."""

    def __init__(self, most_per_second: int, clock: Clock = SYSTEM_CLOCK) -> None:
        self._most = most_per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: dict[str, deque[float]] = {}

    def wait(self, operation: str, url: str, deadline: Deadline) -> None:
        """Wait until a request to the URL may be sent.

        Raises:
            DeadlineExceeded: that is after the deadline; the request is not counted.
        """
        endpoint = urlsplit(url).netloc
        with self._lock:
            sent = self._sent.setdefault(endpoint, deque(maxlen=self._most))
            now = self._clock.monotonic()
            turn = max(now, sent[0] + _WINDOW) if len(sent) == self._most else now
            if turn >= deadline.at:
                reason = f"more requests waiting for {endpoint} than max_requests_per_second lets through in the time"
                raise DeadlineExceeded(operation, reason)
            sent.append(turn)
        if turn > now:
            self._clock.sleep(turn - now)
