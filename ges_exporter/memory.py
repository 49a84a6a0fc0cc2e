"""Memory goes back to the system after a large listing.

glibc keeps what was freed, and the more the larger the pieces were; each of its arenas does so for itself, and threads
that come and go spread over many. With the threshold fixed, sixty more listings of 100,000 backups left the process
1 MB larger than the first had; without it 42 MB larger (benchmarks/scrape.py measures it).
"""

import ctypes

_M_TRIM_THRESHOLD = -1
_THRESHOLD = 128 * 1024  # bytes; glibc's own first value, before it adapts


def give_back_what_is_freed() -> None:
    """Tell the C library so; where it is not glibc this does nothing."""
    try:
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, _THRESHOLD)
    except (OSError, AttributeError, TypeError):
        return
