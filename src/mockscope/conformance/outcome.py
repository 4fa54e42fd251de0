"""The outcome of a check, and the functions with which a check compares responses with a rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal, NoReturn

from mockscope.conformance.listing import parse_body
from mockscope.remote.exchange import Exchange

Verdict = Literal["holds", "differs", "not-seen"]


class Level(IntEnum):
    """The requests that a run may send. Each level includes the levels before it."""

    # Only GET.
    READ_ONLY = 0
    # Also writes, each of them with test_mode=true.
    DRY_RUN = 1
    # Also creates, and changes and deletions of records that the run created.
    FULL = 2

    @property
    def label(self) -> str:
        """The name in options and reports."""
        return self.name.lower().replace("_", "-")


READ_ONLY, DRY_RUN, FULL = Level
# The statuses of success, and the statuses of refusals.
OK: Final = range(200, 300)
REFUSED: Final = range(400, 1000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a check."""

    verdict: Verdict
    # The expectation that is not met, or the reason why the rule was not seen.
    reason: str = ""
    # The responses that differ, and the responses that they are compared with.
    exchanges: tuple[Exchange, ...] = ()
    # The policy switch with which mockscope responds like this, and its value.
    switch: Mapping[str, object] = field(default_factory=dict)


HOLDS: Final = Outcome("holds")


class RunAborted(Exception):
    """The run cannot begin or continue. The message has the reason."""


class OutcomeException(Exception):
    """Ends a check that differs or is not seen."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome)


def fail(expected: str, *exchanges: Exchange, switch: Mapping[str, object] | None = None) -> NoReturn:
    """End a check with the verdict ``differs``.

    Args:
        expected: The expectation of the rule.
        exchanges: The response, and the responses that it is compared with.
        switch: The policy switch with which mockscope responds like this, and its value.

    Raises:
        OutcomeException: Always.
    """
    raise OutcomeException(Outcome("differs", expected, exchanges, switch or {}))


def skip(reason: str) -> NoReturn:
    """End a check with the verdict ``not-seen``: the site or the level does not show whether the rule holds."""
    raise OutcomeException(Outcome("not-seen", reason))


def expect(holds: object, expected: str, *exchanges: Exchange) -> None:
    """End a check with the verdict ``differs`` unless an expectation is met.

    Args:
        holds: Whether the expectation is met.
        expected: The expectation of the rule.
        exchanges: The responses, and the responses that they are compared with.

    Raises:
        OutcomeException: If it is not met.
    """
    if not holds:
        fail(expected, *exchanges)


def skip_unless(condition: object, reason: str) -> None:
    """End a check with the verdict ``not-seen`` unless a condition is true.

    Raises:
        OutcomeException: If it is false.
    """
    if not condition:
        skip(reason)


def describe_status(status: int | range) -> str:
    """Describe an expected status in a title."""
    return "accepted" if status is OK else "refused" if status is REFUSED else str(status)


def expect_status(status: int | range, *exchanges: Exchange) -> None:
    """Expect a status of all responses.

    Raises:
        OutcomeException: If a response has another status.
    """
    statuses, subject = (range(status, status + 1), "status") if isinstance(status, int) else (status, "request")
    for exchange in exchanges:
        expect(exchange.status in statuses, f"the {subject} is {describe_status(status)}", exchange)


def expect_same_refusal(plain: Exchange, *others: Exchange) -> None:
    """Expect that requests are refused with the status of another refusal.

    Raises:
        OutcomeException: If one has another status. If ``plain`` is not refused, the verdict is ``not-seen``: another
            rule expects that.
    """
    skip_unless(plain.status >= 400, f"{plain.method} {plain.path} is not refused")
    expect_status(plain.status, *others)


def is_same_response(exchange: Exchange, plain: Exchange) -> bool:
    """Return whether two responses have the same status and body."""
    return exchange.status == plain.status and parse_body(exchange) == parse_body(plain)


def expect_same_response(exchange: Exchange, plain: Exchange) -> None:
    """Expect that two responses have the same status and body.

    Raises:
        OutcomeException: If they differ.
    """
    expect(is_same_response(exchange, plain), "both responses are the same", exchange, plain)
