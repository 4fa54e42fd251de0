"""What is kept of each request to the vendor's API: one entry, opened on receipt and completed with the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mockscope.instruments.hints import Advice


@dataclass(slots=True)
class Entry:
    """One request. The fields that are None are not known yet, or never were.

    Args:
        id: the request's id, as in X-Request-Id.
        received_at: when it arrived.
        method: the HTTP method.
        path: the path as it was sent, percent-encoding included.
        operation: one of the ten operations.
        site: the host of the site that the request opened.
        status: the status of the answer.
        duration: seconds from receipt to the end of the answer.
        rule: the rule id of the refusal.
        advice: what the client most likely did wrong.
    """

    id: str
    received_at: datetime
    method: str
    path: str
    operation: str | None = None
    site: str | None = None
    status: int | None = None
    duration: float | None = None
    rule: str | None = None
    advice: Advice | None = None


Observer = Callable[[Entry], None]
