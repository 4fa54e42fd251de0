"""Rate limits on the clock of a site. A library keeps the window; here is only what it is asked."""

import math
from threading import Lock

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from mockscope.instruments.clock import Clock
from mockscope.instruments.entry import Entry


class RateLimit:
    """So many calls in any stretch of time. Made by ``site.faults.rate_limit``.

    ``hits`` says how many calls were answered 429.
    """

    def __init__(self, id: str, operation: str, calls: int, per: float, clock: Clock) -> None:
        self.id = id
        self.operation = operation
        self.calls = calls
        self.per = per
        self.hits = 0
        self._clock = clock
        self._lock = Lock()
        # The library's windows include both ends: one of 59,999 ms forgets a call after 60 s, and not a moment later.
        self._bucket = InMemoryBucket([Rate(calls, max(1, round(per * 1000) - 1))])
        self._latest = 0

    def __repr__(self) -> str:
        return f"<RateLimit {self}>"

    def __str__(self) -> str:
        return f"{self.id}: {self.calls} calls per {self.per:g} s for {self.operation}; hit {self.hits}"

    def is_for(self, entry: Entry) -> bool:
        """Whether a call counts against this limit."""
        return self.operation in ("*", entry.operation)

    def admit(self) -> "Verdict":
        """Count a call, and say whether it may pass."""
        with self._lock:
            now = round(self._clock.time() * 1000)
            if now < self._latest:
                # The clock was moved back: what was counted in a future that is no longer so does not count.
                self._bucket.flush()
            self._latest = now
            self._bucket.leak(now)
            item = RateItem("call", now)
            passes = bool(self._bucket.put(item))
            # Read after the call was counted: what is left for the next one.
            counted = self._bucket.count()
            waits = 0 if passes else self._bucket.waiting(item)
            assert isinstance(counted, int)
            assert isinstance(waits, int)
            self.hits += not passes
            return Verdict(self, passes, max(0, self.calls - counted), math.ceil(waits / 1000))

    def as_dict(self) -> dict[str, object]:
        """The limit as plain data, as the control API shows it."""
        return {"id": self.id, "operation": self.operation, "calls": self.calls, "per": self.per, "hits": self.hits}


class Verdict:
    """Whether a call may pass, and what is left.

    Args:
        limit: whose verdict it is.
        passes: whether the call may pass.
        remaining: calls that may still pass now.
        retry_after: the whole seconds after which a call passes again.
    """

    def __init__(self, limit: RateLimit, passes: bool, remaining: int, retry_after: int) -> None:  # noqa: FBT001
        self.limit = limit
        self.passes = passes
        self.remaining = remaining
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        said = {"X-RateLimit-Limit": str(self.limit.calls), "X-RateLimit-Remaining": str(self.remaining)}
        return said if self.passes else {**said, "Retry-After": str(max(1, self.retry_after))}
