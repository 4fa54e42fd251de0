"""The outcome of a check, and what a check judges: it holds, it differs and shows how, or it was not seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal, NoReturn

from mockscope.conformance.listing import parse_body
from mockscope.remote.exchange import Exchange

Verdict = Literal["holds", "differs", "not-seen"]


class Level(IntEnum):
    """The writes that a run may make. Each level includes those before it."""

    # GET only.
    READ_ONLY = 0
    # Writes as well, each of them with test_mode=true.
    DRY_RUN = 1
    # Creates, changes and deletes records that the run made itself.
    FULL = 2

    @property
    def label(self) -> str:
        """The name, as options and reports spell it."""
        return self.name.lower().replace("_", "-")


READ_ONLY, DRY_RUN, FULL = Level
# Any status of success, and any of a refusal.
OK: Final = range(200, 300)
REFUSED: Final = range(400, 1000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a check."""

    verdict: Verdict
    # What the rule says, where it differs; why it was not seen.
    reason: str = ""
    # The responses that differ, and those that they are compared with.
    exchanges: tuple[Exchange, ...] = ()
    # The policy switch under which mockscope answers like this, with its value.
    switch: Mapping[str, object] = field(default_factory=dict)


HOLDS: Final = Outcome("holds")


class RunAborted(Exception):
    """The server cannot be judged at all. The message says why."""


class OutcomeException(Exception):
    """Ends a check that does not simply hold."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome)


def fail(expected: str, *exchanges: Exchange, switch: Mapping[str, object] | None = None) -> NoReturn:
    """Return what to raise where a response is not as the rule says.

    Args:
        expected: What the rule says.
        exchanges: The response, and those that it is compared with.
        switch: The policy switch under which mockscope answers like this, with its value.
    """
    raise OutcomeException(Outcome("differs", expected, exchanges, switch or {}))


def skip(reason: str) -> NoReturn:
    """Return what to raise where nothing shows whether the rule holds."""
    raise OutcomeException(Outcome("not-seen", reason))


def expect(holds: object, expected: str, *exchanges: Exchange) -> None:
    """Judge responses by what a rule says.

    Args:
        holds: Whether they are as the rule says.
        expected: What the rule says.
        exchanges: The responses, and those that they are compared with.

    Raises:
        OutcomeException: If they are not.
    """
    if not holds:
        fail(expected, *exchanges)


def skip_unless(condition: object, reason: str) -> None:
    """Go on only if a check can show something.

    Raises:
        OutcomeException: If the condition is false: the rule was not seen, for this reason.
    """
    if not condition:
        skip(reason)


def describe_status(status: int | range) -> str:
    """Return an expected status in words."""
    return "accepted" if status is OK else "refused" if status is REFUSED else str(status)


def expect_status(status: int | range, *exchanges: Exchange) -> None:
    """Judge the status of responses.

    Raises:
        OutcomeException: If one has another.
    """
    statuses, subject = (range(status, status + 1), "status") if isinstance(status, int) else (status, "request")
    for exchange in exchanges:
        expect(exchange.status in statuses, f"the {subject} is {describe_status(status)}", exchange)


def expect_same_refusal(plain: Exchange, *others: Exchange) -> None:
    """Judge that requests are refused with the status of another one.

    Raises:
        OutcomeException: If one is not, or that one is not refused itself: another rule says so.
    """
    skip_unless(plain.status >= 400, f"{plain.method} {plain.path} is not refused")
    expect_status(plain.status, *others)


def is_same_response(exchange: Exchange, plain: Exchange) -> bool:
    """Return whether two responses have the same status and content."""
    return exchange.status == plain.status and parse_body(exchange) == parse_body(plain)


def expect_same_response(exchange: Exchange, plain: Exchange) -> None:
    """Judge that two responses are the same.

    Raises:
        OutcomeException: If they are not.
    """
    expect(is_same_response(exchange, plain), "both responses are the same", exchange, plain)
