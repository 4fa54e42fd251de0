"""Rate limits: sliding windows on the clock of a site."""

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from mockscope.instruments.call import Call


class RateLimit:
    """A maximum number of calls in a sliding window. ``site.faults.rate_limit`` returns one.

    ``hits`` is the number of calls that got the status 429.
    """

    def __init__(self, id: str, operation: str, calls: int, per: float) -> None:
        self.id = id
        self.operation = operation
        self.calls = calls
        self.per = per
        self.hits = 0
        self._window = max(1, round(per * 1000))
        # The times at which calls passed, in milliseconds, oldest first.
        self._times: deque[int] = deque()

    def __repr__(self) -> str:
        return f"<RateLimit {self}>"

    def __str__(self) -> str:
        return f"{self.id}: {self.calls} calls per {self.per:g} s for {self.operation}; hit {self.hits}"

    def applies_to(self, call: Call) -> bool:
        """Return whether a call counts against this limit."""
        return self.operation in ("*", call.operation)

    def move_window(self, now: int) -> int:
        """Forget the calls outside the window that ends now. Return the number of calls that may still pass.

        Args:
            now: the time, in milliseconds.
        """
        # Times after now are left if the clock was moved back.
        while self._times and self._times[-1] > now:
            self._times.pop()
        while self._times and self._times[0] <= now - self._window:
            self._times.popleft()
        return self.calls - len(self._times)

    def milliseconds_left(self, now: int) -> int:
        """Return the milliseconds until the next call may pass, for a limit that is reached."""
        return self._times[0] + self._window - now

    def count(self, now: int) -> None:
        """Count a call that passes."""
        self._times.append(now)

    def as_dict(self) -> dict[str, object]:
        """Return the limit as plain data, as the control API shows it."""
        return {"id": self.id, "operation": self.operation, "calls": self.calls, "per": self.per, "hits": self.hits}


class RateLimitResult(NamedTuple):
    """The result of checking a call against rate limits.

    Args:
        limit: the limit with the fewest calls left or, if the call is refused, the limit with the longest wait.
        remaining: the number of further calls that the limit allows now.
        retry_after: the seconds until a call may pass, rounded up; 0 if this call passes.
    """

    limit: RateLimit
    remaining: int
    retry_after: int

    @property
    def passes(self) -> bool:
        """Return whether the call may pass."""
        return not self.retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers for the response."""
        shown = {"X-RateLimit-Limit": str(self.limit.calls), "X-RateLimit-Remaining": str(self.remaining)}
        return shown if self.passes else {**shown, "Retry-After": str(self.retry_after)}


def apply_limits(limits: Sequence[RateLimit], seconds: float) -> RateLimitResult:
    """Count a call against all limits, or against none if one of them is reached.

    Args:
        limits: the limits for the call, at least one.
        seconds: the time on the site's clock, since 1970.
    """
    now = round(seconds * 1000)
    if full := [limit for limit in limits if not limit.move_window(now)]:
        slowest = max(full, key=lambda limit: limit.milliseconds_left(now))
        slowest.hits += 1
        return RateLimitResult(slowest, 0, math.ceil(slowest.milliseconds_left(now) / 1000))
    for limit in limits:
        limit.count(now)
    tightest = min(limits, key=lambda limit: limit.move_window(now))
    return RateLimitResult(tightest, tightest.move_window(now), 0)
