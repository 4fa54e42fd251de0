"""Rate limits on the clock of a site. A library keeps the windows; here is only what it is asked."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from mockscope.instruments.entry import Entry


class RateLimit:
    """So many calls in any stretch of time. Made by ``site.faults.rate_limit``.

    ``hits`` says how many calls were answered 429.
    """

    def __init__(self, id: str, operation: str, calls: int, per: float) -> None:
        self.id = id
        self.operation = operation
        self.calls = calls
        self.per = per
        self.hits = 0
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

    def left(self, now: int) -> int:
        """The calls that may pass at a moment, in milliseconds."""
        if now < self._latest:
            # The clock was moved back: what was counted in a future that is no longer so does not count.
            before = [item for item in self._bucket.items if item.timestamp <= now]
            self._bucket.flush()
            for item in before:
                self._bucket.put(item)
        self._latest = now
        self._bucket.leak(now)
        return self.calls - self._bucket.count()

    def count(self, now: int) -> int:
        """Count a call, unless none may pass; then the milliseconds after which one may."""
        item = RateItem("call", now)
        if self._bucket.put(item):
            return 0
        waiting = self._bucket.waiting(item)
        assert isinstance(waiting, int)
        return waiting

    def as_dict(self) -> dict[str, object]:
        """The limit as plain data, as the control API shows it."""
        return {"id": self.id, "operation": self.operation, "calls": self.calls, "per": self.per, "hits": self.hits}


class Verdict(NamedTuple):
    """What rate limits say to a call.

    Args:
        limit: the one that counts: the fullest or, of those that refuse, the one that takes longest.
        remaining: calls that it lets through after this one.
        retry_after: the whole seconds after which a call passes again; 0 where this one passes.
    """

    limit: RateLimit
    remaining: int
    retry_after: int

    @property
    def passes(self) -> bool:
        """Whether the call may pass."""
        return not self.retry_after

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        said = {"X-RateLimit-Limit": str(self.limit.calls), "X-RateLimit-Remaining": str(self.remaining)}
        return said if self.passes else {**said, "Retry-After": str(self.retry_after)}


def judge(limits: Sequence[RateLimit], seconds: float) -> Verdict:
    """Count a call against all limits, or against none where one of them is full.

    Args:
        limits: those that are meant for the call, at least one.
        seconds: the time on the site's clock.
    """
    now = round(seconds * 1000)
    full = [limit for limit in limits if not limit.left(now)]
    if full:
        waiting, limit = max(((limit.count(now), limit) for limit in full), key=lambda pair: pair[0])
        limit.hits += 1
        return Verdict(limit, 0, max(1, math.ceil(waiting / 1000)))
    for limit in limits:
        limit.count(now)
    tightest = min(limits, key=lambda limit: limit.left(now))
    return Verdict(tightest, tightest.left(now), 0)
