"""The clocks, and the moment by which something must be done.

Whatever reads a clock or waits gets it from here as an argument, so that tests need not wait.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is and how to let some pass.

    Attributes:
        monotonic: seconds from an unknown start; never goes back. For deadlines and durations.
        wall: seconds since 1970-01-01 UTC. For what the cloud or a person reads.
        sleep: waits for so many seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


SYSTEM_CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which a scrape must have its answer.

    Attributes:
        at: that moment on the monotonic clock, in seconds.
    """

    at: float
    clock: Clock = field(default=SYSTEM_CLOCK, repr=False, compare=False)

    @classmethod
    def after(cls, seconds: float, clock: Clock = SYSTEM_CLOCK) -> "Deadline":
        """Return the deadline that lies `seconds` from now."""
        return cls(clock.monotonic() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left; 0 or less once the moment has passed."""
        return self.at - self.clock.monotonic()
