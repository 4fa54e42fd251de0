"""The machine's monotonic clock, where no test can freeze or mock it.

freezegun replaces functions of ``time`` wherever a module holds them, and time-machine moves the real-time clock.
Neither touches ``clock_gettime`` of a monotonic clock; where that is missing, a partial hides ``time.monotonic``.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

# Linux stops its CLOCK_MONOTONIC while the machine sleeps.
monotonic: Final[Callable[[], float]] = (
    partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    if hasattr(time, "clock_gettime")
    else partial(time.monotonic)
)
# The nanoseconds from 1970 to the moment at which the monotonic clock began.
ORIGIN: Final = (
    time.clock_gettime_ns(time.CLOCK_REALTIME) if hasattr(time, "clock_gettime_ns") else time.time_ns()
) - int(monotonic() * 1e9)


def unix_time_ns() -> int:
    """Return the nanoseconds since 1970: the machine's time at the import of mockscope, and what has passed since."""
    return ORIGIN + int(monotonic() * 1e9)
