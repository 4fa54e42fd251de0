"""The machine's monotonic clock, which freezegun and time-machine do not change.

freezegun replaces references to functions of ``time`` in all modules. time-machine moves the real-time clock. Neither
changes ``clock_gettime`` of a monotonic clock. On Windows, which has none, a partial hides ``time.monotonic``.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

monotonic: Callable[[], float]
if sys.platform == "win32":
    monotonic, started = partial(time.monotonic), time.time_ns()
else:
    # On Linux, CLOCK_MONOTONIC stops while the machine is suspended; CLOCK_BOOTTIME does not.
    monotonic = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    started = time.clock_gettime_ns(time.CLOCK_REALTIME)
# The nanoseconds from 1970 to the zero of the monotonic clock.
ORIGIN: Final = started - int(monotonic() * 1e9)


def unix_time_ns() -> int:
    """Return the nanoseconds since 1970: the time at the import of this module, plus the monotonic time since then."""
    return ORIGIN + int(monotonic() * 1e9)
